package proto

import (
	"encoding/binary"

	"saksi/rules/suricata"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

// What rules name of TLS besides fields of its messages: events, frames and the
// states of the handshake.

var (
	frameTLSPDU       = frame("tls.pdu")
	frameTLSHeader    = frame("tls.hdr")
	frameTLSData      = frame("tls.data")
	frameTLSAlert     = frame("tls.alert")
	frameTLSHeartbeat = frame("tls.heartbeat")
)

// raise tells rules of something wrong with what a side sent; all that a session
// raised belongs to it.
func (p *tlsSession) raise(c *Context, dir Dir, names ...string) {
	if p.kind == 'd' || len(names) == 0 || !c.Matching() || len(p.events) > maxTLSEvents {
		return
	}
	for _, n := range names {
		p.events = append(p.events, []byte("tls."+n))
	}
	p.offer(c, dir)
}

// maxTLSEvents bounds the events kept of a session.
const maxTLSEvents = 64

// faults looks a handshake message through; false means that nothing that
// follows can be trusted.
func (p *tlsSession) faults(c *Context, dir Dir, typ byte, body []byte) bool {
	if !c.Matching() {
		return true
	}
	switch {
	case typ == 1 && dir == FromClient, typ == 2 && dir == FromServer:
		p.raise(c, dir, tlsmsg.HelloFaults(body, typ == 1)...)
	case typ == 11 && (!p.hasS || !p.modern()):
		f := tlsmsg.ChainFaults(body)
		p.raise(c, dir, f...)
		return len(f) == 0
	}
	return true
}

// reached notes a state of the handshake.
func (p *tlsSession) reached(c *Context, dir Dir, typ byte) {
	bit := uint64(0)
	switch typ {
	case 1:
		bit = suricata.TLSClientHello
	case 2:
		bit = suricata.TLSServerHello
	case 12:
		bit = suricata.TLSServerKey
	case 16:
		bit = suricata.TLSClientKey
	}
	if p.state |= bit; typ >= 12 && bit != 0 && c.Wants(suricata.BufTLSState) {
		p.offer(c, dir)
	}
}

// wantsFrames reports whether a rule looks at records.
func wantsFrames(c *Context) bool {
	return c.Wants(frameTLSPDU) || c.Wants(frameTLSHeader) || c.Wants(frameTLSData) || c.Wants(frameTLSAlert) || c.Wants(frameTLSHeartbeat)
}

// record offers a whole record.
func (p *tlsParser) record(c *Context, dir Dir, b []byte) {
	t := &bufTx{app: suricata.AppTLS, id: p.records, packets: []uint64{c.Number}}
	p.records++
	t.add(frameTLSPDU, b)
	t.add(frameTLSHeader, b[:5])
	t.add(frameTLSData, b[5:])
	switch b[0] {
	case 0x15:
		t.add(frameTLSAlert, b[5:])
	case 0x18:
		t.add(frameTLSHeartbeat, b[5:])
	}
	c.Offer(t, dir)
}

// oddRecord tells what is wrong with the header of a record.
func (p *tlsParser) oddRecord(c *Context, dir Dir, h []byte) {
	switch {
	case h[0] < 0x14 || h[0] > 0x18:
		p.raise(c, dir, "invalid_record_type")
	case h[1] != 3:
		p.raise(c, dir, "invalid_record_version")
	default:
		p.raise(c, dir, "invalid_tls_header")
	}
}

// heartbeat looks at a record of RFC 6520, in the clear or not. More asked for
// than sent is CVE-2014-0160; so is an answer longer than its question.
func (p *tlsParser) heartbeat(c *Context, dir Dir, b []byte) {
	p.raise(c, dir, "heartbeat_message")
	if p.sides[dir].encrypted {
		if asked := p.asked; asked > 0 && dir != p.askedBy {
			if len(b) > asked {
				p.raise(c, dir, "dataleak_heartbeat_mismatch")
			}
			p.asked = 0
			return
		}
		p.asked, p.askedBy = len(b), dir
		return
	}
	if len(b) < 3 || b[0] != 1 {
		return
	}
	switch n := int(binary.BigEndian.Uint16(b[1:])); {
	case n > len(b)-3:
		p.raise(c, dir, "overflow_heartbeat_message")
	case n+3+16 > len(b):
		p.raise(c, dir, "invalid_heartbeat_message")
	}
}
