package decode

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// names lists the events of packets, and how many are there for their events
// alone.
func names(pkts []Packet) (list []string, broken int) {
	for i := range pkts {
		for e, name := range EventNames {
			if pkts[i].Raised(Event(e)) {
				list = append(list, name)
			}
		}
		if pkts[i].Flags&FlagEvent != 0 {
			broken++
		}
	}
	return list, broken
}

// TestEvents proves each decoding event by a frame that raises it and no other
// (Suricata user guide, "Generic Decode Layer Keywords").
func TestEvents(t *testing.T) {
	const (
		src4, dst4 = "c0000201", "c0000202"
		addrs6     = "20010db8000000000000000000000001" + "20010db8000000000000000000000002"
	)
	v4 := func(total, proto, frag, rest string) string {
		return "4500" + total + "0001" + frag + "40" + proto + "0000" + src4 + dst4 + rest
	}
	v6 := func(plen, next, rest string) string { return "60000000" + plen + next + "40" + addrs6 + rest }
	const udp = "1000003500080000"
	for _, c := range []struct {
		frames string // of raw IP, one a blank
		want   string
		broken int
	}{
		{v4("001c", "11", "0000", udp), "", 0},
		{"45000014", "ipv4.pkt_too_small", 1},
		{"41" + v4("001c", "11", "0000", udp)[2:], "ipv4.hlen_too_small", 1},
		{v4("0010", "11", "0000", udp), "ipv4.iplen_smaller_than_hlen", 1},
		{v4("0040", "11", "0000", udp), "ipv4.trunc_pkt", 0},
		{v4("0024", "11", "2000", udp+udp) + " " + v4("0024", "11", "2001", udp+udp), "ipv4.frag_overlap", 1},
		{v4("0018", "06", "0000", "00500051"), "tcp.pkt_too_small", 0},
		{v4("0028", "06", "0000", "0050005100000001000000004002000000000000"), "tcp.hlen_too_small", 0},
		{v4("0028", "06", "0000", "005000510000000100000000f002000000000000"), "tcp.invalid_optlen", 0},
		{v4("002c", "06", "0000", "00500051000000010000000060020000000000000209ffff"), "tcp.invalid_optlen", 0},
		{v4("002c", "06", "0000", "005000510000000100000000600200000000000002020101"), "tcp.opt_invalid_len", 0},
		{v4("0030", "06", "0000", "005000510000000100000000700200000000000002040001"+"02040001"), "tcp.opt_duplicate", 0},
		{v4("0018", "11", "0000", "10000035"), "udp.hlen_too_small", 0},
		{v4("001c", "11", "0000", "1000003500070000"), "udp.len_invalid", 0},
		{v4("001c", "11", "0000", "1000003500090000"), "udp.pkt_too_small", 0},
		{v4("0018", "01", "0000", "08000000"), "icmpv4.pkt_too_small", 0},
		{v4("001c", "01", "0000", "2600000000000000"), "icmpv4.unknown_type", 0},
		{v4("0016", "2f", "0000", "0000"), "gre.pkt_too_small", 0},
		{v6("0008", "11", udp), "", 0},
		{"6000000000081140", "ipv6.pkt_too_small", 1},
		{v6("0040", "11", udp), "ipv6.trunc_pkt", 0},
		{v6("0008", "00", "1101000000000000"), "ipv6.trunc_exthdr", 1},
		{v6("0009", "2c", "060000000000000100"), "ipv6.trunc_exthdr ipv6.exthdr_useless_fh tcp.pkt_too_small", 0},
		{v6("0010", "2c", "1100000000000001"+udp), "ipv6.exthdr_useless_fh", 0},
		{v6("0018", "2c", "2c00000000000001"+"1100000000000001"+udp), "ipv6.exthdr_dupl_fh ipv6.exthdr_useless_fh", 0},
		{v6("0011", "2c", "1100000100000001"+udp+"00"), "ipv6.frag_invalid_length", 0},
		{v6("0010", "2c", "1101000000000001"+udp), "ipv6.exthdr_useless_fh ipv6.fh_non_zero_reserved_field", 0},
		{v6("0018", "00", "0000010400000000"+"1100010400000000"+udp), "ipv6.exthdr_dupl_hh ipv6.hopopts_only_padding", 0},
		{v6("0010", "3c", "1100050300000000"+udp), "ipv6.exthdr_invalid_optlen", 0},
		{v6("0010", "3c", "1100010000000000"+udp), "ipv6.zero_len_padn ipv6.dstopts_only_padding", 0},
		{v6("0010", "00", "1100180400000000"+udp), "ipv6.hopopts_unknown_opt", 0},
		{v6("0020", "33", "1104ab00"+strings.Repeat("00", 20)+udp), "ipv6.exthdr_ah_res_not_null", 0},
		{v6("0008", "fd", udp), "ipv6.unknown_next_header", 0},
		{v6("0008", "01", "0800000000000000"), "ipv6.icmpv4", 0},
		{v6("0010", "2b", "1100000000000000"+udp), "ipv6.rh_type_0", 0},
		{v6("0018", "2b", "2b00020000000000"+"1100020000000000"+udp), "ipv6.exthdr_dupl_rh", 0},
		{v6("0008", "3b", "0000000000000000"), "ipv6.data_after_none_header", 0},
		{v6("0004", "3a", "80000000"), "icmpv6.pkt_too_small", 0},
		{v6("0008", "3a", "8001000000000000"), "icmpv6.unknown_code", 0},
		{v6("0008", "3a", "0500000000000000"), "icmpv6.unassigned_type", 0},
		{v6("0008", "3a", "c800000000000000"), "icmpv6.experimentation_type", 0},
		{v6("0008", "3a", "8200000000000000"), "icmpv6.mld_message_with_invalid_hl", 0},
		{v6("000c", "3a", "010000000000000060000000"), "icmpv6.ipv6_trunc_pkt", 0},
		{v4("001c", "3a", "0000", "8000000000000000"), "ipv4.icmpv6", 0},
		{v4("001c", "01", "0000", "0801000000000000"), "icmpv4.unknown_code", 0},
		{v4("0020", "01", "0000", "030000000000000045000014"), "icmpv4.ipv4_trunc_pkt", 0},
		{v4("001e", "2f", "0000", "00070800"+strings.Repeat("00", 6)), "gre.wrong_version", 0},
		{v4("001e", "2f", "0000", "0001880b"+strings.Repeat("00", 6)), "gre.version1_no_key", 0},
		{v4("0018", "2f", "0000", "80000800"), "gre.version0_hdr_too_big", 0},
		{v4("0018", "84", "0000", "10000035"), "sctp.pkt_too_small", 0},
		{"46000020000100004011000" + "0" + src4 + dst4 + "94050000" + udp, "ipv4.opt_invalid_len ipv4.opt_pad_required", 0},
		{"46000020000100004011000" + "0" + src4 + dst4 + "e0040000" + udp, "ipv4.opt_invalid ipv4.opt_pad_required", 0},
		{"47000024000100004011000" + "0" + src4 + dst4 + "9404000094040000" + udp, "ipv4.opt_duplicate", 0},
		{"46000020000100004011000" + "0" + src4 + dst4 + "07030300" + udp, "ipv4.opt_malformed ipv4.opt_pad_required", 0},
		{"48000028000100004011000" + "0" + src4 + dst4 + strings.Repeat("01", 11) + "07" + udp, "ipv4.opt_eol_required ipv4.opt_pad_required", 0},
		{v4("0000", "11", "0000", udp), "ipv4.iplen_smaller_than_hlen", 0},
		{v4("0024", "2f", "0000", "40000800"+"00000000"+"00010004"+"00000000"), "gre.version0_malformed_sre_hdr", 0},
		{v4("002c", "2f", "0000", "1000"+"88be"+"00000001"+"20000000"+"00000000"+strings.Repeat("00", 8)), "erspan.unsupported_version", 0},
		{v4("0020", "2f", "0000", "1000"+"88be"+"00000001"+"10000000"), "erspan.header_too_small", 0},
		{v4("0032", "11", "0000", "100012b5001e0000"+"0800000000000100"+strings.Repeat("00", 12)+"8847"), "vxlan.unknown_payload_type", 0},
		{v4("002c", "11", "0000", "100017c100180000"+"0000884700000100"+strings.Repeat("00", 8)), "geneve.unknown_payload_type", 0},
		{"ff", "ipraw.invalid_ip_version", 1},
	} {
		d := New(FragLimits{})
		d.WithEvents = true
		var pkts []Packet
		for i, f := range strings.Fields(c.frames) {
			b, err := hex.DecodeString(f)
			if err != nil {
				t.Fatal(err)
			}
			pkts = d.Decode(pkts, uint64(i+1), 1, linkRaw, b)
		}
		got, broken := names(pkts)
		want := strings.Fields(c.want)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || broken != c.broken {
			t.Errorf("%s: %v with %d broken, expected %v with %d", c.frames, got, broken, want, c.broken)
		}
	}
	d := New(FragLimits{}) // unasked, nothing is appended for its event
	if pkts := d.Decode(nil, 1, 1, linkRaw, []byte{0x45, 0}); len(pkts) != 0 {
		t.Errorf("%d packets of a broken frame", len(pkts))
	}
}

