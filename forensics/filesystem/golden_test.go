package filesystem_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/forensics/image"
	"saksi/internal/tskworker"
	"saksi/internal/worker"
)

var update = flag.Bool("update", false, "write the golden files anew")

const samples = "../../testdata/image"

// TestMain makes this test binary the worker too.
func TestMain(m *testing.M) {
	if worker.Serving(os.Args[1:]) {
		if err := worker.Serve(os.Args[1:], "test", tskworker.Handlers()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func open(t testing.TB, path string) (*disk.Image, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	im, err := disk.Open(context.Background(), path, worker.Config{Path: self, Version: "test", Limits: worker.Limits{Unit: 10 * time.Second}})
	if err == nil {
		t.Cleanup(func() {
			im.Close()
			im.Source.Close()
		})
	}
	return im, err
}

// sample splits "file#volume".
func sample(name string) (path string, volume int) {
	file, n, _ := strings.Cut(name, "#")
	volume, _ = strconv.Atoi(n)
	return filepath.Join(samples, file), volume
}

type line struct {
	path, address, sha256 string
	kind                  filesystem.Kind
	size                  int64
	deleted, reused       bool
	how, blocks           string
}

func (l line) String() string {
	mark := ""
	if l.deleted {
		mark = "*"
	}
	if l.reused {
		mark = "*reused"
	}
	if l.how != "" {
		mark += strings.TrimSuffix(l.how+"-"+l.blocks, "-")
	}
	return fmt.Sprintf("%s\t%s\t%s\t%d\t%s\t%s", l.kind, mark, l.address, l.size, l.sha256, l.path)
}

// list gives every entry of a volume with the digest of its content.
func list(t testing.TB, im *disk.Image, volume int) (lines []line, problems []string, err error) {
	t.Helper()
	var items []disk.Item
	var at []int
	_, err = im.Walk(context.Background(), volume, filesystem.WalkConfig{Deleted: true, Orphans: true}, func(e *filesystem.Entry, p *filesystem.Problem) error {
		if p != nil {
			problems = append(problems, fmt.Sprintf("%d %s %s", p.Inode, p.Path, p.Text))
			return nil
		}
		l := line{path: e.Path, address: fmt.Sprint(e.Inode), kind: e.Kind, size: e.Size, deleted: e.Deleted, reused: e.Reused, sha256: "-", how: e.How, blocks: e.Blocks}
		if e.Stream != "" {
			l.path += ":" + e.Stream
		}
		if e.AttrType >= 16 {
			l.address += fmt.Sprintf("-%d-%d", e.AttrType, e.AttrID)
		}
		if e.HasContent {
			items = append(items, disk.Item{Volume: volume, Ref: e.Ref(), Path: e.Path})
			at = append(at, len(lines))
		}
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		return lines, problems, err
	}
	err = im.Unit(context.Background(), disk.UnitConfig{Limit: 1 << 30}, items, nil, func(r *disk.Result) error {
		lines[at[r.Item]].sha256 = r.SHA256
		if r.Error != "" {
			lines[at[r.Item]].sha256 = "error"
		}
		return nil
	})
	return lines, problems, err
}

// TestGolden proves that each sample of each file system lists the entries
// and digests its golden file states.
func TestGolden(t *testing.T) {
	for _, f := range filesystem.Formats() {
		for _, name := range f.Samples {
			t.Run(f.Name+"/"+name, func(t *testing.T) {
				path, volume := sample(name)
				im, err := open(t, path)
				if err != nil {
					t.Fatal(err)
				}
				fs := im.Info.Table.Volumes[volume].FileSystem
				if fs.Format != f.Name {
					t.Fatalf("opened as %q: %s", fs.Format, im.Info.Table.Volumes[volume].Problem)
				}
				lines, problems, err := list(t, im, volume)
				if err != nil || len(problems) > 0 {
					t.Fatalf("%v %q", err, problems)
				}
				var got strings.Builder
				fmt.Fprintf(&got, "%s %d bytes, blocks of %d\n", fs.Type, fs.Size, fs.BlockSize)
				for _, l := range lines {
					fmt.Fprintln(&got, l)
				}
				golden := filepath.Join("testdata", strings.ReplaceAll(filepath.Base(name), "#", "_")+".txt")
				if *update {
					if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if got.String() != string(want) {
					t.Errorf("got\n%s\nwant\n%s", got.String(), want)
				}
			})
		}
	}
}

// rawMedia writes the media of a container as a sparse raw file.
func rawMedia(t testing.TB, names []string, dir, to string) int64 {
	t.Helper()
	var segs []image.Segment
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			t.Fatal(err)
		}
		segs = append(segs, image.Segment{Name: n, Size: int64(len(b)), ReaderAt: bytes.NewReader(b)})
	}
	im, err := image.Open(segs)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	zero := make([]byte, 1<<16)
	for off := int64(0); off < im.Size; off += 1 << 16 {
		b := make([]byte, min(1<<16, im.Size-off))
		if _, err := im.ReadAt(b, off); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if bytes.Equal(b, zero[:len(b)]) {
			continue
		}
		if _, err := out.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Truncate(im.Size); err != nil {
		t.Fatal(err)
	}
	return im.Size
}

// media writes the sample of a recipe as a raw file and applies the recipe.
func media(t testing.TB, recipe string) string {
	t.Helper()
	parts := strings.Fields(recipe)
	path, _ := sample(parts[0])
	to := filepath.Join(t.TempDir(), "broken.raw")
	size := rawMedia(t, []string{filepath.Base(path)}, filepath.Dir(path), to)
	out, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for _, p := range parts[1:] {
		if n, ok := strings.CutPrefix(p, "cut="); ok {
			size, err = strconv.ParseInt(n, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		at, value, _ := strings.Cut(strings.TrimPrefix(p, "@"), "=")
		off, err := strconv.ParseInt(at, 10, 64)
		var b []byte
		if _, serr := fmt.Sscanf(value, "%x", &b); err != nil || serr != nil {
			t.Fatalf("recipe %q: %v %v", recipe, err, serr)
		}
		if _, err := out.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// TestHostile proves that every hostile sample is opened or refused within
// seconds, that the worker survives or its death is an error, and that what
// is wrong is said.
func TestHostile(t *testing.T) {
	for _, f := range filesystem.Formats() {
		for _, recipe := range f.Hostile {
			t.Run(recipe, func(t *testing.T) {
				begun := time.Now()
				path := media(t, recipe)
				im, err := open(t, path)
				if err != nil {
					t.Fatal(err)
				}
				said := im.Info.Table.Problem
				for _, v := range im.Info.Table.Volumes {
					if v.Problem != "" {
						said += v.Problem
						continue
					}
					lines, problems, err := list(t, im, v.Number)
					said += strings.Join(problems, "; ")
					if err != nil {
						said += err.Error()
					}
					t.Logf("%d entries", len(lines))
				}
				if said == "" {
					t.Error("nothing was said")
				}
				if d := time.Since(begun); d > 30*time.Second {
					t.Errorf("it took %v", d)
				}
				t.Log(said)
			})
		}
	}
}

// TestInteropSleuthkit proves that fls lists the same entries and icat the
// same content, for every sample.
func TestInteropSleuthkit(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs fls and icat: run by make interop")
	}
	for _, f := range filesystem.Formats() {
		if f.Open != nil {
			continue // The Sleuth Kit does not know it: TestOwnTruth
		}
		for _, name := range f.Samples {
			t.Run(name, func(t *testing.T) {
				path, volume := sample(name)
				im, err := open(t, path)
				if err != nil {
					t.Fatal(err)
				}
				lines, _, err := list(t, im, volume)
				if err != nil {
					t.Fatal(err)
				}
				v := im.Info.Table.Volumes[volume]
				compare(t, media(t, name), v.Offset, v.Block, lines)
			})
		}
	}
}

// noIcat are files of the APFS sample that icat gives nothing of: packed by
// LZFSE, or in plain pieces (docs/differences.md; TestGolden holds what is in them).
var noIcat = map[string]bool{"/lzfse": true, "/lzfse-fork": true, "/lzfse-plain": true, "/plain": true, "/plain-fork": true}

// compare holds a listing against fls and icat on raw media.
func compare(t *testing.T, raw string, offset int64, block uint64, lines []line) {
	t.Helper()
	args := []string{"-r", "-p", "-o", fmt.Sprint(offset / 512)}
	where := []string{"-o", fmt.Sprint(offset / 512)}
	if block != 0 {
		args = append(args, "-B", fmt.Sprint(block))
		where = append(where, "-B", fmt.Sprint(block))
	}
	out, err := exec.Command("fls", append(args, raw)...).Output()
	if err != nil {
		// A FAT32 with few clusters is a FAT32 only when it is told.
		args, where = append(args, "-f", "fat32"), append(where, "-f", "fat32")
		if out, err = exec.Command("fls", append(args, raw)...).Output(); err != nil {
			t.Fatalf("fls: %v", err)
		}
	}
	want := map[string]int{}
	for _, l := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
		addr, name, ok := strings.Cut(l, ":\t")
		if !ok {
			continue
		}
		word := addr[strings.LastIndexByte(addr, ' ')+1:]
		word = strings.TrimSuffix(word, "(realloc)")
		want[word+" "+strings.ReplaceAll(name, "^", "?")]++
	}
	wof := map[string]bool{} // what the Windows Overlay Filter compressed
	for _, l := range lines {
		if of, ok := strings.CutSuffix(l.path, ":WofCompressedData"); ok {
			wof[of] = true
		}
	}
	var extra []string
	for _, l := range lines {
		if l.how == filesystem.HowJournal {
			continue // fls has none of them: docs/differences.md
		}
		name := strings.TrimPrefix(l.path, "/")
		key := l.address
		if strings.Contains(key, "-43") { // numbers of HFS+ streams, which fls does not print
			if strings.HasSuffix(l.path, ":RSRC") {
				continue
			}
			key, _, _ = strings.Cut(key, "-")
		}
		// fls prints control characters as '^'.
		name = strings.Map(func(r rune) rune {
			if r < ' ' || r == '^' {
				return '?'
			}
			return r
		}, name)
		k := key + " " + name
		if want[k]--; want[k] < 0 {
			extra = append(extra, k)
		}
		if l.sha256 == "-" {
			continue
		}
		icat := exec.Command("icat", append(append([]string{}, where...), raw, key)...)
		b, err := icat.Output() // it fails on deleted content that is partly gone, and gives what is there
		if err != nil && l.sha256 == "error" {
			continue
		}
		if wof[l.path] { // docs/differences.md; TestGolden holds what is in them
			if len(bytes.Trim(b, "\x00")) > 0 {
				t.Errorf("%s: icat gives more than zeros of a file that the Windows Overlay Filter compressed", k)
			}
			continue
		}
		if noIcat[l.path] && block != 0 {
			if len(b) > 0 {
				t.Errorf("%s: icat gives %d bytes of a file that it could not read", k, len(b))
			}
			continue
		}
		if got := digest(b); got != l.sha256 {
			t.Errorf("%s: %s, icat gives %s (%d bytes)", k, l.sha256, got, len(b))
		}
	}
	for k, n := range want {
		if n > 0 {
			extra = append(extra, "only in fls: "+k)
		}
	}
	sort.Strings(extra)
	for _, k := range extra {
		t.Errorf("another entry: %q", k)
	}
	t.Logf("%d entries compared", len(lines))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// TestErrors proves what callers branch on.
func TestErrors(t *testing.T) {
	path, _ := sample("demo.E01")
	im, err := open(t, path)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := im.Lookup(ctx, 0, "/tiada"); !errors.Is(err, filesystem.ErrNotFound) {
		t.Errorf("a path that is not there: %v", err)
	}
	if _, err := im.Lookup(ctx, 9, "/"); !errors.Is(err, filesystem.ErrNotFound) {
		t.Errorf("a volume that is not there: %v", err)
	}
	if _, _, err := im.Copy(ctx, 0, filesystem.Ref{Inode: 1 << 40}, io.Discard); err == nil {
		t.Error("an inode that is not there: no error")
	}
	if _, err := im.Lookup(ctx, 0, "/Users/nurul/Downloads/invoice-viewer.bin:tiada"); !errors.Is(err, filesystem.ErrNotFound) {
		t.Errorf("a stream that is not there: %v", err)
	}
}
