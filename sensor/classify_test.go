package sensor

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"saksi/event"
	"saksi/rules/sigma"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/service"
)

// TestLabels proves what names the application of an event, and that the better
// reason wins.
func TestLabels(t *testing.T) {
	text := func(f event.Field, s string) func(*event.Event) { return func(e *event.Event) { e.Str(f, s) } }
	for _, c := range []struct {
		name, application, why string
		label                  func(*event.Event) label
		set                    []func(*event.Event)
	}{
		{"server name", "maybank", "server_name maybank2u.com.my", tlsLabel, []func(*event.Event){text(event.TLSClientServerName, "www.maybank2u.com.my")}},
		{"protocol within before name", "dns-over-quic", "alpn doq", tlsLabel, []func(*event.Event){
			text(event.TLSClientServerName, "dns.google"), text(event.SaksiTLSALPN, "doq-i02"),
		}},
		{"certificate", "jpj", "certificate jpj.gov.my", tlsLabel, []func(*event.Event){text(event.TLSServerX509SubjectCommonName, "*.jpj.gov.my")}},
		{"subject", "anydesk", "certificate CN=AnyDesk Client", tlsLabel, []func(*event.Event){text(event.TLSServerSubject, "CN=AnyDesk Client")}},
		{"relay of Tor", "tor", "certificate tor", tlsLabel, []func(*event.Event){
			text(event.TLSServerSubject, "CN=www.abcdefgh2345.net"), text(event.TLSServerIssuer, "CN=www.zyxwvut765.com"),
		}},
		{"no relay of Tor: other names", "", "", tlsLabel, []func(*event.Event){
			text(event.TLSServerSubject, "CN=www.abcdefgh2345.net"), text(event.TLSServerIssuer, "CN=www.zyxwvut765.com"),
			text(event.TLSServerX509AlternativeNames, "www.abcdefgh2345.net"),
		}},
		{"port of DNS over TLS", "dns-over-tls", "tls_port 853", tlsLabel, []func(*event.Event){func(e *event.Event) { e.Int(event.DestinationPort, 853) }}},
		{"port of IMAP in TLS", "imaps", "tls_port 993", tlsLabel, []func(*event.Event){func(e *event.Event) { e.Int(event.DestinationPort, 993) }}},
		{"name before port", "gmail", "server_name imap.gmail.com", tlsLabel, []func(*event.Event){
			text(event.TLSClientServerName, "imap.gmail.com"), func(e *event.Event) { e.Int(event.DestinationPort, 993) },
		}},
		{"port of the web", "", "", tlsLabel, []func(*event.Event){func(e *event.Event) { e.Int(event.DestinationPort, 443) }}},
		{"OCSP", "ocsp", "media_type application/ocsp-request", httpLabel, []func(*event.Event){text(event.HTTPRequestMimeType, "application/ocsp-request")}},
		{"HLS", "hls", "media_type application/vnd.apple.mpegurl", httpLabel, []func(*event.Event){text(event.HTTPResponseMimeType, "application/vnd.apple.mpegurl")}},
		{"path of a VPN", "softether", "path /vpnsvc/connect.cgi", httpLabel, []func(*event.Event){text(event.URLPath, "/vpnsvc/connect.cgi")}},
		{"program of a VPN", "cisco-anyconnect", "user_agent AnyConnect ", httpLabel, []func(*event.Event){text(event.UserAgentOriginal, "AnyConnect Windows 4.10.05095")}},
		{"first label", "dns-over-https", "name_label doh", tlsLabel, []func(*event.Event){text(event.TLSClientServerName, "doh-1.contoh.example")}},
		{"another first label", "", "", tlsLabel, []func(*event.Event){text(event.TLSClientServerName, "dohlia.contoh.example")}},
		{"DNS over HTTPS", "dns-over-https", "media_type application/dns-message", httpLabel, []func(*event.Event){
			text(event.URLDomain, "www.google.com"), text(event.HTTPRequestMimeType, "application/dns-message"),
		}},
		{"host", "lhdn", "host hasil.gov.my", httpLabel, []func(*event.Event){text(event.URLDomain, "ez.hasil.gov.my")}},
		{"program", "steam", "user_agent Valve/Steam", httpLabel, []func(*event.Event){text(event.UserAgentOriginal, "Valve/Steam HTTP Client 1.0")}},
		{"nothing", "", "", httpLabel, []func(*event.Event){text(event.URLDomain, "contoh.example")}},
	} {
		var e event.Event
		for _, f := range c.set {
			f(&e)
		}
		l := c.label(&e)
		application, category, _ := l.application()
		why := ""
		if l != 0 {
			why = string(l.appendWhy(nil))
		}
		if application != c.application || why != c.why || (application != "") != (category != "") {
			t.Errorf("%s: %q (%s), why %q; expected %q, %q", c.name, application, category, why, c.application, c.why)
		}
	}
	for _, s := range signs {
		if s.category == "" && service.Category(s.application) == "" {
			t.Errorf("sign %s: application %s has no category", s.text, s.application)
		}
	}
	for r := noReason; r < numReasons; r++ {
		if reasons[r].text == "" || reasons[r].confidence == "" {
			t.Errorf("reason %d has no text", r)
		}
	}
}

