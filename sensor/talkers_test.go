package sensor

import (
	"encoding/binary"
	"testing"
)

// TestTalkers proves that hosts are told apart and added up over shards, and
// that those beyond the bound are counted.
func TestTalkers(t *testing.T) {
	s := newSummary()
	addr := func(i int) *[16]byte {
		a := [16]byte{10: 0xff, 11: 0xff}
		binary.BigEndian.PutUint32(a[12:], 10<<24|uint32(i))
		return &a
	}
	for shard := range 2 {
		for i := range maxTalkers + 5 {
			for range 2 {
				s.talkers[shard].add(addr(i), uint64(i), 1, 2)
			}
		}
		if n := s.talkers[shard].other; n != 10 {
			t.Errorf("%d flows counted beyond the hosts kept, expected 10", n)
		}
	}
	list := s.Talkers()
	if len(list) != maxTalkers {
		t.Fatalf("%d hosts, expected %d", len(list), maxTalkers)
	}
	for k, x := range list { // those of most bytes first
		i := uint64(maxTalkers - 1 - k)
		if want := (Talker{Addr: list[k].Addr, Flows: 4, Sent: 4 * i, Received: 4, Packets: 8}); x != want || x.Addr.As16() != *addr(int(i)) {
			t.Fatalf("host %d is %v, expected %v", k, x, want)
		}
	}
}
