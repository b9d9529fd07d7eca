package local

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

const maxPage = 10_000

// sortable are the fields one can sort by.
var sortable = []event.Field{
	event.Timestamp, event.EventKind, event.EventDataset, event.EventSeverity, event.RuleID, event.RuleName, event.RuleRuleset,
	event.SaksiRuleLanguage, event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort, event.NetworkTransport,
	event.NetworkProtocol, event.NetworkApplication, event.NetworkCommunityID, event.FileHashSHA256, event.FilePath, event.FileSize,
	event.FileMimeType, event.DNSQuestionName, event.URLDomain, event.URLOriginal, event.TLSClientServerName, event.TLSVersion,
	event.HTTPRequestMethod, event.HTTPResponseStatusCode, event.UserName, event.HostName, event.OrganizationID, event.SaksiCase,
	event.SaksiExhibit, event.SaksiEvidenceKey, event.SaksiFileDeleted, event.SaksiFlowState,
}

// Sortable lists the fields one can sort by.
func Sortable() []string {
	var list []string
	for _, f := range sortable {
		if !f.IsArray() {
			list = append(list, f.Name())
		}
	}
	sort.Strings(list)
	return list
}

type sortKey struct {
	field event.Field
	desc  bool
}

func sortKeys(list []findings.Sort) ([]sortKey, error) {
	if len(list) == 0 {
		return []sortKey{{event.Timestamp, true}}, nil
	}
	var keys []sortKey
	for _, s := range list {
		f, ok := event.Lookup(s.Field)
		if !ok || !slices.Contains(sortable, f) || f.IsArray() || f.Type() == event.Float {
			return nil, fmt.Errorf("sorting by %s: %w; expected one of %s", s.Field, findings.ErrSort, strings.Join(Sortable(), ", "))
		}
		keys = append(keys, sortKey{f, s.Desc})
	}
	return keys, nil
}

// place is where a document stands in an order: the keys it is sorted by, nil
// for none, and its id.
type place struct {
	Keys [][]byte `json:"v"`
	ID   []byte   `json:"id"`
	seg  *segment
	doc  int
}

// compare orders places: absent values come last, ids break ties.
func compare(keys []sortKey, a, b *place) int {
	for i, k := range keys {
		x, y := a.Keys[i], b.Keys[i]
		switch {
		case x == nil && y == nil:
			continue
		case x == nil:
			return 1
		case y == nil:
			return -1
		}
		if c := bytes.Compare(x, y); c != 0 {
			if k.desc {
				return -c
			}
			return c
		}
	}
	return bytes.Compare(a.ID, b.ID)
}

// first is a heap of the places that come first, the last of them at its root.
type first struct {
	keys []sortKey
	list []*place
}

func (h *first) Len() int           { return len(h.list) }
func (h *first) Less(i, j int) bool { return compare(h.keys, h.list[i], h.list[j]) > 0 }
func (h *first) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *first) Push(x any)         { h.list = append(h.list, x.(*place)) }
func (h *first) Pop() any           { panic("not used") }

// offer takes p if it is among the first n.
func (h *first) offer(p *place, n int) {
	switch {
	case len(h.list) < n:
		heap.Push(h, p.clone())
	case compare(h.keys, p, h.list[0]) < 0:
		h.list[0] = p.clone()
		heap.Fix(h, 0)
	}
}

func (p *place) clone() *place {
	c := *p
	c.Keys = make([][]byte, len(p.Keys))
	for i, k := range p.Keys {
		c.Keys[i] = bytes.Clone(k)
	}
	return &c
}

// each calls f for all segments, on all processors.
func each(list []*segment, f func(i int, s *segment)) (err error) {
	var wg sync.WaitGroup
	errs := make([]error, len(list))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, s := range list {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			defer faults()()
			defer guard(&errs[i])
			f(i, s)
		}()
	}
	wg.Wait()
	for i, e := range errs {
		if e != nil {
			return fmt.Errorf("searching the index: segment %s: %w", list[i].name, e)
		}
	}
	return nil
}

// plans makes a query ready for all segments.
func plans(list []*segment, n *query.Node) ([]*plan, error) {
	out := make([]*plan, len(list))
	return out, each(list, func(i int, s *segment) { out[i] = s.plan(n) })
}

