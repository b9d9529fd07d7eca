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
func (r *dnp3Rules) message(c *Context, dir Dir, link, b []byte) {
	r.id++
	if c.Detail && b[1] != 0 { // a confirmation is no transaction
		c.Record("dnp3", newDNP3EVE(r.id, link, b))
	}
	if !c.Matching() {
		return
	}
	t := &bufTx{app: suricata.AppDNP3, id: r.id, packets: []uint64{c.Number}}
	if c.Detail {
		x := newDNP3EVE(r.id, link, b)
		x.alert, t.eve = true, x
	}
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

// objects walks the heads of objects; data follow them but in a read. An object
// that Suricata's parser knows not, or whose data are cut, is an event of the
// message; it decodes those of a read, too, which have none.
func (r *dnp3Rules) objects(t *bufTx, w *wire, data bool) {
	for range maxDNP3Objects {
		if w.left() < 3 {
			return
		}
		group, variation, qualifier := w.u8(), w.u8(), w.u8()
		n, known := dnp3Count(w, qualifier&0x0f)
		if w.short {
			return
		}
		t.number(suricata.BufDNP3Object, uint64(group)<<8|uint64(variation))
		if !known {
			return
		}
		if variation == 0 || n == 0 {
			continue
		}
		if n < 0 || variation > dnp3Variations[group] || group == 86 && variation == 1 {
			t.event("dnp3.unknown_object")
			return
		}
		prefix := []int{0, 1, 2, 4, 0, 0, 0, 0}[qualifier>>4&7]
		size, sized := dnp3Sizes[group<<8|variation]
		if !sized || qualifier>>4&7 >= 4 { // free format
			if w.left() == 0 {
				t.event("dnp3.unknown_object")
			}
			if data {
				return
			}
			continue
		}
		all := n * (prefix + size)
		if size == 0 { // bits
			all = (n + 7) / 8
		}
		if w.left() < all {
			t.event("dnp3.unknown_object")
			if data {
				return
			}
			continue
		}
		if data {
			w.take(all)
		}
	}
}

// dnp3Count reads the range behind the head of an object: how many of them there
// are (IEEE 1815 table 4-5); false for ranges that are reserved.
func dnp3Count(w *wire, code int) (int, bool) {
	read := func(f func() int) int {
		from := f()
		return f() - from + 1
	}
	le32 := func() int { return int(w.le32()) }
	switch code {
	case 0, 3:
		return read(w.u8), true
	case 1, 4:
		return read(w.le16), true
	case 2, 5:
		return read(le32), true
	case 6:
		return 0, true
	case 7, 11:
		return w.u8(), true
	case 8:
		return w.le16(), true
	case 9:
		return le32(), true
	}
	return 0, false
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

// dnp3Variations are the last variations that Suricata's parser knows of groups
// of objects; it knows 86 only in its second.
var dnp3Variations = map[int]int{
	1: 2, 2: 3, 3: 2, 4: 3, 10: 2, 11: 2, 12: 3, 13: 2, 20: 8, 21: 12, 22: 8, 23: 8, 30: 6, 31: 8, 32: 8, 33: 8, 34: 3, 40: 4, 41: 4,
	42: 8, 43: 8, 50: 4, 51: 2, 52: 2, 70: 8, 80: 1, 81: 1, 83: 1, 86: 2, 102: 1, 120: 15, 121: 1, 122: 2,
}

// dnp3Sizes are the sizes of objects, in bytes; 0 are bits (IEEE 1815 annex A).
var dnp3Sizes = map[int]int{
	1<<8 | 1: 0, 1<<8 | 2: 1, 2<<8 | 1: 1, 2<<8 | 2: 7, 2<<8 | 3: 3, 3<<8 | 1: 0, 3<<8 | 2: 1, 4<<8 | 1: 1, 4<<8 | 2: 7, 4<<8 | 3: 3, 10<<8 | 1: 0, 10<<8 | 2: 1,
	12<<8 | 1: 11, 12<<8 | 2: 11, 20<<8 | 1: 5, 20<<8 | 2: 3, 20<<8 | 5: 4, 20<<8 | 6: 2, 21<<8 | 1: 5, 21<<8 | 2: 3, 21<<8 | 9: 4, 21<<8 | 10: 2,
	22<<8 | 1: 5, 22<<8 | 2: 3, 22<<8 | 5: 11, 22<<8 | 6: 9, 30<<8 | 1: 5, 30<<8 | 2: 3, 30<<8 | 3: 4, 30<<8 | 4: 2, 30<<8 | 5: 5, 30<<8 | 6: 9,
	32<<8 | 1: 5, 32<<8 | 2: 3, 32<<8 | 3: 11, 32<<8 | 4: 9, 32<<8 | 5: 5, 32<<8 | 6: 9, 32<<8 | 7: 11, 32<<8 | 8: 15, 34<<8 | 1: 2, 34<<8 | 2: 4, 34<<8 | 3: 4,
	40<<8 | 1: 5, 40<<8 | 2: 3, 40<<8 | 3: 5, 40<<8 | 4: 9, 41<<8 | 1: 5, 41<<8 | 2: 3, 41<<8 | 3: 5, 41<<8 | 4: 9, 42<<8 | 1: 5, 42<<8 | 2: 3, 50<<8 | 1: 6, 50<<8 | 3: 6,
	51<<8 | 1: 6, 51<<8 | 2: 6, 52<<8 | 1: 2, 52<<8 | 2: 2, 80<<8 | 1: 0,
}
