// Package local is the embedded index: a folder of segments (segment.go),
// written by one process and read by any number. Start with Open.
//
// A segment is a file that is never changed. It holds documents, compressed in
// blocks, and for every field a column: the sorted values and which documents
// have them. Put writes a segment and then names it in the manifest, which is
// replaced as a whole; small segments are merged (merge.go). A query is
// decided exactly, segment by segment, by the columns (plan.go), without
// reading documents; what only query.Node.Match can decide, it does.
package local

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"saksi/event"
	"saksi/findings"
)

// Index is an open store. It is safe for concurrent use.
type Index struct {
	dir     string
	lock    *os.File   // nil when read-only
	writing sync.Mutex // of the one that changes the index

	mu     sync.Mutex // of what follows
	raw    []byte     // the manifest as it was read
	m      manifest
	list   []*segment // as m names them
	closed bool
}

var _ findings.Index = (*Index)(nil)

var errClosed = errors.New("index is closed")

// Open opens the index in dir for writing, making it if there is none.
// findings.ErrLocked: another process writes to it. findings.ErrCorrupt: a
// file is broken; the error says how to build the index again.
func Open(_ context.Context, dir string) (*Index, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the index: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the index: %w", err)
	}
	ix := &Index{dir: dir, lock: lock}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("index %s: %w", dir, findings.ErrLocked), ix.Close())
	}
	err = ix.refresh()
	if errors.Is(err, fs.ErrNotExist) {
		m := manifest{Format: format, Made: time.Now().UnixNano()}
		if _, serr := m.save(dir); serr != nil {
			return nil, errors.Join(ix.wrap("making the index", serr), ix.Close())
		}
		err = ix.refresh()
	}
	if err == nil {
		err = sweep(dir, &ix.m)
	}
	if err != nil {
		return nil, errors.Join(err, ix.Close())
	}
	return ix, nil
}

// OpenReadOnly opens the index in dir for searching, also while another
// process writes to it.
func OpenReadOnly(_ context.Context, dir string) (*Index, error) {
	ix := &Index{dir: dir}
	if err := ix.refresh(); err != nil {
		return nil, err
	}
	return ix, nil
}

// wrap says what to do about a full disk.
func (ix *Index) wrap(what string, err error) error {
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%s %s: %w: free some space and call again; nothing is lost, the spool has all", what, ix.dir, unix.ENOSPC)
	}
	return fmt.Errorf("%s %s: %w", what, ix.dir, err)
}

// refresh opens what the manifest names at present. The caller holds mu, or
// has the index alone.
func (ix *Index) refresh() error {
	const tries = 100 // a writer may replace segments between manifest and open
	var before []byte
	for i := 0; ; i++ {
		m, raw, err := loadManifest(ix.dir)
		if err != nil {
			return err
		}
		if string(raw) == string(ix.raw) {
			return nil
		}
		err = ix.use(m, raw)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if i == tries || string(raw) == string(before) {
			// Not one that is not there: that would be an index that can be made.
			return fmt.Errorf("%w: a file that its manifest names is not there: %v; %s", findings.ErrCorrupt, err, rebuild)
		}
		before = raw
	}
}

// use makes m the present state: segments that it names are opened, those it
// does not name any more are let go.
func (ix *Index) use(m manifest, raw []byte) error {
	list := make([]*segment, 0, len(m.List))
	for _, name := range m.List {
		if i := slices.IndexFunc(ix.list, func(s *segment) bool { return s.name == name }); i >= 0 && m.Made == ix.m.Made {
			ix.list[i].retain()
			list = append(list, ix.list[i])
			continue
		}
		s, err := openSegment(ix.dir, name)
		if err != nil {
			release(list)
			return err
		}
		list = append(list, s)
	}
	release(ix.list)
	ix.list, ix.m, ix.raw = list, m, raw
	return nil
}

func release(list []*segment) {
	for _, s := range list {
		s.release()
	}
}

