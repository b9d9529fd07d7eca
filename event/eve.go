package event

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// AppendEVE appends e as one line of EVE JSON, as Suricata 8 writes it
// (Suricata user guide, "Eve JSON Format"), without the line end. It returns
// dst unchanged for events that have no counterpart there. Numbers that name a
// flow are ours. What no document holds is there if the sensor was asked for it
// (sensor.Config.Detail).
func (e *Event) AppendEVE(dst []byte) []byte {
	dataset, _ := e.GetStr(EventDataset)
	if dataset == "saksi.alert" {
		if language, _ := e.GetStr(SaksiRuleLanguage); language != "suricata" {
			return dst // another engine's: it has no signature id
		}
	}
	k, ok := eveKinds[dataset]
	if e.Unrecorded() {
		return dst
	}
	if name, _ := e.GetStr(SaksiEveKind); name != "" {
		k, ok = eveKind{name: name, write: (*eve).app}, true
	}
	if !ok || toldByRecords[dataset] || k.unless != nil && k.unless(e) {
		return dst
	}
	w := &eve{b: dst}
	w.open("")
	w.header(e, k.name)
	k.write(w, e)
	w.close()
	return w.b
}

// eveKind is one kind of event.
type eveKind struct {
	name   string
	write  func(w *eve, e *Event)
	unless func(e *Event) bool // it is not written; nil for always
}

// eveKinds are the kinds of events by dataset.
var eveKinds map[string]eveKind

func init() {
	eveKinds = map[string]eveKind{
		"saksi.flow":     {name: "flow", write: (*eve).flow},
		"saksi.file":     {name: "fileinfo", write: (*eve).file},
		"saksi.alert":    {name: "alert", write: (*eve).alert},
		"saksi.anomaly":  {name: "anomaly", write: (*eve).anomaly},
		"saksi.dns":      {name: "dns", write: (*eve).dns},
		"saksi.mdns":     {name: "mdns", write: (*eve).mdns},
		"saksi.http":     {name: "http", write: (*eve).http},
		"saksi.tls":      {name: "tls", write: (*eve).tls, unless: untold},
		"saksi.quic":     {name: "quic", write: (*eve).quic},
		"saksi.ssh":      {name: "ssh", write: (*eve).ssh},
		"saksi.smtp":     {name: "smtp", write: (*eve).smtp},
		"saksi.ftp":      {name: "ftp", write: (*eve).ftp},
		"saksi.dhcp":     {name: "dhcp", write: (*eve).dhcp},
		"saksi.tftp":     {name: "tftp", write: (*eve).tftp},
		"saksi.kerberos": {name: "krb5", write: (*eve).krb5, unless: func(e *Event) bool { return !e.Has(EventOutcome) }},
		"saksi.ike":      {name: "ike", write: (*eve).ike},
		"saksi.modbus":   {name: "modbus", write: (*eve).modbus},
		"saksi.dnp3":     {name: "dnp3", write: (*eve).dnp3},
		"saksi.pop3":     {name: "pop3", write: (*eve).pop3},
	}
}

// eve writes one object after the other's member.
type eve struct{ b []byte }

func (w *eve) key(k string) {
	if n := len(w.b); n > 0 && w.b[n-1] != '{' && w.b[n-1] != '[' {
		w.b = append(w.b, ',')
	}
	if k != "" {
		w.text(k)
		w.b = append(w.b, ':')
	}
}

func (w *eve) open(k string) {
	if k != "" {
		w.key(k)
	}
	w.b = append(w.b, '{')
}

func (w *eve) close() { w.b = append(w.b, '}') }

func (w *eve) str(k, s string) {
	if s == "" {
		return
	}
	w.key(k)
	w.text(s)
}

func (w *eve) text(s string) {
	j, err := json.Marshal(s)
	if err != nil { // a string always marshals
		j = []byte(`""`)
	}
	w.b = append(w.b, j...)
}

func (w *eve) num(k string, n int64) {
	w.key(k)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *eve) boolean(k string, v bool) {
	w.key(k)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *eve) field(k string, e *Event, f Field) {
	s, _ := e.GetStr(f)
	w.str(k, s)
}

func (w *eve) number(k string, e *Event, f Field) {
	if n, ok := e.GetInt(f); ok {
		w.num(k, n)
	}
}

func (w *eve) list(k string, values []string) {
	if len(values) == 0 {
		return
	}
	w.key(k)
	w.b = append(w.b, '[')
	for i, s := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.text(s)
	}
	w.b = append(w.b, ']')
}

// all gives the texts of an array field.
func (e *Event) all(f Field) []string {
	var list []string
	later := false
	for v := range e.Values(f) {
		if v.hold && !later {
			later, list = true, nil
		}
		list = append(list, string(v.AppendText(nil)))
	}
	return list
}

// eveTime is EVE's form of times: microseconds and a zone without colon.
const eveTime = "2006-01-02T15:04:05.000000-0700"

func (w *eve) time(k string, e *Event, f Field) {
	if ns, ok := e.GetTime(f); ok {
		w.str(k, time.Unix(0, ns).UTC().Format(eveTime))
	}
}

