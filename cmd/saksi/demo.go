package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/forensics/scan"
	"saksi/framework"
	"saksi/framework/report"
	"saksi/internal/worker"
	"saksi/sensor"
	"saksi/testdata"
)

type demoOptions struct {
	indexFlags
	dir string
}

func demoCommand(a *app) *cobra.Command {
	o := &demoOptions{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "The whole chain on a small attack: capture and disk in, auditor's report out",
		Long: "Reads a capture and a disk image that come with saksi (made by real programs; the attack and the agency are invented),\n" +
			"makes a case of them in a new folder, and walks every step: exhibits, custody, flows, rules, YARA, index, framework, report.\n" +
			"It needs no network and writes only to its folder and to this station's keys.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	c.Flags().StringVar(&o.dir, "dir", "", "new `folder` for the case (default: below the user's data)")
	c.Flags().StringVar(&o.index, "index", "", "`URL` of an Elasticsearch node to index into instead of the embedded index")
	c.Flags().StringVar(&o.ca, "index-ca", "", caHelp)
	c.Flags().StringVar(&o.agency, "agency", "contoh", "`name` of the agency in the index")
	return c
}

// demo is one run of the demo.
type demo struct {
	*demoOptions
	a      *app
	ctx    context.Context
	inputs string
	c      *casefile.Case
	pub    string
	st     *store
	sink   findings.Sink
	worker worker.Config

	net    sensor.Summary
	disk   scan.Summary
	as     *framework.Assessment
	report string
	begun  time.Time
}

// The case's name is in every document, so it is the same each day: the demo's
// ids are too.
const (
	demoCase    = "DEMO"
	demoCapture = "demo.pcap"
	demoImage   = "demo.E01"
)

func (o *demoOptions) run(ctx context.Context, a *app) (err error) {
	d := &demo{demoOptions: o, a: a, ctx: ctx, begun: time.Now(), worker: worker.Config{Path: a.worker, Version: version}}
	if d.dir == "" {
		base, err := dataDir()
		if err != nil {
			return err
		}
		d.dir = filepath.Join(base, "demo-"+d.begun.UTC().Format("20060102T150405Z"))
	}
	d.inputs = d.dir + "-inputs"
	if isURL(d.index) {
		if err := d.reach(ctx); err != nil {
			return err
		}
	}
	defer func() {
		if d.st != nil {
			err = errors.Join(err, d.st.close())
		}
		if d.c != nil {
			err = errors.Join(err, d.c.Close())
		}
	}()
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"unpacking the capture, the disk image and the rules", d.unpack},
		{"making the case and taking the exhibits under custody", d.makeCase},
		{"reading the capture", d.readCapture},
		{"examining the disk image", d.examine},
		{"joining what was seen on the wire with what lies on the disk", d.join},
		{"signing", d.sign},
		{"assessing the framework", d.assess},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !a.quiet {
			fmt.Fprintf(a.stderr, "saksi: %s\n", step.what)
		}
		if err := step.do(); err != nil {
			return caseError(fmt.Errorf("%s: %w", step.what, err))
		}
	}
	return d.print()
}

// unpack writes the embedded inputs beside the case, to a folder that is new.
func (d *demo) unpack() error {
	if _, err := os.Lstat(d.dir); err == nil {
		return failHint(exitUsage, fmt.Errorf("%s exists", d.dir), "name a new folder by --dir")
	}
	if err := os.MkdirAll(filepath.Dir(d.inputs), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(d.inputs, 0o700); err != nil {
		return failHint(exitUsage, err, "the demo's inputs go there; name a new folder by --dir")
	}
	return fs.WalkDir(testdata.Demo, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := testdata.Demo.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(d.input(filepath.Base(p)), b, 0o600)
	})
}

func (d *demo) input(name string) string { return filepath.Join(d.inputs, name) }

func (d *demo) makeCase() error {
	s, err := d.a.signer("")
	if err != nil {
		return err
	}
	station, err := stationKey()
	if err != nil {
		return err
	}
	d.pub = strings.TrimSuffix(station, ".key") + ".pub"
	if d.c, err = casefile.Create(d.ctx, d.dir, casefile.Options{ID: demoCase, Agency: "Jabatan Contoh", Classification: "Terhad", Who: who(), Tool: toolName(), Signer: s}); err != nil {
		return err
	}
	for _, name := range []string{demoCapture, demoImage} {
		if _, err := d.c.AddExhibit(d.ctx, d.input(name), false, nil); err != nil {
			return err
		}
	}
	where := d.indexFlags
	where.caseID = d.dir
	if d.st, err = where.write(d.ctx); err != nil {
		return err
	}
	d.sink, err = stored(d.st, d.c)
	return err
}

