package image

// UDIF: Apple's disk image (.dmg), packed or not.
//
// Specification: libmodi documentation, Mac OS disk image types. Big-endian:
//
//	trailer  the last 512 bytes: 0 "koly" | 24 data fork | 32 its size | 40
//	         resource fork | 48 its size | 60 segments | 216 property list | 224 its size | 492 sectors of media
//	list     XML: under "blkx" an array, with "Data" a table each in base 64
//	table    0 "mish" | 8 first sector | 16 sectors | 24 offset of its data | 200
//	         entries
//	entry    40 bytes: 0 type | 8 sector from the table's first | 16 sectors | 24
//	         offset in the data fork | 32 bytes there

import (
	"bytes"
	"compress/bzip2"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/klauspost/compress/zlib"
	"github.com/ulikunitz/xz"

	"saksi/internal/lzfse"
)

// Types of entries.
const (
	udifZero   = 0
	udifRaw    = 1
	udifUnused = 2
	udifADC    = 0x80000004
	udifZlib   = 0x80000005
	udifBzip2  = 0x80000006
	udifLZFSE  = 0x80000007
	udifLZMA   = 0x80000008
	udifText   = 0x7ffffffe
	udifEnd    = 0xffffffff
)

const (
	udifTrailer = 512
	udifTable   = 204
	udifEntry   = 40
	udifMost    = 1 << 22  // entries of all tables
	udifPiece   = 16 << 20 // bytes of one packed piece, unpacked
)

func init() {
	register(Format{
		Name:      "udif",
		Doc:       "Apple disk image (.dmg): as it is, and packed by zlib, bzip2, ADC, LZMA or LZFSE, with its tables in a property list or in a resource fork",
		Reference: "libmodi documentation, Mac OS disk image types",
		Detect:    func(_, tail []byte) bool { return udifDetect(tail) },
		Open:      openUDIF,
		Samples:   []string{"container/media.dmg", "container/lzfse.dmg", "container/fork.dmg"},
		Hostile: []string{
			"container/media.dmg @-296=7fffffffffffffff", "container/media.dmg @-288=7fffffffffffffff", "container/media.dmg @-20=7fffffffffffffff", "container/media.dmg @-20=0000000000000001",
			"container/media.dmg @100=ffffffffffffffff", "container/media.dmg @-900=2121212121", "container/media.dmg @-452=00000009",
			"container/lzfse.dmg @40=ffffffffffffffff", "container/lzfse.dmg @8=ffffffff", "container/fork.dmg @-472=7fffffffffffffff", "container/fork.dmg @-534=ffff",
		},
	})
}

func udifDetect(tail []byte) bool {
	t := tail[max(0, len(tail)-udifTrailer):]
	return len(t) == udifTrailer && string(t[:4]) == "koly" && binary.BigEndian.Uint32(t[8:]) == udifTrailer
}

// udifPart is an entry in the order of the media, in bytes.
type udifPart struct {
	kind         uint32
	at, length   int64 // of media
	data, packed int64 // in the file
}

type udif struct {
	seg   Segment
	size  int64
	parts []udifPart
	cache *cache
}

func openUDIF(segs []Segment, _ int) (*Image, error) {
	s := segs[0]
	t := make([]byte, udifTrailer)
	at := s.Size - udifTrailer
	if err := readFull(s, t, at); err != nil {
		return nil, err
	}
	if n := binary.BigEndian.Uint32(t[60:]); n > 1 {
		return nil, fmt.Errorf("opening %s: it is one of %d segments of an Apple disk image, which is %w; convert it with 'hdiutil convert' on a Mac", s.Name, n, ErrUnsupported)
	}
	fork, forkSize := int64(binary.BigEndian.Uint64(t[24:])), int64(binary.BigEndian.Uint64(t[32:]))
	list, listSize := int64(binary.BigEndian.Uint64(t[216:])), int64(binary.BigEndian.Uint64(t[224:]))
	sectors := int64(binary.BigEndian.Uint64(t[492:]))
	im := &Image{Segments: []string{s.Name}}
	if sectors < 0 || sectors > maxMedia/512 {
		return nil, corrupt(s.Name, at+492, "%d sectors of media", sectors)
	}
	if fork < 0 || forkSize < 0 || fork > at || forkSize > at-fork {
		return nil, corrupt(s.Name, at+24, "a data fork of %d bytes at %d; the file has %d before its trailer", forkSize, fork, at)
	}
	tablesOf, what := udifTables, "property list"
	if listSize == 0 {
		list, listSize = int64(binary.BigEndian.Uint64(t[40:])), int64(binary.BigEndian.Uint64(t[48:]))
		if listSize == 0 {
			im.r, im.Size = io.NewSectionReader(s, fork, forkSize), forkSize
			return im, nil
		}
		tablesOf, what = forkTables, "resource fork"
	}
	if listSize < 0 || listSize > maxTable || list < 0 || list > at-listSize {
		return nil, corrupt(s.Name, at+40, "a %s of %d bytes at %d; the file has %d before its trailer", what, listSize, list, at)
	}
	text := make([]byte, listSize)
	if err := readFull(s, text, list); err != nil {
		return nil, err
	}
	u := &udif{seg: s, cache: newCache(1 << 20)}
	tables, err := tablesOf(text)
	if err != nil {
		return nil, corrupt(s.Name, list, "its %s: %v", what, err)
	}
	for i, b := range tables {
		if err := u.table(b, i, fork); err != nil {
			return nil, corrupt(s.Name, list, "table %d: %v", i, err)
		}
	}
	if err := u.order(); err != nil {
		return nil, corrupt(s.Name, list, "%v", err)
	}
	im.Size = sectors * 512
	u.size = max(im.Size, 0)
	if n := len(u.parts); n > 0 {
		if end := u.parts[n-1].at + u.parts[n-1].length; end > im.Size {
			im.Notes = append(im.Notes, fmt.Sprintf("its trailer states %d bytes of media, its tables %d, which are read", im.Size, end))
			im.Size, u.size = end, end
		}
	}
	if gaps, first := u.gaps(); gaps > 0 {
		im.Notes = append(im.Notes, fmt.Sprintf("%d bytes of media, from offset %d on, are in none of its tables: they read as zeros", gaps, first))
	}
	im.r = u
	return im, nil
}

