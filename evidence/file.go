package evidence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrFile is returned when a link, a FIFO, a device or a folder stands where a
// file of a case must be, or when a file is larger than any honest one.
var ErrFile = errors.New("not a file of a case")

// OpenRegular opens a file that others may have put there. It follows no link
// in the last part of path and never waits, as an open of a FIFO would: what is
// no regular file gives ErrFile.
func OpenRegular(path string) (*os.File, error) {
	// Looked at first, because opening a device can change its state.
	st, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no regular file (%s)", ErrFile, path, st.Mode().Type())
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	// Another file may have come meanwhile; nothing but a file must have.
	if st, err = f.Stat(); err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is no regular file (%s)", ErrFile, path, st.Mode().Type())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadRegular reads a whole file as OpenRegular opens it. One of more than
// limit bytes gives ErrFile.
func ReadRegular(path string, limit int64) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrFile, path, limit)
	}
	return b, nil
}

// WriteNew writes a file that must not exist, not even as a link. The bytes
// and the name are on the disk when it returns nil; after an error other than
// fs.ErrExist nothing is left of the file.
func WriteNew(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(path))
	}
	return nil
}

// Replace writes a file whole or not at all: an older one of the name stands until all bytes of the
// new one are on the disk.
func Replace(path string, b []byte, mode fs.FileMode) error {
	tmp := path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a run that was ended
		return err
	}
	if err := WriteNew(tmp, b, mode); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir brings the names in a folder to the disk. A file system that can't do
// that for folders, such as a share of another machine, is no error.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}
