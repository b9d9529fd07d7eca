package capture

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds the memory a Zstandard frame may ask for.
const maxZstdWindow = 128 << 20

// Reader reads one capture. It is not safe for concurrent use.
type Reader struct {
	name   string
	src    io.Reader
	closer []func() error

	carry  []byte // bytes read but not yet parsed
	off    int64  // offset of the first byte not yet parsed
	skip   int64  // bytes of an uninteresting block still to be passed over
	eof    bool
	ioErr  error // what ended src, if not io.EOF
	err    error // sticky, returned once all packets before it are out
	number uint64
	order  binary.ByteOrder
	keyLog func(text []byte, from uint64) // nil: secrets are passed over
	parse  func(r *Reader, b *Batch, p []byte) (n int, need int, err error)
	stats  Stats

	pcap   pcapState
	pcapng pcapngState
}

// NewReader reads a capture from src, which it does not close. name stands in
// errors. It returns an *Error with ErrFormat or ErrTruncated if src does not
// begin as a capture does.
func NewReader(name string, src io.Reader) (*Reader, error) {
	r := &Reader{name: name, src: src}
	if err := r.open(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) open() error {
	head := make([]byte, 4)
	n, err := io.ReadFull(r.src, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return &Error{Name: r.name, Err: err}
	}
	if n < 4 {
		return &Error{Name: r.name, What: fmt.Sprintf("only %d bytes", n), Err: ErrTruncated}
	}
	switch {
	case head[0] == 0x1f && head[1] == 0x8b:
		zr, err := gzip.NewReader(io.MultiReader(newBytesReader(head), bufio.NewReaderSize(r.src, 64<<10)))
		if err != nil {
			return &Error{Name: r.name, What: "gzip header", Err: errors.Join(ErrCorrupt, err)}
		}
		r.stats.Compression, r.src = "gzip", zr
		r.closer = append(r.closer, zr.Close)
	case binary.LittleEndian.Uint32(head) == 0xfd2fb528:
		zr, err := zstd.NewReader(io.MultiReader(newBytesReader(head), r.src),
			zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return &Error{Name: r.name, What: "zstd header", Err: errors.Join(ErrCorrupt, err)}
		}
		r.stats.Compression, r.src = "zstd", zr
		r.closer = append(r.closer, func() error { zr.Close(); return nil })
	}
	if r.stats.Compression != "" {
		n, err := io.ReadFull(r.src, head)
		if n < 4 {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = nil
			}
			return &Error{Name: r.name, What: fmt.Sprintf("only %d bytes after decompression", n), Err: errors.Join(ErrTruncated, err)}
		}
	}
	r.carry = append(r.carry, head...)
	if isPcapng(head) {
		r.stats.Format = "pcapng"
		r.parse = parsePcapng
		return nil
	}
	return r.openPcap()
}

// OnKeyLog has f called with each TLS key log that lies in a pcapng capture, and
// the number of the packet that follows it. text is valid during the call.
func (r *Reader) OnKeyLog(f func(text []byte, from uint64)) { r.keyLog = f }

// Close frees what decompression holds; it does not close the source.
func (r *Reader) Close() error {
	var err error
	for _, c := range r.closer {
		err = errors.Join(err, c())
	}
	r.closer = nil
	return err
}

// Stats returns what was counted so far.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.Packets, s.Bytes = r.number, r.off
	return s
}

// ReadBatch replaces b's packets by the next ones and returns nil, or returns
// io.EOF at the end of the capture, or an *Error where it can't be read on.
// Packets and error never come together: the packets before an error come
// first. b may be reused once nothing refers to its packets.
func (r *Reader) ReadBatch(b *Batch) error {
	b.Packets = b.Packets[:0]
	for len(b.Packets) == 0 {
		if r.err != nil {
			return r.err
		}
		r.fill(b)
	}
	return nil
}

// fill reads and parses one buffer.
func (r *Reader) fill(b *Batch) {
	if cap(b.buf) < BatchBytes {
		b.buf = make([]byte, BatchBytes)
	}
	b.buf = b.buf[:cap(b.buf)]
	if len(b.buf) < len(r.carry)+BatchBytes/2 { // a record larger than a batch is being gathered
		b.buf = make([]byte, len(r.carry)+BatchBytes)
	}
	n := copy(b.buf, r.carry)
	end := max(BatchBytes, n+BatchBytes/2)
	for n < end && !r.eof {
		m, err := r.src.Read(b.buf[n:end])
		n += m
		if err != nil {
			r.eof = true
			if !errors.Is(err, io.EOF) {
				r.ioErr = err
			}
		}
	}
	data := b.buf[:n]
	pos := 0
	for {
		if r.skip > 0 {
			k := int(min(r.skip, int64(len(data)-pos)))
			pos, r.skip, r.off = pos+k, r.skip-int64(k), r.off+int64(k)
			if r.skip > 0 {
				break
			}
		}
		used, need, err := r.parse(r, b, data[pos:])
		if err != nil {
			r.err = err
			r.carry = r.carry[:0]
			return
		}
		if need > 0 { // incomplete record
			break
		}
		pos += used
		r.off += int64(used)
	}
	rest := data[pos:]
	r.carry = append(r.carry[:0], rest...)
	if !r.eof {
		return
	}
	switch {
	case r.ioErr != nil && r.stats.Compression != "":
		r.err = &Error{Name: r.name, Offset: r.off, What: r.stats.Compression + " stream", Err: errors.Join(ErrTruncated, r.ioErr)}
	case r.ioErr != nil:
		r.err = &Error{Name: r.name, Offset: r.off, Err: r.ioErr}
	case len(rest) > 0 || r.skip > 0:
		r.err = &Error{
			Name: r.name, Offset: r.off, Err: ErrTruncated,
			What: fmt.Sprintf("%d bytes left of an incomplete record after packet %d", len(rest), r.number),
		}
	default:
		r.err = io.EOF
	}
}

// add appends one packet to b.
func (r *Reader) add(b *Batch, t int64, orig, iface uint32, link LinkType, data []byte) {
	r.number++
	if r.number == 1 {
		r.stats.LinkTypeFirst = link
	}
	if int(orig) > len(data) {
		r.stats.Truncated++
	}
	b.Packets = append(b.Packets, Packet{
		Number: r.number, Time: t, Offset: r.off, OrigLen: orig,
		Iface: iface, Link: link, Data: data,
	})
}

// bytesReader hands out bytes once; unlike bytes.Reader it offers nothing else.
type bytesReader struct{ b []byte }

func newBytesReader(b []byte) *bytesReader { return &bytesReader{append([]byte(nil), b...)} }

func (r *bytesReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}
