package suricata

import (
	"testing"

	"saksi/event"
	"saksi/rules"
)

// TestRevisions proves that of one rule given twice the newer revision runs, that
// the other is named, and that the same revision twice is a mistake (Suricata user
// guide, "rev").
func TestRevisions(t *testing.T) {
	for _, c := range []struct {
		name, first, second string
		rev                 int64
		level               rules.Level
		line                int
	}{
		{"newer behind", "1", "2", 2, rules.Refused, 1},
		{"older behind", "2", "1", 2, rules.Wrong, 2},
		{"the same twice", "1", "1", 1, rules.Wrong, 2},
	} {
		text := "alert tcp any any -> any any (content:\"a\"; sid:7; rev:" + c.first + ";)\nalert tcp any any -> any any (content:\"b\"; sid:7; rev:" + c.second + ";)\n"
		s, problems := Load([]Source{{Name: "t", Data: []byte(text)}}, Config{})
		if s.Len() != 1 || s.rules[0].Rev != c.rev {
			t.Errorf("%s: %d rules, the first of revision %d", c.name, s.Len(), s.rules[0].Rev)
		}
		if len(problems) != 1 || problems[0].Level != c.level || problems[0].Line != c.line {
			t.Errorf("%s: %+v", c.name, problems)
		}
	}
}

// TestStateTold proves that an alert tells the bits and counters of its flow.
func TestStateTold(t *testing.T) {
	b := newBench(t, `alert udp any any -> any any (content:"a"; flowbits:set,seen; flowbits:set,gone; flowint:times,+,2; noalert; sid:1;)`+"\n"+
		`alert udp any any -> any any (content:"b"; flowbits:unset,gone; sid:2;)`)
	b.packet(packet(17, "a"))
	b.packet(packet(17, "b"))
	if got := stateOf(b.m.set, b.st); got != "seen|times 2" {
		t.Errorf("%q", got)
	}
}

func stateOf(s *Set, st *FlowState) string {
	e := event.Event{}
	s.AppendState(&e, st)
	bit, _ := e.GetStr(event.SaksiFlowBits)
	number, _ := e.GetStr(event.SaksiFlowCounters)
	return bit + "|" + number
}
