package suricata

import "strings"

// refusedKeywords are keywords of Suricata that Saksi does not honor yet. A
// rule with one of them is refused by its name.
var refusedKeywords = func() map[string]bool {
	m := map[string]bool{}
	for k := range strings.FieldsSeq(`
		app-layer-event asn1 bypass config dataset datarep dce_iface dce_opnum dce_stub_data decode-event detection_offset
		dnp3_func dnp3_ind dnp3_obj dnp3_data engine-event entropy filemagic filemd5 filesha1 filesha256 filesize filestore
		flowvar frame from_base64 ftpbounce ftpdata_command geoip gunzip zlib_deflate icmpv4.hdr icmpv6.hdr icmpv6.mtu ipopts ip.src ip.dst iprep
		ipv4.hdr ipv6.hdr krb5_cname krb5_err_code krb5_msg_type krb5_sname l3_proto lua luajit luaxform modbus nfq_set_mark
		nfs_procedure nfs_version pcrexform pktvar replace rpc sip.method smb.share smb.named_pipe smb_share smb_named_pipe ssh.protoversion
		ssh.softwareversion ssl_version ssl_state stream-event strip_pseudo_headers subslice tag tcp.hdr tcp.mss tcp.wscale tls.cert_chain_len
		tls.random tls.random_bytes tls.random_time tls.store tls_cert_expired tls_cert_notafter tls_cert_notbefore tls_cert_valid
		tls_cert_fingerprint tos udp.hdr vlan.id vlan.layers websocket.payload domain tld http2.errorcode alert
		http.request_header http.response_header http_request_header http_response_header cip_service enip_command firewall ike.init_spi
		template2 ndpi-protocol ndpi-risk mqtt.type decode_event ttl.hop ipv4-csum tcpv4-csum tcpv6-csum udpv4-csum udpv6-csum icmpv4-csum icmpv6-csum
		ja4.string ja4s.hash dhcp.leasetime snmp.version email.from`) {
		m[k] = true
	}
	return m
}()

// isProtocolKeyword reports whether a keyword with a dot belongs to a protocol
// of Suricata's.
func isProtocolKeyword(k string) bool {
	prefix, _, _ := strings.Cut(k, ".")
	switch prefix {
	case "http", "http2", "dns", "tls", "ssh", "ja3", "ja3s", "ja4", "ja4s", "file", "flow", "dcerpc", "smb", "smtp", "ftp", "ftp-data", "krb5",
		"sip", "sdp", "snmp", "mqtt", "rfb", "ike", "quic", "nfs", "dnp3", "dhcp", "enip", "email", "ldap", "pgsql", "websocket",
		"mime", "vlan", "ipv4", "ipv6", "icmpv6", "tcp", "udp", "mdns", "pop3", "rdp", "modbus", "ntp", "igmp", "ether", "llmnr":
		return true
	}
	return false
}
