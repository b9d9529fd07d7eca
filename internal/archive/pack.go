package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// formats are all that can be entered; the first that fits is taken.
var formats []format

func init() {
	formats = []format{
		{"zip", func(d []byte) bool { return prefix("PK\x03\x04")(d) || prefix("PK\x05\x06")(d) }, openZip},
		{"gzip", prefix("\x1f\x8b\x08"), openGzip},
		{"bzip2", func(d []byte) bool {
			return len(d) > 10 && string(d[:3]) == "BZh" && d[3] >= '1' && d[3] <= '9' && (string(d[4:10]) == "1AY&SY" || string(d[4:10]) == "\x17\x72\x45\x38\x50\x90")
		}, openBzip2},
		{"xz", prefix("\xfd7zXZ\x00"), openXz},
		{"zstd", prefix("\x28\xb5\x2f\xfd"), openZstd},
		{"7z", prefix("7z\xbc\xaf\x27\x1c"), openSevenZip},
		{"tar", func(d []byte) bool { return len(d) >= 512 && string(d[257:262]) == "ustar" }, openTar},
		{"cab", prefix("MSCF\x00\x00\x00\x00"), openCab},
		{"compound file", prefix("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), openCompound},
		{"PDF", isPDF, openPDF},
		{"mailbox", isMbox, openMbox},
		{"mail", isMail, openMail},
	}
}

// streamName names what a compressed file without a name holds.
const streamName = "content"

// Decoders are kept: their tables cost more than a small file.
var (
	gzips  = sync.Pool{New: func() any { return new(gzip.Reader) }}
	flates = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}
)

// inflater gives its decoder back when it is closed.
type inflater struct{ io.ReadCloser }

func newInflater(r io.Reader) io.ReadCloser {
	f := flates.Get().(io.ReadCloser)
	if err := f.(flate.Resetter).Reset(r, nil); err != nil {
		return io.NopCloser(failing{err})
	}
	return inflater{f}
}

func (f inflater) Close() error {
	flates.Put(f.ReadCloser)
	return nil
}

func openGzip(l *level) error {
	r := gzips.Get().(*gzip.Reader)
	defer gzips.Put(r)
	if err := r.Reset(bytes.NewReader(l.data)); err != nil {
		return err
	}
	name := r.Name
	if name == "" {
		name = streamName
	}
	return l.packed(name, r)
}

func openBzip2(l *level) error {
	return l.packed(streamName, bzip2.NewReader(bytes.NewReader(l.data)))
}

func openXz(l *level) error {
	r, err := newXz(bytes.NewReader(l.data))
	if err != nil {
		return err
	}
	return l.packed(streamName, r)
}

// newXz reads xz with a bounded history.
func newXz(r io.Reader) (io.Reader, error) { return xz.NewReader(r, maxWindow) }

func newZstd(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
}

func openZstd(l *level) error {
	r, err := newZstd(bytes.NewReader(l.data))
	if err != nil {
		return err
	}
	defer r.Close()
	return l.packed(streamName, r)
}

func openTar(l *level) error {
	b := bytes.NewReader(l.data)
	t := tar.NewReader(b)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("at byte %d: %w", len(l.data)-b.Len(), err)
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse || h.Size == 0 {
			continue
		}
		sparse := h.Typeflag == tar.TypeGNUSparse
		for k := range h.PAXRecords {
			sparse = sparse || strings.HasPrefix(k, "GNU.sparse.")
		}
		if sparse {
			err = l.packed(h.Name, t)
		} else {
			err = l.stored(h.Name, int64(len(l.data)-b.Len()), h.Size)
		}
		if err != nil {
			return err
		}
	}
}

// maxDirectory bounds the list of files of a zip file, in bytes.
const maxDirectory = 32 << 20

// directorySize is how many bytes a zip file says its list of files has, or -1.
func directorySize(d []byte) int64 {
	tail := d[max(0, len(d)-(1<<16)-22):]
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || i+22 > len(tail) {
		return -1
	}
	n := int64(binary.LittleEndian.Uint32(tail[i+12:]))
	if n == 0xffffffff {
		if j := bytes.LastIndex(tail[:i], []byte("PK\x06\x06")); j >= 0 && j+48 <= len(tail) {
			return int64(binary.LittleEndian.Uint64(tail[j+40:]) & (1<<63 - 1))
		}
	}
	return n
}

func openZip(l *level) error {
	if n := directorySize(l.data); n > maxDirectory {
		return &kindError{Limit, fmt.Sprintf("its list of files says it has %d bytes; %d are read at most", n, maxDirectory)}
	}
	z, err := zip.NewReader(bytes.NewReader(l.data), int64(len(l.data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err
	}
	z.RegisterDecompressor(zip.Deflate, newInflater)
	z.RegisterDecompressor(12, func(r io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(r)) })
	z.RegisterDecompressor(93, func(r io.Reader) io.ReadCloser {
		d, err := newZstd(r)
		if err != nil {
			return io.NopCloser(failing{err})
		}
		return d.IOReadCloser()
	})
	z.RegisterDecompressor(95, func(r io.Reader) io.ReadCloser {
		x, err := newXz(r)
		if err != nil {
			x = failing{err}
		}
		return io.NopCloser(x)
	})
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
			continue
		}
		if err := l.zipped(f); err != nil {
			return err
		}
	}
	return nil
}

func (l *level) zipped(f *zip.File) error {
	if f.Flags&1 != 0 {
		return l.left(f.Name, Encrypted, fmt.Sprintf("it is encrypted: %d bytes", f.UncompressedSize64))
	}
	off, err := f.DataOffset()
	if err == nil && f.Method == zip.Store {
		return l.stored(f.Name, off, int64(min(f.UncompressedSize64, 1<<62)))
	}
	var r io.ReadCloser
	if err == nil {
		r, err = f.Open()
	}
	switch {
	case errors.Is(err, zip.ErrAlgorithm):
		return l.left(f.Name, Unsupported, fmt.Sprintf("it is packed by method %d, which is not known", f.Method))
	case err != nil:
		return l.left(f.Name, Damaged, err.Error())
	}
	defer r.Close()
	return l.packed(f.Name, r)
}

// failing is a reader that can't begin.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
