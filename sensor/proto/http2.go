package proto

// HTTP/2, RFC 9113, in the clear: by prior knowledge or after an Upgrade to h2c.
// Each stream is a transaction as in HTTP/1, with one event and its bodies as
// files; rules see it as one of HTTP too, and its frames besides.
//
//	preface  PRI * HTTP/2.0
//	frame    0 length (24 bits)  3 type  4 flags  5 stream  9 payload

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2/hpack"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func init() {
	register(&Entry{
		Name: "http2", Doc: "Hypertext Transfer Protocol version 2, in the clear", Reference: "RFC 9113, RFC 7541",
		Transport: TCP, App: suricata.AppHTTP2,
		First: []string{http2Preface[:18], "\x00\x00"}, Detect: detectHTTP2, New: func(Transport) Parser { return newHTTP2() },
		Samples: []string{"http2.txt", "http2_curl.txt", "http2_upgrade.txt"},
		Hostile: []string{"http2_hostile.txt", "http2_frames_hostile.txt"},
	})
}

// detectHTTP2 takes the client's preface, or a server's first SETTINGS when the
// client's side was not seen or comes later.
func detectHTTP2(p *Probe) Verdict {
	b := p.Data
	if b[0] == 'P' {
		return Yes
	}
	if p.Dir == FromClient {
		return No
	}
	if len(b) < 9 {
		return More
	}
	if b[2] == 0 || b[2]%6 != 0 || b[3] != http2Settings || b[4] != 0 || binary.BigEndian.Uint32(b[5:]) != 0 {
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
	http2Data = iota
	http2Headers
	http2Priority
	http2Reset
	http2Settings
	http2Push
	http2Ping
	http2GoAway
	http2Window
	http2Continuation
	http2Lost // not a type: a frame of which bytes are missing

	http2EndStream  = 1
	http2EndHeaders = 4
	http2Padded     = 8
	http2HasWeight  = 0x20
)

const (
	// maxHTTP2Streams bounds the streams of a connection that are open at once.
	maxHTTP2Streams = 256
	// maxHTTP2Block bounds a header block with its continuations.
	maxHTTP2Block = 64 << 10
	// maxHTTP2Fields bounds the fields of a block: a few bytes may name many.
	maxHTTP2Fields = 256
	// maxHTTP2FieldSize bounds their bytes.
	maxHTTP2FieldSize = 64 << 10
	// maxHTTP2Held bounds what all streams of a connection hold of bodies.
	maxHTTP2Held = 8 << 20
)

// http2Side is one direction: the frame in work, and the state of its header
// compression.
type http2Side struct {
	dec     *hpack.Decoder
	fields  []http.Field
	size    int  // bytes of fields
	in      bool // a frame is in work
	typ     byte
	flags   byte
	stream  uint32
	left    int    // bytes of its payload still to come
	payload []byte // what came, of all but DATA
	pad     int    // of DATA
	padded  bool   // the pad length is still to come
	block   []byte // header block, until it ends
	ends    bool   // the stream ends with the block
	on      uint32 // the stream whose frames carry the block
	target  uint32 // the stream the block belongs to
	pushed  bool
}

type http2Parser struct {
	sides   [2]http2Side
	streams map[uint32]*httpTx
	order   []uint32 // of streams, oldest first
	preface bool
	txs     uint64 // streams, and frames that are transactions by themselves
	last    uint32 // the highest stream that the client began
}

func newHTTP2() *http2Parser {
	p := &http2Parser{streams: map[uint32]*httpTx{}}
	for i := range p.sides {
		s := &p.sides[i]
		s.dec = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
			if s.size += len(f.Name) + len(f.Value); len(s.fields) < maxHTTP2Fields && s.size <= maxHTTP2FieldSize {
				s.fields = append(s.fields, http.Field{Name: []byte(f.Name), Value: []byte(f.Value)})
			}
		})
		s.dec.SetMaxStringLength(maxHTTP2Block)
		s.dec.SetAllowedMaxDynamicTableSize(maxHTTP2Block)
	}
	return p
}

