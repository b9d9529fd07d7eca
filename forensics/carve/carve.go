// Package carve finds files in the unallocated space of an image by their
// content, gives an event for each and, when asked to, writes them into a
// folder. Run is its one entry. Nothing is parsed in this process:
// saksi-worker does it (internal/carve), and what makes it die costs the
// stretch under work, which is named.
package carve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/carve"
	"saksi/internal/worker"
)

// Config says what to do.
type Config struct {
	Image  string   // first file
	Volume int      // only this volume, from 0; -1: all, and what lies between
	All    bool     // used space as well
	Types  []string // names of kinds (Kinds); none: all
	To     string   // folder that files are written into, made if it is not there; "": none are
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
}

// Kinds returns what is carved.
func Kinds() []carve.Kind { return carve.Kinds() }

// Limits.
const (
	maxDeaths = 16
	lost      = 1 << 20 // bytes that are left out where a worker died
	maxRuns   = 16      // runs told of one file
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
	ask := disk.CarveConfig{Volume: cfg.Volume, All: cfg.All, Types: cfg.Types}
	for deaths := 0; ; {
		im, err := src.Open(ctx, cfg.Worker)
		if err != nil {
			return sum, err
		}
		err = c.carve(ctx, im, ask)
		im.Close()
		var remote *disk.Error
		var crash *worker.CrashError
		var timeout *worker.TimeoutError
		switch {
		case err == nil, ctx.Err() != nil, errors.As(err, &remote), !errors.As(err, &crash) && !errors.As(err, &timeout):
			return sum, err
		}
		if deaths++; deaths == maxDeaths {
			return sum, fmt.Errorf("carving ended at offset %d: %d workers died: %w", c.at, deaths, err)
		}
		ask.From = c.at + lost
		sum.Problems++
		cfg.Warn(fmt.Sprintf("%s: %v; carving goes on at offset %d", src.Names[0], err, ask.From))
		c.before += c.done
	}
}

type carver struct {
	cfg    *Config
	sum    *Summary
	src    *disk.Source
	at     int64 // of the media: all before it is done
	done   int64
	before int64       // done by workers that died
	writer *disk.Image // gives the bytes of what is written; nil until then
	e      event.Event
}

func (c *carver) carve(ctx context.Context, im *disk.Image, ask disk.CarveConfig) error {
	c.done = 0
	return im.Carve(ctx, ask, func(f *disk.Carved) error {
		c.at = max(c.at, f.Runs[0].Image+1)
		if c.cfg.To != "" {
			if err := c.write(ctx, f); err != nil {
				return err
			}
		}
		return c.emit(f)
	}, func(done, all, offset int64) {
		c.at, c.done = max(c.at, offset), done
		c.sum.Looked = c.before + done
		if c.cfg.Progress != nil {
			c.cfg.Progress(c.before+done, c.before+all)
		}
	}, func(text string) {
		c.sum.Problems++
		c.cfg.Warn(c.src.Names[0] + ": " + text)
	})
}

// Name is how a carved file is called: by its place in the image.
func Name(f *disk.Carved) string {
	ext := f.Ext
	if ext == "" {
		ext = "bin"
	}
	if f.Fragment {
		ext += ".part"
	}
	return fmt.Sprintf("%015d.%s", f.Runs[0].Image, ext)
}

// write writes a file; one that is there is never overwritten.
func (c *carver) write(ctx context.Context, f *disk.Carved) error {
	if c.writer == nil {
		im, err := c.src.Open(ctx, c.cfg.Worker)
		if err != nil {
			return err
		}
		c.writer = im
	}
	path := filepath.Join(c.cfg.To, Name(f))
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing a carved file: %w", err)
	}
	sum := sha256.New()
	_, err = c.writer.CopyMedia(ctx, f.Runs, io.MultiWriter(out, sum))
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return fmt.Errorf("writing %s: its SHA-256 is %s, carved was %s: the image changed", path, got, f.SHA256)
	}
	return nil
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
	e.Int(event.SaksiEvidenceOffset, f.Runs[0].Image)
	for i, r := range f.Runs {
		if i == maxRuns {
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
