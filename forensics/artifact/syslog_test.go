package artifact_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
)

// parsed gives the events of a log in text, and how many problems were told.
func parsed(t *testing.T, format, text string, year int) (events []*event.Event, times []string, problems int) {
	t.Helper()
	formats := artifact.Formats()
	f := formats[slices.IndexFunc(formats, func(f artifact.Format) bool { return f.Name == format })]
	in := artifact.Input{ReaderAt: bytes.NewReader([]byte(text)), Size: int64(len(text)), Year: year}
	err := f.Parse(in, func(r *artifact.Record) error {
		e := new(event.Event)
		f.Event(r, e)
		events = append(events, e)
		s := "none"
		if r.Time != 0 {
			s = time.Unix(0, r.Time).UTC().Format(time.DateTime)
		}
		times = append(times, s)
		return nil
	}, func(artifact.Problem) { problems++ })
	if err != nil {
		t.Fatal(err)
	}
	return events, times, problems
}

// TestSyslogTime proves the year that a time without one gets, and that a time
// that can't be held is told.
func TestSyslogTime(t *testing.T) {
	for _, c := range []struct {
		year        int
		times, want string
		problems    int
	}{
		{2024, "Dec 31 23:59:58,Jan  1 00:00:00,Dec 31 23:59:59,Jan  1 00:00:01", "2024-12-31 23:59:58,2025-01-01 00:00:00,2024-12-31 23:59:59,2025-01-01 00:00:01", 0},
		{2024, "Jan  1 00:00:00,Dec 31 23:59:59,Mar  1 00:00:00", "2024-01-01 00:00:00,2023-12-31 23:59:59,2024-03-01 00:00:00", 0},
		{2024, "Jan 10 00:00:00,Sep 10 00:00:00,Jan 10 00:00:00", "2024-01-10 00:00:00,2024-09-10 00:00:00,2025-01-10 00:00:00", 0},
		{2023, "Dec 31 00:00:00,Feb 29 00:00:00", "2023-12-31 00:00:00,2024-02-29 00:00:00", 0},
		{2025, "Feb 29 00:00:00,Feb 28 00:00:00,Feb 29 00:00:00", "none,2025-02-28 00:00:00,none", 0},
		{0, "Feb 28 00:00:00", "none", 0},
		{0, "9999-01-01T00:00:00Z,0001-01-01T00:00:00Z,2261-12-31T23:59:59Z,1678-01-01T00:00:00Z", "none,none,2261-12-31 23:59:59,1678-01-01 00:00:00", 2},
	} {
		var text string
		for s := range strings.SplitSeq(c.times, ",") {
			text += s + " host cron: x\n"
		}
		_, times, problems := parsed(t, "syslog", text, c.year)
		if got := strings.Join(times, ","); got != c.want || problems != c.problems {
			t.Errorf("%s of %d: %s and %d problems", c.times, c.year, got, problems)
		}
	}
}

// TestSyslogUser proves that a user's name is no address.
func TestSyslogUser(t *testing.T) {
	for message, want := range map[string]string{
		"Failed password for invalid user root from 8.8.8.8 port 1 from 6.6.6.6 port 4444 ssh2":                             "root from 8.8.8.8 port 1|6.6.6.6|4444",
		"Invalid user root from 8.8.8.8 port 1 ssh2:  from 6.6.6.6 port 4444":                                               "root from 8.8.8.8 port 1 ssh2: |6.6.6.6|4444",
		"Connection closed by invalid user for root from 8.8.8.8 port 1 ssh2: 6.6.6.6 port 4444 [preauth]":                  "||0",
		"Received disconnect from 6.6.6.6 port 4444:11: for root from 8.8.8.8 port 1":                                       "||0",
		"Failed password for root from 6.6.6.6 port 4444 ssh2":                                                              "root|6.6.6.6|4444",
		"Failed password for invalid user  from 6.6.6.6 port 4444 ssh2":                                                     "|6.6.6.6|4444",
		"Accepted publickey for nurul from 2001:db8::17 port 5 ssh2: RSA-CERT SHA256:x ID nurul (serial 0) CA RSA SHA256:y": "nurul|2001:db8::17|5",
		"Postponed keyboard-interactive/pam for invalid user x from 6.6.6.6 port 4444 ssh2 [preauth]":                       "x|6.6.6.6|4444",
		"error: maximum authentication attempts exceeded for root from 6.6.6.6 port 4444 ssh2 [preauth]":                    "root|6.6.6.6|4444",
		"Disconnecting: Too many authentication failures for root from 6.6.6.6 port 4444 ssh2 [preauth]":                    "root|6.6.6.6|4444",
		"message repeated 2 times: [ Failed password for root from 6.6.6.6 port 4444 ssh2]":                                 "root|6.6.6.6|4444",
		"Starting session: shell on pts/0 for nurul from 6.6.6.6 port 4444 id 0":                                            "nurul|6.6.6.6|4444",
		"Close session: user nurul from 6.6.6.6 port 4444 id 0":                                                             "nurul|6.6.6.6|4444",
	} {
		events, _, _ := parsed(t, "syslog", "Jan  1 00:00:00 host sshd[1]: "+message+"\n", 2026)
		user, _ := events[0].GetStr(event.UserName)
		port, _ := events[0].GetInt(event.SourcePort)
		ip := ""
		if a, ok := events[0].GetAddr(event.SourceIP); ok {
			ip = a.String()
		}
		if got := fmt.Sprintf("%s|%s|%d", user, ip, port); got != want {
			t.Errorf("%s: %s", message, got)
		}
	}
}
