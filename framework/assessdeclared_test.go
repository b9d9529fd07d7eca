package framework

import (
	"strings"
	"testing"
	"time"

	"saksi/event"
)

// TestDeclared proves what is held against what a register declares: gateways,
// suppliers' sessions, pages, clouds; and that without a declaration the check
// is not there.
func TestDeclared(t *testing.T) {
	good := strings.Repeat("a", 64)
	text := strings.NewReplacer(
		"rto: 10m,", "rto: 10m, gateways: [{address: 203.0.113.0/28, port: 443}, {name: '*.bank.example'}], pages: [{url: 'http://portal.example/', sha256: ["+good+"]}],",
		"until: 2026-01-31}", "until: 2026-11-23, from: [198.51.100.0/28]}",
		"exchanges:", "clouds:\n  - {id: a, title: Cloud A, sanctioned: true, networks: [192.0.2.0/25]}\n  - {id: b, title: Cloud B, networks: [192.0.2.0/24], names: ['*.b.example']}\nexchanges:",
	).Replace(testRegister)
	r, err := ParseRegister("register.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out := func(dst string, port int) *event.Event { return flow(time.Hour, "10.1.0.10", dst, port, "SF", 5) }
	name := func(src, dst, name string) *event.Event {
		return doc(event.EventDataset, "saksi.tls", event.SourceIP, src, event.DestinationIP, dst, event.DestinationDomain, name)
	}
	page := func(digest string, more ...any) *event.Event {
		return doc(append([]any{event.EventDataset, "saksi.file", event.SaksiFlowDirection, "to_client", event.URLFull, "http://portal.example/", event.FileHashSHA256, digest}, more...)...)
	}
	admin := func(at time.Duration, src string) *event.Event {
		return flow(at, src, "10.1.0.20", 22, "SF", 5, event.NetworkProtocol, "ssh")
	}
	docs := []*event.Event{
		out("203.0.113.1", 443), out("203.0.113.2", 8080), // a declared gateway, and another port of one
		out("203.0.113.50", 443), name("10.1.0.10", "203.0.113.50", "api.bank.example"),
		out("203.0.113.51", 443), name("10.1.0.10", "203.0.113.51", "evil.example"), name("10.1.0.10", "203.0.113.51", "api.bank.example"),
		out("203.0.113.52", 443),
		out("10.2.0.7", 443), out("10.1.0.20", 443), // what is inside is not a gateway's matter
		flow(time.Hour, "10.1.0.10", "203.0.113.53", 443, "S0", 5), // never answered
		admin(48*time.Hour, "198.51.100.3"), admin(time.Hour, "198.51.100.4"), admin(48*time.Hour, "198.51.100.99"), admin(time.Hour, "10.1.9.9"),
		page(good), page(strings.Repeat("b", 64)), page(strings.Repeat("c", 64), event.SaksiFileIncomplete, "gap"),
		out("192.0.2.1", 443), out("192.0.2.200", 443), name("10.1.9.1", "203.0.113.99", "x.b.example"),
	}
	m := &memory{}
	for _, e := range docs {
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	a, err := Assess(t.Context(), m, Inputs{Framework: "rakkssa", AsOf: asOf, Register: r, Tool: "saksi test"})
	if err != nil {
		t.Fatal(err)
	}
	for check, want := range map[string]string{
		"unknown-gateways": "portal to 192.0.2.1: 1 flows without a name, and no declared gateway\n" +
			"portal to 192.0.2.200: 1 flows without a name, and no declared gateway\n" +
			"portal to 203.0.113.2: 1 flows without a name, and no declared gateway\n" +
			"portal to 203.0.113.51 (evil.example): 1 flows, and no declared gateway\n" +
			"portal to 203.0.113.52: 1 flows without a name, and no declared gateway",
		"supplier-sessions": "civil from 198.51.100.4: 1 sessions after the contract of Syarikat A ended on 2026-11-23\n" +
			"civil from 198.51.100.99: 1 sessions, and Syarikat A does not come from there",
		"defacement":          "portal: http://portal.example/ was served 1 times as " + strings.Repeat("b", 64) + ", which nobody released",
		"unsanctioned-clouds": "Cloud B: 1 flows by address, 1 sessions by name, and nobody sanctioned it",
	} {
		if got := problems(t, a, check); got != want {
			t.Errorf("%s:\n%s\nexpected\n%s", check, got, want)
		}
	}
	c, err := Load("rakkssa")
	if err != nil {
		t.Fatal(err)
	}
	again, bad := Replay(a, c)
	if again == nil || len(bad) > 0 || again.UUID != a.UUID {
		t.Errorf("made again: %v", bad)
	}
	for _, o := range byRegister(t, "", docs...).Outcomes {
		for _, ob := range o.Observations {
			if ob.Check.Declared {
				t.Errorf("%s was looked at though nothing is declared", ob.Check.ID)
			}
		}
	}
}
