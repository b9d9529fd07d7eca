package sensor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/evidence"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
	"saksi/sensor/capture"
)

// tlsCaptures are sessions of OpenSSL with their secrets; see
// testdata/make/tls.sh.
var tlsCaptures = []string{"../testdata/tls/tls12.pcapng", "../testdata/tls/tls13.pcapng"}

// notOpened are the ports of sessions whose cipher suites are not opened:
// Camellia.
var notOpened = []string{"4412"}

// TestTLSOpenSSL proves that the requests in sessions of OpenSSL are those that
// tshark reads with the same secrets: encrypt-then-MAC, SHA-384, PSK, DHE,
// resumption by id and by ticket, renegotiation; of TLS 1.3 a retried hello, key
// updates and early data.
func TestTLSOpenSSL(t *testing.T) {
	truth, err := os.ReadFile("../testdata/truth/tls.tsv")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(truth)), "\n") {
		f := strings.Split(line, "\t")
		if len(f) < 5 || f[3] == "" || slices.Contains(notOpened, f[2]) {
			continue // an answer
		}
		want[f[0]] = append(want[f[0]], strings.Join(f[1:5], " "))
	}
	// tshark takes port 4420 for another protocol, from its first bytes.
	retried := func(s string) bool { return strings.Contains(s, " 4420 GET /retried.html") }
	for _, path := range tlsCaptures {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list, sum := opened(t, data, nil, nil)
		var got []string
		for _, e := range of(list, "saksi.http") {
			if method := str(e, event.HTTPRequestMethod); method != "" {
				src, _ := e.GetInt(event.SourcePort)
				dst, _ := e.GetInt(event.DestinationPort)
				got = append(got, fmt.Sprintf("%d %d %s %s", src, dst, method, str(e, event.URLOriginal)))
			}
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if name == "tls13.pcapng" && !slices.ContainsFunc(got, retried) {
			t.Error("the session with a retried hello was not opened")
		}
		got = slices.DeleteFunc(got, retried)
		slices.Sort(got)
		slices.Sort(want[name])
		if len(got) < 6 || !slices.Equal(got, want[name]) {
			t.Errorf("%s: requests are\n%s\ntshark reads\n%s", name, strings.Join(got, "\n"), strings.Join(want[name], "\n"))
		}
		if n := odd(&sum, "cipher suite not supported"); n != 0 != (name == "tls12.pcapng") {
			t.Errorf("%s: sessions of other suites: %v", name, sum.Oddities)
		}
		if n := odd(&sum, "TLS sessions decrypted"); int(n) != len(of(list, "saksi.tls"))-int(odd(&sum, "cipher suite not supported")) {
			t.Errorf("%s: %d sessions decrypted: %v", name, n, sum.Oddities)
		}
		for _, e := range of(list, "saksi.tls") {
			port, _ := e.GetInt(event.DestinationPort)
			if name == "tls13.pcapng" && !strings.Contains(str(e, event.TLSServerSubject), "portal.agensi.example") && port != 4422 {
				t.Errorf("port %d: a certificate of TLS 1.3 is missing", port)
			}
		}
	}
}

// TestTLSRules proves that rules see what was decrypted: buffers of HTTP, the
// stream, the certificate of TLS 1.3, files; and Sigma the events. The rules for
// TLS see the session as before.
func TestTLSRules(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) []string {
		t.Helper()
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{dir + "/" + name}
	}
	set, problems, err := suricata.LoadFiles(write("uji.rules", `
alert http any any -> any any (msg:"uri"; flow:established,to_server; http.uri; content:"/retried.html"; sid:1;)
alert http any any -> any any (msg:"body"; flow:established,to_client; file.data; content:"tidak rahsia"; sid:2;)
alert tcp any any -> any 4420 (msg:"stream"; flow:established,to_server; content:"GET /retried"; sid:3;)
alert tls any any -> any any (msg:"certificate"; tls.cert_subject; content:"portal.agensi.example"; sid:4;)
alert tls any any -> any any (msg:"sni"; flow:to_server; tls.sni; content:"portal.agensi.example"; flowbits:set,portal; sid:5;)
alert http any any -> any any (msg:"bits"; flow:to_server; flowbits:isset,portal; http.method; content:"GET"; sid:6;)
`), suricata.Config{Offer: Offer()})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	events, problems, err := sigma.Load(write("uji.yml", "title: laporan\nid: 3f2c9c1e-6a0e-4c64-9a51-0d3f0e6f2b11\nlogsource:\n  category: webserver\ndetection:\n  a:\n    cs-uri-stem: /retried.html\n  condition: a\n"), sigma.Config{})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	data, err := os.ReadFile("../testdata/tls/tls13.pcapng")
	if err != nil {
		t.Fatal(err)
	}
	list, _ := opened(t, data, nil, func(c *Config) { c.Rules = RuleSet{Suricata: set, Sigma: events} })
	n := map[string]int{}
	for _, e := range list {
		if str(e, event.EventKind) != "alert" {
			continue
		}
		id := str(e, event.RuleID)
		n[id]++
		if v, _ := e.GetBool(event.SaksiTLSDecrypted); !v && id != "4" && id != "5" {
			t.Errorf("the alert of %s does not say that it rests on what was decrypted", id)
		}
	}
	if n["1"] != 1 || n["2"] != 5 || n["3"] != 1 || n["4"] < 6 || n["5"] != 8 || n["6"] < 7 || n["3f2c9c1e-6a0e-4c64-9a51-0d3f0e6f2b11"] != 1 {
		t.Errorf("alerts by rule: %v", n)
	}
}

