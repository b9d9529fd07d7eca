package artifact

import (
	"encoding/binary"
	"fmt"
	"strings"

	"saksi/event"
	"saksi/internal/ese"
)

// Windows.edb, the index of Windows Search: what files, mails and pages there were
// when it looked, with their times and a piece of their text, also of those that
// are gone or lay on media taken away.

func init() {
	register(Format{
		Name: "windows-search",
		Doc: "Windows.edb of Windows Vista to 10: each file, mail and page that was indexed, with its path, times, size, owner and when it was indexed; summaries of content and " +
			"all other properties are not shown; the Windows.db of Windows 11 is not read",
		Reference: "J. Metz, Windows Search database; ESE database format",
		Detect:    ese.Detect,
		Probe:     isESE("windows-search"),
		Parse:     parseWindowsSearch,
		Event:     eventWindowsSearch,
		Samples:   []string{"Windows.edb"},
		Hostile:   []string{"Windows.edb cut=9000", "Windows.edb @52=02"},
	})
}

// searchFields are the properties that are told, by the ends of their columns'
// names: numbers before them differ from Windows to Windows.
var searchFields = []struct{ property, field, kind string }{
	{"System_ItemPathDisplay", "path", "text"},
	{"System_ItemUrl", "url", "text"},
	{"System_FileName", "name", "text"},
	{"System_Size", "bytes", "number"},
	{"System_ItemType", "type", "text"},
	{"System_FileOwner", "owner", "text"},
	{"System_ComputerName", "computer", "text"},
	{"System_DateModified", "modified", "time"},
	{"System_DateCreated", "created", "time"},
	{"System_DateAccessed", "accessed", "time"},
	{"System_Search_GatherTime", "indexed", "time"},
	{"System_Message_FromAddress", "from", "text"},
	{"System_Message_ToAddress", "to", "text"},
	{"System_Message_DateReceived", "received", "time"},
	{"System_Subject", "subject", "text"},
	{"System_Title", "title", "text"},
	{"System_Link_TargetUrl", "target", "text"},
	{"System_ActivityHistory_AppId", "program", "text"},
}

func parseWindowsSearch(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openESE(in, emit, problem)
	if err != nil {
		return err
	}
	name := "SystemIndex_PropertyStore"
	if d.tables[name] == nil {
		name = "SystemIndex_0A"
	}
	if d.tables[name] == nil {
		return d.others()
	}
	columns := map[string]string{} // property: column
	for _, c := range d.tables[name].Columns {
		if i := strings.Index(c.Name, "System_"); i >= 0 {
			columns[c.Name[i:]] = c.Name
		}
	}
	if err := d.rows(name, func(r *ese.Row) *Record {
		rec := record("item", 0)
		for _, f := range searchFields {
			column, ok := columns[f.property]
			if !ok {
				continue
			}
			switch f.kind {
			case "time":
				t := searchTime(r.Bytes(column))
				if f.field == "modified" {
					rec.Time = t
				}
				rec.add(f.field, timeField(t))
			case "number":
				if b := r.Bytes(column); len(b) == 8 {
					rec.add(f.field, fmt.Sprint(binary.LittleEndian.Uint64(b)))
				}
			default:
				rec.add(f.field, maskedURL(searchText(r, column)))
			}
		}
		if len(rec.Fields) == 1 {
			return nil
		}
		return rec
	}); err != nil {
		return err
	}
	return d.others(name)
}

// searchTime is a FILETIME; Windows Vista and 7 write it with the highest byte first.
func searchTime(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	if t := fileTime(int64(binary.LittleEndian.Uint64(b))); t != 0 {
		return t
	}
	return fileTime(int64(binary.BigEndian.Uint64(b)))
}

// searchText is text, in UTF-16 where its column is of bytes.
func searchText(r *ese.Row, column string) string {
	s := r.Text(column)
	if b := r.Bytes(column); len(s) == 2*len(b) && len(b) > 1 && b[1] == 0 {
		return utf16Until(b)
	}
	return s
}

func eventWindowsSearch(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "indexed-"+r.Get("record"))
	p := r.Get("path")
	e.Str(event.FilePath, p)
	e.Str(event.FileName, firstOf(r.Get("name"), base(p)))
	putNumber(e, event.FileSize, r.Get("bytes"))
	e.Str(event.FileOwner, r.Get("owner"))
	e.Str(event.Message, strings.TrimSpace(r.Get("record")+" "+firstOf(p, r.Get("url"), r.Get("table"))))
	putData(r, e)
}
