// Package image opens the containers in which disks are kept (raw, split raw,
// E01, QCOW2, VHD, VHDX, VMDK) and gives their media as an io.ReaderAt. Start
// with Open; Siblings finds the other files of a set by their names.
//
// The kind of a container is decided by its content, never by its name. All of
// it is pure Go and reads only through the segments it is given: it opens no
// file by itself, so it runs inside the sandboxed worker on descriptors. Every
// error names the file and the offset; no input makes it panic or allocate
// more than a few times maxTable bytes.
package image

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Segment is one file of an image.
type Segment struct {
	Name string // base name, for messages and for references between files
	Size int64  // bytes
	io.ReaderAt
}

// Image is an open container. ReadAt reads its media and is safe for
// concurrent use. A read at or beyond Size gives io.EOF.
type Image struct {
	Format     string   // name in the registry, such as "e01"
	Size       int64    // bytes of media
	SectorSize int      // bytes of a sector as the container states it; 512 when it states none
	Segments   []string // base names of the files read, in the order of the media
	MD5, SHA1  string   // digests stored in the container, lower-case hex; empty when there are none
	Meta       []Meta   // what else the container states about the acquisition
	Notes      []string // what is wrong with the container though it can be read
	Bad        []Range  // media that could not be read when the image was made
	Disks      []Disk   // of OpenDisks, where there are several

	r   io.ReaderAt
	cid string // VMDK: what layers over it know it by
}

// Meta is one statement of a container about its making, such as
// "examiner" = "A. Aminah".
type Meta struct{ Key, Value string }

// Range is a stretch of media in bytes.
type Range struct{ Offset, Length int64 }

// Errors that callers branch on.
var (
	// ErrEmpty is returned for a file without a byte.
	ErrEmpty = errors.New("image is empty")
	// ErrUnsupported is returned for containers that are recognized and not
	// read, and for features of the read ones that are not; the message names
	// what it is and what to do.
	ErrUnsupported = errors.New("not supported")
	// ErrCorrupt is returned when a container contradicts itself.
	ErrCorrupt = errors.New("container is corrupted")
	// ErrMissing is matched by *MissingError.
	ErrMissing = errors.New("a file of the image is missing")
)

// MissingError says that the container can't be opened without other files.
// The caller looks for Names (base names only) beside the image, adds what it
// finds to the segments and opens again.
type MissingError struct {
	Image string   // the file that refers to them
	Names []string // base names
	Why   string   // what they are: "parent disk", "segment 3", "extent"
	Disk  int      // number of the disk, of several that are opened together
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("opening %s: its %s %s is missing; put it beside the image", e.Image, e.Why, strings.Join(e.Names, ", "))
}

// Is makes errors.Is(err, ErrMissing) true.
func (e *MissingError) Is(target error) bool { return target == ErrMissing }

// ChunkError is a piece of a compressed container that can't be read; the rest
// of the media can.
type ChunkError struct {
	Segment string // file the chunk is in
	Chunk   int64  // number of the chunk, from 0
	Offset  int64  // media offset of its first byte
	Length  int64  // bytes of media it holds
	Reason  string
}

func (e *ChunkError) Error() string {
	return fmt.Sprintf("reading %s: chunk %d at media offset %d (%d bytes): %s", e.Segment, e.Chunk, e.Offset, e.Length, e.Reason)
}

// Is makes errors.Is(err, ErrCorrupt) true.
func (e *ChunkError) Is(target error) bool { return target == ErrCorrupt }

// Limits of what a container may make us hold; real ones need far less.
const (
	maxTable    = 64 << 20 // bytes of one table
	maxSegments = 14971    // EnCase names end at .ZZZ
	maxText     = 1 << 20  // bytes of one descriptor or header text, unpacked
	maxMedia    = 1 << 60  // bytes of media anyone can mean
	maxParents  = 16       // differencing disks in one chain
	headSize    = 4096     // bytes given to Detect from the start
	tailSize    = 1024     // and from the end
)

// Open recognizes and opens the container whose first file is segs[0]; the
// others are the rest of its set in any order, or files an earlier
// *MissingError asked for.
func Open(segs []Segment) (*Image, error) {
	return open(segs, 0)
}

func open(segs []Segment, depth int) (*Image, error) {
	if len(segs) == 0 || segs[0].Size == 0 {
		name := "image"
		if len(segs) > 0 {
			name = segs[0].Name
		}
		return nil, fmt.Errorf("opening %s: %w; there is nothing to examine", name, ErrEmpty)
	}
	if len(segs) > maxSegments {
		return nil, fmt.Errorf("opening %s: %d segments are more than the %d a set can have", segs[0].Name, len(segs), maxSegments)
	}
	head := make([]byte, min(segs[0].Size, headSize))
	if err := readFull(segs[0], head, 0); err != nil {
		return nil, err
	}
	tail := make([]byte, min(segs[0].Size, tailSize))
	if err := readFull(segs[0], tail, segs[0].Size-int64(len(tail))); err != nil {
		return nil, err
	}
	f := detect(head, tail)
	im, err := f.Open(segs, depth)
	if err != nil {
		return nil, err
	}
	im.Format = f.Name
	if im.SectorSize == 0 {
		im.SectorSize = 512
	}
	if im.Size < 0 || im.Size > maxMedia {
		return nil, fmt.Errorf("opening %s: %w: it claims %d bytes of media", segs[0].Name, ErrCorrupt, im.Size)
	}
	if im.Size == 0 {
		return nil, fmt.Errorf("opening %s: %w: the %s container holds no media", segs[0].Name, ErrEmpty, f.Name)
	}
	return im, nil
}

// ReadAt reads media.
func (im *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("reading image: negative offset %d", off)
	}
	if off >= im.Size {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > im.Size-off {
		p, short = p[:im.Size-off], true
	}
	n, err := im.r.ReadAt(p, off)
	if n == len(p) {
		err = nil
		if short {
			err = io.EOF
		}
	}
	return n, err
}

// readFull reads len(p) bytes of s at off; a file that ends before gives an
// error that names it, the offset and both sizes.
func readFull(s Segment, p []byte, off int64) error {
	if off < 0 || off > s.Size || int64(len(p)) > s.Size-off {
		return fmt.Errorf("reading %s: %w: %d bytes at offset %d are needed, the file has %d bytes", s.Name, ErrCorrupt, len(p), off, s.Size)
	}
	if n, err := s.ReadAt(p, off); n < len(p) {
		return fmt.Errorf("reading %s at offset %d: %w", s.Name, off+int64(n), err)
	}
	return nil
}

// find returns the segment with the base name, whatever its case.
func find(segs []Segment, name string) (Segment, bool) {
	for _, s := range segs {
		if strings.EqualFold(s.Name, name) {
			return s, true
		}
	}
	return Segment{}, false
}

// baseName is the last part of a path written by any system. It is "" when
// there is no usable name, so that no reference leads out of the folder.
func baseName(path string) string {
	if i := strings.LastIndexAny(path, `/\:`); i >= 0 {
		path = path[i+1:]
	}
	if path == "." || path == ".." || strings.ContainsRune(path, 0) || len(path) > 255 {
		return ""
	}
	return path
}

func corrupt(name string, off int64, format string, args ...any) error {
	return fmt.Errorf("opening %s: %w at offset %d: %s", name, ErrCorrupt, off, fmt.Sprintf(format, args...))
}
