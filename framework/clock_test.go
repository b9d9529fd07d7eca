package framework

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
)

// journalOf makes a journal of acts with details; each entry is recorded when it
// happened unless a detail at says otherwise.
func journalOf(lines ...[]string) *Journal {
	j := &Journal{File: FileInput{Name: "journal", SHA256: "00"}}
	for i, l := range lines {
		e := evidence.Entry{Seq: int64(i), Act: l[0], Who: "soc", Detail: map[string]string{}}
		for k := 1; k+1 < len(l); k += 2 {
			e.Detail[l[k]] = l[k+1]
		}
		e.Time = e.Detail[DetailAt]
		if r := e.Detail["recorded"]; r != "" {
			e.Time = r
		}
		j.Entries = append(j.Entries, e)
	}
	return j
}

func hours(n float64) string {
	return asOf.Add(time.Duration(n * float64(time.Hour))).Format(time.RFC3339)
}

// TestClocks proves that a clock runs from when a person knew, to the second,
// and what it is when it was met in time, late, or not at all.
func TestClocks(t *testing.T) {
	o, err := DefaultObligations()
	if err != nil {
		t.Fatal(err)
	}
	state := func(j *Journal, id string, at time.Time, optional ...string) (string, int64) {
		for _, c := range o.Clocks(j, at, optional) {
			if c.Obligation == id {
				return c.State, c.LeftS
			}
		}
		return "none", 0
	}
	// The first alert was three days before; a person knew six hours ago.
	begin := []string{ActNew, DetailIncident, "I-1", DetailAgency, "JC", DetailAt, hours(-7), DetailBegan, hours(-72)}
	know := []string{ActKnow, DetailIncident, "I-1", DetailBy, "Ali", DetailAt, hours(-6), "recorded", hours(-5)}
	if s, _ := state(journalOf(begin), "act854-6h", asOf); s != "none" {
		t.Errorf("before anybody knew: %s", s)
	}
	for _, c := range []struct {
		at   time.Time
		want string
		left int64
	}{{asOf.Add(-time.Second), ClockRunning, 1}, {asOf, ClockRunning, 0}, {asOf.Add(time.Second), ClockOverdue, -1}} {
		if s, left := state(journalOf(begin, know), "act854-6h", c.at); s != c.want || left != c.left {
			t.Errorf("6 h at %s: %s, %d s left; expected %s, %d", c.at, s, left, c.want, c.left)
		}
	}
	met := func(at string) *Journal {
		return journalOf(begin, know, []string{ActNotify, DetailIncident, "I-1", DetailObligation, "act854-6h", DetailAt, at})
	}
	if s, left := state(met(hours(-1)), "act854-6h", asOf); s != ClockMet || left != 3600 {
		t.Errorf("met in time: %s, %d", s, left)
	}
	if s, left := state(met(hours(1)), "act854-6h", asOf.Add(2*time.Hour)); s != ClockLate || left != -3600 {
		t.Errorf("met too late: %s, %d", s, left)
	}
	if s, _ := state(journalOf(begin, know), "act854-14d", asOf.Add(14*24*time.Hour)); s != ClockOverdue {
		t.Errorf("14 days: %s", s)
	}
	if s, _ := state(journalOf(begin, know), "pdpa-72h", asOf); s != "none" {
		t.Errorf("PDPA, which does not bind a government: %s", s)
	}
	if s, _ := state(journalOf(begin, know), "pdpa-72h", asOf, "pdpa"); s != ClockRunning {
		t.Errorf("PDPA where it applies: %s", s)
	}
	seven := append(journalOf(begin, know).Entries, journalOf([]string{ActNotify, DetailIncident, "I-1", DetailObligation, "pdpa-72h", DetailAt, hours(0)}).Entries...)
	if s, left := state(&Journal{Entries: seven}, "pdpa-7d", asOf, "pdpa"); s != ClockRunning || left != 7*86400 {
		t.Errorf("7 days from the notice: %s, %d", s, left)
	}
	if s, left := state(journalOf(begin, know), "pa4-nc4", asOf); s != ClockRunning || left != 0 {
		t.Errorf("an obligation without a time: %s, %d", s, left)
	}
	done := func(days int) *Journal {
		return journalOf([]string{ActDone, DetailObligation, "risk-assessment", DetailAgency, "JC", DetailAt, asOf.AddDate(0, 0, -days).Format(time.RFC3339)})
	}
	for days, want := range map[int]string{364: ClockRunning, 366: ClockOverdue} {
		if s, _ := state(done(days), "risk-assessment", asOf); s != want {
			t.Errorf("risk assessment %d days ago: %s", days, s)
		}
	}
	if s, _ := state(done(10), "risk-report", asOf); s != ClockRunning {
		t.Errorf("report of a risk assessment ten days ago: %s", s)
	}
	if s, _ := state(done(10), "audit", asOf); s != ClockOverdue {
		t.Errorf("an audit that nobody recorded: %s", s)
	}
}

