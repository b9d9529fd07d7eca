package image

import "sync"

// cacheBytes is what a container keeps of the pieces it unpacked last.
const cacheBytes = 16 << 20

// cacheLeast is how many pieces it keeps, however large they are.
const cacheLeast = 4

// cache keeps unpacked pieces by number, the least recently used going first.
// It is safe for concurrent use; two readers that miss may both unpack.
type cache struct {
	mu    sync.Mutex
	max   int // pieces
	bytes int
	clock int64
	items map[int64]*cached
}

type cached struct {
	data []byte
	used int64
}

func newCache(pieceSize int64) *cache {
	return &cache{max: int(max(cacheLeast, cacheBytes/max(pieceSize, 1))), items: map[int64]*cached{}}
}

// get returns piece n, made by load unless it is still there. The result MUST
// NOT be changed.
func (c *cache) get(n int64, load func() ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	c.clock++
	if it := c.items[n]; it != nil {
		it.used = c.clock
		c.mu.Unlock()
		return it.data, nil
	}
	c.mu.Unlock()
	data, err := load()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if it := c.items[n]; it != nil { // another reader was first
		return it.data, nil
	}
	for len(c.items) >= c.max || len(c.items) >= cacheLeast && c.bytes+len(data) > cacheBytes {
		var oldest int64 = -1
		for k, it := range c.items {
			if oldest < 0 || it.used < c.items[oldest].used {
				oldest = k
			}
		}
		c.bytes -= len(c.items[oldest].data)
		delete(c.items, oldest)
	}
	c.items[n] = &cached{data, c.clock}
	c.bytes += len(data)
	return data, nil
}
