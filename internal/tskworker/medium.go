package tskworker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/bitlocker"
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

// first is where in the image the first byte from off on lies that lies anywhere;
// 0 if none does.
func (m *medium) first(off int64) int64 {
	for range maxPlaced {
		at, n := m.place(off)
		if at >= 0 && n > 0 {
			return at
		}
		if n <= 0 {
			break
		}
		off += n
	}
	return 0
}

// mediumOf is what a volume lies in that does not lie in the image as it is; nil for
// others, and for a shadow copy that can't be opened.
func (s *session) mediumOf(n int) *medium {
	if in := s.inner[n]; in != nil {
		return in
	}
	if _, ok := s.copies[n]; !ok {
		return nil
	}
	fs, err := s.reader(uint64(n))
	if p, ok := fs.(*placed); ok && err == nil {
		return p.in
	}
	return nil
}

// hollow reports whether a stretch of it was never written, and reads as zeros.
func (m *medium) hollow(off, length int64) bool {
	h, ok := m.r.(interface{ Hole(off int64) int64 })
	if !ok {
		return false
	}
	for end := off + length; off < end; {
		n := h.Hole(off)
		if n <= 0 {
			return false
		}
		off += n
	}
	return true
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

// maxMediums bounds the encrypted volumes that are tried in one image.
const maxMediums = 64

// locked is an encrypted volume.
type locked interface {
	// Unlock gives the volume key for a secret.
	Unlock(secret []byte) ([]byte, error)
}

// unlock opens an encrypted volume with the secrets or the key that came with
// the image; ok is false where it is none, or nothing opens it: it is named then.
func (s *session) unlock(in *medium, r io.ReaderAt, offset, length int64, desc string, depth int) (found, ok bool) {
	head := make([]byte, 512)
	if n, _ := r.ReadAt(head, offset); n < len(head) {
		return false, false
	}
	open := s.openLUKS
	switch {
	case bitlocker.Detect(head):
		open = s.openBitLocker
	case string(head[:6]) != "LUKS\xba\xbe" || len(s.secrets) == 0 && len(s.keys) == 0:
		return false, false
	}
	if s.unlocks++; s.unlocks > maxMediums {
		if s.unlocks == maxMediums+1 {
			s.info.Notes = append(s.info.Notes, fmt.Sprintf("more than %d encrypted volumes; from offset %d on they were not opened", maxMediums, offset))
		}
		return false, false
	}
	s.busy.Store(true)
	done := s.ticking()
	m, name, err := open(in, r, offset, length)
	done()
	s.busy.Store(false)
	if err != nil {
		if len(s.secrets) > 0 {
			s.info.Notes = append(s.info.Notes, fmt.Sprintf("the encrypted volume at offset %d was not opened: %v", offset, err))
		}
		return false, false
	}
	return s.volumeIn(m, 0, m.size, desc+", "+name, depth+1), true
}

// keyOf is the key of a volume that lies at an offset of the image: one that is
// known, or what a secret gives.
func (s *session) keyOf(v locked, at int64, noKey error, bare bool) (key []byte, err error) {
	if at < 0 { // it lies nowhere as it is; volumes are opened in one order
		at = -1 - int64(len(s.mediums))
	}
	key, err = s.keys[at], noKey
	tries := s.secrets
	if bare {
		tries = append([][]byte{nil}, tries...)
	}
	for _, x := range tries {
		if key != nil {
			break
		}
		k, uerr := v.Unlock(x)
		if uerr == nil {
			key = k
		} else if !errors.Is(uerr, noKey) {
			err = uerr
		}
	}
	if key == nil {
		return nil, err
	}
	s.opened = append(s.opened, disk.Key{Offset: at, Key: key})
	return key, nil
}

// inImage is the offset of the image of an offset of in, nil for the image.
func inImage(in *medium, off int64) int64 {
	if in == nil {
		return off
	}
	at, _ := in.place(off)
	return at
}

// shifted places content that lies in one piece from an offset on.
func shifted(in *medium, from, size int64) func(int64) (int64, int64) {
	return func(off int64) (int64, int64) {
		if in == nil {
			return from + off, size - off
		}
		return in.place(from + off)
	}
}

func (s *session) openLUKS(in *medium, r io.ReaderAt, offset, length int64) (*medium, string, error) {
	v, err := luks.Open(r, offset, length)
	if err != nil {
		return nil, "", err
	}
	key, err := s.keyOf(v, inImage(in, offset), luks.ErrKey, false)
	if err != nil {
		return nil, "", err
	}
	c, err := v.WithKey(key)
	if err != nil {
		return nil, "", err
	}
	m, err := s.newMedium(c, v.Size, int(v.Sector), shifted(in, offset+v.Payload, v.Size))
	return m, fmt.Sprintf("LUKS%d opened (%s)", v.Version, v.Cipher), err
}

func (s *session) openBitLocker(in *medium, r io.ReaderAt, offset, length int64) (*medium, string, error) {
	v, err := bitlocker.Open(r, offset, length)
	if err != nil {
		return nil, "", err
	}
	key, err := s.keyOf(v, inImage(in, offset), bitlocker.ErrKey, !v.Protected())
	if err != nil {
		return nil, "", err
	}
	c, err := v.WithKey(key)
	if err != nil {
		return nil, "", err
	}
	m, err := s.newMedium(c, c.Size(), int(v.Sector), shifted(in, offset, c.Size()))
	name := fmt.Sprintf("BitLocker opened (method 0x%04x)", v.Method)
	if !v.Protected() {
		name = fmt.Sprintf("BitLocker with a clear key: protection was suspended (method 0x%04x)", v.Method)
	}
	return m, name, err
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
			switch k := len(out) - 1; {
			case at < 0: // zeros that lie nowhere
				out = append(out, filesystem.Run{File: r.File, Length: n, Sparse: true})
			case k >= 0 && !out[k].Sparse && out[k].Image+out[k].Length == at && out[k].File+out[k].Length == r.File:
				out[k].Length += n
			default:
				out = append(out, filesystem.Run{File: r.File, Image: at, Length: n})
			}
			r.File, r.Image, r.Length = r.File+n, r.Image+n, r.Length-n
		}
		if r.Sparse {
			out = append(out, r)
		}
	}
	return out
}
