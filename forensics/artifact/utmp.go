package artifact

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"saksi/event"
	"saksi/rules/sigma"
)

// Logins of Linux: utmp, wtmp and btmp, which share their records of 384 bytes
// (x86, x86-64, arm, arm64 with a 32-bit time; both byte orders), and lastlog, a
// record of 292 bytes a user number.

func init() {
	register(Format{
		Name:      "utmp",
		Doc:       "utmp, wtmp and btmp of Linux: logins, failed logins (btmp, by its name), logouts, boots, changes of run level and clock",
		Reference: "utmp(5); glibc bits/utmp.h",
		Detect:    detectUtmp,
		Parse:     parseUtmp,
		Event:     eventUtmp("linux"),
		Log: func(*Record) ([]sigma.Source, []sigma.Alias) {
			return []sigma.Source{{Product: "linux", Service: "auth"}}, nil
		},
		Samples: []string{"sample.wtmp"},
		Hostile: []string{"sample.wtmp cut=700", "sample.wtmp @384=ffff"},
	})
	register(Format{
		Name:      "lastlog",
		Doc:       "lastlog of Linux: the last login of each user number, with terminal and host",
		Reference: "lastlog(8); glibc bits/utmp.h, struct lastlog",
		Detect:    func([]byte) bool { return false },
		Named: func(path string) bool {
			return strings.HasSuffix(path, "/log/lastlog") || strings.HasSuffix(path, ".lastlog")
		},
		Parse: parseLastlog,
		Event: eventUtmp("linux"),
		Log: func(*Record) ([]sigma.Source, []sigma.Alias) {
			return []sigma.Source{{Product: "linux", Service: "auth"}}, nil
		},
		Samples: []string{"sample.lastlog"},
		Hostile: []string{"sample.lastlog cut=300", "sample.lastlog cut=100"},
	})
}

const (
	utmpSize    = 384
	lastlogSize = 292
)

// utmpTypes are ut_type.
var utmpTypes = [...]string{"empty", "run_level", "boot", "new_time", "old_time", "init", "login_process", "user", "dead", "accounting"}

// utmpOrder tells the byte order of a record that may be one, or nil.
func utmpOrder(b []byte) binary.ByteOrder {
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		kind, sec, usec := o.Uint16(b), o.Uint32(b[340:]), o.Uint32(b[344:])
		if int(kind) < len(utmpTypes) && usec < 1_000_000 && (kind == 0 || sec > 315_532_800) { // after 1980
			return o
		}
	}
	return nil
}

func cstring(b []byte) (string, bool) {
	s, rest, _ := strings.Cut(string(b), "\x00")
	return strings.ToValidUTF8(s, "\uFFFD"), strings.Trim(rest, "\x00") == ""
}

func detectUtmp(head []byte) bool {
	n := 0
	for ; len(head) >= utmpSize; head, n = head[utmpSize:], n+1 {
		o := utmpOrder(head)
		if o == nil {
			return false
		}
		line, clean := cstring(head[8:40])
		if strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 || r > 0x7e }) || !clean {
			return false
		}
		if kind := o.Uint16(head); n == 0 && kind == 0 {
			return false // zeros are anything
		}
	}
	return n > 0
}

