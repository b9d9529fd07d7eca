package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func be64(b []byte) uint64       { return binary.BigEndian.Uint64(b) }
func putBE64(b []byte, n uint64) { binary.BigEndian.PutUint64(b, n) }

func floatBits(x float64) (uint64, bool) {
	return math.Float64bits(x), !math.IsNaN(x) && !math.IsInf(x, 0)
}

// Float returns the number of a Float value.
func (v Value) Float() float64 { return math.Float64frombits(v.num) }

// path is how a field is written.
type path struct {
	text string // the keys of its objects and its own: `"dns":{"question":{"name":`
	// objects holds, for each object around the field, from the outermost on,
	// the first field that is in it too, and where in text what is in it begins.
	objects []object
}

type object struct {
	first Field
	at    int
}

// paths holds the path of each field. As fields are in the order of their paths,
// those of one object follow each other: a field that is neither before the first
// of an object nor behind another in it is in it.
var paths = func() [NumFields]path {
	var all [NumFields]path
	first := map[string]Field{}
	for i := Field(1); int(i) < NumFields; i++ {
		p := &all[i]
		name := fields[i].name
		for k := range len(name) {
			if name[k] != '.' {
				continue
			}
			if _, ok := first[name[:k]]; !ok {
				first[name[:k]] = i
			}
			p.text += `"` + name[strings.LastIndexByte(name[:k], '.')+1:k] + `":{`
			p.objects = append(p.objects, object{first[name[:k]], len(p.text)})
		}
		p.text += `"` + name[strings.LastIndexByte(name, '.')+1:] + `":`
	}
	return all
}()

// derived marks the fields that are no part of a document's identity: the id
// itself, when it was stored, the versions of who wrote it, and what a mapping
// that may be edited later adds.
var derived = func() [NumFields]bool {
	var d [NumFields]bool
	for _, f := range []Field{EventID, EventIngested, AgentVersion, ObserverVersion, SaksiControl, SaksiMaskedDigest} {
		d[f] = true
	}
	return d
}()

// ID is the document's id: the SHA-256, in hex, of AppendJSON without
// event.id, event.ingested, agent.version, observer.version, Saksi.control and
// Saksi.masked_digest (whose key is an agency's own). With jq it is
//
//	jq -cjS 'del(.event.id,.event.ingested,.agent.version,.observer.version,.Saksi.control,.Saksi.masked_digest)' | sha256sum
//
// where an object left empty by that is left out too.
func (e *Event) ID() string {
	buf := e.appendFields(make([]byte, 0, 1024), false)
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:])
}

// AppendJSON appends the canonical JSON of e to dst: one nested object, keys
// in byte order, no white space, with event.id. For a field that is no array
// the last value counts.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst, id := e.encode(dst)
	e.Delete(EventID)
	e.Str(EventID, string(id[:]))
	return dst
}

// Encode is AppendJSON for an event that nobody reads further: it need not hold
// its id then.
func (e *Event) Encode(dst []byte) []byte {
	dst, _ = e.encode(dst)
	return dst
}

// encode also returns the id.
func (e *Event) encode(dst []byte) (_ []byte, hexID [2 * sha256.Size]byte) {
	start := len(dst)
	dst, at := e.appendDocument(dst, false)
	sum := sha256.Sum256(dst[start:])
	const key = `,"id":"`
	var id [len(key) + 2*sha256.Size + 1]byte
	copy(id[:], key)
	hex.Encode(id[len(key):], sum[:])
	id[len(id)-1] = '"'
	hexID = [2 * sha256.Size]byte(id[len(key):])
	if at == 0 || e.hasDerived() {
		e.Delete(EventID)
		e.Str(EventID, string(hexID[:]))
		return e.appendFields(dst[:start], true), hexID
	}
	n := len(dst) // the id goes where it belongs in what is written already
	dst = append(dst, id[:]...)
	copy(dst[at+len(id):], dst[at:n])
	copy(dst[at:], id[:])
	return dst, hexID
}

// hasDerived reports whether e has a derived field besides its id.
func (e *Event) hasDerived() bool {
	for i := range e.vals {
		if f := e.vals[i].Field; derived[f] && f != EventID {
			return true
		}
	}
	return false
}

// sort puts the positions of the values into the order of their fields, values
// of one field in the order they were added.
func (e *Event) sort() {
	e.order = e.order[:0]
	for i := range e.vals {
		if e.vals[i].hold || e.vals[i].Field.held() {
			continue
		}
		k := uint64(e.vals[i].Field)<<32 | uint64(i)
		j := len(e.order)
		e.order = append(e.order, k)
		for ; j > 0 && e.order[j-1] > k; j-- {
			e.order[j] = e.order[j-1]
		}
		e.order[j] = k
		if i == maxInsertion {
			for i++; i < len(e.vals); i++ {
				if e.vals[i].hold || e.vals[i].Field.held() {
					continue
				}
				e.order = append(e.order, uint64(e.vals[i].Field)<<32|uint64(i))
			}
			slices.Sort(e.order)
			return
		}
	}
}

