package sensor

import (
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
	noReason      reason = iota
	byPort               // the usual port of the protocol, nothing of its content
	byAddress            // a network of the application holds the server
	byDNSAnswer          // the client was given the server's address for a name before
	byUserAgent          // the program that asks
	byFingerprint        // the fingerprint of the client's hello
	byAttribute          // attributes only one maker uses
	byCert               // a name of the server's certificate
	bySubject            // the subject of the server's certificate
	byTLSPort            // TLS on the port of a protocol within TLS
	byLabel              // the first label of the name asked for says what the host does
	byQuestion           // the name a DNS query asks for
	byServerName         // the name the client asks a server of TLS or QUIC for
	byHost               // the host a request of HTTP, or of another protocol, names
	byMethod             // the method of a request
	byPath               // its path
	byQuery              // what its query holds
	byMediaType          // the type of what is carried
	byALPN               // the protocol client and server agree on within TLS
	byProtocol           // the protocol is the application's own
	numReasons
)

var reasons = [numReasons]struct{ text, confidence string }{
	noReason:      {"content", "high"},
	byPort:        {"port", "low"},
	byAddress:     {"address", "low"},
	byDNSAnswer:   {"dns_answer", "medium"},
	byUserAgent:   {"user_agent", "medium"},
	byFingerprint: {"fingerprint", "medium"},
	byAttribute:   {"attribute", "medium"},
	byCert:        {"certificate", "medium"},
	bySubject:     {"certificate", "medium"},
	byTLSPort:     {"tls_port", "medium"},
	byLabel:       {"name_label", "medium"},
	byQuestion:    {"dns_question", "high"},
	byServerName:  {"server_name", "high"},
	byHost:        {"host", "high"},
	byMethod:      {"method", "high"},
	byPath:        {"path", "high"},
	byQuery:       {"query", "high"},
	byMediaType:   {"media_type", "high"},
	byALPN:        {"alpn", "high"},
	byProtocol:    {"protocol", "high"},
}

// label is what names a flow's application: the number of a suffix, a network
// or a sign, and the reason above it, in labelBits.
type label uint32

const labelBits = 21

func newLabel(r reason, n uint16) label { return label(r)<<16 | label(n) }

func (l label) reason() reason { return reason(l >> 16) }

// extLabel marks an Ext that holds a label and no parser state. Between label
// and mark stands the index of the protocol the flow began as, if it changed.
const extLabel = 1 << 31

// extWithin says that what stands there are the protocols carried instead.
const extWithin = 1 << 30

// ext is what is left of c when the flow is no longer parsed.
func (c *conn) ext() uint32 {
	if c.within != 0 && c.via == 0 {
		return extLabel | extWithin | uint32(c.within)<<labelBits | uint32(c.label)
	}
	if c.label == 0 && c.via == 0 {
		return 0
	}
	return extLabel | uint32(c.via)<<labelBits | uint32(c.label)
}

// sign is a text by which an application is known, other than a host's name.
// What it is compared with, its reason says; the category is that of the table
// of services unless the application is not there.
type sign struct {
	reason                      reason
	text, application, category string
}

