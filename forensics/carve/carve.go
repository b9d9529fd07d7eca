// Package carve finds files in the unallocated space of an image by their
// content, gives an event for each and, when asked to, writes them into a
// folder. Run is its one entry. Nothing is parsed in this process:
// saksi-worker does it (internal/carve), and what makes it die costs the
// stretch under work, which is named.
package carve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/carve"
	"saksi/internal/journal"
	"saksi/internal/worker"
)

// Config says what to do.
type Config struct {
	Image  string   // first file
	Volume int      // as volume.Volume.Chosen takes it; volume.Present: what lies between them too
	All    bool     // used space as well
	Types  []string // names of kinds (Kinds); none: all
	Every  int64    // files begin at multiples of so many bytes; 0: at sectors
	To     string   // folder that files are written into, made if it is not there; "": none are
	// Resume keeps what was done, and takes up a run that was ended; nil for none.
	Resume *journal.Resume
	Worker worker.Config
	Sink   findings.Sink
	Warn   func(line string)
	// Progress is told how many of all bytes are done; may be nil.
	Progress func(done, all int64)
}

// Summary says what was found and how complete it is.
type Summary struct {
	Files, Fragments int64
	Bytes            int64 // of files
	Looked           int64 // bytes of space that were looked at
	Problems         int
	Taken            int64 // bytes of space that an ended run had looked at: see Config.Resume
}

// Kinds returns what is carved.
func Kinds() []carve.Kind { return carve.Kinds() }

// Limits.
const (
	maxDeaths = 16
	lost      = 1 << 20 // bytes that are left out where a worker died
	maxRuns   = 16      // runs told of one file
	ended     = 1 << 30 // a space behind all
)

// Run carves. An error is one of the image as a whole, of the sink, or of
// writing; what could not be looked at is told and counted.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	var sum Summary
	for _, t := range cfg.Types {
		if !slices.ContainsFunc(Kinds(), func(k carve.Kind) bool { return k.Name == t }) {
			return sum, fmt.Errorf("there is no kind %q to carve", t)
		}
	}
	if cfg.To != "" {
		if err := os.MkdirAll(cfg.To, 0o700); err != nil {
			return sum, fmt.Errorf("making the folder for carved files: %w", err)
		}
	}
	src, err := disk.Find(ctx, cfg.Image)
	if err != nil {
		return sum, err
	}
	defer src.Close()
	c := &carver{cfg: &cfg, sum: &sum, src: src}
	defer func() {
		if c.writer != nil {
			c.writer.Close()
		}
	}()
	im, err := src.Open(ctx, cfg.Worker)
	if err != nil {
		return sum, err
	}
	if err := c.takeUp(ctx); err != nil {
		im.Close()
		return sum, err
	}
	for {
		err = c.carve(ctx, im)
		im.Close()
		var remote *disk.Error
		var crash *worker.CrashError
		var timeout *worker.TimeoutError
		if err == nil || ctx.Err() != nil || errors.As(err, &remote) || !errors.As(err, &crash) && !errors.As(err, &timeout) {
			return sum, err
		}
		if err := c.died(err); err != nil {
			return sum, err
		}
		if im, err = src.Open(ctx, cfg.Worker); err != nil {
			return sum, err
		}
	}
}

type carver struct {
	cfg    *Config
	sum    *Summary
	src    *disk.Source
	kept   *journal.Part
	lost   bool            // the journal takes no more: it was said
	point  disk.CarvePoint // all before it is done and kept
	at     int64           // in the space of the point: all before it is done
	deaths int
	batch  []item      // since the point
	writer *disk.Image // gives the bytes of what is written; nil until then
	e      event.Event
}

// item is what carving tells: a file, or what could not be looked at.
type item struct {
	file    *disk.Carved
	problem string
}

func (c *carver) carve(ctx context.Context, im *disk.Image) error {
	cfg := c.cfg
	ask := disk.CarveConfig{Volume: cfg.Volume, All: cfg.All, Types: cfg.Types, Every: cfg.Every, From: c.point}
	err := im.Carve(ctx, ask, func(f *disk.Carved) error {
		if f.Volume+1 != c.point.Space {
			c.point.Space, c.at = f.Volume+1, 0
		}
		c.at = max(c.at, f.Runs[0].Image+1)
		return c.tell(ctx, item{file: f})
	}, func(at *disk.CarvePoint, all int64) error {
		c.advance(at)
		if cfg.Progress != nil {
			cfg.Progress(at.Done, all)
		}
		return nil
	}, func(text string) { _ = c.tell(ctx, item{problem: text}) })
	if err == nil {
		end := c.point
		end.Space = ended
		c.advance(&end)
	}
	return err
}

