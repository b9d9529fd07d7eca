package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/casefile/report"
	"saksi/event"
	"saksi/internal/worker"
)

func caseReport(a *app) *cobra.Command {
	var lang, format, asOf string
	var tlp tlpFlag
	c := &cobra.Command{
		Use:   "report DIR --to FILE",
		Short: "Write the report of a case: exhibits, custody, methods, findings, notes, limitations, reviews",
		Long: "Says what the case holds and nothing else, as a draft for a person to read, complete and sign. The same case and --as-of give the same bytes;\n" +
			"what was recorded, noted or said of findings after that time is left out. Without it the time is that of the last custody entry.",
		Example: "  saksi case report kes-17 --lang ms --to laporan.pdf\n  saksi case report kes-17 --lang en --as-of 2026-11-24T12:00:00Z --to report.html",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(report.Langs, lang) {
				return usage("--lang %q: expected one of %s", lang, strings.Join(report.Langs, ", "))
			}
			if format == "" {
				format = "html"
				if strings.HasSuffix(strings.ToLower(a.to), ".pdf") {
					format = "pdf"
				}
			}
			if format != "html" && format != "pdf" {
				return usage("--format %q: expected html or pdf", format)
			}
			s := report.Source{Dir: args[0], Lang: lang, Tool: toolName(), Withhold: func(e *event.Event) bool { return tlp.stricter(e) }}
			s.Versions, s.Libs = a.versions(cmd)
			if err := tlp.parse(a); err != nil {
				return err
			}
			if tlp.text == "" {
				tlp.most = tlpOutside // a report is made to be handed on
			}
			if asOf != "" {
				var err error
				if s.AsOf, err = time.Parse(time.RFC3339, asOf); err != nil {
					return usage("--as-of %q: expected a time such as 2026-11-24T12:00:00Z", asOf)
				}
			}
			if _, err := casefile.ReadInfo(args[0]); err != nil {
				return caseError(err)
			}
			if _, err := os.Stat(filepath.Join(args[0], casefile.IndexDir)); err == nil {
				ix, err := (&indexFlags{caseID: args[0]}).read(cmd.Context())
				if err != nil {
					return err
				}
				defer ix.Close()
				s.Index = ix
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			d, err := report.Build(cmd.Context(), s)
			if err != nil {
				return caseError(err)
			}
			write := map[string]func(io.Writer) error{"html": d.WriteHTML, "pdf": d.WritePDF}[format]
			var out bytes.Buffer // a report that fails leaves no file
			if err := write(&out); err != nil {
				return fmt.Errorf("writing the report: %w", err)
			}
			form := *a
			form.format = format
			if err := (&indexFlags{caseID: args[0]}).look(cmd.Context(), &form, nil, "report", "", -1); err != nil {
				return err
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			_, err = out.WriteTo(w)
			return errors.Join(err, done())
		},
	}
	f := c.Flags()
	f.StringVar(&lang, "lang", "ms", "language: ms or en")
	f.StringVar(&format, "format", "", "html or pdf (default: by the end of --to, else html)")
	f.StringVar(&tlp.text, "max-tlp", "", "list only findings of at most this `marking` of the Traffic Light Protocol (default green); the others are counted")
	f.StringVar(&asOf, "as-of", "", "`time` of the report, RFC 3339 (default: that of the last custody entry)")
	return c
}

// versions are those of saksi and of saksi-worker with its libraries, and of the
// libraries in saksi.
func (a *app) versions(cmd *cobra.Command) (list, libs []report.Version) {
	list = []report.Version{{Name: "saksi", Version: version}, {Name: "go", Version: runtime.Version()}}
	path, err := worker.Find(a.worker)
	var out []byte
	if err == nil {
		out, err = exec.CommandContext(cmd.Context(), path, "version").Output()
	}
	if err != nil {
		list = append(list, report.Version{Name: "saksi-worker", Version: "not there: " + err.Error()})
	}
	for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if name, v, ok := strings.Cut(l, " "); ok {
			list = append(list, report.Version{Name: "worker: " + name, Version: v})
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			libs = append(libs, report.Version{Name: d.Path, Version: d.Version})
		}
	}
	return list, libs
}
