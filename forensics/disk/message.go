package disk

import (
	"errors"
	"strings"

	"saksi/forensics/filesystem"
	"saksi/forensics/image"
	"saksi/internal/wire"
)

// Operations of the worker; internal/tskworker answers them.
const (
	OpAttach    = "disk.attach" // files of the image
	OpOpen      = "disk.open"   // container, volumes, file systems
	OpWalk      = "disk.walk"
	OpLookup    = "disk.lookup"
	OpRead      = "disk.read"
	OpDigest    = "disk.digest"
	OpRules     = "disk.rules"     // load compiled YARA rules for the units that follow
	OpUnit      = "disk.unit"      // hash and scan a range of streams
	OpMember    = "disk.member"    // the content of a member of an archive or document
	OpSearch    = "disk.search"    // load keywords, expressions and kinds of features for the units that follow
	OpSpace     = "disk.space"     // where unallocated space lies, or what is in no file system
	OpCarve     = "disk.carve"     // files by their content in unallocated space
	OpSets      = "disk.sets"      // hash sets of known files, whose content is not looked at in the units that follow
	OpBirths    = "disk.births"    // when an NTFS volume and its files were made
	OpMedia     = "disk.media"     // bytes of the media as they are
	OpArtifacts = "disk.artifacts" // find and parse artifacts among streams
)

// The first byte of each reply.
const (
	TagError byte = iota // the operation's own error
	TagData
	TagEnd   // what is told when all is done
	TagAlive // nothing but that work goes on
	// TagMember is a member of the stream whose result follows.
	TagMember
)

// Error is an error of an operation on the image, told by the worker, which
// stays usable. errors.Is finds the sentinel errors of forensics/image and
// forensics/filesystem through it.
type Error struct {
	Text string
	kind error
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.kind }

// kinds numbers the errors that callers branch on.
var kinds = []error{
	nil, image.ErrEmpty, image.ErrUnsupported, image.ErrCorrupt, image.ErrMissing,
	filesystem.ErrUnknown, filesystem.ErrUnsupported, filesystem.ErrNotFound, filesystem.ErrNoContent,
}

// AppendError appends err for ReadError.
func AppendError(w *wire.Writer, err error) {
	code := 0
	for i, k := range kinds {
		if k != nil && errors.Is(err, k) {
			code = i
			break
		}
	}
	var m *image.MissingError
	if !errors.As(err, &m) {
		m = &image.MissingError{}
	}
	w.Uint(uint64(code))
	w.String(err.Error())
	w.String(m.Image)
	w.String(m.Why)
	w.String(strings.Join(m.Names, "\x00"))
	w.Uint(uint64(m.Disk))
}

// ReadError reads what AppendError wrote.
func ReadError(r *wire.Reader) error {
	code, text := r.Uint(), r.String()
	m := &image.MissingError{Image: r.String(), Why: r.String()}
	names := r.String()
	m.Disk = int(r.Uint())
	if names != "" {
		m.Names = strings.Split(names, "\x00")
		return m
	}
	e := &Error{Text: text}
	if code < uint64(len(kinds)) {
		e.kind = kinds[code]
	}
	return e
}

// AppendInfo appends i for the parent.
func AppendInfo(w *wire.Writer, i *Info) {
	w.String(i.Format)
	w.Int(i.Size)
	w.Uint(uint64(i.SectorSize))
	appendStrings(w, i.Segments)
	w.String(i.MD5)
	w.String(i.SHA1)
	w.Uint(uint64(len(i.Meta)))
	for _, m := range i.Meta {
		w.String(m.Key)
		w.String(m.Value)
	}
	appendStrings(w, i.Notes)
	w.Uint(uint64(len(i.Bad)))
	for _, b := range i.Bad {
		w.Int(b.Offset)
		w.Int(b.Length)
	}
	i.Table.Append(w)
	appendKeys(w, i.Keys)
}

func readInfo(r *wire.Reader, i *Info) {
	*i = Info{Format: r.String(), Size: r.Int(), SectorSize: int(r.Uint()), Segments: readStrings(r), MD5: r.String(), SHA1: r.String()}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		i.Meta = append(i.Meta, image.Meta{Key: r.String(), Value: r.String()})
	}
	i.Notes = readStrings(r)
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		i.Bad = append(i.Bad, image.Range{Offset: r.Int(), Length: r.Int()})
	}
	i.Table.Read(r)
	i.Keys = readKeys(r)
}

func appendStrings(w *wire.Writer, list []string) {
	w.Uint(uint64(len(list)))
	for _, s := range list {
		w.String(s)
	}
}

func readStrings(r *wire.Reader) (list []string) {
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		list = append(list, r.String())
	}
	return list
}
