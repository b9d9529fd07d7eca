package tskworker

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/archive"
	"saksi/internal/fuzzy"
	"saksi/internal/wire"
)

// scratchFile is the scratch of a unit, for members too large for memory.
type scratchFile struct {
	f    *os.File
	used bool
}

func (s *scratchFile) WriteAt(p []byte, off int64) (int, error) {
	s.used = true
	return s.f.WriteAt(p, off)
}

func (s *scratchFile) Map(off, n int64) ([]byte, func(), error) {
	b, err := unix.Mmap(int(s.f.Fd()), off, int(n), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return b, func() { _ = unix.Munmap(b) }, nil
}

// enterConfig says how the stream of an item is entered; base is how much of the
// scratch it takes itself.
func (s *session) enterConfig(limits *archive.Limits, scratch *os.File, base int64) (*archive.Config, *scratchFile) {
	cfg := &archive.Config{Limits: *limits, Base: (base + archive.ScratchPage - 1) / archive.ScratchPage * archive.ScratchPage, Alive: s.alive}
	if scratch == nil {
		return cfg, nil
	}
	sf := &scratchFile{f: scratch}
	cfg.Scratch = sf
	return cfg, sf
}

// enter looks at the members of an archive or document and tells those in which
// something was found, ahead of its own result.
func (s *session) enter(cfg *disk.UnitConfig, it *disk.Item, c filesystem.Content, data []byte, res *disk.Result, scratch *os.File, base int64) {
	if cfg.Closed {
		if kind := archive.Kind(data); kind != "" {
			res.Entered.Problems = []archive.Problem{{Kind: archive.Limit, Text: kind + ", which is not entered: too many workers died over archives and documents of this image"}}
		}
		return
	}
	ac, sf := s.enterConfig(&cfg.Enter, scratch, base)
	var w wire.Writer
	st, err := archive.Walk(data, ac, func(m *archive.Member) error {
		digest := sha256.Sum256(m.Data)
		out := disk.Member{Path: m.Path, At: m.Offset, Result: disk.Result{Item: res.Item, Read: int64(len(m.Data)), Incomplete: m.Incomplete}}
		if _, again := s.quietMembers[digest]; !again || !cfg.Same {
			in := disk.Item{Path: it.Path + archive.Separator + m.Path}
			s.look(cfg, &in, m.Data, &out.Result)
			if cfg.Same {
				s.quietMember(digest, &out.Result)
			}
		}
		if !cfg.Every && len(out.Matches) == 0 && len(out.Hits) == 0 && out.ScanError == "" {
			return nil
		}
		out.Program = program(m.Data)
		if cfg.Fuzzy && m.Incomplete == "" && len(m.Data) > 0 {
			fz := fuzzy.New(int64(len(m.Data)))
			_, _ = fz.Write(m.Data) // never fails
			out.Fuzzy = fz.Sum().String()
		}
		if cfg.Kinds {
			out.Kind = kind(m.Data)
		}
		out.SHA256 = hex.EncodeToString(digest[:])
		if cfg.MD5 {
			d := md5.Sum(m.Data)
			out.MD5 = hex.EncodeToString(d[:])
		}
		if cfg.SHA1 {
			d := sha1.Sum(m.Data)
			out.SHA1 = hex.EncodeToString(d[:])
		}
		s.places(c, m.Offset, &out.Result)
		s.told++
		w.B = append(w.B[:0], disk.TagMember)
		disk.AppendMember(&w, &out)
		return s.send(w.B)
	})
	res.Entered = st
	if err != nil {
		return // the parent is gone
	}
	if sf != nil && sf.used && base == 0 {
		if err := scratch.Truncate(0); err != nil && res.ScanError == "" {
			res.ScanError = fmt.Sprintf("emptying the scratch file: %v", err)
		}
	}
}

// quietMember keeps the digest of a member in which nothing was found. Its own
// members are told apart from it.
func (s *session) quietMember(digest [sha256.Size]byte, res *disk.Result) {
	if len(res.Matches) > 0 || len(res.Hits) > 0 || res.ScanError != "" || len(s.quietMembers) >= maxSeen {
		return
	}
	if s.quietMembers == nil {
		s.quietMembers = map[[sha256.Size]byte]struct{}{}
	}
	s.quietMembers[digest] = struct{}{}
}

// errFound ends a walk at the member that was asked for.
var errFound = errors.New("found")

// member gives the content of a member.
func (s *session) member(r *wire.Reader, files []*os.File) error {
	q := disk.ReadMember(r)
	if r.Err() != nil {
		return r.Err()
	}
	fs, err := s.reader(uint64(q.Item.Volume))
	if err != nil {
		return err
	}
	c, err := fs.Open(q.Item.Ref)
	if err != nil {
		return err
	}
	defer c.Close()
	var scratch *os.File
	if len(files) > 0 {
		scratch = files[0]
	}
	data, base, done, err := s.hold(c, scratch)
	if err != nil {
		return err
	}
	defer done()
	ac, _ := s.enterConfig(&q.Limits, scratch, base)
	incomplete := ""
	st, err := archive.Walk(data, ac, func(m *archive.Member) error {
		if m.Path != q.Member {
			return nil
		}
		incomplete = m.Incomplete
		if q.Offset < 0 || q.Offset > int64(len(m.Data)) {
			return fmt.Errorf("reading %s: offset %d lies beyond its %d bytes", q.Member, q.Offset, len(m.Data))
		}
		rest := m.Data[q.Offset:]
		if q.Length >= 0 && q.Length < int64(len(rest)) {
			rest = rest[:q.Length]
		}
		buf := s.piece()
		buf[0] = disk.TagData
		for len(rest) > 0 {
			n := copy(buf[1:], rest)
			if err := s.send(buf[:1+n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
	case err != nil:
		return err
	default:
		why := ""
		for _, p := range st.Problems {
			if p.Path == q.Member || p.Path == "" {
				why = ": " + p.Text
			}
		}
		return fmt.Errorf("reading member %s, among %d of %d archives and documents%s: %w", q.Member, st.Members, st.Archives, why, filesystem.ErrNotFound)
	}
	w := wire.Writer{B: []byte{disk.TagEnd}}
	w.String(incomplete)
	return s.send(w.B)
}

// hold keeps all content in memory, or in the scratch, of which it then takes base
// bytes.
func (s *session) hold(c filesystem.Content, scratch *os.File) (data []byte, base int64, done func(), err error) {
	size := c.Size()
	done = func() {}
	if size > inMemory && scratch == nil {
		return nil, 0, done, fmt.Errorf("%d bytes are too many for memory and there is no scratch file", size)
	}
	if size <= inMemory {
		data = s.grow(int(size))[:0]
	}
	var at int64
	incomplete, err := s.pieces(c, 0, size, func(p []byte) error {
		if size <= inMemory {
			data = append(data, p...)
			return nil
		}
		n, err := scratch.WriteAt(p, at)
		at += int64(n)
		return err
	})
	if err == nil && incomplete != "" && at == 0 && len(data) == 0 {
		err = errors.New(incomplete)
	}
	if err != nil || size <= inMemory {
		return data, 0, done, err
	}
	sf := &scratchFile{f: scratch}
	data, done, err = sf.Map(0, at)
	return data, at, done, err
}
