package suricata

import (
	"cmp"
	"slices"
)

// index is how a Set finds the rules worth evaluating on an input: by protocol,
// direction and port, and by the literal each needs.
type index struct {
	views    []view
	txViews  [numApps][]int32     // views whose buffers a protocol has
	txAlways [numApps][2][]uint32 // rules without a literal, by direction
	groups   [numGroups]group
	events   []uint32 // rules with decode-event
	// streamEvents are rules with stream-event; wanted are the buffers that
	// rules look at.
	streamEvents []uint32
	sums         []uint32 // rules on checksums
	wanted       [NumBuffers]bool
	flowBytes    bool
	magic        func([]byte) string // names files, if a rule asks
	elephant     *FlowRate           // if a rule asks for it
	maxItems     int
}

const numApps = int(AppOther) + 1

// view is a buffer after a chain of transformations.
type view struct {
	buf    Buffer
	chain  []transform
	filter *prefilter
}

// Groups of rules that look at packets or streams.
const (
	grPacketTCP = iota * 2
	grPacketUDP
	grPacketOther
	grStream
	numGroups = iota * 2
)

// group is the rules of one protocol and direction.
type group struct {
	filter *prefilter
	always portIndex // rules without a literal, and those on the header alone
}

// portIndex lists rules by a port they need.
type portIndex struct {
	dst, src map[uint16][]uint32
	any      []uint32
}

// maxPorts is the largest set of ports whose members are listed one by one.
const maxPorts = 16

func (x *portIndex) add(r *Rule) {
	if !r.bidir {
		for _, s := range []struct {
			ports *set
			m     *map[uint16][]uint32
		}{{r.dport, &x.dst}, {r.sport, &x.src}} {
			ports, ok := smallPorts(s.ports)
			if !ok {
				continue
			}
			if *s.m == nil {
				*s.m = map[uint16][]uint32{}
			}
			for _, p := range ports {
				(*s.m)[p] = append((*s.m)[p], r.id)
			}
			return
		}
	}
	x.any = append(x.any, r.id)
}

func smallPorts(s *set) ([]uint16, bool) {
	if s == nil {
		return nil, false
	}
	var out []uint16
	for _, sp := range s.spans {
		if sp.hi.lo-sp.lo.lo >= maxPorts || len(out) > maxPorts {
			return nil, false
		}
		for p := sp.lo.lo; p <= sp.hi.lo; p++ {
			out = append(out, uint16(p))
		}
	}
	return out, len(out) <= maxPorts
}

func (x *portIndex) collect(p *Packet, c *candidates) {
	for _, r := range x.any {
		c.add(r)
	}
	if x.dst != nil {
		for _, r := range x.dst[p.DstPort] {
			c.add(r)
		}
	}
	if x.src != nil {
		for _, r := range x.src[p.SrcPort] {
			c.add(r)
		}
	}
}

// flowOrder puts rules that set state before those that read it.
func flowOrder(r *Rule) int {
	reads := slices.ContainsFunc(r.checks, func(c check) bool {
		return c.op == ckFlowbit || c.op == ckFlowint || c.op == ckFlowintSet
	})
	switch {
	case len(r.post) > 0 && !reads:
		return 0
	case len(r.post) > 0:
		return 1
	case reads:
		return 2
	}
	return 3
}

func xOrder(r *Rule) int {
	sets, tests := false, false
	for _, x := range r.ordered {
		if x.op == obIsSet || x.op == obIsNotSet {
			tests = true
		} else {
			sets = true
		}
	}
	switch {
	case sets && !tests:
		return 0
	case sets:
		return 1
	case tests:
		return 2
	}
	return 3
}

