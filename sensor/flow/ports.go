package flow

import "saksi/sensor/decode"

// Ports is a set of TCP and UDP ports.
type Ports [2][65536 / 64]uint64

// Add puts a port into the set, for TCP or else for UDP.
func (s *Ports) Add(tcp bool, port uint16) { s[row(tcp)][port/64] |= 1 << (port % 64) }

func (s *Ports) has(proto uint8, port uint16) bool {
	return s != nil && s[row(proto == decode.ProtoTCP)][port/64]>>(port%64)&1 != 0
}

func row(tcp bool) int {
	if tcp {
		return 0
	}
	return 1
}
