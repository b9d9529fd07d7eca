package artifact

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pierrec/lz4/v4"
)

// Sessions of Firefox: windows, tabs with the pages that they went through, and what
// was closed, as it writes them every 15 seconds: JSON packed as one block of LZ4.

func init() {
	register(Format{
		Name:      "firefox-session",
		Doc:       "sessionstore.jsonlz4, recovery.jsonlz4 and the like of Firefox: pages of open and closed tabs and windows with title, referrer and when they were last used; what forms and cookies held is never told",
		Reference: "Mozilla, browser/components/sessionstore; toolkit/components/lz4/lz4.js (mozLz40)",
		Packed:    true,
		Detect:    func(head []byte) bool { return strings.HasPrefix(string(head), mozLZ4) },
		Probe: func(in Input) bool {
			b, err := unpackMozLZ4(in)
			return err == nil && strings.Contains(string(b[:min(len(b), 4096)]), `"`) && hasSession(b)
		},
		Parse:   parseFirefoxSession,
		Event:   eventBrowser("firefox"),
		Samples: []string{"sample.sessionstore.jsonlz4"},
		Hostile: []string{"sample.sessionstore.jsonlz4 cut=100", "sample.sessionstore.jsonlz4 @8=ffffffff"},
	})
	browserActions["tab"], browserActions["closed_tab"] = "visited-page", "visited-page"
}

const (
	mozLZ4     = "mozLz40\x00"
	maxSession = 64 << 20 // bytes of one, unpacked
	maxTabs    = 100_000  // pages that are told of one
)

// unpackMozLZ4 gives the content of a file of Mozilla's form of LZ4: a magic, the size,
// one block.
func unpackMozLZ4(in Input) ([]byte, error) {
	if in.Size < 12 || in.Size > maxSession {
		return nil, fmt.Errorf("the file has %d bytes; expected 12 to %d", in.Size, maxSession)
	}
	b := make([]byte, in.Size)
	if n, err := in.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("at offset %d: %w", n, err)
	}
	size := int64(binary.LittleEndian.Uint32(b[8:]))
	// A block of LZ4 gives at most 255 bytes for one.
	if size > maxSession || size > 255*in.Size {
		return nil, fmt.Errorf("at offset 8: it states %d bytes, which %d can't hold or which are more than %d", size, in.Size, maxSession)
	}
	out := make([]byte, size)
	n, err := lz4.UncompressBlock(b[12:], out)
	if err != nil {
		return nil, fmt.Errorf("at offset 12: %w", err)
	}
	return out[:n], nil
}

type session struct {
	Windows       []sessionWindow `json:"windows"`
	ClosedWindows []sessionWindow `json:"_closedWindows"`
}

type sessionWindow struct {
	Tabs       []sessionTab `json:"tabs"`
	ClosedTabs []struct {
		State    sessionTab `json:"state"`
		Title    string     `json:"title"`
		ClosedAt int64      `json:"closedAt"`
	} `json:"_closedTabs"`
	ClosedAt int64 `json:"closedAt"`
	Private  bool  `json:"isPrivate"`
}

type sessionTab struct {
	Entries []struct {
		URL      string `json:"url"`
		Title    string `json:"title"`
		Referrer string `json:"referrer"`
	} `json:"entries"`
	Index    int   `json:"index"` // of the entry that shows, from 1
	Accessed int64 `json:"lastAccessed"`
	Pinned   bool  `json:"pinned"`
	Hidden   bool  `json:"hidden"`
}

// hasSession tells a session from the other files of that form, such as search engines.
func hasSession(b []byte) bool {
	var s struct {
		Windows json.RawMessage `json:"windows"`
	}
	return json.Unmarshal(b, &s) == nil && len(s.Windows) > 0
}

func parseFirefoxSession(in Input, emit func(*Record) error, problem func(Problem)) error {
	b, err := unpackMozLZ4(in)
	if err != nil {
		return fmt.Errorf("reading the session: %w", err)
	}
	var s session
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("reading the session: what was unpacked is no JSON of one: %w", err)
	}
	g := &sessionGiver{user: homeUser(in.Path), emit: emit}
	for _, x := range []struct {
		list   []sessionWindow
		closed bool
	}{{s.Windows, false}, {s.ClosedWindows, true}} {
		for i := range x.list {
			if err := g.window(i+1, &x.list[i], x.closed); err != nil {
				if errors.Is(err, errManyTabs) {
					problem(Problem{0, fmt.Sprintf("the session holds more than %d pages: the others are not told", maxTabs)})
					return nil
				}
				return err
			}
		}
	}
	return nil
}

var errManyTabs = errors.New("too many pages")

type sessionGiver struct {
	user string
	n    int
	emit func(*Record) error
}

func (g *sessionGiver) window(number int, w *sessionWindow, closed bool) error {
	for i := range w.Tabs {
		kind := "tab"
		if closed {
			kind = "closed_tab"
		}
		if err := g.tab(kind, number, i+1, &w.Tabs[i], w.ClosedAt, w); err != nil {
			return err
		}
	}
	for i := range w.ClosedTabs {
		if err := g.tab("closed_tab", number, i+1, &w.ClosedTabs[i].State, w.ClosedTabs[i].ClosedAt, w); err != nil {
			return err
		}
	}
	return nil
}

// tab gives the pages of a tab: the one that shows with its time, those before and
// behind it with none of their own.
func (g *sessionGiver) tab(kind string, window, number int, t *sessionTab, closedAt int64, w *sessionWindow) error {
	for i := range t.Entries {
		if g.n++; g.n > maxTabs {
			return errManyTabs
		}
		x := &t.Entries[i]
		shows := i+1 == t.Index || t.Index == 0 && i == len(t.Entries)-1
		at := int64(0)
		if shows {
			at = microTime(t.Accessed * 1000)
			if at == 0 {
				at = microTime(closedAt * 1000)
			}
		}
		r := record(kind, at)
		r.add("url", maskedURL(x.URL))
		r.add("title", x.Title)
		r.add("referrer", maskedURL(x.Referrer))
		r.add("window", fmt.Sprint(window))
		r.add("tab", fmt.Sprint(number))
		r.add("page", fmt.Sprintf("%d of %d", i+1, len(t.Entries)))
		if shows {
			r.add("shows", "true")
		}
		if closedAt != 0 {
			r.add("closed", timeField(microTime(closedAt*1000)))
		}
		for _, flag := range []struct {
			name string
			is   bool
		}{{"pinned", t.Pinned}, {"hidden", t.Hidden}, {"private", w.Private}} {
			if flag.is {
				r.add(flag.name, "true")
			}
		}
		r.add("user", g.user)
		if err := g.emit(r); err != nil {
			return err
		}
	}
	return nil
}
