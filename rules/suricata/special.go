package suricata

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Keywords that compare numbers in ways of their own (Suricata user guide, the
// keywords of each protocol). The buffers hold what AppendNumber wrote.

// oneOf adds a condition that the number is in a set.
func (b *builder) oneOf(buf Buffer, spans []span, at int) {
	l := b.listFor(buf, nil)
	l.items = append(l.items, item{kind: itNumber, numbers: &set{normalize(spans)}, at: at})
}

func point(n uint64) span { return span{key128{0, n}, key128{0, n}} }

// compare adds a comparison of the number.
func (b *builder) compare(buf Buffer, c uintCmp, at int) {
	l := b.listFor(buf, nil)
	l.items = append(l.items, item{kind: itNumber, size: c, at: at})
}

// kwDNP3Ind takes dnp3_ind: indications of which one must be set.
func kwDNP3Ind(b *builder, o *option) *fault {
	c := uintCmp{op: opAnd}
	for _, p := range o.val.list() {
		bit, ok := dnp3Indications[strings.ToLower(p.s)]
		if !ok {
			return wrong(p.off, fmt.Sprintf("unknown indication %q", p.s), "a name such as device_restart")
		}
		c.a |= bit
	}
	b.compare(BufDNP3Indication, c, o.val.off)
	return nil
}

// kwDNP3Object takes dnp3_obj:GROUP,VARIATION.
func kwDNP3Object(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) != 2 {
		return wrong(o.val.off, "dnp3_obj takes a group and a variation", "GROUP,VARIATION")
	}
	n := uint64(0)
	for _, p := range parts {
		v, err := strconv.ParseUint(p.s, 10, 8)
		if err != nil {
			return wrong(p.off, "not a number of an object", "0 to 255")
		}
		n = n<<8 | v
	}
	b.compare(BufDNP3Object, uintCmp{op: opEq, a: n}, o.val.off)
	return nil
}

// kwSetting takes http2.settings:NAME with a comparison.
func kwSetting(b *builder, o *option) *fault {
	i := strings.IndexAny(o.val.s, "=<>!0123456789")
	if i < 0 {
		i = len(o.val.s)
	}
	id, ok := http2Settings[strings.ToLower(strings.TrimSpace(o.val.s[:i]))]
	if !ok {
		return wrong(o.val.off, fmt.Sprintf("unknown setting %q", o.val.s[:i]), "a name such as SETTINGS_ENABLE_PUSH")
	}
	c, err := parseUint(field{o.val.s[i:], o.val.off + i}, 32)
	if err != nil {
		return err
	}
	l := b.listFor(BufHTTP2Setting, nil)
	l.items = append(l.items, item{kind: itNumber, numbers: &set{[]span{{key128{0, id << 32}, key128{0, id<<32 | 1<<32 - 1}}}}, at: o.val.off},
		item{kind: itLow, size: c, at: o.val.off})
	return nil
}

// kwSSLVersion takes ssl_version: versions of which one is that of the records,
// with ! before each or none.
func kwSSLVersion(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	if strings.HasPrefix(o.val.s, "!") {
		f = o.val
	}
	var spans, not []span
	for _, p := range f.list() {
		s, neg := strings.CutPrefix(strings.ToLower(p.s), "!")
		n, ok := sslVersions[strings.TrimSpace(s)]
		if !ok {
			return wrong(p.off, fmt.Sprintf("unknown version %q", p.s), "sslv2, sslv3, tls1.0, tls1.1, tls1.2 or tls1.3")
		}
		if neg {
			not = append(not, point(n))
		} else {
			spans = append(spans, point(n))
		}
	}
	if len(not) > 0 {
		if len(spans) == 0 {
			spans = []span{{key128{}, key128{0, 0xffff}}}
		}
		if spans = minus(normalize(spans), normalize(not)); len(spans) == 0 {
			return wrong(f.off, "versions of which none is left", "a version that is not taken away by !")
		}
	}
	b.oneOf(BufTLSRecordVersion, spans, o.val.off)
	return nil
}

// kwSSLState takes ssl_state: states of which one was reached.
func kwSSLState(b *builder, o *option) *fault {
	c, not := uintCmp{op: opAnd}, uint64(0)
	off := o.val.off
	for part := range strings.FieldsFuncSeq(o.val.s, func(r rune) bool { return r == '|' || r == ',' }) {
		s, neg := strings.CutPrefix(strings.TrimSpace(part), "!")
		bit, ok := tlsStates[strings.ToLower(s)]
		switch {
		case s == "unknown" && neg:
			return nil // a transaction that is looked at has a state
		case s == "unknown":
			return refused(off, "ssl_state:unknown")
		case !ok:
			return wrong(off, fmt.Sprintf("unknown state %q", s), "client_hello, server_hello, client_keyx or server_keyx")
		case neg:
			not |= bit
		default:
			c.a |= bit
		}
		off += len(part) + 1
	}
	if c.a != 0 {
		b.compare(BufTLSState, c, o.val.off)
	}
	if not != 0 {
		b.compare(BufTLSState, uintCmp{op: opMask, a: not}, o.val.off)
	}
	return nil
}

