package acquire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// failing is a source in memory that fails where it is told to.
type failing struct {
	data  []byte
	bad   []Range
	gone  int64 // from this offset on the device is gone; 0: it is not
	size  func() int64
	reads func(n int)
	tries map[int64]int
	left  bool
}

func (f *failing) Size() (int64, error) {
	if f.left {
		return 0, unix.ENODEV
	}
	if f.size != nil {
		return f.size(), nil
	}
	return int64(len(f.data)), nil
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.reads != nil {
		f.reads(len(p))
	}
	if f.gone > 0 && off+int64(len(p)) > f.gone {
		f.left = true
		return 0, unix.EIO
	}
	if touches(f.bad, off, int64(len(p))) {
		if f.tries != nil && len(p) <= 512 {
			f.tries[off]++
		}
		return 0, unix.EIO
	}
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *failing) source(t *testing.T) *Source {
	t.Helper()
	n, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	s := &Source{size: n, at: f, close: func() error { return nil }}
	s.Info = Info{Path: "failing", Kind: KindFile, Bytes: n, LogicalSector: 512}
	return s
}

// media gives n bytes that compress a little, with a stretch of zeros. They are
// not to be changed.
func media(n int) []byte { return allMedia()[:n:n] }

var allMedia = sync.OnceValue(func() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 25<<20)
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64()&0x1f1f1f1f1f1f1f1f)
	}
	clear(b[2<<20 : 4<<20])
	return b
})

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// kinds are the forms of images, with a name for each.
func kinds() map[string]Options {
	all := []string{"md5", "sha1"}
	return map[string]Options{
		"disk.raw":   {Form: Raw},
		"disk.001":   {Form: Split, SegmentSize: MinSegment + 512, Hashes: all},
		"disk.E01":   {Form: E01, Compression: "fast", SegmentSize: MaxSegment, Hashes: all},
		"many.e01":   {Form: E01, Compression: "fast", SegmentSize: MinSegment, Hashes: all},
		"plain.E01":  {Form: E01, Compression: "none", SegmentSize: MinSegment, Hashes: all},
		"small.E01":  {Form: E01, Compression: "best", SegmentSize: MaxSegment, Hashes: []string{"sha1"}},
		"nohash.E01": {Form: E01, Compression: "fast", SegmentSize: MaxSegment},
	}
}

func options(t *testing.T, name string, o Options) Options {
	t.Helper()
	o.To, o.Verify, o.Tool = filepath.Join(t.TempDir(), name), true, "saksi test"
	o.Labels = Labels{Case: "K-1", Exhibit: "B-2", Examiner: "Aminah binti Ali\tX", Description: "disk \u00e9", Notes: "first"}
	return o
}

// readBack gives the media of an image and how it looks to forensics/image.
func readBack(t *testing.T, rec *Record) []byte {
	t.Helper()
	var paths []string
	for _, f := range rec.Image.Files {
		p := filepath.Join(rec.Image.Folder, f.Name)
		paths = append(paths, p)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if f.SHA256 != "" && digest(b) != f.SHA256 || int64(len(b)) != f.Bytes {
			t.Errorf("%s: the record says %d bytes, SHA-256 %s", f.Name, f.Bytes, f.SHA256)
		}
	}
	im, closeAll, err := openImage(paths)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	if len(im.Notes) > 0 {
		t.Errorf("the image has notes: %v", im.Notes)
	}
	b := make([]byte, im.Size)
	if _, err := im.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	want := rec.Digests
	if rec.Padding > 0 {
		want = rec.MediaDigests
	}
	if im.MD5 != want["md5"] && rec.Image.Form == E01 || im.SHA1 != want["sha1"] && rec.Image.Form == E01 {
		t.Errorf("the container states MD5 %s and SHA-1 %s; the record %v", im.MD5, im.SHA1, want)
	}
	if rec.Image.Form == E01 {
		found := false
		for _, m := range im.Meta {
			found = found || m.Key == "notes" && strings.HasSuffix(m.Value, want["sha256"])
		}
		if !found {
			t.Errorf("no SHA-256 in the notes: %v", im.Meta)
		}
	}
	return b
}

