package udf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/forensics/image/imagetest"
	"saksi/internal/inode"
)

const folder = "../../testdata/image/filesystem/"

func media(t testing.TB, name string) []byte {
	t.Helper()
	return imagetest.Media(t, folder+name+".qcow2")
}

var errMost = errors.New("enough")

// walk gives the digests of files by their paths, at most so many.
func walk(f *FS, ref inode.Ref, path string, left *int, out map[string]string) error {
	return f.List(ref, func(d inode.Dirent) error {
		if *left--; *left < 0 {
			return errMost
		}
		if d.Gone {
			out[path+"/"+d.Name] = "gone"
			return nil
		}
		m, err := f.Meta(d.Ref)
		if err != nil {
			return err
		}
		switch m.Type() {
		case inode.TypeDir:
			return walk(f, d.Ref, path+"/"+d.Name, left, out)
		case inode.TypeFile, inode.TypeSymlink:
		default:
			return nil
		}
		c, err := f.Open(d.Ref)
		if err != nil {
			return err
		}
		if m.Type() == inode.TypeSymlink {
			b := make([]byte, min(c.Size(), 4096))
			_, _ = c.ReadAt(b, 0)
			out[path+"/"+d.Name] = "-> " + string(b)
			return nil
		}
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(c, 0, min(c.Size(), 1<<20))); err != nil {
			return err
		}
		out[path+"/"+d.Name] = hex.EncodeToString(h.Sum(nil))
		return nil
	})
}

// TestKernel proves that every file has the content that Linux's UDF wrote, on media
// of every kind it writes.
func TestKernel(t *testing.T) {
	text, err := os.ReadFile("testdata/kernel.sha256")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"udf", "udf-4k", "udf-spare"} {
		raw := media(t, name)
		if !Detect(raw[:128<<10]) {
			t.Errorf("%s: not detected", name)
		}
		f, err := Open(bytes.NewReader(raw), 0, int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		if f.Label() != "ujian é" || len(f.Notes()) > 0 {
			t.Errorf("%s: %q %q", name, f.Label(), f.Notes())
		}
		got, left := map[string]string{}, 1000
		if err := walk(f, f.Root(), name, &left, got); err != nil {
			t.Fatal(err)
		}
		files := 0
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			sum, path, _ := strings.Cut(line, "  ")
			if strings.HasPrefix(path, name+"/") {
				files++
				if got[path] != sum {
					t.Errorf("%s: %q", path, got[path])
				}
			}
		}
		if files != 45 {
			t.Errorf("%s: the kernel read %d files", name, files)
		}
		if got[name+"/pautan"] != "-> folder/bunyi.bin" {
			t.Errorf("%s: the link %q", name, got[name+"/pautan"])
		}
		gone := 0
		for _, v := range got {
			if v == "gone" {
				gone++
			}
		}
		if gone == 0 {
			t.Errorf("%s: no deleted name", name)
		}
		back := 0
		if err := f.Deleted(context.Background(), func(*inode.Deleted) error { back++; return nil }); err != nil {
			t.Error(err)
		}
		free, err := f.Free(context.Background())
		if err != nil || len(free) == 0 {
			t.Errorf("%s: free space %v %v", name, free, err)
		}
		t.Logf("%s: %d files, %d deleted names, %d deleted files, %d free stretches", name, files, gone, back, len(free))
	}
}

// TestOthers: a disc of genisoimage, which is ISO 9660 as well, and write-once media.
func TestOthers(t *testing.T) {
	raw := media(t, "udf-bridge")
	f, err := Open(bytes.NewReader(raw), 0, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	got, left := map[string]string{}, 1000
	if err := walk(f, f.Root(), "", &left, got); err != nil || len(got) != 44 || got["/satu.txt"] != "12bf91048a3877dbfeb9a8d720a8572c8fac0fdb4daa0a20c01ec753ecc76f9a" {
		t.Errorf("%d files, %v", len(got), err)
	}
	raw = media(t, "udf-write-once")
	for _, more := range []int{0, 3 << 20} { // zeros behind its end
		raw = append(raw, make([]byte, more)...)
		if f, err = Open(bytes.NewReader(raw), 0, int64(len(raw))); err != nil || f.Label() != "ujian é" || f.parts[1].virtual == nil {
			t.Errorf("%v", err)
		}
	}
}

// TestHostile changes bytes and mends their sums: nothing panics or hangs.
func TestHostile(t *testing.T) {
	begun := time.Now()
	failed := 0
	for _, name := range []string{"udf", "udf-4k", "udf-spare", "udf-bridge", "udf-write-once"} {
		whole := media(t, name)
		var tags []int
		for at := 0; at+512 <= len(whole); at += 512 {
			if tag(whole[at:min(len(whole), at+4096)]) != 0 {
				tags = append(tags, at)
			}
		}
		rnd := rand.New(rand.NewPCG(5, 6))
		for range 150 {
			b := bytes.Clone(whole)
			for range 1 + rnd.IntN(4) {
				at := tags[rnd.IntN(len(tags))]
				d := b[at:]
				d[16+rnd.IntN(460)] = byte(rnd.Uint32())
				n := int(le.Uint16(d[10:]))
				le.PutUint16(d[8:], crc(d[16:16+n]))
				d[4] = 0
				sum := byte(0)
				for _, x := range d[:16] {
					sum += x
				}
				d[4] = sum
			}
			f, err := Open(bytes.NewReader(b), 0, int64(len(b)))
			if err == nil {
				left := 1000
				err = walk(f, f.Root(), "", &left, map[string]string{})
				_ = f.Deleted(context.Background(), func(*inode.Deleted) error { return nil })
				_, _ = f.Free(context.Background())
			}
			if err != nil {
				failed++
			}
		}
	}
	t.Log(failed, time.Since(begun))
	if failed < 50 {
		t.Errorf("only %d changes were noticed", failed)
	}
}

// TestInteropUDF proves that 7-Zip lists the same files of a disc; of the others it
// reads none.
func TestInteropUDF(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("SAKSI_INTEROP is not set")
	}
	for _, name := range []string{"udf-bridge"} {
		path := filepath.Join(t.TempDir(), name+".iso")
		raw := media(t, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("7z", "l", "-tudf", "-slt", path).Output()
		if err != nil {
			t.Fatalf("7z: %v %s", err, out)
		}
		f, err := Open(bytes.NewReader(raw), 0, int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		got, left := map[string]string{}, 1000
		if err := walk(f, f.Root(), "", &left, got); err != nil {
			t.Fatal(err)
		}
		for p, sum := range got {
			if sum != "gone" && !strings.Contains(string(out), "Path = "+p[1:]+"\n") {
				t.Errorf("%s: 7z lists no %s", name, p)
			}
		}
	}
}
