package suricata

import (
	"fmt"
	"strconv"
	"strings"

	"saksi/rules"
)

// Entries of a file of thresholds (Suricata user guide, "Global-Thresholds"):
//
//	suppress     gen_id G, sig_id S[, track by_src|by_dst|by_either, ip ADDRESSES]
//	event_filter gen_id G, sig_id S, type T, track K, count N, seconds N
//	threshold    the same
//	rate_filter  gen_id G, sig_id S, track K, count N, seconds N, new_action A, timeout N
//
// Rules whose alerts an entry keeps back still change the state of their flow.

// suppression keeps back the alerts of a rule.
type suppression struct {
	side  uint8 // bits: 1 source, 2 destination; 0 all
	addrs *set
}

func (s *suppression) covers(p *Packet) bool {
	return s.side == 0 || s.side&1 != 0 && s.addrs.has(addrKey(p.Src)) || s.side&2 != 0 && s.addrs.has(addrKey(p.Dst))
}

// rateFilter lets a rule pass for a time once it matched too often. Its other
// actions ask for what a sensor that never blocks does anyway.
type rateFilter struct {
	threshold
	pass    bool
	timeout int64 // seconds
}

// thresholds applies a file to the rules of a set; problems name its lines.
func (c *compiler) thresholds(src Source, list []*Rule) (problems []rules.Problem) {
	splitRules(src, func(t *ruleText) {
		if err := c.thresholdEntry(t.text, list); err != nil {
			problems = append(problems, err.problem(t, ""))
		}
	})
	return problems
}

// entry is one line as read.
type entry struct {
	gid, sid   int64
	seen       map[string]bool
	t          threshold
	timeout    int64
	pass       bool
	side       uint8
	addrs      *set
	hasAddress bool
}

func (c *compiler) thresholdEntry(text string, list []*Rule) *fault {
	if i := strings.IndexByte(text, '#'); i >= 0 {
		text = text[:i]
	}
	f := field{strings.TrimSpace(text), 0}
	kind, rest, _ := strings.Cut(f.s, " ")
	kind = strings.TrimSuffix(kind, ":")
	if kind != "suppress" && kind != "event_filter" && kind != "threshold" && kind != "rate_filter" {
		return wrong(0, fmt.Sprintf("unknown entry %q", kind), "suppress, event_filter, threshold or rate_filter")
	}
	e := &entry{seen: map[string]bool{}}
	at := len(f.s) - len(rest)
	for _, p := range cutOutside(field{rest, at}) {
		if err := c.thresholdOption(e, kind, p); err != nil {
			return err
		}
	}
	need := []string{"gen_id", "sig_id"}
	switch kind {
	case "event_filter", "threshold":
		need = append(need, "type", "track", "count", "seconds")
	case "rate_filter":
		need = append(need, "track", "count", "seconds", "new_action", "timeout")
	default:
		if e.seen["track"] != e.hasAddress {
			return wrong(at, "suppress with a track and no addresses, or the other way round", "track by_src, ip ADDRESSES, or neither")
		}
	}
	for _, n := range need {
		if !e.seen[n] {
			return wrong(len(text), kind+" without "+n, n)
		}
	}
	for _, r := range list {
		if e.gid != 0 && r.GID != e.gid || e.sid != 0 && r.SID != e.sid {
			continue
		}
		switch kind {
		case "suppress":
			r.suppress = append(r.suppress, suppression{e.side, e.addrs})
		case "rate_filter":
			r.rate = &rateFilter{e.t, e.pass, e.timeout}
		default:
			if e.sid == 0 && r.threshold != nil { // what a rule says of itself stands against an entry for all
				continue
			}
			t := e.t
			r.threshold = &t
		}
	}
	return nil
}

func (c *compiler) thresholdOption(e *entry, kind string, p field) *fault {
	name, val, ok := strings.Cut(p.s, " ")
	val = strings.TrimSpace(val)
	off := p.off + len(p.s) - len(val)
	if !ok || val == "" {
		return wrong(p.off, fmt.Sprintf("%q is no pair of name and value", p.s), "gen_id, sig_id, track, count or seconds with a value each")
	}
	e.seen[name] = true
	switch name {
	case "gen_id", "sig_id", "count", "seconds", "timeout":
		n, err := strconv.ParseUint(val, 10, 32)
		if err != nil {
			return wrong(off, fmt.Sprintf("%q is no number", val), "a number")
		}
		switch name {
		case "gen_id":
			e.gid = int64(n)
		case "sig_id":
			e.sid = int64(n)
		case "count":
			e.t.count = uint32(n)
		case "seconds":
			e.t.seconds = int64(n)
		default:
			e.timeout = int64(n)
		}
	case "type":
		k, ok := map[string]thresholdKind{"threshold": thThreshold, "limit": thLimit, "both": thBoth}[val]
		if !ok {
			return wrong(off, fmt.Sprintf("unknown type %q", val), "threshold, limit or both")
		}
		e.t.kind = k
	case "track":
		if kind == "suppress" {
			if e.side, ok = map[string]uint8{"by_src": 1, "by_dst": 2, "by_either": 3}[val]; !ok {
				return wrong(off, fmt.Sprintf("unknown track %q", val), "by_src, by_dst or by_either")
			}
			return nil
		}
		if e.t.track, ok = tracks[val]; !ok {
			return wrong(off, fmt.Sprintf("unknown track %q", val), "by_src, by_dst, by_both, by_rule or by_flow")
		}
	case "new_action":
		switch val {
		case "pass":
			e.pass = true
		case "alert", "drop", "reject", "log", "sdrop":
		default:
			return wrong(off, fmt.Sprintf("unknown action %q", val), "alert, drop, pass or reject")
		}
	case "ip":
		addrs, err := c.headers.compile(field{val, off}, addrDomain)
		if err != nil {
			return err
		}
		e.addrs, e.hasAddress = addrs, true
	default:
		return wrong(p.off, fmt.Sprintf("unknown option %q", name), "gen_id, sig_id, type, track, ip, count, seconds, new_action or timeout")
	}
	return nil
}

// cutOutside cuts a value at commas that stand in no brackets.
func cutOutside(f field) (out []field) {
	depth, start := 0, 0
	for i := 0; i <= len(f.s); i++ {
		if i < len(f.s) {
			switch f.s[i] {
			case '[':
				depth++
			case ']':
				depth--
			}
			if f.s[i] != ',' || depth > 0 {
				continue
			}
		}
		part := f.s[start:i]
		t := strings.TrimLeft(part, " \t")
		out = append(out, field{strings.TrimRight(t, " \t"), f.off + start + len(part) - len(t)})
		start = i + 1
	}
	return out
}

// rated counts a match against the rule's rate filter and reports whether the
// rule passes for now.
func (o *Order) rated(p *Packet, r *Rule, now int64) bool {
	f := r.rate
	if f == nil || !f.pass {
		return false
	}
	k := counterOf(p, r, f.track)
	k.rate = true
	c, _ := o.counter(k, now)
	second := int64(1e9)
	if c.until > 0 {
		if now < c.until {
			return true
		}
		*c = counter{start: now}
	}
	if now-c.start > f.seconds*second {
		*c = counter{start: now}
	}
	if c.n++; c.n > f.count {
		c.until = now + f.timeout*second
		return true
	}
	return false
}
