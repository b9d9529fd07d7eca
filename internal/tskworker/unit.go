package tskworker

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/archive"
	"saksi/internal/fuzzy"
	"saksi/internal/libyara"
	"saksi/internal/wire"
	"saksi/rules/yara"
)

// inMemory is how many bytes of content are scanned in memory; what is larger
// lies in the scratch file.
var inMemory int64 = 64 << 20

const (
	maxSparse  = 1 << 30 // bytes of nothing but holes that are still read
	minScan    = 10 * time.Second
	scanPerSec = 1 << 20 // bytes a second the slowest rules must do
)

// rules loads compiled rules, which come from a worker that saw nothing else.
func (s *session) rules(_ *wire.Reader, files []*os.File) error {
	if len(files) != 1 {
		return fmt.Errorf("loading rules: %d descriptors, expected one", len(files))
	}
	set, err := libyara.Load(files[0])
	if err != nil {
		return err
	}
	scanner, err := set.NewScanner()
	if err != nil {
		set.Close()
		return err
	}
	if s.scanner != nil {
		s.scanner.Close()
		s.set.Close()
	}
	s.set, s.scanner, s.seen, s.quietMembers = set, scanner, nil, nil
	w := wire.Writer{B: []byte{disk.TagData}}
	w.Uint(uint64(set.Len()))
	return s.send(w.B)
}

