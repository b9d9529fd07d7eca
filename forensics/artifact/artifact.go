// Package artifact reads single files in which a system keeps traces: event
// logs and the like. Read is its one entry: it finds out what a file is by its
// content, has it parsed in saksi-worker, and gives each record as an ECS
// event and, for logs, as a record for Sigma. Each artifact is one door file
// that registers a Format.
package artifact

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"saksi/event"
	"saksi/evidence"
	"saksi/internal/wire"
	"saksi/internal/worker"
	"saksi/rules/sigma"
)

// ErrUnknown is returned for a file that is no artifact we read; 'saksi
// forensics artifacts' lists those.
var ErrUnknown = errors.New("no artifact that is read")

// Field is a value of a record with the name the artifact gives it.
type Field struct{ Name, Value string }

// Record is one record of an artifact. It implements sigma.Record.
type Record struct {
	Offset int64   // in the file, bytes
	Time   int64   // Unix nanoseconds; 0 is none
	Header int     // how many of Fields, from the first, are the artifact's own
	Fields []Field // the others have names that the record's author chose

	sources []sigma.Source
	aliases []sigma.Alias
	packed  bool
}

// fieldYear marks a record whose time has no year.
const fieldYear = "year"

// Yearless reports that the record tells a time without a year, and that none
// was given: it has no moment, though its source had.
func (r *Record) Yearless() bool { return r.Time == 0 && r.Get(fieldYear) == "none" }

// Placed reports whether Offset is a place in the file itself, and not in what it
// was decompressed to or in a file beside it.
func (r *Record) Placed() bool {
	where := r.Get("recovered")
	return !r.packed && where != "wal" && where != "log"
}

// Sources implements sigma.Record; a record of no log has none.
func (r *Record) Sources() []sigma.Source { return r.sources }

// Values implements sigma.Record.
func (r *Record) Values(yield func(field, value string) bool) {
	for i := range r.Fields {
		f := &r.Fields[i]
		if !yield(f.Name, f.Value) {
			return
		}
		for _, a := range r.aliases {
			if a.From == f.Name && !yield(a.To, f.Value) {
				return
			}
		}
	}
}

// Get returns the first value of a field, or "".
func (r *Record) Get(name string) string {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return r.Fields[i].Value
		}
	}
	return ""
}

// first returns the first value of any of the fields that says something: "-"
// is how Windows writes nothing.
func (r *Record) first(names ...string) string {
	for _, n := range names {
		if v := r.Get(n); v != "" && v != "-" {
			return v
		}
	}
	return ""
}

// Problem is a part of the file that could not be read.
type Problem struct {
	Offset int64
	Text   string
}

// Summary says what was read, and how completely.
type Summary struct {
	Format   string
	Key      string // of the file, see evidence.SourceKey
	Size     int64
	Records  int
	Problems []Problem // the first of them, at most 1000
	Broken   int       // all of them
	LeftOut  int64     // records that the file may hold, of one that is left out (see Format.Bulk)
}

// maxProblems bounds the problems of one file that are told.
const maxProblems = 1000

// Options say how a file is read.
type Options struct {
	Worker worker.Config
	// Year is that of the first record, for logs whose times have none; without
	// it their records have no time.
	Year int
	// Kind is the one artifact the file is read as, "" finds it out.
	Kind string
}

// Read parses a file in a worker and gives each record, with its event, to
// emit; both are valid until it returns. A file that breaks the worker, or is
// broken itself, gives what was read until then: the summary holds it beside
// the error. The error matches ErrUnknown when no artifact is recognized.
func Read(ctx context.Context, path string, opt Options, emit func(r *Record, e *event.Event) error) (Summary, error) {
	var sum Summary
	file, err := evidence.OpenHeld(ctx, path)
	if err != nil {
		return sum, fmt.Errorf("reading an artifact: %w", err)
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return sum, fmt.Errorf("reading an artifact: %w", err)
	}
	sum.Size = st.Size()
	if sum.Key, err = evidence.SourceKey(file, sum.Size); err != nil {
		return sum, fmt.Errorf("reading %s: %w", path, err)
	}
	w, err := worker.Start(ctx, opt.Worker)
	if err != nil {
		return sum, err
	}
	defer w.Close()
	d := &Decoder{Sum: &sum, Emit: emit, Name: filepath.Base(path)}
	files := []*os.File{file}
	defer func() {
		for _, f := range files[1:] {
			_ = f.Close()
		}
	}()
	q := Request{Year: opt.Year, Bulk: true}
	if opt.Kind != "" {
		q.Kinds, q.Forced = []string{opt.Kind}, true
	}
	var req, more wire.Writer
	req.Int(sum.Size)
	q.Append(&req)
	req.String(path)
	for _, ending := range endings() {
		f, size, err := openBeside(ctx, path, ending)
		if err != nil {
			return sum, err
		}
		if f != nil {
			files = append(files, f)
			more.String(ending)
			more.Int(size)
		}
	}
	req.Uint(uint64(len(files) - 1))
	err = w.Call(ctx, opParse, append(req.B, more.B...), files, d.Frame)
	var remote *worker.RemoteError
	switch {
	case err == nil && sum.Format == "":
		return sum, fmt.Errorf("reading %s: it is %w; 'saksi forensics artifacts' lists those", path, ErrUnknown)
	case errors.As(err, &remote):
		return sum, fmt.Errorf("reading %s: %s", path, remote.Msg)
	case err != nil:
		return sum, fmt.Errorf("reading %s: %w", path, err)
	}
	return sum, nil
}

// endings are those of all files that may lie beside an artifact.
func endings() []string {
	var list []string
	for _, f := range formats {
		for _, e := range f.Beside {
			if !slices.Contains(list, e) {
				list = append(list, e)
			}
		}
	}
	return list
}

// openBeside opens the file that lies beside path, or gives nil. Beside an
// exhibit only what is held of the case is taken.
func openBeside(ctx context.Context, path, ending string) (*os.File, int64, error) {
	other := path + ending
	if evidence.IsHeld(ctx, path) && !evidence.IsHeld(ctx, other) {
		return nil, 0, nil
	}
	st, err := os.Lstat(other)
	if err != nil || !st.Mode().IsRegular() || st.Size() == 0 {
		return nil, 0, nil // there is none
	}
	f, err := evidence.OpenHeld(ctx, other)
	if err != nil {
		return nil, 0, fmt.Errorf("reading what belongs to %s: %w", path, err)
	}
	if st, err = f.Stat(); err != nil {
		_ = f.Close()
		return nil, 0, fmt.Errorf("reading what belongs to %s: %w", path, err)
	}
	return f, st.Size(), nil
}

// event starts the event of a record with what all artifacts' have.
func (r *Record) event(e *event.Event, f *Format, sum *Summary, name string) {
	e.Reset()
	if r.Time != 0 {
		e.Time(event.Timestamp, r.Time)
	}
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, "saksi."+f.Name)
	e.Str(event.SaksiEvidenceKey, sum.Key)
	e.Str(event.SaksiEvidenceName, name)
	e.Int(event.SaksiEvidenceOffset, r.Offset)
	f.Event(r, e)
}
