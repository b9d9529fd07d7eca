// Package timeline puts what disks, artifacts and networks say into one order of
// time. A Line is a moment of something: an entry of a file system gives up to
// four, of one event each that has the same time (MACB); any other event gives
// one. Start with Lines, sort with a Sorter, and write with Bodyfile, Timesketch
// or the columns of Line.
package timeline

import (
	"strings"
	"time"

	"saksi/event"
)

// Zones says how the times of a source were read.
type Zones struct {
	// Local is the zone in which times without a zone were set, those of FAT; nil
	// takes them as UTC.
	Local *time.Location
	// Skew is how far the exhibit's clock was ahead of true time; it is taken off
	// every time of the exhibit.
	Skew time.Duration
	// HasZone reports whether the file system of a volume keeps times with a
	// zone; nil: all do.
	HasZone func(volume int64) bool
}

// Line is one moment.
type Line struct {
	Time    int64  // Unix nanoseconds, corrected
	MACB    string // "m.c." and so on for files, "" for other events
	What    string // which moments, in words
	Kind    string // data set without its prefix: entry, flow, alert, record ...
	Source  string // image, capture or log
	Message string
	Path    string
	Inode   string
	Size    int64
	HasSize bool
	Deleted bool
	User    string
	Host    string
	ID      string // of the event it is a moment of
	// Zone says what was assumed: "UTC", "local, taken as UTC", "local, Asia/Kuala_Lumpur".
	Zone string
}

// order of the letters: modified, accessed, changed, born.
var times = [...]struct {
	field  event.Field
	letter byte
	what   string
}{
	{event.FileMtime, 'm', "Content Modification Time"},
	{event.FileAccessed, 'a', "Last Access Time"},
	{event.FileCtime, 'c', "Metadata Modification Time"},
	{event.FileCreated, 'b', "Creation Time"},
}

// Lines appends the moments of an event to list.
func (z *Zones) Lines(list []Line, e *event.Event) []Line {
	str := func(f event.Field) string { s, _ := e.GetStr(f); return s }
	l := Line{
		Source: str(event.SaksiEvidenceName), Path: str(event.FilePath), Inode: str(event.FileInode), User: str(event.UserName), Host: str(event.HostName),
		ID: e.ID(), Zone: "UTC", Kind: strings.TrimPrefix(str(event.EventDataset), "saksi."),
	}
	l.Size, l.HasSize = e.GetInt(event.FileSize)
	l.Deleted, _ = e.GetBool(event.SaksiFileDeleted)
	if s := str(event.SaksiFileStream); s != "" {
		l.Path += ":" + s
	}
	if str(event.EventDataset) != "saksi.entry" {
		at, ok := e.GetTime(event.Timestamp)
		if !ok {
			return list
		}
		z.record(&l, e, at)
		return append(list, l)
	}
	l.Message = l.Path
	if t := str(event.FileTargetPath); t != "" {
		l.Message += " -> " + t
	}
	if l.Deleted {
		l.Message += " (deleted)"
	}
	first := len(list)
	for i, t := range times {
		at, ok := e.GetTime(t.field)
		if !ok {
			continue
		}
		volume, _ := e.GetInt(event.SaksiFileVolume)
		l.Time, l.Zone = z.correct(at, volume)
		at = l.Time
		known := false
		for n := first; n < len(list); n++ {
			if list[n].Time == at {
				b := []byte(list[n].MACB)
				b[i] = t.letter
				list[n].MACB, list[n].What, known = string(b), list[n].What+"; "+t.what, true
			}
		}
		if !known {
			b := []byte("....")
			b[i] = t.letter
			l.MACB, l.What = string(b), t.what
			list = append(list, l)
		}
	}
	return list
}

// record fills in the moment of an event that is no file's: when it was, and
// for a record of an artifact in which file it stands.
func (z *Zones) record(l *Line, e *event.Event, at int64) {
	l.Time, l.What, l.Message = at, "Event Time", message(e)
	for v := range e.Values(event.SaksiAssumed) {
		if v.Str() == "zone UTC" {
			l.Zone = "none, taken as UTC"
		} else {
			l.Zone += ", " + v.Str()
		}
	}
	if z.Skew != 0 {
		l.Time -= int64(z.Skew)
		l.Zone += ", clock corrected by " + (-z.Skew).String()
	}
	str := func(f event.Field) string { s, _ := e.GetStr(f); return s }
	if in := str(event.LogFilePath); in != "" {
		l.What += " in " + in
	}
	if l.Inode == "" {
		l.Inode = str(event.SaksiArtifactInode)
	}
	if d, _ := e.GetBool(event.SaksiArtifactDeleted); d {
		l.Deleted = true
	}
}

// correct gives the true time of one that a volume holds, and what was assumed.
func (z *Zones) correct(at, volume int64) (int64, string) {
	zone := "UTC"
	if z.HasZone != nil && !z.HasZone(volume) {
		zone = "local, taken as UTC"
		if z.Local != nil {
			t := time.Unix(0, at).UTC()
			at = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), z.Local).UnixNano()
			zone = "local, " + z.Local.String()
		}
	}
	if z.Skew != 0 {
		at -= int64(z.Skew)
		zone += ", clock corrected by " + (-z.Skew).String()
	}
	return at, zone
}

// message says in one line what an event is.
func message(e *event.Event) string {
	var parts []string
	for _, f := range []event.Field{
		event.RuleName, event.EventCode, event.EventProvider, event.EventAction, event.NetworkProtocol, event.NetworkApplication, event.SourceIP, event.DestinationIP,
		event.DNSQuestionName, event.URLOriginal, event.TLSClientServerName, event.ProcessExecutable, event.ProcessCommandLine, event.FilePath, event.Message,
	} {
		if s, ok := e.GetStr(f); ok && s != "" {
			parts = append(parts, s)
		} else if a, ok := e.GetAddr(f); ok {
			parts = append(parts, a.String())
		}
	}
	return strings.Join(parts, " ")
}
