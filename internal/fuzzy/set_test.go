package fuzzy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSet proves that a set finds what comparing with each hash finds, and that lists
// which are none are refused with their line.
func TestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 3))
	var text strings.Builder
	text.WriteString("ssdeep,1.1--blocksize:hash:hash,filename\n")
	var hashes []Hash
	for i, b := range contents(r, 120) {
		hashes = append(hashes, hash(b))
		fmt.Fprintf(&text, "%s,\"fail %03d\"\n", hashes[i], i)
	}
	path := filepath.Join(t.TempDir(), "list")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text.String())
	s, err := Load([]string{path})
	if err != nil || s.Len() != len(hashes) {
		t.Fatal(err)
	}
	for _, h := range hashes {
		for _, least := range []int{1, 60, 100} {
			want := map[string]int{}
			for i := range hashes {
				if n := Compare(h, hashes[i]); n >= least {
					want[fmt.Sprintf("fail %03d", i)] = n
				}
			}
			last := 101
			found := s.Find(h, least)
			for _, m := range found {
				if want[m.Name] != m.Score || m.Score > last {
					t.Errorf("%s: %s scores %d, want %d", h, m.Name, m.Score, want[m.Name])
				}
				last = m.Score
			}
			if len(found) != len(want) && len(h.One) >= window {
				t.Errorf("%s: %d alike, want %d", h, len(found), len(want))
			}
		}
	}
	for _, bad := range []string{"", "# none\n", "3:a:b\nx\n", "ssdeep,1.1--blocksize:hash:hash,filename\n", strings.Repeat("a", 70000), "MZ\x00\x00"} {
		write(bad)
		if _, err := Load([]string{path}); err == nil {
			t.Errorf("%.20q is a list", bad)
		}
	}
	if _, err := Load([]string{t.TempDir()}); err == nil {
		t.Error("a folder is a list")
	}
}
