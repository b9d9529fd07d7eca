package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/forensics/acquire"
)

type acquireFlags struct {
	acquire.Options
	form      string
	segment   string
	fill      string
	noVerify  bool
	authority string
	caseDir   string
	key       string
	why       string
	override  string // why a failed self-test does not stop it
	selftest  string // what was overridden
}

func forensicsAcquire(a *app) *cobra.Command {
	o := &acquireFlags{}
	c := &cobra.Command{
		Use:   "acquire SOURCE --to FILE",
		Short: "Make an image of a disk, a file or standard input",
		Long: "Reads a block device, a file or standard input (-) once and writes it as a raw image, as raw pieces (.001 ...) or as E01\n" +
			"(.E01 ...), with MD5, SHA-1 and SHA-256 of what was read. The form is that of the name after --to, or --format. The source is\n" +
			"only read, and the record says how that is known. Sectors that can't be read are tried again, filled and listed (exit code 3).\n" +
			"What is stopped (Ctrl-C, a device that goes away, a full disk) leaves a valid image of what was read, and goes on with --resume.\n" +
			"A statement over the files is signed: beside the image, or with --case in the case, whose exhibit the image becomes.",
		Example: "  saksi forensics acquire /dev/sdb --to kes-17/data/exhibits/laptop.E01 --case kes-17 --exhibit B-01 --examiner 'Aminah Ali'\n" +
			"  saksi forensics acquire /dev/sdb --to laptop.raw --resume\n" +
			"  ssh host cat /dev/nvme0n1 | saksi forensics acquire - --to server.001 --segment-size 4GB",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.form, "format", "", "raw, split or e01 (default: by the name, .E01 and .001 or else raw)")
	f.StringVar(&o.Compression, "compression", "fast", "of an E01: none, fast or best")
	f.StringVar(&o.segment, "segment-size", "", "`size` of a file of an E01 (default 1500MiB) or of a piece (default 4GiB)")
	f.StringSliceVar(&o.Hashes, "hash", nil, "digests besides SHA-256: md5, sha1 (default: both for an E01)")
	f.IntVar(&o.Retries, "retries", 1, "how often a sector that fails is tried `again`")
	f.StringVar(&o.fill, "fill", "", "`hex` pattern in place of what can't be read (default: zeros)")
	f.BoolVar(&o.Resume, "resume", false, "go on with what was stopped")
	f.BoolVar(&o.noVerify, "no-verify", false, "do not read the image again and compare")
	f.StringVar(&o.Labels.Case, "case-number", "", "`number` of the case (default: the id of --case)")
	f.StringVar(&o.Labels.Exhibit, "exhibit", "", "`mark` of the exhibit")
	f.StringVar(&o.Labels.Examiner, "examiner", "", "`name` of the examiner (default: yours)")
	f.StringVar(&o.Labels.Description, "description", "", "what the source is, in `words`")
	f.StringVar(&o.Labels.Notes, "notes", "", "`notes`")
	f.StringVar(&o.Labels.Serial, "serial", "", "serial `number` on the label, where the device does not tell it")
	f.StringVar(&o.Labels.Model, "model", "", "`model` on the label, where the device does not tell it")
	f.StringVar(&o.authority, "authority", "", "YAML `file` of the warrant, consent or instruction on which this is done; what it does not cover is refused")
	f.StringVar(&o.caseDir, "case", "", "case `folder`: the image becomes its exhibit")
	f.StringVar(&o.override, "override-selftest", "", "acquire although this station's last self-test gave a wrong answer: `why`, for the statement and the custody log")
	f.StringVar(&o.why, "why", "", "why, for the custody log")
	f.StringVar(&o.key, "key", "", "signing key `file` (default: this station's own)")
	return c
}

