package main

import (
	"errors"
	"fmt"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings"
	"saksi/forensics/filesystem"
	"saksi/forensics/scan"
	"saksi/forensics/volume"
	"saksi/internal/journal"
)

// entryFields are the columns of entries as csv.
var entryFields = []event.Field{
	event.SaksiFileVolume, event.FilePath, event.SaksiFileStream, event.FileInode, event.FileType, event.FileSize, event.FileMode,
	event.FileUID, event.FileGID, event.SaksiFileDeleted, event.FileMtime, event.FileAccessed, event.FileCtime, event.FileCreated,
	event.FileHashSHA256, event.SaksiFileIncomplete,
}

// matchFields are the columns of findings as csv and as a table.
var matchFields = []event.Field{
	event.EventSeverity, event.RuleName, event.ThreatTechniqueID, event.FilePath, event.SaksiFileStream, event.SaksiFileDeleted,
	event.SaksiFileVolume, event.FileInode, event.SaksiEvidenceOffset, event.FileHashSHA256,
}

type lsOptions struct {
	x       exhibitFlags
	recurse bool
	live    bool
	hash    string
	volume  volumeFlags
	changed bool
	workers int
}

func forensicsLs(a *app, flags *forensicsFlags) *cobra.Command {
	o := &lsOptions{}
	c := &cobra.Command{
		Use:   "ls IMAGE [FOLDER]",
		Short: "List the files in an image, live and deleted",
		Long: "List the entries of each file system of an image: live and deleted names, alternate streams, files without a name\n" +
			"(/$OrphanFiles). In the table a '*' marks what is deleted, 'j' what an old copy of its inode in the journal of ext3 or\n" +
			"ext4 gives back, '~' content of which others have blocks or whose block list has gaps, '!' content whose blocks are all\n" +
			"others' by now, '?' content of which nobody can tell. Times are UTC; those of FAT have no zone and are shown as they are.",
		Example: "  saksi forensics ls laptop.E01\n  saksi forensics ls laptop.E01 -r --hash sha256 -o ndjson",
		Args:    cobra.RangeArgs(1, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, flags, args) },
	}
	f := c.Flags()
	o.x.add(c)
	f.BoolVarP(&o.recurse, "recursive", "r", false, "enter folders")
	f.BoolVar(&o.live, "live", false, "leave deleted files out")
	f.StringVar(&o.hash, "hash", "none", "digests of the content: none, sha256 or md5 (both)")
	o.volume.add(c)
	f.BoolVar(&o.changed, "changed", false, "of volume shadow copies only what the volume no longer holds as it was")
	f.IntVar(&o.workers, "workers", 0, "`number` of workers that read content (default: one a processor)")
	return c
}

var hashNames = map[string]scan.Hash{"none": scan.NoHash, "sha256": scan.SHA256, "md5": scan.SHA256AndMD5}

func (o *lsOptions) run(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string) error {
	hash, ok := hashNames[o.hash]
	if !ok {
		return usage("--hash %s: expected none, sha256 or md5", o.hash)
	}
	if err := checkWorkers(o.workers); err != nil {
		return err
	}
	folder := "/"
	if len(args) == 2 {
		folder = path.Clean("/" + args[1])
	}
	image, err := o.x.open(cmd, a, args[0], casefile.ActInspect, "list its files")
	if err != nil {
		return err
	}
	sink, finish, err := a.entries()
	if err != nil {
		return err
	}
	in := &below{folder: folder, all: o.recurse}
	inside := sink
	switch t := sink.(type) {
	case *entryTable:
		if !in.everything() {
			t.in = func(e *filesystem.Entry) bool { return in.has(e.Path) }
		}
	default:
		if !in.everything() {
			inside = findings.SinkFunc(func(e *event.Event) error {
				if p, _ := e.GetStr(event.FilePath); in.has(p) {
					return sink.Emit(e)
				}
				return nil
			})
		}
	}
	which := o.volume.want()
	if o.changed && which == volume.Present {
		which = volume.AllOfThem
	}
	if t, ok := sink.(*entryTable); ok {
		t.volumes = which == volume.AllOfThem
	}
	cfg := scan.Config{
		Images: []string{image}, Hash: hash, Entries: true, Live: o.live, Changed: o.changed, Volume: which, Workers: o.workers,
		Worker: flags.worker(a), Sink: inside, Warn: a.warn,
	}
	_, err = a.runScan(cmd, cfg, finish)
	if err == nil && !in.seen && folder != "/" {
		return failHint(exitFailed, fmt.Errorf("listing %s: there is no folder %s", args[0], folder), "'saksi forensics ls -r %s' lists what is there", args[0])
	}
	return err
}

