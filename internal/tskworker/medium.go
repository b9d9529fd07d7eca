package tskworker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/luks"
	"saksi/internal/tsk"
)

// medium is a volume that does not lie in the image as it is: what an encrypted
// volume holds. Its offsets are its own; place gives those of the image.
type medium struct {
	r     io.ReaderAt
	s     *session
	ti    *tsk.Image
	size  int64
	place func(off int64) (image, length int64)
}

// ReadAt reads, counted and said as the image's own reads are.
func (m *medium) ReadAt(p []byte, off int64) (int, error) {
	s := m.s
	s.read += int64(len(p))
	if s.read > s.im.Size*maxReadTimes+maxReadMore {
		return 0, errTooMuchRead
	}
	if err := s.alive(); err != nil {
		return 0, err
	}
	if off >= m.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > m.size-off
	if short {
		p = p[:m.size-off]
	}
	n, err := m.r.ReadAt(p, off)
	if n == len(p) {
		err = nil
		if short {
			err = io.EOF
		}
	}
	return n, err
}

// newMedium makes one that libtsk can read too.
func (s *session) newMedium(r io.ReaderAt, size int64, sector int, place func(int64) (int64, int64)) (*medium, error) {
	m := &medium{r: r, s: s, size: size, place: place}
	var err error
	if m.ti, err = tsk.Open(m, size, sector); err != nil {
		return nil, err
	}
	s.mediums = append(s.mediums, m)
	return m, nil
}

// unlock opens an encrypted volume with the secrets or the key that came with
// the image; ok is false where it is none, or nothing opens it: it is named then.
func (s *session) unlock(in *medium, r io.ReaderAt, offset, length int64, desc string, depth int) (found, ok bool) {
	if len(s.secrets) == 0 && len(s.keys) == 0 || len(s.mediums) >= maxMediums {
		return false, false
	}
	magic := make([]byte, 6)
	if n, _ := r.ReadAt(magic, offset); n < 6 || string(magic) != "LUKS\xba\xbe" {
		return false, false
	}
	s.busy.Store(true)
	done := s.ticking()
	m, name, err := s.openLUKS(in, r, offset, length)
	done()
	s.busy.Store(false)
	if err != nil {
		s.info.Notes = append(s.info.Notes, fmt.Sprintf("the encrypted volume at offset %d was not opened: %v", offset, err))
		return false, false
	}
	return s.volumeIn(m, 0, m.size, desc+", "+name, depth+1), true
}

// maxMediums bounds the volumes in volumes.
const maxMediums = 64

func (s *session) openLUKS(in *medium, r io.ReaderAt, offset, length int64) (*medium, string, error) {
	v, err := luks.Open(r, offset, length)
	if err != nil {
		return nil, "", err
	}
	at := offset
	if in != nil {
		at, _ = in.place(offset)
	}
	key := s.keys[at]
	why := luks.ErrKey
	for _, x := range s.secrets {
		if key != nil {
			break
		}
		k, err := v.Unlock(x)
		if err == nil {
			key = k
		} else if !errors.Is(err, luks.ErrKey) {
			why = err
		}
	}
	if key == nil {
		return nil, "", why
	}
	c, err := v.WithKey(key)
	if err != nil {
		return nil, "", err
	}
	s.opened = append(s.opened, disk.Key{Offset: at, Key: key})
	place := func(off int64) (int64, int64) {
		if in == nil {
			return offset + v.Payload + off, v.Size - off
		}
		return in.place(offset + v.Payload + off)
	}
	m, err := s.newMedium(c, v.Size, int(v.Sector), place)
	return m, fmt.Sprintf("LUKS%d opened (%s)", v.Version, v.Cipher), err
}

// placed is a file system on a medium: its runs are told as those of the image,
// where its bytes lie as they were stored.
type placed struct {
	filesystem.Reader
	in *medium
}

func (p *placed) Walk(ctx context.Context, cfg filesystem.WalkConfig, f func(*filesystem.Entry, *filesystem.Problem) error) error {
	return p.Reader.Walk(ctx, cfg, func(e *filesystem.Entry, q *filesystem.Problem) error {
		if e != nil {
			e.Runs = p.in.runs(e.Runs)
			if e.Record != 0 {
				e.Record, _ = p.in.place(e.Record)
			}
		}
		return f(e, q)
	})
}

func (p *placed) Open(ref filesystem.Ref) (filesystem.Content, error) {
	c, err := p.Reader.Open(ref)
	if err != nil {
		return nil, err
	}
	return placedContent{c, p.in}, nil
}

type placedContent struct {
	filesystem.Content
	in *medium
}

func (c placedContent) Runs(limit int) ([]filesystem.Run, int64) {
	list, record := c.Content.Runs(limit)
	if record != 0 {
		record, _ = c.in.place(record)
	}
	list = c.in.runs(list)
	return list[:min(limit, len(list))], record
}

// Damage implements filesystem.Damager.
func (c placedContent) Damage() string {
	if d, ok := c.Content.(filesystem.Damager); ok {
		return d.Damage()
	}
	return ""
}

// maxPlaced bounds the pieces that one list of runs is cut into.
const maxPlaced = 4096

// runs gives the places of runs in the image.
func (m *medium) runs(list []filesystem.Run) (out []filesystem.Run) {
	for _, r := range list {
		for r.Length > 0 && !r.Sparse && len(out) < maxPlaced {
			at, n := m.place(r.Image)
			n = min(n, r.Length)
			if n <= 0 {
				break
			}
			out = append(out, filesystem.Run{File: r.File, Image: at, Length: n})
			r.File, r.Image, r.Length = r.File+n, r.Image+n, r.Length-n
		}
		if r.Sparse {
			out = append(out, r)
		}
	}
	return out
}
