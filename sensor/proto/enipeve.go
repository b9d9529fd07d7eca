package proto

import (
	"encoding/binary"
	"strconv"

	"saksi/event"
)

// enipTx is a message of EtherNet/IP with the one that answers it, as EVE JSON
// has it.
type enipTx struct {
	eveTx
	command           int
	session           uint32
	cip, sequenced    bool
	sequence          int
	request, response event.Members
}

// AppendEVE implements EVE.
func (t *enipTx) AppendEVE(m *event.Members) {
	m.Open("enip")
	for _, side := range [...]struct {
		key string
		m   *event.Members
	}{{"request", &t.request}, {"response", &t.response}} {
		if !side.m.Empty() {
			m.Open(side.key)
			m.Add(side.m)
			m.Close()
		}
	}
	m.Close()
}

// enipEVE gathers messages: those whose answer is to come, the oldest first.
type enipEVE struct {
	last uint64
	open []*enipTx
}

// message takes a message. An answer is one of the same command, session and,
// if it has one, sequence number.
func (s *enipEVE) message(c *Context, dir Dir, b []byte) *enipTx {
	t := &enipTx{}
	m := &t.request
	if dir == FromServer {
		m = &t.response
	}
	t.read(m, dir, b)
	if dir == FromServer {
		for i, q := range s.open {
			if q.command == t.command && (q.session == t.session || q.command == 0x65) && q.cip == t.cip && q.sequenced == t.sequenced && q.sequence == t.sequence {
				q.response = t.response
				s.open = append(s.open[:i], s.open[i+1:]...)
				c.Record("enip", q)
				return q
			}
		}
	}
	s.last++
	t.eveTx = eveTx(s.last)
	if dir == FromServer || t.command == 0x66 {
		c.Record("enip", t)
		return t
	}
	if len(s.open) >= maxEVEOpen {
		c.Record("enip", s.open[0])
		s.open = append(s.open[:0], s.open[1:]...)
	}
	s.open = append(s.open, t)
	return t
}

// close tells of what has no answer.
func (s *enipEVE) close(c *Context) {
	for _, t := range s.open {
		c.Record("enip", t)
	}
	s.open = nil
}

// Names of commands and statuses as Suricata has them.
var (
	enipCommandNames = map[int]string{
		0: "nop", 4: "list_services", 0x63: "list_identity", 0x64: "list_interfaces", 0x65: "register_session", 0x66: "unregister_session",
		0x6f: "send_rr_data", 0x70: "send_unit_data", 0x72: "indicate_status", 0x73: "cancel",
	}
	enipStatusNames = map[uint32]string{
		0: "success", 1: "invalid_cmd", 2: "no_resources", 3: "incorrect_data", 0x64: "invalid_session", 0x65: "invalid_length",
		0x69: "unsupported_prot_rev", 0x6a: "encap_header_error",
	}
)

// named writes a name, or what stands for one that is not known.
func named[K int | uint32](m *event.Members, key string, names map[K]string, n K) {
	s := names[n]
	if s == "" {
		s = "unknown-" + strconv.FormatUint(uint64(n), 10)
	}
	m.Str(key, s)
}

func (t *enipTx) read(m *event.Members, dir Dir, b []byte) {
	w := wire{b: b}
	t.command = w.le16()
	w.take(2)
	t.session = w.le32()
	status := w.le32()
	w.take(8)
	options := w.le32()
	named(m, "command", enipCommandNames, t.command)
	named(m, "status", enipStatusNames, status)
	if options != 0 {
		m.Int("options", int64(options))
	}
	switch t.command {
	case 0x65:
		m.Open("register_session")
		m.Int("protocol_version", int64(w.le16()))
		m.Int("options", int64(w.le16()))
		m.Close()
	case 0x04, 0x63:
		if dir == FromServer && w.le16() > 0 {
			w.le16()
			in := wire{b: w.take(w.le16())}
			if t.command == 0x04 {
				enipServices(m, &in)
			} else {
				enipIdentityEVE(m, &in)
			}
		}
	case 0x6f, 0x70:
		w.take(6)
		for n := w.le16(); n > 0 && w.left() >= 4; n-- {
			kind := w.le16()
			in := wire{b: w.take(w.le16())}
			if kind == 0xb1 {
				t.sequenced, t.sequence = true, in.le16()
			}
			if kind == 0xb1 || kind == 0xb2 {
				t.cip = true
				m.Open("cip")
				cipEVE(m, &in, 0)
				m.Close()
				break
			}
		}
	}
}

