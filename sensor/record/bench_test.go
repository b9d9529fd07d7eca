package record

import (
	"slices"
	"testing"
	"time"

	"saksi/sensor/decode"
)

// BenchmarkRecord measures what a packet costs the reader, and whether the
// goroutine that writes keeps up.
func BenchmarkRecord(b *testing.B) {
	r, err := Open(ethernet(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	list := load(b, "demo.pcap")
	d := decode.New(decode.FragLimits{})
	var decoded []decode.Packet
	for i := range list {
		decoded = d.Decode(decoded, list[i].Number, list[i].Time, uint16(list[i].Link), list[i].Data)
	}
	frames := slices.Clone(list)
	var number uint64
	for b.Loop() {
		k := 0
		for i := range frames {
			number++
			for ; k < len(decoded) && decoded[k].Number == frames[i].Number; k++ {
				decoded[k].Number = number
			}
			frames[i].Number = number
		}
		r.Record(frames, decoded)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(number), "ns/packet")
	begin := time.Now()
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	c := r.Counts()
	b.ReportMetric(float64(c.Dropped)/float64(number)*100, "%dropped")
	b.ReportMetric(time.Since(begin).Seconds(), "s-left")
}
