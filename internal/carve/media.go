package carve

func init() {
	register(Kind{
		Name: "mp4", Doc: "MP4, QuickTime, 3GP, HEIF: boxes from ftyp on, with what tells of the media and the media", Reference: "ISO/IEC 14496-12, 4.2",
		Magic: []string{"ftyp"}, At: 4, Max: 32 << 30, Measure: measureMP4,
	})
	register(Kind{
		Name: "riff", Doc: "RIFF (WAV, AVI, WebP): chunks to the size in its header", Reference: "Microsoft and IBM, Multimedia Programming Interface 1.0, RIFF",
		Magic: []string{"RIFF"}, Max: 4 << 30, Measure: measureRIFF,
	})
	register(Kind{
		Name: "ogg", Doc: "Ogg: pages with their CRC to the last of every stream", Reference: "RFC 3533",
		Magic: []string{"OggS"}, Max: 4 << 30, Measure: measureOgg,
	})
}

// boxes at the top of a file.
var boxes = map[string]bool{
	"ftyp": true, "moov": true, "mdat": true, "free": true, "skip": true, "wide": true, "meta": true, "moof": true, "mfra": true, "sidx": true,
	"ssix": true, "styp": true, "uuid": true, "pdin": true, "pnot": true, "udta": true, "prft": true, "emsg": true, "idat": true, "beam": true,
}

func measureMP4(s *Stream) (Measured, bool) {
	m := Measured{Ext: "mp4", MIME: "video/mp4", Sure: Medium, Checked: []string{"boxes"}}
	h := s.bytes(0, 12)
	if h == nil || be.Uint32(h) < 12 || be.Uint32(h) > 1024 {
		return m, false
	}
	switch brand := string(h[8:12]); {
	case brand == "qt  ":
		m.Type, m.Ext, m.MIME = "mov", "mov", "video/quicktime"
	case brand[:3] == "3gp":
		m.Type, m.Ext, m.MIME = "3gp", "3gp", "video/3gpp"
	case brand == "heic" || brand == "heix" || brand == "mif1" || brand == "msf1":
		m.Type, m.Ext, m.MIME = "heif", "heic", "image/heif"
	case brand == "avif":
		m.Type, m.Ext, m.MIME = "avif", "avif", "image/avif"
	case brand == "M4A ":
		m.Type, m.Ext, m.MIME = "m4a", "m4a", "audio/mp4"
	}
	at := int64(0)
	seen := map[string]bool{}
	for n := 0; ; n++ {
		b := s.bytes(at, 16)
		if b == nil {
			if b = s.bytes(at, 8); b == nil {
				break
			}
		}
		size, kind := int64(be.Uint32(b)), string(b[4:8])
		if !boxes[kind] || kind == "ftyp" && n > 0 {
			break
		}
		if size == 1 && len(b) == 16 {
			size = int64(be.Uint64(b[8:]) & (1<<62 - 1))
			if size < 16 {
				break
			}
		}
		if size < 8 {
			if size == 0 && kind == "mdat" {
				return fragment(m, s.Limit, 0) // to the end of the file, which nobody knows
			}
			break
		}
		seen[kind] = true
		if size > s.Limit-at {
			return fragment(m, s.Limit, at+size)
		}
		at += size
	}
	m.Size = at
	whole := seen["moov"] && (seen["mdat"] || seen["moof"]) || seen["meta"] && (seen["mdat"] || seen["idat"])
	if !whole {
		return fragment(m, at, 0)
	}
	m.Whole = true
	return m, true
}

func measureRIFF(s *Stream) (Measured, bool) {
	m := Measured{Sure: Medium, Checked: []string{"chunks"}}
	h := s.bytes(0, 12)
	if h == nil {
		return m, false
	}
	switch string(h[8:12]) {
	case "WAVE":
		m.Type, m.Ext, m.MIME = "wav", "wav", "audio/wav"
	case "AVI ":
		m.Type, m.Ext, m.MIME = "avi", "avi", "video/x-msvideo"
	case "WEBP":
		m.Type, m.Ext, m.MIME = "webp", "webp", "image/webp"
	default:
		return m, false
	}
	end := int64(le.Uint32(h[4:])) + 8
	at := int64(12)
	for chunks := 0; at+8 <= end; chunks++ {
		b := s.bytes(at, 8)
		if b == nil {
			return fragment(m, s.Limit, end)
		}
		for _, c := range b[:4] {
			if c < ' ' || c > '~' {
				if chunks == 0 {
					return m, false
				}
				return fragment(m, at, end)
			}
		}
		at += 8 + (int64(le.Uint32(b[4:]))+1)&^1
	}
	if end > s.Limit {
		return fragment(m, s.Limit, end)
	}
	// An AVI over a gigabyte goes on with further RIFF lists.
	for m.Type == "avi" {
		b := s.bytes(end, 12)
		if b == nil || string(b[:4]) != "RIFF" || string(b[8:12]) != "AVIX" {
			break
		}
		n := int64(le.Uint32(b[4:])) + 8
		if n > s.Limit-end {
			return fragment(m, s.Limit, end+n)
		}
		end += n
	}
	m.Size, m.Whole = end, true
	return m, true
}

// oggTable is the CRC of Ogg: polynomial 04c11db7, not reflected.
var oggTable = func() (t [256]uint32) {
	for i := range t {
		r := uint32(i) << 24
		for range 8 {
			if r&(1<<31) != 0 {
				r = r<<1 ^ 0x04c11db7
			} else {
				r <<= 1
			}
		}
		t[i] = r
	}
	return t
}()

func measureOgg(s *Stream) (Measured, bool) {
	m := Measured{Ext: "ogg", MIME: "application/ogg", Sure: High, Checked: []string{"CRC of every page"}}
	open := map[uint32]bool{}
	at := int64(0)
	for pages := 0; ; pages++ {
		h := s.bytes(at, 27)
		if h == nil {
			return fragment(m, min(at, s.Limit), 0)
		}
		if string(h[:4]) != "OggS" || h[4] != 0 {
			return fragment(m, at, 0)
		}
		flags, serial, want, count := h[5], le.Uint32(h[14:]), le.Uint32(h[22:]), int(h[26])
		lacing := s.bytes(at+27, count)
		if lacing == nil {
			return fragment(m, at, 0)
		}
		size := 27 + count
		for _, n := range lacing {
			size += int(n)
		}
		b := s.bytes(at, size)
		if b == nil {
			return fragment(m, at, 0)
		}
		var sum uint32
		for i, c := range b {
			if i >= 22 && i < 26 {
				c = 0
			}
			sum = sum<<8 ^ oggTable[byte(sum>>24)^c]
		}
		if sum != want {
			return fragment(m, at, 0)
		}
		if flags&2 != 0 {
			open[serial] = true
		}
		if pages == 0 && flags&2 == 0 || len(open) > 64 {
			return fragment(m, at, 0)
		}
		at += int64(size)
		if flags&4 != 0 {
			delete(open, serial)
		}
		if len(open) == 0 {
			m.Size, m.Whole = at, true
			return m, true
		}
	}
}
