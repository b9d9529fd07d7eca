package service

import (
	"net/netip"
	"strings"
	"testing"
)

// TestLookupAddr proves that the smallest network that holds an address counts.
func TestLookupAddr(t *testing.T) {
	for a, want := range map[string]string{
		"149.154.167.91": "telegram", "8.8.8.8": "google-dns", "8.8.8.9": "", "192.0.2.1": "", "2606:4700:4700::1111": "cloudflare-dns",
		"2606:4700::1": "cloudflare", "::ffff:17.1.2.3": "apple", "2001:db8::1": "",
	} {
		n := LookupAddr(netip.MustParseAddr(a))
		if got := GetNetwork(n).Application; got != want {
			t.Errorf("%s: %q, expected %q", a, got, want)
		}
	}
	if n := LookupAddr(netip.Addr{}); n != 0 {
		t.Errorf("no address is in network %d", n)
	}
}

// TestParseNetworks proves that faults of the table are told with their line.
func TestParseNetworks(t *testing.T) {
	for text, want := range map[string]string{
		"tiada\t192.0.2.0/24":                     "networks.tsv:1: expected",
		"# c\ngoogle\t192.0.2.1/24":               "networks.tsv:2: 192.0.2.1/24 is no network",
		"google\t192.0.2.0/24\naws\t192.0.2.0/24": "networks.tsv:2: network 192.0.2.0/24 is there",
	} {
		if _, err := parseNetworks(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, expected %s", text, err, want)
		}
	}
}
