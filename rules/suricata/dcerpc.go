package suricata

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// ofDCERPC makes a rule one for DCE/RPC: a rule for SMB looks at what runs through
// its pipes alone.
func (b *builder) ofDCERPC(at int) {
	if b.r.app == AppSMB {
		b.r.checks = append(b.r.checks, check{op: ckFlowApp, a: uint32(AppSMB), at: at})
	}
	b.r.app = AppDCERPC
}

// kwInterface takes dcerpc.iface:UUID[,[<>!=]VERSION][,any_frag] (Suricata user
// guide, "DCERPC Keywords"). A call's interface is known once and holds for all
// its fragments.
func kwInterface(b *builder, o *option) *fault {
	parts := o.val.list()
	id, e := hex.DecodeString(strings.ReplaceAll(parts[0].s, "-", ""))
	if e != nil || len(id) != 16 || strings.Count(parts[0].s, "-") != 4 {
		return wrong(parts[0].off, "not the UUID of an interface", "8-4-4-4-12 hexadecimal digits")
	}
	l := b.listFor(BufDCERPCInterface, nil)
	l.items = append(l.items, item{kind: itContent, pat: id, starts: true, hasDepth: true, depth: num{v: 16}, at: o.val.off})
	for _, p := range parts[1:] {
		if p.s == "any_frag" {
			continue
		}
		c, err := parseUint(p, 16)
		if err != nil {
			return err
		}
		if c.op == opRange || c.op == opNotRange {
			return wrong(p.off, "not the version of an interface", "N, >N, <N, !N or =N")
		}
		op := &byteOp{nbytes: num{v: 2}, offset: num{v: 16}, cmp: c.op, value: num{v: int64(c.a)}}
		l.items = append(l.items, item{kind: itByteTest, by: op, at: p.off})
	}
	return nil
}

// kwOpnum takes dcerpc.opnum: numbers and inclusive ranges, separated by commas.
func kwOpnum(b *builder, o *option) *fault {
	var spans []span
	for _, p := range o.val.list() {
		lo, hi, isRange := strings.Cut(p.s, "-")
		from, e1 := strconv.ParseUint(strings.TrimSpace(lo), 10, 16)
		to, e2 := from, error(nil)
		if isRange {
			to, e2 = strconv.ParseUint(strings.TrimSpace(hi), 10, 16)
		}
		if e1 != nil || e2 != nil || to < from {
			return wrong(p.off, "not an operation number", "N or N-M, at most 65535")
		}
		spans = append(spans, span{key128{0, from}, key128{0, to}})
	}
	l := b.listFor(BufDCERPCOpnum, nil)
	l.items = append(l.items, item{kind: itNumber, numbers: &set{normalize(spans)}, at: o.val.off})
	return nil
}
