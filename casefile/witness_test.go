package casefile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"saksi/evidence"
)

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
