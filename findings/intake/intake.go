// Package intake reads what other systems write about a network, so that it can
// be searched, matched and exported like what Saksi saw itself: EVE JSON of
// Suricata, logs of Zeek as TSV and as JSON, documents of ECS. Start with Read.
//
// A line becomes one event of the data set that Saksi has for the same, with
// observer.product as its origin, and its file and offset as its evidence. What
// has no place is counted by kind, never dropped unsaid.
package intake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"saksi/event"
)

// maxLine bounds a line. A longer one is counted as a problem and passed over.
const maxLine = 1 << 20

// maxProblems bounds the problems that are told one by one; all are counted.
const maxProblems = 100

// maxKinds bounds the kinds that are counted by name.
const maxKinds = 200

// Forms that Read knows.
const (
	EVE      = "eve"       // EVE JSON of Suricata, a line a record
	Zeek     = "zeek"      // a log of Zeek, tab-separated
	ZeekJSON = "zeek-json" // a log of Zeek, a line of JSON a record
	ECS      = "ecs"       // documents of the Elastic Common Schema, one a line
)

// Forms lists all forms.
func Forms() []string { return []string{EVE, Zeek, ZeekJSON, ECS} }

// Options of Read.
type Options struct {
	Name string // of the file, as events name it; Zeek's JSON takes the log's name from it
	Key  string // source key of the file
	Form string // one of Forms; "" finds it by content
}

// Problem is a line that could not be read.
type Problem struct {
	Offset int64 // of the line, in bytes
	Text   string
}

// Summary says what became of the lines: Lines = Events + Broken + the sum of
// LeftOut.
type Summary struct {
	Form     string
	Lines    int64 // records; neither empty lines nor Zeek's comments
	Events   int64
	Broken   int64            // lines that could not be read
	LeftOut  map[string]int64 // by kind: records that Saksi has no data set for
	Unmapped map[string]int64 // fields of ECS that the model has not, by name
	Problems []Problem        // the first of them
}

func (s *Summary) problem(at int64, err error) {
	s.Broken++
	if len(s.Problems) < maxProblems {
		s.Problems = append(s.Problems, Problem{at, err.Error()})
	}
}

func count(m map[string]int64, kind string) {
	if _, ok := m[kind]; !ok && len(m) >= maxKinds {
		kind = "(other)"
	}
	m[kind]++
}

// reader turns a line into an event: false for what has no place, with its kind.
type reader interface {
	line(b []byte, e *event.Event) (kind string, ok bool, err error)
}

// ErrForm is returned for a file that is of no form that Read knows.
var ErrForm = errors.New("neither EVE JSON nor a log of Zeek nor documents of ECS")

// ErrCut is returned when a file ends or breaks where its compression or its
// medium says it must not; what was read before was given.
var ErrCut = errors.New("incomplete")

// Read reads all lines of r and gives an event for each that has a place. The
// event is reused: emit MUST NOT keep it. An error of emit ends it; a line that
// can't be read does not. The Summary holds also for what was read before an error.
func Read(ctx context.Context, r io.Reader, o Options, emit func(*event.Event) error) (*Summary, error) {
	sum := &Summary{LeftOut: map[string]int64{}, Unmapped: map[string]int64{}}
	in := bufio.NewReaderSize(r, 64<<10)
	var rd reader
	var e event.Event
	var at int64
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return sum, ctx.Err()
		}
		line, size, err := nextLine(in)
		start := at
		at += size
		if err != nil && err != io.EOF {
			if errors.Is(err, errLong) {
				sum.Lines++
				sum.problem(start, err)
				continue
			}
			return sum, fmt.Errorf("%w: reading %s at offset %d: %w", ErrCut, o.Name, start, err)
		}
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
			if rd == nil {
				if rd, sum.Form, err = o.reader(trimmed, sum); err != nil {
					return sum, fmt.Errorf("reading %s at offset %d: %w", o.Name, start, err)
				}
			}
			if ferr := sum.take(rd, bytes.TrimRight(line, "\r\n"), start, &e, o, emit); ferr != nil {
				return sum, ferr
			}
		}
		if size == 0 || errors.Is(err, io.EOF) {
			return sum, nil
		}
	}
}

func (s *Summary) take(rd reader, line []byte, at int64, e *event.Event, o Options, emit func(*event.Event) error) error {
	e.Reset()
	kind, ok, err := rd.line(line, e)
	switch {
	case errors.Is(err, errComment):
		return nil
	case err != nil:
		s.Lines++
		s.problem(at, err)
		return nil
	case !ok:
		s.Lines++
		count(s.LeftOut, kind)
		return nil
	}
	s.Lines++
	if !e.Has(event.EventKind) {
		e.Str(event.EventKind, "event")
	}
	if !e.Has(event.SaksiEvidenceKey) {
		e.Str(event.SaksiEvidenceKey, o.Key)
		e.Int(event.SaksiEvidenceOffset, at)
		e.Str(event.SaksiEvidenceName, o.Name)
	}
	s.Events++
	return emit(e)
}

var (
	errLong    = fmt.Errorf("a line of more than %d bytes", maxLine)
	errComment = errors.New("a comment")
)

// nextLine gives the next line with its end; size also counts what of a line
// that is too long was passed over.
func nextLine(in *bufio.Reader) (line []byte, size int64, err error) {
	for {
		b, err := in.ReadSlice('\n')
		size += int64(len(b))
		if size <= maxLine {
			line = append(line, b...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if size > maxLine && (err == nil || err == io.EOF) {
				return nil, size, errLong
			}
			return line, size, err
		}
	}
}

// reader finds the form of a file by its first line.
func (o Options) reader(first []byte, sum *Summary) (reader, string, error) {
	form := o.Form
	if form == "" {
		switch {
		case bytes.HasPrefix(first, []byte("#separator")):
			form = Zeek
		case first[0] == '{':
			var d doc
			if err := d.parse(first); err != nil {
				return nil, "", err
			}
			switch {
			case d.get("event_type") != "" && d.get("timestamp") != "":
				form = EVE
			case d.get("@timestamp") != "":
				form = ECS
			case d.get("ts") != "":
				form = ZeekJSON
			}
		}
	}
	switch form {
	case EVE:
		return &eve{}, form, nil
	case Zeek:
		return &zeekTSV{separator: "\t", set: ",", empty: "(empty)", unset: "-"}, form, nil
	case ZeekJSON:
		name, _, _ := strings.Cut(o.Name[strings.LastIndexByte(o.Name, '/')+1:], ".")
		return &zeekJSON{log: name}, form, nil
	case ECS:
		return &ecs{sum: sum}, form, nil
	}
	return nil, "", ErrForm
}
