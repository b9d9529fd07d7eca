package image

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// samples is the folder the registry's sample names are in.
const samples = "../../testdata/image"

// read reads a sample; .gz is packing only.
func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// segment reads a file into a segment.
func segment(t testing.TB, path string) Segment {
	t.Helper()
	b := read(t, path)
	return Segment{Name: strings.TrimSuffix(filepath.Base(path), ".gz"), Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}
}

// load opens path as the parent process does: siblings by name, then what
// the container asks for.
func load(t testing.TB, path string) (*Image, error) {
	t.Helper()
	dir := filepath.Dir(path)
	segs := []Segment{segment(t, path)}
	for _, name := range Siblings(filepath.Base(path), func(n string) bool { _, err := os.Stat(filepath.Join(dir, n)); return err == nil }) {
		segs = append(segs, segment(t, filepath.Join(dir, name)))
	}
	for {
		im, err := Open(segs)
		var m *MissingError
		if !errors.As(err, &m) {
			return im, err
		}
		n := len(segs)
		for _, name := range m.Names {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				segs = append(segs, segment(t, filepath.Join(dir, name)))
			}
		}
		if len(segs) == n {
			return nil, err
		}
	}
}

// facts is what the golden files hold.
type facts struct {
	Format     string
	Size       int64
	SectorSize int
	Segments   []string
	SHA256     string
	MD5, SHA1  string `json:",omitempty"`
	Meta       []Meta `json:",omitempty"`
	Notes      []string
}

