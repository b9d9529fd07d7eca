package sqlitefile

import (
	"encoding/binary"
	"fmt"
)

// maxDeleted bounds the deleted rows of a table that are given.
const maxDeleted = 1 << 20

// Deleted gives rows that look like those of a table and lie in what its leaves
// and the free pages do not use any more. plausible decides whether values
// may be a row of the table: bytes are found again by their shape alone. Rows
// whose beginning was overwritten have the ID 0.
func (db *DB) Deleted(t *Table, plausible func(*Row) bool, f func(*Row) error) error {
	n := 0
	give := func(row *Row) error {
		if n++; n > maxDeleted {
			return fmt.Errorf("more than %d rows look deleted", maxDeleted)
		}
		return f(row)
	}
	err := db.leaves(t.Root, 0, db.visits(), func(p *leaf) error {
		if p.inLog {
			return nil
		}
		for _, area := range db.free(p) {
			if err := db.search(t, p.b[area[0]:area[1]], p.off+int64(area[0]), plausible, give); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return db.freePages(func(b []byte, off int64) error { return db.search(t, b, off, plausible, give) })
}

// free lists what a leaf does not use: the gap before its cells, and its free
// blocks.
func (db *DB) free(p *leaf) (areas [][2]int) {
	gap := p.head + 8 + 2*p.cells()
	content := int(binary.BigEndian.Uint16(p.b[p.head+5:]))
	if content == 0 {
		content = 65536
	}
	if content = min(content, db.usable); gap < content {
		areas = append(areas, [2]int{gap, content})
	}
	last := 0
	for at := int(binary.BigEndian.Uint16(p.b[p.head+1:])); at > last && at+4 <= db.usable; { // the list ascends
		next, size := int(binary.BigEndian.Uint16(p.b[at:])), int(binary.BigEndian.Uint16(p.b[at+2:]))
		if size < 4 || at+size > db.usable {
			break
		}
		areas = append(areas, [2]int{at, at + size})
		last, at = at, next
	}
	return areas
}

// freePages gives the pages on the list of free ones.
func (db *DB) freePages(f func(b []byte, off int64) error) error {
	first, _, _, err := db.read(1, nil)
	if err != nil {
		return nil // told when the schema was read
	}
	seen := db.visits()
	trunk := binary.BigEndian.Uint32(first[32:])
	for trunk != 0 && trunk <= db.pages && seen.first(trunk) {
		b, off, inLog, err := db.read(trunk, nil)
		if err != nil {
			db.Problem(off, "list of free pages: "+err.Error())
			return nil
		}
		n := min(int(binary.BigEndian.Uint32(b[4:])), (db.usable-8)/4)
		for i := range max(n, 0) {
			page := binary.BigEndian.Uint32(b[8+4*i:])
			if page == 0 || page > db.pages || !seen.first(page) {
				continue
			}
			pb, at, log, err := db.read(page, nil)
			if err != nil || log {
				continue // it is reused, or lies beyond a cut
			}
			if err := f(pb[:db.usable], at); err != nil {
				return err
			}
		}
		if rest := 8 + 4*max(n, 0); !inLog && rest < db.usable {
			if err := f(b[rest:db.usable], off+int64(rest)); err != nil {
				return err
			}
		}
		trunk = binary.BigEndian.Uint32(b)
	}
	return nil
}

// search looks for rows in an area.
func (db *DB) search(t *Table, b []byte, off int64, plausible func(*Row) bool, give func(*Row) error) error {
	for at := 0; at < len(b); {
		row := &Row{Offset: off + int64(at), Where: "free space", columns: t.Columns}
		n := db.whole(t, b[at:], row)
		if n == 0 || !plausible(row) {
			row.ID, row.Cut = 0, false
			if n = db.headless(t, b[at:], row); n == 0 || !plausible(row) {
				at++
				continue
			}
		}
		if t.rowid >= 0 && t.rowid < len(row.Values) && row.Values[t.rowid] == nil && row.ID != 0 {
			row.Values[t.rowid] = row.ID
		}
		if err := give(row); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// headless reads a cell whose first four bytes became those of a free block, the
// offset of the next one and its own size: they took its size and rowid, and
// some of the record's header.
func (db *DB) headless(t *Table, b []byte, row *Row) int {
	if len(b) < 8 {
		return 0
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if next := int(binary.BigEndian.Uint16(b)); size < 8 || size > len(b) || next != 0 && next >= db.usable {
		return 0
	}
	b = b[:size]
	// The header's size is what follows, or a byte later.
	for _, skip := range []int{4, 5} {
		if n := db.shape(t, b[skip:], row); n != 0 {
			return skip + n
		}
	}
	// The header's size is gone; and with it the first type, which then is that of
	// the rowid's column (NULL), or of a text that fills what is left.
	for lost := range 2 {
		var types []uint64
		at, all := 4, int64(0)
		for len(types) < len(t.Columns)-lost {
			serial, m := varint(b[at:])
			w := width(serial)
			if m == 0 || w < 0 {
				break
			}
			types, at, all = append(types, serial), at+m, all+w
		}
		left := int64(len(b)-at) - all
		if len(types) < len(t.Columns)-lost || left < 0 || lost == 0 && left != 0 {
			continue
		}
		values := make([]any, 0, len(t.Columns))
		if lost == 1 {
			if t.rowid == 0 {
				values = append(values, nil)
			} else {
				values = append(values, db.text(b[at:int64(at)+left]))
				at += int(left)
			}
		}
		for _, serial := range types {
			w := int(width(serial))
			values = append(values, db.value(serial, b[at:at+w]))
			at += w
		}
		row.Values, row.Cut = values, true
		return at
	}
	return 0
}

// whole reads a cell whose size agrees with its record.
func (db *DB) whole(t *Table, b []byte, row *Row) int {
	size, n := varint(b)
	if n == 0 || size < 4 || size > uint64(len(b)) {
		return 0
	}
	id, m := varint(b[n:])
	if m == 0 || int64(id) <= 0 {
		return 0
	}
	used := db.shape(t, b[n+m:], row)
	if used == 0 || uint64(used) != size {
		return 0
	}
	row.ID = int64(id)
	return n + m + used
}

// shape reads a record with as many values as the table has columns.
func (db *DB) shape(t *Table, b []byte, row *Row) int {
	head, n := varint(b)
	if n == 0 || head < uint64(len(t.Columns)) || head > uint64(3*len(t.Columns)+3) || head > uint64(len(b)) {
		return 0
	}
	var all int64
	count := 0
	for types := b[n:head]; len(types) > 0; count++ {
		serial, m := varint(types)
		w := width(serial)
		if m == 0 || w < 0 {
			return 0
		}
		types = types[m:]
		if all += w; all > int64(len(b)) {
			return 0
		}
	}
	used := int64(head) + all
	if count != len(t.Columns) || used > int64(len(b)) {
		return 0
	}
	values, err := db.record(b[:used], row)
	if err != nil {
		return 0
	}
	row.Values = values
	return int(used)
}
