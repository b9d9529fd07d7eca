package artifact

import (
	"regexp"
	"strings"
	"time"

	"saksi/event"
)

// Logs of package managers: what was installed, changed and removed, and when.
// dpkg, apt and yum write local times without a zone.

func init() {
	register(Format{
		Name:      "packages",
		Doc:       "logs of package managers: dpkg.log, apt's history.log (with the command), yum.log, dnf.rpm.log and pacman.log; times without a zone are taken as UTC",
		Reference: "dpkg(1), dpkg.log; apt source, pkgcache DPkg::PM history; yum(8); dnf logging; pacman(8), PACKAGE LOG",
		Detect: func(head []byte) bool {
			line := firstLine(head)
			return dpkgLine.MatchString(line) || pacmanLine.MatchString(line) || dnfLine.MatchString(line) || strings.HasPrefix(line, "Start-Date: ") ||
				yumLine.MatchString(line)
		},
		Parse: parsePackages,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "packages")
			e.Str(event.HostOSType, "linux")
			e.Str(event.EventCategory, "package")
			typ := map[string]string{"install": "installation", "installed": "installation", "remove": "deletion", "purge": "deletion", "erased": "deletion", "removed": "deletion"}[r.Get("record")]
			e.Str(event.EventType, firstOf(typ, "change"))
			e.Str(event.EventAction, r.Get("record"))
			e.Str(event.EventProvider, r.Get("manager"))
			e.Str(event.PackageName, r.Get("package"))
			e.Str(event.PackageVersion, r.Get("version"))
			e.Str(event.PackageArchitecture, r.Get("architecture"))
			e.Str(event.ProcessCommandLine, r.Get("command"))
			e.Str(event.UserName, r.Get("user"))
			if r.Get("zone") == "none" {
				e.Str(event.SaksiAssumed, "zone UTC")
			}
			e.Str(event.Message, strings.TrimSpace(r.Get("record")+" "+r.Get("package")+" "+r.Get("version")+" "+r.Get("command")))
			putData(r, e)
		},
		Samples: []string{"sample.dpkg.log", "sample.apt-history.log", "sample.dnf.rpm.log", "sample.pacman.log"},
		Hostile: []string{"sample.dpkg.log @80=ff0aff0a", "sample.apt-history.log @300=ffff0a41", "sample.pacman.log @70=0a5b0a"},
	})
}

var (
	dpkgLine   = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (startup|status|install|upgrade|remove|purge|configure|trigproc|disappear|conffile) (.*)$`)
	dnfLine    = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d{4})) (?:SUBDEBUG|INFO|DEBUG|WARNING|ERROR|DDEBUG) (.*)$`)
	yumLine    = regexp.MustCompile(`^([A-Z][a-z]{2} [ 0-3]\d \d\d:\d\d:\d\d) (Installed|Updated|Erased|Dep-Installed): (.*)$`)
	pacmanLine = regexp.MustCompile(`^\[(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d[+-]\d{4})?)\] \[([A-Za-z-]+)\] (.*)$`)
	pacmanDid  = regexp.MustCompile(`^(installed|removed|upgraded|downgraded|reinstalled) (\S+) \((.*)\)$`)
	aptItem    = regexp.MustCompile(`([^\s,:]+):(\w+) \(([^)]*)\)`)
)

func parsePackages(in Input, emit func(*Record) error, problem func(Problem)) error {
	y := years{year: in.Year}
	a := apt{emit: emit, problem: problem}
	err := eachLine(in, func(off int64, line string) error {
		if m := dpkgLine.FindStringSubmatch(line); m != nil {
			return emit(dpkg(off, m))
		}
		if m := dnfLine.FindStringSubmatch(line); m != nil {
			r := record("message", 0)
			if t, err := time.Parse("2006-01-02T15:04:05Z0700", m[1]); err == nil {
				r.Time = nanos(t)
			}
			if verb, rest, ok := strings.Cut(m[2], ": "); ok && !strings.Contains(verb, " ") {
				r.Fields[0].Value = strings.ToLower(verb)
				r.add("package", rest)
			} else {
				r.add("text", m[2])
			}
			r.Offset = off
			r.add("manager", "dnf")
			return emit(r)
		}
		if m := yumLine.FindStringSubmatch(line); m != nil {
			r := record(strings.ToLower(m[2]), 0)
			if in.Year > 0 {
				r.Time = y.time(m[1])
			}
			r.Offset = off
			r.add("package", m[3])
			r.add("manager", "yum")
			r.add("zone", "none")
			if in.Year == 0 {
				r.add(fieldYear, "none")
			}
			return emit(r)
		}
		if m := pacmanLine.FindStringSubmatch(line); m != nil {
			return emit(pacman(off, m))
		}
		if !a.line(off, line) {
			problem(Problem{off, "the line is none of a package manager"})
		}
		return a.failed
	}, problem)
	if err != nil {
		return err
	}
	return a.flush()
}