func parseUtmp(in Input, emit func(*Record) error, problem func(Problem)) error {
	path := strings.ToLower(in.Path)
	failed := strings.Contains(path[strings.LastIndexAny(path, `/\`)+1:], "btmp")
	b := make([]byte, utmpSize)
	for off := int64(0); off < in.Size; off += utmpSize {
		if in.Size-off < utmpSize {
			problem(Problem{off, fmt.Sprintf("the last record has %d of %d bytes", in.Size-off, utmpSize)})
			return nil
		}
		if _, err := in.ReadAt(b, off); err != nil {
			return fmt.Errorf("reading a login at offset %d: %w", off, err)
		}
		o := utmpOrder(b)
		if o == nil {
			problem(Problem{off, fmt.Sprintf("it is no record of a login: its type is %d", binary.LittleEndian.Uint16(b))})
			continue
		}
		kind := utmpTypes[o.Uint16(b)]
		if kind == "empty" && o.Uint32(b[340:]) == 0 {
			continue
		}
		if failed && (kind == "user" || kind == "login_process") {
			kind = "failed_login"
		}
		r := record(kind, nanos(time.Unix(int64(o.Uint32(b[340:])), int64(o.Uint32(b[344:]))*1000)))
		r.Offset = off
		line, _ := cstring(b[8:40])
		user, _ := cstring(b[44:76])
		host, _ := cstring(b[76:332])
		r.add("user", user)
		r.add("line", line)
		r.add("host", host)
		r.add("pid", strconv.Itoa(int(int32(o.Uint32(b[4:])))))
		if s := int32(o.Uint32(b[336:])); s != 0 {
			r.add("session", strconv.Itoa(int(s)))
		}
		r.add("address", utmpAddress(b[348:364]))
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// utmpAddress is ut_addr_v6, in network order; IPv4 fills the first four bytes.
func utmpAddress(b []byte) string {
	var a [16]byte
	copy(a[:], b)
	if a == [16]byte{} {
		return ""
	}
	if [12]byte(a[4:]) == [12]byte{} {
		return netip.AddrFrom4([4]byte(a[:4])).String()
	}
	return netip.AddrFrom16(a).Unmap().String()
}

func parseLastlog(in Input, emit func(*Record) error, problem func(Problem)) error {
	const most = 1 << 30 // the file is mostly holes; user numbers beyond are told
	b := make([]byte, lastlogSize)
	for off := int64(0); off < in.Size; off += lastlogSize {
		if off > most {
			problem(Problem{off, "user numbers beyond this offset are not read"})
			return nil
		}
		if in.Size-off < lastlogSize {
			problem(Problem{off, fmt.Sprintf("the last record has %d of %d bytes", in.Size-off, lastlogSize)})
			return nil
		}
		if _, err := in.ReadAt(b, off); err != nil {
			return fmt.Errorf("reading a login at offset %d: %w", off, err)
		}
		sec := binary.LittleEndian.Uint32(b)
		if sec == 0 {
			continue
		}
		r := record("last_login", int64(sec)*1e9)
		r.Offset = off
		line, _ := cstring(b[4:36])
		host, _ := cstring(b[36:])
		r.add("uid", strconv.FormatInt(off/lastlogSize, 10))
		r.add("line", line)
		r.add("host", host)
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// eventUtmp tells of a login to a system.
func eventUtmp(system string) func(r *Record, e *event.Event) {
	return func(r *Record, e *event.Event) {
		kind := r.Get("record")
		e.Str(event.EventModule, system)
		e.Str(event.HostOSType, system)
		category, typ := "host", "info"
		switch kind {
		case "user", "last_login":
			category, typ = "authentication", "start"
			e.Str(event.EventOutcome, "success")
		case "failed_login":
			category, typ = "authentication", "start"
			e.Str(event.EventOutcome, "failure")
		case "dead":
			category, typ = "session", "end"
		case "boot":
			typ = "start"
		}
		e.Str(event.EventCategory, category)
		e.Str(event.EventType, typ)
		e.Str(event.EventAction, strings.ReplaceAll(kind, "_", "-"))
		e.Str(event.UserName, r.Get("user"))
		e.Str(event.UserID, r.Get("uid"))
		putNumber(e, event.ProcessPID, r.Get("pid"))
		host := r.Get("host")
		for _, s := range []string{r.Get("address"), host} {
			if a, err := netip.ParseAddr(s); err == nil {
				e.Addr(event.SourceIP, a)
				break
			}
		}
		if kind != "boot" && kind != "run_level" { // there it is the kernel
			e.Str(event.SourceAddress, host)
		}
		e.Str(event.Message, strings.TrimSpace(kind+" "+r.Get("user")+" "+r.Get("line")+" "+host))
		putData(r, e)
	}
}
