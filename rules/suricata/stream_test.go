package suricata

import "testing"

// TestStreamAgain proves when contents alert on data that follow a match: when the
// other side spoke between, and of rules with depth on packet and stream each.
func TestStreamAgain(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		options string
		turn    bool
		want    int
	}{
		{`content:"HTTP";`, true, 1},
		{`content:"HTTP";`, false, 0}, // the first stands in what was looked at
		{`content:"HTTP"; depth:4;`, true, 1},
		{`content:"404";`, true, 0},
		{`content:"OK"; content:"HTTP"; distance:0;`, false, 1}, // reaches into what is new
	} {
		b := newBench(t, "alert tcp any any -> any any ("+c.options+" sid:1;)")
		p := packet(6, head)
		p.Number, p.Turn = 2, c.turn
		if got := len(b.stream(p, head+head, len(head))); got != c.want {
			t.Errorf("%s, turn %v: %d hits, expected %d", c.options, c.turn, got, c.want)
		}
	}
	set, problems := Load([]Source{{Name: "t", Data: []byte(`alert tcp any any -> any any (content:"HTTP"; depth:4; sid:1;)`)}}, Config{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p, m := packet(6, head), NewEngine(set)
	var state *FlowState
	p.Number = 3
	if n, again := len(m.Packet(nil, &state, p)), len(m.Packet(nil, &state, p)); n != 1 || again != 0 {
		t.Errorf("%d and %d hits on one packet, expected 1 and 0", n, again)
	}
	if n := len(m.Stream(nil, &state, p, []byte(head))); n != 1 {
		t.Errorf("%d hits on the stream of that packet, expected 1", n)
	}
	p = packet(6, "")
	p.Number = 4
	if got := len(newBench(t, `alert tcp any any -> any any (content:!"HTTP"; depth:4; sid:1;)`).packet(p)); got != 0 {
		t.Errorf("%d hits on a packet without a payload", got)
	}
}
