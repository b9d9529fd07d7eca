package artifact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"saksi/event"
)

// Event logs of Windows NT to 2003 (.evt): a ring of records, of which older ones
// often stand behind the end.

func init() {
	register(Format{
		Name: "evt",
		Doc: "event logs of Windows NT 4, 2000, XP and 2003 (.evt): every record with its source, event, type, user's SID, texts and size of data; records that the log " +
			"no longer counts and that are still there are marked recovered; messages are not put together, as they lie in the programs",
		Reference: "Microsoft Learn, Event Log File Format; [MS-EVEN] section 2.2.3, EVENTLOGRECORD",
		Detect: func(head []byte) bool {
			return len(head) >= evtHeader && binary.LittleEndian.Uint32(head) == evtHeader && string(head[4:8]) == evtMagic
		},
		Parse:   parseEVT,
		Event:   eventEVT,
		Samples: []string{"sample.evt"},
		Hostile: []string{"sample.evt cut=200", "sample.evt @112=00", "sample.evt @144=ffffffff", "sample.evt @108=ffffff7f", "sample.evt @108=00000000", "sample.evt @24=00000000"},
	})
}

const (
	evtMagic  = "LfLe"
	evtHeader = 48
	evtFixed  = 56        // bytes of a record before its texts
	evtMost   = 128 << 20 // bytes of a log that are read
	evtRecord = 1 << 20   // bytes of a record
)

// evtEnd marks the end of the ring, behind its size.
var evtEnd = []byte("\x11\x11\x11\x11\x22\x22\x22\x22\x33\x33\x33\x33\x44\x44\x44\x44")

var evtTypes = map[uint16]string{0: "success", 1: "error", 2: "warning", 4: "information", 8: "audit success", 16: "audit failure"}

func parseEVT(in Input, emit func(*Record) error, problem func(Problem)) error {
	size := in.Size
	if size > evtMost {
		problem(Problem{evtMost, fmt.Sprintf("the log has %d bytes; the first %d are read", size, evtMost)})
		size = evtMost
	}
	b := make([]byte, size)
	if n, err := in.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		if n < evtHeader {
			return fmt.Errorf("reading the log: %d of %d bytes: %w", n, size, err)
		}
		problem(Problem{int64(n), "the log could be read to here: " + err.Error()})
		b = b[:n]
	}
	le := binary.LittleEndian
	// The numbers of the next and the oldest record are right in the header of a log
	// that was closed, and behind the last record of one that was not.
	next, oldest := le.Uint32(b[24:]), le.Uint32(b[28:])
	end := bytes.Index(b, evtEnd)
	switch {
	case end >= evtHeader-4 && end+36 <= len(b):
		if n, o := le.Uint32(b[end+24:]), le.Uint32(b[end+28:]); n != next || o != oldest {
			if le.Uint32(b[36:])&1 == 0 {
				problem(Problem{24, fmt.Sprintf("the header counts records %d to %d, the mark of the end %d to %d, which is taken", oldest, next, o, n)})
			}
			next, oldest = n, o
		}
	case le.Uint32(b[36:])&1 != 0:
		problem(Problem{36, "the log was not closed, and has no mark of its end; which records it counts is not known"})
		next, oldest = ^uint32(0), 0
	}
	live := uint32(0)
	damaged := false
	for at := evtHeader; at+8 <= len(b); {
		n := evtLength(b, at)
		if n == 0 {
			if string(b[at+4:at+8]) == evtMagic {
				problem(Problem{int64(at), fmt.Sprintf("the record says it has %d bytes, and does not end there", le.Uint32(b[at:]))})
				damaged = true
			}
			at += 4
			continue
		}
		rec := b[at:min(at+n, len(b))]
		if len(rec) < n { // it goes on at the ring's beginning
			rec = append(bytes.Clone(rec), b[evtHeader:evtHeader+n-len(rec)]...)
		}
		r := evtParse(rec, int64(at), problem)
		if number := le.Uint32(rec[8:]); number-oldest < next-oldest {
			live++
		} else {
			r.add("recovered", "behind the end")
		}
		if err := emit(r); err != nil {
			return err
		}
		at += n
	}
	if want := next - oldest; want != ^uint32(0) && live < want && !damaged {
		problem(Problem{24, fmt.Sprintf("the log counts %d records; %d are there", want, live)})
	}
	return nil
}

