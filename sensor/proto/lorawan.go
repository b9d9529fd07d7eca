package proto

// The Semtech packet forwarder between gateways and servers:
//
// 	0 version 1 or 2  1 token (2)  3 kind: 0 push, 1 its ack, 2 pull, 3 downlink, 4 pull's ack, 5 ack of 3
// 	4 gateway (8; kinds 0, 2, 5)  then JSON (kinds 0, 3, 5)

import "bytes"

func init() {
	register(&Entry{
		Name: "lorawan", Doc: "LoRaWAN gateways: Semtech packet forwarder", Reference: "https://github.com/Lora-net/packet_forwarder/blob/master/PROTOCOL.TXT",
		Transport: UDP, Ports: []uint16{1700},
		First: []string{"\x01", "\x02"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 4 {
				return No
			}
			json := func(at int, names ...string) bool {
				for _, name := range names {
					if bytes.HasPrefix(b[min(at, len(b)):], []byte(`{"`+name+`"`)) {
						return true
					}
				}
				return false
			}
			switch b[3] {
			case 0:
				return yes(json(12, "rxpk", "stat"))
			case 1, 4:
				return onPort(p, p.Length == 4, 1700)
			case 2:
				return onPort(p, p.Length == 12, 1700)
			case 3:
				return yes(json(4, "txpk"))
			case 5:
				return yes(json(12, "txpk_ack") || p.Length == 12 && p.On(1700))
			}
			return No
		},
		Samples: []string{"lorawan.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
