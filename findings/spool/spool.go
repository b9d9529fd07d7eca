// Package spool is the first place every document is written to: append-only
// segments of checksummed records, fsynced in groups. Indexes follow it, each
// with its own cursor, and can be rebuilt from it. Start with Create, whose
// Writer is a findings.Sink; Follow moves what is committed into an index.
//
// A segment is a file NNNNNNNN.seg: a header of 16 bytes (8 bytes "SAKSISPL",
// the version of the format as 4 bytes big-endian, 4 bytes zero), then
// records: 4 bytes length and 4 bytes CRC-32C of the payload (both
// big-endian), and the payload: id (32 bytes), dataset, time, body as
// internal/wire writes them.
package spool

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"saksi/event"
	"saksi/findings"
	"saksi/internal/wire"
)

const (
	magic      = "SAKSISPL"
	version    = 1
	headerSize = 16
	recordHead = 8
	suffix     = ".seg"

	// maxRecord bounds a record on reading, before memory is taken for it.
	maxRecord = 16 << 20
	// SegmentSize is where a new segment begins, in bytes.
	SegmentSize = 64 << 20
	// SyncEvery is how long a document may wait for its fsync.
	SyncEvery = 200 * time.Millisecond
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer appends documents. It is safe for concurrent use. After a write
// error it refuses everything: what was committed before stays readable.
type Writer struct {
	mu    sync.Mutex
	dir   string
	lock  *os.File
	f     *os.File
	w     *bufio.Writer
	seg   int
	size  int64
	n     int64
	dirty bool
	err   error
	cut   int64
	buf   []byte
	rec   wire.Writer
	stop  chan struct{}
	done  chan struct{}
}

// Create opens the spool in dir for writing, making it if there is none. A
// record at the end that a crash left unfinished is cut off; Cut tells. It
// returns findings.ErrLocked when another process writes to it.
func Create(dir string) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the spool: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the spool: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("spool %s: %w", dir, findings.ErrLocked)
	}
	w := &Writer{dir: dir, lock: lock, stop: make(chan struct{}), done: make(chan struct{})}
	if err := w.resume(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	go w.syncer()
	return w, nil
}

// segments lists the numbers of the segments in dir, in order.
func segments(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []int
	for _, e := range entries {
		var n int
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok {
			if _, err := fmt.Sscanf(name, "%08d", &n); err == nil {
				list = append(list, n)
			}
		}
	}
	sort.Ints(list)
	return list, nil
}

func segmentPath(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("%08d%s", n, suffix))
}

// resume goes on at the end of the last segment.
func (w *Writer) resume() error {
	list, err := segments(w.dir)
	if err != nil {
		return fmt.Errorf("opening the spool: %w", err)
	}
	if len(list) == 0 {
		return w.next(1)
	}
	last := list[len(list)-1]
	path := segmentPath(w.dir, last)
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the spool: %w", err)
	}
	end, err := validEnd(f)
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("opening the spool: %s: %w", path, err)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	if st.Size() > end {
		w.cut = st.Size() - end
		if err := f.Truncate(end); err != nil {
			_ = f.Close()
			return fmt.Errorf("cutting an unfinished record off %s: %w", path, err)
		}
	}
	if end < headerSize {
		_ = f.Close()
		return w.next(last)
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		_ = f.Close()
		return err
	}
	w.f, w.w, w.seg, w.size = f, bufio.NewWriterSize(f, 256<<10), last, end
	w.dirty = true // what was written before may never have been synced
	return nil
}

// validEnd is the offset after the last whole record of a segment.
func validEnd(f *os.File) (int64, error) {
	r := &segmentReader{r: bufio.NewReaderSize(f, 256<<10)}
	if err := r.header(); err != nil {
		if errors.Is(err, errShort) {
			return 0, nil
		}
		return 0, err
	}
	for {
		if _, err := r.next(); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, errShort) {
				return r.at, nil
			}
			return 0, err
		}
	}
}

