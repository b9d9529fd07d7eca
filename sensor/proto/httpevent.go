package proto

import (
	"bytes"
	"encoding/base64"
	"mime"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

// emit tells of a transaction, once.
func (t *httpTx) emit(c *Context) {
	if t.told || !t.req.seen && !t.rsp.seen {
		return
	}
	t.told, t.inTLS = true, c.InTLS
	e := c.Begin("saksi.http", t.packets.List())
	t.describe(e)
	if t.rsp.seen && t.req.until > 0 && t.rsp.at >= t.req.until {
		e.Int(event.SaksiHTTPWait, t.rsp.at-t.req.until)
	}
	if c.Detail && t.stream != 0 {
		tellEVE(e, "http", t)
	}
	c.Emit(e)
}

// describe adds what was seen of the transaction.
func (t *httpTx) describe(e *event.Event) {
	if q := &t.req; q.seen {
		h := &q.head
		e.Bytes(event.HTTPRequestMethod, h.Method)
		e.Bytes(event.URLOriginal, h.Target)
		t.url(e)
		if v := bytes.TrimPrefix(h.Proto, []byte("HTTP/")); len(v) > 0 {
			e.Bytes(event.HTTPVersion, v)
		}
		e.Bytes(event.UserAgentOriginal, h.Get("user-agent"))
		e.Bytes(event.HTTPRequestReferrer, h.Get("referer"))
		e.Bytes(event.SaksiEveHTTPXff, h.Get("x-forwarded-for"))
		e.Bytes(event.HTTPRequestMimeType, mediaType(h.Get("content-type")))
		e.Int(event.HTTPRequestBodyBytes, q.bytes)
		if a := h.Get("authorization"); len(a) > 6 && http.EqualFold(a[:6], "basic ") {
			if user, ok := basicUser(a[6:]); ok {
				e.Str(event.URLUsername, user)
			}
		}
	}
	if r := &t.rsp; r.seen {
		if code, err := strconv.Atoi(string(r.head.Status)); err == nil {
			e.Int(event.HTTPResponseStatusCode, int64(code))
			if code >= 400 {
				e.Str(event.EventOutcome, "failure")
			} else {
				e.Str(event.EventOutcome, "success")
			}
		}
		e.Bytes(event.HTTPResponseMimeType, mediaType(r.head.Get("content-type")))
		e.Int(event.HTTPResponseBodyBytes, r.bytes)
		e.Bytes(event.ServiceName, r.head.Get("server"))
		e.Bytes(event.SaksiEveHTTPLocation, r.head.Get("location"))
		e.Bytes(event.SaksiEveHTTPRange, r.head.Get("content-range"))
	}
}

// url adds the parts of the request's target.
func (t *httpTx) url(e *event.Event) {
	h := &t.req.head
	host := h.Host()
	target := h.Target
	if i := bytes.Index(target, []byte("://")); i > 0 && i < 8 { // absolute form
		rest := target[i+3:]
		k := bytes.IndexByte(rest, '/')
		if k < 0 {
			k = len(rest)
		}
		host, target = rest[:k], rest[k:]
	} else if http.EqualFold(h.Method, "connect") {
		host, target = target, nil
	}
	if len(host) > 0 {
		name, port := splitHostPort(host)
		e.Bytes(event.URLDomain, name)
		if n, err := strconv.ParseUint(string(port), 10, 16); err == nil {
			e.Int(event.URLPort, int64(n))
		}
		if target != nil {
			scheme := "http://"
			if t.inTLS {
				scheme = "https://"
			}
			buf := append(append(append([]byte(nil), scheme...), host...), target...)
			e.Bytes(event.URLFull, buf)
		}
		e.Bytes(event.DestinationDomain, name)
	}
	path, query, _ := bytes.Cut(target, []byte("?"))
	e.Bytes(event.URLPath, path)
	e.Bytes(event.URLQuery, query)
}

// splitHostPort parts "name:port" and "[v6]:port".
func splitHostPort(b []byte) (host, port []byte) {
	if i := bytes.LastIndexByte(b, ']'); i > 0 && b[0] == '[' {
		return b[1:i], bytes.TrimPrefix(b[i+1:], []byte(":"))
	}
	if i := bytes.LastIndexByte(b, ':'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// mediaType cuts the parameters off a Content-Type.
func mediaType(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte(";"))
	return bytes.TrimSpace(b)
}

// fileName names the file that a body is: by Content-Disposition, else by the
// last segment of the path.
func (t *httpTx) fileName(dir Dir) string {
	return baseName(t.filePath(dir))
}

// filePath names it as rules know it: by Content-Disposition, else by the path.
func (t *httpTx) filePath(dir Dir) string {
	m := &t.rsp
	if dir == FromClient {
		m = &t.req
	}
	if v := m.head.Get("content-disposition"); v != nil {
		if _, p, err := mime.ParseMediaType(string(v)); err == nil && p["filename"] != "" {
			return p["filename"]
		}
	}
	path, _, _ := bytes.Cut(t.req.head.Target, []byte("?"))
	return string(http.AppendNormalURI(nil, path))
}

// baseName is the last segment of a path a peer gave.
func baseName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	return s
}

// aboutFile adds where a file came from to its event.
func (t *httpTx) aboutFile(e *event.Event) {
	if t.detail {
		if t.stream != 0 {
			aboutFile(e, t)
		} else {
			e.Hold(true)
			t.describe(e)
			e.Int(event.SaksiEveTxID, int64(t.id-1))
			e.Hold(false)
		}
	}
	if t.req.seen {
		e.Bytes(event.HTTPRequestMethod, t.req.head.Method)
		e.Bytes(event.URLOriginal, t.req.head.Target)
		t.url(e)
	}
}

// basicUser is the user of Basic credentials (RFC 7617). The password is not
// taken.
func basicUser(b []byte) (string, bool) {
	out, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(b)))
	if err != nil {
		return "", false
	}
	user, _, ok := strings.Cut(string(out), ":")
	return user, ok
}

