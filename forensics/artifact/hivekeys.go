package artifact

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"saksi/internal/regf"
)

// meanings tell what keys mean that an examiner asks for; each gives records
// for the keys it knows and nothing for others.
var meanings = []func(k *regf.Key, at int64, emit func(*Record) error) error{
	runKeys, services, userAssist, shimCache, amcache, usbStorage, accounts,
	computerName, timeZone, installation, networks, backgroundActivity, mountedDevices, deviceTimes, typed, recentDocs, muiCache,
}

// meaning makes a record of a kind about a key. Pairs are names and values;
// empty values are left out.
func meaning(kind string, k *regf.Key, off, at int64, pairs ...string) *Record {
	r := &Record{Offset: off, Time: at, Header: 2, Fields: []Field{{"record", kind}, {"key", k.Path}}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			r.Fields = append(r.Fields, Field{pairs[i], pairs[i+1]})
		}
	}
	if k.Deleted {
		r.Fields = append(r.Fields, Field{"deleted", "true"})
	}
	return r
}

// find is the value of that name, or nil.
func find(k *regf.Key, name string) *regf.Value {
	for i := range k.Values {
		if strings.EqualFold(k.Values[i].Name, name) {
			return &k.Values[i]
		}
	}
	return nil
}

func textOf(k *regf.Key, name string) string {
	if v := find(k, name); v != nil {
		return valueText(v)
	}
	return ""
}

// runKeys are started with the system or at a logon.
var runKey = regexp.MustCompile(`(?i)\\(Microsoft\\Windows\\CurrentVersion\\(Run|RunOnce|RunOnceEx|RunServices|RunServicesOnce|Policies\\Explorer\\Run)|Microsoft\\Windows NT\\CurrentVersion\\(Winlogon|Windows))$`)

// runValue are the values of Winlogon and Windows that start something.
var runValue = regexp.MustCompile(`(?i)^(Shell|Userinit|Taskman|Load|Run|AppInit_DLLs)$`)

func runKeys(k *regf.Key, at int64, emit func(*Record) error) error {
	m := runKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	for i := range k.Values {
		v := &k.Values[i]
		if m[3] != "" && !runValue.MatchString(v.Name) {
			continue
		}
		if v.Type != 1 && v.Type != 2 || len(v.Data) == 0 {
			continue
		}
		if err := emit(meaning("run", k, v.Offset, at, "name", v.Name, "command", psMasked(valueText(v)))); err != nil {
			return err
		}
	}
	return nil
}

var serviceKey = regexp.MustCompile(`(?i)^\\(?:ControlSet\d{3}|CurrentControlSet)\\Services\\([^\\]+)$`)

func services(k *regf.Key, at int64, emit func(*Record) error) error {
	m := serviceKey.FindStringSubmatch(k.Path)
	if m == nil || find(k, "Type") == nil {
		return nil
	}
	return emit(meaning("service", k, k.Offset, at, "service", m[1], "display_name", textOf(k, "DisplayName"), "path", textOf(k, "ImagePath"),
		"start", textOf(k, "Start"), "type", textOf(k, "Type"), "object_name", textOf(k, "ObjectName")))
}

var userAssistKey = regexp.MustCompile(`(?i)\\Explorer\\UserAssist\\(\{[0-9A-F-]{36}\})\\Count$`)

// userAssist are the programs that a user started from the desktop: names in
// ROT13, 16 bytes before Windows 7, 72 since (Windows Registry knowledge base,
// User Assist).
func userAssist(k *regf.Key, _ int64, emit func(*Record) error) error {
	if !userAssistKey.MatchString(k.Path) {
		return nil
	}
	for i := range k.Values {
		v := &k.Values[i]
		var runs uint32
		var last int64
		var focus string
		switch len(v.Data) {
		case 16:
			if runs, last = binary.LittleEndian.Uint32(v.Data[4:]), fileTimeAt(v.Data, 8); runs >= 5 {
				runs -= 5 // counting began there
			}
		case 72:
			runs, last = binary.LittleEndian.Uint32(v.Data[4:]), fileTimeAt(v.Data, 60)
			focus = strconv.FormatUint(uint64(binary.LittleEndian.Uint32(v.Data[12:])), 10)
		default:
			continue
		}
		name := rot13(v.Name)
		if strings.HasPrefix(name, "UEME_CTL") {
			continue
		}
		if err := emit(meaning("userassist", k, v.Offset, last, "path", name, "run_count", strconv.FormatUint(uint64(runs), 10), "focus_ms", focus)); err != nil {
			return err
		}
	}
	return nil
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}

// maxShims bounds the entries of one cache; Windows keeps 1,024.
const maxShims = 4096

// shimCache are the programs that the compatibility cache saw, with the times
// their files were modified (Windows Registry knowledge base, Application
// Compatibility Cache).
func shimCache(k *regf.Key, _ int64, emit func(*Record) error) error {
	v := find(k, "AppCompatCache")
	if v == nil || !strings.HasSuffix(strings.ToLower(k.Path), `\session manager\appcompatcache`) || len(v.Data) < 52 {
		return nil
	}
	put := func(n int, off int64, path string, modified int64) error {
		return emit(meaning("shimcache", k, v.Offset+off, modified, "path", path, "position", strconv.Itoa(n)))
	}
	d := v.Data
	switch head := binary.LittleEndian.Uint32(d); {
	case head == 0xbadc0fee && len(d) >= 128:
		return shims7(d, put)
	case head == 0x30 || head == 0x34 || head == 0x80:
		return shims10(d, int(head), put)
	}
	return nil
}

