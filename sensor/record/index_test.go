package record

import (
	"strconv"
	"testing"
)

// FuzzIndex proves that a damaged index is refused or read, and costs no more
// memory than it has bytes.
func FuzzIndex(f *testing.F) {
	b := newBuilding(testKey, 5, 100)
	b.add(&chunk{sizes: []uint32{32, 64}, entries: []entry{{number: 5}, {number: 6}, {number: 3}}})
	f.Add(b.encode())
	f.Add([]byte(indexMagic + "\x00\x00\x00\x01" + strconv.Itoa(1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		ix, err := parseIndex(b)
		if err != nil {
			return
		}
		if len(ix.offsets) > len(b) {
			t.Fatalf("%d offsets of %d bytes", len(ix.offsets), len(b))
		}
		list, _ := ix.packets(nil, "")
		if len(list) > len(b) {
			t.Fatalf("%d packets of %d bytes", len(list), len(b))
		}
	})
}
