package verify

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/frameworktest"
	"saksi/framework/oscal"
)

func key(t *testing.T) *evidence.Signer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.key")
	if _, err := evidence.GenerateKey(path, evidence.KeyECDSA, nil); err != nil {
		t.Fatal(err)
	}
	s, err := evidence.LoadSigner(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func assessment(t *testing.T) (*framework.Assessment, *framework.FrozenCatalog) {
	t.Helper()
	a, f := frameworktest.Assess(t, frameworktest.Inputs(), frameworktest.Attack()...)
	if len(a.Risks) == 0 || len(a.POAM) == 0 {
		t.Fatal("nothing fails in the sample")
	}
	return a, f
}

func write(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// folder writes an assessment, each document changed by change and then signed.
func folder(t *testing.T, s *evidence.Signer, a *framework.Assessment, f *framework.FrozenCatalog, change map[string]func(doc any)) string {
	t.Helper()
	docs, err := Documents(a, f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, d := range docs {
		b := d.JSON
		if do := change[d.Name]; do != nil {
			v, err := tree(b)
			if err != nil {
				t.Fatal(err)
			}
			do(v)
			if b, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		sig, err := oscal.Sign(t.Context(), s, d.Name, b)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, d.Name, b)
		write(t, dir, d.Name+oscal.SignatureEnd, sig)
	}
	return dir
}

func verifyFolder(t *testing.T, dir string, o Options) *Result {
	t.Helper()
	r, err := Folder(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// at leads to a place in a JSON tree.
func at(t *testing.T, v any, path string) any {
	t.Helper()
	for _, p := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		switch x := v.(type) {
		case map[string]any:
			v = x[p]
		case []any:
			var i int
			if _, err := fmt.Sscan(p, &i); err != nil || i >= len(x) {
				t.Fatalf("no place %s of %s", p, path)
			}
			v = x[i]
		default:
			t.Fatalf("no place %s of %s", p, path)
		}
	}
	return v
}

// set puts a value at a place.
func set(t *testing.T, path string, value any) func(any) {
	return func(doc any) {
		t.Helper()
		i := strings.LastIndex(path, "/")
		m := at(t, doc, path[:i])
		switch x := m.(type) {
		case map[string]any:
			if x[path[i+1:]] == nil {
				t.Fatalf("nothing at %s", path)
			}
			x[path[i+1:]] = value
		case []any:
			var n int
			if _, err := fmt.Sscan(path[i+1:], &n); err != nil {
				t.Fatal(err)
			}
			x[n] = value
		}
	}
}

// drop takes an element out of a list.
func drop(t *testing.T, path string, n int) func(any) {
	return func(doc any) {
		t.Helper()
		i := strings.LastIndex(path, "/")
		m := at(t, doc, path[:i]).(map[string]any)
		list := m[path[i+1:]].([]any)
		m[path[i+1:]] = slices.Delete(slices.Clone(list), n, n+1)
	}
}

// TestWhole proves that what was written verifies, with a thousand references
// and values looked at.
func TestWhole(t *testing.T) {
	a, f := assessment(t)
	s := key(t)
	dir := folder(t, s, a, f, nil)
	again, _ := assessment(t)
	o := Options{Trust: evidence.TrustKey(s.Public()), Again: again, Exhibits: map[[2]string]string{{"A-1", "E1"}: strings.Repeat("ab", 32)}}
	r := verifyFolder(t, dir, o)
	for _, p := range r.Problems {
		t.Errorf("%+v", p)
	}
	if r.Documents != 10 || r.Signatures != 10 || r.References < 500 || r.Values < 10000 || !r.Evidence {
		t.Errorf("%+v", r)
	}
	if _, err := Folder(t.TempDir(), o); err == nil {
		t.Error("an empty folder verifies")
	}
}

const nobody = "00000000-0000-5000-8000-000000000000"

// TestCorruptions proves that each corruption is named by its kind and its file,
// though the forger signed what he changed with the right key.
func TestCorruptions(t *testing.T) {
	const ar, poam, ssp, ap = oscal.ResultsFile, oscal.POAMFile, oscal.SystemFile, oscal.PlanFile
	result := "/assessment-results/results/0"
	risky := func(a *framework.Assessment) int { // place of the first finding with a risk
		n := 0
		for _, o := range a.Outcomes {
			if len(o.Risks) > 0 {
				return n
			}
			if len(o.Observations) > 0 {
				n++
			}
		}
		return -1
	}
	base, frozen := assessment(t)
	s := key(t)
	withEvidence, ei, oi := -1, -1, 0
	for i, o := range base.Outcomes {
		for range o.Observations {
			if list := o.Observations[0].Evidence; len(list) > 0 && list[0].SHA256 != "" && withEvidence < 0 { // of a source that a case holds
				withEvidence, ei = oi, i
			}
			oi++
		}
	}
	ev := fmt.Sprintf("%s/observations/%d/relevant-evidence", result, withEvidence)
	finding := fmt.Sprintf("%s/findings/%d", result, risky(base))
	for name, c := range map[string]struct {
		file, kind string
		do         func(any)
	}{
		"dangling observation":      {ar, KindObservation, set(t, result+"/findings/0/related-observations/0/observation-uuid", nobody)},
		"dangling finding":          {poam, KindFinding, set(t, "/plan-of-action-and-milestones/poam-items/0/related-findings/0/finding-uuid", nobody)},
		"dangling risk":             {ar, KindRisk, set(t, finding+"/related-risks/0/risk-uuid", nobody)},
		"dangling risk of an item":  {poam, KindRisk, set(t, "/plan-of-action-and-milestones/poam-items/0/related-risks/0/risk-uuid", nobody)},
		"dangling control":          {ar, KindControl, set(t, result+"/reviewed-controls/control-selections/0/include-controls/0/control-id", "rk-99")},
		"dangling control, profile": {oscal.ProfileFile, KindControl, set(t, "/profile/imports/0/include-controls/0/with-ids/0", "rk-99")},
		"dangling control, plan":    {ssp, KindControl, set(t, "/system-security-plan/control-implementation/implemented-requirements/0/control-id", "rk-99")},
		"dangling component":        {ssp, KindComponent, set(t, "/system-security-plan/control-implementation/implemented-requirements/0/by-components/0/component-uuid", nobody)},
		"dangling actor":            {ar, KindComponent, set(t, result+"/observations/0/origins/0/actors/0/actor-uuid", nobody)},
		"dangling subject":          {ar, KindSubject, set(t, result+"/observations/0/subjects/0/subject-uuid", nobody)},
		"dangling subject, plan":    {ap, KindSubject, set(t, "/assessment-plan/assessment-subjects/0/include-subjects/0/subject-uuid", nobody)},
		"dangling party":            {ar, KindReference, set(t, "/assessment-results/metadata/responsible-parties/0/party-uuids/0", nobody)},
		"dangling resource":         {ar, KindNoEvidence, set(t, ev+"/0/href", "#"+nobody)},
		"unknown target":            {ar, KindTarget, set(t, result+"/findings/0/target/target-id", "rk-99_obj")},
		"duplicate UUID":            {ar, KindDuplicate, func(doc any) { set(t, result+"/observations/1/uuid", at(t, doc, result+"/observations/0/uuid"))(doc) }},
		"not a UUID":                {ar, KindSchema, set(t, result+"/uuid", "x")},
		"a name that OSCAL has not": {ar, KindSchema, func(doc any) { at(t, doc, result).(map[string]any)["score"] = "100" }},
		"digest of evidence":        {ar, KindEvidence, set(t, "/assessment-results/back-matter/resources/0/rlinks/0/hashes/0/value", strings.Repeat("cd", 32))},
		"missing evidence":          {ar, KindNoEvidence, drop(t, ev, 0)},
		"missing exhibit":           {ar, KindNoEvidence, drop(t, "/assessment-results/back-matter/resources", 0)},
		"changed count":             {ar, KindCount, set(t, result+"/observations/0/props/2/value", "7")},
		"changed as-of":             {ar, KindAsOf, set(t, result+"/start", "2026-11-25T12:00:00Z")},
		"control dropped, results":  {ar, KindDropped, drop(t, result+"/findings", 0)},
		"control dropped, profile":  {oscal.ProfileFile, KindDropped, drop(t, "/profile/imports/0/include-controls/0/with-ids", 3)},
		"altered mapping":           {oscal.MappingFile, KindMapping, set(t, "/mapping-collection/mappings/0/maps/0/targets/0/id-ref", "9.9")},
		"mapping dropped":           {oscal.MappingFile, KindMapping, drop(t, "/mapping-collection/mappings/1/maps", 0)},
		"mapping of no control":     {oscal.MappingFile, KindMapping, set(t, "/mapping-collection/mappings/0/maps/0/sources/0/id-ref", "rk-99")},
		"a state made good":         {ar, KindValue, set(t, finding+"/target/status/state", "satisfied")},
		"a risk made closed":        {poam, KindValue, set(t, "/plan-of-action-and-milestones/risks/0/status", "closed")},
		"count in ours":             {AssessmentFile, KindCount, set(t, "/findings", json.Number("0"))},
		"answer in ours":            {AssessmentFile, KindCount, set(t, "/inputs/queries/1/total", json.Number("0"))},
		"as-of in ours":             {AssessmentFile, KindAsOf, set(t, "/as_of", "2026-11-25T12:00:00Z")},
		"control dropped, ours":     {AssessmentFile, KindDropped, drop(t, "/outcomes", 5)},
		"state in ours":             {AssessmentFile, KindValue, set(t, fmt.Sprintf("/outcomes/%d/state", ei), "pass")},
		"evidence of ours":          {AssessmentFile, KindEvidence, set(t, "/sources/0/sha256", strings.Repeat("cd", 32))},
		"check of the catalog":      {CatalogFile, KindMapping, set(t, "/controls/3/maps/nist_csf_2_0/0", "PR.AA-99")},
		"allowed share of a check": {CatalogFile, KindCount, func(doc any) {
			for _, k := range at(t, doc, "/controls").([]any) {
				if checks, ok := k.(map[string]any)["checks"].([]any); ok {
					checks[0].(map[string]any)["allowed"] = json.Number("0.9")
					return
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, s, base, frozen, map[string]func(any){c.file: c.do})
			r := verifyFolder(t, dir, Options{Trust: evidence.TrustKey(s.Public()), Again: base})
			if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind == c.kind && strings.HasPrefix(p.Item, c.file) }) {
				t.Errorf("no %s in %s named: %d problems, such as %+v", c.kind, c.file, len(r.Problems), r.Problems[:min(3, len(r.Problems))])
			}
			if r.Sound() {
				t.Error("it is sound")
			}
		})
	}
}

// TestSignatures proves that an altered signature, another key, a missing one
// and a missing document are each named.
func TestSignatures(t *testing.T) {
	a, f := assessment(t)
	s, other := key(t), key(t)
	for name, c := range map[string]struct {
		kind string
		keys *evidence.Signer
		do   func(dir string)
	}{
		"altered signature": {KindSignature, s, func(dir string) {
			p := filepath.Join(dir, oscal.ResultsFile+oscal.SignatureEnd)
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			var e map[string]any
			if err := json.Unmarshal(b, &e); err != nil {
				t.Fatal(err)
			}
			sig := e["signatures"].([]any)[0].(map[string]any)
			raw := []byte(sig["sig"].(string))
			raw[40] ^= 1 // it stays base64 or becomes none: both are refused
			sig["sig"] = string(raw)
			if b, err = json.Marshal(e); err != nil {
				t.Fatal(err)
			}
			write(t, dir, oscal.ResultsFile+oscal.SignatureEnd, b)
		}},
		"other key":     {KindKey, other, func(string) {}},
		"no signature":  {KindNoSignature, s, func(dir string) { os.Remove(filepath.Join(dir, oscal.PlanFile+oscal.SignatureEnd)) }},
		"no document":   {KindMissing, s, func(dir string) { os.Remove(filepath.Join(dir, oscal.PlanFile)) }},
		"other content": {KindDigest, s, func(dir string) { write(t, dir, oscal.ProfileFile, []byte(`{"profile":{}}`)) }},
		"a FIFO's kind": {KindMissing, s, func(dir string) {
			p := filepath.Join(dir, oscal.ProfileFile)
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(p, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, s, a, f, nil)
			c.do(dir)
			r := verifyFolder(t, dir, Options{Trust: evidence.TrustKey(c.keys.Public())})
			if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind == c.kind }) {
				t.Errorf("no %s named: %+v", c.kind, r.Problems)
			}
			if r.Sound() != (c.kind == KindKey) {
				t.Errorf("sound: %v", r.Sound())
			}
		})
	}
}

// TestEvidence proves that an exhibit that is gone or another, and an index that
// answers otherwise, are named.
func TestEvidence(t *testing.T) {
	a, f := assessment(t)
	s := key(t)
	dir := folder(t, s, a, f, nil)
	for kind, x := range map[string]map[[2]string]string{
		KindNoEvidence: {{"A-1", "E1"}: ""},
		KindEvidence:   {{"A-1", "E1"}: strings.Repeat("cd", 32)},
	} {
		r := verifyFolder(t, dir, Options{Trust: evidence.TrustKey(s.Public()), Exhibits: x})
		if len(r.Problems) != 1 || r.Problems[0].Kind != kind {
			t.Errorf("%s: %+v", kind, r.Problems)
		}
	}
	again, _ := frameworktest.Assess(t, frameworktest.Inputs(), frameworktest.Attack()[:3]...)
	r := verifyFolder(t, dir, Options{Trust: evidence.TrustKey(s.Public()), Again: again})
	if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind == KindCount && p.Item == "assessment.json:/findings" }) {
		t.Errorf("%+v", r.Problems)
	}
}

