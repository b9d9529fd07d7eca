package netplace

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// database is a MaxMind DB made by MaxMind's own writer.
func database(t *testing.T) []byte {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-Country", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, code := range map[string]string{"203.0.113.0/24": "MY", "2001:db8::/32": "SG"} {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(n, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCountries reads countries from a MaxMind DB and from tables.
func TestCountries(t *testing.T) {
	db := database(t)
	for name, data := range map[string][]byte{
		"a.mmdb": db,
		"b.csv":  []byte("network,country\n203.0.113.0/24,MY\n2001:db8::/32,SG\n"),
		"c.tsv":  []byte("203.0.113.0\t203.0.113.255\t64500\tMY\tJABATAN\n2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64501\tSG\tX\n"),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCountries(path)
		if err != nil {
			t.Fatal(err)
		}
		for addr, want := range map[string]string{"203.0.113.9": "MY", "::ffff:203.0.113.9": "MY", "2001:db8::1": "SG", "198.51.100.1": "", "2001:dead::1": ""} {
			if got := c.Country(netip.MustParseAddr(addr)); got != want {
				t.Errorf("%s: %s is in %q, expected %q", name, addr, got, want)
			}
		}
	}
}

// TestCountriesHostile proves that a damaged database is an error or tells
// nothing, and never more.
func TestCountriesHostile(t *testing.T) {
	db := database(t)
	path := filepath.Join(t.TempDir(), "a.mmdb")
	open := func(data []byte) (*Countries, error) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return OpenCountries(path)
	}
	for i := 0; i < len(db); i += 7 {
		for _, x := range []byte{0xff, db[i] ^ 0x80} {
			bad := bytes.Clone(db)
			bad[i] = x
			if c, err := open(bad); err == nil {
				for _, addr := range []string{"203.0.113.9", "2001:db8::1", "10.0.0.1"} {
					if got := c.Country(netip.MustParseAddr(addr)); len(got) > len(db) {
						t.Errorf("byte %d: %q", i, got)
					}
				}
			}
		}
	}
	if _, err := open(db[len(db)-60:]); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("of a cut database: %v", err)
	}
	if _, err := OpenCountries(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}
