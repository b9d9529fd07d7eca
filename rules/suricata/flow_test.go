package suricata

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHeader proves protocols, addresses, ports and directions of a rule's
// header (Suricata user guide, "Rules Format").
func TestHeader(t *testing.T) {
	tcp := func() *Packet { return packet(6, "") }
	six := packet(6, "")
	six.Src, six.Dst = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	for _, c := range []struct {
		header string
		p      *Packet
		want   bool
	}{
		{"tcp any any -> any any", tcp(), true},
		{"udp any any -> any any", tcp(), false},
		{"ip any any -> any any", packet(47, ""), true},
		{"icmp any any -> any any", packet(58, ""), true},
		{"icmpv4 any any -> any any", packet(58, ""), false},
		{"icmpv6 any any -> any any", packet(58, ""), true},
		{"tcp 10.0.0.0/8 any -> any 80", tcp(), true},
		{"tcp 10.0.0.0/8 any -> any 80", back(tcp()), false},
		{"tcp 10.0.0.0/8 any <> any 80", back(tcp()), true},
		{"tcp !10.0.0.1 any -> any any", tcp(), false},
		{"tcp [10.0.0.0/24,!10.0.0.1] any -> any any", tcp(), false},
		{"tcp $HOME_NET any -> $EXTERNAL_NET any", tcp(), true},
		{"tcp $EXTERNAL_NET any -> any any", tcp(), false},
		{"tcp any 40000: -> any :80", tcp(), true},
		{"tcp any any -> any !80", tcp(), false},
		{"tcp any any -> any [70:90,!80]", tcp(), false},
		{"tcp any any -> 203.0.113.1-203.0.113.9 any", tcp(), true},
		{"tcp any any -> 2001:db8::/32 any", tcp(), false},
		{"ip ::/0 any -> any any", tcp(), false},
		{"ip ::/0 any -> any any", six, true},
		{"ip 0.0.0.0/0 any -> any any", six, false},
		{"ip !192.0.2.0/24 any -> any any", tcp(), true}, // a negation keeps to its version of IP
		{"ip !192.0.2.0/24 any -> any any", six, false},
		{"ip !2001:db8:1::/48 any -> any any", six, true},
		{"ip [!192.0.2.0/24,!2001:db8:1::/48] any -> any any", six, true},
		{"ip any !80 -> any any", packet(1, ""), false}, // ICMP has no ports
		{"ipv4 any any -> any any", tcp(), true},
		{"ip6 any any -> any any", tcp(), false},
		{"sctp any any -> any any", packet(132, ""), true},
		{"sctp any any -> any any", packet(47, ""), false},
		{"pkthdr any any -> any any", tcp(), true},
	} {
		b := newBench(t, "alert "+c.header+" (sid:1;)")
		if got := len(b.packet(c.p)) == 1; got != c.want {
			t.Errorf("%s: %v, expected %v", c.header, got, c.want)
		}
	}
}

