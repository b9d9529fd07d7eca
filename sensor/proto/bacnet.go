package proto

// BACnet/IP, ASHRAE 135 annex J (BVLL), clause 6 (NPDU) and clause 20 (APDU):
//
//	BVLL: 0 0x81  1 function  2 length of all
//	NPDU: 0 version 1  1 control  then destination (0x20), source (0x08), hops; 0x80: network message
//	APDU: 0 kind (4 bits), flags ... confirmed: 1 sizes  2 invoke id  3 service; others see apdu
//
// Parameters are tags: number (4 bits), context bit (8), length; length 6 opens
// and 7 closes a group.

import (
	"encoding/binary"
	"math"
	"strconv"
)

func init() {
	register(&Entry{
		Name: "bacnet", Doc: "BACnet/IP building automation", Reference: "ANSI/ASHRAE 135-2020 annex J, clauses 6 and 20",
		Transport: UDP, Ports: []uint16{47808},
		First:  []string{"\x81"},
		Detect: detectBACnet, New: func(Transport) Parser { return &bacnet{calls: icsCalls{dataset: "saksi.bacnet"}} },
		Samples: []string{"bacnet.txt"}, Hostile: []string{"bacnet_hostile.txt"},
	})
}

var bacnetConfirmed = map[int]string{
	0: "acknowledge-alarm", 1: "cov-notification", 2: "event-notification", 3: "get-alarm-summary", 4: "get-enrollment-summary",
	5: "subscribe-cov", 6: "atomic-read-file", 7: "atomic-write-file", 8: "add-list-element", 9: "remove-list-element",
	10: "create-object", 11: "delete-object", 12: "read-property", 13: "read-property-conditional", 14: "read-property-multiple",
	15: "write-property", 16: "write-property-multiple", 17: "device-communication-control", 18: "private-transfer",
	19: "text-message", 20: "reinitialize-device", 21: "vt-open", 22: "vt-close", 23: "vt-data", 24: "authenticate", 25: "request-key",
	26: "read-range", 27: "life-safety-operation", 28: "subscribe-cov-property", 29: "get-event-information",
}

var bacnetUnconfirmed = map[int]string{
	0: "i-am", 1: "i-have", 2: "cov-notification", 3: "event-notification", 4: "private-transfer", 5: "text-message",
	6: "time-synchronization", 7: "who-has", 8: "who-is", 9: "utc-time-synchronization", 10: "write-group",
}

var bacnetFunctions = map[int]string{
	0: "result", 1: "write-broadcast-distribution-table", 2: "read-broadcast-distribution-table", 5: "register-foreign-device",
	6: "read-foreign-device-table", 8: "delete-foreign-device",
}

var bacnetObjects = map[int]string{
	0: "analog-input", 1: "analog-output", 2: "analog-value", 3: "binary-input", 4: "binary-output", 5: "binary-value", 6: "calendar",
	7: "command", 8: "device", 9: "event-enrollment", 10: "file", 11: "group", 12: "loop", 13: "multi-state-input",
	14: "multi-state-output", 15: "notification-class", 16: "program", 17: "schedule", 18: "averaging", 19: "multi-state-value",
	20: "trend-log", 21: "life-safety-point", 22: "life-safety-zone", 23: "accumulator", 24: "pulse-converter", 30: "access-door",
}

var bacnetProperties = map[int]string{
	8: "all", 28: "description", 44: "firmware-revision", 56: "local-date", 57: "local-time", 70: "model-name", 75: "object-identifier",
	76: "object-list", 77: "object-name", 79: "object-type", 81: "out-of-service", 85: "present-value", 87: "priority-array",
	103: "reliability", 111: "status-flags", 112: "system-status", 120: "vendor-identifier", 121: "vendor-name",
}

func detectBACnet(p *Probe) Verdict {
	b := p.Data
	if len(b) < 4 || int(binary.BigEndian.Uint16(b[2:])) != p.Length {
		return No
	}
	switch at := 4; b[1] {
	case 0x04, 0x09, 0x0a, 0x0b:
		if b[1] == 4 { // forwarded: the address it came from
			at = 10
		}
		return yes(len(b) >= at+2 && b[at] == 1 && b[at+1]&0x50 == 0)
	case 0x00, 0x05:
		return yes(p.Length == 6)
	case 0x02, 0x06:
		return yes(p.Length == 4)
	case 0x08:
		return yes(p.Length == 10)
	case 0x01, 0x03, 0x07:
		return yes((p.Length-4)%10 == 0)
	}
	return No
}

