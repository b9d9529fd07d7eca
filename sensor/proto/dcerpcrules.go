package proto

import (
	"bytes"

	"saksi/rules/suricata"
)

var (
	frameDCEPDU    = frame("dcerpc.pdu")
	frameDCEHeader = frame("dcerpc.hdr")
	frameDCEData   = frame("dcerpc.data")
)

// maxDCEStub bounds the data of a call put together from fragments.
const maxDCEStub = 64 << 10

// dceRules shows calls and their answers to the rules. What they know as stub
// data is what Suricata gives them: of a request all behind the operation
// number, with an object and the trailer of authentication; of a response all
// behind the common header.
type dceRules struct {
	id     uint64
	little bool // the order of bytes of the message in work
	eve    EVE  // of it; nil for none
}

// dceTx is a call or its answer as rules see it.
type dceTx struct {
	bufTx
	little bool
}

// LittleEndian implements suricata.LittleEndian.
func (t *dceTx) LittleEndian() bool { return t.little }

// gather adds the data of a fragment.
func (dceRules) gather(c *Context, dst, b []byte) []byte {
	if !c.Matching() {
		return nil
	}
	return append(dst, b[:max(0, min(len(b), maxDCEStub-len(dst)))]...)
}

// offer shows a call or its answer; nil is a call that was not seen.
func (r *dceRules) offer(c *Context, dir Dir, call *dceCall, stub []byte) {
	if !c.Matching() {
		return
	}
	r.id++
	t := &dceTx{bufTx{app: suricata.AppDCERPC, id: r.id, eve: r.eve}, r.little}
	if call != nil {
		t.packets = call.packets.List()
		t.number(suricata.BufDCERPCOpnum, uint64(call.op))
		if x := call.context; x != nil && x.bound() {
			t.add(suricata.BufDCERPCInterface, x.Interface)
		}
	}
	t.add(suricata.BufDCERPCStub, bytes.Clone(stub))
	c.Offer(t, dir)
}
