package proto

// HTTP/1, RFC 9112: requests and responses, pipelined, with bodies by length,
// chunked or until the connection closes. One event a transaction; each body
// is a file.

import (
	"bytes"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

func init() {
	first := []string{"HTTP/1.", "HTTP/0."}
	for _, m := range httpMethods {
		first = append(first, m+" ")
	}
	register(&Entry{
		Name: "http", Doc: "Hypertext Transfer Protocol version 1", Reference: "RFC 9110, RFC 9112",
		Transport: TCP, Ports: []uint16{80, 8000, 8080, 3128}, App: suricata.AppHTTP,
		First: first, Detect: detectHTTP, New: func(Transport) Parser { return &httpParser{} },
		Samples: []string{"http_get.txt", "http_post.txt", "http_form.txt", "http_chunked_gzip.txt", "http_pipeline.txt"},
		Hostile: []string{"http_hostile.txt"},
	})
}

var httpMethods = []string{
	"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK",
	"UNLOCK", "REPORT", "SEARCH", "SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY", "M-SEARCH", "BMOVE", "BPROPFIND", "RPC_IN_DATA", "RPC_OUT_DATA",
}

func detectHTTP(p *Probe) Verdict {
	b := p.Data
	if bytes.HasPrefix(b, []byte(http2Preface[:10])) {
		return No
	}
	if bytes.HasPrefix(b, []byte("HTTP/")) {
		if len(b) < 13 {
			return More
		}
		if b[8] != ' ' || b[9] < '1' || b[9] > '9' {
			return No
		}
		return Yes
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		if len(b) > 1024 { // a long target
			return Yes
		}
		return More
	}
	line := bytes.TrimRight(b[:i], "\r")
	if k := bytes.LastIndex(line, []byte(" HTTP/")); k > 0 && len(line)-k >= 8 {
		return Yes
	}
	if p.On(80, 8080) && bytes.HasPrefix(line, []byte("GET /")) { // HTTP/0.9
		return Yes
	}
	return No
}

const (
	// maxHTTPPending bounds requests that wait for their response.
	maxHTTPPending = 128
	// maxHTTPCoded is how much of a coded body is kept to be decoded.
	maxHTTPCoded = 2 << 20
	// maxHTTPDecoded is how much it may become.
	maxHTTPDecoded = 8 << 20
	// maxHTTPInspect is how much of a body rules see.
	maxHTTPInspect = 128 << 10
)

// httpMessage is one request or response.
type httpMessage struct {
	seen    bool // head
	done    bool
	at      int64 // when the packet came that completed the head, Unix nanoseconds
	until   int64 // when the one came that ended the message; 0 before
	head    http.Head
	body    http.Body
	bytes   int64 // of the body as transferred
	size    int64 // of it decoded
	coded   []byte
	codings []string
	inspect []byte
	file    FileWriter
	form    *httpForm // the body, if it is one
	raw     []byte    // all of it, for rules on frames
	gap     bool
	over    bool // more was coded than is kept
	led     bool // blanks came before the first line
	// undecoded is true when a coding of the body was broken.
	undecoded bool
	bomb      bool  // it grew beyond all measure when it was decoded
	more      bufTx // further buffers, of HTTP/2
}

// httpTx is a transaction.
type httpTx struct {
	id       uint64
	packets  Packets
	req, rsp httpMessage
	told     bool
	detail   bool // EVE JSON is asked for
	h2       bool
	inTLS    bool // the bytes were decrypted
	// continued counts interim responses.
	continued int
	// Of HTTP/2: the stream, and what its frames say of it.
	stream uint32
	frames [2]http2Told
}

func (t *httpTx) app() suricata.AppProto {
	if t.h2 {
		return suricata.AppHTTP2
	}
	return suricata.AppHTTP
}

type httpParser struct {
	partial [2][]byte // a head that has not ended yet
	txs     []*httpTx // oldest first; the last is the request in work
	nextID  uint64
	scanned [2]int
	tunnel  bool
	detail  bool   // EVE JSON is asked for
	next    string // protocol the connection was upgraded to, if it is known here
}

// request gives the transaction whose request is in work.
func (p *httpParser) request() *httpTx {
	if n := len(p.txs); n > 0 && !p.txs[n-1].req.done {
		return p.txs[n-1]
	}
	return p.add()
}

func (p *httpParser) add() *httpTx {
	p.nextID++
	t := &httpTx{id: p.nextID, detail: p.detail}
	p.txs = append(p.txs, t)
	return t
}

// response gives the transaction whose response is in work.
func (p *httpParser) response() *httpTx {
	for _, t := range p.txs {
		if !t.rsp.done {
			return t
		}
	}
	t := p.add()
	t.req.done = true // its request was not seen
	return t
}

// Data implements Parser.
func (p *httpParser) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	p.detail = c.Detail
	for used < len(b) {
		var t *httpTx
		var m *httpMessage
		if dir == FromClient {
			t = p.request()
			m = &t.req
		} else {
			t = p.response()
			m = &t.rsp
		}
		t.packets.Add(c.Number)
		if !m.seen {
			for used < len(b) && bytes.IndexByte([]byte("\r\n \t"), b[used]) >= 0 { // empty lines before a start line
				m.led = m.led || b[used] == ' ' || b[used] == '\t'
				used++
				p.scanned[dir] = 0
			}
			if dir == FromServer && used < len(b) {
				is, more := http.StatusLine(b[used:])
				if n := http.JunkLine(b[used:]); !is && n > 0 {
					used += n
					p.scanned[dir] = 0
					continue
				}
				if !is && !more { // a body without a head
					m.seen, m.at, m.body = true, c.Time, http.Body{Framing: http.Close}
					p.scanned[dir], p.partial[dir] = 0, nil
					continue
				}
			}
			n := http.EndOfHead(b[used:], p.scanned[dir])
			if n == 0 {
				if len(b)-used > http.MaxHead {
					return Broken
				}
				p.scanned[dir] = len(b) - used
				p.partial[dir] = append(p.partial[dir][:0], b[used:]...)
				return Result(used)
			}
			p.scanned[dir], p.partial[dir] = 0, nil
			raw := append([]byte(nil), b[used:used+n]...)
			used += n
			if !http.ParseHead(&m.head, raw, dir == FromServer) {
				return Broken
			}
			m.seen, m.at = true, c.Time
			m.keep(c, dir, raw)
			p.begin(c, t, m, dir, b[used:])
		} else {
			content, n, end := m.body.Next(b[used:])
			m.keep(c, dir, b[used:used+n])
			used += n
			m.content(c, t, dir, content)
			if end {
				p.end(c, t, m, dir, true, "")
			} else if n == 0 {
				return Result(used)
			}
		}
		if p.tunnel {
			c.Redetect, c.Next, c.Used = true, p.next, used
			return Done
		}
	}
	return Result(used)
}

