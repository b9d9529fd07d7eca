package evidence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"saksi/internal/infile"
)

// Held are files that were opened, checked and recorded, by their paths: whoever
// opens one of these paths afterwards reads the same file, whatever the path
// leads to by then. It is safe for concurrent use.
type Held struct {
	mu    sync.Mutex
	files map[string]*os.File
}

type heldKey struct{}

// WithHeld gives a context in which files can be held. The caller MUST close
// the Held when nothing is read in that context any more.
func WithHeld(ctx context.Context) (context.Context, *Held) {
	h := &Held{files: map[string]*os.File{}}
	return context.WithValue(ctx, heldKey{}, h), h
}

// Close closes the files that are held.
func (h *Held) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for path, f := range h.files {
		_ = f.Close() // only read
		delete(h.files, path)
	}
}

// Hold makes OpenHeld give f's file for path from now on, until the context's
// Held is closed; f stays the caller's. In a context without one it does
// nothing.
func Hold(ctx context.Context, path string, f *os.File) error {
	h, ok := ctx.Value(heldKey{}).(*Held)
	if !ok {
		return nil
	}
	own, err := again(f, path)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	path = heldPath(path)
	if old := h.files[path]; old != nil {
		_ = old.Close() // only read
	}
	h.files[path] = own
	return nil
}

// OpenHeld opens a regular file for reading, without waiting for it: the one that is held for
// its path, if there is one, with a position of its own.
func OpenHeld(ctx context.Context, path string) (*os.File, error) {
	if h, ok := ctx.Value(heldKey{}).(*Held); ok {
		h.mu.Lock()
		defer h.mu.Unlock()
		if f := h.files[heldPath(path)]; f != nil {
			return again(f, path)
		}
	}
	return infile.Open(path)
}

// IsHeld reports whether a file is held for path.
func IsHeld(ctx context.Context, path string) bool {
	h, ok := ctx.Value(heldKey{}).(*Held)
	if !ok {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.files[heldPath(path)] != nil
}

// heldPath is a path as files are held by.
func heldPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// again opens an open file once more, so that the two have positions of their
// own. Linux does that by the descriptor, not by the name.
func again(f *os.File, name string) (*os.File, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ENOENT) {
		err = errors.New("/proc is not mounted, and a file that was checked is read by its descriptor; mount it")
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s again: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
