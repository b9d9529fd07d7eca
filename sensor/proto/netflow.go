package proto

// NetFlow and IPFIX. The old versions have records of one size; version 9 and
// IPFIX (10) have sets of an id and a length.
//
//	1, 5, 7: 0 version  2 count  4 uptime  8 seconds ... records of 52, 48, 52
//	9:  0 version  2 count  4 uptime  8 seconds  12 sequence  16 source  20 sets
//	10: 0 version  2 length  4 seconds  8 sequence  12 domain  16 sets

func init() {
	register(&Entry{
		Name: "netflow", Doc: "NetFlow and IPFIX", Reference: "RFC 3954, RFC 7011; Cisco NetFlow export datagram formats",
		Transport: UDP, Ports: []uint16{2055, 2056, 4739, 9995, 9996},
		First: []string{"\x00\x01", "\x00\x05", "\x00\x07", "\x00\x09", "\x00\x0a"},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			version, count := w.u16(), w.u16()
			switch version {
			case 1:
				return yes(count > 0 && count <= 24 && p.Length == 16+52*count)
			case 5:
				return yes(count > 0 && count <= 30 && p.Length == 24+48*count)
			case 7:
				return yes(count > 0 && count <= 28 && p.Length == 24+52*count)
			case 9:
				w.at = 8
			case 10:
				if count != p.Length {
					return No
				}
			}
			seconds := w.u32()
			w.take(8)
			id, n := w.u16(), w.u16()
			if w.short || seconds < 800_000_000 || n < 4 || w.at-4+n > p.Length {
				return No
			}
			return yes(id >= 256 || version == 9 && id <= 1 && count > 0 && count <= 512 || version == 10 && (id == 2 || id == 3))
		},
		Samples: []string{"netflow.txt", "ipfix.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
