package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/forensics/disk"
	"saksi/forensics/scan"
	"saksi/forensics/timeline"
)

type timelineOptions struct {
	hash, from, until, zone string
	skew                    time.Duration
	macb                    string
	live                    bool
	workers                 int
	volume                  volumeFlags
	year                    int
	artifacts               []string
	inside                  bool     // artifacts within the images
	captures                []string // network events go in
	kinds                   []string
	histogram               bool
	index                   indexFlags
	key                     string
	resume                  resumeFlags
}

func forensicsTimeline(a *app, flags *forensicsFlags) *cobra.Command {
	o := &timelineOptions{}
	c := &cobra.Command{
		Use:   "timeline [IMAGE...]",
		Short: "Put the times of files, artifacts and network events into one order",
		Long: `Each entry of an image, live or deleted, gives a line for each moment it has: modified, accessed, changed, born (MACB), those of one
time in one line. Records of artifacts, those within the images (--artifacts) and in files of their own (--artifact), what captures hold
(--captures), and the events of a case or an index (--case, --index), give a line each, in the same order. bodyfile is the form of The Sleuth Kit, which mactime sorts: a line an entry, in the order of the disk. timesketch is JSONL.

Times are UTC. FAT keeps the time of the wall: it is taken as UTC unless --fat-zone names the zone; every line says what was assumed.
--skew takes off how far the exhibit's clock was ahead, of its files and of the artifacts within it.

With --resume FILE a run that was ended at any moment is taken up by the same command, and its output is that of one run: content that
was hashed and artifacts within images that were read are not read again; volumes, captures and files of artifacts are.`,
		Example:     "  saksi forensics timeline laptop.E01 --from 2026-11-01 --until 2026-11-08\n  saksi forensics timeline laptop.E01 -o bodyfile | mactime -d\n  saksi forensics timeline laptop.E01 --artifact Security.evtx --case kes-17 -o timesketch --to kes-17.jsonl\n  saksi forensics timeline laptop.E01 --artifacts --captures office.pcap --from 2026-11-24 --kind chrome,http,entry\n  saksi forensics timeline laptop.E01 --artifacts --histogram",
		Annotations: map[string]string{moreForms: "bodyfile timesketch"},
		RunE:        func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, flags, args) },
	}
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "leave out what is before this `time`, such as 2026-11-01 or 2026-11-01T08:00:00Z")
	f.StringVar(&o.until, "until", "", "leave out what is at this `time` or after")
	f.StringVar(&o.macb, "macb", "", "only files' moments with one of these `letters`: m, a, c, b")
	f.StringVar(&o.hash, "hash", "none", "digests of the content: none, sha256 or md5 (both)")
	f.BoolVar(&o.live, "live", false, "leave deleted files out")
	f.StringVar(&o.zone, "fat-zone", "", "`zone` in which times without one were set, such as Asia/Kuala_Lumpur")
	f.DurationVar(&o.skew, "skew", 0, "how far the exhibit's clock was ahead, such as 3m20s; negative when it was behind")
	o.volume.add(c)
	f.IntVar(&o.workers, "workers", 0, "`number` of workers that read content (default: one a processor)")
	f.StringArrayVar(&o.artifacts, "artifact", nil, "`file` of an artifact, such as an event log, whose records go in; may be given several times")
	f.BoolVar(&o.inside, "artifacts", false, "records of all artifacts within the images go in")
	f.StringArrayVar(&o.captures, "captures", nil, "capture `file` whose flows, transactions and files go in; may be given several times")
	f.StringSliceVar(&o.kinds, "kind", nil, "only lines of these `kinds`, as they stand in the lines: entry, evtx, chrome, http, alert ...")
	f.BoolVar(&o.histogram, "histogram", false, "count the lines by hour, day, month or year instead")
	f.IntVar(&o.year, "year", 0, "`year` of the first record of logs whose times have none")
	f.StringVar(&o.index.caseID, "case", "", "`folder` of a case whose events go in; the images are its exhibits (E1, or their paths), and their examination is recorded")
	f.StringVar(&o.key, "key", "", "signing key `file` of the case (default: this station's own)")
	f.StringVar(&o.index.index, "index", "", "`folder` of an index, or the URL of an Elasticsearch node, whose events go in")
	f.StringVar(&o.index.ca, "index-ca", "", caHelp)
	o.resume.add(c)
	f.StringVar(&o.index.agency, "agency", "default", "`name` of the agency, for indexes that several share")
	return c
}

