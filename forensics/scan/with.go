package scan

import "path/filepath"

// opened is how a command names the image, with the disks it was opened with.
func (s *scanner) opened() string {
	out := quote(s.evidenceName())
	for _, path := range s.src.Disks[1:] {
		out += " --with " + quote(filepath.Base(path))
	}
	return out
}
