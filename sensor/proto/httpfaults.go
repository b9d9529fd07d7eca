package proto

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

// What is odd about HTTP/1 messages, as rules name it behind "http." (Suricata
// user guide, "app-layer-event"; the events of its rules for HTTP).

const (
	// Limits beyond which a message is odd, those of Suricata's parser.
	httpFieldLimit   = 18_000
	httpFieldsLimit  = 1024
	httpRepeatLimit  = 64
	httpCodingsLimit = 2
	httpNameLimit    = 4096
	// A body that is longer decoded, and this many times as long as it was, is odd.
	httpBombSize  = 1 << 20
	httpBombRatio = 2048
)

// faults lists what is odd about a message.
func (m *httpMessage) faults(c *Context, t *httpTx, dir Dir) (out []string) {
	h := &m.head
	side := "request"
	if dir == FromServer {
		side = "response"
	}
	say := func(names ...string) { out = append(out, names...) }
	if m.body.Extension {
		say(side + "_chunk_extension")
	}
	if m.body.BadChunk {
		say("invalid_" + side + "_chunk_len")
	}
	m.oddFields(h, side, say)
	if lengths := h.All("content-length"); len(lengths) > 0 {
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(lengths[0])), 10, 64); err != nil || n < 0 {
			say("invalid_content_length_field_in_" + side)
		}
		for _, l := range lengths[1:] {
			if !bytes.Equal(l, lengths[0]) {
				say("duplicate_content_length_field_in_" + side)
				break
			}
		}
	}
	if te := h.Get("transfer-encoding"); te != nil {
		switch v := strings.ToLower(string(bytes.TrimSpace(te))); {
		case v == "chunked":
			if dir == FromServer && !bytes.HasSuffix(h.Proto, []byte("/1.1")) {
				say("response_chunked_old_proto")
			}
		case !strings.Contains(v, "chunked"):
			say("invalid_transfer_encoding_value_in_" + side)
		case dir == FromServer:
			say("response_abnormal_transfer_encoding")
		}
	}
	codings, odd := 0, false
	for _, v := range h.All("content-encoding") {
		for tok := range strings.SplitSeq(strings.ToLower(string(v)), ",") {
			switch tok = strings.TrimSpace(tok); tok {
			case "gzip", "x-gzip", "deflate", "x-deflate", "lzma":
				codings++
			case "", "identity", "inflate", "br", "zstd", "none":
			default:
				odd = odd || strings.Contains(tok, "gzip") || strings.Contains(tok, "deflate")
			}
		}
	}
	if codings > httpCodingsLimit {
		say("too_many_encoding_layers")
	}
	if odd {
		say("abnormal_ce_header")
	}
	if m.undecoded {
		say("gzip_decompression_failed")
	}
	if m.bomb {
		say("compression_bomb")
	}
	if m.form != nil {
		m.form.odd(say)
	}
	if m.size > 0 && len(t.filePath(dir)) > httpNameLimit {
		say("file_name_too_long")
	}
	if dir == FromClient {
		t.oddRequest(c, say)
	} else {
		t.oddResponse(say)
	}
	return out
}

// oddFields looks at the lines of a head behind its first.
func (m *httpMessage) oddFields(h *http.Head, side string, say func(...string)) {
	missing, invalid, long, first := false, false, false, true
	repeated := map[string]int{}
	most := 0
	for line := range bytes.Lines(h.Raw[h.FieldsAt:]) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		long = long || len(line) > httpFieldLimit
		if line[0] == ' ' || line[0] == '\t' {
			if first {
				say("invalid_" + side + "_field_folding")
			}
			first = false
			continue
		}
		first = false
		name, _, colon := bytes.Cut(line, []byte(":"))
		missing = missing || !colon
		invalid = invalid || colon && !httpToken(bytes.TrimRight(name, " \t"))
		key := strings.ToLower(string(name))
		repeated[key]++
		most = max(most, repeated[key])
	}
	if missing {
		say(side + "_field_missing_colon")
	}
	if invalid {
		say(side + "_header_invalid")
	}
	if long {
		say(side + "_field_too_long")
	}
	if most > httpRepeatLimit {
		say(side + "_header_repetition")
	}
	if bytes.Count(h.Raw, []byte("\n")) > httpFieldsLimit+2 {
		say(side + "_too_many_headers")
	}
}

