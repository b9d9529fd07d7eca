package artifact

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"time"

	"saksi/event"
)

// What Windows writes of installing devices and of programs it has yet to look at:
// setupapi.dev.log, which tells when a device was first attached, and
// RecentFileCache.bcf of Windows 7.

func init() {
	register(Format{
		Name:      "setupapi",
		Doc:       "setupapi.dev.log and other logs of SetupAPI of Windows Vista and later: each section with what was installed, when and with which result; times are local",
		Reference: "Microsoft Learn, SetupAPI Text Logs, Format of a Text Log Section Header and Footer",
		Detect: func(head []byte) bool {
			return setupSection.Match(head) || strings.HasPrefix(string(head), "[Device Install Log]") || strings.HasPrefix(string(head), "[Setup Log]")
		},
		Parse: parseSetupAPI,
		Event: func(r *Record, e *event.Event) {
			eventInstalled(r, e)
			e.Str(event.EventAction, "device-install")
			e.Str(event.Message, r.Get("what"))
		},
		Samples: []string{"sample.setupapi.dev.log"},
		Hostile: []string{"sample.setupapi.dev.log cut=250", "sample.setupapi.dev.log @261=39392f39392f"},
	})
	register(Format{
		Name:      "recent-file-cache",
		Doc:       "RecentFileCache.bcf of Windows 7: programs that were started and not yet looked at by the inventory; it has no times",
		Reference: "J. Metz, dtformats, RecentFileCache.bcf format",
		Detect:    func(head []byte) bool { return strings.HasPrefix(string(head), recentMagic) },
		Parse:     parseRecentCache,
		Event: func(r *Record, e *event.Event) {
			eventInstalled(r, e)
			e.Str(event.EventAction, "recent-program")
			e.Str(event.FilePath, r.Get("path"))
			e.Str(event.FileName, base(r.Get("path")))
			e.Str(event.Message, r.Get("path"))
		},
		Samples: []string{"sample.RecentFileCache.bcf"},
		Hostile: []string{"sample.RecentFileCache.bcf cut=40", "sample.RecentFileCache.bcf @20=ffffff7f"},
	})
}

func eventInstalled(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "host")
	e.Str(event.EventType, "info")
	putData(r, e)
}

var (
	setupSection = regexp.MustCompile(`(?m)^>>>  \[[^\r\n]*\]\r?\n>>>  Section start \d{4}/\d\d/\d\d `)
	setupStart   = regexp.MustCompile(`^>>>  Section start (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3})`)
	setupEnd     = regexp.MustCompile(`^<<<  Section end (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3})`)
	setupStatus  = regexp.MustCompile(`^<<<  \[Exit status: ([^\]]*)\]`)
	setupDevice  = regexp.MustCompile(`^([^\[\]]*?) - ([A-Za-z0-9_]+\\.+)$`)
)

func parseSetupAPI(in Input, emit func(*Record) error, problem func(Problem)) error {
	var r *Record
	flush := func() error {
		if r == nil {
			return nil
		}
		done := r
		r = nil
		return emit(done)
	}
	when := func(off int64, s string) int64 {
		t, err := time.Parse("2006/01/02 15:04:05.000", s)
		if err != nil {
			problem(Problem{off, fmt.Sprintf("the time %q is no time", s)})
			return 0
		}
		return nanos(t)
	}
	err := eachLine(in, func(off int64, line string) error {
		switch {
		case strings.HasPrefix(line, ">>>  ["):
			if r != nil {
				problem(Problem{r.Offset, "the section has no end"})
			}
			if err := flush(); err != nil {
				return err
			}
			what := strings.TrimSuffix(strings.TrimPrefix(line, ">>>  ["), "]")
			r = record("section", 0)
			r.Offset = off
			r.add("what", what)
			if m := setupDevice.FindStringSubmatch(what); m != nil {
				r.add("act", m[1])
				r.add("device", m[2])
			}
		case r == nil:
		case strings.HasPrefix(line, ">>>  Section start"):
			if m := setupStart.FindStringSubmatch(line); m != nil {
				r.Time = when(off, m[1])
				r.add("zone", zoneLocal)
			} else {
				problem(Problem{off, "the section's start has no time"})
			}
		case strings.HasPrefix(line, "     cmd: "):
			r.add("command", psMasked(strings.TrimPrefix(line, "     cmd: ")))
		case strings.HasPrefix(line, "<<<  Section end"):
			if m := setupEnd.FindStringSubmatch(line); m != nil {
				r.add("ended", timeField(when(off, m[1])))
			} else {
				problem(Problem{off, "the section's end has no time"})
			}
		case setupStatus.MatchString(line):
			r.add("status", setupStatus.FindStringSubmatch(line)[1])
			return flush()
		}
		return nil
	}, problem)
	if err != nil {
		return err
	}
	if r != nil {
		problem(Problem{r.Offset, "the section has no end"})
	}
	return flush()
}

const recentMagic = "\xfe\xff\xee\xff\x11\x22\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00"

func parseRecentCache(in Input, emit func(*Record) error, problem func(Problem)) error {
	for off := int64(20); off < in.Size; {
		var n [4]byte
		if off+4 > in.Size {
			problem(Problem{off, "the file ends within a path's size"})
			return nil
		}
		if _, err := in.ReadAt(n[:], off); err != nil {
			return fmt.Errorf("reading a path at offset %d: %w", off, err)
		}
		size := 2 * int64(binary.LittleEndian.Uint32(n[:]))
		if size < 2 || size > maxShown || off+4+size > in.Size {
			problem(Problem{off, fmt.Sprintf("the path says it has %d bytes; %d are left, and the rest is not read", size, in.Size-off-4)})
			return nil
		}
		b := make([]byte, size)
		if _, err := in.ReadAt(b, off+4); err != nil {
			return fmt.Errorf("reading a path at offset %d: %w", off, err)
		}
		r := record("program", 0)
		r.Offset = off
		r.add("path", utf16Until(b))
		if err := emit(r); err != nil {
			return err
		}
		off += 4 + size
	}
	return nil
}
