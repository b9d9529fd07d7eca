package local

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// where is a query as SQL. When exact is false the SQL lets through more than
// the query means, and Match decides.
type where struct {
	sql   string
	args  []any
	exact bool
}

func (w *where) and(o where) {
	w.sql = "(" + w.sql + " AND " + o.sql + ")"
	w.args = append(w.args, o.args...)
	w.exact = w.exact && o.exact
}

// translate turns a query into SQL. negated: the SQL must let through no less
// than "not n", so an inexact part becomes "anything".
func translate(n *query.Node) where {
	anything := where{sql: "1", exact: false}
	switch n.Op {
	case query.All:
		return where{sql: "1", exact: true}
	case query.And, query.Or:
		w := where{exact: true}
		var parts []string
		for _, a := range n.Args {
			p := translate(a)
			parts = append(parts, p.sql)
			w.args = append(w.args, p.args...)
			w.exact = w.exact && p.exact
		}
		op := " AND "
		if n.Op == query.Or {
			op = " OR "
		}
		w.sql = "(" + strings.Join(parts, op) + ")"
		return w
	case query.Not:
		p := translate(n.Args[0])
		if !p.exact {
			return anything
		}
		return where{sql: "NOT coalesce(" + p.sql + ",0)", args: p.args, exact: true}
	case query.Words, query.Prefix:
		if len(n.Tokens) == 0 {
			return where{sql: "0", exact: true}
		}
		m := "text:\"" + strings.Join(n.Tokens, " ") + "\""
		if n.Op == query.Prefix {
			m += "*"
		}
		return match(m)
	}
	f := n.Field
	if f == event.EventID && n.Op == query.Equal {
		raw, err := hex.DecodeString(n.Value)
		if err != nil {
			return where{sql: "0", exact: true}
		}
		return where{sql: "id=?", args: []any{raw}, exact: true}
	}
	if f == event.EventID {
		// Every document has one: an existence holds, patterns are decided by Match.
		return where{sql: "1", exact: n.Op == query.Exists}
	}
	if f == event.Timestamp {
		return translateColumn(n, "ts")
	}
	if hasColumn[f] {
		return translateColumn(n, column(f))
	}
	switch n.Op {
	case query.Exists:
		return match("terms:" + fieldToken(f))
	case query.Equal:
		if f.Type() == event.IP && !n.Net.IsSingleIP() {
			return inexact(match("terms:" + fieldToken(f)))
		}
		w := match("terms:" + termToken(f, equalText(n)))
		// The token is a hash; a non-array field's overwritten values are in it
		// only through Parse, which keeps one.
		return w
	case query.Wildcard, query.Range:
		return inexact(match("terms:" + fieldToken(f)))
	}
	return anything
}

func inexact(w where) where {
	w.exact = false
	return w
}

func match(expr string) where {
	return where{sql: "row IN (SELECT rowid FROM fts WHERE fts MATCH ?)", args: []any{expr}, exact: true}
}

// equalText is the text form of the value an equality asks for.
func equalText(n *query.Node) string {
	switch n.Field.Type() {
	case event.Keyword, event.Text:
		return n.Value
	case event.IP:
		return n.Net.Addr().String()
	}
	var e event.Event
	if err := e.SetText(n.Field, n.Value); err != nil {
		return n.Value
	}
	for v := range e.All() {
		return string(v.AppendText(nil))
	}
	return n.Value
}

