package volume

// Linux RAID, superblocks 1.1 (at the start) and 1.2 (4 KiB behind it). A
// member of a mirror holds all of it; others are named. Superblocks 0.90 and
// 1.0 stand at the end: a mirror's file system begins where its partition does.
//
// Specification: Linux, include/uapi/linux/raid/md_p.h. Little-endian:
//
//	0 a92b4efc | 4 version 1 | 16 16 UUID | 32 32 name | 72 level | 80 size of a
//	member | 88 chunk | 92 members | 128 data offset | 136 data size | 160
//	number of this | 220 roles | 256 2 a role; sizes in sectors of 512

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

const mdMagic = "\xfc\x4e\x2b\xa9\x01\x00\x00\x00"

func init() {
	registerLayer(Layer{
		Name:      "linux-raid",
		Doc:       "Linux RAID with superblock 1.1 or 1.2: mirrors (RAID 1) by any one member; other levels are named",
		Reference: "Linux, include/uapi/linux/raid/md_p.h",
		Detect:    func(head []byte) bool { return mdAt(head) >= 0 },
		Parts:     mdParts,
		Samples:   []string{"layer/raid1.raw.gz"},
	})
}

// mdAt is where in the partition the superblock stands, -1 for none.
func mdAt(head []byte) int64 {
	for _, at := range []int{0, 4096} {
		if len(head) >= at+512 && string(head[at:at+8]) == mdMagic {
			return int64(at)
		}
	}
	return -1
}

var mdLevels = map[int32]string{-4: "multipath", -1: "linear", 0: "RAID 0", 1: "RAID 1", 4: "RAID 4", 5: "RAID 5", 6: "RAID 6", 10: "RAID 10"}

func mdParts(r io.ReaderAt, offset, length int64) ([]Part, error) {
	head := make([]byte, min(length, headSize))
	if err := readAll(r, head, offset); err != nil {
		return nil, err
	}
	b := head[mdAt(head):]
	level, members := int32(binary.LittleEndian.Uint32(b[72:])), binary.LittleEndian.Uint32(b[92:])
	name, ok := mdLevels[level]
	if !ok {
		name = fmt.Sprintf("level %d", level)
	}
	label, _, _ := strings.Cut(string(b[32:64]), "\x00")
	p := Part{Description: fmt.Sprintf("Linux %s of %d, %q, UUID %s", name, members, strings.ToValidUTF8(label, "\ufffd"), hex.EncodeToString(b[16:32]))}
	from, size := binary.LittleEndian.Uint64(b[128:]), binary.LittleEndian.Uint64(b[80:])
	const most = 1 << 50 // sectors
	switch {
	case level != 1 && members != 1:
		role := "a spare"
		if n := binary.LittleEndian.Uint32(b[160:]); n < 128 && int(256+2*n+2) <= len(b) {
			if v := binary.LittleEndian.Uint16(b[256+2*n:]); v < 0xfffe {
				role = fmt.Sprintf("member %d", v)
			}
		}
		p.Problem = fmt.Sprintf("this is %s; reading it needs all members, which is not supported: assemble it with 'mdadm --assemble --readonly' and acquire the result", role)
	case from > most || size > most:
		p.Problem = fmt.Sprintf("its superblock is damaged: data of %d sectors at sector %d", size, from)
	default:
		p.Offset, p.Length = offset+int64(from)*512, int64(size)*512
	}
	return []Part{p}, nil
}
