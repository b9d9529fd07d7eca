// Package tcpstate follows TCP connections as their two ends do (RFC 9293) and
// tells what is odd about packets, by the names that rules of Suricata give it
// in stream-event (the rules for events of streams that come with it). It never
// changes what is parsed. Start with Conn.
package tcpstate

import "encoding/binary"

// Flags of a segment.
const (
	fin = 1
	syn = 2
	rst = 4
	ack = 16
)

// Segment is one segment with what was decoded of its header.
type Segment struct {
	Dir      int // 0 sent by the client
	Seq, Ack uint32
	Flags    uint8
	Window   uint16
	Options  []byte
	Payload  []byte
	Len      uint32 // of the payload on the wire

	hasTS        bool
	tsVal, tsEcr uint32
	scale        uint8
	hasScale     bool
	fastOpen     bool
}

// options reads those that are followed (RFC 7323, RFC 7413).
func (s *Segment) options() {
	for b := s.Options; len(b) > 0 && b[0] != 0; {
		if b[0] == 1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return
		}
		switch {
		case b[0] == 3 && b[1] == 3:
			s.hasScale, s.scale = true, min(b[2], 14)
		case b[0] == 8 && b[1] == 10:
			s.hasTS, s.tsVal, s.tsEcr = true, binary.BigEndian.Uint32(b[2:]), binary.BigEndian.Uint32(b[6:])
		case b[0] == 34:
			s.fastOpen = true
		}
		b = b[b[1]:]
	}
}

type state uint8

const (
	none state = iota
	synSent
	synReceived
	established
	finWait1 // the server closes first
	finWait2
	closeWait // the client closes first
	closing
	lastAck
	timeWait
	closed
)

// side is what is known of one end.
type side struct {
	isn, next uint32 // first number, and the one behind the last byte sent
	acked     uint32 // by the other side
	right     uint32 // of the window the other side offers
	window    uint32 // that this side offers
	scale     uint8
	stamped   bool // it uses time stamps
	stamp     uint32
	reset     bool // it sent RST
	resetAt   uint32
	sent      history
	deep      bool // it sent more than is looked at
}

// Conn follows one connection. The zero Conn has seen nothing.
type Conn struct {
	state, before state // before a RST
	side          [2]side
	simultaneous  bool   // SYN from both
	confirmed     bool   // the handshake was completed
	synAcks       int    // different ones
	early         uint32 // bytes of data in the SYN
}

// less tells whether sequence number a lies before b.
func less(a, b uint32) bool { return int32(a-b) < 0 }

// Packet takes the next segment and returns what is odd about it, a bit for each
// Event.
func (c *Conn) Packet(s *Segment) uint64 {
	s.options()
	var e events
	if s.Flags&(syn|fin) == syn|fin {
		e.add(FinSyn)
	}
	if s.Flags&ack == 0 && s.Ack != 0 && s.Flags&rst == 0 {
		e.add(BrokenAck)
	}
	c.dispatch(s, &e)
	return uint64(e)
}

func (c *Conn) dispatch(s *Segment, e *events) {
	me, peer := &c.side[s.Dir], &c.side[1-s.Dir]
	if c.state == none {
		c.begin(s, me, e)
		return
	}
	if c.state == closed {
		if s.Flags&(syn|ack) == syn && s.Dir == 0 { // the ports are used again
			*c = Conn{}
			c.begin(s, &c.side[0], e)
			return
		}
		if s.Flags&rst != 0 || me.reset || !peer.reset {
			return
		}
		// The other side was reset and goes on: if it acknowledges what came
		// behind the RST, it never took the RST.
		if s.Flags&ack == 0 || !less(peer.resetAt, s.Ack) {
			return
		}
		e.add(SuspectedRSTInject)
		peer.reset, c.state = false, c.before
	}
	if c.badWindow(s, me, peer) {
		e.add(BadWindowUpdate)
		return
	}
	switch c.state {
	case synSent:
		c.inSynSent(s, me, peer, e)
	case synReceived:
		c.inSynReceived(s, me, peer, e)
	case established:
		c.inEstablished(s, me, peer, e)
	default:
		c.inShutdown(s, me, peer, e)
	}
}

