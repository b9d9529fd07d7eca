package suricata

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strconv"
	"strings"
)

// Modes of from_base64.
const (
	b64RFC4648 = iota // up to the first byte outside the alphabet; the default
	b64RFC2045        // bytes outside the alphabet are passed over
	b64Strict         // a byte outside the alphabet, or missing padding, fails
)

const (
	inflateDefault = 1024     // bytes gunzip and zlib_deflate give when max-size is not set
	inflateMax     = 16 << 20 // the most max-size may say
)

// transformOption reads the value of a transformation that takes one.
func transformOption(t *transform, o *option) *fault {
	switch t.op {
	case trXOR:
		return xorKey(t, o)
	case trPCRE:
		return transformPattern(t, o)
	case trFromBase64:
		return base64Options(t, o)
	case trSubslice:
		return subsliceOptions(t, o)
	case trGunzip, trZlib:
		return inflateOptions(t, o)
	}
	if o.hasVal && o.val.s != "" {
		return wrong(o.val.off, o.key.s+" takes no value", "';'")
	}
	return nil
}

// transformPattern takes pcrexform's pattern, written without slashes.
func transformPattern(t *transform, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	body := field{strings.ReplaceAll(f.s, `\;`, ";"), f.off}
	if t.re, err = compileCapture(body); err != nil {
		return err
	}
	t.key = body.s
	return nil
}

// base64Options takes from_base64: bytes N, offset N, mode M, each optional.
func base64Options(t *transform, o *option) *fault {
	if !o.hasVal || o.val.s == "" {
		return nil
	}
	for _, p := range o.val.list() {
		w := p.words()
		if len(w) != 2 {
			return wrong(p.off, "not an option of from_base64", "bytes N, offset N or mode M")
		}
		switch w[0].s {
		case "mode":
			m, ok := map[string]int{"rfc4648": b64RFC4648, "rfc2045": b64RFC2045, "strict": b64Strict}[strings.ToLower(w[1].s)]
			if !ok {
				return wrong(w[1].off, "unknown mode of from_base64", "rfc4648, rfc2045 or strict")
			}
			t.mode = m
		case "bytes", "offset":
			n, e := strconv.ParseUint(w[1].s, 10, 16)
			if e != nil {
				if isAlpha(w[1].s[0]) {
					return refused(w[1].off, "from_base64 with a variable")
				}
				return wrong(w[1].off, "not a number", "0 to 65535")
			}
			if w[0].s == "bytes" {
				t.n = int(n)
			} else {
				t.off = int(n)
			}
		default:
			return wrong(p.off, "not an option of from_base64", "bytes N, offset N or mode M")
		}
	}
	return nil
}

// inflateOptions takes gunzip and zlib_deflate: max-size N, optional.
func inflateOptions(t *transform, o *option) *fault {
	t.n = inflateDefault
	if !o.hasVal || o.val.s == "" {
		return nil
	}
	w := o.val.words()
	if len(w) != 2 || w[0].s != "max-size" {
		return wrong(o.val.off, "not an option of "+o.key.s, "max-size N")
	}
	digits := strings.TrimRight(w[1].s, "KkMiB")
	n, err := strconv.ParseUint(digits, 10, 32)
	switch strings.ToLower(w[1].s[len(digits):]) {
	case "":
	case "kib", "kb", "k":
		n <<= 10
	case "mib", "mb", "m":
		n <<= 20
	default:
		n = 0
	}
	if err != nil || n == 0 || n > inflateMax {
		return wrong(w[1].off, "not a size", "1 to 16MiB")
	}
	t.n = int(n)
	return nil
}

// inflate decompresses at most t.n bytes; what can't be decompressed gives an
// empty buffer.
func (t *transform) inflate(dst, in []byte) []byte {
	var r io.Reader
	var err error
	if t.op == trGunzip {
		r, err = gzip.NewReader(bytes.NewReader(in))
	} else {
		r, err = zlib.NewReader(bytes.NewReader(in))
	}
	if err != nil {
		return dst
	}
	out := bytes.NewBuffer(dst)
	_, _ = io.CopyN(out, r, int64(t.n)) // what was reached before an error counts
	return out.Bytes()
}

// fromBase64 decodes a part of the buffer. A buffer that has no more than the bytes
// asked for, or of which nothing can be decoded, stays as it is.
func (t *transform) fromBase64(dst, in []byte) []byte {
	if t.off >= len(in) {
		return append(dst, in...)
	}
	part := in[t.off:]
	if t.n > 0 {
		if t.n >= len(part) {
			return append(dst, in...)
		}
		part = part[:t.n]
	}
	start := len(dst)
	switch t.mode {
	case b64RFC4648:
		dst = decodeBase64(dst, part, false)
	case b64RFC2045:
		dst = decodeBase64(dst, part, true)
	default:
		body := bytes.TrimRight(part, "=")
		pad := len(part) - len(body)
		good := len(part)%4 == 0 && pad <= 2
		for _, c := range body {
			good = good && base64Table[c] >= 0
		}
		if good {
			dst = decodeBase64(dst, body, false)
		}
	}
	if len(dst) == start {
		return append(dst, in...)
	}
	return dst
}

// stripPseudo leaves out the lines of HTTP/2's pseudo headers, which begin
// with a colon (RFC 9113 section 8.3).
func stripPseudo(dst, in []byte) []byte {
	for len(in) > 0 {
		line := in
		if i := bytes.IndexByte(in, '\n'); i >= 0 {
			line = in[:i+1]
		}
		in = in[len(line):]
		if line[0] != ':' {
			dst = append(dst, line...)
		}
	}
	return dst
}
