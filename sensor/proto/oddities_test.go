package proto

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"saksi/rules/suricata"
)

// dialogue gives the events that rules see of what a client and a server say; a
// piece that begins with "<" is the server's.
func dialogue(protocol string, tr Transport, pieces ...string) []string {
	return seen(suricata.BufAppEvent, protocol, tr, pieces...)
}

// seen gives the instances of a buffer that rules see.
func seen(b suricata.Buffer, protocol string, tr Transport, pieces ...string) []string {
	entry := Default().ByName(protocol)
	r := &recorder{buf: b, host: host{entry: entry}}
	c := &Context{Host: r, ServerPort: 80}
	p := entry.New(tr)
	var tail [2]string
	for i, s := range pieces {
		dir := FromClient
		if rest, ok := strings.CutPrefix(s, "<"); ok {
			dir, s = FromServer, rest
		}
		c.Number = uint64(i + 1)
		tail[dir] += s
		if n := p.Data(c, dir, []byte(tail[dir])); n >= 0 {
			tail[dir] = tail[dir][n:]
		}
	}
	p.Close(c)
	return append(r.seen[FromClient], r.seen[FromServer]...)
}

func part(head, body string) string {
	body = "--b\r\n" + head + "\r\n\r\n" + body + "\r\n--b--\r\n"
	return fmt.Sprintf("POST /u HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func answer(body []byte, more string) string {
	return fmt.Sprintf("<HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s", len(body), more, body)
}

func zipped(n int, fill byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(bytes.Repeat([]byte{fill}, n))
	w.Close()
	for range 2 - 1 { // once more, so that it shrinks by more than DEFLATE alone can
		in := bytes.Clone(b.Bytes())
		b.Reset()
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		w.Write(in)
		w.Close()
	}
	return b.Bytes()
}

// TestOddities proves the events of parsers, each by what raises it and by what
// looks like it and is in order (Suricata's rules of each protocol).
func TestOddities(t *testing.T) {
	get := "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, c := range []struct {
		event string
		odd   []string
		plain []string
	}{
		{
			"http.multipart_no_filedata",
			[]string{part(`Content-Disposition: form-data; name="f"; filename="a"`, "")},
			[]string{part(`Content-Disposition: form-data; name="f"; filename="a"`, "x")},
		},
		{"http.multipart_invalid_header", []string{part("no colon", "x")}, []string{part("A: b\r\n folded", "x")}},
		{"http.file_name_too_long", []string{"GET /" + strings.Repeat("a", 5000) + " HTTP/1.1\r\nHost: a\r\n\r\n", answer([]byte("x"), "")}, []string{get, answer([]byte("x"), "")}},
		{
			"http.compression_bomb",
			[]string{get, answer(zipped(4<<20, 'a'), "Content-Encoding: gzip, gzip\r\n")},
			[]string{get, answer(zipped(1<<19, 'a'), "Content-Encoding: gzip, gzip\r\n")},
		},
		{"http.request_line_incomplete", []string{"GET /x HTTP/1.1"}, []string{get}},
	} {
		if got := dialogue("http", TCP, c.odd...); !slices.Contains(got, c.event) {
			t.Errorf("%s: %v", c.event, got)
		}
		if got := dialogue("http", TCP, c.plain...); slices.Contains(got, c.event) {
			t.Errorf("%s though nothing is: %v", c.event, got)
		}
	}
}

// TestMailOddities proves the events of mail that is not in order.
func TestMailOddities(t *testing.T) {
	send := func(head, body string) []string {
		return dialogue("smtp", TCP, "<220 x\r\n", "EHLO a\r\n", "<250 x\r\n", "MAIL FROM:<a@b>\r\n", "<250 x\r\n", "RCPT TO:<c@d>\r\n", "<250 x\r\n", "DATA\r\n", "<354 x\r\n",
			"Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=a\r\n"+head+"\r\n\r\n"+body+"\r\n--b--\r\n.\r\n", "<250 x\r\n", "QUIT\r\n")
	}
	long := strings.Repeat("a", 80)
	for _, c := range []struct{ event, head, body string }{
		{"", "Content-Transfer-Encoding: base64", "aGFp"},
		{"", "Content-Transfer-Encoding: quoted-printable", "a=3Db=\r\nc"},
		{"", "X: y", long},
		{"smtp.mime_long_line", "X: y", strings.Repeat("a", 999)},
		{"smtp.mime_long_enc_line", "Content-Transfer-Encoding: base64", long},
		{"smtp.mime_long_enc_line", "Content-Transfer-Encoding: quoted-printable", long},
		{"smtp.mime_long_header_name", long + ": y", "x"},
		{"smtp.mime_long_header_value", "X: " + strings.Repeat("a", 2001), "x"},
		{"smtp.mime_invalid_base64", "Content-Transfer-Encoding: base64", "aG(p"},
		{"smtp.mime_invalid_qp", "Content-Transfer-Encoding: quoted-printable", "a=zz"},
	} {
		got := slices.DeleteFunc(send(c.head, c.body), func(s string) bool { return !strings.Contains(s, "mime") })
		got = slices.DeleteFunc(got, func(s string) bool { return s == "smtp.mime_long_line" && c.event == "smtp.mime_long_header_value" })
		want := []string{c.event}
		if c.event == "" {
			want = nil
		}
		if !slices.Equal(got, want) {
			t.Errorf("%.40s, %.20q: %v, expected %v", c.head, c.body, got, want)
		}
	}
}

