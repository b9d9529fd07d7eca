package tls

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

func appendList(dst []byte, vals []uint16) []byte {
	first := true
	for _, v := range vals {
		if Grease(v) {
			continue
		}
		if !first {
			dst = append(dst, '-')
		}
		first = false
		dst = strconv.AppendUint(dst, uint64(v), 10)
	}
	return dst
}

// AppendJA3 appends the text of JA3 (https://github.com/salesforce/ja3):
// version, ciphers, extensions, groups and point formats, without GREASE.
func (c *Client) AppendJA3(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(c.Version), 10)
	dst = appendList(append(dst, ','), c.Ciphers)
	dst = appendList(append(dst, ','), c.Extensions)
	dst = appendList(append(dst, ','), c.Groups)
	dst = append(dst, ',')
	for i, p := range c.Points {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = strconv.AppendUint(dst, uint64(p), 10)
	}
	return dst
}

// AppendJA3S appends the text of JA3S: version, cipher, extensions.
func (s *Server) AppendJA3S(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(s.Legacy), 10)
	dst = strconv.AppendUint(append(dst, ','), uint64(s.Cipher), 10)
	return appendList(append(dst, ','), s.Extensions)
}

// AppendMD5 appends the hex of the MD5 of text, as JA3 and HASSH are given.
func AppendMD5(dst, text []byte) []byte {
	sum := md5.Sum(text)
	return hex.AppendEncode(dst, sum[:])
}

// AppendJA4 appends the JA4 of a ClientHello
// (https://github.com/FoxIO-LLC/ja4, technical_details/JA4.md). transport is
// 't' for TCP, 'q' for QUIC, 'd' for DTLS.
func (c *Client) AppendJA4(dst []byte, transport byte) []byte {
	version := c.Version
	if len(c.Versions) > 0 {
		version = 0
		for _, v := range c.Versions {
			newer := v > version
			if transport == 'd' { // versions of DTLS count downwards
				newer = version == 0 || v < version
			}
			if !Grease(v) && newer {
				version = v
			}
		}
	}
	dst = append(dst, transport)
	switch version {
	case 0x0304:
		dst = append(dst, "13"...)
	case 0x0303:
		dst = append(dst, "12"...)
	case 0x0302:
		dst = append(dst, "11"...)
	case 0x0301:
		dst = append(dst, "10"...)
	case 0x0300:
		dst = append(dst, "s3"...)
	case 0x0002:
		dst = append(dst, "s2"...)
	case 0xfeff:
		dst = append(dst, "d1"...)
	case 0xfefd:
		dst = append(dst, "d2"...)
	case 0xfefc:
		dst = append(dst, "d3"...)
	default:
		dst = append(dst, "00"...)
	}
	if c.HasSNI {
		dst = append(dst, 'd')
	} else {
		dst = append(dst, 'i')
	}
	var lists [3][64]uint16 // hellos have fewer; more costs an allocation
	var buf [512]byte
	ciphers := withoutGrease(lists[0][:0], c.Ciphers)
	exts := withoutGrease(lists[1][:0], c.Extensions)
	dst = two(dst, len(ciphers))
	dst = two(dst, len(exts))
	dst = append(dst, c.alpnPair()...)
	slices.Sort(ciphers)
	dst = hash12(append(dst, '_'), appendHex(buf[:0], ciphers), len(ciphers) == 0)
	exts = slices.DeleteFunc(exts, func(v uint16) bool { return v == extServerName || v == extALPN })
	slices.Sort(exts)
	text := appendHex(buf[:0], exts)
	if algs := withoutGrease(lists[2][:0], c.SigAlgs); len(algs) > 0 {
		text = appendHex(append(text, '_'), algs)
	}
	return hash12(append(dst, '_'), text, len(exts) == 0)
}

// alpnPair is the first and the last character of the first protocol; if one
// of them is no ASCII letter or digit, of its hex form.
func (c *Client) alpnPair() []byte {
	if len(c.ALPN) == 0 || len(c.ALPN[0]) == 0 {
		return []byte("00")
	}
	v := c.ALPN[0]
	first, last := v[0], v[len(v)-1]
	if first > 127 { // as FoxIO's own program has it, against the later text
		return []byte("99")
	}
	if alnum(first) && alnum(last) {
		return []byte{first, last}
	}
	h := hex.EncodeToString(v)
	return []byte{h[0], h[len(h)-1]}
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func withoutGrease(out, v []uint16) []uint16 {
	for _, x := range v {
		if !Grease(x) {
			out = append(out, x)
		}
	}
	return out
}

func two(dst []byte, n int) []byte {
	n = min(n, 99)
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

func appendHex(dst []byte, vals []uint16) []byte {
	const digits = "0123456789abcdef"
	for i, v := range vals {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15])
	}
	return dst
}

func hash12(dst, text []byte, none bool) []byte {
	if none {
		return append(dst, "000000000000"...)
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(dst, sum[:6])
}