// evtLength is the size of a record that stands at a place; 0 for none.
func evtLength(b []byte, at int) int {
	le := binary.LittleEndian
	n := int(le.Uint32(b[at:]))
	if string(b[at+4:at+8]) != evtMagic || n < evtFixed+4 || n%4 != 0 || n > evtRecord {
		return 0
	}
	last := at + n - 4
	if over := at + n - len(b); over > 0 {
		if last = evtHeader + over - 4; over < 4 || last+4 > at {
			return 0
		}
	}
	if int(le.Uint32(b[last:])) != n {
		return 0
	}
	return n
}

func evtParse(b []byte, off int64, problem func(Problem)) *Record {
	le := binary.LittleEndian
	r := record("event", 0)
	r.Offset = off
	if t := le.Uint32(b[12:]); t != 0 {
		r.Time = int64(t) * 1e9
	}
	id := le.Uint32(b[20:])
	source, rest := evtText(b[evtFixed : len(b)-4])
	computer, _ := evtText(rest)
	r.add("source", source)
	r.add("event", strconv.Itoa(int(id&0xffff)))
	r.add("identifier", fmt.Sprintf("0x%08x", id))
	r.add("number", strconv.FormatUint(uint64(le.Uint32(b[8:])), 10))
	r.add("type", firstOf(evtTypes[le.Uint16(b[24:])], strconv.Itoa(int(le.Uint16(b[24:])))))
	r.add("category", strconv.Itoa(int(le.Uint16(b[28:]))))
	r.add("computer", computer)
	if t := le.Uint32(b[16:]); t != 0 {
		r.add("written", timeUTC(int64(t)*1e9))
	}
	part := func(at, size uint32, what string) []byte {
		if size == 0 {
			return nil
		}
		if int64(at)+int64(size) > int64(len(b)-4) || at < evtFixed {
			problem(Problem{off, fmt.Sprintf("the %s of the record lie outside of it, at %d", what, at)})
			return nil
		}
		return b[at : at+size]
	}
	r.add("sid", sidText(part(le.Uint32(b[44:]), le.Uint32(b[40:]), "user's bytes")))
	if n := int(le.Uint16(b[26:])); n > 0 {
		at := le.Uint32(b[36:])
		rest := part(at, max(uint32(len(b)-4)-min(at, uint32(len(b)-4)), 1), "texts")
		for i := range n {
			if len(rest) == 0 || i >= maxData {
				problem(Problem{off, fmt.Sprintf("the record says it has %d texts; %d are read", n, i)})
				break
			}
			var s string
			s, rest = evtText(rest)
			r.Fields = append(r.Fields, Field{"text", psMasked(s)})
		}
	}
	if n := le.Uint32(b[48:]); n > 0 {
		if d := part(le.Uint32(b[52:]), n, "data"); d != nil {
			r.add("data_bytes", strconv.Itoa(len(d)))
			r.add("data", fmt.Sprintf("%x", d[:min(len(d), 256)]))
		}
	}
	return r
}

// evtText cuts a text of UTF-16 off, which a zero ends.
func evtText(b []byte) (s string, rest []byte) {
	for i := 0; i+2 <= len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return utf16All(b[:i]), b[i+2:]
		}
	}
	return utf16All(b), nil
}

func eventEVT(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventAction, "event-log")
	e.Str(event.EventProvider, r.Get("source"))
	e.Str(event.EventCode, r.Get("event"))
	e.Str(event.HostName, r.Get("computer"))
	e.Str(event.UserID, r.Get("sid"))
	putNumber(e, event.EventSequence, r.Get("number"))
	switch r.Get("type") {
	case "audit success", "success":
		e.Str(event.EventOutcome, "success")
	case "audit failure":
		e.Str(event.EventOutcome, "failure")
	}
	e.Str(event.Message, strings.TrimSpace(r.Get("source")+" "+r.Get("event")+" "+r.Get("text")))
	putData(r, e)
}
