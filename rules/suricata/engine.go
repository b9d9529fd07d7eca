package suricata

import (
	"slices"
	"time"

	"saksi/rules"
)

// Matcher is the Engine of one worker. It is not safe for concurrent use; any
// number of Matchers may share one Set.
type Matcher struct {
	set   *Set
	cand  candidates
	re    reScratch
	vars  [maxVars]uint64
	steps int
	cut   bool // the step budget or a limit stopped the rule being evaluated

	rule     *Rule
	pieces   []piece
	found    []evidence // of the rule being evaluated
	bytes    []byte     // their bytes
	decoded  []byte
	pending  []dataPending
	context  []Context
	captured []captured
	now      int64 // time of the packet
	little   bool  // DCE/RPC's order of bytes in the buffer looked at

	number  uint64   // of the packet the next fields are about
	layer   uint8    // and its depth in tunnels
	hits    []uint32 // rules that hit on packet or stream
	passed  bool     // a pass rule ended inspection of the packet
	tx      Tx
	txEpoch uint64
	cached  []cachedView
	arena   []byte
	stats   Stats

	trace *Trace       // of the rule being evaluated; nil: nobody asks
	cost  []rules.Cost // by rule; nil without a profile
	began time.Time    // of the evaluation, with a profile
}

type evidence struct {
	buf           Buffer
	off, n        int
	start, length int // in Matcher.bytes
}

// cachedView holds the transformed instances of a buffer for one transaction.
type cachedView struct {
	epoch uint64
	data  [][]byte
}

// Stats count what an engine did.
type Stats struct {
	Scanned    uint64 // bytes given to prefilters
	Evaluated  uint64 // rules evaluated
	Matched    uint64
	Incomplete uint64 // evaluations that a limit stopped
}

// maxEvidence is how many bytes of a match a Hit keeps.
const maxEvidence = 64

// maxArena bounds the memory kept for transformed buffers between transactions.
const maxArena = 1 << 20

var _ Engine = (*Matcher)(nil)

// NewEngine makes the matcher of one worker.
func NewEngine(s *Set) *Matcher {
	return &Matcher{
		set:    s,
		cand:   candidates{stamp: make([]uint32, len(s.rules))},
		pieces: make([]piece, s.maxItems),
		cached: make([]cachedView, len(s.views)),
		cost:   s.profile.engine(),
	}
}

// Stats returns what the engine did so far.
func (m *Matcher) Stats() Stats { return m.stats }

// begin starts a call; false means a pass rule ended inspection.
func (m *Matcher) begin(st **FlowState, p *Packet) bool {
	if m.number != p.Number || m.layer != p.Layer {
		m.number, m.layer = p.Number, p.Layer
		m.hits = m.hits[:0]
		m.passed = false
	}
	m.cand.reset()
	m.now = p.Time
	on := !m.passed && (*st == nil || !(*st).pass)
	if !on {
		for _, r := range m.set.traced {
			r.trace.Passed++
		}
	}
	return on
}

func dirIndex(p *Packet) int {
	if p.ToServer {
		return 0
	}
	return 1
}

// Packet implements Engine.
func (m *Matcher) Packet(dst []Hit, st **FlowState, p *Packet) []Hit {
	if m.set.elephant != nil {
		m.follow(st, p)
	}
	if !m.begin(st, p) {
		return dst
	}
	g := grPacketOther
	switch p.Proto {
	case 6:
		g = grPacketTCP
	case 17:
		g = grPacketUDP
	}
	if p.BadChecksum {
		for _, id := range m.set.sums {
			m.cand.add(id)
		}
		return m.each(dst, st, p, p.Payload, false)
	}
	m.collect(&m.set.groups[g+dirIndex(p)], p, p.Payload)
	if p.Events != 0 {
		for _, id := range m.set.events {
			m.cand.add(id)
		}
	}
	if p.StreamEvents != 0 {
		for _, id := range m.set.streamEvents {
			m.cand.add(id)
		}
	}
	if p.Proto == 6 && p.NoStream && len(p.Payload) > 0 {
		m.collect(&m.set.groups[grStream+dirIndex(p)], p, p.Payload)
	}
	if m.set.traced != nil {
		asStream := g
		if p.Proto == 6 && p.NoStream && len(p.Payload) > 0 {
			asStream = grStream
		}
		m.traceAll(p, nil, g+dirIndex(p), asStream+dirIndex(p))
	}
	return m.each(dst, st, p, p.Payload, false)
}