// warn says one line on standard error.
func (a *app) warn(line string) { fmt.Fprintf(a.stderr, "saksi: %s\n", oneLine(line)) }

// listingGC lets the heap grow to five times what is in use before it is
// collected: entries are many, live briefly, and come to few megabytes.
const listingGC = 400

// runScan runs a scan, closes the output and decides the exit code.
func (a *app) runScan(cmd *cobra.Command, cfg scan.Config, finish func() error) (scan.Summary, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(listingGC))
	bar := a.progress("reading", "B")
	cfg.Progress = func(p scan.Progress) { bar.update(p.Bytes, 0) }
	sum, err := scan.Run(cmd.Context(), cfg)
	bar.finish()
	if ferr := finish(); ferr != nil && err == nil {
		err = ferr
	} else if ferr != nil {
		a.warn(ferr.Error())
	}
	switch {
	case errors.Is(err, scan.ErrStrict):
		a.ruleProblems(sum.RuleProblems)
		return sum, failHint(exitFailed, fmt.Errorf("--strict: %w", err), "'saksi rules check' lists them")
	case errors.Is(err, scan.ErrNoRules), errors.Is(err, scan.ErrRules), errors.Is(err, scan.ErrSearch), errors.Is(err, journal.ErrResume):
		return sum, fail(exitUsage, err)
	case err != nil && len(sum.Images) > 1:
		return sum, fail(exitIncomplete, err)
	case errors.Is(err, scan.ErrNoFileSystem) && cmd.Name() == "scan":
		return sum, failHint(exitFailed, err, "--only raw looks at the image as it is")
	case err != nil:
		return sum, imageError(err)
	case sum.Incomplete():
		return sum, fail(exitIncomplete, fmt.Errorf("not all of the input could be read: %s", incompleteWords(&sum)))
	}
	return sum, nil
}

func incompleteWords(sum *scan.Summary) string {
	var parts []string
	for i := range sum.Images {
		s := &sum.Images[i]
		if s.Incomplete() {
			parts = append(parts, fmt.Sprintf("%s: %d problems, %d workers died, %d hung", s.Path, s.Problems, s.Crashes, s.Timeouts))
		}
	}
	return strings.Join(parts, "; ")
}

// entries prints entries in the form of --output; the table is like ls -l.
func (a *app) entries() (findings.Sink, func() error, error) {
	if a.format != "table" {
		ev, err := a.events(entryFields...)
		if err != nil {
			return nil, nil, err
		}
		if a.format == "ndjson" {
			return lineEvents{ev}, ev.close, nil
		}
		return ev, ev.close, nil
	}
	t, err := a.entryTable()
	if err != nil {
		return nil, nil, err
	}
	return t, t.close, nil
}

// lineEvents takes whole lines of ndjson besides events; see scan.LineSink.
type lineEvents struct{ *events }

// EmitLines writes lines that are encoded already.
func (o lineEvents) EmitLines(lines []byte) error {
	_, err := o.w.Write(lines)
	return err
}

// recoveryMarks are what the table adds to the mark of a deleted entry.
var recoveryMarks = map[string]string{
	filesystem.HowJournal: "j", filesystem.BlocksPartly: "~", filesystem.BlocksIncomplete: "~", filesystem.BlocksUnknown: "?", filesystem.BlocksReallocated: "!",
}

// timeText is a time as a table shows it: UTC, whole seconds.
func timeText(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05") }
