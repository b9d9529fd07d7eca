package asset

import (
	"bytes"
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Asset is one host: the addresses that belong together and what was seen of
// them.
type Asset struct {
	ID          string // its MAC if that is known, else its address
	Addrs       []netip.Addr
	MACs        []string // as ECS writes them: 00-00-5E-00-53-01
	Vendors     []string // of the MACs, in their order; "" if unknown
	Name        string   // the best of Names
	Names       []string
	Domain      string
	System      Opinion
	Roles       []string
	Services    []string // "tcp/22 ssh"
	Software    []string // "OpenSSH 9.2p1"
	Devices     []Hardware
	Units       []string
	Certs       []string
	Prints      []string
	Why         []string // each fact: what, how it was told, in which packet
	Packets     []uint64 // the numbers of those packets
	First, Last int64    // Unix nanoseconds
	Flows       uint64
	Sent        uint64 // IP bytes
	Received    uint64
	PacketsSent uint64
	PacketsGot  uint64
	Cut         bool // more was seen than is kept
	Changed     bool // something new was seen since it was told last
}

// Hardware is a device of industrial control by its own words.
type Hardware struct{ Vendor, Product, Model, Serial, Version string }

const (
	// maxJoined is how many addresses one MAC holds before it is taken for
	// something that stands before others.
	maxJoined = 16
	// minForwards is how many addresses of others make a router.
	minForwards = 3
)

// strength orders how an address was told to belong to a MAC.
var strength = map[string]int{"dhcp": 4, "dhcpv6": 4, "arp": 3, "ndp": 3, "profinet": 3, "netbios": 2, "lldp": 2, "cdp": 2, "frame": 1}

// Each calls f with the hosts of which something is known, the one seen first
// first, until it fails. With changed only those that something new was seen of since
// they were told last. The Asset is used again: keep a Clone.
func (t *Table) Each(changed bool, f func(*Asset) error) error {
	var list []*host
	for i := 2; i < len(t.hosts); i++ {
		if h := &t.hosts[i]; !h.dead && h.met {
			list = append(list, h)
		}
	}
	claims := claimed(list)
	for _, group := range groups(list, claims) {
		fresh := false
		for _, h := range group {
			fresh = fresh || !h.told
			h.told = true
		}
		if !fresh && changed {
			continue
		}
		if a := t.join(group, claims); a != nil {
			a.Changed = fresh
			if err := f(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// claim is a MAC that an address is told to belong to.
type claim struct {
	mac      Key
	strength int
	packet   uint64
}

// claimed says which MAC each address belongs to.
func claimed(list []*host) map[Key]claim {
	claims := map[Key]claim{} // by IP address: the best, then the latest
	held := map[Key]int{}     // by MAC: addresses
	for _, h := range list {
		for i := range h.facts {
			f := &h.facts[i]
			if f.Kind != MAC {
				continue
			}
			c := claim{mac: OfMAC([6]byte([]byte(f.Value))), strength: strength[f.Via], packet: f.Packet}
			if old, ok := claims[h.key]; !ok || c.strength > old.strength || c.strength == old.strength && c.packet > old.packet {
				claims[h.key] = c
			}
		}
	}
	for _, c := range claims {
		held[c.mac]++
	}
	if crowded := slices.ContainsFunc(slices.Collect(maps.Values(held)), func(n int) bool { return n > maxJoined }); crowded {
		certain := map[Key]int{}
		for k, c := range claims {
			if held[c.mac] > maxJoined {
				if c.strength <= 1 {
					delete(claims, k)
				} else {
					certain[c.mac]++
				}
			}
		}
		for k, c := range claims {
			if certain[c.mac] > maxJoined {
				delete(claims, k)
			}
		}
	}
	return claims
}

// groups gathers the addresses of one host: those of one MAC.
func groups(list []*host, claims map[Key]claim) (groups [][]*host) {
	at := map[Key]int{}
	groups = make([][]*host, 0, len(list))
	for n, h := range list {
		k := h.key
		if c, ok := claims[k]; ok {
			k = c.mac
		} else if _, ok := k.mac(); !ok {
			groups = append(groups, list[n:n+1:n+1])
			continue
		}
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], h)
	}
	for _, g := range groups {
		slices.SortFunc(g, compareHosts)
	}
	slices.SortFunc(groups, func(a, b []*host) int { return compareHosts(a[0], b[0]) })
	return groups
}

// compareHosts orders by when they were seen first.
func compareHosts(a, b *host) int {
	return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.packet, b.packet), bytes.Compare(a.key[:], b.key[:]))
}

// joiner is what making an Asset needs, used again.
type joiner struct {
	asset    Asset
	facts    []*Fact
	services []*Service
	macs     []Key
	text     []byte // of Why
	ends     []int  // in text
}

// reset empties the lists of a and keeps their memory.
func (a *Asset) reset() {
	*a = Asset{
		Addrs: a.Addrs[:0], MACs: a.MACs[:0], Vendors: a.Vendors[:0], Names: a.Names[:0], Roles: a.Roles[:0], Services: a.Services[:0],
		Software: a.Software[:0], Devices: a.Devices[:0], Units: a.Units[:0], Certs: a.Certs[:0], Prints: a.Prints[:0], Why: a.Why[:0], Packets: a.Packets[:0],
	}
}

// Clone returns a copy that shares nothing with a.
func (a *Asset) Clone() *Asset {
	c := *a
	c.Addrs, c.Devices, c.Packets = slices.Clone(a.Addrs), slices.Clone(a.Devices), slices.Clone(a.Packets)
	for _, l := range []*[]string{&c.MACs, &c.Vendors, &c.Names, &c.Roles, &c.Services, &c.Software, &c.Units, &c.Certs, &c.Prints, &c.Why, &c.System.Why} {
		*l = slices.Clone(*l)
	}
	return &c
}

// join makes the asset of the addresses of one host, nil if only its MAC's
// forwarding is known.
func (t *Table) join(group []*host, claims map[Key]claim) *Asset {
	j := &t.joiner
	a := &j.asset
	a.reset()
	j.facts, j.services, j.macs = j.facts[:0], j.services[:0], j.macs[:0]
	a.First, a.Last = group[0].first, group[0].last
	forwards := 0
	for _, h := range group {
		a.First, a.Last = min(a.First, h.first), max(a.Last, h.last)
		a.Flows += h.flows
		a.Sent += h.sent
		a.Received += h.received
		a.PacketsSent += h.packetsSent
		a.PacketsGot += h.packetsGotten
		a.Cut = a.Cut || h.cut
		if _, ok := h.key.mac(); ok {
			j.macs = append(j.macs, h.key)
		} else {
			a.Addrs = append(a.Addrs, h.key.addr())
		}
		if c, ok := claims[h.key]; ok {
			j.macs = append(j.macs, c.mac)
		}
		for i := range h.facts {
			if f := &h.facts[i]; f.Kind == Forwards {
				forwards++
			} else {
				j.facts = append(j.facts, f)
			}
		}
		for i := range h.services {
			j.services = append(j.services, &h.services[i])
		}
	}
	if forwards >= minForwards {
		a.Roles = append(a.Roles, "router")
	} else if len(a.Addrs) == 0 && len(j.facts) == 0 {
		return nil
	}
	slices.SortFunc(j.facts, func(x, y *Fact) int {
		return cmp.Or(cmp.Compare(x.Packet, y.Packet), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Via, y.Via), cmp.Compare(x.Value, y.Value))
	})
	slices.SortFunc(a.Addrs, func(x, y netip.Addr) int { return x.Compare(y) })
	slices.SortFunc(j.macs, func(x, y Key) int { return bytes.Compare(x[:], y[:]) })
	for _, k := range slices.Compact(j.macs) {
		m, _ := k.mac()
		a.MACs = append(a.MACs, MACText(m))
		a.Vendors = append(a.Vendors, Vendor(m))
	}
	slices.SortFunc(j.services, func(x, y *Service) int {
		return cmp.Or(cmp.Compare(x.proto, y.proto), cmp.Compare(x.Port, y.Port), cmp.Compare(x.App, y.App))
	})
	for _, s := range j.services {
		text := s.Transport + "/" + strconv.Itoa(int(s.Port))
		if s.App != "" {
			text += " " + s.App
		}
		if n := len(a.Services); n == 0 || a.Services[n-1] != text {
			a.Services = append(a.Services, text)
		}
	}
	j.interpret()
	switch {
	case len(a.MACs) == 1:
		a.ID = a.MACs[0]
	case len(a.Addrs) > 0:
		a.ID = a.Addrs[0].String()
	default:
		a.ID = a.MACs[0]
	}
	return a
}

