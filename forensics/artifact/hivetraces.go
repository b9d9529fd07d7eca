package artifact

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"saksi/internal/regf"
)

// Keys with times or structures in their values (J. Metz, Windows Registry
// knowledge base).

// numberOf is the number that a value holds, 0 for none.
func numberOf(k *regf.Key, name string) uint64 {
	v := find(k, name)
	switch {
	case v == nil:
	case len(v.Data) == 4:
		return uint64(binary.LittleEndian.Uint32(v.Data))
	case len(v.Data) == 8:
		return binary.LittleEndian.Uint64(v.Data)
	}
	return 0
}

// fileTimeOf is the FILETIME that two values hold, in Unix nanoseconds.
func fileTimeOf(k *regf.Key, high, low string) int64 {
	return fileTime(int64(numberOf(k, high)<<32 | numberOf(k, low)&0xffffffff))
}

// secondsOf is the time in seconds from 1970 that a value holds.
func secondsOf(k *regf.Key, name string) string {
	if n := numberOf(k, name); n > 0 && n < 1<<32 {
		return timeUTC(int64(n) * int64(time.Second))
	}
	return ""
}

var userProfileKey = rx(`\\Windows NT\\CurrentVersion\\ProfileList\\(S-1-[0-9-]+)(\.bak)?$`)

// userProfiles are the profiles of users with when they were last loaded and unloaded.
func userProfiles(k *regf.Key, at int64, emit func(*Record) error) error {
	m := userProfileKey.FindStringSubmatch(k.Path)
	if m == nil || find(k, "ProfileImagePath") == nil {
		return nil
	}
	loaded, unloaded := fileTimeOf(k, "LocalProfileLoadTimeHigh", "LocalProfileLoadTimeLow"), fileTimeOf(k, "LocalProfileUnloadTimeHigh", "LocalProfileUnloadTimeLow")
	if loaded != 0 {
		at = loaded
	}
	return emit(meaning("profile", k, k.Offset, at, "path", textOf(k, "ProfileImagePath"), "sid", m[1], "loaded", timeField(loaded), "unloaded", timeField(unloaded),
		"state", textOf(k, "State"), "backup", strings.TrimPrefix(m[2], ".")))
}

var interfaceKey = rx(`\\Tcpip\\Parameters\\Interfaces\\(\{[0-9A-F-]{36}\}(?:\\[^\\]+)?)$`)

// interfaces are network interfaces with their addresses and leases.
func interfaces(k *regf.Key, at int64, emit func(*Record) error) error {
	m := interfaceKey.FindStringSubmatch(k.Path)
	if m == nil || find(k, "EnableDHCP") == nil && find(k, "DhcpIPAddress") == nil && find(k, "IPAddress") == nil {
		return nil
	}
	return emit(meaning("interface", k, k.Offset, at, "id", m[1], "dhcp", textOf(k, "EnableDHCP"), "dhcp_address", textOf(k, "DhcpIPAddress"), "address", textOf(k, "IPAddress"),
		"mask", firstOf(textOf(k, "DhcpSubnetMask"), textOf(k, "SubnetMask")), "gateway", firstOf(textOf(k, "DhcpDefaultGateway"), textOf(k, "DefaultGateway")),
		"dhcp_server", textOf(k, "DhcpServer"), "name_server", firstOf(textOf(k, "DhcpNameServer"), textOf(k, "NameServer")), "domain", firstOf(textOf(k, "DhcpDomain"), textOf(k, "Domain")),
		"network_hint", networkHint(textOf(k, "DhcpNetworkHint")), "lease_obtained", secondsOf(k, "LeaseObtainedTime"), "lease_ends", secondsOf(k, "LeaseTerminatesTime")))
}

// networkHint is the name of a wireless network: two digits of a hexadecimal byte,
// the lower first.
func networkHint(s string) string {
	if len(s)%2 != 0 || len(s) > 128 {
		return s
	}
	out := make([]byte, len(s)/2)
	for i := range out {
		n, err := strconv.ParseUint(string([]byte{s[2*i+1], s[2*i]}), 16, 8)
		if err != nil {
			return s
		}
		out[i] = byte(n)
	}
	return string(out)
}

var shutdownKey = rx(`\\Control\\Windows$`)

// shutdown is when the system was last shut down.
func shutdown(k *regf.Key, _ int64, emit func(*Record) error) error {
	v := find(k, "ShutdownTime")
	if v == nil || !shutdownKey.MatchString(k.Path) {
		return nil
	}
	return emit(meaning("shutdown", k, v.Offset, fileTimeAt(v.Data, 0), "name", "last shutdown"))
}

