package tskworker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/carve"
	"saksi/internal/wire"
)

// carve looks for files by their content.
func (s *session) carve(r *wire.Reader, _ []*os.File) error {
	cfg := disk.ReadCarve(r)
	if r.Err() != nil {
		return r.Err()
	}
	if s.im == nil {
		return errors.New("no image is open")
	}
	problem := func(text string) error {
		w := wire.Writer{B: []byte{disk.TagData}}
		disk.AppendCarveProblem(&w, text)
		return s.send(w.B)
	}
	ranges, err := s.carveRanges(&cfg, problem)
	if err != nil {
		return err
	}
	var all, told int64
	for _, x := range ranges {
		all += x.Length
	}
	m := metered{s}
	last := time.Now()
	progress := func(done int64) error {
		s.read = 0 // candidates have a budget of their own
		if time.Since(last) < aliveEvery && done < all {
			return nil
		}
		last, told = time.Now(), done
		w := wire.Writer{B: []byte{disk.TagData}}
		disk.AppendCarveProgress(&w, done, all, placeOf(ranges, done))
		return s.send(w.B)
	}
	err = carve.Run(context.Background(), m, ranges, carve.Config{Types: cfg.Types, Sector: int64(s.im.SectorSize)}, progress, func(f *carve.Found) error {
		s.read = 0
		c := disk.Carved{Type: f.Type, Ext: f.Ext, MIME: f.MIME, Size: f.Size, Confidence: f.Sure, Checked: f.Checked, Fragment: f.Fragment, Expected: f.Expected}
		sum := sha256.New()
		var at int64
		for _, x := range f.Runs {
			if _, err := io.Copy(sum, io.NewSectionReader(m, x.Offset, x.Length)); err != nil {
				return problem(fmt.Sprintf("a %s at offset %d can't be read as a whole: %v", f.Type, f.Runs[0].Offset, err))
			}
			c.Runs = append(c.Runs, filesystem.Run{File: at, Image: x.Offset, Length: x.Length})
			at += x.Length
		}
		c.SHA256 = hex.EncodeToString(sum.Sum(nil))
		w := wire.Writer{B: []byte{disk.TagData}}
		disk.AppendCarved(&w, &c)
		return s.send(w.B)
	})
	if errors.Is(err, carve.ErrBudget) {
		return problem(fmt.Sprintf("from offset %d on: %v", placeOf(ranges, told), err))
	}
	if errors.Is(err, carve.ErrUnread) {
		return problem(err.Error())
	}
	return err
}

// placeOf is the offset of the media where done bytes of the ranges end.
func placeOf(ranges []carve.Range, done int64) int64 {
	for _, x := range ranges {
		if done < x.Length {
			return x.Offset + done
		}
		done -= x.Length
	}
	if n := len(ranges); n > 0 {
		return ranges[n-1].Offset + ranges[n-1].Length
	}
	return 0
}

// carveRanges are the stretches of the media that are looked at: free space of
// file systems, volumes without one, and what lies between volumes.
func (s *session) carveRanges(cfg *disk.CarveConfig, problem func(string) error) ([]carve.Range, error) {
	var list, volumes []carve.Range
	vols := s.info.Table.Volumes
	if cfg.Volume >= len(vols) {
		return nil, fmt.Errorf("there is no volume %d: %w; 'forensics info' lists them", cfg.Volume, filesystem.ErrNotFound)
	}
	for i := range vols {
		v := &vols[i]
		if s.inner[i] != nil || v.Copy != 0 {
			if cfg.Volume < 0 && v.Copy == 0 || cfg.Volume == i {
				if err := problem(fmt.Sprintf("volume %d (%s) does not lie in the image as it is, and was not carved", i, v.Description)); err != nil {
					return nil, err
				}
			}
			continue
		}
		x := carve.Range{Offset: v.Offset, Length: min(v.Length, s.im.Size-v.Offset)}
		if x.Length <= 0 || x.Offset < 0 {
			continue
		}
		volumes = append(volumes, x)
		if cfg.Volume >= 0 && cfg.Volume != i {
			continue
		}
		if cfg.All || v.Problem != "" {
			list = append(list, x)
			continue
		}
		fs, err := s.reader(uint64(i))
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
			err = problem(fmt.Sprintf("free space of volume %d (%s) was not carved: %v; --all carves used space too", i, v.FileSystem.Type, err))
		case more:
			err = problem(fmt.Sprintf("volume %d has more pieces of free space than are looked at: %d", i, len(free)))
		}
		if err != nil {
			return nil, err
		}
		for _, r := range free {
			if r.Image >= 0 && r.Image < s.im.Size && r.Length > 0 {
				list = append(list, carve.Range{Offset: r.Image, Length: min(r.Length, s.im.Size-r.Image)})
			}
		}
	}
	if cfg.Volume < 0 {
		list = append(list, gaps(merge(volumes), s.im.Size)...)
	}
	list = merge(list)
	for len(list) > 0 && list[0].Offset < cfg.From {
		cut := min(cfg.From-list[0].Offset, list[0].Length)
		list[0].Offset, list[0].Length = list[0].Offset+cut, list[0].Length-cut
		if list[0].Length == 0 {
			list = list[1:]
		}
	}
	return list, nil
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
	runs := filesystem.ReadRuns(r, nil)
	if r.Err() != nil {
		return r.Err()
	}
	if s.im == nil {
		return errors.New("no image is open")
	}
	buf := s.piece()
	buf[0] = disk.TagData
	for _, x := range runs {
		for off, end := x.Image, x.Image+x.Length; off < end; {
			n, err := s.im.ReadAt(buf[1:1+min(pieceSize, end-off)], off)
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
