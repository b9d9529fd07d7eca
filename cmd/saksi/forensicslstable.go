package main

import (
	"bufio"
	"fmt"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"saksi/event"
	"saksi/forensics/filesystem"
	"saksi/forensics/scan"
)

// entryColumns are those of the table of entries, which is like ls -l.
var entryColumns = []string{"mode", "", "uid", "gid", "bytes", "modified", "inode", "path"}

// entryTable prints entries as a table. Disks hold millions, so that its cells
// lie in one piece of memory, printable already, and none is made twice.
type entryTable struct {
	w       *bufio.Writer
	finish  func() error
	cells   []byte // of all rows, one after the other
	ends    []uint32
	chunks  []entryChunk
	width   [8]int
	buf     []byte
	in      func(*filesystem.Entry) bool // nil: all
	volumes bool                         // paths say their volume
}

// entryChunk is cells that are full.
type entryChunk struct {
	cells []byte
	ends  []uint32
}

// entryChunkSize is where a chunk is full, in bytes: it must be below 2^32, and
// small enough that a full one is not copied to grow.
const entryChunkSize = 1 << 20

// entryChunksMany is where what the table holds is no longer little: see listingGC.
const entryChunksMany = 32

func (a *app) entryTable() (*entryTable, error) {
	w, finish, err := a.open()
	if err != nil {
		return nil, err
	}
	t := &entryTable{w: w, finish: finish}
	for i, c := range entryColumns {
		t.width[i] = len(c)
	}
	return t, nil
}

// Emit implements findings.Sink; entries come by EmitEntry.
func (t *entryTable) Emit(e *event.Event) error {
	dataset, _ := e.GetStr(event.EventDataset)
	return fmt.Errorf("internal: a table of entries was given a document of %s", dataset)
}

// cell ends the cell that was appended from a place on; wide is how many
// characters it has.
func (t *entryTable) cell(column, from int) {
	n := len(t.cells) - from
	for _, c := range t.cells[from:] {
		if c < ' ' || c > '~' {
			s := strings.ReplaceAll(printable(string(t.cells[from:])), "\n", " ")
			t.cells = append(t.cells[:from], s...)
			n = utf8.RuneCountInString(s)
			break
		}
	}
	t.ends = append(t.ends, uint32(len(t.cells)))
	t.width[column] = max(t.width[column], n)
}

// EmitEntry implements scan.EntrySink.
func (t *entryTable) EmitEntry(volume int, e *filesystem.Entry, sha256 string) error {
	if t.in != nil && !t.in(e) {
		return nil
	}
	if len(t.cells) > entryChunkSize {
		t.chunks = append(t.chunks, entryChunk{t.cells, t.ends})
		if len(t.chunks) == entryChunksMany {
			debug.SetGCPercent(100)
		}
		t.cells, t.ends = make([]byte, 0, entryChunkSize+entryChunkSize/8), make([]uint32, 0, len(t.ends)+len(t.ends)/8)
	}
	at := len(t.cells)
	t.cells = appendMode(t.cells, e.Kind, e.Mode)
	t.cell(0, at)
	at = len(t.cells)
	if e.Deleted {
		t.cells = append(t.cells, '*')
		t.cells = append(t.cells, recoveryMarks[e.How]...)
		t.cells = append(t.cells, recoveryMarks[e.Blocks]...)
	}
	t.cell(1, at)
	owned := e.Mode != 0 || e.UID != 0 || e.GID != 0
	for i, id := range [...]uint32{e.UID, e.GID} {
		at = len(t.cells)
		if owned {
			t.cells = strconv.AppendUint(t.cells, uint64(id), 10)
		}
		t.cell(2+i, at)
	}
	at = len(t.cells)
	if !e.Reused {
		t.cells = strconv.AppendInt(t.cells, e.Size, 10)
	}
	t.cell(4, at)
	at = len(t.cells)
	if e.Modified != filesystem.NoTime {
		t.cells = time.Unix(0, e.Modified).UTC().AppendFormat(t.cells, time.DateTime)
	}
	t.cell(5, at)
	at = len(t.cells)
	t.cells = scan.AppendInodeAddress(t.cells, e)
	t.cell(6, at)
	at = len(t.cells)
	if sha256 != "" {
		t.cells = append(append(t.cells, sha256...), "  "...)
	}
	if t.volumes {
		t.cells = strconv.AppendInt(append(t.cells, "/volume"...), int64(volume), 10)
	}
	t.cells = append(t.cells, e.Path...)
	if e.Stream != "" {
		t.cells = append(append(t.cells, ':'), e.Stream...)
	}
	if e.Link != "" {
		t.cells = append(append(t.cells, " -> "...), e.Link...)
	}
	t.cell(7, at)
	return nil
}

