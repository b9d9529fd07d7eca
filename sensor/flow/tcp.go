package flow

import (
	"slices"

	"saksi/sensor/decode"
)

// TCP endpoint states, as Zeek keeps them (src/packet_analysis/protocol/tcp).
const (
	inactive    = iota // nothing seen
	synSent            // SYN
	synAckSent         // SYN and ACK, without the other side's SYN
	partial            // data without a SYN
	established        // SYN answered
	closed             // FIN
	reset              // RST
)

func (r *Record) endpoint(dir int) uint8 { return r.State >> (4 * dir) & 15 }

func (r *Record) setEndpoint(dir int, s uint8) {
	r.State = r.State&^(15<<(4*dir)) | s<<(4*dir)
}

// Established reports whether both sides took part: TCP after SYN and its
// answer or data from both sides, other protocols after a packet each way.
func (r *Record) Established() bool {
	if r.Proto == decode.ProtoTCP {
		return r.endpoint(0) >= partial && r.endpoint(1) >= partial
	}
	return r.Pkts[0] > 0 && r.Pkts[1] > 0
}

// SentSYN reports whether a side of a TCP connection was seen to begin it.
func (r *Record) SentSYN(dir int) bool {
	for h := r.history; h != 0; h >>= 5 {
		if k := h & 31; k == uint64(2+dir) || k == uint64(4+dir) { // 's' and 'h'
			return true
		}
	}
	return false
}

// Handshaking reports that the packet counted last, of side dir, belongs to a TCP
// handshake that was seen: the ACK that ends it is the last one.
func (r *Record) Handshaking(dir int) bool {
	if r.Proto != decode.ProtoTCP || !r.Began() {
		return false
	}
	before := r.Pkts
	before[dir]--
	return before[FromOrig] < 2 || before[FromResp] < 1
}

// closed reports a TCP connection that has ended.
func (r *Record) closed() bool {
	o, p := r.endpoint(FromOrig), r.endpoint(FromResp)
	return o == reset || p == reset || o == closed && p == closed
}

// attempt reports a TCP connection one side of which was never heard.
func (r *Record) attempt() bool {
	return r.endpoint(FromOrig) == inactive || r.endpoint(FromResp) == inactive
}

// reused reports a SYN that begins a new connection on the ports of one that
// has ended.
func (r *Record) reused(p *decode.Packet) bool {
	if p.TCPFlags&(decode.SYN|decode.ACK|decode.RST) != decode.SYN {
		return false
	}
	return r.closed()
}

// historyLetters are Zeek's (base/protocols/conn/main.zeek), in upper case for
// the originator. The code is 2*index+2 for the originator, +3 for the
// responder.
const historyLetters = "shadfrcgtwiq^"

// mark adds a letter once for each direction.
func (r *Record) mark(letter byte, dir int) {
	k := uint64(0)
	for i := range len(historyLetters) {
		if historyLetters[i] == letter {
			k = uint64(2*i + 2 + dir)
			break
		}
	}
	h := r.letters()
	for l := h; l != 0; l >>= 5 {
		if l&31 == k {
			return
		}
	}
	if h>>55 != 0 { // twelve letters: the rest is not kept
		return
	}
	r.history = r.history&^(1<<appShift-1) | h<<5 | k
}

// Began reports a TCP connection whose first packet was the client's SYN.
func (r *Record) Began() bool {
	for i := 55; i >= 0; i -= 5 {
		if k := r.history >> i & 31; k != 0 {
			return k == 2 || k == 3 // 's', whoever is the originator now
		}
	}
	return false
}

// Mark adds a letter that reassembly found: 'g' a gap, 't' a retransmission.
func (r *Record) Mark(letter byte, dir int) { r.mark(letter, dir) }

