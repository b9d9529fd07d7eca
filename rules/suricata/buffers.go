package suricata

import (
	"encoding/hex"
	"path/filepath"
	"strconv"
)

// bufInfo describes an inspection buffer.
type bufInfo struct {
	name  string // its sticky keyword
	app   AppProto
	dir   dirMask // where it exists; zero: both ways
	multi bool    // each use of the keyword looks at one instance by itself
}

// bufTable holds every buffer (Suricata user guide, "HTTP Keywords", "DNS
// Keywords", "SSL/TLS Keywords", "JA3/JA4 Keywords", "SSH Keywords", "File
// Keywords").
var bufTable = [NumBuffers]bufInfo{
	BufPayload:              {name: "payload"},
	BufStream:               {name: "stream"},
	BufFileData:             {name: "file.data", multi: true},
	BufHTTPMethod:           {name: "http.method", app: AppHTTP, dir: toServer},
	BufHTTPURI:              {name: "http.uri", app: AppHTTP, dir: toServer},
	BufHTTPURIRaw:           {name: "http.uri.raw", app: AppHTTP, dir: toServer},
	BufHTTPProtocol:         {name: "http.protocol", app: AppHTTP},
	BufHTTPHost:             {name: "http.host", app: AppHTTP, dir: toServer},
	BufHTTPHostRaw:          {name: "http.host.raw", app: AppHTTP, dir: toServer},
	BufHTTPUserAgent:        {name: "http.user_agent", app: AppHTTP, dir: toServer},
	BufHTTPReferer:          {name: "http.referer", app: AppHTTP, dir: toServer},
	BufHTTPAccept:           {name: "http.accept", app: AppHTTP, dir: toServer},
	BufHTTPAcceptEnc:        {name: "http.accept_enc", app: AppHTTP, dir: toServer},
	BufHTTPAcceptLang:       {name: "http.accept_lang", app: AppHTTP, dir: toServer},
	BufHTTPConnection:       {name: "http.connection", app: AppHTTP},
	BufHTTPContentType:      {name: "http.content_type", app: AppHTTP},
	BufHTTPContentLen:       {name: "http.content_len", app: AppHTTP},
	BufHTTPCookie:           {name: "http.cookie", app: AppHTTP},
	BufHTTPHeader:           {name: "http.header", app: AppHTTP},
	BufHTTPHeaderRaw:        {name: "http.header.raw", app: AppHTTP},
	BufHTTPHeaderNames:      {name: "http.header_names", app: AppHTTP},
	BufHTTPStart:            {name: "http.start", app: AppHTTP},
	BufHTTPRequestLine:      {name: "http.request_line", app: AppHTTP, dir: toServer},
	BufHTTPRequestBody:      {name: "http.request_body", app: AppHTTP, dir: toServer},
	BufHTTPResponseLine:     {name: "http.response_line", app: AppHTTP, dir: toClient},
	BufHTTPResponseBody:     {name: "http.response_body", app: AppHTTP, dir: toClient},
	BufHTTPStatCode:         {name: "http.stat_code", app: AppHTTP, dir: toClient},
	BufHTTPStatMsg:          {name: "http.stat_msg", app: AppHTTP, dir: toClient},
	BufHTTPServer:           {name: "http.server", app: AppHTTP, dir: toClient},
	BufHTTPLocation:         {name: "http.location", app: AppHTTP, dir: toClient},
	BufDNSQuery:             {name: "dns.query", app: AppDNS, dir: toServer, multi: true},
	BufTLSSNI:               {name: "tls.sni", app: AppTLS, dir: toServer},
	BufTLSVersion:           {name: "tls.version", app: AppTLS},
	BufTLSCertSubject:       {name: "tls.cert_subject", app: AppTLS},
	BufTLSCertIssuer:        {name: "tls.cert_issuer", app: AppTLS},
	BufTLSCertSerial:        {name: "tls.cert_serial", app: AppTLS},
	BufTLSCertFingerprint:   {name: "tls.cert_fingerprint", app: AppTLS},
	BufTLSCerts:             {name: "tls.certs", app: AppTLS, multi: true},
	BufJA3Hash:              {name: "ja3.hash", app: AppTLS, dir: toServer},
	BufJA3String:            {name: "ja3.string", app: AppTLS, dir: toServer},
	BufJA3SHash:             {name: "ja3s.hash", app: AppTLS, dir: toClient},
	BufJA3SString:           {name: "ja3s.string", app: AppTLS, dir: toClient},
	BufJA4Hash:              {name: "ja4.hash", app: AppTLS, dir: toServer},
	BufSSHProto:             {name: "ssh.proto", app: AppSSH},
	BufSSHSoftware:          {name: "ssh.software", app: AppSSH},
	BufSSHHassh:             {name: "ssh.hassh", app: AppSSH, dir: toServer},
	BufSSHHasshServer:       {name: "ssh.hassh.server", app: AppSSH, dir: toClient},
	BufSSHHasshString:       {name: "ssh.hassh.string", app: AppSSH, dir: toServer},
	BufSSHHasshServerString: {name: "ssh.hassh.server.string", app: AppSSH, dir: toClient},
	BufFileName:             {name: "file.name", multi: true},
	BufFileMD5:              {name: "filemd5", multi: true},
	BufFileSHA1:             {name: "filesha1", multi: true},
	BufFileSHA256:           {name: "filesha256", multi: true},
}

