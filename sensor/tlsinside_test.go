package sensor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/sensor/capture"
)

// logged is a client's configuration that writes its secrets to keys.
func logged(keys io.Writer, versions ...uint16) *tls.Config {
	c := &tls.Config{KeyLogWriter: keys}
	if len(versions) > 0 {
		c.MinVersion, c.MaxVersion = versions[0], versions[0]
	}
	return c
}

// listener gives one connection, then waits for its end.
type listener struct {
	conn chan net.Conn
	done chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// TestTLSHTTP2 proves that what ALPN agrees on is parsed: three requests at once
// over HTTP/2.
func TestTLSHTTP2(t *testing.T) {
	var w cable
	var keys bytes.Buffer
	c, s := w.connect(t, 10, 443)
	l := &listener{make(chan net.Conn, 1), make(chan struct{})}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		if _, err := rw.Write(page(3000)); err != nil {
			t.Error(err)
		}
	}), TLSConfig: &tls.Config{Certificates: certificates(), NextProtos: []string{"h2"}}}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	l.conn <- s
	cfg := logged(&keys)
	cfg.InsecureSkipVerify = true
	tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	for i := range 3 {
		r, err := (&http.Client{Transport: tr}).Get(fmt.Sprintf("https://portal.agensi.example/h%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil || r.ProtoMajor != 2 {
			t.Fatalf("protocol %s, %v", r.Proto, err)
		}
		r.Body.Close()
	}
	tr.CloseIdleConnections()
	close(l.done)
	<-ended
	list, _ := opened(t, pcapng(t, w.packets(), keys.Bytes()), nil, nil)
	var urls []string
	for _, e := range of(list, "saksi.http") {
		urls = append(urls, str(e, event.URLFull))
		if p := str(e, event.NetworkProtocol); p != "http2" {
			t.Errorf("protocol is %q", p)
		}
	}
	slices.Sort(urls)
	if got, want := strings.Join(urls, " "), "https://portal.agensi.example/h0 https://portal.agensi.example/h1 https://portal.agensi.example/h2"; got != want {
		t.Errorf("URLs are %s, want %s", got, want)
	}
	session := of(list, "saksi.tls")
	if len(session) != 1 || str(session[0], event.TLSNextProtocol) != "h2" {
		t.Errorf("the protocol chosen is not told: %v", session)
	}
	if n := len(of(list, "saksi.file")); n != 3 {
		t.Errorf("%d files", n)
	}
}

// TestTLSResumed proves that resumed sessions are decrypted: of TLS 1.3 with
// secrets of their own, of TLS 1.2 by the ticket of the first, whose master
// secret alone is in the key log.
func TestTLSResumed(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var w cable
		var keys bytes.Buffer
		client := logged(&keys, v)
		client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		server := &tls.Config{}
		server.SetSessionTicketKeys([][32]byte{{7}})
		resumed := 0
		for range 3 {
			session(t, &w, 443, client, server, func(c *tls.Conn) error {
				err := get(500)(c)
				if c.ConnectionState().DidResume {
					resumed++
				}
				return err
			}, serve(500))
		}
		if resumed != 2 {
			t.Fatalf("%d sessions were resumed", resumed)
		}
		list, sum := opened(t, pcapng(t, w.packets(), nil), keysOf(t, keys.Bytes()), nil)
		if n := len(of(list, "saksi.http")); n != 3 || sum.Decrypted != 3 {
			t.Errorf("%s: %d pages, %d sessions decrypted: %v", tls.VersionName(v), n, sum.Decrypted, sum.Oddities)
		}
		if v == tls.VersionTLS12 && bytes.Count(keys.Bytes(), []byte("\n")) != 1 {
			t.Errorf("the key log has the secrets of resumed sessions too: the test proves nothing")
		}
	}
}

