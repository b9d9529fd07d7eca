package acquire

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// descriptor puts a section's descriptor behind b; base is the file offset of
// b, the section size includes the descriptor.
func descriptor(b []byte, kind string, next, size int64) []byte {
	from := len(b)
	b = append(b, make([]byte, ewfDescriptor)...)
	d := b[from:]
	copy(d, kind)
	binary.LittleEndian.PutUint64(d[16:], uint64(next))
	binary.LittleEndian.PutUint64(d[24:], uint64(size))
	binary.LittleEndian.PutUint32(d[72:], adler32.Checksum(d[:72]))
	return b
}

// section puts a whole section behind b, whose first byte stands at base of the
// file. The last section of a file points to itself and states no size.
func section(b []byte, kind string, base int64, data []byte) []byte {
	at := base + int64(len(b))
	if kind == "next" || kind == "done" {
		return descriptor(b, kind, at, 0)
	}
	size := int64(ewfDescriptor + len(data))
	return append(descriptor(b, kind, at+size, size), data...)
}

// summed puts its Adler-32 behind b.
func summed(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, adler32.Checksum(b))
}

func table(entries []uint32) []byte {
	head := make([]byte, 20)
	binary.LittleEndian.PutUint32(head, uint32(len(entries)))
	b := make([]byte, 0, 4*len(entries))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint32(b, e)
	}
	return append(summed(head), summed(b)...)
}

// volume is the data of volume and data sections.
func (s *ewfSink) volume() []byte {
	b := make([]byte, ewfVolumeBytes-4)
	b[0] = 1 // fixed
	if s.info.Removable {
		b[0] = 0
	}
	binary.LittleEndian.PutUint32(b[4:], uint32((s.planned+ewfPerChunk-1)/ewfPerChunk))
	binary.LittleEndian.PutUint32(b[8:], ewfPerChunk)
	binary.LittleEndian.PutUint32(b[12:], uint32(s.sector))
	binary.LittleEndian.PutUint64(b[16:], uint64(s.planned))
	b[36] = s.flags
	b[52] = map[string]byte{"fast": 1, "best": 2}[s.o.Compression]
	binary.LittleEndian.PutUint32(b[56:], 1) // sectors lost together
	copy(b[64:], s.set[:])                   // as Windows writes them: the first three numbers little-endian
	slices.Reverse(b[64:68])
	slices.Reverse(b[68:70])
	slices.Reverse(b[70:72])
	return summed(b)
}

// errors is the data of an error2 section: what could not be read, in sectors.
// Sectors beyond 32 bits have no place in it; the record has them.
func (s *ewfSink) errors(bad []Range) []byte {
	var list []byte
	n := uint32(0)
	for _, r := range bad {
		from, count := r.Offset/int64(s.sector), (r.Bytes+int64(s.sector)-1)/int64(s.sector)
		if from > 1<<32-1 || count > 1<<32-1 {
			continue
		}
		list = binary.LittleEndian.AppendUint32(list, uint32(from))
		list = binary.LittleEndian.AppendUint32(list, uint32(count))
		n++
	}
	head := make([]byte, 516)
	binary.LittleEndian.PutUint32(head, n)
	return append(summed(head), summed(list)...)
}

func digestSection(d Digests) []byte {
	b := make([]byte, 76)
	copy(b, d.raw("md5"))
	copy(b[16:], d.raw("sha1"))
	return summed(b)
}

func hashSection(d Digests) []byte {
	b := make([]byte, 32)
	copy(b, d.raw("md5"))
	return summed(b)
}

// head is what stands at the beginning of segment n, from 1, before its groups.
// Its length does not depend on the digests, which the first file names in its
// notes: the format has no other place for SHA-256 that EnCase shows.
func (s *ewfSink) head(n int, d Digests) []byte {
	b := binary.LittleEndian.AppendUint16(append([]byte(ewfMagic), 1), uint16(n))
	b = append(b, 0, 0)
	if n > 1 {
		return section(b, "data", 0, s.volume())
	}
	wide, narrow := s.texts(d)
	b = section(b, "header2", 0, stored(wide))
	b = section(b, "header2", 0, stored(wide))
	b = section(b, "header", 0, stored(narrow))
	b = section(b, "volume", 0, s.volume())
	s.header = [2]int64{13, int64(len(b))}
	return b
}

// texts are header2 (UTF-16, of EnCase 5 to 7) and header (ASCII).
func (s *ewfSink) texts(d Digests) (wide, narrow []byte) {
	sum := d["sha256"]
	if sum == "" {
		sum = strings.Repeat("-", 64)
	}
	l, i := &s.o.Labels, s.info
	notes := strings.TrimPrefix(ewfText(l.Notes, 2900)+"; SHA-256 of the media: ", "; ") + sum
	unix, date := "", ""
	if t, err := time.Parse(time.RFC3339, s.o.begun); err == nil {
		unix, date = fmt.Sprint(t.Unix()), t.UTC().Format("2006 1 2 15 4 5")
	}
	fields := []struct{ key, wide, narrow string }{
		{"a", ewfText(l.Description, 2900), ""},
		{"c", ewfText(l.Case, 2900), ""},
		{"n", ewfText(l.Exhibit, 2900), ""},
		{"e", ewfText(l.Examiner, 2900), ""},
		{"t", notes, ""},
		{"md", ewfText(i.Model, 2900), "-"},
		{"sn", ewfText(i.Serial, 2900), "-"},
		{"av", ewfText(s.o.Tool, 11), ""},
		{"ov", "Linux", ""},
		{"m", unix, date},
		{"u", unix, date},
		{"p", "0", ""},
	}
	var wk, wv, nk, nv []string
	for _, f := range fields {
		wk, wv = append(wk, f.key), append(wv, f.wide)
		if f.narrow != "-" {
			nk, nv = append(nk, f.key), append(nv, ascii(first(f.narrow, f.wide)))
		}
	}
	text := "3\nmain\n" + strings.Join(wk, "\t") + "\tdc\n" + strings.Join(wv, "\t") + "\t\n\n" +
		"srce\n0\t1\np\tn\tid\tev\ttb\tlo\tpo\tah\tgu\taq\n0\t0\n\t\t\t\t\t-1\t-1\t\t\t\n\n" +
		"sub\n0\t1\np\tn\tid\tnu\tco\tgu\n0\t0\n\t\t\t\t1\t\n\n"
	wide = []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	return wide, []byte("1\r\nmain\r\n" + strings.Join(nk, "\t") + "\r\n" + strings.Join(nv, "\t") + "\r\n\r\n")
}

// ewfText is a value without the characters that part values, of at most n.
func ewfText(s string, n int) string {
	r := []rune(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
	return string(r[:min(len(r), n)])
}

func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7e {
			return '?'
		}
		return r
	}, s)
}

// stored is b as zlib data without compression, so that its length stays the
// same when a digest is written into it (RFC 1950, RFC 1951 3.2.4).
func stored(b []byte) []byte {
	z := []byte{0x78, 0x01}
	for p := b; ; {
		n := min(len(p), 0xffff)
		last := byte(0)
		if n == len(p) {
			last = 1
		}
		z = append(z, last)
		z = binary.LittleEndian.AppendUint16(z, uint16(n))
		z = binary.LittleEndian.AppendUint16(z, ^uint16(n))
		z = append(z, p[:n]...)
		if p = p[n:]; last == 1 {
			break
		}
	}
	return binary.BigEndian.AppendUint32(z, adler32.Checksum(b))
}
