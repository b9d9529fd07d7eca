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

// shellFolders are folders of the shell by their identifiers; of others it is the name.
var shellFolders = map[string]string{
	"20d04fe0-3aea-1069-a2d8-08002b30309d": "My Computer", "5e5f29ce-e0a8-49d3-af32-7a7bdc173478": "My Computer", "208d2c60-3aea-1069-a2d7-08002b30309d": "Network",
	"f02c1a0d-be21-4350-88b0-7367fc96ef3c": "Network", "645ff040-5081-101b-9f08-00aa002f954e": "Recycle Bin", "450d8fba-ad25-11d0-98a8-0800361b1103": "My Documents",
	"59031a47-3f72-44a7-89c5-5595fe6b30ee": "Users", "031e4825-7b94-4dc3-b131-e946b44c8dd5": "Libraries", "26ee0668-a00a-44d7-9371-beb064c98683": "Control Panel",
	"21ec2020-3aea-1069-a2dd-08002b30309d": "All Control Panel Items", "7b81be6a-ce2b-4676-a29e-eb907a5126c5": "Programs and Features", "bb06c0e4-d293-4f75-8a90-cb05b6477eee": "System",
	"d20ea4e1-3957-11d2-a40b-0c5020524153": "Administrative Tools", "22877a6d-37a1-461a-91b0-dbda5aaebc99": "Recent Places", "9343812e-1c37-4a49-a12e-4b2d810d956b": "Search Home",
	"323ca680-c24d-4099-b94d-446dd2d7249e": "Favorites", "2227a280-3aea-1069-a2de-08002b30309d": "Printers", "ff393560-c2a7-11cf-bff4-444553540000": "History",
	"7007acc7-3202-11d1-aad2-00805fc1270e": "Network Connections", "8e908fc9-becc-40f6-915b-f4ca0e70d03d": "Network and Sharing Center", "8e74d236-7f35-4720-b138-1fed0b85ea75": "OneDrive",
	"35786d3c-b075-49b9-88dd-029876e11c01": "Portable Devices", "a8a91a66-3a7d-4424-8d24-04e180695c7a": "Devices and Printers", "871c5380-42a0-1069-a2ea-08002b30309d": "Internet Explorer",
	"3add1653-eb32-4cb0-bbd7-dfa0abb5acca": "Pictures", "24ad3ad4-a569-4530-98e1-ab02f9417aa8": "Pictures", "1cf1260c-4dd0-4ebb-811f-33c572699fde": "Music",
	"3dfdf296-dbec-4fb4-81d1-6a3438bcf4de": "Music", "a0953c92-50dc-43bf-be83-3742fed03c9c": "Videos", "f86fa3ab-70d2-4fc7-9c99-fcbf05467f3a": "Videos",
	"374de290-123f-4565-9164-39c4925e467b": "Downloads", "088e3905-0323-4b02-9826-5d99428e115f": "Downloads", "a8cdff1c-4878-43be-b5fd-f8091c1c60d0": "Documents",
}

// folderName is the name of a shell folder, or its identifier in braces.
func folderName(id string) string {
	if s := shellFolders[id]; s != "" {
		return s
	}
	return "{" + id + "}"
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
			s.name = folderName(guid(b[4:]))
		}
		add("folder", guid(b[4:20]))
	case kind&0x70 == 0x20 && kind&1 != 0:
		add("kind", "volume")
		s.name = latin1Until(b[3:min(len(b), 23)])
	case kind&0x70 == 0x20 && len(b) >= 20:
		add("kind", "volume")
		s.name = folderName(guid(b[4:20]))
	case kind&0x70 == 0x30 && len(b) >= 14:
		s.file(b, add)
	case kind&0x70 == 0x40 && len(b) >= 6:
		add("kind", "network")
		s.name = latin1Until(b[5:])
	case kind == 0x61 && len(b) >= 8:
		add("kind", "address")
		s.name = shellAddress(b)
	case kind == 0x71 && len(b) >= 30:
		add("kind", "control panel")
		s.name = folderName(guid(b[14:]))
	case kind == 0x74 && len(b) >= 26 && string(b[6:10]) == "CFSF" && b[12]&0x70 == 0x30:
		s.file(b[10:], add) // a folder of the user's, in an item that delegates
	case kind <= 1 && len(b) >= 12 && binary.LittleEndian.Uint32(b[4:]) == 0x39de2184:
		add("kind", "control panel")
		if s.name = "Control Panel"; int(b[8]) < len(panelCategories) {
			s.name = panelCategories[b[8]]
		}
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

// panelCategories are categories of the control panel by their number.
var panelCategories = []string{
	"All Control Panel Items", "Appearance and Personalization", "Hardware and Sound", "Network and Internet", "Sounds, Speech, and Audio Devices", "System and Security",
	"Clock, Language, and Region", "Ease of Access", "Programs", "User Accounts", "Security Center", "Mobile PC",
}

// shellAddress is the URI of an item: behind data whose size is told; its flag 0x80
// says that it is UTF-16.
func shellAddress(b []byte) string {
	at := 6 + int(binary.LittleEndian.Uint16(b[4:]))
	if binary.LittleEndian.Uint16(b[4:]) != 0 {
		at -= 2
	}
	if at += 2; at >= len(b) {
		return ""
	}
	if b[3]&0x80 != 0 {
		return maskedURL(utf16Until(b[at:]))
	}
	return maskedURL(latin1Until(b[at:]))
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
