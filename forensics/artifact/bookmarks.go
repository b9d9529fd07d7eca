package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"saksi/event"
)

// Bookmarks of Chromium browsers, and the history of fish: texts of a form of their own.

func init() {
	register(Format{
		Name:      "chrome-bookmarks",
		Doc:       "Bookmarks of Chrome, Edge and other Chromium browsers: addresses with folder, name and when they were added and last used",
		Reference: "Chromium components/bookmarks/browser/bookmark_codec.cc",
		Detect: func(head []byte) bool {
			return bytes.HasPrefix(head, []byte("{")) && bytes.Contains(head, []byte(`"checksum"`)) && bytes.Contains(head, []byte(`"roots"`))
		},
		Parse:   parseBookmarks,
		Event:   eventBrowser("chrome"),
		Samples: []string{"sample.Bookmarks"},
		Hostile: []string{"sample.Bookmarks cut=300", "sample.Bookmarks @150=7d7d"},
	})
	register(Format{
		Name:      "fish-history",
		Doc:       "fish_history of the shell fish: each command with its time; words behind password options are masked",
		Reference: "fish-shell, src/history.cpp (fish 2.0 format)",
		Detect: func(head []byte) bool {
			return bytes.HasPrefix(head, []byte("- cmd: ")) && bytes.Contains(head, []byte("\n  when: "))
		},
		Parse: parseFish,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "history")
			e.Str(event.EventCategory, "process")
			e.Str(event.EventType, "info")
			e.Str(event.EventAction, "typed-command")
			e.Str(event.ProcessCommandLine, r.Get("command"))
			e.Str(event.UserName, r.Get("user"))
			e.Str(event.EventProvider, "fish")
			e.Str(event.Message, r.Get("command"))
			putData(r, e)
		},
		Samples: []string{"sample.fish_history"},
		Hostile: []string{"sample.fish_history @53=787878", "sample.fish_history @61=39393939393939393939"},
	})
}

// maxBookmarks bounds a file of bookmarks, in bytes.
const maxBookmarks = 64 << 20

type bookmark struct {
	Name, Type, URL, GUID string
	Added                 string `json:"date_added"`
	Used                  string `json:"date_last_used"`
	Children              []bookmark
}

func parseBookmarks(in Input, emit func(*Record) error, problem func(Problem)) error {
	if in.Size > maxBookmarks {
		return fmt.Errorf("reading the bookmarks: the file has %d bytes; more than %d are not read", in.Size, maxBookmarks)
	}
	b := make([]byte, in.Size)
	if _, err := in.ReadAt(b, 0); err != nil {
		return fmt.Errorf("reading the bookmarks at offset 0: %w", err)
	}
	var file struct{ Roots map[string]json.RawMessage }
	if err := json.Unmarshal(b, &file); err != nil {
		return fmt.Errorf("reading the bookmarks: %w", err)
	}
	names := make([]string, 0, len(file.Roots))
	for n := range file.Roots {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		var root bookmark
		if err := json.Unmarshal(file.Roots[n], &root); err != nil {
			problem(Problem{0, fmt.Sprintf("the bookmarks of %q: %v", n, err)})
			continue
		}
		if err := root.give(n, in.Path, emit); err != nil {
			return err
		}
	}
	return nil
}

// give gives the addresses in a folder and below it.
func (m *bookmark) give(folder, path string, emit func(*Record) error) error {
	for i := range m.Children {
		c := &m.Children[i]
		if c.Type == "folder" {
			below := folder + "/" + c.Name
			if len(below) > maxBagPath {
				below = "?/" + c.Name
			}
			if err := c.give(below, path, emit); err != nil {
				return err
			}
			continue
		}
		r := record("bookmark", webkitTime(parseNumber(c.Added)))
		r.browser(path)
		r.add("url", maskedURL(c.URL))
		r.add("title", c.Name)
		r.add("folder", folder)
		r.add("used", timeField(webkitTime(parseNumber(c.Used))))
		r.add("id", c.GUID)
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

var fishEscapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n")

func parseFish(in Input, emit func(*Record) error, problem func(Problem)) error {
	user := ""
	if rest, ok := strings.CutPrefix(strings.ReplaceAll(in.Path, "\\", "/"), "/home/"); ok {
		user, _, _ = strings.Cut(rest, "/")
	}
	var r *Record
	flush := func() error {
		if r == nil {
			return nil
		}
		done := r
		r = nil
		done.add("user", user)
		return emit(done)
	}
	err := eachLine(in, func(off int64, line string) error {
		if command, ok := strings.CutPrefix(line, "- cmd: "); ok {
			if err := flush(); err != nil {
				return err
			}
			r = record("command", 0)
			r.Offset = off
			r.add("command", masked(fishEscapes.Replace(command)))
			return nil
		}
		when, isTime := strings.CutPrefix(line, "  when: ")
		path, isPath := strings.CutPrefix(line, "    - ")
		switch {
		case r == nil:
			problem(Problem{off, "the line belongs to no command"})
		case isTime:
			if r.Time = unixSeconds(parseNumber(when)); r.Time == 0 {
				problem(Problem{off, fmt.Sprintf("the time %.40q is no time", when)})
			}
		case isPath:
			if len(r.Fields) < maxData {
				r.add("path", path)
			}
		case line == "  paths:":
		default:
			problem(Problem{off, "the line is none of fish's history"})
		}
		return nil
	}, problem)
	if err != nil {
		return err
	}
	return flush()
}
