package proto

// Syslog. Both forms begin with a priority, eight times the facility and the
// severity:
//
//	RFC 3164: <PRI>Mmm dd hh:mm:ss HOST TAG[PID]: text
//	RFC 5424: <PRI>1 TIME HOST APP PROCID MSGID [structured data] text
//
// Over TCP (RFC 6587) a message ends with a line, or has its length and a space
// before it.

import (
	"bytes"
	"strconv"
	"time"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "syslog", Doc: "Syslog", Reference: "RFC 5424, RFC 3164, RFC 6587",
		Transport: TCP | UDP, Ports: []uint16{514, 601},
		Detect: detectSyslog, New: func(t Transport) Parser { return &syslog{stream: t == TCP} },
		Samples: []string{"syslog_udp.txt", "syslog_tcp.txt"}, Hostile: []string{"syslog_hostile.txt"},
	})
}

// maxSyslog bounds a message over TCP; RFC 5424 section 6.1 asks for 2,048.
const maxSyslog = 16 << 10

var syslogFacilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "security",
	"console", "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

var syslogSeverities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// syslogPriority takes "<PRI>" off the head of a message.
func syslogPriority(b []byte) (pri int, rest []byte, ok bool) {
	i := bytes.IndexByte(b[:min(len(b), 6)], '>')
	if i < 2 || i > 4 || b[0] != '<' || !digits(b[1:i]) {
		return 0, nil, false
	}
	pri, _ = strconv.Atoi(string(b[1:i]))
	return pri, b[i+1:], pri <= 191
}

// syslogDated reports whether b begins with a date of RFC 3164, which some
// senders write with a year or after an asterisk.
func syslogDated(b []byte) bool {
	if len(b) < 15 || b[3] != ' ' {
		return false
	}
	i := bytes.Index([]byte(months), b[:3])
	return i >= 0 && i%3 == 0 && (digit(b[4]) || b[4] == ' ') && digit(b[5]) && b[6] == ' '
}

func detectSyslog(p *Probe) Verdict {
	b := p.Data
	if p.Transport == TCP && digit(b[0]) { // octet counting
		n, rest, ok := bytes.Cut(b[:min(len(b), 6)], []byte(" "))
		switch {
		case !ok && len(b) < 6 && digits(b):
			return More
		case !ok || !digits(n):
			return No
		}
		b = b[len(n)+1:]
		if len(rest) == 0 {
			return More
		}
	}
	if b[0] != '<' {
		return No
	}
	if p.Transport == TCP && len(b) < 24 {
		return More
	}
	_, rest, ok := syslogPriority(b)
	switch {
	case !ok || len(rest) < 4:
		return No
	case syslogDated(rest):
		return Yes
	case rest[0] == '1' && rest[1] == ' ' && (rest[2] == '-' && rest[3] == ' ' || len(rest) > 12 && digits(rest[2:6]) && rest[6] == '-'):
		return Yes
	}
	return onPort(p, rest[0] >= ' ' && rest[0] < 0x7f, 514, 601)
}

type syslog struct{ stream bool }

// Data implements Parser.
func (p *syslog) Data(c *Context, _ Dir, b []byte) Result {
	if !p.stream {
		p.message(c, bytes.TrimRight(b, "\r\n\x00"))
		return Result(len(b))
	}
	used := 0
	for used < len(b) {
		m := b[used:]
		if digit(m[0]) {
			head, _, ok := bytes.Cut(m[:min(len(m), 6)], []byte(" "))
			if !ok && len(m) < 6 {
				break
			}
			n, err := strconv.Atoi(string(head))
			if !ok || err != nil || n > maxSyslog {
				return Broken
			}
			end := len(head) + 1 + n
			if len(m) < end {
				break
			}
			p.message(c, m[len(head)+1:end])
			used += end
			continue
		}
		line, n, ok := nextLine(m)
		if !ok {
			return Broken
		}
		if n == 0 {
			break
		}
		used += n
		p.message(c, line)
	}
	return Result(used)
}

func (p *syslog) message(c *Context, b []byte) {
	pri, rest, ok := syslogPriority(b)
	if !ok {
		return
	}
	var packets Packets
	packets.Add(c.Number)
	e := c.Begin("saksi.syslog", packets.List())
	e.Str(event.EventAction, "message")
	e.Int(event.LogSyslogPriority, int64(pri))
	e.Int(event.LogSyslogFacilityCode, int64(pri>>3))
	e.Str(event.LogSyslogFacilityName, syslogFacilities[pri>>3])
	e.Int(event.LogSyslogSeverityCode, int64(pri&7))
	e.Str(event.LogSyslogSeverityName, syslogSeverities[pri&7])
	switch {
	case bytes.HasPrefix(rest, []byte("1 ")):
		syslog5424(e, rest[2:])
	case syslogDated(rest):
		syslog3164(e, rest[15:])
	default:
		e.Bytes(event.Message, rest)
	}
	c.Emit(e)
}

// syslog5424 reads what follows the version (RFC 5424 section 6).
func syslog5424(e *event.Event, b []byte) {
	e.Str(event.LogSyslogVersion, "1")
	var word []byte
	for i := range 5 {
		word, b, _ = bytes.Cut(b, []byte(" "))
		if len(word) == 1 && word[0] == '-' {
			continue
		}
		switch i {
		case 0:
			if t, err := time.Parse(time.RFC3339Nano, string(word)); err == nil {
				e.Time(event.EventCreated, t.UnixNano())
			}
		case 1:
			e.Bytes(event.LogSyslogHostname, word)
		case 2:
			e.Bytes(event.LogSyslogAppname, word)
		case 3:
			e.Bytes(event.LogSyslogProcid, word)
		case 4:
			e.Bytes(event.LogSyslogMsgid, word)
		}
	}
	if len(b) > 0 && b[0] == '[' { // structured data: elements in brackets, values in quotes
		quoted := false
		for i := 1; i < len(b); i++ {
			switch {
			case b[i] == '\\':
				i++
			case b[i] == '"':
				quoted = !quoted
			case b[i] == ']' && !quoted && (i+1 == len(b) || b[i+1] == ' '):
				b = b[i+1:]
				i = len(b)
			}
		}
	} else {
		b = bytes.TrimPrefix(b, []byte("-"))
	}
	e.Bytes(event.Message, bytes.TrimPrefix(bytes.TrimPrefix(b, []byte(" ")), []byte("\xef\xbb\xbf")))
}

// syslog3164 reads what follows the date: host, tag, process and text. The
// date has neither year nor zone and is left out.
func syslog3164(e *event.Event, b []byte) {
	b = bytes.TrimPrefix(b, []byte(" "))
	host, rest, ok := bytes.Cut(b, []byte(" "))
	if ok && len(host) > 0 && !bytes.HasSuffix(host, []byte(":")) {
		e.Bytes(event.LogSyslogHostname, host)
		b = rest
	}
	tag, text, ok := bytes.Cut(b, []byte(":"))
	if !ok || len(tag) > 48 || bytes.IndexByte(tag, ' ') >= 0 {
		e.Bytes(event.Message, b)
		return
	}
	if name, pid, ok := bytes.Cut(tag, []byte("[")); ok && bytes.HasSuffix(pid, []byte("]")) {
		e.Bytes(event.LogSyslogProcid, pid[:len(pid)-1])
		tag = name
	}
	e.Bytes(event.LogSyslogAppname, tag)
	e.Bytes(event.Message, bytes.TrimPrefix(text, []byte(" ")))
}

// Gap implements Parser: messages end with lines as a rule; a broken one has no
// priority and is passed over.
func (p *syslog) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *syslog) Close(*Context) {}
