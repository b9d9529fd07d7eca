package sensor

import "saksi/rules/suricata"

// use makes the worker match by other rules from the next packet on. Flows,
// streams and parsers go on; what the rules know of a flow is carried over.
func (w *worker) use(r *RuleSet) {
	before := w.rules
	w.rules, w.engine = r, nil
	w.wants(r.Intel)
	if r.Suricata != nil {
		w.engine = suricata.NewEngine(r.Suricata)
	}
	if before == nil || before.Suricata == r.Suricata {
		return
	}
	var reload *suricata.Reload
	if before.Suricata != nil && r.Suricata != nil {
		reload = suricata.NewReload(before.Suricata, r.Suricata)
	}
	for _, sh := range w.mine {
		for _, c := range sh.conns {
			switch {
			case c == nil || c.state == nil:
			case reload == nil:
				c.state = nil
			default:
				reload.Flow(c.state)
			}
		}
	}
}

// use makes the merging stage order hits by other rules. Every batch before
// has been merged, so nothing uses the rules before any more.
func (o *order) use(r *RuleSet) {
	before := o.rules
	if before != nil {
		o.settle(true) // by the rules they were begun with
	}
	o.rules = r
	switch {
	case r.Suricata == nil:
		o.orderer = nil
	case o.orderer == nil:
		if o.cfg.ordered == nil {
			o.cfg.ordered = suricata.NewOrder()
		}
		o.orderer = o.cfg.ordered
	default:
		suricata.NewReload(before.Suricata, r.Suricata).Order(o.orderer)
	}
	o.correlate(r.Sigma)
	if before != nil && before.Retired != nil {
		before.Retired()
	}
}

// decodeEvents reports whether a rule asks for what is odd about packets.
func (r *RuleSet) decodeEvents() bool { return r.Suricata != nil && r.Suricata.DecodeEvents() }
