package artifact

import (
	"encoding/binary"
	"regexp"
	"strconv"
	"strings"

	"saksi/internal/regf"
)

// maxShims bounds the entries of one cache; Windows keeps 1,024.
const maxShims = 4096

// shim is an entry of the compatibility cache.
type shim struct {
	number   int
	off      int64 // in the value
	path     string
	modified int64
	more     []string // pairs of names and values
}

// shimCache are the programs that the compatibility cache saw, with the times
// their files were modified (Windows Registry knowledge base, Application
// Compatibility Cache).
func shimCache(k *regf.Key, _ int64, emit func(*Record) error) error {
	v := find(k, "AppCompatCache")
	lower := strings.ToLower(k.Path)
	if v == nil || len(v.Data) < 8 || !strings.HasSuffix(lower, `\session manager\appcompatcache`) && !strings.HasSuffix(lower, `\session manager\appcompatibility`) {
		return nil
	}
	put := func(s shim) error {
		return emit(meaning("shimcache", k, v.Offset+s.off, s.modified, append([]string{"path", s.path, "position", strconv.Itoa(s.number)}, s.more...)...))
	}
	d := v.Data
	switch head := binary.LittleEndian.Uint32(d); {
	case head == 0xdeadbeef && len(d) >= 400:
		return shimsXP(d, put)
	case head == 0xbadc0ffe:
		return shimsTable(d, 8, put)
	case head == 0xbadc0fee && len(d) >= 128:
		return shimsTable(d, 128, put)
	case len(d) > 52 && (head == 0x30 || head == 0x34 || head == 0x80):
		return shims10(d, int(head), put)
	}
	return nil
}

// shimsXP reads the cache of Windows XP of 32 bits: entries of 552 bytes.
func shimsXP(d []byte, put func(shim) error) error {
	n := int(min(binary.LittleEndian.Uint32(d[4:]), maxShims))
	for i := range n {
		at := 400 + 552*i
		if at+552 > len(d) {
			return nil
		}
		more := []string{"size", strconv.FormatUint(binary.LittleEndian.Uint64(d[at+536:]), 10), "updated", timeField(fileTimeAt(d, at+544))}
		if err := put(shim{i, int64(at), utf16Until(d[at : at+528]), fileTimeAt(d, at+528), more}); err != nil {
			return err
		}
	}
	return nil
}

// shimsTable reads the caches of Windows 2003 to 7, of 32 or 64 bits: the padding
// before the first entry's offset of its path tells which. Of Windows 2003 the
// entries end with a file's size, later with two words of flags, of which the
// first has bit 1 when the program was run.
func shimsTable(d []byte, at int, put func(shim) error) error {
	n := int(min(binary.LittleEndian.Uint32(d[4:]), maxShims))
	wide := len(d) >= at+8 && binary.LittleEndian.Uint32(d[at+4:]) == 0
	step, seven := 24, at == 128
	switch {
	case seven && wide:
		step = 48
	case seven || wide:
		step = 32
	}
	entry := func(i int) (b []byte, off uint64, when int) {
		b = d[at+i*step : at+(i+1)*step]
		if wide {
			return b, binary.LittleEndian.Uint64(b[8:]), 16
		}
		return b, uint64(binary.LittleEndian.Uint32(b[4:])), 8
	}
	n = min(n, (len(d)-at)/step)
	sized := false // a number beyond all flags is a size, of Windows 2003
	for i := range n {
		b, _, when := entry(i)
		sized = sized || !seven && (binary.LittleEndian.Uint32(b[when+8:]) > 0xffff)
	}
	for i := range n {
		b, off, when := entry(i)
		size := uint64(binary.LittleEndian.Uint16(b))
		if off > uint64(len(d)) || off+size > uint64(len(d)) {
			continue
		}
		flags := binary.LittleEndian.Uint32(b[when+8:])
		more := []string{"size", strconv.FormatUint(uint64(flags), 10)}
		if !sized {
			more = []string{"executed", map[bool]string{true: "yes", false: "no"}[flags&2 != 0]}
		}
		if err := put(shim{i, int64(at + i*step), utf16All(d[off : off+size]), fileTimeAt(b, when), more}); err != nil {
			return err
		}
	}
	return nil
}

// shims10 reads the caches since Windows 8: entries behind "00ts" or "10ts",
// each with its size.
func shims10(d []byte, at int, put func(shim) error) error {
	eight := binary.LittleEndian.Uint32(d) == 0x80
	for n := 0; n < maxShims && at+14 <= len(d); n++ {
		if s := string(d[at : at+4]); s != "10ts" && s != "00ts" {
			return nil
		}
		size := int(binary.LittleEndian.Uint32(d[at+8:]))
		end := at + 12 + size
		name := int(binary.LittleEndian.Uint16(d[at+12:]))
		if size < 14 || size > len(d) || end > len(d) || at+14+name > end {
			return nil
		}
		when := at + 14 + name
		var more []string
		if eight {
			// Of 8.0 two words of flags, the time and the size of data follow; of 8.1, the
			// name of a package goes before them.
			if when+20 > end || when+20+int(binary.LittleEndian.Uint32(d[when+16:])) != end {
				if when+2 > end {
					return nil
				}
				when += 2 + int(binary.LittleEndian.Uint16(d[when:]))
			}
			if when+8 > end {
				return nil
			}
			more = []string{"executed", map[bool]string{true: "yes", false: "no"}[binary.LittleEndian.Uint32(d[when:])&2 != 0]}
			when += 8
		}
		if err := put(shim{n, int64(at), utf16All(d[at+14 : at+14+name]), fileTimeAt(d[:end], when), more}); err != nil {
			return err
		}
		at = end
	}
	return nil
}