var signs = [...]sign{
	{byALPN, "dot", "dns-over-tls", "dns"},
	{byALPN, "doq", "dns-over-quic", "dns"},
	{byTLSPort, "853", "dns-over-tls", "dns"},
	{byTLSPort, "465", "smtps", "mail"},
	{byTLSPort, "587", "smtps", "mail"},
	{byTLSPort, "993", "imaps", "mail"},
	{byTLSPort, "995", "pop3s", "mail"},
	{byTLSPort, "990", "ftps", "file-transfer"},
	{byTLSPort, "636", "ldaps", "identity"},
	{byTLSPort, "3269", "ldaps", "identity"},
	{byTLSPort, "8883", "mqtts", "iot"},
	{byMediaType, "application/dns-message", "dns-over-https", "dns"},
	{byMediaType, "application/ocsp-request", "ocsp", "certificates"},
	{byMediaType, "application/ocsp-response", "ocsp", "certificates"},
	{byMediaType, "application/ipp", "ipp", "printing"},
	{byMediaType, "application/soap+xml", "soap", "platform"},
	{byMediaType, "application/vnd.apple.mpegurl", "hls", "video"},
	{byMediaType, "application/x-mpegurl", "hls", "video"},
	{byMediaType, "audio/mpegurl", "hls", "video"},
	{byMediaType, "audio/x-mpegurl", "hls", "video"},
	{byMediaType, "application/dash+xml", "mpeg-dash", "video"},
	{byMediaType, "application/grpc", "grpc", "platform"},
	{byLabel, "doh", "dns-over-https", "dns"},
	{byLabel, "dns", "encrypted-dns", "dns"},
	{byMethod, "PROPFIND", "webdav", "storage"},
	{byMethod, "PROPPATCH", "webdav", "storage"},
	{byMethod, "MKCOL", "webdav", "storage"},
	{byMethod, "MOVE", "webdav", "storage"},
	{byMethod, "LOCK", "webdav", "storage"},
	{byMethod, "UNLOCK", "webdav", "storage"},
	{bySubject, "CN=AnyDesk Client", "anydesk", ""},
	{bySubject, "CN=AnyNet Relay", "anydesk", ""},
	{bySubject, "tor", "tor", ""},
	{byAttribute, "umas", "umas", "industrial"},
	{byAttribute, "microsoft", "microsoft-teams", ""},
	{byAttribute, "whatsapp", "whatsapp", ""},
	{byPath, "/dns-query", "dns-over-https", "dns"},
	{byPath, "/vpnsvc/connect.cgi", "softether", ""},
	{byPath, "/remote/fortisslvpn", "fortinet-vpn", "vpn"},
	{byPath, "/ssl-vpn/prelogin.esp", "globalprotect", "vpn"},
	{byFingerprint, "e7d705a3286e19ea42f587b344ee6865", "tor", ""}, // JA3 of its client, as those who made JA3 give it
	{byUserAgent, "Windows-Update-Agent", "windows-update", ""},
	{byUserAgent, "Microsoft-Delivery-Optimization", "windows-update", ""},
	{byUserAgent, "Microsoft-WebDAV-MiniRedir", "webdav", "storage"},
	{byQuery, "info_hash=", "bittorrent", ""},
	{byUserAgent, "AnyConnect ", "cisco-anyconnect", "vpn"},
	{byUserAgent, "PAN GlobalProtect", "globalprotect", "vpn"},
	{byUserAgent, "FortiSSLVPN", "fortinet-vpn", "vpn"},
	{byUserAgent, "Icecast ", "icecast", "music"},
	{byUserAgent, "BitTorrent/", "bittorrent", ""},
	{byUserAgent, "uTorrent/", "bittorrent", ""},
	{byUserAgent, "Transmission/", "bittorrent", ""},
	{byUserAgent, "WhatsApp/", "whatsapp", ""},
	{byUserAgent, "Viber/", "viber", ""},
	{byUserAgent, "Spotify/", "spotify", ""},
	{byUserAgent, "Valve/Steam", "steam", ""},
	{byUserAgent, "MicroMessenger", "wechat", ""},
}

// signsOf lists the signs of each reason.
var signsOf = func() (of [numReasons][]uint16) {
	for i := range signs {
		r := signs[i].reason
		of[r] = append(of[r], uint16(i))
	}
	return of
}()

// bySign returns the label of the first sign of a reason that is, by is, what
// was seen.
func bySign(r reason, is func(sign string) bool) label {
	for _, i := range signsOf[r] {
		if is(signs[i].text) {
			return newLabel(r, i)
		}
	}
	return 0
}

