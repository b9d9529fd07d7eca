package proto

// NTP, RFC 5905 section 7.3; control messages (mode 6), RFC 9327; private ones
// (mode 7) of ntpd:
//
//	0 leap, version, mode  1 stratum  2 poll  3 precision  4 root delay  8 dispersion  12 reference
//	16 reference time  24 origin  32 receive  40 transmit
//	mode 6: 1 response, error, more, operation     mode 7: 2 implementation  3 request

import (
	"encoding/binary"
	"net/netip"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "ntp", Doc: "Network Time Protocol", Reference: "RFC 5905, RFC 9327",
		Transport: UDP, Ports: []uint16{123}, App: suricata.AppNTP,
		Detect: detectNTP, New: func(Transport) Parser { return &ntp{} },
		Samples: []string{"ntp.txt"}, Hostile: []string{"ntp_hostile.txt"},
	})
}

func detectNTP(p *Probe) Verdict {
	b := p.Data
	if len(b) < 12 {
		return onPort(p, len(b) >= 4 && b[0]&7 == 7 && b[0]>>3&7 >= 1 && b[0]>>3&7 <= 4, 123)
	}
	version, mode := b[0]>>3&7, b[0]&7
	if version < 1 || version > 4 {
		return No
	}
	if mode >= 6 { // control and private messages have no shape of their own
		return onPort(p, true, 123)
	}
	if mode == 0 || p.Length < 48 || b[1] > 16 {
		return No
	}
	if p.On(123) {
		return Yes
	}
	// poll and precision are powers of two of seconds
	poll, precision := int8(b[2]), int8(b[3])
	return yes(p.Length == 48 && version >= 3 && poll >= 3 && poll <= 17 && precision <= 0 && precision > -32)
}

var ntpModes = [...]string{"reserved", "symmetric-active", "symmetric-passive", "client", "server", "broadcast", "control", "private"}

// ntp makes one event of a request and its answer, and of each other message.
type ntp struct {
	packets Packets
	version int
	asked   bool
	offered uint64 // messages shown to the rules
}

// show offers a message to the rules: one of versions 3 and 4 that is whole.
func (p *ntp) show(c *Context, dir Dir, b []byte) {
	version := b[0] >> 3 & 7
	if !c.Matching() || len(b) < 48 || version < 3 || version > 4 {
		return
	}
	p.offered++
	t := &bufTx{app: suricata.AppNTP, id: p.offered, packets: []uint64{c.Number}}
	t.number(suricata.BufNTPMode, uint64(b[0]&7))
	t.number(suricata.BufNTPVersion, uint64(version))
	t.number(suricata.BufNTPStratum, uint64(b[1]))
	t.add(suricata.BufNTPReferenceID, b[12:16])
	c.Offer(t, dir)
}

// Data implements Parser.
func (p *ntp) Data(c *Context, dir Dir, b []byte) Result {
	if len(b) < 4 {
		return Result(len(b))
	}
	p.show(c, dir, b)
	mode := b[0] & 7
	if mode == 3 && len(b) >= 48 {
		p.Close(c)
		p.packets.Add(c.Number)
		p.version, p.asked = int(b[0]>>3&7), true
		return Result(len(b))
	}
	if mode != 4 {
		p.Close(c)
	}
	p.packets.Add(c.Number)
	e := c.Begin("saksi.ntp", p.packets.List())
	e.Str(event.EventAction, ntpModes[mode])
	e.Int(event.SaksiNtpVersion, int64(b[0]>>3&7))
	switch {
	case mode == 6:
		e.Int(event.SaksiNtpRequestCode, int64(b[1]&0x1f))
	case mode == 7:
		e.Int(event.SaksiNtpRequestCode, int64(b[3]))
	case len(b) >= 48:
		e.Int(event.SaksiNtpStratum, int64(b[1]))
		ref := ""
		if b[1] <= 1 {
			ref = printable(b[12:16])
		} else if a, ok := netip.AddrFromSlice(b[12:16]); ok {
			ref = a.String()
		}
		e.Str(event.SaksiNtpReference, ref)
		if t, ok := ntpTime(b[40:48]); ok {
			e.Time(event.SaksiNtpTransmit, t)
		}
		if mode == 4 {
			if b[1] == 0 { // a kiss of death
				e.Str(event.EventOutcome, "failure")
				e.Str(event.ErrorCode, ref)
			} else if p.asked {
				e.Str(event.EventOutcome, "success")
			}
		}
	}
	c.Emit(e)
	p.packets.Reset()
	p.asked = false
	return Result(len(b))
}

// ntpTime turns a timestamp into Unix nanoseconds: seconds since 1900, or since
// 2036 if their highest bit is clear (RFC 5905 section 6).
func ntpTime(b []byte) (int64, bool) {
	s, frac := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if s == 0 && frac == 0 {
		return 0, false
	}
	if s < 1<<31 {
		s += 1 << 32
	}
	return (s-2_208_988_800)*1_000_000_000 + frac*1_000_000_000>>32, true
}

// Gap implements Parser; datagrams have none.
func (p *ntp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser: it tells of a request that was not answered.
func (p *ntp) Close(c *Context) {
	if !p.asked {
		return
	}
	e := c.Begin("saksi.ntp", p.packets.List())
	e.Str(event.EventAction, "client")
	e.Int(event.SaksiNtpVersion, int64(p.version))
	c.Emit(e)
	p.packets.Reset()
	p.asked = false
}