func frame2(typ, flags byte, stream uint32, body string) string {
	b := []byte{byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body)), typ, flags}
	return string(binary.BigEndian.AppendUint32(b, stream)) + body
}

func fields2(list ...string) string {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(list); i += 2 {
		e.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1], Sensitive: true})
	}
	return b.String()
}

// TestHTTP2Oddities proves the events of HTTP/2.
func TestHTTP2Oddities(t *testing.T) {
	ask := func(stream uint32, more ...string) string {
		return frame2(1, 5, stream, fields2(append([]string{":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a.test"}, more...)...))
	}
	reply := func(body string, more ...string) string {
		return "<" + frame2(1, 4, 1, fields2(append([]string{":status", "200"}, more...)...)) + frame2(0, 1, 1, body)
	}
	for _, c := range []struct {
		event string
		odd   []string
		plain []string
	}{
		{"http2.authority_host_mismatch", []string{ask(1, "host", "b.test"), reply("x")}, []string{ask(1, "host", "A.test"), reply("x")}},
		{"http2.invalid_range", []string{ask(1), reply("x", "content-range", "bytes 5-1/9")}, []string{ask(1), reply("x", "content-range", "bytes 0-0/9")}},
		{"http2.stream_id_reuse", []string{ask(1), reply("x"), ask(1), reply("y")}, []string{ask(1), reply("x"), ask(3)}},
		{"http2.data_stream_zero", []string{ask(1), frame2(0, 1, 0, "x")}, []string{ask(1), frame2(0, 1, 1, "x")}},
		{"http2.failed_decompression", []string{ask(1), reply("not gzip", "content-encoding", "gzip")}, []string{ask(1), reply(string(zipped(9, 'a')), "content-encoding", "gzip")}},
	} {
		if got := dialogue("http2", TCP, append([]string{http2Preface}, c.odd...)...); !slices.Contains(got, c.event) {
			t.Errorf("%s: %v", c.event, got)
		}
		if got := dialogue("http2", TCP, append([]string{http2Preface}, c.plain...)...); slices.Contains(got, c.event) {
			t.Errorf("%s though nothing is: %v", c.event, got)
		}
	}
}

