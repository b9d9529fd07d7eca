// Package btrfs reads Btrfs on one device: the chunk tree, subvolumes and
// snapshots, inline, sparse, prealloc and compressed extents (zlib, LZO, zstd),
// with the checksums of nodes and content compared. Start with Open. The log
// tree is not replayed; what lies on other devices is named.
//
// Every number is checked against the file system's size before it is used.
//
// Specification: btrfs documentation, On-disk Format; Linux,
// include/uapi/linux/btrfs_tree.h. Numbers are little-endian.
package btrfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"

	"saksi/internal/inode"
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Limits of what a file system may make us hold or read.
const (
	maxChunks  = 1 << 20
	maxNodes   = 1 << 22 // nodes that one walk of a tree reads
	maxLevel   = 8
	cacheNodes = 512
	maxExtents = 1 << 19 // of one file
	maxPacked  = 1 << 20 // bytes of one compressed extent, packed or not
	maxFree    = 1 << 21
)

// Numbers of trees and kinds of items.
const (
	treeRoot   = 1
	treeExtent = 2
	treeFS     = 5
	treeCsum   = 7

	itemInode       = 1
	itemDirIndex    = 96
	itemExtent      = 108
	itemCsum        = 128
	itemRoot        = 132
	itemRootBackref = 144
	itemData        = 168
	itemMetadata    = 169
	itemChunk       = 228

	firstFree   = 256 // the first number of an object of users
	emptyFolder = 2   // stands for a subvolume that a snapshot has not
)

var superblocks = []int64{0x10000, 0x4000000, 0x4000000000}

// FS is an open file system.
type FS struct {
	r              io.ReaderAt
	offset, length int64
	size           int64
	sector, node   int64
	device         uint64
	devices        uint64
	sums           uint16
	label          string
	chunks         []chunk
	root           tree
	trees          map[uint64]tree
	cache          map[uint64][]byte
	notes          []string
}

type tree struct {
	at    uint64 // logical
	level uint8
}

// chunk maps a stretch of logical space; copies are the places of it on this
// device.
type chunk struct {
	logical, length uint64
	kind            uint64
	copies          []int64
	problem         string // why it can't be read
}

type key struct {
	object uint64
	kind   uint8
	offset uint64
}

func keyAt(b []byte) key { return key{le.Uint64(b), b[8], le.Uint64(b[9:])} }

func (k key) less(o key) bool {
	if k.object != o.object {
		return k.object < o.object
	}
	if k.kind != o.kind {
		return k.kind < o.kind
	}
	return k.offset < o.offset
}

// Open reads the newest superblock that is whole, and the chunk tree.
func Open(r io.ReaderAt, offset, length int64) (*FS, error) {
	f := &FS{r: r, offset: offset, length: length, trees: map[uint64]tree{}, cache: map[uint64][]byte{}}
	sb, err := f.superblock()
	if err != nil {
		return nil, err
	}
	f.size, f.sector, f.node = int64(le.Uint64(sb[112:])), int64(le.Uint32(sb[144:])), int64(le.Uint32(sb[148:]))
	f.devices, f.device = le.Uint64(sb[136:]), le.Uint64(sb[201:])
	f.label = text(sb[299:555])
	if f.sector < 512 || f.sector > 65536 || f.sector&(f.sector-1) != 0 || f.node < f.sector || f.node > 65536 || f.node&(f.node-1) != 0 || f.size < 0 {
		return nil, fmt.Errorf("the superblock states sectors of %d and nodes of %d bytes", f.sector, f.node)
	}
	if f.devices > 1 {
		f.notes = append(f.notes, fmt.Sprintf("it spans %d devices, of which this is number %d: what lies on the others is not read", f.devices, f.device))
	}
	n := int(le.Uint32(sb[160:]))
	if n > 2048 {
		return nil, fmt.Errorf("the superblock states %d bytes of chunks", n)
	}
	for b := sb[811:][:n]; len(b) >= 17+48; {
		used, err := f.addChunk(keyAt(b).offset, b[17:])
		if err != nil {
			return nil, fmt.Errorf("the chunks of the superblock: %w", err)
		}
		b = b[17+used:]
	}
	f.sortChunks()
	chunkRoot := tree{le.Uint64(sb[88:]), sb[199]}
	system := append([]chunk(nil), f.chunks...)
	err = f.each(chunkRoot, key{}, key{^uint64(0), 255, ^uint64(0)}, func(k key, data []byte, _ int64) error {
		if k.kind != itemChunk {
			return nil
		}
		for _, c := range system {
			if c.logical == k.offset {
				return nil
			}
		}
		_, err := f.addChunk(k.offset, data)
		return err
	})
	f.sortChunks()
	if err != nil {
		return nil, fmt.Errorf("the chunk tree: %w", err)
	}
	for _, c := range f.chunks {
		for _, p := range c.copies {
			if p+int64(c.length) > length && len(f.notes) < 8 {
				f.notes = append(f.notes, fmt.Sprintf("the chunk at address %d lies at %d to %d of its device, the volume holds %d bytes: it was cut", c.logical, p, p+int64(c.length), length))
			}
		}
	}
	f.root = tree{le.Uint64(sb[80:]), sb[198]}
	if _, err := f.tree(treeFS); err != nil {
		return nil, err
	}
	return f, nil
}

