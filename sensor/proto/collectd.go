package proto

// collectd's network plugin: a datagram is a row of parts, each of a type, a
// length that counts its own head, and a string that ends in a zero byte, a
// number of eight bytes, values, a signature or an encrypted rest.
//
//	0 type  2 length  4 content

func init() {
	register(&Entry{
		Name: "collectd", Doc: "collectd metrics", Reference: "https://github.com/collectd/collectd/wiki/Binary-protocol",
		Transport: UDP, Ports: []uint16{25826},
		First:   []string{"\x00\x00", "\x02\x00", "\x02\x10"},
		Detect:  detectCollectd,
		Samples: []string{"collectd.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

func detectCollectd(p *Probe) Verdict {
	w := wire{b: p.Data}
	parts := 0
	for w.left() >= 4 {
		kind, n := w.u16(), w.u16()-4
		if kind == 0x0210 { // encrypted: fills the datagram, the user's name first
			return yes(w.at+n == p.Length && w.u16() < n)
		}
		whole := w.left() >= n
		v := w.take(n)
		var ok bool
		switch kind {
		case 0, 2, 3, 4, 5, 0x100: // host, plugin, instance, type, instance, message
			ok = n > 0 && n < 128 && (!whole || v[n-1] == 0)
		case 1, 7, 8, 9, 0x101: // times, interval, severity
			ok = n == 8
		case 6: // values: a count, then a type and eight bytes each
			ok = n >= 2 && (!whole || n == 2+9*(int(v[0])<<8|int(v[1])))
		case 0x200: // signature
			ok = n > 32
		default:
			ok = false
		}
		if !ok {
			return onPort(p, parts > 0 || kind == 0, 25826)
		}
		parts++
	}
	return yes(parts >= 3)
}