// TestForms acquires media of all kinds of lengths into all forms.
func TestForms(t *testing.T) {
	for name, o := range kinds() {
		for _, n := range []int{512, 32768 - 512, 32768, 1 << 20, 9<<20 + 512*3} {
			data := media(n)
			o := options(t, name, o)
			rec, err := Run(t.Context(), (&failing{data: data}).source(t), o)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", name, n, err)
			}
			if got := readBack(t, rec); !bytes.Equal(got, data) || rec.Digests["sha256"] != digest(data) || !rec.Complete {
				t.Errorf("%s, %d bytes: the image differs; %+v", name, n, rec)
			}
			if !strings.HasSuffix(rec.Verified, digest(data)) {
				t.Errorf("%s: verified: %q", name, rec.Verified)
			}
			if _, err := os.Stat(statePath(o.To)); err == nil {
				t.Errorf("%s: a complete acquisition left its state", name)
			}
		}
	}
}

// TestOddEnd: a file that ends within a sector. An E01 holds whole sectors, and
// the record says what was added.
func TestOddEnd(t *testing.T) {
	data := media(70001)
	o := options(t, "odd.E01", kinds()["disk.E01"])
	rec, err := Run(t.Context(), (&failing{data: data}).source(t), o)
	if err != nil {
		t.Fatal(err)
	}
	whole := append(slices.Clone(data), make([]byte, 512-70001%512)...)
	if got := readBack(t, rec); !bytes.Equal(got, whole) || rec.Padding != len(whole)-len(data) || rec.MediaDigests["sha256"] != digest(whole) || rec.Digests["sha256"] != digest(data) {
		t.Errorf("padding %d, digests %v and %v", rec.Padding, rec.Digests, rec.MediaDigests)
	}
	o = options(t, "odd.raw", Options{Form: Raw})
	if rec, err = Run(t.Context(), (&failing{data: data}).source(t), o); err != nil || !bytes.Equal(readBack(t, rec), data) || rec.Padding != 0 {
		t.Errorf("raw: %v", err)
	}
}

