package intake

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"saksi/event"
)

// zeekSets are our data sets by Zeek's name of a log.
var zeekSets = map[string]string{
	"conn": "flow", "dns": "dns", "http": "http", "ssl": "tls", "files": "file", "ssh": "ssh", "smtp": "smtp", "notice": "alert", "intel": "alert", "weird": "anomaly",
}

// zeekCommon stands in most logs.
var zeekCommon = []move{
	{"ts", event.Timestamp, zeekTime},
	{"id.orig_h", event.SourceIP, nil},
	{"id.orig_p", event.SourcePort, nil},
	{"id.resp_h", event.DestinationIP, nil},
	{"id.resp_p", event.DestinationPort, nil},
	{"proto", event.NetworkTransport, strings.ToLower},
	{"community_id", event.NetworkCommunityID, nil},
}

// zeekServices are our names of services that Zeek calls otherwise.
var zeekServices = map[string]string{"ssl": "tls", "krb": "kerberos", "krb_tcp": "kerberos", "ldap_tcp": "ldap", "ldap_udp": "ldap", "rfb": "vnc", "dce_rpc": "dcerpc", "gtpv1": "gtp"}

// zeekCarried are services that others carry; they do not name a connection
// that has another.
var zeekCarried = map[string]bool{"gssapi": true, "ntlm": true, "krb": true, "dce_rpc": true, "gridftp": true}

// zeekProtocol takes the last of a list that is not carried: what the connection
// became.
func zeekProtocol(s string) string {
	last := ""
	for n := range strings.SplitSeq(s, ",") {
		if last == "" || !zeekCarried[n] || zeekCarried[last] {
			last = n
		}
	}
	if n, ok := zeekServices[last]; ok {
		return n
	}
	return last
}

