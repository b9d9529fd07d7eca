package casefile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/evidence"
)

func key(t *testing.T) (*evidence.Signer, *evidence.Public) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "station.key")
	pub, err := evidence.GenerateKey(path, evidence.KeyECDSA, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := evidence.LoadSigner(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := evidence.LoadPublic(pub)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// makeCase makes a real case with two exhibits, findings, a report and a
// statement over them.
func makeCase(t *testing.T, s *evidence.Signer) string {
	t.Helper()
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "case")
	c, err := Create(ctx, dir, Options{ID: "A-1", Agency: "Jabatan Contoh", Who: "examiner", Tool: "saksi test", Signer: s})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.pcap", "two.E01"} {
		src := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(src, bytes.Repeat([]byte(name), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.AddExhibit(ctx, src, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	f, x, err := c.OpenExhibit(ctx, "E1", ActExamine, "test")
	if err != nil || x.Name != "one.pcap" {
		t.Fatal(x, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data/findings/findings.ndjson", "data/reports/report.html"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.SignExamination(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func edit(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func replace(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
}

func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }

// TestVerify proves that an honest case verifies with its key, that without a
// key it says integrity only, and that verifying changes nothing.
func TestVerify(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	before := snapshot(t, dir)
	v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
	if err != nil || len(v.Problems) != 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	if v.Exhibits != 2 || v.Statements != 1 || v.Entries != 5 {
		t.Errorf("%+v", v)
	}
	v, err = Verify(t.Context(), dir, VerifyOptions{})
	if err != nil || len(v.Problems) != 1 || v.Problems[0].Kind != KindTrust {
		t.Errorf("without a key: %+v, %v", v, err)
	}
	if after := snapshot(t, dir); after != before {
		t.Error("verifying changed the case")
	}
	if _, err := Verify(t.Context(), t.TempDir(), VerifyOptions{Trust: evidence.TrustKey(pub)}); !errors.Is(err, ErrNoCase) {
		t.Errorf("an empty folder: %v", err)
	}
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		sum, _, err := evidence.SHA256File(context.Background(), p, nil)
		b.WriteString(p + " " + sum + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTamper proves that each way of cheating is caught, by kind and item.
func TestTamper(t *testing.T) {
	s, pub := key(t)
	other, otherPub := key(t)
	statement := func(dir string) string {
		m, err := filepath.Glob(filepath.Join(dir, StatementsDir, "*"))
		if err != nil || len(m) != 1 {
			t.Fatal(m, err)
		}
		return m[0]
	}
	entries := func(dir string) string { return filepath.Join(dir, CustodyDir, "entries.ndjson") }
	checkpoint := func(dir string) string { return filepath.Join(dir, CustodyDir, "checkpoint") }
	envelope := func(t *testing.T, dir string, f func(env map[string]any)) {
		edit(t, statement(dir), func(b []byte) []byte {
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			f(m["dsseEnvelope"].(map[string]any))
			out, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			return out
		})
	}
	for _, c := range []struct {
		name, kind string
		do         func(t *testing.T, dir string)
	}{
		{"byte flip in an exhibit", KindDigest, func(t *testing.T, dir string) { edit(t, filepath.Join(dir, "data/exhibits/E2-two.E01"), flip) }},
		{"names of exhibits swapped", KindDigest, func(t *testing.T, dir string) {
			a, b := filepath.Join(dir, "data/exhibits/E1-one.pcap"), filepath.Join(dir, "data/exhibits/E2-two.E01")
			for _, m := range [][2]string{{a, a + "x"}, {b, a}, {a + "x", b}} {
				if err := os.Rename(m[0], m[1]); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"exhibit deleted", KindMissing, func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "data/exhibits/E1-one.pcap")) }},
		{"exhibit is a link", KindForm, func(t *testing.T, dir string) {
			p := filepath.Join(dir, "data/exhibits/E1-one.pcap")
			if err := os.Rename(p, filepath.Join(dir, "..", "moved")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(dir, "..", "moved"), p); err != nil {
				t.Fatal(err)
			}
		}},
		{"finding edited", KindDigest, func(t *testing.T, dir string) { edit(t, filepath.Join(dir, "data/findings/findings.ndjson"), flip) }},
		{"report edited", KindDigest, func(t *testing.T, dir string) { edit(t, filepath.Join(dir, "data/reports/report.html"), flip) }},
		{"extra file in a folder", KindExtra, func(t *testing.T, dir string) { write(t, filepath.Join(dir, "data/exhibits/E3-planted.bin")) }},
		{"extra file in the root", KindExtra, func(t *testing.T, dir string) { write(t, filepath.Join(dir, "note.txt")) }},
		{"extra folder", KindExtra, func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "more/x"))
		}},
		{"extra file beside the log", KindExtra, func(t *testing.T, dir string) { write(t, filepath.Join(dir, CustodyDir, "entries2.ndjson")) }},
		{"case.json edited", KindDigest, func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, infoFile), replace("Jabatan Contoh", "Jabatan Lain"))
		}},
		{"statement payload edited", KindSignature, func(t *testing.T, dir string) {
			envelope(t, dir, func(env map[string]any) { p := env["payload"].(string); env["payload"] = p[:40] + "A" + p[41:] })
		}},
		{"signature removed", KindSignature, func(t *testing.T, dir string) {
			envelope(t, dir, func(env map[string]any) { env["signatures"] = []any{} })
		}},
		{"signature doubled", KindSignature, func(t *testing.T, dir string) {
			envelope(t, dir, func(env map[string]any) { s := env["signatures"].([]any); env["signatures"] = append(s, s[0]) })
		}},
		{"payload type changed", KindSignature, func(t *testing.T, dir string) {
			envelope(t, dir, func(env map[string]any) { env["payloadType"] = "text/plain" })
		}},
		{"unknown field in the bundle", KindSignature, func(t *testing.T, dir string) {
			envelope(t, dir, func(env map[string]any) { env["note"] = "x" })
		}},
		{"media type changed", KindSignature, func(t *testing.T, dir string) {
			edit(t, statement(dir), replace("bundle.v0.3+json", "bundle.v0.9+json"))
		}},
		{"statement removed", KindMissing, func(t *testing.T, dir string) { remove(t, statement(dir)) }},
		{"statement by another key", KindSignature, func(t *testing.T, dir string) {
			b, err := evidence.Sign(t.Context(), other, evidence.PredicateExamination, Examination{Case: "A-1"}, []evidence.Subject{{Name: infoFile, Digest: map[string]string{"sha256": strings.Repeat("0", 64)}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(statement(dir), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"statement of another predicate type", KindSignature, func(t *testing.T, dir string) {
			b, err := evidence.Sign(t.Context(), s, evidence.PredicateFile, Examination{Case: "A-1"}, []evidence.Subject{{Name: infoFile, Digest: map[string]string{"sha256": strings.Repeat("0", 64)}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, StatementsDir, "x.sigstore.json"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"subject leads out of the case", KindForm, func(t *testing.T, dir string) {
			b, err := evidence.Sign(t.Context(), s, evidence.PredicateExamination, Examination{Case: "A-1"}, []evidence.Subject{{Name: "../x", Digest: map[string]string{"sha256": strings.Repeat("0", 64)}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, StatementsDir, "x.sigstore.json"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"subject with MD5 only", KindDigest, func(t *testing.T, dir string) {
			b, err := evidence.Sign(t.Context(), s, evidence.PredicateExamination, Examination{Case: "A-1"}, []evidence.Subject{{Name: infoFile, Digest: map[string]string{"md5": "d41d8cd98f00b204e9800998ecf8427e"}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, StatementsDir, "x.sigstore.json"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"log entry edited", KindCustody, func(t *testing.T, dir string) { edit(t, entries(dir), replace(`"why":"test"`, `"why":"best"`)) }},
		{"log entry removed", KindCustody, func(t *testing.T, dir string) {
			edit(t, entries(dir), func(b []byte) []byte {
				l := bytes.SplitAfter(b, []byte("\n"))
				return bytes.Join(append(l[:1:1], l[2:]...), nil)
			})
		}},
		{"last log entry removed", KindCustody, func(t *testing.T, dir string) {
			edit(t, entries(dir), func(b []byte) []byte {
				l := bytes.SplitAfter(b, []byte("\n"))
				return bytes.Join(l[:len(l)-2], nil)
			})
		}},
		{"log emptied", KindCustody, func(t *testing.T, dir string) { edit(t, entries(dir), func([]byte) []byte { return nil }) }},
		{"checkpoint size edited", KindCustody, func(t *testing.T, dir string) { edit(t, checkpoint(dir), replace("\n5\n", "\n4\n")) }},
		{"checkpoint removed", KindCustody, func(t *testing.T, dir string) { remove(t, checkpoint(dir)) }},
		{"log of another case", KindCustody, func(t *testing.T, dir string) {
			c2 := filepath.Join(t.TempDir(), "c2")
			c, err := Create(t.Context(), c2, Options{ID: "B", Who: "x", Signer: s})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{"entries.ndjson", "checkpoint"} {
				b, err := os.ReadFile(filepath.Join(c2, CustodyDir, f))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, CustodyDir, f), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := makeCase(t, s)
			c.do(t, dir)
			v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range v.Problems {
				if p.Expected == "" || p.Found == "" {
					t.Errorf("a problem without words: %+v", p)
				}
				if p.Kind == c.kind {
					return
				}
			}
			t.Errorf("no problem of kind %s in %+v", c.kind, v.Problems)
		})
	}
	v, err := Verify(t.Context(), makeCase(t, s), VerifyOptions{Trust: evidence.TrustKey(otherPub)})
	if err != nil || len(v.Problems) < 3 || v.Problems[0].Kind != KindTrust {
		t.Errorf("with another key: %+v, %v", v, err)
	}
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestInterrupted proves that an entry that a kill kept from its checkpoint is
// shown, set aside and recorded, and that the log then verifies.
func TestInterrupted(t *testing.T) {
	s, pub := key(t)
	for _, torn := range []string{`{"seq":5,"ti`, `{"seq":5,"time":"2030-01-01T00:00:00Z","act":"exam`, "\x00\x00\x00", `{"seq":5,"time":"2030-01-01T00:00:00Z","act":"examine","who":"x","tool":"saksi"}` + "\n"} {
		dir := makeCase(t, s)
		edit(t, filepath.Join(dir, CustodyDir, "entries.ndjson"), func(b []byte) []byte { return append(b, torn...) })
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
		if err != nil || len(v.Problems) != 0 || v.Unfinished != len(torn) {
			t.Fatalf("%+v, %v", v, err)
		}
		c, err := Open(t.Context(), dir, Options{Who: "examiner", Signer: s})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Record(t.Context(), evidence.Entry{Act: "remark"}); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		v, err = Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
		if err != nil || len(v.Problems) != 0 || v.Entries != 7 || v.Unfinished != 0 {
			t.Errorf("afterwards: %+v, %v", v, err)
		}
	}
}

// TestAppended proves that only what an interruption can leave may follow the
// entries under the checkpoint, and that in a sealed case no whole entry may: who
// has no key could add it.
func TestAppended(t *testing.T) {
	s, pub := key(t)
	entry := func(seq int, time, act string) string {
		return fmt.Sprintf(`{"seq":%d,"time":%q,"act":%q,"who":"x","tool":"saksi"}`+"\n", seq, time, act)
	}
	const later = "2030-01-01T00:00:00Z"
	for _, c := range []struct {
		name, left string
		open       int // problems of the case unsealed; sealed it has one
	}{
		{"the last entry again", entry(4, later, "examine"), 1},
		{"an entry ahead", entry(7, later, "examine"), 1},
		{"an entry", entry(5, later, "examine"), 0},
		{"an entry of before", entry(5, "2001-01-01T00:00:00Z", "examine"), 1},
		{"an entry of no act", entry(5, later, ""), 1},
		{"a line", "torn\n", 1},
		{"an empty line", "\n", 1},
		{"other text", `{"sequel":5`, 1},
		{"a field twice", `{"seq":5,"time":"` + later + `","act":"a","act":"b","who":"x","tool":"saksi"}` + "\n", 1},
	} {
		for _, sealed := range []bool{false, true} {
			dir, left, want := makeCase(t, s), c.left, c.open
			if sealed {
				k := open(t, dir, s)
				if _, err := k.Seal(t.Context(), SealOptions{Signer: s}); err != nil {
					t.Fatal(err)
				}
				if err := k.Close(); err != nil {
					t.Fatal(err)
				}
				left, want = strings.NewReplacer(`"seq":5`, `"seq":6`, `"seq":4`, `"seq":5`).Replace(left), 1
			}
			edit(t, filepath.Join(dir, CustodyDir, "entries.ndjson"), func(b []byte) []byte { return append(b, left...) })
			v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
			if err != nil || len(v.Problems) != want || want > 0 && (v.Problems[0].Item != entriesFile || v.Problems[0].Kind != KindCustody) {
				t.Errorf("%s, sealed %v: %+v, %v", c.name, sealed, v, err)
			}
			// The station sets it aside all the same.
			if err := open(t, dir, s).Close(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if list := problems(t, dir, pub); len(list) > 0 {
				t.Errorf("%s, sealed %v: set aside: %+v", c.name, sealed, list)
			}
		}
	}
}
