package merge

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/frameworktest"
	"saksi/framework/oscal"
	"saksi/framework/verify"
)

func key(t testing.TB) *evidence.Signer {
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

// agency simulates the assessment of the n-th agency: what was seen and what was
// found vary.
func agency(t testing.TB, n int) (*framework.Assessment, *framework.FrozenCatalog) {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	in := frameworktest.Inputs()
	in.Agency = fmt.Sprintf("Jabatan %03d", n)
	in.AsOf = in.AsOf.AddDate(0, 0, -r.IntN(30))
	docs := slices.Clone(frameworktest.Attack()[:3+r.IntN(5)])
	for range r.IntN(5) {
		docs = append(docs, frameworktest.Alert(event.RuleName, fmt.Sprint("rule ", r.IntN(100)), event.EventSeverity, r.IntN(4)+1, event.ThreatTechniqueID, "T1190"))
	}
	for _, e := range docs {
		e.Delete(event.Timestamp)
		e.Time(event.Timestamp, in.AsOf.AddDate(0, 0, -1).UnixNano())
	}
	if r.IntN(4) == 0 {
		in.Sources = append(in.Sources, framework.Source{Case: "A-1", Exhibit: "E9", Name: "unseen.pcap", SHA256: strings.Repeat("cd", 32), SourceKey: "other"})
	}
	return frameworktest.Assess(t, in, docs...)
}

func pack(t testing.TB, s *evidence.Signer, a *framework.Assessment, f *framework.FrozenCatalog) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Pack(t.Context(), &b, s, a, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bundles writes those of n agencies, each with its own key.
func bundles(t testing.TB, n int) (dir string, trust *evidence.Trust) {
	t.Helper()
	dir, trust = t.TempDir(), &evidence.Trust{Records: map[string]evidence.KeyRecord{}}
	for i := range n {
		s := key(t)
		trust.Keys = append(trust.Keys, s.Public())
		trust.Records[s.Public().Hint()] = evidence.KeyRecord{Person: fmt.Sprintf("Pengarah %03d", i)}
		a, f := agency(t, i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d%s", i, End)), pack(t, s, a, f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, trust
}

func merged(t testing.TB, dir string, trust *evidence.Trust, expected []string) *Merged {
	t.Helper()
	paths, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	g := New("saksi test", expected, []string{"Rahsia", "Sulit", "Terhad"})
	if err := Read(paths, trust, 2, func(b *Bundle) error {
		for _, p := range b.Problems {
			t.Errorf("%+v", p)
		}
		if p := g.Add(b); p != nil {
			t.Errorf("%+v", p)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return g.Merged()
}

// folder writes a merge with its bundles, its document changed before it is
// signed.
func folder(t testing.TB, s *evidence.Signer, m *Merged, from string, change func(*Merged)) string {
	t.Helper()
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var n Merged
	if err := json.Unmarshal(b, &n); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&n)
	}
	if b, err = n.JSON(); err != nil {
		t.Fatal(err)
	}
	sig, err := oscal.Sign(t.Context(), s, File, b)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, body := range map[string][]byte{File: b, File + oscal.SignatureEnd: sig} {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, BundlesDir), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMerge proves for 19 agencies that the sums are those of the bundles in any
// order, that an agency of the register which sent none is named, and that the
// result verifies.
func TestMerge(t *testing.T) {
	dir, trust := bundles(t, 19)
	m := merged(t, dir, trust, []string{"Jabatan 003", "Jabatan yang diam"})
	var sum, controls, risks, seen int
	for i := range 19 {
		a, _ := agency(t, i)
		for _, o := range a.Outcomes {
			if o.State == framework.Fail {
				sum++
			}
		}
		controls += len(a.Outcomes)
		risks += len(a.Risks)
		seen += a.Coverage.Seen
	}
	if len(m.Agencies) != 19 || m.Counts[framework.Fail] != sum || m.Controls != controls || m.Risks.Open != risks || m.Coverage.Seen != seen || sum == 0 || m.Coverage.InScope <= seen {
		t.Errorf("%+v, expected %d failing of %d, %d risks, %d seen", m, sum, controls, risks, seen)
	}
	if m.Expected != 20 || !slices.Equal(m.Missing, []string{"Jabatan yang diam"}) || m.Classification != "Sulit" || m.Agencies[3].Person != "Pengarah 003" {
		t.Errorf("%d expected, missing %v, %s, %+v", m.Expected, m.Missing, m.Classification, m.Agencies[3])
	}
	s := key(t)
	trust.Keys = append(trust.Keys, s.Public())
	r, err := Verify(folder(t, s, m, dir, nil), trust, 2, []string{"Rahsia", "Sulit", "Terhad"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Errorf("%+v", p)
	}
	if r.Documents != 20 || r.Signatures != 20 || r.Values < 500 {
		t.Errorf("%+v", r)
	}
	for name, c := range map[string]struct {
		kind   string
		change func(*Merged)
	}{
		"agency dropped":  {verify.KindAgencyDropped, func(m *Merged) { m.Agencies = m.Agencies[1:] }},
		"changed count":   {verify.KindCount, func(m *Merged) { m.Passing += 5 }},
		"changed agency":  {verify.KindCount, func(m *Merged) { m.Agencies[4].Counts[framework.Fail] = 0 }},
		"changed as-of":   {verify.KindAsOf, func(m *Merged) { m.AsOf = m.AsOf.AddDate(0, 0, 1) }},
		"another bundle":  {verify.KindMissing, func(m *Merged) { m.Agencies[2].SHA256 = strings.Repeat("00", 32) }},
		"changed mapping": {verify.KindValue, func(m *Merged) { m.Agencies[2].Components["rk-2"] = framework.Pass }},
	} {
		r, err := Verify(folder(t, s, m, dir, c.change), trust, 2, []string{"Rahsia", "Sulit", "Terhad"})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(r.Problems, func(p verify.Problem) bool { return p.Kind == c.kind && strings.HasPrefix(p.Item, File) }) {
			t.Errorf("%s: no %s named: %+v", name, c.kind, r.Problems[:min(len(r.Problems), 3)])
		}
	}
	gone := folder(t, s, m, dir, nil)
	if err := os.Remove(filepath.Join(gone, BundlesDir, "007"+End)); err != nil {
		t.Fatal(err)
	}
	if r, err = Verify(gone, trust, 2, nil); err != nil || !slices.ContainsFunc(r.Problems, func(p verify.Problem) bool {
		return p.Kind == verify.KindMissing && strings.Contains(p.Item, "Jabatan 007")
	}) {
		t.Errorf("%v: %+v", err, r.Problems)
	}
}

// repack changes the files of a bundle.
func repack(t *testing.T, b []byte, change func(name string, body []byte) (string, []byte)) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	tr, tw := tar.NewReader(z), tar.NewWriter(w)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		name, body := change(h.Name, body)
		if name == "" {
			continue
		}
		if err := tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestRefused proves that a bundle that was altered, or signed by another key, is
// refused by name, and that each is told by its kind.
func TestRefused(t *testing.T) {
	s, other := key(t), key(t)
	a, f := agency(t, 1)
	good := pack(t, s, a, f)
	if b := Open("a"+End, good, evidence.TrustKey(s.Public())); len(b.Problems) > 0 || b.Assessment.Agency != "Jabatan 001" {
		t.Fatalf("%+v", b.Problems)
	}
	forged, _ := agency(t, 1)
	forged.Outcomes[0].State = framework.Pass
	same := func(name string, body []byte) (string, []byte) { return name, body }
	for name, c := range map[string]struct {
		b    []byte
		kind string
	}{
		"another key":       {pack(t, other, a, f), verify.KindKey},
		"forged and signed": {pack(t, s, forged, f), verify.KindValue},
		"an altered document": {repack(t, good, func(n string, b []byte) (string, []byte) {
			return n, bytes.Replace(b, []byte(`"fail"`), []byte(`"pass"`), 1)
		}), verify.KindDigest},
		"a missing signature": {repack(t, good, func(n string, b []byte) (string, []byte) {
			if strings.HasSuffix(n, oscal.SignatureEnd) {
				return "", nil
			}
			return n, b
		}), verify.KindNoSignature},
		"a missing document": {repack(t, good, func(n string, b []byte) (string, []byte) {
			if n == verify.CatalogFile {
				return "", nil
			}
			return n, b
		}), verify.KindMissing},
		"a file too many": {repack(t, good, func(n string, b []byte) (string, []byte) { return strings.Replace(n, "catalog", "../catalog", 1), b }), verify.KindSchema},
		"cut":             {good[:len(good)/2], verify.KindSchema},
		"no archive":      {[]byte("x"), verify.KindSchema},
		"empty":           {nil, verify.KindSchema},
	} {
		b := Open("a"+End, c.b, evidence.TrustKey(s.Public()))
		if !slices.ContainsFunc(b.Problems, func(p verify.Problem) bool { return p.Kind == c.kind && strings.HasPrefix(p.Item, "a"+End) }) {
			t.Errorf("%s: no %s named: %+v", name, c.kind, b.Problems)
		}
	}
	if b := Open("a"+End, repack(t, good, same), evidence.TrustKey(s.Public())); len(b.Problems) > 0 {
		t.Errorf("packed anew: %+v", b.Problems)
	}
}

// TestSoakMany merges 700 simulated agencies and verifies the result.
func TestSoakMany(t *testing.T) {
	if os.Getenv("SAKSI_SOAK") == "" {
		t.Skip("takes half a minute: run by make soak")
	}
	dir, trust := bundles(t, 700)
	s := key(t)
	trust.Keys = append(trust.Keys, s.Public())
	m := merged(t, dir, trust, nil)
	r, err := Verify(folder(t, s, m, dir, nil), trust, 2, []string{"Rahsia", "Sulit", "Terhad"})
	if err != nil || len(r.Problems) > 0 || len(m.Agencies) != 700 {
		t.Errorf("%d agencies, %v: %+v", len(m.Agencies), err, r)
	}
}
