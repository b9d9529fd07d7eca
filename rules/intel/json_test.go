package intel

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules"
)

// told lists problems by line, level and message.
func told(list []rules.Problem) []string {
	var out []string
	for _, p := range list {
		out = append(out, itoa(int64(p.Line))+":"+itoa(int64(p.Column))+" "+p.Level.String()+" "+p.Message)
	}
	return out
}

// find gives the finding of the only indicator of an event.
func find(t *testing.T, s *Set, e *event.Event) *event.Event {
	t.Helper()
	hits := s.Match(e)
	if len(hits) != 1 {
		t.Fatalf("%d hits in %s", len(hits), e.AppendJSON(nil))
	}
	f := &event.Event{}
	s.Finding(f, e, &hits[0])
	return f
}

func has(t *testing.T, f *event.Event, want map[event.Field]string) {
	t.Helper()
	for field, w := range want {
		var got []string
		for v := range f.Values(field) {
			got = append(got, string(v.AppendText(nil)))
		}
		if s := strings.Join(got, " "); s != w {
			t.Errorf("%s is %q, expected %q", field.Name(), s, w)
		}
	}
}

// TestSTIX proves what is read of a bundle: patterns, validity, markings that
// stand behind the indicators, relations, who says so, and versions.
func TestSTIX(t *testing.T) {
	path := "../../testdata/rules/intel/bundle.json"
	s, problems, err := Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1:1 advice 1 indicators are not looked for: they are revoked",
		"14:5 error objects[1].pattern, byte 20: it is no digest of 32 hexadecimal digits",
		"19:5 refused objects[2].pattern, byte 2: windows-registry-key:key is told by no event of ours",
		`29:5 refused objects[4].pattern_type: a pattern of "yara" is not read here; give it as a file of rules of that language`,
		"34:1 advice an indicator of this id stands at " + path + ":39 too; the one changed last counts",
	}
	if got := told(problems); !slices.Equal(got, want) {
		t.Errorf("problems %q\nexpected %q", got, want)
	}
	has(t, find(t, s, build(t, "saksi.dns", "dns.question.name=c2.penyerang.example")), map[event.Field]string{
		event.RuleID: "indicator--1f0c6f8e-3b1c-4c42-8f5e-1d1a7f3b9a01", event.RuleName: "Invented command server", event.EventSeverity: "3",
		event.ThreatIndicatorMarkingTlp: "AMBER", event.ThreatIndicatorProvider: "CSIRT Contoh", event.ThreatIndicatorConfidence: "High",
		event.ThreatTechniqueID: "T1071.001", event.RuleReference: "https://csirt.example/2026-001", event.SaksiIndicatorPlace: "bundle.json:5",
		event.SaksiIndicatorValidity: "valid", event.ThreatIndicatorURLDomain: "c2.penyerang.example",
	})
	has(t, find(t, s, build(t, "saksi.auth", "source.ip=203.0.113.66")), map[event.Field]string{event.ThreatIndicatorType: "ipv4-addr", event.ThreatIndicatorIP: "203.0.113.66"})
	has(t, find(t, s, build(t, "saksi.dns", "dns.question.name=new.example")), map[event.Field]string{event.ThreatIndicatorMarkingTlp: "AMBER+STRICT"})
	for _, name := range []string{"old.example", "revoked.example"} {
		if hits := s.Match(build(t, "saksi.dns", "dns.question.name="+name)); len(hits) > 0 {
			t.Errorf("%s is found", name)
		}
	}
}

