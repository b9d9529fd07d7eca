package proto

// Currencies: their peer-to-peer networks, and what miners talk to pools. All
// are named only.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "bitcoin", Doc: "Bitcoin's peer-to-peer network", Reference: "https://developer.bitcoin.org/reference/p2p_networking.html",
		Transport: TCP, Ports: []uint16{8333}, First: []string{"\xf9\xbe\xb4\xd9", "\x0b\x11\x09\x07", "\x0a\x03\xcf\x40"},
		Detect: func(p *Probe) Verdict { // network, command of 12 bytes padded with zeros, length, checksum
			b := p.Data
			if len(b) < 24 {
				return More
			}
			name, pad, _ := bytes.Cut(b[4:16], []byte{0})
			for _, c := range name {
				if c < 'a' || c > 'z' {
					return No
				}
			}
			return yes(len(name) >= 3 && len(bytes.Trim(pad, "\x00")) == 0)
		},
		Samples: []string{"bitcoin.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "monero", Doc: "Monero's peer-to-peer network (Levin)", Reference: "https://github.com/monero-project/monero/blob/master/docs/LEVIN_PROTOCOL.md",
		Transport: TCP, Ports: []uint16{18080}, First: []string{"\x01\x21\x01\x01\x01\x01\x01\x01"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"monero.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "ethereum-discovery", Doc: "Ethereum: discovery of nodes, version 4", Reference: "https://github.com/ethereum/devp2p/blob/master/discv4.md",
		Transport: UDP, Ports: []uint16{30303}, Application: "ethereum", Detect: detectDiscv4,
		Samples: []string{"ethereum_discovery.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "stratum", Doc: "Stratum: work that miners of a currency ask a pool for", Reference: "https://en.bitcoin.it/wiki/Stratum_mining_protocol",
		Transport: TCP, Application: "mining", Ports: []uint16{3333}, First: []string{"{"}, Detect: detectStratum,
		Samples: []string{"stratum.txt", "stratum_monero.txt"}, Hostile: []string{"short.txt"},
	})
}

// detectDiscv4 finds hash (32), signature (64), its recovery id, type, and a
// list of RLP that fills the datagram.
func detectDiscv4(p *Probe) Verdict {
	b := p.Data
	if len(b) < 99 || len(b) != p.Length || b[96] > 1 || b[97] < 1 || b[97] > 6 {
		return No
	}
	rest := b[98:]
	switch n := int(rest[0]); {
	case n >= 0xc0 && n < 0xf8:
		return yes(1+n-0xc0 <= len(rest))
	case n == 0xf8 && len(rest) > 1:
		return yes(2+int(rest[1]) <= len(rest))
	case n == 0xf9 && len(rest) > 2:
		return yes(3+int(binary.BigEndian.Uint16(rest[1:])) <= len(rest))
	}
	return No
}

// stratumMethods are what a miner asks first, of pools of all kinds.
var stratumMethods = [][]byte{
	[]byte("mining.subscribe"), []byte("mining.authorize"), []byte("mining.configure"), []byte("eth_submitLogin"), []byte("eth_getWork"),
}

func detectStratum(p *Probe) Verdict {
	line := p.Data[:min(len(p.Data), 1024)]
	_, value, ok := bytes.Cut(line, []byte(`"method"`))
	if !ok {
		return No
	}
	value = bytes.TrimLeft(value, " :\"")
	for _, m := range stratumMethods {
		if bytes.HasPrefix(value, m) {
			return Yes
		}
	}
	// Of pools for Monero: login with a wallet and a program.
	return yes(bytes.HasPrefix(value, []byte(`login"`)) && bytes.Contains(line, []byte(`"login"`)) && bytes.Contains(line, []byte(`"pass"`)))
}
