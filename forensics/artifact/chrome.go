package artifact

import (
	"encoding/hex"
	"fmt"
	"strings"

	"saksi/internal/sqlitefile"
)

// Profiles of Chrome, Edge and all that is built on Chromium: History, Cookies
// and Login Data. Times are microseconds since 1601 in UTC. Values of cookies
// and passwords are never read out.

func init() {
	for _, f := range []Format{
		{
			Name:    "chrome",
			Doc:     "History of Chrome, Edge and other Chromium browsers: visits, addresses, searches and downloads, those deleted that are still there too; the -wal beside is applied",
			Probe:   hasTables("urls", "visits", "downloads"),
			Parse:   parseChromeHistory,
			Samples: []string{"chrome-history.sqlite"},
			Hostile: []string{"chrome-history.sqlite cut=30000", "chrome-history.sqlite @105=ffffffff", "chrome-history.sqlite @16=0000"},
		},
		{
			Name:    "chrome-cookies",
			Doc:     "Cookies of Chrome, Edge and other Chromium browsers: host, name, path and times; never values",
			Probe:   hasTables("cookies", "meta"),
			Parse:   parseChromeCookies,
			Samples: []string{"chrome-cookies.sqlite"},
			Hostile: []string{"chrome-cookies.sqlite cut=9000", "chrome-cookies.sqlite @105=ffffffff"},
		},
		{
			Name:    "chrome-logins",
			Doc:     "Login Data of Chrome, Edge and other Chromium browsers: site, user name and times of saved logins; never passwords",
			Probe:   hasTables("logins", "meta"),
			Parse:   parseChromeLogins,
			Samples: []string{"chrome-logins.sqlite"},
			Hostile: []string{"chrome-logins.sqlite cut=7000", "chrome-logins.sqlite @105=ffffffff"},
		},
	} {
		f.Detect, f.Event, f.Beside = isSQLite, eventBrowser("chrome"), []string{"-wal", "-journal"}
		f.Reference = "Chromium components/history/core/browser/*_database.cc, net/extras/sqlite/sqlite_persistent_cookie_store.cc, components/password_manager/core/browser/password_store/login_database.cc"
		register(f)
	}
}

// transitions are the core types of ui/base/page_transition_types.h.
var transitions = [...]string{"link", "typed", "auto_bookmark", "auto_subframe", "manual_subframe", "generated", "auto_toplevel", "form_submit", "reload", "keyword", "keyword_generated"}

var downloadStates = [...]string{"in_progress", "complete", "cancelled", "bug_140687", "interrupted"}

// browser tells which browser a profile is of by its path.
func (r *Record) browser(path string) {
	path = strings.ToLower(strings.ReplaceAll(path, "\\", "/"))
	for _, b := range [][2]string{{"/edge/", "Edge"}, {"/microsoft-edge/", "Edge"}, {"/google/chrome/", "Chrome"}, {"/google-chrome/", "Chrome"}, {"/brave-browser/", "Brave"}, {"/chromium/", "Chromium"}, {"/opera", "Opera"}, {"/vivaldi/", "Vivaldi"}} {
		if strings.Contains(path, b[0]) {
			r.add("browser", b[1])
			return
		}
	}
}