// snapshot gives the present segments; the caller releases them.
func (ix *Index) snapshot() ([]*segment, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.closed {
		return nil, errClosed
	}
	if ix.lock == nil {
		if err := ix.refresh(); err != nil {
			return nil, err
		}
	}
	for _, s := range ix.list {
		s.retain()
	}
	return slices.Clone(ix.list), nil
}

// Close ends the index. It is safe to call twice.
func (ix *Index) Close() error {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.closed {
		return nil
	}
	ix.closed = true
	release(ix.list)
	ix.list = nil
	if ix.lock == nil {
		return nil
	}
	return ix.lock.Close()
}

// write locks the index for a change. The caller calls done.
func (ix *Index) write() (list []*segment, done func(), err error) {
	ix.writing.Lock()
	if ix.lock == nil {
		ix.writing.Unlock()
		return nil, nil, fmt.Errorf("index %s was opened for reading only", ix.dir)
	}
	list, err = ix.snapshot()
	if err != nil {
		ix.writing.Unlock()
		return nil, nil, err
	}
	return list, func() { release(list); ix.writing.Unlock() }, nil
}

// name gives the next segment's name.
func (ix *Index) name() string {
	ix.m.Next++
	return fmt.Sprintf("%08d%s", ix.m.Next, suffix)
}

