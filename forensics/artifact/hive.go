package artifact

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"saksi/event"
	"saksi/internal/regf"
)

// Registry hives: each key is a record, and each value one behind it; what some
// keys mean is told in records of their own (hivekeys.go).

func init() {
	register(Format{
		Name: "registry",
		Doc: "registry hives of Windows NT: every key and value, and keys that were deleted; UserAssist, ShimCache (XP to 11), Amcache (files, programs, drivers, devices, shortcuts), " +
			"run keys and other places that start programs (services and their DLLs, debuggers, COM servers of users, tasks, LSA packages, boot programs), " +
			"USB storage, mounted devices, device times, ReadyBoost, portable devices, accounts, groups and profiles, networks, interfaces, shares, mapped drives, BAM, typed paths, searches, lists of " +
			"what was opened (RecentDocs, ComDlg32, Office and its trust records, WinRAR), FeatureUsage, RecentApps, MUICache, shell bags, RDP and SSH clients, installed programs, printers, Defender and firewall, " +
			"computer, time zone, shutdown and installation in records of their own; hashes and secrets are withheld; the transaction logs beside a hive that was not written to its end (.LOG1, .LOG2, .LOG) are replayed in memory, and what is of them marked recovered",
		Reference: "M. Suhanov, Windows registry file format specification; J. Metz, Windows Registry knowledge base",
		Detect: func(head []byte) bool {
			// Their logs begin as they do, with other types of file.
			return strings.HasPrefix(string(head), regf.Magic) && (len(head) < 32 || hiveLogForms[binary.LittleEndian.Uint32(head[28:])] == "")
		},
		Parse:   parseHive,
		Event:   eventHive,
		Beside:  hiveLogs,
		Samples: []string{"sample.hive", "more.hive", "shellbags.hive", "traces.hive"},
		Hostile: []string{
			"sample.hive cut=5000", "sample.hive @36=ffffff7f", "sample.hive @40=ffffffff", "sample.hive @4096=00", "sample.hive @30132=00",
			"sample.hive @30160=00000000", "sample.hive @4352=ffffff7f", "sample.hive @4356=ffffffff", "sample.hive @508=00000000",
			"shellbags.hive cut=5000", "traces.hive cut=9000", "traces.hive @4096=00",
		},
	})
}

// valueTypes are the names of types of values.
var valueTypes = []string{
	"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK", "REG_MULTI_SZ", "REG_RESOURCE_LIST",
	"REG_FULL_RESOURCE_DESCRIPTOR", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD",
}

func valueType(t uint32) string {
	if int(t) < len(valueTypes) {
		return valueTypes[t]
	}
	return fmt.Sprintf("0x%08x", t)
}

// maxShown bounds what is shown of a value, in bytes of its data.
const maxShown = 32 << 10

// valueText shows data by its type.
func valueText(v *regf.Value) string {
	d := v.Data[:min(len(v.Data), maxShown)]
	switch {
	case v.Type == 1 || v.Type == 2 || v.Type == 6:
		return utf16Until(d)
	case v.Type == 7:
		return strings.TrimRight(strings.ReplaceAll(utf16All(d), "\x00", "\n"), "\n")
	case v.Type == 4 && len(d) == 4:
		return strconv.FormatUint(uint64(binary.LittleEndian.Uint32(d)), 10)
	case v.Type == 5 && len(d) == 4:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(d)), 10)
	case v.Type == 11 && len(d) == 8:
		return strconv.FormatUint(binary.LittleEndian.Uint64(d), 10)
	}
	return hex.EncodeToString(d)
}

