package artifact

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"saksi/event"
	"saksi/rules/sigma"
)

// Logs of web servers: the Common and Combined Log Format of Apache and nginx,
// and the W3C Extended Log Format of IIS and others.

func init() {
	register(Format{
		Name:      "weblog",
		Doc:       "access logs of web servers in the Common and Combined Log Format (Apache, nginx, a virtual host before it or not)",
		Reference: "Apache mod_log_config, Common and Combined Log Format; nginx ngx_http_log_module",
		Detect:    func(head []byte) bool { return commonLog.MatchString(firstLine(head)) },
		Parse:     parseCommonLog,
		Event:     eventWeb,
		Log:       sourcesWeb,
		Samples:   []string{"../capture/demo.access.log", "sample.access.log"},
		Hostile:   []string{"sample.access.log @40=0a0a00", "sample.access.log cut=60"},
	})
	register(Format{
		Name:      "w3clog",
		Doc:       "access logs in the W3C Extended Log Format, as IIS writes them; times are UTC, as IIS sets them",
		Reference: "W3C WD-logfile-960323; IIS, W3C logging",
		Detect: func(head []byte) bool {
			return strings.HasPrefix(firstLine(head), "#Software: Microsoft Internet Information") || strings.HasPrefix(firstLine(head), "#") && strings.Contains(string(head), "\n#Fields: ") && !isWindowsFirewall(head)
		},
		Parse:   parseW3C,
		Event:   eventWeb,
		Log:     sourcesWeb,
		Samples: []string{"sample.w3c.log"},
		Hostile: []string{"sample.w3c.log @110=20", "sample.w3c.log cut=420"},
	})
}

var commonLog = regexp.MustCompile(`^(?:(\S+?:\d+) )?(\S+) (\S+) (.{1,256}?) \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?`)

// sourcesWeb: the fields have the names of Sigma's category webserver.
func sourcesWeb(*Record) ([]sigma.Source, []sigma.Alias) {
	return []sigma.Source{{Category: "webserver"}}, nil
}

func parseCommonLog(in Input, emit func(*Record) error, problem func(Problem)) error {
	return eachLine(in, func(off int64, line string) error {
		m := commonLog.FindStringSubmatch(line)
		if m == nil {
			problem(Problem{off, "the line is none of the Common Log Format"})
			return nil
		}
		r := &Record{Offset: off, Header: 0}
		if t, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[5]); err == nil {
			r.Time = nanos(t)
		} else {
			problem(Problem{off, "the time " + strconv.Quote(m[5]) + " is none; the record has none"})
		}
		dash := func(s string) string {
			if s == "-" {
				return ""
			}
			return s
		}
		r.add("c-ip", m[2])
		r.add("cs-username", dash(m[4]))
		method, rest, _ := strings.Cut(m[6], " ")
		uri, version := rest, ""
		if i := strings.LastIndex(rest, " HTTP/"); i >= 0 {
			uri, version = rest[:i], rest[i+6:]
		}
		stem, query, _ := strings.Cut(uri, "?")
		r.add("cs-method", method)
		r.add("c-uri", uri)
		r.add("cs-uri-stem", stem)
		r.add("cs-uri-query", query)
		r.add("cs-version", version)
		r.add("sc-status", dash(m[7]))
		r.add("sc-bytes", dash(m[8]))
		r.add("cs-referer", dash(m[9]))
		r.add("cs-user-agent", dash(m[10]))
		r.add("cs-host", m[1])
		r.add("time", m[5])
		return emit(r)
	}, problem)
}

// w3cNames are Sigma's names of fields that IIS writes in another way.
var w3cNames = map[string]string{"cs(user-agent)": "cs-user-agent", "cs(referer)": "cs-referer", "cs(host)": "cs-host", "cs(cookie)": ""}

func parseW3C(in Input, emit func(*Record) error, problem func(Problem)) error {
	var fields []string
	day := ""
	return eachLine(in, func(off int64, line string) error {
		if strings.HasPrefix(line, "#") {
			if rest, ok := strings.CutPrefix(line, "#Fields:"); ok {
				fields = strings.Fields(strings.ToLower(rest))
			}
			if rest, ok := strings.CutPrefix(line, "#Date:"); ok {
				day, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
			}
			return nil
		}
		values := strings.Fields(line)
		if len(fields) == 0 || len(values) != len(fields) {
			problem(Problem{off, "the line has " + strconv.Itoa(len(values)) + " values, #Fields names " + strconv.Itoa(len(fields))})
			return nil
		}
		r := &Record{Offset: off}
		date, clock := day, ""
		stem, query := "", ""
		for i, name := range fields {
			v := values[i]
			if v == "-" {
				continue
			}
			switch name {
			case "date":
				date = v
			case "time":
				clock = v
			case "cs-uri-stem":
				stem = v
			case "cs-uri-query":
				query = v
			}
			if n, ok := w3cNames[name]; ok {
				if name = n; name == "" { // cookies are secrets
					continue
				}
				v = strings.ReplaceAll(v, "+", " ")
			}
			r.add(name, v)
		}
		if query != "" {
			r.add("c-uri", stem+"?"+query)
		} else {
			r.add("c-uri", stem)
		}
		if t, err := time.Parse("2006-01-02 15:04:05", date+" "+clock); err == nil {
			r.Time = nanos(t)
		} else {
			problem(Problem{off, "the time " + strconv.Quote(date+" "+clock) + " is none; the record has none"})
		}
		return emit(r)
	}, problem)
}

func eventWeb(r *Record, e *event.Event) {
	e.Str(event.EventModule, "web")
	e.Str(event.EventCategory, "web")
	e.Str(event.EventType, "access")
	status := r.Get("sc-status")
	if n, err := strconv.Atoi(status); err == nil {
		e.Int(event.HTTPResponseStatusCode, int64(n))
		if n < 400 {
			e.Str(event.EventOutcome, "success")
		} else {
			e.Str(event.EventOutcome, "failure")
		}
	}
	if a, err := netip.ParseAddr(r.Get("c-ip")); err == nil {
		e.Addr(event.SourceIP, a)
	}
	e.Str(event.SourceAddress, r.Get("c-ip"))
	e.Str(event.HTTPRequestMethod, r.Get("cs-method"))
	e.Str(event.HTTPVersion, r.Get("cs-version"))
	e.Str(event.URLOriginal, r.Get("c-uri"))
	e.Str(event.URLPath, r.Get("cs-uri-stem"))
	e.Str(event.URLQuery, r.Get("cs-uri-query"))
	e.Str(event.HTTPRequestReferrer, r.Get("cs-referer"))
	e.Str(event.UserAgentOriginal, r.Get("cs-user-agent"))
	e.Str(event.UserName, r.Get("cs-username"))
	putNumber(e, event.HTTPResponseBytes, r.Get("sc-bytes"))
	e.Str(event.Message, strings.TrimSpace(r.Get("cs-method")+" "+r.Get("c-uri")+" "+status))
	putData(r, e)
}
