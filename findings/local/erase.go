package local

import (
	"context"

	"saksi/event"
	"saksi/findings/query"
)

// Erase deletes all documents of a case: the segments that hold any are written
// again without them, so that nothing of them stays in a file.
func (ix *Index) Erase(_ context.Context, caseID string) (int64, error) {
	return ix.remove(&query.Node{Op: query.Equal, Field: event.SaksiCase, Value: caseID})
}

// remove deletes the documents that n means.
func (ix *Index) remove(n *query.Node) (removed int64, err error) {
	list, done, err := ix.write()
	if err != nil {
		return 0, err
	}
	defer done()
	defer faults()()
	defer guard(&err)
	for _, s := range list {
		p := s.plan(n)
		count := p.total()
		if count == 0 {
			continue
		}
		if err := ix.replace([]*segment{s}, map[*segment]bitset{s: p.bits()}); err != nil {
			return removed, ix.wrap("erasing from the index", err)
		}
		removed += int64(count)
	}
	return removed, nil
}

// Compact merges all segments that may be merged, whatever their sizes. Readers
// go on meanwhile.
func (ix *Index) Compact(context.Context) error {
	_, done, err := ix.write()
	if err != nil {
		return err
	}
	defer done()
	var list []*segment
	docs := 0
	flush := func() error {
		if len(list) > 1 {
			if err := ix.replace(list, nil); err != nil {
				return ix.wrap("compacting the index", err)
			}
		}
		list, docs = nil, 0
		return nil
	}
	for _, s := range append([]*segment(nil), ix.list...) {
		if s.docs >= maxMerged || len(s.data) >= maxMergedB {
			continue
		}
		list = append(list, s)
		if docs += s.docs; docs >= maxMerged {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