// begin looks at a head that is complete; rest is what has come behind it.
func (p *httpParser) begin(c *Context, t *httpTx, m *httpMessage, dir Dir, rest []byte) {
	if dir == FromClient {
		m.body = http.BodyOf(&m.head, false, false)
		m.form = formOf(&m.head, t.aboutFile)
	} else {
		code := string(m.head.Status)
		if interim(code) && m.head.Get("content-length") == nil && m.head.Get("transfer-encoding") == nil { // the final one follows
			t.rsp = httpMessage{}
			t.continued++
			return
		}
		upgrade := code == "101" && m.head.Get("upgrade") != nil
		noBody := code == "204" || code == "304" || upgrade || http.EqualFold(t.req.head.Method, "head")
		if http.EqualFold(t.req.head.Method, "connect") && strings.HasPrefix(code, "2") {
			noBody, p.tunnel = true, true
		}
		if upgrade {
			p.tunnel = true
			m.head.Tokens("upgrade", func(name string) {
				switch name {
				case "websocket":
					p.next = name
				case "h2c":
					t.settings(c)
				}
			})
		}
		m.body = http.BodyOf(&m.head, true, noBody)
		if is, more := http.StatusLine(rest); noBody && !p.tunnel && !is && !more { // a body all the same
			if m.body = http.BodyOf(&m.head, true, false); m.body.Framing != http.Chunked {
				m.body = http.Body{Framing: http.Close}
			}
		}
	}
	m.codings = m.head.Codings()
	if m.body.Ended() {
		p.end(c, t, m, dir, true, "")
	}
}

