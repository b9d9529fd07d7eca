// Package acquire makes images of block devices, files and streams: raw, split
// raw or E01, read once, with digests of what was read. Start with Open and
// Run.
//
// The source is only read, and the Record says how that is known. Sectors that
// can't be read are filled and listed. A run that ends early (interrupted, the
// device gone, the disk full) leaves a valid image of what was read until then
// and a state file, from which Run goes on with the same digests.
package acquire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"saksi/evidence"
)

// Forms of an image.
const (
	Raw   = "raw"
	Split = "split"
	E01   = "e01"
)

// Labels are what the examiner states.
type Labels struct {
	Case        string `json:"case,omitempty"`
	Exhibit     string `json:"exhibit,omitempty"`
	Examiner    string `json:"examiner,omitempty"`
	Description string `json:"description,omitempty"`
	Notes       string `json:"notes,omitempty"`
	// Serial and Model are on the source's label, for one that does not tell
	// them.
	Serial string `json:"serial,omitempty"`
	Model  string `json:"model,omitempty"`
}

// Options of Run.
type Options struct {
	To          string // first file of the image
	Form        string // Raw, Split or E01
	Compression string // of an E01: none, fast or best
	SegmentSize int64  // bytes of a file of Split and E01
	Hashes      []string
	Retries     int    // more tries for each sector that fails
	Fill        []byte // pattern for what can't be read; zeros when empty
	Resume      bool
	Verify      bool // read the image again and compare
	Labels      Labels
	Tool        string // name and version of the program
	// Authority, when there is one, must allow it; its id in a case is the
	// exhibit.
	Authority *evidence.Authority
	// Begin, when not nil, is called before the first byte is read, with the
	// offset from which the source is read; after an error nothing is.
	Begin func(from int64) error
	// Progress gets what is done, and how much of how much; 0 is not known.
	Progress func(what string, done, total int64)

	begun  string // of the first session
	blocks int    // in flight; 0 is the default
	every  time.Duration
}

// Errors that callers branch on. All but ErrVerify come with an image of what
// was read, if anything was.
var (
	// ErrPartial is returned when the image ends before the source did.
	ErrPartial = errors.New("the image is not complete")
	// ErrUnreadable is returned when sectors were filled.
	ErrUnreadable = errors.New("part of the source could not be read")
	// ErrDoubt is returned when the source changed while it was read, and the
	// like; the image is complete.
	ErrDoubt = errors.New("there is a doubt")
	// ErrWriting is returned when the image could not be written, a full disk
	// for one.
	ErrWriting = errors.New("writing the image")
	// ErrVerify is returned when the image does not hold what was read.
	ErrVerify = errors.New("the image does not hold what was read")
	// ErrNone is returned by Begun where neither an acquisition nor an image of that
	// name is.
	ErrNone = errors.New("nothing of that name was begun")
	// ErrUsage is returned for options that can't be meant.
	ErrUsage = errors.New("this can't be done")
)

func unusable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUsage, fmt.Errorf(format, args...))
}

// check completes the options.
func (o *Options) check(s *Source) error {
	var err error
	if o.Hashes, err = hashNames(o.Hashes); err != nil {
		return unusable("%w", err)
	}
	switch o.Form {
	case Raw:
		o.SegmentSize, o.Compression = 0, ""
	case Split:
		o.Compression = ""
	case E01:
		if _, ok := ewfLevels[o.Compression]; !ok {
			return unusable("compression %q; expected none, fast or best", o.Compression)
		}
		if o.SegmentSize > MaxSegment {
			return unusable("a segment of %d bytes; an E01 that every EnCase reads has at most %d", o.SegmentSize, MaxSegment)
		}
	default:
		return unusable("form %q; expected raw, split or e01", o.Form)
	}
	if o.Form != Raw && (o.SegmentSize < MinSegment || o.SegmentSize%int64(s.Info.LogicalSector) != 0) {
		return unusable("a segment of %d bytes; expected at least %d and whole sectors of %d", o.SegmentSize, MinSegment, s.Info.LogicalSector)
	}
	if o.Form == Split && s.size > maxPieces*o.SegmentSize {
		return unusable("%d bytes in pieces of %d are more than %d pieces, which have no names; take larger ones", s.size, o.SegmentSize, maxPieces)
	}
	if o.Form == E01 && s.size > maxSegments*o.SegmentSize {
		return unusable("%d bytes in segments of %d may need more than the %d that have names; take larger ones", s.size, o.SegmentSize, maxSegments)
	}
	if s.Info.LogicalSector%512 != 0 || blockBytes%(ewfPerChunk*s.Info.LogicalSector) != 0 {
		return unusable("sectors of %d bytes; expected 512, 1024, 2048 or 4096", s.Info.LogicalSector)
	}
	if o.blocks == 0 {
		o.blocks = 6 // few stay in the processor's cache
		if o.Form == E01 {
			o.blocks = 16
		}
	}
	if o.every == 0 {
		o.every = 30 * time.Second
	}
	return s.apart(o.To)
}

