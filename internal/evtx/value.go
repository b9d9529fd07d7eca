package evtx

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Types of values ([MS-EVEN6] 2.2.12, BinXmlValueType).
const (
	typeNull = iota
	typeString
	typeANSI
	typeInt8
	typeUint8
	typeInt16
	typeUint16
	typeInt32
	typeUint32
	typeInt64
	typeUint64
	typeFloat
	typeDouble
	typeBool
	typeBinary
	typeGUID
	typeSize
	typeFileTime
	typeSysTime
	typeSID
	typeHex32
	typeHex64
	typeBinXML = 0x21
	typeArray  = 0x80
)

// utf16le decodes UTF-16 and drops zeros at its end.
func utf16le(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	for len(u) > 0 && u[len(u)-1] == 0 {
		u = u[:len(u)-1]
	}
	return string(utf16.Decode(u))
}

// little reads up to eight bytes as a number.
func little(b []byte) uint64 {
	var n uint64
	for i := min(len(b), 8) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// format writes a value as Windows writes it in XML. A value of another length
// than its type has is written as far as it goes.
func format(typ byte, b []byte) string {
	n := little(b)
	switch typ {
	case typeNull:
		return ""
	case typeString:
		return utf16le(b)
	case typeANSI:
		out := make([]rune, 0, len(b))
		for _, c := range []byte(strings.TrimRight(string(b), "\x00")) {
			out = append(out, rune(c))
		}
		return string(out)
	case typeInt8:
		return strconv.FormatInt(int64(int8(n)), 10)
	case typeInt16:
		return strconv.FormatInt(int64(int16(n)), 10)
	case typeInt32:
		return strconv.FormatInt(int64(int32(n)), 10)
	case typeInt64:
		return strconv.FormatInt(int64(n), 10)
	case typeUint8, typeUint16, typeUint32, typeUint64:
		return strconv.FormatUint(n, 10)
	case typeFloat:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(n))), 'g', -1, 32)
	case typeDouble:
		return strconv.FormatFloat(math.Float64frombits(n), 'g', -1, 64)
	case typeBool:
		return strconv.FormatBool(n != 0)
	case typeGUID:
		if len(b) == 16 {
			return fmt.Sprintf("{%08X-%04X-%04X-%X-%X}", uint32(n), binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:])
		}
	case typeSize, typeHex32, typeHex64:
		return "0x" + strconv.FormatUint(n, 16)
	case typeFileTime:
		// 100 ns since 1601; a year of five digits is no time in XML.
		t := time.Unix(int64(n/1e7)-11644473600, int64(n%1e7)*100).UTC()
		if t.Year() > 9999 {
			return strconv.FormatUint(n, 10)
		}
		return t.Format("2006-01-02T15:04:05.0000000Z")
	case typeSysTime:
		if len(b) == 16 {
			f := func(i int) int { return int(binary.LittleEndian.Uint16(b[2*i:])) }
			return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", f(0), f(1), f(3), f(4), f(5), f(6), f(7))
		}
	case typeSID:
		return sid(b)
	}
	return strings.ToUpper(hex.EncodeToString(b))
}

// sid writes a security identifier ([MS-DTYP] 2.4.2).
func sid(b []byte) string {
	if len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return strings.ToUpper(hex.EncodeToString(b))
	}
	var authority uint64
	for _, c := range b[2:8] {
		authority = authority<<8 | uint64(c)
	}
	s := fmt.Sprintf("S-%d-%d", b[0], authority)
	for i := 8; i < len(b); i += 4 {
		s += "-" + strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[i:])), 10)
	}
	return s
}

// width is the size of the items of an array, by type.
var width = map[byte]int{
	typeInt8: 1, typeUint8: 1, typeInt16: 2, typeUint16: 2, typeInt32: 4, typeUint32: 4, typeInt64: 8, typeUint64: 8, typeFloat: 4,
	typeDouble: 8, typeBool: 4, typeGUID: 16, typeFileTime: 8, typeSysTime: 16, typeHex32: 4, typeHex64: 8,
}

// formatList writes the items of an array.
func formatList(typ byte, b []byte) []string {
	if typ == typeString {
		return strings.Split(utf16le(b), "\x00")
	}
	n := width[typ]
	if n == 0 {
		return []string{strings.ToUpper(hex.EncodeToString(b))}
	}
	var out []string
	for ; len(b) >= n; b = b[n:] {
		out = append(out, format(typ, b[:n]))
	}
	return out
}
