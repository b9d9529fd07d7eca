package acquire

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// interop skips unless the stock tools are to be compared with.
func interop(t *testing.T) {
	t.Helper()
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs ewf-tools, sleuthkit and dc3dd: SAKSI_INTEROP is not set (make interop)")
	}
}

// shell runs a script with the paths $1, $2 ... and gives what it prints.
func shell(t *testing.T, script string, args ...string) string {
	t.Helper()
	c := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "bash"}, args...)...)
	c.Dir = t.TempDir()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", script, args, err, out)
	}
	return string(out)
}

// sameElsewhere holds an E01 to ewfverify, ewfexport and libtsk.
func sameElsewhere(t *testing.T, rec *Record) {
	t.Helper()
	first := filepath.Join(rec.Image.Folder, rec.Image.Files[0].Name)
	want := rec.Digests
	if rec.Padding > 0 {
		want = rec.MediaDigests
	}
	out := shell(t, `ewfverify -q -d sha256 "$1"`, first)
	for _, s := range []string{"ewfverify: SUCCESS", "MD5 hash stored in file:\t\t" + want["md5"], "MD5 hash calculated over data:\t\t" + want["md5"], want["sha256"]} {
		if !strings.Contains(out, s) {
			t.Errorf("ewfverify %s: no %q in\n%s", first, s, out)
		}
	}
	if out := shell(t, `ewfexport -u -q -f raw -t out "$1" >/dev/null 2>&1; sha256sum out.raw`, first); !strings.HasPrefix(out, want["sha256"]) {
		t.Errorf("ewfexport %s: %s, expected %s", first, out, want["sha256"])
	}
	if out := shell(t, `img_cat -i ewf "$1" | sha256sum`, first); !strings.HasPrefix(out, want["sha256"]) {
		t.Errorf("img_cat %s: %s, expected %s", first, out, want["sha256"])
	}
}

