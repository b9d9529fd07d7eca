package asset

// What texts say of operating systems: agents, banners and classes of DHCP, and how
// systems are called by their numbers.

import (
	"strconv"
	"strings"
)

// builds are the releases of Windows by the build they begin with (Microsoft,
// "Windows release information").
var builds = []struct {
	build   int
	version string
}{
	{26100, "11 24H2 or Server 2025"},
	{22631, "11 23H2"},
	{22621, "11 22H2"},
	{22000, "11 21H2"},
	{20348, "Server 2022"},
	{19045, "10 22H2"},
	{19044, "10 21H2"},
	{19043, "10 21H1"},
	{19042, "10 20H2"},
	{19041, "10 2004"},
	{18363, "10 1909"},
	{18362, "10 1903"},
	{17763, "10 1809 or Server 2019"},
	{17134, "10 1803"},
	{16299, "10 1709"},
	{15063, "10 1703"},
	{14393, "10 1607 or Server 2016"},
	{10586, "10 1511"},
	{10240, "10 1507"},
	{9600, "8.1 or Server 2012 R2"},
	{9200, "8 or Server 2012"},
	{7600, "7 or Server 2008 R2"},
	{6000, "Vista or Server 2008"},
	{3790, "Server 2003"},
	{2600, "XP"},
	{2195, "2000"},
}

// windowsBuild names a version as NTLM gives it. Samba says 6.1 and no build.
func windowsBuild(v string) (name, version string) {
	major, rest, dotted := strings.Cut(v, ".")
	n, err := strconv.Atoi(v[strings.LastIndexByte(v, '.')+1:])
	if err != nil || n == 0 || n > 99999 || dotted && (major != "5" && major != "6" && major != "10" || !strings.Contains(rest, ".")) {
		return "", ""
	}
	for _, b := range builds {
		if n >= b.build {
			return "Windows", b.version + " (build " + v + ")"
		}
	}
	return "Windows", "(build " + v + ")"
}

// systemNames are words that name a system in what hosts say of themselves;
// the first that is found counts. mark begins what may be followed by a version.
var systemNames = []struct{ mark, name, typ string }{
	{"cisco ios xe software", "Cisco IOS XE", ""},
	{"cisco ios-xe", "Cisco IOS XE", ""},
	{"cisco ios", "Cisco IOS", ""},
	{"cisco nx-os", "Cisco NX-OS", ""},
	{"cisco adaptive security appliance", "Cisco ASA", ""},
	{"ssh-2.0-cisco", "Cisco IOS", ""},
	{"cisco-", "Cisco IOS", ""},
	{"junos", "Junos", ""},
	{"routeros", "RouterOS", "linux"},
	{"mikrotik", "RouterOS", "linux"},
	{"fortios", "FortiOS", ""},
	{"fortigate", "FortiOS", ""},
	{"fortissh", "FortiOS", ""},
	{"pan-os", "PAN-OS", ""},
	{"arubaos", "ArubaOS", ""},
	{"huawei-", "Huawei VRP", ""},
	{"vrp (r)", "Huawei VRP", ""},
	{"edgeos", "EdgeOS", "linux"},
	{"openwrt", "OpenWrt", "linux"},
	{"synology", "Synology DSM", "linux"},
	{"qnap", "QNAP QTS", "linux"},
	{"vmware esxi", "VMware ESXi", ""},
	{"ubuntu", "Ubuntu", "linux"},
	{"raspbian", "Raspbian", "linux"},
	{"debian", "Debian", "linux"},
	{"red hat", "Red Hat", "linux"},
	{"rhel", "Red Hat", "linux"},
	{"centos", "CentOS", "linux"},
	{"rocky", "Rocky Linux", "linux"},
	{"almalinux", "AlmaLinux", "linux"},
	{"fedora", "Fedora", "linux"},
	{"suse", "SUSE", "linux"},
	{"amazon linux", "Amazon Linux", "linux"},
	{"amzn", "Amazon Linux", "linux"},
	{"alpine", "Alpine", "linux"},
	{"kali", "Kali", "linux"},
	{"arch linux", "Arch", "linux"},
	{"gentoo", "Gentoo", "linux"},
	{"windows server ", "Windows Server", "windows"},
	{"windows ", "Windows", "windows"},
	{"win32", "Windows", "windows"},
	{"win64", "Windows", "windows"},
	{"microsoft-iis/", "Windows", "windows"},
	{"openssh_for_windows", "Windows", "windows"},
	{"microsoft-httpapi", "Windows", "windows"},
	{"weonlydo", "Windows", "windows"},
	{"bitvise", "Windows", "windows"},
	{"freebsd", "FreeBSD", "unix"},
	{"openbsd", "OpenBSD", "unix"},
	{"netbsd", "NetBSD", "unix"},
	{"sunos", "Solaris", "unix"},
	{"solaris", "Solaris", "unix"},
	{"aix", "AIX", "unix"},
	{"hp-ux", "HP-UX", "unix"},
	{"mac os x", "macOS", "macos"},
	{"macos", "macOS", "macos"},
	{"darwin", "macOS", "macos"},
	{"macbook", "macOS", "macos"},
	{"macmini", "macOS", "macos"},
	{"imac", "macOS", "macos"},
	{"iphone", "iOS", "ios"},
	{"ipad", "iOS", "ios"},
	{"android", "Android", "android"},
	{"vxworks", "VxWorks", ""},
	{"qnx", "QNX", ""},
	{"busybox", "Linux", "linux"},
	{"dropbear", "Linux", "linux"},
	{"linux", "Linux", "linux"},
	{"unix", "Unix", "unix"},
}

