package proto

// DLEP between routers and radios. Signals over UDP begin with "DLEP"; messages
// over TCP have the same head without it.
//
//	0 "DLEP" (UDP)  4 type  6 length  8 data items: type (2), length (2), value

import "bytes"

func init() {
	register(&Entry{
		Name: "dlep", Doc: "Dynamic Link Exchange Protocol", Reference: "RFC 8175 sections 11 and 13",
		Transport: TCP | UDP, Ports: []uint16{854},
		First: []string{"DLEP", "\x00\x01", "\x00\x02"},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			if p.Transport == UDP {
				if !bytes.HasPrefix(p.Data, []byte("DLEP")) {
					return No
				}
				w.take(4)
				kind, n := w.u16(), w.u16()
				return yes(!w.short && (kind == 1 || kind == 2) && n == w.left())
			}
			if len(p.Data) < 8 {
				return More
			}
			kind, n := w.u16(), w.u16()
			if kind == 0 || kind > 2 || n < 8 || n > 1024 { // a session begins with its initialization
				return No
			}
			if w.left() < n {
				return More
			}
			w.b = w.b[:w.at+n]
			heartbeat := false
			for w.left() > 0 {
				item, size := w.u16(), w.u16()
				w.take(size)
				if w.short || item == 0 || item > 40 {
					return No
				}
				heartbeat = heartbeat || item == 5 && size == 4
			}
			return yes(heartbeat)
		},
		Samples: []string{"dlep_udp.txt", "dlep_tcp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
