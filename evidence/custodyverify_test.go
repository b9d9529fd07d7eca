package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTamperedLog proves that each way to change a log without the key is a
// problem to a reader and ErrCustody to a writer, who changes nothing.
func TestTamperedLog(t *testing.T) {
	s, p := newKey(t)
	other, _ := newKey(t)
	old := func(n int) []byte { // the checkpoint over the first n entries
		dir := filepath.Join(t.TempDir(), "old")
		l := openTest(t, dir, s)
		for range n {
			record(t, l, Entry{Act: "open case", Who: "a"})
		}
		return read(t, filepath.Join(dir, checkpointFile))
	}
	type change struct {
		entries    func(l [][]byte) [][]byte
		checkpoint func(b []byte) []byte
	}
	cases := map[string]change{
		"two swapped": {entries: func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l }},
		"one added":   {entries: func(l [][]byte) [][]byte { return append(l, l[3], l[3]) }},
		"one added in the middle": {entries: func(l [][]byte) [][]byte {
			return [][]byte{l[0], l[1], l[1], l[2], l[3]}
		}},
		"all removed":             {entries: func([][]byte) [][]byte { return nil }},
		"cut off in the last":     {entries: func(l [][]byte) [][]byte { l[3] = l[3][:10]; return l }},
		"white space in a line":   {entries: func(l [][]byte) [][]byte { l[1] = append([]byte(" "), l[1]...); return l }},
		"a line ends in CR LF":    {entries: func(l [][]byte) [][]byte { l[1] = append(l[1][:len(l[1])-1], "\r\n"...); return l }},
		"no checkpoint":           {checkpoint: func([]byte) []byte { return nil }},
		"an empty checkpoint":     {checkpoint: func([]byte) []byte { return []byte{} }},
		"checkpoint unsigned":     {checkpoint: func(b []byte) []byte { return b[:bytes.Index(b, []byte("\n\n"))+2] }},
		"checkpoint of fewer":     {checkpoint: func(b []byte) []byte { return bytes.Replace(b, []byte("\n4\n"), []byte("\n3\n"), 1) }},
		"older checkpoint":        {checkpoint: func([]byte) []byte { return old(1) }},
		"two older checkpoints":   {checkpoint: func(b []byte) []byte { return append(old(1), b...) }},
		"signature twice":         {checkpoint: func(b []byte) []byte { return append(b, b[bytes.Index(b, []byte("\n\n"))+2:]...) }},
		"more text, unsigned":     {checkpoint: func(b []byte) []byte { return bytes.Replace(b, []byte("\n\n"), []byte("\nmore\n\n"), 1) }},
		"a checkpoint of garbage": {checkpoint: func([]byte) []byte { return bytes.Repeat([]byte("\n"), maxCheckpoint+1) }},
		"by another key": {checkpoint: func([]byte) []byte {
			return read(t, filepath.Join(smallLog(t, other), checkpointFile))
		}},
		"of another case": {checkpoint: func([]byte) []byte {
			dir := t.TempDir()
			l, err := OpenLog(t.Context(), dir, "B", s)
			if err != nil {
				t.Fatal(err)
			}
			record(t, l, Entry{Act: "open case", Who: "a"})
			_ = l.Close()
			return read(t, filepath.Join(dir, checkpointFile))
		}},
	}
	for i := range 4 {
		n := string(rune('0' + i))
		cases["line "+n+" changed"] = change{entries: func(l [][]byte) [][]byte {
			l[i] = bytes.Replace(l[i], []byte(`"who":"`), []byte(`"who":"x`), 1)
			return l
		}}
		cases["line "+n+" removed"] = change{entries: func(l [][]byte) [][]byte { return append(l[:i:i], l[i+1:]...) }}
		cases["line "+n+" again"] = change{entries: func(l [][]byte) [][]byte { l[i] = append(bytes.Clone(l[i]), l[i]...); return l }}
	}
	// The last line twice is one line after the checkpoint: as a crash leaves it.
	delete(cases, "line 3 again")
	for name, c := range cases {
		dir := smallLog(t, s)
		e, cp := filepath.Join(dir, entriesFile), filepath.Join(dir, checkpointFile)
		if c.entries != nil {
			l := bytes.SplitAfter(read(t, e), []byte("\n"))
			put(t, e, bytes.Join(c.entries(l[:4]), nil))
		} else if b := c.checkpoint(read(t, cp)); b != nil {
			put(t, cp, b)
		} else if err := os.Remove(cp); err != nil {
			t.Fatal(err)
		}
		before := read(t, e)
		if _, problems, err := VerifyLog(dir, Origin(logCase), p); err != nil || len(problems) == 0 {
			t.Errorf("%s: %q, %v", name, problems, err)
		}
		if _, err := OpenLog(t.Context(), dir, logCase, s); !errors.Is(err, ErrCustody) {
			t.Errorf("%s: a writer takes it: %v", name, err)
		}
		if !bytes.Equal(before, read(t, e)) {
			t.Errorf("%s: a writer changed the log", name)
		}
	}
}

