// Package asset keeps what was seen of each host: addresses, names, operating
// system, software, services, certificates, devices of industrial control.
// Start with NewTable: the sensor's ordered stage gives it flows and facts in
// packet order, so that it holds the same for any number of workers, and asks
// for the Assets at the end. Facts are kept as they were seen; what they mean is
// decided when an Asset is made.
package asset

import (
	"net/netip"
	"strings"
)

// Kind is what a Fact tells.
type Kind uint8

// Kinds of facts. The value is text unless said otherwise.
const (
	MAC        Kind = iota + 1 // six bytes: the address of the interface
	Name                       // a name of the host
	Domain                     // the domain or work group it belongs to
	System                     // what the host, or one that knows it, says its system is
	Build                      // version of Windows as "10.0.19041"
	SYN                        // how its system opens TCP connections, see Signature
	Agent                      // User-Agent of a client
	Client                     // software of a client, as it names itself
	Server                     // software of a server, as it names itself
	Class                      // vendor class of DHCP
	Parameters                 // options a DHCP client asks for, such as "1,3,6"
	Cert                       // SHA-256 of a certificate it showed
	Print                      // fingerprint of software, such as "ja4 t13d..."
	Role                       // what it does for others, such as router
	Forwards                   // an address whose packets it passes on
	Unit                       // address of a station behind it, such as a Modbus unit
	Device                     // "vendor\x1fproduct\x1fmodel\x1fserial\x1fversion"
	Model                      // model of the machine
	numKinds
)

var kindNames = [numKinds]string{
	"", "mac", "name", "domain", "system", "build", "syn", "user_agent", "client", "server", "vendor_class", "dhcp_parameters",
	"certificate", "fingerprint", "role", "forwards", "unit", "device", "model",
}

func (k Kind) String() string { return kindNames[k] }

// Fact is one thing seen of a host.
type Fact struct {
	Host   Key
	Kind   Kind
	Value  string
	Via    string // how it was told: arp, dhcp, ntlm ...; a constant
	Packet uint64 // in which it was seen first
	Time   int64  // of it, Unix nanoseconds
	// Hearsay is another's word: it makes no asset of an address that was not
	// seen itself.
	Hearsay bool
}

// Key is what facts are gathered by: an IP address, IPv4 in its IPv4-mapped
// form, or a hardware address.
type Key [16]byte

// macKey begins a Key that is a hardware address: within a range of IPv6 that
// no host holds (RFC 6666, "discard only").
var macKey = [10]byte{0x01, 0x00, 0, 0, 0, 0, 0, 0, 0xff, 0x5a}

// OfMAC is the Key of a hardware address.
func OfMAC(mac [6]byte) (k Key) {
	copy(k[:], macKey[:])
	copy(k[10:], mac[:])
	return k
}

// Of is the Key of an IP address, IPv4 in its IPv4-mapped form.
func Of(a [16]byte) Key {
	if [10]byte(a[:10]) == macKey {
		return Key{}
	}
	return a
}

// mac returns the hardware address of a Key that is one.
func (k Key) mac() (m [6]byte, ok bool) {
	copy(m[:], k[10:])
	return m, [10]byte(k[:10]) == macKey
}

// addr is the IP address of a Key that is one.
func (k Key) addr() netip.Addr { return netip.AddrFrom16(k).Unmap() }

// Holds reports whether the Key can be one host's: unicast, and not what stands
// for no address.
func (k Key) Holds() bool {
	if m, ok := k.mac(); ok {
		return m[0]&1 == 0 && m != [6]byte{}
	}
	a := k.addr()
	return !a.IsMulticast() && !a.IsUnspecified() && !a.IsLoopback() && (!a.Is4() || a.As4()[0] != 0 && a.As4() != [4]byte{255, 255, 255, 255})
}

