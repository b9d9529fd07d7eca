package sensor

import (
	"encoding/binary"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/proto"
)

// packetSources are Suricata's names of the tunnels that packets come from.
var packetSources = map[string]string{
	"gre": "gre tunnel", "erspan": "erspan tunnel", "vxlan": "vxlan encapsulation", "geneve": "geneve encapsulation", "teredo": "teredo tunnel",
}

// packetSource is where a packet came from in Suricata's words.
func packetSource(p *decode.Packet) string {
	if p.Tunnel == 0 {
		return "wire/pcap"
	}
	name := decode.TunnelNames[p.Tunnel-1]
	if s, ok := packetSources[name]; ok {
		return s
	}
	if p.Flags&decode.FlagV6 != 0 {
		return "ipv6 tunnel"
	}
	return "ipv4 tunnel"
}

// detail adds what only EVE JSON tells of the flow and the packet in work.
func (w *worker) detail(e *event.Event) {
	p := w.pkt
	if p == nil || p.Number != w.now {
		if r := w.rec; r != nil && r.Context>>31 == 0 {
			for _, tag := range [2]uint32{r.Context >> 12 & 0xfff, r.Context & 0xfff} {
				if tag != 0 {
					e.Int(event.SaksiEveVLAN, int64(tag))
				}
			}
		}
		e.Str(event.SaksiEvePktSrc, "stream (flow timeout)")
		return
	}
	for _, tag := range p.VLAN[:p.VLANs] {
		e.Int(event.SaksiEveVLAN, int64(tag))
	}
	e.Int(event.SaksiEvePacket, int64(p.Number))
	e.Str(event.SaksiEvePktSrc, packetSource(p))
	if p.Proto == decode.ProtoICMP || p.Proto == decode.ProtoICMPv6 {
		e.Int(event.SaksiEveIcmpType, int64(p.ICMPType))
		e.Int(event.SaksiEveIcmpCode, int64(p.ICMPCode))
	}
}

// detailFlow adds what only EVE JSON tells of a flow so far.
func (w *worker) detailFlow(e *event.Event, r *flow.Record) {
	d := w.sh.table.Detail(w.flow)
	if d == nil {
		return
	}
	e.Int(event.SaksiEveToserverPackets, int64(r.Pkts[flow.FromOrig]))
	e.Int(event.SaksiEveToclientPackets, int64(r.Pkts[flow.FromResp]))
	e.Int(event.SaksiEveToserverBytes, int64(r.FrameBytes(d, flow.FromOrig)))
	e.Int(event.SaksiEveToclientBytes, int64(r.FrameBytes(d, flow.FromResp)))
	e.Time(event.SaksiEveFlowStart, r.First)
	if r.Proto == decode.ProtoTCP {
		e.Int(event.SaksiEveTcpFlagsTs, int64(r.TCPFlags(d, flow.FromOrig)))
		e.Int(event.SaksiEveTcpFlagsTc, int64(r.TCPFlags(d, flow.FromResp)))
	}
	e.Bool(event.SaksiEveAlerted, d.Alerted)
	if r.App() != 0 {
		e.Int(event.SaksiEveTxCount, int64(d.Txs))
	}
	if r.Proto == decode.ProtoICMP || r.Proto == decode.ProtoICMPv6 {
		if typ, code, ok := r.ICMPType(d, flow.FromOrig); ok {
			e.Int(event.SaksiEveIcmpType, int64(typ))
			e.Int(event.SaksiEveIcmpCode, int64(code))
		}
		if typ, code, ok := r.ICMPType(d, flow.FromResp); ok {
			e.Int(event.SaksiEveResponseIcmpType, int64(typ))
			e.Int(event.SaksiEveResponseIcmpCode, int64(code))
		}
	}
}

