package intel

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"testing"

	"saksi/event"
)

// made is the value i of a list in which digests, names, addresses and URLs
// take turns.
func made(dst []byte, i int) []byte {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(i))
	sum := sha256.Sum256(b[:])
	switch i % 5 {
	case 0, 1:
		dst = hex.AppendEncode(dst, sum[:])
	case 2:
		dst = fmt.Appendf(dst, "%x.example", sum[:8])
	case 3:
		dst = netip.AddrFrom4([4]byte(sum[:4])).AppendTo(dst)
	case 4:
		dst = fmt.Appendf(dst, "http://%x.example/%x", sum[:4], sum[4:8])
	}
	return append(dst, '\n')
}

// madeList is a reader of a list of n values.
type madeList struct {
	at, n int
	rest  []byte
}

func (m *madeList) Read(b []byte) (int, error) {
	for len(m.rest) < len(b) && m.at < m.n {
		m.rest = made(m.rest, m.at)
		m.at++
	}
	if len(m.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, m.rest)
	m.rest = m.rest[:copy(m.rest, m.rest[n:])]
	return n, nil
}

func madeSet(tb testing.TB, n int) *Set {
	b, report := newBuilder(), &reporter{}
	if err := b.read("made.txt", &madeList{n: n}, int64(n)*45, report, b.add); err != nil {
		tb.Fatal(err)
	}
	if len(report.list) > 0 {
		tb.Fatalf("%+v", report.list[0])
	}
	return b.finish(report)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemory proves that an indicator of a list takes less than 40 bytes;
// SAKSI_INDICATORS sets how many there are.
func TestMemory(t *testing.T) {
	n := 200_000
	if s := os.Getenv("SAKSI_INDICATORS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	before := heap()
	s := madeSet(t, n)
	each := float64(heap()-before) / float64(n)
	t.Logf("%d indicators, %.1f bytes each", s.Len(), each)
	if each > 40 {
		t.Errorf("%.1f bytes an indicator, expected at most 40", each)
	}
	if s.Len() != n {
		t.Errorf("%d of %d indicators", s.Len(), n)
	}
	for i := range 1000 {
		v := string(made(nil, i*(n/1000)))
		terms, err := guess(v[:len(v)-1], new([2]Term))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.table.lookup(terms[0].Kind, []byte(terms[0].key))) == 0 {
			t.Fatalf("%s is not found", v)
		}
	}
	runtime.KeepAlive(s)
}

// TestMemorySTIX proves that of a bundle nothing is kept but what findings say:
// with an id, a name and two times of its own less than 110 bytes an
// indicator.
func TestMemorySTIX(t *testing.T) {
	const n = 50_000
	var text bytes.Buffer
	text.WriteString(`{"objects":[`)
	for i := range n {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"type":"indicator","id":"indicator--%08x-0000-4000-8000-000000000000","name":"%x.example","modified":"2026-01-10T08:%02d:%02dZ",`+
			`"pattern":"[domain-name:value = '%x.example']","valid_from":"2026-01-10T08:%02d:%02dZ"}`, i, i, i%60, i%59, i, i%59, i%60)
	}
	text.WriteString(`]}`)
	before := heap()
	b, report := newBuilder(), &reporter{}
	if err := b.read("made.json", bytes.NewReader(text.Bytes()), int64(text.Len()), report, b.add); err != nil {
		t.Fatal(err)
	}
	s := b.finish(report)
	b = nil
	each := float64(heap()-before) / n
	t.Logf("%.1f bytes each", each)
	if s.Len() != n || each > 110 {
		t.Errorf("%d indicators of %.1f bytes", s.Len(), each)
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(text)
}

func BenchmarkLookup(b *testing.B) {
	s := madeSet(b, 1_000_000)
	miss := make([][]byte, 4096)
	for i := range miss {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		miss[i] = sum[:]
	}
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s.table.lookup(SHA256, miss[i&4095])
		}
	})
	hit := make([][]byte, 4096)
	for i := range hit {
		var c [8]byte
		binary.LittleEndian.PutUint64(c[:], uint64(i*5))
		sum := sha256.Sum256(c[:])
		hit[i] = sum[:]
	}
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if len(s.table.lookup(SHA256, hit[i&4095])) == 0 {
				b.Fatal("not found")
			}
		}
	})
	e := &event.Event{}
	e.Str(event.EventDataset, "saksi.http")
	e.Str(event.SaksiFlowID, "x")
	e.Addr(event.SourceIP, netip.MustParseAddr("192.0.2.1"))
	e.Addr(event.DestinationIP, netip.MustParseAddr("192.0.2.2"))
	e.Str(event.URLFull, "http://www.portal.example/utama/indeks.html?bahasa=ms")
	e.Str(event.URLDomain, "www.portal.example")
	e.Str(event.UserAgentOriginal, "Mozilla/5.0")
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Match(e)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		madeSet(b, 100_000)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/indicator")
}
