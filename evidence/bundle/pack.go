package bundle

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"saksi/evidence"
)

// predicate is what the statement says beside the manifest's digest, for those
// who read it with other tools. It must agree with the manifest.
type predicate struct {
	Name   string `json:"name"`
	Serial int64  `json:"serial"`
	Made   string `json:"made"`
}

// Pack writes a bundle of what stands in folder below rules/, hashes/, asn/ and
// settings/ to w. The result depends on content, paths, name, serial and made alone, in
// all but one member: the signature (ECDSA) has other bytes each time, and
// with it the compressed stream has. progress, when not nil, gets the bytes read
// so far, of which there are two for each byte of content.
//
// Every error about the folder, name, serial or time is ErrContent. On an error
// what w has got is no bundle.
func Pack(ctx context.Context, w io.Writer, folder, name string, serial int64, made time.Time, s *evidence.Signer, progress func(int64)) (*Manifest, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	defer root.Close()
	var read int64
	count := func(n int64) {
		if read += n; progress != nil {
			progress(read)
		}
	}
	m := &Manifest{Format: Format, Name: name, Serial: serial, Made: made.UTC().Format(time.RFC3339)}
	if m.Files, err = scan(ctx, root, count); err != nil {
		return nil, fmt.Errorf("packing %s: %w", folder, err)
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("packing %s: %w: %w", folder, ErrContent, err)
	}
	b, err := m.encode()
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", folder, err)
	}
	if len(b) > MaxManifest {
		return nil, fmt.Errorf("packing %s: %w: the manifest has %d bytes; at most %d", folder, ErrContent, len(b), MaxManifest)
	}
	sig, err := sign(ctx, s, m, b)
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", folder, err)
	}
	if err := write(ctx, w, m, b, sig, root.FS(), count); err != nil {
		return nil, fmt.Errorf("packing %s: %w", folder, err)
	}
	return m, nil
}

// sign makes the statement over a manifest.
func sign(ctx context.Context, s *evidence.Signer, m *Manifest, manifest []byte) ([]byte, error) {
	return evidence.Sign(ctx, s, Predicate, predicate{m.Name, m.Serial, m.Made},
		[]evidence.Subject{{Name: manifestName, Digest: map[string]string{"sha256": evidence.SHA256(manifest)}}})
}

// scan lists and hashes the files of a folder, sorted by path. It refuses what
// no bundle may hold; names of the folder itself in except are passed over.
func scan(ctx context.Context, root *os.Root, count func(int64), except ...string) ([]File, error) {
	var files []File
	fsys := root.FS()
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == "." || slices.Contains(except, p) {
			return err
		}
		if d.IsDir() {
			if err = checkPath(p, true); err != nil {
				err = fmt.Errorf("%w: %w", ErrContent, err)
			}
			return err
		}
		if err := checkPath(p, false); err != nil {
			return fmt.Errorf("%w: %w", ErrContent, err)
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%w: %s is a %s; only plain files are packed", ErrContent, p, kind(d.Type()))
		}
		if len(files) == MaxFiles {
			return fmt.Errorf("%w: more than %d files", ErrContent, MaxFiles)
		}
		h := sha256.New()
		n, err := copyFile(ctx, h, fsys, p, count)
		if err != nil {
			return err
		}
		files = append(files, File{p, n, sha256Hex(h.Sum(nil))})
		return nil
	})
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return files, err
}

// write writes the members of a bundle.
func write(ctx context.Context, w io.Writer, m *Manifest, manifest, sig []byte, content fs.FS, count func(int64)) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	made, err := time.Parse(time.RFC3339, m.Made)
	if err != nil {
		return err
	}
	member := func(name string, size int64) error {
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: made})
	}
	for _, own := range []struct {
		name string
		b    []byte
	}{{manifestName, manifest}, {signatureName, sig}} {
		if err := member(own.name, int64(len(own.b))); err != nil {
			return fmt.Errorf("writing %s: %w", own.name, err)
		}
		if _, err := t.Write(own.b); err != nil {
			return fmt.Errorf("writing %s: %w", own.name, err)
		}
	}
	for _, f := range m.Files {
		if err := member(f.Path, f.Size); err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
		h := sha256.New()
		n, err := copyFile(ctx, io.MultiWriter(t, h), content, f.Path, count)
		if n != f.Size && err == nil || errors.Is(err, tar.ErrWriteTooLong) || err == nil && sha256Hex(h.Sum(nil)) != f.SHA256 {
			return fmt.Errorf("%s changed while it was packed; try again when nothing writes to it", f.Path)
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// copyFile copies one file of a folder and returns the number of bytes.
func copyFile(ctx context.Context, w io.Writer, fsys fs.FS, p string, count func(int64)) (int64, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return copyAll(ctx, w, f, count)
}

// copyAll copies until the end, or until ctx ends, and returns the number of
// bytes.
func copyAll(ctx context.Context, w io.Writer, r io.Reader, count func(int64)) (int64, error) {
	buf := make([]byte, 128<<10)
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		k, err := r.Read(buf)
		if k > 0 {
			if _, werr := w.Write(buf[:k]); werr != nil {
				return n, werr
			}
			n += int64(k)
			count(int64(k))
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// kind names a type of file.
func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m&(fs.ModeDevice|fs.ModeCharDevice) != 0:
		return "device"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return strings.TrimSpace("special file " + m.String())
}
