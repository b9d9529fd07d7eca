// Package suricata compiles and matches rules written in Suricata's language.
// Start with Load, which returns an immutable Set; NewEngine makes the matcher
// one worker uses. The sensor offers packets, reassembled stream data and
// transactions to an Engine; this file is the contract between the two.
package suricata

import "net/netip"

// AppProto is the application protocol of a flow as rules name it.
type AppProto uint8

// Application protocols that rules can name in their header.
const (
	AppUnknown AppProto = iota
	AppHTTP
	AppTLS
	AppDNS
	AppSSH
	AppSMTP
	AppFTP
	AppSMB
	AppHTTP2
	AppMQTT
	AppSNMP
	AppSIP
	AppRFB
	AppDCERPC
	AppTFTP
	AppFTPData
	AppTelnet
	AppQUIC
	AppNTP
	AppDHCP
	AppIMAP
	AppPOP3
	AppMDNS
	AppLLMNR
	AppNFS
	AppModbus
	AppDNP3
	AppENIP
	AppIKE
	AppKerberos
	AppLDAP
	AppPgSQL
	AppWebSocket
	AppBitTorrentDHT
	AppRDP
	AppIRC
	AppJabber
	AppOther // known to the sensor; rules can't name it
	// AppAnyHTTP is what "http" means in a rule: AppHTTP or AppHTTP2. Flows and
	// transactions never have it.
	AppAnyHTTP
	// AppAnyTLS is what buffers of a hello are of: AppTLS or AppQUIC.
	AppAnyTLS
)

// covers reports whether a rule for protocol a looks at what is of protocol b:
// DCE/RPC runs through the pipes of SMB, too.
func (a AppProto) covers(b AppProto) bool {
	return a == b || a == AppDCERPC && b == AppSMB || a == AppUnknown || a == AppAnyHTTP && (b == AppHTTP || b == AppHTTP2) || a == AppAnyTLS && (b == AppTLS || b == AppQUIC)
}

// Packet is the view of one decoded packet that header keywords and payload
// contents see. Slices are valid only during the call.
type Packet struct {
	Number   uint64 // in the capture, from 1
	Time     int64  // Unix nanoseconds
	Proto    uint8  // IP protocol number
	Src, Dst netip.Addr
	SrcPort  uint16 // ICMP: 0
	DstPort  uint16
	TTL      uint8
	TCPFlags uint8
	TCPSeq   uint32
	TCPAck   uint32
	TCPWin   uint16
	ICMPType uint8
	ICMPCode uint8
	ICMPID   uint16
	ICMPSeq  uint16
	IPID     uint16
	FragBits uint8 // bit 0 MF, bit 1 DF, bit 2 RB
	FragOff  uint16
	Events   uint64 // decoding events, a byte each: the place in Offer.DecodeEvents plus one
	IPHeader []byte // with options or extension headers
	Header   []byte // of the transport
	VLAN     [3]uint16
	VLANs    uint8  // how many of VLAN are set
	Payload  []byte // transport payload
	App      AppProto
	// AppFailed is true when App is unknown and will stay so.
	AppFailed bool
	// AppFirst is what a flow began as that changed its protocol.
	AppFirst AppProto
	ToServer bool
	// Established is true once both sides of a TCP handshake, or packets in
	// both directions of another flow, were seen.
	Established bool
	NoStream    bool // the TCP payload is not part of a reassembled stream
	// Layer is how deep in tunnels the packet lies: the packets of one frame
	// have the same Number.
	Layer uint8
	// Seen is true when a packet of the same flow and direction came before;
	// rules on addresses and ports alone alert on the first one only.
	Seen bool
	// StreamTail is the number of bytes at the start of Stream's data that an
	// earlier call of the same direction offered already.
	StreamTail int
	// Turn is true for the first data of a stream after some of the other direction.
	Turn bool
	// AppTold is true when the protocol became known with this chunk of the
	// stream: to rules of a protocol all of it is new.
	AppTold bool
	// ClientBytes and ServerBytes are the sequence numbers each side has used
	// since its first one (stream_size).
	ClientBytes, ServerBytes uint32
	// What each side sent so far in its flow, this packet with it: packets, and
	// bytes of whole frames.
	ClientPackets, ServerPackets uint64
	ClientFrames, ServerFrames   uint64
	Age                          int64  // of the flow, nanoseconds
	StreamEvents                 uint64 // see Offer.StreamEvents
	Reassembled                  bool   // from fragments
	Unverified                   bool   // checksums mean nothing
	// BadChecksum is true of a packet that only rules on checksums look at.
	BadChecksum bool
}

// Tx is what a parser offers when a part of a transaction is complete: its
// buffers in one direction, that of the packet. NBuf and BufAt give the
// instances of a buffer that occurs several times (DNS queries, files). A
// buffer that is there but empty has one instance of length 0.
//
// BufStream, when offered, is the reassembled stream of this direction that
// holds the transaction: rules that mix plain contents with the buffers of a
// protocol look there; without it they look at the packet's payload.
type Tx interface {
	App() AppProto
	ID() uint64
	// NBuf is the number of instances of b: 0 when absent.
	NBuf(b Buffer) int
	// BufAt returns instance i of b; valid only during the call.
	BufAt(b Buffer, i int) []byte
}

// Pair is an ability of a Tx that is a response: Request gives its request, or
// nil when that is not known.
type Pair interface{ Request() Tx }

// Parts is an ability of a Tx that is offered several times while it grows: a
// rule alerts on it once in each direction.
type Parts interface{ Again() bool }

// Growing is an ability of a Tx that is offered before all of it is known: MayCome
// reports a buffer that is not there yet and may still come.
type Growing interface{ MayCome(b Buffer) bool }

// LittleEndian is an ability of a Tx of DCE/RPC: it says in which order its bytes
// stand.
type LittleEndian interface{ LittleEndian() bool }

// WholeFile is an ability of a Tx that is a file with its digests: only rules
// that ask for digests look at it.
type WholeFile interface{ WholeFile() }

// Evidence is one matched piece of a hit: which buffer, where, and the bytes
// (at most 64 of them, copied).
type Evidence struct {
	Buffer Buffer
	Offset int
	Length int
	Bytes  []byte
}

// Hit is one rule that matched. Packet is the number of the packet that
// completed the match.
type Hit struct {
	Rule     *Rule
	Packet   uint64
	Time     int64
	TxID     uint64
	HasTx    bool
	Evidence []Evidence
	// Incomplete is true when the step budget stopped part of the rule's
	// evaluation on this input.
	Incomplete bool
	// Context is what data sets hold of the values that matched.
	Context []Context

	pending []dataPending // for the ordered stage
}

// Engine is what the sensor calls, one a worker. Its methods append hits to
// dst and return it; a nil *FlowState pointer target is filled when needed.
//
// Packet is called for each packet in order; then Stream for each newly
// reassembled chunk of one direction that the packet completed, with the unread
// tail of what came before; then Tx when a parser completes a request or a
// response. Calls for one packet carry the same Packet.Number.
type Engine interface {
	Packet(dst []Hit, st **FlowState, p *Packet) []Hit
	Stream(dst []Hit, st **FlowState, p *Packet, data []byte) []Hit
	Tx(dst []Hit, st **FlowState, p *Packet, tx Tx) []Hit
}

// Orderer is the stage that runs in packet order over the hits of all workers:
// thresholds, detection_filter and xbits. Keep reports whether the hit becomes
// an alert; it MUST be called for every hit, in the order of packet numbers and,
// within a packet, in the order the Engine appended them.
type Orderer interface {
	Keep(p *Packet, h *Hit) bool
}
