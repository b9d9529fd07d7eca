// Package report writes the report of a case: exhibits, custody, methods,
// findings, notes, limitations and reviews, in Malay and English. It says what
// the case holds and nothing else. Start with Build.
package report

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/internal/document"
)

//go:embed labels.yaml
var labelsFile []byte

// Langs are the languages of the report.
var Langs = []string{"ms", "en"}

// Version is a component and its version.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Source is what a report is written from.
type Source struct {
	Dir      string
	Index    findings.Index // nil: the case has none
	Lang     string
	AsOf     time.Time // later entries are left out; zero: the last entry's
	Versions []Version // the first ones: the programs
	Libs     []Version // the libraries in them, for the annex
	Tool     string
	// Withhold says which findings are counted and not shown; nil: none.
	Withhold func(*event.Event) bool
}

type builder struct {
	Source
	words    map[string]string
	info     casefile.Info
	entries  []evidence.Entry
	acquired map[string]acquisition // by the image's path in the case
}

// say is the label of a key in the report's language.
func (b *builder) say(key string, args ...any) string {
	w := b.words[key]
	if len(args) > 0 {
		return fmt.Sprintf(w, args...)
	}
	return w
}

// Build makes the report. The same case, index, time and versions give the same
// document.
func Build(ctx context.Context, s Source) (*document.Document, error) {
	b := &builder{Source: s, words: map[string]string{}}
	d, err := b.build(ctx)
	if err != nil {
		return nil, fmt.Errorf("writing the report of the case: %w", err)
	}
	return d, nil
}

func (b *builder) build(ctx context.Context) (*document.Document, error) {
	if err := b.read(); err != nil {
		return nil, err
	}
	st, _, err := evidence.VerifyLog(filepath.Join(b.Dir, casefile.CustodyDir), evidence.Origin(b.info.ID), nil)
	if err != nil {
		return nil, err
	}
	root, err := st.RootAt(int64(len(b.entries)))
	if err != nil {
		return nil, err
	}
	last := b.entries[len(b.entries)-1].Seq
	d := &document.Document{
		Lang: b.Lang, Title: b.say("title") + "\n" + b.info.ID, Mark: b.info.Classification, Draft: b.say("draft"), Page: b.say("page"), Time: b.AsOf,
		Foot: b.say("foot", b.info.ID, b.AsOf.Format(time.RFC3339), last, b.Tool),
	}
	facts := []document.Fact{
		{Name: b.say("case"), Value: b.info.ID},
		{Name: b.say("agency"), Value: b.info.Agency},
		{Name: b.say("classification"), Value: b.info.Classification},
		{Name: b.say("examiners"), Value: strings.Join(b.people(), ", ")},
		{Name: b.say("opened"), Value: short(b.entries[0].Time)},
		{Name: b.say("asof"), Value: b.AsOf.Format("2006-01-02 15:04:05")},
		{Name: b.say("log"), Value: b.say("log_value", len(b.entries), root)},
	}
	d.Parts = append(d.Parts, document.Part{Facts: facts})
	exhibits, err := b.exhibits()
	if err != nil {
		return nil, err
	}
	d.Parts = append(d.Parts, exhibits...)
	d.Parts = append(d.Parts, b.custody(), b.custodyTable())
	d.Parts = append(d.Parts, b.methods()...)
	for _, part := range []func(context.Context) ([]document.Part, error){b.findings, b.notes, b.timeline, b.limits, b.reviews} {
		parts, err := part(ctx)
		if err != nil {
			return nil, err
		}
		d.Parts = append(d.Parts, parts...)
	}
	d.Parts = append(d.Parts, document.Part{Heading: b.say("sign")}, document.Part{Sign: []string{b.say("sign_examiner"), b.say("sign_reviewer")}})
	if len(b.Libs) > 0 {
		d.Parts = append(d.Parts, document.Part{Heading: b.say("annex")}, b.versions(b.Libs))
	}
	return d, nil
}

// read takes over the case up to the time of the report.
func (b *builder) read() error {
	if !slices.Contains(Langs, b.Lang) {
		return fmt.Errorf("language %q: expected one of %s", b.Lang, strings.Join(Langs, ", "))
	}
	var all map[string]map[string]string
	if err := yaml.Unmarshal(labelsFile, &all); err != nil {
		return fmt.Errorf("reading its words: %w", err)
	}
	for k, v := range all {
		b.words[k] = v[b.Lang]
	}
	var err error
	if b.info, err = casefile.ReadInfo(b.Dir); err != nil {
		return err
	}
	entries, err := casefile.ReadLog(b.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		at, err := time.Parse(time.RFC3339Nano, e.Time)
		if err != nil {
			return fmt.Errorf("%w: entry %d: %w", evidence.ErrCustody, e.Seq, err)
		}
		if !b.Source.AsOf.IsZero() && at.After(b.Source.AsOf) {
			break
		}
		b.entries = append(b.entries, e)
	}
	if len(b.entries) == 0 {
		return errors.New("the case has no custody entry up to that time")
	}
	if b.AsOf.IsZero() {
		b.AsOf, _ = time.Parse(time.RFC3339Nano, b.entries[len(b.entries)-1].Time) // parsed above
	}
	b.AsOf = b.AsOf.UTC().Truncate(time.Second)
	return b.acquisitions()
}

// people are those who acted.
func (b *builder) people() (list []string) {
	for _, e := range b.entries {
		if e.Act != casefile.ActReview && e.Act != evidence.ActRecover && !slices.ContainsFunc(list, func(p string) bool { return casefile.SameName(p, e.Who) }) {
			list = append(list, e.Who)
		}
	}
	return list
}

func short(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func (b *builder) custody() document.Part { return document.Part{Heading: b.say("custody")} }

func (b *builder) custodyTable() document.Part {
	t := &document.Table{
		Columns: []string{b.say("entry"), b.say("time"), b.say("act"), b.say("who"), b.say("why")},
		Widths:  []float64{0.07, 0.2, 0.18, 0.2, 0.35},
	}
	for _, e := range b.entries {
		var why []string
		for _, v := range []string{e.Exhibit, e.Why, e.Authority} {
			if v != "" {
				why = append(why, v)
			}
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(e.Seq), short(e.Time), e.Act, e.Who, strings.Join(why, "; ")})
	}
	return document.Part{Table: t}
}

func (b *builder) methods() []document.Part {
	var tools []string
	for _, e := range b.entries {
		if !slices.Contains(tools, e.Tool) {
			tools = append(tools, e.Tool)
		}
	}
	return []document.Part{
		{Heading: b.say("methods")},
		{Text: b.say("methods_text")},
		{Facts: []document.Fact{{Name: b.say("tools"), Value: strings.Join(tools, ", ")}}},
		b.versions(b.Versions),
	}
}

func (b *builder) versions(list []Version) document.Part {
	t := &document.Table{Columns: []string{b.say("component"), b.say("version")}, Widths: []float64{0.6, 0.4}}
	for _, v := range list {
		t.Rows = append(t.Rows, []string{v.Name, v.Version})
	}
	return document.Part{Table: t}
}
