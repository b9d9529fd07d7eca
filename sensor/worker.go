package sensor

import (
	"sync"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/proto"
	"saksi/sensor/stream"
)

// shard is what one of the fixed shards owns.
type shard struct {
	index   int
	table   *flow.Table
	pool    *stream.Pool
	conns   []*conn // by Record.Ext, from 1; nil where none is in use (see extLabel)
	free    []uint32
	spare   []*conn // to be used again, at most maxSpare
	files   int     // bytes of carved files held
	talkers talkers
	told    [seenFacts]uint64 // facts of hosts, by a hash of each

	expected map[expectKey]expected // connections that parsers announced
	sessions proto.Sessions         // of TLS
}

// conn returns the parser state of a flow, nil if it has none.
func (sh *shard) conn(r *flow.Record) *conn {
	if r.Ext == 0 || r.Ext&extLabel != 0 {
		return nil
	}
	return sh.conns[r.Ext-1]
}

// maxSpare bounds the unused parser states a shard keeps.
const maxSpare = 64

// worker parses the packets of its group of shards. It is the proto.Host of the
// parsers it calls.
type worker struct {
	cfg    *Config
	src    *source
	shards [decode.NumShards]*shard // nil: another worker's
	mine   []*shard
	id     int
	n      int
	protos *proto.Table
	rules  *RuleSet
	engine suricata.Engine // nil: no rules of Suricata
	enc    Encoder
	res    *result
	spare  chan *result

	// The packet and flow in work.
	pkts    []decode.Packet // of the batch
	at      int             // place of pkt in it
	flow    uint32          // index of rec in its table
	pkt     *decode.Packet
	phase   uint16
	now     uint64 // number of the packet that orders what is emitted
	sh      *shard
	rec     *flow.Record
	conn    *conn
	pc      proto.Context
	loneIDs flowIDs // of a flow without parser state
	history []byte
	// Of hosts: what events of a protocol tell, by its index.
	assetsBy  []taker
	signature []byte
	why       []byte
	view      suricata.Packet
	hits      []suricata.Hit
	plain     []int // alerts of the packet in work that tell no transaction yet, by their events
	inStream  bool  // what matches is data of a stream
	latest    latest
	stats     workerStats
	emitted   uint64      // events
	told      published   // in Health
	held      event.Event // of a flow that begins, for its indicators

	wantMD5, wantSHA1, wantFlows bool // of indicators
}

// latest is the event of a protocol that was told last.
type latest struct {
	e      event.Event
	rec    *flow.Record
	number uint64
}

// workerStats are counted by each worker and added up at the end.
type workerStats struct {
	badChecksum uint64
	broken      []uint64 // flows whose parser gave up, by protocol index
	gaps        uint64
	unread      uint64
	unparsed    uint64 // flows whose parser was given up for memory
	protoBytes  []uint64
	protoFlows  []uint64
	ipBytes     [256]uint64 // of flows of no known application protocol, by IP protocol
	ipFlows     [256]uint64
	events      map[string]uint64
	states      map[string]uint64
	apps        map[string]*ProtoCount
	opened      [proto.NumDecryptions]uint64 // sessions of TLS that keys might have opened
	decrypted   uint64                       // of those, opened at least in part
}

func newWorker(p *pipeline, id, n int) *worker {
	w := &worker{cfg: p.cfg, src: p.src, id: id, n: n, protos: proto.Default(), spare: make(chan *result, p.cfg.inFlight()+1)}
	if e, ok := p.cfg.Sink.(Encoder); ok {
		w.enc = e
	}
	k := len(w.protos.Entries()) + 1
	w.stats.broken, w.stats.protoBytes, w.stats.protoFlows = make([]uint64, k), make([]uint64, k), make([]uint64, k)
	w.assetsBy = make([]taker, k)
	w.stats.events = map[string]uint64{}
	w.stats.states = map[string]uint64{}
	w.stats.apps = map[string]*ProtoCount{}
	for _, e := range w.protos.Entries() {
		w.assetsBy[e.Index()] = takers[e.Name]
	}
	w.pc.Host, w.pc.Keys, w.pc.Detail, w.pc.Payload = w, p.src.keys, p.cfg.Detail, p.cfg.Payload
	w.use(p.rules)
	fc := p.cfg.Flow
	fc.Seed, fc.Memory, fc.Detail = p.seed, &p.pages, p.cfg.Detail
	if fc.Servers == nil {
		fc.Servers = serverPorts()
	}
	for i := id; i < decode.NumShards; i += n {
		sh := &shard{index: i, table: flow.NewTable(fc), pool: stream.NewPool(p.cfg.Stream, &p.pages), talkers: p.sum.talkers[i]}
		sh.table.End = func(i uint32, r *flow.Record, why flow.EndReason) { w.end(sh, i, r, why) }
		w.shards[i] = sh
		w.mine = append(w.mine, sh)
	}
	return w
}

// serverPorts are the ports of the protocols known and of the UDP tunnels.
var serverPorts = sync.OnceValue(func() *flow.Ports {
	s := &flow.Ports{}
	proto.Default().EachPort(s.Add)
	for _, p := range decode.TunnelPorts {
		s.Add(false, p)
	}
	return s
})

