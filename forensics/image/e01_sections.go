package image

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/adler32"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/klauspost/compress/zlib"
)

// ewfParser walks the sections of an E01 set, segment by segment.
type ewfParser struct {
	im      *Image
	e       *ewf
	volume  bool
	done    bool
	pending *ewfTable // a table whose checksum was wrong; its table2 may stand in
	sectors int64     // end of the last sectors section of this segment
}

func (p *ewfParser) note(format string, args ...any) {
	if len(p.im.Notes) < 64 {
		p.im.Notes = append(p.im.Notes, fmt.Sprintf(format, args...))
	}
}

// segment reads the sections of segment i.
func (p *ewfParser) segment(i int) error {
	s := p.e.segs[i]
	off := int64(ewfHeader)
	p.sectors, p.done = 0, false
	for n := 0; ; n++ {
		if n > ewfMaxSects {
			return corrupt(s.Name, off, "more than %d sections", ewfMaxSects)
		}
		d := make([]byte, ewfSection)
		if err := readFull(s, d, off); err != nil {
			return err
		}
		if sum, stored := adler32.Checksum(d[:72]), binary.LittleEndian.Uint32(d[72:]); sum != stored {
			return corrupt(s.Name, off, "the section's Adler-32 is %08x, stored is %08x", sum, stored)
		}
		kind := string(bytes.TrimRight(d[:16], "\x00"))
		next := int64(binary.LittleEndian.Uint64(d[16:]))
		switch kind {
		case "done":
			p.done = true
			return p.flush()
		case "next":
			return p.flush()
		}
		if next < off+ewfSection || next > s.Size {
			return corrupt(s.Name, off, "section %q points to %d; the file has %d bytes", kind, next, s.Size)
		}
		if err := p.section(kind, i, off+ewfSection, next); err != nil {
			return err
		}
		off = next
	}
}

// section reads one section's data, which lies at off to end of segment i.
func (p *ewfParser) section(kind string, i int, off, end int64) error {
	s := p.e.segs[i]
	switch kind {
	case "volume", "disk", "data":
		if i == 0 && !p.volume {
			return p.readVolume(s, off, end)
		}
	case "sectors":
		p.sectors = end
	case "table":
		if err := p.flush(); err != nil {
			return err
		}
		return p.readTable(i, off, end, false)
	case "table2":
		if p.pending != nil {
			return p.readTable(i, off, end, true)
		}
	case "hash", "digest":
		return p.readDigest(s, kind, off, end)
	case "error2":
		return p.readErrors(s, off, end)
	case "header", "header2":
		p.readText(s, kind, off, end)
	}
	return nil
}

func (p *ewfParser) readVolume(s Segment, off, end int64) error {
	b := make([]byte, min(end-off, 1052))
	if len(b) < 94 {
		return corrupt(s.Name, off, "the volume section has %d bytes, at least 94 are needed", len(b))
	}
	if err := readFull(s, b, off); err != nil {
		return err
	}
	n := len(b)
	sectors := binary.LittleEndian.Uint64(b[16:])
	if n < 1052 { // SMART
		n = 94
		sectors = uint64(binary.LittleEndian.Uint32(b[16:]))
	}
	if sum, stored := adler32.Checksum(b[:n-4]), binary.LittleEndian.Uint32(b[n-4:]); sum != stored {
		p.note("the volume section's Adler-32 is %08x, stored is %08x", sum, stored)
	}
	perChunk, sector := int64(binary.LittleEndian.Uint32(b[8:])), int64(binary.LittleEndian.Uint32(b[12:]))
	if sector < 1 || sector > 1<<16 || perChunk < 1 || perChunk > ewfMaxChunk/sector {
		return corrupt(s.Name, off, "a chunk of %d sectors of %d bytes; a chunk has at most %d bytes", perChunk, sector, ewfMaxChunk)
	}
	if sectors > uint64(maxMedia/sector) {
		return corrupt(s.Name, off, "it claims %d sectors", sectors)
	}
	p.volume = true
	p.e.chunkSize = perChunk * sector
	p.im.Size = int64(sectors) * sector
	p.im.SectorSize = int(sector)
	return nil
}

