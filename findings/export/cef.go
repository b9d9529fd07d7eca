package export

import (
	"io"
	"strconv"
	"strings"
	"time"

	"saksi/event"
)

// cefSeverities are CEF's: 0-3 low, 4-6 medium, 7-8 high, 9-10 very high.
var cefSeverities = [...]int{0, 3, 5, 8, 10}

// syslogSeverities are those of RFC 5424, 6.2.1: notice, notice, warning, error, critical.
var syslogSeverities = [...]int{5, 5, 4, 3, 2}

const facilityLocal4 = 20 // RFC 5424, 6.2.1

// cefFields are the keys of the extension dictionary and what stands in them.
var cefFields = []struct {
	key   string
	field event.Field
}{
	{"src", event.SourceIP},
	{"spt", event.SourcePort},
	{"dst", event.DestinationIP},
	{"dpt", event.DestinationPort},
	{"proto", event.NetworkTransport},
	{"app", event.NetworkProtocol},
	{"request", event.URLFull},
	{"requestMethod", event.HTTPRequestMethod},
	{"requestClientApplication", event.UserAgentOriginal},
	{"fname", event.FileName},
	{"filePath", event.FilePath},
	{"fsize", event.FileSize},
	{"fileHash", event.FileHashSHA256},
	{"suser", event.UserName},
	{"shost", event.HostName},
	{"reason", event.RuleCategory},
}

func newCEF(w io.Writer, o Options) (Writer, error) {
	return &lines{w: w, append: func(e *event.Event, dst []byte) []byte { return appendCEF(dst, e, o) }}, nil
}

// appendCEF appends a finding as a message of RFC 5424 that holds a CEF record.
func appendCEF(dst []byte, e *event.Event, o Options) []byte {
	sev := severity(e)
	at, _ := e.GetTime(event.Timestamp)
	host := str(e, event.ObserverName)
	if host == "" {
		host = str(e, event.ObserverHostname)
	}
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(facilityLocal4*8+syslogSeverities[sev]), 10)
	dst = append(dst, ">1 "...)
	dst = append(dst, time.Unix(0, at).UTC().Format("2006-01-02T15:04:05.000000Z")...)
	dst = append(dst, ' ')
	dst = append(dst, syslogName(host)...)
	dst = append(dst, " saksi - alert - CEF:0"...)
	id := str(e, event.RuleID)
	if id == "" {
		id = str(e, event.EventDataset)
	}
	for _, s := range []string{"Saksi", "Saksi", o.Version, id, title(e), strconv.Itoa(cefSeverities[sev])} {
		dst = append(dst, '|')
		dst = append(dst, cefHeader(s)...)
	}
	dst = append(dst, '|')
	first := true
	add := func(key, value string) {
		if value == "" {
			return
		}
		if !first {
			dst = append(dst, ' ')
		}
		first = false
		dst = append(append(append(dst, key...), '='), cefValue(value)...)
	}
	add("rt", strconv.FormatInt(at/int64(time.Millisecond), 10))
	add("externalId", str(e, event.EventID))
	for _, f := range cefFields {
		add(f.key, text(e, f.field))
	}
	for i, c := range []struct{ label, value string }{
		{"technique", strings.Join(texts(e, event.ThreatTechniqueID), " ")},
		{"control", strings.Join(texts(e, event.SaksiControl), " ")},
		{"agency", o.Agency},
		{"case", str(e, event.SaksiCase)},
		{"classification", o.Classification},
		{"evidence", str(e, event.SaksiEvidenceCommand)},
	} {
		if c.value != "" {
			n := strconv.Itoa(i + 1)
			add("cs"+n+"Label", c.label)
			add("cs"+n, c.value)
		}
	}
	return dst
}

// syslogName keeps a host within PRINTUSASCII, at most 255 (RFC 5424, 6).
func syslogName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), 255)]
}

var (
	cefHeaderEscapes = strings.NewReplacer(`\`, `\\`, `|`, `\|`)
	cefValueEscapes  = strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\n", `\n`, "\r", `\r`)
)

// cefHeader escapes a field of the header, which has one line.
func cefHeader(s string) string { return cefHeaderEscapes.Replace(plain(s, false)) }

// cefValue escapes a value of the extension.
func cefValue(s string) string { return cefValueEscapes.Replace(plain(s, true)) }

// plain replaces what a terminal or a parser of lines acts on.
func plain(s string, breaks bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case breaks && (r == '\n' || r == '\r'):
			return r
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029:
			return ' '
		}
		return r
	}, s)
}
