package artifact_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/event"
	"saksi/forensics/artifact"
)

// TestCorpusNoHash proves that of a real SAM hive the accounts come out, and of
// their V values, which hold hashes, nothing but that they were withheld.
func TestCorpusNoHash(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	accounts, withheld := 0, 0
	_, err := artifact.Read(context.Background(), filepath.Join(corpus, "images", "plaso_SAM"), options(t), func(r *artifact.Record, _ *event.Event) error {
		if r.Get("record") == "account" {
			accounts++
		}
		if r.Get("value") == "V" && strings.Contains(r.Get("key"), `\Users\0000`) {
			if r.Get("withheld") == "" || r.Get("data") != "" {
				t.Errorf("%s shows %.40q", r.Get("key"), r.Get("data"))
			}
			withheld++
		}
		return nil
	})
	if err != nil || accounts < 3 || withheld < accounts {
		t.Errorf("%d accounts, %d values withheld: %v", accounts, withheld, err)
	}
}
