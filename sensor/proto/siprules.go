package proto

import (
	"bytes"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

// sipHeaders are the buffers that are header fields, with their compact forms
// (RFC 3261 section 20).
var sipHeaders = map[string]suricata.Buffer{
	"from": suricata.BufSIPFrom, "f": suricata.BufSIPFrom, "to": suricata.BufSIPTo, "t": suricata.BufSIPTo,
	"via": suricata.BufSIPVia, "v": suricata.BufSIPVia, "user-agent": suricata.BufSIPUserAgent,
	"content-type": suricata.BufSIPContentType, "c": suricata.BufSIPContentType,
	"content-length": suricata.BufSIPContentLength, "l": suricata.BufSIPContentLength,
}

// sipRules shows messages to the rules.
type sipRules struct{ id uint64 }

// incomplete tells of a message whose head does not end, behind one that did.
func (r *sipRules) incomplete(c *Context, dir Dir) {
	if r.id > 0 && c.Matching() {
		t := &bufTx{app: suricata.AppSIP, id: r.id, packets: []uint64{c.Number}}
		t.event("sip.incomplete_data")
		c.Offer(t, dir)
	}
}

func (r *sipRules) offer(c *Context, dir Dir, line, fields, body []byte) {
	if !c.Matching() && !c.Detail {
		return
	}
	r.id++
	t := &bufTx{app: suricata.AppSIP, id: r.id, packets: []uint64{c.Number}}
	if c.Detail {
		x := sipLine(r.id, line)
		t.eve = x
		defer c.Record("sip", x)
	}
	if !c.Matching() {
		return
	}
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
			return
		}
		t.add(suricata.BufSIPMethod, method)
		t.add(suricata.BufSIPURI, after[:i])
		t.add(suricata.BufSIPProtocol, after[i+1:])
		t.add(suricata.BufSIPRequestLine, line)
	}
	for range maxSIPFields {
		var name, value []byte
		if name, value, fields = nextSIPField(fields); name == nil {
			break
		}
		if h, known := sipHeaders[string(http.AppendLower(nil, name))]; known {
			t.add(h, value)
		}
	}
	sdp(t, body)
	c.Offer(t, dir)
}

var (
	frameSIPPDU  = frame("sip.pdu")
	frameSIPLine = [2]suricata.Buffer{frame("sip.request.line"), frame("sip.response.line")}
	frameSIPHead = [2]suricata.Buffer{frame("sip.request.headers"), frame("sip.response.headers")}
	frameSIPBody = [2]suricata.Buffer{frame("sip.request.body"), frame("sip.response.body")}
)

// frames offers a message and its parts.
func (r *sipRules) frames(c *Context, dir Dir, b []byte, end int, line []byte) {
	k := 0
	if bytes.HasPrefix(line, []byte("SIP/2.0 ")) {
		k = 1
	}
	_, fields, _ := bytes.Cut(b[:end], []byte("\n"))
	offerFrames(c, dir, suricata.AppSIP, framed{frameSIPPDU, b}, framed{frameSIPLine[k], b[:end-len(fields)]}, framed{frameSIPHead[k], fields}, framed{frameSIPBody[k], b[end:]})
}