// httpToken reports a token of RFC 9110, section 5.6.2.
func httpToken(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;:\"/[]?={}`), c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

// oddRequest looks at the request line and what names the host.
func (t *httpTx) oddRequest(c *Context, say func(...string)) {
	h := &t.req.head
	line := h.Line
	if i := bytes.IndexAny(line, " \t"); i > 0 {
		if rest := line[i:]; line[i] != ' ' || len(rest) > 1 && (rest[1] == ' ' || rest[1] == '\t') {
			say("method_delim_non_compliant")
		}
	}
	if t.req.led {
		say("request_line_leading_whitespace")
	}
	switch {
	case len(h.Proto) == 0:
		say("request_line_missing_protocol")
	case bytes.ContainsAny(h.Target, "\t\v\f\r"), bytes.Contains(line, []byte("  HTTP/")), bytes.Contains(line, []byte("\tHTTP/")):
		say("uri_delim_non_compliant")
	}
	if bytes.Contains(h.Target, []byte("%25")) {
		say("double_encoded_uri")
	}
	host, hasHost := h.Get("host"), h.Get("host") != nil
	uriHost := httpAuthority(h)
	if !hasHost && uriHost == nil && bytes.HasSuffix(h.Proto, []byte("/1.1")) {
		say("missing_host_header")
	}
	if uriHost != nil {
		name, port := splitHostPort(uriHost)
		if !httpHostname(name) {
			say("request_uri_host_invalid")
		}
		if port != nil && !httpPort(port) {
			say("invalid_authority_port", "invalid_server_port_in_request")
		}
	}
	if !hasHost {
		t.oddCredentials(say)
		return
	}
	name, port := splitHostPort(host)
	if !httpHostname(name) || port != nil && !httpPort(port) {
		say("request_header_host_invalid")
	}
	if uriHost != nil {
		if u, _ := splitHostPort(uriHost); !bytes.EqualFold(u, name) {
			say("host_header_ambiguous")
		}
	}
	if n, err := strconv.ParseUint(string(port), 10, 16); err == nil && uint16(n) != c.ServerPort {
		say("request_server_port_tcp_port_mismatch")
	}
	t.oddCredentials(say)
}

func (t *httpTx) oddCredentials(say func(...string)) {
	h := &t.req.head
	if a := h.Get("authorization"); a != nil {
		kind, _, _ := strings.Cut(strings.ToLower(string(a)), " ")
		if kind != "basic" && kind != "digest" && kind != "bearer" {
			say("request_auth_unrecognized")
		}
	}
	if t.req.bytes > 0 && (http.EqualFold(h.Method, "get") || http.EqualFold(h.Method, "head")) {
		say("request_body_unexpected")
	}
}

// oddResponse looks at the status line.
func (t *httpTx) oddResponse(say func(...string)) {
	h := &t.rsp.head
	if !bytes.HasPrefix(h.Proto, []byte("HTTP/1.")) && !bytes.Equal(h.Proto, []byte("HTTP/0.9")) {
		say("response_invalid_protocol")
	}
	if n, err := strconv.Atoi(string(h.Status)); err != nil || n < 100 || n > 999 {
		say("response_invalid_status")
	}
	if !t.req.seen {
		say("unable_to_match_response_to_request")
	}
	if t.continued > 1 {
		say("100_continue_already_seen")
	}
	if v := h.Get("content-range"); v != nil && !goodRange(string(v)) {
		say("range_invalid")
	}
	if v := h.Get("content-type"); v != nil && strings.HasPrefix(strings.ToLower(string(v)), "multipart/byteranges") {
		say("response_multipart_byteranges")
	}
}

// goodRange reads Content-Range (RFC 9110 section 14.4).
func goodRange(v string) bool {
	from, size, ok := strings.Cut(strings.TrimPrefix(v, "bytes "), "/")
	lo, hi, dash := strings.Cut(from, "-")
	a, e1 := strconv.ParseUint(lo, 10, 63)
	z, e2 := strconv.ParseUint(hi, 10, 63)
	n, e3 := strconv.ParseUint(size, 10, 63)
	return ok && (from == "*" || dash && e1 == nil && e2 == nil && a <= z) && (size == "*" || e3 == nil && (from == "*" || z < n))
}

// httpAuthority is the host that a request's target names, or nil.
func httpAuthority(h *http.Head) []byte {
	if http.EqualFold(h.Method, "connect") {
		return h.Target
	}
	_, rest, ok := bytes.Cut(h.Target, []byte("://"))
	if !ok || h.Target[0] == '/' {
		return nil
	}
	host, _, _ := bytes.Cut(rest, []byte("/"))
	if i := bytes.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return host
}

func httpPort(b []byte) bool {
	n, err := strconv.ParseUint(string(b), 10, 16)
	return err == nil && n > 0
}

// httpHostname reports a name of labels of at most 63 characters, or an address.
func httpHostname(b []byte) bool {
	if _, err := netip.ParseAddr(string(b)); err == nil {
		return true
	}
	name := strings.TrimSuffix(string(b), ".")
	if name == "" || len(name) > 255 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// oddities gives the events of a message, made when they are first asked for;
// a response has those of its request, too.
func (v *httpView) oddities() [][]byte {
	if !v.looked {
		v.looked = true
		if v.dir == FromServer && v.t.req.seen {
			v.events = appendEvents(v.events, v.t.req.faults(v.c, v.t, FromClient))
		}
		if v.app == suricata.AppHTTP {
			v.events = appendEvents(v.events, v.m.faults(v.c, v.t, v.dir))
		}
	}
	return v.events
}

func appendEvents(dst [][]byte, names []string) [][]byte {
	for _, n := range names {
		dst = append(dst, []byte("http."+n))
	}
	return dst
}

// tellRequest shows what is odd about a response to rules on requests, which
// see the exchange as one.
func (t *httpTx) tellRequest(c *Context) {
	if t.h2 || !c.Wants(suricata.BufAppEvent) {
		return
	}
	names := t.rsp.faults(c, t, FromServer)
	if len(names) == 0 {
		return
	}
	x := &bufTx{app: suricata.AppHTTP, id: t.id, packets: t.packets.List()}
	for _, n := range names {
		x.event("http." + n)
	}
	c.Offer(x, FromClient)
}

// settings looks at those that a request for HTTP/2 carries (RFC 7540 section
// 3.2.1): base64url of a frame's payload.
func (t *httpTx) settings(c *Context) {
	v := t.req.head.Get("http2-settings")
	raw, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimRight(v, "=")))
	if v == nil || err == nil && len(raw)%6 == 0 || !c.Matching() {
		return
	}
	x := &bufTx{app: suricata.AppHTTP2, id: malformedID, packets: []uint64{c.Number}}
	x.event("http2.invalid_http1_settings")
	c.Offer(x, FromClient)
}
