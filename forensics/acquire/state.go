package acquire

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"saksi/evidence"
	"saksi/forensics/image"
)

// state is the file beside an image that is not complete: all that is needed to
// go on from its last mark. Nothing of it is secret.
type state struct {
	Format      int       `json:"format"`
	Tool        string    `json:"tool"`
	Set         [16]byte  `json:"set"` // of an E01
	Path        string    `json:"path"`
	Bytes       int64     `json:"bytes"`
	Sector      int       `json:"sector"`
	Serial      string    `json:"serial"`
	Form        string    `json:"form"`
	Compression string    `json:"compression"`
	SegmentSize int64     `json:"segment_size"`
	Hashes      []string  `json:"hashes"`
	Fill        string    `json:"fill"`
	Labels      Labels    `json:"labels"`
	Position    position  `json:"position"`
	States      states    `json:"states"`
	Unreadable  []Range   `json:"unreadable"`
	Sessions    []Session `json:"sessions"`

	to string
}

// Session is one run of an acquisition.
type Session struct {
	Begun string `json:"begun"`
	From  int64  `json:"from"` // offset
	Tool  string `json:"tool"`
}

const stateFormat = 1

// maxState bounds a state on reading, in bytes.
const maxState = 256 << 20

// statePath is where the state of an acquisition is.
func statePath(to string) string { return to + ".resume" }

// newState begins a state. serial is what the device told.
func newState(s *Source, o *Options, serial string) *state {
	o.begun = time.Now().UTC().Format(time.RFC3339)
	return &state{
		Format: stateFormat, Tool: o.Tool, Set: uuid.New(), Path: s.Info.Path, Bytes: s.size, Sector: s.Info.LogicalSector, Serial: serial, to: o.To,
		Form: o.Form, Compression: o.Compression, SegmentSize: o.SegmentSize, Hashes: o.Hashes, Fill: hex.EncodeToString(o.Fill), Labels: o.Labels,
		Sessions: []Session{{Begun: o.begun, Tool: o.Tool}},
	}
}

// Begun is what an acquisition that can be gone on with was begun with: the
// form, the hashes, the pattern and what the examiner stated.
func Begun(to string) (Options, error) {
	st, err := loadState(to)
	if err != nil {
		return Options{}, err
	}
	o := Options{To: to}
	return o, st.apply(&o)
}

// loadState reads the state of an acquisition.
func loadState(to string) (*state, error) {
	b, err := evidence.ReadRegular(statePath(to), maxState)
	if errors.Is(err, fs.ErrNotExist) {
		none := true
		for _, name := range []string{to, strings.TrimSuffix(to, filepath.Ext(to)) + ".E01", strings.TrimSuffix(to, filepath.Ext(to)) + ".001"} {
			_, serr := os.Lstat(name)
			none = none && errors.Is(serr, fs.ErrNotExist)
		}
		if none {
			return nil, unusable("going on with %s: %w", to, ErrNone)
		}
		return nil, unusable("%s is not there: no acquisition of that name can be gone on with", statePath(to))
	}
	if err != nil {
		return nil, err
	}
	st := &state{to: to}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(st); err != nil {
		return nil, fmt.Errorf("reading the state %s: %w", statePath(to), err)
	}
	switch {
	case st.Format != stateFormat:
		return nil, fmt.Errorf("reading the state %s: format %d; this version reads %d", statePath(to), st.Format, stateFormat)
	case len(st.Sessions) == 0 || st.Position.Media < 0 || len(st.Hashes) == 0 || len(st.States) != len(st.Hashes):
		return nil, fmt.Errorf("reading the state %s: it is damaged", statePath(to))
	}
	return st, nil
}

// apply makes options those of the state.
func (st *state) apply(o *Options) (err error) {
	o.Form, o.Compression, o.SegmentSize, o.Hashes, o.Labels = st.Form, st.Compression, st.SegmentSize, st.Hashes, st.Labels
	if o.Fill, err = hex.DecodeString(st.Fill); err != nil {
		return fmt.Errorf("reading the state %s: its pattern: %w", statePath(st.to), err)
	}
	o.begun = st.Sessions[0].Begun
	return nil
}

// readState reads the state of an acquisition of this source and makes the
// options those it was begun with.
func readState(s *Source, o *Options) (*state, error) {
	st, err := loadState(o.To)
	if err != nil {
		return nil, err
	}
	if st.Bytes != s.size || st.Serial != s.Info.Serial || st.Sector != s.Info.LogicalSector {
		return nil, unusable("the acquisition was begun on %s, %d bytes, serial %q, sectors of %d; this source has %d bytes, serial %q, sectors of %d",
			st.Path, st.Bytes, st.Serial, st.Sector, s.size, s.Info.Serial, s.Info.LogicalSector)
	}
	return st, st.apply(o)
}

// here is the point at which the hashes stand.
func (r *acquisition) here() snapshot {
	p := snapshot{off: r.written, bad: len(r.bad)}
	for _, h := range r.hashes {
		p.states = append(p.states, appendState(h, nil))
	}
	return p
}

