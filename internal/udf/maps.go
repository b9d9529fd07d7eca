package udf

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"saksi/internal/inode"
)

// virtual reads the table of a virtual partition, which the last block of the media
// leads to (UDF 2.60, 2.2.11).
func (f *FS) virtual(i int) error {
	real := slices.IndexFunc(f.parts, func(p part) bool { return p.start == f.parts[i].start })
	if real == i {
		return errors.New("it is virtual, of no other")
	}
	last, err := f.written()
	if err != nil {
		return err
	}
	for n := last; n >= 0 && n > last-160; n-- {
		b, err := f.sector(n)
		if err != nil {
			return err
		}
		t := tag(b)
		if t != tagFile && t != tagExtended || b[27] != 248 && b[27] != 0 || uint64(n) < f.parts[real].start {
			continue
		}
		e, err := f.parse(icb{uint16(real), uint32(uint64(n) - f.parts[real].start)}, b)
		if err != nil {
			return err
		}
		c, err := f.content(e)
		if err != nil {
			return err
		}
		if e.size > maxTable || e.size < 4 {
			return fmt.Errorf("a table of virtual blocks of %d bytes", e.size)
		}
		table := make([]byte, e.size)
		if n, err := c.ReadAt(table, 0); n < len(table) {
			return fmt.Errorf("its table of virtual blocks: %w", err)
		}
		if b[27] == 248 {
			if n := int(le.Uint16(table)); n <= len(table) {
				table = table[n:]
			}
		} else if len(table) >= 36 { // of revision 1.50
			table = table[:len(table)-36]
		}
		list := make([]uint32, 0, len(table)/4)
		for ; len(table) >= 4; table = table[4:] {
			list = append(list, le.Uint32(table))
		}
		f.parts[i].virtual = list
		return nil
	}
	return errors.New("no table of virtual blocks stands at the end of the media: the disc was not closed, or the image was cut")
}

// written is the last block that is not empty: images of write-once discs may go on
// with zeros.
func (f *FS) written() (int64, error) {
	const piece = 1 << 20
	b := make([]byte, piece)
	end := f.length / f.block * f.block
	for k := 0; k < maxTail/piece && end > 0; k++ {
		n := min(piece, end)
		if err := readFull(f.r, b[:n], f.offset+end-n); err != nil {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if b[i] != 0 {
				return (end - n + i) / f.block, nil
			}
		}
		end -= n
	}
	return 0, fmt.Errorf("the last %d bytes of the media are zeros", maxTail)
}

// spares reads the table of packets that lie elsewhere (UDF 2.60, 2.2.12).
func (f *FS) spares(p *part, m []byte) error {
	p.packet, p.spare = uint32(le.Uint16(m[40:])), map[uint32]uint32{}
	if p.packet == 0 {
		return errors.New("packets of no blocks")
	}
	for i := range min(int(m[42]), 4) {
		b, err := f.sector(int64(le.Uint32(m[48+4*i:])))
		if err != nil {
			continue
		}
		size := min(int64(le.Uint32(m[44:])), 1<<20)
		if size > f.block {
			b = make([]byte, size)
			if err := readFull(f.r, b, f.offset+int64(le.Uint32(m[48+4*i:]))*f.block); err != nil {
				continue
			}
		}
		if tag(b) != 0 || string(b[17:36]) != "*UDF Sparing Table\x00" {
			continue
		}
		for k := range int(le.Uint16(b[48:])) {
			if e := 56 + 8*k; e+8 <= len(b) && le.Uint32(b[e:]) < 0xfffffff0 {
				p.spare[le.Uint32(b[e:])] = le.Uint32(b[e+4:])
			}
		}
		return nil
	}
	return errors.New("its tables of spare packets are damaged")
}

// metadata reads where a partition of metadata lies: in a file, or the copy of it
// (UDF 2.60, 2.2.13).
func (f *FS) metadata(i int, m []byte) error {
	real := slices.IndexFunc(f.parts, func(p part) bool { return p.start == f.parts[i].start })
	if real == i {
		return errors.New("it is of metadata, of no other")
	}
	var last error
	for k, at := range []int{40, 44} {
		e, err := f.entry(icb{uint16(real), le.Uint32(m[at:])})
		var runs []inode.Run
		if err == nil {
			runs, err = f.runs(e)
		}
		if err == nil && len(runs) == 0 {
			err = errors.New("the file of metadata is empty")
		}
		if err != nil {
			last = err
			continue
		}
		if k > 0 {
			f.notes = append(f.notes, fmt.Sprintf("the metadata of partition %d are damaged: their copy was read", i))
		}
		f.parts[i].meta = runs
		return nil
	}
	return last
}

// Free implements inode.FS: what the bitmaps of the partitions say.
func (f *FS) Free(ctx context.Context) (list []inode.Run, err error) {
	for i := range f.parts {
		p := &f.parts[i]
		if p.virtual != nil || p.meta != nil || p.free[0] == 0 {
			continue
		}
		if p.free[0] > maxTable {
			return list, fmt.Errorf("partition %d: a bitmap of %d bytes", i, p.free[0])
		}
		at, n, err := f.place(icb{uint16(i), p.free[1]})
		if err != nil {
			return list, err
		}
		b := make([]byte, min(int64(p.free[0]), n))
		if err := readFull(f.r, b, at); err != nil {
			return list, fmt.Errorf("the bitmap of partition %d: %w", i, err)
		}
		if len(b) < 24 || le.Uint16(b) != tagBitmap {
			return list, fmt.Errorf("the bitmap of partition %d at offset %d is damaged", i, at)
		}
		bits := min(uint64(le.Uint32(b[16:])), p.blocks, uint64(len(b)-24)*8)
		for k := uint64(0); k < bits; k++ {
			if k%65536 == 0 && ctx.Err() != nil {
				return list, ctx.Err()
			}
			if b[24+k/8]>>(k%8)&1 == 0 {
				continue
			}
			at := f.offset + int64(p.start+k)*f.block
			if len(list) == maxFree {
				return list, fmt.Errorf("more than %d stretches of free space: those from offset %d on are not listed", maxFree, at)
			}
			if n := len(list) - 1; n >= 0 && list[n].Image+list[n].Length == at {
				list[n].Length += f.block
			} else {
				list = append(list, inode.Run{Image: at, Length: f.block})
			}
		}
	}
	return list, nil
}
