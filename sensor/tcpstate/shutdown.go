package tcpstate

func (c *Conn) inEstablished(s *Segment, me, peer *side, e *events) {
	if s.Flags&rst != 0 {
		if s.Flags&ack != 0 && !c.ackOK(s, peer, e) {
			e.add(RSTInvalidAck)
			return
		}
		c.reset(s, me)
		return
	}
	if !c.stampOK(s, me, e) {
		return
	}
	switch {
	case s.Flags&(syn|ack) == syn|ack:
		c.lateSynAck(s, me, peer, e)
	case s.Flags&syn != 0 && s.Dir == 1:
		e.add(EstablishedSynToClient)
	case s.Flags&syn != 0 && s.Seq != me.isn:
		e.add(EstablishedSynResendSeq)
	case s.Flags&syn != 0:
		e.add(EstablishedSynResend)
	case s.Flags&fin != 0:
		c.close(s, me, peer, e)
	case s.Flags&ack != 0:
		c.data(s, me, peer, e)
	}
}

func (c *Conn) lateSynAck(s *Segment, me, peer *side, e *events) {
	switch {
	case s.Dir == 0:
		e.add(EstablishedSynAckToServer)
	case s.Ack != peer.isn+1 && s.Ack != peer.acked:
		e.add(EstablishedSynAckResendAck)
	case s.Seq != me.isn:
		e.add(EstablishedSynAckResendSeq)
	case c.confirmed:
		e.add(EstablishedSynAckResend)
	}
}

// data takes a segment of an open connection.
func (c *Conn) data(s *Segment, me, peer *side, e *events) {
	if !c.ackOK(s, peer, e) {
		e.add(EstablishedInvalidAck)
		return
	}
	if keepAlive(s, me) {
		c.offer(s, me, peer)
		return
	}
	end := s.Seq + s.Len
	c.again(s, me, e)
	if less(end, me.acked) {
		e.add(EstablishedBeforeLastAck)
		if s.Len > 0 {
			e.add(SegmentBeforeBase)
		}
		return
	}
	if less(me.right, end) && s.Len > 0 {
		e.add(EstablishedOutOfWindow)
		return
	}
	c.send(s, me, e)
	c.offer(s, me, peer)
}

// close takes the first FIN.
func (c *Conn) close(s *Segment, me, peer *side, e *events) {
	if !c.ackOK(s, peer, e) {
		e.add(FinInvalidAck)
		return
	}
	if less(s.Seq, me.next) || less(me.right, s.Seq) {
		e.add(FinOutOfWindow)
		return
	}
	if c.state = closeWait; s.Dir == 1 {
		c.state = finWait1
	}
	c.again(s, me, e)
	c.send(s, me, e)
	me.next++
	c.offer(s, me, peer)
}

// shutdown holds the events of a state of shutdown.
type shutdown struct{ ackSeq, finSeq, invalid Event }

var shutdowns = map[state]shutdown{
	finWait1: {Fin1AckSeq, Fin1FinSeq, Fin1InvalidAck}, finWait2: {Fin2AckSeq, Fin2FinSeq, Fin2InvalidAck},
	closeWait: {CloseWaitAckWindow, CloseWaitFinWindow, CloseWaitInvalidAck}, closing: {ClosingAckSeq, ClosingAckSeq, ClosingInvalidAck},
	lastAck: {LastAckSeq, LastAckSeq, LastAckInvalidAck}, timeWait: {TimeWaitAckSeq, TimeWaitAckSeq, TimeWaitInvalidAck},
}

func (c *Conn) inShutdown(s *Segment, me, peer *side, e *events) {
	x := shutdowns[c.state]
	if s.Flags&rst != 0 {
		if s.Flags&ack != 0 && !c.ackOK(s, peer, e) {
			e.add(RSTInvalidAck)
			return
		}
		c.reset(s, me)
		return
	}
	if !c.stampOK(s, me, e) {
		return
	}
	if s.Flags&syn != 0 {
		if c.state >= timeWait && s.Flags&ack == 0 && s.Dir == 0 {
			*c = Conn{}
			c.begin(s, &c.side[0], e)
			return
		}
		e.add(ShutdownSynResend)
		return
	}
	if s.Flags&(fin|ack) == 0 {
		return
	}
	end := s.Seq + s.Len
	again := s.Len > 0 && !less(me.next, end) || s.Flags&fin != 0 && end+1 == me.next
	if !c.ackOK(s, peer, e) {
		e.add(x.invalid)
		return
	}
	c.again(s, me, e)
	if c.state == closeWait && less(end, me.acked) && s.Len > 0 {
		e.add(CloseWaitBeforeLastAck)
	}
	if !again && (less(end, me.acked-1) || less(me.right, s.Seq) && less(me.next, s.Seq)) {
		if s.Flags&fin != 0 {
			e.add(x.finSeq)
		} else {
			e.add(x.ackSeq)
		}
		return
	}
	c.send(s, me, e)
	c.offer(s, me, peer)
	c.step(s, me, peer, again)
}

// step moves the shutdown on (RFC 9293 section 3.6).
func (c *Conn) step(s *Segment, me, peer *side, again bool) {
	if s.Flags&fin != 0 && !again {
		me.next = s.Seq + s.Len + 1
	}
	all := s.Flags&ack != 0 && s.Ack == peer.next
	switch c.state {
	case closeWait: // the client has closed
		switch {
		case s.Dir == 1 && s.Flags&fin != 0:
			c.state = lastAck
		}
	case finWait1: // the server has closed
		switch {
		case s.Dir == 0 && s.Flags&fin != 0 && all:
			c.state = timeWait
		case s.Dir == 0 && s.Flags&fin != 0:
			c.state = closing
		case s.Dir == 0 && all:
			c.state = finWait2
		}
	case finWait2:
		if s.Dir == 0 && s.Flags&fin != 0 {
			c.state = timeWait
		}
	case closing:
		if all {
			c.state = timeWait
		}
	case lastAck:
		if s.Dir == 0 && all {
			c.state = closed
		}
	case timeWait:
		if s.Dir == 1 && all {
			c.state = closed
		}
	}
}

// maxHistory is how many bytes of a direction are kept to tell data sent again
// with other content.
const maxHistory = 32 << 10

// history is the end of what a side sent, in order.
type history struct {
	start uint32
	data  []byte
}

// add notes data and reports whether they agree with what is known.
func (h *history) add(seq uint32, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	end := h.start + uint32(len(h.data))
	if len(h.data) == 0 || less(end, seq) { // the first, or behind a gap
		h.start, h.data = seq, append(h.data[:0], b[:min(len(b), maxHistory)]...)
		return true
	}
	same := true
	if less(seq, end) {
		from := 0 // of b
		if less(seq, h.start) {
			from = int(h.start - seq)
		}
		if from < len(b) {
			known := h.data[int(seq+uint32(from)-h.start):]
			n := min(len(known), len(b)-from)
			same = string(known[:n]) == string(b[from:from+n])
		}
		if !less(end, seq+uint32(len(b))) {
			return same
		}
		b = b[end-seq:]
	}
	h.data = append(h.data, b...)
	if cut := len(h.data) - maxHistory; cut > 0 {
		h.start += uint32(cut)
		h.data = h.data[:copy(h.data, h.data[cut:])]
	}
	return same
}
