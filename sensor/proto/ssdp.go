package proto

// SSDP: the heads of HTTP in datagrams (UPnP Device Architecture 2.0 section 1).
//
//	M-SEARCH * HTTP/1.1   ST: what is looked for
//	NOTIFY * HTTP/1.1     NT: what is there, NTS: ssdp:alive, ssdp:byebye or ssdp:update
//	HTTP/1.1 200 OK       answers a search: ST, USN, LOCATION, SERVER

import (
	"bytes"
	"strings"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "ssdp", Doc: "Simple Service Discovery Protocol", Reference: "UPnP Device Architecture 2.0",
		Transport: UDP, Ports: []uint16{1900},
		First: []string{"M-SEARCH * HTTP/1.", "NOTIFY * HTTP/1.", "HTTP/1.1 200 "},
		Detect: func(p *Probe) Verdict {
			head := bytes.ToUpper(p.Data[:min(len(p.Data), 1024)])
			for _, field := range []string{"\nMAN:", "\nNTS:", "\nNT:", "\nUSN:", "\nST:"} {
				if bytes.Contains(head, []byte(field)) {
					return Yes
				}
			}
			return No
		},
		New:     func(Transport) Parser { return ssdp{} },
		Samples: []string{"ssdp.txt"}, Hostile: []string{"ssdp_hostile.txt"},
	})
}

// maxSSDPFields bounds the fields of one head.
const maxSSDPFields = 64

// ssdp makes one event of each message.
type ssdp struct{}

// Data implements Parser.
func (ssdp) Data(c *Context, _ Dir, b []byte) Result {
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	e := c.Begin("saksi.ssdp", []uint64{c.Number})
	action := "search"
	switch {
	case bytes.HasPrefix(line, []byte("NOTIFY ")):
		action = "notify"
	case bytes.HasPrefix(line, []byte("HTTP/")):
		action = "response"
	}
	for range maxSSDPFields {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		name, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		if !ok {
			break
		}
		value = bytes.TrimSpace(value)
		value = value[:min(len(value), maxPrintable)]
		switch strings.ToLower(string(name[:min(len(name), 16)])) {
		case "nts":
			action = strings.TrimPrefix(printable(value), "ssdp:")
		case "st", "nt":
			e.Bytes(event.SaksiSsdpTarget, value)
		case "usn":
			e.Bytes(event.SaksiSsdpUsn, value)
		case "server":
			e.Bytes(event.ServiceName, value)
		case "location", "al":
			e.Bytes(event.URLFull, value)
		case "user-agent":
			e.Bytes(event.UserAgentOriginal, value)
		}
	}
	e.Str(event.EventAction, action)
	c.Emit(e)
	return Result(len(b))
}

// Gap implements Parser; datagrams have none.
func (ssdp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (ssdp) Close(*Context) {}
