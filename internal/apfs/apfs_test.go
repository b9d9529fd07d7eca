package apfs_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/internal/apfs"
	"saksi/internal/apfs/apfstest"
	"saksi/internal/inode"
)

const samples = "../lzfse/testdata"

var update = flag.Bool("update", false, "write the sample of other packages anew")

// before is what the snapshot of samples holds.
var before = []apfstest.File{{Path: "/satu.txt", Content: []byte("sebelum\n")}, {Path: "/padam.txt", Content: bytes.Repeat([]byte("rahsia "), 3000)}}

// TestSample: the sample of testdata/image is what is made here.
func TestSample(t *testing.T) {
	const path = "../../testdata/image/filesystem/apfs-packed.raw.gz"
	want := apfstest.Make(apfstest.Options{Files: apfstest.Files(samples), Old: before})
	if *update {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the sample is another: %v; make it anew with -update", err)
	}
}

// walk gives the content of all files by their paths.
func walk(fs *apfs.FS, ref inode.Ref, path string, out map[string][]byte) error {
	return fs.List(ref, func(d inode.Dirent) error {
		p := path + "/" + d.Name
		m, err := fs.Meta(d.Ref)
		if err != nil {
			return err
		}
		if m.Type() == inode.TypeDir {
			out[p+"/"] = nil
			return walk(fs, d.Ref, p, out)
		}
		c, err := fs.Open(d.Ref)
		if err != nil {
			return err
		}
		if m.Type() == inode.TypeFile && m.Size != c.Size() {
			return errors.New(p + ": two sizes")
		}
		b := make([]byte, min(c.Size(), 1<<20))
		if n, err := c.ReadAt(b, 0); n < len(b) {
			return err
		}
		out[p] = b
		return nil
	})
}

