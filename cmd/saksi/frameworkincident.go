package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/evidence"
	"saksi/framework"
)

// journalFlags say which journal of incidents a command uses.
type journalFlags struct{ dir, key string }

func (o *journalFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.dir, "journal", "", "`folder` of the journal of incidents (default: this station's own)")
}

func (o *journalFlags) folder() (string, error) {
	if o.dir != "" {
		return o.dir, nil
	}
	dir, err := dataDir()
	return filepath.Join(dir, "journal"), err
}

// read verifies the journal with a public key, or this station's.
func (o *journalFlags) read(a *app) (*framework.Journal, error) {
	dir, err := o.folder()
	if err != nil {
		return nil, err
	}
	if !exists(filepath.Join(dir, "entries.ndjson")) {
		return nil, failHint(exitFailed, fmt.Errorf("there is no journal in %s", dir), "'saksi framework incident new' begins one")
	}
	pub, err := (&assessOptions{key: o.key}).public()
	if err != nil {
		return nil, err
	}
	j, err := framework.ReadJournal(dir, pub)
	if err != nil {
		return nil, evidenceError(err)
	}
	for _, p := range j.Problems {
		a.warn("the journal does not verify: " + p)
	}
	return j, nil
}

// write records one entry.
func (o *journalFlags) write(ctx context.Context, a *app, e evidence.Entry) error {
	dir, err := o.folder()
	if err != nil {
		return err
	}
	s, err := a.signer(o.key)
	if err != nil {
		return err
	}
	l, err := evidence.OpenLog(ctx, dir, framework.JournalID, s)
	if err != nil {
		return evidenceError(err)
	}
	e.Who, e.Tool = who(), toolName()
	n := l.Len()
	if err := errors.Join(l.Append(ctx, e), l.Close()); err != nil {
		return evidenceError(err)
	}
	fmt.Fprintf(a.stderr, "saksi: recorded as entry %d of the journal in %s\n", n, dir)
	return nil
}

func frameworkIncident(a *app) *cobra.Command {
	c := noun("incident", "Record incidents in a signed journal: clocks of the law run from when a person knew",
		incidentNew(a), incidentAct(a, framework.ActKnow, "know", "Record that a person knew: from this moment clocks run"),
		incidentAct(a, framework.ActAck, "acknowledge", "Record who took it on"), incidentAct(a, framework.ActNotify, "notify", "Record that a notice was given"),
		incidentAct(a, framework.ActContain, "contain", "Record that it is contained"), incidentAct(a, framework.ActClose, "close", "Record that it is closed"),
		incidentDone(a), incidentList(a))
	return c
}

