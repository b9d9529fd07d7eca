// Package ldapfilter gives the text (RFC 4515) of a search filter in BER (RFC
// 4511 section 4.5.1.7).
package ldapfilter

import (
	"bytes"

	"saksi/sensor/proto/internal/tlv"
)

const (
	// maxDepth bounds filters within filters.
	maxDepth = 16
	// maxTerms bounds the terms of one.
	maxTerms = 256
)

// Append appends the text of the filter that b begins with, of at most limit
// bytes. Values that are compared with passwords are left out.
func Append(dst, b []byte, limit int) []byte {
	dst = appendFilter(dst, b, len(dst)+limit, 0)
	return dst
}

func appendFilter(dst, b []byte, limit, depth int) []byte {
	tag, v, _, ok := tlv.Next(b)
	if !ok || depth > maxDepth || len(dst) > limit {
		return dst
	}
	dst = append(dst, '(')
	switch tag {
	case 0xa0, 0xa1, 0xa2: // and, or, not
		dst = append(dst, "&|!"[tag&3])
		for range maxTerms {
			_, _, rest, ok := tlv.Next(v)
			if !ok {
				break
			}
			dst = appendFilter(dst, v, limit, depth+1)
			v = rest
		}
	case 0xa3, 0xa5, 0xa6, 0xa8: // equal, at least, at most, like
		_, name, rest, _ := tlv.Next(v)
		_, value, _, _ := tlv.Next(rest)
		dst = append(dst, name...)
		dst = append(dst, map[byte]string{0xa3: "=", 0xa5: ">=", 0xa6: "<=", 0xa8: "~="}[tag]...)
		if !secret(name) {
			dst = appendValue(dst, value, limit)
		}
	case 0xa4: // parts
		_, name, rest, _ := tlv.Next(v)
		parts, _ := tlv.Into(rest, tlv.Sequence)
		dst = append(append(dst, name...), '=')
		if secret(name) {
			break
		}
		last := byte(0)
		for i := range maxTerms {
			t, part, next, ok := tlv.Next(parts)
			if !ok {
				break
			}
			if i > 0 || t != 0x80 {
				dst = append(dst, '*')
			}
			dst = appendValue(dst, part, limit)
			last, parts = t, next
		}
		if last != 0x82 {
			dst = append(dst, '*')
		}
	case 0x87: // present
		dst = append(append(dst, v...), '=', '*')
	case 0xa9: // by a rule
		name, _ := tlv.Find(v, 0x82)
		rule, _ := tlv.Find(v, 0x81)
		value, _ := tlv.Find(v, 0x83)
		dst = append(dst, name...)
		dst = append(append(append(append(dst, ':'), rule...), ':'), '=')
		if !secret(name) {
			dst = appendValue(dst, value, limit)
		}
	}
	if len(dst) > limit {
		return dst[:limit]
	}
	return append(dst, ')')
}

// secret reports whether an attribute holds passwords.
func secret(name []byte) bool {
	return bytes.Contains(bytes.ToLower(name), []byte("password")) || bytes.EqualFold(name, []byte("unicodePwd"))
}

// appendValue escapes a value (RFC 4515 section 3).
func appendValue(dst, v []byte, limit int) []byte {
	const hex = "0123456789abcdef"
	for _, c := range v {
		if len(dst) > limit {
			break
		}
		switch {
		case c == '*' || c == '(' || c == ')' || c == '\\' || c < 0x20 || c >= 0x7f:
			dst = append(dst, '\\', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