// Service is a port that a host answers at.
type Service struct {
	Transport string // tcp, udp
	Port      uint16
	App       string // protocol by content; empty if unknown
	Packet    uint64
	proto     uint8
}

// Flow is what a flow tells of its two hosts.
type Flow struct {
	Orig, Resp  Key
	Proto       uint8
	Port        uint16 // of the responder
	App         string
	First, Last int64
	Bytes       [2]uint64 // IP bytes by originator, responder
	Packets     [2]uint32
	Packet      uint64 // number of the first
	Served      bool   // the responder offered a service
}

// Limits bound what is kept. Zero values take the defaults.
type Limits struct {
	Hosts int // addresses told apart; 0 is 65,536
	Bytes int // of facts; 0 is 32 MiB
}

const (
	defaultHosts = 1 << 16
	defaultBytes = 32 << 20
	// maxFacts and maxServices bound what one address may tell; beyond it,
	// the asset says that it is incomplete.
	maxFacts    = 64
	maxServices = 64
	// maxOfKind bounds the facts of one kind, so that a server of a thousand
	// names has room for its system.
	maxOfKind = 24
	// maxValue bounds a text that a peer chose.
	maxValue = 256
	factCost = 80 // bytes of a Fact besides its value
)

// host is what is kept of one address.
type host struct {
	key                        Key
	prev, next                 int32
	moved                      uint64 // Table.tick when it came to the front of its list
	met                        bool   // something came back to it, or it told something
	told                       bool   // nothing new since it was emitted
	cut                        bool   // more facts than are kept
	dead                       bool
	first, last                int64
	packet                     uint64 // number of the first
	flows                      uint64
	sent, received             uint64 // IP bytes
	packetsSent, packetsGotten uint64
	facts                      []Fact
	services                   []Service
}

// Lists of hosts are rings, those seen last near the front. Their anchors are the
// first two of Table.hosts.
const (
	strangers = iota // addresses that only sent, and told nothing
	known
)

// Table keeps hosts. What makes room for others was told before, by Evicted.
type Table struct {
	limits Limits
	index  map[Key]int32
	hosts  []host
	free   []int32
	bytes  int
	tick   uint64 // counts touches
	joiner joiner
	// Evicted is called with the asset of an address that makes room for
	// others, which is used again; nil for nothing.
	Evicted func(*Asset)
	// Early is how often that was, Unmet how often of an address that only
	// sent, which tells no asset.
	Early, Unmet uint64
	// Cut is the number of facts beyond those kept of an address.
	Cut uint64
}

// NewTable makes a Table.
func NewTable(l Limits) *Table {
	if l.Hosts <= 0 {
		l.Hosts = defaultHosts
	}
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	t := &Table{limits: l, index: map[Key]int32{}, hosts: make([]host, 2, 64)}
	for i := range t.hosts {
		t.hosts[i].prev, t.hosts[i].next = int32(i), int32(i)
	}
	return t
}

func (t *Table) unlink(i int32) {
	h := &t.hosts[i]
	t.hosts[h.prev].next, t.hosts[h.next].prev = h.next, h.prev
}

func (t *Table) link(i, list int32) {
	h, a := &t.hosts[i], &t.hosts[list]
	h.prev, h.next = list, a.next
	t.hosts[a.next].prev = i
	a.next = i
}

// touch finds or makes the host of a key.
func (t *Table) touch(k Key, packet uint64, first, last int64, met bool) *host {
	t.tick++
	i, ok := t.index[k]
	if !ok {
		if len(t.index) >= t.limits.Hosts {
			t.evict()
		}
		if n := len(t.free); n > 0 {
			i = t.free[n-1]
			t.free = t.free[:n-1]
		} else {
			t.hosts = append(t.hosts, host{})
			i = int32(len(t.hosts) - 1)
		}
		t.hosts[i] = host{key: k, packet: packet, first: first, last: last, met: met}
		t.index[k] = i
		t.front(i)
		return &t.hosts[i]
	}
	h := &t.hosts[i]
	h.first, h.last = min(h.first, first), max(h.last, last)
	h.packet = min(h.packet, packet)
	if met && !h.met || t.tick-h.moved > uint64(t.limits.Hosts/8) { // those near the front need not move
		h.met = h.met || met
		t.unlink(i)
		t.front(i)
	}
	return h
}