// TestTLSStart proves that what follows STARTTLS is parsed as the protocol that
// it was, and its message carved.
func TestTLSStart(t *testing.T) {
	var w cable
	var keys bytes.Buffer
	c, s := w.connect(t, 25, 25)
	say := func(r *bufio.Reader, c net.Conn, await string, send string) error {
		for await != "" {
			line, err := r.ReadString('\n')
			if err != nil {
				return fmt.Errorf("awaiting %q: %w", await, err)
			}
			if strings.HasPrefix(line, await) {
				break
			}
		}
		_, err := io.WriteString(c, send)
		return err
	}
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			r := bufio.NewReader(s)
			for _, x := range [][2]string{{"", "220 mel.agensi.example ESMTP\r\n"}, {"EHLO", "250-mel.agensi.example\r\n250 STARTTLS\r\n"}, {"STARTTLS", "220 sedia\r\n"}} {
				if err := say(r, s, x[0], x[1]); err != nil {
					return err
				}
			}
			tc := tls.Server(s, &tls.Config{Certificates: certificates()})
			r = bufio.NewReader(tc)
			for _, x := range [][2]string{{"EHLO", "250 mel.agensi.example\r\n"}, {"MAIL", "250 ok\r\n"}, {"RCPT", "250 ok\r\n"}, {"DATA", "354 teruskan\r\n"}, {".", "250 diterima\r\n"}, {"QUIT", "221 selamat tinggal\r\n"}} {
				if err := say(r, tc, x[0], x[1]); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	r := bufio.NewReader(c)
	for _, x := range [][2]string{{"220", "EHLO nurul\r\n"}, {"250 ", "STARTTLS\r\n"}, {"220", ""}} {
		if err := say(r, c, x[0], x[1]); err != nil {
			t.Fatal(err)
		}
	}
	cfg := logged(&keys)
	cfg.InsecureSkipVerify = true
	tc := tls.Client(c, cfg)
	r = bufio.NewReader(tc)
	message := "From: nurul@agensi.example\r\nTo: media@akhbar.example\r\nSubject: Laporan\r\n\r\nTerlampir.\r\n.\r\n"
	for _, x := range [][2]string{{"", "EHLO nurul\r\n"}, {"250", "MAIL FROM:<nurul@agensi.example>\r\n"}, {"250", "RCPT TO:<media@akhbar.example>\r\n"}, {"250", "DATA\r\n"}, {"354", message}, {"250", "QUIT\r\n"}, {"221", ""}} {
		if err := say(r, tc, x[0], x[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	list, _ := opened(t, pcapng(t, w.packets(), keys.Bytes()), nil, nil)
	mails := of(list, "saksi.smtp")
	if len(mails) == 0 || str(mails[len(mails)-1], event.EmailSubject) != "Laporan" {
		t.Fatalf("events of SMTP: %v", mails)
	}
	if v, _ := mails[len(mails)-1].GetBool(event.SaksiTLSDecrypted); !v {
		t.Error("the mail does not say that it was decrypted")
	}
	if n := len(of(list, "saksi.file")); n != 1 {
		t.Errorf("%d files", n)
	}
}

// TestTLSLost proves that a lost segment within a record costs that record's
// content only, and that what it costs is told; and that bytes lost at the
// border of records end decryption, with the reason.
func TestTLSLost(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var w cable
		var keys bytes.Buffer
		const size = 200_000
		session(t, &w, 443, logged(&keys, v), &tls.Config{}, get(size), serve(size))
		packets := w.packets()
		from := slices.IndexFunc(packets, func(p capture.Packet) bool { return len(p.Data) > 54+1000 && p.Data[34] == 443>>8 && p.Number > 40 })
		drop := func(n int) []byte {
			kept := slices.Delete(slices.Clone(packets), from, from+n)
			return pcapng(t, kept, keys.Bytes())
		}
		list, sum := opened(t, drop(1), nil, nil)
		files := of(list, "saksi.file")
		if len(files) != 1 || str(files[0], event.SaksiFileIncomplete) != "gap" || sum.Decrypted != 1 {
			t.Fatalf("%s: one segment lost: %d files, %v", tls.VersionName(v), len(files), sum.Oddities)
		}
		n, _ := files[0].GetInt(event.FileSize)
		if n < size-20_000 || n >= size {
			t.Errorf("%s: %d of %d bytes were carved", tls.VersionName(v), n, size)
		}
		_, sum = opened(t, drop(14), nil, nil) // 19,600 bytes: more than a record
		if odd(&sum, "bytes are missing") != 1 || sum.Decrypted != 1 {
			t.Errorf("%s: many segments lost: %v", tls.VersionName(v), sum.Oddities)
		}
	}
}

// TestTLSWrongKeys proves that secrets that are wrong, come too late or belong to
// another suite open nothing, are counted by the reason, and that all else is as
// without keys.
func TestTLSWrongKeys(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var w cable
		var keys bytes.Buffer
		session(t, &w, 443, logged(&keys, v), &tls.Config{}, get(2000), serve(2000))
		packets := w.packets()
		without, _ := opened(t, pcapng(t, packets, nil), nil, nil)
		wrong := bytes.Clone(keys.Bytes())
		for i := len(wrong) - 2; i > 0; i-- { // the last digits of each line
			if wrong[i+1] == '\n' {
				if wrong[i] == '0' {
					wrong[i] = '1'
				} else {
					wrong[i] = '0'
				}
			}
		}
		hello := slices.IndexFunc(packets, func(p capture.Packet) bool { return len(p.Data) > 54 })
		end := hello + 1
		for len(packets[end-1].Data) == 54+maxSegment { // it may take two segments
			end++
		}
		_, sum := opened(t, pcapng(t, slices.Delete(slices.Clone(packets), hello, end), keys.Bytes()), nil, nil)
		if odd(&sum, "the hello was not seen") != 1 || sum.Decrypted != 0 {
			t.Errorf("%s, without a hello: %v", tls.VersionName(v), sum.Oddities)
		}
		late := pcapng(t, packets, nil)
		late = appendKeyLog(late, keys.Bytes())
		for _, c := range []struct {
			name, reason string
			data         []byte
			keys         []byte
		}{
			{"wrong", "a record does not open", pcapng(t, packets, nil), wrong},
			{"another session's", "no secret", pcapng(t, packets, nil), bytes.ReplaceAll(keys.Bytes(), keys.Bytes()[bytes.IndexByte(keys.Bytes(), ' ')+1:][:8], []byte("00000000"))},
			{"late", "", late, nil},
		} {
			var list []*event.Event
			var sum Summary
			if c.keys != nil {
				list, sum = opened(t, c.data, keysOf(t, c.keys), nil)
			} else {
				list, sum = opened(t, c.data, nil, nil)
			}
			if sum.Decrypted != 0 || c.reason != "" && odd(&sum, c.reason) != 1 {
				t.Errorf("%s, %s: %v", tls.VersionName(v), c.name, sum.Oddities)
			}
			if len(list) != len(without) {
				t.Errorf("%s, %s: %d events, %d without keys", tls.VersionName(v), c.name, len(list), len(without))
			}
			for i := range min(len(list), len(without)) {
				a, b := list[i].AppendJSON(nil), without[i].AppendJSON(nil)
				if c.name != "late" && !bytes.Equal(a, b) { // another capture has another key
					t.Errorf("%s, %s: an event is\n%s, without keys\n%s", tls.VersionName(v), c.name, a, b)
				}
			}
		}
	}
}