// Data implements Parser.
func (p *http2Parser) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	if dir == FromClient && !p.preface {
		if n := min(len(b), len(http2Preface)); string(b[:n]) == http2Preface[:n] {
			if n < len(http2Preface) {
				return 0
			}
			used = n
		}
		p.preface = true
	}
	s := &p.sides[dir]
	for {
		if !s.in {
			h := b[used:]
			if len(h) < 9 {
				return Result(used)
			}
			if p.showFrame(c, dir, h) {
				return Result(used)
			}
			used += 9
			s.in, s.typ, s.flags, s.stream = true, h[3], h[4], binary.BigEndian.Uint32(h[5:])&0x7fffffff
			s.left, s.payload, s.pad = int(h[0])<<16|int(h[1])<<8|int(h[2]), s.payload[:0], 0
			s.padded = s.typ == http2Data && s.flags&http2Padded != 0
		}
		take := b[used:min(len(b), used+s.left)]
		used += len(take)
		s.left -= len(take)
		if s.typ == http2Data {
			p.body(c, dir, s, take)
		} else if room := maxHTTP2Block - len(s.payload); room > 0 {
			s.payload = append(s.payload, take[:min(room, len(take))]...)
		}
		if s.left > 0 {
			return Result(used)
		}
		s.in = false
		if !p.frame(c, dir, s) {
			return Broken
		}
	}
}

// body takes bytes of a DATA frame.
func (p *http2Parser) body(c *Context, dir Dir, s *http2Side, b []byte) {
	if s.padded && len(b) > 0 {
		s.pad, s.padded, b = int(b[0]), false, b[1:]
	}
	if over := s.pad - s.left; over > 0 { // padding stands at the end
		b = b[:max(len(b)-over, 0)]
	}
	t := p.streams[s.stream]
	if t == nil || len(b) == 0 {
		return
	}
	t.packets.Add(c.Number)
	m := t.message(dir)
	switch {
	case !m.seen || m.done:
	case p.held()+len(b) <= maxHTTP2Held:
		m.content(c, t, dir, b)
	default:
		m.bytes += int64(len(b))
		m.over, m.gap = true, true
		if m.file != nil {
			m.file.Gap(uint32(len(b)))
		}
	}
}

// held counts what the open streams hold of their bodies.
func (p *http2Parser) held() (n int) {
	for _, t := range p.streams {
		n += len(t.req.coded) + len(t.req.inspect) + len(t.rsp.coded) + len(t.rsp.inspect)
	}
	return n
}

// message gives a transaction's message of a direction.
func (t *httpTx) message(dir Dir) *httpMessage {
	if dir == FromClient {
		return &t.req
	}
	return &t.rsp
}

// open gives the transaction of a stream, made when needed.
func (p *http2Parser) open(c *Context, id uint32) *httpTx {
	t := p.streams[id]
	if t == nil {
		if len(p.streams) >= maxHTTP2Streams {
			p.close(c, p.order[0], "limit")
		}
		p.txs++
		t = &httpTx{id: p.txs, h2: true, stream: id, detail: c.Detail}
		p.streams[id] = t
		p.order = append(p.order, id)
	}
	t.packets.Add(c.Number)
	return t
}

