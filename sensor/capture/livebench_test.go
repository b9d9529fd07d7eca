package capture

import (
	"context"
	"testing"
	"time"

	"saksi/internal/nettest"
)

// BenchmarkLive measures what taking a frame of 300 bytes out of the kernel's
// buffer costs, its copy included: frames that are there already.
func BenchmarkLive(b *testing.B) {
	n := nettest.New(b)
	var l *Live
	err := n.Do(func() (err error) {
		l, err = OpenLive(context.Background(), LiveConfig{Interfaces: []string{nettest.In}, Buffer: 64 << 20})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	send := n.Sender(b, nettest.Out)
	frame := make([]byte, 300)
	const frames = 100_000
	var batch Batch
	var took time.Duration
	total := 0
	for b.Loop() {
		b.StopTimer()
		for range frames {
			send(frame)
		}
		time.Sleep(3 * blockTimeout)
		b.StartTimer()
		begin := time.Now()
		for got := 0; got < frames; got += len(batch.Packets) {
			if err := l.ReadBatch(&batch); err != nil || len(batch.Packets) == 0 {
				b.Fatalf("%d frames of %d, %v", got, frames, err)
			}
		}
		took += time.Since(begin)
		total += frames
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(total), "ns/frame")
}
