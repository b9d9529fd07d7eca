package event

import (
	"strconv"
	"strings"
)

// zeekServices are the protocols that Zeek calls otherwise.
var zeekServices = map[string]string{
	"tls": "ssl", "dtls": "ssl", "kerberos": "krb_tcp", "ldap": "ldap_tcp", "vnc": "rfb", "gtp": "gtpv1", "dnp3": "dnp3_tcp", "mdns": "dns", "llmnr": "dns",
	"dcerpc": "dce_rpc",
}

// zeekDatagrams are those that it calls otherwise over UDP.
var zeekDatagrams = map[string]string{"kerberos": "krb", "ldap": "ldap_udp", "rdp": "rdpeudp"}

// zeekKnown are the services that Zeek has an analyzer of by our name for them.
var zeekKnown = func() map[string]bool {
	m := map[string]bool{}
	for _, s := range strings.Fields("bittorrent dhcp dns finger ftp ftp-data geneve http ident imap irc modbus mqtt mysql ntp pop3 postgresql quic radius rdp redis sip smb smtp snmp socks ssh syslog teredo vxlan websocket xmpp") {
		m[s] = true
	}
	return m
}()

// zeekService is the service of a connection, or the list of them if it began
// as another (STARTTLS, CONNECT); what Zeek has no analyzer of is unset.
func zeekService(e *Event) string {
	p, _ := e.GetStr(NetworkProtocol)
	t, _ := e.GetStr(NetworkTransport)
	service := zeekServiceOf(p, t)
	for _, name := range e.all(SaksiFlowWithin) {
		switch name {
		case "gssapi":
			service = "gssapi," + service
		case "kerberos":
			service += ",krb"
		case "dcerpc":
			service += ",dce_rpc"
		case "gridftp": // the context of GSI is TLS within the replies (RFC 2228, GFD.20)
			service += ",ssl,gridftp"
		case "malformed": // Zeek takes back a service whose rules are broken
			service = ""
		default:
			service += "," + name
		}
	}
	if via, ok := e.GetStr(SaksiFlowVia); ok && via != p {
		switch first := zeekServiceOf(via, t); {
		case service == "":
			return first
		case first != "" && first != service:
			return first + "," + service
		}
	}
	return service
}

func zeekServiceOf(p, transport string) string {
	if transport == "udp" && zeekDatagrams[p] != "" {
		return zeekDatagrams[p]
	}
	if s, ok := zeekServices[p]; ok {
		return s
	}
	if zeekKnown[p] {
		return p
	}
	return ""
}

// zeekProto is the transport as Zeek's enumeration has it.
func zeekProto(e *Event) string {
	switch p, _ := e.GetStr(NetworkTransport); p {
	case "tcp", "udp", "icmp":
		return p
	case "ipv6-icmp":
		return "icmp"
	}
	return "unknown_transport"
}

// zeekDuration and zeekBytes are unset for a connection of one instant.
func zeekDuration(e *Event) string {
	if n, ok := e.GetInt(EventDuration); ok && n > 0 {
		return zeekSeconds(n)
	}
	return ""
}

func zeekBytes(f Field) func(*Event) string {
	return func(e *Event) string {
		if zeekDuration(e) == "" {
			return ""
		}
		n, _ := e.GetInt(f)
		return strconv.FormatInt(n, 10)
	}
}

func zeekZero(f Field) func(*Event) string {
	return func(e *Event) string {
		n, _ := e.GetInt(f)
		return strconv.FormatInt(n, 10)
	}
}

// zeekFlag is a flag of a DNS header.
func zeekFlag(name string) func(*Event) string {
	return func(e *Event) string {
		for v := range e.Values(DNSHeaderFlags) {
			if v.Str() == name {
				return "T"
			}
		}
		return "F"
	}
}

// zeekCode is the number of a name; of an answer only, when answer is set.
func zeekCode(f Field, codes map[string]int64) func(*Event) string {
	return func(e *Event) string {
		name, ok := e.GetStr(f)
		if n, known := codes[name]; ok && known {
			return strconv.FormatInt(n, 10)
		}
		return ""
	}
}

// zeekTypes are the numbers of the commonest DNS types (IANA, DNS parameters).
var zeekTypes = map[string]int64{
	"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35, "DS": 43, "RRSIG": 46,
	"NSEC": 47, "DNSKEY": 48, "NSEC3": 50, "TLSA": 52, "SVCB": 64, "HTTPS": 65, "SPF": 99, "AXFR": 252, "ANY": 255, "CAA": 257,
}

var zeekClasses = map[string]int64{"IN": 1, "CH": 3, "HS": 4, "ANY": 255}

func zeekQclass(e *Event) string {
	c, ok := e.GetStr(DNSQuestionClass)
	if !ok {
		return ""
	}
	return map[string]string{"IN": "C_INTERNET", "CH": "C_CHAOS", "HS": "C_HESIOD", "ANY": "C_ANY"}[c]
}

