package sigma

import "strings"

// channels are the services of Sigma by the channel of a Windows event log, in
// lower case (Sigma taxonomy appendix 2.1.0, "Windows Folder"; pySigma,
// pipelines/common.py).
var channels = map[string][]string{
	"application":                          {"application"},
	"security":                             {"security"},
	"system":                               {"system"},
	"microsoft-windows-sysmon/operational": {"sysmon"},
	"windows powershell":                   {"powershell-classic"},
	"microsoft-windows-powershell/operational":                                 {"powershell"},
	"powershellcore/operational":                                               {"powershell"},
	"microsoft-windows-application-experience/program-telemetry":               {"application-experience"},
	"microsoft-windows-application-experience/program-compatibility-assistant": {"application-experience"},
	"microsoft-windows-applocker/msi and script":                               {"applocker"},
	"microsoft-windows-applocker/exe and dll":                                  {"applocker"},
	"microsoft-windows-applocker/packaged app-deployment":                      {"applocker"},
	"microsoft-windows-applocker/packaged app-execution":                       {"applocker"},
	"microsoft-windows-appmodel-runtime/admin":                                 {"appmodel-runtime"},
	"microsoft-windows-appxdeploymentserver/operational":                       {"appxdeployment-server"},
	"microsoft-windows-appxpackaging/operational":                              {"appxpackaging-om"},
	"microsoft-windows-bitlocker/bitlocker management":                         {"bitlocker"},
	"microsoft-windows-bits-client/operational":                                {"bits-client"},
	"microsoft-windows-capi2/operational":                                      {"capi2"},
	"microsoft-windows-certificateservicesclient-lifecycle-system/operational": {"certificateservicesclient-lifecycle-system"},
	"microsoft-windows-codeintegrity/operational":                              {"codeintegrity-operational"},
	"microsoft-windows-dhcp-server/operational":                                {"dhcp"},
	"microsoft-windows-diagnosis-scripted/operational":                         {"diagnosis-scripted"},
	"microsoft-windows-dns client events/operational":                          {"dns-client"},
	"microsoft-windows-dns-client/operational":                                 {"dns-client"},
	"dns server": {"dns-server"},
	"microsoft-windows-dns-server/analytical":                            {"dns-server-analytic"},
	"microsoft-windows-dns-server/audit":                                 {"dns-server-audit"},
	"microsoft-windows-driverframeworks-usermode/operational":            {"driver-framework"},
	"microsoft-windows-windows firewall with advanced security/firewall": {"firewall-as"},
	"microsoft-windows-hyper-v-worker":                                   {"hyper-v-worker"},
	"microsoft-iis-configuration/operational":                            {"iis-configuration"},
	"microsoft-windows-kernel-eventtracing":                              {"kernel-event-tracing"},
	"microsoft-windows-kernel-shimengine/operational":                    {"kernel-shimengine"},
	"microsoft-windows-kernel-shimengine/diagnostic":                     {"kernel-shimengine"},
	"microsoft-windows-ldap-client/debug":                                {"ldap", "ldap_debug"},
	"microsoft-windows-lsa/operational":                                  {"lsa-server"},
	"msexchange management":                                              {"msexchange-management"},
	"microsoft-windows-ntfs/operational":                                 {"ntfs"},
	"microsoft-windows-ntlm/operational":                                 {"ntlm"},
	"openssh/operational":                                                {"openssh"},
	"microsoft-windows-printservice/admin":                               {"printservice-admin"},
	"microsoft-windows-printservice/operational":                         {"printservice-operational"},
	"microsoft-windows-security-mitigations/kernel mode":                 {"security-mitigations"},
	"microsoft-windows-security-mitigations/user mode":                   {"security-mitigations"},
	"microsoft-windows-sense/operational":                                {"sense"},
	"microsoft-servicebus-client/operational":                            {"servicebus-client", "microsoft-servicebus-client"},
	"microsoft-servicebus-client/admin":                                  {"servicebus-client", "microsoft-servicebus-client"},
	"microsoft-windows-shell-core/operational":                           {"shell-core"},
	"microsoft-windows-smbclient/security":                               {"smbclient-security"},
	"microsoft-windows-smbclient/connectivity":                           {"smbclient-connectivity"},
	"microsoft-windows-smbserver/connectivity":                           {"smbserver-connectivity"},
	"microsoft-windows-taskscheduler/operational":                        {"taskscheduler"},
	"microsoft-windows-terminalservices-localsessionmanager/operational": {"terminalservices-localsessionmanager"},
	"microsoft-windows-vhdmp/operational":                                {"vhdmp"},
	"microsoft-windows-windows defender/operational":                     {"windefend"},
	"microsoft-windows-wmi-activity/operational":                         {"wmi"},
}

