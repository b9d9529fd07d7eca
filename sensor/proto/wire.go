package proto

import "encoding/binary"

// wire reads a message from front to back. A read beyond its end gives zeros
// and sets short; so a parser reads a whole structure and asks once.
type wire struct {
	b     []byte
	at    int
	short bool
}

// take returns the next n bytes, or nil if there are fewer.
func (w *wire) take(n int) []byte {
	if n < 0 || n > len(w.b)-w.at {
		w.short, w.at = true, len(w.b)
		return nil
	}
	w.at += n
	return w.b[w.at-n : w.at]
}

// left is the number of bytes not read.
func (w *wire) left() int { return len(w.b) - w.at }

// rest returns the bytes not read.
func (w *wire) rest() []byte { return w.b[w.at:] }

func (w *wire) u8() int {
	if b := w.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (w *wire) u16() int {
	if b := w.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (w *wire) u24() int {
	if b := w.take(3); b != nil {
		return int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	}
	return 0
}

func (w *wire) u32() uint32 {
	if b := w.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (w *wire) u64() uint64 {
	if b := w.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (w *wire) le16() int {
	if b := w.take(2); b != nil {
		return int(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (w *wire) le24() int {
	if b := w.take(3); b != nil {
		return int(b[2])<<16 | int(b[1])<<8 | int(b[0])
	}
	return 0
}

func (w *wire) le32() uint32 {
	if b := w.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// opaque reads bytes with their length before and padding to four behind
// them, at most limit (XDR, RFC 4506 section 4.10).
func (w *wire) opaque(limit int) []byte {
	n := w.u32()
	if n > uint32(limit) {
		w.take(-1)
		return nil
	}
	v := w.take(int(n))
	w.take(int(-n & 3))
	return v
}

// yes turns a condition into a verdict.
func yes(is bool) Verdict {
	if is {
		return Yes
	}
	return No
}
