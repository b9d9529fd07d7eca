package proto

// What is known by its encoding, or by what libraries begin with: named only.

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"unicode/utf8"
)

func init() {
	register(&Entry{
		Name: "json", Doc: "Messages of JSON alone", Reference: "RFC 8259",
		Transport: TCP | UDP, First: []string{"{", "["}, Detect: detectJSON,
		Samples: []string{"json_udp.txt", "json_tcp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "messagepack", Doc: "Messages of MessagePack alone, as Fluentd forwards", Reference: "https://github.com/msgpack/msgpack/blob/master/spec.md",
		Transport: TCP | UDP, Detect: detectMessagePack,
		Samples: []string{"messagepack_udp.txt", "messagepack_tcp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "simplebinaryencoding", Doc: "Simple Binary Encoding of exchanges, behind its open frame", Reference: "https://github.com/FIXTradingCommunity/fix-simple-binary-encoding, https://www.fixtrading.org/standards/fix-sofh/",
		Transport: TCP | UDP, First: []string{"\x00\x00"}, Detect: detectSBE,
		Samples: []string{"sbe_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "raft", Doc: "Raft, as Canonical's dqlite speaks it", Reference: "https://github.com/canonical/raft",
		Transport: TCP, First: []string{"\x01\x00\x00\x00\x00\x00\x00\x00", "\x02\x00\x00\x00\x00\x00\x00\x00", "\x03\x00\x00\x00\x00\x00\x00\x00", "\x04\x00\x00\x00\x00\x00\x00\x00", "\x05\x00\x00\x00\x00\x00\x00\x00", "\x06\x00\x00\x00\x00\x00\x00\x00"},
		Detect: func(p *Probe) Verdict { // kind (8), length (8), both little endian; words of 8 behind them
			b := p.Data
			if len(b) < 16 {
				return More
			}
			n := binary.LittleEndian.Uint64(b[8:])
			return yes(n >= 8 && n < 1<<24 && n%8 == 0 && uint64(len(b)) <= 16+n)
		},
		Samples: []string{"raft.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "libp2p", Doc: "libp2p: the choice of a protocol (multistream-select)", Reference: "https://github.com/multiformats/multistream-select",
		Transport: TCP, Ports: []uint16{4001}, First: []string{"\x13/multistream/1.0.0\n"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"libp2p.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "ethereum", Doc: "Ethereum's nodes: the opening of RLPx", Reference: "https://github.com/ethereum/devp2p/blob/master/rlpx.md",
		Transport: TCP, Ports: []uint16{30303}, Application: "ethereum", First: []string{"\x01", "\x02"}, Detect: detectRLPx,
		Samples: []string{"ethereum_rlpx.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "nano", Doc: "Nano's peer-to-peer network", Reference: "https://docs.nano.org/protocol-design/networking/",
		Transport: TCP, Ports: []uint16{7075}, Application: "nano", First: []string{"RA", "RB", "RC", "RX"},
		Detect: func(p *Probe) Verdict { // magic and network, version: most, used, least; kind, extensions (2)
			b := p.Data
			if len(b) < 8 {
				return More
			}
			return yes(b[2] < 64 && b[3] <= b[2] && b[4] <= b[3] && b[4] >= 7 && b[5] <= 0x10)
		},
		Samples: []string{"nano.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "zug", Doc: "Zug, the consensus of Casper", Reference: "https://github.com/casper-network/casper-node",
		Transport: UDP, First: []string{"\x00ZUG\x10"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"zug.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "iris", Doc: "InterSystems IRIS and Caché: the handshake of a client", Reference: "https://docs.intersystems.com/, TCP 1972",
		Transport: TCP, Ports: []uint16{1972}, Detect: func(p *Probe) Verdict { // length (little endian), count, statement, "HS"
			b := p.Data
			return yes(len(b) > 14 && binary.LittleEndian.Uint32(b) == uint32(len(b)-14) && b[12] == 'H' && b[13] == 'S')
		},
		Samples: []string{"iris.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "iperf3", Doc: "iperf3: the cookie of a test", Reference: "https://github.com/esnet/iperf/blob/master/docs/dev.rst",
		Transport: TCP, Ports: []uint16{5201}, Detect: func(p *Probe) Verdict { // 36 letters and digits, zero
			b := p.Data
			if p.Dir != FromClient || len(b) > 37 {
				return No
			}
			for _, c := range b[:min(len(b), 36)] {
				if !(c >= 'a' && c <= 'z' || c >= '2' && c <= '7') {
					return No
				}
			}
			if len(b) < 37 {
				return More
			}
			return yes(b[36] == 0)
		},
		Samples: []string{"iperf3.txt"}, Hostile: []string{"short.txt"},
	})
}

// detectJSON takes a datagram, or lines of a stream, that are objects or lists.
func detectJSON(p *Probe) Verdict {
	b := p.Data
	if len(b) > 1 && b[0] == '[' && b[1] != '{' && b[1] != '"' && b[1] != '[' && b[1] != ' ' {
		return No
	}
	if p.Transport == UDP {
		return yes(len(b) == p.Length && len(b) >= 8 && json.Valid(b))
	}
	if line, _, ok := bytes.Cut(b, []byte("\n")); ok && len(line) > 2 {
		b = line
	}
	switch {
	case !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0:
		return No
	case len(b) >= 8 && json.Valid(b):
		return yes(detectStratum(p) != Yes && !bytes.Contains(b, []byte(`"jsonrpc"`)))
	}
	return More
}

// detectSBE reads the frame and the head of a message.
//
//	0 length of all  4 encoding (EB50 little endian, 5BE0 big endian)  6 length of the block  8 template  10 schema  12 version
func detectSBE(p *Probe) Verdict {
	b := p.Data
	if len(b) < 14 {
		if p.Transport == TCP {
			return More
		}
		return No
	}
	var order binary.ByteOrder
	switch binary.BigEndian.Uint16(b[4:]) {
	case 0xeb50:
		order = binary.LittleEndian
	case 0x5be0, 0x50eb:
		order = binary.BigEndian
	default:
		return No
	}
	n := int64(binary.BigEndian.Uint32(b))
	if p.Transport == UDP && n != int64(p.Length) || n < 14 || n > 1<<16 {
		return No
	}
	return yes(int64(order.Uint16(b[6:]))+14 <= n)
}

// The field and the base point's equation of secp256k1 (SEC 2, section 2.4.1).
var (
	secp256k1, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f", 16)
	seven        = big.NewInt(7)
)

// detectRLPx takes the message of an initiator, encrypted to a key: its length,
// then a point of the curve, which 1 of 2^256 texts of chance is.
//
//	0 length of the rest  2 04h, x (32), y (32)  67 vector (16)  83 text  digest (32)
func detectRLPx(p *Probe) Verdict {
	b := p.Data
	if len(b) >= 3 && b[2] != 4 || p.Dir != FromClient {
		return No
	}
	if len(b) < 67 {
		return More
	}
	if n := int(binary.BigEndian.Uint16(b)); n+2 != len(b) || n < 250 || n > 1024 {
		return No
	}
	x, y := new(big.Int).SetBytes(b[3:35]), new(big.Int).SetBytes(b[35:67])
	y.Mul(y, y).Mod(y, secp256k1)
	z := new(big.Int).Mul(x, x)
	z.Mul(z, x).Add(z, seven).Mod(z, secp256k1)
	return yes(y.Cmp(z) == 0)
}

// detectMessagePack takes lists and maps that fill a datagram or a segment, with
// at least two texts or blobs among what they hold.
func detectMessagePack(p *Probe) Verdict {
	b := p.Data
	if c := b[0]; len(b) < 8 || p.Transport == UDP && len(b) != p.Length || !(c >= 0x81 && c <= 0x9f && c != 0x90) && (c < 0xdc || c > 0xdf) {
		return No
	}
	texts, left := 0, 1
	for values := 0; left > 0; values++ {
		n, inner, text, ok := messagePackValue(b)
		if !ok || values == 256 {
			return No
		}
		b, left = b[n:], left-1+inner
		if text {
			texts++
		}
		if left == 0 && len(b) > 0 && p.Transport == TCP {
			left = 1 // the next message
		}
		if left > 1<<12 {
			return No
		}
	}
	return yes(len(b) == 0 && texts >= 2)
}

// messagePackFixed is how many bytes stand behind the kinds c0 to d8 that have
// no length; 255 has no such.
var messagePackFixed = [...]byte{
	0, 255, 0, 0, 255, 255, 255, 255, 255, 255, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17,
}

// messagePackValue reads one value: its length, without what a list or map of
// inner values holds, and whether it is a text or a blob.
func messagePackValue(b []byte) (n, inner int, text, ok bool) {
	if len(b) == 0 {
		return 0, 0, false, false
	}
	c := b[0]
	size := 0 // of the length
	switch {
	case c < 0x80 || c >= 0xe0:
		return 1, 0, false, true
	case c < 0x90:
		return 1, 2 * int(c&15), false, true
	case c < 0xa0:
		return 1, int(c & 15), false, true
	case c < 0xc0:
		n = 1 + int(c&31)
		return n, 0, c > 0xa1, n <= len(b) && plainText(b[1:n])
	case c <= 0xd8 && messagePackFixed[c-0xc0] != 255:
		n = 1 + int(messagePackFixed[c-0xc0])
		return n, 0, false, n <= len(b)
	case c == 0xc4, c == 0xc7, c == 0xd9:
		size = 1
	case c == 0xc5, c == 0xc8, c == 0xda, c == 0xdc, c == 0xde:
		size = 2
	case c == 0xc6, c == 0xc9, c == 0xdb, c == 0xdd, c == 0xdf:
		size = 4
	default:
		return 0, 0, false, false
	}
	if len(b) < 1+size {
		return 0, 0, false, false
	}
	k := 0
	for _, v := range b[1 : 1+size] {
		k = k<<8 | int(v)
	}
	n = 1 + size
	switch {
	case k > 1<<16:
		return 0, 0, false, false
	case c == 0xdc, c == 0xdd:
		return n, k, false, true
	case c == 0xde, c == 0xdf:
		return n, 2 * k, false, true
	case c >= 0xc7 && c <= 0xc9: // of a kind of its own
		k++
	}
	if n+k > len(b) {
		return 0, 0, false, false
	}
	return n + k, 0, true, c < 0xd9 || plainText(b[n:n+k])
}

// plainText reports text of UTF-8 without control characters other than those of
// lines.
func plainText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b)
}
