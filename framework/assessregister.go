package framework

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"saksi/findings"
)

// maxTerms bounds how many addresses, hosts or sensors an answer is counted by.
const maxTerms = 65536

// silentAfter is the time after which a sensor that told nothing is silent, and
// confirmedFor how long a role's holder counts as confirmed.
const (
	silentAfter  = 24 * time.Hour
	confirmedFor = 365 * 24 * time.Hour
)

// hosts leads from an address to the system of the register that has it.
type hosts struct {
	systems map[netip.Prefix]int
	bits    []int // lengths of prefixes that occur, the longest first; IPv4 counts from 128-32
}

func newHosts(list []SystemEntry) *hosts {
	h := &hosts{systems: map[netip.Prefix]int{}}
	for i := range list {
		for _, a := range list[i].Assets {
			if a.Address == "" {
				continue
			}
			if _, ok := h.systems[a.prefix]; !ok { // the first one of the register has it
				h.systems[a.prefix] = i
			}
			if !slices.Contains(h.bits, a.prefix.Bits()) {
				h.bits = append(h.bits, a.prefix.Bits())
			}
		}
	}
	slices.Sort(h.bits)
	slices.Reverse(h.bits)
	return h
}

// of is the system with an address, -1 for none.
func (h *hosts) of(text string) int {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return -1
	}
	for _, bits := range h.bits {
		if p, err := a.Prefix(bits); err == nil {
			if i, ok := h.systems[p]; ok {
				return i
			}
		}
	}
	return -1
}

// terms counts documents by the values of a field and keeps the question with a
// digest of the answer.
func (s *assessor) terms(q, field string, size int) ([]findings.Bucket, error) {
	full := s.upTo(q)
	list, err := s.ix.Terms(s.ctx, full, field, size)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		list = nil // "none" has one digest, whatever an index calls it
	}
	var n int64
	for _, b := range list {
		n += b.Count
	}
	return list, s.answered("terms "+field+": "+full, n, "", list)
}

