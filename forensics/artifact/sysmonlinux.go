package artifact

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"

	"saksi/event"
	"saksi/rules/sigma"
)

// Sysmon for Linux writes its events to syslog: the message of a line is the
// event as XML, as Windows would give it, with its names in Data elements
// (github.com/microsoft/SysmonForLinux, README.md).

// sysmonEvent adds the fields of an event of Sysmon to a record, and takes its
// time. A line that syslog cut short gives what is whole of it.
func sysmonEvent(rec *Record, message string, problem func(Problem)) {
	d := xml.NewDecoder(strings.NewReader(message))
	name, text := "", ""
	for {
		t, err := d.Token()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				problem(Problem{rec.Offset, "the event of Sysmon is cut short or no XML: " + err.Error()})
			}
			return
		}
		switch x := t.(type) {
		case xml.StartElement:
			name, text = "", ""
			switch x.Name.Local {
			case "EventID", "EventRecordID", "Channel", "Computer":
				name = x.Name.Local
			case "Data":
				name = attribute(x, "Name")
			case "TimeCreated":
				// Its own time has year, zone and fraction.
				s := attribute(x, "SystemTime")
				if at, err := time.Parse(time.RFC3339Nano, s); err == nil && nanos(at) != 0 {
					rec.Time = nanos(at)
					rec.Fields = append(rec.Fields, Field{"SystemTime", s})
				}
			}
		case xml.CharData:
			text += string(x)
		case xml.EndElement:
			if name != "" && len(rec.Fields) < maxFields {
				rec.Fields = append(rec.Fields, Field{name, text})
			}
			name = ""
		}
	}
}

func attribute(x xml.StartElement, name string) string {
	for _, a := range x.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// isSysmon reports whether a record of syslog is an event of Sysmon.
func isSysmon(r *Record) bool {
	return strings.EqualFold(r.Get("program"), "sysmon") && strings.HasPrefix(r.Get("message"), "<Event>")
}

// eventSysmon tells of an event of Sysmon as eventEVTX does of one of Windows.
func eventSysmon(r *Record, e *event.Event) {
	category := ""
	if s := sigma.Linux(r.Get("EventID")); len(s) > 0 {
		category = s[0].Category
	}
	e.Str(event.EventCode, r.Get("EventID"))
	putNumber(e, event.EventSequence, r.Get("EventRecordID"))
	if c, ok := classes[category]; ok {
		e.Delete(event.EventCategory)
		e.Delete(event.EventType)
		e.Str(event.EventCategory, c[0])
		e.Str(event.EventType, c[1])
		e.Str(event.EventAction, c[2])
	}
	e.Delete(event.ProcessName) // sysmon's own
	e.Delete(event.ProcessPID)
	e.Str(event.HostOSType, "linux")
	userEVTX(r, e, false)
	processEVTX(r, e, false, category == "process_creation")
	if p := r.first("TargetFilename"); p != "" {
		e.Str(event.FilePath, p)
		e.Str(event.FileName, base(p))
	}
	addressEVTX(r, e, event.SourceIP, event.SourcePort, "SourceIp", "SourceIp", "SourcePort", "SourcePort")
	addressEVTX(r, e, event.DestinationIP, event.DestinationPort, "DestinationIp", "DestinationIp", "DestinationPort", "DestinationPort")
	hashesEVTX(r.first("Hashes"), e, category)
}