// TestRollback proves that a log set back to an older checkpoint of its own is a
// problem while its later entries are there, and that all that is left to see of
// a log set back whole is its size.
func TestRollback(t *testing.T) {
	s, p := newKey(t)
	dir := filepath.Join(t.TempDir(), "custody")
	l := openTest(t, dir, s)
	var checkpoints [][]byte
	for range 4 {
		record(t, l, Entry{Act: "note", Who: "a"})
		checkpoints = append(checkpoints, read(t, filepath.Join(dir, checkpointFile)))
	}
	whole := read(t, filepath.Join(dir, entriesFile))
	for n := 1; n <= 4; n++ {
		put(t, filepath.Join(dir, checkpointFile), checkpoints[n-1])
		st, problems, err := VerifyLog(dir, Origin(logCase), p)
		if err != nil || (len(problems) > 0) != (n < 3) {
			t.Errorf("checkpoint over %d of 4 entries: %q, %v", n, problems, err)
		}
		if n == 3 && len(st.Unfinished) == 0 {
			t.Error("the entry after the checkpoint is not shown")
		}
	}
	put(t, filepath.Join(dir, checkpointFile), checkpoints[1])
	put(t, filepath.Join(dir, entriesFile), bytes.Join(bytes.SplitAfter(whole, []byte("\n"))[:2], nil))
	if st := verified(t, dir, p); st.Size != 2 {
		t.Errorf("%d entries", st.Size)
	}
}

func section(b []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}

// TestEveryByte proves that with any bit of a log's entries or checkpoint
// flipped, any byte of them removed or doubled, and with either cut off
// anywhere, verifying reports a problem, without exception.
func TestEveryByte(t *testing.T) {
	s, p := newKey(t)
	dir := smallLog(t, s)
	entries, cp := read(t, filepath.Join(dir, entriesFile)), read(t, filepath.Join(dir, checkpointFile))
	sound := func(entries, cp []byte, key *Public) bool {
		st, err := verifyLog(cp, section(entries), Origin(logCase), key)
		if err != nil {
			t.Fatal(err)
		}
		return len(st.problems) == 0
	}
	if !sound(entries, cp, p) || !sound(entries, cp, nil) {
		t.Fatal("the log itself does not verify")
	}
	each := func(what string, b []byte, ok func([]byte) bool) {
		for i := range b {
			for bit := range 8 {
				c := bytes.Clone(b)
				if c[i] ^= 1 << bit; ok(c) {
					t.Errorf("%s: bit %d of byte %d flipped: no problem", what, bit, i)
				}
			}
			if ok(b[:i]) {
				t.Errorf("%s: cut off at %d: no problem", what, i)
			}
			if ok(append(bytes.Clone(b[:i]), b[i+1:]...)) {
				t.Errorf("%s: byte %d removed: no problem", what, i)
			}
			// The last newline twice is an empty line after the checkpoint, as a
			// crash may leave one: it is shown as unfinished.
			if twice := append(bytes.Clone(b[:i+1]), b[i:]...); what != "checkpoint" && i == len(b)-1 {
				if st, err := verifyLog(cp, section(twice), Origin(logCase), p); err != nil || string(st.Unfinished) != "\n" {
					t.Errorf("%s: the last newline twice: %+v, %v", what, st, err)
				}
			} else if ok(twice) {
				t.Errorf("%s: byte %d doubled: no problem", what, i)
			}
		}
	}
	each("entries", entries, func(b []byte) bool { return sound(b, cp, p) })
	each("entries without a key", entries, func(b []byte) bool { return sound(b, cp, nil) })
	each("checkpoint", cp, func(b []byte) bool { return sound(entries, b, p) })
}

