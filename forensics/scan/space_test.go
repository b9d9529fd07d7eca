package scan_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"saksi/event"
	"saksi/forensics/disk"
	"saksi/forensics/scan"
	"saksi/internal/feature"
	"saksi/internal/search"
)

// sparse writes pieces of text into an empty image.
func sparse(t *testing.T, size int64, pieces map[int64]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "media.raw")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at, text := range pieces {
		if _, err := f.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

// brief are events as what was found, where, and at which offset of the media.
func brief(r *recorder) string {
	var out []string
	for _, e := range r.events {
		what := str(e, event.RuleName)
		if what == "" {
			what = str(e, event.SaksiFeatureKind) + " " + str(e, event.SaksiFeatureValue)
		}
		var at []string
		for v := range e.Values(event.SaksiEvidenceMatchOffset) {
			at = append(at, fmt.Sprint(v.Int()))
		}
		out = append(out, fmt.Sprintf("%s in %s %s at %s", what, str(e, event.FilePath), str(e, event.SaksiFilePlace), strings.Join(at, ",")))
	}
	return strings.Join(out, "\n")
}

// TestEdges proves that what lies across the edge of two pieces, and right before
// and behind it, is found once each, by any number of workers.
func TestEdges(t *testing.T) {
	const edge = 32 << 20
	path := sparse(t, 100<<20, map[int64]string{
		1000: "needle", edge - 3: "needle", edge + 5: "needle", 2*edge - 12: "n\x00e\x00e\x00d\x00l\x00e\x00", 2 * edge: "needle", 100<<20 - 6: "needle",
	})
	want := "needle in /$Raw raw at 1000,33554429\nneedle in /$Raw raw at 33554437,67108852\nneedle in /$Raw raw at 67108864\nneedle in /$Raw raw at 104857594"
	for _, n := range []int{1, 3} {
		got, sum := run(t, func(c *scan.Config) {
			c.Images, c.Rules, c.Entries, c.Areas, c.Workers = []string{path}, nil, false, 1<<disk.Raw, n
			c.Search = search.Config{Keywords: []string{"needle"}}
		})
		if brief(got) != want {
			t.Errorf("%d workers:\n%s\nexpected\n%s", n, brief(got), want)
		}
		if s := sum.Images[0]; s.Matches != 4 || s.Space[disk.Raw] < 100<<20 {
			t.Errorf("%+v", s)
		}
	}
}

// TestEdgesYARA proves the same of rules, and that a rule that holds for any
// bytes is told once.
func TestEdgesYARA(t *testing.T) {
	const edge = 32 << 20
	path := sparse(t, 70<<20, map[int64]string{5: "x", edge - 3: "needle", 2*edge + 9: "needle"})
	yar := filepath.Join(t.TempDir(), "r.yar")
	if err := os.WriteFile(yar, []byte(`rule needle { strings: $a = "needle" condition: $a } rule whatever { condition: filesize > 10 }`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ := run(t, func(c *scan.Config) {
		c.Images, c.Rules, c.Entries, c.Areas = []string{path}, []string{yar}, false, 1<<disk.Raw
	})
	if want := "needle in /$Raw raw at 33554429\nwhatever in /$Raw raw at \nneedle in /$Raw raw at 67108873"; brief(got) != want {
		t.Errorf("%s\nexpected\n%s", brief(got), want)
	}
}

// lime is a memory image of two ranges, the second of which may be cut.
func lime(cut int) string {
	text := ""
	for _, x := range []struct {
		at   uint64
		data string
	}{{0x1000, "first 850131-14-5678 end"}, {0x4000000, "second AKIAIOSFODNN7EXAMPLE end"}} {
		b := binary.LittleEndian.AppendUint32(nil, 0x4C694D45)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint64(b, x.at)
		b = binary.LittleEndian.AppendUint64(b, x.at+uint64(len(x.data))-1)
		text += string(append(b, make([]byte, 8)...)) + x.data
	}
	return text[:len(text)-cut]
}

// TestMemory proves that features of a memory image are told at their physical
// addresses, also where the image was cut.
func TestMemory(t *testing.T) {
	for _, cut := range []int{0, 4} {
		text := lime(cut)
		path := sparse(t, int64(len(text)), map[int64]string{0: text})
		got, sum := run(t, func(c *scan.Config) {
			c.Images, c.Rules, c.Entries, c.Areas = []string{path}, nil, false, 1<<disk.Raw
			c.Search = search.Config{Features: feature.All}
		})
		want := fmt.Sprintf("mykad 850131-14-5678 in /$Raw raw at %d\nsecret AKIAIOSFODNN7EXAMPLE in /$Raw raw at %d", 0x1006, 0x4000007)
		if brief(got) != want || sum.Images[0].Features != 2 {
			t.Errorf("%s\nexpected\n%s", brief(got), want)
		}
	}
}

// TestPlaces proves where things are found on a disk that mkfs.ext4 made: content,
// slack, unallocated space, a deleted file once.
func TestPlaces(t *testing.T) {
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip("mkfs.ext4 is not installed")
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "a.txt"), []byte("needle in a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := sparse(t, 24<<20, nil)
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-d", tree, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	look := func(places disk.Areas) string {
		t.Helper()
		got, _ := run(t, func(c *scan.Config) {
			c.Images, c.Rules, c.Entries, c.Areas = []string{path}, nil, false, places
			c.Search = search.Config{Keywords: []string{"needle"}}
		})
		return brief(got)
	}
	first := look(0)
	var at int64
	if _, err := fmt.Sscanf(first, "needle in /a.txt  at %d", &at); err != nil || at <= 0 {
		t.Fatalf("%q: %v", first, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{at + 100, 20 << 20} {
		if _, err := f.WriteAt([]byte("NEEDLE"), off); err != nil {
			t.Fatal(err)
		}
	}
	slack, free := fmt.Sprintf("needle in /a.txt slack at %d", at+100), fmt.Sprintf("needle in /$Unallocated unallocated at %d", 20<<20)
	for places, want := range map[disk.Areas]string{
		0: first, 1 << disk.Slack: slack, 1 << disk.Unallocated: free, 1 << disk.Raw: "", disk.AllAreas: first + "\n" + slack + "\n" + free,
	} {
		if got := look(places); got != want {
			t.Errorf("places %b:\n%s\nexpected\n%s", places, got, want)
		}
	}
}

// TestSearchSame proves that every place and kind gives the same bytes for one
// worker and several.
func TestSearchSame(t *testing.T) {
	change := func(workers int) func(*scan.Config) {
		return func(c *scan.Config) {
			c.Areas, c.Workers = disk.AllAreas, workers
			c.Search = search.Config{Keywords: []string{"saksi", "nurul"}, Regexps: []string{`[A-Z]{4,8}-\d+`}, Features: feature.All}
		}
	}
	want, sum := run(t, change(1))
	if s := sum.Images[0]; s.Features == 0 || s.Again == 0 || s.Space[disk.Unallocated] == 0 {
		t.Errorf("%+v", s)
	}
	for _, n := range []int{2, 5} {
		if got, _ := run(t, change(n)); strings.Join(got.lines, "\n") != strings.Join(want.lines, "\n") {
			t.Errorf("%d workers emit other bytes than one", n)
		}
	}
}

// TestSearchWrong proves that an expression that does not compile ends the run
// before anything is read.
func TestSearchWrong(t *testing.T) {
	cfg := config(t, &recorder{})
	cfg.Search.Regexps = []string{"("}
	if _, err := scan.Run(context.Background(), cfg); !errors.Is(err, scan.ErrSearch) {
		t.Error(err)
	}
}
