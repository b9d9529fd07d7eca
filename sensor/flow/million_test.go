package flow

import (
	"encoding/binary"
	"runtime"
	"testing"

	"saksi/sensor/decode"
	"saksi/sensor/internal/pages"
)

// TestMillionFlows proves what a million open TCP connections cost: 128 bytes
// each outside the heap, and no more than 20 within it.
func TestMillionFlows(t *testing.T) {
	const million = 1_000_000
	var m pages.Memory
	defer m.Release()
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	table := NewTable(Config{MaxFlows: million, Memory: &m})
	p := decode.Packet{Proto: decode.ProtoTCP, SrcPort: 40000, DstPort: 443, IPLen: 40, SegLen: 20, HdrLen: 20, TCPFlags: decode.SYN, Time: 1}
	for i := range uint32(million) {
		binary.BigEndian.PutUint32(p.Src[12:], i)
		p.Number++
		table.Update(&p, true)
	}
	within := heap() - before
	if table.Len() != million || table.Evicted != 0 {
		t.Fatalf("%d flows, %d evicted", table.Len(), table.Evicted)
	}
	if n := m.Size(); n > 128*million+2*pages.ChunkSize {
		t.Errorf("%d bytes outside the heap", n)
	}
	if within > 20*million {
		t.Errorf("%d bytes within the heap", within)
	}
	runtime.KeepAlive(table)
}
