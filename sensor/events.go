package sensor

import (
	"strconv"

	"saksi/event"
	"saksi/rules/intel"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/proto"
)

// flowIDs are the texts that name a flow, made once and kept while it is
// parsed.
type flowIDs struct {
	made      bool
	community [flow.CommunityIDLen]byte
	id        [flow.IDLen]byte
}

// ids gives the texts of the flow in work. They stand until the next call.
func (w *worker) ids() *flowIDs {
	x := &w.loneIDs
	if w.conn != nil {
		if x = &w.conn.ids; x.made {
			return x
		}
	}
	w.rec.AppendCommunityID(x.community[:0])
	flow.AppendID(x.id[:0], w.src.key, w.rec.FirstPacket(), w.rec.Context, x.community[:])
	x.made = true
	return x
}

var transportNames = [256]string{
	decode.ProtoICMP: "icmp", decode.ProtoIGMP: "igmp", decode.ProtoIPIP: "ipip", decode.ProtoTCP: "tcp", decode.ProtoUDP: "udp",
	decode.ProtoIPv6: "ipv6", decode.ProtoGRE: "gre", decode.ProtoESP: "esp", decode.ProtoAH: "ah",
	decode.ProtoICMPv6: "ipv6-icmp", decode.ProtoSCTP: "sctp", 46: "rsvp", 88: "eigrp", 89: "ospf", 103: "pim", 112: "vrrp", 136: "udplite",
}

// protocols holds the decimal texts of all IP protocol numbers.
var protocols = func() (t [256]string) {
	for i := range t {
		t[i] = strconv.Itoa(i)
	}
	return t
}()

// transportName is the network.transport of an IP protocol.
func transportName(p uint8) string {
	if s := transportNames[p]; s != "" {
		return s
	}
	return protocols[p]
}

// begin starts an event with what all events of the flow in work carry.
func (w *worker) begin(kind, dataset string, t int64) *event.Event {
	e := w.res.next()
	e.Time(event.Timestamp, t)
	e.Str(event.EventKind, kind)
	e.Str(event.EventDataset, dataset)
	e.Str(event.EventCategory, "network")
	e.Str(event.SaksiEvidenceKey, w.src.key)
	e.Str(event.SaksiEvidenceName, w.src.name)
	if r := w.rec; r != nil {
		ids := w.ids()
		o, op := r.Orig()
		p, pp := r.Resp()
		e.Addr(event.SourceIP, o)
		e.Addr(event.DestinationIP, p)
		switch r.Proto {
		case decode.ProtoTCP, decode.ProtoUDP, decode.ProtoSCTP:
			e.Int(event.SourcePort, int64(op))
			e.Int(event.DestinationPort, int64(pp))
		}
		e.Str(event.NetworkTransport, transportName(r.Proto))
		if r.V6() {
			e.Str(event.NetworkType, "ipv6")
		} else {
			e.Str(event.NetworkType, "ipv4")
		}
		if app := w.app(); app != 0 {
			e.Str(event.NetworkProtocol, w.protos.Entry(app).Name)
		}
		e.Bytes(event.NetworkCommunityID, ids.community[:])
		e.Bytes(event.SaksiFlowID, ids.id[:])
		if w.conn != nil && w.conn.outer != nil {
			w.AboutOpened(e)
		}
	}
	if w.src.live {
		e.Str(event.ObserverIngressInterfaceName, w.src.name)
	}
	if w.cfg.Detail {
		w.detail(e)
	}
	return e
}

// wayOf names the way of a packet.
func wayOf(toServer bool) string {
	if toServer {
		return "to_server"
	}
	return "to_client"
}

// Begin implements proto.Host.
func (w *worker) Begin(dataset string, packets []uint64) *event.Event {
	e := w.begin("event", dataset, w.pc.Time)
	e.Str(event.EventType, "protocol")
	for _, n := range packets {
		e.Int(event.SaksiEvidencePacket, int64(n))
	}
	return e
}

// Emit implements proto.Host.
func (w *worker) Emit(e *event.Event) {
	w.classify(e)
	w.assetsOf(e)
	if w.cfg.Detail {
		w.detailTx(e)
	}
	w.remember(e)
	w.notice(e)
	w.push(e, itemEvent, 0)
}

// item begins an item at the place of the packet in work.
func (w *worker) item(kind itemKind) item {
	it := item{number: w.now, phase: w.phase, kind: kind}
	if w.phase == phaseTimer {
		it.shard = uint8(w.sh.index)
	}
	return it
}

