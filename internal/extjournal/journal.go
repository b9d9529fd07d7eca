package extjournal

import (
	"context"
	"fmt"
	"sort"
)

// The journal (jbd2): blocks of a log that runs in a circle. All numbers are
// big-endian.
//
//	header      4 c03b3998 | 4 kind | 4 sequence
//	superblock  header | 12 block size | 16 blocks | 20 first of the log | 24
//	            sequence | 28 start | 40 features | 48 16 UUID | 84 fast commits
//	descriptor  header | tags: place in the file system, flags, checksum; the
//	            blocks themselves follow
//
// A block whose first four bytes are c03b3998 is kept with zeros there and the
// flag "escaped".
const (
	jbdMagic = 0xc03b3998

	kindDescriptor = 1
	kindCommit     = 2
	kindRevoke     = 5

	jbd64bit      = 0x2
	jbdCsumV2     = 0x8
	jbdCsumV3     = 0x10
	jbdFastCommit = 0x20

	tagEscaped  = 0x1
	tagSameUUID = 0x2
	tagLast     = 0x8
)

// journal is the log and what it holds.
type journal struct {
	runs     []run // of the journal's inode
	blocks   uint64
	first    uint64 // of the log
	end      uint64 // behind the last
	base     uint32 // sequence of the superblock
	features uint32
	seed     uint32
	copies   []jcopy // by block, then by age
	loose    int     // copies that are not what their tag says
	notes    []string
}

// jcopy is one block of the file system as the log holds it.
type jcopy struct {
	block uint64
	age   int32  // sequence from the superblock's on; the larger the newer
	at    uint32 // block of the log
	esc   bool
}

// openLog reads the journal's inode and superblock.
func (f *FS) openLog(ino uint64, sb []byte) error {
	j := &f.log
	f.mapLeft = maxMapBlocks
	n, err := f.current(ino)
	if err != nil || n.kind() != typeFile || !n.hasContent() {
		// The superblock keeps a copy of the map and the size.
		n = &inode{number: ino, mode: typeFile, size: int64(le.Uint32(sb[0x10c+64:])) | int64(le.Uint32(sb[0x10c+60:]))<<32}
		copy(n.block[:], sb[0x10c:])
		if le.Uint16(n.block[:]) == extentMagic {
			n.flags = flagExtents
		}
		if sb[0xfd] != 1 || !n.hasContent() {
			return fmt.Errorf("the journal's inode %d is damaged and the superblock keeps no copy of its map", ino)
		}
		j.notes = append(j.notes, fmt.Sprintf("the journal's inode %d is damaged; the superblock's copy of its map was used", ino))
	}
	if n.size > maxJournal {
		j.notes = append(j.notes, fmt.Sprintf("the journal has %d bytes; the first %d were read", n.size, int64(maxJournal)))
		n.size = maxJournal
	}
	var lost int
	j.runs, lost, err = f.runs(n, func(block uint64, valid func([]byte) bool) ([]byte, error) {
		b := make([]byte, f.BlockSize)
		return b, f.readBlock(b, block)
	})
	if err != nil {
		return fmt.Errorf("reading the map of the journal: %w", err)
	}
	if lost > 0 {
		j.notes = append(j.notes, fmt.Sprintf("%d parts of the journal's map are damaged", lost))
	}
	j.blocks = uint64(n.size / f.BlockSize)
	b := make([]byte, f.BlockSize)
	if err := f.readLog(b, 0); err != nil {
		return fmt.Errorf("reading the journal's superblock: %w", err)
	}
	if kind := be.Uint32(b[4:]); be.Uint32(b) != jbdMagic || kind != 3 && kind != 4 || int64(be.Uint32(b[12:])) != f.BlockSize {
		return fmt.Errorf("the journal's superblock is damaged")
	}
	j.first, j.end, j.base = uint64(be.Uint32(b[20:])), min(uint64(be.Uint32(b[16:])), j.blocks), be.Uint32(b[24:])
	if be.Uint32(b[4:]) == 4 {
		j.features = be.Uint32(b[40:])
	}
	if j.features&(jbdCsumV2|jbdCsumV3) != 0 {
		j.seed = crc32c(^uint32(0), b[48:64])
	}
	if j.features&jbdFastCommit != 0 {
		n := uint64(be.Uint32(b[84:]))
		if n == 0 {
			n = 256
		}
		if n < j.end {
			j.end -= n // fast commits stand behind the log; they are not read
		}
	}
	if j.first == 0 || j.first >= j.end {
		return fmt.Errorf("the journal's superblock states a log from block %d to %d", j.first, j.end)
	}
	return nil
}

// place is where block n of the journal lies in the file system.
func (j *journal) place(n uint64) (block uint64, ok bool) {
	i := sort.Search(len(j.runs), func(i int) bool { return j.runs[i].file > n }) - 1
	if i < 0 || n-j.runs[i].file >= j.runs[i].count || j.runs[i].hole {
		return 0, false
	}
	return j.runs[i].disk + n - j.runs[i].file, true
}

// readLog reads block n of the journal.
func (f *FS) readLog(p []byte, n uint64) error {
	b, ok := f.log.place(n)
	if !ok {
		return fmt.Errorf("block %d of the journal has no place", n)
	}
	return f.readBlock(p, b)
}

