package sensor

import (
	"net/netip"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/sensor/asset"
)

// side is whom of a flow's two hosts something is told of.
type side uint8

const (
	ofClient side = iota + 1
	ofServer
)

// tell is what the value of an event's field tells of a host.
type tell struct {
	kind   asset.Kind
	of     side
	prefix string // before the value
	via    string // how it is told; empty for the protocol of the flow
}

// tells are the fields of events that tell of hosts as they are; see
// assetsOf for those that need more.
var tells = [event.NumFields]tell{
	event.UserAgentOriginal:      {kind: asset.Agent, of: ofClient},
	event.SaksiTextBanner:        {kind: asset.Server, of: ofServer},
	event.SaksiSSHClient:         {kind: asset.Client, of: ofClient},
	event.SaksiSSHServer:         {kind: asset.Server, of: ofServer},
	event.SaksiSSHHassh:          {kind: asset.Print, of: ofClient, prefix: "hassh "},
	event.SaksiSSHHasshServer:    {kind: asset.Print, of: ofServer, prefix: "hassh_server "},
	event.SaksiTLSJA4:            {kind: asset.Print, of: ofClient, prefix: "ja4 "},
	event.TLSServerHashSHA256:    {kind: asset.Cert, of: ofServer},
	event.SaksiNtlmHost:          {kind: asset.Name, of: ofClient, via: "ntlm"},
	event.SaksiNtlmServer:        {kind: asset.Name, of: ofServer, via: "ntlm"},
	event.SaksiNtlmServerDomain:  {kind: asset.Domain, of: ofServer, via: "ntlm"},
	event.SaksiNtlmClientVersion: {kind: asset.Build, of: ofClient, via: "ntlm"},
	event.SaksiNtlmServerVersion: {kind: asset.Build, of: ofServer, via: "ntlm"},
	event.SaksiSmbClientSystem:   {kind: asset.System, of: ofClient},
	event.SaksiSmbServerSystem:   {kind: asset.System, of: ofServer},
	event.SaksiRdpClientName:     {kind: asset.Name, of: ofClient},
	event.SaksiDbHost:            {kind: asset.Name, of: ofClient},
	event.SaksiDbApplication:     {kind: asset.Client, of: ofClient},
	event.LogSyslogHostname:      {kind: asset.Name, of: ofClient},
	event.SaksiVncDesktop:        {kind: asset.Name, of: ofServer},
	event.SaksiRpcMachine:        {kind: asset.Name, of: ofClient},
	event.SaksiRadiusNasID:       {kind: asset.Name, of: ofClient},
	event.SaksiSmtpHelo:          {kind: asset.Name, of: ofClient},
	event.SaksiOpcuaApplication:  {kind: asset.Client, of: ofClient},
	event.TLSClientServerName:    {kind: asset.Name, of: ofServer},
	event.SaksiBittorrentClient:  {kind: asset.Client, of: ofClient},
}

// key is the host on one side of the flow in work.
func (w *worker) key(s side) asset.Key {
	a := w.pc.Client
	if s == ofServer {
		a = w.pc.Server
	}
	return asset.Of(a.As16())
}

// assetsOf takes from an event what it tells of hosts.
func (w *worker) assetsOf(e *event.Event) {
	if w.rec == nil || w.rec.App() == 0 {
		return
	}
	via := w.protos.Entry(w.rec.App()).Name
	by := &w.assetsBy[w.rec.App()]
	if !by.alone {
		for i := range e.Len() {
			v := e.At(i)
			t := &tells[v.Field]
			if t.kind == 0 {
				continue
			}
			f := asset.Fact{Host: w.key(t.of), Kind: t.kind, Value: v.Str(), Via: via}
			if t.prefix != "" {
				f.Value = t.prefix + f.Value
			}
			if t.via != "" {
				f.Via = t.via
			}
			w.fact(f)
		}
	}
	if by.take != nil {
		by.take(w, e, via)
	}
}

// taker takes from the events of a protocol what needs more than one field.
type taker struct {
	take  func(w *worker, e *event.Event, via string)
	alone bool // tells hold nothing of its events
}

var takers map[string]taker

