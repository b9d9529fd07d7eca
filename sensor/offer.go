package sensor

import (
	"slices"

	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/proto"
	"saksi/sensor/tcpstate"
)

// Offer says which protocols the sensor recognizes, which buffers it fills and
// which events it raises; rules that need others are refused when they are
// loaded.
func Offer() *suricata.Offer {
	o := &suricata.Offer{StreamSize: true, DecodeEvents: decode.EventNames[:], StreamEvents: tcpstate.EventNames[:], AppEvents: proto.AppEvents}
	o.Never = slices.Concat(decode.NeverRaised, tcpstate.NeverRaised, proto.NeverRaised)
	for _, e := range proto.Default().Entries() {
		o.Apps = append(o.Apps, e.App)
	}
	for b := suricata.Buffer(0); b < suricata.NumBuffers; b++ {
		if proto.Offers(b) {
			o.Buffers = append(o.Buffers, b)
		}
	}
	return o
}
