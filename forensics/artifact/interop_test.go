package artifact_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
)

// TestInteropStockReaders holds what is read to what the systems' own tools read:
// journalctl, utmpdump, sqlite3 and ssh-keygen.
func TestInteropStockReaders(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs journalctl, utmpdump, sqlite3 and ssh-keygen: SAKSI_INTEROP is not set (make interop)")
	}
	read := func(name string, line func(r *artifact.Record) string) (out []string) {
		if _, err := artifact.Read(context.Background(), filepath.Join(samples, name), options(t), func(r *artifact.Record, _ *event.Event) error {
			if s := line(r); s != "" {
				out = append(out, s)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	stock := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", name, args, err)
		}
		return string(out)
	}
	compare := func(what string, got, want []string) {
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s:\n%q\nthe stock reader gives\n%q", what, got, want)
		}
	}
	for _, name := range []string{"sample.journal", "sample-compact.journal"} {
		b, err := os.ReadFile(filepath.Join(samples, name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "a.journal")
		if err := os.WriteFile(path, append(b, make([]byte, 512<<10-len(b))...), 0o600); err != nil { // its arena, as it was
			t.Fatal(err)
		}
		var want []string
		for _, line := range strings.Split(strings.TrimSpace(stock("journalctl", "--file", path, "-o", "json")), "\n") {
			var doc map[string]string
			if err := json.Unmarshal([]byte(line), &doc); err != nil {
				t.Fatal(err)
			}
			want = append(want, doc["__REALTIME_TIMESTAMP"]+" "+doc["_HOSTNAME"]+" "+doc["SYSLOG_IDENTIFIER"]+" "+doc["_PID"]+" "+doc["MESSAGE"])
		}
		compare(name, read(name, func(r *artifact.Record) string {
			return fmt.Sprint(r.Time/1000, " ", r.Get("host"), " ", r.Get("program"), " ", r.Get("pid"), " ", r.Get("message"))
		}), want)
	}
	var want []string
	for _, line := range strings.Split(strings.TrimSpace(stock("utmpdump", filepath.Join(samples, "sample.wtmp"))), "\n") {
		var p []string // [type] [pid] [id] [user] [line] [host] [addr] [time]
		for _, f := range strings.Split(strings.Trim(line, "[]"), "] [") {
			p = append(p, strings.TrimSpace(f))
		}
		at, err := time.Parse("2006-01-02T15:04:05,000000-07:00", p[7])
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint(at.UnixMicro(), " ", strings.TrimLeft(p[1], "0"), " ", p[3], " ", p[4], " ", p[5]))
	}
	compare("wtmp", read("sample.wtmp", func(r *artifact.Record) string {
		return fmt.Sprint(r.Time/1000, " ", strings.TrimLeft(r.Get("pid"), "0"), " ", r.Get("user"), " ", r.Get("line"), " ", r.Get("host"))
	}), want)
	compare("History", read("chrome-history.sqlite", func(r *artifact.Record) string {
		if r.Get("record") != "visit" || r.Get("recovered") != "" {
			return ""
		}
		return fmt.Sprint(r.Time/1000, "|", r.Get("url"), "|", r.Get("title"))
	}), strings.Split(strings.TrimSpace(stock("sqlite3", filepath.Join(samples, "chrome-history.sqlite"),
		"SELECT visit_time-11644473600000000, urls.url, title FROM visits JOIN urls ON urls.id=visits.url ORDER BY visits.id")), "\n"))
	want = nil
	for _, line := range strings.Split(strings.TrimSpace(stock("ssh-keygen", "-l", "-f", filepath.Join(samples, "sample.authorized_keys"))), "\n") {
		want = append(want, strings.Fields(line)[1])
	}
	compare("authorized_keys", read("sample.authorized_keys", func(r *artifact.Record) string { return r.Get("fingerprint") }), want)
}
