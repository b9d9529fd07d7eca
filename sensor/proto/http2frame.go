package proto

import (
	"bytes"
	"encoding/binary"

	"saksi/rules/suricata"
)

// frame handles a frame that is complete; s.payload is its payload, of DATA
// nothing. It returns false if the connection can't be followed further.
func (p *http2Parser) frame(c *Context, dir Dir, s *http2Side) bool {
	b := s.payload
	switch s.typ {
	case http2Data:
		if s.stream == 0 {
			p.odd(c, dir, "data_stream_zero")
		}
		p.note(c, dir, s, func(m *httpMessage) { m.number(suricata.BufHTTP2FrameType, http2Data) })
		if s.flags&http2EndStream != 0 {
			p.end(c, s.stream, dir)
		}
	case http2Headers, http2Push:
		return p.headers(c, dir, s, b)
	case http2Continuation:
		if s.block == nil || s.stream != s.on || len(s.block)+len(b) > maxHTTP2Block {
			return false
		}
		s.block = append(s.block, b...)
		if s.flags&http2EndHeaders != 0 {
			return p.endBlock(c, dir, s)
		}
	case http2Priority:
		if len(b) < 5 {
			p.odd(c, dir, "invalid_frame_length")
		} else {
			if t := p.streams[s.stream]; t != nil && c.Detail {
				t.frames[dir].weigh(b[4])
			}
			p.note(c, dir, s, func(m *httpMessage) {
				m.number(suricata.BufHTTP2FrameType, http2Priority)
				m.number(suricata.BufHTTP2Priority, uint64(b[4]))
			})
		}
	case http2Reset:
		if len(b) < 4 {
			p.odd(c, dir, "invalid_frame_length")
			return true
		}
		t := p.streams[s.stream]
		if t == nil {
			p.global(c, dir, s, suricata.BufHTTP2ErrorCode, uint64(binary.BigEndian.Uint32(b)))
			return true
		}
		t.frames[dir].fail(binary.BigEndian.Uint32(b))
		m := t.message(dir)
		if m.done || !m.seen { // told already
			p.global(c, dir, s, suricata.BufHTTP2ErrorCode, uint64(binary.BigEndian.Uint32(b)))
		} else {
			m.number(suricata.BufHTTP2FrameType, http2Reset)
			m.number(suricata.BufHTTP2ErrorCode, uint64(binary.BigEndian.Uint32(b)))
		}
		p.close(c, s.stream, "reset")
	case http2Settings:
		if len(b)%6 != 0 {
			p.odd(c, dir, "invalid_frame_length")
		}
		p.settings(dir, s, b)
		p.offerSettings(c, dir, s, b)
	case http2GoAway:
		if len(b) < 8 {
			p.odd(c, dir, "invalid_frame_length")
		} else {
			p.global(c, dir, s, suricata.BufHTTP2ErrorCode, uint64(binary.BigEndian.Uint32(b[4:])))
		}
	case http2Window:
		if len(b) < 4 {
			p.odd(c, dir, "invalid_frame_length")
			return true
		}
		n := uint64(binary.BigEndian.Uint32(b) & 0x7fffffff)
		if s.stream == 0 {
			p.global(c, dir, s, suricata.BufHTTP2Window, n)
			return true
		}
		p.note(c, dir, s, func(m *httpMessage) {
			m.number(suricata.BufHTTP2FrameType, http2Window)
			m.number(suricata.BufHTTP2Window, n)
		})
	case http2Ping:
		p.global(c, dir, s, suricata.NumBuffers, 0)
	}
	return true
}

// note adds what a frame says to its stream's message.
func (p *http2Parser) note(c *Context, dir Dir, s *http2Side, f func(m *httpMessage)) {
	if t := p.streams[s.stream]; t != nil && c.Matching() {
		f(t.message(dir))
	}
}

// global offers a frame that is a transaction by itself: of the connection, or
// of a stream that is not followed.
func (p *http2Parser) global(c *Context, dir Dir, s *http2Side, b suricata.Buffer, n uint64) {
	t := &bufTx{app: suricata.AppHTTP2, packets: []uint64{c.Number}}
	if of := p.streams[s.stream]; of != nil {
		t.id, t.eve = of.id, of
	} else if x := p.alone(c, dir, s); x != nil {
		if t.eve = x; b == suricata.BufHTTP2ErrorCode {
			x.told[dir].fail(uint32(n))
			c.Record("http", x)
		}
	}
	if !c.Matching() {
		return
	}
	if t.id == 0 {
		t.id = p.txs
	}
	t.number(suricata.BufHTTP2FrameType, uint64(s.typ))
	if b != suricata.NumBuffers {
		t.number(b, n)
	}
	c.Offer(t, dir)
}

// alone counts a frame that is a transaction by itself, and keeps it for EVE
// JSON if that is asked for.
func (p *http2Parser) alone(c *Context, dir Dir, s *http2Side) *http2Frame {
	p.txs++
	if !c.Detail {
		return nil
	}
	return &http2Frame{eveTx: eveTx(p.txs), stream: s.stream}
}

// odd tells rules of something odd about the connection.
func (p *http2Parser) odd(c *Context, dir Dir, name string) {
	if c.Matching() {
		t := &bufTx{app: suricata.AppHTTP2, id: max(p.txs, 1), packets: []uint64{c.Number}}
		t.event("http2." + name)
		c.Offer(t, dir)
	}
}

