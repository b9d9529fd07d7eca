package proto

// DNP3, IEEE 1815: link frames carry transport segments, these an application
// message.
//
//	link:        0 05 64  2 length from 5 on without CRCs  3 control  4 destination  6 source  8 CRC
//	             10 blocks of 16 bytes, each with its CRC
//	transport:   0 FIN FIR sequence
//	application: 0 FIR FIN CON UNS sequence  1 function  (replies: 2 indications)  object headers
//	object:      0 group  1 variation  2 qualifier  3 range ...
//
// Little endian.

import (
	"encoding/binary"
	"strconv"

	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "dnp3", Doc: "Distributed Network Protocol", Reference: "IEEE 1815-2012",
		Transport: TCP | UDP, Ports: []uint16{20000}, App: suricata.AppDNP3,
		First:  []string{"\x05\x64"},
		Detect: detectDNP3, New: func(Transport) Parser { return &dnp3{calls: icsCalls{dataset: "saksi.dnp3"}} },
		Samples: []string{"dnp3_tcp.txt", "dnp3_udp.txt"}, Hostile: []string{"dnp3_hostile.txt"},
	})
}

// maxDNP3 bounds a message; IEEE 1815 section 4.2.1 has 2,048 bytes.
const maxDNP3 = 2048

var dnp3Names = map[int]string{
	0: "confirm", 1: "read", 2: "write", 3: "select", 4: "operate", 5: "direct-operate", 6: "direct-operate-no-ack",
	7: "immediate-freeze", 8: "immediate-freeze-no-ack", 9: "freeze-clear", 10: "freeze-clear-no-ack", 11: "freeze-at-time",
	12: "freeze-at-time-no-ack", 13: "cold-restart", 14: "warm-restart", 15: "initialize-data", 16: "initialize-application",
	17: "start-application", 18: "stop-application", 19: "save-configuration", 20: "enable-unsolicited", 21: "disable-unsolicited",
	22: "assign-class", 23: "delay-measurement", 24: "record-current-time", 25: "open-file", 26: "close-file", 27: "delete-file",
	28: "get-file-information", 29: "authenticate-file", 30: "abort-file", 31: "activate-configuration",
	32: "authentication-request", 33: "authentication-request-no-ack", 129: "response", 130: "unsolicited-response",
	131: "authentication-response",
}

// dnp3CRC is the CRC of polynomial 0x3d65, reflected and inverted.
func dnp3CRC(b []byte) uint16 {
	crc := uint16(0)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xa6bc
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

func detectDNP3(p *Probe) Verdict {
	b := p.Data
	if len(b) < 10 {
		return More
	}
	return yes(b[2] >= 5 && dnp3CRC(b[:8]) == binary.LittleEndian.Uint16(b[8:]))
}

type dnp3 struct {
	calls   icsCalls
	message [2][]byte // application message in work, by direction
	rules   dnp3Rules
}

// Data implements Parser.
func (p *dnp3) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for len(b)-used >= 10 {
		m := b[used:]
		if m[0] != 0x05 || m[1] != 0x64 || m[2] < 5 {
			if m[0] == 0x05 && m[1] == 0x64 && dnp3CRC(m[:8]) == binary.LittleEndian.Uint16(m[8:]) {
				p.rules.event(c, dir, "len_too_small")
			}
			p.calls.flush(c)
			return Broken
		}
		user := int(m[2]) - 5
		size := 10 + user + (user+15)/16*2
		if len(m) < size {
			break
		}
		used += size
		if c.Matching() {
			p.sums(c, dir, m[:size], user)
		}
		if user > 0 {
			p.segment(c, dir, m, user)
		}
	}
	return Result(used)
}

// sums verifies the check sums of a frame for the rules, and that one with data
// of users has the heads of the layers above, with the indications in what an
// outstation sends.
func (p *dnp3) sums(c *Context, dir Dir, m []byte, user int) {
	if dnp3CRC(m[:8]) != binary.LittleEndian.Uint16(m[8:]) {
		p.rules.event(c, dir, "bad_link_crc")
	}
	if fn := m[3] & 0x0f; (fn == 3 || fn == 4) && user < 3+2*int(dir) {
		p.rules.event(c, dir, "len_too_small")
		return
	}
	for at := 10; user > 0; at += 18 {
		n := min(user, 16)
		if dnp3CRC(m[at:at+n]) != binary.LittleEndian.Uint16(m[at+n:]) {
			p.rules.event(c, dir, "bad_transport_crc")
			return
		}
		user -= n
	}
}

// segment adds a frame's bytes, without their CRCs, to the message.
func (p *dnp3) segment(c *Context, dir Dir, m []byte, user int) {
	head := m[10]
	msg := p.message[dir]
	if head&0x40 != 0 { // first
		msg = msg[:0]
	} else if len(msg) == 0 {
		return
	}
	skip := 1
	for at := 10; user > 0; at += 18 {
		n := min(user, 16)
		msg = append(msg, m[at+skip:at+n]...)
		user, skip = user-n, 0
	}
	if len(msg) > maxDNP3 {
		msg = msg[:0]
	}
	p.message[dir] = msg
	if head&0x80 != 0 && len(msg) >= 2 { // last
		to, from := binary.LittleEndian.Uint16(m[4:]), binary.LittleEndian.Uint16(m[6:])
		p.rules.message(c, dir, m, msg)
		p.application(c, to, from, msg)
		p.message[dir] = msg[:0]
	}
}

