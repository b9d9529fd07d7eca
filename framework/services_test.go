package framework

import (
	"fmt"
	"testing"
	"time"

	"saksi/event"
)

// TestServices proves what is counted for a service, and the ranks of its
// waiting times.
func TestServices(t *testing.T) {
	r, err := ParseRegister("register.yaml", []byte(testRegister))
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	put := func(e *event.Event) {
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		put(doc(event.EventDataset, "saksi.http", event.DestinationIP, "10.1.0.10", event.HTTPResponseStatusCode, 200, event.SaksiHTTPWait, (i+1)*1_000_000))
	}
	put(doc(event.EventDataset, "saksi.http", event.DestinationIP, "10.1.0.11", event.HTTPResponseStatusCode, 503))
	put(doc(event.EventDataset, "saksi.http", event.DestinationIP, "10.1.0.10", event.HTTPResponseStatusCode, 404))
	put(doc(event.EventDataset, "saksi.tls", event.DestinationIP, "10.1.0.10", event.TLSEstablished, true))
	put(doc(event.EventDataset, "saksi.tls", event.DestinationIP, "10.1.0.10", event.TLSEstablished, false))
	put(flow(time.Hour, "10.1.9.1", "10.1.0.10", 443, "SF", 500))
	put(flow(time.Hour, "10.1.9.1", "10.1.0.10", 443, "S0", 60))
	put(flow(time.Hour, "10.1.9.1", "10.1.0.99", 443, "SF", 60))
	list, err := ServicesOf(t.Context(), m, "", r)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v: %+v", err, list)
	}
	s := list[0]
	got := fmt.Sprintf("%s %s: %d/%d %d/%d %d/%d/%d %d %s %s %s", s.ID, s.Agency, s.Connections, s.Unanswered, s.Sessions, s.Failed, s.Requests, s.Refused, s.Errors, s.Bytes, s.Wait(0.5), s.Wait(0.95), s.Wait(1))
	if want := "portal jc: 2/1 2/1 102/1/1 560 50ms 95ms 100ms"; got != want {
		t.Errorf("%s, expected %s", got, want)
	}
	if all, err := ServicesOf(t.Context(), m, "event.dataset:saksi.flow", nil); err != nil || len(all) != 2 || all[0].ID != "10.1.0.10" {
		t.Errorf("without a register: %+v (%v)", all, err)
	}
	if (&Service{}).Wait(0.5) != 0 {
		t.Error("a waiting time of nothing")
	}
}
