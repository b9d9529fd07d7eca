package artifact

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"strings"

	"saksi/event"
)

// What starts by itself, and who may come in: cron, anacron, units of systemd,
// and the keys of OpenSSH.

func init() {
	register(Format{
		Name:      "cron",
		Doc:       "crontabs of users and of the system, cron.d, anacrontab: when what runs as whom",
		Reference: "crontab(5), cron(8), anacrontab(5)",
		Detect:    func([]byte) bool { return false },
		Named: func(path string) bool {
			return strings.HasSuffix(path, "/etc/crontab") || strings.Contains(path, "/etc/cron.d/") || strings.Contains(path, "/spool/cron/") && !strings.Contains(path, "/cron/at") || strings.HasSuffix(path, "/etc/anacrontab") || strings.HasSuffix(path, ".crontab")
		},
		Parse:   parseCron,
		Event:   eventConfig("configuration"),
		Samples: []string{"sample.crontab"},
		Hostile: []string{"sample.crontab @0=00", "sample.crontab @70=0a7a7a0a"},
	})
	register(Format{
		Name:      "systemd-unit",
		Doc:       "units of systemd: services, timers, sockets, paths and mounts with what they run, when and as whom",
		Reference: "systemd.unit(5), systemd.service(5), systemd.timer(5)",
		Detect:    func([]byte) bool { return false },
		Named:     func(path string) bool { return unitFile.MatchString(path) },
		Probe: func(in Input) bool {
			head := make([]byte, headSize)
			n, _ := in.ReadAt(head, 0)
			return in.Forced || unitSection.Match(head[:n])
		},
		Parse: parseUnit,
		Event: func(r *Record, e *event.Event) {
			eventConfig("configuration")(r, e)
			e.Str(event.ServiceName, r.Get("name"))
		},
		Samples: []string{"sample.service", "sample.timer"},
		Hostile: []string{"sample.service @8=00", "sample.timer @12=0a5b0a"},
	})
	register(Format{
		Name:      "ssh-keys",
		Doc:       "keys of OpenSSH: authorized_keys with their options, known_hosts, public and host keys by fingerprint; private keys are named only",
		Reference: "sshd(8), AUTHORIZED_KEYS and SSH_KNOWN_HOSTS FILE FORMAT; RFC 4253 section 6.6; OpenSSH PROTOCOL.key",
		Detect: func(head []byte) bool {
			line := firstLine(head)
			return publicKey.MatchString(line) || privateKey.MatchString(line)
		},
		Named: func(path string) bool {
			return strings.HasSuffix(path, "authorized_keys") || strings.HasSuffix(path, "authorized_keys2") || strings.HasSuffix(path, "known_hosts")
		},
		Parse: parseSSHKeys,
		Event: func(r *Record, e *event.Event) {
			eventConfig("configuration")(r, e)
			e.Str(event.Message, strings.Join(strings.Fields(r.Get("record")+" "+r.Get("type")+" "+r.Get("fingerprint")+" "+r.Get("comment")+" "+r.Get("host")), " "))
		},
		Samples: []string{"sample.authorized_keys", "sample.known_hosts", "sample.private_key"},
		Hostile: []string{"sample.authorized_keys @40=2a2a", "sample.known_hosts cut=80"},
	})
}

var (
	cronLine    = regexp.MustCompile(`^(@\w+|\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.+)$`)
	cronTimes   = regexp.MustCompile(`^(?:@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)|(?:[-*/,0-9A-Za-z~]+\s+){4}[-*/,0-9A-Za-z~]+)$`)
	cronSet     = regexp.MustCompile(`^\s*"?([A-Za-z_][A-Za-z0-9_]*)"?\s*=\s*(.*)$`)
	anacron     = regexp.MustCompile(`^(\d+|@\w+)\s+(\d+)\s+(\S+)\s+(.+)$`)
	unitFile    = regexp.MustCompile(`(?:/systemd/.*|^|/)[^/]+\.(?:service|timer|socket|path|mount|automount|target|slice|swap)(?:\.d/[^/]+\.conf)?$`)
	unitSection = regexp.MustCompile(`(?m)^\[(?:Unit|Service|Timer|Socket|Path|Mount|Automount|Slice|Swap|Install|D-BUS Service)\]\s*$`)
	publicKey   = regexp.MustCompile(`^(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) AAAA[A-Za-z0-9+/=]+`)
	anyKey      = regexp.MustCompile(`(?:^|\s)(ssh-(?:rsa|dss|ed25519)(?:-cert-v01@openssh\.com)?|ecdsa-sha2-nistp\d+|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) ([A-Za-z0-9+/=]+)(?:\s+(.*))?$`)
	privateKey  = regexp.MustCompile(`^-----BEGIN ((?:OPENSSH|RSA|DSA|EC|ENCRYPTED)? ?PRIVATE KEY)-----$`)
)

