package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"saksi/event"
	"saksi/internal/mft"
)

// The master file table of NTFS: each file with both sets of its times. Its
// records outlive the files, so that deleted ones are told, too.

func init() {
	register(Format{
		Name: "mft",
		Doc: "$MFT of NTFS: every record, also deleted ones, with the times of $STANDARD_INFORMATION and of $FILE_NAME, all names and paths, streams " +
			"(resident ones with SHA-256, Zone.Identifier with its lines), and reasons to think that times were changed",
		Reference: "Linux-NTFS project, NTFS documentation; Linux kernel, fs/ntfs/layout.h",
		Detect:    func(head []byte) bool { return mft.RecordSize(head) != 0 },
		Parse:     parseMFT,
		Bulk: func(in Input) int64 {
			var head [headSize]byte
			n, _ := in.ReadAt(head[:], 0)
			return in.Size / int64(max(mft.RecordSize(head[:n]), 1))
		},
		Event:   eventMFT,
		Samples: []string{"sample.mft"},
		Hostile: []string{
			"sample.mft cut=70000", "sample.mft @66046=00", "sample.mft @65556=ffff", "sample.mft @65596=ffffffff", "sample.mft @5140=00000000", "sample.mft @65536=42414144",
		},
	})
}

// maxZone bounds the lines of a Zone.Identifier that are shown, in bytes.
const maxZone = 4096

func parseMFT(in Input, emit func(*Record) error, problem func(Problem)) error {
	t, err := mft.Open(in, in.Size, func(off int64, text string) { problem(Problem{off, text}) })
	if err != nil {
		return err
	}
	return t.Records(func(m *mft.Record) error { return mftRecords(t, m, emit) })
}

