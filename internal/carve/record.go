package carve

import (
	"compress/flate"
	"hash/crc32"
	"io"
)

func init() {
	register(Kind{
		Name: "evtx", Doc: "Windows event log, its chunks alone (evtx-chunk) and records alone (evtx-record)", Reference: "libevtx documentation, Windows XML Event Log (EVTX)",
		Magic: []string{"ElfFile\x00", "ElfChnk\x00", "\x2a\x2a\x00\x00"}, Max: 4 << 30, Measure: measureEVTX,
	})
	register(Kind{
		Name: "regf", Doc: "Windows registry hive: header with its checksum, then its bins", Reference: "libregf documentation, Windows NT Registry File (REGF) format",
		Magic: []string{"regf"}, Max: 2 << 30, Measure: measureRegf,
	})
	register(Kind{
		Name: "gzip", Doc: "gzip: every member unpacked, with its CRC", Reference: "RFC 1952",
		Magic: []string{"\x1f\x8b\x08"}, Max: 4 << 30, Measure: measureGzip,
	})
	register(Kind{
		Name: "7z", Doc: "7z archive: to the end of its header, whose CRC is checked", Reference: "7-Zip, 7zFormat.txt",
		Magic: []string{"7z\xbc\xaf\x27\x1c"}, Max: 16 << 30, Measure: measure7z,
	})
}

const evtxChunk = 64 << 10

func measureEVTX(s *Stream) (Measured, bool) {
	m := Measured{Ext: "evtx", MIME: "application/x-ms-evtx"}
	h := s.bytes(0, 128)
	if h == nil {
		return m, false
	}
	switch {
	case h[0] == 0x2a:
		return evtxRecord(s)
	case string(h[:8]) == "ElfChnk\x00":
		m.Type = "evtx-chunk"
		if !evtxHead(s, 0) {
			return m, false
		}
		m.Size = evtxChunk
		if s.Limit < evtxChunk {
			return fragment(m, s.Limit, evtxChunk)
		}
		m.Whole, m.Sure, m.Checked = true, Medium, []string{"CRC of the header"}
		if evtxData(s, 0) {
			m.Sure, m.Checked = High, append(m.Checked, "CRC of the records")
		}
		return m, true
	}
	if crc32.ChecksumIEEE(h[:120]) != le.Uint32(h[124:]) {
		return m, false
	}
	chunks := int64(le.Uint16(h[42:]))
	m.Size, m.Checked = 4096, []string{"CRC of the header"}
	m.Sure = High
	for range chunks {
		if m.Size+evtxChunk > s.Limit || !evtxHead(s, m.Size) {
			return fragment(m, m.Size, 4096+chunks*evtxChunk)
		}
		if !evtxData(s, m.Size) {
			m.Sure = Medium // it was being written to
		}
		m.Size += evtxChunk
	}
	m.Whole, m.Checked = true, append(m.Checked, "CRC of the header of every chunk")
	if m.Sure == High {
		m.Checked = append(m.Checked, "CRC of the records of every chunk")
	}
	return m, true
}

// evtxHead checks the header of a chunk.
func evtxHead(s *Stream, at int64) bool {
	b := s.bytes(at, 512)
	if b == nil || string(b[:8]) != "ElfChnk\x00" {
		return false
	}
	sum := crc32.ChecksumIEEE(b[:120])
	return crc32.Update(sum, crc32.IEEETable, b[128:512]) == le.Uint32(b[124:])
}

// evtxData checks the records of a chunk.
func evtxData(s *Stream, at int64) bool {
	b := s.bytes(at, evtxChunk)
	if b == nil {
		return false
	}
	end := le.Uint32(b[48:])
	return end >= 512 && end <= evtxChunk && crc32.ChecksumIEEE(b[512:end]) == le.Uint32(b[52:])
}

func evtxRecord(s *Stream) (Measured, bool) {
	m := Measured{Type: "evtx-record", Ext: "evtxrecord", MIME: "application/octet-stream"}
	h := s.bytes(0, 28)
	if h == nil {
		return m, false
	}
	n := int64(le.Uint32(h[4:]))
	if n < 56 || n > evtxChunk || n%4 != 0 || h[24] != 0x0f || h[25] != 1 || h[26] != 1 {
		return m, false
	}
	tail := s.bytes(n-4, 4)
	if tail == nil || int64(le.Uint32(tail)) != n {
		return m, false
	}
	m.Size, m.Whole, m.Sure, m.Checked = n, true, Medium, []string{"size before and behind", "beginning of its XML"}
	return m, true
}

