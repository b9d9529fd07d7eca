package tskworker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"time"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/forensics/volume"
	"saksi/internal/carve"
	"saksi/internal/wire"
)

// carveStep is how many bytes are looked at before a point is told from which carving
// can go on.
const carveStep = 16 << 20

// carveSpace is a stretch of bytes that has offsets of its own: the media, or a volume
// that does not lie there as it is.
type carveSpace struct {
	volume int // -1: the media
	in     *medium
	ranges []carve.Range
	length int64
}

// carve looks for files by their content.
func (s *session) carve(r *wire.Reader, _ []*os.File) error {
	cfg := disk.ReadCarve(r)
	if r.Err() != nil {
		return r.Err()
	}
	if s.im == nil {
		return errors.New("no image is open")
	}
	begun := cfg.From == disk.CarvePoint{}
	problem := func(text string) error {
		w := wire.Writer{B: []byte{disk.TagData}}
		disk.AppendCarveProblem(&w, text)
		return s.send(w.B)
	}
	spaces, err := s.carveSpaces(&cfg, func(text string) error {
		if !begun { // it was said
			return nil
		}
		return problem(text)
	})
	if err != nil {
		return err
	}
	var all, before int64
	for i := range spaces {
		for _, x := range spaces[i].ranges {
			spaces[i].length += x.Length
		}
		all += spaces[i].length
	}
	for i := range spaces {
		x := &spaces[i]
		if x.volume+1 >= cfg.From.Space {
			c := carving{s: s, cfg: &cfg, space: x, before: before, all: all, problem: problem, last: time.Now()}
			if err := c.run(); err != nil {
				return err
			}
		}
		before += x.length
	}
	return nil
}

// carving is the work on one space.
type carving struct {
	s           *session
	cfg         *disk.CarveConfig
	space       *carveSpace
	before, all int64
	problem     func(string) error
	last        time.Time
	told        int64 // offset of the last point
	done        int64 // bytes until there
}

func (c *carving) run() error {
	s := c.s
	var m io.ReaderAt = metered{s}
	cfg := carve.Config{Types: c.cfg.Types, Sector: int64(s.im.SectorSize)}
	if c.space.in != nil {
		m = c.space.in
	}
	if c.cfg.Every > 0 {
		cfg.Sector = c.cfg.Every
	}
	if c.cfg.From.Space == c.space.volume+1 {
		cfg.From, cfg.State = c.cfg.From.Offset, c.cfg.From.State
		c.told = cfg.From
	} else if err := c.point(0, 0, carve.State{}); err != nil {
		return err
	}
	err := carve.Run(context.Background(), m, c.space.ranges, cfg, c.progress, func(f *carve.Found) error { return c.found(m, f) })
	where := ""
	if c.space.volume >= 0 {
		where = fmt.Sprintf("volume %d, as it was opened: ", c.space.volume)
	}
	if errors.Is(err, carve.ErrBudget) {
		return c.problem(fmt.Sprintf("%sfrom offset %d on: %v", where, c.told, err))
	}
	if errors.Is(err, carve.ErrUnread) {
		return c.problem(where + err.Error())
	}
	return err
}

func (c *carving) progress(done, at int64, st carve.State) error {
	c.s.read = 0 // candidates have a budget of their own
	if time.Since(c.last) < aliveEvery && done-c.done < carveStep && done < c.space.length {
		return nil
	}
	return c.point(done, at, st)
}

// point tells a place from which carving can go on.
func (c *carving) point(done, at int64, st carve.State) error {
	c.last, c.told, c.done = time.Now(), at, done
	w := wire.Writer{B: []byte{disk.TagData}}
	disk.AppendCarveProgress(&w, &disk.CarvePoint{Space: c.space.volume + 1, Offset: at, Done: c.before + done, State: st}, c.all)
	return c.s.send(w.B)
}

