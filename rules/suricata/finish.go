package suricata

import (
	"slices"
	"strings"

	"saksi/rules"
)

// finish checks what only the whole rule shows and decides how it is run.
func (b *builder) finish() *fault {
	r := b.r
	b.dropCurrent()
	if r.Filestore && len(r.lists) == 0 && len(r.payload.items) == 0 { // at a file
		l := b.listFor(BufFileData, nil)
		l.items = append(l.items, item{kind: itSize, size: uintCmp{op: opGe}, at: b.p.options[0].key.off})
	}
	if r.SID == 0 {
		return wrong(len(b.p.action.s), "a rule without sid", "sid:N;").tip("give the rule a number of its own; 1000000 to 1999999 are for local rules")
	}
	if r.Priority == 0 {
		r.Priority = b.classPriority
	}
	if r.Priority == 0 {
		r.Priority = 3
	}
	if r.Severity == 0 {
		r.Severity = rules.SeverityByPriority(r.Priority)
	}
	if err := b.buffers(); err != nil {
		return err
	}
	for _, l := range append([]*list{r.payload, r.base64}, r.lists...) {
		if err := chain(l); err != nil {
			return err
		}
	}
	for _, p := range b.pcres {
		it := &p.l.items[p.i]
		re, err := compilePCRE(p.body, p.fl, it.relNext)
		if err != nil {
			return err
		}
		it.re = re
		if len(p.fl.vars) == 0 && !strings.Contains(p.body.s, "<flow_") && !strings.Contains(p.body.s, "<pkt_") {
			continue
		}
		groups, named, n, err := compileGroups(p.body, p.fl)
		if err != nil {
			return err
		}
		if it.captures, err = b.capturesOf(&p, named, n); err != nil {
			return err
		}
		if it.groups, b.writes = groups, b.writes || len(it.captures) > 0; len(it.captures) == 0 {
			it.groups = nil
		}
	}
	r.nvars = len(b.vars)
	if err := b.orderedState(); err != nil {
		return err
	}
	if r.writes = b.writes; b.ofTx && r.app == AppUnknown && len(r.lists) == 0 {
		return wrong(b.p.options[0].key.off, "bits of a transaction in a rule that looks at none", "a protocol such as http in the header, or a buffer of one")
	}
	b.decide()
	return nil
}

// buffers checks the buffers of a rule against its protocol and direction.
func (b *builder) buffers() *fault {
	r := b.r
	r.lists = slices.DeleteFunc(r.lists, func(l *list) bool { return len(l.items) == 0 && !l.absent && l.which.kind != whichLength })
	if r.pair {
		for _, l := range r.lists {
			if !b.c.offered.buffer(l.buf) {
				return refused(b.p.dir.off, "buffer "+bufTable[l.buf].name+" that the sensor does not offer")
			}
		}
		return b.pairs()
	}
	dir := dirMask(0)
	for _, l := range r.lists {
		info := bufTable[l.buf]
		at := b.p.options[0].key.off
		if len(l.items) > 0 {
			at = l.items[0].at
		}
		if !b.c.offered.buffer(l.buf) {
			return refused(at, "buffer "+info.name+" that the sensor does not offer")
		}
		if info.app != AppUnknown {
			switch {
			case info.app == AppDCERPC && (r.app == AppSMB || r.app == AppUnknown):
				b.ofDCERPC(at)
			case r.app.covers(info.app):
				r.app = info.app
			case !info.app.covers(r.app):
				return wrong(at, "buffer "+info.name+" in a rule of another protocol", "the header's protocol to be "+appName(info.app))
			}
		}
		if info.dir != 0 {
			if dir != 0 && dir != info.dir || r.dir != 0 && r.dir != info.dir {
				return wrong(at, "buffer "+info.name+" never exists in this direction", "flow:to_server with requests, flow:to_client with responses")
			}
			dir = info.dir
		}
		if l.absent && !l.orElse && len(l.items) > 0 {
			return wrong(at, "absent and a content of the same buffer", "absent:or_else, or no content")
		}
	}
	for _, l := range r.lists {
		if l.buf.ofPacket() && (!r.ofPackets() && !l.buf.isAddress() || l.absent) {
			return refused(b.p.options[0].key.off, "headers of packets with buffers of a protocol, or absent")
		}
	}
	if r.dir == 0 {
		r.dir = dir
	}
	r.digest = slices.ContainsFunc(r.lists, func(l *list) bool { return l.buf.isDigest() })
	if r.digest {
		for _, l := range r.lists {
			if !l.buf.isDigest() && l.buf != BufFileName && l.buf != BufFileSize && !l.buf.isAddress() {
				return refused(b.p.options[0].key.off, "digests of files with another buffer than the name and the size of the file")
			}
		}
	}
	if b.streamSize && !b.c.offered.StreamSize {
		return refused(b.p.options[0].key.off, "stream_size that the sensor does not offer")
	}
	return nil
}

