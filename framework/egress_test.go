package framework

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/internal/netplace"
)

// TestEgress proves whose network a flow outside is counted for: the register's
// clouds by network and by name, the table's system, else the network itself.
func TestEgress(t *testing.T) {
	r, err := ParseRegister("register.yaml", []byte(strings.Replace(testRegister, "exchanges:",
		"clouds:\n  - {id: a, title: Cloud A, sanctioned: true, networks: [192.0.2.0/25]}\n  - {id: b, title: Cloud B, names: ['*.b.example']}\nexchanges:", 1)))
	if err != nil {
		t.Fatal(err)
	}
	table, err := netplace.Read("t", strings.NewReader("network,asn,name\n203.0.113.0/24,64500,Some Cloud\n"))
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	for _, e := range []*event.Event{
		flow(time.Hour, "10.1.0.10", "192.0.2.1", 443, "SF", 100), flow(time.Minute, "10.1.0.11", "192.0.2.2", 443, "SF", 50),
		flow(time.Hour, "10.1.0.10", "203.0.113.9", 443, "SF", 70), flow(time.Hour, "10.1.0.10", "203.0.113.8", 443, "SF", 1000),
		doc(event.EventDataset, "saksi.tls", event.SourceIP, "10.1.0.10", event.DestinationIP, "203.0.113.9", event.DestinationDomain, "x.b.example"),
		flow(time.Hour, "10.1.0.10", "198.51.100.9", 443, "SF", 5), flow(time.Hour, "10.1.0.10", "2001:db8:1:2::3", 443, "SF", 6),
		flow(time.Hour, "10.1.0.10", "10.1.0.11", 443, "SF", 9), flow(time.Hour, "198.51.100.9", "10.1.0.10", 443, "SF", 9), // inside, and from outside
		flow(time.Hour, "10.1.0.10", "198.51.100.9", 443, "S0", 9), // never answered
	} {
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	// One of the flows as a second sensor tells it.
	for i, sensor := range []string{"tap-1", "tap-2"} {
		e := flow(time.Hour, "10.1.0.10", "198.51.100.9", 443, "SF", int64(4+i))
		e.Str(event.ObserverName, sensor)
		e.Str(event.NetworkCommunityID, "1:x")
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	list, err := EgressOf(t.Context(), m, "", r, table)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range list {
		got = append(got, fmt.Sprintf("%s|%s|%s|%d|%d|%d|%d|%d|%d|%v", x.Provider, x.Name, x.Sanctioned, x.Hosts, x.Inside, x.Flows, x.Bytes, x.TwiceFlows, x.TwiceBytes, x.Names))
	}
	want := []string{
		"AS64500|Some Cloud||1|1|1|1000|0|0|[]", "a|Cloud A|yes|2|2|2|150|0|0|[]", "b|Cloud B|no|1|1|1|70|0|0|[x.b.example]",
		"198.51.100.0/24|||1|1|2|10|1|4|[]", "2001:db8:1::/48|||1|1|1|6|0|0|[]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
