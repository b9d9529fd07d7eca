package suricata

import (
	"testing"
	"time"
)

// TestElephant proves when a flow is an elephant, and which way it is.
func TestElephant(t *testing.T) {
	type sent struct {
		second   int
		toServer bool
		bytes    uint64
	}
	up, down := func(s int, n uint64) sent { return sent{s, true, n} }, func(s int, n uint64) sent { return sent{s, false, n} }
	for _, c := range []struct {
		side    string
		packets []sent
		want    int // hits
	}{
		{"toserver", []sent{up(0, 60), up(1, 39)}, 0},
		{"toserver", []sent{up(0, 60), up(1, 40)}, 1},
		{"toserver", []sent{up(0, 60), up(1, 40), up(900, 1)}, 2}, // once one, always one
		{"toserver", []sent{up(0, 60), up(4, 40)}, 0},
		{"toserver", []sent{up(0, 60), up(3, 40)}, 1},
		{"toserver", []sent{up(0, 60), up(5, 60), up(10, 60), up(11, 39)}, 0},
		{"toserver", []sent{up(0, 60), up(5, 60), up(10, 60), up(11, 40)}, 1},
		{"toserver", []sent{up(9, 60), up(2, 39)}, 0}, // a clock that goes back
		{"toserver", []sent{down(0, 200)}, 0},
		{"toclient", []sent{down(0, 200)}, 1},
		{"either", []sent{down(0, 200), up(0, 1)}, 2},
		{"both", []sent{down(0, 200), up(0, 99)}, 0},
		{"both", []sent{down(0, 200), up(9, 100)}, 1},
		{"to_client", []sent{down(0, 50), up(0, 50)}, 0},
	} {
		text := "alert tcp any any -> any any (flow.elephant:" + c.side + "; sid:1;)"
		s, problems := Load([]Source{{Name: "t", Data: []byte(text)}}, Config{Elephant: &FlowRate{Bytes: 100, Seconds: 4}})
		if len(problems) > 0 {
			t.Fatalf("%s: %v", c.side, problems)
		}
		if !s.FlowBytes() {
			t.Error("the set asks for no bytes of flows")
		}
		var st *FlowState
		m, hits := NewEngine(s), 0
		var all [2]uint64
		for i, x := range c.packets {
			p := packet(6, "a")
			if !x.toServer {
				p = back(p)
				all[1] += x.bytes
			} else {
				all[0] += x.bytes
			}
			p.Number, p.Time, p.Seen = uint64(i+1), int64(x.second)*int64(time.Second), false
			p.ClientFrames, p.ServerFrames = all[0], all[1]
			hits += len(m.Packet(nil, &st, p))
		}
		if hits != c.want {
			t.Errorf("%s %v: %d hits, want %d", c.side, c.packets, hits, c.want)
		}
		for _, w := range st.rate {
			if len(w.seconds) > 4 {
				t.Errorf("%s: %d seconds kept", c.side, len(w.seconds))
			}
		}
	}
	for text, cfg := range map[string]Config{
		"flow.elephant:toserver": {}, "flow.elephant": {Elephant: &FlowRate{1, 1}}, "flow.elephant:up": {Elephant: &FlowRate{1, 1}}, "flow.elephant:": {Elephant: &FlowRate{1, 1}},
	} {
		if _, problems := Load([]Source{{Name: "t", Data: []byte("alert tcp any any -> any any (" + text + "; sid:1;)")}}, cfg); len(problems) != 1 {
			t.Errorf("%s: %v", text, problems)
		}
	}
	c := &check{op: ckElephant}
	st := &FlowState{}
	st.rate[sideServer].elephant = true
	if got := c.seen(packet(6, ""), st); got != "client false, server true" {
		t.Errorf("what was seen: %s", got)
	}
}
