package intake

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"saksi/event"
)

// eve reads EVE JSON (Suricata user guide, "Eve JSON Format").
type eve struct{ d doc }

// eveSets are our data sets by event_type.
var eveSets = map[string]string{
	"alert": "alert", "flow": "flow", "netflow": "flow", "dns": "dns", "http": "http", "tls": "tls", "fileinfo": "file", "ssh": "ssh", "smtp": "smtp", "anomaly": "anomaly",
}

// eveNames are our names of protocols that Suricata calls otherwise.
var eveNames = map[string]string{"krb5": "kerberos", "failed": "", "pgsql": "postgresql", "rfb": "vnc", "ikev2": "ike", "ftp-data": "ftp-data", "bittorrent-dht": "bittorrent"}

func eveProtocol(s string) string {
	if n, ok := eveNames[s]; ok {
		return n
	}
	return s
}

// eveCommon stands in each record.
var eveCommon = []move{
	{"timestamp", event.Timestamp, eveTime},
	{"src_ip", event.SourceIP, nil},
	{"src_port", event.SourcePort, nil},
	{"dest_ip", event.DestinationIP, nil},
	{"dest_port", event.DestinationPort, nil},
	{"proto", event.NetworkTransport, eveTransport},
	{"app_proto", event.NetworkProtocol, eveProtocol},
	{"community_id", event.NetworkCommunityID, nil},
	{"vlan", event.NetworkVLANID, nil},
	{"host", event.ObserverName, nil},
	{"in_iface", event.ObserverIngressInterfaceName, nil},
}

// eveMoves are what each kind has besides.
var eveMoves = map[string][]move{
	"alert": {
		{"alert.signature_id", event.RuleID, nil},
		{"alert.signature", event.RuleName, nil},
		{"alert.rev", event.RuleVersion, nil},
		{"alert.category", event.RuleCategory, nil},
		{"alert.action", event.EventAction, nil},
		{"alert.metadata.mitre_technique_id", event.ThreatTechniqueID, nil},
		{"alert.metadata.mitre_tactic_id", event.ThreatTacticID, nil},
		{"alert.rule", event.SaksiRuleText, nil},
	},
	"flow": {
		{"flow.start", event.EventStart, eveTime},
		{"flow.end", event.EventEnd, eveTime},
		{"flow.pkts_toserver", event.SourcePackets, nil},
		{"flow.pkts_toclient", event.DestinationPackets, nil},
		{"flow.bytes_toserver", event.SourceBytes, nil},
		{"flow.bytes_toclient", event.DestinationBytes, nil},
		{"flow.reason", event.SaksiFlowEndReason, nil},
	},
	"netflow": {
		{"netflow.start", event.EventStart, eveTime}, {"netflow.end", event.EventEnd, eveTime}, {"netflow.pkts", event.SourcePackets, nil}, {"netflow.bytes", event.SourceBytes, nil},
	},
	"dns": {
		{"dns.id", event.DNSID, nil},
		{"dns.rcode", event.DNSResponseCode, nil},
		{"dns.answers.rrname", event.DNSAnswersName, nil},
		{"dns.answers.rrtype", event.DNSAnswersType, nil},
		{"dns.answers.rdata", event.DNSAnswersData, nil},
		{"dns.answers.ttl", event.DNSAnswersTTL, nil},
	},
	"http": httpMoves("http."),
	"tls": {
		{"tls.sni", event.TLSClientServerName, nil},
		{"tls.subject", event.TLSServerSubject, nil},
		{"tls.issuerdn", event.TLSServerIssuer, nil},
		{"tls.version", event.TLSVersion, tlsNumber},
		{"tls.fingerprint", event.TLSServerHashSHA1, bareHex},
		{"tls.notbefore", event.TLSServerNotBefore, eveTime},
		{"tls.notafter", event.TLSServerNotAfter, eveTime},
		{"tls.ja3.hash", event.TLSClientJA3, nil},
		{"tls.ja3s.hash", event.TLSServerJA3S, nil},
		{"tls.ja4", event.SaksiTLSJA4, nil},
		{"tls.serial", event.TLSServerX509SerialNumber, bareHex},
	},
	"fileinfo": append([]move{
		{"fileinfo.filename", event.FilePath, nil},
		{"fileinfo.filename", event.FileName, baseName},
		{"fileinfo.size", event.FileSize, nil},
		{"fileinfo.md5", event.FileHashMD5, nil},
		{"fileinfo.sha1", event.FileHashSHA1, nil},
		{"fileinfo.sha256", event.FileHashSHA256, nil},
		{"fileinfo.mimetype", event.FileMimeType, nil},
	}, httpMoves("http.")...),
	"ssh": {
		{"ssh.client.software_version", event.SaksiSSHClient, nil},
		{"ssh.server.software_version", event.SaksiSSHServer, nil},
		{"ssh.client.hassh.hash", event.SaksiSSHHassh, nil},
		{"ssh.server.hassh.hash", event.SaksiSSHHasshServer, nil},
	},
	"smtp": {
		{"smtp.helo", event.SaksiSmtpHelo, nil},
		{"email.from", event.EmailFromAddress, nil},
		{"email.to", event.EmailToAddress, nil},
		{"email.subject", event.EmailSubject, nil},
		{"email.message_id", event.EmailMessageID, nil},
	},
	"anomaly": {
		{"anomaly.event", event.SaksiAnomalyEvent, nil}, {"anomaly.type", event.SaksiAnomalyType, nil}, {"anomaly.app_proto", event.SaksiAnomalyProtocol, nil},
	},
}

