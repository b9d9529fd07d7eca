// Package decode takes captured frames apart down to the transport header:
// link layers, tags, tunnels, IPv4 and IPv6 with extension headers, and
// defragmentation. Start with New and call Decoder.Decode for each frame.
// Nothing is allocated for a frame that is not a fragment.
package decode

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// NumShards is the fixed number of shards packets are spread over. It never
// depends on the number of workers, so that what a shard does is the same for
// any number of them.
const NumShards = 64

// maxDepth bounds tunnels in tunnels.
const maxDepth = 5

// maxTags bounds the VLAN tags, MPLS labels and link headers of one frame.
const maxTags = 32

// IP protocol numbers (IANA "Assigned Internet Protocol Numbers").
const (
	ProtoICMP    = 1
	ProtoIGMP    = 2
	ProtoIPIP    = 4
	ProtoTCP     = 6
	ProtoUDP     = 17
	ProtoIPv6    = 41
	ProtoGRE     = 47
	ProtoESP     = 50
	ProtoAH      = 51
	ProtoICMPv6  = 58
	ProtoEtherIP = 97
	ProtoSCTP    = 132
	ProtoMPLS    = 137
)

// Flags of a Packet.
const (
	FlagV6          = 1 << iota // IPv6
	FlagCut                     // the capture holds less than the IP header says
	FlagReassembled             // put together from fragments
	FlagBadTCP                  // transport header does not fit
	FlagTunnel                  // carries an inner packet that follows as its own
	FlagFragment                // a fragment that was not put together
	FlagEvent                   // no packet at all: only its Events count, or its Ether
	FlagUnverified              // its checksum means nothing: the sender's hardware fills it in later
)

// TCP header flags.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// maxParts bounds Packet.Part: a frame holds at most maxSubframes times a packet
// and its tunnels.
const maxParts = 1<<16 - 2

// Packet is one decoded IP packet. A frame with tunnels gives several with the
// same Number: outer first, each deeper one with a higher Depth. An aggregate of
// IEEE 802.11 gives several beside each other. Part numbers them.
type Packet struct {
	Number  uint64
	Time    int64  // Unix nanoseconds
	Header  []byte // of IP, with options or extension headers, as captured
	Segment []byte // transport header and payload as captured, within the IP length
	// Frags are the numbers of the other frames of a reassembled packet.
	Frags []uint64

	Src, Dst [16]byte // IPv4 in its IPv4-mapped form
	SrcMAC   [6]byte  // zero where the link layer has none
	DstMAC   [6]byte
	IPLen    uint32 // length of the IP packet by its header
	SegLen   uint32 // length of transport header and payload by the IP header
	Seq, Ack uint32 // TCP
	FrameLen uint32 // captured bytes of the frame, of an inner packet those inside its tunnel; of a reassembled one IPLen
	Context  uint32 // VLAN tags, tunnel id and depth; 0 for a plain packet
	VLAN     [3]uint16
	SrcPort  uint16 // ICMP: type; else 0 where the protocol has no ports
	DstPort  uint16 // ICMP: type of the counterpart message, or code
	Window   uint16
	IPID     uint16
	FragOff  uint16 // in bytes, of a fragment
	ICMPID   uint16
	ICMPSeq  uint16
	HdrLen   uint16 // of the transport header within Segment
	Part     uint16 // place among the packets of its frame
	Proto    uint8
	TTL      uint8
	TCPFlags uint8
	Flags    uint8
	FragBits uint8 // bit 0 MF, bit 1 DF, bit 2 reserved
	ICMPType uint8
	ICMPCode uint8
	Shard    uint8
	Depth    uint8
	OneWay   bool   // ICMP message without a counterpart
	Ether    uint16 // with FlagEvent, of a frame that is no IP packet: Segment is what follows it
	VLANs    uint8
	Tunnel   uint8  // 1 + place in TunnelNames of the tunnel it was in, 0 for none
	Events   uint64 // see Raised
}

// Payload is the transport payload as captured.
func (p *Packet) Payload() []byte { return p.Segment[p.HdrLen:] }

