package sensor

import (
	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/proto"
	"saksi/sensor/stream"
	"saksi/sensor/tcpstate"
)

const (
	// detectBytes is how much of a direction is looked at for its protocol.
	detectBytes = 2048
	// detectTries is how many datagrams, or segments of a direction, are.
	detectTries = 6
	// streamDepth is how much of a direction of a stream whose protocol is
	// not parsed is shown to the rules.
	streamDepth = 1 << 20
	// maxRedetect bounds how often a flow changes its protocol.
	maxRedetect = 4
)

// conn is what a flow needs while it is parsed.
type conn struct {
	half   [2]stream.Half
	tail   [2][]byte // bytes a parser has not used, or detection waits on
	parser proto.Parser
	entry  *proto.Entry
	tries  [2]uint8
	none   [2]bool // no protocol begins as the direction does
	quiet  bool    // parsing is over; rules may still read the stream
	closed bool
	again  uint8 // times the flow went back to detection
	missed uint64
	store  [2]bool   // a rule asks for the file that the direction carries
	seen   [2]uint64 // bytes delivered
	window [2][]byte // what rules see before the next chunk
	spoke  uint8     // the direction of the last chunk that rules saw, from 1
	state  *suricata.FlowState
	frames [2]uint64      // bytes of frames, while a rule asks for them
	tcp    *tcpstate.Conn // while a rule or Config.Anomalies asks for events of streams
	odd    *oddities      // told of the transaction in work
	holes  bool           // bytes were found missing
	ids    flowIDs
	within uint8     // protocols carried
	held   []held    // alerts that wait for a packet
	acked  [2]uint32 // of each direction, where alerts wait
	label  label     // what names the application
	record uint32    // index of the flow's record
	via    uint16    // index of the protocol the flow began as, if it changed
	secret bool      // its ends agreed to go on in TLS
	outer  *conn     // of a stream that was decrypted: the one that held it
	plain  *conn     // what was decrypted of this one
}

func (c *conn) reset() {
	tail := c.tail
	for d := range tail {
		if cap(tail[d]) > 4<<10 { // keep small buffers for the next flow
			tail[d] = nil
		}
		tail[d] = tail[d][:0]
	}
	*c = conn{tail: tail}
}

// recognize asks for the protocol of a UDP flow that has none yet, so that
// rules see it with the packet that told it.
func (w *worker) recognize(c *conn, dir proto.Dir, b []byte) {
	if c.entry != nil {
		return
	}
	e, _ := w.protos.Detect(&proto.Probe{
		Data: b, Other: c.tail[1-dir], Dir: dir, Transport: proto.UDP, SrcPort: w.pkt.SrcPort, DstPort: w.pkt.DstPort,
		Length: int(w.pkt.PayloadLen()),
	})
	if e == nil {
		c.tail[dir] = append(c.tail[dir][:0], b[:min(len(b), detectBytes)]...) // the last one, for what answers it
		if c.tries[0]++; c.tries[0] >= detectTries {
			w.finishParsing(c)
		}
		return
	}
	w.found(c, e, proto.UDP)
	if c.parser == nil {
		w.finishParsing(c)
	}
}

// datagram parses one UDP payload.
func (w *worker) datagram(c *conn, dir proto.Dir, b []byte) {
	if c == nil || c.parser == nil {
		return
	}
	switch c.parser.Data(&w.pc, dir, b) {
	case proto.Broken:
		w.broke(c)
		w.malformed(c, dir)
		c.parser.Close(&w.pc)
		w.finishParsing(c)
	case proto.Done:
		c.parser.Close(&w.pc)
		w.finishParsing(c)
	}
}

// broke counts a parser that gave up.
func (w *worker) broke(c *conn) {
	if c.entry != nil {
		w.stats.broken[c.entry.Index()]++
	}
}

// malformed tells rules that a parser could not read what came.
func (w *worker) malformed(c *conn, dir proto.Dir) {
	if c.entry != nil && w.pc.Matching() {
		if tx := proto.Malformed(c.entry.App, dir, w.pc.Number); tx != nil {
			w.pc.Offer(tx, dir)
		}
	}
}

// found labels the flow and makes its parser.
func (w *worker) found(c *conn, e *proto.Entry, t proto.Transport) {
	c.entry = e
	if c.outer == nil {
		w.rec.SetApp(e.Index())
	}
	if e.New != nil {
		c.parser = e.New(t)
	}
}

// finishParsing ends parsing of the flow; without rules its state is given
// back at once.
func (w *worker) finishParsing(c *conn) {
	c.parser, c.quiet = nil, true
	c.tail[0], c.tail[1] = c.tail[0][:0], c.tail[1][:0]
	if c.outer != nil {
		return
	}
	if w.rec.Proto == decode.ProtoTCP && w.engine != nil && c.entry == nil {
		return // rules read streams of unknown protocols up to streamDepth
	}
	w.rec.SetDone()
	if c.state == nil && c.missed == 0 && c.tcp == nil && len(c.held) == 0 {
		w.release()
	}
}

