package artifact

import (
	"net/netip"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/evtx"
	"saksi/rules/sigma"
)

// EVTX: a header "ElfFile" of 4 KiB, then chunks "ElfChnk" of 64 KiB with
// records in binary XML (Joachim Metz, Windows XML Event Log (EVTX) format).

func init() {
	register(Format{
		Name:      "evtx",
		Doc:       "Windows event logs (Vista and later): every record of the chunks with its header and data, records in the slack of chunks and behind what is damaged, and chunks and records that were carved without their file; where what names the values is overwritten they are given without names",
		Reference: "J. Metz, Windows XML Event Log (EVTX) format, 2023; [MS-EVEN6] 2.2.12 to 2.2.17",
		Detect: func(head []byte) bool {
			return strings.HasPrefix(string(head), evtx.Magic) || strings.HasPrefix(string(head), evtx.ChunkMagic) || evtx.Alone(head)
		},
		Parse: parseEVTX,
		Event: eventEVTX,
		Log: func(r *Record) ([]sigma.Source, []sigma.Alias) {
			if r.Get("partial") != "" {
				return nil, nil // a rule would take a value that lost its name for one that is not there
			}
			return sigma.Windows(r.Get("Channel"), r.Get("EventID"), r.Get("OperationType"))
		},
		Samples: []string{"sysmon.evtx", "carved.evtxchunk", "carved.evtxrecord"},
		Hostile: []string{
			"sysmon.evtx cut=20000", "sysmon.evtx @4144=ffffffff", "sysmon.evtx @4612=ffffff7f", "sysmon.evtx @38=0900", "sysmon.evtx @4096=00",
			"carved.evtxchunk cut=3000", "carved.evtxchunk @48=ffffff7f", "carved.evtxrecord cut=700", "carved.evtxrecord @4=ffffff00", "carved.evtxrecord @1316=00",
			"sysmon.evtx @4642=ffff0000", "sysmon.evtx @4666=ffffffff",
		},
	})
}

func parseEVTX(in Input, emit func(*Record) error, problem func(Problem)) error {
	return evtx.Read(in, in.Size, func(x *evtx.Record) error { return emit(recordEVTX(x)) },
		func(p evtx.Problem) { problem(Problem(p)) })
}

// recordEVTX names the fields of a record as Sigma does (rules specification
// 2.0, "Field Usage"): elements of the header by their name, their attributes
// behind an underscore; data by the attribute Name.
func recordEVTX(x *evtx.Record) *Record {
	r := &Record{Offset: x.Offset, Time: x.Time}
	add := func(name, value string) { r.Fields = append(r.Fields, Field{name, value}) }
	for _, e := range x.Root.Child("System").Elements() {
		if e.Text != "" {
			add(e.Name, e.Text)
		}
		for _, a := range e.Attrs {
			add(e.Name+"_"+a.Name, a.Value)
		}
	}
	if x.Where != "" {
		add(fieldRecovered, x.Where)
	}
	r.Header = len(r.Fields)
	if x.Partial {
		add("partial", "what names some of the values is overwritten")
	}
	for _, section := range x.Root.Elements() {
		switch section.Name {
		case "System":
		case "EventData":
			for _, e := range section.Elements() {
				name := e.Attr("Name")
				if name == "" {
					name = e.Name // Data, Binary
				}
				leaves(e, name, add)
			}
		default: // UserData, RenderingInfo, DebugData ...
			for _, e := range section.Elements() {
				leaves(e, e.Name, add)
			}
		}
	}
	return r
}

// leaves adds the texts of e and of all below it, by the names of their
// elements.
func leaves(e *evtx.Element, name string, add func(name, value string)) {
	for _, s := range e.List {
		add(name, s)
	}
	if e.Text != "" || len(e.List) == 0 && len(e.Children) == 0 {
		add(name, e.Text)
	}
	for _, c := range e.Children {
		sub := c.Name
		if s := c.Attr("Name"); s != "" {
			sub = s
		}
		leaves(c, sub, add)
	}
}

// fieldRecovered says how a record was found that is none of those in use.
const fieldRecovered = "recovered"

var levels = map[string]string{"1": "critical", "2": "error", "3": "warning", "0": "information", "4": "information", "5": "verbose"}

// classes are event.category, event.type and event.action by Sigma's category.
var classes = map[string][3]string{
	"process_creation": {"process", "start", "created-process"}, "process_termination": {"process", "end", "ended-process"},
	"process_access": {"process", "access", "accessed-process"}, "process_tampering": {"process", "change", "tampered-process"},
	"create_remote_thread": {"process", "change", "created-remote-thread"}, "network_connection": {"network", "connection", "connected"},
	"driver_load": {"driver", "start", "loaded-driver"}, "image_load": {"library", "start", "loaded-image"}, "file_event": {"file", "creation", "created-file"},
	"file_change": {"file", "change", "changed-file-time"}, "file_delete": {"file", "deletion", "deleted-file"},
	"file_delete_detected": {"file", "deletion", "deleted-file"}, "create_stream_hash": {"file", "creation", "created-stream"},
	"registry_event": {"registry", "change", "changed-registry"}, "dns_query": {"network", "protocol", "queried-name"},
	"pipe_created": {"file", "creation", "used-pipe"}, "ps_script": {"process", "info", "ran-script"}, "ps_module": {"process", "info", "ran-module"},
}

// maxData bounds Saksi.windows.data.
const maxData = 128

// logons are the events of which the target is the one who acts.
var logons = map[string]bool{"4624": true, "4625": true, "4634": true, "4647": true}

