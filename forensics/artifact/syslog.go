package artifact

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"saksi/event"
	"saksi/rules/sigma"
)

// Files of syslog: "TIME HOST PROGRAM[PID]: MESSAGE" a line, with the time of
// RFC 3164 (without year and zone) or of RFC 3339, as rsyslog and syslog-ng
// write them.

func init() {
	register(Format{
		Name:      "syslog",
		Doc:       "syslog, auth.log, messages and the like as rsyslog writes them, with the events of Sysmon for Linux; times without year and zone need the year of the first line, and are taken as UTC",
		Reference: "RFC 3164 section 4.1; rsyslog.conf(5), RSYSLOG_TraditionalFileFormat and RSYSLOG_FileFormat",
		Detect:    func(head []byte) bool { return syslogLine.MatchString(firstLine(head)) },
		Parse:     parseSyslog,
		Event:     eventSyslog,
		Log:       sourcesSyslog,
		Samples:   []string{"auth.log", "../capture/demo.auth.log", "sysmon.syslog"},
		Hostile:   []string{"auth.log @2=ff", "auth.log @40=0a5b5d3a", "sysmon.syslog @600=3c3c3c26", "sysmon.syslog cut=900"},
	})
}

var syslogLine = regexp.MustCompile(`^([A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) (\S+) ([^\s:\[]+)(?:\[(\d+)\])?: (.*)$`)

func parseSyslog(in Input, emit func(*Record) error, problem func(Problem)) error {
	y := years{year: in.Year}
	return eachLine(in, func(off int64, line string) error {
		m := syslogLine.FindStringSubmatch(line)
		if m == nil {
			problem(Problem{off, "the line is none of syslog"})
			return nil
		}
		rec := &Record{Offset: off, Header: 5}
		yearless := false
		if t, err := time.Parse(time.RFC3339Nano, m[1]); err == nil {
			if rec.Time = nanos(t); rec.Time == 0 && t.Unix() != 0 {
				problem(Problem{off, "the time " + strconv.Quote(m[1]) + " is outside the years 1678 to 2261; the record has none"})
			}
		} else if in.Year > 0 {
			rec.Time = y.time(m[1])
		} else {
			yearless = true
		}
		for i, name := range []string{"time", "host", "program", "pid", "message"} {
			rec.Fields = append(rec.Fields, Field{name, m[i+1]})
		}
		if yearless {
			rec.Fields, rec.Header = append(rec.Fields, Field{fieldYear, "none"}), 6
		}
		if isSysmon(rec) {
			sysmonEvent(rec, m[5], problem)
		}
		return emit(rec)
	}, problem)
}

// nanos is t in Unix nanoseconds, or 0 in a year of which they don't fit.
func nanos(t time.Time) int64 {
	if y := t.UTC().Year(); y < 1678 || y > 2261 {
		return 0
	}
	return t.UnixNano()
}

// years counts the years of a log whose times have none: its times go on, but
// for lines that are late.
type years struct {
	year int
	last time.Time // the latest until now
}

// late is how much before the latest time a line may be.
const late = 60 * 24 * time.Hour

func (y *years) time(s string) int64 {
	for year := y.year - 1; year <= y.year+1; year++ {
		// A year without February 29 refuses it.
		t, err := time.Parse("2006 Jan _2 15:04:05", strconv.Itoa(year)+" "+s)
		if err != nil || y.last.IsZero() && year != y.year || t.Before(y.last.Add(-late)) {
			continue
		}
		if t.After(y.last) { // a late line moves nothing
			y.year, y.last = year, t
		}
		return nanos(t)
	}
	return 0
}

