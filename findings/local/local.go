// Package local is the embedded index: one SQLite file (modernc.org/sqlite) in
// a folder, written by one process and read by any number. Start with Open.
//
// A document is one row: its id, its canonical JSON compressed by zstd with a
// dictionary of the first documents, and columns of its own for the fields
// that people search, sort and count by (columns.go). A contentless FTS5 table
// holds the words of the text and a hashed token for each other field's value.
// What neither can decide exactly is decided by query.Node.Match on the
// document itself.
package local

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// format is the version of the schema; a store of another is rebuilt from its
// spool.
const format = 1

const (
	fileName   = "findings.sqlite"
	dictSize   = 64 << 10
	maxDocSize = 16 << 20
)

// SQLite result codes (sqlite.org/rescode.html).
const (
	codeBusy    = 5
	codeCorrupt = 11
	codeFull    = 13
	codeNotADB  = 26
)

// Index is an open store. It is safe for concurrent use.
type Index struct {
	mu   sync.RWMutex
	db   *sql.DB
	dir  string
	lock *os.File // nil when read-only
	enc  *zstd.Encoder
	dec  *zstd.Decoder
}

var _ findings.Index = (*Index)(nil)

// Open opens the index in dir for writing, making it if there is none.
// findings.ErrLocked: another process writes to it. findings.ErrCorrupt: its
// file is broken; remove the folder and follow the spool again.
func Open(ctx context.Context, dir string) (*Index, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the index: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the index: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("index %s: %w", dir, findings.ErrLocked)
	}
	// SQLite would make its file with the umask's mode.
	f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("making the index: %w", err)
	}
	ix, err := open(ctx, dir, "mode=rw&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	ix.lock = lock
	if err := ix.init(ctx); err != nil {
		_ = ix.Close()
		return nil, err
	}
	return ix, nil
}

// OpenReadOnly opens the index in dir for searching, also while another
// process writes to it.
func OpenReadOnly(ctx context.Context, dir string) (*Index, error) {
	if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
		return nil, fmt.Errorf("opening the index: %w", err)
	}
	ix, err := open(ctx, dir, "mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	if err := ix.load(ctx); err != nil {
		_ = ix.Close()
		return nil, err
	}
	return ix, nil
}

func open(ctx context.Context, dir, options string) (*Index, error) {
	path, err := filepath.Abs(filepath.Join(dir, fileName))
	if err != nil {
		return nil, err
	}
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	db, err := sql.Open("sqlite", "file:"+escaped+"?"+options)
	if err != nil {
		return nil, fmt.Errorf("opening the index: %w", err)
	}
	ix := &Index{db: db, dir: dir}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, ix.wrap("opening the index", err)
	}
	return ix, nil
}

// wrap gives SQLite's errors the values callers branch on.
func (ix *Index) wrap(what string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case codeCorrupt, codeNotADB:
			return fmt.Errorf("%s %s: %w (%w); remove the folder and build it again from the spool by 'saksi findings push'", what, ix.dir, findings.ErrCorrupt, err)
		case codeBusy:
			return fmt.Errorf("%s %s: %w", what, ix.dir, findings.ErrLocked)
		case codeFull:
			return fmt.Errorf("%s %s: %w: free some space and call again; nothing is lost, the spool has all", what, ix.dir, unix.ENOSPC)
		}
	}
	return fmt.Errorf("%s %s: %w", what, ix.dir, err)
}

func (ix *Index) init(ctx context.Context) error {
	var have int
	if err := ix.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return ix.wrap("opening the index", err)
	}
	if have == 0 {
		if err := ix.make(ctx); err != nil {
			return ix.wrap("making the index", err)
		}
	}
	return ix.load(ctx)
}

// make writes the schema, whole or not at all: whoever is killed over it leaves
// an index that can be made again.
func (ix *Index) make(ctx context.Context) error {
	tx, err := ix.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, s := range schema() {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// load checks the version and reads the dictionary.
func (ix *Index) load(ctx context.Context) error {
	var have int
	if err := ix.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return ix.wrap("opening the index", err)
	}
	if have == 0 { // it was never made, or is being made
		return fmt.Errorf("opening the index: %s holds none yet: %w", ix.dir, fs.ErrNotExist)
	}
	if have != format {
		return fmt.Errorf("index %s is of format %d, this saksi uses %d: remove the folder and build it again from the spool by 'saksi findings push'", ix.dir, have, format)
	}
	var dict []byte
	err := ix.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE key='dict'").Scan(&dict)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return ix.wrap("opening the index", err)
	}
	return ix.useDict(dict)
}

const dictID = 1

func (ix *Index) useDict(dict []byte) (err error) {
	eo := []zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false)}
	do := []zstd.DOption{zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxDocSize)}
	if len(dict) > 0 {
		eo = append(eo, zstd.WithEncoderDictRaw(dictID, dict))
		do = append(do, zstd.WithDecoderDictRaw(dictID, dict))
	}
	if ix.enc, err = zstd.NewWriter(nil, eo...); err != nil {
		return err
	}
	ix.dec, err = zstd.NewReader(nil, do...)
	return err
}

// Close ends the index. It is safe to call twice.
func (ix *Index) Close() error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.db == nil {
		return nil
	}
	err := ix.db.Close()
	ix.db = nil
	if ix.dec != nil {
		ix.dec.Close()
	}
	if ix.lock != nil {
		if cerr := ix.lock.Close(); err == nil {
			err = cerr
		}
	}
	return err
}

var errClosed = errors.New("index is closed")

