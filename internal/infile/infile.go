// Package infile opens files that a user names without ever waiting for them: a
// FIFO that nobody writes to would hold an ordinary open for good, and no interrupt ends that. Start with
// Read for what is small, and Open for the rest.
package infile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoFile is returned for a pipe, a socket, a device or a folder where a file is expected.
var ErrNoFile = errors.New("expected a file")

// patience is how long a pipe may give nothing.
var patience = 2 * time.Minute

// Open opens a regular file to be read. A link is followed; anything else is ErrNoFile.
func Open(path string) (*os.File, error) {
	st, err := os.Stat(path) // first, because opening a device can change its state
	if err != nil {
		return nil, err
	}
	if err := regular(path, st); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	if st, err = f.Stat(); err == nil { // something else may have come meanwhile
		err = regular(path, st)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func regular(path string, st fs.FileInfo) error {
	if st.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s is %s; %w", path, kind(st.Mode()), ErrNoFile)
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// Read reads a whole file of at most limit bytes. It may be a pipe, as a shell makes
// one for <(); one that nobody writes to, or whose writer gives nothing for two minutes, is an error.
func Read(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if m := st.Mode(); m&fs.ModeNamedPipe == 0 && m&fs.ModeCharDevice == 0 {
		if err := regular(path, st); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(&patient{f}, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%s is a pipe, and nothing came from it for %v; name a file", path, patience)
	case err != nil:
		return nil, err
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%s has more than the %d bytes that it may have", path, limit)
	case len(b) == 0 && st.Mode()&fs.ModeNamedPipe != 0:
		return nil, fmt.Errorf("%s is a pipe that nobody writes to; name a file", path)
	}
	return b, nil
}

// patient waits for each read for a while. Files of a disk know no time limit, and need none.
type patient struct{ f *os.File }

func (p *patient) Read(b []byte) (int, error) {
	_ = p.f.SetReadDeadline(time.Now().Add(patience))
	return p.f.Read(b)
}

// OpenStream opens a file that is read once, which may be a pipe: its writer is awaited until
// ctx ends, and then reads of the pipe end with os.ErrDeadlineExceeded.
func OpenStream(ctx context.Context, path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s is %s; %w", path, kind(st.Mode()), ErrNoFile)
	}
	if st.Mode()&fs.ModeNamedPipe == 0 {
		return os.Open(path)
	}
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(path)
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, o.err
		}
		context.AfterFunc(ctx, func() { _ = o.f.SetReadDeadline(time.Now()) })
		return o.f, nil
	case <-ctx.Done(): // whoever waits still ends with this process
		return nil, ctx.Err()
	}
}
