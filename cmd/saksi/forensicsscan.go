package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/mask"
	"saksi/forensics/disk"
	"saksi/forensics/scan"
	"saksi/internal/feature"
	"saksi/internal/fuzzy"
	"saksi/internal/infile"
	"saksi/internal/search"
	"saksi/rules"
)

type scanOptions struct {
	ruleFlags
	entries bool
	live    bool
	md5     bool
	volume  volumeFlags
	workers int
	failOn  string
	only    []string
	words   []string
	regexps []string
	finds   []string
	good    []string
	skip    bool
	fuzzy   []string
	score   int
	bad     []string
	flags   bool
	resume  resumeFlags
	enter   enterFlags
	keep    keepFlags
	jail    quarantineFlags
}

func forensicsScan(a *app, flags *forensicsFlags) *cobra.Command {
	o := &scanOptions{}
	c := &cobra.Command{
		Use:   "scan IMAGE...",
		Short: "Search images with YARA rules, indicators, keywords and for features",
		Long: "Run YARA rules over the content of every live and deleted file and stream of images, and look for indicators in their digests and names:\n" +
			"STIX 2.1 bundles and MISP events (.json), .csv, plain lists (.txt). A finding names the rule, the file, where the strings matched in the file and in the image, and the command that shows it. The output is the same for any number of workers.\n" +
			"Besides, keywords (--keywords: one a line, in any case), regular expressions (--regex: one a line, RE2, linear in time) and features\n" +
			"(--features: " + strings.Join(feature.Names(), ", ") + ", or all) are looked for, as ASCII and as UTF-16. Numbers with a check digit\n" +
			"are checked; personal data and secrets are masked before they are written.\n" +
			"--only says where: files (the default: live and deleted files and streams), slack (behind the end of live files), unallocated (space of\n" +
			"file systems in no use), raw (gaps between volumes, volumes without a file system, memory images; of LiME with physical addresses), or\n" +
			"all. What lies across the edge of two pieces is found once. What a deleted file told is not told again of unallocated space.\n" +
			"Archives and documents are entered by their content: zip (OOXML, ODF, jar), gzip, bzip2, xz, zstd, 7z, tar, cab, compound files with the\n" +
			"source of macros, packed streams of PDF, mail with its parts, mailboxes. A finding in a member names it as outer.zip!/inner/name. Limits\n" +
			"(--enter-depth, --enter-size, --enter-member, --enter-ratio, --enter-count) stop bombs, which are named (exit code 3); --enter-depth 0 enters none.\n" +
			"With --resume FILE a scan that was ended at any moment is taken up by the same command: volumes are listed anew, content that was read is\n" +
			"not read again, and the output is that of one run, from its beginning.",
		Example: "  saksi forensics scan laptop.E01 --rules rules.yar\n  saksi forensics scan *.E01 --rules rules/ -o ndjson --fail-on high\n  saksi forensics scan laptop.E01 --keywords names.txt --features mykad,card --only all\n  saksi forensics scan memory.lime --features secret --only raw\n  saksi forensics scan E2 --case kes-17 --rules rules.yar",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, flags, args) },
	}
	f := c.Flags()
	o.add(c, "`file` of YARA rules or of indicators (.json, .csv, .txt), or a folder of them")
	o.strictness(c)
	f.StringSliceVar(&o.only, "only", []string{"files"}, "where to look: files, slack, unallocated, raw or all, separated by commas")
	f.StringArrayVar(&o.words, "keywords", nil, "`file` of words to look for; may be given several times")
	f.StringArrayVar(&o.regexps, "regex", nil, "`file` of regular expressions to look for; may be given several times")
	f.StringSliceVar(&o.finds, "features", nil, "`kinds` of features to look for, separated by commas, or all")
	f.StringArrayVar(&o.good, "known-good", nil, "hash `set` of files of which nothing is told; may be given several times")
	f.BoolVar(&o.skip, "skip-known", false, "hash files of --known-good, and neither search nor enter them")
	f.StringArrayVar(&o.bad, "known-bad", nil, "hash `set` of files that are findings; may be given several times")
	f.StringArrayVar(&o.fuzzy, "fuzzy", nil, "`list` of fuzzy hashes as ssdeep writes it; files that are alike are findings; may be given several times")
	f.IntVar(&o.score, "fuzzy-score", 70, "`score` of 1 to 100 from which a file is alike")
	f.BoolVar(&o.flags, "flags", false, "make findings of programs at odd places or under names of documents, names that turn around, times that were set (NTFS), and what is encrypted")
	o.enter.add(c)
	f.BoolVar(&o.entries, "entries", false, "give every file too, with its digest")
	f.BoolVar(&o.live, "live", false, "leave deleted files out")
	f.BoolVar(&o.md5, "md5", false, "take MD5 besides SHA-256")
	o.volume.add(c)
	o.resume.add(c)
	f.IntVar(&o.workers, "workers", 0, "`number` of workers that read content (default: one a processor)")
	f.StringVar(&o.failOn, "fail-on", "", "exit with code 4 when a finding is of this `severity` or above: low, medium, high or critical")
	o.jail.add(c)
	o.keep.add(c)
	return c
}

