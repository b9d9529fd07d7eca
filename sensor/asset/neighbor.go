package asset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// EtherTypes of the frames that tell of their sender (IANA "IEEE 802 Numbers";
// CDP's is a SNAP protocol of Cisco).
const (
	etherARP      = 0x0806
	etherCDP      = 0x2000
	etherPROFINET = 0x8892
	etherLLDP     = 0x88cc
)

// Frame gives add what a frame that is no IP packet tells of its sender: src is
// its address, b what follows the EtherType. add gets facts without packet and
// time.
func Frame(ether uint16, src [6]byte, b []byte, add func(Fact)) {
	switch ether {
	case etherARP:
		arp(b, add)
	case etherLLDP:
		lldp(src, b, add)
	case etherCDP:
		cdp(src, b, add)
	case etherPROFINET:
		profinet(src, b, add)
	}
}

// arp reads RFC 826.
//
//	0 hardware (1)  2 protocol (0x800)  4 lengths 6, 4  6 operation  8 sender MAC  14 sender IP  18 target MAC  24 target IP
func arp(b []byte, add func(Fact)) {
	if len(b) < 28 || binary.BigEndian.Uint64(b)>>16 != 0x000108000604 {
		return
	}
	held(netip.AddrFrom4([4]byte(b[14:18])), [6]byte(b[8:14]), "arp", add)
}

// held tells that a MAC holds an address.
func held(a netip.Addr, mac [6]byte, via string, add func(Fact)) {
	if k := Of(a.As16()); k.Holds() && OfMAC(mac).Holds() {
		add(Fact{Host: k, Kind: MAC, Value: string(mac[:]), Via: via})
	}
}

// ND gives add what a message of Neighbor Discovery (RFC 4861 section 4) tells:
// the MACs in its options, and who is a router.
//
//	133 solicitation of routers: options at 8
//	134 advertisement of a router: options at 16
//	135 solicitation: target at 8, options at 24; 136 its answer
func ND(src netip.Addr, b []byte, add func(Fact)) {
	if len(b) < 8 || b[0] < 133 || b[0] > 136 {
		return
	}
	at, option := [...]int{8, 16, 24, 24}[b[0]-133], byte(1)
	if len(b) < at {
		return
	}
	switch b[0] {
	case 134:
		add(Fact{Host: Of(src.As16()), Kind: Role, Value: "router", Via: "ndp"})
	case 136:
		src, option = netip.AddrFrom16([16]byte(b[8:24])), 2
	}
	for b = b[at:]; len(b) >= 8 && b[1] > 0 && int(b[1])*8 <= len(b); b = b[int(b[1])*8:] {
		if b[0] == option && b[1] == 1 {
			held(src, [6]byte(b[2:8]), "ndp", add)
			return
		}
	}
}

// lldp reads IEEE 802.1AB: elements of type (7 bits), length (9 bits), value.
func lldp(src [6]byte, b []byte, add func(Fact)) {
	tell := func(k Kind, v string) { add(Fact{Host: OfMAC(src), Kind: k, Value: v, Via: "lldp"}) }
	for range 64 {
		if len(b) < 2 {
			return
		}
		h := binary.BigEndian.Uint16(b)
		n := int(h & 0x1ff)
		if h == 0 || 2+n > len(b) {
			return
		}
		v := b[2 : 2+n]
		b = b[2+n:]
		switch h >> 9 {
		case 5:
			tell(Name, text(v))
		case 6:
			tell(System, text(v))
			tell(Device, "\x1f"+text(v))
		case 7: // what it can do, what it does
			if n >= 4 {
				capabilities(binary.BigEndian.Uint16(v[2:]), lldpRoles, tell)
			}
		case 8: // length, family, address
			if n >= 6 && v[0] == 5 && v[1] == 1 {
				held(netip.AddrFrom4([4]byte(v[2:6])), src, "lldp", add)
			} else if n >= 18 && v[0] == 17 && v[1] == 2 {
				held(netip.AddrFrom16([16]byte(v[2:18])), src, "lldp", add)
			}
		}
	}
}

