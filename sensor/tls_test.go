package sensor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"saksi/event"
	"saksi/sensor/keylog"
)

// certificates are one of ECDSA and one of RSA for portal.agensi.example.
var certificates = sync.OnceValue(func() []tls.Certificate {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	var out []tls.Certificate
	for _, key := range []any{ec, rs} {
		t := &x509.Certificate{
			SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "portal.agensi.example"}, NotBefore: time.Unix(1.7e9, 0), NotAfter: time.Unix(2e9, 0),
			DNSNames: []string{"portal.agensi.example"}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		}
		public := any(&ec.PublicKey)
		if key == any(rs) {
			public = &rs.PublicKey
		}
		der, err := x509.CreateCertificate(rand.Reader, t, t, public, key)
		if err != nil {
			panic(err)
		}
		out = append(out, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	}
	return out
})

// session runs client and server of one session of TLS over the cable, each in
// its own words, and waits for both.
func session(t testing.TB, w *cable, port uint16, client, server *tls.Config, ask, answer func(c *tls.Conn) error) {
	t.Helper()
	c, s := w.connect(t, 10, port)
	client, server = client.Clone(), server.Clone()
	client.InsecureSkipVerify, client.ServerName = true, "portal.agensi.example"
	server.Certificates = certificates()
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(s, server)
		err := answer(conn)
		done <- errors.Join(err, conn.CloseWrite())
	}()
	conn := tls.Client(c, client)
	if err := errors.Join(ask(conn), conn.CloseWrite(), <-done); err != nil {
		t.Fatal(err)
	}
}

// page is a body that fills more than one record.
func page(n int) []byte {
	return bytes.Repeat([]byte("<p>Laporan tahunan agensi, tidak rahsia.</p>\n"), n/44+1)[:n]
}

// get asks for a page of n bytes, serve answers that.
func get(n int) func(*tls.Conn) error {
	return func(c *tls.Conn) error {
		if _, err := fmt.Fprintf(c, "GET /laporan?n=%d HTTP/1.1\r\nHost: portal.agensi.example\r\nUser-Agent: uji\r\nConnection: close\r\n\r\n", n); err != nil {
			return err
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		m, err := io.Copy(io.Discard, r.Body)
		if err == nil && m != int64(n) {
			err = fmt.Errorf("read %d bytes of %d", m, n)
		}
		return err
	}
}

func serve(n int) func(*tls.Conn) error {
	return func(c *tls.Conn) error {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nServer: uji\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", n, page(n))
		return errors.Join(err, r.Body.Close())
	}
}

// opened reads a capture with keys and gives its events and summary. It proves
// that three workers give the same.
func opened(t testing.TB, data []byte, keys *keylog.Log, change func(*Config)) ([]*event.Event, Summary) {
	t.Helper()
	var first []byte
	var sum Summary
	for _, workers := range []int{1, 3} {
		var l lines
		cfg := Config{Sources: []Source{{Reader: bytes.NewReader(data), Name: "uji.pcapng"}}, Workers: workers, NoChecksum: true, Sink: &l, Keys: keys}
		if change != nil {
			change(&cfg)
		}
		s, err := Read(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if workers == 1 {
			first, sum = bytes.Clone(l.buf.Bytes()), s
		} else if !bytes.Equal(first, l.buf.Bytes()) {
			t.Fatalf("3 workers differ from one: %s", firstDifference(first, l.buf.Bytes()))
		}
	}
	var out []*event.Event
	for _, line := range bytes.Split(bytes.TrimSpace(first), []byte("\n")) {
		e, err := event.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out, sum
}

// of gives the events of a dataset.
func of(list []*event.Event, dataset string) (out []*event.Event) {
	for _, e := range list {
		if str(e, event.EventDataset) == dataset {
			out = append(out, e)
		}
	}
	return out
}

func odd(s *Summary, what string) uint64 {
	for _, c := range s.Oddities {
		if strings.Contains(c.Name, what) {
			return c.N
		}
	}
	return 0
}

func keysOf(t testing.TB, text []byte) *keylog.Log {
	t.Helper()
	l := keylog.New(nil)
	if err := l.Add(bytes.NewReader(text), 0); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestTLSCiphers proves that every version and cipher suite that Go's crypto/tls
// has is decrypted, by the file of keys and by the block of a pcapng: the page
// within it is carved whole.
func TestTLSCiphers(t *testing.T) {
	type kind struct {
		version, cipher uint16
	}
	var kinds []kind
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
		for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			for _, x := range s.SupportedVersions {
				if x == v && v != tls.VersionTLS13 {
					kinds = append(kinds, kind{v, s.ID})
				}
			}
		}
	}
	kinds = append(kinds, kind{tls.VersionTLS13, 0})
	if len(kinds) < 30 {
		t.Fatalf("only %d kinds of sessions", len(kinds))
	}
	const size = 40_000
	for _, k := range kinds {
		name := fmt.Sprintf("%s %s", tls.VersionName(k.version), tls.CipherSuiteName(k.cipher))
		var w cable
		var keys bytes.Buffer
		cfg := &tls.Config{MinVersion: k.version, MaxVersion: k.version}
		if k.cipher != 0 {
			cfg.CipherSuites = []uint16{k.cipher}
		}
		client := cfg.Clone()
		client.KeyLogWriter = &keys
		session(t, &w, 443, client, cfg, get(size), serve(size))
		packets := w.packets()
		plain, _ := opened(t, pcapng(t, packets, nil), nil, nil)
		if n := len(of(plain, "saksi.http")); n != 0 {
			t.Errorf("%s: without keys there are %d events of HTTP", name, n)
		}
		for _, from := range []string{"file", "block"} {
			var list []*event.Event
			var sum Summary
			if from == "file" {
				list, sum = opened(t, pcapng(t, packets, nil), keysOf(t, keys.Bytes()), nil)
			} else {
				list, sum = opened(t, pcapng(t, packets, keys.Bytes()), nil, nil)
			}
			session := of(list, "saksi.tls")
			pages := of(list, "saksi.http")
			files := of(list, "saksi.file")
			if len(session) != 1 || len(pages) != 1 || len(files) != 1 || sum.Decrypted != 1 {
				t.Errorf("%s, keys of a %s: %d sessions, %d pages, %d files, %d decrypted: %v", name, from, len(session), len(pages), len(files), sum.Decrypted, sum.Oddities)
				continue
			}
			if u := str(pages[0], event.URLFull); u != "https://portal.agensi.example/laporan?n=40000" {
				t.Errorf("%s: URL is %q", name, u)
			}
			if n, _ := files[0].GetInt(event.FileSize); n != size || files[0].Has(event.SaksiFileIncomplete) {
				t.Errorf("%s: the file has %d bytes", name, n)
			}
			for _, e := range append(pages, append(files, session...)...) {
				if v, _ := e.GetBool(event.SaksiTLSDecrypted); !v {
					t.Errorf("%s: %s does not say that it was decrypted", name, str(e, event.EventDataset))
				}
			}
			if got := str(session[0], event.TLSServerSubject); !strings.Contains(got, "portal.agensi.example") {
				t.Errorf("%s: the certificate's subject is %q", name, got)
			}
			if got := str(pages[0], event.NetworkProtocol); got != "http" {
				t.Errorf("%s: protocol of the page is %q", name, got)
			}
		}
	}
}
