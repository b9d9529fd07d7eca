package suricata

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
)

// TestTextVariables proves texts that a pcre captures for the flow or the packet and
// that other rules look into (Suricata user guide, "pcre", "flowvar", "pktvar").
func TestTextVariables(t *testing.T) {
	for _, c := range []struct {
		name, set, ask string
		first, second  string
		want           int // alerts on the second packet
	}{
		{"of the flow", `pcre:"/user=(\w+)/, flow:who";`, `flowvar:who,"ali"; content:"end";`, "user=ali", "end", 1},
		{"another text", `pcre:"/user=(\w+)/, flow:who";`, `flowvar:who,"siti"; content:"end";`, "user=ali", "end", 0},
		{"negated", `pcre:"/user=(\w+)/, flow:who";`, `flowvar:who,!"siti"; content:"end";`, "user=ali", "end", 1},
		{"the second group", `pcre:"/(\w+)=(\w+)/, flow:key, flow:who";`, `flowvar:who,"ali"; content:"end";`, "user=ali", "end", 1},
		{"by the name of its group", `pcre:"/user=(?P<flow_who>\w+)/";`, `flowvar:who,"ali"; content:"end";`, "user=ali", "end", 1},
		{"of a packet that is past", `pcre:"/user=(\w+)/, pkt:who";`, `pktvar:who,"ali"; content:"end";`, "user=ali", "end", 0},
		{"of this packet", `pcre:"/user=(\w+)/, pkt:who";`, `pktvar:who,"ali"; content:"end";`, "none", "user=ali end", 1},
		{"never set", `pcre:"/user=(\w+)/, flow:who";`, `flowvar:who,!"x"; content:"end";`, "none", "end", 1},
		{"bytes above 127", `pcre:"/\xe9(..)/, flow:who";`, `flowvar:who,"|ff|a"; content:"end";`, "\xe9\xffa", "end", 1},
		{"of a rule that fails later", `pcre:"/user=(\w+)/, flow:who"; content:"absent";`, `flowvar:who,"ali"; content:"end";`, "user=ali", "end", 0},
	} {
		b := newBench(t, "alert udp any any -> any any ("+c.set+" noalert; sid:1;)\nalert udp any any -> any any ("+c.ask+" sid:2;)")
		b.packet(packet(17, c.first))
		if got := len(b.packet(packet(17, c.second))); got != c.want {
			t.Errorf("%s: %d alerts, expected %d", c.name, got, c.want)
		}
	}
}

// TestTxBits proves bits of one transaction (Suricata user guide, "xbits").
func TestTxBits(t *testing.T) {
	b := newBench(t, `alert http any any -> any any (http.uri; content:"/a"; xbits:set,seen,track tx; noalert; sid:1;)`+"\n"+
		`alert http any any -> any any (http.stat_code; content:"200"; xbits:isset,seen,track tx; sid:2;)`)
	p := packet(6, "")
	ask := func(id uint64, uri string) {
		b.tx(p, &tx{app: AppHTTP, id: id, bufs: map[Buffer][]string{BufHTTPURI: {uri}}})
	}
	answer := func(id uint64) int {
		return len(b.tx(back(packet(6, "")), &tx{app: AppHTTP, id: id, bufs: map[Buffer][]string{BufHTTPStatCode: {"200"}}}))
	}
	ask(1, "/a")
	ask(2, "/b")
	if one, two := answer(1), answer(2); one != 1 || two != 0 {
		t.Errorf("%d alerts on the transaction with the bit, %d on the other", one, two)
	}
}

