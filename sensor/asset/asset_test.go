package asset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func ipKey(s string) Key { return Of(netip.MustParseAddr(s).As16()) }

func macOf(n byte) [6]byte { return [6]byte{0x00, 0x0c, 0x29, 0, 0x53, n} }

// fact adds a fact told in a packet.
func fact(t *Table, host Key, kind Kind, value, via string, packet uint64) {
	t.Add(&Fact{Host: host, Kind: kind, Value: value, Via: via, Packet: packet, Time: int64(packet)})
}

func macFact(t *Table, ip string, mac byte, via string, packet uint64) {
	m := macOf(mac)
	fact(t, ipKey(ip), MAC, string(m[:]), via, packet)
}

func addrs(list []*Asset) (out []string) {
	for _, a := range list {
		var s []string
		for _, x := range a.Addrs {
			s = append(s, x.String())
		}
		out = append(out, strings.Join(s, " "))
	}
	return out
}

// assets returns the hosts of a table.
func assets(t *Table, changed bool) (list []*Asset) {
	t.Each(changed, func(a *Asset) error { list = append(list, a.Clone()); return nil })
	return list
}

// TestJoin proves which addresses become one host.
func TestJoin(t *testing.T) {
	for _, c := range []struct {
		name string
		tell func(*Table)
		want []string
	}{
		{"one MAC", func(t *Table) {
			macFact(t, "192.0.2.1", 1, "arp", 1)
			macFact(t, "2001:db8::1", 1, "ndp", 2)
			macFact(t, "192.0.2.2", 2, "frame", 3)
		}, []string{"192.0.2.1 2001:db8::1", "192.0.2.2"}},
		{"the MAC's own facts", func(t *Table) {
			fact(t, OfMAC(macOf(1)), Name, "akaun-07", "dhcp", 1)
			macFact(t, "192.0.2.1", 1, "dhcp", 2)
		}, []string{"192.0.2.1"}},
		{"a lease that moved goes to the later", func(t *Table) {
			macFact(t, "192.0.2.1", 1, "dhcp", 1)
			macFact(t, "192.0.2.1", 2, "dhcp", 2)
			macFact(t, "192.0.2.9", 1, "dhcp", 3)
		}, []string{"192.0.2.1", "192.0.2.9"}},
		{"a lease is surer than a frame", func(t *Table) {
			macFact(t, "192.0.2.1", 1, "dhcp", 1)
			macFact(t, "192.0.2.1", 2, "frame", 2)
			macFact(t, "192.0.2.2", 1, "arp", 3)
		}, []string{"192.0.2.1 192.0.2.2"}},
		{"a gateway with its clients' time to live untouched", func(t *Table) {
			macFact(t, "192.0.2.254", 1, "arp", 1)
			for i := range 20 {
				macFact(t, fmt.Sprintf("198.51.100.%d", i+1), 1, "frame", uint64(i+2))
			}
		}, append([]string{"192.0.2.254"}, func() (l []string) {
			for i := range 20 {
				l = append(l, fmt.Sprintf("198.51.100.%d", i+1))
			}
			return l
		}()...)},
		{"what is only told by others is no host", func(t *Table) {
			t.Add(&Fact{Host: ipKey("192.0.2.1"), Kind: Name, Value: "x.test", Via: "dns", Hearsay: true})
			fact(t, ipKey("192.0.2.2"), SYN, "64:1024::mss", "syn", 2) // and nobody answered
		}, nil},
		{"groups and the unspecified hold nobody", func(t *Table) {
			macFact(t, "224.0.0.1", 1, "arp", 1)
			macFact(t, "0.0.0.0", 1, "arp", 1)
			macFact(t, "255.255.255.255", 1, "arp", 1)
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := NewTable(Limits{})
			c.tell(table)
			if got := addrs(assets(table, false)); !slices.Equal(got, c.want) {
				t.Errorf("hosts %q, expected %q", got, c.want)
			}
		})
	}
}

// TestRouter proves that who passes on the packets of others is a router.
func TestRouter(t *testing.T) {
	table := NewTable(Limits{})
	macFact(table, "192.0.2.1", 1, "arp", 1)
	for i, v := range []string{"0", "1", "2"} {
		if a := assets(table, false); slices.Contains(a[0].Roles, "router") {
			t.Fatalf("a router after %d", i)
		}
		fact(table, OfMAC(macOf(1)), Forwards, v, "frame", uint64(i+2))
	}
	if a := assets(table, false); len(a) != 1 || !slices.Contains(a[0].Roles, "router") {
		t.Errorf("hosts %+v, expected one router", a)
	}
}

