package casefile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

// forger seals a case anew by the keys of its log and of its seal, as their holder
// could: the log as it was before, and whatever is wrong signed like the rest.
type forger struct {
	payload   func(t *testing.T, dir string)                // before the manifests are written
	manifest  func(b []byte) []byte                         // of what the folder holds
	predicate func(b []byte) []byte                         // of the seal
	statement func(b []byte) []byte                         // that is signed
	bundle    func(b []byte) []byte                         // around it
	log       func(t *testing.T, f *sealedCase, dir string) // before the entry of the seal
	entry     func(e *evidence.Entry)                       // of the seal
	after     func(t *testing.T, dir string, f *sealedCase) // when all is done
}

func (g forger) seal(t *testing.T, f *sealedCase, dir string) {
	t.Helper()
	for name, b := range f.old {
		put(t, at(name)(dir), b)
	}
	if err := errors.Join(os.RemoveAll(at(tileDir)(dir)), os.Remove(at(sealStampFile)(dir)), os.Remove(at(trustStampFile)(dir))); err != nil {
		t.Fatal(err)
	}
	if g.payload != nil {
		g.payload(t, dir)
	}
	if g.log != nil {
		g.log(t, f, dir)
	}
	rebag(t, dir)
	if g.manifest != nil {
		edit(t, at(manifestFile)(dir), g.manifest)
		edit(t, at(tagManifestFile)(dir), func(b []byte) []byte {
			m, err := os.ReadFile(at(manifestFile)(dir))
			if err != nil {
				t.Fatal(err)
			}
			i := bytes.Index(b, []byte("  "+manifestFile))
			return append(append(bytes.Clone(b[:i-64]), evidence.SHA256(m)...), b[i:]...)
		})
	}
	st, pred := sealState(t, dir)
	log, problems, err := evidence.VerifyLog(at(CustodyDir)(dir), evidence.Origin("A-1"), nil)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	pred.Custody.Entries, pred.Custody.Root, pred.Timestamp = log.Size, log.Root, SealedAtTime{Kind: "deferred"}
	raw, err := json.Marshal(pred)
	if err != nil {
		t.Fatal(err)
	}
	if g.predicate != nil {
		raw = g.predicate(raw)
	}
	sums := map[string]string{}
	for _, name := range []string{tagManifestFile, manifestFile} {
		if sums[name], _, err = evidence.SHA256File(t.Context(), at(name)(dir), nil); err != nil {
			t.Fatal(err)
		}
	}
	payload := fmt.Appendf(nil, `{"_type":%q,"subject":[{"name":%q,"digest":{"sha256":%q}},{"name":%q,"digest":{"sha256":%q}}],"predicateType":%q,"predicate":%s}`,
		evidence.StatementType, tagManifestFile, sums[tagManifestFile], manifestFile, sums[manifestFile], st.PredicateType, raw)
	if g.statement != nil {
		payload = g.statement(payload)
	}
	signed := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(evidence.PayloadType), evidence.PayloadType, len(payload), payload)
	sig, err := f.sealer.Sign(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	b := fmt.Appendf(nil, `{"mediaType":%q,"verificationMaterial":{"publicKey":{"hint":%q}},"dsseEnvelope":{"payload":%q,"payloadType":%q,"signatures":[{"sig":%q}]}}`+"\n",
		evidence.BundleMediaType, f.person.Hint(), base64.StdEncoding.EncodeToString(payload), evidence.PayloadType, base64.StdEncoding.EncodeToString(sig))
	if g.bundle != nil {
		b = g.bundle(b)
	}
	put(t, at(sealBundleFile)(dir), b)
	put(t, at(sealSigFile)(dir), sig)
	put(t, at(sealBytesFile)(dir), signed)
	e := evidence.Entry{
		Seq: log.Size, Time: time.Now().UTC().Format(time.RFC3339Nano), Act: ActSeal, Who: "ana", Where: sealBundleFile, SHA256: evidence.SHA256(b), Tool: "x",
		Detail: map[string]string{"tagmanifest": sums[tagManifestFile], "manifest": sums[manifestFile], "key_hint": f.person.Hint()},
	}
	if g.entry != nil {
		g.entry(&e)
	}
	forge(t, dir, f.log, e)
	log, _, err = evidence.VerifyLog(at(CustodyDir)(dir), evidence.Origin("A-1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Tiles(at(CustodyDir)(dir), log.Size, func(path string, b []byte) error {
		put(t, filepath.Join(dir, CustodyDir, path), b)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if g.after != nil {
		g.after(t, dir, f)
	}
}

// sealState is the seal that the case has.
func sealState(t *testing.T, dir string) (*evidence.Statement, SealPredicate) {
	b, err := os.ReadFile(at(sealBundleFile)(dir))
	if err != nil {
		t.Fatal(err)
	}
	st, err := evidence.Open(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	var pred SealPredicate
	if err := json.Unmarshal(st.Predicate, &pred); err != nil {
		t.Fatal(err)
	}
	return st, pred
}

func replaced(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
}

func twoNames(a, b string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		put(t, at("data/reports/"+a)(dir), []byte("x"))
		put(t, at("data/reports/"+b)(dir), []byte("y"))
	}
}

func lines(names ...string) func([]byte) []byte {
	return func(b []byte) []byte {
		for i, name := range names {
			b = fmt.Appendf(b, "%s  data/reports/%s\n", evidence.SHA256([]byte{byte('x' + i)}), name)
		}
		return b
	}
}

// more has the seal speak of more files than there were.
func more(n int) func([]byte) []byte {
	return func(b []byte) []byte {
		return replaced(`"files":5,`, fmt.Sprintf(`"files":%d,`, 5+n))(b)
	}
}

// TestTamperInsider proves that who holds the keys of the log and of the seal, and
// signs all of it anew, can't make a case of which two readers would read two
// things, nor one that takes without end to verify.
func TestTamperInsider(t *testing.T) {
	f := newSealedCase(t)
	verify := func(t *testing.T, dir string) *Verification {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: f.trust})
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if took, n := time.Since(begun), after.TotalAlloc-before.TotalAlloc; took > time.Minute || n > 1<<30 {
			t.Errorf("it took %v and %d bytes", took, n)
		}
		return v
	}
	t.Run("honest", func(t *testing.T) {
		dir := f.copied(t)
		forger{}.seal(t, f, dir)
		if v := verify(t, dir); len(v.Problems) != 0 {
			t.Errorf("what the forger makes does not verify by itself: %+v", v.Problems)
		}
	})
	exhibit := "data/exhibits/E1-one.pcap"
	instead := func(do func(path string) error) func(*testing.T, string, *sealedCase) {
		return func(t *testing.T, dir string, _ *sealedCase) {
			if err := errors.Join(os.Remove(at(exhibit)(dir)), do(at(exhibit)(dir))); err != nil {
				t.Fatal(err)
			}
		}
	}
	folder := func(name string) func(*testing.T, string, *sealedCase) {
		return func(t *testing.T, dir string, _ *sealedCase) {
			to := filepath.Join(t.TempDir(), "elsewhere")
			if err := errors.Join(os.Rename(at(name)(dir), to), os.Symlink(to, at(name)(dir))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name, item, kind string
		g                forger
	}{
		{"a key twice in the bundle", sealBundleFile, KindSignature, forger{bundle: replaced(`{"mediaType"`, `{"mediaType":"x","mediaType"`)}},
		{"a key twice in the envelope", sealBundleFile, KindSignature, forger{bundle: replaced(`"dsseEnvelope":{`, `"dsseEnvelope":{"payload":"e30=",`)}},
		{"a mark of the order of bytes before the bundle", sealBundleFile, KindSignature, forger{bundle: func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) }}},
		{"a second value behind the bundle", sealBundleFile, KindSignature, forger{bundle: func(b []byte) []byte { return append(b, "{}"...) }}},
		{"a second signature", sealBundleFile, KindSignature, forger{bundle: replaced(`"signatures":[`, `"signatures":[{"sig":"AAAA"},`)}},
		{"a deep bundle", sealBundleFile, KindSignature, forger{bundle: func([]byte) []byte { return bytes.Repeat([]byte(`{"a":`), 1<<20) }}},
		{"a key twice in the statement", sealBundleFile, KindSignature, forger{statement: replaced(`"predicateType":`, `"predicateType":"https://example.org/x","predicateType":`)}},
		{"a second value behind the statement", sealBundleFile, KindSignature, forger{statement: func(b []byte) []byte { return append(b, "{}"...) }}},
		{"a key twice in the predicate", sealBundleFile, KindSignature, forger{predicate: replaced(`"classification":"Sulit"`, `"classification":"Terbuka","classification":"Sulit"`)}},
		{"a key in other letters in the predicate", sealBundleFile, KindSignature, forger{predicate: replaced(`"classification":"Sulit"`, `"Classification":"Terbuka","classification":"Sulit"`)}},
		{"more in the predicate", sealBundleFile, KindSignature, forger{predicate: replaced(`{"case"`, `{"approved":"by the court","case"`)}},
		{"files less than none", sealBundleFile, KindSignature, forger{predicate: replaced(`"files":5,`, `"files":-1e999,`)}},
		{"names composed in two ways", "data/reports/\u00e9", KindForm, forger{payload: twoNames("e\u0301", "\u00e9"), manifest: lines("e\u0301", "\u00e9"), predicate: more(2)}},
		{"names that fold alike", "data/reports/STRASSE", KindForm, forger{payload: twoNames("stra\u00dfe", "STRASSE"), manifest: lines("stra\u00dfe", "STRASSE"), predicate: more(2)}},
		{"a line that never ends in the manifest", manifestFile, KindForm, forger{manifest: func(b []byte) []byte { return append(b, bytes.Repeat([]byte("a"), 1<<20)...) }}},
		{"a name longer than any file system takes", "data/" + strings.Repeat("n", 5000), KindMissing, forger{
			manifest: func(b []byte) []byte { return fmt.Appendf(b, "%064d  data/%s\n", 0, strings.Repeat("n", 5000)) }, predicate: more(1),
		}},
		{"a name with a NUL in the manifest", "data/a\x00b", KindMissing, forger{manifest: func(b []byte) []byte { return fmt.Appendf(b, "%064d  data/a\x00b\n", 0) }, predicate: more(1)}},
		{"lines of the manifest without end", manifestFile, KindDigest, forger{after: func(t *testing.T, dir string, _ *sealedCase) {
			b := bytes.Repeat(fmt.Appendf(nil, "%064d  data/x\n", 0), 1)
			edit(t, at(manifestFile)(dir), func(m []byte) []byte { return append(m, bytes.Repeat(b, 200_000)...) })
		}}},
		{"a manifest of holes", manifestFile, KindForm, forger{after: func(t *testing.T, dir string, _ *sealedCase) {
			if err := os.Truncate(at(manifestFile)(dir), 1<<42); err != nil {
				t.Fatal(err)
			}
		}}},
		{"an exhibit grown by holes", exhibit, KindDigest, forger{after: func(t *testing.T, dir string, _ *sealedCase) {
			if err := errors.Join(os.Chmod(at(exhibit)(dir), 0o600), os.Truncate(at(exhibit)(dir), 1<<42)); err != nil {
				t.Fatal(err)
			}
		}}},
		{"a report grown by holes", "data/reports/report.html", KindDigest, forger{after: func(t *testing.T, dir string, _ *sealedCase) {
			if err := os.Truncate(at("data/reports/report.html")(dir), 1<<42); err != nil {
				t.Fatal(err)
			}
		}}},
		{"an exhibit is a FIFO", exhibit, KindForm, forger{after: instead(func(p string) error { return unix.Mkfifo(p, 0o600) })}},
		{"an exhibit is a socket", exhibit, KindForm, forger{after: instead(func(p string) error {
			// A socket's name is short; it is moved to its place.
			d, err := os.MkdirTemp("", "s")
			if err != nil {
				return err
			}
			defer os.RemoveAll(d)
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: d + "/s", Net: "unix"})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false)
			return errors.Join(os.Rename(d+"/s", p), l.Close())
		})}},
		{"an exhibit is a folder", exhibit, KindForm, forger{after: instead(func(p string) error { return os.Mkdir(p, 0o700) })}},
		{"the folder of exhibits is a link", ExhibitsDir, KindForm, forger{after: folder(ExhibitsDir)}},
		{"the folder of the seal is a link", sealDir, KindForm, forger{after: folder(sealDir)}},
		{"the folder of the log is a link", CustodyDir, KindExtra, forger{after: folder(CustodyDir)}},
		{"a tile of no bytes", "custody/tile/0/000.p/6", KindCustody, forger{after: func(t *testing.T, dir string, _ *sealedCase) { put(t, at("custody/tile/0/000.p/6")(dir), nil) }}},
		{"a tile too many", "custody/tile/0/001", KindExtra, forger{after: func(t *testing.T, dir string, _ *sealedCase) { put(t, at("custody/tile/0/001")(dir), nil) }}},
		{"another signature in the checkpoint", "custody/entries.ndjson", KindCustody, forger{after: func(t *testing.T, dir string, _ *sealedCase) {
			edit(t, at("custody/checkpoint")(dir), func(b []byte) []byte { return append(b, "\u2014 example.org AAAAAAAA\n"...) })
		}}},
		{"an exhibit under custody twice", "E1", KindCustody, forger{log: func(t *testing.T, f *sealedCase, dir string) {
			b, _, err := evidence.SHA256File(t.Context(), at("data/exhibits/E2-two.E01")(dir), nil)
			if err != nil {
				t.Fatal(err)
			}
			forge(t, dir, f.log, evidence.Entry{
				Seq: 5, Time: time.Now().UTC().Format(time.RFC3339Nano), Act: ActAdd, Who: "ana", Exhibit: "E1", SHA256: b, Where: "data/exhibits/E2-two.E01", From: "examiner", To: "eve", Tool: "x",
				Detail: map[string]string{"name": "one.pcap", "copied": "true"},
			})
		}}},
		{"another manifest in the log than in the seal", manifestFile, KindDigest, forger{entry: func(e *evidence.Entry) { e.Detail["manifest"] = strings.Repeat("ab", 32) }}},
		{"the seal of another case", sealBundleFile, KindSignature, forger{predicate: replaced(`"case":"A-1"`, `"case":"A-2"`)}},
		{"a certificate of another authority with the keys", "trust/tsa.pem", KindExtra, forger{after: func(t *testing.T, dir string, f *sealedCase) {
			put(t, at("trust/tsa.pem")(dir), []byte("x"))
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := f.copied(t)
			c.g.seal(t, f, dir)
			if v := verify(t, dir); !slices.ContainsFunc(v.Problems, func(p Problem) bool {
				return p.Item == c.item && p.Kind == c.kind && p.Expected != "" && p.Found != ""
			}) {
				t.Errorf("no problem %q of kind %s in %+v", c.item, c.kind, v.Problems)
			}
		})
	}
}
