package image

// VMDK: VMware's virtual disks: a descriptor and its flat or sparse extents,
// monolithic sparse and stream-optimized files.
//
// Specification: VMware, "Virtual Disk Format 5.0", 2011. Numbers are
// little-endian, positions are in sectors of 512 bytes.
//
//	descriptor  text: CID, parentCID, createType, and a line an extent:
//	            ACCESS SECTORS TYPE "FILE" OFFSET
//	sparse      0 "KDMV" | 4 version | 8 flags | 12 capacity | 20 grain size |
//	            28 descriptor | 36 its length | 44 entries a grain table | 48
//	            redundant directory | 56 grain directory | 77 compression
//	grain table 4 a grain: 0 none, 1 zeros, else its sector
//	compressed  a grain: 8 sector | 4 length | zlib data; the directory's
//	            place may stand in a footer, 1024 bytes before the end

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	vmdkMagic = "KDMV"
	vmdkText  = "# Disk DescriptorFile"
)

func init() {
	register(Format{
		Name:      "vmdk",
		Doc:       "VMware disks: monolithic sparse, stream-optimized, and descriptors with flat, sparse and zero extents beside them; layers over a parent beside them",
		Reference: "VMware, Virtual Disk Format 5.0, 2011",
		Detect: func(head, _ []byte) bool {
			return bytes.HasPrefix(head, []byte(vmdkMagic)) || bytes.HasPrefix(bytes.TrimLeft(head[:min(len(head), 64)], "\ufeff \r\n"), []byte(vmdkText))
		},
		Open:    openVMDK,
		Samples: []string{"container/sparse.vmdk", "container/stream.vmdk", "container/flat.vmdk", "container/child.vmdk"},
		Hostile: []string{
			"container/sparse.vmdk cut=300", "container/sparse.vmdk cut=20000", "container/sparse.vmdk @20=ffffffffffffff7f", "container/sparse.vmdk @44=ffffffff",
			"container/sparse.vmdk @12=ffffffffffffff7f", "container/sparse.vmdk @56=ffffffffffffff7f", "container/stream.vmdk cut=30000", "container/child.vmdk",
		},
	})
}

func openVMDK(segs []Segment, depth int) (*Image, error) {
	s := segs[0]
	magic := make([]byte, 4)
	if err := readFull(s, magic, 0); err != nil {
		return nil, err
	}
	im := &Image{}
	if string(magic) != vmdkMagic {
		text := make([]byte, min(s.Size, maxText))
		if err := readFull(s, text, 0); err != nil {
			return nil, err
		}
		return im, vmdkExtents(im, segs, string(text), depth)
	}
	e, text, err := openSparse(s)
	if err != nil {
		return nil, err
	}
	im.Segments = []string{s.Name}
	im.Size = e.size
	im.r = e
	if strings.Contains(text, vmdkText) {
		d := vmdkDescriptor(text)
		im.cid = d.keys["CID"]
		if len(d.extents) <= 1 {
			if e.parent, err = d.parent(im, segs, depth); err != nil {
				return nil, err
			}
		} else {
			return im, vmdkExtents(im, segs, text, depth)
		}
	} else {
		im.Notes = append(im.Notes, "it holds no descriptor: an extent of a larger disk is read alone")
	}
	return im, nil
}

// vmdkDesc is what a descriptor says.
type vmdkDesc struct {
	keys    map[string]string
	extents []vmdkExtent
}

type vmdkExtent struct {
	sectors int64
	kind    string
	file    string
	offset  int64 // sectors into the file
}

