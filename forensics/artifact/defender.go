package artifact

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"saksi/event"
	"saksi/rules/sigma"
)

// MPLog of Microsoft Defender: what it found, blocked and looked at, which programs
// ran while it did, and what was excluded. It stays for weeks where event logs were
// cleared.

func init() {
	register(Format{
		Name:      "defender-log",
		Doc:       "MPLog-*.log of Microsoft Defender: detections, blocked files, suspicious command lines, programs with the file that took longest, digests of files that were asked for, exclusions; other lines are counted; secrets in command lines are masked; offsets within one in UTF-16 are those of its text in UTF-8",
		Reference: "Microsoft Learn, Performance analyzer and diagnostic data of Microsoft Defender Antivirus (MPLog); Intrinsec mplog_parser",
		Detect:    func(head []byte) bool { return mpLine.Match(mpText(head)) && mpSign.Match(mpText(head)) },
		Named: func(path string) bool {
			return strings.HasPrefix(base(path), "mplog-") && strings.HasSuffix(path, ".log")
		},
		Parse: parseMPLog,
		Event: eventMPLog,
		Log: func(r *Record) ([]sigma.Source, []sigma.Alias) {
			if kind := r.Get("record"); kind != "detection" && kind != "blocked" {
				return nil, nil
			}
			return []sigma.Source{{Category: "antivirus"}}, []sigma.Alias{{From: "threat", To: "Signature"}, {From: "path", To: "Filename"}}
		},
		Samples: []string{"sample.mplog.log"},
		Hostile: []string{"sample.mplog.log @12=39003900"},
	})
}

var (
	mpLine = regexp.MustCompile(`(?m)^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,7}Z?)\s+(.*)`)
	mpSign = regexp.MustCompile(`DETECTIONEVENT MPSOURCE_|DETECTION_ADD|ProcessImageName: |\[Mini-filter\]|\[RTP\]|\[Exclusion\]|SDN:Issuing SDN query|Engine:|MpServiceStart|Microsoft (?:Windows )?Defender|Signature updated`)
)

// mpForms are the lines that are told apart, each with its named parts as fields.
var mpForms = []struct {
	kind string
	re   *regexp.Regexp
}{
	{"detection", regexp.MustCompile(`^DETECTIONEVENT (?P<source>MPSOURCE_\S+) (?P<threat>\S+) (?P<resource>.*)$`)},
	{"detection", regexp.MustCompile(`^DETECTION_ADD\S*\s(?P<threat>\S+) (?P<resource>.*)$`)},
	{"blocked", regexp.MustCompile(`^\[Mini-filter\] Blocked file\S*: (?P<path>.+?)\.? Process: (?P<process>.+?), Status: (?P<status>[^,]+), .*?Reason: (?P<reason>[^,]+)`)},
	{"scan_failed", regexp.MustCompile(`^\[Mini-filter\] Unsuccessful scan status[^:]*: (?P<path>.+?)\.? Process: (?P<process>.+?), Status: (?P<status>[^,]+), .*?Reason: (?P<reason>[^,]+)`)},
	{"process", regexp.MustCompile(`^ProcessImageName: (?P<process>.+?), Pid: (?P<pid>\d+), TotalTime: (?P<total_time>\d+), Count: (?P<count>\d+), MaxTime: (?P<max_time>\d+), MaxTimeFile: (?P<path>.*?), EstimatedImpact: (?P<impact>\d+)%`)},
	{"digest", regexp.MustCompile(`^SDN:Issuing SDN query for (?P<path>.+?) \(.*?\) ?\(sha1=(?P<sha1>[0-9a-fA-F]{40}), sha2=(?P<sha256>[0-9a-fA-F]{64})`)},
	{"command", regexp.MustCompile(`^Engine:command line reported as (?P<verdict>threat|lowfi): (?P<process>.+?)\((?P<command>.*)\)\s*$`)},
	{"exclusion", regexp.MustCompile(`^\[Exclusion\] (?P<path>.+?) -> (?P<device_path>.+)$`)},
	{"original_name", regexp.MustCompile(`original file name "(?P<name>[^"]*)" for "(?P<path>[^"]*)"`)},
	{"memory_scan", regexp.MustCompile(`process: (?P<process>\S+) pid: (?P<pid>\d+), sigseq: (?P<signature>\w+)`)},
}