// TestFrameEvents proves decoding events of frames without IP.
func TestFrameEvents(t *testing.T) {
	macs := strings.Repeat("00", 12)
	for _, c := range []struct{ frame, want string }{
		{"0806" + "0001080006040001" + strings.Repeat("00", 20), ""},
		{"0806" + "00010800", "arp.pkt_too_small"},
		{"0806" + "0006080006040001" + strings.Repeat("00", 20), "arp.unsupported_hardware"},
		{"0806" + "000186dd06040001" + strings.Repeat("00", 20), "arp.unsupported_protocol"},
		{"0806" + "0001080007040001" + strings.Repeat("00", 20), "arp.invalid_hardware_size"},
		{"0806" + "0001080006050001" + strings.Repeat("00", 20), "arp.invalid_protocol_size"},
		{"0806" + "00010800060400ff" + strings.Repeat("00", 20), "arp.unsupported_opcode"},
		{"1234" + "00", "ethernet.unknown_ethertype"},
		{"8100" + "00011234", "vlan.unknown_type"},
		{"8926" + "0001", "vntag.header_too_small"},
		{"8926" + "00010002" + "1234", "vntag.unknown_type"},
		{"8926" + "00010002" + "8100" + "00011234", "vlan.unknown_type"},
		{"8100" + "0001" + "8926" + "00010002" + "1234", "vntag.unknown_type"},
		{"894f" + "00", "nsh.header_too_small"},
		{"894f" + "4002020100000000", "nsh.unsupported_version"},
		{"894f" + "0001020100000000", "nsh.bad_header_length"},
		{"894f" + "0002000100000000", "nsh.reserved_type"},
		{"894f" + "0002030100000000", "nsh.unsupported_type"},
	} {
		d := New(FragLimits{})
		d.WithEvents = true
		b, err := hex.DecodeString(macs + c.frame)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := names(d.Decode(nil, 1, 1, linkEthernet, b))
		if want := strings.Fields(c.want); !slices.Equal(got, want) {
			t.Errorf("%s: %v, expected %v", c.frame, got, want)
		}
	}
}

