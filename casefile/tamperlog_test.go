package casefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/evidence"
)

// TestTamperLog proves that the custody log of a sealed case can't be edited, cut
// or written anew unseen, not even by the holder of its key.
func TestTamperLog(t *testing.T) {
	f := newSealedCase(t)
	f.caught(t, []cheat{
		{"log entry edited", "custody/entries.ndjson", KindCustody, edited("custody/entries.ndjson", `"who":"ana"`, `"who":"bob"`)},
		{"log entry missing", "custody/entries.ndjson", KindCustody, func(t *testing.T, dir string) {
			edit(t, at("custody/entries.ndjson")(dir), func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] })
		}},
		{"tile edited", "custody/tile/0/000.p/6", KindCustody, flipped("custody/tile/0/000.p/6")},
		{"tile of entries edited", "custody/tile/entries/000.p/6", KindCustody, flipped("custody/tile/entries/000.p/6")},
		{"tile missing", "custody/tile/0/000.p/6", KindMissing, removed("custody/tile/0/000.p/6")},
		{"checkpoint size edited", "custody/entries.ndjson", KindCustody, edited("custody/checkpoint", "\n6\n", "\n5\n")},
		{"rolled back to an older valid checkpoint", "after", KindCustody, func(t *testing.T, dir string) {
			for f, b := range f.old {
				put(t, at(f)(dir), b)
			}
		}},
		{"last record dropped", sealBundleFile, KindCustody, func(t *testing.T, dir string) {
			for f, b := range f.old {
				put(t, at(f)(dir), b)
			}
		}},
		{"history rewritten by the holder of the log's key", "after", KindCustody, func(t *testing.T, dir string) {
			b, err := os.ReadFile(at("custody/entries.ndjson")(dir))
			if err != nil {
				t.Fatal(err)
			}
			line, _ := sealLine(b)
			var e evidence.Entry
			if err := errors.Join(json.Unmarshal([]byte(line), &e), os.RemoveAll(at(CustodyDir)(dir)), os.Mkdir(at(CustodyDir)(dir), 0o700)); err != nil {
				t.Fatal(err)
			}
			for f, b := range f.old {
				put(t, at(f)(dir), b)
			}
			l, err := evidence.OpenLog(t.Context(), at(CustodyDir)(dir), "A-1", f.log)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(l.Append(t.Context(), evidence.Entry{Act: "remark", Who: "eve"}), l.Append(t.Context(), e), l.Close()); err != nil {
				t.Fatal(err)
			}
		}},
		{"released by somebody who does not hold it", "custody/entries.ndjson", KindCustody, func(t *testing.T, dir string) {
			forge(t, dir, f.log, evidence.Entry{Seq: 6, Time: time.Now().UTC().Add(time.Hour).Format(time.RFC3339Nano), Act: ActTransfer, Who: "eve", Exhibit: "E1", From: "eve", To: "mallory", Tool: "x"})
		}},
		{"clock going back", "custody/entries.ndjson", KindCustody, func(t *testing.T, dir string) {
			forge(t, dir, f.log, evidence.Entry{Seq: 6, Time: "2001-01-01T00:00:00Z", Act: "remark", Who: "eve", Tool: "x"})
		}},
		{"disposed of without an approval", "custody/entries.ndjson", KindCustody, func(t *testing.T, dir string) {
			forge(t, dir, f.log, evidence.Entry{Seq: 6, Time: time.Now().UTC().Add(time.Hour).Format(time.RFC3339Nano), Act: ActDispose, Who: "eve", Exhibit: "E1", Tool: "x"})
		}},
		{"an exhibit added after the seal", CustodyDir, KindCustody, func(t *testing.T, dir string) {
			forge(t, dir, f.log, evidence.Entry{Seq: 6, Time: time.Now().UTC().Add(time.Hour).Format(time.RFC3339Nano), Act: ActAdd, Who: "eve", Exhibit: "E9", Where: "data/exhibits/E1-one.pcap", SHA256: strings.Repeat("ab", 32), Tool: "x"})
		}},
	})
}

