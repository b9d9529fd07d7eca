package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"saksi/event"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// opParse is the worker's operation: the size of the file, which is its one
// descriptor, and the year (see Input). The answer is frames of a tag and what it says.
const opParse = "artifact.parse"

// Tags of frames.
const (
	tagFormat  = 'f' // name of the artifact
	tagRecords = 'r' // records, one behind the other
	tagProblem = 'p' // offset and text
)

// frameSize is how full a frame of records gets, in bytes.
const frameSize = 128 << 10

// maxFields bounds the fields of a record, and maxRecord their bytes.
const (
	maxFields = 4096
	maxRecord = 2 << 20
)

// aliveEvery is how often long work says that it goes on.
const aliveEvery = time.Second

// Handlers are the operations of saksi-worker on artifacts.
func Handlers() map[string]worker.Handler {
	return map[string]worker.Handler{opParse: func(_ context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
		r := wire.Reader{B: req}
		size, year := r.Int(), r.Int()
		if r.Err() != nil || len(files) != 1 || size < 0 {
			return errors.Join(fmt.Errorf("parsing an artifact: %d files came", len(files)), r.Err())
		}
		return (&server{file: files[0], reply: reply, last: time.Now()}).parse(size, int(year))
	}}
}

// server is a parse under way in the worker.
type server struct {
	file  io.ReaderAt
	reply func([]byte) error
	out   wire.Writer
	last  time.Time // of the last frame
	gone  error     // why the parent can't be reached
	told  int       // problems
}

// ReadAt reads the file; a long read without records says that it goes on.
func (s *server) ReadAt(p []byte, off int64) (int, error) {
	if time.Since(s.last) > aliveEvery {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	return s.file.ReadAt(p, off)
}

func (s *server) send(frame []byte) error {
	s.last = time.Now()
	if err := s.reply(frame); err != nil && s.gone == nil {
		s.gone = err
	}
	return s.gone
}

// flush sends the records that wait.
func (s *server) flush() error {
	err := s.send(append(append([]byte(nil), tagRecords), s.out.B...))
	s.out.B = s.out.B[:0]
	return err
}

func (s *server) parse(size int64, year int) error {
	f, err := detect(s)
	if err != nil || f == nil {
		return err
	}
	if err := s.send(append([]byte{tagFormat}, f.Name...)); err != nil {
		return err
	}
	err = f.Parse(Input{s, size, year}, s.record, s.problem)
	return errors.Join(err, s.flush())
}

func (s *server) record(r *Record) error {
	n := 0
	for _, f := range r.Fields {
		n += len(f.Name) + len(f.Value)
	}
	if len(r.Fields) > maxFields || n > maxRecord {
		s.problem(Problem{r.Offset, fmt.Sprintf("a record has %d fields of %d bytes; more than %d or %d are not read", len(r.Fields), n, maxFields, maxRecord)})
		return s.gone
	}
	s.out.Int(r.Offset)
	s.out.Int(r.Time)
	s.out.Uint(uint64(r.Header))
	s.out.Uint(uint64(len(r.Fields)))
	for _, f := range r.Fields {
		s.out.String(f.Name)
		s.out.String(f.Value)
	}
	if len(s.out.B) < frameSize {
		return nil
	}
	return s.flush()
}

func (s *server) problem(p Problem) {
	if s.told++; s.told > maxProblems {
		p.Text = "" // it is counted
	}
	w := wire.Writer{B: []byte{tagProblem}}
	w.Int(p.Offset)
	w.String(p.Text[:min(len(p.Text), 512)])
	_ = s.send(w.B) // kept in gone, which the next record meets
}

// decoder turns the worker's answer into records; it believes nothing.
type decoder struct {
	sum  *Summary
	f    *Format
	emit func(*Record, *event.Event) error
	name string
	ev   event.Event
	rec  Record
}

func (d *decoder) frame(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("%w: an empty frame", worker.ErrProtocol)
	}
	r := wire.Reader{B: b[1:]}
	switch b[0] {
	case tagFormat:
		if d.f = byName(string(b[1:])); d.f == nil {
			return fmt.Errorf("%w: an artifact %.40q", worker.ErrProtocol, b[1:])
		}
		d.sum.Format = d.f.Name
		return nil
	case tagProblem:
		p := Problem{r.Int(), r.String()}
		if d.sum.Broken++; len(d.sum.Problems) < maxProblems && r.Err() == nil {
			d.sum.Problems = append(d.sum.Problems, p)
		}
		return r.Err()
	case tagRecords:
		for r.Len() > 0 {
			if err := d.record(&r); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%w: a frame with tag %d", worker.ErrProtocol, b[0])
}

func (d *decoder) record(r *wire.Reader) error {
	rec := &d.rec
	rec.Offset, rec.Time = r.Int(), r.Int()
	header, n := r.Uint(), r.Uint()
	if r.Err() != nil || d.f == nil || n > maxFields || header > n {
		return fmt.Errorf("%w: a record of %d fields: %w", worker.ErrProtocol, n, r.Err())
	}
	rec.Header, rec.Fields = int(header), rec.Fields[:0]
	for range n {
		rec.Fields = append(rec.Fields, Field{r.String(), r.String()})
	}
	if err := r.Err(); err != nil {
		return err
	}
	rec.sources, rec.aliases = nil, nil
	if d.f.Log != nil {
		rec.sources, rec.aliases = d.f.Log(rec)
	}
	rec.event(&d.ev, d.f, d.sum, d.name)
	d.sum.Records++
	return d.emit(rec, &d.ev)
}
