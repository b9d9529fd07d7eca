package suricata

import (
	"bytes"
	"math"
	"math/bits"
	"slices"
)

// prefilter finds which of many literals occur in a buffer, in one pass and
// without allocation: each literal stands in a hash table under the rarest four
// bytes it holds (two, for short ones), a bitmap over hashes keeps most
// positions away from the table, and what the table names is compared. All of
// it is arrays without pointers.
type prefilter struct {
	shift   uint
	bitmap  []uint64
	table   []uint32 // open addressing: gram index + 1
	grams   []gram
	entries []gramEntry
	short   []uint64 // bitmap over two bytes; nil without short literals
	shorts  []gram   // sorted by key
	pats    []literal
	data    []byte // the literals, folded and as they are
	refs    []literalRef
}

type gram struct{ key, start, n uint32 }

type gramEntry struct {
	pat uint32
	off uint32 // of the gram in the literal
}

// literal is one distinct (bytes, nocase) pair; at data[start:] its bytes.
type literal struct {
	start, n   uint32
	ref, nrefs uint32
	nocase     bool
}

// literalRef is a rule that needs the literal, and where it may stand.
type literalRef struct {
	rule uint32
	lo   uint32 // earliest start
	hi   uint32 // latest end
	end  bool   // ends with the buffer
}

// pattern is one literal to compile.
type pattern struct {
	bytes  []byte
	nocase bool
	ref    literalRef
}

// minPattern is the shortest literal a prefilter takes.
const minPattern = 2

const hashFactor = 0x9E3779B1

func fold(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = foldTable[c]
	}
	return out
}

// rarity estimates how seldom a byte stands in traffic, as -log2.
var rarity = func() (t [256]float64) {
	for i := range t {
		t[i] = 9
	}
	for c, f := range map[string]float64{"etaoinsr": 4, "hldcumfpgwyb": 5, "vkxjqz": 7, "0123456789": 5.5, " /.-=": 5, "\x00": 3.5, "\r\n:,;\"": 6, "\xff": 5.5, "_%&?<>": 6.5} {
		for i := range len(c) {
			t[c[i]] = f
		}
	}
	return t
}()

func newPrefilter(pats []pattern) *prefilter {
	if len(pats) == 0 {
		return nil
	}
	p := &prefilter{}
	slices.SortStableFunc(pats, func(a, b pattern) int {
		if c := bytes.Compare(a.bytes, b.bytes); c != 0 {
			return c
		}
		if a.nocase != b.nocase {
			if a.nocase {
				return 1
			}
			return -1
		}
		return int(a.ref.rule) - int(b.ref.rule)
	})
	for i, q := range pats {
		if i == 0 || !bytes.Equal(q.bytes, pats[i-1].bytes) || q.nocase != pats[i-1].nocase {
			p.pats = append(p.pats, literal{start: uint32(len(p.data)), n: uint32(len(q.bytes)), ref: uint32(len(p.refs)), nocase: q.nocase})
			p.data = append(p.data, q.bytes...)
		}
		p.refs = append(p.refs, q.ref)
		p.pats[len(p.pats)-1].nrefs++
	}
	p.index()
	return p
}

// index chooses each literal's gram and fills the tables.
func (p *prefilter) index() {
	common := map[uint32]int{}
	folded := make([][]byte, len(p.pats))
	for i := range p.pats {
		l := &p.pats[i]
		folded[i] = fold(p.data[l.start : l.start+l.n])
		for j := 0; j+4 <= len(folded[i]); j++ {
			common[be32(folded[i][j:])]++
		}
	}
	byGram, byShort := map[uint32][]gramEntry{}, map[uint32][]gramEntry{}
	for i, f := range folded {
		if len(f) < 4 {
			k, off := shortKey(f)
			byShort[k] = append(byShort[k], gramEntry{uint32(i), off})
			continue
		}
		best, at := math.Inf(-1), 0
		for j := 0; j+4 <= len(f); j++ {
			score := rarity[f[j]] + rarity[f[j+1]] + rarity[f[j+2]] + rarity[f[j+3]] - math.Log2(float64(common[be32(f[j:])]))
			if f[j] == f[j+1] && f[j+1] == f[j+2] {
				score -= 8
			}
			if score > best {
				best, at = score, j
			}
		}
		k := be32(f[at:])
		byGram[k] = append(byGram[k], gramEntry{uint32(i), uint32(at)})
	}
	p.grams = p.flatten(byGram)
	p.shorts = p.flatten(byShort)
	size := max(bits.Len(uint(len(p.grams)))+5, 10)
	size = min(size, 20)
	p.shift = uint(32 - size)
	p.bitmap = make([]uint64, 1<<size/64)
	tsize := 1 << max(bits.Len(uint(len(p.grams)))+1, 4)
	p.table = make([]uint32, tsize)
	for i, g := range p.grams {
		h := g.key * hashFactor
		p.bitmap[h>>p.shift>>6] |= 1 << (h >> p.shift & 63)
		slot := h >> 7 & uint32(tsize-1)
		for p.table[slot] != 0 {
			slot = (slot + 1) & uint32(tsize-1)
		}
		p.table[slot] = uint32(i + 1)
	}
	if len(p.shorts) > 0 {
		p.short = make([]uint64, 1024)
		for _, g := range p.shorts {
			p.short[g.key>>6] |= 1 << (g.key & 63)
		}
	}
}

