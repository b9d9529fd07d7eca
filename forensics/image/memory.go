package image

// Memory images: LiME's dumps and Windows' full crash dumps. Their media is the
// physical address space, so that offsets are physical addresses; addresses
// that were not dumped read as zeros, and are counted.
//
// Specification: LiME, doc/README.md (lime_mem_range_header); Windows' driver
// kit, wdm.h and ntiodump.h (DUMP_HEADER64). All numbers are little-endian.
//
//	LiME   4 "EMiL" | 4 version 1 | 8 first address | 8 last address | 8 zero,
//	       then the bytes; one such range after the other
//	crash  8 "PAGEDU64" | ... | @136 4 runs, 4, 8 pages, runs x (8 first page, 8
//	       pages) | ... | @3992 4 kind: 1 full | 8192 the pages of all runs

import (
	"encoding/binary"
	"fmt"
	"io"
	"sort"
)

const (
	limeMagic      = "EMiL"
	limeHeader     = 32
	crashMagic     = "PAGEDU64"
	crashHeader    = 8192
	crashRuns      = 136
	crashMaxRuns   = 42 // that have room before what follows
	crashPage      = 4096
	memoryMaxParts = 1 << 16
)

func init() {
	register(Format{
		Name:      "lime",
		Doc:       "memory dumped by LiME, its media the physical address space; no processes are listed",
		Reference: "LiME, doc/README.md",
		Detect:    func(head, _ []byte) bool { return len(head) >= limeHeader && string(head[:4]) == limeMagic },
		Open:      openLiME,
		Samples:   []string{"container/memory.lime"},
		Hostile: []string{
			"container/memory.lime cut=40", "container/memory.lime cut=12330", "container/memory.lime @4=02000000", "container/memory.lime @16=0000000000000000",
			"container/memory.lime @16=ffffffffffffff7f", "container/memory.lime @8=0000000000000080",
		},
	})
	register(Format{
		Name:      "crashdump",
		Doc:       "full crash dumps of 64-bit Windows, their media the physical address space; kernel dumps are named; no processes are listed",
		Reference: "Windows driver kit, DUMP_HEADER64; libyal documentation, Windows crash dump",
		Detect:    func(head, _ []byte) bool { return len(head) >= 8 && string(head[:8]) == crashMagic },
		Open:      openCrash,
		Samples:   []string{"container/memory.dmp"},
		Hostile: []string{
			"container/memory.dmp cut=9000", "container/memory.dmp cut=100", "container/memory.dmp @136=ffffffff", "container/memory.dmp @152=ffffffffffffffff",
			"container/memory.dmp @160=ffffffffffffff0f", "container/memory.dmp @3992=02000000",
		},
	})
}

// memoryPart is a stretch of physical addresses and where the file holds it.
type memoryPart struct{ address, file, length int64 }

// memory reads a dump by physical address.
type memory struct {
	s     Segment
	parts []memoryPart
}

// newMemory makes the media of parts, which may not overlap.
func newMemory(s Segment, parts []memoryPart) (*Image, error) {
	sort.SliceStable(parts, func(i, j int) bool { return parts[i].address < parts[j].address })
	im := &Image{Segments: []string{s.Name}, SectorSize: 512}
	var gaps int64
	for _, p := range parts {
		if p.address < im.Size {
			return nil, corrupt(s.Name, p.file, "the address %d is dumped twice", p.address)
		}
		gaps += p.address - im.Size
		im.Size = p.address + p.length
	}
	if gaps > 0 {
		im.Notes = append(im.Notes, fmt.Sprintf("%d bytes of physical addresses below %d were not dumped; they read as zeros", gaps, im.Size))
	}
	im.r = &memory{s, parts}
	return im, nil
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	total := 0
	for len(p) > 0 {
		i := sort.Search(len(m.parts), func(i int) bool { return m.parts[i].address+m.parts[i].length > off })
		if i == len(m.parts) {
			return total, io.EOF
		}
		x := m.parts[i]
		if off < x.address {
			n := min(int64(len(p)), x.address-off)
			clear(p[:n])
			p, off, total = p[n:], off+n, total+int(n)
			continue
		}
		n := min(int64(len(p)), x.address+x.length-off)
		if err := readFull(m.s, p[:n], x.file+off-x.address); err != nil {
			return total, err
		}
		p, off, total = p[n:], off+n, total+int(n)
	}
	return total, nil
}