// TestMISP proves what is read of an event of MISP: attributes and those of
// objects for detection, with the tags of the event, which stand behind them.
func TestMISP(t *testing.T) {
	s, problems, err := Load([]string{"../../testdata/rules/intel/event.json"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1:1 advice 1 indicators are not looked for: to_ids is not set",
		`12:7 refused Attribute[3]: attributes of type "mutex" are not looked for`,
		"13:7 error Attribute[4]: value of type md5: it is no digest of 32 hexadecimal digits",
		"14:7 refused Attribute[5]: a rule of YARA is not read here; give it as a file of its own",
	}
	if got := told(problems); !slices.Equal(got, want) {
		t.Errorf("problems %q\nexpected %q", got, want)
	}
	has(t, find(t, s, build(t, "saksi.dns", "dns.question.name=x.penyerang.example")), map[event.Field]string{
		event.RuleID: "5f5e1f0a-2a3c-4c5b-8d7e-0a0b0c0d0e02", event.ThreatIndicatorMarkingTlp: "AMBER", event.ThreatIndicatorProvider: "CSIRT Contoh",
		event.ThreatFeedName: "Invented campaign against a portal", event.EventSeverity: "3", event.ThreatTechniqueID: "T1566 T1071.001",
		event.RuleDescription: "command server", event.SaksiIndicatorValidity: "unlimited", event.ThreatIndicatorModifiedAt: "2026-01-10T08:00:00.000000000Z",
	})
	has(t, find(t, s, build(t, "saksi.flow", "Saksi.flow.id=1", "destination.ip=203.0.113.66", "destination.port=8443")), map[event.Field]string{
		event.SaksiRuleText: "[ipv4-addr:value = '203.0.113.66' AND network-traffic:dst_port = 8443]",
	})
	has(t, find(t, s, build(t, "saksi.file", "file.hash.sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")), map[event.Field]string{event.ThreatIndicatorType: "file"})
	has(t, find(t, s, build(t, "saksi.tls", "Saksi.tls.ja4=t13d1516h2_8daaf6152771_b186095e22b6")), map[event.Field]string{event.ThreatIndicatorType: "network-traffic"})
	has(t, find(t, s, build(t, "saksi.http", "url.full=http://portal-palsu.example/log masuk")), map[event.Field]string{
		event.ThreatIndicatorMarkingTlp: "RED", event.RuleName: "url of event.json", // what may be personal stands in masked fields only
	})
	if !s.Wants(SHA256) || s.Wants(SHA1) || !s.Wants(DestinationPort) {
		t.Error("Wants does not tell the kinds there are")
	}
}

// TestHostileJSON proves that what is no bundle is told with its place, and
// that what stands before is taken.
func TestHostileJSON(t *testing.T) {
	good := `{"type":"indicator","id":"indicator--1f0c6f8e-3b1c-4c42-8f5e-1d1a7f3b9a01","pattern":"[domain-name:value = 'evil.example']","valid_from":"2026-01-01T00:00:00Z"}`
	for name, c := range map[string]struct {
		text  string
		taken int
		want  string
	}{
		"cut":        {`{"objects":[` + good + ",\n{", 1, "1:174"},
		"no form":    {`"text"`, 0, "is not the form"},
		"deep":       {`{"objects":[` + good + `,` + strings.Repeat("[", 100_000), 1, "read up to here only"},
		"deep key":   {`{"x":` + strings.Repeat(`{"a":`, 100_000), 0, "read up to here only"},
		"large":      {`{"objects":[` + good + `,"` + strings.Repeat("a", maxObject+1<<20) + `"]}`, 1, "an object has more than"},
		"types":      {`{"objects":[` + good + `,7,{"type":7},null]}`, 1, "objects[1] can't be read"},
		"no UTF-8":   {`{"objects":[{"type":"indicator","id":"indicator--1f0c6f8e-3b1c-4c42-8f5e-1d1a7f3b9a01","pattern":"[domain-name:value = '` + "\xff" + `.example']","valid_from":"2026-01-01T00:00:00Z"}]}`, 0, "no name that can stand in DNS"},
		"time":       {`{"objects":[{"type":"indicator","id":"indicator--1f0c6f8e-3b1c-4c42-8f5e-1d1a7f3b9a01","pattern":"[domain-name:value = 'a.example']","valid_from":"9999-01-01T00:00:00Z"}]}`, 0, "outside 1970 to 2261"},
		"event":      {`{"Event":7}`, 0, "is not the form"},
		"attributes": {`{"Event":{"Attribute":7}}`, 0, "is not the form"},
		"list":       {`[` + good + `,{"Event":{"Attribute":[{"type":"domain","value":"b.example","to_ids":true}]}}]`, 2, ""},
		"response":   {`{"response":[{"Event":{"Attribute":[{"type":"domain","value":"b.example","to_ids":true}]}}]}`, 1, ""},
		"nothing":    {`{"type":"bundle"}`, 0, "holds no indicator"},
		"empty":      {``, 0, "read up to here only"},
	} {
		s, problems := load(t, "x.json", c.text)
		if s.Len() != c.taken {
			t.Errorf("%s: %d indicators, expected %d", name, s.Len(), c.taken)
		}
		text := strings.Join(told(problems), "\n")
		if (c.want == "") != (text == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, expected %q", name, text, c.want)
		}
	}
}

// TestMany proves that problems beyond those told are counted.
func TestMany(t *testing.T) {
	_, problems := load(t, "x.csv", "type,value\n"+strings.Repeat("mutex,a\n", mostTold+500))
	if len(problems) != mostTold+2 { // and that the file holds nothing
		t.Fatalf("%d problems", len(problems))
	}
	if !slices.ContainsFunc(problems, func(p rules.Problem) bool { return strings.HasPrefix(p.Message, "500 more of these") }) {
		t.Error("what is not told is not counted")
	}
}

// TestEach proves that a list of indicators says what a Set would take.
func TestEach(t *testing.T) {
	var got []string
	problems, err := Each([]string{"../../testdata/rules/intel/bundle.json", "../../testdata/rules/intel/event.json"}, func(file string, x *Indicator) error {
		got = append(got, filepath.Base(file)+" "+x.Severity.String()+" "+x.Text())
		return nil
	})
	if err != nil || len(problems) != 8 {
		t.Errorf("%v, %d problems", err, len(problems))
	}
	if len(got) != 8 || got[0] != "bundle.json high [domain-name:value = 'c2.penyerang.example'] OR [ipv4-addr:value = '203.0.113.66']" {
		t.Errorf("%d: %q", len(got), got)
	}
	stop := errors.New("enough")
	if _, err := Each([]string{"../../testdata/rules/intel/bundle.json"}, func(string, *Indicator) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of the caller is %v", err)
	}
	if !IsJSON("../../testdata/rules/intel/bundle.json") || !IsJSON("../../testdata/rules/intel/event.json") || IsJSON("json_test.go") {
		t.Error("IsJSON does not tell bundles and events")
	}
	if _, err := os.Stat("none"); err == nil || IsJSON("none") {
		t.Error("a file that is not there looks like a bundle")
	}
}