// digest reads all media in odd pieces and checks the stored digests.
func digest(t testing.TB, im *Image) string {
	t.Helper()
	h, m, s := sha256.New(), md5.New(), sha1.New()
	n, err := io.CopyBuffer(io.MultiWriter(h, m, s), struct{ io.Reader }{io.NewSectionReader(im, 0, im.Size)}, make([]byte, 100_003))
	if err != nil || n != im.Size {
		t.Fatalf("read %d of %d bytes: %v", n, im.Size, err)
	}
	if got := hex.EncodeToString(m.Sum(nil)); im.MD5 != "" && im.MD5 != got {
		t.Errorf("MD5 of the media %s, stored %s", got, im.MD5)
	}
	if got := hex.EncodeToString(s.Sum(nil)); im.SHA1 != "" && im.SHA1 != got {
		t.Errorf("SHA-1 of the media %s, stored %s", got, im.SHA1)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestGolden proves that each sample of each format opens to the media its
// golden file states.
func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		for _, name := range f.Samples {
			t.Run(f.Name+"/"+name, func(t *testing.T) {
				im, err := load(t, filepath.Join(samples, name))
				if err != nil {
					t.Fatal(err)
				}
				if im.Format != f.Name {
					t.Fatalf("opened as %s", im.Format)
				}
				got, err := json.MarshalIndent(facts{im.Format, im.Size, im.SectorSize, im.Segments, digest(t, im), im.MD5, im.SHA1, im.Meta, im.Notes}, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, '\n')
				golden := filepath.Join("testdata", filepath.Base(name)+".json")
				if *update {
					if err := os.WriteFile(golden, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("got %s\nwant %s", got, want)
				}
			})
		}
	}
}

// mutate applies a recipe of Format.Hostile and returns the sample's name and
// the broken bytes.
func mutate(t testing.TB, recipe string) (string, []byte) {
	t.Helper()
	parts := strings.Fields(recipe)
	b := bytes.Clone(read(t, filepath.Join(samples, parts[0])))
	for _, p := range parts[1:] {
		if n, ok := strings.CutPrefix(p, "cut="); ok {
			keep, err := strconv.Atoi(n)
			if err != nil || keep > len(b) {
				t.Fatalf("recipe %q: the sample has %d bytes", recipe, len(b))
			}
			b = b[:keep]
			continue
		}
		at, value, _ := strings.Cut(strings.TrimPrefix(p, "@"), "=")
		off, err := strconv.Atoi(at)
		data, herr := hex.DecodeString(value)
		if off < 0 {
			off += len(b)
		}
		if err != nil || herr != nil || off < 0 || off+len(data) > len(b) {
			t.Fatalf("recipe %q: bad patch %q", recipe, p)
		}
		copy(b[off:], data)
	}
	return strings.TrimSuffix(filepath.Base(parts[0]), ".gz"), b
}

// try opens and reads broken bytes; only a panic, a hang or a claim that is
// not kept fails.
func try(t testing.TB, name string, b []byte) error {
	im, err := Open([]Segment{{Name: name, Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}})
	if err != nil {
		return err
	}
	buf := make([]byte, 1<<16)
	for _, off := range []int64{0, 512, im.Size / 2, im.Size - 1, im.Size - int64(len(buf)), im.Size} {
		if off < 0 {
			continue
		}
		n, rerr := im.ReadAt(buf, off)
		if rerr == nil && n != len(buf) || n > len(buf) || int64(n) > max(0, im.Size-off) {
			t.Errorf("ReadAt(%d) gave %d bytes and %v of %d", off, n, rerr, im.Size)
		}
		if rerr != nil && rerr != io.EOF {
			err = rerr
		}
	}
	return err
}

// TestHostile proves that every hostile sample ends in an error or a note
// that names the file, in bounded time.
func TestHostile(t *testing.T) {
	for _, f := range Formats() {
		for _, recipe := range f.Hostile {
			t.Run(recipe, func(t *testing.T) {
				name, b := mutate(t, recipe)
				begun := time.Now()
				err := try(t, name, b)
				if d := time.Since(begun); d > 5*time.Second {
					t.Errorf("it took %v", d)
				}
				if err == nil && f.Detect != nil {
					im, oerr := Open([]Segment{{Name: name, Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}})
					if oerr != nil || len(im.Notes) == 0 {
						t.Errorf("nothing was said: %v", oerr)
					}
				}
				if err != nil && !strings.Contains(err.Error(), name) {
					t.Errorf("the error does not name the file: %v", err)
				}
				t.Log(err)
			})
		}
	}
}

// TestRefusals proves what callers branch on: empty, unsupported, missing.
func TestRefusals(t *testing.T) {
	open := func(name string, b []byte) error { return try(t, name, b) }
	if err := open("empty", nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty file: %v", err)
	}
	for magic, want := range map[string]string{"COWD": "vmkfstools", "EVF2\r\n\x81\x00": "Ex01"} {
		if err := open("x", append([]byte(magic), make([]byte, 600)...)); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", magic, err)
		}
	}
	segs := func(names ...string) (out []Segment) {
		for _, n := range names {
			out = append(out, Segment{Name: n, Size: 1024, ReaderAt: zeros{}})
		}
		return out
	}
	_, err := Open(segs("a.001", "a.002", "a.004"))
	var m *MissingError
	if !errors.As(err, &m) || !errors.Is(err, ErrMissing) || m.Names[0] != "a.003" {
		t.Errorf("a gap: %v", err)
	}
	if im, err := Open(segs("a.002", "a.001")); err != nil || im.Size != 2048 || im.Segments[0] != "a.001" {
		t.Errorf("pieces out of order: %v", err)
	}
	for first, third := range map[string]string{"d.000": "d.002", "d.001": "d.003", "d.00": "d.02", "d.0001": "d.0003", "d.aa": "d.ac", "d.aaaa": "d.aaac", "d.002": "", "d.ab": "", "d.a": "", "d.raw": "", "d.99": "", "d": "", "d.zz": "", "d.aA": ""} {
		if got := rawNext(first, 2); got != third {
			t.Errorf("two behind %s: %q, expected %q", first, got, third)
		}
	}
	if rawNext("d.00", 100) != "" || rawNext("d.aa", 26*26) != "" || rawNext("d.aa", 26) != "d.ba" {
		t.Error("the last of a set has another behind it")
	}
	if _, err := Open(segs("a", "b")); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "none of a piece") {
		t.Errorf("names without numbers: %v", err)
	}
	if im, err := Open(segs("a.ab", "a.aa")); err != nil || im.Size != 2048 || im.Segments[0] != "a.aa" {
		t.Errorf("lettered pieces out of order: %v", err)
	}
	e01 := segment(t, filepath.Join(samples, "container/split.E01"))
	if _, err := Open([]Segment{e01}); !errors.As(err, &m) || m.Names[0] != "split.E02" {
		t.Errorf("a missing segment: %v", err)
	}
	e02 := segment(t, filepath.Join(samples, "container/split.E02"))
	if _, err := Open([]Segment{e02}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "segment 2") {
		t.Errorf("the second segment alone: %v", err)
	}
}

