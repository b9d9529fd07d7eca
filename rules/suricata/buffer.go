package suricata

// Buffer identifies an inspection buffer. Ids are resolved when rules are
// compiled, so matching never looks up a name.
type Buffer uint16

// Inspection buffers (Suricata user guide, "Payload keywords" to "SSH keywords").
const (
	BufPayload Buffer = iota // payload of the packet
	BufStream                // reassembled TCP stream, one direction
	BufFileData
	BufHTTPMethod
	BufHTTPURI // normalized
	BufHTTPURIRaw
	BufHTTPProtocol
	BufHTTPHost // lower case, no port
	BufHTTPHostRaw
	BufHTTPUserAgent
	BufHTTPReferer
	BufHTTPAccept
	BufHTTPAcceptEnc
	BufHTTPAcceptLang
	BufHTTPConnection
	BufHTTPContentType
	BufHTTPContentLen
	BufHTTPCookie
	BufHTTPHeader // normalized, one "Name: value\r\n" a line, without cookie
	BufHTTPHeaderRaw
	BufHTTPHeaderNames // "\r\nName\r\nName\r\n\r\n"
	BufHTTPStart       // request or status line and headers
	BufHTTPRequestLine
	BufHTTPRequestBody
	BufHTTPResponseLine
	BufHTTPResponseBody
	BufHTTPStatCode
	BufHTTPStatMsg
	BufHTTPServer
	BufHTTPLocation
	BufDNSQuery
	BufTLSSNI
	BufTLSVersion
	BufTLSCertSubject
	BufTLSCertIssuer
	BufTLSCertSerial
	BufTLSCertFingerprint
	BufJA3Hash
	BufJA3String
	BufJA3SHash
	BufJA3SString
	BufJA4Hash
	BufSSHProto
	BufSSHSoftware
	BufSSHHassh
	BufSSHHasshServer
	BufFileName
	BufTLSCerts // DER of a certificate, one instance a certificate
	BufSSHHasshString
	BufSSHHasshServerString
	BufFileMD5            // 16 raw bytes, one instance a file
	BufFileSHA1           // 20 raw bytes
	BufFileSHA256         // 32 raw bytes
	BufHTTPRequestHeader  // "Name: value", one instance a field
	BufHTTPResponseHeader // the same of a response
	BufDNSQueryName       // names of questions, in requests and responses
	BufDNSAnswerName      // names of records, by section of the message
	BufDNSAuthorityName
	BufDNSAdditionalName
	BufDNSResponseName // names in all sections of a response
	BufDNSOpcode       // numbers have 8 bytes, see AppendNumber
	BufDNSRcode
	BufDNSRRType
	BufTLSRandom // 32 bytes
	BufTLSRandomTime
	BufTLSRandomBytes
	BufTLSALPN
	BufTLSSubjectAltName
	BufTLSChainLen
	BufFTPCommand
	BufFTPCommandData
	BufFTPReply
	BufFTPReplyReceived
	BufFTPCompletionCode
	BufFTPMode
	BufFTPDynamicPort
	BufFTPDataCommand
	BufHTTP2FrameType
	BufHTTP2ErrorCode
	BufHTTP2Priority
	BufHTTP2Window
	BufHTTP2HeaderName
	BufMQTTType
	BufMQTTProtocolVersion
	BufMQTTReasonCode
	BufMQTTQOS
	BufMQTTRetain
	BufMQTTDup
	BufMQTTSessionPresent
	BufMQTTProtocolString
	BufMQTTClientID
	BufMQTTUsername
	BufMQTTPassword
	BufMQTTWillTopic
	BufMQTTWillMessage
	BufMQTTPublishTopic
	BufMQTTPublishMessage
	BufMQTTSubscribeTopic
	BufMQTTUnsubscribeTopic
	BufSNMPVersion
	BufSNMPCommunity
	BufSNMPUser
	BufSNMPPDUType
	BufNTPMode
	BufNTPReferenceID
	BufNTPStratum
	BufNTPVersion
	BufSIPMethod
	BufSIPURI
	BufSIPRequestLine
	BufSIPStatCode
	BufSIPStatMsg
	BufSIPResponseLine
	BufSIPProtocol
	BufSIPFrom
	BufSIPTo
	BufSIPVia
	BufSIPUserAgent
	BufSIPContentType
	BufSIPContentLength
	BufFileSize // of a file that is complete
	BufSMTPHelo
	BufSMTPMailFrom
	BufSMTPRcptTo
	BufEmailFrom
	BufEmailTo
	BufEmailCC
	BufEmailSubject
	BufEmailDate
	BufEmailMessageID
	BufEmailXMailer
	BufNFSVersion
	BufNFSProcedure
	BufRFBName
	BufRFBSecType
	BufRFBSecResult
	BufSMBNamedPipe
	BufSMBShare
	BufDCERPCOpnum
	BufDCERPCInterface // 16 bytes, as a UUID is written
	BufDCERPCStub
	BufAppEvent   // names of events such as "dns.z_flag_set"
	BufIPv4Header // with options
	BufIPv6Header // with extension headers
	BufTCPHeader  // with options
	BufUDPHeader
	BufICMPv4Header
	BufICMPv6Header
	BufIPSource // 4 or 16 bytes
	BufIPDestination
	lastPacketBuffer
	BufLDAPRequestOp
	BufLDAPRequestDN
	BufLDAPRequestAttribute
	BufLDAPResponseOp
	BufLDAPResponseCount
	BufLDAPResponseDN
	BufLDAPResponseCode
	BufLDAPResponseMessage
	BufLDAPResponseAttribute
	BufWebSocketPayload
	BufWebSocketFlags
	BufWebSocketMask
	BufWebSocketOpcode
	BufENIPCommand
	BufENIPStatus
	BufENIPProtocolVersion
	BufENIPRevision
	BufENIPIdentityStatus
	BufENIPState
	BufENIPSerial
	BufENIPProductCode
	BufENIPDeviceType
	BufENIPVendor
	BufENIPProductName
	BufENIPServiceName
	BufENIPCapabilities
	BufCIPAttribute
	BufCIPInstance
	BufCIPClass
	BufCIPStatus
	BufCIPExtendedStatus
	BufCIPService // service, classes and attributes, see AppendCIP
	BufDNP3Function
	BufDNP3Indication
	BufDNP3Object // group<<8 | variation
	BufDNP3Data
	BufModbus // see AppendModbus
	BufIKEInitiatorSPI
	BufIKEResponderSPI
	BufIKEExchange
	BufIKEVendor
	BufIKEKeyExchange
	BufIKEKeyExchangeLength
	BufIKENonce
	BufIKENonceLength
	BufIKEAttribute // "alg_enc=7"
	BufKerberosType
	BufKerberosClient
	BufKerberosServer
	BufKerberosError
	BufKerberosEncryption // of a ticket; negative numbers as two's complement
	BufPgSQLQuery
	BufDHCPLease
	BufDHCPRebinding
	BufDHCPRenewal
	BufMDNSQueryName
	BufMDNSAnswerName
	BufMDNSAuthorityName
	BufMDNSAdditionalName
	BufMDNSResponseName
	BufSDPOrigin
	BufSDPSessionName
	BufSDPSessionInfo
	BufSDPURI
	BufSDPEmail
	BufSDPPhone
	BufSDPConnection
	BufSDPBandwidth
	BufSDPTime
	BufSDPRepeat
	BufSDPTimezone
	BufSDPKey
	BufSDPAttribute
	BufSDPMedia
	BufSDPMediaInfo
	BufSDPMediaConnection
	BufSDPMediaKey
	BufSMBUser
	BufSMBDomain
	BufSMBVersion
	BufQUICVersion
	BufQUICSNI
	BufQUICUserAgent
	BufQUICCYUHash
	BufQUICCYUString
	BufTLSNotBefore     // seconds since 1970
	BufTLSNotAfter      // the same
	BufTLSRecordVersion // 0x0303
	BufTLSState         // bits, see TLSClientHello
	BufHTTP2Setting     // identifier<<32 | value
	BufHTTP2SizeUpdate
	BufMQTTFlags
	BufMQTTConnectFlags
	BufEmailURL
	BufEmailReceived
	BufEmailBodyMD5
	BufSSHVersion // digits of the protocol's version
	BufFTPBounce  // 1: a PORT that names another host than the client's
	firstFrame
)

