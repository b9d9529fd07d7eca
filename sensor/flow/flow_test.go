package flow

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"saksi/sensor/decode"
)

const (
	fin = decode.FIN
	syn = decode.SYN
	rst = decode.RST
	ack = decode.ACK
	// closedWindow marks a step whose sender takes no more.
	closedWindow = 0x80
)

func at(s string) [16]byte { return netip.MustParseAddr(s).As16() }

var client, server = at("192.0.2.1"), at("192.0.2.2")

// step is one packet of a connection: from the client or the server, with
// flags and sequence number relative to the first, and payload bytes.
type step struct {
	server bool
	flags  uint8
	seq    uint32
	n      uint32
}

func (s step) packet(i int, t int64) *decode.Packet {
	p := &decode.Packet{
		Number: uint64(i), Time: t, Proto: decode.ProtoTCP, Src: client, Dst: server, SrcPort: 40000, DstPort: 80,
		TCPFlags: s.flags &^ closedWindow, Window: 512, Seq: 0xfffffff0 + s.seq, HdrLen: 20, SegLen: 20 + s.n, IPLen: 40 + s.n,
	}
	if s.flags&closedWindow != 0 {
		p.Window = 0
	}
	if s.server {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	return p
}

// TestStates proves state, history, payload and direction of connections, in
// Zeek's terms.
func TestStates(t *testing.T) {
	hello := []step{{false, syn, 0, 0}, {true, syn | ack, 0, 0}, {false, ack, 1, 0}}
	more := func(s ...step) []step { return append(append([]step(nil), hello...), s...) }
	data := more(step{false, ack, 1, 10}, step{true, ack, 1, 30})
	data = data[:len(data):len(data)]
	for _, c := range []struct {
		name           string
		steps          []step
		state, history string
		orig, resp     uint64
	}{
		{"attempt", hello[:1], "S0", "S", 0, 0},
		{"rejected", []step{hello[0], {true, rst | ack, 0, 0}}, "REJ", "Sr", 0, 0},
		{"half open", hello[:2], "S1", "Sh", 0, 0},
		{"open", data, "S1", "ShADd", 10, 30},
		{"closed", append(data, step{false, fin | ack, 11, 0}, step{true, fin | ack, 31, 0}, step{false, ack, 12, 0}), "SF", "ShADdFf", 10, 30},
		{"closed by originator", append(data, step{false, fin | ack, 11, 0}), "S2", "ShADdF", 10, 30},
		{"closed by responder", append(data, step{true, fin | ack, 31, 0}), "S3", "ShADdf", 10, 30},
		{"reset by originator", append(data, step{false, rst, 11, 0}), "RSTO", "ShADdR", 10, 30},
		{"reset by responder", append(data, step{true, rst, 31, 0}), "RSTR", "ShADdr", 10, 30},
		{"SYN and FIN alone", []step{hello[0], {false, fin, 1, 0}}, "SH", "SF", 0, 0},
		{"SYN and RST alone", []step{hello[0], {false, rst, 1, 0}}, "RSTOS0", "SR", 0, 0},
		{"middle", []step{{false, ack, 5, 10}, {true, ack, 5, 7}}, "OTH", "Dd", 10, 7},
		{"answer first", []step{{true, syn | ack, 0, 0}, {false, ack, 1, 0}, {false, ack, 1, 5}}, "S1", "^hAD", 5, 0},
		{"retransmitted", append(data, step{false, ack, 1, 10}), "S1", "ShADd", 10, 30},
		{"data with FIN", more(step{false, fin | ack, 1, 10}), "S2", "ShAF", 10, 0},
		{"data with RST", append(data, step{true, rst | ack, 31, 5}), "RSTR", "ShADdr", 10, 30},
		{"FIN and RST at once", append(data, step{false, fin | rst, 11, 0}), "RSTO", "ShADdI", 10, 30},
		{"SYN and FIN at once", []step{{false, syn | fin, 0, 0}}, "SH", "Q", 0, 0},
		{"window closed", append(data, step{true, ack | closedWindow, 31, 0}, step{true, ack | closedWindow, 31, 0}), "S1", "ShADdaw", 10, 30},
		{"window closed behind FIN", append(data, step{false, fin | ack, 11, 0}, step{true, ack | closedWindow, 31, 0}), "S2", "ShADdFa", 10, 30},
		{"wrap of sequence numbers", more(step{false, ack, 1, 100}, step{false, ack, 101, 100}), "S1", "ShAD", 200, 0},
	} {
		tab := NewTable(Config{})
		var i uint32
		for k, s := range c.steps {
			i, _, _ = tab.Update(s.packet(k+1, int64(k)*1e6), true)
		}
		r := tab.Get(i)
		if tab.Len() != 1 {
			t.Errorf("%s: %d flows", c.name, tab.Len())
		}
		a, _ := r.Orig()
		if got := string(r.AppendHistory(nil)); r.ConnState() != c.state || got != c.history || r.Payload(0) != c.orig || r.Payload(1) != c.resp || a.String() != "192.0.2.1" {
			t.Errorf("%s: %s %s %d/%d from %v; expected %s %s %d/%d", c.name, r.ConnState(), got, r.Payload(0), r.Payload(1), a, c.state, c.history, c.orig, c.resp)
		}
	}
}

// TestServers proves who is the originator where both ports are a server's.
func TestServers(t *testing.T) {
	ports := &Ports{}
	for _, n := range []uint16{67, 80, 443} {
		ports.Add(true, n)
		ports.Add(false, n)
	}
	for _, c := range []struct {
		proto    uint8
		src, dst uint16
		to       [16]byte
		turned   bool
	}{
		{decode.ProtoTCP, 80, 443, client, true},
		{decode.ProtoTCP, 443, 80, client, false},
		{decode.ProtoTCP, 443, 4000, client, true},
		{decode.ProtoTCP, 4000, 443, client, false},
		{decode.ProtoUDP, 80, 443, client, false},
		{decode.ProtoUDP, 80, 4000, client, true},
		{decode.ProtoUDP, 67, 68, at("255.255.255.255"), false},
	} {
		tab := NewTable(Config{Servers: ports})
		_, dir, _ := tab.Update(&decode.Packet{Proto: c.proto, Src: server, Dst: c.to, SrcPort: c.src, DstPort: c.dst, TCPFlags: ack, Window: 9, HdrLen: 20, SegLen: 20, IPLen: 40}, true)
		if (dir == FromResp) != c.turned {
			t.Errorf("protocol %d, port %d to %d: turned %t", c.proto, c.src, c.dst, dir == FromResp)
		}
	}
}

// TestServerPort proves that a flow picked up with a packet from a server's
// port has the other side as its originator.
func TestServerPort(t *testing.T) {
	ports := &Ports{}
	ports.Add(false, 53)
	tab := NewTable(Config{Servers: ports})
	p := &decode.Packet{Proto: decode.ProtoUDP, Src: server, Dst: client, SrcPort: 53, DstPort: 4000, HdrLen: 8, SegLen: 20, IPLen: 40}
	i, dir, _ := tab.Update(p, true)
	if a, port := tab.Get(i).Orig(); a.String() != "192.0.2.1" || port != 4000 || dir != FromResp {
		t.Fatalf("originator %v:%d, direction %d", a, port, dir)
	}
}

// TestTimeouts proves that flows end after their silence in capture time, that
// a packet after it begins a new flow, and that a time far ahead does not stop
// the timers.
func TestTimeouts(t *testing.T) {
	var ended []string
	tab := NewTable(Config{})
	tab.End = func(_ uint32, r *Record, why EndReason) {
		ended = append(ended, fmt.Sprintf("%d %s", r.FirstPacket(), why))
	}
	udp := func(n uint64, port uint16, sec int64) {
		tab.Update(&decode.Packet{Number: n, Time: sec * 1e9, Proto: decode.ProtoUDP, Src: client, Dst: server, SrcPort: port, DstPort: 9, HdrLen: 8, SegLen: 9}, true)
	}
	udp(1, 1, 1000)
	udp(2, 2, 1030)
	tab.Advance(1059e9)
	if len(ended) != 0 {
		t.Fatalf("ended early: %v", ended)
	}
	tab.Advance(1063e9)
	udp(3, 2, 1200) // flow 2 was silent for 170 s
	tab.Advance(1201e9)
	if fmt.Sprint(ended) != "[1 timeout 2 timeout]" {
		t.Fatalf("ended %v", ended)
	}
	tab.Advance(1 << 60)
	udp(4, 4, 1300)
	tab.Advance(1300e9)
	tab.Advance((1300 + wheelSize) * 1e9)
	if tab.Len() != 0 {
		t.Fatalf("%d flows are left after time went back", tab.Len())
	}
}

// TestReuse proves that a SYN on the ports of a closed connection begins
// another flow.
func TestReuse(t *testing.T) {
	var ended []EndReason
	tab := NewTable(Config{})
	tab.End = func(_ uint32, _ *Record, why EndReason) { ended = append(ended, why) }
	for i, s := range []step{{false, syn, 0, 0}, {true, rst | ack, 0, 0}, {false, syn, 500, 0}} {
		tab.Update(s.packet(i+1, int64(i)), true)
	}
	if len(ended) != 1 || ended[0] != EndReuse || tab.Len() != 1 || tab.Created != 2 {
		t.Fatalf("ended %v, %d open, %d made", ended, tab.Len(), tab.Created)
	}
}

// TestFull proves that the table keeps its bound under a flood, tells every
// flow once, and uses no more memory than its records.
func TestFull(t *testing.T) {
	ended := 0
	tab := NewTable(Config{MaxFlows: 1000})
	tab.End = func(uint32, *Record, EndReason) { ended++ }
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 200_000 {
		p := &decode.Packet{Number: uint64(i + 1), Time: int64(i) * 1e5, Proto: decode.ProtoTCP, TCPFlags: syn, HdrLen: 20, SegLen: 20, IPLen: 40}
		p.Src, p.Dst, p.SrcPort, p.DstPort = client, server, uint16(rng.Uint32()), uint16(rng.Uint32())
		tab.Update(p, true)
		if i%100 == 0 {
			tab.Advance(p.Time)
		}
		if tab.Len() > 1000 {
			t.Fatalf("%d flows", tab.Len())
		}
	}
	for tab.Close() {
	}
	if uint64(ended) != tab.Created || tab.Evicted == 0 || tab.Len() != 0 {
		t.Fatalf("%d ended of %d, %d evicted", ended, tab.Created, tab.Evicted)
	}
	if len(tab.slabs) > 3 {
		t.Fatalf("%d slabs for 1000 flows", len(tab.slabs))
	}
}

// TestNoAllocation proves that a packet of a known flow allocates nothing.
func TestNoAllocation(t *testing.T) {
	tab := NewTable(Config{})
	p := step{false, ack, 1, 10}.packet(1, 1)
	if n := testing.AllocsPerRun(1000, func() { tab.Update(p, true) }); n > 0 {
		t.Fatalf("%v allocations a packet", n)
	}
}

// TestCommunityID proves the examples of the specification's README.
func TestCommunityID(t *testing.T) {
	for _, c := range []struct {
		k    Key
		seed uint16
		want string
	}{
		{Key{Src: at("128.232.110.120"), Dst: at("66.35.250.204"), SrcPort: 34855, DstPort: 80, Proto: 6}, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{Key{Src: at("66.35.250.204"), Dst: at("128.232.110.120"), SrcPort: 80, DstPort: 34855, Proto: 6}, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{Key{Src: at("192.168.1.52"), Dst: at("8.8.8.8"), SrcPort: 54585, DstPort: 53, Proto: 17}, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{Key{Src: at("192.168.1.52"), Dst: at("8.8.8.8"), SrcPort: 54585, DstPort: 53, Proto: 17}, 1, "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
		{Key{Src: at("192.168.0.89"), Dst: at("192.168.0.1"), SrcPort: 8, DstPort: 0, Proto: 1}, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{Key{Src: at("192.168.170.8"), Dst: at("192.168.170.56"), SrcPort: 7, DstPort: 80, Proto: 132}, 0, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="},
		{Key{Src: at("10.1.12.1"), Dst: at("10.1.12.2"), Proto: 46}, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
	} {
		if got := string(AppendCommunityID(nil, c.k, c.seed)); got != c.want {
			t.Errorf("%+v seed %d: %s, expected %s", c.k, c.seed, got, c.want)
		}
	}
}
