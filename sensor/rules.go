package sensor

import (
	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/proto"
)

// windowBytes is how much of a stream rules see again before each new chunk,
// so that a pattern may lie across two.
const windowBytes = 4 << 10

// fill sets the view of the packet in work that rules see.
func (w *worker) fill(dir int) *suricata.Packet {
	v, r := &w.view, w.rec
	*v = suricata.Packet{Number: w.pc.Number, Time: w.pc.Time, Proto: r.Proto, ToServer: dir == flow.FromOrig, Established: r.Established()}
	if app := w.app(); app != 0 {
		if v.App = w.protos.Entry(app).App; v.App == suricata.AppUnknown {
			v.App = suricata.AppOther
		}
	}
	if w.conn != nil && w.conn.via != 0 {
		v.AppFirst = w.protos.Entry(w.conn.via).App
	}
	hidden := w.hidden(r, v.App)
	if hidden {
		v.App = suricata.AppUnknown
	}
	v.AppFailed = hidden || w.app() == 0 && (r.Done() || w.conn != nil && w.conn.quiet)
	v.ClientPackets, v.ServerPackets, v.Age = uint64(r.Pkts[0]), uint64(r.Pkts[1]), max(w.pc.Time/1e9-r.First/1e9, 0)*1e9
	if c := w.root(); c != nil {
		v.ClientFrames, v.ServerFrames = c.frames[0], c.frames[1]
	}
	if r.Proto == decode.ProtoTCP {
		for d, n := range [2]*uint32{&v.ClientBytes, &v.ServerBytes} {
			*n = uint32(r.Payload(d))
			if r.SentSYN(d) {
				*n++ // it takes a sequence number
			}
		}
	}
	if p := w.pkt; p != nil && p.Number == w.now {
		v.Number, v.Time = p.Number, p.Time
		v.Src, v.Dst = p.Addrs()
		if p.Proto != decode.ProtoICMP && p.Proto != decode.ProtoICMPv6 {
			v.SrcPort, v.DstPort = p.SrcPort, p.DstPort
		}
		v.TTL, v.TCPFlags, v.TCPSeq, v.TCPAck, v.TCPWin = p.TTL, p.TCPFlags, p.Seq, p.Ack, p.Window
		v.ICMPType, v.ICMPCode, v.ICMPID, v.ICMPSeq = p.ICMPType, p.ICMPCode, p.ICMPID, p.ICMPSeq
		v.IPID, v.FragBits, v.FragOff = p.IPID, p.FragBits, p.FragOff
		v.IPHeader, v.Header, v.VLAN, v.VLANs = p.Header, p.Segment[:p.HdrLen], p.VLAN, p.VLANs
		v.Payload, v.Layer, v.Events = p.Payload(), p.Depth, p.Events
		v.Unverified = !w.src.verify || p.Flags&(decode.FlagUnverified|decode.FlagCut|decode.FlagFragment) != 0
		v.Seen, v.Reassembled = r.Pkts[dir] > 1, len(p.Frags) > 0
		return v
	}
	v.Src, v.SrcPort = r.Orig()
	v.Dst, v.DstPort = r.Resp()
	v.Seen = true
	return v
}

// toward makes the view one of dir, when data of the other direction than the
// packet's became complete with it.
func toward(v *suricata.Packet, dir int) {
	if v.ToServer == (dir == flow.FromOrig) {
		return
	}
	v.ToServer = !v.ToServer
	v.Src, v.Dst, v.SrcPort, v.DstPort = v.Dst, v.Src, v.DstPort, v.SrcPort
}

// state lends the engine the flow's state, kept only if it made one.
func (w *worker) withState(run func(st **suricata.FlowState)) {
	if c := w.root(); c != nil {
		run(&c.state)
		return
	}
	var st *suricata.FlowState
	run(&st)
	if st != nil {
		w.getConn().state = st
	}
}

