// Package regf reads registry hives of Windows NT: keys and values, live and
// those that were deleted and not yet overwritten. Read is its one entry. It
// believes no offset and no count: a hive that loops, overlaps or lies costs what
// is wrong with it and no more.
//
// The format is that of M. Suhanov, Windows registry file format specification.
package regf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
)

// Magic begins a hive.
const Magic = "regf"

// Bounds on what is read of a hive.
const (
	baseSize  = 4096      // the header; offsets count from its end
	maxHive   = 512 << 20 // bytes of hive bins
	maxData   = 1 << 20   // bytes of one value kept
	maxValues = 1 << 16   // values of a key
	maxKeys   = 8 << 20   // keys of a hive
	maxDepth  = 512       // keys below one another, as Windows bounds them
	segment   = 16344     // bytes of a segment of big data
)

// Hive is what the header says.
type Hive struct {
	Written int64  // FILETIME
	Name    string // last part of the path it was loaded from
	Version string // of the format
	// Dirty says that the hive was not written to its end: transaction logs hold
	// the rest.
	Dirty bool
	// Replayed are the transactions of the logs beside it that were put over it in
	// memory.
	Replayed []string
}

// Key is one key with its values.
type Key struct {
	Offset  int64  // of its cell in the file
	Path    string // from the root, parts between backslashes, without the root's name
	Name    string
	Class   string
	Written int64 // FILETIME
	Deleted bool  // found in free space
	Logged  bool  // its cell is, at least in part, of a transaction log
	Values  []Value
}

// Value is one value.
type Value struct {
	Offset    int64 // of its cell in the file
	Name      string
	Type      uint32
	Data      []byte
	Truncated bool // Data is not all of it
	Logged    bool // it or its data is, at least in part, of a transaction log
}

// ErrForm is returned for a file that is no hive.
var ErrForm = errors.New("not a registry hive")

type hive struct {
	b       []byte // hive bins
	key     func(*Key) error
	problem func(offset int64, text string)
	seen    map[uint32]bool // keys by their offset
	patched map[uint32]bool // pieces of logPage bytes that are of a log
	// What may still be read: an honest hive has room for each element of a list
	// and for each byte of data once.
	elements, bytes int
	spent           bool
}

// Read gives every key of a hive, a key before those below it, then the deleted
// ones; valid until key returns. What can't be read is told to problem with its
// offset in the file. Of a hive that was not written to its end, what logs hold is
// put over it in memory. The error is key's, the reader's or ErrForm.
func Read(r io.ReaderAt, size int64, logs []Log, key func(*Key) error, problem func(offset int64, text string)) (Hive, error) {
	head := make([]byte, baseSize)
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return Hive{}, fmt.Errorf("reading the hive's header: %w", err)
	}
	if string(head[:4]) != Magic {
		return Hive{}, ErrForm
	}
	sum := headerSum(head)
	wrong := sum != le32(head, 508)
	if wrong {
		problem(508, fmt.Sprintf("the header's checksum is %08x; it says %08x", sum, le32(head, 508)))
	}
	info := Hive{Dirty: le32(head, 4) != le32(head, 8)}
	sequence := le32(head, 4)
	var j *journal
	if info.Dirty || wrong {
		if j = readLogs(logs, head, func(text string) { problem(4, text) }); wrong && j.head != nil {
			problem(508, "the header of its transaction log is taken")
			copy(head, j.head)
			sequence, info.Dirty = le32(head, 4), true
		}
	}
	info.Written, info.Name = int64(le64(head, 12)), utf16Text(head[48:112])
	info.Version = fmt.Sprintf("%d.%d", le32(head, 20), le32(head, 24))
	n := int64(le32(head, 40))
	if n > maxHive {
		problem(40, fmt.Sprintf("the hive says it has %d bytes; at most %d are read", n, maxHive))
		n = maxHive
	}
	if there := max(size-baseSize, 0); n > there {
		problem(40, fmt.Sprintf("the hive says it has %d bytes; %d are there", n, there))
		n = there
	}
	h := &hive{b: make([]byte, n), key: key, problem: problem, seen: map[uint32]bool{}}
	h.elements, h.bytes = len(h.b)/4, 2*len(h.b)
	if got, err := r.ReadAt(h.b, baseSize); err != nil && (err != io.EOF || int64(got) < n) {
		return info, fmt.Errorf("reading the hive: %w", err)
	}
	if info.Dirty {
		if info.Replayed = h.replay(j, sequence, func(text string) { problem(4, text) }); len(info.Replayed) == 0 {
			problem(4, "the hive was not written to its end, and no transaction log beside it holds what is missing")
		}
		h.elements, h.bytes = len(h.b)/4, 2*len(h.b)
	}
	if err := h.walk(le32(head, 36), "", 0); err != nil {
		return info, err
	}
	return info, h.deleted()
}

