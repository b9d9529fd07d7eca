package proto

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// TestHTTP2Bounds proves that header blocks that expand, streams that are never
// closed and continuations without end stay within bounds.
func TestHTTP2Bounds(t *testing.T) {
	frame := func(typ, flags byte, stream uint32, b []byte) []byte {
		n := len(b)
		return append([]byte{byte(n >> 16), byte(n >> 8), byte(n), typ, flags, byte(stream >> 24), byte(stream >> 16), byte(stream >> 8), byte(stream)}, b...)
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}, {Name: "x", Value: string(make([]byte, 3000))}} {
		if err := enc.WriteField(f); err != nil {
			t.Fatal(err)
		}
	}
	first := bytes.Clone(block.Bytes())
	h := &host{entry: Default().ByName("http2")}
	c := &Context{Host: h}
	p := newHTTP2()
	give := func(b []byte) Result { return p.Data(c, FromClient, b) }
	if n := give(append([]byte(http2Preface), frame(http2Headers, http2EndHeaders, 1, first)...)); n < 0 {
		t.Fatalf("the first request: %d", n)
	}
	bomb := append([]byte{0x82, 0x84}, bytes.Repeat([]byte{0xbe}, 60_000)...) // 60,000 times the field of 3,000 bytes
	for i := range 2 * maxHTTP2Streams {
		if n := give(frame(http2Headers, http2EndHeaders, uint32(3+2*i), bomb[:2+i])); n < 0 {
			t.Fatalf("request %d: %d", i, n)
		}
		if len(p.streams) > maxHTTP2Streams {
			t.Fatalf("%d streams", len(p.streams))
		}
	}
	if n := give(frame(http2Headers, http2EndHeaders, 9001, bomb)); n < 0 {
		t.Fatalf("the bomb: %d", n)
	}
	size, last := 0, p.streams[9001]
	for _, f := range last.req.head.Fields {
		size += len(f.Name) + len(f.Value)
	}
	if size == 0 || size > maxHTTP2FieldSize || len(last.req.head.Fields) > maxHTTP2Fields {
		t.Fatalf("a head of %d bytes in %d fields", size, len(last.req.head.Fields))
	}
	n := give(frame(http2Headers, 0, 9003, first))
	for range 100 {
		if n = give(frame(http2Continuation, 0, 9003, make([]byte, 16<<10))); n < 0 {
			break
		}
	}
	if n != Broken || len(p.sides[0].block) > maxHTTP2Block {
		t.Fatalf("continuations without end: %d, %d bytes held", n, len(p.sides[0].block))
	}
	p.Close(c)
}

// TestHTTP2Held proves that coded bodies of many streams share one bound.
func TestHTTP2Held(t *testing.T) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	p := newHTTP2()
	h := &host{entry: Default().ByName("http2")}
	c := &Context{Host: h}
	data := make([]byte, 16<<10)
	for i := range uint32(16) {
		block.Reset()
		for _, f := range []hpack.HeaderField{{Name: ":status", Value: "200"}, {Name: "content-encoding", Value: "gzip"}} {
			if err := enc.WriteField(f); err != nil {
				t.Fatal(err)
			}
		}
		in := append([]byte{0, 0, byte(block.Len()), http2Headers, http2EndHeaders, 0, 0, 0, byte(2*i + 1)}, block.Bytes()...)
		for range 100 {
			in = append(append(in, 0, 0x40, 0, http2Data, 0, 0, 0, 0, byte(2*i+1)), data...)
		}
		if n := p.Data(c, FromServer, in); int(n) != len(in) {
			t.Fatalf("stream %d: used %d of %d bytes", i, n, len(in))
		}
	}
	if n := p.held(); n > maxHTTP2Held || n < maxHTTP2Held/2 {
		t.Fatalf("%d bytes held", n)
	}
	p.Close(c)
}