// commit makes the index what it is with some segments more and some less, all
// at once, and removes the files of the latter.
func (ix *Index) commit(more []string, less []*segment) error {
	m := manifest{Format: format, Made: ix.m.Made, Next: ix.m.Next}
	for _, s := range ix.list {
		if !slices.Contains(less, s) {
			m.List = append(m.List, s.name)
		}
	}
	m.List = append(m.List, more...)
	saved, err := m.save(ix.dir)
	if err != nil {
		if !saved {
			for _, name := range more {
				err = errors.Join(err, os.Remove(filepath.Join(ix.dir, name)))
			}
		}
		return err
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if err := ix.refresh(); err != nil {
		return err
	}
	for _, s := range less {
		if err := os.Remove(filepath.Join(ix.dir, s.name)); err != nil {
			return err
		}
	}
	return nil
}

// check reads a document that is put. Its time and data set MUST be those of
// its body, from which they are answered.
func check(d *findings.Doc) (id []byte, ns int64, e *event.Event, err error) {
	if len(d.Body) > maxDocSize {
		return nil, 0, nil, fmt.Errorf("it has %d bytes, over the limit of %d", len(d.Body), maxDocSize)
	}
	if id, err = hex.DecodeString(d.ID); err != nil || len(id) != idSize {
		return nil, 0, nil, fmt.Errorf("its id is %.80q, expected 64 hex digits", d.ID)
	}
	if e, err = event.Parse(d.Body); err != nil {
		return nil, 0, nil, err
	}
	own, _ := e.GetStr(event.EventID)
	set, _ := e.GetStr(event.EventDataset)
	ns, _ = e.GetTime(event.Timestamp)
	if own != d.ID || dataset(set) != d.Dataset || !e.Has(event.Timestamp) || ns != d.Time.UnixNano() {
		return nil, 0, nil, fmt.Errorf("its event.id, event.dataset or @timestamp (%.80q, %.80q, %d) is not the one it is put under (%s, %.80q, %d)",
			own, set, ns, d.ID, d.Dataset, d.Time.UnixNano())
	}
	return id, ns, e, nil
}

// dataset is event.dataset as findings.Doc has it.
func dataset(s string) string { return strings.TrimPrefix(s, "saksi.") }

// Put stores documents as one segment: all or, after an error, none or all. A
// document whose id is there with another body is Dead.
func (ix *Index) Put(ctx context.Context, docs []findings.Doc) (res findings.Result, err error) {
	list, done, err := ix.write()
	if err != nil {
		return res, err
	}
	defer done()
	res, err = ix.put(ctx, list, docs)
	if err != nil {
		return findings.Result{}, ix.wrap("writing to the index", err)
	}
	return res, nil
}

func (ix *Index) put(ctx context.Context, list []*segment, docs []findings.Doc) (res findings.Result, err error) {
	defer faults()()
	defer guard(&err)
	var names []string
	var b *batch
	committed := false
	defer func() {
		if b != nil {
			_ = b.out.f.Close() // what ended the batch is the error
			names = append(names, filepath.Base(b.out.path))
		}
		if !committed {
			for _, n := range names {
				_ = os.Remove(filepath.Join(ix.dir, n)) // or sweep does
			}
		}
	}()
	seen := map[[idSize]byte]int{} // place in docs
	for i := range docs {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		d := &docs[i]
		id, ns, e, err := check(d)
		if err != nil {
			res.Dead = append(res.Dead, findings.Dead{Doc: *d, Reason: fmt.Sprintf("not a document of ours: %v", err)})
			continue
		}
		have, found, err := stored(list, id)
		if err != nil {
			return res, err
		}
		if j, ok := seen[[idSize]byte(id)]; ok {
			have, found = docs[j].Body, true
		}
		switch {
		case found && string(have) == string(d.Body):
			res.Duplicate++
			continue
		case found:
			res.Dead = append(res.Dead, findings.Dead{Doc: *d, Reason: "the id is there with another body"})
			continue
		}
		seen[[idSize]byte(id)] = i
		if b == nil {
			b = &batch{}
			if b.out, err = create(ix.dir, ix.name()); err != nil {
				b = nil
				return res, err
			}
		}
		b.add(id, ns, e, d.Body)
		res.Stored++
		if b.out.docs == maxBatch || b.out.at > maxBatchBytes {
			names = append(names, filepath.Base(b.out.path))
			err := b.close()
			b = nil
			if err != nil {
				return res, err
			}
		}
	}
	if b != nil {
		names = append(names, filepath.Base(b.out.path))
		err := b.close()
		b = nil
		if err != nil {
			return res, err
		}
	}
	if len(names) == 0 {
		return res, nil
	}
	committed = true // or commit removes them
	if err := ix.commit(names, nil); err != nil {
		return res, err
	}
	return res, ix.tidy(ctx)
}

// A segment that Put writes has at most so many documents, and bytes of them
// compressed.
const (
	maxBatch      = 1 << 16
	maxBatchBytes = 256 << 20
)

// tidy merges what is to be merged. A full disk or a caller that has no more
// time leaves it for the next time: what was put is there.
func (ix *Index) tidy(ctx context.Context) error {
	for ctx.Err() == nil {
		list := mergeable(ix.list)
		if list == nil {
			return nil
		}
		err := ix.replace(list, nil)
		if errors.Is(err, unix.ENOSPC) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replace merges segments into one, without the documents in drop.
func (ix *Index) replace(list []*segment, drop map[*segment]bitset) error {
	name := ix.name()
	n, err := merge(ix.dir, name, list, drop)
	if err != nil {
		return errors.Join(err, removeIfThere(filepath.Join(ix.dir, name)))
	}
	var more []string
	if n > 0 {
		more = []string{name}
	}
	return ix.commit(more, list)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// stored finds a document by its id.
func stored(list []*segment, id []byte) (body []byte, found bool, err error) {
	for _, s := range list {
		if doc := s.find(id); doc >= 0 {
			body, err = s.body(doc)
			return body, true, err
		}
	}
	return nil, false, nil
}

// Get fetches one document.
func (ix *Index) Get(_ context.Context, id string) (d findings.Doc, err error) {
	list, err := ix.snapshot()
	if err != nil {
		return d, err
	}
	defer release(list)
	defer faults()()
	defer guard(&err)
	if raw, err := hex.DecodeString(id); err == nil && len(raw) == idSize {
		for _, s := range list {
			if doc := s.find(raw); doc >= 0 {
				return s.doc(doc)
			}
		}
	}
	return d, fmt.Errorf("%q: %w (an id is 64 hex digits)", id, findings.ErrNotFound)
}
