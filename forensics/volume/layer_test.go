package volume

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
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

// members unpacks the disks of the arrays of a sample, by array, and the digests
// of what the kernel read of them.
func members(t testing.TB, name string) (disks map[string][][]byte, digests map[string]string) {
	t.Helper()
	disks, digests = map[string][][]byte{}, map[string]string{}
	for r := tar.NewReader(bytes.NewReader(sample(t, name))); ; {
		h, err := r.Next()
		if err == io.EOF {
			return disks, digests
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if array, ok := strings.CutSuffix(h.Name, ".sha256"); ok {
			digests[array] = strings.TrimSpace(string(b))
			continue
		}
		array := strings.TrimSuffix(h.Name, filepath.Ext(h.Name))
		n, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(h.Name), "."))
		if err != nil || n != len(disks[array]) {
			t.Fatalf("%s: %s", name, h.Name)
		}
		disks[array] = append(disks[array], b)
	}
}

// given is a set of the disks that are not left out.
func given(disks [][]byte, without ...int) (list []*Stretch) {
next:
	for i, b := range disks {
		for _, w := range without {
			if i == w {
				continue next
			}
		}
		list = append(list, &Stretch{R: bytes.NewReader(b), Length: int64(len(b)), Name: fmt.Sprintf("disk %d", i)})
	}
	return list
}

