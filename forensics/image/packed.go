package image

// Packed images: one stream of gzip, bzip2, xz, LZMA or Zstandard, whose content
// is an image of any kind.
//
// Specifications: RFC 1952 (gzip), bzip2 1.0.8, The .xz File Format 1.2.0, LZMA
// SDK (lzma.txt), RFC 8878 (Zstandard).
//
// Such a stream can't be read from its middle: it is unpacked once, and its
// pieces are kept packed lightly in memory.

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

const (
	packedPiece = 256 << 10 // bytes of one piece, unpacked
	maxPacked   = 768 << 20 // bytes that pieces take in memory
	maxUnpacked = 4 << 40   // bytes of media
	// packedWindow is the largest window of Zstandard, in bytes: that of 'zstd --ultra -22'
	// is half of it.
	packedWindow = 256 << 20
)

func init() {
	register(Format{
		Name:      "packed",
		Doc:       "an image of any kind packed by gzip, bzip2, xz, LZMA or Zstandard as one stream, and the tar in a backup by 'adb backup' (.ab) that is not encrypted; up to 768 MiB of what is no zeros, as s2 packs it",
		Reference: "AOSP, services/backup; RFC 1952; bzip2 1.0.8; The .xz File Format 1.2.0; LZMA SDK, lzma.txt; RFC 8878",
		// An Apple disk image may begin with a packed piece.
		Detect:  func(head, tail []byte) bool { return packedBy(head) != "" && !udifDetect(tail) },
		Open:    openPacked,
		Samples: []string{"container/packed.gzip", "container/packed.bz2", "container/packed.xz", "container/packed.zst", "container/packed.lzma", "archive/phone.ab"},
		Hostile: []string{"container/packed.gzip cut=60", "container/packed.gzip cut=12", "container/packed.bz2 cut=100", "container/packed.xz @20=ffffffff", "container/packed.zst cut=30", "container/packed.lzma cut=60", "archive/phone.ab cut=20", "archive/phone.ab cut=150", "archive/phone.ab @19=4145530a"},
	})
}

// packedBy is the method that the first bytes tell, "" for none.
func packedBy(head []byte) string {
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case has("\x1f\x8b\x08"):
		return "gzip"
	case has("BZh") && len(head) >= 10 && string(head[4:10]) == "1AY&SY":
		return "bzip2"
	case has(androidMagic):
		return "android-backup"
	case has("\xfd7zXZ\x00"):
		return "xz"
	case has("\x28\xb5\x2f\xfd"):
		return "zstd"
	case has("\x5d\x00\x00") && len(head) >= 14 && head[13] == 0: // the range coder begins with 0
		dict, size := binary.LittleEndian.Uint32(head[1:]), binary.LittleEndian.Uint64(head[5:])
		if dict&(dict-1) == 0 && dict <= 1<<28 && (size == 1<<64-1 || size <= maxUnpacked) {
			return "lzma"
		}
	}
	return ""
}

func unpacker(method string, r io.Reader) (io.Reader, error) {
	switch method {
	case "gzip":
		return gzip.NewReader(r)
	case "android-backup":
		return unpackAndroid(r)
	case "bzip2":
		return bzip2.NewReader(r), nil
	case "xz":
		return xz.ReaderConfig{DictCap: maxTable}.NewReader(r)
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(packedWindow))
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	return lzma.ReaderConfig{DictCap: maxTable}.NewReader(r)
}

// androidMagic begins a backup by 'adb backup' (AOSP, services/backup, "full
// backup" file format): lines with the version, 1 where zlib packs what follows,
// and the method of encryption; then a tar.
const androidMagic = "ANDROID BACKUP\n"

func unpackAndroid(r io.Reader) (io.Reader, error) {
	in := bufio.NewReader(r)
	var lines [4]string
	for i := range lines {
		l, err := in.ReadSlice('\n')
		if err != nil {
			return nil, fmt.Errorf("line %d of its header: %w", i+1, err)
		}
		lines[i] = strings.TrimSpace(string(l))
	}
	switch {
	case lines[3] != "none":
		return nil, fmt.Errorf("it is encrypted by %.20q, which is %w; decrypt it with 'abe' and its password", lines[3], ErrUnsupported)
	case lines[2] == "1":
		return zlib.NewReader(in)
	}
	return in, nil
}

