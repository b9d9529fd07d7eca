// Package dcerpc reads the headers of DCE/RPC version 5 (The Open Group C706
// chapter 12, [MS-RPCE] section 2.2.2).
//
//	0 version 5  1 minor  2 type  3 flags  4 data representation (4)  8 length
//	10 length of the verifier  12 call id (4)
//	request (0):  16 hint (4)  20 context  22 operation
//	bind (11):    16 sizes (4)  20 group (4)  24 contexts  28 each: id (2), number of
//	              transfer syntaxes, 0, interface (16 UUID, 4 version), transfer syntaxes (20 each)
//	bind_ack (12): 16 sizes, group  24 length of the secondary address (2), address, padded
//	              to 4; number of results, 0 (3), results (24 each): 0 accepted (2)
//
// Version 4, over UDP (chapter 12.5): 0 version 4  1 type  4 data representation
// 24 interface  60 its version (4)  64 call (4)  68 operation  74 length of the body  80 body
package dcerpc

import (
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"

	"saksi/sensor/proto/internal/octet"
)

// Types of messages.
const (
	Request  = 0
	Response = 2
	Fault    = 3
	Bind     = 11
	BindAck  = 12
	BindNak  = 13
	Alter    = 14
	AlterAck = 15
	Auth3    = 16
)

// HeaderSize is the size of the header common to all.
const HeaderSize = 16

// Header is the head of a message.
type Header struct {
	Type, Flags byte
	Little      bool
	Length      int // of the message
	Auth        int // of the verifier in it
	Call        uint32
}

// ParseHeader reads a header.
func ParseHeader(b []byte) (h Header, ok bool) {
	if len(b) < HeaderSize || b[0] != 5 || b[1] > 1 || b[2] > 20 || b[4]&0xef != 0 || b[5] > 3 {
		return h, false
	}
	h.Type, h.Flags, h.Little = b[2], b[3], b[4] == 0x10
	o := h.order()
	h.Length, h.Auth, h.Call = int(o.Uint16(b[8:])), int(o.Uint16(b[10:])), o.Uint32(b[12:])
	return h, h.Length >= HeaderSize && h.Auth <= h.Length-HeaderSize
}

func (h Header) order() binary.ByteOrder {
	if h.Little {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// Context is an interface that a bind asks for, under a number.
type Context struct {
	ID        uint16
	UUID      string
	Interface []byte // the UUID as it is written, then the version (2)
}

// MaxContexts bounds the interfaces of a bind.
const MaxContexts = 32

// Contexts reads the interfaces of a bind.
func (h Header) Contexts(b []byte) (list []Context) {
	if len(b) < 28 {
		return nil
	}
	o := h.order()
	r := octet.Of(b[28:])
	for range min(int(b[24]), MaxContexts) {
		head, id, version := r.Next(4), r.Next(16), r.Next(4)
		if r.Bad() {
			break
		}
		r.Skip(20 * int(head[2]))
		list = append(list, context(o.Uint16(head), id, o.Uint16(version), h.Little))
		if r.Bad() {
			break
		}
	}
	return list
}

func context(id uint16, uuid []byte, version uint16, little bool) Context {
	u := ordered(uuid, little)
	return Context{id, UUID(u), binary.BigEndian.AppendUint16(u[:], version)}
}

// Accepted reads which interfaces a server accepts, in the order of the bind.
func (h Header) Accepted(b []byte) (list []bool) {
	if len(b) < 26 {
		return nil
	}
	o := h.order()
	at := (26 + int(o.Uint16(b[24:])) + 3) &^ 3
	if len(b) < at+4 {
		return nil
	}
	r := octet.Of(b[at+4:])
	for range min(int(b[at]), MaxContexts) {
		v := r.Next(24)
		if v == nil {
			break
		}
		list = append(list, o.Uint16(v) == 0)
	}
	return list
}

// Datagram is a message of version 4.
type Datagram struct {
	Type   byte
	Little bool
	Context
	Call   uint32
	Op     uint16
	Status uint32 // of a fault
	Body   []byte
}

// DatagramSize is the size of the header of version 4.
const DatagramSize = 80

// ParseDatagram reads a message of version 4.
func ParseDatagram(b []byte) (d Datagram, ok bool) {
	if len(b) < DatagramSize || b[0] != 4 || b[1] > 10 || b[4]&0xef != 0 {
		return d, false
	}
	h := Header{Little: b[4] == 0x10}
	o := h.order()
	d = Datagram{
		Type: b[1], Little: h.Little, Context: context(0, b[24:40], uint16(o.Uint32(b[60:])), h.Little),
		Call: o.Uint32(b[64:]), Op: o.Uint16(b[68:]), Body: b[DatagramSize:],
	}
	if d.Type == Fault && len(d.Body) >= 4 {
		d.Status = o.Uint32(d.Body)
	}
	return d, int(o.Uint16(b[74:])) == len(d.Body)
}

// Operation reads context and operation of a request.
func (h Header) Operation(b []byte) (context, op uint16, ok bool) {
	if len(b) < 24 {
		return 0, 0, false
	}
	o := h.order()
	return o.Uint16(b[20:]), o.Uint16(b[22:]), true
}

// Status reads the status of a fault.
func (h Header) Status(b []byte) (uint32, bool) {
	if len(b) < 28 {
		return 0, false
	}
	return h.order().Uint32(b[24:]), true
}

// Verifier returns the authentication value of a message, behind the eight
// bytes of its own head.
func (h Header) Verifier(b []byte) []byte {
	if h.Auth == 0 || h.Length > len(b) {
		return nil
	}
	return b[h.Length-h.Auth : h.Length]
}

// ordered gives the bytes of a UUID on the wire as they are written.
func ordered(b []byte, little bool) (u [16]byte) {
	copy(u[:], b)
	if little {
		u[0], u[1], u[2], u[3] = b[3], b[2], b[1], b[0]
		u[4], u[5], u[6], u[7] = b[5], b[4], b[7], b[6]
	}
	return u
}

// UUID gives the text of a UUID.
func UUID(u [16]byte) string {
	var t [36]byte
	hex.Encode(t[:8], u[:4])
	hex.Encode(t[9:13], u[4:6])
	hex.Encode(t[14:18], u[6:8])
	hex.Encode(t[19:23], u[8:10])
	hex.Encode(t[24:], u[10:])
	t[8], t[13], t[18], t[23] = '-', '-', '-', '-'
	return string(t[:])
}

//go:embed interfaces.tsv
var table string

type iface struct {
	name string
	ops  map[uint16]string
}

var interfaces = sync.OnceValue(func() map[string]iface {
	m := map[string]iface{}
	var in iface
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		switch {
		case len(f) != 3 || strings.HasPrefix(line, "#"):
		case f[0] == "":
			if n, err := strconv.ParseUint(f[1], 10, 16); err == nil {
				in.ops[uint16(n)] = f[2]
			}
		default:
			in = iface{f[1], map[uint16]string{}}
			m[f[0]] = in
		}
	}
	return m
})

// Name returns the name of an interface, or "".
func Name(uuid string) string { return interfaces()[uuid].name }

// Operation returns the name of an operation of an interface, or "".
func Operation(uuid string, op uint16) string { return interfaces()[uuid].ops[op] }