func init() {
	http, names, version := (*worker).assetsOfHTTP, (*worker).assetsOfNames, (*worker).assetsOfVersion
	dhcp, ics, tls := (*worker).assetsOfDHCP, (*worker).assetsOfDevice, (*worker).assetsOfTLS
	takers = map[string]taker{
		"http": {http, true}, "http2": {http, true}, "dns": {(*worker).assetsOfDNS, true}, "mdns": {names, true}, "llmnr": {names, true},
		"dhcp": {dhcp, true}, "dhcpv6": {dhcp, true}, "snmp": {(*worker).assetsOfSNMP, true}, "sip": {(*worker).assetsOfSIP, true},
		"netbios": {(*worker).assetsOfNetBIOS, true}, "ssdp": {(*worker).assetsOfSSDP, true},
		"tls": {take: tls}, "dtls": {take: tls}, "kerberos": {take: (*worker).assetsOfKerberos}, "rdp": {take: (*worker).assetsOfRDP},
		"modbus": {ics, true}, "ethernetip": {ics, true}, "bacnet": {ics, true}, "s7comm": {ics, true}, "dnp3": {ics, true}, "iec60870": {ics, true},
		"opc-ua": {take: ics}, "mysql": {take: version}, "postgresql": {take: version}, "tds": {take: version}, "redis": {version, true},
		"mongodb": {take: version}, "cassandra": {take: version}, "clickhouse": {take: version}, "amqp": {take: version}, "nats": {take: version},
	}
}

// value is the string that counts for a field.
func value(e *event.Event, f event.Field) string {
	s, _ := e.GetStr(f)
	return s
}

func (w *worker) assetsOfVersion(e *event.Event, via string) {
	w.fact(asset.Fact{Host: w.key(ofServer), Kind: asset.Server, Value: value(e, event.ServiceVersion), Via: via})
}

func (w *worker) assetsOfHTTP(e *event.Event, via string) {
	var agent, server, target, domain string
	for i := range e.Len() {
		switch v := e.At(i); v.Field {
		case event.UserAgentOriginal:
			agent = v.Str()
		case event.ServiceName:
			server = v.Str()
		case event.URLOriginal:
			target = v.Str()
		case event.URLDomain:
			domain = v.Str()
		}
	}
	w.fact(asset.Fact{Host: w.key(ofClient), Kind: asset.Agent, Value: agent, Via: via})
	w.fact(asset.Fact{Host: w.key(ofServer), Kind: asset.Server, Value: server, Via: via})
	if strings.HasPrefix(target, "/") { // else the server is a proxy
		w.name(ofServer, domain, via)
	}
}

// name tells a name that is no address.
func (w *worker) name(s side, name, via string) {
	if name == "" || name[0] >= '0' && name[0] <= '9' || strings.IndexByte(name, ':') >= 0 {
		if _, err := netip.ParseAddr(name); name == "" || err == nil {
			return
		}
	}
	w.fact(asset.Fact{Host: w.key(s), Kind: asset.Name, Value: name, Via: via})
}

// maxCertNames bounds the names of one certificate that are told: some stand for
// hundreds of sites.
const maxCertNames = 4

func (w *worker) assetsOfTLS(e *event.Event, _ string) {
	n := 0
	for i := range e.Len() {
		v := e.At(i)
		if v.Field != event.TLSServerX509SubjectCommonName && v.Field != event.TLSServerX509AlternativeNames {
			continue
		}
		if s := v.Str(); n < maxCertNames && !strings.HasPrefix(s, "*") && strings.IndexByte(s, ' ') < 0 && strings.IndexByte(s, '.') > 0 {
			w.name(ofServer, s, "certificate")
			n++
		}
	}
}

// assetsOfDNS takes the addresses of the name asked for, which are others' word.
func (w *worker) assetsOfDNS(e *event.Event, via string) {
	q := value(e, event.DNSQuestionName)
	if value(e, event.DNSType) != "answer" {
		return
	}
	for v := range e.Values(event.DNSResolvedIP) {
		w.fact(asset.Fact{Host: asset.Of(v.Addr().As16()), Kind: asset.Name, Value: q, Via: via, Hearsay: true})
	}
	if a, ok := reverse(q); ok && value(e, event.DNSQuestionType) == "PTR" {
		for v := range e.Values(event.DNSAnswersData) {
			w.fact(asset.Fact{Host: asset.Of(a.As16()), Kind: asset.Name, Value: v.Str(), Via: via, Hearsay: true})
		}
	}
}

// reverse reads the address of a name below in-addr.arpa (RFC 1035 section 3.5).
func reverse(name string) (a netip.Addr, ok bool) {
	p, ok := strings.CutSuffix(strings.ToLower(name), ".in-addr.arpa")
	if !ok {
		return a, false
	}
	l := strings.Split(p, ".")
	if len(l) != 4 {
		return a, false
	}
	a, err := netip.ParseAddr(l[3] + "." + l[2] + "." + l[1] + "." + l[0])
	return a, err == nil
}

