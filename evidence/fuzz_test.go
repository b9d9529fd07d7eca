package evidence

import (
	"bytes"
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzVerify proves that no bytes pass for what the key did not sign: a bundle
// that opens says what was signed, and a log without a problem holds the
// entries that were recorded.
func FuzzVerify(f *testing.F) {
	s, p := newKey(f)
	bundle := statement(f, s)
	want, err := Open(bundle, p)
	if err != nil {
		f.Fatal(err)
	}
	dir := filepath.Join(f.TempDir(), "custody")
	l := openTest(f, dir, s)
	var size [5]int // of the entries under each checkpoint
	f.Add(bundle, []byte{}, []byte{})
	for i := range 4 {
		record(f, l, Entry{Act: "note", Who: "a", Exhibit: "E1", Detail: map[string]string{"a": "b"}})
		entries := read(f, filepath.Join(dir, entriesFile))
		size[i+1] = len(entries)
		f.Add(bundle, entries, read(f, filepath.Join(dir, checkpointFile)))
	}
	entries := read(f, filepath.Join(dir, entriesFile))
	f.Fuzz(func(t *testing.T, b, log, checkpoint []byte) {
		if st, err := Open(b, p); err == nil && !reflect.DeepEqual(st, want) {
			t.Errorf("a forged statement opens: %+v", st)
		}
		_, _ = Open(b, nil)
		for _, key := range []*Public{p, nil} {
			st, err := verifyLog(checkpoint, section(log), Origin(logCase), key)
			if err != nil {
				t.Fatal(err)
			}
			if key == nil || len(st.problems) > 0 || checkpoint == nil {
				continue
			}
			if n := size[st.Size]; !bytes.Equal(log[:n], entries[:n]) || !bytes.Equal(st.Unfinished, log[n:]) {
				t.Errorf("a forged log verifies: %q", log)
			}
		}
	})
}
