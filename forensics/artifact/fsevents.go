package artifact

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"saksi/event"
)

// File system events of macOS: gzip files in .fseventsd, each a row of pages of
// records. Records have no time; their order is that of their identifiers.

func init() {
	register(Format{
		Name:      "fsevents",
		Doc:       "file system events of macOS (.fseventsd, versions 1 to 3): what was created, changed, renamed and removed, in the order of identifiers; records have no time, and offsets are those of the uncompressed log",
		Reference: "J. Metz, dtformats, MacOS File System Events Disk Log Stream format; sys/fsevents.h",
		Packed:    true,
		Detect:    func(head []byte) bool { return bytes.HasPrefix(head, []byte("\x1f\x8b\x08")) },
		Probe: func(in Input) bool {
			z, err := gzip.NewReader(io.NewSectionReader(in, 0, in.Size))
			if err != nil {
				return false
			}
			var magic [4]byte
			_, err = io.ReadFull(z, magic[:])
			return err == nil && fsSizes[string(magic[:])] != 0
		},
		Parse: parseFSEvents,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "macos")
			e.Str(event.HostOSType, "macos")
			e.Str(event.EventCategory, "file")
			flags := "," + r.Get("flags") + ","
			typ := "change"
			switch { // a record may be of several changes
			case strings.Contains(flags, ",removed,"):
				typ = "deletion"
			case strings.Contains(flags, ",created,"), strings.Contains(flags, ",folder_created,"):
				typ = "creation"
			}
			e.Str(event.EventType, typ)
			e.Str(event.EventAction, "fsevent")
			e.Str(event.FilePath, r.Get("path"))
			e.Str(event.FileName, base(r.Get("path")))
			e.Str(event.FileInode, r.Get("node"))
			putNumber(e, event.EventSequence, r.Get("id"))
			e.Str(event.Message, r.Get("flags")+" "+r.Get("path"))
			putData(r, e)
		},
		Samples: []string{"sample.fsevents"},
		Hostile: []string{"sample.fsevents cut=60", "sample.fsevents @30=ffffff"},
	})
}

// fsSizes are the bytes behind the path of a record, by signature.
var fsSizes = map[string]int{"1SLD": 12, "2SLD": 20, "3SLD": 24}

// fsFlags are 1 << FSE_*, as a little-endian number.
var fsFlags = []struct {
	bit  uint32
	name string
}{
	{1 << 0, "created"},
	{1 << 1, "removed"},
	{1 << 2, "inode_changed"},
	{1 << 3, "renamed"},
	{1 << 4, "modified"},
	{1 << 5, "exchanged"},
	{1 << 6, "finder_info"},
	{1 << 7, "folder_created"},
	{1 << 8, "permissions"},
	{1 << 9, "attribute_set"},
	{1 << 10, "attribute_removed"},
	{1 << 12, "revision"},
	{1 << 14, "cloned"},
	{1 << 19, "last_link_removed"},
	{1 << 20, "hard_link"},
	{1 << 22, "symbolic_link"},
	{1 << 23, "file"},
	{1 << 24, "folder"},
	{1 << 25, "mount"},
	{1 << 26, "unmount"},
	{1 << 29, "end_of_transaction"},
}

const (
	maxFSPath  = 4096
	maxFSTotal = 1 << 30 // bytes of a log that are decompressed
)

func parseFSEvents(in Input, emit func(*Record) error, problem func(Problem)) error {
	z, err := gzip.NewReader(io.NewSectionReader(in, 0, in.Size))
	if err != nil {
		return fmt.Errorf("decompressing the log: %w", err)
	}
	f := &fsevents{b: bufio.NewReaderSize(io.LimitReader(z, maxFSTotal), 64<<10)}
	for {
		err := f.page(emit)
		switch {
		case f.failed != nil:
			return f.failed
		case errors.Is(err, io.EOF) && f.at == f.begun:
			if f.at == maxFSTotal {
				problem(Problem{f.at, fmt.Sprintf("more than %d bytes of the log are not read", maxFSTotal)})
			}
			return nil
		case err != nil:
			problem(Problem{f.at, "the log is damaged or cut here: " + err.Error()})
			return nil
		}
	}
}

// fsevents is a log under work.
type fsevents struct {
	b         *bufio.Reader
	at, begun int64 // offsets of what comes next, and of the page
	failed    error // of emit
}

func (f *fsevents) page(emit func(*Record) error) error {
	f.begun = f.at
	var h [12]byte
	n, err := io.ReadFull(f.b, h[:])
	f.at += int64(n)
	if err != nil {
		return err
	}
	tail, size := fsSizes[string(h[:4])], int64(binary.LittleEndian.Uint32(h[8:]))
	if tail == 0 || size < 12 {
		return fmt.Errorf("a page has the signature %q and %d bytes", h[:4], size)
	}
	end := f.begun + size
	var path []byte
	rest := make([]byte, tail)
	for f.at < end {
		begun := f.at
		path = path[:0]
		for {
			c, err := f.b.ReadByte()
			if err != nil {
				return io.ErrUnexpectedEOF
			}
			f.at++
			if c == 0 {
				break
			}
			if path = append(path, c); len(path) > maxFSPath {
				return fmt.Errorf("a path has more than %d bytes", maxFSPath)
			}
		}
		n, err := io.ReadFull(f.b, rest)
		f.at += int64(n)
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		r := record("fsevent", 0)
		r.Offset = begun
		r.add("path", "/"+strings.ToValidUTF8(string(path), "\uFFFD"))
		flags := binary.LittleEndian.Uint32(rest[8:])
		var names []string
		for _, x := range fsFlags {
			if flags&x.bit != 0 {
				names = append(names, x.name)
				flags &^= x.bit
			}
		}
		if flags != 0 {
			names = append(names, fmt.Sprintf("0x%08x", flags))
		}
		r.add("flags", strings.Join(names, ","))
		r.add("id", strconv.FormatUint(binary.LittleEndian.Uint64(rest), 10))
		if tail >= 20 {
			r.add("node", strconv.FormatUint(binary.LittleEndian.Uint64(rest[12:]), 10))
		}
		if f.failed = emit(r); f.failed != nil {
			return f.failed
		}
	}
	if f.at != end {
		return fmt.Errorf("the records of a page end at %d, the page at %d", f.at, end)
	}
	return nil
}
