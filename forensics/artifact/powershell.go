package artifact

import (
	"bytes"
	"regexp"
	"strings"
	"time"

	"saksi/event"
)

// What was typed into PowerShell: the history of PSReadLine, a command a line
// that ends with a backtick where it goes on, and transcripts, whose header and
// commands lie between lines of asterisks.

func init() {
	register(Format{
		Name:      "powershell-history",
		Doc:       "ConsoleHost_history.txt of PSReadLine: commands over all their lines; they have no times, since the file has none; secrets are masked",
		Reference: "PowerShell, about_PSReadLine: HistorySavePath",
		Detect:    func([]byte) bool { return false },
		Named:     func(path string) bool { return strings.HasSuffix(path, "consolehost_history.txt") },
		Parse:     parsePSHistory,
		Event:     eventPowerShell,
		Samples:   []string{"sample.ConsoleHost_history.txt"},
		Hostile:   []string{"sample.ConsoleHost_history.txt @0=00"},
	})
	register(Format{
		Name:      "powershell-transcript",
		Doc:       "transcripts of PowerShell: who ran it, on which machine, and each command with its time where the transcript has it; times are local; output is counted, not kept; secrets are masked; offsets within one in UTF-16 are those of its text in UTF-8",
		Reference: "PowerShell, Start-Transcript",
		Detect:    func(head []byte) bool { return psTranscript.Match(psText(head)) },
		Parse:     parsePSTranscript,
		Event:     eventPowerShell,
		Samples:   []string{"sample.transcript.txt"},
		Hostile:   []string{"sample.transcript.txt @73=7878", "sample.transcript.txt cut=200"},
	})
}

// psSecrets are parameters and calls of PowerShell, and of what is called from
// it, whose value is a secret.
var psSecrets = regexp.MustCompile(`(?i)((?:\s[-/](?:String|Password|Pass|Token|Secret|ApiKey|SharedSecret|PfxPassword|rp)(?::\s*|\s+))|(?:ConvertTo-SecureString\s+)|` +
	`(?:\bnet1?(?:\.exe)?\s+user\s+[^\s/]+\s+)|(?:\bnet1?(?:\.exe)?\s+use\s+[^|;]*?/user:\S+\s+))('[^']*'|"[^"]*"|[^\s'"|;&/$(-][^\s'"|;&]*)`)

// psVariables are assignments of a text to a variable named for a secret.
var psVariables = regexp.MustCompile(`(?i)(\$[\w:]*(?:pass|secret|token|pwd|key)\w*\s*=\s*)('[^']*'|"[^"]*")`)

func psMasked(s string) string {
	return psVariables.ReplaceAllString(psSecrets.ReplaceAllString(masked(s), "${1}****"), "${1}****")
}

// psText is a head as UTF-8: transcripts are UTF-8 or UTF-16, with a mark.
func psText(b []byte) []byte {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) {
		return []byte(utf16All(b[2:]))
	}
	return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
}

var psTranscript = regexp.MustCompile(`^\*{10,}\r?\n[^\r\n]{0,200}\r?\n[^\r\n:]{1,80}: \d{14}\r?\n`)

func parsePSHistory(in Input, emit func(*Record) error, problem func(Problem)) error {
	user := ""
	path := strings.ReplaceAll(in.Path, `\`, "/")
	if i := strings.Index(strings.ToLower(path), "/users/"); i >= 0 {
		user, _, _ = strings.Cut(path[i+len("/users/"):], "/")
	}
	var at int64
	var text []byte
	give := func() error {
		if len(text) == 0 {
			return nil
		}
		r := record("command", 0)
		r.Offset = at
		r.add("command", psMasked(string(text)))
		r.add("user", user)
		text = text[:0]
		return emit(r)
	}
	err := eachLine(in, func(off int64, line string) error {
		if strings.ContainsRune(line, 0) {
			problem(Problem{off, "the line has zeros; it is no command"})
			return nil
		}
		line = strings.TrimPrefix(line, "\ufeff")
		if len(text) == 0 {
			at = off
		} else {
			text = append(text, '\n')
		}
		more := strings.HasSuffix(line, "`")
		text = append(text, strings.TrimSuffix(line, "`")...)
		if more && len(text) < maxLine {
			return nil
		}
		return give()
	}, problem)
	if err != nil {
		return err
	}
	return give()
}

// maxTranscript bounds a transcript in UTF-16, in bytes.
const maxTranscript = 64 << 20

// psHeader names the header's lines that are told, as English has them; others
// are told as they are.
var psHeader = map[string]string{"username": "user", "runas user": "run_as", "machine": "machine", "host application": "host_application", "process id": "process_id", "psversion": "version"}