// udifTables are the tables of the property list.
func udifTables(text []byte) (tables [][]byte, err error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	key, blkx, depth := "", false, 0
	var chars strings.Builder
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			chars.Reset()
			if t.Name.Local == "array" {
				if depth++; depth == 1 {
					blkx = key == "blkx"
				}
			}
		case xml.CharData:
			chars.Write(t)
		case xml.EndElement:
			switch t.Name.Local {
			case "key":
				key = strings.TrimSpace(chars.String())
			case "array":
				depth--
			case "data":
				if blkx && depth == 1 && key == "Data" {
					b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(chars.String()), ""))
					if err != nil {
						return nil, fmt.Errorf("table %d: %w", len(tables), err)
					}
					tables = append(tables, b)
				}
			}
		}
	}
	if len(tables) == 0 {
		return nil, errors.New("it has no table of blocks")
	}
	return tables, nil
}

// table adds the entries of a table.
func (u *udif) table(b []byte, number int, fork int64) error {
	if len(b) < udifTable || string(b[:4]) != "mish" {
		return errors.New("it does not begin with mish")
	}
	first, base, n := int64(binary.BigEndian.Uint64(b[8:])), int64(binary.BigEndian.Uint64(b[24:])), int64(binary.BigEndian.Uint32(b[200:]))
	if n > int64(len(b)-udifTable)/udifEntry {
		return fmt.Errorf("it claims %d entries in %d bytes", n, len(b))
	}
	const most = maxMedia / 512
	for i := range n {
		e := b[udifTable+i*udifEntry:]
		p := udifPart{kind: binary.BigEndian.Uint32(e), packed: int64(binary.BigEndian.Uint64(e[32:]))}
		if p.kind == udifEnd {
			break
		}
		if p.kind == udifText {
			continue
		}
		sector, count, data := int64(binary.BigEndian.Uint64(e[8:])), int64(binary.BigEndian.Uint64(e[16:])), int64(binary.BigEndian.Uint64(e[24:]))
		if first < 0 || sector < 0 || count < 0 || first > most || sector > most || count > most {
			return fmt.Errorf("entry %d of table %d: %d sectors at sector %d of %d", i, number, count, sector, first)
		}
		if count == 0 {
			continue
		}
		p.at, p.length = (first+sector)*512, count*512
		if p.kind != udifZero && p.kind != udifUnused {
			p.data = fork + base + data
			if base < 0 || data < 0 || p.packed < 0 || p.data < 0 || p.data > u.seg.Size || p.packed > u.seg.Size-p.data {
				return fmt.Errorf("entry %d: %d bytes at offset %d; the file has %d", i, p.packed, p.data, u.seg.Size)
			}
			if p.kind == udifRaw && p.packed < p.length {
				return fmt.Errorf("entry %d: %d bytes for %d sectors", i, p.packed, count)
			}
			if p.kind != udifRaw && (p.length > udifPiece || p.packed > udifPiece) {
				return fmt.Errorf("entry %d: a packed piece of %d bytes; at most %d are unpacked", i, max(p.length, p.packed), udifPiece)
			}
		}
		if u.parts = append(u.parts, p); len(u.parts) > udifMost {
			return fmt.Errorf("more than %d entries", udifMost)
		}
	}
	return nil
}

// order sorts the entries and refuses those that overlap.
func (u *udif) order() error {
	sort.SliceStable(u.parts, func(i, j int) bool { return u.parts[i].at < u.parts[j].at })
	for i := 1; i < len(u.parts); i++ {
		if p, q := u.parts[i-1], u.parts[i]; p.at+p.length > q.at {
			return fmt.Errorf("two entries for the media at offset %d", q.at)
		}
	}
	return nil
}

