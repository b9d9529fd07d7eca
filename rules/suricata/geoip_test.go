package suricata

import (
	"net/netip"
	"testing"
)

// TestGeoIP proves which countries of which sides geoip asks for.
func TestGeoIP(t *testing.T) {
	countries := map[netip.Addr]string{client: "MY", server: "SG"}
	country := func(a netip.Addr) string { return countries[a] }
	unknown := packet(6, "")
	unknown.Src = netip.MustParseAddr("198.51.100.9")
	for _, c := range []struct {
		options string
		p       *Packet
		want    int // -1: wrong
	}{
		{"geoip:MY", packet(6, ""), 1},
		{"geoip:any,sg", packet(6, ""), 1},
		{"geoip:src,MY", packet(6, ""), 1},
		{"geoip:src,SG", packet(6, ""), 0},
		{"geoip:dst,ID,SG", packet(6, ""), 1},
		{"geoip:both,MY", packet(6, ""), 0},
		{"geoip:both,MY,SG", packet(6, ""), 1},
		{"geoip:src,!SG,ID", packet(6, ""), 1},
		{"geoip:src,!MY", packet(6, ""), 0},
		{"geoip:src,!MY", unknown, 0},
		{"geoip:src,MY", back(packet(6, "")), 0},
		{"geoip:src", packet(6, ""), -1},
		{"geoip:src,Malaysia", packet(6, ""), -1},
		{"geoip:src,MY,!SG", packet(6, ""), -1},
	} {
		s, problems := Load([]Source{{Name: "t", Data: []byte("alert tcp any any -> any any (" + c.options + "; sid:1;)")}}, Config{Country: country})
		if (c.want < 0) != (len(problems) > 0) {
			t.Errorf("%s: %v", c.options, problems)
			continue
		}
		if c.want < 0 {
			continue
		}
		var st *FlowState
		if n := len(NewEngine(s).Packet(nil, &st, c.p)); n != c.want {
			t.Errorf("%s: %d hits, expected %d", c.options, n, c.want)
		}
	}
	c := &check{op: ckCountry, geo: &geoCheck{country: country}}
	if got := c.seen(packet(6, ""), nil); got != `"MY" > "SG"` {
		t.Errorf("what was seen: %s", got)
	}
	if _, problems := Load([]Source{{Name: "t", Data: []byte("alert tcp any any -> any any (geoip:src,MY; sid:1;)")}}, Config{}); len(problems) != 1 {
		t.Errorf("without a file: %v", problems)
	}
}