var taskKey = rx(`\\Schedule\\TaskCache\\Tasks\\(\{[0-9A-F-]{36}\})$`)

// taskCache are the tasks that the scheduler knows, with when they were registered
// and last run: DynamicInfo has 28 bytes till Windows 7, 36 since.
func taskCache(k *regf.Key, at int64, emit func(*Record) error) error {
	m := taskKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	r := meaning("task", k, k.Offset, at, "task", textOf(k, "Path"), "id", m[1], "author", textOf(k, "Author"), "description", textOf(k, "Description"), "source", textOf(k, "Source"))
	if v := find(k, "DynamicInfo"); v != nil && len(v.Data) >= 28 {
		registered, run := fileTimeAt(v.Data, 4), fileTimeAt(v.Data, 12)
		r.add("registered", timeField(registered))
		r.add("last_run", timeField(run))
		r.add("last_stop", timeField(fileTimeAt(v.Data, 28)))
		if n := binary.LittleEndian.Uint32(v.Data[24:]); n != 0 {
			r.add("last_result", fmt.Sprintf("0x%08x", n))
		}
		if run != 0 {
			r.Time = run
		} else if registered != 0 {
			r.Time = registered
		}
	}
	if v := find(k, "Actions"); v != nil && len(v.Data) > 0 {
		list, context, whole := taskActions(v.Data)
		r.Fields = append(r.Fields, list...)
		r.add("context", context)
		if !whole {
			r.add("actions", "cut short, or of a form that is not known")
		}
	}
	return emit(r)
}

var readyBoostKey = rx(`\\Windows NT\\CurrentVersion\\EMDMgmt\\([^\\]+)$`)

// readyBoost are volumes of removable devices that were tested for ReadyBoost:
// their key's name ends with the label and the serial number in decimal.
func readyBoost(k *regf.Key, at int64, emit func(*Record) error) error {
	m := readyBoostKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	device, label, serial := m[1], "", ""
	if i := strings.LastIndexByte(device, '_'); i >= 0 {
		if n, err := strconv.ParseUint(device[i+1:], 10, 32); err == nil {
			serial, device = fmt.Sprintf("%04X-%04X", n>>16, n&0xffff), device[:i]
			if j := strings.LastIndexAny(device, "}#"); j >= 0 {
				device, label = device[:j+1], device[j+1:]
			}
		}
	}
	if t := fileTime(int64(numberOf(k, "LastTestedTime"))); t != 0 {
		at = t
	}
	return emit(meaning("tested_volume", k, k.Offset, at, "name", label, "volume_serial", serial, "device", device))
}

var mountPointKey = rx(`\\Explorer\\MountPoints2\\([^\\]+)$`)

