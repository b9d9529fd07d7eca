package intel

import (
	"net/netip"
	"strconv"
	"strings"

	"saksi/event"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func addrText(b []byte) string {
	a, _ := netip.AddrFromSlice(b)
	return a.String()
}

// holds reports whether the event holds every term of a pattern.
func (m *scratch) holds(x *mixed) bool {
	for i := range x.terms {
		if i != x.anchor && !termHolds(&x.terms[i], m.e) {
			return false
		}
	}
	return true
}

// termHolds asks one term of an event: whether one value of its fields
// compares so, or, for "!=", whether there is one and none is equal.
func termHolds(t *Term, e *event.Event) bool {
	there := false
	var buf [256]byte
	for v := range e.All() {
		for _, k := range compared[v.Field] {
			if k != t.Kind && !(t.Kind == BareURL && k == URL) {
				continue
			}
			there = true
			if t.compares(buf[:0], v) {
				return t.Op != NotEqual
			}
		}
	}
	return there && t.Op == NotEqual
}

// compares reports whether a value is equal to the term's, or on the side of it
// that its operator asks for.
func (t *Term) compares(buf []byte, v event.Value) bool {
	if t.textual != nil {
		return t.textual.holds(buf, t.Kind, v)
	}
	switch t.Kind {
	case DestinationPort, SourcePort, FileSize:
		n := v.Int()
		switch t.Op {
		case Less:
			return n < t.number
		case LessEqual:
			return n <= t.number
		case Greater:
			return n > t.number
		case GreaterEqual:
			return n >= t.number
		}
		return n == t.number
	case Protocol, Method:
		return strings.EqualFold(v.Str(), t.key)
	case Network:
		a := v.Addr().Unmap()
		if a.Is4() != (len(t.key) == 5) {
			return false
		}
		return networkKey(a, int(t.key[0])) == t.key
	case Tree, Below:
		b, ok := appendKey(buf, Domain, v)
		name := string(b)
		return ok && (strings.HasSuffix(name, "."+t.key) || t.Kind == Tree && name == t.key)
	}
	b, ok := appendKey(buf, t.Kind, v)
	return ok && string(b) == t.key
}

// text writes a term as STIX does, with ECS names where STIX has none.
func (t *Term) text() string { return comparison(t.Kind, t.Op, t.shown()) }

func (t *Term) shown() string {
	switch t.Kind {
	case DestinationPort, SourcePort, FileSize, Protocol, Method, Path:
		return t.Value
	}
	return valueText(t.Kind, []byte(t.key))
}

func comparison(k Kind, op Op, value string) string {
	path := kinds[k].path
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
	switch k {
	case Address, Network:
		path = addressType(value) + ":value"
	case DestinationPort, SourcePort, FileSize:
		quoted = value
	case Tree:
		return path + " = " + quoted + " OR " + path + " LIKE '%." + quoted[1:]
	case Below:
		return path + " LIKE '%." + quoted[1:]
	}
	if k == Network && op == Equal {
		return path + " ISSUBSET " + quoted
	}
	return path + " " + op.String() + " " + quoted
}

func addressType(value string) string {
	if strings.Contains(value, ":") {
		return "ipv6-addr"
	}
	return "ipv4-addr"
}