// iisVersions are the systems that a version of IIS comes with (Microsoft, "IIS
// versions").
var iisVersions = map[string]string{
	"5.1": "XP", "6.0": "Server 2003", "7.0": "Vista or Server 2008", "7.5": "7 or Server 2008 R2", "8.0": "8 or Server 2012", "8.5": "8.1 or Server 2012 R2", "10.0": "10 or Server 2016 or later",
}

// lowerASCII is s with its letters of ASCII as small ones, byte by byte, so that
// places in both are the same: strings.ToLower changes the length of what is no
// UTF-8, and of some letters.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c - 'A' + 'a'
		}
	}
	return string(b)
}

// systemIn finds the system that a text names.
func systemIn(s string) (name, version, typ string) {
	low := lowerASCII(s)
	for _, x := range systemNames {
		i := strings.Index(low, x.mark)
		if i < 0 || i > 0 && isWord(low[i-1]) && isWord(x.mark[0]) && x.mark != "mikrotik" {
			continue
		}
		rest := s[i+len(x.mark):]
		switch x.mark {
		case "microsoft-iis/":
			v := leading(rest)
			return x.name, iisVersions[v], x.typ
		case "debian":
			return x.name, debianVersion(rest, low), x.typ
		case "ubuntu":
			return x.name, ubuntuVersion(rest, low), x.typ
		case "win32", "win64", "microsoft-httpapi", "weonlydo", "bitvise", "openssh_for_windows", "dropbear", "busybox", "macbook", "macmini", "imac":
			return x.name, "", x.typ
		case "cisco ios", "cisco ios xe software", "cisco nx-os", "cisco adaptive security appliance", "junos":
			if k := strings.Index(lowerASCII(rest), "version "); k >= 0 {
				return x.name, firstWord(rest[k+8:]), x.typ
			}
		}
		if x.typ == "windows" {
			return x.name, windowsVersion(rest), x.typ
		}
		return x.name, leading(strings.TrimLeft(rest, " /-_v")), x.typ
	}
	return "", "", ""
}

