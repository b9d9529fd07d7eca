package proto

import "saksi/rules/suricata"

// Frames of NFS, as Suricata's parser cuts them: of what was read of a message, at
// most maxRPCHead bytes.
//
//	rpc.pdu    a call or a reply, over TCP with the head of its fragment
//	rpc.creds  of a call: from the flavor of its credential, as long as its body
//	rpc.hdr    of a reply: to its kind; rpc.data what follows
//	nfs.pdu    arguments or results of versions 2 and 3; nfs.status of a reply
//	nfs4.pdu   of version 4: nfs4.hdr its tag's length and tag or status, nfs4.ops what follows; nfs4.status of a reply
var (
	frameRPCPDU     = frame("nfs.rpc.pdu")
	frameRPCHeader  = frame("nfs.rpc.hdr")
	frameRPCData    = frame("nfs.rpc.data")
	frameRPCCreds   = frame("nfs.rpc.creds")
	frameNFSPDU     = frame("nfs.nfs.pdu")
	frameNFSStatus  = frame("nfs.nfs.status")
	frameNFS4PDU    = frame("nfs.nfs4.pdu")
	frameNFS4Header = frame("nfs.nfs4.hdr")
	frameNFS4Ops    = frame("nfs.nfs4.ops")
	frameNFS4Status = frame("nfs.nfs4.status")
)

const (
	nfsProgram = 100003
	rpcCallLen = 24 // before the credential
)

// frames shows the frames of a message to the rules: raw is the message b, over TCP
// behind the head of its fragment. The program and version are those of the call.
func (p *rpc) frames(c *Context, dir Dir, raw, b []byte, program, version int, reply bool) {
	if !c.Matching() || program != nfsProgram || version < 2 || version > 4 {
		return
	}
	list := []framed{{frameRPCPDU, raw}}
	w := wire{b: b, at: min(rpcCallLen, len(b))}
	if reply {
		if n := len(raw) - len(b) + 8; len(raw) > n {
			list = append(list, framed{frameRPCHeader, raw[:n]}, framed{frameRPCData, raw[n:]})
		}
		if w.at = min(12, len(b)); len(b) >= 12 && b[11] != 0 { // denied: nothing of NFS follows
			offerFrames(c, dir, suricata.AppNFS, list...)
			return
		}
	} else {
		w.u32()
		n := int(min(w.u32(), maxRPCHead))
		if !w.short && rpcCallLen+n <= len(b) {
			list = append(list, framed{frameRPCCreds, b[rpcCallLen : rpcCallLen+n]})
		}
		w.take(n + -n&3)
	}
	w.u32() // the verifier
	w.opaque(400)
	if reply {
		w.u32() // whether it was accepted
	}
	if data := w.rest(); !w.short && len(data) > 0 {
		list = append(list, nfsFrames(data, version, reply)...)
	}
	offerFrames(c, dir, suricata.AppNFS, list...)
}

// nfsFrames are those of what is of NFS in a message.
func nfsFrames(b []byte, version int, reply bool) []framed {
	pdu, status := frameNFSPDU, frameNFSStatus
	if version == 4 {
		pdu, status = frameNFS4PDU, frameNFS4Status
	}
	list := []framed{{pdu, b}}
	if reply && len(b) >= 4 {
		list = append(list, framed{status, b[:4]})
	}
	if version == 4 && len(b) > 8 {
		list = append(list, framed{frameNFS4Header, b[:8]}, framed{frameNFS4Ops, b[8:]})
	}
	return list
}
