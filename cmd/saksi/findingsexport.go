package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/findings/export"
)

type findingsExportOptions struct {
	indexFlags
	tlp        tlpFlag
	as         string
	dataset    string
	title      string
	key        string
	why        string
	recipients []string
	phrase     bool
}

func findingsExport(a *app) *cobra.Command {
	o := &findingsExportOptions{}
	var b strings.Builder
	for _, f := range export.Formats() {
		fmt.Fprintf(&b, "  %-15s %s\n", f.Name, f.Doc)
	}
	c := &cobra.Command{
		Use:   "export [QUERY] --form FORMAT",
		Short: "Write findings in the format of another system",
		Long: "QUERY is as for 'saksi findings search'; without one all is exported that the format has a place for: findings, and with eve, zeek, prometheus and\n" +
			"timesketch events too. Oldest first; the same documents give the same bytes.\n\n" +
			"Formats:\n" + b.String() + "\n" +
			"Nothing is exported that rests on an indicator marked TLP:AMBER or stricter, unless --max-tlp allows it. Of a case, the export and its digest\n" +
			"are recorded in the custody log, the classification stands in it, and what is marked Sulit or higher leaves encrypted only (--recipient).",
		Example: "  saksi findings export --form stix --to findings.json\n  saksi findings export 'event.severity:>=3' --case kes-17 --form misp --why 'to the agency CSIRT' --to kes-17.json\n" +
			"  saksi findings export 'source.ip:192.0.2.0/24' --form zeek --dataset conn",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			return o.run(cmd, a, q)
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.as, "form", "", "`format`: "+export.Names())
	f.StringVar(&o.dataset, "dataset", "conn", "log of Zeek: "+strings.Join(event.ZeekLogs(), ", "))
	f.StringVar(&o.title, "title", "", "what a person reads first, as `text` (default: the agency's findings)")
	f.StringVar(&o.tlp.text, "max-tlp", "", "give only findings of at most this `marking` of the Traffic Light Protocol: clear, green, amber, amber+strict or red (default: green)")
	f.StringVar(&o.key, "key", "", "signing key `file` of the case (default: this station's own)")
	f.StringVar(&o.why, "why", "", "`reason`, for the custody log of the case")
	f.StringArrayVar(&o.recipients, "recipient", nil, "age `recipient` (age1...) who can open it; may be given several times")
	f.BoolVar(&o.phrase, "with-passphrase", false, "encrypt by a pass phrase, asked for as that of a key")
	c.MarkFlagsMutuallyExclusive("recipient", "with-passphrase")
	return c
}

// exported is what an export wrote.
type exported struct {
	n, left int
	digest  hash.Hash
}

func (o *findingsExportOptions) run(cmd *cobra.Command, a *app, q string) (err error) {
	if a.format != "table" {
		return usage("-o %s: an export has the form that --form names", a.format)
	}
	formats := export.Formats()
	i := slices.IndexFunc(formats, func(f export.Format) bool { return f.Name == o.as })
	if i < 0 {
		return usage("--form %q: expected one of %s", o.as, export.Names())
	}
	if q == "" && formats[i].Alerts {
		q = "event.kind:alert"
	}
	if err := o.tlp.parse(a); err != nil {
		return err
	}
	if o.tlp.text == "" {
		o.tlp.most = tlpOutside
	}
	to, names, err := a.ageRecipients(o.recipients, o.phrase)
	if err != nil {
		return err
	}
	opt := export.Options{Agency: o.agency, Version: version, Title: o.title, Dataset: o.dataset}
	var cs *casefile.Case
	if o.caseID != "" {
		if cs, err = a.openCase(cmd, o.caseID, o.key); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, cs.Close()) }()
		if err := cs.MayAct(casefile.ActExport); err != nil {
			return err
		}
		if len(to) == 0 && closed[cs.Info.Classification] {
			return failHint(exitUsage, fmt.Errorf("case %s is marked %s and leaves encrypted only", cs.Info.ID, cs.Info.Classification), "name who receives it by --recipient, or use --with-passphrase")
		}
		opt.Agency, opt.Classification = cs.Info.Agency, cs.Info.Classification
	}
	if opt.Title == "" {
		opt.Title = "Findings of " + opt.Agency
		if cs != nil {
			opt.Title += ", case " + cs.Info.ID
		}
	}
	ix, err := o.read(cmd.Context())
	if err != nil {
		return err
	}
	defer ix.Close()
	x := &exported{digest: sha256.New()}
	if err := o.write(cmd.Context(), a, ix, q, opt, to, x); err != nil {
		return err
	}
	if cs != nil {
		if err := o.record(cmd.Context(), a, cs, x, names); err != nil {
			return err
		}
	}
	o.tlp.tell(a)
	fmt.Fprintf(a.stderr, "saksi: %d documents exported as %s", x.n-x.left, o.as)
	if x.left > 0 {
		fmt.Fprintf(a.stderr, ", %d left out: that format has no place for them", x.left)
	}
	fmt.Fprintln(a.stderr)
	return nil
}