// ticking says each second that work goes on while library code runs that has
// a limit of its own; the returned function ends it. One goroutine serves all
// such stretches of an operation: see busy.
func (s *session) ticking() (done func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		t := time.NewTicker(aliveEvery)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				if s.busy.Load() && s.alive() != nil {
					return
				}
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

func (s *session) unit(r *wire.Reader, files []*os.File) error {
	cfg, items := disk.ReadUnit(r)
	if r.Err() != nil {
		return r.Err()
	}
	var scratch *os.File
	if len(files) > 0 {
		scratch = files[0]
	}
	s.exhibit = cfg.Exhibit
	if cfg.Scan && s.scanner == nil {
		return fmt.Errorf("scanning: no rules were given")
	}
	if cfg.Scan || s.matcher != nil {
		defer s.ticking()()
	}
	var w wire.Writer
	for i, it := range items {
		res := disk.Result{Item: i}
		s.item(&cfg, &it, &res, scratch)
		if gone := s.lost(); gone != nil {
			return gone
		}
		w.B = append(w.B[:0], disk.TagData)
		disk.AppendResult(&w, &res)
		if err := s.send(w.B); err != nil {
			return err
		}
	}
	return nil
}

// item reads one stream once: hashed, and kept for the rules.
func (s *session) item(cfg *disk.UnitConfig, it *disk.Item, res *disk.Result, scratch *os.File) {
	c, err := s.contentOf(it)
	if err != nil {
		res.Error = err.Error()
		return
	}
	defer c.Close()
	s.told = 0
	res.Runs, res.Record = c.Runs(cfg.Runs + 1)
	size := c.Size()
	if why := s.tooLarge(size, cfg.Limit, res.Runs, res.Record); why != "" {
		res.Incomplete = why
		res.Runs, res.MoreRuns = cutRuns(res.Runs, cfg.Runs)
		return
	}
	res.Runs, res.MoreRuns = cutRuns(res.Runs, cfg.Runs)
	if st, ok := c.(*stretch); ok && s.hollow(st) {
		res.Read = size // nothing was ever written there
		return
	}
	sum := sha256.New()
	var sum5, sum1 hash.Hash
	if cfg.MD5 && it.Area == disk.Content {
		sum5 = md5.New()
	}
	if cfg.SHA1 && it.Area == disk.Content {
		sum1 = sha1.New()
	}
	var fz *fuzzy.Digest
	if cfg.Fuzzy && it.Area == disk.Content {
		fz = fuzzy.New(size)
	}
	entered := cfg.Enter.Depth > 0 && it.Area == disk.Content
	search := cfg.Scan || s.matcher != nil
	looked := search || entered && cfg.Every
	spill := looked && size > inMemory
	if spill && scratch == nil {
		res.ScanError = fmt.Sprintf("%d bytes are too many for memory and there is no scratch file", size)
		spill = false
	}
	var data []byte
	if looked && size <= inMemory {
		data = s.grow(int(size))[:0]
	}
	var at int64
	var even *spread // of what may be a container without a header
	res.Incomplete, err = s.pieces(c, 0, size, func(p []byte) error {
		if it.Area == disk.Content {
			sum.Write(p)
		}
		if sum5 != nil {
			sum5.Write(p)
		}
		if sum1 != nil {
			sum1.Write(p)
		}
		if fz != nil {
			_, _ = fz.Write(p) // never fails
		}
		if at == 0 && it.Area == disk.Content {
			res.Program = program(p)
			if cfg.Kinds {
				if res.Kind = kind(p); res.Kind == "" && res.Program == "" && mayHide(size, p) {
					even = &spread{}
				}
			}
		}
		if even != nil {
			even.add(p)
		}
		if at == 0 && looked && !search && archive.Kind(p) == "" {
			looked, spill, data = false, false, nil // nothing to look for, nothing to enter
		}
		if data != nil {
			data = append(data, p...)
		}
		if spill {
			if _, err := scratch.WriteAt(p, at); err != nil {
				res.ScanError = fmt.Sprintf("keeping %d bytes in the scratch file: %v", size, err)
				spill = false
			}
		}
		at += int64(len(p))
		return nil
	})
	if err != nil {
		return // the parent is gone
	}
	res.Read = at
	if st, ok := c.(*stretch); ok && st.failed != nil {
		res.Incomplete = st.failed.Error()
	}
	if even != nil && res.Incomplete == "" && even.random() {
		chi, entropy := even.chi()
		res.Kind, res.Chi, res.Entropy = kindRandom, int64(chi*1000), int64(entropy*1000)
	}
	var digest [sha256.Size]byte
	if it.Area == disk.Content {
		sum.Sum(digest[:0])
		res.SHA256 = hex.EncodeToString(digest[:])
	}
	if sum5 != nil {
		res.MD5 = hex.EncodeToString(sum5.Sum(nil))
	}
	if sum1 != nil {
		res.SHA1 = hex.EncodeToString(sum1.Sum(nil))
	}
	if fz != nil && res.Incomplete == "" && at > 0 {
		res.Fuzzy = fz.Sum().String()
	}
	if it.Area == disk.Content && res.Incomplete == "" && s.known(res) {
		res.Known = true
		if spill {
			if err := scratch.Truncate(0); err != nil {
				res.ScanError = fmt.Sprintf("emptying the scratch file: %v", err)
			}
		}
		return
	}
	if st, again := s.seen[digest]; !looked || at == 0 || again && cfg.Same && (st == nil || !cfg.Every) && it.Area == disk.Content {
		if st != nil {
			res.Entered = *st
		}
		return
	}
	switch {
	case data != nil:
		s.look(cfg, it, data, res)
		if entered {
			s.enter(cfg, it, c, data, res, scratch, 0)
		}
	case spill:
		s.scanScratch(cfg, scratch, at, it, c, res)
	}
	s.places(c, 0, res)
	if it.Area == disk.Content && cfg.Same && res.Entered.Problems == nil && s.told == 0 {
		s.quiet(digest, res)
	}
}

// quiet keeps the digest of content in which nothing was found.
func (s *session) quiet(digest [sha256.Size]byte, res *disk.Result) {
	if len(res.Matches) > 0 || len(res.Hits) > 0 || res.ScanError != "" || len(s.seen) >= maxSeen {
		return
	}
	if s.seen == nil {
		s.seen = map[[sha256.Size]byte]*archive.Stats{}
	}
	var st *archive.Stats
	if res.Entered.Archives > 0 {
		st = &res.Entered
	}
	s.seen[digest] = st
}

// empty is the content of a file that has none.
type empty struct{}

func (empty) ReadAt([]byte, int64) (int, error)          { return 0, io.EOF }
func (empty) Close() error                               { return nil }
func (empty) Size() int64                                { return 0 }
func (empty) Runs(int) (runs []filesystem.Run, at int64) { return nil, 0 }

func cutRuns(runs []filesystem.Run, n int) ([]filesystem.Run, bool) {
	if len(runs) > n {
		return runs[:n], true
	}
	return runs, false
}

// tooLarge says why content is not read at all: it claims more than the
// limit, more than the media could hold, or is one large hole.
func (s *session) tooLarge(size, limit int64, runs []filesystem.Run, record int64) string {
	if limit > 0 && size > limit {
		return fmt.Sprintf("limit: it claims %d bytes, %d are read at most", size, limit)
	}
	if size > 4*s.im.Size+maxSparse {
		return fmt.Sprintf("limit: it claims %d bytes on media of %d", size, s.im.Size)
	}
	solid := record != 0
	for _, r := range runs {
		solid = solid || !r.Sparse
	}
	if !solid && size > maxSparse {
		return fmt.Sprintf("limit: it is a hole of %d bytes", size)
	}
	return ""
}

// grow gives the buffer for content, kept between files.
func (s *session) grow(n int) []byte {
	if cap(s.content) < n {
		s.content = nil
		s.content = make([]byte, n)
	}
	return s.content[:n]
}

func (s *session) scan(data []byte, path string, res *disk.Result) {
	limit := minScan + time.Duration(len(data)/scanPerSec)*time.Second
	s.busy.Store(true)
	m, err := s.scanner.Scan(&yara.Content{Path: path, Exhibit: s.exhibit, Data: data}, limit)
	s.busy.Store(false)
	res.Matches = m
	if err != nil {
		res.ScanError = err.Error()
	}
}

// scanScratch maps the scratch file, which nobody else can cut short, and
// empties it afterwards.
func (s *session) scanScratch(cfg *disk.UnitConfig, f *os.File, size int64, it *disk.Item, c filesystem.Content, res *disk.Result) {
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		res.ScanError = fmt.Sprintf("mapping %d bytes of the scratch file: %v", size, err)
		return
	}
	s.look(cfg, it, data, res)
	if cfg.Enter.Depth > 0 && it.Area == disk.Content {
		s.enter(cfg, it, c, data, res, f, size)
	}
	if err := unix.Munmap(data); err != nil && res.ScanError == "" {
		res.ScanError = err.Error()
	}
	if err := f.Truncate(0); err != nil && res.ScanError == "" {
		res.ScanError = fmt.Sprintf("emptying the scratch file: %v", err)
	}
}

