package artifact

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"saksi/event"
)

// index.dat of Internet Explorer 4 to 9: blocks of 128 bytes with records of
// addresses, redirections and files that were to be deleted.

func init() {
	register(Format{
		Name: "msie",
		Doc: "index.dat of Internet Explorer 4 to 9: history (also by day and week), cache, cookies, downloads and feeds, redirections and files to be deleted; " +
			"records in blocks that are free; times of day and week files are local; titles of pages and values of cookies are not read",
		Reference: "J. Metz, MSIE Cache File (index.dat) format",
		Detect: func(head []byte) bool {
			return strings.HasPrefix(string(head), "Client UrlCache MMF Ver 5.2\x00") || strings.HasPrefix(string(head), "Client UrlCache MMF Ver 4.7\x00")
		},
		Parse: parseMSIE,
		Event: func(r *Record, e *event.Event) {
			eventBrowser("msie")(r, e)
			e.Str(event.HostOSType, "windows")
		},
		Samples: []string{"sample.index.dat"},
		Hostile: []string{"sample.index.dat cut=16700", "sample.index.dat @28=00000001", "sample.index.dat @20484=ffffff7f", "sample.index.dat @20532=ffffff7f"},
	})
}

const (
	msieBlock  = 128
	msieFirst  = 0x4000
	msieBitmap = 0x250
	msieMost   = 1 << 10 // blocks of one record
)

// msiePeriod begins an address of a history by day or week: the days it is of.
var msiePeriod = regexp.MustCompile(`^:(\d{8})(\d{8}): ([^@]*)@(.*)$`)

func parseMSIE(in Input, emit func(*Record) error, problem func(Problem)) error {
	head := make([]byte, msieFirst)
	n, err := in.ReadAt(head, 0)
	if n < 76 {
		return fmt.Errorf("reading the header at offset 0: it is cut: %w", err)
	}
	head = head[:n]
	le := binary.LittleEndian
	if size := int64(le.Uint32(head[28:])); size != in.Size {
		problem(Problem{28, fmt.Sprintf("the header says the file has %d bytes; it has %d", size, in.Size)})
	}
	old := head[24] == '4'
	var folders []string
	for i := 0; i < int(min(le.Uint32(head[72:]), 32)) && 88+12*i <= len(head); i++ {
		folders = append(folders, latin1Until(head[80+12*i:88+12*i]))
	}
	used := func(block int64) bool {
		i := msieBitmap + block/8
		return i < int64(len(head)) && head[i]>>(block%8)&1 != 0
	}
	sig := make([]byte, 8)
	spare := 8 * in.Size
	for off := int64(msieFirst); off+msieBlock <= in.Size; {
		if _, err := in.ReadAt(sig, off); err != nil {
			return fmt.Errorf("reading the block at offset %d: %w", off, err)
		}
		live := used((off - msieFirst) / msieBlock)
		blocks := int64(le.Uint32(sig[4:]))
		kind := string(sig[:4])
		if kind != "URL " && kind != "REDR" && kind != "LEAK" && kind != "HASH" {
			off += msieBlock
			continue
		}
		if blocks == 0 || blocks > msieMost || off+blocks*msieBlock > in.Size {
			if live {
				problem(Problem{off + 4, fmt.Sprintf("the record says it has %d blocks", blocks)})
			}
			off += msieBlock
			continue
		}
		if kind != "HASH" {
			b := make([]byte, blocks*msieBlock)
			if _, err := in.ReadAt(b, off); err != nil {
				return fmt.Errorf("reading the record at offset %d: %w", off, err)
			}
			if r := msieRecord(kind, b, old, folders); r != nil {
				r.Offset = off
				if !live {
					r.add("recovered", "free space")
				}
				if err := emit(r); err != nil {
					return err
				}
			} else if live {
				problem(Problem{off, "the record has no address; it is not read"})
			}
		}
		if spare -= blocks * msieBlock; !live && spare > 0 {
			blocks = 1 // another may begin in it; hostile ones would have each read all that follow
		}
		off += blocks * msieBlock
	}
	return nil
}

