package sigma

import (
	"maps"
	"strings"
	"unsafe"

	"gopkg.in/yaml.v3"

	"saksi/event"
)

// fields are which of our fields the field names of a log source mean.
type fields struct{ names map[string]event.Field }

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

// ecsNames are names that "taxonomy: ecs" has and ECS itself has not (Sigma
// custom taxonomy 1.0.0, "Network Events").
var ecsNames = map[string]event.Field{
	"network.state": event.SaksiFlowState, "network.history": event.SaksiFlowHistory,
	"dns.header.flags": event.DNSHeaderFlags, "dns.response.code": event.DNSResponseCode,
}

// withECS are names with those of "taxonomy: ecs".
func withECS(names map[string]event.Field) map[string]event.Field {
	out := maps.Clone(names)
	maps.Copy(out, ecsNames)
	return out
}

// endpoints are the names every log of Zeek has, and Sigma's generic ones.
func endpoints(more map[string]event.Field) map[string]event.Field {
	out := map[string]event.Field{
		"src_ip": event.SourceIP, "src_port": event.SourcePort, "dst_ip": event.DestinationIP, "dst_port": event.DestinationPort,
		"id.orig_h": event.SourceIP, "id.orig_p": event.SourcePort, "id.resp_h": event.DestinationIP, "id.resp_p": event.DestinationPort,
		"community_id": event.NetworkCommunityID,
	}
	maps.Copy(out, more)
	return out
}

// Fields of Zeek's logs (Zeek manual, "Log Files").
var (
	smbFields      = endpoints(map[string]event.Field{"path": event.SaksiSmbShare, "name": event.SaksiSmbName, "size": event.FileSize})
	dcerpcFields   = endpoints(map[string]event.Field{"endpoint": event.SaksiDcerpcInterface, "operation": event.SaksiDcerpcOperation, "named_pipe": event.SaksiDcerpcEndpoint})
	kerberosFields = endpoints(map[string]event.Field{"request_type": event.EventAction, "service": event.SaksiKerberosService, "cipher": event.SaksiKerberosCipher})
	rdpFields      = endpoints(map[string]event.Field{"cookie": event.UserName})
)

var connFields = map[string]event.Field{
	"orig_pkts": event.SourcePackets, "resp_pkts": event.DestinationPackets, "orig_ip_bytes": event.SourceBytes, "resp_ip_bytes": event.DestinationBytes,
	"orig_bytes": event.SaksiFlowSourcePayload, "resp_bytes": event.SaksiFlowDestinationPayload, "history": event.SaksiFlowHistory,
	"missed_bytes": event.SaksiFlowMissedBytes, "community_id": event.NetworkCommunityID,
	"src_ip": event.SourceIP, "src_port": event.SourcePort, "dst_ip": event.DestinationIP, "dst_port": event.DestinationPort,
	"id.orig_h": event.SourceIP, "id.orig_p": event.SourcePort, "id.resp_h": event.DestinationIP, "id.resp_p": event.DestinationPort,
	"service": event.NetworkProtocol, "proto": event.NetworkTransport, "conn_state": event.SaksiFlowState,
}

var tlsFields = map[string]event.Field{
	"server_name": event.TLSClientServerName, "ja3": event.TLSClientJA3, "ja3s": event.TLSServerJA3S, "subject": event.TLSServerSubject,
	"issuer": event.TLSServerIssuer, "certificate.serial": event.TLSServerX509SerialNumber, "cipher": event.TLSCipher, "version": event.TLSVersion, "id.orig_h": event.SourceIP, "id.resp_h": event.DestinationIP,
}