func (p *dnp3) application(c *Context, to, from uint16, b []byte) {
	fn, seq := int(b[1]), uint64(b[0]&0x0f)
	w := wire{b: b, at: 2}
	if fn == 129 || fn == 131 { // reply: master and outstation change places
		iin := w.u16()
		k := p.calls.find(seq<<32 | uint64(from)<<16 | uint64(to))
		if k == nil {
			return
		}
		k.done(c, dnp3Fault(iin))
		p.calls.end(c, k)
		return
	}
	k := newICSCall(c, seq<<32|uint64(to)<<16|uint64(from), nameOr(dnp3Names, fn, "function-"), fn)
	k.unit, k.master = int64(to), int64(from)
	switch fn {
	case 0: // confirmations are no news
		return
	case 130:
		k.unit, k.master = int64(from), int64(to)
		w.u16()
		dnp3Objects(&k, &w, false)
		k.emit(c, p.calls.dataset)
		return
	case 1, 3, 7, 8, 9, 10, 20, 22, 23, 24:
	default:
		k.change = true
	}
	dnp3Objects(&k, &w, fn >= 2 && fn <= 6)
	if fn == 6 || fn == 8 || fn == 10 || fn == 12 || fn == 33 { // no reply comes
		k.emit(c, p.calls.dataset)
		return
	}
	p.calls.ask(c, k)
}

// dnp3Fault names the indications that tell of a refusal (section 4.2.2.6),
// written in the order of the bytes.
func dnp3Fault(iin int) string {
	switch {
	case iin&0x01 != 0:
		return "function-not-supported"
	case iin&0x02 != 0:
		return "object-unknown"
	case iin&0x04 != 0:
		return "parameter-error"
	case iin&0x20 != 0:
		return "configuration-corrupt"
	}
	return ""
}

// dnp3Size is the size of one object with data that a master sends.
func dnp3Size(group, variation int) int {
	switch group<<8 | variation {
	case 12<<8 | 1, 12<<8 | 2:
		return 11
	case 41<<8 | 1, 41<<8 | 3:
		return 5
	case 41<<8 | 2:
		return 3
	case 41<<8 | 4:
		return 9
	case 50<<8 | 1, 50<<8 | 3:
		return 6
	case 34<<8 | 1:
		return 2
	case 34<<8 | 2, 34<<8 | 3:
		return 4
	}
	return -1
}

// dnp3Objects reads object headers, and the data behind them as far as its
// size is known; what follows unknown data can't be found.
func dnp3Objects(k *icsCall, w *wire, data bool) {
	for w.left() >= 3 && len(k.objects) < maxICSItems {
		group, variation, q := w.u8(), w.u8(), w.u8()
		name := "g" + strconv.Itoa(group) + "v" + strconv.Itoa(variation)
		prefix, count := q>>4&7, 0
		switch q & 15 {
		case 0, 1, 2: // start and stop
			read := [...]func() int{w.u8, w.le16, func() int { return int(w.le32()) }}[q&15]
			start, stop := read(), read()
			count = stop - start + 1
			if k.address < 0 {
				k.address, k.count = int64(start), int64(max(count, 0))
			}
			name += "[" + strconv.Itoa(start) + "-" + strconv.Itoa(stop) + "]"
		case 6:
		case 7:
			count = w.u8()
		case 8:
			count = w.le16()
		case 9:
			count = int(w.le32())
		case 11: // free format: a count, and objects with their sizes before them
			w.u8()
			in := wire{b: w.take(w.le16())}
			if at, n := 0, 0; group == 70 && variation == 3 { // a command on a file: where its name is, and how long
				at, n = in.le16(), in.le16()
				in.take(at - 4)
				name += " " + printable(in.take(n))
			}
			k.object(name)
			continue
		default:
			k.object(name)
			return
		}
		if w.short {
			k.fault = "short"
			return
		}
		size := dnp3Size(group, variation)
		if !data || count == 0 || size < 0 {
			if k.count < 0 && count > 0 {
				k.count = int64(count)
			}
			k.object(name)
			if data && count > 0 {
				return
			}
			continue
		}
		k.count = int64(count)
		for ; count > 0 && w.left() > 0; count-- {
			at := name
			if prefix == 1 {
				at += "[" + strconv.Itoa(w.u8()) + "]"
			} else if prefix == 2 {
				at += "[" + strconv.Itoa(w.le16()) + "]"
			}
			v := w.take(size)
			if v == nil {
				k.fault = "short"
				return
			}
			k.object(at)
			k.value(dnp3Value(group, variation, v))
		}
	}
}

// dnp3Value reads what is commanded: a relay's operation, or a number.
func dnp3Value(group, variation int, v []byte) string {
	switch {
	case group == 12:
		s := [...]string{"nul", "pulse-on", "pulse-off", "latch-on", "latch-off"}[min(int(v[0]&15), 4)]
		switch v[0] >> 6 {
		case 1:
			s += " close"
		case 2:
			s += " trip"
		}
		return s
	case group == 41 && variation == 1, group == 34 && variation == 2:
		return strconv.Itoa(int(int32(binary.LittleEndian.Uint32(v))))
	case group == 41 && variation == 2, group == 34 && variation == 1:
		return strconv.Itoa(int(int16(binary.LittleEndian.Uint16(v))))
	}
	return "0x" + strconv.FormatUint(uint64(binary.LittleEndian.Uint16(v)), 16)
}

// Gap implements Parser: frames begin segments as a rule.
func (p *dnp3) Gap(c *Context, dir Dir, _ uint32) bool {
	p.calls.flush(c)
	p.message[dir] = p.message[dir][:0]
	return true
}

// Close implements Parser.
func (p *dnp3) Close(c *Context) { p.calls.flush(c) }
