// Package lzfse unpacks Apple's LZFSE and LZVN, as disk images (UDIF) and
// compressed files of HFS+ and APFS hold them. No maintained Go module does.
//
// Specification: Apple, lzfse 1.0 (src/lzfse_internal.h and the decoders beside it).
package lzfse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

var le = binary.LittleEndian

// Of the format.
const (
	lSymbols, mSymbols, dSymbols, litSymbols = 20, 20, 64, 256
	lStates, mStates, dStates, litStates     = 64, 64, 256, 1024
	mostMatches                              = 10000
	mostLiterals                             = 4 * mostMatches
	// maxEmpty bounds the matches of one stream that give nothing; a block that gives
	// nothing counts as many.
	maxEmpty = 4 * mostMatches
)

// Extra bits and first values of the symbols of literal lengths, match lengths and
// distances.
var (
	lBits = [lSymbols]uint8{16: 2, 3, 5, 8}
	mBits = [mSymbols]uint8{16: 3, 5, 8, 11}
	dBits [dSymbols]uint8
	lBase = bases(lBits[:])
	mBase = bases(mBits[:])
	dBase []int32
)

func init() {
	for i := range dBits {
		dBits[i] = uint8(i / 4)
	}
	dBase = bases(dBits[:])
}

// bases gives the first value of each symbol: values follow each other.
func bases(extra []uint8) []int32 {
	out, next := make([]int32, len(extra)), int32(0)
	for i, n := range extra {
		out[i] = next
		next += 1 << n
	}
	return out
}

// decoder is what holds between blocks.
type decoder struct {
	dst   []byte
	n     int
	empty int
	lits  []byte
}

// Decode unpacks a stream into dst and gives the bytes that it wrote. It ends where
// the stream says so, or where dst is full.
func Decode(dst, src []byte) (int, error) {
	d := &decoder{dst: dst}
	for at := 0; ; {
		b := src[at:]
		if len(b) < 4 {
			return d.n, fmt.Errorf("LZFSE: the stream ends at offset %d, after %d bytes, without its end", at, d.n)
		}
		magic := string(b[:4])
		if magic == "bvx$" || d.n == len(dst) {
			return d.n, nil
		}
		before := d.n
		used, err := d.block(magic, b)
		if err == nil && d.n == before {
			if d.empty += maxEmpty / 64; d.empty > maxEmpty {
				err = errors.New("it gives nothing, as many before it")
			}
		}
		if err != nil {
			return d.n, fmt.Errorf("LZFSE: the block at offset %d: %w", at, err)
		}
		at += used
	}
}

var errCut = errors.New("it is cut")

// block unpacks one block and gives its size in the stream.
func (d *decoder) block(magic string, b []byte) (int, error) {
	if len(b) < 8 {
		return 0, errCut
	}
	raw := int64(le.Uint32(b[4:]))
	switch magic {
	case "bvx-":
		if raw > int64(len(b)-8) {
			return 0, errCut
		}
		d.n += copy(d.dst[d.n:], b[8:8+raw])
		return 8 + int(raw), nil
	case "bvxn":
		if len(b) < 12 {
			return 0, errCut
		}
		packed := int64(le.Uint32(b[8:]))
		if packed > int64(len(b)-12) {
			return 0, errCut
		}
		first := d.n
		end := int(min(int64(len(d.dst)), int64(first)+raw))
		var err error
		if d.n, err = vn(d.dst[:end], first, b[12:12+packed]); err != nil {
			return 0, err
		}
		if d.n < end {
			return 0, fmt.Errorf("%d bytes came out, it claims %d", d.n-first, raw)
		}
		return 12 + int(packed), nil
	case "bvx1", "bvx2":
		var h header
		size, err := h.read(magic, b)
		if err != nil {
			return 0, err
		}
		first := d.n
		if err := d.fse(&h, b[:size+h.literalBytes+h.lmdBytes], size); err != nil {
			return 0, err
		}
		if got := int64(d.n - first); got != raw && d.n < len(d.dst) {
			return 0, fmt.Errorf("%d bytes came out, it claims %d", got, raw)
		}
		return size + h.literalBytes + h.lmdBytes, nil
	}
	return 0, fmt.Errorf("it begins with %q, which is none", magic)
}

// header is that of a block packed by LZFSE.
type header struct {
	literals, matches, literalBytes, lmdBytes int
	literalBits, lmdBits                      int
	literal                                   [4]uint16
	l, m, d                                   uint16
	freq                                      [lSymbols + mSymbols + dSymbols + litSymbols]uint16
}

