package evidence

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Target is what an act is done to, as far as it is known. What is empty is not
// known, except that an act on what is in no case has no exhibit.
type Target struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	// NoPorts says that there are ports, and that they are not known, as those of
	// a fragment.
	NoPorts   bool
	Names     []string // of hosts, lower case without a dot at the end
	Interface string
	Exhibit   string
	Devices   []string  // the names of one device
	Time      time.Time // of the traffic
}

// Standing is how a target stands to an authority.
type Standing uint8

// Standings.
const (
	Within     Standing = iota
	Outside             // no entry covers it
	Privileged          // a privileged entry names it
)

var standingNames = [...]string{"within", "outside", "privileged"}

func (s Standing) String() string { return standingNames[s] }

// needs says what an entry may name for an act.
var needs = map[Act][]string{
	ActCapture: {"networks", "ports", "interfaces"},
	ActDecrypt: {"networks", "ports", "hosts", "exhibits"},
	ActExtract: {"networks", "ports", "exhibits"},
	ActAcquire: {"devices", "exhibits"},
	ActUnmask:  {"networks", "ports", "hosts", "exhibits"},
}

// Check returns an error that is ErrAuthority if the authority does not name the
// act, or not for this time.
func (a *Authority) Check(act Act, now time.Time) error {
	switch {
	case !slices.Contains(a.Acts, act):
		return fmt.Errorf("%w: %s allows %v, not %s", ErrAuthority, a, a.Acts, act)
	case now.Before(a.From):
		return fmt.Errorf("%w: %s begins at %s", ErrAuthority, a, a.From.UTC().Format(time.RFC3339))
	case a.Expired(now):
		return fmt.Errorf("%w: %s expired at %s", ErrAuthority, a, a.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Expired reports whether the authority may no longer be used.
func (a *Authority) Expired(now time.Time) bool { return !a.Until.IsZero() && !now.Before(a.Until) }

// CheckTarget returns an error that is ErrAuthority unless the act on the
// interface, exhibit or device of s, of which nothing else need be known yet,
// can be within the authority.
func (a *Authority) CheckTarget(act Act, s *Target) error {
	whole := func(e *Scope) bool {
		return (act != ActCapture || matches(e.Interfaces, s.Interface)) && (act == ActCapture || matches(e.Exhibits, s.Exhibit)) &&
			(act != ActAcquire || matches(e.Devices, s.Devices...))
	}
	what := s.name()
	for i := range a.Scope {
		e := &a.Scope[i]
		if e.Privileged && len(e.Networks)+len(e.Ports)+len(e.Hosts) == 0 && e.From.IsZero() && e.Until.IsZero() && e.privileges(s) {
			return fmt.Errorf("%w: %s is privileged by %s", ErrAuthority, what, a)
		}
	}
	if !slices.ContainsFunc(a.Scope, func(e Scope) bool { return e.concerns(act) && whole(&e) }) {
		return fmt.Errorf("%w: %s is not in the scope of %s", ErrAuthority, what, a)
	}
	return nil
}

func (s *Target) name() string {
	switch {
	case s.Interface != "":
		return "interface " + s.Interface
	case s.Exhibit != "":
		return "exhibit " + s.Exhibit
	case len(s.Devices) > 0:
		return "device " + s.Devices[0]
	}
	return "what is no exhibit of a case"
}

// Judge says how an act on s stands to the authority, whatever the time is
// now.
func (a *Authority) Judge(act Act, s *Target) Standing {
	within := Outside
	for i := range a.Scope {
		e := &a.Scope[i]
		switch {
		case e.Privileged:
			if e.privileges(s) {
				return Privileged
			}
		case within == Outside && e.concerns(act) && e.covers(act, s):
			within = Within
		}
	}
	return within
}

// PrivilegedHosts reports whether a privileged entry names hosts, so that names
// need be known.
func (a *Authority) PrivilegedHosts() bool {
	return slices.ContainsFunc(a.Scope, func(e Scope) bool { return e.Privileged && len(e.Hosts) > 0 })
}

// PrivilegedName reports whether a privileged entry names the host.
func (a *Authority) PrivilegedName(name string) bool {
	return slices.ContainsFunc(a.Scope, func(e Scope) bool { return e.Privileged && matchesName(e.Hosts, []string{name}) })
}

// concerns reports whether an entry can cover anything of an act. Names of hosts
// are not known of packets: an entry that has some covers no packets.
func (e *Scope) concerns(act Act) bool {
	if e.Privileged {
		return false
	}
	traffic := len(e.Networks) + len(e.Ports)
	switch act {
	case ActCapture:
		return len(e.Hosts) == 0 && traffic+len(e.Interfaces) > 0
	case ActExtract:
		return len(e.Hosts) == 0 && traffic+len(e.Exhibits) > 0
	case ActDecrypt, ActUnmask:
		return traffic+len(e.Hosts)+len(e.Exhibits) > 0
	case ActAcquire:
		return len(e.Devices)+len(e.Exhibits) > 0
	}
	return false
}

// covers reports whether all that an entry names for an act is met.
func (e *Scope) covers(act Act, s *Target) bool {
	if act == ActAcquire {
		return matches(e.Devices, s.Devices...) && matches(e.Exhibits, s.Exhibit)
	}
	if act == ActCapture && !matches(e.Interfaces, s.Interface) || act != ActCapture && !matches(e.Exhibits, s.Exhibit) {
		return false
	}
	return e.traffic(s) && (len(e.Hosts) == 0 || matchesName(e.Hosts, s.Names))
}

// privileges reports whether all that a privileged entry names is met. What is
// not known of ports counts as met.
func (e *Scope) privileges(s *Target) bool {
	return matches(e.Interfaces, s.Interface) && matches(e.Exhibits, s.Exhibit) && matches(e.Devices, s.Devices...) &&
		e.traffic(s) && (len(e.Hosts) == 0 || matchesName(e.Hosts, s.Names))
}

// traffic reports whether networks, ports and times are met.
func (e *Scope) traffic(s *Target) bool {
	if len(e.Networks) > 0 && !slices.ContainsFunc(e.Networks, func(p netip.Prefix) bool { return p.Contains(s.Src) || p.Contains(s.Dst) }) {
		return false
	}
	if len(e.Ports) > 0 && !s.NoPorts && !slices.Contains(e.Ports, s.SrcPort) && !slices.Contains(e.Ports, s.DstPort) {
		return false
	}
	return !s.Time.Before(e.From) && (e.Until.IsZero() || s.Time.Before(e.Until))
}

// matches reports whether a list, unless it is empty, has one of the names.
func matches(list []string, names ...string) bool {
	return len(list) == 0 || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(list, n) })
}

// matchesName reports whether a pattern of hosts has one of the names.
func matchesName(patterns, names []string) bool {
	for _, n := range names {
		for _, p := range patterns {
			if below, ok := strings.CutPrefix(p, "*"); n == p || ok && strings.HasSuffix(n, below) && len(n) > len(below) {
				return true
			}
		}
	}
	return false
}
