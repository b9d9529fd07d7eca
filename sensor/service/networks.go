package service

import (
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

// networkTable holds networks numbered from 1, found by their prefix, and the
// lengths of prefixes there are, the longest first, for IPv4 and IPv6.
type networkTable struct {
	list  []Network
	index map[netip.Prefix]uint16
	bits  [2][]int
}

var loadNetworks = sync.OnceValue(func() *networkTable {
	t, err := parseNetworks(networkData)
	if err != nil { // a defect of the program: a test reads the same file
		panic(err)
	}
	return t
})

func parseNetworks(text string) (*networkTable, error) {
	t := &networkTable{list: make([]Network, 1), index: map[netip.Prefix]uint16{}}
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
			if t.index[p] != 0 {
				return nil, fmt.Errorf("networks.tsv:%d: network %s is there already", i+1, s)
			}
			t.index[p] = uint16(len(t.list))
			t.list = append(t.list, Network{Prefix: p, Application: application})
			k := family(p.Addr())
			if !slices.Contains(t.bits[k], p.Bits()) {
				t.bits[k] = append(t.bits[k], p.Bits())
			}
		}
	}
	for k := range t.bits {
		slices.Sort(t.bits[k])
		slices.Reverse(t.bits[k])
	}
	return t, nil
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// LookupAddr returns the number of the smallest network that holds an address,
// 0 for none.
func LookupAddr(a netip.Addr) uint16 {
	t := loadNetworks()
	a = a.Unmap()
	for _, bits := range t.bits[family(a)] {
		if p, err := a.Prefix(bits); err == nil {
			if n := t.index[p]; n != 0 {
				return n
			}
		}
	}
	return 0
}

// GetNetwork returns the network of a number that LookupAddr gave.
func GetNetwork(n uint16) Network { return loadNetworks().list[n] }
