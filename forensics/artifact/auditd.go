package artifact

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/rules/sigma"
)

// The audit log of Linux: a record a line, "type=X msg=audit(SECONDS.MS:SERIAL):
// name=value ...". Values are plain, in quotes, or in hexadecimal where a user
// chose them; programs put a list of their own into msg='...'. What the
// enriched form adds stands behind a byte 1d (linux-audit, "Audit Event
// Parsing Library Specifications", auditd.conf(5) log_format).

func init() {
	register(Format{
		Name:      "auditd",
		Doc:       "audit log of Linux, raw or enriched: a record a line; records of one event are told by their serial",
		Reference: "linux-audit documentation, specs/events and audit-parse; auditd.conf(5)",
		Detect: func(head []byte) bool {
			line := firstLine(head)
			if strings.HasPrefix(line, "node=") {
				_, line, _ = strings.Cut(line, " ")
			}
			return strings.HasPrefix(line, "type=") && strings.Contains(line, " msg=audit(")
		},
		Parse: parseAuditd,
		Event: eventAuditd,
		Log: func(*Record) ([]sigma.Source, []sigma.Alias) {
			return []sigma.Source{{Product: "linux", Service: "auditd"}}, nil
		},
		Samples: []string{"audit.log"},
		Hostile: []string{"audit.log @30=58", "audit.log @31=2e2e2e", "audit.log cut=40"},
	})
}

func parseAuditd(in Input, emit func(*Record) error, problem func(Problem)) error {
	return eachLine(in, func(off int64, line string) error {
		rec := &Record{Offset: off}
		head, body, ok := strings.Cut(line, "): ")
		head, stamp, is := strings.Cut(head, " msg=audit(")
		if !ok || !is || !rec.stamped(stamp) {
			problem(Problem{off, "the line is no record of an audit log"})
			return nil
		}
		_, serial, _ := strings.Cut(stamp, ":")
		rec.pairs(head, "")
		rec.Fields = append(rec.Fields, Field{"serial", serial})
		rec.Header = len(rec.Fields)
		rec.pairs(body, rec.Get("type"))
		return emit(rec)
	}, problem)
}

// stamped reads SECONDS.MILLISECONDS:SERIAL.
func (r *Record) stamped(s string) bool {
	s, serial, ok := strings.Cut(s, ":")
	sec, ms, dot := strings.Cut(s, ".")
	a, err1 := strconv.ParseUint(sec, 10, 32)
	b, err2 := strconv.ParseUint(ms, 10, 16)
	_, err3 := strconv.ParseUint(serial, 10, 64)
	r.Time = int64(a)*1e9 + int64(b)*1e6
	return ok && dot && err1 == nil && err2 == nil && err3 == nil && b < 1000
}

// pairs adds the names and values of a list.
func (r *Record) pairs(s, typ string) {
	for len(r.Fields) < maxFields {
		s = strings.TrimLeft(s, " ,\x1d")
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return
		}
		if i := strings.LastIndexAny(name, " \x1d"); i >= 0 { // words between the pairs
			name = name[i+1:]
		}
		switch {
		case strings.HasPrefix(rest, `"`):
			var v string
			v, s, _ = strings.Cut(rest[1:], `"`)
			r.Fields = append(r.Fields, Field{name, v})
		case strings.HasPrefix(rest, "'"):
			var v string
			v, s, _ = strings.Cut(rest[1:], "'")
			r.pairs(strings.ReplaceAll(v, "'", ""), typ)
		default:
			end := strings.IndexAny(rest, " \x1d")
			if end < 0 {
				end = len(rest)
			}
			if v := rest[:end]; v != "(null)" && v != "?" {
				r.Fields = append(r.Fields, Field{name, decoded(typ, name, v)})
			}
			s = rest[end:]
		}
	}
}

// encodedFields may be in hexadecimal, because a user chooses them.
var encodedFields = map[string]bool{
	"name": true, "exe": true, "comm": true, "cwd": true, "proctitle": true, "key": true, "acct": true, "cmd": true, "data": true, "path": true, "vm": true,
}

