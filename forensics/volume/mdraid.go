package volume

// Linux RAID: superblocks 1.1 (at the start), 1.2 (4 KiB behind it), 1.0 and 0.90
// (at the end), of little-endian machines.
//
// Specification: Linux, include/uapi/linux/raid/md_p.h and drivers/md/md.c.
// Little-endian:
//
//	1.x   0 a92b4efc | 4 version 1 | 8 features | 16 16 UUID | 32 32 name | 72
//	      level | 76 layout | 80 size of a member | 88 chunk | 92 members | 128
//	      data offset | 136 data size | 144 offset of the superblock | 152 rebuilt
//	      up to | 160 number of this | 200 events | 216 checksum | 220 roles |
//	      256 2 a role; sizes in sectors of 512
//	0.90  0 a92b4efc | 4 version 0 | 8 90 | 20 52 56 60 UUID | 28 level | 32 size
//	      in KiB | 40 members | 152 checksum | 156 8 events | 256 layout | 260
//	      chunk in bytes | 512 32 words a member | 3968 number, 3980 role, 3984
//	      state of this

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

func init() {
	registerLayer(Layer{
		Name:      "linux-raid",
		Doc:       "Linux RAID (superblock 0.90 and 1.x): linear, 0, 1, 4, 5, 6 and 10 from the members given (the image and --with), with members missing where the level allows; a mirror by any one member",
		Reference: "Linux, include/uapi/linux/raid/md_p.h, drivers/md/raid0.c, raid5.c, raid10.c",
		Detect:    func(set *Set, i int) bool { return set.md[i] != nil },
		Parts:     mdParts,
		Samples:   []string{"layer/raid1.raw.gz"},
	})
}

const (
	mdMagic   = 0xa92b4efc
	mdMaxSize = 1 << 41 // sectors
	mdSpare   = -1
	mdJournal = -2
)

// mdMember is what a superblock says.
type mdMember struct {
	version       string
	uuid          [16]byte
	name          string
	level         int
	layout        int
	chunk         int64 // bytes
	used          int64 // bytes of each member
	members       int
	role          int
	data, size    int64 // bytes of the stretch that are data
	events        uint64
	reshaping     bool
	rebuilt       int64 // bytes up to which it is rebuilt; -1: all
	badBlocks     bool  // it keeps a list of blocks that hold nothing right
	checksumWrong bool
}

// mdProbe reads the superblock of a member, nil for none.
func mdProbe(s *Stretch) *mdMember {
	b := make([]byte, 4096)
	for _, at := range []int64{0, 4096} {
		if n, _ := s.ReadAt(b, at); n >= 512 && mdIs(b, 1) && binary.LittleEndian.Uint64(b[144:])*512 == uint64(at) {
			return mdOne(b[:n], fmt.Sprintf("1.%d", 1+at/4096))
		}
	}
	if at := (s.Length - 8192) &^ 4095; at > 0 {
		if n, _ := s.ReadAt(b, at); n >= 512 && mdIs(b, 1) && binary.LittleEndian.Uint64(b[144:])*512 == uint64(at) {
			if m := mdOne(b[:n], "1.0"); !m.checksumWrong {
				return m
			}
		}
	}
	if at := s.Length&^65535 - 65536; at > 0 {
		if n, _ := s.ReadAt(b, at); n == len(b) && mdIs(b, 0) {
			if m := mdOld(b, at); !m.checksumWrong {
				return m
			}
		}
	}
	return nil
}

func mdIs(b []byte, version uint32) bool {
	return binary.LittleEndian.Uint32(b) == mdMagic && binary.LittleEndian.Uint32(b[4:]) == version
}

