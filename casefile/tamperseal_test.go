package casefile

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

// TestTamperSeal proves that no other statement, signature or key passes for the
// seal.
func TestTamperSeal(t *testing.T) {
	f := newSealedCase(t)
	f.caught(t, []cheat{
		{"subject in SHA-1 only", manifestFile, KindDigest, func(t *testing.T, dir string) {
			resign(t, dir, f.sealer, func(st *evidence.Statement, _ *SealPredicate) {
				st.Subject[1].Digest = map[string]string{"sha1": strings.Repeat("ab", 20)}
			})
		}},
		{"wrong predicate type", sealBundleFile, KindSignature, func(t *testing.T, dir string) {
			b, err := evidence.Sign(t.Context(), f.sealer, evidence.PredicateFile, map[string]string{}, []evidence.Subject{{Name: tagManifestFile, Digest: map[string]string{"sha256": strings.Repeat("ab", 32)}}})
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
			resign(t, dir, f.other, func(*evidence.Statement, *SealPredicate) {})
		}},
		{"signed by another key under the name of the right one", sealBundleFile, KindSignature, func(t *testing.T, dir string) {
			resign(t, dir, f.other, func(*evidence.Statement, *SealPredicate) {})
			edited(sealBundleFile, f.otherPub.Hint(), f.person.Hint())(t, dir)
		}},
		{"key hint changed", sealBundleFile, KindTrust, edited(sealBundleFile, f.person.Hint(), f.otherPub.Hint())},
		{"unknown media type", sealBundleFile, KindSignature, bundle(func(m map[string]any) { m["mediaType"] = "application/x" })},
		{"unknown field", sealBundleFile, KindSignature, bundle(func(m map[string]any) { m["more"] = 1 })},
		{"the signature for openssl changed", sealSigFile, KindDigest, flipped(sealSigFile)},
		{"the bytes for openssl changed", sealBytesFile, KindDigest, flipped(sealBytesFile)},
		{"the key that travels swapped", trustSealFile, KindDigest, func(t *testing.T, dir string) {
			b, err := f.otherPub.PEM()
			if err != nil {
				t.Fatal(err)
			}
			put(t, at(trustSealFile)(dir), b)
		}},
	})
}

// TestTamperKeys proves that a key that is no file is not waited for, and that
// what a revoked key sealed afterwards is named.
func TestTamperKeys(t *testing.T) {
	f := newSealedCase(t)
	t.Run("the key that travels is a FIFO", func(t *testing.T) {
		dir := f.copied(t)
		if err := errors.Join(os.Remove(at(trustSealFile)(dir)), unix.Mkfifo(at(trustSealFile)(dir), 0o600)); err != nil {
			t.Fatal(err)
		}
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(f.logPub)})
		if err != nil || !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Item == trustSealFile && p.Kind == KindForm }) {
			t.Errorf("%+v, %v", v, err)
		}
	})
	t.Run("sealing key revoked before", func(t *testing.T) {
		more := *f.trust
		more.Records = map[string]evidence.KeyRecord{f.person.Hint(): {RevokedAt: "2020-01-01T00:00:00Z", Reason: "lost"}}
		v, err := Verify(t.Context(), f.dir, VerifyOptions{Trust: &more})
		if err != nil || len(v.Problems) != 1 || v.Problems[0].Kind != KindTrust {
			t.Errorf("%+v, %v", v, err)
		}
		more.Records[f.person.Hint()] = evidence.KeyRecord{RevokedAt: "2099-01-01T00:00:00Z"}
		if v, err = Verify(t.Context(), f.dir, VerifyOptions{Trust: &more}); err != nil || len(v.Problems) != 0 {
			t.Errorf("revoked later: %+v, %v", v, err)
		}
	})
}
