package framework

import (
	"strings"
	"testing"
	"time"

	"saksi/event"
)

const testRegister = `register: 1
version: "2026-11"
agencies:
  - {id: ki, name: Kementerian Induk}
  - {id: jc, name: Jabatan Contoh, parent: ki, networks: [10.1.0.0/16], clients: [10.1.9.0/24]}
  - {id: jl, name: Jabatan Lain, parent: ki}
roles:
  - {role: ICTSO, agency: jc, holder: Aminah Ali, confirmed: 2026-06-01}
  - {role: CSIRT, agency: jc}
sensors:
  - {name: jc-tap, agency: jc}
  - {name: jl-tap, agency: jl}
systems:
  - {id: portal, title: Portal, agency: jc, criticality: critical, owner: ICTSO, life_event: birth, profiles: [portal], uses: [net], rto: 10m,
     plan: {version: "1", approved: 2026-01-01, until: 2026-12-31}, assets: [{address: 10.1.0.10}, {address: 10.1.0.11, port: 443}]}
  - {id: civil, title: Civil register, agency: jc, criticality: high, owner: ICTSO, profiles: [sharing], assets: [{address: 10.1.0.20}],
     data_sets: [{id: births, title: Births, classification: Sulit, personal: true, assets: [{address: 10.1.0.20, port: 5432}]}],
     supplier: {name: Syarikat A, contract: K-1, until: 2026-01-31}}
  - {id: tax, title: Tax, agency: jl, criticality: high, owner: ICTSO, assets: [{address: 10.2.0.0/24}]}
  - {id: net, title: Network service, agency: ki, criticality: high, owner: ICTSO, provides: [rk-2-rangkaian], assets: [{name: net.example}]}
exchanges:
  - {id: X-1, from: civil, to: portal, data: [births], purpose: certificates, handling: not kept, provider: jc, recipient: jc, max_bytes_day: 1000}
`

func flow(at time.Duration, src, dst string, port int, state string, bytes int64, more ...any) *event.Event {
	e := doc(append([]any{event.EventDataset, "saksi.flow", event.SourceIP, src, event.DestinationIP, dst, event.DestinationPort, port, event.SaksiFlowState, state, event.NetworkBytes, bytes}, more...)...)
	e.Delete(event.Timestamp)
	e.Time(event.Timestamp, asOf.Add(-at).UnixNano())
	return e
}