// TestChecksums proves the keywords on checksums, by packets whose sums are right
// and wrong (RFC 1071).
func TestChecksums(t *testing.T) {
	v4 := func(proto uint8, src, dst string) *Packet {
		p := packet(proto, "payload")
		p.Src, p.Dst = netip.MustParseAddr(src), netip.MustParseAddr(dst)
		p.IPHeader = []byte{0x45, 0, 0, 47, 0, 1, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
		binary.BigEndian.PutUint16(p.IPHeader[10:], ^uint16(sumOf(0, p.IPHeader)))
		at := map[uint8]int{1: 2, 6: 16, 17: 6, 58: 2}[proto]
		p.Header = make([]byte, map[uint8]int{1: 8, 6: 20, 17: 8, 58: 8}[proto])
		sum := uint64(0)
		if proto != 1 {
			sum = partialSum(partialSum(0, p.Src.AsSlice()), p.Dst.AsSlice()) + uint64(proto) + uint64(len(p.Header)+len(p.Payload))
		}
		binary.BigEndian.PutUint16(p.Header[at:], ^uint16(sumOf(partialSum(sum, p.Header), p.Payload)))
		return p
	}
	for _, c := range []struct {
		keyword string
		proto   uint8
		v6      bool
	}{{"ipv4-csum", 6, false}, {"tcpv4-csum", 6, false}, {"udpv4-csum", 17, false}, {"icmpv4-csum", 1, false}, {"tcpv6-csum", 6, true}, {"udpv6-csum", 17, true}, {"icmpv6-csum", 58, true}} {
		src, dst := "10.0.0.1", "10.0.0.2"
		if c.v6 {
			src, dst = "2001:db8::1", "2001:db8::2"
		}
		for _, value := range []string{"valid", "invalid"} {
			for _, bad := range []bool{false, true} {
				for _, unverified := range []bool{false, true} {
					p := v4(c.proto, src, dst)
					if p.Unverified = unverified; bad {
						p.IPHeader[8]--
						p.Payload = []byte("payloae")
						p.BadChecksum = c.keyword != "ipv4-csum"
					}
					b := newBench(t, fmt.Sprintf("alert ip any any -> any any (%s:%s; sid:1;)", c.keyword, value))
					if got, want := len(b.packet(p)) == 1, unverified && value == "valid" || !unverified && bad == (value == "invalid"); got != want {
						t.Errorf("%s:%s, wrong sum %v, unverified %v: %v", c.keyword, value, bad, unverified, got)
					}
				}
			}
		}
	}
	p := v4(6, "10.0.0.1", "10.0.0.2")
	p.BadChecksum = true
	if n := len(newBench(t, `alert tcp any any -> any any (content:"payload"; sid:1;)`).packet(p)); n != 0 {
		t.Errorf("a packet with a wrong checksum is looked at by %d other rules", n)
	}
}

// TestDCEOrder proves byte keywords in the order that the call says (Suricata
// user guide, "byte_test", dce).
func TestDCEOrder(t *testing.T) {
	for _, options := range []string{
		`dcerpc.stub_data; byte_test:2,=,258,0,dce;`, `dcerpc.stub_data; byte_jump:2,0,dce,from_beginning,post_offset -256; isdataat:!3,relative; isdataat:2,relative;`,
		`dcerpc.stub_data; byte_extract:2,0,n,dce; byte_test:2,=,n,0,dce; byte_test:2,=,258,0,dce;`,
		`dcerpc.stub_data; byte_math:bytes 2,offset 0,oper +,rvalue 1,result n,endian dce; byte_test:2,=,n,2,dce;`,
	} {
		for _, little := range []bool{false, true} {
			x := &dceTx{tx: tx{app: AppDCERPC, bufs: map[Buffer][]string{BufDCERPCStub: {"\x01\x02\x01\x03"}}}, little: little}
			if little {
				x.bufs[BufDCERPCStub] = []string{"\x02\x01\x03\x01"}
			}
			b := newBench(t, "alert dcerpc any any -> any any ("+options+" sid:1;)")
			if n := len(b.tx(packet(6, ""), x)); n != 1 {
				t.Errorf("%s, little %v: %d alerts", options, little, n)
			}
			x.little = !little
			if n := len(b.tx(packet(6, ""), x)); n != 0 {
				t.Errorf("%s, little %v taken for %v: %d alerts", options, little, x.little, n)
			}
		}
	}
}

type dceTx struct {
	tx
	little bool
}

func (x *dceTx) LittleEndian() bool { return x.little }
