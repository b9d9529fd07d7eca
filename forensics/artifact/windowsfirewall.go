package artifact

import (
	"bytes"
	"net/netip"
	"strings"

	"saksi/event"
	"saksi/rules/sigma"
)

// pfirewall.log of the Windows Firewall: the W3C Extended Log Format with fields of
// its own and, as its header says, local times.

func init() {
	register(Format{
		Name:      "windows-firewall",
		Doc:       "pfirewall.log of the Windows Firewall: each connection or packet with addresses, ports and whether it was let through; times are local unless its header says otherwise",
		Reference: "Microsoft Learn, Configure the Windows Firewall Log; W3C WD-logfile-960323",
		Detect:    isWindowsFirewall,
		Parse: func(in Input, emit func(*Record) error, problem func(Problem)) error {
			head := make([]byte, headSize)
			n, _ := in.ReadAt(head, 0)
			utc := bytes.Contains(head[:n], []byte("#Time Format: UTC"))
			return parseW3C(in, func(r *Record) error {
				if !utc && r.Time != 0 {
					r.add("zone", zoneLocal)
				}
				return emit(r)
			}, problem)
		},
		Event: eventWindowsFirewall,
		Log: func(*Record) ([]sigma.Source, []sigma.Alias) {
			return []sigma.Source{{Category: "firewall", Product: "windows"}}, []sigma.Alias{{From: "src-ip", To: "src_ip"}, {From: "dst-ip", To: "dst_ip"}, {From: "src-port", To: "src_port"}, {From: "dst-port", To: "dst_port"}}
		},
		Samples: []string{"sample.pfirewall.log"},
		Hostile: []string{"sample.pfirewall.log cut=330", "sample.pfirewall.log @230=20"},
	})
}

func isWindowsFirewall(head []byte) bool {
	return bytes.HasPrefix(head, []byte("#Version:")) && (bytes.Contains(head, []byte("#Software: Microsoft Windows Firewall")) || bytes.Contains(head, []byte("#Software: Microsoft Internet Connection Firewall")))
}

func eventWindowsFirewall(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "network")
	action := strings.ToLower(r.Get("action"))
	switch action {
	case "drop":
		e.Str(event.EventType, "denied")
	case "allow":
		e.Str(event.EventType, "allowed")
	default:
		e.Str(event.EventType, "info")
	}
	e.Str(event.EventAction, "firewall-"+action)
	e.Str(event.NetworkTransport, strings.ToLower(r.Get("protocol")))
	for _, end := range []struct {
		ip, port       string
		address, place event.Field
	}{{"src-ip", "src-port", event.SourceIP, event.SourcePort}, {"dst-ip", "dst-port", event.DestinationIP, event.DestinationPort}} {
		if a, err := netip.ParseAddr(r.Get(end.ip)); err == nil {
			e.Addr(end.address, a)
			putNumber(e, end.place, r.Get(end.port))
		}
	}
	e.Str(event.Message, strings.Join(strings.Fields(action+" "+r.Get("protocol")+" "+r.Get("src-ip")+" "+r.Get("dst-ip")+" "+r.Get("dst-port")), " "))
	putData(r, e)
}
