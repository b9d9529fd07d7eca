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
}

// bufTable holds every buffer (Suricata user guide, "HTTP Keywords", "DNS
// Keywords", "SSL/TLS Keywords", "JA3/JA4 Keywords", "SSH Keywords", "File
// Keywords").
var bufTable = [NumBuffers]bufInfo{
	BufPayload:              {name: "payload"},
	BufStream:               {name: "stream"},
	BufFileData:             {name: "file.data", multi: true},
	BufHTTPMethod:           {name: "http.method", app: AppAnyHTTP, dir: toServer},
	BufHTTPURI:              {name: "http.uri", app: AppAnyHTTP, dir: toServer},
	BufHTTPURIRaw:           {name: "http.uri.raw", app: AppAnyHTTP, dir: toServer},
	BufHTTPProtocol:         {name: "http.protocol", app: AppAnyHTTP},
	BufHTTPHost:             {name: "http.host", app: AppAnyHTTP, dir: toServer},
	BufHTTPHostRaw:          {name: "http.host.raw", app: AppAnyHTTP, dir: toServer},
	BufHTTPUserAgent:        {name: "http.user_agent", app: AppAnyHTTP, dir: toServer},
	BufHTTPReferer:          {name: "http.referer", app: AppAnyHTTP, dir: toServer},
	BufHTTPAccept:           {name: "http.accept", app: AppAnyHTTP, dir: toServer},
	BufHTTPAcceptEnc:        {name: "http.accept_enc", app: AppAnyHTTP, dir: toServer},
	BufHTTPAcceptLang:       {name: "http.accept_lang", app: AppAnyHTTP, dir: toServer},
	BufHTTPConnection:       {name: "http.connection", app: AppAnyHTTP},
	BufHTTPContentType:      {name: "http.content_type", app: AppAnyHTTP},
	BufHTTPContentLen:       {name: "http.content_len", app: AppAnyHTTP},
	BufHTTPCookie:           {name: "http.cookie", app: AppAnyHTTP},
	BufHTTPHeader:           {name: "http.header", app: AppAnyHTTP},
	BufHTTPHeaderRaw:        {name: "http.header.raw", app: AppAnyHTTP},
	BufHTTPHeaderNames:      {name: "http.header_names", app: AppAnyHTTP},
	BufHTTPStart:            {name: "http.start", app: AppAnyHTTP},
	BufHTTPRequestLine:      {name: "http.request_line", app: AppAnyHTTP, dir: toServer},
	BufHTTPRequestBody:      {name: "http.request_body", app: AppAnyHTTP, dir: toServer},
	BufHTTPResponseLine:     {name: "http.response_line", app: AppAnyHTTP, dir: toClient},
	BufHTTPResponseBody:     {name: "http.response_body", app: AppAnyHTTP, dir: toClient},
	BufHTTPStatCode:         {name: "http.stat_code", app: AppAnyHTTP, dir: toClient},
	BufHTTPStatMsg:          {name: "http.stat_msg", app: AppAnyHTTP, dir: toClient},
	BufHTTPServer:           {name: "http.server", app: AppAnyHTTP, dir: toClient},
	BufHTTPLocation:         {name: "http.location", app: AppAnyHTTP, dir: toClient},
	BufDNSQuery:             {name: "dns.query", app: AppDNS, dir: toServer, multi: true},
	BufTLSSNI:               {name: "tls.sni", app: AppAnyTLS, dir: toServer},
	BufTLSVersion:           {name: "tls.version", app: AppTLS},
	BufTLSCertSubject:       {name: "tls.cert_subject", app: AppTLS},
	BufTLSCertIssuer:        {name: "tls.cert_issuer", app: AppTLS},
	BufTLSCertSerial:        {name: "tls.cert_serial", app: AppTLS},
	BufTLSCertFingerprint:   {name: "tls.cert_fingerprint", app: AppTLS},
	BufTLSCerts:             {name: "tls.certs", app: AppTLS, multi: true},
	BufJA3Hash:              {name: "ja3.hash", app: AppAnyTLS, dir: toServer},
	BufJA3String:            {name: "ja3.string", app: AppAnyTLS, dir: toServer},
	BufJA3SHash:             {name: "ja3s.hash", app: AppAnyTLS, dir: toClient},
	BufJA3SString:           {name: "ja3s.string", app: AppAnyTLS, dir: toClient},
	BufJA4Hash:              {name: "ja4.hash", app: AppAnyTLS, dir: toServer},
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
	BufHTTPRequestHeader:    {name: "http.request_header", app: AppAnyHTTP, dir: toServer, multi: true},
	BufHTTPResponseHeader:   {name: "http.response_header", app: AppAnyHTTP, dir: toClient, multi: true},
	BufDNSQueryName:         {name: "dns.queries.rrname", app: AppDNS, multi: true},
	BufDNSAnswerName:        {name: "dns.answers.rrname", app: AppDNS, multi: true},
	BufDNSAuthorityName:     {name: "dns.authorities.rrname", app: AppDNS, multi: true},
	BufDNSAdditionalName:    {name: "dns.additionals.rrname", app: AppDNS, multi: true},
	BufDNSResponseName:      {name: "dns.response.rrname", app: AppDNS, dir: toClient, multi: true},
	BufDNSOpcode:            {name: "dns.opcode", app: AppDNS, bits: 8},
	BufDNSRcode:             {name: "dns.rcode", app: AppDNS, bits: 16, names: dnsRcodes},
	BufDNSRRType:            {name: "dns.rrtype", app: AppDNS, multi: true, bits: 16, names: dnsRRTypes},
	BufTLSRandom:            {name: "tls.random", app: AppTLS},
	BufTLSRandomTime:        {name: "tls.random_time", app: AppTLS},
	BufTLSRandomBytes:       {name: "tls.random_bytes", app: AppTLS},
	BufTLSALPN:              {name: "tls.alpn", app: AppAnyTLS, multi: true},
	BufTLSSubjectAltName:    {name: "tls.subjectaltname", app: AppTLS, dir: toClient, multi: true},
	BufTLSChainLen:          {name: "tls.cert_chain_len", app: AppTLS, bits: 32},
	BufFTPCommand:           {name: "ftp.command", app: AppFTP, dir: toServer},
	BufFTPCommandData:       {name: "ftp.command_data", app: AppFTP, dir: toServer},
	BufFTPReply:             {name: "ftp.reply", app: AppFTP, dir: toClient, multi: true},
	BufFTPReplyReceived:     {name: "ftp.reply_received", app: AppFTP, bits: 8, names: map[string]uint64{"yes": 1, "true": 1, "no": 0, "false": 0}},
	BufFTPCompletionCode:    {name: "ftp.completion_code", app: AppFTP, dir: toClient, multi: true},
	BufFTPMode:              {name: "ftp.mode", app: AppFTP, bits: 8, names: map[string]uint64{"active": 1, "passive": 0}},
	BufFTPDynamicPort:       {name: "ftp.dynamic_port", app: AppFTP, bits: 16},
	BufFTPDataCommand:       {name: "ftpdata_command", app: AppFTPData},
	BufHTTP2FrameType:       {name: "http2.frametype", app: AppHTTP2, multi: true, bits: 8, names: http2Frames},
	BufHTTP2ErrorCode:       {name: "http2.errorcode", app: AppHTTP2, multi: true, bits: 32, names: http2Errors},
	BufHTTP2Priority:        {name: "http2.priority", app: AppHTTP2, multi: true, bits: 8},
	BufHTTP2Window:          {name: "http2.window", app: AppHTTP2, multi: true, bits: 32},
	BufHTTP2HeaderName:      {name: "http2.header_name", app: AppHTTP2, multi: true},
	BufMQTTType:             {name: "mqtt.type", app: AppMQTT, bits: 8, names: mqttTypes},
	BufMQTTProtocolVersion:  {name: "mqtt.protocol_version", app: AppMQTT, bits: 8},
	BufMQTTReasonCode:       {name: "mqtt.reason_code", app: AppMQTT, multi: true, bits: 8},
	BufMQTTQOS:              {name: "mqtt.qos", app: AppMQTT, bits: 8},
	BufMQTTRetain:           {name: "mqtt.retain", app: AppMQTT, bits: 8, names: yesNo},
	BufMQTTDup:              {name: "mqtt.dup", app: AppMQTT, bits: 8, names: yesNo},
	BufMQTTSessionPresent:   {name: "mqtt.connack.session_present", app: AppMQTT, bits: 8, names: yesNo},
	BufMQTTProtocolString:   {name: "mqtt.connect.protocol_string", app: AppMQTT},
	BufMQTTClientID:         {name: "mqtt.connect.clientid", app: AppMQTT},
	BufMQTTUsername:         {name: "mqtt.connect.username", app: AppMQTT},
	BufMQTTPassword:         {name: "mqtt.connect.password", app: AppMQTT},
	BufMQTTWillTopic:        {name: "mqtt.connect.willtopic", app: AppMQTT},
	BufMQTTWillMessage:      {name: "mqtt.connect.willmessage", app: AppMQTT},
	BufMQTTPublishTopic:     {name: "mqtt.publish.topic", app: AppMQTT},
	BufMQTTPublishMessage:   {name: "mqtt.publish.message", app: AppMQTT},
	BufMQTTSubscribeTopic:   {name: "mqtt.subscribe.topic", app: AppMQTT, multi: true},
	BufMQTTUnsubscribeTopic: {name: "mqtt.unsubscribe.topic", app: AppMQTT, multi: true},
	BufSNMPVersion:          {name: "snmp.version", app: AppSNMP, bits: 32},
	BufSNMPCommunity:        {name: "snmp.community", app: AppSNMP},
	BufSNMPUser:             {name: "snmp.usm", app: AppSNMP},
	BufSNMPPDUType:          {name: "snmp.pdu_type", app: AppSNMP, bits: 32, names: snmpPDUs},
	BufSIPMethod:            {name: "sip.method", app: AppSIP, dir: toServer},
	BufSIPURI:               {name: "sip.uri", app: AppSIP, dir: toServer},
	BufSIPRequestLine:       {name: "sip.request_line", app: AppSIP, dir: toServer},
	BufSIPStatCode:          {name: "sip.stat_code", app: AppSIP, dir: toClient},
	BufSIPStatMsg:           {name: "sip.stat_msg", app: AppSIP, dir: toClient},
	BufSIPResponseLine:      {name: "sip.response_line", app: AppSIP, dir: toClient},
	BufSIPProtocol:          {name: "sip.protocol", app: AppSIP},
	BufSIPFrom:              {name: "sip.from", app: AppSIP, multi: true},
	BufSIPTo:                {name: "sip.to", app: AppSIP, multi: true},
	BufSIPVia:               {name: "sip.via", app: AppSIP, multi: true},
	BufSIPUserAgent:         {name: "sip.user_agent", app: AppSIP, multi: true},
	BufSIPContentType:       {name: "sip.content_type", app: AppSIP, multi: true},
	BufSIPContentLength:     {name: "sip.content_length", app: AppSIP, multi: true},
	BufFileSize:             {name: "filesize", multi: true, bits: 64},
	BufSMTPHelo:             {name: "smtp.helo", app: AppSMTP, dir: toServer},
	BufSMTPMailFrom:         {name: "smtp.mail_from", app: AppSMTP, dir: toServer},
	BufSMTPRcptTo:           {name: "smtp.rcpt_to", app: AppSMTP, dir: toServer, multi: true},
	BufEmailFrom:            {name: "email.from", app: AppSMTP, dir: toServer},
	BufEmailTo:              {name: "email.to", app: AppSMTP, dir: toServer},
	BufEmailCC:              {name: "email.cc", app: AppSMTP, dir: toServer},
	BufEmailSubject:         {name: "email.subject", app: AppSMTP, dir: toServer},
	BufEmailDate:            {name: "email.date", app: AppSMTP, dir: toServer},
	BufEmailMessageID:       {name: "email.message_id", app: AppSMTP, dir: toServer},
	BufEmailXMailer:         {name: "email.x_mailer", app: AppSMTP, dir: toServer},
	BufNFSVersion:           {name: "nfs_version", app: AppNFS, dir: toServer, bits: 32},
	BufNFSProcedure:         {name: "nfs_procedure", app: AppNFS, dir: toServer, bits: 32},
	BufRFBName:              {name: "rfb.name", app: AppRFB, dir: toClient},
	BufRFBSecType:           {name: "rfb.sectype", app: AppRFB, bits: 32},
	BufRFBSecResult:         {name: "rfb.secresult", app: AppRFB, bits: 32, names: rfbResults},
	BufSMBNamedPipe:         {name: "smb.named_pipe", app: AppSMB},
	BufSMBShare:             {name: "smb.share", app: AppSMB},
	BufDCERPCOpnum:          {name: "dcerpc.opnum", app: AppDCERPC},
	BufDCERPCInterface:      {name: "dcerpc.iface", app: AppDCERPC},
	BufDCERPCStub:           {name: "dcerpc.stub_data", app: AppDCERPC},
	BufAppEvent:             {name: "app-layer-event", multi: true},
	BufIPv4Header:           {name: "ipv4.hdr"},
	BufIPv6Header:           {name: "ipv6.hdr"},
	BufTCPHeader:            {name: "tcp.hdr"},
	BufUDPHeader:            {name: "udp.hdr"},
	BufICMPv4Header:         {name: "icmpv4.hdr"},
	BufICMPv6Header:         {name: "icmpv6.hdr"},
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
	"smb_named_pipe": BufSMBNamedPipe, "smb_share": BufSMBShare, "dce_stub_data": BufDCERPCStub,
}

