package suricata

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// byteOp is byte_test, byte_jump, byte_extract or byte_math: a number read
// from the buffer and what to do with it (Suricata user guide, "byte_test" and
// the sections after it).
type byteOp struct {
	nbytes     num
	offset     num
	little     bool
	dce        bool // as the call over DCE/RPC says
	str        bool
	base       int
	mask       uint64
	hasMask    bool
	multiplier int64
	align      int64
	fromBegin  bool
	fromEnd    bool
	post       num
	cmp        cmpOp
	math       byte // + - * / l r
	value      num
	result     int // variable
}

// read takes the number at pos. n is the number of bytes it stood in.
func (o *byteOp) read(data []byte, pos int64, nbytes int64, little bool) (v uint64, n int, ok bool) {
	if pos < 0 || pos > int64(len(data)) {
		return 0, 0, false
	}
	rest := data[pos:]
	if o.str {
		if nbytes == 0 {
			nbytes = min(int64(len(rest)), 23)
		}
		if nbytes > int64(len(rest)) || nbytes > 23 || nbytes < 1 {
			return 0, 0, false
		}
		return parseNumber(rest[:nbytes], o.base)
	}
	if nbytes > int64(len(rest)) || nbytes < 0 || nbytes > 8 {
		return 0, 0, false
	}
	var b [8]byte
	if little {
		copy(b[:], rest[:nbytes])
		return binary.LittleEndian.Uint64(b[:]), int(nbytes), true
	}
	copy(b[8-nbytes:], rest[:nbytes])
	return binary.BigEndian.Uint64(b[:]), int(nbytes), true
}

// parseNumber reads digits as strtoull(3) does: blanks and a sign may come
// before, what comes after ends the number.
func parseNumber(b []byte, base int) (v uint64, n int, ok bool) {
	i := 0
	for i < len(b) && isSpaceC(b[i]) {
		i++
	}
	neg := false
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		neg = b[i] == '-'
		i++
	}
	if base == 16 && i+2 < len(b) && b[i] == '0' && b[i+1]|0x20 == 'x' && isHex(b[i+2]) {
		i += 2
	}
	start := i
	for ; i < len(b); i++ {
		d := 99
		switch c := b[i]; {
		case isDigit(c):
			d = int(c - '0')
		case isHex(c):
			d = int(c|0x20-'a') + 10
		}
		if d >= base {
			break
		}
		hi, lo := bits.Mul64(v, uint64(base))
		if hi != 0 || lo+uint64(d) < lo {
			return 0, 0, false
		}
		v = lo + uint64(d)
	}
	if neg {
		v = -v
	}
	return v, i, i > start
}

func (o *byteOp) masked(v uint64) uint64 {
	if o.hasMask {
		v = v & o.mask >> bits.TrailingZeros64(o.mask)
	}
	return v
}

// byteParts reads the options the four keywords share. It reports whether it
// knew the part.
func (b *builder) bytePart(op *byteOp, it *item, parts []field, i *int) (bool, *fault) {
	p := parts[*i]
	words := p.words()
	if len(words) == 0 {
		return false, wrong(p.off, "an empty option", "an option such as relative")
	}
	arg := func() field {
		if len(words) > 1 {
			return words[1]
		}
		return field{"", p.off + len(p.s)}
	}
	var err *fault
	switch words[0].s {
	case "relative":
		it.relative = true
	case "big":
	case "little":
		op.little = true
	case "endian":
		switch arg().s {
		case "big":
		case "little":
			op.little = true
		case "dce":
			op.dce = true
		default:
			return true, wrong(p.off, "unknown endianness", "big, little or dce")
		}
	case "dce":
		op.dce = true
	case "string":
		op.str = true
		if op.base == 0 {
			op.base = 10
		}
		if len(words) > 1 {
			op.base = map[string]int{"hex": 16, "dec": 10, "oct": 8}[words[1].s]
			if op.base == 0 {
				return true, wrong(words[1].off, "unknown number type", "hex, dec or oct")
			}
		}
	case "hex":
		op.base = 16
	case "dec":
		op.base = 10
	case "oct":
		op.base = 8
	case "bitmask":
		n, e := strconv.ParseUint(arg().s, 0, 64)
		if e != nil {
			return true, wrong(arg().off, "not a bit mask", "a number such as 0xff00")
		}
		if n == 0 {
			return true, wrong(arg().off, "a bit mask of zero", "a mask with a bit set")
		}
		op.mask, op.hasMask = n, true
	case "multiplier":
		n, e := b.number(arg(), 1, 65535)
		if e == nil && n.ref > 0 {
			e = wrong(arg().off, "a variable as multiplier", "a number")
		}
		op.multiplier, err = n.v, e
	case "align":
		op.align = 4
		if len(words) > 1 {
			n, e := b.number(arg(), 2, 4)
			op.align, err = n.v, e
		}
	case "from_beginning":
		op.fromBegin = true
	case "from_end":
		op.fromEnd = true
	case "post_offset":
		op.post, err = b.number(arg(), -65535, 65535)
	default:
		return false, nil
	}
	return true, err
}