// sysmon are the categories of Sysmon's events, by number.
var sysmon = map[string][]string{
	"1": {"process_creation"}, "2": {"file_change"}, "3": {"network_connection"}, "4": {"sysmon_status"}, "5": {"process_termination"},
	"6": {"driver_load"}, "7": {"image_load"}, "8": {"create_remote_thread"}, "9": {"raw_access_thread"}, "10": {"process_access"},
	"11": {"file_event"}, "12": {"registry_event", "registry_add", "registry_delete"}, "13": {"registry_event", "registry_set"},
	"14": {"registry_event", "registry_rename"}, "15": {"create_stream_hash"}, "16": {"sysmon_status"}, "17": {"pipe_created"},
	"18": {"pipe_created"}, "19": {"wmi_event"}, "20": {"wmi_event"}, "21": {"wmi_event"}, "22": {"dns_query"}, "23": {"file_delete"},
	"24": {"clipboard_capture"}, "25": {"process_tampering"}, "26": {"file_delete_detected"}, "27": {"file_block_executable"},
	"28": {"file_block_shredding"}, "29": {"file_executable_detected"}, "255": {"sysmon_error"},
}

// powershell are the categories of the events of PowerShell, by service and
// number.
var powershell = map[string]map[string]string{
	"powershell":         {"4103": "ps_module", "4104": "ps_script"},
	"powershell-classic": {"400": "ps_classic_start", "600": "ps_classic_provider_start", "800": "ps_classic_script"},
}

// Alias is another name of a field.
type Alias struct{ From, To string }

// audited are the names in Sigma's taxonomy of fields of Windows' own audit
// (pySigma-pipeline-windows, windows_audit_pipeline).
var audited = []Alias{{"NewProcessName", "Image"}, {"ParentProcessName", "ParentImage"}, {"NewValue", "Details"}, {"SubjectLogonId", "LogonId"}}

// operations are the categories of event 4657 by its OperationType, as the
// record holds it.
var operations = map[string][]string{"%%1904": {"registry_event", "registry_add"}, "%%1905": {"registry_event", "registry_set"}}

// Windows tells the log sources of a record of a Windows event log by its
// channel and number, and what other names its fields have. operation is the
// value of its OperationType, if it has one.
func Windows(channel, id, operation string) ([]Source, []Alias) {
	services := channels[strings.ToLower(channel)]
	if len(services) == 0 {
		return []Source{{Product: "windows"}}, nil
	}
	var sources []Source
	var aliases []Alias
	for _, service := range services {
		var categories []string
		switch service {
		case "sysmon":
			categories = sysmon[id]
		case "powershell", "powershell-classic":
			if c := powershell[service][id]; c != "" {
				categories = []string{c}
			}
		case "security":
			switch id {
			case "4688":
				categories, aliases = []string{"process_creation"}, audited
			case "4657":
				categories, aliases = operations[operation], audited
			}
		}
		if len(categories) == 0 {
			sources = append(sources, Source{Product: "windows", Service: service})
		}
		for _, c := range categories {
			sources = append(sources, Source{Category: c, Product: "windows", Service: service})
		}
	}
	return sources, aliases
}

// sysmonLinux are the categories of the events of Sysmon for Linux, by number
// (Sigma taxonomy appendix 2.1.0, "Linux Folder"; Sysmon for Linux, README.md).
var sysmonLinux = map[string]string{
	"1": "process_creation", "3": "network_connection", "5": "process_termination", "9": "raw_access_thread", "11": "file_event", "16": "sysmon_status",
	"23": "file_delete",
}

// Linux tells the log sources of an event of Sysmon for Linux by its number.
func Linux(id string) []Source {
	return []Source{{Category: sysmonLinux[id], Product: "linux", Service: "sysmon"}, {Product: "linux", Service: "syslog"}}
}

// linux are the services of Linux whose logs are read.
var linux = []string{"auditd", "auth", "clamav", "cron", "guacamole", "sshd", "sudo", "syslog", "vsftpd"}

// readable are all log sources of which a record may be read: events of ours,
// event logs of Windows, logs of Linux.
var readable = func() []Source {
	var list []Source
	for _, e := range events {
		list = append(list, e.source)
	}
	for _, services := range channels {
		for _, s := range services {
			list = append(list, Source{Product: "windows", Service: s})
		}
	}
	category := func(service string, names ...string) {
		for _, c := range names {
			list = append(list, Source{Category: c, Product: "windows", Service: service})
		}
	}
	for _, names := range sysmon {
		category("sysmon", names...)
	}
	for service, byID := range powershell {
		for _, c := range byID {
			category(service, c)
		}
	}
	category("security", "process_creation", "registry_event", "registry_add", "registry_set")
	for _, c := range sysmonLinux {
		list = append(list, Source{Category: c, Product: "linux", Service: "sysmon"})
	}
	for _, s := range linux {
		list = append(list, Source{Product: "linux", Service: s})
	}
	return list
}()

// isRead reports whether a record of this log source may be read.
func (s Source) isRead() bool {
	for _, r := range readable {
		if s.covers(r) {
			return true
		}
	}
	return false
}