// apart refuses a target that is the source, or lies on it.
func (s *Source) apart(to string) error {
	dir := filepath.Dir(to)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return unusable("the folder %s of the image is not there", dir)
	}
	if st, err := os.Stat(to); err == nil && s.stat != nil && os.SameFile(st, s.stat) {
		return unusable("%s is the source itself", to)
	}
	if s.device != nil {
		if where, ok := s.device.holds(dir); ok {
			return unusable("%s lies on the disk that is to be acquired (%s): writing there would change the evidence; name a folder on another disk", dir, where)
		}
	}
	return nil
}

// Run acquires the source. The record says what was done, also after an error
// that wraps ErrPartial, ErrUnreadable or ErrDoubt; it is nil after others.
func Run(ctx context.Context, s *Source, o Options) (*Record, error) {
	rec, err := run(ctx, s, &o)
	if err != nil {
		err = fmt.Errorf("acquiring %s: %w", s.Info.Path, err)
	}
	return rec, err
}

func run(ctx context.Context, s *Source, o *Options) (rec *Record, err error) {
	r := &acquisition{s: s, o: o}
	if o.Resume {
		if r.st, err = readState(s, o); err != nil {
			return nil, err
		}
	}
	told := s.Info.Serial
	s.Info.Serial, s.Info.Model = first(told, o.Labels.Serial), first(s.Info.Model, o.Labels.Model)
	if err := errors.Join(o.check(s), s.allowed(o, time.Now())); err != nil {
		return nil, err
	}
	if !o.Resume {
		r.st = newState(s, o, told)
	}
	defer func() {
		if r.sink != nil {
			err = errors.Join(err, r.sink.close())
		}
	}()
	if o.Resume {
		err = r.reopen(ctx)
	} else {
		err = r.create()
	}
	if err != nil {
		return nil, err
	}
	if o.Begin != nil {
		if err := o.Begin(r.written); err != nil {
			if !o.Resume {
				err = errors.Join(err, r.forget())
			}
			return nil, err
		}
	}
	writes := s.writes()
	stopped := r.pump(ctx)
	if n := s.writes(); n >= 0 && writes >= 0 {
		n -= writes
		s.Info.Protection.Writes = &n
	}
	switch {
	case r.broken && r.st.Position.Media > 0:
		return nil, fmt.Errorf("%w; what ends the image has no room: free some, and go on (resume)", stopped)
	case r.broken, r.written == 0:
		if stopped == nil {
			stopped = unusable("the source is empty")
		}
		return nil, errors.Join(stopped, r.forget())
	}
	return r.end(ctx, stopped)
}

// allowed holds the source to the authority.
func (s *Source) allowed(o *Options, now time.Time) error {
	a := o.Authority
	if a == nil {
		return nil
	}
	if err := a.Check(evidence.ActAcquire, now); err != nil {
		return err
	}
	return a.CheckTarget(evidence.ActAcquire, &evidence.Target{Devices: s.names(), Exhibit: o.Labels.Exhibit, Time: now})
}

func (s *Source) writes() int64 {
	if s.device == nil {
		return -1
	}
	return s.device.writes()
}

// create makes the image's first file and the state.
func (r *acquisition) create() error {
	path := statePath(r.o.To)
	if _, err := os.Lstat(path); err == nil {
		return unusable("%s is there: an acquisition of that name was begun and not ended; go on with it (resume), or move it away", path)
	}
	// Pieces that others left must not seem to belong to this image.
	probe := r.newSink()
	for i := range 3 {
		name, err := probe.nameOf(i)
		if err != nil {
			break
		}
		if _, err := os.Lstat(filepath.Join(filepath.Dir(r.o.To), name)); err == nil {
			return unusable("%s is there, and an image is never overwritten; name a new one", name)
		}
	}
	for _, n := range r.o.Hashes {
		r.hashes = append(r.hashes, newHash(n))
	}
	r.sink = probe
	// The state stands before the image does, so that there is no moment at which
	// what was begun can't be gone on with.
	if err := r.keep(r.here()).write(nil); err != nil {
		return errors.Join(err, dropState(r.o.To))
	}
	return r.start()
}