// Stream implements Engine.
func (m *Matcher) Stream(dst []Hit, st **FlowState, p *Packet, data []byte) []Hit {
	if len(data) == 0 || !m.begin(st, p) {
		return dst
	}
	m.collect(&m.set.groups[grStream+dirIndex(p)], p, data)
	if m.set.traced != nil {
		m.traceAll(p, nil, grStream+dirIndex(p))
	}
	return m.each(dst, st, p, data, true)
}

func (m *Matcher) collect(g *group, p *Packet, data []byte) {
	g.always.collect(p, &m.cand)
	if len(data) > 0 {
		m.stats.Scanned += uint64(len(data))
		g.filter.scan(data, &m.cand)
	}
}

// each evaluates the candidates on packet or stream, in the order of rules.
func (m *Matcher) each(dst []Hit, st **FlowState, p *Packet, data []byte, stream bool) []Hit {
	slices.Sort(m.cand.list)
	for _, id := range m.cand.list {
		r := m.set.rules[id]
		if m.trace != nil || r.trace != nil || m.cost != nil {
			m.turn(r, p, nil, stream)
		}
		if r.streamOnly && !stream {
			m.trace.stop("flow:only_stream", "a packet by itself")
			continue
		}
		if !m.header(r, p) {
			continue
		}
		seen := id // on the packet, and on the stream
		if stream {
			seen |= 1 << 31
		}
		if slices.Contains(m.hits, seen) {
			m.trace.stop("once a packet", "the rule matched on this packet before")
			continue
		}
		if len(r.payload.items) > 0 && len(data) == 0 {
			m.trace.stop("a payload", "there is none")
			continue
		}
		if !m.checks(r, p, *st) {
			continue
		}
		m.start(r)
		if len(r.payload.items) > 0 && !m.contents(r, p, data, stream) {
			m.done()
			continue
		}
		if len(r.lists) > 0 && !m.headers(r, p) {
			m.done()
			continue
		}
		m.done()
		if r.kind == kindOnce && !m.first(st, r, p) {
			m.trace.stop("once a flow and direction", "the rule matched on this flow before")
			continue
		}
		m.hits = append(m.hits, seen)
		var stop bool
		if dst, stop = m.matched(dst, st, p, r, nil); stop {
			break
		}
	}
	if m.trace != nil {
		m.turn(nil, p, nil, stream)
	}
	return dst
}

func bufferKind(stream bool) Buffer {
	if stream {
		return BufStream
	}
	return BufPayload
}

// isNew reports whether a match in a stream reaches beyond what was offered
// before.
func (m *Matcher) isNew(tail int) bool {
	if tail == 0 || len(m.found) == 0 {
		return true
	}
	for _, e := range m.found {
		if e.off+e.n > tail {
			return true
		}
	}
	return false
}

// contents matches the contents of a rule on a packet or on a stream: the window of
// what came before and the data that are new. What matched in the former alone was
// looked at before. The first data after some of the other direction are looked at
// by themselves too: as Suricata does, which is what depth and offset count from.
func (m *Matcher) contents(r *Rule, p *Packet, data []byte, stream bool) bool {
	found := m.buffer(r.payload, data, bufferKind(stream))
	if !stream || p.StreamTail == 0 {
		return found
	}
	if found && (p.AppTold && r.app != AppUnknown || m.isNew(p.StreamTail)) {
		return true
	}
	if p.Turn && (found || r.packet) {
		return m.inNew(r.payload, data, p.StreamTail)
	}
	if found {
		m.trace.stop("data that are new", "all that matched was looked at before")
	}
	return false
}

