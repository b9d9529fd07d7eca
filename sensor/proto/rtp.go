package proto

// RTP, RFC 3550 section 5.1: 0 version 2 (2 bits), padding, extension, sources
// (4)  1 marker, type (7)  2 number (2)  4 time (4)  8 source (4); and RTCP,
// section 6: 0 version 2, padding, count (5)  1 type: 200 sender, 201 receiver,
// 202 description  2 words less one (2)  4 source.
//
// A head so short is no proof. Of RTP only the types of RFC 3551 are taken whose
// frames have a fixed size; RTCP must be a whole chain of reports. What has
// other types is told of by the SIP before it. One event a flow.

import (
	"encoding/binary"
	"fmt"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "rtp", Doc: "Real-time Transport Protocol", Reference: "RFC 3550, RFC 3551",
		Transport: UDP, First: []string{"\x80"}, Detect: detectRTP,
		New:     func(Transport) Parser { return &rtp{} },
		Samples: []string{"rtp.txt"}, Hostile: []string{"rtp_hostile.txt"},
	})
	register(&Entry{
		Name: "rtcp", Doc: "RTP Control Protocol", Reference: "RFC 3550",
		Transport: UDP, Detect: detectRTCP,
		New:     func(Transport) Parser { return &rtp{control: true} },
		Samples: []string{"rtcp.txt"}, Hostile: []string{"rtp_hostile.txt"},
	})
}

// rtpTypes are types and, per 10 ms, the bytes of their frames.
var rtpTypes = map[byte]struct {
	codec string
	size  int
	step  int // milliseconds of one frame
}{
	0: {"PCMU", 80, 10}, 3: {"GSM", 33, 20}, 4: {"G723", 24, 30}, 8: {"PCMA", 80, 10}, 9: {"G722", 80, 10}, 15: {"G728", 20, 10}, 18: {"G729", 10, 10},
}

func detectRTP(p *Probe) Verdict {
	b := p.Data
	if len(b) < 12 || p.SrcPort < 1024 || p.DstPort < 1024 || p.SrcPort&p.DstPort&1 != 0 { // section 11: even ports
		return No
	}
	t, ok := rtpTypes[b[1]&0x7f]
	n := p.Length - 12
	if !ok || n < t.size || n%t.size != 0 || n/t.size*t.step > 60 || binary.BigEndian.Uint32(b[8:]) == 0 {
		return No
	}
	if n/t.size*t.step < 20 { // shorter frames are rare, and other messages as short are not
		return No
	}
	return Yes
}

func detectRTCP(p *Probe) Verdict {
	b := p.Data
	if len(b) != p.Length || len(b) < 20 || b[1] != 200 && b[1] != 201 {
		return No
	}
	for i := 0; len(b) > 0; i++ {
		if len(b) < 4 || b[0]>>6 != 2 || b[1] < 200 || b[1] > 207 {
			return No
		}
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			return No
		}
		if i == 0 {
			least := 8 + 24*int(b[0]&31)
			if b[1] == 200 {
				least += 20
			}
			if n < least {
				return No
			}
		} else if i == 1 && b[1] == 202 {
			return Yes
		}
		b = b[n:]
	}
	return No
}

type rtp struct{ control bool }

// Data implements Parser.
func (p *rtp) Data(c *Context, _ Dir, b []byte) Result {
	if len(b) < 12 {
		return Result(len(b))
	}
	if p.control {
		e := c.Begin("saksi.rtp", []uint64{c.Number})
		e.Str(event.SaksiRtpSsrc, fmt.Sprintf("%08x", binary.BigEndian.Uint32(b[4:])))
		e.Bytes(event.SaksiRtpName, rtcpName(b))
		c.Emit(e)
		return Done
	}
	e := c.Begin("saksi.rtp", []uint64{c.Number})
	e.Str(event.SaksiRtpCodec, rtpTypes[b[1]&0x7f].codec)
	e.Str(event.SaksiRtpSsrc, fmt.Sprintf("%08x", binary.BigEndian.Uint32(b[8:])))
	c.Emit(e)
	return Done
}

// rtcpName returns the first CNAME of a description: source (4), then type (1),
// length (1), text.
func rtcpName(b []byte) []byte {
	for len(b) >= 8 {
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			break
		}
		if b[1] == 202 && n >= 10 && b[8] == 1 && 10+int(b[9]) <= n {
			return b[10 : 10+int(b[9])]
		}
		b = b[n:]
	}
	return nil
}

// Gap implements Parser.
func (p *rtp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *rtp) Close(*Context) {}
