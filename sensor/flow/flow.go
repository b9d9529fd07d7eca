// Package flow keeps the flow table of one shard: pointer-free records of 128
// bytes in slabs, TCP state and history as Zeek writes them, timeouts on
// capture time, Community ID. Start with NewTable; Update is called for each
// packet in order, Advance as capture time goes on.
package flow

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"saksi/sensor/decode"
)

// Direction of a packet within its flow.
const (
	FromOrig = 0 // sent by the originator
	FromResp = 1
)

// Flags of a Record.
const (
	flagOrigB  = 1 << iota // the originator is the higher (address, port)
	flagV6                 // IPv6
	flagOneWay             // ICMP without counterpart
	flagDone               // nothing more is parsed
	flagMid                // picked up without a SYN
	flagStart0             // Start[0] holds
	flagStart1             //
	flagUsed               // the record is in use
)

// Record is one flow. It holds no pointers, so a million of them cost the
// garbage collector nothing; what a parser needs hangs on Ext.
type Record struct {
	Addr    [2][16]byte // lower (address, port) first
	Port    [2]uint16
	Context uint32 // see decode.Packet.Context
	Proto   uint8
	flags   uint8
	State   uint8 // TCP: endpoint states, originator in the low nibble
	app     uint8 // see App: its lower bits
	Ext     uint32
	wheel   uint32 // next in the timer slot
	chain   uint32 // next in the hash chain
	First   int64  // Unix nanoseconds
	Last    int64
	Pkts    [2]uint32 // by originator, responder
	bytes   [2]uint32 // IP bytes, lower 32 bits
	bytesHi [2]uint16
	pktHi   [2]uint16 // first and last packet number, upper 16 of 48 bits
	pktLo   [2]uint32
	start   [2]uint32 // TCP: first sequence number of data; other: payload bytes, lower and upper half of each side
	next    [2]uint32 // TCP: highest sequence number seen
	history uint64    // up to 12 letters of 5 bits, oldest highest; above them the upper bits of App
}

// Orig returns the originator's address and port.
func (r *Record) Orig() (netip.Addr, uint16) {
	i := r.side(FromOrig)
	return decode.Addr(r.Addr[i]), r.Port[i]
}

// Resp returns the responder's address and port.
func (r *Record) Resp() (netip.Addr, uint16) {
	i := r.side(FromResp)
	return decode.Addr(r.Addr[i]), r.Port[i]
}

// appShift is where in history the upper bits of App stand; MaxApp is the most
// that it holds.
const (
	appShift = 60
	MaxApp   = 1<<12 - 1
)

// App is the index of the protocol in the registry, from 1; 0 is unknown.
func (r *Record) App() uint16 { return uint16(r.history>>appShift)<<8 | uint16(r.app) }

// SetApp sets App.
func (r *Record) SetApp(index uint16) {
	r.app = uint8(index)
	r.history = r.letters() | uint64(index>>8)<<appShift
}

// letters is history without what stands above it.
func (r *Record) letters() uint64 { return r.history & (1<<appShift - 1) }

// Addrs are the addresses of originator and responder, IPv4 in its IPv4-mapped form.
func (r *Record) Addrs() (orig, resp *[16]byte) {
	i := r.side(FromOrig)
	return &r.Addr[i], &r.Addr[1-i]
}

// side gives the index into Addr of a direction.
func (r *Record) side(dir int) int {
	if r.flags&flagOrigB != 0 {
		return 1 - dir
	}
	return dir
}

// OrigPort and RespPort are the ports of the two sides.
func (r *Record) OrigPort() uint16 { return r.Port[r.side(FromOrig)] }

// RespPort is the responder's port.
func (r *Record) RespPort() uint16 { return r.Port[r.side(FromResp)] }

// V6 reports an IPv6 flow.
func (r *Record) V6() bool { return r.flags&flagV6 != 0 }

// OneWay reports ICMP messages that have no counterpart.
func (r *Record) OneWay() bool { return r.flags&flagOneWay != 0 }

// IPBytes is the sum of IP packet lengths a side sent.
func (r *Record) IPBytes(dir int) uint64 { return uint64(r.bytesHi[dir])<<32 | uint64(r.bytes[dir]) }

// FirstPacket is the number of the first packet.
func (r *Record) FirstPacket() uint64 { return uint64(r.pktHi[0])<<32 | uint64(r.pktLo[0]) }