func (b *builder) byteRest(op *byteOp, it *item, parts []field) *fault {
	for i := range parts {
		known, err := b.bytePart(op, it, parts, &i)
		if err != nil {
			return err
		}
		if !known {
			return wrong(parts[i].off, fmt.Sprintf("unknown option %q", parts[i].s), "relative, big, little, string, hex, dec, oct, bitmask N and so on")
		}
	}
	if err := b.ofDCE(op, it.at); err != nil {
		return err
	}
	if op.base != 0 && !op.str && it.kind != itByteMath {
		op.str = true
	}
	return nil
}

// ofDCE makes a rule with a byte keyword in DCE/RPC's order one for that protocol.
func (b *builder) ofDCE(op *byteOp, at int) *fault {
	switch {
	case !op.dce:
		return nil
	case op.str || op.base != 0:
		return wrong(at, "dce with a number written in digits", "dce, or string with hex, dec or oct")
	case !b.r.app.covers(AppDCERPC) && b.r.app != AppSMB:
		return wrong(at, "dce in a rule of another protocol", "the header's protocol to be dcerpc or smb")
	}
	b.ofDCERPC(at)
	return nil
}

func (b *builder) byteHead(o *option, parts []field, least int) *fault {
	if len(parts) < least {
		return wrong(o.val.off+len(o.val.s), o.key.s+" needs more values", fmt.Sprintf("at least %d, separated by commas", least))
	}
	return nil
}

func kwByteTest(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	parts := f.list()
	if err := b.byteHead(o, parts, 4); err != nil {
		return err
	}
	op := &byteOp{}
	it := item{kind: itByteTest, by: op, at: o.val.off}
	if op.nbytes, err = b.number(parts[0], 0, 23); err != nil {
		return err
	}
	s := strings.ReplaceAll(parts[1].s, " ", "")
	s, it.neg = strings.CutPrefix(s, "!")
	var ok bool
	if op.cmp, ok = map[string]cmpOp{"": opEq, "=": opEq, "<": opLt, ">": opGt, "<=": opLe, ">=": opGe, "&": opAnd, "^": opXor}[s]; !ok || s == "" && !it.neg {
		return wrong(parts[1].off, "unknown operator", "one of < > = <= >= & ^, with ! before it or not")
	}
	if n, e := strconv.ParseUint(parts[2].s, 0, 64); e == nil {
		op.value = num{v: int64(n)}
	} else if op.value, err = b.number(parts[2], 0, 1<<62); err != nil {
		return err
	}
	if op.offset, err = b.number(parts[3], -65535, 65535); err != nil {
		return err
	}
	if err := b.byteRest(op, &it, parts[4:]); err != nil {
		return err
	}
	b.add(it)
	return nil
}

func kwByteJump(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	parts := f.list()
	if err := b.byteHead(o, parts, 2); err != nil {
		return err
	}
	op := &byteOp{}
	it := item{kind: itByteJump, by: op, at: o.val.off}
	if op.nbytes, err = b.number(parts[0], 0, 23); err != nil {
		return err
	}
	if op.offset, err = b.number(parts[1], -65535, 65535); err != nil {
		return err
	}
	if err := b.byteRest(op, &it, parts[2:]); err != nil {
		return err
	}
	b.add(it)
	return nil
}