// inNew matches contents in what is new alone.
func (m *Matcher) inNew(l *list, data []byte, tail int) bool {
	m.found, m.bytes, m.captured = m.found[:0], m.bytes[:0], m.captured[:0]
	m.pending, m.context = m.pending[:0], m.context[:0]
	if !m.buffer(l, data[tail:], BufStream) {
		return false
	}
	for i := range m.found {
		m.found[i].off += tail
	}
	return true
}

func (m *Matcher) start(r *Rule) {
	m.rule = r
	m.steps = stepsPerRule
	m.cut = false
	m.found = m.found[:0]
	m.bytes = m.bytes[:0]
	m.captured = m.captured[:0]
	m.pending, m.context = m.pending[:0], m.context[:0]
	m.stats.Evaluated++
	if m.cost != nil {
		m.began = time.Now()
	}
	if r.nvars > 0 {
		clear(m.vars[:r.nvars])
	}
}

func (m *Matcher) done() {
	if m.cut {
		m.stats.Incomplete++
		m.trace.stop("within the budget of steps", "the rule's work was stopped: the result is incomplete")
	}
	if m.cost != nil {
		m.spent()
	}
}

// buffer matches one list on one buffer and keeps where its contents stood.
func (m *Matcher) buffer(l *list, data []byte, buf Buffer) bool {
	clear(m.pieces[:len(l.items)])
	if m.trace != nil {
		m.trace.buffer(l, data)
	}
	pending, context := len(m.pending), len(m.context)
	ok := m.run(l, data, 0, 0) == resMatch
	if m.trace != nil {
		m.trace.decided(l, ok)
	}
	if !ok {
		m.pending, m.context = m.pending[:pending], m.context[:context]
		return false
	}
	for i := range l.items {
		p := m.pieces[i]
		if !p.set {
			continue
		}
		start := len(m.bytes)
		m.bytes = append(m.bytes, data[p.off:p.off+min(p.n, maxEvidence)]...)
		m.found = append(m.found, evidence{buf, p.off, p.n, start, len(m.bytes) - start})
	}
	return true
}

// header matches protocol, direction, addresses and ports.
func (m *Matcher) header(r *Rule, p *Packet) bool {
	if m.trace != nil {
		app := p.App
		if m.tx != nil {
			app = m.tx.App()
		}
		m.trace.header(p, app)
	}
	if r.proto&protoOf(p) == 0 || !r.dir.has(dirOf(p)) || r.kind != kindTx && !r.app.covers(p.App) {
		return false
	}
	if r.src == nil && r.dst == nil && r.sport == nil && r.dport == nil {
		return true
	}
	if (r.sport != nil || r.dport != nil) && !hasPorts(p.Proto) {
		return false
	}
	src, dst := addrKey(p.Src), addrKey(p.Dst)
	sport, dport := key128{0, uint64(p.SrcPort)}, key128{0, uint64(p.DstPort)}
	if r.pair { // the header is written for the request
		src, dst, sport, dport = dst, src, dport, sport
	}
	if r.sport.has(sport) && r.dport.has(dport) && r.src.has(src) && r.dst.has(dst) {
		return true
	}
	return r.bidir && r.sport.has(dport) && r.dport.has(sport) && r.src.has(dst) && r.dst.has(src)
}

// hasPorts reports TCP, UDP and SCTP: to a rule that names ports other protocols
// are nothing.
func hasPorts(proto uint8) bool { return proto == 6 || proto == 17 || proto == 132 }

func (m *Matcher) checks(r *Rule, p *Packet, st *FlowState) bool {
	for i := range r.checks {
		ok := r.checks[i].eval(p, st)
		if m.trace != nil {
			m.trace.check(i, p, st, ok)
		}
		if !ok {
			return false
		}
	}
	return true
}
