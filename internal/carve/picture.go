package carve

import (
	"bytes"
	"hash/crc32"
	"image/jpeg"
	"io"
)

func init() {
	register(Kind{
		Name: "jpeg", Doc: "JPEG: markers to the end of the picture, then decoded", Reference: "ITU-T T.81, annex B",
		Magic: []string{"\xff\xd8\xff"}, Max: 256 << 20, Measure: measureJPEG,
	})
	register(Kind{
		Name: "png", Doc: "PNG: every chunk with its CRC to IEND", Reference: "W3C, Portable Network Graphics (Third Edition)",
		Magic: []string{"\x89PNG\r\n\x1a\n"}, Max: 1 << 30, Measure: measurePNG,
	})
	register(Kind{
		Name: "gif", Doc: "GIF: every block to the trailer", Reference: "CompuServe, GIF89a Specification",
		Magic: []string{"GIF87a", "GIF89a"}, Max: 256 << 20, Measure: measureGIF,
	})
	register(Kind{
		Name: "bmp", Doc: "Windows bitmap: size from its header, which agrees with its dimensions", Reference: "Microsoft, BITMAPFILEHEADER, BITMAPINFOHEADER",
		Magic: []string{"BM"}, Max: 256 << 20, Measure: measureBMP,
	})
}

// Pictures that are decoded have at most so many points: decoding a progressive
// one takes 12 bytes and more for each.
const (
	maxPoints            = 48 << 20
	maxProgressivePoints = 12 << 20
)

func measureJPEG(s *Stream) (Measured, bool) {
	m := Measured{Ext: "jpg", MIME: "image/jpeg", Sure: Medium}
	at, points, progressive, scans := int64(2), int64(0), false, 0
	for {
		b := s.bytes(at, 4)
		if b == nil {
			return fragment(m, s.Limit, 0)
		}
		if b[0] != 0xff {
			if scans == 0 {
				return m, false
			}
			return fragment(m, at, 0)
		}
		marker := b[1]
		switch {
		case marker == 0xff: // fill
			at++
			continue
		case marker == 0xd9:
			at += 2
			if points == 0 || scans == 0 {
				return m, false
			}
			m.Size, m.Whole = at, true
			m.Checked = []string{"markers"}
			limit := int64(maxPoints)
			if progressive {
				limit = maxProgressivePoints
			}
			if points <= limit {
				s.read += points // decoding is work too
				if _, err := jpeg.Decode(io.NewSectionReader(s, 0, at)); err != nil {
					m.Checked = append(m.Checked, "decoding fails: "+err.Error())
					return fragment(m, at, 0)
				}
				m.Sure, m.Checked = High, append(m.Checked, "decoded")
			}
			return m, true
		case marker == 0xd8 || marker == 0 || marker >= 0xd0 && marker <= 0xd7 || marker == 1:
			if scans == 0 {
				return m, false
			}
			return fragment(m, at, 0)
		}
		n := int64(be.Uint16(b[2:]))
		if n < 2 {
			return m, false
		}
		if marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc {
			h := s.bytes(at+4, 5)
			if h == nil {
				return fragment(m, s.Limit, 0)
			}
			points = int64(be.Uint16(h[1:])) * int64(be.Uint16(h[3:]))
			progressive = marker == 0xc2
			if points == 0 {
				return m, false
			}
		}
		at += 2 + n
		if marker != 0xda {
			continue
		}
		scans++
		var ok bool
		if at, ok = jpegScan(s, at); !ok {
			return fragment(m, at, 0)
		}
	}
}

// hole is what no picture's data holds: it was overwritten, or never written.
var hole = make([]byte, 512)

// jpegScan goes through the data of a scan to the next marker; ok is false where
// the data ends before one.
func jpegScan(s *Stream, at int64) (end int64, ok bool) {
	for {
		n := int(min(streamBuffer, s.Limit-at))
		b := s.bytes(at, n)
		if n < 2 || b == nil {
			return s.Limit, false
		}
		for i := 0; ; {
			j := bytes.IndexByte(b[i:n-1], 0xff)
			if z := bytes.Index(b[i:i+max(0, j)], hole); z >= 0 {
				return at + int64(i+z), false
			}
			if j < 0 {
				if z := bytes.Index(b[i:], hole); z >= 0 {
					return at + int64(i+z), false
				}
				at += int64(n - 1)
				break
			}
			i += j
			if c := b[i+1]; c != 0 && (c < 0xd0 || c > 0xd7) && c != 0xff {
				return at + int64(i), true
			}
			i++
		}
	}
}

