package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const logCase = "A-1"

func canceledContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func openTest(t testing.TB, dir string, s *Signer) *Log {
	t.Helper()
	l, err := OpenLog(t.Context(), dir, logCase, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func record(t testing.TB, l *Log, entries ...Entry) {
	t.Helper()
	for _, e := range entries {
		if err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// smallLog makes a closed log of four entries.
func smallLog(t testing.TB, s *Signer) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "custody")
	l := openTest(t, dir, s)
	record(t, l,
		Entry{Act: "open case", Who: "a"},
		Entry{Act: "add exhibit", Who: "a", Exhibit: "E1", SHA256: SHA256(nil), To: "a", Detail: map[string]string{"name": "one"}},
		Entry{Act: "transfer", Who: "a", Exhibit: "E1", From: "a", To: "b"},
		Entry{Act: "examine", Who: "b", Exhibit: "E1", Why: "<&> \u2028 \xff"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func verified(t testing.TB, dir string, p *Public) *LogState {
	t.Helper()
	st, problems, err := VerifyLog(dir, Origin(logCase), p)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%q, %v", problems, err)
	}
	return st
}

// TestLog proves that entries come back as they were recorded, numbered, dated
// and under a checkpoint, over several openings, and that a log's files are
// their owner's alone.
func TestLog(t *testing.T) {
	s, p := newKey(t)
	dir := smallLog(t, s)
	l := openTest(t, dir, s)
	record(t, l, Entry{Act: "note", Who: "b", Tool: "other 1"})
	if l.Len() != 5 || l.Entries().Len() != 5 {
		t.Errorf("%d entries", l.Len())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	st := verified(t, dir, p)
	for i, e := range st.Entries.All() {
		if e.Seq != int64(i) || e.Time == "" || e.Tool == "" {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	if st.Size != 5 || len(st.Unfinished) != 0 || st.Entries.At(1).Detail["name"] != "one" || st.Entries.At(4).Tool != "other 1" {
		t.Errorf("%+v", st)
	}
	for _, f := range []string{entriesFile, checkpointFile, lockFile} {
		if st, err := os.Stat(filepath.Join(dir, f)); err != nil || st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", f, st, err)
		}
	}
	if st, problems, err := VerifyLog(t.TempDir(), Origin(logCase), p); err != nil || len(problems) > 0 || st.Size != 0 {
		t.Errorf("a missing log: %+v, %q, %v", st, problems, err)
	}
}

// TestAppendRefuses proves that an entry that may not stand in the log leaves
// it as it was: no act, no name, released by who does not hold the exhibit,
// received without a release, the clock set back, too long, canceled.
func TestAppendRefuses(t *testing.T) {
	s, p := newKey(t)
	dir := smallLog(t, s)
	now := time.Now
	l, err := openLog(t.Context(), dir, logCase, s, func() time.Time { return now() })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := read(t, filepath.Join(dir, entriesFile))
	for name, e := range map[string]Entry{
		"no act":            {Who: "a"},
		"no name":           {Act: "note"},
		"released by other": {Act: "transfer", Who: "a", Exhibit: "E1", From: "a", To: "c"},
		"taken":             {Act: "transfer", Who: "c", Exhibit: "E1", To: "c"},
		"given up by other": {Act: "transfer", Who: "c", Exhibit: "E1", From: "c"},
		"too long":          {Act: "note", Who: "a", Why: strings.Repeat("x", maxEntry)},
	} {
		if err := l.Append(t.Context(), e); err == nil || errors.Is(err, ErrUnfinished) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := l.Append(canceledContext(t), Entry{Act: "note", Who: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	now = func() time.Time { return time.Now().Add(-time.Hour) }
	if err := l.Append(t.Context(), Entry{Act: "note", Who: "a"}); err == nil || !strings.Contains(err.Error(), "set the clock right") {
		t.Errorf("the clock set back: %v", err)
	}
	now = time.Now
	if !bytes.Equal(before, read(t, filepath.Join(dir, entriesFile))) {
		t.Error("a refused entry changed the log")
	}
	record(t, l, Entry{Act: "transfer", Who: "b", Exhibit: "E1", From: "b", To: "c"})
	if st := verified(t, dir, p); st.Size != 5 {
		t.Errorf("%d entries", st.Size)
	}
}

// TestLocked proves that a second writer gets ErrLocked, at once when its
// context ends, and the lock when the first is done.
func TestLocked(t *testing.T) {
	t.Parallel()
	s, _ := newKey(t)
	dir := smallLog(t, s)
	l := openTest(t, dir, s)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := OpenLog(ctx, dir, logCase, s); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for the lock: %v", err)
	}
	if _, err := OpenLog(t.Context(), dir, logCase, s); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir, s)
}

// TestCrash proves that what a crash left between an entry and its checkpoint,
// whole or torn, is no problem, is set aside to the byte and recorded once, also
// when recovering was itself interrupted.
func TestCrash(t *testing.T) {
	s, p := newKey(t)
	whole := `{"seq":4,"time":"2030-01-01T00:00:00Z","act":"examine","who":"x","tool":"saksi"}` + "\n"
	for _, left := range []string{whole, whole[:20], "\x00\x00\x00", strings.Repeat("x", maxEntry)} {
		dir := smallLog(t, s)
		path := filepath.Join(dir, entriesFile)
		before := read(t, path)
		put(t, path, append(before, left...))
		if st := verified(t, dir, p); string(st.Unfinished) != left || st.Size != 4 {
			t.Errorf("%.30q: %d bytes unfinished after %d entries", left, len(st.Unfinished), st.Size)
		}
		// Recovering stops after the entry is set aside.
		early := func() time.Time { return time.Unix(0, 0) }
		if _, err := openLog(t.Context(), dir, logCase, s, early); err == nil {
			t.Error("the clock set back: recovered")
		}
		// And again, in the middle of recording it.
		put(t, path, append(read(t, path), `{"seq":4,"ti`...))
		for range 2 {
			if err := openTest(t, dir, s).Close(); err != nil {
				t.Fatal(err)
			}
		}
		st := verified(t, dir, p)
		if st.Size != 6 {
			t.Fatalf("%.30q: %+v", left, st.Entries)
		}
		for i, want := range []string{left, `{"seq":4,"ti`} {
			e := st.Entries.At(int64(4 + i))
			if e.Act != ActRecover || e.Detail["sha256"] != SHA256([]byte(want)) || string(read(t, filepath.Join(dir, e.Detail["file"]))) != want {
				t.Errorf("%.30q: %+v", want, e)
			}
		}
	}
	// The first entry of all, before there is any checkpoint.
	dir := t.TempDir()
	put(t, filepath.Join(dir, entriesFile), []byte(whole))
	openTest(t, dir, s)
	if st := verified(t, dir, p); st.Size != 1 || st.Entries.At(0).Act != ActRecover {
		t.Errorf("%+v", st)
	}
}

// TestFailedDisk proves that after a failure between entry and checkpoint the
// log takes nothing more, says so by ErrUnfinished, and that opening it again
// makes it whole.
func TestFailedDisk(t *testing.T) {
	s, p := newKey(t)
	dir := smallLog(t, s)
	l := openTest(t, dir, s)
	block := filepath.Join(dir, checkpointFile+".tmp")
	if err := os.MkdirAll(filepath.Join(block, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), Entry{Act: "note", Who: "a"}); !errors.Is(err, ErrUnfinished) {
		t.Errorf("the checkpoint can't be written: %v", err)
	}
	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), Entry{Act: "note", Who: "a"}); !errors.Is(err, ErrUnfinished) {
		t.Errorf("afterwards: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	record(t, openTest(t, dir, s), Entry{Act: "note", Who: "a"})
	if st := verified(t, dir, p); st.Size != 6 || st.Entries.At(4).Act != ActRecover {
		t.Errorf("%+v", st.Entries)
	}
}

// TestPlantedLinks proves that a writer never writes through a link that
// somebody put into the log's folder.
func TestPlantedLinks(t *testing.T) {
	s, _ := newKey(t)
	for _, name := range []string{entriesFile, checkpointFile, checkpointFile + ".tmp", lockFile, asideName(4)} {
		dir := smallLog(t, s)
		victim := filepath.Join(t.TempDir(), "victim")
		put(t, victim, []byte("precious"))
		path := filepath.Join(dir, name)
		if name == asideName(4) {
			f := filepath.Join(dir, entriesFile)
			put(t, f, append(read(t, f), "torn"...))
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, path); err != nil {
			t.Fatal(err)
		}
		l, err := OpenLog(t.Context(), dir, logCase, s)
		if err == nil {
			err = errors.Join(l.Append(t.Context(), Entry{Act: "note", Who: "a"}), l.Close())
		}
		if got := string(read(t, victim)); got != "precious" {
			t.Errorf("%s: the file behind the link now holds %q (%v)", name, got, err)
		}
	}
}

// forge signs lines that no writer of ours would write: what one who holds the
// key could do.
func forge(t *testing.T, s *Signer, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	l := &Log{dir: dir, origin: Origin(logCase), signer: s}
	var err error
	if l.f, err = openOwn(filepath.Join(dir, entriesFile)); err != nil {
		t.Fatal(err)
	}
	defer l.f.Close()
	for i, line := range lines {
		more, err := tlog.StoredHashes(int64(i), []byte(line), l.hashes)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes = append(l.hashes, more...)
		root, err := tlog.TreeHash(int64(i)+1, l.hashes)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.write([]byte(line+"\n"), int64(i)+1, root); err != nil {
			t.Fatal(err)
		}
		l.end += int64(len(line)) + 1
	}
	return dir
}

// TestSignedNonsenseLog proves that a right signature does not make up for
// lines that contradict each other or that two readers would read differently.
func TestSignedNonsenseLog(t *testing.T) {
	s, p := newKey(t)
	line := func(e Entry) string {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	at := func(n int) string { return time.Unix(int64(n), 0).UTC().Format(time.RFC3339Nano) }
	first := line(Entry{Seq: 0, Time: at(9), Act: "add", Who: "a", Exhibit: "E1", To: "a", Tool: "t"})
	verified(t, forge(t, s, first, line(Entry{Seq: 1, Time: at(9), Act: "transfer", Who: "a", Exhibit: "E1", From: "a", To: "b", Tool: "t"})), p)
	for name, c := range map[string]struct{ line, say string }{
		"a number twice":          {line(Entry{Seq: 0, Time: at(9), Act: "note", Who: "a"}), "number 0; expected 1"},
		"a number left out":       {line(Entry{Seq: 2, Time: at(9), Act: "note", Who: "a"}), "number 2; expected 1"},
		"time going back":         {line(Entry{Seq: 1, Time: at(8), Act: "note", Who: "a"}), "before the entry before it"},
		"no time":                 {line(Entry{Seq: 1, Act: "note", Who: "a"}), "can't be read"},
		"no act":                  {line(Entry{Seq: 1, Time: at(9), Who: "a"}), "what was done"},
		"no name":                 {line(Entry{Seq: 1, Time: at(9), Act: "note"}), "who did it"},
		"released by another":     {line(Entry{Seq: 1, Time: at(9), Act: "transfer", Who: "b", Exhibit: "E1", From: "b", To: "c"}), `released by "b", but was last received by "a"`},
		"received, not released":  {line(Entry{Seq: 1, Time: at(9), Act: "transfer", Who: "c", Exhibit: "E1", To: "c"}), `released by "", but was last received by "a"`},
		"an unknown field":        {`{"seq":1,"time":"` + at(9) + `","act":"note","who":"a","tool":"t","more":1}`, "unknown field"},
		"a key twice":             {`{"seq":1,"time":"` + at(9) + `","act":"note","who":"a","who":"b","tool":"t"}`, `key "who" twice`},
		"a detail twice":          {`{"seq":1,"time":"` + at(9) + `","act":"note","who":"a","tool":"t","detail":{"a":"1","a":"2"}}`, `key "a" twice`},
		"a key in other letters":  {`{"seq":1,"time":"` + at(9) + `","act":"note","who":"a","Who":"b","tool":"t"}`, `key "Who" in other letters`},
		"a second value":          {line(Entry{Seq: 1, Time: at(9), Act: "note", Who: "a"}) + `{}`, "more than one value"},
		"no object":               {`null`, "not an object"},
		"not JSON":                {`hello`, "can't be read"},
		"an empty line":           {``, "can't be read"},
		"a line over the limit":   {line(Entry{Seq: 1, Time: at(9), Act: "note", Who: "a", Why: strings.Repeat("x", maxEntry)}), "more than 65535 bytes"},
		"a line far over it":      {strings.Repeat("x", 5*maxEntry), "more than 65535 bytes"},
		"nested beyond all sense": {strings.Repeat("[", maxEntry), "can't be read"},
	} {
		dir := forge(t, s, first, c.line)
		st, problems, err := VerifyLog(dir, Origin(logCase), p)
		if err != nil || !strings.Contains(strings.Join(problems, "\n"), c.say) {
			t.Errorf("%s: %q, %v; expected %q", name, problems, err, c.say)
		}
		if st.Entries.Len() == 0 {
			t.Errorf("%s: the good entry is lost", name)
		}
		if _, err := OpenLog(t.Context(), dir, logCase, s); !errors.Is(err, ErrCustody) {
			t.Errorf("%s: a writer takes it: %v", name, err)
		}
	}
	var many []string
	for i := range maxProblems + 5 {
		many = append(many, fmt.Sprintf(`{"seq":%d}`, i))
	}
	if _, problems, err := VerifyLog(forge(t, s, many...), Origin(logCase), p); err != nil || len(problems) != maxProblems+1 {
		t.Errorf("%d problems, %v; expected %d and a word that there are more", len(problems), err, maxProblems)
	}
}
