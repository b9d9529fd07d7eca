package suricata

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"saksi/rules"
)

// compiler holds what the rules of one set share while they are compiled.
type compiler struct {
	headers headers
	bits    names
	ints    names
	sids    map[[2]int64]string // where a rule's id was seen
	offered *Offer
}

// builder compiles one rule.
type builder struct {
	c      *compiler
	r      *Rule
	p      *parsed
	cur    *list // where contents go
	sticky bool  // cur is a sticky buffer
	last   *list // with lastAt, the content that modifiers change
	lastAt int
	vars   map[string]int
	pcres  []pendingPCRE

	classPriority int
	appChecks     int
	onlyStream    bool
	noStream      bool
	flowKeyword   bool
	packetKeyword bool // needs single packets, such as dsize
	streamSize    bool
	reads, writes bool // flow state
	inBase64      bool
}

// pendingPCRE is compiled when it is known what follows it.
type pendingPCRE struct {
	l    *list
	i    int
	body field
	fl   pcreFlags
}

// add appends an item to the current buffer.
func (b *builder) add(it item) {
	b.cur.items = append(b.cur.items, it)
	if it.kind == itContent {
		b.last, b.lastAt = b.cur, len(b.cur.items)-1
	}
}

// listFor gives the list of a buffer after a chain of transformations. A
// buffer with several instances gets a new list each time it is named.
func (b *builder) listFor(buf Buffer, chain []transform) *list {
	if !bufTable[buf].multi {
		for _, l := range b.r.lists {
			if l.buf == buf && slices.Equal(l.transforms, chain) {
				return l
			}
		}
	}
	l := &list{buf: buf, transforms: chain, view: -1}
	b.r.lists = append(b.r.lists, l)
	return l
}

// dropCurrent forgets the list a sticky buffer made when nothing was put in it.
func (b *builder) dropCurrent() {
	if b.sticky && len(b.cur.items) == 0 && !b.cur.absent {
		b.r.lists = slices.DeleteFunc(b.r.lists, func(l *list) bool { return l == b.cur })
	}
}

// moveLast moves the last content to another buffer, as the older modifiers do.
func (b *builder) moveLast(buf Buffer, o *option) *fault {
	if b.sticky || b.last != b.r.payload {
		return wrong(o.key.off, o.key.s+" after a sticky buffer or another modifier", "a content of its own")
	}
	it := b.last.items[b.lastAt]
	b.last.items = slices.Delete(b.last.items, b.lastAt, b.lastAt+1)
	for i := range b.pcres {
		if b.pcres[i].l == b.last && b.pcres[i].i > b.lastAt {
			b.pcres[i].i--
		}
	}
	l := b.listFor(buf, nil)
	l.items = append(l.items, it)
	b.last, b.lastAt = l, len(l.items)-1
	return nil
}

// whole adds a content that must be the whole buffer.
func (b *builder) whole(buf Buffer, s string, neg, nocase bool, o *option) {
	l := b.listFor(buf, nil)
	l.items = append(l.items, item{
		kind: itContent, pat: []byte(s), neg: neg, nocase: nocase, at: o.val.off,
		starts: true, hasDepth: true, depth: num{v: int64(len(s))}, endswith: true,
	})
}

func (b *builder) hasBase64() bool {
	for _, l := range append([]*list{b.r.payload}, b.r.lists...) {
		for i := range l.items {
			if l.items[i].kind == itBase64 {
				return true
			}
		}
	}
	return false
}

var actions = map[string]Action{
	"alert": Alert, "pass": Pass, "drop": Drop, "reject": Reject, "rejectsrc": Reject, "rejectdst": Reject, "rejectboth": Reject,
}

// compile turns a parsed rule into a Rule.
func (c *compiler) compile(t *ruleText, p *parsed) (*Rule, *fault) {
	line, _ := t.pos(0)
	sum := sha256.Sum256([]byte(t.text))
	r := &Rule{GID: 1, Text: t.text, Digest: hex.EncodeToString(sum[:]), File: t.file, Line: line, payload: &list{view: -1}}
	b := &builder{c: c, r: r, p: p, cur: r.payload, vars: map[string]int{}}
	if err := b.header(); err != nil {
		return r, err
	}
	for i := range p.options {
		o := &p.options[i]
		k, ok := keywords[o.key.s]
		if !ok {
			return r, unknownKeyword(o)
		}
		switch {
		case k.val > 0 && (!o.hasVal || o.val.s == ""):
			return r, wrong(o.key.off+len(o.key.s), o.key.s+" without a value", "':' and a value")
		case k.val < 0 && o.hasVal && o.val.s != "":
			return r, wrong(o.val.off, o.key.s+" takes no value", "';'")
		}
		if err := k.f(b, o); err != nil {
			return r, err
		}
	}
	return r, b.finish()
}

