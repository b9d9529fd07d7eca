// Package xfs reads XFS, versions 4 and 5: directories of every form, extents
// and their trees, symbolic links, sparse inode chunks, big times and large
// counts; deleted names, and deleted inodes whose extents were left behind.
// Start with Open. The log is not replayed, and content on a realtime device is
// named, not read.
//
// Every number is checked against the file system's size before it is used.
//
// Specification: XFS Algorithms & Data Structures, 3rd edition; Linux,
// fs/xfs/libxfs/xfs_format.h and xfs_da_format.h. Numbers are big-endian.
package xfs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"saksi/internal/inode"
)

var (
	be         = binary.BigEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Limits of what a file system may make us hold or read.
const (
	maxRuns   = 1 << 19 // pieces of one file
	maxBlocks = 1 << 16 // blocks of one tree
	maxFree   = 1 << 21 // stretches of free space
	maxLink   = 1024    // bytes of a symbolic link's target
	maxGroups = 1 << 20
)

const (
	incompatFtype = 0x1
	incompatKnown = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80
)

// FS is an open file system.
type FS struct {
	r                        io.ReaderAt
	offset                   int64
	block, sector, inodeSize int64
	blocks                   uint64 // as stated
	agBlocks                 uint64
	agCount                  uint64
	agLog, inopLog, dirLog   uint
	root                     uint64
	v5, ftype                bool
	label                    string
	notes                    []string
	free                     map[uint64][]inode.Run // of a group, blocks as Image and Length
	buf                      []byte
}

// Open reads the superblock, or a copy of it where the first is damaged.
func Open(r io.ReaderAt, offset, length int64) (*FS, error) {
	sb := make([]byte, 512)
	if err := readFull(r, sb, offset); err != nil {
		return nil, fmt.Errorf("reading the superblock: %w", err)
	}
	f := &FS{r: r, offset: offset, free: map[uint64][]inode.Run{}}
	f.block, f.blocks, f.root = int64(be.Uint32(sb[4:])), be.Uint64(sb[8:]), be.Uint64(sb[56:])
	f.agBlocks, f.agCount = uint64(be.Uint32(sb[84:])), uint64(be.Uint32(sb[88:]))
	version := be.Uint16(sb[100:])
	f.sector, f.inodeSize = int64(be.Uint16(sb[102:])), int64(be.Uint16(sb[104:]))
	f.label = text(sb[108:120])
	f.inopLog, f.agLog, f.dirLog = uint(sb[123]), uint(sb[124]), uint(sb[192])
	bad := ""
	switch {
	case string(sb[:4]) != "XFSB":
		bad = "it has no signature"
	case f.block < 512 || f.block > 65536 || f.block&(f.block-1) != 0:
		bad = fmt.Sprintf("blocks of %d bytes", f.block)
	case version&15 != 4 && version&15 != 5:
		bad = fmt.Sprintf("version %d", version&15)
	case f.sector < 512 || f.sector > 32768 || f.sector&(f.sector-1) != 0:
		bad = fmt.Sprintf("sectors of %d bytes", f.sector)
	case f.inodeSize < 256 || f.inodeSize > 2048 || f.inodeSize&(f.inodeSize-1) != 0 || f.inodeSize<<f.inopLog != f.block:
		bad = fmt.Sprintf("inodes of %d bytes, 2^%d a block", f.inodeSize, f.inopLog)
	case f.agBlocks == 0 || f.agLog > 31 || f.agBlocks > 1<<f.agLog || f.agCount == 0 || f.agCount > maxGroups || f.blocks > f.agBlocks*f.agCount:
		bad = fmt.Sprintf("%d groups of %d blocks, %d blocks in all", f.agCount, f.agBlocks, f.blocks)
	case f.dirLog > 7 || f.block<<f.dirLog > 1<<16:
		bad = fmt.Sprintf("blocks of directories of 2^%d blocks", f.dirLog)
	}
	if bad != "" {
		return nil, fmt.Errorf("the superblock at offset %d is damaged: %s", offset, bad)
	}
	if f.v5 = version&15 == 5; f.v5 {
		incompat := be.Uint32(sb[216:])
		f.ftype = incompat&incompatFtype != 0
		if more := incompat &^ incompatKnown; more != 0 {
			return nil, fmt.Errorf("it has features that are not known (0x%x)", more)
		}
		whole := make([]byte, f.sector)
		if err := readFull(r, whole, offset); err == nil && !sumOK(whole, 224) {
			f.notes = append(f.notes, "the checksum of the superblock is another")
		}
		if incompat&0x10 != 0 {
			f.notes = append(f.notes, "it is marked as in need of repair")
		}
	} else {
		f.ftype = be.Uint32(sb[200:])&0x200 != 0 && version&0x8000 != 0
	}
	if size := int64(f.blocks) * f.block; size > length {
		f.notes = append(f.notes, fmt.Sprintf("the file system claims %d bytes, the image holds %d of them: it was cut", size, length))
	}
	return f, nil
}

func text(b []byte) string {
	if i := slices.Index(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func readFull(r io.ReaderAt, p []byte, at int64) error {
	if n, err := r.ReadAt(p, at); n < len(p) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("at offset %d: %w", at+int64(n), err)
	}
	return nil
}

// sumOK checks the CRC-32C that stands little-endian at a place of b.
func sumOK(b []byte, at int) bool {
	sum := crc32.Update(0, castagnoli, b[:at])
	sum = crc32.Update(sum, castagnoli, make([]byte, 4))
	return crc32.Update(sum, castagnoli, b[at+4:]) == binary.LittleEndian.Uint32(b[at:])
}

// Type implements inode.FS.
func (f *FS) Type() string { return "xfs" }

// Label implements inode.FS.
func (f *FS) Label() string { return f.label }

// BlockSize implements inode.FS.
func (f *FS) BlockSize() int64 { return f.block }

// Size implements inode.FS.
func (f *FS) Size() int64 { return int64(f.blocks) * f.block }

// Root implements inode.FS.
func (f *FS) Root() inode.Ref { return inode.Ref{Number: f.root} }

// Notes implements inode.FS.
func (f *FS) Notes() []string { return f.notes }

// place is the image offset of a block by its number with the group in its
// high bits, as extents and pointers state it.
func (f *FS) place(fsb uint64) (int64, error) {
	ag, n := fsb>>f.agLog, fsb&(1<<f.agLog-1)
	if ag >= f.agCount || n >= f.agBlocks || ag*f.agBlocks+n >= f.blocks {
		return 0, fmt.Errorf("block %d of group %d is beyond the file system", n, ag)
	}
	return f.offset + int64(ag*f.agBlocks+n)*f.block, nil
}

// readBlock reads a block; the result stays valid until the next call.
func (f *FS) readBlock(fsb uint64) ([]byte, error) {
	at, err := f.place(fsb)
	if err != nil {
		return nil, err
	}
	if f.buf == nil {
		f.buf = make([]byte, f.block)
	}
	return f.buf, readFull(f.r, f.buf, at)
}

// groupBlock is the number of block n of a group.
func (f *FS) groupBlock(ag, n uint64) uint64 { return ag<<f.agLog | n }

// header reads a group's sector: AGF (1) or AGI (2).
func (f *FS) header(ag uint64, sector int64, magic string) ([]byte, error) {
	b := make([]byte, f.sector)
	at := f.offset + int64(ag*f.agBlocks)*f.block + sector*f.sector
	if err := readFull(f.r, b, at); err != nil {
		return nil, err
	}
	if string(b[:4]) != magic || uint64(be.Uint32(b[8:])) != ag {
		return nil, fmt.Errorf("the %s of group %d at offset %d is damaged", magic, ag, at)
	}
	return b, nil
}

// errTree is a tree that is larger or deeper than a sound one.
var errTree = errors.New("a tree has more blocks than a sound one")

// shortTree walks a tree of a group and gives leaf records.
func (f *FS) shortTree(ctx context.Context, ag, root uint64, levels int, magics [2]string, rec, key int, give func([]byte) error) error {
	left := maxBlocks
	head := 16
	if f.v5 {
		head = 56
	}
	var walk func(n uint64, level int) error
	walk = func(n uint64, level int) error {
		if left--; left < 0 || level < 0 {
			return errTree
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		shared, err := f.readBlock(f.groupBlock(ag, n))
		if err != nil {
			return err
		}
		b := slices.Clone(shared)
		if m := string(b[:4]); m != magics[0] && m != magics[1] || int(be.Uint16(b[4:])) != level {
			return fmt.Errorf("block %d of group %d is none of the tree %s", n, ag, magics[1])
		}
		count := int(be.Uint16(b[6:]))
		if level == 0 {
			for i := range min(count, (len(b)-head)/rec) {
				if err := give(b[head+i*rec:][:rec]); err != nil {
					return err
				}
			}
			return nil
		}
		most := (len(b) - head) / (key + 4)
		for i := range min(count, most) {
			if err := walk(uint64(be.Uint32(b[head+most*key+4*i:])), level-1); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(root, levels-1)
}
