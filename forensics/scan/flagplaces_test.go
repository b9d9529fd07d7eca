package scan

import (
	"strings"
	"testing"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
)

// TestPlaceFlags proves which places and names of programs are told, and which are
// not.
func TestPlaceFlags(t *testing.T) {
	for _, c := range []struct{ path, stream, program, want string }{
		{"/Windows/Temp/a.exe", "", "PE", "place-temporary-folder"},
		{"/Users/u/AppData/Local/Temp/x/a.exe", "", "PE", "place-temporary-folder"},
		{"/Documents and Settings/u/Local Settings/Temp/a.exe", "", "PE", "place-temporary-folder"},
		{"/tmp/a", "", "ELF", "place-temporary-folder"},
		{"/dev/shm/a", "", "ELF", "place-temporary-folder"},
		{"/Windows/Temp/a.txt", "", "", ""},
		{"/Windows/Temp/a.exe", "", "", ""}, // an empty or broken file is no program
		{"/$Recycle.Bin/S-1/$R1.exe", "", "PE", "place-recycle-bin"},
		{"/home/u/.local/share/Trash/files/a", "", "ELF", ""},
		{"/Users/u/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/a.lnk", "", "", "place-startup"},
		{"/ProgramData/Microsoft/Windows/Start Menu/Programs/StartUp/a.exe", "", "PE", "place-startup"},
		{"/ProgramData/Microsoft/Windows/Start Menu/Programs/StartUp/desktop.ini", "", "", ""},
		{"/Users/Public/a.exe", "", "PE", "place-shared-folder"},
		{"/ProgramData/a.exe", "", "PE", "place-shared-folder"},
		{"/ProgramData/Vendor/a.exe", "", "PE", ""},
		{"/Users/u/a.exe", "", "PE", "place-user-profile"},
		{"/Users/u/AppData/Roaming/a.exe", "", "PE", "place-user-profile"},
		{"/Users/u/AppData/Local/Vendor/app/a.exe", "", "PE", ""},
		{"/Users/u/Pictures/2024/a.exe", "", "PE", "place-user-profile"},
		{"/Windows/Fonts/a.exe", "", "PE", "place-system-folder"},
		{"/Windows/System32/a.exe", "", "PE", ""},
		{"/Program Files/App/a.exe", "", "PE", ""},
		{"/home/u/.x", "", "ELF", "place-hidden-file"},
		{"/home/u/.cache/.x", "", "ELF", "place-hidden-file"},
		{"/home/u/.cache/x", "", "ELF", ""},
		{"/usr/bin/x", "", "ELF", ""},
		{"/var/www/html/x", "", "ELF", "place-web-folder"},
		{"/a.txt", "b.exe", "PE", "stream"},
		{"/a.txt", "b.exe", "", "stream"},
		{"/a.txt", "Zone.Identifier", "", ""},
		{"/Windows/System32/svchost.exe", "", "PE", ""},
		{"/Windows/WinSxS/x/svchost.exe", "", "PE", ""},
		{"/$WINDOWS.~BT/NewOS/Windows/System32/lsass.exe", "", "PE", ""},
		{"/Windows.old/Windows/System32/lsass.exe", "", "PE", ""},
		{"/Program Files/App/LSASS.EXE", "", "PE", "system-name"},
		{"/Users/u/svchost.exe", "", "PE", "system-name place-user-profile"},
	} {
		en := filesystem.Entry{Path: c.path, Stream: c.stream, Kind: filesystem.File}
		base := c.path[strings.LastIndexByte(c.path, '/')+1:]
		if c.stream != "" {
			base = c.stream
		}
		var ids []string
		for _, f := range placeFlags(&en, base, &disk.Result{Program: c.program, Read: 10}) {
			ids = append(ids, f.id)
			if len(f.basis) == 0 || f.innocent == "" || f.severity == 0 {
				t.Errorf("%s %s: it says neither what it rests on nor what else gives it: %+v", c.path, f.id, f)
			}
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s:%s %s: %q, want %q", c.path, c.stream, c.program, got, c.want)
		}
	}
}
