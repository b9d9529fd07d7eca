package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

var made = time.Date(2026, 1, 31, 8, 0, 0, 0, time.FixedZone("MYT", 8*3600))

// content is a small folder to pack.
var content = map[string]string{
	"rules/demo.rules":       "alert tcp any any -> any any (sid:1;)\n",
	"rules/sigma/a b.yml":    "title: a\n",
	"rules/sigma/nama-é.yml": "title: b\n",
	"hashes/known.txt":       strings.Repeat("0123456789abcdef", 300),
	"asn/table.tsv":          "",
	"asn/" + strings.Repeat("d", 90) + "/" + strings.Repeat("f", 150): "long",
}

// newKey makes a key pair in clear.
func newKey(t testing.TB) *evidence.Signer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "k.key")
	if _, err := evidence.GenerateKey(file, evidence.KeyECDSA, nil); err != nil {
		t.Fatal(err)
	}
	s, err := evidence.LoadSigner(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// folderOf writes files to a new folder.
func folderOf(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(body), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// packed is a bundle of files named "demo".
func packed(t testing.TB, files map[string]string, serial int64, at time.Time, s *evidence.Signer) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Pack(t.Context(), &b, folderOf(t, files), "demo", serial, at, s, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// install installs a bundle's bytes in dir.
func install(t testing.TB, dir string, b []byte, s *evidence.Signer) (*Result, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return Install(t.Context(), file, dir, s.Public(), nil)
}

// tree is every file below dir with its content, without what is no bundle's.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || p == lockName || strings.HasPrefix(p, serialsName) {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, p))
		out[p] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInstall proves that what was packed is what is installed, readable for
// its owner only, and that nothing else is left.
func TestInstall(t *testing.T) {
	s := newKey(t)
	dir := filepath.Join(t.TempDir(), "bundles")
	var size int64
	for _, body := range content {
		size += int64(len(body))
	}
	r, err := install(t, dir, packed(t, content, 7, made, s), s)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != Installed || r.Serial != 7 || r.Previous != 0 || r.Made != "2026-01-31T00:00:00Z" || len(r.Files) != len(content) || r.Size() != size {
		t.Errorf("installed %+v", r)
	}
	got := tree(t, dir)
	for name, body := range content {
		if got["demo/"+name] != body {
			t.Errorf("%s holds %q; expected %q", name, got["demo/"+name], body)
		}
	}
	if len(got) != len(content)+2 {
		t.Errorf("%d files; expected %d and the manifest with its signature", len(got), len(content))
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(p string, _ fs.DirEntry, _ error) error {
		st, err := os.Stat(filepath.Join(dir, p))
		if err == nil && st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", p, st.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// members are the members of a bundle in order.
func members(t *testing.T, b []byte) (heads []tar.Header, bodies []string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return heads, bodies
		}
		body, rerr := io.ReadAll(r)
		if err := errors.Join(err, rerr); err != nil {
			t.Fatal(err)
		}
		heads, bodies = append(heads, *h), append(bodies, string(body))
	}
}

// TestPackSameBytes proves that a bundle depends on its input, but for the
// signature.
func TestPackSameBytes(t *testing.T) {
	s := newKey(t)
	heads, bodies := members(t, packed(t, content, 7, made, s))
	again, same := members(t, packed(t, content, 7, made.UTC(), s))
	for i, h := range heads {
		if a := again[i]; h.Name != a.Name || !h.ModTime.Equal(a.ModTime) || h.Mode != a.Mode || h.Uname+h.Gname != "" || h.Uid+h.Gid != 0 {
			t.Errorf("header %d: %+v and %+v", i, h, a)
		}
		if i != 1 && bodies[i] != same[i] {
			t.Errorf("%s differs", h.Name)
		}
	}
	if names := []string{heads[0].Name, heads[1].Name, heads[3].Name}; !slices.Equal(names, []string{manifestName, signatureName, "asn/table.tsv"}) {
		t.Errorf("members stand in the order %q", names)
	}
	// With the signature given, the whole file is the same.
	m, err := decode([]byte(bodies[0]))
	if err != nil {
		t.Fatal(err)
	}
	var out [2]bytes.Buffer
	for i := range out {
		if err := write(t.Context(), &out[i], m, []byte(bodies[0]), []byte(bodies[1]), os.DirFS(folderOf(t, content)), func(int64) {}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(out[0].Bytes(), out[1].Bytes()) {
		t.Error("two writings with one signature differ")
	}
}

// TestPackRefuses proves that no bundle is made that could not be installed.
func TestPackRefuses(t *testing.T) {
	s := newKey(t)
	one := map[string]string{"rules/a.rules": "x"}
	tests := []struct {
		name   string
		files  map[string]string
		change func(dir string) error
		bundle string
		serial int64
		made   time.Time
		want   string
	}{
		{name: "nothing", files: nil, want: "0 files; expected 1"},
		{name: "other folder", files: map[string]string{"keys/a.pem": "x"}, want: `the path "keys" is not below asn/, hashes/, rules/`},
		{name: "file on top", files: map[string]string{"README": "x"}, want: `"README" is not below`},
		{name: "file named as a folder", files: map[string]string{"rules": "x"}, want: `"rules" is not below`},
		{name: "hidden", files: map[string]string{"rules/.git/config": "x"}, want: `the path "rules/.git" is hidden`},
		{name: "control character", files: map[string]string{"rules/a\x1b.rules": "x"}, want: "can't be printed"},
		{name: "reordered text", files: map[string]string{"rules/a\u202e.rules": "x"}, want: "can't be printed"},
		{name: "symbolic link", files: one, change: func(d string) error { return os.Symlink("a.rules", d+"/rules/b.rules") }, want: "rules/b.rules is a symbolic link"},
		{name: "pipe", files: one, change: func(d string) error { return unix.Mkfifo(d+"/rules/b", 0o600) }, want: "rules/b is a pipe"},
		{name: "name", files: one, bundle: "../demo", want: `the name is "../demo"; expected`},
		{name: "serial 0", files: one, serial: -1, want: "the serial is -1; expected 1 to 9007199254740991"},
		{name: "serial too high", files: one, serial: 1 << 53, want: "the serial is 9007199254740992"},
		{name: "time", files: one, made: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), want: `the time is "10000-`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folderOf(t, tt.files)
			if tt.change != nil {
				if err := tt.change(dir); err != nil {
					t.Fatal(err)
				}
			}
			if tt.bundle == "" {
				tt.bundle = "demo"
			}
			if tt.serial == 0 {
				tt.serial = 1
			}
			if tt.made.IsZero() {
				tt.made = made
			}
			_, err := Pack(t.Context(), io.Discard, dir, tt.bundle, tt.serial, tt.made, s, nil)
			if !errors.Is(err, ErrContent) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; expected ErrContent with %q", err, tt.want)
			}
		})
	}
}

// TestPackChanging proves that a file which changes under way makes no bundle.
func TestPackChanging(t *testing.T) {
	s := newKey(t)
	for to, when := range map[string]int64{"rule": 8, "RULERULE": 8, "rulerulerule": 16} {
		dir := folderOf(t, map[string]string{"rules/a.rules": "rulerule"})
		_, err := Pack(t.Context(), io.Discard, dir, "demo", 1, made, s, func(read int64) {
			if read == when { // after the first reading, or in the second
				if err := os.WriteFile(filepath.Join(dir, "rules/a.rules"), []byte(to), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
		if err == nil || !strings.Contains(err.Error(), "rules/a.rules changed while it was packed") {
			t.Errorf("changed to %q: %v", to, err)
		}
	}
}

// TestPackCanceled proves that packing ends with its context.
func TestPackCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pack(ctx, io.Discard, folderOf(t, content), "demo", 1, made, newKey(t), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
