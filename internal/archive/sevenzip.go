package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/bodgit/sevenzip"
	"github.com/stangelandcl/ppmd"
	"github.com/ulikunitz/xz/lzma"
)

// The library takes what a file says of a decoder's memory as true, and derives
// the key of what is encrypted before it fails: these decoders replace its own.
func init() {
	for _, d := range []struct {
		method []byte
		open   func(p []byte, size uint64, r io.Reader) (io.Reader, error)
	}{
		{[]byte{0x03, 0x01, 0x01}, sevenLZMA},
		{[]byte{0x21}, sevenLZMA2},
		{[]byte{0x03, 0x04, 0x01}, sevenPPMd},
		{[]byte{0x04, 0xf7, 0x11, 0x01}, func(_ []byte, _ uint64, r io.Reader) (io.Reader, error) { return newZstd(r) }},
		{[]byte{0x06, 0xf1, 0x07, 0x01}, func([]byte, uint64, io.Reader) (io.Reader, error) {
			return nil, &kindError{Encrypted, "it is encrypted"}
		}},
	} {
		sevenzip.RegisterDecompressor(d.method, func(p []byte, size uint64, rs []io.ReadCloser) (io.ReadCloser, error) {
			if len(rs) != 1 {
				return nil, fmt.Errorf("%d streams lead to one decoder", len(rs))
			}
			r, err := d.open(p, size, rs[0])
			if err != nil {
				return nil, err
			}
			return io.NopCloser(r), nil
		})
	}
}

// window is the history a decoder keeps: no more than there is to unpack.
func window(asked, size uint64) (int, error) {
	n := max(min(asked, size), lzma.MinDictCap)
	if n > maxWindow {
		return 0, &kindError{Limit, fmt.Sprintf("it asks for a history of %d bytes; %d are kept at most", asked, maxWindow)}
	}
	return int(n), nil
}

func sevenLZMA(p []byte, size uint64, r io.Reader) (io.Reader, error) {
	if len(p) != 5 {
		return nil, fmt.Errorf("LZMA with %d bytes of properties", len(p))
	}
	n, err := window(uint64(binary.LittleEndian.Uint32(p[1:])), size)
	if err != nil {
		return nil, err
	}
	head := binary.LittleEndian.AppendUint32([]byte{p[0]}, uint32(n))
	return lzma.ReaderConfig{DictCap: n}.NewReader(io.MultiReader(bytes.NewReader(binary.LittleEndian.AppendUint64(head, size)), r))
}

func sevenLZMA2(p []byte, size uint64, r io.Reader) (io.Reader, error) {
	if len(p) != 1 || p[0] > 40 {
		return nil, errors.New("LZMA2 with wrong properties")
	}
	n, err := window((2|uint64(p[0]&1))<<(p[0]/2+11), size)
	if err != nil {
		return nil, err
	}
	return lzma.Reader2Config{DictCap: n}.NewReader2(r)
}

func sevenPPMd(p []byte, size uint64, r io.Reader) (io.Reader, error) {
	if len(p) != 5 {
		return nil, fmt.Errorf("PPMd with %d bytes of properties", len(p))
	}
	memory := binary.LittleEndian.Uint32(p[1:])
	if memory > maxWindow {
		return nil, &kindError{Limit, fmt.Sprintf("PPMd asks for %d bytes of memory; %d are given at most", memory, maxWindow)}
	}
	d, err := ppmd.NewH7zReader(r, int(p[0]), int(memory), int(min(size, 1<<62)))
	return &d, err
}

// maxSevenHeader bounds the list of files of a 7z file, in bytes as it is packed.
const maxSevenHeader = 16 << 20

func openSevenZip(l *level) error {
	if len(l.data) < 32 {
		return errors.New("its header is cut")
	}
	if n := binary.LittleEndian.Uint64(l.data[20:]); n > maxSevenHeader {
		return &kindError{Limit, fmt.Sprintf("its list of files says it has %d bytes; %d are read at most", n, maxSevenHeader)}
	}
	// The library believes the list before it has checked it.
	off, size := binary.LittleEndian.Uint64(l.data[12:]), binary.LittleEndian.Uint64(l.data[20:])
	if room := uint64(len(l.data) - 32); off > room || size > room-off {
		return fmt.Errorf("its list of files at byte %d lies beyond its %d bytes", off, len(l.data))
	}
	if crc32.ChecksumIEEE(l.data[32+off:32+off+size]) != binary.LittleEndian.Uint32(l.data[28:]) {
		return errors.New("the checksum of its list of files (byte 28) is wrong")
	}
	z, err := sevenzip.NewReader(bytes.NewReader(l.data), int64(len(l.data)))
	if err != nil {
		return sevenError(err)
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() || f.UncompressedSize == 0 {
			continue
		}
		r, err := f.Open()
		if err != nil {
			err = sevenError(err)
			if err := l.left(f.Name, kindOf(err), err.Error()); err != nil {
				return err
			}
			continue
		}
		err = l.packed(f.Name, sevenReader{r})
		_ = r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// sevenError tells what is encrypted from what is damaged.
func sevenError(err error) error {
	var e *sevenzip.ReadError
	var k *kindError
	if errors.As(err, &e) && e.Encrypted && !errors.As(err, &k) {
		return &kindError{Encrypted, "it is encrypted"}
	}
	return err
}

type sevenReader struct{ r io.Reader }

func (s sevenReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = sevenError(err)
	}
	return n, err
}
