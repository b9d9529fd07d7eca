package proto

// AJP 1.3 of Apache Tomcat: 0 0x1234 from the web server, "AB" from Tomcat
// 2 length (2)  4 code: 2 forward, 10 ping (client); 3 body, 4 head, 5 end, 9 pong.
//
//	forward  method, protocol, path, address, host, server: texts behind their length (2), each with NUL
//	head     status (2)
//
// One event a request with its status, as HTTP has it.

import (
	"encoding/binary"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "ajp", Doc: "Apache JServ Protocol", Reference: "https://tomcat.apache.org/connectors-doc/ajp/ajpv13a.html",
		Transport: TCP, Ports: []uint16{8009}, First: []string{"\x12\x34", "AB"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 7 {
				return More
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			switch {
			case p.Dir == FromClient && b[0] == 0x12 && b[4] == 10 && n == 1:
				return Yes
			case p.Dir == FromClient && b[0] == 0x12 && b[4] == 2 && b[5] >= 1 && b[5] <= 27 && n > 20 && b[6] == 0 && len(b) > 13 && string(b[8:13]) == "HTTP/":
				return Yes
			case p.Dir == FromServer && b[0] == 'A' && (b[4] == 9 && n == 1 || b[4] == 4):
				return onPort(p, true, 8009)
			}
			return No
		},
		New:     func(Transport) Parser { return &ajp{} },
		Samples: []string{"ajp.txt"}, Hostile: []string{"ajp_hostile.txt"},
	})
}

var ajpMethods = [...]string{
	"", "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "ACL",
	"REPORT", "VERSION-CONTROL", "CHECKIN", "CHECKOUT", "UNCHECKOUT", "SEARCH", "MKWORKSPACE", "UPDATE", "LABEL", "MERGE", "BASELINE_CONTROL", "MKACTIVITY",
}

type ajp struct {
	segmenter
	noRest
	packets                    Packets
	method                     string
	path, address, host, proto []byte
	open                       bool
	status                     int
}

// Data implements Parser.
func (p *ajp) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *ajp) size(dir Dir, b []byte) (n, hold int64) {
	if len(b) < 4 {
		return 0, 0
	}
	if dir == FromClient && (b[0] != 0x12 || b[1] != 0x34) || dir == FromServer && (b[0] != 'A' || b[1] != 'B') {
		return -1, 0
	}
	return 4 + int64(binary.BigEndian.Uint16(b[2:])), maxHeld
}

func (p *ajp) take(c *Context, dir Dir, b []byte, _ int64) Result {
	if len(b) < 5 {
		return 0
	}
	r := octet.Of(b[5:])
	switch {
	case dir == FromClient && b[4] == 2:
		p.Close(c)
		p.packets.Reset()
		m := int(r.U8())
		if m >= len(ajpMethods) {
			return 0
		}
		text := func() []byte {
			n := r.BE16()
			if n == 0xffff {
				return nil
			}
			v := dbText(r.Next(int(n)))
			r.Skip(1)
			return v
		}
		p.method = ajpMethods[m]
		p.proto, p.path, p.address, p.host = text(), text(), text(), text()
		if server := text(); len(server) > 0 {
			p.host = server
		}
		p.open, p.status = true, 0
		p.packets.Add(c.Number)
	case dir == FromServer && b[4] == 4 && p.open:
		p.status = int(r.BE16())
		p.packets.Add(c.Number)
		p.Close(c)
	}
	return 0
}

// Gap implements Parser.
func (p *ajp) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *ajp) Close(c *Context) {
	if !p.open {
		return
	}
	p.open = false
	e := c.Begin("saksi.ajp", p.packets.List())
	e.Str(event.EventCategory, "web")
	e.Str(event.HTTPRequestMethod, p.method)
	e.Bytes(event.URLPath, p.path)
	e.Bytes(event.URLDomain, p.host)
	e.Bytes(event.ClientAddress, p.address)
	if p.status != 0 {
		e.Int(event.HTTPResponseStatusCode, int64(p.status))
		outcome(e, p.status < 400)
	}
	c.Emit(e)
}