// msieRecord reads a record; nil when it says nothing.
func msieRecord(kind string, b []byte, old bool, folders []string) *Record {
	le := binary.LittleEndian
	text := func(at int) string {
		if at+4 > len(b) {
			return ""
		}
		if p := le.Uint32(b[at:]); p >= 24 && int64(p) < int64(len(b)) {
			return latin1Until(b[p:])
		}
		return ""
	}
	folder := func(at int) string {
		if int(b[at]) < len(folders) {
			return folders[b[at]]
		}
		return ""
	}
	switch kind {
	case "REDR":
		r := record("redirect", 0)
		r.add("url", maskedURL(latin1Until(b[16:])))
		return r
	case "LEAK":
		r := record("leak", 0)
		r.add("path", text(60))
		r.add("folder", folder(56))
		r.add("bytes", nonZero(uint64(le.Uint32(b[32:]))))
		return r
	}
	// Behind the size of the cached file, version 4.7 has all 4 bytes later.
	shift := 0
	if old {
		shift = 4
	}
	location := text(52 + shift)
	if location == "" {
		return nil
	}
	second, first := fileTimeAt(b, 8), fileTimeAt(b, 16)
	r := record("cache", first)
	url, local := location, false
	if m := msiePeriod.FindStringSubmatch(location); m != nil {
		r.Fields[0].Value = "visit"
		r.add("user", m[3])
		r.add("days", m[1]+" to "+m[2])
		url = m[4]
		// Of a week the first time is that of the index, the second that of the visit, in
		// local time; of a day the first is the visit's in UTC.
		if day, next := parseNumber(m[1]), parseNumber(m[2]); next-day > 1 && next-day < 80 {
			r.Time, local = second, true
			r.add("indexed", timeField(first))
		} else {
			r.add("local_time", timeField(second))
		}
	} else if kind, rest, ok := strings.Cut(location, ":"); ok && (strings.EqualFold(kind, "Visited") || strings.EqualFold(kind, "Cookie")) {
		r.Fields[0].Value = map[bool]string{true: "visit", false: "cookie"}[strings.EqualFold(kind, "Visited")]
		user, page, found := strings.Cut(strings.TrimSpace(rest), "@")
		if !found {
			user, page = "", rest
		}
		r.add("user", user)
		url = page
	} else if strings.EqualFold(kind, "iedownload") {
		r.Fields[0].Value = "download"
		url = rest
	}
	if r.Fields[0].Value == "cookie" {
		r.add("host", strings.TrimSuffix(url, "/"))
	} else {
		r.add("url", maskedURL(url))
	}
	if k := r.Fields[0].Value; k == "cache" || k == "cookie" {
		r.add("modified", timeField(second))
	}
	r.add("path", text(60+shift))
	r.add("folder", folder(56+shift))
	r.add("bytes", nonZero(uint64(le.Uint32(b[32:]))))
	if old {
		r.add("expires", timeField(fileTimeAt(b, 24)))
	} else {
		r.add("expires", fatTime(b[24:]))
	}
	r.add("checked", fatTime(b[80+shift:]))
	r.add("hits", strconv.FormatUint(uint64(le.Uint32(b[84+shift:])), 10))
	if at, n := int64(le.Uint32(b[68+shift:])), int64(le.Uint32(b[72+shift:])); r.Fields[0].Value == "cache" && at > 0 && n > 0 && at+n <= int64(len(b)) && strings.HasPrefix(string(b[at:]), "HTTP") {
		r.add("response", msieHeaders(latin1Until(b[at:at+n])))
	}
	if local {
		r.add("zone", zoneLocal)
	}
	return r
}

// msieHeaders are the headers of an answer but those that set cookies, at most 2 KiB.
func msieHeaders(s string) string {
	var keep []string
	for _, line := range strings.Split(strings.TrimRight(s, "\r\n"), "\r\n") {
		if name, _, _ := strings.Cut(line, ":"); !strings.EqualFold(name, "Set-Cookie") && !strings.HasPrefix(line, "~U:") {
			keep = append(keep, line)
		}
	}
	s = strings.Join(keep, "\n")
	return s[:min(len(s), 2<<10)]
}