// options makes the options of the run out of the flags.
func (o *acquireFlags) options(cmd *cobra.Command, a *app) error {
	o.To, o.Tool, o.Verify = a.to, toolName(), !o.noVerify
	a.to = "" // what is printed goes to standard output
	if o.To == "" {
		return failHint(exitUsage, errors.New("no image file is named"), "give --to FILE, such as --to laptop.E01")
	}
	o.Form = o.form
	if o.form == "" {
		switch ext := filepath.Ext(o.To); {
		case strings.EqualFold(ext, ".e01"):
			o.Form = acquire.E01
		case ext == ".001":
			o.Form = acquire.Split
		default:
			o.Form = acquire.Raw
		}
	}
	size := map[string]string{acquire.E01: "1500MiB", acquire.Split: "4GiB"}[o.Form]
	if o.segment != "" {
		if o.Form == acquire.Raw {
			return usage("--segment-size is for --format e01 and split; a raw image is one file")
		}
		size = o.segment
	}
	var err error
	if size != "" {
		if o.SegmentSize, err = parseSize(size); err != nil {
			return usage("--segment-size: %w", err)
		}
	}
	if o.Form == acquire.E01 && !cmd.Flags().Changed("hash") {
		o.Hashes = acquire.Hashes
	}
	if o.Fill, err = hex.DecodeString(o.fill); err != nil || len(o.Fill) > 4096 {
		return usage("--fill is %q; expected up to 4096 bytes in hex, such as 4241442053454354", o.fill)
	}
	if o.Retries < 0 || o.Retries > 1000 {
		return usage("--retries is %d; expected 0 to 1000", o.Retries)
	}
	if o.Labels.Examiner == "" {
		o.Labels.Examiner = who()
	}
	if o.Resume {
		err := o.asBegun(cmd)
		if errors.Is(err, acquire.ErrNone) {
			a.warn("nothing of the name " + o.To + " was begun: the acquisition begins with the first byte")
			o.Resume, err = false, nil
		}
		if err != nil {
			return err
		}
	}
	if o.authority != "" {
		if o.Authority, err = evidence.ReadAuthority(o.authority); err != nil {
			return fail(exitUsage, err)
		}
	}
	return nil
}

// asBegun refuses flags that say another thing than the acquisition that is
// gone on with was begun with.
func (o *acquireFlags) asBegun(cmd *cobra.Command) error {
	was, err := acquire.Begun(o.To)
	if err != nil {
		return o.fail(nil, nil, err)
	}
	for _, f := range []struct{ flag, now, was string }{
		{"format", o.Form, was.Form},
		{"compression", o.Compression, was.Compression},
		{"segment-size", fmt.Sprint(o.SegmentSize), fmt.Sprint(was.SegmentSize)},
		{"fill", hex.EncodeToString(o.Fill), hex.EncodeToString(was.Fill)},
		{"case-number", o.Labels.Case, was.Labels.Case},
		{"exhibit", o.Labels.Exhibit, was.Labels.Exhibit},
		{"examiner", o.Labels.Examiner, was.Labels.Examiner},
		{"description", o.Labels.Description, was.Labels.Description},
		{"notes", o.Labels.Notes, was.Labels.Notes},
		{"serial", o.Labels.Serial, was.Labels.Serial},
		{"model", o.Labels.Model, was.Labels.Model},
	} {
		if cmd.Flags().Changed(f.flag) && f.now != f.was {
			return usage("--%s is %q; the acquisition was begun with %q, and goes on so", f.flag, f.now, f.was)
		}
	}
	if cmd.Flags().Changed("hash") && slices.ContainsFunc(o.Hashes, func(h string) bool { return !slices.Contains(was.Hashes, h) }) {
		return usage("--hash is %s; the acquisition was begun with %s, and goes on so", strings.Join(o.Hashes, ","), strings.Join(was.Hashes, ","))
	}
	return nil
}