func (o *scanOptions) run(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string) error {
	if err := checkWorkers(o.workers); err != nil {
		return err
	}
	if o.skip && len(o.good) == 0 {
		return usage("--skip-known: name sets of known files by --known-good")
	}
	if err := o.jail.check(a); err != nil {
		return err
	}
	places, err := readPlaces(o.only)
	if err != nil {
		return err
	}
	what, err := o.search()
	if err != nil {
		return err
	}
	if len(o.rules) == 0 && what.Empty() && len(o.bad) == 0 && len(o.fuzzy) == 0 && !o.flags {
		return usage("there is nothing to search for; give --rules FILE_OR_FOLDER, --keywords, --regex, --features, --known-bad, --fuzzy or --flags")
	}
	limit := rules.Severity(0)
	if o.failOn != "" {
		var ok bool
		if limit, ok = rules.SeverityByName(o.failOn); !ok {
			return usage("--fail-on %s: expected low, medium, high or critical", o.failOn)
		}
	}
	yara, indicators, err := scanPaths(o.rules)
	if err != nil {
		return err
	}
	limits, err := o.enter.limits()
	if err != nil {
		return err
	}
	set, err := o.indicators(a, indicators)
	if err != nil {
		return err
	}
	good, err := openSets(o.good)
	defer closeSets(good)
	if err != nil {
		return err
	}
	bad, err := openSets(o.bad)
	defer closeSets(bad)
	if err != nil {
		return err
	}
	var alike *fuzzy.Set
	if len(o.fuzzy) > 0 {
		if o.score < 1 || o.score > 100 {
			return usage("--fuzzy-score %d: expected 1 to 100", o.score)
		}
		if alike, err = fuzzy.Load(o.fuzzy); err != nil {
			return fail(exitUsage, err)
		}
	}
	fields := matchFields
	if what.Features != 0 {
		fields = append(slices.Clone(fields), event.SaksiFeatureKind, event.SaksiFeatureValue)
	}
	if places != 1<<disk.Content {
		fields = append(slices.Clone(fields), event.SaksiFilePlace)
	}
	if err := o.resume.open(a); err != nil {
		return err
	}
	ev, err := a.events(fields...)
	if err != nil {
		return err
	}
	reached := 0
	var sink findings.Sink = findings.SinkFunc(func(e *event.Event) error {
		kind, _ := e.GetStr(event.EventKind)
		if kind == "alert" {
			if n, _ := e.GetInt(event.EventSeverity); limit > 0 && n >= int64(limit) {
				reached++
			}
		} else if set, _ := e.GetStr(event.EventDataset); set != "saksi.feature" && (a.format == "table" || !o.entries) {
			return nil
		}
		return ev.Emit(e)
	})
	kept, err := o.keep.keep(cmd, a, "list, hash and scan its files", args, sink)
	if err != nil {
		return err
	}
	if kept != nil {
		sink, args = kept.sink, kept.paths
	} else {
		sink = mask.Sink(nil, sink)
	}
	if err := o.jail.may(kept); err != nil {
		return errors.Join(err, kept.release())
	}
	sink = o.jail.sink(sink)
	var stored error
	finish := func() error {
		stored = errors.Join(o.jail.store(cmd.Context(), a, flags, kept, args), kept.close(cmd.Context()), ev.close())
		return stored
	}
	cfg := scan.Config{
		Images: args, Rules: yara, Intel: set, Good: good, Bad: bad, SkipGood: o.skip, Fuzzy: alike, FuzzyScore: o.score, Search: what, Areas: places, Enter: limits, Members: o.entries, Flags: o.flags, Hash: scan.SHA256, Entries: o.entries || kept != nil, Live: o.live, Volume: o.volume.want(), Workers: o.workers,
		Worker: flags.worker(a), Sink: sink, Warn: a.warn, Strict: o.strict, Cache: a.yaraCache(), Exhibits: kept.byPath(),
	}
	cfg.Resume = o.resume.part("scan")
	if o.md5 {
		cfg.Hash = scan.SHA256AndMD5
	}
	sum, err := a.runScan(cmd, cfg, finish)
	if stored != nil && err == nil { // what was found is not all where it was to go
		err = stored
	}
	// The journal stays until what it speaks of is stored, quarantine and case included.
	err = o.resume.close(cmd.Context(), a, err)
	if sum.Taken > 0 {
		fmt.Fprintf(a.stderr, "saksi: %s of content were read before the scan was ended, and not again\n", size(sum.Taken, "B"))
	}
	a.ruleProblems(sum.RuleProblems)
	a.indicatorsLeft(set)
	for i := range sum.Images {
		s := &sum.Images[i]
		fmt.Fprintf(a.stderr, "saksi: %s: %d findings; %d entries (%d deleted, %d streams), content of %d read (%s), %d only in part\n",
			s.Path, s.Matches, s.Entries, s.Deleted, s.Streams, s.Read, size(s.Bytes, "B"), s.Partial)
		a.placesTold(s, &what, places)
	}
	if err == nil && reached > 0 {
		return fail(exitFailOn, fmt.Errorf("%d findings of severity %s or above", reached, limit))
	}
	return err
}

