package artifact

import (
	"fmt"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/ese"
)

// Catalog1.edb and Catalog2.edb of File History: each version of each file that
// was copied to the other disk.

func init() {
	register(Format{
		Name:      "file-history",
		Doc:       "Catalog1.edb and Catalog2.edb of File History (Windows 8 to 11): each version of a file with its path, when it was made and changed, its USN, and when each backup ran",
		Reference: "J. Metz, Windows File History catalog; ESE database format",
		Detect:    ese.Detect,
		Probe:     isESE("file-history"),
		Parse:     parseFileHistory,
		Event:     eventFileHistory,
		Samples:   []string{"Catalog1.edb"},
		Hostile:   []string{"Catalog1.edb cut=9000", "Catalog1.edb @52=02"},
	})
}

// maxNames bounds the text of names that rows refer to by number, in bytes.
const maxNames = 64 << 20

func parseFileHistory(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openESE(in, emit, problem)
	if err != nil {
		return err
	}
	names, times := map[int64]string{}, map[int64]int64{}
	size := 0
	if err := d.rows("string", func(r *ese.Row) *Record {
		s := r.Text("string")
		if size += len(s) + 64; size > maxNames {
			if size-len(s)-64 <= maxNames {
				problem(Problem{r.Offset, fmt.Sprintf("the names have more than %d bytes; the others are told by number", maxNames)})
			}
			return nil
		}
		names[r.Int("id")] = s
		return nil
	}); err != nil {
		return err
	}
	if err := d.rows("backupset", func(r *ese.Row) *Record {
		id, at := r.Int("id"), r.Time("timestamp")
		if len(times) < 1<<20 {
			times[id] = at
		}
		rec := record("backup", at)
		rec.add("id", strconv.FormatInt(id, 10))
		return rec
	}); err != nil {
		return err
	}
	name := func(id int64) string { return firstOf(names[id], "#"+strconv.FormatInt(id, 10)) }
	if err := d.rows("namespace", func(r *ese.Row) *Record {
		rec := record("version", r.Time("fileModified"))
		rec.add("path", strings.TrimRight(name(r.Int("parentId")), `\`)+`\`+name(r.Int("childId")))
		rec.add("created", timeField(r.Time("fileCreated")))
		rec.add("modified", timeField(r.Time("fileModified")))
		rec.add("attributes", fmt.Sprintf("0x%x", r.Int("fileAttrib")))
		rec.add("usn", positive(r.Int("usn")))
		rec.add("file_record", positive(r.Int("fileRecordId")))
		rec.add("backed_up", timeField(times[r.Int("tCreated")]))
		rec.add("last_seen", timeField(times[r.Int("tVisible")]))
		return rec
	}); err != nil {
		return err
	}
	if err := d.rows("file", func(r *ese.Row) *Record {
		rec := record("copy", times[r.Int("tCaptured")])
		rec.add("path", strings.TrimRight(name(r.Int("parentId")), `\`)+`\`+name(r.Int("childId")))
		rec.add("bytes", positive(r.Int("fileSize")))
		rec.add("queued", timeField(times[r.Int("tQueued")]))
		rec.add("captured", timeField(times[r.Int("tCaptured")]))
		return rec
	}); err != nil {
		return err
	}
	return d.others("string", "backupset", "namespace", "file")
}

func eventFileHistory(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "file-history-"+r.Get("record"))
	p := r.Get("path")
	e.Str(event.FilePath, p)
	e.Str(event.FileName, base(p))
	putNumber(e, event.FileSize, r.Get("bytes"))
	e.Str(event.Message, strings.TrimSpace(r.Get("record")+" "+p))
	putData(r, e)
}