func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

// superblock reads the newest copy whose checksum is right.
func (f *FS) superblock() ([]byte, error) {
	var best []byte
	why := errors.New("no superblock is whole")
	for i, at := range superblocks {
		if at+4096 > f.length {
			break
		}
		b := make([]byte, 4096)
		if err := readFull(f.r, b, f.offset+at); err != nil {
			why = err
			continue
		}
		if string(b[64:72]) != "_BHRfS_M" || int64(le.Uint64(b[48:])) != at {
			continue
		}
		f.sums = le.Uint16(b[196:])
		if !f.sumOK(b[32:], b[:32]) {
			if i == 0 {
				f.notes = append(f.notes, "the checksum of the first superblock is another; a copy was used")
			}
			continue
		}
		if best == nil || le.Uint64(b[72:]) > le.Uint64(best[72:]) {
			best = b
		}
	}
	if best == nil {
		return nil, fmt.Errorf("reading the superblock: %w", why)
	}
	f.sums = le.Uint16(best[196:])
	return best, nil
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

// sumSize is the length of a checksum, 0 for a kind that is not known.
func (f *FS) sumSize() int {
	switch f.sums {
	case 0:
		return 4
	case 1:
		return 8
	case 2, 3:
		return 32
	}
	return 0
}

// sumOK compares the checksum of b; one of a kind that is not known is right.
func (f *FS) sumOK(b, want []byte) bool {
	switch f.sums {
	case 0:
		return crc32.Checksum(b, castagnoli) == le.Uint32(want)
	case 1:
		return xxhash.Sum64(b) == le.Uint64(want)
	case 2:
		sum := sha256.Sum256(b)
		return bytes.Equal(sum[:], want[:32])
	case 3:
		sum := blake2b.Sum256(b)
		return bytes.Equal(sum[:], want[:32])
	}
	return true
}

// addChunk takes a chunk item and returns its length.
func (f *FS) addChunk(logical uint64, b []byte) (int, error) {
	if len(b) < 48 {
		return 0, errors.New("a chunk is cut short")
	}
	stripes := int(le.Uint16(b[44:]))
	if len(b) < 48+32*stripes || stripes == 0 {
		return 0, fmt.Errorf("a chunk with %d stripes is cut short", stripes)
	}
	if len(f.chunks) >= maxChunks {
		return 0, fmt.Errorf("it has more than %d chunks", maxChunks)
	}
	c := chunk{logical: logical, length: le.Uint64(b), kind: le.Uint64(b[24:])}
	if c.length == 0 || c.length > 1<<50 || logical > 1<<62 {
		return 0, fmt.Errorf("a chunk of %d bytes at %d", c.length, logical)
	}
	const striped = 8 | 64 | 128 | 256
	for i := range stripes {
		s := b[48+32*i:]
		if le.Uint64(s) == f.device && le.Uint64(s[8:]) < 1<<60 {
			c.copies = append(c.copies, int64(le.Uint64(s[8:])))
		}
	}
	switch {
	case c.kind&striped != 0 && stripes > 1:
		c.problem, c.copies = fmt.Sprintf("it is striped over %d devices", stripes), nil
	case len(c.copies) == 0:
		c.problem = "it lies on other devices"
	}
	f.chunks = append(f.chunks, c)
	return 48 + 32*stripes, nil
}

func (f *FS) sortChunks() {
	sort.Slice(f.chunks, func(i, j int) bool { return f.chunks[i].logical < f.chunks[j].logical })
}

// places are where a logical address lies in the image, and how many bytes go on
// there.
func (f *FS) places(logical uint64) (at []int64, length int64, err error) {
	i := sort.Search(len(f.chunks), func(i int) bool { return f.chunks[i].logical > logical }) - 1
	if i < 0 || logical-f.chunks[i].logical >= f.chunks[i].length {
		return nil, 0, fmt.Errorf("address %d is in no chunk", logical)
	}
	c := &f.chunks[i]
	if c.problem != "" {
		return nil, 0, fmt.Errorf("address %d can't be read: %s", logical, c.problem)
	}
	for _, p := range c.copies {
		at = append(at, f.offset+p+int64(logical-c.logical))
	}
	return at, int64(c.length - (logical - c.logical)), nil
}

// Type implements inode.FS.
func (f *FS) Type() string { return "btrfs" }

// Label implements inode.FS.
func (f *FS) Label() string { return f.label }

// BlockSize implements inode.FS.
func (f *FS) BlockSize() int64 { return f.sector }

// Size implements inode.FS.
func (f *FS) Size() int64 { return f.size }

// Root implements inode.FS.
func (f *FS) Root() inode.Ref { return inode.Ref{Number: firstFree, Tree: treeFS} }

// Notes implements inode.FS.
func (f *FS) Notes() []string { return f.notes }
