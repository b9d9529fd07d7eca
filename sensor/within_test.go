package sensor

import (
	"testing"

	"saksi/event"
)

// TestFTPWithin proves that the flow of an FTP session tells of GSSAPI (RFC 2228)
// and of replies that are none (RFC 959, 4.2), and what Zeek's log makes of each.
func TestFTPWithin(t *testing.T) {
	for _, c := range []struct {
		name, within, service string
		list                  []said
	}{
		{"plain", "", "ftp", turns("< 220 FTP sedia\r\n", "> USER ali\r\n", "< 331-kata laluan\r\n  sila\r\n331 ya\r\n", "> QUIT\r\n", "< 221 selamat\r\n")},
		{"gssapi", "gridftp", "ftp,ssl,gridftp", turns("< 220 FTP sedia\r\n", "> AUTH GSSAPI\r\n", "< 334 ADAT must follow\r\n", "> ADAT FgMB\r\n", "< 235 ADAT=FgMB\r\n")},
		{"no code", "malformed", "", turns("< 220 FTP sedia\r\n", "> USER ali\r\n", "< 230 ya\r\n", "> SYST\r\n", "< SYST not supported\r\n", "> QUIT\r\n", "< 221 selamat\r\n")},
	} {
		w := &cable{}
		client, server := w.connect(t, 9, 21)
		talk(t, client, server, c.list)
		list, _ := opened(t, pcapng(t, w.packets(), nil), nil, nil)
		flows := of(list, "saksi.flow")
		if len(flows) != 1 {
			t.Fatalf("%s: %d flows", c.name, len(flows))
		}
		if got := str(flows[0], event.SaksiFlowWithin); got != c.within {
			t.Errorf("%s: the flow carries %q, want %q", c.name, got, c.within)
		}
		want := c.service
		if want == "" {
			want = "-"
		}
		if got := zeekServices(t, flows[0]); got != inOrder(want) {
			t.Errorf("%s: service is %q, want %q", c.name, got, want)
		}
	}
}
