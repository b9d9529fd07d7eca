package tskworker

import (
	"fmt"
	"io"
	"time"

	"saksi/forensics/filesystem"
	"saksi/forensics/volume"
)

// shadowed is a volume that may hold shadow copies: where it lies in r, which
// reads in, or the image.
type shadowed struct {
	number         int
	r              io.ReaderAt
	in             *medium
	offset, length int64
}

// shadows lists the shadow copies of all volumes behind them. What a copy keeps
// is read when it is asked for.
func (s *session) shadows() {
	t := &s.info.Table
	s.copies = map[int]func() (filesystem.Reader, error){}
	for i := range s.shadowed {
		x := &s.shadowed[i]
		if x.number >= len(t.Volumes) {
			continue
		}
		base := t.Volumes[x.number]
		list, problem := volume.Shadows(x.r, x.offset, x.length)
		if problem != "" {
			s.info.Notes = append(s.info.Notes, fmt.Sprintf("volume %d: shadow copies: %s", x.number, problem))
		}
		for k, c := range list {
			v := base
			v.Description = fmt.Sprintf("%s, shadow copy %d of %s", base.Description, k+1, c.Created.Format(time.RFC3339))
			v.Copy, v.Of, v.Problem = c.Created.UnixNano(), x.number, c.Problem
			if v.Problem != "" {
				v.FileSystem = filesystem.Info{}
			}
			if v.Copy == 0 {
				v.Copy = 1 // a copy all the same
			}
			s.copies[len(t.Volumes)] = func() (filesystem.Reader, error) { return s.openShadow(x, list, k) }
			t.Volumes = append(t.Volumes, v)
		}
	}
}

// openShadow opens the file system that a shadow copy keeps.
func (s *session) openShadow(x *shadowed, list []volume.Shadow, n int) (filesystem.Reader, error) {
	done := s.ticking()
	v, err := volume.OpenShadow(x.r, x.offset, x.length, list, n)
	done()
	if err != nil {
		return nil, err
	}
	m, err := s.newMedium(v, v.Size, s.im.SectorSize, func(off int64) (int64, int64) {
		at, n := v.Place(off)
		if at < 0 {
			return -1, n
		}
		at, more := shifted(x.in, x.offset, x.length)(at)
		return at, min(n, more)
	})
	if err != nil {
		return nil, err
	}
	r, err := filesystem.Open(filesystem.Media{ReaderAt: m, Length: m.size, Sector: s.im.SectorSize})
	if err != nil {
		return nil, err
	}
	return &placed{Reader: r, in: m}, nil
}
