package intel

import (
	"fmt"
	"strings"
)

// url reads a URL; without a scheme it means any.
func (t *Term) url() error {
	b, bare, ok := appendURL(nil, t.Value)
	if !ok {
		return fmt.Errorf("it is no URL with a host")
	}
	t.Kind = URL
	if bare {
		t.Kind = BareURL
	}
	t.key = string(b)
	return nil
}

// appendURL appends the normal form of a URL (RFC 3986, section 6.2.2): scheme
// and host in lower case, without user, default port and fragment, the empty path as
// "/", percent-encodings in upper case. bare says that it has no scheme; it
// then begins with "//".
func appendURL(dst []byte, s string) (_ []byte, bare, ok bool) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || strings.ContainsAny(scheme, "/?#@") {
		scheme, rest = "", strings.TrimPrefix(s, "//")
	}
	for i := 0; i < len(scheme); i++ {
		c := lower(scheme[i])
		if !(c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return dst, false, false
		}
		dst = append(dst, c)
	}
	if scheme != "" {
		dst = append(dst, ':')
	}
	from := len(dst)
	end := strings.IndexAny(rest, "/?#\\")
	if end < 0 {
		end = len(rest)
	}
	host := rest[:end]
	rest = rest[end:]
	host = host[strings.LastIndexByte(host, '@')+1:]
	dst = append(dst, '/', '/')
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		port := host[i+1:]
		if port == "" || from > 0 && (port == "80" && from == 5 || port == "443" && from == 6) { // "http:", "https:"
			host = host[:i]
		}
	}
	host, _ = strings.CutSuffix(host, ".")
	if host == "" {
		return dst, false, false
	}
	for i := 0; i < len(host); i++ {
		if host[i] <= ' ' {
			return dst, false, false
		}
		dst = append(dst, lower(host[i]))
	}
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest = rest[:i]
	}
	if rest == "" || rest[0] == '?' {
		dst = append(dst, '/')
	}
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		dst = append(dst, c)
		if c == '%' && i+2 < len(rest) {
			dst = append(dst, upper(rest[i+1]), upper(rest[i+2]))
			i += 2
		}
	}
	return dst, from == 0, true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}
