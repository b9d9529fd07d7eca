package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"saksi/evidence"
	"saksi/framework"
)

var updateMission = flag.Bool("update-mission", false, "write docs/mission.md from what is measured")

const missionFile = "../../docs/mission.md"

// missionRow is a row of the digital-government plan.
type missionRow struct {
	initiative, command, input string
	measure                    func(m *mission) (figure string, ok bool)
	missing                    string // what is not reached; "" when all is
}

var missionRows = []missionRow{
	{"digital-government strategy", "saksi framework assess --register FILE", "the eight profiles", func(m *mission) (string, bool) {
		n := 0
		c, err := framework.Load("rakkssa")
		if err != nil {
			m.t.Fatal(err)
		}
		for _, p := range framework.Profiles {
			for _, id := range p.Controls {
				if k, err := c.Control(id); err == nil && len(k.Checks) > 0 {
					n++
					break
				}
			}
		}
		return fmt.Sprintf("%d of %d profiles have a control that a machine decides", n, len(framework.Profiles)), n == len(framework.Profiles)
	}, ""},
	{"user-centered services", "saksi framework systems --assessment DIR; saksi framework services --register FILE", "a service away for 7 minutes, whose answers come 10 ms after the request", func(m *mission) (string, bool) {
		n := m.system("portal").OutageMinutes
		r := m.rows(m.saksi("framework", "services", "--index", m.path("watch"), "--register", m.path("register.yaml"), "source.port:[20000 TO 20019] AND @timestamp:>=\"2026-11-24T00:00:00Z\"", "-o", "csv"))[0]
		figure := fmt.Sprintf("%d of 7 outage minutes; %s of 7 connections unanswered, %s of 11 requests answered in 10000 microseconds: p50 %s, p95 %s", n, r["unanswered"], r["requests"], r["wait_p50_us"], r["wait_p95_us"])
		return figure, n == 7 && r["service"] == "portal" && r["unanswered"] == "7" && r["requests"] == "11" && r["wait_p50_us"] == "10000" && r["wait_p95_us"] == "10000"
	}, "no figure is held against Zeek's here"},
	{"engagement of citizens", "saksi framework report --public", "the demo's case", func(m *mission) (string, bool) {
		m.saksi("framework", "report", "--assessment", m.path("audit"), "--public", "--to", m.path("public.html"))
		page, err := os.ReadFile(m.path("public.html"))
		if err != nil {
			m.t.Fatal(err)
		}
		ids, leaked := map[string]bool{}, 0
		found := m.saksi("findings", "search", "--case", m.path("kes"), "event.kind:alert", "--size", "0", "-o", "ndjson")
		for _, v := range regexp.MustCompile(`"ip":"([^"]+)"|"path":"([^"]{4,})"`).FindAllStringSubmatch(found, -1) {
			ids[v[1]+v[2]] = true
		}
		for id := range ids {
			if strings.Contains(string(page), id) {
				leaked++
			}
		}
		return fmt.Sprintf("%d of %d hosts and paths leak", leaked, len(ids)), leaked == 0 && len(ids) > 5
	}, ""},
	{"iterative releases", "saksi framework drift --at TIME", "a release that brings two servers", func(m *mission) (string, bool) {
		rows := m.rows(m.saksi("framework", "drift", "--index", m.path("watch"), "--at", "2026-11-24T00:00:00Z", "--window", "24h", "-o", "csv"))
		n, other := 0, 0
		for _, r := range rows {
			if r["change"] == "new" && r["kind"] == "service" && (strings.HasPrefix(r["value"], "192.0.2.20 ") || strings.HasPrefix(r["value"], "192.0.2.21 ")) {
				n++
			} else {
				other++
			}
		}
		return fmt.Sprintf("%d of 2 changes, %d others", n, other), n == 2 && other == 0
	}, ""},
	{"citizen feedback platform", "saksi sensor read --rules pack:feedback; saksi forensics scan --rules pack:feedback", "seeded capture and disk, with lists that show identity card numbers; 20 clients that flood a form and 20 that do not", func(m *mission) (string, bool) {
		f := floodScore(m.t, m.dir)
		return fmt.Sprintf("%s; floods %s", m.both("feedback"), pr(f)), f.precision() >= leastScore && f.recall() >= leastScore
	}, ""},
	{"developer communities", "saksi rules test pack:all --strict", "five packs with samples", func(m *mission) (string, bool) {
		rows := m.rows(m.saksi("rules", "test", "pack:all", "--strict", "-o", "csv"))
		return fmt.Sprintf("%d tests of packs pass", len(rows)), len(rows) >= 10
	}, "clients of an interface are told by JA4 and HASSH in each event; abuse of one key is not"},
	{"life-event service clusters", "saksi framework systems --life-event birth", "two agencies' systems", func(m *mission) (string, bool) {
		rows := m.rows(m.saksi("framework", "systems", "--assessment", m.path("systems"), "--life-event", "birth", "-o", "csv"))
		agencies := map[string]bool{}
		for _, r := range rows {
			agencies[r["agency"]] = true
		}
		return fmt.Sprintf("%d systems of %d agencies under one life event", len(rows), len(agencies)), len(rows) == 2 && len(agencies) == 2
	}, ""},
	{"single government portal", "saksi sensor read --rules pack:portal; saksi forensics scan --rules pack:portal; saksi framework assess --register FILE", "seeded capture and disk; a page served 20 times as released and twice defaced", func(m *mission) (string, bool) {
		n, other := m.against("defacement", "/utama was served 2 times as ")
		return fmt.Sprintf("%s; %d of 1 defacement told, %d others", m.both("portal"), n, other), n == 1 && other == 0
	}, "expired certificates are shown by the pack's sample"},
	{"digital-only services", "saksi framework assess --register FILE", "a recovery time of 5 minutes, 7 minutes away", func(m *mission) (string, bool) {
		s := m.system("portal")
		return fmt.Sprintf("%d outage, %d minutes; recovery time %d minutes", s.Outages, s.OutageMinutes, s.RTOS/60), s.Outages == 1 && s.OutageMinutes == 7
	}, ""},
	{"digital IDs", "saksi sensor read --rules pack:identity --index DIR; saksi findings travel --places FILE", "seeded capture and disk; 40 sign-ins of 20 users", func(m *mission) (string, bool) {
		n := m.secrets("identity", `eyJhbGciOi[0-9]{6}\.|PHNhbWxw[0-9]{10}`)
		rows := m.rows(m.saksi("findings", "travel", "--index", m.path("logins"), "--places", m.path("places.csv"), "-o", "csv"))
		trips := 0
		for _, r := range rows {
			if r["user"] == "u7" {
				trips++
			}
		}
		return fmt.Sprintf("%s; %d tokens stored in clear; %d of 1 impossible travel told, %d others", m.both("identity"), n, trips, len(rows)-trips), n == 0 && trips == 1 && len(rows) == 1
	}, "where networks are is a table of the site's own"},
	{"online payments", "saksi sensor read --rules pack:payments --index DIR; saksi framework assess --register FILE", "seeded capture and disk; 4 gateways, 3 other hosts", func(m *mission) (string, bool) {
		n := m.secrets("payments", `[^0-9.](4[0-9]{15}|5[1-5][0-9]{14})[^0-9]`)
		right, other := m.against("unknown-gateways", "203.0.113.64:", "203.0.113.65:", "203.0.114.9:", "203.0.113.64 ", "203.0.113.65 ", "203.0.114.9 ")
		return fmt.Sprintf("%s; %d card numbers stored in clear; %d of 3 hosts that are no gateway told, %d others", m.both("payments"), n, right, other), n == 0 && right == 3 && other == 0
	}, ""},
	{"mobile payments, 19 agencies", "saksi framework assess --register FILE", "19 agencies, each with a sensor", func(m *mission) (string, bool) {
		reg := "register: 1\nversion: '19'\nagencies:\n"
		sensors := "sensors:\n"
		for i := range 19 {
			reg += fmt.Sprintf("  - {id: a%d, name: Agency %d}\n", i, i)
			sensors += fmt.Sprintf("  - {name: tap-%d, agency: a%d}\n", i, i)
			m.saksi("sensor", "read", m.path("before.pcap"), "--index", m.path("nineteen"), "--sensor", fmt.Sprintf("tap-%d", i), "--quiet")
		}
		m.saksi("framework", "assess", "--index", m.path("nineteen"), "--register", m.write("19.yaml", reg+sensors), "--as-of", "2026-11-24T20:00:00Z", "--to", m.path("19"))
		c := m.assessment("19").Coverage
		return fmt.Sprintf("%d of %d agencies covered in one report", c.Seen, c.InScope), c.Seen == 19 && c.InScope == 19
	}, "drift of a mobile interface's host is what 'framework drift' tells, not pinned by itself"},
	{"data use in government", "saksi framework systems --assessment DIR", "a data set at one address and port", func(m *mission) (string, bool) {
		var sum int64
		for _, l := range strings.Split(strings.TrimSpace(m.saksi("findings", "search", "--index", m.path("watch"), "event.dataset:saksi.flow AND destination.ip:192.0.2.10", "--size", "0", "-o", "ndjson")), "\n") {
			var e struct{ Network struct{ Bytes int64 } }
			if err := json.Unmarshal([]byte(l), &e); err != nil {
				m.t.Fatal(err)
			}
			sum += e.Network.Bytes
		}
		d := m.system("portal").DataSets[0]
		return fmt.Sprintf("%d bytes by data set, %d by flows", d.Bytes, sum), d.Bytes == sum && sum > 0
	}, ""},
	{"analytics", "saksi framework report --format csv; saksi findings search; saksi findings export --form parquet", "the demo's case", func(m *mission) (string, bool) {
		as := m.assessment("audit")
		control := ""
		var want int64
		for _, o := range as.Outcomes {
			if o.Findings > want {
				control, want = o.Control.ID, o.Findings
			}
		}
		var inCSV string
		for _, r := range m.rows(m.saksi("framework", "report", "--assessment", m.path("audit"), "--format", "csv")) {
			if r["control"] == control {
				inCSV = r["findings"]
			}
		}
		n := strings.Count(m.saksi("findings", "search", "--case", m.path("kes"), "event.kind:alert AND Saksi.control:"+control, "--size", "0", "-o", "ndjson"), "\n")
		m.saksi("findings", "export", "--case", m.path("kes"), "event.kind:alert AND Saksi.control:"+control, "--form", "parquet", "--to", m.path("f.parquet"))
		rows := parquetRows(m.t, m.path("f.parquet"))
		return fmt.Sprintf("findings of %s: %d in the assessment, %s in CSV, %d by query, %d in Parquet", control, want, inCSV, n, rows), inCSV == strconv.FormatInt(want, 10) && int64(n) == want && rows == want
	}, ""},
	{"inter-agency data sharing", "saksi framework assess --register FILE; saksi forensics scan --rules pack:sharing", "flows between two agencies that nothing declares; seeded disk", func(m *mission) (string, bool) {
		n := 0
		for _, o := range m.assessment("systems").Outcomes {
			for _, ob := range o.Observations {
				if ob.Check.ID == "undeclared" {
					n = int(ob.Value)
				}
			}
		}
		return fmt.Sprintf("%d undeclared exchanges of 2 found; disk %s", n, pr(m.scores["sharing disk"])), n == 2
	}, ""},
	{"cloud services", "saksi framework egress --register FILE; saksi forensics formats", "flows to a sanctioned cloud, to another, and to a network of neither", func(m *mission) (string, bool) {
		n := len(m.rows(m.saksi("forensics", "formats", "-o", "csv")))
		var bytes, flows int64
		var table []string
		for _, r := range m.rows(m.saksi("framework", "egress", "--index", m.path("declared"), "--register", m.path("declared.yaml"), "-o", "csv")) {
			b, err := strconv.ParseInt(r["bytes"], 10, 64)
			if err != nil {
				m.t.Fatal(err)
			}
			bytes += b
			table = append(table, strings.Join([]string{r["provider"], r["sanctioned"], r["flows"]}, " "))
		}
		for _, l := range strings.Split(strings.TrimSpace(m.saksi("findings", "search", "--index", m.path("declared"), "event.dataset:saksi.flow AND source.ip:192.0.2.30", "--size", "0", "-o", "ndjson")), "\n") {
			var e struct{ Network struct{ Bytes int64 } }
			if err := json.Unmarshal([]byte(l), &e); err != nil {
				m.t.Fatal(err)
			}
			flows += e.Network.Bytes
		}
		told, other := m.against("unsanctioned-clouds", "Cloud B:")
		ok := strings.Join(table, ", ") == "a yes 20, b no 2, 203.0.114.0/24  1"
		return fmt.Sprintf("egress: %s; %d bytes by provider, %d by flows; %d of 1 unsanctioned cloud told, %d others; %d formats of images and volumes", strings.Join(table, ", "), bytes, flows, told, other, n), ok && bytes == flows && told == 1 && other == 0 && n >= 8
	}, "whose networks are is the register's or a table of the site's own"},
	{"data-center consolidation", "saksi framework assess --scope AGENCY; saksi findings duplicates", "one index, two agencies; the same capture by 19 sensors", func(m *mission) (string, bool) {
		m.saksi("framework", "assess", "--index", m.path("watch"), "--register", m.path("register.yaml"), "--scope", "jl", "--as-of", "2026-11-24T20:00:00Z", "--to", m.path("jl"))
		n := m.assessment("jl").Documents
		one := m.rows(m.saksi("findings", "search", "--index", m.path("nineteen"), "event.dataset:saksi.flow AND observer.name:tap-0", "--size", "0", "-o", "csv"))
		x := m.assessment("19").FlowsTwice
		told := len(m.rows(m.saksi("findings", "duplicates", "--index", m.path("nineteen"), "--size", "0", "-o", "csv")))
		figure := fmt.Sprintf("%d documents of agency A in the scope of agency B; %d of %d flows counted, %d documents of other sensors on them told, %d of %d flows listed", n, x.Flows, len(one), x.TwiceFlows, told, len(one))
		return figure, n == 0 && x.Flows == int64(len(one)) && x.TwiceFlows == 18*x.Flows && told == len(one)
	}, ""},
	{"everything as a service", "saksi framework systems --assessment DIR; saksi framework assess --register FILE", "a portal that uses a shared network; 20 sessions of its supplier, 2 of others", func(m *mission) (string, bool) {
		h := m.system("portal").Inherited
		told, other := m.against("supplier-sessions", "203.0.114.1:", "203.0.114.2:")
		return fmt.Sprintf("%d of 1 inherited control told, from %s; %d of 2 sessions beside the supplier's told, %d others", len(h), h[0].Provider, told, other), len(h) == 1 && told == 2 && other == 0
	}, ""},
	{"public sector cyber security framework", "saksi framework verify DIR", "the demo's assessment", func(m *mission) (string, bool) {
		out := m.rows(m.saksi("framework", "verify", m.path("audit"), "-o", "csv"))
		n := 0
		for _, o := range m.assessment("audit").Outcomes {
			n += len(o.Observations)
		}
		return fmt.Sprintf("%d problems in %d observations recomputed", len(out), n), len(out) == 0
	}, ""},
	{"digital forensics laboratory", "saksi forensics acquire", "testdata/image/ext4.raw", func(m *mission) (string, bool) {
		sum, _, err := evidence.SHA256File(m.t.Context(), "../../testdata/image/ext4.raw", nil)
		if err != nil {
			m.t.Fatal(err)
		}
		out := m.saksi("forensics", "acquire", "../../testdata/image/ext4.raw", "--to", m.path("ext4.E01"), "--exhibit", "B-01", "--examiner", "Ali", "-o", "json")
		n := strings.Count(out, sum)
		return fmt.Sprintf("SHA-256 of source and image equal: %v", n > 0), n > 0
	}, ""},
	{"structures and roles", "saksi framework attest --approve", "an author who approves their own", func(m *mission) (string, bool) {
		m.t.Setenv("SAKSI_PASSPHRASE", "frasa")
		m.saksi("evidence", "key", "new", m.path("a.key"), "--person", "Aminah", "--role", "supervisor")
		m.saksi("framework", "attest", "rk-1.2", "--agency", "JC", "--text", "yes", "--until", "2027-01-01", "--at", "2026-11-01T00:00:00Z", "--key", m.path("a.key"), "--to", m.path("a.sigstore.json"))
		ok := m.fails(exitTrust, "framework", "attest", "--approve", m.path("a.sigstore.json"), "--key", m.path("a.key"))
		return fmt.Sprintf("self-approval refused: %v", ok), ok
	}, ""},
	{"performance indicators", "saksi framework assess --journal DIR", "a journal of two incidents", func(m *mission) (string, bool) {
		got := map[string]float64{}
		for _, k := range m.assessment("kpi").KPIs {
			if k.Value != nil && k.Scope == "all" {
				got[k.ID] = *k.Value
			}
		}
		return fmt.Sprintf("MTTD %g s of 3600, MTTA %g s of 600", got["mttd"], got["mtta"]), got["mttd"] == 3600 && got["mtta"] == 600
	}, ""},
	{"operation model of ICT units", "saksi framework handover --runbooks FILE; saksi framework clocks --runbooks builtin", "one incident open, one closed; a runbook with an escalation after 30 minutes and after 4 hours; the examples built in", func(m *mission) (string, bool) {
		m.write("runbooks.yaml", "runbooks: 1\nversion: '1'\nlist:\n  - {id: rb, title: {en: Any}, steps: [{do: {en: Look}}], escalate: [{after: 30m, to: CSIRT, unless: acknowledged}, {after: 4h, to: ICTSO}]}\n")
		rows := m.rows(m.saksi("framework", "handover", "--journal", m.path("journal"), "--runbooks", m.path("runbooks.yaml"), "--as-of", "2026-11-24T12:00:00Z", "-o", "csv"))
		ids, next := map[string]bool{}, map[string]bool{}
		for _, r := range rows {
			ids[r["incident"]] = true
			next[r["escalate_to"]+" "+r["escalate_by"]+" "+r["escalation"]] = true
		}
		ok := len(next) == 1 && next["ICTSO 2026-11-24T13:00:00Z pending"]
		due, other := 0, 0
		for _, r := range m.rows(m.saksi("framework", "clocks", "--journal", m.path("journal"), "--runbooks", "builtin", "--as-of", "2026-11-25T10:00:00Z", "-o", "csv")) {
			switch {
			case r["obligation"] == "escalate:severe:CDO" && r["incident"] == "I-1" && r["due"] == "2026-11-25T09:00:00Z":
				due++
			case strings.HasPrefix(r["obligation"], framework.EscalationPrefix):
				other++
			}
		}
		return fmt.Sprintf("%d of 1 open incidents, %d open clocks; next escalation right: %v; %d of 1 escalations that are due told, %d others", len(ids), len(rows), ok, due, other), len(ids) == 1 && ids["I-1"] && len(rows) == 5 && ok && due == 1 && other == 0
	}, ""},
	{"Government Chief Information Officer", "saksi framework merge BUNDLE... --trust DIR", "a bundle, the same by a key nobody trusts", func(m *mission) (string, bool) {
		m.saksi("framework", "bundle", m.path("audit"), "--to", m.path("jc.saksi.tar.gz"))
		m.saksi("evidence", "key", "new", m.path("other.key"))
		for dir, key := range map[string]string{"trusted": m.path("data/saksi/keys/station.pub"), "stranger": m.path("other.pub")} {
			b, err := os.ReadFile(key)
			if err != nil {
				m.t.Fatal(err)
			}
			if err := os.Mkdir(m.path(dir), 0o700); err != nil {
				m.t.Fatal(err)
			}
			m.write(dir+"/a.pub", string(b))
		}
		refused := m.fails(exitTrust, "framework", "merge", m.path("jc.saksi.tar.gz"), "--trust", m.path("stranger"), "--to", m.path("n1"))
		m.saksi("framework", "merge", m.path("jc.saksi.tar.gz"), "--trust", m.path("trusted"), "--to", m.path("n2"))
		_, err := os.Stat(m.path("n2/merge.json"))
		return fmt.Sprintf("bundle of a trusted key merged: %v; of another refused: %v", err == nil, refused), refused && err == nil
	}, ""},
}

