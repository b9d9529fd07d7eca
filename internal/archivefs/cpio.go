package archivefs

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"saksi/internal/inode"
)

// Forms of cpio (cpio(5) of FreeBSD; POSIX.1-2017, pax): numbers in binary of
// either byte order, in octal, and in hexadecimal without and with a checksum.
const (
	cpioLittle = "\xc7\x71"
	cpioBig    = "\x71\xc7"
	cpioOctal  = "070707"
	cpioHex    = "070701"
	cpioSum    = "070702"
)

// IsCpio reports whether a cpio archive begins with head.
func IsCpio(head []byte) bool {
	if len(head) < 26 {
		return false
	}
	for _, m := range []string{cpioOctal, cpioHex, cpioSum} {
		if string(head[:6]) == m {
			_, _, _, err := cpioHeader(head)
			return err == nil
		}
	}
	if m := string(head[:2]); m != cpioLittle && m != cpioBig {
		return false
	}
	_, h, _, err := cpioHeader(head)
	return err == nil && h.name > 1 && h.name < 4096 && h.mode&inode.TypeMask != 0
}

type cpioEntry struct {
	number, mode, uid, gid, links, mtime, size, major, minor, name int64
}

// cpioFile is a file with several names: in the hexadecimal forms all of them but
// the last come without its content.
type cpioFile struct{ major, minor, number int64 }

