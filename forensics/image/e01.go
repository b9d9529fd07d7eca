package image

// E01: the Expert Witness Compression Format, version 1, of EnCase, FTK
// Imager, libewf and SMART.
//
// Specification: ASR Data, "Expert Witness Compression Format Specification"
// (April 7, 2002), http://www.asrdata.com/SMART/whitepaper.html; extended by
// J. Metz, "Expert Witness Compression Format (EWF)", libyal/libewf,
// documentation. All numbers are little-endian.
//
//	file     8 "EVF" 09 0d 0a ff 00 | 1 01 | 2 segment, from 1 | 2 zero
//	section  16 type | 8 offset of the next section | 8 size | 40 | 4 Adler-32
//	volume   @4 chunks | @8 sectors a chunk | @12 bytes a sector | @16 sectors
//	table    4 entries | 4 | 8 base offset | 4 | 4 Adler-32 | 4 a chunk | 4 Adler-32
//	         entry: bit 31 compressed, bits 0-30 offset of the chunk from base
//	hash     16 MD5 | 16 | 4 Adler-32         digest  16 MD5 | 20 SHA-1 | 40 | 4
//	error2   4 count | 512 | 4 Adler-32 | count x (4 first sector, 4 sectors)
//
// A chunk is zlib data (compressed) or bytes with their Adler-32. The last
// chunk of a table ends where the section it lies in ends.

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"sort"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"
)

const (
	ewfMagic    = "EVF\x09\r\n\xff\x00"
	ewfHeader   = 13
	ewfSection  = 76
	ewfMaxChunk = 64 << 20 // bytes of one chunk, unpacked; EnCase writes at most 16 MiB
	ewfMaxSects = 1 << 20  // sections of one segment
	ewfPage     = 4096     // table entries read at once
)

func init() {
	register(Format{
		Name:      "e01",
		Doc:       "Expert Witness (EnCase, FTK, SMART) images of one or many segments, with their stored digests and notes",
		Reference: "ASR Data, Expert Witness Compression Format Specification, 2002; libewf documentation, Expert Witness Compression Format (EWF)",
		Next:      ewfNext,
		Detect:    func(head, _ []byte) bool { return strings.HasPrefix(string(head), ewfMagic) },
		Open:      openE01,
		Samples:   []string{"container/media.E01", "container/split.E01", "container/plain.E01", "container/smart.s01", "demo.E01"},
		Hostile: []string{
			"container/media.E01 cut=20", "container/media.E01 cut=2000", "container/media.E01 @13=00000000", "container/media.E01 @29=0000000000000000",
			"container/media.E01 @29=ffffffffffffff7f", "container/media.E01 @29=0d00000000000000", "container/split.E01 @9=0700",
		},
	})
}

// ewfNext: E01..E99, EAA..EZZ, FAA..ZZZ, in the case of the first name.
func ewfNext(first string, n int) string {
	stem, ext, _ := cutLast(first)
	if len(ext) != 3 || ext[1:] != "01" || !strings.ContainsRune("EeSs", rune(ext[0])) {
		return ""
	}
	n++ // the number of the segment
	if n <= 99 {
		return fmt.Sprintf("%s.%c%02d", stem, ext[0], n)
	}
	n -= 100
	letter := int(ext[0]) + n/676
	a := byte('A')
	if ext[0] >= 'a' {
		a = 'a'
	}
	if letter > int(a)+25 {
		return ""
	}
	return fmt.Sprintf("%s.%c%c%c", stem, letter, a+byte(n%676/26), a+byte(n%26))
}

// ewfNames is the name of a missing segment where the first tells it.
func ewfNames(first string, n int) []string {
	if name := ewfNext(first, n); name != "" {
		return []string{name}
	}
	return nil
}

// ewf reads chunks through the tables on disk; only their places are held.
type ewf struct {
	segs      []Segment
	chunkSize int64
	size      int64
	tables    []ewfTable
	chunks    *cache // unpacked chunks
	pages     *cache // pages of table entries
	inflate   sync.Pool
}

// ewfTable is one table section and the chunks it names.
type ewfTable struct {
	seg      int
	first    int64 // number of its first chunk
	count    int64
	entries  int64 // file offset of the entries
	base     int64 // added to each entry
	overflow int64 // from this entry on all 32 bits are the offset (EnCase 6.7), count if none
	end      int64 // end of the section that holds the chunks
}

func openE01(segs []Segment, _ int) (*Image, error) {
	segs, err := ewfOrder(segs)
	if err != nil {
		return nil, err
	}
	im := &Image{}
	e := &ewf{segs: segs, pages: newCache(4 * ewfPage)}
	p := ewfParser{im: im, e: e}
	for i := range segs {
		im.Segments = append(im.Segments, segs[i].Name)
		if err := p.segment(i); err != nil {
			return nil, err
		}
	}
	if !p.volume {
		return nil, corrupt(segs[0].Name, ewfHeader, "it has no volume section, so the size of its media is unknown")
	}
	if !p.done {
		return nil, &MissingError{Image: segs[0].Name, Names: ewfNames(segs[0].Name, len(segs)), Why: fmt.Sprintf("segment %d", len(segs)+1)}
	}
	have := int64(0)
	for _, t := range e.tables {
		have += t.count
	}
	if want := (im.Size + e.chunkSize - 1) / e.chunkSize; have != want {
		im.Notes = append(im.Notes, fmt.Sprintf("the volume section promises %d chunks, the tables name %d", want, have))
	}
	e.size = im.Size
	e.chunks = newCache(e.chunkSize)
	im.r = e
	return im, nil
}

