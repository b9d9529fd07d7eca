package btrfs

import (
	"context"
	"fmt"
	"sort"

	"saksi/internal/inode"
)

// Deleted implements inode.FS: nothing leads to a deleted inode in the trees of
// now.
func (f *FS) Deleted(context.Context, func(*inode.Deleted) error) error { return nil }

// Free implements inode.FS: what no extent of a chunk uses, in every copy, and
// what no chunk uses.
func (f *FS) Free(ctx context.Context) ([]inode.Run, error) {
	t, err := f.tree(treeExtent)
	if err != nil {
		return nil, err
	}
	var out []inode.Run
	add := func(c *chunk, from, to uint64) error {
		if from >= to {
			return nil
		}
		for _, p := range c.copies {
			if len(out) == maxFree {
				return fmt.Errorf("free space lies in more than %d pieces", maxFree)
			}
			out = append(out, inode.Run{Image: f.offset + p + int64(from-c.logical), Length: int64(to - from)})
		}
		return nil
	}
	for i := range f.chunks {
		c := &f.chunks[i]
		at := c.logical
		err := f.each(t, key{object: c.logical}, key{c.logical + c.length - 1, 255, ^uint64(0)}, func(k key, _ []byte, _ int64) error {
			n := k.offset
			switch k.kind {
			case itemMetadata:
				n = uint64(f.node)
			case itemData:
			default:
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := add(c, at, min(k.object, c.logical+c.length)); err != nil {
				return err
			}
			at = max(at, k.object+min(n, 1<<50))
			return nil
		})
		if err != nil {
			return out, fmt.Errorf("the extent tree: %w", err)
		}
		if err := add(c, at, c.logical+c.length); err != nil {
			return out, err
		}
	}
	out = append(out, f.unchunked()...)
	sort.Slice(out, func(i, j int) bool { return out[i].Image < out[j].Image })
	return out, nil
}

// unchunked are the stretches of the device that no chunk uses, from the first
// mebibyte on.
func (f *FS) unchunked() (out []inode.Run) {
	type span struct{ from, to int64 }
	used := []span{{0, 1 << 20}}
	for i := range f.chunks {
		c := &f.chunks[i]
		for _, p := range c.copies {
			used = append(used, span{p, p + int64(c.length)})
		}
	}
	for _, at := range superblocks {
		used = append(used, span{at, at + 4096})
	}
	sort.Slice(used, func(i, j int) bool { return used[i].from < used[j].from })
	at := int64(0)
	for _, u := range append(used, span{f.length, f.length}) {
		if u.from > at && at < f.length {
			out = append(out, inode.Run{Image: f.offset + at, Length: min(u.from, f.length) - at})
		}
		at = max(at, u.to)
	}
	return out
}
