package tskworker

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"saksi/forensics/filesystem"
	"saksi/forensics/image"
	"saksi/forensics/volume"
	"saksi/internal/tsk"
)

// place is a stretch that may be a volume, or hold some.
type place struct {
	disk           int
	in             *medium // nil: the image
	offset, length int64
	desc           string
	depth          int
	problem        string // why it is none that can be read
}

// table finds the volumes of the image and the file system of each.
func (s *session) table() {
	disks := s.im.Disks
	if len(disks) == 0 {
		disks = []image.Disk{{Size: s.im.Size, SectorSize: s.im.SectorSize}}
	}
	var places []place
	for i := range disks {
		places = append(places, s.partitions(i, &disks[i])...)
	}
	found := make([]bool, len(disks))
	places = s.arrays(places, func(p place) { found[p.disk] = true })
	set := s.setOf(places)
	for i, p := range places {
		switch {
		case p.problem != "":
			s.add(p.in, volume.Volume{Offset: p.offset, Length: p.length, Description: p.desc, Problem: p.problem})
		case i < maxPlaces:
			found[p.disk] = s.volumeOf(set, i, p.in, p.offset, p.length, p.desc, p.depth) || found[p.disk]
		default:
			found[p.disk] = s.volumeIn(p.in, p.offset, p.length, p.desc, p.depth) || found[p.disk]
		}
	}
	t := &s.info.Table
	for i := range disks {
		d := &disks[i]
		if whole := diskName(d) + "whole image"; !slices.ContainsFunc(places, func(p place) bool { return p.disk == i && p.offset == d.Offset && p.length == d.Size }) && (!found[i] || s.isISO(d.Offset)) {
			// A bootable ISO has a table, too.
			n := len(t.Volumes)
			if !s.volumeIn(nil, d.Offset, d.Size, whole, 0) && !found[i] && slices.ContainsFunc(places, func(p place) bool { return p.disk == i }) {
				s.cut(n)
			}
		}
	}
	s.shadows()
	s.apfsCopies()
	s.udfCopies()
	for i := range t.Volumes {
		t.Volumes[i].Number = i
	}
}

// diskName is what stands before the description of volumes of one of several
// disks.
func diskName(d *image.Disk) string {
	if d.Name == "" {
		return ""
	}
	return d.Name + ": "
}

// partitions are those of one disk, or all of it where it has no table.
func (s *session) partitions(number int, d *image.Disk) (places []place) {
	t := &s.info.Table
	ti := s.ti
	scheme, parts, backup, err := "", []tsk.Part(nil), false, error(nil)
	if d.Name != "" {
		if ti, err = tsk.Open(io.NewSectionReader(metered{s}, d.Offset, d.Size), d.Size, d.SectorSize); err == nil {
			defer ti.Close()
		}
	}
	if err == nil {
		scheme, parts, backup, err = ti.Parts()
	}
	switch {
	case errors.Is(err, tsk.ErrNoVolumes):
		scheme = "none"
	case err != nil:
		scheme = "none"
		t.Problem = strings.TrimPrefix(t.Problem+"; "+diskName(d)+err.Error(), "; ")
	}
	if !slices.Contains(strings.Split(t.Scheme, ", "), scheme) {
		t.Scheme = strings.TrimPrefix(t.Scheme+", "+scheme, ", ")
	}
	t.Backup = t.Backup || backup
	for _, p := range parts {
		if !p.Allocated || p.Meta || p.Length <= 0 {
			continue
		}
		x := place{disk: number, offset: d.Offset + p.Start, length: p.Length, desc: diskName(d) + p.Desc}
		if p.Start < 0 || p.Start >= d.Size {
			x.offset = p.Start
			x.problem = fmt.Sprintf("it begins at %d, beyond the %d bytes of media: the image was cut", p.Start, d.Size)
		} else {
			x.length = min(x.length, d.Size-p.Start)
		}
		places = append(places, x)
	}
	if len(places) == 0 {
		places = append(places, place{disk: number, offset: d.Offset, length: d.Size, desc: diskName(d) + "whole image"})
	}
	return places
}