func (p *prefilter) flatten(m map[uint32][]gramEntry) []gram {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]gram, len(keys))
	for i, k := range keys {
		out[i] = gram{k, uint32(len(p.entries)), uint32(len(m[k]))}
		p.entries = append(p.entries, m[k]...)
	}
	return out
}

// shortKey chooses the rarer pair of a literal of two or three bytes.
func shortKey(f []byte) (key, off uint32) {
	if len(f) == 3 && rarity[f[1]]+rarity[f[2]] > rarity[f[0]]+rarity[f[1]] {
		return uint32(f[1])<<8 | uint32(f[2]), 1
	}
	return uint32(f[0])<<8 | uint32(f[1]), 0
}

func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// candidates collects rules, each once.
type candidates struct {
	stamp []uint32
	epoch uint32
	list  []uint32
}

func (c *candidates) reset() {
	c.list = c.list[:0]
	c.epoch++
	if c.epoch == 0 {
		clear(c.stamp)
		c.epoch = 1
	}
}

func (c *candidates) add(rule uint32) {
	if c.stamp[rule] != c.epoch {
		c.stamp[rule] = c.epoch
		c.list = append(c.list, rule)
	}
}

// scan adds to c the rules whose literal stands in text.
func (p *prefilter) scan(text []byte, c *candidates) {
	if p == nil || len(text) < minPattern {
		return
	}
	if len(p.grams) == 0 || len(text) < 4 {
		if p.short != nil {
			p.scanShort(text, text, c)
		}
		return
	}
	if p.short != nil {
		p.scanBoth(text, c)
		return
	}
	bitmap, shift := p.bitmap, p.shift
	v := uint32(foldTable[text[0]])<<16 | uint32(foldTable[text[1]])<<8 | uint32(foldTable[text[2]])
	for i, b := range text[3:] {
		v = v<<8 | uint32(foldTable[b])
		h := v * hashFactor
		if bitmap[h>>shift>>6]>>(h>>shift&63)&1 != 0 {
			p.lookup(v, h, text, i, c)
		}
	}
}

func (p *prefilter) lookup(v, h uint32, text []byte, at int, c *candidates) {
	mask := uint32(len(p.table) - 1)
	for slot := h >> 7 & mask; ; slot = (slot + 1) & mask {
		i := p.table[slot]
		if i == 0 {
			return
		}
		if g := &p.grams[i-1]; g.key == v {
			p.verify(g, text, at, c)
			return
		}
	}
}

// scanBoth looks for long and short literals in one pass over a text of at least
// four bytes.
func (p *prefilter) scanBoth(text []byte, c *candidates) {
	p.scanShort(text[:3], text, c)
	bitmap, shift := p.bitmap, p.shift
	short := (*[1024]uint64)(p.short)
	v := uint32(foldTable[text[0]])<<16 | uint32(foldTable[text[1]])<<8 | uint32(foldTable[text[2]])
	for i, b := range text[3:] {
		v = v<<8 | uint32(foldTable[b])
		if k := v & 0xFFFF; short[k>>6]>>(k&63)&1 != 0 {
			p.lookupShort(k, text, i+2, c)
		}
		h := v * hashFactor
		if bitmap[h>>shift>>6]>>(h>>shift&63)&1 != 0 {
			p.lookup(v, h, text, i, c)
		}
	}
}

// scanShort looks for the short literals that begin in part, the head of text.
func (p *prefilter) scanShort(part, text []byte, c *candidates) {
	v := uint32(foldTable[part[0]])
	for i, b := range part[1:] {
		v = v<<8&0xFFFF | uint32(foldTable[b])
		if p.short[v>>6]>>(v&63)&1 != 0 {
			p.lookupShort(v, text, i, c)
		}
	}
}

func (p *prefilter) lookupShort(v uint32, text []byte, at int, c *candidates) {
	j, ok := slices.BinarySearchFunc(p.shorts, v, func(g gram, k uint32) int { return int(g.key) - int(k) })
	if ok {
		p.verify(&p.shorts[j], text, at, c)
	}
}

// verify compares the literals of a gram that stands at text[at:].
func (p *prefilter) verify(g *gram, text []byte, at int, c *candidates) {
	for _, e := range p.entries[g.start : g.start+g.n] {
		l := &p.pats[e.pat]
		start := at - int(e.off)
		end := start + int(l.n)
		if start < 0 || end > len(text) {
			continue
		}
		want, have := p.data[l.start:l.start+l.n], text[start:end]
		if l.nocase {
			if !equalFold(have, want) {
				continue
			}
		} else if !bytes.Equal(have, want) {
			continue
		}
		for _, r := range p.refs[l.ref : l.ref+l.nrefs] {
			if uint32(start) >= r.lo && uint32(end) <= r.hi && (!r.end || end == len(text)) {
				c.add(r.rule)
			}
		}
	}
}

// equalFold compares text with a folded literal of the same length.
func equalFold(text, folded []byte) bool {
	for i, c := range text {
		if foldTable[c] != folded[i] {
			return false
		}
	}
	return true
}

// indexFold finds a folded literal in text, or -1.
func indexFold(text, folded []byte) int {
	n := len(folded)
	if n == 0 || n > len(text) {
		return -1
	}
	first := folded[0]
	for i := 0; i+n <= len(text); i++ {
		if foldTable[text[i]] == first && equalFold(text[i:i+n], folded) {
			return i
		}
	}
	return -1
}
