package suricata

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// compiler holds what the rules of one set share while they are compiled.
type compiler struct {
	headers headers
	bits    names
	ints    names
	texts   names // variables that hold texts
	sids    map[[2]int64]known
	older   map[*Rule]*ruleText // rules of which a newer revision came
	offered *Offer

	datasets   map[string]*dataset
	dataDir    string
	reputation *Reputation
	country    func(netip.Addr) string
	magic      func() (func([]byte) string, error)
	magicName  func([]byte) string // that a rule asked for
	magicErr   error
	elephant   *FlowRate
}

// known is a rule by its id, and where it stands.
type known struct {
	at   string
	rule *Rule
	text *ruleText
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
	side   dirMask // of "=>": what the keyword in work says
	prev   *list   // where the item before went; what is relative follows it
	vars   map[string]int
	pcres  []pendingPCRE

	classPriority int
	appChecks     int
	onlyStream    bool
	onlyFlow      bool // by the flow keyword
	noStream      bool
	flowKeyword   bool
	packetKeyword bool // needs single packets, such as dsize
	streamSize    bool
	reads, writes bool // flow state
	hooked        bool // at a state of transactions
	byPacket      bool // at every packet, or the first
	ofTx          bool // asks for bits of a transaction
	ipOnly        int  // checks on addresses alone
}

// pendingPCRE is compiled when it is known what follows it.
type pendingPCRE struct {
	l    *list
	i    int
	body field
	fl   pcreFlags
}

// add appends an item to the current buffer. Outside a sticky buffer, what is
// relative belongs to the buffer of the item before it: a modifier such as
// http_uri may have moved that one.
func (b *builder) add(it item) {
	l := b.cur
	if !b.sticky && b.prev != nil && it.kind != itContent && (it.relative || it.kind == itBase64) {
		l = b.prev
	}
	l.items = append(l.items, it)
	b.prev = l
	if it.kind == itContent {
		b.last, b.lastAt = l, len(l.items)-1
	}
}

// listFor gives the list of a buffer after a chain of transformations. A
// buffer with several instances gets a new list each time it is named.
func (b *builder) listFor(buf Buffer, chain []transform) *list {
	if !bufTable[buf].multi {
		for _, l := range b.r.lists {
			if l.buf == buf && l.dir == b.side && chainKey(l.transforms) == chainKey(chain) {
				return l
			}
		}
	}
	l := &list{buf: buf, transforms: chain, view: -1, dir: b.side}
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
	b.last, b.lastAt, b.prev = l, len(l.items)-1, l
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
		if name, ok := keywordAliases[o.key.s]; ok {
			o.key.s = name
		}
		k, ok := keywords[o.key.s]
		if !ok {
			return r, unknownKeyword(o)
		}
		switch {
		case k.val < 0 && r.pair && sides[o.val.s] != 0:
		case k.val > 0 && (!o.hasVal || o.val.s == ""):
			return r, wrong(o.key.off+len(o.key.s), o.key.s+" without a value", "':' and a value")
		case k.val < 0 && o.hasVal && o.val.s != "":
			return r, wrong(o.val.off, o.key.s+" takes no value", "';'")
		}
		if err := b.sided(o); err != nil {
			return r, err
		}
		n := len(r.checks)
		if err := k.f(b, o); err != nil {
			return r, err
		}
		for j := n; j < len(r.checks); j++ {
			r.checks[j].at = o.key.off
		}
	}
	return r, b.finish()
}

// unknownKeyword tells apart what Suricata knows and Saksi does not honor yet.
func unknownKeyword(o *option) *fault {
	if why := refusedKeywords[o.key.s]; why != "" || strings.Contains(o.key.s, ".") && isProtocolKeyword(o.key.s) {
		return refused(o.key.off, because("keyword "+o.key.s, why))
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
	if err := b.action(); err != nil {
		return err
	}
	if err := b.protocol(); err != nil {
		return err
	}
	switch b.p.dir.s {
	case "->":
	case "<>":
		b.r.bidir = true
	case "=>":
		b.r.pair = true
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
	name, hook, hooked := strings.Cut(strings.ToLower(b.p.proto.s), ":")
	if hooked {
		if err := b.hook(name, hook); err != nil {
			return err
		}
	}
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
	case "pkthdr":
		b.r.proto, b.noStream = protoAny, true
	case "ipv4", "ip4", "ipv6", "ip6":
		b.r.proto = protoAny
		b.ipOnly++
		b.r.checks = append(b.r.checks, check{op: ckVersion, a: uint32(strings.TrimLeft(name, "ipv")[0] - '0')})
	case "sctp", "igmp", "gre", "esp":
		b.r.proto = protoOther
		b.ipOnly++
		n := map[string]uint64{"sctp": 132, "igmp": 2, "gre": 47, "esp": 50}[name]
		b.r.checks = append(b.r.checks, check{op: ckIPProto, cmp: uintCmp{op: opEq, a: n}})
	case "decoder", "ether", "arp":
		return refused(b.p.proto.off, "header protocol "+name)
	default:
		app, ok := appNames[name]
		if !ok {
			if otherApps[name] {
				return refused(b.p.proto.off, "protocol "+name+" without a parser")
			}
			return wrong(b.p.proto.off, fmt.Sprintf("unknown protocol %q", b.p.proto.s), "tcp, udp, icmp, ip or an application protocol such as http")
		}
		if !b.c.offered.app(app) {
			return refused(b.p.proto.off, "protocol "+name+" without a parser")
		}
		b.r.app = app
		b.r.proto = appTransports[app]
		if b.r.proto == 0 {
			b.r.proto = protoTCP
		}
	}
	return nil
}
