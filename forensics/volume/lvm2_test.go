package volume

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

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

// TestLVMCost: a volume computed from volumes that are computed from the same ones again,
// eight deep, is refused before anything of it is read.
func TestLVMCost(t *testing.T) {
	var text strings.Builder
	for i := range 7 {
		fmt.Fprintf(&text, "v%d { segment_count = 1 segment1 { type = \"raid5_n\" extent_count = 90 stripe_size = 8 raids = [", i)
		for k := range 100 {
			fmt.Fprintf(&text, "\"none\", \"a%d_%d\", ", i, k)
		}
		text.WriteString("] } }\n")
		for k := range 100 {
			fmt.Fprintf(&text, "a%d_%d { segment_count = 1 segment1 { type = \"striped\" extent_count = 1 stripe_count = 1 stripes = [\"v%d\", 0] } }\n", i, k, i+1)
		}
	}
	text.WriteString("v7 { segment_count = 1 segment1 { type = \"striped\" extent_count = 1 stripe_count = 1 stripes = [\"pv0\", 0] } }\n")
	lvs, err := parseLVM(text.String())
	if err != nil {
		t.Fatal(err)
	}
	g := &lvmGroup{lvs: lvs, extent: 4096, disks: map[string]Span{"pv0": &Stretch{R: bytes.NewReader(make([]byte, 4096)), Length: 4096}}, made: map[string]*lvmMade{}}
	for name, want := range map[string]string{"v6": "", "v5": "10000 places would be read"} {
		if m := g.volume(name); want == "" && m.err != nil || want != "" && (m.err == nil || !strings.Contains(m.err.Error(), want)) {
			t.Errorf("%s: %v", name, m.err)
		}
	}
}

// TestThinTrees: the trees of a pool are read as often as that of the largest pool needs,
// however many thin volumes point at them.
func TestThinTrees(t *testing.T) {
	le := binary.LittleEndian
	meta := make([]byte, 4*thinBlockSize)
	le.PutUint64(meta[32:], thinMagic)
	le.PutUint64(meta[320:], 1)
	le.PutUint32(meta[336:], 128)
	leaf := func(block int, pairs ...uint64) {
		b := meta[block*thinBlockSize:]
		le.PutUint32(b[4:], 2)
		le.PutUint64(b[8:], uint64(block))
		le.PutUint32(b[16:], uint32(len(pairs)/2))
		le.PutUint32(b[20:], 4)
		le.PutUint32(b[24:], 8)
		for i := 0; i < len(pairs); i += 2 {
			le.PutUint64(b[32+4*i:], pairs[i])
			le.PutUint64(b[32+8*4+4*i:], pairs[i+1])
		}
	}
	leaf(1, 1, 2, 2, 2)
	leaf(2)
	text := "pool { segment1 { metadata = \"meta\" pool = \"data\" } }\n"
	for i := 1; i <= 3; i++ {
		text += fmt.Sprintf("t%d { segment_count = 1 segment1 { type = \"thin\" extent_count = 4 thin_pool = \"pool\" device_id = %d } }\n", i, min(i, 2))
	}
	lvs, err := parseLVM(text)
	if err != nil {
		t.Fatal(err)
	}
	g := &lvmGroup{lvs: lvs, extent: 1 << 20, pools: map[string]map[uint64]uint64{}, made: map[string]*lvmMade{
		"meta": {span: &Stretch{R: bytes.NewReader(meta), Length: int64(len(meta))}}, "data": {span: absent{1 << 20, ""}},
	}}
	for _, name := range []string{"t1", "t2"} {
		if m := g.volume(name); m.err != nil {
			t.Errorf("%s: %v", name, m.err)
		}
	}
	if g.walked != 3 { // the devices once, the mappings of each
		t.Errorf("%d blocks were read", g.walked)
	}
	g.walked = maxKept
	if m := g.volume("t3"); m.err != errKept {
		t.Error(m.err)
	}
}
