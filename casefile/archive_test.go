package casefile

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/evidence"
)

// TestArchiveHostile proves that an archive that leads out, is cut off, or would
// become more than it is, is refused, that nothing is written outside of the
// folder, and that each archive that was cut short of its end is.
func TestArchiveHostile(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	var whole bytes.Buffer
	if err := WriteArchive(t.Context(), dir, &whole, nil); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(t.TempDir(), "back")
	if err := ReadArchive(t.Context(), bytes.NewReader(whole.Bytes()), back, nil); err != nil {
		t.Fatal(err)
	}
	if v, err := Verify(t.Context(), back, VerifyOptions{Trust: evidence.TrustKey(pub)}); err != nil || len(v.Problems) != 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	info, err := os.ReadFile(filepath.Join(dir, infoFile))
	if err != nil {
		t.Fatal(err)
	}
	made := func(list ...tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range append([]tar.Header{{Typeflag: tar.TypeReg, Name: infoFile, Size: int64(len(info))}}, list...) {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			body := make([]byte, h.Size)
			if h.Name == infoFile && h.Size > 0 {
				body = info
			}
			if _, err := w.Write(body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if err := ReadArchive(t.Context(), bytes.NewReader(made()), filepath.Join(t.TempDir(), "x"), nil); err != nil {
		t.Errorf("a case.json alone: %v", err)
	}
	outside := t.TempDir()
	cases := map[string][]byte{
		"empty":            {},
		"no archive":       []byte(strings.Repeat("x", 4096)),
		"an absolute name": made(tar.Header{Typeflag: tar.TypeReg, Name: outside + "/x", Size: 1}),
		"dot-dot":          made(tar.Header{Typeflag: tar.TypeReg, Name: "a/../../x", Size: 1}),
		"a link":           made(tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: outside}, tar.Header{Typeflag: tar.TypeReg, Name: "a/x", Size: 1}),
		"a hard link":      made(tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: "/etc/passwd"}),
		"a FIFO":           made(tar.Header{Typeflag: tar.TypeFifo, Name: "a"}),
		"a device":         made(tar.Header{Typeflag: tar.TypeBlock, Name: "a", Devmajor: 8}),
		"a name twice":     made(tar.Header{Typeflag: tar.TypeReg, Name: infoFile}),
		"file, then folder": made(tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 1}, tar.Header{
			Typeflag: tar.TypeReg, Name: "a/b", Size: 1,
		}),
		"folder, then file": made(tar.Header{Typeflag: tar.TypeDir, Name: "a/"}, tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 1}),
		"a name too long":   made(tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("n", 300), Size: 1}),
		"another case.json": made()[512:],
		"a sparse file":     sparse(t),
	}
	for i := 0; i < whole.Len()-2*tarBlock; i += 509 {
		cases[fmt.Sprintf("cut off at %d", i)] = whole.Bytes()[:i]
	}
	for name, b := range cases {
		to := filepath.Join(t.TempDir(), "to")
		if err := ReadArchive(t.Context(), bytes.NewReader(b), to, nil); !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), "is no case") {
			t.Errorf("%.40s: %v", name, err)
		} else if name == "a sparse file" && !strings.Contains(err.Error(), "is a sparse file") {
			t.Errorf("%.40s: %v", name, err)
		}
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 0 {
		t.Errorf("written outside: %v, %v", list, err)
	}
}

// sparse is an archive of a few kilobytes with a file of an exabyte, as GNU tar
// describes it (PAX, sparse format 1.0).
func sparse(t *testing.T) []byte {
	t.Helper()
	record := func(k, v string) string {
		n := len(k) + len(v) + 3
		for {
			s := fmt.Sprintf("%d %s=%s\n", n, k, v)
			if len(s) == n {
				return s
			}
			n = len(s)
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	pax := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", "a") + record("GNU.sparse.realsize", "1152921504606846976")
	write := func(h tar.Header, body string) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	write(tar.Header{Typeflag: tar.TypeReg, Name: "PaxHeaders/a"}, pax)
	write(tar.Header{Typeflag: tar.TypeReg, Name: "a"}, "0\n"+strings.Repeat("\x00", 510))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out := b.Bytes()
	// The first entry becomes the extended header of the second.
	out[156] = 'x'
	sum := 0
	copy(out[148:156], "        ")
	for _, c := range out[:512] {
		sum += int(c)
	}
	copy(out[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return out
}
