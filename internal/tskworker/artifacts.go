package tskworker

import (
	"errors"
	"fmt"
	"io"
	"os"

	"saksi/forensics/artifact"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/wire"
)

// placeRuns is how many runs of an artifact are told.
const placeRuns = 4096

// artifacts finds and parses the artifacts among streams, as they lie in the
// image: nothing is copied out.
func (s *session) artifacts(r *wire.Reader, _ []*os.File) error {
	request, items := disk.ReadArtifacts(r)
	q := artifact.ReadRequest(&wire.Reader{B: request})
	if r.Err() != nil {
		return r.Err()
	}
	for i := range items {
		is, err := s.artifact(q, i, &items[i])
		if gone := s.lost(); gone != nil {
			return gone
		}
		w := s.answer(i, disk.ArtifactEnd)
		w.Bool(is)
		if err != nil {
			w.String(err.Error())
		} else {
			w.String("")
		}
		if err := s.send(w.B); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) answer(item int, kind uint64) *wire.Writer {
	w := &wire.Writer{B: []byte{disk.TagData}}
	w.Uint(uint64(item))
	w.Uint(kind)
	return w
}

// artifact parses one stream, if it is an artifact. What can't be opened and
// was not recognized is no artifact: the listing says what is wrong with it.
func (s *session) artifact(q artifact.Request, item int, it *disk.Item) (is bool, err error) {
	fs, err := s.reader(uint64(it.Volume))
	if err != nil {
		return false, err
	}
	c, err := fs.Open(it.Ref)
	if errors.Is(err, filesystem.ErrNoContent) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer c.Close()
	var open []io.Closer
	defer func() {
		for _, o := range open {
			_ = o.Close()
		}
	}()
	placed := false
	in := artifact.Input{ReaderAt: &renewed{s, c}, Size: c.Size(), Path: it.Path, Open: func(ending string) (io.ReaderAt, int64) {
		beside := it.Path + ending
		if ending == ".mft" { // of a change journal: the volume's own table
			beside = "/$MFT"
		}
		ref, err := fs.Lookup(beside)
		if err != nil {
			return nil, 0
		}
		o, err := fs.Open(ref)
		if err != nil {
			return nil, 0
		}
		open = append(open, o)
		return &renewed{s, o}, o.Size()
	}}
	if why := s.tooLarge(in.Size, 0, []filesystem.Run{{}}, 0); why != "" {
		return false, fmt.Errorf("%s: %s", it.Path, why)
	}
	return artifact.Serve(in, q, func(frame []byte) error {
		if !placed {
			placed = true
			runs, record := c.Runs(placeRuns + 1)
			runs, more := cutRuns(runs, placeRuns)
			w := s.answer(item, disk.ArtifactPlace)
			w.Int(record)
			w.Bool(more)
			filesystem.AppendRuns(w, runs)
			if err := s.send(w.B); err != nil {
				return err
			}
		}
		w := s.answer(item, disk.ArtifactFrame)
		w.Bytes(frame)
		return s.send(w.B)
	})
}

// renewed reads content, which is bounded by its own size and not by what the
// operation read before.
type renewed struct {
	s *session
	c filesystem.Content
}

func (r *renewed) ReadAt(p []byte, off int64) (int, error) {
	r.s.read = 0
	if err := r.s.alive(); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) {
		m, err := r.c.ReadAt(p[n:], off+int64(n))
		n += m
		switch {
		case err != nil:
			return n, err
		case m == 0 && off+int64(n) < r.c.Size(): // a gap, as deleted content has them
			return n, fmt.Errorf("the content has a gap at %d of %d bytes: %w", off+int64(n), r.c.Size(), io.ErrUnexpectedEOF)
		case m == 0:
			return n, io.EOF
		}
	}
	return n, nil
}
