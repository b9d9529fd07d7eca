// Package verify checks the folder of an assessment: the signature of each
// document, its form, every id and every reference, and every number, which is
// computed again from what was frozen. Stock validators of OSCAL look at the
// form alone. Start with Folder.
package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/oscal"
	"saksi/internal/strictjson"
)

// Names of our own documents in the folder of an assessment.
const (
	AssessmentFile = "assessment.json"
	CatalogFile    = "catalog.json" // all that the assessment took of the framework
)

// maxDocument bounds a document on reading, in bytes.
const maxDocument = 512 << 20

// Kinds of problems.
const (
	KindMissing       = "missing-document"
	KindSchema        = "schema"
	KindNoSignature   = "signature-missing"
	KindSignature     = "signature"
	KindKey           = "key"
	KindDigest        = "digest"
	KindDuplicate     = "duplicate-uuid"
	KindObservation   = "dangling-observation"
	KindFinding       = "dangling-finding"
	KindRisk          = "dangling-risk"
	KindControl       = "dangling-control"
	KindComponent     = "dangling-component"
	KindSubject       = "dangling-subject"
	KindReference     = "dangling-reference" // of any other kind
	KindTarget        = "unknown-target"
	KindMapping       = "mapping"
	KindAsOf          = "as-of"
	KindCount         = "count"
	KindDropped       = "control-dropped"
	KindEvidence      = "evidence-digest"
	KindNoEvidence    = "evidence-missing"
	KindWaiver        = "waiver-expired"
	KindSelfApproved  = "attestation-self-approved"
	KindValue         = "value" // anything else that is not what the inputs give
	KindAgencyDropped = "agency-dropped"
)

