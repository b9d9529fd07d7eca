package casefile

import (
	"os"
	"path/filepath"
	"testing"

	"saksi/evidence"
)

// TestFormats proves that a case of each format that was ever written, sealed by
// the release of its time with a transfer that a supervisor approved, verifies
// with what its verifier had then, and that verifying says that its roles were not
// bound where they were not. testdata/format1 was made by 'saksi evidence seal' before roles bound
// acts, testdata/format2 by the first that did; its exhibit is
// testdata/capture/rawip.pcap.
func TestFormats(t *testing.T) {
	list, err := filepath.Glob("testdata/format*")
	if err != nil || len(list) != Format {
		t.Fatal(list, err)
	}
	for i, dir := range list {
		unbound := []int64{6, 0}[i]
		trust, err := evidence.LoadTrust(filepath.Join(dir, "trust"))
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := os.ReadFile(filepath.Join(dir, "receipt.txt"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := Verify(t.Context(), filepath.Join(dir, "case"), VerifyOptions{Trust: trust, Receipts: []Kept{{"receipt", receipt}}})
		if err != nil || len(v.Problems) != 0 || v.Seal == nil || v.Entries != 6 || v.Unbound != unbound || v.Unchecked != 0 || v.Fresh != 5 || v.Exhibits != 1 || v.Statements != 1 {
			t.Errorf("%s: %+v, %v", dir, v, err)
		}
	}
}
