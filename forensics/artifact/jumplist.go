package artifact

import (
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/compound"
)

// Jump lists that Windows keeps by itself: a compound file with a shortcut in
// each stream, and a stream DestList that tells their order, times and pins.

func init() {
	register(Format{
		Name: "jumplist",
		Doc: "jump lists of Windows 7 to 11 that it keeps by itself (automaticDestinations-ms, DestList versions 1 to 4): each entry with the time it " +
			"was last used, its pin, count, host, path and shortcut; shortcuts that no entry names, too",
		Reference: "J. Metz, Jump lists format; [MS-CFB]; [MS-SHLLINK]",
		Detect:    func(head []byte) bool { return strings.HasPrefix(string(head), compound.Magic) },
		Probe:     func(in Input) bool { return hasStream(in, "DestList") },
		Parse:     parseJumpList,
		Event:     eventJumpList,
		Samples:   []string{"f01b4d95cf55d32a.automaticDestinations-ms", "win7.automaticDestinations-ms"},
		Hostile: []string{
			"win7.automaticDestinations-ms cut=600", "win7.automaticDestinations-ms @30=ff00", "win7.automaticDestinations-ms @44=ffffffff",
			"win7.automaticDestinations-ms @48=ffffff00", "win7.automaticDestinations-ms @516=01000000", "win7.automaticDestinations-ms @60=ffffff7f",
			"win7.automaticDestinations-ms @1272=ffffff7f", "win7.automaticDestinations-ms @1144=ff00", "win7.automaticDestinations-ms @2048=09", "win7.automaticDestinations-ms @2052=ffff", "win7.automaticDestinations-ms @1536=00000000",
		},
	})
}

// hasStream tells whether a file is a compound file with a stream of that name.
func hasStream(in Input, name string) bool {
	f, err := compound.Open(in, in.Size, func(int64, string) {})
	if err != nil {
		return false
	}
	for _, e := range f.Entries {
		if e.Type == compound.Stream && e.Name == name {
			return true
		}
	}
	return false
}

// applicationID is how names of jump lists begin: a checksum of the program's path.
var applicationID = regexp.MustCompile(`(?i)^[0-9a-f]{15,16}$`)

func jumpListApplication(path string) (f []Field) {
	if id, _, _ := strings.Cut(base(path), "."); applicationID.MatchString(id) {
		f = append(f, Field{"application_id", strings.ToLower(id)})
	}
	return f
}

func parseJumpList(in Input, emit func(*Record) error, problem func(Problem)) error {
	f, err := compound.Open(in, in.Size, func(off int64, text string) { problem(Problem{off, text}) })
	if err != nil {
		return err
	}
	var list *compound.Entry
	streams := map[string]*compound.Entry{}
	for i := range f.Entries {
		e := &f.Entries[i]
		switch {
		case e.Type == compound.Stream && e.Name == "DestList" && list == nil:
			list = e
		case e.Type != compound.Stream || streams[strings.ToLower(e.Name)] != nil:
			problem(Problem{e.Offset, fmt.Sprintf("the entry %q of the directory is no stream of a jump list, or its name comes twice; it is not read", e.Name)})
		default:
			streams[strings.ToLower(e.Name)] = e
		}
	}
	j := &jumpList{f: f, streams: streams, common: jumpListApplication(in.Path), emit: emit, problem: problem}
	if list == nil {
		problem(Problem{0, "the jump list has no stream DestList: the order and times of its entries are lost"})
	} else if err := j.entries(list); err != nil {
		return err
	}
	for i := range f.Entries { // in the order of the directory
		e := &f.Entries[i]
		if streams[strings.ToLower(e.Name)] != e {
			continue
		}
		r := &Record{Header: 1, Fields: append([]Field{{"record", "unlisted"}, {"entry", e.Name}}, j.common...)}
		if err := j.shortcut(r, e); err != nil {
			return err
		}
	}
	return nil
}

// jumpList is one while it is read.
type jumpList struct {
	f       *compound.File
	streams map[string]*compound.Entry // what no entry has named yet, by name
	common  []Field
	emit    func(*Record) error
	problem func(Problem)
}

// Sizes of DestList: its header, and what of an entry lies before its path.
const (
	destHeader   = 32
	destVersion1 = 114
	destVersion2 = 130
)

