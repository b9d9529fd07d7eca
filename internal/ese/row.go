package ese

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf16"

	"saksi/internal/xpress"
)

// Row is a row of a table.
type Row struct {
	Offset  int64 // in the file
	Deleted bool  // it was deleted, and is still there
	Cut     bool  // a value that was asked for is longer than MaxValue, or lost

	db      *DB
	table   *Table
	b       []byte
	fixed   int // the last fixed column
	nulls   []byte
	ends    []byte // of variable columns, two bytes each
	vars    []byte
	tagged  []byte
	tagSize int
}

// Flags of a tagged value.
const (
	valueLong       = 0x01
	valueCompressed = 0x02
	valueSeparate   = 0x04
	valueMany       = 0x08
	valueTwo        = 0x10
	valueNull       = 0x20
	valueEncrypted  = 0x40
)

// parse finds the parts of a row. Tagged values of the oldest form are not read.
func (r *Row) parse(array bool) bool {
	if len(r.b) < 4 {
		return false
	}
	r.fixed = int(r.b[0])
	end := int(binary.LittleEndian.Uint16(r.b[2:]))
	n := 2 * max(int(r.b[1])-127, 0)
	bitmap := (r.fixed + 7) / 8
	if end < 4+bitmap || end+n > len(r.b) {
		return false
	}
	r.nulls, r.ends = r.b[end-bitmap:end], r.b[end:end+n]
	rest, used := r.b[end+n:], 0
	if n > 0 {
		used = int(binary.LittleEndian.Uint16(r.ends[n-2:]) & 0x7fff)
	}
	if used > len(rest) {
		return false
	}
	r.vars, r.tagged = rest[:used], rest[used:]
	if !array {
		r.Cut = len(r.tagged) > 0
		return true
	}
	if len(r.tagged) >= 4 {
		// The first value's place tells how many there are.
		r.tagSize = r.offset(0)
		if r.tagSize > len(r.tagged) || r.tagSize%4 != 0 {
			return false
		}
	}
	return true
}

// offset is where a tagged value begins in r.tagged.
func (r *Row) offset(i int) int {
	off := int(binary.LittleEndian.Uint16(r.tagged[4*i+2:]))
	if r.db.large {
		return off & 0x7fff
	}
	return off & 0x1fff
}

// raw gives the values of a column, none for NULL.
func (r *Row) raw(c *Column) [][]byte {
	switch {
	case c.ID <= 127:
		i := int(c.ID) - 1
		if int(c.ID) > r.fixed || i < 0 || r.nulls[i/8]&(1<<(i%8)) != 0 || c.offset+c.size > len(r.b)-len(r.ends)-len(r.vars)-len(r.tagged)-len(r.nulls) {
			return nil
		}
		return [][]byte{r.b[c.offset : c.offset+c.size]}
	case c.ID <= 255:
		i := int(c.ID) - 128
		if 2*i >= len(r.ends) {
			return nil
		}
		from, to := 0, int(binary.LittleEndian.Uint16(r.ends[2*i:]))
		if i > 0 {
			from = int(binary.LittleEndian.Uint16(r.ends[2*i-2:]) & 0x7fff)
		}
		if to&0x8000 != 0 || from > to || to > len(r.vars) {
			return nil
		}
		return [][]byte{r.vars[from:to]}
	}
	for i := range r.tagSize / 4 {
		word := binary.LittleEndian.Uint16(r.tagged[4*i+2:])
		if uint32(binary.LittleEndian.Uint16(r.tagged[4*i:])) == c.ID && (word&0x8000 != 0) == c.derived {
			return r.taggedAt(c, i, word)
		}
	}
	return nil
}

// taggedAt gives the values of the i-th tagged column of the row.
func (r *Row) taggedAt(c *Column, i int, word uint16) [][]byte {
	from, to := r.offset(i), len(r.tagged)
	if 4*(i+1) < r.tagSize {
		to = r.offset(i + 1)
	}
	if from > to || to > len(r.tagged) {
		r.Cut = true
		return nil
	}
	b := r.tagged[from:to]
	flags := byte(0)
	if r.db.large || word&0x4000 != 0 {
		if len(b) == 0 {
			return nil
		}
		flags, b = b[0], b[1:]
	}
	if !r.db.large && word&0x2000 != 0 || flags&valueNull != 0 {
		return nil
	}
	switch {
	case flags&valueEncrypted != 0:
		r.Cut = true
		return nil
	case flags&valueMany != 0 && flags&valueTwo != 0:
		if len(b) == 0 || 1+int(b[0]) > len(b) {
			r.Cut = true
			return nil
		}
		return [][]byte{b[1 : 1+int(b[0])], b[1+int(b[0]):]}
	case flags&valueMany != 0:
		return r.many(flags, b)
	case flags&valueSeparate != 0:
		return r.one(r.separate(b))
	case flags&valueCompressed != 0:
		return r.one(r.expand(b))
	}
	return [][]byte{b}
}

