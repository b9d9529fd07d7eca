package sensor

import (
	"saksi/sensor/decode"
	"saksi/sensor/tcpstate"
)

// streamEvents follows the connection of a packet for rules that ask what is odd
// about it. It looks at packets as they come and changes nothing of how they are
// reassembled.
func (w *worker) streamEvents(p *decode.Packet, dir int) uint64 {
	if p.Proto != decode.ProtoTCP || p.Flags&(decode.FlagBadTCP|decode.FlagFragment) != 0 || p.HdrLen < 20 {
		return 0
	}
	w.getConn()
	c := w.root()
	if c.tcp == nil {
		c.tcp = &tcpstate.Conn{}
	}
	s := tcpstate.Segment{
		Dir: dir, Seq: p.Seq, Ack: p.Ack, Flags: p.TCPFlags, Window: p.Window, Options: p.Segment[20:p.HdrLen], Payload: p.Payload(), Len: p.PayloadLen(),
	}
	e := c.tcp.Packet(&s)
	if c.holes { // found with an earlier packet, behind its rules
		c.holes = false
		e |= 1 << tcpstate.SequenceGap
	}
	return e
}
