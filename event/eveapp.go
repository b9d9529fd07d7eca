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
}{{"AA", "aa", 0x400}, {"TC", "tc", 0x200}, {"RD", "rd", 0x100}, {"RA", "ra", 0x80}, {"AD", "", 0x20}, {"CD", "", 0x10}}

// dns writes version 3 of Suricata's DNS log.
func (w *eve) dns(e *Event) {
	w.open("dns")
	w.num("version", 3)
	answer := false
	if t, _ := e.GetStr(DNSType); t == "answer" {
		answer = true
		w.str("type", "response")
	} else {
		w.str("type", "request")
	}
	if id, ok := e.GetStr(DNSID); ok {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			w.num("id", n)
		}
	}
	op, _ := e.GetStr(DNSOpCode)
	code, _ := e.GetStr(DNSResponseCode)
	flags := eveOps[op]<<11 | eveRcodes[code]
	set := map[string]bool{}
	for v := range e.Values(DNSHeaderFlags) {
		set[v.Str()] = true
	}
	if answer {
		flags |= 0x8000
	}
	for _, f := range eveDNSFlags {
		if set[f.name] {
			flags |= f.bit
		}
	}
	w.str("flags", strconv.FormatInt(flags, 16))
	if answer {
		w.boolean("qr", true)
	}
	for _, f := range eveDNSFlags {
		if f.key != "" && set[f.name] {
			w.boolean(f.key, true)
		}
	}
	w.num("opcode", eveOps[op])
	if code == "" {
		code = "NOERROR"
	}
	w.str("rcode", code)
	if name, ok := e.GetStr(DNSQuestionName); ok {
		w.key("queries")
		w.b = append(w.b, '[')
		w.open("")
		w.str("rrname", name)
		w.field("rrtype", e, DNSQuestionType)
		w.close()
		w.b = append(w.b, ']')
	}
	w.dnsAnswers(e)
	w.close()
}

// dnsAnswers writes the answers, one by one and grouped by type. Data that is
// empty has no value of its own, so positions hold only when all have one.
func (w *eve) dnsAnswers(e *Event) {
	names, types, ttls, data := e.all(DNSAnswersName), e.all(DNSAnswersType), e.all(DNSAnswersTTL), e.all(DNSAnswersData)
	if len(names) == 0 || len(types) != len(names) || len(ttls) != len(names) {
		return
	}
	w.key("answers")
	w.b = append(w.b, '[')
	for i := range names {
		w.key("")
		w.open("")
		w.str("rrname", names[i])
		w.str("rrtype", types[i])
		w.key("ttl")
		w.b = append(w.b, ttls[i]...)
		if len(data) == len(names) {
			w.str("rdata", data[i])
		}
		w.close()
	}
	w.b = append(w.b, ']')
	if len(data) != len(names) {
		return
	}
	var order []string
	groups := map[string][]string{}
	for i, t := range types {
		if groups[t] == nil {
			order = append(order, t)
		}
		groups[t] = append(groups[t], data[i])
	}
	w.open("grouped")
	for _, t := range order {
		w.list(t, groups[t])
	}
	w.close()
}

func (w *eve) http(e *Event) {
	w.open("http")
	w.field("hostname", e, URLDomain)
	w.number("http_port", e, URLPort)
	w.field("url", e, URLOriginal)
	w.field("http_user_agent", e, UserAgentOriginal)
	w.field("http_content_type", e, HTTPResponseMimeType)
	w.field("http_refer", e, HTTPRequestReferrer)
	w.field("http_method", e, HTTPRequestMethod)
	if v, ok := e.GetStr(HTTPVersion); ok {
		w.str("protocol", "HTTP/"+v)
	}
	w.number("status", e, HTTPResponseStatusCode)
	w.number("length", e, HTTPResponseBodyBytes)
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
	w.field("subject", e, TLSServerSubject)
	w.field("issuerdn", e, TLSServerIssuer)
	if s, ok := e.GetStr(TLSServerX509SerialNumber); ok {
		w.str("serial", colons(s, true))
	}
	if s, ok := e.GetStr(TLSServerHashSHA1); ok {
		w.str("fingerprint", colons(s, false))
	}
	w.field("sni", e, TLSClientServerName)
	if r, ok := e.GetBool(TLSResumed); ok && r {
		w.boolean("session_resumed", true)
	}
	if v, ok := e.GetStr(TLSVersion); ok {
		p, _ := e.GetStr(TLSVersionProtocol)
		switch {
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
	for _, t := range []struct {
		k string
		f Field
	}{{"notbefore", TLSServerNotBefore}, {"notafter", TLSServerNotAfter}} {
		if ns, ok := e.GetTime(t.f); ok {
			w.str(t.k, time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05"))
		}
	}
	if h, ok := e.GetStr(TLSClientJA3); ok {
		w.open("ja3")
		w.str("hash", h)
		w.field("string", e, SaksiTLSJA3String)
		w.close()
	}
	if h, ok := e.GetStr(TLSServerJA3S); ok {
		w.open("ja3s")
		w.str("hash", h)
		w.close()
	}
	w.field("ja4", e, SaksiTLSJA4)
	w.list("client_alpns", e.all(SaksiTLSALPN))
	if s, ok := e.GetStr(TLSNextProtocol); ok {
		w.list("server_alpns", []string{s})
	}
	w.list("subjectaltname", e.all(TLSServerX509AlternativeNames))
	w.close()
}

func (w *eve) ssh(e *Event) {
	w.open("ssh")
	for _, side := range []struct {
		k          string
		soft, hash Field
	}{{"client", SaksiSSHClient, SaksiSSHHassh}, {"server", SaksiSSHServer, SaksiSSHHasshServer}} {
		s, ok := e.GetStr(side.soft)
		if !ok {
			continue
		}
		w.open(side.k)
		w.str("proto_version", "2.0")
		w.str("software_version", s)
		if h, ok := e.GetStr(side.hash); ok {
			w.open("hassh")
			w.str("hash", h)
			w.close()
		}
		w.close()
	}
	w.close()
}

func (w *eve) smtp(e *Event) {
	w.open("smtp")
	w.field("helo", e, SaksiSmtpHelo)
	if from := e.all(EmailFromAddress); len(from) > 0 {
		w.str("mail_from", from[0])
	}
	w.list("rcpt_to", e.all(EmailToAddress))
	w.close()
}

func (w *eve) ftp(e *Event) {
	w.open("ftp")
	w.field("command", e, SaksiFtpCommand)
	w.field("command_data", e, SaksiFtpArgument)
	if n, ok := e.GetInt(SaksiFtpReplyCode); ok {
		w.list("completion_code", []string{strconv.FormatInt(n, 10)})
		w.str("reply_received", "yes")
	}
	w.close()
}