// programs are the services of Sigma's taxonomy by program, in lower case.
var programs = map[string][]string{
	"sshd": {"sshd", "auth"}, "sshd-session": {"sshd", "auth"}, "sudo": {"sudo", "auth"}, "su": {"auth"}, "login": {"auth"}, "systemd-logind": {"auth"},
	"passwd": {"auth"}, "useradd": {"auth"}, "usermod": {"auth"}, "groupadd": {"auth"}, "cron": {"cron"}, "crond": {"cron"}, "crontab": {"cron"},
	"clamd": {"clamav"}, "clamav": {"clamav"}, "clamscan": {"clamav"}, "freshclam": {"clamav"}, "vsftpd": {"vsftpd"}, "guacd": {"guacamole"},
}

func sourcesSyslog(r *Record) ([]sigma.Source, []sigma.Alias) {
	if isSysmon(r) {
		return sigma.Linux(r.Get("EventID")), nil
	}
	sources := []sigma.Source{{Product: "linux", Service: "syslog"}}
	for _, s := range programs[strings.ToLower(r.Get("program"))] {
		sources = append(sources, sigma.Source{Product: "linux", Service: s})
	}
	return sources, nil
}

var (
	// A user's name is what a stranger sent and may hold " from IP port N" too:
	// the last one counts, and what sshd writes around it is spelled out.
	syslogUser = regexp.MustCompile(`^(?:message repeated \d+ times: \[ )?` +
		`(?:(?:(?:Accepted|Failed|Partial|Postponed) \S+|(?:error: )?maximum authentication attempts exceeded|Disconnecting: Too many authentication failures|Starting session: .*) for (?:(?:invalid|illegal) user )?|(?:Invalid|Illegal|Close session:) user )` +
		`(.*) from ([0-9a-fA-F.:]+) port (\d+)(?: ssh2(?:: .*)?| id \d+)?(?: \[preauth\])?\]?$`)
	syslogSudo = regexp.MustCompile(`^\s*(\S+) : .*COMMAND=(.*)$`)
)

func eventSyslog(r *Record, e *event.Event) {
	program, message := r.Get("program"), r.Get("message")
	e.Str(event.EventModule, "syslog")
	e.Str(event.EventProvider, program)
	e.Str(event.EventCategory, "host")
	e.Str(event.EventType, "info")
	e.Str(event.HostName, r.Get("host"))
	e.Str(event.ProcessName, program)
	putNumber(e, event.ProcessPID, r.Get("pid"))
	e.Str(event.Message, message)
	if r.Time != 0 && !strings.Contains(r.Get("time"), "T") && r.Get("SystemTime") == "" {
		e.Str(event.SaksiAssumed, "year "+strconv.Itoa(time.Unix(0, r.Time).UTC().Year()))
		e.Str(event.SaksiAssumed, "zone UTC")
	}
	tag := program
	if pid := r.Get("pid"); pid != "" {
		tag += "[" + pid + "]"
	}
	e.Str(event.EventOriginal, r.Get("time")+" "+r.Get("host")+" "+tag+": "+message)
	if isSysmon(r) {
		eventSysmon(r, e)
		return
	}
	eventLogin(program, message, e)
}

// eventLogin tells what messages of sshd and sudo say of users and addresses.
func eventLogin(program, message string, e *event.Event) {
	if m := syslogUser.FindStringSubmatch(message); m != nil && strings.HasPrefix(program, "sshd") {
		e.Str(event.UserName, m[1])
		if e.SetText(event.SourceIP, m[2]) == nil {
			if n, err := strconv.ParseInt(m[3], 10, 64); err == nil {
				e.Int(event.SourcePort, n)
			}
		}
		switch {
		case strings.HasPrefix(message, "Accepted "):
			e.Str(event.EventOutcome, "success")
		case strings.HasPrefix(message, "Failed "), strings.HasPrefix(message, "Invalid "):
			e.Str(event.EventOutcome, "failure")
		}
	}
	if m := syslogSudo.FindStringSubmatch(message); m != nil && program == "sudo" {
		e.Str(event.UserName, m[1])
		e.Str(event.ProcessCommandLine, m[2])
	}
}