var (
	amcacheKey  = rx(`^\\Root\\(?:InventoryApplicationFile\\[^\\]+|File\\\{[^\\]+\}\\[^\\]+)$`)
	amcacheRows = []struct {
		kind   string
		path   *regexp.Regexp
		values []string
	}{
		{"amcache_program", rx(`^\\Root\\InventoryApplication\\(?P<id>[^\\]+)$`), []string{
			"Name", "name", "Version", "version", "Publisher", "publisher", "Type", "type", "Source", "source", "RootDirPath", "location", "UninstallString", "uninstall",
			"InstallDate", "installed", "InstallDateArpLastModified", "list_changed", "InstallDateFromLinkFile", "link_date", "OSVersionAtInstallTime", "os_version", "PackageFullName", "package",
		}},
		{"amcache_program", rx(`^\\Root\\Programs\\(?P<id>[^\\]+)$`), []string{"0", "name", "1", "version", "2", "publisher", "3", "language", "6", "type", "7", "uninstall", "d", "location"}},
		{"amcache_driver", rx(`^\\Root\\InventoryDriverBinary\\(?P<path>[^\\]+)$`), []string{
			"DriverName", "name", "DriverVersion", "version", "DriverCompany", "publisher", "Product", "product", "Service", "driver_service", "Inf", "inf", "DriverSigned", "signed",
			"DriverIsKernelMode", "kernel_mode", "DriverLastWriteTime", "modified", "DriverTimeStamp", "link_time", "ImageSize", "size", "DriverId", "file_id",
		}},
		{"amcache_driver_package", rx(`^\\Root\\InventoryDriverPackage\\(?P<id>[^\\]+)$`), []string{"Inf", "inf", "Provider", "publisher", "Version", "version", "Class", "class", "Date", "date", "Directory", "path", "SubmissionId", "submission"}},
		{"amcache_device", rx(`^\\Root\\InventoryDevicePnp\\(?P<id>[^\\]+)$`), []string{
			"Description", "name", "Manufacturer", "vendor", "Model", "product", "Class", "class", "Enumerator", "bus", "ParentId", "parent", "ContainerId", "container", "Service", "driver_service",
			"InstallDate", "installed", "FirstInstallDate", "first_installed", "DriverName", "driver", "DriverVerVersion", "version", "MatchingID", "matching",
		}},
		{"amcache_container", rx(`^\\Root\\InventoryDeviceContainer\\(?P<id>[^\\]+)$`), []string{
			"FriendlyName", "name", "Manufacturer", "vendor", "ModelName", "product", "ModelNumber", "model_number", "PrimaryCategory", "category", "IsConnected", "connected", "State", "state",
		}},
		{"amcache_shortcut", rx(`^\\Root\\InventoryApplicationShortcut\\(?P<id>[^\\]+)$`), []string{"ShortcutPath", "path", "ShortcutTargetPath", "target", "ShortcutProgramId", "program_id"}},
	}
)

// sha1Of is the digest in an identifier: it lies behind four zeros.
func sha1Of(id string) string {
	if len(id) == 44 && strings.HasPrefix(id, "0000") {
		return strings.ToLower(id[4:])
	}
	return ""
}

// amcache are the programs that were started or installed, with their SHA-1,
// drivers, devices and shortcuts.
func amcache(k *regf.Key, at int64, emit func(*Record) error) error {
	if !strings.HasPrefix(strings.ToLower(k.Path), `\root\`) || len(k.Values) == 0 {
		return nil
	}
	if amcacheKey.MatchString(k.Path) {
		return amcacheFile(k, at, emit)
	}
	for _, row := range amcacheRows {
		m := row.path.FindStringSubmatch(k.Path)
		if m == nil {
			continue
		}
		r := meaning(row.kind, k, k.Offset, at, groups(row.path, m)...)
		for i := 0; i+1 < len(row.values); i += 2 {
			text := textOf(k, row.values[i])
			switch row.values[i+1] {
			case "link_time":
				text = secondsOf(k, row.values[i])
			case "uninstall":
				text = psMasked(text)
			case "file_id":
				r.add("sha1", sha1Of(text))
				continue
			}
			r.add(row.values[i+1], text)
		}
		if strings.HasPrefix(strings.ToLower(k.Path), `\root\programs\`) {
			r.add("installed", secondsOf(k, "a"))
		}
		return emit(r)
	}
	return nil
}

// amcacheFile is a file; Windows 8 has numbers for the names of values.
func amcacheFile(k *regf.Key, at int64, emit func(*Record) error) error {
	path := textOf(k, "LowerCaseLongPath")
	if path != "" {
		return emit(meaning("amcache", k, k.Offset, at, "path", path, "sha1", sha1Of(textOf(k, "FileId")), "publisher", textOf(k, "Publisher"), "version", textOf(k, "Version"),
			"product", textOf(k, "ProductName"), "link_date", textOf(k, "LinkDate"), "size", textOf(k, "Size"), "program_id", textOf(k, "ProgramId"), "original_name", textOf(k, "OriginalFileName")))
	}
	if path = textOf(k, "15"); path == "" {
		return nil
	}
	when := func(name string) string { return timeField(fileTime(int64(numberOf(k, name)))) }
	return emit(meaning("amcache", k, k.Offset, at, "path", path, "sha1", sha1Of(textOf(k, "101")), "publisher", textOf(k, "1"), "version", textOf(k, "5"),
		"product", textOf(k, "0"), "description", textOf(k, "c"), "link_date", secondsOf(k, "f"), "size", textOf(k, "6"), "program_id", textOf(k, "100"),
		"modified", firstOf(when("17"), when("11")), "created", when("12")))
}