// TestNSH proves that what a Network Service Header carries is decoded (RFC
// 8300), and that VLAN tags are counted.
func TestNSH(t *testing.T) {
	ip, _ := hex.DecodeString("4500001c00010000401100000a0000010a0000021000003500080000")
	eth := append(make([]byte, 12), 0x81, 0, 0, 200, 0x81, 0, 1, 0x2c, 0x89, 0x4f)
	frame := append(append(eth, 0x00, 0x02, 0x02, 0x01, 0, 0, 1, 2), ip...)
	pkts := New(FragLimits{}).Decode(nil, 1, 1, linkEthernet, frame)
	if len(pkts) != 1 || pkts[0].DstPort != 53 || pkts[0].VLANs != 2 || pkts[0].VLAN != [3]uint16{200, 300} || len(pkts[0].Header) != 20 {
		t.Fatalf("%+v", pkts)
	}
	frame[len(eth)+1] = 0x3f // longer than the frame
	if pkts := New(FragLimits{}).Decode(nil, 1, 1, linkEthernet, frame); len(pkts) != 0 {
		t.Errorf("%+v", pkts)
	}
}

// TestLinkEvents proves the events of headers below IP.
func TestLinkEvents(t *testing.T) {
	ether := func(typ, rest string) string { return strings.Repeat("02", 12) + typ + rest }
	const ip = "4500001c000100004011" + "0000" + "c0000201" + "c0000202" + "1000003500080000"
	for _, c := range []struct {
		link  uint16
		frame string
		want  string
	}{
		{linkEthernet, "0202", "ethernet.pkt_too_small"},
		{linkSLL, "0000", "sll.pkt_too_small"},
		{linkSLL2, "0000", "sll2.pkt_too_small"},
		{linkNull, "0200", "ltnull.pkt_too_small"},
		{linkNull, "07000000", "ltnull.unsupported_type"},
		{linkNull, "02000000" + ip, ""},
		{linkCHDLC, "0f00", "chdlc.pkt_too_small"},
		{linkPPP, "ff03", "ppp.pkt_too_small"},
		{linkPPP, "ff030021450000", "ppp.ip4_pkt_too_small ipv4.pkt_too_small"},
		{linkPPP, "ff030057600000", "ppp.ip6_pkt_too_small ipv6.pkt_too_small"},
		{linkPPP, "ff03002f00", "ppp.vju_pkt_too_small"},
		{linkPPP, "ff03c0210000", "ppp.unsup_proto"},
		{linkPPP, "ff0340010000", "ppp.wrong_type"},
		{linkPPP, "ff030021" + ip, ""},
		{linkEthernet, ether("8863", "1100"), "pppoe.pkt_too_small"},
		{linkEthernet, ether("8863", "110b00000000"), "pppoe.wrong_code"},
		{linkEthernet, ether("8863", "110900000008"+"0101"), "pppoe.malformed_tags"},
		{linkEthernet, ether("8863", "110900000004"+"01010000"), ""},
		{linkEthernet, ether("8864", "110000010000"), "pppoe.pkt_too_small ppp.pkt_too_small"},
		{linkEthernet, ether("8903", "00"), "dce.pkt_too_small"},
		{linkEthernet, ether("8903", "0000"+ether("0800", ip)), ""},
		{linkEthernet, ether("8847", "0001"), "mpls.header_too_small"},
		{linkEthernet, ether("8847", "0001114045"), "mpls.pkt_too_small"},
		{linkEthernet, ether("8847", "00001140"+ip), "mpls.bad_label_router_alert"},
		{linkEthernet, ether("8847", "00003140"+ip), "mpls.bad_label_implicit_null"},
		{linkEthernet, ether("8847", "00007140"+ip), "mpls.bad_label_reserved"},
		{linkEthernet, ether("8847", "00011140"+"50000000"), "mpls.unknown_payload_type"},
		{linkEthernet, ether("8847", "00011140"+ip), ""},
		{linkEthernet, ether("8100", strings.Repeat("00018100", 14)+"00010800"+ip), "vlan.too_many_layers too_many_layers"},
		{linkEthernet, ether("8100", "00010800"+ip), ""},
	} {
		b, err := hex.DecodeString(c.frame)
		if err != nil {
			t.Fatal(err)
		}
		d := New(FragLimits{})
		d.WithEvents = true
		got, _ := names(d.Decode(nil, 1, 1, c.link, b))
		want := strings.Fields(c.want)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("link %d, %s: %v, expected %v", c.link, c.frame, got, want)
		}
	}
}
