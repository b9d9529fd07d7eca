package carve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/carve"
	"saksi/internal/journal"
	"saksi/internal/soak"
	"saksi/internal/worker"
)

// Variables by which this binary carves for TestKilled: the image, and the folder that
// it writes into.
const (
	imageVar = "SAKSI_TEST_CARVE"
	outVar   = "SAKSI_TEST_CARVED"
)

// carveTo carves an image into a folder, with a list of what was found.
func carveTo(w worker.Config, image, folder, path string) (sum carve.Summary, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return sum, err
	}
	f, err := os.Create(filepath.Join(folder, "list"))
	if err != nil {
		return sum, err
	}
	cfg := carve.Config{
		Image: image, Volume: -1, To: filepath.Join(folder, "files"), Worker: w, Warn: func(string) {},
		Sink: findings.SinkFunc(func(e *event.Event) error {
			_, err := f.Write(append(e.AppendJSON(nil), '\n'))
			return err
		}),
	}
	var parts *journal.Parts
	if path != "" {
		if parts, err = journal.OpenParts(path, bytes.Repeat([]byte{1}, 32)); err != nil {
			return sum, err
		}
		cfg.Resume = &journal.Resume{In: parts, Name: "carve", Version: "test"}
	}
	sum, err = carve.Run(context.Background(), cfg)
	taken := sum.Taken
	sum.Taken = 0
	fmt.Fprintf(f, "%+v\n", sum)
	sum.Taken = taken
	return sum, errors.Join(err, f.Close(), parts.Close(err == nil))
}

func carveKilled() int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	out := os.Getenv(outVar)
	sum, err := carveTo(worker.Config{Path: self, Version: "test"}, os.Getenv(imageVar), out, out+".journal")
	if err == nil && sum.Taken > 0 {
		err = os.WriteFile(out+".taken", nil, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// strewn is an image of pictures strewn over noise and holes.
func strewn(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "strewn.raw")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(1, 9))
	const size = 192 << 20
	noise := make([]byte, 1<<20)
	for at := int64(0); at < size; at += 1 << 20 {
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		if at>>20%3 == 0 {
			if _, err := f.WriteAt(noise, at); err != nil {
				t.Fatal(err)
			}
		}
		m := image.NewGray(image.Rect(0, 0, 64+r.IntN(512), 64))
		for i := range m.Pix {
			m.Pix[i] = uint8(r.IntN(256))
		}
		m.SetGray(0, 0, color.Gray{uint8(at >> 20)})
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(b.Bytes(), at+int64(r.IntN(1000))*512); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

// files are the contents of a folder by their names.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path[len(dir):]] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestKilled kills carving (SIGKILL) at random moments and takes it up again: the list
// and the files are byte for byte those of one run.
func TestKilled(t *testing.T) {
	path, dir := strewn(t), t.TempDir()
	begun := time.Now()
	if sum, err := carveTo(own(t), path, filepath.Join(dir, "plain"), ""); err != nil || sum.Files < 190 {
		t.Fatalf("%+v %v", sum, err)
	}
	took := time.Since(begun)
	want := files(t, filepath.Join(dir, "plain"))
	rounds := soak.Rounds(2, 40)
	kills, taken := 0, 0
	for round := range rounds {
		out := filepath.Join(dir, fmt.Sprint(round))
		n, err := soak.UntilDone(rand.New(rand.NewPCG(7, uint64(round))), took, imageVar+"="+path, outVar+"="+out)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		kills += n
		if _, err := os.Stat(out + ".taken"); err == nil {
			taken++
		}
		if got := files(t, out); !reflect.DeepEqual(got, want) {
			t.Fatalf("round %d: %d files, want %d, or they differ from those of one run", round, len(got), len(want))
		}
		if _, err := os.Stat(out + ".journal"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("round %d: the journal is still there: %v", round, err)
		}
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
	if kills == 0 || taken == 0 {
		t.Errorf("%d kills in %d rounds, %d of which took up what was done", kills, rounds, taken)
	}
	t.Logf("%d kills in %d rounds", kills, rounds)
}

// TestOther proves that what was kept of another work is not taken up, and that a file
// that stands where one is to be written is never changed.
func TestOther(t *testing.T) {
	path := "../../testdata/image/recover/carve.qcow2"
	dir := t.TempDir()
	parts, err := journal.OpenParts(filepath.Join(dir, "journal"), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	run := func(change func(*carve.Config)) (n int, err error) {
		cfg := carve.Config{
			Image: path, Volume: -1, To: filepath.Join(dir, "out"), Worker: own(t), Warn: func(string) {}, Resume: &journal.Resume{In: parts, Name: "carve", Version: "test"},
			Sink: findings.SinkFunc(func(*event.Event) error { n++; return nil }),
		}
		change(&cfg)
		_, err = carve.Run(context.Background(), cfg)
		return n, err
	}
	if n, err := run(func(*carve.Config) {}); err != nil || n != 4 {
		t.Fatalf("%d files: %v", n, err)
	}
	for name, change := range map[string]func(*carve.Config){
		"version": func(c *carve.Config) { c.Resume.Version = "other" },
		"types":   func(c *carve.Config) { c.Types = []string{"png"} },
		"every":   func(c *carve.Config) { c.Every = 1 },
		"folder":  func(c *carve.Config) { c.To += "2" },
		"image":   func(c *carve.Config) { c.Image = "../../testdata/image/demo.E01" },
	} {
		if n, err := run(change); !errors.Is(err, journal.ErrResume) || n > 0 {
			t.Errorf("%s: %d files, %v", name, n, err)
		}
	}
	list, err := filepath.Glob(filepath.Join(dir, "out", "*.png"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if err := os.WriteFile(list[0], []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	parts, err = journal.OpenParts(filepath.Join(dir, "second"), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(func(*carve.Config) {}); err == nil {
		t.Error("a file of another content was taken for its own")
	}
	if b, err := os.ReadFile(list[0]); err != nil || string(b) != "another's" {
		t.Errorf("%q, %v", b, err)
	}
}
