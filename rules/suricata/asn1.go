package suricata

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// asn1Check is what asn1 asks of the objects of BER (ITU-T X.690) that a buffer
// holds one behind the other (Suricata user guide, "asn1").
type asn1Check struct {
	bitstring, double bool
	oversize          int64 // -1: not asked
	absolute          int   // -1: not given
	relative          int
}

// maxASN1Frames bounds the objects that are looked at, and their depth
// (asn1-max-frames).
const maxASN1Frames = 30

// kwASN1 takes asn1:bitstring_overflow, double_overflow, oversize_length N,
// absolute_offset N or relative_offset N, separated by commas or blanks.
func kwASN1(b *builder, o *option) *fault {
	x := &asn1Check{oversize: -1, absolute: -1}
	it := item{kind: itASN1, asn1: x, at: o.val.off}
	w := strings.FieldsFunc(o.val.s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	for i := 0; i < len(w); i++ {
		switch w[i] {
		case "bitstring_overflow":
			x.bitstring = true
			continue
		case "double_overflow":
			x.double = true
			continue
		case "oversize_length", "absolute_offset", "relative_offset":
		default:
			return wrong(o.val.off, fmt.Sprintf("unknown option %q", w[i]), "bitstring_overflow, double_overflow, oversize_length N, absolute_offset N or relative_offset N")
		}
		if i+1 == len(w) {
			return wrong(o.val.off+len(o.val.s), w[i]+" without a number", "a number")
		}
		n, err := strconv.ParseInt(w[i+1], 10, 64)
		lo, hi := int64(0), int64(1<<16-1)
		switch w[i] {
		case "oversize_length":
			hi = 1<<32 - 1
		case "relative_offset":
			lo = -hi
		}
		if err != nil || n < lo || n > hi {
			return wrong(o.val.off, fmt.Sprintf("%q is no number of %s", w[i+1], w[i]), fmt.Sprintf("%d to %d", lo, hi))
		}
		switch w[i] {
		case "oversize_length":
			x.oversize = n
		case "absolute_offset":
			x.absolute = int(n)
		default:
			x.relative, it.relative = int(n), true
		}
		i++
	}
	if it.relative = it.relative && x.absolute < 0; len(w) == 0 {
		return wrong(o.val.off, "asn1 without an option", "oversize_length N")
	}
	b.add(it)
	return nil
}

// matches looks at the objects from the offset asked for; prev is where the item
// before ended.
func (x *asn1Check) matches(data []byte, prev int, relative bool) bool {
	at := max(x.absolute, 0)
	if relative {
		at = prev + x.relative
	}
	if at < 0 || at >= len(data) {
		return false
	}
	found := false
	data = data[at:]
	for n := 0; len(data) > 0; n++ {
		if n == maxASN1Frames { // nothing is decided then
			return false
		}
		rest, hit, ok := x.object(data, maxASN1Frames)
		if !ok {
			break
		}
		found = found || hit
		data = rest
	}
	return found
}

// Numbers of the universal tags that matter here.
const (
	berBoolean = 1
	berBits    = 3
	berNull    = 5
	berReal    = 9
	berSeq     = 16
	berSet     = 17
)

// object looks at the first object of b and those in it. ok is false if it is not
// whole or not BER.
func (x *asn1Check) object(b []byte, depth int) (rest []byte, hit, ok bool) {
	tag, size, head, ok := berHeader(b)
	if !ok || depth == 0 || size > uint64(len(b)-head) {
		return nil, false, false
	}
	body, rest := b[head:head+int(size)], b[head+int(size):]
	hit = x.oversize >= 0 && size > uint64(x.oversize)
	universal, constructed := b[0]&0xc0 == 0, b[0]&0x20 != 0
	if !universal {
		return rest, hit, true
	}
	switch tag {
	case berSeq, berSet:
		if !constructed {
			return nil, false, false
		}
		for len(body) > 0 {
			next, inner, ok := x.object(body, depth-1)
			if !ok {
				return nil, false, false
			}
			hit, body = hit || inner, next
		}
	case berBits:
		if constructed || len(body) == 0 {
			return nil, false, false
		}
		hit = hit || x.bitstring && uint64(body[0]) > size*8
	case berReal:
		hit = hit || x.double && !constructed && len(body) > 256 && body[0]&0xc0 == 0
	case berBoolean:
		return rest, hit, len(body) == 1
	case berNull:
		return rest, hit, len(body) == 0
	}
	return rest, hit, true
}

// berHeader reads the tag and the definite length of an object.
func berHeader(b []byte) (tag, size uint64, n int, ok bool) {
	if len(b) < 2 {
		return 0, 0, 0, false
	}
	tag, n = uint64(b[0]&0x1f), 1
	if tag == 0x1f {
		tag = 0
		for more := true; more; n++ {
			if n >= len(b) || n > 5 {
				return 0, 0, 0, false
			}
			tag, more = tag<<7|uint64(b[n]&0x7f), b[n]&0x80 != 0
		}
	}
	if n >= len(b) {
		return 0, 0, 0, false
	}
	k := int(b[n] & 0x7f)
	if n++; b[n-1] < 0x80 {
		return tag, uint64(k), n, true
	}
	if k == 0 || k > 8 || n+k > len(b) { // an indefinite length, or one that is too long
		return 0, 0, 0, false
	}
	var long [8]byte
	copy(long[8-k:], b[n:n+k])
	return tag, binary.BigEndian.Uint64(long[:]), n + k, true
}
