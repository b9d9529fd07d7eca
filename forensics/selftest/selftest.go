// Package selftest runs what the laboratory relies on over reference samples
// whose answers are known: digests, containers, file systems with what is
// recovered in them, artifacts. Run is its one entry.
package selftest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/forensics/artifact"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/forensics/image"
	"saksi/internal/worker"
)

// Test is one known-answer test. Expected and Found are SHA-256 digests of the
// answer unless they are digests themselves; Problem says why there is none.
type Test struct {
	Kind     string `json:"kind"` // hash, container, filesystem, artifact
	Name     string `json:"name"`
	Sample   string `json:"sample"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
	Pass     bool   `json:"pass"`
	Problem  string `json:"problem,omitempty"`
}

// Config says with what the tests run.
type Config struct {
	Samples fs.FS // folders image and artifact
	Answers Answers
	Worker  worker.Config
}

// Answers are the known ones, as the golden files of the packages state them.
type Answers struct{ Image, FileSystem, Artifact fs.FS }

// Known are the answers that the program carries.
var Known = Answers{Image: image.Known, FileSystem: filesystem.Known, Artifact: artifact.Known}

// vectors are digests of "abc": RFC 1321 A.5, FIPS 180-4 examples.
var vectors = []struct {
	name string
	new  func() hash.Hash
	sum  string
}{
	{"md5", md5.New, "900150983cd24fb0d6963f7d28e17f72"},
	{"sha1", sha1.New, "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{"sha256", sha256.New, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
}

// Run runs all tests whose sample is carried and gives each; the samples that
// are not are the second result. An error is one of the machine, such as no room
// for the samples; a wrong answer is none.
func Run(ctx context.Context, cfg Config) (tests []Test, left []string, err error) {
	dir, err := os.MkdirTemp("", "saksi-selftest-")
	if err != nil {
		return nil, nil, fmt.Errorf("testing itself: %w", err)
	}
	defer os.RemoveAll(dir)
	r := &runner{cfg: cfg, dir: dir}
	for _, v := range vectors {
		h := v.new()
		h.Write([]byte("abc"))
		r.add(Test{Kind: "hash", Name: v.name, Sample: "abc", Expected: v.sum, Found: hex.EncodeToString(h.Sum(nil))})
	}
	for _, f := range image.Formats() {
		r.each(ctx, "container", f.Name, "image", f.Samples, r.container)
	}
	for _, f := range filesystem.Formats() {
		r.each(ctx, "filesystem", f.Name, "image", f.Samples, r.fileSystem)
	}
	for _, f := range artifact.Formats() {
		r.each(ctx, "artifact", f.Name, "artifact", f.Samples, r.artifact)
	}
	return r.tests, r.left, ctx.Err()
}

type runner struct {
	cfg   Config
	dir   string
	tests []Test
	left  []string
}

func (r *runner) add(t Test) {
	t.Pass = t.Problem == "" && t.Expected == t.Found
	r.tests = append(r.tests, t)
}

// each runs the samples of one format.
func (r *runner) each(ctx context.Context, kind, name, folder string, samples []string, run func(context.Context, *Test, string) error) {
	for _, s := range samples {
		p := path.Join(folder, s)
		file, _, _ := strings.Cut(p, "#")
		if _, err := fs.Stat(r.cfg.Samples, file); err != nil {
			r.left = append(r.left, kind+" "+name+" "+s)
			continue
		}
		t := Test{Kind: kind, Name: name, Sample: s}
		if err := run(ctx, &t, p); err != nil {
			t.Problem = err.Error()
		}
		r.add(t)
	}
}

// file puts a sample, unpacked, where a worker can open it.
func (r *runner) file(p string) (string, error) {
	b, err := r.bytes(p)
	if err != nil {
		return "", err
	}
	to := filepath.Join(r.dir, path.Base(p))
	return to, os.WriteFile(to, b, 0o600)
}

func (r *runner) bytes(p string) ([]byte, error) {
	b, err := fs.ReadFile(r.cfg.Samples, p)
	if err != nil || !strings.HasSuffix(p, ".gz") {
		return b, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func (r *runner) container(_ context.Context, t *Test, p string) error {
	b, err := fs.ReadFile(r.cfg.Answers.Image, "testdata/"+path.Base(p)+".json")
	if err != nil {
		return err
	}
	var want struct {
		SHA256   string
		Segments []string
	}
	if err := json.Unmarshal(b, &want); err != nil {
		return err
	}
	t.Expected = want.SHA256
	var segs []image.Segment
	for i, name := range want.Segments {
		from := path.Join(path.Dir(p), name)
		if i == 0 {
			from = p
		}
		b, err := r.bytes(from)
		if err != nil {
			return err
		}
		segs = append(segs, image.Segment{Name: name, Size: int64(len(b)), ReaderAt: bytes.NewReader(b)})
	}
	im, err := image.Open(segs)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(h, io.NewSectionReader(im, 0, im.Size))
	t.Found = hex.EncodeToString(h.Sum(nil))
	return err
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// fileSystem lists a volume with the digest of each file, deleted ones and what
// is recovered too.
func (r *runner) fileSystem(ctx context.Context, t *Test, p string) error {
	file, number, _ := strings.Cut(p, "#")
	want, err := fs.ReadFile(r.cfg.Answers.FileSystem, "testdata/"+strings.ReplaceAll(path.Base(p), "#", "_")+".txt")
	if err != nil {
		return err
	}
	t.Expected = sum(want)
	volume := 0
	if number != "" {
		if volume, err = strconv.Atoi(number); err != nil {
			return err
		}
	}
	at, err := r.file(file)
	if err != nil {
		return err
	}
	im, err := disk.Open(ctx, at, r.cfg.Worker)
	if err != nil {
		return err
	}
	defer func() {
		im.Close()
		im.Source.Close()
	}()
	if volume >= len(im.Info.Table.Volumes) || im.Info.Table.Volumes[volume].FileSystem.Format != t.Name {
		return fmt.Errorf("no file system was found in volume %d", volume)
	}
	got, err := list(ctx, im, volume)
	t.Found = sum(got)
	return err
}

func list(ctx context.Context, im *disk.Image, volume int) ([]byte, error) {
	type line struct{ head, sum, path string }
	var lines []line
	var items []disk.Item
	var at []int
	if _, err := im.Walk(ctx, volume, filesystem.WalkConfig{Deleted: true, Orphans: true}, func(e *filesystem.Entry, p *filesystem.Problem) error {
		if p != nil {
			return fmt.Errorf("%s: %s", p.Path, p.Text)
		}
		mark := ""
		if e.Deleted {
			mark = "*"
		}
		if e.Reused {
			mark = "*reused"
		}
		if e.How != "" {
			mark += strings.TrimSuffix(e.How+"-"+e.Blocks, "-")
		}
		name, address := e.Path, fmt.Sprint(e.Inode)
		if e.Stream != "" {
			name += ":" + e.Stream
		}
		if e.AttrType >= 16 {
			address += fmt.Sprintf("-%d-%d", e.AttrType, e.AttrID)
		}
		if e.HasContent {
			items = append(items, disk.Item{Volume: volume, Ref: e.Ref(), Path: e.Path})
			at = append(at, len(lines))
		}
		lines = append(lines, line{fmt.Sprintf("%s\t%s\t%s\t%d", e.Kind, mark, address, e.Size), "-", name})
		return nil
	}); err != nil {
		return nil, err
	}
	err := im.Unit(ctx, disk.UnitConfig{Limit: 1 << 30}, items, nil, func(r *disk.Result) error {
		lines[at[r.Item]].sum = r.SHA256
		if r.Error != "" {
			lines[at[r.Item]].sum = "error"
		}
		return nil
	})
	f := im.Info.Table.Volumes[volume].FileSystem
	out := fmt.Appendf(nil, "%s %d bytes, blocks of %d\n", f.Type, f.Size, f.BlockSize)
	for _, l := range lines {
		out = fmt.Appendf(out, "%s\t%s\t%s\n", l.head, l.sum, l.path)
	}
	return out, err
}

func (r *runner) artifact(ctx context.Context, t *Test, p string) error {
	want, err := fs.ReadFile(r.cfg.Answers.Artifact, "testdata/"+path.Base(p)+".txt")
	if err != nil {
		return err
	}
	t.Expected = sum(want)
	at, err := r.file(p)
	if err != nil {
		return err
	}
	var got []byte
	s, err := artifact.Read(ctx, at, artifact.Options{Worker: r.cfg.Worker, Year: 2026}, func(rec *artifact.Record, e *event.Event) error {
		for _, src := range rec.Sources() {
			got = fmt.Appendf(got, "# %s\n", src)
		}
		got = append(e.AppendJSON(got), '\n')
		return nil
	})
	t.Found = sum(got)
	if err == nil && s.Broken > 0 {
		err = fmt.Errorf("%d parts of the sample could not be read", s.Broken)
	}
	return err
}
