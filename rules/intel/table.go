package intel

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
)

// key is the first 128 bits of the SHA-256 over a kind and a normal form.
type key [16]byte

func keyOf(k Kind, value []byte) key {
	var buf [256]byte
	b := append(append(buf[:0], byte(k)), value...)
	sum := sha256.Sum256(b)
	return key(sum[:16])
}

// entry is one value of one indicator.
type entry struct {
	record uint32 // where the indicator's record begins
	line   uint32 // in its file
}

// table finds values. Keys lie sorted in 256 parts, by their first byte; in
// front stands a filter (a Bloom filter in blocks of a cache line), so that a
// value that is not there mostly costs one look at memory.
type table struct {
	parts  [256]part
	filter []filter
	n      int
}

// part holds the keys with one first byte. from[i] is where those begin whose
// next bits are i.
type part struct {
	keys    []key
	entries []entry
	from    []uint32
	shift   uint8
}

func (p *part) bucket(k *key) uint32 {
	return uint32(uint64(binary.BigEndian.Uint32(k[1:])) >> p.shift)
}

// find returns the entries of a value.
func (t *table) find(k *key) []entry {
	p := &t.parts[k[0]]
	if len(p.keys) == 0 {
		return nil
	}
	b := p.bucket(k)
	from, to := p.from[b], p.from[b+1]
	for to-from > largeBucket {
		if mid := (from + to) / 2; bytes.Compare(p.keys[mid][:], k[:]) < 0 {
			from = mid + 1
		} else {
			to = mid
		}
	}
	end := p.from[b+1] // equal keys may go on
	for i := from; i < end; i++ {
		switch bytes.Compare(p.keys[i][:], k[:]) {
		case 0:
			last := i + 1
			for last < end && p.keys[last] == *k {
				last++
			}
			return p.entries[i:last]
		case 1:
			return nil
		}
	}
	return nil
}

// seeds make a value's place in the filter unknown to those who write values.
var seeds = func() (s [256]maphash.Seed) {
	for i := range s {
		s[i] = maphash.MakeSeed()
	}
	return s
}()

// filter is a Bloom filter of blocks of 512 bits, six bits of one block a
// value: at 12 bits a value about one question in 100 passes without cause.
type filter struct {
	blocks [][8]uint64
	room   int // values it is made for
	n      int
}

const filterBits = 12

func newFilter(room int) filter {
	return filter{blocks: make([][8]uint64, room*filterBits/512+1), room: room}
}

func (f *filter) block(h uint64) *[8]uint64 {
	i, _ := bits.Mul64(h, uint64(len(f.blocks)))
	return &f.blocks[i]
}

func (f *filter) add(h uint64) {
	b := f.block(h)
	for x, i := h*0x9e3779b97f4a7c15, 0; i < 6; i, x = i+1, x>>9 {
		b[x>>6&7] |= 1 << (x & 63)
	}
	f.n++
}

func (f *filter) has(h uint64) bool {
	b := f.block(h)
	for x, i := h*0x9e3779b97f4a7c15, 0; i < 6; i, x = i+1, x>>9 {
		if b[x>>6&7]>>(x&63)&1 == 0 {
			return false
		}
	}
	return true
}

// may reports whether a value may be there.
func (t *table) may(k Kind, value []byte) bool {
	h := maphash.Bytes(seeds[k], value)
	for i := range t.filter {
		if t.filter[i].has(h) {
			return true
		}
	}
	return false
}

// lookup returns the entries of a value. A value that is not there costs no
// allocation.
func (t *table) lookup(k Kind, value []byte) []entry {
	if t.n == 0 || !t.may(k, value) {
		return nil
	}
	sum := keyOf(k, value)
	return t.find(&sum)
}

// blockLen is how many entries lie together while a large table grows: a block
// is then as large as the allocator keeps apart.
const blockLen = 1365

type keyed struct {
	key key
	entry
}

// tableBuilder gathers values in any order.
type tableBuilder struct {
	parts [256][][]keyed
	t     table
}

