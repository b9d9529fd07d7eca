// Package collect finds the artifacts within disk images and reads them where
// they lie. Run is its one entry: one worker lists live and deleted files, a
// second one looks at each by content and path and parses what it knows
// (forensics/artifact); nothing is copied out. Records come in the order of the
// listing, so the output is the same on every run. What makes the worker crash
// or hang costs the file under work, which is named and counted.
package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"saksi/event"
	"saksi/forensics/artifact"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/forensics/scan"
	"saksi/internal/journal"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// Config says what to read.
type Config struct {
	Image  string   // first file of the image
	Kinds  []string // names of artifacts; none: all
	Year   int      // of the first record of logs whose times have none
	Bulk   bool     // read artifacts with a record for each file of a volume, too
	Live   bool     // leave deleted files out
	Volume int      // only this volume, from 0; -1: all
	Inode  string   // only the file with this address, as events name it; "": all
	Worker worker.Config
	// Resume keeps what was done, and takes up a run that was ended; nil for none.
	Resume *journal.Resume
	// Emit gets each record with its event; both are valid until it returns. Its
	// first error ends the run.
	Emit func(r *artifact.Record, e *event.Event) error
	// Warn is told what could not be read, in one line; may be nil.
	Warn func(line string)
	// Progress is told now and then how many files were looked at; may be nil.
	Progress func(files int64)
}

// Summary says what was read, and how completely.
type Summary struct {
	Source    string           // source key of the image
	Files     int64            // files looked at
	Artifacts map[string]int64 // files read, by artifact
	Records   map[string]int64 // records, by artifact
	LeftOut   map[string]int64 // records that files may hold which were left out, by artifact (see Config.Bulk)
	Problems  int64            // parts of live files and of file systems that could not be read
	Deleted   int64            // parts of deleted files that could not be read, which is normal
	Crashes   int              // workers that died
	Timeouts  int              // workers that hung
	Taken     int64            // files that an ended run had looked at: see Config.Resume
}

// Incomplete reports whether something of what is live could not be read, or a
// worker died.
func (s *Summary) Incomplete() bool { return s.Problems > 0 || s.Crashes > 0 || s.Timeouts > 0 }

const (
	unitFiles = 256 // files handed to the worker at once
	maxDeaths = 1000
	maxTold   = 10 // problems of one file that are told; all are counted
)

// file is one stream to look at.
type file struct {
	item    disk.Item
	address string
	stream  string
	deleted bool
	blocks  string
}

// unit is a piece of the listing.
type unit struct {
	files    []file
	problems []string
	last     error // why the listing of a volume ended early
}

// Run reads the artifacts of an image. It returns what was done even with an
// error, which says why nothing more could be.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	sum := Summary{Artifacts: map[string]int64{}, Records: map[string]int64{}, LeftOut: map[string]int64{}}
	src, err := disk.Find(ctx, cfg.Image)
	if err != nil {
		return sum, err
	}
	defer src.Close()
	lister, err := src.Open(ctx, cfg.Worker)
	if err != nil {
		return sum, err
	}
	sum.Source = src.Key
	var volumes []int
	for _, v := range lister.Info.Table.Volumes {
		switch {
		case !v.Chosen(cfg.Volume):
		case v.FileSystem.Type == "":
			if cfg.Warn != nil {
				cfg.Warn(fmt.Sprintf("%s: volume %d (%s) is not listed: %s", src.Names[0], v.Number, v.Description, v.Problem))
			}
		default:
			volumes = append(volumes, v.Number)
		}
	}
	if len(volumes) == 0 {
		lister.Close()
		return sum, fmt.Errorf("%w in %s, a %s container with partition table %s", scan.ErrNoFileSystem, src.Names[0], lister.Info.Format, lister.Info.Table.Scheme)
	}
	k, err := openJournal(&cfg, src.Key)
	if err != nil {
		lister.Close()
		return sum, err
	}
	ctx, cancel := context.WithCancel(ctx)
	units := make(chan *unit, 4)
	go func() {
		defer close(units)
		(&listing{cfg: &cfg, src: src, im: lister, units: units}).all(ctx, volumes)
	}()
	defer func() {
		cancel()
		for range units { // until the listing is over: it uses src
		}
	}()
	p := &parser{cfg: &cfg, sum: &sum, src: src, name: src.Names[0], kept: k}
	defer p.close()
	for u := range units {
		if err := p.unit(ctx, u); err != nil {
			return sum, err
		}
		if cfg.Progress != nil {
			cfg.Progress(sum.Files)
		}
	}
	return sum, ctx.Err()
}

