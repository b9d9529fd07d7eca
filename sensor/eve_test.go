package sensor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules/suricata"
)

// eveLines is a Sink that keeps EVE JSON lines.
type eveLines struct{ list [][]byte }

func (l *eveLines) Emit(e *event.Event) error {
	if b := e.AppendEVE(nil); len(b) > 0 {
		l.list = append(l.list, b)
	}
	return nil
}

// eveOf reads a capture with rules as -o eve does, with anomalies and payload if
// asked.
func eveOf(t *testing.T, path string, set *suricata.Set, workers int, asked bool) [][]byte {
	t.Helper()
	var l eveLines
	cfg := Config{Sources: []Source{{Path: path}}, Workers: workers, Rules: RuleSet{Suricata: set}, Sink: &l, NoChecksum: true, Detail: true, Anomalies: asked, Payload: asked}
	if _, err := Read(context.Background(), cfg); err != nil && !errors.Is(err, ErrIncomplete) {
		t.Fatalf("%s: %v", path, err)
	}
	return l.list
}

// eveFacts reads the table of what Suricata's schema says of the members that
// are written here: path, where [] is an element, and type.
func eveFacts(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/eve.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	facts := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && line[0] != '#' {
			path, typ, _ := strings.Cut(line, "\t")
			facts[path] = typ
		}
	}
	return facts
}

// checkEVE calls wrong for each member that the facts do not allow.
func checkEVE(facts map[string]string, path string, v any, seen map[string]bool, wrong func(string)) {
	want, known := facts[path]
	typ := ""
	switch x := v.(type) {
	case map[string]any:
		typ = "object"
		for k, member := range x {
			at := path + "." + k
			if want == "any" {
				continue
			}
			checkEVE(facts, strings.TrimPrefix(at, "."), member, seen, wrong)
		}
	case []any:
		typ = "array"
		if len(x) == 0 && path != "mdns.flags" && path != "dns.queries" && path != "dhcp.params" {
			wrong(path + " is empty")
		}
		for _, member := range x {
			checkEVE(facts, path+"[]", member, seen, wrong)
		}
	case string:
		typ = "string"
	case bool:
		typ = "boolean"
	case json.Number:
		typ = "integer"
		if _, err := x.Int64(); err != nil {
			typ = "number"
		}
	}
	switch {
	case path == "":
	case !known:
		wrong(path + " is no member of Suricata's")
	case want != typ && want != "any":
		wrong(fmt.Sprintf("%s is %s, expected %s", path, typ, want))
	}
	seen[path] = true
}

// TestEVESchema proves that every member of EVE JSON that is written for the
// events of all protocols, flows, files and alerts has a name, a place and a
// type of Suricata's schema.
func TestEVESchema(t *testing.T) {
	facts := eveFacts(t)
	seen := map[string]bool{}
	told := map[string]bool{}
	check := func(from string, line []byte) {
		var doc map[string]any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&doc); err != nil {
			t.Fatalf("%s: %v in %s", from, err, line)
		}
		for _, k := range []string{"timestamp", "event_type"} {
			if _, ok := doc[k].(string); !ok {
				t.Errorf("%s: no %s in %s", from, k, line)
			}
		}
		checkEVE(facts, "", doc, seen, func(what string) {
			if !told[what] {
				told[what] = true
				t.Errorf("%s: %s in %s", from, what, line[:min(len(line), 600)])
			}
		})
	}
	goldens, err := filepath.Glob("proto/testdata/golden/*.ndjson")
	if err != nil || len(goldens) < 50 {
		t.Fatalf("golden files of protocols: %d, %v", len(goldens), err)
	}
	for _, path := range goldens {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			e, err := event.Parse(bytes.TrimSpace(line))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if b := e.AppendEVE(nil); len(b) > 0 {
				check(path, b)
			}
		}
	}
	records, err := filepath.Glob("proto/testdata/eve/*.ndjson")
	if err != nil || len(records) == 0 {
		t.Fatalf("records of protocols: %d, %v", len(records), err)
	}
	for _, path := range records {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			check(path, bytes.TrimSpace(line))
		}
	}
	set, _, err := suricata.LoadFiles([]string{"../testdata/rules/demo.rules"}, suricata.Config{Offer: Offer()})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range captures(t) {
		for _, line := range eveOf(t, path, set, 1, true) {
			check(path, line)
		}
	}
	for _, must := range []string{
		"flow.tx_cnt", "tcp.tcp_flags_ts", "alert.metadata", "tx_id", "vlan[]", "pkt_src", "community_id", "icmp_type", "direction", "files[].filename",
		"http.url", "dns.answers[].rdata", "tls.ja4", "ssh.client.hassh.string", "fileinfo.sha256", "krb5.msg_type", "ldap.request.operation",
		"snmp.pdu_type", "rfb.authentication.security_type", "pgsql.request.simple_query", "smb.dialect", "dhcp.dhcp_type", "tftp.packet", "payload", "payload_printable", "stream", "anomaly.type", "anomaly.event",
	} {
		if !seen[must] {
			t.Errorf("no event has %s", must)
		}
	}
}

// TestEVEWorkers proves that EVE JSON is the same for any number of workers,
// with what waits for its packet.
func TestEVEWorkers(t *testing.T) {
	set, _, err := suricata.LoadFiles([]string{"../testdata/rules/demo.rules"}, suricata.Config{Offer: Offer()})
	if err != nil {
		t.Fatal(err)
	}
	one := bytes.Join(eveOf(t, demo, set, 1, true), []byte("\n"))
	if several := bytes.Join(eveOf(t, demo, set, 5, true), []byte("\n")); !bytes.Equal(one, several) {
		t.Errorf("5 workers differ from one: %s", firstDifference(one, several))
	}
	if !bytes.Contains(one, []byte(`"event_type":"alert"`)) {
		t.Error("no alert")
	}
}

// TestDetailHeld proves that what is held for EVE stands in no document and
// changes no id.
func TestDetailHeld(t *testing.T) {
	set, _, err := suricata.LoadFiles([]string{"../testdata/rules/demo.rules"}, suricata.Config{Offer: Offer()})
	if err != nil {
		t.Fatal(err)
	}
	ids := [2]map[string]int{{}, {}}
	for i, detail := range []bool{false, true} {
		var l lines
		if _, err := Read(context.Background(), Config{Sources: []Source{{Path: demo}}, Workers: 1, Rules: RuleSet{Suricata: set}, Sink: &l, Detail: detail}); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(l.buf.Bytes(), []byte(`"eve":`)) {
			t.Error("a document shows what is held for EVE")
		}
		for line := range bytes.Lines(l.buf.Bytes()) {
			if !bytes.Contains(line, []byte(`"dataset":"saksi.eve"`)) { // made for EVE alone
				ids[i][string(line)]++
			}
		}
	}
	for line, n := range ids[0] {
		if ids[1][line] != n {
			t.Fatalf("with detail %d times, without %d: %s", ids[1][line], n, line)
		}
	}
	if len(ids[0]) != len(ids[1]) {
		t.Errorf("%d documents with detail, %d without", len(ids[1]), len(ids[0]))
	}
}
