package decode

// Event is something wrong with a packet that rules name with decode-event
// (Suricata user guide, "Generic Decode Layer Keywords"). Its number is its
// place in EventNames; Packet.Events holds it plus one in a byte.
type Event uint8

// Events.
const (
	EvEthernetTooSmall Event = iota
	EvIPv4TooSmall
	EvIPv4HeaderTooSmall
	EvIPv4LengthBelowHeader
	EvIPv4Truncated
	EvIPv4Version
	EvIPv4FragTooLarge
	EvIPv4FragOverlap
	EvIPv6TooSmall
	EvIPv6Truncated
	EvIPv6Version
	EvIPv6TruncatedExt
	EvIPv6DupFragment
	EvIPv6UselessFragment
	EvIPv6DupRouting
	EvIPv6DupHopByHop
	EvIPv6DupDestination
	EvIPv6DupAuth
	EvIPv6OptionLength
	EvIPv6ReservedFragment
	EvIPv6DataAfterNone
	EvIPv6RoutingType0
	EvIPv6ZeroPadN
	EvIPv6FragTooLarge
	EvIPv6FragOverlap
	EvIPv6FragLength
	EvTCPTooSmall
	EvTCPHeaderTooSmall
	EvTCPOptionLength
	EvTCPDupOption
	EvTCPOptionInvalid
	EvUDPHeaderTooSmall
	EvUDPTooSmall
	EvUDPLength
	EvICMPTooSmall
	EvICMPUnknownType
	EvICMPv6TooSmall
	EvVLANTooSmall
	EvGRETooSmall
	EvIPv4OptLength
	EvIPv4OptInvalid
	EvIPv4OptMalformed
	EvIPv4OptDuplicate
	EvIPv4ICMPv6
	EvIPv6ICMPv4
	EvIPv6UnknownNext
	EvIPv6AuthReserved
	EvIPv6HopUnknown
	EvIPv6HopPadding
	EvIPv6DstUnknown
	EvIPv6DstPadding
	EvIPv6In6Small
	EvIPv6In6Version
	EvIPv4In6Small
	EvIPv4In6Version
	EvICMPUnknownCode
	EvICMPInnerCut
	EvICMPInnerVersion
	EvICMPv6UnknownType
	EvICMPv6UnknownCode
	EvICMPv6InnerCut
	EvICMPv6InnerVersion
	EvICMPv6Unassigned
	EvICMPv6Experiment
	EvICMPv6MLDHops
	EvEtherUnknown
	EvVLANUnknown
	EvVLANLayers
	EvVNTagTooSmall
	EvVNTagUnknown
	EvPBBTooSmall
	EvNSHTooSmall
	EvNSHVersion
	EvNSHLength
	EvNSHReserved
	EvNSHType
	EvNSHPayload
	EvARPTooSmall
	EvARPHardware
	EvARPProtocol
	EvARPHardwareSize
	EvARPProtocolSize
	EvARPOpcode
	EvGREVersion
	EvGRE0Recursion
	EvGRE0Flags
	EvGRE0TooBig
	EvGRE1Checksum
	EvGRE1Route
	EvGRE1Strict
	EvGRE1Recursion
	EvGRE1Flags
	EvGRE1NoKey
	EvGRE1Protocol
	EvGRE1TooBig
	EvSCTPTooSmall
	EvESPTooSmall
	EvIPRawVersion
	EvIPv4OptPad
	EvIPv4OptEOL
	EvSLLTooSmall
	EvSLL2TooSmall
	EvPPPTooSmall
	EvPPPVJTooSmall
	EvPPPIPv4TooSmall
	EvPPPIPv6TooSmall
	EvPPPType
	EvPPPUnsupported
	EvPPPoETooSmall
	EvPPPoECode
	EvPPPoETags
	EvGRE0Route
	EvNullTooSmall
	EvNullType
	EvMPLSHeaderTooSmall
	EvMPLSTooSmall
	EvMPLSRouterAlert
	EvMPLSImplicitNull
	EvMPLSReserved
	EvMPLSPayload
	EvVXLANPayload
	EvGenevePayload
	EvERSPANTooSmall
	EvERSPANVersion
	EvERSPANLayers
	EvDCETooSmall
	EvCHDLCTooSmall
	EvTooManyLayers
	numEvents
)

