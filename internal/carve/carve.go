// Package carve finds files by their content where no file system leads to
// them any more: in unallocated space. A signature at the start of a sector
// makes a candidate; its own structure then tells how long it is and whether it
// is what it seems. Start with Run; Kinds lists what is known.
//
// All of it works on hostile bytes: what is read for candidates is bounded by a
// budget, numbers are checked before they are allocated by.
package carve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"saksi/internal/registry"
)

// Range is a stretch of the media in bytes.
type Range struct{ Offset, Length int64 }

// How sure it is that what was carved is a whole file.
const (
	High   = "high"   // its content agrees with checksums in it, or decodes
	Medium = "medium" // its structure was walked to its end
	Low    = "low"    // only its beginning is right, or its end is a guess
)

// Found is a file, or the beginning of one.
type Found struct {
	Type     string // name of the kind, or closer: docx, evtx-chunk ...
	Ext      string // without the dot
	MIME     string
	Size     int64
	Runs     []Range // where it lies, in its order
	Sure     string
	Checked  []string // what was checked, in words
	Fragment bool     // it ends before its structure does
	Expected int64    // size its structure states, where Fragment; 0 unknown
}

// Kind is one kind of file. Its file registers it; nothing else lists it.
type Kind struct {
	Name, Doc, Reference string
	// Magic are the signatures; one of them stands At bytes from the start.
	Magic []string
	At    int
	// Max is the most bytes one may have.
	Max int64
	// Measure reads a candidate. ok is false where it is no such file.
	Measure func(s *Stream) (m Measured, ok bool)
}

// Measured is what Measure says of a candidate.
type Measured struct {
	Type, Ext, MIME string
	Size            int64 // of the whole, or of what is right of it
	Whole           bool  // the structure ends within the stream
	Sure            string
	Checked         []string
	Expected        int64 // size the structure states, 0 unknown
}

var kinds []Kind

func register(k Kind) {
	taken := func(name string) bool {
		return slices.ContainsFunc(kinds, func(o Kind) bool { return o.Name == name })
	}
	err := registry.Check("kind", k.Name, taken,
		registry.Need{What: "documentation", Has: k.Doc != ""},
		registry.Need{What: "reference to its specification", Has: k.Reference != ""},
		registry.Need{What: "signature", Has: len(k.Magic) > 0},
		registry.Need{What: "limit", Has: k.Max > 0},
		registry.Need{What: "measure", Has: k.Measure != nil},
	)
	if err != nil {
		panic(err)
	}
	kinds = append(kinds, k)
	sort.Slice(kinds, func(i, j int) bool { return kinds[i].Name < kinds[j].Name })
}

// Kinds returns every kind in the order of their names.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

// Config says what Run looks for.
type Config struct {
	Types  []string // names of kinds; none: all
	Sector int64    // files begin at multiples of it from the start of the media; 0: 512
	// From is where to go on: nothing before that offset is looked at. State is what a
	// run had come to there.
	From  int64
	State State
}

// State is what a run has come to at a place, beside the files that it gave: with it
// another goes on there as if it were the same.
type State struct {
	Spent  int64 // of the budget for what candidates have read
	Unread int64 // bytes that could not be read
	First  int64 // offset of the first of them
	Why    string
}

// ErrBudget is returned when candidates had more read than any sound medium
// makes them: what was found until then was given.
var ErrBudget = errors.New("its candidates made more be read than a sound medium needs: the rest was not carved")

// ErrUnread is returned at the end when sectors could not be read: all others
// were carved.
var ErrUnread = errors.New("sectors could not be read and were not carved")

const (
	window    = 1 << 20
	maxPieces = 64 // ranges one file is followed over
	lookBytes = 16 // of a sector, compared with signatures
)

// run is the work of Run.
type run struct {
	r      io.ReaderAt
	ranges []Range
	first  [256][]*Kind // kinds by the byte at their signature's place 0
	later  []*Kind      // kinds whose signature stands further on
	budget int64
	st     State
	buf    []byte
	f      func(*Found) error
}

// Run carves the ranges, which are in order and do not touch, and calls f for
// each file in the order of their places; progress, if not nil, is told the bytes
// of the ranges that are done, the offset before which nothing is to come, and the
// state there. Its error is f's, progress's, ctx's, ErrBudget or ErrUnread.
func Run(ctx context.Context, r io.ReaderAt, ranges []Range, cfg Config, progress func(done, at int64, st State) error, f func(*Found) error) error {
	if cfg.Sector <= 0 {
		cfg.Sector = 512
	}
	w := &run{r: r, ranges: ranges, f: f, budget: 4 << 30, st: cfg.State}
	w.kinds(cfg.Types)
	for _, x := range ranges {
		w.budget += 8 * x.Length
	}
	var done int64
	for i, x := range ranges {
		if x.Offset+x.Length > cfg.From {
			err := w.stretch(ctx, i, max(x.Offset, cfg.From), cfg.Sector, func(at int64) error {
				if progress == nil {
					return nil
				}
				return progress(done+min(at-x.Offset, x.Length), at, w.st)
			})
			if err != nil {
				return err
			}
		}
		done += x.Length
	}
	if w.st.Unread > 0 {
		return fmt.Errorf("%d bytes, the first at offset %d (%s): %w", w.st.Unread, w.st.First, w.st.Why, ErrUnread)
	}
	return nil
}

