package proto

// HTTP/3, RFC 9114, where QUIC is decrypted. Each request stream is a transaction
// as in HTTP/1, with one event and its bodies as files; rules see it as one of
// HTTP.
//
//	stream   type (of a unidirectional one), then frames
//	frame    type  length  payload; both are variable-length integers

import (
	"errors"
	"slices"

	"saksi/sensor/proto/internal/http"
	"saksi/sensor/proto/internal/qpack"
	"saksi/sensor/proto/internal/quic"
)

// Types of streams and frames, and the setting read (RFC 9114 sections 6.2, 7.2,
// RFC 9204 section 5).
const (
	h3Control  = 0
	h3Encoder  = 2
	h3Data     = 0
	h3Headers  = 1
	h3Settings = 4
	h3Capacity = 1
)

const (
	// maxH3Streams bounds the streams of a connection that are open at once.
	maxH3Streams = 256
	// maxH3Held bounds what all streams of a connection hold that waits: for
	// datagrams before it, or for instructions of QPACK.
	maxH3Held = 1 << 20
	// maxH3Closed bounds the streams that are known to be over one by one.
	maxH3Closed = 4096
	// maxH3Pieces bounds the pieces of one direction that wait.
	maxH3Pieces = 256
)

type h3Piece struct {
	at   uint64
	data []byte
}

// h3Half is one direction of a stream.
type h3Half struct {
	next   uint64 // offset expected
	pieces []h3Piece
	fin    uint64 // where it ends
	ends   bool   // that is known
	done   bool
	lost   bool   // nothing more of it is read
	buf    []byte // bytes not used yet
	in     bool   // a frame is in work
	typ    uint64
	left   uint64 // bytes of its payload still to come
}

type h3Stream struct {
	id    uint64
	half  [2]h3Half
	tx    *httpTx
	kind  uint64
	typed bool // the kind is known
}

type http3 struct {
	tables  [2]qpack.Decoder // of what each side sends
	limits  [2]uint64        // of the table that each side receives with
	streams map[uint64]*h3Stream
	order   []uint64 // oldest first
	held    int
	closed  map[uint64]bool // streams that are over: what comes of them came before
	floor   uint64          // all below that are not open are
}

func newHTTP3() *http3 {
	return &http3{streams: map[uint64]*h3Stream{}, closed: map[uint64]bool{}}
}

// frame takes a STREAM frame of QUIC.
func (p *http3) frame(c *Context, dir Dir, id, offset uint64, data []byte, fin bool) {
	s := p.streams[id]
	if s == nil {
		if id < p.floor || p.closed[id] || len(p.streams) >= maxH3Streams && !p.forget(c) {
			return
		}
		s = &h3Stream{id: id}
		p.streams[id] = s
		p.order = append(p.order, id)
	}
	h := &s.half[dir]
	if h.lost || h.done {
		return
	}
	if fin {
		h.ends, h.fin = true, offset+uint64(len(data))
	}
	switch {
	case offset > h.next && (len(h.pieces) == maxH3Pieces || p.held+len(data) > maxH3Held):
		p.lose(s, dir)
		return
	case offset > h.next:
		h.pieces = append(h.pieces, h3Piece{offset, slices.Clone(data)})
		p.held += len(data)
		return
	}
	p.next(c, s, dir, offset, data)
	for i := 0; i < len(h.pieces) && !h.lost; i++ {
		if x := h.pieces[i]; x.at <= h.next {
			h.pieces = slices.Delete(h.pieces, i, i+1)
			p.held -= len(x.data)
			p.next(c, s, dir, x.at, x.data)
			i = -1
		}
	}
	if h.ends && h.next >= h.fin && !h.lost {
		p.end(c, s, dir)
	}
}

// next takes bytes at an offset up to which all came.
func (p *http3) next(c *Context, s *h3Stream, dir Dir, offset uint64, data []byte) {
	h := &s.half[dir]
	if skip := h.next - offset; skip < uint64(len(data)) {
		data = data[skip:]
	} else {
		return
	}
	h.next += uint64(len(data))
	p.held += len(data)
	h.buf = append(h.buf, data...)
	p.parse(c, s, dir)
	if p.held > maxH3Held {
		p.lose(s, dir)
	}
}

// again reads the requests or responses that waited for instructions, or for the
// settings they rest on.
func (p *http3) again(c *Context, dir Dir) {
	for _, id := range slices.Clone(p.order) {
		s := p.streams[id]
		if s == nil || id&2 != 0 || !s.half[dir].in || s.half[dir].typ != h3Headers {
			continue
		}
		p.frames(c, s, dir)
		if h := &s.half[dir]; h.ends && h.next >= h.fin && !h.lost {
			p.end(c, s, dir)
		}
	}
}

// use drops bytes from the front of what waits.
func (p *http3) use(h *h3Half, n int) {
	h.buf = h.buf[:copy(h.buf, h.buf[n:])]
	p.held -= n
}

// lose gives a direction up.
func (p *http3) lose(s *h3Stream, dir Dir) {
	h := &s.half[dir]
	p.held -= len(h.buf)
	for _, x := range h.pieces {
		p.held -= len(x.data)
	}
	h.lost, h.buf, h.pieces = true, nil, nil
	if s.tx != nil {
		if m := s.tx.message(dir); m.file != nil {
			m.file.Gap(1)
		}
	}
}