// close writes the table.
func (t *entryTable) close() error {
	var head entryChunk
	for _, c := range entryColumns {
		head.cells = append(head.cells, c...)
		head.ends = append(head.ends, uint32(len(head.cells)))
	}
	err := t.print(head)
	for _, c := range append(t.chunks, entryChunk{t.cells, t.ends}) {
		if err == nil {
			err = t.print(c)
		}
	}
	if ferr := t.finish(); err == nil {
		err = ferr
	}
	return err
}

func (t *entryTable) print(c entryChunk) error {
	from := uint32(0)
	for i := 0; i < len(c.ends); i += len(entryColumns) {
		line := t.buf[:0]
		for column, end := range c.ends[i : i+len(entryColumns)] {
			cell := c.cells[from:end]
			from = end
			if column == len(entryColumns)-1 {
				line = append(line, cell...)
				break
			}
			pad := t.width[column] - utf8.RuneCount(cell)
			if column == 4 { // a number
				line = appendSpaces(line, pad)
				line = append(line, cell...)
				line = appendSpaces(line, 2)
				continue
			}
			line = append(line, cell...)
			line = appendSpaces(line, pad+2)
		}
		t.buf = line
		for len(line) > 0 && line[len(line)-1] == ' ' {
			line = line[:len(line)-1]
		}
		if _, err := t.w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func appendSpaces(b []byte, n int) []byte {
	const some = "                                "
	for ; n > len(some); n -= len(some) {
		b = append(b, some...)
	}
	return append(b, some[:max(n, 0)]...)
}

// below says which entries lie in a folder: in it, or with all also deeper.
type below struct {
	folder string
	all    bool
	seen   bool // the folder, or something in it
}

// everything says that all entries do.
func (b *below) everything() bool { return b.folder == "/" && b.all }

func (b *below) has(p string) bool {
	if p == b.folder {
		b.seen = true
	}
	dir := path.Dir(p)
	if b.folder != "/" && dir != b.folder && !strings.HasPrefix(dir, b.folder+"/") || !b.all && dir != b.folder {
		return false
	}
	b.seen = true
	return true
}

// appendMode writes type and permissions as ls does.
func appendMode(b []byte, kind filesystem.Kind, mode uint32) []byte {
	b = append(b, kind.Letter())
	if mode == 0 {
		return append(b, "---------"...)
	}
	const rwx = "rwxrwxrwx"
	for i := range len(rwx) {
		c := rwx[i]
		if mode>>(8-i)&1 == 0 {
			c = '-'
		}
		b = append(b, c)
	}
	at := len(b) - len(rwx)
	for _, s := range [...]struct {
		bit, at int
		x, o    byte
	}{{11, 2, 's', 'S'}, {10, 5, 's', 'S'}, {9, 8, 't', 'T'}} {
		if mode>>s.bit&1 != 0 {
			if b[at+s.at] == 'x' {
				b[at+s.at] = s.x
			} else {
				b[at+s.at] = s.o
			}
		}
	}
	return b
}