func openPacked(segs []Segment, depth int) (*Image, error) {
	s := segs[0]
	if depth >= maxParents {
		return nil, corrupt(s.Name, 0, "more than %d images in one another", maxParents)
	}
	head := make([]byte, min(s.Size, headSize))
	if err := readFull(s, head, 0); err != nil {
		return nil, err
	}
	method := packedBy(head)
	p, cause, err := unpack(s, method)
	if err != nil {
		return nil, err
	}
	if p.size == 0 {
		if errors.Is(cause, ErrUnsupported) {
			return nil, fmt.Errorf("opening %s: %w", s.Name, cause)
		}
		if cause != nil {
			return nil, fmt.Errorf("opening %s: %w: not a byte of it could be unpacked by %s: %w", s.Name, ErrCorrupt, method, cause)
		}
		return nil, fmt.Errorf("opening %s: %w: the %s stream holds nothing", s.Name, ErrEmpty, method)
	}
	stem, _, ok := cutLast(s.Name)
	if !ok {
		stem = s.Name
	}
	im, err := open(append([]Segment{{Name: stem, Size: p.size, ReaderAt: p}}, segs[1:]...), depth+1)
	if err != nil {
		return nil, fmt.Errorf("opening what %s packs by %s: %w", s.Name, method, err)
	}
	im.Meta = append(im.Meta, Meta{"packed", method + " of " + im.Format})
	// What else the image inside needed stands behind the file that holds it.
	im.Segments = append([]string{s.Name}, im.Segments[min(1, len(im.Segments)):]...)
	if cause != nil {
		im.Notes = append(im.Notes, fmt.Sprintf("the %s stream is damaged after %d bytes of content: %v; what stands behind is not read", method, p.size, cause))
	}
	return im, nil
}

// packed is content in pieces.
type packed struct {
	pieces [][]byte // packed by s2 after a byte 1, else as they are after a byte 0; nil: zeros
	size   int64
	cache  *cache
}

// unpack reads the whole stream. cause is why it ended before its end.
func unpack(s Segment, method string) (p *packed, cause, err error) {
	p = &packed{cache: newCache(packedPiece)}
	src := bufio.NewReaderSize(io.NewSectionReader(s, 0, s.Size), 1<<20)
	r, cause := unpacker(method, src)
	if cause != nil {
		return p, cause, nil
	}
	if c, ok := r.(interface{ Close() }); ok {
		defer c.Close()
	}
	buf, held := make([]byte, packedPiece), int64(0)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			piece := buf[:n]
			switch {
			case len(bytes.TrimLeft(piece, "\x00")) == 0:
				p.pieces = append(p.pieces, nil)
			default:
				out := s2.Encode(nil, piece)
				if len(out) < n {
					out = append(append(make([]byte, 0, len(out)+1), 1), out...)
				} else {
					out = append(append(make([]byte, 0, n+1), 0), piece...)
				}
				p.pieces = append(p.pieces, out)
				held += int64(len(out))
			}
			p.size += int64(n)
		}
		if held > maxPacked || p.size > maxUnpacked {
			return nil, nil, fmt.Errorf("opening %s: what it packs by %s is larger than is held in memory, which is %w; unpack it and name the result", s.Name, method, ErrUnsupported)
		}
		switch {
		case err == nil:
		case err == io.EOF:
			return p, nil, nil
		case errors.Is(err, io.ErrUnexpectedEOF) && n > 0 && n < len(buf):
			// The stream's end, or that of a cut one: the next read tells.
			if _, err := io.ReadFull(r, buf[:1]); err == io.EOF {
				return p, nil, nil
			} else if err != nil {
				return p, plain(err), nil
			}
			return p, errors.New("it goes on after its end"), nil
		default:
			return p, plain(err), nil
		}
	}
}

// plain is an error of a library that says what is wrong in words of its own.
func plain(err error) error {
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		return errors.New("it was cut")
	}
	return errors.New(strings.TrimSpace(err.Error()))
}

// ReadAt reads content.
func (p *packed) ReadAt(b []byte, off int64) (int, error) {
	total := 0
	for len(b) > 0 {
		if off < 0 || off >= p.size {
			return total, io.EOF
		}
		n := off / packedPiece
		want := min(int64(len(b)), packedPiece-off%packedPiece, p.size-off)
		if p.pieces[n] == nil {
			clear(b[:want])
		} else {
			piece, err := p.cache.get(n, func() ([]byte, error) {
				if c := p.pieces[n]; c[0] == 1 {
					return s2.Decode(nil, c[1:])
				}
				return p.pieces[n][1:], nil
			})
			if err != nil {
				return total, err
			}
			copy(b[:want], piece[off%packedPiece:])
		}
		b, off, total = b[want:], off+want, total+int(want)
	}
	return total, nil
}
