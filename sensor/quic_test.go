package sensor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/quic"

	"saksi/event"
	"saksi/sensor/capture"
)

// relay passes datagrams between a client and a server and keeps them.
type relay struct {
	mu      sync.Mutex
	packets []capture.Packet
}

func (r *relay) keep(dir int, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	be := binary.BigEndian
	src, dst, sp, dp := []byte{198, 51, 100, 7}, []byte{192, 0, 2, 10}, uint16(40000), uint16(443)
	if dir == 1 {
		src, dst, sp, dp = dst, src, dp, sp
	}
	b := append(make([]byte, 12), 8, 0, 0x45, 0)
	b = be.AppendUint16(b, uint16(28+len(data)))
	b = append(append(append(b, 0, 0, 0x40, 0, 64, 17, 0, 0), src...), dst...)
	b = be.AppendUint16(be.AppendUint16(b, sp), dp)
	b = append(be.AppendUint32(b, uint32(8+len(data))<<16), data...)
	n := len(r.packets)
	r.packets = append(r.packets, capture.Packet{Number: uint64(n + 1), Time: 1_790_000_000_000_000_000 + int64(n)*1e6, Link: 1, OrigLen: uint32(len(b)), Data: b})
}

// pass relays from what comes in at one socket until it is closed.
func (r *relay) pass(t testing.TB, front, back *net.UDPConn, server net.Addr) {
	var client net.Addr
	var mu sync.Mutex
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := front.ReadFrom(buf)
			if err != nil {
				return
			}
			mu.Lock()
			client = from
			mu.Unlock()
			r.keep(0, buf[:n])
			if _, err := back.WriteTo(buf[:n], server); err != nil {
				return
			}
		}
	}()
	go func() {
		buf := make([]byte, 2048)
		for {
			n, _, err := back.ReadFrom(buf)
			if err != nil {
				return
			}
			r.keep(1, buf[:n])
			mu.Lock()
			to := client
			mu.Unlock()
			if _, err := front.WriteTo(buf[:n], to); err != nil {
				return
			}
		}
	}()
}

// quicSession has a client and a server of QUIC say a line each, and gives what
// passed and the client's secrets.
func quicSession(t testing.TB) (packets []capture.Packet, keys []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var log bytes.Buffer
	server, err := quic.Listen("udp", "127.0.0.1:0", &quic.Config{TLSConfig: &tls.Config{Certificates: certificates(), NextProtos: []string{"h3"}, MinVersion: tls.VersionTLS13}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close(ctx)
	var sockets []*net.UDPConn
	for range 2 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		sockets = append(sockets, c)
	}
	var r relay
	r.pass(t, sockets[0], sockets[1], net.UDPAddrFromAddrPort(server.LocalAddr()))
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			c, err := server.Accept(ctx)
			if err != nil {
				return err
			}
			s, err := c.AcceptStream(ctx)
			if err != nil {
				return err
			}
			if _, err := s.ReadByte(); err != nil {
				return err
			}
			_, err = s.Write([]byte("b"))
			s.CloseWrite()
			return err
		}()
	}()
	client, err := quic.Listen("udp", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(ctx)
	c, err := client.Dial(ctx, "udp", sockets[0].LocalAddr().String(), &quic.Config{TLSConfig: &tls.Config{
		InsecureSkipVerify: true, ServerName: "portal.agensi.example", NextProtos: []string{"h3"}, KeyLogWriter: &log, MinVersion: tls.VersionTLS13,
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	s.Flush()
	if b, err := io.ReadAll(s); err != nil || string(b) != "b" {
		t.Fatalf("read %q, %v", b, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packets, log.Bytes()
}

// TestQUICKeys proves that the handshake of QUIC is decrypted: the certificate and
// the protocol chosen are told, and that no more is.
func TestQUICKeys(t *testing.T) {
	packets, keys := quicSession(t)
	for _, c := range []struct {
		name   string
		keys   []byte
		change func(*Config)
		opened bool
		reason string
	}{
		{"none", nil, nil, false, ""},
		{"all", keys, nil, true, "only the handshake, of QUIC"},
		{"the server's alone", without(keys, "CLIENT_HANDSHAKE"), nil, true, "only the handshake, of QUIC"},
		{"of what follows alone", without(without(keys, "CLIENT_HANDSHAKE"), "SERVER_HANDSHAKE"), nil, false, "no secret"},
		{"wrong", bytes.ReplaceAll(keys, []byte("a"), []byte("b")), nil, false, "no secret"},
		{"outside", keys, func(cfg *Config) { cfg.Authority = authority(t, "decrypt", "  - networks: [203.0.113.0/24]\n") }, false, "outside of the authority"},
	} {
		list, sum := opened(t, pcapng(t, packets, c.keys), nil, c.change)
		session := of(list, "saksi.quic")
		if len(session) != 1 {
			t.Fatalf("%s: %d sessions", c.name, len(session))
		}
		e := session[0]
		decrypted, _ := e.GetBool(event.SaksiTLSDecrypted)
		alpn, subject := str(e, event.TLSNextProtocol), str(e, event.TLSServerSubject)
		if c.opened != (alpn == "h3") || c.opened != strings.Contains(subject, "portal.agensi.example") || c.opened != decrypted {
			t.Errorf("%s: protocol %q, subject %q, decrypted %v", c.name, alpn, subject, decrypted)
		}
		if c.reason != "" && odd(&sum, c.reason) != 1 || c.reason == "" && odd(&sum, "TLS sessions") != 0 {
			t.Errorf("%s: %v", c.name, sum.Oddities)
		}
		if str(e, event.TLSClientServerName) != "portal.agensi.example" {
			t.Errorf("%s: the name is missing", c.name)
		}
	}
}

// without leaves the lines of a label out of a key log.
func without(keys []byte, label string) []byte {
	var out []byte
	for _, line := range bytes.SplitAfter(keys, []byte("\n")) {
		if !bytes.HasPrefix(line, []byte(label)) {
			out = append(out, line...)
		}
	}
	return out
}