// maxInsertion is the number of values up to which an insertion sort is faster.
const maxInsertion = 48

func (e *Event) appendFields(dst []byte, withDerived bool) []byte {
	dst, _ = e.appendDocument(dst, withDerived)
	return dst
}

// firstOfEvent is the first field of the object that event.id is in.
var firstOfEvent = paths[EventID].objects[0].first

// appendDocument also returns where event.id would follow what is written, or
// 0 if no other field of the event object comes before it.
func (e *Event) appendDocument(dst []byte, withDerived bool) (_ []byte, idAt int) {
	e.sort()
	dst = append(dst, '{')
	var last Field // written
	open := 0      // objects around it
	for i := 0; i < len(e.order); {
		v := &e.vals[uint32(e.order[i])]
		f := v.Field
		j := i + 1
		for j < len(e.order) && Field(e.order[j]>>32) == f {
			j++
		}
		if derived[f] && !withDerived {
			i = j
			continue
		}
		p := &paths[f]
		common, at := 0, 0
		for common < len(p.objects) && p.objects[common].first <= last {
			at = p.objects[common].at
			common++
		}
		for ; open > common; open-- {
			dst = append(dst, '}')
		}
		if last != 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, p.text[at:]...)
		open, last = len(p.objects), f
		if fields[f].array {
			dst = append(dst, '[')
			for k := i; k < j; k++ {
				if k > i {
					dst = append(dst, ',')
				}
				dst = e.vals[uint32(e.order[k])].appendJSON(dst)
			}
			dst = append(dst, ']')
		} else {
			dst = e.vals[uint32(e.order[j-1])].appendJSON(dst)
		}
		if f < EventID && f >= firstOfEvent && open == 1 {
			idAt = len(dst)
		}
		i = j
	}
	for ; open > 0; open-- {
		dst = append(dst, '}')
	}
	return append(dst, '}'), idAt
}

func (v *Value) appendJSON(dst []byte) []byte {
	switch v.typ {
	case Keyword, Text:
		return appendString(dst, v.str)
	default:
		if v.typ == Date || v.typ == IP {
			dst = append(dst, '"')
			return append(v.AppendText(dst), '"')
		}
		return v.AppendText(dst)
	}
}

// AppendText appends v as plain text: RFC 3339 with nanoseconds and Z for a
// date, the canonical form for an address, the bytes themselves for a string.
func (v Value) AppendText(dst []byte) []byte {
	switch v.typ {
	case Keyword, Text:
		return append(dst, v.str...)
	case Long:
		return strconv.AppendInt(dst, int64(v.num), 10)
	case Float:
		return strconv.AppendFloat(dst, v.Float(), 'g', -1, 64)
	case Boolean:
		return strconv.AppendBool(dst, v.num != 0)
	case Date:
		return AppendTime(dst, int64(v.num))
	case IP:
		return v.Addr().AppendTo(dst)
	}
	return dst
}

// AppendTime appends Unix nanoseconds as RFC 3339 in UTC with nine digits of
// fraction, so that times sort as text.
func AppendTime(dst []byte, ns int64) []byte {
	t := time.Unix(0, ns).UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000000000Z")
	}
	hour, minute, sec := t.Clock()
	b := [...]byte{
		byte('0' + year/1000), byte('0' + year/100%10), byte('0' + year/10%10), byte('0' + year%10), '-',
		byte('0' + month/10), byte('0' + month%10), '-', byte('0' + day/10), byte('0' + day%10), 'T',
		byte('0' + hour/10), byte('0' + hour%10), ':', byte('0' + minute/10), byte('0' + minute%10), ':',
		byte('0' + sec/10), byte('0' + sec%10), '.', '0', '0', '0', '0', '0', '0', '0', '0', '0', 'Z',
	}
	for i, n := len(b)-2, t.Nanosecond(); n > 0; i, n = i-1, n/10 {
		b[i] = byte('0' + n%10)
	}
	return append(dst, b[:]...)
}

// asIs are the bytes that stand for themselves in a JSON string.
var asIs = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string as jq writes it: the short escapes,
// \u00NN for other control characters and DEL. Bytes that are no UTF-8 become
// the four characters \xNN.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if asIs[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			case '\b':
				dst = append(dst, '\\', 'b')
			case '\f':
				dst = append(dst, '\\', 'f')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			i++
			start = i
			continue
		}
		i += n
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
