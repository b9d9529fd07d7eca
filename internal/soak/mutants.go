package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// envMutants is how many mutated inputs all tests that call Mutants try
	// together.
	envMutants = "SAKSI_MUTANTS"
	// envMutant has only the mutated input of that number tried.
	envMutant = "SAKSI_MUTANT"
	// someMutants is what an ordinary run of the tests tries.
	someMutants = 10_000
	// Bounds of one mutated input, and of the process that tries them.
	mutantTime   = 10 * time.Second
	mutantMemory = 512 << 20
)

// Kind is what is done to a byte of a good input.
type Kind uint8

// Kinds.
const (
	Flipped  Kind = iota // each of its bits
	Cut                  // it and all behind it are missing
	Repeated             // it and up to 63 bytes behind it stand there twice
	numKinds
)

func (k Kind) String() string { return [...]string{"flipped", "cut", "repeated"}[k] }

// Mutant is one way to change an input.
type Mutant struct {
	Input int // which of the good inputs
	At    int // the byte
	Kind  Kind
	// Number is that of the mutant; Round how often each byte was changed in
	// each way before: after the first, there is further damage.
	Number, Round int
}

// Apply returns a changed copy of the part of the input in which the byte lies
// at the index at.
func (m Mutant) Apply(part []byte, at int) []byte {
	b := slices.Clone(part)
	switch m.Kind {
	case Flipped:
		b[at] ^= 0xff
	case Cut:
		b = b[:at]
	case Repeated:
		end := min(len(part), at+1+m.Number%64)
		b = append(b[:end], part[at:]...)
	}
	if m.Round > 0 && len(b) > 0 {
		b, _ = Mutate(rand.New(rand.NewPCG(uint64(m.Number), 1)), b)
	}
	return b
}

// Mutants calls try with mutants of inputs of the given sizes: each byte of each
// flipped, cut and repeated, evenly spread if there are more than are to be
// tried, and again with further damage if there are fewer. share is what part
// of all mutants is tried here, in thousandths. What try returns fails the
// test, as do a panic, a try of more than ten seconds, and a process of more
// than 512 MiB.
func Mutants(t *testing.T, share int, sizes []int, try func(m Mutant) error) {
	t.Helper()
	total := someMutants
	full := os.Getenv(envMutants) != ""
	if full {
		var err error
		if total, err = strconv.Atoi(os.Getenv(envMutants)); err != nil {
			t.Fatalf("%s: %v", envMutants, err)
		}
	}
	first, count := 0, max(total*share/1000, 1)
	last := count
	if v := os.Getenv(envMutant); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s: %v", envMutant, err)
		}
		first, last = n, n+1
	}
	ends := make([]int, len(sizes)) // of the inputs, one behind the other
	all := 0
	for i, n := range sizes {
		all += n
		ends[i] = all
	}
	if all == 0 {
		t.Fatal("no inputs to change")
	}
	var next, failed atomic.Int64
	next.Store(int64(first))
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for failed.Load() < most {
				n := int(next.Add(1) - 1)
				if n >= last {
					return
				}
				m := mutant(n, count, ends)
				if err := limited(m, try); err != nil {
					failed.Add(1)
					t.Errorf("input %d, byte %d %v, round %d: %v\nagain: %s=%d %s=%d go test -run '^%s$'",
						m.Input, m.At, m.Kind, m.Round, err, envMutants, total, envMutant, n, t.Name())
				}
			}
		})
	}
	wg.Wait()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	if mem.Sys > mutantMemory {
		t.Errorf("the process took %d MiB, more than %d", mem.Sys>>20, mutantMemory>>20)
	}
	tried := min(int(next.Load()), last) - first
	t.Logf("%d mutants of %d inputs tried, %d failed, %d MiB", tried, len(sizes), failed.Load(), mem.Sys>>20)
	if full { // scripts/fuzz adds them up
		fmt.Printf("mutants\t%s\t%d\t%d\t%d\n", t.Name(), tried, failed.Load(), mem.Sys>>20)
	}
}

// mutant is the n-th of count.
func mutant(n, count int, ends []int) Mutant {
	const kinds = int(numKinds)
	all := ends[len(ends)-1] // bytes
	m := Mutant{Number: n, Kind: Kind(n % kinds), Round: n / (kinds * all)}
	m.At = n / kinds % all
	if bytes := (count + kinds - 1) / kinds; bytes < all {
		m.At = int(int64(n/kinds) * int64(all) / int64(bytes))
	}
	m.Input, _ = slices.BinarySearch(ends, m.At+1)
	if m.Input > 0 {
		m.At -= ends[m.Input-1]
	}
	return m
}

func limited(m Mutant, try func(m Mutant) error) (err error) {
	begun := time.Now()
	// A try that never ends takes the test with it: it is said before that.
	late := time.AfterFunc(6*mutantTime, func() {
		fmt.Fprintf(os.Stderr, "a try does not end: mutant %d, input %d, byte %d %v\n", m.Number, m.Input, m.At, m.Kind)
	})
	defer late.Stop()
	err = one(uint64(m.Number), func(*rand.Rand) error { return try(m) })
	if d := time.Since(begun); err == nil && d > mutantTime {
		err = fmt.Errorf("it took %v, more than %v", d, mutantTime)
	}
	return err
}
