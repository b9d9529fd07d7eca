package artifact

import (
	"fmt"

	"saksi/event"
	"saksi/internal/sqlitefile"
)

// Databases of macOS: Safari's history, and what was downloaded by programs
// that set the quarantine flag. Times are seconds since 2001 in UTC.

func init() {
	for _, f := range []Format{
		{
			Name:      "safari",
			Doc:       "History.db of Safari: visits with address and title; the -wal beside is applied",
			Reference: "J. Metz, dtformats, Safari History.db",
			Probe:     hasTables("history_items", "history_visits"),
			Parse:     parseSafari,
			Event:     eventBrowser("safari"),
			Samples:   []string{"safari-history.sqlite"},
			Hostile:   []string{"safari-history.sqlite cut=5000", "safari-history.sqlite @105=ffffffff"},
		},
		{
			Name:      "quarantine",
			Doc:       "quarantine events of macOS: what was downloaded, by which program, from where and when; those deleted that are still there too",
			Reference: "J. Metz, dtformats, LSQuarantineEvents database",
			Probe:     hasTables("LSQuarantineEvent"),
			Parse:     parseQuarantine,
			Event: func(r *Record, e *event.Event) {
				eventBrowser("macos")(r, e)
				e.Str(event.HostOSType, "macos")
				e.Str(event.ProcessName, r.Get("agent"))
			},
			Samples: []string{"quarantine.sqlite"},
			Hostile: []string{"quarantine.sqlite cut=5000", "quarantine.sqlite @105=ffffffff"},
		},
	} {
		f.Detect, f.Beside = isSQLite, []string{"-wal", "-journal"}
		register(f)
	}
}

func parseSafari(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	items, err := d.pages("history_items")
	if err != nil {
		return err
	}
	return d.rows("history_visits", func(r *sqlitefile.Row) *Record {
		rec := record("visit", cocoaTime(r.Float("visit_time")))
		items.add(rec, r.Int("history_item"))
		rec.add("title", r.Text("title"))
		if n := r.Int("redirect_source"); n != 0 {
			rec.add("from_visit", fmt.Sprint(n))
		}
		return rec
	})
}

func parseQuarantine(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	one := func(r *sqlitefile.Row) *Record {
		rec := record("quarantine", cocoaTime(r.Float("lsquarantinetimestamp")))
		rec.add("url", r.Text("lsquarantinedataurlstring"))
		rec.add("referrer", r.Text("lsquarantineoriginurlstring"))
		rec.add("title", r.Text("lsquarantineorigintitle"))
		rec.add("agent", r.Text("lsquarantineagentname"))
		rec.add("bundle", r.Text("lsquarantineagentbundleidentifier"))
		rec.add("sender", r.Text("lsquarantinesendername"))
		rec.add("sender_address", r.Text("lsquarantinesenderaddress"))
		rec.add("id", r.Text("lsquarantineeventidentifier"))
		return rec
	}
	if err := d.rows("LSQuarantineEvent", one); err != nil {
		return err
	}
	return d.deleted("LSQuarantineEvent", func(r *sqlitefile.Row) bool {
		return len(r.Text("lsquarantineeventidentifier")) == 36 && cocoaTime(r.Float("lsquarantinetimestamp")) != 0
	}, one)
}
