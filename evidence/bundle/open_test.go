package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"testing"

	"saksi/evidence"
)

// member is one member of a tar that a test makes.
type member struct {
	tar.Header
	body string
}

func file(name, body string) member {
	return member{tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(body)), Mode: 0o644}, body}
}

// tarOf is a tar of members. A body shorter than its header says ends the tar.
func tarOf(t testing.TB, list ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range list {
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.body); err != nil {
			t.Fatal(err)
		}
		if int64(len(m.body)) < m.Size {
			return b.Bytes()
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// manifestOf is a right manifest of two files, and the files.
func manifestOf() (*Manifest, []member) {
	a, b := file("rules/a.rules", "content of a"), file("rules/b.rules", "content of b")
	m := &Manifest{Format: Format, Name: "demo", Serial: 9, Made: "2026-01-31T00:00:00Z"}
	for _, f := range []member{a, b} {
		m.Files = append(m.Files, File{f.Name, f.Size, evidence.SHA256([]byte(f.body))})
	}
	return m, []member{a, b}
}

// signed is the first two members: a manifest as it is, rightly signed.
func signed(t testing.TB, s *evidence.Signer, m *Manifest, manifest []byte) []member {
	t.Helper()
	sig, err := sign(t.Context(), s, m, manifest)
	if err != nil {
		t.Fatal(err)
	}
	return []member{file(manifestName, string(manifest)), file(signatureName, string(sig))}
}

// TestHostile proves that each hostile or damaged bundle is refused for its
// own reason, and leaves the installed bundle and the folder as they were.
func TestHostile(t *testing.T) {
	s, other := newKey(t), newKey(t)
	m, files := manifestOf()
	manifest, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	own := signed(t, s, m, manifest)
	all := func(list ...member) []byte {
		return zipped(t, tarOf(t, append(append([]member{}, own...), list...)...))
	}
	special := func(flag byte, name, link string) member {
		return member{tar.Header{Typeflag: flag, Name: name, Linkname: link, Mode: 0o777}, ""}
	}
	statement := func(kind string, p any, subjects ...evidence.Subject) []byte {
		b, err := evidence.Sign(t.Context(), s, kind, p, subjects)
		if err != nil {
			t.Fatal(err)
		}
		return zipped(t, tarOf(t, own[0], file(signatureName, string(b)), files[0], files[1]))
	}
	this := evidence.Subject{Name: manifestName, Digest: map[string]string{"sha256": evidence.SHA256(manifest)}}
	that := evidence.Subject{Name: manifestName, Digest: map[string]string{"sha256": evidence.SHA256(nil)}}
	right := all(files...)
	changed := file(files[1].Name, "content of c")
	sparse := files[1]
	sparse.PAXRecords = map[string]string{"comment": "x"}
	short := file(files[1].Name, "content")
	cut := file(files[1].Name, "content")
	cut.Size = files[1].Size
	lie := strings.Replace(string(manifest), `"size": 12`, `"size": 13`, 1)
	tests := []struct {
		name   string
		bundle []byte
		want   error
		text   string
	}{
		{"empty file", nil, ErrDamaged, "it begins with ; expected the gzip header"},
		{"no gzip", []byte("PK\x03\x04 something else"), ErrDamaged, "it begins with 504b0304"},
		{"header of gzip names a file", append([]byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xffx\x00"), right[10:]...), ErrDamaged, "expected the gzip header"},
		{"gzip of something else", zipped(t, bytes.Repeat([]byte("x"), 2000)), ErrDamaged, "reading manifest.json: archive/tar: invalid tar header"},
		{"empty tar", zipped(t, tarOf(t)), ErrDamaged, `it ends without "manifest.json"`},
		{"cut off", right[:len(right)/2], ErrDamaged, "the file is cut off"},
		{"cut off in the checksum", right[:len(right)-1], ErrDamaged, "reading the end: the file is cut off"},
		{"data after the end", append(append([]byte{}, right...), 0), ErrDamaged, "data follows the compressed stream"},
		{"two streams", append(append([]byte{}, right...), right...), ErrDamaged, "data follows the compressed stream"},
		{"data after the tar", zipped(t, append(tarOf(t, own[0], own[1], files[0], files[1]), 0)), ErrDamaged, "data follows the last member"},

		{"no manifest", zipped(t, tarOf(t, files[0])), ErrDamaged, `"rules/a.rules" stands where manifest.json is expected`},
		{"no signature", zipped(t, tarOf(t, own[0])), ErrDamaged, `it ends without "manifest.sigstore.json"`},
		{"signature first", zipped(t, tarOf(t, own[1], own[0], files[0], files[1])), ErrDamaged, "stands where manifest.json is expected"},
		{"manifest over 16 MiB", zipped(t, tarOf(t, file(manifestName, strings.Repeat(" ", MaxManifest+1)))), ErrDamaged, "manifest.json has 16777217 bytes; at most 16777216"},
		{"signature over 1 MiB", zipped(t, tarOf(t, own[0], file(signatureName, strings.Repeat(" ", MaxSignature+1)))), ErrDamaged, "manifest.sigstore.json has 1048577 bytes"},
		{"manifest is a link", zipped(t, tarOf(t, special(tar.TypeSymlink, manifestName, "/etc/passwd"))), ErrDamaged, `"manifest.json" is a symbolic link`},

		{"no statement", zipped(t, tarOf(t, own[0], file(signatureName, "{}"))), evidence.ErrSignature, `media type ""`},
		{"another key", zipped(t, tarOf(t, append(signed(t, other, m, manifest), files...)...)), evidence.ErrTrust, "the bundle is signed with key"},
		{"another key that names this one", zipped(t, tarOf(t, own[0], file(signatureName, strings.ReplaceAll(signed(t, other, m, manifest)[1].body, other.Public().Hint(), s.Public().Hint())))), evidence.ErrSignature, "the signature is not that of the payload"},
		{"manifest that was not signed", zipped(t, tarOf(t, file(manifestName, lie), own[1], files[0], files[1])), evidence.ErrSignature, "the statement speaks of"},
		{"statement of another kind", statement(evidence.PredicateFile, predicate{m.Name, m.Serial, m.Made}, this), evidence.ErrSignature, `expected "https://saksi.example/predicate/bundle/v1"`},
		{"statement over another digest", statement(Predicate, predicate{m.Name, m.Serial, m.Made}, that), evidence.ErrSignature, "the statement speaks of"},
		{"statement over two files", statement(Predicate, predicate{m.Name, m.Serial, m.Made}, this, that), evidence.ErrSignature, "speaks of 2 files"},
		{"statement with another serial", statement(Predicate, predicate{m.Name, 10, m.Made}, this), ErrDamaged, `the statement speaks of "demo", serial 10`},

		{"path leaves the folder", all(files[0], file("rules/../../x", "x")), ErrDamaged, `the path "rules/../../x" leaves the bundle`},
		{"absolute path", all(file("/etc/cron.d/x", "x")), ErrDamaged, `the path "/etc/cron.d/x" is absolute`},
		{"backslashes", all(file(`rules\..\x`, "x")), ErrDamaged, "holds a backslash"},
		{"symbolic link", all(files[0], special(tar.TypeSymlink, "rules/b.rules", "/etc/passwd")), ErrDamaged, `"rules/b.rules" is a symbolic link; only plain files`},
		{"hard link", all(files[0], special(tar.TypeLink, "rules/b.rules", "rules/a.rules")), ErrDamaged, "is a hard link"},
		{"device", all(files[0], special(tar.TypeChar, "rules/b.rules", "")), ErrDamaged, "is a device"},
		{"pipe", all(special(tar.TypeFifo, "rules/a.rules", "")), ErrDamaged, "is a pipe"},
		{"folder", all(special(tar.TypeDir, "rules/", "")), ErrDamaged, "is a folder"},
		{"record of tar", all(files[0], sparse), ErrDamaged, `has the tar record "comment"`},
		{"member twice", all(files[0], files[0], files[1]), ErrDamaged, `"rules/a.rules" stands twice`},
		{"member twice at the end", all(files[0], files[1], files[1]), ErrDamaged, `"rules/b.rules" stands twice`},
		{"manifest twice", all(files[0], files[1], own[0]), ErrDamaged, `"manifest.json" stands twice`},
		{"order", all(files[1], files[0]), ErrDamaged, `"rules/b.rules" stands where "rules/a.rules" is expected`},
		{"not in the manifest", all(files[0], files[1], file("rules/c.rules", "x")), ErrDamaged, `the manifest does not name member "rules/c.rules"`},
		{"missing", all(files[0]), ErrDamaged, `it ends without "rules/b.rules"`},
		{"shorter than the manifest says", all(files[0], short), ErrDamaged, `"rules/b.rules" has 7 bytes; the manifest says 12`},
		{"bomb", all(files[0], file(files[1].Name, strings.Repeat("\x00", 64<<20))), ErrDamaged, "has 67108864 bytes; the manifest says 12"},
		{"ends within a member", all(files[0], cut), ErrDamaged, "the file is cut off"},
		{"another content", all(files[0], changed), ErrDamaged, `"rules/b.rules" has SHA-256`},
	}
	dir := t.TempDir()
	old := packed(t, content, 1, made.AddDate(-1, 0, 0), s)
	if _, err := install(t, dir, old, s); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := install(t, dir, tt.bundle, s)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v; expected %v with %q", err, tt.want, tt.text)
			}
			if !maps.Equal(before, tree(t, dir)) {
				t.Error("the folder has changed")
			}
			if r, err := install(t, dir, old, s); err != nil || r.Status != Already {
				t.Errorf("the old bundle is no longer in force: %v", err)
			}
		})
	}
	if r, err := install(t, dir, right, s); err != nil || r.Previous != 1 || r.Serial != 9 {
		t.Errorf("the right bundle: %+v, %v", r, err)
	}
}

