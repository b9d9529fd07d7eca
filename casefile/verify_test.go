package casefile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

func problems(t *testing.T, dir string, pub *evidence.Public) []Problem {
	t.Helper()
	v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
	if err != nil {
		t.Fatal(err)
	}
	return v.Problems
}

func has(list []Problem, item, kind string) bool {
	for _, p := range list {
		if p.Item == item && p.Kind == kind {
			return true
		}
	}
	return false
}

// TestVerifyHostile proves that a case made to mislead or to stop its verifier
// is named for what it is: special files, and paths that lead out of the case.
func TestVerifyHostile(t *testing.T) {
	s, pub := key(t)
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret)
	sign := func(dir, subject string) {
		b, err := evidence.Sign(t.Context(), s, evidence.PredicateExamination, Examination{Case: "A-1"}, []evidence.Subject{{Name: subject, Digest: map[string]string{"sha256": strings.Repeat("0", 64)}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, StatementsDir, "x.sigstore.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fifo := func(path string) error { return unix.Mkfifo(path, 0o600) }
	for _, c := range []struct {
		name, item, kind string
		do               func(dir string) error
	}{
		{"an extra FIFO", "data/reports/x", KindExtra, func(dir string) error { return fifo(filepath.Join(dir, "data/reports/x")) }},
		{"an exhibit is a FIFO", "data/exhibits/E1-one.pcap", KindForm, func(dir string) error {
			p := filepath.Join(dir, "data/exhibits/E1-one.pcap")
			return errors.Join(os.Remove(p), fifo(p))
		}},
		{"a statement is a FIFO", "data/statements/x.sigstore.json", KindForm, func(dir string) error { return fifo(filepath.Join(dir, "data/statements/x.sigstore.json")) }},
		{"a statement is endless", "data/statements/x.sigstore.json", KindForm, func(dir string) error {
			p := filepath.Join(dir, "data/statements/x.sigstore.json")
			write(t, p)
			return os.Truncate(p, 1<<40)
		}},
		{"case.json is a FIFO", infoFile, KindForm, func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, infoFile)), fifo(filepath.Join(dir, infoFile)))
		}},
		{"the log is a FIFO", "custody/entries.ndjson", KindCustody, func(dir string) error {
			p := filepath.Join(dir, "custody/entries.ndjson")
			return errors.Join(os.Remove(p), fifo(p))
		}},
		{"the lock is a link", "custody/lock", KindForm, func(dir string) error {
			p := filepath.Join(dir, "custody/lock")
			return errors.Join(os.Remove(p), os.Symlink(secret, p))
		}},
		{"exhibits lead elsewhere", ExhibitsDir, KindForm, func(dir string) error {
			to := filepath.Join(t.TempDir(), "x")
			return errors.Join(os.Rename(filepath.Join(dir, ExhibitsDir), to), os.Symlink(to, filepath.Join(dir, ExhibitsDir)))
		}},
		{"a subject outside that is no exhibit", secret, KindForm, func(dir string) error { sign(dir, secret); return nil }},
		{"a subject behind ..", "data/../../x", KindForm, func(dir string) error { sign(dir, "data/../../x"); return nil }},
		{"a statement not recorded", "data/statements/x.sigstore.json", KindExtra, func(dir string) error { sign(dir, infoFile); return nil }},
		{"a planted unfinished entry", "custody/unfinished-9", KindExtra, func(dir string) error { write(t, filepath.Join(dir, "custody/unfinished-9")); return nil }},
	} {
		dir := makeCase(t, s)
		if err := c.do(dir); err != nil {
			t.Fatal(err)
		}
		if list := problems(t, dir, pub); !has(list, c.item, c.kind) {
			t.Errorf("%s: no problem %s of kind %s in %+v", c.name, c.item, c.kind, list)
		} else if strings.Contains(fmt.Sprint(list), evidence.SHA256([]byte("x"))) && c.item == secret {
			t.Errorf("%s: it was read: %+v", c.name, list)
		}
	}
}

