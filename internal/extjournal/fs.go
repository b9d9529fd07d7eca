// Package extjournal finds deleted files of ext3 and ext4 by old copies of
// their inodes and directories in the journal. Deleting a file clears the
// place of its content out of its inode, so the inode alone leads nowhere; the
// journal keeps blocks of the inode table as they were before, until it comes
// round. Start with Open, then Deleted and Content.
//
// Every number read is checked against the file system's size before it is
// used or allocated by, and what can be counted is bounded.
//
// Specification: Linux, Documentation/filesystems/ext4 (super, group_descr,
// inodes, ifork, blockmap, directory, inlinedata, journal).
package extjournal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
)

// ErrNoJournal is returned for a file system without a journal inside it.
var ErrNoJournal = errors.New("it has no journal inside it")

var (
	le         = binary.LittleEndian
	be         = binary.BigEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Limits of what a file system may make us hold or read.
const (
	maxDescriptors = 64 << 20 // bytes of group descriptors
	maxJournal     = 4 << 30  // bytes of the journal that are read
	maxRuns        = 1 << 18  // pieces of one file
	maxMapBlocks   = 1 << 14  // blocks of one file's map
	maxFiles       = 1 << 20  // inodes with old copies
	maxNames       = 1 << 20  // names kept
	maxDirBlocks   = 1 << 20  // blocks known to be of a directory
	maxAllMaps     = 1 << 22  // blocks of all maps, for one listing
	maxChecks      = 1 << 29  // blocks that are looked up in bitmaps, for one listing
)

const (
	incompatFiletype = 0x2
	incompatMetaBG   = 0x10
	incompat64bit    = 0x80
	incompatCsumSeed = 0x2000
	roCsum           = 0x400
	roBigalloc       = 0x200
	compatJournal    = 0x4
)

// FS is an ext3 or ext4 file system with a journal. It is used by one
// goroutine at a time.
type FS struct {
	r           io.ReaderAt
	offset      int64
	BlockSize   int64
	blocks      uint64 // as it states; reading says what the media lacks
	first       uint64 // first data block
	perGroup    uint64 // blocks of a group
	inodes      uint64
	inodesGroup uint64
	inodeSize   int
	cluster     uint64 // blocks of a cluster
	incompat    uint32
	csum        bool
	seed        uint32 // of checksums
	groups      []group
	tables      []int // groups by the place of their inode table

	log     journal
	mapLeft int               // blocks of maps that may still be read
	checks  uint64            // of blocks in bitmaps that may still be made
	bitmaps map[uint64][]byte // block bitmaps, the last few
}

// group is what is needed of a group's descriptor.
type group struct {
	bitmap, table uint64
	uninit        bool // its bitmap was never written: no block of a file is there
}

// Open reads superblock, group descriptors and the journal's list of blocks.
// The error matches ErrNoJournal where there is
// none to look at.
func Open(r io.ReaderAt, offset int64) (*FS, error) {
	sb := make([]byte, 1024)
	if err := readFull(r, sb, offset+1024); err != nil {
		return nil, fmt.Errorf("reading the superblock: %w", err)
	}
	f := &FS{r: r, offset: offset, bitmaps: map[uint64][]byte{}}
	shift := le.Uint32(sb[24:])
	if le.Uint16(sb[56:]) != 0xef53 || shift > 6 {
		return nil, fmt.Errorf("the superblock at offset %d is none of ext, or states blocks of 2^%d KiB", offset+1024, shift)
	}
	f.BlockSize = 1024 << shift
	f.incompat = le.Uint32(sb[96:])
	ro := le.Uint32(sb[100:])
	f.blocks = uint64(le.Uint32(sb[4:]))
	if f.incompat&incompat64bit != 0 {
		f.blocks |= uint64(le.Uint32(sb[0x150:])) << 32
	}
	f.first, f.perGroup = uint64(le.Uint32(sb[20:])), uint64(le.Uint32(sb[32:]))
	f.inodes, f.inodesGroup = uint64(le.Uint32(sb)), uint64(le.Uint32(sb[40:]))
	f.inodeSize = 128
	if le.Uint32(sb[76:]) > 0 {
		f.inodeSize = int(le.Uint16(sb[88:]))
	}
	f.cluster = 1
	if c := le.Uint32(sb[28:]); ro&roBigalloc != 0 && c >= shift && c-shift < 20 {
		f.cluster = 1 << (c - shift)
	}
	if f.perGroup == 0 || f.inodesGroup == 0 || f.inodeSize < 128 || f.inodeSize&(f.inodeSize-1) != 0 || int64(f.inodeSize) > f.BlockSize || f.first > 1 || f.blocks == 0 || f.blocks > 1<<48 {
		return nil, fmt.Errorf("the superblock at offset %d states %d blocks and %d inodes a group, inodes of %d bytes: it is damaged", offset+1024, f.perGroup, f.inodesGroup, f.inodeSize)
	}
	if le.Uint32(sb[92:])&compatJournal == 0 || le.Uint32(sb[224:]) == 0 {
		return nil, ErrNoJournal
	}
	if f.csum = ro&roCsum != 0; f.csum {
		f.seed = crc32c(^uint32(0), sb[104:120])
		if f.incompat&incompatCsumSeed != 0 {
			f.seed = le.Uint32(sb[0x270:])
		}
	}
	if err := f.readGroups(sb); err != nil {
		return nil, err
	}
	return f, f.openLog(uint64(le.Uint32(sb[224:])), sb)
}

// crc32c goes on from crc as the kernel's crc32c does: without inverting.
func crc32c(crc uint32, p []byte) uint32 { return ^crc32.Update(^crc, castagnoli, p) }

func readFull(r io.ReaderAt, p []byte, at int64) error {
	if n, err := r.ReadAt(p, at); n < len(p) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("at offset %d: %w", at+int64(n), err)
	}
	return nil
}