// TestManifestRefused proves that a manifest is held to its form although it
// is rightly signed.
func TestManifestRefused(t *testing.T) {
	s := newKey(t)
	sum := strings.Repeat("a", 64)
	tests := []struct {
		name   string
		change func(*Manifest)
		want   string
	}{
		{"path leaves the folder", func(m *Manifest) { m.Files[1].Path = "rules/../../x" }, "leaves the bundle"},
		{"path is absolute", func(m *Manifest) { m.Files[1].Path = "/x" }, "is absolute"},
		{"path is not shortest", func(m *Manifest) { m.Files[1].Path = "rules//x" }, "shortest form"},
		{"path is empty", func(m *Manifest) { m.Files[0].Path = "" }, `the path ""`},
		{"path is too long", func(m *Manifest) { m.Files[1].Path = "rules/" + strings.Repeat("x/", 300) + "x" }, "too long"},
		{"a name in the path is too long", func(m *Manifest) { m.Files[1].Path = "rules/" + strings.Repeat("x", 256) }, "too long"},
		{"path is hidden", func(m *Manifest) { m.Files[1].Path = "rules/.x" }, "is hidden"},
		{"path in another folder", func(m *Manifest) { m.Files[1].Path = "sbin/x" }, "is not below"},
		{"file named as a folder", func(m *Manifest) { m.Files[0].Path = "rules" }, "is not below"},
		{"path holds NUL", func(m *Manifest) { m.Files[1].Path = "rules/x\x00" }, "can't be printed"},
		{"manifest names itself", func(m *Manifest) { m.Files[0].Path = manifestName }, "is not below"},
		{"twice", func(m *Manifest) { m.Files[1] = m.Files[0] }, "does not sort after"},
		{"not sorted", func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] }, "does not sort after"},
		{"file and folder", func(m *Manifest) {
			m.Files = []File{{"rules/a", 1, sum}, {"rules/a-b", 1, sum}, {"rules/a/b", 1, sum}}
		}, `"rules/a" is both a file and a folder`},
		{"negative size", func(m *Manifest) { m.Files[1].Size = -1 }, "or fewer than none"},
		{"sizes overflow", func(m *Manifest) { m.Files[0].Size, m.Files[1].Size = MaxSize, 1<<63-1 }, "more than 17179869184 bytes"},
		{"too big together", func(m *Manifest) { m.Files[0].Size, m.Files[1].Size = MaxSize, 1 }, "more than 17179869184 bytes"},
		{"digest in upper case", func(m *Manifest) { m.Files[1].SHA256 = strings.ToUpper(sum) }, "64 lower case hex digits"},
		{"no files", func(m *Manifest) { m.Files = nil }, "0 files; expected 1 to 65536"},
		{"too many files", func(m *Manifest) { m.Files = make([]File, MaxFiles+1) }, "65537 files"},
		{"name leaves the folder", func(m *Manifest) { m.Name = "../demo" }, "the name is"},
		{"name of the record", func(m *Manifest) { m.Name = serialsName }, "the name is"},
		{"serial", func(m *Manifest) { m.Serial = 0 }, "the serial is 0"},
		{"time of a zone", func(m *Manifest) { m.Made = "2026-01-31T08:00:00+08:00" }, "the time is"},
		{"no time", func(m *Manifest) { m.Made = "yesterday" }, "the time is"},
	}
	check := func(t *testing.T, m *Manifest, manifest []byte, want string) {
		t.Helper()
		_, err := open(bytes.NewReader(zipped(t, tarOf(t, signed(t, s, m, manifest)...))), verifyWith(s.Public()))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; expected ErrDamaged with %q", err, want)
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := manifestOf()
			tt.change(m)
			b, err := m.encode()
			if err != nil {
				t.Fatal(err)
			}
			check(t, m, b, tt.want)
		})
	}
	m, _ := manifestOf()
	right, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	compact, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"in one line":   string(compact),
		"unknown field": strings.Replace(string(right), "{", `{"x": 1,`, 1),
		"field twice":   strings.Replace(string(right), `"serial": 9`, `"serial": 9, "serial": 9`, 1),
		"other case":    strings.Replace(string(right), `"serial"`, `"Serial"`, 1),
	} {
		t.Run(name, func(t *testing.T) { check(t, m, []byte(b), "not in the form that saksi writes") })
	}
	check(t, m, append(right, "{}"...), "invalid character")
	newer := bytes.Replace(right, []byte(`"format": 1`), []byte(`"format": 2`), 1)
	_, err = open(bytes.NewReader(zipped(t, tarOf(t, signed(t, s, m, newer)...))), verifyWith(s.Public()))
	if err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "format 2; this saksi reads format 1, so update saksi first") {
		t.Errorf("a newer format: %v", err)
	}
}

