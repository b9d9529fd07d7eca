package sensor

import (
	"bytes"
	"context"
	"testing"

	"saksi/event"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
)

// TestRules proves that the demo rules of Suricata and Sigma find in the demo
// capture what they were written for, with evidence, and the same for any number
// of workers, whoever encodes.
func TestRules(t *testing.T) {
	set, problems, err := suricata.LoadFiles([]string{"../testdata/rules/demo.rules"}, suricata.Config{Offer: Offer()})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, problems)
	}
	events, problems, err := sigma.Load([]string{"../testdata/rules/sigma"}, sigma.Config{})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, problems)
	}
	var one []byte
	for _, n := range []int{1, 2, 5} {
		var l lines
		cfg := Config{Sources: []Source{{Path: demo}}, Workers: n, Rules: RuleSet{Suricata: set, Sigma: events}, Sink: &l}
		s, err := Read(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		enc := &encLines{}
		cfg.Sink = enc
		if _, err := Read(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(l.buf.Bytes(), enc.buf.Bytes()) {
			t.Fatalf("encoding by %d workers differs: %s", n, firstDifference(l.buf.Bytes(), enc.buf.Bytes()))
		}
		if one == nil {
			one = bytes.Clone(l.buf.Bytes())
		} else if !bytes.Equal(one, l.buf.Bytes()) {
			t.Fatalf("%d workers differ from one: %s", n, firstDifference(one, l.buf.Bytes()))
		}
		if want := set.Len() + len(events.Rules); len(s.Alerts) != want {
			t.Errorf("%d of %d rules alerted: %v", len(s.Alerts), want, s.Alerts)
		}
	}
	languages := map[string]int{}
	for _, line := range bytes.Split(bytes.TrimSpace(one), []byte("\n")) {
		e, err := event.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if str(e, event.EventKind) != "alert" {
			continue
		}
		if !e.Has(event.SaksiEvidencePacket) || !e.Has(event.NetworkCommunityID) || !e.Has(event.SaksiRuleDigest) ||
			!e.Has(event.ThreatTechniqueID) {
			t.Errorf("an alert lacks evidence: %s", line)
		}
		languages[str(e, event.SaksiRuleLanguage)]++
	}
	if languages["suricata"] == 0 || languages["sigma"] == 0 || len(languages) != 2 {
		t.Errorf("alerts by language: %v", languages)
	}
}
