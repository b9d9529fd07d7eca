package local

import (
	"fmt"
	"hash/fnv"
	"strings"

	"saksi/event"
	"saksi/findings"
)

// columns are the fields with a column of their own, besides @timestamp.
var columns = []event.Field{
	event.EventKind, event.EventDataset, event.EventCategory, event.EventSeverity, event.RuleID, event.RuleName, event.RuleRuleset,
	event.SaksiRuleLanguage, event.ThreatTechniqueID, event.SaksiControl, event.SourceIP, event.SourcePort, event.DestinationIP,
	event.DestinationPort, event.NetworkTransport, event.NetworkProtocol, event.NetworkApplication, event.NetworkCommunityID,
	event.FileHashSHA256, event.FilePath, event.FileSize, event.FileMimeType, event.DNSQuestionName, event.URLDomain, event.URLOriginal,
	event.TLSClientServerName, event.TLSVersion, event.HTTPRequestMethod, event.HTTPResponseStatusCode, event.UserName, event.HostName,
	event.OrganizationID, event.SaksiCase, event.SaksiExhibit, event.SaksiEvidenceKey, event.SaksiFileDeleted, event.SaksiFlowState,
}

var hasColumn = func() map[event.Field]bool {
	m := map[event.Field]bool{}
	for _, f := range columns {
		m[f] = true
	}
	return m
}()

// column is the name of a field's column.
func column(f event.Field) string {
	if f == event.Timestamp {
		return "ts"
	}
	return "c_" + strings.ReplaceAll(strings.ToLower(f.Name()), ".", "_")
}

// sep stands around the values of an array in its column.
const sep = "\x1f"

func schema() []string {
	var cols strings.Builder
	for _, f := range columns {
		fmt.Fprintf(&cols, ", %s", column(f))
	}
	list := []string{
		"CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
		"CREATE TABLE doc(row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, dataset TEXT NOT NULL, ts INTEGER NOT NULL, src BLOB NOT NULL" + cols.String() + ")",
		"CREATE INDEX doc_ts ON doc(ts)",
		"CREATE VIRTUAL TABLE fts USING fts5(text, terms, content='', contentless_delete=1, tokenize=\"unicode61 remove_diacritics 0\")",
	}
	for _, f := range []event.Field{event.EventDataset, event.RuleID, event.FileHashSHA256, event.NetworkCommunityID, event.SaksiCase, event.SourceIP, event.DestinationIP} {
		list = append(list, fmt.Sprintf("CREATE INDEX doc_%[1]s ON doc(%[1]s, ts) WHERE %[1]s IS NOT NULL", column(f)))
	}
	list = append(list, fmt.Sprintf("CREATE INDEX doc_alert ON doc(ts) WHERE %s='alert'", column(event.EventKind)))
	return append(list, fmt.Sprintf("PRAGMA user_version=%d", format))
}

var insertSQL = func() string {
	var names, marks strings.Builder
	for _, f := range columns {
		names.WriteString("," + column(f))
		marks.WriteString(",?")
	}
	return "INSERT OR IGNORE INTO doc(id,dataset,ts,src" + names.String() + ") VALUES(?,?,?,?" + marks.String() + ")"
}()

func rowOf(id []byte, d findings.Doc, e *event.Event, src []byte) []any {
	row := make([]any, 0, 4+len(columns))
	row = append(row, id, d.Dataset, d.Time.UnixNano(), src)
	for _, f := range columns {
		row = append(row, cellOf(e, f))
	}
	return row
}

func cellOf(e *event.Event, f event.Field) any {
	if f.IsArray() {
		var b strings.Builder
		for v := range e.Values(f) {
			b.WriteString(sep)
			b.WriteString(strings.ReplaceAll(string(v.AppendText(nil)), sep, "\ufffd"))
		}
		if b.Len() == 0 {
			return nil
		}
		b.WriteString(sep)
		return b.String()
	}
	v, ok := e.Last(f)
	if !ok {
		return nil
	}
	switch f.Type() {
	case event.Keyword, event.Text:
		return v.Str()
	case event.IP:
		a := v.Addr().As16()
		return a[:]
	case event.Float:
		return v.Float()
	}
	return v.Int()
}

// terms are the hashed tokens of all values in fields without a column, and of
// the fields themselves.
func terms(e *event.Event) string {
	var b strings.Builder
	var last event.Field
	for v := range e.All() {
		if hasColumn[v.Field] || v.Field == event.Timestamp || v.Field == event.EventID {
			continue
		}
		if v.Field != last {
			b.WriteString(fieldToken(v.Field))
			b.WriteByte(' ')
			last = v.Field
		}
		b.WriteString(termToken(v.Field, string(v.AppendText(nil))))
		b.WriteByte(' ')
	}
	return b.String()
}

// A token is a letter and 16 hex digits, which the tokenizer takes as one word.
func termToken(f event.Field, value string) string {
	h := fnv.New64a()
	h.Write([]byte(f.Name()))
	h.Write([]byte{0})
	h.Write([]byte(value))
	return fmt.Sprintf("v%016x", h.Sum64())
}

func fieldToken(f event.Field) string {
	h := fnv.New64a()
	h.Write([]byte(f.Name()))
	return fmt.Sprintf("f%016x", h.Sum64())
}