func (s *session) digest(r *wire.Reader, _ []*os.File) error {
	all := r.Bool()
	if r.Err() != nil {
		return r.Err()
	}
	if s.im == nil {
		return fmt.Errorf("no image is open")
	}
	hashes := []hash.Hash{sha256.New()}
	if all {
		hashes = append(hashes, md5.New(), sha1.New())
	}
	buf := s.piece()
	told := time.Now()
	for off := int64(0); off < s.im.Size; {
		n, err := s.im.ReadAt(buf[:min(int64(len(buf)), s.im.Size-off)], off)
		for _, h := range hashes {
			h.Write(buf[:n])
		}
		off += int64(n)
		if err != nil && err != io.EOF || n == 0 {
			return fmt.Errorf("hashing the media at offset %d: %w", off, err)
		}
		if time.Since(told) >= aliveEvery {
			told = time.Now()
			w := wire.Writer{B: []byte{disk.TagData}}
			w.Int(off)
			if err := s.send(w.B); err != nil {
				return err
			}
		}
	}
	w := wire.Writer{B: []byte{disk.TagEnd}}
	for i := range 3 {
		if i < len(hashes) {
			w.String(hex.EncodeToString(hashes[i].Sum(nil)))
		} else {
			w.String("")
		}
	}
	return s.send(w.B)
}
