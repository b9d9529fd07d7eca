package artifact

import (
	"regexp"
	"strconv"
	"strings"

	"saksi/internal/regf"
)

// Lists of what a user used last, in the order of MRUList or MRUListEx: the first
// was used at the key's time, of the others only the order is known (J. Metz,
// Windows Registry knowledge base, Most recently used).

// listForm is what the values of a list hold.
type listForm int

const (
	listText   listForm = iota // a text
	listItems                  // shell items: a path
	listBoth                   // the name of a program, then shell items
	listFolder                 // the name of a program, then a folder, both text
)

// lists are the keys of such lists.
var lists = []struct {
	kind, has string
	path      *regexp.Regexp
	form      listForm
}{
	{"searched", `\wordwheelquery`, rx(`\\Explorer\\WordWheelQuery(?:\\.+)?$`), listText},
	{"searched", `\acmru\`, rx(`\\Search Assistant\\ACMru\\(?P<list>\d+)$`), listText},
	{"opened", `\comdlg32\opensavepidlmru`, rx(`\\ComDlg32\\OpenSavePidlMRU(?:\\(?P<kind>[^\\]+))?$`), listItems},
	{"opened", `\comdlg32\opensavemru`, rx(`\\ComDlg32\\OpenSaveMRU(?:\\(?P<kind>[^\\]+))?$`), listText},
	{"last_folder", `\comdlg32\lastvisitedpidlmru`, rx(`\\ComDlg32\\LastVisitedPidlMRU(?:Legacy)?$`), listBoth},
	{"last_folder", `\comdlg32\lastvisitedmru`, rx(`\\ComDlg32\\LastVisitedMRU$`), listFolder},
	{"dialog", `\comdlg32\cidsizemru`, rx(`\\ComDlg32\\CIDSizeMRU$`), listText},
	{"opened_with", `\openwithlist`, rx(`\\FileExts\\(?P<kind>[^\\]+)\\OpenWithList$`), listText},
	{"mapped_recent", `\map network drive mru`, rx(`\\Explorer\\Map Network Drive MRU$`), listText},
}

var listValue = regexp.MustCompile(`^(?:[a-z]|\d{1,5})$`)

func recentLists(k *regf.Key, at int64, emit func(*Record) error) error {
	lower := strings.ToLower(k.Path)
	for _, l := range lists {
		if !strings.Contains(lower, l.has) {
			continue
		}
		m := l.path.FindStringSubmatch(k.Path)
		if m == nil {
			continue
		}
		place := positions(k)
		for i, c := range textOf(k, "MRUList") {
			place[string(c)] = i + 1
		}
		for i := range k.Values {
			v := &k.Values[i]
			if !listValue.MatchString(v.Name) || len(v.Data) < 2 {
				continue
			}
			when, position := int64(0), ""
			if p := place[v.Name]; p > 0 {
				if position = strconv.Itoa(p); p == 1 {
					when = at
				}
			}
			pairs := append(groups(l.path, m), "value", v.Name, "position", position)
			if err := emit(meaning(l.kind, k, v.Offset, when, append(listPairs(l.kind, l.form, v.Data[:min(len(v.Data), maxShown)]), pairs...)...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// listPairs names what a value of a list holds.
func listPairs(kind string, form listForm, d []byte) []string {
	switch form {
	case listItems:
		return []string{"path", itemPath(d)}
	case listBoth:
		program := utf16Until(d)
		return []string{"program", program, "path", itemPath(d[min(len(d), 2*len([]rune(program))+2):])}
	case listFolder:
		program, rest, _ := strings.Cut(utf16All(d), "\x00")
		folder, _, _ := strings.Cut(rest, "\x00")
		return []string{"program", program, "path", folder}
	}
	text := maskedURL(utf16Until(d))
	switch kind {
	case "searched":
		return []string{"text", text}
	case "dialog", "opened_with":
		return []string{"program", text}
	}
	return []string{"path", text}
}

// maxItems bounds the parts of one path.
const maxItems = 256

// itemPath is the path of a list of shell items.
func itemPath(d []byte) string {
	var parts []string
	for len(d) >= 3 && len(parts) < maxItems {
		n := int(d[0]) | int(d[1])<<8
		if n < 3 || n > len(d) {
			if n != 0 {
				parts = append(parts, "(damaged)")
			}
			break
		}
		parts = append(parts, readShellItem(d[:n]).name)
		d = d[n:]
	}
	if len(parts) > 1 && parts[0] == "My Computer" {
		parts = parts[1:]
	}
	for i := range parts[:max(0, len(parts)-1)] {
		parts[i] = strings.TrimRight(parts[i], `\`)
	}
	return strings.Join(parts, `\`)
}
