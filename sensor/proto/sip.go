package proto

// SIP, RFC 3261 section 7: lines of text, "METHOD uri SIP/2.0" or "SIP/2.0 status
// text", fields, an empty line, and a body as long as Content-Length says; the
// body of a call is SDP (RFC 8866): "m=kind port profile types", "a=rtpmap:type
// codec/rate". One event a message; rules see its head. A line may end in LF alone.

import (
	"bytes"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

func init() {
	register(&Entry{
		Name: "sip", Doc: "Session Initiation Protocol", Reference: "RFC 3261, RFC 8866",
		Transport: TCP | UDP, Ports: []uint16{5060, 5061}, App: suricata.AppSIP, Detect: detectSIP,
		New:     func(t Transport) Parser { return &sip{stream: t == TCP} },
		Samples: []string{"sip_udp.txt", "sip_tcp.txt", "sip_call_udp.txt", "sip_register_tcp.txt"},
		Hostile: []string{"sip_hostile.txt", "sip_lengths.txt"},
	})
}

// sipMethods are the methods (IANA, SIP Parameters).
var sipMethods = map[string]bool{
	"INVITE": true, "ACK": true, "BYE": true, "CANCEL": true, "REGISTER": true, "OPTIONS": true, "PRACK": true, "SUBSCRIBE": true, "NOTIFY": true,
	"PUBLISH": true, "INFO": true, "REFER": true, "MESSAGE": true, "UPDATE": true,
}

func detectSIP(p *Probe) Verdict {
	line, _, ok := bytes.Cut(p.Data[:min(len(p.Data), 1024)], []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if bytes.HasPrefix(line, []byte("SIP/2.0 ")) {
		if len(line) >= 11 && digits(line[8:11]) {
			return Yes
		}
		return No
	}
	word, rest, sp := bytes.Cut(line, []byte(" "))
	if !sp && len(line) < 10 && p.Transport == TCP && sipMethods[string(word)] {
		return More
	}
	if !sipMethods[string(word)] {
		return No
	}
	if ok && bytes.HasSuffix(rest, []byte(" SIP/2.0")) {
		return Yes
	}
	if !ok && p.Transport == TCP && len(p.Data) < 1024 && (bytes.HasPrefix(rest, []byte("sip:")) || bytes.HasPrefix(rest, []byte("sips:")) || bytes.HasPrefix(rest, []byte("tel:"))) {
		return More
	}
	return No
}

const (
	// maxSIPFields bounds the fields of a message.
	maxSIPFields = 128
	// maxSIPMedia bounds the media of a body.
	maxSIPMedia = 16
)

type sip struct {
	segmenter
	noRest
	stream bool
	rules  sipRules
}

// Data implements Parser.
func (p *sip) Data(c *Context, dir Dir, b []byte) Result {
	if p.stream {
		return p.data(c, dir, b, p)
	}
	p.take(c, dir, b, int64(len(b)))
	return Result(len(b))
}

func (p *sip) size(_ Dir, b []byte) (n, hold int64) {
	if b[0] == '\r' || b[0] == '\n' { // kept alive (RFC 5626 section 4.4.1)
		return 1, 1
	}
	end := http.EndOfHead(b, 0)
	if end == 0 {
		if len(b) > maxHeld {
			return -1, 0
		}
		return 0, 0
	}
	body := int64(0)
	if v := sipField(b[:end], "content-length", "l"); v != nil {
		k, err := strconv.ParseInt(string(v), 10, 32)
		if err != nil || k < 0 {
			return -1, 0
		}
		body = k
	}
	return int64(end) + body, maxHeld
}

// sipField returns the first field of a name or its short form.
func sipField(head []byte, name, short string) []byte {
	for range maxSIPFields {
		var k, v []byte
		if k, v, head = nextSIPField(head); k == nil {
			break
		}
		if http.EqualFold(k, name) || short != "" && http.EqualFold(k, short) {
			return v
		}
	}
	return nil
}

// nextSIPField takes a field off a head; a line that is none gives an empty
// name, the end gives nil.
func nextSIPField(head []byte) (name, value, rest []byte) {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	if len(bytes.TrimRight(line, "\r")) == 0 {
		return nil, nil, nil
	}
	k, v, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return line[:0], nil, rest
	}
	return bytes.TrimSpace(k), bytes.TrimSpace(v), rest
}

// sipAddress takes the address out of a From or To field.
func sipAddress(v []byte) []byte {
	if _, a, ok := bytes.Cut(v, []byte("<")); ok {
		a, _, _ = bytes.Cut(a, []byte(">"))
		v = a
	}
	v, _, _ = bytes.Cut(v, []byte(";"))
	return withoutPassword(v[:min(len(v), maxDBText)])
}

func (p *sip) take(c *Context, dir Dir, b []byte, _ int64) Result {
	end := http.EndOfHead(b, 0)
	if end == 0 {
		if end = len(b); !p.stream {
			p.rules.incomplete(c, dir)
		}
	}
	body := b[end:]
	line, fields, _ := bytes.Cut(b[:end], []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) < 8 {
		return 0
	}
	p.rules.frames(c, dir, b, end, line)
	e := c.Begin("saksi.sip", []uint64{c.Number})
	if bytes.HasPrefix(line, []byte("SIP/2.0 ")) {
		e.Str(event.EventAction, "response")
		status, err := strconv.Atoi(string(line[8:min(len(line), 11)]))
		if err == nil {
			e.Int(event.SaksiSipStatus, int64(status))
			if status >= 200 {
				outcome(e, status < 400)
			}
		}
		if seq := sipField(fields, "cseq", ""); seq != nil {
			_, m, _ := bytes.Cut(seq, []byte(" "))
			e.Bytes(event.SaksiSipMethod, m)
		}
		e.Bytes(event.UserAgentOriginal, sipField(fields, "server", ""))
	} else {
		e.Str(event.EventAction, "request")
		m, uri, _ := bytes.Cut(line, []byte(" "))
		uri, _, _ = bytes.Cut(uri, []byte(" "))
		e.Bytes(event.SaksiSipMethod, m)
		e.Bytes(event.SaksiSipUri, withoutPassword(uri[:min(len(uri), maxDBText)]))
	}
	e.Bytes(event.UserAgentOriginal, sipField(fields, "user-agent", ""))
	e.Bytes(event.SaksiSipFrom, sipAddress(sipField(fields, "from", "f")))
	e.Bytes(event.SaksiSipTo, sipAddress(sipField(fields, "to", "t")))
	e.Bytes(event.SaksiSipCallID, sipField(fields, "call-id", "i"))
	for _, f := range [2]string{"authorization", "proxy-authorization"} {
		if _, u, ok := bytes.Cut(sipField(fields, f, ""), []byte(`username="`)); ok {
			u, _, _ = bytes.Cut(u, []byte(`"`))
			e.Bytes(event.UserName, u)
			e.Bytes(event.RelatedUser, u)
			break
		}
	}
	if bytes.HasPrefix(body, []byte("v=0")) {
		sipMedia(e, body)
	}
	c.Emit(e)
	p.rules.offer(c, dir, line, fields, body)
	return 0
}

// sipMedia adds the media of an SDP body.
func sipMedia(e *event.Event, body []byte) {
	var text []string
	for line := range bytes.Lines(body) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case bytes.HasPrefix(line, []byte("m=")) && len(text) < maxSIPMedia:
			if f := bytes.Fields(line[2:]); len(f) >= 2 {
				text = append(text, string(f[0])+" "+string(f[1]))
			}
		case bytes.HasPrefix(line, []byte("a=rtpmap:")) && len(text) > 0:
			if _, codec, ok := bytes.Cut(line, []byte(" ")); ok && len(text[len(text)-1]) < 256 {
				text[len(text)-1] += " " + string(codec[:min(len(codec), 32)])
			}
		}
	}
	for _, m := range text {
		e.Str(event.SaksiSipMedia, m)
	}
}

// Gap implements Parser.
func (p *sip) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *sip) Close(*Context) {}
