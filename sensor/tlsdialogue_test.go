package sensor

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"saksi/event"
)

// said is one turn of a dialogue.
type said struct {
	server bool
	text   string
}

// turns reads a dialogue: a turn each, of the client behind "> " and of the
// server behind "< ".
func turns(lines ...string) (out []said) {
	for _, l := range lines {
		out = append(out, said{l[0] == '<', l[2:]})
	}
	return out
}

// talk has both ends say their turns, each when the other has heard the one
// before.
func talk(t testing.TB, client, server net.Conn, list []said) {
	t.Helper()
	for _, x := range list {
		from, to := client, server
		if x.server {
			from, to = server, client
		}
		if _, err := io.WriteString(from, x.text); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(x.text))
		if _, err := io.ReadFull(to, got); err != nil || string(got) != x.text {
			t.Fatalf("heard %q, %v", got, err)
		}
	}
}

// secure begins TLS on both ends.
func secure(t testing.TB, client, server net.Conn, keys io.Writer) (c, s *tls.Conn) {
	t.Helper()
	cfg := logged(keys)
	cfg.InsecureSkipVerify, cfg.ServerName = true, "mel.agensi.example"
	c, s = tls.Client(client, cfg), tls.Server(server, &tls.Config{Certificates: certificates()})
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, s
}

