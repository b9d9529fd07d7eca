package sensor

import (
	"bytes"
	"context"
	"testing"

	"saksi/event"
	"saksi/rules/suricata"
)

// TestRules proves that the demo rules find in the demo capture what they were
// written for, with evidence, and the same for any number of workers.
func TestRules(t *testing.T) {
	set, problems, err := suricata.LoadFiles([]string{"../testdata/rules/demo.rules"}, suricata.Config{Offer: Offer()})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, problems)
	}
	var one []byte
	for _, n := range []int{1, 2, 5} {
		var l lines
		s, err := Read(context.Background(), Config{Sources: []Source{{Path: demo}}, Workers: n, Rules: set, Sink: &l})
		if err != nil {
			t.Fatal(err)
		}
		if one == nil {
			one = bytes.Clone(l.buf.Bytes())
		} else if !bytes.Equal(one, l.buf.Bytes()) {
			t.Fatalf("%d workers differ from one: %s", n, firstDifference(one, l.buf.Bytes()))
		}
		if len(s.Alerts) != set.Len() {
			t.Errorf("%d of %d rules alerted: %v", len(s.Alerts), set.Len(), s.Alerts)
		}
	}
	for _, line := range bytes.Split(bytes.TrimSpace(one), []byte("\n")) {
		e, err := event.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if str(e, event.EventKind) != "alert" {
			continue
		}
		if !e.Has(event.SaksiEvidencePacket) || !e.Has(event.NetworkCommunityID) || !e.Has(event.SaksiRuleDigest) ||
			!e.Has(event.ThreatTechniqueID) || str(e, event.SaksiRuleLanguage) != "suricata" {
			t.Errorf("an alert lacks evidence: %s", line)
		}
	}
}
