package flow

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"

	"saksi/sensor/decode"
)

// Community ID version 1, https://github.com/corelight/community-id-spec:
//
//	"1:" + base64(SHA-1(seed | lower address | higher address | protocol | 0 | lower port | higher port))
//
// Addresses are 4 or 16 bytes, ports 2, all in network order; the pair is
// ordered by address, then port. ICMP puts type and counterpart type in the
// place of ports; one-way messages (type, code) are not ordered. Protocols
// without ports leave the ports out.

// CommunityIDLen is the length of a Community ID in bytes.
const CommunityIDLen = 30

// Key is what a Community ID is made from, in the order of one packet.
type Key struct {
	Src, Dst         [16]byte
	SrcPort, DstPort uint16
	Proto            uint8
	V6, OneWay       bool
}

// AppendCommunityID appends the id of k for a seed.
func AppendCommunityID(dst []byte, k Key, seed uint16) []byte {
	var buf [40]byte
	ports := false
	switch k.Proto {
	case decode.ProtoTCP, decode.ProtoUDP, decode.ProtoSCTP, decode.ProtoICMP, decode.ProtoICMPv6:
		ports = true
	}
	src, dst2 := k.Src[:], k.Dst[:]
	if !k.V6 {
		src, dst2 = src[12:], dst2[12:]
	}
	swap := false
	if !(ports && k.OneWay) {
		switch c := compare(src, dst2); {
		case c > 0:
			swap = true
		case c == 0:
			swap = ports && k.SrcPort > k.DstPort
		}
	}
	sp, dp := k.SrcPort, k.DstPort
	if swap {
		src, dst2, sp, dp = dst2, src, dp, sp
	}
	b := binary.BigEndian.AppendUint16(buf[:0], seed)
	b = append(b, src...)
	b = append(b, dst2...)
	b = append(b, k.Proto, 0)
	if ports {
		b = binary.BigEndian.AppendUint16(b, sp)
		b = binary.BigEndian.AppendUint16(b, dp)
	}
	sum := sha1.Sum(b)
	dst = append(dst, "1:"...)
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

func compare(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return 0
}

// AppendCommunityID appends the flow's id, with seed 0.
func (r *Record) AppendCommunityID(dst []byte) []byte {
	o, p := r.side(FromOrig), r.side(FromResp)
	return AppendCommunityID(dst, Key{
		Src: r.Addr[o], Dst: r.Addr[p], SrcPort: r.Port[o], DstPort: r.Port[p],
		Proto: r.Proto, V6: r.V6(), OneWay: r.OneWay(),
	}, 0)
}
