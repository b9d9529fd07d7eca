// Package sqlitefile reads tables of SQLite databases from hostile bytes: their
// rows, with the write-ahead log applied, and rows that were deleted and whose
// bytes are still there. Open is its entry. Nothing of the file is executed: no
// SQL, no views, triggers or extensions. Each row says where it lies. Memory is
// bounded by MaxPayload and a bit a page. Source: sqlite.org/fileformat2.html.
package sqlitefile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf16"
)

// Magic begins every database.
const Magic = "SQLite format 3\x00"

// Bounds.
const (
	MaxPayload = 1 << 20 // bytes of one row that are read; what is longer is cut, and said
	maxDepth   = 32      // of a tree
	maxSchema  = 10000   // objects of a schema
	maxColumns = 2000    // SQLite's own upper bound is 32767, its default 2000
	maxFrames  = 4 << 20 // of a write-ahead log
	maxSize    = 16 << 30
)

// DB is an open database. It is used by one goroutine.
type DB struct {
	r        io.ReaderAt
	size     int64
	page     int
	usable   int
	pages    uint32
	encoding uint32 // 1: UTF-8, 2: UTF-16le, 3: UTF-16be
	wal      io.ReaderAt
	frames   map[uint32]int64 // offset of the newest committed image of a page in the log
	// Problem is told what can't be read, by its offset in the database; it MUST be set
	// before rows are read.
	Problem func(off int64, text string)
	Frames  int   // frames of the log that are committed and applied
	Dropped int   // frames of the log behind the last commit: not committed, or damaged
	budget  int64 // bytes of rows that are still read: cells may all lead to the same bytes
}

// Table is a table of the schema.
type Table struct {
	Name    string
	Columns []string // in lower case
	Root    uint32
	rowid   int // number of the column that stands for the rowid, or -1
}

// Row is a row. Values are nil, int64, float64, string or []byte.
type Row struct {
	ID      int64
	Values  []any
	Offset  int64  // of its cell, in the database or in the log
	Where   string // "": live in the database; "wal": live in the log; "free space": deleted
	Cut     bool   // it is longer than MaxPayload, or part of it is gone
	columns []string
}

// Get gives the value of a column, or nil.
func (r *Row) Get(column string) any {
	for i, c := range r.columns {
		if c == column && i < len(r.Values) {
			return r.Values[i]
		}
	}
	return nil
}

// Text gives a column as text; numbers in decimal, anything else is "".
func (r *Row) Text(column string) string {
	switch v := r.Get(column).(type) {
	case string:
		return v
	case int64:
		return fmt.Sprint(v)
	case float64:
		return fmt.Sprintf("%g", v)
	}
	return ""
}

// Int gives a column as a whole number, or 0.
func (r *Row) Int(column string) int64 {
	switch v := r.Get(column).(type) {
	case int64:
		return v
	case float64:
		if v > -1e18 && v < 1e18 {
			return int64(v)
		}
	}
	return 0
}

