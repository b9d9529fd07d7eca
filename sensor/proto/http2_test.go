package proto

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// TestHTTP2Held proves that coded bodies of many streams share one bound.
func TestHTTP2Held(t *testing.T) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	p := newHTTP2(TCP).(*http2Parser)
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