func dpkg(off int64, m []string) *Record {
	r := record(m[2], 0)
	if t, err := time.Parse(time.DateTime, m[1]); err == nil {
		r.Time = nanos(t)
	}
	r.Offset = off
	words := strings.Fields(m[3])
	if m[2] == "status" && len(words) > 0 {
		r.add("status", words[0])
		words = words[1:]
	}
	if m[2] == "startup" || m[2] == "conffile" {
		r.add("text", m[3])
	} else if len(words) > 0 {
		name, arch, _ := strings.Cut(words[0], ":")
		r.add("package", name)
		r.add("architecture", arch)
		version := words[1:]
		for i, v := range version {
			if v == "<none>" {
				version[i] = ""
			}
		}
		switch {
		case len(version) == 2 && (m[2] == "install" || m[2] == "upgrade"):
			r.add("previous", version[0])
			r.add("version", version[1])
		case len(version) > 0:
			r.add("version", version[0])
		}
	}
	r.add("manager", "dpkg")
	r.add("zone", "none")
	return r
}

func pacman(off int64, m []string) *Record {
	r := record("message", 0)
	zone := ""
	if t, err := time.Parse("2006-01-02T15:04:05-0700", m[1]); err == nil {
		r.Time = nanos(t)
	} else if t, err := time.Parse("2006-01-02 15:04", m[1]); err == nil {
		r.Time, zone = nanos(t), "none"
	}
	r.Offset = off
	if d := pacmanDid.FindStringSubmatch(m[3]); d != nil {
		r.Fields[0].Value = d[1]
		r.add("package", d[2])
		before, after, ok := strings.Cut(d[3], " -> ")
		if ok {
			r.add("previous", before)
			r.add("version", after)
		} else {
			r.add("version", d[3])
		}
	} else if c, ok := strings.CutPrefix(m[3], "Running '"); ok {
		r.Fields[0].Value = "command"
		r.add("command", strings.TrimSuffix(c, "'"))
	} else {
		r.add("text", m[3])
	}
	r.add("manager", "pacman")
	r.add("zone", zone)
	return r
}

// apt gathers the paragraphs of apt's history.
type apt struct {
	emit    func(*Record) error
	problem func(Problem)
	open    bool
	off, at int64
	command string
	user    string
	items   int
	failed  error
}

// line takes a line; false when it is none of apt's.
func (a *apt) line(off int64, line string) bool {
	name, value, ok := strings.Cut(line, ": ")
	if !ok {
		return false
	}
	switch name {
	case "Start-Date":
		if a.failed = a.flush(); a.failed != nil {
			return true
		}
		t, err := time.Parse("2006-01-02  15:04:05", value)
		if err != nil {
			a.problem(Problem{off, "the date of a paragraph is none; its records have no time"})
		}
		*a = apt{emit: a.emit, problem: a.problem, open: true, off: off, at: nanos(t)}
		if err != nil {
			a.at = 0
		}
	case "Commandline":
		a.command = value
	case "Requested-By":
		a.user, _, _ = strings.Cut(value, " (")
	case "End-Date":
		a.failed = a.flush()
	case "Error":
		r := a.record("error", off)
		r.add("text", value)
		a.failed = a.emit(r)
	case "Install", "Upgrade", "Remove", "Purge", "Reinstall", "Downgrade":
		for _, m := range aptItem.FindAllStringSubmatch(value, -1) {
			r := a.record(strings.ToLower(name), off)
			r.add("package", m[1])
			r.add("architecture", m[2])
			version, rest, more := strings.Cut(m[3], ", ")
			switch {
			case more && rest == "automatic":
				r.add("automatic", "yes")
			case more:
				r.add("previous", version)
				version = rest
			}
			r.add("version", version)
			a.items++
			if a.failed = a.emit(r); a.failed != nil {
				return true
			}
		}
	default:
		return false
	}
	return true
}

func (a *apt) record(kind string, off int64) *Record {
	r := record(kind, a.at)
	r.Offset = off
	r.add("manager", "apt")
	r.add("command", a.command)
	r.add("user", a.user)
	r.add("zone", "none")
	return r
}

// flush gives a paragraph that changed nothing but has a command.
func (a *apt) flush() error {
	if !a.open || a.items > 0 || a.command == "" {
		a.open = false
		return a.failed
	}
	a.open = false
	return a.emit(a.record("command", a.off))
}
