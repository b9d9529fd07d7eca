package artifact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/sqlitefile"
)

// Artifacts that are named with what their header says, and not read further:
// mail boxes of Outlook, and unified logs of macOS. KnowledgeC is read.

func init() {
	register(Format{
		Name:      "outlook",
		Doc:       "PST, OST and PAB of Outlook by name: kind, version, width and encryption; messages are not read",
		Reference: "[MS-PST] section 2.2.2.6",
		Detect:    func(head []byte) bool { return len(head) >= 24 && string(head[:4]) == "!BDN" },
		Parse:     parseOutlook,
		Event:     eventNamed,
		Samples:   []string{"sample.pst"},
		Hostile:   []string{"sample.pst cut=100", "sample.pst @10=ffff"},
	})
	register(Format{
		Name:      "unified-log",
		Doc:       "unified logs of macOS (tracev3) by name; entries are not read",
		Reference: "J. Metz, dtformats, Apple Unified Logging and Activity Tracing formats",
		Detect: func(head []byte) bool {
			return len(head) >= 16 && bytes.HasPrefix(head, []byte("\x00\x10\x00\x00")) && binary.LittleEndian.Uint32(head[4:]) == 0x11 && binary.LittleEndian.Uint64(head[8:]) == 0xd0
		},
		Parse: func(in Input, emit func(*Record) error, problem func(Problem)) error {
			if in.Size < 16+0xd0 {
				problem(Problem{in.Size, "the log ends within its header"})
			}
			r := record("tracev3", 0)
			r.add("bytes", strconv.FormatInt(in.Size, 10))
			return emit(r)
		},
		Event:   eventNamed,
		Samples: []string{"sample.tracev3"},
		Hostile: []string{"sample.tracev3 cut=100"},
	})
	register(Format{
		Name:      "knowledgec",
		Doc:       "knowledgeC.db of macOS and iOS: what was in use from when to when (streams and their values); their metadata are not read",
		Reference: "J. Metz, dtformats, KnowledgeC database",
		Detect:    isSQLite,
		Probe:     hasTables("ZOBJECT", "ZSOURCE"),
		Beside:    []string{"-wal", "-journal"},
		Parse:     parseKnowledgeC,
		Event:     eventNamed,
		Samples:   []string{"knowledgec.sqlite"},
		Hostile:   []string{"knowledgec.sqlite cut=5000"},
	})
}

func eventNamed(r *Record, e *event.Event) {
	e.Str(event.EventModule, "files")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, r.Get("record"))
	e.Str(event.Message, strings.TrimSpace(r.Get("record")+" "+firstOf(r.Get("version"), r.Get("stream")+" "+r.Get("value"))))
	putData(r, e)
}

func parseOutlook(in Input, emit func(*Record) error, problem func(Problem)) error {
	b := make([]byte, min(in.Size, 564))
	if _, err := in.ReadAt(b, 0); err != nil {
		return fmt.Errorf("reading the header: %w", err)
	}
	kind := map[string]string{"SM": "pst", "SO": "ost", "AB": "pab"}[string(b[8:10])]
	if kind == "" {
		problem(Problem{8, fmt.Sprintf("the client's magic number is %x, which is not known", b[8:10])})
		kind = "outlook"
	}
	version := binary.LittleEndian.Uint16(b[10:])
	r := record(kind, 0)
	r.add("version", strconv.Itoa(int(version)))
	crypt := 513
	switch {
	case version == 14 || version == 15:
		r.add("width", "ANSI")
		crypt = 461
	case version == 36:
		r.add("width", "Unicode, pages of 4096 bytes")
	case version >= 20 && version < 100:
		r.add("width", "Unicode")
	default:
		problem(Problem{10, fmt.Sprintf("the version is %d, which is not known", version)})
	}
	if crypt >= len(b) {
		problem(Problem{int64(len(b)), "the file ends within its header"})
	} else if m := b[crypt]; m < 3 {
		r.add("encryption", [...]string{"none", "permute", "cyclic"}[m])
	} else {
		r.add("encryption", fmt.Sprintf("0x%x", m))
	}
	r.add("bytes", strconv.FormatInt(in.Size, 10))
	return emit(r)
}

func parseKnowledgeC(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	return d.rows("ZOBJECT", func(r *sqlitefile.Row) *Record {
		rec := record("use", cocoaTime(r.Float("zstartdate")))
		rec.add("stream", r.Text("zstreamname"))
		rec.add("value", firstOf(r.Text("zvaluestring"), r.Text("zvalueinteger")))
		rec.add("until", timeField(cocoaTime(r.Float("zenddate"))))
		rec.add("created", timeField(cocoaTime(r.Float("zcreationdate"))))
		rec.add("seconds_from_gmt", r.Text("zsecondsfromgmt"))
		return rec
	})
}