// span is a range of time in Unix nanoseconds.
type span struct{ from, until int64 }

func (o *timelineOptions) span() (s span, err error) {
	s = span{-1 << 63, 1<<63 - 1}
	for _, t := range []struct {
		name, text string
		to         *int64
	}{{"from", o.from, &s.from}, {"until", o.until, &s.until}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			at, err = time.Parse(time.DateOnly, t.text)
		}
		if err != nil {
			return s, usage("--%s %q: expected a time such as 2026-11-01 or 2026-11-01T08:00:00Z", t.name, t.text)
		}
		*t.to = at.UnixNano()
	}
	return s, nil
}

// liner turns events into lines of the output.
type liner struct {
	o      *timelineOptions
	zones  timeline.Zones
	span   span
	body   *bufio.Writer // for bodyfile, which is not sorted
	prefix bool          // paths say their volume: there are several
	sorter *timeline.Sorter
	counts *timeline.Histogram // instead of sorter; nil for none
	n      int64               // lines
	lines  []timeline.Line
	buf    []byte
}

// Emit implements findings.Sink.
func (l *liner) Emit(e *event.Event) error {
	if l.body != nil {
		prefix := ""
		if l.prefix {
			n, _ := e.GetInt(event.SaksiFileVolume)
			prefix = fmt.Sprintf("/volume%d", n)
		}
		l.buf = l.zones.AppendBodyfile(l.buf[:0], e, prefix)
		_, err := l.body.Write(l.buf)
		return err
	}
	l.lines = l.zones.Lines(l.lines[:0], e)
	for i := range l.lines {
		line := &l.lines[i]
		if line.Time < l.span.from || line.Time >= l.span.until {
			continue
		}
		if l.o.macb != "" && line.MACB != "" && !containsAny(line.MACB, l.o.macb) {
			continue
		}
		if len(l.o.kinds) > 0 && !slices.Contains(l.o.kinds, line.Kind) {
			continue
		}
		if l.n++; l.counts != nil {
			l.counts.Add(line)
			continue
		}
		b, err := json.Marshal(line)
		if err != nil {
			return err
		}
		if err := l.sorter.Add(line.Time, b); err != nil {
			return err
		}
	}
	return nil
}

func containsAny(s, letters string) bool {
	for i := range letters {
		if slices.Contains([]byte(s), letters[i]) {
			return true
		}
	}
	return false
}

func (o *timelineOptions) run(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string) (err error) {
	hash, ok := hashNames[o.hash]
	switch {
	case !ok:
		return usage("--hash %s: expected none, sha256 or md5", o.hash)
	case len(args)+len(o.artifacts)+len(o.captures) == 0 && o.index.caseID == "" && o.index.index == "":
		return usage("name an image, or --artifact, --captures, --case or --index")
	case o.inside && len(args) == 0:
		return usage("--artifacts are those within images; name an image, or a file by --artifact")
	case o.histogram && (a.format == "bodyfile" || a.format == "timesketch"):
		return usage("--histogram is a table: -o %s is not for it", a.format)
	case a.format == "bodyfile" && (len(args) == 0 || len(o.artifacts)+len(o.captures)+len(o.kinds) > 0 || o.inside || o.index.index != ""):
		return usage("-o bodyfile is for the entries of images only")
	}
	for _, c := range o.macb {
		if c != 'm' && c != 'a' && c != 'c' && c != 'b' {
			return usage("--macb %q: expected letters of m, a, c, b", o.macb)
		}
	}
	if err := checkWorkers(o.workers); err != nil {
		return err
	}
	l := &liner{o: o, zones: timeline.Zones{Skew: o.skew}}
	if l.span, err = o.span(); err != nil {
		return err
	}
	if o.zone != "" {
		if l.zones.Local, err = time.LoadLocation(o.zone); err != nil {
			return usage("--fat-zone %q: no such zone", o.zone)
		}
	}
	if err := o.resume.open(a); err != nil {
		return err
	}
	defer func() { err = o.resume.close(cmd.Context(), a, err) }()
	if a.format == "bodyfile" {
		return o.images(cmd, a, flags, args, hash, l)
	}
	l.sorter = timeline.NewSorter("")
	defer func() { err = errors.Join(err, l.sorter.Close()) }()
	if o.histogram {
		l.counts = timeline.NewHistogram()
	}
	failed := o.gather(cmd, a, flags, args, hash, l)
	if failed != nil && l.n == 0 {
		return failed
	}
	if o.histogram {
		return errors.Join(failed, a.printHistogram(l.counts))
	}
	return errors.Join(failed, a.printTimeline(l.sorter))
}

