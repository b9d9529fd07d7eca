package suricata

import "strings"

// refusedKeywords are keywords of Suricata that Saksi does not honor, and why. A
// rule with one of them is refused by its name.
var refusedKeywords = reasons(map[string]string{
	"Lua is not run": "lua luajit luaxform",
	"records are written as they are parsed, before rules are decided": "config",
	"it is of firewalls":              "app-layer-state",
	"it is of the plugin for nDPI":    "ndpi-protocol ndpi-risk",
	"it is an example for developers": "template2 template.buffer",
	"it is of a later Suricata than 8": `igmp.hdr igmp.type ether.hdr mime.header imap.request imap.response ttl.hop
		llmnr.queries.rrname llmnr.answers.rrname llmnr.response.rrname`,
	"Suricata 8 has none of the name": "ja4.string ja4s.hash",
})

// refusedEvents are events that Saksi does not raise, and why.
var refusedEvents = reasons(map[string]string{
	"a protocol is decided here for both directions at once": `applayer_mismatch_protocol_both_directions applayer_detect_protocol_only_one_direction
		applayer_wrong_direction_first_data applayer_unexpected_protocol`,
	"it is of a later Suricata than 8": `imap.too_many_transactions imap.invalid_data imap.request_not_found imap.incomplete_data imap.too_many_headers
		tls.invalid_alert_message tls.too_many_subject_alternative_names sctp.chunk_too_small sctp.chunk_len_invalid sctp.init_chunk_not_alone
		sctp.init_with_non_zero_vtag sctp.data_with_zero_vtag`,
})

// reasons turns lists of names by a reason into reasons by a name.
func reasons(lists map[string]string) map[string]string {
	m := map[string]string{}
	for why, list := range lists {
		for k := range strings.FieldsSeq(list) {
			m[k] = why
		}
	}
	return m
}

// because adds why something is refused, if that is known.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

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
