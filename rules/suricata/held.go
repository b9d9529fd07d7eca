package suricata

import (
	"cmp"
	"slices"

	"saksi/event"
	"saksi/rules"
)

// Held is what thresholds and suppression kept back of a rule: nothing that
// matched is lost without being counted.
type Held struct {
	Rule        *Rule
	N           uint64
	First, Last HeldMatch
}

// HeldMatch is the first or the last of the matches kept back.
type HeldMatch struct {
	Packet uint64
	Time   int64 // Unix nanoseconds
}

// hold counts a match that does not become an alert.
func (o *Order) hold(h *Hit) {
	if h.Rule.noalert {
		return
	}
	x := o.held[h.Rule.id]
	m := HeldMatch{h.Packet, h.Time}
	if x == nil {
		x = &Held{Rule: h.Rule, First: m}
		o.held[h.Rule.id] = x
	}
	x.N++
	x.Last = m
}

// Held lists what was kept back since it was asked last, by rule.
func (o *Order) Held() []Held {
	if len(o.held) == 0 {
		return nil
	}
	out := make([]Held, 0, len(o.held))
	for _, x := range o.held {
		out = append(out, *x)
	}
	clear(o.held)
	slices.SortFunc(out, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.Rule.GID, b.Rule.GID), cmp.Compare(a.Rule.SID, b.Rule.SID))
	})
	return out
}

// AppendTo adds to e what was kept back of which rule.
func (x *Held) AppendTo(e *event.Event) {
	e.Str(event.EventKind, "metric")
	e.Time(event.EventStart, x.First.Time)
	e.Time(event.EventEnd, x.Last.Time)
	e.Str(event.RuleID, itoa(x.Rule.SID))
	e.Str(event.RuleName, x.Rule.Msg)
	e.Str(event.RuleRuleset, ruleset(x.Rule.File))
	e.Str(event.SaksiRuleLanguage, rules.Suricata)
	e.Int(event.SaksiRuleHeld, int64(x.N))
	e.Int(event.SaksiEvidencePacket, int64(x.First.Packet))
	if x.Last.Packet != x.First.Packet {
		e.Int(event.SaksiEvidencePacket, int64(x.Last.Packet))
	}
}
