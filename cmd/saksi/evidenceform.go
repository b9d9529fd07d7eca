package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile/form"
	"saksi/evidence"
	"saksi/internal/document"
)

func evidenceForm(a *app) *cobra.Command {
	var kind, lang, format, exhibit string
	state := &stateFlags{}
	c := &cobra.Command{
		Use:   "form DIR --to FILE",
		Short: "Fill the chain-of-custody form, or the certificate of section 90A, from the custody log",
		Long: "Fills a form from the custody log and from nothing else, as a draft for a person to read, complete and sign. custody is the chain-of-custody\n" +
			"form of each exhibit; certificate drafts the certificate of section 90A of the Evidence Act 1950 over what the log records as produced.",
		Example: "  saksi evidence form kes-17 --to borang.pdf\n  saksi evidence form kes-17 --kind certificate --lang en --format html --to certificate.html",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(form.Langs, lang) {
				return usage("--lang %q: expected one of %s", lang, strings.Join(form.Langs, ", "))
			}
			if format == "" && strings.HasSuffix(a.to, ".html") {
				format = "html"
			}
			var d *document.Document
			var err error
			switch kind {
			case "custody":
				d, err = form.Custody(args[0], lang, exhibit, toolName())
			case "certificate":
				if exhibit != "" {
					return usage("--exhibit goes with --kind custody")
				}
				d, err = form.Certificate(args[0], lang, toolName())
			default:
				return usage("--kind %q: expected custody or certificate", kind)
			}
			if err != nil {
				return caseError(err)
			}
			var write func(io.Writer) error
			switch format {
			case "", "pdf":
				write = d.WritePDF
			case "html":
				write = d.WriteHTML
			default:
				return usage("--format %q: expected pdf or html", format)
			}
			var out bytes.Buffer
			if err := write(&out); err != nil {
				return fmt.Errorf("writing the form: %w", err)
			}
			return a.signed(cmd, state, out.Bytes(), evidence.PredicateCertificate, certificateStatement(args[0], kind, lang))
		},
	}
	state.add(c)
	f := c.Flags()
	f.StringVar(&kind, "kind", "custody", "form: custody or certificate")
	f.StringVar(&lang, "lang", "ms", "language: ms or en")
	f.StringVar(&format, "format", "", "pdf or html (default: by the end of --to, else pdf)")
	f.StringVar(&exhibit, "exhibit", "", "`id` of the one exhibit to fill it for")
	return c
}