// Search answers one page.
func (ix *Index) Search(ctx context.Context, r findings.Request) (page findings.Page, err error) {
	n, err := query.Parse(r.Query)
	if err != nil {
		return page, err
	}
	if r.Size == 0 {
		r.Size = 100
	}
	if r.Size < 1 || r.Size > maxPage {
		return page, fmt.Errorf("a page of %d documents: expected 1 to %d", r.Size, maxPage)
	}
	keys, err := sortKeys(r.Sort)
	if err != nil {
		return page, err
	}
	var after *place
	if r.After != "" {
		if after, err = parseCursor(r.After, len(keys)); err != nil {
			return page, err
		}
	}
	list, err := ix.snapshot()
	if err != nil {
		return page, err
	}
	defer release(list)
	total := make([]int, len(list))
	ps := make([]*plan, len(list))
	if err := each(list, func(i int, s *segment) {
		ps[i] = s.plan(n)
		total[i] = s.total(r.Query, ps[i])
	}); err != nil {
		return page, err
	}
	for _, t := range total {
		page.Total += int64(t)
	}
	defer faults()()
	defer guard(&err)
	h := &first{keys: keys}
	if err := h.gather(ctx, ps, after, r.Size+1); err != nil {
		return page, err
	}
	sort.Sort(sort.Reverse(h))
	if len(h.list) > r.Size {
		h.list = h.list[:r.Size]
		b, err := json.Marshal(h.list[r.Size-1])
		if err != nil {
			return page, err
		}
		page.Next = base64.RawURLEncoding.EncodeToString(b)
	}
	page.Docs, err = read(h.list)
	return page, err
}

// read reads documents as they stand in their segments, so that each block is
// unpacked once, and gives them in the order of the list.
func read(list []*place) ([]findings.Doc, error) {
	at := make([]int, len(list))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(i, j int) int {
		a, b := list[i], list[j]
		return cmp.Or(cmp.Compare(a.seg.name, b.seg.name), cmp.Compare(a.doc, b.doc))
	})
	docs := make([]findings.Doc, len(list))
	var err error
	for _, i := range at {
		if docs[i], err = list[i].seg.doc(list[i].doc); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// part is a chunk of a plan's segment and the times in it.
type part struct {
	*plan
	read   func(doc int, p *place)
	c      int
	lo, hi int64
}

// gather finds the first n places behind after. Where the order begins with the
// time, chunks that can't hold any of them are left out.
func (h *first) gather(ctx context.Context, ps []*plan, after *place, n int) error {
	var parts []part
	for _, p := range ps {
		if p.count == 0 {
			continue
		}
		read := h.reader(p.seg)
		for c := range p.seg.chunks() {
			lo, hi := p.seg.zone(c)
			parts = append(parts, part{p, read, c, lo, hi})
		}
	}
	byTime, desc := h.keys[0].field == event.Timestamp, h.keys[0].desc
	if byTime {
		slices.SortStableFunc(parts, func(a, b part) int {
			if desc {
				return cmp.Compare(b.hi, a.hi)
			}
			return cmp.Compare(a.lo, b.lo)
		})
	}
	p := &place{Keys: make([][]byte, len(h.keys))}
	for _, x := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if byTime {
			if after != nil {
				if t := keyInt(after.Keys[0]); desc && x.lo > t || !desc && x.hi < t {
					continue // all before it
				}
			}
			if len(h.list) == n {
				if t := keyInt(h.list[0].Keys[0]); desc && x.hi < t || !desc && x.lo > t {
					break // all behind, as are those of the parts that follow
				}
			}
		}
		var m mask
		x.fill(x.c, &m)
		m.each(x.c*chunk, func(doc int) {
			x.read(doc, p)
			if after == nil || compare(h.keys, p, after) > 0 {
				h.offer(p, n)
			}
		})
	}
	return nil
}

// reader gives what finds the place of a document of s. It may reuse p's keys.
func (h *first) reader(s *segment) func(doc int, p *place) {
	type of struct {
		c      *column
		values []uint32
	}
	cols := make([]of, len(h.keys))
	for i, k := range h.keys {
		if c := s.columns[k.field]; c != nil {
			cols[i] = of{c, c.values()}
		}
	}
	var scratch [8]byte
	return func(doc int, p *place) {
		p.seg, p.doc, p.ID = s, doc, s.id(doc)
		for i, k := range h.keys {
			p.Keys[i] = nil
			if k.field == event.Timestamp {
				p.Keys[i] = appendInt(scratch[:0], s.time(doc))
			} else if x := cols[i]; x.c != nil && x.values[doc] > 0 {
				p.Keys[i] = x.c.key(int(x.values[doc] - 1))
			}
		}
	}
}

// doc is a document as it was put.
func (s *segment) doc(doc int) (d findings.Doc, err error) {
	d = findings.Doc{ID: hex.EncodeToString(s.id(doc)), Time: time.Unix(0, s.time(doc)).UTC()}
	if c := s.columns[event.EventDataset]; c != nil {
		if i := c.of(doc); i >= 0 {
			d.Dataset = dataset(string(c.key(i)))
		}
	}
	d.Body, err = s.body(doc)
	return d, err
}

func parseCursor(s string, keys int) (*place, error) {
	p := &place{}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, p)
	}
	if err != nil || len(p.Keys) != keys || len(p.ID) != idSize {
		return nil, fmt.Errorf("the place to go on from is not one this query gave: %q", s)
	}
	return p, nil
}
