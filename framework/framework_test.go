package framework

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

var asOf = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// memory is an index that answers by query.Match, the reference meaning.
type memory struct {
	docs []findings.Doc
}

func (m *memory) Emit(e *event.Event) error {
	body := e.AppendJSON(nil)
	id, _ := e.GetStr(event.EventID)
	ns, _ := e.GetTime(event.Timestamp)
	m.docs = append(m.docs, findings.Doc{ID: id, Time: time.Unix(0, ns), Body: body})
	return nil
}

func (m *memory) Search(_ context.Context, r findings.Request) (p findings.Page, err error) {
	n, err := query.Parse(r.Query)
	if err != nil {
		return p, err
	}
	for _, d := range m.docs {
		e, err := event.Parse(d.Body)
		if err != nil {
			return p, err
		}
		if n.Match(e) {
			p.Total++
			p.Docs = append(p.Docs, d)
		}
	}
	slices.SortFunc(p.Docs, func(a, b findings.Doc) int { return strings.Compare(a.ID, b.ID) })
	p.Docs = p.Docs[:min(len(p.Docs), max(r.Size, 1))]
	return p, nil
}

func (m *memory) matching(q string) ([]*event.Event, error) {
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	var list []*event.Event
	for _, d := range m.docs {
		e, err := event.Parse(d.Body)
		if err != nil {
			return nil, err
		}
		if n.Match(e) {
			list = append(list, e)
		}
	}
	return list, nil
}

func (m *memory) Terms(_ context.Context, q, field string, size int) ([]findings.Bucket, error) {
	list, err := m.matching(q)
	if err != nil {
		return nil, err
	}
	f, err := findings.TermsField(field)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, e := range list {
		for v := range e.Values(f) {
			counts[string(v.AppendText(nil))]++
		}
	}
	return findings.TopBuckets(counts, size), nil
}

func (m *memory) Histogram(_ context.Context, q string, every time.Duration) ([]findings.Bucket, error) {
	list, err := m.matching(q)
	if err != nil {
		return nil, err
	}
	counts := map[int64]int64{}
	for _, e := range list {
		ns, _ := e.GetTime(event.Timestamp)
		counts[ns/int64(every)*int64(every)]++
	}
	return findings.TimeBuckets(counts), nil
}

func doc(kv ...any) *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, asOf.Add(-time.Hour).UnixNano())
	e.Str(event.EventKind, "event")
	e.Str(event.SaksiCase, "A-1")
	e.Str(event.SaksiExhibit, "E1")
	for i := 0; i < len(kv); i += 2 {
		f := kv[i].(event.Field)
		if err := e.SetText(f, fmt.Sprint(kv[i+1])); err != nil {
			panic(err)
		}
	}
	return e
}

func alert(kv ...any) *event.Event {
	return doc(append([]any{event.EventKind, "alert", event.EventDataset, "saksi.alert"}, kv...)...)
}

// TestCatalog proves that the catalog loads with its eight components, and that the mapping names known controls only.
func TestCatalog(t *testing.T) {
	c, err := Load("rakkssa")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range c.Components() {
		ids = append(ids, k.ID)
	}
	if want := []string{"rk-1", "rk-2", "rk-3", "rk-4", "rk-5", "rk-6", "rk-7", "rk-8"}; !slices.Equal(ids, want) {
		t.Errorf("%v, expected %v", ids, want)
	}
	m, err := loadMapping("rakkssa", c)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Techniques) < 60 {
		t.Errorf("%d techniques mapped", len(m.Techniques))
	}
	if _, err := Load("none"); err == nil {
		t.Error("an unknown framework loaded")
	}
}

