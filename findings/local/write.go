package local

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"saksi/internal/wire"
)

const (
	maxDocSize = 16 << 20
	// blockSize is how many bytes of documents are compressed together: more
	// packs better, less is faster to fetch one of.
	blockSize = 32 << 10
)

var (
	encoder = must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false)))
	decoder = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxDocSize+2*blockSize)))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options are constants
	}
	return v
}

// output writes a segment's file: first documents or whole blocks, then
// columns, then close. After an error nothing more is written; close gives it.
type output struct {
	path    string
	f       *os.File
	w       *bufio.Writer
	at      uint64
	err     error
	blocks  section
	index   []byte
	pending []byte
	first   int // document of pending
	docs    int
	ids     []byte
	times   []byte
	odd     []byte
	tokens  []byte // footer's entry
	columns []byte // footer's entries
	count   uint64 // of columns
}

func create(dir, name string) (*output, error) {
	o := &output{path: filepath.Join(dir, name)}
	var err error
	if o.f, err = os.OpenFile(o.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, err
	}
	o.w = bufio.NewWriterSize(o.f, 1<<20)
	o.write([]byte(magic))
	o.blocks = section{off: o.at}
	return o, nil
}

func (o *output) write(b []byte) {
	if o.err == nil {
		_, o.err = o.w.Write(b)
		o.at += uint64(len(b))
	}
}

// section writes one and gives its entry for the footer.
func (o *output) section(b []byte) section {
	s := section{off: o.at, len: uint64(len(b)), crc: crc32.Checksum(b, castagnoli), checked: new(atomic.Bool)}
	o.write(b)
	return s
}

func (s section) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, s.off)
	dst = binary.AppendUvarint(dst, s.len)
	return binary.AppendUvarint(dst, uint64(s.crc))
}

// document adds one at the end and returns its number.
func (o *output) document(id []byte, ns int64, body []byte) uint32 {
	doc := o.place(id, ns)
	o.text(doc, id, body)
	return doc
}

// place adds what is known of a document without its text.
func (o *output) place(id []byte, ns int64) uint32 {
	o.ids = append(o.ids, id...)
	o.times = binary.LittleEndian.AppendUint64(o.times, uint64(ns))
	o.docs++
	return uint32(o.docs - 1)
}

// text adds the body of a document that has its place. The id in it is left
// out: it stands among the ids.
func (o *output) text(doc uint32, id, body []byte) {
	if len(o.pending) == 0 {
		o.first = int(doc)
	}
	at, before, after := splitBody(id, body)
	o.pending = binary.AppendUvarint(o.pending, at)
	o.pending = binary.AppendUvarint(o.pending, uint64(len(before)+len(after)))
	o.pending = append(append(o.pending, before...), after...)
	if len(o.pending) >= blockSize {
		o.flush()
	}
}

// flush compresses what is pending as a block.
func (o *output) flush() {
	if len(o.pending) == 0 {
		return
	}
	b := encoder.EncodeAll(o.pending, nil)
	o.block(o.first, b, crc32.Checksum(b, castagnoli))
	o.pending = o.pending[:0]
}

// block adds a compressed block whose first document is first.
func (o *output) block(first int, packed []byte, crc uint32) {
	o.index = binary.LittleEndian.AppendUint32(o.index, uint32(first))
	o.index = binary.LittleEndian.AppendUint64(o.index, o.at-o.blocks.off)
	o.index = binary.LittleEndian.AppendUint32(o.index, crc)
	o.write(packed)
}

// endDocuments ends the documents; columns follow.
func (o *output) endDocuments() {
	o.flush()
	o.blocks.len = o.at - o.blocks.off
}

// dictOut gathers a dict; its keys are added in their order.
type dictOut struct {
	width  int
	n      int
	offs   []byte
	keys   []byte
	starts []byte
	items  []byte
	item   int // bytes of each
}

func (d *dictOut) reset(width, item int) {
	*d = dictOut{width: width, item: item, offs: d.offs[:0], keys: d.keys[:0], starts: d.starts[:0], items: d.items[:0]}
}

// key adds a key; the items added next are its own.
func (d *dictOut) key(k []byte) { d.keyAt(k, len(d.items)) }

// keyAt adds a key whose items, added already, begin at a byte.
func (d *dictOut) keyAt(k []byte, from int) {
	if d.width == 0 {
		d.offs = binary.LittleEndian.AppendUint32(d.offs, uint32(len(d.keys)))
	}
	d.keys = append(d.keys, k...)
	d.starts = binary.LittleEndian.AppendUint32(d.starts, uint32(from/d.item))
	d.n++
}

func (d *dictOut) end() {
	if d.width == 0 {
		d.offs = binary.LittleEndian.AppendUint32(d.offs, uint32(len(d.keys)))
	}
	d.starts = binary.LittleEndian.AppendUint32(d.starts, uint32(len(d.items)/d.item))
}