// TestKPIs proves that the figures are those of the journal, by hand.
func TestKPIs(t *testing.T) {
	j := journalOf(
		[]string{ActNew, DetailIncident, "I-1", DetailAgency, "JC", DetailUnit, "SOC", DetailShift, "night", DetailAt, hours(-20), DetailBegan, hours(-30)},
		[]string{ActKnow, DetailIncident, "I-1", DetailBy, "Ali", DetailAt, hours(-20)},
		[]string{ActAck, DetailIncident, "I-1", DetailBy, "Ali", DetailAt, hours(-19.5)},
		[]string{ActContain, DetailIncident, "I-1", DetailAt, hours(-10)},
		[]string{ActNew, DetailIncident, "I-2", DetailAgency, "JL", DetailUnit, "SOC", DetailShift, "day", DetailAt, hours(-5), DetailBegan, hours(-7)},
		[]string{ActKnow, DetailIncident, "I-2", DetailBy, "Siti", DetailAt, hours(-5)},
		[]string{ActAck, DetailIncident, "I-2", DetailBy, "Siti", DetailAt, hours(-3)},
		[]string{ActAck, DetailIncident, "I-2", DetailBy, "Chong", DetailAt, hours(-1)}, // told again: changes nothing
	)
	a, err := Assess(t.Context(), &memory{}, Inputs{Framework: "rakkssa", AsOf: asOf, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, k := range a.KPIs {
		if k.Value != nil {
			got[k.ID+" "+k.Scope+" "+k.Name] = *k.Value
		}
	}
	for name, want := range map[string]float64{
		"mttd all ": 6 * 3600, "mttd agency JC": 10 * 3600, "mtta shift night": 1800, "mtta unit SOC": 4500, "mttc all ": 36000, "mtta agency JL": 7200,
		"poam-overdue all ": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s: %v, expected %v", name, v, want)
		}
	}
	if s := stateOf(t, a, "rk-4-lapor"); s != Fail { // the 6 hours of I-1 are over
		t.Errorf("rk-4-lapor is %s", s)
	}
	if p := problems(t, a, "notices"); !strings.Contains(p, "act854-6h of JC I-1") || strings.Contains(p, "act854-6h of JL") {
		t.Errorf("%s", p)
	}
}

// TestHandover proves that every open incident and every open clock is handed
// over, and none that is closed or met.
func TestHandover(t *testing.T) {
	o, err := DefaultObligations()
	if err != nil {
		t.Fatal(err)
	}
	j := journalOf(
		[]string{ActNew, DetailIncident, "I-1", DetailAgency, "JC", DetailAt, hours(-3)},
		[]string{ActNew, DetailIncident, "I-2", DetailAgency, "JC", DetailAt, hours(-3)},
		[]string{ActKnow, DetailIncident, "I-2", DetailBy, "Ali", DetailAt, hours(-3)},
		[]string{ActNotify, DetailIncident, "I-2", DetailObligation, "act854-now", DetailAt, hours(-3)},
		[]string{ActNew, DetailIncident, "I-3", DetailAgency, "JC", DetailAt, hours(-3)},
		[]string{ActKnow, DetailIncident, "I-3", DetailBy, "Ali", DetailAt, hours(-3)},
		[]string{ActClose, DetailIncident, "I-3", DetailAt, hours(-1)},
	)
	var got []string
	for _, l := range Handover(j, o, asOf, nil) {
		got = append(got, l.Incident.ID+" "+l.Stage+" "+l.Clock.Obligation+" "+l.Left)
	}
	want := "I-2 known act854-6h 3h0m0s\nI-2 known act854-14d 333h0m0s\nI-1 new  \nI-2 known pa4-csirt \nI-2 known pa4-nc4 "
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("%s\nexpected\n%s", s, want)
	}
}

type store map[string]*event.Event

func (s store) Get(_ context.Context, id string) (findings.Doc, error) {
	e, ok := s[id]
	if !ok {
		return findings.Doc{}, findings.ErrNotFound
	}
	return findings.Doc{ID: id, Time: asOf, Body: e.AppendJSON(nil)}, nil
}

