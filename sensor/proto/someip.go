package proto

// SOME/IP:
//
// 	0 service  2 method  4 length from 8 on  8 client  10 session  12 version 1  13 interface  14 kind  15 return code

func init() {
	register(&Entry{
		Name: "someip", Doc: "Scalable service-Oriented Middleware over IP", Reference: "AUTOSAR PRS_SOMEIPProtocol",
		Transport: TCP | UDP, Ports: []uint16{30490, 30501},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 16 {
				return More
			}
			w := wire{b: p.Data}
			service, _, n, _, _, version, _, kind, code := w.u16(), w.u16(), w.u32(), w.u16(), w.u16(), w.u8(), w.u8(), w.u8(), w.u8()
			if version != 1 || n < 8 || n > 1<<20 || service == 0 || p.Transport == UDP && int(n)+8 > p.Length {
				return No
			}
			switch kind {
			case 0, 1, 2, 0x20, 0x21, 0x22: // requests and notifications have no return code
				return yes(code == 0 && (p.Transport == TCP || int(n)+8 == p.Length || p.On(30490, 30501)))
			case 0x80, 0x81, 0xa0, 0xa1:
				return yes(code <= 0x0f && (p.Transport == TCP || int(n)+8 == p.Length || p.On(30490, 30501)))
			}
			return No
		},
		Samples: []string{"someip_tcp.txt", "someip_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
