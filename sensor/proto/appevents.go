package proto

import (
	"slices"

	"saksi/rules/suricata"
)

// AppEvents are the events that parsers raise and rules name with
// app-layer-event (Suricata user guide and the rules that come with it).
var AppEvents = []string{
	"dns.malformed_data", "dns.not_request", "dns.not_response", "dns.z_flag_set", "dns.invalid_opcode",
	"http2.userinfo_in_uri", "smb.file_overlap",
	"http.gzip_decompression_failed", "http.request_field_missing_colon", "http.response_field_missing_colon",
	"http.invalid_request_chunk_len", "http.invalid_response_chunk_len", "http.invalid_transfer_encoding_value_in_request",
	"http.invalid_transfer_encoding_value_in_response", "http.invalid_content_length_field_in_request", "http.invalid_content_length_field_in_response",
	"http.100_continue_already_seen", "http.unable_to_match_response_to_request", "http.invalid_server_port_in_request", "http.invalid_authority_port",
	"http.request_header_invalid", "http.response_header_invalid", "http.missing_host_header", "http.host_header_ambiguous",
	"http.invalid_request_field_folding", "http.invalid_response_field_folding", "http.request_field_too_long", "http.response_field_too_long",
	"http.request_server_port_tcp_port_mismatch", "http.request_uri_host_invalid", "http.request_header_host_invalid", "http.uri_delim_non_compliant",
	"http.method_delim_non_compliant", "http.request_line_leading_whitespace", "http.too_many_encoding_layers", "http.abnormal_ce_header",
	"http.request_auth_unrecognized", "http.request_header_repetition", "http.response_header_repetition", "http.response_multipart_byteranges",
	"http.response_abnormal_transfer_encoding", "http.response_chunked_old_proto", "http.response_invalid_protocol", "http.response_invalid_status",
	"http.double_encoded_uri", "http.request_body_unexpected", "http.duplicate_content_length_field_in_request",
	"http.duplicate_content_length_field_in_response", "http.range_invalid", "http.request_chunk_extension", "http.response_chunk_extension",
	"http.request_line_missing_protocol", "http.request_too_many_headers", "http.response_too_many_headers",
	"tls.invalid_sslv2_header", "tls.invalid_tls_header", "tls.invalid_record_version", "tls.invalid_record_type", "tls.invalid_handshake_message",
	"tls.invalid_certificate", "tls.certificate_missing_element", "tls.certificate_unknown_element", "tls.certificate_invalid_length",
	"tls.certificate_invalid_string", "tls.error_message_encountered", "tls.invalid_ssl_record", "tls.heartbeat_message",
	"tls.overflow_heartbeat_message", "tls.invalid_heartbeat_message", "tls.dataleak_heartbeat_mismatch", "tls.multiple_sni_extensions",
	"tls.invalid_sni_type", "tls.invalid_sni_length", "tls.handshake_invalid_length", "tls.too_many_records_in_packet",
	"krb5.malformed_data", "krb5.weak_encryption", "ike.malformed_data", "ike.weak_crypto_enc", "ike.weak_crypto_prf", "ike.weak_crypto_auth",
	"ike.weak_crypto_dh", "ike.weak_crypto_nodh", "ike.weak_crypto_noauth", "ike.no_encryption", "ike.invalid_proposal", "ike.multiple_server_proposal",
	"modbus.unsolicited_response", "modbus.invalid_unit_identifier", "modbus.invalid_function_code", "modbus.invalid_value",
	"modbus.invalid_exception_code", "modbus.flooded", "dnp3.bad_link_crc", "dnp3.bad_transport_crc", "enip.invalid_pdu", "ldap.request_not_found",
	"smtp.invalid_reply", "smtp.unable_to_match_reply_with_request", "smtp.max_command_line_len_exceeded", "smtp.max_reply_line_len_exceeded",
	"smtp.no_server_welcome_message", "smtp.tls_rejected", "smtp.data_command_rejected", "ftp.request_command_too_long",
	"ftp.response_command_too_long", "ftp.too_many_transactions", "dhcp.malformed_options", "dhcp.truncated_options", "mdns.malformed_data",
	"mdns.z_flag_set", "mdns.invalid_opcode",
	"mqtt.missing_connect", "mqtt.missing_publish", "mqtt.missing_subscribe", "mqtt.missing_unsubscribe", "mqtt.double_connect",
	"smb.malformed_data", "nfs.malformed_data", "snmp.malformed_data", "ntp.malformed_data", "sip.invalid_data", "rfb.malformed_message",
	"pgsql.malformed_request", "pgsql.malformed_response", "http2.invalid_frame_data", "quic.error_on_data",
	"ssh.invalid_banner", "ssh.long_banner", "ssh.invalid_record",
	"http.compression_bomb", "http.multipart_no_filedata", "http.multipart_invalid_header", "http.file_name_too_long", "http.request_line_incomplete",
	"http2.authority_host_mismatch", "http2.invalid_range", "http2.stream_id_reuse", "http2.data_stream_zero", "http2.failed_decompression",
	"smtp.mime_long_line", "smtp.mime_long_enc_line", "smtp.mime_long_header_name", "smtp.mime_long_header_value", "smtp.mime_invalid_base64", "smtp.mime_invalid_qp",
	"snmp.version_mismatch", "snmp.unknown_security_model", "rfb.unimplemented_security_type", "rfb.unknown_security_result",
	"dns.infinite_loop", "dns.name_too_long", "dns.invalid_authorities", "dns.invalid_additionals",
	"mdns.infinite_loop", "mdns.name_too_long", "mdns.invalid_authorities", "mdns.invalid_additionals",
	"smb.request_to_client", "smb.response_to_server", "smb.duplicate_negotiate", "modbus.invalid_protocol_id", "modbus.invalid_length", "modbus.value_mismatch",
	noTLS, "ldap.invalid_data", "mqtt.malformed_traffic", "dnp3.malformed",
	"http2.long_frame_data", "http2.invalid_frame_length", "http2.invalid_header", "http2.header_integer_overflow",
	"http2.invalid_http1_settings", "quic.failed_decrypt", "ssh.long_kex_record",
	"smtp.duplicate_fields", "smtp.unparsable_content", "smtp.invalid_pipelined_sequence", "smtp.bdat_chunk_len_exceeded", "smtp.truncated_line",
	"smb.malformed_ntlmssp_request", "smb.negotiate_malformed_dialects", "smb.read_request_too_large", "smb.read_response_too_large",
	"smb.write_request_too_large", "smb.negotiate_max_read_size_too_large", "smb.negotiate_max_write_size_too_large",
	"ike.unknown_proposal", "ike.payload_extra_data", "sip.incomplete_data",
	"smtp.mime_long_boundary", "smtp.mime_long_filename", "pop3.request_too_long", "pop3.response_too_long", "pop3.unknown_command", "pop3.incorrect_argument_count",
	"tls.certificate_invalid_version", "tls.certificate_invalid_serial", "tls.certificate_invalid_algorithmidentifier", "tls.certificate_invalid_date",
	"tls.certificate_invalid_extensions", "tls.certificate_invalid_der", "dnp3.len_too_small", "dnp3.unknown_object", "smb.unusual_ntlmssp_order",
	"bittorrent-dht.malformed_packet",
	"mqtt.unintroduced_message", "mqtt.invalid_qos_level", "mqtt.missing_msg_id", "mqtt.unassigned_msg_type",
}

