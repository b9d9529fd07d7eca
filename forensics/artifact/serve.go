package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"saksi/internal/wire"
	"saksi/internal/worker"
)

// opParse is the worker's operation: the size of the file, which is its first
// descriptor, what it is read as (see Request), and the endings and sizes of the
// files beside it, the other descriptors. The answer is frames of a tag and what it says.
const opParse = "artifact.parse"

// Tags of frames.
const (
	tagFormat  = 'f' // name of the artifact
	tagRecords = 'r' // records, one behind the other
	tagProblem = 'p' // offset and text
	tagLeftOut = 'l' // the file is left out: how many records it may hold
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
		size := r.Int()
		q := ReadRequest(&r)
		path, n := r.String(), r.Uint()
		if r.Err() != nil || len(files) == 0 || uint64(len(files)) != n+1 || size < 0 {
			return errors.Join(fmt.Errorf("parsing an artifact: %d files came", len(files)), r.Err())
		}
		beside := map[string]int{}
		sizes := make([]int64, n)
		for i := range sizes {
			ending := r.String()
			beside[ending], sizes[i] = i, r.Int()
		}
		if r.Err() != nil {
			return r.Err()
		}
		in := Input{ReaderAt: files[0], Size: size, Path: path, Open: func(ending string) (io.ReaderAt, int64) {
			i, ok := beside[ending]
			if !ok {
				return nil, 0
			}
			return files[i+1], sizes[i]
		}}
		_, err := Serve(in, q, reply)
		return err
	}}
}

// Request says how a file is read.
type Request struct {
	Year   int      // see Input
	Kinds  []string // names of artifacts that are looked for; none: all
	Forced bool     // it is of the one kind, whatever its name
	Bulk   bool     // artifacts with a record for each file of a volume are read, too
}

// Append appends q for ReadRequest.
func (q *Request) Append(w *wire.Writer) {
	w.Int(int64(q.Year))
	w.Bool(q.Forced)
	w.Bool(q.Bulk)
	w.Uint(uint64(len(q.Kinds)))
	for _, k := range q.Kinds {
		w.String(k)
	}
}

// ReadRequest reads what Append wrote.
func ReadRequest(r *wire.Reader) (q Request) {
	q.Year, q.Forced, q.Bulk = int(r.Int()), r.Bool(), r.Bool()
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		q.Kinds = append(q.Kinds, r.String())
	}
	return q
}

// Serve parses a file in the worker and gives the frames for a Decoder to
// reply. It tells whether the file is an artifact.
func Serve(in Input, q Request, reply func([]byte) error) (is bool, err error) {
	s := &server{file: in.ReaderAt, reply: reply, last: time.Now()}
	in.ReaderAt, in.Year, in.Forced = s, q.Year, q.Forced
	return s.parse(in, &q)
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

// seekData is lseek(2)'s SEEK_DATA.
const seekData = 3

// nextData is where the first byte lies, from off, that is not in a hole of a
// sparse file; off where the system can't tell.
func (s *server) nextData(off int64) int64 {
	f, ok := s.file.(*os.File)
	if !ok {
		return off
	}
	if at, err := f.Seek(off, seekData); err == nil && at >= off {
		return at
	}
	return off
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

func (s *server) parse(in Input, q *Request) (bool, error) {
	f, err := detect(in, q.Kinds)
	if err != nil || f == nil {
		return false, err
	}
	if err := s.send(append([]byte{tagFormat}, f.Name...)); err != nil {
		return true, err
	}
	if f.Bulk != nil && !q.Bulk && !slices.Contains(q.Kinds, f.Name) {
		w := wire.Writer{B: []byte{tagLeftOut}}
		w.Int(f.Bulk(in))
		return true, s.send(w.B)
	}
	err = f.Parse(in, s.record, s.problem)
	return true, errors.Join(err, s.flush())
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
