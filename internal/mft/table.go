package mft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Bounds of what is kept of a table, whatever its size.
const (
	maxDirs   = 1 << 20 // directories
	maxChars  = 64 << 20
	maxMore   = 1 << 19 // records that extend others
	maxDepth  = 256
	maxPath   = 32767 // bytes, about what Windows allows
	perBase   = 64
	blockSize = 1 << 20
	mask48    = 1<<48 - 1
)

// Table is a master file table.
type Table struct {
	// Problem is told of what can't be read, with its offset in the file.
	Problem func(off int64, text string)

	r     io.ReaderAt
	size  int64
	step  int64
	first uint64 // number of the first record: that of a part of a table is not 0
	dirs  map[uint64]dir
	more  map[uint64][]int64 // offsets of records that extend one
	chars int
	kept  int // of more
	full  bool
}

type dir struct {
	parent uint64
	seq    uint16
	live   bool
	name   string
}

// RecordSize is the size of records by the first one, in bytes, or 0 when head
// begins no table.
func RecordSize(head []byte) int {
	if len(head) < 1024 || string(head[:4]) != Magic {
		return 0
	}
	le := binary.LittleEndian
	size, fix, n := int(le.Uint32(head[28:])), int(le.Uint16(head[4:])), int(le.Uint16(head[6:]))
	if size < 512 || size > 1<<16 || size&(size-1) != 0 || fix != 42 && fix != 48 || n != size/512+1 || int(le.Uint16(head[20:])) < 48 || int(le.Uint32(head[24:])) > size {
		return 0
	}
	return size
}

// Open reads the directories of a table, so that paths can be told. Its error
// is that of reading.
func Open(r io.ReaderAt, size int64, problem func(off int64, text string)) (*Table, error) {
	head := make([]byte, 4096)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the first record: %w", err)
	}
	t := &Table{Problem: problem, r: r, size: size, step: int64(RecordSize(head[:n])), dirs: map[uint64]dir{}, more: map[uint64][]int64{}}
	if t.step == 0 {
		return nil, errors.New("the first record is no record of a master file table")
	}
	// Since Windows XP a record says its number. Records behind the first are
	// counted: some that were never used say 0.
	if binary.LittleEndian.Uint16(head[4:]) >= 48 {
		t.first = uint64(binary.LittleEndian.Uint32(head[44:]))
	}
	err = t.each(func(rec *Record, _ error) error {
		switch {
		case rec.Base&mask48 != 0:
			t.extends(rec)
		case rec.Dir:
			t.directory(rec)
		}
		return nil
	})
	return t, err
}

// number is that of the record at an offset.
func (t *Table) number(off int64) uint64 { return t.first + uint64(off/t.step) }

// extends notes a record that extends another.
func (t *Table) extends(rec *Record) {
	if t.kept >= maxMore || len(t.more[rec.Base]) >= perBase {
		t.Problem(rec.Offset, fmt.Sprintf("the record extends record %d, which has more such records than are joined; its names and streams are left out", rec.Base&mask48))
		return
	}
	t.kept++
	t.more[rec.Base] = append(t.more[rec.Base], rec.Offset)
	if n := rec.Best(); n != nil && rec.Dir {
		t.dirs[rec.Base&mask48] = dir{parent: n.Parent, seq: uint16(rec.Base >> 48), live: rec.InUse, name: n.Text}
	}
}

func (t *Table) directory(rec *Record) {
	n := rec.Best()
	if n == nil {
		return
	}
	if len(t.dirs) >= maxDirs || t.chars > maxChars {
		if !t.full {
			t.full = true
			t.Problem(rec.Offset, fmt.Sprintf("there are more than %d directories; paths through those from here are not told whole", len(t.dirs)))
		}
		return
	}
	t.chars += len(n.Text)
	t.dirs[rec.Number] = dir{parent: n.Parent, seq: rec.Sequence, live: rec.InUse, name: n.Text}
}

