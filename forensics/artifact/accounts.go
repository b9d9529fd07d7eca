package artifact

import (
	"regexp"
	"strings"

	"saksi/event"
)

// Accounts of Unix: passwd, shadow (what it says of a password, never its
// digest), group, and who may become whom (sudoers).

func init() {
	register(Format{
		Name:      "accounts",
		Doc:       "passwd, shadow and group of Unix: accounts, shells, locks, ages and members; never digests of passwords",
		Reference: "passwd(5), shadow(5), group(5)",
		Detect: func(head []byte) bool {
			line := firstLine(head)
			return passwdLine.MatchString(line) || shadowLine.MatchString(line) || groupLine.MatchString(line) && strings.HasPrefix(line, "root:")
		},
		Named: func(path string) bool {
			for _, n := range []string{"passwd", "passwd-", "group", "group-", "shadow", "shadow-"} {
				if strings.HasSuffix(path, "/etc/"+n) {
					return true
				}
			}
			return false
		},
		Parse: parseAccounts,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "unix")
			e.Str(event.EventCategory, "iam")
			e.Str(event.EventType, "info")
			e.Str(event.EventAction, r.Get("record"))
			if r.Get("record") == "group" {
				e.Str(event.GroupName, r.Get("name"))
				e.Str(event.GroupID, r.Get("gid"))
			} else {
				e.Str(event.UserName, r.Get("name"))
				e.Str(event.UserID, r.Get("uid"))
			}
			e.Str(event.Message, r.Get("record")+" "+r.Get("name"))
			putData(r, e)
		},
		Samples: []string{"sample.passwd", "sample.shadow", "sample.group"},
		Hostile: []string{"sample.passwd @40=0a0aff", "sample.shadow @8=0aff0a"},
	})
	register(Format{
		Name:      "sudoers",
		Doc:       "sudoers and sudoers.d: who may run what as whom",
		Reference: "sudoers(5)",
		Detect:    func([]byte) bool { return false },
		Named: func(path string) bool {
			return strings.HasSuffix(path, "/sudoers") || strings.Contains(path, "/sudoers.d/") || strings.HasSuffix(path, ".sudoers")
		},
		Parse:   parseSudoers,
		Event:   eventConfig("iam"),
		Samples: []string{"sample.sudoers"},
		Hostile: []string{"sample.sudoers @0=0000"},
	})
}

var (
	passwdLine = regexp.MustCompile(`^[A-Za-z_][\w.$-]*:[^:]*:\d+:\d+:[^:]*:/[^:]*:[^:]*$`)
	shadowLine = regexp.MustCompile(`^[A-Za-z_][\w.$-]*:(?:[!*][^:]*|\$[^:]+|):\d*:\d*:\d*:\d*:\d*:\d*:\d*$`)
	groupLine  = regexp.MustCompile(`^[A-Za-z_][\w.$-]*:[^:]*:\d+:[^:]*$`)
)

// passwordState says what a field of a password means, without it.
func passwordState(s string) string {
	switch {
	case s == "":
		return "none"
	case s == "x":
		return "in shadow"
	case strings.HasPrefix(s, "!"), strings.HasPrefix(s, "*"):
		return "locked"
	case strings.HasPrefix(s, "$"):
		id, _, _ := strings.Cut(s[1:], "$")
		names := map[string]string{"1": "md5crypt", "2a": "bcrypt", "2b": "bcrypt", "2y": "bcrypt", "5": "sha256crypt", "6": "sha512crypt", "y": "yescrypt", "gy": "gost-yescrypt", "7": "scrypt"}
		return "set, " + firstOf(names[id], "method not known")
	}
	return "set, descrypt or another method"
}

func parseAccounts(in Input, emit func(*Record) error, problem func(Problem)) error {
	return eachLine(in, func(off int64, line string) error {
		var r *Record
		p := strings.Split(line, ":")
		switch {
		case strings.HasPrefix(line, "#"):
			return nil
		case len(p) == 7 && passwdLine.MatchString(line):
			r = record("account", 0)
			r.add("name", p[0])
			r.add("password", passwordState(p[1]))
			r.add("uid", p[2])
			r.add("gid", p[3])
			r.add("full_name", p[4])
			r.add("home", p[5])
			r.add("shell", p[6])
		case len(p) == 9 && shadowLine.MatchString(line) || len(p) == 9 && strings.HasSuffix(strings.TrimRight(in.Path, "-"), "shadow"):
			r = record("password", 0)
			r.add("name", p[0])
			r.add("password", passwordState(p[1]))
			for i, name := range []string{"changed_day", "min_days", "max_days", "warn_days", "inactive_days", "expires_day"} {
				r.add(name, p[2+i])
			}
		case len(p) == 4 && groupLine.MatchString(line):
			r = record("group", 0)
			r.add("name", p[0])
			r.add("password", passwordState(p[1]))
			r.add("gid", p[2])
			r.add("members", p[3])
		default:
			problem(Problem{off, "the line is none of passwd, shadow or group"})
			return nil
		}
		r.Offset = off
		return emit(r)
	}, problem)
}

func parseSudoers(in Input, emit func(*Record) error, problem func(Problem)) error {
	return eachSetting(in, func(off int64, line string) error {
		kind := "rule"
		word, _, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(word, "Defaults"):
			kind = "default"
		case strings.HasSuffix(word, "_Alias"):
			kind = "alias"
		case strings.HasPrefix(word, "@include"), strings.HasPrefix(word, "#include"):
			kind = "include"
		}
		r := record(kind, 0)
		r.Offset = off
		if kind == "rule" {
			r.add("name", word)
			if strings.Contains(line, "NOPASSWD:") {
				r.add("nopasswd", "yes")
			}
		}
		r.add("text", line)
		return emit(r)
	}, problem)
}

// eachSetting gives the lines of a file of settings, those that go on behind a
// backslash joined, without comments.
func eachSetting(in Input, f func(off int64, line string) error, problem func(Problem)) error {
	var begun int64
	text := ""
	err := eachLine(in, func(off int64, line string) error {
		if strings.Contains(line, "\x00") {
			problem(Problem{off, "the line has zeros; it is no setting"})
			return nil
		}
		if text == "" {
			begun = off
		}
		if len(text)+len(line) > maxLine {
			problem(Problem{begun, "a setting goes on for too long; it is cut"})
		} else if text += strings.TrimSuffix(line, `\`); strings.HasSuffix(line, `\`) {
			return nil
		}
		line, text = strings.TrimSpace(text), ""
		if line == "" || strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "#include") || strings.HasPrefix(line, ";") {
			return nil
		}
		return f(begun, line)
	}, problem)
	if err != nil || text == "" {
		return err
	}
	return f(begun, strings.TrimSpace(text))
}

// eventConfig tells of a record of settings.
func eventConfig(category string) func(r *Record, e *event.Event) {
	return func(r *Record, e *event.Event) {
		e.Str(event.EventModule, "unix")
		e.Str(event.EventCategory, category)
		e.Str(event.EventType, "info")
		e.Str(event.EventAction, r.Get("record"))
		e.Str(event.UserName, r.Get("user"))
		e.Str(event.ProcessCommandLine, r.Get("command"))
		e.Str(event.Message, strings.TrimSpace(r.Get("record")+" "+firstOf(r.Get("text"), r.Get("command"), r.Get("name"))))
		putData(r, e)
	}
}