// httpView is one side of a transaction as rules see it. Buffers are built
// when they are asked for.
type httpView struct {
	app  suricata.AppProto
	t    *httpTx
	m    *httpMessage
	dir  Dir
	c    *Context
	made [httpSlots][]byte
	// merged are the fields as rules see them; nil until they are asked for.
	merged []http.Field
	is     [httpSlots]uint8 // 0 not asked yet, 1 absent, 2 there

	looked bool // for events
	events [][]byte
}

// httpSlots is how many buffers a view makes: those of HTTP, and the name and
// the size of a file.
const httpSlots = int(suricata.BufHTTPLocation) + 3

func httpSlot(b suricata.Buffer) (int, bool) {
	switch {
	case b <= suricata.BufHTTPLocation:
		return int(b), true
	case b == suricata.BufFileName:
		return httpSlots - 2, true
	case b == suricata.BufFileSize:
		return httpSlots - 1, true
	}
	return 0, false
}

// App implements suricata.Tx.
func (v *httpView) App() suricata.AppProto { return v.app }

// ID implements suricata.Tx.
func (v *httpView) ID() uint64 { return v.t.id }

// Request implements suricata.Pair.
func (v *httpView) Request() suricata.Tx {
	if v.dir != FromServer || !v.t.req.seen {
		return nil
	}
	return &httpView{app: v.app, t: v.t, m: &v.t.req, dir: FromClient, c: v.c}
}

// Lasting implements Lasting.
func (v *httpView) Lasting() {}

// EVE implements Teller: of HTTP/2.
func (v *httpView) EVE() EVE {
	if v.t.stream == 0 {
		return nil
	}
	return v.t
}

// Describe implements Describer.
func (v *httpView) Describe(e *event.Event) { v.t.describe(e) }

// Packets implements Evidence.
func (v *httpView) Packets() []uint64 { return v.t.packets.List() }

// NBuf implements suricata.Tx.
func (v *httpView) NBuf(b suricata.Buffer) int {
	if b == suricata.BufHTTPRequestHeader && v.dir == FromClient || b == suricata.BufHTTPResponseHeader && v.dir == FromServer {
		return len(v.fields())
	}
	if n := v.m.more.NBuf(b); n > 0 {
		return n
	}
	if v.m.form != nil && ofFile(b) {
		return len(v.m.form.buffer(b))
	}
	if b == suricata.BufAppEvent {
		return len(v.oddities())
	}
	i, ok := httpSlot(b)
	if !ok {
		return 0
	}
	if v.is[i] == 0 {
		v.is[i] = 1
		if x, ok := v.build(b); ok {
			v.made[i], v.is[i] = x, 2
		}
	}
	return int(v.is[i]) - 1
}

