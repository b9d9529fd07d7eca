package tskworker

import (
	"errors"
	"fmt"
	"io"

	"saksi/forensics/filesystem"
	"saksi/forensics/volume"
	"saksi/internal/tsk"
)

// table finds the volumes of the image and the file system of each.
func (s *session) table() {
	t := &s.info.Table
	scheme, parts, backup, err := s.ti.Parts()
	switch {
	case errors.Is(err, tsk.ErrNoVolumes):
		t.Scheme = "none"
	case err != nil:
		t.Scheme, t.Problem = "none", err.Error()
	default:
		t.Scheme, t.Backup = scheme, backup
	}
	found := false
	for _, p := range parts {
		if !p.Allocated || p.Meta || p.Length <= 0 {
			continue
		}
		if p.Start < 0 || p.Start >= s.im.Size {
			t.Volumes = append(t.Volumes, volume.Volume{
				Offset: p.Start, Length: p.Length, Description: p.Desc,
				Problem: fmt.Sprintf("it begins at %d, beyond the %d bytes of media: the image was cut", p.Start, s.im.Size),
			})
			continue
		}
		found = s.volume(p.Start, p.Length, p.Desc, 0) || found
	}
	whole := func() bool {
		n := len(t.Volumes)
		if s.volume(0, s.im.Size, "whole image", 0) {
			return true
		}
		t.Volumes = t.Volumes[:n]
		return false
	}
	switch {
	case len(t.Volumes) == 0:
		s.volume(0, s.im.Size, "whole image", 0)
	case !found:
		whole()
	case s.isISO():
		whole() // a bootable ISO has a table too
	}
	s.shadows()
	for i := range t.Volumes {
		t.Volumes[i].Number = i
	}
}

func (s *session) isISO() bool {
	b := make([]byte, 5)
	n, _ := s.im.ReadAt(b, 32769)
	return n == 5 && string(b) == "CD001"
}

// maxLayers bounds how deep volumes lie in one another.
const maxLayers = 4

// volume adds the volume, or those of the layer or the APFS container it is,
// and reports whether a file system was found.
func (s *session) volume(offset, length int64, desc string, depth int) bool {
	return s.volumeIn(nil, offset, length, desc, depth)
}

// volumeIn adds a volume of the image, or of a medium made of parts of it.
func (s *session) volumeIn(in *medium, offset, length int64, desc string, depth int) bool {
	var r io.ReaderAt = s.im
	if in != nil {
		r = in
		length = min(length, in.size-offset)
	} else {
		length = min(length, s.im.Size-offset)
	}
	// In a medium made of parts, offsets are its own; the volume is listed where
	// the medium begins in the image.
	put := func(v volume.Volume) bool { return s.add(in, v) }
	if depth < maxLayers {
		name, parts, err := volume.Inside(r, offset, length)
		found := false
		for _, p := range parts {
			d := desc + ", " + p.Description
			if p.Problem != "" {
				put(volume.Volume{Offset: p.Offset, Length: p.Length, Description: d, Problem: p.Problem})
				continue
			}
			if p.Pieces == nil {
				found = s.volumeIn(in, p.Offset, p.Length, d, depth+1) || found
				continue
			}
			j := &volume.Joined{R: r, Pieces: p.Pieces}
			m, err := s.newMedium(j, p.Length, s.im.SectorSize, func(off int64) (int64, int64) {
				at, n := j.Place(off)
				return inImage(in, at), n
			})
			if err != nil {
				put(volume.Volume{Offset: p.Offset, Length: p.Length, Description: d, Problem: err.Error()})
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
		m := s.media(offset, length, false, 0)
		vols, err := s.ti.Pool(offset)
		if err != nil {
			put(volume.Volume{Offset: offset, Length: length, Description: desc, Problem: err.Error()})
			return false
		}
		found := false
		for _, v := range vols {
			m.Pool, m.Block = true, v.Block
			found = put(volume.Volume{Offset: offset, Length: length, Description: desc + ", APFS volume " + v.Desc, Pool: true, Block: v.Block}) || found
		}
		return found
	}
	return put(volume.Volume{Offset: offset, Length: length, Description: desc})
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
			if v.FileSystem.Type == "ntfs" {
				s.shadowed = append(s.shadowed, shadowed{number: n, r: media.ReaderAt, in: in, offset: v.Offset, length: media.Length})
			}
		}
	}
	if in != nil {
		s.inner[n] = in
		v.Offset, _ = in.place(v.Offset)
	}
	t.Volumes = append(t.Volumes, v)
	return v.Problem == ""
}