func (w *Writer) next(n int) error {
	if w.f != nil {
		if err := w.w.Flush(); err != nil {
			return err
		}
		if err := w.f.Sync(); err != nil {
			return err
		}
		if err := w.f.Close(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(segmentPath(w.dir, n), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("beginning a segment of the spool: %w", err)
	}
	if _, err := f.Write(segmentHead()); err != nil {
		_ = f.Close()
		return fmt.Errorf("beginning a segment of the spool: %w", err)
	}
	w.f, w.w, w.seg, w.size = f, bufio.NewWriterSize(f, 256<<10), n, headerSize
	syncDir(w.dir)
	return nil
}

func segmentHead() []byte {
	var head [headerSize]byte
	copy(head[:], magic)
	binary.BigEndian.PutUint32(head[8:], version)
	return head[:]
}

// syncDir keeps the names of segments, where the file system can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// Cut is the number of bytes of an unfinished record that opening cut off.
func (w *Writer) Cut() int64 { return w.cut }

// Count is the number of documents appended since the spool was opened.
func (w *Writer) Count() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// Emit appends one event; it is committed within SyncEvery, or by Flush.
func (w *Writer) Emit(e *event.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = e.AppendJSON(w.buf[:0])
	id, dataset, ns, err := place(e)
	if err != nil {
		return err
	}
	return w.append(id, dataset, ns, w.buf)
}

// Put appends one document as it stands; see Emit.
func (w *Writer) Put(d *findings.Doc) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.append(d.ID, d.Dataset, d.Time.UnixNano(), d.Body)
}

// place gives what a record holds besides the document.
func place(e *event.Event) (id, dataset string, ns int64, err error) {
	id, _ = e.GetStr(event.EventID)
	dataset, _ = e.GetStr(event.EventDataset)
	ns, ok := e.GetTime(event.Timestamp)
	if !ok {
		err = fmt.Errorf("writing a document of %s to the spool: it has no @timestamp", dataset)
	}
	return id, strings.TrimPrefix(dataset, "saksi."), ns, err
}

func (w *Writer) append(id, dataset string, ns int64, body []byte) error {
	if w.err != nil {
		return w.err
	}
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 32 {
		return fmt.Errorf("writing to the spool: id %q is no SHA-256", id)
	}
	w.rec.B = append(w.rec.B[:0], raw...)
	w.rec.String(dataset)
	w.rec.Int(ns)
	w.rec.Bytes(body)
	if len(w.rec.B) > maxRecord {
		return fmt.Errorf("writing to the spool: a document of %d bytes is over the limit of %d", len(w.rec.B), maxRecord)
	}
	if w.size > SegmentSize {
		if w.err = w.next(w.seg + 1); w.err != nil {
			return w.err
		}
	}
	var head [recordHead]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(w.rec.B)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(w.rec.B, castagnoli))
	if _, w.err = w.w.Write(head[:]); w.err == nil {
		_, w.err = w.w.Write(w.rec.B)
	}
	if w.err != nil {
		w.err = fmt.Errorf("writing to the spool %s: %w; what was committed is kept", w.dir, w.err)
		return w.err
	}
	w.size += int64(recordHead + len(w.rec.B))
	w.n++
	w.dirty = true
	return nil
}

// Flush commits all documents appended so far: they are on the disk when it
// returns nil.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}

func (w *Writer) flush() error {
	if w.err != nil || !w.dirty {
		return w.err
	}
	if w.err = w.w.Flush(); w.err == nil {
		w.err = w.f.Sync()
	}
	if w.err != nil {
		w.err = fmt.Errorf("committing to the spool %s: %w; what was committed before is kept", w.dir, w.err)
		return w.err
	}
	w.dirty = false
	return nil
}

func (w *Writer) syncer() {
	defer close(w.done)
	t := time.NewTicker(SyncEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_ = w.Flush() // the error stays in w and meets the next caller
		case <-w.stop:
			return
		}
	}
}

// Close commits and closes the spool.
func (w *Writer) Close() error {
	close(w.stop)
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.flush()
	if cerr := w.f.Close(); err == nil {
		err = cerr
	}
	if cerr := w.lock.Close(); err == nil {
		err = cerr
	}
	if w.err == nil {
		w.err = fs.ErrClosed
	}
	return err
}