// unknownKeyword tells apart what Suricata knows and Saksi does not honor yet.
func unknownKeyword(o *option) *fault {
	if refusedKeywords[o.key.s] || strings.Contains(o.key.s, ".") && isProtocolKeyword(o.key.s) {
		return refused(o.key.off, "keyword "+o.key.s)
	}
	f := wrong(o.key.off, "unknown keyword", "a keyword of Suricata")
	return f.detail(fmt.Sprintf("unknown keyword %q", o.key.s)).tip(nearestKeyword(o.key.s))
}

// nearestKeyword suggests the keyword with one edit.
func nearestKeyword(s string) string {
	best := ""
	for k := range keywords {
		if oneEdit(s, k) && (best == "" || k < best) {
			best = k
		}
	}
	if best == "" {
		return "check the spelling; an older Suricata may have dropped the keyword"
	}
	return "did you mean " + best + "?"
}

func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || a == b {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	}
	return a[i:] == b[i+1:]
}

func (b *builder) header() *fault {
	var ok bool
	if b.r.Action, ok = actions[b.p.action.s]; !ok {
		return wrong(b.p.action.off, fmt.Sprintf("unknown action %q", b.p.action.s), "alert, pass, drop, reject, rejectsrc, rejectdst or rejectboth")
	}
	if err := b.protocol(); err != nil {
		return err
	}
	switch b.p.dir.s {
	case "->":
	case "<>":
		b.r.bidir = true
	case "=>":
		return refused(b.p.dir.off, "transactional direction =>")
	default:
		return wrong(b.p.dir.off, fmt.Sprintf("unknown direction %q", b.p.dir.s), "-> or <>")
	}
	var err *fault
	for _, h := range []struct {
		to *(*set)
		f  field
		d  domain
	}{{&b.r.src, b.p.src, addrDomain}, {&b.r.dst, b.p.dst, addrDomain}, {&b.r.sport, b.p.sport, portDomain}, {&b.r.dport, b.p.dport, portDomain}} {
		if *h.to, err = b.c.headers.compile(h.f, h.d); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) protocol() *fault {
	name := strings.ToLower(b.p.proto.s)
	switch name {
	case "ip", "any":
		b.r.proto = protoAny
	case "tcp":
		b.r.proto = protoTCP
	case "tcp-pkt":
		b.r.proto, b.noStream = protoTCP, true
	case "tcp-stream":
		b.r.proto, b.onlyStream = protoTCP, true
	case "udp":
		b.r.proto = protoUDP
	case "icmp":
		b.r.proto = protoICMP4 | protoICMP6
	case "icmpv4":
		b.r.proto = protoICMP4
	case "icmpv6":
		b.r.proto = protoICMP6
	case "pkthdr", "ipv4", "ip4", "ipv6", "ip6", "sctp", "decoder", "ether", "arp":
		return refused(b.p.proto.off, "header protocol "+name)
	default:
		app, ok := appNames[name]
		if !ok {
			if otherApps[name] {
				return refused(b.p.proto.off, "protocol "+name+" without a parser")
			}
			return wrong(b.p.proto.off, fmt.Sprintf("unknown protocol %q", b.p.proto.s), "tcp, udp, icmp, ip or an application protocol such as http")
		}
		b.r.app = app
		b.r.proto = protoTCP
		if app == AppDNS {
			b.r.proto |= protoUDP
		}
	}
	return nil
}

// finish checks what only the whole rule shows and decides how it is run.
func (b *builder) finish() *fault {
	r := b.r
	b.dropCurrent()
	if r.SID == 0 {
		return wrong(len(b.p.action.s), "a rule without sid", "sid:N;").tip("give the rule a number of its own; 1000000 to 1999999 are for local rules")
	}
	if r.Priority == 0 {
		r.Priority = b.classPriority
	}
	if r.Priority == 0 {
		r.Priority = 3
	}
	if r.Severity == 0 {
		r.Severity = rules.SeverityByPriority(r.Priority)
	}
	if err := b.buffers(); err != nil {
		return err
	}
	for _, l := range append([]*list{r.payload, r.base64}, r.lists...) {
		if err := chain(l); err != nil {
			return err
		}
	}
	for _, p := range b.pcres {
		it := &p.l.items[p.i]
		re, err := compilePCRE(p.body, p.fl, it.relNext)
		if err != nil {
			return err
		}
		it.re = re
	}
	r.nvars = len(b.vars)
	if err := b.orderedState(); err != nil {
		return err
	}
	b.decide()
	return nil
}

// buffers checks the buffers of a rule against its protocol and direction.
func (b *builder) buffers() *fault {
	r := b.r
	r.lists = slices.DeleteFunc(r.lists, func(l *list) bool { return len(l.items) == 0 && !l.absent })
	dir := dirMask(0)
	for _, l := range r.lists {
		info := bufTable[l.buf]
		at := b.p.options[0].key.off
		if len(l.items) > 0 {
			at = l.items[0].at
		}
		if !b.c.offered.buffer(l.buf) {
			return refused(at, "buffer "+info.name+" that the sensor does not offer")
		}
		if info.app != AppUnknown {
			if r.app != AppUnknown && r.app != info.app {
				return wrong(at, "buffer "+info.name+" in a rule of another protocol", "the header's protocol to be "+appName(info.app))
			}
			r.app = info.app
		}
		if info.dir != 0 {
			if dir != 0 && dir != info.dir || r.dir != 0 && r.dir != info.dir {
				return wrong(at, "buffer "+info.name+" never exists in this direction", "flow:to_server with requests, flow:to_client with responses")
			}
			dir = info.dir
		}
		if l.absent && !l.orElse && len(l.items) > 0 {
			return wrong(at, "absent and a content of the same buffer", "absent:or_else, or no content")
		}
	}
	if r.dir == 0 {
		r.dir = dir
	}
	if b.streamSize && !b.c.offered.StreamSize {
		return refused(b.p.options[0].key.off, "stream_size that the sensor does not offer")
	}
	return nil
}

func appName(a AppProto) string {
	for _, n := range []string{"http", "tls", "dns", "ssh", "smtp", "ftp", "smb"} {
		if appNames[n] == a {
			return n
		}
	}
	return "another"
}

// chain notes on each item whether a later one is relative to it.
func chain(l *list) *fault {
	if l == nil {
		return nil
	}
	rel := false
	for i := len(l.items) - 1; i >= 0; i-- {
		it := &l.items[i]
		it.relNext = rel
		if it.kind == itSize {
			continue
		}
		if it.relative {
			rel = true
			continue
		}
		if !it.neg && (it.kind == itContent || it.kind == itPCRE || it.kind == itByteJump) {
			rel = false
		}
	}
	return nil
}

// orderedState refuses what would need state of other flows in the middle of
// a rule that changes its own flow.
func (b *builder) orderedState() *fault {
	for _, x := range b.r.ordered {
		if (x.op == obIsSet || x.op == obIsNotSet) && b.writes {
			return refused(b.p.options[0].key.off, "xbits or hostbits tested in a rule that sets flowbits or flowint")
		}
	}
	return nil
}

// decide says when the rule is run (Suricata user guide, "Rule Types and
// Categorization").
func (b *builder) decide() {
	r := b.r
	switch {
	case len(r.lists) > 0:
		r.kind = kindTx
		return
	case len(r.payload.items) > 0:
		r.kind = kindPayload
		tcp := r.proto&protoTCP != 0
		switch {
		case !tcp || b.noStream || b.packetKeyword:
			r.packet = true
		case b.onlyStream:
			r.stream = true
		default:
			r.stream = true
			r.packet = b.streamSize
			for i := range r.payload.items {
				it := &r.payload.items[i]
				if it.kind == itContent && (it.hasDepth || it.hasOffset) {
					r.packet = true
				}
			}
			if !r.packet && r.proto&^protoTCP != 0 {
				r.packet, r.tcpStreamOnly = true, true
			}
		}
		return
	}
	r.packet = true
	negated := strings.Contains(b.p.src.s+b.p.dst.s, "!") || b.varNegated(b.p.src.s) || b.varNegated(b.p.dst.s)
	onlySets := !b.reads && !b.flowKeyword
	switch {
	case b.appChecks > 0 && len(r.checks) == b.appChecks && !b.flowKeyword,
		r.app == AppUnknown && len(r.checks) == 0 && onlySets && !negated:
		r.kind = kindOnce
	default:
		r.kind = kindPacket
	}
}

// varNegated reports whether an expression's variables expand to a negation.
func (b *builder) varNegated(s string) bool {
	for range maxNesting {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			break
		}
		j := i + 1
		for j < len(s) && isWord(s[j]) {
			j++
		}
		s = s[:i] + b.c.headers.vars[s[i+1:j]] + s[j:]
		if strings.Contains(s, "!") {
			return true
		}
	}
	return strings.Contains(s, "!")
}
