package casefile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

func open(t *testing.T, dir string, s *evidence.Signer) *Case {
	t.Helper()
	c, err := Open(t.Context(), dir, Options{Who: "examiner", Tool: "saksi test", Signer: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestOpenTampered proves that work does not go on in a case whose case.json,
// custody log or folders are not what they were.
func TestOpenTampered(t *testing.T) {
	s, _ := key(t)
	other, _ := key(t)
	for _, c := range []struct {
		name string
		want error
		do   func(dir string) error
	}{
		{"classification lowered", evidence.ErrDigest, func(dir string) error {
			edit(t, filepath.Join(dir, infoFile), replace("Sulit", "Terbuka"))
			return nil
		}},
		{"log edited", evidence.ErrCustody, func(dir string) error {
			edit(t, filepath.Join(dir, CustodyDir, "entries.ndjson"), replace("one.pcap", "two.pcap"))
			return nil
		}},
		{"log emptied", evidence.ErrCustody, func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, CustodyDir, "entries.ndjson")), os.Remove(filepath.Join(dir, CustodyDir, "checkpoint")))
		}},
		{"exhibits lead elsewhere", evidence.ErrFile, func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, ExhibitsDir), filepath.Join(dir, "x")), os.Symlink(t.TempDir(), filepath.Join(dir, ExhibitsDir)))
		}},
		{"case.json is a FIFO", evidence.ErrFile, func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, infoFile)), unix.Mkfifo(filepath.Join(dir, infoFile), 0o600))
		}},
		{"case.json is endless", evidence.ErrFile, func(dir string) error { return os.Truncate(filepath.Join(dir, infoFile), 1<<40) }},
	} {
		dir := makeCase(t, s)
		if err := c.do(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir, Options{Who: "x", Signer: s}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Open(t.Context(), makeCase(t, s), Options{Who: "x", Signer: other}); !errors.Is(err, evidence.ErrTrust) {
		t.Errorf("another key: %v", err)
	}
}

// TestReadLogTampered proves that a log that contradicts its checkpoint is not
// shown as if nothing were wrong, and is shown all the same.
func TestReadLogTampered(t *testing.T) {
	s, _ := key(t)
	dir := makeCase(t, s)
	if list, err := ReadLog(dir); err != nil || len(list) != 5 {
		t.Fatal(list, err)
	}
	edit(t, filepath.Join(dir, CustodyDir, "entries.ndjson"), replace("one.pcap", "two.pcap"))
	if list, err := ReadLog(dir); !errors.Is(err, evidence.ErrCustody) || len(list) != 5 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	if list, err := Exhibits(dir); !errors.Is(err, evidence.ErrCustody) || list != nil {
		t.Errorf("%v, %v", list, err)
	}
}

// TestOpenExhibitChanged proves that an exhibit that was changed, cut off,
// replaced or removed since it was taken under custody is not opened for work,
// and that no act on it is recorded.
func TestOpenExhibitChanged(t *testing.T) {
	s, _ := key(t)
	for _, c := range []struct {
		name string
		want error
		do   func(path string) error
	}{
		{"a byte flipped", evidence.ErrDigest, func(path string) error { edit(t, path, flip); return nil }},
		{"cut off", evidence.ErrDigest, func(path string) error { return os.Truncate(path, 10) }},
		{"removed", fs.ErrNotExist, os.Remove},
		{"a FIFO", evidence.ErrFile, func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) }},
		{"a link to the same bytes", evidence.ErrFile, func(path string) error {
			to := filepath.Join(t.TempDir(), "x")
			return errors.Join(os.Rename(path, to), os.Symlink(to, path))
		}},
	} {
		dir := makeCase(t, s)
		k := open(t, dir, s)
		if err := c.do(filepath.Join(dir, "data/exhibits/E1-one.pcap")); err != nil {
			t.Fatal(err)
		}
		if f, _, err := k.OpenExhibit(t.Context(), "E1", ActExamine, "test"); f != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", c.name, f, err)
		}
		if n := k.log.Len(); n != 5 {
			t.Errorf("%s: %d entries; expected 5", c.name, n)
		}
	}
}

