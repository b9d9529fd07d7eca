package local

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
	"sort"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"saksi/event"
	"saksi/findings"
	"saksi/internal/wire"
)

// A segment is a file that is never changed:
//
//	magic
//	sections: the compressed documents, their ids and times, and for each field
//	          a column (column.go)
//	footer:   the number of documents and where each section is, with its CRC32C
//	tail:     length and CRC32C of the footer, magic
//
// Numbers in sections are little-endian and of a fixed width.
const (
	magic    = "saksiix2"
	tailSize = 8 + len(magic)
	idSize   = 32
	chunk    = 4096 // documents that are looked at together
)

// section is a part of the file, checked when it is first used.
type section struct {
	off, len uint64
	crc      uint32
	checked  *atomic.Bool
}

// Sections of a segment's own, before those of its columns.
const (
	secBlocks  = iota // documents, compressed in blocks
	secIndex          // of blocks: first document (4 bytes), offset (8), CRC32C (4)
	secTimes          // @timestamp of each document, nanoseconds (8)
	secZones          // of each chunk: least and greatest time (8, 8)
	secIDs            // of each document (32)
	secBuckets        // where in secByID each bucket of ids begins (4)
	secByID           // documents by bucket (4)
	secOdd            // documents whose text only Match can tell (4)
	numSections
)

// segment is an open one. Its memory is the file, mapped.
type segment struct {
	name    string
	data    []byte
	docs    int
	secs    [numSections]section
	columns map[event.Field]*column
	order   []*column // as they stand in the file; token entries count by it
	tokens  dict
	refs    atomic.Int64
	last    blockCache
	totals  totals
}

// totals are how many documents of a segment the last queries match. A segment
// never changes, so that the pages of one query count once.
type totals struct {
	sync.Mutex
	list [8]struct {
		query string
		n     int
	}
	next int
}

// maxTotalQuery bounds the queries whose totals are kept, in bytes.
const maxTotalQuery = 4096

// total is what a query's plan matches in the segment.
func (s *segment) total(q string, p *plan) int {
	t := &s.totals
	t.Lock()
	for _, x := range t.list {
		if x.query == q && q != "" {
			p.count = x.n
		}
	}
	t.Unlock()
	known := p.count >= 0
	n := p.total()
	if !known && len(q) <= maxTotalQuery {
		t.Lock()
		t.list[t.next].query, t.list[t.next].n = q, n
		t.next = (t.next + 1) % len(t.list)
		t.Unlock()
	}
	return n
}

type blockCache struct {
	sync.Mutex
	n    int // of the block, plus one
	body []byte
}

func openSegment(dir, name string) (s *segment, err error) {
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the index: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the index: %w", err)
	}
	s = &segment{name: name, columns: map[event.Field]*column{}}
	s.refs.Store(1)
	size := int(st.Size())
	if size < len(magic)+tailSize {
		return nil, s.corrupt(dir, 0, fmt.Errorf("it has %d bytes", size))
	}
	if s.data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("opening the index: mapping %s: %w", path, err)
	}
	if err := s.readFooter(); err != nil {
		s.release()
		return nil, s.corrupt(dir, size-tailSize, err)
	}
	return s, nil
}

func (s *segment) corrupt(dir string, at int, err error) error {
	return fmt.Errorf("reading the index: %s at offset %d: %w: %w; %s", filepath.Join(dir, s.name), at, findings.ErrCorrupt, err, rebuild)
}

// retain and release count who uses the mapping; the last one ends it.
func (s *segment) retain() { s.refs.Add(1) }

func (s *segment) release() {
	if s.refs.Add(-1) == 0 {
		_ = unix.Munmap(s.data) // nothing can be done about an error
		s.data = nil
	}
}