// readBlock reads the block n into p, which is one block long.
func (f *FS) readBlock(p []byte, n uint64) error {
	if n >= f.blocks {
		return fmt.Errorf("block %d lies beyond the %d blocks of the file system", n, f.blocks)
	}
	return readFull(f.r, p, f.offset+int64(n)*f.BlockSize)
}

// readGroups reads the group descriptors.
func (f *FS) readGroups(sb []byte) error {
	size := uint64(32)
	if f.incompat&incompat64bit != 0 {
		size = uint64(le.Uint16(sb[254:]))
	}
	count := (f.blocks - min(f.first, f.blocks) + f.perGroup - 1) / f.perGroup
	if size < 32 || size > 1024 || count*size > maxDescriptors {
		return fmt.Errorf("the superblock states %d groups with descriptors of %d bytes", count, size)
	}
	perBlock := uint64(f.BlockSize) / size
	firstMeta := uint64(le.Uint32(sb[0x104:]))
	b := make([]byte, f.BlockSize)
	var failed error
	for g := uint64(0); g < count; g++ {
		if g%perBlock == 0 {
			at := uint64(1024/f.BlockSize) + 1 + g/perBlock // behind the superblock's block
			if f.incompat&incompatMetaBG != 0 && g/perBlock >= firstMeta {
				// The first group of each meta group holds its descriptors, behind
				// its copy of the superblock where it has one.
				at = f.first + g*f.perGroup
				if hasSuper(g) {
					at++
				}
			}
			if err := f.readBlock(b, at); err != nil {
				if g == 0 {
					return fmt.Errorf("reading the group descriptors: %w", err)
				}
				failed = err
				break
			}
		}
		d := b[g%perBlock*size:][:size]
		gr := group{bitmap: uint64(le.Uint32(d)), table: uint64(le.Uint32(d[8:])), uninit: le.Uint16(d[18:])&2 != 0}
		if size >= 64 {
			gr.bitmap |= uint64(le.Uint32(d[32:])) << 32
			gr.table |= uint64(le.Uint32(d[40:])) << 32
		}
		f.groups = append(f.groups, gr)
	}
	f.tables = make([]int, len(f.groups))
	for i := range f.tables {
		f.tables[i] = i
	}
	sort.SliceStable(f.tables, func(i, j int) bool { return f.groups[f.tables[i]].table < f.groups[f.tables[j]].table })
	if failed != nil {
		f.log.notes = append(f.log.notes, fmt.Sprintf("only %d of %d group descriptors can be read: %v", len(f.groups), count, failed))
	}
	return nil
}

