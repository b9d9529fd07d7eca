package proto

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
)

// dnsEVE is a message of DNS, multicast DNS or LLMNR, as EVE JSON has it.
type dnsEVE struct {
	eveTx
	app suricata.AppProto
	msg []byte
	// record says that it is a record of its own, not about an alert: answers are
	// grouped, too, and questions of every type are told.
	record bool
}

// dnsTold are the types that Suricata names; others are told by their numbers.
var dnsTold = map[uint16]string{
	1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS", 12: "PTR", 13: "HINFO", 14: "MINFO",
	15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT", 22: "NSAP", 23: "NSAPPTR", 24: "SIG", 25: "KEY", 26: "PX", 27: "GPOS",
	28: "AAAA", 29: "LOC", 30: "NXT", 33: "SRV", 34: "ATMA", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS",
	44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 55: "HIP", 59: "CDS",
	60: "CDNSKEY", 65: "HTTPS", 99: "SPF", 249: "TKEY", 250: "TSIG", 254: "MAILA", 255: "ANY", 256: "URI",
}

// dnsEVEFlags are the flags of a message in the order in which they are told.
var dnsEVEFlags = [...]struct {
	name string
	bit  uint16
}{{"aa", 0x400}, {"tc", 0x200}, {"rd", 0x100}, {"ra", 0x80}, {"z", 0x40}, {"ad", 0x20}, {"cd", 0x10}}

// kind is the event_type of a record.
func (t *dnsEVE) kind() string {
	switch t.app {
	case suricata.AppMDNS:
		return "mdns"
	case suricata.AppLLMNR:
		return "llmnr"
	}
	return "dns"
}

// asked reports whether there is a question: without one there is no record.
func (t *dnsEVE) asked() bool {
	return t.app == suricata.AppMDNS || binary.BigEndian.Uint16(t.msg[4:]) > 0
}

// AppendEVE implements EVE.
func (t *dnsEVE) AppendEVE(m *event.Members) {
	flags := binary.BigEndian.Uint16(t.msg[2:])
	m.Open(t.kind())
	if t.app == suricata.AppMDNS {
		t.way(m, flags)
		m.Int("id", int64(binary.BigEndian.Uint16(t.msg)))
		if flags&0x7f0 != 0 {
			m.Array("flags")
			for _, f := range dnsEVEFlags {
				if flags&f.bit != 0 {
					m.Str("", f.name)
				}
			}
			m.End()
		}
		m.Int("opcode", int64(flags>>11&15))
		m.Int("rcode", int64(flags&15))
	} else {
		m.Int("version", 3)
		t.way(m, flags)
		m.Int("tx_id", int64(t.Number()-1))
		m.Int("id", int64(binary.BigEndian.Uint16(t.msg)))
		m.Str("flags", strconv.FormatUint(uint64(flags), 16))
		if flags&0x8000 != 0 {
			m.Bool("qr", true)
		}
		for _, f := range dnsEVEFlags[:5] {
			if flags&f.bit != 0 {
				m.Bool(f.name, true)
			}
		}
		m.Int("opcode", int64(flags>>11&15))
		if code := flags & 15; code <= 10 {
			m.Str("rcode", dnsCodes[code])
		} else {
			m.Str("rcode", strconv.Itoa(int(code)))
		}
	}
	if at, ok := t.questions(m); ok {
		t.sections(m, at)
	}
	m.Close()
}

func (t *dnsEVE) way(m *event.Members, flags uint16) {
	if flags&0x8000 != 0 {
		m.Str("type", "response")
	} else {
		m.Str("type", "request")
	}
}

// typeName is a record's type as it is told.
func (t *dnsEVE) typeName(typ uint16) string {
	s := dnsTold[typ]
	if s == "" {
		return strconv.Itoa(int(typ))
	}
	if t.app == suricata.AppMDNS {
		return strings.ToLower(s)
	}
	return s
}

// questions writes the questions and gives the offset behind them.
func (t *dnsEVE) questions(m *event.Members) (at int, ok bool) {
	at = 12
	n := int(binary.BigEndian.Uint16(t.msg[4:]))
	if n == 0 {
		return at, true
	}
	m.Array("queries")
	defer m.End()
	for range n {
		name, next, ok := t.name(at)
		if !ok || next+4 > len(t.msg) || m.Full() {
			return at, false
		}
		typ := binary.BigEndian.Uint16(t.msg[next:])
		at = next + 4
		if dnsTold[typ] == "" && !t.record && t.app != suricata.AppMDNS {
			continue
		}
		m.Open("")
		m.Blob("rrname", name.text)
		m.Str("rrtype", t.typeName(typ))
		if name.cut {
			m.Bool("rrname_truncated", true)
		}
		m.Close()
	}
	return at, true
}