// moment reads --at; "" is now. A moment to come is refused.
func moment(at string) (string, error) {
	now := time.Now().UTC()
	if at == "" {
		return now.Format(time.RFC3339), nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil || t.After(now.Add(time.Minute)) {
		return "", usage("--at %q: expected a time (RFC 3339) that is not to come", at)
	}
	return t.UTC().Format(time.RFC3339), nil
}

func incidentNew(a *app) *cobra.Command {
	var o journalFlags
	var ix indexFlags
	var agency, unit, shift, title, kind, began, at string
	var severity int
	var found []string
	c := &cobra.Command{
		Use:     "new ID --agency NAME --title TEXT",
		Short:   "Open an incident",
		Long:    "With --finding the earliest time of the findings is when it began; they are looked up in --index or --case.",
		Example: "  saksi framework incident new I-2026-7 --agency \"Jabatan Contoh\" --unit SOC --shift night --title \"Web shell on the portal\" --severity 4 --case kes-17 --finding 3f2a91c0",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if agency == "" || title == "" || strings.TrimSpace(args[0]) == "" || severity < 1 || severity > 4 {
				return usage("an incident needs an id, --agency, --title and a --severity from 1 to 4")
			}
			when, err := moment(at)
			if err != nil {
				return err
			}
			if dir, err := o.folder(); err == nil && exists(filepath.Join(dir, "entries.ndjson")) {
				j, err := o.read(a)
				if err != nil {
					return err
				}
				if slices.ContainsFunc(j.Incidents(time.Now().Add(time.Hour)), func(i *framework.Incident) bool { return i.ID == args[0] }) {
					return usage("the journal has an incident %s already", args[0])
				}
			}
			ids, first, err := ix.lookupAll(cmd.Context(), found)
			if err != nil {
				return err
			}
			if began == "" {
				began = first
			} else if _, err := time.Parse(time.RFC3339, began); err != nil {
				return usage("--began: %w", err)
			}
			return o.write(cmd.Context(), a, evidence.Entry{Act: framework.ActNew, Why: title, Detail: details(
				framework.DetailIncident, args[0], framework.DetailAt, when, framework.DetailAgency, agency, framework.DetailUnit, unit, framework.DetailShift, shift,
				framework.DetailTitle, title, framework.DetailKind, kind, framework.DetailSeverity, strconv.Itoa(severity),
				framework.DetailFindings, strings.Join(ids, " "), framework.DetailBegan, began)})
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&ix.index, "index", "", "`folder` or URL of the index that has the findings")
	f.StringVar(&ix.ca, "index-ca", "", caHelp)
	f.StringVar(&ix.caseID, "case", "", "case `folder` that has the findings")
	f.StringVar(&o.key, "key", "", "signing key `file` of the journal (default: this station's own)")
	f.StringVar(&agency, "agency", "", "`name` of the agency, as in the register")
	f.StringVar(&unit, "unit", "", "`name` of the unit")
	f.StringVar(&shift, "shift", "", "`name` of the shift")
	f.StringVar(&title, "title", "", "what it is, in a line")
	f.StringVar(&kind, "kind", "", "kind of incident, such as intrusion or malware")
	f.IntVar(&severity, "severity", 3, "severity, 1 to 4")
	f.StringArrayVar(&found, "finding", nil, "`id` of a finding that it rests on; may be given several times")
	f.StringVar(&began, "began", "", "`time` of the earliest evidence (default: of the findings)")
	f.StringVar(&at, "at", "", "`time` (RFC 3339) at which it was opened (default: now)")
	return c
}

// lookupAll finds findings by the beginnings of their ids, and the time of the
// first of them.
func (o *indexFlags) lookupAll(ctx context.Context, prefixes []string) (ids []string, first string, err error) {
	if len(prefixes) == 0 {
		return nil, "", nil
	}
	ix, err := o.read(ctx)
	if err != nil {
		return nil, "", err
	}
	defer ix.Close()
	var least int64
	for _, p := range prefixes {
		e, err := lookup(ctx, ix, p)
		if err != nil {
			return nil, "", err
		}
		id, _ := e.GetStr(event.EventID)
		ids = append(ids, id)
		if ns, ok := e.GetTime(event.Timestamp); ok && (least == 0 || ns < least) {
			least, first = ns, time.Unix(0, ns).UTC().Format(time.RFC3339)
		}
	}
	return ids, first, nil
}

// details makes a map of names and values; empty values are left out.
func details(kv ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] != "" {
			m[kv[i]] = kv[i+1]
		}
	}
	return m
}

func incidentAct(a *app, act, name, short string) *cobra.Command {
	var o journalFlags
	var at, by, how, obligation, receipt, why string
	c := &cobra.Command{
		Use:   name + " ID",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			j, err := o.read(a)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(j.Incidents(time.Now().Add(time.Hour)), func(i *framework.Incident) bool { return i.ID == args[0] }) {
				return usage("the journal has no incident %s; 'saksi framework incident list' shows them", args[0])
			}
			if (act == framework.ActKnow || act == framework.ActAck) && by == "" {
				return usage("--by is needed: who")
			}
			if act == framework.ActNotify {
				obs, err := framework.DefaultObligations()
				if err != nil {
					return err
				}
				if x := obs.Find(obligation); x == nil || x.Kind != framework.KindNotice {
					return usage("--obligation %q: expected a notice, as 'saksi framework obligations' lists them", obligation)
				}
			}
			when, err := moment(at)
			if err != nil {
				return err
			}
			return o.write(cmd.Context(), a, evidence.Entry{Act: act, Why: why, Detail: details(
				framework.DetailIncident, args[0], framework.DetailAt, when, framework.DetailBy, by, framework.DetailHow, how,
				framework.DetailObligation, obligation, framework.DetailReceipt, receipt)})
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "signing key `file` of the journal (default: this station's own)")
	f.StringVar(&at, "at", "", "`time` (RFC 3339) of it (default: now); when it was recorded stands beside")
	f.StringVar(&by, "by", "", "`name` of the person")
	f.StringVar(&why, "why", "", "`reason` or note")
	if act == framework.ActKnow {
		f.StringVar(&how, "how", "", "method of discovery")
	}
	if act == framework.ActNotify {
		f.StringVar(&obligation, "obligation", "", "`id` of the obligation that is met, such as act854-6h")
		f.StringVar(&receipt, "receipt", "", "`number` of the receipt")
	}
	return c
}