// exhibit records that an exhibit is examined and gives its path, for which the
// file that was checked is held.
func (d *demo) exhibit(id, why string) (string, error) {
	f, x, err := d.c.OpenExhibit(d.ctx, id, casefile.ActExamine, why)
	if err != nil {
		return "", err
	}
	return d.c.PathOf(x), f.Close()
}

func (d *demo) readCapture() error {
	path, err := d.exhibit("E1", "read the traffic")
	if err != nil {
		return err
	}
	paths, err := findRules([]string{d.inputs})
	if err != nil {
		return err
	}
	sets, err := paths.compile(d.ctx, d.worker)
	if err != nil {
		return err
	}
	d.a.ruleProblems(sets.problems)
	cfg := sensor.Config{Sources: []sensor.Source{{Path: path}}, Sink: d.sink}
	cfg.Rules = sets.forSensor()
	d.net, err = sensor.Read(d.ctx, cfg)
	return errors.Join(err, sets.close())
}

func (d *demo) examine() error {
	path, err := d.exhibit("E2", "list, hash and scan its files")
	if err != nil {
		return err
	}
	d.disk, err = scan.Run(d.ctx, scan.Config{Images: []string{path}, Rules: []string{d.input("demo.yar")}, Hash: scan.SHA256, Entries: true, Volume: -1, Worker: d.worker, Sink: d.sink, Warn: d.a.warn})
	return err
}

func (d *demo) join() error {
	if _, err := d.st.follow(d.ctx); err != nil {
		return err
	}
	_, err := d.st.join(d.ctx, d.sink)
	return err
}

// sign writes what was found into the case and signs a statement over it.
func (d *demo) sign() error {
	n, err := exportFindings(d.ctx, d.st.ix, filepath.Join(d.dir, casefile.FindingsDir, "findings.ndjson"))
	if err != nil {
		return err
	}
	_, err = d.c.SignExamination(d.ctx, n)
	return err
}

// exportFindings writes all findings of an index to a new file, in the order
// of their times.
func exportFindings(ctx context.Context, ix findings.Searcher, path string) (int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("writing the findings: %w", err)
	}
	w := bufio.NewWriter(f)
	var n int64
	r := findings.Request{Query: "event.kind:alert", Size: 1000, Sort: []findings.Sort{{Field: event.Timestamp.Name()}}}
	for {
		p, err := ix.Search(ctx, r)
		if err != nil {
			return n, errors.Join(err, f.Close())
		}
		for _, doc := range p.Docs {
			_, _ = w.Write(doc.Body) // the error stays in w
			_ = w.WriteByte('\n')
			n++
		}
		if p.Next == "" {
			break
		}
		r.After = p.Next
	}
	if err = w.Flush(); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return n, fmt.Errorf("writing the findings: %w", err)
	}
	return n, nil
}

func (d *demo) assess() error {
	pub, err := evidence.LoadPublic(d.pub)
	if err != nil {
		return err
	}
	asOf := time.Now().UTC().Truncate(time.Second)
	where := "--case " + shellWord(d.dir)
	if isURL(d.index) {
		where += " --index " + shellWord(d.index) + " --agency " + shellWord(d.agency)
	}
	in := framework.Inputs{Framework: "rakkssa", AsOf: asOf, Where: where}
	if in.Catalog, err = framework.Load(in.Framework); err != nil {
		return err
	}
	if d.as, err = assessCases(d.ctx, d.st.ix, in, []string{d.dir}, pub); err != nil {
		return err
	}
	dir := filepath.Join(d.dir, casefile.ReportsDir, "rakkssa-"+asOf.Format("20060102T150405Z"))
	if err := d.a.writeAssessment(d.ctx, dir, d.as, in.Catalog, ""); err != nil {
		return err
	}
	for _, lang := range report.Languages {
		r, err := report.New(d.as, lang, false)
		if err != nil {
			return err
		}
		for end, write := range map[string]func(io.Writer) error{"html": r.HTML, "pdf": r.PDF} {
			path := filepath.Join(dir, "report-"+lang+"."+end)
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			if err := errors.Join(write(f), f.Close()); err != nil {
				return err
			}
		}
	}
	d.report = filepath.Join(dir, "report-en.html")
	_, err = d.c.SignExamination(d.ctx, d.as.Findings)
	return err
}
