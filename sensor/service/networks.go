package service

import (
	"cmp"
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Network is a network and the application whose servers are in it.
type Network struct {
	Prefix      netip.Prefix
	Application string
}

//go:embed networks.tsv
var networkData string

// networkTable holds networks in the order of their first addresses, a network
// before those within it, and the number of the one around each. Numbers begin
// at 1; 0 is none.
type networkTable struct {
	list   []Network
	around []uint16
}

var loadNetworks = sync.OnceValue(func() *networkTable {
	t, err := parseNetworks(networkData)
	if err != nil { // a defect of the program: a test reads the same file
		panic(err)
	}
	return t
})

func parseNetworks(text string) (*networkTable, error) {
	t := &networkTable{list: make([]Network, 1)}
	seen := map[netip.Prefix]bool{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		application, list, ok := strings.Cut(line, "\t")
		if !ok || Category(application) == "" {
			return nil, fmt.Errorf("networks.tsv:%d: expected an application of services.tsv and networks", i+1)
		}
		for _, s := range strings.Fields(list) {
			p, err := netip.ParsePrefix(s)
			if err != nil || p != p.Masked() {
				return nil, fmt.Errorf("networks.tsv:%d: %s is no network", i+1, s)
			}
			if seen[p] {
				return nil, fmt.Errorf("networks.tsv:%d: network %s is there already", i+1, s)
			}
			seen[p] = true
			t.list = append(t.list, Network{Prefix: p, Application: application})
		}
	}
	slices.SortFunc(t.list[1:], func(a, b Network) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	t.around = make([]uint16, len(t.list))
	for i := 2; i < len(t.list); i++ {
		t.around[i] = t.holding(uint16(i-1), t.list[i].Prefix.Addr())
	}
	return t, nil
}

// holding returns n or the first network around it that holds an address.
func (t *networkTable) holding(n uint16, a netip.Addr) uint16 {
	for n != 0 && !t.list[n].Prefix.Contains(a) {
		n = t.around[n]
	}
	return n
}

// LookupAddr returns the number of the smallest network that holds an address,
// 0 for none.
func LookupAddr(a netip.Addr) uint16 {
	t := loadNetworks()
	a = a.Unmap()
	after, _ := slices.BinarySearchFunc(t.list[1:], a, func(n Network, a netip.Addr) int {
		if n.Prefix.Addr().Compare(a) <= 0 {
			return -1
		}
		return 1
	}) // networks that begin at or before a
	return t.holding(uint16(after), a)
}

// GetNetwork returns the network of a number that LookupAddr gave.
func GetNetwork(n uint16) Network { return loadNetworks().list[n] }
