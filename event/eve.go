package event

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// AppendEVE appends e as one line of EVE JSON, as Suricata 8 writes it
// (Suricata user guide, "Eve JSON Format"), without the line end. It returns
// dst unchanged for events that have no counterpart there. Differences:
// bytes of flows are those of IP packets (Suricata counts frames), tx_id and
// tcp_flags are not known, numbers that name a flow are ours.
func (e *Event) AppendEVE(dst []byte) []byte {
	dataset, _ := e.GetStr(EventDataset)
	kind, write := "", (func(*eve, *Event))(nil)
	switch dataset {
	case "saksi.flow":
		kind, write = "flow", (*eve).flow
	case "saksi.file":
		kind, write = "fileinfo", (*eve).file
	case "saksi.alert":
		if language, _ := e.GetStr(SaksiRuleLanguage); language != "suricata" {
			return dst // another engine's: it has no signature id
		}
		kind, write = "alert", (*eve).alert
	case "saksi.dns":
		kind, write = "dns", (*eve).dns
	case "saksi.mdns":
		kind, write = "mdns", (*eve).dns
	case "saksi.http":
		kind, write = "http", (*eve).http
	case "saksi.tls":
		kind, write = "tls", (*eve).tls
	case "saksi.ssh":
		kind, write = "ssh", (*eve).ssh
	case "saksi.smtp":
		kind, write = "smtp", (*eve).smtp
	case "saksi.ftp":
		kind, write = "ftp", (*eve).ftp
	default:
		return dst
	}
	w := &eve{b: dst}
	w.open("")
	w.header(e, kind)
	write(w, e)
	w.close()
	return w.b
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
	for v := range e.Values(f) {
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

// eveApp are the protocols that Suricata calls otherwise.
var eveApp = map[string]string{
	"kerberos": "krb5", "vnc": "rfb", "postgresql": "pgsql", "ethernetip": "enip", "bittorrent_dht": "bittorrent-dht",
	"llmnr": "llmnr", "http2": "http2", "dtls": "tls",
}

func eveAppProto(name string) string {
	if s, ok := eveApp[name]; ok {
		return s
	}
	return name
}

func (w *eve) header(e *Event, kind string) {
	w.time("timestamp", e, Timestamp)
	if id, ok := e.GetStr(SaksiFlowID); ok && len(id) >= 13 {
		if n, err := strconv.ParseInt(id[:13], 16, 64); err == nil { // 52 bits: exact in every reader of JSON
			w.num("flow_id", n)
		}
	}
	var last int64
	for v := range e.Values(SaksiEvidencePacket) {
		last = v.Int()
	}
	if last > 0 && kind != "flow" {
		w.num("pcap_cnt", last)
	}
	w.str("event_type", kind)
	if id, ok := e.GetStr(NetworkVLANID); ok {
		if n, err := strconv.Atoi(id); err == nil {
			w.key("vlan")
			w.b = append(strconv.AppendInt(append(w.b, '['), int64(n), 10), ']')
		}
	}
	from, fromPort, to, toPort := SourceIP, SourcePort, DestinationIP, DestinationPort
	if d, _ := e.GetStr(SaksiFlowDirection); d == "to_client" {
		from, fromPort, to, toPort = to, toPort, from, fromPort
	}
	w.str("src_ip", eveAddr(e, from))
	w.number("src_port", e, fromPort)
	w.str("dest_ip", eveAddr(e, to))
	w.number("dest_port", e, toPort)
	if p, ok := e.GetStr(NetworkTransport); ok {
		if s, known := eveProto[p]; known {
			p = s
		}
		w.str("proto", p)
	}
	switch v, _ := e.GetStr(NetworkType); v {
	case "ipv4":
		w.num("ip_v", 4)
	case "ipv6":
		w.num("ip_v", 6)
	}
	if kind == "alert" || kind == "http" || kind == "dns" || kind == "tls" {
		w.str("pkt_src", "wire/pcap")
	}
	w.field("community_id", e, NetworkCommunityID)
	if p, ok := e.GetStr(NetworkProtocol); ok && (kind == "flow" || kind == "alert" || kind == "fileinfo") {
		w.str("app_proto", eveAppProto(p))
	}
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

func (w *eve) flow(e *Event) {
	w.open("flow")
	w.number("pkts_toserver", e, SourcePackets)
	w.number("pkts_toclient", e, DestinationPackets)
	w.number("bytes_toserver", e, SourceBytes)
	w.number("bytes_toclient", e, DestinationBytes)
	w.time("start", e, EventStart)
	w.time("end", e, EventEnd)
	start, _ := e.GetTime(EventStart)
	end, _ := e.GetTime(EventEnd)
	w.num("age", end/int64(time.Second)-start/int64(time.Second))
	back, _ := e.GetInt(DestinationPackets)
	state, _ := e.GetStr(SaksiFlowState)
	transport, _ := e.GetStr(NetworkTransport)
	w.str("state", eveState(transport, state, back))
	reason, _ := e.GetStr(SaksiFlowEndReason)
	switch reason {
	case "timeout":
	case "end_of_capture":
		reason = "shutdown"
	default:
		reason = "forced"
	}
	w.str("reason", reason)
	w.close()
}

// eveState is Suricata's state of a flow by Zeek's.
func eveState(transport, zeek string, back int64) string {
	if transport != "tcp" {
		if back > 0 {
			return "established"
		}
		return "new"
	}
	switch zeek {
	case "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH":
		return "closed"
	case "S0", "SH", "SHR":
		return "new"
	}
	return "established"
}

func (w *eve) file(e *Event) {
	if e.Has(HTTPRequestMethod) {
		w.http(e)
	}
	w.open("fileinfo")
	name, _ := e.GetStr(FileName)
	if path, ok := e.GetStr(URLPath); ok {
		name = path
	}
	w.str("filename", name)
	why, partial := e.GetStr(SaksiFileIncomplete)
	w.field("magic", e, FileMimeType)
	w.boolean("gaps", why == "gap")
	state := "CLOSED"
	if partial {
		state = "TRUNCATED"
	}
	w.str("state", state)
	w.field("md5", e, FileHashMD5)
	w.field("sha1", e, FileHashSHA1)
	w.field("sha256", e, FileHashSHA256)
	w.boolean("stored", false)
	w.number("size", e, FileSize)
	w.close()
}

func (w *eve) alert(e *Event) {
	w.open("alert")
	text, _ := e.GetStr(SaksiRuleText)
	w.str("action", "allowed") // we watch and never block
	w.num("gid", 1)
	if id, ok := e.GetStr(RuleID); ok {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			w.num("signature_id", n)
		}
	}
	rev, _ := e.GetStr(RuleVersion)
	n, err := strconv.ParseInt(rev, 10, 64)
	if err != nil {
		n = 0
	}
	w.num("rev", n)
	w.field("signature", e, RuleName)
	class, _ := e.GetStr(RuleCategory)
	w.key("category")
	w.text(eveClasses[class])
	if n, ok := e.GetInt(SaksiRulePriority); ok {
		w.num("severity", n)
	} else {
		w.num("severity", 3)
	}
	w.metadata(text)
	w.context(e)
	w.close()
}

// context writes what data sets hold of the values that matched.
func (w *eve) context(e *Event) {
	opened := false
	for v := range e.Values(SaksiRuleContext) {
		name, raw, ok := strings.Cut(v.Str(), " ")
		if !ok {
			continue
		}
		if !opened {
			w.open("context")
			opened = true
		}
		w.key(name)
		if json.Valid([]byte(raw)) {
			w.b = append(w.b, raw...)
		} else { // masked, or cut short
			w.text(raw)
		}
	}
	if opened {
		w.close()
	}
}

// metadata writes the metadata of a rule's text, values by key in the order of
// their keys' first use.
func (w *eve) metadata(text string) {
	rest, _, ok := strings.Cut(afterMetadata(text), ";")
	if !ok {
		return
	}
	var keys []string
	values := map[string][]string{}
	for _, pair := range strings.Split(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if k == "" {
			continue
		}
		if values[k] == nil {
			keys = append(keys, k)
		}
		values[k] = append(values[k], strings.TrimSpace(v))
	}
	if len(keys) == 0 {
		return
	}
	w.open("metadata")
	for _, k := range keys {
		w.list(k, values[k])
	}
	w.close()
}

// afterMetadata is what follows the option's name in a rule's text, wherever
// else the word stands in quotes; empty without one.
func afterMetadata(text string) string {
	const name = "metadata:"
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[i:], name) && i > 0 && strings.IndexByte("(; ", text[i-1]) >= 0:
			return text[i+len(name):]
		}
	}
	return ""
}