// TestFlows proves that both sides of an answered flow are hosts, that one
// that only sent is none, and what a service is.
func TestFlows(t *testing.T) {
	table := NewTable(Limits{})
	table.Flow(&Flow{Orig: ipKey("192.0.2.1"), Resp: ipKey("192.0.2.2"), Proto: 6, Port: 22, App: "ssh", First: 5, Last: 9, Bytes: [2]uint64{10, 20}, Packets: [2]uint32{1, 2}, Packet: 1, Served: true})
	table.Flow(&Flow{Orig: ipKey("192.0.2.3"), Resp: ipKey("192.0.2.2"), Proto: 17, Port: 53, First: 6, Last: 6, Bytes: [2]uint64{30, 0}, Packets: [2]uint32{1, 0}, Packet: 2})
	list := assets(table, false)
	if got, want := addrs(list), []string{"192.0.2.1", "192.0.2.2"}; !slices.Equal(got, want) {
		t.Fatalf("hosts %q, expected %q", got, want)
	}
	a := list[1]
	if !slices.Equal(a.Services, []string{"tcp/22 ssh"}) || a.Sent != 20 || a.Received != 40 || a.Flows != 2 || a.First != 5 || a.Last != 9 {
		t.Errorf("the server is %+v", a)
	}
	if assets(table, true) != nil {
		t.Error("hosts are told as changed that were told before")
	}
	fact(table, ipKey("192.0.2.1"), Name, "a", "dhcp", 3)
	if got := addrs(assets(table, true)); !slices.Equal(got, []string{"192.0.2.1"}) {
		t.Errorf("changed hosts %q, expected the one with a name", got)
	}
}

// TestLimits proves that strangers make room first, that who is told early is
// told, and that memory and the facts of one address are bounded.
func TestLimits(t *testing.T) {
	table := NewTable(Limits{Hosts: 10, Bytes: 4096})
	var told []string
	table.Evicted = func(a *Asset) { told = append(told, addrs([]*Asset{a})...) }
	fact(table, ipKey("192.0.2.1"), Name, "one", "dhcp", 1)
	for i := range 100 {
		fact(table, ipKey(fmt.Sprintf("198.51.100.%d", i+1)), SYN, "64:1024::mss", "syn", uint64(i+2))
	}
	if len(told) != 0 || table.Unmet != 91 || len(assets(table, false)) != 1 {
		t.Errorf("told early %q, strangers %d, hosts %d; expected none, 91, 1", told, table.Unmet, len(assets(table, false)))
	}
	for i := range 20 {
		fact(table, ipKey(fmt.Sprintf("203.0.113.%d", i+1)), Name, "x", "dhcp", uint64(i+200))
	}
	if len(told) != 10 || table.Early != 11 { // the first was told by Assets above
		t.Errorf("told early %d of %d, expected 10 of 11", len(told), table.Early)
	}
	for i := range 1000 {
		fact(table, ipKey("203.0.113.200"), Name, strings.Repeat("x", i), "dhcp", uint64(i+300))
	}
	if table.bytes > 4096 {
		t.Errorf("%d bytes of facts are kept, limit 4096", table.bytes)
	}
	if table.Cut == 0 {
		t.Error("facts beyond those kept were not counted")
	}
	list := assets(table, false)
	if a := list[len(list)-1]; !a.Cut || len(a.Names) > maxOfKind {
		t.Errorf("the host with a thousand names says Cut %v and has %d", a.Cut, len(a.Names))
	}
}

// TestMerge proves that captures of the same host add up.
func TestMerge(t *testing.T) {
	a := &Asset{ID: "x", Names: []string{"a"}, Services: []string{"tcp/80 http"}, Flows: 1, First: 5, Last: 6}
	a.Merge(&Asset{ID: "x", Name: "b", Names: []string{"b"}, Services: []string{"tcp/22 ssh", "tcp/80 http"}, Flows: 2, First: 1, Last: 3, System: Opinion{Name: "Debian", Confidence: "high"}})
	if a.Name != "b" || len(a.Names) != 2 || !slices.Equal(a.Services, []string{"tcp/22 ssh", "tcp/80 http"}) || a.Flows != 3 || a.First != 1 || a.Last != 6 || a.System.Name != "Debian" {
		t.Errorf("merged %+v", a)
	}
}

// TestVendor proves the table, and that addresses made up by hosts have none.
func TestVendor(t *testing.T) {
	for mac, want := range map[[6]byte]string{
		{0x00, 0x1b, 0x1b, 1, 2, 3}: "Siemens AG", {0x00, 0x00, 0xbc, 0, 0, 1}: "Rockwell Automation", {0x02, 0x1b, 0x1b, 1, 2, 3}: "",
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}: "", {0x52, 0x54, 0, 0, 0, 1}: "",
	} {
		if got := Vendor(mac); got != want {
			t.Errorf("vendor of % x is %q, expected %q", mac, got, want)
		}
	}
	if !slices.IsSorted(vendors()) || len(vendors()) < 30000 {
		t.Errorf("the table has %d rows in order %v", len(vendors()), slices.IsSorted(vendors()))
	}
}
