package carve_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ulikunitz/xz"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/carve"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/tskworker"
	"saksi/internal/worker"
)

// TestMain makes this test binary its own worker.
func TestMain(m *testing.M) {
	if worker.Serving(os.Args[1:]) {
		if err := worker.Serve(os.Args[1:], "test", tskworker.Handlers()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(imageVar) != "" {
		os.Exit(carveKilled())
	}
	os.Exit(m.Run())
}

func own(t *testing.T) worker.Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return worker.Config{Path: self, Version: "test"}
}

func sums(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return err
		}
		out[hex.EncodeToString(sum.Sum(nil))] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInteropPhotorec proves on Debian's forensics-samples that of the deleted
// files at least as many come back by carving alone as photorec and foremost give.
func TestInteropPhotorec(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs photorec, foremost and Debian's forensics-samples: run by make interop")
	}
	for name, floor := range map[string]int{"ext4": 14, "ntfs": 16, "vfat": 16, "exfat": 16} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			image := filepath.Join(dir, "fs."+name)
			in, err := os.Open("/usr/share/forensics-samples/fs." + name + ".xz")
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			r, err := xz.NewReader(in)
			if err != nil {
				t.Fatal(err)
			}
			out, err := os.Create(image)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(out, r); err != nil {
				t.Fatal(err)
			}
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
			truth := deleted(t, image)
			_, err = carve.Run(context.Background(), carve.Config{
				Image: image, Volume: -1, To: filepath.Join(dir, "saksi"), Worker: own(t), Warn: func(s string) { t.Log(s) },
				Sink: findings.SinkFunc(func(*event.Event) error { return nil }),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := exec.Command("foremost", "-Q", "-t", "all", "-i", image, "-o", filepath.Join(dir, "foremost")).Run(); err != nil {
				t.Fatal(err)
			}
			if err := exec.Command("photorec", "/d", filepath.Join(dir, "photorec"), "/cmd", image, "1,fileopt,everything,enable,freespace,search").Run(); err != nil {
				t.Fatal(err)
			}
			count := func(folder string) (n int) {
				for sum := range sums(t, folder) {
					if truth[sum] {
						n++
					}
				}
				return n
			}
			mine, photorec, foremost := count(filepath.Join(dir, "saksi")), count(filepath.Join(dir, "photorec.1")), count(filepath.Join(dir, "foremost"))
			t.Logf("of %d deleted files: saksi %d, photorec %d, foremost %d", len(truth), mine, photorec, foremost)
			if mine < floor || mine < photorec || mine < foremost {
				t.Errorf("%d files by carving, photorec %d, foremost %d, floor %d", mine, photorec, foremost, floor)
			}
		})
	}
}

// deleted are the digests of the deleted files that metadata or the journal
// give back.
func deleted(t *testing.T, image string) map[string]bool {
	t.Helper()
	ctx := context.Background()
	im, err := disk.Open(ctx, image, own(t))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Source.Close()
	defer im.Close()
	var items []disk.Item
	_, err = im.Walk(ctx, 0, filesystem.WalkConfig{Deleted: true, Orphans: true}, func(e *filesystem.Entry, _ *filesystem.Problem) error {
		if e != nil && e.Deleted && e.HasContent && e.Size > 0 {
			items = append(items, disk.Item{Ref: e.Ref()})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	err = im.Unit(ctx, disk.UnitConfig{Limit: 1 << 30}, items, nil, func(r *disk.Result) error {
		out[r.SHA256] = true
		return nil
	})
	if err != nil || len(out) < 18 {
		t.Fatalf("%d deleted files: %v", len(out), err)
	}
	return out
}
