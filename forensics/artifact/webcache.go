package artifact

import (
	"slices"
	"strconv"
	"strings"

	"saksi/internal/ese"
)

// WebCacheV01.dat: what Internet Explorer, the old Edge and every program that
// uses WinINet visited, downloaded and kept, files opened by Explorer among them.

func init() {
	register(Format{
		Name: "webcache",
		Doc: "WebCacheV01.dat of Internet Explorer 10 and 11 and the old Edge, and of all that uses WinINet: visits, files opened by Explorer, downloads, what is in the " +
			"cache, cookies without their values; headers of requests and answers are not shown",
		Reference: "J. Metz, Microsoft Internet Explorer WebCache database; ESE database format",
		Detect:    ese.Detect,
		Probe:     isESE("webcache"),
		Parse:     parseWebCache,
		Event:     eventBrowser("internet-explorer"),
		Samples:   []string{"WebCacheV01.dat"},
		Hostile:   []string{"WebCacheV01.dat cut=9000", "WebCacheV01.dat @52=02"},
	})
}

// webContainer is a list of a kind that a user's programs keep.
type webContainer struct{ name, directory string }

func parseWebCache(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openESE(in, emit, problem)
	if err != nil {
		return err
	}
	lists := map[string]webContainer{}
	if err := d.rows("Containers", func(r *ese.Row) *Record {
		c := webContainer{r.Text("Name"), r.Text("Directory")}
		id := strconv.FormatInt(r.Int("ContainerId"), 10)
		if len(lists) < 1<<14 && (!r.Deleted || lists[id].name == "") {
			lists[id] = c
		}
		return nil
	}); err != nil {
		return err
	}
	told := []string{"Containers"}
	for _, t := range d.list {
		name, id, ok := strings.Cut(t.Name, "_")
		if !ok || name != "Container" && name != "CookieEntryEx" && name != "HstsEntryEx" {
			continue
		}
		told = append(told, t.Name)
		c := lists[id]
		if err := d.rows(t.Name, func(r *ese.Row) *Record {
			switch name {
			case "CookieEntryEx":
				return webCookie(c, r)
			case "HstsEntryEx":
				return webHSTS(r)
			}
			return webEntry(c, r)
		}); err != nil {
			return err
		}
	}
	return d.others(told...)
}

// webKind is the kind of a list's records.
func webKind(list string) string {
	l := strings.ToLower(list)
	switch {
	case l == "history" || strings.HasPrefix(l, "mshist"):
		return "visit"
	case l == "cookies":
		return "cookie"
	case l == "iedownload":
		return "download"
	case l == "content":
		return "cache"
	}
	return "entry"
}

func webEntry(c webContainer, r *ese.Row) *Record {
	kind := webKind(c.name)
	at := r.Time("AccessedTime")
	if at == 0 {
		at = r.Time("ModifiedTime")
	}
	rec := record(kind, at)
	rec.add("list", c.name)
	u := r.Text("Url")
	user := ""
	switch kind {
	case "visit": // "Visited: user@URL", ":2014010120140102: user@:Host: name" or "...user@URL"
		if rest, ok := strings.CutPrefix(u, "Visited: "); ok {
			user, u = webUser(rest)
		} else if strings.HasPrefix(u, ":") {
			if _, rest, ok := strings.Cut(u[1:], ": "); ok {
				user, u = webUser(rest)
			}
		}
		if host, ok := strings.CutPrefix(u, ":Host: "); ok {
			rec.add("host", host)
			u = ""
		}
	case "cookie": // "Cookie:user@host/path"
		if rest, ok := strings.CutPrefix(u, "Cookie:"); ok {
			user, rest = webUser(rest)
			host, _, _ := strings.Cut(rest, "/")
			rec.add("host", host)
			u = ""
		}
	case "download":
		page, referrer, path := webDownload(r.Bytes("ResponseHeaders"))
		if page != "" {
			u = page
		}
		rec.add("referrer", maskedURL(referrer))
		rec.add("path", path)
	}
	rec.add("url", maskedURL(u))
	rec.add("user", user)
	if p, ok := strings.CutPrefix(u, "file:///"); ok {
		rec.add("opened", strings.ReplaceAll(p, "/", `\`))
	}
	rec.add("file", r.Text("Filename"))
	rec.add("bytes", positive(r.Int("FileSize")))
	rec.add("times_visited", positive(r.Int("AccessCount")))
	rec.add("created", timeField(r.Time("CreationTime")))
	rec.add("modified", timeField(r.Time("ModifiedTime")))
	rec.add("synced", timeField(r.Time("SyncTime")))
	rec.add("expires", timeField(r.Time("ExpiryTime")))
	rec.add("directory", c.directory)
	return rec
}

// webUser cuts the name of a user off.
func webUser(s string) (user, rest string) {
	user, rest, ok := strings.Cut(s, "@")
	if !ok || strings.ContainsAny(user, ":/") {
		return "", s
	}
	return user, rest
}

// positive is a number that says something.
func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func webCookie(c webContainer, r *ese.Row) *Record {
	rec := record("cookie", r.Time("LastModified"))
	rec.add("list", c.name)
	rec.add("host", backward(plainText(r, "RDomain")))
	rec.add("name", plainText(r, "Name"))
	rec.add("expires", timeField(r.Time("Expires")))
	return rec
}

// webHSTS is a host that asked to be visited by HTTPS alone: it was visited.
func webHSTS(r *ese.Row) *Record {
	rec := record("entry", r.Time("LastTimeUsed"))
	rec.add("list", "hsts")
	rec.add("host", backward(plainText(r, "RDomain")))
	rec.add("expires", timeField(r.Time("Expires")))
	return rec
}

// plainText is a column of text, whether it is declared as text or as bytes.
func plainText(r *ese.Row, column string) string {
	b := r.Bytes(column)
	for _, c := range b {
		if c >= 0x80 || c < 0x20 && c != 0 {
			return r.Text(column)
		}
	}
	return strings.ReplaceAll(string(b), "\x00", "")
}

// backward turns "com.example." to "example.com".
func backward(s string) string {
	parts := strings.Split(strings.Trim(s, "."), ".")
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}

// webDownload finds in what is kept of a download its address, where it was
// asked for, and the file it went to, the last of the texts that are paths.
func webDownload(b []byte) (page, referrer, path string) {
	for _, s := range strings.Split(utf16All(b), "\x00") {
		switch {
		case strings.HasPrefix(s, "http://"), strings.HasPrefix(s, "https://"), strings.HasPrefix(s, "ftp://"):
			if page != "" {
				referrer = page
			}
			page = s
		case len(s) > 3 && s[1] == ':' && s[2] == '\\':
			path = s
		}
	}
	return page, referrer, path
}
