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
	tableRows, recentLists, userProfiles, interfaces, shutdown, taskCache, readyBoost, mountPoints, recentApps, office, typedTimes, localGroups,
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
		var focus, focused string
		switch len(v.Data) {
		case 16:
			if runs, last = binary.LittleEndian.Uint32(v.Data[4:]), fileTimeAt(v.Data, 8); runs >= 5 {
				runs -= 5 // counting began there
			}
		case 72:
			runs, last = binary.LittleEndian.Uint32(v.Data[4:]), fileTimeAt(v.Data, 60)
			focused = strconv.FormatUint(uint64(binary.LittleEndian.Uint32(v.Data[8:])), 10)
			focus = strconv.FormatUint(uint64(binary.LittleEndian.Uint32(v.Data[12:])), 10)
		default:
			continue
		}
		name := rot13(v.Name)
		if strings.HasPrefix(name, "UEME_CTL") {
			continue
		}
		if err := emit(meaning("userassist", k, v.Offset, last, "path", name, "run_count", strconv.FormatUint(uint64(runs), 10), "focus_count", focused, "focus_ms", focus)); err != nil {
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
