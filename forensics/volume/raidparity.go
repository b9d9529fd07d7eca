package volume

// parity is, for the chunk data of a stripe of RAID 5 or 6, the member that holds
// it and those with the parities (q is -1 in RAID 5); ok is false for a layout
// that is not known.
func (a *raid) parity(stripe int64, data int) (p, q, member int, ok bool) {
	n := len(a.members)
	turn := func(n int) int { return int(stripe % int64(n)) }
	// behind p, in a ring of n members
	ring := func(n, p, skip int) int { return (p + skip + data) % n }
	over := func(p int) int {
		if data >= p {
			return data + 1
		}
		return data
	}
	five := func(layout, n int) (p, member int, ok bool) {
		switch layout {
		case 0, 2: // left
			p = n - 1 - turn(n)
		case 1, 3: // right
			p = turn(n)
		case parityFirst:
			return 0, data + 1, true
		case parityLast:
			return n - 1, data, true
		default:
			return 0, 0, false
		}
		if layout >= 2 { // symmetric
			return p, ring(n, p, 1), true
		}
		return p, over(p), true
	}
	if a.level == 5 {
		p, member, ok = five(a.layout, n)
		return p, -1, member, ok
	}
	both := func(p int) (int, int, int, bool) { // P, and Q behind it
		switch {
		case p == n-1:
			return p, 0, data + 1, true
		case data >= p:
			return p, p + 1, data + 2, true
		}
		return p, p + 1, data, true
	}
	switch l := a.layout; {
	case l == 0:
		return both(n - 1 - turn(n))
	case l == 1, l == ddfZeroRestart:
		return both(turn(n))
	case l == 2:
		p = n - 1 - turn(n)
		return p, (p + 1) % n, ring(n, p, 2), true
	case l == 3:
		p = turn(n)
		return p, (p + 1) % n, ring(n, p, 2), true
	case l == parityFirst:
		return 0, 1, data + 2, true
	case l == parityLast:
		return n - 2, n - 1, data, true
	case l == ddfNRestart:
		stripe++
		return both(n - 1 - turn(n))
	case l == ddfNContinue:
		p = n - 1 - turn(n)
		return p, (p + n - 1) % n, ring(n, p, 1), true
	case l >= sixOfFive && l <= sixOfFive+parityFirst:
		p, member, ok = five(l-sixOfFive, n-1)
		return p, n - 1, member, ok
	}
	return 0, 0, 0, false
}

// power is the exponent of a member's data in Q.
func (a *raid) power(member, p, q int) int {
	if a.layout >= ddfZeroRestart && a.layout <= ddfNContinue {
		return member // parities count as members of zeros
	}
	n := len(a.members)
	i := 0
	for m := (q + 1) % n; m != member; m = (m + 1) % n {
		if m != p && m != q {
			i++
		}
	}
	return i
}

// rebuild computes what a member holds from the others of its stripe.
func (a *raid) rebuild(b []byte, want copyOf) error {
	p, q, _, _ := a.parity(want.off/a.chunk, 0)
	xor, syn := make([]byte, len(b)), []byte(nil)
	got := make([]byte, len(b))
	if q >= 0 {
		syn = make([]byte, len(b))
	}
	lost, hasP, hasQ := -1, false, false
	for i, m := range a.members {
		if i == want.member {
			continue
		}
		if m == nil || full(m, got, want.off) != nil {
			switch {
			case i == p || i == q:
			case lost >= 0:
				return errMembers
			default:
				lost = i
			}
			continue
		}
		switch i {
		case p:
			hasP = true
			add(xor, got, 0)
		case q:
			hasQ = true
			add(syn, got, 0)
		default:
			add(xor, got, 0)
			if syn != nil {
				add(syn, got, a.power(i, p, q))
			}
		}
	}
	switch {
	case lost < 0 && hasP:
		copy(b, xor)
	case lost < 0 && hasQ: // Q = g^x D
		scale(b, syn, 255-a.power(want.member, p, q)%255)
	case lost >= 0 && hasP && hasQ: // P = D + E, Q = g^x D + g^y E
		x, y := a.power(want.member, p, q)%255, a.power(lost, p, q)%255
		add(syn, xor, y)
		by := galois.exp[x] ^ galois.exp[y]
		if by == 0 {
			return errMembers
		}
		scale(b, syn, 255-int(galois.log[by]))
	default:
		return errMembers
	}
	return nil
}

// galois is the field of RAID 6: polynomial 0x11d, generator 2.
var galois = func() (t struct {
	exp [510]byte
	log [256]byte
},
) {
	for i, x := 0, 1; i < 255; i++ {
		t.exp[i], t.exp[i+255], t.log[x] = byte(x), byte(x), byte(i)
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	return t
}()

// add adds g^power times b to sum.
func add(sum, b []byte, power int) {
	if power %= 255; power == 0 {
		for i, x := range b {
			sum[i] ^= x
		}
		return
	}
	for i, x := range b {
		if x != 0 {
			sum[i] ^= galois.exp[int(galois.log[x])+power]
		}
	}
}

// scale is g^power times b.
func scale(out, b []byte, power int) {
	clear(out)
	add(out, b, power)
}