// entries gives what DestList tells of, in its order.
func (j *jumpList) entries(list *compound.Entry) error {
	d, err := j.f.Read(list)
	if err != nil {
		j.problem(Problem{list.Offset, "the stream DestList: " + err.Error()})
	}
	b := d.B
	if len(b) == 0 { // a list without entries
		return nil
	}
	if len(b) < destHeader {
		j.problem(Problem{d.Place(0), fmt.Sprintf("DestList has %d bytes; its header has %d", len(b), destHeader)})
		return nil
	}
	version, count := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	head, tail := destVersion2, 4
	switch {
	case version == 1:
		head, tail = destVersion1, 0
	case version == 0 || version > 4:
		j.problem(Problem{d.Place(0), fmt.Sprintf("DestList is of version %d; 1 to 4 are read", version)})
		return nil
	}
	at, n := destHeader, uint32(0)
	for ; n < count; n++ {
		size := 0
		if at+head <= len(b) {
			size = head + 2*int(binary.LittleEndian.Uint16(b[at+head-2:])) + tail
		}
		if size == 0 || at+size-tail > len(b) {
			j.problem(Problem{d.Place(min(at, len(b)-1)), fmt.Sprintf("DestList says it has %d entries; it ends within number %d", count, n+1)})
			return nil
		}
		r := destEntry(b[at:at+size-tail], head, version)
		r.Offset = d.Place(at)
		r.Fields = append(r.Fields, j.common...)
		name := r.Get("entry")
		e := j.streams[name]
		delete(j.streams, name)
		if err := j.shortcut(r, e); err != nil {
			return err
		}
		at += size
	}
	if at < len(b) {
		j.problem(Problem{d.Place(at), fmt.Sprintf("DestList has %d bytes behind its %d entries; they are not read", len(b)-at, count)})
	}
	return nil
}

// destEntry reads an entry of DestList, whose path begins at head.
func destEntry(b []byte, head int, version uint32) *Record {
	r := &Record{Time: fileTimeAt(b, 100), Header: 1, Fields: []Field{
		{"record", "entry"},
		{"entry", strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[88:])), 16)},
		{"list_version", strconv.FormatUint(uint64(version), 10)},
	}}
	add := func(name, value string) {
		if value != "" {
			r.Fields = append(r.Fields, Field{name, value})
		}
	}
	add("entry_path", utf16All(b[head:]))
	if r.Time != 0 {
		add("last_used", timeUTC(r.Time))
	}
	add("pinned", "false")
	if pin := int32(binary.LittleEndian.Uint32(b[108:])); pin >= 0 {
		r.Fields[len(r.Fields)-1].Value = "true"
		add("pin_order", strconv.Itoa(int(pin)))
	}
	if score := math.Float32frombits(binary.LittleEndian.Uint32(b[96:])); score == score {
		add("score", strconv.FormatFloat(float64(score), 'g', -1, 32))
	}
	if version > 1 {
		add("count", strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[116:])), 10))
	}
	add("entry_host", latin1Until(b[72:88]))
	for i, name := range []string{"entry_droid_volume", "entry_droid_file", "entry_birth_droid_volume", "entry_birth_droid_file"} {
		if id := b[8+16*i : 24+16*i]; !zero(id) {
			add(name, guid(id))
		}
	}
	return r
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// shortcut adds to r what the shortcut in a stream tells, and gives r away.
func (j *jumpList) shortcut(r *Record, e *compound.Entry) error {
	if e == nil {
		r.Fields = append(r.Fields, Field{"shortcut", "missing"})
		return j.emit(r)
	}
	if e.Size > maxLNK {
		j.problem(Problem{e.Offset, fmt.Sprintf("the stream %q says it has %d bytes; a shortcut has at most %d, it is not read", e.Name, e.Size, maxLNK)})
		return j.emit(r)
	}
	d, err := j.f.Read(e)
	if err != nil {
		j.problem(Problem{e.Offset, fmt.Sprintf("the stream %q: %v", e.Name, err)})
	}
	if r.Offset == 0 {
		r.Offset = d.Place(0)
	}
	if len(d.B) == 0 && err != nil {
		return j.emit(r)
	}
	if !strings.HasPrefix(string(d.B), lnkMagic) {
		j.problem(Problem{d.Place(0), fmt.Sprintf("the stream %q holds no shortcut", e.Name)})
		return j.emit(r)
	}
	joinShortcut(r, d.B, func(at int, err error) {
		j.problem(Problem{d.Place(at), fmt.Sprintf("the shortcut in the stream %q: %v", e.Name, err)})
	})
	return j.emit(r)
}

// joinShortcut adds to r what the shortcut that b begins with tells, and gives
// where it ends; 0 when there is none.
func joinShortcut(r *Record, b []byte, wrong func(at int, err error)) int {
	s, end, err := lnkRecord(b)
	if err != nil {
		wrong(end, err)
	}
	if s == nil {
		return 0
	}
	r.Fields = append(r.Fields, s.Fields[1:]...)
	if r.Time == 0 {
		r.Time = s.Time
	}
	return end
}

func eventJumpList(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "jumplist-"+r.Get("record"))
	p := r.first("path", "environment_path", "entry_path", "relative_path")
	e.Str(event.FilePath, p)
	e.Str(event.FileName, base(p))
	lnkTimes(r, e)
	putNumber(e, event.FileSize, r.Get("size"))
	e.Str(event.HostName, r.first("entry_host", "machine"))
	e.Str(event.ProcessWorkingDirectory, r.Get("working_directory"))
	for _, f := range r.Fields[r.Header:] {
		e.Str(event.SaksiWindowsData, f.Name+"="+f.Value)
	}
	e.Str(event.Message, strings.TrimSpace("jump list: "+p+" "+r.Get("arguments")))
}