// start makes the image's first file, and the state that speaks of it.
func (r *acquisition) start() error {
	err := r.sink.start()
	if err == nil {
		err = r.keep(r.here()).write(nil)
	}
	switch {
	case errors.Is(err, fs.ErrExist): // the file is another's
		err = errors.Join(err, dropState(r.o.To))
	case err != nil:
		err = errors.Join(err, r.forget())
	}
	return err
}

// dropState removes the state, if it is there.
func dropState(to string) error {
	if err := os.Remove(statePath(to)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (r *acquisition) newSink() sink {
	if r.o.Form == E01 {
		return newEWF(r.o, &r.s.Info, uuid.UUID(r.st.Set))
	}
	return newRaw(r.o.To, r.o.SegmentSize)
}

// forget removes what an acquisition made that got no byte.
func (r *acquisition) forget() error {
	var err error
	for _, p := range r.sink.paths() {
		err = errors.Join(err, os.Remove(p))
	}
	return errors.Join(err, dropState(r.o.To))
}

// end completes the image and the record.
func (r *acquisition) end(ctx context.Context, stopped error) (*Record, error) {
	media := r.sums
	pad := 0
	if odd := int(r.written % int64(r.s.Info.LogicalSector)); r.o.Form == E01 && odd != 0 {
		pad = r.s.Info.LogicalSector - odd
		for _, h := range r.hashes {
			h.Write(make([]byte, pad))
		}
		media = sums(r.o.Hashes, r.hashes)
	}
	if err := r.sink.finish(media, r.bad); err != nil {
		return nil, err
	}
	if err := r.sync(); err != nil {
		return nil, err
	}
	rec := r.record(stopped, media, pad)
	verify, known := r.o.Verify && rec.Complete, ""
	if rec.Complete {
		known = media["sha256"]
	}
	var sha string
	var err error
	if sha, rec.Image.Files, err = check(ctx, r.sink.paths(), r.o, verify, known); err != nil {
		if ctx.Err() == nil {
			return rec, err
		}
		// Where it is complete, going on checks it again.
		rec.Verified = "not verified: interrupted"
		return rec, errors.Join(err, r.verdict(rec, stopped))
	}
	if rec.Complete {
		if err := r.seal(); err != nil {
			return rec, err
		}
	}
	if verify {
		rec.Verified = "read again from the disk: SHA-256 " + sha
		if sha != media["sha256"] {
			rec.Verified = "FAILED: the image has SHA-256 " + sha
			return rec, fmt.Errorf("%w: its media has SHA-256 %s, what was read %s", ErrVerify, sha, media["sha256"])
		}
	}
	return rec, r.verdict(rec, stopped)
}

// seal ends an acquisition that is complete: there is nothing to go on with.
func (r *acquisition) seal() error {
	for _, p := range r.sink.paths() {
		_ = os.Chmod(p, 0o400) // a file system without modes refuses
	}
	if err := os.Remove(statePath(r.o.To)); err != nil {
		return err
	}
	return evidence.SyncDir(filepath.Dir(r.o.To))
}

// verdict is the error of a run whose image is there.
func (r *acquisition) verdict(rec *Record, stopped error) error {
	var list []error
	if stopped != nil {
		list = append(list, fmt.Errorf("%w: it holds the first %d bytes: %w", ErrPartial, r.written, stopped))
	}
	if len(r.bad) > 0 {
		list = append(list, fmt.Errorf("%w: %d bytes in %d ranges, the first at offset %d; they are filled and listed", ErrUnreadable, rec.Lost(), len(r.bad), r.bad[0].Offset))
	}
	if len(rec.Problems) > 0 {
		list = append(list, fmt.Errorf("%w: %s", ErrDoubt, strings.Join(rec.Problems, "; ")))
	}
	return errors.Join(list...)
}

// changes says how the source is other than when it was opened.
func (s *Source) changes() []string {
	var list []string
	if s.at == nil {
		return nil
	}
	n, err := s.at.Size()
	switch {
	case err != nil:
		return nil // it is gone, which is said
	case n > s.size:
		list = append(list, fmt.Sprintf("it had %d bytes at first, which are in the image, and has %d now", s.size, n))
	case n < s.size:
		list = append(list, fmt.Sprintf("it had %d bytes at first and has %d now", s.size, n))
	}
	if f, ok := s.at.(fileReader); ok {
		if st, err := f.Stat(); err == nil && stamp(st.ModTime()) != s.Info.Modified {
			list = append(list, "it was written to: its time of change is another")
		}
	}
	if w := s.Info.Protection.Writes; w != nil && *w > 0 {
		list = append(list, fmt.Sprintf("the kernel counted %d writes to the device", *w))
	}
	return slices.Compact(list)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