func (c *Conn) begin(s *Segment, me *side, e *events) {
	switch {
	case s.Flags&rst != 0:
		e.add(RSTNoSession)
	case s.Flags&fin != 0:
		e.add(FINNoSession)
	case s.Flags&syn != 0 && s.Flags&ack == 0 && s.Dir == 0:
		c.state = synSent
		*me = side{isn: s.Seq, next: s.Seq + 1 + s.Len, window: uint32(s.Window), stamped: s.hasTS, stamp: s.tsVal, scale: s.scale}
		c.early = s.Len
	}
}

// badWindow reports a window made smaller by more than was received, in a
// segment that is ahead of both sides.
func (c *Conn) badWindow(s *Segment, me, peer *side) bool {
	if c.state < established || s.Flags&(syn|fin|rst) != 0 || s.Flags&ack == 0 {
		return false
	}
	w := uint32(s.Window) << me.scale
	return w < me.window && me.window-w > s.Len && less(peer.next, s.Ack) && less(me.next, s.Seq)
}

func (c *Conn) reset(s *Segment, me *side) {
	c.before, c.state = c.state, closed
	me.reset, me.resetAt = true, s.Seq
}

func (c *Conn) inSynSent(s *Segment, me, peer *side, e *events) {
	if s.Dir == 1 && s.hasTS { // the echo must be of what the client sent
		client := &c.side[0]
		if client.stamped && client.stamp != 0 && s.tsEcr != 0 && s.tsEcr != client.stamp || !client.stamped && s.tsEcr != 0 {
			e.add(InvalidTimestamp)
			return
		}
	}
	switch {
	case s.Flags&rst != 0:
		if s.Dir == 1 {
			c.reset(s, me)
		}
	case s.Flags&(syn|ack) == syn|ack && s.Dir == 0:
		if c.simultaneous {
			if s.Ack != peer.isn+1 {
				e.add(FourSynAckWrongAck)
			} else if s.Seq != me.isn {
				e.add(FourSynAckWrongSyn)
			} else {
				c.state = synReceived
			}
			return
		}
		e.add(SynAckWrongDirection)
	case s.Flags&(syn|ack) == syn|ack:
		switch {
		case s.Ack == peer.isn+1 && c.early > 0 && s.fastOpen:
			e.add(FastOpenIgnored)
		case s.Ack == peer.isn+1, c.early > 0 && s.Ack == peer.isn+1+c.early:
		default:
			e.add(SynAckWrongAck)
			return
		}
		*me = side{isn: s.Seq, next: s.Seq + 1 + s.Len, window: uint32(s.Window), stamped: s.hasTS && peer.stamped, stamp: s.tsVal, scale: s.scale}
		if !s.hasScale || peer.scale == 0 && !s.hasScale {
			me.scale, peer.scale = 0, 0
		}
		if !s.hasTS {
			peer.stamped = false
		}
		peer.acked, peer.right = s.Ack, s.Ack+me.window
		me.acked, me.right = me.isn+1, me.isn+1+peer.window
		c.state = synReceived
	case s.Flags&syn != 0 && s.Dir == 1:
		c.simultaneous = true
		*me = side{isn: s.Seq, next: s.Seq + 1, window: uint32(s.Window), stamped: s.hasTS, stamp: s.tsVal, scale: s.scale}
		me.acked, me.right = me.isn+1, me.isn+1+peer.window
		peer.acked, peer.right = peer.isn+1, peer.isn+1+me.window
	case s.Flags&syn != 0 && s.Seq != me.isn: // another SYN
		*me = side{isn: s.Seq, next: s.Seq + 1 + s.Len, window: uint32(s.Window), stamped: s.hasTS, stamp: s.tsVal, scale: s.scale}
	}
}

// maxSynAcks are the different answers to a SYN that are not a flood.
const maxSynAcks = 5

