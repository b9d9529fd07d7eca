package framework

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/dedup"
	"saksi/internal/netplace"
)

// Egress is what the agencies' hosts exchanged with one provider outside.
type Egress struct {
	Provider   string // cloud of the register, else the autonomous system, else the network
	Name       string // its title or organization
	Sanctioned string // yes or no for a cloud of the register; "" for what it does not name
	Hosts      int64  // addresses of the provider
	Inside     int64  // addresses that were in touch with them
	Flows      int64  // that were answered, each once, however many sensors saw it
	Bytes      int64  // of those, both directions
	TwiceFlows int64  // documents of other sensors on the same flows
	TwiceBytes int64  // of those
	Alone      int64  // of Flows, those beyond the newest 4,194,304, which were not compared between sensors
	number     int32
	Names      []string // asked for, in order, at most egressNames
	First      time.Time
	Last       time.Time
	hosts      map[netip.Addr]struct{}
	inside     map[netip.Addr]struct{}
	names      map[string]struct{}
}

// egressNames is how many names of a provider, and of a host, are kept;
// maxEgress bounds the addresses and names that are.
const (
	egressNames = 5
	maxEgress   = 4 << 20
)

// EgressOf tells with whom hosts inside exchanged flows: inside is what the
// agencies of a register have, or without one what is private. Providers are the
// register's clouds, then those of a table of networks; both may be nil. What is
// in neither stands by its /24 or /48.
func EgressOf(ctx context.Context, ix Index, q string, r *Register, table *netplace.Table) ([]Egress, error) {
	g := &egress{s: &assessor{in: Inputs{Register: cmp.Or(r, &Register{})}}, table: table, by: map[string]*Egress{}, asked: map[netip.Addr][]string{}}
	and := func(x string) string {
		if q != "" {
			return "(" + q + ") AND " + x
		}
		return x
	}
	if err := pages(ctx, ix, and("event.dataset:(saksi.tls OR saksi.http OR saksi.quic)"), g.name); err != nil {
		return nil, fmt.Errorf("reading the names that were asked for: %w", err)
	}
	if err := pages(ctx, ix, and(reached), g.flow); err != nil {
		return nil, fmt.Errorf("reading flows: %w", err)
	}
	g.set.Join(nil)
	for _, f := range g.set.Flows {
		x := g.list[f.Tag]
		if f.Counts {
			x.Flows++
			x.Bytes += f.Bytes
		} else {
			x.TwiceFlows++
			x.TwiceBytes += f.Bytes
		}
	}
	list := make([]Egress, 0, len(g.by))
	for _, x := range g.by {
		x.Hosts, x.Inside = int64(len(x.hosts)), int64(len(x.inside))
		for n := range x.names {
			x.Names = append(x.Names, n)
		}
		slices.Sort(x.Names)
		x.Names = x.Names[:min(len(x.Names), egressNames)]
		list = append(list, *x)
	}
	slices.SortFunc(list, func(a, b Egress) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Provider, b.Provider))
	})
	return list, nil
}

type egress struct {
	s     *assessor
	table *netplace.Table
	by    map[string]*Egress
	asked map[netip.Addr][]string // names by address outside
	kept  int
	set   dedup.Set
	list  []*Egress // by number
}

func (g *egress) room(n int) error {
	if g.kept += n; g.kept > maxEgress {
		return fmt.Errorf("more than %d addresses and names; give a query or a shorter time", maxEgress)
	}
	return nil
}

// outside reports whether an address is one of a provider.
func (g *egress) outside(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !g.s.home(a)
}

func (g *egress) name(d findings.Doc) error {
	e, err := event.Parse(d.Body)
	if err != nil {
		return err
	}
	a, _ := e.GetAddr(event.DestinationIP)
	name, ok := e.GetStr(event.DestinationDomain)
	if !ok || !a.IsValid() || !g.outside(a) || slices.Contains(g.asked[a], name) || len(g.asked[a]) >= egressNames {
		return nil
	}
	g.asked[a] = append(g.asked[a], name)
	return g.room(1)
}

func (g *egress) flow(d findings.Doc) error {
	e, err := event.Parse(d.Body)
	if err != nil {
		return err
	}
	from, _ := e.GetAddr(event.SourceIP)
	to, _ := e.GetAddr(event.DestinationIP)
	if !from.IsValid() || !to.IsValid() || g.outside(from) || !g.outside(to) {
		return nil
	}
	x := g.provider(to)
	if len(g.set.Flows) < maxCompared {
		g.set.Add(e, x.number)
	} else {
		x.Flows++
		x.Alone++
		x.Bytes += dedup.Bytes(e)
	}
	if x.First.IsZero() || d.Time.Before(x.First) {
		x.First = d.Time
	}
	if d.Time.After(x.Last) {
		x.Last = d.Time
	}
	n := len(x.hosts) + len(x.inside)
	x.hosts[to], x.inside[from] = struct{}{}, struct{}{}
	for _, name := range g.asked[to] {
		x.names[name] = struct{}{}
	}
	return g.room(len(x.hosts) + len(x.inside) - n)
}

// provider is who an address belongs to: by the register's networks, by a name
// that was asked for there, by the table.
func (g *egress) provider(a netip.Addr) *Egress {
	r := g.s.in.Register
	i := r.cloudOf(a.String(), "")
	for _, n := range g.asked[a] {
		if i < 0 {
			i = r.cloudOf("", n)
		}
	}
	x := Egress{}
	if i >= 0 {
		x.Provider, x.Name, x.Sanctioned = r.Clouds[i].ID, r.Clouds[i].Title, "no"
		if r.Clouds[i].Sanctioned {
			x.Sanctioned = "yes"
		}
	} else if p, ok := g.place(a); ok {
		x.Provider, x.Name = fmt.Sprintf("AS%d", p.Number), p.Name
	} else {
		bits := 24
		if a.Is6() {
			bits = 48
		}
		p, _ := a.Prefix(bits)
		x.Provider = p.String()
	}
	have, ok := g.by[x.Provider]
	if !ok {
		x.hosts, x.inside, x.names = map[netip.Addr]struct{}{}, map[netip.Addr]struct{}{}, map[string]struct{}{}
		have, x.number = &x, int32(len(g.list))
		g.list = append(g.list, have)
		g.by[x.Provider] = have
	}
	return have
}

func (g *egress) place(a netip.Addr) (netplace.Place, bool) {
	if g.table == nil {
		return netplace.Place{}, false
	}
	p, ok := g.table.Of(a)
	return p, ok && p.Number != 0
}
