package capture

// pcapng, as described in draft-ietf-opsawg-pcapng. A file is a sequence of
// blocks, each with its length at both ends:
//
//	0  block type        4  total length      8  body, padded to 4 bytes
//	... total length again
//
// A section header block (type 0x0a0d0d0a) sets the byte order by its magic
// 0x1a2b3c4d and starts an empty list of interfaces.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

const (
	blockSHB      = 0x0a0d0d0a // section header
	blockIDB      = 1          // interface description
	blockOPB      = 2          // obsolete packet
	blockSPB      = 3          // simple packet
	blockNRB      = 4          // name resolution
	blockISB      = 5          // interface statistics
	blockEPB      = 6          // enhanced packet
	blockJournal  = 9          // systemd journal export
	blockDSB      = 10         // decryption secrets
	blockCustom   = 0xbad      // that may be copied
	blockCustomNo = 0x40000bad // that must not

	// secretsTLS is the type of secrets that are a TLS key log.
	secretsTLS = 0x544c534b

	optEnd      = 0
	optTSResol  = 9
	optTSOffset = 14
	optIfDrop   = 5
)

var blockNames = map[uint32]string{
	blockSHB: "section header", blockIDB: "interface description", blockOPB: "obsolete packet",
	blockSPB: "simple packet", blockNRB: "name resolution", blockISB: "interface statistics",
	blockEPB: "enhanced packet", blockDSB: "decryption secrets", blockJournal: "systemd journal",
	blockCustom: "custom", blockCustomNo: "custom",
}

var errContent = errors.New("block content does not fit its length")

type ngInterface struct {
	link    LinkType
	snaplen uint32
	mul     uint64 // ticks to ns when div is 0
	div     uint64 // ticks a second, when a tick is no whole number of ns
	offset  int64  // seconds added to each timestamp
}

type pcapngState struct {
	started bool
	ifaces  []ngInterface
	last    int64 // time of the packet before
}

func isPcapng(head []byte) bool { return binary.LittleEndian.Uint32(head) == blockSHB }

// parsePcapng takes one block from the head of p.
func parsePcapng(r *Reader, b *Batch, p []byte) (n, need int, err error) {
	if len(p) < 12 {
		return 0, 12, nil
	}
	s := &r.pcapng
	if binary.LittleEndian.Uint32(p) == blockSHB { // reads the same in both orders
		switch binary.LittleEndian.Uint32(p[8:]) {
		case 0x1a2b3c4d:
			r.order = binary.LittleEndian
		case 0x4d3c2b1a:
			r.order = binary.BigEndian
		default:
			return 0, 0, r.badBlock(blockSHB, fmt.Sprintf("byte-order magic is % x", p[8:12]))
		}
	} else if !s.started {
		return 0, 0, r.badBlock(0, "no section header at the start")
	}
	typ, total := r.order.Uint32(p), r.order.Uint32(p[4:])
	if total < 12 || total%4 != 0 || typ == blockSHB && total < 28 {
		return 0, 0, r.badBlock(typ, fmt.Sprintf("total length is %d", total))
	}
	switch typ {
	case blockSHB, blockIDB, blockOPB, blockSPB, blockISB, blockEPB:
		if total > maxBlock {
			return 0, 0, r.badBlock(typ, fmt.Sprintf("total length %d is more than %d", total, maxBlock))
		}
	case blockDSB:
		if r.keyLog == nil || total > maxBlock {
			r.count(typ)
			r.skip = int64(total)
			return 0, 0, nil
		}
	default: // passed over without being held
		r.count(typ)
		r.skip = int64(total)
		return 0, 0, nil
	}
	if len(p) < int(total) {
		return 0, int(total), nil
	}
	if tail := r.order.Uint32(p[total-4:]); tail != total {
		return 0, 0, r.badBlock(typ, fmt.Sprintf("total length is %d at its start and %d at its end", total, tail))
	}
	if err := r.block(b, typ, p[8:total-4:total-4]); err != nil {
		r.stats.BadBlocks++
		if r.stats.FirstBad == nil {
			r.stats.FirstBad = r.badBlock(typ, err.Error())
		}
	}
	return int(total), 0, nil
}

func (r *Reader) badBlock(typ uint32, what string) *Error {
	name := blockNames[typ]
	if name == "" {
		name = "unknown"
	}
	return &Error{
		Name: r.name, Offset: r.off, Err: ErrCorrupt,
		What: fmt.Sprintf("pcapng block 0x%08x (%s): %s", typ, name, what),
	}
}

func (r *Reader) count(typ uint32) {
	switch typ {
	case blockDSB:
		r.stats.Secrets++
	case blockNRB:
		r.stats.NameBlocks++
	case blockCustom, blockCustomNo:
		r.stats.CustomBlocks++
	case blockJournal:
		r.stats.JournalBlocks++
	default:
		r.stats.OtherBlocks++
	}
}

