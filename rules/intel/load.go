package intel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"strings"

	"saksi/internal/infile"
	"saksi/rules"
)

// Load reads files of indicators and puts them together into a Set: STIX 2.1
// bundles and MISP events (.json), CSV files (.csv) and lists of values (any
// other name). What is wrong or can't be honored is in the problems, with its
// place; all else runs. Only a file that can't be opened is an error.
func Load(paths []string) (*Set, []rules.Problem, error) {
	// What is kept holds no pointers and costs a collection nothing; without
	// this, lines that were read would double the memory that is needed.
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	b := newBuilder()
	report := &reporter{}
	for _, path := range paths {
		if err := b.file(path, report, b.add); err != nil {
			return nil, nil, err
		}
	}
	s := b.finish(report)
	return s, report.finish(), nil
}

// Each calls f with each indicator of files, in their order, and its file. What
// is said of an indicator elsewhere in its file (markings, relations, severity of an
// event) is missing. f MUST NOT keep the indicator.
func Each(paths []string, f func(file string, x *Indicator) error) ([]rules.Problem, error) {
	report := &reporter{}
	for _, path := range paths {
		var failed error
		err := newBuilder().file(path, report, func(x *Indicator) error {
			failed = f(path, x)
			return failed
		})
		if failed != nil {
			return nil, failed
		}
		if err != nil {
			return nil, err
		}
	}
	return report.finish(), nil
}

// IsJSON reports whether a file with the name of a JSON file holds what looks
// like STIX or MISP, by its first bytes.
func IsJSON(path string) bool {
	f, err := infile.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, _ := io.ReadFull(f, head)
	head = bytes.TrimSpace(bytes.TrimPrefix(head[:n], bom))
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return false
	}
	for _, mark := range []string{`"bundle"`, `"indicator"`, `"spec_version"`, `"Event"`, `"Attribute"`, `"objects"`} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	return false
}

var bom = []byte("\xef\xbb\xbf")

// reading is one file under work.
type reading struct {
	b      *builder
	report *reporter
	add    func(*Indicator) error
	path   string
	in     *bufio.Reader
	// without counts indicators that are none for detection, by why.
	without map[string]int
	taken   int
}

func (b *builder) file(path string, report *reporter, add func(*Indicator) error) error {
	f, err := infile.Open(path)
	if err != nil {
		return fmt.Errorf("reading indicators: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading indicators: %w", err)
	}
	return b.read(path, f, st.Size(), report, add)
}

// read reads what would be the file path with size bytes.
func (b *builder) read(path string, in io.Reader, size int64, report *reporter, add func(*Indicator) error) error {
	r := &reading{b: b, report: report, add: add, path: path, in: bufio.NewReaderSize(in, maxLine), without: map[string]int{}}
	head, err := r.in.Peek(maxLine / 2)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading indicators from %s: %w", path, err)
	}
	if bytes.HasPrefix(head, bom) {
		_, _ = r.in.Discard(len(bom)) // it was peeked at
		head = head[len(bom):]
	}
	b.table.expect(estimate(path, head, size))
	var failed error
	switch first := bytes.TrimLeft(head, " \t\r\n"); {
	case strings.EqualFold(filepath.Ext(path), ".json"):
		failed = r.json()
	case len(first) > 0 && first[0] == '{':
		failed = r.json() // whatever it is called
	default:
		failed = r.lines(head)
	}
	if failed != nil {
		var stop *stopError
		if !errors.As(failed, &stop) {
			return fmt.Errorf("reading indicators from %s: %w", path, failed)
		}
	}
	r.summary()
	return nil
}

// estimate is about how many values a file holds.
func estimate(path string, head []byte, size int64) int {
	each := 400
	if !strings.EqualFold(filepath.Ext(path), ".json") && len(head) > 0 {
		each = max(len(head)/(bytes.Count(head, []byte("\n"))+1), 8)
	}
	return int(min(size/int64(each)*11/10+64, 1<<28))
}

// summary tells what was left out on purpose, and a file without an indicator.
func (r *reading) summary() {
	n := 0
	for why, k := range r.without {
		n += k
		r.problem(rules.Problem{Level: rules.Advice, Reason: "intel: no detection", Message: fmt.Sprintf("%d indicators are not looked for: %s", k, why)})
	}
	if r.taken == 0 && n == 0 {
		r.problem(rules.Problem{Level: rules.Advice, Reason: "intel: no indicators", Message: "the file holds no indicator that is looked for"})
	}
}

// stopError ends the reading of one file; what was read before stands.
type stopError struct{ error }

func (r *reading) problem(p rules.Problem) { r.report.add(r.path, p) }

// take adds an indicator that was read.
func (r *reading) take(x *Indicator) error {
	if err := r.add(x); err != nil {
		r.problem(rules.Problem{Line: x.Line, Column: 1, Level: rules.Refused, Rule: x.ID, Reason: "intel: too many", Message: err.Error(), Hint: "look for fewer indicators at once"})
		return &stopError{err}
	}
	r.taken++
	return nil
}
