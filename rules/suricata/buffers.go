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
	bits  int     // of a number; the keyword then takes a comparison
	names map[string]uint64
	flags map[string]uint64 // bits that have names
	// special buffers are filled by keywords of their own, none is sticky.
	special bool
	// late buffers may come until the transaction ends: they are never absent.
	late bool
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
	"http.client_body": BufHTTPRequestBody, "http_request_header": BufHTTPRequestHeader, "http_response_header": BufHTTPResponseHeader,
	"dns.query.name": BufDNSQueryName, "dns.answer.name": BufDNSAnswerName,
	"sdp.media.media": BufSDPMedia, "sdp.media.media_info": BufSDPMediaInfo, "sdp.media.connection_data": BufSDPMediaConnection,
	"sdp.media.encryption_key": BufSDPMediaKey, "smb_named_pipe": BufSMBNamedPipe, "smb_share": BufSMBShare, "dce_stub_data": BufDCERPCStub,
}

// sticky maps each sticky keyword to its buffer.
var sticky = func() map[string]Buffer {
	m := map[string]Buffer{}
	for b := range NumBuffers {
		switch b {
		case lastPacketBuffer, BufPayload, BufStream, BufFileMD5, BufFileSHA1, BufFileSHA256, BufTLSVersion, BufAppEvent, BufDCERPCOpnum, BufDCERPCInterface, BufFTPDataCommand:
		default:
			if bufTable[b].bits == 0 && !b.ofPacket() && !bufTable[b].special && bufTable[b].name != "" && !b.IsFrame() {
				m[bufTable[b].name] = b
			}
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
	"http": AppAnyHTTP, "http1": AppHTTP, "http2": AppHTTP2, "tls": AppTLS, "ssl": AppTLS, "dns": AppDNS, "ssh": AppSSH,
	"smtp": AppSMTP, "ftp": AppFTP, "smb": AppSMB, "mqtt": AppMQTT, "snmp": AppSNMP, "sip": AppSIP, "rfb": AppRFB, "dcerpc": AppDCERPC,
	"tftp": AppTFTP, "ftp-data": AppFTPData, "telnet": AppTelnet, "quic": AppQUIC, "ntp": AppNTP, "dhcp": AppDHCP, "imap": AppIMAP,
	"pop3": AppPOP3, "mdns": AppMDNS, "llmnr": AppLLMNR, "nfs": AppNFS, "modbus": AppModbus, "dnp3": AppDNP3, "enip": AppENIP, "ike": AppIKE, "ikev2": AppIKE,
	"krb5": AppKerberos, "ldap": AppLDAP, "pgsql": AppPgSQL, "websocket": AppWebSocket, "bittorrent-dht": AppBitTorrentDHT, "rdp": AppRDP, "irc": AppIRC,
	"jabber": AppJabber,
}

// appTransports are the transports of protocols that do not run over TCP alone.
var appTransports = map[AppProto]protoSet{
	AppDNS: protoTCP | protoUDP, AppSNMP: protoUDP, AppSIP: protoTCP | protoUDP, AppTFTP: protoUDP, AppQUIC: protoUDP, AppNTP: protoUDP,
	AppDHCP: protoUDP, AppNFS: protoTCP | protoUDP, AppMDNS: protoUDP, AppLLMNR: protoUDP, AppDCERPC: protoTCP | protoUDP,
	AppENIP: protoTCP | protoUDP, AppIKE: protoUDP, AppKerberos: protoTCP | protoUDP, AppLDAP: protoTCP | protoUDP, AppDNP3: protoTCP | protoUDP,
	AppBitTorrentDHT: protoUDP,
}

// otherApps are protocols Suricata knows and Saksi has no parser for yet.
var otherApps = map[string]bool{
	"doh2": true, "mysql": true, "msn": true, "template": true,
}

// String gives the piece as "buffer@offset+length:hex".
func (e *Evidence) String() string {
	return e.Buffer.String() + "@" + strconv.Itoa(e.Offset) + "+" + strconv.Itoa(e.Length) + ":" + hex.EncodeToString(e.Bytes)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func ruleset(file string) string { return filepath.Base(file) }