// block reads the body of a block that carries packets or describes them.
func (r *Reader) block(b *Batch, typ uint32, body []byte) error {
	s, o := &r.pcapng, r.order
	switch typ {
	case blockSHB:
		s.started, s.ifaces = true, s.ifaces[:0]
		r.stats.Sections++
	case blockIDB:
		if len(body) < 8 {
			return errContent
		}
		if len(s.ifaces) >= maxInterfaces {
			return fmt.Errorf("more than %d interfaces in a section", maxInterfaces)
		}
		r.stats.Interfaces++
		f := ngInterface{link: LinkType(o.Uint16(body)), snaplen: o.Uint32(body[4:]), mul: 1000}
		r.options(body[8:], func(code uint16, v []byte) {
			switch {
			case code == optTSResol && len(v) >= 1:
				f.resolution(v[0])
			case code == optTSOffset && len(v) >= 8:
				f.offset = int64(o.Uint64(v))
			}
		})
		s.ifaces = append(s.ifaces, f)
	case blockISB:
		if len(body) < 12 {
			return errContent
		}
		r.options(body[12:], func(code uint16, v []byte) {
			if code == optIfDrop && len(v) >= 8 {
				r.stats.Dropped += o.Uint64(v)
			}
		})
	case blockDSB: // 0 type of secrets  4 length  8 secrets
		r.count(typ)
		if len(body) < 8 || o.Uint32(body[4:]) > uint32(len(body)-8) {
			return errContent
		}
		if o.Uint32(body) == secretsTLS {
			r.stats.KeyLogs++
			r.keyLog(body[8:8+o.Uint32(body[4:])], r.number+1)
		}
	case blockEPB:
		if len(body) < 20 {
			return errContent
		}
		return r.packet(b, o.Uint32(body), uint64(o.Uint32(body[4:]))<<32|uint64(o.Uint32(body[8:])),
			o.Uint32(body[12:]), o.Uint32(body[16:]), body[20:])
	case blockOPB:
		if len(body) < 20 {
			return errContent
		}
		if d := o.Uint16(body[2:]); d != 0xffff {
			r.stats.Dropped += uint64(d)
		}
		return r.packet(b, uint32(o.Uint16(body)), uint64(o.Uint32(body[4:]))<<32|uint64(o.Uint32(body[8:])),
			o.Uint32(body[12:]), o.Uint32(body[16:]), body[20:])
	case blockSPB:
		if len(body) < 4 {
			return errContent
		}
		if len(s.ifaces) == 0 {
			return errors.New("packet before any interface description")
		}
		orig := o.Uint32(body)
		caplen := min(orig, uint32(len(body)-4))
		if sl := s.ifaces[0].snaplen; sl > 0 {
			caplen = min(caplen, sl)
		}
		r.stats.NoTimestamp++
		r.add(b, s.last, orig, 0, s.ifaces[0].link, body[4:4+caplen:4+caplen])
	}
	return nil
}

func (r *Reader) packet(b *Batch, iface uint32, ticks uint64, caplen, orig uint32, data []byte) error {
	s := &r.pcapng
	if iface >= uint32(len(s.ifaces)) {
		return fmt.Errorf("packet %d names interface %d of %d", r.number+1, iface, len(s.ifaces))
	}
	if caplen > uint32(len(data)) {
		return fmt.Errorf("packet %d claims %d captured bytes in a block with room for %d", r.number+1, caplen, len(data))
	}
	f := &s.ifaces[iface]
	s.last = f.time(ticks)
	r.add(b, s.last, orig, iface, f.link, data[:caplen:caplen])
	return nil
}

// resolution sets the tick length by if_tsresol: 10^-v, or 2^-(v&127).
func (f *ngInterface) resolution(v byte) {
	f.mul, f.div = 0, 0
	if v&0x80 != 0 {
		f.div = 1 << min(v&0x7f, 63)
		return
	}
	if v <= 9 {
		f.mul = 1
		for ; v < 9; v++ {
			f.mul *= 10
		}
		return
	}
	f.div = 1
	for i := byte(0); i < min(v, 19); i++ {
		f.div *= 10
	}
}

func (f *ngInterface) time(ticks uint64) int64 {
	if f.div == 0 {
		return int64(ticks*f.mul) + f.offset*1e9
	}
	sec, rest := ticks/f.div, ticks%f.div
	hi, lo := bits.Mul64(rest, 1e9)
	ns, _ := bits.Div64(hi, lo, f.div) // hi < div because rest < div
	return int64(sec)*1e9 + int64(ns) + f.offset*1e9
}

// options calls f for each option; a broken list ends it, as options only
// refine what the fixed part says.
func (r *Reader) options(p []byte, f func(code uint16, v []byte)) {
	for len(p) >= 4 {
		code, n := r.order.Uint16(p), int(r.order.Uint16(p[2:]))
		if code == optEnd || 4+n > len(p) {
			return
		}
		f(code, p[4:4+n])
		p = p[min(4+(n+3)&^3, len(p)):]
	}
}
