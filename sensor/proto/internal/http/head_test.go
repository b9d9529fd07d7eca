package http

import (
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
		{" foobar\r\nHTTP/1.1 200 ok\r\nX: y\r\n\r\n", "x", "y"},
		{"HTTP/1.1 200 ok\r\nX:\r\n y\r\n\r\n", "x", " y"},
	} {
		raw := SkipJunkLine([]byte(c.head))
		var h Head
		if n := EndOfHead([]byte(c.head), 0); n != len(c.head) {
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
