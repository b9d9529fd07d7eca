package decode

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"saksi/sensor/capture"
)

// frames reads the demo capture.
func frames(t testing.TB) []capture.Packet {
	t.Helper()
	f, err := os.Open("../../testdata/capture/demo.pcap")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := capture.NewReader("demo", f)
	if err != nil {
		t.Fatal(err)
	}
	var out []capture.Packet
	for {
		b := &capture.Batch{}
		if err := r.ReadBatch(b); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Packets...)
	}
}

// TestAgainstGopacket proves that addresses, ports, flags, sequence numbers
// and payloads of a real capture are those gopacket gives.
func TestAgainstGopacket(t *testing.T) {
	d := New(FragLimits{})
	n := 0
	for _, c := range frames(t) {
		got := d.Decode(nil, c.Number, c.Time, uint16(c.Link), c.Data)
		g := gopacket.NewPacket(c.Data, layers.LayerTypeEthernet, gopacket.NoCopy)
		if g.NetworkLayer() == nil {
			if len(got) != 0 {
				t.Fatalf("packet %d: decoded %+v where gopacket has no network layer", c.Number, got)
			}
			continue
		}
		if len(got) != 1 {
			t.Fatalf("packet %d: %d packets", c.Number, len(got))
		}
		p := &got[0]
		src, dst := p.Addrs()
		if gs, gd := g.NetworkLayer().NetworkFlow().Endpoints(); src.String() != gs.String() || dst.String() != gd.String() {
			t.Fatalf("packet %d: %v > %v, gopacket has %v > %v", c.Number, src, dst, gs, gd)
		}
		switch l := g.TransportLayer().(type) {
		case *layers.TCP:
			n++
			flags := uint8(0)
			for i, on := range []bool{l.FIN, l.SYN, l.RST, l.PSH, l.ACK, l.URG, l.ECE, l.CWR} {
				if on {
					flags |= 1 << i
				}
			}
			if p.SrcPort != uint16(l.SrcPort) || p.DstPort != uint16(l.DstPort) || p.Seq != l.Seq || p.Ack != l.Ack ||
				p.TCPFlags != flags || p.Window != l.Window || !bytes.Equal(p.Payload(), l.Payload) {
				t.Fatalf("packet %d: %+v, gopacket has %+v", c.Number, p, l)
			}
		case *layers.UDP:
			n++
			if p.SrcPort != uint16(l.SrcPort) || p.DstPort != uint16(l.DstPort) || !bytes.Equal(p.Payload(), l.Payload) {
				t.Fatalf("packet %d: %+v, gopacket has %+v", c.Number, p, l)
			}
		}
		if !p.ChecksumOK() {
			t.Errorf("packet %d: checksum is wrong", c.Number)
		}
	}
	if n < 400 {
		t.Fatalf("only %d packets compared", n)
	}
}

func build(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	var network gopacket.NetworkLayer
	for _, l := range ls {
		if n, ok := l.(gopacket.NetworkLayer); ok {
			network = n
		}
		switch x := l.(type) {
		case *layers.TCP:
			x.SetNetworkLayerForChecksum(network)
		case *layers.UDP:
			x.SetNetworkLayerForChecksum(network)
		case *layers.ICMPv6:
			x.SetNetworkLayerForChecksum(network)
		}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buf.Bytes())
}

var (
	macA, macB = net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	ip1, ip2   = net.IPv4(192, 0, 2, 1).To4(), net.IPv4(192, 0, 2, 2).To4()
	ip3, ip4   = net.IPv4(10, 0, 0, 1).To4(), net.IPv4(10, 0, 0, 2).To4()
	v6a, v6b   = net.ParseIP("2001:db8::1"), net.ParseIP("2001:db8::2")
)

func eth(typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: typ}
}

func v4(src, dst net.IP, p layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: p, SrcIP: src, DstIP: dst}
}

func v6(p layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p, SrcIP: v6a, DstIP: v6b}
}

func udp(src, dst layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: src, DstPort: dst} }

var text = gopacket.Payload("selamat pagi")