// Problem is one thing that does not verify.
type Problem struct {
	Item     string `json:"item"` // file, with the place in it
	Kind     string `json:"kind"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
}

// maxProblems bounds those that are named; more are counted.
const maxProblems = 1000

// Result of verifying a folder.
type Result struct {
	Folder     string    `json:"folder"`
	Agency     string    `json:"agency"`
	Framework  string    `json:"framework"`
	AsOf       string    `json:"as_of"`
	Key        string    `json:"key"` // hint of the key that signed, "" for none
	Documents  int       `json:"documents"`
	Signatures int       `json:"signatures"` // that verify
	References int       `json:"references"`
	Values     int       `json:"values"`   // compared with what the inputs give
	Evidence   bool      `json:"evidence"` // computed again from the evidence itself
	Problems   []Problem `json:"problems"`
	More       int       `json:"more_problems"`
}

// Add names a problem.
func (r *Result) Add(item, kind, expected, found string) { r.add(item, kind, expected, found) }

// Compare names each value of a JSON document that is not what it should be.
func (r *Result) Compare(file string, want, got []byte) { r.compare(file, want, got, nil) }

func (r *Result) add(item, kind, expected, found string) {
	p := Problem{item, kind, short(expected), short(found)}
	if slices.Contains(r.Problems, p) {
		return
	}
	if len(r.Problems) >= maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, p)
}

// short bounds what is said of a value.
func short(s string) string {
	const most = 300
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "\u2026"
	}
	return s
}

// Trusted reports whether all problems are of keys: the documents hold, but who
// signed them is not trusted.
func (r *Result) Trusted() bool {
	return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind == KindKey })
}

// Sound reports whether nothing but keys is wrong.
func (r *Result) Sound() bool {
	return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind != KindKey })
}

// Documents are the files of an assessment that are signed: assessment.json, the
// frozen catalog, and the OSCAL documents.
func Documents(a *framework.Assessment, c *framework.FrozenCatalog) ([]oscal.Document, error) {
	own, err := a.JSON()
	if err != nil {
		return nil, err
	}
	catalog, err := c.JSON()
	if err != nil {
		return nil, err
	}
	docs, err := oscal.Documents(a, c)
	if err != nil {
		return nil, err
	}
	return append([]oscal.Document{{Name: AssessmentFile, JSON: own}, {Name: CatalogFile, JSON: catalog}}, docs...), nil
}

// Options of Folder.
type Options struct {
	Trust *evidence.Trust // keys that may have signed; nil trusts none
	// Again is the assessment made again from the evidence itself; nil leaves that
	// out.
	Again *framework.Assessment
	// Exhibits are the digests that exhibits have now, by case and exhibit, "" for
	// one that is not there; nil leaves that out.
	Exhibits map[[2]string]string
	// Core leaves the OSCAL documents out, as a bundle does: they are made from the
	// other two.
	Core bool
}

// Names are the documents of an assessment.
func Names() []string { return append([]string{AssessmentFile, CatalogFile}, oscal.Files...) }

// Folder checks the folder of an assessment and names every problem. The error
// is for a folder that holds no assessment.
func Folder(dir string, o Options) (*Result, error) {
	r := &Result{Folder: dir, Problems: []Problem{}}
	files := map[string][]byte{}
	for _, name := range Names() {
		b, err := evidence.ReadRegular(filepath.Join(dir, name), maxDocument)
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == AssessmentFile:
			return nil, fmt.Errorf("verifying an assessment: %w", err)
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			r.add(name, KindMissing, "a document", err.Error())
		default:
			files[name] = b
		}
		if b, err := evidence.ReadRegular(filepath.Join(dir, name+oscal.SignatureEnd), evidence.MaxBundle); err == nil {
			files[name+oscal.SignatureEnd] = b
		} else if !errors.Is(err, fs.ErrNotExist) {
			r.add(name+oscal.SignatureEnd, KindNoSignature, "a signature", err.Error())
		}
	}
	r.Files(files, o)
	return r, nil
}

// Files checks the documents of an assessment, with their signatures, by name,
// and adds what is wrong. It returns the assessment, nil when there is none.
func (r *Result) Files(files map[string][]byte, o Options) *framework.Assessment {
	for _, name := range Names() {
		if o.Core && name != AssessmentFile && name != CatalogFile {
			continue
		}
		b, ok := files[name]
		if !ok {
			r.add(name, KindMissing, "a document", "nothing")
			continue
		}
		r.Documents++
		r.Signed(name, b, files[name+oscal.SignatureEnd], o.Trust)
	}
	if o.Core && len(r.Problems) > 0 {
		return nil // what nobody signed is not read further
	}
	a := &framework.Assessment{}
	if err := strictjson.Decode(files[AssessmentFile], a); err != nil {
		r.add(AssessmentFile, KindSchema, fmt.Sprintf("an assessment of format %d", framework.FormatVersion), err.Error())
		return nil
	}
	if a.Format != framework.FormatVersion {
		r.add(AssessmentFile, KindSchema, fmt.Sprintf("format %d", framework.FormatVersion), fmt.Sprint(a.Format))
		return nil
	}
	r.Agency, r.Framework, r.AsOf = a.Agency, a.Framework, a.AsOf.Format("2006-01-02T15:04:05Z07:00")
	r.persons(a)
	if !o.Core {
		r.references(files)
	}
	if f := r.catalog(a, files[CatalogFile]); f != nil {
		r.recompute(a, f, files, o.Core)
	}
	r.evidence(a, o)
	return a
}

// Signed checks the signature of a document, nil for none.
func (r *Result) Signed(name string, doc, sig []byte, trust *evidence.Trust) {
	file := name + oscal.SignatureEnd
	if sig == nil {
		r.add(file, KindNoSignature, "a signature of "+name, "nothing")
		return
	}
	var keys []*evidence.Public
	var hints []string
	if trust != nil {
		keys = trust.Keys
	}
	for _, k := range keys {
		hints = append(hints, k.Hint())
	}
	hint, err := oscal.Verify(sig, name, doc, keys)
	if hint != "" && r.Key == "" {
		r.Key = hint
	}
	switch {
	case err == nil:
		if at, why := trust.Revoked(hint); !at.IsZero() {
			r.add(file, KindKey, "a key that holds", fmt.Sprintf("%s, revoked %s: %s", hint, at.Format("2006-01-02"), why))
			return
		}
		r.Signatures++
	case errors.Is(err, oscal.ErrKey):
		r.add(file, KindKey, "one of "+strings.Join(hints, ", "), hint)
	case errors.Is(err, evidence.ErrDigest):
		r.add(name, KindDigest, "the document that was signed", err.Error())
	default:
		r.add(file, KindSignature, "a signature of "+name, err.Error())
	}
}

// persons checks what a person signed for: nobody approves his own word, and
// what has expired counts for nothing.
func (r *Result) persons(a *framework.Assessment) {
	asOf := a.AsOf.UTC().Format("2006-01-02T15:04:05Z07:00")
	for i := range a.Attestations {
		t := &a.Attestations[i]
		item := fmt.Sprintf("%s:/attestations/%d (%s)", AssessmentFile, i, t.Control)
		if t.State == framework.InDate && (t.Author == t.Approver || len(t.KeyHints) == 2 && t.KeyHints[0] == t.KeyHints[1]) {
			r.add(item, KindSelfApproved, "another approver than "+t.Author, t.Approver)
		}
		if t.State == framework.InDate && expired(t.Expires, a) {
			r.add(item, KindValue, "expired by "+asOf, "in date, though it expires "+t.Expires)
		}
	}
	for i := range a.Waivers {
		v := &a.Waivers[i]
		item := fmt.Sprintf("%s:/waivers/%d (%s)", AssessmentFile, i, v.Control)
		if expired(v.Expires, a) && (v.State == framework.InDate || v.Used) {
			r.add(item, KindWaiver, "expired by "+asOf, "in date, though it expires "+v.Expires)
		}
		if v.State == framework.InDate && v.Author == v.Approver {
			r.add(item, KindSelfApproved, "another approver than "+v.Author, v.Approver)
		}
	}
	waivers := map[string]*framework.Waiver{}
	for i := range a.Waivers {
		waivers[a.Waivers[i].UUID] = &a.Waivers[i]
	}
	for i, k := range a.Risks {
		if k.Treatment != framework.TreatAccepted {
			continue
		}
		item := fmt.Sprintf("%s:/risks/%d (%s)", AssessmentFile, i, k.Control)
		switch v := waivers[k.Waiver]; {
		case v == nil:
			r.add(item, KindWaiver, "a waiver in date", "no waiver "+k.Waiver)
		case expired(v.Expires, a):
			r.add(item, KindWaiver, "a waiver in date", "one that expired "+v.Expires)
		}
	}
}