// Record implements proto.Host.
func (w *worker) Record(kind string, t proto.EVE) {
	if !w.cfg.Detail {
		return
	}
	e := w.begin("event", "saksi.eve", w.pc.Time)
	e.Int(event.SaksiEveTxID, int64(t.Number()-1))
	if d := w.sh.table.Detail(w.flow); d != nil {
		d.Txs = max(d.Txs, uint32(t.Number()))
	}
	if byPacket[kind] {
		w.byPacket(e)
	}
	var m event.Members
	t.AppendEVE(&m)
	e.AddMembers(kind, &m)
	r, it := w.res, w.item(itemRecord)
	if w.enc != nil {
		it.kind, it.from = itemEvent, len(r.encoded)
		r.encoded = w.enc.AppendEvent(r.encoded, e)
		it.to = len(r.encoded)
	} else {
		it.at = r.events.Len()
		r.events.Add(e)
	}
	r.items = append(r.items, it)
}

// byPacket are the kinds of records whose ends are the packet's, not the flow's;
// and the datasets of those that are made of documents.
var byPacket = map[string]bool{
	"snmp": true, "sip": true, "nfs": true, "bittorrent_dht": true, "saksi.kerberos": true, "saksi.dhcp": true, "saksi.tftp": true,
}

// byPacket has a record of a datagram that the server sent begin with the server.
func (w *worker) byPacket(e *event.Event) {
	if w.rec != nil && w.rec.Proto == decode.ProtoUDP && w.pktDir() == flow.FromResp {
		e.Hold(true)
		e.Str(event.SaksiFlowDirection, wayOf(false))
		e.Hold(false)
	}
}

// detailTx numbers the transaction that a protocol's event tells of, unless
// its parser does.
func (w *worker) detailTx(e *event.Event) {
	dataset, _ := e.GetStr(event.EventDataset)
	if event.ToldByRecords(dataset) || e.Unrecorded() {
		return
	}
	if byPacket[dataset] {
		w.byPacket(e)
	}
	d := w.sh.table.Detail(w.flow)
	if d == nil {
		return
	}
	if n, ok := e.GetInt(event.SaksiEveTxID); ok { // the parser's
		d.Txs = max(d.Txs, uint32(n)+1)
		return
	}
	e.Int(event.SaksiEveTxID, int64(d.Txs))
	d.Txs++
}

// detailAlert adds what only EVE JSON tells of an alert.
func (w *worker) detailAlert(e *event.Event, h *suricata.Hit) {
	switch {
	case h.HasTx:
		e.Int(event.SaksiEveTxID, int64(max(h.TxID, 1)-1))
	case w.rec == nil || w.rec.Proto != decode.ProtoUDP || !h.Rule.NamesApp():
		e.Bool(event.SaksiEveNoTx, true)
	}
	if r := w.rec; r != nil {
		w.detailFlow(e, r)
		if d := w.sh.table.Detail(w.flow); d != nil {
			d.Alerted = true
		}
	}
	p := w.pkt
	if p == nil || p.Number != w.now {
		return
	}
	if p.Flags&decode.FlagCut != 0 {
		e.Bool(event.SaksiEveBare, true)
	}
	if p.Depth > 0 {
		at := w.at
		for at > 0 && w.pkts[at-1].Number == p.Number {
			at--
		}
		o := &w.pkts[at]
		src, dst := o.Addrs()
		e.Addr(event.SaksiEveTunnelSourceIP, src)
		e.Addr(event.SaksiEveTunnelDestinationIP, dst)
		e.Int(event.SaksiEveTunnelSourcePort, int64(o.SrcPort))
		e.Int(event.SaksiEveTunnelDestinationPort, int64(o.DstPort))
		e.Str(event.SaksiEveTunnelTransport, transportName(o.Proto))
		e.Int(event.SaksiEveTunnelDepth, int64(p.Depth))
	}
}

// maxPayload is how much of a stream an alert carries.
const maxPayload = 4 << 10