// assetsOfNames takes what hosts say of themselves by multicast.
func (w *worker) assetsOfNames(e *event.Event, via string) {
	if value(e, event.DNSType) != "answer" {
		return
	}
	var names, types, datas []string
	for v := range e.All() {
		switch v.Field {
		case event.DNSAnswersName:
			names = append(names, v.Str())
		case event.DNSAnswersType:
			types = append(types, v.Str())
		case event.DNSAnswersData:
			datas = append(datas, v.Str())
		}
	}
	if len(names) != len(datas) || len(types) != len(datas) {
		return
	}
	for i, name := range names {
		switch types[i] {
		case "A", "AAAA":
			if a, err := netip.ParseAddr(datas[i]); err == nil {
				w.fact(asset.Fact{Host: asset.Of(a.As16()), Kind: asset.Name, Value: name, Via: via, Hearsay: a.Unmap() != w.pc.Client && a.Unmap() != w.pc.Server})
			}
		case "TXT":
			if strings.HasSuffix(name, "._device-info._tcp.local") {
				if _, model, ok := strings.Cut(datas[i], "model="); ok {
					model, _, _ = strings.Cut(model, " ")
					w.fact(asset.Fact{Host: w.key(ofClient), Kind: asset.Model, Value: strings.Trim(model, `"`), Via: via})
				}
			}
		}
	}
}

// assetsOfDHCP ties what a client says to its MAC, and its MAC to the address
// it holds or is given.
func (w *worker) assetsOfDHCP(e *event.Event, via string) {
	mac, ok := parseMAC(value(e, event.ClientMAC))
	if !ok {
		return
	}
	host := asset.OfMAC(mac)
	for _, x := range [...]struct {
		f event.Field
		k asset.Kind
	}{{event.SaksiDhcpHostName, asset.Name}, {event.SaksiDhcpVendorClass, asset.Class}, {event.SaksiDhcpParameters, asset.Parameters}} {
		w.fact(asset.Fact{Host: host, Kind: x.k, Value: value(e, x.f), Via: via})
	}
	switch action := value(e, event.EventAction); action {
	case "ack", "reply", "offer", "advertise":
		server := w.key(ofClient)
		if w.pc.ServerPort == 67 || w.pc.ServerPort == 547 { // the client asked first
			server = w.key(ofServer)
		}
		w.fact(asset.Fact{Host: server, Kind: asset.Role, Value: "dhcp server", Via: via})
		if action == "ack" || action == "reply" {
			for v := range e.Values(event.SaksiDhcpAssignedIP) {
				w.fact(asset.Fact{Host: asset.Of(v.Addr().As16()), Kind: asset.MAC, Value: string(mac[:]), Via: via})
			}
		}
	}
}

func parseMAC(s string) (m [6]byte, ok bool) {
	if len(s) != 17 {
		return m, false
	}
	for i := range m {
		n, err := strconv.ParseUint(s[3*i:3*i+2], 16, 8)
		if err != nil {
			return m, false
		}
		m[i] = byte(n)
	}
	return m, true
}

// assetsOfSNMP takes the system group of an agent (RFC 3418 section 2).
func (w *worker) assetsOfSNMP(e *event.Event, via string) {
	var oids, values []string
	for v := range e.All() {
		switch v.Field {
		case event.SaksiSnmpOid:
			oids = append(oids, v.Str())
		case event.SaksiSnmpValue:
			values = append(values, v.Str())
		}
	}
	if len(oids) != len(values) {
		return
	}
	for i, o := range oids {
		switch o {
		case "1.3.6.1.2.1.1.1.0":
			w.fact(asset.Fact{Host: w.key(ofServer), Kind: asset.System, Value: values[i], Via: via})
		case "1.3.6.1.2.1.1.5.0":
			w.fact(asset.Fact{Host: w.key(ofServer), Kind: asset.Name, Value: values[i], Via: via})
		}
	}
}

// assetsOfKerberos takes the accounts of machines, which end with a dollar sign
// ([MS-ADTS] section 3.1.1.8.1).
func (w *worker) assetsOfKerberos(e *event.Event, via string) {
	if name, ok := strings.CutSuffix(value(e, event.UserName), "$"); ok {
		w.fact(asset.Fact{Host: w.key(ofClient), Kind: asset.Name, Value: name, Via: via})
	}
}