// BufAt implements suricata.Tx.
func (v *httpView) BufAt(b suricata.Buffer, i int) []byte {
	if b == suricata.BufHTTPRequestHeader || b == suricata.BufHTTPResponseHeader {
		f := &v.fields()[i]
		return append(append(append([]byte(nil), f.Name...), ": "...), f.Value...)
	}
	if v.m.more.NBuf(b) > 0 {
		return v.m.more.BufAt(b, i)
	}
	if v.m.form != nil && ofFile(b) {
		return v.m.form.buffer(b)[i]
	}
	if b == suricata.BufAppEvent {
		return v.oddities()[i]
	}
	v.NBuf(b)
	slot, _ := httpSlot(b)
	return v.made[slot]
}

// headerBuffers are buffers that are one header field.
var headerBuffers = map[suricata.Buffer]string{
	suricata.BufHTTPUserAgent: "user-agent", suricata.BufHTTPReferer: "referer", suricata.BufHTTPAccept: "accept",
	suricata.BufHTTPAcceptEnc: "accept-encoding", suricata.BufHTTPAcceptLang: "accept-language",
	suricata.BufHTTPConnection: "connection", suricata.BufHTTPContentType: "content-type",
	suricata.BufHTTPContentLen: "content-length", suricata.BufHTTPServer: "server", suricata.BufHTTPLocation: "location",
}

func (v *httpView) build(b suricata.Buffer) ([]byte, bool) {
	h := &v.m.head
	if name, ok := headerBuffers[b]; ok {
		x := v.field(name)
		return x, x != nil
	}
	switch b {
	case suricata.BufHTTPProtocol:
		return h.Proto, len(h.Proto) > 0
	case suricata.BufHTTPHeader:
		return v.headers(), true
	case suricata.BufHTTPHeaderRaw:
		if v.app == suricata.AppHTTP2 {
			return v.headers(), true
		}
		return h.Raw[h.FieldsAt:], true
	case suricata.BufHTTPHeaderNames:
		x := []byte("\r\n")
		for _, f := range v.fields() {
			x = append(append(x, f.Name...), "\r\n"...)
		}
		return append(x, "\r\n"...), true
	case suricata.BufHTTPStart:
		return v.start(), v.app == suricata.AppHTTP
	case suricata.BufHTTPCookie:
		name := "cookie"
		if v.dir == FromServer {
			name = "set-cookie"
		}
		x := v.field(name)
		return x, x != nil
	case suricata.BufFileData:
		return v.m.inspect, len(v.m.inspect) > 0
	case suricata.BufFileSize:
		return suricata.AppendNumber(nil, uint64(v.m.size)), v.m.size > 0 && !v.m.gap && !v.m.over
	case suricata.BufFileName:
		if v.m.file == nil {
			return nil, false
		}
		x := v.t.filePath(v.dir)
		return []byte(x), x != ""
	}
	if v.dir == FromClient {
		switch b {
		case suricata.BufHTTPMethod:
			return h.Method, true
		case suricata.BufHTTPURI:
			return http.AppendNormalURI(nil, h.Target), true
		case suricata.BufHTTPURIRaw:
			return h.Target, true
		case suricata.BufHTTPRequestLine:
			return h.Line, true
		case suricata.BufHTTPRequestBody:
			return v.m.inspect, len(v.m.inspect) > 0
		case suricata.BufHTTPHost, suricata.BufHTTPHostRaw:
			x := h.Host()
			if x == nil {
				return nil, false
			}
			if b == suricata.BufHTTPHostRaw {
				return x, true
			}
			name, _ := splitHostPort(x)
			return http.AppendLower(nil, name), true
		}
		return nil, false
	}
	switch b {
	case suricata.BufHTTPStatCode:
		return h.Status, true
	case suricata.BufHTTPStatMsg:
		return h.Reason, true
	case suricata.BufHTTPResponseLine:
		return v.line(), true
	case suricata.BufHTTPResponseBody:
		return v.m.inspect, len(v.m.inspect) > 0
	}
	return nil, false
}

// headers gives the fields as "Name: value" lines without cookies.
func (v *httpView) headers() []byte {
	var x []byte
	for _, f := range v.fields() {
		if http.EqualFold(f.Name, "cookie") || http.EqualFold(f.Name, "set-cookie") {
			continue
		}
		x = append(append(x, f.Name...), ": "...)
		x = append(append(x, f.Value...), "\r\n"...)
	}
	return x
}
