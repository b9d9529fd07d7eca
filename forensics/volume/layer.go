package volume

import (
	"fmt"
	"io"
	"slices"
	"sort"
)

// Part is a volume that a layer gives.
type Part struct {
	Offset, Length int64 // bytes, in the image
	Description    string
	Problem        string // why its content can't be read; Offset and Length are then of what holds it
	// Pieces are where a volume lies that does not lie in one piece, in its
	// order; Offset is that of the first, Length that of all.
	Pieces []Piece
}

// Piece is a stretch of a volume in the image, in bytes.
type Piece struct{ Offset, Length int64 }

// Joined reads a volume that lies in pieces.
type Joined struct {
	R      io.ReaderAt
	Pieces []Piece
}

// Place is where a byte of the volume lies, and how many go on there; 0 of
// them beyond its end.
func (j *Joined) Place(off int64) (image, length int64) {
	for _, p := range j.Pieces {
		if off < p.Length {
			return p.Offset + off, p.Length - off
		}
		off -= p.Length
	}
	return 0, 0
}

// ReadAt reads over the pieces.
func (j *Joined) ReadAt(p []byte, off int64) (int, error) {
	total := 0
	for len(p) > 0 {
		at, n := j.Place(off)
		if n == 0 {
			return total, io.EOF
		}
		n = min(n, int64(len(p)))
		got, err := j.R.ReadAt(p[:n], at)
		total += got
		if int64(got) < n {
			return total, err
		}
		p, off = p[n:], off+n
	}
	return total, nil
}

// Layer is what stands between a partition and its file systems, such as a
// volume manager. Its door file registers it; nothing else lists it.
type Layer struct {
	Name, Doc, Reference string
	// Detect decides by the first headSize bytes of the partition. It MUST NOT
	// fail.
	Detect func(head []byte) bool
	// Parts lists the volumes in the partition. Every length and offset is
	// checked against it.
	Parts func(r io.ReaderAt, offset, length int64) ([]Part, error)
	// Samples are files of testdata/image.
	Samples []string
}

// headSize is what Detect is given, in bytes.
const headSize = 8 << 10

// maxParts bounds the volumes of one layer.
const maxParts = 4096

var layers []*Layer

func registerLayer(l Layer) {
	if l.Name == "" || l.Doc == "" || l.Reference == "" || l.Detect == nil || l.Parts == nil || len(l.Samples) == 0 {
		panic(fmt.Sprintf("registering layer %q: it has no name, documentation, reference, reader or sample", l.Name))
	}
	layers = append(layers, &l)
	sort.Slice(layers, func(i, j int) bool { return layers[i].Name < layers[j].Name })
}

// Layers returns every registered layer in the order of their names.
func Layers() []Layer {
	out := make([]Layer, len(layers))
	for i, l := range layers {
		out[i] = *l
	}
	return out
}

// Inside lists the volumes in a partition that a layer divides; name is "" if
// none does.
func Inside(r io.ReaderAt, offset, length int64) (name string, parts []Part, err error) {
	head := make([]byte, min(length, headSize))
	n, err := r.ReadAt(head, offset)
	if n == 0 && err != nil && err != io.EOF {
		return "", nil, nil // the file system's opening says so
	}
	for _, l := range layers {
		if !l.Detect(head[:n]) {
			continue
		}
		parts, err := l.Parts(r, offset, length)
		if err != nil {
			return l.Name, nil, fmt.Errorf("opening the %s at offset %d: %w", l.Name, offset, err)
		}
		if len(parts) > maxParts {
			return l.Name, parts[:maxParts], fmt.Errorf("opening the %s at offset %d: %d volumes; %d are read", l.Name, offset, len(parts), maxParts)
		}
		for i := range parts {
			p := &parts[i]
			pieces := p.Pieces
			if pieces == nil {
				pieces = []Piece{{p.Offset, p.Length}}
			}
			if p.Problem == "" && slices.ContainsFunc(pieces, func(p Piece) bool {
				return p.Offset < offset || p.Length <= 0 || p.Offset > offset+length || p.Length > offset+length-p.Offset
			}) {
				p.Problem = fmt.Sprintf("it should lie at %d and have %d bytes, which is not within its partition of %d bytes at %d: the image was cut, or the volume group has more disks", p.Offset, p.Length, length, offset)
			}
			if p.Problem != "" {
				p.Offset, p.Length, p.Pieces = offset, length, nil
			}
		}
		return l.Name, parts, nil
	}
	return "", nil, nil
}

// readAll reads all of p at off.
func readAll(r io.ReaderAt, p []byte, off int64) error {
	if n, err := r.ReadAt(p, off); n < len(p) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading at offset %d: %w", off+int64(n), err)
	}
	return nil
}
