package artifact

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"saksi/event"
	"saksi/rules/sigma"
)

// The system log of Apple till macOS 10.12: a header, then entries that refer to
// one another and to their texts by offsets; all numbers are big-endian.

func init() {
	register(Format{
		Name:      "asl",
		Doc:       "Apple System Log (.asl) of macOS and iOS: every message with time, host, sender, process and users",
		Reference: "J. Metz, dtformats, Apple System Log (ASL) file format; Apple, asl_file.h",
		Detect: func(head []byte) bool {
			return strings.HasPrefix(string(head), "ASL DB\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02")
		},
		Parse: parseASL,
		Event: eventASL,
		Log: func(*Record) ([]sigma.Source, []sigma.Alias) {
			return []sigma.Source{{Product: "macos"}}, nil
		},
		Samples: []string{"sample.asl"},
		Hostile: []string{"sample.asl cut=200", "sample.asl @16=ffffffffffffffff", "sample.asl @82=ffff", "sample.asl @16=0000000000000050", "sample.asl @36=00000000000000ff"},
	})
}

var aslLevels = [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

// maxASLText bounds a text of a message.
const maxASLText = 64 << 10

func parseASL(in Input, emit func(*Record) error, problem func(Problem)) error {
	be := binary.BigEndian
	head := make([]byte, 80)
	if _, err := in.ReadAt(head, 0); err != nil {
		return fmt.Errorf("reading the header at offset 0: %w", err)
	}
	last := int64(be.Uint64(head[36:]))
	seen := map[int64]bool{}
	spent := false
	texts := in.Size // each text is read once by an honest log, or a few times
	text := func(b []byte) string {
		if b[0]&0x80 != 0 { // up to 7 bytes stand in the place itself
			n := min(int(b[0]&0x7f), 7)
			return strings.ToValidUTF8(strings.TrimRight(string(b[1:1+n]), "\x00"), "\uFFFD")
		}
		off := int64(be.Uint64(b))
		if off == 0 {
			return ""
		}
		var size [6]byte
		if off < 0 || off+6 > in.Size {
			problem(Problem{off, "a text lies outside of the log"})
			return ""
		}
		if _, err := in.ReadAt(size[:], off); err != nil {
			problem(Problem{off, err.Error()})
			return ""
		}
		n := int64(be.Uint32(size[2:]))
		if be.Uint16(size[:]) != 1 || off+6+n > in.Size {
			problem(Problem{off, "there is no text here"})
			return ""
		}
		if n > maxASLText {
			problem(Problem{off, fmt.Sprintf("a text of %d bytes is cut", n)})
			n = maxASLText
		}
		if texts -= n / 16; texts < 0 {
			if !spent {
				spent = true
				problem(Problem{off, "texts are named more often than any real log does; the others are left out"})
			}
			return ""
		}
		raw := make([]byte, n)
		if _, err := in.ReadAt(raw, off+6); err != nil {
			problem(Problem{off, err.Error()})
			return ""
		}
		s, _ := cstring(raw)
		return s
	}
	for off := int64(be.Uint64(head[16:])); off != 0; {
		if off < 80 || off+114 > in.Size {
			problem(Problem{off, "an entry lies outside of the log; the rest is not read"})
			return nil
		}
		if seen[off] {
			problem(Problem{off, "the entries go round in a circle; the rest is not read"})
			return nil
		}
		seen[off] = true
		fixed := make([]byte, 6+92)
		if _, err := in.ReadAt(fixed, off); err != nil {
			return fmt.Errorf("reading the entry at offset %d: %w", off, err)
		}
		size := int64(be.Uint32(fixed[2:]))
		if be.Uint16(fixed) != 0 || size < 100 || size > 1<<20 || off+6+size > in.Size {
			problem(Problem{off, fmt.Sprintf("there is no entry here, or its size of %d bytes is wrong; the rest is not read", size)})
			return nil
		}
		r := record("message", nanos(time.Unix(int64(be.Uint64(fixed[22:])), int64(be.Uint32(fixed[30:])%1e9))))
		r.Offset = off
		if l := int(be.Uint16(fixed[34:])); l < len(aslLevels) {
			r.add("level", aslLevels[l])
		}
		r.add("host", text(fixed[66:74]))
		r.add("sender", text(fixed[74:82]))
		r.add("facility", text(fixed[82:90]))
		r.add("message", text(fixed[90:98]))
		for _, f := range []struct {
			name string
			at   int
		}{{"pid", 38}, {"uid", 42}, {"gid", 46}, {"read_uid", 50}, {"read_gid", 54}, {"reference_pid", 58}} {
			if n := int32(be.Uint32(fixed[f.at:])); n != -1 && (n != 0 || f.name != "reference_pid") {
				r.add(f.name, strconv.Itoa(int(n)))
			}
		}
		r.add("number", strconv.FormatUint(be.Uint64(fixed[14:]), 10))
		extra := make([]byte, size-92-8) // pairs of texts, then the entry before
		if _, err := in.ReadAt(extra, off+98); err != nil {
			return fmt.Errorf("reading the entry at offset %d: %w", off, err)
		}
		for ; len(extra) >= 16; extra = extra[16:] {
			if len(r.Fields) >= maxData {
				problem(Problem{off, "the entry has too many fields; the rest is not read"})
				break
			}
			if name := text(extra[:8]); name != "" {
				r.add(name, text(extra[8:16]))
			}
		}
		if err := emit(r); err != nil {
			return err
		}
		if off == last {
			return nil
		}
		off = int64(be.Uint64(fixed[6:]))
	}
	if last != 0 && !seen[last] {
		problem(Problem{36, fmt.Sprintf("the last entry should lie at %d; the entries end before it", last)})
	}
	return nil
}

func eventASL(r *Record, e *event.Event) {
	e.Str(event.EventModule, "macos")
	e.Str(event.EventCategory, "host")
	e.Str(event.EventType, "info")
	e.Str(event.HostOSType, "macos")
	e.Str(event.HostName, r.Get("host"))
	e.Str(event.LogLevel, r.Get("level"))
	e.Str(event.ProcessName, r.Get("sender"))
	putNumber(e, event.ProcessPID, r.Get("pid"))
	e.Str(event.UserID, r.Get("uid"))
	e.Str(event.Message, r.Get("message"))
	putData(r, e)
}
