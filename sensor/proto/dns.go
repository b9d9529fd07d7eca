package proto

// DNS, RFC 1035 section 4, over UDP, and over TCP behind a two-byte length.
// Multicast DNS (RFC 6762) and LLMNR (RFC 4795) share the format.
//
//	0 id  2 QR opcode AA TC RD RA Z rcode  4 questions  6 answers  8 authorities  10 additional

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"sync"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "dns", Doc: "Domain Name System", Reference: "RFC 1035, RFC 7766",
		Transport: TCP | UDP, Ports: []uint16{53}, App: suricata.AppDNS,
		Detect: detectDNS, New: newDNSOf(suricata.AppDNS),
		Samples: []string{"dns_udp.txt", "dns_tcp.txt"}, Hostile: []string{"dns_loop.txt"},
	})
	register(&Entry{
		Name: "mdns", Doc: "Multicast DNS", Reference: "RFC 6762",
		Transport: UDP, Ports: []uint16{5353}, App: suricata.AppMDNS,
		Detect:  func(p *Probe) Verdict { return onPort(p, dnsShape(p.Data, false), 5353) },
		New:     newDNSOf(suricata.AppMDNS),
		Samples: []string{"mdns.txt"}, Hostile: []string{"dns_loop.txt"},
	})
	register(&Entry{
		Name: "llmnr", Doc: "Link-Local Multicast Name Resolution", Reference: "RFC 4795",
		Transport: UDP, Ports: []uint16{5355}, App: suricata.AppLLMNR,
		Detect:  func(p *Probe) Verdict { return onPort(p, dnsShape(p.Data, false), 5355) },
		New:     newDNSOf(suricata.AppLLMNR),
		Samples: []string{"llmnr.txt"}, Hostile: []string{"dns_loop.txt"},
	})
}

// onPort takes a signature only on ports, for formats that several protocols
// share and only the port tells apart.
func onPort(p *Probe, is bool, ports ...uint16) Verdict {
	if is && p.On(ports...) {
		return Yes
	}
	return No
}

func detectDNS(p *Probe) Verdict {
	b := p.Data
	if p.Transport == TCP {
		if len(b) < 14 {
			return More
		}
		if n := int(binary.BigEndian.Uint16(b)); n < 12 || !dnsShape(b[2:], p.On(53)) || dnscryptQuestion(b[2:], p.On(53)) || len(b) >= n+2 && !p.On(53) && n+2 != len(b) {
			return No
		} else if !p.On(53) && n > maxDNSElsewhere { // other formats begin with a length too
			return No
		}
		return Yes
	}
	if p.On(5353, 5355, 137) || len(b) > 46 && b[12] == 32 && !p.On(53) && nbName(b[12:]) != nil || !dnsShape(b, p.On(53)) || dnscryptQuestion(b, p.On(53)) {
		return No
	}
	return Yes
}

// dnsShape reports whether b looks like a DNS message: a header with few
// records, then a question whose name, type and class are possible. On DNS's
// own port the reserved bit Z may be set.
func dnsShape(b []byte, own bool) bool {
	if len(b) < 12 {
		return false
	}
	flags := binary.BigEndian.Uint16(b[2:])
	qd, an := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	ns, ar := binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b[10:])
	if op := flags >> 11 & 15; op > 6 || op == 3 || flags&0x0040 != 0 && !own || flags&15 > 11 {
		return false
	}
	answer := flags&0x8000 != 0
	if qd > 16 || an > 512 || ns > 512 || ar > 512 || qd+an+ns+ar == 0 && !answer {
		return false
	}
	if !answer && flags>>11&15 == 0 && (flags&15 != 0 || an > 32) {
		return false
	}
	if qd == 0 {
		return answer && int(an)+int(ns)+int(ar) > 0 && len(b) >= 12+11*int(an+ns+ar)
	}
	at := 12
	for { // labels of the first question; cut messages are judged by what is there
		if at >= len(b) {
			return at > 13
		}
		n := int(b[at])
		if n == 0 {
			at++
			break
		}
		if n >= 0x40 {
			return false
		}
		at += n + 1
		if at > 12+255 {
			return false
		}
	}
	if at+4 > len(b) {
		return true
	}
	typ, class := binary.BigEndian.Uint16(b[at:]), binary.BigEndian.Uint16(b[at+2:])&0x7fff
	return typ != 0 && (class == 1 || class == 3 || class == 4 || class >= 254)
}

