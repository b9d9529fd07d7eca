package volume

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
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
	if got := Shadows(bytes.NewReader(offset), 4096, int64(len(b))); !slices.EqualFunc(got, made, time.Time.Equal) {
		t.Errorf("%v, expected %v", got, made)
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
		if got := Shadows(bytes.NewReader(x), 0, int64(len(x))); len(got) > 0 {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if got := Shadows(bytes.NewReader(b), 0, 8000); len(got) > 0 {
		t.Errorf("a short volume: %v", got)
	}
}

// TestCorpusShadows: what vshadowinfo tells of a real volume.
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
	got := Shadows(im, 0, im.Size)
	if len(got) != 2 || got[0].UnixNano() != 1386052509736378700 || got[1].UnixNano() != 1386052668919058300 {
		t.Errorf("%v", got)
	}
}
