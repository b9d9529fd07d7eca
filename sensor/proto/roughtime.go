package proto

// Roughtime: a message is a map of four-byte tags, in the later drafts behind
// "ROUGHTIM" and a length. Little endian.
//
//	0 number of tags n  4 n-1 offsets, multiples of four  ... n tags, ascending  ... values

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "roughtime", Doc: "Roughtime", Reference: "draft-ietf-ntp-roughtime, https://roughtime.googlesource.com/roughtime/+/HEAD/PROTOCOL.md",
		Transport: UDP, Ports: []uint16{2002, 2003},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if bytes.HasPrefix(b, []byte("ROUGHTIM")) {
				if len(b) < 16 || int(binary.LittleEndian.Uint32(b[8:]))+12 != p.Length {
					return No
				}
				b = b[12:]
			}
			return yes(roughtimeMap(b))
		},
		Samples: []string{"roughtime.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

func roughtimeMap(b []byte) bool {
	w := wire{b: b}
	n := int(w.le32())
	if n < 2 || n > 16 {
		return false
	}
	last := uint32(0)
	for range n - 1 {
		at := w.le32()
		if at%4 != 0 || at < last || at > 1<<14 {
			return false
		}
		last = at
	}
	for range n {
		switch string(w.take(4)) {
		case "NONC", "PAD\xff", "SIG\x00", "PATH", "SREP", "CERT", "INDX", "VER\x00", "SRV\x00", "ZZZZ", "TYPE", "VERS":
		default:
			return false
		}
	}
	return true
}
