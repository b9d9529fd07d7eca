package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestZeekDNSOrder proves that answered questions are not remembered, and one
// asked again waits once.
func TestZeekDNSOrder(t *testing.T) {
	var out bytes.Buffer
	z, err := NewZeek(&out, "dns")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(id int, kind string) {
		e := &Event{}
		e.Str(EventDataset, "saksi.dns")
		e.Str(DNSID, fmt.Sprint(id))
		e.Str(DNSQuestionName, "example.test")
		e.Str(DNSType, kind)
		if err := z.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	const n = 5 * maxAsked
	for i := range n {
		ask(i, "query")
		ask(i, "answer")
	}
	for range n {
		ask(n, "query")
	}
	if len(z.asked) != 1 || len(z.order) > 2*maxAsked {
		t.Errorf("%d questions wait, %d are in order", len(z.asked), len(z.order))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, line := range strings.Split(out.String(), "\n") {
		if line != "" && line[0] != '#' {
			rows++
		}
	}
	if rows != 2*n {
		t.Errorf("%d rows, expected %d", rows, 2*n)
	}
}

// TestEVEMetadata proves that metadata of any bytes is JSON, and is looked for
// outside of quotes alone.
func TestEVEMetadata(t *testing.T) {
	for text, want := range map[string]string{
		"alert tcp any any -> any any (msg:\"x metadata: a b;\"; metadata: k v, k w, caf\x01\xe9 z; sid:1;)": `{"metadata":{"k":["v","w"],"caf\u0001\ufffd":["z"]}}`,
		`alert tcp any any -> any any (content:"\"metadata:a b;"; sid:1;)`:                                   `{}`,
		`alert tcp any any -> any any (xmetadata:a b; sid:1;)`:                                               `{}`,
	} {
		w := &eve{b: []byte("{")}
		w.metadata(text)
		w.b = append(w.b, '}')
		if got := string(w.b); got != want || !json.Valid(w.b) {
			t.Errorf("%s: %s, expected %s", text, got, want)
		}
	}
}

// TestZeekService proves that services are named as Zeek does, by transport.
func TestZeekService(t *testing.T) {
	var smb, starttls Event
	smb.Str(NetworkProtocol, "smb")
	smb.Str(NetworkTransport, "tcp")
	for _, name := range []string{"gssapi", "ntlm", "dcerpc"} {
		smb.Str(SaksiFlowWithin, name)
	}
	starttls.Str(NetworkProtocol, "tls")
	starttls.Str(NetworkTransport, "tcp")
	starttls.Str(SaksiFlowVia, "smtp")
	if a, b := zeekService(&smb), zeekService(&starttls); a != "gssapi,smb,ntlm,dce_rpc" || b != "smtp,ssl" {
		t.Errorf("services are %q and %q", a, b)
	}
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

// TestZeekTunnels proves that the connections of IP and GRE that carry tunnels
// have no row, as in Zeek.
func TestZeekTunnels(t *testing.T) {
	var out bytes.Buffer
	z, err := NewZeek(&out, "conn")
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"4", "41", "47", "59", "50"} {
		var e Event
		e.Str(EventDataset, "saksi.flow")
		e.Str(NetworkIANANumber, number)
		if err := z.Emit(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(out.String()) {
		if line[0] != '#' {
			rows = append(rows, line)
		}
	}
	if len(rows) != 1 || !strings.Contains(rows[0], "\t50\n") {
		t.Errorf("rows %q, expected the one of protocol 50", rows)
	}
}

// TestSerialColons proves that a serial number is told as it is encoded.
func TestSerialColons(t *testing.T) {
	for in, want := range map[string]string{
		"0AE1": "0A:E1", "7F": "7F", "E7F9B6": "00:E7:F9:B6", "80": "00:80", "ae1": "0A:E1", "": "",
	} {
		if have := SerialColons(in); have != want {
			t.Errorf("%s gives %s, expected %s", in, have, want)
		}
	}
}

// TestEVEUntold proves which sessions of TLS have no record, as in Suricata, and
// that an event without one is left out.
func TestEVEUntold(t *testing.T) {
	for _, c := range []struct {
		add  func(e *Event)
		told bool
	}{
		{func(e *Event) { e.Str(TLSClientServerName, "agensi.example") }, false},
		{func(e *Event) { e.Str(TLSServerSubject, "CN=agensi") }, true},
		{func(e *Event) { e.Str(TLSServerSubject, "CN=agensi"); e.Str(NetworkTransport, "udp") }, false},
		{func(e *Event) { e.Bool(TLSResumed, true) }, true},
		{func(e *Event) { e.Str(TLSVersion, "1.3"); e.Str(TLSCipher, "TLS_AES_128_GCM_SHA256") }, true},
		{func(e *Event) { e.Str(TLSServerSubject, "CN=agensi"); e.NoRecord() }, false},
	} {
		var e Event
		e.Time(Timestamp, 0)
		e.Str(EventDataset, "saksi.tls")
		c.add(&e)
		if line := e.AppendEVE(nil); (len(line) > 0) != c.told {
			t.Errorf("told is %v, expected %v: %s", len(line) > 0, c.told, line)
		}
	}
}
