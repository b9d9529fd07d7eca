package proto

// Oracle's Transparent Network Substrate: 0 length (2), or (4) from version 315
// 2 checksum (2)  4 type  5 flags  6 checksum of the head (2). CONNECT (1) has the
// length of its data at 24 and their offset at 26: a text of nested
// "(NAME=value)". Answers: 2 ACCEPT  4 REFUSE: 12 bytes before a text  5 REDIRECT
// 11 RESEND. One event a connection.

import (
	"bytes"
	"encoding/binary"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "tns", Doc: "Oracle Transparent Network Substrate",
		Reference: "https://wiki.wireshark.org/Oracle_TNS, Oracle Net Services Reference",
		Transport: TCP, Application: "oracle", Ports: []uint16{1521},
		Detect:  detectTNS,
		New:     func(Transport) Parser { return &tns{} },
		Samples: []string{"tns.txt"}, Hostile: []string{"tns_hostile.txt"},
	})
}

func detectTNS(p *Probe) Verdict {
	b := p.Data
	if p.Dir != FromClient {
		return No
	}
	if len(b) < 34 {
		if len(b) >= 8 && (b[2] != 0 || b[3] != 0 || b[4] != 1) {
			return No
		}
		return More
	}
	n, version := int(binary.BigEndian.Uint16(b)), binary.BigEndian.Uint16(b[8:])
	if n < 34 || b[2] != 0 || b[3] != 0 || b[4] != 1 || b[6] != 0 || b[7] != 0 || version < 300 || version > 330 {
		return No
	}
	if at := int(binary.BigEndian.Uint16(b[26:])); at < 34 || at > n {
		return No
	}
	return Yes
}

type tns struct {
	segmenter
	noRest
	database
	service []byte
	told    bool
}

// Data implements Parser.
func (p *tns) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *tns) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 8 {
		return 0, 0
	}
	if n = int64(binary.BigEndian.Uint16(b)); n == 0 {
		n = int64(binary.BigEndian.Uint32(b))
	}
	if n < 8 || n > 1<<21 {
		return -1, 0
	}
	return n, maxHeld
}

func (p *tns) take(c *Context, dir Dir, b []byte, _ int64) Result {
	p.packets.Add(c.Number)
	switch kind := b[4]; {
	case kind == 1 && dir == FromClient && len(b) >= 28:
		n, at := int(binary.BigEndian.Uint16(b[24:])), int(binary.BigEndian.Uint16(b[26:]))
		p.connect(octet.Head(b, at, n))
	case kind == 6 && dir == FromClient && len(p.service) == 0: // a long text comes as data
		p.connect(b)
	case kind == 2 && dir == FromServer:
		p.emit(c, nil, true)
		return Done
	case kind == 4 && dir == FromServer:
		code := tnsValue(b, "ERR")
		if code == nil {
			code = []byte("refused")
		}
		p.emit(c, code, true)
		return Done
	}
	return 0
}

// upperASCII is b with its letters of ASCII as capitals, byte by byte:
// bytes.ToUpper changes the length of what is no UTF-8.
func upperASCII(b []byte) []byte {
	up := bytes.Clone(b)
	for i, c := range up {
		if c >= 'a' && c <= 'z' {
			up[i] = c - 'a' + 'A'
		}
	}
	return up
}

// tnsValue returns the value of a name in a text.
func tnsValue(b []byte, name string) []byte {
	_, v, ok := bytes.Cut(upperASCII(b), []byte("("+name+"="))
	if !ok {
		return nil
	}
	v = b[len(b)-len(v):]
	v, _, ok = bytes.Cut(v, []byte(")"))
	if !ok || bytes.ContainsAny(v, "(\x00") {
		return nil
	}
	return dbText(v)
}

func (p *tns) connect(b []byte) {
	b = b[:min(len(b), 8<<10)]
	if p.service = tnsValue(b, "SERVICE_NAME"); p.service == nil {
		p.service = tnsValue(b, "SID")
	}
	p.name = p.service
	if _, cid, ok := bytes.Cut(upperASCII(b), []byte("(CID=")); ok { // who connects, and not to where
		cid = b[len(b)-len(cid):]
		p.application, p.host, p.user = tnsValue(cid, "PROGRAM"), tnsValue(cid, "HOST"), tnsValue(cid, "USER")
	}
}

func (p *tns) emit(c *Context, code []byte, known bool) {
	p.told = true
	e := p.begin(c, "saksi.tns", "connect")
	e.Bytes(event.SaksiDbError, code)
	if known {
		outcome(e, len(code) == 0)
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *tns) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *tns) Close(c *Context) {
	if !p.told && len(p.packets.List()) > 0 {
		p.emit(c, nil, false)
	}
}