// dnsRecord is a record of a message: its data begin at an offset.
type dnsRecord struct {
	name dnsName
	typ  uint16
	ttl  uint32
	data []byte
	at   int
}

// sections writes answers, authorities and additional records.
func (t *dnsEVE) sections(m *event.Members, at int) {
	for i, section := range [3]string{"answers", "authorities", "additionals"} {
		var groups dnsGroups
		open, full := false, false
		for range int(binary.BigEndian.Uint16(t.msg[6+2*i:])) {
			name, next, ok := t.name(at)
			if !ok || next+10 > len(t.msg) || m.Full() {
				full = true
				break
			}
			r := dnsRecord{name: name, typ: binary.BigEndian.Uint16(t.msg[next:]), ttl: binary.BigEndian.Uint32(t.msg[next+4:]), at: next + 10}
			at = r.at + int(binary.BigEndian.Uint16(t.msg[next+8:]))
			if at > len(t.msg) {
				full = true
				break
			}
			r.data = t.msg[r.at:at]
			if i == 2 && r.typ == 41 && len(r.data) == 0 {
				continue
			}
			if !open {
				m.Array(section)
				open = true
			}
			t.tell(m, &r)
			if i == 0 && t.record && t.app != suricata.AppMDNS {
				groups.add(t, &r)
			}
		}
		if open {
			m.End()
			if i == 0 && t.record && t.app != suricata.AppMDNS {
				groups.tell(m)
			}
		}
		if full {
			return
		}
	}
}

// tell writes a record: of DNS each of the texts of a TXT as one of its own.
func (t *dnsEVE) tell(m *event.Members, r *dnsRecord) {
	one := func(key string, put func(key string)) {
		m.Open("")
		m.Blob("rrname", r.name.text)
		if r.name.cut {
			m.Bool("rrname_truncated", true)
		}
		if t.app != suricata.AppMDNS {
			m.Str("rrtype", t.typeName(r.typ))
			m.Int("ttl", int64(r.ttl))
		}
		put(key)
		m.Close()
	}
	if t.app == suricata.AppMDNS {
		one(t.typeName(r.typ), func(key string) { t.data(m, key, r) })
		return
	}
	if r.typ == 16 {
		for _, text := range dnsTexts(r.data) {
			one("rdata", func(key string) { m.Blob(key, text) })
		}
		return
	}
	one(dnsKey(r.typ), func(key string) {
		if key != "" {
			t.data(m, key, r)
		}
	})
}

// dnsKey is the member that tells of the data of a type; empty for none.
func dnsKey(typ uint16) string {
	switch typ {
	case 1, 28, 5, 15, 2, 12, 16, 10:
		return "rdata"
	case 6:
		return "soa"
	case 44:
		return "sshfp"
	case 33:
		return "srv"
	case 41:
		return "opt"
	}
	return ""
}

// dnsTexts are the texts of a TXT record (RFC 1035 section 3.3.14).
func dnsTexts(v []byte) (list [][]byte) {
	for len(v) > 0 {
		n := min(int(v[0]), len(v)-1)
		list = append(list, v[1:1+n])
		v = v[1+n:]
	}
	return list
}

// dnsAddress is an address as Suricata writes it: IPv6 in full.
func dnsAddress(v []byte) string {
	switch len(v) {
	case 4:
		return netip.AddrFrom4([4]byte(v)).String()
	case 16:
		var s strings.Builder
		for i := 0; i < 16; i += 2 {
			if i > 0 {
				s.WriteByte(':')
			}
			fmt.Fprintf(&s, "%02x%02x", v[i], v[i+1])
		}
		return s.String()
	}
	return ""
}

