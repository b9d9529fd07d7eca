package artifact

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"saksi/event"
)

// The repository of WMI (OBJECTS.DATA): pages of 8 KiB, each with a table of its
// records. Definitions of classes tell how instances are laid out; those an
// examiner asks for are event filters, their consumers and what binds them, which
// start programs unseen, and the programs that Configuration Manager saw run.

func init() {
	register(Format{
		Name: "wmi",
		Doc: "OBJECTS.DATA of the WMI repository (Windows XP and later): event filters, consumers (command line, script, log file, event log, mail and others that derive from them), bindings, " +
			"timers, and programs that ran by Configuration Manager; instances in pages that are no longer in use are given too; what goes on in another page is cut and told",
		Reference: "J. Metz, dtformats, WMI repository file format; [MS-WMIO]",
		Detect: func(head []byte) bool {
			e, bad := wmiTable(head)
			return bad == 0 && len(e) > 1 && int(e[0].off) == 16*(len(e)+1)
		},
		Named:   func(path string) bool { return strings.HasSuffix(path, "/objects.data") },
		Parse:   parseWMI,
		Event:   eventWMI,
		Samples: []string{"sample.OBJECTS.DATA"},
		Hostile: []string{"sample.OBJECTS.DATA cut=9000", "sample.OBJECTS.DATA @8216=ffffff7f", "sample.OBJECTS.DATA @8463=ffffff7f"},
	})
}

const (
	wmiPage = 8 << 10
	// maxWMIClasses and maxWMIProperties bound what is kept of classes: Windows has
	// some ten thousand, with at most a few hundred properties.
	maxWMIClasses    = 1 << 16
	maxWMIProperties = 1 << 10
	maxWMIKept       = 1 << 20 // properties of all classes
	maxWMIName       = 256
	maxWMILayouts    = 256 // that are kept: classes of which instances are told are few
)

var errWMI = errors.New("it is damaged")

type wmiEntry struct{ id, off, size uint32 }

// wmiTable reads the table a page begins with and counts entries that can't be
// right; nil when it is none.
func wmiTable(b []byte) (list []wmiEntry, bad int) {
	var all []wmiEntry
	for at := 0; at+16 <= len(b); at += 16 {
		e := wmiEntry{binary.LittleEndian.Uint32(b[at:]), binary.LittleEndian.Uint32(b[at+4:]), binary.LittleEndian.Uint32(b[at+8:])}
		if e != (wmiEntry{}) {
			all = append(all, e)
			continue
		}
		for i, e := range all {
			if int(e.off) < 16*(len(all)+1) || e.off >= wmiPage || e.size == 0 || e.size > 64<<20 || e.id == 0 || i+1 < len(all) && e.off+e.size > wmiPage {
				bad++
			} else {
				list = append(list, e)
			}
		}
		return list, bad
	}
	return nil, 0
}

// wmi is a repository under work.
type wmi struct {
	in      Input
	classes map[string]*wmiClass // by the name in upper case
	kept    int
	layouts map[*wmiClass][]wmiProperty
	hashes  map[string]string // names of classes told, by the digest of theirs
	cut     int
	full    bool // classes were left out
	problem func(Problem)
}

func parseWMI(in Input, emit func(*Record) error, problem func(Problem)) error {
	w := &wmi{in: in, classes: map[string]*wmiClass{}, layouts: map[*wmiClass][]wmiProperty{}, problem: problem}
	if in.Size%wmiPage != 0 {
		problem(Problem{in.Size / wmiPage * wmiPage, fmt.Sprintf("the last page is cut: %d of %d bytes", in.Size%wmiPage, wmiPage)})
	}
	if err := w.records(func(b []byte, _ int64, _ bool) error { w.define(b); return nil }); err != nil {
		return err
	}
	w.hashes = map[string]string{}
	for name, c := range w.classes {
		if !w.told(name, 0) {
			continue
		}
		raw := utf16Bytes(name)
		short, long := md5.Sum(raw), sha256.Sum256(raw)
		w.hashes[strings.ToUpper(hex.EncodeToString(short[:]))], w.hashes[strings.ToUpper(hex.EncodeToString(long[:]))] = c.name, c.name
	}
	if w.full {
		problem(Problem{0, fmt.Sprintf("it defines more than %d classes, or %d properties; instances of the others are not read", maxWMIClasses, maxWMIKept)})
	}
	if len(w.classes) == 0 {
		problem(Problem{0, "no class is defined in it; without one no instance can be read"})
	}
	if err := w.records(func(b []byte, off int64, cut bool) error { return w.instance(b, off, cut, emit) }); err != nil {
		return err
	}
	if w.cut > 0 {
		problem(Problem{0, fmt.Sprintf("%d instances go on in another page; what is there is not read", w.cut)})
	}
	return nil
}

