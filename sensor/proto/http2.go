package proto

// HTTP/2 in the clear, RFC 9113: with prior knowledge, or after an Upgrade to
// h2c. Each stream is a transaction told as those of HTTP/1; its header fields
// (HPACK, RFC 7541) are written as a head of HTTP/1, so that rules see the same.
//
//	preface  PRI * HTTP/2.0
//	frame    0 length (24 bits)  3 type  4 flags  5 stream  9 payload

import (
	"encoding/binary"
	"slices"

	"golang.org/x/net/http2/hpack"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

func init() {
	register(&Entry{
		Name: "http2", Doc: "Hypertext Transfer Protocol version 2 in the clear", Reference: "RFC 9113, RFC 7541",
		Transport: TCP, App: suricata.AppHTTP,
		First: []string{h2Preface[:18], "\x00\x00"}, Detect: detectHTTP2, New: func(Transport) Parser { return newHTTP2() },
		Samples: []string{"http2.txt", "http2_upgrade.txt"}, Hostile: []string{"http2_hostile.txt"},
	})
}

const h2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// detectHTTP2 takes the client's preface, or a server's first SETTINGS when the
// client's side was not seen or comes later.
func detectHTTP2(p *Probe) Verdict {
	b := p.Data
	if b[0] == 'P' {
		return Yes
	}
	if p.Dir == FromClient || len(b) < 9 || b[3] != h2Settings || b[4] != 0 || b[2] == 0 || b[2]%6 != 0 || binary.BigEndian.Uint32(b[5:]) != 0 {
		return No
	}
	for f := b[9:min(len(b), 9+int(b[2]))]; len(f) >= 6; f = f[6:] {
		if id := binary.BigEndian.Uint16(f); id == 0 || id > 9 && id < 0xf000 {
			return No
		}
	}
	if len(b) < 9+int(b[2]) {
		return More
	}
	return Yes
}

// Frame types and flags (RFC 9113 section 6).
const (
	h2Data         = 0
	h2Headers      = 1
	h2Reset        = 3
	h2Settings     = 4
	h2Push         = 5
	h2Continuation = 9

	h2EndStream  = 0x01
	h2EndHeaders = 0x04
	h2Padded     = 0x08
	h2Priority   = 0x20
)

const (
	// maxH2Streams bounds the streams open at once; servers allow 100 to 250.
	maxH2Streams = 256
	// maxH2Block bounds a block of header fields.
	maxH2Block = 64 << 10
	// maxH2Held bounds what all streams of a connection hold of bodies.
	maxH2Held = 8 << 20
	// maxH2Table bounds the dynamic table a peer may ask for.
	maxH2Table = 64 << 10
)

// h2Side is one direction.
type h2Side struct {
	begun   bool
	fields  *hpack.Decoder
	block   []byte // header block in work, until END_HEADERS
	stream  uint32 // of the frame or block in work
	flags   byte   // of it
	push    bool   // the block is a request the server promises
	content int    // bytes of a DATA frame that come
	skip    int    // bytes of the frame of no interest
}

// h2Stream is a transaction with the number of its stream.
type h2Stream struct {
	httpTx
	stream uint32
}

type http2Parser struct {
	sides   [2]h2Side
	streams []*h2Stream // oldest first
	nextID  uint64
}

func newHTTP2() *http2Parser {
	p := &http2Parser{}
	for i := range p.sides {
		d := hpack.NewDecoder(4096, nil)
		d.SetAllowedMaxDynamicTableSize(maxH2Table)
		d.SetMaxStringLength(maxH2Block)
		p.sides[i].fields = d
	}
	return p
}

// Data implements Parser.
func (p *http2Parser) Data(c *Context, dir Dir, b []byte) Result {
	s := &p.sides[dir]
	used := 0
	if !s.begun {
		if dir == FromClient {
			if n := min(len(b), len(h2Preface)); string(b[:n]) == h2Preface[:n] {
				if n < len(h2Preface) {
					return 0
				}
				used = n
			}
		}
		s.begun = true
	}
	for used < len(b) {
		switch {
		case s.content > 0:
			n := min(s.content, len(b)-used)
			s.content -= n
			p.content(c, dir, b[used:used+n])
			used += n
			continue
		case s.skip > 0:
			n := min(s.skip, len(b)-used)
			s.skip -= n
			used += n
			continue
		}
		f := b[used:]
		if len(f) < 9 {
			break
		}
		size := int(f[0])<<16 | int(f[1])<<8 | int(f[2])
		if f[3] != h2Data && f[3] != h2Headers && f[3] != h2Push && f[3] != h2Continuation && f[3] != h2Reset {
			used += 9
			s.skip = size
			continue
		}
		if f[3] == h2Data { // content is taken as it comes
			k := 0
			pad := 0
			if f[4]&h2Padded != 0 {
				if len(f) < 10 {
					break
				}
				k, pad = 1, int(f[9])
			}
			if size < k+pad {
				return Broken
			}
			s.stream, s.flags = binary.BigEndian.Uint32(f[5:])&0x7fffffff, f[4]
			s.content, s.skip = size-k-pad, pad
			used += 9 + k
			if s.content == 0 {
				p.content(c, dir, nil)
			}
			continue
		}
		if size > maxH2Block-9 {
			return Broken
		}
		if len(f) < 9+size {
			break
		}
		if !p.frame(c, dir, f[3], f[4], binary.BigEndian.Uint32(f[5:])&0x7fffffff, f[9:9+size]) {
			return Broken
		}
		used += 9 + size
	}
	return Result(used)
}

// frame takes a frame that is not DATA.
func (p *http2Parser) frame(c *Context, dir Dir, typ, flags byte, stream uint32, b []byte) bool {
	s := &p.sides[dir]
	switch typ {
	case h2Reset:
		if i := p.index(stream); i >= 0 {
			p.close(c, i, "reset")
		}
		return true
	case h2Continuation:
		if stream != s.stream || len(s.block)+len(b) > maxH2Block {
			return false
		}
		s.block = append(s.block, b...)
	default:
		pad := 0
		if flags&h2Padded != 0 {
			if len(b) == 0 {
				return false
			}
			pad, b = int(b[0]), b[1:]
		}
		skip := 0
		if typ == h2Headers && flags&h2Priority != 0 {
			skip = 5
		}
		s.push = typ == h2Push
		if s.push {
			if len(b) < 4 {
				return false
			}
			stream, skip = binary.BigEndian.Uint32(b)&0x7fffffff, 4
		}
		if len(b) < skip+pad {
			return false
		}
		s.stream, s.flags = stream, flags
		s.block = append(s.block[:0], b[skip:len(b)-pad]...)
	}
	if flags&h2EndHeaders == 0 {
		return true
	}
	return p.block(c, dir)
}

// block takes a whole block of header fields.
func (p *http2Parser) block(c *Context, dir Dir) bool {
	s := &p.sides[dir]
	var list []hpack.HeaderField
	size := 0
	s.fields.SetEmitFunc(func(f hpack.HeaderField) {
		if size += len(f.Name) + len(f.Value) + 4; size <= maxH2Block && len(list) < http.MaxFields {
			list = append(list, f)
		}
	})
	_, err := s.fields.Write(s.block)
	if cerr := s.fields.Close(); err != nil || cerr != nil {
		return false
	}
	if s.push {
		dir = FromClient // the server promises the request of a client
	}
	t := p.stream(c, s.stream)
	t.packets.Add(c.Number)
	m := t.side(dir)
	if !m.seen {
		if m.head = http.FieldsHead(list, dir == FromServer); m.head.Raw == nil {
			return true // neither request nor response
		}
		if dir == FromServer && len(m.head.Status) == 3 && m.head.Status[0] == '1' { // the final one follows
			return true
		}
		m.seen = true
		m.codings = m.head.Codings()
	}
	if s.flags&h2EndStream != 0 || s.push {
		p.end(c, t, dir, true, "")
	}
	return true
}

// side is the message of a direction.
func (t *httpTx) side(dir Dir) *httpMessage {
	if dir == FromServer {
		return &t.rsp
	}
	return &t.req
}

func (p *http2Parser) index(stream uint32) int {
	return slices.IndexFunc(p.streams, func(t *h2Stream) bool { return t.stream == stream })
}

// stream returns the transaction of a stream, begun if it is new.
func (p *http2Parser) stream(c *Context, stream uint32) *h2Stream {
	if i := p.index(stream); i >= 0 {
		return p.streams[i]
	}
	if len(p.streams) == maxH2Streams {
		p.close(c, 0, "limit")
	}
	p.nextID++
	t := &h2Stream{stream: stream}
	t.id = p.nextID
	p.streams = append(p.streams, t)
	return t
}

// content takes bytes of the body in work.
func (p *http2Parser) content(c *Context, dir Dir, b []byte) {
	s := &p.sides[dir]
	i := p.index(s.stream)
	if i < 0 {
		return
	}
	t := p.streams[i]
	if m := t.side(dir); m.seen && !m.done {
		t.packets.Add(c.Number)
		if p.held()+len(b) <= maxH2Held {
			m.content(c, &t.httpTx, dir, b)
		} else {
			m.bytes += int64(len(b))
			m.over, m.gap = true, true
			if m.file != nil {
				m.file.Gap(uint32(len(b)))
			}
		}
	}
	if s.content == 0 && s.flags&h2EndStream != 0 {
		p.end(c, t, dir, true, "")
	}
}

// held counts what the open streams hold of their bodies.
func (p *http2Parser) held() (n int) {
	for _, t := range p.streams {
		n += len(t.req.coded) + len(t.req.inspect) + len(t.rsp.coded) + len(t.rsp.inspect)
	}
	return n
}

// end finishes a message; with the response the transaction is over.
func (p *http2Parser) end(c *Context, t *h2Stream, dir Dir, whole bool, why string) {
	m := t.side(dir)
	if m.seen && !m.done {
		m.finish(c, &t.httpTx, dir, whole, why)
	}
	if t.rsp.done {
		if i := p.index(t.stream); i >= 0 {
			p.close(c, i, "connection_end")
		}
	}
}

// close ends a transaction, whole or not, and lets go of it.
func (p *http2Parser) close(c *Context, i int, why string) {
	t := p.streams[i]
	p.streams = slices.Delete(p.streams, i, i+1)
	for dir, m := range [2]*httpMessage{&t.req, &t.rsp} {
		if m.seen && !m.done {
			m.finish(c, &t.httpTx, Dir(dir), false, why)
		}
	}
	t.emit(c)
}

// Gap implements Parser: a hole within the content of a DATA frame, or within a
// frame of no interest, is passed over.
func (p *http2Parser) Gap(c *Context, dir Dir, n uint32) bool {
	s := &p.sides[dir]
	if s.content == 0 {
		if int(n) > s.skip {
			return false
		}
		s.skip -= int(n)
		return true
	}
	if int(n) > s.content {
		return false
	}
	s.content -= int(n)
	if i := p.index(s.stream); i >= 0 {
		m := p.streams[i].side(dir)
		m.gap = true
		m.over = m.over || len(m.codings) > 0
		if m.file != nil {
			m.file.Gap(n)
		}
		p.content(c, dir, nil)
	}
	return true
}

// Close implements Parser.
func (p *http2Parser) Close(c *Context) {
	for len(p.streams) > 0 {
		p.close(c, 0, "connection_end")
	}
}
