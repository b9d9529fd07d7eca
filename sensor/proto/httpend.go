package proto

import (
	"bytes"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

// framesHTTP are a request and a response as a whole.
var framesHTTP = [2]suricata.Buffer{frame("http1.request"), frame("http1.response")}

// keep gathers the bytes of a message for rules on frames.
func (m *httpMessage) keep(c *Context, dir Dir, b []byte) {
	if len(m.raw) < maxHTTPInspect && c.Wants(framesHTTP[dir]) {
		m.raw = append(m.raw, b[:min(len(b), maxHTTPInspect-len(m.raw))]...)
	}
}

// open gives the message of a direction that is in work, if there is one.
func (p *httpParser) open(dir Dir) (*httpTx, *httpMessage) {
	for _, t := range p.txs {
		if dir == FromClient && !t.req.done {
			return t, &t.req
		}
		if dir == FromServer && !t.rsp.done {
			return t, &t.rsp
		}
	}
	return nil, nil
}

// Close implements Parser.
func (p *httpParser) Close(c *Context) {
	if raw := p.partial[FromClient]; len(raw) > 0 && bytes.IndexByte(raw, '\n') < 0 && c.Matching() {
		t := &bufTx{app: suricata.AppHTTP, id: malformedID, packets: []uint64{c.Number}}
		t.event("http.request_line_incomplete")
		c.Offer(t, FromClient)
	}
	for dir, raw := range p.partial { // a head that never ended says what it says
		t, m := p.open(Dir(dir))
		if t != nil && !m.seen && bytes.IndexByte(raw, '\n') >= 0 && http.ParseHead(&m.head, raw, Dir(dir) == FromServer) {
			m.seen = true
		}
	}
	for _, t := range p.txs {
		for dir, m := range [2]*httpMessage{&t.req, &t.rsp} {
			if !m.seen || m.done {
				continue
			}
			whole := m.body.Framing == http.Close && !m.gap
			m.finish(c, t, Dir(dir), whole, "connection_end")
		}
		t.emit(c)
	}
	p.txs = nil
}