// read reads one of version 1 or 2 and gives its size.
func (h *header) read(magic string, b []byte) (size int, err error) {
	if magic == "bvx1" {
		// 8 packed | 12 literals | 16 matches | 20 bytes of literals | 24 of the others |
		// 28 bits | 32 states | 40 bits | 44 states | 50 frequencies
		if size = 50 + 2*len(h.freq) + 2; len(b) < size { // it ends on 4 bytes
			return 0, errCut
		}
		h.literals, h.matches = int(le.Uint32(b[12:])), int(le.Uint32(b[16:]))
		h.literalBytes, h.lmdBytes = int(le.Uint32(b[20:])), int(le.Uint32(b[24:]))
		h.literalBits, h.lmdBits = int(int32(le.Uint32(b[28:]))), int(int32(le.Uint32(b[40:])))
		for i := range h.literal {
			h.literal[i] = le.Uint16(b[32+2*i:])
		}
		h.l, h.m, h.d = le.Uint16(b[44:]), le.Uint16(b[46:]), le.Uint16(b[48:])
		for i := range h.freq {
			h.freq[i] = le.Uint16(b[50+2*i:])
		}
	} else {
		if len(b) < 32 {
			return 0, errCut
		}
		x, y, z := le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:])
		get := func(v uint64, at, n uint) int { return int(v >> at & (1<<n - 1)) }
		h.literals, h.literalBytes, h.matches, h.literalBits = get(x, 0, 20), get(x, 20, 20), get(x, 40, 20), get(x, 60, 3)-7
		for i := range h.literal {
			h.literal[i] = uint16(get(y, uint(10*i), 10))
		}
		h.lmdBytes, h.lmdBits = get(y, 40, 20), get(y, 60, 3)-7
		size = get(z, 0, 32)
		h.l, h.m, h.d = uint16(get(z, 32, 10)), uint16(get(z, 42, 10)), uint16(get(z, 52, 10))
		if size < 32 || size > len(b) {
			return 0, errCut
		}
		if err := h.frequencies(b[32:size]); err != nil {
			return 0, err
		}
	}
	switch rest := len(b) - size; {
	case h.literals > mostLiterals || h.literals%4 != 0 || h.matches > mostMatches || h.literals < 0 || h.matches < 0:
		err = fmt.Errorf("%d literals and %d matches", h.literals, h.matches)
	case h.literalBytes < 0 || h.lmdBytes < 0 || h.literalBytes > rest || h.lmdBytes > rest-h.literalBytes:
		err = errCut
	case h.literal[0] >= litStates || h.literal[1] >= litStates || h.literal[2] >= litStates || h.literal[3] >= litStates || h.l >= lStates || h.m >= mStates || h.d >= dStates:
		err = errors.New("a state that is none")
	}
	return size, err
}

// frequencies reads the packed table of them.
func (h *header) frequencies(b []byte) error {
	widths := [32]uint8{2, 3, 2, 5, 2, 3, 2, 8, 2, 3, 2, 5, 2, 3, 2, 14, 2, 3, 2, 5, 2, 3, 2, 8, 2, 3, 2, 5, 2, 3, 2, 14}
	values := [32]uint16{0, 2, 1, 4, 0, 3, 1, 0, 0, 2, 1, 5, 0, 3, 1, 0, 0, 2, 1, 6, 0, 3, 1, 0, 0, 2, 1, 7, 0, 3, 1, 0}
	if len(b) == 0 { // all are 0
		return nil
	}
	acc, n := uint32(0), uint(0)
	for i := range h.freq {
		for len(b) > 0 && n <= 24 {
			acc |= uint32(b[0]) << n
			b, n = b[1:], n+8
		}
		w, v := uint(widths[acc&31]), values[acc&31]
		switch w {
		case 8:
			v = 8 + uint16(acc>>4&0xf)
		case 14:
			v = 24 + uint16(acc>>4&0x3ff)
		}
		if w > n {
			return errors.New("its table of frequencies is cut")
		}
		h.freq[i], acc, n = v, acc>>w, n-w
	}
	if n >= 8 || len(b) > 0 {
		return errors.New("its table of frequencies is longer than it is")
	}
	return nil
}

// state is what one state of a decoder gives: a symbol's value, and how the next
// state is made.
type state struct {
	base  int32
	delta int16
	total uint8 // bits to read, of which extra are of the value
	extra uint8
}

