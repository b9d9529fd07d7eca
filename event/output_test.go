package event

import "testing"

// TestZeekService proves that services are named as Zeek does, by transport.
func TestZeekService(t *testing.T) {
	for _, x := range [][3]string{
		{"kerberos", "tcp", "krb_tcp"},
		{"kerberos", "udp", "krb"},
		{"ldap", "udp", "ldap_udp"},
		{"ldap", "tcp", "ldap_tcp"},
		{"rdp", "udp", "rdpeudp"},
		{"rdp", "tcp", "rdp"},
		{"vnc", "tcp", "rfb"},
		{"dcerpc", "tcp", "dce_rpc"},
		{"ftp-data", "tcp", "ftp-data"},
		{"nats", "tcp", ""},
	} {
		var e Event
		e.Str(NetworkProtocol, x[0])
		e.Str(NetworkTransport, x[1])
		if s := zeekService(&e); s != x[2] {
			t.Errorf("%s over %s is %q, expected %q", x[0], x[1], s, x[2])
		}
	}
}