// mpText gives text of UTF-16 as UTF-8.
func mpText(b []byte) []byte {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) {
		return []byte(decodeUTF16(b))
	}
	return b
}

// maxMPLog bounds a log in UTF-16, in bytes.
const maxMPLog = 64 << 20

func parseMPLog(in Input, emit func(*Record) error, problem func(Problem)) error {
	mark := make([]byte, 2)
	if n, _ := in.ReadAt(mark, 0); n == 2 && string(mark) == "\xff\xfe" {
		if in.Size > maxMPLog {
			problem(Problem{maxMPLog, "what follows in the log is not read"})
		}
		b := make([]byte, min(in.Size, maxMPLog))
		if n, err := in.ReadAt(b, 0); n < len(b) {
			return fmt.Errorf("reading the log at offset %d: %w", n, err)
		}
		b = mpText(b)
		in.ReaderAt, in.Size = bytes.NewReader(b), int64(len(b))
	}
	found, left := false, 0
	err := eachLine(in, func(off int64, line string) error {
		m := mpLine.FindStringSubmatch(line)
		if m == nil { // it belongs to the line before, or to a table
			left++
			return nil
		}
		t, err := time.Parse("2006-01-02T15:04:05.9999999", strings.TrimSuffix(m[1], "Z"))
		if err != nil {
			problem(Problem{off, fmt.Sprintf("the time %.40q is none", m[1])})
			return nil
		}
		found = true
		for i := range mpForms {
			f := &mpForms[i]
			x := f.re.FindStringSubmatch(m[2])
			if x == nil {
				continue
			}
			r := record(f.kind, nanos(t))
			r.Offset = off
			for k, name := range f.re.SubexpNames() {
				if name != "" {
					r.add(name, psMasked(strings.TrimSpace(x[k])))
				}
			}
			if res := r.Get("resource"); res != "" {
				r.add("path", mpResource(res))
			}
			return emit(r)
		}
		left++
		return nil
	}, problem)
	switch {
	case err != nil:
		return err
	case !found:
		problem(Problem{0, "no line has a time of this log"})
	case left > 0: // of states and settings, which are many
		r := record("others", 0)
		r.add("lines", strconv.Itoa(left))
		return emit(r)
	}
	return nil
}

// mpResource is the first file of "file:C:\x.exe;process:pid:1".
func mpResource(s string) string {
	for _, part := range strings.Split(s, ";") {
		if p, ok := strings.CutPrefix(strings.TrimSpace(part), "file:"); ok {
			p, _, _ = strings.Cut(p, "->") // of an archive
			return p
		}
	}
	return ""
}

func eventMPLog(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	kind := r.Get("record")
	switch kind {
	case "detection", "blocked", "command":
		e.Str(event.EventCategory, "malware")
	case "process", "memory_scan":
		e.Str(event.EventCategory, "process")
	default:
		e.Str(event.EventCategory, "file")
	}
	e.Str(event.EventType, "info")
	e.Str(event.EventProvider, "Microsoft Defender")
	e.Str(event.EventAction, "defender-"+strings.ReplaceAll(kind, "_", "-"))
	if p := r.Get("path"); p != "" {
		e.Str(event.FilePath, p)
		e.Str(event.FileName, base(p))
	}
	e.Str(event.FileHashSHA1, strings.ToLower(r.Get("sha1")))
	e.Str(event.FileHashSHA256, strings.ToLower(r.Get("sha256")))
	e.Str(event.ProcessExecutable, r.Get("process"))
	e.Str(event.ProcessCommandLine, r.Get("command"))
	putNumber(e, event.ProcessPID, r.Get("pid"))
	what := firstOf(r.Get("command"), r.Get("resource"), r.Get("path"), r.Get("process"), r.Get("lines"))
	if threat := r.Get("threat"); threat != "" {
		what = threat + " " + what
	}
	e.Str(event.Message, kind+" "+what)
	putData(r, e)
}
