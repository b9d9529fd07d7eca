package artifact

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"saksi/event"
	"saksi/internal/sqlitefile"
)

// What databases of apps and of phones share: each is one table or a few, whose rows
// are records with the columns an examiner asks for.

// appTable is a table of a database.
type appTable struct {
	name string
	kind string // of its records
	// at is when it was, in Unix nanoseconds.
	at func(r *sqlitefile.Row) int64
	// columns are pairs: of a column, or of nothing, and the field's name.
	columns [][2]string
	// more adds what takes more than a column.
	more func(d *database, r *sqlitefile.Row, rec *Record)
	// deleted tells a row that was deleted and is still there from chance; nil: those
	// are not looked for.
	deleted func(r *sqlitefile.Row) bool
}

// appDB registers a database of an app.
func appDB(name, doc, reference, module string, probe func(Input) bool, sample string, tables ...appTable) {
	register(Format{
		Name: name, Doc: doc, Reference: reference, Detect: isSQLite, Probe: probe, Beside: []string{"-wal", "-journal"},
		Parse: func(in Input, emit func(*Record) error, problem func(Problem)) error {
			return parseApp(in, tables, emit, problem)
		},
		Event:   eventApp(module),
		Samples: []string{sample},
		Hostile: []string{sample + " cut=5000", sample + " @105=ffffffff"},
	})
}

func parseApp(in Input, tables []appTable, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	for _, t := range tables {
		row := func(r *sqlitefile.Row) *Record {
			rec := record(t.kind, 0)
			if t.at != nil {
				rec.Time = t.at(r)
			}
			for _, c := range t.columns {
				rec.add(c[1], textOrBytes(r, c[0]))
			}
			if t.more != nil {
				t.more(d, r, rec)
			}
			return rec
		}
		if err := d.rows(t.name, row); err != nil {
			return err
		}
		if t.deleted == nil {
			continue
		}
		if err := d.deleted(t.name, t.deleted, row); err != nil {
			return err
		}
	}
	return nil
}

// textOrBytes is a column as text, also where it is kept as bytes that are text.
func textOrBytes(r *sqlitefile.Row, column string) string {
	if b, ok := r.Get(column).([]byte); ok && utf8.Valid(b) {
		return string(b)
	}
	return r.Text(column)
}

// maxJoined bounds the values of one id that are joined, in bytes: what follows is told as more.
const maxJoined = 1024

// maxLookUp bounds the texts of one column kept, in bytes.
const maxLookUp = 32 << 20

// lookUp are the texts of a column by the number of their row, or by that of the
// column key; they are bounded.
func (d *database) lookUp(table, key, column string) map[int64]string {
	name := table + "." + key + "." + column
	if m := d.texts[name]; m != nil {
		return m
	}
	m := map[int64]string{}
	if d.texts == nil {
		d.texts = map[string]map[int64]string{}
	}
	d.texts[name] = m
	t, size, full := d.tables[table], 0, false
	if t == nil {
		return m
	}
	err := d.Rows(t, func(r *sqlitefile.Row) error {
		id, text := r.ID, r.Text(column)
		if key != "" {
			id = r.Int(key)
		}
		if size += len(text) + 64; size > maxLookUp {
			if !full {
				full = true
				d.problem(Problem{r.Offset, fmt.Sprintf("the names in %s have more than %d bytes; the others are not told", table, maxLookUp)})
			}
			return nil
		}
		if old := m[id]; old != "" && key != "" {
			const more = ", and more"
			switch {
			case len(old) < maxJoined:
				m[id] = old + ", " + text
			case !strings.HasSuffix(old, more):
				m[id] = old + more
			}
			return nil
		}
		m[id] = text
		return nil
	})
	if err != nil {
		d.problem(Problem{0, err.Error()})
	}
	return m
}

// Times of apps.

func secondsIn(column string) func(*sqlitefile.Row) int64 {
	return func(r *sqlitefile.Row) int64 { return unixSeconds(r.Int(column)) }
}

func millisIn(column string) func(*sqlitefile.Row) int64 {
	return func(r *sqlitefile.Row) int64 { return unixMillis(r.Int(column)) }
}

func cocoaIn(column string) func(*sqlitefile.Row) int64 {
	return func(r *sqlitefile.Row) int64 { return appleTime(r.Float(column)) }
}

func unixSeconds(s int64) int64 {
	if s <= 0 || s > 1<<33 {
		return 0
	}
	return nanos(time.Unix(s, 0))
}

func unixMillis(ms int64) int64 {
	if ms <= 0 || ms > 1<<43 {
		return 0
	}
	return nanos(time.UnixMilli(ms))
}

// appleTime is of seconds since 2001, or since iOS 11 of nanoseconds.
func appleTime(v float64) int64 {
	if v > 1e12 {
		v /= 1e9
	}
	return cocoaTime(v)
}

// plausibleAt reports whether a deleted row's time is one of the years that
// such apps exist in.
func plausibleAt(at func(*sqlitefile.Row) int64) func(*sqlitefile.Row) bool {
	return func(r *sqlitefile.Row) bool {
		t := at(r)
		return t > 1_100_000_000e9 && t < 2_500_000_000e9
	}
}

// wordFor is the word for a number, from 0; the number when there is none.
func wordFor(s string, words ...string) string {
	for i, w := range words {
		if s == fmt.Sprint(i) && w != "" {
			return w
		}
	}
	return s
}

// eventApp tells of a record of an app.
func eventApp(module string) func(r *Record, e *event.Event) {
	return func(r *Record, e *event.Event) {
		e.Str(event.EventModule, module)
		e.Str(event.EventCategory, "session")
		e.Str(event.EventType, "info")
		e.Str(event.EventAction, r.Get("record"))
		e.Str(event.UserName, r.Get("user"))
		if p := r.Get("path"); p != "" {
			e.Str(event.FilePath, p)
			e.Str(event.FileName, base(p))
		}
		e.Str(event.Message, strings.Join(strings.Fields(r.Get("record")+" "+r.Get("direction")+" "+firstOf(r.Get("with"), r.Get("name"), r.Get("path"), r.Get("service"), r.Get("program"))), " "))
		putData(r, e)
	}
}
