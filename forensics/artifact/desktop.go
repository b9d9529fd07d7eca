package artifact

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"saksi/event"
)

// What desktops of Linux keep of files: what was thrown away, and what was opened.

func init() {
	register(Format{
		Name:      "trash",
		Doc:       "trash of Linux desktops (*.trashinfo): where a file lay that was thrown away, and when, in local time",
		Reference: "freedesktop.org, The FreeDesktop.org Trash specification 1.0",
		Detect: func(head []byte) bool {
			return strings.HasPrefix(string(head), "[Trash Info]")
		},
		Parse:   parseTrash,
		Event:   eventDesktop("deletion", "trashed-file"),
		Samples: []string{"sample.trashinfo"},
		Hostile: []string{"sample.trashinfo cut=16", "sample.trashinfo @20=25ff25"},
	})
	register(Format{
		Name:      "recently-used",
		Doc:       "recently-used.xbel of GNOME and others: files and addresses that were opened, by which programs, when first, last changed and last visited",
		Reference: "freedesktop.org, Desktop Bookmark Specification 0.1; XBEL 1.0",
		Detect: func(head []byte) bool {
			s := string(head)
			return strings.Contains(s, "<xbel") && strings.Contains(s, "desktop-bookmarks")
		},
		Parse:   parseRecentlyUsed,
		Event:   eventDesktop("access", "opened-file"),
		Samples: []string{"sample.recently-used.xbel"},
		Hostile: []string{"sample.recently-used.xbel cut=500", "sample.recently-used.xbel @400=3c3c3c"},
	})
}

func eventDesktop(typ, action string) func(r *Record, e *event.Event) {
	return func(r *Record, e *event.Event) {
		e.Str(event.EventModule, "desktop")
		e.Str(event.HostOSType, "linux")
		e.Str(event.EventCategory, "file")
		e.Str(event.EventType, typ)
		e.Str(event.EventAction, action)
		if p := r.Get("path"); p != "" {
			e.Str(event.FilePath, p)
			e.Str(event.FileName, base(p))
		}
		e.Str(event.URLOriginal, r.Get("url"))
		e.Str(event.FileMimeType, r.Get("mime_type"))
		e.Str(event.UserName, r.Get("user"))
		e.Str(event.Message, action+" "+firstOf(r.Get("path"), r.Get("url")))
		putData(r, e)
	}
}

// homeUser is the user whose home a path lies in.
func homeUser(path string) string {
	path = strings.ReplaceAll(path, "\\", "/")
	for _, top := range []string{"/home/", "/Users/", "/export/home/"} {
		if rest, ok := strings.CutPrefix(path, top); ok {
			user, _, _ := strings.Cut(rest, "/")
			return user
		}
	}
	if strings.HasPrefix(path, "/root/") {
		return "root"
	}
	return ""
}

// localTime reads a time without a zone, as UTC; 0 is none.
func localTime(s string) int64 {
	t, err := time.Parse("2006-01-02T15:04:05", strings.TrimSpace(s))
	if err != nil {
		return 0
	}
	return nanos(t)
}

func parseTrash(in Input, emit func(*Record) error, problem func(Problem)) error {
	r := record("trashed", 0)
	seen := map[string]bool{}
	err := eachLine(in, func(off int64, line string) error {
		name, value, ok := strings.Cut(line, "=")
		if !ok || seen[name] {
			return nil
		}
		switch seen[name] = true; name {
		case "Path":
			path, err := url.PathUnescape(value)
			if err != nil {
				problem(Problem{off, "the path is not encoded as it must be: " + err.Error()})
				path = value
			}
			r.Offset = off
			r.add("path", strings.ToValidUTF8(path, "\uFFFD"))
		case "DeletionDate":
			if r.Time = localTime(value); r.Time == 0 {
				problem(Problem{off, fmt.Sprintf("the time %.40q is none", value)})
				return nil
			}
			r.add("zone", zoneLocal)
		}
		return nil
	}, problem)
	if err != nil {
		return err
	}
	if r.Get("path") == "" {
		problem(Problem{0, "no path is told"})
		return nil
	}
	r.add("user", homeUser(in.Path))
	return emit(r)
}

// maxRecentlyUsed bounds a list, in bytes.
const maxRecentlyUsed = 16 << 20

type xbelBookmark struct {
	Href     string `xml:"href,attr"`
	Added    string `xml:"added,attr"`
	Modified string `xml:"modified,attr"`
	Visited  string `xml:"visited,attr"`
	Title    string `xml:"title"`
	Info     struct {
		Metadata []struct {
			Mime struct {
				Type string `xml:"type,attr"`
			} `xml:"mime-type"`
			Private      *struct{} `xml:"private"`
			Applications struct {
				List []struct {
					Name     string `xml:"name,attr"`
					Exec     string `xml:"exec,attr"`
					Modified string `xml:"modified,attr"`
					Count    string `xml:"count,attr"`
				} `xml:"application"`
			} `xml:"applications"`
		} `xml:"metadata"`
	} `xml:"info"`
}

func parseRecentlyUsed(in Input, emit func(*Record) error, problem func(Problem)) error {
	if in.Size > maxRecentlyUsed {
		return fmt.Errorf("reading the list of what was opened: the file has %d bytes; more than %d are not read", in.Size, maxRecentlyUsed)
	}
	d := xml.NewDecoder(io.NewSectionReader(in, 0, in.Size))
	user := homeUser(in.Path)
	for {
		off := d.InputOffset()
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			problem(Problem{off, "the list goes no further: " + err.Error()})
			return nil
		}
		el, ok := t.(xml.StartElement)
		if !ok || el.Name.Local != "bookmark" {
			continue
		}
		var b xbelBookmark
		if err := d.DecodeElement(&b, &el); err != nil {
			problem(Problem{off, "the list goes no further: " + err.Error()})
			return nil
		}
		r := record("opened", 0)
		r.Offset = off
		if path, err := url.PathUnescape(strings.TrimPrefix(b.Href, "file://")); err == nil && strings.HasPrefix(b.Href, "file://") {
			r.add("path", strings.ToValidUTF8(path, "\uFFFD"))
		} else {
			r.add("url", maskedURL(b.Href))
		}
		r.add("title", b.Title)
		for _, at := range []struct{ name, value string }{{"added", b.Added}, {"modified", b.Modified}, {"visited", b.Visited}} {
			if at.value == "" {
				continue
			}
			x, err := time.Parse(time.RFC3339Nano, at.value)
			if err != nil {
				problem(Problem{off, fmt.Sprintf("the time %s=%.40q is none of RFC 3339", at.name, at.value)})
				continue
			}
			r.add(at.name, x.UTC().Format(time.RFC3339Nano))
			r.Time = max(r.Time, nanos(x)) // the last of them
		}
		for _, m := range b.Info.Metadata {
			r.add("mime_type", m.Mime.Type)
			if m.Private != nil {
				r.add("private", "true")
			}
			for i, a := range m.Applications.List {
				if i == 16 {
					r.add("applications_left_out", fmt.Sprint(len(m.Applications.List)-i))
					break
				}
				r.add("application", strings.TrimSpace(a.Name+" "+a.Modified+" "+a.Count+" "+masked(a.Exec)))
			}
		}
		r.add("user", user)
		if err := emit(r); err != nil {
			return err
		}
	}
}
