package event

import (
	"strconv"
	"strings"
	"time"
)

// eveClasses are the texts of Suricata's classification.config.
var eveClasses = map[string]string{
	"not-suspicious": "Not Suspicious Traffic", "unknown": "Unknown Traffic", "bad-unknown": "Potentially Bad Traffic",
	"attempted-recon": "Attempted Information Leak", "successful-recon-limited": "Information Leak",
	"successful-recon-largescale": "Large Scale Information Leak", "attempted-dos": "Attempted Denial of Service",
	"successful-dos": "Denial of Service", "attempted-user": "Attempted User Privilege Gain",
	"unsuccessful-user": "Unsuccessful User Privilege Gain", "successful-user": "Successful User Privilege Gain",
	"attempted-admin": "Attempted Administrator Privilege Gain", "successful-admin": "Successful Administrator Privilege Gain",
	"rpc-portmap-decode": "Decode of an RPC Query", "shellcode-detect": "Executable code was detected",
	"string-detect": "A suspicious string was detected", "suspicious-filename-detect": "A suspicious filename was detected",
	"suspicious-login": "An attempted login using a suspicious username was detected", "system-call-detect": "A system call was detected",
	"tcp-connection": "A TCP connection was detected", "trojan-activity": "A Network Trojan was detected",
	"unusual-client-port-connection": "A client was using an unusual port", "network-scan": "Detection of a Network Scan",
	"denial-of-service": "Detection of a Denial of Service Attack", "non-standard-protocol": "Detection of a non-standard protocol or event",
	"protocol-command-decode": "Generic Protocol Command Decode", "web-application-activity": "access to a potentially vulnerable web application",
	"web-application-attack": "Web Application Attack", "misc-activity": "Misc activity", "misc-attack": "Misc Attack",
	"icmp-event": "Generic ICMP event", "inappropriate-content": "Inappropriate Content was Detected",
	"policy-violation": "Potential Corporate Privacy Violation", "default-login-attempt": "Attempt to login by a default username and password",
	"targeted-activity": "Targeted Malicious Activity was Detected", "exploit-kit": "Exploit Kit Activity Detected",
	"external-ip-check": "Device Retrieving External IP Address Detected", "domain-c2": "Domain Observed Used for C2 Detected",
	"pup-activity": "Possibly Unwanted Program Detected", "credential-theft": "Successful Credential Theft Detected",
	"social-engineering": "Possible Social Engineering Attempted", "coin-mining": "Crypto Currency Mining Activity Detected",
	"command-and-control": "Malware Command and Control Activity Detected",
}

// eveOps are the codes of dns.op_code (RFC 1035, 1996, 2136).
var eveOps = map[string]int64{"QUERY": 0, "IQUERY": 1, "STATUS": 2, "NOTIFY": 4, "UPDATE": 5}

// eveRcodes are the codes of dns.response_code (IANA, DNS RCODEs).
var eveRcodes = map[string]int64{
	"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5, "YXDOMAIN": 6, "YXRRSET": 7, "NXRRSET": 8, "NOTAUTH": 9, "NOTZONE": 10,
}

var eveDNSFlags = []struct {
	name, key string
	bit       int64
}{{"AA", "aa", 0x400}, {"TC", "tc", 0x200}, {"RD", "rd", 0x100}, {"RA", "ra", 0x80}, {"Z", "z", 0x40}, {"AD", "", 0x20}, {"CD", "", 0x10}}

// dnsHeader gives the flags of a message, and whether it answers.
func dnsHeader(e *Event) (flags int64, answer bool) {
	t, _ := e.GetStr(DNSType)
	answer = t == "answer"
	if flags, ok := e.GetInt(SaksiEveDNSFlags); ok {
		return flags, answer
	}
	op, _ := e.GetStr(DNSOpCode)
	code, _ := e.GetStr(DNSResponseCode)
	flags = eveOps[op]<<11 | eveRcodes[code]
	if answer {
		flags |= 0x8000
	}
	for v := range e.Values(DNSHeaderFlags) {
		for _, f := range eveDNSFlags {
			if f.name == v.Str() {
				flags |= f.bit
			}
		}
	}
	return flags, answer
}

