package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/sensor"
	"saksi/sensor/record"
)

// ringFlags say where and how long full packets are kept.
type ringFlags struct {
	dir  string
	size string
	age  time.Duration
}

func (o *ringFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.dir, "ring", "", "keep full packets in this `folder`, for 'saksi sensor extract' and any tool that reads pcapng; a file 'hold' in it names what must be kept")
	f.StringVar(&o.size, "ring-size", "10GiB", "`size` of the ring, such as 500MiB or 2TiB; the oldest packets go first")
	f.DurationVar(&o.age, "ring-age", 0, "remove packets older than this `duration`, such as 72h (default: as long as there is room)")
}

func (o *ringFlags) check() error {
	n, err := parseSize(o.size)
	switch {
	case err != nil:
		return usage("--ring-size: %w", err)
	case n < 1<<20:
		return usage("--ring-size is %s; expected 1MiB or more", o.size)
	case o.age < 0 || o.age > 0 && o.age < time.Minute:
		return usage("--ring-age is %s; expected a minute or more", o.age)
	}
	return nil
}

// parseSize reads a number of bytes with an optional unit.
func parseSize(s string) (int64, error) {
	units := []struct {
		name  string
		bytes float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err == nil && n >= 0 && n*u.bytes < math.MaxInt64 {
			return int64(n * u.bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is no size; expected a number of bytes, or one with a unit, such as 500MiB", s)
}

// liveRing is the ring of a capture; nil when there is none.
type liveRing struct{ *record.Ring }

func (o *ringFlags) open(r *liveRun) (*liveRing, error) {
	if o.dir == "" {
		return nil, nil
	}
	n, err := parseSize(o.size)
	if err != nil {
		return nil, err
	}
	cfg := record.Config{Dir: o.dir, Size: n, Age: o.age, Key: r.key, App: toolName(), Failed: r.ringFailed}
	cfg.Names, cfg.Links = r.live.Links()
	ring, err := record.Open(cfg)
	if errors.Is(err, record.ErrLocked) {
		return nil, failHint(exitLocked, err, "another sensor writes to it; give each a folder of its own")
	}
	if err != nil {
		return nil, err
	}
	return &liveRing{ring}, nil
}

func (r *liveRun) ringFailed(err error) {
	if err == nil {
		fmt.Fprintln(r.a.stderr, "saksi: the ring is written to again")
		return
	}
	fmt.Fprintf(r.a.stderr, "saksi: %s; capture goes on\n", printable(err.Error()))
}

// recorder is the ring as the sensor takes it.
func (r *liveRing) recorder() sensor.Recorder {
	if r == nil {
		return nil
	}
	return r.Ring
}

func (r *liveRing) counts() record.Counts {
	if r == nil {
		return record.Counts{}
	}
	return r.Counts()
}

func (r *liveRing) close() error {
	if r == nil {
		return nil
	}
	return r.Close()
}
