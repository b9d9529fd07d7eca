package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// sample is a frame of a link type, and what it holds.
type sample struct {
	name   string
	link   uint16
	data   []byte
	ips    []string // addresses of its packets, outer first
	src    string   // MAC addresses of the last packet
	dst    string
	other  string // kind of a frame without IP
	reason Reason
	shark  string // protocol tshark must name, where it names no address
}

const (
	pair  = "10.0.0.1 10.0.0.2"
	outer = "192.0.2.1 192.0.2.2"
	pair6 = "2001:db8::1 2001:db8::2"
)

// wlanData makes a data frame of IEEE 802.11: addresses 1 to 4 end in their
// numbers.
func wlanData(sub, flags byte, more ...byte) []byte {
	b := []byte{8 | sub<<4, flags, 0, 0}
	for i := range 3 {
		b = append(b, 2, 0, 0, 0, 0, byte(i+1))
	}
	b = append(b, 0x10, 0)
	if flags&3 == 3 {
		b = append(b, 2, 0, 0, 0, 0, 4)
	}
	return append(b, more...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// linkSamples are frames of every link layer, tag and tunnel that is decoded,
// or told by its name.
func linkSamples(t testing.TB) []sample {
	inner := []gopacket.SerializableLayer{v4(ip3, ip4, layers.IPProtocolUDP), udp(40001, 40002), text}
	with := func(l ...gopacket.SerializableLayer) []byte { return build(t, append(l, inner...)...) }
	plain := with()
	six := build(t, v6(layers.IPProtocolUDP), udp(40001, 40002), text)
	ether := with(eth(layers.EthernetTypeIPv4))
	snap := join([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, plain)
	tagged := func(typ ...byte) []byte { return join(ether[:12], typ, plain) }
	outerUDP := func(port layers.UDPPort, head []byte, in []byte) []byte {
		return build(t, v4(ip1, ip2, layers.IPProtocolUDP), udp(5000, port), gopacket.Payload(join(head, in)))
	}
	outerIP := func(p layers.IPProtocol, head []byte, in []byte) []byte {
		return build(t, v4(ip1, ip2, p), gopacket.Payload(join(head, in)))
	}
	be16 := func(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
	sub := func(last byte, body []byte) []byte {
		return join([]byte{2, 0, 0, 0, 0, last, 2, 0, 0, 0, 1, last}, be16(len(body)), body)
	}
	pad := func(b []byte) []byte { return append(b, make([]byte, (4-len(b)%4)%4)...) }
	radiotap := []byte{0, 0, 8, 0, 0, 0, 0, 0}
	tlv := func(o binary.AppendByteOrder, typ uint16, v []byte) []byte {
		return pad(join(o.AppendUint16(o.AppendUint16(nil, uint16(4+len(v))), typ), v))
	}
	teredo := build(t, &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: v6a, DstIP: []byte{0x20, 1, 0, 0, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1}}, udp(40001, 40002), text)
	const toTeredo = "2001:db8::1 2001:0:c000:201::1"
	pktap := make([]byte, 108)
	pktap[0], pktap[4], pktap[8] = 108, 1, 1
	pktap2 := make([]byte, 108)
	pktap2[0], pktap2[6], pktap2[38] = 108, 1, 8
	return []sample{
		{name: "ethernet", link: 1, data: ether, ips: []string{pair}, src: "020000000001", dst: "020000000002"},
		{name: "ethernet ipv6", link: 1, data: join(ether[:12], []byte{0x86, 0xdd}, six), ips: []string{pair6}},
		{name: "802.3 with snap", link: 1, data: join(ether[:12], be16(len(snap)), snap), ips: []string{pair}},
		{name: "802.3 with llc", link: 1, data: join(ether[:12], be16(len(plain)+3), []byte{6, 6, 3}, plain), ips: []string{pair}},
		{name: "stp", link: 1, data: join(ether[:12], []byte{0, 7, 0x42, 0x42, 3, 0, 0, 0, 0}), other: "stp", reason: NotIP, shark: "stp"},
		{name: "cdp", link: 1, data: join(ether[:12], []byte{0, 12, 0xaa, 0xaa, 3, 0, 0, 12, 0x20, 0, 2, 180, 0, 0}), other: "cdp", reason: NotIP, shark: "cdp"},
		{name: "arp", link: 1, data: join(ether[:12], []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, make([]byte, 20)), other: "arp", reason: NotIP, shark: "arp"},
		{name: "lldp", link: 1, data: join(ether[:12], []byte{0x88, 0xcc, 2, 7, 4, 2, 0, 0, 0, 0, 1, 4, 2, 5, 49, 6, 2, 0, 120, 0, 0}), other: "lldp", reason: NotIP, shark: "lldp"},
		{name: "new ethertype", link: 1, data: join(ether[:12], []byte{0x77, 0x01, 1, 2, 3}), other: "ethertype 0x7701", reason: NotIP},
		{name: "vlan", link: 1, data: tagged(0x81, 0, 0, 7, 8, 0), ips: []string{pair}},
		{name: "qinq", link: 1, data: tagged(0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0), ips: []string{pair}},
		{name: "three tags", link: 1, data: tagged(0x88, 0xa8, 0, 7, 0x91, 0, 0, 8, 0x81, 0, 0, 9, 8, 0), ips: []string{pair}},
		{name: "mpls", link: 1, data: tagged(0x88, 0x47, 0, 1, 0, 9, 0, 2, 1, 9), ips: []string{pair}},
		{name: "mpls with a pseudowire", link: 1, data: join(ether[:12], []byte{0x88, 0x47, 0, 2, 1, 9, 0, 0, 0, 0}, ether), ips: []string{pair}},
		{name: "mpls without control word", link: 1, data: join(ether[:12], []byte{0x88, 0x47, 0, 2, 1, 9}, ether), ips: []string{pair}},
		{name: "vntag", link: 1, data: tagged(0x89, 0x26, 0, 1, 0, 2, 8, 0), ips: []string{pair}},
		{name: "provider backbone", link: 1, data: join(ether[:12], []byte{0x88, 0xe7, 0, 0, 0, 9}, ether), ips: []string{pair}},
		{name: "trill", link: 1, data: join(ether[:12], []byte{0x22, 0xf3, 0, 0x41, 0, 1, 0, 2, 0, 0, 0, 0}, ether), ips: []string{pair}},
		{name: "nsh", link: 1, data: tagged(0x89, 0x4f, 0x0f, 0xc2, 2, 1, 0, 0, 1, 255), ips: []string{pair}},
		{name: "macsec in clear", link: 1, data: join(tagged(0x88, 0xe5, 0, 0, 0, 0, 0, 1, 8, 0), make([]byte, 16)), ips: []string{pair}},
		{name: "macsec", link: 1, data: tagged(0x88, 0xe5, 0x2c, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0), reason: EncryptedLink, shark: "macsec"},
		{name: "pppoe session", link: 1, data: join(ether[:12], []byte{0x88, 0x64, 0x11, 0, 0, 3}, be16(len(plain)+2), []byte{0, 0x21}, plain), ips: []string{pair}},
		{name: "pppoe ipv6, padded", link: 1, data: join(ether[:12], []byte{0x88, 0x64, 0x11, 0, 0, 3}, be16(len(six)+2), []byte{0, 0x57}, six, make([]byte, 9)), ips: []string{pair6}},
		{name: "pppoe discovery", link: 1, data: join(ether[:12], []byte{0x88, 0x63, 0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0}), other: "pppoe discovery", reason: NotIP, shark: "pppoed"},
		{name: "pppoe link control", link: 1, data: join(ether[:12], []byte{0x88, 0x64, 0x11, 0, 0, 3, 0, 6, 0xc0, 0x21, 1, 1, 0, 4}), other: "ppp link control", reason: NotIP, shark: "lcp"},
		{name: "pppoe link", link: 51, data: join([]byte{0x11, 0, 0, 3}, be16(len(plain)+2), []byte{0, 0x21}, plain), ips: []string{pair}},
		{name: "null, little end", link: 0, data: join([]byte{2, 0, 0, 0}, plain), ips: []string{pair}},
		{name: "null, big end", link: 0, data: join([]byte{0, 0, 0, 30}, six), ips: []string{pair6}},
		{name: "null, netbsd", link: 0, data: join([]byte{24, 0, 0, 0}, six), ips: []string{pair6}},
		{name: "null, osi", link: 0, data: []byte{7, 0, 0, 0, 0x83, 0}, other: "osi", reason: NotIP},
		{name: "loop", link: 108, data: join([]byte{0, 0, 0, 2}, plain), ips: []string{pair}},
		{name: "raw", link: 101, data: plain, ips: []string{pair}},
		{name: "raw ipv6", link: 101, data: six, ips: []string{pair6}},
		{name: "ipv4", link: 228, data: plain, ips: []string{pair}},
		{name: "ipv6", link: 229, data: six, ips: []string{pair6}},
		{name: "sll", link: 113, data: join([]byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0}, plain), ips: []string{pair}, src: "020000000001"},
		{name: "sll, vlan", link: 113, data: join([]byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0, 0, 5, 8, 0}, plain), ips: []string{pair}},
		{name: "sll, llc", link: 113, data: join([]byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4}, snap), ips: []string{pair}},
		{name: "sll, radiotap", link: 113, data: join([]byte{0, 0, 3, 0x23, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4}, radiotap, wlanData(0, 1), snap), ips: []string{pair}},
		{name: "sll, netlink", link: 113, data: join([]byte{0, 4, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 16)), other: "netlink", reason: NotIP},
		{name: "sll, can", link: 113, data: join([]byte{0, 1, 1, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0c}, make([]byte, 16)), other: "can", reason: NotIP},
		{name: "sll2", link: 276, data: join([]byte{8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}, plain), ips: []string{pair}, src: "020000000001"},
		{name: "sll2, radiotap", link: 276, data: join([]byte{0, 4, 0, 0, 0, 0, 0, 1, 3, 0x23, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}, radiotap, wlanData(0, 1), snap), ips: []string{pair}},
		{name: "ppp", link: 9, data: join([]byte{0, 0x21}, plain), ips: []string{pair}},
		{name: "ppp, compressed field", link: 9, data: join([]byte{0x21}, plain), ips: []string{pair}},
		{name: "ppp in hdlc framing", link: 50, data: join([]byte{0xff, 3, 0, 0x21}, plain), ips: []string{pair}},
		{name: "ppp multilink", link: 9, data: join([]byte{0xff, 3, 0, 0x3d, 0xc0, 0, 0, 1, 0, 0x21}, plain), ips: []string{pair}},
		{name: "ppp with direction", link: 204, data: join([]byte{1, 0xff, 3, 0, 0x21}, plain), ips: []string{pair}},
		{name: "pppd", link: 166, data: join([]byte{1, 3, 0, 0x21}, plain), ips: []string{pair}},
		{name: "ppp mpls", link: 9, data: join([]byte{0xff, 3, 2, 0x81, 0, 2, 1, 9}, plain), ips: []string{pair}},
		{name: "ppp link control", link: 9, data: []byte{0xff, 3, 0xc0, 0x21, 1, 1, 0, 4}, other: "ppp link control", reason: NotIP, shark: "lcp"},
		{name: "ppp network control", link: 9, data: []byte{0xff, 3, 0x80, 0x21, 1, 1, 0, 4}, other: "ppp network control", reason: NotIP, shark: "ipcp"},
		{name: "ppp compressed", link: 9, data: []byte{0xff, 3, 0, 0xfd, 1, 1, 0, 4}, other: "ppp compressed", reason: NotIP},
		{name: "cisco hdlc", link: 104, data: join([]byte{0x0f, 0, 8, 0}, plain), ips: []string{pair}},
		{name: "cisco hdlc ipv6", link: 104, data: join([]byte{0x0f, 0, 0x86, 0xdd}, six), ips: []string{pair6}},
		{name: "cisco hdlc in ppp", link: 50, data: join([]byte{0x8f, 0, 8, 0}, plain), ips: []string{pair}},
		{name: "cisco hdlc with direction", link: 205, data: join([]byte{0, 0x0f, 0, 8, 0}, plain), ips: []string{pair}},
		{name: "slarp", link: 104, data: []byte{0x8f, 0, 0x80, 0x35, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, other: "slarp", reason: NotIP},
		{name: "frame relay", link: 107, data: join([]byte{0x18, 0x41, 3, 0xcc}, plain), ips: []string{pair}},
		{name: "frame relay, cisco", link: 107, data: join([]byte{0x18, 0x41, 8, 0}, plain), ips: []string{pair}},
		{name: "frame relay, snap", link: 107, data: join([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0}, plain), ips: []string{pair}},
		{name: "frame relay, bridged", link: 107, data: join([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7}, ether), ips: []string{pair}},
		{name: "frame relay with direction", link: 206, data: join([]byte{0, 0x18, 0x41, 3, 0xcc}, plain), ips: []string{pair}},
		{name: "frame relay, lmi", link: 107, data: []byte{0, 1, 3, 8, 0, 0x75, 0x51}, other: "frame relay of other kinds", reason: NotIP},
		{name: "802.11 from station", link: 105, data: join(wlanData(0, 1), snap), ips: []string{pair}, src: "020000000002", dst: "020000000003"},
		{name: "802.11 from access point", link: 105, data: join(wlanData(0, 2), snap), ips: []string{pair}, src: "020000000003", dst: "020000000001"},
		{name: "802.11 ad hoc", link: 105, data: join(wlanData(0, 0), snap), ips: []string{pair}, src: "020000000002", dst: "020000000001"},
		{name: "802.11 wds", link: 105, data: join(wlanData(0, 3), snap), ips: []string{pair}, src: "020000000004", dst: "020000000003"},
		{name: "802.11 qos", link: 105, data: join(wlanData(8, 2, 0, 0), snap), ips: []string{pair}},
		{name: "802.11 qos wds", link: 105, data: join(wlanData(8, 3, 0, 0), snap), ips: []string{pair}},
		{name: "802.11 ht control", link: 105, data: join(wlanData(8, 0x82, 0, 0, 1, 2, 3, 4), snap), ips: []string{pair}},
		{name: "802.11 mesh", link: 105, data: join(wlanData(8, 3, 0, 1), []byte{0, 31, 1, 0, 0, 0}, snap), ips: []string{pair}},
		{name: "802.11 a-msdu", link: 105, data: join(wlanData(8, 2, 0x80, 0), pad(sub(7, snap)), sub(8, snap)), ips: []string{pair, pair}, src: "020000000108", dst: "020000000008"},
		{name: "802.11 management", link: 105, data: join([]byte{0x80, 0, 0, 0}, wlanData(0, 0)[4:], make([]byte, 12)), other: "802.11 management", reason: NotIP, shark: "wlan"},
		{name: "802.11 control", link: 105, data: []byte{0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 1}, other: "802.11 control", reason: NotIP, shark: "wlan"},
		{name: "802.11 null data", link: 105, data: wlanData(4, 1), other: "802.11 null data", reason: NotIP, shark: "wlan"},
		{name: "802.11 protected", link: 105, data: join(wlanData(8, 0x41, 0, 0), make([]byte, 40)), reason: EncryptedLink, shark: "wlan"},
		{name: "802.11 fragment", link: 105, data: join(wlanData(0, 5), snap), other: "802.11 fragment", reason: NotIP},
		{name: "radiotap", link: 127, data: join(radiotap, wlanData(0, 1), snap), ips: []string{pair}},
		{name: "radiotap, padded", link: 127, data: join([]byte{0, 0, 17, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20}, wlanData(8, 1, 0, 0), []byte{0, 0}, snap), ips: []string{pair}},
		{name: "radiotap, two words", link: 127, data: join([]byte{0, 0, 13, 0, 2, 0, 0, 0x80, 0, 0, 0, 0, 0x20}, wlanData(8, 1, 0, 0), []byte{0, 0}, snap), ips: []string{pair}},
		{name: "prism", link: 119, data: join([]byte{0x44, 0, 0, 0, 144, 0, 0, 0}, make([]byte, 136), wlanData(0, 1), snap), ips: []string{pair}},
		{name: "avs", link: 163, data: join([]byte{0x80, 0x21, 0x10, 1, 0, 0, 0, 64}, make([]byte, 56), wlanData(0, 1), snap), ips: []string{pair}},
		{name: "avs as prism", link: 119, data: join([]byte{0x80, 0x21, 0x10, 1, 0, 0, 0, 64}, make([]byte, 56), wlanData(0, 1), snap), ips: []string{pair}},
		{name: "ppi", link: 192, data: join([]byte{0, 0, 12, 0, 105, 0, 0, 0, 2, 0, 0, 0}, wlanData(0, 1), snap), ips: []string{pair}},
		{name: "pktap", link: 258, data: join(pktap, ether), ips: []string{pair}},
		{name: "pktap version 2", link: 258, data: join(pktap2, ether), ips: []string{pair}},
		{name: "nflog", link: 239, data: join([]byte{2, 0, 0, 1}, tlv(binary.LittleEndian, 1, []byte{8, 0, 1, 0}), tlv(binary.LittleEndian, 9, plain)), ips: []string{pair}},
		{name: "nflog, big end", link: 239, data: join([]byte{2, 0, 0, 1}, tlv(binary.BigEndian, 1, []byte{8, 0, 1, 0}), tlv(binary.BigEndian, 9, plain)), ips: []string{pair}},
		{name: "atm", link: 100, data: snap, ips: []string{pair}},
		{name: "token ring", link: 6, data: join([]byte{0x10, 0x40, 2, 0, 0, 0, 0, 2, 0x82, 0, 0, 0, 0, 1, 4, 0x30, 1, 2}, snap), ips: []string{pair}, src: "020000000001", dst: "020000000002"},
		{name: "fddi", link: 10, data: join([]byte{0x50, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, snap), ips: []string{pair}},
		{name: "ip over fibre channel", link: 122, data: join(make([]byte, 16), snap), ips: []string{pair}},
		{name: "ieee 1394", link: 138, data: join(make([]byte, 16), []byte{8, 0}, plain), ips: []string{pair}},
		{name: "pflog", link: 117, data: join([]byte{61, 2}, make([]byte, 62), plain), ips: []string{pair}},
		{name: "enc", link: 109, data: join([]byte{2, 0, 0, 0}, make([]byte, 8), plain), ips: []string{pair}},
		{name: "mpls link", link: 219, data: join([]byte{0, 1, 1, 9}, plain), ips: []string{pair}},
		{name: "ipnet", link: 226, data: join([]byte{2, 2, 0, 0, 0, 0, 0, byte(len(plain))}, make([]byte, 16), plain), ips: []string{pair}},
		{name: "netanalyzer", link: 240, data: join([]byte{0, 4, 0, 0}, ether, make([]byte, 4)), ips: []string{pair}},
		{name: "netanalyzer, transparent", link: 241, data: join([]byte{0, 6, 0, 0}, []byte{0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5}, ether, make([]byte, 4)), ips: []string{pair}},
		{name: "ip in ip", link: 101, data: outerIP(4, nil, plain), ips: []string{outer, pair}},
		{name: "6in4", link: 101, data: outerIP(41, nil, six), ips: []string{outer, pair6}},
		{name: "4in6", link: 101, data: build(t, v6(4), gopacket.Payload(plain)), ips: []string{pair6, pair}},
		{name: "gre", link: 101, data: outerIP(47, []byte{0, 0, 8, 0}, plain), ips: []string{outer, pair}},
		{name: "gre with key and sequence", link: 101, data: outerIP(47, []byte{0x30, 0, 8, 0, 0, 0, 0, 9, 0, 0, 0, 1}, plain), ips: []string{outer, pair}},
		{name: "nvgre", link: 101, data: outerIP(47, []byte{0x20, 0, 0x65, 0x58, 0, 0, 9, 0}, ether), ips: []string{outer, pair}},
		{name: "pptp", link: 101, data: outerIP(47, join([]byte{0x30, 1, 0x88, 0x0b}, be16(len(plain)+4), []byte{0, 9, 0, 0, 0, 1, 0xff, 3, 0, 0x21}), plain), ips: []string{outer, pair}},
		{name: "erspan I", link: 101, data: outerIP(47, []byte{0, 0, 0x88, 0xbe}, ether), ips: []string{outer, pair}},
		{name: "erspan II", link: 101, data: outerIP(47, []byte{0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 5, 0, 0, 0, 0}, ether), ips: []string{outer, pair}},
		{name: "erspan III", link: 101, data: outerIP(47, []byte{0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0}, ether), ips: []string{outer, pair}},
		{name: "erspan III with platform", link: 101, data: outerIP(47, []byte{0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, ether), ips: []string{outer, pair}},
		{name: "etherip", link: 101, data: outerIP(97, []byte{0x30, 0}, ether), ips: []string{outer, pair}},
		{name: "mpls in ip", link: 101, data: outerIP(137, []byte{0, 1, 1, 9}, plain), ips: []string{outer, pair}},
		{name: "vxlan", link: 101, data: outerUDP(4789, []byte{8, 0, 0, 0, 0, 0, 77, 0}, ether), ips: []string{outer, pair}},
		{name: "vxlan with group policy", link: 101, data: outerUDP(4789, []byte{0x88, 0, 1, 2, 0, 0, 77, 0}, ether), ips: []string{outer, pair}},
		{name: "vxlan-gpe", link: 101, data: outerUDP(4790, []byte{0x0c, 0, 0, 1, 0, 0, 77, 0}, plain), ips: []string{outer, pair}},
		{name: "geneve", link: 101, data: outerUDP(6081, []byte{0, 0, 0x65, 0x58, 0, 0, 77, 0}, ether), ips: []string{outer, pair}},
		{name: "geneve with an option", link: 101, data: outerUDP(6081, []byte{2, 0, 0x65, 0x58, 0, 0, 77, 0, 1, 2, 3, 1, 0, 0, 0, 1}, ether), ips: []string{outer, pair}},
		{name: "gtp-u", link: 101, data: outerUDP(2152, join([]byte{0x30, 0xff}, be16(len(plain)), []byte{0, 0, 0, 4}), plain), ips: []string{outer, pair}},
		{name: "gtp-u with an extension", link: 101, data: outerUDP(2152, join([]byte{0x34, 0xff}, be16(len(plain)+8), []byte{0, 0, 0, 4, 0, 0, 0, 0x85, 1, 0, 9, 0}), plain), ips: []string{outer, pair}},
		{name: "teredo", link: 101, data: outerUDP(3544, nil, teredo), ips: []string{outer, toTeredo}},
		{name: "teredo with origin", link: 101, data: outerUDP(3544, []byte{0, 0, 1, 2, 3, 4, 5, 6}, teredo), ips: []string{outer, toTeredo}},
		{name: "teredo between clients", link: 101, data: outerUDP(51000, nil, teredo), ips: []string{outer, toTeredo}},
		{name: "tzsp", link: 101, data: outerUDP(37008, []byte{1, 0, 0, 1, 10, 1, 200, 1}, ether), ips: []string{outer, pair}},
		{name: "gre in vxlan", link: 101, data: outerUDP(4789, []byte{8, 0, 0, 0, 0, 0, 77, 0}, join(ether[:14], outerIP(47, []byte{0, 0, 8, 0}, plain))), ips: []string{outer, outer, pair}},
		{name: "802.15.4", link: 195, data: []byte{1, 2, 3}, reason: UnknownLink},
		{name: "usbmon", link: 220, data: make([]byte, 64), reason: UnknownLink},
		{name: "usbpcap", link: 249, data: make([]byte, 27), reason: UnknownLink},
		{name: "no link type of the list", link: 9999, data: []byte{1}, reason: UnknownLink},
	}
}

// TestLinkLayers proves that a frame of each link layer, tag and tunnel leads
// to its packets, outer and inner, or is told by its name.
func TestLinkLayers(t *testing.T) {
	for _, s := range linkSamples(t) {
		d := New(FragLimits{})
		got := d.Decode(nil, 5, 6, s.link, s.data)
		var ips []string
		for i := range got {
			p := &got[i]
			src, dst := p.Addrs()
			ips = append(ips, src.String()+" "+dst.String())
			if p.Number != 5 || int(p.Part) != i || !p.ChecksumOK() {
				t.Errorf("%s: packet %d is %+v", s.name, i, p)
			}
			if s.reason == OK && i == len(s.ips)-1 && (p.SrcPort != 40001 || p.DstPort != 40002 || string(p.Payload()) != string(text)) {
				t.Errorf("%s: the inner packet is %+v", s.name, p)
			}
		}
		if !slices.Equal(ips, s.ips) || d.Reasons[s.reason] != 1 {
			t.Errorf("%s: %q, reasons %v; expected %q and %v", s.name, ips, d.Reasons, s.ips, s.reason)
			continue
		}
		if n := len(got); n > 0 {
			src, dst := fmt.Sprintf("%x", got[n-1].SrcMAC), fmt.Sprintf("%x", got[n-1].DstMAC)
			if s.src != "" && src != s.src || s.dst != "" && dst != s.dst {
				t.Errorf("%s: from %s to %s, expected %s to %s", s.name, src, dst, s.src, s.dst)
			}
		}
		if s.reason == UnknownLink && d.Links[s.link] != 1 {
			t.Errorf("%s: counted %v", s.name, d.Links)
		}
		if list := d.NotIP(); s.other == "" && len(list) != 0 || s.other != "" && (len(list) != 1 || list[0] != NotIPCount{s.other, 1}) {
			t.Errorf("%s: without IP %v, expected %q", s.name, list, s.other)
		}
		for n := range s.data { // cut anywhere, it ends without panic, and no packet is there that was not
			if cut := New(FragLimits{}).Decode(nil, 1, 1, s.link, s.data[:n:n]); len(cut) > len(got) {
				t.Errorf("%s: %d packets of its first %d bytes", s.name, len(cut), n)
			}
		}
	}
}

// TestAmsduBounded proves that a hostile aggregate gives a bounded number of
// packets, and that those that come to nothing are counted.
func TestAmsduBounded(t *testing.T) {
	frame := wlanData(8, 2, 0x80, 0)
	for range 5000 {
		frame = append(frame, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 2, 1, 2, 0, 0, 0, 0)[:len(frame)+16]
	}
	d := New(FragLimits{})
	if got := d.Decode(nil, 1, 1, 105, frame); len(got) != 0 || d.Reasons[TooDeep] != 1 || d.Reasons[ShortLink] != maxSubframes {
		t.Fatalf("%d packets, reasons %v", len(got), d.Reasons)
	}
}

// TestMetaBounded proves that headers that name each other end.
func TestMetaBounded(t *testing.T) {
	frame := bytes.Repeat([]byte{0, 0, 8, 0, 192, 0, 0, 0}, 1000)
	d := New(FragLimits{})
	if d.Decode(nil, 1, 1, 192, frame); d.Reasons[TooDeep] != 1 {
		t.Fatalf("reasons %v", d.Reasons)
	}
}

// TestLinkNames proves that USB and IEEE 802.15.4 are told by their names, and
// that every link type decoded has one.
func TestLinkNames(t *testing.T) {
	for link, want := range map[uint16]string{189: "usb-linux", 249: "usbpcap", 195: "802.15.4", 230: "802.15.4-nofcs", 150: "user3", 4242: ""} {
		if got := LinkName(link); got != want {
			t.Errorf("link type %d is %q, expected %q", link, got, want)
		}
	}
	for _, s := range linkSamples(t) {
		if s.reason != UnknownLink && LinkName(s.link) == "" {
			t.Errorf("link type %d has no name", s.link)
		}
	}
}

// TestLinksBesideTshark compares the addresses of all samples with those that
// tshark finds, by one capture a link type.
func TestLinksBesideTshark(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs tshark: SAKSI_INTEROP is not set (make interop)")
	}
	// What tshark 4.0 reads otherwise, or not at all: NFLOG in the byte order
	// of the file, Teredo on other ports, version 2 of PKTAP, radiotap behind
	// cooked headers, Ethernet behind MPLS (by a guess of its own), preambles.
	unlike := map[string]bool{
		"nflog, big end": true, "pktap version 2": true, "teredo between clients": true, "vxlan with group policy": true,
		"sll, radiotap": true, "sll2, radiotap": true, "radiotap, two words": true, "ip over fibre channel": true,
		"mpls with a pseudowire": true, "mpls without control word": true, "netanalyzer, transparent": true,
	}
	unsupported := []uint16{linkPPPD, linkCHDLCDir, linkFRelayDir, linkMPLS}
	byLink := map[uint16][]sample{}
	for _, s := range linkSamples(t) {
		if s.reason != UnknownLink && !unlike[s.name] && !slices.Contains(unsupported, s.link) {
			byLink[s.link] = append(byLink[s.link], s)
		}
	}
	for link, list := range byLink {
		file := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
		file = append(file, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0)
		file = binary.LittleEndian.AppendUint32(file, uint32(link))
		for _, s := range list {
			file = append(file, make([]byte, 8)...)
			file = binary.LittleEndian.AppendUint32(file, uint32(len(s.data)))
			file = append(binary.LittleEndian.AppendUint32(file, uint32(len(s.data))), s.data...)
		}
		path := filepath.Join(t.TempDir(), "links.pcap")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("tshark", "-r", path, "-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-E", "aggregator=,",
			"-e", "ip.src", "-e", "ip.dst", "-e", "ipv6.src", "-e", "ipv6.dst", "-e", "frame.protocols").Output()
		if err != nil {
			t.Fatalf("tshark of link type %d: %v", link, err)
		}
		lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if len(lines) != len(list) {
			t.Fatalf("link type %d: %d lines of %d frames", link, len(lines), len(list))
		}
		for i, s := range list {
			f := strings.Split(lines[i], "|")
			var have, want []string
			for k := range 4 {
				if f[k] != "" {
					have = append(have, strings.Split(f[k], ",")...)
				}
			}
			for _, ip := range s.ips {
				want = append(want, strings.Fields(ip)...)
			}
			slices.Sort(have)
			slices.Sort(want)
			if !slices.Equal(have, want) {
				t.Errorf("%s: tshark finds %q (%s), expected %q", s.name, have, f[4], want)
			}
			if s.shark != "" && !strings.Contains(f[4], s.shark) {
				t.Errorf("%s: tshark reads %s, expected %s", s.name, f[4], s.shark)
			}
		}
	}
}
