package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

const secret = "SAKSI-MEMBER-SAMPLE: what lies inside\n"

// memory is a scratch in memory.
type memory struct{ b []byte }

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if need := int(off) + len(p); need > len(m.b) {
		m.b = append(m.b, make([]byte, need-len(m.b))...)
	}
	return copy(m.b[off:], p), nil
}

func (m *memory) Map(off, n int64) ([]byte, func(), error) {
	return bytes.Clone(m.b[off : off+n]), func() {}, nil
}

// list walks data and gives each member as "path size" with its text when it is
// the secret, and the problems as "kind path".
func list(t testing.TB, data []byte, limits Limits) (members map[string]string, problems []string, st Stats) {
	t.Helper()
	members = map[string]string{}
	st, err := Walk(data, &Config{Limits: limits, Scratch: &memory{}}, func(m *Member) error {
		members[m.Path] = string(m.Data)
		if m.Offset >= 0 && !bytes.Equal(m.Data, data[m.Offset:m.Offset+int64(len(m.Data))]) {
			t.Errorf("%s is not at %d", m.Path, m.Offset)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range st.Problems {
		problems = append(problems, p.Kind+" "+p.Path)
	}
	return members, problems, st
}

func zipped(t testing.TB, method uint16, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: files[i], Method: method})
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t testing.TB, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSamples proves that what real tools packed is entered: the folder says
// which tool made each file, and each holds the secret as its member.
func TestSamples(t *testing.T) {
	for file, path := range map[string]string{
		"sample.zip": "dir/secret.txt", "stored.zip": "dir/secret.txt", "sample.7z": "dir/secret.txt", "ppmd.7z": "dir/secret.txt", "sample.gz": "secret.txt", "sample.bz2": "content",
		"sample.xz": "content", "sample.zst": "content", "sample.tar": "dir/secret.txt", "sample.tar.xz": "content!/dir/secret.txt", "sample.cab": "secret.txt",
		"stored.cab": "secret.txt",
	} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		members, problems, _ := list(t, data, DefaultLimits)
		if members[path] != secret || len(problems) > 0 {
			t.Errorf("%s: %q, %q", file, members, problems)
		}
	}
	for _, file := range []string{"encrypted.zip", "aes.zip", "encrypted.7z", "hidden.7z"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		_, problems, st := list(t, data, DefaultLimits)
		if len(problems) != 1 || st.Problems[0].Kind != Encrypted {
			t.Errorf("%s: %+v", file, st.Problems)
		}
	}
}

// TestLevels proves that members of members are given under the paths of both,
// and that depth ends it with a word.
func TestLevels(t *testing.T) {
	data := gzipped(t, tarred(t, "a/b.zip", zipped(t, zip.Deflate, "c.txt", secret, "c.txt", "again", "d/", "")))
	members, problems, st := list(t, data, DefaultLimits)
	if members["content!/a/b.zip!/c.txt"] != secret || members["content!/a/b.zip!/c.txt#2"] != "again" || len(problems) > 0 || st.Archives != 3 || st.Members != 4 {
		t.Errorf("%q %q %+v", members, problems, st)
	}
	shallow := DefaultLimits
	shallow.Depth = 2
	members, problems, _ = list(t, data, shallow)
	if len(members) != 2 || fmt.Sprint(problems) != "[limit content!/a/b.zip]" {
		t.Errorf("to two levels: %q %q", members, problems)
	}
}

// TestBombs proves that what unpacks to too much is stopped and named, and that
// what came before is given.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 96<<20)
	bomb := gzipped(t, zeros)
	members, problems, st := list(t, bomb, DefaultLimits)
	if fmt.Sprint(problems) != "[limit content]" || len(members["content"]) < freeBytes || st.Bytes > freeBytes+2*heapBytes {
		t.Errorf("over the ratio: %d bytes, %q", st.Bytes, problems)
	}
	small := DefaultLimits
	small.Member = 1 << 20
	if _, problems, st = list(t, bomb, small); fmt.Sprint(problems) != "[limit content]" || st.Bytes > 16<<20 {
		t.Errorf("over the member: %d bytes, %q", st.Bytes, problems)
	}
	many := DefaultLimits
	many.Members = 3
	members, problems, _ = list(t, zipped(t, zip.Store, "1", "a", "2", "b", "3", "c", "4", "d", "5", "e"), many)
	if len(members) != 3 || fmt.Sprint(problems) != "[limit 4]" {
		t.Errorf("over the number: %q %q", members, problems)
	}
	// An archive that holds itself again and again ends by its depth.
	deep := []byte(secret)
	for range 20 {
		deep = gzipped(t, deep)
	}
	if members, problems, _ = list(t, deep, DefaultLimits); len(members) != DefaultLimits.Depth || len(problems) != 1 || !strings.HasPrefix(problems[0], "limit ") {
		t.Errorf("20 levels: %d members, %q", len(members), problems)
	}
	// Without a scratch what is large is cut, and said to be.
	st, err := Walk(gzipped(t, zeros[:heapBytes+1]), &Config{Limits: DefaultLimits}, func(m *Member) error {
		if len(m.Data) != heapBytes || m.Incomplete == "" {
			t.Errorf("%d bytes, %q", len(m.Data), m.Incomplete)
		}
		return nil
	})
	if err != nil || len(st.Problems) != 1 {
		t.Errorf("%v %+v", err, st)
	}
}

