package framework

import (
	"net/netip"
	"net/url"
	"strings"
)

// Page is what a system serves at one address, as its owner releases it.
type Page struct {
	URL    string   `yaml:"url"`    // in full, as events write it in url.full
	SHA256 []string `yaml:"sha256"` // of the contents that are released
}

// Cloud is a provider of cloud services, and whether agencies may use it.
type Cloud struct {
	ID         string         `yaml:"id"`
	Title      string         `yaml:"title"`
	Sanctioned bool           `yaml:"sanctioned"`
	Networks   []netip.Prefix `yaml:"networks"`
	Names      []string       `yaml:"names"` // "*.x" is every name below x
	assets     []AssetEntry
}

// declared checks what a system declares of its connections, its supplier's
// sessions and its pages.
func (k *registerCheck) declared(i int, x *SystemEntry) error {
	if err := k.assets(i, x.ID+": gateways", x.Gateways); err != nil {
		return err
	}
	for _, g := range x.Gateways {
		if g.Certificate != "" {
			return k.wrong("systems", i, "%s: a gateway is an address or a name, no certificate", x.ID)
		}
	}
	if s := x.Supplier; s != nil {
		for _, from := range s.From {
			s.networks = append(s.networks, AssetEntry{Address: from})
		}
		if err := k.assets(i, x.ID+": supplier: from", s.networks); err != nil {
			return err
		}
	}
	for _, p := range x.Pages {
		if u, err := url.Parse(p.URL); err != nil || u.Scheme == "" || u.Host == "" {
			return k.wrong("systems", i, "%s: pages: %q is no address such as http://host/path", x.ID, p.URL)
		}
		if len(p.SHA256) == 0 {
			return k.wrong("systems", i, "%s: pages: %s: sha256 is needed", x.ID, p.URL)
		}
		for _, d := range p.SHA256 {
			if !hexForm.MatchString(d) {
				return k.wrong("systems", i, "%s: pages: %s: %q is no SHA-256 in hex", x.ID, p.URL, d)
			}
		}
	}
	return nil
}

func (k *registerCheck) clouds() error {
	seen := map[string]bool{}
	for i := range k.r.Clouds {
		x := &k.r.Clouds[i]
		switch {
		case seen[x.ID] || !idForm.MatchString(x.ID):
			return k.wrong("clouds", i, "cloud %q is there twice, or has an id other than a-z, 0-9, . and -", x.ID)
		case len(x.Networks)+len(x.Names) == 0:
			return k.wrong("clouds", i, "%s: networks or names are needed", x.ID)
		}
		seen[x.ID] = true
		for j, p := range x.Networks {
			x.Networks[j] = p.Masked()
		}
		for _, n := range x.Names {
			if n == "" || strings.ContainsAny(n, " \"\\/:()") {
				return k.wrong("clouds", i, "%s: name %q is no host name", x.ID, n)
			}
			x.assets = append(x.assets, AssetEntry{Name: n})
		}
	}
	return nil
}