// TestBadChunk proves that one damaged chunk costs that chunk, named by
// number and offset, and that the damaged table falls back on its copy.
func TestBadChunk(t *testing.T) {
	path := filepath.Join(samples, "container/media.E01")
	whole, err := load(t, path)
	if err != nil {
		t.Fatal(err)
	}
	e := whole.r.(*ewf)
	start, _, _, err := e.place(&e.tables[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	b := read(t, path)
	reopen := func(b []byte) *Image {
		im, err := Open([]Segment{{Name: "media.E01", Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}})
		if err != nil {
			t.Fatal(err)
		}
		return im
	}
	hurt := bytes.Clone(b)
	hurt[start+8] ^= 0xff
	im := reopen(hurt)
	var c *ChunkError
	if _, err := im.ReadAt(make([]byte, 16), e.chunkSize+5); !errors.As(err, &c) || c.Chunk != 1 || c.Offset != e.chunkSize || !errors.Is(err, ErrCorrupt) {
		t.Errorf("the damaged chunk: %v", err)
	}
	if _, err := im.ReadAt(make([]byte, 16), 2*e.chunkSize); err != nil {
		t.Errorf("the chunk after it: %v", err)
	}
	hurt = bytes.Clone(b)
	hurt[e.tables[0].entries] ^= 0xff
	im = reopen(hurt)
	if len(im.Notes) == 0 || digest(t, im) != digest(t, whole) {
		t.Errorf("the copy of a damaged table: notes %q", im.Notes)
	}
}

// TestNames proves which names belong to one set.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		first string
		n     int
		want  string
	}{
		{"a.E01", 1, "a.E02"},
		{"a.E01", 98, "a.E99"},
		{"a.E01", 99, "a.EAA"},
		{"a.E01", 99 + 26, "a.EBA"},
		{"a.E01", 99 + 676, "a.FAA"},
		{"a.e01", 99, "a.eaa"},
		{"a.E01", 13999, "a.YOQ"},
		{"a.001", 1, "a.002"},
		{"a.000", 1, "a.001"},
		{"a.002", 1, ""},
		{"a.raw", 1, ""},
	} {
		got := ""
		for _, f := range formats {
			if f.Next != nil && f.Next(c.first, c.n) != "" {
				got = f.Next(c.first, c.n)
			}
		}
		if got != c.want {
			t.Errorf("%s, %d: %q, expected %q", c.first, c.n, got, c.want)
		}
	}
}

// TestRegistryRefuses proves that an incomplete entry is refused.
func TestRegistryRefuses(t *testing.T) {
	full := Format{Name: "new", Doc: "d", Reference: "r", Open: openRaw, Detect: func(_, _ []byte) bool { return false }, Samples: []string{"s"}, Hostile: []string{"h"}}
	if err := full.check(); err != nil {
		t.Fatalf("a complete entry: %v", err)
	}
	for what, spoil := range map[string]func(*Format){
		"documentation": func(f *Format) { f.Doc = "" }, "reference": func(f *Format) { f.Reference = "" },
		"sample": func(f *Format) { f.Samples = nil }, "hostile": func(f *Format) { f.Hostile = nil },
		"taken": func(f *Format) { f.Name = "raw" }, "already": func(f *Format) { f.Detect = nil },
	} {
		f := full
		spoil(&f)
		if err := f.check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("without %s: %v", what, err)
		}
	}
}

