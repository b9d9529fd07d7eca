package scan

import (
	"regexp"
	"strings"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/rules"
)

// place is where programs seldom lie for a good reason.
type place struct {
	in       *regexp.Regexp // in the path, in lower case
	strict   bool           // content must be a program; else a name that Windows runs is enough
	what     string
	id       string
	tech     string
	severity rules.Severity
	innocent string
}

// places are told by the first that holds. Paths are those of a Windows volume, of
// Linux and of macOS; an image of one volume has them from its root.
var places = []place{
	{re(`/start menu/programs/startup/[^/]+$`), false, "the startup folder, whose files run at each logon", "startup", "T1547.001", rules.Medium, "programs that people or installers put there"},
	{re(`/(?:\$recycle\.bin|recycler|recycled|\.trash(?:es|-[0-9]+)?)(?:/|$)`), true, "the recycle bin", "recycle-bin", "T1564", rules.Medium, "installers that were deleted and not yet emptied ($R and $I names)"},
	{re(`/(?:windows|winnt)/(?:fonts|debug|help|media|tracing|ime/imejp|system32/(?:spool/drivers/color|tasks|config/systemprofile))/`), true, "a folder of Windows that holds no programs", "system-folder", "T1036.005", rules.Medium, "few programs of Windows itself, such as those of services that run as SYSTEM"},
	{re(`^/(?:perflogs|windows/temp|temp|tmp)/|/(?:appdata/local|local settings)/temp/|^/(?:var/tmp|dev/shm|private/tmp|private/var/tmp)/`), true, "a folder for temporary files", "temporary-folder", "", rules.Low, "installers and updates that unpack there"},
	{re(`^/(?:users/public|programdata|documents and settings/all users)/[^/]+$|^/users/public/`), true, "a folder that all users may write", "shared-folder", "", rules.Medium, "installers that share files between users"},
	{re(`^/(?:users|documents and settings)/[^/]+/(?:appdata/(?:roaming|local)/[^/]+|[^/]+|(?:music|pictures|videos|favorites|contacts|links|saved games)/.+)$`), true, "the profile of a user, where programs are not installed", "user-profile", "", rules.Low, "portable programs and what developers build"},
	{re(`^/(?:home/[^/]+|root)/(?:\.[^/]+/)*\.[^/]+$`), true, "a hidden file of a user", "hidden-file", "T1564.001", rules.Medium, "tools that install themselves per user"},
	{re(`^/(?:var/www|srv/www|usr/share/nginx|inetpub/wwwroot)/`), true, "a folder that a web server gives out", "web-folder", "T1505.003", rules.Medium, "downloads that a site offers, and modules of web programs"},
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

var runnableName = regexp.MustCompile(`(?i)\.(?:` + runnable + `)$`)

// systemNames are programs of Windows that lie in its own folders only.
var systemNames = map[string]bool{
	"svchost.exe": true, "lsass.exe": true, "csrss.exe": true, "smss.exe": true, "services.exe": true, "winlogon.exe": true, "wininit.exe": true, "lsm.exe": true,
	"explorer.exe": true, "spoolsv.exe": true, "taskhost.exe": true, "taskhostw.exe": true, "dllhost.exe": true, "conhost.exe": true, "rundll32.exe": true,
	"regsvr32.exe": true, "dwm.exe": true, "ctfmon.exe": true, "sihost.exe": true, "runtimebroker.exe": true, "fontdrvhost.exe": true, "userinit.exe": true, "wmiprvse.exe": true,
}

// systemFolders hold them, and the copies from which Windows repairs and updates
// itself.
var systemFolders = regexp.MustCompile(`(?i)^/(?:windows|winnt|windows\.old/windows|\$windows\.~[a-z]{2}(?:/newos/windows|/windows)?)/`)

// placeFlags are those of a program by where it lies.
func placeFlags(en *filesystem.Entry, base string, res *disk.Result) (list []flag) {
	if en.Stream != "" {
		if res.Program != "" || runnableName.MatchString(base) && res.Read > 0 {
			list = append(list, flag{
				id: "stream", name: "Program in an alternate data stream", technique: "T1564.004", severity: rules.High,
				innocent: "none of Windows itself is known",
			}.with("stream "+en.Stream, content(res)))
		}
		return list
	}
	path := strings.ToLower(en.Path)
	if systemNames[strings.ToLower(base)] && res.Program == "PE" && !systemFolders.MatchString(en.Path) {
		list = append(list, flag{
			id: "system-name", name: "Program under the name of one of Windows, outside its folders", technique: "T1036.005", severity: rules.High,
			innocent: "copies of Windows for recovery, virtual machines or other volumes, and volumes on which Windows lies in another folder",
		}.with("name "+base, "folder "+folder(en.Path), content(res)))
	}
	if res.Program == "" && !runnableName.MatchString(base) {
		return list
	}
	for i := range places {
		p := &places[i]
		if p.strict && res.Program == "" || !p.in.MatchString(path) {
			continue
		}
		return append(list, flag{id: "place-" + p.id, name: "Program in " + p.what, technique: p.tech, severity: p.severity, innocent: p.innocent}.with("folder "+folder(en.Path), content(res)))
	}
	return list
}

func folder(path string) string { return path[:max(strings.LastIndexByte(path, '/'), 1)] }

func content(res *disk.Result) string {
	switch {
	case res.Program != "":
		return "content " + res.Program
	case res.Kind != "":
		return "content " + res.Kind
	}
	return "content of no known kind"
}