func (w *worker) assetsOfRDP(e *event.Event, via string) {
	if n, ok := e.GetInt(event.SaksiRdpClientBuild); ok {
		w.fact(asset.Fact{Host: w.key(ofClient), Kind: asset.Build, Value: strconv.FormatInt(n, 10), Via: via})
	}
}

// assetsOfSIP takes the program of whoever sent the message.
func (w *worker) assetsOfSIP(e *event.Event, via string) {
	from := ofClient
	if value(e, event.EventAction) == "response" {
		from = ofServer
	}
	w.fact(asset.Fact{Host: w.key(from), Kind: asset.Agent, Value: value(e, event.UserAgentOriginal), Via: via})
}

// assetsOfNetBIOS takes what hosts register, announce and answer of themselves.
func (w *worker) assetsOfNetBIOS(e *event.Event, via string) {
	from := ofClient
	name, kind := value(e, event.SaksiNetbiosName), value(e, event.SaksiNetbiosKind)
	switch action := value(e, event.EventAction); action {
	case "registration", "refresh":
		if kind == "workstation" || kind == "file server" {
			w.name(from, name, via)
		} else if kind == "domain" {
			w.fact(asset.Fact{Host: w.key(from), Kind: asset.Domain, Value: name, Via: via})
		}
	case "query":
		if kind != "workstation" && kind != "file server" || value(e, event.EventOutcome) != "success" {
			return
		}
		for v := range e.Values(event.DNSResolvedIP) {
			w.fact(asset.Fact{Host: asset.Of(v.Addr().As16()), Kind: asset.Name, Value: name, Via: via, Hearsay: v.Addr() != w.pc.Server})
		}
	case "announcement":
		w.name(from, value(e, event.SaksiNetbiosHost), via)
		w.fact(asset.Fact{Host: w.key(from), Kind: asset.Domain, Value: value(e, event.SaksiNetbiosDomain), Via: via})
		for v := range e.Values(event.SaksiNetbiosRole) {
			if s := v.Str(); s != "server" {
				w.fact(asset.Fact{Host: w.key(from), Kind: asset.Role, Value: s, Via: via})
			}
		}
	case "status":
		if value(e, event.EventOutcome) != "success" {
			return
		}
		from = ofServer
		w.fact(asset.Fact{Host: w.key(from), Kind: asset.Domain, Value: value(e, event.SaksiNetbiosDomain), Via: via})
		for v := range e.Values(event.SaksiNetbiosNames) {
			if s, ok := strings.CutSuffix(v.Str(), " (workstation)"); ok {
				w.name(from, s, via)
			}
		}
		if mac, ok := parseMAC(value(e, event.ServerMAC)); ok {
			w.fact(asset.Fact{Host: w.key(from), Kind: asset.MAC, Value: string(mac[:]), Via: via})
		}
	}
}

// assetsOfSSDP takes the program of whoever offers or answers.
func (w *worker) assetsOfSSDP(e *event.Event, via string) {
	from := ofClient
	if value(e, event.EventAction) == "response" && w.pc.ServerPort == 1900 {
		from = ofServer
	}
	w.fact(asset.Fact{Host: w.key(from), Kind: asset.Server, Value: value(e, event.ServiceName), Via: via})
	w.fact(asset.Fact{Host: w.key(ofClient), Kind: asset.Agent, Value: value(e, event.UserAgentOriginal), Via: via})
}

// assetsOfDevice takes what a controller says of itself, and the stations that
// answer behind it.
func (w *worker) assetsOfDevice(e *event.Event, via string) {
	of := ofServer
	if via == "bacnet" && value(e, event.EventAction) == "i-am" {
		of = ofClient
	}
	parts := [...]string{
		value(e, event.DeviceManufacturer), value(e, event.DeviceModelName), value(e, event.DeviceModelIdentifier),
		value(e, event.DeviceSerialNumber), value(e, event.ServiceVersion),
	}
	if parts != [len(parts)]string{} {
		w.fact(asset.Fact{Host: w.key(of), Kind: asset.Device, Value: strings.Join(parts[:], "\x1f"), Via: via})
	}
	if unit, ok := e.GetInt(event.SaksiIcsUnit); ok && value(e, event.EventOutcome) == "success" {
		w.fact(asset.Fact{Host: w.key(ofServer), Kind: asset.Unit, Value: via + " " + strconv.FormatInt(unit, 10), Via: via})
	}
}
