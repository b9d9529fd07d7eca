package suricata

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ipOptions are the types of IP options (RFC 791, section 3.1, and the registry
// "IP Parameters").
var ipOptions = map[string]uint32{
	"rr": 7, "eol": 0, "nop": 1, "ts": 68, "sec": 130, "esec": 133, "lsrr": 131, "lsrre": 131, "ssrr": 137, "satid": 136, "rtralt": 148, "cipso": 134, "any": ipOptionAny,
}

const ipOptionAny = 256

// kwIPOption takes ipopts: the name of an option of IPv4.
func kwIPOption(b *builder, o *option) *fault {
	typ, ok := ipOptions[strings.ToLower(o.val.s)]
	if !ok {
		return wrong(o.val.off, fmt.Sprintf("unknown option %q", o.val.s), "rr, eol, nop, ts, sec, esec, lsrr, ssrr, satid or any")
	}
	b.r.checks = append(b.r.checks, check{op: ckIPOption, a: typ})
	return nil
}

func (c *check) ipOption(p *Packet) bool {
	h := p.header(BufIPv4Header)
	if len(h) <= 20 {
		return false
	}
	if c.a == ipOptionAny {
		return true
	}
	for b := h[20:]; len(b) > 0; {
		if uint32(b[0]) == c.a {
			return true
		}
		switch {
		case b[0] == 0:
			return false
		case b[0] == 1:
			b = b[1:]
			continue
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			return false
		}
		b = b[b[1]:]
	}
	return false
}

// kwRPC takes rpc:PROGRAM,[VERSION|*],[PROCEDURE|*], looked for in the payload
// of a call (RFC 5531, section 9).
func kwRPC(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) > 3 {
		return wrong(parts[3].off, "rpc takes a program, a version and a procedure", "100009,*,*")
	}
	s := &rpcSpec{}
	for i, p := range parts {
		if i > 0 && (p.s == "*" || p.s == "") {
			continue
		}
		n, err := strconv.ParseUint(p.s, 10, 32)
		if err != nil {
			return wrong(p.off, fmt.Sprintf("%q is not a number", p.s), "a number, or * for any version or procedure")
		}
		s.want[i], s.has[i] = uint32(n), true
	}
	b.packetKeyword = true
	l := b.r.payload
	l.items = append(l.items, item{kind: itSpec, spec: s, at: o.val.off})
	return nil
}

type rpcSpec struct {
	want [3]uint32
	has  [3]bool
}

// matches looks at a datagram, or at a record of a stream behind its length.
func (s *rpcSpec) matches(d []byte) bool {
	if len(d) >= 4 && d[0]&0x80 != 0 {
		d = d[4:]
	}
	word := func(i int) uint32 {
		return uint32(d[4*i])<<24 | uint32(d[4*i+1])<<16 | uint32(d[4*i+2])<<8 | uint32(d[4*i+3])
	}
	if len(d) < 24 || word(1) != 0 || word(2) != 2 {
		return false
	}
	for i := range s.want {
		if s.has[i] && word(3+i) != s.want[i] {
			return false
		}
	}
	return true
}

// kwTag takes tag: packets that follow an alert are kept by the ring of full
// packets, whatever a rule asks for.
func kwTag(_ *builder, o *option) *fault {
	if s := o.val.list()[0].s; s != "session" && s != "host" {
		return wrong(o.val.off, fmt.Sprintf("unknown tag %q", s), "session or host")
	}
	return nil
}

// kwBypass ends inspection of the flow once the rule matched.
func kwBypass(b *builder, _ *option) *fault {
	b.r.bypass = true
	return nil
}

func kwAlert(b *builder, _ *option) *fault {
	b.r.noalert = false
	return nil
}

// digestLists maps the keywords of lists of digests to their buffers and the
// lengths of a digest.
var digestLists = map[string]struct {
	buf Buffer
	n   int
}{"filemd5": {BufFileMD5, 16}, "filesha1": {BufFileSHA1, 20}, "filesha256": {BufFileSHA256, 32}}

// kwFileDigest takes filemd5, filesha1 and filesha256: [!]FILE, a list of digests
// in hexadecimal at the beginning of lines.
func kwFileDigest(b *builder, o *option) *fault {
	k := digestLists[o.key.s]
	name, neg := strings.CutPrefix(strings.TrimSpace(o.val.s), "!")
	at := field{strings.TrimSpace(name), o.val.off}
	data, err := readData(beside(b.r.File, at.s))
	if err != nil {
		return unreadable("a list of digests", at, err)
	}
	s := &digestSpec{n: k.n, neg: neg}
	line := 0
	for l := range strings.Lines(string(data)) {
		line++
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' {
			continue
		}
		if len(l) < 2*k.n {
			return unreadable("a list of digests", at, fmt.Errorf("line %d has no digest of %d bytes", line, k.n))
		}
		d, err := hex.DecodeString(l[:2*k.n])
		if err != nil {
			return unreadable("a list of digests", at, fmt.Errorf("line %d has no digest of %d bytes", line, k.n))
		}
		s.all = append(s.all, string(d))
	}
	slices.Sort(s.all)
	b.special(k.buf, s, o)
	return nil
}

type digestSpec struct {
	n   int
	all []string
	neg bool
}

func (s *digestSpec) matches(d []byte) bool {
	if len(d) != s.n {
		return false
	}
	_, in := slices.BinarySearch(s.all, string(d))
	return in != s.neg
}

// isDigest reports whether the buffer is a digest of a whole file.
func (b Buffer) isDigest() bool { return b == BufFileMD5 || b == BufFileSHA1 || b == BufFileSHA256 }