// gaps is how many bytes of media no entry is of, and where the first of them is.
func (u *udif) gaps() (gaps, first int64) {
	at := int64(0)
	look := func(next int64) {
		if next > at {
			if gaps == 0 {
				first = at
			}
			gaps += next - at
		}
	}
	for _, p := range u.parts {
		look(p.at)
		at = p.at + p.length
	}
	look(u.size)
	return gaps, first
}

func (u *udif) hole(off int64) int64 {
	i := sort.Search(len(u.parts), func(i int) bool { return u.parts[i].at+u.parts[i].length > off })
	switch {
	case i == len(u.parts):
		return u.size - off
	case u.parts[i].at > off:
		return u.parts[i].at - off
	case u.parts[i].kind == udifZero || u.parts[i].kind == udifUnused:
		return u.parts[i].at + u.parts[i].length - off
	}
	return 0
}

// ReadAt reads media; what no entry is of reads as zeros.
func (u *udif) ReadAt(b []byte, off int64) (int, error) {
	total := 0
	for len(b) > 0 {
		i := sort.Search(len(u.parts), func(i int) bool { return u.parts[i].at+u.parts[i].length > off })
		want := int64(len(b))
		if i == len(u.parts) || u.parts[i].at > off {
			if i < len(u.parts) {
				want = min(want, u.parts[i].at-off)
			}
			clear(b[:want])
			b, off, total = b[want:], off+want, total+int(want)
			continue
		}
		p := u.parts[i]
		want = min(want, p.at+p.length-off)
		switch p.kind {
		case udifZero, udifUnused:
			clear(b[:want])
		case udifRaw:
			if err := readFull(u.seg, b[:want], p.data+off-p.at); err != nil {
				return total, err
			}
		default:
			piece, err := u.cache.get(int64(i), func() ([]byte, error) { return u.unpack(p) })
			if err != nil {
				return total, &ChunkError{Segment: u.seg.Name, Chunk: int64(i), Offset: p.at, Length: p.length, Reason: err.Error()}
			}
			copy(b[:want], piece[off-p.at:])
		}
		b, off, total = b[want:], off+want, total+int(want)
	}
	return total, nil
}

func (u *udif) unpack(p udifPart) ([]byte, error) {
	in := make([]byte, p.packed)
	if err := readFull(u.seg, in, p.data); err != nil {
		return nil, err
	}
	out := make([]byte, p.length)
	var r io.Reader
	var err error
	switch p.kind {
	case udifADC:
		return out, unADC(out, in)
	case udifLZFSE:
		n, err := lzfse.Decode(out, in)
		if err == nil && n < len(out) {
			err = fmt.Errorf("LZFSE: %d of %d bytes", n, len(out))
		}
		return out, err
	case udifZlib:
		r, err = zlib.NewReader(bytes.NewReader(in))
	case udifBzip2:
		r = bzip2.NewReader(bytes.NewReader(in))
	case udifLZMA:
		r, err = xz.ReaderConfig{DictCap: udifPiece}.NewReader(bytes.NewReader(in))
	default:
		return nil, fmt.Errorf("packed by method %#x, which is %w", p.kind, ErrUnsupported)
	}
	if err == nil {
		_, err = io.ReadFull(r, out)
	}
	if err == nil { // its checksum stands behind its end
		if _, end := r.Read(make([]byte, 1)); end != nil && end != io.EOF {
			err = end
		}
	}
	return out, err
}

// unADC unpacks Apple Data Compression (libmodi documentation, "Apple Data
// Compression"): a byte of 0x80 and more is followed by so many plain ones, less
// 0x7f; of 0x40 and more, by two bytes of distance; else by one.
func unADC(out, in []byte) error {
	n := 0
	for len(in) > 0 && n < len(out) {
		c := in[0]
		var length, back int
		switch {
		case c >= 0x80:
			length = int(c&0x7f) + 1
			if len(in) <= length || len(out)-n < length {
				return fmt.Errorf("ADC: %d plain bytes at %d of %d", length, n, len(out))
			}
			copy(out[n:], in[1:1+length])
			in, n = in[1+length:], n+length
			continue
		case c >= 0x40:
			if len(in) < 3 {
				return errors.New("ADC: it ends within a distance")
			}
			length, back, in = int(c&0x3f)+4, int(in[1])<<8|int(in[2]), in[3:]
		default:
			if len(in) < 2 {
				return errors.New("ADC: it ends within a distance")
			}
			length, back, in = int(c>>2)+3, int(c&3)<<8|int(in[1]), in[2:]
		}
		if back++; back > n || length > len(out)-n {
			return fmt.Errorf("ADC: %d bytes from %d before %d of %d", length, back, n, len(out))
		}
		for i := range length {
			out[n+i] = out[n+i-back]
		}
		n += length
	}
	if n < len(out) {
		return fmt.Errorf("ADC: %d of %d bytes", n, len(out))
	}
	return nil
}
