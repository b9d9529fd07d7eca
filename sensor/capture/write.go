package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	optComment  = 1
	optIfName   = 2
	optUserAppl = 4
	tsNanos     = 9 // if_tsresol: 10^-9 s
)

// ErrLinkTypes is returned when a pcap file would need two link types.
var ErrLinkTypes = errors.New("a pcap file has one link type")

// Writer writes packets as a capture file, with times in nanoseconds.
type Writer struct {
	w      *bufio.Writer
	ng     bool
	ifaces map[LinkType]uint32
	buf    []byte
}

// NewWriter writes to w: pcapng if name ends in .pcapng, else pcap, which
// holds packets of one link type only. app is the program that writes.
func NewWriter(w io.Writer, name, app string) *Writer {
	cw := &Writer{w: bufio.NewWriterSize(w, 256<<10), ng: strings.HasSuffix(strings.ToLower(name), ".pcapng"), ifaces: map[LinkType]uint32{}}
	if cw.ng {
		cw.buf = AppendSection(cw.buf, app, "")
	}
	return cw
}

// Write writes one packet. It returns ErrLinkTypes for a pcap file when the
// packet is of another link type than the first.
func (w *Writer) Write(p *Packet) error {
	iface, ok := w.ifaces[p.Link]
	switch {
	case !ok && !w.ng && len(w.ifaces) > 0:
		return fmt.Errorf("%w, and packet %d is of another (%d); name the file .pcapng", ErrLinkTypes, p.Number, p.Link)
	case !ok:
		iface = uint32(len(w.ifaces))
		w.ifaces[p.Link] = iface
		if w.ng {
			w.buf = AppendInterface(w.buf, "", p.Link)
		} else {
			w.buf = appendPcapHeader(w.buf, p.Link)
		}
	}
	if w.ng {
		w.buf = AppendPacket(w.buf, iface, p.Time, p.OrigLen, p.Data)
	} else {
		le := binary.LittleEndian
		w.buf = le.AppendUint32(w.buf, uint32(p.Time/1e9))
		w.buf = le.AppendUint32(w.buf, uint32(p.Time%1e9))
		w.buf = le.AppendUint32(w.buf, uint32(len(p.Data)))
		w.buf = le.AppendUint32(w.buf, p.OrigLen)
		w.buf = append(w.buf, p.Data...)
	}
	return w.flush()
}

func (w *Writer) flush() error {
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// Close writes out what is left; it does not close the writer beneath. A pcap
// file that no packet was written to is empty.
func (w *Writer) Close() error {
	return errors.Join(w.flush(), w.w.Flush())
}

// appendPcapHeader appends a file header with times in nanoseconds.
func appendPcapHeader(b []byte, link LinkType) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0xa1b23c4d)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, maxPacket)
	return le.AppendUint32(b, uint32(link))
}

// AppendSection appends a pcapng section header block, little-endian.
func AppendSection(b []byte, app, comment string) []byte {
	le := binary.LittleEndian
	b, at := beginBlock(b, blockSHB)
	b = le.AppendUint32(b, 0x1a2b3c4d)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, ^uint64(0)) // length of the section: not told
	b = appendOption(b, optComment, comment)
	b = appendOption(b, optUserAppl, app)
	return endBlock(le.AppendUint32(b, optEnd), at)
}

// AppendInterface appends a pcapng interface description block, with times in
// nanoseconds.
func AppendInterface(b []byte, name string, link LinkType) []byte {
	le := binary.LittleEndian
	b, at := beginBlock(b, blockIDB)
	b = le.AppendUint16(b, uint16(link))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, maxPacket)
	b = appendOption(b, optIfName, name)
	b = appendOption(b, optTSResol, string([]byte{tsNanos}))
	return endBlock(le.AppendUint32(b, optEnd), at)
}

// AppendPacket appends a pcapng enhanced packet block. ns is Unix time.
func AppendPacket(b []byte, iface uint32, ns int64, orig uint32, data []byte) []byte {
	le := binary.LittleEndian
	b, at := beginBlock(b, blockEPB)
	b = le.AppendUint32(b, iface)
	b = le.AppendUint32(b, uint32(uint64(ns)>>32))
	b = le.AppendUint32(b, uint32(uint64(ns)))
	b = le.AppendUint32(b, uint32(len(data)))
	b = le.AppendUint32(b, orig)
	b = append(b, data...)
	return endBlock(pad(b, len(data)), at)
}

func beginBlock(b []byte, typ uint32) (_ []byte, at int) {
	at = len(b)
	b = binary.LittleEndian.AppendUint32(b, typ)
	return append(b, 0, 0, 0, 0), at
}

func endBlock(b []byte, at int) []byte {
	n := uint32(len(b) - at + 4)
	binary.LittleEndian.PutUint32(b[at+4:], n)
	return binary.LittleEndian.AppendUint32(b, n)
}

func appendOption(b []byte, code uint16, v string) []byte {
	if v == "" {
		return b
	}
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(v)))
	return pad(append(b, v...), len(v))
}

// pad fills up to 4 bytes behind n bytes.
func pad(b []byte, n int) []byte { return append(b, make([]byte, (4-n%4)%4)...) }
