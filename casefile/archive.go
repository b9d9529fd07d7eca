package casefile

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
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
	return writeArchive(ctx, dir, w, false, progress)
}

// writeArchive takes the index, the spool and the times of files too when the
// archive is to be all there is of the case.
func writeArchive(ctx context.Context, dir string, w io.Writer, whole bool, progress func(int64)) error {
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
		case !whole && (rel == IndexDir || rel == SpoolDir):
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
		at := time.Unix(0, 0)
		if whole {
			at = st.ModTime()
		}
		// Exhibits stay as they are: for reading only.
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: rel, Size: st.Size(), Mode: int64(st.Mode() & 0o600), ModTime: at, Format: tar.FormatPAX}); err != nil {
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
	err = unpack(ctx, r, root, progress)
	if err == nil {
		if _, err = ReadInfo(dir); err != nil {
			err = fmt.Errorf("%w: %w", ErrArchive, err)
		}
	}
	if err != nil {
		return fmt.Errorf("unpacking a case into %s: %w; what came out of it until then is there and is no case", dir, err)
	}
	return nil
}

func unpack(ctx context.Context, r io.Reader, root *os.Root, progress func(int64)) error {
	in := &reader{ctx, r, func(n int64) {
		if progress != nil {
			progress(n)
		}
	}, 0}
	t := tar.NewReader(in)
	var end int64 // of the entries so far, in the archive
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			// Two blocks of zeros end an archive; one that was cut off has none.
			if in.n < end+2*tarBlock {
				return fmt.Errorf("%w: it ends after %d files and %d bytes without the mark of its end: it was cut off", ErrArchive, n, in.n)
			}
			return ended(in)
		}
		if err != nil {
			return fmt.Errorf("%w: after %d files: %w", ErrArchive, n, err)
		}
		for k := range h.PAXRecords {
			if strings.HasPrefix(k, "GNU.sparse.") { // a few bytes could become any number of them
				return fmt.Errorf("%w: %q is a sparse file, which no export writes", ErrArchive, h.Name)
			}
		}
		end = in.n + (h.Size+tarBlock-1)/tarBlock*tarBlock
		name := strings.TrimSuffix(h.Name, "/")
		if n == maxArchiveFiles || path.Clean(name) != name || !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("%w: file %d is named %q", ErrArchive, n, h.Name)
		}
		switch h.Typeflag {
		case tar.TypeDir:
			if err := root.MkdirAll(name, 0o700); err != nil {
				return unpackError(name, err)
			}
		case tar.TypeReg:
			if err := unpackFile(root, name, h, t); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: %q is no file and no folder (type %q)", ErrArchive, h.Name, h.Typeflag)
		}
	}
}

// maxPadding bounds the zeros that follow the end of an archive, in bytes: tar
// fills whole records.
const maxPadding = 1 << 20

// ended reads to the end of what is read from, where what is encrypted says that it
// is whole: nothing but zeros may follow.
func ended(r io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(r, maxPadding+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: after its end: %w", ErrArchive, err)
	case len(b) > maxPadding || len(bytes.Trim(b, "\x00")) > 0:
		return fmt.Errorf("%w: something follows its end", ErrArchive)
	}
	return nil
}

// tarBlock is the size of a block of a tar archive, in bytes.
const tarBlock = 512

// unpackError says of a name that can't be made whether that is the archive's
// fault.
func unpackError(name string, err error) error {
	for _, e := range []error{fs.ErrExist, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.EINVAL, syscall.EILSEQ} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %q can't be a file or a folder here: %w", ErrArchive, name, err)
		}
	}
	return err
}

func unpackFile(root *os.Root, name string, h *tar.Header, r io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return unpackError(name, err)
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400|fs.FileMode(h.Mode)&0o200)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %q comes twice", ErrArchive, name)
	}
	if err != nil {
		return unpackError(name, err)
	}
	n, err := io.Copy(f, r)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it was cut off after %d bytes of %q", ErrArchive, n, name)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && h.ModTime.Unix() > 0 {
		err = root.Chtimes(name, h.ModTime, h.ModTime)
	}
	return err
}
