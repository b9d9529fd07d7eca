package suricata

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"saksi/rules"
)

// Trial is one time an engine looked at a traced rule, or (Ordered) the ordered
// stage at a match of it.
type Trial struct {
	rules.Trial
	Packet   uint64
	Proto    uint8
	Src, Dst netip.AddrPort
	ToServer bool
	Ordered  bool
}

// Trace is told about one rule by the engines of its set; see Set.Trace.
type Trace struct {
	// Others are the packets, streams and transactions of another protocol or
	// direction, on which the rule is never looked at, and Passed those of
	// flows that a pass rule ended.
	Others, Passed uint64

	set     *Set
	rule    *Rule
	parsed  *parsed
	literal string // the prefilter looks for; empty for none
	emit    func(*Trial)

	// of the trial under work
	trial   *Trial
	starts  map[*list]int // first condition of each list
	checks  int           // first condition of the checks
	cur     *list
	saved   []rules.Condition // of cur, by the instance looked at before
	deepest int
	pieces  []piece
}

// Trace makes the engines and the ordered stage tell emit each time they look at
// the rule with this sid. It MUST be called before they are used; engines MUST
// then be used one at a time. It returns nil when no such rule runs.
func (s *Set) Trace(sid int64, emit func(*Trial)) *Trace {
	i := slices.IndexFunc(s.rules, func(r *Rule) bool { return r.SID == sid })
	if i < 0 {
		return nil
	}
	r := s.rules[i]
	t := &Trace{set: s, rule: r, emit: emit}
	var err *fault
	if t.parsed, err = parse(r.Text); err != nil { // it was parsed before
		return nil
	}
	var it *item
	switch r.kind {
	case kindTx:
		if _, it = r.best(r.lists); r.pair {
			it = nil
		}
	case kindPayload:
		_, it = r.best([]*list{r.payload})
	}
	if it != nil {
		t.literal = t.itemText(it.at)
	}
	r.trace = t
	s.traced = append(s.traced, r)
	return t
}

// option is the text of the option in which a place of the rule lies.
func (t *Trace) option(at int) string {
	for i := range t.parsed.options {
		o := &t.parsed.options[i]
		end := len(t.rule.Text)
		if i+1 < len(t.parsed.options) {
			end = t.parsed.options[i+1].key.off
		}
		if at >= o.key.off && at < end {
			return strings.TrimRight(t.rule.Text[o.key.off:end], "; \t)")
		}
	}
	return "the rule's header"
}

// contentModifiers say more about the content before them.
var contentModifiers = map[string]bool{
	"nocase": true, "depth": true, "offset": true, "distance": true, "within": true, "startswith": true, "endswith": true,
	"rawbytes": true, "fast_pattern": true,
}

// itemText is the option of an item with what modifies it.
func (t *Trace) itemText(at int) string {
	text := t.option(at)
	for i := range t.parsed.options {
		if o := &t.parsed.options[i]; o.key.off > at {
			if !contentModifiers[o.key.s] {
				break
			}
			text += "; " + t.option(o.key.off)
		}
	}
	return text
}

// traceAll adds the traced rules to the candidates: what the prefilter has
// sorted out is looked at, too, and is not met either.
func (m *Matcher) traceAll(p *Packet, tx Tx, groups ...int) {
	for _, r := range m.set.traced {
		mine := false
		if tx != nil {
			mine = r.kind == kindTx && r.app.covers(tx.App()) && r.dir.has(dirOf(p))
		} else if r.kind != kindTx {
			mine = slices.ContainsFunc(groups, func(g int) bool { return slices.Contains(r.groups(), g) })
		}
		switch {
		case !mine:
			r.trace.Others++
			continue
		case slices.Contains(m.cand.list, r.id):
			r.trace.deepest = 1
		default:
			r.trace.deepest = 0
			m.cand.add(r.id)
		}
	}
}