func zeekAnswer(f func(*Event) string) func(*Event) string {
	return func(e *Event) string {
		if t, _ := e.GetStr(DNSType); t != "answer" {
			return ""
		}
		return f(e)
	}
}

func zeekTTLs(e *Event) string {
	var list []string
	for v := range e.Values(DNSAnswersTTL) {
		list = append(list, strconv.FormatInt(v.Int(), 10)+".000000")
	}
	return strings.Join(list, ",")
}

func zeekRejected(e *Event) string {
	if c, _ := e.GetStr(DNSResponseCode); c == "REFUSED" {
		return "T"
	}
	return "F"
}

func zeekTLSVersion(e *Event) string {
	v, ok := e.GetStr(TLSVersion)
	if !ok {
		return ""
	}
	p, _ := e.GetStr(TLSVersionProtocol)
	prefix := map[string]string{"tls": "TLSv", "dtls": "DTLSv", "ssl": "SSLv"}[p]
	return prefix + strings.ReplaceAll(strings.TrimSuffix(v, ".0"), ".", "")
}

func zeekSSHVersion(e *Event) string {
	if e.Has(SaksiSSHClient) || e.Has(SaksiSSHServer) {
		return "2"
	}
	return ""
}

func zeekBanner(f Field) func(*Event) string {
	return func(e *Event) string {
		if s, ok := e.GetStr(f); ok {
			return "SSH-2.0-" + zeekText(s)
		}
		return ""
	}
}

func zeekFUID(e *Event) string {
	if h, ok := e.GetStr(FileHashSHA256); ok && len(h) >= 17 {
		return "F" + h[:17]
	}
	return ""
}

// zeekSource is the protocol that carried a file.
func zeekSource(e *Event) string {
	p, _ := e.GetStr(NetworkProtocol)
	return strings.ToUpper(p)
}

func zeekFromOrig(e *Event) string {
	switch d, _ := e.GetStr(SaksiFlowDirection); d {
	case "to_server":
		return "T"
	case "to_client":
		return "F"
	}
	return ""
}

func zeekColumns(more ...zeekColumn) []zeekColumn { return append(zeekHead[:6:6], more...) }

