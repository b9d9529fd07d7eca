package hashset

import (
	"context"
	"crypto/md5"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	nsrl "saksi/forensics/hashset/rds"
)

func digest(i int) []byte {
	d := md5.Sum([]byte(fmt.Sprint(i)))
	return d[:]
}

// TestForms proves that each form of input gives the digest of its column and
// no other, and that a damaged set is refused.
func TestForms(t *testing.T) {
	d, other := fmt.Sprintf("%x", digest(1)), fmt.Sprintf("%x", digest(2))
	db := filepath.Join(t.TempDir(), "rds.db")
	c, err := sql.Open("sqlite", db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec("CREATE TABLE FILE (sha256, sha1, md5, file_name); INSERT INTO FILE VALUES ('', '', '" + strings.ToUpper(d) + "', 'a')"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	rds, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"rds":      string(rds),
		"nsrl":     "\"SHA-1\",\"MD5\",\"CRC32\",\"FileName\"\r\n\"0000004DA6391F7F5D2F7FCCF36CEBDA60C6EA02\",\"" + strings.ToUpper(d) + "\",\"0E53C14A\",\"a,b\"\r\n",
		"hashdeep": "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## Invoked from: /\n1," + d + ",00," + other + "\n",
		"csv":      "name,md5\n\"x," + other + "\"," + d + "\n",
		"list":     d + "\n",
		"md5sum":   d + "  a.txt",
		"bsd":      "MD5 (a) = " + d + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
			if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			res, err := Build(context.Background(), out, "md5", []string{in}, 0, nsrl.Read)
			if err != nil || res.Count != 1 || res.Without != 0 {
				t.Fatal(res, err)
			}
			s, err := Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if ok, err := s.Has(digest(1)); !ok || err != nil {
				t.Error("not there", err)
			}
			if ok, _ := s.Has(digest(2)); ok {
				t.Error("another is there")
			}
		})
	}
}

// TestRuns proves that a set of several runs holds all, each once, and that
// any changed or missing byte is seen.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	var b strings.Builder
	const n = 150_000
	for i := range n {
		fmt.Fprintf(&b, "%x\n", digest(i%(n-10)))
	}
	if err := os.WriteFile(in, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	res, err := Build(context.Background(), out, "md5", []string{in}, MinMemory, nil)
	if err != nil || res.Read != n || res.Count != n-10 {
		t.Fatal(res, err)
	}
	s, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Verify(); err != nil {
		t.Error(err)
	}
	for i := range n + 1000 {
		if ok, err := s.Has(digest(i)); ok != (i < n-10) || err != nil {
			t.Fatal(i, ok, err)
		}
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 9, 12, 17, 70, headerSize + indexSize + 5, len(raw) - 1} {
		bad := append([]byte(nil), raw...)
		bad[at] ^= 0x41
		if err := check(t, bad); !errors.Is(err, ErrFormat) {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
	if err := check(t, raw[:len(raw)-1]); !errors.Is(err, ErrFormat) {
		t.Error("cut:", err)
	}
}

func check(t *testing.T, b []byte) error {
	path := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Verify()
	return err
}
