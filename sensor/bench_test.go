package sensor

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"saksi/sensor/capture"
)

// BenchmarkDecode reads and decodes the capture that $SAKSI_BENCH_CAPTURE
// names (scripts/bench makes it) as the reader of a Read does, and does nothing
// else: what is done before flows, protocols and events.
func BenchmarkDecode(b *testing.B) {
	path := os.Getenv("SAKSI_BENCH_CAPTURE")
	if path == "" {
		b.Skip("SAKSI_BENCH_CAPTURE names no capture")
	}
	for b.Loop() {
		src, err := openSource(context.Background(), &Config{}, Source{Path: path}, newSummary())
		if err != nil {
			b.Fatal(err)
		}
		src.verify = true
		var one batch
		decoded := 0
		for err == nil {
			err = src.read(context.Background(), &one, 1)
			decoded += len(one.pkts)
		}
		var damaged *capture.Error
		if !errors.Is(err, io.EOF) && !errors.As(err, &damaged) {
			b.Fatal(err)
		}
		b.ReportMetric(float64(decoded), "packets/op")
		src.close()
	}
}