// TestDamaged proves that what stood before the damage is given and the damage
// named.
func TestDamaged(t *testing.T) {
	text := strings.Repeat(secret, 4000)
	for name, data := range map[string][]byte{"gzip": gzipped(t, []byte(text)), "tar": tarred(t, "x", []byte(text))} {
		members, problems, _ := list(t, data[:len(data)/2], DefaultLimits)
		if len(problems) == 0 || !strings.HasPrefix(problems[0], "damaged") {
			t.Errorf("%s cut in half: %q", name, problems)
		}
		for _, d := range members {
			if !strings.HasPrefix(text, d) || d == "" {
				t.Errorf("%s cut in half: %d bytes of other content", name, len(d))
			}
		}
		if len(members) != 1 {
			t.Errorf("%s cut in half: %d members", name, len(members))
		}
	}
	z := zipped(t, zip.Deflate, "one", text, "two", text)
	members, problems, _ := list(t, z[:len(z)-30], DefaultLimits)
	if len(members) > 0 || fmt.Sprint(problems) != "[damaged ]" {
		t.Errorf("zip without its end: %d %q", len(members), problems)
	}
	copy(z[40:], "############")
	members, problems, _ = list(t, z, DefaultLimits)
	if members["two"] != text || len(problems) != 1 || problems[0] != "damaged one" {
		t.Errorf("zip with a broken member: %q", problems)
	}
}

func deflated(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

// TestBarred proves that what is encrypted is counted whole and is no other
// problem, however much of it there is.
func TestBarred(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprint(i), secret)
	}
	data := zipped(t, zip.Store, names...)
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte("PK\x01\x02"))
		if i < 0 {
			break
		}
		at += i + 4
		data[at+4] |= 1 // the flag in the list of files
	}
	_, problems, st := list(t, data, DefaultLimits)
	if st.Barred != 100 || st.More != 0 || len(problems) != maxProblems {
		t.Errorf("%+v", st)
	}
}

// TestPDF proves that filters are undone, alone and one behind the other, with
// names in hexadecimal, and that pictures and encrypted documents are left.
func TestPDF(t *testing.T) {
	a85 := make([]byte, 5*len(secret))
	a85 = a85[:ascii85.Encode(a85, []byte(deflated(secret)))]
	pdf := "%PDF-1.7\n" +
		"1 0 obj\n<</Length " + fmt.Sprint(len(deflated(secret))) + "/Filter/FlateDecode>>\nstream\n" + deflated(secret) + "\nendstream\nendobj\n" +
		"2 0 obj\n<</Filter [/A85 /Fl] /Length 9 0 R>>\nstream\r\n" + string(a85) + "~>\r\nendstream\nendobj\n" +
		"3 0 obj\n<</Filter/AS#43IIHexDecode>>\nstream\n" + hex.EncodeToString([]byte(secret)) + ">\nendstream\nendobj\n" +
		"4 0 obj\n<</Filter/DCTDecode>>\nstream\npicture\nendstream\nendobj\n" +
		"5 0 obj\n<</Filter/Own>>\nstream\nx\nendstream\nendobj\n" +
		"6 0 obj\n<</Length 3>>\nstream\nabc\nendstream\nendobj\n"
	members, problems, _ := list(t, []byte(pdf), DefaultLimits)
	for _, n := range []string{"1", "2", "3"} {
		if members["object "+n] != secret {
			t.Errorf("object %s: %q", n, members["object "+n])
		}
	}
	if len(members) != 4 || fmt.Sprint(problems) != "[unsupported object 5]" {
		t.Errorf("%q %q", members, problems)
	}
	members, problems, _ = list(t, []byte(pdf+"trailer <</Encrypt 7 0 R>>\n"), DefaultLimits)
	if members["object 1"] != secret || fmt.Sprint(problems) != "[encrypted ]" {
		t.Errorf("said to be encrypted: %q %q", members, problems)
	}
	enc, err := os.ReadFile("testdata/encrypted.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if members, problems, _ = list(t, enc, DefaultLimits); len(members) > 0 || fmt.Sprint(problems) != "[encrypted ]" {
		t.Errorf("encrypted by qpdf: %q %q", members, problems)
	}
	data, err := os.ReadFile("testdata/sample.pdf")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	members, problems, _ = list(t, data, DefaultLimits)
	for _, d := range members {
		found = found || strings.Contains(d, "SAKSI-MEMBER-SAMPLE")
	}
	if !found || len(problems) > 0 {
		t.Errorf("of qpdf: %q %q", members, problems)
	}
}