func parseChromeHistory(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	urls, err := d.pages("urls")
	if err != nil {
		return err
	}
	chains := map[int64]string{}
	if t := d.tables["downloads_url_chains"]; t != nil {
		err := d.Rows(t, func(r *sqlitefile.Row) error {
			if urls.bytes += len(r.Text("url")); urls.bytes >= maxPages {
				if !urls.full {
					urls.full = true
					problem(Problem{r.Offset, fmt.Sprintf("the addresses have more than %d bytes; the other downloads are told without theirs", maxPages)})
				}
				return nil
			}
			chains[r.Int("id")] = r.Text("url") // the last one is what was stored
			return nil
		})
		if err != nil {
			return err
		}
	}
	visited := map[int64]bool{}
	visit := func(r *sqlitefile.Row) *Record {
		rec := record("visit", webkitTime(r.Int("visit_time")))
		rec.browser(in.Path)
		urls.add(rec, r.Int("url"))
		if r.Where != "free space" {
			visited[r.Int("url")] = true
		}
		if t := r.Int("transition") & 0xff; t >= 0 && t < int64(len(transitions)) {
			rec.add("transition", transitions[t])
		}
		if n := r.Int("from_visit"); n != 0 {
			rec.add("from_visit", fmt.Sprint(n))
		}
		rec.add("referrer", r.Text("external_referrer_url"))
		if n := r.Int("visit_duration"); n > 0 {
			rec.add("duration_us", fmt.Sprint(n))
		}
		return rec
	}
	address := func(r *sqlitefile.Row) *Record {
		if r.Where != "free space" && visited[r.ID] {
			return nil // its visits say it
		}
		rec := record("url", webkitTime(r.Int("last_visit_time")))
		rec.browser(in.Path)
		rec.add("url", r.Text("url"))
		rec.add("title", r.Text("title"))
		rec.add("visits", r.Text("visit_count"))
		rec.add("typed", r.Text("typed_count"))
		return rec
	}
	download := func(r *sqlitefile.Row) *Record { return chromeDownload(in.Path, r, chains) }
	if err := d.rows("visits", visit); err != nil {
		return err
	}
	if err := d.rows("urls", address); err != nil {
		return err
	}
	if err := d.rows("keyword_search_terms", func(r *sqlitefile.Row) *Record {
		rec := record("search", 0)
		rec.browser(in.Path)
		urls.add(rec, r.Int("url_id"))
		rec.add("term", r.Text("term"))
		return rec
	}); err != nil {
		return err
	}
	if err := d.rows("downloads", download); err != nil {
		return err
	}
	recent := func(r *sqlitefile.Row, column string) bool {
		t := webkitTime(r.Int(column))
		return t > 946_684_800e9 && t < 4_102_444_800e9 // 2000 to 2100
	}
	if err := d.deleted("urls", func(r *sqlitefile.Row) bool { return plausibleURL(r.Text("url")) && recent(r, "last_visit_time") }, address); err != nil {
		return err
	}
	if err := d.deleted("downloads", func(r *sqlitefile.Row) bool { return r.Text("target_path") != "" && recent(r, "start_time") }, download); err != nil {
		return err
	}
	return d.deleted("visits", func(r *sqlitefile.Row) bool { return r.ID > 0 && r.Int("url") > 0 && recent(r, "visit_time") }, visit)
}

func chromeDownload(path string, r *sqlitefile.Row, chains map[int64]string) *Record {
	rec := record("download", webkitTime(r.Int("start_time")))
	rec.browser(path)
	rec.add("url", chains[r.ID])
	rec.add("path", firstOf(r.Text("target_path"), r.Text("full_path")))
	rec.add("referrer", r.Text("referrer"))
	rec.add("page", r.Text("tab_url"))
	rec.add("bytes", r.Text("received_bytes"))
	rec.add("mime_type", r.Text("mime_type"))
	if n := r.Int("state"); n >= 0 && n < int64(len(downloadStates)) {
		rec.add("state", downloadStates[n])
	}
	if n := r.Int("danger_type"); n != 0 {
		rec.add("danger_type", fmt.Sprint(n))
	}
	rec.add("ended", timeField(webkitTime(r.Int("end_time"))))
	if n := r.Int("opened"); n != 0 {
		rec.add("opened", "yes")
	}
	if h, ok := r.Get("hash").([]byte); ok && len(h) == 32 {
		rec.add("sha256", hex.EncodeToString(h))
	}
	return rec
}

func parseChromeCookies(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	return d.rows("cookies", func(r *sqlitefile.Row) *Record {
		rec := record("cookie", webkitTime(r.Int("creation_utc")))
		rec.browser(in.Path)
		rec.add("host", r.Text("host_key"))
		rec.add("name", r.Text("name"))
		rec.add("path", r.Text("path"))
		rec.add("accessed", timeField(webkitTime(r.Int("last_access_utc"))))
		rec.add("expires", timeField(webkitTime(r.Int("expires_utc"))))
		rec.flags(r, "is_secure", "secure", "is_httponly", "httponly")
		return rec
	})
}

// flags adds the names of columns that are set.
func (r *Record) flags(row *sqlitefile.Row, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if row.Int(pairs[i]) != 0 {
			r.add(pairs[i+1], "yes")
		}
	}
}

func parseChromeLogins(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	return d.rows("logins", func(r *sqlitefile.Row) *Record {
		rec := record("login", webkitTime(r.Int("date_created")))
		rec.browser(in.Path)
		rec.add("url", r.Text("origin_url"))
		rec.add("user", r.Text("username_value"))
		rec.add("used", r.Text("times_used"))
		rec.add("last_used", timeField(webkitTime(r.Int("date_last_used"))))
		rec.add("changed", timeField(webkitTime(r.Int("date_password_modified"))))
		rec.flags(r, "blacklisted_by_user", "never_saved")
		return rec
	})
}
