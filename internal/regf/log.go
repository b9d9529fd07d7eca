package regf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// Log is a transaction log that lies beside a hive.
type Log struct {
	Name string // its ending, as problems tell it
	R    io.ReaderAt
	Size int64
}

const (
	maxLog   = 128 << 20 // bytes of a log that are read
	logPage  = 512       // bytes a bit of patched stands for
	oldLog   = 1         // file types of a log's header
	newLog   = 6
	hashSeed = 14219357686671994754 // of the hashes of an entry
)

// entry is a transaction of a log of the new form.
type entry struct {
	log      string
	sequence uint32
	size     uint32 // of the hive's bins
	pages    []dirtyPage
}

type dirtyPage struct {
	off uint32
	b   []byte
}

// journal is what the logs of a dirty hive hold.
type journal struct {
	entries []entry
	old     *oldPages
	head    []byte // the newest header of a log whose checksum is right
}

// oldPages are those of a log of the old form.
type oldPages struct {
	log   string
	bins  uint32
	pages []dirtyPage
}

// headerSum is the checksum of a header.
func headerSum(head []byte) (sum uint32) {
	for i := 0; i < 508; i += 4 {
		sum ^= le32(head, i)
	}
	switch sum {
	case 0:
		return 1
	case 0xffffffff:
		return 0xfffffffe
	}
	return sum
}

// HeaderFits reports whether the checksum of a header, of at least 512 bytes, is right.
func HeaderFits(head []byte) bool { return headerSum(head) == le32(head, 508) }

// readLogs reads the logs of a hive; what of them can't be used is told.
func readLogs(logs []Log, head []byte, problem func(string)) *journal {
	j := &journal{}
	whole := HeaderFits(head)
	for _, l := range logs {
		if l.Size < 2*logPage {
			continue
		}
		if l.Size > maxLog {
			problem(fmt.Sprintf("the transaction log %s has %d bytes; %d are read", l.Name, l.Size, maxLog))
			l.Size = maxLog
		}
		b := make([]byte, l.Size)
		if n, err := l.R.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			problem(fmt.Sprintf("the transaction log %s could be read to its byte %d: %v", l.Name, n, err))
			if b = b[:n]; n < 2*logPage {
				continue
			}
		}
		if string(b[:4]) != Magic || !HeaderFits(b) {
			problem(fmt.Sprintf("the transaction log %s has no header that is right; it is not used", l.Name))
			continue
		}
		if j.head == nil || int64(le64(b, 12)) > int64(le64(j.head, 12)) {
			j.head = b[:logPage]
		}
		switch le32(b, 28) {
		case newLog:
			j.entries = append(j.entries, newEntries(l.Name, b, problem)...)
		case oldLog, 2:
			if le32(b, 4) != le32(b, 8) || whole && le64(b, 12) != le64(head, 12) {
				problem(fmt.Sprintf("the transaction log %s is not the hive's last; it is not used", l.Name))
				continue
			}
			if o := oldEntry(l.Name, b, problem); o != nil {
				j.old = o
			}
		default:
			problem(fmt.Sprintf("the transaction log %s is of type %d, which is not known", l.Name, le32(b, 28)))
		}
	}
	slices.SortStableFunc(j.entries, func(a, b entry) int { return int(int32(a.sequence - b.sequence)) })
	return j
}

// newEntries reads transactions until the first that is none.
func newEntries(log string, b []byte, problem func(string)) (list []entry) {
	for at := logPage; at+40 <= len(b) && string(b[at:at+4]) == "HvLE"; {
		size, n := int(le32(b, at+4)), int(le32(b, at+20))
		if size < 40 || size%logPage != 0 || at+size > len(b) || n > (size-40)/8 {
			problem(fmt.Sprintf("the transaction log %s has at byte %d an entry of %d bytes that does not fit; what follows is not used", log, at, size))
			break
		}
		e := b[at : at+size]
		if marvin(e[:32]) != le64(e, 32) || marvin(e[40:]) != le64(e, 24) {
			problem(fmt.Sprintf("the transaction log %s has at byte %d an entry whose hashes are wrong; what follows is not used", log, at))
			break
		}
		x := entry{log: log, sequence: le32(e, 12), size: le32(e, 16)}
		data := 40 + 8*n
		for i := range n {
			off, length := le32(e, 40+8*i), int(le32(e, 44+8*i))
			if length > len(e)-data {
				problem(fmt.Sprintf("the transaction log %s has at byte %d an entry with a page that does not fit", log, at))
				break
			}
			x.pages = append(x.pages, dirtyPage{off, e[data : data+length]})
			data += length
		}
		list = append(list, x)
		at += size
	}
	return list
}