// compareServices orders by transport, then by port.
func compareServices(x, y string) int {
	port := func(s string) (string, int) {
		t, rest, _ := strings.Cut(s, "/")
		n, _, _ := strings.Cut(rest, " ")
		p, _ := strconv.Atoi(n)
		return t, p
	}
	xt, xp := port(x)
	yt, yp := port(y)
	return cmp.Or(cmp.Compare(xt, yt), cmp.Compare(xp, yp), cmp.Compare(x, y))
}

// MACText writes a hardware address as ECS does.
func MACText(m [6]byte) string {
	const digits = "0123456789ABCDEF"
	var s [17]byte
	for i, x := range m {
		s[3*i], s[3*i+1] = digits[x>>4], digits[x&15]
		if i < 5 {
			s[3*i+2] = '-'
		}
	}
	return string(s[:])
}

// nameRank orders how a name was told: what a host says of itself before what
// others call it.
var nameRank = map[string]int{
	"ntlm": 9, "dhcp": 9, "netbios": 8, "profinet": 8, "lldp": 8, "cdp": 8, "snmp": 8, "rdp": 7, "tds": 7, "mdns": 7, "llmnr": 7,
	"kerberos": 6, "syslog": 6, "ike": 5, "nfs": 5, "vnc": 5, "smtp": 4, "dns": 4, "certificate": 3, "tls": 2, "http": 2, "quic": 2,
}

