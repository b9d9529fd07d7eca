package proto

// IEC 60870-5-104 section 5 (APCI), with the ASDUs of IEC 60870-5-101 section 7:
//
//	0 0x68  1 length  2 control (4)  6 type  7 SQ, count  8 test, negative, cause  9 originator
//	10 common address (2)  12 information object: address (3), element ...
//
// Little endian. Control: I (bit 0 clear) carries an ASDU, S (01) acknowledges,
// U (11) starts, stops and tests the transfer. A command is activated (cause 6),
// confirmed (7, negative by bit 6) and terminated (10) under the same address.

import (
	"math"
	"strconv"
)

func init() {
	register(&Entry{
		Name: "iec60870", Doc: "IEC 60870-5-104 telecontrol", Reference: "IEC 60870-5-104:2006, IEC 60870-5-101:2003",
		Transport: TCP, Ports: []uint16{2404},
		First:  []string{"\x68"},
		Detect: detectIEC104, New: func(Transport) Parser { return &iec104{calls: icsCalls{dataset: "saksi.iec60870"}} },
		Samples: []string{"iec104.txt"}, Hostile: []string{"iec104_hostile.txt"},
	})
}

var iec104U = map[int]string{
	0x07: "startdt", 0x0b: "startdt-confirm", 0x13: "stopdt", 0x23: "stopdt-confirm", 0x43: "testfr", 0x83: "testfr-confirm",
}

var iec104Types = map[int]string{
	1: "single-point", 3: "double-point", 5: "step-position", 7: "bitstring", 9: "measured-normalized", 11: "measured-scaled",
	13: "measured-float", 15: "integrated-totals", 20: "packed-single-point", 21: "measured-normalized-no-quality",
	30: "single-point-time", 31: "double-point-time", 32: "step-position-time", 33: "bitstring-time", 34: "measured-normalized-time",
	35: "measured-scaled-time", 36: "measured-float-time", 37: "integrated-totals-time", 38: "protection-event",
	39: "protection-start-events", 40: "protection-output", 45: "single-command", 46: "double-command", 47: "regulating-step-command",
	48: "set-point-normalized", 49: "set-point-scaled", 50: "set-point-float", 51: "bitstring-command", 58: "single-command-time",
	59: "double-command-time", 60: "regulating-step-command-time", 61: "set-point-normalized-time", 62: "set-point-scaled-time",
	63: "set-point-float-time", 64: "bitstring-command-time", 70: "end-of-initialization", 100: "interrogation",
	101: "counter-interrogation", 102: "read", 103: "clock-synchronization", 104: "test", 105: "reset-process",
	106: "delay-acquisition", 107: "test-time", 110: "parameter-normalized", 111: "parameter-scaled", 112: "parameter-float",
	113: "parameter-activation", 120: "file-ready", 121: "section-ready", 122: "call-file", 123: "last-section", 124: "ack-file",
	125: "segment", 126: "directory", 127: "query-log",
}

var iec104Causes = map[int]string{
	1: "periodic", 2: "background", 3: "spontaneous", 4: "initialized", 5: "request", 6: "activation", 7: "activation-confirmation",
	8: "deactivation", 9: "deactivation-confirmation", 10: "activation-termination", 11: "return-remote", 12: "return-local",
	13: "file-transfer", 20: "interrogated-by-station", 37: "counter-interrogated", 44: "unknown-type", 45: "unknown-cause",
	46: "unknown-common-address", 47: "unknown-object-address",
}

// iec104Head checks the head of an APDU and gives the length of all of it.
func iec104Head(b []byte) (n int, ok bool) {
	n = int(b[1]) + 2
	if b[0] != 0x68 || n < 6 || n > 255 {
		return 0, false
	}
	switch c := b[2]; {
	case c&1 == 0: // I
		return n, b[4]&1 == 0 && n >= 12
	case c&3 == 1: // S
		return n, n == 6 && c == 1 && b[3] == 0 && b[4]&1 == 0
	default:
		return n, n == 6 && iec104U[int(c)] != "" && b[3] == 0 && b[4] == 0 && b[5] == 0
	}
}

func detectIEC104(p *Probe) Verdict {
	b := p.Data
	if len(b) < 6 {
		return More
	}
	n, ok := iec104Head(b)
	switch {
	case !ok:
		return No
	case n == 6:
		return yes(len(b) == 6 || b[6] == 0x68)
	case len(b) < 12:
		return More
	}
	cause := int(b[8] & 0x3f)
	return yes(iec104Types[int(b[6])] != "" && b[7]&0x7f > 0 && cause > 0 && cause <= 47 && (len(b) <= n || b[n] == 0x68))
}