func (c *Conn) inSynReceived(s *Segment, me, peer *side, e *events) {
	switch {
	case s.Flags&rst != 0:
		c.reset(s, me)
	case s.Flags&(syn|ack) == syn|ack && s.Dir == 0:
		if !c.simultaneous {
			e.add(SynAckToServerOnSynReceived)
		}
	case s.Flags&(syn|ack) == syn|ack:
		if s.Ack != peer.acked {
			e.add(SynAckResendAck)
			return
		}
		if s.Seq != me.isn {
			if c.synAcks++; c.synAcks > maxSynAcks {
				e.add(SynAckFlood)
				return
			}
			e.add(SynAckResendSeq)
			me.isn, me.next = s.Seq, s.Seq+1
			me.acked, me.right = me.isn+1, me.isn+1+peer.window
		}
	case s.Flags&syn != 0 && s.Dir == 1:
		e.add(SynToClientOnSynReceived)
	case s.Flags&syn != 0:
		if s.Seq != me.isn {
			e.add(SynResendSeqOnSynReceived)
		}
	case s.Flags&ack == 0:
	case s.Dir == 1 && !c.simultaneous && c.early == 0:
		e.add(AckWrongDirection)
	case !c.stampOK(s, me, e):
	case s.Dir == 1 && c.simultaneous && s.Seq != me.next:
		e.add(FourWrongSeq)
	case s.Dir == 1 && c.simultaneous && !c.ackOK(s, peer, e):
		e.add(FourInvalidAck)
	default:
		c.handshakeAck(s, me, peer, e)
	}
}

func (c *Conn) handshakeAck(s *Segment, me, peer *side, e *events) {
	first := me.isn + 1
	right := s.Seq == me.next || s.Seq == first || !less(s.Seq, first) && less(s.Seq, me.right)
	switch {
	case right && s.Ack == peer.next:
	case right && c.early > 0:
	case right:
		e.add(RightSeqWrongAck)
		return
	case s.Ack == peer.next:
		return
	default:
		e.add(WrongSeqWrongAck)
		return
	}
	c.state, c.confirmed = established, true
	c.offer(s, me, peer)
	if s.Flags&fin != 0 {
		c.close(s, me, peer, e)
		return
	}
	c.send(s, me, e)
}

// stampOK verifies the time stamp of a segment (RFC 7323 section 5).
func (c *Conn) stampOK(s *Segment, me *side, e *events) bool {
	if !me.stamped || !s.hasTS || s.Flags&rst != 0 {
		return true
	}
	if less(s.tsVal, me.stamp) && me.stamp != 0 {
		e.add(InvalidTimestamp)
		return false
	}
	if !less(me.next, s.Seq) {
		me.stamp = s.tsVal
	}
	return true
}

// ackOK verifies the acknowledgment of a segment.
func (c *Conn) ackOK(s *Segment, peer *side, e *events) bool {
	if s.Flags&ack == 0 || s.Ack == peer.acked {
		return true
	}
	if less(s.Ack, peer.acked) {
		window := peer.right - peer.acked
		if window != 0 && less(s.Ack, peer.acked-window) {
			e.add(InvalidAck)
			return false
		}
		return true
	}
	if less(peer.right, s.Ack) && less(peer.next, s.Ack) {
		e.add(InvalidAck)
		return false
	}
	return true
}

// offer notes what a segment acknowledges and the window it offers.
func (c *Conn) offer(s *Segment, me, peer *side) {
	if s.Flags&ack == 0 {
		return
	}
	me.window = uint32(s.Window) << me.scale
	if less(peer.acked, s.Ack) {
		peer.acked = s.Ack
	}
	if edge := s.Ack + me.window; less(peer.right, edge) {
		peer.right = edge
	}
}

// depth is how much of a stream Suricata looks at (stream.reassembly.depth).
const depth = 1 << 20

// send notes the data of a segment.
func (c *Conn) send(s *Segment, me *side, e *events) {
	if !me.deep && s.Len > 0 && s.Seq+s.Len-me.isn-1 > depth && less(me.isn, s.Seq) {
		me.deep = true
		e.add(DepthReached)
	}
	if end := s.Seq + s.Len; less(me.next, end) {
		me.next = end
	}
}

// again tells of data that were sent before.
func (c *Conn) again(s *Segment, me *side, e *events) {
	if s.Len == 0 {
		return
	}
	end := s.Seq + s.Len
	if !less(me.acked, end) {
		e.add(SpuriousRetransmission)
	}
	if less(s.Seq, me.acked) && less(me.acked, end) || !less(me.acked, end) || !less(me.next, end) {
		e.add(Retransmission)
	}
	if !me.sent.add(s.Seq, s.Payload) {
		e.add(OverlapDifferent)
	}
}

// keepAlive reports the probe of a byte before the next one.
func keepAlive(s *Segment, me *side) bool {
	return s.Len <= 1 && s.Flags&(syn|fin|rst) == 0 && s.Seq == me.next-1
}