// zeekMoves are what each log has besides (Zeek documentation, "Zeek Log Formats").
var zeekMoves = map[string][]move{
	"conn": {
		{"service", event.NetworkProtocol, zeekProtocol},
		{"duration", event.EventDuration, nanoseconds},
		{"orig_bytes", event.SaksiFlowSourcePayload, nil},
		{"resp_bytes", event.SaksiFlowDestinationPayload, nil},
		{"conn_state", event.SaksiFlowState, nil},
		{"missed_bytes", event.SaksiFlowMissedBytes, nil},
		{"history", event.SaksiFlowHistory, nil},
		{"orig_pkts", event.SourcePackets, nil},
		{"orig_ip_bytes", event.SourceBytes, nil},
		{"resp_pkts", event.DestinationPackets, nil},
		{"resp_ip_bytes", event.DestinationBytes, nil},
		{"ts", event.EventStart, zeekTime},
	},
	"dns": {
		{"query", event.DNSQuestionName, nil},
		{"qtype_name", event.DNSQuestionType, nil},
		{"qclass_name", event.DNSQuestionClass, zeekClass},
		{"rcode_name", event.DNSResponseCode, nil},
		{"trans_id", event.DNSID, nil},
		{"answers", event.DNSAnswersData, nil},
	},
	"http": {
		{"method", event.HTTPRequestMethod, nil},
		{"host", event.URLDomain, nil},
		{"uri", event.URLOriginal, nil},
		{"referrer", event.HTTPRequestReferrer, nil},
		{"version", event.HTTPVersion, nil},
		{"user_agent", event.UserAgentOriginal, nil},
		{"status_code", event.HTTPResponseStatusCode, nil},
		{"request_body_len", event.HTTPRequestBodyBytes, nil},
		{"response_body_len", event.HTTPResponseBodyBytes, nil},
		{"resp_mime_types", event.HTTPResponseMimeType, nil},
		{"username", event.UserName, nil},
	},
	"ssl": {
		{"version", event.TLSVersion, tlsNumber},
		{"cipher", event.TLSCipher, nil},
		{"curve", event.TLSCurve, nil},
		{"server_name", event.TLSClientServerName, nil},
		{"resumed", event.TLSResumed, zeekBool},
		{"established", event.TLSEstablished, zeekBool},
		{"next_protocol", event.TLSNextProtocol, nil},
		{"subject", event.TLSServerSubject, nil},
		{"issuer", event.TLSServerIssuer, nil},
		{"ja3", event.TLSClientJA3, nil},
		{"ja3s", event.TLSServerJA3S, nil},
		{"ja4", event.SaksiTLSJA4, nil},
	},
	"files": {
		{"tx_hosts", event.SourceIP, nil},
		{"rx_hosts", event.DestinationIP, nil},
		{"source", event.NetworkProtocol, lowerService},
		{"mime_type", event.FileMimeType, nil},
		{"filename", event.FilePath, nil},
		{"filename", event.FileName, baseName},
		{"seen_bytes", event.FileSize, nil},
		{"md5", event.FileHashMD5, nil},
		{"sha1", event.FileHashSHA1, nil},
		{"sha256", event.FileHashSHA256, nil},
	},
	"ssh":  {{"client", event.SaksiSSHClient, nil}, {"server", event.SaksiSSHServer, nil}, {"hassh", event.SaksiSSHHassh, nil}, {"hasshServer", event.SaksiSSHHasshServer, nil}},
	"smtp": {{"helo", event.SaksiSmtpHelo, nil}, {"from", event.EmailFromAddress, nil}, {"to", event.EmailToAddress, nil}, {"subject", event.EmailSubject, nil}, {"msg_id", event.EmailMessageID, nil}},
	"notice": {
		{"note", event.RuleID, nil},
		{"note", event.RuleName, nil},
		{"msg", event.Message, nil},
		{"sub", event.EventReason, nil},
		{"src", event.SourceIP, nil},
		{"dst", event.DestinationIP, nil},
		{"p", event.DestinationPort, nil},
		{"file_mime_type", event.FileMimeType, nil},
	},
	"intel": {
		{"seen.indicator", event.SaksiIndicatorMatched, nil},
		{"seen.indicator_type", event.ThreatIndicatorType, nil},
		{"seen.where", event.SaksiIndicatorPlace, nil},
		{"sources", event.ThreatIndicatorProvider, nil},
	},
	"weird": {{"name", event.SaksiAnomalyEvent, nil}, {"source", event.SaksiAnomalyProtocol, lowerService}},
}

// zeekRecord turns the values of a record into an event.
func zeekRecord(log string, get func(string, func(string)), e *event.Event) (string, bool, error) {
	set, ok := zeekSets[log]
	if !ok {
		return log, false, nil
	}
	at := ""
	get("ts", func(v string) { at = zeekTime(v) })
	if at == "" {
		return "", false, errors.New("no ts that is a time")
	}
	e.Str(event.EventDataset, "saksi."+set)
	e.Str(event.ObserverProduct, "Zeek")
	apply(e, get, zeekMoves[log]) // before what is common: a log's own addresses count
	apply(e, get, zeekCommon)
	switch log {
	case "conn":
		if from, ok := e.GetTime(event.EventStart); ok {
			n, _ := e.GetInt(event.EventDuration)
			e.Time(event.EventEnd, from+n)
		}
	case "http":
		fullURL(e)
	case "notice", "intel":
		e.Str(event.EventKind, "alert")
		e.Str(event.SaksiRuleLanguage, "zeek")
		e.Int(event.EventSeverity, 2)
		if log == "intel" {
			e.Str(event.RuleID, "intel")
			e.Str(event.RuleName, "Indicator seen")
		}
	}
	if !e.Has(event.NetworkProtocol) && (set == "dns" || set == "http" || set == "tls" || set == "ssh" || set == "smtp") {
		e.Str(event.NetworkProtocol, set)
	}
	return log, true, nil
}

// zeekTSV reads a log in Zeek's own form.
type zeekTSV struct {
	separator, set, empty, unset string
	path                         string
	fields                       []string
	sets                         []bool // types that hold several values
	values                       []string
}

