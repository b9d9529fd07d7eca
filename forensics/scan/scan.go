// Package scan lists, hashes and searches disk images. Run is its one entry:
// for each image it opens container, volumes and file systems in
// saksi-worker, walks live and deleted entries, hashes their content and runs
// YARA rules over it, and emits an event for each entry and a finding for each
// match.
//
// One worker walks; others take units of the walk (a range of entries and
// their content). Units are merged by their number, so the output does not
// depend on how many workers there are. What a hostile image makes crash or
// hang costs the file under work, which is named and counted.
package scan

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"saksi/findings"
	"saksi/forensics/disk"
	"saksi/forensics/hashset"
	"saksi/internal/archive"
	"saksi/internal/fuzzy"
	"saksi/internal/journal"
	"saksi/internal/search"
	"saksi/internal/worker"
	"saksi/rules"
	"saksi/rules/intel"
	"saksi/rules/yara"
)

// Config says what to do.
type Config struct {
	Images []string // first file of each image
	Rules  []string // YARA files and folders; none: no scan
	Strict bool     // do nothing when a rule does not run
	// Intel are indicators that are looked for in names and digests of entries;
	// nil for none. The digests they ask for are taken, and a hit is a finding.
	Intel *intel.Set
	// Good and Bad are sets of known files. Nothing is told of what lies in the
	// whole content of a good one, unless a set of bad ones holds it as well; a bad
	// one is a finding.
	Good, Bad []*hashset.Set
	// SkipGood leaves what Good holds and Bad does not unread by rules and search, and
	// does not enter it.
	SkipGood bool
	// Fuzzy are fuzzy hashes; a content that scores FuzzyScore (1 to 100) or more against
	// one is a finding. nil for none.
	Fuzzy      *fuzzy.Set
	FuzzyScore int
	// Search are keywords, expressions and kinds of features to look for.
	Search search.Config
	// Enter are the limits within which archives and documents are entered and their
	// members looked at as files are; without Depth none is.
	Enter archive.Limits
	// Flags makes findings of names and types that deceive, of programs at odd places, of
	// times that were set, of containers and of what is encrypted.
	Flags bool
	// Members emits an event for each member, with its digest; findings are always
	// emitted.
	Members bool
	Areas   disk.Areas // where to look; 0: in files
	Cache   yara.Cache // keeps compiled rules; nil for none
	// Exhibits are the ids of images that are exhibits, for rules that ask for
	// them, by path.
	Exhibits map[string]string
	Hash     Hash
	// Entries emits an event for each entry; findings are always emitted.
	Entries bool
	// Live leaves deleted and orphan files out.
	Live   bool
	Volume int // only this volume, from 0; or volume.Present, volume.AllOfThem
	// Changed leaves out of shadow copies what the volume still holds as it was: the
	// same name, inode, stream, size and times of content and metadata.
	Changed bool
	Workers int   // processes that read content, beside the one that walks; 0: one a processor
	Limit   int64 // bytes of one file read at most; 0: DefaultLimit
	// Resume keeps what was done, and takes up a run that was ended; nil for none.
	Resume *journal.Resume
	Worker worker.Config
	Sink   findings.Sink
	// Warn is told what could not be read, in one line; may be nil. It is
	// called from the goroutine of Run.
	Warn func(line string)
	// Progress is told now and then how far the scan is; may be nil. It is
	// called from the goroutine of Run.
	Progress func(Progress)
}

// Hash says which digests are taken of content.
type Hash uint8

// Digests. A scan with rules takes SHA-256 in any case: findings name it.
const (
	NoHash Hash = iota
	SHA256
	SHA256AndMD5
)

// Progress is how far a scan is.
type Progress struct {
	Image   string
	Entries int64
	Bytes   int64 // of content
}

// Defaults and limits.
const (
	DefaultLimit = 64 << 30 // bytes of one file
	unitEntries  = 256
	unitBytes    = 32 << 20
	maxWorkers   = 64
	maxDeaths    = 64 // workers that may die over one image
	maxInside    = 16 // workers that may die over archives of one image, before none is entered
	maxRuns      = 16 // runs told of one stream
	// stalled is how long a worker may say nothing: it reports each second
	// while it gets on.
	stalled = 10 * time.Second
)

// Summary says what was done and how complete it is.
type Summary struct {
	Images []ImageSummary
	Rules  int   // rules that ran
	Taken  int64 // bytes of content that an ended run had read: see Config.Resume
	// RuleProblems says which rules did not run, and why.
	RuleProblems []rules.Problem
}

// ImageSummary is the part of one image.
type ImageSummary struct {
	Path     string
	Source   string // source key, see evidence.SourceKey
	Info     disk.Info
	Entries  int64
	Deleted  int64
	Streams  int64    // alternate streams among the entries
	Read     int64    // streams whose content was read
	Bytes    int64    // of content read
	Matches  int64    // findings
	Features int64    // features, each once in a content
	Again    int64    // of unallocated space, told of a deleted file before
	Good     int64    // files of known-good sets, of which nothing is told
	Skipped  int64    // of them, those that were not looked at (Config.SkipGood)
	Signs    int64    // files with one sign of set times, which is not told: see Config.Flags
	Untold   int64    // hits beyond those that are told of one content
	Archives int64    // archives and documents that were entered
	Members  int64    // of them
	Unpacked int64    // bytes of members that lay packed
	Barred   int64    // archives, documents and members that are encrypted
	Unread   int64    // members that were not looked at whole, and archives that were not entered
	Space    [4]int64 // bytes looked at by place, see disk.Area
	Problems int64    // parts of a file system that could not be read
	Partial  int64    // streams not read whole, see Saksi.file.incomplete
	Crashes  int      // workers that died
	Timeouts int      // workers that hung
	Lost     []string
	Error    string // why the image, or the rest of it, was not read
}