// NeverRaised are events that rules know and that nothing here raises: what a
// parser of Suricata's says of bounds of its own, of memory or of itself. Where a
// parser here stops, the reading counts it instead.
var NeverRaised = []string{
	"http2.invalid_frame_header", "http2.invalid_client_magic", "http2.extra_header_data", "http.unknown_error", "http.lzma_memlimit_reached", "http.too_many_warnings", "http.multipart_generic_error",
	"http2.too_many_streams", "http2.too_many_frames", "http2.reassembly_limit_reached",
	"smb.internal_error", "smb.too_many_transactions", "smb.write_queue_size_exceeded", "smb.write_queue_cnt_exceeded",
	"smb.read_queue_size_exceeded", "smb.read_queue_cnt_exceeded", "mqtt.too_many_transactions", "ldap.too_many_transactions",
	"pgsql.too_many_transactions", "pgsql.too_many_responses", "pop3.too_many_transactions", "enip.too_many_transactions",
	"nfs.too_many_transactions", "dnp3.too_many_points", "dnp3.too_many_objects", "dnp3.too_long_reassembly", "quic.crypto_frag_too_long",
	"websocket.skip_end_of_payload", "websocket.reassembly_limit_reached", "mdns.not_request", "mdns.not_response", "dns.too_many_labels", "mdns.too_many_labels",
	"applayer_proto_detection_skipped", "http.request_line_invalid", "http.failed_protocol_change", "smtp.failed_protocol_change",
	"smtp.mime_parse_failed", "smtp.mime_malformed_msg", "ntp.unsolicited_response", "ntp.not_request", "ntp.not_response",
	"tls.certificate_invalid_x509name", "tls.certificate_invalid_subject", "tls.certificate_invalid_issuer", "tls.certificate_invalid_validity",
	"smb.record_overflow", "smb.malformed_ntlmssp_response", "smb.read_response_queue_size_exceeded", "smb.read_response_queue_cnt_exceeded", "dnp3.flooded", "pgsql.invalid_length", "nfs.non_existing_version", "nfs.unsupported_version",
}