// write searches and writes. A query that is wrong leaves no file.
func (o *findingsExportOptions) write(ctx context.Context, a *app, ix findings.Index, q string, opt export.Options, to []age.Recipient, x *exported) error {
	r := findings.Request{Query: q, Size: 1000, Sort: []findings.Sort{{Field: "@timestamp"}}}
	p, err := ix.Search(ctx, r)
	if err != nil {
		return queryError(err)
	}
	form := *a
	form.format = o.as
	if err := o.look(ctx, &form, ix, "export", q, p.Total); err != nil {
		return err
	}
	out, done, err := a.open()
	if err != nil {
		return err
	}
	undo := func(err error) error {
		if err = errors.Join(err, done()); a.to != "" {
			err = errors.Join(err, os.Remove(a.to))
		}
		return err
	}
	w, finish, err := encrypted(io.MultiWriter(out, x.digest), to)
	if err != nil {
		return undo(err)
	}
	e, err := export.New(o.as, w, opt)
	if err != nil {
		return undo(usage("%w", err))
	}
	sink := o.tlp.sink(findings.SinkFunc(func(ev *event.Event) error {
		x.n++
		return e.Emit(ev)
	}))
	for {
		for _, d := range p.Docs {
			ev, err := event.Parse(d.Body)
			if err == nil {
				err = sink.Emit(ev)
			}
			if err != nil {
				return undo(err)
			}
		}
		if p.Next == "" {
			break
		}
		r.After = p.Next
		if p, err = ix.Search(ctx, r); err != nil {
			return undo(queryError(err))
		}
	}
	if err := errors.Join(e.Close(), finish()); err != nil {
		return undo(err)
	}
	x.left = e.LeftOut()
	return done()
}

// encrypted gives a writer to whoever is named, or w itself for nobody.
func encrypted(w io.Writer, to []age.Recipient) (io.Writer, func() error, error) {
	if len(to) == 0 {
		b := bufio.NewWriter(w)
		return b, b.Flush, nil
	}
	enc, err := age.Encrypt(w, to...)
	if err != nil {
		return nil, nil, fmt.Errorf("encrypting the export: %w", err)
	}
	return enc, enc.Close, nil
}

// record enters the export into the custody log; nothing leaves unrecorded.
func (o *findingsExportOptions) record(ctx context.Context, a *app, cs *casefile.Case, x *exported, names []string) error {
	where := "standard output"
	if a.to != "" {
		var err error
		if where, err = filepath.Abs(a.to); err != nil {
			return err
		}
	}
	err := cs.Record(ctx, evidence.Entry{
		Act: casefile.ActExport, Where: where, Why: o.why, SHA256: hex.EncodeToString(x.digest.Sum(nil)),
		Detail: map[string]string{"findings": strconv.Itoa(x.n - x.left), "format": o.as, "recipients": strings.Join(names, " ")},
	})
	if err != nil && !errors.Is(err, evidence.ErrUnfinished) && a.to != "" {
		err = errors.Join(err, os.Remove(a.to))
	}
	return caseError(err)
}