// PayloadLen is the length of the transport payload by the IP header.
func (p *Packet) PayloadLen() uint32 {
	if p.SegLen < uint32(p.HdrLen) {
		return 0
	}
	return p.SegLen - uint32(p.HdrLen)
}

// Addrs returns source and destination address.
func (p *Packet) Addrs() (src, dst netip.Addr) { return Addr(p.Src), Addr(p.Dst) }

// Addr unmaps an address as Packet holds it.
func Addr(a [16]byte) netip.Addr { return netip.AddrFrom16(a).Unmap() }

// Reason says why a frame, or the rest of it, was not decoded.
type Reason uint8

// Reasons.
const (
	OK Reason = iota
	NotIP
	UnknownLink
	ShortLink
	ShortIP
	BadIP
	ShortTransport
	BadTransport
	Fragment // held until its datagram is complete
	FragmentBad
	TooDeep
	EncryptedLink // IEEE 802.11, MACsec, PPP
	NumReasons
)

var reasonNames = [NumReasons]string{
	"", "not_ip", "unknown_link_type", "short_link_header", "short_ip_header", "bad_ip_header",
	"short_transport_header", "bad_transport_header", "fragment", "bad_fragment", "nested_too_deep", "encrypted_link",
}

func (r Reason) String() string { return reasonNames[r] }

// Decoder decodes the frames of one capture in order.
type Decoder struct {
	frags   defrag
	Reasons [NumReasons]uint64  // frames by what stopped their decoding
	Ether   map[uint16]uint64   // frames of no IP by EtherType; see NotIP
	Others  [NumOther]uint64    // frames of no IP and no EtherType
	Links   map[uint16]uint64   // frames of link types not known here
	Tunnels [numTunnels]uint64  // inner packets by tunnel
	Frags   FragStats           // fragments by what became of them
	headers [maxDepth + 1]frame // of the frame in work, without allocation

	// WithEvents has packets that come to nothing appended for their events,
	// with FlagEvent.
	WithEvents bool
	// WithFrames has frames of no IP that tell of their sender appended, with
	// FlagEvent and their Ether.
	WithFrames bool
	quiet      bool // within a header that is wrong: what it carries raises nothing more
	raised     bool
	held       bool   // the frame in work is a fragment that was kept back
	fragmentOf Packet // that one
	broken     Packet // the one an event was raised for last
}

// frame is what the link layers of one frame said.
type frame struct {
	srcMAC, dstMAC [6]byte
	vlan           [3]uint16
	vntag          bool // the last tag was one
	vlans          int
	id             uint32 // of the tunnel
	depth          uint8
	meta           uint8 // headers that named a link type
	layers         uint8 // headers of links and networks, those of outer packets with them
	tunnel         uint8
	size           int // captured bytes
}

// New makes a Decoder.
func New(l FragLimits) *Decoder {
	d := &Decoder{Ether: map[uint16]uint64{}, Links: map[uint16]uint64{}}
	d.frags.init(l)
	return d
}

// Decode appends the packets of one frame to out. A frame none of whose bytes
// could be decoded appends nothing; the counters of d say why.
func (d *Decoder) Decode(out []Packet, number uint64, time int64, link uint16, data []byte) []Packet {
	base := Packet{Number: number, Time: time}
	d.headers[0] = frame{size: len(data)}
	from := len(out)
	d.held = false
	out, r := d.link(out, &base, &d.headers[0], link, data)
	d.Reasons[r]++
	if d.raised {
		out = d.events(out, from)
	}
	for i := from + 1; i < len(out); i++ {
		out[i].Part = uint16(min(i-from, maxParts))
	}
	return out
}

// Held is the fragment that the last frame was, if it was kept back until its
// datagram is whole; else nil. Its ports are not known.
func (d *Decoder) Held() *Packet {
	if !d.held {
		return nil
	}
	return &d.fragmentOf
}

