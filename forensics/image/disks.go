package image

import (
	"errors"
	"fmt"
)

// Disk is one of several disks that are examined together, because volumes lie
// over more than one of them.
type Disk struct {
	Name       string // base name of its first file
	Format     string
	Offset     int64 // where its first byte is in the media of all
	Size       int64
	SectorSize int
}

// MaxDisks bounds the disks that are examined together.
const MaxDisks = 64

// diskAlign is what the offset of each disk is a multiple of, in bytes; what
// lies between them reads as zeros.
const diskAlign = 1 << 20

// OpenDisks opens several containers as one image whose media has the disks one
// behind the other. A *MissingError says by Disk which of them needs more files.
// One disk alone is what Open gives.
func OpenDisks(sets [][]Segment) (*Image, error) {
	switch {
	case len(sets) == 0:
		return Open(nil)
	case len(sets) == 1:
		return Open(sets[0])
	}
	if len(sets) > MaxDisks {
		return nil, fmt.Errorf("opening %d disks together: at most %d are", len(sets), MaxDisks)
	}
	all := &Image{Format: "disks"}
	var list disks
	for i, segs := range sets {
		im, err := Open(segs)
		if err != nil {
			var m *MissingError
			if errors.As(err, &m) {
				m.Disk = i
			}
			return nil, err
		}
		d := Disk{Name: segs[0].Name, Format: im.Format, Offset: (all.Size + diskAlign - 1) / diskAlign * diskAlign, Size: im.Size, SectorSize: im.SectorSize}
		all.Disks = append(all.Disks, d)
		list = append(list, diskAt{d.Offset, im})
		if all.Size = d.Offset + d.Size; all.Size > maxMedia {
			return nil, fmt.Errorf("opening %s: with the disks before it there are %d bytes of media", d.Name, all.Size)
		}
		if all.SectorSize == 0 || im.SectorSize < all.SectorSize {
			all.SectorSize = im.SectorSize
		}
		all.Segments = append(all.Segments, im.Segments...)
		for _, m := range im.Meta {
			all.Meta = append(all.Meta, Meta{d.Name + ": " + m.Key, m.Value})
		}
		for _, m := range []Meta{{"stored md5", im.MD5}, {"stored sha1", im.SHA1}} {
			if m.Value != "" {
				all.Meta = append(all.Meta, Meta{d.Name + ": " + m.Key, m.Value})
			}
		}
		all.Notes = append(all.Notes, fmt.Sprintf("%s (%s) is at offset %d of the disks together, %d bytes", d.Name, d.Format, d.Offset, d.Size))
		for _, n := range im.Notes {
			all.Notes = append(all.Notes, d.Name+": "+n)
		}
		for _, b := range im.Bad {
			all.Bad = append(all.Bad, Range{d.Offset + b.Offset, b.Length})
		}
	}
	all.r = list
	return all, nil
}

// disks is the media of several.
type disks []diskAt

type diskAt struct {
	offset int64
	im     *Image
}

func (d disks) ReadAt(p []byte, off int64) (n int, err error) {
	clear(p) // what lies between them
	end := off + int64(len(p))
	for _, x := range d {
		from, to := max(off, x.offset), min(end, x.offset+x.im.Size)
		if from >= to {
			continue
		}
		got, err := x.im.ReadAt(p[from-off:to-off], from-x.offset)
		if int64(got) < to-from {
			return int(from-off) + got, err
		}
	}
	return len(p), nil
}

func (d disks) hole(off int64) int64 {
	for _, x := range d {
		switch h, ok := x.im.r.(holer); {
		case off < x.offset: // between two of them
			return x.offset - off
		case off >= x.offset+x.im.Size:
		case ok:
			return min(h.hole(off-x.offset), x.offset+x.im.Size-off)
		default:
			return 0
		}
	}
	return 0
}
