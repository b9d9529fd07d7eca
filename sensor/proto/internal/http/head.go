// Package http reads the heads and bodies of HTTP/1 messages (RFC 9112) as
// they come off a wire: leniently, within bounds, without copying. Start with
// EndOfHead and ParseHead.
package http

import "bytes"

// Limits of a message head.
const (
	MaxHead   = 64 << 10
	MaxFields = 256
)

// Field is one header field.
type Field struct {
	Name, Value []byte
	open        bool // its colon has not come yet
}

// Head is a request or status line with its fields. Slices are views.
type Head struct {
	Raw    []byte // everything, with the empty line
	Line   []byte // first line, without its end
	Fields []Field
	// Request: method, target, protocol. Response: protocol, code, reason.
	Method, Target, Proto, Status, Reason []byte
	FieldsAt                              int // offset of the fields in Raw
}

// EndOfHead finds the empty line that ends a head, looking from an offset, and
// returns the length of the head with it, or 0. Clients also take a line of one
// blank before a bare line feed for empty if no empty one follows, and behind a
// bare line feed one of a carriage return.
func EndOfHead(b []byte, from int) int {
	i := max(from-4, 0)
	for {
		k := bytes.IndexByte(b[i:], '\n')
		if k < 0 {
			return 0
		}
		i += k + 1
		rest := b[i:]
		for _, end := range []string{"\n", "\r\n"} {
			if bytes.HasPrefix(rest, []byte(end)) {
				return i + len(end)
			}
		}
		if len(rest) > 2 && (rest[0] == ' ' || rest[0] == '\t') && rest[1] == '\n' && rest[2] != '\n' {
			return i + 2
		}
		if i >= 2 && b[i-2] != '\r' && bytes.HasPrefix(rest, []byte("\r\r\n")) {
			if bytes.HasPrefix(rest[3:], []byte("\r\n")) {
				return i + 5
			}
			return i + 3
		}
	}
}

// StatusLine tells whether what begins a response is a status line. Clients pass
// over blanks and NUL before it and don't mind its case. More is true if there
// are too few bytes to tell.
func StatusLine(b []byte) (is, more bool) {
	b = bytes.TrimLeft(b, " \t\r\n\v\f\x00")
	if len(b) < 4 {
		return false, len(b) == 0 || EqualFold(b, "http"[:len(b)])
	}
	return EqualFold(b[:4], "http") || bytes.HasPrefix(b, []byte("ICY ")), false
}

// JunkLine measures a first line that is no status line and that clients pass
// over, as the next line begins like one or it holds nothing; 0 if it is the
// beginning of a body without a head (RFC 1945 section 6).
func JunkLine(b []byte) int {
	i := bytes.IndexByte(b, '\n')
	if i >= 0 && (i < 2 || bytes.HasPrefix(b[i+1:], []byte("H"))) {
		return i + 1
	}
	return 0
}

// ParseHead splits a head that EndOfHead found. It returns false if the first
// line is neither a request nor a status line.
//
// It reads what servers are known to send and clients to accept, so that an
// evasion is read as its victim reads it: lines may be folded anywhere, names
// may hold control characters, a status may be missing.
func ParseHead(h *Head, b []byte, response bool) bool {
	*h = Head{Raw: b, Fields: h.Fields[:0]}
	line, rest := cutLine(b)
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') { // a folded first line
		var more []byte
		more, rest = cutLine(rest)
		line = append(append(line[:len(line):len(line)], ' '), bytes.TrimSpace(more)...)
	}
	h.Line = line
	h.FieldsAt = len(b) - len(rest)
	if response {
		h.Proto, line = cutSpace(bytes.TrimLeft(line, "\v\f\x00"))
		h.Status, h.Reason = cutSpace(line)
	} else {
		h.Method, line = cutSpace(line)
		if i := bytes.LastIndex(line, []byte(" HTTP/")); i >= 0 {
			h.Target, h.Proto = line[:i], line[i+1:]
		} else {
			h.Target = line
		}
		if len(h.Method) == 0 || len(h.Target) == 0 {
			return false
		}
	}
	for len(rest) > 0 && len(h.Fields) < MaxFields {
		line, rest = cutLine(rest)
		if len(line) == 0 { // the end, or stray carriage returns, which end nothing
			continue
		}
		name, value, colon := bytes.Cut(line, []byte(":"))
		if folded := line[0] == ' ' || line[0] == '\t'; folded && len(h.Fields) > 0 {
			last := &h.Fields[len(h.Fields)-1]
			if last.open { // the colon may come on a later line
				last.Name, last.open = join(last.Name, name), !colon
				last.Value = bytes.Trim(value, " \t")
				continue
			}
			if !colon || !token(bytes.TrimSpace(name)) { // obsolete folding
				last.Value = append(append(last.Value[:len(last.Value):len(last.Value)], ' '), bytes.TrimSpace(line)...)
				continue
			}
		}
		h.Fields = append(h.Fields, Field{Name: clean(bytes.Trim(name, " \t")), Value: bytes.Trim(value, " \t"), open: !colon})
	}
	return true
}

