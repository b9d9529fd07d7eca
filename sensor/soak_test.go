package sensor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"saksi/internal/soak"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
	"saksi/sensor/decode"
)

// records are a capture in the pieces its format has: records of pcap, blocks
// of pcapng. head is what stands before the first.
type records struct {
	head  []byte
	list  [][]byte
	fixed int // bytes of a piece before its packet
}

func (c *records) bytes(n int) []byte {
	b := bytes.Clone(c.head)
	for _, r := range c.list[:n] {
		b = append(b, r...)
	}
	return b
}

// split cuts a capture of this kind of machine into its pieces.
func split(data []byte) (*records, error) {
	c := &records{fixed: 28}
	at, length := 0, func(b []byte) int { return int(binary.LittleEndian.Uint32(b[4:])) }
	if bytes.HasPrefix(data, []byte{0xd4, 0xc3, 0xb2, 0xa1}) || bytes.HasPrefix(data, []byte{0x4d, 0x3c, 0xb2, 0xa1}) {
		c.head, c.fixed, at = data[:24], 16, 24
		length = func(b []byte) int { return 16 + int(binary.LittleEndian.Uint32(b[8:])) }
	}
	for at < len(data) {
		if at+16 > len(data) && at+12 != len(data) {
			return nil, fmt.Errorf("%d bytes left at %d", len(data)-at, at)
		}
		n := length(data[at:])
		if n < 12 || at+n > len(data) {
			return nil, fmt.Errorf("a piece of %d bytes at %d", n, at)
		}
		c.list = append(c.list, data[at:at+n])
		at += n
	}
	return c, nil
}

// damage changes a capture; its first pieces, whose number is returned, stay
// as they are.
func damage(r *rand.Rand, whole *records) (data []byte, same int) {
	c := &records{head: whole.head, list: append([][]byte(nil), whole.list...), fixed: whole.fixed}
	same = len(c.list)
	for range 1 + r.IntN(6) {
		i, j := r.IntN(len(c.list)), r.IntN(len(c.list))
		same = min(same, i)
		switch r.IntN(6) {
		case 0: // swapped
			same = min(same, j)
			c.list[i], c.list[j] = c.list[j], c.list[i]
		case 1: // doubled, at once or elsewhere
			c.list = append(c.list[:i+1:i+1], append([][]byte{c.list[j]}, c.list[i+1:]...)...)
		case 2: // dropped
			if len(c.list) > 1 {
				c.list = append(c.list[:i:i], c.list[i+1:]...)
			}
		case 3: // a number of the piece's own header
			b := bytes.Clone(c.list[i])
			number(r, b, 0, min(c.fixed, len(b)))
			c.list[i] = b
		default: // a number in the headers of the packet
			b := bytes.Clone(c.list[i])
			number(r, b, min(c.fixed, len(b)), min(c.fixed+80, len(b)))
			c.list[i] = b
		}
	}
	data = c.bytes(len(c.list))
	if r.IntN(3) > 0 {
		return data, same
	}
	// And bytes anywhere. No longer known is how the pieces lie, but the first
	// ones lie as they did.
	data, first := soak.Mutate(r, data)
	at := len(whole.head)
	for n := range same {
		if at += len(whole.list[n]); at > first {
			return data, n
		}
	}
	return data, same
}

// number sets 1, 2 or 4 bytes of b between from and to to what a length should
// not be.
func number(r *rand.Rand, b []byte, from, to int) {
	if from >= to {
		return
	}
	at := from + r.IntN(to-from)
	n := min(1<<r.IntN(3), to-at)
	switch r.IntN(4) {
	case 0:
		clear(b[at : at+n])
	case 1:
		for i := range n {
			b[at+i] = 0xff
		}
	case 2:
		b[at+n-1] += byte(r.IntN(9)) - 4
	case 3:
		for i := range n {
			b[at+i] = byte(r.Uint32())
		}
	}
}