// Incomplete reports whether part of the input could not be read.
func (s *Summary) Incomplete() bool {
	for i := range s.Images {
		if s.Images[i].Incomplete() {
			return true
		}
	}
	return false
}

// Incomplete reports whether part of the image could not be read. Deleted
// files that are only partly there are normal and do not count.
func (s *ImageSummary) Incomplete() bool {
	return s.Problems > 0 || s.Crashes > 0 || s.Timeouts > 0 || s.Error != ""
}

// ErrNoFileSystem is returned, with the other images done, for an image in
// which nothing could be listed; the message says what was tried.
var ErrNoFileSystem = errors.New("no file system to list")

// Run scans the images one after the other. It returns what was done even
// with an error. An image that can't be opened does not end the run: its error
// is returned, joined with others, after the last one. The context's error is
// returned when it ends; what was found until then was emitted.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.NumCPU()
	}
	cfg.Workers = min(cfg.Workers, maxWorkers)
	if cfg.Limit <= 0 {
		cfg.Limit = DefaultLimit
	}
	if cfg.Worker.Limits.Unit == 0 {
		cfg.Worker.Limits.Unit = stalled
	}
	if cfg.Areas == 0 {
		cfg.Areas = 1 << disk.Content
	}
	if (len(cfg.Rules) > 0 || cfg.Intel != nil || len(cfg.Good)+len(cfg.Bad) > 0 || cfg.Flags || cfg.Fuzzy != nil || !cfg.Search.Empty()) && cfg.Hash == NoHash {
		cfg.Hash = SHA256
	}
	var sum Summary
	if _, err := search.New(cfg.Search); err != nil { // before a worker does
		return sum, fmt.Errorf("%w: %w", ErrSearch, err)
	}
	sources, err := LoadRules(cfg.Rules)
	if err != nil {
		return sum, err
	}
	var compiled *yara.Compiled
	if len(sources) > 0 {
		// Before anything is read, so that a wrong rule ends the run at its start.
		if compiled, err = compile(ctx, &cfg, sources); compiled != nil {
			sum.Rules, sum.RuleProblems = compiled.Rules, compiled.Problems
		}
		if err != nil {
			return sum, err
		}
	}
	k, err := openJournal(&cfg, sources)
	if err != nil {
		return sum, err
	}
	failed, err := cfg.images(ctx, compiled, !asksNames(sources), k, &sum)
	k.close(&sum, cfg.Warn)
	if err != nil {
		return sum, err
	}
	return sum, errors.Join(failed...)
}

// images scans one image after the other. failed are those that could not be; err
// ends the run.
func (cfg *Config) images(ctx context.Context, compiled *yara.Compiled, same bool, k *kept, sum *Summary) (failed []error, err error) {
	for i, path := range cfg.Images {
		s := &scanner{cfg: cfg, rules: compiled, same: same, number: i, kept: k, sum: ImageSummary{Path: path}}
		err := s.image(ctx)
		if err != nil {
			s.sum.Error = err.Error()
		}
		sum.Images = append(sum.Images, s.sum)
		var fatal *fatalError
		switch {
		case ctx.Err() != nil:
			return failed, ctx.Err()
		case errors.As(err, &fatal):
			return failed, fatal.err
		case err != nil:
			failed = append(failed, err)
		}
	}
	return failed, nil
}

// wants reports whether an indicator asks for a kind of value.
func (c *Config) wants(k intel.Kind) bool { return c.Intel != nil && c.Intel.Wants(k) }

// sets reports whether a hash set asks for an algorithm.
func (c *Config) sets(algorithm string) bool {
	return slices.ContainsFunc(slices.Concat(c.Good, c.Bad), func(s *hashset.Set) bool { return s.Algorithm() == algorithm })
}

// compile compiles the rules, once for all workers.
func compile(ctx context.Context, cfg *Config, sources []yara.Source) (*yara.Compiled, error) {
	w := cfg.Worker
	w.Limits.Unit = max(w.Limits.Unit, worker.DefaultUnit)
	set, err := yara.Compile(ctx, w, sources, cfg.Cache)
	switch {
	case err != nil:
		return nil, fmt.Errorf("compiling the rules: %w", err)
	case cfg.Strict && len(set.Problems) > 0:
		return set, fmt.Errorf("compiling the rules: %w: %d", ErrStrict, len(set.Problems))
	case set.Rules == 0:
		return set, fmt.Errorf("compiling the rules: %w", ErrNoRules)
	}
	return set, nil
}

// fatalError ends the run, not only the image.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

func (s *scanner) warn(format string, args ...any) {
	if s.cfg.Warn != nil {
		s.cfg.Warn(fmt.Sprintf(format, args...))
	}
}