// dns writes version 3 of Suricata's DNS log.
func (w *eve) dns(e *Event) {
	w.open("dns")
	w.num("version", 3)
	flags, answer := dnsHeader(e)
	if answer {
		w.str("type", "response")
	} else {
		w.str("type", "request")
		w.number("tx_id", e, SaksiEveTxID)
	}
	if id, ok := e.GetStr(DNSID); ok {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			w.num("id", n)
		}
	}
	w.str("flags", strconv.FormatInt(flags, 16))
	if answer {
		w.boolean("qr", true)
	}
	for _, f := range eveDNSFlags {
		if f.key != "" && flags&f.bit != 0 {
			w.boolean(f.key, true)
		}
	}
	w.num("opcode", flags>>11&15)
	code, _ := e.GetStr(DNSResponseCode)
	if code == "" {
		code = "NOERROR"
	}
	w.str("rcode", code)
	w.dnsQueries(e)
	w.dnsAnswers(e)
	w.close()
}

func (w *eve) dnsQueries(e *Event) {
	name, ok := e.GetStr(DNSQuestionName)
	if !ok {
		return
	}
	w.key("queries")
	w.b = append(w.b, '[')
	w.open("")
	w.str("rrname", name)
	w.field("rrtype", e, DNSQuestionType)
	w.close()
	w.b = append(w.b, ']')
}

// mdns writes Suricata's log of multicast DNS.
func (w *eve) mdns(e *Event) {
	w.open("mdns")
	flags, answer := dnsHeader(e)
	if answer {
		w.str("type", "response")
	} else {
		w.str("type", "request")
	}
	if id, ok := e.GetStr(DNSID); ok {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			w.num("id", n)
		}
	}
	var list []string
	for _, f := range eveDNSFlags {
		if flags&f.bit != 0 {
			list = append(list, strings.ToLower(f.name))
		}
	}
	w.list("flags", list)
	w.num("opcode", flags>>11&15)
	w.num("rcode", flags&15)
	w.dnsQueries(e)
	names, types, data := e.all(DNSAnswersName), e.all(DNSAnswersType), e.all(DNSAnswersData)
	if len(names) > 0 && len(types) == len(names) {
		w.key("answers")
		w.b = append(w.b, '[')
		for i := range names {
			w.key("")
			w.open("")
			w.str("rrname", names[i])
			if len(data) == len(names) {
				switch types[i] {
				case "PTR":
					w.str("ptr", data[i])
				case "TXT":
					w.list("txt", []string{data[i]})
				}
			}
			w.close()
		}
		w.b = append(w.b, ']')
	}
	w.close()
}

// dnsAnswers writes the answers, one by one and grouped by type. Data that is
// empty has no value of its own, so positions hold only when all have one.
func (w *eve) dnsAnswers(e *Event) {
	names, types, ttls, data := e.all(DNSAnswersName), e.all(DNSAnswersType), e.all(DNSAnswersTTL), e.all(DNSAnswersData)
	if len(names) == 0 || len(types) != len(names) || len(ttls) != len(names) {
		return
	}
	if len(data) != len(names) {
		data = make([]string, len(names))
	}
	w.key("answers")
	w.b = append(w.b, '[')
	var order []string
	groups := map[string][]int{}
	for i := range names {
		w.key("")
		w.open("")
		w.str("rrname", names[i])
		w.str("rrtype", types[i])
		w.key("ttl")
		w.b = append(w.b, ttls[i]...)
		if kind := eveRecords[types[i]]; kind != "" && data[i] != "" {
			w.record(kind, kind, mailHost(types[i], data[i]))
			if groups[types[i]] == nil {
				order = append(order, types[i])
			}
			groups[types[i]] = append(groups[types[i]], i)
		}
		w.close()
	}
	w.b = append(w.b, ']')
	if len(order) == 0 {
		return
	}
	w.open("grouped")
	for _, t := range order {
		w.key(t)
		w.b = append(w.b, '[')
		for _, i := range groups[t] {
			w.record("", eveRecords[t], mailHost(t, data[i]))
		}
		w.b = append(w.b, ']')
	}
	w.close()
}

// eveRecords are the keys under which the data of a record stands, by its type.
// Of other types Suricata writes none.
var eveRecords = map[string]string{
	"A": "rdata", "AAAA": "rdata", "CNAME": "rdata", "NS": "rdata", "PTR": "rdata", "TXT": "rdata", "MX": "rdata", "NULL": "rdata",
	"SOA": "soa", "SRV": "srv", "SSHFP": "sshfp",
}

// mailHost cuts the preference off the data of an MX record.
func mailHost(typ, data string) string {
	if _, name, ok := strings.Cut(data, " "); ok && typ == "MX" {
		return name
	}
	return data
}

