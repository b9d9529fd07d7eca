package sensor

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"

	"saksi/sensor/decode"
	"saksi/sensor/flow"
)

// Talker is a host by what it sent and received.
type Talker struct {
	Addr           netip.Addr
	Flows          uint64
	Sent, Received uint64 // IP bytes
	Packets        uint64
}

// maxTalkers bounds the hosts that one shard counts: as shards do not depend on
// the number of workers, which are counted does not either.
const maxTalkers = maxCounted / decode.NumShards

// host is a Talker without pointers.
type host struct {
	addr                           [16]byte
	flows, sent, received, packets uint64
}

// talkers counts the hosts of one shard. The zero value is ready.
type talkers struct {
	hosts []host
	index []uint16 // open addressing: 1 + the index into hosts
	other uint64   // flows of hosts beyond maxTalkers
}

// hostSeed keeps senders from choosing addresses that collide.
var hostSeed = rand.Uint64() | 1

func (t *talkers) at(a *[16]byte) int {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(a[:8])^hostSeed, binary.LittleEndian.Uint64(a[8:])^0x8bb84b93962eacc9)
	return int((hi^lo)*hostSeed>>40) & (len(t.index) - 1)
}

func (t *talkers) add(a *[16]byte, sent, received, packets uint64) {
	if 2*len(t.hosts) >= len(t.index) {
		t.grow()
	}
	i := t.at(a)
	for ; t.index[i] != 0; i = (i + 1) & (len(t.index) - 1) {
		if h := &t.hosts[t.index[i]-1]; h.addr == *a {
			h.flows++
			h.sent += sent
			h.received += received
			h.packets += packets
			return
		}
	}
	if len(t.hosts) >= maxTalkers {
		t.other++
		return
	}
	t.hosts = append(t.hosts, host{*a, 1, sent, received, packets})
	t.index[i] = uint16(len(t.hosts))
}

func (t *talkers) grow() {
	t.index = make([]uint16, max(16, 2*len(t.index)))
	for k := range t.hosts {
		i := t.at(&t.hosts[k].addr)
		for t.index[i] != 0 {
			i = (i + 1) & (len(t.index) - 1)
		}
		t.index[i] = uint16(k + 1)
	}
}

// flow counts both hosts of a flow that has ended.
func (t *talkers) flow(r *flow.Record, sent, received uint64) {
	n := uint64(r.Pkts[0]) + uint64(r.Pkts[1])
	o, p := r.Addrs()
	t.add(o, sent, received, n)
	t.add(p, received, sent, n)
}

// Talkers are the hosts counted, those of most bytes first.
func (s *Summary) Talkers() []Talker {
	sum := map[[16]byte]*Talker{}
	for _, t := range s.talkers {
		for i := range t.hosts {
			h := &t.hosts[i]
			x := sum[h.addr]
			if x == nil {
				x = &Talker{Addr: decode.Addr(h.addr)}
				sum[h.addr] = x
			}
			x.Flows += h.flows
			x.Sent += h.sent
			x.Received += h.received
			x.Packets += h.packets
		}
	}
	list := make([]Talker, 0, len(sum))
	for _, x := range sum {
		list = append(list, *x)
	}
	slices.SortFunc(list, func(a, b Talker) int {
		return cmp.Or(cmp.Compare(b.Sent+b.Received, a.Sent+a.Received), a.Addr.Compare(b.Addr))
	})
	return list
}
