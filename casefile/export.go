package casefile

import "path/filepath"

// Where names a file in the custody log: by its path in the case, or by its
// whole path when it lies outside.
func (c *Case) Where(path string) string {
	abs, err := filepath.Abs(path)
	dir, derr := filepath.Abs(c.Dir)
	if err != nil || derr != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return abs
}