// lldpRoles are the capabilities of IEEE 802.1AB section 8.5.8, cdpRoles those
// of CDP, by bit.
var (
	lldpRoles = map[int]string{2: "switch", 3: "access point", 4: "router", 5: "telephony"}
	cdpRoles  = map[int]string{0: "router", 1: "switch", 3: "switch", 7: "telephony"}
)

func capabilities(bits uint16, names map[int]string, tell func(Kind, string)) {
	for i := range 16 {
		if bits&(1<<i) != 0 && names[i] != "" {
			tell(Role, names[i])
		}
	}
}

// cdp reads Cisco Discovery Protocol, as Cisco's and others' sources describe
// it: version, time to live, checksum (2), elements of type (2), length with
// these four bytes (2), value.
func cdp(src [6]byte, b []byte, add func(Fact)) {
	tell := func(k Kind, v string) { add(Fact{Host: OfMAC(src), Kind: k, Value: v, Via: "cdp"}) }
	if len(b) < 4 {
		return
	}
	var platform string
	b = b[4:]
	for range 64 {
		if len(b) < 4 {
			break
		}
		typ, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			break
		}
		v := b[4:n]
		b = b[n:]
		switch typ {
		case 1:
			tell(Name, text(v))
		case 2: // count (4), each: kind, length, protocol, length (2), address
			if len(v) >= 13 && v[4] == 1 && v[5] == 1 && v[6] == 0xcc && binary.BigEndian.Uint16(v[7:]) == 4 {
				held(netip.AddrFrom4([4]byte(v[9:13])), src, "cdp", add)
			}
		case 4:
			if len(v) >= 4 {
				capabilities(binary.BigEndian.Uint16(v[2:]), cdpRoles, tell)
			}
		case 5:
			tell(System, text(v))
		case 6:
			platform = text(v)
		}
	}
	if platform != "" {
		tell(Device, "\x1f"+platform)
	}
}

// profinet reads the answers and greetings of PROFINET's Discovery and
// Configuration Protocol (IEC 61158-6-10 section 4.3).
//
//	0 frame id (FEFF answer, FEFC hello)  2 service, type  4 transaction  8 reserved  10 length  12 blocks:
//	option, suboption, length (2), block info (2), data; padded to two bytes
func profinet(src [6]byte, b []byte, add func(Fact)) {
	if len(b) < 12 {
		return
	}
	if id := binary.BigEndian.Uint16(b); id != 0xfeff && id != 0xfefc {
		return
	}
	tell := func(k Kind, v string) { add(Fact{Host: OfMAC(src), Kind: k, Value: v, Via: "profinet"}) }
	n := min(int(binary.BigEndian.Uint16(b[10:])), len(b)-12)
	var kind, vendor string
	for b = b[12 : 12+n]; len(b) >= 6; {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 2 || 4+n > len(b) {
			break
		}
		v := b[6 : 4+n]
		switch [2]byte(b) {
		case [2]byte{1, 2}, [2]byte{1, 3}:
			if len(v) >= 4 {
				held(netip.AddrFrom4([4]byte(v)), src, "profinet", add)
			}
		case [2]byte{2, 1}:
			kind = text(v)
		case [2]byte{2, 2}:
			tell(Name, text(v))
		case [2]byte{2, 3}:
			if len(v) >= 4 {
				vendor = fmt.Sprintf("vendor 0x%04x device 0x%04x", binary.BigEndian.Uint16(v), binary.BigEndian.Uint16(v[2:]))
			}
		case [2]byte{2, 4}:
			if len(v) >= 1 && v[0]&2 != 0 {
				tell(Role, "controller")
			} else if len(v) >= 1 && v[0]&1 != 0 {
				tell(Role, "field device")
			}
		}
		b = b[min(len(b), 4+n+n&1):]
	}
	if kind != "" || vendor != "" {
		tell(Device, "\x1f"+kind+"\x1f"+vendor)
	}
}

// text is a value as text, without what pads it; control characters become
// spaces.
func text(b []byte) string {
	b = b[:min(len(b), maxValue)]
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, string(bytes.TrimRight(b, "\x00"))))
}
