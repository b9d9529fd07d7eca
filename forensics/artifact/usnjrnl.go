package artifact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/mft"
)

// The change journal of NTFS, $UsnJrnl:$J: what happened to each file, in
// order. Its beginning is sparse: the system gives old parts back.

func init() {
	register(Format{
		Name: "usnjrnl",
		Doc: "$UsnJrnl:$J of NTFS: changes of files with their reasons (records of version 2, 3 and 4); paths by directories the journal itself " +
			"tells of and by an $MFT that lies beside it as NAME.mft",
		Reference: "Microsoft, winioctl.h: USN_RECORD_V2, USN_RECORD_V3, USN_RECORD_V4",
		Detect: func(head []byte) bool {
			return len(head) >= usnV2 && (usnLength(head) > 0 || len(head) == headSize && empty(head))
		},
		Named:   usnName.MatchString,
		Probe:   probeUSN,
		Beside:  []string{".mft"},
		Parse:   parseUSN,
		Event:   eventUSN,
		Samples: []string{"sample.usn"},
		Hostile: []string{"sample.usn @8192=ffffffff", "sample.usn @8268=ff", "sample.usn cut=8300", "sample.usn @8248=ffff", "sample.usn @12452=ffff"},
	})
}

var usnName = regexp.MustCompile(`(?:^|/)(?:\$usnjrnl|\$j|\$usnjrnl.\$j)$`)

// Sizes of records without their names or extents, in bytes.
const (
	usnV2 = 60
	usnV3 = 76
	usnV4 = 64
	// usnPage is what records do not cross.
	usnPage = 4096
	// usnProbe is how much of a sparse beginning is looked at where the name of a
	// file tells nothing.
	usnProbe = 64 << 20
)

// usnLength is that of the record b begins with, or 0 when it is none.
func usnLength(b []byte) int {
	if len(b) < usnV2 {
		return 0
	}
	le := binary.LittleEndian
	n, least, name := int(le.Uint32(b)), 0, 0
	switch le.Uint16(b[4:]) {
	case 2:
		least, name = usnV2, 56
	case 3:
		least, name = usnV3, 72
	case 4:
		least = usnV4
	default:
		return 0
	}
	if n < least || n > usnPage || n%8 != 0 || n > len(b) || le.Uint16(b[6:]) != 0 {
		return 0
	}
	if name == 0 {
		if size := int(le.Uint16(b[62:])); size < 16 || usnV4+int(le.Uint16(b[60:]))*size > n {
			return 0
		}
		return n
	}
	if size, at := int(le.Uint16(b[name:])), int(le.Uint16(b[name+2:])); size == 0 || size%2 != 0 || at != least || at+size > n || fileTimeAt(b, name-24) == 0 {
		return 0
	}
	return n
}

var zeros [1 << 16]byte

