package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"saksi/event"
)

var formats = []string{"table", "json", "ndjson", "csv"}

// moreForms is the annotation of a command that has forms of its own, with
// spaces between.
const moreForms = "forms"

func (a *app) checkFormat(cmd *cobra.Command) error {
	known := append(slices.Clone(formats), strings.Fields(cmd.Annotations[moreForms])...)
	if !slices.Contains(known, a.format) {
		bad := a.format
		a.format = "table"
		return usage("unknown output form %q; expected one of %s", bad, strings.Join(known, ", "))
	}
	return nil
}

// open gives the stream for the output: standard output, or the file of --to,
// which must not exist yet when it could be evidence.
func (a *app) open() (*bufio.Writer, func() error, error) {
	if a.to == "" {
		w := bufio.NewWriterSize(onTerminal(a.stdout), 64<<10)
		return w, w.Flush, nil
	}
	f, err := os.OpenFile(a.to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		err = fail(exitUsage, fmt.Errorf("opening the output: %w", err))
		if errors.Is(err, fs.ErrExist) {
			err = failHint(exitUsage, err, "--to never overwrites a file; name a new one")
		}
		return nil, nil, err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	return w, func() error {
		err := w.Flush()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			err = fmt.Errorf("writing %s: %w", a.to, err)
		}
		return err
	}, nil
}

// rows prints records of the same named columns in the form of --output.
type rows struct {
	form    string
	columns []string
	w       *bufio.Writer
	finish  func() error
	csv     *csv.Writer
	n       int
	table   [][]string // a table is aligned at the end
	right   []bool     // columns of numbers
}

// rows starts an output of records with these columns. The caller MUST call
// close, which writes what is left and reports the first write error.
func (a *app) rows(columns ...string) (*rows, error) {
	w, finish, err := a.open()
	if err != nil {
		return nil, err
	}
	r := &rows{form: a.format, columns: columns, w: w, finish: finish, right: make([]bool, len(columns))}
	switch r.form {
	case "csv":
		r.csv = csv.NewWriter(w)
		err = r.csv.Write(columns)
	case "json":
		_, err = io.WriteString(w, "[")
	}
	return r, err
}

// add prints one record; len(values) must be the number of columns. Values are
// strings, booleans, integers, string slices or nil.
func (r *rows) add(values ...any) error {
	if len(values) != len(r.columns) {
		return fmt.Errorf("internal: %d values for %d columns", len(values), len(r.columns))
	}
	r.n++
	switch r.form {
	case "table", "csv":
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = cell(v)
			switch v.(type) {
			case int, int64, uint64, uint32, float64:
				r.right[i] = true
			}
		}
		if r.form == "table" {
			r.table = append(r.table, cells)
			return nil
		}
		for i := range cells {
			if !r.right[i] {
				cells[i] = inert(cells[i])
			}
		}
		return r.csv.Write(cells)
	}
	var b strings.Builder
	switch {
	case r.form == "json" && r.n > 1:
		b.WriteString(",\n{")
	case r.form == "json":
		b.WriteString("\n{")
	default:
		b.WriteString("{")
	}
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		j, err := json.Marshal(v)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%q:%s", r.columns[i], j)
	}
	b.WriteByte('}')
	if r.form == "ndjson" {
		b.WriteByte('\n')
	}
	_, err := io.WriteString(r.w, b.String())
	return err
}

func (r *rows) close() error {
	var err error
	switch r.form {
	case "csv":
		r.csv.Flush()
		err = r.csv.Error()
	case "json":
		_, err = io.WriteString(r.w, "\n]\n")
	case "table":
		err = printTable(r.w, r.columns, r.table, r.right)
	}
	if ferr := r.finish(); err == nil {
		err = ferr
	}
	return err
}

// events prints documents in the form of --output; csv and table show the
// given fields, json and ndjson the whole document.
type events struct {
	*rows
	fields []event.Field
	buf    []byte
}

func (a *app) events(fields ...event.Field) (*events, error) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name()
	}
	r, err := a.rows(names...)
	if err != nil {
		return nil, err
	}
	return &events{rows: r, fields: fields}, nil
}

// Emit prints one event; it makes events a findings.Sink.
func (o *events) Emit(e *event.Event) error {
	switch o.form {
	case "json", "ndjson":
		o.buf = o.buf[:0]
		if o.form == "json" {
			o.buf = append(o.buf, "\n"...)
			if o.n > 0 {
				o.buf = append(o.buf[:0], ",\n"...)
			}
		}
		o.buf = e.AppendJSON(o.buf)
		if o.form == "ndjson" {
			o.buf = append(o.buf, '\n')
		}
		o.n++
		_, err := o.w.Write(o.buf)
		return err
	}
	values := make([]any, len(o.fields))
	for i, f := range o.fields {
		var parts []string
		for v := range e.Values(f) {
			if !f.IsArray() {
				parts = parts[:0]
			}
			parts = append(parts, string(v.AppendText(nil)))
		}
		values[i] = strings.Join(parts, " ")
	}
	return o.add(values...)
}

func cell(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case []string:
		return strings.Join(x, " ")
	default:
		return fmt.Sprint(x)
	}
}

// inert makes a text cell harmless in a spreadsheet: what would start a
// formula is quoted (OWASP, CSV injection).
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// shellWord quotes s, where it must be, so that a shell takes it as one word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// printable replaces what could drive a terminal or reorder its text: control
// characters, bidirectional controls and bytes that are no UTF-8.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if !shown(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case shown(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// oneLine is printable with line breaks escaped too: for names and texts that
// could make up lines of ours.
func oneLine(s string) string { return strings.ReplaceAll(printable(s), "\n", `\n`) }

func shown(r rune) bool {
	return r == '\n' || r != utf8.RuneError && unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r)
}

// printTable aligns cells; the last column is not padded. Cells are made
// printable, with line breaks shown as a space.
func printTable(w io.Writer, columns []string, table [][]string, right []bool) error {
	width := make([]int, len(columns))
	all := append([][]string{columns}, table...)
	for _, cells := range all {
		for i, c := range cells {
			cells[i] = strings.ReplaceAll(printable(c), "\n", " ")
			width[i] = max(width[i], utf8.RuneCountInString(cells[i]))
		}
	}
	for _, cells := range all {
		var b strings.Builder
		for i, c := range cells {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			switch {
			case right[i]:
				b.WriteString(pad + c)
			case i == len(cells)-1:
				b.WriteString(c)
			default:
				b.WriteString(c + pad)
			}
			if i < len(cells)-1 {
				b.WriteString("  ")
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