// turn ends the trial of the rule before and begins that of r, if it is traced;
// r is nil behind the last.
func (m *Matcher) turn(r *Rule, p *Packet, tx Tx, stream bool) {
	if m.trace != nil {
		m.trace.end()
		m.trace = nil
	}
	if r != nil && r.trace != nil {
		m.trace = r.trace
		m.trace.begin(p, tx, stream)
	}
	if r != nil && m.cost != nil {
		m.cost[r.id].Tried++
	}
}

func (t *Trace) begin(p *Packet, tx Tx, stream bool) {
	r := t.rule
	x := &Trial{Packet: p.Number, Proto: p.Proto, ToServer: p.ToServer, Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort)}
	what := "packet"
	switch {
	case tx != nil:
		what = "transaction " + strconv.FormatUint(tx.ID(), 10)
	case stream:
		what = "stream"
	}
	x.Where = fmt.Sprintf("packet %d, %s, %s > %s, %s", p.Number, what, x.Src, x.Dst, wayOf(p))
	t.trial = x
	add := func(text string) { x.Conditions = append(x.Conditions, rules.Condition{Text: text}) }
	h := t.parsed
	for _, text := range []string{"protocol " + h.proto.s, "", "", "source " + h.src.s, "source port " + h.sport.s, "destination " + h.dst.s, "destination port " + h.dport.s} {
		add(text)
	}
	if r.dir != 0 {
		x.Conditions[1].Text = "direction " + map[dirMask]string{toServer: "to_server", toClient: "to_client"}[r.dir]
	}
	if r.app != AppUnknown {
		x.Conditions[2].Text = "application " + appName(r.app)
	}
	t.checks = len(x.Conditions)
	for i := range r.checks {
		add(t.option(r.checks[i].at))
	}
	if t.literal != "" {
		c := rules.Condition{Text: "prefilter: " + t.literal, Outcome: rules.Met, Seen: "the pattern is there"}
		if t.deepest == 0 {
			c.Outcome, c.Seen = rules.Unmet, "the pattern is not in what was looked at"
		}
		x.Conditions = append(x.Conditions, c)
	}
	t.starts = map[*list]int{}
	lists := append([]*list{}, r.lists...)
	if len(r.payload.items) > 0 {
		if r.kind == kindTx {
			lists = append(lists, r.payload)
		} else {
			lists = append([]*list{r.payload}, lists...)
		}
	}
	if r.base64 != nil {
		lists = append(lists, r.base64)
	}
	for _, l := range lists {
		t.starts[l] = len(x.Conditions)
		add(t.bufferText(l))
		for i := range l.items {
			x.Conditions = append(x.Conditions, rules.Condition{Text: t.itemText(l.items[i].at), Depth: 1})
		}
	}
}

func wayOf(p *Packet) string {
	if p.ToServer {
		return "to_server"
	}
	return "to_client"
}

func (t *Trace) bufferText(l *list) string {
	switch {
	case l == t.rule.base64:
		return "buffer base64_data"
	case l == t.rule.payload:
		return "buffer payload"
	case l.absent && !l.orElse:
		return "buffer " + bufTable[l.buf].name + " is absent"
	}
	if l.ofMagic() {
		return "buffer file.magic"
	}
	text := "buffer " + bufTable[l.buf].name
	if len(l.transforms) > 0 {
		text += ", transformed"
	}
	return text
}

func (t *Trace) end() {
	t.trial.Conditions = slices.DeleteFunc(t.trial.Conditions, func(c rules.Condition) bool {
		return c.Outcome == rules.Unreached && c.Text == "" // the rule does not ask
	})
	t.emit(t.trial)
	t.trial = nil
}

func set3(c *rules.Condition, ok bool, seen string) {
	c.Outcome, c.Seen = rules.Unmet, seen
	if ok {
		c.Outcome = rules.Met
	}
}

