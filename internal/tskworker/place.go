package tskworker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/carve"
	"saksi/internal/search"
	"saksi/internal/wire"
)

const (
	maxHits     = 4096     // hits told of one content; more are counted
	maxHitBytes = 2 << 20  // of hits told of one content
	maxSeen     = 500_000  // digests that are kept
	maxPlace    = 1 << 16  // runs by which places in the media are told
	maxSlack    = 64 << 20 // bytes of slack of one file that are looked at
	spaceRun    = 4096     // runs told in one frame
)

// search loads what to look for besides rules.
func (s *session) search(r *wire.Reader, _ []*os.File) error {
	cfg := disk.ReadSearch(r)
	s.seen, s.quietMembers = nil, nil
	if r.Err() != nil {
		return r.Err()
	}
	if cfg.Empty() {
		s.matcher = nil
		return nil
	}
	m, err := search.New(cfg)
	s.matcher = m
	return err
}

// contentOf opens what an item names.
func (s *session) contentOf(it *disk.Item) (filesystem.Content, error) {
	if it.Area == disk.Unallocated || it.Area == disk.Raw {
		if s.im == nil {
			return nil, errors.New("no image is open")
		}
		if in := s.mediumOf(it.Volume); in != nil && it.Area == disk.Unallocated { // its runs are those of the medium
			return newStretch(in, in.size, in, it.Runs), nil
		}
		return newStretch(s.im, s.im.Size, nil, it.Runs), nil
	}
	fs, err := s.reader(uint64(it.Volume))
	if err != nil {
		return nil, err
	}
	var in *medium
	if p, ok := fs.(*placed); ok && it.Area == disk.Slack {
		fs, in = p.Reader, p.in // its runs are those of the medium
	}
	c, err := fs.Open(it.Ref)
	if errors.Is(err, filesystem.ErrNoContent) {
		return empty{}, nil // no stream at all reads as an empty one, as with icat
	}
	if err != nil || it.Area != disk.Slack {
		return c, err
	}
	defer c.Close()
	all, _ := c.Runs(maxPlace)
	var behind []filesystem.Run
	size, total := c.Size(), int64(0)
	for _, r := range all {
		if cut := min(max(size-r.File, 0), r.Length); cut < r.Length && !r.Sparse && total < maxSlack {
			n := min(r.Length-cut, maxSlack-total)
			behind = append(behind, filesystem.Run{File: total, Image: r.Image + cut, Length: n})
			total += n
		}
	}
	if in != nil {
		return newStretch(in, in.size, in, behind), nil
	}
	return newStretch(s.im, s.im.Size, nil, behind), nil
}

// stretch is bytes of the media, one run after the other, as content. What can't
// be read reads as zeros, and is told.
type stretch struct {
	r      io.ReaderAt
	in     *medium          // whose bytes they are; nil: the image's
	runs   []filesystem.Run // File is the place in the stretch
	size   int64
	at     int // run that was read last
	failed error
}

// newStretch leaves out what lies outside the media.
func newStretch(r io.ReaderAt, size int64, in *medium, runs []filesystem.Run) *stretch {
	c := &stretch{r: r, in: in}
	for _, r := range runs {
		if r.Sparse || r.Image < 0 || r.Image >= size || r.Length <= 0 {
			continue
		}
		r.Length, r.File = min(r.Length, size-r.Image), c.size
		c.runs = append(c.runs, r)
		c.size += r.Length
	}
	return c
}

func (c *stretch) Size() int64  { return c.size }
func (c *stretch) Close() error { return nil }

func (c *stretch) Runs(limit int) ([]filesystem.Run, int64) {
	runs := c.runs
	if c.in != nil {
		runs = c.in.runs(runs)
	}
	return runs[:min(limit, len(runs))], 0
}

