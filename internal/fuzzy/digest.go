// Package fuzzy makes and compares fuzzy hashes as ssdeep does: context triggered
// piecewise hashing (J. Kornblum, Identifying almost identical files using context
// triggered piecewise hashing, Digital Investigation 3, 2006). Digest makes a hash in
// one pass, Compare says how alike two are.
package fuzzy

const (
	least  = 3  // smallest block size
	window = 7  // bytes of the rolling hash
	length = 64 // characters of a hash
	blocks = 31 // block sizes: 3 times powers of two

	prime = 0x01000193 // of FNV
	first = 0x28021967
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// Digest is a hash under way of content whose size is known.
type Digest struct {
	guess int // block size that fits the size
	low   int // contexts below are not needed
	list  []context
	roll  rolling
}

// rolling hashes the last bytes: their sum, their sum by place, and a shifted one.
type rolling struct {
	window     [window]byte
	sum, by, x uint32
	at         int
}

func (r *rolling) add(c byte) uint32 {
	r.by += window*uint32(c) - r.sum
	r.sum += uint32(c) - uint32(r.window[r.at])
	r.window[r.at] = c
	if r.at++; r.at == window {
		r.at = 0
	}
	r.x = r.x<<5 ^ uint32(c)
	return r.sum + r.by + r.x
}

// context is a hash of one block size, whole and cut to half its length.
type context struct {
	h, half  uint32
	n, m     int // characters that are done
	out, cut [length]byte
}

func (c *context) end() {
	c.out[c.n] = alphabet[c.h%64]
	if c.n < length-1 {
		c.n++
		c.h = first
	}
	c.cut[c.m] = alphabet[c.half%64]
	if c.m < length/2-1 {
		c.m++
		c.half = first
	}
}

// text is what was hashed until now; rest says that bytes followed the last end.
func text(b *[length]byte, n int, h uint32, rest bool) string {
	if rest {
		return string(b[:n]) + alphabet[h%64:h%64+1]
	}
	if b[n] != 0 {
		return string(b[:n+1])
	}
	return string(b[:n])
}

// New begins a hash of content of size bytes.
func New(size int64) *Digest {
	d := &Digest{list: []context{{h: first, half: first}}}
	for d.guess < blocks-1 && int64(least)<<d.guess*length < size {
		d.guess++
	}
	return d
}

// Write implements io.Writer; it takes no error.
func (d *Digest) Write(p []byte) (int, error) {
	for _, c := range p {
		for i := d.low; i < len(d.list); i++ {
			x := &d.list[i]
			x.h = x.h*prime ^ uint32(c)
			x.half = x.half*prime ^ uint32(c)
		}
		r := d.roll.add(c)
		if r%least != least-1 {
			continue
		}
		// What ends a piece of a block size ends one of each smaller one.
		for i := d.low; i < len(d.list); i++ {
			size := uint32(least) << i
			if r%size != size-1 {
				break
			}
			d.end(i)
		}
	}
	return len(p), nil
}

// end ends a piece of context i. The first time, all content lies in it: the next
// larger block size begins as it.
func (d *Digest) end(i int) {
	if x := &d.list[i]; i == len(d.list)-1 && i <= d.guess && i+1 < blocks {
		d.list = append(d.list, context{h: x.h, half: x.half})
	}
	d.list[i].end()
	if i == d.low+1 && i <= d.guess && d.list[i].n >= length/2 {
		d.low++
	}
}

// Sum is the hash of what was written.
func (d *Digest) Sum() Hash {
	i := min(d.guess, len(d.list)-1)
	for i > d.low && d.list[i].n < length/2 {
		i--
	}
	rest := d.roll.sum+d.roll.by+d.roll.x != 0
	x := &d.list[i]
	h := Hash{Block: least << i, One: text(&x.out, x.n, x.h, rest)}
	switch {
	case i+1 < len(d.list):
		y := &d.list[i+1]
		h.Two = text(&y.cut, y.m, y.half, rest)
	case rest:
		h.Two = alphabet[x.h%64 : x.h%64+1]
	}
	return h
}