func measureRegf(s *Stream) (Measured, bool) {
	m := Measured{Ext: "hive", MIME: "application/x-ms-registry", Sure: Medium}
	h := s.bytes(0, 512)
	if h == nil {
		return m, false
	}
	var sum uint32
	for i := 0; i < 508; i += 4 {
		sum ^= le.Uint32(h[i:])
	}
	switch sum {
	case 0:
		sum = 1
	case ^uint32(0):
		sum--
	}
	if sum != le.Uint32(h[508:]) {
		return m, false
	}
	size := 4096 + int64(le.Uint32(h[40:]))
	m.Checked = []string{"checksum of the header"}
	at := int64(4096)
	for at < size {
		b := s.bytes(at, 32)
		if b == nil || string(b[:4]) != "hbin" || int64(le.Uint32(b[4:])) != at-4096 {
			return fragment(m, min(at, s.Limit), size)
		}
		n := int64(le.Uint32(b[8:]))
		if n == 0 || n%4096 != 0 {
			return fragment(m, at, size)
		}
		at += n
	}
	if at > s.Limit {
		return fragment(m, s.Limit, at)
	}
	m.Size, m.Whole, m.Checked = at, true, append(m.Checked, "bins")
	return m, at > 4096
}

// maxUnpack is the most that one gzip file is unpacked to.
const maxUnpack = 4 << 30

func measureGzip(s *Stream) (Measured, bool) {
	m := Measured{Ext: "gz", MIME: "application/gzip", Sure: High, Checked: []string{"CRC"}}
	left := int64(maxUnpack)
	at := int64(0)
	for member := 0; ; member++ {
		start := at
		h := s.bytes(at, 10)
		if h == nil || h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 || h[3]&0xe0 != 0 {
			if member == 0 {
				return m, false
			}
			m.Size, m.Whole = at, true
			return m, true
		}
		flags := h[3]
		at += 10
		if flags&4 != 0 {
			b := s.bytes(at, 2)
			if b == nil {
				return fragment(m, start, 0)
			}
			at += 2 + int64(le.Uint16(b))
		}
		for bit := byte(8); bit <= 16; bit <<= 1 {
			for n := 0; flags&bit != 0; n++ {
				b := s.bytes(at, 1)
				if b == nil || n > 4096 {
					return m, false
				}
				if at++; b[0] == 0 {
					break
				}
			}
		}
		if flags&2 != 0 {
			at += 2
		}
		c := s.reader(at)
		sum := crc32.NewIEEE()
		n, err := io.Copy(sum, io.LimitReader(flate.NewReader(c), left))
		left -= n
		s.read += n / 8 // unpacking is work too
		tail := s.bytes(c.at, 8)
		if err != nil || tail == nil || left <= 0 || le.Uint32(tail) != sum.Sum32() || le.Uint32(tail[4:]) != uint32(n) {
			if member > 0 {
				m.Size, m.Whole = start, true
				return m, true
			}
			if n < 512 {
				return m, false // three bytes are soon found by chance
			}
			return fragment(m, min(c.at, s.Limit), 0)
		}
		at = c.at + 8
	}
}

func measure7z(s *Stream) (Measured, bool) {
	m := Measured{Ext: "7z", MIME: "application/x-7z-compressed", Sure: Medium}
	h := s.bytes(0, 32)
	if h == nil || crc32.ChecksumIEEE(h[12:32]) != le.Uint32(h[8:]) {
		return m, false
	}
	from, n, want := int64(le.Uint64(h[12:])&(1<<62-1)), int64(le.Uint64(h[20:])&(1<<62-1)), le.Uint32(h[28:])
	if from > 1<<40 || n > 1<<30 {
		return m, false
	}
	m.Size, m.Checked = 32+from+n, []string{"CRC of the start"}
	if m.Size > s.Limit {
		return fragment(m, s.Limit, m.Size)
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(s, 32+from, n)); err != nil || sum.Sum32() != want {
		return fragment(m, m.Size, m.Size)
	}
	m.Whole, m.Checked = true, append(m.Checked, "CRC of the header")
	return m, true
}
