package artifact

import (
	"regexp"
	"strings"

	"saksi/internal/regf"
)

// Keys whose meaning is in the names of their values or in few of them: a row of
// a table each (J. Metz, Windows Registry knowledge base; Microsoft Learn).

// keyRow is a kind of key that is one record. What the groups of path match and
// the values are its fields.
type keyRow struct {
	kind   string
	has    string // in lower case, in each path that matches: quick to look for
	path   *regexp.Regexp
	need   string   // a value without which the key says nothing; "": none
	values []string // pairs of a value's name and its field's
	secret bool     // fields are masked as commands are
}

// valueRow is a kind of key of which each value is a record.
type valueRow struct {
	kind, has   string
	path        *regexp.Regexp
	names       *regexp.Regexp // of values; nil: all
	name, data  string         // fields of the value's name and data; "": left out
	list        bool           // a trace of its own each: the key's time is none of the value's
	commandLine bool           // data are masked as commands are
}

func rx(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }

const control = `^\\(?:ControlSet\d{3}|CurrentControlSet)\\`

var keyRows = []keyRow{
	{"service_dll", `\parameters`, rx(control + `Services\\(?P<service>[^\\]+)\\Parameters$`), "ServiceDll", []string{"ServiceDll", "path", "ServiceMain", "entry"}, false},
	{"program", `\uninstall\`, rx(`\\CurrentVersion\\Uninstall\\(?P<id>[^\\]+)$`), "DisplayName", []string{
		"DisplayName", "name", "DisplayVersion", "version", "Publisher", "publisher", "InstallDate", "install_day", "InstallLocation", "location",
		"InstallSource", "source", "UninstallString", "uninstall",
	}, true},
	{"debugger", `\image file execution options\`, rx(`\\Image File Execution Options\\(?P<program>[^\\]+)$`), "Debugger", []string{"Debugger", "command", "GlobalFlag", "global_flag"}, true},
	{"debugger", `\image file execution options\`, rx(`\\Image File Execution Options\\(?P<program>[^\\]+)$`), "VerifierDlls", []string{"VerifierDlls", "command", "GlobalFlag", "global_flag"}, true},
	{"exit_monitor", `\silentprocessexit\`, rx(`\\SilentProcessExit\\(?P<program>[^\\]+)$`), "MonitorProcess", []string{"MonitorProcess", "command", "ReportingMode", "reporting_mode"}, true},
	{"active_setup", `\active setup\`, rx(`\\Active Setup\\Installed Components\\(?P<id>[^\\]+)$`), "StubPath", []string{"StubPath", "command", "", "name", "Version", "version"}, true},
	// Classes of a user go before those of the machine: few honest programs need that.
	{"com_server", `clsid\{`, rx(`^\\(?:Software\\Classes\\)?(?:Wow6432Node\\)?CLSID\\(?P<class>\{[^\\]+\})\\(?P<server>InprocServer32|LocalServer32|TreatAs|ScriptletURL)$`), "", []string{"", "path", "ThreadingModel", "threading"}, true},
	{"print_monitor", `\print\monitors\`, rx(control + `Control\\Print\\Monitors\\(?P<name>[^\\]+)$`), "Driver", []string{"Driver", "path"}, false},
	{"printer", `\print\printers\`, rx(`\\Control\\Print\\Printers\\(?P<name>[^\\]+)$`), "Port", []string{"Port", "port", "Printer Driver", "driver", "Share Name", "share", "Location", "location"}, false},
	{"mapped_drive", `\network\`, rx(`^\\Network\\(?P<drive>[A-Z])$`), "RemotePath", []string{"RemotePath", "path", "UserName", "user", "ProviderName", "provider"}, false},
	{"rdp_server", `\terminal server client\`, rx(`\\Terminal Server Client\\Servers\\(?P<host>[^\\]+)$`), "", []string{"UsernameHint", "user"}, false},
	{"ssh_session", `\sessions\`, rx(`\\(?:SimonTatham\\(?P<client>PuTTY)|Martin Prikryl\\(?P<client2>WinSCP 2))\\Sessions\\(?P<session>[^\\]+)$`), "HostName", []string{"HostName", "host", "UserName", "user", "PortNumber", "port"}, false},
	{"portable_device", `\windows portable devices\`, rx(`\\Windows Portable Devices\\Devices\\(?P<device>[^\\]+)$`), "FriendlyName", []string{"FriendlyName", "name"}, false},
	{"usb_device", `\enum\usb\`, rx(`\\Enum\\USB\\(?P<device>VID_[^\\]+)\\(?P<serial>[^\\]+)$`), "", []string{"DeviceDesc", "description", "FriendlyName", "name", "Service", "driver", "LocationInformation", "location", "ParentIdPrefix", "parent_prefix", "ContainerID", "container"}, false},
	{"disk", `\enum\`, rx(`\\Enum\\(?P<bus>SCSI|IDE|NVME)\\(?P<device>Disk[^\\]+)\\(?P<serial>[^\\]+)$`), "", []string{"FriendlyName", "name", "DeviceDesc", "description", "ContainerID", "container"}, false},
	{"last_user", `\authentication\logonui`, rx(`\\Authentication\\LogonUI$`), "LastLoggedOnUser", []string{"LastLoggedOnUser", "name", "LastLoggedOnSAMUser", "account", "LastLoggedOnUserSID", "sid", "LastLoggedOnDisplayName", "full_name"}, false},
	{"automatic_logon", `\winlogon`, rx(`\\Windows NT\\CurrentVersion\\Winlogon$`), "AutoAdminLogon", []string{"AutoAdminLogon", "enabled", "DefaultUserName", "name", "DefaultDomainName", "domain"}, false},
	{"logon_notice", `\winlogon\notify\`, rx(`\\Winlogon\\Notify\\(?P<name>[^\\]+)$`), "DllName", []string{"DllName", "path"}, false},
	{"browser_helper", `\browser helper objects\`, rx(`\\Browser Helper Objects\\(?P<class>\{[^\\]+\})$`), "", []string{"", "name"}, false},
	{"task_name", `\taskcache\tree\`, rx(`\\Schedule\\TaskCache\\Tree(?P<task>\\.+)$`), "Id", []string{"Id", "id"}, false},
	{"volume_name", `\volumeinfocache\`, rx(`\\VolumeInfoCache\\(?P<drive>[^\\]+)$`), "VolumeLabel", []string{"VolumeLabel", "name", "DriveType", "drive_type"}, false},
	{"acrobat_file", `\crecentfiles\`, rx(`\\AVGeneral\\cRecentFiles\\c(?P<position>\d+)$`), "", []string{"tDIText", "path", "tFileName", "name", "sDate", "opened"}, false},
	{"license_accepted", `\sysinternals\`, rx(`\\Sysinternals\\(?P<name>[^\\]+)$`), "EulaAccepted", []string{"EulaAccepted", "accepted"}, false},
	{"domain", `\tcpip\parameters`, rx(control + `Services\\Tcpip\\Parameters$`), "Hostname", []string{"Hostname", "name", "Domain", "domain", "NV Hostname", "next_name", "DhcpDomain", "dhcp_domain", "NameServer", "name_server"}, false},
	{"outlook_folder", `\outlook\security`, rx(`\\Outlook\\Security$`), "OutlookSecureTempFolder", []string{"OutlookSecureTempFolder", "path"}, false},
	{"remote_desktop", `\control\terminal server`, rx(control + `Control\\Terminal Server$`), "fDenyTSConnections", []string{"fDenyTSConnections", "denied"}, false},
	{"prefetching", `\prefetchparameters`, rx(`\\Memory Management\\PrefetchParameters$`), "EnablePrefetcher", []string{"EnablePrefetcher", "prefetcher", "EnableSuperfetch", "superfetch"}, false},
	{"last_access", `\control\filesystem`, rx(control + `Control\\FileSystem$`), "NtfsDisableLastAccessUpdate", []string{"NtfsDisableLastAccessUpdate", "disabled"}, false},
	{"wdigest", `\securityproviders\wdigest`, rx(`\\SecurityProviders\\WDigest$`), "UseLogonCredential", []string{"UseLogonCredential", "keeps_passwords"}, false},
}

var valueRows = []valueRow{
	{"share", `\lanmanserver\shares`, rx(`\\LanmanServer\\Shares$`), nil, "name", "text", false, false},
	{"lsa_package", `\control\lsa`, rx(`\\Control\\Lsa(?:\\OSConfig)?$`), rx(`^(?:Authentication|Security|Notification) Packages$`), "name", "text", false, false},
	{"boot_execute", `\control\session manager`, rx(`\\Control\\Session Manager$`), rx(`^(?:BootExecute|SetupExecute|Execute|S0InitialCommand)$`), "name", "command", false, true},
	{"pending_rename", `\control\session manager`, rx(`\\Control\\Session Manager$`), rx(`^PendingFileRenameOperations2?$`), "", "text", false, false},
	{"known_dll", `\session manager\knowndlls`, rx(`\\Session Manager\\KnownDLLs$`), nil, "name", "path", false, false},
	{"cert_dll", `\session manager\appcertdlls`, rx(`\\Session Manager\\AppCertDlls$`), nil, "name", "path", false, false},
	{"environment", `\environment`, rx(`(?:\\Session Manager|^)\\Environment$`), nil, "name", "command", false, true},
	{"compatibility", `\appcompatflags\layers`, rx(`\\AppCompatFlags\\Layers$`), nil, "path", "layers", true, false},
	{"compatibility_assistant", `\compatibility assistant\`, rx(`\\Compatibility Assistant\\(?P<list>Store|Persisted)$`), nil, "path", "", true, false},
	{"feature_usage", `\explorer\featureusage\`, rx(`\\Explorer\\FeatureUsage\\(?P<list>[^\\]+)$`), nil, "path", "count", true, false},
	{"defender_exclusion", `\windows defender\exclusions\`, rx(`\\Windows Defender\\Exclusions\\(?P<list>[^\\]+)$`), nil, "path", "", false, false},
	{"defender_setting", `\windows defender`, rx(`\\Windows Defender(?:\\Real-Time Protection|\\Features|\\Spynet)?$`), rx(`^(?:Disable\w+|TamperProtection|SpynetReporting|SubmitSamplesConsent)$`), "name", "text", false, false},
	{"firewall_program", `\authorizedapplications\list`, rx(`\\FirewallPolicy\\(?P<profile>[^\\]+)\\AuthorizedApplications\\List$`), nil, "path", "text", false, false},
	{"firewall_rule", `\firewallpolicy\`, rx(`\\FirewallPolicy\\(?:\w+\\)?FirewallRules$`), nil, "name", "text", false, false},
	{"archive_opened", `\arc`, rx(`\\WinRAR\\ArcHistory$`), rx(`^\d+$`), "position", "path", true, false},
	{"archive_made", `\dialogedithistory\`, rx(`\\WinRAR\\DialogEditHistory\\(?P<list>[^\\]+)$`), rx(`^\d+$`), "position", "path", true, false},
	{"rdp_recent", `\terminal server client\default`, rx(`\\Terminal Server Client\\Default$`), rx(`^MRU\d+$`), "position", "host", true, false},
	{"ssh_host", `\sshhostkeys`, rx(`\\SimonTatham\\PuTTY\\SshHostKeys$`), nil, "host", "", true, false},
	{"startup_folder", `shell folders`, rx(`\\Explorer\\(?:User )?Shell Folders$`), rx(`^(?:Common )?Startup$`), "name", "path", false, false},
	{"screen_saver", `\control panel\desktop`, rx(`\\Control Panel\\Desktop$`), rx(`^SCRNSAVE\.EXE$`), "", "path", false, false},
	{"regedit_last", `\applets\regedit`, rx(`\\Applets\\Regedit$`), rx(`^LastKey$`), "", "text", false, false},
	{"applet_recent", `recent`, rx(`\\(?P<program>[^\\]+)\\(?:Recent File List|RecentFileList|RecentURLList)$`), rx(`^(?:File|URL)\d+$`), "position", "path", true, false},
}

// tableRows gives the records of the tables.
func tableRows(k *regf.Key, at int64, emit func(*Record) error) error {
	lower := strings.ToLower(k.Path)
	for i := range keyRows {
		row := &keyRows[i]
		if !strings.Contains(lower, row.has) || row.need != "" && find(k, row.need) == nil {
			continue
		}
		m := row.path.FindStringSubmatch(k.Path)
		if m == nil {
			continue
		}
		r := meaning(row.kind, k, k.Offset, at, groups(row.path, m)...)
		if row.kind == "task_name" && find(k, "SD") == nil {
			r.add("security_descriptor", "missing: the scheduler does not show the task")
		}
		said := row.need == ""
		for j := 0; j+1 < len(row.values); j += 2 {
			text := textOf(k, row.values[j])
			if row.secret {
				text = maskedURL(psMasked(text))
			}
			r.add(row.values[j+1], text)
			said = said || text != ""
		}
		if !said || len(r.Fields) == r.Header {
			continue
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	for i := range valueRows {
		row := &valueRows[i]
		if len(k.Values) == 0 || !strings.Contains(lower, row.has) {
			continue
		}
		if m := row.path.FindStringSubmatch(k.Path); m != nil {
			if err := row.values(k, at, groups(row.path, m), emit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (row *valueRow) values(k *regf.Key, at int64, pairs []string, emit func(*Record) error) error {
	if row.list {
		at = 0
	}
	for i := range k.Values {
		v := &k.Values[i]
		if v.Name == "" || row.names != nil && !row.names.MatchString(v.Name) || secretValue(k.Path, v.Name) {
			continue
		}
		r := meaning(row.kind, k, v.Offset, at, pairs...)
		if row.name != "" {
			r.add(row.name, v.Name)
		}
		if row.data != "" {
			text := valueText(v)
			if row.commandLine {
				text = maskedEnvironment(v.Name, text)
			}
			r.add(row.data, text)
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// maskedEnvironment takes secrets out of a setting, by its name as well.
func maskedEnvironment(name, text string) string {
	if s, ok := strings.CutPrefix(masked(name+"="+text), name+"="); ok {
		text = s
	}
	return maskedURL(psMasked(text))
}

// rowCommands tells whether values of a key are commands or may hold secrets, so
// that what is shown of them is masked wherever it is shown.
func rowCommands(path string) bool {
	lower := strings.ToLower(path)
	for i := range keyRows {
		if keyRows[i].secret && strings.Contains(lower, keyRows[i].has) && keyRows[i].path.MatchString(path) {
			return true
		}
	}
	for i := range valueRows {
		if valueRows[i].commandLine && strings.Contains(lower, valueRows[i].has) && valueRows[i].path.MatchString(path) {
			return true
		}
	}
	return false
}

// groups are the names and texts of the groups of a match; a digit behind a name
// tells alternatives apart.
func groups(re *regexp.Regexp, m []string) []string {
	var pairs []string
	for i, name := range re.SubexpNames() {
		if name != "" && m[i] != "" {
			pairs = append(pairs, strings.TrimRight(name, "0123456789"), m[i])
		}
	}
	return pairs
}
