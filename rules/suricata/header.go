package suricata

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// defaultVars are the variables of Suricata's default configuration
// (suricata.yaml, "vars").
var defaultVars = map[string]string{
	"HOME_NET":        "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]",
	"EXTERNAL_NET":    "!$HOME_NET",
	"HTTP_SERVERS":    "$HOME_NET",
	"SMTP_SERVERS":    "$HOME_NET",
	"SQL_SERVERS":     "$HOME_NET",
	"DNS_SERVERS":     "$HOME_NET",
	"TELNET_SERVERS":  "$HOME_NET",
	"AIM_SERVERS":     "$EXTERNAL_NET",
	"DC_SERVERS":      "$HOME_NET",
	"DNP3_SERVER":     "$HOME_NET",
	"DNP3_CLIENT":     "$HOME_NET",
	"MODBUS_CLIENT":   "$HOME_NET",
	"MODBUS_SERVER":   "$HOME_NET",
	"ENIP_CLIENT":     "$HOME_NET",
	"ENIP_SERVER":     "$HOME_NET",
	"HTTP_PORTS":      "80",
	"SHELLCODE_PORTS": "!80",
	"ORACLE_PORTS":    "1521",
	"SSH_PORTS":       "22",
	"DNP3_PORTS":      "20000",
	"MODBUS_PORTS":    "502",
	"FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]",
	"FTP_PORTS":       "21",
	"GENEVE_PORTS":    "6081",
	"VXLAN_PORTS":     "4789",
	"TEREDO_PORTS":    "3544",
	"SIP_PORTS":       "[5060,5061]",
}

// key128 is an address as two words, or a port in lo.
type key128 struct{ hi, lo uint64 }

func (k key128) cmp(o key128) int { return cmp.Or(cmp.Compare(k.hi, o.hi), cmp.Compare(k.lo, o.lo)) }

func (k key128) next() key128 {
	k.lo++
	if k.lo == 0 {
		k.hi++
	}
	return k
}

func (k key128) prev() key128 {
	if k.lo == 0 {
		k.hi--
	}
	k.lo--
	return k
}

// span is an inclusive range of keys.
type span struct{ lo, hi key128 }

// set is a sorted list of disjoint spans. A nil *set holds everything.
type set struct{ spans []span }

func (s *set) has(k key128) bool {
	if s == nil {
		return true
	}
	lo, hi := 0, len(s.spans)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if s.spans[m].hi.cmp(k) < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo < len(s.spans) && s.spans[lo].lo.cmp(k) <= 0
}