func eventEVTX(r *Record, e *event.Event) {
	id := r.Get("EventID")
	category := ""
	if len(r.sources) > 0 {
		category = r.sources[0].Category
	}
	e.Str(event.EventModule, "windows")
	e.Str(event.EventCode, id)
	e.Str(event.EventProvider, r.Get("Provider_Name"))
	if n, err := strconv.ParseInt(r.Get("EventRecordID"), 10, 64); err == nil {
		e.Int(event.EventSequence, n)
	}
	if c, ok := classes[category]; ok {
		e.Str(event.EventCategory, c[0])
		e.Str(event.EventType, c[1])
		e.Str(event.EventAction, c[2])
	} else {
		e.Str(event.EventCategory, "host")
		e.Str(event.EventType, "info")
	}
	switch id {
	case "4624":
		e.Str(event.EventOutcome, "success")
	case "4625":
		e.Str(event.EventOutcome, "failure")
	}
	e.Str(event.LogLevel, levels[r.Get("Level")])
	e.Str(event.HostName, r.Get("Computer"))
	e.Str(event.HostOSType, "windows")
	e.Str(event.SaksiWindowsChannel, r.Get("Channel"))
	userEVTX(r, e, logons[id])
	processEVTX(r, e, id == "4688", category == "process_creation")
	e.Str(event.RegistryPath, r.first("TargetObject", "ObjectValueName"))
	e.Str(event.RegistryDataStrings, r.first("Details", "NewValue"))
	if p := r.first("TargetFilename", "ImageLoaded"); p != "" {
		e.Str(event.FilePath, p)
		e.Str(event.FileName, base(p))
	}
	e.Str(event.ServiceName, r.first("ServiceName"))
	e.Str(event.DNSQuestionName, r.first("QueryName"))
	e.Str(event.SaksiArtifactRecovered, r.Get(fieldRecovered))
	addressEVTX(r, e, event.SourceIP, event.SourcePort, "SourceIp", "IpAddress", "SourcePort", "IpPort")
	addressEVTX(r, e, event.DestinationIP, event.DestinationPort, "DestinationIp", "DestAddress", "DestinationPort", "DestPort")
	e.Str(event.DestinationDomain, r.first("DestinationHostname"))
	hashesEVTX(r.first("Hashes", "Hash"), e, category)
	for i, f := range r.Fields[r.Header:] {
		if i == maxData {
			e.Str(event.SaksiTruncated, event.SaksiWindowsData.Name())
			break
		}
		e.Str(event.SaksiWindowsData, f.Name+"="+f.Value)
	}
}

// userEVTX tells who acts: the target of a logon, else the subject.
func userEVTX(r *Record, e *event.Event, target bool) {
	name, domain, sid := "SubjectUserName", "SubjectDomainName", "SubjectUserSid"
	if target {
		name, domain, sid = "TargetUserName", "TargetDomainName", "TargetUserSid"
	}
	user, dom := r.first(name), r.first(domain)
	if u := r.first("User", "SourceUser"); user == "" && u != "" {
		user = u
		if d, n, ok := strings.Cut(u, `\`); ok {
			dom, user = d, n
		}
	}
	e.Str(event.UserName, user)
	e.Str(event.UserDomain, dom)
	id := r.first(sid)
	if id == "" && user == "" {
		id = r.first("Security_UserID")
	}
	e.Str(event.UserID, id)
}

func processEVTX(r *Record, e *event.Event, audit, created bool) {
	image, pid, parent := r.first("Image", "SourceImage", "ProcessName", "Application"), r.first("ProcessId", "SourceProcessId"), r.first("ParentProcessId")
	if audit { // 4688 numbers the new process and the one that made it
		image, pid, parent = r.first("NewProcessName"), r.first("NewProcessId"), r.first("ProcessId")
	}
	if image != "" {
		e.Str(event.ProcessExecutable, image)
		e.Str(event.ProcessName, base(image))
	}
	putNumber(e, event.ProcessPID, pid)
	if created {
		putNumber(e, event.ProcessParentPID, parent)
	}
	e.Str(event.ProcessCommandLine, r.first("CommandLine", "ProcessCommandLine"))
	e.Str(event.ProcessWorkingDirectory, r.first("CurrentDirectory"))
	if p := r.first("ParentImage", "ParentProcessName"); p != "" {
		e.Str(event.ProcessParentExecutable, p)
		e.Str(event.ProcessParentName, base(p))
	}
	e.Str(event.ProcessParentCommandLine, r.first("ParentCommandLine"))
}

// putNumber adds a decimal or hexadecimal number.
func putNumber(e *event.Event, f event.Field, s string) {
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		e.Int(f, n)
	}
}

func addressEVTX(r *Record, e *event.Event, ip, port event.Field, ip1, ip2, port1, port2 string) {
	if a, err := netip.ParseAddr(r.first(ip1, ip2)); err == nil {
		e.Addr(ip, a.Unmap())
		putNumber(e, port, r.first(port1, port2))
	}
}

// hashesEVTX reads "SHA1=..,MD5=..,SHA256=.."; they are the process's when one
// was created, else the file's.
func hashesEVTX(s string, e *event.Event, category string) {
	process := category == "process_creation"
	for _, h := range strings.Split(s, ",") {
		name, sum, _ := strings.Cut(h, "=")
		sum = strings.ToLower(sum)
		switch {
		case name == "MD5" && process:
			e.Str(event.ProcessHashMD5, sum)
		case name == "SHA1" && process:
			e.Str(event.ProcessHashSHA1, sum)
		case name == "SHA1":
			e.Str(event.FileHashSHA1, sum)
		case name == "SHA256" && process:
			e.Str(event.ProcessHashSHA256, sum)
		case name == "MD5":
			e.Str(event.FileHashMD5, sum)
		case name == "SHA256":
			e.Str(event.FileHashSHA256, sum)
		}
	}
}

// base is the name of a file without its folders, of Windows or not.
func base(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }
