package event

import (
	"strconv"
	"strings"
)

// snake writes a name of ours as Suricata's: underscores.
func snake(s string) string { return strings.ReplaceAll(s, "-", "_") }

// shout writes a name of ours in upper case with underscores.
func shout(s string) string { return strings.ToUpper(snake(s)) }

// action is the event's action.
func (e *Event) action() string {
	s, _ := e.GetStr(EventAction)
	return s
}

func (w *eve) quic(e *Event) {
	w.open("quic")
	w.field("version", e, SaksiQuicVersion)
	w.field("sni", e, TLSClientServerName)
	w.field("ua", e, UserAgentOriginal)
	w.fingerprints(e)
	w.close()
}

// eveDHCPReplies are the messages that servers send.
var eveDHCPReplies = map[string]bool{"offer": true, "ack": true, "nak": true, "bootp-reply": true, "leaseunassigned": true, "leaseunknown": true, "leaseactive": true}

// eveDHCPParams are the options asked for that Suricata names (RFC 2132).
var eveDHCPParams = map[string]string{
	"1": "subnet_mask", "3": "router", "6": "dns_server", "15": "domain", "35": "arp_timeout", "42": "ntp_server",
	"66": "tftp_server_name", "150": "tftp_server_ip",
}

func (w *eve) dhcp(e *Event) {
	w.open("dhcp")
	action := e.action()
	reply := eveDHCPReplies[action]
	if reply {
		w.str("type", "reply")
	} else {
		w.str("type", "request")
	}
	if id, ok := e.GetStr(SaksiDhcpTransaction); ok {
		if n, err := strconv.ParseUint(id, 16, 32); err == nil {
			w.num("id", int64(n))
		}
	}
	if mac, ok := e.GetStr(ClientMAC); ok {
		w.str("client_mac", strings.ToLower(strings.ReplaceAll(mac, "-", ":")))
	}
	assigned := e.all(SaksiDhcpAssignedIP)
	if len(assigned) == 0 {
		assigned = []string{"0.0.0.0"}
	}
	w.str("assigned_ip", assigned[0])
	if relay := e.all(SaksiDhcpRelayIP); len(relay) > 0 {
		w.str("relay_ip", relay[0])
	}
	if id, ok := e.GetStr(SaksiDhcpClientID); ok {
		w.str("client_id", colons(id, false))
	}
	if !strings.HasPrefix(action, "bootp") {
		w.str("dhcp_type", action)
	}
	if !reply {
		if asked := e.all(SaksiDhcpRequestedIP); len(asked) > 0 {
			w.str("requested_ip", asked[0])
		}
	}
	w.number("lease_time", e, SaksiDhcpLeaseSeconds)
	w.field("hostname", e, SaksiDhcpHostName)
	if list, ok := e.GetStr(SaksiDhcpParameters); ok {
		var names []string
		for _, n := range strings.Split(list, ",") {
			if name := eveDHCPParams[n]; name != "" {
				names = append(names, name)
			}
		}
		w.list("params", names)
	}
	w.field("vendor_class_identifier", e, SaksiDhcpVendorClass)
	w.close()
}

func (w *eve) tftp(e *Event) {
	w.open("tftp")
	switch {
	case e.Has(SaksiTftpMode) && e.action() != "write":
		w.str("packet", "read")
	case e.Has(SaksiTftpMode):
		w.str("packet", "write")
	case e.Has(ErrorCode):
		w.str("packet", "error")
	default:
		w.str("packet", "data")
	}
	w.field("file", e, FileName)
	w.field("mode", e, SaksiTftpMode)
	w.close()
}

// or writes the text of a field, or what stands for none.
func (w *eve) or(k string, e *Event, f Field, none string) {
	if s, ok := e.GetStr(f); ok {
		none = s
	}
	w.str(k, none)
}

// weakCipher reports an encryption type of Kerberos that is none of AES or
// Camellia.
func weakCipher(name string) bool {
	return !strings.HasPrefix(name, "aes") && !strings.HasPrefix(name, "camellia")
}

func (w *eve) krb5(e *Event) {
	w.open("krb5")
	kind := "KRB_" + strings.ToUpper(e.action())
	fault, failed := e.GetStr(SaksiKerberosError)
	outcome, _ := e.GetStr(EventOutcome)
	switch {
	case failed:
		w.str("msg_type", "KRB_ERROR")
		w.str("failed_request", kind+"_REQ")
		w.str("error_code", fault)
	case outcome == "success":
		w.str("msg_type", kind+"_REP")
	default:
		w.str("msg_type", kind+"_REQ")
	}
	w.or("cname", e, UserName, "<empty>")
	w.or("realm", e, SaksiKerberosRealm, "<empty>")
	w.or("sname", e, SaksiKerberosService, "<empty>")
	cipher, ok := e.GetStr(SaksiKerberosCipher)
	if ok {
		w.str("encryption", shout(cipher))
	} else {
		w.str("encryption", "<none>")
	}
	w.boolean("weak_encryption", ok && weakCipher(cipher))
	if ticket, ok := e.GetStr(SaksiKerberosTicketCipher); ok {
		w.str("ticket_encryption", shout(ticket))
		w.boolean("ticket_weak_encryption", weakCipher(ticket))
	}
	w.close()
}

// digits writes a text of digits as a number.
func (w *eve) digits(k, s string) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		w.num(k, int64(n))
	}
}

// eveIKEExchanges are the numbers and names of exchanges (IANA "IKEv2 Exchange
// Types", "ISAKMP").
var eveIKEExchanges = map[string]struct {
	n    int64
	name string
}{
	"identity_protection": {2, "Identity Protection"}, "aggressive": {4, "Aggressive"}, "quick_mode": {32, "Quick Mode"},
	"ike_sa_init": {34, "IKE_SA_INIT"}, "ike_auth": {35, "IKE_AUTH"}, "create_child_sa": {36, "CREATE_CHILD_SA"}, "informational": {37, "INFORMATIONAL"},
}

func (w *eve) ike(e *Event) {
	w.open("ike")
	w.num("_v", 2)
	v, _ := e.GetStr(SaksiVpnVersion)
	w.digits("version_major", v)
	w.num("version_minor", 0)
	if s, ok := e.GetStr(SaksiVpnExchange); ok {
		if x, known := eveIKEExchanges[s]; known {
			w.num("exchange_type", x.n)
			if v == "1" {
				w.str("exchange_type_verbose", x.name)
			}
		}
	}
	if vendors := e.all(SaksiVpnVendor); v == "1" && len(vendors) > 0 {
		w.open("ikev1")
		w.list("vendor_ids", vendors)
		w.close()
	}
	w.close()
}

func (w *eve) pop3(e *Event) {
	w.open("pop3")
	if s, ok := e.GetStr(SaksiTextCommand); ok {
		w.open("request")
		w.str("command", s)
		if a, ok := e.GetStr(SaksiTextArgument); ok {
			w.list("args", []string{a})
		}
		w.close()
	}
	switch s, _ := e.GetStr(EventOutcome); s {
	case "success", "failure":
		w.open("response")
		w.boolean("success", s == "success")
		w.close()
	}
	w.close()
}
