package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"strings"
	"testing"
)

// TestEvasions proves that heads written to be misread are read as browsers
// read them.
func TestEvasions(t *testing.T) {
	for _, c := range []struct{ head, field, want string }{
		{"HTTP/1.1 200 ok\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer-encoding", "chunked"},
		{"HTTP/1.1 200 ok\r\nConnection: close\r\n\r\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer-encoding", "chunked"},
		{"HTTP/1.1 200 ok\r\nConnection: close\r\n\rTransfer-Encoding: chunked\r\n\r\n", "transfer-encoding", "chunked"},
		{"http/1.1 200 ok\r\nX: y\n \n\n", "x", "y "},
		{"\x00HTTP/1.1 200 ok\r\nX: y\n \n", "x", "y "},
		{"HTTP/1.1 200 ok\r\nX:\r\n y\r\n\r\n", "x", " y"},
	} {
		var h Head
		raw := []byte(c.head)
		if n := EndOfHead([]byte(c.head+"body"), 0); n != len(c.head) {
			t.Errorf("%q ends at %d of %d", c.head, n, len(c.head))
		}
		if !ParseHead(&h, raw, true) || string(h.Get(c.field)) != c.want {
			t.Errorf("%q: %s is %q, expected %q", c.head, c.field, h.Get(c.field), c.want)
		}
	}
}

// TestNormalURI proves how a request target is shown to rules.
func TestNormalURI(t *testing.T) {
	for in, want := range map[string]string{
		"/a/../b": "/b", "/a//b/./c": "/a/b/c", "/%41%2e": "/A.", "/x?a=%41%20b%zz+c": "/x?a=A b%zz+c",
		"http://host/p?q": "/p?q", `/a\b`: "/a/b", "/?%": "/?%", "/..": "/", "/%2541": "/%41",
	} {
		if got := string(AppendNormalURI(nil, []byte(in))); got != want {
			t.Errorf("%q becomes %q, expected %q", in, got, want)
		}
	}
}

// TestHost proves that HTTP/2's authority stands before Host.
func TestHost(t *testing.T) {
	h := Head{Fields: []Field{{Name: []byte("host"), Value: []byte("a")}}}
	before := string(h.Host())
	h.Fields = append(h.Fields, Field{Name: []byte(":authority"), Value: []byte("b")})
	if got := before + string(h.Host()); got != "ab" || strings.Contains(got, ":") {
		t.Errorf("hosts %q", got)
	}
}

// TestStatusLine proves what is taken for a status line and what is passed over
// before one.
func TestStatusLine(t *testing.T) {
	for _, c := range []struct {
		in       string
		is, more bool
		junk     int
	}{
		{"HTTP/1.1 200 ok\r\n", true, false, 0},
		{" \x00hTTp 200\r\n", true, false, 0},
		{"HT", false, true, 0},
		{"", false, true, 0},
		{" foo\r\nHTTP/1.1 200 ok\r\n", false, false, 6},
		{"x\nbody", false, false, 2},
		{"just a body\r\nof lines", false, false, 0},
	} {
		if is, more := StatusLine([]byte(c.in)); is != c.is || more != c.more {
			t.Errorf("%q: %v %v, expected %v %v", c.in, is, more, c.is, c.more)
		}
		if n := JunkLine([]byte(c.in)); !c.is && n != c.junk {
			t.Errorf("%q: %d bytes passed over, expected %d", c.in, n, c.junk)
		}
	}
}

// TestChunks proves that what stands behind a chunk's size is passed over, and
// that a body whose sizes are none is content as it stands.
func TestChunks(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"3\r\nabc\r\n0\r\n\r\n", "abc"},
		{"3,x\r\nabc\r\n3 foo\nabc\n0\n\n", "abcabc"},
		{"\v3;ext=1\r\nabc\r\n0\r\n\r\n", "abc"},
		{"-3\r\nabc", "-3\r\nabc"},
	} {
		y := Body{Framing: Chunked}
		var got []byte
		for b := []byte(c.in); len(b) > 0; {
			content, used, end := y.Next(b)
			got = append(got, content...)
			if b = b[used:]; end || used == 0 {
				break
			}
		}
		if string(got) != c.want {
			t.Errorf("%q: %q, expected %q", c.in, got, c.want)
		}
	}
}

// TestCodings proves that DEFLATE data is read in any of its forms under any of
// its names.
func TestCodings(t *testing.T) {
	var raw, z, gz bytes.Buffer
	w, _ := flate.NewWriter(&raw, 9)
	_, _ = w.Write([]byte("content"))
	_ = w.Close()
	zw := zlib.NewWriter(&z)
	_, _ = zw.Write([]byte("content"))
	_ = zw.Close()
	gw := gzip.NewWriter(&gz)
	_, _ = gw.Write([]byte("content"))
	_ = gw.Close()
	for _, name := range []string{"gzip", "x-gzip", "DEFLATE", "gzipped", "x gzip", "gz\x00ip", "foo, gzip"} {
		for _, b := range [][]byte{raw.Bytes(), z.Bytes(), gz.Bytes()} {
			h := Head{Fields: []Field{{Name: []byte("Content-Encoding"), Value: []byte(name)}}}
			if out, whole := Decode(h.Codings(), b, 1000); string(out) != "content" || !whole {
				t.Errorf("%s: %q of %x", name, out, b)
			}
		}
	}
}