// kwCertTime takes tls_cert_notbefore and tls_cert_notafter: a comparison with a
// time, written to the year, the day or the second.
func kwCertTime(b *builder, o *option) *fault {
	buf := BufTLSNotBefore
	if o.key.s == "tls_cert_notafter" {
		buf = BufTLSNotAfter
	}
	s := strings.TrimSpace(strings.Trim(o.val.s, `"`))
	var c uintCmp
	lo, hi, isRange := strings.Cut(s, "<>")
	switch {
	case isRange:
		a, ok1 := certTime(lo)
		z, ok2 := certTime(hi)
		if !ok1 || !ok2 || a > z {
			return wrong(o.val.off, "not two times", "2020-01-01<>2021-01-01")
		}
		c = uintCmp{opRange, a, z}
	default:
		op := opEq
		for _, p := range []struct {
			s  string
			op cmpOp
		}{{"<=", opLe}, {">=", opGe}, {"<", opLt}, {">", opGt}, {"=", opEq}} {
			if rest, ok := strings.CutPrefix(s, p.s); ok {
				s, op = rest, p.op
				break
			}
		}
		t, ok := certTime(s)
		if !ok {
			return wrong(o.val.off, "not a time", "2020, 2020-01-31 or 2020-01-31T10:00:00")
		}
		c = uintCmp{op: op, a: t}
	}
	b.compare(buf, c, o.val.off)
	return nil
}

// certTime gives seconds since 1970, above certEpoch so that earlier times have
// an order too.
func certTime(s string) (uint64, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15", "2006-01-02 15", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return CertTime(t), true
		}
	}
	return 0, false
}

// CertTime is the number of BufTLSNotBefore and BufTLSNotAfter for a time.
func CertTime(t time.Time) uint64 { return uint64(t.Unix() + certEpoch) }

const certEpoch = 1 << 40

// kwCertValid takes tls_cert_expired and tls_cert_valid, which compare with the
// time of the packet.
func kwCertValid(b *builder, o *option) *fault {
	it := item{kind: itNow, size: uintCmp{op: opLt}, at: o.key.off}
	if o.key.s == "tls_cert_valid" {
		it.size.op = opGe
	}
	l := b.listFor(BufTLSNotAfter, nil)
	l.items = append(l.items, it)
	return nil
}

// kwIKEAttribute takes ike.chosen_sa_attribute:NAME=N.
func kwIKEAttribute(b *builder, o *option) *fault {
	name, val, ok := strings.Cut(strings.ReplaceAll(o.val.s, " ", ""), "=")
	n, err := strconv.ParseUint(val, 10, 32)
	if !ok || err != nil || !ikeAttributes[name] {
		return wrong(o.val.off, "not an attribute and its number", "alg_enc=7, with a name such as alg_enc, alg_hash or sa_key_length")
	}
	b.whole(BufIKEAttribute, name+"="+strconv.FormatUint(n, 10), false, false, o)
	return nil
}

var ikeAttributes = map[string]bool{
	"alg_enc": true, "alg_hash": true, "alg_auth": true, "alg_dh": true, "alg_prf": true, "sa_group_type": true, "sa_life_type": true,
	"sa_life_duration": true, "sa_key_length": true, "sa_field_size": true,
}

// kwVendor takes ike.vendor, a sticky buffer, and the older ike.vendor:ID.
func kwVendor(b *builder, o *option) *fault {
	if !o.hasVal || o.val.s == "" {
		return kwSticky(b, o)
	}
	b.whole(BufIKEVendor, strings.ToLower(strings.Trim(o.val.s, `"`)), false, false, o)
	return nil
}

// kwProtoVersion takes ssh.protoversion:VERSION or 2_compat.
func kwProtoVersion(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	if f.s != "2_compat" {
		b.whole(BufSSHVersion, f.s, false, false, o)
		return nil
	}
	l := b.listFor(BufSSHVersion, nil)
	l.items = append(l.items, item{kind: itPCRE, at: o.val.off})
	b.pcres = append(b.pcres, pendingPCRE{l, len(l.items) - 1, field{`^(2|1\.99)`, o.val.off}, pcreFlags{}})
	return nil
}

// kwSSHSoftware takes the older ssh.softwareversion:"TEXT", found anywhere.
func kwSSHSoftware(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	l := b.listFor(BufSSHSoftware, nil)
	l.items = append(l.items, item{kind: itContent, pat: []byte(strings.ToLower(f.s)), nocase: true, at: o.val.off})
	return nil
}

// kwProcedure takes nfs_procedure: a number, a range that includes its ends, or
// a name, which means another number in version 4.
func kwProcedure(b *builder, o *option) *fault {
	s, neg := strings.CutPrefix(strings.ToLower(strings.TrimSpace(o.val.s)), "!")
	n3, in3 := nfs3Procedures[s]
	n4, in4 := nfs4Procedures[s]
	if in3 || in4 {
		var spans []span
		if in3 {
			spans = append(spans, point(n3))
		}
		if in4 {
			spans = append(spans, point(nfsV4|n4))
		}
		if neg {
			spans = minus([]span{{key128{}, key128{0, 1<<64 - 1}}}, normalize(spans))
		}
		b.oneOf(BufNFSProcedure, spans, o.val.off)
		return nil
	}
	c, err := parseUint(o.val, 32)
	if err != nil {
		return err
	}
	switch c.op {
	case opRange:
		if c.a, c.b = c.a-min(c.a, 1), c.b+1; c.a == 0 {
			c = uintCmp{op: opLt, a: c.b}
		}
	case opNotRange:
		c.a, c.b = c.a+1, c.b-min(c.b, 1)
	}
	l := b.listFor(BufNFSProcedure, nil)
	l.items = append(l.items, item{kind: itLow, size: c, at: o.val.off})
	return nil
}

const nfsV4 = 1 << 32

// NFSProcedure is the number of BufNFSProcedure.
func NFSProcedure(version, procedure uint32) uint64 {
	n := uint64(procedure)
	if version >= 4 {
		n |= nfsV4
	}
	return n
}
