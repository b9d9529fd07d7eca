package filesystem_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"saksi/forensics/disk"
	"saksi/internal/apfs/apfstest"
	"saksi/internal/bitlocker/bdetest"
	"saksi/internal/worker"
)

// TestAPFS proves that an encrypted volume of APFS lists what it does without
// encryption, by a password and by a recovery key, and its snapshot with it.
func TestAPFS(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const recovery = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX"
	files := apfstest.Files("../../internal/lzfse/testdata")
	var want [2][]line
	for _, c := range []struct{ name, secret string }{{"plain", ""}, {"password", "kata laluan 7"}, {"recovery", recovery}, {"wrong", "salah"}} {
		o := apfstest.Options{Files: files, Old: files[:6], Hint: "biasa"}
		ctx := context.Background()
		if c.secret != "" {
			o.Secrets = []string{"kata laluan 7", recovery}
			ctx = disk.WithSecrets(ctx, [][]byte{[]byte(c.secret)})
		}
		path := filepath.Join(t.TempDir(), "apfs.raw")
		if err := os.WriteFile(path, apfstest.Make(o), 0o600); err != nil {
			t.Fatal(err)
		}
		im, err := disk.Open(ctx, path, worker.Config{Path: self, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		vols := im.Info.Table.Volumes
		if c.name == "wrong" {
			if len(vols) != 1 || !strings.Contains(vols[0].Problem, `locked (its hint: "biasa")`) || len(im.Info.Notes) != 1 {
				t.Errorf("%+v %q", vols, im.Info.Notes)
			}
		} else if len(vols) != 2 || vols[1].Of != 0 || vols[1].Copy == 0 || vols[0].Problem != "" || strings.Contains(vols[0].Description, "FileVault opened") != (c.secret != "") {
			t.Errorf("%s: %+v %q", c.name, vols, im.Info.Notes)
		} else {
			for n := range vols {
				got, problems, err := list(t, im, n)
				if err != nil || len(problems) > 0 || len(got) < 6 {
					t.Fatalf("%s: %d entries, %q %v", c.name, len(got), problems, err)
				}
				if want[n] == nil {
					want[n] = got
				} else if !slices.Equal(got, want[n]) {
					t.Errorf("%s: volume %d: %d entries, without encryption %d", c.name, n, len(got), len(want[n]))
				}
			}
		}
		im.Close()
		im.Source.Close()
	}
}

// TestBitLocker proves that an NTFS volume inside BitLocker lists the same
// entries with the same content as without, by password, recovery password and
// clear key, and that its runs lie where the encrypted bytes do.
func TestBitLocker(t *testing.T) {
	raw := media(t, "filesystem/ntfs.qcow2")
	plain, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	im, err := open(t, raw)
	if err != nil {
		t.Fatal(err)
	}
	want, problems, err := list(t, im, 0)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v %q", err, problems)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, secret string
		method       uint16
		clear        bool
	}{
		{"password", bdetest.Password, 0x8004, false},
		{"recovery", bdetest.Recovery, 0x8000, false},
		{"clear key", "", 0x8005, true},
		{"wrong", "salah", 0x8004, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bde.raw")
			if err := os.WriteFile(path, bdetest.Make(plain, c.method, c.clear), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			if c.secret != "" {
				ctx = disk.WithSecrets(ctx, [][]byte{[]byte(c.secret)})
			}
			im, err := disk.Open(ctx, path, worker.Config{Path: self, Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			defer im.Source.Close()
			defer im.Close()
			v := im.Info.Table.Volumes[0]
			if c.name == "wrong" {
				if !strings.Contains(v.Problem, "BitLocker") || !strings.Contains(v.Problem, "locked") || len(im.Info.Notes) != 1 {
					t.Errorf("%q %q", v.Problem, im.Info.Notes)
				}
				return
			}
			if v.Problem != "" || !strings.Contains(v.Description, "BitLocker") {
				t.Fatalf("%+v", v)
			}
			got, _, err := list(t, im, 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) < 20 || !slices.EqualFunc(got, want, func(a, b line) bool {
				// What lies in the place of the metadata is not the volume's own.
				return a == b || strings.HasPrefix(a.path, "/$") && a.path == b.path
			}) {
				t.Errorf("%d entries, without encryption %d", len(got), len(want))
			}
		})
	}
}
