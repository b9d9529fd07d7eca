package artifact

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"

	"saksi/event"
)

// Histories of what was typed: bash (with the times of HISTTIMEFORMAT as lines
// "#SECONDS"), zsh ("EXTENDED_HISTORY": ": SECONDS:DURATION;COMMAND"), ash, Python,
// MySQL, PostgreSQL, SQLite, less, and the readline of others: a command a line.

func init() {
	register(Format{
		Name:      "shell-history",
		Doc:       "histories of bash and zsh with their times, of sh, Python, MySQL (its escapes undone), psql, sqlite, redis and gdb; words behind password options are masked",
		Reference: "bash(1) HISTTIMEFORMAT; zshoptions(1) EXTENDED_HISTORY; mysql(1) MYSQL_HISTFILE",
		Detect:    func(head []byte) bool { return timedHistory.MatchString(firstLine(head)) && len(head) > 4 },
		Named:     namedHistory,
		Parse:     parseHistory,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "history")
			e.Str(event.EventCategory, "process")
			e.Str(event.EventType, "info")
			e.Str(event.EventAction, "typed-command")
			e.Str(event.ProcessCommandLine, r.Get("command"))
			e.Str(event.UserName, r.Get("user"))
			e.Str(event.EventProvider, r.Get("program"))
			e.Str(event.Message, r.Get("command"))
			putData(r, e)
		},
		Samples: []string{"sample.bash_history", "sample.zsh_history"},
		Hostile: []string{"sample.zsh_history @2=ff", "sample.bash_history @0=2339393939393939393939393939393939393939"},
	})
}

var timedHistory = regexp.MustCompile(`^(?:#[12]\d{9}$|: \d{10}:\d+;)`)

var historyFile = regexp.MustCompile(`(?:^|/)\.?(bash|zsh|sh|ash|ksh|python|mysql|mariadb|psql|sqlite|rediscli|gdb|node_repl|irb|lesshst)_?(?:history|hist)?$`)

func namedHistory(path string) bool {
	m := historyFile.FindStringSubmatch(path)
	return m != nil && strings.Contains(path, "hist")
}

// passwords are options whose value is a secret.
var passwords = regexp.MustCompile(`(?i)((?:--?(?:password|passwd|passphrase|token|secret|api-?key)(?:=|\s+))|(?:\b(?:PGPASSWORD|MYSQL_PWD|SSHPASS|[A-Z0-9_]*(?:PASSWORD|PASSWD|PASSPHRASE|_PASS|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET_?KEY))=)|(?:\bsshpass\s+-p\s*)|(?:\bmysql(?:dump|admin)?\b[^|;&]*?\s-p)|(?:\bcurl\b[^|;&]*?\s(?:-u|--user)\s*[^\s:]+:)|(?:://[^\s/:@]+:)|(?:\bIDENTIFIED\s+BY\s+))('[^']*'|"[^"]*"|[^\s'"@;|&]+)`)

// masked takes secrets out of a command.
func masked(command string) string { return passwords.ReplaceAllString(command, "${1}****") }

func parseHistory(in Input, emit func(*Record) error, problem func(Problem)) error {
	path := strings.ReplaceAll(in.Path, "\\", "/")
	program := "shell"
	if m := historyFile.FindStringSubmatch(strings.ToLower(path)); m != nil {
		program = strings.TrimSuffix(m[1], "_repl")
	}
	user := ""
	if rest, ok := strings.CutPrefix(path, "/home/"); ok {
		user, _, _ = strings.Cut(rest, "/")
	} else if strings.HasPrefix(path, "/root/") {
		user = "root"
	}
	var at int64
	var pending *Record // of zsh: a command goes on behind a backslash
	give := func(r *Record, command string) error {
		if program == "mysql" || program == "mariadb" {
			command = strings.NewReplacer(`\040`, " ", `\012`, "\n", `\\`, `\`).Replace(command)
		}
		r.add("command", masked(command))
		r.add("program", program)
		r.add("user", user)
		return emit(r)
	}
	text := ""
	flush := func() error {
		if pending == nil {
			return nil
		}
		r := pending
		pending = nil
		return give(r, text)
	}
	err := eachRaw(in, func(off int64, raw []byte) error {
		line := strings.ToValidUTF8(string(unmeta(raw)), "\uFFFD")
		if pending != nil {
			text += "\n" + strings.TrimSuffix(line, `\`)
			if strings.HasSuffix(line, `\`) && len(text) < maxLine {
				return nil
			}
			return flush()
		}
		if strings.HasPrefix(line, "#") {
			if n, err := strconv.ParseInt(line[1:], 10, 64); err == nil && n > 0 {
				if at = nanos(time.Unix(min(n, 1<<40), 0)); at == 0 {
					problem(Problem{off, "the time " + strconv.Quote(line[:min(len(line), 40)]) + " is outside the years 1678 to 2261; the command has none"})
				}
				return nil
			}
			if strings.Trim(line[1:], "0123456789") == "" && len(line) > 1 {
				problem(Problem{off, "the time " + strconv.Quote(line[:min(len(line), 40)]) + " is no time; the command has none"})
				return nil
			}
		}
		r := record("command", at)
		at = 0
		r.Offset = off
		if rest, ok := strings.CutPrefix(line, ": "); ok && timedHistory.MatchString(line) {
			stamp, command, _ := strings.Cut(rest, ";")
			sec, duration, _ := strings.Cut(stamp, ":")
			if n, err := strconv.ParseInt(sec, 10, 64); err == nil {
				r.Time = nanos(time.Unix(n, 0))
			}
			r.add("duration_s", duration)
			line, program = command, "zsh"
			if strings.HasSuffix(line, `\`) {
				pending, text = r, strings.TrimSuffix(line, `\`)
				return nil
			}
		} else if bytes.ContainsRune(raw, 0) {
			problem(Problem{off, "the line has zeros; it is no command"})
			return nil
		} else if program == "zsh" && strings.Contains(line, "\uFFFD") {
			problem(Problem{off, "the line is no text"})
		}
		return give(r, line)
	}, problem)
	if err != nil {
		return err
	}
	return flush()
}

// unmeta undoes how zsh writes bytes that are its own: 83, then the byte
// exclusive-or 20 in hexadecimal.
func unmeta(b []byte) []byte {
	if !bytes.Contains(b, []byte{0x83}) || isUTF8(b) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == 0x83 && i+1 < len(b) {
			i++
			out = append(out, b[i]^0x20)
			continue
		}
		out = append(out, b[i])
	}
	return out
}

func isUTF8(b []byte) bool { return strings.ToValidUTF8(string(b), "") == string(b) }
