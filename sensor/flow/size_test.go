package flow

import (
	"testing"
	"unsafe"
)

// A record stays within 128 bytes: a million open flows cost 128 MB.
func TestRecordSize(t *testing.T) {
	if n := unsafe.Sizeof(Record{}); n > 128 {
		t.Fatalf("a flow record has %d bytes, more than 128", n)
	}
}

// Records outside the heap are zero, apart from each other, and given back.
func TestMemory(t *testing.T) {
	var m Memory
	seen := map[*[slabSize]Record]bool{}
	for range 3 * chunkSize / int(unsafe.Sizeof([slabSize]Record{})) {
		s := m.slab()
		if seen[s] || s[0] != (Record{}) || s[slabSize-1] != (Record{}) {
			t.Fatal("a slab was given out before")
		}
		seen[s] = true
		s[0].First, s[slabSize-1].Last = 1, 1
	}
	if n := len(m.chunks); n != 3 {
		t.Errorf("%d chunks, expected 3", n)
	}
	m.Release()
	if len(m.chunks) != 0 {
		t.Error("chunks left after Release")
	}
}
