package image

import (
	"fmt"
	"slices"
	"sort"

	"saksi/internal/registry"
)

// Format is one kind of container. Its door file registers it; nothing else
// lists it.
type Format struct {
	Name      string // short, lower case
	Doc       string // what it is and what of it is read
	Reference string // its specification
	// Next gives the name of segment n (1 is the second) of the set whose
	// first file has this base name, "" when there is none: a hint for
	// Siblings, the only use of names. Nil for formats of one file.
	Next func(first string, n int) string
	// Detect decides by the first and the last bytes of the first file. It
	// MUST NOT fail, whatever the bytes. Nil for the fallback (raw).
	Detect func(head, tail []byte) bool
	// Open opens the set. depth counts the parents that led here; Open MUST
	// refuse more than maxParents.
	Open func(segs []Segment, depth int) (*Image, error)
	// Samples are files of testdata/image, each the first of its set.
	Samples []string
	// Hostile are recipes of broken images, from a sample: "NAME cut=N" keeps
	// N bytes, "NAME @OFF=HEX" puts bytes at OFF (negative: from the end).
	Hostile []string
}

var formats []*Format

// register adds a format; the registry's own test turns a refusal into a
// failing build.
func register(f Format) {
	if err := f.check(); err != nil {
		panic(err)
	}
	formats = append(formats, &f)
	sort.Slice(formats, func(i, j int) bool { return formats[i].Name < formats[j].Name })
}

func (f *Format) check() error {
	taken := func(name string) bool {
		return slices.ContainsFunc(formats, func(g *Format) bool { return g.Name == name })
	}
	err := registry.Check("image format", f.Name, taken,
		registry.Need{What: "documentation", Has: f.Doc != ""},
		registry.Need{What: "reference to its specification", Has: f.Reference != ""},
		registry.Need{What: "way to open it", Has: f.Open != nil},
		registry.Need{What: "sample", Has: len(f.Samples) > 0},
		registry.Need{What: "hostile sample", Has: len(f.Hostile) > 0},
	)
	if err != nil {
		return err
	}
	for _, g := range formats {
		if g.Detect == nil && f.Detect == nil {
			return fmt.Errorf("registering image format %q: %s already takes what nothing else recognizes", f.Name, g.Name)
		}
	}
	return nil
}

// Formats returns every registered format in the order of their names.
func Formats() []Format {
	out := make([]Format, len(formats))
	for i, f := range formats {
		out[i] = *f
	}
	return out
}

func detect(head, tail []byte) *Format {
	var fallback *Format
	for _, f := range formats {
		if f.Detect == nil {
			fallback = f
		} else if f.Detect(head, tail) {
			return f
		}
	}
	return fallback
}

// Siblings returns the base names of the further segments of the set whose
// first file is named first: every candidate name in order, until exists says
// no. It looks at names only; a name that belongs to no set gives none.
func Siblings(first string, exists func(name string) bool) []string {
	for _, f := range formats {
		if f.Next == nil {
			continue
		}
		var names []string
		for n := 1; n < maxSegments; n++ {
			name := f.Next(first, n)
			if name == "" || !exists(name) {
				break
			}
			names = append(names, name)
		}
		if len(names) > 0 {
			return names
		}
	}
	return nil
}