// readTable takes a table whose checksums hold. One that fails waits for its
// copy in table2 and is used, with a note, when that is no better.
func (p *ewfParser) readTable(i int, off, end int64, second bool) error {
	s := p.e.segs[i]
	bad := ""
	h := make([]byte, 24)
	if err := readFull(s, h, off); err != nil {
		return err
	}
	if sum, stored := adler32.Checksum(h[:20]), binary.LittleEndian.Uint32(h[20:]); sum != stored {
		bad = fmt.Sprintf("header Adler-32 %08x, stored %08x", sum, stored)
	}
	count := int64(binary.LittleEndian.Uint32(h))
	t := ewfTable{seg: i, count: count, entries: off + 24, base: int64(binary.LittleEndian.Uint64(h[8:])), end: p.sectors}
	if t.base < 0 || t.base > s.Size {
		return corrupt(s.Name, off, "a table's base offset is %d; the file has %d bytes", t.base, s.Size)
	}
	if room := (end - t.entries) / 4; count > room {
		bad = fmt.Sprintf("%d entries, room for %d", count, room)
		t.count = room
	}
	if t.end == 0 {
		t.end = end // without a sectors section the chunks stand behind the entries
	}
	sum, err := p.scanTable(s, &t)
	if err != nil {
		return err
	}
	footer := make([]byte, 4)
	if t.entries+4*t.count+4 <= end {
		if err := readFull(s, footer, t.entries+4*t.count); err != nil {
			return err
		}
		if stored := binary.LittleEndian.Uint32(footer); bad == "" && stored != sum && t.end != end {
			bad = fmt.Sprintf("entries' Adler-32 %08x, stored %08x", sum, stored)
		}
	}
	if bad != "" && !second {
		p.note("%s: the table at %d is damaged (%s); its copy is used if it is whole", s.Name, off, bad)
		p.pending = &t
		return nil
	}
	if bad != "" {
		p.note("%s: the copy of the table at %d is damaged too (%s); chunks it names are checked one by one", s.Name, off, bad)
		return p.flush()
	}
	p.pending = nil
	return p.add(t)
}

// scanTable reads the entries once: their checksum and from where on EnCase
// 6.7's rule for files over 2 GiB holds (offsets of 32 bits, not compressed).
func (p *ewfParser) scanTable(s Segment, t *ewfTable) (uint32, error) {
	sum := adler32.New()
	t.overflow = t.count
	prev := uint32(0)
	buf := make([]byte, 4*ewfPage)
	for i := int64(0); i < t.count; i += ewfPage {
		b := buf[:4*min(ewfPage, t.count-i)]
		if err := readFull(s, b, t.entries+4*i); err != nil {
			return 0, err
		}
		sum.Write(b)
		for j := 0; j < len(b); j += 4 {
			v := binary.LittleEndian.Uint32(b[j:])
			if k := i + int64(j/4); k > 0 && k < t.overflow && v&0x7fffffff < prev && v > prev {
				t.overflow = k
			}
			prev = v & 0x7fffffff
		}
	}
	return sum.Sum32(), nil
}

// flush uses a damaged table that no copy replaced.
func (p *ewfParser) flush() error {
	if p.pending == nil {
		return nil
	}
	t := *p.pending
	p.pending = nil
	return p.add(t)
}

func (p *ewfParser) add(t ewfTable) error {
	if !p.volume {
		return corrupt(p.e.segs[t.seg].Name, t.entries, "a table comes before the volume section")
	}
	if n := len(p.e.tables); n > 0 {
		t.first = p.e.tables[n-1].first + p.e.tables[n-1].count
	}
	p.e.tables = append(p.e.tables, t)
	return nil
}

