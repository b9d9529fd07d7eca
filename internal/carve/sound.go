package carve

import "strconv"

func init() {
	register(Kind{
		Name: "mp3", Doc: "MP3: an ID3 tag, then frames of one kind to the last, and an ID3v1 tag", Reference: "ISO/IEC 11172-3, 2.4; ID3 tag version 2.4.0",
		Magic: []string{"ID3", "\xff\xfb", "\xff\xfa", "\xff\xf3", "\xff\xf2"}, Max: 1 << 30, Measure: measureMP3,
	})
	register(Kind{
		Name: "mpeg", Doc: "MPEG program stream: packs and packets to the end code, or to the last", Reference: "ISO/IEC 13818-1, 2.5; ISO/IEC 11172-1",
		Magic: []string{"\x00\x00\x01\xba"}, Max: 16 << 30, Measure: measureMPEG,
	})
	register(Kind{
		Name: "script", Doc: "script with an interpreter's line: text to the first byte that is none", Reference: "Linux, execve(2)",
		Magic: []string{"#!/"}, Max: 1 << 20, Measure: measureScript,
	})
	register(Kind{
		Name: "netpbm", Doc: "Netpbm, binary: size by width, height and depth", Reference: "Netpbm, pbm(5), pgm(5), ppm(5)",
		Magic: []string{"P4", "P5", "P6"}, Max: 1 << 30, Measure: measureNetpbm,
	})
}

var (
	mp3Rates = [2][15]int{
		{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}, // MPEG-1, layer III
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},     // MPEG-2 and 2.5
	}
	mp3Hertz = [3]int{44100, 48000, 32000}
)

// mp3Frame is the length of the frame that a header begins, 0 for none.
func mp3Frame(h []byte) int64 {
	if h[0] != 0xff || h[1]&0xe6 != 0xe2 {
		return 0
	}
	version, rate, hertz := h[1]>>3&3, int(h[2]>>4), int(h[2]>>2&3)
	if version == 1 || rate == 0 || rate == 15 || hertz == 3 {
		return 0
	}
	table, samples, f := 0, 144, mp3Hertz[hertz]
	if version != 3 {
		table, samples, f = 1, 72, f/2
		if version == 0 {
			f /= 2
		}
	}
	return int64(samples*mp3Rates[table][rate]*1000/f) + int64(h[2]>>1&1)
}

func measureMP3(s *Stream) (Measured, bool) {
	m := Measured{Ext: "mp3", MIME: "audio/mpeg", Sure: Medium, Checked: []string{"frames"}}
	at := int64(0)
	least := 32 // two bytes are soon found by chance
	if h := s.bytes(0, 10); h != nil && string(h[:3]) == "ID3" {
		if h[3] > 4 || h[6]|h[7]|h[8]|h[9] >= 0x80 {
			return m, false
		}
		at = 10 + (int64(h[6])<<21 | int64(h[7])<<14 | int64(h[8])<<7 | int64(h[9]))
		least = 4
	}
	frames := 0
	for {
		h := s.bytes(at, 4)
		if h == nil {
			break
		}
		n := mp3Frame(h)
		if n == 0 {
			break
		}
		if n > s.Limit-at {
			return fragment(m, s.Limit, 0)
		}
		at += n
		frames++
	}
	if frames < least {
		return m, false
	}
	if h := s.bytes(at, 128); h != nil && string(h[:3]) == "TAG" {
		at += 128
	}
	m.Size, m.Whole = at, true
	return m, true
}

func measureMPEG(s *Stream) (Measured, bool) {
	m := Measured{Ext: "mpg", MIME: "video/mpeg", Sure: Medium, Checked: []string{"packs"}}
	at, packets := int64(0), 0
	for {
		h := s.bytes(at, 14)
		if h == nil {
			if h = s.bytes(at, 4); h == nil {
				break
			}
		}
		if h[0] != 0 || h[1] != 0 || h[2] != 1 || h[3] < 0xb9 {
			break
		}
		switch {
		case h[3] == 0xb9:
			m.Size, m.Whole, m.Checked = at+4, true, append(m.Checked, "end code")
			return m, packets > 1
		case len(h) < 14:
			return fragment(m, at, 0)
		case h[3] == 0xba && h[4]>>6 == 1:
			at += 14 + int64(h[13]&7)
		case h[3] == 0xba && h[4]>>4 == 2:
			at += 12
		case h[3] == 0xba:
			return m, false
		default:
			at += 6 + int64(be.Uint16(h[4:]))
		}
		if packets++; at > s.Limit {
			return fragment(m, s.Limit, 0)
		}
	}
	if packets < 8 {
		return m, false
	}
	m.Size, m.Whole, m.Sure = at, true, Low
	m.Checked = append(m.Checked, "no end code")
	return m, true
}

func measureNetpbm(s *Stream) (Measured, bool) {
	m := Measured{Sure: Low, Checked: []string{"header"}}
	b := s.bytes(0, int(min(s.Limit, 512)))
	if len(b) < 8 || b[2] != '\n' && b[2] != ' ' {
		return m, false
	}
	form := b[1]
	m.Ext, m.MIME = map[byte]string{'4': "pbm", '5': "pgm", '6': "ppm"}[form], "image/x-portable-anymap"
	want := 3
	if form == '4' {
		want = 2
	}
	var n [3]int64
	i := 2
	for k := range want {
		for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r' || b[i] == '#') {
			if b[i] == '#' {
				for i < len(b) && b[i] != '\n' {
					i++
				}
				continue
			}
			i++
		}
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		v, err := strconv.ParseInt(string(b[from:i]), 10, 32)
		if err != nil || v == 0 || v > 1<<16 || i >= len(b) {
			return m, false
		}
		n[k] = v
	}
	if b[i] != '\n' && b[i] != ' ' {
		return m, false
	}
	size := n[0] * n[1]
	switch {
	case form == '4':
		size = (n[0] + 7) / 8 * n[1]
	case form == '6':
		size *= 3
	}
	if want == 3 && n[2] > 255 {
		size *= 2
	}
	m.Type, m.Size = m.Ext, int64(i)+1+size
	if m.Size > s.Limit {
		return fragment(m, s.Limit, m.Size)
	}
	m.Whole = true
	return m, true
}

func measureScript(s *Stream) (Measured, bool) {
	m := Measured{Ext: "sh", MIME: "text/x-script", Sure: Low, Checked: []string{"text"}}
	at := int64(0)
	for {
		b := s.bytes(at, 1)
		if b == nil || b[0] < ' ' && b[0] != '\n' && b[0] != '\t' && b[0] != '\r' && b[0] != '\f' || b[0] == 0x7f {
			break
		}
		at++
	}
	m.Size, m.Whole = at, true
	return m, at > 8
}