func decoded(typ, name, v string) string {
	arg := typ == "EXECVE" && strings.HasPrefix(name, "a") && name != "argc" && !strings.HasSuffix(name, "_len")
	if !arg && !encodedFields[name] {
		return v
	}
	b, err := hex.DecodeString(v)
	if err != nil || len(b) == 0 || strings.ToUpper(v) != v {
		return v
	}
	// Arguments of proctitle have zeros between them.
	return strings.ToValidUTF8(strings.ReplaceAll(strings.TrimRight(string(b), "\x00"), "\x00", " "), "\uFFFD")
}

func eventAuditd(r *Record, e *event.Event) {
	typ := r.Get("type")
	e.Str(event.EventModule, "auditd")
	e.Str(event.EventCategory, "host")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, strings.ToLower(typ))
	if n, err := strconv.ParseInt(r.Get("serial"), 10, 64); err == nil {
		e.Int(event.EventSequence, n)
	}
	switch r.first("success", "res") {
	case "yes", "success":
		e.Str(event.EventOutcome, "success")
	case "no", "failed":
		e.Str(event.EventOutcome, "failure")
	}
	e.Str(event.HostName, r.Get("node"))
	e.Str(event.HostOSType, "linux")
	e.Str(event.ProcessExecutable, r.Get("exe"))
	e.Str(event.ProcessName, r.Get("comm"))
	putNumber(e, event.ProcessPID, r.Get("pid"))
	putNumber(e, event.ProcessParentPID, r.Get("ppid"))
	e.Str(event.ProcessWorkingDirectory, r.Get("cwd"))
	e.Str(event.ProcessCommandLine, r.first("proctitle", "cmd"))
	if typ == "EXECVE" {
		r.arguments(e)
	}
	e.Str(event.UserID, r.Get("uid"))
	e.Str(event.UserName, r.first("acct", "UID"))
	e.Str(event.FilePath, r.Get("name"))
	e.Str(event.ServiceName, r.Get("unit"))
	if a, err := netip.ParseAddr(r.Get("addr")); err == nil {
		e.Addr(event.SourceIP, a)
	}
}

// arguments adds the arguments of an EXECVE record. The kernel writes a long
// one in pieces, aN[0], aN[1] ..., after their length, and goes on in records
// without argc when one is full.
func (r *Record) arguments(e *event.Event) {
	fields := make(map[string]string, len(r.Fields))
	for _, f := range r.Fields {
		if _, is := fields[f.Name]; !is {
			fields[f.Name] = f.Value
		}
	}
	argc, err := strconv.Atoi(fields["argc"])
	missing := err != nil || argc < 0 || argc > maxData || len(r.Fields) >= maxFields
	if err != nil || argc > maxData {
		argc = maxData
	}
	var args []string
	for i := range max(argc, 0) {
		name := "a" + strconv.Itoa(i)
		arg, ok := fields[name]
		if !ok {
			var pieces []string
			for {
				p, is := fields[name+"["+strconv.Itoa(len(pieces))+"]"]
				if !is {
					break
				}
				pieces = append(pieces, p)
			}
			arg, ok = strings.Join(pieces, ""), len(pieces) > 0
			// Older kernels count the hexadecimal digits.
			if n, err := strconv.Atoi(fields[name+"_len"]); err == nil && n != len(arg) && n != 2*len(arg) {
				missing = true
			}
		}
		if !ok {
			missing = true
			continue
		}
		if arg == "" {
			arg = `""` // so that it is seen
		}
		e.Str(event.ProcessArgs, arg)
		args = append(args, arg)
	}
	e.Str(event.ProcessCommandLine, strings.Join(args, " "))
	if missing {
		e.Str(event.SaksiTruncated, event.ProcessArgs.Name())
		e.Str(event.SaksiTruncated, event.ProcessCommandLine.Name())
	}
}
