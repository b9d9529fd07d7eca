package scan_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/forensics/scan"
	"saksi/internal/archive"
)

// withArchives makes an ext4 image that holds the samples of archives, and a bomb.
func withArchives(t *testing.T) string {
	t.Helper()
	mkfs, err := exec.LookPath("mke2fs")
	if err != nil {
		t.Skip("needs mke2fs of e2fsprogs")
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := os.CopyFS(tree, os.DirFS("../../internal/archive/testdata")); err != nil {
		t.Fatal(err)
	}
	bomb, err := exec.Command("sh", "-c", "head -c 40000000 /dev/zero | gzip -9").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "bomb.gz"), bomb, 0o644); err != nil {
		t.Fatal(err)
	}
	img := filepath.Join(dir, "archives.raw")
	f, err := os.Create(img)
	if err == nil {
		err = f.Truncate(16 << 20)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if out, err := exec.Command(mkfs, "-q", "-t", "ext4", "-d", tree, img).CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v: %s", err, out)
	}
	return img
}

// TestMembers proves that members of archives and documents are looked at as files
// are: found by rules, by known digests and by indicators' means, in one order for
// any number of workers, with the place in the media where they lie as they are,
// and that a bomb and what is encrypted are counted.
func TestMembers(t *testing.T) {
	img := withArchives(t)
	rule := filepath.Join(t.TempDir(), "r.yar")
	if err := os.WriteFile(rule, []byte(`rule SAMPLE { strings: $a = "SAKSI-MEMBER-SAMPLE" condition: $a at 0 } rule MACRO { strings: $a = "Sub say_hello" condition: $a and filename matches /Module1.vba/ }`), 0o644); err != nil {
		t.Fatal(err)
	}
	change := func(workers int) func(*scan.Config) {
		return func(c *scan.Config) {
			c.Images, c.Rules, c.Enter, c.Members, c.Workers = []string{img}, []string{rule}, archive.DefaultLimits, true, workers
		}
	}
	one, sum := run(t, change(1))
	two, _ := run(t, change(2))
	if !slices.Equal(one.lines, two.lines) {
		t.Error("one and two workers give different events")
	}
	found, digests := map[string]string{}, map[string]string{}
	media, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range one.events {
		path := str(e, event.FilePath)
		if str(e, event.SaksiFileMember) != "" {
			digests[path] = str(e, event.FileHashSHA256)
		}
		if str(e, event.EventKind) != "alert" {
			continue
		}
		found[path] = str(e, event.RuleName)
		if path == "/sample.tar!/dir/secret.txt" || path == "/stored.zip!/dir/secret.txt" {
			at, _ := e.GetInt(event.SaksiEvidenceOffset)
			if !strings.HasPrefix(string(media[at:]), "SAKSI-MEMBER-SAMPLE") {
				t.Errorf("%s is not at %d of the media", path, at)
			}
			if c := str(e, event.SaksiEvidenceCommand); !strings.HasSuffix(c, " --member dir/secret.txt") {
				t.Errorf("%s is shown by %q", path, c)
			}
		}
	}
	for path, rule := range map[string]string{
		"/sample.zip!/dir/secret.txt": "SAMPLE", "/sample.7z!/dir/secret.txt": "SAMPLE", "/sample.tar.xz!/content!/dir/secret.txt": "SAMPLE", "/sample.cab!/secret.txt": "SAMPLE",
		"/sample.gz!/secret.txt": "SAMPLE", "/sample.bz2!/content": "SAMPLE", "/sample.zst!/content": "SAMPLE", "/vbaProject.bin!/VBA/Module1.vba": "MACRO",
	} {
		if found[path] != rule {
			t.Errorf("%s: found %q, expected %s", path, found[path], rule)
		}
	}
	const secret = "7dae6e202df65d0affd47e6038b1b901ff5cad7d5b4fcc9af0a453cc376c2f1c"
	if digests["/sample.7z!/dir/secret.txt"] != secret {
		t.Errorf("digest of a member: %q", digests["/sample.7z!/dir/secret.txt"])
	}
	s := sum.Images[0]
	if s.Barred != 5 || s.Unread != 1 || !s.Incomplete() || s.Archives < 15 || s.Members < 20 {
		t.Errorf("%+v", s)
	}
	none, sum := run(t, func(c *scan.Config) { change(2)(c); c.Enter = archive.Limits{} })
	if s := sum.Images[0]; s.Archives+s.Members+s.Barred+s.Unread != 0 || s.Incomplete() {
		t.Errorf("without entering: %+v", s)
	}
	for _, e := range none.events {
		if str(e, event.SaksiFileMember) != "" {
			t.Errorf("without entering: %s", str(e, event.FilePath))
		}
	}
}

// TestInside proves that a worker that dies over what a file holds costs that
// alone: the file itself is still read, and what died is named and counted.
func TestInside(t *testing.T) {
	want, _ := run(t, nil)
	got := &recorder{}
	cfg := config(t, got)
	cfg.Worker, cfg.Enter = workerNamed(t, "inside"), archive.DefaultLimits
	var said []string
	cfg.Warn = func(l string) { said = append(said, l) }
	sum, err := scan.Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if s := sum.Images[0]; s.Crashes != 1 || s.Unread != 1 || len(s.Lost) != 0 || !s.Incomplete() {
		t.Errorf("%+v", s)
	}
	if !slices.Equal(got.lines, want.lines) {
		t.Error("findings or entries were lost")
	}
	if !slices.ContainsFunc(said, func(l string) bool {
		return strings.Contains(l, victim) && strings.Contains(l, "members were not all looked at")
	}) {
		t.Errorf("%q", said)
	}
}
