package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"saksi/sensor"
	"saksi/sensor/asset"
	"saksi/sensor/decode"
)

// Rows of each part of the summary; the rest is counted.
const (
	topHosts     = 12
	topTalkers   = 10
	topProtocols = 15
	topAlerts    = 20
	topFiles     = 12
	topKinds     = 12
)

var severityNames = [...]string{"none", "low", "medium", "high", "critical"}

// printSummary prints what an analyst wants first: what was read and how much of
// it, alerts, hosts, who talked what, files, what is strange. On a terminal lines
// fit its width; elsewhere nothing is cut.
func (a *app) printSummary(w io.Writer, s *sensor.Summary) {
	width := a.width()
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
	if s.Suppressed > 0 {
		fmt.Fprintf(w, "alerts kept back by thresholds: %d\n", s.Suppressed)
	}
	for _, p := range summaryParts(s) {
		p.print(w, width)
	}
	printCounts(w, "Events", s.Events, width)
}

// summaryParts are the tables of a summary.
func summaryParts(s *sensor.Summary) []part {
	hosts, talkers := byInterest(s.Assets), s.Talkers()
	var all uint64
	for i := range s.Protocols {
		all += s.Protocols[i].Bytes
	}
	return []part{
		{"Alerts", []string{"severity", "rule", "count", "name"}, len(s.Alerts), topAlerts, "", []int{3}, func(i int) []any {
			x := &s.Alerts[i]
			return []any{severityNames[min(max(x.Severity, 0), 4)], x.Rule, x.N, x.Name}
		}},
		{"Hosts", []string{"host", "name", "system", "roles", "services"}, len(hosts), topHosts, "'saksi sensor assets' shows all", []int{4, 3, 2, 1}, func(i int) []any {
			x := hosts[i]
			return []any{firstAddr(x), x.Name, x.System.String(), strings.Join(x.Roles, ", "), strings.Join(x.Services, ", ")}
		}},
		{"Talkers", []string{"host", "flows", "sent", "received"}, len(talkers), topTalkers, "", nil, func(i int) []any {
			x := &talkers[i]
			return []any{x.Addr.String(), x.Flows, amount(x.Sent), amount(x.Received)}
		}},
		{"Protocols", []string{"protocol", "flows", "bytes", "share"}, len(s.Protocols), topProtocols, "", nil, func(i int) []any {
			x := &s.Protocols[i]
			return []any{x.Name, x.Flows, amount(x.Bytes), share(x.Bytes, all)}
		}},
		{"Applications", []string{"application", "flows", "bytes"}, len(s.Applications), topProtocols, "", nil, func(i int) []any {
			x := &s.Applications[i]
			return []any{x.Name, x.Flows, amount(x.Bytes)}
		}},
		{"Files", []string{"size", "count", "type", "name", "sha256"}, len(s.Files), topFiles, "", []int{4, 3, 2}, func(i int) []any {
			x := &s.Files[i]
			name := x.Name
			if !x.Whole {
				name += " (partial)"
			}
			return []any{amount(x.Size), x.N, x.MIME, strings.TrimSpace(name), x.SHA256}
		}},
		{"Oddities", []string{"count", "what"}, len(s.Oddities), len(s.Oddities), "", []int{1}, func(i int) []any {
			return []any{s.Oddities[i].N, s.Oddities[i].Name}
		}},
	}
}

// byInterest puts the hosts of the network that was captured first, then those
// that sent the most.
func byInterest(list []*asset.Asset) []*asset.Asset {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *asset.Asset) int {
		return cmp.Or(cmp.Compare(min(len(b.MACs), 1), min(len(a.MACs), 1)), cmp.Compare(b.Sent, a.Sent))
	})
	return list
}

func firstAddr(a *asset.Asset) string {
	if len(a.Addrs) == 0 {
		return a.ID
	}
	return a.Addrs[0].String()
}

// amount is a number of bytes for people, in a column of numbers.
type amount uint64

func (n amount) String() string { return size(int64(n), "B") }

// share is a part of all in percent, in a column of numbers.
func share(n, all uint64) fmt.Stringer { return percent(float64(n) * 100 / float64(max(all, 1))) }

type percent float64

func (p percent) String() string { return strconv.FormatFloat(float64(p), 'f', 1, 64) + "%" }

// width is how many columns the terminal has that the output goes to, 0 for no
// terminal.
func (a *app) width() int {
	f, ok := a.stdout.(*os.File)
	if a.to != "" || !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return n
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
		{s.Stats.KeyLogs, "blocks of TLS secrets, used"},
		{s.Keys.Malformed, "lines of TLS secrets not understood"},
		{s.Keys.Left, "TLS secrets beyond those kept"},
		{s.Stats.Secrets - s.Stats.KeyLogs, "blocks of decryption secrets, not used"},
		{s.Outside, "packets left out because the authority does not cover them"},
		{s.Privileged, "packets left out as privileged"},
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

// part is one table of the summary.
type part struct {
	title   string
	columns []string
	n, most int    // rows there are, and that are shown
	more    string // where the rest can be seen
	flex    []int  // columns that are cut where lines are too long, the first first
	row     func(i int) []any
}

// minCut is what is left at least of a column that is cut.
const minCut = 12

// print prints the first rows, and how many more there are.
func (p *part) print(w io.Writer, width int) {
	if p.n == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", p.title)
	right := make([]bool, len(p.columns))
	var table [][]string
	for i := range min(p.n, p.most) {
		values := p.row(i)
		cells := make([]string, len(values))
		for k, v := range values {
			switch x := v.(type) {
			case uint64:
				cells[k], right[k] = strconv.FormatUint(x, 10), true
			case fmt.Stringer:
				cells[k], right[k] = x.String(), true
			case string:
				cells[k] = oneLine(x)
			}
		}
		table = append(table, cells)
	}
	columns := slices.Clone(p.columns)
	p.fit(columns, table, width)
	if err := printTable(w, columns, table, right); err != nil {
		return // the writer keeps its error and gives it when it is closed
	}
	if p.n > p.most {
		fmt.Fprintf(w, "and %d more", p.n-p.most)
		if p.more != "" {
			fmt.Fprintf(w, "; %s", p.more)
		}
		fmt.Fprintln(w)
	}
}

// fit cuts cells so that lines have at most width columns; 0 cuts nothing.
func (p *part) fit(columns []string, table [][]string, width int) {
	if width == 0 {
		return
	}
	widths := make([]int, len(columns))
	over := 2*(len(columns)-1) - width
	for i := range columns {
		for _, cells := range append([][]string{columns}, table...) {
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[i]))
		}
		over += widths[i]
	}
	for _, i := range p.flex {
		if over <= 0 {
			return
		}
		to := max(widths[i]-over, min(widths[i], minCut))
		over -= widths[i] - to
		for _, cells := range table {
			if r := []rune(cells[i]); len(r) > to {
				cells[i] = string(r[:to-2]) + ".."
			}
		}
	}
}

// printCounts prints counts in lines of text.
func printCounts(w io.Writer, title string, list []sensor.Count, width int) {
	if len(list) == 0 {
		return
	}
	if width == 0 {
		width = 100
	}
	var parts []string
	for _, c := range list {
		parts = append(parts, fmt.Sprintf("%s\x1f%d", strings.TrimPrefix(c.Name, "saksi."), c.N)) // one word
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, line := range wrap(strings.Join(parts, ", "), width) {
		fmt.Fprintln(w, strings.ReplaceAll(line, "\x1f", " "))
	}
}
