package suricata

import "testing"

// TestHowOften counts the hits of rules without contents on three packets of one
// flow: rules on addresses alone are looked at once a flow and direction
// (detect-engine-build.c, SignatureIsIPOnly).
func TestHowOften(t *testing.T) {
	for rule, want := range map[string]int{
		"tcp any any -> any any (sid:1;)":                      1,
		"ip any any -> any any (ip_proto:6; sid:1;)":           1,
		"ip any any -> any any (l3_proto:ipv4; sid:1;)":        1,
		"ipv4 any any -> any any (sid:1;)":                     1,
		"tcp any any -> any any (flow:no_stream; sid:1;)":      1,
		"tcp any any -> any any (flow:stateless; sid:1;)":      3,
		"tcp any any -> any any (flowbits:set,a; sid:1;)":      1,
		"tcp any any -> any any (flowbits:toggle,a; sid:1;)":   3,
		"tcp any any -> any any (flowint:n,+,1; sid:1;)":       3,
		"tcp !192.0.2.0/24 any -> any any (ttl:>0; sid:1;)":    3,
		"tcp any any -> any any (ttl:>0; ip_proto:6; sid:1;)":  3,
		"tcp any any -> any any (window:>0; dsize:0; sid:1;)":  3,
		"tcp any any -> any any (window:>0; dsize:!5; sid:1;)": 0,
	} {
		b := newBench(t, "alert "+rule)
		got := 0
		for n := range 3 {
			p := packet(6, "")
			p.Number, p.TTL, p.TCPWin, p.Seen = uint64(n+1), 64, 1, n > 0
			got += len(b.packet(p))
		}
		if got != want {
			t.Errorf("%s: %d hits, expected %d", rule, got, want)
		}
	}
}