// listing cuts the files of all volumes into units.
type listing struct {
	cfg   *Config
	src   *disk.Source
	im    *disk.Image
	units chan<- *unit
	u     *unit
}

func (l *listing) all(ctx context.Context, volumes []int) {
	defer func() {
		if l.im != nil {
			l.im.Close()
		}
	}()
	l.u = &unit{}
	for _, v := range volumes {
		err := l.volume(ctx, v)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.u.last = fmt.Errorf("the listing of volume %d ended early: %w", v, err)
			var remote *disk.Error
			if !errors.As(err, &remote) && l.im != nil {
				l.im.Close()
				l.im = nil
			}
		}
		if l.send(ctx) != nil {
			return
		}
	}
}

func (l *listing) volume(ctx context.Context, v int) error {
	if l.im == nil {
		im, err := l.src.Open(ctx, l.cfg.Worker)
		if err != nil {
			return err
		}
		l.im = im
	}
	deleted := !l.cfg.Live
	_, err := l.im.Walk(ctx, v, filesystem.WalkConfig{Deleted: deleted, Orphans: deleted}, func(e *filesystem.Entry, p *filesystem.Problem) error {
		if p != nil {
			l.u.problems = append(l.u.problems, fmt.Sprintf("volume %d: %s inode %d: %s", v, p.Path, p.Inode, p.Text))
			return l.full(ctx)
		}
		address := scan.InodeAddress(e)
		// Names that point at the metadata of another file hold nothing of their own.
		if !e.HasContent || e.Kind != filesystem.File && e.Stream == "" || e.Reused || e.Size == 0 || l.cfg.Inode != "" && l.cfg.Inode != address {
			return nil
		}
		l.u.files = append(l.u.files, file{disk.Item{Volume: v, Ref: e.Ref(), Path: e.Path}, address, e.Stream, e.Deleted, e.Blocks})
		return l.full(ctx)
	})
	return err
}

func (l *listing) full(ctx context.Context) error {
	if len(l.u.files)+len(l.u.problems) < unitFiles {
		return nil
	}
	return l.send(ctx)
}

func (l *listing) send(ctx context.Context) error {
	u := l.u
	l.u = &unit{}
	select {
	case l.units <- u:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// request is what the worker is asked.
func (c *Config) request() []byte {
	var w wire.Writer
	q := artifact.Request{Year: c.Year, Kinds: c.Kinds, Bulk: c.Bulk}
	q.Append(&w)
	return w.B
}

// path is how a file is named to people.
func (f *file) path() string {
	if f.stream != "" {
		return f.item.Path + ":" + f.stream
	}
	return f.item.Path
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Words says what was read, in a line.
func (s *Summary) Words() string {
	var parts []string
	for _, f := range artifact.Formats() {
		n := s.Artifacts[f.Name]
		switch left := s.LeftOut[f.Name]; {
		case left > 0:
			parts = append(parts, fmt.Sprintf("%s %d (left out: up to %s; --all reads them)", f.Name, n, plural(left, "record")))
		case n > 0:
			parts = append(parts, fmt.Sprintf("%s %d (%s)", f.Name, n, plural(s.Records[f.Name], "record")))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no artifacts"}
	}
	return fmt.Sprintf("%s looked at: %s", plural(s.Files, "file"), strings.Join(parts, ", "))
}