// malformed names the event of data that can't be read, for requests and
// responses.
var malformed = map[suricata.AppProto][2]string{
	suricata.AppSMB: {"smb.malformed_data", "smb.malformed_data"}, suricata.AppNFS: {"nfs.malformed_data", "nfs.malformed_data"},
	suricata.AppSNMP: {"snmp.malformed_data", "snmp.malformed_data"}, suricata.AppNTP: {"ntp.malformed_data", "ntp.malformed_data"},
	suricata.AppSIP: {"sip.invalid_data", "sip.invalid_data"}, suricata.AppRFB: {"rfb.malformed_message", "rfb.malformed_message"},
	suricata.AppPgSQL: {"pgsql.malformed_request", "pgsql.malformed_response"}, suricata.AppQUIC: {"quic.error_on_data", "quic.error_on_data"},
	suricata.AppLDAP: {"ldap.invalid_data", "ldap.invalid_data"}, suricata.AppMQTT: {"mqtt.malformed_traffic", "mqtt.malformed_traffic"},
	suricata.AppDNP3:  {"dnp3.malformed", "dnp3.malformed"},
	suricata.AppHTTP2: {"http2.invalid_frame_data", "http2.invalid_frame_data"},
}

// malformedID sets the transaction of such an event apart from others.
const malformedID = 1 << 62

// Malformed makes the transaction that tells rules of a packet whose data could
// not be read, nil if they have no name for it.
func Malformed(app suricata.AppProto, dir Dir, packet uint64) suricata.Tx {
	names, ok := malformed[app]
	if !ok {
		return nil
	}
	t := &bufTx{app: app, id: malformedID, packets: []uint64{packet}}
	t.event(names[dir])
	return t
}

// noTLS is the event of a connection whose ends agreed to go on in TLS and that
// went on otherwise.
const noTLS = "applayer_no_tls_after_starttls"

// NoTLS makes the transaction that tells rules of it; app is the protocol that
// came instead.
func NoTLS(app suricata.AppProto, packet uint64) suricata.Tx {
	t := &bufTx{app: app, id: malformedID, packets: []uint64{packet}}
	t.event(noTLS)
	return t
}

// AsksTLS reports protocols that hand a flow on only to TLS (RFC 2595, RFC 3207,
// RFC 4217, RFC 4513, RFC 4642).
func AsksTLS(protocol string) bool {
	switch protocol {
	case "smtp", "imap", "pop3", "nntp", "ftp", "ldap":
		return true
	}
	return false
}

var frames []suricata.Buffer

// frame names a frame that a parser offers.
func frame(name string) suricata.Buffer {
	b := suricata.Frame(name)
	frames = append(frames, b)
	return b
}

// Offers reports whether parsers fill a buffer.
func Offers(b suricata.Buffer) bool {
	if b.IsFrame() {
		return slices.Contains(frames, b)
	}
	return true
}