func enipServices(m *event.Members, in *wire) {
	m.Open("list_services")
	m.Int("protocol_version", int64(in.le16()))
	m.Int("capabilities", int64(in.le16()))
	m.Bytes("service_name", trimZero(in.take(16)))
	m.Close()
}

func enipIdentityEVE(m *event.Members, in *wire) {
	m.Open("identity")
	m.Int("protocol_version", int64(in.le16()))
	in.take(16)
	vendor, device, product := in.le16(), in.le16(), in.le16()
	major, minor, status := in.u8(), in.u8(), in.le16()
	serial := in.le32()
	name := in.take(in.u8())
	m.Str("revision", strconv.Itoa(major)+"."+strconv.Itoa(minor))
	named(m, "vendor_id", cipVendors, vendor)
	named(m, "device_type", cipDevices, device)
	m.Int("product_code", int64(product))
	m.Int("status", int64(status))
	m.Int("serial", int64(serial))
	m.Bytes("product_name", name)
	m.Int("state", int64(in.u8()))
	m.Close()
}

// cipEVE writes a message of the Common Industrial Protocol, and those in it.
func cipEVE(m *event.Members, w *wire, depth int) {
	service := w.u8()
	named(m, "service", cipServiceNames, service&0x7f)
	if service&0x80 != 0 {
		w.u8()
		named(m, "status", cipStatuses, w.u8())
		if words := w.u8(); words > 0 {
			x := w.take(2 * words)
			m.Hex("status_extended", x)
			if len(x) == 2 {
				if s := cipExtended[int(binary.LittleEndian.Uint16(x))]; s != "" {
					m.Str("status_extended_meaning", s)
				}
			}
		}
	} else {
		cipPathEVE(m, w.take(2*w.u8()))
	}
	if service&0x7f != 0x0a || depth >= maxCIPNesting || w.short {
		return
	}
	base := w.rest()
	n := w.le16()
	if n == 0 || w.short {
		return
	}
	m.Array("multiple")
	for ; n > 0 && !m.Full(); n-- {
		at := w.le16()
		if w.short || at >= len(base) {
			break
		}
		m.Open("")
		cipEVE(m, &wire{b: base, at: at}, depth+1)
		m.Close()
	}
	m.End()
}

// cipSegments name the kinds of segments (volume 1 appendix C).
var cipSegments = map[int]string{8: "class", 9: "instance", 12: "attribute"}

// cipSegment reads a logical segment of a path and its value; false for another kind
// (ports, keys, data) and for one that is cut off.
func cipSegment(path *wire) (seg int, n uint32, ok bool) {
	seg = path.u8()
	switch seg & 3 {
	case 0:
		n = uint32(path.u8())
	case 1:
		path.u8()
		n = uint32(path.le16())
	case 2:
		path.u8()
		n = path.le32()
	}
	return seg, n, seg&0xe0 == 0x20 && !path.short
}

func cipPathEVE(m *event.Members, b []byte) {
	path := wire{b: b}
	class, found, opened := uint32(0), false, false
	for path.left() > 0 && !m.Full() {
		seg, n, ok := cipSegment(&path)
		if !ok {
			break
		}
		name := cipSegments[seg>>2]
		if name == "" {
			name = "unknown-" + strconv.Itoa(seg)
		}
		if !opened {
			opened = true
			m.Array("path")
		}
		m.Open("")
		m.Str("segment_type", name)
		m.Int("value", int64(n))
		m.Close()
		if seg>>2 == 8 {
			class, found = n, true
		}
	}
	if opened {
		m.End()
	}
	if found {
		named(m, "class_name", cipClasses, class)
	}
}
