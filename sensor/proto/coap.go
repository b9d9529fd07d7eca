package proto

// CoAP, RFC 7252 section 3. Options are deltas of their numbers and lengths.
//
// 	0 version 1, kind, length of token  1 code (class 3 bits, detail)  2 id  4 token  options  0xff  payload

func init() {
	register(&Entry{
		Name: "coap", Doc: "Constrained Application Protocol", Reference: "RFC 7252",
		Transport: UDP, Ports: []uint16{5683, 5684},
		Detect:  detectCoAP,
		Samples: []string{"coap.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

// coapOptions are the numbers of RFC 7252 table 7, RFC 7641, 7959, 8613 and others.
var coapOptions = map[int]bool{
	1: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true, 9: true, 11: true, 12: true, 14: true, 15: true, 16: true, 17: true,
	19: true, 20: true, 21: true, 23: true, 27: true, 28: true, 31: true, 35: true, 39: true, 60: true, 252: true, 258: true, 292: true,
}

func detectCoAP(p *Probe) Verdict {
	w := wire{b: p.Data}
	head, code, _ := w.u8(), w.u8(), w.u16()
	if w.short || head>>6 != 1 || head&15 > 8 {
		return No
	}
	class, detail := code>>5, code&31
	switch {
	case class == 0 && detail == 0: // empty: acknowledged or reset
		return onPort(p, p.Length == 4, 5683)
	case class == 0 && detail <= 7, class == 2 && detail >= 1 && detail <= 5, class == 2 && detail == 31, class == 4, class == 5:
	default:
		return No
	}
	w.take(head & 15)
	option, seen := 0, 0
	for w.left() > 0 {
		b := w.u8()
		if b == 0xff {
			if w.left() == 0 {
				return No
			}
			break
		}
		delta, n := coapExtended(&w, b>>4), coapExtended(&w, b&15)
		option += delta
		w.take(n)
		if w.short || delta < 0 || n < 0 || !coapOptions[option] {
			return No
		}
		seen++
	}
	if p.On(5683) {
		return yes(!w.short)
	}
	return yes(!w.short && seen > 0 && (class > 0 || option >= 11)) // requests elsewhere name a path
}

// coapExtended reads a delta or length of an option (section 3.1); 15 is none.
func coapExtended(w *wire, n int) int {
	switch n {
	case 13:
		return w.u8() + 13
	case 14:
		return w.u16() + 269
	case 15:
		return -1
	}
	return n
}
