package proto

import (
	"bytes"
	"strings"
	"testing"
)

// h3Play gives frames of streams to a connection: each is a head of four bytes
// (direction and end, stream, offset, length) and its data.
func h3Play(p *http3, c *Context, b []byte) {
	for len(b) >= 4 {
		n := min(int(b[3]), len(b)-4)
		p.frame(c, Dir(b[0]&1), uint64(b[1]), uint64(b[2]), b[4:4+n], b[0]&2 != 0)
		b = b[4+n:]
	}
}

func h3Context() (*Context, *host) {
	h := &host{entry: Default().ByName("quic"), touch: true}
	return &Context{Host: h, Number: 1}, h
}

// TestHTTP3 proves that a stream which is over stays so when its datagrams come
// again, and that a stream is told once.
func TestHTTP3(t *testing.T) {
	c, h := h3Context()
	p := newHTTP3()
	request := "\x02\x00\x00\x0a" + "\x01\x08\x00\x00\xd1\xd7\x51\x02/a"
	response := "\x03\x00\x00\x0a" + "\x01\x03\x00\x00\xd9\x00\x03abc"
	for range 3 {
		h3Play(p, c, []byte(request+response))
	}
	p.closeAll(c)
	if n := strings.Count(string(bytes.Join(h.lines, nil)), `"saksi.http"`); n != 1 {
		t.Fatalf("%d requests: %s", n, h.lines)
	}
	if !bytes.Contains(h.lines[len(h.lines)-1], []byte(`"original":"/a"`)) || p.held != 0 {
		t.Errorf("%d bytes are held: %s", p.held, h.lines)
	}
}

// TestHTTP3Bounds proves that streams without end and bytes that wait take bounded
// memory, and that nothing is held in the end.
func TestHTTP3Bounds(t *testing.T) {
	c, _ := h3Context()
	p := newHTTP3()
	late := make([]byte, 64<<10)
	for i := range 4 * maxH3Streams {
		p.frame(c, FromClient, uint64(4*i), 100, late, false)
		if p.held > maxH3Held || len(p.streams) > maxH3Streams {
			t.Fatalf("%d bytes of %d streams are held", p.held, len(p.streams))
		}
	}
	for i := range 4 * maxH3Closed {
		p.frame(c, FromClient, uint64(4*i), 0, []byte("\x01\x02\x00\x00"), true)
	}
	if len(p.closed) > maxH3Closed+1 {
		t.Errorf("%d streams are remembered", len(p.closed))
	}
	p.closeAll(c)
	if p.held != 0 || len(p.streams) != 0 || len(p.order) != 0 {
		t.Errorf("%d bytes of %d streams are held in the end", p.held, len(p.streams))
	}
}

// FuzzHTTP3 proves that any frames of streams are read, and nothing is held in
// the end.
func FuzzHTTP3(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x0a\x01\x08\x00\x00\xd1\xd7\x51\x02/a\x03\x00\x00\x0a\x01\x03\x00\x00\xd9\x00\x03abc"))
	f.Add([]byte("\x00\x02\x00\x09\x00\x04\x03\x01\x50\x00xxx\x00\x06\x00\x0a\x02\x3f\xe1\x1f\xc0\x03abc\x00\x04\x05\x03abc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _ := h3Context()
		p := newHTTP3()
		h3Play(p, c, b)
		if p.held < 0 || p.held > maxH3Held {
			t.Errorf("%d bytes are held", p.held)
		}
		p.closeAll(c)
		if p.held != 0 {
			t.Errorf("%d bytes are held in the end", p.held)
		}
	})
}
