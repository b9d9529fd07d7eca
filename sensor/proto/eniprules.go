package proto

import (
	"encoding/binary"

	"saksi/rules/suricata"
)

var (
	frameENIPHeader = frame("enip.hdr")
	frameENIPData   = frame("enip.data")
	frameENIPPDU    = frame("enip.pdu")
)

// enipRules shows messages of the encapsulation to the rules, with what the
// Common Industrial Protocol says within (volume 1 appendix C, volume 2 chapter 2).
type enipRules struct {
	id  uint64
	eve *enipTx // of the message in work; nil for none
}

func (r *enipRules) message(c *Context, dir Dir, m []byte) {
	offerFrames(c, dir, suricata.AppENIP, framed{frameENIPPDU, m}, framed{frameENIPHeader, m[:24]}, framed{frameENIPData, m[24:]})
	if !c.Matching() {
		return
	}
	r.id++
	t := &bufTx{app: suricata.AppENIP, id: r.id, packets: []uint64{c.Number}}
	if r.eve != nil {
		t.eve = r.eve
	}
	w := wire{b: m}
	command := w.le16()
	w.take(6)
	t.number(suricata.BufENIPCommand, uint64(command))
	t.number(suricata.BufENIPStatus, uint64(w.le32()))
	w.take(12)
	switch command {
	case 0x65:
		t.number(suricata.BufENIPProtocolVersion, uint64(w.le16()))
	case 0x04, 0x63:
		if dir == FromServer {
			r.listed(t, command, &w)
		}
	case 0x6f, 0x70:
		w.take(6)
		for n := w.le16(); n > 0 && w.left() >= 4; n-- {
			kind := w.le16()
			in := wire{b: w.take(w.le16())}
			if kind == 0xb1 {
				in.le16()
			}
			if kind == 0xb1 || kind == 0xb2 {
				r.cip(t, &in, 0)
			}
		}
	}
	if w.short {
		t.event("enip.invalid_pdu")
	}
	c.Offer(t, dir)
}

// listed reads the first item of an answer to ListServices or ListIdentity.
func (r *enipRules) listed(t *bufTx, command int, w *wire) {
	if w.le16() == 0 {
		return
	}
	w.le16()
	in := wire{b: w.take(w.le16())}
	t.number(suricata.BufENIPProtocolVersion, uint64(in.le16()))
	if command == 0x04 {
		t.number(suricata.BufENIPCapabilities, uint64(in.le16()))
		if name := in.take(16); name != nil {
			t.add(suricata.BufENIPServiceName, trimZero(name))
		}
		return
	}
	in.take(16)
	t.number(suricata.BufENIPVendor, uint64(in.le16()))
	t.number(suricata.BufENIPDeviceType, uint64(in.le16()))
	t.number(suricata.BufENIPProductCode, uint64(in.le16()))
	t.number(suricata.BufENIPRevision, uint64(in.u16()))
	t.number(suricata.BufENIPIdentityStatus, uint64(in.le16()))
	t.number(suricata.BufENIPSerial, uint64(in.le32()))
	name := in.take(in.u8())
	t.add(suricata.BufENIPProductName, name)
	t.number(suricata.BufENIPState, uint64(in.u8()))
}

func trimZero(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// maxCIPNesting bounds packets of several services within one another.
const maxCIPNesting = 4

// cip adds a message and those within a packet of several services.
func (r *enipRules) cip(t *bufTx, w *wire, depth int) {
	service := w.u8()
	if w.short || depth > maxCIPNesting {
		return
	}
	var classes, attributes []uint32
	response := service&0x80 != 0
	service &= 0x7f
	if response {
		w.u8()
		t.number(suricata.BufCIPStatus, uint64(w.u8()))
		if words := w.u8(); words > 0 {
			if x := w.take(2 * words); len(x) == 2 {
				t.number(suricata.BufCIPExtendedStatus, uint64(binary.LittleEndian.Uint16(x)))
			}
		}
	} else {
		path := wire{b: w.take(2 * w.u8())}
		for path.left() > 0 {
			seg, n, ok := cipSegment(&path)
			if !ok {
				break
			}
			switch seg >> 2 {
			case 8:
				classes = append(classes, n)
				t.number(suricata.BufCIPClass, uint64(n))
			case 9:
				t.number(suricata.BufCIPInstance, uint64(n))
			case 12:
				attributes = append(attributes, n)
				t.number(suricata.BufCIPAttribute, uint64(n))
			}
		}
		body := wire{b: w.rest()}
		switch service {
		case 3: // attributes of a list
			for n := body.le16(); n > 0 && body.left() >= 2; n-- {
				a := uint32(body.le16())
				attributes = append(attributes, a)
				t.number(suricata.BufCIPAttribute, uint64(a))
			}
		case 4:
			if body.le16() > 0 && body.left() >= 2 {
				a := uint32(body.le16())
				attributes = append(attributes, a)
				t.number(suricata.BufCIPAttribute, uint64(a))
			}
		}
	}
	t.add(suricata.BufCIPService, suricata.AppendCIP(nil, uint8(service), classes, attributes))
	if service != 0x0a {
		return
	}
	base := w.rest()
	for n := w.le16(); n > 0; n-- {
		at := w.le16()
		if w.short || at >= len(base) || len(t.bufs) > maxCIPBuffers {
			return
		}
		r.cip(t, &wire{b: base, at: at}, depth+1)
	}
}

// maxCIPBuffers bounds what is told of one message.
const maxCIPBuffers = 512
