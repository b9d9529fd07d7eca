package casefile

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTorn proves that only a beginning counts as torn: what differs otherwise
// is never written over.
func TestTorn(t *testing.T) {
	p := filepath.Join(t.TempDir(), "tile")
	for content, want := range map[string]bool{"": true, "ab": true, "abcd": false, "abce": false, "x": false, "abcdef": false} {
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if torn(p, []byte("abcd")) != want {
			t.Errorf("%q: torn is %v", content, !want)
		}
	}
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", p); err != nil {
		t.Fatal(err)
	}
	if torn(p, []byte("abcd")) {
		t.Error("a link counts as torn")
	}
}
