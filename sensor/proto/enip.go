package proto

// EtherNet/IP (CIP volume 2 section 2-3) and the CIP messages in it (volume 1
// section 2-4). Little endian.
//
//	0 command  2 length  4 session  8 status  12 context (8)  20 options  24 data
//	send data: 0 interface  4 timeout  6 items: type (2), length (2), content
//	CIP: 0 service (bit 7: reply)  1 words of path, path  (reply: 0, status, words of more status)

import (
	"encoding/binary"
	"strconv"

	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "ethernetip", Doc: "EtherNet/IP with the Common Industrial Protocol", Reference: "ODVA CIP Networks Library volumes 1 and 2",
		Transport: TCP | UDP, Ports: []uint16{44818}, App: suricata.AppENIP,
		Detect: detectENIP, New: func(t Transport) Parser { return &enip{calls: icsCalls{dataset: "saksi.ethernetip"}, stream: t == TCP} },
		Samples: []string{"enip_tcp.txt", "enip_udp.txt"}, Hostile: []string{"enip_hostile.txt"},
	})
}

// maxENIP bounds a message that is parsed; longer ones are skipped.
const maxENIP = 8 << 10

var enipCommands = map[int]string{
	0x00: "nop", 0x04: "list-services", 0x63: "list-identity", 0x64: "list-interfaces", 0x65: "register-session",
	0x66: "unregister-session", 0x6f: "send-rr-data", 0x70: "send-unit-data", 0x72: "indicate-status", 0x73: "cancel",
}

var cipServices = map[int]string{
	0x01: "get-attributes-all", 0x02: "set-attributes-all", 0x03: "get-attribute-list", 0x04: "set-attribute-list", 0x05: "reset",
	0x06: "start", 0x07: "stop", 0x08: "create", 0x09: "delete", 0x0a: "multiple-service-packet", 0x0d: "apply-attributes",
	0x0e: "get-attribute-single", 0x10: "set-attribute-single", 0x11: "find-next-object", 0x15: "restore", 0x16: "save",
	0x17: "no-operation", 0x4b: "execute-pccc", 0x4c: "read-tag", 0x4d: "write-tag", 0x4e: "read-modify-write-tag",
	0x52: "read-tag-fragmented", 0x53: "write-tag-fragmented", 0x54: "forward-open", 0x55: "get-instance-attribute-list",
	0x5b: "large-forward-open",
}

func detectENIP(p *Probe) Verdict {
	b := p.Data
	if len(b) >= 4 && (b[1] != 0 || enipCommands[int(b[0])] == "") {
		return No
	}
	if len(b) < 24 {
		return More
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	session, status, options := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[20:])
	if status > 0x69 || options != 0 || p.Transport == UDP && n+24 != p.Length {
		return No
	}
	switch b[0] {
	case 0x65:
		return yes(n == 4 && (len(b) < 28 || b[24] == 1 && b[25] == 0 && b[26] == 0 && b[27] == 0))
	case 0x63, 0x64, 0x04:
		return yes(session == 0 && (n == 0 && (b[0] != 4 || p.On(44818)) || n > 6 && len(b) >= 26 && b[24] <= 8 && b[25] == 0))
	case 0x6f, 0x70:
		if len(b) < 32 {
			return More
		}
		return yes(session != 0 && n >= 16 && binary.LittleEndian.Uint32(b[24:]) == 0 && b[30] >= 1 && b[30] <= 4 && b[31] == 0)
	}
	return onPort(p, n < 64, 44818)
}

type enip struct {
	calls  icsCalls
	stream bool
	skip   [2]int // bytes of a message too long to keep
	rules  enipRules
	eve    enipEVE
}

// Data implements Parser.
func (p *enip) Data(c *Context, dir Dir, b []byte) Result {
	dir = onTheWay(c, dir, 44818)
	used := 0
	for used < len(b) {
		m := b[used:]
		if n := min(p.skip[dir], len(m)); n > 0 {
			p.skip[dir] -= n
			used += n
			continue
		}
		if len(m) < 24 {
			break
		}
		n := 24 + int(binary.LittleEndian.Uint16(m[2:]))
		if m[1] != 0 || enipCommands[int(m[0])] == "" {
			p.calls.flush(c)
			return Broken
		}
		if n > maxENIP && p.stream {
			p.skip[dir] = n
			continue
		}
		if len(m) < n {
			break
		}
		if c.Detail {
			p.rules.eve = p.eve.message(c, dir, m[:n])
		}
		p.rules.message(c, dir, m[:n])
		p.message(c, dir, m[:n])
		used += n
	}
	return Result(used)
}

func (p *enip) message(c *Context, dir Dir, m []byte) {
	w := wire{b: m}
	command, _, session, status := w.le16(), w.le16(), w.le32(), w.le32()
	tie := uint64(w.le32()) // the context: requests choose it, replies repeat it
	w.take(8)
	switch command {
	case 0x6f, 0x70:
		p.items(c, dir, tie^uint64(session)<<32, &w)
		return
	case 0, 0x72, 0x73:
		return
	}
	id := uint64(command)<<56 | tie
	if dir == FromClient {
		k := newICSCall(c, id, enipCommands[command], command)
		if command == 0x66 { // no reply comes
			k.emit(c, p.calls.dataset)
			return
		}
		p.calls.ask(c, k)
		return
	}
	k := p.calls.find(id)
	if k == nil {
		return
	}
	fault := ""
	if status != 0 {
		fault = "encapsulation-" + strconv.Itoa(int(status))
	}
	if command == 0x63 && w.le16() > 0 && w.le16() == 0x0c {
		w.le16()
		enipIdentity(k, &w)
	}
	k.done(c, fault)
	p.calls.end(c, k)
}

