package sigma

import (
	"strings"

	"gopkg.in/yaml.v3"

	"saksi/event"
)

// source is a log source of Sigma's taxonomy that our events carry: which data
// sets, and which of our fields its field names mean.
type source struct {
	datasets []string
	fields   map[string]event.Field
}

var dnsFields = map[string]event.Field{
	"query": event.DNSQuestionName, "queryname": event.DNSQuestionName, "record_type": event.DNSQuestionType, "answer": event.DNSAnswersData,
	"answers": event.DNSAnswersData, "src_ip": event.SourceIP, "dst_ip": event.DestinationIP, "id.orig_h": event.SourceIP,
	"id.resp_h": event.DestinationIP, "qtype_name": event.DNSQuestionType, "rcode_name": event.DNSResponseCode,
}

var httpFields = map[string]event.Field{
	// webserver and proxy (W3C extended log format names)
	"cs-method": event.HTTPRequestMethod, "cs-uri": event.URLOriginal, "c-uri": event.URLOriginal, "cs-uri-stem": event.URLPath, "c-uri-stem": event.URLPath,
	"cs-uri-query": event.URLQuery, "c-uri-query": event.URLQuery, "c-uri-extension": event.URLExtension, "cs-host": event.URLDomain,
	"cs-user-agent": event.UserAgentOriginal, "c-useragent": event.UserAgentOriginal, "cs-referer": event.HTTPRequestReferrer,
	"cs-referrer": event.HTTPRequestReferrer, "sc-status": event.HTTPResponseStatusCode, "c-ip": event.SourceIP, "r-dns": event.URLDomain,
	"src_ip": event.SourceIP, "dst_ip": event.DestinationIP, "dst_port": event.DestinationPort,
	// zeek http.log
	"method": event.HTTPRequestMethod, "uri": event.URLOriginal, "host": event.URLDomain, "user_agent": event.UserAgentOriginal,
	"referrer": event.HTTPRequestReferrer, "status_code": event.HTTPResponseStatusCode, "resp_mime_types": event.HTTPResponseMimeType,
	"id.orig_h": event.SourceIP, "id.resp_h": event.DestinationIP, "id.resp_p": event.DestinationPort,
}

var connFields = map[string]event.Field{
	"src_ip": event.SourceIP, "src_port": event.SourcePort, "dst_ip": event.DestinationIP, "dst_port": event.DestinationPort,
	"id.orig_h": event.SourceIP, "id.orig_p": event.SourcePort, "id.resp_h": event.DestinationIP, "id.resp_p": event.DestinationPort,
	"service": event.NetworkProtocol, "proto": event.NetworkTransport, "conn_state": event.SaksiFlowState,
}

var tlsFields = map[string]event.Field{
	"server_name": event.TLSClientServerName, "ja3": event.TLSClientJA3, "ja3s": event.TLSServerJA3S, "subject": event.TLSServerSubject,
	"issuer": event.TLSServerIssuer, "cipher": event.TLSCipher, "version": event.TLSVersion, "id.orig_h": event.SourceIP, "id.resp_h": event.DestinationIP,
}

// sources are tried in order; the first whose given keys agree serves.
var sources = []struct {
	category, product, service string
	source                     source
}{
	{"dns", "", "", source{[]string{"saksi.dns"}, dnsFields}},
	{"", "zeek", "dns", source{[]string{"saksi.dns"}, dnsFields}},
	{"webserver", "", "", source{[]string{"saksi.http"}, httpFields}},
	{"proxy", "", "", source{[]string{"saksi.http"}, httpFields}},
	{"", "zeek", "http", source{[]string{"saksi.http"}, httpFields}},
	{"firewall", "", "", source{[]string{"saksi.flow"}, connFields}},
	{"", "zeek", "conn", source{[]string{"saksi.flow"}, connFields}},
	{"", "zeek", "x509", source{[]string{"saksi.tls"}, tlsFields}},
	{"", "zeek", "ssl", source{[]string{"saksi.tls", "saksi.quic"}, tlsFields}},
}

func sourceOf(n *yaml.Node) (source, error) {
	category, product, service := text(get(n, "category")), text(get(n, "product")), text(get(n, "service"))
	if n.Kind != yaml.MappingNode || category == "" && product == "" && service == "" {
		return source{}, wrong(n, "empty logsource", "category, product or service", "the logsource names nothing")
	}
	for _, s := range sources {
		if s.category == category && s.product == product && s.service == service {
			return s.source, nil
		}
	}
	return source{}, refused(n, "log source not among our events", "no event of ours is of category %q, product %q, service %q", category, product, service)
}

// field finds ours for a field name of the source, or an ECS field by its own
// name.
func (s source) field(n *yaml.Node, name string) (event.Field, error) {
	if f, ok := s.fields[strings.ToLower(name)]; ok {
		return f, nil
	}
	if f, ok := event.Lookup(name); ok {
		return f, nil
	}
	return 0, refused(n, "field without a counterpart", "our events have no field for %q of this log source", name)
}