// TestLayers proves that each link layer, tag and tunnel leads to the same
// inner packet.
func TestLayers(t *testing.T) {
	inner := []gopacket.SerializableLayer{v4(ip3, ip4, layers.IPProtocolUDP), udp(1111, 2222), text}
	with := func(l ...gopacket.SerializableLayer) []byte { return build(t, append(l, inner...)...) }
	plain := with()
	for _, c := range []struct {
		name   string
		link   uint16
		data   []byte
		depth  uint8
		vlan   [3]uint16
		outers int
	}{
		{"ethernet", 1, with(eth(layers.EthernetTypeIPv4)), 0, [3]uint16{}, 0},
		{"vlan", 1, with(eth(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeIPv4}), 0, [3]uint16{7}, 0},
		{"qinq", 1, with(eth(layers.EthernetTypeQinQ), &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeDot1Q},
			&layers.Dot1Q{VLANIdentifier: 9, Type: layers.EthernetTypeIPv4}), 0, [3]uint16{7, 9}, 0},
		{"mpls", 1, with(eth(layers.EthernetTypeMPLSUnicast), &layers.MPLS{Label: 5, TTL: 9}, &layers.MPLS{Label: 6, TTL: 9, StackBottom: true}), 0, [3]uint16{}, 0},
		{"pppoe", 1, with(eth(layers.EthernetTypePPPoESession), &layers.PPPoE{Version: 1, Type: 1, SessionId: 3, Length: uint16(len(plain) + 2)},
			&layers.PPP{PPPType: layers.PPPTypeIPv4}), 0, [3]uint16{}, 0},
		{"null", 0, append([]byte{2, 0, 0, 0}, plain...), 0, [3]uint16{}, 0},
		{"loop", 108, append([]byte{0, 0, 0, 2}, plain...), 0, [3]uint16{}, 0},
		{"raw", 101, plain, 0, [3]uint16{}, 0},
		{"sll", 113, append([]byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0}, plain...), 0, [3]uint16{}, 0},
		{"sll2", 276, append([]byte{8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}, plain...), 0, [3]uint16{}, 0},
		{"ppp", 9, append([]byte{0xff, 3, 0, 0x21}, plain...), 0, [3]uint16{}, 0},
		{"802.11", 105, append(append([]byte{8, 1, 0, 0}, make([]byte, 20)...), append([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, plain...)...), 0, [3]uint16{}, 0},
		{"radiotap", 127, append(append([]byte{0, 0, 8, 0, 0, 0, 0, 0, 8, 1, 0, 0}, make([]byte, 20)...), append([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, plain...)...), 0, [3]uint16{}, 0},
		{"ip in ip", 101, with(v4(ip1, ip2, layers.IPProtocolIPv4)), 1, [3]uint16{}, 1},
		{"4in6", 101, with(v6(layers.IPProtocolIPv4)), 1, [3]uint16{}, 1},
		{"gre", 101, with(v4(ip1, ip2, layers.IPProtocolGRE), &layers.GRE{Protocol: layers.EthernetTypeIPv4, KeyPresent: true, Key: 9}), 1, [3]uint16{}, 1},
		{"vxlan", 101, with(v4(ip1, ip2, layers.IPProtocolUDP), udp(5, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 77}, eth(layers.EthernetTypeIPv4)), 1, [3]uint16{}, 1},
		{"geneve", 101, with(v4(ip1, ip2, layers.IPProtocolUDP), udp(5, 6081), &layers.Geneve{Protocol: layers.EthernetTypeTransparentEthernetBridging, VNI: 77}, eth(layers.EthernetTypeIPv4)), 1, [3]uint16{}, 1},
		{"gtp", 101, with(v4(ip1, ip2, layers.IPProtocolUDP), udp(2152, 2152), &layers.GTPv1U{Version: 1, ProtocolType: 1, MessageType: 255, TEID: 4}), 1, [3]uint16{}, 1},
		{"gre in gre", 101, with(v4(ip1, ip2, layers.IPProtocolGRE), &layers.GRE{Protocol: layers.EthernetTypeIPv4}, v4(ip2, ip1, layers.IPProtocolGRE), &layers.GRE{Protocol: layers.EthernetTypeIPv4}), 2, [3]uint16{}, 2},
	} {
		d := New(FragLimits{})
		got := d.Decode(nil, 5, 6, c.link, c.data)
		if len(got) != c.outers+1 {
			t.Errorf("%s: %d packets, reasons %v", c.name, len(got), d.Reasons)
			continue
		}
		p := &got[c.outers]
		src, dst := p.Addrs()
		if src.String() != "10.0.0.1" || dst.String() != "10.0.0.2" || p.SrcPort != 1111 || p.DstPort != 2222 || string(p.Payload()) != string(text) ||
			p.Depth != c.depth || p.VLAN != c.vlan || p.Number != 5 || !p.ChecksumOK() {
			t.Errorf("%s: got %+v", c.name, p)
		}
		for i := range c.outers {
			if got[i].Flags&FlagTunnel == 0 {
				t.Errorf("%s: the outer packet is not marked as tunnel", c.name)
			}
		}
	}
}

