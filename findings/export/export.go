// Package export writes findings in the formats of other systems: incident
// platforms, threat intelligence, timelines, monitoring. Start with Formats and
// New. The same findings in the same order give the same bytes; no format takes
// a time from the clock.
//
// What findings say is hostile: each format escapes it by its own rules.
package export

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"saksi/event"
	"saksi/findings"
)

// Options say what an export is of.
type Options struct {
	Agency         string // whose findings they are
	Version        string // of Saksi
	Title          string // what a person reads first
	Classification string // of the case, "" without one
	Dataset        string // log of Zeek; "conn" if empty
}

// Writer takes findings in the order of the export. Close writes what is left,
// and MUST be called; it does not close what it writes to.
type Writer interface {
	findings.Sink
	Close() error
	// LeftOut counts the documents the format has no place for.
	LeftOut() int
}

// Format is one form of export.
type Format struct {
	Name, Doc, Reference string
	// Alerts says that only documents of event.kind alert have a place in it.
	Alerts bool
	open   func(w io.Writer, o Options) (Writer, error)
}

// formats are all, by name.
var formats = []Format{
	{"cef", "Common Event Format, a line of syslog a finding", "ArcSight Common Event Format, version 25; RFC 5424", true, newCEF},
	{"eve", "EVE JSON, as Suricata 8 writes it", "Suricata user guide, EVE JSON Output", false, newEVE},
	{"misp", "one event of MISP with an attribute a thing seen", "draft-dulaunoy-misp-core-format-20", true, newMISP},
	{"navigator", "layer of the ATT&CK Navigator: techniques by number of findings", "ATT&CK Navigator layer format 4.5", true, newNavigator},
	{"parquet", "Apache Parquet for notebooks: columns, and each document whole", "Apache Parquet format 2.12", false, newParquet},
	{"prometheus", "counts for Prometheus", "Prometheus text exposition format 0.0.4", false, newMetrics},
	{"stix", "bundle of STIX 2.1: observed data, indicators, sightings, attack patterns", "OASIS STIX 2.1", true, newSTIX},
	{"thehive", "alerts of TheHive 5, one a line", "TheHive 5 API, InputAlert", true, newTheHive},
	{"timesketch", "JSONL of Timesketch", "Timesketch, Create timeline from JSONL/CSV file", false, newTimesketchJSONL},
	{"timesketch-csv", "CSV of Timesketch", "Timesketch, Create timeline from JSONL/CSV file", false, newTimesketchCSV},
	{"zeek", "a log of Zeek as TSV", "Zeek ASCII log format", false, newZeek},
}

// Formats lists all formats by name.
func Formats() []Format { return slices.Clone(formats) }

// Names are the names of all formats, with commas between.
func Names() string {
	var list []string
	for _, f := range formats {
		list = append(list, f.Name)
	}
	return strings.Join(list, ", ")
}

// New opens a writer of the named format. Nothing is written to w before the
// first document or Close.
func New(name string, w io.Writer, o Options) (Writer, error) {
	for _, f := range formats {
		if f.Name != name {
			continue
		}
		x, err := f.open(w, o)
		if err != nil || !f.Alerts {
			return x, err
		}
		return &alertsOnly{Writer: x}, nil
	}
	return nil, fmt.Errorf("unknown format %q; expected one of %s", name, Names())
}

// alertsOnly passes on findings alone.
type alertsOnly struct {
	Writer
	left int
}

func (a *alertsOnly) Emit(e *event.Event) error {
	if str(e, event.EventKind) != "alert" {
		a.left++
		return nil
	}
	return a.Writer.Emit(e)
}

func (a *alertsOnly) LeftOut() int { return a.left + a.Writer.LeftOut() }

// lines writes one line a document.
type lines struct {
	w      io.Writer
	buf    []byte
	left   int
	append func(e *event.Event, dst []byte) []byte // nothing appended: left out
}

// Emit implements findings.Sink.
func (l *lines) Emit(e *event.Event) error {
	l.buf = l.append(e, l.buf[:0])
	if len(l.buf) == 0 {
		l.left++
		return nil
	}
	_, err := l.w.Write(append(l.buf, '\n'))
	return err
}

// Close implements Writer.
func (l *lines) Close() error { return nil }

// LeftOut implements Writer.
func (l *lines) LeftOut() int { return l.left }

func newEVE(w io.Writer, _ Options) (Writer, error) {
	return &lines{w: w, append: func(e *event.Event, dst []byte) []byte { return e.AppendEVE(dst) }}, nil
}

// zeekLog writes one of Zeek's logs.
type zeekLog struct {
	*event.Zeek
	left int
}

func newZeek(w io.Writer, o Options) (Writer, error) {
	name := o.Dataset
	if name == "" {
		name = "conn"
	}
	z, err := event.NewZeek(w, name)
	if err != nil {
		return nil, err
	}
	return &zeekLog{Zeek: z}, nil
}

// Emit implements findings.Sink.
func (z *zeekLog) Emit(e *event.Event) error {
	if !z.Takes(e) {
		z.left++
		return nil
	}
	return z.Zeek.Emit(e)
}

// LeftOut implements Writer.
func (z *zeekLog) LeftOut() int { return z.left }

func str(e *event.Event, f event.Field) string {
	s, _ := e.GetStr(f)
	return s
}

// text is the value of any field as a person reads it, "" if it has none.
func text(e *event.Event, f event.Field) string {
	v, ok := e.Last(f)
	if !ok {
		return ""
	}
	return string(v.AppendText(nil))
}

// texts are all values of a field.
func texts(e *event.Event, f event.Field) (list []string) {
	for v := range e.Values(f) {
		list = append(list, string(v.AppendText(nil)))
	}
	return list
}

// title says in a line what a document is about.
func title(e *event.Event) string {
	for _, f := range []event.Field{event.RuleName, event.Message, event.DNSQuestionName, event.URLFull, event.URLOriginal, event.TLSClientServerName, event.FilePath, event.FileName, event.NetworkProtocol, event.NetworkTransport, event.HostName} {
		if s := text(e, f); s != "" {
			return s
		}
	}
	return str(e, event.EventDataset)
}

// place says where it happened: a path, or from where to where.
func place(e *event.Event) string {
	if p := str(e, event.FilePath); p != "" && e.Has(event.FileInode) {
		return p
	}
	end := func(ip, port event.Field) string {
		a, ok := e.GetAddr(ip)
		if !ok {
			return ""
		}
		if p, ok := e.GetInt(port); ok && p > 0 {
			return fmt.Sprintf("%s port %d", a, p)
		}
		return a.String()
	}
	from, to := end(event.SourceIP, event.SourcePort), end(event.DestinationIP, event.DestinationPort)
	switch {
	case from != "" && to != "":
		return from + " to " + to
	case from != "":
		return from
	}
	return str(e, event.HostName)
}

// severity is the severity on our scale, 0 none to 4 critical.
func severity(e *event.Event) int {
	n, _ := e.GetInt(event.EventSeverity)
	return int(min(max(n, 0), 4))
}

var severityNames = [...]string{"none", "low", "medium", "high", "critical"}