func le16(b []byte, i int) uint16 { return binary.LittleEndian.Uint16(b[i:]) }
func le32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
func le64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// cell is the content of the cell at an offset from the first hive bin; nil
// when there is none.
func (h *hive) cell(off uint32) []byte {
	if off == 0xffffffff || int64(off)+4 > int64(len(h.b)) {
		return nil
	}
	size := int64(int32(le32(h.b, int(off))))
	if size < 0 {
		size = -size
	}
	if size < 8 || int64(off)+size > int64(len(h.b)) {
		return nil
	}
	return h.b[off+4 : int64(off)+size]
}

func (h *hive) bad(off uint32, format string, args ...any) {
	h.problem(baseSize+int64(off), fmt.Sprintf(format, args...))
}

// take reports whether one more element of a list may be read.
func (h *hive) take(off uint32) bool {
	if h.elements--; h.elements >= 0 && h.bytes >= 0 {
		return true
	}
	if !h.spent {
		h.bad(off, "lists or data of the hive overlap many times over; what follows is not read")
		h.spent = true
	}
	return false
}

// walk gives a key and all below it.
func (h *hive) walk(off uint32, path string, depth int) error {
	if depth > maxDepth {
		h.bad(off, "keys lie more than %d deep; those below %s are not read", maxDepth, path)
		return nil
	}
	if h.seen[off] {
		h.bad(off, "a key below %q was read already: the hive loops", path)
		return nil
	}
	if len(h.seen) == maxKeys {
		h.bad(off, "the hive has more than %d keys; the rest is not read", maxKeys)
		return nil
	}
	h.seen[off] = true
	c := h.cell(off)
	k, ok := h.node(c, off)
	if !ok {
		h.bad(off, "no key stands where one below %q should", path)
		return nil
	}
	if depth > 0 {
		k.Path = path + `\` + k.Name
	}
	h.values(k, c)
	if err := h.key(k); err != nil {
		return err
	}
	return h.subkeys(le32(c, 28), k.Path, depth, int(le32(c, 20)), 0)
}

// node reads a key's own cell.
func (h *hive) node(c []byte, off uint32) (*Key, bool) {
	if len(c) < 76 || string(c[:2]) != "nk" || 76+int(le16(c, 72)) > len(c) {
		return nil, false
	}
	k := &Key{Offset: baseSize + int64(off), Written: int64(le64(c, 4)), Name: text(c[76:76+int(le16(c, 72))], le16(c, 2)&0x20 != 0)}
	k.Logged = h.logged(off, 80+int(le16(c, 72)))
	if n := int(le16(c, 74)); n > 0 {
		if b := h.cell(le32(c, 48)); n <= len(b) {
			k.Class = utf16Text(b[:n])
		}
	}
	return k, true
}

// subkeys walks a list of keys, which may be a list of lists once.
func (h *hive) subkeys(off uint32, path string, depth, want, level int) error {
	if want == 0 || off == 0xffffffff {
		return nil
	}
	c := h.cell(off)
	if len(c) < 4 {
		h.bad(off, "the list of the %d keys below %q is missing", want, path)
		return nil
	}
	n, step := int(le16(c, 2)), 4
	switch string(c[:2]) {
	case "lf", "lh":
		step = 8
	case "li":
	case "ri":
		if level > 0 {
			h.bad(off, "a list of lists of keys below %q holds another", path)
			return nil
		}
	default:
		h.bad(off, "the list of the %d keys below %q is none (%q)", want, path, c[:2])
		return nil
	}
	if fits := (len(c) - 4) / step; n > fits {
		h.bad(off, "the list of keys below %q says %d; %d fit in it", path, n, fits)
		n = fits
	}
	for i := range n {
		if !h.take(off) {
			return nil
		}
		next := le32(c, 4+i*step)
		var err error
		if string(c[:2]) == "ri" {
			err = h.subkeys(next, path, depth, want, level+1)
		} else {
			err = h.walk(next, path, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// values reads the values of a key.
func (h *hive) values(k *Key, c []byte) {
	n := le32(c, 36)
	if n == 0 || n == 0xffffffff {
		return
	}
	list := h.cell(le32(c, 40))
	if fits := uint32(len(list) / 4); n > fits || n > maxValues {
		h.problem(k.Offset, fmt.Sprintf("key %q says it has %d values; %d are listed", k.Path, n, min(fits, maxValues)))
		n = min(n, fits, maxValues)
	}
	for i := range int(n) {
		off := le32(list, 4*i)
		if !h.take(off) {
			return
		}
		v, ok := h.value(off)
		h.bytes -= len(v.Data)
		if !ok {
			h.bad(off, "no value stands where value %d of %q should", i, k.Path)
			continue
		}
		k.Values = append(k.Values, v)
	}
}

func (h *hive) value(off uint32) (Value, bool) {
	c := h.cell(off)
	if len(c) < 20 || string(c[:2]) != "vk" || 20+int(le16(c, 2)) > len(c) {
		return Value{}, false
	}
	v := Value{Offset: baseSize + int64(off), Type: le32(c, 12), Name: text(c[20:20+int(le16(c, 2))], le16(c, 16)&1 != 0)}
	v.Logged = h.logged(off, 24+int(le16(c, 2)))
	size := le32(c, 4)
	if size&0x80000000 != 0 {
		v.Data = c[8 : 8+min(size&0x7fffffff, 4)]
		return v, true
	}
	var logged bool
	v.Data, v.Truncated, logged = h.data(le32(c, 8), int(size))
	v.Logged = v.Logged || logged
	return v, true
}

// data reads the data of a value, which may lie in segments.
func (h *hive) data(off uint32, size int) (b []byte, cut, logged bool) {
	c := h.cell(off)
	switch {
	case size == 0:
		return nil, false, false
	case size > segment && len(c) >= 8 && string(c[:2]) == "db":
		list := h.cell(le32(c, 4))
		for i := 0; i < int(le16(c, 2)) && 4*i+4 <= len(list) && len(b) < min(size, maxData); i++ {
			s := h.cell(le32(list, 4*i))
			logged = logged || len(s) > 0 && h.logged(le32(list, 4*i), 4+min(len(s), size-len(b)))
			b = append(b, s[:min(len(s), segment, size-len(b))]...)
		}
	case size > len(c):
		return c, true, len(c) > 0 && h.logged(off, 4+len(c))
	default:
		b, logged = c[:size], h.logged(off, 4+size)
	}
	return b[:min(len(b), maxData)], len(b) < size || size > maxData, logged
}

// deleted looks for keys in the cells that are free.
func (h *hive) deleted() error {
	for bin := 0; bin+32 <= len(h.b); {
		if string(h.b[bin:bin+4]) != "hbin" {
			h.bad(uint32(bin), "no bin of the hive begins here; deleted keys in it are not looked for")
			for bin += 4096; bin+32 <= len(h.b) && string(h.b[bin:bin+4]) != "hbin"; bin += 4096 {
			}
			continue
		}
		end := min(bin+int(max(le32(h.b, bin+8), 4096)), len(h.b))
		for at := bin + 32; at+8 <= end; {
			size := int(int32(le32(h.b, at)))
			free := size > 0
			if size < 0 {
				size = -size
			}
			if size < 8 || at+size > end {
				break // the walk told what lies here and is wrong
			}
			if free {
				if err := h.inFree(at, at+size); err != nil {
					return err
				}
			}
			at += size
		}
		bin = end
	}
	return nil
}

// inFree gives the keys that a free cell still holds.
func (h *hive) inFree(from, to int) error {
	for at := from; at+80 <= to; at += 8 {
		if h.b[at+4] != 'n' || h.b[at+5] != 'k' || h.seen[uint32(at)] {
			continue
		}
		c := h.b[at+4 : to]
		k, ok := h.node(c, uint32(at))
		// A key of which nothing is plausible is a chance.
		if !ok || k.Name == "" || le16(c, 72) > 512 || k.Written < 100_000_000_000_000_000 || k.Written > 200_000_000_000_000_000 {
			continue
		}
		h.seen[uint32(at)] = true
		k.Deleted = true
		k.Path = h.parents(le32(c, 16)) + `\` + k.Name
		if n := le32(c, 36); n > 0 && n < 1024 {
			if list := h.cell(le32(c, 40)); int(n)*4 <= len(list) {
				for i := 0; i < int(n) && h.take(uint32(at)); i++ {
					if v, ok := h.value(le32(list, 4*i)); ok {
						h.bytes -= len(v.Data)
						k.Values = append(k.Values, v)
					}
				}
			}
		}
		if err := h.key(k); err != nil {
			return err
		}
	}
	return nil
}

// parents is the path of the key at off as its own words tell it.
func (h *hive) parents(off uint32) string {
	path := ""
	for range maxDepth {
		c := h.cell(off)
		k, ok := h.node(c, off)
		if !ok {
			return `\?` + path
		}
		if le16(c, 2)&4 != 0 { // the root
			return path
		}
		path = `\` + k.Name + path
		off = le32(c, 16)
	}
	return `\?` + path
}

// text reads a name: Latin-1 when it is compressed, else UTF-16.
func text(b []byte, compressed bool) string {
	if !compressed {
		return utf16Text(b)
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// utf16Text reads UTF-16LE up to its first zero.
func utf16Text(b []byte) string {
	u := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		c := le16(b, i)
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}
