package proto

import (
	"bytes"

	"saksi/sensor/proto/internal/http"
)

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
