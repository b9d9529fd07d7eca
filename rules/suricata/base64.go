package suricata

// base64 decodes a part of the buffer and matches what base64_data says of it.
func (m *Matcher) base64(it *item, data []byte, prev int) bool {
	at := m.value(it.by.offset)
	if it.relative {
		at += int64(prev)
	}
	if at < 0 || at > int64(len(data)) {
		return false
	}
	in := data[at:]
	if n := m.value(it.by.nbytes); n > 0 && n < int64(len(in)) {
		in = in[:n]
	}
	m.decoded = decodeBase64(m.decoded[:0], in, false)
	if len(m.decoded) == 0 {
		return false
	}
	return m.rule.base64 != nil && m.run(m.rule.base64, m.decoded, 0, 0) == resMatch
}

// decodeBase64 decodes up to the first byte that is not of the alphabet of RFC
// 4648, section 4; skip passes over such bytes instead, and needs whole groups of
// four. A digit left over or a padding where none can stand gives nothing, as in
// Suricata (rust/src/utils/base64.rs).
func decodeBase64(dst, in []byte, skip bool) []byte {
	start, n := len(dst), 0
	var group [4]byte
	for _, c := range in {
		if base64Table[c] < 0 && c != '=' {
			if skip {
				continue
			}
			break
		}
		group[n] = c
		if n++; n < 4 {
			continue
		}
		ok := false
		if dst, ok = appendBase64(dst, group); !ok {
			return dst[:start]
		}
		n = 0
	}
	if n == 0 || skip {
		return dst
	}
	for ; n < 4; n++ {
		group[n] = '='
	}
	dst, ok := appendBase64(dst, group)
	if !ok {
		return dst[:start]
	}
	return dst
}

// appendBase64 decodes four digits, of which the last two may be padding.
func appendBase64(dst []byte, g [4]byte) ([]byte, bool) {
	a, b, c, d := base64Table[g[0]], base64Table[g[1]], base64Table[g[2]], base64Table[g[3]]
	if a < 0 || b < 0 || c < 0 && g[2] != '=' || c >= 0 && d < 0 && g[3] != '=' {
		return dst, false
	}
	dst = append(dst, byte(a)<<2|byte(b)>>4)
	if c >= 0 {
		dst = append(dst, byte(b)<<4|byte(c)>>2)
		if d >= 0 {
			dst = append(dst, byte(c)<<6|byte(d))
		}
	}
	return dst, true
}

var base64Table = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = int8(i)
	}
	return t
}()