// TestMission measures every row of the plan and holds docs/mission.md to it.
// go test ./cmd/saksi -run TestMission -update-mission writes it.
func TestMission(t *testing.T) {
	m := &mission{t: t, dir: home(t), scores: map[string]score{}}
	for _, p := range []string{"portal", "identity", "payments", "feedback", "sharing"} {
		kinds := map[string]func(*testing.T, string, string) (score, []string){"disk": diskScore}
		if p != "sharing" { // its wire is judged by the register
			kinds["wire"] = wireScore
		}
		for kind, f := range kinds {
			s, missed := f(t, m.dir, p)
			m.scores[p+" "+kind] = s
			if s.precision() < leastScore || s.recall() < leastScore {
				t.Errorf("%s on %s: precision %.3f, recall %.3f; expected at least %.2f each\n%s", p, kind, s.precision(), s.recall(), leastScore, strings.Join(missed[:min(len(missed), 12)], "\n"))
			}
		}
	}
	m.prepare()
	var b strings.Builder
	b.WriteString(missionHead)
	for i, r := range missionRows {
		figure, ok := r.measure(m)
		if !ok {
			t.Errorf("row %d (%s): %s", i+1, r.initiative, figure)
		}
		missing := r.missing
		if missing == "" {
			missing = "-"
		}
		fmt.Fprintf(&b, "| %d | %s | `%s` | %s | %s | %s |\n", i+1, r.initiative, r.command, r.input, figure, missing)
	}
	b.WriteString(missionTail)
	if *updateMission {
		if err := os.WriteFile(missionFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(missionFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("docs/mission.md is not what is measured; 'go test ./cmd/saksi -run TestMission -update-mission' writes it:\n%s", b.String())
	}
}

const missionHead = `# The digital-government plan, measured

Each row of the plan with the command that serves it, the input it was measured on, and the figure. This table is made by
` + "`go test ./cmd/saksi -run TestMission`" + `, which runs the commands and fails when a figure is another.

| no | initiative | command | input | measured | not reached |
|---|---|---|---|---|---|
`

const missionTail = `
Seeded inputs are made by the test from a number (` + "`cmd/saksi/seeded_test.go`" + `): 60 attacks and 60 of ordinary use a profile, as HTTP in a capture and
as files of a FAT volume. They come from the same knowledge as the rules, so they show that the rules do what they say, not how
they fare against attacks that nobody here thought of.
`
