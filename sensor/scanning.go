package sensor

import (
	"context"

	"saksi/findings"
)

// Ahead is an ability of a FileScanner: Begin starts to look at a file before
// its turn has come, beside other files. The file's Event is not set yet; its
// content stays until Finish has returned, which is called in the place of
// ScanFile.
type Ahead interface {
	Begin(ctx context.Context, f *File) Look
}

// Look is a look at a file that is under way. Finish waits for its end and
// emits what was found; it returns soon when the context ends.
type Look interface {
	Done() bool
	Finish(alerts findings.Sink) error
}

// Bounds of the files of a live capture that are still looked at. Beyond them
// the capture waits for the first.
const (
	maxLooks     = 64
	maxLookBytes = 64 << 20
)

// looks are files that are still looked at.
type looks struct {
	files []*File
	bytes int // of their content
}

// begin starts to look at the files of a batch.
func (o *order) begin(b *batch) {
	for _, r := range b.results {
		for _, f := range r.files {
			f.Key = o.src.key
			f.looks = make([]Look, len(o.rules.Files))
			for i, s := range o.rules.Files {
				if a, ok := s.(Ahead); ok {
					f.looks[i] = a.Begin(o.ctx, f)
				}
			}
		}
	}
}

// scan gives a file to the scanners, or ends what they began. A live capture
// does not wait for them: what they find is told when they are done, in the
// order of the files.
func (o *order) scan(f *File) {
	o.sum.file(f)
	if !o.src.live {
		o.look(f)
		return
	}
	f.Event = f.Event.Clone()
	o.pending.files = append(o.pending.files, f)
	o.pending.bytes += len(f.Content)
}

func (o *order) look(f *File) {
	for i, s := range o.rules.Files {
		var err error
		if i < len(f.looks) && f.looks[i] != nil {
			err = f.looks[i].Finish(o)
		} else {
			err = s.ScanFile(o.ctx, f, o)
		}
		if err != nil {
			o.sum.scanError(f, err)
		}
	}
	f.release()
}

// settle tells of the files that are looked at: of those that are done, and
// of more when there are too many. all waits for every one.
func (o *order) settle(all bool) {
	p := &o.pending
	for len(p.files) > 0 && o.err == nil {
		f := p.files[0]
		done := true
		for _, l := range f.looks {
			done = done && (l == nil || l.Done())
		}
		if !done && !all && len(p.files) <= maxLooks && p.bytes <= maxLookBytes {
			return
		}
		p.files = p.files[1:]
		p.bytes -= len(f.Content)
		o.look(f)
	}
}
