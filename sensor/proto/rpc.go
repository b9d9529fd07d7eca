package proto

// Calls between programs that are named only.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "thrift", Doc: "Apache Thrift, binary and compact", Reference: "https://github.com/apache/thrift/blob/master/doc/specs/thrift-rpc.md",
		Transport: TCP | UDP, First: []string{"\x80\x01\x00", "\x82", "\x00"}, Detect: detectThrift,
		Samples: []string{"thrift_tcp.txt", "thrift_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "json-rpc", Doc: "JSON-RPC over a socket", Reference: "https://www.jsonrpc.org/specification",
		Transport: TCP, First: []string{"{", "[{"},
		Detect: func(p *Probe) Verdict {
			b := p.Data[:min(len(p.Data), 512)]
			if detectStratum(p) == Yes {
				return No
			}
			if i := bytes.Index(b, []byte(`"jsonrpc"`)); i >= 0 && bytes.Contains(b[i:], []byte(`"2.0"`)) {
				return Yes
			}
			if len(b) < 16 {
				return More
			}
			return No
		},
		Samples: []string{"json_rpc.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "netcode", Doc: "netcode.io, as the yojimbo library of games uses it", Reference: "https://github.com/mas-bandwidth/netcode/blob/main/STANDARD.md",
		Transport: UDP, First: []string{"\x00NETCODE 1."},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"netcode.txt"}, Hostile: []string{"short.txt"},
	})
}

// detectThrift reads the head of a message: binary, behind a length or not,
// and compact. All name a method.
//
//	binary   0 version 8001  2 zero  3 kind (1 to 4)  4 length of the name  8 name
//	compact  0 82h  1 kind (3 bits), version 1  2 sequence, length of the name (7 bits a byte)  name
func detectThrift(p *Probe) Verdict {
	b := p.Data
	if len(b) < 14 {
		if p.Transport == TCP {
			return More
		}
		return No
	}
	name := func(b []byte, n int) Verdict {
		if n < 2 || n > 128 {
			return No
		}
		for i, c := range b[:min(n, len(b))] {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || i > 0 && (c >= '0' && c <= '9' || c == ':' || c == '.')) {
				return No
			}
		}
		return Yes
	}
	if b[0] == 0x82 {
		if k := b[1] >> 5; b[1]&0x1f != 1 || k < 1 || k > 4 {
			return No
		}
		_, n := binary.Uvarint(b[2:])
		if n <= 0 || n > 5 {
			return No
		}
		return name(b[3+n:], int(b[2+n]))
	}
	if b[0] == 0 { // framed
		if binary.BigEndian.Uint32(b) < 8 || p.Transport == UDP {
			return No
		}
		b = b[4:]
	}
	if b[0] != 0x80 || b[1] != 1 || b[2] != 0 || b[3] < 1 || b[3] > 4 {
		return No
	}
	return name(b[8:], int(min(binary.BigEndian.Uint32(b[4:]), 1<<16)))
}
