package sensor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"saksi/event"
	"saksi/rules/suricata"
)

// TestStartTLS proves what rules see of a session that agreed to go on in TLS
// (RFC 3207): what it began as, and that it went on otherwise.
func TestStartTLS(t *testing.T) {
	set, problems := suricata.Load([]suricata.Source{{Name: "t", Data: []byte(
		"alert tcp any any -> any any (app-layer-event:applayer_no_tls_after_starttls; sid:1;)\n" +
			"alert tcp any any -> any any (app-layer-protocol:smtp,original; app-layer-protocol:tls,final; sid:2;)\n" +
			"alert tcp any any -> any any (app-layer-protocol:http,original; sid:3;)\n",
	)}}, suricata.Config{Offer: Offer()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	hello := "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + string(make([]byte, 32)) + "\x00\x00\x04\x13\x01\x13\x02\x01\x00"
	upgrade := []string{"< 220 sedia\r\n", "> EHLO a\r\n", "< 250 STARTTLS\r\n", "> STARTTLS\r\n", "< 220 ya\r\n"}
	for _, c := range []struct {
		name string
		then []string
		want []string
	}{
		{"TLS", []string{"> " + hello, "< \x15\x03\x03\x00\x02\x02\x28"}, []string{"2"}},
		{"another protocol", []string{"> GET / HTTP/1.1\r\nHost: a\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, []string{"1"}},
		{"nothing more", nil, nil},
	} {
		w := &cable{}
		client, server := w.connect(t, 9, 25)
		talk(t, client, server, turns(append(slices.Clone(upgrade), c.then...)...))
		path := filepath.Join(t.TempDir(), "a.pcapng")
		if err := os.WriteFile(path, pcapng(t, w.packets(), nil), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range alertsOf(t, path, set) {
			if id := str(e, event.RuleID); !slices.Contains(got, id) {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: rules %v, expected %v", c.name, got, c.want)
		}
	}
}
