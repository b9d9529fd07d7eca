package sensor

import (
	"strconv"
	"strings"

	"saksi/event"
)

// tlsLabel takes the protocol within, else the name asked for, else the
// server's certificate, the client's fingerprint, the port.
func tlsLabel(e *event.Event) label {
	for _, f := range [2]event.Field{event.TLSNextProtocol, event.SaksiTLSALPN} {
		for v := range e.Values(f) {
			protocol, _, _ := strings.Cut(v.Str(), "-") // drafts have a number behind
			if l := bySign(byALPN, func(s string) bool { return s == protocol }); l != 0 {
				return l
			}
		}
	}
	name, _ := e.GetStr(event.TLSClientServerName)
	if l := byName(byServerName, name); l != 0 {
		return l
	}
	if l := byFirstLabel(name); l != 0 {
		return l
	}
	for _, f := range [2]event.Field{event.TLSServerX509SubjectCommonName, event.TLSServerX509AlternativeNames} {
		for v := range e.Values(f) {
			if l := byName(byCert, v.Str()); l != 0 {
				return l
			}
		}
	}
	subject, _ := e.GetStr(event.TLSServerSubject)
	if l := bySign(bySubject, func(s string) bool { return strings.Contains(subject, s) || s == "tor" && torCertificate(e) }); l != 0 {
		return l
	}
	ja3, _ := e.GetStr(event.TLSClientJA3)
	if l := bySign(byFingerprint, func(s string) bool { return s == ja3 }); l != 0 {
		return l
	}
	port, _ := e.GetInt(event.DestinationPort)
	return bySign(byTLSPort, func(s string) bool { return tlsPorts[s] == port })
}

// tlsPorts are the ports that signs name.
var tlsPorts = func() map[string]int64 {
	of := map[string]int64{}
	for _, i := range signsOf[byTLSPort] {
		n, err := strconv.ParseUint(signs[i].text, 10, 16)
		if err != nil { // a defect of the program
			panic(err)
		}
		of[signs[i].text] = int64(n)
	}
	return of
}()

// byFirstLabel takes hosts of TLS that say in their first label what they do:
// "doh" or "dns", alone or with a number or hyphen behind it.
func byFirstLabel(host string) label {
	first, rest, _ := strings.Cut(host, ".")
	if rest == "" {
		return 0
	}
	return bySign(byLabel, func(s string) bool {
		behind, ok := strings.CutPrefix(first, s)
		return ok && (behind == "" || behind[0] == '-' || behind[0] >= '0' && behind[0] <= '9')
	})
}

// torCertificate reports the certificate a relay of Tor makes for each
// connection before TLS 1.3 (tor-spec, "Negotiating TLS"): issuer and subject
// are common names alone, "www." with 8 to 20 letters of base32 and ".com" or
// ".net", they differ, and there are no other names.
func torCertificate(e *event.Event) bool {
	subject, _ := e.GetStr(event.TLSServerSubject)
	issuer, _ := e.GetStr(event.TLSServerIssuer)
	return subject != issuer && !e.Has(event.TLSServerX509AlternativeNames) && torName(subject, ".net") && torName(issuer, ".com")
}

func torName(name, end string) bool {
	name, ok1 := strings.CutPrefix(name, "CN=www.")
	name, ok2 := strings.CutSuffix(name, end)
	if !ok1 || !ok2 || len(name) < 8 || len(name) > 20 {
		return false
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= '2' && c <= '7') {
			return false
		}
	}
	return true
}

// httpLabel takes DNS carried by HTTP, else method, target and host, else the
// program.
func httpLabel(e *event.Event) label {
	for _, f := range [2]event.Field{event.HTTPRequestMimeType, event.HTTPResponseMimeType} {
		media, _ := e.GetStr(f)
		if l := bySign(byMediaType, func(s string) bool { return s == media }); l != 0 {
			return l
		}
	}
	method, _ := e.GetStr(event.HTTPRequestMethod)
	if l := bySign(byMethod, func(s string) bool { return s == method }); l != 0 {
		return l
	}
	path, _ := e.GetStr(event.URLPath)
	if l := bySign(byPath, func(s string) bool { return s == path }); l != 0 {
		return l
	}
	query, _ := e.GetStr(event.URLQuery)
	if l := bySign(byQuery, func(s string) bool { return strings.Contains(query, s) }); l != 0 {
		return l
	}
	host, _ := e.GetStr(event.URLDomain)
	if l := byName(byHost, host); l != 0 {
		return l
	}
	agent, _ := e.GetStr(event.UserAgentOriginal)
	return bySign(byUserAgent, func(s string) bool { return strings.Contains(agent, s) })
}
