package acquire

// E01: the Expert Witness Compression Format as EnCase 4 to 7 read it.
//
// Specification: as in forensics/image/e01.go. Per file: header, then (first
// file) header2 twice, header, volume, or (others) data, then groups of
// sectors, table and table2, then next, or in the last file data when it is
// the only one, error2, digest, hash and done. Offsets in tables are those of
// the file, of 31 bits: any EnCase reads them.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/klauspost/compress/flate"
)

const (
	ewfMagic       = "EVF\x09\r\n\xff\x00"
	ewfDescriptor  = 76
	ewfTableMost   = 16375 // entries of a table that any reader takes
	ewfPerChunk    = 64    // sectors
	ewfVolumeBytes = 1052
	ewfTrailer     = ewfDescriptor + ewfVolumeBytes + ewfDescriptor + 80 + ewfDescriptor + 36 + ewfDescriptor
	// MaxSegment is the largest file of an E01, in bytes, and MinSegment the
	// smallest file of any set.
	MaxSegment = 2000 << 20
	MinSegment = 4 << 20
	// maxSegments: .E01 to .E99, then .EAA to .ZZZ.
	maxSegments = 99 + 22*26*26
)

// packed are the chunks of a block as they are stored.
type packed struct {
	data   []byte
	chunks []chunk
}

type chunk struct {
	bytes int
	zlib  bool
}

// group is a sectors section and the chunks in it.
type group struct {
	at      int64 // file offset of its sectors section
	first   int64 // number of its first chunk
	entries []uint32
}

type ewfSink struct {
	files
	o         *Options
	info      *Info
	sector    int
	chunkSize int
	limit     int64 // bytes of a segment
	level     int
	set       uuid.UUID
	header    [2]int64 // offsets of header2 and of header in the first file
	planned   int64    // sectors that the volume sections say now
	flags     byte

	pos    int64 // in the current file
	chunks int64 // put
	media  int64 // bytes put, with what fills the last sector
	open   group // chunks since the last mark, if there are any
	marked int64 // file offset behind the last group
	pool   sync.Pool
	zero   []byte // a whole chunk of zeros, packed
}

// ewfLevels are deflate levels by the names of --compression. Beyond 7 a chunk
// of 32 KiB gets a fiftieth smaller in ten times the time.
var ewfLevels = map[string]int{"none": 0, "fast": 1, "best": 7}

func newEWF(o *Options, i *Info, set uuid.UUID) *ewfSink {
	s := &ewfSink{o: o, info: i, sector: i.LogicalSector, limit: o.SegmentSize, level: ewfLevels[o.Compression], set: set}
	s.chunkSize = ewfPerChunk * s.sector
	s.dir = filepath.Dir(o.To)
	stem := filepath.Base(o.To)
	if ext := filepath.Ext(stem); strings.EqualFold(ext, ".e01") {
		stem = strings.TrimSuffix(stem, ext)
	}
	s.name = func(n int) (string, error) { return ewfName(stem, n) }
	s.flags = 1
	if i.Kind == KindDevice && !i.Partition {
		s.flags |= 2
	}
	if strings.Contains(strings.ToLower(i.Protection.Blocker), "tableau") {
		s.flags |= 8
	}
	if i.Bytes > 0 {
		s.planned = (i.Bytes + int64(s.sector) - 1) / int64(s.sector)
	}
	s.pool.New = func() any {
		w, err := flate.NewWriter(nil, max(s.level, 1))
		if err != nil {
			panic(err) // the levels are ours
		}
		return w
	}
	if s.level > 0 {
		s.zero = s.deflate(nil, make([]byte, s.chunkSize))
	}
	return s
}

// ewfName is the name of segment n, from 0.
func ewfName(stem string, n int) (string, error) {
	switch {
	case n < 99:
		return fmt.Sprintf("%s.E%02d", stem, n+1), nil
	case n >= maxSegments:
		return "", fmt.Errorf("more than %d segments; take a larger --segment-size", maxSegments)
	}
	n -= 99
	return fmt.Sprintf("%s.%c%c%c", stem, 'E'+n/676, 'A'+n/26%26, 'A'+n%26), nil
}

