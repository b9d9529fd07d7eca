package evidence

import (
	"encoding/binary"
	"iter"
	"slices"
	"time"
)

// Entries are the entries of a custody log, packed, for a log may hold millions of
// them: what many say alike is kept once. A nil *Entries has none.
type Entries struct {
	blocks [][]byte
	at     []uint32 // where each begins: block and byte
	table  []string
	ids    map[string]uint64
}

// Bounds on what is kept once.
const (
	entryBlock  = 1 << 20 // bytes of a block; an entry fits into one
	maxTable    = 1 << 16 // strings
	maxInterned = 1 << 10 // bytes of one
)

// Pack packs entries.
func Pack(list []Entry) *Entries {
	l := &Entries{}
	for i := range list {
		l.add(&list[i])
	}
	return l
}

// Len is the number of entries.
func (l *Entries) Len() int64 {
	if l == nil {
		return 0
	}
	return int64(len(l.at))
}

// fields are the strings of an entry in their packed order but its act, its time
// and its detail.
func (e *Entry) fields() [10]*string {
	return [...]*string{&e.Who, &e.Exhibit, &e.SHA256, &e.SourceKey, &e.Where, &e.Why, &e.Authority, &e.From, &e.To, &e.Tool}
}

// add packs an entry behind the others: its act first, by which it is found.
func (l *Entries) add(e *Entry) {
	b := l.str(make([]byte, 0, 256), e.Act)
	b = binary.AppendVarint(b, e.Seq)
	if t, err := time.Parse(time.RFC3339Nano, e.Time); err == nil && t.Year() > 1800 && t.Year() < 2200 && time.Unix(0, t.UnixNano()).UTC().Format(time.RFC3339Nano) == e.Time {
		b = binary.AppendVarint(append(b, 1), t.UnixNano())
	} else {
		b = l.str(append(b, 0), e.Time)
	}
	for _, s := range e.fields() {
		b = l.str(b, *s)
	}
	if e.Detail == nil {
		b = append(b, 0)
	} else {
		b = binary.AppendUvarint(b, uint64(len(e.Detail))+1)
		for k, v := range e.Detail {
			b = l.str(l.str(b, k), v)
		}
	}
	n := len(l.blocks) - 1
	if n < 0 || len(l.blocks[n])+len(b) > cap(l.blocks[n]) {
		l.blocks, n = append(l.blocks, make([]byte, 0, max(len(b), min(entryBlock, 4096<<min(n+1, 8))))), n+1
	}
	l.at = append(l.at, uint32(n)<<20|uint32(len(l.blocks[n])))
	l.blocks[n] = append(l.blocks[n], b...)
}

// str packs a string: one that is kept once by its number.
func (l *Entries) str(b []byte, s string) []byte {
	id, ok := l.ids[s]
	if !ok && len(l.table) < maxTable && len(s) <= maxInterned {
		if l.ids == nil {
			l.ids = map[string]uint64{}
		}
		id, ok = uint64(len(l.table)), true
		l.table = append(l.table, s)
		l.ids[s] = id
	}
	if ok {
		return binary.AppendUvarint(b, id<<1|1)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))<<1), s...)
}

// unpack reads what str wrote.
func (l *Entries) unpack(b []byte) (string, []byte) {
	n, k := binary.Uvarint(b)
	if b = b[k:]; n&1 == 1 {
		return l.table[n>>1], b
	}
	return string(b[:n>>1]), b[n>>1:]
}

func (l *Entries) bytes(i int64) []byte { return l.blocks[l.at[i]>>20][l.at[i]&(1<<20-1):] }

// At is entry i, from 0.
func (l *Entries) At(i int64) Entry {
	var e Entry
	var n, k int
	b := l.bytes(i)
	e.Act, b = l.unpack(b)
	e.Seq, n = binary.Varint(b)
	if b = b[n:]; b[0] == 1 {
		ns, n := binary.Varint(b[1:])
		e.Time, b = time.Unix(0, ns).UTC().Format(time.RFC3339Nano), b[1+n:]
	} else {
		e.Time, b = l.unpack(b[1:])
	}
	for _, s := range e.fields() {
		*s, b = l.unpack(b)
	}
	pairs, k := binary.Uvarint(b)
	if b = b[k:]; pairs == 0 {
		return e
	}
	e.Detail = make(map[string]string, pairs-1)
	for range pairs - 1 {
		var key, value string
		key, b = l.unpack(b)
		value, b = l.unpack(b)
		e.Detail[key] = value
	}
	return e
}

// All are the entries with their numbers. Those of other acts are passed over
// when acts are named.
func (l *Entries) All(acts ...string) iter.Seq2[int64, *Entry] {
	return func(yield func(int64, *Entry) bool) {
		for i := range l.Len() {
			if len(acts) > 0 {
				if act, _ := l.unpack(l.bytes(i)); !slices.Contains(acts, act) {
					continue
				}
			}
			if e := l.At(i); !yield(i, &e) {
				return
			}
		}
	}
}

// List is all of them in memory.
func (l *Entries) List() []Entry {
	list := make([]Entry, 0, l.Len())
	for _, e := range l.All() {
		list = append(list, *e)
	}
	return list
}
