package proto

// WireGuard (https://www.wireguard.com/protocol/): all but the messages' heads is
// encrypted.
//
//	initiation (148)  0 type 1  4 sender
//	response (92)     0 type 2  4 sender  8 receiver, the sender of the initiation
//	cookie (64)       0 type 3  4 receiver
//	data (32 ...)     0 type 4  4 receiver  8 counter

import (
	"encoding/binary"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "wireguard", Doc: "WireGuard", Reference: "https://www.wireguard.com/protocol/",
		Transport: UDP, Ports: []uint16{51820},
		First: []string{"\x01\x00\x00\x00", "\x02\x00\x00\x00", "\x03\x00\x00\x00", "\x04\x00\x00\x00"}, Detect: detectWireGuard,
		New:     func(Transport) Parser { return &wireGuard{} },
		Samples: []string{"wireguard.txt", "wireguard_cookie.txt"}, Hostile: []string{"wireguard_hostile.txt"},
	})
}

// detectWireGuard knows the four messages by type, three zero bytes and
// length. Transport data alone has no more than that: it needs the port, or a
// counter that is as low as that of a session's begin and a whole number of
// blocks.
func detectWireGuard(p *Probe) Verdict {
	b := p.Data
	switch b[0] {
	case 1:
		if p.Length == 148 {
			return Yes
		}
	case 2:
		if p.Length == 92 {
			return Yes
		}
	case 3:
		if p.Length == 64 && p.On(51820) {
			return Yes
		}
	case 4:
		if p.Length >= 32 && p.Length%16 == 0 && len(b) >= 16 && p.On(51820) && binary.LittleEndian.Uint64(b[8:]) < 1<<32 {
			return Yes
		}
	}
	return No
}

// wireGuard tells of each handshake, and at the end of a tunnel whose handshake
// was not seen.
type wireGuard struct {
	sender  uint32 // of the initiation that waits for its answer
	waiting bool
	from    Dir
	packets Packets
	told    bool
	data    bool // seen
}

// Data implements Parser.
func (p *wireGuard) Data(c *Context, dir Dir, b []byte) Result {
	if len(b) < 16 {
		return Result(len(b))
	}
	index := binary.LittleEndian.Uint32(b[4:])
	switch b[0] {
	case 1:
		if p.waiting && p.sender != index {
			p.emit(c, "handshake", "failure")
		}
		p.sender, p.waiting, p.from = index, true, dir
		p.packets.Add(c.Number)
	case 2:
		if p.waiting && dir != p.from && binary.LittleEndian.Uint32(b[8:]) == p.sender {
			p.packets.Add(c.Number)
			p.emit(c, "handshake", "success")
		}
	case 3: // the responder is under load and asks for a proof of the address
		if p.waiting && dir != p.from && index == p.sender {
			p.packets.Add(c.Number)
			p.emit(c, "cookie", "")
		}
	case 4:
		if !p.told && !p.data {
			p.packets.Add(c.Number)
		}
		p.data = true
	}
	return Result(len(b))
}

func (p *wireGuard) emit(c *Context, action, outcome string) {
	e := c.Begin("saksi.wireguard", p.packets.List())
	e.Str(event.EventAction, action)
	e.Str(event.EventOutcome, outcome)
	if p.waiting {
		e.Str(event.SaksiVpnSession, strconv.FormatUint(uint64(p.sender), 16))
	}
	c.Emit(e)
	p.packets.Reset()
	p.waiting, p.told = false, true
}

// Gap implements Parser; datagrams have none.
func (p *wireGuard) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *wireGuard) Close(c *Context) {
	switch {
	case p.waiting && p.data:
		p.emit(c, "handshake", "unknown")
	case p.waiting:
		p.emit(c, "handshake", "failure")
	case p.data && !p.told:
		p.emit(c, "data", "")
	}
}
