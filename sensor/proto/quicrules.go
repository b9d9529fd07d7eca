package proto

import (
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/quic"
)

// Frames of QUIC: the datagram, and of each packet in it with a long header what
// stands before its number, and what follows that in the datagram.
var frameQUICPDU, frameQUICHeader, frameQUICData = frame("quic.pdu"), frame("quic.header"), frame("quic.data")

// showFrames shows the packet x that left begins with.
func (p *quicParser) showFrames(c *Context, dir Dir, whole, left []byte, x *quic.Packet) {
	n := len(x.Header())
	offerFrames(c, dir, suricata.AppQUIC, framed{frameQUICPDU, whole}, framed{frameQUICHeader, left[:n]}, framed{frameQUICData, left[n:]})
}

// odd tells rules of something odd.
func (p *quicParser) odd(c *Context, dir Dir, name string) {
	if c.Matching() {
		t := &bufTx{app: suricata.AppQUIC, id: malformedID, packets: []uint64{c.Number}}
		t.event("quic." + name)
		c.Offer(t, dir)
	}
}
