package tskworker

import (
	"saksi/forensics/filesystem"
)

// bridge is a volume of ISO 9660, which may be UDF as well.
type bridge struct {
	number int
	media  filesystem.Media
	in     *medium
}

// udfCopies lists what is UDF of discs that were read as ISO 9660 behind all volumes,
// as another state of the same volume: most such discs hold the same files twice, and
// one that does not hides files from whom looks at one of them.
func (s *session) udfCopies() {
	t := &s.info.Table
	for _, b := range s.bridges {
		head := make([]byte, min(b.media.Length, 128<<10))
		n, _ := b.media.ReadAt(head, b.media.Offset)
		if !filesystem.IsUDF(head[:n]) {
			continue
		}
		v := t.Volumes[b.number]
		v.Description += ", as UDF"
		v.Copy, v.Of = 1, b.number
		open := func() (filesystem.Reader, error) {
			r, err := filesystem.OpenUDF(b.media)
			if err == nil && b.in != nil {
				r = &placed{Reader: r, in: b.in}
			}
			return r, err
		}
		r, err := open()
		if err != nil {
			v.Problem, v.FileSystem = err.Error(), filesystem.Info{}
		} else {
			v.FileSystem = r.Info()
		}
		s.copies[len(t.Volumes)] = open
		t.Volumes = append(t.Volumes, v)
	}
}
