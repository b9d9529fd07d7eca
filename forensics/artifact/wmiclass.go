package artifact

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Classes of WMI: their definitions, and how their instances are laid out by them.

// wmiProperty is a property of a class.
type wmiProperty struct {
	name  string
	kind  byte // CimType
	array bool
	index int
	off   int // of its value in an instance
}

type wmiClass struct {
	name, super string
	properties  []wmiProperty
}

// wmiReader takes what a record holds, one after another.
type wmiReader struct {
	b   []byte
	bad bool
}

func (r *wmiReader) take(n int64) []byte {
	if n < 0 || n > int64(len(r.b)) {
		r.bad, r.b = true, nil
		return make([]byte, max(0, min(n, 16)))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *wmiReader) u32() int64 { return int64(binary.LittleEndian.Uint32(r.take(4))) }

// define keeps the class that a record defines, if it is one.
func (w *wmi) define(b []byte) {
	r := &wmiReader{b: b}
	n := r.u32()
	if r.bad || n > 512 {
		return
	}
	super := utf16All(r.take(2 * n))
	if strings.ContainsFunc(super, func(c rune) bool { return c < 0x20 || c > 0x7e }) {
		return
	}
	if t := int64(binary.LittleEndian.Uint64(r.take(8))); r.bad || t != 0 && fileTime(t) == 0 {
		return
	}
	size := r.u32()
	if r.bad || size < 4 || size-4 > int64(len(r.b)) {
		return
	}
	r.b = r.b[:size-4]
	r.take(1)
	nameAt, defaults := r.u32(), r.u32()
	r.take(r.u32() - 4) // the class above it
	r.take(r.u32() - 4) // qualifiers
	count := r.u32()
	if r.bad || count > maxWMIProperties {
		return
	}
	refs := r.take(8 * count)
	r.take(defaults)
	data := r.take(r.u32() & 0x7fffffff)
	if r.bad {
		return
	}
	c := &wmiClass{name: wmiText(data, nameAt), super: super}
	for i := range count {
		name, at := int64(binary.LittleEndian.Uint32(refs[8*i:])), int64(binary.LittleEndian.Uint32(refs[8*i+4:]))
		if at+14 > int64(len(data)) {
			return
		}
		d := data[at:]
		p := wmiProperty{kind: d[0], array: d[1]&0x20 != 0, index: int(binary.LittleEndian.Uint16(d[4:])), off: int(binary.LittleEndian.Uint32(d[6:]))}
		if name&0x80000000 == 0 {
			p.name = wmiText(data, name)
		}
		if p.index >= maxWMIProperties || p.off > wmiPage || len(p.name) > maxWMIName {
			return
		}
		c.properties = append(c.properties, p)
	}
	key := strings.ToUpper(c.name)
	if c.name == "" || len(c.name) > maxWMIName {
		return
	}
	if old := w.classes[key]; old != nil {
		w.kept -= len(old.properties)
	} else if len(w.classes) >= maxWMIClasses {
		w.full = true
		return
	}
	if w.kept += len(c.properties); w.kept > maxWMIKept {
		w.kept -= len(c.properties)
		w.full = true
		delete(w.classes, key)
		return
	}
	w.classes[key] = c
}

// wmiText is the text at a place: a byte that says how it is written, then itself.
func wmiText(data []byte, at int64) string {
	if at < 0 || at+1 >= int64(len(data)) {
		return ""
	}
	switch data[at] {
	case 0:
		b, _, _ := bytes.Cut(data[at+1:], []byte{0})
		return latin1(b)
	case 1:
		return utf16Until(data[at+1:])
	}
	return ""
}

func utf16Bytes(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// told reports whether instances of a class are: by its name, or by a class above.
func (w *wmi) told(name string, depth int) bool {
	switch name {
	case "__EVENTFILTER", "__EVENTCONSUMER", "__FILTERTOCONSUMERBINDING", "__TIMERINSTRUCTION", "CCM_RECENTLYUSEDAPPS":
		return true
	}
	c := w.classes[name]
	return c != nil && c.super != "" && depth < 32 && w.told(strings.ToUpper(c.super), depth+1)
}

// layout are the properties of a class and of those above it, by their index.
func (w *wmi) layout(c *wmiClass) []wmiProperty {
	if list, ok := w.layouts[c]; ok {
		return list
	}
	of := c
	byName := map[string]wmiProperty{}
	for depth := 0; c != nil && depth < 32; depth++ {
		for _, p := range c.properties {
			if _, known := byName[p.name]; !known {
				byName[p.name] = p
			}
		}
		c = w.classes[strings.ToUpper(c.super)]
	}
	list := make([]wmiProperty, 0, len(byName))
	for _, p := range byName {
		list = append(list, p)
	}
	// A damaged definition may give several one index: their names then tell the order.
	slices.SortFunc(list, func(a, b wmiProperty) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.name, b.name))
	})
	list = list[:min(len(list), maxWMIProperties)]
	if len(w.layouts) >= maxWMILayouts {
		clear(w.layouts)
	}
	w.layouts[of] = list
	return list
}

// wmiSizes are those of values in an instance by CimType; the others have 4 bytes.
var wmiSizes = map[byte]int{0x02: 2, 0x05: 8, 0x0b: 2, 0x10: 1, 0x11: 1, 0x12: 2, 0x14: 8, 0x15: 8, 0x67: 2}

func (p *wmiProperty) size() int {
	if n := wmiSizes[p.kind]; n != 0 && !p.array {
		return n
	}
	return 4
}

func wmiValue(p wmiProperty, v, data []byte) string {
	at := int64(0)
	if len(v) >= 4 {
		at = int64(binary.LittleEndian.Uint32(v))
	}
	if p.array {
		if at+4 > int64(len(data)) {
			return ""
		}
		n := int64(binary.LittleEndian.Uint32(data[at:]))
		b := data[at+4:]
		if p.kind == 0x11 {
			b = b[:min(n, int64(len(b)))]
			return firstOf(sidText(b), hex.EncodeToString(b[:min(len(b), 64)]))
		}
		if p.kind != 0x08 {
			return ""
		}
		var list []string
		for i := int64(0); i < n && 4*i+4 <= int64(len(b)) && i < maxData; i++ {
			list = append(list, wmiText(data, int64(binary.LittleEndian.Uint32(b[4*i:]))))
		}
		return strings.Join(list, "\n")
	}
	le := binary.LittleEndian
	switch p.kind {
	case 0x08, 0x65, 0x66:
		return wmiText(data, at)
	case 0x0b:
		return map[bool]string{true: "yes", false: "no"}[le.Uint16(v) != 0]
	case 0x03:
		return strconv.Itoa(int(int32(le.Uint32(v))))
	case 0x13:
		return strconv.FormatUint(uint64(le.Uint32(v)), 10)
	case 0x12, 0x67:
		return strconv.Itoa(int(le.Uint16(v)))
	case 0x02:
		return strconv.Itoa(int(int16(le.Uint16(v))))
	case 0x10:
		return strconv.Itoa(int(int8(v[0])))
	case 0x11:
		return strconv.Itoa(int(v[0]))
	case 0x14:
		return strconv.FormatInt(int64(le.Uint64(v)), 10)
	case 0x15:
		return strconv.FormatUint(le.Uint64(v), 10)
	}
	return ""
}
