package sensor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
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

// h3Frame is a frame of HTTP/3.
func h3Frame(typ byte, payload string) string {
	n := len(payload)
	return string([]byte{typ, 0x80 | byte(n>>24), byte(n >> 16), byte(n >> 8), byte(n)}) + payload
}

// h3Value is a value of QPACK, of less than 127 bytes.
func h3Value(s string) string { return string([]byte{byte(len(s))}) + s }

// Streams of HTTP/3: the settings allow a table of 4096 bytes, the instructions
// set that and insert ":authority: portal.agensi.example" (static name 0).
var (
	h3Settings     = "\x00" + h3Frame(4, "\x01\x50\x00")
	h3Instructions = "\x02" + "\x3f\xe1\x1f" + "\xc0" + h3Value("portal.agensi.example")
	// Required insert count 1, base 0 behind it: GET https, path by a literal,
	// authority by the entry inserted, user agent by a literal.
	h3Request  = h3Frame(1, "\x02\x00"+"\xd1\xd7"+"\x51"+h3Value("/h3.html")+"\x80"+"\x5f\x50"+h3Value("uji"))
	h3Response = h3Frame(1, "\x00\x00"+"\xd9"+"\xf4"+"\x5f\x4d"+h3Value("uji/3"))
)

const h3Page = 60_000