type bacnet struct{ calls icsCalls }

// Data implements Parser.
func (p *bacnet) Data(c *Context, dir Dir, b []byte) Result {
	w := wire{b: b}
	magic, fn, _ := w.u8(), w.u8(), w.u16()
	if w.short || magic != 0x81 {
		return Result(len(b))
	}
	switch fn {
	case 0x04:
		w.take(6)
	case 0x09, 0x0a, 0x0b:
	case 0x00, 0x03, 0x07: // replies
		return Result(len(b))
	default:
		k := newICSCall(c, 0, nameOr(bacnetFunctions, fn, "function-"), fn)
		k.change = fn == 1 || fn == 5 || fn == 8
		k.emit(c, p.calls.dataset)
		return Result(len(b))
	}
	_, control := w.u8(), w.u8()
	if control&0x20 != 0 {
		w.take(2)
		w.take(w.u8())
	}
	if control&0x08 != 0 {
		w.take(2)
		w.take(w.u8())
	}
	if control&0x20 != 0 {
		w.u8()
	}
	if control&0x80 != 0 || w.short {
		return Result(len(b))
	}
	p.apdu(c, dir, &w)
	return Result(len(b))
}

// apdu reads a message (clause 20.1). The invoke id ties replies to requests;
// either side may ask.
func (p *bacnet) apdu(c *Context, dir Dir, w *wire) {
	head := w.u8()
	switch head >> 4 {
	case 0:
		w.u8()
		id := w.u8()
		if head&8 != 0 { // a segment
			if w.u8() > 0 {
				return
			}
			w.u8()
		}
		fn := w.u8()
		if w.short {
			return
		}
		k := newICSCall(c, uint64(dir)<<8|uint64(id), nameOr(bacnetConfirmed, fn, "service-"), fn)
		bacnetRequest(&k, fn, w)
		p.calls.ask(c, k)
	case 1:
		fn := w.u8()
		if w.short {
			return
		}
		k := newICSCall(c, 0, nameOr(bacnetUnconfirmed, fn, "service-"), fn)
		bacnetUnasked(&k, fn, w)
		k.emit(c, p.calls.dataset)
	case 2, 3, 5, 6, 7: // simple ack, complex ack, error, reject, abort
		k := p.calls.find(uint64(1-dir)<<8 | uint64(w.u8()))
		if k == nil {
			return
		}
		fault := ""
		switch head >> 4 {
		case 3:
			bacnetIdentity(k, w)
		case 5:
			w.u8()
			class, code := bacnetNumber(w), bacnetNumber(w)
			fault = "error-" + strconv.Itoa(class) + "-" + strconv.Itoa(code)
		case 6:
			fault = "reject-" + strconv.Itoa(w.u8())
		case 7:
			fault = "abort-" + strconv.Itoa(w.u8())
		}
		k.done(c, fault)
		p.calls.end(c, k)
	}
}

// bacnetIdentity takes who a device is from the answer to a read of one property.
func bacnetIdentity(k *icsCall, w *wire) {
	if k.code != 12 || w.u8() != 12 {
		return
	}
	property := -1
	for depth := 0; w.left() > 0 && !w.short; {
		n, context, kind, v := bacnetTag(w)
		switch {
		case kind == 6:
			depth++
		case kind == 7:
			depth--
		case depth == 0 && context && n == 1:
			property = bacnetInt(v)
		case depth == 1 && !context && n == 7 && len(v) > 1:
			switch text := printable(v[1:]); property {
			case 44:
				k.version = text
			case 70:
				k.model = text
			case 121:
				k.vendor = text
			}
			return
		}
	}
}

// bacnetTag reads a tag (clause 20.2.1): its number, whether it is one of the
// context, and its content; open and close have none.
func bacnetTag(w *wire) (n int, context bool, kind int, v []byte) {
	b := w.u8()
	n, context, kind = b>>4, b&8 != 0, b&7
	if n == 15 {
		n = w.u8()
	}
	if context && kind >= 6 {
		return n, true, kind, nil
	}
	size := kind
	if !context && n == 1 { // a boolean is its length
		return n, false, kind, []byte{byte(kind)}
	}
	if size == 5 {
		if size = w.u8(); size == 254 {
			size = w.u16()
		} else if size == 255 {
			size = int(w.u32())
		}
	}
	return n, context, 0, w.take(size)
}

