// Package apfs reads the Apple File System where libtsk 4.11 falls short: volumes
// encrypted in software, snapshots, and files compressed by LZFSE. Start with Open and
// Volume; FS gives the file system of a volume, or of one of its snapshots.
//
// It works on hostile bytes: nothing is believed beyond the container, trees are
// walked to a bounded depth, and objects are told by their checksums.
//
// Specification: Apple, Apple File System Reference, 2020. Little-endian.
package apfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

var le = binary.LittleEndian

// Limits.
const (
	maxDepth     = 12      // of a tree
	maxCheck     = 1 << 13 // blocks of the checkpoint area
	maxSnapshots = 1024
	maxNodes     = 512 // kept
)

// Container holds the volumes.
type Container struct {
	r              io.ReaderAt
	offset, length int64 // bytes
	block          int64
	blocks         uint64
	uuid           [16]byte
	keys, keyCount uint64 // blocks of its keybag
}

// Open reads the newest superblock of the container at an offset of r.
func Open(r io.ReaderAt, offset, length int64) (*Container, error) {
	c := &Container{r: r, offset: offset, length: length, block: 4096}
	first := make([]byte, 4096)
	if err := readFull(r, first, offset); err != nil {
		return nil, fmt.Errorf("reading the superblock of the container: %w", err)
	}
	if string(first[32:36]) != "NXSB" {
		return nil, fmt.Errorf("the block at offset %d is no superblock of APFS", offset)
	}
	c.block, c.blocks = int64(le.Uint32(first[36:])), le.Uint64(first[40:])
	if c.block < 4096 || c.block > 65536 || c.block&(c.block-1) != 0 || c.blocks == 0 || c.blocks > 1<<50/uint64(c.block) {
		return nil, fmt.Errorf("the superblock at offset %d is damaged: %d blocks of %d bytes", offset, c.blocks, c.block)
	}
	best := first
	// The newest stands in the area of checkpoints.
	base, n := le.Uint64(first[112:]), uint64(le.Uint32(first[104:])&0x7fffffff)
	if n > maxCheck || le.Uint32(first[104:])>>31 != 0 {
		return nil, fmt.Errorf("the superblock at offset %d tells of an area of checkpoints of %d blocks or in pieces, which is not read", offset, n)
	}
	for i := range n {
		b, err := c.object(base + i)
		if err == nil && string(b[32:36]) == "NXSB" && le.Uint64(b[16:]) > le.Uint64(best[16:]) && int64(le.Uint32(b[36:])) == c.block {
			best = bytes.Clone(b)
		}
	}
	copy(c.uuid[:], best[72:88])
	c.keys, c.keyCount = le.Uint64(best[1296:]), le.Uint64(best[1304:])
	return c, nil
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

// Place is the offset of a block.
func (c *Container) Place(block uint64) int64 { return c.offset + int64(block)*c.block }

// read gives n blocks from one on.
func (c *Container) read(block, n uint64) ([]byte, error) {
	if block >= c.blocks || n > c.blocks-block || int64(block+n) > c.length/c.block {
		return nil, fmt.Errorf("block %d lies beyond the container of %d blocks, of which %d are there", block, c.blocks, c.length/c.block)
	}
	b := make([]byte, int64(n)*c.block)
	return b, readFull(c.r, b, c.offset+int64(block)*c.block)
}

// object gives an object by its block, its checksum compared.
func (c *Container) object(block uint64) ([]byte, error) {
	b, err := c.read(block, 1)
	if err == nil && !whole(b) {
		err = fmt.Errorf("the object in block %d (offset %d): its checksum is another", block, c.offset+int64(block)*c.block)
	}
	return b, err
}

// whole compares the checksum of an object, Fletcher's of 64 bits.
func whole(b []byte) bool {
	const mod = 0xffffffff
	var lo, hi uint64
	for i := 8; i < len(b); i += 4 {
		lo = (lo + uint64(le.Uint32(b[i:]))) % mod
		hi = (hi + lo) % mod
	}
	c1 := mod - (lo+hi)%mod
	return le.Uint64(b) == (mod-(lo+c1)%mod)<<32|c1
}

// Flags and features of a volume.
const (
	flagUnencrypted = 1
	flagOneKey      = 8
	caseInsensitive = 1
	normInsensitive = 8
	physical        = 1 << 30
	storage         = 3 << 30
)

// Volume is one of a container.
type Volume struct {
	Name string
	Hint string // of the password, where one is kept and the keybag was read

	c        *Container
	sb       []byte
	uuid     [16]byte
	flags    uint64
	omap     *tree
	rootType uint32
	root     uint64
}

// Volume reads the volume whose superblock lies in a block, as libtsk tells it.
func (c *Container) Volume(block uint64) (*Volume, error) {
	b, err := c.object(block)
	if err != nil {
		return nil, fmt.Errorf("reading the superblock of the volume: %w", err)
	}
	v, err := c.volume(b, block)
	if err != nil {
		return nil, err
	}
	if v.omap, err = v.objectMap(le.Uint64(b[128:])); err != nil {
		return nil, err
	}
	return v, nil
}

func (c *Container) volume(b []byte, block uint64) (*Volume, error) {
	if string(b[32:36]) != "APSB" {
		return nil, fmt.Errorf("block %d is no superblock of a volume", block)
	}
	name, _, _ := strings.Cut(string(b[704:960]), "\x00")
	v := &Volume{c: c, sb: b, flags: le.Uint64(b[264:]), Name: strings.ToValidUTF8(name, "\ufffd"), rootType: le.Uint32(b[116:]), root: le.Uint64(b[136:])}
	copy(v.uuid[:], b[240:256])
	return v, nil
}

// Encrypted reports whether it is encrypted.
func (v *Volume) Encrypted() bool { return v.flags&flagUnencrypted == 0 }

// objectMap opens an object map.
func (v *Volume) objectMap(block uint64) (*tree, error) {
	b, err := v.c.object(block)
	if err != nil {
		return nil, fmt.Errorf("reading the object map: %w", err)
	}
	return &tree{c: v.c, root: le.Uint64(b[48:]), cache: map[uint64][]byte{}}, nil
}

// place gives the block of a virtual object as it was at a transaction.
func (v *Volume) place(oid, xid uint64) (uint64, error) {
	var val []byte
	cmp := func(key []byte) int {
		if len(key) < 16 {
			return 1
		}
		if d := compare(le.Uint64(key), oid); d != 0 {
			return d
		}
		return compare(le.Uint64(key[8:]), xid)
	}
	err := v.omap.last(cmp, func(key, value []byte) {
		if le.Uint64(key) == oid && len(value) >= 16 && le.Uint32(value)&1 == 0 { // not deleted
			val = bytes.Clone(value)
		}
	})
	if err == nil && val == nil {
		err = fmt.Errorf("object %d is in no map", oid)
	}
	if err != nil {
		return 0, err
	}
	return le.Uint64(val[8:]), nil
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Snapshot is an earlier state of a volume.
type Snapshot struct {
	Name    string
	Created int64 // Unix nanoseconds
	XID     uint64
	block   uint64 // of its superblock
}

// Snapshots lists the snapshots of a volume in their order; what it could read it
// gives beside an error.
func (v *Volume) Snapshots() ([]Snapshot, error) {
	if le.Uint64(v.sb[216:]) == 0 {
		return nil, nil
	}
	t := &tree{c: v.c, root: le.Uint64(v.sb[152:]), cache: map[uint64][]byte{}}
	kind := le.Uint32(v.sb[124:])
	if kind&storage != physical {
		block, err := v.place(t.root, ^uint64(0))
		if err != nil {
			return nil, fmt.Errorf("listing its snapshots: %w", err)
		}
		t.root = block
	}
	var list []Snapshot
	more := errors.New("it has more than 1,024 snapshots: the others are not listed")
	err := t.scan(func([]byte) int { return 0 }, func(key, val []byte) error {
		if len(key) < 8 || le.Uint64(key)>>60 != recSnapshot || len(val) < 50 {
			return nil
		}
		if len(list) == maxSnapshots {
			return more
		}
		n := min(int(le.Uint16(val[48:])), len(val)-50)
		name, _, _ := strings.Cut(string(val[50:50+n]), "\x00")
		list = append(list, Snapshot{Name: strings.ToValidUTF8(name, "\ufffd"), Created: int64(le.Uint64(val[16:])), XID: le.Uint64(key) & objectID, block: le.Uint64(val[8:])})
		return nil
	})
	if err != nil {
		return list, fmt.Errorf("listing its snapshots: %w", err)
	}
	return list, nil
}
