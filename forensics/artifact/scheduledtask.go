package artifact

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"saksi/event"
)

// Scheduled tasks of Windows: the XML of System32\Tasks since Vista, and the
// .job files before.

func init() {
	register(Format{
		Name: "scheduled-task",
		Doc: "scheduled tasks (XML of System32\\Tasks): who registered them and when, as whom they run, triggers, and each action; secrets in arguments are " +
			"masked; times without a zone are local, taken as UTC",
		Reference: "[MS-TSCH] 2.5 XML Task Definition Language",
		Detect: func(head []byte) bool {
			text := psText(head)
			return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("<")) && bytes.Contains(text, []byte("<Task")) && bytes.Contains(text, []byte("schemas.microsoft.com/windows/2004/02/mit/task"))
		},
		Parse:   parseTask,
		Event:   eventTask,
		Samples: []string{"sample.task.xml"},
		Hostile: []string{"sample.task.xml cut=1700", "sample.task.xml @400=3c003c00"},
	})
	register(Format{
		Name:      "job",
		Doc:       "scheduled tasks before Windows Vista (.job): program, arguments, account, triggers, when it last ran (local time, taken as UTC) and its exit code",
		Reference: "[MS-TSCH] 2.4 .JOB File Format",
		Detect:    detectJob,
		Parse:     parseJob,
		Event:     eventTask,
		Samples:   []string{"sample.job"},
		Hostile:   []string{"sample.job cut=100", "sample.job @70=ffff", "sample.job @22=ffff"},
	})
}

// maxTask bounds a task, maxTaskName what is kept of the name of an element, both
// in bytes, and maxTaskItems the actions and triggers.
const (
	maxTask      = 4 << 20
	maxTaskName  = 64
	maxTaskItems = 1024
)

const zoneLocal = "local time of the machine, taken as UTC"

// parseTask walks the elements: what is broken ends it, and what came before is
// kept.
func parseTask(in Input, emit func(*Record) error, problem func(Problem)) error {
	if in.Size > maxTask {
		problem(Problem{maxTask, fmt.Sprintf("the task has %d bytes; what follows %d is not read", in.Size, maxTask)})
	}
	b := make([]byte, min(in.Size, maxTask))
	if _, err := in.ReadAt(b, 0); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	d := xml.NewDecoder(bytes.NewReader(psText(b)))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	t := &task{emit: emit, problem: problem, head: record("task", 0)}
	var path []string
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			problem(Problem{min(d.InputOffset(), in.Size), "the task can't be read further: " + err.Error()})
			break
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if path = append(path, tok.Name.Local[:min(len(tok.Name.Local), maxTaskName)]); len(path) > 64 {
				problem(Problem{d.InputOffset(), "the task is nested more than 64 deep; what follows is not read"})
				return t.end()
			}
			t.start(path)
		case xml.CharData:
			t.text(path, strings.TrimSpace(string(tok)))
		case xml.EndElement:
			t.close(path)
			path = path[:max(0, len(path)-1)]
		}
	}
	return t.end()
}

// task is a task under way.
type task struct {
	emit    func(*Record) error
	problem func(Problem)
	head    *Record
	item    *Record // the action or trigger that is read
	items   []*Record
	full    bool // values were left out, and it was told
}

func (t *task) start(path []string) {
	if len(path) != 3 || path[1] != "Triggers" && path[1] != "Actions" {
		return
	}
	kind := "trigger"
	if path[1] == "Actions" {
		kind = "action"
	}
	t.item = record(kind, 0)
	t.item.add("type", path[2])
}

func (t *task) close(path []string) {
	if len(path) == 3 && t.item != nil {
		if len(t.items) < maxTaskItems {
			t.items = append(t.items, t.item)
		} else {
			t.problem(Problem{0, fmt.Sprintf("the task has more than %d triggers and actions; one is left out", maxTaskItems)})
		}
		t.item = nil
	}
}

func (t *task) text(path []string, s string) {
	if s == "" || len(path) < 2 {
		return
	}
	r := t.head
	if t.item != nil {
		r = t.item
	}
	if len(r.Fields) >= maxFields/2 {
		if !t.full {
			t.full = true
			t.problem(Problem{0, fmt.Sprintf("a part of the task has more than %d values; the rest is left out", maxFields/2)})
		}
		return
	}
	name := strings.Join(path[min(len(path)-1, 2):], ".")
	if t.item != nil {
		name = strings.Join(path[min(len(path)-1, 3):], ".")
	}
	r.add(name, psMasked(s))
}

// end gives the task, then its triggers and actions with what names them.
func (t *task) end() error {
	r := t.head
	if s := r.Get("Date"); s != "" {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			if at, err = time.Parse("2006-01-02T15:04:05.999999999", s); err == nil {
				r.add("zone", zoneLocal)
			}
		}
		if err != nil {
			t.problem(Problem{0, "the date " + fmt.Sprintf("%.40q", s) + " is no time"})
		} else {
			r.Time = nanos(at)
		}
	}
	for _, i := range t.items { // the task tells of its first program
		if i.Get("record") == "action" && r.Get("command") == "" {
			r.add("command", strings.TrimSpace(i.Get("Command")+" "+i.Get("Arguments")))
		}
	}
	if err := t.emit(r); err != nil {
		return err
	}
	for _, i := range t.items {
		i.Time = r.Time
		if i.Get("record") == "trigger" {
			i.Time = 0 // not when it was registered
		}
		i.add("task", r.first("URI", "Description"))
		i.add("run_as", r.first("Principal.UserId", "Principal.GroupId"))
		if i.Get("record") == "action" {
			i.add("command", strings.TrimSpace(i.first("Command", "ClassId")+" "+i.Get("Arguments")))
		}
		if err := t.emit(i); err != nil {
			return err
		}
	}
	return nil
}