// states makes the table of a decoder. Symbols stand for values, or for themselves.
func states(size int, freq []uint16, extra []uint8, base []int32) ([]state, error) {
	out := make([]state, 0, size)
	for i, f16 := range freq {
		f := int(f16)
		if f == 0 {
			continue
		}
		if f > size-len(out) {
			return nil, fmt.Errorf("frequencies of more than %d states", size)
		}
		k := bits.LeadingZeros32(uint32(f)) - bits.LeadingZeros32(uint32(size))
		border := 2*size>>k - f
		s := state{base: int32(i)}
		if base != nil {
			s.base, s.extra = base[i], extra[i]
		}
		for j := range f {
			if j < border {
				s.total, s.delta = uint8(k)+s.extra, int16((f+j)<<k-size)
			} else {
				s.total, s.delta = uint8(k-1)+s.extra, int16((j-border)<<(k-1))
			}
			out = append(out, s)
		}
	}
	// A state beyond them is none; a sound stream never comes there.
	for len(out) < size {
		out = append(out, state{base: -1})
	}
	return out, nil
}

// stream reads bits backwards.
type stream struct {
	b   []byte
	at  int // of what was read last
	acc uint64
	n   int
}

func newStream(b []byte, end, n int) (*stream, error) {
	s := &stream{b: b}
	size := 8
	if n == 0 {
		size = 7
	}
	if n < -7 || n > 0 || end < size {
		return nil, errCut
	}
	s.at = end - size
	for i := range size {
		s.acc |= uint64(b[s.at+i]) << (8 * i)
	}
	s.n = size*8 + n
	if s.acc>>s.n != 0 {
		return nil, errors.New("its bits are damaged")
	}
	return s, nil
}

// fill makes at least 56 bits there.
func (s *stream) fill() error {
	n := (63 - s.n) &^ 7
	if s.at -= n / 8; s.at < 0 {
		return errCut
	}
	for i := n/8 - 1; i >= 0; i-- {
		s.acc = s.acc<<8 | uint64(s.b[s.at+i])
	}
	s.n += n
	return nil
}

func (s *stream) pull(n uint8) uint64 {
	s.n -= int(n)
	v := s.acc >> s.n
	s.acc &= 1<<s.n - 1
	return v
}

// next gives the value of a state, and makes the next one of it.
func (s *stream) next(table []state, at *uint16) int32 {
	e := &table[*at]
	v := s.pull(e.total)
	*at = uint16((int(e.delta) + int(v>>e.extra)) & (len(table) - 1))
	return e.base + int32(v&(1<<e.extra-1))
}

// fse unpacks a block whose header ends at head.
func (d *decoder) fse(h *header, b []byte, head int) error {
	f := h.freq[:]
	lt, err1 := states(lStates, f[:lSymbols], lBits[:], lBase)
	mt, err2 := states(mStates, f[lSymbols:lSymbols+mSymbols], mBits[:], mBase)
	dt, err3 := states(dStates, f[lSymbols+mSymbols:lSymbols+mSymbols+dSymbols], dBits[:], dBase)
	ct, err4 := states(litStates, f[lSymbols+mSymbols+dSymbols:], nil, nil)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	// What is read backwards may begin with bits of the header.
	s, err := newStream(b, head+h.literalBytes, h.literalBits)
	if err != nil {
		return fmt.Errorf("its literals: %w", err)
	}
	d.lits = d.lits[:0]
	for i := 0; i < h.literals; i += 4 {
		if err := s.fill(); err != nil {
			return fmt.Errorf("its literals: %w", err)
		}
		for k := range h.literal {
			v := s.next(ct, &h.literal[k])
			if v < 0 {
				return errors.New("its literals are damaged")
			}
			d.lits = append(d.lits, byte(v))
		}
	}
	if s, err = newStream(b, len(b), h.lmdBits); err != nil {
		return fmt.Errorf("its matches: %w", err)
	}
	lits, dist := d.lits, 0
	for range h.matches {
		if d.n == len(d.dst) {
			return nil
		}
		if err := s.fill(); err != nil {
			return fmt.Errorf("its matches: %w", err)
		}
		l, m, back := s.next(lt, &h.l), s.next(mt, &h.m), s.next(dt, &h.d)
		if l < 0 || m < 0 || back < 0 || int(l) > len(lits) {
			return errors.New("its matches are damaged")
		}
		if l == 0 && m == 0 {
			if d.empty++; d.empty > maxEmpty {
				return errors.New("it has more matches of nothing than any sound stream")
			}
		}
		if back != 0 {
			dist = int(back)
		}
		d.n += copy(d.dst[d.n:], lits[:l])
		if lits = lits[l:]; m > 0 {
			if d.n, err = repeat(d.dst, d.n, dist, int(m)); err != nil {
				return err
			}
		}
	}
	return nil
}
