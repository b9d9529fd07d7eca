package proto

import (
	"cmp"
	"slices"

	"saksi/event"
)

// eveTx numbers a transaction in EVE JSON, from 1.
type eveTx uint64

// Number implements EVE.
func (n eveTx) Number() uint64 { return uint64(n) }

// byNumber gives the transactions of a table in their order.
func byNumber[K comparable, T EVE](table map[K]T) []T {
	list := make([]T, 0, len(table))
	for _, t := range table {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(a.Number(), b.Number()) })
	return list
}

// maxEVEOpen bounds the transactions of a flow that are kept until their answer
// comes; further ones are told of at once.
const maxEVEOpen = 128

// tellEVE has the document of a transaction be a record of EVE JSON with all
// that Suricata tells of it, of event_type kind.
func tellEVE(e *event.Event, kind string, t EVE) {
	var m event.Members
	t.AppendEVE(&m)
	e.AddMembers(kind, &m)
	e.Int(event.SaksiEveTxID, int64(t.Number()-1))
}

// aboutFile has the record of a file in EVE JSON tell of the transaction that
// carried it.
func aboutFile(e *event.Event, t EVE) { tellEVE(e, "", t) }