func (c *stretch) ReadAt(p []byte, off int64) (int, error) {
	if c.at >= len(c.runs) || c.runs[c.at].File > off {
		c.at = 0
	}
	n := 0
	for ; c.at < len(c.runs) && n < len(p); c.at++ {
		r := &c.runs[c.at]
		skip := off + int64(n) - r.File
		if skip >= r.Length {
			continue
		}
		part := p[n:min(len(p), n+int(min(r.Length-skip, int64(len(p)))))]
		got, err := c.r.ReadAt(part, r.Image+skip)
		if got < len(part) {
			if c.failed == nil {
				c.failed = fmt.Errorf("read_error at offset %d of the media: %w", r.Image+skip+int64(got), err)
			}
			clear(part[got:])
		}
		n += len(part)
		if n == len(p) {
			break // the run may have more
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// hollow reports whether a stretch of the image lies in holes of its container.
func (s *session) hollow(c *stretch) bool {
	if len(c.runs) == 0 {
		return false
	}
	for _, r := range c.runs {
		if c.in != nil && !c.in.hollow(r.Image, r.Length) || c.in == nil && !s.im.Hole(r.Image, r.Length) {
			return false
		}
	}
	return true
}

// look runs the rules and the search over data.
func (s *session) look(cfg *disk.UnitConfig, it *disk.Item, data []byte, res *disk.Result) {
	if it.Area != disk.Content && len(bytes.TrimLeft(data, "\x00")) == 0 {
		return // nothing was ever written there
	}
	if cfg.Scan {
		s.scan(data, it.Path, res)
	}
	if s.matcher != nil {
		s.busy.Store(true)
		hits, more := s.matcher.Scan(data, maxHits)
		s.busy.Store(false)
		// They go to the parent in one frame, with what rules found.
		size := 0
		for i := range hits {
			if size += len(hits[i].Name) + len(hits[i].Text) + 32; size > maxHitBytes {
				more += len(hits) - i
				hits = hits[:i]
				break
			}
		}
		res.Hits, res.MoreHits = hits, int64(more)
	}
	if it.Area == disk.Unallocated || it.Area == disk.Raw {
		own(it, res)
	}
}

// own leaves out what begins where the next item does: that one finds it, too.
func own(it *disk.Item, res *disk.Result) {
	matches := res.Matches[:0]
	for _, m := range res.Matches {
		mine := m.Strings[:0]
		all := len(m.Strings)
		for _, x := range m.Strings {
			if x.Offset < it.Core {
				mine = append(mine, x)
			}
		}
		// A rule without strings holds for any bytes: it is told once.
		if m.Strings = mine; len(mine) > 0 || all == 0 && !it.Next {
			matches = append(matches, m)
		}
	}
	res.Matches = matches
	hits := res.Hits[:0]
	for _, h := range res.Hits {
		if h.Offset < it.Core {
			hits = append(hits, h)
		}
	}
	res.Hits = hits
}

// places says where in the media what was found begins, in what lies from the
// byte shift of the content on; a negative one says that it lies there packed.
func (s *session) places(c filesystem.Content, shift int64, res *disk.Result) {
	if len(res.Matches) == 0 && len(res.Hits) == 0 {
		return
	}
	runs, record := c.Runs(maxPlace)
	sort.SliceStable(runs, func(i, j int) bool { return runs[i].File < runs[j].File })
	place := func(off int64) int64 {
		if shift < 0 {
			return -1
		}
		off += shift
		i := sort.Search(len(runs), func(i int) bool { return runs[i].File > off }) - 1
		if i >= 0 && off-runs[i].File < runs[i].Length && !runs[i].Sparse {
			return runs[i].Image + off - runs[i].File
		}
		if record != 0 && len(runs) == 0 {
			return record
		}
		return -1
	}
	for i := range res.Matches {
		for _, x := range res.Matches[i].Strings {
			res.Places = append(res.Places, place(x.Offset))
		}
	}
	for i := range res.Hits {
		res.Places = append(res.Places, place(res.Hits[i].Offset))
	}
}

// space tells where a place lies.
func (s *session) space(r *wire.Reader, _ []*os.File) error {
	where, number := disk.Area(r.Uint()), r.Int()
	if r.Err() != nil {
		return r.Err()
	}
	if s.im == nil {
		return errors.New("no image is open")
	}
	var runs []filesystem.Run
	var problems []string
	if where == disk.Unallocated {
		fs, err := s.reader(uint64(number))
		if err != nil {
			return err
		}
		if p, ok := fs.(*placed); ok { // runs of the medium, which contentOf reads
			fs = p.Reader
		}
		f, ok := fs.(filesystem.Freer)
		if !ok {
			return fmt.Errorf("free space of volume %d: its reader does not tell it: %w", number, filesystem.ErrUnsupported)
		}
		more := false
		if runs, more, err = f.Free(context.Background()); err != nil {
			return fmt.Errorf("free space of volume %d: %w", number, err)
		}
		if more {
			problems = append(problems, fmt.Sprintf("volume %d has more pieces of free space than are looked at: %d", number, len(runs)))
		}
	} else {
		runs = s.outside(number)
	}
	for len(runs) > 0 {
		n := min(len(runs), spaceRun)
		w := wire.Writer{B: []byte{disk.TagData}}
		filesystem.AppendRuns(&w, runs[:n])
		if err := s.send(w.B); err != nil {
			return err
		}
		runs = runs[n:]
	}
	w := wire.Writer{B: []byte{disk.TagEnd}}
	w.Uint(uint64(len(problems)))
	for _, p := range problems {
		w.String(p)
	}
	return s.send(w.B)
}

// outside are the stretches in no file system: of one volume, or (-1) of the
// whole image.
func (s *session) outside(number int64) (runs []filesystem.Run) {
	var list, used []carve.Range
	for i := range s.info.Table.Volumes {
		v := &s.info.Table.Volumes[i]
		if s.inner[i] != nil || v.Copy != 0 || s.around(i) { // where it lies in the image is another's
			continue
		}
		x := carve.Range{Offset: v.Offset, Length: min(v.Length, s.im.Size-v.Offset)}
		if x.Length <= 0 || x.Offset < 0 {
			continue
		}
		used = append(used, x)
		if v.Problem != "" && (number < 0 || number == int64(i)) {
			list = append(list, x)
		}
	}
	if number < 0 {
		list = append(list, gaps(merge(used), s.im.Size)...)
	}
	for _, x := range merge(list) {
		runs = append(runs, filesystem.Run{Image: x.Offset, Length: x.Length})
	}
	return runs
}