func (s *session) isISO(offset int64) bool {
	b := make([]byte, 5)
	n, _ := s.im.ReadAt(b, offset+32769)
	return n == 5 && string(b) == "CD001"
}

const (
	maxLayers = 4    // how deep volumes lie in one another
	maxPlaces = 1024 // partitions that are looked at together
	maxNested = 3    // arrays of arrays
)

// stretch is a place as the layers read it.
func (s *session) stretch(in *medium, offset, length int64, name string) *volume.Stretch {
	x := &volume.Stretch{R: metered{s}, Offset: offset, Length: length, Name: name}
	if in != nil {
		x.R, x.Where = in, in.place
	}
	return x
}

func (s *session) setOf(places []place) *volume.Set {
	var list []*volume.Stretch
	for _, p := range places[:min(len(places), maxPlaces)] {
		if p.problem != "" {
			p.length = 0
		}
		list = append(list, s.stretch(p.in, p.offset, p.length, p.desc))
	}
	return volume.NewSet(list)
}

// arrays puts the arrays of Linux RAID that members of stand among places where
// the first member of each is, so that they are places as others; elsewhere is
// told those that stand with another.
func (s *session) arrays(places []place, elsewhere func(place)) []place {
	if len(places) > maxPlaces {
		s.info.Notes = append(s.info.Notes, fmt.Sprintf("there are %d partitions; the first %d are looked at together for arrays and volume groups", len(places), maxPlaces))
	}
	for range maxNested {
		set := s.setOf(places)
		var next []place
		more := false
		for i, p := range places {
			if p.problem != "" || i >= maxPlaces || !set.Member(i) {
				next = append(next, p)
				continue
			}
			_, parts, err := set.Inside(i)
			if err != nil {
				p.problem = err.Error()
				next = append(next, p)
			}
			for _, x := range parts {
				q := p
				q.desc, q.problem, q.depth = p.desc+", "+x.Description, x.Problem, p.depth+1
				switch {
				case x.Elsewhere != "":
					s.info.Notes = append(s.info.Notes, x.Elsewhere)
					elsewhere(p)
					continue
				case x.Problem != "":
				case x.Span != nil:
					m, err := s.newMedium(x.Span, x.Length, s.im.SectorSize, x.Span.Place)
					if err != nil {
						q.problem = err.Error()
						break
					}
					more = true
					q.in, q.offset, q.length = m, 0, m.size
				default:
					q.offset, q.length = x.Offset, x.Length
					more = true
				}
				next = append(next, q)
			}
		}
		places = next
		if !more {
			break
		}
	}
	return places
}

// volumeIn adds the volume, or those of the layer or the APFS container it is,
// and reports whether a file system was found. It lies in the image, or in a
// medium made of parts of it.
func (s *session) volumeIn(in *medium, offset, length int64, desc string, depth int) bool {
	return s.volumeOf(nil, 0, in, offset, length, desc, depth)
}

// volumeOf adds one of a set of which others may hold parts of the same volumes.
func (s *session) volumeOf(set *volume.Set, i int, in *medium, offset, length int64, desc string, depth int) bool {
	var r io.ReaderAt = s.im
	if in != nil {
		r = in
		length = min(length, in.size-offset)
	} else {
		length = min(length, s.im.Size-offset)
	}
	if set == nil {
		set, i = volume.NewSet([]*volume.Stretch{s.stretch(in, offset, length, desc)}), 0
	}
	// In a medium made of parts, offsets are its own; the volume is listed where
	// the medium begins in the image.
	put := func(v volume.Volume) bool { return s.add(in, v) }
	if depth < maxLayers {
		name, parts, err := set.Inside(i)
		found := false
		for _, p := range parts {
			d := desc + ", " + p.Description
			if p.Note != "" {
				s.info.Notes = append(s.info.Notes, p.Note)
			}
			switch {
			case p.Elsewhere != "":
				s.info.Notes = append(s.info.Notes, p.Elsewhere)
				found = true
				continue
			case p.Problem != "":
				put(volume.Volume{Offset: p.Offset, Length: p.Length, Description: d, Problem: p.Problem})
				continue
			case p.Span == nil:
				found = s.volumeIn(in, p.Offset, p.Length, d, depth+1) || found
				continue
			}
			m, err := s.newMedium(p.Span, p.Length, s.im.SectorSize, p.Span.Place)
			if err != nil {
				put(volume.Volume{Offset: offset, Length: length, Description: d, Problem: err.Error()})
				continue
			}
			found = s.volumeIn(m, 0, m.size, d, depth+1) || found
		}
		if err != nil {
			put(volume.Volume{Offset: offset, Length: length, Description: desc, Problem: err.Error()})
		}
		if name != "" {
			return found
		}
		if found, ok := s.unlock(in, r, offset, length, desc, depth); ok {
			return found
		}
	}
	magic := make([]byte, 4)
	if n, _ := r.ReadAt(magic, offset+32); n == 4 && string(magic) == "NXSB" && in == nil {
		return s.container(offset, length, desc)
	}
	n := len(s.info.Table.Volumes)
	return put(volume.Volume{Offset: offset, Length: length, Description: desc}) || depth > 0 && depth < maxLayers && s.nested(n, r, in, offset, length, desc, depth)
}