func translateColumn(n *query.Node, c string) where {
	f := n.Field
	present := where{sql: c + " IS NOT NULL", exact: true}
	if n.Op == query.Exists {
		return present
	}
	if f.IsArray() {
		if n.Op == query.Equal && (f.Type() == event.Keyword || f.Type() == event.Text) && !strings.Contains(n.Value, sep) {
			return where{sql: "instr(" + c + ",?)>0", args: []any{sep + n.Value + sep}, exact: true}
		}
		return inexact(present)
	}
	switch n.Op {
	case query.Equal:
		switch f.Type() {
		case event.Keyword, event.Text:
			return where{sql: c + "=?", args: []any{n.Value}, exact: true}
		case event.IP:
			lo, hi := netRange(n.Net)
			return where{sql: c + " BETWEEN ? AND ?", args: []any{lo, hi}, exact: true}
		case event.Float:
			return inexact(present)
		}
		return where{sql: c + "=?", args: []any{n.Num}, exact: true}
	case query.Wildcard:
		return where{sql: c + " GLOB ?", args: []any{globOf(n.Value)}, exact: true}
	case query.Range:
		w := present
		for _, e := range []struct {
			b       *query.Bound
			op, inc string
		}{{n.Lo, ">", ">="}, {n.Hi, "<", "<="}} {
			if e.b == nil {
				continue
			}
			op := e.op
			if e.b.Incl {
				op = e.inc
			}
			w.and(where{sql: c + op + "?", args: []any{boundValue(f, e.b)}, exact: true})
		}
		return w
	}
	return inexact(present)
}

func boundValue(f event.Field, b *query.Bound) any {
	switch f.Type() {
	case event.Keyword, event.Text:
		return b.Value
	case event.IP:
		a := b.Addr.As16()
		return a[:]
	case event.Float:
		return b.Float
	}
	return b.Num
}

// netRange is the first and last address of a network, 16 bytes each. An IPv4
// network lies in the mapped range.
func netRange(p netip.Prefix) (lo, hi []byte) {
	a := p.Masked().Addr()
	bits := p.Bits()
	if a.Is4() {
		bits += 96
	}
	first := a.As16()
	last := first
	for i := bits; i < 128; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return first[:], last[:]
}