// TestAddExhibitRefuses proves that what can't be taken under custody leaves
// nothing behind, and that the next one gets its place.
func TestAddExhibitRefuses(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	c := open(t, dir, s)
	in := t.TempDir()
	file, fifo, link := filepath.Join(in, "file"), filepath.Join(in, "fifo"), filepath.Join(in, "link")
	write(t, file)
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, in, "/dev/null", filepath.Join(in, "none")} {
		if x, err := c.AddExhibit(t.Context(), path, false, nil); x != nil || err == nil {
			t.Errorf("%s: %v, %v", path, x, err)
		}
	}
	if x, err := c.AddExhibit(t.Context(), link, true, nil); x != nil || err == nil {
		t.Errorf("a link by reference: %v, %v", x, err)
	}
	// Canceled after the copy and before the entry.
	ctx, cancel := context.WithCancel(t.Context())
	if x, err := c.AddExhibit(ctx, file, false, func(int64) { cancel() }); x != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v, %v", x, err)
	}
	// It grows while it is read.
	grow := func(int64) { edit(t, file, func(b []byte) []byte { return append(b, 'x') }) }
	for _, reference := range []bool{false, true} {
		if x, err := c.AddExhibit(t.Context(), file, reference, grow); x != nil || err == nil || !strings.Contains(err.Error(), "it is changing") {
			t.Errorf("changing, reference %v: %v, %v", reference, x, err)
		}
		write(t, file)
	}
	// It changes while it is read, but keeps its size.
	big := filepath.Join(in, "big")
	if err := os.WriteFile(big, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, reference := range []bool{false, true} {
		if x, err := c.AddExhibit(t.Context(), big, reference, func(int64) { edit(t, big, func(b []byte) []byte { b[len(b)-1]++; return b }) }); x != nil || err == nil || !strings.Contains(err.Error(), "it is changing") {
			t.Errorf("changing, reference %v: %v, %v", reference, x, err)
		}
	}
	if p := problems(t, dir, pub); len(p) > 0 {
		t.Errorf("something was left: %+v", p)
	}
	if x, err := c.AddExhibit(t.Context(), link, false, nil); err != nil || x.ID != "E3" {
		t.Errorf("a link to copy from: %v, %v", x, err)
	}
	// What an interrupted run left is named, not overwritten.
	left := filepath.Join(dir, "data/exhibits/E4-file")
	write(t, left)
	if _, err := c.AddExhibit(t.Context(), file, false, nil); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "move it out") {
		t.Errorf("a leftover: %v", err)
	}
	remove(t, left)
	if p := problems(t, dir, pub); len(p) > 0 {
		t.Errorf("%+v", p)
	}
}

