// Package pages gives memory outside the garbage collector's heap to what holds
// no pointers and may be large: flow records, waiting segments. In the heap it
// would let as much garbage gather as it is large before that was collected.
// Start with Memory.
package pages

import (
	"sync"

	"golang.org/x/sys/unix"
)

// ChunkSize is how much address space is taken from the system at a time, in
// bytes, and the most that Take gives. Only what is used of it takes memory.
const ChunkSize = 2 << 20

// Memory is taken in parts and given back at once. The zero value is ready; it
// is safe for concurrent use.
type Memory struct {
	mu     sync.Mutex
	chunks [][]byte
	left   []byte // of the last chunk
}

// Release gives all memory back to the system: none of what Take gave MUST be
// used after it.
func (m *Memory) Release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.chunks {
		_ = unix.Munmap(c)
	}
	m.chunks, m.left = nil, nil
}

// Size is the address space taken, in bytes.
func (m *Memory) Size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.chunks) * ChunkSize
}

// Take returns n zero bytes, a multiple of 64, aligned to 64; of the heap for a
// nil Memory and if the system gives none.
func (m *Memory) Take(n int) []byte {
	if m == nil || n > ChunkSize {
		return make([]byte, n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.left) < n {
		c, err := unix.Mmap(-1, 0, ChunkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return make([]byte, n)
		}
		m.chunks, m.left = append(m.chunks, c), c
	}
	b := m.left[:n:n]
	m.left = m.left[n:]
	return b
}
