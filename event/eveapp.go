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