// TestParse proves that a wrong catalog is refused with the place.
func TestParse(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"id: x\nbogus: 1\n", "line 2"},
		{"id: X Y\n", "id \"X Y\""},
		{"id: x\na: &a [1]\nb: *a\n", "line 3: aliases"},
		{"id: x\ncontrols:\n  - {id: a}\n", `x.yaml:3: control "a"`},
		{"id: x\ncontrols: [{id: a, component: b}]", "stands nowhere"},
		{"id: x\ncontrols: [{id: a, mode: x}]", `mode "x"`},
		{"id: x\ncontrols: [{id: a, mode: partly, title: {en: a}, source: s, confidence: {title: read, requirement: read}, checks: [{id: c, bad: 'event.kind:alert', of: '*', min: 1}]}]", "twin"},
		{"id: x\ncontrols: [{id: a, mode: partly, title: {en: a}, source: s, confidence: {title: read, requirement: read}, checks: [{id: c, bad: 'event.kind:alert', of: '*', min: 1, twin: {event.kind: event}, good: {event.kind: event}}]}]", "twin does not fail"},
		{"id: x\ncontrols: [{id: a, mode: partly, title: {en: a}, source: s, confidence: {title: read, requirement: read}, checks: [{id: c, bad: 'event.kind:alert', of: '*', min: 1, twin: {event.kind: alert}, good: {event.kind: alert}}]}]", "good document fails"},
		{"id: x\ncontrols: [{id: a, mode: partly, title: {en: a}, source: s, confidence: {title: read, requirement: read}, checks: [{id: c, fact: moon, min: 1}]}]", "fact \"moon\""},
		{"id: x\n---\nid: y\n", "more than one document"},
		{"id: x\ncontrols: [{id: a, mode: partly, title: {ms: a, en: a}, requirement: r, source: s, confidence: {title: read, requirement: read}, checks: [{id: c, bad: 'no.such:1', of: '*', min: 1}]}]", "unknown field"},
	} {
		if _, err := Parse("x.yaml", []byte(c.yaml)); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.yaml") {
			t.Errorf("%s: %v, expected %q", c.yaml, err, c.want)
		}
	}
}

// TestTagger proves that findings get their controls by technique, by the
// technique's parent, or by language, and that other events get none.
func TestTagger(t *testing.T) {
	m := &memory{}
	s, err := Tagger("rakkssa", m)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		e    *event.Event
		want []string
	}{
		{alert(event.ThreatTechniqueID, "T1190"), []string{"rk-2-aplikasi", "rk-3-trafik"}},
		{alert(event.ThreatTechniqueID, "T1190.999"), []string{"rk-2-aplikasi", "rk-3-trafik"}},
		{alert(event.SaksiRuleLanguage, "yara"), []string{"rk-3-kodjahat"}},
		{doc(event.ThreatTechniqueID, "T1190"), nil},
	} {
		if err := s.Emit(c.e); err != nil {
			t.Fatal(err)
		}
		var got []string
		for v := range c.e.Values(event.SaksiControl) {
			got = append(got, v.Str())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v, expected %v", got, c.want)
		}
	}
}

