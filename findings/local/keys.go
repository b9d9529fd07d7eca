package local

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"

	"saksi/event"
)

// A key is a value as bytes that sort as the values do: text as it is, numbers
// in eight bytes, addresses in seventeen (their 16-byte form, then 4 or 6).

const addrKey = 17

// keyWidth is the length of each key of a field of this type; 0 is any.
func keyWidth(t event.Type) int {
	switch t {
	case event.Keyword, event.Text:
		return 0
	case event.IP:
		return addrKey
	}
	return 8
}

func appendKey(dst []byte, v *event.Value) []byte {
	switch v.Type() {
	case event.Keyword, event.Text:
		return append(dst, v.Str()...)
	case event.IP:
		return appendAddr(dst, v.Addr())
	case event.Float:
		return appendFloat(dst, v.Float())
	}
	return appendInt(dst, v.Int())
}

func appendInt(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n)^1<<63)
}

func keyInt(k []byte) int64 { return int64(binary.BigEndian.Uint64(k) ^ 1<<63) }

func appendFloat(dst []byte, x float64) []byte {
	bits := math.Float64bits(x)
	if bits>>63 != 0 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(dst, bits)
}

func keyFloat(k []byte) float64 {
	bits := binary.BigEndian.Uint64(k)
	if bits>>63 != 0 {
		bits &^= 1 << 63
	} else {
		bits = ^bits
	}
	return math.Float64frombits(bits)
}

func appendAddr(dst []byte, a netip.Addr) []byte {
	b := a.As16()
	dst = append(dst, b[:]...)
	if a.Is4() {
		return append(dst, 4)
	}
	return append(dst, 6)
}

func keyAddr(k []byte) netip.Addr {
	a := netip.AddrFrom16([16]byte(k[:16]))
	if k[16] == 4 {
		return a.Unmap()
	}
	return a
}

// keyText is the text form of a key's value, as event.Value.AppendText writes it.
func keyText(t event.Type, k []byte) string {
	var b []byte
	switch t {
	case event.Keyword, event.Text:
		return string(k)
	case event.IP:
		return keyAddr(k).String()
	default:
		b = appendNumber(b, t, k)
	}
	return string(b)
}

func appendNumber(dst []byte, t event.Type, k []byte) []byte {
	switch t {
	case event.Float:
		return strconv.AppendFloat(dst, keyFloat(k), 'g', -1, 64)
	case event.Boolean:
		return strconv.AppendBool(dst, keyInt(k) != 0)
	case event.Date:
		return event.AppendTime(dst, keyInt(k))
	}
	return strconv.AppendInt(dst, keyInt(k), 10)
}

// netRange is the first and the last key that an address of a network may have,
// of either family.
func netRange(p netip.Prefix) (lo, hi []byte) {
	a := p.Masked().Addr()
	bits := p.Bits()
	if a.Is4() {
		bits += 96
	}
	first := a.As16()
	last := first
	for i := bits; i < 128; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return append(first[:], 0), append(last[:], 0xff)
}