// TestNameOddities proves the events of DNS messages that can't be read (RFC 1035
// section 4.1.4), SNMP and RFB.
func TestNameOddities(t *testing.T) {
	head := func(flags string, counts string) string { return "\x00\x01" + flags + counts }
	query := "\x01a\x00\x00\x01\x00\x01"
	label := "\x3f" + strings.Repeat("a", 63)
	v2 := "\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x04\x00\x00\x00\x01\x02\x01\x00\x02\x01\x00\x30\x0b\x30\x09\x06\x05\x2b\x06\x01\x02\x01\x05\x00"
	write := "\x00\x01\x00\x00\x00\x06\x01\x06"
	smb1 := func(flags string) string {
		return "\x00\x00\x00\x2f\xffSMB\x72\x00\x00\x00\x00" + flags + strings.Repeat("\x00", 22) + "\x00\x0c\x00\x02NT LM 0.12\x00"
	}
	smb2 := func(flags string) string {
		return "\x00\x00\x00\x40\xfeSMB\x40\x00" + strings.Repeat("\x00", 10) + flags + strings.Repeat("\x00", 47)
	}
	v1 := strings.Replace(v2, "\x02\x01\x01", "\x02\x01\x00", 1)
	for _, c := range []struct {
		protocol string
		tr       Transport
		pieces   []string
		want     []string
	}{
		{"dns", UDP, []string{head("\x01\x00", "\x00\x01\x00\x00\x00\x00\x00\x00") + query}, nil},
		{"dns", UDP, []string{head("\x01\x00", "\x00\x01\x00\x00\x00\x00\x00\x00") + "\xc0\x0c\x00\x01\x00\x01"}, []string{"dns.malformed_data", "dns.infinite_loop"}},
		{"dns", UDP, []string{head("\x01\x00", "\x00\x01\x00\x00\x00\x00\x00\x00") + strings.Repeat(label, 6) + "\x00\x00\x01\x00\x01"}, []string{"dns.malformed_data", "dns.name_too_long"}},
		{"dns", UDP, []string{head("\x01\x00", "\x00\x01\x00\x00\x00\x00\x00\x01") + query + "\x00\x00"}, []string{"dns.invalid_additionals"}},
		{"dns", UDP, []string{head("\x01\x00", "\x00\x01\x00\x00\x00\x01\x00\x00") + query + "\x00\x00"}, []string{"dns.invalid_authorities"}},
		{"modbus", TCP, []string{write + "\x00\x01\x00\x07", "<" + write + "\x00\x01\x00\x07"}, nil},
		{"modbus", TCP, []string{write + "\x00\x01\x00\x07", "<" + write + "\x00\x01\x00\x08"}, []string{"modbus.value_mismatch"}},
		{"modbus", TCP, []string{"\x00\x01\x00\x01\x00\x06\x01\x06\x00\x01\x00\x07"}, []string{"modbus.invalid_protocol_id"}},
		{"modbus", TCP, []string{"\x00\x01\x00\x00\x00\x01\x01\x06"}, []string{"modbus.invalid_length"}},
		{"smb", TCP, []string{smb1("\x00"), "<" + smb1("\x80")}, nil},
		{"smb", TCP, []string{smb1("\x00"), smb1("\x00")}, []string{"smb.duplicate_negotiate"}},
		{"smb", TCP, []string{smb1("\x80")}, []string{"smb.response_to_server"}},
		{"smb", TCP, []string{"<" + smb1("\x00")}, []string{"smb.request_to_client"}},
		{"smb", TCP, []string{smb2("\x01")}, []string{"smb.response_to_server"}},
		{"smb", TCP, []string{"<" + smb2("\x00")}, []string{"smb.request_to_client"}},
		{"smb", TCP, []string{smb2("\x00"), "<" + smb2("\x01")}, nil},
		{"snmp", UDP, []string{v2, v2}, nil},
		{"snmp", UDP, []string{v2, v1}, []string{"snmp.version_mismatch"}},
		{"vnc", TCP, []string{"<RFB 003.008\n", "RFB 003.008\n", "<\x01\x02", "\x02"}, nil},
		{"vnc", TCP, []string{"<RFB 003.008\n", "RFB 003.008\n", "<\x01\x13", "\x13"}, []string{"rfb.unimplemented_security_type"}},
		{"vnc", TCP, []string{"<RFB 003.008\n", "RFB 003.008\n", "<\x01\x01", "\x01", "<\x00\x00\x00\x07"}, []string{"rfb.unknown_security_result"}},
	} {
		if got := dialogue(c.protocol, c.tr, c.pieces...); !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %v, expected %v", c.protocol, c.pieces, got, c.want)
		}
	}
}

// TestBodies proves what rules see of bodies that stand where none is due, and
// under codings that nobody knows.
func TestBodies(t *testing.T) {
	get := "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
	chunked := "Transfer-Encoding: chunked\r\n\r\n3\r\nhai\r\n0\r\n\r\n"
	for _, c := range []struct{ name, answer, want string }{
		{"chunked with 204", "HTTP/1.1 204 No Content\r\n" + chunked, "hai"},
		{"chunked with 304", "HTTP/1.1 304 Not Modified\r\n" + chunked, "hai"},
		{"chunked with 102", "HTTP/1.1 102 Processing\r\n" + chunked, "hai"},
		{"as it is with 204", "HTTP/1.1 204 No Content\r\n\r\nhai", "hai"},
		{"an unknown coding above gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, br\r\n\r\n" + string(zippedOnce("hai")), "hai"},
		{"an unknown coding alone", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nhai", "hai"},
	} {
		if got := seen(suricata.BufFileData, "http", TCP, get, "<"+c.answer); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if got := seen(suricata.BufFileData, "http", TCP, get, "<HTTP/1.1 204 No Content\r\n\r\n"); got != nil {
		t.Errorf("no body: %q", got)
	}
	body := "--other\r\nContent-Disposition: form-data; filename=a\r\n\r\nhai"
	ask := fmt.Sprintf("POST /u HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if got := seen(suricata.BufFileData, "http", TCP, ask); !slices.Equal(got, []string{body}) {
		t.Errorf("a form without its boundary: %q", got)
	}
}

func zippedOnce(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Bytes()
}