// TestCorpus proves that every container of the corpus opens to the digest
// its manifest states.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	dir := unpackCorpus(t, filepath.Join(corpus, "images"))
	manifest, err := os.ReadFile(filepath.Join(corpus, "images", "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range strings.Split(string(manifest), "\n") {
		size, sum := "", ""
		for _, key := range []string{"img_cat bytes=", "qemu-img raw bytes="} {
			if _, rest, ok := strings.Cut(line, key); ok {
				_, err := fmt.Sscanf(rest, "%s sha256=%16s", &size, &sum)
				if err != nil {
					t.Fatalf("%q: %v", rest, err)
				}
			}
		}
		name := strings.TrimSuffix(strings.Split(line, "\t")[0], ".xz")
		if sum == "" {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			im, err := load(t, filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got := digest(t, im)
			t.Logf("%s %d %s %q", im.Format, im.Size, got, im.Notes)
			if d, ok := differs[name]; ok {
				size, sum = d.size, d.sum
			}
			if fmt.Sprint(im.Size) != size || got[:16] != sum {
				t.Errorf("%d bytes, %s; expected %s, %s", im.Size, got[:16], size, sum)
			}
		})
	}
	if n < 10 {
		t.Errorf("only %d containers with a digest in the manifest", n)
	}
}

// TestOddTail proves that the last chunk of a source that is no multiple of
// its sectors is read: its checksum covers bytes beyond the media.
func TestOddTail(t *testing.T) {
	im, err := load(t, filepath.Join(samples, "container/odd.E01"))
	if err != nil {
		t.Fatal(err)
	}
	whole := read(t, filepath.Join(samples, "container/split.E01"))
	got := make([]byte, im.Size)
	if n, err := im.ReadAt(got, 0); int64(n) != im.Size || err != nil {
		t.Fatalf("%d of %d bytes: %v", n, im.Size, err)
	}
	// The split set holds the same noise, stored.
	if !bytes.Contains(whole, got[:1000]) || !bytes.Contains(whole, got[40000:]) || im.Size != 50100/512*512 {
		t.Errorf("%d bytes that are not the noise", im.Size)
	}
}

// TestInteropContainers proves that qemu-img and ewfexport read the same media
// out of every sample they understand.
func TestInteropContainers(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs qemu-img and ewfexport: run by make interop")
	}
	for _, f := range Formats() {
		for _, name := range f.Samples {
			path := filepath.Join(samples, name)
			var cmd *exec.Cmd
			switch {
			case f.Name == "e01":
				// To a file: on standard output its greeting is among the bytes.
				out := filepath.Join(t.TempDir(), "out")
				if said, err := exec.Command("ewfexport", "-q", "-u", "-f", "raw", "-t", out, path).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", name, err, said)
				}
				cmd = exec.Command("cat", out+".raw")
			case f.Name == "qcow2" || f.Name == "vmdk" || f.Name == "vdi" || f.Name == "vhdx":
				dir := t.TempDir()
				raw, from := filepath.Join(dir, "raw"), path
				if strings.HasSuffix(name, ".gz") { // with its parent beside it
					from = filepath.Join(dir, strings.TrimSuffix(filepath.Base(name), ".gz"))
					if err := errors.Join(os.WriteFile(from, read(t, path), 0o600), os.WriteFile(filepath.Join(dir, "media.qcow2"), read(t, filepath.Join(samples, "container/media.qcow2")), 0o600)); err != nil {
						t.Fatal(err)
					}
				}
				if out, err := exec.Command("qemu-img", "convert", "-O", "raw", from, raw).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", name, err, out)
				}
				cmd = exec.Command("cat", raw)
			default:
				continue
			}
			want, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			im, err := load(t, path)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, im.Size)
			if n, err := im.ReadAt(got, 0); int64(n) != im.Size || err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, %v; the stock tool gives %d", name, n, err, len(want))
			}
		}
	}
}