func parseCron(in Input, emit func(*Record) error, problem func(Problem)) error {
	path := strings.ToLower(strings.ReplaceAll(in.Path, "\\", "/"))
	owner := "" // whose it is; the system's has a column for the user
	if i := strings.Index(path, "/spool/cron/"); i >= 0 {
		owner = in.Path[strings.LastIndexAny(in.Path, `/\`)+1:]
	}
	return eachSetting(in, func(off int64, line string) error {
		r := record("job", 0)
		r.Offset = off
		if m := cronSet.FindStringSubmatch(line); m != nil {
			r.Fields[0].Value = "variable"
			r.add("name", m[1])
			r.add("text", masked(m[1]+"="+m[2]))
			return emit(r)
		}
		if m := anacron.FindStringSubmatch(line); m != nil && strings.Contains(path, "anacron") {
			r.add("schedule", m[1]+" days, delay "+m[2]+" min")
			r.add("name", m[3])
			r.add("user", "root")
			r.add("command", masked(m[4]))
			return emit(r)
		}
		m := cronLine.FindStringSubmatch(line)
		if m == nil || !cronTimes.MatchString(m[1]) {
			problem(Problem{off, "the line is none of a crontab"})
			return nil
		}
		user, command := owner, m[2]
		if owner == "" {
			user, command, _ = strings.Cut(m[2], " ")
			if i := strings.IndexAny(m[2], " \t"); i >= 0 {
				user, command = m[2][:i], strings.TrimLeft(m[2][i:], " \t")
			}
		}
		r.add("schedule", strings.Join(strings.Fields(m[1]), " "))
		r.add("user", user)
		r.add("command", masked(command))
		return emit(r)
	}, problem)
}

func parseUnit(in Input, emit func(*Record) error, problem func(Problem)) error {
	r := record("unit", 0)
	r.add("name", in.Path[strings.LastIndexAny(in.Path, `/\`)+1:])
	section := ""
	err := eachSetting(in, func(off int64, line string) error {
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = line[1 : len(line)-1]
			return nil
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			problem(Problem{off, "the line is none of a unit"})
			return nil
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if len(r.Fields) >= maxData {
			problem(Problem{off, "the unit has too many settings; the rest is not read"})
			return nil
		}
		switch key {
		case "ExecStart":
			if r.Get("command") == "" {
				r.add("command", masked(value))
			}
		case "User":
			r.add("user", value)
		case "Environment":
			value = masked(value)
		}
		r.add(section+"."+key, masked(value))
		return nil
	}, problem)
	if err != nil {
		return err
	}
	return emit(r)
}

func parseSSHKeys(in Input, emit func(*Record) error, problem func(Problem)) error {
	known := strings.Contains(in.Path, "known_hosts")
	private := false
	return eachLine(in, func(off int64, line string) error {
		r := record("public_key", 0)
		r.Offset = off
		switch {
		case strings.HasPrefix(line, "-----END"):
			private = false
			return nil
		case private || strings.HasPrefix(line, "#"):
			return nil
		case privateKey.MatchString(line):
			private = true
			r.Fields[0].Value = "private_key"
			r.add("type", strings.ToLower(privateKey.FindStringSubmatch(line)[1]))
			return emit(r)
		}
		m := anyKey.FindStringSubmatchIndex(line)
		if m == nil {
			problem(Problem{off, "the line holds no key"})
			return nil
		}
		b, err := base64.StdEncoding.DecodeString(line[m[4]:m[5]])
		kind := line[m[2]:m[3]]
		if err != nil || len(b) < 4 || int64(binary.BigEndian.Uint32(b)) > int64(len(b)-4) || string(b[4:4+binary.BigEndian.Uint32(b)]) != kind {
			problem(Problem{off, "the key is damaged: its data are no " + kind})
			return nil
		}
		sum := sha256.Sum256(b)
		r.add("type", kind)
		r.add("fingerprint", "SHA256:"+base64.RawStdEncoding.EncodeToString(sum[:]))
		before := strings.TrimSpace(line[:m[2]])
		switch {
		case known:
			r.Fields[0].Value = "known_host"
			if strings.HasPrefix(before, "|1|") {
				r.add("hashed", "yes")
			}
			r.add("host", before)
		case strings.Contains(in.Path, "authorized_keys"):
			r.Fields[0].Value = "authorized_key"
			r.add("options", before)
		}
		if m[6] >= 0 {
			r.add("comment", strings.TrimSpace(line[m[6]:m[7]]))
		}
		if rest, ok := strings.CutPrefix(in.Path, "/home/"); ok {
			user, _, _ := strings.Cut(rest, "/")
			r.add("user", user)
		} else if strings.HasPrefix(in.Path, "/root/") {
			r.add("user", "root")
		}
		return emit(r)
	}, problem)
}
