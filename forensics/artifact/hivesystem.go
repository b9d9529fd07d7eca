package artifact

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"saksi/internal/regf"
)

// What keys of the hives SYSTEM and SOFTWARE mean (J. Metz, Windows Registry
// knowledge base).

var computerKey = regexp.MustCompile(`(?i)\\Control\\ComputerName\\ComputerName$`)

func computerName(k *regf.Key, at int64, emit func(*Record) error) error {
	name := textOf(k, "ComputerName")
	if name == "" || !computerKey.MatchString(k.Path) {
		return nil
	}
	return emit(meaning("computer", k, find(k, "ComputerName").Offset, at, "name", name))
}

var zoneKey = regexp.MustCompile(`(?i)\\Control\\TimeZoneInformation$`)

// timeZone is that of the machine; Bias is minutes that UTC is ahead of it.
func timeZone(k *regf.Key, at int64, emit func(*Record) error) error {
	if !zoneKey.MatchString(k.Path) {
		return nil
	}
	minutes := func(name string) string {
		if v := find(k, name); v != nil && len(v.Data) == 4 {
			return strconv.Itoa(int(int32(binary.LittleEndian.Uint32(v.Data))))
		}
		return ""
	}
	return emit(meaning("timezone", k, k.Offset, at, "name", textOf(k, "TimeZoneKeyName"), "standard_name", textOf(k, "StandardName"),
		"bias_min", minutes("Bias"), "active_bias_min", minutes("ActiveTimeBias")))
}

var versionKey = regexp.MustCompile(`(?i)\\Microsoft\\Windows NT\\CurrentVersion$`)

// installation says which Windows this is and when it was installed: InstallDate
// is in seconds from 1970, UTC.
func installation(k *regf.Key, _ int64, emit func(*Record) error) error {
	v := find(k, "InstallDate")
	if v == nil || len(v.Data) != 4 || !versionKey.MatchString(k.Path) {
		return nil
	}
	when := time.Unix(int64(binary.LittleEndian.Uint32(v.Data)), 0)
	return emit(meaning("installation", k, v.Offset, nanos(when), "product", textOf(k, "ProductName"), "version", textOf(k, "CurrentVersion"),
		"display_version", textOf(k, "DisplayVersion"), "build", textOf(k, "CurrentBuild"), "edition", textOf(k, "EditionID"),
		"owner", textOf(k, "RegisteredOwner"), "organization", textOf(k, "RegisteredOrganization"), "installed", timeUTC(nanos(when))))
}

var (
	profileKey   = regexp.MustCompile(`(?i)\\NetworkList\\Profiles\\(\{[0-9A-F-]{36}\})$`)
	signatureKey = regexp.MustCompile(`(?i)\\NetworkList\\Signatures\\(?:Unmanaged|Managed)\\[0-9A-F]+$`)
)

// networks are those the machine was joined to: profiles with times, which are
// local, and signatures with the hardware address of their gateway.
func networks(k *regf.Key, at int64, emit func(*Record) error) error {
	if m := profileKey.FindStringSubmatch(k.Path); m != nil {
		var first, last int64
		if v := find(k, "DateCreated"); v != nil && len(v.Data) == 16 {
			first = systemTime(v.Data)
		}
		if v := find(k, "DateLastConnected"); v != nil && len(v.Data) == 16 {
			last = systemTime(v.Data)
		}
		r := meaning("network", k, k.Offset, last, "name", textOf(k, "ProfileName"), "description", textOf(k, "Description"), "profile", m[1],
			"category", named(textOf(k, "Category"), "0", "public", "1", "private", "2", "domain"),
			"kind", named(textOf(k, "NameType"), "6", "wired", "23", "VPN", "71", "wireless", "243", "mobile"))
		if first != 0 {
			r.add("first_connected", timeUTC(first))
		}
		if last != 0 {
			r.add("last_connected", timeUTC(last))
			r.add("zone", zoneLocal)
		}
		return emit(r)
	}
	if !signatureKey.MatchString(k.Path) {
		return nil
	}
	mac := ""
	if v := find(k, "DefaultGatewayMac"); v != nil && len(v.Data) == 6 {
		mac = fmt.Sprintf("%02X-%02X-%02X-%02X-%02X-%02X", v.Data[0], v.Data[1], v.Data[2], v.Data[3], v.Data[4], v.Data[5])
	}
	return emit(meaning("network", k, k.Offset, at, "name", textOf(k, "FirstNetwork"), "description", textOf(k, "Description"),
		"profile", textOf(k, "ProfileGuid"), "gateway_mac", mac, "dns_suffix", textOf(k, "DnsSuffix")))
}