// tcp reassembles.
func (w *worker) tcp(p *decode.Packet, dir int) {
	if p.Flags&decode.FlagBadTCP != 0 || p.HdrLen < 20 {
		return
	}
	b := p.Payload()
	if padding(p, b) || p.TCPFlags&decode.RST != 0 { // data of a reset is text about it, not of the stream (RFC 9293 section 3.5.3)
		b = nil
	}
	c := w.conn
	if c == nil || c.fresh() { // fresh: made for rules, perhaps before the handshake
		if len(b) == 0 {
			return
		}
		c = w.getConn()
		w.beginStreams(c)
	}
	w.context(p.Number, p.Time)
	pool := w.sh.pool
	h := &c.half[dir]
	seq := p.Seq
	if p.TCPFlags&decode.SYN != 0 {
		seq++
	}
	if p.TCPFlags&decode.ACK != 0 && c.half[1-dir].Started() {
		if n := c.half[1-dir].Acked(pool, p.Ack); n > 0 {
			w.gap(c, 1-dir, n)
			w.drain(c, 1-dir)
		}
	}
	if w.conn == nil {
		return
	}
	if len(b) > 0 {
		before := h.Waiting()
		if data := h.Add(pool, seq, b, p.Number); len(data) > 0 {
			w.deliver(c, dir, data)
			if before && w.conn != nil {
				w.drain(c, dir)
			}
		} else if !h.Waiting() {
			w.rec.Mark('t', dir)
		}
		if w.conn == nil {
			return
		}
		if cut := int(p.PayloadLen()) - len(b); cut > 0 && !h.Waiting() {
			h.Advance(pool, uint32(cut))
			w.gap(c, dir, uint32(cut))
		}
		for w.conn != nil && h.Full(pool) {
			w.gap(c, dir, h.Skip(pool, stream.GapLimit))
			w.drain(c, dir)
		}
		if w.conn == nil {
			return
		}
	}
	if p.TCPFlags&decode.FIN != 0 {
		h.Fin(seq + p.PayloadLen())
	}
	if p.TCPFlags&decode.RST != 0 || c.half[0].Ended() && c.half[1].Ended() {
		w.closeConn()
		if !c.quiet {
			w.finishParsing(c)
		}
	}
}

// fresh reports state whose streams have not begun.
func (c *conn) fresh() bool {
	return !c.half[0].Started() && !c.half[1].Started()
}

// beginStreams tells the streams of the flow in work where they begin, if known.
func (w *worker) beginStreams(c *conn) {
	for d := range 2 {
		if seq, ok := w.rec.Start(d); ok {
			c.half[d].Begin(seq)
		}
	}
}

