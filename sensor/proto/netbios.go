package proto

// NetBIOS over UDP: the name service (RFC 1002 section 4.2) and the datagrams
// (section 4.4) with which hosts announce themselves to the network
// neighborhood ([MS-BRWS] section 2.2).
//
//	names      0 id  2 reply, opcode, flags  4 counts (4 x 2)  12 names as in DNS: 32 letters A to P, two each for a byte
//	datagrams  0 type (0x10 to 0x16)  1 flags  2 id  4 source  8 port  10 length  12 offset  14 names of source and
//	           destination, then a transaction of SMB to the mail slot \MAILSLOT\BROWSE

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "netbios", Doc: "NetBIOS name service and datagrams", Reference: "RFC 1002, MS-BRWS",
		Transport: UDP, Ports: []uint16{137, 138},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch {
			case len(b) >= 50 && nbName(b[12:]) != nil && binary.BigEndian.Uint16(b[4:])+binary.BigEndian.Uint16(b[6:]) == 1:
				return yes(b[47]|1 == 0x21 || p.On(137)) // NB, NBSTAT
			case len(b) >= 82 && b[0] >= 0x10 && b[0] <= 0x16:
				return yes(nbName(b[14:]) != nil && nbName(b[48:]) != nil)
			}
			return No
		},
		New:     func(Transport) Parser { return netbios{} },
		Samples: []string{"netbios.txt"}, Hostile: []string{"netbios_hostile.txt"},
	})
}

// nbOps are the operations of the name service.
var nbOps = map[int]string{0: "query", 5: "registration", 6: "release", 7: "wait", 8: "refresh", 9: "refresh", 15: "registration"}

// nbKinds say what the last byte of a name stands for (Microsoft, "NetBIOS
// suffixes"): of names of one host, and of names that many hold.
var nbKinds = [2]map[byte]string{
	{0: "workstation", 3: "messenger", 6: "remote access", 0x1b: "domain master browser", 0x1d: "master browser", 0x1f: "net dde", 0x20: "file server", 0x21: "remote access client"},
	{0: "domain", 0x1c: "domain controllers", 0x1e: "browser elections"},
}

// nbTypes are the bits of an announcement that say what a host is ([MS-BRWS]
// section 2.2.1, server type).
var nbTypes = [...]struct {
	bit  uint32
	name string
}{
	{1 << 2, "sql server"},
	{1 << 3, "domain controller"},
	{1 << 4, "backup domain controller"},
	{1 << 5, "time server"},
	{1 << 6, "apple"},
	{1 << 7, "novell"},
	{1 << 9, "print server"},
	{1 << 15, "server"},
	{1 << 18, "master browser"},
	{1 << 19, "domain master browser"},
}

// netbios makes one event of each message.
type netbios struct{}

// Data implements Parser.
func (netbios) Data(c *Context, _ Dir, b []byte) Result {
	if len(b) >= 14 && b[0] >= 0x10 && b[0] <= 0x16 && nbName(b[14:]) != nil {
		nbDatagram(c, b)
	} else if len(b) >= 12 {
		nbNames(c, b)
	}
	return Result(len(b))
}

// nbName returns the 16 bytes of an encoded name (RFC 1001 section 14.1), or nil.
func nbName(b []byte) []byte {
	if len(b) < 34 || b[0] != 32 {
		return nil
	}
	name := make([]byte, 16)
	for i := range name {
		hi, lo := b[1+2*i]-'A', b[2+2*i]-'A'
		if hi > 15 || lo > 15 {
			return nil
		}
		name[i] = hi<<4 | lo
	}
	return name
}

// nbText is the name without its padding and its last byte.
func nbText(name []byte) string { return printable(bytes.TrimRight(name[:15], " \x00")) }

// nbKind says what a name stands for.
func nbKind(suffix byte, group bool) string {
	k := 0
	if group {
		k = 1
	}
	if s := nbKinds[k][suffix]; s != "" {
		return s
	}
	return "0x" + strconv.FormatUint(uint64(suffix), 16)
}