func parsePSTranscript(in Input, emit func(*Record) error, problem func(Problem)) error {
	mark := make([]byte, 2)
	if _, err := in.ReadAt(mark, 0); err == nil && string(mark) == "\xff\xfe" {
		if in.Size > maxTranscript {
			problem(Problem{maxTranscript, "what follows in the transcript is not read"})
		}
		b := make([]byte, min(in.Size, maxTranscript))
		if _, err := in.ReadAt(b, 0); err != nil {
			return err
		}
		text := []byte(utf16All(b[2:]))
		in.ReaderAt, in.Size = bytes.NewReader(text), int64(len(text))
	}
	t := &transcript{emit: emit, problem: problem}
	if err := eachLine(in, t.line, problem); err != nil {
		return err
	}
	if t.head != nil {
		problem(Problem{t.head.Offset, "the transcript ends within its header"})
	}
	return t.flush()
}

// transcript is one under way.
type transcript struct {
	emit    func(*Record) error
	problem func(Problem)

	stars   int     // lines of asterisks so far
	head    *Record // being read
	user    string
	machine string
	at      int64 // time of the next command
	command *Record
	text    []byte
	output  int
}

var (
	psPrompt = regexp.MustCompile(`^(?:\[[^\]]{1,64}\]: )?PS [^>]{0,300}> ?`)
	psStamp  = regexp.MustCompile(`: (\d{14})$`)
)

func (t *transcript) line(off int64, line string) error {
	line = strings.TrimPrefix(line, "\ufeff")
	if len(line) >= 10 && strings.Trim(line, "*") == "" {
		t.stars++
		if t.stars == 1 {
			t.head = record("transcript", 0)
			t.head.Offset = off
			return nil
		}
		if t.head != nil {
			r := t.head
			t.head = nil
			return t.emit(r)
		}
		return nil
	}
	if t.head != nil {
		t.header(off, line)
		return nil
	}
	if m := psStamp.FindStringSubmatch(line); m != nil && t.stars%2 == 1 { // between lines of asterisks: the next command's
		if err := t.flush(); err != nil {
			return err
		}
		t.at = t.stamp(off, m[1])
		return nil
	}
	if p := psPrompt.FindString(line); p != "" {
		if err := t.flush(); err != nil {
			return err
		}
		if t.text = append(t.text[:0], line[len(p):]...); len(t.text) == 0 {
			return nil
		}
		t.command = record("command", t.at)
		t.command.Offset = off
		t.command.add("prompt", strings.TrimSpace(p))
		t.at = 0
		return nil
	}
	if rest, ok := strings.CutPrefix(line, ">> "); ok && t.command != nil && t.output == 0 && len(t.text) < maxLine {
		t.text = append(append(t.text, '\n'), rest...)
		return nil
	}
	t.output++
	return nil
}

func (t *transcript) stamp(off int64, s string) int64 {
	at, err := time.Parse("20060102150405", s)
	if err != nil {
		t.problem(Problem{off, "the time " + s + " is no time"})
		return 0
	}
	return nanos(at)
}

func (t *transcript) header(off int64, line string) {
	name, value, ok := strings.Cut(line, ": ")
	if !ok {
		return
	}
	if m := psStamp.FindStringSubmatch(line); m != nil && t.head.Time == 0 {
		t.head.Time = t.stamp(off, m[1])
		t.head.add("zone", "local time of the machine, taken as UTC")
		return
	}
	if n := psHeader[strings.ToLower(name)]; n != "" {
		name = n
	}
	value = psMasked(value)
	t.head.add(name, value)
	switch name {
	case "user":
		t.user = value
	case "machine":
		t.machine, _, _ = strings.Cut(value, " ")
	}
}

// flush gives the command that was read.
func (t *transcript) flush() error {
	r := t.command
	if r == nil {
		return nil
	}
	t.command = nil
	r.add("command", psMasked(string(t.text)))
	r.add("user", t.user)
	r.add("machine", t.machine)
	r.add("output_lines", nonZero(uint64(t.output)))
	if r.Time != 0 {
		r.add("zone", "local time of the machine, taken as UTC")
	}
	t.output = 0
	return t.emit(r)
}

func eventPowerShell(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventProvider, "powershell")
	e.Str(event.EventCategory, "process")
	e.Str(event.EventType, "info")
	action := "typed-command"
	if r.Get("record") == "transcript" {
		action = "started-transcript"
	}
	e.Str(event.EventAction, action)
	e.Str(event.ProcessCommandLine, r.first("command", "host_application"))
	domain, user, ok := strings.Cut(r.Get("user"), `\`)
	if !ok {
		domain, user = "", domain
	}
	e.Str(event.UserName, user)
	e.Str(event.UserDomain, domain)
	machine, _, _ := strings.Cut(r.Get("machine"), " ")
	e.Str(event.HostName, machine)
	e.Str(event.Message, strings.TrimSpace("PowerShell "+r.Get("record")+" "+r.Get("command")))
	putData(r, e)
}