func empty(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), len(zeros))
		if !bytes.Equal(b[:n], zeros[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

// probeUSN looks for the first record behind a sparse beginning.
func probeUSN(in Input) bool {
	limit := in.Size
	if !in.Forced && !usnName.MatchString(strings.ToLower(strings.ReplaceAll(in.Path, `\`, "/"))) {
		limit = min(limit, usnProbe)
	}
	found := false
	_ = usnBlocks(in, limit, func(_ int64, b []byte) error {
		at := 0
		for at+8 < len(b) && empty(b[at:at+8]) {
			at += 8
		}
		for end := min(at+2*usnPage, len(b)); at < end && !found; at += 8 { // the first may be broken
			found = usnLength(b[at:]) > 0
		}
		return io.EOF
	}, func(Problem) {})
	return found
}

// usnBlocks gives the blocks that are not empty, each of whole pages.
func usnBlocks(in Input, size int64, f func(off int64, b []byte) error, problem func(Problem)) error {
	block := make([]byte, 1<<20)
	holes, _ := in.ReaderAt.(interface{ nextData(off int64) int64 })
	for off := int64(0); off < size; {
		if holes != nil {
			if off = holes.nextData(off) / usnPage * usnPage; off >= size {
				return nil
			}
		}
		n, err := in.ReadAt(block[:min(int64(len(block)), size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading at offset %d: %w", off, err)
		}
		if n == 0 {
			problem(Problem{off, fmt.Sprintf("the file ends here, though it is said to have %d bytes", size)})
			return nil
		}
		if !empty(block[:n]) {
			if err := f(off, block[:n]); err != nil {
				return err
			}
		}
		off += int64(n)
	}
	return nil
}

// usnDirs bounds the directories that are kept, for paths, and maxUSNPath a
// path, in bytes.
const (
	usnDirs    = 1 << 18
	maxUSNPath = 32767
)

// usnJournal is a journal under way.
type usnJournal struct {
	table   *mft.Table // beside it, or nil
	dirs    map[uint64]usnDir
	emit    func(*Record) error
	problem func(Problem)
}

type usnDir struct {
	parent uint64
	name   string
}

func parseUSN(in Input, emit func(*Record) error, problem func(Problem)) error {
	j := &usnJournal{dirs: map[uint64]usnDir{}, emit: emit, problem: problem}
	if r, size := in.beside(".mft"); r != nil {
		t, err := mft.Open(r, size, func(off int64, text string) { problem(Problem{off, "the $MFT beside it: " + text}) })
		if err != nil {
			problem(Problem{0, "the $MFT beside it is not used: " + err.Error()})
		} else {
			j.table = t
		}
	}
	return usnBlocks(in, in.Size, j.block, problem)
}

func (j *usnJournal) block(off int64, b []byte) error {
	return usnRecords(off, b, j.record, j.problem)
}

// usnRecords gives the records of a block of whole pages, each with its offset.
func usnRecords(off int64, b []byte, f func(b []byte, off int64) error, problem func(Problem)) error {
	for at := 0; at < len(b); {
		end := min((at/usnPage+1)*usnPage, len(b))
		page := b[at:end]
		if empty(page) {
			at = end
			continue
		}
		n := usnLength(page)
		if n == 0 {
			// The rest of a page may be empty but for what lay there before.
			if len(page) < 8 || !empty(page[:8]) {
				problem(Problem{off + int64(at), "here is no record of the journal; the next one is looked for"})
			}
			for at += 8; at < end && usnLength(b[at:end]) == 0; at += 8 {
			}
			continue
		}
		if err := f(page[:n], off+int64(at)); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// reference reads a reference of 64 or 128 bits; text is "record-sequence", or all
// of it in hexadecimal where it is of ReFS.
func reference(b []byte, wide bool) (ref uint64, text string) {
	le := binary.LittleEndian
	if ref = le.Uint64(b); wide && le.Uint64(b[8:]) != 0 {
		return 0, fmt.Sprintf("0x%016x%016x", le.Uint64(b[8:]), ref)
	}
	return ref, fmt.Sprintf("%d-%d", ref&(1<<48-1), ref>>48)
}

func (j *usnJournal) record(b []byte, off int64) error {
	le := binary.LittleEndian
	version, size := le.Uint16(b[4:]), 8
	if version > 2 {
		size = 16
	}
	ref, refText := reference(b[8:], version > 2)
	parent, parentText := reference(b[8+size:], version > 2)
	at := 8 + 2*size
	r := record("change", 0)
	r.Offset = off
	r.add("version", strconv.Itoa(int(version)))
	r.add("usn", strconv.FormatUint(le.Uint64(b[at:]), 10))
	r.add("reference", refText)
	r.add("parent", parentText)
	if at += 8; version < 4 {
		r.Time = fileTimeAt(b, at)
		at += 8
	}
	reason, source := le.Uint32(b[at:]), le.Uint32(b[at+4:])
	for _, s := range bitNames(reason, usnReasons) {
		r.add("reason", s)
	}
	for _, s := range bitNames(source, usnSources) {
		r.add("source", s)
	}
	if version == 4 {
		r.add("remaining_extents", strconv.FormatUint(uint64(le.Uint32(b[at+8:])), 10))
		step := int(le.Uint16(b[at+14:]))
		for i := range int(le.Uint16(b[at+12:])) {
			x := b[usnV4+i*step:]
			r.add("extent", fmt.Sprintf("%d+%d", le.Uint64(x), le.Uint64(x[8:])))
		}
		return j.emit(r)
	}
	attrs := le.Uint32(b[at+12:])
	r.add("security_id", strconv.FormatUint(uint64(le.Uint32(b[at+8:])), 10))
	r.add("attributes", fmt.Sprintf("0x%08x", attrs))
	name := utf16All(b[int(le.Uint16(b[at+18:])):][:le.Uint16(b[at+16:])])
	r.add("name", name)
	if attrs&0x10 != 0 {
		r.add("directory", "true")
		if _, ok := j.dirs[ref]; ref != 0 && (ok || len(j.dirs) < usnDirs) {
			j.dirs[ref] = usnDir{parent, name}
		}
	}
	dir, whole := j.path(parent)
	r.add("path", dir+`\`+name)
	if !whole {
		r.add("path_incomplete", "true")
	}
	return j.emit(r)
}

// path is that of a directory as the journal tells until here, else as the $MFT
// does; what neither knows is "?".
func (j *usnJournal) path(ref uint64) (string, bool) {
	var parts []string
	tail := func() string {
		slices.Reverse(parts)
		return strings.Join(parts, "")
	}
	for size := 0; len(parts) < 256 && size < maxUSNPath; {
		if ref&(1<<48-1) == mft.Root {
			return tail(), true
		}
		if d, ok := j.dirs[ref]; ok {
			parts = append(parts, `\`+d.name)
			size += 1 + len(d.name)
			ref = d.parent
			continue
		}
		if j.table != nil {
			if p, ok := j.table.Find(ref); ok {
				return p + tail(), !strings.HasPrefix(p, `\?`)
			}
		}
		break
	}
	return `\?` + tail(), false
}

// usnReasons are the bits of Reason, from the first.
var usnReasons = []string{
	0: "DATA_OVERWRITE", 1: "DATA_EXTEND", 2: "DATA_TRUNCATION", 4: "NAMED_DATA_OVERWRITE", 5: "NAMED_DATA_EXTEND", 6: "NAMED_DATA_TRUNCATION",
	8: "FILE_CREATE", 9: "FILE_DELETE", 10: "EA_CHANGE", 11: "SECURITY_CHANGE", 12: "RENAME_OLD_NAME", 13: "RENAME_NEW_NAME",
	14: "INDEXABLE_CHANGE", 15: "BASIC_INFO_CHANGE", 16: "HARD_LINK_CHANGE", 17: "COMPRESSION_CHANGE", 18: "ENCRYPTION_CHANGE",
	19: "OBJECT_ID_CHANGE", 20: "REPARSE_POINT_CHANGE", 21: "STREAM_CHANGE", 22: "TRANSACTED_CHANGE", 23: "INTEGRITY_CHANGE",
	24: "DESIRED_STORAGE_CLASS_CHANGE", 31: "CLOSE",
}

var usnSources = []string{"DATA_MANAGEMENT", "AUXILIARY_DATA", "REPLICATION_MANAGEMENT", "CLIENT_REPLICATION_MANAGEMENT"}

// bitNames names the bits that are set; one without a name is its number.
func bitNames(v uint32, names []string) (out []string) {
	for i := range 32 {
		if v>>i&1 == 0 {
			continue
		}
		if i < len(names) && names[i] != "" {
			out = append(out, names[i])
		} else {
			out = append(out, fmt.Sprintf("0x%08x", uint32(1)<<i))
		}
	}
	return out
}

func eventUSN(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	kind, reasons := "change", []string{}
	for _, f := range r.Fields {
		if f.Name != "reason" {
			continue
		}
		reasons = append(reasons, f.Value)
		switch f.Value {
		case "FILE_CREATE":
			kind = "creation"
		case "FILE_DELETE":
			kind = "deletion"
		}
	}
	e.Str(event.EventType, kind)
	e.Str(event.EventAction, "usn-"+kind)
	p := r.Get("path")
	e.Str(event.FilePath, p)
	e.Str(event.FileName, r.Get("name"))
	inode, _, _ := strings.Cut(r.Get("reference"), "-")
	e.Str(event.FileInode, inode)
	if r.Get("directory") != "" {
		e.Str(event.FileType, "dir")
	}
	if p == "" {
		p = "record " + r.Get("reference")
	}
	e.Str(event.Message, strings.Join(reasons, " ")+" "+p)
	putData(r, e)
}
