package stream

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// pull delivers data and whatever waited behind it.
func pull(h *Half, p *Pool, out []byte, data []byte) []byte {
	out = append(out, data...)
	for {
		d, _, ok := h.Pop(p)
		if !ok {
			return out
		}
		out = append(out, d...)
	}
}

// TestAnyOrder proves that segments in any order, cut anywhere, repeated and
// overlapping, give the stream exactly once, over the wrap of sequence numbers.
func TestAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	want := make([]byte, 20_000)
	for i := range want {
		want[i] = byte(rng.Uint32())
	}
	for range 200 {
		start := uint32(0xffffffff - rng.IntN(20_000))
		type seg struct{ from, to int }
		var segs []seg
		for at := 0; at < len(want); {
			end := min(at+1+rng.IntN(1400), len(want))
			segs = append(segs, seg{at, end})
			if rng.IntN(5) == 0 {
				a := rng.IntN(len(want))
				segs = append(segs, seg{a, min(a+1+rng.IntN(3000), len(want))})
			}
			at = end
		}
		for i := range segs { // packets overtake others, within a window
			j := min(i+rng.IntN(8), len(segs)-1)
			segs[i], segs[j] = segs[j], segs[i]
		}
		p := NewPool(Limits{PerHalf: 1 << 20}, nil)
		var h Half
		h.Begin(start)
		var got []byte
		for i, s := range segs {
			got = pull(&h, p, got, h.Add(p, start+uint32(s.from), want[s.from:s.to], uint64(i)))
		}
		if !bytes.Equal(got, want) || h.Waiting() || p.Held() != 0 {
			t.Fatalf("%d of %d bytes, %d held", len(got), len(want), p.Held())
		}
	}
}

// TestGaps proves that what the receiver acknowledged without being captured
// is told as a gap, and what waited behind it follows.
func TestGaps(t *testing.T) {
	p := NewPool(Limits{}, nil)
	var h Half
	h.Begin(1000)
	got := pull(&h, p, nil, h.Add(p, 1000, []byte("satu"), 1))
	if d := h.Add(p, 1010, []byte("tiga"), 3); d != nil {
		t.Fatalf("delivered %q out of order", d)
	}
	if n := h.Acked(p, 1004); n != 0 {
		t.Fatalf("a gap of %d where nothing is missing", n)
	}
	if n := h.Acked(p, 1014); n != 6 {
		t.Fatalf("a gap of %d, expected 6", n)
	}
	if got = pull(&h, p, got, nil); string(got) != "satutiga" {
		t.Fatalf("got %q", got)
	}
	h.Fin(1014)
	if !h.Ended() || h.Acked(p, 1015) != 0 || p.GapBytes[GapLost] != 6 {
		t.Fatalf("ended %v, %d bytes lost", h.Ended(), p.GapBytes[GapLost])
	}
}

// TestFirstStands proves that bytes that came first are not replaced, whether
// they wait or were delivered.
func TestFirstStands(t *testing.T) {
	p := NewPool(Limits{}, nil)
	var h Half
	h.Begin(0)
	h.Add(p, 4, []byte("BBBB"), 1)
	h.Add(p, 2, []byte("xxxxxxxx"), 2)
	got := pull(&h, p, nil, h.Add(p, 0, []byte("aaaaaaaaaaaa"), 3))
	got = pull(&h, p, got, h.Add(p, 0, []byte("zzzzzzzzzzzzzz"), 4))
	if string(got) != "aaxxBBBBxxaazz" {
		t.Fatalf("got %q", got)
	}
}

// TestBounds proves that what waits stays within the limit and is let go of
// with a gap, and that segments far off are not believed.
func TestBounds(t *testing.T) {
	p := NewPool(Limits{PerHalf: 10_000, Window: 1 << 20}, nil)
	var h Half
	h.Begin(0)
	total := 0
	for i := range 1000 {
		h.Add(p, uint32(1+i*1001), make([]byte, 1000), uint64(i))
		for h.Full(p) {
			if h.Skip(p, GapLimit) == 0 {
				t.Fatal("no gap to skip")
			}
			total += len(pull(&h, p, nil, nil))
		}
		if p.Held() > 10_000 {
			t.Fatalf("holds %d bytes", p.Held())
		}
	}
	if total < 900_000 || p.GapBytes[GapLimit] == 0 {
		t.Fatalf("delivered %d bytes, %d lost", total, p.GapBytes[GapLimit])
	}
	h.Drop(p)
	if p.Held() != 0 {
		t.Fatalf("holds %d bytes after Drop", p.Held())
	}
	h.Add(p, 1<<30, []byte("jauh"), 1)
	if p.OutOfWindow != 1 {
		t.Error("a segment far ahead was believed")
	}
}

// TestManyStreams proves that streams that share a pool do not mix what waits,
// and that all memory comes back, whether they end or are dropped.
func TestManyStreams(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	p := NewPool(Limits{}, nil)
	type stream struct {
		h        Half
		id       byte
		at, seen int // byte sent next, bytes delivered
	}
	check := func(s *stream, d []byte) {
		for _, c := range d {
			if want := s.id + byte(s.seen%251); c != want {
				t.Fatalf("byte %d of stream %d is %d, expected %d", s.seen, s.id, c, want)
			}
			s.seen++
		}
	}
	list := make([]stream, 20)
	for i := range list {
		list[i].id = byte(i)
		list[i].h.Begin(0)
	}
	for range 20_000 {
		s := &list[rng.IntN(len(list))]
		if rng.IntN(200) == 0 {
			s.h.Drop(p)
			*s = stream{id: s.id}
			s.h.Begin(0)
		}
		from := s.at
		if rng.IntN(4) > 0 { // ahead of what comes next
			from += 1 + rng.IntN(4000)
		} else {
			from = s.seen
		}
		b := make([]byte, 1+rng.IntN(3000))
		for k := range b {
			b[k] = s.id + byte((from+k)%251)
		}
		check(s, s.h.Add(p, uint32(from), b, 1))
		for {
			d, _, ok := s.h.Pop(p)
			if !ok {
				break
			}
			check(s, d)
		}
		s.at = s.seen
		for s.h.Full(p) {
			n := s.h.Skip(p, GapLimit)
			s.seen += int(n)
			for d, _, ok := s.h.Pop(p); ok; d, _, ok = s.h.Pop(p) {
				check(s, d)
			}
			s.at = s.seen
		}
		if s.h.held*blockSize > p.Limits.PerHalf {
			t.Fatalf("a stream holds %d blocks", s.h.held)
		}
	}
	if p.Held() == 0 {
		t.Error("nothing waits: nothing was tried")
	}
	for i := range list {
		list[i].h.Drop(p)
	}
	if p.Held() != 0 {
		t.Errorf("%d bytes held after all streams ended", p.Held())
	}
}