func (r *Row) one(b []byte, ok bool) [][]byte {
	if !ok {
		r.Cut = true
	}
	if b == nil {
		return nil
	}
	return [][]byte{b}
}

// many gives the parts of a value of many: their places, then their bytes.
func (r *Row) many(flags byte, b []byte) (out [][]byte) {
	if len(b) < 2 {
		r.Cut = true
		return nil
	}
	n := int(binary.LittleEndian.Uint16(b)&0x7fff) / 2
	if 2*n > len(b) {
		r.Cut = true
		return nil
	}
	for i := range n {
		word := binary.LittleEndian.Uint16(b[2*i:])
		from, to := int(word&0x7fff), len(b)
		if i+1 < n {
			to = int(binary.LittleEndian.Uint16(b[2*i+2:]) & 0x7fff)
		}
		if from > to || to > len(b) {
			r.Cut = true
			continue
		}
		v, ok := b[from:to], true
		switch {
		case word&0x8000 != 0:
			v, ok = r.separate(v)
		case i == 0 && flags&valueCompressed != 0:
			v, ok = r.expand(v)
		}
		out = append(out, r.one(v, ok)...)
	}
	return out
}

// separate gives a long value, which lies in a tree of its own under its
// identifier, in segments.
func (r *Row) separate(id []byte) (out []byte, ok bool) {
	d := r.db
	if len(id) != 4 && len(id) != 8 || r.table.long == 0 {
		return nil, false
	}
	key := bytes.Clone(id)
	for i, j := 0, len(key)-1; i < j; i, j = i+1, j-1 {
		key[i], key[j] = key[j], key[i]
	}
	size, whole := -1, false
	var segment []byte // waits for what comes behind it, which tells its size
	take := func(end int) bool {
		want := end - len(out)
		if want < 0 {
			return false
		}
		if len(segment) != want {
			var fine bool
			if segment, fine = r.expand(segment); !fine || len(segment) != want {
				return false
			}
		}
		d.budget -= int64(len(segment))
		out = append(out, segment...)
		return len(out) < MaxValue && d.budget > 0
	}
	err := d.seek(r.table.long, r.table.longID, key, func(n *node) bool {
		switch {
		case !bytes.HasPrefix(n.key, key):
			return false
		case len(n.key) == len(key):
			if len(n.data) < 8 {
				return false
			}
			size = int(binary.LittleEndian.Uint32(n.data[4:]))
			return true
		case len(n.key) != len(key)+4 || size < 0:
			return false
		}
		at := int(binary.BigEndian.Uint32(n.key[len(key):]))
		switch {
		case at == 0 && segment == nil:
		case segment == nil || !take(at):
			segment = nil
			return false
		}
		segment = bytes.Clone(n.data)
		return true
	})
	if err == nil && segment != nil && size >= 0 {
		whole = take(size) || len(out) == size
	}
	if len(out) > MaxValue {
		out, whole = out[:MaxValue], false
	}
	return out, whole
}

// expand gives what was compressed: 7 bits a character, or LZ77.
func (r *Row) expand(b []byte) ([]byte, bool) {
	if len(b) == 0 {
		return b, true
	}
	d := r.db
	if d.budget <= 0 {
		return nil, false
	}
	switch b[0] >> 3 {
	case 1, 2:
		n := (int(b[0]&7) + 1 + 8*(len(b)-2)) / 7
		if len(b) < 2 {
			n = 0
		}
		wide := b[0]>>3 == 2
		out := make([]byte, 0, 2*n)
		for i := range n {
			bit := 7 * i
			v := uint(b[1+bit/8]) >> (bit % 8)
			if 2+bit/8 < len(b) {
				v |= uint(b[2+bit/8]) << (8 - bit%8)
			}
			if out = append(out, byte(v&0x7f)); wide {
				out = append(out, 0)
			}
		}
		d.budget -= int64(len(out))
		return out, true
	case 3:
		if len(b) < 3 {
			return nil, false
		}
		out, err := xpress.ExpandPlain(b[3:], int(binary.LittleEndian.Uint16(b[1:])))
		d.budget -= int64(len(out))
		return out, err == nil
	case 0:
		return b[1:], true
	}
	return nil, false
}

// Present gives the columns that the row may hold a value of, in the order of their
// numbers: as many as it has room for, however many the table has.
func (r *Row) Present(f func(c *Column)) {
	give := func(id uint32) {
		if i, ok := r.table.byID[id]; ok {
			f(&r.table.Columns[i])
		}
	}
	for id := 1; id <= min(r.fixed, 127); id++ {
		give(uint32(id))
	}
	for i := range len(r.ends) / 2 {
		give(uint32(128 + i))
	}
	for i := range r.tagSize / 4 {
		id := uint32(binary.LittleEndian.Uint16(r.tagged[4*i:]))
		if binary.LittleEndian.Uint16(r.tagged[4*i+2:])&0x8000 != 0 {
			id |= 1 << 31
		}
		give(id)
	}
}