// build sorts the rules into the order of evaluation (Suricata user guide,
// "Rule Processing") and makes the index.
func (s *Set) build(rate *FlowRate) {
	slices.SortStableFunc(s.rules, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(flowOrder(a), flowOrder(b)), cmp.Compare(xOrder(a), xOrder(b)), cmp.Compare(a.Priority, b.Priority))
	})
	viewOf := map[string]int{}
	viewPats := [][]pattern{}
	var groupPats [numGroups][]pattern
	for i, r := range s.rules {
		r.id = uint32(i)
		for _, l := range append([]*list{r.payload, r.base64}, r.lists...) {
			if l != nil {
				s.maxItems = max(s.maxItems, len(l.items))
			}
		}
		for _, l := range r.lists {
			k := string(rune(l.buf)) + chainKey(l.transforms)
			v, ok := viewOf[k]
			if !ok {
				v = len(s.views)
				viewOf[k] = v
				s.views = append(s.views, view{buf: l.buf, chain: l.transforms})
				viewPats = append(viewPats, nil)
			}
			l.view = v
			s.wanted[l.buf] = true
			if l.ofMagic() {
				s.magic = l.transforms[0].magic
			}
		}
		s.flowBytes = s.flowBytes || slices.ContainsFunc(r.checks, func(c check) bool { return c.op == ckFlowBytes || c.op == ckElephant })
		if slices.ContainsFunc(r.checks, func(c check) bool { return c.op == ckElephant }) {
			s.elephant = rate
		}
		if r.events && r.kind == kindPacket {
			s.events = append(s.events, r.id)
			continue
		}
		if r.sums {
			s.sums = append(s.sums, r.id)
		}
		if r.streamEvents && r.kind == kindPacket {
			s.streamEvents = append(s.streamEvents, r.id)
			continue
		}
		switch r.kind {
		case kindTx:
			l, it := r.best(r.lists)
			if it == nil || r.pair {
				s.addAlways(r)
				continue
			}
			viewPats[l.view] = append(viewPats[l.view], r.pattern(it))
		case kindPayload:
			_, it := r.best([]*list{r.payload})
			for _, g := range r.groups() {
				if it == nil {
					s.groups[g].always.add(r)
					continue
				}
				groupPats[g] = append(groupPats[g], r.pattern(it))
			}
		default:
			for _, g := range r.groups() {
				s.groups[g].always.add(r)
			}
		}
	}
	for i := range s.views {
		s.views[i].filter = newPrefilter(viewPats[i])
		app := bufTable[s.views[i].buf].app
		for a := range s.txViews {
			if s.views[i].filter != nil && app.covers(AppProto(a)) {
				s.txViews[a] = append(s.txViews[a], int32(i))
			}
		}
	}
	for g := range s.groups {
		s.groups[g].filter = newPrefilter(groupPats[g])
	}
}

func (s *Set) addAlways(r *Rule) {
	for a := range s.txAlways {
		if !r.app.covers(AppProto(a)) {
			continue
		}
		for d, mask := range []dirMask{toServer, toClient} {
			if r.dir.has(mask) {
				s.txAlways[a][d] = append(s.txAlways[a][d], r.id)
			}
		}
	}
}

// groups lists where a rule on packets or streams belongs.
func (r *Rule) groups() []int {
	var out []int
	for d, mask := range []dirMask{toServer, toClient} {
		if !r.dir.has(mask) {
			continue
		}
		if r.packet {
			for _, g := range []struct {
				p protoSet
				g int
			}{{protoTCP, grPacketTCP}, {protoUDP, grPacketUDP}, {protoICMP4 | protoICMP6 | protoOther, grPacketOther}} {
				if r.proto&g.p != 0 && !(g.g == grPacketTCP && r.tcpStreamOnly) {
					out = append(out, g.g+d)
				}
			}
		}
		if r.stream {
			out = append(out, grStream+d)
		}
	}
	return out
}

// best chooses the content the prefilter looks for: the one marked
// fast_pattern, else the one whose bytes are rarest. nil when there is none.
func (r *Rule) best(lists []*list) (*list, *item) {
	var bl *list
	var bi *item
	score := -1.0
	for _, l := range lists {
		if l.absent || l.which != (which{}) || r.kind == kindTx && l.buf.ofPacket() {
			continue
		}
		for i := range l.items {
			it := &l.items[i]
			if it.kind != itContent || it.neg || len(it.pat) < minPattern {
				continue
			}
			sc := weigh(it.pat) * bufferWeight(l.buf)
			if it.fast {
				sc += 1e6
			}
			if sc > score {
				bl, bi, score = l, it, sc
			}
		}
	}
	return bl, bi
}

// maxWeighed is how much of a content counts: more makes it no rarer.
const maxWeighed = 12

func weigh(pat []byte) float64 {
	sum := 0.0
	for i, c := range pat[:min(len(pat), maxWeighed)] {
		if i > 0 && pat[i-1] == c {
			continue
		}
		sum += rarity[foldTable[c]]
	}
	if len(pat) < 4 {
		sum /= 2
	}
	return sum
}

// bufferWeight prefers buffers that are short and differ from one request to
// the next.
func bufferWeight(b Buffer) float64 {
	switch b {
	case BufHTTPMethod, BufHTTPProtocol, BufHTTPStatCode, BufHTTPStatMsg, BufHTTPAccept, BufHTTPAcceptEnc,
		BufHTTPAcceptLang, BufHTTPConnection, BufHTTPContentLen:
		return 0.2
	case BufHTTPHeaderNames, BufHTTPHeader, BufHTTPHeaderRaw, BufHTTPContentType, BufHTTPServer:
		return 0.7
	case BufFileData, BufHTTPResponseBody, BufHTTPRequestBody:
		return 0.8
	}
	return 1
}

// pattern makes a prefilter's literal of a content, with where it may stand.
func (r *Rule) pattern(it *item) pattern {
	ref := literalRef{rule: r.id, hi: 1<<32 - 1, end: it.endswith}
	if !it.relative && it.offset.ref == 0 && it.depth.ref == 0 {
		if it.hasOffset {
			ref.lo = uint32(it.offset.v)
		}
		if it.hasDepth {
			ref.hi = uint32(it.offset.v + it.depth.v)
		}
	}
	return pattern{bytes: it.pat, nocase: it.nocase, ref: ref}
}
