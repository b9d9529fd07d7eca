package archivefs

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"saksi/internal/inode"
)

// IsTar reports whether a tar archive begins with head: by its signature, or in
// the form of Unix V7 by the checksum of its first header (POSIX.1-2017, pax).
func IsTar(head []byte) bool {
	if len(head) < 512 || head[0] == 0 {
		return false
	}
	if bytes.HasPrefix(head[257:], []byte("ustar")) {
		return true
	}
	return tarSum(head[:512]) && bytes.Count(head[345:512], []byte{0}) > 100
}

// tarSum checks the checksum of a header.
func tarSum(head []byte) bool {
	want, err := strconv.ParseUint(strings.Trim(string(head[148:156]), " \x00"), 8, 32)
	if err != nil || want == 0 {
		return false
	}
	sum := uint64(8 * ' ')
	for i, b := range head {
		if i < 148 || i >= 156 {
			sum += uint64(b)
		}
	}
	return sum == want
}

var tarTypes = map[byte]uint32{
	tar.TypeReg: inode.TypeFile, tar.TypeCont: inode.TypeFile, tar.TypeGNUSparse: inode.TypeFile, tar.TypeLink: inode.TypeFile, tar.TypeSymlink: inode.TypeSymlink,
	tar.TypeChar: inode.TypeChar, tar.TypeBlock: inode.TypeBlock, tar.TypeDir: inode.TypeDir, tar.TypeFifo: inode.TypeFifo,
}

// OpenTar lists the tar archive that lies in r from offset on.
func OpenTar(r io.ReaderAt, offset, length int64) (*FS, error) {
	fs := newFS("tar", length)
	base := int64(0) // where t began
	s := &tarReader{SectionReader: io.NewSectionReader(r, offset, length)}
	t := tar.NewReader(s)
	for {
		s.header = -1
		h, err := t.Next()
		at, _ := s.Seek(0, io.SeekCurrent)
		at += base
		if err == io.EOF {
			next := nextTar(r, offset, at, length)
			if next < 0 {
				fs.behind(r, offset, at, length)
				return fs, nil
			}
			fs.note("it ends at offset %d, and another one begins behind it, at %d, which is listed with it", offset+at, offset+next)
			base = next
			s = &tarReader{SectionReader: io.NewSectionReader(r, offset+base, length-base)}
			t = tar.NewReader(s)
			continue
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			next := nextTar(r, offset, min(at, length), length)
			if next < 0 && len(fs.nodes) == 2 {
				return nil, err
			}
			if next < 0 || len(fs.notes) >= maxNotes {
				fs.note("it is damaged at offset %d, behind %d entries, or was cut: %v; what stands behind is not read", offset+at, len(fs.nodes)-2, err)
				return fs, nil
			}
			fs.note("it is damaged at offset %d: %v; it is read on at the next header, at %d", offset+at, err, offset+next)
			base = next
			s = &tarReader{SectionReader: io.NewSectionReader(r, offset+base, length-base)}
			t = tar.NewReader(s)
			continue
		}
		kind, known := tarTypes[h.Typeflag]
		if !known {
			fs.note("%.200q is of type %q, which is not known; it is listed as a file", h.Name, h.Typeflag)
			kind = inode.TypeFile
		}
		n := node{meta: inode.Meta{
			Mode: kind | uint32(h.Mode)&0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid), Size: h.Size,
			Modified: nanos(h.ModTime), Accessed: nanos(h.AccessTime), Changed: nanos(h.ChangeTime), Created: inode.NoTime,
		}}
		sparse := h.Typeflag == tar.TypeGNUSparse
		for k := range h.PAXRecords {
			sparse = sparse || strings.HasPrefix(k, "GNU.sparse.")
		}
		switch {
		case h.Typeflag == tar.TypeSymlink:
			n.link, n.meta.Size = h.Linkname, int64(len(h.Linkname))
		case h.Typeflag == tar.TypeLink:
			// It is the file that stands before it, under another name.
			n.meta.Size = 0
			if of, ok := fs.paths[clean(h.Linkname)]; ok {
				x := &fs.nodes[of]
				n.open, n.meta.Size, n.link = x.open, x.meta.Size, x.link
			} else {
				n.meta.Problem = "it is a link to " + h.Linkname + ", which does not stand before it"
			}
		case kind != inode.TypeFile:
			n.meta.Size = 0
		case sparse:
			n.open = fs.sparse(r, offset+base+max(s.header, 0), length-base-max(s.header, 0), h.Size)
		case h.Size > 0:
			if h.Size > length-at {
				n.meta.Problem = "its content was cut: it should have " + strconv.FormatInt(h.Size, 10) + " bytes at offset " + strconv.FormatInt(offset+at, 10)
			}
			n.open = plainContent(r, offset+at, h.Size)
		}
		if err := fs.add(h.Name, n); err != nil {
			fs.note("%v; the others are not listed", err)
			return fs, nil
		}
	}
}

// tarReader tells where the header of an entry begins: it is the first block that is read as
// one, behind what is left of the entry before.
type tarReader struct {
	*io.SectionReader
	header int64 // -1: none was read
}

func (t *tarReader) Read(p []byte) (int, error) {
	if t.header < 0 && len(p) == 512 {
		t.header, _ = t.Seek(0, io.SeekCurrent)
	}
	return t.SectionReader.Read(p)
}

// nextTar finds the next header with a sound checksum, -1 for none.
func nextTar(r io.ReaderAt, offset, at, length int64) int64 {
	at = at / 512 * 512
	buf := make([]byte, 64<<10)
	for at < length {
		n, _ := r.ReadAt(buf[:min(int64(len(buf)), length-at)], offset+at)
		for i := 0; i+512 <= n; i += 512 {
			if h := buf[i : i+512]; IsTar(h) && tarSum(h) {
				return at + int64(i)
			}
		}
		if n < 512 {
			return -1
		}
		at += int64(n) / 512 * 512
	}
	return -1
}

// sparse is content with holes, by the library, of the entry whose header is at offset.
func (fs *FS) sparse(r io.ReaderAt, offset, length, size int64) func() (inode.Content, error) {
	return func() (inode.Content, error) {
		return &streamed{size: size, start: func() (io.Reader, error) {
			t := tar.NewReader(io.NewSectionReader(r, offset, length))
			if _, err := t.Next(); err != nil && !errors.Is(err, tar.ErrInsecurePath) {
				return nil, err
			}
			return t, nil
		}}, nil
	}
}

// clean is a path as folders and paths have it.
func clean(path string) string {
	var parts []string
	for _, p := range strings.Split(path, "/") {
		if p != "" && p != "." {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "/")
}

// nanos are Unix nanoseconds; none for a time that is not held or that they
// cannot tell.
func nanos(t time.Time) int64 {
	if t.IsZero() || t.Year() < 1678 || t.Year() > 2261 {
		return inode.NoTime
	}
	return t.UnixNano()
}
