package main

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"saksi/evidence"
	"saksi/framework"
)

// mission is what the rows are measured with.
type mission struct {
	t      *testing.T
	dir    string
	scores map[string]score
}

func (m *mission) path(name string) string { return filepath.Join(m.dir, name) }

func (m *mission) saksi(args ...string) string {
	m.t.Helper()
	out, _ := saksi(m.t, args...)
	return out
}

// fails runs a command that must end with a code.
func (m *mission) fails(want exitCode, args ...string) bool {
	return run(m.t.Context(), &app{stdin: strings.NewReader(""), stdout: &strings.Builder{}, stderr: &strings.Builder{}}, args) == want
}

func (m *mission) write(name, text string) string {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return m.path(name)
}

func (m *mission) assessment(name string) *framework.Assessment {
	m.t.Helper()
	as, err := readAssessment(m.path(name))
	if err != nil {
		m.t.Fatal(err)
	}
	return as
}

// parquetRows counts the rows of a file.
func parquetRows(t *testing.T, path string) int64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parquet.OpenFile(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	return p.NumRows()
}

// rows reads an output in CSV, by the names of its columns.
func (m *mission) rows(text string) []map[string]string {
	m.t.Helper()
	list, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(list) == 0 {
		m.t.Fatalf("%v: %s", err, text)
	}
	var out []map[string]string
	for _, l := range list[1:] {
		r := map[string]string{}
		for i, c := range l {
			r[list[0][i]] = c
		}
		out = append(out, r)
	}
	return out
}

func pr(s score) string { return fmt.Sprintf("%.2f / %.2f", s.precision(), s.recall()) }

func (m *mission) both(profile string) string {
	return fmt.Sprintf("precision / recall: wire %s, disk %s", pr(m.scores[profile+" wire"]), pr(m.scores[profile+" disk"]))
}

// secrets counts how often what must be masked stands in what was stored of the
// seeded capture of a profile.
func (m *mission) secrets(profile, pattern string) int {
	m.saksi("sensor", "read", m.path(profile+".pcap"), "--rules", "pack:"+profile, "--index", m.path(profile), "--sensor", "tap", "--quiet")
	n := 0
	for _, x := range regexp.MustCompile(pattern).FindAllStringSubmatch(m.saksi("findings", "search", "--index", m.path(profile), "--size", "0", "-o", "ndjson"), -1) {
		if len(x) == 1 || luhn(x[1]) == 0 {
			n++
		}
	}
	return n
}

const missionRegister = `register: 1
version: mission
agencies:
  - {id: jc, name: Jabatan Contoh}
  - {id: jl, name: Jabatan Lain}
sensors: [{name: tap, agency: jc}]
systems:
  - {id: portal, title: Portal, agency: jc, criticality: critical, owner: ICTSO, life_event: birth, profiles: [portal, sharing], uses: [net], rto: 5m, assets: [{address: 192.0.2.10}],
     data_sets: [{id: births, title: Births, personal: true, assets: [{address: 192.0.2.10, port: 80}]}]}
  - {id: clinic, title: Clinic, agency: jl, criticality: high, owner: ICTSO, life_event: birth, profiles: [sharing], assets: [{address: 198.51.100.0/24}]}
  - {id: net, title: Network, agency: jl, criticality: high, owner: ICTSO, provides: [rk-2-rangkaian], assets: [{address: 192.0.2.20}]}
`

// declaredRegister declares what may be served, reached and administered.
const declaredRegister = `register: 1
version: declared
agencies: [{id: jc, name: Jabatan Contoh, networks: [192.0.2.0/24]}]
sensors: [{name: tap, agency: jc}]
systems:
  - {id: portal, title: Portal, agency: jc, criticality: critical, assets: [{address: 192.0.2.10}], pages: [{url: "http://portal.agensi.example/utama", sha256: [RELEASED]}],
     supplier: {name: Syarikat A, contract: K-1, until: 2027-12-31, from: [203.0.113.128/28]}}
  - {id: payments, title: Payments, agency: jc, criticality: critical, assets: [{address: 192.0.2.30}], gateways: [{address: 203.0.113.16/28, port: 80}]}
clouds:
  - {id: a, title: Cloud A, sanctioned: true, networks: [203.0.113.16/28]}
  - {id: b, title: Cloud B, networks: [203.0.113.64/28]}
`

