package proto

// Modbus/TCP (MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section
// 3.1.3), with the functions of MODBUS Application Protocol V1.1b3 section 6:
//
//	0 transaction  2 protocol 0  4 length from 6 on  6 unit  7 function  8 data
//
// A reply has the function of its request, with bit 7 set and a code when it is
// an exception. Function 90 carries UMAS of Schneider Electric:
//
//	8 session  9 function (a reply: 0xfe done, 0xfd failed)
//
// whose functions were worked out by others (lirasenlared.blogspot.com, The Unity
// (UMAS) protocol, parts I to VI).

import (
	"encoding/binary"
	"strconv"

	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "modbus", Doc: "Modbus/TCP, with UMAS", Reference: "MODBUS Application Protocol Specification V1.1b3; MODBUS Messaging on TCP/IP V1.0b",
		Transport: TCP, Ports: []uint16{502}, App: suricata.AppModbus,
		Detect: detectModbus, New: func(Transport) Parser { return &modbus{calls: icsCalls{dataset: "saksi.modbus"}} },
		Samples: []string{"modbus.txt", "modbus_umas.txt"}, Hostile: []string{"modbus_hostile.txt"},
	})
}

// maxModbus is the most that may follow the length: a unit and 253 bytes; UMAS
// blocks are longer.
const maxModbus = 1024 + 2

var modbusNames = map[int]string{
	1: "read-coils", 2: "read-discrete-inputs", 3: "read-holding-registers", 4: "read-input-registers", 5: "write-single-coil",
	6: "write-single-register", 7: "read-exception-status", 8: "diagnostics", 11: "get-comm-event-counter", 12: "get-comm-event-log",
	15: "write-multiple-coils", 16: "write-multiple-registers", 17: "report-server-id", 20: "read-file-record", 21: "write-file-record",
	22: "mask-write-register", 23: "read-write-multiple-registers", 24: "read-fifo-queue", 43: "encapsulated-interface", 90: "umas",
}

var modbusFaults = map[int]string{
	1: "illegal-function", 2: "illegal-data-address", 3: "illegal-data-value", 4: "server-device-failure", 5: "acknowledge",
	6: "server-device-busy", 8: "memory-parity-error", 10: "gateway-path-unavailable", 11: "gateway-target-failed-to-respond",
}

var umasNames = map[int]string{
	0x01: "umas-init-communication", 0x02: "umas-read-id", 0x03: "umas-read-project-info", 0x04: "umas-read-plc-info",
	0x06: "umas-read-card-info", 0x0a: "umas-repeat", 0x10: "umas-take-reservation", 0x11: "umas-release-reservation",
	0x12: "umas-keep-alive", 0x20: "umas-read-memory-block", 0x22: "umas-read-variables", 0x23: "umas-write-variables",
	0x24: "umas-read-coils-registers", 0x25: "umas-write-coils-registers", 0x30: "umas-initialize-upload", 0x31: "umas-upload-block",
	0x32: "umas-end-upload", 0x33: "umas-initialize-download", 0x34: "umas-download-block", 0x35: "umas-end-download",
	0x39: "umas-read-ethernet-data", 0x40: "umas-start-plc", 0x41: "umas-stop-plc", 0x50: "umas-monitor-plc", 0x58: "umas-check-plc",
	0x70: "umas-read-io-object", 0x71: "umas-write-io-object", 0x73: "umas-get-module-status",
}

// modbusFits checks what a function's data must be, in a request or a reply.
func modbusFits(fn, n int, data []byte) bool {
	if fn >= 0x80 {
		return modbusNames[fn-0x80] != "" && n == 1 && data[0] >= 1 && data[0] <= 11
	}
	if modbusNames[fn] == "" {
		return false
	}
	switch fn {
	case 1, 2, 3, 4: // address and count, or a count of bytes
		limit := 2000
		if fn > 2 {
			limit = 125
		}
		count := 0
		if n == 4 {
			count = int(binary.BigEndian.Uint16(data[2:]))
		}
		return n == 4 && count > 0 && count <= limit || n >= 2 && n == 1+int(data[0])
	case 5, 6, 8:
		return n >= 4
	case 15, 16:
		return n == 4 || n > 5 && n == 5+int(data[4])
	}
	return true
}