// TestExt proves that label and former protocol survive the parser's state.
func TestExt(t *testing.T) {
	for _, c := range []conn{{}, {via: 255}, {via: 511}, {label: newLabel(numReasons-1, 65535)}, {via: 511, label: newLabel(numReasons-1, 65535)}} {
		ext := c.ext()
		l, via := (&worker{}).labelOf(&flow.Record{Ext: ext})
		if l != c.label || via != c.via || (ext&extLabel != 0) != (l != 0 || via != 0) {
			t.Errorf("label %x, via %d: %x gives %x, %d", c.label, c.via, ext, l, via)
		}
	}
}

// TestPadding proves what is taken for padding of an Ethernet frame.
func TestPadding(t *testing.T) {
	for _, c := range []struct {
		ip    uint32
		flags uint8
		b     string
		want  bool
	}{
		{46, decode.ACK, "\x00\x00\x00\x00\x00\x00", true},
		{42, decode.ACK, "\x00\x00", true},
		{46, decode.ACK | decode.PSH, "\x00\x00\x00\x00\x00\x00", false},
		{46, decode.ACK, "\x00\x01", false},
		{47, decode.ACK, "\x00\x00", false},
		{46, decode.ACK, "", false},
	} {
		if got := padding(&decode.Packet{IPLen: c.ip, TCPFlags: c.flags}, []byte(c.b)); got != c.want {
			t.Errorf("%d bytes, flags %x, %q: %v", c.ip, c.flags, c.b, got)
		}
	}
}

// wire writes a capture of Ethernet frames.
type wire struct {
	buf bytes.Buffer
	n   uint32
}

func (w *wire) frame(t *testing.T, src, dst string, l ...gopacket.SerializableLayer) {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, SrcIP: net.ParseIP(src), DstIP: net.ParseIP(dst), Protocol: layers.IPProtocolTCP}
	switch x := l[0].(type) {
	case *layers.UDP:
		ip.Protocol = layers.IPProtocolUDP
		if err := x.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
	case *layers.TCP:
		if err := x.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
	}
	eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
	out := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append([]gopacket.SerializableLayer{eth, ip}, l...)...); err != nil {
		t.Fatal(err)
	}
	if w.n == 0 {
		w.buf.WriteString("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x01\x00\x00\x00")
	}
	w.n++
	b := out.Bytes()
	for _, v := range [4]uint32{1_700_000_000 + w.n, 0, uint32(len(b)), uint32(len(b))} {
		w.buf.Write(binary.LittleEndian.AppendUint32(nil, v))
	}
	w.buf.Write(b)
}

// answer is a response of DNS with one address.
func (w *wire) answer(t *testing.T, client, name, address string) {
	t.Helper()
	q := layers.DNSQuestion{Name: []byte(name), Type: layers.DNSTypeA, Class: layers.DNSClassIN}
	w.frame(t, "192.0.2.53", client, &layers.UDP{SrcPort: 53, DstPort: 40000}, &layers.DNS{
		ID: 7, QR: true, Questions: []layers.DNSQuestion{q},
		Answers: []layers.DNSResourceRecord{{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60, IP: net.ParseIP(address)}},
	})
}

// exchange is a flow of UDP that no protocol is known by.
func (w *wire) exchange(t *testing.T, client, server string, port layers.UDPPort) {
	t.Helper()
	w.frame(t, client, server, &layers.UDP{SrcPort: port, DstPort: 39999}, gopacket.Payload("\xf7\xf6\xf5"))
	w.frame(t, server, client, &layers.UDP{SrcPort: 39999, DstPort: port}, gopacket.Payload("\xf7\xf6\xf4"))
}