// TestInteropE01: others read the same media and labels out of what we write,
// for odd numbers of sectors and sets of many segments.
func TestInteropE01(t *testing.T) {
	interop(t)
	for _, c := range []struct {
		name     string
		bytes    int
		o        Options
		segments int
	}{
		{"one sector", 512, Options{Form: E01, Compression: "fast", SegmentSize: MaxSegment}, 1},
		{"one sector more than a chunk", 65 * 512, Options{Form: E01, Compression: "best", SegmentSize: MaxSegment}, 1},
		{"a part of a sector", 65*512 + 100, Options{Form: E01, Compression: "none", SegmentSize: MaxSegment}, 1},
		{"a prime number of sectors", 12007 * 512, Options{Form: E01, Compression: "fast", SegmentSize: MaxSegment}, 1},
		{"several segments", 12007 * 512, Options{Form: E01, Compression: "none", SegmentSize: MinSegment}, 2},
	} {
		o := options(t, "disk.E01", c.o)
		o.Hashes = Hashes
		rec, err := Run(t.Context(), (&failing{data: media(c.bytes)}).source(t), o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if len(rec.Image.Files) != c.segments {
			t.Errorf("%s: %d files, expected %d", c.name, len(rec.Image.Files), c.segments)
		}
		sameElsewhere(t, rec)
	}

	// Sixteen segments and more, from a file, with what is stated.
	source := filepath.Join(t.TempDir(), "source")
	f, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := f.Write(media(24 << 20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Info.Model, s.Info.Serial = "M 1", "S-77"
	o := options(t, "many.E01", Options{Form: E01, Compression: "none", SegmentSize: MinSegment, Hashes: Hashes})
	o.Labels.Examiner = "Aminah \u00c9"
	rec, err := Run(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rec.Image.Files); n < 18 {
		t.Errorf("%d segments", n)
	}
	sameElsewhere(t, rec)
	out := shell(t, `LC_ALL=C.UTF-8 ewfinfo "$1"; sha256sum "$2"`, o.To, source)
	for _, want := range []string{
		"Case number:\t\tK-1\n", "Evidence number:\tB-2\n", "Examiner name:\t\tAminah \u00c9\n", "Description:\t\tdisk \u00e9\n", "Model:\t\t\tM 1\n", "Serial number:\t\tS-77\n",
		"Notes:\t\t\tfirst; SHA-256 of the media: " + rec.Digests["sha256"] + "\n", "Software version used:\tsaksi test\n", "File format:\t\tEnCase 6\n", "Sectors per chunk:\t64\n",
		"SHA1:\t\t\t" + rec.Digests["sha1"] + "\n", rec.Digests["sha256"] + "  " + source,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestInteropPartial: an image that ended early, one that was gone on with, and
// one with unreadable sectors.
func TestInteropPartial(t *testing.T) {
	interop(t)
	data := media(14 << 20)
	o := options(t, "many.E01", Options{Form: E01, Compression: "none", SegmentSize: MinSegment, Hashes: Hashes})
	rec, err := Run(t.Context(), (&failing{data: data, gone: 9<<20 + 512}).source(t), o)
	if !errors.Is(err, ErrPartial) {
		t.Fatal(err)
	}
	sameElsewhere(t, rec)
	o.Resume = true
	bad := []Range{{10 << 20, 512}, {11<<20 + 1024, 2048}}
	rec, err = Run(t.Context(), (&failing{data: data, bad: bad}).source(t), o)
	if !errors.Is(err, ErrUnreadable) || errors.Is(err, ErrPartial) {
		t.Fatal(err)
	}
	sameElsewhere(t, rec)
	out := shell(t, `ewfinfo "$1"`, o.To)
	for _, want := range []string{"total number: 2", "at sector(s): 20480 - 20480 number: 1", "at sector(s): 22530 - 22533 number: 4"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestInteropLarge: offsets beyond 4 GiB, from a sparse file of 4.5 GiB.
func TestInteropLarge(t *testing.T) {
	interop(t)
	source := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	const size = 4608<<20 + 512*3
	for _, off := range []int64{0, 4<<30 - 1000, size - 2<<20} {
		if _, err := f.WriteAt(media(2 << 20)[:2<<20], off); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	sums := map[string]bool{}
	for name, o := range map[string]Options{"disk.E01": {Form: E01, Compression: "fast", SegmentSize: MaxSegment, Hashes: []string{"md5"}}, "disk.raw": {Form: Raw}} {
		s, err := Open(source, nil)
		if err != nil {
			t.Fatal(err)
		}
		o := options(t, name, o)
		o.Verify = false
		rec, err := Run(t.Context(), s, o)
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		sums[rec.Digests["sha256"]] = true
		if o.Form == E01 {
			if out := shell(t, `ewfverify -q "$1"`, o.To); !strings.Contains(out, "SUCCESS") || strings.Count(out, rec.Digests["md5"]) != 2 {
				t.Errorf("ewfverify says %s, expected %s twice", out, rec.Digests["md5"])
			}
		} else if out := shell(t, `openssl dgst -r -sha256 "$1"`, o.To); !strings.HasPrefix(out, rec.Digests["sha256"]) {
			t.Errorf("openssl says %s, expected %s", out, rec.Digests["sha256"])
		}
	}
	if len(sums) != 1 {
		t.Errorf("two digests of one source: %v", sums)
	}
}

// TestInteropRaw: dc3dd and sha256sum give the digests that we do, of the whole
// and of pieces.
func TestInteropRaw(t *testing.T) {
	interop(t)
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, media(13<<20+512*7+3), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := options(t, "disk.001", kinds()["disk.001"])
	rec, err := Run(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	out := shell(t, `dc3dd if="$1" of=copy hash=sha256 hash=md5 hash=sha1 2>&1; cat "${2%.001}".0?? | cmp - copy; sha256sum "${2%.001}".0??`, source, o.To)
	for _, d := range rec.Digests {
		if !strings.Contains(out, d) {
			t.Errorf("no %s in\n%s", d, out)
		}
	}
	for _, f := range rec.Image.Files {
		if !strings.Contains(out, f.SHA256) {
			t.Errorf("no %s of %s in\n%s", f.SHA256, f.Name, out)
		}
	}
}
