package pages

import (
	"bytes"
	"testing"
)

// TestTake proves that what is taken is zero, apart from what was taken before,
// and given back.
func TestTake(t *testing.T) {
	const part = 64 << 10
	var m Memory
	zero := make([]byte, part)
	var all [][]byte
	for i := range 3 * ChunkSize / part {
		b := m.Take(part)
		if len(b) != part || cap(b) != part || !bytes.Equal(b, zero) {
			t.Fatalf("part %d: %d bytes, room for %d, or not zero", i, len(b), cap(b))
		}
		for k := range b {
			b[k] = byte(i + 1)
		}
		all = append(all, b)
	}
	for i, b := range all {
		if b[0] != byte(i+1) || b[part-1] != byte(i+1) {
			t.Fatalf("part %d was given out twice", i)
		}
	}
	if m.Size() != 3*ChunkSize {
		t.Errorf("%d bytes taken, expected %d", m.Size(), 3*ChunkSize)
	}
	m.Release()
	if m.Size() != 0 {
		t.Errorf("%d bytes left after Release", m.Size())
	}
	if b := (*Memory)(nil).Take(part); !bytes.Equal(b, zero) {
		t.Error("no memory of the heap for a nil Memory")
	}
	if b := m.Take(2 * ChunkSize); len(b) != 2*ChunkSize || m.Size() != 0 {
		t.Error("no memory of the heap for more than a chunk")
	}
}