// deflate puts p as zlib data behind dst (RFC 1950).
func (s *ewfSink) deflate(dst, p []byte) []byte {
	w := s.pool.Get().(*flate.Writer)
	defer s.pool.Put(w)
	head := byte(0x01)
	if s.level > 1 {
		head = 0xda
	}
	buf := bytes.NewBuffer(append(dst, 0x78, head))
	w.Reset(buf)
	// A buffer in memory takes all.
	_, err := w.Write(p)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return binary.BigEndian.AppendUint32(buf.Bytes(), adler32.Checksum(p))
}

func (s *ewfSink) pack(b *block) {
	b.packed.data, b.packed.chunks = b.packed.data[:0], b.packed.chunks[:0]
	n := b.n
	if odd := n % s.sector; odd != 0 { // the end of a source that ends within a sector
		clear(b.buf[n : n+s.sector-odd])
		n += s.sector - odd
	}
	for at := 0; at < n; at += s.chunkSize {
		p := b.buf[at:min(at+s.chunkSize, n)]
		from := len(b.packed.data)
		c := chunk{zlib: s.level > 0}
		switch {
		case !c.zlib:
		case len(p) == s.chunkSize && isZero(p):
			b.packed.data = append(b.packed.data, s.zero...)
		default:
			b.packed.data = s.deflate(b.packed.data, p)
			c.zlib = len(b.packed.data)-from < len(p)
		}
		if !c.zlib {
			b.packed.data = append(b.packed.data[:from], p...)
			b.packed.data = binary.LittleEndian.AppendUint32(b.packed.data, adler32.Checksum(p))
		}
		c.bytes = len(b.packed.data) - from
		b.packed.chunks = append(b.packed.chunks, c)
	}
}

func (s *ewfSink) perBlock() int { return blockBytes / s.chunkSize }

func (s *ewfSink) full() bool { return len(s.open.entries)+s.perBlock() > ewfTableMost }

// tables is how many bytes the tables behind n chunks take.
func tables(n int) int64 { return 2 * int64(ewfDescriptor+24+4*n+4) }

func (s *ewfSink) put(b *block) error {
	n := len(s.open.entries)
	room := s.pos + int64(len(b.packed.data)) + tables(n+len(b.packed.chunks)) + ewfDescriptor + ewfTrailer
	if room > s.limit && s.pos > s.firstGroup() {
		if err := s.next(); err != nil {
			return err
		}
	}
	if len(s.open.entries) == 0 {
		s.open.at, s.open.first = s.pos, s.chunks
		// Its descriptor is written with its size, at the end.
		s.pos += ewfDescriptor
	}
	if _, err := s.cur.WriteAt(b.packed.data, s.pos); err != nil {
		return err
	}
	for _, c := range b.packed.chunks {
		v := uint32(s.pos)
		if c.zlib {
			v |= 1 << 31
		}
		s.open.entries = append(s.open.entries, v)
		s.pos += int64(c.bytes)
	}
	s.chunks += int64(len(b.packed.chunks))
	s.media += int64((b.n + s.sector - 1) / s.sector * s.sector)
	s.flush(s.pos)
	return nil
}

// firstGroup is where the groups of the current file begin.
func (s *ewfSink) firstGroup() int64 {
	if len(s.seg) > 1 {
		return 13 + ewfDescriptor + ewfVolumeBytes
	}
	return s.header[1]
}

// start makes a file and its head.
func (s *ewfSink) start() error {
	if err := s.create(); err != nil {
		return err
	}
	head := s.head(len(s.seg), nil)
	s.pos, s.marked = int64(len(head)), int64(len(head))
	s.seg[len(s.seg)-1].Bytes = s.pos
	_, err := s.cur.WriteAt(head, 0)
	return err
}

// next ends the current file and begins another.
func (s *ewfSink) next() error {
	if err := s.endGroup(); err != nil {
		return err
	}
	end := section(nil, "next", s.pos, nil)
	if _, err := s.cur.WriteAt(end, s.pos); err != nil {
		return err
	}
	s.pos += int64(len(end))
	if err := s.cur.Truncate(s.pos); err != nil {
		return err
	}
	s.seg[len(s.seg)-1].Bytes = s.pos
	return s.start()
}