// TestVariables proves that the caller's variables replace the default ones.
func TestVariables(t *testing.T) {
	src := []Source{{Name: "t", Data: []byte("alert tcp $HOME_NET any -> any $LAB_PORTS (sid:1;)")}}
	s, problems := Load(src, Config{Vars: map[string]string{"HOME_NET": "[10.9.0.0/16,!10.9.9.9]", "LAB_PORTS": "[80,90]"}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for addr, want := range map[string]int{"10.9.1.1": 1, "10.9.9.9": 0, "10.0.0.1": 0} {
		p := packet(6, "")
		p.Src = netip.MustParseAddr(addr)
		var st *FlowState
		if n := len(NewEngine(s).Packet(nil, &st, p)); n != want {
			t.Errorf("%s: %d hits, expected %d", addr, n, want)
		}
	}
}

// TestPacketKeywords proves each keyword on headers by a hit and a miss
// (Suricata user guide, "IP Keywords", "TCP keywords", "ICMP keywords", "VLAN
// Keywords").
func TestPacketKeywords(t *testing.T) {
	base := func() *Packet {
		p := packet(6, "data")
		p.TCPFlags, p.TCPSeq, p.TCPAck, p.TCPWin, p.TTL, p.IPID, p.FragBits = 0x12, 1000, 2000, 512, 64, 77, 2
		p.ICMPType, p.ICMPCode, p.ICMPID, p.ICMPSeq = 8, 1, 5, 6
		p.VLAN, p.VLANs = [3]uint16{200, 300, 400}, 3
		p.IPHeader = []byte("E\x10\x00\x28" + strings.Repeat("\x00", 16))
		p.Header = []byte("\x00\x50\x12\x34" + strings.Repeat("\x00", 16) + "\x02\x04\x05\xb4\x01\x03\x03\x07")
		p.Events = 2
		p.ClientBytes, p.ServerBytes = 100, 7
		p.AppFirst = AppSMTP
		return p
	}
	all := &Offer{StreamSize: true, DecodeEvents: []string{"ipv4.a", "ipv4.b"}}
	for b := range NumBuffers {
		all.Buffers = append(all.Buffers, b)
	}
	for _, c := range []struct {
		options string
		proto   uint8
		want    bool
	}{
		{"ttl:64;", 6, true},
		{"ttl:<64;", 6, false},
		{"ttl:60-70;", 6, true},
		{"ttl:!64;", 6, false},
		{"id:77;", 6, true},
		{"id:78;", 6, false},
		{"ip_proto:6;", 6, true},
		{"ip_proto:tcp;", 6, true},
		{"ip_proto:!6;", 6, false},
		{"ip_proto:gre;", 47, true},
		{"sameip;", 6, false},
		{"flags:SA;", 6, true},
		{"flags:S;", 6, false},
		{"flags:S+;", 6, true},
		{"flags:*SF;", 6, true},
		{"flags:!F;", 6, true},
		{"flags:!S;", 6, false},
		{"tcp.flags:S,A;", 6, true},
		{"flags:SA,12;", 6, true},
		{"flags:SA;", 17, false},
		{"seq:1000;", 6, true},
		{"tcp.seq:999;", 6, false},
		{"ack:2000;", 6, true},
		{"tcp.ack:1;", 6, false},
		{"window:512;", 6, true},
		{"tcp.window:>512;", 6, false},
		{"itype:8;", 1, true},
		{"itype:>8;", 1, false},
		{"itype:8;", 6, false},
		{"icode:1;", 58, true},
		{"icode:0;", 1, false},
		{"icmp_id:5;", 1, true},
		{"icmp_id:6;", 1, false},
		{"icmp_seq:6;", 1, true},
		{"icmp_seq:5;", 1, false},
		{"fragbits:D;", 6, true},
		{"fragbits:M;", 6, false},
		{"fragbits:+D;", 6, false}, // more than D
		{"fragbits:D!;", 6, true},
		{"fragbits:!MD;", 6, true}, // not both
		{"fragbits:*MD;", 6, true},
		{"fragbits:!M;", 6, true},
		{"flags:*UA;", 6, false}, // no packet without a rare flag is looked at
		{"flags:*RA;", 6, true},
		{"flags:!P;", 6, true},
		{"dsize:!9;", 6, true},
		{"content:\"data\"; flow:only_stream;", 17, false},
		{"fragoffset:0;", 6, true},
		{"fragoffset:>0;", 6, false},
		{"vlan.id:300;", 6, true},
		{"vlan.id:500;", 6, false},
		{"vlan.id:200,0;", 6, true},
		{"vlan.id:200,1;", 6, false},
		{"vlan.id:400,-1;", 6, true},
		{"vlan.id:>100,all;", 6, true},
		{"vlan.id:>200,all;", 6, false},
		{"vlan.id:>200,nb=2;", 6, true},
		{"vlan.id:>200,nb>2;", 6, false},
		{"vlan.id:count 3;", 6, true},
		{"vlan.id:count <3;", 6, false},
		{"vlan.id:300,all,1:2;", 6, true},
		{"app-layer-protocol:smtp,original;", 6, true},
		{"app-layer-protocol:http,original;", 6, false},
		{"app-layer-protocol:!http,original;", 6, true},
		{"tos:x10;", 6, true},
		{"tos:!x10;", 6, false},
		{"vlan.layers:3;", 6, true},
		{"vlan.layers:<3;", 6, false},
		{"ipv4.hdr; content:\"E|10|\"; startswith;", 6, true},
		{"ipv4.hdr; content:\"F\";", 6, false},
		{"ipv6.hdr; content:\"E\";", 6, false},
		{"tcp.hdr; content:\"|12 34|\"; offset:2; depth:2;", 6, true},
		{"tcp.hdr; content:\"|12 34|\"; depth:2;", 6, false},
		{"udp.hdr; content:\"|00 50|\";", 17, true},
		{"udp.hdr; content:\"|00 50|\";", 6, false},
		{"icmpv4.hdr; bsize:28;", 1, true},
		{"tcp.hdr; content:\"|12|\"; content:\"data\";", 6, false},
		{"content:\"data\"; tcp.hdr; content:\"|12|\";", 6, true},
		{"tos:16;", 6, true},
		{"tos:!16;", 6, false},
		{"tcp.mss:1460;", 6, true},
		{"tcp.mss:<536;", 6, false},
		{"tcp.wscale:7;", 6, true},
		{"tcp.wscale:>7;", 6, false},
		{"icmpv6.mtu:<1500;", 58, false},
		{"decode-event:ipv4.b;", 6, true},
		{"decode-event:ipv4.a;", 6, false},
		{"stream_size:client,>,99;", 6, true},
		{"stream_size:server,>,99;", 6, false},
		{"stream_size:either,>,99;", 6, true},
		{"stream_size:both,>,99;", 6, false},
	} {
		s, problems := Load([]Source{{Name: "t", Data: fmt.Appendf(nil, "alert ip any any -> any any (%s sid:1;)", c.options)}}, Config{Offer: all})
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.options, problems[0].Error())
			continue
		}
		p := base()
		p.Proto = c.proto
		var st *FlowState
		if got := len(NewEngine(s).Packet(nil, &st, p)) == 1; got != c.want {
			t.Errorf("%s on protocol %d: %v, expected %v", c.options, c.proto, got, c.want)
		}
	}
}

