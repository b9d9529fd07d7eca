package volume

// Volume shadow copies of NTFS: their catalog. What a copy keeps is read by
// shadow_store.go.
//
// Specification: libvshadow documentation, Volume Shadow Snapshot (VSS) format.
// Little-endian; records begin with the same GUID:
//
//	header   at 0x1e00 of the volume: 16 GUID | 4 version | 4 type 1 | 48 offset
//	         of the catalog
//	catalog  blocks of 16 KiB: 16 GUID | 4 version | 4 type 2 | 40 offset of the
//	         next, 0 for none; then 128 an entry
//	entry 2  8 type, 2 | 8 size of the volume | 16 GUID | 48 time of creation
//	entry 3  8 type, 3 | 8 offset of the block list | 16 GUID | 48 of the bitmap |
//	         72 of the bitmap of the one before, 0 for none
//
// All offsets are of the volume.

import (
	"encoding/binary"
	"fmt"
	"io"
	"sort"
	"time"
)

const (
	vssGUID       = "\x6b\x87\x08\x38\x76\xc1\x48\x4e\xb7\xae\x04\x04\x6e\x6c\xc7\x52"
	vssHeader     = 0x1e00
	vssBlock      = 16 << 10
	vssHead       = 128 // bytes of a block before its entries
	vssEntry      = 128
	vssMaxBlocks  = 64
	vssCopy       = 2
	vssStore      = 3
	vssMaxCopies  = 512                // that Windows keeps of one volume at most
	filetimeEpoch = 116444736000000000 // 100 ns from 1601 to 1970
)

// Shadow is a volume shadow copy as the catalog lists it.
type Shadow struct {
	ID      string    // GUID of its store
	Created time.Time // UTC
	Size    int64     // bytes of the volume at the time
	Problem string    // why what it keeps can't be read

	guid                   [16]byte
	list, bitmap, previous int64
}

// Shadows are the shadow copies that a volume holds, the oldest first. problem
// says why there may be more.
func Shadows(r io.ReaderAt, offset, length int64) (list []Shadow, problem string) {
	h := make([]byte, vssHead)
	if length < vssHeader+512 || readAll(r, h, offset+vssHeader) != nil || string(h[:16]) != vssGUID {
		return nil, ""
	}
	at := le64(h[48:])
	if at == 0 {
		return nil, ""
	}
	stores := map[[16]byte][]byte{}
	b := make([]byte, vssBlock)
	seen := map[int64]bool{}
	for at != 0 {
		switch {
		case len(seen) == vssMaxBlocks:
			problem = fmt.Sprintf("its catalog has more than %d blocks", vssMaxBlocks)
		case seen[at]:
			problem = fmt.Sprintf("its catalog leads back to offset %d", at)
		default:
			if err := vssRead(r, offset, length, at, 2, b); err != nil {
				problem = "its catalog: " + err.Error()
			}
		}
		if problem != "" {
			break
		}
		seen[at] = true
		for e := b[vssHead:]; len(e) >= vssEntry; e = e[vssEntry:] {
			guid := [16]byte(e[16:])
			switch binary.LittleEndian.Uint64(e) {
			case vssCopy:
				if len(list) == vssMaxCopies {
					problem = fmt.Sprintf("it lists more than %d copies", vssMaxCopies)
					continue
				}
				t := le64(e[48:]) - filetimeEpoch
				list = append(list, Shadow{ID: vssID(guid), Created: time.Unix(t/1e7, t%1e7*100).UTC(), Size: le64(e[8:]), guid: guid})
			case vssStore:
				if len(stores) < vssMaxCopies {
					stores[guid] = append([]byte(nil), e[:vssEntry]...)
				}
			}
		}
		at = le64(b[40:])
	}
	lists := map[int64]bool{}
	for i := range list {
		s := &list[i]
		if e := stores[s.guid]; e != nil {
			s.list, s.bitmap, s.previous = le64(e[8:]), le64(e[48:]), le64(e[72:])
		} else {
			s.Problem = "the catalog does not say where what it keeps lies"
		}
		if lists[s.list] && s.list != 0 {
			s.Problem = fmt.Sprintf("its block list at offset %d is that of another copy", s.list)
		}
		lists[s.list] = true
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Created.Before(list[j].Created) })
	return list, problem
}

// vssRead reads a block and checks its kind.
func vssRead(r io.ReaderAt, offset, length, at int64, kind uint32, b []byte) error {
	if at <= 0 || at > length-vssBlock {
		return fmt.Errorf("a block should lie at offset %d, the volume has %d bytes", at, length)
	}
	if err := readAll(r, b, offset+at); err != nil {
		return err
	}
	if string(b[:16]) != vssGUID || binary.LittleEndian.Uint32(b[20:]) != kind {
		return fmt.Errorf("at offset %d of the volume there is no block of kind %d", at, kind)
	}
	return nil
}

// le64 is a number that is negative when it is too large to be an offset.
func le64(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }

// vssID writes a GUID as Windows does.
func vssID(g [16]byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(g[:]), binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:10], g[10:])
}
