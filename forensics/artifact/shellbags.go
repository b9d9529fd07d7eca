package artifact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"saksi/internal/regf"
)

// Shell bags: the folders a user looked into with Explorer, also those that are
// gone, of media that were taken away and of shares (J. Metz, Windows Shell Item
// format). Each value of a BagMRU key is one folder; the key of the same number
// below holds the folders in it.

var bagKey = regexp.MustCompile(`(?i)^(.*\\BagMRU)((?:\\\d+)*)$`)

// maxBags bounds the folders whose paths are kept for those in them; beyond it,
// and below a path of more than maxBagPath bytes, paths begin with "?".
const (
	maxBags    = 1 << 14
	maxBagPath = 4096
)

// shellBags are the paths of folders, by the key that holds what is in them.
type shellBags map[string]string

// read gives the folders of a key. The first of MRUListEx was looked into at the
// key's time, of the others only the order is known.
func (s shellBags) read(k *regf.Key, at int64, emit func(*Record) error) error {
	m := bagKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	parent, known := s[strings.ToLower(k.Path)]
	if m[2] != "" && !known {
		parent = "?" // its own value is lost, or the path is too long
	}
	place := positions(k)
	for i := range k.Values {
		v := &k.Values[i]
		if _, err := strconv.ParseUint(v.Name, 10, 32); err != nil || v.Type != 3 {
			continue
		}
		item := readShellItem(v.Data)
		path := item.name
		if parent != "" {
			path = strings.TrimRight(parent, `\`) + `\` + item.name
		}
		// A hostile hive makes it long; it is told, but not built upon.
		if len(path) <= maxBagPath && len(s) < maxBags {
			s[strings.ToLower(k.Path+`\`+v.Name)] = path
		}
		when, position := int64(0), ""
		if p := place[v.Name]; p > 0 {
			if position = strconv.Itoa(p); p == 1 {
				when = at
			}
		}
		if err := emit(meaning("shellbag", k, v.Offset, when, append([]string{"path", path, "value", v.Name, "position", position}, item.pairs...)...)); err != nil {
			return err
		}
	}
	return nil
}

// positions are the places of values in MRUListEx, from 1.
func positions(k *regf.Key) map[string]int {
	place := map[string]int{}
	if v := find(k, "MRUListEx"); v != nil {
		for i := 0; i+4 <= len(v.Data) && binary.LittleEndian.Uint32(v.Data[i:]) != 0xffffffff; i += 4 {
			place[strconv.FormatUint(uint64(binary.LittleEndian.Uint32(v.Data[i:])), 10)] = i/4 + 1
		}
	}
	return place
}

// shellItem is one part of a path in the shell's folders.
type shellItem struct {
	name  string
	pairs []string // names and values of the rest
}

// shellRoots are folders of the shell by their sort index.
var shellRoots = map[byte]string{
	0x00: "Internet Explorer", 0x42: "Libraries", 0x44: "Users", 0x48: "My Documents", 0x50: "My Computer", 0x58: "Network", 0x60: "Recycle Bin",
	0x68: "Internet Explorer", 0x80: "My Games",
}

// readShellItem reads an item; one that isn't known, or is damaged, has its type
// for a name: its bytes are in the record of the value.
func readShellItem(b []byte) shellItem {
	if len(b) < 3 {
		return shellItem{"(damaged)", []string{"damaged", fmt.Sprintf("an item of %d bytes", len(b))}}
	}
	s := shellItem{}
	if n := int(binary.LittleEndian.Uint16(b)); n >= 3 && n <= len(b) {
		b = b[:n]
	} else {
		s.pairs = append(s.pairs, "damaged", fmt.Sprintf("the item says it has %d bytes; %d are there", n, len(b)))
	}
	kind := b[2]
	add := func(name, value string) { s.pairs = append(s.pairs, name, value) }
	switch {
	case kind == 0x1f && len(b) >= 20:
		add("kind", "root")
		if s.name = shellRoots[b[3]]; s.name == "" {
			s.name = "{" + guid(b[4:]) + "}"
		}
		add("folder", guid(b[4:20]))
	case kind&0x70 == 0x20 && kind&1 != 0:
		add("kind", "volume")
		s.name = latin1Until(b[3:min(len(b), 23)])
	case kind&0x70 == 0x20 && len(b) >= 20:
		add("kind", "volume")
		s.name = "{" + guid(b[4:20]) + "}"
	case kind&0x70 == 0x30 && len(b) >= 14:
		s.file(b, add)
	case kind&0x70 == 0x40 && len(b) >= 6:
		add("kind", "network")
		s.name = latin1Until(b[5:])
	}
	s.extension(b, add)
	for i := 0; i < len(s.pairs); i += 2 {
		if n := s.pairs[i]; s.pairs[i+1] != "" && (n == "modified" || n == "created" || n == "accessed") {
			add("times_zone", "UTC, to 2 s")
			break
		}
	}
	if s.name == "" {
		s.name = fmt.Sprintf("(item of type 0x%02x)", kind)
	}
	return s
}

// file reads an entry of a file system.
func (s *shellItem) file(b []byte, add func(name, value string)) {
	add("kind", map[bool]string{true: "directory", false: "file"}[b[2]&1 != 0])
	if n := binary.LittleEndian.Uint32(b[4:]); n != 0 {
		add("size", strconv.FormatUint(uint64(n), 10))
	}
	add("modified", fatTime(b[8:]))
	if b[2]&4 != 0 {
		s.name = utf16Until(b[14:])
	} else {
		s.name = latin1Until(b[14:])
	}
}

// extension reads the block 0xbeef0004: the long name, the times and the entry of
// the master file table. Its version tells its layout.
func (s *shellItem) extension(b []byte, add func(name, value string)) {
	i := bytes.Index(b, []byte{0x04, 0x00, 0xef, 0xbe})
	if i < 4 || i+14 > len(b) {
		return
	}
	e := b[i-4:]
	e = e[:min(len(e), max(18, int(binary.LittleEndian.Uint16(e))))]
	version := binary.LittleEndian.Uint16(e[2:])
	add("created", fatTime(e[8:]))
	add("accessed", fatTime(e[12:]))
	at := 18
	if version >= 7 {
		if at = 36; len(e) >= 28 {
			if ref := binary.LittleEndian.Uint64(e[20:]); ref != 0 {
				add("mft_entry", strconv.FormatUint(ref&(1<<48-1), 10))
				add("mft_sequence", strconv.FormatUint(ref>>48, 10))
			}
		}
	}
	if version >= 3 {
		at += 2
	}
	if version >= 9 {
		at += 4
	}
	if version >= 8 {
		at += 4
	}
	if at < len(e) {
		if long := utf16Until(e[at:]); long != "" {
			if s.name != "" && s.name != long {
				add("short_name", s.name)
			}
			s.name = long
		}
	}
}

// fatTime is a date and a time of FAT, in UTC as the shell writes it; "" for none.
func fatTime(b []byte) string {
	d, t := int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:]))
	month, day, hour, minute, second := d>>5&15, d&31, t>>11, t>>5&63, t&31*2
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return ""
	}
	return timeUTC(time.Date(1980+d>>9, time.Month(month), day, hour, minute, second, 0, time.UTC).UnixNano())
}
