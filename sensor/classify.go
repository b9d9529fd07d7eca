package sensor

import (
	"strings"

	"saksi/event"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/proto"
	"saksi/sensor/service"
)

// reason says what names the application of a flow; a greater one is the
// better one. Its text stands in Saksi.flow.why.
type reason uint8

const (
	noReason     reason = iota
	byPort              // the usual port of the protocol, nothing of its content
	byDNSAnswer         // the client was given the server's address for a name before
	byUserAgent         // the program that asks
	byCert              // a name of the server's certificate
	byQuestion          // the name a DNS query asks for
	byServerName        // the name the client asks a server of TLS or QUIC for
	byHost              // the host a request of HTTP, or of another protocol, names
	byMediaType         // the type of what is carried
	byALPN              // the protocol client and server agree on within TLS
	byProtocol          // the protocol is the application's own
	numReasons
)

var reasons = [numReasons]struct{ text, confidence string }{
	noReason:     {"content", "high"},
	byPort:       {"port", "low"},
	byDNSAnswer:  {"dns_answer", "medium"},
	byUserAgent:  {"user_agent", "medium"},
	byCert:       {"certificate", "medium"},
	byQuestion:   {"dns_question", "high"},
	byServerName: {"server_name", "high"},
	byHost:       {"host", "high"},
	byMediaType:  {"media_type", "high"},
	byALPN:       {"alpn", "high"},
	byProtocol:   {"protocol", "high"},
}

// label is what names a flow's application: a suffix of the table of services
// or an application by another sign, and the reason. It fits the bits of a flow
// record's Ext below extLabel.
type label uint32

func newLabel(r reason, n uint16) label { return label(r)<<16 | label(n) }

func (l label) reason() reason { return reason(l >> 16) }

// extLabel marks an Ext that holds a label and no parser state.
const extLabel = 1 << 31

// Numbers of signs.
const (
	signDoT = 1 + iota
	signDoQ
	signDoH
)

// signs are applications known by other signs than names, numbered for labels
// whose reason is byALPN, byMediaType or byUserAgent.
var signs = [...]struct{ sign, application, category string }{
	signDoT: {"dot", "dns-over-tls", "dns"},
	signDoQ: {"doq", "dns-over-quic", "dns"},
	signDoH: {"application/dns-message", "dns-over-https", "dns"},
	{"Windows-Update-Agent", "windows-update", "update"},
	{"Microsoft-Delivery-Optimization", "windows-update", "update"},
	{"WhatsApp/", "whatsapp", "chat"},
	{"Viber/", "viber", "chat"},
	{"Spotify/", "spotify", "music"},
	{"Valve/Steam", "steam", "games"},
	{"Microsoft BITS", "windows-update", "update"},
	{"MicroMessenger", "wechat", "chat"},
}

// application gives the application and category of a label, and what it
// rests on, such as a suffix.
func (l label) application() (application, category, sign string) {
	n := uint16(l)
	switch l.reason() {
	case byALPN, byMediaType, byUserAgent:
		s := signs[n]
		return s.application, s.category, s.sign
	case noReason, byPort, byProtocol:
		return "", "", ""
	}
	s := service.Get(n)
	return s.Application, s.Category, s.Name
}

// appendWhy appends the text of Saksi.flow.why.
func (l label) appendWhy(dst []byte) []byte {
	dst = append(dst, reasons[l.reason()].text...)
	if _, _, sign := l.application(); sign != "" {
		dst = append(append(dst, ' '), sign...)
	}
	return dst
}

// byName looks a host name up.
func byName(r reason, host string) label {
	if n := service.Lookup(host); n != 0 {
		return newLabel(r, n)
	}
	return 0
}

// classify labels the flow in work by what one of its events tells, and the
// event too.
func (w *worker) classify(e *event.Event) {
	dataset, _ := e.GetStr(event.EventDataset)
	var l label
	switch dataset {
	case "saksi.tls", "saksi.quic":
		l = tlsLabel(e)
	case "saksi.http":
		l = httpLabel(e)
	case "saksi.dns":
		name, _ := e.GetStr(event.DNSQuestionName)
		l = byName(byQuestion, name)
		w.resolved(e, l)
	default:
		if host, ok := e.GetStr(event.DestinationDomain); ok {
			l = byName(byHost, host)
		}
	}
	if l == 0 {
		return
	}
	application, category, _ := l.application()
	e.Str(event.NetworkApplication, application)
	e.Str(event.SaksiFlowCategory, category)
	if c := w.conn; c != nil && l.reason() > c.label.reason() {
		c.label = l
	}
}

