package casefile

import (
	"bytes"
	"crypto/x509"
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

// sealedCase is a sealed case with a time stamp, and what its verifier brings
// along: the sealer's key, a trusted root, receipts from before the seal and after.
type sealedCase struct {
	dir            string
	log, sealer    *evidence.Signer // sign the custody log and the seal
	logPub, person *evidence.Public
	other          *evidence.Signer // nobody's
	otherPub       *evidence.Public
	old            map[string][]byte // the custody log before the seal
	tsa            *authority
	trust          *evidence.Trust
	earlier        *evidence.Receipt
	receipts       []Kept
}

func newSealedCase(t *testing.T) *sealedCase {
	t.Helper()
	f := &sealedCase{old: map[string][]byte{}, tsa: newAuthority(t, "TSA", time.Now().Add(time.Minute))}
	f.log, f.logPub = key(t)
	f.sealer, f.person = key(t)
	f.other, f.otherPub = key(t)
	f.dir = makeCase(t, f.log)
	var err error
	if f.earlier, err = Receipt(f.dir, -1, f.logPub); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"custody/entries.ndjson", "custody/checkpoint"} {
		if f.old[name], err = os.ReadFile(filepath.Join(f.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	sealOne(t, f.dir, f.log, f.sealer, f.tsa)
	after, err := Receipt(f.dir, -1, f.logPub)
	if err != nil {
		t.Fatal(err)
	}
	f.trust = &evidence.Trust{Keys: []*evidence.Public{f.person}, Roots: []*x509.Certificate{f.tsa.root}}
	f.receipts = []Kept{{"earlier", f.earlier.Marshal()}, {"after", after.Marshal()}}
	return f
}

// copied is the case anew, to be tampered with.
func (f *sealedCase) copied(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "case")
	if err := os.CopyFS(dir, os.DirFS(f.dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// cheat is a way of cheating, and the problem that it is.
type cheat struct {
	name, item, kind string
	do               func(t *testing.T, dir string)
}

// lesser are the ways of cheating that leave the evidence as it was, and what is
// gravest then: of the custody log (exit code 11), or of trust (12). All others are
// of the evidence (10).
var lesser = map[string]string{
	"log entry edited": KindCustody, "tile edited": KindCustody, "tile of entries edited": KindCustody, "checkpoint size edited": KindCustody,
	"released by somebody who does not hold it": KindCustody, "clock going back": KindCustody, "disposed of without an approval": KindCustody,
}

// caught proves that each way of cheating is caught by name, with what was expected
// and what was found, and as grave as it is.
func (f *sealedCase) caught(t *testing.T, list []cheat) {
	t.Helper()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			dir := f.copied(t)
			c.do(t, dir)
			v, err := Verify(t.Context(), dir, VerifyOptions{Trust: f.trust, Receipts: f.receipts})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(v.Problems, func(p Problem) bool {
				return p.Item == c.item && p.Kind == c.kind && p.Expected != "" && p.Found != ""
			}) {
				t.Errorf("no problem %s of kind %s in %+v", c.item, c.kind, v.Problems)
			}
			want := KindDigest
			if l, ok := lesser[c.name]; ok {
				want = l
			}
			if worst := v.Worst(); worst != want {
				t.Errorf("worst is %s; expected %s: %+v", worst, want, v.Problems)
			}
		})
	}
}

// at is a path of a case.
func at(f string) func(dir string) string {
	return func(dir string) string { return filepath.Join(dir, f) }
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.RemoveAll(path), os.WriteFile(path, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func flipped(f string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { edit(t, at(f)(dir), flip) }
}

func removed(f ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		for _, f := range f {
			if err := os.Remove(at(f)(dir)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func edited(f, old, new string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		edit(t, at(f)(dir), func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("%s holds no %q", f, old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		})
	}
}

// rebag rewrites the manifests for what the folder holds now.
func rebag(t *testing.T, dir string) {
	for _, m := range []string{manifestFile, tagManifestFile} {
		edit(t, at(m)(dir), func(b []byte) []byte {
			var out strings.Builder
			for line := range strings.Lines(string(b)) {
				name := strings.TrimRight(line[66:], "\n")
				sum, _, err := evidence.SHA256File(t.Context(), at(name)(dir), nil)
				if err != nil {
					t.Fatal(err)
				}
				out.WriteString(sum + "  " + name + "\n")
			}
			return []byte(out.String())
		})
	}
}

// resign signs the seal anew, changed.
func resign(t *testing.T, dir string, s *evidence.Signer, change func(*evidence.Statement, *SealPredicate)) {
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
	change(st, &pred)
	if b, err = evidence.Sign(t.Context(), s, st.PredicateType, pred, st.Subject); err != nil {
		t.Fatal(err)
	}
	put(t, at(sealBundleFile)(dir), b)
}

// bundle changes the seal's bundle as JSON.
func bundle(change func(m map[string]any)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		edit(t, at(sealBundleFile)(dir), func(b []byte) []byte {
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			change(m)
			out, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			return out
		})
	}
}

func envelope(m map[string]any) map[string]any { return m["dsseEnvelope"].(map[string]any) }

// stampBy puts an authority's stamp in the place of the one that is there.
func stampBy(a *authority) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		sig, err := os.ReadFile(at(sealSigFile)(dir))
		if err != nil {
			t.Fatal(err)
		}
		b, err := rawStamp(a, sig)
		if err != nil {
			t.Fatal(err)
		}
		put(t, at(sealStampFile)(dir), b)
	}
}

// sealLine is the last line of a log and where it begins.
func sealLine(b []byte) (string, int) {
	i := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
	return string(b[i:]), i
}