// keep is the state at a point that was marked.
func (r *acquisition) keep(p snapshot) state {
	r.st.Position, r.st.States = r.sink.position(), p.states
	r.st.Unreadable = append([]Range{}, r.bad[:p.bad]...)
	return *r.st
}

// write brings file to the disk, and then the state that speaks of it, in place
// of the one before.
func (st state) write(file *os.File) error {
	if file != nil {
		// One that was closed meanwhile was synced before.
		if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	path := statePath(st.to)
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := evidence.WriteNew(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("keeping the state of the acquisition: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("keeping the state of the acquisition: %w", err)
	}
	return evidence.SyncDir(filepath.Dir(path))
}

// reopen goes on with an acquisition: the image goes back to its last mark, the
// source must be the one that was read.
func (r *acquisition) reopen(ctx context.Context) error {
	var err error
	if r.hashes, err = r.st.States.resume(r.o.Hashes); err != nil {
		return fmt.Errorf("reading the state %s: %w", statePath(r.o.To), err)
	}
	r.sums = sums(r.o.Hashes, r.hashes)
	r.sink = r.newSink()
	if len(r.st.Position.Segments) == 0 {
		return r.anew()
	}
	if err := r.sink.reopen(r.st.Position, r.sums); err != nil {
		return fmt.Errorf("opening the image: %w", err)
	}
	r.written, r.bad = r.st.Position.Media, r.st.Unreadable
	if err := r.same(ctx); err != nil {
		return err
	}
	r.st.Sessions = append(r.st.Sessions, Session{Begun: time.Now().UTC().Format(time.RFC3339), From: r.written, Tool: r.o.Tool})
	return r.keep(r.here()).write(nil)
}

// maxHead bounds the bytes of an image's first file before the first of the media.
const maxHead = 1 << 20

// anew begins again what was ended before a byte was read: the first file may be there,
// with nothing of the media in it.
func (r *acquisition) anew() error {
	name, err := r.sink.nameOf(0)
	if err != nil {
		return err
	}
	first := filepath.Join(filepath.Dir(r.o.To), name)
	st, err := os.Lstat(first)
	if err == nil {
		most := int64(0)
		if r.o.Form == E01 {
			most = maxHead
		}
		if !st.Mode().IsRegular() || st.Size() > most {
			return unusable("%s is there with %d bytes, but the acquisition was ended before it wrote any; move it away", first, st.Size())
		}
		err = os.Remove(first)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("beginning the image anew: %w", err)
	}
	return r.start()
}

// same compares the source with what the image has of it: a stream as a whole,
// other sources in samples, from the first byte to the last that was read.
func (r *acquisition) same(ctx context.Context) error {
	other := func(off int64) error {
		return unusable("the source is not the one that was begun with, or it changed: it differs from the image at offset %d", off)
	}
	if r.s.at == nil {
		h := newHash("sha256")
		buf := make([]byte, blockBytes)
		for off := int64(0); off < r.written; {
			n, _, err := r.s.read(ctx, r.o, buf[:min(int64(len(buf)), r.written-off)], off)
			h.Write(buf[:n])
			off += int64(n)
			if r.o.Progress != nil {
				r.o.Progress("reading again", off, r.written)
			}
			if off < r.written && err != nil {
				return fmt.Errorf("reading the stream again up to offset %d: at %d: %w", r.written, off, err)
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != r.sums["sha256"] {
			return unusable("the stream is not the one that was begun with: its first %d bytes have SHA-256 %s, not %s", r.written, got, r.sums["sha256"])
		}
		return nil
	}
	if r.written == 0 {
		return nil
	}
	im, closeAll, err := openImage(r.sink.paths())
	if err != nil {
		return err
	}
	defer closeAll()
	const samples, size = 32, 4096
	a, b := make([]byte, size), make([]byte, size)
	for i := range int64(samples) {
		off := (r.written - size) / (samples - 1) * i / size * size
		if i == samples-1 {
			off = r.written - size
		}
		if touches(r.bad, off, size) {
			continue
		}
		if _, err := r.s.at.ReadAt(a, off); err != nil {
			continue // it got worse since; what was read is kept
		}
		if _, err := im.ReadAt(b, off); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the image again at offset %d: %w", off, err)
		}
		if !bytes.Equal(a, b) {
			return other(off)
		}
	}
	return nil
}

func touches(list []Range, off, n int64) bool {
	for _, r := range list {
		if r.Offset < off+n && off < r.Offset+r.Bytes {
			return true
		}
	}
	return false
}

// openImage opens the files of an image that this package wrote.
func openImage(paths []string) (*image.Image, func(), error) {
	var segs []image.Segment
	var open []*os.File
	closeAll := func() {
		for _, f := range open {
			_ = f.Close() // only read
		}
	}
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		open = append(open, f)
		st, err := f.Stat()
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		segs = append(segs, image.Segment{Name: filepath.Base(p), Size: st.Size(), ReaderAt: f})
	}
	im, err := image.Open(segs)
	if err != nil {
		closeAll()
		return nil, nil, fmt.Errorf("opening the image again: %w", err)
	}
	return im, closeAll, nil
}
