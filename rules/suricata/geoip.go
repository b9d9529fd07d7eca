package suricata

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// geoCheck is geoip of a rule: countries of the addresses of a packet.
type geoCheck struct {
	country func(netip.Addr) string
	codes   []string
	neg     bool // none of them
	side    uint32
}

// holds decides an address: one whose country is not known is in none, and not
// outside of any.
func (c *geoCheck) holds(a netip.Addr) bool {
	code := c.country(a)
	return code != "" && slices.Contains(c.codes, code) != c.neg
}

func (c *geoCheck) of(p *Packet) bool {
	switch c.side {
	case repSrc:
		return c.holds(p.Src)
	case repDst:
		return c.holds(p.Dst)
	case repBoth:
		return c.holds(p.Src) && c.holds(p.Dst)
	}
	return c.holds(p.Src) || c.holds(p.Dst)
}

// kwGeoIP takes geoip:[any|src|dst|both,][!]COUNTRY[,COUNTRY...] (Suricata user
// guide, "geoip").
func kwGeoIP(b *builder, o *option) *fault {
	parts := o.val.list()
	c := &geoCheck{country: b.c.country, side: repAny}
	if side, ok := map[string]uint32{"any": repAny, "src": repSrc, "dst": repDst, "both": repBoth}[strings.ToLower(parts[0].s)]; ok {
		c.side, parts = side, parts[1:]
	}
	for i, p := range parts {
		code, neg := strings.CutPrefix(strings.ToUpper(p.s), "!")
		if i == 0 {
			c.neg = neg
		}
		if len(code) != 2 || neg && i > 0 {
			return wrong(p.off, fmt.Sprintf("%q is no country", p.s), "two letters of ISO 3166 such as MY, with ! before the first or none")
		}
		c.codes = append(c.codes, code)
	}
	if len(c.codes) == 0 {
		return wrong(o.val.off, "geoip without a country", "src,MY")
	}
	if c.country == nil {
		return refused(o.key.off, "geoip without a file of countries").tip("give one, for example --countries GeoLite2-Country.mmdb")
	}
	b.r.checks = append(b.r.checks, check{op: ckCountry, geo: c})
	return nil
}