func (p *ewfParser) readDigest(s Segment, kind string, off, end int64) error {
	n, size := 36, 80 // 16 MD5, 16, 4
	if kind == "digest" {
		n = size
	}
	b := make([]byte, n)
	if end-off < int64(n) {
		p.note("%s: the %s section at %d is cut", s.Name, kind, off)
		return nil
	}
	if err := readFull(s, b, off); err != nil {
		return err
	}
	if sum, stored := adler32.Checksum(b[:n-4]), binary.LittleEndian.Uint32(b[n-4:]); sum != stored {
		p.note("%s: the %s section's Adler-32 is %08x, stored is %08x; its digests are not used", s.Name, kind, sum, stored)
		return nil
	}
	if md5 := b[:16]; !bytes.Equal(md5, make([]byte, 16)) {
		p.im.MD5 = hex.EncodeToString(md5)
	}
	if kind == "digest" && !bytes.Equal(b[16:36], make([]byte, 20)) {
		p.im.SHA1 = hex.EncodeToString(b[16:36])
	}
	return nil
}

// readErrors takes the sectors that could not be read at acquisition.
func (p *ewfParser) readErrors(s Segment, off, end int64) error {
	h := make([]byte, 4)
	if err := readFull(s, h, off); err != nil {
		return err
	}
	count := int64(binary.LittleEndian.Uint32(h))
	if room := (end - off - 520) / 8; count > room {
		p.note("%s: the error section at %d claims %d ranges, it has room for %d", s.Name, off, count, max(room, 0))
		count = max(room, 0)
	}
	const most = 1 << 16
	if count > most {
		p.note("%s: %d unreadable ranges, %d are listed", s.Name, count, most)
		count = most
	}
	b := make([]byte, 8*count)
	if err := readFull(s, b, off+520); err != nil {
		return err
	}
	for ; len(b) > 0; b = b[8:] {
		size := int64(p.im.SectorSize)
		p.im.Bad = append(p.im.Bad, Range{int64(binary.LittleEndian.Uint32(b)) * size, int64(binary.LittleEndian.Uint32(b[4:])) * size})
	}
	return nil
}

var ewfFields = map[string]string{
	"c": "case", "n": "evidence", "a": "description", "e": "examiner", "t": "notes",
	"m": "acquired", "u": "system time", "av": "software", "ov": "platform", "md": "model", "sn": "serial",
}

// readText takes what the examiner wrote; a damaged text costs only itself.
func (p *ewfParser) readText(s Segment, kind string, off, end int64) {
	if len(p.im.Meta) > 0 {
		return
	}
	b := make([]byte, min(end-off, maxText))
	if readFull(s, b, off) != nil {
		return
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		p.note("%s: the %s section at %d is damaged: %v", s.Name, kind, off, err)
		return
	}
	text, err := io.ReadAll(io.LimitReader(z, maxText))
	if err != nil {
		p.note("%s: the %s section at %d is damaged: %v", s.Name, kind, off, err)
	}
	str := string(text)
	if kind == "header2" {
		u := make([]uint16, 0, len(text)/2)
		for i := 0; i+1 < len(text); i += 2 {
			u = append(u, binary.LittleEndian.Uint16(text[i:]))
		}
		str = strings.TrimPrefix(string(utf16.Decode(u)), "\ufeff")
	}
	lines := strings.Split(strings.ReplaceAll(str, "\r", ""), "\n")
	if len(lines) < 4 {
		return
	}
	keys, values := strings.Split(lines[2], "\t"), strings.Split(lines[3], "\t")
	for i, k := range keys {
		if name := ewfFields[k]; name != "" && i < len(values) && values[i] != "" {
			p.im.Meta = append(p.im.Meta, Meta{name, strings.ToValidUTF8(values[i], "\ufffd")})
		}
	}
}