func appName(a AppProto) string {
	if a == AppAnyTLS {
		a = AppTLS
	}
	name := "another"
	for n, b := range appNames {
		if b == a && (name == "another" || n < name) {
			name = n
		}
	}
	return name
}

// chain notes on each item whether a later one is relative to it.
func chain(l *list) *fault {
	if l == nil {
		return nil
	}
	rel := false
	for i := len(l.items) - 1; i >= 0; i-- {
		it := &l.items[i]
		it.relNext = rel
		if it.kind == itSize || it.kind == itNumber {
			continue
		}
		if it.relative {
			rel = true
			continue
		}
		if !it.neg && (it.kind == itContent || it.kind == itPCRE || it.kind == itByteJump) {
			rel = false
		}
	}
	return nil
}

// orderedState refuses what would need state of other flows in the middle of
// a rule that changes its own flow.
func (b *builder) orderedState() *fault {
	for _, x := range b.r.ordered {
		if (x.op == obIsSet || x.op == obIsNotSet) && b.writes {
			return refused(b.p.options[0].key.off, "xbits or hostbits tested in a rule that sets flowbits or flowint")
		}
	}
	return nil
}

// decide says when the rule is run (Suricata user guide, "Rule Types and
// Categorization").
func (b *builder) decide() {
	r := b.r
	switch {
	case len(r.lists) > 0 && !r.ofPackets() || b.hooked || b.ofTx && len(r.payload.items) == 0:
		r.kind = kindTx
		return
	case len(r.payload.items) > 0:
		r.kind = kindPayload
		tcp := r.proto&protoTCP != 0
		if b.onlyStream && tcp {
			r.proto = protoTCP
		}
		switch {
		case b.onlyStream && !tcp: // only TCP has streams
			r.checks = append(r.checks, check{op: ckNever})
			r.packet = true
		case !tcp || b.noStream || b.packetKeyword:
			r.packet = true
		case b.onlyStream:
			r.stream, r.streamOnly = true, b.onlyFlow
		default:
			r.stream = true
			r.packet = b.streamSize
			for i := range r.payload.items {
				it := &r.payload.items[i]
				if it.kind == itContent && (it.hasDepth || it.hasOffset) {
					r.packet = true
				}
			}
			if !r.packet && r.proto&^protoTCP != 0 {
				r.packet, r.tcpStreamOnly = true, true
			}
		}
		return
	}
	r.packet = true
	negated := strings.Contains(b.p.src.s+b.p.dst.s, "!") || b.varNegated(b.p.src.s) || b.varNegated(b.p.dst.s)
	onlySets := !b.reads && !b.flowKeyword
	switch {
	case len(r.lists) > 0, b.byPacket:
		r.kind = kindPacket
	case b.appChecks > 0 && len(r.checks) == b.appChecks && !b.flowKeyword,
		r.app == AppUnknown && len(r.checks) == b.ipOnly && onlySets && !negated:
		r.kind = kindOnce
	default:
		r.kind = kindPacket
	}
}

// varNegated reports whether an expression's variables expand to a negation.
func (b *builder) varNegated(s string) bool {
	for range maxNesting {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			break
		}
		j := i + 1
		for j < len(s) && isWord(s[j]) {
			j++
		}
		s = s[:i] + b.c.headers.vars[s[i+1:j]] + s[j:]
		if strings.Contains(s, "!") {
			return true
		}
	}
	return strings.Contains(s, "!")
}
