package volume

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample unpacks a sample.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("../../testdata/image", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// show prints what Inside found, without what differs each time samples are
// made.
func show(b []byte, offset int64) string {
	name, parts, err := Inside(bytes.NewReader(b), offset, int64(len(b))-offset)
	s := name
	for _, p := range parts {
		problem, _, _ := strings.Cut(p.Problem, ", which is")
		problem, _, _ = strings.Cut(problem, ";")
		s += fmt.Sprintf("\n%d+%d %s | %s", p.Offset-offset, p.Length, p.Description, problem)
	}
	if err != nil {
		s += "\nerror: " + err.Error()
	}
	return s
}

// TestLayers proves what is found in each sample, wherever it stands.
func TestLayers(t *testing.T) {
	want := map[string]string{
		"layer/lvm2.raw.gz": "lvm2\n1048576+458752 LVM2 kumpulan/akar | \n1507328+458752 LVM2 kumpulan/data, in 2 pieces | \n1572864+65536 LVM2 kumpulan/kecil | \n" +
			"0+4194304 LVM2 kumpulan/jalur | it is of type \"striped over 2\"",
		"layer/raid1.raw.gz": "linux-raid\n131072+393216 Linux RAID 1 of 2, \"pelayan:cermin\", UUID 000102030405060708090a0b0c0d0e0f | ",
	}
	for _, l := range Layers() {
		for _, name := range l.Samples {
			b := sample(t, name)
			if got := show(b, 0); got != want[name] {
				t.Errorf("%s: got\n%s\nwant\n%s", name, got, want[name])
			}
			if got := show(append(make([]byte, 1<<20), b...), 1<<20); got != want[name] {
				t.Errorf("%s at an offset: got\n%s", name, got)
			}
		}
	}
	if got := show(make([]byte, 9000), 0); got != "" {
		t.Errorf("zeros: %s", got)
	}
}

// TestJoined proves that pieces are read and placed in the order of the volume.
func TestJoined(t *testing.T) {
	j := &Joined{R: strings.NewReader("0123456789"), Pieces: []Piece{{6, 3}, {1, 2}}}
	b := make([]byte, 8)
	if n, err := j.ReadAt(b, 1); n != 4 || err != io.EOF || string(b[:n]) != "7812" {
		t.Errorf("%q %v", b[:n], err)
	}
	if at, n := j.Place(4); at != 2 || n != 1 {
		t.Errorf("%d+%d", at, n)
	}
	if _, n := j.Place(5); n != 0 {
		t.Errorf("beyond its end: %d", n)
	}
}

// TestRAIDOthers: levels that need all members are named with the role.
func TestRAIDOthers(t *testing.T) {
	b := sample(t, "layer/raid1.raw.gz")
	binary.LittleEndian.PutUint32(b[4096+72:], 5)
	binary.LittleEndian.PutUint32(b[4096+92:], 3)
	binary.LittleEndian.PutUint32(b[4096+160:], 1)
	if got := show(b, 0); !strings.Contains(got, "Linux RAID 5 of 3") || !strings.Contains(got, "this is member 1") {
		t.Error(got)
	}
	binary.LittleEndian.PutUint32(b[4096+72:], 1)
	binary.LittleEndian.PutUint64(b[4096+128:], 1<<62)
	if got := show(b, 0); !strings.Contains(got, "superblock is damaged") {
		t.Error(got)
	}
	binary.LittleEndian.PutUint64(b[4096+128:], 1<<40)
	if got := show(b, 0); !strings.Contains(got, "it should lie at 562949953421312") {
		t.Error(got)
	}
}

// TestLVMText reads the form of the metadata and refuses what is none.
func TestLVMText(t *testing.T) {
	n, err := parseLVM("# note\na = 1 b { c = [\"x\", 2,\n 3] d = \"a \\\" # b\" } # end\n")
	if err != nil || n.number("a") != 1 || strings.Join(n.sub("b").list("c"), "|") != "x|2|3" || n.sub("b").text("d") != `a \" # b` || n.sub("no").number("x") != -1 {
		t.Errorf("%+v, %v", n, err)
	}
	for _, bad := range []string{"a {", "}", "a b", "a [", strings.Repeat("a{", 100)} {
		if _, err := parseLVM(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzInside feeds the layers with mutations of their samples.
func FuzzInside(f *testing.F) {
	for _, l := range Layers() {
		for _, name := range l.Samples {
			b := sample(f, name)
			f.Add(b[:min(len(b), 64<<10)])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, parts, _ := Inside(bytes.NewReader(b), 0, int64(len(b)))
		for _, p := range parts {
			if p.Offset < 0 || p.Length < 0 || p.Offset+p.Length > int64(len(b)) {
				t.Errorf("%+v in %d bytes", p, len(b))
			}
		}
	})
}
