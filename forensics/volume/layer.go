package volume

import (
	"fmt"
	"io"
	"slices"
	"sort"

	"saksi/internal/registry"
)

// Part is a volume that a layer gives.
type Part struct {
	Offset, Length int64 // bytes, in the stretch's R
	Description    string
	Problem        string // why its content can't be read; Offset and Length are then of what holds it
	// Span is a volume that does not lie in one piece of the stretch, whose length
	// is Length; Offset is nothing then.
	Span Span
	Note string // what is to be said of what holds it
	// Elsewhere says of which volume, listed with another stretch, this one is a
	// part; nothing else is set then.
	Elsewhere string
}

// Layer is what stands between a partition and its file systems, such as a
// volume manager. Its door file registers it; nothing else lists it.
type Layer struct {
	Name, Doc, Reference string
	// Detect decides whether stretch i of the set is of the kind. It MUST NOT fail.
	Detect func(set *Set, i int) bool
	// Parts lists the volumes in it, with what the others of the set have of
	// them. Every length and offset is checked against it.
	Parts func(set *Set, i int) ([]Part, error)
	// Samples are files of testdata/image.
	Samples []string
}

// maxParts bounds the volumes of one layer.
const maxParts = 4096

var layers []*Layer

func registerLayer(l Layer) {
	taken := func(name string) bool {
		return slices.ContainsFunc(layers, func(o *Layer) bool { return o.Name == name })
	}
	err := registry.Check("layer", l.Name, taken,
		registry.Need{What: "documentation", Has: l.Doc != ""},
		registry.Need{What: "reference to its specification", Has: l.Reference != ""},
		registry.Need{What: "way to detect it", Has: l.Detect != nil},
		registry.Need{What: "reader", Has: l.Parts != nil},
		registry.Need{What: "sample", Has: len(l.Samples) > 0},
	)
	if err != nil {
		panic(err)
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

// Set is the stretches that may hold parts of the same volumes.
type Set struct {
	list []*Stretch
	md   []*mdMember // of each stretch, nil where it is none
	pv   []*lvmDisk
}

// NewSet looks at stretches.
func NewSet(list []*Stretch) *Set {
	s := &Set{list: list, md: make([]*mdMember, len(list)), pv: make([]*lvmDisk, len(list))}
	texts := &lvmTexts{read: map[string]*lvmNode{}, of: map[*lvmNode]map[string]bool{}}
	for i, x := range list {
		if s.md[i] = mdProbe(x); s.md[i] == nil {
			s.pv[i] = lvmProbe(x, texts)
		}
	}
	return s
}

// Member reports whether a stretch is a member of an array.
func (set *Set) Member(i int) bool { return set.md[i] != nil }

// Inside lists the volumes in a stretch that a layer divides; name is "" if
// none does.
func (set *Set) Inside(i int) (name string, parts []Part, err error) {
	s := set.list[i]
	for _, l := range layers {
		if !l.Detect(set, i) {
			continue
		}
		parts, err := l.Parts(set, i)
		if err != nil {
			return l.Name, nil, fmt.Errorf("opening the %s at offset %d: %w", l.Name, s.Offset, err)
		}
		if len(parts) > maxParts {
			return l.Name, parts[:maxParts], fmt.Errorf("opening the %s at offset %d: %d volumes; %d are read", l.Name, s.Offset, len(parts), maxParts)
		}
		for i := range parts {
			parts[i].within(s)
		}
		return l.Name, parts, nil
	}
	return "", nil, nil
}

// within makes a part that lies in one piece of the stretch a place in it, and
// gives one that can't be read the place of the stretch.
func (p *Part) within(s *Stretch) {
	if p.Elsewhere != "" {
		return
	}
	if p.Problem == "" && p.Span != nil && p.Length <= 0 {
		p.Problem = "it has no bytes"
	}
	if x, ok := p.Span.(part); ok && p.Problem == "" {
		if in, ok := x.of.(*Stretch); ok && in == s {
			p.Span, p.Offset = nil, s.Offset+x.from
		}
	}
	if p.Problem == "" && p.Span == nil && (p.Offset < s.Offset || p.Length <= 0 || p.Offset > s.Offset+s.Length || p.Length > s.Offset+s.Length-p.Offset) {
		p.Problem = fmt.Sprintf("it should lie at %d and have %d bytes, which is not within its partition of %d bytes at %d: the image was cut, or the volume group has more disks", p.Offset, p.Length, s.Length, s.Offset)
	}
	if p.Problem != "" {
		p.Offset, p.Length, p.Span = s.Offset, s.Length, nil
	}
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