// jobProducts are the versions of Windows that write such files ([MS-TSCH], 2.4.1).
var jobProducts = map[uint16]bool{0x0400: true, 0x0500: true, 0x0501: true, 0x0502: true, 0x0600: true, 0x0601: true, 0x0602: true, 0x0603: true, 0x0a00: true}

const jobFixed = 68

func detectJob(head []byte) bool {
	le := binary.LittleEndian
	if len(head) < jobFixed+4 || !jobProducts[le.Uint16(head)] || le.Uint16(head[2:]) != 1 {
		return false
	}
	return le.Uint16(head[20:]) >= jobFixed+2 && le.Uint16(head[20:]) < 128 && le.Uint16(head[22:]) > le.Uint16(head[20:])
}

func parseJob(in Input, emit func(*Record) error, problem func(Problem)) error {
	b := make([]byte, min(in.Size, 256<<10))
	if _, err := in.ReadAt(b, 0); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	if len(b) < jobFixed+4 {
		return errors.New("the file ends within its header")
	}
	le := binary.LittleEndian
	r := record("task", systemTime(b[52:]))
	if r.Time != 0 {
		r.add("last_run", timeUTC(r.Time))
		r.add("zone", zoneLocal)
	}
	r.add("uuid", guid(b[4:20]))
	r.add("product", fmt.Sprintf("%d.%d", le.Uint16(b)>>8, le.Uint16(b)&0xff))
	r.add("exit_code", fmt.Sprintf("0x%08x", le.Uint32(b[40:])))
	r.add("status", fmt.Sprintf("0x%08x", le.Uint32(b[44:])))
	r.add("flags", fmt.Sprintf("0x%08x", le.Uint32(b[48:])))
	at := int(le.Uint16(b[20:]))
	for _, name := range []string{"program", "arguments", "working_directory", "author", "comment"} {
		if at+2 > len(b) {
			problem(Problem{int64(at), "the " + strings.ReplaceAll(name, "_", " ") + " is missing"})
			break
		}
		n := 2 * int(le.Uint16(b[at:]))
		if at+2+n > len(b) {
			problem(Problem{int64(at), fmt.Sprintf("the %s says it has %d bytes; %d are there", strings.ReplaceAll(name, "_", " "), n, len(b)-at-2)})
			break
		}
		r.add(name, psMasked(utf16Until(b[at+2:at+2+n])))
		at += 2 + n
	}
	r.add("command", strings.TrimSpace(r.Get("program")+" "+r.Get("arguments")))
	jobTriggers(b, int(le.Uint16(b[22:])), r, problem)
	return emit(r)
}

var jobTypes = []string{"once", "daily", "weekly", "monthly by date", "monthly by day", "when idle", "at system start", "at logon"}

func jobTriggers(b []byte, at int, r *Record, problem func(Problem)) {
	le := binary.LittleEndian
	if at+2 > len(b) {
		problem(Problem{int64(at), "the triggers lie beyond the file"})
		return
	}
	n := int(le.Uint16(b[at:]))
	for at += 2; n > 0; n-- {
		if at+48 > len(b) {
			problem(Problem{int64(at), "a trigger ends beyond the file"})
			return
		}
		what := fmt.Sprintf("type %d", le.Uint32(b[at+32:]))
		if t := le.Uint32(b[at+32:]); int(t) < len(jobTypes) {
			what = jobTypes[t]
		}
		if len(r.Fields) < maxFields/2 {
			r.add("trigger", fmt.Sprintf("%s from %04d-%02d-%02d at %02d:%02d", what, le.Uint16(b[at+4:]), le.Uint16(b[at+6:]), le.Uint16(b[at+8:]), le.Uint16(b[at+16:]), le.Uint16(b[at+18:])))
		}
		at += 48
	}
}

// systemTime reads a SYSTEMTIME ([MS-DTYP] 2.3.13), 0 when it says nothing.
func systemTime(b []byte) int64 {
	var v [8]int
	for i := range v {
		v[i] = int(binary.LittleEndian.Uint16(b[2*i:]))
	}
	if v[0] < 1980 || v[1] < 1 || v[1] > 12 || v[3] < 1 || v[3] > 31 || v[4] > 23 || v[5] > 59 || v[6] > 59 || v[7] > 999 {
		return 0
	}
	return nanos(time.Date(v[0], time.Month(v[1]), v[3], v[4], v[5], v[6], v[7]*1e6, time.UTC))
}

func eventTask(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "configuration")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "scheduled-"+r.Get("record"))
	e.Str(event.ProcessCommandLine, r.Get("command"))
	p := r.first("Command", "program")
	e.Str(event.ProcessExecutable, p)
	e.Str(event.ProcessName, base(p))
	e.Str(event.ProcessWorkingDirectory, r.first("WorkingDirectory", "working_directory"))
	domain, user, ok := strings.Cut(r.first("Author", "author"), `\`)
	if !ok {
		domain, user = "", domain
	}
	e.Str(event.UserName, user)
	e.Str(event.UserDomain, domain)
	e.Str(event.Message, strings.TrimSpace("scheduled "+r.Get("record")+" "+r.first("URI", "task")+" "+r.Get("command")))
	putData(r, e)
}
