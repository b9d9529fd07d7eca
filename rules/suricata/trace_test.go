package suricata

import (
	"fmt"
	"strings"
	"testing"
)

// told is a trial as lines: a sign for the outcome, the condition, what was
// seen.
func told(x *Trial) string {
	var b strings.Builder
	for _, c := range x.Conditions {
		fmt.Fprintf(&b, "%s%s: %s [%s]\n", strings.Repeat(" ", c.Depth), c.Text, c.Outcome, c.Seen)
	}
	return b.String()
}

// TestTrace proves what a trace says of each kind of condition; that it always
// agrees with the engine is proven by all tests that use a bench.
func TestTrace(t *testing.T) {
	for _, c := range []struct {
		rule string
		run  func(b *bench)
		want string // lines that stand in it
	}{
		{
			`alert tcp $HOME_NET any -> any 80 (msg:"x"; flow:established,to_server; content:"ab"; content:"cd"; distance:1; within:2; sid:1;)`,
			func(b *bench) { b.packet(packet(6, "xxabxxxcd")); b.stream(packet(6, ""), "xxabxxxcd", 0) },
			`protocol tcp: met [IP protocol 6]
direction to_server: met [to_server]
source $HOME_NET: met [10.0.0.1]
destination port 80: met [80]
flow:established,to_server: met [established]
prefilter: content:"cd"; distance:1; within:2: met [the pattern is there]
buffer payload: not met [9 bytes: "xxabxxxcd"]
 content:"ab": met [at 2: "ab"]
 content:"cd"; distance:1; within:2: not met [not in bytes 5 to 7 of 9]
`,
		},
		{
			`alert udp any any -> any 53 (content:"ab"; sid:1;)`,
			func(b *bench) { b.packet(packet(17, "none")) },
			"destination port 53: not met [80]\nprefilter: content:\"ab\": not met [the pattern is not in what was looked at]\nbuffer payload: not reached []\n",
		},
		{
			`alert udp any any -> any any (content:"a"; byte_test:2,>,500,0,relative; content:!"z"; sid:1;)`,
			func(b *bench) { b.packet(packet(17, "a\x01\x00")) },
			" content:\"a\": met [at 0: \"a\"]\n byte_test:2,>,500,0,relative: not met [256 (0x100) in 2 bytes at 1]\n content:!\"z\": not reached []\n",
		},
		{
			`alert http any any -> any any (http.method; content:"GET"; file.data; content:"second"; sid:1;)`,
			func(b *bench) {
				b.tx(packet(6, ""), &tx{app: AppHTTP, bufs: map[Buffer][]string{BufHTTPMethod: {"GET"}, BufFileData: {"first", "third"}}})
			},
			"buffer http.method: met [3 bytes: \"GET\"]\n content:\"GET\": met [at 0: \"GET\"]\nbuffer file.data: not met [5 bytes: \"first\"]\n",
		},
		{
			`alert http any any -> any any (http.cookie; content:"x"; sid:1;)`,
			func(b *bench) { b.tx(packet(6, ""), &tx{app: AppHTTP, bufs: map[Buffer][]string{}}) },
			"buffer http.cookie: not met [there is none]\n",
		},
		{
			`alert udp any any -> any any (content:"a"; base64_decode:relative; base64_data; content:"evil"; sid:1;)`,
			func(b *bench) { b.packet(packet(17, "aZ29vZA==")) },
			"buffer base64_data: not met [4 bytes: \"good\"]\n content:\"evil\": not met [not in bytes 0 to 4 of 4]\n",
		},
		{
			`alert udp any any -> any any (content:"a"; flowbits:isset,login; flowbits:set,seen; sid:1;)`,
			func(b *bench) { b.packet(packet(17, "a")) },
			"flowbits:isset,login: not met [not set]\n",
		},
		{
			`alert udp any any -> any any (content:"a"; flowbits:set,seen; flowbits:noalert; sid:1;)`,
			func(b *bench) { b.packet(packet(17, "a")) },
			"effect: met [flowbit seen is set]\nnoalert: met [no finding is made]\n",
		},
	} {
		b := newBench(t, c.rule)
		c.run(b)
		if len(b.trials) != 1 {
			t.Errorf("%s: %d trials", c.rule, len(b.trials))
			continue
		}
		got := told(b.trials[0])
		for _, line := range strings.SplitAfter(c.want, "\n") {
			if !strings.Contains(got, line) {
				t.Errorf("%s:\n%swithout %q", c.rule, got, line)
			}
		}
	}
}

// TestTraceOrder proves that the ordered stage tells what a threshold made of a
// match, and how far it has counted.
func TestTraceOrder(t *testing.T) {
	set := must(t, `alert udp any any -> any any (content:"a"; threshold:type threshold, track by_src, count 2, seconds 60; sid:1;)`)
	var got []string
	if set.Trace(7, func(*Trial) {}) != nil {
		t.Error("a rule that is not there is traced")
	}
	set.Trace(1, func(x *Trial) {
		if x.Ordered {
			got = append(got, fmt.Sprintf("%t %s %s", x.Found, x.Conditions[0].Text, x.Conditions[0].Seen))
		}
	})
	m, o := NewEngine(set), NewOrder()
	var st *FlowState
	for n := range uint64(2) {
		p := packet(17, "a")
		p.Number = n + 1
		hits := m.Packet(nil, &st, p)
		o.Keep(p, &hits[0])
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], "false threshold:type threshold, track by_src, count 2, seconds 60 1 matches since 2023-") || !strings.HasPrefix(got[1], "true ") {
		t.Errorf("%q", got)
	}
}

// TestProfile proves that what each rule costs is counted.
func TestProfile(t *testing.T) {
	set := must(t, `alert udp any any -> any any (content:"needle"; content:"absent"; sid:1;)
alert udp any any -> any any (content:"nothing"; sid:2;)
alert udp any any -> any any (content:"needle"; sid:3;)`)
	p := set.Profile()
	for range 2 {
		m := NewEngine(set)
		var st *FlowState
		m.Packet(nil, &st, packet(17, "a needle"))
	}
	costs := p.Costs()
	if len(costs) != 1 || costs[0].ID != "3" || costs[0].Tried != 2 || costs[0].Evaluated != 2 || costs[0].Matched != 2 || costs[0].Steps == 0 || costs[0].Time == 0 {
		t.Errorf("%+v", costs)
	}
}