// readCopy reads a block as the log holds it.
func (f *FS) readCopy(p []byte, at uint32, escaped bool) error {
	if err := f.readLog(p, uint64(at)); err != nil {
		return err
	}
	if escaped {
		be.PutUint32(p, jbdMagic)
	}
	return nil
}

// next is the block of the log behind n.
func (j *journal) next(n uint64) uint64 {
	if n++; n == j.end {
		return j.first
	}
	return n
}

// scan finds every block that the log holds, of whatever age: transactions
// that were written back long ago are still there until the log comes round.
func (f *FS) scan(ctx context.Context) error {
	j := &f.log
	if j.copies != nil {
		return nil
	}
	j.copies = []jcopy{}
	heads := make([]bool, j.end) // blocks that begin with the magic
	b := make([]byte, f.BlockSize)
	unread := 0
	for n := j.first; n < j.end; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := f.readLog(b, n); err != nil {
			unread++
			heads[n] = true
			continue
		}
		heads[n] = be.Uint32(b) == jbdMagic
	}
	if unread > 0 {
		j.notes = append(j.notes, fmt.Sprintf("%d blocks of the journal can't be read", unread))
	}
	data := make([]byte, f.BlockSize)
	for n := j.first; n < j.end; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !heads[n] || f.readLog(b, n) != nil || be.Uint32(b) != jbdMagic || be.Uint32(b[4:]) != kindDescriptor {
			continue
		}
		f.descriptor(b, data, n, heads)
	}
	sort.Slice(j.copies, func(i, k int) bool {
		a, b := &j.copies[i], &j.copies[k]
		if a.block != b.block {
			return a.block < b.block
		}
		if a.age != b.age {
			return a.age < b.age
		}
		return a.at < b.at
	})
	return nil
}

// tagSize is the length of a tag without its UUID.
func (j *journal) tagSize() int {
	if j.features&jbdCsumV3 != 0 {
		return 16
	}
	n := 8
	if j.features&jbd64bit != 0 {
		n += 4
	}
	if j.features&jbdCsumV2 != 0 {
		n += 2
	}
	return n
}

// descriptor takes the tags of the descriptor in b, block n of the log. It
// ends where another transaction has overwritten what followed.
func (f *FS) descriptor(b, data []byte, n uint64, heads []bool) {
	j := &f.log
	seq := be.Uint32(b[8:])
	size, end := j.tagSize(), len(b)
	if j.features&(jbdCsumV2|jbdCsumV3) != 0 {
		end -= 4
	}
	var order [4]byte
	be.PutUint32(order[:], seq)
	at := n
	for t := 12; t+size <= end; {
		tag := b[t:]
		c := jcopy{block: uint64(be.Uint32(tag)), age: int32(seq - j.base)}
		var flags, sum, mask uint32
		if j.features&jbdCsumV3 != 0 {
			flags, sum, mask = be.Uint32(tag[4:]), be.Uint32(tag[12:]), ^uint32(0)
			if j.features&jbd64bit != 0 {
				c.block |= uint64(be.Uint32(tag[8:])) << 32
			}
		} else {
			flags = uint32(be.Uint16(tag[6:]))
			if j.features&jbdCsumV2 != 0 {
				sum, mask = uint32(be.Uint16(tag[4:])), 0xffff
			}
			if j.features&jbd64bit != 0 {
				c.block |= uint64(be.Uint32(tag[8:])) << 32
			}
		}
		t += size
		if flags&tagSameUUID == 0 {
			t += 16
		}
		if at = j.next(at); heads[at] || at == n {
			j.loose++
			return
		}
		c.at, c.esc = uint32(at), flags&tagEscaped != 0
		switch {
		case c.block >= f.blocks:
			j.loose++
		case mask != 0 && (f.readLog(data, at) != nil || crc32c(crc32c(j.seed, order[:]), data)&mask != sum):
			j.loose++
		default:
			j.copies = append(j.copies, c)
		}
		if flags&tagLast != 0 {
			return
		}
	}
}

// copiesOf are the copies of a block, the oldest first.
func (j *journal) copiesOf(block uint64) []jcopy {
	i := sort.Search(len(j.copies), func(i int) bool { return j.copies[i].block >= block })
	k := i
	for k < len(j.copies) && j.copies[k].block == block {
		k++
	}
	return j.copies[i:k]
}

// asOf gives blocks as they were when a transaction of this age ended: the
// newest copy that is not newer, else the oldest that is, else what is on the
// disk now; of them the first that the caller takes.
func (f *FS) asOf(age int32) blockAs {
	return func(block uint64, valid func([]byte) bool) ([]byte, error) {
		b := make([]byte, f.BlockSize)
		list := f.log.copiesOf(block)
		older := sort.Search(len(list), func(i int) bool { return list[i].age > age })
		tries := 0
		for i := older - 1; i >= 0 && tries < maxTries; i, tries = i-1, tries+1 {
			if f.readCopy(b, list[i].at, list[i].esc) == nil && valid(b) {
				return b, nil
			}
		}
		if f.readBlock(b, block) == nil && valid(b) {
			return b, nil
		}
		for i := older; i < len(list) && tries < maxTries; i, tries = i+1, tries+1 {
			if f.readCopy(b, list[i].at, list[i].esc) == nil && valid(b) {
				return b, nil
			}
		}
		return nil, fmt.Errorf("block %d of a map is gone", block)
	}
}

// maxTries bounds the copies of one block of a map that are looked at.
const maxTries = 64
