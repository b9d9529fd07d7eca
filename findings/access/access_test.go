package access

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func write(t *testing.T, path string, n int) {
	t.Helper()
	for i := range n {
		if err := Append(path, Entry{At: time.Unix(int64(i), 0).UTC(), By: "ali", Act: "search", Query: "rule.id:1", Documents: int64(i), Form: "table"}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestChain proves that what is added by several at once is one chain, and
// that a line that is changed, taken out, put in or torn is found by its number.
func TestChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { write(t, path, 25) })
	}
	wg.Wait()
	list, wrong, err := Read(path)
	if err != nil || len(list) != 100 || len(wrong) != 0 || list[99].Number != 100 {
		t.Fatalf("%d entries, %v, %v", len(list), wrong, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte{'\n'})
	join := func(parts ...[][]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, bytes.Join(p, nil)...)
		}
		return all
	}
	for name, c := range map[string]struct {
		bytes []byte
		line  int
	}{
		"changed":   {bytes.Replace(b, []byte(`"by":"ali"`), []byte(`"by":"abu"`), 1), 2},
		"taken out": {join(lines[:10], lines[11:]), 11},
		"beginning": {join(lines[1:]), 1},
		"put in":    {join(lines[:10], lines[3:4], lines[10:]), 11},
		"rubbish":   {join(lines[:10], [][]byte{[]byte("{]\n")}, lines[10:]), 11},
	} {
		p := filepath.Join(t.TempDir(), FileName)
		if err := os.WriteFile(p, c.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, wrong, err := Read(p); err != nil || len(wrong) == 0 || wrong[0].Line != c.line {
			t.Errorf("%s: %v, %v; expected line %d", name, wrong, err, c.line)
		}
	}
}

// TestTorn proves that a line that a crash tore stays, is told, and that what
// comes after it is whole.
func TestTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	write(t, path, 2)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b[:len(b)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, path, 2)
	list, wrong, err := Read(path)
	if err != nil || len(list) != 3 || len(wrong) != 1 || wrong[0].Line != 2 {
		t.Errorf("%d entries, %v, %v", len(list), wrong, err)
	}
	// A query of any length is one line that can be read.
	if err := Append(path, Entry{Query: strings.Repeat("\x00", 1<<20), Act: "search"}); err != nil {
		t.Fatal(err)
	}
	write(t, path, 1)
	if list, _, err := Read(path); err != nil || len(list) != 5 || !list[3].Cut {
		t.Errorf("%d entries, %v", len(list), err)
	}
}
