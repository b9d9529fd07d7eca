package main

import (
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// terminal writes to one what can't drive it: names and contents of evidence may hold
// sequences that set its title, its clipboard or its colors. Files and pipes get every byte as it is.
type terminal struct {
	w    io.Writer
	rest []byte // of a character that is not whole yet
}

// onTerminal is w, through a terminal if it is one.
func onTerminal(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &terminal{w: f}
	}
	return w
}

func (t *terminal) Write(p []byte) (int, error) {
	b := append(t.rest, p...)
	t.rest = nil
	for k := 1; k < utf8.UTFMax && k <= len(b); k++ {
		if c := b[len(b)-k]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-k:]) {
				t.rest, b = append(t.rest, b[len(b)-k:]...), b[:len(b)-k]
			}
			break
		}
	}
	from := 0
	out := make([]byte, 0, len(b)+64)
	for i, c := range b { // tabs stay: printable would show them
		if c == '\t' {
			out = append(append(out, printable(string(b[from:i]))...), c)
			from = i + 1
		}
	}
	if _, err := t.w.Write(append(out, printable(string(b[from:]))...)); err != nil {
		return 0, err
	}
	return len(p), nil
}