func isWord(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// leading is the number with dots that s begins with.
func leading(s string) string {
	n := 0
	for n < len(s) && n < 24 && (s[n] >= '0' && s[n] <= '9' || s[n] == '.' || n > 0 && (s[n] == '(' || s[n] == ')' || s[n] == '_' && n+1 < len(s) && s[n+1] >= '0' && s[n+1] <= '9')) {
		n++
	}
	return strings.ReplaceAll(strings.TrimRight(s[:n], "._()"), "_", ".")
}

func firstWord(s string) string {
	if i := strings.IndexAny(s, " ,;\r\n"); i >= 0 {
		s = s[:i]
	}
	return s[:min(len(s), 32)]
}

// windowsVersion reads "NT 10.0", "5.1", "10 Pro 19041", "2008 R2 Standard".
func windowsVersion(rest string) string {
	rest = strings.TrimLeft(rest, " /")
	if _, build, ok := strings.Cut(strings.ToLower(rest), "(build "); ok {
		_, version := windowsBuild(leading(build))
		return version
	}
	if v, ok := strings.CutPrefix(strings.ToLower(rest), "nt "); ok {
		v = leading(v)
		if n := ntVersions[v]; n != "" {
			return n
		}
		return "NT " + v
	}
	if n := ntVersions[leading(rest)]; n != "" && strings.Contains(leading(rest), ".") {
		return n
	}
	if i := strings.IndexAny(rest, ";,()\r\n"); i >= 0 {
		rest = rest[:i]
	}
	if rest == "" || rest[0] != 'X' && rest[0] != 'V' && (rest[0] < '0' || rest[0] > '9') {
		return ""
	}
	return strings.TrimSpace(rest[:min(len(rest), 40)])
}

// ntVersions are the releases of Windows NT by their version (Microsoft,
// "Operating system version").
var ntVersions = map[string]string{
	"5.0": "2000", "5.1": "XP", "5.2": "Server 2003 or XP x64", "6.0": "Vista or Server 2008", "6.1": "7 or Server 2008 R2",
	"6.2": "8 or Server 2012", "6.3": "8.1 or Server 2012 R2", "10.0": "10 or later",
}

// debianVersion reads the release out of "+deb12u3" or "deb9u1".
func debianVersion(rest, low string) string {
	if i := strings.Index(low, "deb"); i >= 0 {
		for ; i >= 0; i = next(low, "deb", i+3) {
			if v := leading(low[i+3:]); v != "" {
				return v
			}
		}
	}
	return leading(strings.TrimLeft(rest, " /-"))
}

func next(s, sub string, from int) int {
	i := strings.Index(s[from:], sub)
	if i < 0 {
		return -1
	}
	return from + i
}

// ubuntuSSH are the releases of Ubuntu by the OpenSSH they carry (Ubuntu
// package archive).
var ubuntuSSH = map[string]string{
	"5.3p1": "10.04", "5.9p1": "12.04", "6.6.1p1": "14.04", "6.6p1": "14.04", "7.2p2": "16.04", "7.6p1": "18.04", "8.2p1": "20.04", "8.9p1": "22.04", "9.6p1": "24.04", "9.9p1": "25.04",
}

func ubuntuVersion(rest, low string) string {
	if i := strings.Index(low, "openssh_"); i >= 0 {
		v, _, _ := strings.Cut(low[i+8:], " ")
		return ubuntuSSH[v]
	}
	if v := leading(strings.TrimLeft(rest, " /-")); strings.Contains(v, ".") {
		return v
	}
	return ""
}

// systemOfAgent finds the system in a User-Agent.
func systemOfAgent(s string) (name, version, typ string) {
	low := strings.ToLower(s)
	after := func(mark string) string {
		_, rest, _ := strings.Cut(low, mark)
		return rest
	}
	switch {
	case strings.Contains(low, "windows phone"):
		return "Windows Phone", leading(strings.TrimLeft(after("windows phone"), " os")), "windows"
	case strings.Contains(low, "windows nt"):
		return "Windows", windowsVersion("nt" + after("windows nt")), "windows"
	case strings.Contains(low, "iphone os "):
		return "iOS", leading(after("iphone os ")), "ios"
	case strings.Contains(low, "cpu os ") && strings.Contains(low, "ipad"):
		return "iPadOS", leading(after("cpu os ")), "ios"
	case strings.Contains(low, "iphone"):
		return "iOS", "", "ios"
	case strings.Contains(low, "android"):
		return "Android", leading(strings.TrimLeft(after("android"), " /")), "android"
	case strings.Contains(low, "mac os x"):
		return "macOS", leading(strings.TrimLeft(after("mac os x"), " ")), "macos"
	case strings.Contains(low, "cros "):
		return "ChromeOS", "", "linux"
	case strings.Contains(low, "tizen"):
		return "Tizen", leading(strings.TrimLeft(after("tizen"), " /")), "linux"
	case strings.Contains(low, "cfnetwork/") && strings.Contains(low, "darwin/"):
		return "Apple", "", "macos"
	case strings.Contains(low, "microsoft-cryptoapi/"):
		v := leading(after("microsoft-cryptoapi/"))
		return "Windows", ntVersions[v], "windows"
	case strings.Contains(low, "microsoft-webdav-miniredir/"):
		name, version = windowsBuild(leading(after("microsoft-webdav-miniredir/")))
		return name, version, "windows"
	case strings.Contains(low, "windows-update-agent"), strings.Contains(low, "microsoft ncsi"), strings.Contains(low, "microsoft bits"):
		return "Windows", "", "windows"
	}
	for _, x := range [...]struct{ mark, name string }{{"ubuntu", "Ubuntu"}, {"debian", "Debian"}, {"fedora", "Fedora"}, {"linux", "Linux"}} {
		if strings.Contains(low, x.mark) {
			return x.name, "", "linux"
		}
	}
	if strings.Contains(low, "freebsd") {
		return "FreeBSD", "", "unix"
	}
	return "", "", ""
}

// systemOfClass names the system of a DHCP vendor class.
func systemOfClass(s string) (name, version, typ string) {
	low := strings.ToLower(s)
	switch {
	case low == "msft 98":
		return "Windows", "98 or Me", "windows"
	case strings.HasPrefix(low, "msft"):
		return "Windows", "", "windows"
	case strings.HasPrefix(low, "android-dhcp-"):
		return "Android", leading(low[13:]), "android"
	case strings.HasPrefix(low, "udhcp"):
		return "Linux", "(BusyBox)", "linux"
	case strings.HasPrefix(low, "dhcpcd"):
		if _, rest, ok := strings.Cut(s, ":Linux-"); ok {
			v, _, _ := strings.Cut(rest, ":")
			return "Linux", v[:min(len(v), 48)], "linux"
		}
		return systemIn(s)
	case strings.HasPrefix(low, "aaplbsdpc"):
		return "macOS", "", "macos"
	}
	return systemIn(s)
}

// dhcpClients name systems by the options they ask for in their order (RFC 2132
// section 9.8), as their clients' sources and public captures show.
var dhcpClients = map[string]struct{ name, version, typ string }{
	"1,3,6,15,31,33,43,44,46,47,119,121,249,252":   {"Windows", "10 or later", "windows"},
	"1,15,3,6,44,46,47,31,33,121,249,252,43":       {"Windows", "7 or 8", "windows"},
	"1,15,3,6,44,46,47,31,33,121,249,43":           {"Windows", "Vista or 7", "windows"},
	"1,15,3,6,44,46,47,31,33,121,249,43,252":       {"Windows", "7", "windows"},
	"1,15,3,6,44,46,47,31,33,249,43":               {"Windows", "XP", "windows"},
	"1,121,3,6,15,119,252,95,44,46":                {"macOS", "", "macos"},
	"1,121,3,6,15,114,119,252,95,44,46":            {"macOS", "", "macos"},
	"1,121,3,6,15,108,114,119,252,95,44,46":        {"macOS", "", "macos"},
	"1,121,3,6,15,119,252":                         {"iOS", "", "ios"},
	"1,121,3,6,15,114,119,252":                     {"iOS", "", "ios"},
	"1,121,3,6,15,108,114,119,252":                 {"iOS", "", "ios"},
	"1,3,6,15,26,28,51,58,59,43":                   {"Android", "", "android"},
	"1,3,6,15,26,28,51,58,59,43,114":               {"Android", "", "android"},
	"1,3,6,15,26,28,51,58,59,43,114,108":           {"Android", "", "android"},
	"1,33,3,6,15,26,28,51,58,59":                   {"Android", "", "android"},
	"1,28,2,3,15,6,119,12,44,47,26,121,42":         {"Linux", "(dhclient)", "linux"},
	"1,28,2,3,15,6,12":                             {"Linux", "(dhclient)", "linux"},
	"1,28,2,121,15,6,12,40,41,42,26,119,3,121,249": {"Linux", "(NetworkManager)", "linux"},
	"1,2,6,12,15,26,28,121,3,33,40,41,42,119,249":  {"Linux", "(NetworkManager)", "linux"},
	"1,3,6,12,15,28,42":                            {"Linux", "(BusyBox)", "linux"},
	"1,3,12,15,6,33,121,42,120":                    {"Linux", "(systemd-networkd)", "linux"},
	"1,3,6,12,15,28":                               {"Linux", "(BusyBox)", "linux"},
	"1,28,2,121,3,15,6,12":                         {"FreeBSD", "(dhclient)", "unix"},
}
