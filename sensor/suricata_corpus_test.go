package sensor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules/suricata"
)

// Floors of parity with Suricata 8.0.6 that were reached; they only go up.
const (
	floorSuricata = 222 // cases of corpus/suricata
	floorET       = 86  // rows of et_alerts.tsv
	ceilingET     = 0   // surplus rows
)

// check is one entry of a case's checks.json: how many events match a filter.
type check struct {
	Count int
	Match map[string]any
}

// alertsOf reads a capture with rules, by one worker and by several, which must
// give the same bytes, and returns its alerts.
func alertsOf(t *testing.T, path string, set *suricata.Set) []*event.Event {
	t.Helper()
	var l, several lines
	for n, to := range map[int]*lines{1: &l, 3: &several} {
		cfg := Config{Sources: []Source{{Path: path}}, Workers: n, Rules: RuleSet{Suricata: set}, Sink: to, NoChecksum: true}
		if _, err := Read(context.Background(), cfg); err != nil && !errors.Is(err, ErrIncomplete) {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if !bytes.Equal(l.buf.Bytes(), several.buf.Bytes()) {
		t.Errorf("%s: 3 workers differ from one: %s", path, firstDifference(l.buf.Bytes(), several.buf.Bytes()))
	}
	var out []*event.Event
	for _, b := range strings.Split(strings.TrimSpace(l.buf.String()), "\n") {
		if b == "" {
			continue
		}
		e, err := event.Parse([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		if str(e, event.EventKind) == "alert" {
			out = append(out, e)
		}
	}
	return out
}

// eveField gives an alert's value of a field of EVE, or known false.
func eveField(e *event.Event, key string) (v string, known bool) {
	switch key {
	case "event_type":
		return "alert", true
	case "alert.signature_id":
		return str(e, event.RuleID), true
	case "alert.signature":
		return str(e, event.RuleName), true
	case "alert.rev":
		return str(e, event.RuleVersion), true
	case "proto":
		return strings.ToUpper(str(e, event.NetworkTransport)), true
	case "pcap_cnt":
		v, _ := e.Last(event.SaksiEvidencePacket)
		return itoa(v.Int()), true
	}
	return "", false
}

// ends reports whether the alert lies between the two ends that a filter names:
// an alert of Saksi's names its flow's client first, EVE the packet's sender.
func ends(e *event.Event, m map[string]any) bool {
	get := func(k string) string {
		if v, ok := m[k]; ok && v != nil { // null: the packet has none
			return fmt.Sprint(v)
		}
		return ""
	}
	fits := func(ip, port string, f, p event.Field) bool {
		return (ip == "" || ip == addr(e, f)) && (port == "" || port == itoa(num(e, p)))
	}
	s, sp, d, dp := get("src_ip"), get("src_port"), get("dest_ip"), get("dest_port")
	return fits(s, sp, event.SourceIP, event.SourcePort) && fits(d, dp, event.DestinationIP, event.DestinationPort) ||
		fits(s, sp, event.DestinationIP, event.DestinationPort) && fits(d, dp, event.SourceIP, event.SourcePort)
}

// comparable reports whether alerts say all that a filter asks.
func (c *check) comparable() bool {
	for k := range c.Match {
		switch k {
		case "src_ip", "src_port", "dest_ip", "dest_port":
			continue
		}
		if _, ok := eveField(&event.Event{}, k); !ok {
			return false
		}
	}
	return c.Match["event_type"] == "alert"
}

func (c *check) count(alerts []*event.Event) int {
	n := 0
	for _, e := range alerts {
		ok := ends(e, c.Match)
		for k, want := range c.Match {
			if have, known := eveField(e, k); known {
				ok = ok && have == fmt.Sprint(want)
			}
		}
		if ok {
			n++
		}
	}
	return n
}

// TestSuricataCases compares the number of alerts in each case with what
// Suricata 8.0.6 gives. A case with a rule refused by name is not passed.
func TestSuricataCases(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(corpus(t, "suricata"), "*", "checks.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	passed, refused, bad := 0, 0, 0
	for _, path := range dirs {
		dir := filepath.Dir(path)
		name := filepath.Base(dir)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var checks []check
		d := json.NewDecoder(strings.NewReader(string(data)))
		d.UseNumber()
		if err := d.Decode(&checks); err != nil {
			t.Fatal(err)
		}
		set, problems, err := suricata.LoadFiles([]string{filepath.Join(dir, "test.rules")}, suricata.Config{Offer: Offer()})
		if err != nil {
			t.Fatal(err)
		}
		if len(problems) > 0 {
			refused++
			for i := range problems {
				t.Logf("refused %s: %v", name, problems[i].Reason)
			}
			continue
		}
		alerts := alertsOf(t, filepath.Join(dir, "input.pcap"), set)
		var faults []string
		for i := range checks {
			c := &checks[i]
			if !c.comparable() {
				continue
			}
			if n := c.count(alerts); n != c.Count {
				faults = append(faults, fmt.Sprintf("%d alerts for %v, expected %d", n, c.Match, c.Count))
			}
		}
		if len(faults) > 0 {
			bad++
			t.Logf("wrong %s: %s", name, strings.Join(faults, "; "))
			continue
		}
		passed++
	}
	t.Logf("%d passed, %d refused, %d wrong of %d; floor %d", passed, refused, bad, len(dirs), floorSuricata)
	if passed < floorSuricata {
		t.Errorf("%d cases pass, fewer than %d", passed, floorSuricata)
	}
}

// TestETAlerts compares the alerts of ET Open's rules over all captures with
// Suricata's.
func TestETAlerts(t *testing.T) {
	root := corpus(t, "")
	want := map[string]int{}
	for _, r := range rows(t, filepath.Join(root, "captures", "et_alerts.tsv")) {
		k := pairKey(r["src_ip"], r["src_port"], r["dest_ip"], r["dest_port"])
		want[r["capture"]+" "+r["sid"]+" "+strings.ToLower(r["proto"])+" "+k]++
	}
	files, err := filepath.Glob(filepath.Join(root, "rules", "*.rules"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	set, _, err := suricata.LoadFiles(files, suricata.Config{Offer: Offer()})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, path := range captures(t) {
		rel, err := filepath.Rel(root, path)
		if err != nil || strings.HasPrefix(rel, "..") {
			continue
		}
		parts := strings.Split(rel, string(filepath.Separator))
		name := parts[1] + "__" + parts[2]
		if parts[0] == "suricata" {
			name = "suricata__" + parts[1] + ".pcap"
		}
		for _, e := range alertsOf(t, path, set) {
			p := itoa(num(e, event.SourcePort))
			q := itoa(num(e, event.DestinationPort))
			k := pairKey(addr(e, event.SourceIP), p, addr(e, event.DestinationIP), q)
			have[name+" "+str(e, event.RuleID)+" "+str(e, event.NetworkTransport)+" "+k] = true
		}
	}
	var missing, surplus []string
	for k := range want {
		if !have[k] {
			missing = append(missing, k)
		}
	}
	for k := range have {
		if want[k] == 0 {
			surplus = append(surplus, k)
		}
	}
	slices.Sort(missing)
	slices.Sort(surplus)
	for _, k := range missing {
		t.Logf("missing %s", k)
	}
	for _, k := range surplus {
		t.Logf("surplus %s", k)
	}
	good := len(want) - len(missing)
	t.Logf("%d of %d rows found, %d surplus; floor %d, ceiling %d", good, len(want), len(surplus), floorET, ceilingET)
	if good < floorET || len(surplus) > ceilingET {
		t.Errorf("%d rows found and %d surplus; expected at least %d and at most %d", good, len(surplus), floorET, ceilingET)
	}
}