// NumBuffers is how many buffers there are, frames among them.
const NumBuffers = firstFrame + Buffer(len(frameNames))

// frameNames are the frames of protocols that rules can name (Suricata user
// guide, "Frame Keywords" and the keywords of each protocol), as PROTOCOL.FRAME.
var frameNames = [...]string{
	"dcerpc.hdr", "dcerpc.data", "dcerpc.pdu", "telnet.pdu", "telnet.ctl", "telnet.data", "dns.pdu", "ldap.pdu", "snmp.pdu", "modbus.pdu",
	"http1.request", "http1.response", "tls.pdu", "tls.hdr", "tls.data", "tls.alert", "tls.heartbeat", "tls.ssl2.hdr", "tls.ssl2.pdu",
	"smb.nbss.pdu", "smb.nbss.hdr", "smb.nbss.data", "smb.smb1.pdu", "smb.smb1.hdr", "smb.smb1.data", "smb.smb2.pdu", "smb.smb2.hdr", "smb.smb2.data",
	"smb.smb3.pdu", "smb.smb3.hdr", "smb.smb3.data", "sip.pdu", "sip.request.line", "sip.response.line", "sip.request.headers", "sip.response.headers",
	"sip.request.body", "sip.response.body", "ssh.record_hdr", "ssh.record_data", "ssh.record_pdu", "smtp.command_line", "smtp.response_line", "smtp.data",
	"websocket.header", "websocket.pdu", "websocket.data", "mqtt.header", "mqtt.pdu", "mqtt.data", "enip.hdr", "enip.data", "enip.pdu", "rfb.pdu",
	"http2.hdr", "http2.data", "http2.pdu", "mdns.pdu", "quic.pdu", "quic.header", "quic.data", "nfs.rpc.pdu", "nfs.rpc.hdr", "nfs.rpc.data",
	"nfs.rpc.creds", "nfs.nfs.pdu", "nfs.nfs.status", "nfs.nfs4.pdu", "nfs.nfs4.hdr", "nfs.nfs4.ops", "nfs.nfs4.status",
}

// Frame gives the buffer of a frame named as PROTOCOL.FRAME; it panics when
// there is none, which is a defect of the program.
func Frame(name string) Buffer {
	for i, n := range frameNames {
		if n == name {
			return firstFrame + Buffer(i)
		}
	}
	panic("suricata: no frame is named " + name)
}

// IsFrame reports whether the buffer is a frame.
func (b Buffer) IsFrame() bool { return b >= firstFrame }