// parse reads what is whole of a direction.
func (p *http3) parse(c *Context, s *h3Stream, dir Dir) {
	h := &s.half[dir]
	if s.id&2 != 0 && !s.typed {
		v, n := quic.Varint(h.buf)
		if n == 0 {
			return
		}
		s.kind, s.typed = v, true
		p.use(h, n)
	}
	switch {
	case s.id&2 == 0 && s.id&1 == 0, s.id&2 != 0 && s.kind == h3Control:
		p.frames(c, s, dir)
	case s.id&2 != 0 && s.kind == h3Encoder:
		err := p.tables[dir].Instructions(h.buf)
		p.use(h, len(h.buf))
		if err != nil {
			p.lose(s, dir)
			return
		}
		p.again(c, dir)
	default:
		p.use(h, len(h.buf))
	}
}

// frames reads the frames of a request stream or a control stream.
func (p *http3) frames(c *Context, s *h3Stream, dir Dir) {
	h := &s.half[dir]
	for !h.lost {
		if !h.in {
			typ, n := quic.Varint(h.buf)
			if n == 0 {
				return
			}
			size, k := quic.Varint(h.buf[n:])
			if k == 0 {
				return
			}
			p.use(h, n+k)
			h.in, h.typ, h.left = true, typ, size
		}
		request := s.id&2 == 0
		if request && h.typ == h3Headers || !request && h.typ == h3Settings {
			if h.left > maxHTTP2Block {
				p.lose(s, dir)
				return
			}
			if uint64(len(h.buf)) < h.left {
				return
			}
			b := h.buf[:h.left]
			if request {
				fields, err := p.tables[dir].Section(b, p.limits[1-dir])
				if errors.Is(err, qpack.ErrBlocked) {
					return
				}
				if err != nil {
					p.lose(s, dir)
					return
				}
				p.head(c, s, dir, fields)
			} else {
				p.settings(dir, b)
				p.again(c, 1-dir)
			}
			p.use(h, int(h.left))
			h.in = false
			continue
		}
		n := min(h.left, uint64(len(h.buf)))
		if request && h.typ == h3Data {
			p.body(c, s, dir, h.buf[:n])
		}
		p.use(h, int(n))
		if h.left -= n; h.left > 0 {
			return
		}
		h.in = false
	}
}

// settings reads a SETTINGS frame: identifiers and values in turn.
func (p *http3) settings(dir Dir, b []byte) {
	for len(b) > 0 {
		id, n := quic.Varint(b)
		v, k := quic.Varint(b[n:])
		if n == 0 || k == 0 {
			return
		}
		if b = b[n+k:]; id == h3Capacity {
			p.limits[dir] = v
		}
	}
}

// head begins a message.
func (p *http3) head(c *Context, s *h3Stream, dir Dir, list []qpack.Field) {
	if s.tx == nil {
		s.tx = &httpTx{id: s.id, h2: true}
	}
	s.tx.packets.Add(c.Number)
	m := s.tx.message(dir)
	fields := make([]http.Field, 0, len(list))
	for _, f := range list {
		fields = append(fields, http.Field{Name: f.Name, Value: f.Value})
	}
	h, ok := headOf(fields, dir, "HTTP/3")
	if m.seen || !ok { // trailers, or an interim response
		return
	}
	m.seen, m.at, m.head = true, c.Time, h
	m.codings = m.head.Codings()
}

// body takes bytes of a DATA frame.
func (p *http3) body(c *Context, s *h3Stream, dir Dir, b []byte) {
	if s.tx == nil || len(b) == 0 {
		return
	}
	s.tx.packets.Add(c.Number)
	m := s.tx.message(dir)
	if !m.seen || m.done {
		return
	}
	n := len(b)
	for _, x := range p.streams {
		if t := x.tx; t != nil {
			n += len(t.req.coded) + len(t.req.inspect) + len(t.rsp.coded) + len(t.rsp.inspect)
		}
	}
	if n <= maxHTTP2Held {
		m.content(c, s.tx, dir, b)
		return
	}
	m.bytes += int64(len(b))
	m.over, m.gap = true, true
	if m.file != nil {
		m.file.Gap(uint32(len(b)))
	}
}

// end ends a direction of a stream, and the stream when both have.
func (p *http3) end(c *Context, s *h3Stream, dir Dir) {
	h := &s.half[dir]
	if s.id&2 != 0 {
		if s.typed && s.kind != h3Control && s.kind != h3Encoder {
			p.close(c, s, "")
		}
		return
	}
	if h.done || len(h.buf) > 0 { // what waits for instructions is not over
		return
	}
	h.done = true
	if s.tx == nil {
		return
	}
	if m := s.tx.message(dir); m.seen && !m.done {
		m.finish(c, s.tx, dir, true, "")
	}
	if s.half[FromServer].done && (s.half[FromClient].done || !s.tx.req.seen) {
		p.close(c, s, "")
	}
}

// close ends a stream with what is open in it.
func (p *http3) close(c *Context, s *h3Stream, why string) {
	for d := range s.half {
		if !s.half[d].lost {
			p.lose(s, Dir(d))
		}
	}
	delete(p.streams, s.id)
	if p.closed[s.id] = true; len(p.closed) > maxH3Closed {
		for id := range p.closed {
			p.floor = max(p.floor, id)
		}
		clear(p.closed)
	}
	p.order = slices.DeleteFunc(p.order, func(id uint64) bool { return id == s.id })
	if s.tx == nil {
		return
	}
	for _, dir := range []Dir{FromClient, FromServer} {
		if m := s.tx.message(dir); m.seen && !m.done {
			m.finish(c, s.tx, dir, false, why)
		}
	}
	s.tx.emit(c)
}

// forget closes the oldest request stream, if there is one.
func (p *http3) forget(c *Context) bool {
	for _, id := range p.order {
		if id&2 == 0 {
			p.close(c, p.streams[id], "limit")
			return true
		}
	}
	return false
}

// closeAll closes what is open.
func (p *http3) closeAll(c *Context) {
	for len(p.order) > 0 {
		p.close(c, p.streams[p.order[0]], "connection_end")
	}
}