// interpret says what the facts mean.
func (j *joiner) interpret() {
	a, facts := &j.asset, j.facts
	j.text, j.ends = j.text[:0], j.ends[:0]
	var best int
	var op opinions
	var domain int
	add := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for i, f := range facts {
		if i > 0 && f.Kind != MAC && slices.ContainsFunc(facts[:i], func(x *Fact) bool { return x.Kind == f.Kind && x.Via == f.Via && x.Value == f.Value }) {
			continue // another of its addresses told it
		}
		text := f.Value
		switch f.Kind {
		case MAC:
			text = MACText([6]byte([]byte(f.Value))) + " of " + f.Host.addr().String()
		case Name:
			add(&a.Names, f.Value)
			if r := nameRank[f.Via]; r > best || r == best && a.Name == "" {
				a.Name, best = f.Value, r
			}
		case Domain:
			if domain == 0 || f.Via == "ntlm" && domain < 2 {
				a.Domain, domain = f.Value, 1
				if f.Via == "ntlm" {
					domain = 2
				}
			}
		case Role:
			add(&a.Roles, f.Value)
		case Unit:
			add(&a.Units, f.Value)
		case Cert:
			add(&a.Certs, f.Value)
		case Print:
			add(&a.Prints, f.Value)
		case Agent, Client, Server:
			for _, s := range software(f) {
				add(&a.Software, s)
			}
		case Device:
			if r := roles[f.Via]; r != "" {
				add(&a.Roles, r)
			}
			p := append(strings.Split(f.Value, "\x1f"), make([]string, 5)...)
			a.device(Hardware{p[0], p[1], p[2], p[3], p[4]})
			text = strings.Join(strings.FieldsFunc(f.Value, func(r rune) bool { return r == '\x1f' }), " ")
		case Model:
			a.device(Hardware{Product: f.Value})
		}
		op.hear(f)
		if f.Kind != Cert && f.Kind != Print { // they name nothing but themselves
			b := append(append(append(append(j.text, f.Kind.String()...), ' '), text...), ": "...)
			b = append(append(b, f.Via...), ", packet "...)
			j.text = strconv.AppendUint(b, f.Packet, 10)
			j.ends = append(j.ends, len(j.text))
		}
		if n := len(a.Packets); n < maxPackets && (n == 0 || a.Packets[n-1] != f.Packet) {
			a.Packets = append(a.Packets, f.Packet)
		}
	}
	why, at := string(j.text), 0
	for _, end := range j.ends {
		a.Why = append(a.Why, why[at:end])
		at = end
	}
	a.System = op.decide()
	a.guessRoles()
}