const (
	// maxDNSElsewhere is the longest first message believed over TCP on a port
	// that is not DNS's own.
	maxDNSElsewhere = 4096
	// maxDNSAnswers bounds the answers of one event.
	maxDNSAnswers = 64
	// maxDNSJumps bounds compression pointers of one name (RFC 1035 section
	// 4.1.4 sets no limit; loops must end).
	maxDNSJumps = 32
)

// dns parses the messages of one flow. Its buffers are used again by others.
type dns struct {
	stream bool
	app    suricata.AppProto
	packet Packets
	text   []byte // names and data of the message in work
	names  [][]byte
	tx     uint64
	// loop and long say why a name could not be read: its pointers, its length.
	loop, long bool
}

var dnsPool = sync.Pool{New: func() any { return &dns{} }}

// newDNSOf makes parsers whose messages rules know as of a protocol.
func newDNSOf(app suricata.AppProto) func(t Transport) Parser {
	return func(t Transport) Parser {
		d := dnsPool.Get().(*dns)
		d.stream, d.tx, d.app = t == TCP, 0, app
		return d
	}
}

// Close implements Parser.
func (d *dns) Close(*Context) { dnsPool.Put(d) }

// Gap implements Parser: the next length can't be found.
func (d *dns) Gap(*Context, Dir, uint32) bool { return false }

// Data implements Parser.
func (d *dns) Data(c *Context, dir Dir, b []byte) Result {
	if !d.stream {
		d.message(c, dir, b)
		return Result(len(b))
	}
	used := 0
	for len(b)-used >= 2 {
		n := int(binary.BigEndian.Uint16(b[used:]))
		if n < 12 {
			return Broken
		}
		if len(b)-used < 2+n {
			break
		}
		d.message(c, dir, b[used+2:used+2+n])
		used += 2 + n
	}
	return Result(used)
}

// message emits one event for one message; a broken message gives what could
// be read of it.
func (d *dns) message(c *Context, dir Dir, b []byte) {
	if len(b) < 12 {
		return
	}
	d.text, d.names = d.text[:0], d.names[:0]
	if cap(d.text) < 4<<10 {
		d.text = make([]byte, 0, 4<<10)
	}
	d.packet.Reset()
	d.packet.Add(c.Number)
	d.tx++
	flags := binary.BigEndian.Uint16(b[2:])
	answer := flags&0x8000 != 0
	e := c.Begin("saksi.dns", d.packet.List())
	id := binary.BigEndian.Uint16(b)
	start := len(d.text)
	d.text = strconv.AppendUint(d.text, uint64(id), 10)
	e.Bytes(event.DNSID, d.text[start:])
	e.Str(event.DNSOpCode, dnsOps[flags>>11&15])
	if answer {
		e.Str(event.DNSType, "answer")
		e.Str(event.DNSResponseCode, dnsCodes[flags&15])
	} else {
		e.Str(event.DNSType, "query")
	}
	var told *dnsEVE
	if c.Detail {
		told = &dnsEVE{eveTx: eveTx(d.tx), app: d.app, msg: bytes.Clone(b), record: true}
		e.Int(event.SaksiEveDNSFlags, int64(flags))
		if told.asked() {
			tellEVE(e, told.kind(), told)
		} else {
			e.NoRecord()
		}
	}
	for _, f := range dnsFlags {
		if flags&f.bit != 0 {
			e.Str(event.DNSHeaderFlags, f.name)
		}
	}
	at, ok := 12, true
	for i := 0; i < int(binary.BigEndian.Uint16(b[4:])) && ok && i < 16; i++ {
		var name []byte
		name, at, ok = d.name(b, at)
		if !ok || at+4 > len(b) {
			ok = false
			break
		}
		d.names = append(d.names, name)
		if i == 0 {
			e.Bytes(event.DNSQuestionName, name)
			e.Str(event.DNSQuestionType, dnsType(binary.BigEndian.Uint16(b[at:])))
			e.Str(event.DNSQuestionClass, dnsClass(binary.BigEndian.Uint16(b[at+2:])&0x7fff))
		}
		at += 4
	}
	if answer && ok {
		d.answers(e, b, at, int(binary.BigEndian.Uint16(b[6:])))
	}
	c.Emit(e)
	if c.Matching() {
		f := frameDNSPDU
		if d.app == suricata.AppMDNS {
			f = frameMDNSPDU
		}
		offerFrames(c, dir, d.app, framed{f, b})
		tx := &dnsTx{d: d, dir: dir, msg: b}
		if told != nil {
			about := *told
			about.record = false
			tx.told = &about
		}
		c.Offer(tx, dir)
	}
}