// ip decodes an IP packet of unknown version.
func (d *Decoder) ip(out []Packet, base *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) == 0 {
		return out, ShortIP
	}
	switch b[0] >> 4 {
	case 4:
		return d.ipv4(out, base, f, b)
	case 6:
		return d.ipv6(out, base, f, b)
	}
	if base.Events == 0 {
		d.raise(base, EvIPRawVersion)
	}
	return out, BadIP
}

// ipv4 decodes RFC 791.
//
//	0 version, IHL  1 TOS  2 total length  4 identification
//	6 flags, fragment offset  8 TTL  9 protocol  10 checksum  12 source  16 destination
func (d *Decoder) ipv4(out []Packet, base *Packet, f *frame, b []byte) ([]Packet, Reason) {
	p := *base
	if d.layer(&p, f); len(b) < 20 {
		d.raise(&p, EvIPv4TooSmall)
		return out, ShortIP
	}
	hl := int(b[0]&15) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if b[0]>>4 != 4 || hl < 20 {
		d.raise(&p, EvIPv4HeaderTooSmall)
		return out, BadIP
	}
	if total == 0 { // TCP segmentation offload at the capturing host
		d.raise(&p, EvIPv4LengthBelowHeader)
		total = len(b)
	}
	if total < hl {
		d.raise(&p, EvIPv4LengthBelowHeader)
		return out, BadIP
	}
	if len(b) < hl {
		d.raise(&p, EvIPv4Truncated)
		return out, ShortIP
	}
	if total > len(b) {
		d.raise(&p, EvIPv4Truncated)
		p.Flags |= FlagCut
		b = b[:len(b):len(b)]
	} else {
		b = b[:total:total]
	}
	p.IPLen, p.SegLen = uint32(total), uint32(total-hl)
	p.IPID = binary.BigEndian.Uint16(b[4:])
	fo := binary.BigEndian.Uint16(b[6:])
	p.FragBits = uint8(fo>>13&1 | fo>>14&1<<1 | fo>>15<<2)
	p.FragOff = fo & 0x1fff * 8
	p.TTL, p.Proto = b[8], b[9]
	p.Src[10], p.Src[11], p.Dst[10], p.Dst[11] = 0xff, 0xff, 0xff, 0xff
	copy(p.Src[12:], b[12:16])
	copy(p.Dst[12:], b[16:20])
	p.Header, p.Segment = b[:hl], b[hl:]
	if d.WithEvents {
		d.v4Odd(&p, b[20:hl])
	}
	if fo&0x3fff != 0 {
		return d.fragment(out, &p, f, fragKey{src: p.Src, dst: p.Dst, id: uint32(p.IPID), proto: p.Proto, ctx: f.context()},
			int(p.FragOff), fo&0x2000 != 0)
	}
	return d.transport(out, &p, f)
}