// push adds the event begun last to what the batch emits.
func (w *worker) push(e *event.Event, kind itemKind, ref int) {
	r := w.res
	if kind <= itemFlow {
		w.emitted++
	}
	if dataset, ok := e.GetStr(event.EventDataset); ok && kind <= itemFlow {
		w.stats.events[dataset]++ // dataset names are constants: no copy is kept of packet bytes
	}
	it := w.item(kind)
	it.at, it.from = r.events.Len(), ref
	var met []*sigma.Rule
	if w.rules.Sigma != nil && kind <= itemFile {
		met = w.rules.Sigma.MatchEvent(e)
	}
	var indicators []intel.Hit
	if w.rules.Intel != nil && kind <= itemFlow {
		indicators = w.rules.Intel.Match(e)
	}
	if w.enc != nil && (kind == itemEvent || kind == itemFlow) {
		it.from = len(r.encoded)
		r.encoded = w.enc.AppendEvent(r.encoded, e)
		it.to = len(r.encoded)
	}
	if w.enc == nil || kind != itemEvent || len(met)+len(indicators) > 0 {
		r.events.Add(e)
	}
	r.items = append(r.items, it)
	at := it.at
	for i := range indicators {
		f := r.next()
		w.rules.Intel.Finding(f, r.events.At(at), &indicators[i])
		w.push(f, itemAlert, 0)
	}
	for _, rule := range met {
		if rule.Feeds() {
			r.matches = append(r.matches, w.rules.Sigma.HitEvent(rule, r.events.At(at)))
			it.kind, it.from = itemMatch, len(r.matches)-1
			r.items = append(r.items, it)
		}
		if !rule.Silent {
			f := r.next()
			rule.Finding(f, r.events.At(at))
			w.push(f, itemAlert, 0)
		}
	}
}

// Offer implements proto.Host.
func (w *worker) Offer(tx suricata.Tx, dir proto.Dir) {
	if w.cfg.Anomalies {
		w.txAnomalies(tx, int(dir))
	}
	if w.engine != nil {
		w.matchTx(tx, int(dir))
	}
}

// Matching implements proto.Host.
func (w *worker) Matching() bool { return w.engine != nil || w.cfg.Anomalies }

// emitFlow tells of a flow that has ended.
func (w *worker) emitFlow(r *flow.Record, why flow.EndReason) {
	guessed := w.guess(r)
	e := w.begin("event", "saksi.flow", r.Last)
	e.Str(event.EventType, "connection")
	e.Str(event.EventType, "end")
	e.Time(event.EventStart, r.First)
	e.Time(event.EventEnd, r.Last)
	e.Int(event.EventDuration, r.Last-r.First)
	e.Int(event.SaksiEvidencePacket, int64(r.FirstPacket()))
	if last := r.LastPacket(); last != r.FirstPacket() {
		e.Int(event.SaksiEvidencePacket, int64(last))
	}
	sb, db := r.IPBytes(flow.FromOrig), r.IPBytes(flow.FromResp)
	e.Int(event.SourceBytes, int64(sb))
	e.Int(event.DestinationBytes, int64(db))
	e.Int(event.SourcePackets, int64(r.Pkts[0]))
	e.Int(event.DestinationPackets, int64(r.Pkts[1]))
	e.Int(event.NetworkBytes, int64(sb+db))
	e.Int(event.NetworkPackets, int64(r.Pkts[0])+int64(r.Pkts[1]))
	e.Str(event.NetworkIANANumber, protocols[r.Proto])
	switch r.Proto {
	case decode.ProtoICMP, decode.ProtoICMPv6: // types stand in the place of ports
		e.Int(event.SaksiFlowIcmpType, int64(r.OrigPort()))
		e.Int(event.SaksiFlowIcmpAnswer, int64(r.RespPort()))
	}
	switch r.Proto {
	case decode.ProtoTCP, decode.ProtoUDP, decode.ProtoICMP, decode.ProtoICMPv6:
		e.Int(event.SaksiFlowSourcePayload, int64(r.Payload(flow.FromOrig)))
		e.Int(event.SaksiFlowDestinationPayload, int64(r.Payload(flow.FromResp)))
	}
	state := r.ConnState()
	e.Str(event.SaksiFlowState, state)
	w.history = r.AppendHistory(w.history[:0])
	e.Bytes(event.SaksiFlowHistory, w.history)
	e.Str(event.SaksiFlowEndReason, why.String())
	if v := r.VLAN(); v != 0 {
		e.Str(event.NetworkVLANID, strconv.Itoa(int(v)))
	}
	if w.conn != nil && w.conn.missed > 0 {
		e.Int(event.SaksiFlowMissedBytes, int64(w.conn.missed))
	}
	w.aboutWithin(e)
	if w.cfg.Detail {
		w.detailFlow(e, r)
	}
	kind := itemEvent
	if !w.aboutService(e, r, guessed) {
		kind = itemFlow
	} else if app, ok := e.GetStr(event.NetworkApplication); ok {
		addFlows(w.stats.apps, app, 1, sb+db)
	}
	w.push(e, kind, 0)
	w.seen(r, state, sb, db)
	w.stats.flow(r, state, sb, db)
	w.sh.talkers.flow(r, sb, db)
}
