package volume

// Volume shadow copies of NTFS: how many there are and of when. What they keep
// is not read.
//
// Specification: libvshadow documentation, Volume Shadow Snapshot (VSS) format.
// Little-endian; records begin with the same GUID:
//
//	header   at 0x1e00 of the volume: 16 GUID | 4 version | 4 type 1 | 48 offset
//	         of the catalog
//	catalog  blocks of 16 KiB: 16 GUID | 4 version | 4 type 2 | 40 offset of the
//	         next, 0 for none; then 128 an entry: 8 type, 2 for a copy | 8 size
//	         of the volume | 16 GUID | 48 time of creation

import (
	"encoding/binary"
	"io"
	"time"
)

const (
	vssGUID       = "\x6b\x87\x08\x38\x76\xc1\x48\x4e\xb7\xae\x04\x04\x6e\x6c\xc7\x52"
	vssHeader     = 0x1e00
	vssBlock      = 16 << 10
	vssEntry      = 128
	vssMaxBlocks  = 64
	vssCopy       = 2
	filetimeEpoch = 116444736000000000 // 100 ns from 1601 to 1970
)

// Shadows are the times, in UTC, at which the shadow copies that a volume holds
// were made; none where it holds none.
func Shadows(r io.ReaderAt, offset, length int64) []time.Time {
	h := make([]byte, 128)
	if length < vssHeader+512 || readAll(r, h, offset+vssHeader) != nil || string(h[:16]) != vssGUID {
		return nil
	}
	var list []time.Time
	b := make([]byte, vssBlock)
	at := int64(binary.LittleEndian.Uint64(h[48:]))
	seen := map[int64]bool{}
	for len(seen) < vssMaxBlocks && !seen[at] {
		seen[at] = true
		if at <= 0 || at > length-vssBlock || readAll(r, b, offset+at) != nil || string(b[:16]) != vssGUID || binary.LittleEndian.Uint32(b[20:]) != 2 {
			break
		}
		for e := b[vssEntry:]; len(e) >= vssEntry; e = e[vssEntry:] {
			if binary.LittleEndian.Uint64(e) == vssCopy {
				t := int64(binary.LittleEndian.Uint64(e[48:])) - filetimeEpoch
				list = append(list, time.Unix(t/1e7, t%1e7*100).UTC())
			}
		}
		at = int64(binary.LittleEndian.Uint64(b[40:]))
	}
	return list
}
