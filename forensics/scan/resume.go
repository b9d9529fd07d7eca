package scan

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"saksi/forensics/disk"
	"saksi/internal/journal"
	"saksi/internal/wire"
	"saksi/rules/yara"
)

// kept is what a journal holds of a run, and takes.
type kept struct {
	j     *journal.Part
	units map[unitKey]int // number of the record
	taken atomic.Int64    // bytes of content that were not read again
	once  sync.Once
	lost  error // why what was done is not kept any more
}

type unitKey struct {
	image  int
	number int
	print  [16]byte // of what was asked, and of the image
}

// openJournal opens the journal that cfg names, for the rules that will run.
func openJournal(cfg *Config, sources []yara.Source) (*kept, error) {
	if cfg.Resume == nil {
		return nil, nil
	}
	k := &kept{units: map[unitKey]int{}}
	var err error
	k.j, err = cfg.Resume.In.Part(cfg.Resume.Name, cfg.work(sources), func(i int, b []byte) error {
		r := wire.Reader{B: b}
		key := readUnitKey(&r)
		if r.Err() != nil {
			return r.Err()
		}
		k.units[key] = i
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", journal.ErrResume, err)
	}
	return k, nil
}

// work is a digest of what the results of units depend on, beside what a unit's own
// request says.
func (c *Config) work(sources []yara.Source) []byte {
	var w wire.Writer
	w.String("scan " + c.Resume.Version)
	w.Uint(uint64(len(sources)))
	for i := range sources {
		w.String(sources[i].Namespace)
		w.Bytes(sources[i].Text)
	}
	for _, list := range [][]string{c.Search.Keywords, c.Search.Regexps} {
		w.Uint(uint64(len(list)))
		for _, s := range list {
			w.String(s)
		}
	}
	w.Bool(c.SkipGood)
	if c.SkipGood {
		w.Uint(uint64(len(c.Good)))
		for _, s := range append(slices.Clone(c.Good), c.Bad...) {
			sum := s.Sum()
			w.Bytes(sum[:])
		}
	}
	w.Uint(uint64(c.Search.Features))
	w.Uint(uint64(len(c.Images)))
	w.Uint(uint64(c.Areas))
	w.Bool(c.Live)
	w.Bool(c.Changed)
	w.Int(int64(c.Volume))
	sum := sha256.Sum256(w.B)
	return sum[:]
}

func readUnitKey(r *wire.Reader) (key unitKey) {
	key.image, key.number = int(r.Uint()), int(r.Uint())
	copy(key.print[:], r.Bytes())
	return key
}

// key names a unit of an image by what is asked of it.
func (s *scanner) key(u *unit, cfg *disk.UnitConfig) unitKey {
	var w wire.Writer
	w.String(s.sum.Source)
	disk.AppendUnit(&w, cfg, u.items)
	sum := sha256.Sum256(w.B)
	return unitKey{s.number, u.number, [16]byte(sum[:16])}
}

// take gives a unit the results that the journal holds of it.
func (s *scanner) take(u *unit, key unitKey) bool {
	if s.kept == nil {
		return false
	}
	i, ok := s.kept.units[key]
	if !ok {
		return false
	}
	b, err := s.kept.j.Read(i)
	if err != nil {
		return false // it is read anew
	}
	r := wire.Reader{B: b}
	readUnitKey(&r)
	u.crashes, u.timeouts = int(r.Uint()), int(r.Uint())
	u.deaths, u.inside = int(r.Uint()), int(r.Uint())
	u.results = make([]*disk.Result, len(u.items))
	u.lost = make([]loss, len(u.items))
	for i := range u.items {
		u.lost[i] = loss{r.String(), r.String()}
		if r.Bool() {
			res := disk.ReadWhole(&r)
			u.results[i] = &res
		}
	}
	if r.Err() != nil || r.Len() > 0 {
		u.results, u.lost, u.crashes, u.timeouts, u.deaths, u.inside = nil, nil, 0, 0, 0, 0
		return false
	}
	s.mu.Lock()
	s.deaths, s.inside = s.deaths+u.deaths, s.inside+u.inside
	s.mu.Unlock()
	for _, res := range u.results {
		if res != nil {
			s.kept.taken.Add(res.Read)
		}
	}
	return true
}

// keep puts the results of a unit that was done into the journal. What can't be kept
// does not end the run: it would be read again.
func (s *scanner) keep(u *unit, key unitKey) {
	if s.kept == nil {
		return
	}
	var w wire.Writer
	w.Uint(uint64(key.image))
	w.Uint(uint64(key.number))
	w.Bytes(key.print[:])
	for _, n := range [...]int{u.crashes, u.timeouts, u.deaths, u.inside} {
		w.Uint(uint64(n))
	}
	for i, res := range u.results {
		if u.lost[i] == interrupted {
			return
		}
		w.String(u.lost[i].cause)
		w.String(u.lost[i].text)
		w.Bool(res != nil)
		if res != nil {
			disk.AppendWhole(&w, res)
		}
	}
	if err := s.kept.j.Append(w.B); err != nil {
		s.kept.once.Do(func() { s.kept.lost = err })
	}
}

// close tells what was taken up, and what could not be kept.
func (k *kept) close(sum *Summary, warn func(string)) {
	if k == nil {
		return
	}
	sum.Taken = k.taken.Load()
	if k.lost != nil && warn != nil {
		warn(fmt.Sprintf("what was done was not all kept for --resume: %v", k.lost))
	}
}
