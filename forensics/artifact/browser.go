package artifact

import (
	"fmt"
	"net/url"
	"strings"

	"saksi/event"
	"saksi/internal/sqlitefile"
)

// What browsers keep, and how it is told: visits, downloads, cookies without
// their values, logins without their secrets.

// pages are the addresses that visits refer to by number.
type pages struct {
	byID  map[int64]page
	bytes int
	full  bool
}

type page struct{ url, title string }

// maxPages bounds the text of pages kept, in bytes.
const maxPages = 128 << 20

func (d *database) pages(table string) (*pages, error) {
	p := &pages{byID: map[int64]page{}}
	t := d.tables[table]
	if t == nil {
		return p, nil
	}
	err := d.Rows(t, func(r *sqlitefile.Row) error {
		x := page{r.Text("url"), r.Text("title")}
		if p.bytes += len(x.url) + len(x.title) + 64; p.bytes > maxPages {
			if !p.full {
				p.full = true
				d.problem(Problem{r.Offset, fmt.Sprintf("the addresses have more than %d bytes; visits of the others are told by number", maxPages)})
			}
			return nil
		}
		p.byID[r.ID] = x
		return nil
	})
	return p, err
}

// add adds the address and title of a page.
func (p *pages) add(rec *Record, id int64) {
	x, ok := p.byID[id]
	if !ok {
		rec.add("page", fmt.Sprint(id))
	}
	rec.add("url", x.url)
	rec.add("title", x.title)
}

// plausibleURL reports whether a recovered text is an address.
func plausibleURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || len(scheme) < 2 || len(scheme) > 20 || strings.ContainsRune(s, '\uFFFD') {
		return false
	}
	for _, c := range scheme {
		if !(c >= 'a' && c <= 'z' || c == '-') {
			return false
		}
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 })
}

// browserActions are the actions of records by their kind.
var browserActions = map[string]string{
	"visit": "visited-page", "url": "visited-page", "download": "downloaded-file", "cookie": "cookie", "login": "saved-login", "search": "searched", "quarantine": "downloaded-file",
}

// eventBrowser tells of a record of a browser.
func eventBrowser(module string) func(r *Record, e *event.Event) {
	return func(r *Record, e *event.Event) {
		kind := r.Get("record")
		e.Str(event.EventModule, module)
		e.Str(event.EventCategory, "web")
		e.Str(event.EventType, "access")
		e.Str(event.EventAction, browserActions[kind])
		name := r.Get("browser")
		if name == "" {
			name = module
		}
		e.Str(event.UserAgentName, name)
		if u := r.Get("url"); u != "" {
			e.Str(event.URLOriginal, u)
			if p, err := url.Parse(u); err == nil {
				e.Str(event.URLDomain, p.Hostname())
				e.Str(event.URLScheme, p.Scheme)
			}
		} else if h := r.Get("host"); h != "" {
			e.Str(event.URLDomain, strings.TrimPrefix(h, "."))
		}
		e.Str(event.HTTPRequestReferrer, r.Get("referrer"))
		if p := r.Get("path"); p != "" && (kind == "download") {
			e.Str(event.FilePath, p)
			e.Str(event.FileName, base(p))
			putNumber(e, event.FileSize, r.Get("bytes"))
			e.Str(event.FileMimeType, r.Get("mime_type"))
			e.Str(event.FileHashSHA256, r.Get("sha256"))
		}
		e.Str(event.UserName, r.Get("user"))
		e.Str(event.Message, strings.TrimSpace(kind+" "+firstOf(r.Get("title"), r.Get("term"), r.Get("name"), base(r.Get("path")))))
		putData(r, e)
	}
}

// putData adds the fields of a record as they are, and how it was recovered.
func putData(r *Record, e *event.Event) {
	e.Str(event.SaksiArtifactRecovered, r.Get("recovered"))
	n := 0
	for _, f := range r.Fields {
		if f.Name == "recovered" || f.Value == "" {
			continue
		}
		if n++; n > maxData {
			e.Str(event.SaksiTruncated, event.SaksiArtifactData.Name())
			return
		}
		e.Str(event.SaksiArtifactData, f.Name+"="+f.Value)
	}
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
