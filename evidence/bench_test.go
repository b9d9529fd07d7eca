package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// BenchmarkVerifyLog measures how long a custody log takes to verify, by its
// length.
func BenchmarkVerifyLog(b *testing.B) {
	path := filepath.Join(b.TempDir(), "k.key")
	if _, err := GenerateKey(path, KeyECDSA, nil); err != nil {
		b.Fatal(err)
	}
	s, err := LoadSigner(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int64{1, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			longLog(b, dir, s, n)
			for b.Loop() {
				st, problems, err := VerifyLog(dir, Origin("A"), s.Public())
				if err != nil || len(problems) > 0 || st.Size != n {
					b.Fatalf("%d entries, %v, %v", st.Size, problems, err)
				}
			}
		})
	}
}

// longLog writes a log of n entries under one checkpoint.
func longLog(b testing.TB, dir string, s *Signer, n int64) {
	b.Helper()
	var lines bytes.Buffer
	var hashes storedHashes
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		line, err := json.Marshal(Entry{
			Seq: i, Time: at.Add(time.Duration(i) * time.Second).Format(time.RFC3339Nano), Act: "examine", Who: "Aminah", Exhibit: "E1", SHA256: strings.Repeat("ab", 32), Why: "read the traffic", Tool: "saksi 1",
		})
		if err != nil {
			b.Fatal(err)
		}
		more, err := tlog.StoredHashes(i, line, hashes)
		if err != nil {
			b.Fatal(err)
		}
		hashes = append(hashes, more...)
		lines.Write(append(line, '\n'))
	}
	root, err := tlog.TreeHash(n, hashes)
	if err != nil {
		b.Fatal(err)
	}
	cp := log.Checkpoint{Origin: Origin("A"), Size: uint64(n), Hash: root[:]}
	msg, err := note.Sign(&note.Note{Text: string(cp.Marshal())}, noteSigner{Origin("A"), s})
	if err != nil {
		b.Fatal(err)
	}
	for name, v := range map[string][]byte{entriesFile: lines.Bytes(), checkpointFile: msg} {
		if err := os.WriteFile(filepath.Join(dir, name), v, 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend measures one entry: line, signed checkpoint, both on the disk.
func BenchmarkAppend(b *testing.B) {
	path := filepath.Join(b.TempDir(), "k.key")
	if _, err := GenerateKey(path, KeyECDSA, nil); err != nil {
		b.Fatal(err)
	}
	s, err := LoadSigner(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	l, err := OpenLog(b.Context(), b.TempDir(), "A", s)
	if err != nil {
		b.Fatal(err)
	}
	defer func(c io.Closer) {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
	}(l)
	for b.Loop() {
		if err := l.Append(b.Context(), Entry{Act: "examine", Who: "Aminah"}); err != nil {
			b.Fatal(err)
		}
	}
}