func (s *segment) readFooter() (err error) {
	defer faults()()
	defer guard(&err)
	n := len(s.data)
	tail := s.data[n-tailSize:]
	if string(s.data[:len(magic)]) != magic || string(tail[8:]) != magic {
		return errors.New("it is no segment of an index, or cut short")
	}
	size := int(binary.LittleEndian.Uint32(tail))
	if size > n-tailSize-len(magic) {
		return fmt.Errorf("its footer says it has %d bytes", size)
	}
	footer := s.data[n-tailSize-size : n-tailSize]
	if crc32.Checksum(footer, castagnoli) != binary.LittleEndian.Uint32(tail[4:]) {
		return errors.New("the checksum of its footer is another")
	}
	end := uint64(n - tailSize - size)
	r := &wire.Reader{B: footer}
	docs := r.Uint()
	if docs == 0 || docs > end/idSize {
		return fmt.Errorf("its footer says it has %d documents", docs)
	}
	s.docs = int(docs)
	sec := func() section {
		x := section{off: r.Uint(), len: r.Uint(), crc: uint32(r.Uint()), checked: new(atomic.Bool)}
		if x.off > end || x.len > end-x.off {
			panic(errSection)
		}
		return x
	}
	readDict := func(dense bool) dict {
		width, n := r.Uint(), r.Uint()
		d := dict{seg: s, width: int(width), n: int(n), dense: dense, offs: sec(), keys: sec(), starts: sec(), items: sec()}
		starts := n + 1
		if dense {
			starts = n
		}
		if width > addrKey || n > end || d.starts.len != 4*starts || width > 0 && d.keys.len != width*n || width == 0 && d.offs.len != 4*(n+1) {
			panic(errSection)
		}
		return d
	}
	for i := range s.secs {
		s.secs[i] = sec()
	}
	s.tokens = readDict(false)
	for count := r.Uint(); count > 0 && r.Err() == nil; count-- {
		c := &column{place: len(s.order), name: r.String()}
		dense := r.Bool()
		c.dict = readDict(dense)
		s.order = append(s.order, c)
		f, ok := event.Lookup(c.name)
		if !ok || keyWidth(f.Type()) != c.width {
			return fmt.Errorf("its field %s is not one of this saksi", c.name)
		}
		c.field = f
		s.columns[f] = c
	}
	if r.Err() != nil {
		return r.Err()
	}
	if s.secs[secTimes].len != 8*uint64(s.docs) || s.secs[secIDs].len != idSize*uint64(s.docs) {
		return fmt.Errorf("its sections are not of %d documents", s.docs)
	}
	return nil
}

var errSection = errors.New("a section is not as its footer says")

// bytes gives a section, checked once.
func (s *segment) bytes(x *section) []byte {
	b := s.data[x.off : x.off+x.len]
	if !x.checked.Load() {
		if crc32.Checksum(b, castagnoli) != x.crc {
			panic(fmt.Errorf("segment %s: the checksum of the section at offset %d is another", s.name, x.off))
		}
		x.checked.Store(true)
	}
	return b
}

func (s *segment) sec(i int) []byte { return s.bytes(&s.secs[i]) }

// guard turns what broken bytes lead to into an error: a checksum that is
// another, an index that is out of range, a page that the disk can't give.
// It stands deferred around whatever reads segments.
func guard(err *error) {
	switch p := recover().(type) {
	case nil:
	case error:
		if *err = p; !errors.Is(p, findings.ErrCorrupt) {
			*err = fmt.Errorf("%w: %w; %s", findings.ErrCorrupt, p, rebuild)
		}
	default:
		panic(p)
	}
}

// faults has a page that can't be read be a panic that guard takes, not the end
// of the process. The caller defers what it returns.
func faults() (restore func()) {
	old := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(old) }
}

func u32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }

func i64(b []byte, i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }

func (s *segment) time(doc int) int64 { return i64(s.sec(secTimes), doc) }

func (s *segment) id(doc int) []byte { return s.sec(secIDs)[idSize*doc : idSize*(doc+1)] }

