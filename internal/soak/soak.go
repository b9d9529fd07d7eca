// Package soak runs the long tests: Run tries something for many seeds. `make
// soak` tries all of them, an ordinary run of the tests a hundredth. Only tests
// import it.
package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// envFull, when it is 1, has all seeds tried.
	envFull = "SAKSI_SOAK"
	// envSeed has only the seed it names tried.
	envSeed = "SAKSI_SEED"
	// ordinary is the share of the seeds that an ordinary run tries.
	ordinary = 100
	// most is how many failures end a run: more say nothing new.
	most = 5
)

// Config says how much is tried.
type Config struct {
	Full     int           // seeds of a full run, from 1
	Parallel int           // tries under way at the same time
	Limit    time.Duration // of one try; 0 is none
}

// Run calls try for each seed, with a source of numbers that depends on the
// seed only. What try returns fails the test, as do a panic and a try that takes
// longer than the limit, each with the line that tries its seed again
// alone. It returns the number of tries.
func Run(t *testing.T, cfg Config, try func(r *rand.Rand) error) int {
	t.Helper()
	first, last := uint64(1), uint64(max(cfg.Full/ordinary, 1))
	if os.Getenv(envFull) == "1" {
		last = uint64(cfg.Full)
	}
	if v := os.Getenv(envSeed); v != "" {
		seed, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
		first, last = seed, seed
	}
	again := func(seed uint64) string {
		return fmt.Sprintf("again: %s=%d go test -run '^%s$'", envSeed, seed, t.Name())
	}
	next := atomic.Uint64{}
	next.Store(first)
	var tried, failed atomic.Int64
	var wg sync.WaitGroup
	for range max(cfg.Parallel, 1) {
		wg.Go(func() {
			for seed := next.Add(1) - 1; seed <= last && failed.Load() < most; seed = next.Add(1) - 1 {
				begun := time.Now()
				// A try that never ends takes the test with it: the seed is said
				// before that.
				late := time.AfterFunc(max(2*cfg.Limit, time.Minute), func() { fmt.Fprintf(os.Stderr, "a try does not end; %s\n", again(seed)) })
				err := one(seed, try)
				late.Stop()
				tried.Add(1)
				if d := time.Since(begun); err == nil && cfg.Limit > 0 && d > cfg.Limit {
					err = fmt.Errorf("it took %v, more than %v", d, cfg.Limit)
				}
				if err != nil {
					failed.Add(1)
					t.Errorf("seed %d: %v\n%s", seed, err, again(seed))
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d seeds from %d tried, %d failed", tried.Load(), first, failed.Load())
	return int(tried.Load())
}

func one(seed uint64, try func(r *rand.Rand) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return try(rand.New(rand.NewPCG(seed, 0)))
}

// Mutate changes a copy of data in up to four places as damage and malice do:
// bits, bytes, numbers set to their extremes, parts left out, doubled, swapped,
// and the end cut off. first is the offset from which the copy may differ.
func Mutate(r *rand.Rand, data []byte) (changed []byte, first int) {
	b := append([]byte(nil), data...)
	first = len(b)
	for range 1 + r.IntN(4) {
		if len(b) < 2 {
			break
		}
		at := r.IntN(len(b))
		first = min(first, at)
		end := min(len(b), at+1+r.IntN(1<<r.IntN(9)))
		switch r.IntN(8) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2: // a number of 1, 2, 4 or 8 bytes
			fill := [...]byte{0x00, 0xff, 0x7f, 0x80}[r.IntN(4)]
			for i := at; i < min(len(b), at+1<<r.IntN(4)); i++ {
				b[i] = fill
			}
		case 3: // a part left out
			b = append(b[:at], b[end:]...)
		case 4: // a part doubled
			b = append(b[:end:end], b[at:]...)
		case 5: // a part from elsewhere
			copy(b[at:end], data[r.IntN(len(data)):])
		case 6: // two parts swapped
			to := r.IntN(len(b))
			first = min(first, to)
			n := min(end-at, len(b)-to)
			for i := range n {
				b[at+i], b[to+i] = b[to+i], b[at+i]
			}
		case 7:
			if r.IntN(4) == 0 {
				b = b[:at]
			} else {
				for i := at; i < end; i++ {
					b[i] ^= byte(r.Uint32())
				}
			}
		}
	}
	return b, first
}