// String is the buffer's keyword.
func (b Buffer) String() string {
	if b < NumBuffers {
		return bufTable[b].name
	}
	return "buffer " + strconv.Itoa(int(b))
}

// stickyAliases are older names of sticky buffers.
var stickyAliases = map[string]Buffer{
	"file_data": BufFileData, "pkt_data": BufPayload,
	"http_request_line": BufHTTPRequestLine, "http_response_line": BufHTTPResponseLine,
	"http_protocol": BufHTTPProtocol, "http_accept": BufHTTPAccept, "http_accept_enc": BufHTTPAcceptEnc,
	"http_accept_lang": BufHTTPAcceptLang, "http_referer": BufHTTPReferer, "http_connection": BufHTTPConnection,
	"http_content_type": BufHTTPContentType, "http_content_len": BufHTTPContentLen,
	"http_header_names": BufHTTPHeaderNames, "http_start": BufHTTPStart,
	"dns_query": BufDNSQuery, "tls_sni": BufTLSSNI, "tls_cert_subject": BufTLSCertSubject,
	"tls_cert_issuer": BufTLSCertIssuer, "tls_cert_serial": BufTLSCertSerial,
	"tls_cert_fingerprint": BufTLSCertFingerprint, "ja3_hash": BufJA3Hash, "ja3_string": BufJA3String,
	"ssh_proto": BufSSHProto, "ssh_software": BufSSHSoftware, "http.server_body": BufHTTPResponseBody,
	"http.client_body": BufHTTPRequestBody,
}

// sticky maps each sticky keyword to its buffer.
var sticky = func() map[string]Buffer {
	m := map[string]Buffer{}
	for b := range NumBuffers {
		switch b {
		case BufPayload, BufStream, BufFileMD5, BufFileSHA1, BufFileSHA256, BufTLSVersion:
		default:
			m[bufTable[b].name] = b
		}
	}
	for k, b := range stickyAliases {
		m[k] = b
	}
	return m
}()

// modifiers are the older keywords that move the content before them.
var modifiers = map[string]Buffer{
	"http_uri": BufHTTPURI, "http_raw_uri": BufHTTPURIRaw, "http_method": BufHTTPMethod,
	"http_client_body": BufHTTPRequestBody, "http_server_body": BufHTTPResponseBody,
	"http_header": BufHTTPHeader, "http_raw_header": BufHTTPHeaderRaw, "http_cookie": BufHTTPCookie,
	"http_user_agent": BufHTTPUserAgent, "http_host": BufHTTPHost, "http_raw_host": BufHTTPHostRaw,
	"http_stat_code": BufHTTPStatCode, "http_stat_msg": BufHTTPStatMsg,
}

// pcreBuffers are the buffers that letters after a pcre name.
var pcreBuffers = map[byte]Buffer{
	'U': BufHTTPURI, 'I': BufHTTPURIRaw, 'P': BufHTTPRequestBody, 'Q': BufHTTPResponseBody,
	'H': BufHTTPHeader, 'D': BufHTTPHeaderRaw, 'M': BufHTTPMethod, 'C': BufHTTPCookie,
	'S': BufHTTPStatCode, 'Y': BufHTTPStatMsg, 'V': BufHTTPUserAgent, 'W': BufHTTPHost, 'Z': BufHTTPHostRaw,
}

// appNames are the protocols a header or app-layer-protocol can name.
var appNames = map[string]AppProto{
	"http": AppHTTP, "http1": AppHTTP, "tls": AppTLS, "ssl": AppTLS, "dns": AppDNS, "ssh": AppSSH,
	"smtp": AppSMTP, "ftp": AppFTP, "smb": AppSMB,
}

// otherApps are protocols Suricata knows and Saksi has no parser for yet.
var otherApps = map[string]bool{
	"http2": true, "doh2": true, "ftp-data": true, "dcerpc": true, "imap": true, "pop3": true, "modbus": true,
	"dnp3": true, "enip": true, "nfs": true, "ikev2": true, "ike": true, "krb5": true, "bittorrent-dht": true,
	"ntp": true, "dhcp": true, "rfb": true, "rdp": true, "snmp": true, "tftp": true, "sip": true, "mqtt": true,
	"quic": true, "telnet": true, "pgsql": true, "websocket": true, "ldap": true, "mdns": true, "mysql": true, "jabber": true, "msn": true, "irc": true, "llmnr": true,
}

// String gives the piece as "buffer@offset+length:hex".
func (e *Evidence) String() string {
	return e.Buffer.String() + "@" + strconv.Itoa(e.Offset) + "+" + strconv.Itoa(e.Length) + ":" + hex.EncodeToString(e.Bytes)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func ruleset(file string) string { return filepath.Base(file) }