// enipIdentity reads who a device is (volume 2 section 2-4.2).
func enipIdentity(k *icsCall, w *wire) {
	w.take(18)
	vendor, kind, product, major, minor := w.le16(), w.le16(), w.le16(), w.u8(), w.u8()
	w.take(2)
	serial := w.le32()
	name := w.take(w.u8())
	if w.short {
		return
	}
	k.vendor = "CIP vendor " + strconv.Itoa(vendor)
	k.product = strconv.Itoa(kind) + "/" + strconv.Itoa(product)
	k.version = strconv.Itoa(major) + "." + strconv.Itoa(minor)
	k.serial = strconv.FormatUint(uint64(serial), 16)
	k.model = string(name)
}

// items finds the message among the items of the common packet format.
func (p *enip) items(c *Context, dir Dir, id uint64, w *wire) {
	w.take(6)
	for n := w.le16(); n > 0 && w.left() >= 4; n-- {
		kind, size := w.le16(), w.le16()
		v := wire{b: w.take(size)}
		switch kind {
		case 0xb1: // connected: its sequence number ties the reply
			p.cip(c, dir, 1<<48|uint64(v.le16()), &v)
		case 0xb2:
			p.cip(c, dir, id, &v)
		}
	}
}

func (p *enip) cip(c *Context, dir Dir, id uint64, w *wire) {
	service := w.u8()
	if w.short {
		return
	}
	if service&0x80 != 0 {
		w.u8()
		status := w.u8()
		k := p.calls.find(id)
		if k == nil || w.short {
			return
		}
		fault := ""
		if status != 0 && status != 6 { // 6: more data than fits
			fault = "cip-0x" + strconv.FormatInt(int64(status), 16)
		}
		k.done(c, fault)
		p.calls.end(c, k)
		return
	}
	if dir != FromClient {
		return
	}
	path := w.take(2 * w.u8())
	name, class := cipPath(path)
	if class == 6 && service == 0x52 { // unconnected send: the message within
		w.take(2)
		inner := wire{b: w.take(w.le16())}
		if inner.left() > 0 && inner.b[0]&0x80 == 0 {
			service = inner.u8()
			name, class = cipPath(inner.take(2 * inner.u8()))
			*w = inner
		}
	}
	k := newICSCall(c, id, nameOr(cipServices, service, "service-"), service)
	if class == 6 && service == 0x4e {
		k.action = "forward-close"
	}
	if name != "" {
		k.object(name)
	}
	k.change = cipChanges(service, class)
	if service == 0x0a {
		cipMany(&k, w)
	}
	p.calls.ask(c, k)
}

func cipChanges(service, class int) bool {
	switch service {
	case 0x02, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0d, 0x10, 0x15, 0x16, 0x4d, 0x53:
		return true
	case 0x4e:
		return class != 6
	}
	return false
}

// cipMany reads the services of a multiple service packet.
func cipMany(k *icsCall, w *wire) {
	base := w.rest()
	for n := w.le16(); n > 0 && len(k.objects) < maxICSItems; n-- {
		at := w.le16()
		if w.short || at >= len(base) {
			return
		}
		in := wire{b: base, at: at}
		service := in.u8()
		name, class := cipPath(in.take(2 * in.u8()))
		k.object(nameOr(cipServices, service, "service-") + " " + name)
		k.change = k.change || cipChanges(service, class)
	}
}

// cipPath gives a path as text (volume 1 appendix C): class, instance,
// attribute, members and tag names.
func cipPath(b []byte) (name string, class int) {
	class = -1
	w := wire{b: b}
	add := func(word string, n int) {
		if name != "" {
			name += " "
		}
		name += word + " 0x" + strconv.FormatInt(int64(n), 16)
	}
	for w.left() > 0 && len(name) < 256 {
		seg := w.u8()
		if seg == 0x91 { // a tag: its length, its name, padding
			size := w.u8()
			if name != "" {
				name += "."
			}
			name += string(w.take(size))
			w.take(size % 2)
			continue
		}
		n := 0
		switch seg & 3 {
		case 0:
			n = w.u8()
		case 1:
			w.u8()
			n = w.le16()
		case 2:
			w.u8()
			n = int(w.le32())
		}
		switch seg &^ 3 {
		case 0x20:
			class = n
			add("class", n)
		case 0x24:
			add("instance", n)
		case 0x28:
			name += "[" + strconv.Itoa(n) + "]"
		case 0x30:
			add("attribute", n)
		default: // ports, keys, data
			return name, class
		}
	}
	return name, class
}

// Gap implements Parser: the next length can't be found.
func (p *enip) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *enip) Close(c *Context) {
	p.eve.close(c)
	p.calls.flush(c)
}