func incidentDone(a *app) *cobra.Command {
	var o journalFlags
	var agency, at, by string
	c := &cobra.Command{
		Use:   "done OBLIGATION --agency NAME",
		Short: "Record that something that comes back was done: risk-assessment, audit, their reports",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			obs, err := framework.DefaultObligations()
			if err != nil {
				return err
			}
			if x := obs.Find(args[0]); (x == nil || x.Kind == framework.KindNotice) && args[0] != "material-change" {
				return usage("%q is nothing that comes back; 'saksi framework obligations' lists them", args[0])
			}
			when, err := moment(at)
			if err != nil {
				return err
			}
			if agency == "" {
				return usage("--agency is needed")
			}
			return o.write(cmd.Context(), a, evidence.Entry{Act: framework.ActDone, Detail: details(
				framework.DetailObligation, args[0], framework.DetailAgency, agency, framework.DetailAt, when, framework.DetailBy, by)})
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "signing key `file` of the journal (default: this station's own)")
	f.StringVar(&agency, "agency", "", "`name` of the agency, as in the register")
	f.StringVar(&at, "at", "", "`time` (RFC 3339) of it (default: now)")
	f.StringVar(&by, "by", "", "`name` of who did it")
	return c
}

func incidentList(a *app) *cobra.Command {
	var o journalFlags
	var asOf string
	c := &cobra.Command{
		Use:   "list",
		Short: "List incidents with their moments",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			j, err := o.read(a)
			if err != nil {
				return err
			}
			t, err := when(asOf)
			if err != nil {
				return err
			}
			r, err := a.rows("incident", "agency", "severity", "known", "acknowledged_by", "contained", "closed", "title")
			if err != nil {
				return err
			}
			for _, i := range j.Incidents(t) {
				if err := r.add(i.ID, i.Agency, i.Severity, day(i.Known), i.Acknowledged.By, day(i.Contained.At), day(i.Closed.At), i.Title); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	o.add(c)
	c.Flags().StringVar(&o.key, "key", "", "public key `file` of the journal (default: this station's)")
	c.Flags().StringVar(&asOf, "as-of", "", "`time` (RFC 3339) after which nothing counts (default: now)")
	return c
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func frameworkObligations(a *app) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "obligations",
		Short: "List what must be done by when, and how each time is known",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			o, err := obligations(file)
			if err != nil {
				return err
			}
			r, err := a.rows("obligation", "kind", "starts", "within", "every", "only_with", "known", "source", "title_en", "title_ms")
			if err != nil {
				return err
			}
			for _, x := range o.List {
				if err := r.add(x.ID, x.Kind, x.Starts, x.Within, x.Every, x.Optional, x.Known, x.Source, x.Title.EN, x.Title.MS); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	c.Flags().StringVar(&file, "obligations", "", "an agency's own `file` (default: those built in)")
	return c
}

func obligations(file string) (*framework.Obligations, error) {
	if file == "" {
		return framework.DefaultObligations()
	}
	o, err := framework.ReadObligations(file)
	return o, fail(exitUsage, err)
}

func frameworkNotice(a *app) *cobra.Command {
	var o journalFlags
	ix := &indexFlags{}
	var incident, form, lang, asOf string
	c := &cobra.Command{
		Use:   "notice --incident ID --form act854-6h|act854-14d",
		Short: "Draft a notice of an incident, each sentence tied to what it rests on",
		Long:  "The draft is made from the journal and the incident's findings. It is marked as a draft: a person completes, checks and sends it. -o json gives the\nsame sentences with their evidence.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if lang != "en" && lang != "ms" {
				return usage("--lang %s: expected en or ms", lang)
			}
			if !slices.Contains(framework.Forms, form) {
				return usage("--form %q: expected one of %s", form, strings.Join(framework.Forms, ", "))
			}
			t, err := when(asOf)
			if err != nil {
				return err
			}
			j, err := o.read(a)
			if err != nil {
				return err
			}
			list := j.Incidents(t)
			i := slices.IndexFunc(list, func(i *framework.Incident) bool { return i.ID == incident })
			if i < 0 {
				return usage("the journal has no incident %s; 'saksi framework incident list' shows them", incident)
			}
			x, err := ix.read(cmd.Context())
			if err != nil {
				return err
			}
			defer x.Close()
			as := *a
			as.format = form
			if err := ix.look(cmd.Context(), &as, x, "notice", incident, int64(len(list[i].Findings))); err != nil {
				return err
			}
			n, err := framework.DraftNotice(cmd.Context(), x, list[i], j, form, t)
			if err != nil {
				return fail(exitFailed, err)
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			if a.format == "json" || a.format == "ndjson" {
				return errors.Join(json.NewEncoder(w).Encode(n), done())
			}
			return errors.Join(n.Write(w, lang), done())
		},
	}
	o.add(c)
	ix.add(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "public key `file` of the journal (default: this station's)")
	f.StringVar(&incident, "incident", "", "`id` of the incident")
	f.StringVar(&form, "form", "", "form: "+strings.Join(framework.Forms, " or "))
	f.StringVar(&lang, "lang", "en", "language: en or ms")
	f.StringVar(&asOf, "as-of", "", "`time` (RFC 3339) after which nothing counts (default: now)")
	cobra.CheckErr(errors.Join(c.MarkFlagRequired("incident"), c.MarkFlagRequired("form")))
	return c
}
