package suricata

import "strings"

// refusedKeywords are keywords of Suricata that Saksi does not honor yet. A
// rule with one of them is refused by its name.
var refusedKeywords = func() map[string]bool {
	m := map[string]bool{}
	for k := range strings.FieldsSeq(`
		config detection_offset lua luajit luaxform firewall detect-event
		template2 ndpi-protocol ndpi-risk ttl.hop ja4.string ja4s.hash app-layer-state csum decode-type template.buffer
		imap.request imap.response`) {
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