// TestVerifySigned proves that the key does not make up for what is wrong: a
// source key, a statement that is none, an opening, a log set back behind a
// statement.
func TestVerifySigned(t *testing.T) {
	s, pub := key(t)
	record := func(dir string, e evidence.Entry) {
		c := open(t, dir, s)
		if err := errors.Join(c.Record(t.Context(), e), c.Close()); err != nil {
			t.Fatal(err)
		}
	}
	examination := func(dir string, p Examination) string {
		b, err := evidence.Sign(t.Context(), s, evidence.PredicateExamination, p, []evidence.Subject{{Name: "data/reports/report.html", Digest: map[string]string{"sha256": evidence.SHA256([]byte("data/reports/report.html"))}}})
		if err != nil {
			t.Fatal(err)
		}
		path := "data/statements/x.sigstore.json"
		if err := os.WriteFile(filepath.Join(dir, path), b, 0o600); err != nil {
			t.Fatal(err)
		}
		record(dir, evidence.Entry{Act: ActSign, Where: path, SHA256: evidence.SHA256(b)})
		return path
	}
	sum := evidence.SHA256([]byte("data/reports/report.html"))
	for _, c := range []struct {
		name, item, kind string
		do               func(dir string)
	}{
		{"the log's source key", "data/reports/report.html", KindCustody, func(dir string) {
			record(dir, evidence.Entry{Act: ActAdd, Exhibit: "E3", Where: "data/reports/report.html", SHA256: sum, SourceKey: sum, Detail: map[string]string{"copied": "true"}})
		}},
		{"a statement's source key", "data/statements/x.sigstore.json", KindCustody, func(dir string) {
			examination(dir, Examination{Case: "A-1", SourceKeys: map[string]string{"E1": sum}})
		}},
		{"a statement of later entries", "data/statements/x.sigstore.json", KindCustody, func(dir string) { examination(dir, Examination{Case: "A-1", CustodyEntries: 6}) }},
		{"a statement of another case", "data/statements/x.sigstore.json", KindSignature, func(dir string) { examination(dir, Examination{Case: "A-2"}) }},
		{"a statement whose signature nobody checks", "data/reports/report.html", KindForm, func(dir string) {
			record(dir, evidence.Entry{Act: ActSign, Where: "data/reports/report.html", SHA256: sum})
		}},
		{"an exhibit outside, by a copy's entry", "/etc/hostname", KindForm, func(dir string) {
			record(dir, evidence.Entry{Act: ActAdd, Exhibit: "E3", Where: "/etc/hostname", SHA256: sum, Detail: map[string]string{"copied": "true"}})
		}},
		{"opened twice", CustodyDir, KindCustody, func(dir string) { record(dir, evidence.Entry{Act: ActOpen, SHA256: sum}) }},
	} {
		dir := makeCase(t, s)
		c.do(dir)
		if list := problems(t, dir, pub); !has(list, c.item, c.kind) {
			t.Errorf("%s: no problem %s of kind %s in %+v", c.name, c.item, c.kind, list)
		}
	}
	dir := makeCase(t, s)
	examination(dir, Examination{Case: "A-1", CustodyEntries: 5})
	if list := problems(t, dir, pub); len(list) > 0 {
		t.Errorf("a right one: %+v", list)
	}
}

// TestRecoveredTampered proves that what a crash left is held to the digest
// that was recorded when it was set aside.
func TestRecoveredTampered(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	edit(t, filepath.Join(dir, CustodyDir, "entries.ndjson"), func(b []byte) []byte { return append(b, "torn"...) })
	if err := open(t, dir, s).Close(); err != nil {
		t.Fatal(err)
	}
	if list := problems(t, dir, pub); len(list) > 0 {
		t.Fatalf("%+v", list)
	}
	aside := filepath.Join(dir, CustodyDir, "unfinished-5")
	edit(t, aside, flip)
	if list := problems(t, dir, pub); !has(list, "custody/unfinished-5", KindDigest) {
		t.Errorf("edited: %+v", list)
	}
	remove(t, aside)
	if list := problems(t, dir, pub); !has(list, "custody/unfinished-5", KindMissing) {
		t.Errorf("removed: %+v", list)
	}
}

// TestVerifyWhileWriting proves that a case verifies at each moment while
// another process records acts in it.
func TestVerifyWhileWriting(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	c := open(t, dir, s)
	done := make(chan error, 1)
	go func() {
		var err error
		for range 30 {
			err = errors.Join(err, c.Record(context.Background(), evidence.Entry{Act: "remark"}))
		}
		done <- err
	}()
	for {
		if list := problems(t, dir, pub); len(list) > 0 {
			t.Errorf("%+v", list)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}