// endGroup writes what makes the chunks since the last group readable.
func (s *ewfSink) endGroup() error {
	if len(s.open.entries) == 0 {
		return nil
	}
	head := descriptor(nil, "sectors", s.pos, s.pos-s.open.at)
	if _, err := s.cur.WriteAt(head, s.open.at); err != nil {
		return err
	}
	t := table(s.open.entries)
	b := section(nil, "table", s.pos, t)
	b = section(b, "table2", s.pos, t)
	if _, err := s.cur.WriteAt(b, s.pos); err != nil {
		return err
	}
	s.pos += int64(len(b))
	s.marked = s.pos
	s.open = group{entries: s.open.entries[:0]}
	return nil
}

// mark ends the group and writes what ends an image behind it. What comes next
// overwrites that: the room is there when the disk gets full.
func (s *ewfSink) mark(d Digests) error {
	if err := s.endGroup(); err != nil {
		return err
	}
	s.seg[len(s.seg)-1].Bytes = s.pos
	return s.trailer(d, nil)
}

// trailer writes what ends the last file at pos, and nothing behind.
func (s *ewfSink) trailer(d Digests, bad []Range) error {
	var b []byte
	if len(s.seg) == 1 {
		b = section(b, "data", s.pos, s.volume())
	}
	if len(bad) > 0 {
		b = section(b, "error2", s.pos, s.errors(bad))
	}
	if d["sha1"] != "" {
		b = section(b, "digest", s.pos, digestSection(d))
	}
	if d["md5"] != "" {
		b = section(b, "hash", s.pos, hashSection(d))
	}
	b = section(b, "done", s.pos, nil)
	if _, err := s.cur.WriteAt(b, s.pos); err != nil {
		return err
	}
	return s.cur.Truncate(s.pos + int64(len(b)))
}

func (s *ewfSink) cut(off int64, d Digests) error {
	keep := off / int64(s.chunkSize)
	if len(s.open.entries) > 0 {
		n := keep - s.open.first
		if n < 0 {
			return fmt.Errorf("internal: cut at chunk %d of a group that begins at %d", keep, s.open.first)
		}
		if n < int64(len(s.open.entries)) {
			s.pos = int64(s.open.entries[n] &^ (1 << 31))
			s.open.entries = s.open.entries[:n]
		}
		if n == 0 {
			s.pos = s.open.at
		}
	} else {
		s.pos = s.marked
	}
	s.chunks, s.media = keep, off
	if err := s.cur.Truncate(s.pos); err != nil {
		return err
	}
	if len(s.open.entries) == 0 && len(s.seg) > 1 && s.pos == s.firstGroup() {
		if err := s.drop(); err != nil {
			return err
		}
		// The next section, and nothing else, stood behind its last group.
		s.pos = s.seg[len(s.seg)-1].Bytes - ewfDescriptor
		s.marked = s.pos
	}
	if err := s.mark(d); err != nil {
		return err
	}
	return s.patch(d, nil)
}

func (s *ewfSink) position() position {
	return position{Media: s.media, Segments: append([]segment(nil), s.seg...)}
}

func (s *ewfSink) reopen(p position, d Digests) error {
	if p.Media%blockBytes != 0 {
		return fmt.Errorf("the state of the acquisition stands at %d, which is no multiple of %d", p.Media, blockBytes)
	}
	s.head(1, nil) // where its sections lie
	if err := s.files.reopen(p); err != nil {
		return err
	}
	s.chunks, s.media = p.Media/int64(s.chunkSize), p.Media
	s.pos = p.Segments[len(p.Segments)-1].Bytes
	s.marked = s.pos
	return s.patch(d, nil)
}

func (s *ewfSink) finish(d Digests, bad []Range) error {
	if err := s.endGroup(); err != nil {
		return err
	}
	s.seg[len(s.seg)-1].Bytes = s.pos
	return s.patch(d, bad)
}

// patch makes the image say how much media it holds, and its digests.
func (s *ewfSink) patch(d Digests, bad []Range) error {
	sectors := s.media / int64(s.sector)
	changed := s.planned != sectors
	s.planned = sectors
	if err := s.trailer(d, bad); err != nil {
		return err
	}
	if _, err := s.first.WriteAt(s.head(1, d), 0); err != nil {
		return err
	}
	if !changed {
		return nil
	}
	for i := 1; i < len(s.seg); i++ {
		f, err := os.OpenFile(filepath.Join(s.dir, s.seg[i].Name), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(s.head(i+1, nil), 0)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
