package stream

import (
	"runtime"
	"testing"

	"saksi/sensor/internal/pages"
)

// TestMemory proves that a stream of which as much waits as may costs no more
// than 64 KiB, whatever the size of its segments, and that all streams of a pool
// stay within its total, with what is given up counted.
func TestMemory(t *testing.T) {
	const streams = 200
	for _, size := range []int{100, 536, 1460, 9000} {
		var m pages.Memory
		p := NewPool(Limits{Total: 1 << 30}, &m)
		list := make([]Half, streams)
		data := make([]byte, size)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range list {
			h := &list[i]
			h.Begin(0)
			for seq := uint32(1); !h.Full(p); seq += uint32(size) {
				h.Add(p, seq, data, 1)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := (p.Held() + int(after.HeapAlloc) - int(before.HeapAlloc)) / streams
		if each > 64<<10+size { // Full says so once there is one segment more
			t.Errorf("segments of %d bytes: a stream costs %d bytes", size, each)
		}
		runtime.KeepAlive(list)
		m.Release()
	}

	var m pages.Memory
	defer m.Release()
	p := NewPool(Limits{}, &m)
	list := make([]Half, 1000)
	for i := range list {
		h := &list[i]
		h.Begin(0)
		for k := range 30 {
			h.Add(p, uint32(1+k*1460), make([]byte, 1460), 1)
			for h.Full(p) {
				h.Skip(p, GapLimit)
				for _, _, ok := h.Pop(p); ok; _, _, ok = h.Pop(p) {
				}
			}
		}
	}
	if p.Held() > p.Limits.Total || m.Size() > p.Limits.Total+2*pages.ChunkSize {
		t.Errorf("%d bytes held and %d taken, more than %d", p.Held(), m.Size(), p.Limits.Total)
	}
	if p.GapBytes[GapLimit] == 0 {
		t.Error("nothing was given up: the total was not reached")
	}
}