// mountPoints are volumes and shares that a user saw.
func mountPoints(k *regf.Key, at int64, emit func(*Record) error) error {
	m := mountPointKey.FindStringSubmatch(k.Path)
	if m == nil || m[1] == "CPC" {
		return nil
	}
	if strings.HasPrefix(m[1], "##") {
		return emit(meaning("mount_point", k, k.Offset, at, "path", strings.ReplaceAll(m[1], "#", `\`)))
	}
	return emit(meaning("mount_point", k, k.Offset, at, "volume", m[1], "name", textOf(k, "_LabelFromReg")))
}

var recentAppKey = rx(`\\Search\\RecentApps\\(\{[0-9A-F-]{36}\})(?:\\RecentItems\\\{[0-9A-F-]{36}\})?$`)

// recentApps are programs that a user started, of Windows 10 till 1809.
func recentApps(k *regf.Key, at int64, emit func(*Record) error) error {
	if !recentAppKey.MatchString(k.Path) {
		return nil
	}
	if t := fileTime(int64(numberOf(k, "LastAccessedTime"))); t != 0 {
		at = t
	}
	return emit(meaning("recent_app", k, k.Offset, at, "path", firstOf(textOf(k, "AppPath"), textOf(k, "Path")), "name", firstOf(textOf(k, "AppId"), textOf(k, "DisplayName")), "count", textOf(k, "LaunchCount")))
}

var (
	trustKey  = rx(`\\Office\\([\d.]+)\\([^\\]+)\\Security\\Trusted Documents\\TrustRecords$`)
	officeKey = rx(`\\Office\\([\d.]+)\\([^\\]+)\\(?:User MRU\\[^\\]+\\)?(File|Place) MRU$`)
	oldOffice = rx(`\\Office\\([\d.]+)\\([^\\]+)\\(?:Recent Files|Recent File List|Settings\\Recent File List)$`)
	// [F00000000][T01D6A0B1C2D3E4F5][O00000000]*C:\a.docx
	officeItem = regexp.MustCompile(`(?i)^\[F[0-9A-F]{8}\](?:\[T([0-9A-F]{16})\])?(?:\[O[0-9A-F]{8}\])?\*(.*)$`)
)

// trusted is what Windows writes into a trust record when content was enabled.
const trusted = 0x7fffffff

// office are documents: that a user allowed to be edited or to run macros, and
// that were opened last.
func office(k *regf.Key, at int64, emit func(*Record) error) error {
	if m := trustKey.FindStringSubmatch(k.Path); m != nil {
		for i := range k.Values {
			v := &k.Values[i]
			if len(v.Data) < 24 {
				continue
			}
			allowed := "editing"
			if binary.LittleEndian.Uint32(v.Data[len(v.Data)-4:]) == trusted {
				allowed = "editing and macros"
			}
			if err := emit(meaning("trusted_document", k, v.Offset, fileTimeAt(v.Data, 0), "path", v.Name, "allowed", allowed, "program", m[2], "version", m[1],
				"note", "Microsoft does not say what the time is of: when trust was given, or the document's creation")); err != nil {
				return err
			}
		}
		return nil
	}
	m, form := officeKey.FindStringSubmatch(k.Path), ""
	if m == nil {
		if m = oldOffice.FindStringSubmatch(k.Path); m == nil {
			return nil
		}
	} else {
		form = strings.ToLower(m[3])
	}
	for i := range k.Values {
		v := &k.Values[i]
		number, text := strings.TrimLeft(v.Name, "ItemFl "), valueText(v)
		if _, err := strconv.Atoi(number); err != nil || v.Type != 1 {
			continue
		}
		when := int64(0)
		if p := officeItem.FindStringSubmatch(text); p != nil {
			if n, err := strconv.ParseInt(p[1], 16, 64); err == nil {
				when = fileTime(n)
			}
			text = p[2]
		}
		if when == 0 && number == "1" {
			when = at
		}
		if err := emit(meaning("office_recent", k, v.Offset, when, "path", maskedURL(text), "list", form, "position", number, "program", m[2], "version", m[1])); err != nil {
			return err
		}
	}
	return nil
}

var typedTimesKey = rx(`\\Internet Explorer\\TypedURLsTime$`)

// typedTimes are when the addresses of the same names in TypedURLs were typed.
func typedTimes(k *regf.Key, _ int64, emit func(*Record) error) error {
	if !typedTimesKey.MatchString(k.Path) {
		return nil
	}
	for i := range k.Values {
		v := &k.Values[i]
		if t := fileTimeAt(v.Data, 0); len(v.Data) == 8 && t != 0 {
			if err := emit(meaning("typed_time", k, v.Offset, t, "name", v.Name, "list", "TypedURLs")); err != nil {
				return err
			}
		}
	}
	return nil
}

var aliasKey = rx(`\\Domains\\(Account|Builtin)\\Aliases\\([0-9A-F]{8})$`)

// localGroups are groups of a SAM hive with their members: C has places that count
// from its byte 52.
func localGroups(k *regf.Key, at int64, emit func(*Record) error) error {
	m, v := aliasKey.FindStringSubmatch(k.Path), find(k, "C")
	if m == nil || v == nil || len(v.Data) < 52 {
		return nil
	}
	d := v.Data
	part := func(i int) []byte {
		off, n := uint64(binary.LittleEndian.Uint32(d[i:]))+52, uint64(binary.LittleEndian.Uint32(d[i+4:]))
		if off+n > uint64(len(d)) {
			return nil
		}
		return d[off : off+n]
	}
	r := meaning("group", k, k.Offset, at, "name", utf16All(part(16)), "comment", utf16All(part(28)), "rid", strconv.FormatUint(uint64(binary.LittleEndian.Uint32(d)), 10), "domain", strings.ToLower(m[1]))
	sids := part(40)
	r.add("members", strconv.Itoa(int(binary.LittleEndian.Uint32(d[48:]))))
	if err := emit(r); err != nil {
		return err
	}
	for len(sids) >= 8 {
		size := 8 + 4*int(sids[1])
		if size > len(sids) {
			break
		}
		if err := emit(meaning("group_member", k, v.Offset, at, "name", utf16All(part(16)), "sid", sidText(sids[:size]))); err != nil {
			return err
		}
		sids = sids[size:]
	}
	return nil
}
