package scope

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"saksi/evidence"
	"saksi/sensor/decode"
)

func authority(t testing.TB, rest string) *evidence.Authority {
	t.Helper()
	a, err := evidence.ParseAuthority([]byte("format: 1\nkind: instruction\nreference: I-1\nby: KP\nacts: [capture, extract]\n" + rest))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const (
	tcp = decode.ProtoTCP
	udp = decode.ProtoUDP
)

// frame is an Ethernet frame from one address and port to another.
func frame(proto byte, from, to string, payload []byte) []byte {
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	be := binary.BigEndian
	var seg []byte
	seg = be.AppendUint16(be.AppendUint16(seg, src.Port()), dst.Port())
	if proto == udp {
		seg = be.AppendUint32(seg, uint32(8+len(payload))<<16)
	} else {
		seg = append(seg, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0)
	}
	return ip(proto, src.Addr(), dst.Addr(), 0, append(seg, payload...))
}

// ip is an Ethernet frame with an IPv4 packet, or a fragment of one.
func ip(proto byte, src, dst netip.Addr, fragment uint16, seg []byte) []byte {
	be := binary.BigEndian
	b := append(make([]byte, 12), 8, 0, 0x45, 0)
	b = be.AppendUint16(b, uint16(20+len(seg)))
	b = be.AppendUint16(append(b, 0, 7), fragment)
	b = append(b, 64, proto, 0, 0)
	s, d := src.As4(), dst.As4()
	return append(append(append(b, s[:]...), d[:]...), seg...)
}

// judge gives the standing of each frame, in order, by its first letter.
func judge(f *Filter, iface string, frames ...[]byte) string {
	d := decode.New(decode.FragLimits{})
	var out strings.Builder
	for i, b := range frames {
		t := time.Date(2026, 11, 25, 0, 0, i, 0, time.UTC).UnixNano()
		out.WriteByte(f.Frame(d.Decode(nil, uint64(i+1), t, 1, b), d.Held(), iface, t).String()[0])
	}
	return out.String()
}

// hello is what a client of TLS sends first, with a name.
func hello(t testing.TB, name string) []byte {
	t.Helper()
	c, s := net.Pipe()
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, 16<<10)
		n, err := s.Read(b)
		if err != nil {
			n = 0
		}
		got <- b[:n]
		s.Close()
	}()
	_ = tls.Client(c, &tls.Config{ServerName: name}).Handshake() // nobody answers
	return <-got
}

func TestPackets(t *testing.T) {
	a := authority(t, `scope:
  - networks: [192.0.2.0/24]
    interfaces: [eth1]
  - networks: [192.0.2.9]
    privileged: true
  - ports: [5060]
    privileged: true
`)
	f := New(a, evidence.ActCapture, "")
	arp := append(make([]byte, 12), 8, 6, 0, 1)
	frames := [][]byte{
		frame(tcp, "192.0.2.7:40000", "198.51.100.1:443", nil),
		frame(tcp, "198.51.100.1:443", "192.0.2.7:40000", nil),
		frame(tcp, "198.51.100.1:443", "198.51.100.2:40000", nil),
		frame(tcp, "198.51.100.1:443", "192.0.2.9:40000", nil),
		frame(udp, "192.0.2.7:5060", "198.51.100.1:40000", nil),
		arp,
	}
	if got := judge(f, "eth1", frames...); got != "wwoppo" {
		t.Errorf("on the interface: %s", got)
	}
	if got := judge(f, "eth2", frames...); got != "oooppo" {
		t.Errorf("on another interface: %s", got)
	}
	all := New(authority(t, "scope:\n  - interfaces: [eth1]\n  - networks: [0.0.0.0/0]\n"), evidence.ActCapture, "")
	if got := judge(all, "eth1", arp); got != "w" {
		t.Errorf("an interface covers what has no address: %s", got)
	}
	expired := authority(t, "until: 2026-11-25T00:00:02Z\nscope:\n  - networks: [192.0.2.0/24]\n")
	same := [][]byte{frames[0], frames[0], frames[0], frames[0]}
	if got := judge(New(expired, evidence.ActCapture, ""), "eth1", same...); got != "wwoo" {
		t.Errorf("capture when the authority expires: %s", got)
	}
	if got := judge(New(expired, evidence.ActExtract, ""), "", same...); got != "wwww" {
		t.Errorf("extraction of what came later: %s", got)
	}
}

