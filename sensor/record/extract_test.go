package record

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"saksi/event"
	"saksi/findings"
	"saksi/sensor"
)

// TestFlows proves that for every flow the sensor tells of, in every capture
// of testdata, its id gives the packets from the flow's first to its last, as
// many as the flow has where none is a fragment.
func TestFlows(t *testing.T) {
	files, err := filepath.Glob("../../testdata/capture/*.pcap*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range files {
		seen := map[string]bool{}
		_, err := sensor.Read(context.Background(), sensor.Config{Sources: []sensor.Source{{Path: path}}, Workers: 1, Sink: findings.SinkFunc(func(e *event.Event) error {
			if d, _ := e.GetStr(event.EventDataset); d != "saksi.flow" || n > 2000 {
				return nil
			}
			n++
			id, _ := e.GetStr(event.SaksiFlowID)
			community, _ := e.GetStr(event.NetworkCommunityID)
			count, _ := e.GetInt(event.NetworkPackets)
			var ends []uint64
			for v := range e.Values(event.SaksiEvidencePacket) {
				ends = append(ends, uint64(v.Int()))
			}
			if seen[id] {
				return fmt.Errorf("%s: two flows of id %s", path, id)
			}
			seen[strings.Clone(id)] = true
			for _, s := range []Selection{{Flow: id}, {Flow: id, Community: community}} {
				list, rep := extract(t, path, &s)
				frag := filepath.Base(path) == "fragments.pcap"
				if len(list) == 0 || !frag && (int64(len(list)) != count || list[0].Number != ends[0] || list[len(list)-1].Number != ends[len(ends)-1]) {
					t.Errorf("%s: flow %s has %d packets, %v; %d were extracted, %v", path, id, count, ends, len(list), rep.Problems)
				}
			}
			return nil
		})})
		if err != nil && !errors.Is(err, sensor.ErrIncomplete) {
			t.Error(err)
		}
	}
	if n < 100 {
		t.Fatalf("only %d flows were looked at", n)
	}
}