// TestMail proves that parts are decoded under their names, messages in
// messages and mailboxes are entered, and a part in uuencode is told.
func TestMail(t *testing.T) {
	mail := "Received: by x\r\nFrom: a@example.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"b1\"\r\n\r\npreamble\r\n" +
		"--b1\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nhe=6C=\r\nlo\r\n--b2--\r\n" +
		"--b1\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=\"=?utf-8?q?pi=C3=A9.zip?=\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(zipped(t, zip.Deflate, "x.txt", secret)) + "\r\n--b1--\r\n"
	members, problems, _ := list(t, []byte(mail), DefaultLimits)
	if members["part 1"] != "hello" || members["pié.zip!/x.txt"] != secret || len(problems) > 0 {
		t.Errorf("%q %q", members, problems)
	}
	box := "From a Thu Jan  1 00:00:00 2026\n" + strings.ReplaceAll(mail, "\r\n", "\n") + "\nFrom b Thu Jan  1 00:00:00 2026\n" + strings.ReplaceAll(mail, "\r\n", "\n")
	members, problems, _ = list(t, []byte(box), DefaultLimits)
	if members["message 1!/pié.zip!/x.txt"] != secret || members["message 2!/pié.zip!/x.txt"] != secret || len(problems) > 0 {
		t.Errorf("mailbox: %q %q", members, problems)
	}
}

// TestOffice proves that the streams of a compound file are given under their
// paths and that the source of macros is expanded: the example of [MS-OVBA]
// 3.2.3, and a project that Excel made.
func TestOffice(t *testing.T) {
	packed, err := hex.DecodeString("012FB00023616161626364658266007061676869" + "6A013808616B6C00306D6E6F70067102700410727374757610" + "7778797A003C")
	if err != nil {
		t.Fatal(err)
	}
	want := "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"
	if got, err := expand(packed); err != nil || string(got) != want {
		t.Errorf("%q %v", got, err)
	}
	data, err := os.ReadFile("testdata/vbaProject.bin")
	if err != nil {
		t.Fatal(err)
	}
	members, problems, _ := list(t, data, DefaultLimits)
	if m := members["VBA/Module1.vba"]; !strings.Contains(m, "Sub ") || len(problems) > 0 {
		t.Errorf("%q %q", m, problems)
	}
	if members["PROJECT"] == "" {
		t.Error("no stream PROJECT")
	}
}

// FuzzWalk proves that no input makes the walk fail, unpack beyond its limits or
// give a member twice under one path.
func FuzzWalk(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) == 0 {
		f.Fatal(err, files)
	}
	for _, p := range files {
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	limits := Limits{Depth: 4, Members: 200, Bytes: 4 << 20, Member: 1 << 20, Ratio: 50}
	f.Fuzz(func(t *testing.T, data []byte) {
		st, err := Walk(data, &Config{Limits: limits}, func(*Member) error { return nil })
		if err != nil || st.Members > int64(limits.Members) || st.Bytes > limits.Bytes+2*heapBytes {
			t.Fatalf("%v %+v", err, st)
		}
	})
}
