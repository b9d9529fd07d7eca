package proto

// DHCP, RFC 2131 section 2 and the options of RFC 2132:
//
//	0 op  1 hardware  2 its length  4 transaction  12 client  16 yours  20 server  24 relay  28 hardware address
//	236 63 82 53 63  240 options: code, length, value; 0 pads, 255 ends

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "dhcp", Doc: "Dynamic Host Configuration Protocol", Reference: "RFC 2131, RFC 2132",
		Transport: UDP, Ports: []uint16{67, 68}, App: suricata.AppDHCP,
		First: []string{"\x01", "\x02"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 240 && b[2] <= 16 && binary.BigEndian.Uint32(b[236:]) == 0x63825363)
		},
		New:     func(Transport) Parser { return &dhcp{} },
		Samples: []string{"dhcp.txt"}, Hostile: []string{"dhcp_hostile.txt"},
	})
}

var dhcpTypes = map[int]string{
	1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform", 9: "forcerenew",
	10: "leasequery", 11: "leaseunassigned", 12: "leaseunknown", 13: "leaseactive",
}

// dhcp makes one event of each message.
type dhcp struct{ id uint64 }

// Data implements Parser.
func (p *dhcp) Data(c *Context, dir Dir, b []byte) Result {
	if len(b) < 240 {
		return Result(len(b))
	}
	var packets Packets
	packets.Add(c.Number)
	e := c.Begin("saksi.dhcp", packets.List())
	e.Str(event.SaksiDhcpTransaction, hex.EncodeToString(b[4:8]))
	if b[1] == 1 && b[2] == 6 {
		e.Str(event.ClientMAC, macText(b[28:34]))
	}
	action := "bootp-request"
	if b[0] == 2 {
		action = "bootp-reply"
		dhcpAddr(e, event.SaksiDhcpAssignedIP, b[16:20])
	} else {
		dhcpAddr(e, event.SaksiDhcpRequestedIP, b[12:16])
	}
	dhcpAddr(e, event.SaksiDhcpRelayIP, b[24:28])
	host, fqdn := "", ""
	for w := (wire{b: b, at: 240}); w.left() > 0; {
		code := w.u8()
		if code == 255 {
			break
		}
		if code == 0 {
			continue
		}
		v := w.take(w.u8())
		switch {
		case code == 53 && len(v) == 1:
			action = nameOr(dhcpTypes, int(v[0]), "type-")
		case code == 12:
			host = printable(v)
		case code == 50 && len(v) == 4:
			dhcpAddr(e, event.SaksiDhcpRequestedIP, v)
		case code == 51 && len(v) == 4:
			e.Int(event.SaksiDhcpLeaseSeconds, int64(binary.BigEndian.Uint32(v)))
		case code == 54 && len(v) == 4:
			dhcpAddr(e, event.SaksiDhcpServerIP, v)
		case code == 55:
			e.Str(event.SaksiDhcpParameters, numbers(v))
		case code == 56:
			e.Str(event.EventReason, printable(v))
		case code == 60:
			e.Str(event.SaksiDhcpVendorClass, printable(v))
		case code == 61:
			e.Str(event.SaksiDhcpClientID, hex.EncodeToString(v))
		case code == 81 && len(v) > 3:
			if fqdn = printable(v[3:]); v[0]&4 != 0 { // in the form of DNS
				fqdn = labels(v[3:])
			}
		}
	}
	e.Str(event.EventAction, action)
	switch action {
	case "ack":
		e.Str(event.EventOutcome, "success")
	case "nak", "decline":
		e.Str(event.EventOutcome, "failure")
	}
	if host == "" {
		host = fqdn
	}
	e.Str(event.SaksiDhcpHostName, host)
	e.Str(event.RelatedHosts, host)
	p.id++
	var told *dhcpEVE
	if c.Detail {
		told = &dhcpEVE{eveTx: eveTx(p.id), msg: bytes.Clone(b)}
		tellEVE(e, "dhcp", told)
	}
	c.Emit(e)
	p.offer(c, dir, b, told)
	return Result(len(b))
}

// offer shows a message to the rules.
func (p *dhcp) offer(c *Context, dir Dir, b []byte, told *dhcpEVE) {
	if !c.Matching() {
		return
	}
	t := &bufTx{app: suricata.AppDHCP, id: p.id, packets: []uint64{c.Number}}
	if told != nil {
		t.eve = told
	}
	for w := (wire{b: b, at: 240}); w.left() > 0; {
		code := w.u8()
		if code == 0 {
			continue
		}
		if code == 255 {
			break
		}
		v := w.take(w.u8())
		if w.short {
			t.event("dhcp.truncated_options")
			break
		}
		if buf := dhcpTimes[code]; buf != 0 {
			if len(v) != 4 {
				t.event("dhcp.malformed_options")
				continue
			}
			t.number(buf, uint64(binary.BigEndian.Uint32(v)))
		}
	}
	c.Offer(t, dir)
}

// dhcpTimes are the options that are times (RFC 2132 sections 9.2, 9.11, 9.12).
var dhcpTimes = map[int]suricata.Buffer{51: suricata.BufDHCPLease, 58: suricata.BufDHCPRenewal, 59: suricata.BufDHCPRebinding}

// Gap implements Parser; datagrams have none.
func (*dhcp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (*dhcp) Close(*Context) {}

// dhcpAddr adds an address that is set.
func dhcpAddr(e *event.Event, f event.Field, b []byte) {
	if a, ok := netip.AddrFromSlice(b); ok && !a.IsUnspecified() {
		e.Addr(f, a)
	}
}

// macText writes a hardware address as ECS does.
func macText(b []byte) string {
	s := make([]byte, 0, 18)
	for i, x := range b {
		if i > 0 {
			s = append(s, '-')
		}
		s = append(s, "0123456789ABCDEF"[x>>4], "0123456789ABCDEF"[x&15])
	}
	return string(s)
}

// maxPrintable bounds a text that a peer chose.
const maxPrintable = 1024

// printable returns b as text, or in hex if there are control bytes in it. What
// is longer than maxPrintable is cut.
func printable(b []byte) string {
	b = b[:min(len(b), maxPrintable)]
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	for _, x := range b {
		if x < ' ' || x == 0x7f {
			return "0x" + hex.EncodeToString(b)
		}
	}
	return string(b)
}

// numbers writes bytes as decimals with commas between.
func numbers(b []byte) string {
	var s []byte
	for i, x := range b {
		if i > 0 {
			s = append(s, ',')
		}
		s = strconv.AppendUint(s, uint64(x), 10)
	}
	return string(s)
}

// labels reads a name of labels without compression (RFC 1035 section 3.1).
func labels(b []byte) string {
	w := wire{b: b}
	s := ""
	for n := w.u8(); n > 0 && n < 64 && !w.short; n = w.u8() {
		if s != "" {
			s += "."
		}
		s += printable(w.take(n))
	}
	return s
}