// header tells what the header asks and what the packet has.
func (t *Trace) header(p *Packet, app AppProto) {
	r, c := t.rule, t.trial.Conditions
	set3(&c[0], r.proto&protoOf(p) != 0, "IP protocol "+strconv.Itoa(int(p.Proto)))
	if r.dir != 0 {
		set3(&c[1], r.dir.has(dirOf(p)), wayOf(p))
	}
	if r.app != AppUnknown {
		set3(&c[2], r.app.covers(app), appSeen(app, p.AppFailed))
	}
	src, dst := addrKey(p.Src), addrKey(p.Dst)
	sport, dport := key128{0, uint64(p.SrcPort)}, key128{0, uint64(p.DstPort)}
	from, to := t.trial.Src, t.trial.Dst
	if r.pair {
		src, dst, sport, dport, from, to = dst, src, dport, sport, to, from
	}
	if r.bidir && !(r.src.has(src) && r.dst.has(dst) && r.sport.has(sport) && r.dport.has(dport)) && r.src.has(dst) && r.dst.has(src) {
		src, dst, sport, dport, from, to = dst, src, dport, sport, to, from
	}
	set3(&c[3], r.src.has(src), from.Addr().String())
	ports := hasPorts(p.Proto)
	set3(&c[4], r.sport == nil || ports && r.sport.has(sport), portSeen(ports, from.Port()))
	set3(&c[5], r.dst.has(dst), to.Addr().String())
	set3(&c[6], r.dport == nil || ports && r.dport.has(dport), portSeen(ports, to.Port()))
}

func portSeen(there bool, port uint16) string {
	if !there {
		return "a protocol without ports"
	}
	return strconv.Itoa(int(port))
}

func appSeen(a AppProto, failed bool) string {
	switch {
	case a == AppUnknown && failed:
		return "none that is known"
	case a == AppUnknown:
		return "not known yet"
	case a == AppOther:
		return "another"
	}
	return appName(a)
}

// check tells the outcome of check i.
func (t *Trace) check(i int, p *Packet, st *FlowState, ok bool) {
	set3(&t.trial.Conditions[t.checks+i], ok, t.rule.checks[i].seen(p, st))
}

// stop adds what decided against the rule besides its own conditions.
func (t *Trace) stop(text, seen string) {
	if t != nil {
		t.trial.Conditions = append(t.trial.Conditions, rules.Condition{Text: text, Outcome: rules.Unmet, Seen: seen})
	}
}

// found tells of a match, and what it changes in its flow.
func (t *Trace) found(r *Rule) {
	t.trial.Found = true
	for i := range r.post {
		t.trial.Conditions = append(t.trial.Conditions, rules.Condition{Text: "effect", Outcome: rules.Met, Seen: t.effect(&r.post[i])})
	}
	if r.noalert {
		t.trial.Conditions = append(t.trial.Conditions, rules.Condition{Text: "noalert", Outcome: rules.Met, Seen: "no finding is made"})
	}
}

// name finds the name that a number of bits or counters has.
func (n names) name(id uint32) string {
	for name, x := range n {
		if x == id {
			return name
		}
	}
	return strconv.Itoa(int(id))
}

func (t *Trace) effect(a *action) string {
	switch a.op {
	case acSet:
		return "flowbit " + t.set.bits.name(a.id) + " is set"
	case acUnset:
		return "flowbit " + t.set.bits.name(a.id) + " is unset"
	case acToggle:
		return "flowbit " + t.set.bits.name(a.id) + " is toggled"
	}
	return "flowint " + t.set.ints.name(a.id) + " is changed"
}

// thresholdText is the rule's threshold or detection_filter.
func (t *Trace) thresholdText() string {
	for i := range t.parsed.options {
		if o := &t.parsed.options[i]; o.key.s == "threshold" || o.key.s == "detection_filter" {
			return t.option(o.key.off)
		}
	}
	return "threshold"
}

// ordered tells what the stage in packet order made of a match.
func (t *Trace) ordered(p *Packet, h *Hit, text string, keep bool, seen string) {
	if t == nil {
		return
	}
	x := &Trial{Packet: h.Packet, Proto: p.Proto, ToServer: p.ToServer, Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort), Ordered: true}
	x.Where = fmt.Sprintf("packet %d, match in the order of packets, %s > %s", h.Packet, x.Src, x.Dst)
	x.Found = keep
	c := rules.Condition{Text: text}
	set3(&c, keep, seen)
	x.Conditions = []rules.Condition{c}
	t.emit(x)
}
