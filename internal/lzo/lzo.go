// Package lzo unpacks LZO1X, as Btrfs and the Linux kernel write it.
//
// Specification: Linux, Documentation/staging/lzo.rst (the stream as its
// decoder understands it, without the run-length extension of bitstream 1).
package lzo

import "errors"

// Errors of hostile or damaged input.
var (
	ErrShort   = errors.New("the LZO stream ends early")
	ErrBack    = errors.New("the LZO stream refers to before its beginning")
	ErrTooMuch = errors.New("the LZO stream gives more than it may")
)

// decoder is a stream under way.
type decoder struct {
	src []byte
	at  int
	out []byte
	max int
}

func (d *decoder) next() (int, error) {
	if d.at >= len(d.src) {
		return 0, ErrShort
	}
	d.at++
	return int(d.src[d.at-1]), nil
}

// long is a length that goes on in zero bytes of 255 each.
func (d *decoder) long(base int) (int, error) {
	n := base
	for {
		b, err := d.next()
		if err != nil {
			return 0, err
		}
		if b != 0 {
			return n + b, nil
		}
		if n += 255; n > d.max {
			return 0, ErrTooMuch
		}
	}
}

func (d *decoder) literals(n int) error {
	if n > len(d.src)-d.at {
		return ErrShort
	}
	if n > d.max-len(d.out) {
		return ErrTooMuch
	}
	d.out = append(d.out, d.src[d.at:d.at+n]...)
	d.at += n
	return nil
}

func (d *decoder) match(back, n int) error {
	if back <= 0 || back > len(d.out) {
		return ErrBack
	}
	if n > d.max-len(d.out) {
		return ErrTooMuch
	}
	for range n {
		d.out = append(d.out, d.out[len(d.out)-back])
	}
	return nil
}

// Decode unpacks src, at most limit bytes.
func Decode(src []byte, limit int) ([]byte, error) {
	d := &decoder{src: src, max: limit, out: make([]byte, 0, min(limit, 64<<10))}
	state := 0 // literals copied last: 0, 1 to 3, or 4 for more
	if len(src) > 0 && src[0] > 17 {
		d.at = 1
		n := int(src[0]) - 17
		if err := d.literals(n); err != nil {
			return d.out, err
		}
		state = min(n, 4)
	}
	for {
		done, err := d.step(&state)
		if err != nil || done {
			return d.out, err
		}
	}
}

// step reads one instruction.
func (d *decoder) step(state *int) (done bool, err error) {
	b, err := d.next()
	if err != nil {
		return false, err
	}
	var n, back int
	tail := b & 3
	switch {
	case b < 16 && *state == 0:
		n = b + 3
		if b == 0 {
			if n, err = d.long(18); err != nil {
				return false, err
			}
		}
		*state = 4
		return false, d.literals(n)
	case b < 16:
		h, err := d.next()
		if err != nil {
			return false, err
		}
		back, n = h<<2+b>>2+1, 2
		if *state == 4 {
			back, n = back+2048, 3
		}
	case b < 32:
		if n = b&7 + 2; n == 2 {
			if n, err = d.long(9); err != nil {
				return false, err
			}
		}
		if back, tail, err = d.distance(); err != nil {
			return false, err
		}
		if back += b & 8 << 11; back == 0 {
			return true, nil // the end of the stream
		}
		back += 16384
	case b < 64:
		if n = b&31 + 2; n == 2 {
			if n, err = d.long(33); err != nil {
				return false, err
			}
		}
		if back, tail, err = d.distance(); err != nil {
			return false, err
		}
		back++
	default:
		h, err := d.next()
		if err != nil {
			return false, err
		}
		if b < 128 {
			n, back = b>>5&1+3, h<<3+b>>2&7+1
		} else {
			n, back = b>>5&3+5, h<<3+b>>2&7+1
		}
	}
	if err := d.match(back, n); err != nil {
		return false, err
	}
	*state = tail
	return false, d.literals(tail)
}

// distance reads 16 bits: a distance of 14 and how many literals follow.
func (d *decoder) distance() (back, tail int, err error) {
	lo, err := d.next()
	if err != nil {
		return 0, 0, err
	}
	hi, err := d.next()
	return (hi<<8 | lo) >> 2, lo & 3, err
}
