package proto

import (
	"encoding/binary"

	"saksi/event"
)

// dhcpEVE is a message of DHCP, as EVE JSON has it with all that its "extended"
// asks for.
type dhcpEVE struct {
	eveTx
	msg []byte
}

// dhcpTold are the kinds of messages that Suricata names.
var dhcpTold = map[byte]string{1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform"}

// dhcpAsked are the options asked for that Suricata names (RFC 2132).
var dhcpAsked = map[byte]string{
	1: "subnet_mask", 3: "router", 6: "dns_server", 15: "domain", 35: "arp_timeout", 42: "ntp_server", 66: "tftp_server_name", 150: "tftp_server_ip",
}

// AppendEVE implements EVE.
func (t *dhcpEVE) AppendEVE(m *event.Members) {
	b := t.msg
	m.Open("dhcp")
	switch b[0] {
	case 1:
		m.Str("type", "request")
	case 2:
		m.Str("type", "reply")
	default:
		m.Str("type", "<unknown>")
	}
	m.Int("id", int64(binary.BigEndian.Uint32(b[4:])))
	m.Str("client_mac", colonHex(b[28:28+min(int(b[2]), 16)]))
	m.Str("assigned_ip", dnsAddress(b[16:20]))
	m.Str("client_ip", dnsAddress(b[12:16]))
	if b[0] == 2 {
		m.Str("relay_ip", dnsAddress(b[24:28]))
		m.Str("next_server_ip", dnsAddress(b[20:24]))
	}
	told := map[int]bool{}
	for w := (wire{b: b, at: 240}); w.left() > 0; {
		code := w.u8()
		if code == 255 {
			break
		}
		if code == 0 {
			continue
		}
		v := w.take(w.u8())
		if w.short || m.Full() {
			break
		}
		if told[code] {
			continue
		}
		told[code] = true
		t.option(m, code, v)
	}
	m.Close()
}

// option writes what is told of an option.
func (t *dhcpEVE) option(m *event.Members, code int, v []byte) {
	addresses := func(key string) {
		m.Array(key)
		for ; len(v) >= 4; v = v[4:] {
			m.Str("", dnsAddress(v[:4]))
		}
		m.End()
	}
	switch code {
	case 1:
		m.Str("subnet_mask", dnsAddress(v))
	case 3:
		addresses("routers")
	case 6:
		addresses("dns_servers")
	case 12:
		if len(v) > 0 {
			m.Blob("hostname", v)
		}
	case 50:
		m.Str("requested_ip", dnsAddress(v))
	case 51, 58, 59:
		if len(v) == 4 {
			m.Int(map[int]string{51: "lease_time", 58: "renewal_time", 59: "rebinding_time"}[code], int64(binary.BigEndian.Uint32(v)))
		}
	case 53:
		if len(v) > 0 {
			name := dhcpTold[v[0]]
			if name == "" {
				name = "unknown"
			}
			m.Str("dhcp_type", name)
		}
	case 55:
		m.Array("params")
		for _, c := range v {
			if name := dhcpAsked[c]; name != "" {
				m.Str("", name)
			}
		}
		m.End()
	case 60:
		if len(v) > 0 {
			m.Blob("vendor_class_identifier", v)
		}
	case 61:
		if len(v) > 1 { // the type of hardware stands first
			m.Str("client_id", colonHex(v[1:]))
		}
	}
}