// TestIPv6Extensions proves that extension headers are passed over.
func TestIPv6Extensions(t *testing.T) {
	data := build(t, v6(layers.IPProtocolUDP), udp(1, 2), text)
	ext := append(bytes.Clone(data[:40]), 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0)
	ext = append(ext, data[40:]...)
	ext[6] = 0
	ext[5] += 16
	got := New(FragLimits{}).Decode(nil, 1, 1, 101, ext)
	if len(got) != 1 || got[0].Proto != ProtoUDP || string(got[0].Payload()) != string(text) || !got[0].ChecksumOK() {
		t.Fatalf("got %+v", got)
	}
}

// fragments cuts an IPv4 packet into pieces of n payload bytes.
func fragments(data []byte, n int) [][]byte {
	var out [][]byte
	body := data[20:]
	for off := 0; off < len(body); off += n {
		end := min(off+n, len(body))
		f := append(bytes.Clone(data[:20]), body[off:end]...)
		f[2], f[3] = byte(len(f)>>8), byte(len(f))
		f[6], f[7] = byte(off/8>>8), byte(off/8)
		if end < len(body) {
			f[6] |= 0x20
		}
		out = append(out, f)
	}
	return out
}

// TestFragments proves that fragments in any order give the datagram once,
// with the numbers of all its frames.
func TestFragments(t *testing.T) {
	long := make([]byte, 3000)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range long {
		long[i] = byte(rng.Uint32())
	}
	parts := fragments(build(t, v4(ip1, ip2, layers.IPProtocolUDP), udp(1, 2), gopacket.Payload(long)), 504)
	for range 50 {
		d := New(FragLimits{})
		var got []Packet
		for i, k := range rng.Perm(len(parts)) {
			got = d.Decode(got, uint64(i+1), 0, 101, parts[k])
			if i == 2 { // once more
				got = d.Decode(got, uint64(i+1), 0, 101, parts[k])
			}
		}
		if len(got) != 1 || !bytes.Equal(got[0].Payload(), long) || !got[0].ChecksumOK() || got[0].Number != uint64(len(parts)) ||
			len(got[0].Frags) < len(parts)-1 || got[0].Flags&FlagReassembled == 0 || d.Pending() != 0 || d.frags.bytes != 0 {
			t.Fatalf("%d packets, pending %d", len(got), d.Pending())
		}
	}
}

// TestFragmentLimits proves that datagrams that never end are given up after
// the timeout and within the memory limit, and counted.
func TestFragmentLimits(t *testing.T) {
	part := fragments(build(t, v4(ip1, ip2, layers.IPProtocolUDP), udp(1, 2), gopacket.Payload(make([]byte, 2000))), 1024)[0]
	d := New(FragLimits{Datagrams: 10, Bytes: 4096})
	for i := range 100 {
		part[4], part[5] = byte(i>>8), byte(i)
		d.Decode(nil, uint64(i), int64(i), 101, part)
		if d.Pending() > 10 || d.frags.bytes > 4096 {
			t.Fatalf("holds %d datagrams of %d bytes", d.Pending(), d.frags.bytes)
		}
	}
	if d.Frags.Evicted == 0 {
		t.Error("nothing was counted as given up")
	}
	part[4] = 9
	d.Decode(nil, 200, 100e9, 101, part)
	if d.Pending() != 1 || d.Frags.Expired == 0 {
		t.Errorf("%d pending, %d expired", d.Pending(), d.Frags.Expired)
	}
}

