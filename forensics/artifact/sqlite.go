package artifact

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"saksi/internal/sqlitefile"
)

// What the artifacts that are SQLite databases share.

// database is one under work.
type database struct {
	*sqlitefile.DB
	tables  map[string]*sqlitefile.Table
	texts   map[string]map[int64]string // see lookUp
	emit    func(*Record) error
	problem func(Problem)
}

func isSQLite(head []byte) bool { return bytes.HasPrefix(head, []byte(sqlitefile.Magic)) }

// journalMagic begins a rollback journal that is hot.
const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

// hasTables is a Probe: the schema has all of the tables.
func hasTables(names ...string) func(Input) bool {
	return func(in Input) bool {
		db, err := openDatabase(in, nil, func(Problem) {})
		if err != nil {
			return false
		}
		for _, n := range names {
			if db.tables[n] == nil {
				return false
			}
		}
		return true
	}
}

// openDatabase opens a database with its write-ahead log, and says what of its
// companions was not read.
func openDatabase(in Input, emit func(*Record) error, problem func(Problem)) (*database, error) {
	wal, size := in.beside("-wal")
	db, err := sqlitefile.Open(in, in.Size, wal, size)
	if db == nil {
		return nil, err
	}
	if err != nil {
		problem(Problem{0, err.Error()})
	}
	if db.Dropped > 0 {
		problem(Problem{0, fmt.Sprintf("the write-ahead log has %d frames that were not committed or are damaged; they are not read", db.Dropped)})
	}
	if journal, n := in.beside("-journal"); journal != nil && n >= int64(len(journalMagic)) {
		var head [8]byte
		if _, err := journal.ReadAt(head[:], 0); (err == nil || err == io.EOF) && string(head[:]) == journalMagic {
			problem(Problem{0, "a rollback journal lies beside it: a change was under way; the database is read as it stands, and the journal is not applied"})
		}
	}
	d := &database{DB: db, tables: map[string]*sqlitefile.Table{}, emit: emit, problem: problem}
	db.Problem = func(off int64, text string) { problem(Problem{off, text}) }
	list, err := db.Tables()
	if err != nil {
		problem(Problem{100, err.Error()})
	}
	for i := range list {
		d.tables[list[i].Name] = &list[i]
	}
	return d, nil
}

// rows gives the live rows of a table, if there is such a table, each as the
// record that f makes of it; nil for none.
func (d *database) rows(table string, f func(*sqlitefile.Row) *Record) error {
	t := d.tables[table]
	if t == nil {
		return nil
	}
	return d.Rows(t, func(r *sqlitefile.Row) error {
		rec := f(r)
		if rec == nil {
			return nil
		}
		return d.emit(d.from(rec, r))
	})
}

// deleted gives the rows of a table that were deleted and are still there.
func (d *database) deleted(table string, plausible func(*sqlitefile.Row) bool, f func(*sqlitefile.Row) *Record) error {
	t := d.tables[table]
	if t == nil {
		return nil
	}
	return d.Deleted(t, plausible, func(r *sqlitefile.Row) error {
		rec := f(r)
		if rec == nil {
			return nil
		}
		return d.emit(d.from(rec, r))
	})
}

// from says where a row lies.
func (d *database) from(rec *Record, r *sqlitefile.Row) *Record {
	rec.Offset = r.Offset
	rec.add("recovered", r.Where)
	if r.Cut {
		rec.add("truncated", "row")
	}
	return rec
}

// add adds a field that says something.
func (r *Record) add(name, value string) {
	if value != "" {
		r.Fields = append(r.Fields, Field{name, value})
	}
}

// record makes a record of a kind.
func record(kind string, at int64) *Record {
	return &Record{Time: at, Header: 1, Fields: []Field{{"record", kind}}}
}

// Times of browsers and of Apple, in Unix nanoseconds; 0 is none.

// webkitTime is of microseconds since 1601.
func webkitTime(us int64) int64 {
	if us <= 0 || us > 1<<60 {
		return 0
	}
	return nanos(time.UnixMicro(us - 11_644_473_600_000_000))
}

// microTime is of microseconds since 1970.
func microTime(us int64) int64 {
	if us <= 0 {
		return 0
	}
	return nanos(time.UnixMicro(us))
}

// cocoaTime is of seconds since 2001.
func cocoaTime(s float64) int64 {
	if !(s > 0) || s > 8e9 {
		return 0
	}
	return int64(s*1e6)*1000 + 978_307_200_000_000_000
}

// timeField is a time as a field, "" for none.
func timeField(ns int64) string {
	if ns == 0 {
		return ""
	}
	return timeUTC(ns)
}