// Float gives a column as a number, or 0.
func (r *Row) Float(column string) float64 {
	switch v := r.Get(column).(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

// Open reads the header, and the write-ahead log where wal is not nil.
func Open(r io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) (*DB, error) {
	var h [100]byte
	if _, err := r.ReadAt(h[:], 0); err != nil {
		return nil, fmt.Errorf("reading the header of the database: %w", err)
	}
	if string(h[:16]) != Magic {
		return nil, errors.New("it is no SQLite database, or it is encrypted")
	}
	db := &DB{r: r, size: size, page: int(binary.BigEndian.Uint16(h[16:])), Problem: func(int64, string) {}}
	if db.page == 1 {
		db.page = 65536
	}
	db.usable = db.page - int(h[20])
	if db.page < 512 || db.page&(db.page-1) != 0 || db.usable < 480 {
		return nil, fmt.Errorf("the header states pages of %d bytes with %d reserved", db.page, h[20])
	}
	if size > maxSize {
		db.size, size = maxSize, maxSize // what lies behind it is told as missing pages
	}
	db.encoding = binary.BigEndian.Uint32(h[56:])
	db.pages = uint32(min(size/int64(db.page)+1, math.MaxUint32)) // a page cut short is read as far as it goes
	if wal != nil && walSize > 0 {
		if err := db.log(wal, walSize); err != nil {
			return db, err
		}
	}
	return db, nil
}

// log finds the committed pages of a write-ahead log: those whose salts are the
// header's and whose running checksums are right, up to the last commit.
func (db *DB) log(wal io.ReaderAt, size int64) error {
	var h [32]byte
	if _, err := wal.ReadAt(h[:], 0); err != nil {
		return fmt.Errorf("reading the write-ahead log: %w", err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch binary.BigEndian.Uint32(h[:]) {
	case 0x377f0682:
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return errors.New("the write-ahead log has another magic number; it is not applied")
	}
	page := int(binary.BigEndian.Uint32(h[8:]))
	if page != db.page {
		return fmt.Errorf("the write-ahead log has pages of %d bytes, the database of %d; it is not applied", page, db.page)
	}
	s0, s1 := checksum(order, h[:24], 0, 0)
	if s0 != binary.BigEndian.Uint32(h[24:]) || s1 != binary.BigEndian.Uint32(h[28:]) {
		return errors.New("the checksum of the write-ahead log's header is wrong; it is not applied")
	}
	db.wal, db.frames = wal, map[uint32]int64{}
	pending := map[uint32]int64{}
	buf := make([]byte, 24+page)
	off := int64(32)
	waiting, sound := 0, true
	for ; off+int64(len(buf)) <= size && db.Frames+waiting < maxFrames; off += int64(len(buf)) {
		if _, err := wal.ReadAt(buf, off); err != nil {
			return fmt.Errorf("reading the write-ahead log at offset %d: %w", off, err)
		}
		if string(buf[8:16]) != string(h[16:24]) {
			break // of an older round, as is normal: the log is written from its start again
		}
		if !sound {
			waiting++
			continue
		}
		s0, s1 = checksum(order, buf[:8], s0, s1)
		s0, s1 = checksum(order, buf[24:], s0, s1)
		if s0 != binary.BigEndian.Uint32(buf[16:]) || s1 != binary.BigEndian.Uint32(buf[20:]) {
			sound = false
			waiting++
			continue
		}
		pending[binary.BigEndian.Uint32(buf)] = off + 24
		waiting++
		if n := binary.BigEndian.Uint32(buf[4:]); n != 0 {
			for p, at := range pending {
				db.frames[p] = at
			}
			clear(pending)
			db.Frames, waiting = db.Frames+waiting, 0
			db.pages = max(db.pages, n)
		}
	}
	db.Dropped = waiting
	db.pages = min(db.pages, uint32(min(db.size/int64(db.page)+1+int64(db.Frames), math.MaxUint32)))
	return nil
}

func checksum(order binary.ByteOrder, b []byte, s0, s1 uint32) (uint32, uint32) {
	for ; len(b) >= 8; b = b[8:] {
		s0 += order.Uint32(b) + s1
		s1 += order.Uint32(b[4:]) + s0
	}
	return s0, s1
}

// read gives a page, where it lies, and whether that is in the log.
func (db *DB) read(n uint32, buf []byte) (b []byte, off int64, inLog bool, err error) {
	if n == 0 || n > db.pages {
		return nil, 0, false, fmt.Errorf("there is no page %d of %d", n, db.pages)
	}
	if len(buf) < db.page {
		buf = make([]byte, db.page)
	}
	buf = buf[:db.page]
	off = int64(n-1) * int64(db.page)
	r := db.r
	if at, ok := db.frames[n]; ok {
		off, inLog, r = at, true, db.wal
	}
	m, err := r.ReadAt(buf, off)
	if m < len(buf) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, off, inLog, fmt.Errorf("reading page %d: %w", n, err)
	}
	return buf, off, inLog, nil
}

// Tables reads the schema.
func (db *DB) Tables() ([]Table, error) {
	schema := Table{Name: "sqlite_schema", Columns: []string{"type", "name", "tbl_name", "rootpage", "sql"}, Root: 1, rowid: -1}
	var list []Table
	n := 0
	err := db.Rows(&schema, func(r *Row) error {
		if n++; n > maxSchema {
			return fmt.Errorf("the schema has more than %d objects", maxSchema)
		}
		if sql := r.Text("sql"); r.Text("type") == "table" && !strings.Contains(strings.ToUpper(sql), "WITHOUT ROWID") {
			t := Table{Name: r.Text("name"), Root: uint32(r.Int("rootpage"))}
			t.Columns, t.rowid = columns(sql)
			if t.Root != 0 && len(t.Columns) > 0 {
				list = append(list, t)
			}
		}
		return nil
	})
	return list, err
}

// columns reads the names of the columns of CREATE TABLE, and which one is the
// rowid's other name.
func columns(sql string) (names []string, rowid int) {
	rowid = -1
	_, body, ok := strings.Cut(sql, "(")
	if !ok {
		return nil, -1
	}
	for _, def := range split(body) {
		name, rest := word(strings.TrimLeft(def, " \t\r\n"))
		upper := strings.ToUpper(rest)
		if name == "" || len(names) == maxColumns {
			continue
		}
		switch strings.ToUpper(name) {
		case "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN":
			if !strings.HasPrefix(def, `"`) && len(names) > 0 {
				continue
			}
		}
		if f := strings.Fields(upper); len(f) >= 3 && f[0] == "INTEGER" && strings.Contains(upper, "PRIMARY KEY") {
			rowid = len(names)
		}
		names = append(names, strings.ToLower(name))
	}
	return names, rowid
}

// split cuts the definitions of a table at its commas.
func split(s string) (parts []string) {
	depth, start := 0, 0
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '[':
			quote = ']'
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return append(parts, s[start:i])
			}
		case c == ',' && depth == 0:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// word takes the first name, which may be in quotes.
func word(s string) (name, rest string) {
	if s == "" {
		return "", ""
	}
	ends := map[byte]string{'"': `"`, '`': "`", '[': "]", '\'': "'"}
	if end, ok := ends[s[0]]; ok {
		name, rest, _ = strings.Cut(s[1:], end)
		return name, rest
	}
	if i := strings.IndexAny(s, " \t\r\n("); i >= 0 {
		return s[:i], s[i:]
	}
	return strings.TrimRight(s, " \t\r\n"), ""
}

// text decodes a string of the database.
func (db *DB) text(b []byte) string {
	if db.encoding != 2 && db.encoding != 3 {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if db.encoding == 3 {
		order = binary.BigEndian
	}
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
