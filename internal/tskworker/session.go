// Package tskworker is the side of forensics/disk that runs in saksi-worker:
// it opens containers in Go and volumes and file systems by libtsk, lists
// entries, hashes and scans content. Handlers gives its operations to
// worker.Serve.
//
// All of it works on hostile bytes: sizes are bounded before anything is
// allocated, work that goes on says so every second so that a hang shows, and
// what takes more steps than any real image needs is stopped.
package tskworker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/forensics/hashset"
	"saksi/forensics/image"
	"saksi/internal/archive"
	"saksi/internal/libyara"
	"saksi/internal/search"
	"saksi/internal/tsk"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// aliveEvery is how often long work says that it goes on.
const aliveEvery = time.Second

// maxReads bounds what one operation reads of the media, in media sizes and
// bytes: the walk of a sound file system reads less than twice its size.
const (
	maxReadTimes = 16
	maxReadMore  = 1 << 30
)

var errTooMuchRead = errors.New("more was read than any sound file system needs: it is damaged or made to hang")

// session is what the worker holds between calls.
type session struct {
	segs      [][]image.Segment // of each disk
	files     []*os.File
	im        *image.Image
	ti        *tsk.Image
	info      disk.Info
	readers   map[int]filesystem.Reader
	shadowed  []shadowed                                // volumes that may hold shadow copies
	snapshots []apfsVolume                              // volumes of APFS that hold snapshots
	bridges   []bridge                                  // volumes of ISO 9660
	copies    map[int]func() (filesystem.Reader, error) // shadow copies and snapshots, by number
	inner     map[int]*medium                           // of volumes that do not lie in the image as they are
	within    map[int]int64                             // where they begin in it
	mediums   []*medium
	unlocks   int              // encrypted volumes that were tried
	secrets   [][]byte         // that may open encrypted volumes
	keys      map[int64][]byte // of volumes that were opened before, by offset
	opened    []disk.Key
	set       *libyara.Rules
	scanner   *libyara.Scanner
	matcher   *search.Matcher // nil: nothing besides rules
	// Digests of content in which nothing was found, with what was entered of it, and
	// of members.
	seen         map[[32]byte]*archive.Stats
	quietMembers map[[32]byte]struct{}
	told         int            // members told of the item under work
	good, bad    []*hashset.Set // of known files
	exhibit      string         // of the image, for rules that ask for it
	buf          []byte
	content      []byte

	// of the operation under way
	read int64       // bytes of media read
	busy atomic.Bool // library code with a limit of its own runs: ticking speaks for it

	mu    sync.Mutex // guards what follows: ticking sends too
	reply func([]byte) error
	last  time.Time // of the last frame
	gone  error     // why the parent can't be reached
}

// Handlers returns the operations on images, sharing one session.
func Handlers() map[string]worker.Handler {
	s := &session{}
	ops := map[string]func(*wire.Reader, []*os.File) error{
		disk.OpAttach: s.attach, disk.OpOpen: s.open, disk.OpWalk: s.walk, disk.OpLookup: s.lookup,
		disk.OpRead: s.copy, disk.OpDigest: s.digest, disk.OpRules: s.rules, disk.OpUnit: s.unit, disk.OpCarve: s.carve, disk.OpSearch: s.search, disk.OpMember: s.member, disk.OpSpace: s.space, disk.OpBirths: s.births, disk.OpSets: s.sets, disk.OpMedia: s.mediaBytes, disk.OpArtifacts: s.artifacts,
	}
	handlers := map[string]worker.Handler{}
	for name, op := range ops {
		handlers[name] = func(_ context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
			s.reply, s.last, s.read, s.gone = reply, time.Now(), 0, nil
			r := wire.Reader{B: req}
			err := op(&r, files)
			if gone := s.lost(); gone != nil {
				return gone
			}
			if err == nil {
				return nil
			}
			w := wire.Writer{B: []byte{disk.TagError}}
			disk.AppendError(&w, err)
			return reply(w.B)
		}
	}
	return handlers
}

// send sends a frame.
func (s *session) send(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendLocked(frame)
}

func (s *session) sendLocked(frame []byte) error {
	s.last = time.Now()
	if err := s.reply(frame); err != nil {
		s.gone = err
		return err
	}
	return nil
}

// alive says, at most every second, that work goes on.
func (s *session) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) < aliveEvery {
		return nil
	}
	return s.sendLocked([]byte{disk.TagAlive})
}