// ewfOrder sorts the segments by the number in their headers.
func ewfOrder(segs []Segment) ([]Segment, error) {
	type numbered struct {
		Segment
		n int
	}
	list := make([]numbered, len(segs))
	for i, s := range segs {
		h := make([]byte, ewfHeader)
		if err := readFull(s, h, 0); err != nil {
			return nil, err
		}
		if string(h[:8]) != ewfMagic {
			return nil, corrupt(s.Name, 0, "it is no segment of an E01 set")
		}
		list[i] = numbered{s, int(binary.LittleEndian.Uint16(h[9:]))}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].n < list[j].n })
	out := make([]Segment, len(list))
	for i, s := range list {
		if s.n != i+1 {
			if i == 0 {
				return nil, fmt.Errorf("opening %s: it is segment %d of its set; name the first segment (.E01): %w", s.Name, s.n, ErrMissing)
			}
			return nil, &MissingError{Image: out[0].Name, Names: ewfNames(out[0].Name, i), Why: fmt.Sprintf("segment %d", i+1)}
		}
		out[i] = s.Segment
	}
	return out, nil
}

func (e *ewf) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		data, err := e.chunk(at / e.chunkSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data[at%e.chunkSize:])
	}
	return n, nil
}

// chunk returns chunk c, unpacked and checked; its length is always that of
// the media it stands for.
func (e *ewf) chunk(c int64) ([]byte, error) {
	return e.chunks.get(c, func() ([]byte, error) {
		want := min(e.chunkSize, e.size-c*e.chunkSize)
		bad := func(seg int, reason string) error {
			return &ChunkError{Segment: e.segs[seg].Name, Chunk: c, Offset: c * e.chunkSize, Length: want, Reason: reason}
		}
		i := sort.Search(len(e.tables), func(i int) bool { return e.tables[i].first > c }) - 1
		if i < 0 || c >= e.tables[i].first+e.tables[i].count {
			return nil, bad(len(e.segs)-1, "no table names it")
		}
		t := &e.tables[i]
		start, end, packed, err := e.place(t, c-t.first)
		if err != nil {
			return nil, bad(t.seg, err.Error())
		}
		if end-start > 2*e.chunkSize+1024 || end <= start || end > e.segs[t.seg].Size {
			return nil, bad(t.seg, fmt.Sprintf("it lies at %d to %d of a file of %d bytes", start, end, e.segs[t.seg].Size))
		}
		raw := make([]byte, end-start)
		if err := readFull(e.segs[t.seg], raw, start); err != nil {
			return nil, bad(t.seg, err.Error())
		}
		if packed {
			data, err := e.unpack(raw, want)
			if err != nil {
				return nil, bad(t.seg, "its zlib data is damaged: "+err.Error())
			}
			return data, nil
		}
		if int64(len(raw)) < want+4 {
			return nil, bad(t.seg, fmt.Sprintf("%d bytes are there for %d of media", len(raw), want))
		}
		// The section of the last chunk may be longer than the chunk, and the
		// last chunk of a source that is no multiple of its sectors holds
		// bytes beyond the media; its checksum covers them.
		whole := min(int64(len(raw))-4, e.chunkSize)
		sum, stored := adler32.Checksum(raw[:want]), binary.LittleEndian.Uint32(raw[want:])
		if sum != stored && adler32.Checksum(raw[:whole]) != binary.LittleEndian.Uint32(raw[whole:]) {
			return nil, bad(t.seg, fmt.Sprintf("its Adler-32 is %08x, stored is %08x", sum, stored))
		}
		return raw[:want], nil
	})
}

func (e *ewf) unpack(raw []byte, want int64) ([]byte, error) {
	src := strings.NewReader(string(raw))
	z, _ := e.inflate.Get().(io.ReadCloser)
	var err error
	if z == nil {
		z, err = zlib.NewReader(src)
	} else {
		err = z.(zlib.Resetter).Reset(src, nil)
	}
	if err != nil {
		return nil, err
	}
	defer e.inflate.Put(z)
	data := make([]byte, e.chunkSize+1)
	n, err := io.ReadFull(z, data)
	switch {
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		if err == nil {
			err = fmt.Errorf("it unpacks to more than the %d bytes of a chunk", e.chunkSize)
		}
		return nil, err
	case int64(n) < want:
		return nil, fmt.Errorf("it unpacks to %d bytes, not %d", n, want)
	}
	// Only a read that ends with io.EOF has proved the stream's checksum.
	if _, err := z.Read(data[n:]); err != io.EOF {
		return nil, err
	}
	return data[:want:want], nil
}

// place returns where chunk i of table t begins and ends in its file.
func (e *ewf) place(t *ewfTable, i int64) (start, end int64, packed bool, err error) {
	v, err := e.entry(t, i)
	if err != nil {
		return 0, 0, false, err
	}
	start, packed = t.offset(i, v)
	end = t.end
	if i+1 < t.count {
		if v, err = e.entry(t, i+1); err != nil {
			return 0, 0, false, err
		}
		end, _ = t.offset(i+1, v)
	}
	return start, end, packed, nil
}

func (t *ewfTable) offset(i int64, v uint32) (off int64, packed bool) {
	if i >= t.overflow {
		return t.base + int64(v), false
	}
	return t.base + int64(v&0x7fffffff), v>>31 != 0
}

// entry reads one entry of a table, by pages.
func (e *ewf) entry(t *ewfTable, i int64) (uint32, error) {
	at := t.entries + i/ewfPage*ewfPage*4
	page, err := e.pages.get(int64(t.seg)<<48|at, func() ([]byte, error) {
		b := make([]byte, 4*min(ewfPage, t.count-i/ewfPage*ewfPage))
		return b, readFull(e.segs[t.seg], b, at)
	})
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(page[i%ewfPage*4:]), nil
}