// TestEveryByte proves that a bundle with one changed byte, or cut at any
// byte, is refused; the few bits that deflate leaves unused change nothing.
func TestEveryByte(t *testing.T) {
	s := newKey(t)
	m, files := manifestOf()
	manifest, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	whole := zipped(t, tarOf(t, append(signed(t, s, m, manifest), files...)...))
	read := func(b []byte) (string, error) {
		var got bytes.Buffer
		r, err := open(bytes.NewReader(b), verifyWith(s.Public()))
		if err != nil {
			return "", err
		}
		err = r.unpack(t.Context(), func(f File) (io.WriteCloser, error) {
			fmt.Fprintf(&got, "[%s]", f.Path)
			return nopCloser{&got}, nil
		}, func(int64) {})
		return r.digest + got.String(), err
	}
	want, err := read(whole)
	if err != nil {
		t.Fatal(err)
	}
	const head, checksum = 10, 8
	for i := range whole {
		if _, err := read(whole[:i]); err == nil {
			t.Errorf("cut to %d bytes: accepted", i)
		}
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		if got, err := read(b); err == nil && (got != want || i < head || i >= len(whole)-checksum) {
			t.Errorf("byte %d of %d changed: accepted as %q", i, len(whole), got)
		}
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// TestFormat1 proves that bundles of the first release are read for ever.
func TestFormat1(t *testing.T) {
	key, err := evidence.LoadPublic("testdata/format1.pub")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Install(t.Context(), "testdata/format1.tar.gz", t.TempDir(), key, nil)
	if err != nil || r.Name != "demo" || r.Serial != 2026013101 || len(r.Files) != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

// FuzzOpen reads any bytes, as a bundle or as the tar in one, with a fixed key
// and as if the signature were right: no panic, and whatever is accepted is
// what its manifest says.
func FuzzOpen(f *testing.F) {
	key, err := evidence.LoadPublic("testdata/format1.pub")
	if err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile("testdata/format1.tar.gz")
	if err != nil {
		f.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(whole))
	if err != nil {
		f.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		f.Fatal(err)
	}
	m, files := manifestOf()
	manifest, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	own := []member{file(manifestName, string(manifest)), file(signatureName, "")}
	f.Add(whole, false)
	f.Add(plain, true)
	f.Add(tarOf(f, own[0], own[1], files[0], files[1]), true)
	f.Add(tarOf(f, own[0], own[1], file("rules/../x", "")), true)
	f.Fuzz(func(t *testing.T, b []byte, plain bool) {
		if plain {
			b = zipped(t, b)
		}
		_, _ = open(bytes.NewReader(b), verifyWith(key))
		r, err := open(bytes.NewReader(b), func(manifest, _ []byte) (*predicate, error) {
			var p predicate
			return &p, json.Unmarshal(manifest, &p)
		})
		if err != nil {
			return
		}
		got := map[string]*bytes.Buffer{}
		err = r.unpack(t.Context(), func(f File) (io.WriteCloser, error) {
			got[f.Path] = &bytes.Buffer{}
			return nopCloser{got[f.Path]}, nil
		}, func(int64) {})
		if err != nil {
			return
		}
		if len(got) != len(r.Files) {
			t.Fatalf("%d files; the manifest names %d", len(got), len(r.Files))
		}
		for _, f := range r.Files {
			if g := got[f.Path].Bytes(); int64(len(g)) != f.Size || evidence.SHA256(g) != f.SHA256 {
				t.Fatalf("%s differs from the manifest", f.Path)
			}
		}
	})
}