// TestNotice proves that each sentence of a draft rests on something or is
// asked for, in both languages, that hostile text is inert, and that what a
// finding withholds stays withheld.
func TestNotice(t *testing.T) {
	j := journalOf(
		[]string{ActNew, DetailIncident, "I-1", DetailAgency, hostile, DetailTitle, strings.Repeat(hostile, 50), DetailKind, "intrusion", DetailSeverity, "4", DetailFindings, "aa bb cc dd", DetailAt, hours(-3)},
		[]string{ActKnow, DetailIncident, "I-1", DetailBy, "Ali", DetailHow, "sensor", DetailAt, hours(-3), "recorded", hours(-1)},
		[]string{ActNew, DetailIncident, "I-2", DetailAgency, "other", DetailAt, hours(-2)},
		[]string{ActContain, DetailIncident, "I-1", DetailAt, hours(-1)},
		[]string{ActClose, DetailIncident, "I-1", DetailAt, hours(-0.5)},
	)
	ix := store{
		"aa": alert(event.RuleName, "web shell", event.ThreatTechniqueID, "T1505.003", event.DestinationIP, "10.1.0.10", event.SourceIP, "198.51.100.7", event.FileHashSHA256, strings.Repeat("ab", 32)),
		"dd": alert(event.RuleName, "a host that nobody answered", event.SourceIP, "198.51.100.8"),
		"bb": alert(event.RuleName, "secret indicator", event.ThreatIndicatorMarkingTlp, "RED"),
	}
	for _, form := range Forms {
		n, err := DraftNotice(t.Context(), ix, j.Incidents(asOf)[0], j, form, asOf)
		if err != nil {
			t.Fatal(err)
		}
		var all string
		for i, s := range n.Sentences {
			if len(s.Evidence) == 0 != s.Missing || s.Text.EN == "" || s.Text.MS == "" || s.Text.EN == s.Text.MS {
				t.Errorf("%s: sentence %d: %+v", form, i+1, s)
			}
			for _, e := range s.Evidence {
				if !reference(j, ix, "I-1", e) {
					t.Errorf("%s: sentence %d rests on %q, which is not there: %s", form, i+1, e, s.Text.EN)
				}
			}
			if strings.HasPrefix(s.Text.EN, "Other ends") && !slices.Equal(s.Evidence, []string{"aa", "dd"}) {
				t.Errorf("%s: %+v", form, s)
			}
			all += s.Text.EN + "\n"
		}
		for _, want := range []string{"It became known on 2026-11-24 09:00:00 UTC, to Ali.", "recorded 2h0m0s later", "1 findings of the incident are not in this index: cc", "indicator withheld, TLP:RED"} {
			if !strings.Contains(all, want) {
				t.Errorf("%s: %q is missing", form, want)
			}
		}
		if strings.Contains(all, "secret indicator") || (form == Form14d) != strings.Contains(all, "T1505.003") {
			t.Errorf("%s: %s", form, all)
		}
		for _, lang := range []string{"en", "ms"} {
			var w bytes.Buffer
			if err := n.Write(&w, lang); err != nil {
				t.Fatal(err)
			}
			text := w.String()
			if !strings.HasPrefix(text, "DRAF") || strings.ContainsAny(text, "\x1b\u202e") || len(text) > 20000 {
				t.Errorf("%s %s: %.200q", form, lang, text)
			}
		}
	}
	if _, err := DraftNotice(t.Context(), ix, journalOf([]string{ActNew, DetailIncident, "I", DetailAt, hours(-1)}).Incidents(asOf)[0], j, Form6h, asOf); err == nil {
		t.Error("a notice of what nobody knew")
	}
}

// reference reports whether what a sentence rests on is there: an entry of the
// journal on the incident, or a finding.
func reference(j *Journal, ix store, incident, e string) bool {
	seq, ok := strings.CutPrefix(e, "journal entry ")
	if !ok {
		_, ok = ix[e]
		return ok
	}
	return slices.ContainsFunc(j.Entries, func(x evidence.Entry) bool {
		return fmt.Sprint(x.Seq) == seq && x.Detail[DetailIncident] == incident
	})
}

// TestParseObligations proves that a wrong file is refused with the place.
func TestParseObligations(t *testing.T) {
	head := "obligations: 1\nlist:\n"
	row := "  - {id: a, kind: notice, starts: known, within: 6h, known: read, source: s, title: {en: t, ms: t}}\n"
	for _, c := range []struct{ doc, want string }{
		{"obligations: 2\n", "this saksi reads 1"},
		{head + row + row, "o.yaml:4"},
		{head + strings.Replace(row, "6h", "six", 1), "no time"},
		{head + strings.Replace(row, "known,", "met:b,", 1), "starts"},
		{head + strings.Replace(row, "kind: notice", "kind: x", 1), `kind "x"`},
		{head + strings.Replace(row, "known: read", "known: ''", 1), "how it is known"},
		{head + strings.Replace(row, "kind: notice, starts: known", "kind: periodic", 1), "what comes back has every"},
	} {
		if _, err := ParseObligations("o.yaml", []byte(c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", c.doc, err, c.want)
		}
	}
}