// matchPacket shows the packet in work to the rules.
func (w *worker) matchPacket(p *decode.Packet, dir int) {
	w.pc.Number, w.pc.Time = p.Number, p.Time
	if w.rules.Suricata.FlowBytes() {
		w.getConn().frames[dir] += uint64(p.FrameLen)
	}
	odd := uint64(0)
	if w.rules.Suricata.StreamEvents() || w.cfg.Anomalies {
		odd = w.streamEvents(p, dir)
	}
	if w.cfg.Anomalies {
		w.packetAnomalies(p, odd, dir)
	}
	v := w.fill(dir)
	v.StreamEvents = odd
	if w.beyond(w.rec) || w.rec.Handshaking(dir) {
		v.Established = false
	}
	v.NoStream = p.Proto == decode.ProtoTCP && len(v.Payload) > 0 && (w.rec.Done() || w.beyond(w.rec) || p.TCPFlags&decode.RST != 0)
	w.withState(func(st **suricata.FlowState) { w.hits = w.engine.Packet(w.hits[:0], st, v) })
	w.alerts(v, nil, nil)
}

// matchBad shows a packet with a wrong checksum to the rules on checksums.
func (w *worker) matchBad(p *decode.Packet, dir int) {
	w.pc.Number, w.pc.Time = p.Number, p.Time
	v := w.fill(dir)
	v.BadChecksum = true
	w.withState(func(st **suricata.FlowState) { w.hits = w.engine.Packet(w.hits[:0], st, v) })
	w.alerts(v, nil, nil)
}

// broken takes a packet that was not decoded, for what is wrong with it.
func (w *worker) broken(p *decode.Packet) {
	w.rec, w.conn, w.pc.Number, w.pc.Time = nil, nil, p.Number, p.Time
	if w.cfg.Anomalies {
		w.packetAnomalies(p, 0, flow.FromOrig)
	}
	if w.engine == nil {
		return
	}
	v := &w.view
	*v = suricata.Packet{Number: p.Number, Time: p.Time, Layer: p.Depth, Events: p.Events, Proto: p.Proto, ToServer: true, Seen: true}
	v.Src, v.Dst = p.Addrs()
	var st *suricata.FlowState
	w.hits = w.engine.Packet(w.hits[:0], &st, v)
	w.alerts(v, nil, nil)
	w.plain = w.plain[:0]
}

// matchStream shows a new chunk of a stream, behind what came before it. told
// is true for the chunk that told the protocol.
func (w *worker) matchStream(c *conn, dir int, data []byte, told bool) {
	win := c.window[dir]
	if len(win) > windowBytes {
		win = win[:copy(win, win[len(win)-windowBytes:])]
	}
	tail := len(win)
	win = append(win, data...)
	c.window[dir] = win
	v := w.fill(w.pktDir())
	toward(v, dir)
	v.StreamTail, v.AppTold, v.Turn = tail, told, c.spoke != 1+uint8(dir)
	c.spoke = 1 + uint8(dir)
	w.withState(func(st **suricata.FlowState) { w.hits = w.engine.Stream(w.hits[:0], st, v, win) })
	w.inStream = true
	w.alerts(v, nil, nil)
	w.inStream = false
}

// pktDir is the direction of the packet in work.
func (w *worker) pktDir() int {
	if w.pkt != nil && w.pkt.Number == w.now {
		if a, p := w.rec.Orig(); a != decode.Addr(w.pkt.Src) || w.pkt.Proto == decode.ProtoTCP && p != w.pkt.SrcPort {
			return flow.FromResp
		}
	}
	return flow.FromOrig
}

// streamTx adds to a transaction the stream that holds it.
type streamTx struct {
	suricata.Tx
	stream []byte
}

// Again implements suricata.Parts.
func (t *streamTx) Again() bool {
	x, ok := t.Tx.(suricata.Parts)
	return ok && x.Again()
}

// MayCome implements suricata.Growing.
func (t *streamTx) MayCome(b suricata.Buffer) bool {
	x, ok := t.Tx.(suricata.Growing)
	return ok && x.MayCome(b)
}

