// Package compound reads compound files ([MS-CFB] 2020-06-03), in which Windows
// keeps jump lists, thumbnails and older documents: a file system of sectors with
// its own allocation table. Everything in the file is hostile: chains that turn
// back are refused, and streams together never give more bytes than the file has.
package compound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
)

// Magic is how every compound file begins.
const Magic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

const (
	headerSize  = 512
	miniSize    = 64         // bytes of a sector of the mini stream
	lastSector  = 0xfffffffa // beyond it are marks
	endOfChain  = 0xfffffffe
	maxSize     = 128 << 20 // bytes of a file that is read
	maxEntries  = 1 << 16
	headerDIFAT = 109
)

// Types of an entry of the directory.
const (
	Storage = 1
	Stream  = 2
	Root    = 5
)

// Entry is one entry of the directory.
type Entry struct {
	Name     string
	Type     byte
	Offset   int64  // of the entry in the file, bytes
	Size     int64  // of the stream, as the entry says it, bytes
	Created  uint64 // FILETIME of a storage, 0 for none
	Modified uint64
	start    uint32
	number   uint32    // in the directory
	links    [3]uint32 // left, right and child
}

// File is a compound file that was opened.
type File struct {
	Entries []Entry // streams and storages in their order in the directory

	r         io.ReaderAt
	size      int64
	sector    int64
	cutoff    int64
	fat, mini []uint32
	inMini    *Data // the mini stream
	left      int64 // bytes that streams may still give
	root      Entry
}

// Data is what a stream holds, or the part of it that could be read.
type Data struct {
	B     []byte
	unit  int64
	units []int64 // places of its sectors in the file
}

// Place is where in the file a byte of the stream lies.
func (d *Data) Place(at int) int64 {
	if i := int64(at) / d.unit; i < int64(len(d.units)) {
		return d.units[i] + int64(at)%d.unit
	}
	return 0
}

// Open reads the tables and the directory of a compound file of size bytes. What
// of them can't be read goes to problem with its place; the error says why
// nothing can be.
func Open(r io.ReaderAt, size int64, problem func(off int64, text string)) (*File, error) {
	h := make([]byte, headerSize)
	if n, err := r.ReadAt(h, 0); n < headerSize {
		return nil, fmt.Errorf("reading the header of the compound file: %d of %d bytes: %w", n, headerSize, err)
	}
	if string(h[:8]) != Magic {
		return nil, errors.New("the file doesn't begin as a compound file")
	}
	if size > maxSize {
		return nil, fmt.Errorf("a compound file of %d bytes; at most %d are read", size, int64(maxSize))
	}
	shift := binary.LittleEndian.Uint16(h[30:])
	if shift != 9 && shift != 12 {
		return nil, fmt.Errorf("the compound file says at byte 30 that its sectors have 2^%d bytes; 9 and 12 are known", shift)
	}
	if s := binary.LittleEndian.Uint16(h[32:]); s != 6 {
		return nil, fmt.Errorf("the compound file says at byte 32 that its short sectors have 2^%d bytes; 6 is known", s)
	}
	f := &File{r: r, size: size, sector: 1 << shift, cutoff: int64(binary.LittleEndian.Uint32(h[56:])), left: size}
	f.table(h, problem)
	dir, err := f.chain(binary.LittleEndian.Uint32(h[48:]), size)
	if err != nil {
		problem(48, "the directory: "+err.Error())
	}
	if len(dir.B) < 128 {
		return nil, errors.New("the compound file has no directory that can be read (sector at byte 48)")
	}
	root := f.directory(dir, problem)
	if n := binary.LittleEndian.Uint32(h[64:]); n > 0 {
		d, err := f.chain(binary.LittleEndian.Uint32(h[60:]), size)
		if err != nil {
			problem(60, "the table of short sectors: "+err.Error())
		}
		f.mini = numbers(d.B)
	}
	if f.inMini = (&Data{unit: f.sector}); root != nil && root.Size > 0 {
		if f.inMini, err = f.chain(root.start, root.Size); err != nil {
			problem(root.Offset, "the short streams: "+err.Error())
		}
	}
	return f, nil
}

func numbers(b []byte) []uint32 {
	out := make([]uint32, len(b)/4)
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return out
}

// read gives a sector, cut where the file ends.
func (f *File) read(n uint32) ([]byte, int64) {
	off := (int64(n) + 1) * f.sector
	if off >= f.size {
		return nil, off
	}
	b := make([]byte, min(f.sector, f.size-off))
	k, _ := f.r.ReadAt(b, off)
	return b[:k], off
}

// table reads the allocation table: its sectors are named in the header and in
// sectors of their own.
func (f *File) table(h []byte, problem func(int64, string)) {
	total := f.size/f.sector + 1
	want := int64(binary.LittleEndian.Uint32(h[44:]))
	if fits := total*4/f.sector + 1; want > fits {
		problem(44, fmt.Sprintf("the allocation table says it has %d sectors; %d tell of all of the file", want, fits))
		want = fits
	}
	list := numbers(h[76:headerSize])
	next := binary.LittleEndian.Uint32(h[68:])
	for hops := int64(0); next < lastSector && int64(len(list)) < want; hops++ {
		b, off := f.read(next)
		if int64(len(b)) < f.sector || hops > total {
			problem(off, "the list of the allocation table's sectors ends beyond the file or turns back")
			break
		}
		n := numbers(b)
		list, next = append(list, n[:len(n)-1]...), n[len(n)-1]
	}
	for i := int64(0); i < want; i++ {
		if i >= int64(len(list)) || list[i] >= lastSector {
			problem(44, fmt.Sprintf("the allocation table says it has %d sectors; %d are named", want, i))
			return
		}
		b, off := f.read(list[i])
		if int64(len(b)) < f.sector {
			problem(off, fmt.Sprintf("sector %d of the allocation table lies beyond the file's end", i))
		}
		f.fat = append(f.fat, numbers(append(b, make([]byte, f.sector-int64(len(b)))...))...)
	}
}

