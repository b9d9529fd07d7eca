package proto

import (
	"bytes"
	"encoding/binary"

	"saksi/event"
)

// dnp3EVE is a message of DNP3 with the head of the link frame that ended it, as
// EVE JSON has it: each is a transaction.
type dnp3EVE struct {
	eveTx
	link    [10]byte
	message []byte
	alert   bool // it is about an alert, where the way stands around it
}

// dnp3Told are the internal indications in the order in which Suricata tells of
// them, first octet high (IEEE 1815 section 4.2.2.6).
var dnp3Told = [...]struct {
	name string
	bit  int
}{
	{"device_restart", 0x8000},
	{"device_trouble", 0x4000},
	{"local_control", 0x2000},
	{"need_time", 0x1000},
	{"class_3_events", 0x0800},
	{"class_2_events", 0x0400},
	{"class_1_events", 0x0200},
	{"all_stations", 0x0100},
	{"reserved_1", 0x0080},
	{"reserved_2", 0x0040},
	{"config_corrupt", 0x0020},
	{"already_executing", 0x0010},
	{"event_buffer_overflow", 0x0008},
	{"parameter_error", 0x0004},
	{"object_unknown", 0x0002},
	{"no_func_code_support", 0x0001},
}

func newDNP3EVE(n uint64, link, message []byte) *dnp3EVE {
	return &dnp3EVE{eveTx: eveTx(n), link: [10]byte(link), message: bytes.Clone(message)}
}

// AppendEVE implements EVE.
func (t *dnp3EVE) AppendEVE(m *event.Members) {
	b, answer := t.message, t.message[1] >= 129
	m.Open("dnp3")
	if t.alert {
		if answer {
			m.Open("response")
		} else {
			m.Open("request")
		}
	}
	switch {
	case b[1] == 130:
		m.Str("type", "unsolicited_response")
	case answer:
		m.Str("type", "response")
	default:
		m.Str("type", "request")
	}
	m.Open("control")
	control := t.link[3]
	m.Bool("dir", control&0x80 != 0)
	m.Bool("pri", control&0x40 != 0)
	m.Bool("fcb", control&0x20 != 0)
	m.Bool("fcv", control&0x10 != 0)
	m.Int("function_code", int64(control&15))
	m.Close()
	m.Int("src", int64(binary.LittleEndian.Uint16(t.link[6:])))
	m.Int("dst", int64(binary.LittleEndian.Uint16(t.link[4:])))
	m.Open("application")
	m.Open("control")
	m.Bool("fir", b[0]&0x80 != 0)
	m.Bool("fin", b[0]&0x40 != 0)
	m.Bool("con", b[0]&0x20 != 0)
	m.Bool("uns", b[0]&0x10 != 0)
	m.Int("sequence", int64(b[0]&15))
	m.Close()
	m.Int("function_code", int64(b[1]))
	w := wire{b: b, at: 2}
	iin := 0
	if answer {
		iin = w.u16()
	}
	complete := t.objects(m, &w)
	m.Bool("complete", complete)
	m.Close()
	if answer {
		m.Open("iin")
		if iin != 0 {
			m.Array("indicators")
			for _, x := range dnp3Told {
				if iin&x.bit != 0 {
					m.Str("", x.name)
				}
			}
			m.End()
		}
		m.Close()
	}
	if t.alert {
		m.Close()
	}
	m.Close()
}

// objects writes the heads of objects; it returns false if one can't be read, or
// what follows it can't be found.
func (t *dnp3EVE) objects(m *event.Members, w *wire) (complete bool) {
	open := false
	defer func() {
		if open {
			m.End()
		}
	}()
	for w.left() >= 3 {
		if m.Full() {
			return false
		}
		group, variation, qualifier := w.u8(), w.u8(), w.u8()
		start, stop, count := 0, 0, 0
		switch qualifier & 15 {
		case 0, 3:
			start, stop = w.u8(), w.u8()
			count = stop - start + 1
		case 1, 4:
			start, stop = w.le16(), w.le16()
			count = stop - start + 1
		case 2, 5:
			start, stop = int(w.le32()), int(w.le32())
			count = stop - start + 1
		case 6:
		case 7, 11:
			count = w.u8()
		case 8:
			count = w.le16()
		case 9:
			count = int(w.le32())
		default:
			return false
		}
		if w.short || count < 0 {
			return false
		}
		if !open {
			m.Array("objects")
			open = true
		}
		m.Open("")
		for _, x := range [...]struct {
			key string
			n   int
		}{
			{"group", group},
			{"variation", variation},
			{"qualifier", qualifier},
			{"prefix_code", qualifier >> 4 & 7},
			{"range_code", qualifier & 15},
			{"start", start},
			{"stop", stop},
			{"count", count},
		} {
			m.Int(x.key, int64(x.n))
		}
		m.Close()
		if t.message[1] == 1 || count == 0 { // a read names, it carries nothing
			continue
		}
		size, ok := dnp3Span(group, variation, qualifier>>4&7, count)
		if !ok || size > w.left() {
			return false
		}
		w.take(size)
	}
	return w.left() == 0
}

// dnp3Span is how many bytes the data of objects take.
func dnp3Span(group, variation, prefix, count int) (int, bool) {
	size, ok := dnp3Sizes[group<<8|variation]
	if !ok || prefix >= 4 || count > maxDNP3*8 {
		return 0, false
	}
	if size == 0 { // bits
		return (count + 7) / 8, true
	}
	return count * (size + [4]int{0, 1, 2, 4}[prefix]), true
}
