package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"saksi/sensor"
	"saksi/sensor/decode"
)

// Rows of each part of the summary; the rest is counted.
const (
	topTalkers   = 10
	topProtocols = 20
	topAlerts    = 20
	topFiles     = 15
	topKinds     = 12
)

var severityNames = [...]string{"none", "low", "medium", "high", "critical"}

// printSummary prints what an analyst wants first.
func printSummary(w io.Writer, s *sensor.Summary) {
	for i := range s.Sources {
		printSource(w, &s.Sources[i])
	}
	var sev []string
	for i := len(s.Severities) - 1; i > 0; i-- {
		if n := s.Severities[i]; n > 0 {
			sev = append(sev, fmt.Sprintf("%d %s", n, severityNames[i]))
		}
	}
	alerts := "none"
	if len(sev) > 0 {
		alerts = strings.Join(sev, ", ")
	}
	fmt.Fprintf(w, "\n%d flows; alerts: %s\n", s.Flows, alerts)
	section(w, "Alerts", []string{"severity", "rule", "count", "name"}, len(s.Alerts), topAlerts, func(i int) []any {
		x := &s.Alerts[i]
		return []any{severityNames[min(max(x.Severity, 0), 4)], x.Rule, x.N, x.Name}
	})
	section(w, "Protocols", []string{"protocol", "flows", "bytes"}, len(s.Protocols), topProtocols, func(i int) []any {
		x := &s.Protocols[i]
		return []any{x.Name, x.Flows, x.Bytes}
	})
	talkers := s.Talkers()
	section(w, "Talkers", []string{"host", "flows", "sent", "received"}, len(talkers), topTalkers, func(i int) []any {
		x := &talkers[i]
		return []any{x.Addr.String(), x.Flows, x.Sent, x.Received}
	})
	section(w, "Files", []string{"sha256", "bytes", "type", "count", "name"}, len(s.Files), topFiles, func(i int) []any {
		x := &s.Files[i]
		name := x.Name
		if !x.Whole {
			name += " (partial)"
		}
		return []any{x.SHA256, x.Size, x.MIME, x.N, strings.TrimSpace(name)}
	})
	section(w, "Events", []string{"dataset", "count"}, len(s.Events), len(s.Events), func(i int) []any {
		return []any{s.Events[i].Name, s.Events[i].N}
	})
	section(w, "Oddities", []string{"what", "count"}, len(s.Oddities), len(s.Oddities), func(i int) []any {
		return []any{s.Oddities[i].Name, s.Oddities[i].N}
	})
}

func printSource(w io.Writer, s *sensor.SourceSummary) {
	format := s.Stats.Format
	if format == "" {
		format = "no capture"
	}
	fmt.Fprintf(w, "%s: %s", oneLine(s.Name), format)
	if s.Stats.Compression != "" {
		fmt.Fprintf(w, " in %s", s.Stats.Compression)
	}
	fmt.Fprintf(w, ", %d packets, %s on the wire", s.Stats.Packets, size(int64(s.WireBytes), "B"))
	if s.First != 0 {
		first, last := time.Unix(0, s.First).UTC(), time.Unix(0, s.Last).UTC()
		fmt.Fprintf(w, ", %s from %s", last.Sub(first).Round(time.Millisecond), first.Format(time.RFC3339))
	}
	fmt.Fprintf(w, "\nkey %s\n", s.Key)
	if s.Error != "" {
		fmt.Fprintf(w, "INCOMPLETE: %s\n", oneLine(s.Error))
	}
	if s.Offload {
		fmt.Fprintln(w, "checksums of an interface are wrong from the start (the capturing host's network card computes them): not verified")
	}
	for _, x := range []struct {
		n    uint64
		what string
	}{
		{s.Filtered, "packets left out by the filter"},
		{s.Stats.Dropped, "packets dropped by the capturing side"},
		{s.Stats.Truncated, "packets cut by the snapshot length"},
		{s.Stats.Secrets, "blocks of decryption secrets, not used"},
		{s.Stats.BadBlocks, "damaged blocks passed over"},
		{s.Stats.NameBlocks, "blocks of host names passed over"},
		{s.Stats.CustomBlocks, "blocks of vendors passed over"},
		{s.Stats.JournalBlocks, "blocks of the systemd journal passed over"},
		{s.Stats.OtherBlocks, "blocks of other kinds passed over"},
		{s.Stats.NoTimestamp, "packets without a time of their own"},
	} {
		if x.n > 0 {
			fmt.Fprintf(w, "%d %s\n", x.n, x.what)
		}
	}
	for _, c := range s.Tunnels {
		fmt.Fprintf(w, "tunnel %s: %d packets inside\n", c.Name, c.N)
	}
	for _, c := range s.Undecoded {
		fmt.Fprintf(w, "not decoded: %d %s%s\n", c.N, strings.ReplaceAll(c.Name, "_", " "), kinds(c.Name, s.NotIP))
	}
}

// kinds tells what the frames without IP were.
func kinds(reason string, list []sensor.Count) string {
	if reason != decode.NotIP.String() || len(list) == 0 {
		return ""
	}
	var parts []string
	for i, c := range list {
		if i == topKinds {
			parts = append(parts, fmt.Sprintf("%d more kinds", len(list)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%d %s", c.N, c.Name))
	}
	return ": " + strings.Join(parts, ", ")
}

// section prints the first rows of a part, and how many more there are.
func section(w io.Writer, title string, columns []string, n, most int, row func(i int) []any) {
	if n == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	right := make([]bool, len(columns))
	var table [][]string
	for i := range min(n, most) {
		values := row(i)
		cells := make([]string, len(values))
		for k, v := range values {
			switch x := v.(type) {
			case uint64:
				cells[k], right[k] = strconv.FormatUint(x, 10), true
			case int64:
				cells[k], right[k] = strconv.FormatInt(x, 10), true
			case string:
				cells[k] = x
			}
		}
		table = append(table, cells)
	}
	if err := printTable(w, columns, table, right); err != nil {
		return // the writer keeps its error and gives it when it is closed
	}
	if n > most {
		fmt.Fprintf(w, "and %d more\n", n-most)
	}
}