// tlsLabel takes the protocol within, else the name asked for, else the names
// of the certificate.
func tlsLabel(e *event.Event) label {
	for _, f := range [2]event.Field{event.TLSNextProtocol, event.SaksiTLSALPN} {
		for v := range e.Values(f) {
			switch s := v.Str(); {
			case s == "dot":
				return newLabel(byALPN, signDoT)
			case s == "doq" || strings.HasPrefix(s, "doq-i"):
				return newLabel(byALPN, signDoQ)
			}
		}
	}
	if name, ok := e.GetStr(event.TLSClientServerName); ok {
		return byName(byServerName, name)
	}
	for _, f := range [2]event.Field{event.TLSServerX509SubjectCommonName, event.TLSServerX509AlternativeNames} {
		for v := range e.Values(f) {
			if l := byName(byCert, v.Str()); l != 0 {
				return l
			}
		}
	}
	return 0
}

// httpLabel takes DNS carried by HTTP, else the host, else the program.
func httpLabel(e *event.Event) label {
	for _, f := range [2]event.Field{event.HTTPRequestMimeType, event.HTTPResponseMimeType} {
		if s, _ := e.GetStr(f); s == signs[signDoH].sign {
			return newLabel(byMediaType, signDoH)
		}
	}
	host, _ := e.GetStr(event.URLDomain)
	if l := byName(byHost, host); l != 0 {
		return l
	}
	agent, _ := e.GetStr(event.UserAgentOriginal)
	for i := range signs {
		if i > signDoH && strings.Contains(agent, signs[i].sign) {
			return newLabel(byUserAgent, uint16(i))
		}
	}
	return 0
}

// resolved tells the merging stage which addresses a client was given for a
// name of a service.
func (w *worker) resolved(e *event.Event, l label) {
	client, ok := e.GetAddr(event.SourceIP)
	if !ok || l == 0 {
		return
	}
	for v := range e.Values(event.DNSResolvedIP) {
		w.res.names = append(w.res.names, seenName{pair: pairOf(client, v.Addr()), suffix: uint16(l), packet: w.pc.Number})
		it := w.item(itemName)
		it.at = len(w.res.names) - 1
		w.res.items = append(w.res.items, it)
	}
}

// labelOf is the label of a flow.
func (w *worker) labelOf(r *flow.Record) label {
	if w.conn != nil {
		return w.conn.label
	}
	return label(r.Ext &^ extLabel)
}

// guess names the protocol of a connection by its port where its content could
// not tell: it stood without data, or was picked up in its middle. Content that
// was seen from its beginning and is another's is no reason.
func (w *worker) guess(r *flow.Record) bool {
	if r.App != 0 || r.Proto != decode.ProtoTCP {
		return false
	}
	switch data := r.Payload(flow.FromOrig)+r.Payload(flow.FromResp) > 0; {
	case r.MidStream() != data, !data && !established(r):
		return false
	}
	e := w.protos.OnPort(proto.TCP, r.RespPort())
	if e != nil {
		r.App = e.Index()
	}
	return e != nil
}

// established reports a TCP connection that both sides opened.
func established(r *flow.Record) bool {
	switch r.ConnState() {
	case "S1", "S2", "S3", "SF", "RSTO", "RSTR":
		return true
	}
	return false
}

// aboutService adds what the flow is classified as, why, and how surely. It
// returns false if a name resolved before may tell the application.
func (w *worker) aboutService(e *event.Event, r *flow.Record, guessed bool) bool {
	l := w.labelOf(r)
	if r.App != 0 {
		how := noReason
		if guessed {
			how = byPort
		}
		e.Str(event.SaksiFlowWhy, reasons[how].text)
		e.Str(event.SaksiFlowConfidence, reasons[how].confidence)
		if entry := w.protos.Entry(r.App); l == 0 && entry.Application != "" {
			e.Str(event.NetworkApplication, entry.Application)
			e.Str(event.SaksiFlowCategory, service.Category(entry.Application))
			e.Str(event.SaksiFlowWhy, reasons[byProtocol].text)
			return true
		}
	}
	if l != 0 {
		w.why = addLabel(e, l, w.why[:0])
		return true
	}
	return r.Payload(flow.FromResp) == 0
}

// addLabel adds a label to the event of a flow; buf takes its text.
func addLabel(e *event.Event, l label, buf []byte) []byte {
	application, category, _ := l.application()
	buf = l.appendWhy(buf)
	e.Str(event.NetworkApplication, application)
	e.Str(event.SaksiFlowCategory, category)
	e.Bytes(event.SaksiFlowWhy, buf)
	e.Str(event.SaksiFlowConfidence, reasons[l.reason()].confidence)
	return buf
}