// sticky maps each sticky keyword to its buffer.
var sticky = func() map[string]Buffer {
	m := map[string]Buffer{}
	for b := range NumBuffers {
		switch b {
		case BufPayload, BufStream, BufFileMD5, BufFileSHA1, BufFileSHA256, BufTLSVersion, BufAppEvent, BufDCERPCOpnum, BufDCERPCInterface, BufFTPDataCommand:
		default:
			if bufTable[b].bits == 0 && !b.ofPacket() {
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
	"pop3": AppPOP3, "mdns": AppMDNS, "llmnr": AppLLMNR, "nfs": AppNFS,
}

// appTransports are the transports of protocols that do not run over TCP alone.
var appTransports = map[AppProto]protoSet{
	AppDNS: protoTCP | protoUDP, AppSNMP: protoUDP, AppSIP: protoTCP | protoUDP, AppTFTP: protoUDP, AppQUIC: protoUDP, AppNTP: protoUDP,
	AppDHCP: protoUDP, AppNFS: protoTCP | protoUDP, AppMDNS: protoUDP, AppLLMNR: protoUDP, AppDCERPC: protoTCP | protoUDP,
}

// otherApps are protocols Suricata knows and Saksi has no parser for yet.
var otherApps = map[string]bool{
	"doh2": true, "modbus": true, "dnp3": true, "enip": true, "ikev2": true, "ike": true, "krb5": true, "bittorrent-dht": true,
	"rdp": true, "pgsql": true, "websocket": true, "ldap": true, "mysql": true, "jabber": true, "msn": true, "irc": true,
}

// String gives the piece as "buffer@offset+length:hex".
func (e *Evidence) String() string {
	return e.Buffer.String() + "@" + strconv.Itoa(e.Offset) + "+" + strconv.Itoa(e.Length) + ":" + hex.EncodeToString(e.Bytes)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func ruleset(file string) string { return filepath.Base(file) }