// front puts a host at the front of its list.
func (t *Table) front(i int32) {
	h := &t.hosts[i]
	h.moved = t.tick
	if h.met {
		t.link(i, known)
	} else {
		t.link(i, strangers)
	}
}

// evict ends the address that was not seen for the longest, strangers first.
func (t *Table) evict() {
	i := t.hosts[strangers].prev
	if i == strangers {
		if i = t.hosts[known].prev; i == known {
			return
		}
		t.Early++
		if h := &t.hosts[i]; t.Evicted != nil && !h.told {
			list := []*host{h}
			if a := t.join(list, claimed(list)); a != nil {
				t.Evicted(a)
			}
		}
	} else {
		t.Unmet++
	}
	h := &t.hosts[i]
	t.unlink(i)
	delete(t.index, h.key)
	for k := range h.facts {
		t.bytes -= len(h.facts[k].Value) + factCost
	}
	*h = host{dead: true}
	t.free = append(t.free, i)
}

// Flow adds a flow that has ended.
func (t *Table) Flow(f *Flow) {
	both := f.Packets[0] > 0 && f.Packets[1] > 0
	for side, k := range [2]Key{f.Orig, f.Resp} {
		if f.Packets[side] == 0 {
			if _, ok := t.index[k]; !ok { // nothing was seen of it
				continue
			}
		} else if !k.Holds() {
			continue
		}
		h := t.touch(k, f.Packet, f.First, f.Last, both)
		h.flows++
		h.sent += f.Bytes[side]
		h.received += f.Bytes[1-side]
		h.packetsSent += uint64(f.Packets[side])
		h.packetsGotten += uint64(f.Packets[1-side])
		h.told = false
		if side == 1 && f.Served {
			h.serve(t, f)
		}
	}
}

// serve notes the service of a flow.
func (h *host) serve(t *Table, f *Flow) {
	for i := range h.services {
		if s := &h.services[i]; s.Port == f.Port && s.proto == f.Proto {
			if s.App == "" {
				s.App = f.App
			}
			return
		}
	}
	if len(h.services) >= maxServices {
		h.cut = true
		t.Cut++
		return
	}
	name := "tcp"
	if f.Proto == 17 {
		name = "udp"
	}
	h.services = append(h.services, Service{Transport: name, Port: f.Port, App: f.App, Packet: f.Packet, proto: f.Proto})
}

// Add adds a fact. Its strings are copied.
func (t *Table) Add(f *Fact) {
	if f.Value == "" || !f.Host.Holds() {
		return
	}
	value := f.Value[:min(len(f.Value), maxValue)]
	h := t.touch(f.Host, f.Packet, f.Time, f.Time, f.Kind != SYN && !f.Hearsay)
	same := 0
	for i := range h.facts {
		if x := &h.facts[i]; x.Kind == f.Kind {
			if x.Value == value && x.Via == f.Via {
				return
			}
			same++
		}
	}
	if f.Kind == Forwards && same >= minForwards {
		return
	}
	if same >= maxOfKind || len(h.facts) >= maxFacts {
		h.cut = true
		t.Cut++
		return
	}
	h.told = false
	if h.facts == nil {
		h.facts = make([]Fact, 0, 4)
	}
	h.facts = append(h.facts, Fact{Host: f.Host, Kind: f.Kind, Value: strings.Clone(value), Via: f.Via, Packet: f.Packet, Time: f.Time})
	for t.bytes += len(value) + factCost; t.bytes > t.limits.Bytes; {
		t.evict()
	}
}
