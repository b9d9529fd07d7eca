package local

import (
	"context"
	"slices"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// Erase deletes all documents of a case; see Remove.
func (ix *Index) Erase(ctx context.Context, caseID string) (int64, error) {
	n := &query.Node{Op: query.Equal, Field: event.SaksiCase, Value: caseID}
	return ix.remove(ctx, func() (*query.Node, error) { return n, nil })
}

// Remove removes documents; see findings.Remover. A segment that holds any is
// written again without them and its file removed, so that nothing of them stays
// in one; that is a step. It needs as much free room as the largest segment has.
func (ix *Index) Remove(ctx context.Context, r findings.Removal) (findings.Removed, error) {
	n, err := ix.remove(ctx, func() (*query.Node, error) {
		q, err := r.Gone(ctx)
		if err != nil {
			return nil, err
		}
		return query.Parse(q)
	})
	return findings.Removed{Documents: n}, err
}

// remove deletes the documents of a query that is asked for before each step.
func (ix *Index) remove(ctx context.Context, ask func() (*query.Node, error)) (removed int64, err error) {
	list, done, err := ix.write()
	if err != nil {
		return 0, err
	}
	defer done()
	if _, err := ask(); err != nil { // also of an index without segments
		return 0, err
	}
	for _, s := range list {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		n, err := ask()
		if err != nil {
			return removed, err
		}
		k, err := ix.removeFrom(s, n)
		removed += k
		if err != nil {
			return removed, ix.wrap("removing from the index", err)
		}
	}
	return removed, nil
}

// removeFrom writes a segment again without the documents of n.
func (ix *Index) removeFrom(s *segment, n *query.Node) (removed int64, err error) {
	defer faults()()
	defer guard(&err)
	p := s.plan(n)
	count := p.total()
	if count == 0 {
		return 0, nil
	}
	if err := ix.replace([]*segment{s}, map[*segment]bitset{s: p.bits()}); err != nil {
		return 0, err
	}
	return int64(count), nil
}

// Compact merges all segments that may be merged, whatever their sizes, so that
// queries have few to go through. Readers go on meanwhile. It needs as much free
// room as those segments have.
func (ix *Index) Compact(ctx context.Context) error {
	_, done, err := ix.write()
	if err != nil {
		return err
	}
	defer done()
	var list []*segment
	docs, size := 0, 0
	merged := func() error {
		if len(list) > 1 {
			if err := ix.replace(list, nil); err != nil {
				return ix.wrap("compacting the index", err)
			}
		}
		list, docs, size = nil, 0, 0
		return ctx.Err()
	}
	for _, s := range slices.Clone(ix.list) {
		if s.docs >= maxMerged || len(s.data) >= maxMergedB {
			continue
		}
		list = append(list, s)
		docs += s.docs
		if size += len(s.data); docs >= maxMerged || size >= maxMergedB {
			if err := merged(); err != nil {
				return err
			}
		}
	}
	return merged()
}
