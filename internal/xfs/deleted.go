package xfs

import (
	"context"
	"fmt"
	"sort"

	"saksi/internal/inode"
)

// Deleted implements inode.FS: inodes in no use whose extents were left behind.
// Their size is gone, so they have that of their blocks.
func (f *FS) Deleted(ctx context.Context, give func(*inode.Deleted) error) error {
	var failed error
	for ag := range f.agCount {
		h, err := f.header(ag, 2, "XAGI")
		if err != nil {
			failed = err
			continue
		}
		root, levels := uint64(be.Uint32(h[20:])), int(be.Uint32(h[24:]))
		var mine error
		err = f.shortTree(ctx, ag, root, levels, [2]string{"IABT", "IAB3"}, 16, 4, func(rec []byte) error {
			start := uint64(be.Uint32(rec))
			free := be.Uint64(rec[8:])
			for i := range uint64(64) {
				if free>>i&1 == 0 || f.missing(rec, i) {
					continue
				}
				n := ag<<(f.agLog+f.inopLog) | (start + i)
				c, err := f.read(n)
				if err != nil || c.meta.Mode != 0 {
					continue // never used
				}
				d := f.left(ctx, c)
				if d == nil {
					continue
				}
				if mine = give(d); mine != nil {
					return mine
				}
			}
			return nil
		})
		if mine != nil {
			return mine
		}
		if err != nil {
			failed = err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return failed
}

// missing reports whether a sparse chunk lacks an inode: each bit of its mask
// stands for four.
func (f *FS) missing(rec []byte, i uint64) bool {
	if !f.v5 || rec[6] == 0 || rec[6] == 64 {
		return false
	}
	return be.Uint16(rec[4:])>>(i/4)&1 != 0
}

// leftRuns are the extents in the fork of a deleted inode, as far as they are
// such as a file can have.
func (f *FS) leftRuns(c *core) (list []inode.Run) {
	for i := 0; i+16 <= len(c.fork); i += 16 {
		r, ok := f.run(c.fork[i:][:16])
		if !ok || len(list) > 0 && r.File < list[len(list)-1].File+list[len(list)-1].Length {
			break
		}
		list = append(list, r)
	}
	return list
}

// left is what a deleted inode still leads to, nil for nothing.
func (f *FS) left(ctx context.Context, c *core) *inode.Deleted {
	list := f.leftRuns(c)
	if len(list) == 0 {
		return nil
	}
	d := &inode.Deleted{Meta: c.meta}
	d.Mode = inode.TypeFile
	d.Problem = ""
	last := list[len(list)-1]
	d.Size = last.File + last.Length
	for _, r := range list {
		if r.Hole {
			continue
		}
		n := uint64(r.Length / f.block)
		d.All += n
		d.Used += n - f.freeBlocks(ctx, r)
	}
	if d.All == 0 {
		return nil
	}
	return d
}

// openDeleted opens what a deleted inode still leads to.
func (f *FS) openDeleted(c *core) (inode.Content, error) {
	list := f.leftRuns(c)
	if len(list) == 0 {
		return nil, fmt.Errorf("inode %d is deleted and leads to no content", c.meta.Number)
	}
	last := list[len(list)-1]
	return &inode.Mapped{R: f.r, Bytes: last.File + last.Length, List: inode.Fill(list, last.File+last.Length)}, nil
}

// freeBlocks counts the free blocks of a run.
func (f *FS) freeBlocks(ctx context.Context, r inode.Run) (n uint64) {
	ag := uint64((r.Image-f.offset)/f.block) / f.agBlocks
	list, err := f.groupFree(ctx, ag)
	if err != nil {
		return 0
	}
	from, to := r.Image, r.Image+r.Length
	i := sort.Search(len(list), func(i int) bool { return list[i].Image+list[i].Length > from })
	for ; i < len(list) && list[i].Image < to; i++ {
		n += uint64((min(to, list[i].Image+list[i].Length) - max(from, list[i].Image)) / f.block)
	}
	return n
}

// groupFree gives the free stretches of a group, in order.
func (f *FS) groupFree(ctx context.Context, ag uint64) ([]inode.Run, error) {
	if list, ok := f.free[ag]; ok {
		return list, nil
	}
	h, err := f.header(ag, 1, "XAGF")
	if err != nil {
		return nil, err
	}
	var list []inode.Run
	err = f.shortTree(ctx, ag, uint64(be.Uint32(h[16:])), int(be.Uint32(h[28:])), [2]string{"ABTB", "AB3B"}, 8, 8, func(rec []byte) error {
		from, count := uint64(be.Uint32(rec)), uint64(be.Uint32(rec[4:]))
		if from+count > f.agBlocks || count == 0 {
			return fmt.Errorf("free space of group %d lies beyond it", ag)
		}
		if len(list) == maxFree {
			return errTree
		}
		at := f.offset + int64(ag*f.agBlocks+from)*f.block
		if k := len(list); k > 0 && at < list[k-1].Image+list[k-1].Length {
			return fmt.Errorf("free space of group %d is not in order", ag)
		}
		list = append(list, inode.Run{Image: at, Length: int64(count) * f.block})
		return nil
	})
	if err == nil {
		if len(f.free) >= 64 {
			clear(f.free)
		}
		f.free[ag] = list
	}
	return list, err
}

// Free implements inode.FS.
func (f *FS) Free(ctx context.Context) ([]inode.Run, error) {
	var all []inode.Run
	var failed error
	for ag := range f.agCount {
		list, err := f.groupFree(ctx, ag)
		if err != nil {
			failed = err
		}
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		if all = append(all, list...); len(all) > maxFree {
			return all[:maxFree], fmt.Errorf("free space lies in more than %d pieces", maxFree)
		}
	}
	return all, failed
}
