package proto

import (
	"cmp"
	"slices"
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
