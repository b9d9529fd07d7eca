package artifact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"saksi/event"
)

// INFO2: the index of the recycle bin of Windows 95 to 2003, one record a file that
// was thrown away, also those that were taken out again.

func init() {
	register(Format{
		Name:      "info2",
		Doc:       "INFO2 of the recycle bin (Windows 98 to 2003): where each deleted file lay, its size, when it was deleted, its name in the bin, and whether it is in it no more",
		Reference: "J. Metz, Windows Recycler file formats, section 3",
		Detect: func(head []byte) bool {
			return len(head) >= info2Header+280 && info2Sizes[binary.LittleEndian.Uint32(head[12:])] && binary.LittleEndian.Uint32(head) <= 5 && info2Drive(head[info2Header:])
		},
		Parse: parseInfo2,
		Event: func(r *Record, e *event.Event) {
			eventRecycled(r, e)
			putData(r, e)
		},
		Samples: []string{"sample.INFO2", "win98.INFO2"},
		Hostile: []string{"sample.INFO2 cut=1000", "sample.INFO2 @288=ffffffffffffffff"},
	})
}

const info2Header = 20

// info2Sizes are the bytes of a record: without a path in UTF-16, and with it.
var info2Sizes = map[uint32]bool{280: true, 800: true}

// info2Drive reports whether a record's path begins as paths do, but for its first
// character, which is zero once the file is out of the bin.
func info2Drive(b []byte) bool { return b[1] == ':' && b[2] == '\\' || b[0] == '\\' && b[1] == '\\' }

func parseInfo2(in Input, emit func(*Record) error, problem func(Problem)) error {
	head := make([]byte, info2Header)
	if n, err := in.ReadAt(head, 0); n < len(head) {
		return fmt.Errorf("reading the header: %d of %d bytes: %w", n, len(head), err)
	}
	le := binary.LittleEndian
	size := int64(le.Uint32(head[12:]))
	if !info2Sizes[uint32(size)] {
		return fmt.Errorf("the header says at byte 12 that records have %d bytes; 280 and 800 are known", size)
	}
	b := make([]byte, size)
	for off := int64(info2Header); off < in.Size; off += size {
		n, err := in.ReadAt(b, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the record at byte %d: %w", off, err)
		}
		if n < len(b) {
			problem(Problem{off, fmt.Sprintf("the record ends after %d of its %d bytes", n, size)})
			return nil
		}
		gone := b[0] == 0
		ansi := b[:260]
		if gone {
			ansi = b[1:260]
		}
		ansi, _, _ = bytes.Cut(ansi, []byte{0})
		path := latin1(ansi)
		index, drive := le.Uint32(b[260:]), le.Uint32(b[264:])
		if gone && path != "" && drive < 26 { // its first character was the drive's
			path = string('A'+rune(drive)) + path
		}
		if size == 800 {
			path = utf16Until(b[280:800])
		}
		if path == "" {
			if strings.Trim(string(b), "\x00") != "" {
				problem(Problem{off, "the record has no path"})
			}
			continue
		}
		at := fileTimeAt(b, 268)
		if at == 0 {
			problem(Problem{off + 268, "the record has no time that is one"})
		}
		r := record("deleted", at)
		r.Offset = off
		r.add("path", path)
		r.add("size", strconv.FormatUint(uint64(le.Uint32(b[276:])), 10))
		r.add("index", strconv.FormatUint(uint64(index), 10))
		if drive < 26 {
			name := fmt.Sprintf("D%c%d", 'a'+rune(drive), index)
			if dot := strings.LastIndexByte(base(path), '.'); dot >= 0 {
				name += base(path)[dot:]
			}
			r.add("name_in_bin", name)
		}
		if gone {
			r.add("gone_from_bin", "true")
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}
