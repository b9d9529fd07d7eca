package proto

// L2TP, RFC 2661 and RFC 3931, and PPTP, RFC 2637: the control messages that
// open a tunnel name both ends.
//
//	L2TP  0 T L S O P, version  2 length  4 tunnel  6 session  8 sent  10 received  12 AVPs
//	AVP   0 M H, length (10 bits)  2 vendor  4 type  6 value
//	PPTP  0 length  2 type (1)  4 1a 2b 3c 4d  8 message  10 reserved  12 version ... 28 host (64)  92 vendor (64)

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "l2tp", Doc: "Layer Two Tunneling Protocol, control messages", Reference: "RFC 2661, RFC 3931",
		Transport: UDP, Ports: []uint16{1701}, Detect: detectL2TP, New: func(Transport) Parser { return &tunnelControl{read: readL2TP} },
		Samples: []string{"l2tp.txt"}, Hostile: []string{"l2tp_hostile.txt", "short.txt"},
	})
	register(&Entry{
		Name: "pptp", Doc: "Point-to-Point Tunneling Protocol, control connection", Reference: "RFC 2637",
		Transport: TCP, Ports: []uint16{1723}, Detect: detectPPTP, New: func(Transport) Parser { return &tunnelControl{read: readPPTP} },
		Samples: []string{"pptp.txt"}, Hostile: []string{"pptp_hostile.txt"},
	})
}

func detectL2TP(p *Probe) Verdict {
	b := p.Data
	if len(b) < 12 || b[0]&0xc8 != 0xc8 || b[0]&0x34 != 0 || b[1]&0xf0 != 0 || b[1]&15 != 2 && b[1]&15 != 3 {
		return No
	}
	if n := int(binary.BigEndian.Uint16(b[2:])); n < 12 || n != p.Length {
		return No
	}
	return Yes
}

func detectPPTP(p *Probe) Verdict {
	b := p.Data
	if len(b) < 12 {
		return More
	}
	if n := binary.BigEndian.Uint16(b); n < 12 || n > 256 || binary.BigEndian.Uint16(b[2:]) != 1 || binary.BigEndian.Uint32(b[4:]) != 0x1a2b3c4d {
		return No
	}
	return Yes
}

// tunnelControl tells what the ends of a tunnel call themselves.
type tunnelControl struct {
	// read reads the message at the head of b, and returns its length, 0 if
	// more is needed, below 0 if it is broken.
	read     func(p *tunnelControl, b []byte) int
	packets  Packets
	version  int
	hosts    []string
	vendors  []string
	messages int
}

// maxTunnelMessages is how many messages are looked at.
const maxTunnelMessages = 32

// Data implements Parser.
func (p *tunnelControl) Data(c *Context, _ Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		n := p.read(p, b[used:])
		if n < 0 {
			return Broken
		}
		if n == 0 {
			break
		}
		used += n
		p.packets.Add(c.Number)
		if p.messages++; p.messages > maxTunnelMessages {
			return Done
		}
	}
	return Result(used)
}

func readL2TP(p *tunnelControl, b []byte) int {
	if len(b) < 12 || b[0]&0x80 == 0 { // data
		return len(b)
	}
	p.version = int(b[1] & 15)
	b = b[:min(len(b), max(12, int(binary.BigEndian.Uint16(b[2:]))))]
	for a := b[12:]; len(a) >= 6; {
		n := int(binary.BigEndian.Uint16(a) & 0x3ff)
		if n < 6 || n > len(a) {
			break
		}
		if hidden := a[0]&0x40 != 0; !hidden && binary.BigEndian.Uint16(a[2:]) == 0 {
			switch binary.BigEndian.Uint16(a[4:]) {
			case 7:
				p.hosts = addOnce(p.hosts, string(a[6:n]))
			case 8:
				p.vendors = addOnce(p.vendors, string(a[6:n]))
			}
		}
		a = a[n:]
	}
	return len(b)
}

func readPPTP(p *tunnelControl, b []byte) int {
	if len(b) < 12 {
		return 0
	}
	n := int(binary.BigEndian.Uint16(b))
	if n < 12 || n > 512 || binary.BigEndian.Uint32(b[4:]) != 0x1a2b3c4d {
		return -1
	}
	if len(b) < n {
		return 0
	}
	if t := binary.BigEndian.Uint16(b[8:]); (t == 1 || t == 2) && n >= 156 {
		p.version = int(b[12])
		p.hosts = addOnce(p.hosts, string(zeroEnded(b[28:92])))
		p.vendors = addOnce(p.vendors, string(zeroEnded(b[92:156])))
	}
	return n
}

// zeroEnded cuts b at its first zero byte.
func zeroEnded(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte{0})
	return b
}

// Gap implements Parser: the next message can't be found.
func (p *tunnelControl) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *tunnelControl) Close(c *Context) {
	if p.messages == 0 {
		return
	}
	e := c.Begin("saksi.tunnel", p.packets.List())
	if p.version > 0 {
		e.Str(event.SaksiVpnVersion, strconv.Itoa(p.version))
	}
	for _, h := range p.hosts {
		e.Str(event.SaksiVpnHost, h)
	}
	for _, v := range p.vendors {
		e.Str(event.SaksiVpnVendor, v)
	}
	c.Emit(e)
}
