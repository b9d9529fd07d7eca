package proto

// WebSocket, RFC 6455 section 5.2, after the Upgrade of HTTP/1: frames are
// counted, their content is not read.
//
//	0 FIN RSV1-3 opcode  1 MASK length (7 bits, 126: 16 more, 127: 64 more)  mask (32)  payload

import (
	"encoding/binary"
	"unicode/utf8"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "websocket", Doc: "WebSocket, after an Upgrade of HTTP", Reference: "RFC 6455, RFC 7692",
		Transport: TCP, Detect: detectWebSocket, App: suricata.AppWebSocket, New: func(Transport) Parser { return &webSocket{} },
		First:   []string{"\x81", "\x01"},
		Samples: []string{"websocket.txt", "websocket_text.txt"}, Hostile: []string{"websocket_hostile.txt"},
	})
}

// detectWebSocket takes a connection picked up behind its Upgrade: a masked
// text frame whose content, unmasked, is text.
func detectWebSocket(p *Probe) Verdict {
	b := p.Data
	if p.Dir != FromClient || len(b) < 2 || b[1]&0x80 == 0 {
		return No
	}
	n, at := int(b[1]&0x7f), 2
	switch {
	case n == 127:
		return No
	case n == 126:
		if len(b) < 4 {
			return More
		}
		n, at = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	if n < 8 {
		return No
	}
	if len(b) < at+4+min(n, 32) {
		return More
	}
	var text [32]byte
	for i := range min(n, 32) {
		text[i] = b[at+4+i] ^ b[at+i%4]
		if c := text[i]; c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return No
		}
	}
	for cut := range utf8.UTFMax { // a character may be cut
		if utf8.Valid(text[:min(n, 32)-cut]) {
			return Yes
		}
	}
	return No
}

// wsOpcodes names the opcodes (RFC 6455 section 11.8).
var wsOpcodes = [16]string{0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}

type wsSide struct {
	left   int64 // bytes of the frame that come
	frames uint64
	bytes  uint64
}

type webSocket struct {
	packets Packets
	sides   [2]wsSide
	opcodes [16]uint64
	code    int // of the close frame
	ended   [2]bool
	rules   [2]wsRules
	number  uint64 // of frames that ended
}

// Data implements Parser.
func (p *webSocket) Data(c *Context, dir Dir, b []byte) Result {
	s := &p.sides[dir]
	used := 0
	p.packets.Add(c.Number)
	for used < len(b) {
		if s.left > 0 {
			n := min(s.left, int64(len(b)-used))
			s.left -= n
			p.rules[dir].content(b[used : used+int(n)])
			if used += int(n); s.left == 0 {
				p.over(c, dir)
			}
			continue
		}
		f := b[used:]
		if len(f) < 2 {
			break
		}
		head, n := 2, int64(f[1]&0x7f)
		switch n {
		case 126:
			head = 4
		case 127:
			head = 10
		}
		masked := f[1]&0x80 != 0
		if masked {
			head += 4
		}
		if len(f) < head {
			break
		}
		switch n {
		case 126:
			n = int64(binary.BigEndian.Uint16(f[2:]))
		case 127:
			n = int64(binary.BigEndian.Uint64(f[2:]))
		}
		op := f[0] & 15
		if wsOpcodes[op] == "" || n < 0 || op >= 8 && n > 125 {
			return Broken
		}
		if op == 8 && n >= 2 {
			if len(f) < head+2 {
				break
			}
			x, y := f[head], f[head+1]
			if masked {
				x, y = x^f[head-4], y^f[head-3]
			}
			p.code = int(x)<<8 | int(y)
		}
		p.opcodes[op]++
		s.frames++
		s.bytes += uint64(n)
		s.left = n
		used += head
		if p.rules[dir].begin(c, f[:head]); n == 0 {
			p.over(c, dir)
		}
		p.ended[dir] = p.ended[dir] || op == 8
	}
	if p.ended[0] && p.ended[1] && s.left == 0 {
		return Done
	}
	return Result(used)
}

// over tells that a frame has come to its end.
func (p *webSocket) over(c *Context, dir Dir) {
	p.number++
	p.rules[dir].end(c, dir, p.number)
}

// Gap implements Parser: a hole within a frame is passed over.
func (p *webSocket) Gap(_ *Context, dir Dir, n uint32) bool {
	s := &p.sides[dir]
	if int64(n) > s.left {
		return false
	}
	s.left -= int64(n)
	return true
}

// Close implements Parser.
func (p *webSocket) Close(c *Context) {
	if p.sides[0].frames+p.sides[1].frames == 0 {
		return
	}
	e := c.Begin("saksi.websocket", p.packets.List())
	for op, n := range p.opcodes {
		if n > 0 {
			e.Str(event.SaksiWebsocketOpcode, wsOpcodes[op])
			e.Int(event.SaksiWebsocketOpcodeFrames, int64(n))
		}
	}
	e.Int(event.SaksiWebsocketSourceFrames, int64(p.sides[0].frames))
	e.Int(event.SaksiWebsocketDestinationFrames, int64(p.sides[1].frames))
	e.Int(event.SaksiWebsocketSourcePayload, int64(p.sides[0].bytes))
	e.Int(event.SaksiWebsocketDestinationPayload, int64(p.sides[1].bytes))
	if p.code != 0 {
		e.Int(event.SaksiWebsocketCloseCode, int64(p.code))
	}
	c.Emit(e)
}
