package intel

// Kind is what an indicator's value is, and so which fields are compared.
type Kind uint8

// Kinds of values.
const (
	kindNone    Kind = iota
	Address          // IPv4 or IPv6, on either side
	Source           // address of who began
	Destination      // address of who was asked
	Network          // addresses below a prefix, on either side
	Domain           // a name, exactly
	Tree             // a name and all below it
	Below            // all names below one
	URL
	BareURL // without its scheme
	MD5
	SHA1
	SHA256
	Email
	Sender
	Recipient
	Subject
	JA3
	JA3S
	JA4
	HASSH
	HASSHServer
	CertSHA1
	CertSHA256
	CertSerial
	FileName
	UserAgent
	// What follows can stand in a pattern of several terms only.
	DestinationPort
	SourcePort
	Protocol
	FileSize
	Method
	Path
	numKinds
)

// kindInfo is how a kind is told: threat.indicator.type (ECS), the name lists
// give it, and its object path in a STIX pattern.
type kindInfo struct{ ecs, name, path string }

var kinds = [numKinds]kindInfo{
	Address:         {"", "ip", ""},
	Source:          {"", "ip-src", "network-traffic:src_ref.value"},
	Destination:     {"", "ip-dst", "network-traffic:dst_ref.value"},
	Network:         {"", "network", ""},
	Domain:          {"domain-name", "domain", "domain-name:value"},
	Tree:            {"domain-name", "domain-tree", "domain-name:value"},
	Below:           {"domain-name", "subdomains", "domain-name:value"},
	URL:             {"url", "url", "url:value"},
	BareURL:         {"url", "url", "url:value"},
	MD5:             {"file", "md5", "file:hashes.MD5"},
	SHA1:            {"file", "sha1", "file:hashes.'SHA-1'"},
	SHA256:          {"file", "sha256", "file:hashes.'SHA-256'"},
	Email:           {"email-addr", "email", "email-addr:value"},
	Sender:          {"email-addr", "email-src", "email-message:from_ref.value"},
	Recipient:       {"email-addr", "email-dst", "email-message:to_refs[*].value"},
	Subject:         {"email-message", "email-subject", "email-message:subject"},
	JA3:             {"network-traffic", "ja3", "tls.client.ja3"},
	JA3S:            {"network-traffic", "ja3s", "tls.server.ja3s"},
	JA4:             {"network-traffic", "ja4", "Saksi.tls.ja4"},
	HASSH:           {"network-traffic", "hassh", "Saksi.ssh.hassh"},
	HASSHServer:     {"network-traffic", "hassh-server", "Saksi.ssh.hassh_server"},
	CertSHA1:        {"x509-certificate", "cert-sha1", "x509-certificate:hashes.'SHA-1'"},
	CertSHA256:      {"x509-certificate", "cert-sha256", "x509-certificate:hashes.'SHA-256'"},
	CertSerial:      {"x509-certificate", "cert-serial", "x509-certificate:serial_number"},
	FileName:        {"file", "filename", "file:name"},
	UserAgent:       {"network-traffic", "user-agent", "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"},
	DestinationPort: {"network-traffic", "port", "network-traffic:dst_port"},
	SourcePort:      {"network-traffic", "port-src", "network-traffic:src_port"},
	Protocol:        {"network-traffic", "protocol", "network-traffic:protocols[*]"},
	FileSize:        {"file", "size", "file:size"},
	Method:          {"network-traffic", "method", "network-traffic:extensions.'http-request-ext'.request_method"},
	Path:            {"url", "path", "network-traffic:extensions.'http-request-ext'.request_value"},
}

// String is the name lists give the kind.
func (k Kind) String() string { return kinds[k].name }

// searched reports whether values of the kind can be looked up.
func (k Kind) searched() bool { return k > kindNone && k < DestinationPort }

// listKinds are the words for kinds in the column "type" of a CSV file: our
// own, those of ECS, STIX and MISP, and others in wide use.
var listKinds = map[string]Kind{
	"ip": Address, "ipv4": Address, "ipv6": Address, "address": Address, "ipv4-addr": Address, "ipv6-addr": Address, "ip-addr": Address,
	"ip-src": Source, "ip-dst": Destination, "network": Network, "cidr": Network, "netblock": Network, "ip-range": Network,
	"domain": Domain, "domain-name": Domain, "hostname": Domain, "host": Domain, "fqdn": Domain, "domain-tree": Tree, "subdomains": Below,
	"url": URL, "uri": URL, "md5": MD5, "md5_hash": MD5, "sha1": SHA1, "sha-1": SHA1, "sha1_hash": SHA1, "sha256": SHA256, "sha-256": SHA256, "sha256_hash": SHA256,
	"email": Email, "e-mail": Email, "email-addr": Email, "email-src": Sender, "email-dst": Recipient, "email-subject": Subject,
	"ja3": JA3, "ja3-fingerprint-md5": JA3, "ja3s": JA3S, "ja4": JA4, "hassh": HASSH, "hassh-md5": HASSH, "hassh-server": HASSHServer, "hasshserver-md5": HASSHServer,
	"cert-sha1": CertSHA1, "x509-fingerprint-sha1": CertSHA1, "cert-sha256": CertSHA256, "x509-fingerprint-sha256": CertSHA256,
	"cert-serial": CertSerial, "x509-serial-number": CertSerial, "filename": FileName, "file-name": FileName, "user-agent": UserAgent,
}
