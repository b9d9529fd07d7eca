package casefile

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"saksi/evidence"
)

// ErrArchive is returned when an archive holds what no case has.
var ErrArchive = errors.New("not an archive of a case")

// maxArchiveFiles bounds the files that are read from an archive: a hostile one
// could fill a disk's inodes.
const maxArchiveFiles = 10_000_000

// WriteArchive writes the case in dir as a tar archive (POSIX.1-2001, pax): all
// that is evidence, in the order of paths, with one time for all, so that the
// same case gives the same bytes. The index and the spool are left out. Nothing
// is written to the case.
func WriteArchive(ctx context.Context, dir string, w io.Writer, progress func(int64)) error {
	if _, err := ReadInfo(dir); err != nil {
		return err
	}
	t := tar.NewWriter(w)
	var done int64
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case rel == IndexDir || rel == SpoolDir:
			return filepath.SkipDir
		case rel == "." || rel == CustodyDir+"/lock":
			return nil
		case e.IsDir():
			return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: rel + "/", Mode: 0o700, ModTime: time.Unix(0, 0), Format: tar.FormatPAX})
		}
		f, err := evidence.OpenRegular(p)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: rel, Size: st.Size(), Mode: 0o600, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
			return err
		}
		n, err := io.Copy(t, &reader{ctx, f, func(n int64) {
			if progress != nil {
				progress(done + n)
			}
		}, 0})
		done += n
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return nil
	})
	if err == nil {
		err = t.Close()
	}
	if err != nil {
		return fmt.Errorf("archiving the case: %w", err)
	}
	return nil
}

// reader stops with its context and tells how far it is.
type reader struct {
	ctx      context.Context
	r        io.Reader
	progress func(int64)
	n        int64
}

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	r.n += int64(n)
	r.progress(r.n)
	return n, err
}

// ReadArchive unpacks an archive of a case into dir, which must be empty or
// absent. Only files and folders that lie inside are taken; anything else, and
// a name that comes twice, is ErrArchive. Nothing is verified: Verify does that.
func ReadArchive(ctx context.Context, r io.Reader, dir string, progress func(int64)) error {
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return fmt.Errorf("unpacking a case into %s: the folder is not empty; name a new one", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("unpacking a case: %w", err)
	}
	// A folder that can't be left, whatever the names say.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpacking a case: %w", err)
	}
	defer root.Close()
	if err := unpack(ctx, r, root, progress); err != nil {
		return fmt.Errorf("unpacking a case into %s: %w", dir, err)
	}
	if _, err := ReadInfo(dir); err != nil {
		return fmt.Errorf("unpacking a case into %s: %w: %w", dir, ErrArchive, err)
	}
	return nil
}

func unpack(ctx context.Context, r io.Reader, root *os.Root, progress func(int64)) error {
	t := tar.NewReader(&reader{ctx, r, func(n int64) {
		if progress != nil {
			progress(n)
		}
	}, 0})
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: after %d files: %w", ErrArchive, n, err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		if n == maxArchiveFiles || path.Clean(name) != name || !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("%w: file %d is named %q", ErrArchive, n, h.Name)
		}
		switch h.Typeflag {
		case tar.TypeDir:
			if err := root.MkdirAll(name, 0o700); err != nil {
				return err
			}
		case tar.TypeReg:
			if err := unpackFile(root, name, t); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: %q is no file and no folder (type %q)", ErrArchive, h.Name, h.Typeflag)
		}
	}
}

func unpackFile(root *os.Root, name string, r io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %q comes twice", ErrArchive, name)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