// record writes the data of a record of a kind under a key, or as an element.
func (w *eve) record(key, kind, data string) {
	f := strings.Split(data, " ")
	number := func(k, s string) {
		if n, err := strconv.ParseUint(s, 10, 32); err == nil {
			w.num(k, int64(n))
		}
	}
	w.key(key)
	switch {
	case kind == "soa":
		w.b = append(w.b, '{')
		w.str("mname", f[0])
		if len(f) > 1 {
			w.str("rname", f[1])
		}
		w.close()
	case kind == "srv" && len(f) == 4:
		w.b = append(w.b, '{')
		number("priority", f[0])
		number("weight", f[1])
		number("port", f[2])
		w.str("name", f[3])
		w.close()
	case kind == "sshfp" && len(data) > 4:
		w.b = append(w.b, '{')
		for i, k := range [2]string{"algo", "type"} {
			if n, err := strconv.ParseUint(data[2*i:2*i+2], 16, 8); err == nil {
				w.num(k, int64(n))
			}
		}
		w.str("fingerprint", colons(data[4:], false))
		w.close()
	default:
		w.text(data)
	}
}

func (w *eve) http(e *Event) {
	w.open("http")
	w.field("hostname", e, URLDomain)
	w.number("http_port", e, URLPort)
	w.field("url", e, URLOriginal)
	w.field("http_user_agent", e, UserAgentOriginal)
	w.field("xff", e, SaksiEveHTTPXff)
	w.field("http_content_type", e, HTTPResponseMimeType)
	w.contentRange(e)
	w.field("http_refer", e, HTTPRequestReferrer)
	w.field("http_method", e, HTTPRequestMethod)
	if v, ok := e.GetStr(HTTPVersion); ok {
		if v == "2" || v == "3" {
			w.str("version", v)
		} else {
			w.str("protocol", "HTTP/"+v)
		}
	}
	w.number("status", e, HTTPResponseStatusCode)
	w.field("redirect", e, SaksiEveHTTPLocation)
	if e.Has(HTTPRequestMethod) || e.Has(HTTPResponseStatusCode) {
		n, _ := e.GetInt(HTTPResponseBodyBytes)
		w.num("length", n)
	}
	w.close()
}

// contentRange writes which part of a resource a response is (RFC 9110 section
// 14.4).
func (w *eve) contentRange(e *Event) {
	raw, ok := e.GetStr(SaksiEveHTTPRange)
	if !ok {
		return
	}
	w.open("content_range")
	w.str("raw", raw)
	if span, ok := strings.CutPrefix(strings.TrimSpace(raw), "bytes "); ok {
		part, size, _ := strings.Cut(strings.TrimSpace(span), "/")
		from, to, _ := strings.Cut(part, "-")
		for _, x := range [...]struct{ key, text string }{{"start", from}, {"end", to}, {"size", size}} {
			if n, err := strconv.ParseInt(strings.TrimSpace(x.text), 10, 64); err == nil && n >= 0 {
				w.num(x.key, n)
			}
		}
	}
	w.close()
}

// colons writes hexadecimal digits as pairs with colons between.
func colons(s string, upper bool) string {
	if len(s)%2 == 1 {
		s = "0" + s
	}
	var b strings.Builder
	for i := 0; i+1 < len(s); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(s[i : i+2])
	}
	if upper {
		return strings.ToUpper(b.String())
	}
	return strings.ToLower(b.String())
}

