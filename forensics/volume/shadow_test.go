package volume

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/forensics/image"
)

// TestShadows reads a catalog of two blocks, and ends where one leads back.
func TestShadows(t *testing.T) {
	made := []time.Time{time.Unix(1386052509, 736378700).UTC(), time.Unix(1386052668, 0).UTC()}
	b := make([]byte, 256<<10)
	const first, second = 0x8000, 0x18000
	copy(b[vssHeader:], vssGUID)
	binary.LittleEndian.PutUint64(b[vssHeader+48:], first)
	for i, at := range []int{first, second} {
		copy(b[at:], vssGUID)
		binary.LittleEndian.PutUint32(b[at+20:], 2)
		e := b[at+vssEntry*(2+i):] // the entry before is empty
		binary.LittleEndian.PutUint64(e, vssCopy)
		binary.LittleEndian.PutUint64(e[48:], uint64(made[i].UnixNano()/100+filetimeEpoch))
	}
	binary.LittleEndian.PutUint64(b[first+40:], second)
	binary.LittleEndian.PutUint64(b[second+40:], first)
	offset := append(make([]byte, 4096), b...)
	got, problem := Shadows(bytes.NewReader(offset), 4096, int64(len(b)))
	if !slices.EqualFunc(got, made, func(s Shadow, m time.Time) bool { return s.Created.Equal(m) }) || problem != fmt.Sprintf("its catalog leads back to offset %d", first) {
		t.Errorf("%v (%s), expected %v", got, problem, made)
	}
	for _, c := range []struct {
		name string
		do   func(b []byte)
	}{
		{"no header", func(b []byte) { b[vssHeader] = 0 }},
		{"no catalog", func(b []byte) { b[first] = 0 }},
		{"a catalog out of reach", func(b []byte) { binary.LittleEndian.PutUint64(b[vssHeader+48:], 1<<62) }},
	} {
		x := slices.Clone(b)
		c.do(x)
		if got, _ := Shadows(bytes.NewReader(x), 0, int64(len(x))); len(got) > 0 {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if got, _ := Shadows(bytes.NewReader(b), 0, 8000); len(got) > 0 {
		t.Errorf("a short volume: %v", got)
	}
}

// TestShadowStores: libvshadow 20260714 reads the same bytes of these copies; the
// second sample has overlays, forwarders, and blocks that are told twice.
func TestShadowStores(t *testing.T) {
	for name, want := range map[string][]string{
		"layer/shadow.raw.gz":       {"c22200ee13a5850d7b61256c2912b423b0647809f9774a0ab90852b416e7d975", "963a1d7d3909ea29295adba303f9b3239aa0bc29407affb566887c2efe2a6c04"},
		"layer/shadow-forms.raw.gz": {"b98b15ba95a45b2985e63494a62239445107e50328705dcb158d3fdac93d6ab6", "86cefcdb4c4db7e3faacfa31c639cc2a3a0dd3a428d33563213493269f3ad09d"},
	} {
		b := sample(t, name)
		at := append(make([]byte, 512), b...)
		list, problem := Shadows(bytes.NewReader(at), 512, int64(len(b)))
		if len(list) != len(want) || problem != "" {
			t.Fatalf("%s: %v %s", name, list, problem)
		}
		for i := range list {
			v, err := OpenShadow(bytes.NewReader(at), 512, int64(len(b)), list, i)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, v.Size)
			if n, err := v.ReadAt(got, 0); n != len(got) || err != nil {
				t.Errorf("%s: %d bytes: %v", name, n, err)
			}
			if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != want[i] {
				t.Errorf("%s: copy %d is %x", name, i+1, sum)
			}
			// In pieces of any size it is the same, and each is where Place says.
			for off := int64(0); off < v.Size; off += 7777 {
				p := make([]byte, 3000)
				n, err := v.ReadAt(p, off)
				if !bytes.Equal(p[:n], got[off:off+int64(n)]) || n < len(p) && err != io.EOF {
					t.Fatalf("%s: copy %d reads otherwise at %d: %v", name, i+1, off, err)
				}
				if place, _ := v.Place(off); place >= 0 && got[off] != b[place] || place < 0 && got[off] != 0 {
					t.Fatalf("%s: byte %d of copy %d is not at %d", name, off, i+1, place)
				}
			}
		}
	}
}

// TestShadowHostile: what is damaged is said with its place, and nothing hangs.
func TestShadowHostile(t *testing.T) {
	b := sample(t, "layer/shadow.raw.gz")
	good, _ := Shadows(bytes.NewReader(b), 0, int64(len(b)))
	for _, c := range []struct {
		name, want string
		do         func(b []byte, list []Shadow)
	}{
		{"a block list that leads back", "they lead back", func(b []byte, l []Shadow) { binary.LittleEndian.PutUint64(b[l[0].list+40:], uint64(l[0].list)) }},
		{"a block list beyond the volume", "the volume has 4194304 bytes", func(_ []byte, l []Shadow) { l[0].list = 1 << 62 }},
		{"a block list before it", "the volume has 4194304 bytes", func(_ []byte, l []Shadow) { l[0].list = -5 }},
		{"another kind of block", "no block of kind 3", func(b []byte, l []Shadow) { b[l[0].list+20] = 4 }},
		{"no bitmap", "the newer copy 2", func(b []byte, l []Shadow) { b[l[1].list] = 0 }},
		{"no store", "keeps lies", func(_ []byte, l []Shadow) { l[0].Problem = "the catalog does not say where what it keeps lies" }},
		{"data beyond the volume", "should be kept at", func(b []byte, l []Shadow) {
			for at := l[0].list + vssHead; at < l[0].list+vssBlock; at += vssDescriptor {
				binary.LittleEndian.PutUint64(b[at+16:], 1<<60)
			}
		}},
		{"data before it", "should be kept at", func(b []byte, l []Shadow) {
			for at := l[0].list + vssHead; at < l[0].list+vssBlock; at += vssDescriptor {
				binary.LittleEndian.PutUint64(b[at:], 0)
				binary.LittleEndian.PutUint64(b[at+16:], 1<<63+5)
			}
		}},
	} {
		x, list := slices.Clone(b), slices.Clone(good)
		c.do(x, list)
		v, err := OpenShadow(bytes.NewReader(x), 0, int64(len(x)), list, 0)
		if err == nil {
			_, err = v.ReadAt(make([]byte, v.Size), 0)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzShadow: no volume makes the reader panic, hang or read outside.
func FuzzShadow(f *testing.F) {
	b := sample(f, "layer/shadow-forms.raw.gz")
	good, _ := Shadows(bytes.NewReader(b), 0, int64(len(b)))
	f.Add(b[good[0].list:good[0].list+vssBlock], int64(3))
	f.Fuzz(func(t *testing.T, list []byte, n int64) {
		x := slices.Clone(b)
		copy(x[good[0].list:good[0].list+vssBlock], list)
		v, err := OpenShadow(bytes.NewReader(x), 0, int64(len(x)), good, int(n&1))
		if err != nil {
			return
		}
		if got, err := io.Copy(io.Discard, io.NewSectionReader(v, 0, v.Size)); err == nil && got != v.Size {
			t.Errorf("%d of %d bytes", got, v.Size)
		}
	})
}

// TestCorpusShadows: what vshadowinfo tells of a real volume, and the bytes that
// libvshadow reads of both copies.
func TestCorpusShadows(t *testing.T) {
	dir := os.Getenv("SAKSI_CORPUS")
	if dir == "" {
		t.Skip("SAKSI_CORPUS names no corpus")
	}
	const name = "plaso_vsstest.qcow2"
	f, err := os.Open(filepath.Join(dir, "images", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	im, err := image.Open([]image.Segment{{Name: name, Size: st.Size(), ReaderAt: f}})
	if err != nil {
		t.Fatal(err)
	}
	got, problem := Shadows(im, 0, im.Size)
	if len(got) != 2 || got[0].Created.UnixNano() != 1386052509736378700 || got[1].Created.UnixNano() != 1386052668919058300 || problem != "" {
		t.Fatalf("%v %s", got, problem)
	}
	for i, want := range []string{"c8ada35c641a68447640b250f35e623b7f619aaae26bd55a06b8d4c34ebed1da", "41f940d92a534dd8e940a4983d2a766bcb262373f9dc2006851e81fa3a1fa2f2"} {
		v, err := OpenShadow(im, 0, im.Size, got, i)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if n, err := io.Copy(h, io.NewSectionReader(v, 0, v.Size)); err != nil || n != 1<<30 {
			t.Errorf("%d bytes: %v", n, err)
		}
		if sum := hex.EncodeToString(h.Sum(nil)); sum != want {
			t.Errorf("copy %d is %s, libvshadow reads %s", i+1, sum, want)
		}
	}
}

// TestShadowChains: a chain of empty blocks that leads back ends after a few, however large the
// volume is, and no two copies share a list.
func TestShadowChains(t *testing.T) {
	const size = 1 << 40
	r := &blockOnce{}
	v := &ShadowVolume{r: r, length: size}
	err := v.blocks(vssBlock, 3, size/vssBlock, func([]byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "they lead back") || r.reads > 10 {
		t.Errorf("%v after %d reads", err, r.reads)
	}
	b := sample(t, "layer/shadow.raw.gz")
	list, _ := Shadows(bytes.NewReader(b), 0, int64(len(b)))
	i := bytes.Index(b, binary.LittleEndian.AppendUint64([]byte{3, 0, 0, 0, 0, 0, 0, 0}, uint64(list[1].list)))
	if i < 0 {
		t.Fatal("no entry of the second copy's list")
	}
	binary.LittleEndian.PutUint64(b[i+8:], uint64(list[0].list))
	if list, _ = Shadows(bytes.NewReader(b), 0, int64(len(b))); !strings.Contains(list[0].Problem+list[1].Problem, "is that of another copy") {
		t.Errorf("%+v", list)
	}
}

// blockOnce is a volume each of whose blocks is an empty one of kind 3 that leads to itself.
type blockOnce struct{ reads int }

func (b *blockOnce) ReadAt(p []byte, off int64) (int, error) {
	b.reads++
	clear(p)
	copy(p, vssGUID)
	p[20] = 3
	binary.LittleEndian.PutUint64(p[40:], uint64(off))
	return len(p), nil
}