func httpMoves(p string) []move {
	return []move{
		{p + "hostname", event.URLDomain, nil},
		{p + "url", event.URLOriginal, nil},
		{p + "http_user_agent", event.UserAgentOriginal, nil},
		{p + "http_method", event.HTTPRequestMethod, nil},
		{p + "http_refer", event.HTTPRequestReferrer, nil},
		{p + "protocol", event.HTTPVersion, httpNumber},
		{p + "status", event.HTTPResponseStatusCode, nil},
		{p + "length", event.HTTPResponseBodyBytes, nil},
		{p + "http_content_type", event.HTTPResponseMimeType, nil},
	}
}

func (r *eve) line(b []byte, e *event.Event) (string, bool, error) {
	if err := r.d.parse(b); err != nil {
		return "", false, err
	}
	kind := r.d.get("event_type")
	if kind == "" {
		return "", false, errors.New("no event_type")
	}
	set, ok := eveSets[kind]
	if !ok {
		return kind, false, nil
	}
	if eveTime(r.d.get("timestamp")) == "" {
		return "", false, errors.New("no timestamp that is one")
	}
	e.Str(event.EventDataset, "saksi."+set)
	e.Str(event.ObserverProduct, "Suricata")
	apply(e, r.d.each, eveCommon)
	apply(e, r.d.each, eveMoves[kind])
	if !e.Has(event.NetworkProtocol) && (set == "dns" || set == "http" || set == "tls" || set == "ssh" || set == "smtp") {
		e.Str(event.NetworkProtocol, set)
	}
	switch kind {
	case "alert":
		r.alert(e)
	case "dns":
		r.dns(e)
	case "http", "fileinfo":
		fullURL(e)
	case "flow", "netflow":
		duration(e)
	}
	return kind, true, nil
}

// alert sets what a finding has. Severity comes from the rule's metadata, else
// from the priority, of which 1 is the highest.
func (r *eve) alert(e *event.Event) {
	e.Str(event.EventKind, "alert")
	e.Str(event.SaksiRuleLanguage, "suricata")
	apply(e, r.d.each, httpMoves("http."))
	fullURL(e)
	severity := map[string]int64{"Critical": 4, "Major": 3, "Minor": 2, "Informational": 1}[r.d.get("alert.metadata.signature_severity")]
	if severity == 0 {
		severity = map[string]int64{"1": 3, "2": 2}[r.d.get("alert.severity")]
	}
	e.Int(event.EventSeverity, max(severity, 1))
}

// dns takes the question of version 3 of the format, and of those before it.
func (r *eve) dns(e *event.Event) {
	for _, x := range []struct {
		to    event.Field
		names []string
	}{{event.DNSQuestionName, []string{"dns.queries.rrname", "dns.query.rrname", "dns.rrname"}}, {event.DNSQuestionType, []string{"dns.queries.rrtype", "dns.query.rrtype", "dns.rrtype"}}} {
		if v := r.d.first(x.names...); v != "" {
			e.Str(x.to, v)
		}
	}
	switch r.d.first("dns.type") {
	case "query", "request":
		e.Str(event.DNSType, "query")
	case "answer", "response":
		e.Str(event.DNSType, "answer")
	}
}

// eveTime gives RFC 3339 from Suricata's times, whose zone has no colon, and
// those of certificates without one, which are UTC.
func eveTime(s string) string {
	for _, form := range []string{"2006-01-02T15:04:05.999999999-0700", time.RFC3339Nano, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC().Format(time.RFC3339Nano)
		}
	}
	return ""
}

func eveTransport(s string) string {
	switch s = strings.ToLower(s); s {
	case "ipv6-icmp", "icmpv6":
		return "ipv6-icmp"
	}
	return s
}

func baseName(s string) string { return s[strings.LastIndexAny(s, `/\`)+1:] }

func bareHex(s string) string { return strings.ToUpper(strings.ReplaceAll(s, ":", "")) }

// tlsNumber turns "TLS 1.2" and "TLSv12" into "1.2".
func tlsNumber(s string) string {
	s = strings.TrimLeft(s, "TLSv ")
	if len(s) == 2 && s[0] >= '1' && s[0] <= '9' {
		return s[:1] + "." + s[1:]
	}
	return s
}

func httpNumber(s string) string { return strings.TrimPrefix(s, "HTTP/") }

// fullURL joins what a request says of its address.
func fullURL(e *event.Event) {
	host, _ := e.GetStr(event.URLDomain)
	path, _ := e.GetStr(event.URLOriginal)
	switch {
	case strings.Contains(path, "://"):
		e.Str(event.URLFull, path)
	case host != "" && strings.HasPrefix(path, "/"):
		e.Str(event.URLFull, "http://"+host+path)
	}
}

// duration is from start to end, in nanoseconds.
func duration(e *event.Event) {
	from, ok := e.GetTime(event.EventStart)
	to, ok2 := e.GetTime(event.EventEnd)
	if ok && ok2 && to >= from {
		e.Int(event.EventDuration, to-from)
	}
}

// epoch turns seconds since 1970 with a fraction into RFC 3339, without the
// rounding of a float.
func epoch(s string) string {
	whole, part, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec < -1<<36 || sec > 1<<36 {
		return ""
	}
	ns, err := strconv.ParseInt((part + "000000000")[:9], 10, 64)
	if err != nil || ns < 0 {
		return ""
	}
	return time.Unix(sec, ns).UTC().Format(time.RFC3339Nano)
}