// offerSettings shows the settings of a frame (RFC 9113 section 6.5).
func (p *http2Parser) offerSettings(c *Context, dir Dir, s *http2Side, b []byte) {
	x := p.alone(c, dir, s)
	if x != nil && s.flags&1 == 0 && len(b) >= 6 {
		x.told[dir].settings = bytes.Clone(b)
		c.Record("http", x)
	}
	if !c.Matching() {
		return
	}
	t := &bufTx{app: suricata.AppHTTP2, id: p.txs, packets: []uint64{c.Number}}
	if x != nil {
		t.eve = x
	}
	t.number(suricata.BufHTTP2FrameType, uint64(s.typ))
	for ; len(b) >= 6 && s.flags&1 == 0; b = b[6:] {
		t.number(suricata.BufHTTP2Setting, uint64(binary.BigEndian.Uint16(b))<<32|uint64(binary.BigEndian.Uint32(b[2:])))
	}
	c.Offer(t, dir)
}

// sizeUpdates adds the changes of the table's size that a header block begins
// with (RFC 7541 section 6.3).
func (p *http2Parser) sizeUpdates(c *Context, dir Dir, s *http2Side, b []byte) {
	if !c.Wants(suricata.BufHTTP2SizeUpdate) {
		return
	}
	for len(b) > 0 && b[0]&0xe0 == 0x20 {
		n, at := uint64(b[0]&0x1f), 1
		for shift := uint(0); n >= 0x1f && at < len(b) && shift < 56; shift += 7 {
			n += uint64(b[at]&0x7f) << shift
			if at++; b[at-1] < 0x80 {
				break
			}
		}
		b = b[at:]
		p.open(c, s.target).message(dir).number(suricata.BufHTTP2SizeUpdate, n)
	}
}

// headers begins a header block.
func (p *http2Parser) headers(c *Context, dir Dir, s *http2Side, b []byte) bool {
	if s.flags&http2Padded != 0 {
		if len(b) < 1 || int(b[0]) > len(b)-1 {
			return false
		}
		b = b[1 : len(b)-int(b[0])]
	}
	weight := -1
	if s.typ == http2Headers && s.flags&http2HasWeight != 0 {
		if len(b) < 5 {
			return false
		}
		weight = int(b[4])
		b = b[5:]
	}
	s.on, s.target, s.pushed, s.ends = s.stream, s.stream, false, s.flags&http2EndStream != 0
	if s.typ == http2Push {
		if len(b) < 4 {
			p.odd(c, dir, "invalid_frame_length")
			return false
		}
		s.target, s.pushed, s.ends = binary.BigEndian.Uint32(b)&0x7fffffff, true, false
		b = b[4:]
	}
	if s.target == 0 {
		return false
	}
	if weight >= 0 {
		t := p.open(c, s.target)
		t.frames[dir].weigh(byte(weight))
		t.message(dir).number(suricata.BufHTTP2Priority, uint64(weight))
	}
	s.block = append(make([]byte, 0, len(b)), b...)
	if s.flags&http2EndHeaders != 0 {
		return p.endBlock(c, dir, s)
	}
	return true
}

// endBlock decodes a header block (RFC 7541).
func (p *http2Parser) endBlock(c *Context, dir Dir, s *http2Side) bool {
	block := s.block
	p.sizeUpdates(c, dir, s, block)
	s.block, s.fields, s.size = nil, nil, 0
	_, err := s.dec.Write(block)
	if err == nil {
		err = s.dec.Close()
	} else if overflows(block) {
		p.odd(c, dir, "header_integer_overflow")
	} else {
		p.odd(c, dir, "invalid_header")
	}
	p.head(c, dir, s) // what was decoded counts even if the rest is broken
	if err != nil {
		return false
	}
	switch {
	case s.pushed:
		p.end(c, s.target, FromClient)
	case s.ends:
		p.end(c, s.target, dir)
	}
	return true
}

// settings follows the size of the table the other side may use.
func (p *http2Parser) settings(dir Dir, s *http2Side, b []byte) {
	if s.flags&1 != 0 { // an acknowledgment
		return
	}
	for ; len(b) >= 6; b = b[6:] {
		if binary.BigEndian.Uint16(b) == 1 {
			p.sides[1-dir].dec.SetAllowedMaxDynamicTableSize(min(binary.BigEndian.Uint32(b[2:]), maxHTTP2Block))
		}
	}
}

// maxHTTP2Whole is the size from which on Suricata takes a frame in parts.
const maxHTTP2Whole = 64 << 10

var frameHTTP2Header, frameHTTP2Data, frameHTTP2PDU = frame("http2.hdr"), frame("http2.data"), frame("http2.pdu")

// showFrame shows a frame to the rules when all of it is there, before it is
// taken; it returns true if more of it has to come first. A long one is shown as
// far as it came.
func (p *http2Parser) showFrame(c *Context, dir Dir, b []byte) (wait bool) {
	n := 9 + (int(b[0])<<16 | int(b[1])<<8 | int(b[2]))
	if n-9 >= maxHTTP2Whole && len(b) < n {
		p.odd(c, dir, "long_frame_data")
	}
	if !c.Wants(frameHTTP2Header) && !c.Wants(frameHTTP2Data) && !c.Wants(frameHTTP2PDU) {
		return false
	}
	if len(b) < n && n < maxHTTP2Whole/2 {
		return true
	}
	b = b[:min(len(b), n)]
	offerFrames(c, dir, suricata.AppHTTP2, framed{frameHTTP2Header, b[:9]}, framed{frameHTTP2Data, b[9:]}, framed{frameHTTP2PDU, b})
	return false
}

// overflows reports an integer of HPACK (RFC 7541 section 5.1) that continues
// beyond 32 bits.
func overflows(block []byte) bool {
	run := 0
	for _, x := range block {
		if x&0x80 == 0 {
			run = 0
		} else if run++; run > 5 {
			return true
		}
	}
	return false
}
