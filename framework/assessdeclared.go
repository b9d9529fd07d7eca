package framework

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"saksi/findings"
)

// maxPeers bounds the hosts outside of one system whose names are asked for.
const maxPeers = 1000

// reached are the states of flows whose connection was answered.
const reached = "event.dataset:saksi.flow AND NOT Saksi.flow.state:(S0 OR REJ OR RSTOS0 OR SH)"

// remote are the protocols by which a host is administered from elsewhere.
const remote = "network.protocol:(ssh OR rdp OR vnc OR telnet OR rlogin OR winrm OR x11 OR teamviewer OR anydesk)"

// declared decides what a register may declare of its systems: what they open
// connections to, where their suppliers come from, which pages they serve, and
// which clouds may be used. What is not declared has no fact.
func (s *assessor) declared() error {
	for _, f := range []func() error{s.gateways, s.sessions, s.pages, s.clouds} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// home reports whether an address is of the agencies' networks, or not one that
// is reached over the Internet.
func (s *assessor) home(a netip.Addr) bool {
	if !a.IsGlobalUnicast() {
		return true
	}
	return slices.ContainsFunc(s.in.Register.Agencies, func(x Agency) bool {
		return slices.ContainsFunc(x.Networks, func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// outside are the values of an address field beyond the agencies' networks and
// the systems of the register.
func (s *assessor) outside(q, field string) ([]findings.Bucket, error) {
	list, err := s.terms(q, field, maxTerms)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(b findings.Bucket) bool {
		a, err := netip.ParseAddr(b.Key)
		return err != nil || s.home(a) || s.hosts.of(b.Key) >= 0
	}), nil
}

// covers reports whether one of a list has an address.
func covers(list []AssetEntry, text string) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && slices.ContainsFunc(list, func(x AssetEntry) bool { return x.Address != "" && x.prefix.Contains(a) })
}

// named reports whether one of a list has a name; "*.x" has every name below x.
func named(list []AssetEntry, name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return slices.ContainsFunc(list, func(x AssetEntry) bool {
		want := strings.ToLower(x.Name)
		if below, ok := strings.CutPrefix(want, "*"); ok {
			return len(name) > len(below) && strings.HasSuffix(name, below)
		}
		return want != "" && name == want
	})
}

// gateways compares the hosts outside that a system opened connections to with
// those it declares. A name is what the system asked for: an address is firmer.
func (s *assessor) gateways() error {
	for i := range s.systems {
		x := &s.systems[i]
		from := addresses("source", hostsOf(x.Assets))
		if len(x.Gateways) == 0 || from == "" {
			continue
		}
		list, err := s.outside(reached+" AND "+from, "destination.ip")
		if err != nil {
			return err
		}
		s.fact("gateways", int64(len(list)))
		asked := 0
		for _, b := range list {
			open, err := s.outsideGateway(x, from, b)
			if err != nil {
				return err
			}
			if open == 0 {
				continue
			}
			if asked++; asked > maxPeers {
				s.fact("gateways", 0, fmt.Sprintf("%s to %s: not looked at, as more than %d hosts are no declared address", x.ID, b.Key, maxPeers))
				continue
			}
			names, err := s.terms("event.dataset:(saksi.tls OR saksi.http OR saksi.quic) AND "+from+" AND destination.ip:"+phrase(b.Key), "destination.domain", maxTerms)
			if err != nil {
				return err
			}
			var other []string
			for _, n := range names {
				if !named(x.Gateways, n.Key) {
					other = append(other, n.Key)
				}
			}
			switch {
			case len(names) == 0:
				s.fact("gateways", 0, fmt.Sprintf("%s to %s: %d flows without a name, and no declared gateway", x.ID, b.Key, open))
			case len(other) > 0:
				s.fact("gateways", 0, fmt.Sprintf("%s to %s (%s): %d flows, and no declared gateway", x.ID, b.Key, strings.Join(other[:min(len(other), 5)], ", "), open))
			}
		}
	}
	return nil
}

// outsideGateway counts the flows to a host that go to no declared address and
// port.
func (s *assessor) outsideGateway(x *SystemEntry, from string, b findings.Bucket) (int64, error) {
	if !covers(x.Gateways, b.Key) {
		return b.Count, nil
	}
	ports, err := s.terms(reached+" AND "+from+" AND destination.ip:"+phrase(b.Key), "destination.port", maxTerms)
	if err != nil {
		return 0, err
	}
	var n int64
	a, _ := netip.ParseAddr(b.Key)
	for _, p := range ports {
		if !slices.ContainsFunc(x.Gateways, func(g AssetEntry) bool {
			return g.Address != "" && g.prefix.Contains(a) && (g.Port == 0 || fmt.Sprint(g.Port) == p.Key)
		}) {
			n += p.Count
		}
	}
	return n, nil
}

// hostsOf are the assets without their ports: a host opens connections from any.
func hostsOf(list []AssetEntry) []AssetEntry {
	list = slices.Clone(list)
	for i := range list {
		list[i].Port = 0
	}
	return list
}

// sessions compares who administers a system from outside with its supplier's
// networks and the end of the contract.
func (s *assessor) sessions() error {
	for i := range s.systems {
		x := &s.systems[i]
		to := addresses("destination", hostsOf(x.Assets))
		if x.Supplier == nil || len(x.Supplier.From) == 0 || to == "" {
			continue
		}
		q := reached + " AND " + remote + " AND " + to
		list, err := s.outside(q, "source.ip")
		if err != nil {
			return err
		}
		s.fact("sessions", int64(len(list)))
		after := map[string]int64{}
		if t, err := time.Parse(time.DateOnly, x.Supplier.Until); err == nil {
			late, err := s.terms(fmt.Sprintf(`%s AND @timestamp:>="%s"`, q, t.Add(24*time.Hour).Format(time.RFC3339)), "source.ip", maxTerms)
			if err != nil {
				return err
			}
			for _, b := range late {
				after[b.Key] = b.Count
			}
		}
		for _, b := range list {
			switch {
			case !covers(x.Supplier.networks, b.Key):
				s.fact("sessions", 0, fmt.Sprintf("%s from %s: %d sessions, and %s does not come from there", x.ID, b.Key, b.Count, x.Supplier.Name))
			case after[b.Key] > 0:
				s.fact("sessions", 0, fmt.Sprintf("%s from %s: %d sessions after the contract of %s ended on %s", x.ID, b.Key, after[b.Key], x.Supplier.Name, x.Supplier.Until))
			}
		}
	}
	return nil
}

// pages compares what was served at an address with what its owner released.
// Content that was not seen whole is not counted.
func (s *assessor) pages() error {
	for i := range s.systems {
		x := &s.systems[i]
		for _, p := range x.Pages {
			list, err := s.terms("event.dataset:saksi.file AND Saksi.flow.direction:to_client AND NOT Saksi.file.incomplete:* AND url.full:"+phrase(p.URL), "file.hash.sha256", maxTerms)
			if err != nil {
				return err
			}
			s.fact("pages", 0)
			for _, b := range list {
				s.fact("pages", b.Count)
				if !slices.Contains(p.SHA256, b.Key) {
					s.fact("pages", 0, fmt.Sprintf("%s: %s was served %d times as %s, which nobody released", x.ID, p.URL, b.Count, b.Key))
				}
			}
		}
	}
	return nil
}

// clouds compares the clouds that the agencies' hosts were in touch with with
// those that may be used.
func (s *assessor) clouds() error {
	r := s.in.Register
	if len(r.Clouds) == 0 {
		return nil
	}
	seen := make([]int64, len(r.Clouds))
	list, err := s.outside(reached, "destination.ip")
	if err != nil {
		return err
	}
	for _, b := range list {
		if i := r.cloudOf(b.Key, ""); i >= 0 {
			seen[i] += b.Count
		}
	}
	// A network that no cloud lists may serve one of its names.
	names, err := s.terms("event.dataset:(saksi.tls OR saksi.http OR saksi.quic)", "destination.domain", maxTerms)
	if err != nil {
		return err
	}
	byName := make([]int64, len(r.Clouds))
	for _, b := range names {
		if i := r.cloudOf("", b.Key); i >= 0 {
			byName[i] += b.Count
		}
	}
	s.fact("clouds", 0)
	for i, c := range r.Clouds {
		if seen[i]+byName[i] == 0 {
			continue
		}
		s.fact("clouds", 1)
		if !c.Sanctioned {
			s.fact("clouds", 0, fmt.Sprintf("%s: %d flows by address, %d sessions by name, and nobody sanctioned it", cmp.Or(c.Title, c.ID), seen[i], byName[i]))
		}
	}
	return nil
}

// cloudOf finds the cloud of an address or a name, -1 for none. Of several
// networks the longest counts, of names the first cloud.
func (r *Register) cloudOf(address, name string) int {
	best, bits := -1, -1
	a, err := netip.ParseAddr(address)
	for i, c := range r.Clouds {
		if name != "" && named(c.assets, name) {
			return i
		}
		for _, p := range c.Networks {
			if err == nil && p.Contains(a) && p.Bits() > bits {
				best, bits = i, p.Bits()
			}
		}
	}
	return best
}