// payload adds to an alert what it matched in: of a stream its last bytes.
func (w *worker) payload(e *event.Event, v *suricata.Packet, stream bool) {
	b := v.Payload
	if stream = stream && w.conn != nil && w.rec != nil && w.rec.Proto == decode.ProtoTCP; stream {
		dir := flow.FromOrig
		if !v.ToServer {
			dir = flow.FromResp
		}
		b = w.conn.window[dir]
		b = b[max(len(b)-maxPayload, 0):]
	}
	if len(b) > 0 {
		e.Str(event.SaksiEvePayload, string(b[:min(len(b), maxPayload)])) // the window moves on
		e.Bool(event.SaksiEveStream, stream)
	}
}

// common marks the fields that an alert does not take over from the event of
// its transaction: those that every event has, and those about the event.
var common = func() (m [event.NumFields]bool) {
	for i := 1; i < event.NumFields; i++ {
		switch root, _, _ := strings.Cut(event.Field(i).Name(), "."); root {
		case "@timestamp", "event", "source", "destination", "network", "related", "rule", "threat", "client", "server", "observer", "agent", "ecs":
			m[i] = true
		}
		for _, prefix := range []string{"Saksi.evidence.", "Saksi.flow.", "Saksi.rule.", "Saksi.link", "Saksi.eve.kind", "Saksi.eve.p", "Saksi.eve.t", "Saksi.eve.vlan"} {
			m[i] = m[i] || strings.HasPrefix(event.Field(i).Name(), prefix)
		}
	}
	return m
}()

// remember keeps the event told last in the packet in work, for alerts on it.
func (w *worker) remember(e *event.Event) {
	if w.engine != nil {
		e.CopyTo(&w.latest.e)
		w.latest.rec, w.latest.number = w.rec, w.now
	}
}

// describe adds to an alert the transaction it is about, if it is known:
// what tx, else the event told last, else the flow's parser says.
func (w *worker) describe(e *event.Event, tx suricata.Tx) bool {
	if s, ok := tx.(*streamTx); ok {
		tx = s.Tx
	}
	if tx != nil {
		w.members(e, tx)
		if tx.NBuf(suricata.BufFileName) > 0 {
			e.Bytes(event.FileName, tx.BufAt(suricata.BufFileName, 0))
			if b := bufferOf(tx, suricata.BufFileSize); len(b) == 8 {
				e.Int(event.FileSize, int64(binary.BigEndian.Uint64(b)))
			}
		}
		if d, ok := tx.(proto.Describer); ok {
			d.Describe(e)
			return true
		}
	}
	if w.latest.rec == w.rec && w.latest.number == w.now && w.rec != nil {
		for v := range w.latest.e.All() {
			if !common[v.Field] || v.Field == event.SaksiEveTxID && !e.Has(event.SaksiEveTxID) && !e.Has(event.SaksiEveNoTx) {
				e.Append(v)
			}
		}
		return true
	}
	if w.conn == nil {
		return false
	}
	if d, ok := w.conn.parser.(proto.Describer); ok {
		d.Describe(e)
		return true
	}
	return false
}

// members adds to an alert what EVE JSON tells of its transaction.
func (w *worker) members(e *event.Event, tx suricata.Tx) {
	if !w.cfg.Detail {
		return
	}
	if x, ok := tx.(proto.Teller); ok && x.EVE() != nil {
		aboutTx(e, x.EVE())
	}
}

// aboutTx adds what EVE JSON tells of a transaction, and its number.
func aboutTx(e *event.Event, t proto.EVE) {
	var m event.Members
	t.AppendEVE(&m)
	e.Delete(event.SaksiEveApp)
	e.AddMembers("", &m)
	e.Delete(event.SaksiEveTxID)
	e.Int(event.SaksiEveTxID, int64(t.Number()-1))
}

// bufferOf gives the first instance of a buffer, nil if there is none.
func bufferOf(tx suricata.Tx, b suricata.Buffer) []byte {
	if tx.NBuf(b) == 0 {
		return nil
	}
	return tx.BufAt(b, 0)
}

// describeLater adds their transactions to the alerts of a packet that came
// before it was parsed.
func (w *worker) describeLater() {
	for _, i := range w.plain {
		w.res.events.Extend(i, func(e *event.Event) { w.describe(e, nil) })
	}
	w.plain = w.plain[:0]
}
