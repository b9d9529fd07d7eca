package sensor

import (
	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/proto"
)

// Offer says which protocols the sensor recognizes and which buffers it fills;
// rules that need others are refused when they are loaded. Digests of files are
// not among them: a file is offered before its last byte.
func Offer() *suricata.Offer {
	o := &suricata.Offer{StreamSize: true, DecodeEvents: decode.EventNames[:]}
	for _, e := range proto.Default().Entries() {
		o.Apps = append(o.Apps, e.App)
	}
	for b := suricata.Buffer(0); b < suricata.NumBuffers; b++ {
		switch b {
		case suricata.BufFileMD5, suricata.BufFileSHA1, suricata.BufFileSHA256:
		default:
			o.Buffers = append(o.Buffers, b)
		}
	}
	return o
}
