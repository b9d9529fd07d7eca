package carve

import (
	"debug/elf"
	"io"
)

func init() {
	register(Kind{
		Name: "pe", Doc: "Windows program or library: to the end of its last section or certificate, and its checksum where it states one", Reference: "Microsoft, PE Format",
		Magic: []string{"MZ"}, Max: 1 << 30, Measure: measurePE,
	})
	register(Kind{
		Name: "elf", Doc: "ELF program or library: to the end of its last section, segment or table", Reference: "System V ABI, gABI 4.2, chapters 4 and 5",
		Magic: []string{"\x7fELF"}, Max: 1 << 30, Measure: measureELF,
	})
}

func measurePE(s *Stream) (Measured, bool) {
	m := Measured{Ext: "exe", MIME: "application/vnd.microsoft.portable-executable", Sure: Medium}
	h := s.bytes(0, 64)
	if h == nil {
		return m, false
	}
	at := int64(le.Uint32(h[60:]))
	c := s.bytes(at, 24)
	if at < 64 || at > 1<<16 || c == nil || string(c[:4]) != "PE\x00\x00" {
		return m, false
	}
	sections, opt, flags := int64(le.Uint16(c[6:])), int64(le.Uint16(c[20:])), le.Uint16(c[22:])
	if sections == 0 || sections > 96 || opt < 68 {
		return m, false
	}
	if flags&0x2000 != 0 {
		m.Ext = "dll"
	}
	o := s.bytes(at+24, int(opt))
	if o == nil {
		return m, false
	}
	magic, sum := le.Uint16(o), le.Uint32(o[64:])
	cert := 96 + 4*8
	if magic == 0x20b {
		cert += 16
	} else if magic != 0x10b {
		return m, false
	}
	end := int64(le.Uint32(o[60:])) // headers
	if int(opt) >= cert+8 {
		if from, n := int64(le.Uint32(o[cert:])), int64(le.Uint32(o[cert+4:])); from > 0 && n > 0 && from < 1<<30 {
			end = max(end, from+n)
		}
	}
	t := s.bytes(at+24+opt, int(40*sections))
	if t == nil {
		return m, false
	}
	for i := range sections {
		n, from := int64(le.Uint32(t[40*i+16:])), int64(le.Uint32(t[40*i+20:]))
		if n > 0 && from > 0 {
			end = max(end, from+n)
		}
	}
	m.Size, m.Checked = end, []string{"headers", "sections"}
	if end > s.Limit {
		return fragment(m, s.Limit, end)
	}
	m.Whole = true
	if sum != 0 {
		if got, ok := peSum(s, end, at+24+64); ok && got == sum {
			m.Sure, m.Checked = High, append(m.Checked, "checksum")
		} else {
			m.Checked = append(m.Checked, "its checksum is another")
		}
	}
	return m, true
}

// peSum is the checksum of a program without the field that holds it, which
// stands at a place.
func peSum(s *Stream, size, field int64) (uint32, bool) {
	var sum uint64
	for at := int64(0); at < size; at += streamBuffer {
		n := int(min(streamBuffer, size-at))
		b := s.bytes(at, n)
		if b == nil {
			return 0, false
		}
		for i := 0; i < n; i += 2 {
			if p := at + int64(i); p == field || p == field+2 {
				continue
			}
			v := uint64(b[i])
			if i+1 < n {
				v |= uint64(b[i+1]) << 8
			}
			sum += v
		}
		for sum > 0xffff {
			sum = sum&0xffff + sum>>16
		}
	}
	return uint32(sum) + uint32(size), true
}

func measureELF(s *Stream) (Measured, bool) {
	m := Measured{Ext: "elf", MIME: "application/x-elf", Sure: Medium, Checked: []string{"headers", "sections", "segments"}}
	h := s.bytes(0, 64)
	if h == nil || h[4] < 1 || h[4] > 2 || h[5] < 1 || h[5] > 2 || h[6] != 1 {
		return m, false
	}
	var order interface {
		Uint16([]byte) uint16
		Uint32([]byte) uint32
		Uint64([]byte) uint64
	} = le
	if h[5] == 2 {
		order = be
	}
	if k := order.Uint16(h[16:]); k == 0 || k > 4 {
		return m, false
	}
	end := int64(0)
	if h[4] == 2 {
		at, n, count := order.Uint64(h[40:]), uint64(order.Uint16(h[58:])), uint64(order.Uint16(h[60:]))
		if at < 1<<40 {
			end = int64(at + n*count)
		}
	} else {
		end = int64(order.Uint32(h[32:])) + int64(order.Uint16(h[46:]))*int64(order.Uint16(h[48:]))
	}
	if end > s.Limit {
		return fragment(m, s.Limit, end)
	}
	f, err := elf.NewFile(io.NewSectionReader(s, 0, s.Limit))
	if err != nil {
		return fragment(m, min(s.Limit, max(end, 64)), end)
	}
	for _, x := range f.Sections {
		if x.Type != elf.SHT_NOBITS && x.Type != elf.SHT_NULL && x.Offset < 1<<40 && x.FileSize < 1<<40 {
			end = max(end, int64(x.Offset+x.FileSize))
		}
	}
	for _, x := range f.Progs {
		if x.Off < 1<<40 && x.Filesz < 1<<40 {
			end = max(end, int64(x.Off+x.Filesz))
		}
	}
	m.Size = end
	if end > s.Limit {
		return fragment(m, s.Limit, end)
	}
	m.Whole = end > 64
	return m, m.Whole
}