// tell gives what was found on.
func (c *carver) tell(ctx context.Context, it item) error {
	if c.kept != nil {
		c.batch = append(c.batch, it)
	}
	if it.file == nil {
		c.sum.Problems++
		c.cfg.Warn(c.src.Names[0] + ": " + it.problem)
		return nil
	}
	if c.cfg.To != "" {
		if err := c.write(ctx, it.file); err != nil {
			return err
		}
	}
	return c.emit(it.file)
}

// advance sets the point before which all is done, and keeps it.
func (c *carver) advance(to *disk.CarvePoint) {
	c.point, c.at = *to, to.Offset
	c.sum.Looked = to.Done - int64(c.deaths)*lost
	c.keep()
}

// died goes on behind what a worker died of.
func (c *carver) died(err error) error {
	if c.deaths++; c.deaths == maxDeaths {
		return fmt.Errorf("carving ended at offset %d: %d workers died: %w", c.at, c.deaths, err)
	}
	to := c.point
	to.Offset = c.at + lost
	to.Done += to.Offset - c.point.Offset
	_ = c.tell(context.Background(), item{problem: fmt.Sprintf("%v; carving goes on at offset %d", err, to.Offset)})
	c.advance(&to)
	return nil
}

// Name is how a carved file is called: by its place in the image, or in a volume that
// does not lie there as it is.
func Name(f *disk.Carved) string {
	ext := f.Ext
	if ext == "" {
		ext = "bin"
	}
	if f.Fragment {
		ext += ".part"
	}
	name := fmt.Sprintf("%015d.%s", f.Runs[0].Image, ext)
	if f.Volume >= 0 {
		name = fmt.Sprintf("volume%d-%s", f.Volume, name)
	}
	return name
}

// emit gives the event of a file.
func (c *carver) emit(f *disk.Carved) error {
	c.sum.Bytes += f.Size
	if f.Fragment {
		c.sum.Fragments++
	} else {
		c.sum.Files++
	}
	e := &c.e
	e.Reset()
	e.Time(event.Timestamp, 0)
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, "saksi.carved")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.ECSVersion, "8.17.0")
	e.Str(event.SaksiEvidenceKey, c.src.Key)
	e.Str(event.SaksiEvidenceName, filepath.Base(c.cfg.Image))
	if f.Volume >= 0 {
		e.Int(event.SaksiFileVolume, int64(f.Volume))
	}
	placed := 0
	for _, r := range f.Places {
		if r.Sparse {
			continue
		}
		if placed == 0 {
			e.Int(event.SaksiEvidenceOffset, r.Image)
		}
		if placed++; placed > maxRuns {
			e.Str(event.SaksiTruncated, event.SaksiEvidenceRuns.Name())
			break
		}
		e.Str(event.SaksiEvidenceRuns, strconv.FormatInt(r.Image, 10)+"+"+strconv.FormatInt(r.Length, 10))
	}
	e.Str(event.FileName, Name(f))
	e.Str(event.FileExtension, f.Ext)
	e.Str(event.FileMimeType, f.MIME)
	e.Str(event.FileType, filesystem.File.String())
	e.Int(event.FileSize, f.Size)
	e.Str(event.FileHashSHA256, f.SHA256)
	e.Bool(event.SaksiFileDeleted, true)
	e.Str(event.SaksiFileRecovery, "carving")
	e.Str(event.SaksiFileFormat, f.Type)
	e.Str(event.SaksiFileConfidence, f.Confidence)
	for _, what := range f.Checked {
		e.Str(event.SaksiFileChecked, what)
	}
	switch {
	case f.Fragment && f.Expected > f.Size:
		e.Str(event.SaksiFileIncomplete, fmt.Sprintf("fragment: its structure states %d bytes", f.Expected))
	case f.Fragment:
		e.Str(event.SaksiFileIncomplete, "fragment: it ends before its structure does, or what follows is another's")
	}
	return c.cfg.Sink.Emit(e)
}