// records gives each record of each page, as far as it lies in the page.
func (w *wmi) records(f func(b []byte, off int64, cut bool) error) error {
	page := make([]byte, wmiPage)
	for at := int64(0); at < w.in.Size; at += wmiPage {
		n, err := w.in.ReadAt(page, at)
		if err != nil && err != io.EOF {
			return fmt.Errorf("reading the page at offset %d: %w", at, err)
		}
		list, bad := wmiTable(page[:n])
		if bad > 0 && len(list) > 0 && w.hashes == nil { // once; a page that goes on with a record has no table
			w.problem(Problem{at, fmt.Sprintf("%d entries of the page's table lead out of it; their records are not read", bad)})
		}
		for _, e := range list {
			end := min(int64(e.off)+int64(e.size), int64(n))
			if int64(e.off) >= end {
				continue
			}
			if err := f(page[e.off:end], at+int64(e.off), end < int64(e.off)+int64(e.size)); err != nil {
				return err
			}
		}
	}
	return nil
}

// instance gives the record of an instance, if it is one that is told.
func (w *wmi) instance(b []byte, off int64, cut bool, emit func(*Record) error) error {
	name, head := "", 0
	for _, n := range []int{128, 64} { // SHA-256, and MD5 of Windows XP
		if len(b) > n+24 && name == "" {
			name, head = w.hashes[utf16All(b[:n])], n
		}
	}
	c := w.classes[strings.ToUpper(name)]
	if name == "" || c == nil {
		return nil
	}
	r := &Record{Offset: off, Header: 2, Fields: []Field{{"record", wmiKind(name)}, {"class", name}}}
	for i := range 2 {
		if t := fileTimeAt(b, head+8*i); t != 0 {
			if r.Time == 0 {
				r.Time = t
			}
			r.add("time_"+strconv.Itoa(i+1), timeUTC(t))
		}
	}
	if err := w.values(c, b[head+16:], r); err != nil && !cut {
		w.problem(Problem{off, fmt.Sprintf("an instance of %s: %v", name, err)})
	}
	if cut {
		w.cut++
		r.add("truncated", "it goes on in another page")
	}
	return emit(r)
}

// values adds those of an instance.
func (w *wmi) values(c *wmiClass, b []byte, rec *Record) error {
	r := &wmiReader{b: b}
	r.take(4 + 4 + 1)
	list := w.layout(c)
	most, end := 0, 0
	for _, p := range list {
		most, end = max(most, p.index+1), max(end, p.off+p.size())
	}
	states, values := r.take(int64(most+3)/4), r.take(int64(end))
	r.take(r.u32() - 4) // qualifiers
	if r.take(1)[0] == 2 && !r.bad {
		for range min(r.u32(), maxWMIProperties) {
			r.take(r.u32() - 4)
		}
	}
	n := r.u32() & 0x7fffffff
	data := r.b[:min(n, int64(len(r.b)))]
	if r.bad {
		return errWMI
	}
	for _, p := range list {
		if states[p.index/4]>>(2*(p.index%4))&1 != 0 || p.name == "" || len(rec.Fields) >= maxData {
			continue // it has none
		}
		if states[p.index/4]>>(2*(p.index%4))&2 != 0 {
			continue // that of the class
		}
		if text := wmiValue(p, values[p.off:], data); text != "" {
			if len(text) > maxShown {
				text = text[:maxShown]
				rec.add("truncated", p.name)
			}
			rec.add(snake(p.name), maskedURL(psMasked(strings.ToValidUTF8(text, "\uFFFD"))))
		}
	}
	if n > int64(len(data)) {
		return errWMI
	}
	return nil
}

// wmiKind is the kind of a record by its class.
func wmiKind(class string) string {
	switch strings.ToUpper(class) {
	case "__EVENTFILTER":
		return "filter"
	case "__FILTERTOCONSUMERBINDING":
		return "binding"
	case "CCM_RECENTLYUSEDAPPS":
		return "program"
	}
	if strings.Contains(strings.ToUpper(class), "TIMER") {
		return "timer"
	}
	return "consumer"
}

func eventWMI(r *Record, e *event.Event) {
	kind := r.Get("record")
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "configuration")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "wmi-"+kind)
	e.Str(event.UserID, r.Get("creator_sid"))
	e.Str(event.ProcessCommandLine, firstOf(r.Get("command_line_template"), r.Get("executable_path")))
	if p := r.Get("folder_path"); kind == "program" && p != "" {
		e.Str(event.FilePath, strings.TrimRight(p, `\`)+`\`+r.Get("explorer_file_name"))
		e.Str(event.FileName, r.Get("explorer_file_name"))
		e.Str(event.UserName, r.Get("last_user_name"))
	}
	e.Str(event.Message, strings.TrimSpace(kind+" "+firstOf(r.Get("name"), r.Get("consumer"), r.Get("explorer_file_name"), r.Get("timer_id"))))
	putData(r, e)
}
