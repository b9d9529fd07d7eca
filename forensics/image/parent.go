package image

import (
	"errors"
	"fmt"
	"strings"
)

// openParent opens the disk that segs[0] is a layer over: the file of that base
// name among the others. raw says that it is media as it is, whatever it looks
// like; else its content decides.
func openParent(segs []Segment, name string, raw bool, depth int) (*Image, error) {
	if name == "" {
		return nil, corrupt(segs[0].Name, 0, "its parent disk has no usable name")
	}
	if depth >= maxParents {
		return nil, corrupt(segs[0].Name, 0, "more than %d parent disks", maxParents)
	}
	p, ok := find(segs[1:], name)
	if !ok {
		return nil, &MissingError{Image: segs[0].Name, Names: []string{name}, Why: "parent disk"}
	}
	alone := []Segment{p}
	var im *Image
	var err error
	if raw {
		if p.Size == 0 {
			return nil, fmt.Errorf("opening the parent of %s: %s: %w", segs[0].Name, p.Name, ErrEmpty)
		}
		im, err = rawMedia(alone)
	} else if im, err = open(alone, depth+1); errors.Is(err, ErrMissing) {
		// It has files of its own: pieces, or a parent.
		rest := alone
		for _, s := range segs[1:] {
			if !strings.EqualFold(s.Name, name) {
				rest = append(rest, s)
			}
		}
		im, err = open(rest, depth+1)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the parent of %s: %w", segs[0].Name, err)
	}
	return im, nil
}

// readParent reads media that a layer does not hold: the parent's, and zeros
// beyond its end. parent may be nil.
func readParent(parent *Image, p []byte, off int64) error {
	clear(p)
	if parent == nil || off >= parent.Size {
		return nil
	}
	want := p[:min(int64(len(p)), parent.Size-off)]
	if n, err := parent.ReadAt(want, off); n < len(want) {
		return err
	}
	return nil
}
