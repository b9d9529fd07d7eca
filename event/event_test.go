package event

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestECS proves that each field is one of ECS 8.17.0 with its type and its
// array flag, or stands under Saksi., which ECS promises never to use.
func TestECS(t *testing.T) {
	f, err := os.Open("../internal/ecs/ecs-8.17.0.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var ecs map[string]struct {
		T string
		N bool
	}
	if err := json.NewDecoder(z).Decode(&ecs); err != nil {
		t.Fatal(err)
	}
	same := map[string]Type{
		"keyword": Keyword, "wildcard": Keyword, "constant_keyword": Keyword, "match_only_text": Text,
		"long": Long, "ip": IP, "date": Date, "boolean": Boolean, "float": Float, "scaled_float": Float,
	}
	for _, f := range AllFields() {
		if strings.HasPrefix(f.Name(), "Saksi.") {
			if f.Doc() == "" {
				t.Errorf("%s: an own field without a meaning", f.Name())
			}
			continue
		}
		e, ok := ecs[f.Name()]
		if !ok {
			t.Errorf("%s is no field of ECS 8.17.0", f.Name())
			continue
		}
		if same[e.T] != f.Type() {
			t.Errorf("%s is %s in ECS, %s here", f.Name(), e.T, f.Type())
		}
		if e.N && !f.IsArray() {
			t.Errorf("%s holds several values in ECS, one here", f.Name())
		}
	}
}

// TestNoLeafIsObject proves that no field's name is another's prefix, which
// JSON and Elasticsearch refuse.
func TestNoLeafIsObject(t *testing.T) {
	for _, a := range AllFields() {
		for _, b := range AllFields() {
			if strings.HasPrefix(b.Name(), a.Name()+".") {
				t.Errorf("%s is a value and an object (%s)", a.Name(), b.Name())
			}
		}
	}
}

func sample() *Event {
	e := &Event{}
	e.Time(Timestamp, 1_700_000_000_123_456_789)
	e.Str(EventKind, "alert")
	e.Str(EventDataset, "saksi.alert")
	e.Addr(SourceIP, netip.MustParseAddr("192.0.2.1"))
	e.Addr(DestinationIP, netip.MustParseAddr("2001:db8::1"))
	e.Int(SourcePort, 40000)
	e.Str(ThreatTechniqueID, "T1190")
	e.Str(ThreatTechniqueID, "T1071.001")
	e.Bytes(URLOriginal, []byte("/a\x00\"\\\x7f\xff\u00e9\u202e"))
	e.Str(RuleName, "first")
	e.Str(RuleName, "the last value counts")
	e.Bool(TLSEstablished, true)
	e.Float(EventRiskScore, 12.5)
	return e
}

// TestJSON proves the canonical form: nested, keys in byte order, arrays for
// array fields only, hostile bytes escaped.
func TestJSON(t *testing.T) {
	e := sample()
	got := string(e.AppendJSON(nil))
	want := `{"@timestamp":"2023-11-14T22:13:20.123456789Z","destination":{"ip":"2001:db8::1"},` +
		`"event":{"dataset":"saksi.alert","id":"` + e.ID() + `","kind":"alert","risk_score":12.5},` +
		`"rule":{"name":"the last value counts"},"source":{"ip":"192.0.2.1","port":40000},` +
		`"threat":{"technique":{"id":["T1190","T1071.001"]}},"tls":{"established":true},` +
		`"url":{"original":"/a\u0000\"\\\u007f\\xff` + "\u00e9\u202e" + `"}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestIDIgnoresDerived proves that what is added later leaves the id alone and
// anything else changes it.
func TestIDIgnoresDerived(t *testing.T) {
	e := sample()
	id := e.ID()
	e.AppendJSON(nil)
	e.Str(SaksiControl, "rk-3-trafik")
	e.Time(EventIngested, 1)
	e.Str(AgentVersion, "9")
	if e.ID() != id {
		t.Error("a derived field changed the id")
	}
	e.Int(SourcePort, 40001)
	if e.ID() == id {
		t.Error("another port has the same id")
	}
}

// TestInteropID proves that an auditor can recompute an id with jq and
// sha256sum, from the words of ID's documentation.
func TestInteropID(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs jq: run by make interop")
	}
	e := sample()
	e.Str(SaksiCase, "A-1")
	e.Str(SaksiControl, "rk-3")
	line := e.AppendJSON(nil)
	cmd := exec.Command("sh", "-c", `jq -cjS 'del(.event.id,.event.ingested,.agent.version,.observer.version,.Saksi.control,.Saksi.masked_digest)' | sha256sum`)
	cmd.Stdin = bytes.NewReader(line)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out))[0]; got != e.ID() {
		t.Errorf("jq and sha256sum give %s, ID %s", got, e.ID())
	}
}

// TestRoundTrip proves that Parse reads back what AppendJSON wrote, for random
// documents with hostile strings, and that the id stays.
func TestRoundTrip(t *testing.T) {
	all := AllFields()
	rapid.Check(t, func(t *rapid.T) {
		e := &Event{}
		for range rapid.IntRange(0, 30).Draw(t, "n") {
			f := rapid.SampledFrom(all).Draw(t, "field")
			switch f.Type() {
			case Keyword, Text:
				e.Str(f, rapid.String().Draw(t, "s"))
			case Long:
				e.Int(f, rapid.Int64().Draw(t, "n"))
			case Float:
				e.Float(f, rapid.Float64().Draw(t, "x"))
			case Boolean:
				e.Bool(f, rapid.Bool().Draw(t, "b"))
			case Date:
				e.Time(f, rapid.Int64Range(0, 1<<61).Draw(t, "t"))
			case IP:
				e.Addr(f, netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip"))))
			}
		}
		line := e.AppendJSON(nil)
		if !json.Valid(line) {
			t.Fatalf("not JSON: %s", line)
		}
		back, err := Parse(line)
		if err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if again := back.AppendJSON(nil); !bytes.Equal(again, line) {
			t.Fatalf("again %s\nfirst %s", again, line)
		}
	})
}

// TestLongValues proves that a value is cut at MaxValue and that the document
// says so.
func TestLongValues(t *testing.T) {
	var e Event
	e.Str(URLOriginal, strings.Repeat("\u00e9", MaxValue))
	if s, _ := e.GetStr(URLOriginal); len(s) != MaxValue {
		t.Errorf("%d bytes kept", len(s))
	}
	if s, _ := e.GetStr(SaksiTruncated); s != "url.original" {
		t.Errorf("Saksi.truncated is %q", s)
	}
}

// FuzzParse proves that no document makes Parse panic and that what it accepts
// encodes to itself.
func FuzzParse(f *testing.F) {
	f.Add(sample().AppendJSON(nil))
	f.Add([]byte(`{"event":{"kind":[["x"]]}}`))
	f.Add([]byte(strings.Repeat(`{"event":`, 100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse(b)
		if err != nil {
			return
		}
		line := e.AppendJSON(nil)
		back, err := Parse(line)
		if err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if !bytes.Equal(back.AppendJSON(nil), line) {
			t.Fatalf("not stable: %s", line)
		}
	})
}

// BenchmarkAppendJSON measures one document with its id.
func BenchmarkAppendJSON(b *testing.B) {
	e := sample()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
}