// cpioHeader reads a header: its length, and to what name and content are padded.
func cpioHeader(b []byte) (length int64, h cpioEntry, pad int64, err error) {
	if len(b) < 26 {
		return 0, h, 0, io.ErrUnexpectedEOF
	}
	switch m := string(b[:min(len(b), 6)]); {
	case m == cpioHex || m == cpioSum:
		if len(b) < 110 {
			return 0, h, 0, io.ErrUnexpectedEOF
		}
		for i, to := range []*int64{0: &h.number, 1: &h.mode, 2: &h.uid, 3: &h.gid, 4: &h.links, 5: &h.mtime, 6: &h.size, 7: &h.major, 8: &h.minor, 11: &h.name} {
			if to == nil {
				continue
			}
			n, err := strconv.ParseUint(string(b[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				return 0, h, 0, fmt.Errorf("field %d of its header is no number", i)
			}
			*to = int64(n)
		}
		return 110, h, 4, nil
	case m == cpioOctal:
		if len(b) < 76 {
			return 0, h, 0, io.ErrUnexpectedEOF
		}
		at := 6
		for i, f := range []struct {
			digits int
			to     *int64
		}{{6, nil}, {6, &h.number}, {6, &h.mode}, {6, &h.uid}, {6, &h.gid}, {6, &h.links}, {6, nil}, {11, &h.mtime}, {6, &h.name}, {11, &h.size}} {
			n, err := strconv.ParseUint(string(b[at:at+f.digits]), 8, 63)
			if err != nil {
				return 0, h, 0, fmt.Errorf("field %d of its header is no number", i)
			}
			if f.to != nil {
				*f.to = int64(n)
			}
			at += f.digits
		}
		return 76, h, 1, nil
	case m[:2] == cpioLittle || m[:2] == cpioBig:
		var order binary.ByteOrder = binary.LittleEndian
		if m[:2] == cpioBig {
			order = binary.BigEndian
		}
		u := func(i int) int64 { return int64(order.Uint16(b[2*i:])) }
		return 26, cpioEntry{number: u(2), mode: u(3), uid: u(4), gid: u(5), links: u(6), mtime: u(8)<<16 | u(9), name: u(10), size: u(11)<<16 | u(12)}, 2, nil
	}
	return 0, h, 0, fmt.Errorf("there is no header")
}

// OpenCpio lists the cpio archive that lies in r from offset on.
func OpenCpio(r io.ReaderAt, offset, length int64) (*FS, error) {
	fs := newFS("cpio", length)
	bare := map[cpioFile][]uint64{}
	up := func(n, pad int64) int64 { return (n + pad - 1) / pad * pad }
	for at := int64(0); at < length; {
		b := make([]byte, min(110, length-at))
		if n, err := r.ReadAt(b, offset+at); n < len(b) {
			return fs.cut(offset+at, err)
		}
		head, h, pad, err := cpioHeader(b)
		if err == nil && (h.name < 1 || h.name > maxName || up(head+h.name, pad) > length-at) {
			err = fmt.Errorf("a name of %d bytes", h.name)
		}
		if err != nil {
			next := nextCpio(r, offset, at+1, length)
			if next < 0 || len(fs.notes) >= maxNotes {
				return fs.cut(offset+at, err)
			}
			fs.note("it is damaged at offset %d: %v; it is read on at the next header, at %d", offset+at, err, offset+next)
			at = next
			continue
		}
		name := make([]byte, h.name)
		if n, err := r.ReadAt(name, offset+at+head); n < len(name) {
			return fs.cut(offset+at+head, err)
		}
		path := strings.TrimRight(string(name), "\x00")
		if path == "TRAILER!!!" { // an initramfs is several, one behind the other
			end := at + up(head+h.name, pad)
			next := nextCpio(r, offset, end, length)
			if next < 0 || len(fs.notes) >= maxNotes {
				fs.behind(r, offset, end, length)
				return fs, nil
			}
			fs.note("it ends at offset %d, and another one begins behind it, at %d, which is listed with it", offset+end, offset+next)
			at = next
			continue
		}
		data := at + up(head+h.name, pad)
		n := node{meta: inode.Meta{
			Mode: uint32(h.mode), UID: uint32(h.uid), GID: uint32(h.gid), Links: uint32(h.links), Size: h.size,
			Modified: h.mtime * 1e9, Accessed: inode.NoTime, Changed: inode.NoTime, Created: inode.NoTime,
		}}
		if h.mtime > 9e9 {
			n.meta.Modified = inode.NoTime
		}
		if h.size > length-data {
			n.meta.Problem = fmt.Sprintf("its content was cut: it should have %d bytes at offset %d", h.size, offset+data)
		}
		switch {
		case h.size == 0:
		case n.meta.Type() == inode.TypeSymlink && h.size <= maxName && h.size <= length-data:
			link := make([]byte, h.size)
			if got, err := r.ReadAt(link, offset+data); got < len(link) {
				return fs.cut(offset+data, err)
			}
			n.link = string(link)
		default:
			n.open = plainContent(r, offset+data, h.size)
		}
		if err := fs.add(path, n); err != nil {
			fs.note("%v; the others are not listed", err)
			return fs, nil
		}
		if pad == 4 && h.links > 1 && n.meta.Type() == inode.TypeFile {
			f := cpioFile{h.major, h.minor, h.number}
			if h.size == 0 {
				bare[f] = append(bare[f], uint64(len(fs.nodes)-1))
			} else {
				for _, i := range bare[f] {
					fs.nodes[i].open, fs.nodes[i].meta.Size = n.open, h.size
				}
				delete(bare, f)
			}
		}
		if h.size > length-data {
			return fs.cut(offset+length, io.ErrUnexpectedEOF)
		}
		at = data + up(h.size, pad)
	}
	return fs.cut(offset+length, fmt.Errorf("there is no trailer"))
}

// nextCpio finds the next header in letters, -1 for none: that of the binary forms
// is too short to be told from content.
func nextCpio(r io.ReaderAt, offset, at, length int64) int64 {
	buf := make([]byte, 64<<10)
	for at < length {
		n, _ := r.ReadAt(buf[:min(int64(len(buf)), length-at)], offset+at)
		for i := 0; i+110 <= n; i++ {
			if buf[i] == '0' && string(buf[i+1:i+5]) == "7070" {
				if _, h, _, err := cpioHeader(buf[i:n]); err == nil && h.name > 1 && h.name < 4096 {
					return at + int64(i)
				}
			}
		}
		if n < 110 {
			return -1
		}
		at += int64(n - 109)
	}
	return -1
}

// cut ends at what is damaged; it is an error where nothing stands before it.
func (fs *FS) cut(at int64, err error) (*FS, error) {
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if len(fs.nodes) == 2 {
		return nil, fmt.Errorf("at offset %d: %w", at, err)
	}
	fs.note("it is damaged at offset %d, behind %d entries, or was cut: %v; what stands behind is not read", at, len(fs.nodes)-2, err)
	return fs, nil
}