const authorityText = `format: 1
kind: warrant
reference: W-2026-118
by: Magistrate's Court
acts: [%s]
scope:
%s`

func authority(t testing.TB, acts, scope string) *evidence.Authority {
	t.Helper()
	a, err := evidence.ParseAuthority(fmt.Appendf(nil, authorityText, acts, scope))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestTLSAuthority proves that only what the authority covers is decrypted, that
// what is left out is counted by its reason, and that events name the authority.
func TestTLSAuthority(t *testing.T) {
	data, err := os.ReadFile(tlsCaptures[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, acts, scope   string
		pages               int
		outside, privileged uint64
		packets             bool // are left out
	}{
		{"all", "decrypt", "  - networks: [192.0.2.0/24]\n", 16, 0, 0, false},
		{"two ports", "decrypt", "  - networks: [192.0.2.10]\n    ports: [4401, 4413]\n", 3, 14, 0, false},
		{"by name", "decrypt", "  - hosts: [portal.agensi.example]\n", 16, 0, 0, false},
		{"another name", "decrypt", "  - hosts: [mel.agensi.example]\n", 0, 17, 0, false},
		{"another act", "capture", "  - networks: [192.0.2.0/24]\n", 0, 17, 0, false},
		{"another time", "decrypt", "  - networks: [192.0.2.0/24]\n    until: 2001-01-01T00:00:00Z\n", 0, 17, 0, false},
		{"an exhibit", "decrypt", "  - exhibits: [E1]\n", 0, 17, 0, false},
		{"privileged port", "decrypt", "  - networks: [192.0.2.0/24]\n  - ports: [4413]\n    privileged: true\n", 14, 0, 0, true},
		{"privileged name", "decrypt", "  - networks: [192.0.2.0/24]\n  - hosts: [\"*.agensi.example\"]\n    privileged: true\n", 0, 0, 0, true},
	} {
		list, sum := opened(t, data, nil, func(cfg *Config) { cfg.Authority = authority(t, c.acts, c.scope) })
		pages := of(list, "saksi.http")
		if len(pages) != c.pages {
			t.Errorf("%s: %d pages, want %d", c.name, len(pages), c.pages)
		}
		// Those of suites that are not opened are not asked for.
		if n := odd(&sum, "outside of the authority"); c.outside > 0 && n < c.outside-2 || c.outside == 0 && n != 0 {
			t.Errorf("%s: %d sessions outside", c.name, n)
		}
		if got := sum.Sources[0].Privileged > 0; got != c.packets || sum.Sources[0].Outside != 0 {
			t.Errorf("%s: %d packets left out as privileged, %d as outside", c.name, sum.Sources[0].Privileged, sum.Sources[0].Outside)
		}
		for _, e := range pages {
			if str(e, event.SaksiAuthorityReference) != "W-2026-118" {
				t.Errorf("%s: a page does not name the authority", c.name)
			}
		}
		told := of(list, "saksi.authority")
		if want := 1 + len(told[1:]); len(told) != want || str(told[0], event.SaksiAuthorityBy) != "Magistrate's Court" || c.packets != (len(told) == 2) {
			t.Errorf("%s: events of the authority: %v", c.name, told)
		}
		if c.packets {
			if n, _ := told[1].GetInt(event.SaksiAuthorityPrivileged); uint64(n) != sum.Sources[0].Privileged {
				t.Errorf("%s: the last event counts %d privileged packets", c.name, n)
			}
		}
		exhibit, _ := opened(t, data, nil, func(cfg *Config) {
			cfg.Authority, cfg.Sources[0].Exhibit = authority(t, c.acts, c.scope), "E1"
		})
		if c.name == "an exhibit" && len(of(exhibit, "saksi.http")) != 16 {
			t.Error("the exhibit that is covered was not decrypted")
		}
	}
}

// TestTLSHostile proves that captures with secrets are read whatever happened to
// their bytes, and that every event that is told is one.
func TestTLSHostile(t *testing.T) {
	for _, path := range tlsCaptures {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		step := len(data) / 100
		for i := 0; i < len(data); i += step {
			bad := bytes.Clone(data)
			bad[i] ^= 0x41
			readHostile(t, bad)
			readHostile(t, data[:i])
		}
	}
}

// readHostile reads a capture that may be broken in any way.
func readHostile(t testing.TB, data []byte) {
	t.Helper()
	var l lines
	_, err := Read(context.Background(), Config{Sources: []Source{{Reader: bytes.NewReader(data), Name: "uji"}}, Workers: 1, NoChecksum: true, Sink: &l})
	if err != nil && !errors.Is(err, ErrIncomplete) && !errors.Is(err, capture.ErrFormat) && !errors.Is(err, capture.ErrTruncated) && !errors.Is(err, capture.ErrCorrupt) {
		t.Fatal(err)
	}
	for _, line := range bytes.Split(bytes.TrimSpace(l.buf.Bytes()), []byte("\n")) {
		if len(line) > 0 {
			if _, err := event.Parse(line); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
		}
	}
}

// FuzzTLSOpen reads captures whose sessions are opened, with bytes that were
// changed.
func FuzzTLSOpen(f *testing.F) {
	var all [][]byte
	for _, path := range tlsCaptures {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, data)
	}
	f.Add(uint8(0), uint32(9000), []byte{0x17, 3, 3})
	f.Add(uint8(1), uint32(3000), []byte("CLIENT"))
	f.Fuzz(func(t *testing.T, which uint8, at uint32, change []byte) {
		data := bytes.Clone(all[int(which)%len(all)])
		at %= uint32(len(data))
		copy(data[at:], change)
		readHostile(t, data)
	})
}
