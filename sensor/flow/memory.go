package flow

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// chunkSize is how much address space Memory takes from the system at a time,
// in bytes. Only what is used of it takes memory.
const chunkSize = 2 << 20

// Memory holds the records of tables outside the garbage collector's heap:
// they hold no pointers, and a heap of a million of them would let as much
// garbage gather as they are large before it was collected. It is safe for
// concurrent use.
type Memory struct {
	mu     sync.Mutex
	chunks [][]byte
	left   []byte // of the last chunk
}

// Release gives all memory back to the system. No table that took from it MUST
// be used after it.
func (m *Memory) Release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.chunks {
		_ = unix.Munmap(c)
	}
	m.chunks, m.left = nil, nil
}

// slab returns zeroed records. Without memory of the system they are of the
// heap.
func (m *Memory) slab() *[slabSize]Record {
	const size = int(unsafe.Sizeof([slabSize]Record{}))
	if m == nil {
		return new([slabSize]Record)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.left) < size {
		c, err := unix.Mmap(-1, 0, chunkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return new([slabSize]Record)
		}
		m.chunks, m.left = append(m.chunks, c), c
	}
	s := (*[slabSize]Record)(unsafe.Pointer(&m.left[0]))
	m.left = m.left[size:]
	return s
}
