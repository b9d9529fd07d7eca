package elastic

import (
	"math"
	"net/netip"
	"strings"

	"saksi/event"
	"saksi/findings/query"
)

// translate gives a query in Elasticsearch's DSL that finds what n.Match
// finds. Limits that Elasticsearch sets: dates before 1970 are not indexed
// (date_nanos), nor are values longer than ignoreAbove; both stay in the
// document and in its words.
func translate(n *query.Node) object {
	switch n.Op {
	case query.All:
		return object{"match_all": object{}}
	case query.And:
		return object{"bool": object{"filter": all(n, query.And)}}
	case query.Or:
		return object{"bool": object{"should": all(n, query.Or), "minimum_should_match": 1}}
	case query.Not:
		return object{"bool": object{"must_not": []any{translate(n.Args[0])}}}
	case query.Exists:
		return object{"exists": object{"field": exactName(n.Field)}}
	case query.Wildcard:
		return object{"wildcard": object{exactName(n.Field): object{"value": n.Value}}}
	case query.Equal:
		return equal(n)
	case query.Range:
		return between(n)
	case query.Prefix:
		return object{"prefix": object{textField: object{"value": n.Tokens[0]}}}
	case query.Words:
		switch len(n.Tokens) {
		case 0:
			return object{"match_none": object{}}
		case 1:
			return object{"term": object{textField: object{"value": n.Tokens[0]}}}
		}
		return object{"match_phrase": object{textField: object{"query": strings.Join(n.Tokens, " ")}}}
	}
	return object{"match_none": object{}}
}

// all translates the arguments of n, and of those below it that do the same:
// Elasticsearch bounds how deep queries nest.
func all(n *query.Node, op query.Op) []any {
	var list []any
	for _, a := range n.Args {
		if a.Op == op {
			list = append(list, all(a, op)...)
			continue
		}
		list = append(list, translate(a))
	}
	return list
}

func term(field string, v any) object { return object{"term": object{field: object{"value": v}}} }

func equal(n *query.Node) object {
	name := exactName(n.Field)
	switch n.Field.Type() {
	case event.Keyword, event.Text:
		return term(name, n.Value)
	case event.Boolean:
		return term(name, n.Num != 0)
	case event.Float:
		return term(name, math.Float64frombits(uint64(n.Num)))
	case event.IP:
		if n.Net.IsSingleIP() && n.Net.Addr().Is4() {
			return term(name, n.Net.Addr().String())
		}
		t := term(name, n.Net.String())
		if n.Net.Addr().Is4() {
			return t
		}
		// Elasticsearch keeps IPv4 addresses as mapped ones, and would find
		// them in a network of IPv6.
		return object{"bool": object{"filter": []any{t}, "must_not": []any{term(name, "0.0.0.0/0")}}}
	}
	return term(name, n.Num)
}

func between(n *query.Node) object {
	r := object{}
	if b := n.Lo; b != nil {
		op := "gt"
		if b.Incl {
			op = "gte"
		}
		r[op] = boundOf(n.Field, b)
	}
	if b := n.Hi; b != nil {
		if n.Field.Type() == event.Date && b.Num < 0 {
			return object{"match_none": object{}}
		}
		op := "lt"
		if b.Incl {
			op = "lte"
		}
		r[op] = boundOf(n.Field, b)
	}
	return object{"range": object{exactName(n.Field): r}}
}

func boundOf(f event.Field, b *query.Bound) any {
	switch f.Type() {
	case event.Keyword, event.Text:
		return b.Value
	case event.IP:
		return netip.AddrFrom16(b.Addr.As16()).Unmap().String()
	case event.Float:
		return b.Float
	case event.Date:
		return string(event.AppendTime(nil, max(b.Num, 0)))
	}
	return b.Num
}