var zeekLogs = map[string]*zeekLog{
	"conn": {"saksi.flow", append([]zeekColumn{{"ts", "time", zeekTime(EventStart)}}, append(zeekHead[1:6:6], []zeekColumn{
		{"proto", "enum", zeekProto},
		{"service", "string", zeekService},
		{"duration", "interval", zeekDuration},
		{"orig_bytes", "count", zeekBytes(SaksiFlowSourcePayload)},
		{"resp_bytes", "count", zeekBytes(SaksiFlowDestinationPayload)},
		{"conn_state", "string", zeekStr(SaksiFlowState)},
		{"local_orig", "bool", zeekUnset},
		{"local_resp", "bool", zeekUnset},
		{"missed_bytes", "count", zeekZero(SaksiFlowMissedBytes)},
		{"history", "string", zeekStr(SaksiFlowHistory)},
		{"orig_pkts", "count", zeekZero(SourcePackets)},
		{"orig_ip_bytes", "count", zeekZero(SourceBytes)},
		{"resp_pkts", "count", zeekZero(DestinationPackets)},
		{"resp_ip_bytes", "count", zeekZero(DestinationBytes)},
		{"tunnel_parents", "set[string]", zeekUnset},
		{"ip_proto", "count", zeekStr(NetworkIANANumber)},
	}...)...)},
	"dns": {"saksi.dns", zeekColumns(
		zeekColumn{"proto", "enum", zeekProto},
		zeekColumn{"trans_id", "count", zeekStr(DNSID)},
		zeekColumn{"rtt", "interval", zeekDuration},
		zeekColumn{"query", "string", zeekStr(DNSQuestionName)},
		zeekColumn{"qclass", "count", zeekCode(DNSQuestionClass, zeekClasses)},
		zeekColumn{"qclass_name", "string", zeekQclass},
		zeekColumn{"qtype", "count", zeekCode(DNSQuestionType, zeekTypes)},
		zeekColumn{"qtype_name", "string", zeekStr(DNSQuestionType)},
		zeekColumn{"rcode", "count", zeekAnswer(zeekCode(DNSResponseCode, eveRcodes))},
		zeekColumn{"rcode_name", "string", zeekAnswer(zeekStr(DNSResponseCode))},
		zeekColumn{"AA", "bool", zeekAnswer(zeekFlag("AA"))},
		zeekColumn{"TC", "bool", zeekFlag("TC")},
		zeekColumn{"RD", "bool", zeekFlag("RD")},
		zeekColumn{"RA", "bool", zeekAnswer(zeekFlag("RA"))},
		zeekColumn{"Z", "count", func(*Event) string { return "0" }},
		zeekColumn{"answers", "vector[string]", zeekSet(DNSAnswersData)},
		zeekColumn{"TTLs", "vector[interval]", zeekTTLs},
		zeekColumn{"rejected", "bool", zeekRejected},
	)},
	"http": {"saksi.http", zeekColumns(
		zeekColumn{"method", "string", zeekStr(HTTPRequestMethod)},
		zeekColumn{"host", "string", zeekStr(URLDomain)},
		zeekColumn{"uri", "string", zeekStr(URLOriginal)},
		zeekColumn{"referrer", "string", zeekStr(HTTPRequestReferrer)},
		zeekColumn{"version", "string", zeekStr(HTTPVersion)},
		zeekColumn{"user_agent", "string", zeekStr(UserAgentOriginal)},
		zeekColumn{"request_body_len", "count", zeekZero(HTTPRequestBodyBytes)},
		zeekColumn{"response_body_len", "count", zeekZero(HTTPResponseBodyBytes)},
		zeekColumn{"status_code", "count", zeekStr(HTTPResponseStatusCode)},
		zeekColumn{"resp_mime_types", "vector[string]", zeekStr(HTTPResponseMimeType)},
	)},
	"ssl": {"saksi.tls", zeekColumns(
		zeekColumn{"version", "string", zeekTLSVersion},
		zeekColumn{"cipher", "string", zeekStr(TLSCipher)},
		zeekColumn{"curve", "string", zeekStr(TLSCurve)},
		zeekColumn{"server_name", "string", zeekStr(TLSClientServerName)},
		zeekColumn{"resumed", "bool", zeekBool(TLSResumed)},
		zeekColumn{"next_protocol", "string", zeekStr(TLSNextProtocol)},
		zeekColumn{"established", "bool", zeekBool(TLSEstablished)},
		zeekColumn{"subject", "string", zeekStr(TLSServerSubject)},
		zeekColumn{"issuer", "string", zeekStr(TLSServerIssuer)},
		zeekColumn{"ja3", "string", zeekStr(TLSClientJA3)},
		zeekColumn{"ja3s", "string", zeekStr(TLSServerJA3S)},
		zeekColumn{"ja4", "string", zeekStr(SaksiTLSJA4)},
	)},
	"ssh": {"saksi.ssh", zeekColumns(
		zeekColumn{"version", "count", zeekSSHVersion},
		zeekColumn{"client", "string", zeekBanner(SaksiSSHClient)},
		zeekColumn{"server", "string", zeekBanner(SaksiSSHServer)},
		zeekColumn{"hassh", "string", zeekStr(SaksiSSHHassh)},
		zeekColumn{"hasshServer", "string", zeekStr(SaksiSSHHasshServer)},
	)},
	"smtp": {"saksi.smtp", zeekColumns(
		zeekColumn{"helo", "string", zeekStr(SaksiSmtpHelo)},
		zeekColumn{"mailfrom", "string", zeekSet(EmailFromAddress)},
		zeekColumn{"rcptto", "set[string]", zeekSet(EmailToAddress)},
		zeekColumn{"msg_id", "string", zeekStr(EmailMessageID)},
		zeekColumn{"subject", "string", zeekStr(EmailSubject)},
		zeekColumn{"last_reply", "string", zeekStr(SaksiSmtpReplyCode)},
	)},
	"ftp": {"saksi.ftp", zeekColumns(
		zeekColumn{"command", "string", zeekStr(SaksiFtpCommand)},
		zeekColumn{"arg", "string", zeekStr(SaksiFtpArgument)},
		zeekColumn{"reply_code", "count", zeekStr(SaksiFtpReplyCode)},
	)},
	"files": {"saksi.file", []zeekColumn{
		{"ts", "time", zeekTime(Timestamp)},
		{"fuid", "string", zeekFUID},
		{"uid", "string", zeekUID},
		{"id.orig_h", "addr", zeekStr(SourceIP)},
		{"id.orig_p", "port", zeekPort(SourcePort, SaksiFlowIcmpType)},
		{"id.resp_h", "addr", zeekStr(DestinationIP)},
		{"id.resp_p", "port", zeekPort(DestinationPort, SaksiFlowIcmpAnswer)},
		{"source", "string", zeekSource},
		{"mime_type", "string", zeekStr(FileMimeType)},
		{"filename", "string", zeekStr(FileName)},
		{"is_orig", "bool", zeekFromOrig},
		{"seen_bytes", "count", zeekZero(FileSize)},
		{"md5", "string", zeekStr(FileHashMD5)},
		{"sha1", "string", zeekStr(FileHashSHA1)},
		{"sha256", "string", zeekStr(FileHashSHA256)},
	}},
}