// declare makes what a register's declarations are held against: pages released
// and not, gateways and other hosts, sessions of a supplier and of strangers.
func (m *mission) declare() {
	const released = "<html><title>Utama</title>Selamat datang</html>"
	page := func(body string) seeded { return seeded{data: get("/utama"), resp: answer(body)} }
	ssh := func(from string) seeded {
		return seeded{from: from, port: 22, data: []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), resp: []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")}
	}
	var list []seeded
	for i := range 20 {
		list = append(list, page(released), seeded{from: "192.0.2.30", name: fmt.Sprintf("203.0.113.%d", 16+i%4), data: get("/"), resp: answer("ok")}, ssh(fmt.Sprintf("203.0.113.%d", 128+i%4)))
	}
	list = append(list, page("<html>diceroboh</html>"), page("<html>diceroboh</html>"), ssh("203.0.114.1"), ssh("203.0.114.2"))
	for _, host := range []string{"203.0.113.64", "203.0.113.65", "203.0.114.9"} {
		list = append(list, seeded{from: "192.0.2.30", name: host, data: get("/"), resp: answer("ok")})
	}
	writeCapture(m.t, m.path("declared.pcap"), list)
	m.saksi("sensor", "read", m.path("declared.pcap"), "--index", m.path("declared"), "--sensor", "tap", "--quiet")
	m.write("declared.yaml", strings.Replace(declaredRegister, "RELEASED", evidence.SHA256([]byte(released)), 1))
	m.saksi("framework", "assess", "--index", m.path("declared"), "--register", m.path("declared.yaml"), "--as-of", "2026-11-24T20:00:00Z", "--to", m.path("declared-audit"))

	var log strings.Builder
	for i := range 20 { // of one user each: twice from one town, and one who cannot have been there
		for j, at := range []string{"08:00", "09:00"} {
			address := fmt.Sprintf("203.0.113.%d", 1+i)
			if i == 7 && j == 1 {
				address = "198.51.100.7"
			}
			fmt.Fprintf(&log, `{"@timestamp":"2026-11-24T%s:00Z","event":{"outcome":"success","dataset":"sso.login","category":["authentication"],"kind":"event"},"user":{"name":"u%d"},"source":{"ip":"%s"}}`+"\n", at, i, address)
		}
	}
	m.saksi("findings", "import", m.write("log.ndjson", log.String()), "--index", m.path("logins"))
	m.write("places.csv", "network,latitude,longitude,name\n203.0.113.0/24,3.139,101.6869,Kuala Lumpur\n198.51.100.0/24,55.7558,37.6173,Moscow\n")
}

// against counts what speaks against a check of the declared register, and how
// much of that holds one of the words.
func (m *mission) against(check string, words ...string) (right, other int) {
	m.t.Helper()
	for _, o := range m.assessment("declared-audit").Outcomes {
		for _, ob := range o.Observations {
			if ob.Check.ID != check {
				continue
			}
			for _, p := range ob.Problems {
				if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(p, w) }) {
					right++
				} else {
					other++
				}
			}
		}
	}
	return right, other
}

// prepare makes what several rows look at.
func (m *mission) prepare() {
	m.saksi("demo", "-q", "--dir", m.path("kes"), "--agency", "Jabatan Contoh")
	m.saksi("framework", "assess", "--case", m.path("kes"), "--as-of", "2026-11-24T20:00:00Z", "--to", m.path("audit"))
	m.write("register.yaml", missionRegister)
	// A service that answers, is away for seven minutes, and answers again; a
	// release that brings two servers; the same a day before without them.
	r := rand.New(rand.NewPCG(seed, 77))
	_, good := wireCases("portal", r)
	var day []seeded
	for i := range 20 {
		x := good()
		if i >= 6 && i < 13 {
			x.data, x.resp = nil, nil
		}
		day = append(day, x)
	}
	before := mix(r, 5, good, good)
	day[14].name, day[15].name = "192.0.2.20", "192.0.2.21"
	writeCaptureAt(m.t, m.path("before.pcap"), before, 23)
	writeCaptureAt(m.t, m.path("after.pcap"), day, 24)
	for _, c := range []string{"before.pcap", "after.pcap"} {
		m.saksi("sensor", "read", m.path(c), "--index", m.path("watch"), "--sensor", "tap", "--quiet")
	}
	m.saksi("framework", "assess", "--index", m.path("watch"), "--register", m.path("register.yaml"), "--as-of", "2026-11-24T20:00:00Z", "--to", m.path("systems"))
	for _, s := range []string{
		"incident new I-1 --agency JC --unit SOC --shift malam --title x --severity 4 --began 2026-11-24T08:00:00Z --at 2026-11-24T09:00:00Z",
		"incident know I-1 --by Ali --at 2026-11-24T09:00:00Z", "incident acknowledge I-1 --by Ali --at 2026-11-24T09:10:00Z",
		"incident new I-2 --agency JC --unit SOC --shift siang --title y --severity 3 --at 2026-11-24T10:00:00Z", "incident close I-2 --at 2026-11-24T11:00:00Z",
	} {
		m.saksi(append([]string{"framework"}, append(strings.Fields(s), "--journal", m.path("journal"))...)...)
	}
	m.saksi("framework", "assess", "--case", m.path("kes"), "--journal", m.path("journal"), "--as-of", "2026-11-24T20:00:00Z", "--to", m.path("kpi"))
	m.declare()
}

func (m *mission) system(id string) framework.System {
	for _, s := range m.assessment("systems").Systems {
		if s.ID == id {
			return s
		}
	}
	m.t.Fatalf("no system %s", id)
	return framework.System{}
}
