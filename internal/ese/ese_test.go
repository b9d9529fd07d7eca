package ese

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const samples = "../../testdata/artifact/"

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(samples + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read gives all rows of all tables as lines, and the problems.
func read(b []byte) (lines, problems []string, err error) {
	d, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	d.Problem = func(off int64, text string) { problems = append(problems, fmt.Sprint(off, " ", text)) }
	list, err := d.Tables()
	for _, t := range list {
		_ = d.Rows(t, func(r *Row) error {
			s := t.Name
			r.Present(func(c *Column) {
				if v := r.Values(c); len(v) > 0 {
					s += " " + c.Name + "=" + strings.Join(v, ";")
				}
			})
			if r.Deleted {
				s += " deleted"
			}
			if r.Cut {
				s += " cut"
			}
			lines = append(lines, s)
			return nil
		})
	}
	return lines, problems, err
}

// TestRows proves that values of every kind are read: fixed, NULL, variable,
// tagged, compressed, of many parts, and in segments of their own.
func TestRows(t *testing.T) {
	lines, problems, err := read(sample(t, "sample.edb"))
	if err != nil || len(lines) != 59 {
		t.Fatalf("%d rows, %q, %v", len(lines), problems, err)
	}
	long := make([]byte, 1700)
	for i := range long {
		long[i] = byte(i % 251)
	}
	for i, want := range []string{
		"Barang Id=1 Harga=2.5 Ada=true Masa=2026-02-03T04:05:06Z Kod={03020100-0504-0706-0809-0a0b0c0d0e0f} Nama=pen Cap=0102 Nota=pendek Isi=aaaaaaaaaaaaaaaa",
		fmt.Sprintf("Barang Id=-2 Nama=kertas Nota=ini ialah nota yang dimampatkan kerana ia panjang Isi=%x", long),
		"Barang Id=3 Ada=false Cap= Nota=satu;dua;tiga",
		"Barang Id=4 Nama=dipadam deleted",
		"Barang Id=5 Nama=siri 5",
	} {
		if lines[i] != want {
			t.Errorf("row %d: %q; expected %q", i, lines[i], want)
		}
	}
	// The catalog tells of itself, and was read already.
	if len(problems) != 1 || !strings.Contains(problems[0], "was read already") {
		t.Errorf("problems: %q", problems)
	}
}

// TestHostile proves that no change of a byte, no cut and no page put in the place
// of another makes the reader fail otherwise than with words, or read for long.
func TestHostile(t *testing.T) {
	whole := sample(t, "sample.edb")
	begun := time.Now()
	for at := range whole[:24576] { // the last page in use, but for the catalog's copy
		if at > 240 && at < 10240 || at%3 != 0 && at > 12400 {
			continue
		}
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		if _, problems, err := read(b); at > 10240 && err == nil && len(problems) < 2 {
			t.Errorf("byte %d changed: nothing was said", at)
		}
	}
	for n := 0; n < len(whole); n += 509 {
		_, problems, err := read(whole[:n])
		if err == nil && n%2048 != 0 && len(problems) < 2 {
			t.Errorf("cut at %d: nothing was said", n)
		}
	}
	const page = 2048
	b := bytes.Clone(whole)
	clear(b[5*page : 6*page])
	if lines, problems, err := read(b); err != nil || len(lines) < 59 || !strings.Contains(strings.Join(problems, "\n"), "its copy is read") {
		t.Errorf("without its catalog: %d rows, %q, %v", len(lines), problems, err)
	}
	for from := 2 * page; from < len(whole); from += page {
		for to := 4 * page; to < len(whole); to += page {
			b := bytes.Clone(whole)
			copy(b[to:to+page], whole[from:])
			if lines, _, _ := read(b); len(lines) > 500 {
				t.Errorf("page at %d put to %d: %d rows", from, to, len(lines))
			}
		}
	}
	if d := time.Since(begun); d > time.Minute {
		t.Errorf("it took %v", d)
	}
}

// TestHeader proves that the copy of a header is read where the first is damaged,
// and that what can't be read says why.
func TestHeader(t *testing.T) {
	b := sample(t, "sample.edb")
	b[236] = 1
	d, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil || d.Damaged == nil || d.PageSize != 2048 {
		t.Errorf("a damaged header: %v %+v", err, d)
	}
	for want, change := range map[string]func(b []byte){
		"signature": func(b []byte) { b[4]++ }, "version 0x": func(b []byte) { b[9]++ }, "revision 1;": func(b []byte) { b[232] = 1 }, "pages have": func(b []byte) { b[237] = 7 },
	} {
		b := sample(t, "sample.edb")
		change(b)
		change(b[2048:])
		if _, err := Open(bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"sample.edb", "SRUDB.dat"} {
		f.Add(sample(f, name), uint32(10240), uint32(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, at, value uint32) {
		if len(b) > 1<<20 || len(b) == 0 {
			return
		}
		b = bytes.Clone(b)
		b[int(at)%len(b)] ^= byte(value)
		begun := time.Now()
		_, _, _ = read(b)
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}