// LastPacket is the number of the last packet.
func (r *Record) LastPacket() uint64 { return uint64(r.pktHi[1])<<32 | uint64(r.pktLo[1]) }

// Payload is the number of payload bytes a side sent: for TCP by its sequence
// numbers, so that retransmissions count once and gaps count in full.
func (r *Record) Payload(dir int) uint64 {
	if r.Proto != decode.ProtoTCP {
		return uint64(r.next[dir])<<32 | uint64(r.start[dir])
	}
	if r.flags&(flagStart0<<dir) == 0 {
		return 0
	}
	n := uint64(r.next[dir] - r.start[dir])
	if int32(r.next[dir]-r.start[dir]) < 0 && r.IPBytes(dir) < 1<<31 {
		return 0
	}
	// Sequence numbers wrap each 4 GiB; IP bytes tell how often.
	if total := r.IPBytes(dir); total > 1<<32 {
		for wraps := total >> 32; wraps > 0; wraps-- {
			if n+wraps<<32 <= total {
				return n + wraps<<32
			}
		}
	}
	return n
}

func (r *Record) addPayload(dir int, n uint32) {
	lo, carry := bits.Add32(r.start[dir], n, 0)
	r.start[dir], r.next[dir] = lo, r.next[dir]+carry
}

func (r *Record) setPacket(i int, n uint64) {
	r.pktLo[i], r.pktHi[i] = uint32(n), uint16(n>>32)
}

// flip exchanges originator and responder.
func (r *Record) flip() {
	r.flags ^= flagOrigB
	swapBit := r.flags & (flagStart0 | flagStart1)
	if swapBit == flagStart0 || swapBit == flagStart1 {
		r.flags ^= flagStart0 | flagStart1
	}
	r.State = r.State>>4 | r.State<<4
	r.Pkts[0], r.Pkts[1] = r.Pkts[1], r.Pkts[0]
	r.bytes[0], r.bytes[1] = r.bytes[1], r.bytes[0]
	r.bytesHi[0], r.bytesHi[1] = r.bytesHi[1], r.bytesHi[0]
	r.start[0], r.start[1] = r.start[1], r.start[0]
	r.next[0], r.next[1] = r.next[1], r.next[0]
	var h uint64
	for i := 55; i >= 0; i -= 5 {
		if c := r.history >> i & 31; c != 0 {
			h = h<<5 | (c ^ 1)
		}
	}
	r.history = h | r.history&^(1<<appShift-1)
	r.mark('^', FromOrig)
}

// Done reports whether the flow is no longer parsed.
func (r *Record) Done() bool { return r.flags&flagDone != 0 }

// SetDone ends parsing of the flow.
func (r *Record) SetDone() { r.flags |= flagDone }

// Start returns the sequence number at which a side's data begins, if known.
func (r *Record) Start(dir int) (uint32, bool) { return r.start[dir], r.flags&(flagStart0<<dir) != 0 }

// Next returns the sequence number behind the last byte a side sent.
func (r *Record) Next(dir int) uint32 { return r.next[dir] }

// MidStream reports a TCP connection whose SYNs were not seen.
func (r *Record) MidStream() bool { return r.flags&flagMid != 0 }

// Closed reports a TCP connection that has ended.
func (r *Record) Closed() bool { return r.Proto == decode.ProtoTCP && r.closed() }

// key tells whether a packet belongs to r.
func (r *Record) key(p *decode.Packet, lo int) bool {
	return r.Proto == p.Proto && r.Context == p.Context &&
		r.Port[lo] == p.SrcPort && r.Port[1-lo] == p.DstPort &&
		r.Addr[lo] == p.Src && r.Addr[1-lo] == p.Dst
}

// lower reports whether the source is the higher side of the unordered pair:
// 0 when it is stored first, 1 when second.
func lower(p *decode.Packet) int {
	a0, b0 := binary.BigEndian.Uint64(p.Src[:8]), binary.BigEndian.Uint64(p.Dst[:8])
	if a0 == b0 {
		a0, b0 = binary.BigEndian.Uint64(p.Src[8:]), binary.BigEndian.Uint64(p.Dst[8:])
	}
	if a0 < b0 || a0 == b0 && p.SrcPort <= p.DstPort {
		return 0
	}
	return 1
}

// VLAN is the outermost VLAN tag, 0 for none or inside a tunnel.
func (r *Record) VLAN() uint16 {
	if r.Context>>31 != 0 {
		return 0
	}
	return uint16(r.Context >> 12 & 0xfff)
}