// ipv6 decodes RFC 8200.
//
//	0 version, class, flow label  4 payload length  6 next header  7 hop limit
//	8 source  24 destination
func (d *Decoder) ipv6(out []Packet, base *Packet, f *frame, b []byte) ([]Packet, Reason) {
	p := *base
	p.Flags |= FlagV6
	if d.layer(&p, f); len(b) < 40 {
		d.raise(&p, EvIPv6TooSmall)
		return out, ShortIP
	}
	if b[0]>>4 != 6 {
		return out, BadIP
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n == 0 { // jumbogram or segmentation offload
		n = len(b) - 40
	}
	p.IPLen = uint32(40 + n)
	next := b[6]
	p.TTL = b[7]
	copy(p.Src[:], b[8:24])
	copy(p.Dst[:], b[24:40])
	seg := b[40:]
	if n > len(seg) {
		d.raise(&p, EvIPv6Truncated)
		p.Flags |= FlagCut
	} else {
		seg = seg[:n:n]
	}
	left := n
	var seen [64]uint8
	for range 16 { // RFC 8200 names seven; more is hostile
		switch next {
		case 0, 43, 60, 135, 139, 140: // hop-by-hop, routing, destination, mobility, HIP, shim6
			if len(seg) < 8 || 8+int(seg[1])*8 > len(seg) {
				d.raise(&p, EvIPv6TruncatedExt)
				return out, ShortIP
			}
			l := 8 + int(seg[1])*8
			d.v6Header(&p, next, seg[:l], &seen)
			next, seg, left = seg[0], seg[l:], left-l
			continue
		case ProtoAH: // RFC 4302
			if len(seg) < 12 || 8+int(seg[1])*4 > len(seg) {
				d.raise(&p, EvIPv6TruncatedExt)
				return out, ShortIP
			}
			l := 8 + int(seg[1])*4
			d.v6Header(&p, next, seg[:l], &seen)
			next, seg, left = seg[0], seg[l:], left-l
			continue
		case 44: // fragment
			if len(seg) < 8 {
				d.raise(&p, EvIPv6TruncatedExt)
				return out, ShortIP
			}
			fo := binary.BigEndian.Uint16(seg[2:])
			if seen[44]++; seen[44] > 1 {
				d.raise(&p, EvIPv6DupFragment)
			} else if fo&0xfff9 == 0 {
				d.raise(&p, EvIPv6UselessFragment)
			}
			if seg[1] != 0 || fo&6 != 0 {
				d.raise(&p, EvIPv6ReservedFragment)
			}
			if fo&1 != 0 && (left-8)%8 != 0 {
				d.raise(&p, EvIPv6FragLength)
			}
			id := binary.BigEndian.Uint32(seg[4:])
			p.Proto, next, seg, left = seg[0], seg[0], seg[8:], left-8
			if fo&0xfff9 == 0 { // atomic fragment, RFC 6946
				continue
			}
			p.FragOff, p.FragBits = fo&0xfff8, uint8(fo&1)
			p.Segment, p.SegLen = seg, uint32(max(left, 0))
			return d.fragment(out, &p, f, fragKey{src: p.Src, dst: p.Dst, id: id, proto: p.Proto, ctx: f.context(), v6: true},
				int(p.FragOff), fo&1 != 0)
		}
		break
	}
	switch {
	case next == 59 && left > 0:
		d.raise(&p, EvIPv6DataAfterNone)
	case next != 59 && len(seg) < 2 && n > left: // an extension header came before
		d.raise(&p, EvIPv6TruncatedExt)
	}
	p.Proto, p.Segment, p.SegLen = next, seg, uint32(max(left, 0))
	if d.WithEvents {
		d.v6Odd(&p)
	}
	p.Header = b[:min(len(b), 40+max(n-left, 0))]
	return d.transport(out, &p, f)
}

// context folds tags, tunnel id and depth into what separates flows of equal
// addresses.
func (f *frame) context() uint32 {
	c := uint32(f.vlan[0])<<12 | uint32(f.vlan[1])
	if f.depth == 0 && f.id == 0 {
		return c
	}
	hi, lo := bits.Mul64(uint64(c)<<32|uint64(f.id)|uint64(f.depth)<<60, 0x9e3779b97f4a7c15)
	return uint32(hi^lo) | 1<<31
}

func (p *Packet) finish(f *frame) {
	p.Context = f.context()
	p.VLAN, p.SrcMAC, p.DstMAC, p.Depth = f.vlan, f.srcMAC, f.dstMAC, f.depth
	p.VLANs = uint8(min(f.vlans, len(f.vlan)))
	p.Tunnel, p.FrameLen = f.tunnel, uint32(f.size)
	if p.Flags&FlagReassembled != 0 {
		p.FrameLen = p.IPLen
	}
	p.Shard = shard(&p.Src, &p.Dst)
}

// shard spreads unordered address pairs; fragments, and the flows that two
// hosts have with each other, all come to the same one. The function is fixed
// so that the order of events never depends on the run.
func shard(a, b *[16]byte) uint8 {
	h := mix(a) + mix(b)
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return uint8(h >> 58)
}

func mix(a *[16]byte) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(a[:8])^0x2d358dccaa6c78a5, binary.LittleEndian.Uint64(a[8:])^0x8bb84b93962eacc9)
	return hi ^ lo
}