// head begins a message with the fields of a block.
func (p *http2Parser) head(c *Context, dir Dir, s *http2Side) {
	fields := s.fields
	s.fields = nil
	again := dir == FromClient && s.target <= p.last && p.streams[s.target] == nil
	if dir == FromClient {
		p.last = max(p.last, s.target)
	}
	t := p.open(c, s.target)
	if s.pushed { // a request the server makes up
		dir = FromClient
	}
	m := t.message(dir)
	if m.seen { // trailers
		return
	}
	h, ok := headOf(fields, dir, "HTTP/2")
	if !ok {
		return
	}
	m.seen, m.at, m.head = true, c.Time, h
	m.codings = m.head.Codings()
	if dir == FromClient {
		m.form = formOf(&m.head, t.aboutFile)
	}
	if host := h.Get("host"); host != nil && h.Get(":authority") != nil && !bytes.EqualFold(host, h.Get(":authority")) {
		m.more.event("http2.authority_host_mismatch")
	}
	if v := h.Get("content-range"); v != nil && !goodRange(string(v)) {
		m.more.event("http2.invalid_range")
	}
	if again {
		m.more.event("http2.stream_id_reuse")
	}
	m.number(suricata.BufHTTP2FrameType, http2Headers)
	for _, f := range fields {
		m.more.add(suricata.BufHTTP2HeaderName, f.Name)
	}
	if bytes.IndexByte(h.Get(":authority"), '@') >= 0 {
		m.more.event("http2.userinfo_in_uri")
	}
}

// headOf makes the head of a message of HTTP/2 or HTTP/3 out of its fields. ok is
// false if it is neither a request nor the final response.
func headOf(fields []http.Field, dir Dir, proto string) (h http.Head, ok bool) {
	h = http.Head{Proto: []byte(proto), Fields: fields}
	for _, f := range fields {
		switch string(f.Name) {
		case ":method":
			h.Method = f.Value
		case ":path":
			h.Target = f.Value
		case ":status":
			h.Status = f.Value
		}
	}
	if len(h.Status) == 3 && h.Status[0] == '1' { // the final one follows
		return h, false
	}
	if dir == FromClient && len(h.Method) == 0 || dir == FromServer && len(h.Status) == 0 {
		return h, false
	}
	if len(h.Target) == 0 { // CONNECT
		h.Target = h.Get(":authority")
	}
	if len(h.Method) > 0 { // as HTTP/1 would write it
		h.Line = []byte(string(h.Method) + " " + string(h.Target) + " " + proto)
	} else {
		h.Line = []byte(proto + " " + string(h.Status))
	}
	return h, true
}

func (m *httpMessage) number(b suricata.Buffer, n uint64) {
	if len(m.more.bufs) < maxHTTP2Fields*2 {
		m.more.number(b, n)
	}
}

// end finishes a stream's message, and the stream when both are or the request
// was not seen.
func (p *http2Parser) end(c *Context, id uint32, dir Dir) {
	t := p.streams[id]
	if t == nil {
		return
	}
	m := t.message(dir)
	if m.seen && !m.done {
		m.finish(c, t, dir, true, "")
	}
	if t.rsp.done && (t.req.done || !t.req.seen) {
		p.close(c, id, "")
	}
}

// close ends a stream with what is open in it.
func (p *http2Parser) close(c *Context, id uint32, why string) {
	t := p.streams[id]
	delete(p.streams, id)
	for i, x := range p.order {
		if x == id {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
	if t == nil {
		return
	}
	for _, dir := range []Dir{FromClient, FromServer} {
		if m := t.message(dir); m.seen && !m.done {
			m.finish(c, t, dir, false, why)
		}
	}
	t.emit(c)
}

// Gap implements Parser: a hole within the content of a DATA frame, or within a
// frame without header fields, is passed over. Behind one in header fields the
// state of their compression is lost.
func (p *http2Parser) Gap(c *Context, dir Dir, n uint32) bool {
	s := &p.sides[dir]
	if !s.in || s.typ == http2Headers || s.typ == http2Push || s.typ == http2Continuation || s.padded || int64(n) > int64(s.left-s.pad) {
		return false
	}
	s.left -= int(n)
	if s.typ != http2Data {
		s.typ = http2Lost
	} else if t := p.streams[s.stream]; t != nil {
		m := t.message(dir)
		m.gap = true
		m.over = m.over || len(m.codings) > 0
		if m.file != nil {
			m.file.Gap(n)
		}
	}
	if s.left == 0 {
		s.in = false
		return p.frame(c, dir, s)
	}
	return true
}

// Close implements Parser.
func (p *http2Parser) Close(c *Context) {
	for len(p.order) > 0 {
		p.close(c, p.order[0], "connection_end")
	}
}
