package sensor

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"saksi/event"
	"saksi/findings"
	"saksi/rules/suricata"
)

// TestReload proves that other rules match from a batch on, for any number of
// workers; that the rules before are retired once, when nothing uses them any
// more; and that flows and protocol events are as without any change.
func TestReload(t *testing.T) {
	const path = "../testdata/capture/demo.pcap"
	load := func(text string) *suricata.Set {
		s, problems := suricata.Load([]suricata.Source{{Name: "uji.rules", Data: []byte(text)}}, suricata.Config{Offer: Offer()})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return s
	}
	run := func(workers int, cfg Config) (others []string, alerts map[string]int) {
		alerts = map[string]int{}
		cfg.Workers, cfg.Sources = workers, []Source{{Path: path}}
		cfg.Sink = findings.SinkFunc(func(e *event.Event) error {
			if id, ok := e.GetStr(event.RuleID); ok {
				alerts[id]++
			} else {
				others = append(others, string(e.AppendJSON(nil)))
			}
			return nil
		})
		if _, err := Read(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		return others, alerts
	}
	want, _ := run(1, Config{})
	for _, workers := range []int{1, 3} {
		var retired [2]atomic.Int64
		first := RuleSet{Suricata: load(`alert udp any any -> any 53 (msg:"a"; sid:1;)`), Retired: func() { retired[0].Add(1) }}
		second := &RuleSet{Suricata: load(`alert tcp any any -> any 80 (msg:"b"; sid:2;)`), Retired: func() { retired[1].Add(1) }}
		asked := 0
		got, alerts := run(workers, Config{Rules: first, Reload: func() *RuleSet {
			if asked++; asked == 1 {
				return second
			}
			return nil
		}})
		if !slices.Equal(got, want) {
			t.Errorf("%d workers: %d other events, %d without rules", workers, len(got), len(want))
		}
		if alerts["1"] != 0 || alerts["2"] == 0 || retired[0].Load() != 1 || retired[1].Load() != 0 {
			t.Errorf("%d workers: alerts %v; retired %d and %d times", workers, alerts, retired[0].Load(), retired[1].Load())
		}
	}
}
