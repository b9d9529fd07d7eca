package casefile

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"saksi/evidence"
)

// Acts of an acquisition in the custody log.
const (
	ActAcquire = "acquire"        // recorded before the first byte is read
	ActStop    = "stop acquiring" // it ended before its source did
	// ActSegment takes a further file of an exhibit under custody. Those of an
	// exhibit stand right before the entry that adds it.
	ActSegment = "add segment"
)

// segmentsKey is the detail of an entry that adds an exhibit of several files:
// how many of them stand before it.
const segmentsKey = "segments"

// Segment is a further file of an exhibit, as the log says.
type Segment struct {
	Path   string // as in Exhibit
	Size   int64
	SHA256 string
}

// Acquired is an image that was made for the case.
type Acquired struct {
	Files  []string // paths, the first first
	SHA256 []string // of each
	Detail map[string]string
	Record any // what was done: signed with the statement
}

// Acquisition is the predicate of a statement over an image that was made.
type Acquisition struct {
	Examination
	Acquisition any `json:"acquisition"`
}

// AddAcquired takes an image that was just made under custody where it is, as
// one exhibit, and signs a statement over its files. It returns the statement's
// path in the case.
func (c *Case) AddAcquired(ctx context.Context, a Acquired) (x *Exhibit, statement string, err error) {
	if len(a.Files) == 0 || len(a.Files) != len(a.SHA256) {
		return nil, "", fmt.Errorf("adding an acquired image: %d files with %d digests", len(a.Files), len(a.SHA256))
	}
	x = &Exhibit{ID: fmt.Sprintf("E%d", len(c.Exhibits)+1), Name: filepath.Base(a.Files[0]), Path: c.Where(a.Files[0]), SHA256: a.SHA256[0]}
	x.Copied = !filepath.IsAbs(x.Path)
	set, err := openSet(a.Files)
	if err != nil {
		return nil, "", fmt.Errorf("adding an acquired image: %w", err)
	}
	defer set.close()
	if x.SourceKey, err = set.key(); err != nil {
		return nil, "", fmt.Errorf("adding an acquired image: %w", err)
	}
	x.Size = set.sizes[0]
	subjects := []evidence.Subject{{Name: x.Path, Digest: map[string]string{"sha256": x.SHA256}}}
	for i, path := range a.Files[1:] {
		s := Segment{Path: c.Where(path), Size: set.sizes[i+1], SHA256: a.SHA256[i+1]}
		if err := c.Record(ctx, evidence.Entry{
			Act: ActSegment, Exhibit: x.ID, SHA256: s.SHA256, Where: s.Path,
			Detail: map[string]string{"bytes": strconv.FormatInt(s.Size, 10), "copied": strconv.FormatBool(x.Copied)},
		}); err != nil {
			return nil, "", err
		}
		x.Segments = append(x.Segments, s)
		if len(subjects) < evidence.MaxSubjects { // the record and the log name all
			subjects = append(subjects, evidence.Subject{Name: s.Path, Digest: map[string]string{"sha256": s.SHA256}})
		}
	}
	detail := maps.Clone(a.Detail)
	if detail == nil {
		detail = map[string]string{}
	}
	detail["name"], detail["bytes"], detail["copied"], detail[segmentsKey] = x.Name, strconv.FormatInt(x.Size, 10), strconv.FormatBool(x.Copied), strconv.Itoa(len(x.Segments))
	x.Seq = c.log.Len()
	if err := c.Record(ctx, evidence.Entry{Act: ActAdd, Exhibit: x.ID, SHA256: x.SHA256, SourceKey: x.SourceKey, Where: x.Path, To: c.who, Detail: detail}); err != nil {
		return nil, "", err
	}
	c.Exhibits = append(c.Exhibits, *x)
	p := Acquisition{Acquisition: a.Record, Examination: Examination{
		Case: c.Info.ID, Agency: c.Info.Agency, Classification: c.Info.Classification, Time: time.Now().UTC().Format(time.RFC3339),
		Examiner: c.who, Tool: c.tool, SourceKeys: map[string]string{x.ID: x.SourceKey}, CustodyEntries: c.log.Len(),
	}}
	statement, err = c.sign(ctx, "acquisition", evidence.PredicateAcquisition, p, subjects)
	return x, statement, err
}

// segmentsOf are the further files of the exhibit that entry i adds.
func segmentsOf(entries *evidence.Entries, i int64) []Segment {
	x := entries.At(i)
	n, err := strconv.Atoi(x.Detail[segmentsKey])
	if err != nil {
		return nil
	}
	var list []Segment
	for j := i - 1; j >= 0 && len(list) < n; j-- {
		e := entries.At(j)
		if e.Act != ActSegment || e.Exhibit != x.Exhibit {
			break // they stand right before it
		}
		size, err := strconv.ParseInt(e.Detail["bytes"], 10, 64)
		if err != nil {
			size = -1
		}
		list = append(list, Segment{Path: e.Where, Size: size, SHA256: e.SHA256})
	}
	slices.Reverse(list)
	return list
}

// fileSet reads the files of an exhibit one after the other.
type fileSet struct {
	files []*os.File
	sizes []int64
}

func openSet(paths []string) (*fileSet, error) {
	s := &fileSet{}
	for _, p := range paths {
		f, err := evidence.OpenRegular(p)
		if err != nil {
			s.close()
			return nil, err
		}
		s.files = append(s.files, f)
		st, err := f.Stat()
		if err != nil {
			s.close()
			return nil, err
		}
		s.sizes = append(s.sizes, st.Size())
	}
	return s, nil
}

func (s *fileSet) close() {
	for _, f := range s.files {
		_ = f.Close() // only read
	}
}

// key is the source key over all files, as findings carry it.
func (s *fileSet) key() (string, error) {
	var n int64
	for _, size := range s.sizes {
		n += size
	}
	return evidence.SourceKey(s, n)
}

func (s *fileSet) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for i, f := range s.files {
		if off >= s.sizes[i] {
			off -= s.sizes[i]
			continue
		}
		want := int(min(int64(len(p)-n), s.sizes[i]-off))
		m, err := f.ReadAt(p[n:n+want], off)
		n += m
		if m < want {
			return n, err
		}
		if n == len(p) {
			return n, nil
		}
		off = 0
	}
	return n, io.EOF
}

// paths are where the exhibit's files stand, the first first.
func (x *Exhibit) paths(dir string) ([]string, error) {
	var list []string
	for i, p := range append([]string{x.Path}, segmentPaths(x.Segments)...) {
		switch {
		case filepath.IsAbs(p) && !x.Copied:
		case !filepath.IsLocal(filepath.FromSlash(p)):
			return nil, fmt.Errorf("%w: file %d, %s, leads out of the case", evidence.ErrFile, i+1, p)
		default:
			p = filepath.Join(dir, filepath.FromSlash(p))
		}
		list = append(list, p)
	}
	return list, nil
}

func segmentPaths(segments []Segment) []string {
	var list []string
	for _, s := range segments {
		list = append(list, s.Path)
	}
	return list
}

// keyOf is the source key of the exhibit's files.
func (x *Exhibit) keyOf(set *fileSet) (string, error) {
	for i, s := range x.Segments {
		if set.sizes[i+1] != s.Size {
			return "", fmt.Errorf("%w: %s has %d bytes; %d were taken under custody", evidence.ErrDigest, s.Path, set.sizes[i+1], s.Size)
		}
	}
	return set.key()
}
