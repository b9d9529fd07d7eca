package casefile

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"

	"saksi/evidence"
)

// authority is a time-stamp authority of the test's own.
type authority struct {
	root, cert *x509.Certificate
	key        *ecdsa.PrivateKey
	at         func() time.Time
}

func newAuthority(t *testing.T, name string, notAfter time.Time) *authority {
	t.Helper()
	make := func(c, parent *x509.Certificate, pub crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, signer)
		if err != nil {
			t.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rootKey, k := newKey(), newKey()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + " root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root := make(ca, ca, rootKey.Public(), rootKey)
	eku, err := base64.StdEncoding.DecodeString("MAoGCCsGAQUFBwMI") // SEQUENCE { id-kp-timeStamping }
	if err != nil {
		t.Fatal(err)
	}
	leaf := make(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 37}, Critical: true, Value: eku}},
	}, root, k.Public(), rootKey)
	return &authority{root: root, cert: leaf, key: k, at: time.Now}
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	req, err := timestamp.ParseRequest(b)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	ts := timestamp.Timestamp{
		HashAlgorithm: req.HashAlgorithm, HashedMessage: req.HashedMessage, Nonce: req.Nonce, Time: a.at(), Policy: []int{1, 2, 3}, AddTSACertificate: true, SerialNumber: big.NewInt(7),
		Certificates: []*x509.Certificate{a.root},
	}
	out, err := ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	if err == nil {
		_, err = w.Write(out)
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// sealOne seals the case of makeCase, with a time stamp of tsa if there is one.
func sealOne(t *testing.T, dir string, log, person *evidence.Signer, tsa *authority) {
	t.Helper()
	c, err := Open(t.Context(), dir, Options{Who: "ana", Tool: "saksi test", Signer: log})
	if err != nil {
		t.Fatal(err)
	}
	o := SealOptions{Signer: person}
	if tsa != nil {
		srv := httptest.NewServer(tsa)
		defer srv.Close()
		o.Authority, o.Roots = srv.URL, []*x509.Certificate{tsa.root}
		o.Stamp = func(ctx context.Context, sig []byte) ([]byte, error) {
			return evidence.RequestTimestamp(ctx, srv.URL, sig)
		}
	}
	if _, err := c.Seal(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := c.AddExhibitError(t.Context()); !errors.Is(err, ErrSealed) {
		t.Errorf("adding to a sealed case: %v", err)
	}
	if _, err := c.Seal(t.Context(), o); !errors.Is(err, ErrSealed) {
		t.Errorf("sealing twice: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// AddExhibitError is what adding an exhibit says.
func (c *Case) AddExhibitError(ctx context.Context) error {
	_, err := c.AddExhibit(ctx, filepath.Join(c.Dir, infoFile), true, nil)
	return err
}

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
		if err != nil || len(v.Problems) != 0 || v.Seal == nil || v.Seal.SealedBy != "ana" || v.Seal.Stamp == "" || v.Seal.StampTrusted != (trust == full) {
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

// TestSealTamper proves that each way of cheating on a sealed case is caught by
// name, with the sealer's key, a trusted root and a receipt from outside.
func TestSealTamper(t *testing.T) {
	s, station := key(t)
	p, person := key(t)
	other, otherPub := key(t)
	whole := makeCase(t, s)
	// What somebody kept before the seal, and the log as it was then.
	earlier, err := Receipt(whole, -1, station)
	if err != nil {
		t.Fatal(err)
	}
	old := map[string][]byte{}
	for _, f := range []string{"custody/entries.ndjson", "custody/checkpoint"} {
		if old[f], err = os.ReadFile(filepath.Join(whole, f)); err != nil {
			t.Fatal(err)
		}
	}
	tsa := newAuthority(t, "TSA", time.Now().Add(time.Minute))
	sealOne(t, whole, s, p, tsa)
	after, err := Receipt(whole, -1, station)
	if err != nil {
		t.Fatal(err)
	}
	_, witnessKey := key(t)
	trust := &evidence.Trust{Keys: []*evidence.Public{person}, Roots: []*x509.Certificate{tsa.root}}
	receipts := []Kept{{"earlier", earlier.Marshal()}, {"after", after.Marshal()}}

	at := func(f string) func(dir string) string {
		return func(dir string) string { return filepath.Join(dir, f) }
	}
	put := func(t *testing.T, path string, b []byte) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.RemoveAll(path), os.WriteFile(path, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	flipped := func(f string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { edit(t, at(f)(dir), flip) }
	}
	removed := func(f ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, f := range f {
				if err := os.Remove(at(f)(dir)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	edited := func(f, old, new string) func(*testing.T, string) {
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
	rebag := func(t *testing.T, dir string) {
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
	resign := func(t *testing.T, dir string, s *evidence.Signer, change func(*evidence.Statement, *SealPredicate)) {
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
	bundle := func(change func(m map[string]any)) func(*testing.T, string) {
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
	envelope := func(m map[string]any) map[string]any { return m["dsseEnvelope"].(map[string]any) }
	stampBy := func(a *authority) func(*testing.T, string) {
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
	sealLine := func(b []byte) (string, int) {
		i := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
		return string(b[i:]), i
	}
	rogue := newAuthority(t, "TSA", time.Now().Add(time.Minute))
	late := *tsa
	late.at = func() time.Time { return time.Now().Add(time.Hour) }

	for _, c := range []struct {
		name, item, kind string
		do               func(t *testing.T, dir string)
	}{
		{"byte flip in an image", "data/exhibits/E2-two.E01", KindDigest, flipped("data/exhibits/E2-two.E01")},
		{"E01 header edited", "data/exhibits/E2-two.E01", KindDigest, func(t *testing.T, dir string) {
			edit(t, at("data/exhibits/E2-two.E01")(dir), func(b []byte) []byte { b[0] ^= 1; return b })
		}},
		{"two names swapped", "data/exhibits/E1-one.pcap", KindDigest, func(t *testing.T, dir string) {
			a, b := at("data/exhibits/E1-one.pcap")(dir), at("data/exhibits/E2-two.E01")(dir)
			if err := errors.Join(os.Rename(a, a+"x"), os.Rename(b, a), os.Rename(a+"x", b)); err != nil {
				t.Fatal(err)
			}
		}},
		{"item deleted", "data/exhibits/E1-one.pcap", KindMissing, removed("data/exhibits/E1-one.pcap")},
		{"extra file in data", "data/exhibits/E9-x", KindExtra, func(t *testing.T, dir string) { put(t, at("data/exhibits/E9-x")(dir), []byte("x")) }},
		{"extra file in the root", "notes.txt", KindExtra, func(t *testing.T, dir string) { put(t, at("notes.txt")(dir), []byte("x")) }},
		{"an unlisted folder", "more", KindExtra, func(t *testing.T, dir string) { put(t, at("more/x")(dir), []byte("x")) }},
		{"an empty folder", "empty", KindExtra, func(t *testing.T, dir string) {
			if err := os.Mkdir(at("empty")(dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"payload and manifests rewritten together", tagManifestFile, KindDigest, func(t *testing.T, dir string) {
			edit(t, at("data/exhibits/E1-one.pcap")(dir), flip)
			rebag(t, dir)
		}},
		{"tag manifest removed", tagManifestFile, KindMissing, removed(tagManifestFile)},
		{"tag manifest removed and bag-info forged", bagInfoFile, KindDigest, func(t *testing.T, dir string) {
			removed(tagManifestFile)(t, dir)
			edited(bagInfoFile, "External-Identifier: ", "External-Identifier: X-")(t, dir)
		}},
		{"bag-info forged", bagInfoFile, KindDigest, edited(bagInfoFile, "Payload-Oxum: ", "Payload-Oxum: 1")},
		{"manifest in MD5 instead", manifestFile, KindMissing, func(t *testing.T, dir string) {
			removed(manifestFile)(t, dir)
			put(t, at("manifest-md5.txt")(dir), []byte("d41d8cd98f00b204e9800998ecf8427e  data/exhibits/E1-one.pcap\n"))
		}},
		{"manifest in MD5 besides", "manifest-md5.txt", KindExtra, func(t *testing.T, dir string) {
			put(t, at("manifest-md5.txt")(dir), []byte("d41d8cd98f00b204e9800998ecf8427e  data/exhibits/E1-one.pcap\n"))
		}},
		{"subject in SHA-1 only", manifestFile, KindDigest, func(t *testing.T, dir string) {
			resign(t, dir, p, func(st *evidence.Statement, _ *SealPredicate) {
				st.Subject[1].Digest = map[string]string{"sha1": strings.Repeat("ab", 20)}
			})
		}},
		{"metadata edited", caseGraphFile, KindDigest, flipped(caseGraphFile)},
		{"metadata and its lines removed", dfxmlFile, KindMissing, func(t *testing.T, dir string) {
			removed(dfxmlFile)(t, dir)
			edit(t, at(tagManifestFile)(dir), func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] })
		}},
		{"seal and metadata removed together", sealBundleFile, KindMissing, removed(caseGraphFile, dfxmlFile, sealBundleFile, sealSigFile, sealBytesFile)},
		{"all of the seal removed", sealBundleFile, KindMissing, removed(append(slices.Clone(sealTraces), sealStampFile, trustStampFile)...)},
		{"wrong predicate type", sealBundleFile, KindSignature, func(t *testing.T, dir string) {
			b, err := evidence.Sign(t.Context(), p, evidence.PredicateFile, map[string]string{}, []evidence.Subject{{Name: tagManifestFile, Digest: map[string]string{"sha256": strings.Repeat("ab", 32)}}})
			if err != nil {
				t.Fatal(err)
			}
			put(t, at(sealBundleFile)(dir), b)
		}},
		{"wrong payload type", sealBundleFile, KindSignature, bundle(func(m map[string]any) { envelope(m)["payloadType"] = "text/plain" })},
		{"signature removed", sealBundleFile, KindSignature, bundle(func(m map[string]any) { envelope(m)["signatures"] = []any{} })},
		{"signature doubled", sealBundleFile, KindSignature, bundle(func(m map[string]any) {
			sig := envelope(m)["signatures"].([]any)
			envelope(m)["signatures"] = append(sig, sig[0])
		})},
		{"signed by another key", sealBundleFile, KindTrust, func(t *testing.T, dir string) {
			resign(t, dir, other, func(*evidence.Statement, *SealPredicate) {})
		}},
		{"signed by another key under the name of the right one", sealBundleFile, KindSignature, func(t *testing.T, dir string) {
			resign(t, dir, other, func(*evidence.Statement, *SealPredicate) {})
			edited(sealBundleFile, otherPub.Hint(), person.Hint())(t, dir)
		}},
		{"key hint changed", sealBundleFile, KindTrust, edited(sealBundleFile, person.Hint(), otherPub.Hint())},
		{"unknown media type", sealBundleFile, KindSignature, bundle(func(m map[string]any) { m["mediaType"] = "application/x" })},
		{"unknown field", sealBundleFile, KindSignature, bundle(func(m map[string]any) { m["more"] = 1 })},
		{"the signature for openssl changed", sealSigFile, KindDigest, flipped(sealSigFile)},
		{"the bytes for openssl changed", sealBytesFile, KindDigest, flipped(sealBytesFile)},
		{"the key that travels swapped", trustSealFile, KindDigest, func(t *testing.T, dir string) {
			b, err := otherPub.PEM()
			if err != nil {
				t.Fatal(err)
			}
			put(t, at(trustSealFile)(dir), b)
		}},
		{"time stamp missing", sealStampFile, KindMissing, removed(sealStampFile)},
		{"time stamp swapped", sealStampFile, KindSignature, func(t *testing.T, dir string) {
			b, err := rawStamp(tsa, []byte("something else"))
			if err != nil {
				t.Fatal(err)
			}
			put(t, at(sealStampFile)(dir), b)
		}},
		{"time stamp of a rogue authority of the same name", sealStampFile, KindTrust, stampBy(rogue)},
		{"time stamp outside validity", sealStampFile, KindSignature, stampBy(&late)},
		{"the authority's certificate swapped", trustStampFile, KindDigest, func(t *testing.T, dir string) {
			put(t, at(trustStampFile)(dir), evidence.EncodeCertificates([]*x509.Certificate{rogue.root}))
		}},
		{"log entry edited", "custody/entries.ndjson", KindCustody, edited("custody/entries.ndjson", `"who":"ana"`, `"who":"bob"`)},
		{"log entry missing", "custody/entries.ndjson", KindCustody, func(t *testing.T, dir string) {
			edit(t, at("custody/entries.ndjson")(dir), func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] })
		}},
		{"tile edited", "custody/tile/0/000.p/6", KindCustody, flipped("custody/tile/0/000.p/6")},
		{"tile of entries edited", "custody/tile/entries/000.p/6", KindCustody, flipped("custody/tile/entries/000.p/6")},
		{"tile missing", "custody/tile/0/000.p/6", KindMissing, removed("custody/tile/0/000.p/6")},
		{"checkpoint size edited", "custody/entries.ndjson", KindCustody, edited("custody/checkpoint", "\n6\n", "\n5\n")},
		{"rolled back to an older valid checkpoint", "after", KindCustody, func(t *testing.T, dir string) {
			for f, b := range old {
				put(t, at(f)(dir), b)
			}
		}},
		{"last record dropped", sealBundleFile, KindCustody, func(t *testing.T, dir string) {
			for f, b := range old {
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
			for f, b := range old {
				put(t, at(f)(dir), b)
			}
			l, err := evidence.OpenLog(t.Context(), at(CustodyDir)(dir), "A-1", s)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(l.Append(t.Context(), evidence.Entry{Act: "note", Who: "eve"}), l.Append(t.Context(), e), l.Close()); err != nil {
				t.Fatal(err)
			}
		}},
		{"released by somebody who does not hold it", "custody/entries.ndjson", KindCustody, func(t *testing.T, dir string) {
			forge(t, dir, s, evidence.Entry{Seq: 6, Time: time.Now().UTC().Add(time.Hour).Format(time.RFC3339Nano), Act: ActTransfer, Who: "eve", Exhibit: "E1", From: "eve", To: "mallory", Tool: "x"})
		}},
		{"clock going back", "custody/entries.ndjson", KindCustody, func(t *testing.T, dir string) {
			forge(t, dir, s, evidence.Entry{Seq: 6, Time: "2001-01-01T00:00:00Z", Act: "note", Who: "eve", Tool: "x"})
		}},
		{"disposed of without an approval", "custody/entries.ndjson", KindCustody, func(t *testing.T, dir string) {
			forge(t, dir, s, evidence.Entry{Seq: 6, Time: time.Now().UTC().Add(time.Hour).Format(time.RFC3339Nano), Act: ActDispose, Who: "eve", Exhibit: "E1", Tool: "x"})
		}},
		{"an exhibit added after the seal", CustodyDir, KindCustody, func(t *testing.T, dir string) {
			forge(t, dir, s, evidence.Entry{Seq: 6, Time: time.Now().UTC().Add(time.Hour).Format(time.RFC3339Nano), Act: ActAdd, Who: "eve", Exhibit: "E9", Where: "data/exhibits/E1-one.pcap", SHA256: strings.Repeat("ab", 32), Tool: "x"})
		}},
		{"dot-dot in the manifest", "data/../../x", KindForm, func(t *testing.T, dir string) {
			edit(t, at(manifestFile)(dir), func(b []byte) []byte { return append(b, strings.Repeat("a", 64)+"  data/../../x\n"...) })
		}},
		{"a name twice in the manifest", "data/exhibits/E1-one.pcap", KindForm, func(t *testing.T, dir string) {
			edit(t, at(manifestFile)(dir), func(b []byte) []byte { return append(b, b[:bytes.IndexByte(b, '\n')+1]...) })
		}},
		{"a name in other letters", "data/exhibits/e1-ONE.pcap", KindForm, func(t *testing.T, dir string) {
			edit(t, at(manifestFile)(dir), func(b []byte) []byte {
				line := bytes.Replace(b[:bytes.IndexByte(b, '\n')+1], []byte("E1-one"), []byte("e1-ONE"), 1)
				return append(b, line...)
			})
			put(t, at("data/exhibits/e1-ONE.pcap")(dir), []byte("x"))
		}},
		{"a link instead of a file", "data/exhibits/E1-one.pcap", KindForm, func(t *testing.T, dir string) {
			p := at("data/exhibits/E1-one.pcap")(dir)
			if err := errors.Join(os.Rename(p, dir+".kept"), os.Symlink(dir+".kept", p)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "case")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			c.do(t, dir)
			v, err := Verify(t.Context(), dir, VerifyOptions{Trust: trust, Receipts: receipts})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Item == c.item && p.Kind == c.kind && p.Expected != "" && p.Found != "" }) {
				t.Errorf("no problem %s of kind %s in %+v", c.item, c.kind, v.Problems)
			}
		})
	}
	t.Run("the key that travels is a FIFO", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "case")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(at(trustSealFile)(dir)), unix.Mkfifo(at(trustSealFile)(dir), 0o600)); err != nil {
			t.Fatal(err)
		}
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(station)})
		if err != nil || !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Item == trustSealFile && p.Kind == KindForm }) {
			t.Errorf("%+v, %v", v, err)
		}
	})
	t.Run("proof replayed at another index", func(t *testing.T) {
		b := bytes.Replace(earlier.Marshal(), []byte("index 4"), []byte("index 3"), 1)
		v, err := Verify(t.Context(), whole, VerifyOptions{Trust: trust, Receipts: []Kept{{"r", b}}})
		if err != nil || len(v.Problems) != 1 || v.Problems[0].Item != "r" || v.Problems[0].Kind != KindCustody {
			t.Errorf("%+v, %v", v, err)
		}
	})
	t.Run("receipts of an honest case", func(t *testing.T) {
		v, err := Verify(t.Context(), whole, VerifyOptions{Trust: trust, Receipts: receipts})
		if err != nil || len(v.Problems) != 0 || v.Fresh != 6 {
			t.Errorf("%+v, %v", v, err)
		}
	})
	t.Run("witness missing", func(t *testing.T) {
		more := *trust
		more.Keys = append(slices.Clone(trust.Keys), witnessKey)
		more.Records = map[string]evidence.KeyRecord{witnessKey.Hint(): {Person: "W", Role: evidence.RoleWitness}}
		v, err := Verify(t.Context(), whole, VerifyOptions{Trust: &more})
		if err != nil || len(v.Problems) != 1 || v.Problems[0].Item != witnessDir || v.Problems[0].Kind != KindCustody {
			t.Errorf("%+v, %v", v, err)
		}
	})
	t.Run("sealing key revoked before", func(t *testing.T) {
		more := *trust
		more.Records = map[string]evidence.KeyRecord{person.Hint(): {RevokedAt: "2020-01-01T00:00:00Z", Reason: "lost"}}
		v, err := Verify(t.Context(), whole, VerifyOptions{Trust: &more})
		if err != nil || len(v.Problems) != 1 || v.Problems[0].Kind != KindTrust {
			t.Errorf("%+v, %v", v, err)
		}
		more.Records[person.Hint()] = evidence.KeyRecord{RevokedAt: "2099-01-01T00:00:00Z"}
		if v, err = Verify(t.Context(), whole, VerifyOptions{Trust: &more}); err != nil || len(v.Problems) != 0 {
			t.Errorf("revoked later: %+v, %v", v, err)
		}
	})
}

// forge appends an entry that the log itself would refuse, under a checkpoint
// signed with its own key: what a dishonest holder of the key can do.
func forge(t *testing.T, dir string, s *evidence.Signer, e evidence.Entry) {
	t.Helper()
	path := filepath.Join(dir, CustodyDir, "entries.ndjson")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	b = append(append(b, line...), '\n')
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	n := int64(0)
	for l := range bytes.Lines(b) {
		more, err := tlog.StoredHashes(n, bytes.TrimSuffix(l, []byte("\n")), reader)
		if err != nil {
			t.Fatal(err)
		}
		hashes, n = append(hashes, more...), n+1
	}
	root, err := tlog.TreeHash(n, reader)
	if err != nil {
		t.Fatal(err)
	}
	origin := evidence.Origin("A-1")
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, n, root)
	sig, err := s.Sign(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	hint, err := base64.StdEncoding.DecodeString(s.Public().Hint())
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := fmt.Sprintf("%s\n\u2014 %s %s\n", text, origin, base64.StdEncoding.EncodeToString(append(hint[:4:4], sig...)))
	if err := errors.Join(os.WriteFile(path, b, 0o600), os.WriteFile(filepath.Join(dir, CustodyDir, "checkpoint"), []byte(checkpoint), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// rawStamp makes a response over msg without a request.
func rawStamp(a *authority, msg []byte) ([]byte, error) {
	h := crypto.SHA256.New()
	h.Write(msg)
	ts := timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: h.Sum(nil), Time: a.at(), Policy: []int{1, 2, 3}, AddTSACertificate: true, SerialNumber: big.NewInt(8),
		Certificates: []*x509.Certificate{a.root},
	}
	return ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
}

// TestWitness proves that a witness cosigns what goes on from what it saw, that
// verifying then says how far the log is whole, and that a log set back or
// another history is refused and shows.
func TestWitness(t *testing.T) {
	s, pub := key(t)
	w, wpub := key(t)
	_, stranger := key(t)
	dir := makeCase(t, s)
	back := filepath.Join(t.TempDir(), "back")
	if err := os.CopyFS(back, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	sealOne(t, dir, s, s, nil)
	kept, err := Witness(t.Context(), dir, w, pub, nil)
	if err != nil {
		t.Fatal(err)
	}
	trust := &evidence.Trust{Keys: []*evidence.Public{pub, wpub}, Records: map[string]evidence.KeyRecord{wpub.Hint(): {Person: "W", Role: evidence.RoleWitness}}}
	v, err := Verify(t.Context(), dir, VerifyOptions{Trust: trust})
	if err != nil || len(v.Problems) != 0 || v.Fresh != 6 {
		t.Errorf("%+v, %v", v, err)
	}
	unknown := &evidence.Trust{Keys: []*evidence.Public{pub, stranger}}
	if v, err = Verify(t.Context(), dir, VerifyOptions{Trust: unknown}); err != nil || len(v.Problems) != 1 || v.Problems[0].Kind != KindTrust {
		t.Errorf("an unknown witness: %+v, %v", v, err)
	}
	if _, err := Witness(t.Context(), back, w, pub, kept); !errors.Is(err, evidence.ErrCustody) {
		t.Errorf("a log that was set back: %v", err)
	}
	if err := os.CopyFS(filepath.Join(back, witnessDir), os.DirFS(filepath.Join(dir, witnessDir))); err != nil {
		t.Fatal(err)
	}
	if v, err = Verify(t.Context(), back, VerifyOptions{Trust: trust}); err != nil || !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Kind == KindCustody && strings.Contains(p.Found, "set back") }) {
		t.Errorf("set back: %+v, %v", v, err)
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
