package sensor

import (
	"slices"

	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
)

// Reach is what of a capture rules of Suricata look at.
type Reach uint8

// Reaches.
const (
	// ReachSuricata is what Suricata looks at as it comes: a protocol and a
	// stream only in TCP connections whose beginning was seen
	// (stream.midstream: no), and protocols that it tells by their port only
	// there (detection-ports).
	ReachSuricata Reach = iota
	// ReachAll is everything that was recognized.
	ReachAll
)

// portBound are the ports on which Suricata looks for protocols that it tells
// by nothing else (its default configuration, app-layer.protocols).
var portBound = map[suricata.AppProto][]uint16{
	suricata.AppDNS: {53}, suricata.AppNTP: {123}, suricata.AppTFTP: {69}, suricata.AppSNMP: {161, 162}, suricata.AppKerberos: {88},
	suricata.AppMDNS: {5353}, suricata.AppENIP: {44818, 2222}, suricata.AppModbus: {502}, suricata.AppDNP3: {20000},
}

// beyond reports a TCP connection of which rules see single packets alone: its
// beginning was not captured.
func (w *worker) beyond(r *flow.Record) bool {
	return w.cfg.Reach == ReachSuricata && r.Proto == decode.ProtoTCP && !r.Began()
}

// hidden reports a flow whose protocol rules do not see.
func (w *worker) hidden(r *flow.Record, app suricata.AppProto) bool {
	if w.cfg.Reach != ReachSuricata {
		return false
	}
	if w.beyond(r) {
		return true
	}
	if w.conn != nil && w.conn.outer != nil { // decrypted: the port is the outer protocol's
		return false
	}
	ports, bound := portBound[app]
	return bound && !slices.Contains(ports, r.Port[0]) && !slices.Contains(ports, r.Port[1])
}