// AppendHistory appends the history in Zeek's letters.
func (r *Record) AppendHistory(dst []byte) []byte {
	for i := 55; i >= 0; i -= 5 {
		k := r.history >> i & 31
		if k == 0 {
			continue
		}
		c := historyLetters[k/2-1]
		if k&1 == 0 && c != '^' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// backward reports a first packet that a server sent: a SYN with ACK, or, where
// the beginning was not captured, one from a server's port to none.
func (r *Record) backward(p *decode.Packet, server *Ports) bool {
	switch r.Proto {
	case decode.ProtoTCP:
		if f := p.TCPFlags & (decode.SYN | decode.ACK | decode.RST | decode.FIN); f&decode.SYN != 0 {
			return f == decode.SYN|decode.ACK
		}
	case decode.ProtoUDP:
	default:
		return false
	}
	switch {
	case !server.has(r.Proto, p.SrcPort) || p.Dst == broadcast:
		return false
	case !server.has(r.Proto, p.DstPort):
		return true
	}
	return r.Proto == decode.ProtoTCP && p.SrcPort < p.DstPort // both are a server's
}

// broadcast is 255.255.255.255, to which no client listens.
var broadcast = [16]byte{10: 0xff, 11: 0xff, 12: 0xff, 13: 0xff, 14: 0xff, 15: 0xff}

// count adds p to the record and returns its direction, which a first
// packet that a server sent turns round.
func (r *Record) count(p *decode.Packet, dir int, good bool, server *Ports) int {
	if p.Time > r.Last {
		r.Last = p.Time
	}
	r.setPacket(1, p.Number)
	if r.Pkts[0]+r.Pkts[1] == 0 && good && r.backward(p, server) {
		r.flip()
		dir = FromResp
	}
	r.Pkts[dir]++
	lo := r.bytes[dir] + p.IPLen
	if lo < p.IPLen {
		r.bytesHi[dir]++
	}
	r.bytes[dir] = lo
	if !good {
		r.mark('c', dir)
		return dir
	}
	n := p.PayloadLen()
	if r.Proto != decode.ProtoTCP {
		if n > 0 && r.Proto == decode.ProtoUDP {
			r.mark('d', dir)
		}
		if p.Flags&decode.FlagFragment == 0 {
			r.addPayload(dir, n)
		}
		return dir
	}
	if p.Flags&(decode.FlagBadTCP|decode.FlagFragment) == 0 && p.HdrLen >= 20 {
		r.tcp(p, dir, n)
	}
	return dir
}

// tcp moves the state of the connection on.
func (r *Record) tcp(p *decode.Packet, dir int, n uint32) {
	f := p.TCPFlags
	own, peer := r.endpoint(dir), r.endpoint(1-dir)
	if letter := flagLetter(f, n); letter != 0 {
		r.mark(letter, dir)
	}
	if p.Window == 0 && f&decode.RST == 0 && peer != closed && own != reset {
		r.mark('w', dir)
	}
	bit := uint8(flagStart0) << dir
	seq := p.Seq
	if f&decode.SYN != 0 {
		seq++
	}
	end := seq + n
	switch {
	case r.flags&bit == 0:
		if f&decode.RST == 0 || n > 0 {
			r.flags |= bit
			r.start[dir], r.next[dir] = seq, end
		}
	case f&decode.SYN != 0 && own <= synAckSent && seq != r.start[dir] && r.next[dir] == r.start[dir]:
		r.start[dir], r.next[dir] = seq, end // another SYN before the connection stood
	default:
		// Behind a FIN, which takes a sequence number itself, only data counts.
		if int32(end-r.next[dir]) > 0 && f&decode.RST == 0 && (own != closed || n > 0) {
			r.next[dir] = end
		}
	}
	switch {
	case f&decode.RST != 0:
		if own != closed || peer != closed {
			r.setEndpoint(dir, reset)
		}
	case f&decode.SYN != 0 && own <= partial:
		switch {
		case f&decode.ACK == 0 && own == inactive:
			if peer == synSent { // simultaneous open
				r.setEndpoint(dir, established)
				r.setEndpoint(1-dir, established)
			} else {
				r.setEndpoint(dir, synSent)
			}
		case f&decode.ACK != 0 && (own == inactive || own == synSent):
			if peer == synSent || peer == partial || peer == established {
				r.setEndpoint(dir, established)
				if peer == synSent {
					r.setEndpoint(1-dir, established)
				}
			} else {
				r.setEndpoint(dir, synAckSent)
			}
		}
	case own == inactive:
		r.setEndpoint(dir, partial)
		if peer == inactive {
			r.flags |= flagMid
		}
		if peer == synAckSent { // the SYN was not captured, its answer was
			r.setEndpoint(dir, established)
			r.setEndpoint(1-dir, established)
		}
	case own == synSent && f&decode.ACK != 0 && peer == synAckSent:
		r.setEndpoint(dir, established)
	}
	if f&decode.FIN != 0 && f&decode.RST == 0 && r.endpoint(dir) != reset {
		r.setEndpoint(dir, closed)
	}
}

// flagLetter is the one letter of a segment with n bytes of data: its flags tell
// it before its data does (Zeek, src/packet_analysis/protocol/tcp/TCP.cc,
// update_history); 0 for none.
func flagLetter(f uint8, n uint32) byte {
	switch f & (decode.SYN | decode.FIN | decode.RST) {
	case 0:
		switch {
		case n > 0:
			return 'd'
		case f&decode.ACK != 0:
			return 'a'
		}
		return 0
	case decode.SYN:
		if f&decode.ACK != 0 {
			return 'h'
		}
		return 's'
	case decode.FIN:
		return 'f'
	case decode.RST:
		return 'r'
	case decode.FIN | decode.RST:
		return 'i'
	}
	return 'q'
}

// ConnState summarizes the connection in Zeek's terms (conn.log, conn_state).
func (r *Record) ConnState() string {
	switch r.Proto {
	case decode.ProtoTCP:
	case decode.ProtoUDP:
		switch {
		case r.Pkts[0] > 0 && r.Pkts[1] > 0:
			return "SF"
		case r.Pkts[0] > 0:
			return "S0"
		}
		return "SHR"
	default:
		return "OTH"
	}
	o, p := r.endpoint(FromOrig), r.endpoint(FromResp)
	oIdle, pIdle := o == inactive || o == partial, p == inactive || p == partial
	switch {
	case p == reset:
		switch {
		case o == synSent || o == synAckSent || o == reset && r.Payload(0) == 0 && r.Payload(1) == 0:
			return "REJ"
		case oIdle:
			return "RSTRH"
		}
		return "RSTR"
	case o == reset:
		if pIdle {
			return "RSTOS0"
		}
		return "RSTO"
	case o == closed && p == closed:
		return "SF"
	case o == closed:
		if pIdle {
			return "SH"
		}
		return "S2"
	case p == closed:
		if oIdle {
			return "SHR"
		}
		return "S3"
	case o == synSent && p == inactive:
		return "S0"
	case o == established && p == established:
		return "S1"
	}
	return "OTH"
}

func sortByFirst(t *Table, idx []uint32) {
	slices.SortFunc(idx, func(a, b uint32) int {
		x, y := t.Get(a), t.Get(b)
		if c := int64(x.FirstPacket()) - int64(y.FirstPacket()); c != 0 {
			if c < 0 {
				return -1
			}
			return 1
		}
		return int(x.Context&1<<31>>31) - int(y.Context&1<<31>>31) // outer before inner
	})
}