// TestTamperFresh proves that a log that is whole in itself, and not the one that
// somebody saw, shows against a receipt, an earlier checkpoint and a witness,
// and that without one nothing is said of it.
func TestTamperFresh(t *testing.T) {
	f := newSealedCase(t)
	// What stood in the log once: an exhibit changed hands after the seal.
	seen := f.copied(t)
	c, err := Open(t.Context(), seen, Options{Who: "ana", Tool: "saksi test", Signer: f.log})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Transfer(t.Context(), "E1", evidence.Entry{From: "examiner", To: "bob"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	last, err := Receipt(seen, -1, f.logPub)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := os.ReadFile(at("custody/checkpoint")(seen))
	if err != nil {
		t.Fatal(err)
	}
	w, wpub := key(t)
	watched := filepath.Join(t.TempDir(), "watched")
	if err := os.CopyFS(watched, os.DirFS(seen)); err != nil {
		t.Fatal(err)
	}
	if _, err := Witness(t.Context(), watched, w, f.logPub, nil); err != nil {
		t.Fatal(err)
	}
	// Another history of the same length, shown to others.
	split := f.copied(t)
	forge(t, split, f.log, evidence.Entry{Seq: 6, Time: time.Now().UTC().Format(time.RFC3339Nano), Act: ActTransfer, Who: "ana", Exhibit: "E1", From: "examiner", To: "mallory", Tool: "x"})
	witnessed := func(dir string) string {
		to := filepath.Join(t.TempDir(), "case")
		if err := errors.Join(os.CopyFS(to, os.DirFS(dir)), os.CopyFS(at(witnessDir)(to), os.DirFS(at(witnessDir)(watched)))); err != nil {
			t.Fatal(err)
		}
		return to
	}
	more := *f.trust
	more.Keys = append(slices.Clone(f.trust.Keys), wpub)
	more.Records = map[string]evidence.KeyRecord{wpub.Hint(): {Hint: wpub.Hint(), Person: "W", Role: evidence.RoleWitness}}
	receipt, earlier := VerifyOptions{Trust: f.trust, Receipts: []Kept{{"kept", last.Marshal()}}}, VerifyOptions{Trust: f.trust, Checkpoints: []Kept{{"kept", checkpoint}}}
	replayed := bytes.Replace(f.earlier.Marshal(), []byte("index 4"), []byte("index 3"), 1)
	for _, c := range []struct {
		name, dir, item, say string
		o                    VerifyOptions
	}{
		{"an honest case and a receipt", seen, "", "", receipt},
		{"an honest case and a checkpoint", seen, "", "", earlier},
		{"an honest case and its witness", watched, "", "", VerifyOptions{Trust: &more}},
		{"last record dropped, and nothing kept", f.dir, "", "", VerifyOptions{Trust: f.trust}},
		{"last record dropped, against a receipt", f.dir, "kept", "set back", receipt},
		{"last record dropped, against a checkpoint", f.dir, "kept", "set back", earlier},
		{"last record dropped, against a witness's copy", witnessed(f.dir), witnessDir + "/" + wpub.Fingerprint()[:16], "set back", VerifyOptions{Trust: &more}},
		{"split view, against a receipt", split, "kept", "history is another", receipt},
		{"split view, against a checkpoint", split, "kept", "history is another", earlier},
		{"split view, against a witness's copy", witnessed(split), witnessDir + "/" + wpub.Fingerprint()[:16], "history is another", VerifyOptions{Trust: &more}},
		{"witness missing", f.dir, witnessDir, "none", VerifyOptions{Trust: &more}},
		{"witness unknown", watched, witnessDir + "/" + wpub.Fingerprint()[:16], "none of the 1 trusted ones", VerifyOptions{Trust: f.trust}},
		{"proof replayed at another index", f.dir, "kept", "is for index 3 and holds entry 4", VerifyOptions{Trust: f.trust, Receipts: []Kept{{"kept", replayed}}}},
		{"a receipt of another case's log", seen, "kept", "", VerifyOptions{Trust: f.trust, Receipts: []Kept{{"kept", otherReceipt(t)}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Verify(t.Context(), c.dir, c.o)
			if err != nil {
				t.Fatal(err)
			}
			if c.item == "" {
				if len(v.Problems) != 0 || (v.Fresh == 7) != (c.dir != f.dir) {
					t.Errorf("%+v", v)
				}
				return
			}
			if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Item == c.item && strings.Contains(p.Found, c.say) && p.Expected != "" }) {
				t.Errorf("no problem %s that says %q in %+v", c.item, c.say, v.Problems)
			}
			want := KindCustody
			if c.name == "witness unknown" {
				want = KindTrust
			}
			if worst := v.Worst(); worst != want {
				t.Errorf("worst is %s; expected %s: %+v", worst, want, v.Problems)
			}
		})
	}
}

// otherReceipt is a valid receipt of another case.
func otherReceipt(t *testing.T) []byte {
	t.Helper()
	s, p := key(t)
	r, err := Receipt(makeCase(t, s), 2, p)
	if err != nil {
		t.Fatal(err)
	}
	return r.Marshal()
}

// TestTamperWeakDigest proves that an exhibit of which the custody log knows an
// MD5 or a SHA-1 only is named, in a case that was sealed over it.
func TestTamperWeakDigest(t *testing.T) {
	for _, weak := range []string{"md5", "sha1"} {
		s, pub := key(t)
		dir := makeCase(t, s)
		path := ExhibitsDir + "/E3-three.dd"
		write(t, filepath.Join(dir, path))
		forge(t, dir, s, evidence.Entry{
			Seq: 5, Time: time.Now().UTC().Format(time.RFC3339Nano), Act: ActAdd, Who: "ana", Exhibit: "E3", Where: path, To: "ana", Tool: "x",
			Detail: map[string]string{"name": "three.dd", "bytes": "1", "copied": "true", weak: strings.Repeat("ab", 16)},
		})
		sealOne(t, dir, s, s, nil)
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
		if err != nil || len(v.Problems) != 1 || v.Problems[0].Item != "E3" || v.Problems[0].Kind != KindDigest || v.Problems[0].Expected != "a SHA-256" {
			t.Errorf("%s: %+v, %v", weak, v, err)
		}
	}
}
