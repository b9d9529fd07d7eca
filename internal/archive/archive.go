// Package archive enters archives and documents that hold other files: Walk
// gives each member of them, and the members of those, to a bounded depth. It
// knows them by content, never by name. Everything in them is hostile: what is
// unpacked is bounded in bytes, in number, in depth and in its ratio to what it
// came from, and what is not given is told as a Problem, never left out silently.
package archive

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Limits bound what is unpacked of one file.
type Limits struct {
	Depth   int   // levels of archives in archives
	Members int   // on all levels together
	Bytes   int64 // unpacked on all levels together
	Member  int64 // bytes unpacked of one member
	Ratio   int64 // unpacked bytes for each byte of the file, beyond freeBytes
}

// DefaultLimits are those of a scan.
var DefaultLimits = Limits{Depth: 8, Members: 50_000, Bytes: 4 << 30, Member: 1 << 30, Ratio: 200}

const (
	freeBytes   = 10 << 20 // unpacked without regard to the ratio
	heapBytes   = 8 << 20  // of a member that lie in memory; what is larger lies in the scratch
	maxWindow   = 64 << 20 // bytes of history a decoder may ask for
	maxPath     = 4096     // bytes of a member's path
	maxProblems = 32       // told of one file; more are counted
	// Separator stands between the path of an archive and that of its member.
	Separator = "!/"
)

// Member is a file in an archive or a document.
type Member struct {
	Path       string // levels are separated by Separator
	Data       []byte // valid until the visit returns
	Offset     int64  // of Data in the file that was entered; -1 where it lies there packed
	Incomplete string // why Data is not all of it; empty when it is
}

// Kinds of problems.
const (
	Encrypted   = "encrypted"
	Limit       = "limit"
	Damaged     = "damaged"
	Unsupported = "unsupported"
)

// Problem is a member, or an archive, that was not given whole.
type Problem struct {
	Path string // of the member, or of the archive; empty for the file itself
	Kind string
	Text string
}

// Stats says what was entered.
type Stats struct {
	Archives int64 // and documents that were entered
	Members  int64
	Bytes    int64 // unpacked
	Problems []Problem
	More     int64 // problems that were counted only, those of what is encrypted not among them
	Barred   int64 // archives, documents and members that are encrypted, each
}

// Scratch keeps what is too large for memory.
type Scratch interface {
	io.WriterAt
	// Map gives n bytes from off on for reading, until done is called.
	Map(off, n int64) (b []byte, done func(), err error)
}

// Config says how a file is entered.
type Config struct {
	Limits
	Scratch Scratch // nil: members larger than memory are cut, which is told
	Base    int64   // first free byte of the scratch
	// Alive is called now and then; its error ends the walk. It may be nil.
	Alive func() error
}

// errSpent ends the walk of a file when its budget is spent; it is told once.
var errSpent = errors.New("budget spent")

// Kind names the archive or document that data is, or gives "".
func Kind(data []byte) string {
	if f := find(data); f != nil {
		return f.name
	}
	return ""
}

// format is one kind of archive or document.
type format struct {
	name string
	is   func(data []byte) bool
	open func(l *level) error
}

func find(data []byte) *format {
	for i := range formats {
		if formats[i].is(data) {
			return &formats[i]
		}
	}
	return nil
}

// prefix makes a test for magic bytes.
func prefix(magic string) func([]byte) bool {
	return func(data []byte) bool { return len(data) > len(magic) && string(data[:len(magic)]) == magic }
}

type walker struct {
	cfg   *Config
	visit func(*Member) error
	st    Stats
	size  int64
	given int64 // bytes of all members, packed or not
	top   int64 // first free byte of the scratch
}

// level is an archive that is being entered.
type level struct {
	w     *walker
	path  string // of the archive; empty for the file itself
	data  []byte
	base  int64 // where data lies in the file, or -1
	depth int
	names map[string]int
}

// Walk gives visit each member of data, those of an archive before the next
// member of its own. The order depends on data only. An error is that of visit or
// of Config.Alive; what is wrong with data is in Stats.
func Walk(data []byte, cfg *Config, visit func(*Member) error) (Stats, error) {
	w := &walker{cfg: cfg, visit: visit, size: int64(len(data)), top: cfg.Base}
	err := w.enter("", data, 0, 0)
	if errors.Is(err, errSpent) {
		err = nil
	}
	return w.st, err
}

func (w *walker) problem(path, kind, text string) {
	if kind == Encrypted {
		w.st.Barred++
	}
	if len(w.st.Problems) == maxProblems {
		if kind != Encrypted {
			w.st.More++
		}
		return
	}
	w.st.Problems = append(w.st.Problems, Problem{path, kind, text})
}