// process parses the worker's packets of b and returns what it emitted.
func (w *worker) process(b *batch) *result {
	select {
	case w.res = <-w.spare:
		w.res.reset()
	default:
		w.res = &result{owner: w}
	}
	if b.rules != w.rules {
		w.use(b.rules)
	}
	w.pkts = b.pkts
	if w.n == 1 {
		for i := range b.pkts {
			w.at = i
			w.packet(&b.pkts[i])
		}
	} else {
		for _, i := range b.mine[w.id] {
			w.at = int(i)
			w.packet(&b.pkts[i])
		}
	}
	w.pkt, w.phase, w.now = nil, phaseTimer, b.last
	for _, sh := range w.mine {
		if b.shed {
			w.shed(sh)
		}
		if b.closing == 0 {
			sh.table.Advance(b.clock)
		} else if b.closing == sh.index+1 {
			sh.table.Close()
		}
	}
	w.publish()
	return w.res
}

// packet takes one packet through flow table, reassembly and parsers.
func (w *worker) packet(p *decode.Packet) {
	sh := w.shards[p.Shard]
	if p.Flags&decode.FlagEvent != 0 {
		if p.Ether != 0 {
			w.pkt, w.phase, w.now, w.sh, w.rec, w.conn = p, p.Part, p.Number, sh, nil, nil
			w.neighbor(p)
		} else {
			w.pkt, w.phase, w.now = p, p.Part, p.Number
			w.broken(p)
		}
		return
	}
	good := !w.src.verify || p.Flags&decode.FlagUnverified != 0 || p.ChecksumOK()
	if !good {
		w.stats.badChecksum++
	}
	w.pkt, w.phase, w.now = p, p.Part, p.Number
	i, dir, fresh := sh.table.Update(p, good)
	if !good && !(fresh && w.wantFlows) && (w.engine == nil || !w.rules.Suricata.Checksums()) {
		return
	}
	r := sh.table.Get(i)
	w.sh, w.rec, w.conn, w.flow = sh, r, sh.conn(r), i
	if fresh && w.wantFlows {
		w.matchFlow(p.Time)
	}
	if !good {
		if w.engine != nil && w.rules.Suricata.Checksums() {
			w.matchBad(p, dir)
		}
		return
	}
	if r.Pkts[dir] == 1 {
		w.sight(p, dir)
	}
	if p.Proto == decode.ProtoICMPv6 && p.ICMPType >= 133 && p.ICMPType <= 136 {
		w.neighbor(p)
	}
	if w.conn != nil && len(w.conn.held) > 0 && p.Proto == decode.ProtoTCP {
		w.tellHeld(p, dir)
	}
	open := !r.Done() && p.Flags&decode.FlagFragment == 0
	datagram := open && p.Proto == decode.ProtoUDP && p.HdrLen >= 8 && len(p.Payload()) > 0
	if datagram {
		w.context(p.Number, p.Time)
		w.recognize(w.getConn(), proto.Dir(dir), p.Payload())
	}
	if w.engine != nil {
		w.matchPacket(p, dir)
	} else if w.cfg.Anomalies {
		w.pc.Number, w.pc.Time = p.Number, p.Time
		w.packetAnomalies(p, w.streamEvents(p, dir), dir)
	}
	switch {
	case datagram:
		w.datagram(w.conn, proto.Dir(dir), p.Payload())
	case open && p.Proto == decode.ProtoTCP:
		w.tcp(p, dir)
	}
	if len(w.plain) > 0 {
		w.describeLater()
	}
}

// getConn returns the parser state of the flow in work, made when needed.
func (w *worker) getConn() *conn {
	if w.conn != nil {
		return w.conn
	}
	sh := w.sh
	var k uint32
	if n := len(sh.free); n > 0 {
		k = sh.free[n-1]
		sh.free = sh.free[:n-1]
	} else {
		sh.conns = append(sh.conns, nil)
		k = uint32(len(sh.conns))
	}
	var c *conn
	if n := len(sh.spare); n > 0 {
		c = sh.spare[n-1]
		sh.spare = sh.spare[:n-1]
	} else {
		c = &conn{}
	}
	c.label, c.via = w.labelOf(w.rec)
	c.within = w.withinOf()
	w.rec.Ext, c.record = k, w.flow
	sh.conns[k-1] = c
	w.conn = c
	return c
}

// release gives back the parser state of the flow in work.
func (w *worker) release() {
	c := w.conn
	if c == nil {
		return
	}
	ext := c.ext()
	for d := range c.half {
		c.half[d].Drop(w.sh.pool)
	}
	if len(w.sh.spare) < maxSpare {
		c.reset()
		w.sh.spare = append(w.sh.spare, c)
	}
	w.sh.conns[w.rec.Ext-1] = nil
	w.sh.free = append(w.sh.free, w.rec.Ext)
	w.rec.Ext = ext
	w.conn = nil
}

// context points the parsers' context at the flow in work and at the packet
// whose bytes come next.
func (w *worker) context(number uint64, time int64) {
	w.pc.Number, w.pc.Time = number, time
	if w.pc.Keys != nil {
		w.pc.Sessions = &w.sh.sessions
	}
	w.pc.Client, w.pc.ClientPort = w.rec.Orig()
	w.pc.Server, w.pc.ServerPort = w.rec.Resp()
}

// end tells of a flow that is over.
func (w *worker) end(sh *shard, i uint32, r *flow.Record, why flow.EndReason) {
	pkt, rec, c, at := w.pkt, w.rec, w.conn, w.flow
	w.sh, w.rec, w.conn, w.flow = sh, r, sh.conn(r), i
	if w.conn != nil {
		w.context(r.LastPacket(), r.Last)
		w.closeConn()
	}
	w.endHeld(r)
	w.emitFlow(r, why)
	w.release()
	if len(w.plain) > 0 {
		w.plain = w.plain[:0]
	}
	w.pkt, w.rec, w.conn, w.flow = pkt, rec, c, at
}
