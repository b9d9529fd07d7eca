package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"saksi/findings"
)

// The manifest names the segments that are the index. It is replaced as a whole
// by rename; what is not named in it is not there.
const (
	manifestName = "segments"
	suffix       = ".seg"
	oldName      = "findings.sqlite" // of format 1
)

// format is the version of the files; an index of another is built again from
// its spool.
const format = 2

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type manifest struct {
	Format int      `json:"format"`
	Made   int64    `json:"made"` // when the index was made, which tells it from one made later in its place
	Next   uint64   `json:"next"` // number of the next segment
	List   []string `json:"segments"`
}

// rebuild is what to do with files that can't be read.
const rebuild = "remove the file 'segments' and the files '*.seg' in it (not its folder 'spool') and build it again by 'saksi findings push'"

func loadManifest(dir string) (m manifest, raw []byte, err error) {
	path := filepath.Join(dir, manifestName)
	raw, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, oldName)); err == nil {
			return m, nil, fmt.Errorf("index %s is of format 1, this saksi uses %d: remove its files '%s*' and build it again from the spool by 'saksi findings push'", dir, format, oldName)
		}
	}
	if err != nil {
		return m, nil, fmt.Errorf("opening the index: %w", err)
	}
	body, sum, ok := bytes.Cut(raw, []byte("\n"))
	want, perr := strconv.ParseUint(string(bytes.TrimSpace(sum)), 16, 32)
	if !ok || perr != nil || uint32(want) != crc32.Checksum(body, castagnoli) {
		return m, nil, fmt.Errorf("opening the index: %s: %w: its checksum is another; %s", path, findings.ErrCorrupt, rebuild)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, nil, fmt.Errorf("opening the index: %s: %w: %w; %s", path, findings.ErrCorrupt, err, rebuild)
	}
	if m.Format != format {
		return m, nil, fmt.Errorf("index %s is of format %d, this saksi uses %d: %s", dir, m.Format, format, rebuild)
	}
	for _, name := range m.List {
		if filepath.Base(name) != name || !strings.HasSuffix(name, suffix) {
			return m, nil, fmt.Errorf("opening the index: %s: %w: it names %q as a segment; %s", path, findings.ErrCorrupt, name, rebuild)
		}
	}
	return m, raw, nil
}

// save makes m the manifest of dir, and reports whether it is also when it
// returns an error. The segments it names MUST be on the disk.
func (m *manifest) save(dir string) (saved bool, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return false, err
	}
	body = fmt.Appendf(body, "\n%08x\n", crc32.Checksum(body, castagnoli))
	// Names of new segments first: the manifest must not be on the disk before.
	if err := syncDir(dir); err != nil {
		return false, err
	}
	path := filepath.Join(dir, manifestName)
	if err := writeFile(path+".new", body); err != nil {
		return false, err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return false, err
	}
	return true, syncDir(dir)
}

// writeFile writes a file of the owner alone and waits until it is on the disk.
func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	return f.Close()
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// sweep removes what a writer that was killed left: segments that the manifest
// does not name, and a manifest that was not finished.
func sweep(dir string, m *manifest) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	live := map[string]bool{}
	for _, name := range m.List {
		live[name] = true
	}
	for _, e := range list {
		name := e.Name()
		if e.Type().IsRegular() && (strings.HasSuffix(name, suffix) && !live[name] || name == manifestName+".new") {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