// TestTLSDialogues proves that protocols are found and parsed within TLS, on
// ports of their own and after the command that begins it.
func TestTLSDialogues(t *testing.T) {
	httpGet := turns("> GET /rahsia HTTP/1.1\r\nHost: portal.agensi.example\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nsalam")
	for _, c := range []struct {
		name    string
		port    uint16
		clear   []said
		inside  []said
		dataset string
		field   event.Field
		want    string
	}{
		{
			"IMAP, its own port", 993, nil,
			turns("< * OK IMAP4rev1 sedia\r\n", "> a1 LOGIN nurul rahsia\r\n", "< a1 OK masuk\r\n", "> a2 SELECT INBOX\r\n", "< * 3 EXISTS\r\na2 OK\r\n"),
			"saksi.imap", event.UserName, "nurul",
		},
		{
			"IMAP, STARTTLS", 143, turns("< * OK IMAP4rev1 sedia\r\n", "> a1 STARTTLS\r\n", "< a1 OK mula\r\n"),
			turns("> a2 LOGIN nurul rahsia\r\n", "< a2 OK masuk\r\n", "> a3 SELECT INBOX\r\n", "< * 3 EXISTS\r\na3 OK\r\n"),
			"saksi.imap", event.UserName, "nurul",
		},
		{
			"POP3, its own port", 995, nil,
			turns("< +OK sedia\r\n", "> USER nurul\r\n", "< +OK\r\n", "> PASS rahsia\r\n", "< +OK\r\n", "> QUIT\r\n", "< +OK\r\n"),
			"saksi.pop3", event.UserName, "nurul",
		},
		{
			"POP3, STLS", 110, turns("< +OK POP3 sedia\r\n", "> STLS\r\n", "< +OK mula\r\n"),
			turns("> USER nurul\r\n", "< +OK\r\n", "> PASS rahsia\r\n", "< +OK\r\n", "> QUIT\r\n", "< +OK\r\n"),
			"saksi.pop3", event.UserName, "nurul",
		},
		{
			"FTP, AUTH TLS", 21, turns("< 220 FTP sedia\r\n", "> AUTH TLS\r\n", "< 234 mula\r\n"),
			turns("> USER nurul\r\n", "< 331 kata laluan\r\n", "> PASS rahsia\r\n", "< 230 masuk\r\n", "> CWD laporan\r\n", "< 250 ok\r\n"),
			"saksi.ftp", event.UserName, "nurul",
		},
		{
			"SMTP, its own port", 465, nil,
			turns("< 220 mel.agensi.example ESMTP\r\n", "> EHLO nurul\r\n", "< 250 ok\r\n", "> MAIL FROM:<nurul@agensi.example>\r\n", "< 250 ok\r\n", "> RCPT TO:<a@b.example>\r\n", "< 250 ok\r\n", "> DATA\r\n", "< 354 teruskan\r\n", "> Subject: Laporan\r\n\r\nx\r\n.\r\n", "< 250 ok\r\n"),
			"saksi.smtp", event.EmailSubject, "Laporan",
		},
		{"DNS over TLS", 853, nil, turns("> \x00\x1c\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03mel\x06agensi\x00\x00\x01\x00\x01", "< \x00\x2c\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x03mel\x06agensi\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x19"), "saksi.dns", event.DNSQuestionName, "mel.agensi"},
		{"HTTP on another port", 4443, nil, httpGet, "saksi.http", event.URLFull, "https://portal.agensi.example/rahsia"},
		{"HTTP behind a proxy", 3128, turns("> CONNECT portal.agensi.example:443 HTTP/1.1\r\nHost: portal.agensi.example:443\r\n\r\n", "< HTTP/1.1 200 ok\r\n\r\n"), httpGet, "saksi.http", event.URLFull, "https://portal.agensi.example/rahsia"},
		{
			"WebSocket", 443, nil,
			turns("> GET /soket HTTP/1.1\r\nHost: portal.agensi.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
				"< HTTP/1.1 101 ok\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", "< \x81\x05salam", "> \x81\x85\x00\x00\x00\x00salam"),
			"saksi.websocket", event.NetworkProtocol, "websocket",
		},
		{
			"MySQL", 3306, turns("< J\x00\x00\x00\x0a8.0.36\x00\x01\x00\x00\x00saltsalt\x00\xff\xff!\x02\x00\xff\xdf\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00saltsaltsalt\x00mysql_native_password\x00", ">  \x00\x00\x01\x0d\xaa\x08\x00\x00\x00\x00\x01!\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
			turns("> E\x00\x00\x02\x0d\xaa\x08\x00\x00\x00\x00\x01!\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00nurul\x00\x00laporan\x00mysql_native_password\x00", "< \x07\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00", "> )\x00\x00\x00\x03SELECT nama FROM warga WHERE ic='rahsia'", "< \x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"),
			"saksi.mysql", event.SaksiDbStatement, "SELECT nama FROM warga WHERE ic=?",
		},
		{
			"PostgreSQL", 5432, turns("> \x00\x00\x00\x08\x04\xd2\x16/", "< S"),
			turns("> \x00\x00\x00%\x00\x03\x00\x00user\x00nurul\x00database\x00laporan\x00\x00", "< R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I", "> Q\x00\x00\x00\x0dSELECT 1\x00", "< C\x00\x00\x00\x0dSELECT 1\x00Z\x00\x00\x00\x05I"),
			"saksi.postgresql", event.UserName, "nurul",
		},
		{"MQTT", 8883, nil, turns("> \x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05meter", "< \x20\x02\x00\x00"), "saksi.mqtt", event.NetworkProtocol, "mqtt"},
	} {
		var w cable
		var keys bytes.Buffer
		client, server := w.connect(t, 10, c.port)
		talk(t, client, server, c.clear)
		tc, ts := secure(t, client, server, &keys)
		talk(t, tc, ts, c.inside)
		data := pcapng(t, w.packets(), keys.Bytes())
		list, sum := opened(t, data, nil, nil)
		found := ""
		for _, e := range of(list, c.dataset) {
			if v, _ := e.GetBool(event.SaksiTLSDecrypted); !v {
				continue
			}
			if s := str(e, c.field); s != "" {
				found = s
			}
		}
		if found != c.want {
			t.Errorf("%s: %q, want %q; %v", c.name, found, c.want, sum.Oddities)
			for _, e := range list {
				t.Logf("%s", e.AppendJSON(nil))
			}
		}
		for _, e := range list {
			if line := string(e.AppendJSON(nil)); c.dataset != "saksi.http" && strings.Contains(line, "rahsia") {
				t.Errorf("%s: the password is told: %s", c.name, line)
			}
		}
	}
}

// TestTLSWithin proves that TLS within TLS is opened, through the proxy of a
// proxy, and that there is a bound to it.
func TestTLSWithin(t *testing.T) {
	var w cable
	var keys bytes.Buffer
	var client, server net.Conn = w.connect(t, 10, 3128)
	for range maxPlain + 1 {
		talk(t, client, server, turns("> CONNECT portal.agensi.example:443 HTTP/1.1\r\nHost: portal.agensi.example:443\r\n\r\n", "< HTTP/1.1 200 ok\r\n\r\n"))
		client, server = secure(t, client, server, &keys)
	}
	list, sum := opened(t, pcapng(t, w.packets(), keys.Bytes()), nil, nil)
	if n := len(of(list, "saksi.tls")); n != maxPlain+1 || sum.Decrypted != maxPlain || odd(&sum, "nested too deep") != 1 {
		t.Errorf("%d sessions, %d decrypted: %v", n, sum.Decrypted, sum.Oddities)
	}
}

// tdsConn puts what is written into packets of TDS, until it is open.
type tdsConn struct {
	net.Conn
	open bool
	rest []byte
}

func (c *tdsConn) Write(b []byte) (int, error) {
	if c.open {
		return c.Conn.Write(b)
	}
	n := len(b) + 8
	_, err := c.Conn.Write(append([]byte{0x12, 1, byte(n >> 8), byte(n), 0, 0, 0, 0}, b...))
	return len(b), err
}

func (c *tdsConn) Read(b []byte) (int, error) {
	if c.open && len(c.rest) == 0 {
		return c.Conn.Read(b)
	}
	if len(c.rest) == 0 {
		head := make([]byte, 8)
		if _, err := io.ReadFull(c.Conn, head); err != nil {
			return 0, err
		}
		c.rest = make([]byte, int(head[2])<<8+int(head[3])-8)
		if _, err := io.ReadFull(c.Conn, c.rest); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// TestTLSTDS proves that a login of TDS is read within TLS, whose handshake lies in
// packets of TDS and whose records do not.
func TestTLSTDS(t *testing.T) {
	var w cable
	var keys bytes.Buffer
	client, server := w.connect(t, 10, 1433)
	prelogin := "\x12\x01\x00\x1a\x00\x00\x00\x00\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff\x10\x00\x00\x00\x00\x00\x01"
	talk(t, client, server, turns("> "+prelogin, "< \x04"+prelogin[1:]))
	c, s := &tdsConn{Conn: client}, &tdsConn{Conn: server}
	cfg := logged(&keys, tls.VersionTLS12) // TDS before version 8 has no TLS 1.3
	cfg.InsecureSkipVerify = true
	tc, ts := tls.Client(c, cfg), tls.Server(s, &tls.Config{Certificates: certificates()})
	done := make(chan error, 1)
	go func() { done <- ts.Handshake() }()
	if err := errors.Join(tc.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	c.open, s.open = true, true
	batch := "\x16\x00\x00\x00\x12\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"
	for _, r := range "SELECT 7" {
		batch += string(r) + "\x00"
	}
	batch = "\x01\x01\x00" + string(rune(len(batch)+8)) + "\x00\x00\x00\x00" + batch
	answer := "\x04\x01\x00\x15\x00\x00\x00\x00\xfd\x10\x00\xc1\x00\x01\x00\x00\x00\x00\x00\x00\x00"
	talk(t, tc, ts, turns("> "+batch, "< "+answer))
	list, sum := opened(t, pcapng(t, w.packets(), keys.Bytes()), nil, nil)
	found := of(list, "saksi.tds")
	if len(found) != 1 || str(found[0], event.SaksiDbStatement) != "SELECT ?" || sum.Decrypted != 1 {
		t.Errorf("%d events: %v", len(found), sum.Oddities)
		for _, e := range list {
			t.Logf("%s", e.AppendJSON(nil))
		}
	}
}

// TestTLSTransfer proves that a file that FTP carries within TLS is carved: the
// connection for it is announced in one session and opened in another.
func TestTLSTransfer(t *testing.T) {
	var w cable
	var keys bytes.Buffer
	client, server := w.connect(t, 10, 21)
	talk(t, client, server, turns("< 220 FTP sedia\r\n", "> AUTH TLS\r\n", "< 234 mula\r\n"))
	tc, ts := secure(t, client, server, &keys)
	talk(t, tc, ts, turns("> USER nurul\r\n", "< 331 ok\r\n", "> PASS rahsia\r\n", "< 230 ok\r\n", "> PROT P\r\n", "< 200 ok\r\n",
		"> PASV\r\n", "< 227 Entering Passive Mode (192,0,2,10,200,1).\r\n", "> RETR laporan.html\r\n", "< 150 ok\r\n"))
	dc, ds := w.connect(t, 10, 200<<8|1)
	c2, s2 := secure(t, dc, ds, &keys)
	talk(t, c2, s2, []said{{true, string(page(5000))}})
	if err := s2.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	talk(t, tc, ts, turns("< 226 selesai\r\n"))
	list, sum := opened(t, pcapng(t, w.packets(), keys.Bytes()), nil, nil)
	files := of(list, "saksi.file")
	if len(files) != 1 || str(files[0], event.FileName) != "laporan.html" {
		t.Fatalf("files: %v, %v", files, sum.Oddities)
	}
	if n, _ := files[0].GetInt(event.FileSize); n != 5000 {
		t.Errorf("the file has %d bytes", n)
	}
}
