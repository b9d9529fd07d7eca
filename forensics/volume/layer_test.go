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

// TestGroup: what the kernel's device-mapper read of each logical volume is what
// is read of it here, with disks missing where its type allows.
func TestGroup(t *testing.T) {
	disks, digests := members(t, "layer/lvm.tar.gz")
	for _, c := range []struct {
		without []int
		right   int
		refused string
	}{
		{nil, 17, ""},
		{[]int{2}, 13, "biasa gambar jalur raid0"},
		{[]int{0, 3}, 9, "biasa gambar jalur raid0 raid4 raid5_la raid5_ls raid5_n"},
	} {
		set := NewSet(given(disks["lvm"], c.without...))
		_, parts, err := set.Inside(0)
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		refused := map[string]bool{}
		for i := range parts {
			p := &parts[i]
			name, _, _ := strings.Cut(strings.TrimPrefix(p.Description, "LVM2 kumpulan/"), ",")
			switch {
			case p.Problem != "":
				refused[name] = true
				if !strings.Contains(p.Problem, "--with") {
					t.Errorf("%s: %s", name, p.Problem)
				}
			case content(t, set.list[0], p) != digests["lvm-"+name]:
				t.Errorf("%s without %v: other content than the kernel read", p.Description, c.without)
			default:
				right++
			}
		}
		for n := range strings.FieldsSeq(c.refused) {
			if !refused[n] {
				t.Errorf("%s is not refused without %v", n, c.without)
			}
			delete(refused, n)
		}
		if right != c.right || len(refused) > 0 {
			t.Errorf("without %v: %d volumes right, not %d; refused, too: %v", c.without, right, c.right, refused)
		}
		if len(c.without) > 0 && !strings.Contains(parts[0].Note, fmt.Sprintf("not given: pv%d", c.without[0])) {
			t.Errorf("note %q", parts[0].Note)
		}
	}
	set := NewSet(append(given(disks["lvm"]), given(disks["lvm"])[1]))
	if _, parts, _ := set.Inside(5); len(parts) != 1 || !strings.Contains(parts[0].Elsewhere, "is the same physical volume") {
		t.Errorf("one disk twice: %+v", parts)
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

// mutate reads all that is found in disks of which some bytes are others.
func mutate(t *testing.T, disks [][]byte, r *rand.Rand) {
	t.Helper()
	var list []*Stretch
	for _, b := range disks {
		c := bytes.Clone(b)
		for range r.Intn(6) {
			at := r.Intn(min(len(c), 80<<10))
			if r.Intn(2) == 0 {
				at = r.Intn(9000)
			}
			switch r.Intn(3) {
			case 0:
				c[at] ^= byte(1 << r.Intn(8))
			case 1:
				c[at] = byte(r.Intn(256))
			default: // a digit, as the metadata of LVM2 has them
				if i := bytes.IndexAny(c[at:], "0123456789"); i >= 0 {
					c[at+i] = byte('0' + r.Intn(10))
				}
			}
		}
		c = c[:len(c)-r.Intn(2)*r.Intn(len(c)/2)]
		list = append(list, &Stretch{R: bytes.NewReader(c), Length: int64(len(c))})
	}
	set := NewSet(list)
	b := make([]byte, 10000)
	for i, s := range list {
		_, parts, _ := set.Inside(i)
		for _, p := range parts {
			switch {
			case p.Problem != "" || p.Elsewhere != "":
			case p.Span == nil && (p.Offset < 0 || p.Length <= 0 || p.Length > s.Length-p.Offset):
				t.Errorf("%+v in %d bytes", p, s.Length)
			case p.Span != nil:
				for range 20 {
					off := r.Int63n(p.Length)
					_, _ = p.Span.ReadAt(b, off)
					if at, n := p.Span.Place(off); n < 0 || at > int64(1)<<60 {
						t.Errorf("%d bytes at %d", n, at)
					}
				}
			}
		}
	}
}

// TestMutations reads arrays and groups whose metadata was changed: nothing
// panics, hangs or reads outside.
func TestMutations(t *testing.T) {
	r := rand.New(rand.NewSource(6))
	for _, name := range []string{"layer/md.tar.gz", "layer/lvm.tar.gz"} {
		all, _ := members(t, name)
		for range 150 / len(all) {
			for _, disks := range all {
				mutate(t, disks, r)
			}
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
		_, parts, _ := NewSet([]*Stretch{{R: bytes.NewReader(b), Length: int64(len(b))}}).Inside(0)
		for _, p := range parts {
			if p.Span == nil && (p.Offset < 0 || p.Length < 0 || p.Offset+p.Length > int64(len(b))) {
				t.Errorf("%+v in %d bytes", p, len(b))
			}
		}
	})
}

// TestLVMTexts: physical volumes of one group share its metadata, and that of many
// groups is bounded.
func TestLVMTexts(t *testing.T) {
	texts := &lvmTexts{read: map[string]*lvmNode{}}
	a, err := texts.parse("a = 1")
	b, berr := texts.parse("a = 1")
	if err != nil || berr != nil || a != b || texts.bytes != 5 {
		t.Errorf("%v %v, %d bytes", err, berr, texts.bytes)
	}
	texts.bytes = lvmMaxText
	if _, err := texts.parse("a = 2"); err == nil || !strings.Contains(err.Error(), "16777216 are read") {
		t.Error(err)
	}
}