// lost is why the parent can't be reached, or nil.
func (s *session) lost() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// attach takes the descriptors of the image's files; they are kept beyond the
// call.
func (s *session) attach(r *wire.Reader, files []*os.File) error {
	if r.Bool() {
		s.reset()
	}
	if n := r.Uint(); r.Err() != nil || n != uint64(len(files)) {
		return errors.Join(fmt.Errorf("attaching files: %d are named, %d came", n, len(files)), r.Err())
	}
	for _, f := range files {
		name, size, number := r.String(), r.Int(), r.Uint()
		if r.Err() != nil {
			return r.Err()
		}
		if number >= image.MaxDisks || number > uint64(len(s.segs)) {
			return fmt.Errorf("attaching %s: it is of disk %d, there are %d", name, number, len(s.segs))
		}
		if number == uint64(len(s.segs)) {
			s.segs = append(s.segs, nil)
		}
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("attaching %s: %w", name, err)
		}
		own := os.NewFile(uintptr(fd), name)
		s.files = append(s.files, own)
		s.segs[number] = append(s.segs[number], image.Segment{Name: name, Size: size, ReaderAt: own})
	}
	return nil
}

func (s *session) reset() {
	for _, r := range s.readers {
		r.Close()
	}
	if s.ti != nil {
		s.ti.Close()
	}
	for _, f := range s.files {
		_ = f.Close()
	}
	for _, m := range s.mediums {
		m.ti.Close()
	}
	s.segs, s.files, s.im, s.ti, s.info, s.readers, s.seen = nil, nil, nil, nil, disk.Info{}, nil, nil
	s.shadowed, s.snapshots, s.bridges, s.copies = nil, nil, nil, nil
	s.inner, s.within, s.mediums, s.secrets, s.keys, s.opened, s.unlocks = nil, nil, nil, nil, nil, nil, 0
}

// metered is the media as libtsk reads it, counted.
type metered struct{ s *session }

func (m metered) ReadAt(p []byte, off int64) (int, error) {
	s := m.s
	s.read += int64(len(p))
	if s.read > s.im.Size*maxReadTimes+maxReadMore {
		return 0, errTooMuchRead
	}
	if err := s.alive(); err != nil {
		return 0, err
	}
	return s.im.ReadAt(p, off)
}

func (s *session) open(r *wire.Reader, _ []*os.File) error {
	s.secrets, s.keys = disk.ReadSecrets(r)
	if r.Err() != nil {
		return r.Err()
	}
	s.busy.Store(true) // what is packed may take long, and ends
	done := s.ticking()
	im, err := image.OpenDisks(s.segs)
	done()
	s.busy.Store(false)
	if err != nil {
		return err
	}
	s.im = im
	if s.ti, err = tsk.Open(metered{s}, im.Size, im.SectorSize); err != nil {
		return err
	}
	filesystem.SetEngine("libtsk", func(m filesystem.Media, f *filesystem.Format) (filesystem.Reader, error) {
		if inner, ok := m.ReaderAt.(*medium); ok {
			return openTSK(inner.ti, m, f)
		}
		return openTSK(s.ti, m, f)
	})
	s.readers, s.inner, s.within = map[int]filesystem.Reader{}, map[int]*medium{}, map[int]int64{}
	s.info = disk.Info{
		Format: im.Format, Size: im.Size, SectorSize: im.SectorSize, Segments: im.Segments, MD5: im.MD5, SHA1: im.SHA1,
		Meta: im.Meta, Notes: im.Notes, Bad: im.Bad,
	}
	s.table()
	s.info.Keys = s.opened
	w := wire.Writer{B: []byte{disk.TagData}}
	disk.AppendInfo(&w, &s.info)
	return s.send(w.B)
}

// reader opens the file system of a volume once.
func (s *session) reader(n uint64) (filesystem.Reader, error) {
	if s.im == nil {
		return nil, errors.New("no image is open")
	}
	if n >= uint64(len(s.info.Table.Volumes)) {
		return nil, fmt.Errorf("there is no volume %d: %w; 'forensics info' lists them", n, filesystem.ErrNotFound)
	}
	if r := s.readers[int(n)]; r != nil {
		return r, nil
	}
	v := &s.info.Table.Volumes[n]
	if open, ok := s.copies[int(n)]; ok {
		if v.Problem != "" {
			return nil, fmt.Errorf("volume %d: %s", n, v.Problem)
		}
		r, err := open()
		if err != nil {
			return nil, fmt.Errorf("volume %d: %w", n, err)
		}
		s.readers[int(n)] = r
		return r, nil
	}
	if s.inner[int(n)] != nil { // what of it could be opened was when the image was
		return nil, fmt.Errorf("volume %d: %s", n, v.Problem)
	}
	r, err := filesystem.Open(s.media(v.Offset, v.Length, v.Pool, v.Block))
	if err != nil {
		return nil, err
	}
	s.readers[int(n)] = r
	return r, nil
}