// each reads all records, also those with errors; a record that was never used
// is left out.
func (t *Table) each(f func(*Record, error) error) error {
	block := make([]byte, max(blockSize, t.step))
	var rec Record
	for off := int64(0); off < t.size; {
		n, err := t.r.ReadAt(block[:min(int64(len(block)), t.size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading at offset %d: %w", off, err)
		}
		if n == 0 {
			t.Problem(off, fmt.Sprintf("the file ends here, though it is said to have %d bytes", t.size))
			return nil
		}
		for at := int64(0); at < int64(n); at += t.step {
			b := block[at:min(at+t.step, int64(n))]
			perr := rec.Parse(b, off+at, t.number(off+at))
			if int64(len(b)) < t.step && !errors.Is(perr, errEmpty) {
				perr = fmt.Errorf("record %d ends after %d of its %d bytes", rec.Number, len(b), t.step)
			}
			if errors.Is(perr, errEmpty) {
				continue
			}
			if err := f(&rec, perr); err != nil {
				return err
			}
		}
		off += int64(n)
	}
	return nil
}

// Records gives every record that extends no other, in order, with what
// extends it; those that hold nothing, because they were never used, are left out. A record that can't be read whole is told and given as far as it was.
// One that extends a record which is not in the table, or was used anew since,
// is given on its own behind all others.
func (t *Table) Records(f func(*Record) error) error {
	var ext Record
	b := make([]byte, t.step)
	joined := map[int64]bool{}
	err := t.each(func(rec *Record, perr error) error {
		if perr != nil {
			t.Problem(rec.Offset, perr.Error())
			if rec.Sequence == 0 && !rec.Standard && len(rec.Names) == 0 {
				return nil
			}
		}
		if rec.Base&mask48 != 0 || perr == nil && !rec.InUse && !rec.Standard && len(rec.Names)+len(rec.Streams) == 0 {
			return nil
		}
		ref := rec.Ref()
		if !rec.InUse && len(t.more[ref]) == 0 {
			ref = rec.Number | uint64(rec.Sequence-1)<<48 // deleting counts on
		}
		for _, off := range t.more[ref] {
			if _, err := t.r.ReadAt(b, off); err != nil {
				continue // told by each
			}
			if err := ext.Parse(b, off, t.number(off)); err != nil {
				continue // told at its own place
			}
			joined[off] = true
			rec.Names = append(rec.Names, ext.Names...)
			for _, s := range ext.Streams {
				if s.Size >= 0 {
					s.Data = append([]byte(nil), s.Data...)
					rec.Streams = append(rec.Streams, s)
				}
			}
		}
		return f(rec)
	})
	if err != nil {
		return err
	}
	var alone []int64
	for _, offs := range t.more {
		for _, off := range offs {
			if !joined[off] {
				alone = append(alone, off)
			}
		}
	}
	slices.Sort(alone)
	for _, off := range alone {
		if _, err := t.r.ReadAt(b, off); err != nil {
			t.Problem(off, "reading a record that extends another: "+err.Error())
			continue
		}
		if err := ext.Parse(b, off, t.number(off)); err == nil { // else it was told
			if err := f(&ext); err != nil {
				return err
			}
		}
	}
	return nil
}

// Path is the path of a name in the directory with that reference, with "\"
// between its parts, and whether all of it is known: a directory that is gone
// is "?", and one whose record was used for another since is not believed.
func (t *Table) Path(parent uint64, name string) (path string, whole bool) {
	parts := []string{name}
	whole = true
	size := len(name)
	for depth := 0; ; depth++ {
		number := parent & mask48
		if number == Root {
			break
		}
		d, ok := t.dirs[number]
		same := d.seq == uint16(parent>>48) || !d.live && d.seq == uint16(parent>>48)+1
		if !ok || !same || depth == maxDepth || size > maxPath {
			parts, whole = append(parts, "?"), false
			break
		}
		parts = append(parts, d.name)
		size += 1 + len(d.name)
		parent = d.parent
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(`\`)
		b.WriteString(parts[i])
	}
	return b.String(), whole
}

// Find is the path of the directory with that reference, and whether it is known.
func (t *Table) Find(ref uint64) (string, bool) {
	if ref&mask48 == Root {
		return "", true
	}
	d, ok := t.dirs[ref&mask48]
	if !ok || d.seq != uint16(ref>>48) && (d.live || d.seq != uint16(ref>>48)+1) {
		return "", false
	}
	return t.Path(d.parent, d.name)
}
