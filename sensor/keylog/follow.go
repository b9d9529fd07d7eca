package keylog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"saksi/internal/infile"
)

// followEach is how often a key log that grows is looked at.
const followEach = 20 * time.Millisecond

// Follower reads a key log that is being written to.
type Follower struct {
	log  *Log
	file *os.File
	rest []byte // of a line that is not whole yet
	next time.Time
}

// Follow opens a key log that is being written to. What it holds, and what
// Refresh finds in it later, is in Log. The caller MUST call Close.
func Follow(path string) (*Follower, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key log: %w", err)
	}
	w := &Follower{log: New(nil), file: f}
	w.log.grows = true
	if err := w.Refresh(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// Log is what was read.
func (w *Follower) Log() *Log { return w.log }

// Refresh reads the lines that were added. It may be called as often as wanted.
func (w *Follower) Refresh() error {
	now := time.Now()
	if now.Before(w.next) {
		return nil
	}
	w.next = now.Add(followEach)
	buf := make([]byte, 64<<10)
	for {
		n, err := w.file.Read(buf)
		w.rest = append(w.rest, buf[:n]...)
		if i := bytes.LastIndexByte(w.rest, '\n'); i >= 0 {
			if err := w.log.Add(bytes.NewReader(w.rest[:i+1]), 0); err != nil {
				return err
			}
			w.rest = w.rest[:copy(w.rest, w.rest[i+1:])]
		}
		if len(w.rest) > maxLine {
			w.rest = w.rest[:1] // no line of a key log; what follows of it is none either
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the key log: %w", err)
		}
	}
}

// Close closes the file; the Log stays.
func (w *Follower) Close() error { return w.file.Close() }