// events are the log sources our own events carry, by data set.
var events = []struct {
	dataset string
	source  Source
	names   map[string]event.Field
}{
	{"saksi.dns", Source{Category: "dns"}, dnsFields},
	{"saksi.dns", Source{Product: "zeek", Service: "dns"}, dnsFields},
	{"saksi.http", Source{Category: "webserver"}, httpFields},
	{"saksi.http", Source{Category: "proxy"}, httpFields},
	{"saksi.http", Source{Product: "zeek", Service: "http"}, httpFields},
	{"saksi.flow", Source{Category: "firewall"}, connFields},
	{"saksi.flow", Source{Product: "zeek", Service: "conn"}, connFields},
	{"saksi.tls", Source{Product: "zeek", Service: "x509"}, tlsFields},
	{"saksi.tls", Source{Product: "zeek", Service: "ssl"}, tlsFields},
	{"saksi.quic", Source{Product: "zeek", Service: "ssl"}, tlsFields},
	{"saksi.flow", Source{Category: "network", Service: "connection"}, withECS(connFields)},
	{"saksi.dns", Source{Category: "network", Service: "dns"}, withECS(dnsFields)},
	{"saksi.smb", Source{Product: "zeek", Service: "smb_files"}, smbFields},
	{"saksi.dcerpc", Source{Product: "zeek", Service: "dce_rpc"}, dcerpcFields},
	{"saksi.kerberos", Source{Product: "zeek", Service: "kerberos"}, kerberosFields},
	{"saksi.rdp", Source{Product: "zeek", Service: "rdp"}, rdpFields},
}

// network are the same by log source.
var network = func() map[Source]*fields {
	m := map[Source]*fields{}
	for _, e := range events {
		m[e.source] = &fields{e.names}
	}
	return m
}()

// fieldsOf is what field names mean in a log source; nil where events are
// records that carry them as they are. A source that names several of ours has
// the fields that mean the same in all of them.
func fieldsOf(s Source) *fields {
	if f := network[s]; f != nil {
		return f
	}
	var all *fields
	for _, e := range events {
		switch {
		case !s.covers(e.source):
		case all == nil:
			all = &fields{maps.Clone(e.names)}
		default:
			maps.DeleteFunc(all.names, func(name string, f event.Field) bool { return e.names[name] != f })
		}
	}
	return all
}

func sourceOf(n *yaml.Node) (Source, error) {
	s := Source{text(get(n, "category")), text(get(n, "product")), text(get(n, "service"))}
	if n.Kind != yaml.MappingNode || s == (Source{}) {
		return s, wrong(n, "empty logsource", "category, product or service", "the logsource names nothing")
	}
	return s, nil
}

// otherUnit are fields of "taxonomy: ecs" that ours count in another unit.
var otherUnit = map[string]bool{"event.duration": true}

// field finds ours for a field name of the source, or an ECS field by its own
// name.
func (f *fields) field(name string) (event.Field, bool) {
	if otherUnit[strings.ToLower(name)] {
		return 0, false
	}
	if f, ok := f.names[strings.ToLower(name)]; ok {
		return f, true
	}
	return event.Lookup(name)
}

// dataset is how the events of one data set are read.
type dataset struct {
	sources []Source
	ids     [event.NumFields]int32 // of the names rules use
}

func (c *compiler) datasets() map[string]*dataset {
	m := map[string]*dataset{}
	for _, e := range events {
		d := m[e.dataset]
		if d == nil {
			d = &dataset{}
			m[e.dataset] = d
			for _, f := range event.AllFields() {
				d.ids[f] = c.names[f.Name()]
			}
		}
		d.sources = append(d.sources, e.source)
	}
	return m
}

// MatchEvent returns the rules that match an event of ours, in the order of
// their ids. It is safe for concurrent use.
func (s *Set) MatchEvent(e *event.Event) []*Rule {
	name, _ := e.GetStr(event.EventDataset)
	d := s.datasets[name]
	if d == nil {
		return nil
	}
	sc := s.pool.Get().(*scratch)
	sc.begin()
	for v := range e.All() {
		sc.event(d.ids[v.Field], v)
	}
	sc.keys = append(sc.keys[:0], d.sources...)
	hits := sc.match(e)
	s.pool.Put(sc)
	return hits
}

// event takes a value of an event of ours.
func (s *scratch) event(id int32, v event.Value) {
	raw := v.Str()
	if t := v.Type(); t != event.Keyword && t != event.Text {
		if id == anyField {
			return // keywords look at texts
		}
		from := len(s.arena)
		s.arena = v.AppendText(s.arena)
		raw = unsafe.String(unsafe.SliceData(s.arena[from:]), len(s.arena)-from)
	}
	if v.Field.IsArray() {
		s.add(id, raw)
	} else {
		s.replace(id, raw)
	}
}
