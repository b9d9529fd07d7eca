package local

import (
	"cmp"
	"slices"

	"saksi/event"
	"saksi/findings"
)

// top gives the size largest buckets of columns of one field. A value that is
// among them has in some segment at least its share of the least of them; where
// few values have that, only these are summed, else all are.
func top(f event.Field, list []*counts, size int) []findings.Bucket {
	if size <= 0 {
		return []findings.Bucket{}
	}
	const few = 4096 // values that are worth to be looked up one by one
	if size*len(list) > few {
		return merged(f, list, size)
	}
	sums := map[string]int64{}
	for _, x := range list {
		for _, i := range x.largest(size) {
			sums[string(x.key(i))] = 0
		}
	}
	if len(sums) < size {
		return merged(f, list, size)
	}
	totals := make([]int64, 0, len(sums))
	for k := range sums {
		sums[k] = sum(list, k)
		totals = append(totals, sums[k])
	}
	slices.SortFunc(totals, func(a, b int64) int { return cmp.Compare(b, a) })
	share := max(totals[size-1]/int64(len(list)), 1)
	for _, x := range list {
		enough := x.atLeast(share, few)
		if len(sums)+len(enough) > few {
			return merged(f, list, size)
		}
		for _, i := range enough {
			if k := string(x.key(i)); sums[k] == 0 {
				sums[k] = sum(list, k)
			}
		}
	}
	t := &topBuckets{size: size}
	for k, n := range sums {
		t.add(n, func() string { return keyText(f.Type(), []byte(k)) })
	}
	return t.result()
}

// sum counts the documents with a value in all segments.
func sum(list []*counts, key string) (n int64) {
	for _, x := range list {
		if i := x.find([]byte(key)); i >= 0 {
			n += int64(x.each[i])
		}
	}
	return n
}

// largest are the values with the most documents, at most n and none without
// any.
func (x *counts) largest(n int) []int {
	var out []int
	least := uint32(0)
	for i, c := range x.each {
		if c <= least {
			continue
		}
		if out = append(out, i); len(out) == 2*n {
			out, least = x.cut(out, n)
		}
	}
	out, _ = x.cut(out, n)
	return out
}

// cut leaves the n largest of list, and gives the least count among them.
func (x *counts) cut(list []int, n int) ([]int, uint32) {
	slices.SortFunc(list, func(a, b int) int { return cmp.Compare(x.each[b], x.each[a]) })
	if len(list) < n {
		return list, 0
	}
	return list[:n], x.each[list[n-1]]
}

// atLeast are the values with so many documents or more; it ends with more
// than most of them.
func (x *counts) atLeast(n int64, most int) (out []int) {
	for i, c := range x.each {
		if int64(c) >= n {
			if out = append(out, i); len(out) > most {
				break
			}
		}
	}
	return out
}

// merged sums all values: by a table as long as that is small, else in the order
// of the keys, which needs no memory.
func merged(f event.Field, list []*counts, size int) []findings.Bucket {
	const table = 1 << 21 // values of all segments together
	t := &topBuckets{size: size}
	all := 0
	for _, x := range list {
		all += x.n
	}
	if all <= table {
		place := make(map[string]int)
		var keys []string
		var sums []int64
		for _, x := range list {
			for i, n := range x.each {
				if n == 0 {
					continue
				}
				at, ok := place[string(x.key(i))]
				if !ok {
					at = len(keys)
					k := string(x.key(i))
					place[k] = at
					keys, sums = append(keys, k), append(sums, 0)
				}
				sums[at] += int64(n)
			}
		}
		for i, k := range keys {
			t.add(sums[i], func() string { return keyText(f.Type(), []byte(k)) })
		}
		return t.result()
	}
	cursors := make([]*cursorOf, len(list))
	by := map[*dict]*counts{}
	for i, x := range list {
		cursors[i] = &cursorOf{d: &x.dict}
		by[&x.dict] = x
	}
	together(cursors, func(key []byte, at []*cursorOf) {
		var n int64
		for _, x := range at {
			n += int64(by[x.d].each[x.i])
		}
		t.add(n, func() string { return keyText(f.Type(), key) })
	})
	return t.result()
}

// topBuckets keeps the largest buckets as findings.TopBuckets orders them.
type topBuckets struct {
	size  int
	list  []findings.Bucket
	least int64 // count of the last of them; smaller ones are not among them
}

func order(a, b findings.Bucket) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key, b.Key))
}

func (t *topBuckets) add(n int64, key func() string) {
	if n == 0 || t.size <= 0 || n < t.least {
		return
	}
	t.list = append(t.list, findings.Bucket{Key: key(), Count: n})
	if len(t.list) >= 3*t.size+1000 {
		t.cut()
	}
}

func (t *topBuckets) cut() {
	slices.SortFunc(t.list, order)
	if t.list = t.list[:min(len(t.list), max(t.size, 0))]; len(t.list) == t.size && t.size > 0 {
		t.least = t.list[t.size-1].Count
	}
}

func (t *topBuckets) result() []findings.Bucket {
	t.cut()
	return t.list
}