// EventNames are the names by which rules know the events.
var EventNames = [numEvents]string{
	"ethernet.pkt_too_small", "ipv4.pkt_too_small", "ipv4.hlen_too_small", "ipv4.iplen_smaller_than_hlen", "ipv4.trunc_pkt", "ipv4.wrong_ip_version",
	"ipv4.frag_pkt_too_large", "ipv4.frag_overlap",
	"ipv6.pkt_too_small", "ipv6.trunc_pkt", "ipv6.wrong_ip_version", "ipv6.trunc_exthdr", "ipv6.exthdr_dupl_fh", "ipv6.exthdr_useless_fh",
	"ipv6.exthdr_dupl_rh", "ipv6.exthdr_dupl_hh", "ipv6.exthdr_dupl_dh", "ipv6.exthdr_dupl_ah", "ipv6.exthdr_invalid_optlen",
	"ipv6.fh_non_zero_reserved_field", "ipv6.data_after_none_header", "ipv6.rh_type_0", "ipv6.zero_len_padn",
	"ipv6.frag_pkt_too_large", "ipv6.frag_overlap", "ipv6.frag_invalid_length",
	"tcp.pkt_too_small", "tcp.hlen_too_small", "tcp.invalid_optlen", "tcp.opt_duplicate", "tcp.opt_invalid_len",
	"udp.hlen_too_small", "udp.pkt_too_small", "udp.len_invalid",
	"icmpv4.pkt_too_small", "icmpv4.unknown_type", "icmpv6.pkt_too_small", "vlan.header_too_small", "gre.pkt_too_small",
	"ipv4.opt_invalid_len", "ipv4.opt_invalid", "ipv4.opt_malformed", "ipv4.opt_duplicate", "ipv4.icmpv6",
	"ipv6.icmpv4", "ipv6.unknown_next_header", "ipv6.exthdr_ah_res_not_null", "ipv6.hopopts_unknown_opt", "ipv6.hopopts_only_padding",
	"ipv6.dstopts_unknown_opt", "ipv6.dstopts_only_padding", "ipv6.ipv6_in_ipv6_too_small", "ipv6.ipv6_in_ipv6_wrong_version",
	"ipv6.ipv4_in_ipv6_too_small", "ipv6.ipv4_in_ipv6_wrong_version", "icmpv4.unknown_code", "icmpv4.ipv4_trunc_pkt",
	"icmpv4.ipv4_unknown_ver", "icmpv6.unknown_type", "icmpv6.unknown_code", "icmpv6.ipv6_trunc_pkt", "icmpv6.ipv6_unknown_version",
	"icmpv6.unassigned_type", "icmpv6.experimentation_type", "icmpv6.mld_message_with_invalid_hl", "ethernet.unknown_ethertype",
	"vlan.unknown_type", "vlan.too_many_layers", "vntag.header_too_small", "vntag.unknown_type", "ieee8021ah.header_too_small", "nsh.header_too_small",
	"nsh.unsupported_version", "nsh.bad_header_length", "nsh.reserved_type", "nsh.unsupported_type", "nsh.unknown_payload",
	"arp.pkt_too_small", "arp.unsupported_hardware", "arp.unsupported_protocol", "arp.invalid_hardware_size",
	"arp.invalid_protocol_size", "arp.unsupported_opcode", "gre.wrong_version", "gre.version0_recur", "gre.version0_flags",
	"gre.version0_hdr_too_big", "gre.version1_chksum", "gre.version1_route", "gre.version1_ssr", "gre.version1_recur",
	"gre.version1_flags", "gre.version1_no_key", "gre.version1_wrong_protocol", "gre.version1_hdr_too_big", "sctp.pkt_too_small",
	"esp.pkt_too_small", "ipraw.invalid_ip_version", "ipv4.opt_pad_required", "ipv4.opt_eol_required",
	"sll.pkt_too_small", "sll2.pkt_too_small", "ppp.pkt_too_small", "ppp.vju_pkt_too_small", "ppp.ip4_pkt_too_small",
	"ppp.ip6_pkt_too_small", "ppp.wrong_type", "ppp.unsup_proto", "pppoe.pkt_too_small", "pppoe.wrong_code", "pppoe.malformed_tags",
	"gre.version0_malformed_sre_hdr", "ltnull.pkt_too_small", "ltnull.unsupported_type", "mpls.header_too_small", "mpls.pkt_too_small",
	"mpls.bad_label_router_alert", "mpls.bad_label_implicit_null", "mpls.bad_label_reserved", "mpls.unknown_payload_type",
	"vxlan.unknown_payload_type", "geneve.unknown_payload_type", "erspan.header_too_small", "erspan.unsupported_version",
	"erspan.too_many_vlan_layers", "dce.pkt_too_small", "chdlc.pkt_too_small", "too_many_layers",
}

// NeverRaised are events that rules know and no packet read here raises: what an
// engine that is short of memory, or a way of capturing of its own, says of itself.
var NeverRaised = []string{
	"afp.trunc_pkt", "ipv4.frag_ignored", "ipv6.frag_ignored", "ipv4.opt_unknown", "ipv6.exthdr_dupl_eh", "gre.version1_malformed_sre_hdr",
}

