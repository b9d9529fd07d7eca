// Package form fills the forms of a case from its custody log and nothing else:
// the chain-of-custody form and the certificate of section 90A of the Evidence
// Act 1950, in Malay and English, as drafts for a person to sign. Start with
// Custody or Certificate.
package form

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/internal/document"
)

//go:embed labels.yaml
var labelsFile []byte

// Langs are the languages of the forms.
var Langs = []string{"ms", "en"}

// words are the labels of one language.
type words map[string]string

func labels(lang string) (words, error) {
	if !slices.Contains(Langs, lang) {
		return nil, fmt.Errorf("a form in %q; expected one of %s", lang, strings.Join(Langs, ", "))
	}
	var all map[string]map[string]string
	if err := yaml.Unmarshal(labelsFile, &all); err != nil {
		return nil, fmt.Errorf("reading the words of the forms: %w", err)
	}
	w := words{}
	for k, v := range all {
		w[k] = v[lang]
	}
	return w, nil
}

// source is what a form is filled from.
type source struct {
	words
	info     casefile.Info
	entries  []evidence.Entry
	exhibits []casefile.Exhibit
	root     string
}

func open(dir, lang string, tool string) (*source, *document.Document, error) {
	w, err := labels(lang)
	if err != nil {
		return nil, nil, err
	}
	s := &source{words: w}
	if s.info, err = casefile.ReadInfo(dir); err != nil {
		return nil, nil, err
	}
	if s.entries, err = casefile.ReadLog(dir); err != nil {
		return nil, nil, err
	}
	if s.exhibits, err = casefile.Exhibits(dir); err != nil {
		return nil, nil, err
	}
	if s.root, err = casefile.LogRoot(dir); err != nil {
		return nil, nil, err
	}
	if len(s.entries) == 0 {
		return nil, nil, fmt.Errorf("filling a form: %w: it has no entries", evidence.ErrCustody)
	}
	last := s.entries[len(s.entries)-1]
	at, err := time.Parse(time.RFC3339Nano, last.Time)
	if err != nil {
		return nil, nil, fmt.Errorf("filling a form: %w: %w", evidence.ErrCustody, err)
	}
	d := &document.Document{
		Lang: lang, Mark: s.info.Classification, Draft: w["draft"], Page: w["page"], Time: at,
		Foot: fmt.Sprintf(w["foot"], s.info.ID, last.Seq, at.Format(time.RFC3339), tool),
	}
	return s, d, nil
}

// caseFacts are what both forms say of the case.
func (s *source) caseFacts() document.Part {
	first := s.entries[0]
	return document.Part{Facts: []document.Fact{
		{Name: s.words["case"], Value: s.info.ID},
		{Name: s.words["agency"], Value: s.info.Agency},
		{Name: s.words["classification"], Value: s.info.Classification},
		{Name: s.words["opened"], Value: shortTime(first.Time) + " UTC"},
		{Name: s.words["opened_by"], Value: first.Who},
		{Name: s.words["log"], Value: fmt.Sprintf(s.words["log_value"], len(s.entries), s.root, s.info.Key)},
	}}
}