// emittedBy gives the documents that the packets of a capture emit by
// themselves: no timer runs and nothing is closed at the end.
func emittedBy(cfg Config, data []byte, key string) ([][]byte, error) {
	l := &lines{}
	cfg.Workers, cfg.MaxFile, cfg.Sink, cfg.Health = 1, defaultMaxFile, l, &Health{}
	sum := newSummary()
	s, err := openSource(context.Background(), &cfg, Source{Reader: bytes.NewReader(data), Name: "soak", Key: key}, sum)
	if err != nil { // no whole header
		return nil, nil
	}
	defer s.close()
	s.verify = !cfg.NoChecksum
	p := &pipeline{cfg: &cfg, rules: &cfg.Rules, src: s, sum: sum, gauge: newGauge(0)}
	p.order = newOrder(context.Background(), &cfg, sum, s)
	p.workers = []*worker{newWorker(p, 0, 1)}
	b := p.newBatch()
	for err = error(nil); err == nil; {
		err = p.next(context.Background(), b)
		b.closing = decode.NumShards + 1 // no shard's
		b.results[0] = p.workers[0].process(b)
		p.order.merge(b)
	}
	return bytes.SplitAfter(bytes.TrimSpace(l.buf.Bytes()), []byte("\n")), p.order.err
}

// TestSoakCaptures proves that captures of which bytes, lengths and packets were
// changed, cut, swapped, doubled and dropped never break the sensor: no panic,
// the same bytes by one worker and by three, within seconds and bounded memory,
// and what the packets before the damage had emitted is there.
func TestSoakCaptures(t *testing.T) {
	set, problems, err := suricata.LoadFiles([]string{"../testdata/rules/demo.rules"}, suricata.Config{Offer: Offer()})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, problems)
	}
	events, problems, err := sigma.Load([]string{"../testdata/rules/sigma"}, sigma.Config{})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, problems)
	}
	paths, err := filepath.Glob("../testdata/capture/*.pcap*")
	if err != nil {
		t.Fatal(err)
	}
	var wholes []*records
	for _, p := range paths {
		if strings.HasSuffix(p, ".gz") {
			continue
		}
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		c, err := split(data)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		wholes = append(wholes, c)
	}
	key := strings.Repeat("5", 64)
	var kept atomic.Int64
	soak.Run(t, soak.Config{Full: 20_000, Parallel: 2, Limit: 20 * time.Second}, func(r *rand.Rand) error {
		whole := wholes[r.IntN(len(wholes))]
		data, same := damage(r, whole)
		// What a wrong checksum leaves out stays shallow, and how an interface
		// takes checksums is decided by packets of the damage too.
		cfg := Config{Rules: RuleSet{Suricata: set, Sigma: events}, NoChecksum: r.IntN(4) > 0}
		var out [2]lines
		for i, n := range []int{1, 3} {
			cfg.Workers, cfg.Sink = n, &out[i]
			cfg.Sources = []Source{{Reader: bytes.NewReader(data), Name: "soak", Key: key}}
			if _, err := Read(context.Background(), cfg); err != nil && !errors.Is(err, ErrIncomplete) && out[i].buf.Len() > 0 {
				return fmt.Errorf("%d workers: %w", n, err)
			}
		}
		if !bytes.Equal(out[0].buf.Bytes(), out[1].buf.Bytes()) {
			return fmt.Errorf("three workers differ from one: %s", firstDifference(out[0].buf.Bytes(), out[1].buf.Bytes()))
		}
		if !cfg.NoChecksum {
			return nil
		}
		before, err := emittedBy(cfg, whole.bytes(same), key)
		if err != nil {
			return err
		}
		have := map[string]bool{}
		for l := range bytes.Lines(out[0].buf.Bytes()) {
			have[string(bytes.TrimSpace(l))] = true
		}
		for _, l := range before {
			if l = bytes.TrimSpace(l); len(l) > 0 && !have[string(l)] {
				return fmt.Errorf("piece %d is the first that was changed; lost: %s", same, l)
			}
			kept.Add(1)
		}
		return nil
	})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 1<<30 {
		t.Errorf("the process took %d MiB", m.Sys>>20)
	}
	t.Logf("%d documents from before the damage are there; the process took %d MiB", kept.Load(), m.Sys>>20)
	if kept.Load() == 0 {
		t.Error("nothing stood before any damage: nothing was tried")
	}
}