// dict writes d and gives its entry for the footer.
func (o *output) dict(d *dictOut) []byte {
	if len(d.keys) > math.MaxUint32 || len(d.items)/d.item > math.MaxUint32 {
		o.err = errors.Join(o.err, errors.New("a column has over 4 GiB"))
	}
	b := binary.AppendUvarint(nil, uint64(d.width))
	b = binary.AppendUvarint(b, uint64(d.n))
	for _, x := range [][]byte{d.offs, d.keys, d.starts, d.items} {
		b = o.section(x).appendTo(b)
	}
	return b
}

// column writes a field's column, dense where that is smaller.
func (o *output) column(name string, d *dictOut) {
	w := wire.Writer{B: o.columns}
	w.String(name)
	dense := d.dense(o.docs)
	w.Bool(dense)
	o.columns = append(w.B, o.dict(d)...)
	o.count++
}

// dense makes d dense if it has few values, many documents, and each document
// one value.
func (d *dictOut) dense(docs int) bool {
	if d.n > maxDense || len(d.items)/4 < docs/8 {
		return false
	}
	all := make([]byte, docs)
	counts := make([]byte, 0, 4*d.n)
	for i := range d.n {
		from, to := u32(d.starts, i), u32(d.starts, i+1)
		for l := d.items[4*from : 4*to]; len(l) > 0; l = l[4:] {
			doc := binary.LittleEndian.Uint32(l)
			if all[doc] != 0 {
				return false
			}
			all[doc] = byte(i + 1)
		}
		counts = binary.LittleEndian.AppendUint32(counts, to-from)
	}
	d.starts, d.items = counts, all
	return true
}

// close writes the rest and waits until all is on the disk.
func (o *output) close() error {
	var secs [numSections]section
	secs[secBlocks] = o.blocks
	secs[secIndex] = o.section(o.index)
	secs[secTimes] = o.section(o.times)
	secs[secZones] = o.section(zones(o.times))
	secs[secIDs] = o.section(o.ids)
	starts, list := buckets(o.ids)
	secs[secBuckets] = o.section(starts)
	secs[secByID] = o.section(list)
	secs[secOdd] = o.section(o.odd)
	foot := binary.AppendUvarint(nil, uint64(o.docs))
	for _, s := range secs {
		foot = s.appendTo(foot)
	}
	foot = append(foot, o.tokens...)
	foot = binary.AppendUvarint(foot, o.count)
	foot = append(foot, o.columns...)
	o.write(foot)
	tail := binary.LittleEndian.AppendUint32(nil, uint32(len(foot)))
	tail = binary.LittleEndian.AppendUint32(tail, crc32.Checksum(foot, castagnoli))
	o.write(append(tail, magic...))
	if o.err == nil {
		o.err = o.w.Flush()
	}
	if o.err == nil {
		o.err = o.f.Sync()
	}
	o.err = errors.Join(o.err, o.f.Close())
	if o.err != nil {
		return errors.Join(o.err, os.Remove(o.path))
	}
	return nil
}

func zones(times []byte) []byte {
	var out []byte
	for len(times) > 0 {
		n := min(len(times), 8*chunk)
		lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
		for i := range n / 8 {
			lo, hi = min(lo, i64(times, i)), max(hi, i64(times, i))
		}
		out = binary.LittleEndian.AppendUint64(out, uint64(lo))
		out = binary.LittleEndian.AppendUint64(out, uint64(hi))
		times = times[n:]
	}
	return out
}

// buckets orders documents by the bucket of their ids.
func buckets(ids []byte) (starts, list []byte) {
	docs := len(ids) / idSize
	bits := bucketBits(docs)
	at := make([]uint32, 1<<bits+1)
	for i := range docs {
		at[bucketOf(ids[idSize*i:], bits)+1]++
	}
	for i := 1; i < len(at); i++ {
		at[i] += at[i-1]
	}
	for _, n := range at {
		starts = binary.LittleEndian.AppendUint32(starts, n)
	}
	list = make([]byte, 4*docs)
	for i := range docs {
		b := bucketOf(ids[idSize*i:], bits)
		binary.LittleEndian.PutUint32(list[4*at[b]:], uint32(i))
		at[b]++
	}
	return starts, list
}

// splitBody finds the id in a body: its place plus one, 0 for none, and what
// stands before and behind it.
func splitBody(id, body []byte) (at uint64, before, after []byte) {
	var text [2 * idSize]byte
	hex.Encode(text[:], id)
	i := bytes.Index(body, text[:])
	if i < 0 {
		return 0, body, nil
	}
	return uint64(i) + 1, body[:i], body[i+len(text):]
}

// joinBody undoes splitBody.
func joinBody(rest []byte, at uint64, id []byte) []byte {
	if at == 0 {
		return bytes.Clone(rest)
	}
	out := make([]byte, 0, len(rest)+2*idSize)
	out = append(out, rest[:at-1]...)
	out = hex.AppendEncode(out, id)
	return append(out, rest[at-1:]...)
}
