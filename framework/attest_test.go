package framework

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/evidence"
)

// people are signers with a register that binds their keys.
type people struct {
	dir   string
	trust *evidence.Trust
	keys  map[string]*evidence.Signer
}

func newPeople(t *testing.T, roles map[string]string) *people {
	t.Helper()
	p := &people{dir: t.TempDir(), keys: map[string]*evidence.Signer{}}
	for name, role := range roles {
		path := filepath.Join(t.TempDir(), "k.key")
		if _, err := evidence.GenerateKey(path, evidence.KeyECDSA, nil); err != nil {
			t.Fatal(err)
		}
		s, err := evidence.LoadSigner(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.keys[name] = s
		person, _, _ := strings.Cut(name, "#")
		if _, err := evidence.Enroll(p.dir, s.Public(), person, role, "", asOf); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if p.trust, err = evidence.LoadTrust(p.dir); err != nil {
		t.Fatal(err)
	}
	return p
}

func word(control string) *Word {
	return &Word{
		Framework: "rakkssa", Control: control, Agency: "Jabatan", Text: "The committee meets each month.", Met: true, Author: "Aminah Ali",
		Made: asOf.AddDate(0, -1, 0).Format(time.RFC3339), Expires: asOf.AddDate(0, 1, 0).Format(time.RFC3339),
	}
}

// put signs a word and, with an approver, its approval, and writes both.
func (p *people) put(t *testing.T, dir, name string, w *Word, waiver bool, author, approver string) {
	t.Helper()
	b, err := SignWord(t.Context(), p.keys[author], w, waiver, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+WordEnd), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if approver == "" {
		return
	}
	a, err := SignApproval(t.Context(), p.keys[approver], name+WordEnd, b, p.trust, asOf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+ApprovalEnd), a, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *people) assess(t *testing.T, dir string, at time.Time, docs ...*event.Event) *Assessment {
	t.Helper()
	w, err := ReadWords(dir, p.trust)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	for _, e := range docs {
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	a, err := Assess(t.Context(), m, Inputs{
		Framework: "rakkssa", AsOf: at, Agency: "Jabatan", Words: w,
		Sources: []Source{{Case: "A-1", Exhibit: "E1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var roles = map[string]string{"Aminah Ali": evidence.RoleExaminer, "aminah  ali#2": evidence.RoleSupervisor, "Siti Noor": evidence.RoleSupervisor, "Chong Wei": evidence.RoleExaminer, "station": evidence.RoleStation}

// TestAttest proves what an attestation does, in date and out of it.
func TestAttest(t *testing.T) {
	p, dir := newPeople(t, roles), t.TempDir()
	p.put(t, dir, "a1", word("rk-1.2"), false, "Aminah Ali", "Siti Noor")
	no := word("rk-1.1.1")
	no.Met = false
	p.put(t, dir, "a2", no, false, "Aminah Ali", "Siti Noor")
	a := p.assess(t, dir, asOf)
	o := a.Outcomes[slices.IndexFunc(a.Outcomes, func(o Outcome) bool { return o.Control.ID == "rk-1.2" })]
	if o.State != AttestedPass || o.Qualified != "inferred" || o.Attestation != a.Attestations[0].UUID || a.Attestations[0].Approver != "Siti Noor" {
		t.Errorf("%+v; %+v", o.State, a.Attestations[0])
	}
	if s := stateOf(t, a, "rk-1.1.1"); s != Fail || !slices.ContainsFunc(a.Risks, func(r Risk) bool { return r.Control == "rk-1.1.1" && r.Check == byWord }) {
		t.Errorf("attested as not met: %s", s)
	}
	if len(a.Inputs.Attestations) != 2 || a.Inputs.Attestations[0].SHA256 == "" {
		t.Errorf("inputs: %+v", a.Inputs.Attestations)
	}
	if s := stateOf(t, p.assess(t, dir, asOf.AddDate(0, 2, 0)), "rk-1.2"); s != Stale {
		t.Errorf("after its end: %s", s)
	}
	if s := stateOf(t, p.assess(t, dir, asOf.AddDate(0, -2, 0)), "rk-1.2"); s != Unattested {
		t.Errorf("before it is made: %s", s)
	}
}

// TestWaiver proves that a waiver changes the treatment of a risk, for its time,
// and never the fact.
func TestWaiver(t *testing.T) {
	p, dir := newPeople(t, roles), t.TempDir()
	telnet := doc(event.EventDataset, "saksi.flow", event.NetworkProtocol, "telnet")
	p.put(t, dir, "w1", word("rk-2-rangkaian"), true, "Aminah Ali", "Siti Noor")
	risk := func(a *Assessment) Risk {
		i := slices.IndexFunc(a.Risks, func(r Risk) bool { return r.Control == "rk-2-rangkaian" })
		if i < 0 {
			t.Fatal("no risk")
		}
		return a.Risks[i]
	}
	a := p.assess(t, dir, asOf, telnet)
	if r := risk(a); stateOf(t, a, "rk-2-rangkaian") != Fail || r.Treatment != TreatAccepted || r.Waiver != a.Waivers[0].UUID || !a.Waivers[0].Used || r.Observation == "" {
		t.Errorf("in date: %s, %+v, %+v", stateOf(t, a, "rk-2-rangkaian"), r, a.Waivers)
	}
	late := p.assess(t, dir, asOf.AddDate(0, 2, 0), telnet)
	if r := risk(late); stateOf(t, late, "rk-2-rangkaian") != Fail || r.Treatment != TreatOpen || late.Waivers[0].Used || late.Waivers[0].State != Expired {
		t.Errorf("after its end: %+v, %+v", r, late.Waivers)
	}
	if s := stateOf(t, late, "rk-8"); s != Fail {
		t.Errorf("rk-8 with a waiver that ended and a risk that is there: %s", s)
	}
}

// TestRefusedWords proves that what is not signed and approved as it must be
// counts for nothing, and says why.
func TestRefusedWords(t *testing.T) {
	p := newPeople(t, roles)
	for _, c := range []struct {
		name, author, approver, want string
		change                       func(w *Word)
		spoil                        func(dir string) error
	}{
		{name: "nobody approves", author: "Aminah Ali", want: "nobody has approved"},
		{name: "another agency", author: "Aminah Ali", approver: "Siti Noor", want: `agency "Other"`, change: func(w *Word) { w.Agency = "Other" }},
		{name: "another framework", author: "Aminah Ali", approver: "Siti Noor", want: "framework nist-csf-2.0", change: func(w *Word) { w.Framework = "nist-csf-2.0" }},
		{name: "no such control", author: "Aminah Ali", approver: "Siti Noor", want: "no such control", change: func(w *Word) { w.Control = "rk-99" }},
		{name: "another's name", author: "Chong Wei", want: "its key that of Chong Wei"},
		{name: "altered", author: "Aminah Ali", approver: "Siti Noor", want: "signature does not verify", spoil: func(dir string) error { return alter(filepath.Join(dir, "x"+WordEnd)) }},
		{name: "approval altered", author: "Aminah Ali", approver: "Siti Noor", want: "its approval: signature does not verify", spoil: func(dir string) error { return alter(filepath.Join(dir, "x"+ApprovalEnd)) }},
		{name: "no signature", author: "Aminah Ali", want: "signature does not verify", spoil: func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"+WordEnd), []byte("{}"), 0o600) }},
	} {
		dir, w := t.TempDir(), word("rk-1.2")
		if c.change != nil {
			c.change(w)
		}
		p.put(t, dir, "x", w, false, c.author, c.approver)
		if c.spoil != nil {
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
		}
		a := p.assess(t, dir, asOf)
		if x := a.Attestations[0]; x.State != Refused || !strings.Contains(x.Why, c.want) || stateOf(t, a, "rk-1.2") != Unattested {
			t.Errorf("%s: %s, %q, expected %q; rk-1.2 is %s", c.name, x.State, x.Why, c.want, stateOf(t, a, "rk-1.2"))
		}
	}
	// Who may not approve can't, and what was approved otherwise is refused.
	b, err := SignWord(t.Context(), p.keys["Aminah Ali"], word("rk-1.2"), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"Aminah Ali", "aminah  ali#2", "Chong Wei"} {
		if _, err := SignApproval(t.Context(), p.keys[who], "x"+WordEnd, b, p.trust, asOf); !errors.Is(err, ErrDuty) {
			t.Errorf("%s approved: %v", who, err)
		}
		forged, err := evidence.Sign(t.Context(), p.keys[who], evidence.PredicateApproval, Approval{who, asOf.Format(time.RFC3339)}, []evidence.Subject{{Name: "x", Digest: map[string]string{"sha256": evidence.SHA256(b)}}})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := errors.Join(os.WriteFile(filepath.Join(dir, "x"+WordEnd), b, 0o600), os.WriteFile(filepath.Join(dir, "x"+ApprovalEnd), forged, 0o600)); err != nil {
			t.Fatal(err)
		}
		if a := p.assess(t, dir, asOf); a.Attestations[0].State != Refused || !strings.Contains(a.Attestations[0].Why, "separation of duties") {
			t.Errorf("%s: %+v", who, a.Attestations[0])
		}
	}
	long := word("rk-1.2")
	long.Expires = asOf.AddDate(3, 0, 0).Format(time.RFC3339)
	if _, err := SignWord(t.Context(), p.keys["Aminah Ali"], long, false, nil); err == nil {
		t.Error("a word for three years was signed")
	}
}

// alter changes one letter of a signed payload.
func alter(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	i := strings.Index(string(b), `"payload":"`) + 60
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return os.WriteFile(path, b, 0o600)
}

// TestPrevious proves that a risk keeps its id and the day it was opened, and
// that its item becomes overdue.
func TestPrevious(t *testing.T) {
	telnet := doc(event.EventDataset, "saksi.flow", event.NetworkProtocol, "telnet")
	at := func(when time.Time, prev ...*Assessment) *Assessment {
		m := &memory{}
		if err := m.Emit(telnet); err != nil {
			t.Fatal(err)
		}
		a, err := Assess(t.Context(), m, Inputs{Framework: "rakkssa", AsOf: when, Agency: "Jabatan", Sources: []Source{{Case: "A-1", Exhibit: "E1"}}, Previous: prev})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	one := at(asOf)
	two := at(asOf.AddDate(0, 6, 0), one)
	three := at(asOf.AddDate(0, 7, 0), two, one)
	risk := func(a *Assessment) (Risk, POAMItem) {
		i := slices.IndexFunc(a.Risks, func(r Risk) bool { return r.Control == "rk-2-rangkaian" })
		return a.Risks[i], a.POAM[i]
	}
	r1, p1 := risk(one)
	r2, p2 := risk(two)
	if r3, _ := risk(three); r1.UUID != r2.UUID || r2.Opened != one.AsOf.Format(time.RFC3339) || r3.Opened != r2.Opened {
		t.Errorf("%+v, %+v", r1, r2)
	}
	if p1.Overdue || !p2.Overdue || p1.UUID != p2.UUID || stateOf(t, two, "rk-1-urusrisiko") != Fail {
		t.Errorf("%+v, %+v, %s", p1, p2, stateOf(t, two, "rk-1-urusrisiko"))
	}
	if len(three.Trend) != 2 || three.Trend[0].UUID != one.UUID || three.Trend[1].Overdue == 0 || three.Trend[0].Counts[Fail] == 0 {
		t.Errorf("%+v", three.Trend)
	}
	if _, err := Assess(t.Context(), &memory{}, Inputs{Framework: "rakkssa", AsOf: asOf, Agency: "Jabatan", Previous: []*Assessment{two}}); !errors.Is(err, ErrPrevious) {
		t.Errorf("a later assessment as an earlier one: %v", err)
	}
}

// TestDraw proves that a sample is that of its seed and population.
func TestDraw(t *testing.T) {
	var docs []*event.Event
	for i := range 40 {
		docs = append(docs, alert(event.SaksiControl, "rk-3-trafik", event.SourcePort, i+1))
	}
	m := &memory{}
	for i, e := range docs {
		e.Str(event.EventID, strings.Repeat("0", 62)+string(rune('a'+i/26))+string(rune('a'+i%26)))
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	draw := func(seed string) Sample {
		a, err := Assess(t.Context(), m, Inputs{Framework: "rakkssa", AsOf: asOf, Sample: 5, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Samples) != 1 {
			t.Fatalf("%d samples", len(a.Samples))
		}
		return a.Samples[0]
	}
	a, b, c := draw("one"), draw("one"), draw("two")
	if !slices.Equal(a.Drawn, b.Drawn) || slices.Equal(a.Drawn, c.Drawn) || a.SHA256 != c.SHA256 || len(a.Drawn) != 5 || a.Population != 40 {
		t.Errorf("%+v, %+v, %+v", a, b, c)
	}
}
