package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"saksi/evidence"
	"saksi/sensor/capture"
)

// Selection says which packets are meant: those that meet everything given.
type Selection struct {
	Community string // Community ID of a flow, or of its packets inside a tunnel
	Flow      string // id of one flow (Saksi.flow.id)
	// Key is the source that Numbers belong to, Numbers are its packets, from 1,
	// ascending; nil is any.
	Key     string
	Numbers []uint64
	// From and Until bound the time, both inclusive, in Unix nanoseconds; 0 is
	// no bound.
	From, Until int64
	Filter      *capture.Filter // nil: any
	// Authority bounds what may be extracted; nil for nothing. A packet that it
	// does not cover ends the extraction with an error that is
	// evidence.ErrAuthority; what it marks as privileged is left out.
	Authority *evidence.Authority
	Exhibits  map[string]string // ids of the exhibits among the paths
}

// Report is what an extraction did.
type Report struct {
	Packets, Bytes uint64   // found; bytes as captured
	Privileged     uint64   // left out
	Files          int      // looked into
	Indexed        int      // of those, by their index alone
	Sources        []string // keys of the sources that packets came from
	Problems       []error  // what could not be read to its end, or of what source it is
}

// ErrInput is returned for a path that is no capture, no ring and no folder of
// captures.
var ErrInput = errors.New("no captures")

// file is one capture file.
type file struct {
	path  string
	key   string
	first uint64 // number of its first packet
	ix    *index // what it says of the whole file, see load; nil: none
	open  bool   // a segment that may still be written to
	read  bool
	whole bool // read, and not by the index
}

// Extract gives the packets of captures that are meant, in the order of the
// captures and, within each, of the packets. Paths are captures and folders of
// them; a ring's segments are one source. A packet is valid until emit returns
// and has its number in its source.
func Extract(ctx context.Context, paths []string, sel *Selection, emit func(p *capture.Packet) error) (Report, error) {
	var rep Report
	groups, err := sources(ctx, paths)
	if err != nil {
		return rep, err
	}
	for _, g := range groups {
		if sel.Key != "" && g[0].key != sel.Key {
			continue
		}
		x := &extraction{ctx: ctx, sel: sel, emit: emit, rep: &rep, files: g, bounds: newBounds(sel, g[0].path)}
		before := rep.Packets
		if err := x.run(); err != nil {
			return rep, err
		}
		if rep.Packets > before {
			rep.Sources = append(rep.Sources, g[0].key)
		}
	}
	return rep, nil
}

// captureName is how captures in a folder are called, those that tcpdump -C
// numbers too.
var captureName = regexp.MustCompile(`(?i)\.(pcap|pcapng|cap)[0-9]*(\.gz|\.zst)?$`)

// Captures lists the captures in a folder, not those of folders in it, in the
// order of their names, and counts what else is in it. A folder without any
// gives ErrInput.
func Captures(dir string) (list []string, others int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if captureName.MatchString(e.Name()) {
			if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
				list = append(list, path)
				continue
			}
		}
		others++
	}
	if len(list) == 0 {
		return nil, others, fmt.Errorf("%w in the folder %s", ErrInput, dir)
	}
	return list, others, nil
}

// sources lists the files of all paths, grouped by their source.
func sources(ctx context.Context, paths []string) (groups [][]file, err error) {
	var list []string
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("extracting: %w", err)
		}
		if !st.IsDir() {
			list = append(list, p)
			continue
		}
		in, _, err := Captures(p)
		if err != nil {
			return nil, fmt.Errorf("extracting: %w", err)
		}
		list = append(list, in...)
	}
	at := map[string]int{}
	for _, p := range list {
		f, err := describe(ctx, p)
		if errors.Is(err, os.ErrNotExist) {
			continue // the ring went on
		}
		if err != nil {
			return nil, fmt.Errorf("extracting from %s: %w", p, err)
		}
		i, ok := at[f.key]
		if !ok {
			i = len(groups)
			at[f.key] = i
			groups = append(groups, nil)
		}
		if slices.ContainsFunc(groups[i], func(o file) bool { return o.first == f.first }) {
			continue // named twice
		}
		groups[i] = append(groups[i], f)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b file) int {
			if a.first < b.first {
				return -1
			}
			return 1
		})
	}
	return groups, nil
}

