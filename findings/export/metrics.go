package export

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"saksi/event"
)

// maxSeries bounds the values of one label; the rest is counted together.
const maxSeries = 1000

// metrics counts documents for Prometheus.
type metrics struct {
	w     io.Writer
	o     Options
	sets  map[string]uint64
	found map[[2]string]uint64 // severity, language of the rule
	rules map[string]uint64
	tech  map[string]uint64
	ctrl  map[string]uint64
	last  float64
}

func newMetrics(w io.Writer, o Options) (Writer, error) {
	return &metrics{w: w, o: o, sets: map[string]uint64{}, found: map[[2]string]uint64{}, rules: map[string]uint64{}, tech: map[string]uint64{}, ctrl: map[string]uint64{}}, nil
}

// Emit implements findings.Sink.
func (m *metrics) Emit(e *event.Event) error {
	bounded(m.sets, str(e, event.EventDataset))
	if at, ok := e.GetTime(event.Timestamp); ok {
		m.last = max(m.last, float64(at)/1e9)
	}
	if str(e, event.EventKind) != "alert" {
		return nil
	}
	m.found[[2]string{severityNames[severity(e)], str(e, event.SaksiRuleLanguage)}]++
	bounded(m.rules, str(e, event.RuleID))
	for _, t := range texts(e, event.ThreatTechniqueID) {
		bounded(m.tech, t)
	}
	for _, c := range texts(e, event.SaksiControl) {
		bounded(m.ctrl, c)
	}
	return nil
}

// other is the label of what is counted together.
const other = "(other)"

func bounded(m map[string]uint64, key string) {
	if _, ok := m[key]; !ok && len(m) >= maxSeries {
		key = other
	}
	m[key]++
}

// Close implements Writer.
func (m *metrics) Close() error {
	var b strings.Builder
	family := func(name, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name) }
	agency := label("agency", m.o.Agency)
	one := func(name, help, key string, counts map[string]uint64) {
		if len(counts) == 0 {
			return
		}
		family(name, help)
		for _, k := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&b, "%s{%s,%s} %d\n", name, agency, label(key, k), counts[k])
		}
	}
	one("saksi_documents", "Documents, by data set.", "dataset", m.sets)
	if len(m.found) > 0 {
		family("saksi_findings", "Findings, by severity and language of the rule.")
		keys := slices.SortedFunc(maps.Keys(m.found), func(a, b [2]string) int { return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1]) })
		for _, k := range keys {
			fmt.Fprintf(&b, "saksi_findings{%s,%s,%s} %d\n", agency, label("severity", k[0]), label("language", k[1]), m.found[k])
		}
	}
	one("saksi_findings_by_rule", "Findings, by the rule's id.", "rule", m.rules)
	one("saksi_findings_by_technique", "Findings, by technique of ATT&CK.", "technique", m.tech)
	one("saksi_findings_by_control", "Findings, by control of the framework.", "control", m.ctrl)
	if m.last > 0 {
		family("saksi_newest_document_seconds", "Time of the newest document, Unix time.")
		fmt.Fprintf(&b, "saksi_newest_document_seconds{%s} %f\n", agency, m.last)
	}
	_, err := io.WriteString(m.w, b.String())
	return err
}

// LeftOut implements Writer.
func (m *metrics) LeftOut() int { return 0 }

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func label(name, value string) string {
	return name + `="` + labelEscapes.Replace(strings.ToValidUTF8(value, "\ufffd")) + `"`
}
