package proto

import "saksi/rules/suricata"

// AppEvents are the events that parsers raise and rules name with
// app-layer-event (Suricata user guide and the rules that come with it).
var AppEvents = []string{
	"dns.malformed_data", "dns.not_request", "dns.not_response", "dns.z_flag_set", "dns.invalid_opcode",
	"http2.userinfo_in_uri", "http.request_chunk_extension", "http.response_chunk_extension", "smb.file_overlap",
	"mqtt.missing_connect", "mqtt.missing_publish", "mqtt.missing_subscribe", "mqtt.missing_unsubscribe", "mqtt.double_connect",
	"mqtt.unintroduced_message", "mqtt.invalid_qos_level", "mqtt.missing_msg_id", "mqtt.unassigned_msg_type",
}

var frames []suricata.Buffer

// frame names a frame that a parser offers.
func frame(name string) suricata.Buffer {
	b := suricata.Frame(name)
	frames = append(frames, b)
	return b
}

// Offers reports whether parsers fill a buffer that is a frame.
func Offers(b suricata.Buffer) bool {
	for _, f := range frames {
		if f == b {
			return true
		}
	}
	return false
}
