package tcpstate

import (
	"slices"
	"testing"
)

// seg is one segment of a test: who sent it, flags, numbers relative to the
// first of each side, and data.
func seg(dir int, flags uint8, seq, ack uint32, data string) Segment {
	s := Segment{Dir: dir, Flags: flags, Window: 1000, Payload: []byte(data), Len: uint32(len(data))}
	base := [2]uint32{0xFFFFFFF0, 5000} // the client's numbers wrap
	s.Seq = base[dir] + seq
	if flags&ackBit != 0 {
		s.Ack = base[1-dir] + ack
	}
	return s
}

const ackBit = ack // seg names its number ack

func stamped(s Segment, val, echo uint16) Segment {
	s.Options = []byte{1, 1, 8, 10, 0, 0, byte(val >> 8), byte(val), 0, 0, byte(echo >> 8), byte(echo)}
	return s
}

var handshake = []Segment{seg(0, syn, 0, 0, ""), seg(1, syn|ack, 0, 1, ""), seg(0, ack, 1, 1, "")}

// TestPacket gives the names of the events of the last segment; those before it
// have none.
func TestPacket(t *testing.T) {
	open := func(more ...Segment) []Segment { return append(slices.Clone(handshake), more...) }
	for _, x := range []struct {
		name string
		in   []Segment
		want []string
	}{
		{"handshake", handshake, nil},
		{"data both ways", open(seg(0, ack, 1, 1, "request"), seg(1, ack, 1, 8, "response"), seg(0, ack, 8, 9, "")), nil},
		{"closed in order", open(seg(0, ack|fin, 1, 1, ""), seg(1, ack|fin, 1, 2, ""), seg(0, ack, 2, 2, "")), nil},
		{"handshake resent", []Segment{handshake[0], handshake[0], handshake[1], handshake[1], handshake[2]}, nil},
		{"SYN and FIN", []Segment{seg(0, syn|fin, 0, 0, "")}, []string{"fin_syn"}},
		{"FIN alone", []Segment{seg(0, fin, 0, 0, "")}, []string{"fin_but_no_session"}},
		{"RST alone", []Segment{seg(0, rst, 0, 0, "")}, []string{"rst_but_no_session"}},
		{"SYN-ACK acknowledges what was not sent", []Segment{handshake[0], seg(1, syn|ack, 0, 9, "")}, []string{"3whs_synack_with_wrong_ack"}},
		{"SYN-ACK the wrong way", []Segment{handshake[0], seg(0, syn|ack, 0, 1, "")}, []string{"3whs_synack_in_wrong_direction"}},
		{"SYN when established", open(seg(0, syn, 77, 0, "")), []string{"est_syn_resend_diff_seq"}},
		{"SYN to the client", open(seg(1, syn, 0, 0, "")), []string{"est_syn_toclient"}},
		{"outside the window", open(seg(0, ack, 90000, 1, "x")), []string{"est_packet_out_of_window"}},
		{"sent again", open(seg(0, ack, 1, 1, "abc"), seg(0, ack, 1, 1, "abc")), []string{"pkt_retransmission"}},
		{"sent again otherwise", open(seg(0, ack, 1, 1, "abc"), seg(0, ack, 1, 1, "abd")), []string{"reassembly_overlap_different_data"}},
		{
			"stamps go back",
			[]Segment{stamped(handshake[0], 500, 0), stamped(handshake[1], 70, 500), stamped(handshake[2], 501, 70), stamped(seg(0, ack, 1, 1, "x"), 3, 70)},
			[]string{"pkt_invalid_timestamp"},
		},
	} {
		var c Conn
		for i := range x.in {
			s := x.in[i]
			got := names(c.Packet(&s))
			if i < len(x.in)-1 && len(got) > 0 {
				t.Errorf("%s: segment %d has %v", x.name, i+1, got)
			}
			if i == len(x.in)-1 && !covers(got, x.want) {
				t.Errorf("%s: %v, expected %v", x.name, got, x.want)
			}
		}
	}
}

func names(bits uint64) (out []string) {
	for i, n := range EventNames {
		if bits>>i&1 != 0 {
			out = append(out, n)
		}
	}
	return out
}

// covers wants no event if none is expected, and else all that are.
func covers(got, want []string) bool {
	for _, w := range want {
		if !slices.Contains(got, w) {
			return false
		}
	}
	return len(want) > 0 || len(got) == 0
}

// FuzzPacket must not panic, whatever comes.
func FuzzPacket(f *testing.F) {
	f.Add([]byte("\x00\x02\x00\x00\x01\x12\x00\x01\x00\x10\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Conn
		for len(b) >= 8 {
			n := min(int(b[7]&15), len(b)-8)
			s := Segment{
				Dir: int(b[0] & 1), Flags: b[1], Seq: uint32(b[2]) << (b[3] & 31), Ack: uint32(b[4]) << (b[3] & 31), Window: uint16(b[5]) << 8,
				Options: b[8 : 8+n], Payload: b[8 : 8+n], Len: uint32(n) + uint32(b[6]&1),
			}
			c.Packet(&s)
			b = b[8+n:]
		}
	})
}