func (s *session) media(offset, length int64, pool bool, block uint64) filesystem.Media {
	return filesystem.Media{ReaderAt: metered{s}, Offset: offset, Length: length, Sector: s.im.SectorSize, Pool: pool, Block: block}
}

// walkFrame is how full a frame of entries gets, in bytes.
const walkFrame = 128 << 10

func (s *session) walk(r *wire.Reader, _ []*os.File) error {
	n := r.Uint()
	cfg := filesystem.WalkConfig{Deleted: r.Bool(), Orphans: r.Bool(), Runs: int(r.Uint())}
	if r.Err() != nil {
		return r.Err()
	}
	fs, err := s.reader(n)
	if err != nil {
		return err
	}
	failed, _ := s.ti.ReadErrors()
	w := wire.Writer{B: []byte{disk.TagData}}
	problems := 0
	err = fs.Walk(context.Background(), cfg, func(e *filesystem.Entry, p *filesystem.Problem) error {
		w.Bool(p != nil)
		if p != nil {
			problems++
			w.Uint(p.Inode)
			w.String(p.Path)
			w.String(p.Text)
		} else {
			filesystem.AppendEntry(&w, e)
		}
		if len(w.B) < walkFrame {
			return nil
		}
		err := s.send(w.B)
		w.B = w.B[:1]
		return err
	})
	if len(w.B) > 1 && s.lost() == nil {
		if serr := s.send(w.B); serr != nil {
			return serr
		}
	}
	if err != nil {
		return err
	}
	count, first := s.ti.ReadErrors()
	w = wire.Writer{B: []byte{disk.TagEnd}}
	w.Uint(uint64(problems))
	w.Uint(uint64(count - failed))
	if first != nil {
		w.String(first.Error())
	} else {
		w.String("")
	}
	return s.send(w.B)
}

func (s *session) lookup(r *wire.Reader, _ []*os.File) error {
	n, path := r.Uint(), r.String()
	fs, err := s.reader(n)
	if err != nil {
		return err
	}
	ref, err := fs.Lookup(path)
	if err != nil {
		return err
	}
	w := wire.Writer{B: []byte{disk.TagData}}
	filesystem.AppendRef(&w, ref)
	return s.send(w.B)
}

// pieceSize is how much content is read at once, in bytes.
const pieceSize = 1 << 20

func (s *session) piece() []byte {
	if s.buf == nil {
		s.buf = make([]byte, pieceSize+1)
	}
	return s.buf
}

func (s *session) copy(r *wire.Reader, _ []*os.File) error {
	n, ref, offset, length := r.Uint(), filesystem.ReadRef(r), r.Int(), r.Int()
	if r.Err() != nil {
		return r.Err()
	}
	fs, err := s.reader(n)
	if err != nil {
		return err
	}
	c, err := fs.Open(ref)
	if err != nil {
		return err
	}
	defer c.Close()
	if offset < 0 || offset > c.Size() {
		return fmt.Errorf("reading inode %d: offset %d lies beyond its %d bytes", ref.Inode, offset, c.Size())
	}
	end := c.Size()
	if length >= 0 && length < end-offset {
		end = offset + length
	}
	buf := s.piece()
	buf[0] = disk.TagData
	incomplete, err := s.pieces(c, offset, end, func(p []byte) error { return s.send(buf[:1+len(p)]) })
	if err != nil {
		return err
	}
	w := wire.Writer{B: []byte{disk.TagEnd}}
	w.String(incomplete)
	return s.send(w.B)
}

// pieces gives f the content of c in s.piece()[1:]. What can't be read ends
// it with the reason.
func (s *session) pieces(c filesystem.Content, off, end int64, f func(p []byte) error) (incomplete string, err error) {
	buf := s.piece()
	for off < end {
		s.read = 0 // content is bounded by its own size
		n, err := c.ReadAt(buf[1:1+min(pieceSize, end-off)], off)
		if n > 0 {
			if err := f(buf[1 : 1+n]); err != nil {
				return "", err
			}
			off += int64(n)
		}
		if err != nil && err != io.EOF {
			return fmt.Sprintf("read_error at %d: %v", off, err), nil
		}
		if n == 0 {
			return fmt.Sprintf("gap at %d of %d", off, end), nil
		}
		if err := s.alive(); err != nil {
			return "", err
		}
	}
	if d, ok := c.(filesystem.Damager); ok {
		return d.Damage(), nil
	}
	return "", nil
}
