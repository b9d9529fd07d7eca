package suricata

import (
	"fmt"
	"strings"
)

var actions = map[string]Action{
	"alert": Alert, "pass": Pass, "drop": Drop, "reject": Reject, "rejectsrc": Reject, "rejectdst": Reject, "rejectboth": Reject,
}

// passScope is how far a pass rule reaches.
type passScope uint8

const (
	passByKind passScope = iota // what its kind says
	passPacket
	passFlow
)

// action reads ACTION[:SCOPE] (Suricata user guide, "Firewall Mode Design",
// actions and action scopes). A scope says how far an action reaches; what is
// dropped is dropped by nobody here, so that only that of pass has an effect.
func (b *builder) action() *fault {
	name, scope, scoped := strings.Cut(strings.ToLower(b.p.action.s), ":")
	var ok bool
	if b.r.Action, ok = actions[name]; !ok {
		if name == "accept" || name == "config" {
			return refused(b.p.action.off, "the action "+name+map[string]string{"accept": ", which is of firewalls", "config": ", which takes events away"}[name])
		}
		return wrong(b.p.action.off, fmt.Sprintf("unknown action %q", b.p.action.s), "alert, pass, drop, reject, rejectsrc, rejectdst or rejectboth")
	}
	if !scoped {
		return nil
	}
	off := b.p.action.off + len(name) + 1
	switch {
	case b.r.Action == Alert:
		return wrong(off, "alert has no scope", "alert alone")
	case scope == "packet":
		b.r.scope = passPacket
	case scope == "flow":
		b.r.scope = passFlow
	case scope == "tx" || scope == "hook":
		return refused(off, "the scope "+scope+", which is of firewalls")
	default:
		return wrong(off, fmt.Sprintf("unknown scope %q", scope), "packet or flow")
	}
	return nil
}