// TestTunnel proves that the packets within a tunnel count as well as the tunnel.
func TestTunnel(t *testing.T) {
	f := New(authority(t, "scope:\n  - networks: [192.0.2.0/24]\n  - networks: [10.0.0.9]\n    privileged: true\n"), evidence.ActCapture, "")
	tunnel := func(inner []byte) []byte {
		return ip(4, netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2"), 0, inner[14:])
	}
	got := judge(f, "", tunnel(frame(tcp, "192.0.2.7:1", "10.0.0.1:2", nil)), tunnel(frame(tcp, "192.0.2.7:1", "10.0.0.9:2", nil)), tunnel(frame(tcp, "10.0.0.1:1", "10.0.0.2:2", nil)))
	if got != "wpo" {
		t.Errorf("standings are %s", got)
	}
}

// TestFragments proves that fragments, whose ports are not known, are covered by
// their addresses, and privileged where their ports may be.
func TestFragments(t *testing.T) {
	whole := frame(udp, "192.0.2.7:40000", "198.51.100.1:5060", make([]byte, 1200))[34:]
	src, dst := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.1")
	frames := [][]byte{ip(udp, src, dst, 0x2000, whole[:800]), ip(udp, src, dst, 100, whole[800:])}
	for scope, want := range map[string]string{
		"  - networks: [192.0.2.0/24]\n":                                                  "ww",
		"  - networks: [192.0.2.0/24]\n    ports: [53]\n":                                 "wo",
		"  - networks: [203.0.113.0/24]\n":                                                "oo",
		"  - networks: [192.0.2.0/24]\n  - ports: [5060]\n    privileged: true\n":         "pp",
		"  - networks: [192.0.2.0/24]\n  - networks: [192.0.2.7]\n    privileged: true\n": "pp",
	} {
		if got := judge(New(authority(t, "scope:\n"+scope), evidence.ActCapture, ""), "", frames...); got != want {
			t.Errorf("%s: %s, want %s", scope, got, want)
		}
	}
}

const counsel = `scope:
  - networks: [0.0.0.0/0]
  - hosts: ["*.counsel.example", counsel.example]
    privileged: true
`

// TestNames proves that what belongs to a privileged name is known from the
// packet that tells it on.
func TestNames(t *testing.T) {
	first := hello(t, "mail.counsel.example")
	other := hello(t, "portal.agensi.example")
	if len(first) < 200 || len(other) < 200 {
		t.Fatalf("hellos of %d and %d bytes", len(first), len(other))
	}
	answer := func(question, alias string, addr netip.Addr) []byte {
		b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true})
		name := dnsmessage.MustNewName(question)
		if err := b.StartQuestions(); err != nil {
			t.Fatal(err)
		}
		if err := b.Question(dnsmessage.Question{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}); err != nil {
			t.Fatal(err)
		}
		if err := b.StartAnswers(); err != nil {
			t.Fatal(err)
		}
		last := dnsmessage.MustNewName(alias)
		if err := b.CNAMEResource(dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, dnsmessage.CNAMEResource{CNAME: last}); err != nil {
			t.Fatal(err)
		}
		if err := b.AResource(dnsmessage.ResourceHeader{Name: last, Class: dnsmessage.ClassINET}, dnsmessage.AResource{A: addr.As4()}); err != nil {
			t.Fatal(err)
		}
		out, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return frame(udp, "192.0.2.53:53", "192.0.2.7:40000", out)
	}
	to, back := frame(tcp, "192.0.2.7:40000", "203.0.113.5:443", nil), frame(tcp, "203.0.113.5:443", "192.0.2.7:40000", nil)
	send := func(b []byte) []byte { return frame(tcp, "192.0.2.7:40000", "203.0.113.5:443", b) }
	for _, c := range []struct {
		name   string
		frames [][]byte
		want   string
	}{
		{"a hello", [][]byte{to, send(first), back, frame(tcp, "192.0.2.7:40001", "203.0.113.5:443", nil)}, "wppw"},
		{"another's", [][]byte{to, send(other), back}, "www"},
		{"a hello in two segments", [][]byte{send(first[:60]), send(first[60:]), back}, "wpp"},
		{"a request", [][]byte{send([]byte("GET / HTTP/1.1\r\nHost: WWW.Counsel.example:8080\r\n\r\n")), back}, "pp"},
		{"a request in two segments", [][]byte{send([]byte("GET / HTTP/1.1\r\nHo")), send([]byte("st: www.counsel.example\r\n\r\n")), back}, "wpp"},
		{"text", [][]byte{send([]byte("GET me counsel.example\r\n")), back}, "ww"},
		{"an answer of DNS", [][]byte{to, answer("mail.counsel.example.", "cdn.example.", netip.MustParseAddr("203.0.113.5")), to, back, frame(tcp, "192.0.2.7:1", "203.0.113.6:443", nil)}, "wwppw"},
		{"an alias", [][]byte{answer("x.example.", "a.counsel.example.", netip.MustParseAddr("203.0.113.5")), to}, "wp"},
		{"another answer", [][]byte{answer("x.example.", "cdn.example.", netip.MustParseAddr("203.0.113.5")), to}, "ww"},
		{"no answer of DNS", [][]byte{frame(udp, "192.0.2.53:53", "192.0.2.7:1", []byte("\x12\x34\x81\x80\xff\xff\xff\xff")), to}, "ww"},
	} {
		if got := judge(New(authority(t, counsel), evidence.ActCapture, ""), "", c.frames...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestBounds proves that hellos that never end and names without end take bounded
// memory.
func TestBounds(t *testing.T) {
	f := New(authority(t, counsel), evidence.ActCapture, "")
	d := decode.New(decode.FragLimits{})
	for i := range 3 * maxHellos {
		from := fmt.Sprintf("192.0.2.%d:%d", i%250+1, 1000+i)
		b := frame(tcp, from, "203.0.113.5:443", []byte("\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"))
		f.Frame(d.Decode(nil, uint64(i+1), 0, 1, b), d.Held(), "", 0)
	}
	if len(f.hellos) > maxHellos {
		t.Errorf("%d hellos are kept", len(f.hellos))
	}
	for range 30 {
		b := frame(tcp, "192.0.2.1:1000", "203.0.113.5:443", make([]byte, 1000))
		f.Frame(d.Decode(nil, 1, 0, 1, b), d.Held(), "", 0)
	}
	for _, b := range f.hellos {
		if len(b) > maxHello {
			t.Errorf("%d bytes of a hello are kept", len(b))
		}
	}
	for i := range 3 * maxLearned {
		f.flows.add(connection{srcPort: uint16(i), dstPort: uint16(i >> 16)}, "x")
	}
	if n := len(f.flows.now) + len(f.flows.before); n > 2*maxLearned {
		t.Errorf("%d connections are kept", n)
	}
}

// FuzzFrame proves that any frame is judged, with names to be learned.
func FuzzFrame(f *testing.F) {
	f.Add(frame(tcp, "192.0.2.7:40000", "203.0.113.5:443", []byte("GET / HTTP/1.1\r\nHost: a\r\n")))
	f.Add(frame(udp, "192.0.2.53:53", "192.0.2.7:1", []byte("\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00")))
	f.Fuzz(func(t *testing.T, b []byte) {
		x := New(authority(t, counsel), evidence.ActCapture, "")
		for _, c := range judge(x, "eth0", b, b) {
			if !strings.ContainsRune("wop", c) {
				t.Errorf("standing %c", c)
			}
		}
	})
}