// content is the digest of all of a part, read in pieces of odd sizes.
func content(t *testing.T, first *Stretch, p *Part) string {
	t.Helper()
	s := p.Span
	if s == nil {
		s = &Stretch{R: first.R, Offset: p.Offset, Length: p.Length}
	}
	h := sha256.New()
	r := rand.New(rand.NewSource(1))
	for off := int64(0); off < s.Size(); {
		b := make([]byte, 1+r.Intn(70000))
		n, err := s.ReadAt(b, off)
		if err != nil && err != io.EOF {
			t.Errorf("%s: at %d: %v", p.Description, off, err)
			return ""
		}
		h.Write(b[:n])
		off += int64(n)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// show prints what Inside found, without what differs each time samples are
// made.
func show(b []byte, offset int64) string {
	name, parts, err := NewSet([]*Stretch{{R: bytes.NewReader(b), Offset: offset, Length: int64(len(b)) - offset}}).Inside(0)
	s := name
	for _, p := range parts {
		problem, _, _ := strings.Cut(p.Problem, ":")
		at := p.Offset
		if p.Span != nil {
			at, _ = p.Span.Place(0)
		}
		what, _, _ := strings.Cut(p.Description, ", UUID")
		s += fmt.Sprintf("\n%d+%d %s | %s", at-offset, p.Length, what, problem)
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
			"0+4194304 LVM2 kumpulan/jalur | it lies on pv1, another disk of the group, which is not given",
		"layer/raid1.raw.gz": "linux-raid\n131072+393216 Linux RAID 1 of 2, \"pelayan:cermin\" | ",
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

// TestArrays: what the kernel's md read of each array is what is read of it here,
// with all members and with each set missing that its level can do without.
func TestArrays(t *testing.T) {
	disks, digests := members(t, "layer/md.tar.gz")
	if len(disks) < 34 {
		t.Fatalf("%d arrays", len(disks))
	}
	for name, list := range disks {
		check := func(without ...int) {
			t.Helper()
			set := NewSet(given(list, without...))
			_, parts, err := set.Inside(0)
			if err != nil || len(parts) != 1 || parts[0].Problem != "" {
				t.Fatalf("%s without %v: %+v, %v", name, without, parts, err)
			}
			if content(t, set.list[0], &parts[0]) != digests[name] {
				t.Errorf("%s without %v: other content than the kernel read", name, without)
			}
			for _, w := range without {
				if !strings.Contains(parts[0].Description, "missing") || !strings.Contains(parts[0].Description, strconv.Itoa(w)) {
					t.Errorf("%s without %v is %q", name, without, parts[0].Description)
				}
			}
			for i := range set.list[1:] {
				if _, parts, err := set.Inside(i + 1); err != nil || len(parts) != 1 || !strings.Contains(parts[0].Elsewhere, "is member") {
					t.Errorf("%s: %+v, %v", name, parts, err)
				}
			}
		}
		refuse := func(without ...int) {
			t.Helper()
			if _, parts, err := NewSet(given(list, without...)).Inside(0); err != nil || len(parts) != 1 || !strings.Contains(parts[0].Problem, "--with") {
				t.Errorf("%s without %v: %+v, %v", name, without, parts, err)
			}
		}
		check()
		for i := range list {
			switch level := strings.TrimPrefix(name, "md-"); {
			case strings.HasPrefix(level, "raid0"), strings.HasPrefix(level, "linear"):
				refuse(i)
				continue
			}
			check(i)
			for k := range i {
				switch {
				case strings.Contains(name, "raid6"), strings.Contains(name, "raid10-n3"):
					check(k, i)
				case strings.Contains(name, "raid4"), strings.Contains(name, "raid5"):
					refuse(k, i)
				}
			}
		}
	}
}

// TestArrayStates: what a member's superblock says of its state decides whether
// it is taken, and is said.
func TestArrayStates(t *testing.T) {
	disks, digests := members(t, "layer/md.tar.gz")
	const name = "md-raid5-ls"
	try := func(change func(sb []byte), without ...int) Part {
		t.Helper()
		list := make([][]byte, len(disks[name]))
		for i, b := range disks[name] {
			list[i] = bytes.Clone(b)
		}
		sb := list[2][4096:8192]
		change(sb)
		var sum uint64
		end := 256 + 2*int(binary.LittleEndian.Uint32(sb[220:]))
		binary.LittleEndian.PutUint32(sb[216:], 0)
		for i := 0; i < end; i += 4 {
			sum += uint64(binary.LittleEndian.Uint32(sb[i:]))
		}
		binary.LittleEndian.PutUint32(sb[216:], uint32(sum)+uint32(sum>>32))
		set := NewSet(given(list, without...))
		_, parts, err := set.Inside(0)
		if err != nil || len(parts) != 1 {
			t.Fatal(parts, err)
		}
		if p := &parts[0]; p.Problem == "" && content(t, set.list[0], p) != digests[name] {
			t.Errorf("%s: other content", p.Description)
		}
		return parts[0]
	}
	old := func(sb []byte) { binary.LittleEndian.PutUint64(sb[200:], 3); clear(sb[8192-4096-1:]) }
	if p := try(old); !strings.Contains(p.Description, "member 2 missing") {
		t.Errorf("a member of an older state is taken: %+v", p)
	}
	if p := try(old, 0); !strings.Contains(p.Description, "member 2 is of an older state (event 3 of ") {
		t.Errorf("one of an older state that is needed: %+v", p)
	}
	rebuilding := func(sb []byte) { sb[8] |= 2; binary.LittleEndian.PutUint64(sb[152:], 8) }
	if p := try(rebuilding); !strings.Contains(p.Description, "member 2 was being rebuilt") {
		t.Errorf("%+v", p)
	}
	if p := try(func(sb []byte) { sb[8] |= 8 }); !strings.Contains(p.Description, "member 2 keeps a list of bad blocks") {
		t.Errorf("%+v", p)
	}
	if p := try(func(sb []byte) { binary.LittleEndian.PutUint64(sb[200:], 1<<40); sb[8] |= 4 }); !strings.Contains(p.Problem, "being reshaped") {
		t.Errorf("%+v", p)
	}
	for _, bad := range []struct {
		at    int
		value uint64
		text  string
	}{{72, 7, "too few"}, {76, 77, "layout is not known: 77"}, {88, 0, "chunks have 0 bytes"}, {80, 1 << 60, "members have -1 bytes"}, {92, 1 << 30, "it has 1073741824 members"}} {
		p := try(func(sb []byte) {
			binary.LittleEndian.PutUint64(sb[200:], 1<<40)
			if bad.at == 80 {
				binary.LittleEndian.PutUint64(sb[80:], bad.value)
			} else {
				binary.LittleEndian.PutUint32(sb[bad.at:], uint32(bad.value))
			}
		})
		if !strings.Contains(p.Problem, bad.text) {
			t.Errorf("%+v: %+v", bad, p)
		}
	}
	// Two images of one disk.
	list := given(disks[name])
	list = append(list, list[1])
	_, parts, err := NewSet(list).Inside(0)
	if err != nil || !strings.Contains(parts[0].Description, "disk 1 is given as member 1, too, and left out") {
		t.Errorf("%+v, %v", parts, err)
	}
}

// broken fails where a disk has a bad sector.
type broken struct {
	*bytes.Reader
	from, to int64
}

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off < b.to && off+int64(len(p)) > b.from {
		return 0, fmt.Errorf("bad sector")
	}
	return b.Reader.ReadAt(p, off)
}

// TestBadSectors: what a member can't give is computed from the others, with all
// members there.
func TestBadSectors(t *testing.T) {
	disks, digests := members(t, "layer/md.tar.gz")
	for _, name := range []string{"md-raid5-la", "md-raid6-ra", "md-raid10-f2"} {
		list := given(disks[name])
		list[1].R = broken{bytes.NewReader(disks[name][1]), 100 << 10, 300 << 10}
		set := NewSet(list)
		_, parts, err := set.Inside(0)
		if err != nil || parts[0].Problem != "" || content(t, list[0], &parts[0]) != digests[name] {
			t.Errorf("%s: %+v, %v", name, parts, err)
		}
	}
}

// TestPlace: a byte is where Place says, wherever it says that it lies.
func TestPlace(t *testing.T) {
	for _, name := range []string{"layer/md.tar.gz", "layer/lvm.tar.gz"} {
		all, _ := members(t, name)
		for array, disks := range all {
			var image []byte
			var list []*Stretch
			for _, b := range disks {
				list = append(list, &Stretch{Offset: int64(len(image)), Length: int64(len(b))})
				image = append(image, b...)
			}
			for _, s := range list {
				s.R = bytes.NewReader(image)
			}
			_, parts, err := NewSet(list).Inside(0)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range parts {
				if p.Span == nil {
					continue
				}
				all, err := io.ReadAll(io.NewSectionReader(p.Span, 0, p.Length))
				if err != nil {
					t.Fatal(array, p.Description, err)
				}
				for off := int64(0); off < p.Length; {
					at, n := p.Span.Place(off)
					if h, ok := p.Span.(*thin); ok && (h.Hole(off) > 0) != (at < 0) {
						t.Fatalf("%s: a hole at %d: %d, %d", p.Description, off, h.Hole(off), at)
					}
					if n <= 0 || off+n > p.Length {
						t.Fatalf("%s %s: %d bytes at %d", array, p.Description, n, off)
					}
					if at >= 0 && !bytes.Equal(image[at:at+n], all[off:off+n]) || at < 0 && len(bytes.Trim(all[off:off+n], "\x00")) > 0 {
						t.Fatalf("%s %s: not at %d what is at %d of it", array, p.Description, at, off)
					}
					off += n
				}
				if _, n := p.Span.Place(p.Length); n != 0 {
					t.Errorf("%s: %d bytes beyond its end", p.Description, n)
				}
			}
		}
	}
}