// Raised reports an event of a packet.
func (p *Packet) Raised(e Event) bool {
	for v := p.Events; v != 0; v >>= 8 {
		if uint8(v) == uint8(e)+1 {
			return true
		}
	}
	return false
}

// raise notes an event of a packet. Should the packet come to nothing, it is
// appended for its event alone when WithEvents is set.
func (d *Decoder) raise(p *Packet, e Event) {
	if d.quiet {
		return
	}
	if !p.Raised(e) && p.Events>>56 == 0 { // it holds eight; more say nothing new
		p.Events = p.Events<<8 | uint64(e) + 1
	}
	d.raised = true
	d.broken = *p
}

// hush keeps what follows from raising events, as what stands before it is wrong
// already; what it returns ends that.
func (d *Decoder) hush() func() {
	was := d.quiet
	d.quiet = true
	return func() { d.quiet = was }
}

// events appends the packet an event was raised for, if none of those appended
// since carries it.
func (d *Decoder) events(out []Packet, from int) []Packet {
	d.raised = false
	if !d.WithEvents {
		return out
	}
	for i := range out[from:] {
		if d.broken.Events != 0 && out[from+i].Raised(Event(uint8(d.broken.Events)-1)) {
			return out
		}
	}
	q := d.broken
	q.Flags |= FlagEvent
	q.Segment, q.HdrLen, q.SegLen = nil, 0, 0
	q.Shard = shard(&q.Src, &q.Dst)
	return append(out, q)
}

// options looks at the options of a TCP header (RFC 9293 section 3.1).
func (d *Decoder) options(p *Packet, b []byte) {
	var seen uint32
	for len(b) > 0 && b[0] != 0 {
		if b[0] == 1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			d.raise(p, EvTCPOptionLength)
			return
		}
		if want := tcpOptionLength[b[0]&15]; b[0] < 16 && want != 0 {
			if b[1] != want {
				d.raise(p, EvTCPOptionInvalid)
			} else if seen&(1<<b[0]) != 0 {
				d.raise(p, EvTCPDupOption)
			}
			seen |= 1 << b[0]
		}
		b = b[b[1]:]
	}
}

// tcpOptionLength is the length of segment size, window scale, SACK permitted
// and timestamps.
var tcpOptionLength = [16]byte{2: 4, 3: 3, 4: 2, 8: 10}

// icmpTypes are the types of ICMP that are in use (RFC 792, 1256, 950).
const icmpTypes = 1<<0 | 1<<3 | 1<<4 | 1<<5 | 0x7ff<<8

// v6Options looks at the options of a hop-by-hop or destination header (RFC
// 8200 section 4.2).
func (d *Decoder) v6Options(p *Packet, b []byte, unknown, padding Event) {
	padded, whole := true, len(b) > 0
	defer func() {
		if padded && whole {
			d.raise(p, padding)
		}
	}()
	for len(b) > 0 {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || int(b[1])+2 > len(b) {
			d.raise(p, EvIPv6OptionLength)
			whole = false
			return
		}
		padded = padded && b[0] == 1
		switch n := b[1]; b[0] {
		case 1:
			if n == 0 {
				d.raise(p, EvIPv6ZeroPadN)
			}
		case 5: // router alert
			if n != 2 {
				d.raise(p, EvIPv6OptionLength)
				return
			}
		case 0xc2: // jumbogram
			if n != 4 {
				d.raise(p, EvIPv6OptionLength)
				return
			}
		case 0xc9: // home address
			if n != 16 {
				d.raise(p, EvIPv6OptionLength)
				return
			}
		default:
			d.raise(p, unknown)
		}
		b = b[2+int(b[1]):]
	}
}

// v6Header notes what is wrong with an extension header that is whole.
func (d *Decoder) v6Header(p *Packet, kind uint8, b []byte, seen *[64]uint8) {
	if kind < 64 {
		seen[kind]++
	}
	switch kind {
	case 0:
		if seen[0] > 1 {
			d.raise(p, EvIPv6DupHopByHop)
			return
		}
		d.v6Options(p, b[2:], EvIPv6HopUnknown, EvIPv6HopPadding)
	case 60: // before a routing header and at the end
		if seen[60] > 2 {
			d.raise(p, EvIPv6DupDestination)
			return
		}
		d.v6Options(p, b[2:], EvIPv6DstUnknown, EvIPv6DstPadding)
	case 43:
		if seen[43] > 1 {
			d.raise(p, EvIPv6DupRouting)
		} else if b[2] == 0 {
			d.raise(p, EvIPv6RoutingType0)
		}
	case ProtoAH:
		if seen[ProtoAH] > 1 {
			d.raise(p, EvIPv6DupAuth)
		} else if b[2]|b[3] != 0 {
			d.raise(p, EvIPv6AuthReserved)
		}
	}
}