// TestFlow proves directions, establishment, packets against streams, and how
// often rules without contents alert (Suricata user guide, "Flow Keywords",
// "Rule Types and Categorization").
func TestFlow(t *testing.T) {
	for _, c := range []struct {
		options     string
		established bool
		toServer    bool
		want        bool
	}{
		{"flow:established;", true, true, true},
		{"flow:established;", false, true, false},
		{"flow:not_established;", false, true, true},
		{"flow:not_established;", true, true, false},
		{"flow:stateless;", false, true, true},
		{"flow:to_server;", true, true, true},
		{"flow:from_client;", true, false, false},
		{"flow:to_client,established;", true, false, true},
		{"flow:from_server;", true, true, false},
	} {
		p := packet(17, "x")
		p.Established = c.established
		if !c.toServer {
			back(p)
		}
		b := newBench(t, "alert udp any any -> any any ("+c.options+" content:\"x\"; sid:1;)")
		if got := len(b.packet(p)) == 1; got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	// Only on the stream, only on packets, on both.
	text := `alert tcp any any -> any any (flow:only_stream; content:"abcd"; sid:1;)
alert tcp any any -> any any (flow:no_stream; content:"abcd"; sid:2;)
alert tcp-pkt any any -> any any (content:"abcd"; sid:3;)
alert tcp any any -> any any (content:"abcd"; sid:4;)
alert tcp any any -> any any (content:"abcd"; depth:4; sid:5;)`
	b := newBench(t, text)
	if got := b.packet(packet(6, "abcd")); !slices.Equal(got, []int64{2, 3, 5}) {
		t.Errorf("packet: %v", got)
	}
	if got := b.stream(packet(6, ""), "xxabcd", 4); !slices.Equal(got, []int64{1, 4}) {
		t.Errorf("stream: %v", got)
	}
	if got := b.stream(packet(6, ""), "xxabcd", 6); len(got) != 0 {
		t.Errorf("what was offered before alerts again: %v", got)
	}
	p := packet(6, "abcd")
	p.NoStream = true
	if got := b.packet(p); !slices.Equal(got, []int64{2, 3, 4, 5}) {
		t.Errorf("packet outside the stream: %v", got)
	}
	// Addresses alone: once a direction of a flow, each packet of what has none.
	b = newBench(t, "alert ip any any -> any any (sid:1;)")
	for i, want := range []int{1, 0} {
		if got := b.packet(packet(6, "")); len(got) != want {
			t.Errorf("packet %d: %v", i, got)
		}
	}
	for range 2 {
		if got := b.packet(packet(47, "")); len(got) != 1 {
			t.Errorf("packet without flow: %v", got)
		}
	}
}

// TestState proves flowbits, flowint, noalert, pass rules and their order
// (Suricata user guide, "Flow Keywords", "action-order").
func TestState(t *testing.T) {
	b := newBench(t, `alert udp any any -> any any (content:"set"; flowbits:set,a; flowbits:noalert; sid:1;)
alert udp any any -> any any (content:"test"; flowbits:isset,a; sid:2;)
alert udp any any -> any any (content:"test"; flowbits:isnotset,a; sid:3;)
alert udp any any -> any any (content:"unset"; flowbits:unset,a; noalert; sid:4;)
alert udp any any -> any any (content:"flip"; flowbits:toggle,a; sid:5;)
alert udp any any -> any any (content:"test"; flowbits:isset,a|b; sid:6;)`)
	for i, c := range []struct {
		payload string
		want    []int64
	}{
		{"test", []int64{3}}, {"set", nil}, {"test", []int64{2, 6}}, {"unset", nil}, {"test", []int64{3}}, {"flip", []int64{5}}, {"test", []int64{2, 6}},
	} {
		if c.payload == "unset" { // both contents are in it
			c.payload = "un" + "set"
		}
		if got := b.packet(packet(17, c.payload)); !slices.Equal(got, c.want) {
			t.Errorf("flowbits, packet %d %q: %v, expected %v", i, c.payload, got, c.want)
		}
	}
	b = newBench(t, `alert udp any any -> any any (content:"login"; flowint:n,notset; flowint:n,=,1; noalert; sid:1;)
alert udp any any -> any any (content:"login"; flowint:n,isset; flowint:n,+,1; noalert; sid:2;)
alert udp any any -> any any (content:"check"; flowint:n,isset; flowint:n,>,2; sid:3;)
alert udp any any -> any any (content:"less"; flowint:n,-,2; flowint:n,==,4; sid:4;)`)
	for i, c := range []struct {
		payload string
		want    []int64
	}{
		{"check", nil}, {"login", nil}, {"check", nil}, {"login", nil}, {"login", nil}, {"check", []int64{3}}, {"less", []int64{4}}, {"check", nil},
	} {
		if got := b.packet(packet(17, c.payload)); !slices.Equal(got, c.want) {
			t.Errorf("flowint, packet %d %q: %v, expected %v", i, c.payload, got, c.want)
		}
	}
	b = newBench(t, `alert udp any any -> any any (content:"bad"; sid:1;)
pass udp any any -> any any (content:"good"; sid:2;)
drop udp any any -> any any (content:"worse"; sid:3;)`)
	for i, c := range []struct {
		payload string
		want    []int64
	}{{"bad", []int64{1}}, {"bad good", nil}, {"bad worse", []int64{1, 3}}} {
		if got := b.packet(packet(17, c.payload)); !slices.Equal(got, c.want) {
			t.Errorf("pass, packet %d: %v, expected %v", i, got, c.want)
		}
	}
}

// TestOrdered proves xbits and hostbits, which belong to addresses, with their
// time (Suricata user guide, "Xbits Keyword").
func TestOrdered(t *testing.T) {
	b := newBench(t, `alert udp any any -> any any (content:"set"; xbits:set,x,track ip_src,expire 10; noalert; sid:1;)
alert udp any any -> any any (content:"test"; xbits:isset,x,track ip_src; sid:2;)
alert udp any any -> any any (content:"test"; xbits:isnotset,x,track ip_src; sid:3;)
alert udp any any -> any any (content:"unset"; xbits:unset,x,track ip_src; noalert; sid:4;)
alert udp any any -> any any (content:"host"; hostbits:set,h,dst,20; noalert; sid:5;)
alert udp any any -> any any (content:"test"; hostbits:isset,h,dst; sid:6;)
alert udp any any -> any any (content:"pair"; xbits:set,p,track ip_pair; noalert; sid:7;)
alert udp any any -> any any (content:"test"; xbits:isset,p,track ip_pair; sid:8;)`)
	other := func(s string) *Packet {
		p := packet(17, s)
		p.Src = netip.MustParseAddr("10.0.0.2")
		return p
	}
	step := func(name string, p *Packet, want ...int64) {
		t.Helper()
		b.st = nil // another flow
		if got := b.packet(p); !slices.Equal(got, want) {
			t.Errorf("%s: %v, expected %v", name, got, want)
		}
	}
	step("before", packet(17, "test"), 3)
	step("set", packet(17, "set"))
	step("after", packet(17, "test"), 2)
	step("another address", other("test"), 3)
	b.clock += 11e9
	step("expired", packet(17, "test"), 3)
	step("host", packet(17, "host"))
	step("same destination", other("test"), 3, 6)
	b.clock += 21e9
	step("pair", packet(17, "pair"))
	step("pair, other way", back(packet(17, "test")), 3, 8)
	step("not the pair", other("test"), 3)
}

// TestThreshold proves each type of threshold and detection_filter with its
// limit in time (Suricata user guide, "Thresholding Keywords").
func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		options string
		gap     time.Duration
		want    string // of eight packets, which alert
	}{
		{"threshold:type limit,track by_src,count 2,seconds 60;", time.Second, "11000000"},
		{"threshold:type limit,track by_src,count 1,seconds 2;", time.Second, "10010010"},
		{"threshold:type threshold,track by_src,count 3,seconds 60;", time.Second, "00100100"},
		{"threshold:type threshold,track by_src,count 3,seconds 1;", 2 * time.Second, "00000000"},
		{"threshold:type both,track by_src,count 3,seconds 60;", time.Second, "00100000"},
		{"threshold:type both,track by_dst,count 2,seconds 3;", time.Second, "01000100"},
		{"threshold:type backoff,track by_flow,count 1,multiplier 2;", time.Second, "11010001"},
		{"detection_filter:track by_src,count 3,seconds 60;", time.Second, "00011111"},
		{"detection_filter:track by_rule,count 1,seconds 1;", 2 * time.Second, "00000000"},
	} {
		b := newBench(t, `alert udp any any -> any any (content:"x"; `+c.options+` sid:1;)`)
		got := ""
		for range 8 {
			got += fmt.Sprint(len(b.packet(packet(17, "x"))))
			b.clock += int64(c.gap) - int64(time.Millisecond)
		}
		if got != c.want {
			t.Errorf("%s: %s, expected %s", c.options, got, c.want)
		}
	}
	b := newBench(t, `alert udp any any -> any any (content:"x"; threshold:type limit,track by_both,count 1,seconds 60; sid:1;)`)
	first := b.packet(packet(17, "x"))
	p := packet(17, "x")
	p.Src = netip.MustParseAddr("10.0.0.2")
	if second := b.packet(p); len(first) != 1 || len(second) != 1 {
		t.Errorf("by_both: %v, %v: addresses are counted together", first, second)
	}
}