// quicSession has a client ask a server for a page by HTTP/3, and gives what passed
// and the client's secrets.
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
			if err := h3Say(ctx, c, h3Settings); err != nil {
				return err
			}
			var answer *quic.Stream
			for range 3 {
				s, err := c.AcceptStream(ctx)
				if err != nil {
					return err
				}
				if !s.IsReadOnly() {
					answer = s
				}
				if _, err := s.ReadByte(); err != nil {
					return err
				}
			}
			_, err = io.WriteString(answer, h3Response+h3Frame(0, string(page(h3Page/2)))+h3Frame(0x21, "any")+h3Frame(0, string(page(h3Page)[h3Page/2:])))
			answer.CloseWrite()
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
	if _, err := io.WriteString(s, h3Request); err != nil {
		t.Fatal(err)
	}
	s.CloseWrite()
	s.Flush()
	time.Sleep(50 * time.Millisecond) // so that the request waits for its instructions
	for _, text := range []string{h3Settings, h3Instructions} {
		if err := h3Say(ctx, c, text); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := io.ReadAll(s); err != nil || len(b) < h3Page {
		t.Fatalf("read %d bytes, %v", len(b), err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packets, log.Bytes()
}

// h3Say opens a stream that only its sender writes to.
func h3Say(ctx context.Context, c *quic.Conn, text string) error {
	s, err := c.NewSendOnlyStream(ctx)
	if err != nil {
		return err
	}
	_, err = io.WriteString(s, text)
	return errors.Join(err, s.Flush())
}

// TestQUICKeys proves that QUIC is decrypted: the certificate and the protocol
// chosen are told, and what HTTP/3 carries.
func TestQUICKeys(t *testing.T) {
	packets, keys := quicSession(t)
	for _, c := range []struct {
		name   string
		keys   []byte
		change func(*Config)
		opened bool // the handshake is
		pages  int
		reason string
	}{
		{"none", nil, nil, false, 0, ""},
		{"all", keys, nil, true, 1, "TLS sessions decrypted"},
		{"the server's of the handshake", without(keys, "CLIENT_HANDSHAKE"), nil, true, 1, "TLS sessions decrypted"},
		{"of the handshake alone", without(without(keys, "CLIENT_TRAFFIC"), "SERVER_TRAFFIC"), nil, true, 0, "only the handshake, of QUIC"},
		{"of what follows alone", without(without(keys, "CLIENT_HANDSHAKE"), "SERVER_HANDSHAKE"), nil, false, 1, "TLS sessions decrypted"},
		{"wrong", bytes.ReplaceAll(keys, []byte("a"), []byte("b")), nil, false, 0, "no secret"},
		{"outside", keys, func(cfg *Config) { cfg.Authority = authority(t, "decrypt", "  - networks: [203.0.113.0/24]\n") }, false, 0, "outside of the authority"},
	} {
		list, sum := opened(t, pcapng(t, packets, c.keys), nil, c.change)
		session := of(list, "saksi.quic")
		if len(session) != 1 {
			t.Fatalf("%s: %d sessions", c.name, len(session))
		}
		e := session[0]
		decrypted, _ := e.GetBool(event.SaksiTLSDecrypted)
		alpn, subject := str(e, event.TLSNextProtocol), str(e, event.TLSServerSubject)
		if c.opened != (alpn == "h3") || c.opened != strings.Contains(subject, "portal.agensi.example") || (c.opened || c.pages > 0) != decrypted {
			t.Errorf("%s: protocol %q, subject %q, decrypted %v", c.name, alpn, subject, decrypted)
		}
		if c.reason != "" && odd(&sum, c.reason) != 1 || c.reason == "" && odd(&sum, "TLS sessions") != 0 {
			t.Errorf("%s: %v", c.name, sum.Oddities)
		}
		pages, files := of(list, "saksi.http"), of(list, "saksi.file")
		if len(pages) != c.pages || len(files) != c.pages {
			t.Fatalf("%s: %d pages, %d files", c.name, len(pages), len(files))
		}
		for _, p := range pages {
			status, _ := p.GetInt(event.HTTPResponseStatusCode)
			mark, _ := p.GetBool(event.SaksiTLSDecrypted)
			if u, v := str(p, event.URLFull), str(p, event.HTTPVersion); u != "https://portal.agensi.example/h3.html" || v != "3" || status != 200 || !mark {
				t.Errorf("%s: %s", c.name, p.AppendJSON(nil))
			}
			if str(p, event.UserAgentOriginal) != "uji" || str(p, event.ServiceName) != "uji/3" || str(p, event.NetworkProtocol) != "quic" {
				t.Errorf("%s: %s", c.name, p.AppendJSON(nil))
			}
			if n, _ := files[0].GetInt(event.FileSize); n != h3Page || files[0].Has(event.SaksiFileIncomplete) {
				t.Errorf("%s: %s", c.name, files[0].AppendJSON(nil))
			}
		}
		if str(e, event.TLSClientServerName) != "portal.agensi.example" {
			t.Errorf("%s: the name is missing", c.name)
		}
	}
}

// TestQUICLost proves that a datagram that was lost, one that came later and one
// that came twice cost no more than they must.
func TestQUICLost(t *testing.T) {
	packets, keys := quicSession(t)
	var large []int // datagrams of the server that are full
	for i, p := range packets {
		if p.Data[34] == 443>>8 && len(p.Data) > 1200 {
			large = append(large, i)
		}
	}
	if len(large) < 20 {
		t.Fatalf("only %d datagrams are full", len(large))
	}
	i := large[len(large)/2]
	moved := slices.Insert(slices.Delete(slices.Clone(packets), i, i+1), i+3, packets[i], packets[i])
	list, _ := opened(t, pcapng(t, moved, keys), nil, nil)
	files := of(list, "saksi.file")
	if n, _ := files[0].GetInt(event.FileSize); len(files) != 1 || n != h3Page || files[0].Has(event.SaksiFileIncomplete) {
		t.Errorf("one came later: %v", files)
	}
	list, _ = opened(t, pcapng(t, slices.Delete(slices.Clone(packets), i, i+1), keys), nil, nil)
	files = of(list, "saksi.file")
	if n, _ := files[0].GetInt(event.FileSize); len(files) != 1 || n == 0 || n >= h3Page || str(files[0], event.SaksiFileIncomplete) != "gap" {
		t.Errorf("one was lost: %s", files[0].AppendJSON(nil))
	}
}

// TestQUICHostile proves that a capture of QUIC with secrets is read whatever
// happened to its bytes.
func TestQUICHostile(t *testing.T) {
	packets, keys := quicSession(t)
	data := pcapng(t, packets[:min(len(packets), 40)], keys)
	for i := 0; i < len(data); i += len(data) / 150 {
		bad := bytes.Clone(data)
		bad[i] ^= 0x41
		readHostile(t, bad)
		readHostile(t, data[:i])
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