// expect makes room in the filter for about n more values.
func (b *tableBuilder) expect(n int) {
	if i := len(b.t.filter) - 1; i >= 0 && b.t.filter[i].room-b.t.filter[i].n >= n {
		return
	}
	b.t.filter = append(b.t.filter, newFilter(max(n, 4096)))
}

func (b *tableBuilder) add(k Kind, value string, e entry) {
	v := []byte(value)
	i := len(b.t.filter) - 1
	if i < 0 || b.t.filter[i].n >= b.t.filter[i].room {
		b.expect(max(4096, b.t.n))
		i = len(b.t.filter) - 1
	}
	b.t.filter[i].add(maphash.Bytes(seeds[k], v))
	b.t.n++
	x := keyed{keyOf(k, v), e}
	p := &b.parts[x.key[0]]
	last := len(*p) - 1
	if last < 0 || len((*p)[last]) == cap((*p)[last]) {
		room := 8
		if last >= 0 {
			room = min(2*cap((*p)[last]), blockLen)
		}
		*p = append(*p, make([]keyed, 0, room))
		last++
	}
	(*p)[last] = append((*p)[last], x)
}

// largeBucket is what is sorted and searched in steps, not one by one.
const largeBucket = 32

// build sorts what was gathered. Values that are equal keep the order in which
// they came; one of the same indicator counts once.
func (b *tableBuilder) build() *table {
	for i := range b.parts {
		b.t.parts[i] = newPart(b.parts[i])
		b.parts[i] = nil
	}
	t := b.t // not the builder's own, which would keep the builder
	return &t
}

func newPart(blocks [][]keyed) (p part) {
	n := 0
	for _, block := range blocks {
		n += len(block)
	}
	if n == 0 {
		return p
	}
	log := max(bits.Len(uint(n))-3, 0) // about eight keys a bucket
	p.shift = uint8(32 - log)
	p.from = make([]uint32, 1<<log+1)
	for _, block := range blocks {
		for j := range block {
			p.from[p.bucket(&block[j].key)+1]++
		}
	}
	for j := 1; j < len(p.from); j++ {
		p.from[j] += p.from[j-1]
	}
	next := slices.Clone(p.from)
	p.keys, p.entries = make([]key, n), make([]entry, n)
	for _, block := range blocks {
		for j := range block {
			k := p.bucket(&block[j].key)
			p.keys[next[k]], p.entries[next[k]] = block[j].key, block[j].entry
			next[k]++
		}
	}
	at := uint32(0)
	for k := range len(p.from) - 1 {
		from, to := p.from[k], p.from[k+1]
		p.sort(from, to)
		p.from[k] = at
		for j := from; j < to; j++ {
			if j > from && at > p.from[k] && p.keys[at-1] == p.keys[j] && p.entries[at-1] == p.entries[j] {
				continue
			}
			p.keys[at], p.entries[at] = p.keys[j], p.entries[j]
			at++
		}
	}
	p.from[len(p.from)-1] = at
	p.keys, p.entries = p.keys[:at], p.entries[:at]
	return p
}

// sort sorts a bucket, keeping the order of equal keys.
func (p *part) sort(from, to uint32) {
	if to-from > largeBucket {
		list := make([]keyed, 0, to-from)
		for j := from; j < to; j++ {
			list = append(list, keyed{p.keys[j], p.entries[j]})
		}
		slices.SortStableFunc(list, func(x, y keyed) int { return bytes.Compare(x.key[:], y.key[:]) })
		for j := range list {
			p.keys[from+uint32(j)], p.entries[from+uint32(j)] = list[j].key, list[j].entry
		}
		return
	}
	for i := from + 1; i < to; i++ {
		for j := i; j > from && bytes.Compare(p.keys[j-1][:], p.keys[j][:]) > 0; j-- {
			p.keys[j-1], p.keys[j] = p.keys[j], p.keys[j-1]
			p.entries[j-1], p.entries[j] = p.entries[j], p.entries[j-1]
		}
	}
}