// named is the word behind s in a list of pairs, or s.
func named(s string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == s {
			return pairs[i+1]
		}
	}
	return s
}

var bamKey = regexp.MustCompile(`(?i)\\Services\\(bam|dam)\\(?:State\\)?UserSettings\\(S-1-[0-9-]+)$`)

// backgroundActivity are the programs that the background activity moderator saw
// run, each with the time of its last run.
func backgroundActivity(k *regf.Key, _ int64, emit func(*Record) error) error {
	m := bamKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	for i := range k.Values {
		v := &k.Values[i]
		if v.Type != 3 || len(v.Data) < 8 || !strings.ContainsAny(v.Name, `\_`) {
			continue
		}
		if err := emit(meaning(strings.ToLower(m[1]), k, v.Offset, fileTimeAt(v.Data, 0), "path", v.Name, "sid", m[2])); err != nil {
			return err
		}
	}
	return nil
}

var mountedKey = regexp.MustCompile(`(?i)^\\MountedDevices$`)

// mountedDevices tell which disk had a drive letter: by the signature of its MBR and an
// offset in bytes, by a GUID of its GPT, or by the name of a removable device.
func mountedDevices(k *regf.Key, at int64, emit func(*Record) error) error {
	if !mountedKey.MatchString(k.Path) {
		return nil
	}
	for i := range k.Values {
		v := &k.Values[i]
		r := meaning("mounted", k, v.Offset, at, "name", v.Name)
		switch d := v.Data; {
		case len(d) == 12:
			r.add("disk_signature", fmt.Sprintf("%08X", binary.LittleEndian.Uint32(d)))
			r.add("partition_offset", strconv.FormatUint(binary.LittleEndian.Uint64(d[4:]), 10))
		case len(d) == 24 && string(d[:8]) == "DMIO:ID:":
			r.add("partition_guid", guid(d[8:]))
		case len(d) > 8 && d[1] == 0:
			r.add("device", utf16Until(d))
		default:
			r.add("data", hex.EncodeToString(d[:min(len(d), 64)]))
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

var deviceTimeKey = regexp.MustCompile(`(?i)\\Enum\\(USBSTOR|USB|SCSI|WpdBusEnumRoot[^\\]*)\\([^\\]+)\\([^\\]+)\\Properties\\\{83da6326-97a6-4088-9453-a1923f573b29\}\\(?:0000)?(006[4-7])(?:\\00000000)?$`)

// deviceTimes are the times in a device's properties: first and last installed,
// last connected and last removed.
func deviceTimes(k *regf.Key, _ int64, emit func(*Record) error) error {
	m := deviceTimeKey.FindStringSubmatch(k.Path)
	if m == nil {
		return nil
	}
	for i := range k.Values {
		v := &k.Values[i]
		when := fileTimeAt(v.Data, 0)
		if len(v.Data) != 8 || when == 0 {
			continue
		}
		what := named(m[4], "0064", "installed", "0065", "first installed", "0066", "last connected", "0067", "last removed")
		if err := emit(meaning("device_time", k, v.Offset, when, "bus", m[1], "device", m[2], "serial", m[3], "what", what)); err != nil {
			return err
		}
	}
	return nil
}
