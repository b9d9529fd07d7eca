package sensor

import (
	"math/bits"
	"net/netip"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/proto"
	"saksi/sensor/tcpstate"
)

// appEvents numbers the events of parsers.
var appEvents = func() map[string]int {
	m := make(map[string]int, len(proto.AppEvents))
	for i, name := range proto.AppEvents {
		m[name] = i
	}
	return m
}()

// oddities are the events told of a transaction.
type oddities struct {
	app  suricata.AppProto
	tx   uint64
	told [5]uint64
}

// anomaly begins the event of one thing that is wrong.
func (w *worker) anomaly(kind, name string, toServer bool) *event.Event {
	e := w.begin("event", "saksi.anomaly", w.pc.Time)
	e.Str(event.EventType, "info")
	e.Int(event.SaksiEvidencePacket, int64(w.now))
	e.Str(event.SaksiAnomalyEvent, name)
	e.Str(event.SaksiAnomalyType, kind)
	e.Str(event.SaksiFlowDirection, wayOf(toServer))
	return e
}

// packetAnomalies tells what is wrong with the packet in work, stream what of
// it as a segment.
func (w *worker) packetAnomalies(p *decode.Packet, stream uint64, dir int) {
	for shift := 56; shift >= 0; shift -= 8 { // in the order they were raised
		k := uint8(p.Events >> shift)
		if k == 0 {
			continue
		}
		e := w.anomaly("decode", decode.EventNames[k-1], dir == flow.FromOrig)
		if src, dst := p.Addrs(); w.rec == nil && src != dst {
			e.Addr(event.SourceIP, src)
			e.Addr(event.DestinationIP, dst)
			e.Str(event.NetworkTransport, transportName(p.Proto))
			e.Str(event.NetworkType, familyOf(src))
		}
		w.push(e, itemEvent, 0)
	}
	for m := stream; m != 0; m &= m - 1 {
		w.push(w.anomaly("stream", tcpstate.EventNames[bits.TrailingZeros64(m)], dir == flow.FromOrig), itemEvent, 0)
	}
}

func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

// txAnomalies tells what a parser found wrong with a transaction, each once.
func (w *worker) txAnomalies(tx suricata.Tx, dir int) {
	n := tx.NBuf(suricata.BufAppEvent)
	if n == 0 || w.conn == nil {
		return
	}
	o := w.conn.odd
	if o == nil {
		o = &oddities{}
		w.conn.odd = o
	}
	if o.app != tx.App() || o.tx != tx.ID() {
		*o = oddities{app: tx.App(), tx: tx.ID()}
	}
	for i := range n {
		k, ok := appEvents[string(tx.BufAt(suricata.BufAppEvent, i))]
		if !ok || o.told[k>>6]>>(k&63)&1 != 0 {
			continue
		}
		o.told[k>>6] |= 1 << (k & 63)
		app, name, _ := strings.Cut(proto.AppEvents[k], ".")
		e := w.anomaly("applayer", name, dir == flow.FromOrig)
		e.Str(event.SaksiAnomalyProtocol, app)
		if w.cfg.Detail && tx.ID() > 0 {
			e.Int(event.SaksiEveTxID, int64(tx.ID()-1))
		}
		w.push(e, itemEvent, 0)
	}
}