// oldEntry reads the bits that say which pages are dirty, and the pages.
func oldEntry(log string, b []byte, problem func(string)) *oldPages {
	bins := le32(b, 40)
	length := int(bins / logPage / 8)
	if string(b[logPage:logPage+4]) != "DIRT" || bins > maxHive || logPage+4+length > len(b) {
		problem(fmt.Sprintf("the transaction log %s has at byte %d no list of dirty pages", log, logPage))
		return nil
	}
	o := &oldPages{log: log, bins: bins}
	at := (logPage + 4 + length + logPage - 1) / logPage * logPage
	for i := range length * 8 {
		if b[logPage+4+i/8]>>(i%8)&1 == 0 {
			continue
		}
		if at+logPage > len(b) {
			problem(fmt.Sprintf("the transaction log %s ends at byte %d, before its last dirty page; it is used as far as it goes", log, len(b)))
			break
		}
		o.pages = append(o.pages, dirtyPage{uint32(i * logPage), b[at : at+logPage]})
		at += logPage
	}
	return o
}

// replay puts what the logs hold over the hive in memory, and tells what it did.
func (h *hive) replay(j *journal, sequence uint32, problem func(string)) (applied []string) {
	next, begun := sequence, false
	for _, e := range j.entries {
		switch {
		case int32(e.sequence-sequence) < 0:
			continue // it is in the hive already
		case begun && e.sequence == next-1:
			continue // both logs hold it
		case begun && e.sequence != next:
			problem(fmt.Sprintf("transaction %d is missing from the logs; those from %d on are not replayed", next, e.sequence))
			return applied
		case !begun && e.sequence > sequence+1:
			problem(fmt.Sprintf("the first transaction of the logs is %d, the hive stopped at %d; it is replayed all the same", e.sequence, sequence))
		}
		begun, next = true, e.sequence+1
		h.grow(e.size)
		for _, p := range e.pages {
			h.patch(p)
		}
		applied = append(applied, fmt.Sprintf("transaction %d of %s", e.sequence, e.log))
	}
	if !begun && j.old != nil {
		h.grow(j.old.bins)
		for _, p := range j.old.pages {
			h.patch(p)
		}
		applied = append(applied, fmt.Sprintf("%d pages of %s", len(j.old.pages), j.old.log))
	}
	return applied
}

// grow makes the bins as large as a log says.
func (h *hive) grow(size uint32) {
	if size <= maxHive && int64(size) > int64(len(h.b)) && int(size)-len(h.b) <= maxLog {
		h.b = append(h.b, make([]byte, int(size)-len(h.b))...)
	}
}

func (h *hive) patch(p dirtyPage) {
	if int64(p.off)+int64(len(p.b)) > int64(len(h.b)) {
		h.bad(p.off, "a page of the transaction log lies beyond the hive")
		return
	}
	copy(h.b[p.off:], p.b)
	if h.patched == nil {
		h.patched = map[uint32]bool{}
	}
	for at := p.off / logPage; at <= (p.off+uint32(max(len(p.b), 1))-1)/logPage; at++ {
		h.patched[at] = true
	}
}

// logged reports whether any byte from off on is of a log.
func (h *hive) logged(off uint32, n int) bool {
	if h.patched == nil {
		return false
	}
	for at := off / logPage; at <= (off+uint32(max(n, 1))-1)/logPage; at++ {
		if h.patched[at] {
			return true
		}
	}
	return false
}

// marvin is the Marvin32 hash with the seed of transaction logs.
func marvin(b []byte) uint64 { return marvin32(hashSeed, b) }

func marvin32(seed uint64, b []byte) uint64 {
	lo, hi := uint32(seed), uint32(seed>>32)
	mix := func(w uint32) {
		lo += w
		hi ^= lo
		lo = bits.RotateLeft32(lo, 20) + hi
		hi = bits.RotateLeft32(hi, 9) ^ lo
		lo = bits.RotateLeft32(lo, 27) + hi
		hi = bits.RotateLeft32(hi, 19)
	}
	for ; len(b) >= 4; b = b[4:] {
		mix(binary.LittleEndian.Uint32(b))
	}
	last := uint32(0x80)
	for i := len(b) - 1; i >= 0; i-- {
		last = last<<8 | uint32(b[i])
	}
	mix(last)
	mix(0)
	return uint64(hi)<<32 | uint64(lo)
}