// enter gives the members of data, if it is an archive.
func (w *walker) enter(path string, data []byte, base int64, depth int) (err error) {
	f := find(data)
	if f == nil {
		return nil
	}
	if depth == w.cfg.Depth {
		w.problem(path, Limit, fmt.Sprintf("%s in %d levels of archives; it is not entered", f.name, depth))
		return nil
	}
	w.st.Archives++
	l := &level{w: w, path: path, data: data, base: base, depth: depth, names: map[string]int{}}
	top := w.top
	defer func() {
		w.top = top
		if p := recover(); p != nil { // of a decoder; its archive alone is lost
			err = nil
			w.problem(path, Damaged, fmt.Sprintf("the decoder of %s failed: %v", f.name, p))
		}
	}()
	err = f.open(l)
	var own *ownError
	switch {
	case errors.As(err, &own):
		return own.err
	case err != nil:
		w.problem(path, kindOf(err), fmt.Sprintf("%s: %v", f.name, err))
	}
	return nil
}

// ownError ends the walk: it is the visitor's, or the budget is spent.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }

// kindError is an error of a known kind.
type kindError struct{ kind, text string }

func (e *kindError) Error() string { return e.text }

func kindOf(err error) string {
	var k *kindError
	if errors.As(err, &k) {
		return k.kind
	}
	return Damaged
}

// sub makes the path of a member: a name that is there twice gets a number.
func (l *level) sub(name string) string {
	if name == "" {
		name = streamName
	}
	n := l.names[name]
	l.names[name] = n + 1
	if n > 0 {
		name += "#" + strconv.Itoa(n+1)
	}
	path := name
	if l.path != "" {
		path = l.path + Separator + name
	}
	if len(path) > maxPath {
		name = "#" + strconv.FormatInt(l.w.st.Members+1, 10)
		if path = l.path + Separator + name; len(path) > maxPath || l.path == "" {
			path = name
		}
	}
	return path
}

// count takes a member off the budget.
func (l *level) count(path string) error {
	if l.w.st.Members >= int64(l.w.cfg.Members) {
		l.w.problem(path, Limit, fmt.Sprintf("more than %d members; the rest is not entered", l.w.cfg.Members))
		return &ownError{errSpent}
	}
	l.w.st.Members++
	return nil
}

// stored gives a member that lies in the archive as it is.
func (l *level) stored(name string, off, length int64) error {
	path := l.sub(name)
	if err := l.count(path); err != nil {
		return err
	}
	why := ""
	if off < 0 || length < 0 || off > int64(len(l.data)) {
		l.w.problem(path, Damaged, fmt.Sprintf("it begins at byte %d of %d", off, len(l.data)))
		return nil
	}
	if have := int64(len(l.data)) - off; have < length {
		why = fmt.Sprintf("it says it has %d bytes; %d are there", length, have)
		length = have
	}
	at := int64(-1)
	if l.base >= 0 {
		at = l.base + off
	}
	return l.give(path, l.data[off:off+length], at, why, Damaged)
}

// whole gives a member that was unpacked already; what it is not all of, why says.
func (l *level) whole(name string, data []byte, why string) error {
	path := l.sub(name)
	if err := l.count(path); err != nil {
		return err
	}
	l.w.st.Bytes += int64(len(data))
	return l.give(path, data, -1, why, Damaged)
}

// left tells of a member that is not given.
func (l *level) left(name, kind, text string) error {
	path := l.sub(name)
	if err := l.count(path); err != nil {
		return err
	}
	l.w.problem(path, kind, text)
	return nil
}

func (l *level) give(path string, data []byte, at int64, why, kind string) error {
	if why != "" {
		l.w.problem(path, kind, why)
	}
	// A byte is of one member a level, unless members are laid over each other.
	l.w.given += int64(len(data))
	if most := int64(l.w.cfg.Depth+1)*(l.w.size+l.w.st.Bytes) + freeBytes; l.w.given > most {
		l.w.problem(path, Limit, fmt.Sprintf("its members have more than %d bytes, of %d that are there: they lie over each other; the rest is not entered", most, l.w.size+l.w.st.Bytes))
		return &ownError{errSpent}
	}
	if err := l.alive(); err != nil {
		return err
	}
	if err := l.w.visit(&Member{Path: path, Data: data, Offset: at, Incomplete: why}); err != nil {
		return &ownError{err}
	}
	if err := l.w.enter(path, data, at, l.depth+1); err != nil {
		return &ownError{err}
	}
	return nil
}

func (l *level) alive() error {
	if l.w.cfg.Alive == nil {
		return nil
	}
	if err := l.w.cfg.Alive(); err != nil {
		return &ownError{err}
	}
	return nil
}
