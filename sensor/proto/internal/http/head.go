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
type Field struct{ Name, Value []byte }

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
// returns the length of the head with it, or 0.
func EndOfHead(b []byte, from int) int {
	i := max(from-3, 0)
	for {
		k := bytes.IndexByte(b[i:], '\n')
		if k < 0 {
			return 0
		}
		i += k + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2
		}
	}
}

// ParseHead splits a head that EndOfHead found. It returns false if the first
// line is neither a request nor a status line.
func ParseHead(h *Head, b []byte, response bool) bool {
	*h = Head{Raw: b, Fields: h.Fields[:0]}
	line, rest := cutLine(b)
	h.Line = line
	h.FieldsAt = len(b) - len(rest)
	if response {
		h.Proto, line = cutSpace(line)
		h.Status, h.Reason = cutSpace(line)
		if !bytes.HasPrefix(h.Proto, []byte("HTTP/")) && !bytes.HasPrefix(h.Proto, []byte("ICY")) || len(h.Status) != 3 {
			return false
		}
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
		if len(line) == 0 {
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && len(h.Fields) > 0 { // obsolete folding
			f := &h.Fields[len(h.Fields)-1]
			f.Value = append(append(f.Value[:len(f.Value):len(f.Value)], ' '), bytes.TrimSpace(line)...)
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		h.Fields = append(h.Fields, Field{bytes.TrimRight(name, " \t"), bytes.Trim(value, " \t")})
	}
	return true
}

func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
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

// Has reports whether a comma-separated field holds a token.
func (h *Head) Has(name, token string) bool {
	for i := range h.Fields {
		if !EqualFold(h.Fields[i].Name, name) {
			continue
		}
		for v := range bytes.SplitSeq(h.Fields[i].Value, []byte(",")) {
			if EqualFold(bytes.TrimSpace(v), token) {
				return true
			}
		}
	}
	return false
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

// AppendNormalURI appends a request target as rules see it: percent-decoded
// path with dot segments and repeated slashes removed, query as it is.
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
	return append(dst, query...)
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
