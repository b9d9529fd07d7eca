package netplace

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, text, addr, want string }{
		{"iptoasn", "192.0.2.0\t192.0.2.255\t64500\tMY\tCLOUD-A Cloud, A\n2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64501\tSG\tCLOUD-B\n", "192.0.2.7", "64500 CLOUD-A Cloud, A MY false"},
		{"iptoasn of IPv6", "192.0.2.0\t192.0.2.255\t64500\tMY\tA\n2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64501\tSG\tCLOUD-B\n", "2001:db8::7", "64501 CLOUD-B SG false"},
		{"maxmind", "network,autonomous_system_number,autonomous_system_organization\n192.0.2.0/24,64500,\"Cloud \"\"A\"\", Ltd\"\n", "192.0.2.255", "64500 Cloud \"A\", Ltd  false"},
		{"the smallest counts", "network,asn,name\n10.0.0.0/8,1,big\n10.1.0.0/16,2,small\n10.2.0.0/16,3,other\n", "10.3.0.1", "1 big  false"},
		{"within", "network,asn,name\n10.1.0.0/16,2,small\n10.0.0.0/8,1,big\n", "10.1.2.3", "2 small  false"},
		{"places", "network,geoname_id,latitude,longitude\n192.0.2.0/24,1,3.139,101.6869\n", "::ffff:192.0.2.1", "0   true"},
		{"none", "network,asn\n192.0.2.0/24,1\n", "192.0.3.0", ""},
	} {
		tab, err := Read(c.name, strings.NewReader(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := ""
		if p, ok := tab.Of(netip.MustParseAddr(c.addr)); ok {
			got = strings.Join([]string{strconv.FormatUint(uint64(p.Number), 10), p.Name, p.Country, map[bool]string{true: "true", false: "false"}[p.Located]}, " ")
		}
		if got != c.want {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
	}
	for text, want := range map[string]string{
		"":                        "line 1",
		"a,b\n1,2\n":              "expected a column network",
		"network\n10.0.0.0/8\n":   "expected a column autonomous",
		"network,asn\n10.0.0/8,1": "line 2",
		"network,asn\n10.0.0.0/8,1\n10.0.0.0/8,x\n":             "line 3",
		"network,latitude,longitude\n10.0.0.0/8,91,0\n":         "no place on the earth",
		"network,latitude,longitude\n10.0.0.0/8,NaN,0\n":        "no place on the earth",
		"first,last,asn\n10.0.0.9,10.0.0.1,5\n":                 "no range",
		"first,last,asn\n10.0.0.9,::1,5\n":                      "no range",
		"first,last,asn\nfe80::1%eth0,fe80::2,5\n":              "no range",
		"10.0.0.0\t10.0.0.1\t1\tMY\tA\n10.0.0.2\t10.0.0.3\t1\n": "line 2",
	} {
		if _, err := Read("t.csv", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "t.csv") {
			t.Errorf("%q: %v, expected %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("network,asn,latitude,longitude\n10.0.0.0/8,1,3,4\n")
	f.Add("10.0.0.0\t10.0.0.1\t1\tMY\tA\n")
	f.Fuzz(func(t *testing.T, s string) {
		tab, err := Read("f", strings.NewReader(s))
		if err != nil {
			return
		}
		for _, r := range tab.rows {
			if _, ok := tab.Of(r.first); !ok && tab.Len() < nested {
				t.Errorf("%s is in no network", r.first)
			}
		}
	})
}
