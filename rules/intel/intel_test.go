package intel

import (
	"bytes"
	"cmp"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/rules"
)

// load compiles one file.
func load(t testing.TB, name, text string) (*Set, []rules.Problem) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, problems, err := Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	return s, problems
}

// build makes an event of the values of fields.
func build(t testing.TB, dataset string, values ...string) *event.Event {
	t.Helper()
	e := &event.Event{}
	e.Time(event.Timestamp, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	e.Str(event.EventDataset, dataset)
	for _, v := range values {
		name, value, _ := strings.Cut(v, "=")
		f, ok := event.Lookup(name)
		if !ok {
			t.Fatalf("no field %s", name)
		}
		if err := e.SetText(f, value); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// names are the values and fields of the hits.
func names(hits []Hit) []string {
	var out []string
	for i := range hits {
		h := &hits[i]
		s := h.Kind.String() + " " + h.text
		for _, f := range h.fields.f[:h.fields.n] {
			s += " " + f.Name()
		}
		out = append(out, s)
	}
	return out
}

const plain = `# a list
198.51.100.7
203.0.113.0/24   # a network
2001:db8::1
2001:db8:5::/48
evil[.]example
*.bad.example
hxxp://Evil.example/a%2fb
drop.example/x?y=1
d41d8cd98f00b204e9800998ecf8427e
DA39A3EE5E6B4B0D3255BFEF95601890AFD80709
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
mallory@evil.example
t13d1516h2_8daaf6152771_b186095e22b6
198.51.100.9:4443
0.0.0.0 ads.example
`

// TestMatch proves which values of which fields an indicator is found in.
func TestMatch(t *testing.T) {
	s, problems := load(t, "list.txt", plain)
	if len(problems) != 0 || s.Len() != 15 {
		t.Fatalf("%d indicators, %+v", s.Len(), problems)
	}
	for _, c := range []struct {
		dataset string
		values  []string
		want    []string
	}{
		{"saksi.auth", []string{"source.ip=198.51.100.7"}, []string{"ip 198.51.100.7 source.ip"}},
		{"saksi.auth", []string{"source.ip=::ffff:198.51.100.7"}, []string{"ip 198.51.100.7 source.ip"}},
		{"saksi.dns", []string{"dns.resolved_ip=203.0.113.200"}, []string{"network 203.0.113.0/24 dns.resolved_ip"}},
		{"saksi.dns", []string{"dns.resolved_ip=2001:db8:5:6::7", "dns.resolved_ip=2001:db8::1"}, []string{"network 2001:db8:5::/48 dns.resolved_ip", "ip 2001:db8::1 dns.resolved_ip"}},
		{"saksi.dns", []string{"dns.question.name=EVIL.example."}, []string{"domain evil.example dns.question.name"}},
		{"saksi.dns", []string{"dns.question.name=www.evil.example"}, nil},
		{"saksi.dns", []string{"dns.question.name=a.b.bad.example"}, []string{"domain-tree bad.example dns.question.name"}},
		{"saksi.dns", []string{"dns.question.name=bad.example", "dns.answers.data=ads.example"}, []string{"domain-tree bad.example dns.question.name", "domain ads.example dns.answers.data"}},
		{"saksi.dns", []string{"dns.question.name=notbad.example"}, nil},
		{"saksi.tls", []string{"tls.client.server_name=evil.example", "destination.domain=evil.example"}, []string{"domain evil.example tls.client.server_name destination.domain"}},
		{"saksi.tls", []string{"Saksi.tls.ja4=t13d1516h2_8daaf6152771_b186095e22b6"}, []string{"ja4 t13d1516h2_8daaf6152771_b186095e22b6 Saksi.tls.ja4"}},
		{"saksi.http", []string{"url.full=http://evil.example/a%2Fb"}, []string{"url http://evil.example/a%2Fb url.full"}},
		{"saksi.http", []string{"url.full=https://evil.example/a%2Fb"}, nil},
		{"saksi.http", []string{"url.full=http://drop.example:80/x?y=1#z"}, []string{"url //drop.example/x?y=1 url.full"}},
		{"saksi.http", []string{"url.full=https://drop.example/x?y=1"}, []string{"url //drop.example/x?y=1 url.full"}},
		{"saksi.file", []string{"file.hash.md5=d41d8cd98f00b204e9800998ecf8427e"}, []string{"md5 d41d8cd98f00b204e9800998ecf8427e file.hash.md5"}},
		{"saksi.file", []string{"process.hash.sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709"}, []string{"sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709 process.hash.sha1"}},
		{"saksi.file", []string{"file.hash.sha256=E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}, []string{"sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 file.hash.sha256"}},
		{"saksi.smtp", []string{"email.from.address=Mallory@Evil.example"}, []string{"email mallory@evil.example email.from.address"}},
		{"saksi.flow", []string{"Saksi.flow.id=1", "source.ip=192.0.2.1", "destination.ip=198.51.100.9", "destination.port=4443"}, []string{"ip-dst 198.51.100.9 destination.ip"}},
		{"saksi.flow", []string{"Saksi.flow.id=1", "source.ip=192.0.2.1", "destination.ip=198.51.100.9", "destination.port=80"}, nil},
		{"saksi.http", []string{"Saksi.flow.id=1", "destination.ip=198.51.100.9", "destination.port=4443"}, nil}, // its flow tells
		{"saksi.flow", []string{"Saksi.flow.id=1", "source.ip=198.51.100.7"}, nil},                               // told at its start
	} {
		if got := names(s.Match(build(t, c.dataset, c.values...))); !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %q, expected %q", c.dataset, c.values, got, c.want)
		}
	}
	e := build(t, "saksi.flow", "Saksi.flow.id=1", "source.ip=198.51.100.7", "destination.ip=203.0.113.9")
	if got, want := names(s.MatchFlow(e)), []string{"ip 198.51.100.7 source.ip", "network 203.0.113.0/24 destination.ip"}; !slices.Equal(got, want) {
		t.Errorf("the start of a flow: %q, expected %q", got, want)
	}
}

// TestMissAllocates proves that an event without an indicator costs no
// allocation.
func TestMissAllocates(t *testing.T) {
	s, _ := load(t, "list.txt", plain)
	e := build(t, "saksi.http", "Saksi.flow.id=1", "source.ip=192.0.2.1", "destination.ip=192.0.2.2", "url.full=http://portal.example/utama", "url.domain=portal.example",
		"dns.question.name=a.b.c.portal.example", "file.hash.sha256="+strings.Repeat("ab", 32), "email.from.address=a@portal.example")
	if n := testing.AllocsPerRun(100, func() { s.Match(e); s.MatchFlow(e) }); n > 0 {
		t.Errorf("%.1f allocations", n)
	}
}

const sheet = `type,value,source,valid_from,valid_until,tlp,description,severity,attack,confidence
domain,evil.example,CSIRT Contoh,2026-05-01,2026-06-01T00:00:00Z,amber,"a name, quoted",high,T1071.001,80
domain,late.example,CSIRT Contoh,2026-06-02,,green,,,,
domain,day.example,CSIRT Contoh,,2026-06-01,TLP:CLEAR,,,,
domain-tree,tree.example,,,,red,,critical,"T1105 T1059",
ja3,e7d705a3286e19ea42f587b344ee6865,,,,,,,,
cert-serial,00:AB:cd,,,,,,,,
ip:port,198.51.100.9:4443,,,,,,,,
domain,evil example,,,,,,,,
mutex,abc,,,,,,,,
domain,x.example,,yesterday,,,,,,
domain,y.example,,,,PURPLE,,,,
domain,z.example,"open
`

// TestSheet proves what columns mean, that validity is judged by the time of
// the event, and that lines that can't be honored are told with their place.
func TestSheet(t *testing.T) {
	s, problems := load(t, "feed.csv", sheet)
	var got []string
	for _, p := range problems {
		got = append(got, itoa(int64(p.Line))+" "+p.Level.String()+" "+p.Message)
	}
	want := []string{
		"9 error value: it is no domain name",
		`10 refused indicators of type "mutex" are not looked for`,
		"11 error valid_from: it is no time; expected a form as 2026-01-31T08:00:00Z or 2026-01-31",
		"12 error tlp: it is no marking; expected CLEAR, GREEN, AMBER, AMBER+STRICT or RED",
		"13 error line: a quoted field does not end on its line",
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems %q\nexpected %q", got, want)
	}
	for _, name := range []string{"evil.example", "late.example"} { // its last moment is over; it has not begun
		if hits := s.Match(build(t, "saksi.dns", "dns.question.name="+name)); len(hits) != 0 {
			t.Errorf("%s is found outside its validity", name)
		}
	}
	if s.Outside() != 2 {
		t.Errorf("%d matches outside validity are counted, expected 2", s.Outside())
	}
	e := build(t, "saksi.dns", "dns.question.name=day.example") // valid until the end of a day
	hits := s.Match(e)
	if len(hits) != 1 {
		t.Fatalf("%d hits", len(hits))
	}
	var f event.Event
	s.Finding(&f, e, &hits[0])
	for field, want := range map[event.Field]string{
		event.EventKind: "alert", event.ThreatIndicatorType: "domain-name", event.ThreatIndicatorName: "day.example", event.ThreatIndicatorMarkingTlp: "CLEAR",
		event.ThreatIndicatorProvider: "CSIRT Contoh", event.SaksiIndicatorPlace: "feed.csv:4", event.SaksiIndicatorValidity: "valid", event.SaksiIndicatorMatched: "dns.question.name",
		event.RuleName: "domain day.example", event.SaksiRuleLanguage: "intel", event.DNSQuestionName: "day.example", event.RuleRuleset: "feed.csv",
	} {
		if got, _ := f.GetStr(field); got != want {
			t.Errorf("%s is %q, expected %q", field.Name(), got, want)
		}
	}
	if until, _ := f.GetTime(event.SaksiIndicatorValidUntil); until != time.Date(2026, 6, 2, 0, 0, 0, 0, time.UTC).UnixNano() {
		t.Errorf("valid until %v", time.Unix(0, until).UTC())
	}
	e = build(t, "saksi.dns", "dns.question.name=c2.tree.example")
	hits = s.Match(e)
	s.Finding(&f, e, &hits[0])
	if sev, _ := f.GetInt(event.EventSeverity); sev != int64(rules.Critical) {
		t.Errorf("severity %d", sev)
	}
	var techniques []string
	for v := range f.Values(event.ThreatTechniqueID) {
		techniques = append(techniques, v.Str())
	}
	if !slices.Equal(techniques, []string{"T1105", "T1059"}) {
		t.Errorf("techniques %q", techniques)
	}
	if v, _ := f.GetStr(event.SaksiIndicatorValidity); v != "unlimited" {
		t.Errorf("validity %q", v)
	}
	// A file at rest has no moment.
	s, _ = load(t, "old.csv", "type,value,valid_until\nmd5,d41d8cd98f00b204e9800998ecf8427e,2001-01-01\n")
	e = build(t, "saksi.entry", "file.hash.md5=d41d8cd98f00b204e9800998ecf8427e")
	hits = s.Match(e)
	if len(hits) != 1 {
		t.Fatalf("%d hits of a file at rest", len(hits))
	}
	s.Finding(&f, e, &hits[0])
	if v, _ := f.GetStr(event.SaksiIndicatorValidity); v != "not_judged" {
		t.Errorf("validity %q", v)
	}
}

// TestOthersSheets proves that the CSV files of others are read: with a header
// behind '#', with their names of columns and types, and pairs of MISP.
func TestOthersSheets(t *testing.T) {
	s, problems := load(t, "threats.csv", `################
# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","malware_printable","confidence_level"
"2026-05-01 00:00:00", "77", "198.51.100.9:4443", "ip:port", "botnet_cc", "Contoh", "75"
"2026-05-01 00:00:00", "78", "d41d8cd98f00b204e9800998ecf8427e", "md5_hash", "payload", "Contoh", "50"
`)
	if s.Len() != 2 || len(problems) > 0 {
		t.Errorf("%d indicators, %+v", s.Len(), problems)
	}
	has(t, find(t, s, build(t, "saksi.file", "file.hash.md5=d41d8cd98f00b204e9800998ecf8427e")), map[event.Field]string{event.RuleID: "78", event.RuleName: "Contoh", event.ThreatIndicatorConfidence: "Medium"})
	s, problems = load(t, "misp.csv", `uuid;event_id;category;type;value;comment;to_ids
1;2;Network activity;domain|ip;a.example|198.51.100.1;x;1
2;2;Network activity;hostname|port;b.example|8443;x;1
3;2;Network activity;domain;c.example;x;0
4;2;Payload delivery;filename|md5;a.exe;x;1
`)
	if s.Len() != 2 || len(problems) != 2 {
		t.Errorf("%d indicators, %+v", s.Len(), problems)
	}
	if n := len(s.Match(build(t, "saksi.dns", "dns.question.name=a.example", "dns.resolved_ip=198.51.100.1"))); n != 1 {
		t.Errorf("%d hits of a pair", n)
	}
}

// TestFlood proves that a value that a feed names again and again costs a
// bounded search, and that what is left out is counted.
func TestFlood(t *testing.T) {
	var b strings.Builder
	b.WriteString("type,value,description\n")
	for i := range 5000 {
		b.WriteString("domain,evil.example," + itoa(int64(i)) + "\n")
	}
	s, _ := load(t, "x.csv", b.String())
	if n := len(s.Match(build(t, "saksi.dns", "dns.question.name=evil.example"))); n != mostHits || s.Beyond() != 5000-mostHits {
		t.Errorf("%d hits, %d beyond", n, s.Beyond())
	}
}

// TestTable proves the table against a map, with many values that share
// buckets, and that equal values keep their order.
func TestTable(t *testing.T) {
	var b tableBuilder
	want := map[string][]entry{}
	for i := range 20_000 {
		v := itoa(int64(i * 7 % 9000))
		e := entry{uint32(i), uint32(i)}
		b.add(Domain, v, e)
		want[v] = append(want[v], e)
	}
	for i := range 300 { // one value of many indicators
		b.add(SHA1, "many", entry{1, uint32(i / 2)})
	}
	table := b.build()
	if n := len(table.lookup(SHA1, []byte("many"))); n != 150 {
		t.Fatalf("%d of 150 indicators of one value", n)
	}
	for v, list := range want {
		if got := table.lookup(Domain, []byte(v)); !slices.Equal(got, list) {
			t.Fatalf("%s: %v, expected %v", v, got, list)
		}
	}
	wrongly := 0
	for i := 9000; i < 29_000; i++ {
		v := []byte(itoa(int64(i)))
		if len(table.lookup(Domain, v)) > 0 || len(table.lookup(MD5, []byte("7"))) > 0 {
			t.Fatalf("%d is found", i)
		}
		if table.may(Domain, v) {
			wrongly++
		}
	}
	if wrongly > 2000 { // of 20,000: the filter is a Bloom filter
		t.Errorf("the filter lets %d of 20000 pass", wrongly)
	}
}

// TestRecord proves that what is said of an indicator is kept.
func TestRecord(t *testing.T) {
	for _, x := range []Indicator{
		{Confidence: -1},
		{ID: "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", Name: "n", Description: "d", Reference: "r", From: 1, Until: 1e18 + 5, Modified: 1, Confidence: 0, Severity: 4, TLP: Red, Techniques: []string{"T1", "T2"}},
		{ID: "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", Confidence: 100},
		{ID: "other", Confidence: -1, From: 946684800e9},
	} {
		b := appendRecord(nil, 7, &x)
		src, got := readRecord(append(b, "rest"...))
		if src != 7 || got.ID != x.ID || got.Name != x.Name || got.Description != x.Description || got.Reference != x.Reference || got.From != x.From || got.Until != x.Until ||
			got.Modified != x.Modified || got.Confidence != x.Confidence || got.Severity != x.Severity || got.TLP != x.TLP || !slices.Equal(got.Techniques, x.Techniques) {
			t.Errorf("%+v, expected %+v", got, x)
		}
	}
}

func TestTLP(t *testing.T) {
	for s, want := range map[string]TLP{"TLP:WHITE": Clear, "tlp:clear": Clear, "Green": Green, "TLP:AMBER+STRICT": AmberStrict, "amber": Amber, " TLP: RED": Red, "": Unmarked, "TLP:": Unmarked, "redd": Unmarked} {
		if got, ok := ParseTLP(s); got != want || ok != (want != Unmarked) {
			t.Errorf("%q is %v, expected %v", s, got, want)
		}
	}
	if cmp.Compare(Red, AmberStrict) <= 0 || cmp.Compare(AmberStrict, Amber) <= 0 {
		t.Error("stricter markings are not greater")
	}
}

// TestNetworkSides proves that both ends of a prefix are in it, and no more.
func TestNetworkSides(t *testing.T) {
	s, _ := load(t, "n.txt", "10.1.2.64/26\n")
	for a, want := range map[string]int{"10.1.2.63": 0, "10.1.2.64": 1, "10.1.2.127": 1, "10.1.2.128": 0} {
		e := build(t, "saksi.auth")
		e.Addr(event.SourceIP, netip.MustParseAddr(a))
		if n := len(s.Match(e)); n != want {
			t.Errorf("%s: %d hits, expected %d", a, n, want)
		}
	}
}

// TestNoFile proves that a list that can't be opened is an error.
func TestNoFile(t *testing.T) {
	if _, _, err := Load([]string{filepath.Join(t.TempDir(), "none.csv")}); err == nil {
		t.Error("a file that is not there is no error")
	}
	s, problems := load(t, "long.txt", strings.Repeat("a", 3*maxLine)+"\nevil.example\n"+string(bytes.Repeat([]byte{0xff}, 10)))
	if s.Len() != 1 || len(problems) != 2 || problems[0].Line != 1 || problems[1].Line != 3 {
		t.Errorf("%d indicators, %+v", s.Len(), problems)
	}
}