// interim reports a status that a final one follows (RFC 9110 section 15.2).
func interim(code string) bool {
	n, err := strconv.Atoi(code)
	return err == nil && n >= 100 && n < 200 && n != 101
}

// content takes bytes of a body.
func (m *httpMessage) content(c *Context, t *httpTx, dir Dir, b []byte) {
	if len(b) == 0 {
		return
	}
	m.bytes += int64(len(b))
	if len(m.codings) > 0 {
		if room := maxHTTPCoded - len(m.coded); room > 0 {
			m.coded = append(m.coded, b[:min(room, len(b))]...)
		}
		m.over = m.bytes > maxHTTPCoded
		return
	}
	m.plain(c, t, dir, b)
}

func (m *httpMessage) plain(c *Context, t *httpTx, dir Dir, b []byte) {
	m.size += int64(len(b))
	switch {
	case m.form != nil:
		m.form.write(c, b)
	case m.file == nil:
		m.file = c.OpenFile(t.fileName(dir), dir)
	}
	if m.file != nil {
		m.file.Write(b)
	}
	if c.Matching() {
		if room := maxHTTPInspect - len(m.inspect); room > 0 {
			m.inspect = append(m.inspect, b[:min(room, len(b))]...)
		}
	}
}

// end finishes a message and, when both of a transaction are finished, lets go
// of it.
func (p *httpParser) end(c *Context, t *httpTx, m *httpMessage, dir Dir, whole bool, why string) {
	if m.done || !m.seen {
		return
	}
	m.finish(c, t, dir, whole, why)
	if dir == FromServer {
		t.emit(c)
	}
	for len(p.txs) > 0 && (p.txs[0].req.done && p.txs[0].rsp.done || len(p.txs) > maxHTTPPending) {
		p.txs[0].emit(c)
		p.txs = p.txs[:copy(p.txs, p.txs[1:])]
	}
}

// finish decodes the body, shows the message to the rules and ends its file.
func (m *httpMessage) finish(c *Context, t *httpTx, dir Dir, whole bool, why string) {
	m.done, m.until, t.inTLS = true, c.Time, c.InTLS
	if len(m.codings) > 0 && len(m.coded) > 0 {
		out, all := http.Decode(m.codings, m.coded, maxHTTPDecoded)
		m.bomb = len(out) > httpBombSize && len(out)/httpBombRatio > len(m.coded)
		if !all && whole {
			why = "coding"
			m.undecoded = !m.over && len(out) < maxHTTPDecoded
			if m.over || len(out) == maxHTTPDecoded {
				why = "limit"
			}
		}
		m.coded = nil
		m.plain(c, t, dir, out)
		whole = whole && all
	}
	if kept := m.endForm(c, t, dir, whole); whole && !kept {
		whole, why = false, "limit"
	}
	if t.h2 && m.undecoded {
		m.more.event("http2.failed_decompression")
	}
	if c.Matching() {
		if m.raw != nil {
			offerFrames(c, dir, suricata.AppHTTP, framed{framesHTTP[dir], m.raw})
			m.raw = nil
		}
		c.Offer(&httpView{app: t.app(), t: t, m: m, dir: dir, c: c}, dir)
		if dir == FromServer {
			t.tellRequest(c)
		}
	}
	if m.form != nil {
		m.form.close()
	}
	if m.file != nil {
		m.file.Close(whole, why, t.aboutFile)
	}
}

// Describe implements Describer: of the transaction that began last.
func (p *httpParser) Describe(e *event.Event) {
	if n := len(p.txs); n > 0 {
		p.txs[n-1].describe(e)
	}
}

// Gap implements Parser: a hole within a body of known framing is passed over.
func (p *httpParser) Gap(c *Context, dir Dir, n uint32) bool {
	if len(p.txs) == 0 {
		return false
	}
	t := p.txs[0]
	m := &t.rsp
	if dir == FromClient {
		t = p.txs[len(p.txs)-1]
		m = &t.req
	}
	p.scanned[dir] = 0
	if !m.seen || m.done || !m.body.Skip(n) {
		return false
	}
	m.gap = true
	if len(m.codings) > 0 {
		m.over = true
	}
	if m.form != nil {
		m.form.parts.gap(n)
	}
	if m.file != nil {
		m.file.Gap(n)
	}
	if m.body.Ended() {
		p.end(c, t, m, dir, false, "gap")
	}
	return true
}