func assess(t *testing.T, facts map[string]Fact, docs ...*event.Event) *Assessment {
	t.Helper()
	m := &memory{}
	s, err := Tagger("rakkssa", m)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range docs {
		if err := s.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	return assessIndex(t, nil, m, facts)
}

// assessBy assesses documents as they are, by a catalog.
func assessBy(t *testing.T, c *Catalog, facts map[string]Fact, docs ...*event.Event) *Assessment {
	t.Helper()
	m := &memory{}
	for _, e := range docs {
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	return assessIndex(t, c, m, facts)
}

func assessIndex(t *testing.T, c *Catalog, m *memory, facts map[string]Fact) *Assessment {
	t.Helper()
	a, err := Assess(t.Context(), m, Inputs{
		Framework: "rakkssa", Catalog: c, AsOf: asOf, Agency: "Jabatan", Classification: "Sulit", Assessor: "juruaudit", Tool: "saksi test", Facts: facts, Where: "--case kes",
		Cases:   []CaseInput{{ID: "A-1", Dir: "kes", Agency: "Jabatan", Classification: "Sulit", Exhibits: 1, Entries: 5}},
		Sources: []Source{{Case: "A-1", Exhibit: "E1", Name: "demo.pcap", SHA256: strings.Repeat("ab", 32), SourceKey: "key", CustodyEntry: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func stateOf(t *testing.T, a *Assessment, id string) State {
	t.Helper()
	for _, o := range a.Outcomes {
		if o.Control.ID == id {
			return o.State
		}
	}
	t.Fatalf("no outcome of %s", id)
	return ""
}

// TestStates proves, for every check of every catalog, that nothing seen is no
// data, that a good population does not fail, and that its twin fails the
// control.
func TestStates(t *testing.T) {
	decided := map[string]int{}
	for _, name := range Names() {
		c, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		empty := assessBy(t, c, nil)
		for _, k := range c.Controls {
			if !c.leaf(k) {
				continue
			}
			if len(k.Checks) > 0 {
				decided[name]++
				if s := stateOf(t, empty, k.ID); s != NoData {
					t.Errorf("%s: %s with nothing seen is %s", name, k.ID, s)
				}
			}
			for _, x := range k.Checks {
				good, bad := map[string]Fact{}, map[string]Fact{}
				var docs, twin []*event.Event
				for _, y := range k.Checks {
					if y.Fact != "" {
						good[y.Fact] = Fact{N: max(y.Min, 2)}
						bad[y.Fact] = good[y.Fact]
						continue
					}
					docs = append(docs, withFields(t, y.Good))
				}
				if x.Fact != "" {
					bad[x.Fact] = Fact{N: 2, Problems: []string{"it differs"}}
				} else {
					twin = append(twin, withFields(t, x.Twin))
				}
				fine := assessBy(t, c, good, docs...)
				if s := stateOf(t, fine, k.ID); s != Pass && s != PartlyPass {
					t.Errorf("%s: %s with good input is %s", name, k.ID, s)
				} else if !k.Confidence.Sure() && s == Pass {
					t.Errorf("%s: %s: an unqualified pass of a requirement that was not read", name, k.ID)
				}
				a := assessBy(t, c, bad, append(twin, docs...)...)
				if s := stateOf(t, a, k.ID); s != Fail {
					t.Errorf("%s: %s with the twin of %s is %s", name, k.ID, x.ID, s)
				}
				if len(a.Risks) == 0 || len(a.POAM) != len(a.Risks) {
					t.Errorf("%s: %s fails without a risk and an item of the plan", name, k.ID)
				}
			}
		}
	}
	for name, least := range map[string]int{"rakkssa": 24, "nist-csf-2.0": 30, "nist-800-53r5": 40, "iso-27001-2022": 30} {
		if decided[name] < least {
			t.Errorf("%s: %d controls have checks; expected at least %d", name, decided[name], least)
		}
	}
}

func withFields(t *testing.T, fields map[string]string) *event.Event {
	t.Helper()
	e, err := document(fields)
	if err != nil {
		t.Fatal(err)
	}
	d := doc()
	for f := range fields {
		id, _ := event.Lookup(f)
		d.Delete(id)
	}
	e.Time(event.Timestamp, asOf.Add(-time.Hour).UnixNano())
	e.Str(event.SaksiCase, "A-1")
	e.Str(event.SaksiExhibit, "E1")
	return e
}

// TestQualified proves that evidence of another kind keeps a control from an
// unqualified pass, and that what is later than the time does not count.
func TestQualified(t *testing.T) {
	good := []*event.Event{doc(event.EventDataset, "saksi.flow", event.NetworkProtocol, "http"), doc(event.EventDataset, "saksi.tls", event.TLSVersion, "1.3")}
	if s := stateOf(t, assess(t, nil, append(good, alert(event.ThreatTechniqueID, "T1046"))...), "rk-2-rangkaian"); s != PartlyPass {
		t.Errorf("rk-2-rangkaian with a finding on it is %s", s)
	}
	later := doc(event.EventDataset, "saksi.tls", event.TLSVersion, "1.0")
	later.Delete(event.Timestamp)
	later.Time(event.Timestamp, asOf.Add(time.Second).UnixNano())
	if s := stateOf(t, assess(t, nil, append(good, later)...), "rk-2-gerak"); s == Fail {
		t.Error("a document after the as-of time counts")
	}
}

const hostile = "<script>alert(1)</script>\u202egnp.exe\x1b[31m'\"`{{.}}=cmd()"

func hostileAssessment(t *testing.T) *Assessment {
	return assess(t, map[string]Fact{"evidence": {N: 1, Problems: []string{hostile}}},
		alert(event.RuleName, hostile, event.EventSeverity, 4, event.ThreatTechniqueID, "T1190", event.FilePath, strings.Repeat(hostile, 100), event.FileInode, "1", event.SaksiEvidenceKey, "key"))
}

// TestTitles proves that every control of every catalog has a title of its own in
// both languages, so that a report in one shows none of the other.
func TestTitles(t *testing.T) {
	for _, name := range []string{"rakkssa", "nist-csf-2.0", "nist-800-53r5", "iso-27001-2022"} {
		c, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range c.Controls {
			if k.Title.EN == "" || k.Title.MS == "" || k.Title.EN == k.Title.MS {
				t.Errorf("%s %s: %+v", name, k.ID, k.Title)
			}
		}
	}
}
