package scan

import (
	"context"
	"errors"
	"fmt"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/search"
)

const (
	chunkBytes   = 32 << 20       // of a place that is no file's, looked at as one
	chunkOverlap = search.Longest // bytes of the next chunk that are looked at besides
)

// spaces makes units of the places that belong to no file: unallocated space of
// each volume, then what is in none.
func (w *walk) spaces(ctx context.Context) {
	if !w.s.looks() {
		return
	}
	if w.s.cfg.Areas.Has(disk.Unallocated) {
		for _, v := range w.s.volumes {
			w.space(ctx, disk.Unallocated, v)
		}
	}
	if w.s.cfg.Areas.Has(disk.Raw) {
		w.space(ctx, disk.Raw, w.s.cfg.Volume)
	}
}

func (w *walk) space(ctx context.Context, place disk.Area, number int) {
	if ctx.Err() != nil {
		return
	}
	volume := max(number, 0)
	what := fmt.Sprintf("%s space of volume %d", place, number)
	if place == disk.Raw {
		what = "what is in no file system"
	}
	if w.im == nil {
		im, err := w.s.src.Open(ctx, w.s.cfg.Worker)
		if err != nil {
			w.end(ctx, volume, fmt.Errorf("%s was not looked at: %w", what, err))
			return
		}
		w.im = im
	}
	found, err := w.im.Space(ctx, place, number)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		var remote *disk.Error
		if !errors.As(err, &remote) {
			w.im.Close()
			w.im = nil
		}
		w.end(ctx, volume, fmt.Errorf("%s was not looked at: %w", what, err))
		return
	}
	for _, text := range found.Problems {
		if w.add(ctx, volume, nil, &filesystem.Problem{Path: "/", Text: text}) != nil {
			return
		}
	}
	put := func(it disk.Item) bool {
		if !w.start(ctx, volume) {
			return false
		}
		it.Volume, it.Area = volume, place
		st := step{item: len(w.u.items), place: place, entry: filesystem.Entry{Path: "/$" + placePaths[place], Kind: filesystem.Virtual}}
		w.u.steps, w.u.items = append(w.u.steps, st), append(w.u.items, it)
		w.send(ctx)
		return true
	}
	if place == disk.Unallocated {
		// One after the other, since what was written in one piece often lies in several.
		chunks(found.Runs, put)
	} else {
		ok := true
		for i := 0; ok && i < len(found.Runs); i++ {
			chunks(found.Runs[i:i+1], func(it disk.Item) bool {
				ok = put(it)
				return ok
			})
		}
	}
	w.end(ctx, volume, nil)
}

// placePaths are the names under which places that are no file's are told.
var placePaths = map[disk.Area]string{disk.Unallocated: "Unallocated", disk.Raw: "Raw"}

// chunks cuts runs into items of chunkBytes, each with the beginning of the next.
func chunks(runs []filesystem.Run, put func(disk.Item) bool) {
	i, at := 0, int64(0) // run and place in it where the chunk begins
	for next := false; i < len(runs); next = true {
		it := disk.Item{Next: next}
		j, off, have := i, at, int64(0)
		for j < len(runs) && have < chunkBytes+chunkOverlap {
			n := min(runs[j].Length-off, chunkBytes+chunkOverlap-have)
			it.Runs = append(it.Runs, filesystem.Run{File: have, Image: runs[j].Image + off, Length: n})
			have += n
			if off += n; off == runs[j].Length {
				j, off = j+1, 0
			}
		}
		it.Core = min(have, chunkBytes)
		if j == len(runs) && have <= chunkBytes+chunkOverlap && off == 0 {
			// The last: all of it is its own.
			it.Core = have
			put(it)
			return
		}
		for left := it.Core; left > 0; {
			n := min(runs[i].Length-at, left)
			left -= n
			if at += n; at == runs[i].Length {
				i, at = i+1, 0
			}
		}
		if !put(it) {
			return
		}
	}
}
