package carve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"saksi/forensics/disk"
)

// partial is the name of the file that is being written: it has its own name only when
// it is whole.
const partial = ".carving"

// write writes a file; one that is there is never overwritten. What an ended run wrote
// is left as it is, once its bytes were compared.
func (c *carver) write(ctx context.Context, f *disk.Carved) error {
	path := filepath.Join(c.cfg.To, Name(f))
	if c.kept != nil {
		switch sum, err := digestOf(path); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("reading a carved file again: %w", err)
		case sum != f.SHA256:
			return fmt.Errorf("writing %s: a file of that name is there with SHA-256 %s; carved was %s", path, sum, f.SHA256)
		default:
			return nil
		}
	}
	if c.writer == nil {
		im, err := c.src.Open(ctx, c.cfg.Worker)
		if err != nil {
			return err
		}
		c.writer = im
	}
	part := filepath.Join(c.cfg.To, partial)
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a run that was ended
		return fmt.Errorf("writing a carved file: %w", err)
	}
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing a carved file: %w", err)
	}
	sum := sha256.New()
	_, err = c.writer.CopyMedia(ctx, f.Volume, f.Runs, io.MultiWriter(out, sum))
	if c.kept != nil { // the journal speaks of it
		err = errors.Join(err, out.Sync())
	}
	err = errors.Join(err, out.Close())
	if got := hex.EncodeToString(sum.Sum(nil)); err == nil && got != f.SHA256 {
		err = fmt.Errorf("its SHA-256 is %s, carved was %s: the image changed", got, f.SHA256)
	}
	if err == nil {
		err = rename(part, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(part))
	}
	return nil
}

// rename gives a file its name, unless one of that name is there.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	// The file system knows no such renaming.
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

func digestOf(path string) (string, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("hashing %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
