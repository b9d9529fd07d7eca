// Package access is the log of who searched, viewed or exported what: a file of
// JSON lines, each with the SHA-256 of the one before, that is only ever added
// to. It holds queries, never what they found. Start with Append and Read.
package access

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"saksi/event"
	"saksi/internal/infile"
)

// Dataset is the data set of entries in a shared index.
const Dataset = "saksi.access"

// FileName is the log's name in the folder where it stands.
const FileName = "access.ndjson"

const (
	version = 1
	// maxQuery is how much of a query is kept, in bytes; what is cut is marked.
	maxQuery = event.MaxValue
	// maxLine bounds a line on reading, in bytes.
	maxLine = 256 << 10
)

// Entry is one act.
type Entry struct {
	Version   int       `json:"version"`
	Number    int64     `json:"n"` // from 1
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	Host      string    `json:"host,omitempty"`
	Act       string    `json:"act"`   // the command: search, show, export ...
	Index     string    `json:"index"` // folder or address, never a login
	Agency    string    `json:"agency,omitempty"`
	Query     string    `json:"query"` // or the id of what was viewed
	Cut       bool      `json:"query_cut,omitempty"`
	Documents int64     `json:"documents"` // that were given out at most; -1 where nobody knows beforehand
	Form      string    `json:"form"`      // table, json, stix ...
	To        string    `json:"to,omitempty"`
	Prev      string    `json:"prev"` // SHA-256 of the line before, "" for the first
}

// Trim cuts a query that is too long.
func (e *Entry) Trim() {
	if len(e.Query) > maxQuery {
		e.Query, e.Cut = e.Query[:maxQuery], true
	}
}

// Append adds an entry, synced, and gives it its number and its chain. Several
// processes may add at once. A line that a crash tore off stays and is ended.
func Append(path string, e Entry) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("adding to the access log: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("adding to the access log %s: %w", path, err)
	}
	last, torn, err := lastLine(f)
	if err != nil {
		return fmt.Errorf("adding to the access log %s: %w", path, err)
	}
	e.Trim()
	e.Version, e.Number, e.Prev = version, 1, ""
	if last != nil {
		var before Entry
		if json.Unmarshal(last, &before) == nil {
			e.Number = before.Number + 1
		} else {
			e.Number = 0 // the line before can't be read: Read says so
		}
		e.Prev = digest(last)
	}
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if torn {
		b = append([]byte{'\n'}, b...)
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return fmt.Errorf("adding to the access log %s: %w", path, err)
	}
	return nil
}

func digest(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// lastLine is the last line of a file without its end, and whether it has none;
// nil of an empty file.
func lastLine(f *os.File) (line []byte, torn bool, err error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || end == 0 {
		return nil, false, err
	}
	n := min(end, maxLine)
	b := make([]byte, n)
	if _, err := f.ReadAt(b, end-n); err != nil {
		return nil, false, err
	}
	torn = b[n-1] != '\n'
	b = bytes.TrimSuffix(b, []byte{'\n'})
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		return b[i+1:], torn, nil
	}
	if n < end {
		return nil, torn, fmt.Errorf("its last line has more than %d bytes", maxLine)
	}
	return b, torn, nil
}

// Problem is a place where the log is not as Append wrote it.
type Problem struct {
	Line int
	What string
}

// Read gives the entries of a log, oldest first, and what is wrong with it: a
// line that can't be read, a chain or a number that does not go on. That lines are missing
// at the end no chain shows.
func Read(path string) (list []Entry, wrong []Problem, err error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the access log: %w", err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	prev, number, n := "", int64(0), 0
	for s.Scan() {
		n++
		var e Entry
		err := json.Unmarshal(s.Bytes(), &e)
		switch {
		case err != nil:
			wrong = append(wrong, Problem{n, "is not a line of the log: " + err.Error()})
		case e.Version > version:
			return list, wrong, fmt.Errorf("reading the access log: %s, line %d is of version %d; this saksi reads %d: use a newer one", path, n, e.Version, version)
		case e.Prev != prev:
			wrong = append(wrong, Problem{n, "does not follow from the line before it: that was changed, or lines were taken out or put in"})
		case number > 0 && e.Number != number+1:
			wrong = append(wrong, Problem{n, fmt.Sprintf("has the number %d after %d", e.Number, number)})
		case number == 0 && n == 1 && e.Number != 1:
			wrong = append(wrong, Problem{n, fmt.Sprintf("is the first and has the number %d", e.Number)})
		}
		if err == nil {
			list = append(list, e)
		}
		prev, number = digest(s.Bytes()), e.Number
	}
	if err := s.Err(); err != nil {
		return list, wrong, fmt.Errorf("reading the access log: %s after line %d: %w", path, n, err)
	}
	return list, wrong, nil
}

// Event is the document of an entry.
func (e *Entry) Event() *event.Event {
	ev := &event.Event{}
	ev.Time(event.Timestamp, e.At.UnixNano())
	ev.Str(event.EventKind, "event")
	ev.Str(event.EventDataset, Dataset)
	ev.Str(event.EventAction, e.Act)
	ev.Str(event.SaksiAccessBy, e.By)
	ev.Str(event.HostName, e.Host)
	ev.Str(event.SaksiAccessQuery, e.Query)
	if e.Documents >= 0 {
		ev.Int(event.SaksiAccessDocuments, e.Documents)
	}
	ev.Str(event.SaksiAccessForm, e.Form)
	ev.Str(event.SaksiAccessTo, e.To)
	return ev
}

// Of is the entry of a document; its number and chain are unknown.
func Of(ev *event.Event) Entry {
	str := func(f event.Field) string { s, _ := ev.GetStr(f); return s }
	at, _ := ev.GetTime(event.Timestamp)
	e := Entry{Version: version, At: time.Unix(0, at).UTC(), By: str(event.SaksiAccessBy), Host: str(event.HostName), Act: str(event.EventAction), Query: str(event.SaksiAccessQuery), Form: str(event.SaksiAccessForm), To: str(event.SaksiAccessTo), Documents: -1}
	if n, ok := ev.GetInt(event.SaksiAccessDocuments); ok {
		e.Documents = n
	}
	return e
}
