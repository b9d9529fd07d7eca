package suricata

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// transform is one step between a buffer and its contents (Suricata user guide,
// "Transformations").
type transform struct {
	op     transformOp
	key    string // of xor; of pcrexform the pattern
	n, off int    // bytes and offset of from_base64, limit of gunzip and zlib_deflate
	mode   int    // of from_base64
	re     *capture
	magic  func([]byte) string // names a file by its first bytes
}

type transformOp uint8

const (
	trLower transformOp = iota
	trUpper
	trDotPrefix
	trURLDecode
	trStrip
	trCompress
	trMD5
	trSHA1
	trSHA256
	trXOR
	trHeaderLower
	trPCRE
	trFromBase64
	trGunzip
	trZlib
	trStripPseudo
	trDomain
	trTLD
	trMagic // of file.magic, not written in rules
	trSubslice
)

var transformKeywords = map[string]transformOp{
	"to_lowercase": trLower, "to_uppercase": trUpper, "dotprefix": trDotPrefix, "url_decode": trURLDecode,
	"strip_whitespace": trStrip, "compress_whitespace": trCompress, "to_md5": trMD5, "to_sha1": trSHA1,
	"to_sha256": trSHA256, "xor": trXOR, "header_lowercase": trHeaderLower,
	"pcrexform": trPCRE, "from_base64": trFromBase64, "gunzip": trGunzip, "zlib_deflate": trZlib, "strip_pseudo_headers": trStripPseudo, "domain": trDomain, "tld": trTLD, "subslice": trSubslice,
}

func kwTransform(b *builder, o *option) *fault {
	if !b.sticky || b.cur.buf == BufPayload {
		return wrong(o.key.off, o.key.s+" without a sticky buffer", "a buffer such as http.uri before it")
	}
	t := transform{op: transformKeywords[o.key.s]}
	if err := transformOption(&t, o); err != nil {
		return err
	}
	if len(b.cur.transforms) == maxTransforms {
		return wrong(o.key.off, "too many transformations", fmt.Sprintf("at most %d", maxTransforms))
	}
	chain := append(append([]transform(nil), b.cur.transforms...), t)
	if len(b.cur.items) > 0 && len(b.cur.transforms) > 0 || b.cur.absent {
		return wrong(o.key.off, "a transformation after a content of the same buffer", "transformations right after the buffer")
	}
	b.dropCurrent()
	b.cur = b.listFor(b.cur.buf, chain)
	b.last, b.prev = nil, nil
	return nil
}

func xorKey(t *transform, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	k, e := hex.DecodeString(strings.ReplaceAll(f.s, " ", ""))
	if e != nil || len(k) == 0 {
		return wrong(f.off, "xor without a key", "hexadecimal bytes")
	}
	t.key = string(k)
	return nil
}

const maxTransforms = 8

// registered gives the part of a host name that is registered, or the suffix under
// which it is (Public Suffix List); nothing if there is none.
func registered(host []byte, suffix bool) []byte {
	name := strings.ToLower(string(host))
	s, _ := publicsuffix.PublicSuffix(name)
	if suffix {
		if len(s) == 0 || len(s) > len(host) {
			return nil
		}
		return host[len(host)-len(s):]
	}
	d, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil || len(d) > len(host) {
		return nil
	}
	return host[len(host)-len(d):]
}

// apply writes the transformed form of in to dst.
func (t *transform) apply(dst, in []byte) []byte {
	switch t.op {
	case trMD5, trSHA1, trSHA256:
		if len(in) == 0 { // no digest is made of nothing
			return dst
		}
	}
	switch t.op {
	case trLower:
		for _, c := range in {
			dst = append(dst, foldTable[c])
		}
	case trUpper:
		for _, c := range in {
			if c >= 'a' && c <= 'z' {
				c -= 32
			}
			dst = append(dst, c)
		}
	case trDotPrefix:
		dst = append(append(dst, '.'), in...)
	case trURLDecode:
		dst = urlDecode(dst, in)
	case trStrip:
		for _, c := range in {
			if !isSpaceC(c) {
				dst = append(dst, c)
			}
		}
	case trCompress:
		space := false
		for _, c := range in {
			if s := isSpaceC(c); s {
				if !space {
					dst = append(dst, ' ')
				}
				space = true
				continue
			}
			space = false
			dst = append(dst, c)
		}
	case trMD5:
		h := md5.Sum(in)
		dst = append(dst, h[:]...)
	case trSHA1:
		h := sha1.Sum(in)
		dst = append(dst, h[:]...)
	case trSHA256:
		h := sha256.Sum256(in)
		dst = append(dst, h[:]...)
	case trXOR:
		for i, c := range in {
			dst = append(dst, c^t.key[i%len(t.key)])
		}
	case trPCRE:
		dst = append(dst, t.re.first(in)...)
	case trFromBase64:
		dst = t.fromBase64(dst, in)
	case trGunzip, trZlib:
		dst = t.inflate(dst, in)
	case trDomain, trTLD:
		dst = append(dst, registered(in, t.op == trTLD)...)
	case trMagic:
		dst = append(dst, t.magic(in)...)
	case trSubslice:
		dst = append(dst, t.subslice(in)...)
	case trStripPseudo:
		dst = stripPseudo(dst, in)
	case trHeaderLower:
		name := true
		for _, c := range in {
			switch c {
			case ':':
				name = false
			case '\n':
				name = true
			}
			if name {
				c = foldTable[c]
			}
			dst = append(dst, c)
		}
	}
	return dst
}

// urlDecode turns %XX into bytes and '+' into a blank; what is no valid escape
// stays.
func urlDecode(dst, in []byte) []byte {
	for i := 0; i < len(in); i++ {
		c := in[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(in) && isHex(in[i+1]) && isHex(in[i+2]):
			c = unhex(in[i+1])<<4 | unhex(in[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// foldTable maps A-Z to a-z and leaves other bytes.
var foldTable = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = byte(c) + 32
	}
	return t
}()

// key identifies a chain of transformations.
func chainKey(chain []transform) string {
	var b strings.Builder
	for _, t := range chain {
		fmt.Fprintf(&b, "%d:%x:%d:%d:%d,", t.op, t.key, t.n, t.off, t.mode)
	}
	return b.String()
}