func detectModbus(p *Probe) Verdict {
	b := p.Data
	if len(b) >= 6 && (b[2] != 0 || b[3] != 0 || b[4] > 4) {
		return No
	}
	if len(b) < 9 {
		return More
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < 2 || n > maxModbus {
		return No
	}
	if len(b) < 6+n {
		return More
	}
	return yes((len(b) == 6+n || p.On(502) || len(b) >= 10+n && b[8+n] == 0 && b[9+n] == 0) && modbusFits(int(b[7]), n-2, b[8:6+n]))
}

type modbus struct {
	calls icsCalls
	rules modbusRules
	told  modbusTold
}

// Data implements Parser.
func (p *modbus) Data(c *Context, dir Dir, b []byte) Result {
	dir = onTheWay(c, dir, 502)
	used := 0
	for len(b)-used >= 8 {
		m := b[used:]
		n := int(binary.BigEndian.Uint16(m[4:]))
		switch {
		case m[2] != 0 || m[3] != 0:
			p.rules.broken(c, dir, "invalid_protocol_id")
			p.calls.flush(c)
			return Broken
		case n < 2 || n > maxModbus:
			p.rules.broken(c, dir, "invalid_length")
			p.calls.flush(c)
			return Broken
		}
		if len(m) < 6+n {
			break
		}
		if c.Detail {
			p.rules.told = p.told.message(c, dir, m[:6+n])
		}
		id := uint64(binary.BigEndian.Uint16(m))<<8 | uint64(m[6])
		if dir == FromClient {
			p.rules.request(c, m[:6+n])
			p.request(c, id, m[:6+n])
		} else {
			p.rules.reply(c, m[:6+n])
			p.reply(c, id, m[:6+n])
		}
		used += 6 + n
	}
	return Result(used)
}

func (p *modbus) request(c *Context, id uint64, m []byte) {
	fn := int(m[7])
	k := newICSCall(c, id, nameOr(modbusNames, fn, "function-"), fn)
	k.unit = int64(m[6])
	w := wire{b: m, at: 8}
	switch fn {
	case 1, 2, 3, 4:
		k.area = [...]string{"coil", "discrete-input", "holding-register", "input-register"}[fn-1]
		k.address, k.count = int64(w.u16()), int64(w.u16())
	case 5, 6:
		k.area, k.change = "coil", true
		if fn == 6 {
			k.area = "holding-register"
		}
		k.address, k.count = int64(w.u16()), 1
		v := w.u16()
		if fn == 5 { // 0xff00 is on
			v >>= 15
		}
		k.value(strconv.Itoa(v))
	case 8:
		sub := w.u16()
		k.object("subfunction " + strconv.Itoa(sub))
		k.change = sub == 1 || sub == 4 || sub == 10 // restart, listen only, clear
	case 15, 16:
		k.area, k.change = "coil", true
		k.address, k.count = int64(w.u16()), int64(w.u16())
		w.u8()
		if fn == 16 {
			k.area = "holding-register"
			for w.left() >= 2 && len(k.values) < maxICSItems {
				k.value(strconv.Itoa(w.u16()))
			}
			break
		}
		for i := 0; i < int(k.count) && i < maxICSItems && i/8 < w.left(); i++ {
			k.value(strconv.Itoa(int(w.rest()[i/8] >> (i % 8) & 1)))
		}
	case 21:
		k.area, k.change = "file-record", true
	case 22:
		k.area, k.change = "holding-register", true
		k.address, k.count = int64(w.u16()), 1
	case 23:
		w.take(4)
		k.area, k.change = "holding-register", true
		k.address, k.count = int64(w.u16()), int64(w.u16())
	case 43:
		if w.u8() == 14 {
			k.action = "read-device-identification"
		}
	case 90:
		w.u8()
		sub := w.u8()
		k.action, k.area = nameOr(umasNames, sub, "umas-"), "umas"
		switch sub {
		case 0x23, 0x25, 0x30, 0x31, 0x32, 0x40, 0x41, 0x71: // an upload brings the program to the controller
			k.change = true
		}
	}
	if w.short {
		k.fault = "short"
	}
	p.calls.ask(c, k)
}

func (p *modbus) reply(c *Context, id uint64, m []byte) {
	fn := int(m[7])
	k := p.calls.find(id)
	if k == nil || int(k.code) != fn&0x7f {
		if fn < 0x80 {
			return
		}
		p.calls.ask(c, newICSCall(c, id, nameOr(modbusNames, fn&0x7f, "function-"), fn&0x7f))
		k = p.calls.find(id)
		k.unit = int64(m[6])
	}
	w := wire{b: m, at: 8}
	fault := ""
	switch {
	case fn >= 0x80:
		fault = nameOr(modbusFaults, w.u8(), "exception-")
	case fn == 90:
		w.u8()
		if w.u8() == 0xfd {
			fault = "umas-error"
		}
	case fn == 43 && w.u8() == 14:
		modbusIdentity(k, &w)
	}
	k.done(c, fault)
	p.calls.end(c, k)
}

// modbusIdentity reads the objects of a device identification (section 6.21).
func modbusIdentity(k *icsCall, w *wire) {
	w.take(4)
	for n := w.u8(); n > 0 && w.left() >= 2; n-- {
		id, size := w.u8(), w.u8()
		v := w.take(size)
		switch id {
		case 0:
			k.vendor = string(v)
		case 1:
			k.product = string(v)
		case 2:
			k.version = string(v)
		case 5:
			k.model = string(v)
		}
	}
}

// Gap implements Parser: a message seldom spans segments, so the next one
// begins a message.
func (p *modbus) Gap(c *Context, _ Dir, _ uint32) bool {
	p.calls.flush(c)
	return true
}

// Close implements Parser.
func (p *modbus) Close(c *Context) {
	p.calls.flush(c)
	p.told.close(c)
}
