package event

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

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
	name, _ := e.GetStr(RuleName)
	w.key("signature")
	w.text(name)
	class, _ := e.GetStr(RuleCategory)
	w.key("category")
	w.text(eveClasses[class])
	if n, ok := e.GetInt(SaksiRulePriority); ok {
		w.num("severity", n)
	} else {
		w.num("severity", 3)
	}
	w.target(e, text)
	w.metadata(text)
	w.context(e)
	w.close()
	w.flowState(e)
	if e.Has(SaksiEveTunnelDepth) {
		w.open("tunnel")
		w.str("src_ip", eveAddr(e, SaksiEveTunnelSourceIP))
		w.number("src_port", e, SaksiEveTunnelSourcePort)
		w.str("dest_ip", eveAddr(e, SaksiEveTunnelDestinationIP))
		w.number("dest_port", e, SaksiEveTunnelDestinationPort)
		t, _ := e.GetStr(SaksiEveTunnelTransport)
		w.str("proto", eveTransport(t))
		w.number("depth", e, SaksiEveTunnelDepth)
		w.number("pcap_cnt", e, SaksiEvePacket)
		w.str("pkt_src", "wire/pcap")
		w.close()
	}
	w.application(e)
	if b, ok := e.GetStr(SaksiEvePayload); ok {
		w.str("payload", base64.StdEncoding.EncodeToString([]byte(b)))
		w.str("payload_printable", printable(b))
		stream := int64(0)
		if in, _ := e.GetBool(SaksiEveStream); in {
			stream = 1
		}
		w.num("stream", stream)
	}
	if !e.Has(SaksiEveFlowStart) {
		return
	}
	w.open("flow")
	w.counts(e)
	w.str("src_ip", eveAddr(e, SourceIP))
	w.str("dest_ip", eveAddr(e, DestinationIP))
	w.number("src_port", e, SourcePort)
	w.number("dest_port", e, DestinationPort)
	w.close()
}

// flowState writes the bits and counters that rules keep of the flow.
func (w *eve) flowState(e *Event) {
	if !e.Has(SaksiFlowBits) && !e.Has(SaksiFlowCounters) {
		return
	}
	w.open("metadata")
	if e.Has(SaksiFlowBits) {
		w.list("flowbits", e.all(SaksiFlowBits))
	}
	if e.Has(SaksiFlowCounters) {
		w.open("flowints")
		for v := range e.Values(SaksiFlowCounters) {
			name, value, _ := strings.Cut(v.Str(), " ")
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				w.num(name, n)
			}
		}
		w.close()
	}
	w.close()
}

// printable has a dot for each byte that is not printable ASCII nor a line break.
func printable(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c != '\r' && c != '\n' && (c < ' ' || c > '~') {
			b[i] = '.'
		}
	}
	return string(b)
}

// anomaly writes what is wrong (Suricata user guide, "Event type: Anomaly").
func (w *eve) anomaly(e *Event) {
	w.open("anomaly")
	kind, _ := e.GetStr(SaksiAnomalyType)
	name, _ := e.GetStr(SaksiAnomalyEvent)
	if p, ok := e.GetStr(SaksiAnomalyProtocol); ok {
		w.str("app_proto", p)
	}
	w.str("type", kind)
	switch kind {
	case "decode":
		w.str("event", "decoder."+name)
	case "stream":
		w.str("event", "stream."+name)
	default:
		w.str("event", strings.ToUpper(name))
		w.str("layer", "proto_parser")
	}
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

// application writes what an alert tells of its transaction: if it rests on one,
// as a rule says that looks at its buffers or, over UDP, names its protocol.
func (w *eve) application(e *Event) {
	if none, _ := e.GetBool(SaksiEveNoTx); none {
		return
	}
	p, _ := e.GetStr(NetworkProtocol)
	if e.Has(SaksiEveApp) {
		w.app(e)
		w.files(e, p)
		return
	}
	switch p {
	case "http2", "doh":
		p = "http"
	case "ftp-data":
		return
	}
	k, ok := eveKinds["saksi."+p]
	if !ok {
		return
	}
	n := len(w.b)
	k.write(w, e)
	if n+len(`,"`)+len(k.name)+len(`":{}`) == len(w.b) && w.b[len(w.b)-2] == '{' { // nothing is known
		w.b = w.b[:n]
	}
	w.files(e, p)
}

// files writes the file an alert is about.
func (w *eve) files(e *Event, p string) {
	if e.Has(FileName) && (p == "http" || p == "smb" || p == "smtp" || p == "nfs") {
		w.key("files")
		w.b = append(w.b, '[')
		w.open("")
		w.fileInfo(e)
		w.close()
		w.b = append(w.b, ']')
	}
}

// target writes which end a rule says is attacked (Suricata user guide,
// "target").
func (w *eve) target(e *Event, text string) {
	value, _, _ := strings.Cut(option(text, "target:"), ";")
	from, fromPort, to, toPort := SourceIP, SourcePort, DestinationIP, DestinationPort
	if way, _ := e.GetStr(SaksiFlowDirection); way == "to_client" {
		from, fromPort, to, toPort = to, toPort, from, fromPort
	}
	switch strings.TrimSpace(value) {
	case "dest_ip":
	case "src_ip":
		from, fromPort, to, toPort = to, toPort, from, fromPort
	default:
		return
	}
	for _, end := range [...]struct {
		key      string
		ip, port Field
	}{{"source", from, fromPort}, {"target", to, toPort}} {
		w.open(end.key)
		w.str("ip", eveAddr(e, end.ip))
		w.number("port", e, end.port)
		w.close()
	}
}

// metadata writes the metadata of a rule's text, values by key in the order of
// their keys' first use.
func (w *eve) metadata(text string) {
	rest, _, ok := strings.Cut(option(text, "metadata:"), ";")
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

// option is what follows an option's name in a rule's text, wherever else the
// word stands in quotes; empty without one.
func option(text, name string) string {
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