// chunks is the number of chunks of documents.
func (s *segment) chunks() int { return (s.docs + chunk - 1) / chunk }

// zone is the least and the greatest time in a chunk.
func (s *segment) zone(c int) (lo, hi int64) {
	z := s.sec(secZones)
	return i64(z, 2*c), i64(z, 2*c+1)
}

// bucketBits is how many bits of an id choose its bucket: four documents a
// bucket.
func bucketBits(docs int) int {
	bits := 0
	for docs>>bits > 4 {
		bits++
	}
	return bits
}

func bucketOf(id []byte, bits int) int {
	return int(binary.BigEndian.Uint32(id) >> 1 >> (31 - bits))
}

// find is the document with an id, or -1.
func (s *segment) find(id []byte) int {
	b := bucketOf(id, bucketBits(s.docs))
	starts, list, ids := s.sec(secBuckets), s.sec(secByID), s.sec(secIDs)
	for i := u32(starts, b); i < u32(starts, b+1); i++ {
		doc := int(u32(list, int(i)))
		if bytes.Equal(ids[idSize*doc:idSize*(doc+1)], id) {
			return doc
		}
	}
	return -1
}

// body is the JSON of a document.
func (s *segment) body(doc int) ([]byte, error) {
	n := s.blockOf(doc)
	s.last.Lock()
	defer s.last.Unlock()
	if s.last.n != n+1 {
		b, err := s.block(n)
		if err != nil {
			return nil, err
		}
		s.last.n, s.last.body = n+1, b
	}
	r := &wire.Reader{B: s.last.body}
	first, _ := s.blockDocs(n)
	for ; first < doc; first++ {
		r.Uint()
		r.Bytes()
	}
	at, b := r.Uint(), r.Bytes()
	if r.Err() != nil {
		return nil, fmt.Errorf("document %x in segment %s: %w: %w; %s", s.id(doc), s.name, findings.ErrCorrupt, r.Err(), rebuild)
	}
	return joinBody(b, at, s.id(doc)), nil
}

const indexEntry = 16

func (s *segment) blocks() int { return len(s.sec(secIndex)) / indexEntry }

func (s *segment) blockOf(doc int) int {
	return sort.Search(s.blocks(), func(i int) bool { return int(s.blockFirst(i)) > doc }) - 1
}

func (s *segment) blockFirst(n int) uint32 {
	return binary.LittleEndian.Uint32(s.sec(secIndex)[indexEntry*n:])
}

// blockDocs is the range of documents in a block.
func (s *segment) blockDocs(n int) (first, end int) {
	first, end = int(s.blockFirst(n)), s.docs
	if n+1 < s.blocks() {
		end = int(s.blockFirst(n + 1))
	}
	return first, end
}

// packed is a block as it stands in the file, with its CRC32C, checked.
func (s *segment) packed(n int) ([]byte, uint32, error) {
	ix, all := s.sec(secIndex), s.secs[secBlocks]
	at := func(n int) uint64 {
		if n == s.blocks() {
			return all.len
		}
		return binary.LittleEndian.Uint64(ix[indexEntry*n+4:])
	}
	b := s.data[all.off : all.off+all.len][at(n):at(n+1)]
	crc := binary.LittleEndian.Uint32(ix[indexEntry*n+12:])
	if crc32.Checksum(b, castagnoli) != crc {
		return nil, 0, fmt.Errorf("segment %s at offset %d: %w: the checksum of a block of documents is another; %s", s.name, all.off+at(n), findings.ErrCorrupt, rebuild)
	}
	return b, crc, nil
}

// block is a block's documents, each the place of its id plus one, and its
// text without it.
func (s *segment) block(n int) ([]byte, error) {
	b, _, err := s.packed(n)
	if err != nil {
		return nil, err
	}
	out, err := decoder.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("block %d of segment %s: %w: %w; %s", n, s.name, findings.ErrCorrupt, err, rebuild)
	}
	return out, nil
}