// data writes the data of a record under a key; an element if it is empty.
func (t *dnsEVE) data(m *event.Members, key string, r *dnsRecord) {
	v := r.data
	named := func(key string, at int, cut string) int {
		name, next, ok := t.name(at)
		if !ok {
			return len(t.msg)
		}
		m.Blob(key, name.text)
		if name.cut && cut != "" {
			m.Bool(cut, true)
		}
		return next
	}
	cut := "rdata_truncated"
	if key == "" {
		cut = ""
	}
	switch r.typ {
	case 1, 28:
		m.Str(key, dnsAddress(v))
	case 2, 5, 12:
		named(key, r.at, cut)
	case 15:
		named(key, r.at+2, cut)
	case 6:
		m.Open(key)
		at := named("rname", named("mname", r.at, "mname_truncated"), "rname_truncated")
		if at+20 <= len(t.msg) {
			for i, k := range [...]string{"serial", "refresh", "retry", "expire", "minimum"} {
				m.Int(k, int64(binary.BigEndian.Uint32(t.msg[at+4*i:])))
			}
		}
		m.Close()
	case 33:
		if len(v) < 6 {
			return
		}
		m.Open(key)
		for i, k := range [...]string{"priority", "weight", "port"} {
			m.Int(k, int64(binary.BigEndian.Uint16(v[2*i:])))
		}
		named("name", r.at+6, "")
		m.Close()
	case 44:
		if len(v) < 2 {
			return
		}
		m.Open(key)
		m.Str("fingerprint", colonHex(v[2:]))
		m.Int("algo", int64(v[0]))
		m.Int("type", int64(v[1]))
		m.Close()
	case 41:
		m.Array(key)
		for len(v) >= 4 && !m.Full() {
			n := min(int(binary.BigEndian.Uint16(v[2:])), len(v)-4)
			m.Open("")
			m.Int("code", int64(binary.BigEndian.Uint16(v)))
			m.Hex("data", v[4:4+n])
			m.Close()
			v = v[4+n:]
		}
		m.End()
	case 16: // of multicast DNS
		m.Array(key)
		for _, text := range dnsTexts(v) {
			m.Blob("", text)
		}
		m.End()
	default:
		m.Blob(key, v)
	}
}

// colonHex writes bytes as pairs of hexadecimal digits with colons between.
func colonHex(b []byte) string {
	var s strings.Builder
	for i, c := range b {
		if i > 0 {
			s.WriteByte(':')
		}
		fmt.Fprintf(&s, "%02x", c)
	}
	return s.String()
}

// dnsGroups are the data of answers by their type, in the order they came.
type dnsGroups struct {
	names []string
	data  map[string]*event.Members
}

func (g *dnsGroups) add(t *dnsEVE, r *dnsRecord) {
	if key := dnsKey(r.typ); key == "" || key == "opt" {
		return
	}
	name := t.typeName(r.typ)
	m := g.data[name]
	if m == nil {
		if g.data == nil {
			g.data = map[string]*event.Members{}
		}
		m = &event.Members{}
		g.data[name] = m
		g.names = append(g.names, name)
	}
	if r.typ == 16 {
		for _, text := range dnsTexts(r.data) {
			m.Blob("", text)
		}
		return
	}
	t.data(m, "", r)
}

func (g *dnsGroups) tell(m *event.Members) {
	m.Open("grouped")
	for _, name := range g.names {
		m.Array(name)
		m.Add(g.data[name])
		m.End()
	}
	m.Close()
}

// dnsName is a name, its labels parted by dots as they are.
type dnsName struct {
	text []byte
	cut  bool // it was longer
}

const (
	// maxDNSTold is the longest name that is told of whole.
	maxDNSTold = 1025
	// maxDNSWalk is how far a name is followed to its end: many names may point
	// into one long one.
	maxDNSWalk = 4 << 10
)

// name reads the name at an offset and gives the one behind it.
func (t *dnsEVE) name(at int) (name dnsName, next int, ok bool) {
	b := t.msg
	next = -1
	for jumps, walked := 0, 0; at < len(b) && walked < maxDNSWalk; walked++ {
		switch n := int(b[at]); {
		case n == 0:
			if next < 0 {
				next = at + 1
			}
			return name, next, true
		case n < 0x40 && at+1+n <= len(b):
			if len(name.text) > maxDNSTold {
				name.cut = true
			} else {
				if len(name.text) > 0 {
					name.text = append(name.text, '.')
				}
				name.text = append(name.text, b[at+1:at+1+n]...)
			}
			at += 1 + n
			walked += n
		case n >= 0xc0 && at+1 < len(b):
			if next < 0 {
				next = at + 2
			}
			if jumps++; jumps > maxDNSJumps {
				return name, 0, false
			}
			at = n&0x3f<<8 | int(b[at+1])
		default:
			return name, 0, false
		}
	}
	return name, 0, false
}