// cut takes the volumes from number n on, which have no file system, out of the
// table.
func (s *session) cut(n int) {
	for k := n; k < len(s.info.Table.Volumes); k++ {
		delete(s.inner, k)
		delete(s.within, k)
	}
	s.info.Table.Volumes = s.info.Table.Volumes[:n]
}

// nested finds the partitions of a volume that has no file system itself, as an
// array or the disk of a virtual machine in a logical volume has them, and puts
// them in its place, which is number n.
func (s *session) nested(n int, r io.ReaderAt, in *medium, offset, length int64, desc string, depth int) bool {
	ti, err := tsk.Open(io.NewSectionReader(r, offset, length), length, s.im.SectorSize)
	if err != nil {
		return false
	}
	defer ti.Close()
	_, parts, _, err := ti.Parts()
	if err != nil {
		return false
	}
	none, at := s.info.Table.Volumes[n], s.within[n]
	s.info.Table.Volumes = s.info.Table.Volumes[:n]
	found := false
	for _, p := range parts {
		if p.Allocated && !p.Meta && p.Length > 0 && p.Start >= 0 && p.Start < length {
			found = s.volumeIn(in, offset+p.Start, min(p.Length, length-p.Start), desc+", "+p.Desc, depth+1) || found
		}
	}
	if !found {
		s.cut(n)
		s.info.Table.Volumes = append(s.info.Table.Volumes, none)
		if in != nil {
			s.inner[n], s.within[n] = in, at
		}
	}
	return found
}

// add adds a volume to the table, with its file system.
func (s *session) add(in *medium, v volume.Volume) bool {
	t := &s.info.Table
	n := len(t.Volumes)
	if v.Problem == "" {
		media := s.media(v.Offset, v.Length, v.Pool, v.Block)
		if in != nil {
			media.ReaderAt, media.Length = in, min(v.Length, in.size-v.Offset)
		}
		r, err := filesystem.Open(media)
		if err != nil {
			v.Problem = err.Error()
		} else {
			if in != nil {
				r = &placed{Reader: r, in: in}
			}
			s.readers[n] = r
			v.FileSystem = r.Info()
			if v.FileSystem.Format == "archive" && v.FileSystem.Label != "" {
				v.Description += ", " + v.FileSystem.Label
			}
			if text := unreplayed(v.FileSystem.Format, media.ReaderAt, media.Offset); text != "" {
				s.info.Notes = append(s.info.Notes, fmt.Sprintf("volume %d: %s", n, text))
			}
			if v.FileSystem.Type == "iso9660" {
				s.bridges = append(s.bridges, bridge{n, media, in})
			}
			if v.FileSystem.Type == "ntfs" {
				s.shadowed = append(s.shadowed, shadowed{number: n, r: media.ReaderAt, in: in, offset: v.Offset, length: media.Length})
			}
		}
	}
	if in != nil {
		s.inner[n], s.within[n] = in, v.Offset
		v.Offset = in.first(v.Offset)
	}
	t.Volumes = append(t.Volumes, v)
	return v.Problem == ""
}