// TestResolved proves that a flow that nothing else names is classified by the
// name its client was given the server's address for, last before it began,
// for any number of workers, encoded by them or not.
func TestResolved(t *testing.T) {
	const a, b, server = "192.0.2.1", "192.0.2.2", "203.0.113.9"
	var w wire
	w.exchange(t, a, server, 1001) // before any answer
	w.answer(t, a, "www.maybank2u.com.my", server)
	w.exchange(t, a, server, 1002)
	w.exchange(t, b, server, 1003) // another client
	w.answer(t, a, "tiada.contoh.example", server)
	w.exchange(t, a, server, 1004) // a name that is no service's leaves the last
	w.answer(t, a, "www.jpj.gov.my", server)
	w.exchange(t, a, server, 1005)
	want := map[int64]string{1001: "", 1002: "maybank", 1003: "", 1004: "maybank", 1005: "jpj"}
	var first []byte
	for _, workers := range []int{1, 3} {
		for _, encoding := range []bool{false, true} {
			l := &encLines{}
			cfg := Config{Sources: []Source{{Reader: bytes.NewReader(w.buf.Bytes()), Name: "w", Key: "k"}}, Workers: workers, Sink: &l.lines}
			if encoding {
				cfg.Sink = l
			}
			if _, err := Read(context.Background(), cfg); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = l.buf.Bytes()
			}
			if !bytes.Equal(first, l.buf.Bytes()) {
				t.Fatalf("%d workers, encoding %v: other bytes", workers, encoding)
			}
		}
	}
	seen := 0
	for line := range bytes.Lines(first) {
		e, err := event.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if str(e, event.EventDataset) != "saksi.flow" || num(e, event.DestinationPort) != 39999 {
			continue
		}
		seen++
		port := num(e, event.SourcePort)
		if got := str(e, event.NetworkApplication); got != want[port] {
			t.Errorf("flow of port %d: application %q, expected %q", port, got, want[port])
		}
		if want[port] != "" && (str(e, event.SaksiFlowConfidence) != "medium" || str(e, event.SaksiFlowCategory) == "") {
			t.Errorf("flow of port %d: %s", port, line)
		}
	}
	if seen != len(want) {
		t.Errorf("%d flows, expected %d", seen, len(want))
	}
}

// TestResolvedSigma proves that a rule of Sigma sees the application that a name
// resolved before gives a flow, and that the finding stands behind its event.
func TestResolvedSigma(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bank.yml")
	err := os.WriteFile(path, []byte("title: Bank\nid: 5f0c8f0e-7a55-4d1c-9a43-0d7c1b6a9eff\nstatus: test\nlevel: low\nlogsource:\n    category: firewall\n"+
		"detection:\n    selection:\n        network.application: maybank\n    condition: selection\n"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	set, problems, err := sigma.Load([]string{path}, sigma.Config{})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, problems)
	}
	var w wire
	w.answer(t, "192.0.2.1", "www.maybank2u.com.my", "203.0.113.9")
	w.exchange(t, "192.0.2.1", "203.0.113.9", 1002)
	w.exchange(t, "192.0.2.2", "203.0.113.9", 1003)
	l := &encLines{}
	s, err := Read(context.Background(), Config{Sources: []Source{{Reader: bytes.NewReader(w.buf.Bytes()), Name: "w", Key: "k"}}, Workers: 2, Rules: RuleSet{Sigma: set}, Sink: l})
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(l.buf.Bytes()), []byte("\n"))
	for i, line := range lines {
		if bytes.Contains(line, []byte(`"kind":"alert"`)) {
			if i == 0 || !bytes.Contains(lines[i-1], []byte(`"application":"maybank"`)) || !bytes.Contains(lines[i-1], []byte(`"saksi.flow"`)) {
				t.Errorf("the finding stands behind %s", lines[i-1])
			}
		}
	}
	if len(s.Alerts) != 1 || s.Alerts[0].N != 2 { // the flow, and that of the question
		t.Errorf("alerts: %v", s.Alerts)
	}
}

// TestNames proves that the cache keeps its bound and the newest names.
func TestNames(t *testing.T) {
	c := newNameCache()
	for i := range 3 * maxNames {
		n := seenName{suffix: 1 + uint16(i%7), packet: uint64(i)}
		binary.BigEndian.PutUint32(n.pair[:], uint32(i))
		c.add(&n)
		if len(c.young) > maxNames || len(c.old) > maxNames {
			t.Fatalf("%d and %d names", len(c.young), len(c.old))
		}
	}
	if len(c.young) == 0 || len(c.old) != maxNames {
		t.Fatalf("%d and %d names at the end", len(c.young), len(c.old))
	}
}
