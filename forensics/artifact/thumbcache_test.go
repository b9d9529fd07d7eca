package artifact_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"saksi/event"
	"saksi/forensics/artifact"
)

// TestThumbcacheRecovered proves that entries behind damage are found and marked,
// and that a file full of false signatures is told of once.
func TestThumbcacheRecovered(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(samples, "thumbcache_256.db"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		b[24+i] = 'x' // the first entry's signature
	}
	path := filepath.Join(t.TempDir(), "thumbcache_256.db")
	read := func(b []byte) (marks []string, broken int) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, _ *event.Event) error {
			marks = append(marks, r.Get("recovered"))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return marks, sum.Broken
	}
	marks, broken := read(b)
	if len(marks) != 2 || marks[0] != "by signature" || marks[1] != "" || broken != 1 {
		t.Errorf("%q, %d problems", marks, broken)
	}
	marks, broken = read(append(b[:24:24], bytes.Repeat([]byte("CMMM"), 1<<20)...))
	if len(marks) != 0 || broken > 2 {
		t.Errorf("false signatures: %d records, %d problems", len(marks), broken)
	}
}