// vmdkDescriptor reads the lines it understands and skips the others.
func vmdkDescriptor(text string) vmdkDesc {
	d := vmdkDesc{keys: map[string]string{}}
	if i := strings.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		f := strings.Fields(line)
		if len(f) >= 3 && (f[0] == "RW" || f[0] == "RDONLY" || f[0] == "NOACCESS") {
			e := vmdkExtent{kind: f[2]}
			e.sectors, _ = strconv.ParseInt(f[1], 10, 64)
			if parts := strings.Split(line, `"`); len(parts) >= 3 {
				e.file = baseName(parts[1])
				e.offset, _ = strconv.ParseInt(strings.TrimSpace(parts[2]), 10, 64)
			}
			d.extents = append(d.extents, e)
			continue
		}
		if k, v, ok := strings.Cut(line, "="); ok {
			d.keys[strings.TrimSpace(k)] = strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return d
}

// parent opens the disk that it is a layer over; nil if it is none.
func (d vmdkDesc) parent(im *Image, segs []Segment, depth int) (*Image, error) {
	cid := d.keys["parentCID"]
	if cid == "" || strings.EqualFold(cid, "ffffffff") {
		return nil, nil
	}
	p, err := openParent(segs, baseName(d.keys["parentFileNameHint"]), false, depth)
	if err != nil {
		return nil, err
	}
	if p.cid != "" && !strings.EqualFold(p.cid, cid) {
		im.Notes = append(im.Notes, fmt.Sprintf("its parent's content ID is %s, it was made over %s: the parent changed since, or is another", p.cid, cid))
	}
	im.Segments = append(im.Segments, p.Segments...)
	return p, nil
}

// vmdkExtents opens the files a descriptor names, in its order.
func vmdkExtents(im *Image, segs []Segment, text string, depth int) error {
	name := segs[0].Name
	d := vmdkDescriptor(text)
	im.cid = d.keys["CID"]
	if len(d.extents) == 0 || len(d.extents) > maxSegments {
		return corrupt(name, 0, "its descriptor names %d extents", len(d.extents))
	}
	im.Segments = []string{name}
	im.Size = 0
	parent, err := d.parent(im, segs, depth)
	if err != nil {
		return err
	}
	var missing []string
	c := concat{}
	for _, e := range d.extents {
		size := e.sectors * 512
		if e.sectors <= 0 || e.sectors > maxMedia/512 || im.Size > maxMedia-size {
			return corrupt(name, 0, "an extent of %d sectors", e.sectors)
		}
		part := Segment{Name: e.file, Size: size}
		if e.kind == "ZERO" {
			part.ReaderAt = zeros{}
		} else {
			f, ok := find(segs, e.file)
			if e.file == "" || !ok {
				missing = append(missing, e.file)
				continue
			}
			r, err := vmdkOpenExtent(f, e, size, parent, im.Size)
			if err != nil {
				return err
			}
			part.ReaderAt = r
			if !strings.EqualFold(f.Name, name) {
				im.Segments = append(im.Segments, f.Name)
			}
		}
		c.segs = append(c.segs, part)
		c.start = append(c.start, im.Size)
		im.Size += size
	}
	if len(missing) > 0 {
		return &MissingError{Image: name, Names: missing, Why: "extent"}
	}
	im.r = c
	return nil
}

func vmdkOpenExtent(f Segment, e vmdkExtent, size int64, parent *Image, at int64) (io.ReaderAt, error) {
	switch e.kind {
	case "FLAT", "VMFS":
		off := e.offset * 512
		if e.offset < 0 || e.offset > f.Size/512 || size > f.Size-off {
			return nil, corrupt(f.Name, off, "the descriptor wants %d bytes there, the file has %d", size, f.Size)
		}
		return io.NewSectionReader(f, off, size), nil
	case "SPARSE":
		s, _, err := openSparse(f)
		if err != nil {
			return nil, err
		}
		if s.size < size {
			return nil, corrupt(f.Name, 12, "the descriptor wants %d bytes, the extent holds %d", size, s.size)
		}
		s.parent, s.at = parent, at
		return s, nil
	}
	return nil, fmt.Errorf("opening %s: an extent of type %q is %w", f.Name, e.kind, ErrUnsupported)
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}