// device adds a device, or what one told before says besides: it is asked for
// its properties one by one.
func (a *Asset) device(d Hardware) {
	for i := range a.Devices {
		if x, ok := a.Devices[i].with(d); ok {
			a.Devices[i] = x
			return
		}
	}
	a.Devices = append(a.Devices, d)
}

// with joins two that do not contradict each other.
func (d Hardware) with(o Hardware) (Hardware, bool) {
	theirs := [...]string{o.Vendor, o.Product, o.Model, o.Serial, o.Version}
	for i, p := range [...]*string{&d.Vendor, &d.Product, &d.Model, &d.Serial, &d.Version} {
		if *p != "" && theirs[i] != "" && *p != theirs[i] {
			return Hardware{}, false
		}
		if *p == "" {
			*p = theirs[i]
		}
	}
	return d, true
}

// maxPackets is the most packet numbers an event lists.
const maxPackets = 64

// roles are what a service makes of a host.
var roles = map[string]string{
	"dns": "dns server", "dhcp": "dhcp server", "dhcpv6": "dhcp server", "ntp": "time server", "kerberos": "domain controller",
	"smtp": "mail server", "imap": "mail server", "pop3": "mail server", "smb": "file server", "nfs": "file server", "ftp": "file server",
	"http": "web server", "ldap": "directory", "mysql": "database", "postgresql": "database", "tds": "database", "tns": "database",
	"mongodb": "database", "redis": "database", "cassandra": "database", "socks": "proxy", "radius": "authentication server",
	"modbus": "controller", "s7comm": "controller", "dnp3": "controller", "ethernetip": "controller", "iec60870": "controller",
	"bacnet": "controller", "opc-ua": "controller", "sip": "telephony", "lpd": "printer", "vnc": "remote desktop", "rdp": "remote desktop",
	"openvpn": "vpn server", "wireguard": "vpn server", "ike": "vpn server", "mqtt": "message broker", "amqp": "message broker",
}

// guessRoles adds what the services say.
func (a *Asset) guessRoles() {
	for _, s := range a.Services {
		_, app, _ := strings.Cut(s, " ")
		if r := roles[app]; r != "" && !slices.Contains(a.Roles, r) {
			a.Roles = append(a.Roles, r)
		}
	}
	slices.Sort(a.Roles)
}

// Merge adds what another capture tells of the same host.
func (a *Asset) Merge(b *Asset) {
	union := func(list *[]string, more []string) {
		for _, s := range more {
			if !slices.Contains(*list, s) {
				*list = append(*list, s)
			}
		}
	}
	for _, x := range b.Addrs {
		if !slices.Contains(a.Addrs, x) {
			a.Addrs = append(a.Addrs, x)
		}
	}
	for i, m := range b.MACs {
		if !slices.Contains(a.MACs, m) {
			a.MACs, a.Vendors = append(a.MACs, m), append(a.Vendors, b.Vendors[i])
		}
	}
	for _, d := range b.Devices {
		a.device(d)
	}
	union(&a.Names, b.Names)
	union(&a.Roles, b.Roles)
	union(&a.Services, b.Services)
	slices.SortFunc(a.Services, compareServices)
	union(&a.Software, b.Software)
	union(&a.Units, b.Units)
	union(&a.Certs, b.Certs)
	union(&a.Prints, b.Prints)
	if a.Name == "" {
		a.Name = b.Name
	}
	if a.Domain == "" {
		a.Domain = b.Domain
	}
	if a.System.Name == "" || a.System.Confidence == "low" && b.System.Confidence != "" {
		a.System = b.System
	}
	a.First, a.Last = min(a.First, b.First), max(a.Last, b.Last)
	a.Flows += b.Flows
	a.Sent += b.Sent
	a.Received += b.Received
	a.PacketsSent += b.PacketsSent
	a.PacketsGot += b.PacketsGot
	a.Cut = a.Cut || b.Cut
}