// kinds sets what is looked for.
func (w *run) kinds(types []string) {
	for i := range kinds {
		k := &kinds[i]
		if len(types) > 0 && !slices.Contains(types, k.Name) {
			continue
		}
		if k.At != 0 {
			w.later = append(w.later, k)
			continue
		}
		for _, m := range k.Magic {
			if l := w.first[m[0]]; len(l) == 0 || l[len(l)-1] != k {
				w.first[m[0]] = append(w.first[m[0]], k)
			}
		}
	}
}

// stretch carves range i from an offset on, and tells how far it is.
func (w *run) stretch(ctx context.Context, i int, from, sector int64, told func(at int64) error) error {
	if w.buf == nil {
		w.buf = make([]byte, window)
	}
	at := (from + sector - 1) / sector * sector
	for end := w.ranges[i].Offset + w.ranges[i].Length; at < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := w.r.ReadAt(w.buf[:min(window, end-at)], at)
		if n == 0 {
			if err == nil || err == io.EOF {
				return nil // the media ends
			}
			if w.st.Unread == 0 {
				w.st.First, w.st.Why = at, err.Error()
			}
			w.st.Unread += min(sector, end-at)
			at += sector
		} else if at, err = w.window(i, w.buf[:n], at, sector); err != nil {
			return err
		}
		if err := told(at); err != nil {
			return err
		}
	}
	return nil
}

// window looks at the sectors of b, which lies at a place of range i, and gives
// where to go on: behind it, or behind a file that reaches further.
func (w *run) window(i int, b []byte, at, sector int64) (int64, error) {
	for o := int64(0); o < int64(len(b)); {
		skip, err := w.sector(i, b[o:min(int64(len(b)), o+lookBytes)], at+o)
		if err != nil {
			return 0, err
		}
		if skip = (skip + sector - 1) / sector * sector; skip == 0 {
			skip = sector
		}
		o += skip
		if o >= int64(len(b)) {
			return at + o, nil
		}
	}
	return at + int64(len(b)+int(sector)-1)/sector*sector, nil
}

// sector tries the kinds whose signature stands at a place; it returns the size
// of a whole file there, 0 for none.
func (w *run) sector(i int, head []byte, at int64) (int64, error) {
	for _, list := range [2][]*Kind{w.first[head[0]], w.later} {
		for _, k := range list {
			if !k.matches(head) {
				continue
			}
			if w.st.Spent >= w.budget {
				return 0, ErrBudget
			}
			n, err := w.try(k, i, at)
			if n > 0 || err != nil {
				return n, err
			}
		}
	}
	return 0, nil
}

func (k *Kind) matches(head []byte) bool {
	for _, m := range k.Magic {
		if len(head) >= k.At+len(m) && string(head[k.At:k.At+len(m)]) == m {
			return true
		}
	}
	return false
}

// try measures a candidate in its range, and, if it does not end there, over
// the ranges that follow: what lies between belongs to others.
func (w *run) try(k *Kind, i int, at int64) (int64, error) {
	x := w.ranges[i]
	here := []Range{{at, min(x.Offset+x.Length-at, k.Max)}}
	s := newStream(w.r, here)
	m, ok := k.Measure(s)
	w.st.Spent += s.read
	if !ok {
		return 0, nil
	}
	if !m.Whole && i+1 < len(w.ranges) && here[0].Length < k.Max {
		more := append([]Range(nil), here...)
		left := k.Max - here[0].Length
		for j := i + 1; j < len(w.ranges) && j <= i+maxPieces && left > 0; j++ {
			n := min(w.ranges[j].Length, left)
			more = append(more, Range{w.ranges[j].Offset, n})
			left -= n
		}
		s := newStream(w.r, more)
		if y, ok := k.Measure(s); ok && y.Whole && y.Sure != Low {
			// Where no checksum agrees, the pieces may not belong together.
			if y.Sure == Medium {
				y.Sure = Low
			}
			y.Checked = append(y.Checked, "followed over used space")
			m, here = y, more
		}
		w.st.Spent += s.read
	}
	f := &Found{Type: k.Name, Ext: m.Ext, MIME: m.MIME, Size: m.Size, Sure: m.Sure, Checked: m.Checked, Fragment: !m.Whole}
	if m.Type != "" {
		f.Type = m.Type
	}
	if f.Fragment {
		f.Sure, f.Expected = Low, m.Expected
	}
	left := m.Size
	for _, r := range here {
		if n := min(left, r.Length); n > 0 {
			f.Runs = append(f.Runs, Range{r.Offset, n})
			left -= n
		}
	}
	f.Size -= left
	if f.Size <= 0 {
		return 0, nil
	}
	if err := w.f(f); err != nil {
		return 0, err
	}
	if f.Fragment || len(f.Runs) > 1 {
		return 0, nil // what follows may be another's
	}
	return f.Size, nil
}
