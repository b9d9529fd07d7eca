package sensor

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strings"
	"testing"

	"saksi/event"
)

// collecting is a sink that has garbage collected, so that the gauge of memory
// is looked at again.
type collecting struct{ lines }

func (c *collecting) Emit(e *event.Event) error {
	runtime.GC()
	return c.lines.Emit(e)
}

// TestPace proves that garbage is collected more often once much is in use, and
// that the pace does not go back and forth.
func TestPace(t *testing.T) {
	now := relaxed
	for _, c := range []struct {
		live, outside int64
		want          int
	}{
		{1 << 20, 0, relaxed},
		{much, 0, relaxed},
		{much + 1, 0, strict},
		{much - 1, 0, strict},
		{much / 2, 0, strict},
		{much/2 - 1, 0, relaxed},
		{much - 1, 0, relaxed},
		{much / 4, much, lean},
		{much / 2, much, lean},
		{much, much - 1, strict},
		{much, 2 * much, strict},
		{much, 2*much + 1, lean},
		{much / 8, much / 8, relaxed},
		{much / 2, much, strict},
	} {
		if now = pace(now, c.live, c.outside); now != c.want {
			t.Errorf("at %d bytes and %d outside: %d percent, expected %d", c.live, c.outside, now, c.want)
		}
	}
}

// TestMemory proves that when more memory is in use than may be, parsers are
// given up and counted, that what they knew until then is told, and that every
// flow is told as without a limit.
func TestMemory(t *testing.T) {
	data, err := os.ReadFile(demo)
	if err != nil {
		t.Fatal(err)
	}
	read := func(limit int64) (flows int, sum Summary) {
		runtime.GC()
		var c collecting
		sum, err := Read(context.Background(), Config{
			Sources: []Source{{Reader: bytes.NewReader(data), Name: "memory", Key: strings.Repeat("7", 64)}},
			Workers: 1, NoChecksum: true, Sink: &c, Memory: limit,
		})
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(c.buf.Bytes(), []byte(`"dataset":"saksi.flow"`)), sum
	}
	unparsed := func(s *Summary) uint64 {
		for _, c := range s.Oddities {
			if c.Name == "flows no longer parsed for memory" {
				return c.N
			}
		}
		return 0
	}
	flows, free := read(0)
	less, bound := read(1)
	if n := unparsed(&free); n != 0 {
		t.Errorf("%d flows given up without a limit", n)
	}
	if unparsed(&bound) == 0 {
		t.Error("no flow was given up")
	}
	if flows == 0 || less != flows {
		t.Errorf("%d flows told under the limit, %d without", less, flows)
	}
}
