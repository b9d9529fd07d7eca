package capture

// pcap, as described in draft-ietf-opsawg-pcap (PCAP Capture File Format):
//
//	file header (24 bytes)                   record header (16 bytes)
//	 0  magic 0xa1b2c3d4 us, 0xa1b23c4d ns    0  seconds
//	 4  major 2, minor 4                      4  microseconds or nanoseconds
//	 8  reserved, reserved                    8  captured length
//	16  snapshot length                      12  original length
//	20  FCS length, link type
//
// Magic 0xa1b2cd34 is Kuznetzov's variant with 8 more bytes a record header.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

type pcapState struct {
	nanos bool
	link  LinkType
	head  int // bytes of a record header
}

func (r *Reader) openPcap() error {
	var h [24]byte
	n := copy(h[:], r.carry)
	r.carry = r.carry[:0]
	switch magic := binary.LittleEndian.Uint32(h[:4]); magic {
	case 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34:
		r.order = binary.LittleEndian
	case 0xd4c3b2a1, 0x4d3cb2a1, 0x34cdb2a1:
		r.order = binary.BigEndian
	default:
		return &Error{Name: r.name, What: fmt.Sprintf("starts with bytes % x", h[:4]), Err: ErrFormat}
	}
	m, err := io.ReadFull(r.src, h[n:])
	if err != nil {
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return &Error{Name: r.name, Offset: int64(n + m), Err: err}
		}
		return &Error{Name: r.name, What: fmt.Sprintf("pcap file header has %d of 24 bytes", n+m), Err: ErrTruncated}
	}
	magic := r.order.Uint32(h[:4])
	r.stats.Format = "pcap"
	r.stats.Sections, r.stats.Interfaces = 1, 1
	r.pcap = pcapState{nanos: magic == 0xa1b23c4d, head: 16, link: LinkType(r.order.Uint32(h[20:]))}
	if magic == 0xa1b2cd34 {
		r.pcap.head = 24
	}
	r.stats.LinkTypeFirst = r.pcap.link
	r.off = 24
	r.parse = parsePcap
	return nil
}

// parsePcap takes one record from the head of p.
func parsePcap(r *Reader, b *Batch, p []byte) (n, need int, err error) {
	hl := r.pcap.head
	if len(p) < hl {
		return 0, hl, nil
	}
	var sec, sub, caplen, orig uint32
	if r.order == binary.LittleEndian {
		sec, sub = binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])
		caplen, orig = binary.LittleEndian.Uint32(p[8:]), binary.LittleEndian.Uint32(p[12:])
	} else {
		sec, sub = binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])
		caplen, orig = binary.BigEndian.Uint32(p[8:]), binary.BigEndian.Uint32(p[12:])
	}
	if caplen > maxPacket {
		return 0, 0, &Error{
			Name: r.name, Offset: r.off, Err: ErrCorrupt,
			What: fmt.Sprintf("packet %d claims %d captured bytes, more than %d", r.number+1, caplen, maxPacket),
		}
	}
	total := hl + int(caplen)
	if len(p) < total {
		return 0, total, nil
	}
	t := int64(sec) * 1e9
	if r.pcap.nanos {
		t += int64(sub)
	} else {
		t += int64(sub) * 1e3
	}
	r.add(b, t, orig, 0, r.pcap.link, p[hl:total:total])
	return total, 0, nil
}