func check(t *testing.T, fs *apfs.FS, want []apfstest.File) {
	t.Helper()
	got := map[string][]byte{}
	if err := walk(fs, fs.Root(), "", got); err != nil {
		t.Fatal(err)
	}
	for _, f := range want {
		content := f.Content
		if f.Link != "" {
			content = []byte(f.Link)
		}
		if b, ok := got[f.Path]; !ok || !bytes.Equal(b, content) {
			t.Errorf("%s: %v, %d bytes, of %d", f.Path, ok, len(b), len(content))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d entries, %d were made", len(got), len(want))
	}
}

func open(t *testing.T, b []byte) *apfs.Volume {
	t.Helper()
	c, err := apfs.Open(bytes.NewReader(b), 0, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Volume(apfstest.Superblock)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFiles: files packed in every way, and a snapshot, of volumes that are not
// encrypted and of such that are, by the key of APFS and of CoreStorage.
func TestFiles(t *testing.T) {
	files := apfstest.Files(samples)
	for _, c := range []struct {
		name    string
		secrets []string
		core    bool
	}{
		{name: "plain"},
		{name: "encrypted", secrets: []string{"kata laluan 7", "ABCD-EFGH-IJKL-MNOP-QRST-UVWX"}},
		{name: "from CoreStorage", secrets: []string{"kata laluan 7"}, core: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := apfstest.Make(apfstest.Options{Files: files, Old: before, Secrets: c.secrets, Core: c.core, Hint: "biasa"})
			v := open(t, b)
			if v.Encrypted() != (c.secrets != nil) || v.Name != "ujian" {
				t.Fatalf("%v %q", v.Encrypted(), v.Name)
			}
			snaps, err := v.Snapshots()
			if err != nil || len(snaps) != 1 || snaps[0].Name != "lama" || snaps[0].Created != 1_790_931_600_000_000_000 {
				t.Fatalf("%v %v", snaps, err)
			}
			keys := [][]byte{nil}
			if c.secrets != nil {
				keys = nil
			}
			for _, s := range c.secrets {
				key, err := v.Unlock([]byte(s))
				if err != nil {
					t.Fatal(err)
				}
				keys = append(keys, key)
			}
			for _, key := range keys {
				fs, err := v.FS(key, nil)
				if err != nil {
					t.Fatal(err)
				}
				check(t, fs, files)
				if fs, err = v.FS(key, &snaps[0]); err != nil {
					t.Fatal(err)
				}
				check(t, fs, before)
			}
			if c.secrets == nil {
				return
			}
			if v.Hint != "biasa" {
				t.Errorf("the hint %q", v.Hint)
			}
			if _, err := v.Unlock([]byte("salah")); !errors.Is(err, apfs.ErrKey) {
				t.Errorf("a wrong password: %v", err)
			}
			wrong := bytes.Clone(keys[0])
			wrong[3] ^= 1
			if _, err := v.FS(wrong, nil); !errors.Is(err, apfs.ErrKey) {
				t.Errorf("a wrong key: %v", err)
			}
			if bytes.Contains(b, []byte("fail pertama")) || bytes.Contains(b, []byte("noise.bin")) {
				t.Error("the sample is not encrypted")
			}
		})
	}
}

// TestHostile changes bytes: nothing panics, hangs or gives more than is there.
func TestHostile(t *testing.T) {
	files := apfstest.Files(samples)
	begun := time.Now()
	failed := 0
	for _, secrets := range [][]string{nil, {"salam"}} {
		whole := apfstest.Make(apfstest.Options{Files: files, Old: files[:3], Secrets: secrets})
		rnd := rand.New(rand.NewPCG(3, 4))
		for range 300 {
			b := bytes.Clone(whole)
			for range 1 + rnd.IntN(3) {
				block := []int{0, 2, 4, 5, 6, 7, 8, 16, 17, 20, 21, 22, 23, 24, 40, 41}[rnd.IntN(16)]
				at := block*apfstest.Block + 32 + rnd.IntN(400)
				b[at] = byte(rnd.Uint32())
				apfstest.Sum(b[block*apfstest.Block:][:apfstest.Block])
			}
			c, err := apfs.Open(bytes.NewReader(b), 0, int64(len(b)))
			if err != nil {
				failed++
				continue
			}
			v, err := c.Volume(apfstest.Superblock)
			if err != nil {
				failed++
				continue
			}
			var key []byte
			if secrets != nil {
				if key, err = v.Unlock([]byte(secrets[0])); err != nil {
					failed++
					continue
				}
			}
			snaps, _ := v.Snapshots()
			states := []*apfs.Snapshot{nil}
			for i := range snaps {
				states = append(states, &snaps[i])
			}
			for _, s := range states {
				fs, err := v.FS(key, s)
				if err == nil {
					err = bounded(fs)
				}
				if err != nil {
					failed++
				}
			}
		}
	}
	t.Log(failed, time.Since(begun))
	if failed < 100 {
		t.Errorf("only %d changes were noticed", failed)
	}
}

// bounded walks one level: loops of directories are the walker's to find.
func bounded(fs *apfs.FS) error {
	return fs.List(fs.Root(), func(d inode.Dirent) error {
		if _, err := fs.Meta(d.Ref); err != nil {
			return err
		}
		c, err := fs.Open(d.Ref)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, io.NewSectionReader(c, 0, min(c.Size(), 1<<20)))
		return err
	})
}

// TestInteropAPFS proves that libfsapfs and The Sleuth Kit read what the tests make, so
// that the tests prove something of what others write.
func TestInteropAPFS(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("SAKSI_INTEROP is not set")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "apfs.raw")
	if err := os.WriteFile(path, apfstest.Make(apfstest.Options{Files: apfstest.Files(samples)}), 0o600); err != nil {
		t.Fatal(err)
	}
	// fsapfsinfo 20201107 of Debian 12 opens nothing that is encrypted.
	out, err := exec.Command("fsapfsinfo", "-f", "1", "-H", path).CombinedOutput()
	for _, want := range []string{"/satu.txt", "/folder/noise.bin", "/folder/dalam/kosong", "/pautan", "/lzfse-fork"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("fsapfsinfo, %v: no %s in %s", err, want, out)
		}
	}
	out, err = exec.Command("fls", "-r", "-p", "-P", "apfs", "-B", "6", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "folder/noise.bin") {
		t.Errorf("fls: %v %s", err, out)
	}
}
