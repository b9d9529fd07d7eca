package collect

import (
	"context"
	"errors"
	"fmt"

	"saksi/event"
	"saksi/forensics/artifact"
	"saksi/forensics/disk"
	"saksi/internal/worker"
)

// parser has units parsed in a worker of its own, started at the first unit
// and again after each death.
type parser struct {
	cfg    *Config
	sum    *Summary
	src    *disk.Source
	name   string
	im     *disk.Image
	deaths int
	failed error // of Config.Emit
	kept   *kept // nil: nothing is
	units  int   // taken so far

	// of the file under work
	file  *file
	place disk.Place
	one   artifact.Summary
	dec   *artifact.Decoder
}

func (p *parser) close() {
	if p.kept != nil && p.kept.lost != nil {
		p.warn("what was done was not all kept for --resume: %v", p.kept.lost)
	}
	if p.im != nil {
		p.im.Close()
	}
}

func (p *parser) warn(format string, args ...any) {
	if p.cfg.Warn != nil {
		p.cfg.Warn(p.name + ": " + fmt.Sprintf(format, args...))
	}
}

func (p *parser) unit(ctx context.Context, u *unit) error {
	for _, text := range u.problems {
		p.sum.Problems++
		p.warn("%s", text)
	}
	if u.last != nil {
		p.sum.Problems++
		switch d := deathOf(u.last); {
		case d.crash:
			p.sum.Crashes++
		case d.timeout:
			p.sum.Timeouts++
		}
		p.warn("%v", u.last)
	}
	if taken, err := p.takeUp(u); taken || err != nil {
		return err
	}
	for at := 0; at < len(u.files); {
		if p.deaths >= maxDeaths {
			left := int64(len(u.files) - at)
			p.sum.Problems += left
			p.warn("%d files were not looked at, because %d workers died over this image", left, p.deaths)
			return nil
		}
		n, err := p.files(ctx, u.files[at:], at)
		at += n
		switch {
		case p.failed != nil:
			return p.failed
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			continue
		case p.im == nil && n == 0: // no worker to be had
			return err
		}
		var remote *disk.Error
		if !errors.As(err, &remote) {
			p.im.Close()
			p.im = nil
		}
		d := deathOf(err)
		p.kept.death(at, d)
		p.death(u.files, at, d)
		at++
	}
	p.kept.end()
	return nil
}

// death is what ended a worker.
type death struct {
	crash, timeout bool
	text           string
}

func deathOf(err error) death {
	var crash *worker.CrashError
	var timeout *worker.TimeoutError
	d := death{text: err.Error()}
	switch {
	case errors.As(err, &crash):
		d.crash = true
	case errors.As(err, &timeout):
		d.timeout = true
	}
	return d
}

// death counts what ended a worker, and the file that it died of.
func (p *parser) death(files []file, at int, d death) {
	p.deaths++
	if at >= len(files) {
		return
	}
	f := &files[at]
	p.sum.Files++
	p.sum.Problems++
	if d.timeout {
		p.sum.Timeouts++
	} else {
		p.sum.Crashes++
	}
	p.warn("volume %d: %s: %s", f.item.Volume, f.path(), d.text)
	p.count()
}

// files has files parsed and returns how many of them are done. first is the number of
// the first of them in its unit.
func (p *parser) files(ctx context.Context, files []file, first int) (done int, err error) {
	if p.im == nil {
		if p.im, err = p.src.Open(ctx, p.cfg.Worker); err != nil {
			p.im = nil
			return 0, err
		}
	}
	items := make([]disk.Item, len(files))
	for i := range files {
		items[i] = files[i].item
	}
	order := func(item int) error {
		if item != done {
			return fmt.Errorf("%w: item %d, expected %d", worker.ErrProtocol, item, done)
		}
		return nil
	}
	p.dec = nil
	err = p.im.Artifacts(ctx, p.cfg.request(), items, disk.ArtifactSink{
		Place: func(item int, at *disk.Place) error {
			if err := order(item); err != nil {
				return err
			}
			p.kept.place(first+item, at)
			return p.begin(&files[item], at)
		},
		Frame: func(item int, frame []byte) error {
			if err := order(item); err != nil {
				return err
			}
			p.kept.frame(first+item, frame)
			return p.frame(frame)
		},
		End: func(item int, is bool, problem string) error {
			if err := order(item); err != nil {
				return err
			}
			p.kept.file(first+item, is, problem)
			p.end(&files[item], is, problem)
			done++
			return nil
		},
	})
	return done, err
}

// begin opens an artifact.
func (p *parser) begin(f *file, at *disk.Place) error {
	if p.dec != nil {
		return fmt.Errorf("%w: two places of one file", worker.ErrProtocol)
	}
	p.file, p.place = f, *at
	p.one = artifact.Summary{Key: p.src.Key}
	p.dec = &artifact.Decoder{Sum: &p.one, Name: p.name, Emit: p.emit}
	return nil
}

// frame takes what the worker tells of an artifact.
func (p *parser) frame(frame []byte) error {
	if p.dec == nil {
		return fmt.Errorf("%w: a frame without its place", worker.ErrProtocol)
	}
	return p.dec.Frame(frame)
}

// count adds what was read of the file under work.
func (p *parser) count() {
	if p.dec != nil && p.one.Format != "" {
		p.sum.Artifacts[p.one.Format]++
		p.sum.Records[p.one.Format] += int64(p.one.Records)
		if p.one.LeftOut > 0 {
			p.sum.LeftOut[p.one.Format] += p.one.LeftOut
		}
	}
	p.dec = nil
}

// end closes a file.
func (p *parser) end(f *file, is bool, problem string) {
	p.sum.Files++
	to := &p.sum.Problems
	if f.deleted {
		to = &p.sum.Deleted
	}
	if p.dec != nil {
		for _, x := range p.one.Problems[:min(len(p.one.Problems), maxTold)] {
			p.warn("volume %d: %s: %s, offset %d: %s", f.item.Volume, f.path(), p.one.Format, x.Offset, x.Text)
		}
		if p.one.Broken > maxTold {
			p.warn("volume %d: %s: %d more problems", f.item.Volume, f.path(), p.one.Broken-maxTold)
		}
		*to += int64(p.one.Broken)
	}
	if problem != "" && (is || !f.deleted) {
		*to++
		p.warn("volume %d: %s: %s", f.item.Volume, f.path(), problem)
	}
	p.count()
}

// emit says where in the image a record lies, and of which file it is.
func (p *parser) emit(r *artifact.Record, e *event.Event) error {
	f := p.file
	e.Delete(event.SaksiEvidenceOffset)
	if at := p.place.At(r.Offset); at >= 0 && r.Placed() {
		e.Int(event.SaksiEvidenceOffset, at)
	}
	e.Int(event.SaksiArtifactOffset, r.Offset)
	e.Str(event.SaksiArtifactInode, f.address)
	e.Bool(event.SaksiArtifactDeleted, f.deleted)
	e.Str(event.SaksiFileBlocks, f.blocks)
	e.Int(event.SaksiFileVolume, int64(f.item.Volume))
	e.Str(event.LogFilePath, f.path())
	if p.place.MoreRuns {
		e.Str(event.SaksiTruncated, event.SaksiEvidenceRuns.Name())
	}
	p.failed = p.cfg.Emit(r, e)
	return p.failed
}