// mftRecords gives the record of a file and those of its named streams.
func mftRecords(t *mft.Table, m *mft.Record, emit func(*Record) error) error {
	r := record("file", fileTime(m.Times.Modified))
	r.Offset = m.Offset
	mftCommon(r, m)
	path := mftNames(t, m, r)
	r.add("lsn", strconv.FormatUint(m.LSN, 10))
	r.add("usn", nonZero(m.USN))
	r.add("links", strconv.Itoa(int(m.Links)))
	if m.Standard {
		r.add("attributes", fmt.Sprintf("0x%08x", m.Attrs))
		addTimes(r, "", m.Times)
	}
	best := m.Best()
	if best != nil {
		addTimes(r, "fn_", best.Times)
		for _, why := range stomped(m, best) {
			r.add("time_stomped", why)
		}
	}
	var named []*mft.Stream
	for i := range m.Streams {
		s := &m.Streams[i]
		if s.Name != "" {
			named = append(named, s)
			r.add("stream", s.Name)
			continue
		}
		mftStream(r, s)
	}
	if err := emit(r); err != nil {
		return err
	}
	for _, s := range named {
		r := record("stream", fileTime(m.Times.Modified))
		r.Offset = m.Offset
		mftCommon(r, m)
		r.add("path", path)
		r.add("stream", s.Name)
		mftStream(r, s)
		if strings.EqualFold(s.Name, "Zone.Identifier") && s.Resident {
			for _, line := range strings.FieldsFunc(string(s.Data[:min(len(s.Data), maxZone)]), func(c rune) bool { return c == '\r' || c == '\n' }) {
				if k, v, ok := strings.Cut(line, "="); ok {
					r.add("zone."+k, maskedURL(v))
				}
			}
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

func mftCommon(r *Record, m *mft.Record) {
	r.add("number", strconv.FormatUint(m.Number, 10))
	r.add("sequence", strconv.Itoa(int(m.Sequence)))
	if !m.InUse {
		r.add("deleted", "true")
	}
	if m.Dir {
		r.add("directory", "true")
	}
	if m.Base != 0 {
		r.add("extends", fmt.Sprintf("%d-%d", m.Base&(1<<48-1), m.Base>>48))
	}
}

// mftNames adds all names with their paths and gives that of the best.
func mftNames(t *mft.Table, m *mft.Record, r *Record) (path string) {
	best := m.Best()
	for i := range m.Names {
		n := &m.Names[i]
		p, whole := t.Path(n.Parent, n.Text)
		switch {
		case n == best:
			path = p
			r.add("path", p)
			r.add("parent", fmt.Sprintf("%d-%d", n.Parent&(1<<48-1), n.Parent>>48))
			if !whole {
				r.add("path_incomplete", "true")
			}
		case n.Space == 2:
			r.add("short_name", n.Text)
		default:
			r.add("other_path", p)
		}
	}
	return path
}

func mftStream(r *Record, s *mft.Stream) {
	if s.Size >= 0 {
		r.add("size", strconv.FormatInt(s.Size, 10))
	}
	if s.Resident {
		sum := sha256.Sum256(s.Data)
		r.add("resident", "true")
		r.add("data_offset", strconv.FormatInt(s.Offset, 10))
		r.add("sha256", hex.EncodeToString(sum[:]))
	}
	if s.Flags&1 != 0 {
		r.add("compressed", "true")
	}
	if s.Flags&0x4000 != 0 {
		r.add("encrypted", "true")
	}
	if s.Flags&0x8000 != 0 {
		r.add("sparse", "true")
	}
}

// addTimes adds the four times; one that is no plausible time is shown as its number.
func addTimes(r *Record, prefix string, t mft.Times) {
	for _, x := range []struct {
		name string
		at   int64
	}{{"created", t.Created}, {"modified", t.Modified}, {"changed", t.Changed}, {"accessed", t.Accessed}} {
		if ns := fileTime(x.at); ns != 0 {
			r.add(prefix+x.name, timeUTC(ns))
		} else if x.at != 0 {
			r.add(prefix+x.name+"_raw", strconv.FormatInt(x.at, 10))
		}
	}
}

// stomped are reasons to think that the times of a file were set by a program:
// programs set those of $STANDARD_INFORMATION and the system alone those of
// $FILE_NAME. Each has innocent causes as well: copies and archives keep times.
func stomped(m *mft.Record, n *mft.Name) (why []string) {
	if !m.Standard || fileTime(m.Times.Created) == 0 || fileTime(n.Times.Created) == 0 {
		return nil
	}
	const second = 10_000_000
	if m.Times.Created < n.Times.Created-second {
		why = append(why, "created before its name was: $STANDARD_INFORMATION says earlier than $FILE_NAME")
	}
	if m.Times.Created%second == 0 && m.Times.Modified%second == 0 && n.Times.Created%second != 0 {
		why = append(why, "created and modified at whole seconds, unlike the times of its name")
	}
	if m.Times.Created > m.Times.Changed+second && fileTime(m.Times.Changed) != 0 {
		why = append(why, "created after its record was last changed")
	}
	return why
}

func nonZero(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

var urlSecret = regexp.MustCompile(`(?i)(://[^\s/:@]+:)[^\s/@]+@`)

// maskedURL takes the password out of a URL.
func maskedURL(s string) string { return urlSecret.ReplaceAllString(s, "${1}****@") }

func eventMFT(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "mft-"+r.Get("record"))
	p := r.Get("path")
	e.Str(event.FilePath, p)
	e.Str(event.FileName, base(p))
	e.Str(event.FileInode, r.Get("number"))
	e.Str(event.FileHashSHA256, r.Get("sha256"))
	switch {
	case r.Get("record") == "stream":
		e.Str(event.SaksiFileStream, r.Get("stream"))
		e.Str(event.FileForkName, r.Get("stream"))
		p += ":" + r.Get("stream")
	case r.Get("directory") != "":
		e.Str(event.FileType, "dir")
	default:
		e.Str(event.FileType, "file")
	}
	for _, x := range []struct {
		f    event.Field
		name string
	}{{event.FileCreated, "created"}, {event.FileMtime, "modified"}, {event.FileCtime, "changed"}, {event.FileAccessed, "accessed"}} {
		if t, err := time.Parse(time.RFC3339Nano, r.Get(x.name)); err == nil {
			e.Time(x.f, t.UnixNano())
		}
	}
	putNumber(e, event.FileSize, r.Get("size"))
	what := "record of "
	if r.Get("deleted") != "" {
		e.Bool(event.SaksiFileDeleted, true)
		what = "deleted record of "
	}
	if p == "" {
		p = "a file without a name"
	}
	e.Str(event.Message, what+p)
	putData(r, e)
}
