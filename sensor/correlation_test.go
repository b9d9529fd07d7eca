package sensor

import (
	"bytes"
	"context"
	"testing"

	"saksi/event"
	"saksi/rules/sigma"
)

const correlations = `title: Three requests of one address
id: c-1
level: high
correlation: {type: event_count, rules: [request], group-by: [c-ip], timespan: 1h, condition: {gte: 3}}
---
title: Few requests of one address
id: c-2
correlation: {type: event_count, rules: [request], group-by: [src_ip], timespan: 1h, condition: {gte: 1, lt: 10}}
---
title: Request
name: request
logsource: {category: webserver}
detection: {s: {cs-method|exists: true}, condition: s}
---
title: Name, then request
id: c-3
correlation: {type: temporal_ordered, rules: [name, request], group-by: [source.ip], timespan: 1h, generate: true}
---
title: Name
id: n-1
name: name
logsource: {category: dns}
detection: {s: {query|exists: true}, condition: s}
`

// TestCorrelations proves that correlations count in the order of packets, so
// that any number of workers, whoever encodes, finds the same, and that the
// rules they refer to are silent unless told.
func TestCorrelations(t *testing.T) {
	set, problems := sigma.Compile([]sigma.File{{Name: "c.yml", Text: []byte(correlations)}}, sigma.Config{})
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	var one []byte
	for _, n := range []int{1, 2, 5} {
		var l lines
		cfg := Config{Sources: []Source{{Path: demo}}, Workers: n, Rules: RuleSet{Sigma: set}, Sink: &l}
		if _, err := Read(context.Background(), cfg); err != nil {
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
	}
	found := map[string]int{}
	for _, line := range bytes.Split(bytes.TrimSpace(one), []byte("\n")) {
		e, err := event.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if str(e, event.EventKind) == "alert" {
			found[str(e, event.RuleName)]++
			if !e.Has(event.SourceIP) || !e.Has(event.SaksiEvidencePacket) {
				t.Errorf("a finding lacks evidence: %s", line)
			}
		}
	}
	if found["Three requests of one address"] == 0 || found["Few requests of one address"] == 0 || found["Name, then request"] == 0 || found["Name"] == 0 || found["Request"] > 0 {
		t.Errorf("findings: %v", found)
	}
}