func normalize(in []span) []span {
	slices.SortFunc(in, func(a, b span) int { return a.lo.cmp(b.lo) })
	var out []span
	for _, s := range in {
		if n := len(out); n > 0 && s.lo.cmp(out[n-1].hi) <= 0 {
			if s.hi.cmp(out[n-1].hi) > 0 {
				out[n-1].hi = s.hi
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// minus takes the sorted spans of b out of the sorted spans of a.
func minus(a, b []span) []span {
	var out []span
	for _, s := range a {
		empty := false
		for _, t := range b {
			if t.hi.cmp(s.lo) < 0 || t.lo.cmp(s.hi) > 0 {
				continue
			}
			if t.lo.cmp(s.lo) > 0 {
				out = append(out, span{s.lo, t.lo.prev()})
			}
			if t.hi.cmp(s.hi) >= 0 {
				empty = true
				break
			}
			s.lo = t.hi.next()
		}
		if !empty {
			out = append(out, s)
		}
	}
	return out
}

// addrKey maps IPv4 into ::ffff:0:0/96.
func addrKey(a netip.Addr) key128 {
	b := a.As16()
	return key128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// headers reads address and port expressions; equal ones share one set.
type headers struct {
	vars  map[string]string
	cache map[string]*set
}

// domain is what differs between addresses and ports.
type domain struct {
	name string
	all  span
	atom func(f field) (span, *fault)
}

var (
	addrDomain = domain{"address", span{key128{}, key128{^uint64(0), ^uint64(0)}}, addrAtom}
	portDomain = domain{"port", span{key128{}, key128{0, 65535}}, portAtom}
)

// v4Span are the keys of IPv4.
var v4Span = span{key128{0, 0xffff << 32}, key128{0, 0xffff<<32 | 0xffffffff}}

// mapped reports a span of IPv4.
func mapped(s span) bool { return s.lo.cmp(v4Span.lo) >= 0 && s.hi.cmp(v4Span.hi) <= 0 }

// around is what a negation takes from: all ports, and of addresses those of the
// versions of IP that it names (detect-engine-address.c).
func (d domain) around(not []span) []span {
	if d.name != addrDomain.name || len(not) == 0 {
		return []span{d.all}
	}
	four, six := false, false
	for _, s := range not {
		if mapped(s) {
			four = true
		} else {
			six = true
		}
	}
	switch {
	case four && six:
		return []span{d.all}
	case four:
		return []span{v4Span}
	}
	return minus([]span{d.all}, []span{v4Span})
}

// compile reads an expression; nil stands for any.
func (h *headers) compile(f field, d domain) (*set, *fault) {
	key := d.name + " " + f.s
	if s, ok := h.cache[key]; ok {
		return s, nil
	}
	spans, err := h.expr(f, d, 0)
	if err != nil {
		return nil, err
	}
	var s *set
	if len(spans) != 1 || spans[0] != d.all {
		s = &set{spans}
	}
	if len(spans) == 0 {
		return nil, wrong(f.off, "the "+d.name+" expression matches nothing", "at least one "+d.name)
	}
	h.cache[key] = s
	return s, nil
}

const maxNesting = 16

func (h *headers) expr(f field, d domain, depth int) ([]span, *fault) {
	if depth > maxNesting {
		return nil, wrong(f.off, "the "+d.name+" expression is nested too deep", fmt.Sprintf("at most %d levels", maxNesting))
	}
	t := strings.TrimLeft(f.s, " \t")
	f = field{strings.TrimRight(t, " \t"), f.off + len(f.s) - len(t)}
	switch {
	case f.s == "":
		return nil, wrong(f.off, "an empty "+d.name, "an "+d.name)
	case f.s[0] == '!':
		in, err := h.expr(field{f.s[1:], f.off + 1}, d, depth+1)
		if err != nil {
			return nil, err
		}
		return minus(d.around(in), normalize(in)), nil
	case f.s == "any":
		return []span{d.all}, nil
	case f.s[0] == '$':
		val, ok := h.vars[f.s[1:]]
		if !ok {
			return nil, refused(f.off, "unknown "+d.name+" variable").detail(fmt.Sprintf("the %s variable %s is not set", d.name, f.s)).
				tip("set it, for example --var " + f.s[1:] + "=any")
		}
		return h.expr(field{val, f.off}, d, depth+1)
	case f.s[0] == '[':
		if f.s[len(f.s)-1] != ']' {
			return nil, wrong(f.off+len(f.s), "the list is not closed", "']'")
		}
		return h.list(field{f.s[1 : len(f.s)-1], f.off + 1}, d, depth)
	}
	s, err := d.atom(f)
	if d.name == addrDomain.name && err == nil && !mapped(s) {
		return minus([]span{s}, []span{v4Span}), nil
	}
	return []span{s}, err
}

// list unites its positive members (everything when there are none) and takes
// the negated ones out.
func (h *headers) list(f field, d domain, depth int) ([]span, *fault) {
	var pos, neg []span
	positive := false
	for start, i, level := 0, 0, 0; i <= len(f.s); i++ {
		if i < len(f.s) {
			switch f.s[i] {
			case '[':
				level++
			case ']':
				level--
			}
			if f.s[i] != ',' || level != 0 {
				continue
			}
		}
		part := field{f.s[start:i], f.off + start}
		start = i + 1
		trimmed := strings.TrimLeft(part.s, " \t")
		if strings.HasPrefix(trimmed, "!") {
			in, err := h.expr(field{trimmed[1:], part.off + len(part.s) - len(trimmed) + 1}, d, depth+1)
			if err != nil {
				return nil, err
			}
			neg = append(neg, in...)
			continue
		}
		positive = true
		in, err := h.expr(part, d, depth+1)
		if err != nil {
			return nil, err
		}
		pos = append(pos, in...)
	}
	if !positive {
		pos = d.around(neg)
	}
	return minus(normalize(pos), normalize(neg)), nil
}

func addrAtom(f field) (span, *fault) {
	bad := func() (span, *fault) {
		return span{}, wrong(f.off, fmt.Sprintf("%q is not an address", f.s), "an IP address, a network such as 10.0.0.0/8, a variable or any")
	}
	if a, b, ok := strings.Cut(f.s, "-"); ok {
		lo, err1 := netip.ParseAddr(strings.TrimSpace(a))
		hi, err2 := netip.ParseAddr(strings.TrimSpace(b))
		if err1 != nil || err2 != nil || addrKey(lo).cmp(addrKey(hi)) > 0 || lo.Is4() != hi.Is4() {
			return bad()
		}
		return span{addrKey(lo), addrKey(hi)}, nil
	}
	host, mask, ok := strings.Cut(f.s, "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return bad()
	}
	bits := a.BitLen()
	if ok {
		if m, err := netip.ParseAddr(mask); err == nil && m.Is4() && a.Is4() {
			b := m.As4()
			v := binary.BigEndian.Uint32(b[:])
			bits = 0
			for v&(1<<31) != 0 {
				v <<= 1
				bits++
			}
			if v != 0 {
				return bad()
			}
		} else if bits, err = strconv.Atoi(mask); err != nil {
			return bad()
		}
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return bad()
	}
	lo := addrKey(p.Addr())
	host128 := 128 - bits
	if a.Is4() {
		host128 = 32 - bits
	}
	hi := lo
	for i := range host128 {
		if i < 64 {
			hi.lo |= 1 << i
		} else {
			hi.hi |= 1 << (i - 64)
		}
	}
	return span{lo, hi}, nil
}

func portAtom(f field) (span, *fault) {
	bad := wrong(f.off, fmt.Sprintf("%q is not a port", f.s), "a port from 0 to 65535, a range such as 1024:2048, a variable or any")
	one := func(s string) (uint64, bool) {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
		return n, err == nil
	}
	a, b, isRange := strings.Cut(f.s, ":")
	if !isRange {
		n, ok := one(a)
		if !ok {
			return span{}, bad
		}
		return span{key128{0, n}, key128{0, n}}, nil
	}
	lo, hi, ok := uint64(0), uint64(65535), true
	if strings.TrimSpace(a) != "" {
		lo, ok = one(a)
	}
	if ok && strings.TrimSpace(b) != "" {
		hi, ok = one(b)
	}
	if !ok || lo > hi || a+b == "" {
		return span{}, bad
	}
	return span{key128{0, lo}, key128{0, hi}}, nil
}
