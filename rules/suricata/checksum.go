package suricata

import (
	"encoding/binary"
	"fmt"
)

// checksumKeywords say which checksum of which packet a keyword looks at: IP
// version, and the protocol whose checksum it is (0: IP itself).
var checksumKeywords = map[string][2]uint32{
	"ipv4-csum": {4, 0}, "tcpv4-csum": {4, 6}, "tcpv6-csum": {6, 6}, "udpv4-csum": {4, 17}, "udpv6-csum": {6, 17},
	"icmpv4-csum": {4, 1}, "icmpv6-csum": {6, 58},
}

// kwChecksum takes PROTOCOL-csum:valid or invalid. A checksum that nobody
// verifies counts as valid.
func kwChecksum(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	if f.s != "valid" && f.s != "invalid" {
		return wrong(f.off, fmt.Sprintf("%q says nothing of a checksum", f.s), "valid or invalid")
	}
	k := checksumKeywords[o.key.s]
	b.r.sums, b.packetKeyword = true, true
	b.r.checks = append(b.r.checks, check{op: ckChecksum, a: k[0], b: k[1], neg: f.s == "invalid"})
	return nil
}

// checksum decides such a keyword; a packet of another kind has no checksum that
// could be right or wrong.
func (c *check) checksum(p *Packet) bool {
	if p.Src.Is4() != (c.a == 4) || c.b != 0 && uint32(p.Proto) != c.b {
		return false
	}
	return (p.Unverified || p.sumOK(c.b)) != c.neg
}

// sumOK verifies the checksum of the IPv4 header (RFC 791 section 3.1) or of the
// transport with its pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1).
func (p *Packet) sumOK(proto uint32) bool {
	if proto == 0 {
		return sumOf(0, p.IPHeader) == 0xffff
	}
	if proto == 17 && p.Src.Is4() && len(p.Header) >= 8 && p.Header[6] == 0 && p.Header[7] == 0 {
		return true // none was made
	}
	sum := uint64(0)
	if proto != 1 {
		src, dst := p.Src.AsSlice(), p.Dst.AsSlice()
		sum = partialSum(partialSum(0, src), dst) + uint64(proto) + uint64(len(p.Header)+len(p.Payload))
	}
	if len(p.Header)%2 != 0 { // the words run on into the payload
		return sumOf(sum, append(append([]byte(nil), p.Header...), p.Payload...)) == 0xffff
	}
	return sumOf(partialSum(sum, p.Header), p.Payload) == 0xffff
}

// partialSum adds the 16-bit words of b (RFC 1071).
func partialSum(sum uint64, b []byte) uint64 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func sumOf(sum uint64, b []byte) uint64 {
	for sum = partialSum(sum, b); sum>>16 != 0; {
		sum = sum&0xffff + sum>>16
	}
	return sum
}