// TestExhibitNames proves that no name of a source leads a copy out of the
// folder of exhibits, and that the copy verifies.
func TestExhibitNames(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	c := open(t, dir, s)
	for _, name := range []string{"..hidden", "-rf", "a b;c\n\x1b[31m", `..\..\evil`, "\xff\xfe", "...", strings.Repeat("n", 250), "\u202egpj.exe"} {
		src := filepath.Join(t.TempDir(), name)
		write(t, src)
		x, err := c.AddExhibit(t.Context(), src, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if base, ok := strings.CutPrefix(x.Path, ExhibitsDir+"/"+x.ID+"-"); !ok || strings.Trim(base, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
			t.Errorf("%q is kept as %q", name, x.Path)
		}
	}
	if p := problems(t, dir, pub); len(p) > 0 {
		t.Errorf("%+v", p)
	}
}

// TestSignExaminationHostile proves that no statement is made over what leads
// out of the case, and that one that can't be recorded is not left behind.
func TestSignExaminationHostile(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	c := open(t, dir, s)
	for name, plant := range map[string]func(path string) error{
		"link": func(path string) error { return os.Symlink("/etc/hostname", path) },
		"FIFO": func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		path := filepath.Join(dir, "data/reports/x")
		if err := plant(path); err != nil {
			t.Fatal(err)
		}
		if name2, err := c.SignExamination(t.Context(), 1); name2 != "" || !errors.Is(err, evidence.ErrFile) {
			t.Errorf("%s: %q, %v", name, name2, err)
		}
		remove(t, path)
	}
	c.who = "" // refused by the log
	if _, err := c.SignExamination(t.Context(), 1); err == nil {
		t.Error("signed by nobody")
	}
	c.who = "examiner"
	if list := problems(t, dir, pub); len(list) > 0 {
		t.Errorf("%+v", list)
	}
	if _, err := c.SignExamination(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if list := problems(t, dir, pub); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}

// TestPlantedFolders proves that nothing is written through a link that somebody
// put in the place of a folder that sealing or witnessing writes to.
func TestPlantedFolders(t *testing.T) {
	s, pub := key(t)
	for _, folder := range []string{"metadata", sealDir, trustDir, tileDir, witnessDir} {
		dir, out := makeCase(t, s), t.TempDir()
		if err := os.Symlink(out, filepath.Join(dir, folder)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir, Options{Who: "x", Signer: s}); !errors.Is(err, evidence.ErrFile) {
			t.Errorf("%s: opened: %v", folder, err)
		}
		if _, err := Witness(t.Context(), dir, s, pub, nil); !errors.Is(err, evidence.ErrFile) {
			t.Errorf("%s: witnessed: %v", folder, err)
		}
		if list, err := os.ReadDir(out); err != nil || len(list) != 0 {
			t.Errorf("%s: written outside: %v, %v", folder, list, err)
		}
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
		if err != nil || len(v.Problems) == 0 {
			t.Errorf("%s: %+v, %v", folder, v, err)
		}
	}
}

// TestOutsideHostile proves that a log that says that an exhibit stands outside
// the case has no other file of this machine read: none of the kernel's, none of
// another size.
func TestOutsideHostile(t *testing.T) {
	s, pub := key(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, bytes, say string }{
		{"/proc/self/environ", "0", "the kernel makes up"},
		{"/sys/kernel/uevent_seqnum", "4096", "the kernel makes up"},
		{secret, "9", "8 bytes"},
		{secret, "", "8 bytes"},
	} {
		if _, err := os.Lstat(c.path); err != nil {
			continue // no such file system here
		}
		dir := makeCase(t, s)
		forge(t, dir, s, evidence.Entry{
			Seq: 5, Time: time.Now().UTC().Format(time.RFC3339Nano), Act: ActAdd, Who: "eve", Exhibit: "E9", Where: c.path, SHA256: strings.Repeat("ab", 32), To: "eve", Tool: "x",
			Detail: map[string]string{"name": "x", "copied": "false", "bytes": c.bytes},
		})
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
		if err != nil || len(v.Problems) != 1 || v.Problems[0].Item != c.path || !strings.Contains(v.Problems[0].Found, c.say) {
			t.Errorf("%s: %+v, %v", c.path, v, err)
		}
	}
}

// TestManyProblems proves that a manifest of nothing but bad lines is read in
// bounded memory, and that what is not listed is counted.
func TestManyProblems(t *testing.T) {
	f := newSealedCase(t)
	dir := f.copied(t)
	put(t, at(manifestFile)(dir), bytes.Repeat([]byte("x\n"), maxProblems+1000))
	v, err := Verify(t.Context(), dir, VerifyOptions{Trust: f.trust})
	if err != nil || len(v.Problems) != maxProblems || v.More < 1000 {
		t.Errorf("%d problems and %d more, %v", len(v.Problems), v.More, err)
	}
}

// TestManySegments proves that a log in which each exhibit claims all entries
// before it as its files is read in a time that grows with its length.
func TestManySegments(t *testing.T) {
	entries := make([]evidence.Entry, 200_000)
	for i := range entries {
		entries[i] = evidence.Entry{Seq: int64(i), Act: ActAdd, Exhibit: "E1", Detail: map[string]string{segmentsKey: "999999999", "bytes": "1"}}
	}
	if list := exhibitsOf(evidence.Pack(entries)); len(list) != len(entries) || len(list[5].Segments) != 0 {
		t.Errorf("%d exhibits", len(list))
	}
}
