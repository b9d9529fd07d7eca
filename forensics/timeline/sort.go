package timeline

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// sortMemory is how many bytes of lines a Sorter keeps before it writes them to
// a scratch file.
const sortMemory = 64 << 20

// Sorter brings lines into the order of time in bounded memory: what does not
// fit lies in unlinked scratch files. Lines of one time stay in the order in
// which they were added. The caller MUST call Close.
type Sorter struct {
	dir   string // for scratch files; "" is the system's
	limit int
	lines []sorted
	bytes int
	runs  []*os.File
	n     int64
}

// sorted is a line by its time.
type sorted struct {
	time int64
	seq  int64
	b    []byte
}

func before(a, b *sorted) int {
	switch {
	case a.time != b.time && a.time < b.time, a.time == b.time && a.seq < b.seq:
		return -1
	case a.time == b.time && a.seq == b.seq:
		return 0
	}
	return 1
}

// NewSorter makes a Sorter whose scratch files lie in dir, "" for the system's
// folder of such.
func NewSorter(dir string) *Sorter { return &Sorter{dir: dir, limit: sortMemory} }

// Add takes a line; b is kept.
func (s *Sorter) Add(time int64, b []byte) error {
	s.lines = append(s.lines, sorted{time, s.n, b})
	s.n++
	if s.bytes += len(b) + 48; s.bytes < s.limit {
		return nil
	}
	return s.spill()
}

// Len is how many lines were added.
func (s *Sorter) Len() int64 { return s.n }

// spill writes the lines in memory to a scratch file, in order.
func (s *Sorter) spill() error {
	f, err := os.CreateTemp(s.dir, "saksi-timeline-*")
	if err != nil {
		return fmt.Errorf("sorting the timeline: %w", err)
	}
	// Its name goes at once, so that nothing is left after a crash.
	s.runs = append(s.runs, f)
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("sorting the timeline: %w", err)
	}
	s.sort()
	w := bufio.NewWriterSize(f, 1<<20)
	var head [20]byte
	for i := range s.lines {
		l := &s.lines[i]
		binary.LittleEndian.PutUint64(head[:], uint64(l.time))
		binary.LittleEndian.PutUint64(head[8:], uint64(l.seq))
		binary.LittleEndian.PutUint32(head[16:], uint32(len(l.b)))
		if _, err := w.Write(head[:]); err != nil {
			return fmt.Errorf("sorting the timeline: %w", err)
		}
		if _, err := w.Write(l.b); err != nil {
			return fmt.Errorf("sorting the timeline: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sorting the timeline: %w", err)
	}
	s.lines, s.bytes = s.lines[:0], 0
	return nil
}

func (s *Sorter) sort() {
	slices.SortFunc(s.lines, func(a, b sorted) int { return before(&a, &b) })
}

// Each gives every line in the order of time. It ends the Sorter's work.
func (s *Sorter) Each(do func(time int64, b []byte) error) error {
	s.sort()
	h := &merge{}
	for _, f := range s.runs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("sorting the timeline: %w", err)
		}
		if err := h.open(&run{r: bufio.NewReaderSize(f, 256<<10)}); err != nil {
			return err
		}
	}
	if err := h.open(&run{lines: s.lines}); err != nil {
		return err
	}
	heap.Init(h)
	for h.Len() > 0 {
		r := h.runs[0]
		if err := do(r.now.time, r.now.b); err != nil {
			return err
		}
		ok, err := r.next()
		if err != nil {
			return err
		}
		if ok {
			heap.Fix(h, 0)
		} else {
			heap.Pop(h)
		}
	}
	return nil
}

// Close gives the scratch files back.
func (s *Sorter) Close() error {
	var errs []error
	for _, f := range s.runs {
		errs = append(errs, f.Close())
	}
	s.runs = nil
	return errors.Join(errs...)
}

// run is a sorted part, on disk or in memory.
type run struct {
	r     *bufio.Reader
	lines []sorted
	now   sorted
}

func (r *run) next() (bool, error) {
	if r.r == nil {
		if len(r.lines) == 0 {
			return false, nil
		}
		r.now, r.lines = r.lines[0], r.lines[1:]
		return true, nil
	}
	var head [20]byte
	switch _, err := io.ReadFull(r.r, head[:]); {
	case err == io.EOF:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("sorting the timeline: %w", err)
	}
	r.now = sorted{int64(binary.LittleEndian.Uint64(head[:])), int64(binary.LittleEndian.Uint64(head[8:])), make([]byte, binary.LittleEndian.Uint32(head[16:]))}
	if _, err := io.ReadFull(r.r, r.now.b); err != nil {
		return false, fmt.Errorf("sorting the timeline: %w", err)
	}
	return true, nil
}

// merge is a heap of runs by their next line.
type merge struct{ runs []*run }

func (h *merge) open(r *run) error {
	ok, err := r.next()
	if ok {
		h.runs = append(h.runs, r)
	}
	return err
}

func (h *merge) Len() int           { return len(h.runs) }
func (h *merge) Less(i, j int) bool { return before(&h.runs[i].now, &h.runs[j].now) < 0 }
func (h *merge) Swap(i, j int)      { h.runs[i], h.runs[j] = h.runs[j], h.runs[i] }
func (h *merge) Push(x any)         { h.runs = append(h.runs, x.(*run)) }
func (h *merge) Pop() any {
	r := h.runs[len(h.runs)-1]
	h.runs = h.runs[:len(h.runs)-1]
	return r
}