// Put stores documents in one transaction: all or, after an error, none. A
// document whose id is there with another body is Dead.
func (ix *Index) Put(ctx context.Context, docs []findings.Doc) (findings.Result, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	var res findings.Result
	if ix.db == nil {
		return res, errClosed
	}
	if ix.lock == nil {
		return res, fmt.Errorf("index %s was opened for reading only", ix.dir)
	}
	tx, err := ix.db.BeginTx(ctx, nil)
	if err != nil {
		return res, ix.wrap("writing to the index", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	if err := ix.makeDict(ctx, tx, docs); err != nil {
		return res, ix.wrap("writing to the index", err)
	}
	insert, err := tx.PrepareContext(ctx, insertSQL)
	if err != nil {
		return res, ix.wrap("writing to the index", err)
	}
	defer insert.Close()
	fts, err := tx.PrepareContext(ctx, "INSERT INTO fts(rowid,text,terms) VALUES(?,?,?)")
	if err != nil {
		return res, ix.wrap("writing to the index", err)
	}
	defer fts.Close()
	for _, d := range docs {
		id, err := hex.DecodeString(d.ID)
		e, perr := event.Parse(d.Body)
		if err != nil || len(id) != 32 || perr != nil || len(d.Body) > maxDocSize {
			res.Dead = append(res.Dead, findings.Dead{Doc: d, Reason: fmt.Sprintf("not a document of ours: %v", errors.Join(err, perr))})
			continue
		}
		r, err := insert.ExecContext(ctx, rowOf(id, d, e, ix.enc.EncodeAll(d.Body, nil))...)
		if err != nil {
			return findings.Result{}, ix.wrap("writing to the index", err)
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			same, err := ix.same(ctx, tx, id, d.Body)
			switch {
			case err != nil:
				return findings.Result{}, err
			case same:
				res.Duplicate++
			default:
				res.Dead = append(res.Dead, findings.Dead{Doc: d, Reason: "the id is there with another body"})
			}
			continue
		}
		row, err := r.LastInsertId()
		if err != nil {
			return findings.Result{}, err
		}
		if _, err := fts.ExecContext(ctx, row, query.Text(e), terms(e)); err != nil {
			return findings.Result{}, ix.wrap("writing to the index", err)
		}
		res.Stored++
	}
	if err := tx.Commit(); err != nil {
		return findings.Result{}, ix.wrap("writing to the index", err)
	}
	return res, nil
}

// makeDict keeps the first documents as the dictionary of all that follow.
func (ix *Index) makeDict(ctx context.Context, tx *sql.Tx, docs []findings.Doc) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM meta WHERE key='dict'").Scan(&n); err != nil || n > 0 {
		return err
	}
	var dict []byte
	for _, d := range docs {
		dict = append(dict, d.Body[:min(len(d.Body), dictSize-len(dict))]...)
	}
	if len(dict) < 8 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO meta(key,value) VALUES('dict',?)", dict); err != nil {
		return err
	}
	return ix.useDict(dict)
}

func (ix *Index) same(ctx context.Context, tx *sql.Tx, id, body []byte) (bool, error) {
	var src []byte
	if err := tx.QueryRowContext(ctx, "SELECT src FROM doc WHERE id=?", id).Scan(&src); err != nil {
		return false, ix.wrap("reading the index", err)
	}
	have, err := ix.dec.DecodeAll(src, nil)
	if err != nil {
		return false, fmt.Errorf("reading document %x of index %s: %w: %w", id, ix.dir, findings.ErrCorrupt, err)
	}
	return string(have) == string(body), nil
}

// Get fetches one document.
func (ix *Index) Get(ctx context.Context, id string) (findings.Doc, error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.db == nil {
		return findings.Doc{}, errClosed
	}
	raw, err := hex.DecodeString(id)
	if err != nil {
		return findings.Doc{}, fmt.Errorf("%q: %w (an id is 64 hex digits)", id, findings.ErrNotFound)
	}
	d := findings.Doc{ID: id}
	var src []byte
	var ns int64
	err = ix.db.QueryRowContext(ctx, "SELECT dataset,ts,src FROM doc WHERE id=?", raw).Scan(&d.Dataset, &ns, &src)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("%s: %w", id, findings.ErrNotFound)
	}
	if err != nil {
		return d, ix.wrap("reading the index", err)
	}
	d.Time = time.Unix(0, ns).UTC()
	d.Body, err = ix.body(raw, src)
	return d, err
}

func (ix *Index) body(id, src []byte) ([]byte, error) {
	b, err := ix.dec.DecodeAll(src, nil)
	if err != nil {
		return nil, fmt.Errorf("reading document %x of index %s: %w: %w; build it again from the spool", id, ix.dir, findings.ErrCorrupt, err)
	}
	return b, nil
}

// Erase deletes all documents of a case.
func (ix *Index) Erase(ctx context.Context, caseID string) (int64, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.db == nil {
		return 0, errClosed
	}
	tx, err := ix.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, ix.wrap("erasing from the index", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	where := column(event.SaksiCase) + "=?"
	if _, err := tx.ExecContext(ctx, "DELETE FROM fts WHERE rowid IN (SELECT rowid FROM doc WHERE "+where+")", caseID); err != nil {
		return 0, ix.wrap("erasing from the index", err)
	}
	r, err := tx.ExecContext(ctx, "DELETE FROM doc WHERE "+where, caseID)
	if err != nil {
		return 0, ix.wrap("erasing from the index", err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, err
	}
	if err := tx.Commit(); err != nil {
		return 0, ix.wrap("erasing from the index", err)
	}
	return n, nil
}