// padding reports the padding of a short Ethernet frame that some devices count
// as part of the packet: at most six zero bytes behind a mere acknowledgment,
// in a packet of at most the 46 bytes that a frame must have.
func padding(p *decode.Packet, b []byte) bool {
	if p.IPLen > 46 || len(b) == 0 || len(b) > 6 || p.TCPFlags&^decode.SYN != decode.ACK {
		return false
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// drain delivers what waited and is now in order.
func (w *worker) drain(c *conn, dir int) {
	for w.conn != nil {
		data, number, ok := c.half[dir].Pop(w.sh.pool)
		if !ok {
			return
		}
		w.pc.Number = number
		w.deliver(c, dir, data)
	}
	w.pc.Number = w.pkt.Number
}

// deliver hands on the next bytes of a direction.
func (w *worker) deliver(c *conn, dir int, data []byte) {
	c.seen[dir] += uint64(len(data))
	told := false
	if !c.quiet && c.entry == nil {
		if told = w.detect(c, dir, data); w.conn == nil {
			return
		}
	}
	if w.engine != nil && !w.rec.Done() && !w.beyond(w.rec) {
		w.matchStream(c, dir, data, told)
	}
	if c.quiet {
		if c.outer != nil {
			return
		}
		if c.seen[0] > streamDepth && c.seen[1] > streamDepth || c.seen[dir] > 2*streamDepth {
			w.rec.SetDone()
		}
		return
	}
	switch {
	case told:
		w.begun(c, dir)
	case c.parser != nil:
		w.parse(c, dir, data)
	}
}

// begun parses what was gathered until the protocol was told.
func (w *worker) begun(c *conn, dir int) {
	if c.parser == nil {
		w.finishParsing(c)
		return
	}
	if other := 1 - dir; len(c.tail[other]) > 0 {
		early := c.tail[other]
		c.tail[other] = nil
		w.parse(c, other, early)
		if w.conn == nil || c.parser == nil {
			return
		}
	}
	if data := c.tail[dir]; len(data) > 0 {
		c.tail[dir] = nil
		w.parse(c, dir, data)
	}
}

// detect gathers the first bytes of a direction and asks for their protocol.
// When it returns true the protocol is known and all bytes are in tail.
func (w *worker) detect(c *conn, dir int, data []byte) bool {
	if c.none[dir] {
		return false
	}
	room := detectBytes - len(c.tail[dir])
	c.tail[dir] = append(c.tail[dir], data...)
	if w.awaited(c) {
		return true
	}
	src, dst := w.rec.OrigPort(), w.rec.RespPort()
	if dir == 1 {
		src, dst = dst, src
	}
	if c.outer != nil {
		src, dst = plainPort(src), plainPort(dst)
	}
	e, more := w.protos.Detect(&proto.Probe{
		Data: c.tail[dir], Other: c.tail[1-dir], Dir: proto.Dir(dir), Transport: proto.TCP,
		SrcPort: src, DstPort: dst, Length: len(c.tail[dir]),
	})
	if e != nil {
		w.found(c, e, proto.TCP)
		w.withoutTLS(c, proto.Dir(dir), e.App)
		return true
	}
	c.tries[dir]++
	if !more || len(data) > room || c.tries[dir] > detectTries {
		c.none[dir] = true
	}
	if c.none[0] && c.none[1] || c.none[dir] && c.tries[dir] > detectTries || len(c.tail[dir]) > 4*detectBytes {
		w.withoutTLS(c, proto.Dir(dir), suricata.AppUnknown)
		w.finishParsing(c)
	}
	return false
}

// withoutTLS tells rules of a flow that was to go on in TLS and did not.
func (w *worker) withoutTLS(c *conn, dir proto.Dir, app suricata.AppProto) {
	if c.secret && app != suricata.AppTLS && w.pc.Matching() {
		if app == suricata.AppUnknown {
			app = suricata.AppOther
		}
		w.pc.Offer(proto.NoTLS(app, w.pc.Number), dir)
	}
	c.secret = false
}

// parse offers data, behind the bytes not used before, to the parser.
func (w *worker) parse(c *conn, dir int, data []byte) {
	in := data
	if len(c.tail[dir]) > 0 {
		c.tail[dir] = append(c.tail[dir], data...)
		in = c.tail[dir]
	}
	w.pc.Redetect, w.pc.Next, w.pc.Used = false, "", 0
	n := c.parser.Data(&w.pc, proto.Dir(dir), in)
	switch {
	case n == proto.Done && w.pc.Redetect && c.again < maxRedetect:
		if c.again++; c.via == 0 {
			c.via = c.entry.Index()
		}
		c.secret = proto.AsksTLS(c.entry.Name)
		rest := append([]byte(nil), in[min(max(w.pc.Used, 0), len(in)):]...)
		c.parser.Close(&w.pc)
		c.parser, c.entry = nil, nil
		c.none, c.tries = [2]bool{}, [2]uint8{}
		c.tail[dir] = c.tail[dir][:0] // what waits of the other direction is the next protocol's
		if e := w.protos.ByName(w.pc.Next); e != nil {
			w.found(c, e, proto.TCP)
			c.tail[dir] = append(c.tail[dir], rest...)
			w.begun(c, dir)
			return
		}
		if len(rest) > 0 && w.detect(c, dir, rest) {
			w.begun(c, dir)
		}
		return
	case n == proto.Broken || n == proto.Done:
		if n == proto.Broken {
			w.broke(c)
			w.malformed(c, proto.Dir(dir))
		}
		c.parser.Close(&w.pc)
		w.finishParsing(c)
		return
	}
	rest := in[min(max(int(n), 0), len(in)):]
	if len(rest) > proto.MaxUnread {
		w.broke(c)
		c.parser.Close(&w.pc)
		w.finishParsing(c)
		return
	}
	switch {
	case len(rest) == 0:
		c.tail[dir] = c.tail[dir][:0]
	case len(c.tail[dir]) > 0:
		c.tail[dir] = c.tail[dir][:copy(c.tail[dir], rest)]
	default:
		c.tail[dir] = append(c.tail[dir], rest...)
	}
}

// gap tells the parser that bytes are missing.
func (w *worker) gap(c *conn, dir int, n uint32) {
	if n == 0 {
		return
	}
	if c.outer == nil {
		c.missed += uint64(n)
		c.holes = true
		w.stats.gaps++
		w.rec.Mark('g', dir)
	}
	c.window[dir] = c.window[dir][:0]
	if c.quiet {
		return
	}
	if c.parser == nil { // the beginning is missing
		c.none[dir] = true
		c.tail[dir] = c.tail[dir][:0]
		return
	}
	if len(c.tail[dir]) > 0 {
		w.stats.unread += uint64(len(c.tail[dir]))
		c.tail[dir] = c.tail[dir][:0]
	}
	if !c.parser.Gap(&w.pc, proto.Dir(dir), n) {
		w.broke(c)
		c.parser.Close(&w.pc)
		w.finishParsing(c)
	}
}

// closeConn delivers what still waits behind gaps and closes the parser.
func (w *worker) closeConn() {
	c := w.conn
	if c == nil || c.closed {
		return
	}
	for d := range c.half {
		for c.half[d].Waiting() && !c.quiet {
			w.gap(c, d, c.half[d].Skip(w.sh.pool, stream.GapEnd))
			for w.conn != nil {
				data, number, ok := c.half[d].Pop(w.sh.pool)
				if !ok {
					break
				}
				w.pc.Number = number
				w.deliver(c, d, data)
			}
			if w.conn == nil {
				return
			}
		}
	}
	c.closed = true
	if c.parser != nil {
		c.parser.Close(&w.pc)
		c.parser = nil
	}
}