// register fills in the systems and the facts that rest on the register.
func (s *assessor) register() error {
	r := s.in.Register
	if r == nil {
		return nil
	}
	s.a.Inputs.Register = &FileInput{Name: r.File, Version: r.Version, SHA256: r.SHA256, Entries: int64(len(r.Systems))}
	for i := range r.Systems {
		if x := &r.Systems[i]; s.inScope(x.Agency) {
			s.systems = append(s.systems, *x)
		}
	}
	s.hosts = newHosts(s.systems)
	s.static()
	for _, f := range []func() error{s.systemCounts, s.exchanges, s.assets, s.outages, s.declared} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// inScope reports whether an agency is within what is assessed.
func (s *assessor) inScope(agency string) bool {
	return s.in.Scope == "" || s.in.Register.Below(agency, s.in.Scope)
}

// fact adds what speaks against a fact.
func (s *assessor) fact(name string, n int64, problems ...string) {
	f := s.facts[name]
	f.N += n
	f.Problems = append(f.Problems, problems...)
	s.facts[name] = f
}

// expired reports whether a day is over at the time of the assessment.
func (s *assessor) expired(day string) bool {
	t, err := time.Parse(time.DateOnly, day)
	return err == nil && !s.in.AsOf.Before(t.Add(24*time.Hour))
}

// static decides what the register alone tells: plans, roles, suppliers.
func (s *assessor) static() {
	for _, x := range s.systems {
		s.fact("plans", 1)
		switch {
		case x.Plan == nil:
			s.fact("plans", 0, x.ID+": no security plan")
		case s.expired(x.Plan.Until):
			s.fact("plans", 0, fmt.Sprintf("%s: its security plan ended on %s", x.ID, x.Plan.Until))
		}
		if x.Supplier == nil {
			continue
		}
		s.fact("suppliers", 1)
		switch {
		case x.Supplier.Contract == "":
			s.fact("suppliers", 0, fmt.Sprintf("%s: supplier %s without a contract", x.ID, x.Supplier.Name))
		case x.Supplier.Until != "" && s.expired(x.Supplier.Until):
			s.fact("suppliers", 0, fmt.Sprintf("%s: the contract of %s ended on %s", x.ID, x.Supplier.Name, x.Supplier.Until))
		}
	}
	for _, x := range s.in.Register.Roles {
		if !s.inScope(x.Agency) {
			continue
		}
		s.fact("roles", 1)
		t, err := time.Parse(time.DateOnly, x.Confirmed)
		switch {
		case x.Holder == "":
			s.fact("roles", 0, fmt.Sprintf("%s of %s: nobody holds it", x.Role, x.Agency))
		case err != nil || s.in.AsOf.Sub(t) > confirmedFor:
			s.fact("roles", 0, fmt.Sprintf("%s of %s: not confirmed within a year", x.Role, x.Agency))
		}
	}
}

// systemCounts counts what was seen on each system, by its addresses; those
// without an address by their names or certificates.
func (s *assessor) systemCounts() error {
	s.a.Systems = make([]System, len(s.systems))
	for i := range s.systems {
		x := &s.systems[i]
		y := &s.a.Systems[i]
		*y = System{
			UUID: newUUID("system", x.Agency, x.ID), ID: x.ID, Title: x.Title, Agency: x.Agency, AgencyPath: s.in.Register.Path(x.Agency), Criticality: x.Criticality,
			LifeEvent: x.LifeEvent, Owner: x.Owner, Profiles: x.Profiles, Shared: x.Uses, Assets: len(x.Assets),
		}
		if x.Supplier != nil {
			y.Supplier = x.Supplier.Name
		}
	}
	for _, c := range []struct {
		q, field string
		to       func(*System) *int64
	}{
		{"", "destination.ip", func(y *System) *int64 { return &y.Documents }},
		{"event.kind:alert", "destination.ip", func(y *System) *int64 { return &y.Findings }},
		{"event.kind:alert AND event.severity:>=3", "destination.ip", func(y *System) *int64 { return &y.Severe }},
		{"event.kind:alert", "source.ip", func(y *System) *int64 { return &y.From }},
	} {
		list, err := s.terms(c.q, c.field, maxTerms)
		if err != nil {
			return err
		}
		for _, b := range list {
			if i := s.hosts.of(b.Key); i >= 0 {
				*c.to(&s.a.Systems[i]) += b.Count
			}
		}
	}
	for i := range s.systems {
		if err := s.byName(&s.systems[i], &s.a.Systems[i]); err != nil {
			return err
		}
		s.a.Systems[i].Seen = s.a.Systems[i].Documents > 0
		if err := s.dataSets(&s.systems[i], &s.a.Systems[i]); err != nil {
			return err
		}
	}
	return nil
}

// byName counts a system that has no address.
func (s *assessor) byName(x *SystemEntry, y *System) error {
	var parts []string
	for _, a := range x.Assets {
		switch {
		case a.Address != "":
			return nil
		case a.Certificate != "":
			parts = append(parts, "tls.server.hash.sha256:"+phrase(a.Certificate))
		default:
			parts = append(parts, "tls.client.server_name:"+a.Name, "url.domain:"+a.Name)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	q := "(" + strings.Join(parts, " OR ") + ")"
	var err error
	if y.Documents, y.Newest, err = s.count(q); err != nil {
		return err
	}
	if y.Findings, _, err = s.count(q + " AND event.kind:alert"); err != nil {
		return err
	}
	y.Severe, _, err = s.count(q + " AND event.kind:alert AND event.severity:>=3")
	return err
}

// addresses is the query for flows whose field is an address of a list; "" for
// none.
func addresses(field string, list []AssetEntry) string {
	var parts []string
	for _, a := range list {
		if a.Address == "" {
			continue
		}
		p := field + ".ip:" + phrase(a.prefix.String())
		if a.Port > 0 {
			p = fmt.Sprintf("(%s AND %s.port:%d)", p, field, a.Port)
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// exchanges compares what systems for sharing exchanged with what is declared.
func (s *assessor) exchanges() error {
	r := s.in.Register
	declared := map[[2]string]*Exchange{}
	sharing := map[string]bool{}
	for i := range r.Exchanges {
		x := &r.Exchanges[i]
		declared[[2]string{x.From, x.To}] = x
		sharing[x.From], sharing[x.To] = true, true
	}
	for i := range s.systems {
		x := &s.systems[i]
		if !sharing[x.ID] && !slices.Contains(x.Profiles, "sharing") {
			continue
		}
		from := addresses("source", x.Assets)
		if from == "" {
			continue
		}
		list, err := s.terms("event.dataset:saksi.flow AND "+from, "destination.ip", maxTerms)
		if err != nil {
			return err
		}
		peers := map[int]int64{}
		for _, b := range list {
			if j := s.hosts.of(b.Key); j >= 0 && j != i {
				peers[j] += b.Count
			}
		}
		for j := range s.systems {
			if peers[j] == 0 {
				continue
			}
			if err := s.exchange(x, &s.systems[j], peers[j], declared); err != nil {
				return err
			}
		}
	}
	return nil
}

// exchange judges flows between two systems, whoever opened them.
func (s *assessor) exchange(a, b *SystemEntry, flows int64, declared map[[2]string]*Exchange) error {
	s.fact("exchanges", 1)
	x := declared[[2]string{a.ID, b.ID}]
	if x == nil {
		x = declared[[2]string{b.ID, a.ID}]
	}
	if x == nil {
		s.fact("exchanges", 0, fmt.Sprintf("%s to %s: %d flows, and no declared exchange", a.ID, b.ID, flows))
		return nil
	}
	if x.Until != "" && s.expired(x.Until) {
		s.fact("exchanges", 0, fmt.Sprintf("%s to %s: %d flows, and exchange %s ended on %s", a.ID, b.ID, flows, x.ID, x.Until))
	}
	if x.MaxBytesDay == 0 {
		return nil
	}
	days, err := s.bytesByDay("event.dataset:saksi.flow AND " + addresses("source", a.Assets) + " AND " + addresses("destination", b.Assets))
	if err != nil {
		return err
	}
	for _, d := range days {
		if d.bytes > x.MaxBytesDay {
			s.fact("exchanges", 0, fmt.Sprintf("%s to %s: %d bytes on %s; exchange %s allows %d a day", a.ID, b.ID, d.bytes, d.day, x.ID, x.MaxBytesDay))
		}
	}
	return nil
}

// assets compares hosts that were seen within the agencies' networks with the
// register.
func (s *assessor) assets() error {
	var own, clients []netip.Prefix
	for _, a := range s.in.Register.Agencies {
		if s.inScope(a.ID) {
			own, clients = append(own, a.Networks...), append(clients, a.Clients...)
		}
	}
	if len(own) == 0 {
		return nil
	}
	seen := map[string]int64{}
	for _, x := range [][2]string{
		{"source.ip", "event.dataset:saksi.flow"},
		{"destination.ip", "event.dataset:saksi.flow AND NOT Saksi.flow.state:(S0 OR REJ OR RSTOS0 OR SH)"}, // who is scanned is no host
	} {
		field, q := x[0], x[1]
		list, err := s.terms(q, field, maxTerms)
		if err != nil {
			return err
		}
		if len(list) == maxTerms {
			s.fact("assets", 0, fmt.Sprintf("more than %d addresses in %s: the rest was not compared", maxTerms, field))
		}
		for _, b := range list {
			seen[b.Key] += b.Count
		}
	}
	within := func(list []netip.Prefix, a netip.Addr) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	var unknown []string
	for text, flows := range seen {
		a, err := netip.ParseAddr(text)
		if err != nil || !within(own, a) {
			continue
		}
		s.fact("assets", 1)
		if !within(clients, a) && s.hosts.of(text) < 0 {
			unknown = append(unknown, fmt.Sprintf("%s: %d flows, and no system of the register has it", text, flows))
		}
	}
	slices.Sort(unknown)
	s.fact("assets", 0, unknown...)
	return nil
}