func join(a, b []byte) []byte {
	return append(append([]byte(nil), a...), bytes.TrimSpace(b)...)
}

// token reports a name of letters, digits and hyphens.
func token(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(b) > 0
}

// clean leaves out control characters; it copies only if there are any.
func clean(b []byte) []byte {
	for i, c := range b {
		if c >= 0x20 && c < 0x7f {
			continue
		}
		out := append([]byte(nil), b[:i]...)
		for _, c := range b[i:] {
			if c >= 0x20 && c < 0x7f {
				out = append(out, c)
			}
		}
		return out
	}
	return b
}

// cutLine takes a line off b; a carriage return alone ends one too.
func cutLine(b []byte) (line, rest []byte) {
	for i, c := range b {
		switch {
		case c == '\n':
			return b[:i], b[i+1:]
		case c == '\r' && i+1 < len(b) && b[i+1] == '\n':
			return b[:i], b[i+2:]
		case c == '\r':
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

func cutSpace(b []byte) (word, rest []byte) {
	b = bytes.TrimLeft(b, " \t")
	i := bytes.IndexAny(b, " \t")
	if i < 0 {
		return b, nil
	}
	return b[:i], bytes.TrimLeft(b[i:], " \t")
}

// Get returns the first value of a field by its lower-case name, or nil.
func (h *Head) Get(name string) []byte {
	for i := range h.Fields {
		if EqualFold(h.Fields[i].Name, name) {
			return h.Fields[i].Value
		}
	}
	return nil
}

// All lists the values of a field by its lower-case name.
func (h *Head) All(name string) (out [][]byte) {
	for i := range h.Fields {
		if EqualFold(h.Fields[i].Name, name) {
			out = append(out, h.Fields[i].Value)
		}
	}
	return out
}

// Host is what the request says it is for: HTTP/2's :authority, or Host.
func (h *Head) Host() []byte {
	if v := h.Get(":authority"); v != nil {
		return v
	}
	return h.Get("host")
}

// Tokens calls f with each word of all values of a field, in lower case:
// letters, digits and hyphens between anything else.
func (h *Head) Tokens(name string, f func(token string)) {
	for i := range h.Fields {
		if !EqualFold(h.Fields[i].Name, name) {
			continue
		}
		v := AppendLower(nil, clean(h.Fields[i].Value))
		for w := range bytes.FieldsFuncSeq(v, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
		}) {
			f(string(w))
		}
	}
}

// EqualFold compares with a lower-case ASCII string.
func EqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// AppendLower appends b in ASCII lower case.
func AppendLower(dst, b []byte) []byte {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// AppendNormalURI appends a request target as rules see it: percent-decoded,
// the path without dot segments and repeated slashes.
func AppendNormalURI(dst, target []byte) []byte {
	if i := bytes.Index(target, []byte("://")); i > 0 && i < 8 { // absolute form
		if k := bytes.IndexByte(target[i+3:], '/'); k >= 0 {
			target = target[i+3+k:]
		} else {
			target = []byte("/")
		}
	}
	path, query := target, []byte(nil)
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		path, query = target[:i], target[i:]
	}
	start := len(dst)
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) {
			if hi, lo := unhex(path[i+1]), unhex(path[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		if c == '\\' {
			c = '/'
		}
		if c == '/' && len(dst) > start {
			switch p := dst[start:]; {
			case p[len(p)-1] == '/':
				continue
			case bytes.HasSuffix(p, []byte("/.")):
				dst = dst[:len(dst)-1]
				continue
			case bytes.HasSuffix(p, []byte("/..")):
				dst = up(dst, start)
				continue
			}
		}
		dst = append(dst, c)
	}
	if p := dst[start:]; bytes.HasSuffix(p, []byte("/..")) {
		dst = up(dst, start)
	}
	for i := 0; i < len(query); i++ {
		c := query[i]
		if c == '%' && i+2 < len(query) {
			if hi, lo := unhex(query[i+1]), unhex(query[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// up removes "/.." and the segment before it, keeping its slash.
func up(dst []byte, start int) []byte {
	p := dst[start : len(dst)-3]
	if i := bytes.LastIndexByte(p, '/'); i >= 0 {
		return dst[:start+i+1]
	}
	return append(dst[:start], '/')
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