func bacnetInt(v []byte) int {
	n := 0
	for _, x := range v[:min(len(v), 4)] {
		n = n<<8 | int(x)
	}
	return n
}

func bacnetNumber(w *wire) int {
	_, _, _, v := bacnetTag(w)
	return bacnetInt(v)
}

func bacnetObject(v []byte) string {
	n := bacnetInt(v)
	return nameOr(bacnetObjects, n>>22, "object-") + "," + strconv.Itoa(n&0x3fffff)
}

// bacnetRequest reads what a request is about: objects, properties, and the
// values written. Passwords are never taken.
func bacnetRequest(k *icsCall, fn int, w *wire) {
	switch fn {
	case 7, 8, 9, 10, 11, 15, 16, 17, 20, 27:
		k.change = true
	case 0, 1, 2, 5, 6, 12, 14, 26, 28:
	default:
		return
	}
	object, depth := "", 0
	for w.left() > 0 && !w.short && len(k.objects) < maxICSItems {
		n, context, kind, v := bacnetTag(w)
		switch {
		case kind == 6:
			depth++
		case kind == 7:
			depth--
		case !context && (fn == 15 || fn == 16) && depth > 0:
			k.value(bacnetValue(n, v))
		case !context && n == 12: // object identifier
			k.object(bacnetObject(v))
		case !context:
		case fn == 17 && n == 1:
			k.value([...]string{"enable", "disable", "disable-initiation", "unknown"}[min(bacnetInt(v), 3)])
		case fn == 20 && n == 0:
			k.value([...]string{"coldstart", "warmstart", "start-backup", "end-backup", "start-restore", "end-restore", "abort-restore", "activate-changes", "unknown"}[min(bacnetInt(v), 8)])
		case fn == 17 || fn == 20:
		case n == 0 && len(v) == 4 && depth == 0:
			object = bacnetObject(v)
		case depth == 0 && n == 1 && (fn == 12 || fn == 15) || depth == 1 && n == 0 && (fn == 14 || fn == 16):
			k.object(object + "." + nameOr(bacnetProperties, bacnetInt(v), "property-"))
		}
	}
	if object != "" && len(k.objects) == 0 {
		k.object(object)
	}
}

// bacnetValue gives an application value (clause 20.2.2 and following).
func bacnetValue(n int, v []byte) string {
	switch {
	case n == 0:
		return "null"
	case n == 4 && len(v) == 4:
		return strconv.FormatFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 'g', 7, 32)
	case n == 7 && len(v) > 1:
		return string(v[1:min(len(v), 64)])
	case n == 12:
		return bacnetObject(v)
	case n == 3 && len(v) > 0 && v[0]&0x80 != 0:
		return strconv.Itoa(bacnetInt(v) - 1<<(8*min(len(v), 4)))
	}
	return strconv.Itoa(bacnetInt(v))
}

// bacnetUnasked reads the unconfirmed services that name devices and objects.
func bacnetUnasked(k *icsCall, fn int, w *wire) {
	k.change = fn == 6 || fn == 9 || fn == 10
	switch fn {
	case 0: // i-am: object, size, segmentation, vendor
		if _, _, _, v := bacnetTag(w); len(v) == 4 {
			k.object(bacnetObject(v))
		}
		bacnetNumber(w)
		bacnetNumber(w)
		if vendor := bacnetNumber(w); !w.short {
			k.vendor = "BACnet vendor " + strconv.Itoa(vendor)
		}
	case 1: // i-have: device, object
		for range 2 {
			if _, _, _, v := bacnetTag(w); len(v) == 4 {
				k.object(bacnetObject(v))
			}
		}
	case 8:
		if w.left() > 0 {
			if low, high := bacnetNumber(w), bacnetNumber(w); !w.short {
				k.object("device," + strconv.Itoa(low) + "-" + strconv.Itoa(high))
			}
		}
	}
}

// Gap implements Parser; datagrams have none.
func (p *bacnet) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *bacnet) Close(c *Context) { p.calls.flush(c) }
