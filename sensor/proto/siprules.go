package proto

// What rules see of SIP: the fields of each message as they are.

import (
	"bytes"
	"strconv"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

// sipRules is a Parser that emits nothing.
type sipRules struct {
	stream bool
	id     uint64
	skip   [2]int // bytes of a body
	packet Packets
}

// Data implements Parser.
func (p *sipRules) Data(c *Context, dir Dir, b []byte) Result {
	if !p.stream {
		p.message(c, dir, b)
		return Result(len(b))
	}
	used := 0
	for used < len(b) {
		if n := min(p.skip[dir], len(b)-used); n > 0 {
			p.skip[dir] -= n
			used += n
			continue
		}
		if b[used] == '\r' || b[used] == '\n' { // keep-alive
			used++
			continue
		}
		n := http.EndOfHead(b[used:], 0)
		if n == 0 {
			break
		}
		length, ok := p.message(c, dir, b[used:used+n])
		if !ok {
			return Broken
		}
		p.skip[dir] = length
		used += n
	}
	return Result(used)
}

// sipHeaders are the buffers that are header fields, with their compact forms
// (RFC 3261 section 20).
var sipHeaders = map[string]suricata.Buffer{
	"from": suricata.BufSIPFrom, "f": suricata.BufSIPFrom, "to": suricata.BufSIPTo, "t": suricata.BufSIPTo,
	"via": suricata.BufSIPVia, "v": suricata.BufSIPVia, "user-agent": suricata.BufSIPUserAgent,
	"content-type": suricata.BufSIPContentType, "c": suricata.BufSIPContentType,
	"content-length": suricata.BufSIPContentLength, "l": suricata.BufSIPContentLength,
}

// message offers one message and returns the length of its body.
func (p *sipRules) message(c *Context, dir Dir, b []byte) (body int, ok bool) {
	raw := bytes.Clone(b)
	line, rest, _ := bytes.Cut(raw, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	p.id++
	p.packet.Reset()
	p.packet.Add(c.Number)
	t := &bufTx{app: suricata.AppSIP, id: p.id, packets: p.packet.List()}
	if after, response := bytes.CutPrefix(line, []byte("SIP/2.0 ")); response {
		code, text, _ := bytes.Cut(after, []byte(" "))
		t.add(suricata.BufSIPProtocol, line[:7])
		t.add(suricata.BufSIPStatCode, code)
		t.add(suricata.BufSIPStatMsg, text)
		t.add(suricata.BufSIPResponseLine, line)
	} else {
		method, after, _ := bytes.Cut(line, []byte(" "))
		i := bytes.LastIndexByte(after, ' ')
		if i < 0 {
			return 0, false
		}
		t.add(suricata.BufSIPMethod, method)
		t.add(suricata.BufSIPURI, after[:i])
		t.add(suricata.BufSIPProtocol, after[i+1:])
		t.add(suricata.BufSIPRequestLine, line)
	}
	for range http.MaxFields {
		var l []byte
		l, rest, _ = bytes.Cut(rest, []byte("\n"))
		l = bytes.TrimRight(l, "\r")
		if len(l) == 0 {
			break
		}
		name, value, _ := bytes.Cut(l, []byte(":"))
		value = bytes.TrimSpace(value)
		h, known := sipHeaders[string(http.AppendLower(nil, bytes.TrimSpace(name)))]
		if !known {
			continue
		}
		t.add(h, value)
		if h == suricata.BufSIPContentLength {
			body, _ = strconv.Atoi(string(value))
		}
	}
	c.Offer(t, dir)
	return max(0, min(body, 1<<24)), true
}

// Gap implements Parser: only within a body.
func (p *sipRules) Gap(_ *Context, dir Dir, n uint32) bool {
	if !p.stream {
		return true
	}
	if int64(n) > int64(p.skip[dir]) {
		return false
	}
	p.skip[dir] -= int(n)
	return true
}

// Close implements Parser.
func (p *sipRules) Close(*Context) {}
