package artifact

import (
	"regexp"
	"strconv"
	"strings"

	"saksi/internal/regf"
)

// What keys of a user's hives mean (J. Metz, Windows Registry knowledge base).

var typedKey = regexp.MustCompile(`(?i)\\(Explorer\\TypedPaths|Internet Explorer\\TypedURLs|Explorer\\RunMRU)$`)

// typed are what a user wrote into Explorer's and the browser's address line, and
// into the Run dialog. The key's time is that of the newest: url1, and for
// RunMRU the first of MRUList.
func typed(k *regf.Key, at int64, emit func(*Record) error) error {
	m := typedKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	newest := "url1"
	if order := textOf(k, "MRUList"); order != "" {
		newest = order[:1]
	}
	for i := range k.Values {
		v := &k.Values[i]
		if v.Type != 1 || strings.EqualFold(v.Name, "MRUList") {
			continue
		}
		when := int64(0)
		if strings.EqualFold(v.Name, newest) {
			when = at
		}
		text := strings.TrimSuffix(valueText(v), `\1`)
		if err := emit(meaning("typed", k, v.Offset, when, "list", m[1][strings.LastIndexByte(m[1], '\\')+1:], "name", v.Name, "text", maskedURL(psMasked(text)))); err != nil {
			return err
		}
	}
	return nil
}

var recentKey = regexp.MustCompile(`(?i)\\Explorer\\RecentDocs(?:\\([^\\]+))?$`)

// recentDocs are files a user opened from Explorer, in the order of MRUListEx:
// the first was opened at the key's time, of the others only the order is known.
func recentDocs(k *regf.Key, at int64, emit func(*Record) error) error {
	m := recentKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	place := positions(k)
	for i := range k.Values {
		v := &k.Values[i]
		if _, err := strconv.ParseUint(v.Name, 10, 32); err != nil || v.Type != 3 || len(v.Data) < 4 {
			continue
		}
		when, position := int64(0), ""
		if p := place[v.Name]; p > 0 {
			if position = strconv.Itoa(p); p == 1 {
				when = at
			}
		}
		if err := emit(meaning("recentdoc", k, v.Offset, when, "path", utf16Until(v.Data[:min(len(v.Data), 1024)]), "kind", m[1], "position", position)); err != nil {
			return err
		}
	}
	return nil
}

var muiKey = regexp.MustCompile(`(?i)\\(?:MuiCache|ShellNoRoam\\MUICache)$`)

// muiCache are programs that were started, with their names for people; it has no
// times of its own.
func muiCache(k *regf.Key, _ int64, emit func(*Record) error) error {
	if !muiKey.MatchString(k.Path) {
		return nil
	}
	for i := range k.Values {
		v := &k.Values[i]
		path, found := strings.CutSuffix(v.Name, ".FriendlyAppName")
		if v.Type != 1 || !found && !strings.HasSuffix(strings.ToLower(path), ".exe") || !strings.Contains(path, `\`) {
			continue
		}
		if err := emit(meaning("muicache", k, v.Offset, 0, "path", path, "name", valueText(v))); err != nil {
			return err
		}
	}
	return nil
}
