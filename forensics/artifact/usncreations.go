package artifact

import (
	"encoding/binary"
	"errors"
	"io"
)

// Reasons of changes (winioctl.h, USN_REASON_FILE_CREATE and USN_REASON_RENAME_NEW_NAME).
const (
	usnCreate  = 1 << 8
	usnRenamed = 1 << 13
)

// Birth is what a change journal tells of the beginning of a file.
type Birth struct {
	Ref     uint64 // 48 bits of the number of the record, 16 of its sequence
	At      int64  // Unix nanoseconds
	Created bool   // it was made then
	Renamed bool   // it got another name then
}

// Births gives what a change journal of NTFS ($UsnJrnl:$J) tells of the creation of
// files and of new names, in its order; changes of one file that tell the same again
// are left out where they follow each other. f ends it by io.EOF.
func Births(in Input, f func(Birth) error, problem func(Problem)) error {
	var last Birth
	err := usnBlocks(in, in.Size, func(off int64, b []byte) error {
		return usnRecords(off, b, func(b []byte, _ int64) error {
			le := binary.LittleEndian
			at := 8 + 2*8
			switch le.Uint16(b[4:]) {
			case 2:
			case 3:
				at = 8 + 2*16
			default:
				return nil
			}
			reasons := le.Uint32(b[at+16:])
			x := Birth{Ref: le.Uint64(b[8:]), At: fileTimeAt(b, at+8), Created: reasons&usnCreate != 0, Renamed: reasons&usnRenamed != 0}
			same := x.Ref == last.Ref && (!x.Created || last.Created) && (!x.Renamed || last.Renamed)
			if x.At == 0 || !x.Created && !x.Renamed || same {
				return nil
			}
			last = x
			return f(x)
		}, problem)
	}, problem)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
