package artifact

import (
	"fmt"
	"strings"

	"saksi/internal/sqlitefile"
)

// Profiles of Firefox: places.sqlite and cookies.sqlite. Times are microseconds
// since 1970 in UTC.

func init() {
	for _, f := range []Format{
		{
			Name:    "firefox",
			Doc:     "places.sqlite of Firefox: visits, addresses and downloads, addresses deleted that are still there too; the -wal beside is applied",
			Probe:   hasTables("moz_places", "moz_historyvisits"),
			Parse:   parseFirefoxPlaces,
			Samples: []string{"firefox-places.sqlite"},
			Hostile: []string{"firefox-places.sqlite cut=9000", "firefox-places.sqlite @105=ffffffff"},
		},
		{
			Name:    "firefox-cookies",
			Doc:     "cookies.sqlite of Firefox: host, name, path and times; never values",
			Probe:   hasTables("moz_cookies"),
			Parse:   parseFirefoxCookies,
			Samples: []string{"firefox-cookies.sqlite"},
			Hostile: []string{"firefox-cookies.sqlite cut=5000", "firefox-cookies.sqlite @105=ffffffff"},
		},
	} {
		f.Detect, f.Event, f.Beside = isSQLite, eventBrowser("firefox"), []string{"-wal", "-journal"}
		f.Reference = "Firefox toolkit/components/places/nsPlacesTables.h, netwerk/cookie/CookiePersistentStorage.cpp"
		register(f)
	}
}

// visitTypes are those of nsINavHistoryService.idl, from 1.
var visitTypes = [...]string{"", "link", "typed", "bookmark", "embed", "redirect_permanent", "redirect_temporary", "download", "framed_link", "reload"}

func parseFirefoxPlaces(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	places, err := d.pages("moz_places")
	if err != nil {
		return err
	}
	visited := map[int64]bool{}
	if err := d.rows("moz_historyvisits", func(r *sqlitefile.Row) *Record {
		rec := record("visit", microTime(r.Int("visit_date")))
		places.add(rec, r.Int("place_id"))
		visited[r.Int("place_id")] = true
		if n := r.Int("visit_type"); n > 0 && n < int64(len(visitTypes)) {
			rec.add("transition", visitTypes[n])
		}
		if n := r.Int("from_visit"); n != 0 {
			rec.add("from_visit", fmt.Sprint(n))
		}
		return rec
	}); err != nil {
		return err
	}
	address := func(r *sqlitefile.Row) *Record {
		if r.Where != "free space" && visited[r.ID] {
			return nil
		}
		rec := record("url", microTime(r.Int("last_visit_date")))
		rec.add("url", r.Text("url"))
		rec.add("title", r.Text("title"))
		rec.add("visits", r.Text("visit_count"))
		return rec
	}
	if err := d.rows("moz_places", address); err != nil {
		return err
	}
	if err := firefoxDownloads(d, places); err != nil {
		return err
	}
	return d.deleted("moz_places", func(r *sqlitefile.Row) bool { return plausibleURL(r.Text("url")) }, address)
}

// firefoxDownloads are annotations of places since Firefox 26.
func firefoxDownloads(d *database, places *pages) error {
	names := map[int64]string{}
	if t := d.tables["moz_anno_attributes"]; t != nil {
		if err := d.Rows(t, func(r *sqlitefile.Row) error {
			if n := r.Text("name"); strings.HasPrefix(n, "downloads/") {
				names[r.ID] = n
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return d.rows("moz_annos", func(r *sqlitefile.Row) *Record {
		name := names[r.Int("anno_attribute_id")]
		if name == "" {
			return nil
		}
		rec := record("download", microTime(r.Int("dateadded")))
		places.add(rec, r.Int("place_id"))
		if name == "downloads/destinationFileURI" {
			rec.add("path", strings.TrimPrefix(r.Text("content"), "file://"))
		} else {
			rec.add("annotation", strings.TrimPrefix(name, "downloads/"))
			rec.add("content", r.Text("content"))
		}
		return rec
	})
}

func parseFirefoxCookies(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openDatabase(in, emit, problem)
	if err != nil {
		return err
	}
	return d.rows("moz_cookies", func(r *sqlitefile.Row) *Record {
		rec := record("cookie", microTime(r.Int("creationtime")))
		rec.add("host", r.Text("host"))
		rec.add("name", r.Text("name"))
		rec.add("path", r.Text("path"))
		rec.add("accessed", timeField(microTime(r.Int("lastaccessed"))))
		// Seconds until Firefox 141, milliseconds since.
		if n := r.Int("expiry"); n > 1e11 {
			rec.add("expires", timeField(microTime(min(n, 1<<52)*1000)))
		} else if n > 0 {
			rec.add("expires", timeField(microTime(n*1e6)))
		}
		rec.flags(r, "issecure", "secure", "ishttponly", "httponly")
		return rec
	})
}