// describe finds the source of a file: of a segment by its index or its first
// comment, of any other by its content.
func describe(ctx context.Context, path string) (file, error) {
	f := file{path: path, first: 1}
	// Of an exhibit only its own bytes count: an index beside it is not under
	// custody, and could leave packets out.
	if !evidence.IsHeld(ctx, path) && strings.HasSuffix(path, segmentExt) {
		if ix, err := openIndex(indexPath(path)); err == nil {
			f.key, f.first, f.ix = ix.key, ix.first, ix
			ix.raw, ix.offsets, ix.flows = nil, nil, nil
			return f, nil
		}
	}
	r, err := evidence.OpenHeld(ctx, path)
	if err != nil {
		return f, err
	}
	defer r.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return f, err
	}
	// The section header block's first option is the comment (see AppendSection).
	const options = 24 + 4 // behind block head, magic, versions and length, and the head of the option
	if n > options {
		if _, err := fmt.Sscanf(string(head[options:n]), strings.Replace(sectionComment, "%s,", "%36s,", 1), &f.key, &f.first); err == nil {
			f.open = true
			return f, nil
		}
	}
	st, err := r.Stat()
	if err != nil {
		return f, err
	}
	f.key, err = evidence.SourceKey(r, st.Size())
	return f, err
}

// load reads the whole index again; a ring has more than memory should hold.
func (f *file) load() (*index, error) {
	ix, err := openIndex(indexPath(f.path))
	if err == nil && (ix.first != f.first || ix.n != f.ix.n) {
		err = fmt.Errorf("reading %s: %w: it changed meanwhile", indexPath(f.path), errIndex)
	}
	return ix, err
}

// extraction is the work on one source.
type extraction struct {
	ctx     context.Context
	sel     *Selection
	emit    func(p *capture.Packet) error
	rep     *Report
	files   []file
	numbers []uint64 // that are meant, ascending; nil with all true
	all     bool
	bounds  *bounds // of the authority; nil for none
}

func (x *extraction) run() error {
	if err := x.find(); err != nil {
		return err
	}
	for i := range x.files {
		f := &x.files[i]
		if !x.concerns(f) {
			continue
		}
		if err := x.read(f, x.within(f), x.take); err != nil {
			return err
		}
	}
	for i := range x.files {
		if f := &x.files[i]; f.read {
			x.rep.Files++
			if !f.whole {
				x.rep.Indexed++
			}
		}
	}
	return nil
}