// TestSpecialFiles proves that links, FIFOs and endless lines in the place of a
// log's files are problems, and that verifying neither waits nor follows.
func TestSpecialFiles(t *testing.T) {
	s, p := newKey(t)
	for _, name := range []string{entriesFile, checkpointFile} {
		for kind, plant := range map[string]func(path string) error{
			"FIFO":   func(path string) error { return unix.Mkfifo(path, 0o600) },
			"link":   func(path string) error { return os.Symlink(path+".moved", path) },
			"device": func(path string) error { return os.Symlink("/dev/zero", path) },
			"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		} {
			dir := smallLog(t, s)
			path := filepath.Join(dir, name)
			if err := errors.Join(os.Rename(path, path+".moved"), plant(path)); err != nil {
				t.Fatal(err)
			}
			if _, problems, err := VerifyLog(dir, Origin(logCase), p); err != nil || len(problems) != 1 || !strings.Contains(problems[0], "can't be read") {
				t.Errorf("%s is a %s: %q, %v", name, kind, problems, err)
			}
		}
	}
	// A sparse terabyte costs nothing.
	dir := smallLog(t, s)
	if err := os.Truncate(filepath.Join(dir, entriesFile), 1<<40); err != nil {
		t.Fatal(err)
	}
	if st, problems, err := VerifyLog(dir, Origin(logCase), p); err != nil || len(problems) == 0 || len(st.Unfinished) > maxEntry+2 {
		t.Errorf("%q, %v", problems, err)
	}
}

// TestReaders proves that those who verify while another writes see a whole log
// each time, that never shrinks.
func TestReaders(t *testing.T) {
	s, p := newKey(t)
	dir := smallLog(t, s)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			var last int64
			for {
				st, problems, err := VerifyLog(dir, Origin(logCase), p)
				if err != nil || len(problems) > 0 || st.Size < last {
					t.Errorf("%d entries after %d: %q, %v", st.Size, last, problems, err)
					return
				}
				last = st.Size
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	l := openTest(t, dir, s)
	for range 100 {
		record(t, l, Entry{Act: "note", Who: "a"})
	}
	close(done)
	wg.Wait()
	if st := verified(t, dir, p); st.Size != 104 {
		t.Errorf("%d entries", st.Size)
	}
}

// TestVerifyBatches proves that a log of several batches verifies as one, that
// each bad line is told by its number wherever it lies, and that the lines after
// it are read.
func TestVerifyBatches(t *testing.T) {
	s, p := newKey(t)
	dir := t.TempDir()
	const n = 2*batchLines + 10
	longLog(t, dir, s, n)
	st, problems, err := VerifyLog(dir, Origin("A"), p)
	if err != nil || len(problems) > 0 || st.Size != n || st.Entries.Len() != n {
		t.Fatalf("%d entries, %q, %v", st.Size, problems, err)
	}
	path := filepath.Join(dir, entriesFile)
	lines := bytes.SplitAfter(read(t, path), []byte("\n"))
	for _, i := range []int{0, batchLines - 1, batchLines, n - 1} {
		lines[i] = bytes.Replace(lines[i], []byte(`"who":`), []byte(`"Who":`), 1)
	}
	lines[batchLines+1] = bytes.Replace(lines[batchLines+1], []byte("Aminah"), []byte("Aminaj"), 1)
	put(t, path, bytes.Join(lines, nil))
	st, problems, err = VerifyLog(dir, Origin("A"), p)
	if err != nil || st.Size != n || st.Entries.Len() != n-4 || len(problems) != 5 {
		t.Fatalf("%d entries, %q, %v", st.Size, problems, err)
	}
	for i, at := range []int{0, batchLines - 1, batchLines, n - 1} {
		if want := fmt.Sprintf("entry %d can't be read: key \"Who\" in other letters", at); problems[i] != want {
			t.Errorf("%q, expected %q", problems[i], want)
		}
	}
	if !strings.Contains(problems[4], "an entry was changed") {
		t.Errorf("%q", problems[4])
	}
}

// TestManyLines proves that a log of empty lines, which are a byte each and cost
// much more, is read so far only.
func TestManyLines(t *testing.T) {
	s, p := newKey(t)
	dir := smallLog(t, s)
	put(t, filepath.Join(dir, entriesFile), bytes.Repeat([]byte("\n"), maxEntries+1000))
	put(t, filepath.Join(dir, checkpointFile), []byte("no checkpoint"))
	st, problems, err := VerifyLog(dir, Origin(logCase), p)
	if err != nil || st.Size != maxEntries || len(problems) != maxProblems+1 {
		t.Errorf("%d entries, %d problems, %v", st.Size, len(problems), err)
	}
}
