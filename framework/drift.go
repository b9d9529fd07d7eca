package framework

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
)

// Kinds of what a drift compares.
const (
	DriftService     = "service"     // address, port and protocol that answered
	DriftName        = "name"        // server name asked for
	DriftCertificate = "certificate" // SHA-256 of what a server showed
	DriftAlert       = "alert"       // rule that found something, and where
)

// maxDrift bounds what is kept of one window.
const maxDrift = 1 << 20

// Change is something that is there in one window and not in the other.
type Change struct {
	Kind   string
	Value  string
	New    bool // it came; false: it is gone
	Number int64
}

// Drift compares what was seen in the windows before and after a moment, such as
// a go-live or the move of a data center. A query limits it to a system; "" is
// everything.
func Drift(ctx context.Context, ix Index, query string, at time.Time, window time.Duration) ([]Change, error) {
	before, err := seenIn(ctx, ix, query, at.Add(-window), at)
	if err != nil {
		return nil, fmt.Errorf("comparing windows: %w", err)
	}
	after, err := seenIn(ctx, ix, query, at, at.Add(window))
	if err != nil {
		return nil, fmt.Errorf("comparing windows: %w", err)
	}
	var list []Change
	for k, n := range after {
		if before[k] == 0 {
			list = append(list, Change{k[0], k[1], true, n})
		}
	}
	for k, n := range before {
		if after[k] == 0 {
			list = append(list, Change{k[0], k[1], false, n})
		}
	}
	slices.SortFunc(list, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
	})
	return list, nil
}

// seenIn counts what was seen from a time on, until another, exclusive.
func seenIn(ctx context.Context, ix Index, q string, from, until time.Time) (map[[2]string]int64, error) {
	full := fmt.Sprintf(`@timestamp:>="%s" AND @timestamp:<"%s" AND (event.kind:alert OR event.dataset:(saksi.flow OR saksi.tls OR saksi.http))`, from.UTC().Format(time.RFC3339Nano), until.UTC().Format(time.RFC3339Nano))
	if q != "" {
		full = "(" + q + ") AND " + full
	}
	seen := map[[2]string]int64{}
	err := pages(ctx, ix, full, func(d findings.Doc) error {
		e, err := event.Parse(d.Body)
		if err != nil {
			return err
		}
		take(seen, e)
		if len(seen) > maxDrift {
			return fmt.Errorf("more than %d things between %s and %s; give a query or a shorter window", maxDrift, from.Format(time.RFC3339), until.Format(time.RFC3339))
		}
		return nil
	})
	return seen, err
}

func take(seen map[[2]string]int64, e *event.Event) {
	str := func(f event.Field) string { s, _ := e.GetStr(f); return s }
	if str(event.EventKind) == "alert" {
		seen[[2]string{DriftAlert, ruleOf(e)}]++
		return
	}
	if name := cmp.Or(str(event.TLSClientServerName), str(event.URLDomain)); name != "" {
		seen[[2]string{DriftName, strings.ToLower(name)}]++
	}
	if c := str(event.TLSServerHashSHA256); c != "" {
		seen[[2]string{DriftCertificate, c}]++
	}
	if state := str(event.SaksiFlowState); state != "" && state != "S0" && state != "REJ" && state != "SH" && state != "RSTOS0" {
		a, _ := e.GetAddr(event.DestinationIP)
		port, _ := e.GetInt(event.DestinationPort)
		seen[[2]string{DriftService, fmt.Sprintf("%s %s/%d", a, str(event.NetworkTransport), port)}]++
	}
}
