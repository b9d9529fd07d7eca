// Package mft reads the master file table of NTFS, $MFT, as a file on its own:
// its records with both their sets of times, names, streams, and the paths
// that the names of directories give. Source: the Linux-NTFS documentation
// (FILE records, $STANDARD_INFORMATION, $FILE_NAME, $DATA) and the layout.h of
// the Linux kernel's fs/ntfs.
package mft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

// Magic is what a record begins with. Bad is what chkdsk writes there when
// sectors of a record do not agree.
const (
	Magic = "FILE"
	Bad   = "BAAD"
)

// Types of attributes that are read.
const (
	attrStandard = 0x10
	attrList     = 0x20
	attrName     = 0x30
	attrData     = 0x80
	attrEnd      = 0xffffffff
)

// Root is the number of the record of the root directory.
const Root = 5

// Times are FILETIMEs: 100 ns from 1601, UTC.
type Times struct{ Created, Modified, Changed, Accessed int64 }

// Name is a $FILE_NAME.
type Name struct {
	Parent uint64 // reference: 48 bits of a record's number, 16 of its sequence
	Times  Times
	Text   string
	Space  uint8 // 0 POSIX, 1 Win32, 2 DOS, 3 both
}

// Stream is a $DATA.
type Stream struct {
	Name     string
	Size     int64 // bytes; -1 for a later part of one, which tells no size
	Resident bool
	Data     []byte // of a resident one; valid until the next record is read
	Offset   int64  // of Data in the file
	Flags    uint16 // 1 compressed, 0x4000 encrypted, 0x8000 sparse
}

// Record is a record.
type Record struct {
	Offset   int64 // in the file
	Number   uint64
	Sequence uint16
	Links    uint16
	LSN      uint64
	InUse    bool
	Dir      bool
	Base     uint64 // reference to the record this one extends; 0 is none
	Standard bool   // there is a $STANDARD_INFORMATION: Times, Attributes, USN
	Times    Times
	Attrs    uint32
	USN      uint64
	Names    []Name
	Streams  []Stream
}

// Ref is the reference that others have for the record.
func (r *Record) Ref() uint64 { return r.Number | uint64(r.Sequence)<<48 }

// Best is the name people know, or nil: a long one before a short one of DOS.
func (r *Record) Best() *Name {
	var best *Name
	for i := range r.Names {
		if n := &r.Names[i]; best == nil || best.Space == 2 && n.Space != 2 {
			best = n
		}
	}
	return best
}

// Fixup puts back the last two bytes of each sector that the update sequence
// array of a record, or of a page of a log, keeps (Linux-NTFS, "Fixup"). b has its header, of 8 bytes. It tells which sector disagrees.
func Fixup(b []byte) error {
	off, n := int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
	if n < 2 || off < 8 || off+2*n > len(b) || (n-1)*512 > len(b) {
		return fmt.Errorf("its update sequence of %d at %d is impossible", n, off)
	}
	for i := 1; i < n; i++ {
		end := i*512 - 2
		if b[end] != b[off] || b[end+1] != b[off+1] {
			return fmt.Errorf("its sector %d was not written with the others", i-1)
		}
		copy(b[end:end+2], b[off+2*i:off+2*i+2])
	}
	return nil
}

// errEmpty is for a record that was never used.
var errEmpty = errors.New("no record")

// Parse reads one record, whose bytes it changes; number is where it lies,
// counted in records. What was read before an error is kept.
func (r *Record) Parse(b []byte, off int64, number uint64) error {
	*r = Record{Offset: off, Number: number, Names: r.Names[:0], Streams: r.Streams[:0]}
	if len(b) < 48 {
		return errors.New("a record ends within its header")
	}
	switch magic := string(b[:4]); {
	case magic == "\x00\x00\x00\x00":
		return errEmpty
	case magic == Bad:
		return fmt.Errorf("record %d is marked as bad by chkdsk", number)
	case magic != Magic:
		return fmt.Errorf("record %d begins with %q", number, magic)
	}
	torn := Fixup(b)
	le := binary.LittleEndian
	flags := le.Uint16(b[22:])
	r.LSN, r.Sequence, r.Links = le.Uint64(b[8:]), le.Uint16(b[16:]), le.Uint16(b[18:])
	r.InUse, r.Dir, r.Base = flags&1 != 0, flags&2 != 0, le.Uint64(b[32:])
	if torn != nil {
		return fmt.Errorf("record %d: %w", number, torn)
	}
	used := min(int(le.Uint32(b[24:])), len(b))
	for at := int(le.Uint16(b[20:])); ; {
		if at < 40 || at+4 > used {
			return fmt.Errorf("record %d: its attributes go beyond the %d bytes in use", number, used)
		}
		kind := le.Uint32(b[at:])
		if kind == attrEnd {
			return nil
		}
		if at+24 > used {
			return fmt.Errorf("record %d: an attribute at %d is cut", number, at)
		}
		size := int(le.Uint32(b[at+4:]))
		if size < 24 || size > used-at {
			return fmt.Errorf("record %d: an attribute at %d says it has %d bytes", number, at, size)
		}
		if err := r.attribute(kind, b[at:at+size], off+int64(at)); err != nil {
			return fmt.Errorf("record %d: an attribute at %d: %w", number, at, err)
		}
		at += size
	}
}

func (r *Record) attribute(kind uint32, a []byte, off int64) error {
	le := binary.LittleEndian
	name, err := attributeName(a)
	if err != nil {
		return err
	}
	if a[8] != 0 {
		if kind != attrData {
			return nil
		}
		if len(a) < 64 {
			return errors.New("it has no place for its runs")
		}
		s := Stream{Name: name, Size: int64(le.Uint64(a[48:])), Flags: le.Uint16(a[12:])}
		if le.Uint64(a[16:]) != 0 || s.Size < 0 {
			s.Size = -1
		}
		r.Streams = append(r.Streams, s)
		return nil
	}
	n, at := int(le.Uint32(a[16:])), int(le.Uint16(a[20:]))
	if at < 24 || n < 0 || at > len(a) || n > len(a)-at {
		return fmt.Errorf("its %d bytes of data at %d go beyond it", n, at)
	}
	d := a[at : at+n]
	switch kind {
	case attrStandard:
		if len(d) < 48 {
			return errors.New("the $STANDARD_INFORMATION is cut")
		}
		r.Standard, r.Times, r.Attrs = true, timesAt(d), le.Uint32(d[32:])
		if len(d) >= 72 {
			r.USN = le.Uint64(d[64:])
		}
	case attrName:
		if len(d) < 66 || 66+2*int(d[64]) > len(d) {
			return errors.New("the $FILE_NAME is cut")
		}
		r.Names = append(r.Names, Name{Parent: le.Uint64(d), Times: timesAt(d[8:]), Text: wide(d[66 : 66+2*int(d[64])]), Space: d[65]})
	case attrData:
		r.Streams = append(r.Streams, Stream{Name: name, Size: int64(n), Resident: true, Data: d, Offset: off + int64(at), Flags: le.Uint16(a[12:])})
	}
	return nil
}

func attributeName(a []byte) (string, error) {
	n, at := int(a[9]), int(binary.LittleEndian.Uint16(a[10:]))
	if n == 0 {
		return "", nil
	}
	if at+2*n > len(a) {
		return "", errors.New("its name goes beyond it")
	}
	return wide(a[at : at+2*n]), nil
}

func timesAt(d []byte) Times {
	le := binary.LittleEndian
	return Times{int64(le.Uint64(d)), int64(le.Uint64(d[8:])), int64(le.Uint64(d[16:])), int64(le.Uint64(d[24:]))}
}

func wide(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
