// Package evtx reads Windows event logs (Joachim Metz, Windows XML Event Log
// (EVTX) format; [MS-EVEN6] 2.2.12 to 2.2.17 for the binary XML). A file is a
// header of 4 KiB and chunks of 64 KiB, each with its own names and templates,
// so that a broken chunk costs itself only.
//
// All of it is hostile: nothing is allocated by a number that the file states,
// and a record that takes more steps, depth or bytes than any real one is a
// problem, not a hang.
package evtx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Sizes of the format, in bytes.
const (
	headerSize  = 4096
	chunkSize   = 64 << 10
	chunkHeader = 512
	recordHead  = 24
)

// Magic is how a file begins, ChunkMagic how a chunk does.
const (
	Magic      = "ElfFile\x00"
	ChunkMagic = "ElfChnk\x00"
)

// ErrFormat is returned for what is no event log.
var ErrFormat = errors.New("no Windows event log")

// Record is one record of a log.
type Record struct {
	Offset int64  // in the file
	ID     uint64 // number of the record
	Time   int64  // when it was written, Unix nanoseconds; 0 when they can't hold it
	Root   *Element
	// Where says how a record was found that is none of the records in use: "slack",
	// "damaged chunk", "alone"; "" for one in use.
	Where string
	// Partial: what names its values is overwritten; they are given without names.
	Partial bool
}

// Problem is a part of the file that could not be read.
type Problem struct {
	Offset int64
	Text   string
}

// Read gives every record of the chunks in r, in their order, to emit and
// every part that can't be read to problem. It returns ErrFormat, the first
// error of emit, or why r can't be read. Records behind those in use in a chunk,
// and behind what is damaged, are given as what they are. Chunks without a file
// header (ElfChnk), and a record that stands alone, as carving gives them, are read
// as well.
func Read(r io.ReaderAt, size int64, emit func(*Record) error, problem func(Problem)) error {
	head := make([]byte, 128)
	n, err := r.ReadAt(head, 0)
	switch {
	case n >= 8 && string(head[:8]) == ChunkMagic:
		return chunks(r, 0, size, 0, emit, problem)
	case n >= recordHead+4 && Alone(head[:n]):
		return alone(r, size, emit, problem)
	case err != nil || string(head[:8]) != Magic:
		return fmt.Errorf("reading the header at offset 0: %w", errors.Join(ErrFormat, noEOF(err)))
	}
	if major := binary.LittleEndian.Uint16(head[38:]); major != 3 {
		problem(Problem{38, fmt.Sprintf("the header says version %d; it is read as version 3", major)})
	}
	// Where the chunks in use end. A log that was open when it was copied may
	// state too few, so chunks behind it are read too.
	used := headerSize + chunkSize*int64(binary.LittleEndian.Uint16(head[42:]))
	return chunks(r, headerSize, size, used, emit, problem)
}