// TestStream: standard input of unknown length.
func TestStream(t *testing.T) {
	data := media(9<<20 + 512)
	for name, o := range kinds() {
		o := options(t, name, o)
		// A pipe gives less than is asked for.
		s := FromStream("-", io.MultiReader(bytes.NewReader(data[:700]), bytes.NewReader(data[700:])))
		rec, err := Run(t.Context(), s, o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := readBack(t, rec); !bytes.Equal(got, data) || rec.Digests["sha256"] != digest(data) {
			t.Errorf("%s: the image differs", name)
		}
	}
	o := options(t, "none.raw", Options{Form: Raw})
	if rec, err := Run(t.Context(), FromStream("-", strings.NewReader("")), o); rec != nil || !errors.Is(err, ErrUsage) {
		t.Errorf("an empty stream: %v, %v", rec, err)
	}
	if list, _ := os.ReadDir(filepath.Dir(o.To)); len(list) > 0 {
		t.Errorf("an empty stream left %v", list)
	}
}

// TestBadSectors: what fails is filled and listed, and nothing else is lost.
func TestBadSectors(t *testing.T) {
	data := media(6 << 20)
	bad := []Range{{512, 512}, {1 << 20, 512}, {1<<20 + 1024, 4096}, {3<<20 - 512, 1024}, {6<<20 - 512, 512}}
	for name, o := range kinds() {
		for _, fillWith := range [][]byte{nil, []byte("BAD!x")} {
			o := options(t, name, o)
			o.Fill, o.Retries = fillWith, 2
			f := &failing{data: data, bad: bad, tries: map[int64]int{}}
			rec, err := Run(t.Context(), f.source(t), o)
			if !errors.Is(err, ErrUnreadable) || errors.Is(err, ErrPartial) || rec == nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := slices.Clone(data)
			for _, r := range bad {
				fill(want[r.Offset:r.Offset+r.Bytes], fillWith, r.Offset)
			}
			if !slices.Equal(rec.Unreadable, bad) {
				t.Errorf("%s: unreadable %v, expected %v", name, rec.Unreadable, bad)
			}
			if got := readBack(t, rec); !bytes.Equal(got, want) || rec.Digests["sha256"] != digest(want) {
				t.Errorf("%s: the image differs", name)
			}
			if n := f.tries[512]; n != 3 {
				t.Errorf("%s: a sector was tried %d times, not 3", name, n)
			}
		}
	}
}

// TestGone: a device that goes away leaves a valid image of what was read, and
// when it is back the acquisition goes on; the digest is that of one run.
func TestGone(t *testing.T) {
	data := media(9 << 20)
	for name, o := range kinds() {
		for _, at := range []int64{512, 7 << 20} {
			o := options(t, name, o)
			f := &failing{data: data, gone: at + 512*5}
			rec, err := Run(t.Context(), f.source(t), o)
			if at < blockBytes {
				if list, _ := os.ReadDir(filepath.Dir(o.To)); rec != nil || !errors.Is(err, errGone) || len(list) > 0 {
					t.Errorf("%s, gone at once: %v, and %v is left", name, err, list)
				}
				continue
			}
			if !errors.Is(err, ErrPartial) || !errors.Is(err, errGone) || rec == nil || rec.Complete {
				t.Fatalf("%s, gone at %d: %v", name, at, err)
			}
			if got := readBack(t, rec); !bytes.Equal(got, data[:at]) || rec.Bytes != at || rec.Digests["sha256"] != digest(data[:at]) {
				t.Errorf("%s, gone at %d: %d bytes are there", name, at, len(got))
			}
			o.Resume = true
			rec, err = Run(t.Context(), (&failing{data: data}).source(t), o)
			if err != nil {
				t.Fatalf("%s, going on: %v", name, err)
			}
			if got := readBack(t, rec); !bytes.Equal(got, data) || rec.Digests["sha256"] != digest(data) || len(rec.Sessions) != 2 {
				t.Errorf("%s, going on: the image differs; %v", name, rec.Sessions)
			}
		}
	}
}

// TestResumeStops goes on again and again, interrupted after each few blocks.
func TestResumeStops(t *testing.T) {
	data := media(14<<20 + 512)
	bad := []Range{{5 << 20, 512}}
	want := slices.Clone(data)
	clear(want[5<<20 : 5<<20+512])
	for name, o := range kinds() {
		o := options(t, name, o)
		o.blocks = 3
		var rec *Record
		runs := 0
		for ; runs < 20; runs++ {
			ctx, stop := context.WithCancel(t.Context())
			n := 0
			f := &failing{data: data, bad: bad, reads: func(size int) {
				if size == blockBytes {
					if n++; n == 5 {
						stop()
					}
				}
			}}
			var err error
			o.every = time.Duration(1 + runs%2*1e9) // marks at each block, or at the end
			rec, err = Run(ctx, f.source(t), o)
			stop()
			o.Resume = true
			if err == nil || errors.Is(err, ErrUnreadable) && !errors.Is(err, ErrPartial) && !errors.Is(err, context.Canceled) {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s, run %d: %v", name, runs, err)
			}
			if rec != nil && !rec.Complete {
				if got := readBack(t, rec); !bytes.Equal(got, want[:len(got)]) || rec.Digests["sha256"] != digest(got) {
					t.Errorf("%s, run %d: the partial image differs", name, runs)
				}
			}
		}
		if runs < 2 || rec == nil || !rec.Complete {
			t.Fatalf("%s: %d runs, %+v", name, runs, rec)
		}
		if got := readBack(t, rec); !bytes.Equal(got, want) || rec.Digests["sha256"] != digest(want) || !slices.Equal(rec.Unreadable, bad) {
			t.Errorf("%s: the image differs after %d runs", name, runs)
		}
	}
}

// TestResumeRefuses: another source, or none to go on with.
func TestResumeRefuses(t *testing.T) {
	data := media(8 << 20)
	o := options(t, "x.E01", kinds()["disk.E01"])
	o.Resume = true
	if _, err := Run(t.Context(), (&failing{data: data}).source(t), o); !errors.Is(err, ErrUsage) {
		t.Errorf("nothing to go on with: %v", err)
	}
	o.Resume = false
	if _, err := Run(t.Context(), (&failing{data: data, gone: 5 << 20}).source(t), o); !errors.Is(err, ErrPartial) {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), (&failing{data: data}).source(t), o); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "resume") {
		t.Errorf("beginning again: %v", err)
	}
	o.Resume = true
	other := slices.Clone(data)
	other[0] ^= 1
	if _, err := Run(t.Context(), (&failing{data: other}).source(t), o); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "offset 0") {
		t.Errorf("another source: %v", err)
	}
	if _, err := Run(t.Context(), (&failing{data: data[:7<<20]}).source(t), o); !errors.Is(err, ErrUsage) {
		t.Errorf("a smaller source: %v", err)
	}
	s := (&failing{data: data}).source(t)
	s.Info.Serial = "other"
	if _, err := Run(t.Context(), s, o); !errors.Is(err, ErrUsage) {
		t.Errorf("another serial number: %v", err)
	}
	if rec, err := Run(t.Context(), (&failing{data: data}).source(t), o); err != nil || !bytes.Equal(readBack(t, rec), data) {
		t.Errorf("after all that: %v", err)
	}
}