func (c *carving) found(m io.ReaderAt, f *carve.Found) error {
	c.s.read = 0
	out := disk.Carved{Type: f.Type, Ext: f.Ext, MIME: f.MIME, Size: f.Size, Confidence: f.Sure, Checked: f.Checked, Fragment: f.Fragment, Expected: f.Expected, Volume: c.space.volume}
	sum := sha256.New()
	var at int64
	for _, x := range f.Runs {
		if _, err := io.Copy(sum, io.NewSectionReader(m, x.Offset, x.Length)); err != nil {
			return c.problem(fmt.Sprintf("a %s at offset %d can't be read as a whole: %v", f.Type, f.Runs[0].Offset, err))
		}
		out.Runs = append(out.Runs, filesystem.Run{File: at, Image: x.Offset, Length: x.Length})
		at += x.Length
	}
	if out.Places = out.Runs; c.space.in != nil {
		out.Places = c.space.in.runs(out.Runs)
	}
	out.SHA256 = hex.EncodeToString(sum.Sum(nil))
	w := wire.Writer{B: []byte{disk.TagData}}
	disk.AppendCarveFound(&w, &out)
	return c.s.send(w.B)
}

// carveSpaces are the stretches that are looked at: free space of file systems,
// volumes without one, and what lies between volumes; then the free space of volumes
// that do not lie in the media as they are.
func (s *session) carveSpaces(cfg *disk.CarveConfig, problem func(string) error) ([]carveSpace, error) {
	media := carveSpace{volume: -1}
	var used []carve.Range
	var inner []carveSpace
	vols := s.info.Table.Volumes
	if cfg.Volume >= len(vols) {
		return nil, fmt.Errorf("there is no volume %d: %w; 'forensics info' lists them", cfg.Volume, filesystem.ErrNotFound)
	}
	for i := range vols {
		v := &vols[i]
		if v.Copy != 0 {
			if !v.Chosen(cfg.Volume) {
				continue
			}
			if _, err := s.reader(uint64(i)); err != nil {
				if err := problem(fmt.Sprintf("volume %d (%s) was not carved: %v", i, v.Description, err)); err != nil {
					return nil, err
				}
				continue
			}
		}
		if s.around(i) {
			continue
		}
		in := s.mediumOf(i)
		x := carve.Range{Offset: v.Offset, Length: min(v.Length, s.im.Size-v.Offset)}
		switch {
		case in != nil:
			x = carve.Range{Offset: s.within[i], Length: min(v.Length, in.size-s.within[i])}
			if v.Copy == 0 {
				used = append(used, in.covers(x)...)
			}
		case v.Copy == 0 && x.Length > 0 && x.Offset >= 0:
			used = append(used, x)
		}
		if x.Length <= 0 || x.Offset < 0 || !v.Chosen(cfg.Volume) {
			continue
		}
		ranges := []carve.Range{x}
		if !cfg.All && v.Problem == "" {
			var err error
			if ranges, err = s.freeRanges(i, problem); err != nil {
				return nil, err
			}
			// What lies behind the end of its file system is in no use either.
			if n := v.FileSystem.Size; n > 0 && n < x.Length {
				ranges = append(ranges, carve.Range{Offset: x.Offset + n, Length: x.Length - n})
			}
		}
		if in == nil {
			media.ranges = append(media.ranges, ranges...)
		} else {
			inner = append(inner, carveSpace{volume: i, in: in, ranges: merge(ranges)})
		}
	}
	if cfg.Volume < 0 {
		media.ranges = append(media.ranges, gaps(merge(used), s.im.Size)...)
	}
	media.ranges = merge(media.ranges)
	return append([]carveSpace{media}, inner...), nil
}

// around reports whether a volume that could not be opened is told with the place of a
// whole in which others lie, as one of a group is of which another disk is missing:
// that is no place of its own.
func (s *session) around(i int) bool {
	v := &s.info.Table.Volumes[i]
	if v.Problem == "" || s.inner[i] != nil {
		return false
	}
	return slices.ContainsFunc(s.info.Table.Volumes, func(o volume.Volume) bool {
		return o.Problem == "" && o.Offset >= v.Offset && o.Offset < v.Offset+v.Length
	})
}

