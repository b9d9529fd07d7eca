package suricata

import (
	"fmt"
	"strconv"
	"strings"
)

// flagLetters are the TCP flags (RFC 9293, section 3.1) and their older names.
var flagLetters = map[rune]uint32{
	'F': 1, 'S': 2, 'R': 4, 'P': 8, 'A': 16, 'U': 32, '2': 64, 'E': 64, '1': 128, 'C': 128, '0': 0,
}

var fragLetters = map[rune]uint32{'M': 1, 'D': 2, 'R': 4}

func bitLetters(f field, letters map[rune]uint32) (bits uint32, op cmpOp, err *fault) {
	for i, c := range strings.ToUpper(f.s) {
		switch c {
		case '+':
			op = opGe
		case '*':
			op = opAnd
		case '!':
			op = opNe
		case ' ':
		default:
			v, ok := letters[c]
			if !ok {
				return 0, 0, wrong(f.off+i, fmt.Sprintf("unknown flag %q", c), "letters of flags, with + * or ! before them or not")
			}
			bits |= v
		}
	}
	return bits, op, nil
}

func kwFlags(b *builder, o *option) *fault {
	parts := o.val.list()
	bits, op, err := bitLetters(parts[0], flagLetters)
	if err != nil {
		return err
	}
	var mask uint32
	if len(parts) > 1 {
		if mask, _, err = bitLetters(parts[1], flagLetters); err != nil {
			return err
		}
	}
	b.r.checks = append(b.r.checks, check{op: ckFlags, a: bits, b: mask, cmp: uintCmp{op: op}})
	return nil
}

func kwFragBits(b *builder, o *option) *fault {
	f := o.val
	f.s = strings.TrimRight(f.s, "+*! ") // a modifier behind the letters says nothing
	bits, op, err := bitLetters(f, fragLetters)
	if err != nil {
		return err
	}
	b.r.checks = append(b.r.checks, check{op: ckFragBits, a: bits, cmp: uintCmp{op: op}})
	return nil
}

// ipProtocols are names of the IANA registry "Protocol Numbers".
var ipProtocols = map[string]uint64{
	"icmp": 1, "igmp": 2, "ipip": 4, "ipv4": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "dccp": 33, "ipv6": 41,
	"ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "icmpv6": 58,
	"ipv6-nonxt": 59, "ipv6-opts": 60, "eigrp": 88, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132,
}

func kwIPProto(b *builder, o *option) *fault {
	s := strings.TrimLeft(o.val.s, "!<>= ")
	f := o.val
	if n, ok := ipProtocols[strings.ToLower(s)]; ok {
		f.s = strings.TrimSuffix(f.s, s) + strconv.FormatUint(n, 10)
	}
	c, err := parseUint(f, 8)
	if err != nil {
		err.msg = "neither a protocol's number nor a known name"
		return err
	}
	b.ipOnly++
	b.r.checks = append(b.r.checks, check{op: ckIPProto, cmp: c})
	return nil
}

// kwL3Proto takes l3_proto:[!]ipv4 or ipv6.
func kwL3Proto(b *builder, o *option) *fault {
	s, neg := strings.CutPrefix(strings.ToLower(o.val.s), "!")
	v, ok := map[string]uint32{"ipv4": 4, "ip4": 4, "ip": 4, "ipv6": 6, "ip6": 6}[strings.TrimSpace(s)]
	if !ok {
		return wrong(o.val.off, fmt.Sprintf("unknown protocol %q", s), "ipv4 or ipv6")
	}
	b.ipOnly++
	b.r.checks = append(b.r.checks, check{op: ckVersion, a: v, neg: neg})
	return nil
}