func shortTime(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// Custody fills the chain-of-custody form: each exhibit, or the one named, with
// everything the log says was done with it. The program's name and version go
// into the foot.
func Custody(dir, lang, exhibit, tool string) (*document.Document, error) {
	s, d, err := open(dir, lang, tool)
	if err != nil {
		return nil, err
	}
	d.Title = s.words["custody_title"]
	d.Parts = []document.Part{s.caseFacts()}
	found := false
	for _, x := range s.exhibits {
		if exhibit != "" && x.ID != exhibit {
			continue
		}
		found = true
		d.Parts = append(d.Parts, s.exhibit(x)...)
	}
	if exhibit != "" && !found {
		return nil, fmt.Errorf("filling a form: the case has no exhibit %q", exhibit)
	}
	if exhibit == "" {
		d.Parts = append(d.Parts, document.Part{Heading: s.words["others"]}, s.history(""))
	}
	d.Parts = append(d.Parts, document.Part{Sign: []string{s.words["sign_released"], s.words["sign_received"]}})
	return d, nil
}

func (s *source) exhibit(x casefile.Exhibit) []document.Part {
	added, holder := s.entries[0], ""
	for _, e := range s.entries {
		if e.Seq == x.Seq {
			added = e
		}
		if e.Exhibit == x.ID && e.To != "" {
			holder = e.To
		}
		if e.Exhibit == x.ID && e.Act == casefile.ActDispose {
			holder = fmt.Sprintf(s.words["ended"], e.Seq)
		}
	}
	return []document.Part{
		{Heading: s.words["exhibit"] + " " + x.ID},
		{Facts: []document.Fact{
			{Name: s.words["name"], Value: x.Name},
			{Name: s.words["size"], Value: fmt.Sprintf("%d %s", x.Size, s.words["bytes"])},
			{Name: "SHA-256", Value: x.SHA256},
			{Name: s.words["kept"], Value: x.Path},
			{Name: s.words["taken"], Value: fmt.Sprintf("%s UTC, %s %s", shortTime(added.Time), s.words["by"], added.Who)},
			{Name: s.words["holder"], Value: holder},
		}},
		s.history(x.ID),
	}
}

// act is an act of the log in the language of the form.
func (s *source) act(name string) string { return cmp.Or(s.words["act "+name], name) }

// history is a table of the entries of an exhibit, or of those of none.
func (s *source) history(exhibit string) document.Part {
	t := &document.Table{
		Columns: []string{s.words["entry"], s.words["time"], s.words["act"], s.words["who"], s.words["from"], s.words["to"], s.words["why"]},
		Widths:  []float64{0.06, 0.17, 0.13, 0.14, 0.14, 0.14, 0.22},
	}
	for _, e := range s.entries {
		if e.Exhibit != exhibit {
			continue
		}
		var why []string
		for _, v := range []string{e.Why, e.Where, e.Authority} {
			if v != "" {
				why = append(why, v)
			}
		}
		if a := e.Detail["approved_by"]; a != "" {
			why = append(why, s.words["approved"]+" "+a)
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(e.Seq), shortTime(e.Time), s.act(e.Act), e.Who, e.From, e.To, strings.Join(why, "; ")})
	}
	if len(t.Rows) == 0 {
		return document.Part{Text: s.words["none"]}
	}
	return document.Part{Table: t}
}

// Certificate drafts the certificate of section 90A(2) over what the log records
// as produced by the program: statements, exports, reports, the seal.
func Certificate(dir, lang, tool string) (*document.Document, error) {
	s, d, err := open(dir, lang, tool)
	if err != nil {
		return nil, err
	}
	d.Title = s.words["certificate_title"]
	docs := &document.Table{
		Columns: []string{s.words["entry"], s.words["document"], s.words["produced"], "SHA-256"},
		Widths:  []float64{0.06, 0.34, 0.18, 0.42},
	}
	var tools []document.Fact
	for _, e := range s.entries {
		if !slices.ContainsFunc(tools, func(f document.Fact) bool { return f.Name == e.Tool }) {
			tools = append(tools, document.Fact{Name: e.Tool, Value: shortTime(e.Time)})
		}
		for i := range tools {
			if first, _, _ := strings.Cut(tools[i].Value, " – "); tools[i].Name == e.Tool && first != shortTime(e.Time) {
				tools[i].Value = first + " – " + shortTime(e.Time)
			}
		}
		if e.Where != "" && e.SHA256 != "" && slices.Contains([]string{casefile.ActSign, casefile.ActExport, casefile.ActSeal}, e.Act) {
			docs.Rows = append(docs.Rows, []string{fmt.Sprint(e.Seq), e.Where, shortTime(e.Time), e.SHA256})
		}
	}
	for i := range tools {
		tools[i].Value += " UTC"
	}
	d.Parts = []document.Part{
		s.caseFacts(),
		{Heading: s.words["who_signs"]},
		{Text: s.words["who_signs_text"]},
		{Heading: s.words["statement"]},
		{Text: s.words["statement_text"]},
		{Heading: s.words["computer"]},
		{Facts: tools},
		{Heading: s.words["documents"]},
	}
	if len(docs.Rows) == 0 {
		d.Parts = append(d.Parts, document.Part{Text: s.words["none"]})
	} else {
		d.Parts = append(d.Parts, document.Part{Table: docs})
	}
	d.Parts = append(d.Parts, document.Part{Sign: []string{s.words["sign_responsible"]}})
	return d, nil
}
