package artifact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"saksi/event"
)

// Records of the recycle bin: $I files of Windows Vista and later, one a file
// that was thrown away; its content lies in the $R file of the same name.

func init() {
	register(Format{
		Name:      "recyclebin",
		Doc:       "$I files of the recycle bin (Windows Vista to 11): where a deleted file lay, its size and when it was deleted",
		Reference: "J. Metz, Windows Recycler file formats, section 4",
		Detect:    detectRecycled,
		Parse:     parseRecycled,
		Event:     eventRecycled,
		Samples:   []string{"sample.recycled"},
		Hostile:   []string{"sample.recycled cut=40", "sample.recycled @24=ffffff7f"},
	})
}

// detectRecycled asks for a version, a plausible time and a path with a drive or
// a share.
func detectRecycled(head []byte) bool {
	if len(head) < 34 || fileTimeAt(head, 16) == 0 {
		return false
	}
	name := head[24:]
	switch binary.LittleEndian.Uint64(head) {
	case 1:
	case 2:
		name = head[28:]
	default:
		return false
	}
	return len(name) >= 6 && (name[2] == ':' && name[3] == 0 && name[4] == '\\' || name[0] == '\\' && name[2] == '\\')
}

func parseRecycled(in Input, emit func(*Record) error, problem func(Problem)) error {
	b := make([]byte, min(in.Size, 128<<10))
	if _, err := in.ReadAt(b, 0); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	if len(b) < 28 {
		return errors.New("the file ends within its header")
	}
	name := b[24:]
	if binary.LittleEndian.Uint64(b) == 2 {
		n := int64(binary.LittleEndian.Uint32(b[24:])) * 2
		if name = b[28:]; n > int64(len(name)) {
			problem(Problem{24, fmt.Sprintf("the name says it has %d bytes; %d are there", n, len(name))})
			n = int64(len(name))
		}
		name = name[:n]
	}
	return emit(&Record{Time: fileTimeAt(b, 16), Header: 1, Fields: []Field{
		{"record", "deleted"}, {"path", utf16Until(name)}, {"size", strconv.FormatUint(binary.LittleEndian.Uint64(b[8:]), 10)},
	}})
}

func eventRecycled(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "deletion")
	e.Str(event.EventAction, "recycled-file")
	e.Str(event.FilePath, r.Get("path"))
	e.Str(event.FileName, base(r.Get("path")))
	putNumber(e, event.FileSize, r.Get("size"))
	e.Str(event.Message, strings.TrimSpace("recycled "+r.Get("path")))
}
