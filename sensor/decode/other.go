package decode

import (
	"fmt"
	"slices"
)

// Other is a kind of frame that carries no IP and is told by its name. What
// has an EtherType is counted by it instead.
type Other uint8

// Kinds of frames without IP.
const (
	OtherSTP Other = iota
	OtherOSI
	OtherIPX
	OtherNetBIOS
	OtherCDP
	OtherSNAP
	OtherLLC
	OtherPPPoE
	OtherPPPLink
	OtherPPPControl
	OtherPPPFragment
	OtherPPPCompressed
	OtherPPP
	OtherSLARP
	OtherFrameRelay
	OtherWLANManagement
	OtherWLANControl
	OtherWLANExtension
	OtherWLANNull
	OtherWLANFragment
	OtherNetlink
	OtherCAN
	OtherFamily
	OtherEmpty
	NumOther
)

// OtherNames are the names of the kinds.
var OtherNames = [NumOther]string{
	"stp", "osi", "ipx", "netbios", "cdp", "snap of other vendors", "llc of other kinds",
	"pppoe discovery", "ppp link control", "ppp network control", "ppp multilink fragment", "ppp compressed", "ppp of other kinds",
	"slarp", "frame relay of other kinds", "802.11 management", "802.11 control", "802.11 extension", "802.11 null data", "802.11 fragment",
	"netlink", "can", "address family without ip", "empty record",
}

// etherNames names EtherTypes that carry no IP (IANA "IEEE 802 Numbers").
var etherNames = map[uint16]string{
	etherARP: "arp", 0x0842: "wake on lan", 0x22f0: "avtp", 0x22ea: "srp", 0x6003: "decnet", 0x8035: "rarp", 0x809b: "appletalk", 0x80f3: "aarp",
	0x8137: "ipx", 0x8204: "qnet", 0x8808: "ethernet flow control", 0x8809: "slow protocols (lacp)", 0x8863: "pppoe discovery", 0x886f: "nlb heartbeat",
	0x8870: "jumbo llc", 0x887b: "homeplug", 0x888e: "eapol", 0x8892: "profinet", 0x889a: "hyperscsi", 0x88a2: "ata over ethernet",
	0x88a4: "ethercat", 0x88ab: "powerlink", 0x88b8: "goose", 0x88b9: "gse", 0x88ba: "sampled values", 0x88bf: "mikrotik romon", 0x88cc: "lldp",
	0x88cd: "sercos iii", 0x88e1: "homeplug av", 0x88e3: "media redundancy", 0x88e5: "macsec", 0x88f5: "mvrp", 0x88f6: "mmrp", 0x88f7: "ptp",
	0x88fb: "prp", 0x8902: "cfm", 0x8903: "fabricpath", 0x8906: "fcoe", 0x890d: "tdls", 0x8914: "fcoe initialization", 0x8915: "roce", 0x891d: "ttethernet",
	0x892f: "hsr", 0x893a: "ieee 1905.1", 0x8940: "ecp", 0x9000: "loopback test", 0xcafe: "vntag test", 0x4305: "batman-adv", 0x88ca: "tipc",
}

// other counts a frame of a kind.
func (d *Decoder) other(out []Packet, kind Other) ([]Packet, Reason) {
	d.Others[kind]++
	return out, NotIP
}

// NotIPCount is a kind of frame without IP.
type NotIPCount struct {
	Name string
	N    uint64
}

// NotIP lists the frames that carry no IP by their kind.
func (d *Decoder) NotIP() []NotIPCount {
	var list []NotIPCount
	add := func(name string, n uint64) {
		if i := slices.IndexFunc(list, func(c NotIPCount) bool { return c.Name == name }); i >= 0 {
			list[i].N += n
			return
		}
		list = append(list, NotIPCount{name, n})
	}
	for typ, n := range d.Ether {
		if name, ok := etherNames[typ]; ok {
			add(name, n)
		} else {
			add(fmt.Sprintf("ethertype 0x%04x", typ), n)
		}
	}
	for kind, n := range d.Others {
		if n > 0 {
			add(OtherNames[kind], n)
		}
	}
	return list
}
