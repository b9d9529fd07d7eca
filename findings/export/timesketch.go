package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"time"

	"saksi/event"
)

// sketchFields are the attributes of a line besides those that Timesketch asks for.
var sketchFields = []struct {
	name  string
	field event.Field
}{
	{"dataset", event.EventDataset},
	{"kind", event.EventKind},
	{"severity", event.EventSeverity},
	{"rule_id", event.RuleID},
	{"rule_name", event.RuleName},
	{"technique", event.ThreatTechniqueID},
	{"control", event.SaksiControl},
	{"source_ip", event.SourceIP},
	{"source_port", event.SourcePort},
	{"destination_ip", event.DestinationIP},
	{"destination_port", event.DestinationPort},
	{"protocol", event.NetworkProtocol},
	{"url", event.URLFull},
	{"domain", event.DNSQuestionName},
	{"filename", event.FilePath},
	{"inode", event.FileInode},
	{"hash", event.FileHashSHA256},
	{"hostname", event.HostName},
	{"username", event.UserName},
	{"community_id", event.NetworkCommunityID},
	{"case", event.SaksiCase},
	{"exhibit", event.SaksiExhibit},
	{"event_id", event.EventID},
}

// sketchTime is the form that Timesketch reads without a guess.
const sketchTime = "2006-01-02T15:04:05.000000+00:00"

// sketch is one line: message, datetime and timestamp_desc are what Timesketch asks for.
func sketch(e *event.Event) (message, datetime, what string, micro int64, ok bool) {
	at, ok := e.GetTime(event.Timestamp)
	if !ok {
		return "", "", "", 0, false
	}
	what = "Event Logged"
	if str(e, event.EventKind) == "alert" {
		what = "Finding"
	}
	message = strings.TrimPrefix(str(e, event.EventDataset), "saksi.") + ": " + title(e)
	if p := place(e); p != "" {
		message += " (" + p + ")"
	}
	return plain(message, false), time.Unix(0, at).UTC().Format(sketchTime), what, at / 1000, true
}

func newTimesketchJSONL(w io.Writer, _ Options) (Writer, error) {
	return &lines{w: w, append: func(e *event.Event, dst []byte) []byte {
		message, at, what, micro, ok := sketch(e)
		if !ok {
			return dst
		}
		doc := map[string]any{"message": message, "datetime": at, "timestamp": micro, "timestamp_desc": what}
		for _, f := range sketchFields {
			if s := strings.Join(texts(e, f.field), " "); s != "" {
				doc[f.name] = s
			}
		}
		b, err := json.Marshal(doc)
		if err != nil {
			return dst
		}
		return append(dst, b...)
	}}, nil
}

// sketchCSV writes the same as CSV.
type sketchCSV struct {
	w    *csv.Writer
	left int
	row  []string
}

func newTimesketchCSV(w io.Writer, _ Options) (Writer, error) {
	c := &sketchCSV{w: csv.NewWriter(w)}
	head := []string{"message", "timestamp", "datetime", "timestamp_desc"}
	for _, f := range sketchFields {
		head = append(head, f.name)
	}
	c.row = make([]string, len(head))
	return c, c.w.Write(head)
}

// Emit implements findings.Sink.
func (c *sketchCSV) Emit(e *event.Event) error {
	message, at, what, micro, ok := sketch(e)
	if !ok {
		c.left++
		return nil
	}
	c.row = append(c.row[:0], inert(message), itoa(micro), at, what)
	for _, f := range sketchFields {
		c.row = append(c.row, inert(plain(strings.Join(texts(e, f.field), " "), false)))
	}
	return c.w.Write(c.row)
}

// inert makes a cell harmless in a spreadsheet (OWASP, CSV injection).
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// Close implements Writer.
func (c *sketchCSV) Close() error {
	c.w.Flush()
	return c.w.Error()
}

// LeftOut implements Writer.
func (c *sketchCSV) LeftOut() int { return c.left }
