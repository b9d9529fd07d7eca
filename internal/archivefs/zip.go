package archivefs

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"saksi/internal/inode"
)

// IsZip reports whether a zip archive begins with head (APPNOTE.TXT 4.3).
func IsZip(head []byte) bool {
	return len(head) >= 22 && (string(head[:4]) == "PK\x03\x04" || string(head[:4]) == "PK\x05\x06")
}

// OpenZip lists the zip archive that lies in r from offset on.
func OpenZip(r io.ReaderAt, offset, length int64) (*FS, error) {
	f := newFS("zip", length)
	z, err := zip.NewReader(io.NewSectionReader(r, offset, length), length)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("its directory, at its end: %w", err)
	}
	for _, x := range z.File {
		if err := f.add(strings.ReplaceAll(x.Name, "\\", "/"), f.zipped(r, offset, x)); err != nil {
			f.note("%v; the others are not listed", err)
			break
		}
	}
	return f, nil
}

func (f *FS) zipped(r io.ReaderAt, offset int64, x *zip.File) node {
	const encrypted = 1
	m := x.Mode()
	n := node{meta: inode.Meta{
		Mode: uint32(m.Perm()), Size: int64(x.UncompressedSize64),
		Modified: nanos(x.Modified), Accessed: inode.NoTime, Changed: inode.NoTime, Created: inode.NoTime,
		Compressed: x.Method != zip.Store, Encrypted: x.Flags&encrypted != 0,
	}}
	if m&fs.ModeSetuid != 0 {
		n.meta.Mode |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		n.meta.Mode |= 0o2000
	}
	switch {
	case strings.HasSuffix(x.Name, "/") || m.IsDir():
		n.meta.Mode |= inode.TypeDir
		n.meta.Size = 0
		return n
	case m&fs.ModeSymlink != 0:
		n.meta.Mode |= inode.TypeSymlink
	default:
		n.meta.Mode |= inode.TypeFile
	}
	if n.meta.Size < 0 {
		n.meta.Size, n.meta.Problem = 0, fmt.Sprintf("it claims %d bytes", x.UncompressedSize64)
		return n
	}
	switch {
	case n.meta.Encrypted:
		n.open = refused("it is encrypted, which is %w; unpack it with its password", ErrUnsupported)
	case x.Method == zip.Store:
		at, err := x.DataOffset()
		if err != nil {
			n.open = refused("its header is damaged: %w", err)
			break
		}
		n.open = plainContent(r, offset+at, min(n.meta.Size, int64(x.CompressedSize64)))
	case x.Method != zip.Deflate:
		n.open = refused("it is packed by method %d, which is %w", x.Method, ErrUnsupported)
	default:
		n.open = func() (inode.Content, error) {
			return &streamed{size: n.meta.Size, start: func() (io.Reader, error) { return x.Open() }}, nil
		}
	}
	return n
}

func refused(format string, args ...any) func() (inode.Content, error) {
	err := fmt.Errorf(format, args...)
	return func() (inode.Content, error) { return nil, err }
}