func utf16All(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

func utf16Until(b []byte) string {
	s, _, _ := strings.Cut(utf16All(b), "\x00")
	return s
}

// windowsEpoch is 1970 in FILETIME ([MS-DTYP] 2.3.3): 100 ns from 1601.
const windowsEpoch = 116444736000000000

// fileTime is a FILETIME in Unix nanoseconds, 0 when it says nothing.
func fileTime(t int64) int64 {
	// Beyond these years it is no time of a file.
	if t <= 0 || t > 200_000_000_000_000_000 || t < 90_000_000_000_000_000 {
		return 0
	}
	return (t - windowsEpoch) * 100
}

func fileTimeAt(b []byte, off int) int64 {
	if off+8 > len(b) {
		return 0
	}
	return fileTime(int64(binary.LittleEndian.Uint64(b[off:])))
}

func parseHive(in Input, emit func(*Record) error, problem func(Problem)) error {
	bags := shellBags{}
	var logs []regf.Log
	for _, ending := range hiveLogs {
		if r, size := in.beside(ending); r != nil {
			logs = append(logs, regf.Log{Name: ending, R: r, Size: size})
		}
	}
	h, err := regf.Read(in, in.Size, logs, func(k *regf.Key) error {
		if err := hiveKey(k, emit); err != nil {
			return err
		}
		return bags.read(k, fileTime(k.Written), markLogged(k, emit))
	}, func(off int64, text string) { problem(Problem{off, text}) })
	if err != nil || h.Name == "" {
		return err
	}
	r := &Record{Time: fileTime(h.Written), Header: 2, Fields: []Field{{"record", "hive"}, {"name", base(h.Name)}, {"path", h.Name}, {"version", h.Version}}}
	for _, s := range h.Replayed[:min(len(h.Replayed), maxData)] {
		r.add("replayed", s)
	}
	return emit(r)
}

// hiveLogs are the endings of transaction logs.
var hiveLogs = []string{".LOG1", ".LOG2", ".LOG"}

// markLogged says of records about a key that something of it is of a log.
func markLogged(k *regf.Key, emit func(*Record) error) func(*Record) error {
	if !k.Logged && !slices.ContainsFunc(k.Values, func(v regf.Value) bool { return v.Logged }) {
		return emit
	}
	return func(r *Record) error {
		r.add("recovered", "log")
		return emit(r)
	}
}

// hiveKey gives the records of a key.
func hiveKey(k *regf.Key, emit func(*Record) error) error {
	at := fileTime(k.Written)
	r := &Record{Offset: k.Offset, Time: at, Header: 2, Fields: []Field{{"record", "key"}, {"key", k.Path}}}
	if k.Class != "" && !bootKey.MatchString(k.Path) {
		r.Fields = append(r.Fields, Field{"class", k.Class})
	}
	if k.Deleted {
		r.Fields = append(r.Fields, Field{"deleted", "true"})
	}
	if k.Logged {
		r.add("recovered", "log")
	}
	if err := emit(r); err != nil {
		return err
	}
	commands := typedKey.MatchString(k.Path) || runKey.MatchString(k.Path) || rowCommands(k.Path)
	for i := range k.Values {
		v := &k.Values[i]
		r := &Record{Offset: v.Offset, Time: at, Header: 2, Fields: []Field{
			{"record", "value"}, {"key", k.Path}, {"value", v.Name}, {"type", valueType(v.Type)}, {"data", valueText(v)},
		}}
		if commands {
			r.Fields[4].Value = maskedEnvironment(v.Name, r.Fields[4].Value)
		}
		if secretValue(k.Path, v.Name) {
			r.Fields[4].Value = ""
			r.Fields = append(r.Fields, Field{"withheld", fmt.Sprintf("%d bytes that hold a hash, a key or a secret", len(v.Data))})
		} else if v.Truncated || len(v.Data) > maxShown {
			r.Fields = append(r.Fields, Field{"truncated", "true"})
		}
		if k.Deleted {
			r.Fields = append(r.Fields, Field{"deleted", "true"})
		}
		if v.Logged {
			r.add("recovered", "log")
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	for _, m := range meanings {
		if err := m(k, at, markLogged(k, emit)); err != nil {
			return err
		}
	}
	return nil
}

// bootKey are keys whose class is a part of the key that encrypts hashes.
var bootKey = regexp.MustCompile(`(?i)\\Control\\Lsa\\(JD|Skew1|GBG|Data)$`)

var (
	secretKeys  = regexp.MustCompile(`(?i)\\(?:Domains\\Account(?:\\Users\\[0-9A-F]{8})?|Policy\\(?:Secrets\\.*|PolEKList|PolSecretEncryptionKey))$`)
	secretNames = regexp.MustCompile(`(?i)^(?:NL\$.+|(?:Alt)?DefaultPassword)$`)
	accountTail = regexp.MustCompile(`(?i)\\[0-9A-F]{8}$`)
	// Remote control and file transfer keep passwords that can be turned back.
	clientPassword = regexp.MustCompile(`(?i)^(?:Password|PasswordPlain|PasswordViewOnly|ControlPassword|ProxyPassword\w*|NewPassword|TunnelPassword\w*|RfbPassword|UserPassword|LoginPassword)$`)
	clientKeys     = regexp.MustCompile(`(?i)\\(?:Martin Prikryl|SimonTatham|RealVNC|TightVNC|TigerVNC|UltraVNC|ORL|Bitvise|FileZilla|Winlogon|mRemoteNG|9bis\.com)(?:\\|$)`)
	policyTail     = regexp.MustCompile(`(?i)\\(?:CurrVal|OldVal|PolEKList|PolSecretEncryptionKey)$`)
)

// secretValue tells whether a value holds hashes, keys or secrets, which are never
// shown: of accounts and domains, of LSA, of cached logons, of automatic logons, of
// programs for remote control. Of deleted keys the path may be lost: their last part decides then.
func secretValue(path, name string) bool {
	switch {
	case secretNames.MatchString(name), policyTail.MatchString(path), clientPassword.MatchString(name) && clientKeys.MatchString(path):
		return true
	case accountTail.MatchString(path):
		// F has the times and counts of an account.
		return strings.EqualFold(name, "V") || secretKeys.MatchString(path) && !strings.EqualFold(name, "F")
	}
	return secretKeys.MatchString(path)
}

func eventHive(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.EventCategory, "registry")
	e.Str(event.EventType, "change") // its time is that of the key's last write
	e.Str(event.HostOSType, "windows")
	kind := r.Get("record")
	e.Str(event.EventAction, "registry-"+kind)
	key, value := strings.TrimPrefix(r.Get("key"), `\`), r.Get("value")
	e.Str(event.RegistryKey, key)
	switch kind {
	case "value":
		if value == "" {
			value = "(Default)"
		}
		e.Str(event.RegistryValue, value)
		e.Str(event.RegistryPath, key+`\`+value)
		e.Str(event.RegistryDataType, r.Get("type"))
		if w := r.Get("withheld"); w != "" {
			e.Str(event.SaksiWindowsData, "withheld="+w)
			break
		}
		for _, s := range strings.Split(r.Get("data"), "\n") {
			e.Str(event.RegistryDataStrings, s)
		}
	case "key":
		e.Str(event.RegistryPath, key)
	default:
		eventMeaning(kind, r, e)
	}
	e.Str(event.SaksiArtifactRecovered, r.Get("recovered"))
	if r.Get("deleted") != "" {
		e.Bool(event.SaksiFileDeleted, true)
	}
	if r.Get("truncated") != "" {
		e.Str(event.SaksiTruncated, event.RegistryDataStrings.Name())
	}
}

// eventMeaning tells what a key means.
func eventMeaning(kind string, r *Record, e *event.Event) {
	p := r.first("path", "command")
	switch kind {
	case "run", "service", "debugger", "exit_monitor", "active_setup", "boot_execute":
		e.Str(event.ProcessCommandLine, p)
		e.Str(event.ServiceName, r.Get("service"))
	case "service_dll":
		e.Str(event.FilePath, p)
		e.Str(event.FileName, base(p))
		e.Str(event.ServiceName, r.Get("service"))
	case "group", "group_member":
		e.Str(event.GroupName, r.Get("name"))
		e.Str(event.GroupID, r.Get("rid"))
		e.Str(event.UserID, r.Get("sid"))
	case "profile":
		e.Str(event.UserName, base(p))
		e.Str(event.UserID, r.Get("sid"))
		e.Str(event.FilePath, p)
	case "last_user", "automatic_logon":
		e.Str(event.UserName, base(r.Get("name")))
		e.Str(event.UserID, r.Get("sid"))
	case "program", "amcache_program":
		e.Str(event.PackageName, r.Get("name"))
		e.Str(event.PackageVersion, r.Get("version"))
	case "interface":
		for _, s := range strings.Fields(r.Get("dhcp_address") + " " + r.Get("address")) {
			if a, err := netip.ParseAddr(s); err == nil && !a.IsUnspecified() {
				e.Addr(event.HostIP, a)
			}
		}
	case "rdp_server", "rdp_recent", "ssh_session":
		e.Str(event.DestinationAddress, r.Get("host"))
		e.Str(event.UserName, r.Get("user"))
	case "usb_device", "disk":
		e.Str(event.DeviceSerialNumber, r.Get("serial"))
		e.Str(event.DeviceModelName, r.Get("name"))
	case "environment", "firewall_rule", "shutdown", "prefetching", "defender_setting":
	case "account":
		e.Str(event.UserName, r.Get("name"))
		e.Str(event.UserID, r.Get("rid"))
		e.Str(event.UserFullName, r.Get("full_name"))
	case "usb":
		e.Str(event.DeviceManufacturer, r.Get("vendor"))
		e.Str(event.DeviceModelName, r.Get("product"))
		e.Str(event.DeviceSerialNumber, r.Get("serial"))
	case "computer":
		e.Str(event.HostName, r.Get("name"))
	case "timezone":
		e.Str(event.EventTimezone, r.Get("name"))
	case "installation":
		e.Str(event.HostOSName, r.Get("product"))
		e.Str(event.HostOSVersion, r.Get("build"))
	case "network":
		e.Str(event.NetworkName, r.Get("name"))
	case "mounted", "typed":
	case "device_time":
		e.Str(event.DeviceSerialNumber, r.Get("serial"))
	default:
		e.Str(event.UserID, r.Get("sid"))
		e.Str(event.FilePath, p)
		e.Str(event.FileName, base(p))
		e.Str(event.FileHashSHA1, r.Get("sha1"))
	}
	for _, f := range r.Fields[r.Header:] {
		if f.Name == "recovered" {
			continue
		}
		e.Str(event.SaksiWindowsData, f.Name+"="+f.Value)
	}
	e.Str(event.Message, strings.TrimSpace(kind+" "+r.first("path", "command", "task", "text", "name", "host", "program", "product", "what", "volume", "device")))
}