// globOf writes a pattern of ours in SQLite's GLOB, where [x] quotes x.
func globOf(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		escaped := c == '\\' && i+1 < len(pattern)
		if escaped {
			i++
			c = pattern[i]
		}
		if c == '[' || escaped && (c == '*' || c == '?') {
			b.WriteString("[" + string(c) + "]")
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// cursor is Page.Next: the sort values and the id of the last document.
type cursor struct {
	Values []any  `json:"v"`
	ID     []byte `json:"id"`
}

type sortKey struct {
	column string
	desc   bool
}

func sortKeys(list []findings.Sort) ([]sortKey, error) {
	if len(list) == 0 {
		return []sortKey{{"ts", true}}, nil
	}
	var keys []sortKey
	for _, s := range list {
		f, ok := event.Lookup(s.Field)
		if !ok || f != event.Timestamp && !hasColumn[f] || f.IsArray() || f.Type() == event.Float {
			return nil, fmt.Errorf("sorting by %s: %w; expected one of %s", s.Field, findings.ErrSort, strings.Join(Sortable(), ", "))
		}
		keys = append(keys, sortKey{column(f), s.Desc})
	}
	return keys, nil
}

// Sortable lists the fields one can sort by.
func Sortable() []string {
	list := []string{event.Timestamp.Name()}
	for _, f := range columns {
		if !f.IsArray() {
			list = append(list, f.Name())
		}
	}
	sort.Strings(list)
	return list
}

// after restricts to what follows the cursor; absent values come last.
func after(keys []sortKey, c cursor) where {
	type step struct{ expr, op string }
	var steps []step
	var vals []any
	for i, k := range keys {
		steps = append(steps, step{"(" + k.column + " IS NULL)", ">"})
		null := 0
		if c.Values[i] == nil {
			null = 1
		}
		op := ">"
		if k.desc {
			op = "<"
		}
		steps = append(steps, step{k.column, op})
		vals = append(vals, null, c.Values[i])
	}
	steps = append(steps, step{"id", ">"})
	vals = append(vals, c.ID)
	w := where{exact: true}
	var alts []string
	for i := range steps {
		var terms []string
		for j := range i {
			terms = append(terms, steps[j].expr+" IS ?")
			w.args = append(w.args, vals[j])
		}
		terms = append(terms, steps[i].expr+steps[i].op+"?")
		w.args = append(w.args, vals[i])
		alts = append(alts, "("+strings.Join(terms, " AND ")+")")
	}
	w.sql = "(" + strings.Join(alts, " OR ") + ")"
	return w
}

const maxPage = 10_000

// Search answers one page.
func (ix *Index) Search(ctx context.Context, r findings.Request) (findings.Page, error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	var page findings.Page
	if ix.db == nil {
		return page, errClosed
	}
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
	w := translate(n)
	if page.Total, err = ix.count(ctx, n, w); err != nil {
		return page, err
	}
	sel := w
	if r.After != "" {
		c, err := parseCursor(r.After, len(keys))
		if err != nil {
			return page, err
		}
		sel.args = append([]any(nil), w.args...)
		sel.and(after(keys, c))
	}
	var order, cols strings.Builder
	for _, k := range keys {
		dir := ""
		if k.desc {
			dir = " DESC"
		}
		if k.column != "ts" {
			fmt.Fprintf(&order, "(%s IS NULL), ", k.column)
		}
		fmt.Fprintf(&order, "%s%s, ", k.column, dir)
		cols.WriteString(", " + k.column)
	}
	sqlText := "SELECT id,dataset,ts,src" + cols.String() + " FROM doc WHERE " + sel.sql + " ORDER BY " + order.String() + "id"
	if w.exact {
		sqlText += fmt.Sprintf(" LIMIT %d", r.Size+1)
	}
	var last cursor
	err = ix.scan(ctx, sqlText, sel.args, len(keys), func(id []byte, d findings.Doc, vals []any) (bool, error) {
		if !w.exact {
			ok, err := matchBody(n, d.Body)
			if err != nil || !ok {
				return true, err
			}
		}
		if len(page.Docs) == r.Size {
			b, err := json.Marshal(last)
			page.Next = base64.RawURLEncoding.EncodeToString(b)
			return false, err
		}
		page.Docs = append(page.Docs, d)
		last = cursor{Values: vals, ID: id}
		return true, nil
	})
	return page, err
}

func parseCursor(s string, keys int) (cursor, error) {
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber()
		err = d.Decode(&c)
	}
	if err != nil || len(c.Values) != keys || len(c.ID) != 32 {
		return c, fmt.Errorf("the place to go on from is not one this query gave: %q", s)
	}
	for i, v := range c.Values {
		switch x := v.(type) {
		case json.Number:
			if c.Values[i], err = x.Int64(); err != nil {
				return c, fmt.Errorf("the place to go on from: %w", err)
			}
		case map[string]any: // an address: its bytes
			s, _ := x["b"].(string)
			if c.Values[i], err = base64.StdEncoding.DecodeString(s); err != nil {
				return c, fmt.Errorf("the place to go on from: %w", err)
			}
		}
	}
	return c, nil
}

func matchBody(n *query.Node, body []byte) (bool, error) {
	e, err := event.Parse(body)
	if err != nil {
		return false, err
	}
	return n.Match(e), nil
}

// scan runs a SELECT of id, dataset, ts, src and extra columns and calls f for
// each row until it returns false.
func (ix *Index) scan(ctx context.Context, sqlText string, args []any, extra int, f func(id []byte, d findings.Doc, vals []any) (bool, error)) error {
	rows, err := ix.db.QueryContext(ctx, sqlText, args...)
	if err != nil {
		return ix.wrap("searching the index", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, src []byte
		var d findings.Doc
		var ns int64
		vals := make([]any, extra)
		dest := []any{&id, &d.Dataset, &ns, &src}
		for i := range vals {
			dest = append(dest, &vals[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return ix.wrap("searching the index", err)
		}
		for i, v := range vals {
			if b, ok := v.([]byte); ok {
				vals[i] = map[string]any{"b": b}
			}
		}
		d.ID = hex.EncodeToString(id)
		d.Time = time.Unix(0, ns).UTC()
		if d.Body, err = ix.body(id, src); err != nil {
			return err
		}
		more, err := f(id, d, vals)
		if err != nil || !more {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return ix.wrap("searching the index", err)
	}
	return nil
}

func (ix *Index) count(ctx context.Context, n *query.Node, w where) (int64, error) {
	var total int64
	if w.exact {
		err := ix.db.QueryRowContext(ctx, "SELECT count(*) FROM doc WHERE "+w.sql, w.args...).Scan(&total)
		if err != nil {
			return 0, ix.wrap("searching the index", err)
		}
		return total, nil
	}
	err := ix.matching(ctx, n, w, func(*event.Event) { total++ })
	return total, err
}

// matching calls f for every document the query means.
func (ix *Index) matching(ctx context.Context, n *query.Node, w where, f func(*event.Event)) error {
	return ix.scan(ctx, "SELECT id,dataset,ts,src FROM doc WHERE "+w.sql, w.args, 0, func(_ []byte, d findings.Doc, _ []any) (bool, error) {
		e, err := event.Parse(d.Body)
		if err == nil && (w.exact || n.Match(e)) {
			f(e)
		}
		return true, err
	})
}

// Terms counts documents by the values of a field.
func (ix *Index) Terms(ctx context.Context, q, field string, size int) ([]findings.Bucket, error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.db == nil {
		return nil, errClosed
	}
	f, err := findings.TermsField(field)
	if err != nil {
		return nil, err
	}
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	w := translate(n)
	counts := map[string]int64{}
	switch {
	case w.exact && hasColumn[f] && f.Type() == event.IP && !f.IsArray():
		err = ix.group(ctx, "SELECT "+column(f)+",count(*) FROM doc WHERE "+w.sql+" AND "+column(f)+" IS NOT NULL GROUP BY 1", w.args, func(key string, c int64) {
			if a, ok := netip.AddrFromSlice([]byte(key)); ok {
				counts[a.Unmap().String()] += c
			}
		})
	case w.exact && hasColumn[f] && (f.Type() == event.Keyword || f.Type() == event.Long):
		err = ix.group(ctx, "SELECT "+column(f)+",count(*) FROM doc WHERE "+w.sql+" AND "+column(f)+" IS NOT NULL GROUP BY 1", w.args, func(key string, c int64) {
			if !f.IsArray() {
				counts[key] += c
				return
			}
			seen := map[string]bool{}
			for v := range strings.SplitSeq(strings.Trim(key, sep), sep) {
				if !seen[v] {
					seen[v] = true
					counts[v] += c
				}
			}
		})
	default:
		err = ix.matching(ctx, n, w, func(e *event.Event) {
			seen := map[string]bool{}
			for v := range e.Values(f) {
				if k := string(v.AppendText(nil)); !seen[k] {
					seen[k] = true
					counts[k]++
				}
			}
		})
	}
	if err != nil {
		return nil, err
	}
	return findings.TopBuckets(counts, size), nil
}

func (ix *Index) group(ctx context.Context, sqlText string, args []any, f func(key string, count int64)) error {
	rows, err := ix.db.QueryContext(ctx, sqlText, args...)
	if err != nil {
		return ix.wrap("searching the index", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key sql.NullString
		var n int64
		if err := rows.Scan(&key, &n); err != nil {
			return ix.wrap("searching the index", err)
		}
		f(key.String, n)
	}
	if err := rows.Err(); err != nil {
		return ix.wrap("searching the index", err)
	}
	return nil
}

// Histogram counts documents by intervals of @timestamp, which start at
// multiples of every since 1970.
func (ix *Index) Histogram(ctx context.Context, q string, every time.Duration) ([]findings.Bucket, error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.db == nil {
		return nil, errClosed
	}
	if every < time.Millisecond {
		return nil, fmt.Errorf("a histogram by %s: the interval is at least a millisecond", every)
	}
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	w := translate(n)
	counts := map[int64]int64{}
	step := int64(every)
	if w.exact {
		// Rounds down for times before 1970 too.
		expr := fmt.Sprintf("((ts/%[1]d) - (ts%%%[1]d<0))*%[1]d", step)
		err = ix.group(ctx, "SELECT "+expr+",count(*) FROM doc WHERE "+w.sql+" GROUP BY 1", w.args, func(key string, c int64) {
			var ns int64
			if _, err := fmt.Sscan(key, &ns); err == nil {
				counts[ns] += c
			}
		})
	} else {
		err = ix.matching(ctx, n, w, func(e *event.Event) {
			ns, _ := e.GetTime(event.Timestamp)
			m := ns % step
			if m < 0 {
				m += step
			}
			counts[ns-m]++
		})
	}
	if err != nil {
		return nil, err
	}
	return findings.TimeBuckets(counts), nil
}