// shims7 reads the cache of Windows 7, of 32 or 64 bits: the first entry's
// offset of its path tells which.
func shims7(d []byte, put func(int, int64, string, int64) error) error {
	n := int(min(binary.LittleEndian.Uint32(d[4:]), maxShims))
	wide := len(d) >= 136 && binary.LittleEndian.Uint32(d[132:]) == 0
	step := 32
	if wide {
		step = 48
	}
	for i := range n {
		at := 128 + i*step
		if at+step > len(d) {
			return nil
		}
		size := int(binary.LittleEndian.Uint16(d[at:]))
		off, when := uint64(binary.LittleEndian.Uint32(d[at+4:])), at+8
		if wide {
			off, when = binary.LittleEndian.Uint64(d[at+8:]), at+16
		}
		if off > uint64(len(d)) || int(off)+size > len(d) {
			continue
		}
		if err := put(i, int64(at), utf16All(d[off:int(off)+size]), fileTimeAt(d, when)); err != nil {
			return err
		}
	}
	return nil
}

// shims10 reads the caches since Windows 8: entries behind "00ts" or "10ts",
// each with its size.
func shims10(d []byte, at int, put func(int, int64, string, int64) error) error {
	for n := 0; n < maxShims && at+14 <= len(d); n++ {
		if s := string(d[at : at+4]); s != "10ts" && s != "00ts" {
			return nil
		}
		size := int(binary.LittleEndian.Uint32(d[at+8:]))
		end := at + 12 + size
		name := int(binary.LittleEndian.Uint16(d[at+12:]))
		if size < 14 || end > len(d) || at+14+name > end {
			return nil
		}
		when := at + 14 + name
		if string(d[at:at+4]) == "10ts" && at+14+name+8 > end {
			return nil
		}
		if len(d) > 4 && binary.LittleEndian.Uint32(d) == 0x80 { // Windows 8: a package name and flags come first
			if when+2 > end {
				return nil
			}
			when += 2 + int(binary.LittleEndian.Uint16(d[when:])) + 8
		}
		if err := put(n, int64(at), utf16All(d[at+14:at+14+name]), fileTimeAt(d[:end], when)); err != nil {
			return err
		}
		at = end
	}
	return nil
}

var amcacheKey = regexp.MustCompile(`(?i)^\\Root\\(InventoryApplicationFile\\[^\\]+|File\\\{[^\\]+\}\\[^\\]+)$`)

// amcache are the programs that were started or installed, with their SHA-1
// behind four zeros.
func amcache(k *regf.Key, at int64, emit func(*Record) error) error {
	if !amcacheKey.MatchString(k.Path) {
		return nil
	}
	path, id := textOf(k, "LowerCaseLongPath"), textOf(k, "FileId")
	if path == "" { // Windows 8: numbers for names
		path, id = textOf(k, "15"), textOf(k, "101")
	}
	if path == "" {
		return nil
	}
	sha1 := ""
	if len(id) == 44 && strings.HasPrefix(id, "0000") {
		sha1 = strings.ToLower(id[4:])
	}
	return emit(meaning("amcache", k, k.Offset, at, "path", path, "sha1", sha1, "publisher", textOf(k, "Publisher"), "version", textOf(k, "Version"),
		"product", textOf(k, "ProductName"), "link_date", textOf(k, "LinkDate"), "size", textOf(k, "Size")))
}

var usbKey = regexp.MustCompile(`(?i)\\Enum\\USBSTOR\\Disk&Ven_([^&\\]*)&Prod_([^&\\]*)(?:&Rev_([^\\]*))?\\([^\\]+)$`)

func usbStorage(k *regf.Key, at int64, emit func(*Record) error) error {
	m := usbKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	return emit(meaning("usb", k, k.Offset, at, "vendor", m[1], "product", m[2], "revision", m[3], "serial", m[4], "name", textOf(k, "FriendlyName")))
}

var accountKey = regexp.MustCompile(`(?i)\\Domains\\Account\\Users\\([0-9A-F]{8})$`)

// accounts are the local users of a SAM hive: F holds times and flags, V names
// by offset and length from its byte 204 (Windows Registry knowledge base,
// Security Account Manager).
func accounts(k *regf.Key, at int64, emit func(*Record) error) error {
	m := accountKey.FindStringSubmatch(k.Path)
	f, v := find(k, "F"), find(k, "V")
	if m == nil || f == nil || v == nil || len(f.Data) < 68 || len(v.Data) < 204 {
		return nil
	}
	rid, err := strconv.ParseUint(m[1], 16, 32)
	if err != nil {
		return nil
	}
	name := func(i int) string {
		off, n := uint64(binary.LittleEndian.Uint32(v.Data[i:]))+204, uint64(binary.LittleEndian.Uint32(v.Data[i+4:]))
		if off+n > uint64(len(v.Data)) {
			return ""
		}
		return utf16All(v.Data[off : off+n])
	}
	when := func(off int) string {
		if t := fileTimeAt(f.Data, off); t != 0 {
			return timeUTC(t)
		}
		return ""
	}
	flags := binary.LittleEndian.Uint16(f.Data[56:])
	last := fileTimeAt(f.Data, 8)
	if last == 0 {
		last = at
	}
	return emit(meaning("account", k, k.Offset, last, "name", name(12), "full_name", name(24), "comment", name(36), "rid", strconv.FormatUint(rid, 10),
		"last_logon", when(8), "password_set", when(24), "last_failed_logon", when(40), "logons", strconv.Itoa(int(binary.LittleEndian.Uint16(f.Data[66:]))),
		"failed_logons", strconv.Itoa(int(binary.LittleEndian.Uint16(f.Data[64:]))), "disabled", fmt.Sprint(flags&1 != 0)))
}