func byRegister(t *testing.T, scope string, docs ...*event.Event) *Assessment {
	t.Helper()
	r, err := ParseRegister("register.yaml", []byte(testRegister))
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	for _, e := range docs {
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	a, err := Assess(t.Context(), m, Inputs{Framework: "rakkssa", AsOf: asOf, Register: r, Scope: scope, Tool: "saksi test"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// problems are what speaks against a check.
func problems(t *testing.T, a *Assessment, check string) string {
	t.Helper()
	for _, o := range a.Outcomes {
		for _, ob := range o.Observations {
			if ob.Check.ID == check {
				return strings.Join(ob.Problems, "\n")
			}
		}
	}
	t.Fatalf("no check %s", check)
	return ""
}

// TestRegister proves what an assessment takes from the register: coverage,
// systems, inherited controls, exchanges, hosts, outages, bytes of data sets.
func TestRegister(t *testing.T) {
	tap := func(name string) []any { return []any{event.ObserverName, name} }
	counts := doc(event.EventDataset, "saksi.sensor", event.ObserverName, "jc-tap", event.SaksiSensorPackets, 99900, event.SaksiSensorDropped, 100)
	docs := []*event.Event{
		flow(60*time.Minute, "198.51.100.7", "10.1.0.10", 443, "SF", 500, tap("jc-tap")...),
		flow(50*time.Minute, "198.51.100.7", "10.1.0.10", 443, "S0", 60, tap("jc-tap")...), // down for 25 minutes
		flow(40*time.Minute, "198.51.100.8", "10.1.0.10", 443, "REJ", 60, tap("jc-tap")...),
		flow(25*time.Minute, "198.51.100.8", "10.1.0.10", 443, "SF", 60, tap("jc-tap")...),
		flow(24*time.Minute, "198.51.100.9", "10.1.0.10", 31337, "REJ", 1, tap("jc-tap")...), // a scan makes no outage,
		flow(23*time.Minute, "198.51.100.9", "10.1.0.200", 443, "S0", 1, tap("jc-tap")...),   // and no host
		flow(20*time.Minute, "10.1.0.20", "10.1.0.10", 443, "SF", 900, tap("jc-tap")...),     // X-1, twice: 1,800 bytes
		flow(19*time.Minute, "10.1.0.20", "10.1.0.10", 443, "SF", 900, tap("jc-tap")...),
		flow(18*time.Minute, "10.1.0.20", "10.2.0.7", 443, "SF", 10, tap("jl-tap")...),   // declared nowhere
		flow(17*time.Minute, "10.1.9.5", "10.1.0.20", 5432, "SF", 70, tap("jc-tap")...),  // a client asks the data
		flow(16*time.Minute, "10.1.0.77", "10.1.0.20", 5432, "SF", 30, tap("jc-tap")...), // a host nobody knows
		flow(15*time.Minute, "10.1.9.5", "10.1.0.20", 80, "SF", 5, tap("lab")...),
		doc(event.EventDataset, "saksi.sensor", event.ObserverName, "lab", event.SaksiSensorPackets, 0),
		alert(event.SourceIP, "198.51.100.7", event.DestinationIP, "10.1.0.11", event.EventSeverity, 4, event.ObserverName, "jc-tap"),
		doc(event.EventDataset, "saksi.tls", event.TLSClientServerName, "net.example", event.ObserverName, "jc-tap"),
		counts,
	}
	a := byRegister(t, "", docs...)
	if c := a.Coverage; c.InScope != 2 || c.Seen != 2 || c.State != Pass || c.Drops != 100 || c.DropShare != 0.001 || len(c.Items) != 3 {
		t.Errorf("coverage %+v", c)
	}
	sys := map[string]System{}
	for _, s := range a.Systems {
		sys[s.ID] = s
	}
	p := sys["portal"]
	if p.Findings != 1 || p.Severe != 1 || p.Outages != 1 || p.OutageMinutes != 25 || p.RTOS != 600 || strings.Join(p.AgencyPath, "/") != "ki/jc" || p.LifeEvent != "birth" {
		t.Errorf("portal: %+v", p)
	}
	if len(p.Inherited) != 1 || p.Inherited[0] != (Inherited{"rk-2-rangkaian", "net", stateOf(t, a, "rk-2-rangkaian")}) || p.Inherited[0].State == NoData {
		t.Errorf("inherited: %+v", p.Inherited)
	}
	if d := sys["civil"].DataSets; len(d) != 1 || d[0].Flows != 2 || d[0].Bytes != 100 {
		t.Errorf("data sets: %+v", d)
	}
	if !sys["net"].Seen || sys["net"].Documents != 1 {
		t.Errorf("net: %+v", sys["net"])
	}
	for check, want := range map[string]string{
		"undeclared":    "civil to portal: 1800 bytes on 2026-11-24; exchange X-1 allows 1000 a day\ncivil to tax: 1 flows, and no declared exchange",
		"unknown-hosts": "10.1.0.77: 1 flows, and no system of the register has it",
		"rto":           "portal: no answer from 2026-11-24T11:10:00Z for 25m0s; its recovery time is 10m",
		"suppliers":     "civil: the contract of Syarikat A ended on 2026-01-31",
		"plan-in-date":  "civil: no security plan\ntax: no security plan\nnet: no security plan",
		"roles":         "CSIRT of jc: nobody holds it",
		"silent":        "",
	} {
		if got := problems(t, a, check); got != want {
			t.Errorf("%s: %q, expected %q", check, got, want)
		}
	}
	if again := byRegister(t, "", docs...); again.UUID != a.UUID || again.Inputs.SHA256 != a.Inputs.SHA256 {
		t.Error("two runs have different ids")
	}
}

// TestCoverageDecides proves that nothing passes where a sensor in scope is
// silent or loses too much.
func TestCoverageDecides(t *testing.T) {
	seen := func(name string) *event.Event {
		return flow(time.Hour, "198.51.100.7", "10.1.0.10", 443, "SF", 5, event.ObserverName, name)
	}
	one := byRegister(t, "", seen("jc-tap"))
	if one.Coverage.State != Fail || stateOf(t, one, "rk-3-trafik") != NoData || !strings.Contains(problems(t, one, "silent"), "jl-tap: never heard") {
		t.Errorf("one sensor of two: %+v; %s", one.Coverage, stateOf(t, one, "rk-3-trafik"))
	}
	lost := byRegister(t, "", seen("jc-tap"), seen("jl-tap"), doc(event.EventDataset, "saksi.sensor", event.ObserverName, "jl-tap", event.SaksiSensorPackets, 99000, event.SaksiSensorDropped, 1000))
	if lost.Coverage.State != Fail || stateOf(t, lost, "rk-3-trafik") != NoData {
		t.Errorf("1 %% lost: %+v", lost.Coverage)
	}
	if a := byRegister(t, "", seen("jc-tap"), seen("jl-tap")); stateOf(t, a, "rk-3-trafik") == NoData {
		t.Errorf("both sensors: %s", stateOf(t, a, "rk-3-trafik"))
	}
}

// TestScope proves that an assessment of one agency knows nothing of another's.
func TestScope(t *testing.T) {
	docs := []*event.Event{
		flow(time.Hour, "198.51.100.7", "10.1.0.10", 443, "SF", 5, event.ObserverName, "jc-tap"),
		flow(time.Hour, "198.51.100.7", "10.2.0.10", 23, "SF", 5, event.ObserverName, "jl-tap", event.NetworkProtocol, "telnet"),
	}
	jc, jl, all := byRegister(t, "jc", docs...), byRegister(t, "jl", docs...), byRegister(t, "ki", docs...)
	if jc.Documents != 1 || jl.Documents != 1 || all.Documents != 2 {
		t.Errorf("%d, %d and %d documents", jc.Documents, jl.Documents, all.Documents)
	}
	if stateOf(t, jc, "rk-2-rangkaian") == Fail || stateOf(t, jl, "rk-2-rangkaian") != Fail {
		t.Errorf("%s, %s", stateOf(t, jc, "rk-2-rangkaian"), stateOf(t, jl, "rk-2-rangkaian"))
	}
	if len(jc.Systems) != 2 || jc.Agency != "Jabatan Contoh" || len(jc.Coverage.Items) != 1 {
		t.Errorf("%d systems, agency %q, %+v", len(jc.Systems), jc.Agency, jc.Coverage.Items)
	}
	if _, err := Assess(t.Context(), &memory{}, Inputs{Framework: "rakkssa", AsOf: asOf, Scope: "jc"}); err == nil {
		t.Error("a scope without a register was taken")
	}
}

// TestParseRegister proves that a wrong register is refused with the place.
func TestParseRegister(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"register: 1", "register: 2", "this saksi reads 1"},
		{"version:", "verzion:", "line 2"},
		{"parent: ki, networks", "parent: nobody, networks", "register.yaml:5"},
		{"{id: ki, name: Kementerian Induk}", "{id: ki, name: K, parent: jl}", "above itself"},
		{"confirmed: 2026-06-01", "confirmed: yesterday", "no day"},
		{"{name: jl-tap", "{name: jc-tap", "there twice"},
		{"criticality: critical", "criticality: vital", "register.yaml:14"},
		{"profiles: [portal]", "profiles: [moon]", `profile "moon"`},
		{"uses: [net]", "uses: [nett]", "no other system"},
		{"rto: 10m", "rto: soon", "no time"},
		{"sensors:\n  - {", "sensors:\n  - {silence: soon, ", "silence: "},
		{"{address: 10.1.0.10}", "{address: 10.1.0.400}", "asset 1"},
		{"{address: 10.1.0.10}", "{address: 10.1.0.1, name: x}", "one of address"},
		{"{name: net.example}", "{name: 'x OR *:*'}", "no host name"},
		{"data: [births]", "data: [deaths]", "of no system"},
		{"purpose: certificates, ", "", "Act 864"},
		{"to: portal", "to: nowhere", "two systems"},
		{"until: 2026-12-31", "until: 2026-13-31", "no day"},
		{"rto: 10m", "gateways: [{address: 203.0.113.300}]", "gateways: asset 1"},
		{"rto: 10m", "pages: [{url: /index, sha256: []}]", "no address"},
		{"rto: 10m", "pages: [{url: 'http://a/', sha256: [ab]}]", "no SHA-256"},
		{"until: 2026-01-31}", "until: 2026-01-31, from: [here]}", "supplier: from"},
		{"exchanges:", "clouds: [{id: a}]\nexchanges:", "networks or names"},
		{"exchanges:", "clouds: [{id: a, names: ['a b']}]\nexchanges:", "no host name"},
	} {
		text := strings.Replace(testRegister, c.from, c.to, 1)
		if _, err := ParseRegister("register.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "register.yaml") {
			t.Errorf("%s: %v, expected %q", c.to, err, c.want)
		}
	}
}
