package spool

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"saksi/findings"
	"saksi/internal/wire"
)

// errShort is a header or a record that is not whole: the end of what a
// writer has committed, or a torn tail.
var errShort = errors.New("cut short")

type segmentReader struct {
	r   *bufio.Reader
	at  int64
	buf []byte
}

func (s *segmentReader) header() error {
	var head [headerSize]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return errShort
	}
	if string(head[:8]) != magic {
		return fmt.Errorf("%w: it does not begin as a segment does", findings.ErrCorrupt)
	}
	if v := binary.BigEndian.Uint32(head[8:]); v != version {
		return fmt.Errorf("segment of format version %d; this saksi reads %d: use a newer one", v, version)
	}
	s.at = headerSize
	return nil
}

// next returns the payload of the next record, valid until the call after.
func (s *segmentReader) next() ([]byte, error) {
	var head [recordHead]byte
	if n, err := io.ReadFull(s.r, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, errShort
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxRecord {
		return nil, fmt.Errorf("%w: the record at offset %d says it has %d bytes", findings.ErrCorrupt, s.at, size)
	}
	if uint32(cap(s.buf)) < size {
		s.buf = make([]byte, size)
	}
	s.buf = s.buf[:size]
	if _, err := io.ReadFull(s.r, s.buf); err != nil {
		return nil, errShort
	}
	if crc32.Checksum(s.buf, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		// A torn write leaves a wrong checksum at the very end only.
		if _, err := s.r.Peek(1); err != nil {
			return nil, errShort
		}
		return nil, fmt.Errorf("%w: checksum of the record at offset %d", findings.ErrCorrupt, s.at)
	}
	s.at += int64(recordHead) + int64(size)
	return s.buf, nil
}

func decode(rec []byte) (findings.Doc, error) {
	if len(rec) < 32 {
		return findings.Doc{}, fmt.Errorf("%w: a record of %d bytes", findings.ErrCorrupt, len(rec))
	}
	r := wire.Reader{B: rec[32:]}
	d := findings.Doc{ID: hex.EncodeToString(rec[:32])}
	d.Dataset = r.String()
	d.Time = time.Unix(0, r.Int()).UTC()
	d.Body = append([]byte(nil), r.Bytes()...)
	if err := r.Err(); err != nil {
		return d, fmt.Errorf("%w: %w", findings.ErrCorrupt, err)
	}
	return d, nil
}

// Cursor is a place in a spool: the next record to read.
type Cursor struct {
	Segment int   `json:"segment"`
	Offset  int64 `json:"offset"`
}

// Read returns the documents from c on, about maxBytes of bodies, and the
// cursor after them. No documents and no error mean that all that is
// committed was read. A broken record in the middle is findings.ErrCorrupt,
// with the segment and the offset.
func Read(dir string, c Cursor, maxBytes int) ([]findings.Doc, Cursor, error) {
	list, err := segments(dir)
	if err != nil {
		return nil, c, fmt.Errorf("reading the spool: %w", err)
	}
	var docs []findings.Doc
	size := 0
	for i, n := range list {
		if n < c.Segment {
			continue
		}
		if n > c.Segment {
			c = Cursor{Segment: n, Offset: headerSize}
		}
		more, next, err := readSegment(dir, c, maxBytes-size, i == len(list)-1)
		docs = append(docs, more...)
		c = next
		for _, d := range more {
			size += len(d.Body)
		}
		if err != nil {
			return docs, c, fmt.Errorf("reading the spool: %s: %w", segmentPath(dir, n), err)
		}
		if size >= maxBytes {
			break
		}
	}
	return docs, c, nil
}

func readSegment(dir string, c Cursor, maxBytes int, last bool) ([]findings.Doc, Cursor, error) {
	f, err := os.Open(segmentPath(dir, c.Segment))
	if err != nil {
		return nil, c, err
	}
	defer f.Close()
	s := &segmentReader{r: bufio.NewReaderSize(f, 256<<10)}
	if err := s.header(); err != nil {
		if last && errors.Is(err, errShort) {
			return nil, c, nil
		}
		return nil, c, err
	}
	if c.Offset > headerSize {
		if _, err := f.Seek(c.Offset, io.SeekStart); err != nil {
			return nil, c, err
		}
		s.r.Reset(f)
		s.at = c.Offset
	}
	var docs []findings.Doc
	for size := 0; size < maxBytes; {
		rec, err := s.next()
		if errors.Is(err, io.EOF) || last && errors.Is(err, errShort) {
			break
		}
		if err != nil {
			return docs, c, err
		}
		d, err := decode(rec)
		if err != nil {
			return docs, c, fmt.Errorf("at offset %d: %w", c.Offset, err)
		}
		docs = append(docs, d)
		size += len(d.Body)
		c.Offset = s.at
	}
	return docs, c, nil
}

// Delivery says how far an index has followed its spool in one Follow: Sent
// is always Stored + Duplicate + Dead.
type Delivery struct {
	Sent, Stored, Duplicate, Dead int64
}

// batchBytes is how much Follow puts into an index at a time. An index that
// takes less in one request divides it.
const batchBytes = 16 << 20

// Follow puts every committed document that ix has not got yet into it, and
// keeps its place under name (a word of letters, digits, - and _) in the
// spool's folder. A document the index refuses for good goes to
// dead-NAME.ndjson there, with the reason. Follow may be stopped at any time
// and called again; documents are then at most put twice, which Put takes as
// duplicates.
func Follow(ctx context.Context, dir, name string, ix findings.Writer, progress func(Delivery)) (Delivery, error) {
	var d Delivery
	c, err := loadCursor(dir, name)
	if err != nil {
		return d, err
	}
	next := ahead(dir, c)
	defer func() { <-next }() // nothing reads any more once this returned
	for {
		if err := ctx.Err(); err != nil {
			return d, err
		}
		r := <-next
		more := len(r.docs) > 0 && r.err == nil
		if more { // it is read while the index works
			next = ahead(dir, r.next)
		}
		if len(r.docs) > 0 {
			res, err := ix.Put(ctx, r.docs)
			if err != nil {
				return d, fmt.Errorf("putting documents of %s into the index: %w", dir, err)
			}
			if err := bury(dir, name, res.Dead); err != nil {
				return d, err
			}
			d.Sent += int64(len(r.docs))
			d.Stored += int64(res.Stored)
			d.Duplicate += int64(res.Duplicate)
			d.Dead += int64(len(res.Dead))
			if err := saveCursor(dir, name, r.next); err != nil {
				return d, err
			}
			if progress != nil {
				progress(d)
			}
		}
		if !more {
			return d, r.err
		}
	}
}

// reading is what one Read gave.
type reading struct {
	docs []findings.Doc
	next Cursor
	err  error
}

// ahead reads from c on in a goroutine of its own, which ends with the reading.
func ahead(dir string, c Cursor) <-chan reading {
	out := make(chan reading, 1)
	go func() {
		defer close(out)
		var r reading
		r.docs, r.next, r.err = Read(dir, c, batchBytes)
		out <- r
	}()
	return out
}

// Skip puts the place of an index of a name behind all that the spool holds now.
func Skip(ctx context.Context, dir, name string) error {
	c, err := End(ctx, dir)
	if err != nil {
		return err
	}
	return saveCursor(dir, name, c)
}

// End is the place behind all that the spool holds now.
func End(ctx context.Context, dir string) (Cursor, error) {
	var c Cursor
	for {
		docs, next, err := Read(dir, c, batchBytes)
		if err != nil || len(docs) == 0 || ctx.Err() != nil {
			return next, errors.Join(err, ctx.Err())
		}
		c = next
	}
}

// Known reports whether an index of a name has a place in the spool.
func Known(dir, name string) bool {
	_, err := os.Stat(cursorPath(dir, name))
	return err == nil
}

// Pending counts the documents that the index of a name has not got yet.
func Pending(dir, name string) (n int64, err error) {
	c, err := loadCursor(dir, name)
	if err != nil {
		return 0, err
	}
	for {
		docs, next, err := Read(dir, c, batchBytes)
		n += int64(len(docs))
		if err != nil || len(docs) == 0 {
			return n, err
		}
		c = next
	}
}

// Rewind makes the next Follow under name begin with the first document.
func Rewind(dir, name string) error {
	if err := os.Remove(cursorPath(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting the place of index %s in the spool: %w", name, err)
	}
	return nil
}

func cursorPath(dir, name string) string { return filepath.Join(dir, "cursor-"+name+".json") }

func loadCursor(dir, name string) (Cursor, error) {
	var c Cursor
	b, err := os.ReadFile(cursorPath(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return c, fmt.Errorf("reading the place of index %s in the spool: %w; remove %s to put all again", name, err, cursorPath(dir, name))
	}
	return c, nil
}

func saveCursor(dir, name string, c Cursor) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	tmp := cursorPath(dir, name) + ".tmp"
	// Synced before it gets its name: an empty place after a power cut would stop
	// the index for good.
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.Write(b)
		if err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(tmp, cursorPath(dir, name))
	}
	if err != nil {
		return fmt.Errorf("keeping the place of index %s in the spool: %w", name, err)
	}
	return nil
}

// bury appends refused documents to the dead-letter file, fsynced.
func bury(dir, name string, dead []findings.Dead) error {
	if len(dead) == 0 {
		return nil
	}
	path := deadPath(dir, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("keeping refused documents: %w", err)
	}
	if err := whole(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("keeping refused documents in %s: %w", path, err)
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for _, d := range dead {
		line := struct {
			Reason   string          `json:"reason"`
			ID       string          `json:"id"`
			Document json.RawMessage `json:"document"`
		}{d.Reason, d.Doc.ID, d.Doc.Body}
		if err := enc.Encode(line); err != nil {
			_ = f.Close()
			return fmt.Errorf("keeping refused documents in %s: %w", path, err)
		}
	}
	if err = w.Flush(); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("keeping refused documents in %s: %w", path, err)
	}
	return nil
}