// maxColumns bounds the columns of a log.
const maxColumns = 1000

func (z *zeekTSV) line(b []byte, e *event.Event) (string, bool, error) {
	if b[0] == '#' {
		return "", false, z.head(string(b))
	}
	if z.fields == nil || z.path == "" {
		return "", false, errors.New("no #path and #fields stand before it")
	}
	z.values = strings.Split(string(b), z.separator)
	if len(z.values) != len(z.fields) {
		return "", false, fmt.Errorf("%d columns, and %d fields stand above", len(z.values), len(z.fields))
	}
	return zeekRecord(z.path, z.each, e)
}

func (z *zeekTSV) each(name string, yield func(string)) {
	for i, f := range z.fields {
		v := z.values[i]
		if f != name || v == z.unset || v == z.empty {
			continue
		}
		if i < len(z.sets) && z.sets[i] {
			for x := range strings.SplitSeq(v, z.set) {
				yield(zeekText(x))
			}
			continue
		}
		yield(zeekText(v))
	}
}

// head takes a line of the header; errComment says that it was one.
func (z *zeekTSV) head(line string) error {
	if s, ok := strings.CutPrefix(line, "#separator "); ok {
		if z.separator = zeekText(strings.TrimSpace(s)); z.separator == "" {
			return errors.New("an empty #separator")
		}
		return errComment
	}
	key, rest, _ := strings.Cut(line, z.separator)
	switch key {
	case "#set_separator":
		z.set = rest
	case "#empty_field":
		z.empty = rest
	case "#unset_field":
		z.unset = rest
	case "#path":
		z.path = rest
	case "#fields":
		list := strings.Split(rest, z.separator)
		if len(list) > maxColumns {
			return fmt.Errorf("%d fields, of at most %d", len(list), maxColumns)
		}
		z.fields, z.sets = list, nil
	case "#types":
		for t := range strings.SplitSeq(rest, z.separator) {
			if len(z.sets) == maxColumns {
				break
			}
			z.sets = append(z.sets, strings.HasPrefix(t, "set[") || strings.HasPrefix(t, "vector["))
		}
	}
	if z.set == "" {
		z.set = ","
	}
	return errComment
}

var hexEscape = regexp.MustCompile(`\\x[0-9a-fA-F]{2}`)

// zeekText undoes Zeek's escapes: \x and two digits.
func zeekText(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	return hexEscape.ReplaceAllStringFunc(s, func(x string) string {
		return string([]byte{unhex(x[2])<<4 | unhex(x[3])})
	})
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// zeekJSON reads a log that Zeek wrote as JSON. Its name stands in _path, where
// a writer of one stream puts it, or in the file's name.
type zeekJSON struct {
	d   doc
	log string
}

func (z *zeekJSON) line(b []byte, e *event.Event) (string, bool, error) {
	if err := z.d.parse(b); err != nil {
		return "", false, err
	}
	log := z.log
	if p := z.d.get("_path"); p != "" {
		log = p
	}
	return zeekRecord(log, z.d.each, e)
}

// zeekTime takes seconds since 1970, and RFC 3339 as Zeek's JSON can have it.
func zeekTime(s string) string {
	if t := epoch(s); t != "" {
		return t
	}
	return eveTime(s)
}

// nanoseconds turns seconds with a fraction into nanoseconds.
func nanoseconds(s string) string {
	whole, part, _ := strings.Cut(s, ".")
	if len(whole) > 9 || strings.HasPrefix(whole, "-") {
		return ""
	}
	return strings.TrimLeft(whole, "0") + (part + "000000000")[:9]
}

func zeekBool(s string) string {
	switch s {
	case "T":
		return "true"
	case "F":
		return "false"
	}
	return s
}

func zeekClass(s string) string {
	if s == "C_INTERNET" {
		return "IN"
	}
	return s
}

func lowerService(s string) string { return zeekProtocol(strings.ToLower(s)) }