// placesTold says what was found and where besides files.
func (a *app) placesTold(s *scan.ImageSummary, what *search.Config, places disk.Areas) {
	var parts []string
	if what.Features != 0 {
		parts = append(parts, fmt.Sprintf("%d features", s.Features))
	}
	for _, p := range []disk.Area{disk.Slack, disk.Unallocated, disk.Raw} {
		if places.Has(p) {
			parts = append(parts, fmt.Sprintf("%s of %s looked at", size(s.Space[p], "B"), p))
		}
	}
	if s.Archives > 0 || s.Barred > 0 || s.Unread > 0 {
		parts = append(parts, fmt.Sprintf("%d archives and documents entered: %d members, %s unpacked, %d encrypted, %d not looked at whole", s.Archives, s.Members, size(s.Unpacked, "B"), s.Barred, s.Unread))
	}
	if s.Good > 0 {
		text := fmt.Sprintf("%d known-good files, of which nothing is told", s.Good)
		if s.Skipped > 0 {
			text += fmt.Sprintf(" (%d hashed and not searched)", s.Skipped)
		}
		parts = append(parts, text)
	}
	if s.Signs > 0 {
		parts = append(parts, fmt.Sprintf("%d files with one sign of set times, as installers leave it, not told", s.Signs))
	}
	if s.Again > 0 {
		parts = append(parts, fmt.Sprintf("%d not told again of unallocated space", s.Again))
	}
	if s.Untold > 0 {
		parts = append(parts, fmt.Sprintf("%d hits were counted only: at most 2048 of what was named and 2048 features of one content are told", s.Untold))
	}
	if len(parts) > 0 {
		fmt.Fprintf(a.stderr, "saksi: %s: %s\n", s.Path, strings.Join(parts, "; "))
	}
}

func readPlaces(names []string) (set disk.Areas, err error) {
	for _, n := range names {
		if n == "all" {
			return disk.AllAreas, nil
		}
		p, ok := disk.AreaByName(n)
		if !ok {
			return 0, usage("--only %s: expected files, slack, unallocated, raw or all", n)
		}
		set |= 1 << p
	}
	return set, nil
}

// search reads what to look for besides rules.
func (o *scanOptions) search() (cfg search.Config, err error) {
	if cfg.Keywords, err = readList(o.words); err != nil {
		return cfg, err
	}
	if cfg.Regexps, err = readList(o.regexps); err != nil {
		return cfg, err
	}
	for _, n := range o.finds {
		if n == "all" {
			cfg.Features = feature.All
			continue
		}
		k, ok := feature.ByName(n)
		if !ok {
			return cfg, usage("--features %s: expected some of %s, or all", n, strings.Join(feature.Names(), ", "))
		}
		cfg.Features |= 1 << k
	}
	return cfg, nil
}

// maxList bounds files of words, or of expressions, in bytes together: they cross to
// the worker in one frame.
const maxList = 3 << 19

// readList reads lines; empty ones and those that begin with '#' are left out,
// what is there twice counts once.
func readList(paths []string) (list []string, err error) {
	seen, size := map[string]bool{}, 0
	for _, p := range paths {
		text, err := infile.Read(p, maxList)
		if size += len(text); err == nil && size > maxList {
			err = fmt.Errorf("%s: there are more than %d bytes of lists; give fewer", p, maxList)
		}
		if err != nil {
			return nil, fail(exitUsage, fmt.Errorf("reading what to search for: %w", err))
		}
		for _, l := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
			if l = strings.TrimSuffix(l, "\r"); strings.TrimSpace(l) != "" && l[0] != '#' && !seen[l] {
				seen[l] = true
				list = append(list, l)
			}
		}
	}
	return list, nil
}
