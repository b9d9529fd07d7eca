package proto

// S7 communication of Siemens controllers: TPKT (RFC 1006), then COTP
// (ISO 8073), then, in COTP data,
//
//	0 0x32  1 kind (1 job, 2 ack, 3 ack with data, 7 user data)  4 reference
//	6 length of parameters  8 length of data  (10 error class and code, kinds 2 and 3)
//	parameters: 0 function  1 count  then items: 0 0x12  1 0x0a  2 0x10  3 type  4 count  6 block  8 area  9 bit address (3)
//	user data:  0 00 01 12  4 method  5 kind and group  6 subfunction
//
// S7CommPlus of newer controllers begins with 0x72 in the place of 0x32.

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

func init() {
	register(&Entry{
		Name: "s7comm", Doc: "Siemens S7 communication", Reference: "RFC 1006; ISO 8073; https://github.com/gymgit/s7-pcaps, snap7 (s7_types.h)",
		Transport: TCP, Ports: []uint16{102},
		First:   []string{"\x03\x00"},
		Detect:  func(p *Probe) Verdict { return cotpDetect(p, 0x32, 7) },
		New:     func(Transport) Parser { return &s7comm{calls: icsCalls{dataset: "saksi.s7comm"}} },
		Samples: []string{"s7comm.txt"}, Hostile: []string{"s7comm_hostile.txt"},
	})
	register(&Entry{
		Name: "s7commplus", Doc: "Siemens S7CommPlus", Reference: "RFC 1006; Wireshark wiki, S7 Communication Plus",
		Transport: TCP, Ports: []uint16{102},
		First:   []string{"\x03\x00"},
		Detect:  func(p *Probe) Verdict { return cotpDetect(p, 0x72, 4) },
		Samples: []string{"s7commplus.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

// cotpDetect looks through the connection set-up for the first data that
// begin with magic and a byte from 1 to limit.
func cotpDetect(p *Probe, magic, limit byte) Verdict {
	w := wire{b: p.Data}
	for range 4 {
		if w.left() < 7 {
			return More
		}
		m := w.rest()
		n := int(binary.BigEndian.Uint16(m[2:]))
		head := int(m[4])
		if m[0] != 3 || m[1] != 0 || n < 7 || head < 2 || head+5 > n {
			return No
		}
		switch m[5] & 0xf0 {
		case 0xe0, 0xd0: // connection request and confirm
			if w.take(n) == nil {
				return More
			}
		case 0xf0: // data
			if len(m) < head+7 {
				return More
			}
			return yes(head == 2 && m[head+5] == magic && m[head+6] >= 1 && m[head+6] <= limit)
		default:
			return No
		}
	}
	return No
}

// maxS7 bounds a message of several COTP fragments.
const maxS7 = 4096

var s7Names = map[int]string{
	0x00: "cpu-services", 0x04: "read-var", 0x05: "write-var", 0x1a: "request-download", 0x1b: "download-block",
	0x1c: "download-ended", 0x1d: "start-upload", 0x1e: "upload", 0x1f: "end-upload", 0x28: "plc-control", 0x29: "plc-stop",
	0xf0: "setup-communication",
}

var s7Groups = map[int]string{
	0: "mode-transition", 1: "programmer-commands", 2: "cyclic-data", 3: "block-functions", 4: "cpu-functions", 5: "security",
	6: "pbc", 7: "time-functions",
}

var s7Areas = map[int]string{
	0x03: "SYSINFO", 0x05: "SYSFLAGS", 0x06: "AI", 0x07: "AQ", 0x1c: "C", 0x1d: "T", 0x80: "P", 0x81: "I", 0x82: "Q", 0x83: "M",
	0x84: "DB", 0x85: "DI", 0x86: "L",
}

type s7comm struct {
	calls icsCalls
	part  [2][]byte // fragments of the message in work
}

// Data implements Parser.
func (p *s7comm) Data(c *Context, dir Dir, b []byte) Result {
	dir = onTheWay(c, dir, 102)
	used := 0
	for len(b)-used >= 7 {
		m := b[used:]
		n := int(binary.BigEndian.Uint16(m[2:]))
		head := int(m[4])
		if m[0] != 3 || n < 7 || head < 2 || head+5 > n {
			p.calls.flush(c)
			return Broken
		}
		if len(m) < n {
			break
		}
		used += n
		body := m[head+5 : n]
		switch {
		case m[5]&0xf0 == 0xe0:
			p.connect(c, m[5:5+head])
		case m[5]&0xf0 != 0xf0:
		case m[6]&0x80 != 0 && len(p.part[dir]) == 0:
			p.message(c, dir, body)
		case len(p.part[dir])+len(body) > maxS7:
			p.part[dir] = p.part[dir][:0]
		default:
			p.part[dir] = append(p.part[dir], body...)
			if m[6]&0x80 != 0 {
				p.message(c, dir, p.part[dir])
				p.part[dir] = p.part[dir][:0]
			}
		}
	}
	return Result(used)
}

// connect tells of a connection request: the transport selector called has
// rack and slot in its second byte.
func (p *s7comm) connect(c *Context, b []byte) {
	k := newICSCall(c, 0, "connect", -1)
	for w := (wire{b: b, at: min(6, len(b))}); w.left() >= 2; {
		kind, n := w.u8(), w.u8()
		if v := w.take(n); kind == 0xc2 && n == 2 && v != nil {
			k.object("rack " + strconv.Itoa(int(v[1]>>5)) + " slot " + strconv.Itoa(int(v[1]&0x1f)))
		}
	}
	k.emit(c, p.calls.dataset)
}

func (p *s7comm) message(c *Context, dir Dir, b []byte) {
	w := wire{b: b}
	magic, kind, _, ref, np, nd := w.u8(), w.u8(), w.u16(), w.u16(), w.u16(), w.u16()
	if w.short || magic != 0x32 {
		return
	}
	fault := 0
	if kind == 2 || kind == 3 {
		fault = w.u16()
	}
	param := wire{b: w.take(np)}
	data := wire{b: w.take(nd)}
	switch kind {
	case 1:
		if dir == FromClient {
			p.job(c, uint64(ref), param, data)
		}
	case 2, 3:
		k := p.calls.find(uint64(ref))
		if k == nil {
			return
		}
		text := ""
		if fault != 0 {
			text = "0x" + strconv.FormatInt(int64(fault), 16)
		} else if k.code == 4 || k.code == 5 { // the first return code that is not success
			text = s7Item(int(k.code), data)
		}
		k.done(c, text)
		p.calls.end(c, k)
	case 7:
		p.userData(c, dir, param, data)
	}
}

// s7Item finds the first return code of a read or write that is not 0xff.
func s7Item(fn int, data wire) string {
	for data.left() > 0 {
		code := data.u8()
		if code != 0xff {
			return "item-0x" + strconv.FormatInt(int64(code), 16)
		}
		if fn == 4 {
			kind, n := data.u8(), data.u16()
			if kind >= 3 && kind <= 5 { // length in bits
				n = (n + 7) / 8
			}
			data.take(n)
			if n%2 == 1 && data.left() > 0 {
				data.u8()
			}
		}
	}
	return ""
}

func (p *s7comm) job(c *Context, id uint64, w, data wire) {
	fn := w.u8()
	k := newICSCall(c, id, nameOr(s7Names, fn, "function-"), fn)
	switch fn {
	case 0x04, 0x05:
		k.change = fn == 0x05
		for n := w.u8(); n > 0 && w.left() >= 12; n-- {
			s7Address(&k, &w)
		}
		if fn == 0x05 {
			s7Values(&k, &data)
		}
	case 0x1a, 0x1b, 0x1c, 0x1d:
		k.change = fn < 0x1d
		w.take(7)
		if name := w.take(w.u8()); name != nil {
			k.object(strings.TrimSpace(string(name)))
		}
	case 0x28, 0x29:
		k.change = true
		if fn == 0x28 { // a block of parameters, then the name of the service
			w.take(7)
			w.take(w.u16())
		} else {
			w.take(5)
		}
		if name := w.take(w.u8()); name != nil {
			k.object(string(name))
		}
	}
	p.calls.ask(c, k)
}

// s7Address reads an item of the kind "any pointer".
func s7Address(k *icsCall, w *wire) {
	v := wire{b: w.take(12)}
	spec, n, syntax, size, count, block, area, bits := v.u8(), v.u8(), v.u8(), v.u8(), v.u16(), v.u16(), v.u8(), v.u24()
	if spec != 0x12 || n != 10 || syntax != 0x10 {
		return
	}
	name, dot := nameOr(s7Areas, area, "area-"), ""
	if area == 0x84 || area == 0x85 {
		name, dot = name+strconv.Itoa(block), "."
	}
	if k.address < 0 {
		k.area, k.address, k.count = name, int64(bits>>3), int64(count)
	}
	at := strconv.Itoa(bits >> 3)
	if size == 1 { // a bit
		at += "." + strconv.Itoa(bits&7)
	}
	k.object(name + dot + at + " x" + strconv.Itoa(count))
}

// s7Values reads the data of a write, at most eight bytes of each item.
func s7Values(k *icsCall, w *wire) {
	for w.left() > 4 && len(k.values) < maxICSItems {
		_, kind, n := w.u8(), w.u8(), w.u16()
		if kind >= 3 && kind <= 5 {
			n = (n + 7) / 8
		}
		v := w.take(min(n, w.left()))
		k.value("0x" + hex.EncodeToString(v[:min(len(v), 8)]))
		if n%2 == 1 && w.left() > 0 {
			w.u8()
		}
	}
}

// userData tells of requests of the groups; passwords are never taken.
func (p *s7comm) userData(c *Context, dir Dir, w, data wire) {
	w.take(5)
	kind, sub, _ := w.u8(), w.u8(), w.u8()
	if w.short {
		return
	}
	id := 1<<32 | uint64(kind&15)<<16 | uint64(sub)
	if kind>>4 == 8 { // reply: its error code stands at the end
		k := p.calls.find(id)
		if k == nil {
			return
		}
		w.take(2)
		text := ""
		if code := w.u16(); code != 0 {
			text = "0x" + strconv.FormatInt(int64(code), 16)
		} else if k.action == "read-szl" {
			s7Identity(k, &data)
		}
		k.done(c, text)
		p.calls.end(c, k)
		return
	}
	if kind>>4 != 4 || dir != FromClient {
		return
	}
	k := newICSCall(c, id, nameOr(s7Groups, int(kind&15), "group-"), int(sub))
	switch int(kind&15)<<8 | sub {
	case 4<<8 | 1:
		k.action = "read-szl"
		data.take(4)
		k.object("SZL 0x" + strconv.FormatInt(int64(data.u16()), 16))
	case 3<<8 | 1, 3<<8 | 2:
		k.action = "list-blocks"
	case 3<<8 | 3:
		k.action = "get-block-info"
	case 5<<8 | 1:
		k.action, k.change = "set-password", true
	case 5<<8 | 2:
		k.action = "clear-password"
	case 7<<8 | 1:
		k.action = "read-clock"
	case 7<<8 | 2:
		k.action, k.change = "set-clock", true
	}
	p.calls.ask(c, k)
}

// s7Identity reads system status lists 0x11 (modules: order number) and 0x1c
// (components: name of the module, serial number, kind of the module).
func s7Identity(k *icsCall, data *wire) {
	data.take(4)
	list, _, size, n := data.u16(), data.u16(), data.u16(), data.u16()
	for ; n > 0 && data.left() > 0; n-- {
		entry := wire{b: data.take(size)}
		index := entry.u16()
		v := printable(entry.take(min(20, entry.left())))
		if v = strings.TrimSpace(v); data.short || v == "" {
			return
		}
		switch {
		case list&0xff == 0x11 && index == 1:
			k.product = v
		case list&0xff == 0x11 && index == 7 && entry.left() >= 8: // firmware: 'V', then three numbers
			entry.take(entry.left() - 4)
			if entry.u8() == 'V' {
				k.version = strconv.Itoa(entry.u8()) + "." + strconv.Itoa(entry.u8()) + "." + strconv.Itoa(entry.u8())
			}
		case list&0xff == 0x1c && index == 2:
			k.model = v
		case list&0xff == 0x1c && index == 5:
			k.serial = v
		case list&0xff == 0x1c && index == 7:
			k.product = v
		}
	}
}

// Gap implements Parser: the next length can't be found.
func (p *s7comm) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *s7comm) Close(c *Context) { p.calls.flush(c) }
