package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"saksi/sensor/capture"
)

// load finds the segments that are there.
func (r *Ring) load() error {
	entries, err := os.ReadDir(r.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var n int
		path := filepath.Join(r.cfg.Dir, e.Name())
		name, isSegment := strings.CutSuffix(e.Name(), segmentExt)
		if !isSegment {
			name, _ = strings.CutSuffix(e.Name(), indexExt)
		}
		if _, err := fmt.Sscanf(name, "%08d", &n); err != nil || len(name) != 8 {
			continue
		}
		if !isSegment {
			if _, err := os.Stat(strings.TrimSuffix(path, indexExt) + segmentExt); errors.Is(err, os.ErrNotExist) {
				_ = os.Remove(path)
			}
			continue
		}
		s, err := storedAt(path)
		if err != nil {
			return err
		}
		r.list = append(r.list, s)
		r.bytes.Add(s.bytes)
		r.next = max(r.next, n)
	}
	r.next++
	return nil
}

// segment is the file being written.
type segment struct {
	path  string
	f     *os.File
	size  int64
	begun time.Time
	ix    *building
}

// sectionComment begins a segment; see sourceOf.
const sectionComment = "saksi ring: source %s, first packet %d"

func (r *Ring) newSegment(first uint64) (*segment, error) {
	path := filepath.Join(r.cfg.Dir, fmt.Sprintf("%08d%s", r.next, segmentExt))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	r.next++
	b := capture.AppendSection(nil, r.cfg.App, fmt.Sprintf(sectionComment, r.cfg.Key, first))
	for i, link := range r.cfg.Links {
		b = capture.AppendInterface(b, r.cfg.Names[i], link)
	}
	if _, err := f.Write(b); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	r.bytes.Add(int64(len(b)))
	return &segment{path: path, f: f, size: int64(len(b)), begun: time.Now(), ix: newBuilding(r.cfg.Key, first, len(b))}, nil
}

// append writes a chunk; after an error the file is as before.
func (s *segment) append(c *chunk) error {
	if _, err := s.f.WriteAt(c.buf, s.size); err != nil {
		return errors.Join(err, s.f.Truncate(s.size))
	}
	s.size += int64(len(c.buf))
	s.ix.add(c)
	return nil
}

// finish writes the index; it may be tried again.
func (s *segment) finish() (stored, error) {
	st := stored{path: s.path, bytes: s.size, minTime: s.ix.minTime, maxTime: s.ix.maxTime}
	b := s.ix.encode()
	err := writeWhole(indexPath(s.path), b)
	if err == nil {
		st.bytes += int64(len(b))
	}
	return st, err
}

// writeWhole makes a file appear with all of b or not at all.
func writeWhole(path string, b []byte) error {
	tmp := path + ".tmp"
	err := os.WriteFile(tmp, b, 0o600)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp) // a half-written index is none
		return fmt.Errorf("writing the index of a segment: %w", err)
	}
	return nil
}

// stored is a complete segment.
type stored struct {
	path             string
	bytes            int64 // with its index
	minTime, maxTime int64 // Unix nanoseconds
	heldBy           int   // version of the hold file for which kept was found
	kept             bool
}

// storedAt describes a segment on the disk. Without an index its times are
// those of the file.
func storedAt(path string) (stored, error) {
	st, err := os.Stat(path)
	if err != nil {
		return stored{}, err
	}
	s := stored{path: path, bytes: st.Size(), minTime: 0, maxTime: st.ModTime().UnixNano()}
	ix, err := openIndex(indexPath(path))
	switch {
	case err == nil:
		s.bytes += int64(len(ix.raw))
		s.minTime, s.maxTime = ix.minTime, ix.maxTime
	case !errors.Is(err, os.ErrNotExist) && !errors.Is(err, errIndex) && !errors.Is(err, io.EOF):
		return s, err
	}
	return s, nil
}
