// Package frameworktest makes assessments for tests, from documents in memory.
// Start with Assess.
package frameworktest

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
	"saksi/framework"
)

// AsOf is the time of the assessments.
var AsOf = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Hostile is a text of an attacker's.
const Hostile = "<script>alert(1)</script>\u202egnp.exe\x1b[31m'\"`{{.}}=cmd()\n[x](javascript:y)"

// Index answers by query.Match, the reference meaning.
type Index struct{ docs []findings.Doc }

// Emit adds a document.
func (m *Index) Emit(e *event.Event) error {
	id, _ := e.GetStr(event.EventID)
	if id == "" {
		id = e.ID()
		e.Str(event.EventID, id)
	}
	ns, _ := e.GetTime(event.Timestamp)
	m.docs = append(m.docs, findings.Doc{ID: id, Time: time.Unix(0, ns), Body: e.AppendJSON(nil)})
	return nil
}

// Search gives one page, by id.
func (m *Index) Search(_ context.Context, r findings.Request) (p findings.Page, err error) {
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

// Terms counts the values of a field.
func (m *Index) Terms(_ context.Context, q, field string, size int) ([]findings.Bucket, error) {
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	f, ok := event.Lookup(field)
	if !ok {
		return nil, fmt.Errorf("no field %q", field)
	}
	sum := map[string]int64{}
	for _, d := range m.docs {
		e, err := event.Parse(d.Body)
		if err != nil {
			return nil, err
		}
		if v, ok := e.GetStr(f); ok && n.Match(e) {
			sum[v]++
		}
	}
	return findings.TopBuckets(sum, size), nil
}

// Histogram is not asked.
func (m *Index) Histogram(context.Context, string, time.Duration) ([]findings.Bucket, error) {
	return nil, fmt.Errorf("this index has no histograms")
}

// Doc is a document of exhibit E1 of case A-1, an hour before AsOf.
func Doc(kv ...any) *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, AsOf.Add(-time.Hour).UnixNano())
	e.Str(event.EventKind, "event")
	e.Str(event.SaksiCase, "A-1")
	e.Str(event.SaksiExhibit, "E1")
	for i := 0; i < len(kv); i += 2 {
		if err := e.SetText(kv[i].(event.Field), fmt.Sprint(kv[i+1])); err != nil {
			panic(err)
		}
	}
	return e
}

// Alert is a finding.
func Alert(kv ...any) *event.Event {
	return Doc(append([]any{event.EventKind, "alert", event.EventDataset, "saksi.alert"}, kv...)...)
}

// Attack is what a small attack leaves: some controls pass, some fail.
func Attack() []*event.Event {
	return []*event.Event{
		Doc(event.EventDataset, "saksi.flow", event.NetworkProtocol, "http"), Doc(event.EventDataset, "saksi.http", event.HTTPResponseStatusCode, 200),
		Doc(event.EventDataset, "saksi.tls", event.TLSVersion, "1.0"), Doc(event.EventDataset, "saksi.entry", event.FileInode, "5"), Doc(event.EventDataset, "saksi.dns"),
		Alert(event.RuleName, "SQL injection", event.EventSeverity, 3, event.ThreatTechniqueID, "T1190", event.SaksiRuleLanguage, "suricata", event.SaksiEvidenceKey, "key", event.SaksiEvidenceName, "demo.pcap", event.SaksiEvidencePacket, 12),
		Alert(event.RuleName, "web shell", event.EventSeverity, 4, event.ThreatTechniqueID, "T1505.003", event.SaksiRuleLanguage, "yara", event.FilePath, "/var/www/x.php", event.FileInode, "7", event.SaksiEvidenceKey, "key", event.SaksiEvidenceName, "demo.pcap"),
	}
}

// Inputs are those of the assessments.
func Inputs() framework.Inputs {
	return framework.Inputs{
		Framework: "rakkssa", AsOf: AsOf, Agency: "Jabatan Contoh", Classification: "Sulit", Assessor: "juruaudit", Tool: "saksi test", Where: "--case kes",
		Facts:   map[string]framework.Fact{"evidence": {N: 2, Newest: AsOf.Format(time.RFC3339)}, "custody": {N: 5, Newest: AsOf.Format(time.RFC3339)}},
		Cases:   []framework.CaseInput{{ID: "A-1", Dir: "kes", Agency: "Jabatan Contoh", Classification: "Sulit", Exhibits: 1, Entries: 5}},
		Sources: []framework.Source{{Case: "A-1", Exhibit: "E1", Name: "demo.pcap", SHA256: strings.Repeat("ab", 32), SourceKey: "key", CustodyEntry: 1}},
	}
}

// Assess assesses documents, with the catalog as it is frozen.
func Assess(t testing.TB, in framework.Inputs, docs ...*event.Event) (*framework.Assessment, *framework.FrozenCatalog) {
	t.Helper()
	m := &Index{}
	s, err := framework.Tagger(in.Framework, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range docs {
		if err := s.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	if in.Catalog == nil {
		if in.Catalog, err = framework.Load(in.Framework); err != nil {
			t.Fatal(err)
		}
	}
	a, err := framework.Assess(t.Context(), m, in)
	if err != nil {
		t.Fatal(err)
	}
	f, err := in.Catalog.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	return a, f
}