// find decides which numbers are meant.
func (x *extraction) find() error {
	s := x.sel
	x.numbers, x.all = s.Numbers, s.Numbers == nil
	if s.Community == "" && s.Flow == "" {
		return nil
	}
	var found []uint64
	// The Community ID's packets are known of files with an index; the others are
	// looked through, and the file before each for fragments that begin in it.
	look := make([]bool, len(x.files))
	for i := range x.files {
		f := &x.files[i]
		if look[i] = s.Community == "" || f.ix == nil; look[i] {
			if i > 0 {
				look[i-1] = true
			}
			continue
		}
		ix, err := f.load()
		if errors.Is(err, os.ErrNotExist) {
			continue // the ring went on
		}
		if err != nil {
			return err
		}
		if found, err = ix.packets(found, s.Community); err != nil {
			return fmt.Errorf("reading %s: %w", indexPath(f.path), err)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if s.Flow != "" || slices.Contains(look, true) {
		m := newMatcher(s, x.files[0].key)
		for i := range x.files {
			f := &x.files[i]
			var only []uint64 // nil: all
			if !look[i] {
				if only = inRange(found, f); len(only) == 0 || s.Flow == "" {
					continue
				}
			}
			if err := x.read(f, only, m.packet); err != nil {
				return err
			}
		}
		if s.Flow != "" {
			found = nil // they are a part of the Community ID's
		}
		found = append(found, m.found()...)
		slices.Sort(found)
		found = slices.Compact(found)
	}
	if !x.all { // both
		found = slices.DeleteFunc(found, func(n uint64) bool {
			_, ok := slices.BinarySearch(s.Numbers, n)
			return !ok
		})
	}
	x.numbers, x.all = found, false
	return nil
}

// concerns reports whether a file can have something that is meant.
func (x *extraction) concerns(f *file) bool {
	if f.ix != nil && (x.sel.From != 0 && f.ix.maxTime < x.sel.From || x.sel.Until != 0 && f.ix.minTime > x.sel.Until) {
		return false
	}
	return x.all || len(inRange(x.numbers, f)) > 0
}

// within are the numbers that are meant of a file; nil for all.
func (x *extraction) within(f *file) []uint64 {
	if x.all {
		return nil
	}
	return inRange(x.numbers, f)
}

// inRange are those of sorted numbers that a file can have.
func inRange(numbers []uint64, f *file) []uint64 {
	from, _ := slices.BinarySearch(numbers, f.first)
	to := len(numbers)
	if f.ix != nil {
		to, _ = slices.BinarySearch(numbers, f.first+f.ix.count())
	}
	return numbers[from:to]
}

// take emits a packet that is meant by time and filter too.
func (x *extraction) take(p *capture.Packet) error {
	s := x.sel
	if s.From != 0 && p.Time < s.From || s.Until != 0 && p.Time > s.Until {
		return nil
	}
	if s.Filter != nil {
		if ok, err := s.Filter.Match(x.ctx, p); err != nil || !ok {
			return err
		}
	}
	if ok, err := x.bounds.within(p, x.rep); err != nil || !ok {
		return err
	}
	x.rep.Packets++
	x.rep.Bytes += uint64(len(p.Data))
	return x.emit(p)
}

// read gives the packets of a file, only those of the numbers unless they are
// nil: by the index if there is one. What of a file can't be read is a
// problem, no error.
func (x *extraction) read(f *file, only []uint64, give func(p *capture.Packet) error) error {
	in, err := evidence.OpenHeld(x.ctx, f.path)
	if err != nil {
		x.rep.Problems = append(x.rep.Problems, err)
		return nil
	}
	defer in.Close()
	var src io.Reader = in
	byIndex := f.ix != nil && only != nil
	f.read, f.whole = true, f.whole || !byIndex
	if byIndex {
		ix, err := f.load()
		if err != nil {
			x.rep.Problems = append(x.rep.Problems, err)
			return nil
		}
		src = ix.blocks(in, only)
	}
	r, err := capture.NewReader(f.path, src)
	if err != nil {
		x.rep.Problems = append(x.rep.Problems, err)
		return nil
	}
	defer r.Close()
	var b capture.Batch
	for k := 0; ; {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		err := r.ReadBatch(&b)
		if errors.Is(err, io.EOF) || f.open && errors.Is(err, capture.ErrTruncated) {
			if byIndex && k < len(only) {
				x.rep.Problems = append(x.rep.Problems, fmt.Errorf("reading %s by its index: %w: %d packets are not where it says", f.path, errIndex, len(only)-k))
			}
			return nil
		}
		if err != nil {
			x.rep.Problems = append(x.rep.Problems, err)
			return nil
		}
		for i := range b.Packets {
			p := &b.Packets[i]
			switch {
			case byIndex && k == len(only):
				x.rep.Problems = append(x.rep.Problems, fmt.Errorf("reading %s by its index: %w: there is more than one packet where it says one is; without the index all are read", f.path, errIndex))
				return nil
			case byIndex:
				p.Number = only[k]
				k++
			default:
				p.Number += f.first - 1
			}
			if only != nil && !byIndex {
				for k < len(only) && only[k] < p.Number {
					k++
				}
				if k == len(only) {
					return nil
				}
				if only[k] != p.Number {
					continue
				}
			}
			if err := give(p); err != nil {
				return err
			}
		}
	}
}

// blocks is a capture of the segment's header and the blocks of packets alone.
func (ix *index) blocks(in io.ReaderAt, numbers []uint64) io.Reader {
	parts := []io.Reader{io.NewSectionReader(in, 0, ix.header)}
	for i := 0; i < len(numbers); {
		from := numbers[i] - ix.first
		to := from + 1
		for i++; i < len(numbers) && numbers[i]-ix.first == to; i++ {
			to++
		}
		parts = append(parts, io.NewSectionReader(in, ix.offsets[from], ix.offsets[to]-ix.offsets[from]))
	}
	return io.MultiReader(parts...)
}