// chain reads the sectors from start on, at most size bytes. With an error it
// gives what was read before.
func (f *File) chain(start uint32, size int64) (*Data, error) {
	d := &Data{unit: f.sector}
	seen := make([]uint64, len(f.fat)/64+1)
	for n := start; n != endOfChain && int64(len(d.B)) < size; n = f.fat[n] {
		if int64(n) >= int64(len(f.fat)) {
			return d, fmt.Errorf("sector %d is not in the allocation table", n)
		}
		if seen[n/64]>>(n%64)&1 != 0 {
			return d, fmt.Errorf("the chain of sectors turns back to sector %d", n)
		}
		seen[n/64] |= 1 << (n % 64)
		b, off := f.read(n)
		if len(b) == 0 {
			return d, fmt.Errorf("sector %d at byte %d lies beyond the file's end", n, off)
		}
		d.B, d.units = append(d.B, b...), append(d.units, off)
		if int64(len(b)) < f.sector { // the file's end
			break
		}
	}
	d.B = d.B[:min(int64(len(d.B)), size)]
	return d, nil
}

// directory reads the entries and gives the root, or nil.
func (f *File) directory(dir *Data, problem func(int64, string)) (root *Entry) {
	for at := 0; at+128 <= len(dir.B); at += 128 {
		b := dir.B[at : at+128]
		e := Entry{Type: b[66], Offset: dir.Place(at), start: binary.LittleEndian.Uint32(b[116:]), number: uint32(at / 128)}
		if e.Type == 0 {
			continue
		}
		n := binary.LittleEndian.Uint16(b[64:])
		if e.Type != Storage && e.Type != Stream && e.Type != Root || n > 64 || n%2 != 0 {
			problem(e.Offset, fmt.Sprintf("an entry of the directory is of type %d with a name of %d bytes", e.Type, n))
			continue
		}
		var name []uint16
		for i := 0; i+2 < int(n); i += 2 {
			name = append(name, binary.LittleEndian.Uint16(b[i:]))
		}
		e.Name = string(utf16.Decode(name))
		for i := range e.links {
			e.links[i] = binary.LittleEndian.Uint32(b[68+4*i:])
		}
		e.Created, e.Modified = binary.LittleEndian.Uint64(b[100:]), binary.LittleEndian.Uint64(b[108:])
		e.Size = int64(binary.LittleEndian.Uint32(b[120:]))
		if f.sector == 4096 { // version 3 leaves the upper half undefined
			e.Size |= int64(binary.LittleEndian.Uint32(b[124:])&0x7fffffff) << 32
		}
		if e.Type == Root {
			if root == nil {
				root = &e
				f.root = e
			}
			continue
		}
		if len(f.Entries) == maxEntries {
			problem(e.Offset, fmt.Sprintf("the directory has more than %d entries; what follows is not read", maxEntries))
			break
		}
		f.Entries = append(f.Entries, e)
	}
	if root == nil {
		problem(dir.Place(0), "the directory has no root; short streams are not read")
	}
	return root
}

// Read gives what a stream holds; with an error, what could be read of it.
func (f *File) Read(e *Entry) (*Data, error) {
	if e.Size > f.left {
		return &Data{unit: f.sector}, fmt.Errorf("the stream says it has %d bytes; the file has %d left for streams", e.Size, f.left)
	}
	f.left -= e.Size
	if e.Size >= f.cutoff {
		d, err := f.chain(e.start, e.Size)
		return d, short(d, e.Size, err)
	}
	d := &Data{unit: miniSize}
	seen := make(map[uint32]bool)
	for n := e.start; n != endOfChain && int64(len(d.B)) < e.Size; n = f.mini[n] {
		from := int64(n) * miniSize
		if int64(n) >= int64(len(f.mini)) || from >= int64(len(f.inMini.B)) {
			return d, fmt.Errorf("short sector %d is not in the file", n)
		}
		if seen[n] {
			return d, fmt.Errorf("the chain of short sectors turns back to sector %d", n)
		}
		seen[n] = true
		d.B = append(d.B, f.inMini.B[from:min(from+miniSize, int64(len(f.inMini.B)))]...)
		d.units = append(d.units, f.inMini.Place(int(from)))
	}
	d.B = d.B[:min(int64(len(d.B)), e.Size)]
	return d, short(d, e.Size, nil)
}

// short tells when a stream is shorter than it says.
func short(d *Data, size int64, err error) error {
	if err == nil && int64(len(d.B)) < size {
		return fmt.Errorf("the stream says it has %d bytes; %d are there", size, len(d.B))
	}
	return err
}