// hasSuper reports whether a group holds a copy of the superblock where copies
// are sparse: 0, 1 and powers of 3, 5 and 7.
func hasSuper(g uint64) bool {
	if g <= 1 {
		return true
	}
	for _, base := range []uint64{3, 5, 7} {
		n := base
		for n < g {
			n *= base
		}
		if n == g {
			return true
		}
	}
	return false
}

// inodeBlock is where an inode lies: block and byte in it.
func (f *FS) inodeBlock(ino uint64) (block uint64, at int, ok bool) {
	if ino == 0 || ino > f.inodes {
		return 0, 0, false
	}
	g := (ino - 1) / f.inodesGroup
	if g >= uint64(len(f.groups)) || f.groups[g].table == 0 {
		return 0, 0, false
	}
	byteAt := (ino - 1) % f.inodesGroup * uint64(f.inodeSize)
	return f.groups[g].table + byteAt/uint64(f.BlockSize), int(byteAt % uint64(f.BlockSize)), true
}

// inodesOf is the number of the first inode in a block of an inode table; ok
// is false for any other block.
func (f *FS) inodesOf(block uint64) (first uint64, ok bool) {
	i := sort.Search(len(f.tables), func(i int) bool { return f.groups[f.tables[i]].table > block }) - 1
	if i < 0 || f.groups[f.tables[i]].table == 0 {
		return 0, false
	}
	g := uint64(f.tables[i])
	n := block - f.groups[g].table
	if size := f.inodesGroup * uint64(f.inodeSize); n >= (size+uint64(f.BlockSize)-1)/uint64(f.BlockSize) {
		return 0, false
	}
	first = g*f.inodesGroup + n*uint64(f.BlockSize)/uint64(f.inodeSize) + 1
	return first, first <= f.inodes
}

// current reads an inode as it is on the disk now.
func (f *FS) current(ino uint64) (*inode, error) {
	block, at, ok := f.inodeBlock(ino)
	if !ok {
		return nil, fmt.Errorf("there is no inode %d", ino)
	}
	b := make([]byte, f.BlockSize)
	if err := f.readBlock(b, block); err != nil {
		return nil, fmt.Errorf("reading inode %d: %w", ino, err)
	}
	return f.parseInode(ino, b[at:at+f.inodeSize]), nil
}

// maxBitmaps is how many block bitmaps are kept.
const maxBitmaps = 64

// allocated counts the blocks of a run that are in use now; ok is false where
// the bitmap can't be read.
func (f *FS) allocated(block, count uint64) (used uint64, ok bool) {
	if count > f.checks {
		return 0, false
	}
	f.checks -= count
	for ; count > 0; block, count = block+1, count-1 {
		if block < f.first || block >= f.blocks {
			return used, false
		}
		g := (block - f.first) / f.perGroup
		if g >= uint64(len(f.groups)) {
			return used, false
		}
		b, have := f.bitmaps[g]
		if !have {
			if len(f.bitmaps) >= maxBitmaps {
				clear(f.bitmaps)
			}
			if !f.groups[g].uninit {
				b = make([]byte, f.BlockSize)
				if f.readBlock(b, f.groups[g].bitmap) != nil {
					return used, false
				}
			}
			f.bitmaps[g] = b
		}
		bit := (block - f.first) % f.perGroup / f.cluster
		if b != nil && bit/8 < uint64(len(b)) && b[bit/8]&(1<<(bit%8)) != 0 {
			used++
		}
	}
	return used, true
}