// freeRanges is the free space of a volume, in the offsets of what it lies in.
func (s *session) freeRanges(i int, problem func(string) error) (list []carve.Range, err error) {
	size := s.im.Size
	fs, err := s.reader(uint64(i))
	if p, ok := fs.(*placed); ok { // its runs are those of the medium
		fs, size = p.Reader, p.in.size
	}
	var free []filesystem.Run
	var more bool
	if err == nil {
		if f, ok := fs.(filesystem.Freer); ok {
			free, more, err = f.Free(context.Background())
		} else {
			err = fmt.Errorf("its reader does not tell free space: %w", filesystem.ErrUnsupported)
		}
	}
	switch {
	case err != nil:
		err = problem(fmt.Sprintf("free space of volume %d (%s) was not carved: %v; --all carves used space too", i, s.info.Table.Volumes[i].FileSystem.Type, err))
	case more:
		err = problem(fmt.Sprintf("volume %d has more pieces of free space than are looked at: %d", i, len(free)))
	}
	for _, r := range free {
		if r.Image >= 0 && r.Image < size && r.Length > 0 {
			list = append(list, carve.Range{Offset: r.Image, Length: min(r.Length, size-r.Image)})
		}
	}
	return list, err
}

// maxCovers bounds the pieces that are told of where one medium lies in the image.
const maxCovers = 1 << 20

// covers is where in the image a stretch of it lies: that is no gap between volumes.
func (m *medium) covers(x carve.Range) (list []carve.Range) {
	for off, end := x.Offset, x.Offset+x.Length; off < end && len(list) < maxCovers; {
		at, n := m.place(off)
		if n = min(n, end-off); n <= 0 {
			break
		}
		if at >= 0 {
			list = append(list, carve.Range{Offset: at, Length: n})
		}
		off += n
	}
	return list
}

// merge sorts ranges and joins those that overlap or touch.
func merge(list []carve.Range) (out []carve.Range) {
	sort.Slice(list, func(i, j int) bool { return list[i].Offset < list[j].Offset })
	for _, x := range list {
		if n := len(out); n > 0 && x.Offset <= out[n-1].Offset+out[n-1].Length {
			out[n-1].Length = max(out[n-1].Length, x.Offset+x.Length-out[n-1].Offset)
			continue
		}
		out = append(out, x)
	}
	return out
}

// gaps are what ranges in order leave of a size.
func gaps(list []carve.Range, size int64) (out []carve.Range) {
	at := int64(0)
	for _, x := range append(list, carve.Range{Offset: size}) {
		if x.Offset > at {
			out = append(out, carve.Range{Offset: at, Length: x.Offset - at})
		}
		at = max(at, x.Offset+x.Length)
	}
	return out
}

// mediaBytes sends bytes of the media as they are.
func (s *session) mediaBytes(r *wire.Reader, _ []*os.File) error {
	number, runs := r.Int(), filesystem.ReadRuns(r, nil)
	if r.Err() != nil {
		return r.Err()
	}
	if s.im == nil {
		return errors.New("no image is open")
	}
	var from io.ReaderAt = s.im
	if number >= 0 {
		in := s.mediumOf(int(number))
		if in == nil {
			return fmt.Errorf("volume %d lies in the image as it is: %w", number, filesystem.ErrNotFound)
		}
		from = in
	}
	buf := s.piece()
	buf[0] = disk.TagData
	for _, x := range runs {
		for off, end := x.Image, x.Image+x.Length; off < end; {
			n, err := from.ReadAt(buf[1:1+min(pieceSize, end-off)], off)
			if n == 0 {
				return fmt.Errorf("reading the media at offset %d: %w", off, err)
			}
			if err := s.send(buf[:1+n]); err != nil {
				return err
			}
			off += int64(n)
		}
	}
	return s.send([]byte{disk.TagEnd})
}