// images lists the images into l. An image that could be read in part only is
// an error with exit code 3, and what was read is there.
func (o *timelineOptions) images(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string, hash scan.Hash, l *liner) error {
	finish := func() error { return nil }
	if a.format == "bodyfile" {
		w, done, err := a.open()
		if err != nil {
			return err
		}
		l.body, finish = w, done
	}
	var failed error
	x := exhibitFlags{caseID: o.index.caseID, key: o.key}
	for _, arg := range args {
		path, err := x.open(cmd, a, arg, casefile.ActExamine, "put its times into a timeline")
		if err != nil {
			return errors.Join(err, finish())
		}
		if err := o.zonesOf(cmd.Context(), a, flags, path, l); err != nil {
			return errors.Join(err, finish())
		}
		cfg := scan.Config{
			Images: []string{path}, Hash: hash, Entries: true, Live: o.live, Volume: o.volume.want(), Workers: o.workers, Worker: flags.worker(a), Sink: l, Warn: a.warn,
			Resume: o.resume.partOf("entries", path),
		}
		sum, err := a.runScan(cmd, cfg, func() error { return nil })
		if sum.Taken > 0 {
			fmt.Fprintf(a.stderr, "saksi: %s of content were read before the run was ended, and not again\n", size(sum.Taken, "B"))
		}
		if err != nil {
			if failed = err; codeOf(err) != exitIncomplete {
				break
			}
		}
		if o.inside {
			if err := o.within(cmd.Context(), a, flags, path, l); err != nil {
				if failed = err; codeOf(err) != exitIncomplete {
					break
				}
			}
		}
	}
	if err := finish(); err != nil {
		return err
	}
	return failed
}

// zonesOf finds out which volumes of an image keep times without a zone.
func (o *timelineOptions) zonesOf(ctx context.Context, a *app, flags *forensicsFlags, path string, l *liner) error {
	im, err := disk.Open(ctx, path, flags.worker(a))
	if err != nil {
		return imageError(err)
	}
	defer im.Source.Close()
	defer im.Close()
	local, n := map[int64]bool{}, 0
	for _, v := range im.Info.Table.Volumes {
		if v.FileSystem.Type != "" && (v.Copy == 0 || v.Chosen(o.volume.want())) {
			n++
		}
		local[int64(v.Number)] = slices.Contains([]string{"fat12", "fat16", "fat32"}, v.FileSystem.Type)
	}
	l.prefix = n > 1
	l.zones.HasZone = func(volume int64) bool { return !local[volume] }
	return nil
}

// printTimeline writes the sorted lines in the form of --output.
func (a *app) printTimeline(s *timeline.Sorter) error {
	if a.format == "timesketch" {
		w, done, err := a.open()
		if err != nil {
			return err
		}
		var buf []byte
		err = s.Each(func(_ int64, b []byte) error {
			var l timeline.Line
			if err := json.Unmarshal(b, &l); err != nil {
				return err
			}
			if buf, err = l.AppendTimesketch(buf[:0]); err != nil {
				return err
			}
			_, err := w.Write(buf)
			return err
		})
		return errors.Join(err, done())
	}
	r, err := a.rows("time", "macb", "kind", "bytes", "inode", "deleted", "message", "source", "zone", "what", "user", "host", "id")
	if a.format == "table" {
		r, err = a.rows("time", "macb", "kind", "bytes", "inode", "message")
	}
	if err != nil {
		return err
	}
	err = s.Each(func(_ int64, b []byte) error {
		var l timeline.Line
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		var bytes any
		if l.HasSize {
			bytes = l.Size
		}
		if a.format == "table" {
			return r.add(time.Unix(0, l.Time).UTC().Format("2006-01-02 15:04:05.000"), l.MACB, l.Kind, bytes, l.Inode, l.Message)
		}
		return r.add(time.Unix(0, l.Time).UTC().Format(time.RFC3339Nano), l.MACB, l.Kind, bytes, l.Inode, l.Deleted, l.Message, l.Source, l.Zone, l.What, l.User, l.Host, l.ID)
	})
	return errors.Join(err, r.close())
}