type iec104 struct{ calls icsCalls }

// Data implements Parser.
func (p *iec104) Data(c *Context, dir Dir, b []byte) Result {
	dir = onTheWay(c, dir, 2404)
	used := 0
	for len(b)-used >= 6 {
		m := b[used:]
		n, ok := iec104Head(m)
		if !ok {
			p.calls.flush(c)
			return Broken
		}
		if len(m) < n {
			break
		}
		used += n
		switch {
		case m[2]&1 == 0:
			p.asdu(c, dir, m[6:n])
		case m[2]&3 == 3 && m[2] < 0x43: // tests are no news
			k := newICSCall(c, 0, iec104U[int(m[2])], int(m[2]))
			k.change = m[2] == 0x13
			k.emit(c, p.calls.dataset)
		}
	}
	return Result(used)
}

func (p *iec104) asdu(c *Context, dir Dir, b []byte) {
	w := wire{b: b}
	kind, vsq, cot, orig, ca, ioa := w.u8(), w.u8(), w.u8(), w.u8(), w.le16(), w.le24()
	cause := cot & 0x3f
	command := kind >= 45 && kind <= 64 || kind >= 100 && kind <= 113
	id := uint64(kind)<<40 | uint64(ca)<<24 | uint64(ioa)
	if command && dir == FromServer {
		if k := p.calls.find(id); k != nil {
			switch {
			case cause == 7 || cause == 9 || cause >= 44:
				fault := ""
				if cause >= 44 {
					fault = nameOr(iec104Causes, cause, "cause-")
				} else if cot&0x40 != 0 {
					fault = "negative-confirmation"
				}
				k.done(c, fault)
				p.calls.end(c, k)
				return
			case cause == 10:
				p.calls.end(c, k)
				return
			}
		}
	}
	k := newICSCall(c, id, nameOr(iec104Types, kind, "type-"), kind)
	k.unit, k.address, k.count = int64(ca), int64(ioa), int64(vsq&0x7f)
	k.cause = nameOr(iec104Causes, cause, "cause-")
	if orig > 0 {
		k.master = int64(orig)
	}
	if w.short {
		k.fault = "short"
	}
	if !command || dir == FromServer {
		k.emit(c, p.calls.dataset)
		return
	}
	k.change = kind < 65 || kind == 103 || kind == 105 || kind >= 110
	if v := iec104Value(kind, &w); v != "" && !w.short {
		k.value(v)
	}
	if kind < 65 && iec104Select(kind, b) {
		k.action, k.change = k.action+"-select", false
	}
	p.calls.ask(c, k)
}

// iec104Select reads the select bit of a command's qualifier (7.2.6.26, 7.2.6.39).
func iec104Select(kind int, b []byte) bool {
	at := 9
	switch kind {
	case 48, 49, 61, 62:
		at = 11
	case 50, 63:
		at = 13
	case 51, 64: // no qualifier
		return false
	}
	return at < len(b) && b[at]&0x80 != 0
}

// iec104Value reads what is commanded (7.2.6).
func iec104Value(kind int, w *wire) string {
	switch kind {
	case 45, 58:
		return [...]string{"off", "on"}[w.u8()&1]
	case 46, 59:
		return [...]string{"not permitted", "off", "on", "not permitted"}[w.u8()&3]
	case 47, 60:
		return [...]string{"not permitted", "lower", "higher", "not permitted"}[w.u8()&3]
	case 48, 61:
		return strconv.FormatFloat(float64(int16(w.le16()))/32768, 'g', 6, 64)
	case 49, 62:
		return strconv.Itoa(int(int16(w.le16())))
	case 50, 63:
		return strconv.FormatFloat(float64(math.Float32frombits(w.le32())), 'g', 7, 32)
	case 51, 64:
		return "0x" + strconv.FormatUint(uint64(w.le32()), 16)
	case 100, 101, 105, 113:
		return strconv.Itoa(w.u8())
	}
	return ""
}

// Gap implements Parser: an APDU seldom spans segments.
func (p *iec104) Gap(c *Context, _ Dir, _ uint32) bool {
	p.calls.flush(c)
	return true
}

// Close implements Parser.
func (p *iec104) Close(c *Context) { p.calls.flush(c) }
