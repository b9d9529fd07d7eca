package sqlitefile

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// made makes a database by SQLite itself and leaves its files as they are on
// the disk while it is open.
func made(t *testing.T, statements ...string) (db, wal []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	c, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetMaxOpenConns(1)
	for i, s := range statements {
		if i > 1 && len(statements) > 100 && i < len(statements)-1 {
			if i == 2 { // one transaction for what is many
				s = "BEGIN; " + s
			} else if i == len(statements)-2 {
				s += "; COMMIT"
			}
		}
		if _, err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if db, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	wal, _ = os.ReadFile(path + "-wal")
	return db, wal
}

func open(t *testing.T, b, wal []byte) (*DB, *Table, *[]string) {
	t.Helper()
	var w *bytes.Reader
	db, err := Open(bytes.NewReader(b), int64(len(b)), nil, 0)
	if wal != nil {
		w = bytes.NewReader(wal)
		db, err = Open(bytes.NewReader(b), int64(len(b)), w, int64(len(wal)))
	}
	if err != nil {
		t.Fatal(err)
	}
	problems := &[]string{}
	db.Problem = func(off int64, text string) { *problems = append(*problems, fmt.Sprintf("%d: %s", off, text)) }
	tables, err := db.Tables()
	if err != nil {
		t.Fatal(err)
	}
	for i := range tables {
		if tables[i].Name == "t" {
			return db, &tables[i], problems
		}
	}
	return db, nil, problems
}

func texts(t *testing.T, db *DB, table *Table) (out []string) {
	t.Helper()
	if err := db.Rows(table, func(r *Row) error {
		out = append(out, fmt.Sprint(r.Int("id"), " ", r.Text("a"), " ", r.Where))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestValues proves that all kinds of values, overflow pages and many pages
// are read as SQLite reads them.
func TestValues(t *testing.T) {
	for _, setup := range []string{"PRAGMA page_size=512", "PRAGMA page_size=65536", "PRAGMA encoding='UTF-16le'", "PRAGMA encoding='UTF-16be'"} {
		st := []string{setup, `CREATE TABLE t("id" INTEGER PRIMARY KEY, a TEXT DEFAULT 'x,(y', [b c] REAL, d BLOB, CONSTRAINT u UNIQUE (a))`}
		for i := range 300 {
			st = append(st, fmt.Sprintf("INSERT INTO t VALUES(%d, '%s é %d', %d.5, x'0102')", i*i*i+1, strings.Repeat("p", i*9), i, i))
		}
		b, _ := made(t, append(st, "INSERT INTO t VALUES(-5, NULL, 3, NULL)")...)
		db, table, problems := open(t, b, nil)
		n := 0
		err := db.Rows(table, func(r *Row) error {
			if r.ID == -5 {
				if want := []any{int64(-5), nil, int64(3), nil}; !reflect.DeepEqual(r.Values, want) && !reflect.DeepEqual(r.Values, []any{int64(-5), nil, 3.0, nil}) {
					t.Errorf("%v", r.Values)
				}
				return nil
			}
			want := []any{int64(n*n*n + 1), fmt.Sprintf("%s é %d", strings.Repeat("p", n*9), n), float64(n) + 0.5, []byte{1, 2}}
			if !reflect.DeepEqual(r.Values, want) || r.Int("b c") != int64(n) {
				t.Errorf("row %d: %v", n, r.Values)
			}
			n++
			return nil
		})
		if err != nil || n != 300 || len(*problems) > 0 {
			t.Errorf("%s: %d rows, %v, %v", setup, n, err, *problems)
		}
	}
}

// TestLog proves that committed pages of the write-ahead log are applied, and
// that a damaged frame ends it.
func TestLog(t *testing.T) {
	b, wal := made(t, "PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", "CREATE TABLE t(id INTEGER PRIMARY KEY, a)", "INSERT INTO t VALUES(1,'one')", "PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO t VALUES(2,'two')", "INSERT INTO t VALUES(3,'three')")
	db, table, _ := open(t, b, wal)
	if got := texts(t, db, table); len(got) != 3 || got[2] != "3 three wal" || db.Frames == 0 {
		t.Errorf("%q, %d frames", got, db.Frames)
	}
	db, table, _ = open(t, b, nil)
	if got := texts(t, db, table); len(got) != 1 || got[0] != "1 one " {
		t.Errorf("without the log: %q", got)
	}
	frame := bytes.Clone(wal[len(wal)-4096-24:])
	frame[8] ^= 1 // the salt of an older round
	db, table, _ = open(t, b, append(bytes.Clone(wal), frame...))
	if got := texts(t, db, table); len(got) != 3 || db.Dropped != 0 {
		t.Errorf("with a frame of an older round: %q, %d dropped", got, db.Dropped)
	}
	wal[len(wal)-1] ^= 1
	db, table, _ = open(t, b, wal)
	if got := texts(t, db, table); len(got) != 2 || db.Dropped != 1 {
		t.Errorf("a damaged frame: %q, %d dropped", got, db.Dropped)
	}
}

// TestDeleted proves that deleted rows come back from free blocks, from the gap
// of a leaf and from free pages.
func TestDeleted(t *testing.T) {
	st := []string{"PRAGMA secure_delete=0", "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, n INTEGER)"}
	for i := 1; i <= 400; i++ {
		st = append(st, fmt.Sprintf("INSERT INTO t VALUES(%d,'%s row %d', %d)", i, strings.Repeat("w", 200), i, 70000+i))
	}
	b, _ := made(t, append(st, "DELETE FROM t WHERE id > 100 OR id = 50")...)
	db, table, problems := open(t, b, nil)
	seen := map[string]bool{}
	err := db.Deleted(table, func(r *Row) bool { return strings.Contains(r.Text("a"), " row ") }, func(r *Row) error {
		seen[r.Text("a")[len(strings.Repeat("w", 200)):]] = true
		return nil
	})
	if err != nil || len(*problems) > 0 {
		t.Fatal(err, *problems)
	}
	if len(seen) < 280 || !seen[" row 300"] {
		t.Errorf("%d of 301 deleted rows came back", len(seen))
	}
	t.Logf("%d of 301", len(seen))
}

// FuzzOpen changes a database: nothing panics, and trees that lead back to
// themselves end.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.db")
	c, err := sql.Open("sqlite", path)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"PRAGMA page_size=512", "CREATE TABLE t(id INTEGER PRIMARY KEY, a)", "INSERT INTO t VALUES(1, hex(randomblob(2000)))", "INSERT INTO t VALUES(2,'x')"} {
		if _, err := c.Exec(s); err != nil {
			f.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		f.Fatal(err)
	}
	sample, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(612), []byte{5})
	f.Add(uint32(16), []byte{0, 1, 1, 1, 255})
	f.Fuzz(func(t *testing.T, off uint32, patch []byte) {
		b := bytes.Clone(sample)
		copy(b[int(off)%len(b):], patch)
		db, err := Open(bytes.NewReader(b), int64(len(b)), bytes.NewReader(b), int64(len(b)))
		if db == nil {
			return
		}
		tables, _ := db.Tables()
		for i := range tables {
			_ = db.Rows(&tables[i], func(*Row) error { return nil })
			_ = db.Deleted(&tables[i], func(*Row) bool { return true }, func(*Row) error { return nil })
		}
		_ = err
	})
}