// Request implements suricata.Pair.
func (t *streamTx) Request() suricata.Tx {
	if x, ok := t.Tx.(suricata.Pair); ok {
		return x.Request()
	}
	return nil
}

// NBuf implements suricata.Tx.
func (t *streamTx) NBuf(b suricata.Buffer) int {
	if b == suricata.BufStream && len(t.stream) > 0 {
		return 1
	}
	return t.Tx.NBuf(b)
}

// BufAt implements suricata.Tx.
func (t *streamTx) BufAt(b suricata.Buffer, i int) []byte {
	if b == suricata.BufStream && len(t.stream) > 0 {
		return t.stream
	}
	return t.Tx.BufAt(b, i)
}

// matchTx shows a part of a transaction to the rules.
func (w *worker) matchTx(tx suricata.Tx, dir int) {
	if w.hidden(w.rec, tx.App()) {
		return
	}
	v := w.fill(w.pktDir())
	toward(v, dir)
	var packets []uint64
	if x, ok := tx.(proto.Evidence); ok {
		packets = x.Packets()
	}
	if _, file := tx.(suricata.WholeFile); !file && w.conn != nil && w.rec.Proto == decode.ProtoTCP {
		tx = &streamTx{tx, w.conn.window[dir]}
	}
	w.withState(func(st **suricata.FlowState) { w.hits = w.engine.Tx(w.hits[:0], st, v, tx) })
	w.alerts(v, packets, tx)
}

// Wants implements proto.Host.
func (w *worker) Wants(b suricata.Buffer) bool {
	return w.engine != nil && w.rules.Suricata.Wants(b) || b == suricata.BufAppEvent && w.cfg.Anomalies
}

// alerts makes an alert of each hit. earlier are the packets that what matched
// rests on besides the one that completed it, tx the transaction, if it is one.
func (w *worker) alerts(v *suricata.Packet, earlier []uint64, tx suricata.Tx) {
	for i := range w.hits {
		w.alert(v, &w.hits[i], earlier, tx)
	}
}

func (w *worker) alert(v *suricata.Packet, h *suricata.Hit, earlier []uint64, tx suricata.Tx) {
	if h.Rule.Filestore && w.conn != nil {
		way := flow.FromOrig
		if !v.ToServer {
			way = flow.FromResp
		}
		w.conn.store[way] = true
	}
	e := w.begin("alert", "saksi.alert", v.Time)
	e.Str(event.EventCategory, "intrusion_detection")
	e.Str(event.SaksiFlowDirection, wayOf(v.ToServer))
	e.Str(event.EventType, "info")
	for _, n := range earlier {
		if n < v.Number {
			e.Int(event.SaksiEvidencePacket, int64(n))
		}
	}
	e.Int(event.SaksiEvidencePacket, int64(v.Number))
	if w.pkt != nil && w.pkt.Number == v.Number {
		for _, n := range w.pkt.Frags {
			e.Int(event.SaksiEvidencePacket, int64(n))
		}
	}
	h.AppendTo(e)
	if c := w.root(); c != nil && c.state != nil {
		w.rules.Suricata.AppendState(e, c.state)
	}
	if w.cfg.Detail {
		w.detailAlert(e, h)
	}
	if w.cfg.Payload {
		w.payload(e, v, tx != nil || w.inStream)
	}
	kept := hit{packet: *v, hit: *h}
	kept.packet.Payload, kept.packet.IPHeader, kept.packet.Header = nil, nil, nil
	dir := flow.FromOrig
	if !v.ToServer {
		dir = flow.FromResp
	}
	if w.hold(e, kept, dir, tx) {
		return
	}
	if tx == nil || !w.describe(e, tx) {
		w.plain = append(w.plain, w.res.events.Len())
	}
	w.res.hits = append(w.res.hits, kept)
	w.push(e, itemHit, len(w.res.hits)-1)
}