func openLiME(segs []Segment, _ int) (*Image, error) {
	s := segs[0]
	var parts []memoryPart
	var note string
	for at := int64(0); at < s.Size; {
		h := make([]byte, limeHeader)
		if s.Size-at < limeHeader {
			note = fmt.Sprintf("it ends within the header at %d: it was cut", at)
			break
		}
		if err := readFull(s, h, at); err != nil {
			return nil, err
		}
		if string(h[:4]) != limeMagic {
			return nil, corrupt(s.Name, at, "no range begins here")
		}
		if v := binary.LittleEndian.Uint32(h[4:]); v != 1 {
			return nil, fmt.Errorf("opening %s: a LiME dump of version %d (AVML packs it by Snappy) is %w; convert it with 'avml-convert'", s.Name, v, ErrUnsupported)
		}
		from, to := binary.LittleEndian.Uint64(h[8:]), binary.LittleEndian.Uint64(h[16:])
		if to < from || to >= maxMedia {
			return nil, corrupt(s.Name, at, "a range from address %d to %d", from, to)
		}
		if len(parts) == memoryMaxParts {
			return nil, corrupt(s.Name, at, "more than %d ranges", memoryMaxParts)
		}
		p := memoryPart{int64(from), at + limeHeader, int64(to-from) + 1}
		if left := s.Size - p.file; p.length > left {
			note = fmt.Sprintf("the range at address %d has %d bytes, the file holds %d of them: it was cut", p.address, p.length, left)
			p.length = left
		}
		if p.length > 0 {
			parts = append(parts, p)
		}
		at = p.file + p.length
	}
	im, err := newMemory(s, parts)
	if err == nil && note != "" {
		im.Notes = append(im.Notes, note)
	}
	return im, err
}

func openCrash(segs []Segment, _ int) (*Image, error) {
	s := segs[0]
	h := make([]byte, crashHeader)
	if err := readFull(s, h, 0); err != nil {
		return nil, err
	}
	if kind := binary.LittleEndian.Uint32(h[3992:]); kind != 1 {
		return nil, fmt.Errorf("opening %s: a crash dump of kind %d, which holds only part of the memory, is %w; examine it with WinDbg or Volatility", s.Name, kind, ErrUnsupported)
	}
	count := binary.LittleEndian.Uint32(h[crashRuns:])
	if count == 0 || count > crashMaxRuns {
		return nil, corrupt(s.Name, crashRuns, "%d runs of memory", count)
	}
	var parts []memoryPart
	var note string
	at := int64(crashHeader)
	for i := range int(count) {
		b := h[crashRuns+16+16*i:]
		first, pages := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if pages == 0 || first > maxMedia/crashPage || pages > maxMedia/crashPage-first {
			return nil, corrupt(s.Name, int64(crashRuns+16+16*i), "a run of %d pages from page %d", pages, first)
		}
		p := memoryPart{int64(first) * crashPage, at, int64(pages) * crashPage}
		at += p.length
		if left := s.Size - p.file; p.length > left {
			note = fmt.Sprintf("the run at address %d has %d bytes, the file holds %d of them: it was cut", p.address, p.length, max(0, left))
			if p.length = left; left <= 0 {
				break
			}
		}
		parts = append(parts, p)
	}
	im, err := newMemory(s, parts)
	if err == nil && note != "" {
		im.Notes = append(im.Notes, note)
	}
	return im, err
}
