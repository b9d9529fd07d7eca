package suricata

import (
	"net/netip"
	"testing"
)

// TestReload proves that flow bits and counters are carried over by name, that
// a rule that stays the same does not alert again nor forgets its threshold,
// and that what the new rules do not know is dropped.
func TestReload(t *testing.T) {
	load := func(text string) *Set {
		s, problems := Load([]Source{{Name: "uji.rules", Data: []byte(text)}}, Config{})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return s
	}
	const stays = `alert tcp any any -> any any (msg:"stays"; threshold:type both, track by_src, count 2, seconds 60; sid:7;)` + "\n"
	from := load(`alert tcp any any -> any any (msg:"x"; flowbits:set,hilang; sid:1;)
alert tcp any any -> any any (msg:"y"; flowbits:set,kekal; sid:2;)
` + stays)
	to := load(stays + `alert tcp any any -> any any (msg:"n"; flowbits:set,baru; sid:3;)
alert tcp any any -> any any (msg:"y2"; flowbits:isset,kekal; sid:2; rev:2;)
`)
	l := NewReload(from, to)
	st := &FlowState{pass: true}
	st.setBit(from.bits["hilang"], true)
	st.setBit(from.bits["kekal"], true)
	ruleOf := func(s *Set, sid int64) *Rule {
		for _, r := range s.rules {
			if r.SID == sid {
				return r
			}
		}
		t.Fatalf("no rule %d", sid)
		return nil
	}
	st.first(ruleOf(from, 7).id, 0)
	st.first(ruleOf(from, 2).id, 0)
	l.Flow(st)
	if !st.pass || !st.bit(to.bits["kekal"]) || st.bit(to.bits["baru"]) {
		t.Errorf("bits are not carried over: %+v", st)
	}
	if st.first(ruleOf(to, 7).id, 0) || !st.first(ruleOf(to, 2).id, 0) {
		t.Errorf("what alerted once is not carried over: %+v", st)
	}

	o := NewOrder()
	p := &Packet{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2")}
	if o.Keep(p, &Hit{Rule: ruleOf(from, 7), Time: 1}) {
		t.Error("the first of two hits alerts")
	}
	l.Order(o)
	if !o.Keep(p, &Hit{Rule: ruleOf(to, 7), Time: 2}) {
		t.Error("the count of the threshold was forgotten")
	}
}