// eveProto are the IP protocols by Suricata's names.
var eveProto = map[string]string{
	"tcp": "TCP", "udp": "UDP", "icmp": "ICMP", "ipv6-icmp": "IPv6-ICMP", "sctp": "SCTP", "gre": "GRE", "esp": "ESP", "ah": "AH", "igmp": "IGMP",
}

func eveTransport(name string) string {
	if s, known := eveProto[name]; known {
		return s
	}
	return name
}

// eveApp are the protocols that Suricata calls otherwise.
var eveApp = map[string]string{
	"kerberos": "krb5", "vnc": "rfb", "postgresql": "pgsql", "ethernetip": "enip", "bittorrent_dht": "bittorrent-dht",
}

func eveAppProto(name string) string {
	if s, ok := eveApp[name]; ok {
		return s
	}
	return name
}

func (w *eve) header(e *Event, kind string) {
	if e.Has(SaksiEveTime) {
		w.time("timestamp", e, SaksiEveTime)
	} else {
		w.time("timestamp", e, Timestamp)
	}
	if id, ok := e.GetStr(SaksiFlowID); ok && len(id) >= 13 {
		if n, err := strconv.ParseInt(id[:13], 16, 64); err == nil { // 52 bits: exact in every reader of JSON
			w.num("flow_id", n)
		}
	}
	w.field("in_iface", e, ObserverIngressInterfaceName)
	if kind != "flow" {
		n, ok := e.GetInt(SaksiEvePacket)
		if !ok {
			v, _ := e.Last(SaksiEvidencePacket)
			n = v.Int()
		}
		if n > 0 {
			w.num("pcap_cnt", n)
		}
	}
	w.str("event_type", kind)
	if bare, _ := e.GetBool(SaksiEveBare); bare {
		return
	}
	w.vlan(e)
	from, fromPort, to, toPort := SourceIP, SourcePort, DestinationIP, DestinationPort
	way, _ := e.GetStr(SaksiFlowDirection)
	if way == "to_client" {
		from, fromPort, to, toPort = to, toPort, from, fromPort
	}
	w.str("src_ip", eveAddr(e, from))
	w.number("src_port", e, fromPort)
	w.str("dest_ip", eveAddr(e, to))
	w.number("dest_port", e, toPort)
	if p, ok := e.GetStr(NetworkTransport); ok {
		w.str("proto", eveTransport(p))
	}
	switch v, _ := e.GetStr(NetworkType); v {
	case "ipv4":
		w.num("ip_v", 4)
	case "ipv6":
		w.num("ip_v", 6)
	}
	w.number("icmp_type", e, SaksiEveIcmpType)
	w.number("icmp_code", e, SaksiEveIcmpCode)
	if kind == "flow" {
		w.number("response_icmp_type", e, SaksiEveResponseIcmpType)
		w.number("response_icmp_code", e, SaksiEveResponseIcmpCode)
	} else if source, ok := e.GetStr(SaksiEvePktSrc); ok {
		w.str("pkt_src", source)
	} else {
		w.str("pkt_src", "wire/pcap")
	}
	w.field("community_id", e, NetworkCommunityID)
	switch kind {
	case "alert", "anomaly", "http", "smb", "smtp":
		w.number("tx_id", e, SaksiEveTxID)
	}
	if kind == "flow" || kind == "alert" || kind == "fileinfo" || kind == "anomaly" {
		w.appProto(e)
	}
	if kind == "alert" && way != "" {
		w.str("direction", way)
	}
}

// appProto writes the protocol of the flow, and the one it began as.
func (w *eve) appProto(e *Event) {
	p, ok := e.GetStr(NetworkProtocol)
	if !ok {
		t, _ := e.GetStr(NetworkTransport)
		if n, _ := e.GetInt(SaksiFlowSourcePayload); n > 0 && (t == "tcp" || t == "udp") {
			w.str("app_proto", "failed")
		}
		return
	}
	if t, _ := e.GetStr(NetworkTransport); p == "bittorrent" && t == "udp" {
		p = "bittorrent_dht"
	}
	w.str("app_proto", eveAppProto(p))
	if via, ok := e.GetStr(SaksiFlowVia); ok && via != p {
		w.str("app_proto_orig", eveAppProto(via))
	}
}

// app writes the members that the sensor built.
func (w *eve) app(e *Event) {
	if s, ok := e.GetStr(SaksiEveApp); ok {
		w.key("")
		w.b = append(w.b, s...)
	}
}

func (w *eve) vlan(e *Event) {
	tags := e.all(SaksiEveVLAN)
	if len(tags) == 0 {
		id, ok := e.GetStr(NetworkVLANID)
		if _, err := strconv.Atoi(id); !ok || err != nil {
			return
		}
		tags = []string{id}
	}
	w.key("vlan")
	w.b = append(w.b, '[')
	w.b = append(w.b, strings.Join(tags, ",")...)
	w.b = append(w.b, ']')
}

// eveAddr writes an address as Suricata does: IPv6 in full.
func eveAddr(e *Event, f Field) string {
	a, ok := e.GetAddr(f)
	switch {
	case !ok || !a.IsValid():
		return ""
	case a.Is4():
		return a.String()
	}
	return a.StringExpanded()
}