// application gives the application and category of a label, and what it
// rests on, such as a suffix.
func (l label) application() (application, category, text string) {
	switch l.reason() {
	case noReason, byPort, byProtocol:
		return "", "", ""
	case byDNSAnswer, byCert, byQuestion, byServerName, byHost:
		s := service.Get(uint16(l))
		return s.Application, s.Category, s.Name
	}
	if l.reason() == byAddress {
		n := service.GetNetwork(uint16(l))
		return n.Application, service.Category(n.Application), n.Prefix.String()
	}
	s := &signs[uint16(l)]
	if category = s.category; category == "" {
		category = service.Category(s.application)
	}
	return s.application, category, s.text
}

// appendWhy appends the text of Saksi.flow.why.
func (l label) appendWhy(dst []byte) []byte {
	dst = append(dst, reasons[l.reason()].text...)
	if _, _, text := l.application(); text != "" {
		dst = append(append(dst, ' '), text...)
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
	case "saksi.stun":
		realm, _ := e.GetStr(event.SaksiStunRealm)
		if l = byName(byHost, realm); l == 0 {
			vendor, _ := e.GetStr(event.SaksiStunVendor)
			l = bySign(byAttribute, func(s string) bool { return s == vendor })
		}
	case "saksi.modbus":
		area, _ := e.GetStr(event.SaksiIcsArea)
		l = bySign(byAttribute, func(s string) bool { return s == area })
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
	if c := w.root(); c != nil && l.reason() > c.label.reason() {
		c.label = l
	}
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

// labelOf is the label of a flow, and the index of the protocol it began as.
func (w *worker) labelOf(r *flow.Record) (l label, via uint16) {
	ext := r.Ext
	if w.conn != nil {
		ext = w.conn.ext()
	}
	l = label(ext & (1<<labelBits - 1))
	if ext&extWithin != 0 {
		return l, 0
	}
	return l, uint16(ext &^ extLabel >> labelBits)
}

// guess names the protocol of a connection by its port where its content could
// not tell: it stood without data, or was picked up in its middle. Content that
// was seen from its beginning and is another's is no reason.
func (w *worker) guess(r *flow.Record) bool {
	if r.App() != 0 || r.Proto != decode.ProtoTCP {
		return false
	}
	if !r.MidStream() && (r.Payload(flow.FromOrig)+r.Payload(flow.FromResp) >= enoughContent || !established(r)) {
		return false
	}
	e := w.protos.OnPort(proto.TCP, r.RespPort())
	if e != nil {
		r.SetApp(e.Index())
	}
	return e != nil
}

// enoughContent is how many bytes tell the protocols that are known by content.
const enoughContent = 6

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
	l, via := w.labelOf(r)
	if via != 0 && via != r.App() {
		e.Str(event.SaksiFlowVia, w.protos.Entry(via).Name)
	}
	if r.App() != 0 {
		how := noReason
		if guessed {
			how = byPort
		}
		e.Str(event.SaksiFlowWhy, reasons[how].text)
		e.Str(event.SaksiFlowConfidence, reasons[how].confidence)
		if entry := w.protos.Entry(r.App()); l == 0 && entry.Application != "" {
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
	if !answered(r) {
		return true
	}
	server, _ := r.Resp()
	n := service.LookupAddr(server)
	if n == 0 && r.MidStream() { // the server may stand first
		server, _ = r.Orig()
		n = service.LookupAddr(server)
	}
	if n != 0 {
		w.why = addLabel(e, newLabel(byAddress, n), w.why[:0])
	}
	return false
}

// answered reports a flow that is more than an attempt, so that a scan of
// addresses names no applications.
func answered(r *flow.Record) bool {
	switch r.Proto {
	case decode.ProtoTCP:
		switch r.ConnState() {
		case "S0", "REJ", "SH", "RSTOS0":
			return false
		}
		return true
	case decode.ProtoUDP:
		return r.Pkts[flow.FromResp] > 0
	}
	return false
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
