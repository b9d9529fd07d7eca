package proto

import (
	"bytes"

	"saksi/rules/suricata"
)

// dnp3Rules shows messages of the application layer to the rules, put together
// and without their check sums.
type dnp3Rules struct{ id uint64 }

// message offers a message: control, function, indications of a response,
// objects (IEEE 1815 section 4.2.2).
func (r *dnp3Rules) message(c *Context, dir Dir, b []byte) {
	if !c.Matching() {
		return
	}
	r.id++
	t := &bufTx{app: suricata.AppDNP3, id: r.id, packets: []uint64{c.Number}}
	t.number(suricata.BufDNP3Function, uint64(b[1]))
	t.add(suricata.BufDNP3Data, bytes.Clone(b))
	w := wire{b: b, at: 2}
	if b[1] >= 129 {
		t.number(suricata.BufDNP3Indication, uint64(w.u16()))
	}
	r.objects(t, &w, b[1] != 1)
	c.Offer(t, dir)
}

// maxDNP3Objects bounds the objects of a message that rules see.
const maxDNP3Objects = 64

// objects walks the heads of objects; data follow them but in a read.
func (r *dnp3Rules) objects(t *bufTx, w *wire, data bool) {
	for range maxDNP3Objects {
		if w.left() < 3 {
			return
		}
		group, variation, qualifier := w.u8(), w.u8(), w.u8()
		n := 0
		switch qualifier & 0x0f {
		case 0:
			from, to := w.u8(), w.u8()
			n = to - from + 1
		case 1:
			from, to := w.le16(), w.le16()
			n = to - from + 1
		case 6:
		case 7:
			n = w.u8()
		case 8:
			n = w.le16()
		case 11:
			n = w.u8()
		default:
			n = -1
		}
		if w.short {
			return
		}
		t.number(suricata.BufDNP3Object, uint64(group)<<8|uint64(variation))
		if n < 0 {
			return
		}
		prefix := []int{0, 1, 2, 4, 0, 0, 0, 0}[qualifier>>4&7]
		size, known := dnp3Sizes[group<<8|variation]
		if !known {
			size = -1
		}
		if !data || n == 0 {
			continue
		}
		if size < 0 || qualifier>>4&7 >= 4 { // free format, or not known
			return
		}
		bits := group == 1 && variation == 1 || group == 10 && variation == 1 || group == 80 && variation == 1
		if bits {
			w.take((n + 7) / 8)
		} else {
			w.take(n * (prefix + size))
		}
	}
}

// event tells of something wrong with a frame.
func (r *dnp3Rules) event(c *Context, dir Dir, name string) {
	if !c.Matching() {
		return
	}
	r.id++
	t := &bufTx{app: suricata.AppDNP3, id: r.id, packets: []uint64{c.Number}}
	t.event("dnp3." + name)
	c.Offer(t, dir)
}

// dnp3Sizes are the sizes of objects, in bytes (IEEE 1815 annex A).
var dnp3Sizes = map[int]int{
	1<<8 | 1: 0, 1<<8 | 2: 1, 2<<8 | 1: 1, 2<<8 | 2: 7, 2<<8 | 3: 3, 3<<8 | 1: 0, 3<<8 | 2: 1, 4<<8 | 1: 1, 4<<8 | 2: 7, 4<<8 | 3: 3, 10<<8 | 1: 0, 10<<8 | 2: 1,
	12<<8 | 1: 11, 12<<8 | 2: 11, 20<<8 | 1: 5, 20<<8 | 2: 3, 20<<8 | 5: 4, 20<<8 | 6: 2, 21<<8 | 1: 5, 21<<8 | 2: 3, 21<<8 | 9: 4, 21<<8 | 10: 2,
	22<<8 | 1: 5, 22<<8 | 2: 3, 22<<8 | 5: 11, 22<<8 | 6: 9, 30<<8 | 1: 5, 30<<8 | 2: 3, 30<<8 | 3: 4, 30<<8 | 4: 2, 30<<8 | 5: 5, 30<<8 | 6: 9,
	32<<8 | 1: 5, 32<<8 | 2: 3, 32<<8 | 3: 11, 32<<8 | 4: 9, 32<<8 | 5: 5, 32<<8 | 6: 9, 32<<8 | 7: 11, 32<<8 | 8: 15, 34<<8 | 1: 2, 34<<8 | 2: 4, 34<<8 | 3: 4,
	40<<8 | 1: 5, 40<<8 | 2: 3, 40<<8 | 3: 5, 40<<8 | 4: 9, 41<<8 | 1: 5, 41<<8 | 2: 3, 41<<8 | 3: 5, 41<<8 | 4: 9, 42<<8 | 1: 5, 42<<8 | 2: 3, 50<<8 | 1: 6, 50<<8 | 3: 6,
	51<<8 | 1: 6, 51<<8 | 2: 6, 52<<8 | 1: 2, 52<<8 | 2: 2, 80<<8 | 1: 0,
}
