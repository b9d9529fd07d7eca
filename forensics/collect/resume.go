package collect

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/journal"
	"saksi/internal/wire"
)

// Kinds of what a record of the journal holds.
const (
	keptPlace = iota // where an artifact lies
	keptFrame        // what the worker told of it
	keptFile         // a file is done
	keptDeath        // a worker died of it
)

// keptBytes is how much of a unit one record holds.
const keptBytes = 4 << 20

// kept is what a journal holds of a run, and takes: for each unit of the listing what
// the worker told of it, in one record or several. A unit whose last record is not
// there was not done.
type kept struct {
	part  *journal.Part
	units map[[16]byte][]int // numbers of the records of units that were done
	lost  error              // why what was done is not kept any more

	run    [8]byte  // of this run: another may have left part of a unit
	key    [16]byte // of the unit under work
	pieces int      // records of it so far
	w      wire.Writer
}

// openJournal opens the part of the journal that cfg names.
func openJournal(cfg *Config, source string) (*kept, error) {
	if cfg.Resume == nil {
		return nil, nil
	}
	k := &kept{units: map[[16]byte][]int{}}
	_, _ = rand.Read(k.run[:]) // never fails
	type attempt struct {
		key [16]byte
		run [8]byte
	}
	begun := map[attempt][]int{}
	var err error
	k.part, err = cfg.Resume.In.Part(cfg.Resume.Name, cfg.work(source), func(i int, b []byte) error {
		r := wire.Reader{B: b}
		h := readHead(&r)
		if r.Err() != nil {
			return r.Err()
		}
		a := attempt{h.key, h.run}
		if h.number != len(begun[a]) {
			delete(begun, a)
			return nil
		}
		begun[a] = append(begun[a], i)
		if h.last {
			k.units[h.key] = begun[a]
			delete(begun, a)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", journal.ErrResume, err)
	}
	return k, nil
}

// work is a digest of what the results of units depend on.
func (c *Config) work(source string) []byte {
	var w wire.Writer
	w.String("artifacts " + c.Resume.Version)
	w.String(source)
	w.Bytes(c.request())
	w.Bool(c.Live)
	w.Int(int64(c.Volume))
	w.String(c.Inode)
	sum := sha256.Sum256(w.B)
	return sum[:]
}

// head begins each record.
type head struct {
	key    [16]byte
	run    [8]byte
	number int
	last   bool
}

func readHead(r *wire.Reader) (h head) {
	copy(h.key[:], r.Bytes())
	copy(h.run[:], r.Bytes())
	h.number, h.last = int(r.Uint()), r.Bool()
	return h
}

// begin sets the unit under work.
func (k *kept) begin(number int, u *unit) {
	var w wire.Writer
	w.Uint(uint64(number))
	for i := range u.files {
		f := &u.files[i]
		w.Uint(uint64(f.item.Volume))
		filesystem.AppendRef(&w, f.item.Ref)
		w.String(f.item.Path)
		w.String(f.stream)
	}
	sum := sha256.Sum256(w.B)
	copy(k.key[:], sum[:])
	k.pieces, k.w.B = 0, k.w.B[:0]
}

// op begins something that a record holds.
func (k *kept) op(kind, item int) bool {
	if k == nil || k.lost != nil {
		return false
	}
	if len(k.w.B) >= keptBytes {
		k.write(false)
	}
	k.w.Uint(uint64(kind))
	k.w.Uint(uint64(item))
	return true
}

func (k *kept) place(item int, p *disk.Place) {
	if k.op(keptPlace, item) {
		k.w.Int(p.Record)
		k.w.Bool(p.MoreRuns)
		filesystem.AppendRuns(&k.w, p.Runs)
	}
}

func (k *kept) frame(item int, b []byte) {
	if k.op(keptFrame, item) {
		k.w.Bytes(b)
	}
}

func (k *kept) file(item int, is bool, problem string) {
	if k.op(keptFile, item) {
		k.w.Bool(is)
		k.w.String(problem)
	}
}

func (k *kept) death(item int, d death) {
	if k.op(keptDeath, item) {
		k.w.Bool(d.crash)
		k.w.Bool(d.timeout)
		k.w.String(d.text)
	}
}

// end closes a unit that was done.
func (k *kept) end() {
	if k != nil && k.lost == nil {
		k.write(true)
	}
}

// write appends what is there of a unit. What can't be kept does not end the run: it
// would be read again.
func (k *kept) write(last bool) {
	var w wire.Writer
	w.Bytes(k.key[:])
	w.Bytes(k.run[:])
	w.Uint(uint64(k.pieces))
	w.Bool(last)
	k.pieces++
	k.lost = k.part.Append(append(w.B, k.w.B...))
	k.w.B = k.w.B[:0]
}

// takeUp gives again what the journal holds of a unit; taken is false where it holds
// nothing, or not all.
func (p *parser) takeUp(u *unit) (taken bool, err error) {
	k := p.kept
	if k == nil {
		return false, nil
	}
	k.begin(p.units, u)
	p.units++
	list, ok := k.units[k.key]
	if !ok {
		return false, nil
	}
	p.dec = nil
	for _, i := range list {
		b, err := k.part.Read(i)
		if err == nil {
			err = p.again(b, u.files)
		}
		if err != nil {
			return true, fmt.Errorf("taking up what was read of artifacts: %w", err)
		}
	}
	p.sum.Taken += int64(len(u.files))
	return true, nil
}

// again gives what a record holds.
func (p *parser) again(b []byte, files []file) error {
	r := wire.Reader{B: b}
	readHead(&r)
	for r.Err() == nil && r.Len() > 0 {
		kind, item := r.Uint(), r.Uint()
		if r.Err() != nil || item >= uint64(len(files)) && kind != keptDeath || item > uint64(len(files)) {
			return fmt.Errorf("a record of file %d of %d: %w", item, len(files), r.Err())
		}
		var err error
		switch kind {
		case keptPlace:
			at := disk.Place{Record: r.Int(), MoreRuns: r.Bool(), Runs: filesystem.ReadRuns(&r, nil)}
			if r.Err() == nil {
				err = p.begin(&files[item], &at)
			}
		case keptFrame:
			if frame := bytes.Clone(r.Bytes()); r.Err() == nil {
				err = p.frame(frame)
			}
		case keptFile:
			if is, problem := r.Bool(), r.String(); r.Err() == nil {
				p.end(&files[item], is, problem)
			}
		case keptDeath:
			d := death{crash: r.Bool(), timeout: r.Bool(), text: r.String()}
			if r.Err() == nil {
				p.death(files, int(item), d)
			}
		default:
			err = fmt.Errorf("a record with a part of kind %d", kind)
		}
		if err != nil {
			return err
		}
	}
	return r.Err()
}