// Values gives the values of a column as text, none for NULL. Binary ones are
// in hexadecimal.
func (r *Row) Values(c *Column) (out []string) {
	for _, b := range r.raw(c) {
		if len(b) > MaxValue {
			b, r.Cut = b[:MaxValue], true
		}
		out = append(out, c.text(b))
	}
	return out
}

// Text gives the values of a column by its name as text, joined by "; ".
func (r *Row) Text(name string) string {
	if c := r.table.Column(name); c != nil {
		return strings.Join(r.Values(c), "; ")
	}
	return ""
}

// Bytes gives the first value of a column as it is.
func (r *Row) Bytes(name string) []byte {
	if c := r.table.Column(name); c != nil {
		if v := r.raw(c); len(v) > 0 {
			return v[0][:min(len(v[0]), MaxValue)]
		}
	}
	return nil
}

// Int gives a number, 0 for NULL; unsigned 64-bit ones wrap.
func (r *Row) Int(name string) int64 {
	c := r.table.Column(name)
	if c == nil {
		return 0
	}
	b := r.Bytes(name)
	switch {
	case len(b) == 1:
		return int64(b[0])
	case len(b) == 2 && c.Type == Short:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case len(b) == 2:
		return int64(binary.LittleEndian.Uint16(b))
	case len(b) == 4 && c.Type == Long:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case len(b) == 4:
		return int64(binary.LittleEndian.Uint32(b))
	case len(b) == 8:
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// Time gives a column as Unix nanoseconds, 0 for none: dates as days since 1900
// in a floating point number, or as FILETIME; numbers as FILETIME.
func (r *Row) Time(name string) int64 {
	b := r.Bytes(name)
	if len(b) != 8 {
		return 0
	}
	c := r.table.Column(name)
	if c.Type == DateTime || c.Type == Double {
		if t := dayTime(math.Float64frombits(binary.LittleEndian.Uint64(b))); t != 0 {
			return t
		}
	}
	return fileTime(binary.LittleEndian.Uint64(b))
}

// dayTime is of days since 1899-12-30 (VT_DATE), to the millisecond, from 1900 to 2200.
func dayTime(days float64) int64 {
	if !(days > 1 && days < 110_000) {
		return 0
	}
	return int64(math.Round((days-25569)*86_400_000)) * 1_000_000
}

// fileTime is a FILETIME as Unix nanoseconds, 0 before 1900 and after 2230.
func fileTime(t uint64) int64 {
	if t < 94_354_848_000_000_000 || t > 198_500_000_000_000_000 {
		return 0
	}
	return (int64(t) - 116_444_736_000_000_000) * 100
}

// text shows a value by the type of its column.
func (c *Column) text(b []byte) string {
	le := binary.LittleEndian
	switch {
	case c.Type == Text || c.Type == LongText:
		if c.CodePage != 1200 {
			return latin(b)
		}
		u := make([]uint16, len(b)/2)
		for i := range u {
			u[i] = le.Uint16(b[2*i:])
		}
		return strings.TrimRight(string(utf16.Decode(u)), "\x00")
	case c.Type == Bit && len(b) == 1:
		return fmt.Sprint(b[0] != 0)
	case c.Type == UnsignedByte && len(b) == 1:
		return fmt.Sprint(b[0])
	case c.Type == Short && len(b) == 2:
		return fmt.Sprint(int16(le.Uint16(b)))
	case c.Type == UnsignedShort && len(b) == 2:
		return fmt.Sprint(le.Uint16(b))
	case c.Type == Long && len(b) == 4:
		return fmt.Sprint(int32(le.Uint32(b)))
	case c.Type == UnsignedLong && len(b) == 4:
		return fmt.Sprint(le.Uint32(b))
	case (c.Type == Currency || c.Type == LongLong) && len(b) == 8:
		return fmt.Sprint(int64(le.Uint64(b)))
	case c.Type == Single && len(b) == 4:
		return fmt.Sprint(math.Float32frombits(le.Uint32(b)))
	case c.Type == DateTime && len(b) == 8:
		t := dayTime(math.Float64frombits(le.Uint64(b)))
		if t == 0 {
			t = fileTime(le.Uint64(b))
		}
		if t == 0 {
			break
		}
		return time.Unix(0, t).UTC().Format(time.RFC3339Nano)
	case c.Type == Double && len(b) == 8:
		return fmt.Sprint(math.Float64frombits(le.Uint64(b)))
	case c.Type == GUID && len(b) == 16:
		return fmt.Sprintf("{%08x-%04x-%04x-%x-%x}", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:])
	}
	return fmt.Sprintf("%x", b)
}

// latin is text of one byte a character.
func latin(b []byte) string {
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
	}
	return strings.TrimRight(string(out), "\x00")
}
