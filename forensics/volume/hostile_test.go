package volume

import (
	"bytes"
	"math/rand"
	"testing"
)

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