func (w *eve) tls(e *Event) {
	w.open("tls")
	if via, ok := e.GetStr(SaksiFlowVia); ok {
		w.str("from_proto", eveAppProto(via))
	}
	w.field("subject", e, TLSServerSubject)
	w.field("issuerdn", e, TLSServerIssuer)
	if s, ok := e.GetStr(TLSServerX509SerialNumber); ok {
		w.str("serial", SerialColons(s))
	}
	if s, ok := e.GetStr(TLSServerHashSHA1); ok {
		w.str("fingerprint", colons(s, false))
	}
	w.field("sni", e, TLSClientServerName)
	if r, ok := e.GetBool(TLSResumed); ok && r {
		w.boolean("session_resumed", true)
	}
	w.tlsVersion(e)
	for _, t := range []struct {
		k string
		f Field
	}{{"notbefore", TLSServerNotBefore}, {"notafter", TLSServerNotAfter}} {
		if ns, ok := e.GetTime(t.f); ok {
			w.str(t.k, time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05"))
		}
	}
	w.fingerprints(e)
	w.list("client_alpns", e.all(SaksiTLSALPN))
	if s, ok := e.GetStr(TLSNextProtocol); ok {
		w.list("server_alpns", []string{s})
	}
	w.list("subjectaltname", e.all(TLSServerX509AlternativeNames))
	if s, ok := e.GetStr(SaksiEveSessionClient); ok {
		w.open("client")
		w.key("")
		w.b = append(w.b, s...)
		w.close()
	}
	w.close()
}

// untold reports a session of which Suricata makes no record: of DTLS, and one
// whose server sent no certificate, unless it resumed or is of TLS 1.3.
func untold(e *Event) bool {
	if t, _ := e.GetStr(NetworkTransport); t == "udp" {
		return true
	}
	resumed, _ := e.GetBool(TLSResumed)
	version, _ := e.GetStr(TLSVersion)
	return !e.Has(TLSServerSubject) && !e.Has(TLSServerIssuer) && !resumed && !(version == "1.3" && e.Has(TLSCipher))
}

// tlsVersion writes the version that the server chose.
func (w *eve) tlsVersion(e *Event) {
	if v, ok := e.GetStr(SaksiEveSessionVersion); ok {
		w.str("version", v)
		return
	}
	v, ok := e.GetStr(TLSVersion)
	if !ok {
		return
	}
	switch p, _ := e.GetStr(TLSVersionProtocol); {
	case p == "ssl":
		v = "SSLv" + strings.TrimSuffix(v, ".0")
	case p == "dtls":
		v = "DTLS " + v
	case v == "1.0":
		v = "TLSv1"
	default:
		v = "TLS " + v
	}
	w.str("version", v)
}

// SerialColons writes the serial number of a certificate, in hexadecimal digits,
// as pairs with colons between, as it is encoded: a byte of zeros stands before
// a first one that would make it negative (X.690 section 8.3).
func SerialColons(s string) string {
	s = colons(s, true)
	if s != "" && s[0] >= '8' {
		return "00:" + s
	}
	return s
}

// fingerprints writes JA3, JA3S and JA4.
func (w *eve) fingerprints(e *Event) {
	if h, ok := e.GetStr(TLSClientJA3); ok {
		w.open("ja3")
		w.str("hash", h)
		w.field("string", e, SaksiTLSJA3String)
		w.close()
	}
	if h, ok := e.GetStr(TLSServerJA3S); ok {
		w.open("ja3s")
		w.str("hash", h)
		w.field("string", e, SaksiEveJA3SString)
		w.close()
	}
	w.field("ja4", e, SaksiTLSJA4)
}

func (w *eve) ssh(e *Event) {
	w.open("ssh")
	for _, side := range []struct {
		k                       string
		soft, proto, hash, list Field
	}{
		{"client", SaksiSSHClient, SaksiEveSSHClientProto, SaksiSSHHassh, SaksiEveSSHClientHassh},
		{"server", SaksiSSHServer, SaksiEveSSHServerProto, SaksiSSHHasshServer, SaksiEveSSHServerHassh},
	} {
		s, ok := e.GetStr(side.soft)
		if !ok {
			continue
		}
		w.open(side.k)
		if v, ok := e.GetStr(side.proto); ok {
			w.str("proto_version", v)
		} else {
			w.str("proto_version", "2.0")
		}
		s, _, _ = strings.Cut(s, " ") // a comment follows (RFC 4253 section 4.2)
		w.str("software_version", s)
		if h, ok := e.GetStr(side.hash); ok {
			w.open("hassh")
			w.str("hash", h)
			w.field("string", e, side.list)
			w.close()
		}
		w.close()
	}
	w.close()
}

// smtp writes the envelope, and of the message what is known.
func (w *eve) smtp(e *Event) {
	from, to := e.all(EmailFromAddress), e.all(EmailToAddress)
	w.open("smtp")
	w.field("helo", e, SaksiSmtpHelo)
	if len(from) > 0 {
		w.str("mail_from", "<"+from[0]+">")
	}
	var list []string
	for _, a := range to {
		list = append(list, "<"+a+">")
	}
	w.list("rcpt_to", list)
	w.close()
	if !e.Has(EmailMessageID) && !e.Has(EmailSubject) {
		return
	}
	w.open("email")
	w.str("status", "PARSE_DONE")
	if len(from) > 0 {
		w.str("from", "<"+from[0]+">")
	}
	w.list("to", list)
	w.field("subject", e, EmailSubject)
	w.field("message_id", e, EmailMessageID)
	w.close()
}

func (w *eve) ftp(e *Event) {
	w.open("ftp")
	w.field("command", e, SaksiFtpCommand)
	if data, ok := e.GetStr(SaksiFtpArgument); ok {
		w.str("command_data", data)
		w.boolean("command_truncated", false)
	}
	received := "no"
	if n, ok := e.GetInt(SaksiFtpReplyCode); ok {
		w.list("completion_code", []string{strconv.FormatInt(n, 10)})
		received = "yes"
	}
	w.str("reply_received", received)
	w.boolean("reply_truncated", false)
	w.close()
}