// TestStreamResume: the stream is sent again from its beginning, and must be
// the same.
func TestStreamResume(t *testing.T) {
	data := media(9 << 20)
	for name, o := range kinds() {
		o := options(t, name, o)
		o.every = 1
		broken := io.MultiReader(bytes.NewReader(data[:5<<20+100]), errReader{})
		rec, err := Run(t.Context(), FromStream("-", broken), o)
		if !errors.Is(err, ErrPartial) || rec == nil {
			t.Fatalf("%s: %v", name, err)
		}
		readBack(t, rec)
		o.Resume = true
		if _, err := Run(t.Context(), FromStream("-", bytes.NewReader(data[1:])), o); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: another stream: %v", name, err)
		}
		rec, err = Run(t.Context(), FromStream("-", bytes.NewReader(data)), o)
		if err != nil || !bytes.Equal(readBack(t, rec), data) {
			t.Errorf("%s: going on: %v", name, err)
		}
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, unix.EIO }

// TestSizeChanges: a source that grows or shrinks is named.
func TestSizeChanges(t *testing.T) {
	data := media(3 << 20)
	f := &failing{data: data}
	s := f.source(t)
	f.size = func() int64 { return 4 << 20 }
	o := options(t, "x.raw", Options{Form: Raw})
	rec, err := Run(t.Context(), s, o)
	if !errors.Is(err, ErrDoubt) || !bytes.Equal(readBack(t, rec), data) || !strings.Contains(rec.Problems[0], "has 4194304 now") {
		t.Errorf("it grows: %v", err)
	}
	f = &failing{data: data}
	s = f.source(t)
	f.data = data[:1<<20+700]
	o = options(t, "y.E01", kinds()["disk.E01"])
	rec, err = Run(t.Context(), s, o)
	if !errors.Is(err, ErrPartial) || !errors.Is(err, errShrunk) || !bytes.Equal(readBack(t, rec), data[:1<<20+512]) {
		t.Errorf("it shrinks: %v", err)
	}
}

// TestNeverOverwrites names what is there.
func TestNeverOverwrites(t *testing.T) {
	for name, o := range kinds() {
		o := options(t, name, o)
		probe := (&acquisition{s: (&failing{data: make([]byte, 512)}).source(t), o: &o, st: &state{}}).newSink()
		for i := range 2 {
			there, err := probe.nameOf(i)
			if err != nil {
				continue
			}
			p := filepath.Join(filepath.Dir(o.To), there)
			if err := os.WriteFile(p, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Run(t.Context(), (&failing{data: media(512)}).source(t), o); !errors.Is(err, ErrUsage) {
				t.Errorf("%s is there: %v", there, err)
			}
			if b, err := os.ReadFile(p); err != nil || string(b) != "mine" {
				t.Errorf("%s was touched: %q, %v", there, b, err)
			}
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestVerifyFails: an image that is changed between writing and verifying.
func TestVerifyFails(t *testing.T) {
	for name, o := range kinds() {
		o := options(t, name, o)
		data := media(3 << 20)
		flipped := false
		o.Progress = func(what string, _, _ int64) {
			if what == "acquiring" || flipped {
				return
			}
			flipped = true
			list, err := filepath.Glob(filepath.Join(filepath.Dir(o.To), "*"))
			if err != nil || len(list) == 0 {
				t.Fatal(list, err)
			}
			f, err := os.OpenFile(list[0], os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte{0xff, 0xff, 0xff, 0xff}, 2<<18); err != nil {
				t.Fatal(err)
			}
		}
		// Progress comes after the first block: one of three is enough later on.
		rec, err := Run(t.Context(), (&failing{data: data}).source(t), o)
		if err == nil || o.Form == Raw {
			continue // the piece was read before it was changed
		}
		if rec == nil {
			t.Errorf("%s: %v, and no record", name, err)
		}
	}
}
