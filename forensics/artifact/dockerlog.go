package artifact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"saksi/event"
)

// Logs of containers as Docker's driver json-file writes them: an object a line.

func init() {
	register(Format{
		Name:      "docker-log",
		Doc:       "logs of containers by Docker's driver json-file: a line of output each, with its stream and time; the container by the file's path",
		Reference: "Docker documentation, JSON File logging driver; moby daemon/logger/jsonfilelog/jsonlog",
		Detect: func(head []byte) bool {
			line, _, _ := bytes.Cut(head, []byte("\n"))
			return bytes.HasPrefix(line, []byte(`{"log":"`)) && bytes.Contains(line, []byte(`"stream":"`)) && bytes.Contains(line, []byte(`"time":"`))
		},
		Parse: parseDocker,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "docker")
			e.Str(event.EventCategory, "host")
			e.Str(event.EventType, "info")
			e.Str(event.ContainerID, r.Get("container"))
			e.Str(event.Message, r.Get("log"))
			putData(r, e)
		},
		Samples: []string{"sample.docker-json.log"},
		Hostile: []string{"sample.docker-json.log cut=100", "sample.docker-json.log @100=ff0aff"},
	})
}

func parseDocker(in Input, emit func(*Record) error, problem func(Problem)) error {
	container := ""
	for _, part := range strings.Split(strings.ReplaceAll(in.Path, "\\", "/"), "/") {
		if len(part) == 64 && strings.Trim(part, "0123456789abcdef") == "" {
			container = part
		}
	}
	return eachRaw(in, func(off int64, line []byte) error {
		var l struct {
			Log, Stream, Time string
			Attrs             map[string]string
		}
		if err := json.Unmarshal(line, &l); err != nil {
			problem(Problem{off, "the line is no JSON: " + err.Error()})
			return nil
		}
		r := record("output", 0)
		r.Offset = off
		t, err := time.Parse(time.RFC3339Nano, l.Time)
		if err != nil {
			problem(Problem{off, "the time is none of RFC 3339; the record has none"})
		} else {
			r.Time = nanos(t)
		}
		r.add("log", strings.TrimRight(strings.ToValidUTF8(l.Log, "\uFFFD"), "\r\n"))
		r.add("stream", l.Stream)
		r.add("container", container)
		names := make([]string, 0, len(l.Attrs))
		for n := range l.Attrs {
			names = append(names, n)
		}
		slices.Sort(names)
		for _, n := range names {
			r.add("attr."+n, l.Attrs[n])
		}
		return emit(r)
	}, problem)
}
