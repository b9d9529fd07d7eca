package proto

// DHCPv6, RFC 8415 section 8 and 9: type, transaction, options of code, length
// and value; a relay's message has hop count and two addresses in the place of
// the transaction and carries the client's in option 9.
//
//	0 type  1 transaction (3)  4 options
//	0 type 12 or 13  1 hops  2 link address  18 peer address  34 options

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "dhcpv6", Doc: "Dynamic Host Configuration Protocol for IPv6", Reference: "RFC 8415, RFC 4704",
		Transport: UDP, Ports: []uint16{546, 547},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 8 || b[0] == 0 || b[0] > 36 {
				return No
			}
			at := 4
			if b[0] == 12 || b[0] == 13 { // relay
				at = 34
			}
			for n := 0; at+4 <= len(b) && n < 3; n++ {
				if code := binary.BigEndian.Uint16(b[at:]); code == 0 || code > 200 {
					return No
				}
				at += 4 + int(binary.BigEndian.Uint16(b[at+2:]))
			}
			return onPort(p, at <= p.Length, 546, 547)
		},
		New:     func(Transport) Parser { return dhcpv6{} },
		Samples: []string{"dhcpv6.txt"}, Hostile: []string{"dhcpv6_hostile.txt"},
	})
}

var dhcpv6Types = map[int]string{
	1: "solicit", 2: "advertise", 3: "request", 4: "confirm", 5: "renew", 6: "rebind", 7: "reply", 8: "release", 9: "decline",
	10: "reconfigure", 11: "information-request", 12: "relay-forward", 13: "relay-reply",
}

// maxDHCPv6Relays bounds messages within relays' (RFC 8415 section 7.6: 8 hops).
const maxDHCPv6Relays = 8

// dhcpv6 makes one event of each message.
type dhcpv6 struct{}

// Data implements Parser.
func (dhcpv6) Data(c *Context, _ Dir, b []byte) Result {
	var packets Packets
	packets.Add(c.Number)
	e := c.Begin("saksi.dhcpv6", packets.List())
	m := b
	for range maxDHCPv6Relays {
		if len(m) < 34 || m[0] != 12 && m[0] != 13 {
			break
		}
		if a, ok := netip.AddrFromSlice(m[2:18]); ok && !a.IsUnspecified() {
			e.Addr(event.SaksiDhcpRelayIP, a)
		}
		inner := dhcpv6Option(m[34:], 9)
		if inner == nil {
			break
		}
		m = inner
	}
	if len(m) < 4 {
		e.Str(event.EventAction, "unknown")
		c.Emit(e)
		return Result(len(b))
	}
	kind := int(m[0])
	e.Str(event.EventAction, nameOr(dhcpv6Types, kind, "type-"))
	given := kind == 2 || kind == 7
	status := -1
	if kind != 12 && kind != 13 {
		e.Str(event.SaksiDhcpTransaction, hex.EncodeToString(m[1:4]))
		status = dhcpv6Options(e, m[4:], given)
	}
	switch {
	case status > 0:
		e.Str(event.EventOutcome, "failure")
		e.Str(event.ErrorCode, nameOr(dhcpv6Status, status, "status-"))
	case kind == 7:
		e.Str(event.EventOutcome, "success")
	}
	c.Emit(e)
	return Result(len(b))
}

var dhcpv6Status = map[int]string{
	1: "UnspecFail", 2: "NoAddrsAvail", 3: "NoBinding", 4: "NotOnLink", 5: "UseMulticast", 6: "NoPrefixAvail",
}

func dhcpv6Option(b []byte, want int) []byte {
	for w := (wire{b: b}); w.left() >= 4; {
		code, v := w.u16(), w.take(w.u16())
		if code == want {
			return v
		}
	}
	return nil
}

// dhcpv6Options adds what the options say and returns the first status that is
// none of success, or -1.
func dhcpv6Options(e *event.Event, b []byte, given bool) int {
	status := -1
	for w := (wire{b: b}); w.left() >= 4; {
		code, v := w.u16(), w.take(w.u16())
		switch {
		case code == 1:
			e.Str(event.SaksiDhcpClientID, hex.EncodeToString(v[:min(len(v), 130)])) // RFC 8415 section 11.1
			if len(v) == 14 && v[1] == 1 && v[3] == 1 {                              // link-layer address and time, Ethernet
				e.Str(event.ClientMAC, macText(v[8:14]))
			} else if len(v) == 10 && v[1] == 3 && v[3] == 1 {
				e.Str(event.ClientMAC, macText(v[4:10]))
			}
		case code == 3 && len(v) >= 12, code == 25 && len(v) >= 12: // addresses, prefixes
			if n := dhcpv6Leases(e, v[12:], given); status <= 0 {
				status = n
			}
		case code == 4 && len(v) >= 4: // temporary addresses
			if n := dhcpv6Leases(e, v[4:], given); status <= 0 {
				status = n
			}
		case code == 13 && len(v) >= 2 && status <= 0:
			status = int(binary.BigEndian.Uint16(v))
		case code == 16 && len(v) > 6:
			in := wire{b: v, at: 4}
			e.Str(event.SaksiDhcpVendorClass, printable(in.take(in.u16())))
		case code == 39 && len(v) > 1:
			name := labels(v[1:])
			e.Str(event.SaksiDhcpHostName, name)
			e.Str(event.RelatedHosts, name)
		}
	}
	return status
}

// dhcpv6Leases adds the addresses and prefixes of an identity association.
func dhcpv6Leases(e *event.Event, b []byte, given bool) int {
	status := -1
	f := event.SaksiDhcpRequestedIP
	if given {
		f = event.SaksiDhcpAssignedIP
	}
	for w := (wire{b: b}); w.left() >= 4; {
		code, v := w.u16(), w.take(w.u16())
		switch {
		case code == 5 && len(v) >= 24:
			dhcpAddr(e, f, v[:16])
			if given {
				e.Int(event.SaksiDhcpLeaseSeconds, int64(binary.BigEndian.Uint32(v[20:])))
			}
		case code == 26 && len(v) >= 25:
			if a, ok := netip.AddrFromSlice(v[9:25]); ok && v[8] <= 128 {
				e.Str(event.SaksiDhcpPrefix, netip.PrefixFrom(a, int(v[8])).String())
			}
		case code == 13 && len(v) >= 2:
			status = int(binary.BigEndian.Uint16(v))
		}
	}
	return status
}

// Gap implements Parser; datagrams have none.
func (dhcpv6) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (dhcpv6) Close(*Context) {}