// variable makes or finds a variable of the rule.
func (b *builder) variable(f field) (int, *fault) {
	if f.s == "" || !isAlpha(f.s[0]) && f.s[0] != '_' {
		return 0, wrong(f.off, fmt.Sprintf("%q is no name of a variable", f.s), "a name that starts with a letter")
	}
	i, ok := b.vars[f.s]
	if !ok {
		if i = len(b.vars); i == maxVars {
			return 0, wrong(f.off, "too many variables", fmt.Sprintf("at most %d", maxVars))
		}
		b.vars[f.s] = i
	}
	return i, nil
}

const maxVars = 16

func kwByteExtract(b *builder, o *option) *fault {
	parts := o.val.list()
	if err := b.byteHead(o, parts, 3); err != nil {
		return err
	}
	op := &byteOp{}
	it := item{kind: itByteExtract, by: op, at: o.val.off}
	var err *fault
	if op.nbytes, err = b.number(parts[0], 0, 23); err != nil {
		return err
	}
	if op.offset, err = b.number(parts[1], -65535, 65535); err != nil {
		return err
	}
	if err := b.byteRest(op, &it, parts[3:]); err != nil {
		return err
	}
	if op.result, err = b.variable(parts[2]); err != nil {
		return err
	}
	b.add(it)
	return nil
}

func kwByteMath(b *builder, o *option) *fault {
	op := &byteOp{}
	it := item{kind: itByteMath, by: op, at: o.val.off}
	seen := map[string]bool{}
	var result field
	for _, p := range o.val.list() {
		w := p.words()
		if len(w) == 0 {
			return wrong(p.off, "an empty option", "an option such as bytes 4")
		}
		arg := field{"", p.off + len(p.s)}
		if len(w) > 1 {
			arg = w[1]
		}
		var err *fault
		switch w[0].s {
		case "bytes":
			op.nbytes, err = b.number(arg, 1, 10)
		case "offset":
			op.offset, err = b.number(arg, -65535, 65535)
		case "oper":
			m, ok := map[string]byte{"+": '+', "-": '-', "*": '*', "/": '/', "<<": 'l', ">>": 'r'}[arg.s]
			if !ok {
				err = wrong(arg.off, "unknown operator", "one of + - * / << >>")
			}
			op.math = m
		case "rvalue":
			op.value, err = b.number(arg, 1, 1<<32-1)
		case "result":
			result = arg
		default:
			i := 0
			var known bool
			known, err = b.bytePart(op, &it, []field{p}, &i)
			if err == nil && !known {
				err = wrong(p.off, fmt.Sprintf("unknown option %q", p.s), "bytes, offset, oper, rvalue, result, relative, endian, string, bitmask")
			}
		}
		if err != nil {
			return err
		}
		seen[w[0].s] = true
	}
	for _, need := range []string{"bytes", "offset", "oper", "rvalue", "result"} {
		if !seen[need] {
			return wrong(o.val.off+len(o.val.s), "byte_math without "+need, need)
		}
	}
	err := b.ofDCE(op, o.val.off)
	if err != nil {
		return err
	}
	if op.result, err = b.variable(result); err != nil {
		return err
	}
	b.add(it)
	return nil
}

// kwBase64Decode takes base64_decode: bytes N, offset N, relative, each optional.
func kwBase64Decode(b *builder, o *option) *fault {
	op := &byteOp{}
	it := item{kind: itBase64, by: op, at: o.key.off}
	if o.hasVal && o.val.s != "" {
		for _, p := range o.val.list() {
			w := p.words()
			var err *fault
			switch {
			case len(w) == 1 && w[0].s == "relative":
				it.relative = true
			case len(w) == 2 && w[0].s == "bytes":
				op.nbytes, err = b.number(w[1], 1, 65535)
			case len(w) == 2 && w[0].s == "offset":
				op.offset, err = b.number(w[1], 0, 65535)
			default:
				err = wrong(p.off, fmt.Sprintf("%q is no option of base64_decode", p.s), "bytes N, offset N or relative")
			}
			if err != nil {
				return err
			}
		}
	}
	b.add(it)
	return nil
}
