package artifact

import (
	"mime"
	"net/mail"
	"regexp"
	"strconv"
	"strings"

	"saksi/event"
)

// Mail boxes of the form mbox: the headers of each message, and the names of
// what is attached; bodies are not given.

func init() {
	register(Format{
		Name:      "mbox",
		Doc:       "mail boxes of the form mbox (mboxo, mboxrd): headers of each message, its size, and the names of what is attached",
		Reference: "RFC 4155; RFC 5322; RFC 2047",
		Detect:    func(head []byte) bool { return mboxFrom.MatchString(firstLine(head)) },
		Parse:     parseMbox,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "mail")
			e.Str(event.EventCategory, "email")
			e.Str(event.EventType, "info")
			for _, f := range []struct {
				name string
				to   event.Field
			}{{"from", event.EmailFromAddress}, {"to", event.EmailToAddress}} {
				if list, err := mail.ParseAddressList(r.Get(f.name)); err == nil {
					for i, a := range list {
						if i == 64 {
							e.Str(event.SaksiTruncated, f.to.Name())
							break
						}
						e.Str(f.to, a.Address)
					}
				} else {
					e.Str(f.to, r.Get(f.name))
				}
			}
			e.Str(event.EmailSubject, r.Get("subject"))
			e.Str(event.EmailMessageID, strings.Trim(r.Get("message-id"), "<>"))
			e.Str(event.Message, "mail "+r.Get("subject"))
			putData(r, e)
		},
		Samples: []string{"sample.mbox"},
		Hostile: []string{"sample.mbox @100=0a3a3a0a", "sample.mbox @291=ff3f3f"},
	})
}

var (
	mboxFrom   = regexp.MustCompile(`^From \S.* (?:[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d(?::\d\d)?(?: [A-Z+-]\S*)? \d{4}).*$`)
	attachName = regexp.MustCompile(`(?i)\b(?:file)?name\*?=("[^"]*"|[^;\s]+)`)
)

// mailHeaders are the headers that are told.
var mailHeaders = map[string]bool{
	"from": true, "to": true, "cc": true, "bcc": true, "reply-to": true, "subject": true, "date": true, "message-id": true, "in-reply-to": true, "return-path": true,
	"received": true, "x-originating-ip": true, "x-mailer": true, "user-agent": true, "authentication-results": true, "list-id": true, "sender": true,
}

const maxAttached = 32

func parseMbox(in Input, emit func(*Record) error, problem func(Problem)) error {
	var r *Record
	inHead, last, attached, broken := false, -1, 0, false
	words := mime.WordDecoder{}
	give := func(end int64) error {
		if r == nil {
			return nil
		}
		for i := 1; i < len(r.Fields); i++ {
			if s, err := words.DecodeHeader(r.Fields[i].Value); err == nil {
				r.Fields[i].Value = strings.ToValidUTF8(s, "\uFFFD")
			}
		}
		if t, err := mail.ParseDate(r.Get("date")); err == nil {
			r.Time = nanos(t)
		} else {
			problem(Problem{r.Offset, "the message has no date that can be read"})
		}
		r.add("size", strconv.FormatInt(end-r.Offset, 10))
		return emit(r)
	}
	empty := true // the line before
	end := int64(0)
	err := eachAny(in, func(off int64, line string) error {
		end = off + int64(len(line)) + 1
		if empty && mboxFrom.MatchString(line) {
			if err := give(off); err != nil {
				return err
			}
			r, inHead, last, attached, broken, empty = record("message", 0), true, -1, 0, false, false
			r.Offset = off
			return nil
		}
		empty = line == ""
		switch {
		case r == nil:
			return nil
		case inHead && line == "":
			inHead = false
		case inHead && (line[0] == ' ' || line[0] == '\t'):
			if last >= 0 && len(r.Fields[last].Value) < maxLine {
				r.Fields[last].Value += " " + strings.TrimSpace(line)
			}
		case inHead:
			name, value, ok := strings.Cut(line, ":")
			if !ok || name == "" || strings.ContainsAny(name, " \t") {
				if !broken {
					problem(Problem{off, "the line is no header"})
				}
				broken = true
				return nil
			}
			if last = -1; mailHeaders[strings.ToLower(name)] && len(r.Fields) < 200 {
				last = len(r.Fields)
				r.Fields = append(r.Fields, Field{strings.ToLower(name), strings.TrimSpace(value)})
			}
		case attached < maxAttached:
			if m := attachName.FindStringSubmatch(line); m != nil && (strings.HasPrefix(line, "Content-") || line[0] == ' ' || line[0] == '\t') {
				if n := strings.Trim(m[1], `"`); len(r.Fields) < 300 && r.Fields[len(r.Fields)-1] != (Field{"attached", n}) {
					attached++
					r.add("attached", n)
				}
			}
		}
		return nil
	}, problem)
	if err != nil {
		return err
	}
	return give(min(end, in.Size))
}
