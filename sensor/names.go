package sensor

import (
	"net/netip"

	"saksi/event"
)

// pair is a client and an address it was given for a name.
type pair [32]byte

func pairOf(client, server netip.Addr) (p pair) {
	a, b := client.As16(), server.As16()
	copy(p[:16], a[:])
	copy(p[16:], b[:])
	return p
}

// seenName is an answer of DNS that names a service.
type seenName struct {
	pair   pair
	suffix uint16
	packet uint64
}

// maxNames bounds each of the two generations of names.
const maxNames = 1 << 15

// nameCache keeps the last two services a client was given an address for. It
// is filled and asked in packet order, so that any number of workers gives the
// same.
type nameCache struct{ young, old map[pair][2]nameEntry }

type nameEntry struct {
	suffix uint16
	packet uint64
}

func newNameCache() nameCache { return nameCache{young: map[pair][2]nameEntry{}} }

func (c *nameCache) add(n *seenName) {
	last, ok := c.young[n.pair]
	if !ok {
		last = c.old[n.pair]
		if len(c.young) >= maxNames {
			c.old, c.young = c.young, map[pair][2]nameEntry{}
		}
	}
	if last[0].suffix != n.suffix {
		last = [2]nameEntry{{n.suffix, n.packet}, last[0]}
	}
	c.young[n.pair] = last
}

// find returns the label of the name that was resolved last before a packet.
func (c *nameCache) find(client, server netip.Addr, packet uint64) label {
	p := pairOf(client, server)
	e, ok := c.young[p]
	if !ok {
		e = c.old[p]
	}
	for _, x := range e {
		if x.suffix != 0 && x.packet < packet {
			return newLabel(byDNSAnswer, x.suffix)
		}
	}
	return 0
}

// label adds to the event of a flow the service that its client was given the
// server's address for. It returns false if there is none.
func (o *order) label(e *event.Event) bool {
	if len(o.names.young) == 0 {
		return false
	}
	a, ok1 := e.GetAddr(event.SourceIP)
	b, ok2 := e.GetAddr(event.DestinationIP)
	if !ok1 || !ok2 {
		return false
	}
	var first uint64
	for v := range e.Values(event.SaksiEvidencePacket) {
		first = uint64(v.Int())
		break
	}
	l := o.names.find(a, b, first)
	if l == 0 { // picked up in its middle, the server may stand first
		l = o.names.find(b, a, first)
	}
	if l == 0 {
		return false
	}
	o.why = addLabel(e, l, o.why[:0])
	return true
}

// flow emits the event of a flow that no content named the application of.
func (o *order) flow(r *result, it *item, e *event.Event) error {
	found := o.label(e)
	if app, ok := e.GetStr(event.NetworkApplication); ok && found {
		n, _ := e.GetInt(event.NetworkBytes)
		addFlows(o.sum.apps, app, 1, uint64(n))
	}
	var err error
	switch {
	case o.enc == nil:
		err = o.sink(e)
	case found:
		o.buf = o.enc.AppendEvent(o.buf[:0], e)
		err = o.write(o.buf)
	default:
		err = o.write(r.encoded[it.from:it.to])
	}
	if err != nil {
		return err
	}
	return o.match(e)
}

// match gives an event of this stage to the rules of Sigma.
func (o *order) match(e *event.Event) error {
	if o.rules.Sigma == nil {
		return nil
	}
	for _, rule := range o.rules.Sigma.MatchEvent(e) {
		if rule.Feeds() {
			hit := o.rules.Sigma.HitEvent(rule, e)
			if err := o.correlator.Add(&hit, e); err != nil {
				return err
			}
		}
		if rule.Silent {
			continue
		}
		rule.Finding(&o.finding, e)
		if err := o.Emit(&o.finding); err != nil {
			return err
		}
	}
	return nil
}