func (o *acquireFlags) run(cmd *cobra.Command, a *app, source string) (err error) {
	ctx := cmd.Context()
	if err := o.options(cmd, a); err != nil {
		return err
	}
	if o.selftest, err = selftestStops(o.override); err != nil {
		return err
	}
	signer, err := a.signer(o.key)
	if err != nil {
		return err
	}
	a.recordAround(cmd, o.key, casefile.ActInspect, "make an image of it", source)
	var c *casefile.Case
	if o.caseDir != "" {
		if c, err = a.openCase(cmd, o.caseDir, o.key); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		if where := c.Where(o.To); !filepath.IsAbs(where) && !strings.HasPrefix(where, casefile.ExhibitsDir+"/") {
			return usage("--to %s is in the case, but not in %s, where its exhibits are", o.To, filepath.Join(o.caseDir, casefile.ExhibitsDir))
		}
		if o.Labels.Case == "" {
			o.Labels.Case = c.Info.ID
		}
	}
	s, err := acquire.Open(source, a.stdin)
	if err != nil {
		return fail(exitFailed, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o.warn(a, &s.Info)
	if c != nil {
		o.Begin = func(from int64) error { return c.Record(ctx, o.entry(c, &s.Info, from)) }
	}
	rec, err := a.acquire(ctx, s, o)
	if rec == nil {
		return o.fail(a, nil, err)
	}
	if o.selftest != "" {
		rec.Problems = append(rec.Problems, o.selftest)
	}
	statement := ""
	switch {
	case c != nil && rec.Complete && ctx.Err() == nil && !errors.Is(err, acquire.ErrVerify):
		var cerr error
		statement, cerr = addAcquired(ctx, a, c, rec)
		err = errors.Join(err, cerr)
	case c != nil:
		err = errors.Join(err, caseError(c.Record(context.WithoutCancel(ctx), evidence.Entry{
			Act: casefile.ActStop, Where: c.Where(o.To), Why: rec.Why(),
			Detail: map[string]string{"media_bytes": strconv.FormatInt(rec.Bytes, 10), "media_sha256": rec.Digests["sha256"]},
		})))
	}
	if c == nil && ctx.Err() == nil { // the case's log is signed
		var serr error
		statement, serr = signAcquired(ctx, signer, rec)
		err = errors.Join(err, serr)
	}
	if perr := a.printRecord(rec, statement); perr != nil {
		return errors.Join(perr, err)
	}
	return o.fail(a, rec, err)
}

// warn says at once what an examiner would stop for.
func (o *acquireFlags) warn(a *app, i *acquire.Info) {
	p := &i.Protection
	if len(p.Mounted) > 0 {
		a.warn(i.Path + " is mounted at " + strings.Join(p.Mounted, ", ") + ": what is there may change while it is read")
	}
	if len(p.Swap) > 0 {
		a.warn(i.Path + " holds swap that is in use: " + strings.Join(p.Swap, ", "))
	}
	if p.DeviceFlag == "read-write" {
		a.warn(i.Path + " is not set read-only: 'blockdev --setro' does that, a write blocker is better; write blocker: " + p.Blocker)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(o.To), &fs); err == nil && o.Form != acquire.E01 && !o.Resume {
		if free := int64(fs.Bavail) * fs.Bsize; free < i.Bytes {
			a.warn(fmt.Sprintf("%s has %s free, the source has %s: unless much of it is zeros the disk gets full; an E01 takes less", filepath.Dir(o.To), size(free, "B"), size(i.Bytes, "B")))
		}
	}
	for _, area := range []struct{ name, text string }{{"host protected area", i.HPA}, {"device configuration overlay", i.DCO}} {
		if strings.HasPrefix(area.text, "THERE IS ONE") {
			a.warn(area.name + ": " + area.text)
		}
	}
}

// entry is what the custody log says before the first byte is read.
func (o *acquireFlags) entry(c *casefile.Case, i *acquire.Info, from int64) evidence.Entry {
	e := evidence.Entry{Act: casefile.ActAcquire, Where: c.Where(o.To), Why: o.why, Detail: map[string]string{
		"source": i.Path, "kind": i.Kind, "bytes": strconv.FormatInt(i.Bytes, 10), "opened": i.Protection.Opened, "from_offset": strconv.FormatInt(from, 10),
	}}
	for k, v := range map[string]string{"serial": i.Serial, "model": i.Model, "device_flag": i.Protection.DeviceFlag, "write_blocker": i.Protection.Blocker, "mark": o.Labels.Exhibit} {
		if v != "" {
			e.Detail[k] = v
		}
	}
	if o.selftest != "" {
		e.Detail["selftest"] = o.selftest
	}
	if o.Authority != nil {
		e.Authority = o.Authority.String()
		maps.Copy(e.Detail, o.Authority.Detail())
	}
	return e
}

// acquire runs it under a bar for each part of the work.
func (a *app) acquire(ctx context.Context, s *acquire.Source, o *acquireFlags) (*acquire.Record, error) {
	var bar *progress
	doing := ""
	o.Progress = func(what string, done, total int64) {
		if what != doing {
			bar.finish()
			bar, doing = a.progress(what, "B"), what
		}
		bar.update(done, total)
	}
	rec, err := acquire.Run(ctx, s, o.Options)
	bar.finish()
	return rec, err
}

// addAcquired makes the image an exhibit of the case.
func addAcquired(ctx context.Context, a *app, c *casefile.Case, rec *acquire.Record) (string, error) {
	im := casefile.Acquired{Record: rec, Detail: map[string]string{"media_bytes": strconv.FormatInt(rec.Bytes, 10), "container": rec.Image.Form}}
	for name, sum := range rec.Digests {
		im.Detail["media_"+name] = sum
	}
	for _, f := range rec.Image.Files {
		im.Files, im.SHA256 = append(im.Files, filepath.Join(rec.Image.Folder, f.Name)), append(im.SHA256, f.SHA256)
	}
	x, statement, err := c.AddAcquired(ctx, im)
	if err != nil {
		return "", caseError(err)
	}
	fmt.Fprintf(a.stderr, "saksi: it is exhibit %s of case %s, custody entry %d\n", x.ID, printable(c.Info.ID), x.Seq)
	return filepath.Join(c.Dir, filepath.FromSlash(statement)), nil
}

// signAcquired signs a statement beside the image.
func signAcquired(ctx context.Context, s *evidence.Signer, rec *acquire.Record) (string, error) {
	var subjects []evidence.Subject
	for _, f := range rec.Image.Files {
		if len(subjects) < evidence.MaxSubjects { // the record names all
			subjects = append(subjects, evidence.Subject{Name: f.Name, Digest: map[string]string{"sha256": f.SHA256}})
		}
	}
	b, err := evidence.Sign(ctx, s, evidence.PredicateAcquisition, casefile.Acquisition{Examination: casefile.Examination{Time: rec.Ended, Examiner: who(), Tool: rec.Tool}, Acquisition: rec}, subjects)
	if err != nil {
		return "", err
	}
	name := filepath.Join(rec.Image.Folder, rec.Image.Files[0].Name)
	if !rec.Complete {
		name += fmt.Sprintf(".partial-%d", rec.Bytes)
	}
	name += ".sigstore.json"
	if err := evidence.WriteNew(name, b, 0o600); err != nil {
		return "", fmt.Errorf("keeping the statement: %w", err)
	}
	return name, nil
}

// fail gives errors of an acquisition their exit codes and the next thing to do.
func (o *acquireFlags) fail(a *app, rec *acquire.Record, err error) error {
	on := "the same command with --resume goes on"
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		switch {
		case rec == nil:
		case rec.Complete:
			a.warn(fmt.Sprintf("%s is complete, but not verified; %s", o.To, on))
		default:
			a.warn(fmt.Sprintf("%s holds the first %d bytes; %s", o.To, rec.Bytes, on))
		}
		return err
	case errors.Is(err, acquire.ErrVerify):
		return fail(exitDigest, err)
	case errors.Is(err, acquire.ErrBusy):
		return fail(exitLocked, err)
	case errors.Is(err, evidence.ErrAuthority):
		return failHint(exitUsage, err, "nothing was read; an authority for it is needed, as the file of --authority says it")
	case errors.Is(err, acquire.ErrUsage):
		return fail(exitUsage, err)
	case errors.Is(err, unix.EFBIG):
		return failHint(exitFailed, err, "the file system takes no larger file: begin again with --format split or e01")
	case errors.Is(err, acquire.ErrWriting):
		return failHint(exitFailed, err, "make room where the image is; %s", on)
	case errors.Is(err, acquire.ErrPartial):
		return failHint(exitIncomplete, err, "when the source is there again, %s", on)
	case errors.Is(err, acquire.ErrUnreadable), errors.Is(err, acquire.ErrDoubt):
		return fail(exitIncomplete, err)
	}
	return caseError(err)
}

// printRecord prints what was done.
func (a *app) printRecord(rec *acquire.Record, statement string) error {
	switch a.format {
	case "json", "ndjson":
		return a.printJSON(struct {
			*acquire.Record
			Statement string `json:"statement"`
		}{rec, statement})
	case "csv":
		r, err := a.rows("image", "form", "bytes", "complete", "unreadable_bytes", "md5", "sha1", "sha256", "verified", "statement")
		if err != nil {
			return err
		}
		first := filepath.Join(rec.Image.Folder, rec.Image.Files[0].Name)
		if err := r.add(first, rec.Image.Form, rec.Bytes, rec.Complete, rec.Lost(), rec.Digests["md5"], rec.Digests["sha1"], rec.Digests["sha256"], rec.Verified, statement); err != nil {
			return err
		}
		return r.close()
	}
	var b bytes.Buffer
	recordText(&b, rec, statement)
	_, err := a.stdout.Write(b.Bytes())
	return err
}

func recordText(w io.Writer, rec *acquire.Record, statement string) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-14s %s\n", name, oneLine(value))
		}
	}
	i, p := &rec.Source, &rec.Source.Protection
	line("source", i.Path+" ("+i.Kind+")")
	line("device", strings.TrimSpace(strings.Join([]string{i.Vendor, i.Model, i.Serial, i.Transport}, " ")))
	line("opened", p.Opened)
	line("device flag", p.DeviceFlag)
	line("mounted", strings.Join(p.Mounted, ", "))
	line("write blocker", p.Blocker)
	if p.Writes != nil {
		line("writes", fmt.Sprintf("%d while it was read, as the kernel counts", *p.Writes))
	}
	line("hidden (HPA)", i.HPA)
	line("hidden (DCO)", i.DCO)
	line("trim", i.TRIM)
	files := fmt.Sprintf("%s %s", filepath.Join(rec.Image.Folder, rec.Image.Files[0].Name), rec.Image.Form)
	if n := len(rec.Image.Files); n > 1 {
		files += fmt.Sprintf(", %d files", n)
	}
	line("image", files)
	line("media", fmt.Sprintf("%d bytes (%s)", rec.Bytes, size(rec.Bytes, "B")))
	for _, n := range slices.Sorted(maps.Keys(rec.Digests)) {
		line(n, rec.Digests[n])
	}
	if rec.Padding > 0 {
		line("padding", fmt.Sprintf("%d zeros behind the source, to whole sectors; SHA-256 with them %s", rec.Padding, rec.MediaDigests["sha256"]))
	}
	if !rec.Complete {
		line("INCOMPLETE", rec.Stopped)
	}
	const most = 10
	for n, r := range rec.Unreadable {
		if n == most {
			line("unreadable", fmt.Sprintf("%d more ranges; the statement, and -o json, list all", len(rec.Unreadable)-most))
			break
		}
		line("unreadable", fmt.Sprintf("%d bytes at %d", r.Bytes, r.Offset))
	}
	for _, x := range rec.Problems {
		line("problem", x)
	}
	line("verified", rec.Verified)
	line("authority", rec.Authority)
	line("statement", statement)
}
