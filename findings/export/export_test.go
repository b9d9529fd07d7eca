package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"saksi/event"
)

// nasty is what a hostile document says: it would end lines, cells, labels and
// code, and start formulas and escape sequences.
const nasty = "=cmd|' /C calc'!A0\r\n\x1b[31m<script>alert(1)</script> \"}]}\\ a=b|c\u2028\u0085`x` $(id)"

// alert is a finding on traffic; n makes each another.
func alert(n int, name string) *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, 1_795_510_003_000_000_000+int64(n)*1_000_000)
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	e.Int(event.EventSeverity, int64(1+n%4))
	e.Str(event.RuleID, "1200006")
	e.Str(event.RuleName, name)
	e.Str(event.SaksiRuleLanguage, "suricata")
	e.Str(event.SaksiRuleText, `alert http any any -> any any (msg:"x"; sid:1200006;)`)
	e.Str(event.ThreatTechniqueID, "T1040")
	e.Str(event.SaksiControl, "rk-3-trafik")
	e.Addr(event.SourceIP, netip.MustParseAddr("198.51.100.23"))
	e.Int(event.SourcePort, int64(40000+n))
	e.Addr(event.DestinationIP, netip.MustParseAddr("2001:db8::10"))
	e.Int(event.DestinationPort, 80)
	e.Str(event.NetworkTransport, "tcp")
	e.Str(event.URLFull, "http://portal.agensi.example/"+name)
	e.Str(event.URLDomain, "portal.agensi.example")
	e.Str(event.FileName, `C:\x\`+name)
	e.Str(event.FileHashSHA256, strings.Repeat("ab", 32))
	e.Str(event.UserName, name)
	e.Str(event.EventID, e.ID())
	return e
}

func flow() *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, 1_795_510_000_000_000_000)
	e.Time(event.EventStart, 1_795_510_000_000_000_000)
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, "saksi.flow")
	e.Addr(event.SourceIP, netip.MustParseAddr("198.51.100.23"))
	e.Addr(event.DestinationIP, netip.MustParseAddr("192.0.2.10"))
	e.Str(event.NetworkTransport, "tcp")
	e.Str(event.EventID, e.ID())
	return e
}

var options = Options{Agency: `Agensi "Contoh"`, Version: "1.2|3", Title: nasty, Classification: "Terhad"}

func run(t *testing.T, format string, list ...*event.Event) (string, Writer) {
	t.Helper()
	var b bytes.Buffer
	w, err := New(format, &b, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if err := w.Emit(e); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String(), w
}

// TestFormats proves of every format that the same findings give the same bytes,
// that what has no place in it is counted, and that what findings say neither
// ends a record nor starts anything.
func TestFormats(t *testing.T) {
	// What JSON may hold as it is, plain text may not.
	inJSON, inText := regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f]"), regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u0085\u2028]")
	list := []*event.Event{alert(0, "plain"), flow(), alert(1, nasty), alert(2, nasty)}
	for _, f := range Formats() {
		if f.Doc == "" || f.Reference == "" {
			t.Errorf("%s is not documented", f.Name)
		}
		a, w := run(t, f.Name, list...)
		b, _ := run(t, f.Name, list...)
		if a != b {
			t.Errorf("%s: another export of the same differs", f.Name)
		}
		want := map[string]int{"eve": 0, "prometheus": 0, "timesketch": 0, "timesketch-csv": 0, "zeek": 3, "parquet": 0}
		left, ok := want[f.Name]
		if !ok {
			left = 1 // the flow
		}
		if w.LeftOut() != left {
			t.Errorf("%s: %d left out, want %d", f.Name, w.LeftOut(), left)
		}
		control := inJSON
		if f.Name == "cef" || f.Name == "timesketch-csv" {
			control = inText
		}
		if at := control.FindStringIndex(a); at != nil && f.Name != "parquet" { // which is binary
			t.Errorf("%s: a control character stands at %d: %q", f.Name, at[0], a[max(0, at[0]-20):at[1]])
		}
		if _, err := New(f.Name, failing{}, options); err != nil {
			t.Errorf("%s writes before its first document: %v", f.Name, err)
		}
	}
	if _, err := New("xml", nil, options); err == nil || !strings.Contains(err.Error(), "stix") {
		t.Errorf("an unknown format: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { panic("written") }

// TestLines proves that each document of a format of lines is one line that
// parses.
func TestLines(t *testing.T) {
	for _, f := range []string{"cef", "thehive", "timesketch"} {
		out, _ := run(t, f, alert(0, nasty), alert(1, nasty))
		got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(got) != 2 {
			t.Errorf("%s: %d lines of 2 documents:\n%s", f, len(got), out)
		}
		for _, l := range got {
			if f != "cef" && !json.Valid([]byte(l)) {
				t.Errorf("%s: %s", f, l)
			}
		}
	}
}

// TestCEF proves that a reader of CEF gets every value back.
func TestCEF(t *testing.T) {
	out, _ := run(t, "cef", alert(3, `a|b=c\d`))
	head, ok := strings.CutPrefix(out, "<162>1 2026-11-24T08:46:43.003000Z - saksi - alert - CEF:0|Saksi|Saksi|1.2\\|3|1200006|a\\|b=c\\\\d|10|")
	if !ok {
		t.Fatalf("the header is %s", out)
	}
	// A key follows a space and ends at a bare equal sign.
	keys := regexp.MustCompile(`(?:^| )(\w+)=`)
	found := map[string]string{}
	at := keys.FindAllStringSubmatchIndex(head, -1)
	for i, m := range at {
		end := len(head) - 1
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		found[head[m[2]:m[3]]] = strings.NewReplacer(`\\`, `\`, `\=`, `=`).Replace(head[m[1]:end])
	}
	for k, v := range map[string]string{"src": "198.51.100.23", "dst": "2001:db8::10", "dpt": "80", "suser": `a|b=c\d`, "cs1": "T1040", "cs1Label": "technique", "cs5": "Terhad"} {
		if found[k] != v {
			t.Errorf("%s is %q, want %q", k, found[k], v)
		}
	}
}

// TestCSVInert proves that no cell starts a formula.
func TestCSVInert(t *testing.T) {
	out, _ := run(t, "timesketch-csv", alert(0, nasty))
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatal(err, len(rows))
	}
	for i, c := range rows[1] {
		if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
			t.Errorf("%s starts with %q", rows[0][i], c[:1])
		}
	}
}

// TestSTIX proves that every reference of a bundle leads to an object in it,
// that no id stands twice and that observables have the ids of the standard.
func TestSTIX(t *testing.T) {
	marked := alert(5, "marked")
	marked.Str(event.ThreatIndicatorMarkingTlp, "AMBER+STRICT")
	out, _ := run(t, "stix", alert(0, "a"), alert(1, "a"), alert(2, nasty), marked)
	var bundle struct {
		Type, ID string
		Objects  []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &bundle); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	kinds := map[string]int{}
	for _, o := range bundle.Objects {
		id := o["id"].(string)
		if ids[id] != "" {
			t.Errorf("%s stands twice", id)
		}
		ids[id] = o["type"].(string)
		kinds[ids[id]]++
	}
	for _, o := range bundle.Objects {
		for k, v := range o {
			var refs []any
			switch {
			case strings.HasSuffix(k, "_ref"):
				refs = []any{v}
			case strings.HasSuffix(k, "_refs"):
				refs = v.([]any)
			}
			for _, r := range refs {
				if ids[r.(string)] == "" {
					t.Errorf("%s of %s leads to %s, which is not there", k, o["id"], r)
				}
			}
		}
	}
	for k, n := range map[string]int{"observed-data": 4, "sighting": 4, "indicator": 1, "attack-pattern": 1, "relationship": 1, "marking-definition": 2, "network-traffic": 4, "ipv6-addr": 1} {
		if kinds[k] != n {
			t.Errorf("%d objects of type %s, want %d", kinds[k], k, n)
		}
	}
	// What OASIS's own library, stix2 3.0.2, gives for the same.
	for _, c := range []struct {
		kind  string
		props object
		want  string
	}{
		{"ipv4-addr", object{"value": "198.51.100.3"}, "28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
		{"file", object{"name": "x", "hashes": object{"MD5": strings.Repeat("cd", 16)}}, "11d4e5e0-fde5-582e-b2e8-44cefd412c5c"},
		{"network-traffic", object{"src_ref": "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4", "src_port": 40000, "protocols": []string{"ipv4", "tcp"}}, "149d51ff-704f-5698-a2eb-40269e8db1e2"},
	} {
		if id, err := observableID(c.kind, c.props); err != nil || id != c.kind+"--"+c.want {
			t.Errorf("%s is %s, %v", c.kind, id, err)
		}
	}
}

// TestMISPGathers proves that what was seen often is one attribute with both times.
func TestMISPGathers(t *testing.T) {
	out, _ := run(t, "misp", alert(0, "a"), alert(9, "a"))
	var doc struct{ Event mispEvent }
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range doc.Event.Attribute {
		if a.Type == "ip-src" {
			n++
			if a.Value != "198.51.100.23" || a.FirstSeen == a.LastSeen || a.ToIDS || !strings.Contains(a.Comment, "findings: 2") {
				t.Errorf("the attribute is %+v", a)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d attributes of one address", n)
	}
}

// TestBounded proves that labels and attributes without end are counted
// together, or counted as left out, and not held.
func TestBounded(t *testing.T) {
	w, err := newMetrics(&bytes.Buffer{}, options)
	if err != nil {
		t.Fatal(err)
	}
	m := w.(*metrics)
	for i := range maxSeries + 50 {
		e := &event.Event{}
		e.Str(event.EventKind, "alert")
		e.Str(event.RuleID, itoa(int64(i)))
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.rules) != maxSeries+1 || m.rules[other] != 50 {
		t.Errorf("%d series, %d counted together", len(m.rules), m.rules[other])
	}
}
