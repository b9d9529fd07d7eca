package spool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"saksi/findings"
)

// Expired says what Expire took out of a spool and what it left.
type Expired struct {
	Documents int64  // taken out
	Left      int64  // that should go, in segments that an index has not passed
	Bytes     int64  // by which the spool is smaller
	Behind    string // name of the index that is furthest behind, if something is left
}

// Expire takes the documents for which gone says so out of the spool, and out of
// what indices refused, so that an index built again does not have them. A
// segment is written anew without them and takes the old one's place whole; what
// stays keeps its order. Segments that an index of those that follow has not
// passed stay as they are and are counted. The segment that is written to ends first;
// others may go on writing meanwhile, but only one Expire may run.
func (w *Writer) Expire(ctx context.Context, gone func(findings.Doc) (bool, error)) (x Expired, err error) {
	open, err := w.roll()
	if err != nil {
		return x, err
	}
	least, name, err := slowest(w.dir)
	if err != nil {
		return x, err
	}
	list, err := segments(w.dir)
	if err != nil {
		return x, fmt.Errorf("reading the spool: %w", err)
	}
	for _, n := range list {
		if n >= open {
			break
		}
		if err := ctx.Err(); err != nil {
			return x, err
		}
		if err := w.expire(n, name == "" || n >= least.Segment, gone, &x); err != nil {
			return x, fmt.Errorf("taking documents out of %s: %w", segmentPath(w.dir, n), err)
		}
	}
	if x.Left > 0 {
		x.Behind = name
	}
	return x, w.expireLetters(gone, &x)
}

// roll ends the segment that is written to, if anything is in it, and gives the number of
// the one after it.
func (w *Writer) roll() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.flush(); err != nil {
		return 0, err
	}
	if w.size > headerSize {
		before := Cursor{w.seg, w.size}
		if w.err = w.next(w.seg + 1); w.err != nil {
			return 0, w.err
		}
		if err := passed(w.dir, before, Cursor{w.seg, headerSize}); err != nil {
			return 0, err
		}
	}
	return w.seg, nil
}

// passed moves the places that stand at the end of a segment to the next one.
func passed(dir string, end, next Cursor) error {
	names, err := followers(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		c, err := loadCursor(dir, name)
		if err == nil && c == end {
			err = saveCursor(dir, name, next)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// followers are the names of the indices that have a place in the spool.
func followers(dir string) (list []string, err error) {
	files, err := filepath.Glob(cursorPath(dir, "*"))
	for _, path := range files {
		list = append(list, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "cursor-"), ".json"))
	}
	return list, err
}

// slowest is the index that is furthest behind, and its place; "" for none.
func slowest(dir string) (least Cursor, name string, err error) {
	names, err := followers(dir)
	if err != nil {
		return least, "", err
	}
	for _, n := range names {
		c, err := loadCursor(dir, n)
		if err != nil {
			return least, "", err
		}
		if name == "" || c.before(least) {
			least, name = c, n
		}
	}
	return least, name, nil
}

// expire writes a segment anew without what goes; with keep it only counts.
func (w *Writer) expire(n int, keep bool, gone func(findings.Doc) (bool, error), x *Expired) error {
	path := segmentPath(w.dir, n)
	old, err := os.Open(path)
	if err != nil {
		return err
	}
	defer old.Close()
	st, err := old.Stat()
	if err != nil {
		return err
	}
	r := &segmentReader{r: bufio.NewReaderSize(old, 256<<10)}
	if err := r.header(); err != nil {
		return err
	}
	next := &Writer{dir: w.dir}
	tmp := path + ".new"
	defer os.Remove(tmp) // after the rename there is none
	if !keep {
		if next.f, err = os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return err
		}
		next.w, next.size = bufio.NewWriterSize(next.f, 256<<10), headerSize
		defer next.f.Close() // a second close after the one below does nothing
		if _, err := next.w.Write(segmentHead()); err != nil {
			return err
		}
	}
	var taken int64
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		d, err := decode(rec)
		if err != nil {
			return fmt.Errorf("before offset %d: %w", r.at, err)
		}
		goes, err := gone(d)
		switch {
		case err != nil:
			return fmt.Errorf("before offset %d: %w", r.at, err)
		case goes:
			taken++
		case !keep:
			if err := next.append(d.ID, d.Dataset, d.Time.UnixNano(), d.Body); err != nil {
				return err
			}
		}
	}
	switch {
	case keep:
		x.Left += taken
		return nil
	case taken == 0:
		return nil
	}
	if err := errors.Join(next.w.Flush(), next.f.Sync()); err != nil {
		return err
	}
	if err := next.f.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	x.Documents += taken
	x.Bytes += st.Size() - next.size
	syncDir(w.dir)
	return nil
}

// expireLetters takes documents out of what indices refused.
func (w *Writer) expireLetters(gone func(findings.Doc) (bool, error), x *Expired) error {
	files, err := filepath.Glob(deadPath(w.dir, "*"))
	if err != nil {
		return err
	}
	for _, path := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "dead-"), ".ndjson")
		list, err := letters(path, name)
		if err != nil {
			return err
		}
		var stay []findings.Dead
		for _, l := range list {
			goes, err := gone(l.Doc)
			if err != nil {
				return fmt.Errorf("taking documents out of %s: %w", path, err)
			}
			if !goes {
				stay = append(stay, findings.Dead{Doc: l.Doc, Reason: l.Reason})
			}
		}
		if len(stay) == len(list) {
			continue
		}
		if err := replaceLetters(w.dir, name, stay); err != nil {
			return err
		}
		x.Documents += int64(len(list) - len(stay))
	}
	return nil
}
