package sqlitefile

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Kinds of pages of trees.
const (
	tableInterior = 5
	tableLeaf     = 13
)

// visited is a bit a page, so that no page is read twice however pointers go.
type visited []uint64

func (db *DB) visits() visited { return make(visited, db.pages/64+1) }

func (v visited) first(n uint32) bool {
	if v[n/64]>>(n%64)&1 != 0 {
		return false
	}
	v[n/64] |= 1 << (n % 64)
	return true
}

// Rows gives the live rows of a table in the order of their rowids. What can't
// be read is told to Problem, and the rest goes on; the error is f's.
func (db *DB) Rows(t *Table, f func(*Row) error) error {
	db.budget = 2*(db.size+int64(db.Frames)*int64(db.page)) + MaxPayload
	return db.leaves(t.Root, 0, db.visits(), func(p *leaf) error {
		for i := range p.cells() {
			if db.budget < 0 {
				db.Problem(p.off, fmt.Sprintf("table %s, page %d: its rows claim more bytes than the database has; the rest is not read", t.Name, p.number))
				return nil
			}
			row, err := db.cell(t, p, i)
			if err != nil {
				db.Problem(p.off, fmt.Sprintf("table %s, page %d, cell %d: %v", t.Name, p.number, i, err))
				continue
			}
			if err := f(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// leaf is a leaf page of a table.
type leaf struct {
	b      []byte
	number uint32
	off    int64
	inLog  bool
	head   int // where its header begins: 100 on page 1
}

// cells is how many cells the page has room for, whatever it states.
func (p *leaf) cells() int {
	return min(int(binary.BigEndian.Uint16(p.b[p.head+3:])), (len(p.b)-p.head-8)/2)
}

func (db *DB) leaves(n uint32, depth int, seen visited, f func(*leaf) error) error {
	off := int64(n-1) * int64(db.page)
	if n == 0 || n > db.pages || depth > maxDepth || !seen.first(n) {
		db.Problem(max(off, 0), fmt.Sprintf("the tree leads to page %d, which is not there, not its own or too deep", n))
		return nil
	}
	b, off, inLog, err := db.read(n, nil)
	if err != nil {
		db.Problem(off, err.Error())
		return nil
	}
	head := 0
	if n == 1 {
		head = 100
	}
	switch b[head] {
	case tableLeaf:
		return f(&leaf{b, n, off, inLog, head})
	case tableInterior:
		cells := min(int(binary.BigEndian.Uint16(b[head+3:])), (len(b)-head-12)/2)
		for i := range cells {
			at := int(binary.BigEndian.Uint16(b[head+12+2*i:]))
			if at+4 > len(b) {
				db.Problem(off, fmt.Sprintf("page %d: cell %d lies beyond it", n, i))
				continue
			}
			if err := db.leaves(binary.BigEndian.Uint32(b[at:]), depth+1, seen, f); err != nil {
				return err
			}
		}
		return db.leaves(binary.BigEndian.Uint32(b[head+8:]), depth+1, seen, f)
	}
	db.Problem(off, fmt.Sprintf("page %d is no page of a table: its kind is %d", n, b[head]))
	return nil
}

// varint reads SQLite's variable integer; n is 0 when there is none.
func varint(b []byte) (v uint64, n int) {
	for n < 9 && n < len(b) {
		c := b[n]
		n++
		if n == 9 {
			return v<<8 | uint64(c), 9
		}
		if v = v<<7 | uint64(c&0x7f); c < 0x80 {
			return v, n
		}
	}
	return 0, 0
}

// local is how much of a payload lies in the leaf.
func (db *DB) local(payload int64) int64 {
	most := int64(db.usable - 35)
	if payload <= most {
		return payload
	}
	least := int64((db.usable-12)*32/255 - 23)
	if k := least + (payload-least)%int64(db.usable-4); k <= most {
		return k
	}
	return least
}

// cell reads a live cell.
func (db *DB) cell(t *Table, p *leaf, i int) (*Row, error) {
	at := int(binary.BigEndian.Uint16(p.b[p.head+8+2*i:]))
	if at < p.head+8 || at >= len(p.b) {
		return nil, fmt.Errorf("it lies at %d, outside the page", at)
	}
	row := &Row{Offset: p.off + int64(at), columns: t.Columns}
	if p.inLog {
		row.Where = "wal"
	}
	size, n := varint(p.b[at:])
	id, m := varint(p.b[min(at+n, len(p.b)):])
	if n == 0 || m == 0 || size > math.MaxInt32 {
		return nil, fmt.Errorf("it has no size and rowid, or a size of %d", size)
	}
	row.ID = int64(id)
	body, err := db.payload(p.b[at+n+m:], int64(size), row)
	if err != nil {
		return nil, err
	}
	row.Values, err = db.record(body, row)
	if t.rowid >= 0 && t.rowid < len(row.Values) && row.Values[t.rowid] == nil {
		row.Values[t.rowid] = row.ID
	}
	return row, err
}

// payload gathers what lies in the leaf and on overflow pages.
func (db *DB) payload(b []byte, size int64, row *Row) ([]byte, error) {
	local := db.local(size)
	if local > int64(len(b)) || size > local && local+4 > int64(len(b)) {
		return nil, fmt.Errorf("it states %d bytes, which go beyond the page", size)
	}
	if db.budget -= min(size, MaxPayload) + 8; size == local {
		return b[:size], nil
	}
	body := append([]byte(nil), b[:local]...)
	next := binary.BigEndian.Uint32(b[local:])
	want := min(size, MaxPayload)
	row.Cut = size > MaxPayload
	for int64(len(body)) < want { // each round takes a page's bytes
		page, _, _, err := db.read(next, nil)
		if err != nil {
			row.Cut = true
			db.Problem(row.Offset, fmt.Sprintf("the row goes on beyond what is there: %v", err))
			break
		}
		body = append(body, page[4:4+min(int64(db.usable-4), want-int64(len(body)))]...)
		next = binary.BigEndian.Uint32(page)
	}
	return body, nil
}

// width is how many bytes a value of a serial type has; -1 for none there is.
func width(serial uint64) int64 {
	switch {
	case serial < 10:
		return [...]int64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[serial]
	case serial < 12 || serial > 1<<32:
		return -1
	}
	return int64(serial-12) / 2
}

// record decodes a record; what was cut gives the values that are whole.
func (db *DB) record(b []byte, row *Row) ([]any, error) {
	head, n := varint(b)
	if n == 0 || head > uint64(len(b)) || head < uint64(n) {
		return nil, fmt.Errorf("its header states %d of %d bytes", head, len(b))
	}
	types, body := b[n:head], b[head:]
	var values []any
	for len(types) > 0 {
		serial, m := varint(types)
		w := width(serial)
		if m == 0 || w < 0 || len(values) == maxColumns {
			return nil, fmt.Errorf("value %d has no type, or one that there is not", len(values))
		}
		types = types[m:]
		if w > int64(len(body)) {
			if !row.Cut {
				return nil, fmt.Errorf("value %d states %d bytes, %d are there", len(values), w, len(body))
			}
			break
		}
		values = append(values, db.value(serial, body[:w]))
		body = body[w:]
	}
	return values, nil
}

func (db *DB) value(serial uint64, b []byte) any {
	switch {
	case serial == 0:
		return nil
	case serial == 7:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	case serial == 8:
		return int64(0)
	case serial == 9:
		return int64(1)
	case serial < 7:
		v := int64(int8(b[0]))
		for _, c := range b[1:] {
			v = v<<8 | int64(c)
		}
		return v
	case serial%2 == 0:
		return append([]byte(nil), b...)
	}
	return db.text(b)
}
