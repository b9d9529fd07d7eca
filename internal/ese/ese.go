// Package ese reads tables of databases of the Extensible Storage Engine (ESE,
// "EDB", Jet Blue) from hostile bytes, as SRUM, WebCache, the Windows index and
// Active Directory are kept in. Open is its entry. Each page of a tree is read
// once, trees that turn back are told, and memory is bounded by a bit a page,
// the catalog and MaxValue. Source: J. Metz, Extensible Storage Engine (ESE)
// Database File (EDB) format; the engine's own description of pages and records
// (Microsoft, Extensible-Storage-Engine, cpage.hxx, rec.hxx).
package ese

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Magic stands at byte 4 of a database.
const Magic = "\xef\xcd\xab\x89"

// Bounds.
const (
	MaxValue   = 64 << 10 // bytes of one value that are read; what is longer is cut, and said
	maxColumns = 1 << 17  // of all tables
	maxTables  = 1 << 14
	maxDepth   = 16 // of a tree
	maxCached  = 64 // pages that are kept
	headerSize = 668
)

// States of a database (JET_dbstate).
const (
	JustCreated = 1
	Dirty       = 2
	Clean       = 3
	Converting  = 4
	Detached    = 5
)

// DB is an open database. It is used by one goroutine.
type DB struct {
	PageSize          int
	Version, Revision uint32
	State             uint32
	Created           time.Time // zero when the header says none
	Computer          string    // that made it, when the header says so
	Damaged           error     // what is wrong with the header; nil when nothing is
	// Problem is told what can't be read, by its offset in the file; it MUST be set
	// before tables are read.
	Problem func(off int64, text string)

	r      io.ReaderAt
	size   int64
	pages  uint32
	large  bool     // pages of more than 8 KiB, whose tags have other masks
	seen   []uint64 // pages that were walked, a bit each
	bad    []uint64 // pages whose checksum is wrong
	cache  map[uint32]*page
	order  []uint32 // pages in cache, the oldest first
	budget int64    // bytes of values that are still read
	steps  int64    // pages that are still looked at for long values
}

// Detect reports whether the beginning of a file is that of a database.
func Detect(head []byte) bool {
	return len(head) >= 240 && string(head[4:8]) == Magic && binary.LittleEndian.Uint32(head[12:]) == 0
}

// Open reads the header of a database of size bytes, or its copy in the second
// page. The error says why nothing can be read.
func Open(r io.ReaderAt, size int64) (*DB, error) {
	d := &DB{r: r, size: size, cache: map[uint32]*page{}, Problem: func(int64, string) {}}
	h := make([]byte, headerSize)
	if n, err := r.ReadAt(h, 0); n < len(h) {
		return nil, fmt.Errorf("reading the header of the database: %d of %d bytes: %w", n, len(h), err)
	}
	err := d.header(h)
	for _, at := range []int64{4096, 8192, 16384, 32768, 2048} {
		if err == nil {
			break
		}
		// The second page has the same header.
		if n, _ := r.ReadAt(h, at); n == len(h) && d.header(h) == nil && int64(d.PageSize) == at {
			d.Damaged, err = fmt.Errorf("%w; its copy is read", err), nil
		}
	}
	if err != nil {
		return nil, err
	}
	d.large = d.PageSize > 8192
	d.pages = uint32(min(max(size/int64(d.PageSize)-2, 0), 1<<31))
	d.seen = make([]uint64, (d.pages+64)/64+1)
	d.bad = make([]uint64, len(d.seen))
	d.budget, d.steps = 4*size+64<<20, 512*int64(d.pages)+1024
	if d.Damaged == nil {
		whole := make([]byte, d.PageSize)
		if n, err := r.ReadAt(whole, 0); n < len(whole) {
			return nil, fmt.Errorf("reading the header of the database: %d of %d bytes: %w", n, len(whole), err)
		}
		if !headerFits(whole) {
			d.Damaged = errors.New("the checksum of the header is wrong")
		}
	}
	return d, nil
}

func (d *DB) header(h []byte) error {
	le := binary.LittleEndian
	if !Detect(h) {
		return errors.New("the header has at byte 4 no signature of a database of ESE")
	}
	d.Version, d.State = le.Uint32(h[8:]), le.Uint32(h[52:])
	d.Revision, d.PageSize = le.Uint32(h[232:]), int(le.Uint32(h[236:]))
	if d.PageSize == 0 {
		d.PageSize = 4096
	}
	if d.Version != 0x620 && d.Version != 0x623 {
		return fmt.Errorf("the header says at byte 8 that the database is of version 0x%x; 0x620 is read", d.Version)
	}
	if d.Revision < 9 {
		return fmt.Errorf("the header says at byte 232 that the format is of revision %d; 9 (Windows XP) and later are read", d.Revision)
	}
	switch d.PageSize {
	case 2048, 4096, 8192, 16384, 32768:
	default:
		return fmt.Errorf("the header says at byte 236 that pages have %d bytes; 2048 to 32768 are known", d.PageSize)
	}
	// The signature of the database: a number, when it was made, and by whom.
	d.Created = logTime(h[28:])
	d.Computer = ascii(h[36:52])
	return nil
}

// logTime is JET_LOGTIME: seconds, minutes, hours, day, month, years since 1900.
func logTime(b []byte) time.Time {
	if b[3] == 0 || b[3] > 31 || b[4] == 0 || b[4] > 12 || b[2] > 23 || b[1] > 59 || b[0] > 60 {
		return time.Time{}
	}
	return time.Date(1900+int(b[5]), time.Month(b[4]), int(b[3]), int(b[2]), int(b[1]), int(b[0]), 0, time.UTC)
}

func ascii(b []byte) string {
	for i, c := range b {
		if c == 0 || c >= 0x7f {
			return string(b[:i])
		}
	}
	return string(b)
}

// Pages is how many pages the file has behind its two headers.
func (d *DB) Pages() uint32 { return d.pages }

// StateName says in words how the database was left.
func (d *DB) StateName() string {
	switch d.State {
	case JustCreated:
		return "just created"
	case Dirty:
		return "dirty shutdown"
	case Clean:
		return "clean shutdown"
	case Converting:
		return "being converted"
	case Detached:
		return "force detached"
	}
	return fmt.Sprintf("state %d", d.State)
}