// TestPersons proves that a waiver that has expired and an attestation by its
// own author count for nothing, whatever the assessment says of them.
func TestPersons(t *testing.T) {
	s := key(t)
	for kind, change := range map[string]func(a *framework.Assessment){
		KindWaiver: func(a *framework.Assessment) {
			w := framework.Waiver{UUID: framework.UUID("w"), Control: a.Risks[0].Control, Author: "a", Approver: "b", Expires: "2026-01-01T00:00:00Z", State: framework.InDate, Used: true}
			a.Waivers = []framework.Waiver{w}
			a.Risks[0].Treatment, a.Risks[0].Waiver = framework.TreatAccepted, w.UUID
		},
		KindSelfApproved: func(a *framework.Assessment) {
			a.Attestations = []framework.Attestation{{UUID: framework.UUID("t"), Control: a.Outcomes[0].Control.ID, Author: "a", Approver: "a", Expires: "2027-01-01T00:00:00Z", State: framework.InDate}}
		},
	} {
		a, f := assessment(t)
		change(a)
		r := verifyFolder(t, folder(t, s, a, f, nil), Options{Trust: evidence.TrustKey(s.Public())})
		if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind == kind }) {
			t.Errorf("no %s named: %+v", kind, r.Problems)
		}
	}
}