func mdOne(b []byte, version string) *mdMember {
	le := binary.LittleEndian
	name, _, _ := strings.Cut(string(b[32:64]), "\x00")
	m := &mdMember{
		version: version, uuid: [16]byte(b[16:32]), name: strings.ToValidUTF8(name, "\ufffd"),
		level: int(int32(le.Uint32(b[72:]))), layout: int(le.Uint32(b[76:])), chunk: int64(le.Uint32(b[88:])) * 512, members: int(le.Uint32(b[92:])),
		used: mdBytes(le.Uint64(b[80:])), data: mdBytes(le.Uint64(b[128:])), size: mdBytes(le.Uint64(b[136:])),
		events: le.Uint64(b[200:]), role: mdSpare, rebuilt: -1,
	}
	features, roles := le.Uint32(b[8:]), int(le.Uint32(b[220:]))
	m.reshaping, m.badBlocks = features&4 != 0, features&8 != 0
	if features&2 != 0 {
		m.rebuilt = mdBytes(le.Uint64(b[152:]))
	}
	if n := le.Uint32(b[160:]); n < uint32(max(roles, 0)) && int(256+2*n+2) <= len(b) {
		switch v := int(le.Uint16(b[256+2*n:])); {
		case v < m.members:
			m.role = v
		case v == 0xfffd:
			m.role = mdJournal
		}
	}
	end := 256 + 2*roles
	m.checksumWrong = true
	if roles >= 0 && roles <= 384 && end <= len(b) {
		var sum uint64
		for i := 0; i+4 <= end; i += 4 {
			if i != 216 {
				sum += uint64(le.Uint32(b[i:]))
			}
		}
		if end%4 == 2 {
			sum += uint64(le.Uint16(b[end-2:]))
		}
		m.checksumWrong = uint32(sum)+uint32(sum>>32) != le.Uint32(b[216:])
	}
	return m
}

// mdBytes is a number of sectors in bytes, -1 for one that no disk has.
func mdBytes(sectors uint64) int64 {
	if sectors > mdMaxSize {
		return -1
	}
	return int64(sectors) * 512
}

// mdOld reads a superblock 0.90, which stands at the end of the data.
func mdOld(b []byte, at int64) *mdMember {
	le := binary.LittleEndian
	m := &mdMember{
		version: "0.90", level: int(int32(le.Uint32(b[28:]))), layout: int(le.Uint32(b[256:])), chunk: int64(le.Uint32(b[260:])), members: int(le.Uint32(b[40:])),
		used: int64(le.Uint32(b[32:])) * 1024, size: at, events: le.Uint64(b[156:]), role: mdSpare, rebuilt: -1,
	}
	for i, at := range []int{20, 52, 56, 60} {
		copy(m.uuid[4*i:], b[at:at+4])
	}
	if role, state := int(int32(le.Uint32(b[3980:]))), le.Uint32(b[3984:]); role >= 0 && role < m.members && state&1 == 0 && state&4 != 0 {
		m.role = role
	}
	m.reshaping = le.Uint32(b[8:]) > 90 && le.Uint64(b[176:]) != ^uint64(0)
	var sum uint64
	for i := 0; i < 4096; i += 4 {
		if i != 152 {
			sum += uint64(le.Uint32(b[i:]))
		}
	}
	m.checksumWrong = uint32(sum)+uint32(sum>>32) != le.Uint32(b[152:])
	return m
}

var mdLevels = map[int]string{-4: "multipath", -1: "linear", 0: "RAID 0", 1: "RAID 1", 4: "RAID 4", 5: "RAID 5", 6: "RAID 6", 10: "RAID 10"}

func (m *mdMember) String() string {
	level, ok := mdLevels[m.level]
	if !ok {
		level = fmt.Sprintf("level %d", m.level)
	}
	s := fmt.Sprintf("Linux %s of %d, ", level, m.members)
	if m.name != "" {
		s += fmt.Sprintf("%q, ", m.name)
	}
	s += "UUID " + hex.EncodeToString(m.uuid[:])
	if m.checksumWrong {
		s += ", checksum of the superblock wrong"
	}
	return s
}