// nbNames reads a message of the name service.
func nbNames(c *Context, b []byte) {
	name := nbName(b[12:])
	if name == nil {
		return
	}
	flags := binary.BigEndian.Uint16(b[2:])
	w := wire{b: b, at: 46}
	if n := 12 + bytes.IndexByte(b[12:], 0) + 1; n > 12 { // a scope may follow the name
		w.at = n
	}
	typ := w.u16()
	w.u16()
	e := c.Begin("saksi.netbios", []uint64{c.Number})
	op := nbOps[int(flags>>11&15)]
	if typ == 0x21 {
		op = "status"
	}
	e.Str(event.EventAction, op)
	reply := flags&0x8000 != 0
	if reply {
		outcome(e, flags&15 == 0)
	}
	e.Str(event.SaksiNetbiosName, nbText(name))
	group := false
	switch {
	case reply: // 4 time to live, 2 length, data
		w.take(4)
		data := w.take(w.u16())
		if typ == 0x21 {
			nbStatus(e, data)
		} else {
			group = nbAddresses(e, data)
		}
	case binary.BigEndian.Uint16(b[10:]) == 1 && w.left() >= 2: // what is registered: a pointer to the name, type, class
		if w.u8() >= 0xc0 {
			w.take(9)
			group = nbAddresses(e, w.take(w.u16()))
		}
	}
	e.Str(event.SaksiNetbiosKind, nbKind(name[15], group))
	c.Emit(e)
}

// nbAddresses reads entries of flags and an address.
func nbAddresses(e *event.Event, b []byte) (group bool) {
	for n := 0; len(b) >= 6 && n < 16; n++ {
		group = group || b[0]&0x80 != 0
		if a, ok := netip.AddrFromSlice(b[2:6]); ok && !a.IsUnspecified() {
			e.Addr(event.DNSResolvedIP, a)
		}
		b = b[6:]
	}
	return group
}

// nbStatus reads the table of a host's names, and its hardware address.
func nbStatus(e *event.Event, b []byte) {
	if len(b) < 1 {
		return
	}
	n := int(b[0])
	for b = b[1:]; n > 0 && len(b) >= 18; n-- {
		group := b[16]&0x80 != 0
		text := nbText(b[:16])
		e.Str(event.SaksiNetbiosNames, text+" ("+nbKind(b[15], group)+")")
		if group && b[15] == 0 {
			e.Str(event.SaksiNetbiosDomain, text)
		}
		b = b[18:]
	}
	if n == 0 && len(b) >= 6 && [6]byte(b) != [6]byte{} {
		e.Str(event.ServerMAC, macText(b[:6]))
	}
}

// nbDatagram reads a datagram and the announcement in it.
func nbDatagram(c *Context, b []byte) {
	e := c.Begin("saksi.netbios", []uint64{c.Number})
	name := nbName(b[14:])
	e.Str(event.SaksiNetbiosName, nbText(name))
	e.Str(event.SaksiNetbiosKind, nbKind(name[15], false))
	action := "datagram"
	if i := bytes.IndexByte(b[14:], 0) + 15; i > 14 && i < len(b) {
		if to := nbName(b[i:]); to != nil {
			if k := bytes.IndexByte(b[i:], 0); k > 0 {
				if a := nbBrowse(e, b[i+k+1:], nbText(to)); a != "" {
					action = a
				}
			}
		}
	}
	e.Str(event.EventAction, action)
	c.Emit(e)
}

// nbBrowse reads a transaction of SMB to the browser's mail slot.
//
//	SMB header (32), 1 count of words; words: 22 count, 24 offset of the data
//	data  0 command  1 update count, period (4)  6 name (16)  22 system (2)  24 type (4)  28 browser (2)  30 0xaa55  32 comment
func nbBrowse(e *event.Event, b []byte, to string) (action string) {
	if len(b) < 33+28 || string(b[:5]) != "\xffSMB\x25" || !bytes.Contains(b, []byte(`\MAILSLOT\BROWSE`)) {
		return ""
	}
	n, at := int(binary.LittleEndian.Uint16(b[33+22:])), int(binary.LittleEndian.Uint16(b[33+24:]))
	if at > len(b) {
		return ""
	}
	b = b[at:min(len(b), at+n)]
	if len(b) < 32 {
		return ""
	}
	text, _, _ := bytes.Cut(b[6:22], []byte{0})
	switch b[0] {
	case 1, 15: // a host; the master browser
		action = "announcement"
		e.Str(event.SaksiNetbiosHost, printable(text))
		e.Str(event.SaksiNetbiosDomain, to)
		e.Str(event.SaksiNetbiosSystem, strconv.Itoa(int(b[22]))+"."+strconv.Itoa(int(b[23])))
		bits := binary.LittleEndian.Uint32(b[24:])
		for _, t := range nbTypes {
			if bits&t.bit != 0 {
				e.Str(event.SaksiNetbiosRole, t.name)
			}
		}
		comment, _, _ := bytes.Cut(b[32:], []byte{0})
		e.Str(event.SaksiNetbiosComment, strings.TrimSpace(printable(comment)))
	case 12: // a domain, by its master browser
		action = "domain-announcement"
		e.Str(event.SaksiNetbiosDomain, printable(text))
	}
	return action
}

// Gap implements Parser; datagrams have none.
func (netbios) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (netbios) Close(*Context) {}