// TestOverlap proves that the bytes that came first stand.
func TestOverlap(t *testing.T) {
	data := build(t, v4(ip1, ip2, layers.IPProtocolUDP), udp(1, 2), gopacket.Payload(bytes.Repeat([]byte("a"), 56)))
	parts := fragments(data, 16)
	evil := bytes.Clone(parts[1])
	for i := 20; i < len(evil); i++ {
		evil[i] = 'b'
	}
	d := New(FragLimits{})
	var got []Packet
	for i, f := range [][]byte{parts[0], parts[1], evil, parts[2], parts[3]} {
		got = d.Decode(got, uint64(i+1), 0, 101, f)
	}
	if len(got) != 1 || bytes.ContainsRune(got[0].Payload(), 'b') || d.Frags.Overlaps != 1 {
		t.Fatalf("got %d packets, %d overlaps", len(got), d.Frags.Overlaps)
	}
}

// TestUnknownLink proves that a link type without a decoder is counted by its
// number and never silent.
func TestUnknownLink(t *testing.T) {
	d := New(FragLimits{})
	if got := d.Decode(nil, 1, 1, 147, []byte{1, 2, 3}); len(got) != 0 || d.Links[147] != 1 || d.Reasons[UnknownLink] != 1 {
		t.Fatalf("got %v, counted %v", got, d.Links)
	}
}

// TestNoAllocation proves that decoding an ordinary frame allocates nothing.
func TestNoAllocation(t *testing.T) {
	list := frames(t)
	d := New(FragLimits{})
	buf := make([]Packet, 0, 16)
	n := testing.AllocsPerRun(10, func() {
		for i := range list {
			buf = d.Decode(buf[:0], list[i].Number, list[i].Time, 1, list[i].Data)
		}
	})
	if n > 0 {
		t.Fatalf("%v allocations for %d frames", n, len(list))
	}
}

// FuzzDecode proves that no frame of any link type makes the decoder panic or
// point outside the frame.
func FuzzDecode(f *testing.F) {
	for _, c := range frames(f)[:40] {
		f.Add(uint16(1), c.Data)
	}
	inner := []gopacket.SerializableLayer{v4(ip3, ip4, layers.IPProtocolUDP), udp(1111, 2222), text}
	for _, l := range [][]gopacket.SerializableLayer{
		{v4(ip1, ip2, layers.IPProtocolUDP), udp(5, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 77}, eth(layers.EthernetTypeIPv4)},
		{v4(ip1, ip2, layers.IPProtocolUDP), udp(2152, 2152), &layers.GTPv1U{Version: 1, ProtocolType: 1, MessageType: 255, TEID: 4}},
		{v4(ip1, ip2, layers.IPProtocolGRE), &layers.GRE{Protocol: layers.EthernetTypeIPv4, KeyPresent: true}},
	} {
		f.Add(uint16(101), build(f, append(l, inner...)...))
	}
	for _, link := range []uint16{0, 9, 50, 104, 105, 108, 113, 127, 276} {
		f.Add(link, frames(f)[0].Data)
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte) {
		d := New(FragLimits{})
		for n := range uint64(2) {
			for _, p := range d.Decode(nil, n, int64(n), link, data) {
				if int(p.HdrLen) > len(p.Segment) {
					t.Fatalf("header of %d bytes in a segment of %d", p.HdrLen, len(p.Segment))
				}
				p.ChecksumOK()
				_ = p.Payload()
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	list := frames(b)
	d := New(FragLimits{})
	buf := make([]Packet, 0, 16)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := &list[i%len(list)]
		buf = d.Decode(buf[:0], c.Number, c.Time, 1, c.Data)
	}
}
