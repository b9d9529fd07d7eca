package record

// The index of a segment, NNNNNNNN.idx:
//
//	"SAKSIRIX", version (4 bytes, big-endian)
//	source key, number of the first packet, number of packets, times of the
//	first and of the last (Unix nanoseconds), bytes before the first packet,
//	the size of each packet's block, number of flows
//	for each flow: its Community ID, then the numbers of its packets as
//	differences, the first to the segment's first packet (negative where a
//	fragment lies in the segment before)
//	CRC-32C of all before (4 bytes, big-endian)
//
// with values as internal/wire writes them.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"saksi/internal/wire"
	"saksi/sensor/flow"
)

const (
	indexMagic   = "SAKSIRIX"
	indexVersion = 1
	// maxIndex bounds an index before it is read; a segment of 64 MiB has one
	// of less than 16 MiB.
	maxIndex = 512 << 20
	// maxHeader bounds where the first packet of a segment lies, in bytes.
	maxHeader = 1 << 40
)

// errIndex is an index that is damaged; the segment can be read without it.
var errIndex = errors.New("index of a segment is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// building is the index of the segment being written.
type building struct {
	key              string
	first            uint64
	header           int
	minTime, maxTime int64
	sizes            []uint32
	flows            map[flow.Key]*packets
	order            []flow.Key
}

// packets are the numbers of a flow's packets, as differences.
type packets struct {
	last    uint64
	n       int
	numbers wire.Writer
}

func newBuilding(key string, first uint64, header int) *building {
	return &building{key: key, first: first, header: header, flows: map[flow.Key]*packets{}}
}

func (b *building) add(c *chunk) {
	if len(b.sizes) == 0 {
		b.minTime, b.maxTime = c.minTime, c.maxTime
	}
	b.minTime, b.maxTime = min(b.minTime, c.minTime), max(b.maxTime, c.maxTime)
	b.sizes = append(b.sizes, c.sizes...)
	for i := range c.entries {
		e := &c.entries[i]
		p := b.flows[e.key]
		if p == nil {
			p = &packets{last: b.first}
			b.flows[e.key] = p
			b.order = append(b.order, e.key)
		}
		p.numbers.Int(int64(e.number - p.last))
		p.last = e.number
		p.n++
	}
}

func (b *building) encode() []byte {
	var w wire.Writer
	w.B = binary.BigEndian.AppendUint32(append(w.B, indexMagic...), indexVersion)
	w.String(b.key)
	w.Uint(b.first)
	w.Uint(uint64(len(b.sizes)))
	w.Int(b.minTime)
	w.Int(b.maxTime)
	w.Uint(uint64(b.header))
	for _, n := range b.sizes {
		w.Uint(uint64(n))
	}
	w.Uint(uint64(len(b.order)))
	var id []byte
	for _, k := range b.order {
		id = flow.AppendCommunityID(id[:0], k, 0)
		w.Bytes(id)
		w.Bytes(b.flows[k].numbers.B)
	}
	return binary.BigEndian.AppendUint32(w.B, crc32.Checksum(w.B, castagnoli))
}

// index is an index that was read.
type index struct {
	raw              []byte
	key              string
	first, n         uint64 // number of the first packet, and of how many
	minTime, maxTime int64
	header           int64
	offsets          []int64 // where each packet's block begins, and where the last ends
	flows            []byte
}

func openIndex(path string) (*index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxIndex+1))
	if err != nil {
		return nil, err
	}
	ix, err := parseIndex(b)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return ix, nil
}

func parseIndex(b []byte) (*index, error) {
	const head = len(indexMagic) + 4
	if len(b) < head+4 || len(b) > maxIndex || string(b[:len(indexMagic)]) != indexMagic {
		return nil, fmt.Errorf("%w: it does not begin as one does", errIndex)
	}
	if v := binary.BigEndian.Uint32(b[len(indexMagic):]); v != indexVersion {
		return nil, fmt.Errorf("%w: it is of version %d, and %d is known", errIndex, v, indexVersion)
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[len(b)-4:]) {
		return nil, fmt.Errorf("%w: its checksum does not match", errIndex)
	}
	r := wire.Reader{B: body[head:]}
	ix := &index{raw: b, key: r.String(), first: r.Uint()}
	ix.n = r.Uint()
	ix.minTime, ix.maxTime = r.Int(), r.Int()
	ix.header = int64(r.Uint())
	if r.Err() != nil || ix.n > uint64(r.Len()) {
		return nil, fmt.Errorf("%w: it is cut short", errIndex)
	}
	if ix.first == 0 || ix.first > math.MaxInt64 || ix.header < 0 || ix.header > maxHeader {
		return nil, fmt.Errorf("%w: it begins at packet %d and byte %d", errIndex, ix.first, ix.header)
	}
	ix.offsets = make([]int64, 1, ix.n+1)
	ix.offsets[0] = ix.header
	for range ix.n {
		ix.offsets = append(ix.offsets, ix.offsets[len(ix.offsets)-1]+int64(uint32(r.Uint())))
	}
	if r.Err() != nil {
		return nil, fmt.Errorf("%w: %w", errIndex, r.Err())
	}
	ix.flows = r.B[len(r.B)-r.Len():]
	return ix, nil
}

// count is the number of packets.
func (ix *index) count() uint64 { return ix.n }

// packets appends the numbers of the packets of a flow, in no order.
func (ix *index) packets(dst []uint64, community string) ([]uint64, error) {
	r := wire.Reader{B: ix.flows}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		id, numbers := r.Bytes(), r.Bytes()
		if string(id) != community {
			continue
		}
		p := wire.Reader{B: numbers}
		at := ix.first
		for p.Len() > 0 && p.Err() == nil {
			at += uint64(p.Int())
			dst = append(dst, at)
		}
		if p.Err() != nil {
			return dst, fmt.Errorf("%w: %w", errIndex, p.Err())
		}
	}
	if r.Err() != nil {
		return dst, fmt.Errorf("%w: %w", errIndex, r.Err())
	}
	return dst, nil
}
