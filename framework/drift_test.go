package framework

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"saksi/event"
)

// TestDrift proves that every change of services, names, certificates and
// alerts between two windows is told, and nothing else.
func TestDrift(t *testing.T) {
	m := &memory{}
	for _, e := range []*event.Event{
		flow(90*time.Minute, "198.51.100.7", "10.1.0.10", 443, "SF", 1, event.NetworkTransport, "tcp"),
		flow(30*time.Minute, "198.51.100.7", "10.1.0.10", 443, "SF", 1, event.NetworkTransport, "tcp"),
		flow(90*time.Minute, "198.51.100.7", "10.1.0.10", 21, "SF", 1, event.NetworkTransport, "tcp"), // gone
		flow(20*time.Minute, "198.51.100.7", "10.1.0.10", 8443, "SF", 1, event.NetworkTransport, "tcp"),
		flow(20*time.Minute, "198.51.100.7", "10.1.0.10", 9999, "S0", 1, event.NetworkTransport, "tcp"), // nobody answers
		flow(20*time.Minute, "198.51.100.7", "10.1.0.11", 443, "", 1, event.EventDataset, "saksi.tls", event.TLSClientServerName, "New.example", event.TLSServerHashSHA256, "ab"),
		flow(10*time.Minute, "198.51.100.7", "10.1.0.10", 443, "", 1, event.EventKind, "alert", event.RuleName, "web shell"),
		flow(300*time.Minute, "198.51.100.7", "10.1.0.99", 443, "SF", 1, event.NetworkTransport, "tcp"), // in no window
	} {
		if err := m.Emit(e); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Drift(t.Context(), m, "", asOf.Add(-time.Hour), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		got = append(got, fmt.Sprintf("%s %s %v %d", c.Kind, c.Value, c.New, c.Number))
	}
	want := "alert web shell true 1\ncertificate ab true 1\nname new.example true 1\nservice 10.1.0.10 tcp/21 false 1\nservice 10.1.0.10 tcp/8443 true 1"
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("%s\nexpected\n%s", s, want)
	}
	if list, err = Drift(t.Context(), m, "destination.port:21", asOf.Add(-time.Hour), time.Hour); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}
