package casefile

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/evidence"
)

// TestSeal proves that a sealed case verifies with the sealer's key alone, with
// the station's alone, with a trust folder that has the authority's root, and
// that its files are as BagIt has them.
func TestSeal(t *testing.T) {
	s, station := key(t)
	p, person := key(t)
	dir := makeCase(t, s)
	tsa := newAuthority(t, "TSA", time.Now().Add(time.Minute))
	sealOne(t, dir, s, p, tsa)
	before := snapshot(t, dir)
	full := &evidence.Trust{Keys: []*evidence.Public{person}, Roots: []*x509.Certificate{tsa.root}}
	for name, trust := range map[string]*evidence.Trust{"sealer": evidence.TrustKey(person), "station": evidence.TrustKey(station), "with root": full} {
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: trust})
		if err != nil || len(v.Problems) != 0 || v.Seal == nil || v.Seal.SealedBy != "ana" || v.Seal.Stamp == "" || v.Seal.StampTrusted != (trust == full) || v.Seal.Vouched != (name == "station") {
			t.Errorf("%s: %+v, seal %+v, %v", name, v, v.Seal, err)
		}
	}
	v, err := Verify(t.Context(), dir, VerifyOptions{})
	if err != nil || len(v.Problems) != 1 || v.Problems[0].Kind != KindTrust {
		t.Errorf("without trust: %+v, %v", v, err)
	}
	if snapshot(t, dir) != before {
		t.Error("verifying changed the case")
	}
	info, err := os.ReadFile(filepath.Join(dir, bagInfoFile))
	if err != nil || !strings.Contains(string(info), "Payload-Oxum: ") {
		t.Errorf("%s, %v", info, err)
	}
}

// TestSealInterrupted proves that a seal that ended before its entry is made
// anew, and one that ended after it is finished.
func TestSealInterrupted(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	for _, f := range []string{manifestFile, bagitFile, sealSigFile} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, sealDir), 0o700), os.WriteFile(filepath.Join(dir, f), []byte("left"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
	if err != nil || len(v.Problems) == 0 {
		t.Errorf("half sealed: %+v, %v", v, err)
	}
	sealOne(t, dir, s, s, nil)
	if err := os.Remove(filepath.Join(dir, "custody/tile/0/000.p/6")); err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), dir, Options{Who: "ana", Tool: "saksi test", Signer: s})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Seal(t.Context(), SealOptions{Signer: s})
	if err != nil || !out.Finished {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := c.Transfer(t.Context(), "E1", evidence.Entry{From: "eve", To: "bob"}); err == nil {
		t.Error("an exhibit was released by somebody who does not hold it")
	}
	if _, err := c.Transfer(t.Context(), "E1", evidence.Entry{From: "examiner", To: "bob"}); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err = Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)}); err != nil || len(v.Problems) != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestManySubjects proves that a case with more files than one statement takes
// is signed through a manifest, that a change in any of them shows, and that the
// manifest itself can't be changed or planted.
func TestManySubjects(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	for i := range evidence.MaxSubjects {
		if err := os.WriteFile(filepath.Join(dir, ReportsDir, fmt.Sprintf("%04d", i)), []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(t.Context(), dir, Options{Who: "ana", Tool: "saksi test", Signer: s})
	if err != nil {
		t.Fatal(err)
	}
	name, err := c.SignExamination(t.Context(), 0)
	if err = errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	manifest := strings.TrimSuffix(name, statementSuffix) + manifestSuffix
	check := func(item, kind string) {
		t.Helper()
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
		if err != nil {
			t.Fatal(err)
		}
		if item == "" && len(v.Problems) > 0 || item != "" && !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Item == item && p.Kind == kind }) {
			t.Errorf("%s %s: %+v", item, kind, v.Problems)
		}
	}
	check("", "")
	edit(t, filepath.Join(dir, ReportsDir, "0500"), flip)
	check(ReportsDir+"/0500", KindDigest)
	edit(t, filepath.Join(dir, ReportsDir, "0500"), flip)
	edit(t, filepath.Join(dir, manifest), flip)
	check(manifest, KindDigest)
	edit(t, filepath.Join(dir, manifest), flip)
	planted := StatementsDir + "/x" + manifestSuffix
	write(t, filepath.Join(dir, planted))
	check(planted, KindExtra)
}

// TestManyReviewed proves that a review of more files than one statement takes
// binds each of them, and that what an interrupted act left is in nobody's way and
// is told.
func TestManyReviewed(t *testing.T) {
	trust := &evidence.Trust{Records: map[string]evidence.KeyRecord{}}
	s, pub := key(t)
	trust.Keys = append(trust.Keys, pub)
	dir := makeCase(t, s)
	for i := range evidence.MaxSubjects {
		if err := os.WriteFile(filepath.Join(dir, ReportsDir, fmt.Sprintf("%04d", i)), []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(t.Context(), dir, Options{Who: "x", Tool: "saksi test", Signer: s, Actor: person(t, trust, "Tan", evidence.RoleSupervisor), Register: register(trust)})
	if err != nil {
		t.Fatal(err)
	}
	left := ReviewsDir + "/000005-review"
	if err := os.Mkdir(filepath.Join(dir, ReviewsDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{statementSuffix, manifestSuffix} {
		write(t, filepath.Join(dir, left+suffix))
	}
	name, err := c.AddReview(t.Context(), "all of it")
	if err = errors.Join(err, c.Close()); err != nil || name != left+statementSuffix {
		t.Fatal(name, err)
	}
	if e := c.log.Entries().At(5); len(strings.Fields(e.Detail["replaced_unfinished"])) != 2 || e.Detail["subjects"] != fmt.Sprint(evidence.MaxSubjects+4) {
		t.Errorf("%+v", e)
	}
	verify := func(want ...string) {
		t.Helper()
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: trust})
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, p := range v.Problems {
			have = append(have, p.Kind+" "+p.Item)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%v; expected %v", v.Problems, want)
		}
	}
	verify()
	edit(t, filepath.Join(dir, ReportsDir, "0500"), flip)
	verify(KindDigest + " " + ReportsDir + "/0500")
}
