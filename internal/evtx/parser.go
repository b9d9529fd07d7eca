package evtx

import (
	"encoding/binary"
	"fmt"
)

// budget is what is left of a record's bounds, for all its nested parts.
type budget struct{ steps, bytes int }

// parser reads binary XML of a chunk between at and end.
type parser struct {
	c       *chunk
	at, end int
	left    *budget
	nodep   bool // elements have no dependency: in a value, outside of templates
}

// value is a substitution: its type and where its bytes are.
type value struct {
	typ      byte
	from, to int
}

func (p *parser) step() error {
	if p.left.steps--; p.left.steps < 0 {
		return errSteps
	}
	return nil
}

func (p *parser) need(n int) error {
	if n < 0 || n > p.end-p.at {
		return fmt.Errorf("%w: %d bytes are needed, %d left", errShort, n, p.end-p.at)
	}
	return nil
}

func (p *parser) u8() (byte, error) {
	if err := p.need(1); err != nil {
		return 0, err
	}
	p.at++
	return p.c.buf[p.at-1], nil
}

func (p *parser) u16() (uint16, error) {
	if err := p.need(2); err != nil {
		return 0, err
	}
	p.at += 2
	return binary.LittleEndian.Uint16(p.c.buf[p.at-2:]), nil
}

func (p *parser) u32() (uint32, error) {
	if err := p.need(4); err != nil {
		return 0, err
	}
	p.at += 4
	return binary.LittleEndian.Uint32(p.c.buf[p.at-4:]), nil
}

func (p *parser) skip(n int) error {
	err := p.need(n)
	if err == nil {
		p.at += n
	}
	return err
}

// text takes a number of characters and those in UTF-16.
func (p *parser) text() (string, error) {
	n, err := p.u16()
	if err == nil {
		err = p.need(2 * int(n))
	}
	if err != nil {
		return "", err
	}
	s := utf16le(p.c.buf[p.at : p.at+2*int(n)])
	p.at += 2 * int(n)
	return s, p.spend(len(s))
}

func (p *parser) spend(n int) error {
	if p.left.bytes -= n; p.left.bytes < 0 {
		return errBytes
	}
	return nil
}

// name takes the offset of a name in the chunk: the name stands right here, or
// where it was first used.
func (p *parser) name() (string, error) {
	off, err := p.u32()
	if err != nil {
		return "", err
	}
	if int(off) == p.at {
		// next name, hash, characters, and a zero behind them
		if err := p.need(8); err != nil {
			return "", err
		}
		n := int(binary.LittleEndian.Uint16(p.c.buf[p.at+6:]))
		if err := p.skip(8 + 2*n + 2); err != nil {
			return "", err
		}
	}
	if s, ok := p.c.names[off]; ok {
		return s, p.spend(len(s))
	}
	q := &parser{c: p.c, at: int(off) + 6, end: chunkSize, left: p.left}
	if off < chunkHeader || off > chunkSize-8 {
		return "", fmt.Errorf("a name lies at offset %d, outside of the chunk", off)
	}
	if p.c.strict {
		if err := p.c.checkName(off); err != nil {
			return "", err
		}
	}
	s, err := q.text()
	if err == nil {
		p.c.names[off] = s
	}
	return s, err
}