// chunks reads those from off on, of which used are in use.
func chunks(r io.ReaderAt, off, size, used int64, emit func(*Record) error, problem func(Problem)) error {
	gap := int64(0) // where the chunks of zeros before off begin
	endGap := func(end int64) {
		if gap > 0 && gap < end {
			problem(Problem{gap, fmt.Sprintf("all is zeros where %d of the chunks in use should be", (end-gap)/chunkSize)})
		}
		gap = 0
	}
	buf := make([]byte, chunkSize)
	for ; off < size; off += chunkSize {
		n, err := r.ReadAt(buf, off)
		if err != nil && err != io.EOF {
			return fmt.Errorf("reading the chunk at offset %d: %w", off, err)
		}
		switch {
		case allZero(buf[:n]): // not used yet, or lost: endGap tells
			if gap == 0 {
				gap = off
			}
			continue
		case n < chunkSize:
			problem(Problem{off, fmt.Sprintf("the chunk is cut: %d of %d bytes", n, chunkSize)})
			clear(buf[n:])
		}
		c := &chunk{buf: buf, off: off, names: map[uint32]string{}, left: budget{maxChunkSteps, maxChunkBytes}}
		if string(buf[:8]) != ChunkMagic {
			endGap(min(off, used))
			problem(Problem{off, "there is no chunk here; records are looked for"})
			if err := c.find(chunkHeader, chunkSize, inDamage, emit); err != nil {
				return err
			}
			continue
		}
		endGap(off)
		if err := c.read(emit, problem); err != nil {
			return err
		}
	}
	endGap(min(off, used))
	if off < used {
		problem(Problem{size, fmt.Sprintf("the log is cut: %d of the chunks in use are missing", (used-off)/chunkSize)})
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// chunk is a chunk under work.
type chunk struct {
	buf   []byte
	off   int64             // in the file
	names map[uint32]string // by offset
	left  budget
	// strict: names and templates may be overwritten, so what tells is checked.
	strict  bool
	unnamed bool // of the record under work, some are
}

// budget is what the next record may use.
func (c *chunk) budget() *budget {
	return &budget{min(maxSteps, c.left.steps), min(maxBytes, c.left.bytes)}
}

func (c *chunk) read(emit func(*Record) error, problem func(Problem)) error {
	free := binary.LittleEndian.Uint32(c.buf[48:])
	if free < chunkHeader || free > chunkSize {
		problem(Problem{c.off + 48, fmt.Sprintf("the chunk says its free space begins at %d; it is read to its end", free)})
		free = chunkSize
	} else if want, got := binary.LittleEndian.Uint32(c.buf[52:]), crc32.ChecksumIEEE(c.buf[chunkHeader:free]); want != got {
		problem(Problem{c.off + 52, fmt.Sprintf("the checksum of the records is %08x, the chunk states %08x: they were changed, or the log was open when it was copied", got, want)})
	}
	at := uint32(chunkHeader)
	for at+recordHead+4 <= free {
		b := c.buf[at:free]
		if binary.LittleEndian.Uint32(b) != recordMagic {
			if allZero(b) {
				break
			}
			problem(Problem{c.off + int64(at), "there is no record here; those behind it are looked for"})
			return c.find(at, chunkSize, inDamage, emit)
		}
		size := binary.LittleEndian.Uint32(b[4:])
		if size < recordHead+4 || size > uint32(len(b)) {
			problem(Problem{c.off + int64(at), fmt.Sprintf("the record says it has %d bytes of the %d that are left; those behind it are looked for", size, len(b))})
			return c.find(at+4, chunkSize, inDamage, emit)
		}
		rec := c.record(at)
		p := &parser{c: c, at: int(at) + recordHead, end: int(at + size - 4), left: c.budget()}
		given := *p.left
		root := &Element{}
		err := p.fragment(root, nil, 0)
		if err != nil {
			problem(Problem{c.off + int64(p.at), fmt.Sprintf("record %d: %v", rec.ID, err)})
		}
		c.left.steps -= given.steps - p.left.steps
		c.left.bytes -= given.bytes - p.left.bytes
		if rec.Root = root.child("Event"); rec.Root != nil {
			if err := emit(rec); err != nil {
				return err
			}
		} else if err == nil { // else its problem is told
			problem(Problem{rec.Offset, fmt.Sprintf("record %d: its XML has no Event", rec.ID)})
		}
		at += size
	}
	return c.find(free, chunkSize, inSlack, emit)
}

// record is what the head of the record at that place in the chunk says.
func (c *chunk) record(at uint32) *Record {
	return &Record{Offset: c.off + int64(at), ID: binary.LittleEndian.Uint64(c.buf[at+8:]), Time: unixTime(binary.LittleEndian.Uint64(c.buf[at+16:]))}
}

// unixTime turns a FILETIME (100 ns since 1601) into Unix nanoseconds, or 0
// when it lies beyond them.
func unixTime(ft uint64) int64 {
	const epoch = 116444736000000000
	n := int64(ft>>1) - epoch>>1 // halves, so that nothing overflows
	if n > 1<<62/100 || n < -(1<<62/100) {
		return 0
	}
	return (n*2 + int64(ft&1)) * 100
}

// Element is an element of a record's XML.
type Element struct {
	Name     string
	Attrs    []Attr
	Text     string
	List     []string // the items, when the text is an array
	Children []*Element

	null bool // an optional value of it is null
}

// Attr is an attribute.
type Attr struct{ Name, Value string }

// Attr returns the value of an attribute, or "".
func (e *Element) Attr(name string) string {
	if e != nil {
		for _, a := range e.Attrs {
			if a.Name == name {
				return a.Value
			}
		}
	}
	return ""
}

func (e *Element) child(name string) *Element {
	for _, c := range e.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Child returns the first child of that name, or nil.
func (e *Element) Child(name string) *Element {
	if e == nil {
		return nil
	}
	return e.child(name)
}

// Elements returns the children; e may be nil.
func (e *Element) Elements() []*Element {
	if e == nil {
		return nil
	}
	return e.Children
}
