package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/framework"
	"saksi/framework/report"
)

type reportOptions struct {
	dir, lang, format string
	before            []string
	public, tagged    bool
}

func frameworkReport(a *app) *cobra.Command {
	o := &reportOptions{}
	c := &cobra.Command{
		Use:   "report --assessment DIR --to FILE",
		Short: "Write the report of an assessment, or the summary of a merge",
		Long: "One HTML file that loads and runs nothing, a PDF that is the same each time, or CSV that is inert in a spreadsheet. --public leaves out\n" +
			"hosts, persons, files and findings. --tagged has Chromium print the HTML as a tagged PDF, for screen readers; its bytes vary.",
		Example: "  saksi framework report --assessment audit --lang ms --to laporan.html\n" +
			"  saksi framework report --assessment audit --before audit-2025 --format pdf --to report.pdf\n  saksi framework report --assessment audit --public --to public.html",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	f := c.Flags()
	f.StringVar(&o.dir, "assessment", "", "`folder` of an assessment, or of a merge")
	f.StringVar(&o.lang, "lang", "en", "language: en or ms")
	f.StringVar(&o.format, "format", "", "form: html, pdf or csv (default: by the end of --to, else html)")
	f.StringArrayVar(&o.before, "before", nil, "`folder` of an earlier assessment, for the trend; may be given several times")
	f.BoolVar(&o.public, "public", false, "leave out hosts, persons, files and findings")
	f.BoolVar(&o.tagged, "tagged", false, "a tagged PDF by Chromium, which must be installed")
	cobra.CheckErr(c.MarkFlagRequired("assessment"))
	return c
}

// writers are the forms of a report.
type writers interface {
	HTML(io.Writer) error
	PDF(io.Writer) error
	CSV(io.Writer) error
}

func (o *reportOptions) run(ctx context.Context, a *app) error {
	if o.format == "" {
		o.format = "html"
		for _, e := range []string{"pdf", "csv"} {
			if strings.HasSuffix(strings.ToLower(a.to), "."+e) {
				o.format = e
			}
		}
	}
	if o.lang != "en" && o.lang != "ms" {
		return usage("--lang %s: expected en or ms", o.lang)
	}
	if o.tagged && o.format != "pdf" {
		return usage("--tagged goes with --format pdf")
	}
	r, err := o.read()
	if err != nil {
		return err
	}
	var write func(io.Writer) error
	switch {
	case o.tagged:
		write = func(w io.Writer) error { return taggedPDF(ctx, w, r.HTML) }
	case o.format == "html":
		write = r.HTML
	case o.format == "pdf":
		write = r.PDF
	case o.format == "csv":
		write = r.CSV
	default:
		return usage("--format %s: expected html, pdf or csv", o.format)
	}
	var out bytes.Buffer // a report that fails leaves no file
	if err := write(&out); err != nil {
		return err
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	form := *a
	form.format = o.format
	if err := (&indexFlags{agency: "default"}).look(ctx, &form, nil, "report", dir, -1); err != nil {
		return err
	}
	w, done, err := a.open()
	if err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return errors.Join(err, done())
}

func (o *reportOptions) read() (writers, error) {
	m, err := readMerge(o.dir)
	if err != nil {
		return nil, err
	}
	if m != nil {
		if len(o.before) > 0 {
			return nil, usage("--before: a merge has no trend yet")
		}
		return report.NewNational(m, o.lang, o.public)
	}
	as, err := readAssessment(o.dir)
	if err != nil {
		return nil, err
	}
	var before []*framework.Assessment
	for _, dir := range o.before {
		b, err := readAssessment(dir)
		if err != nil {
			return nil, err
		}
		before = append(before, b)
	}
	if as, err = report.Extend(as, before); err != nil {
		return nil, usage("--before: %w", err)
	}
	return report.New(as, o.lang, o.public)
}

// browsers are the names under which Chromium is installed.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// taggedTime bounds Chromium's work.
const taggedTime = 5 * time.Minute

// taggedPDF has Chromium print a page, whose policy lets nothing load or run,
// without a network.
func taggedPDF(ctx context.Context, w io.Writer, html func(io.Writer) error) error {
	var browser string
	for _, name := range browsers {
		if p, err := exec.LookPath(name); err == nil {
			browser = p
			break
		}
	}
	if browser == "" {
		return failHint(exitFailed, fmt.Errorf("writing a tagged PDF: no Chromium is installed"), "install chromium, or leave --tagged out")
	}
	dir, err := os.MkdirTemp("", "saksi-report-")
	if err != nil {
		return fmt.Errorf("writing a tagged PDF: %w", err)
	}
	defer os.RemoveAll(dir)
	page, pdf := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.pdf")
	f, err := os.OpenFile(page, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing a tagged PDF: %w", err)
	}
	if err := errors.Join(html(f), f.Close()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, taggedTime)
	defer cancel()
	args := []string{
		"--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--export-tagged-pdf", "--no-pdf-header-footer", "--print-to-pdf=" + pdf, "file://" + page,
	}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // Chromium refuses to sandbox root; the page runs nothing
	}
	if out, err := exec.CommandContext(ctx, browser, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("writing a tagged PDF: %s: %w: %.500s", browser, err, printable(string(out)))
	}
	b, err := os.ReadFile(pdf)
	if err != nil {
		return fmt.Errorf("writing a tagged PDF: %s wrote none: %w", browser, err)
	}
	_, err = w.Write(b)
	return err
}