func measurePNG(s *Stream) (Measured, bool) {
	m := Measured{Ext: "png", MIME: "image/png", Sure: High}
	at, chunks := int64(8), 0
	for {
		h := s.bytes(at, 8)
		if h == nil {
			return fragment(m, s.Limit, 0)
		}
		n, kind := int64(be.Uint32(h)), string(h[4:8])
		if chunks == 0 && (kind != "IHDR" || n != 13) {
			return m, false
		}
		if n > 1<<31-1 || !letters(kind) {
			return fragment(m, at, 0)
		}
		if at+12+n > s.Limit {
			return fragment(m, s.Limit, 0)
		}
		sum := crc32.NewIEEE()
		if _, err := io.Copy(sum, io.NewSectionReader(s, at+4, 4+n)); err != nil {
			return fragment(m, at, 0)
		}
		tail := s.bytes(at+8+n, 4)
		if tail == nil || sum.Sum32() != be.Uint32(tail) {
			return fragment(m, at, 0)
		}
		at += 12 + n
		chunks++
		if kind == "IEND" {
			m.Size, m.Whole, m.Checked = at, true, []string{"CRC of every chunk"}
			return m, chunks > 2
		}
	}
}

func letters(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

func measureGIF(s *Stream) (Measured, bool) {
	m := Measured{Ext: "gif", MIME: "image/gif", Sure: Medium}
	h := s.bytes(0, 13)
	if h == nil || le.Uint16(h[6:]) == 0 || le.Uint16(h[8:]) == 0 {
		return m, false
	}
	at := int64(13)
	if h[10]&0x80 != 0 {
		at += 3 << (h[10]&7 + 1)
	}
	images := 0
	for {
		b := s.bytes(at, 1)
		if b == nil {
			return fragment(m, s.Limit, 0)
		}
		switch b[0] {
		case 0x3b:
			m.Size, m.Whole, m.Checked = at+1, true, []string{"blocks"}
			return m, images > 0
		case 0x21:
			at += 2
		case 0x2c:
			d := s.bytes(at, 11)
			if d == nil {
				return fragment(m, s.Limit, 0)
			}
			if images++; d[9]&0x80 != 0 {
				at += 3 << (d[9]&7 + 1)
			}
			at += 11
		default:
			if images == 0 {
				return m, false
			}
			return fragment(m, at, 0)
		}
		for {
			b := s.bytes(at, 1)
			if b == nil {
				return fragment(m, s.Limit, 0)
			}
			at += 1 + int64(b[0])
			if b[0] == 0 {
				break
			}
		}
	}
}

func measureBMP(s *Stream) (Measured, bool) {
	m := Measured{Ext: "bmp", MIME: "image/bmp", Sure: Medium, Checked: []string{"header"}}
	h := s.bytes(0, 54)
	if h == nil || le.Uint32(h[6:]) != 0 {
		return m, false
	}
	size, from, head := int64(le.Uint32(h[2:])), int64(le.Uint32(h[10:])), le.Uint32(h[14:])
	wide, high, bits := int64(int32(le.Uint32(h[18:]))), int64(int32(le.Uint32(h[22:]))), int64(le.Uint16(h[28:]))
	if high < 0 {
		high = -high
	}
	if head < 40 || head > 124 || from < 14+int64(head) || wide <= 0 || high == 0 || wide > 1<<16 || high > 1<<16 || le.Uint16(h[26:]) != 1 {
		return m, false
	}
	if le.Uint32(h[30:]) != 0 || from+(wide*bits+31)/32*4*high > size || from+(wide*bits+31)/32*4*high+4 < size {
		return m, false // packed, or it does not add up
	}
	m.Size, m.Whole = size, true
	if size > s.Limit {
		return fragment(m, s.Limit, size)
	}
	return m, true
}