var dnsFlags = []struct {
	bit  uint16
	name string
}{{0x0400, "AA"}, {0x0200, "TC"}, {0x0100, "RD"}, {0x0080, "RA"}, {0x0020, "AD"}, {0x0010, "CD"}}

// answers adds the records of the answer section.
func (d *dns) answers(e *event.Event, b []byte, at, n int) {
	for i := 0; i < n && i < maxDNSAnswers; i++ {
		name, next, ok := d.name(b, at)
		if !ok || next+10 > len(b) {
			return
		}
		typ, class := binary.BigEndian.Uint16(b[next:]), binary.BigEndian.Uint16(b[next+2:])&0x7fff
		ttl, size := binary.BigEndian.Uint32(b[next+4:]), int(binary.BigEndian.Uint16(b[next+8:]))
		from := next + 10
		at = from + size
		if at > len(b) {
			return
		}
		if typ == 41 {
			continue
		}
		if len(name) == 0 {
			name = dnsRoot
		}
		e.Bytes(event.DNSAnswersName, name)
		e.Str(event.DNSAnswersType, dnsType(typ))
		e.Str(event.DNSAnswersClass, dnsClass(class))
		e.Int(event.DNSAnswersTTL, int64(ttl))
		if data := d.data(e, b, typ, from, at); len(data) > 0 {
			e.Bytes(event.DNSAnswersData, data)
		}
	}
}

var dnsRoot = []byte(".")

// data gives the presentation form of a record's data (RFC 1035 section 5).
func (d *dns) data(e *event.Event, b []byte, typ uint16, from, to int) []byte {
	v := b[from:to]
	start := len(d.text)
	switch typ {
	case 1, 28:
		if a, ok := netip.AddrFromSlice(v); ok {
			e.Addr(event.DNSResolvedIP, a)
			d.text = a.AppendTo(d.text)
		}
	case 2, 5, 12, 39: // NS, CNAME, PTR, DNAME
		name, _, _ := d.name(b, from)
		return name
	case 15: // MX
		if len(v) >= 3 {
			name, _, _ := d.name(b, from+2)
			start = len(d.text)
			d.text = strconv.AppendUint(d.text, uint64(binary.BigEndian.Uint16(v)), 10)
			d.text = append(append(d.text, ' '), name...)
		}
	case 33: // SRV
		if len(v) >= 7 {
			name, _, _ := d.name(b, from+6)
			start = len(d.text)
			for i := 0; i < 6; i += 2 {
				d.text = strconv.AppendUint(d.text, uint64(binary.BigEndian.Uint16(v[i:])), 10)
				d.text = append(d.text, ' ')
			}
			d.text = append(d.text, name...)
		}
	case 6: // SOA: the first two names
		m, at, ok := d.name(b, from)
		if ok && at < to {
			r, _, _ := d.name(b, at)
			start = len(d.text)
			d.text = append(append(append(d.text, m...), ' '), r...)
		}
	case 16, 99: // TXT, SPF
		for len(v) > 0 {
			n := min(int(v[0]), len(v)-1)
			if len(d.text) > start {
				d.text = append(d.text, ' ')
			}
			d.text = append(d.text, v[1:1+n]...)
			v = v[1+n:]
		}
	default:
		d.text = hex.AppendEncode(d.text, v[:min(len(v), 256)])
	}
	return d.text[start:]
}

// name appends the name at offset at of message b to text, without the final
// dot, and returns it with the offset behind it. Dots and backslashes within
// labels are escaped (RFC 4343 section 2.1).
func (d *dns) name(b []byte, at int) (name []byte, next int, ok bool) {
	start, jumps := len(d.text), 0
	next = -1
	for {
		if at >= len(b) {
			return nil, 0, false
		}
		n := int(b[at])
		switch {
		case n == 0:
			if next < 0 {
				next = at + 1
			}
			return d.text[start:len(d.text):len(d.text)], next, true
		case n < 0x40:
			if d.long = d.long || len(d.text)-start > 255; at+1+n > len(b) || d.long {
				return nil, 0, false
			}
			if len(d.text) > start {
				d.text = append(d.text, '.')
			}
			for _, x := range b[at+1 : at+1+n] {
				if x == '.' || x == '\\' {
					d.text = append(d.text, '\\')
				}
				d.text = append(d.text, x)
			}
			at += 1 + n
		case n >= 0xc0:
			if at+1 >= len(b) {
				return nil, 0, false
			}
			if next < 0 {
				next = at + 2
			}
			if jumps++; jumps > maxDNSJumps {
				d.loop = true
				return nil, 0, false
			}
			at = n&0x3f<<8 | int(b[at+1])
		default:
			return nil, 0, false
		}
	}
}
