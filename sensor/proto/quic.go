package proto

// QUIC, RFC 9000, RFC 9001 and RFC 9369, its drafts, and Google's own before
// them: Initial packets are opened with the keys that their connection ids
// give, and the TLS hellos in them read.
//
//	long header   0 form, fixed bit, type  1 version  5 length and destination id ... source id
//	Google's      0 public flags  1 connection id  9 version ... until Q043

import (
	"bytes"
	"encoding/binary"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/pieces"
	"saksi/sensor/proto/internal/quic"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

func init() {
	register(&Entry{
		Name: "quic", Doc: "QUIC transport", Reference: "RFC 9000, RFC 9001, RFC 9369",
		Transport: UDP, Ports: []uint16{443, 784, 853, 8853}, App: suricata.AppQUIC,
		Detect: detectQUIC, New: func(Transport) Parser { return &quicParser{tlsSession: tlsSession{kind: 'q'}} },
		Samples: []string{"quic.txt", "quic_v1.txt", "quic_v2.txt", "quic_q043.txt", "quic_negotiation.txt"},
		Hostile: []string{"short.txt", "quic_hostile.txt"},
	})
}

func detectQUIC(p *Probe) Verdict {
	b := p.Data
	if len(b) < 9 {
		return No
	}
	if b[0]&0x80 == 0 { // Google's up to Q043: public flags, connection id, version
		if b[0]&0x09 == 0x09 && len(b) >= 13 && b[9] == 'Q' && quic.Google(binary.BigEndian.Uint32(b[9:])) {
			return Yes
		}
		return No
	}
	v := binary.BigEndian.Uint32(b[1:])
	if v>>24 == 'Q' && quic.Google(v) && v <= googleLast {
		return Yes // Q043 to Q046 have the lengths of both ids in one byte
	}
	if v != 0 && (!quic.Known(v) || b[0]&0x40 == 0) {
		return No
	}
	d := int(b[5])
	if d > quic.MaxID || len(b) < 7+d {
		return No
	}
	if s := int(b[6+d]); s > quic.MaxID || len(b) < 7+d+s {
		return No
	}
	if v == 0 && (d+int(b[6+d]) == 0 || (len(b)-7-d-int(b[6+d]))%4 != 0) {
		return No
	}
	return Yes
}

// googleLast is "Q046", the last version whose hello is not encrypted.
const googleLast = 0x51303436

const (
	// maxQUICDatagrams is how many datagrams are looked at.
	maxQUICDatagrams = 48
	// maxQUICKeys is how often keys are derived: by the first packet, behind a
	// Retry, with another version, and a few that are not what they seem.
	maxQUICKeys = 6
)

type quicParser struct {
	tlsSession
	quicVersion uint32
	keys        []*quic.Keys     // to try; one once a packet was opened
	crypto      [2]pieces.Buffer // of the client, of the server
	used        [2]int           // bytes of them that were read
	reversed    bool             // the originator of the flow is the server
	settled     bool             // who is the client is known
	retry       bool
	short       [2]bool // a packet of the connection itself was seen
	chlo        quic.CHLO
	versions    []byte
	datagrams   int
	derived     int       // times keys were
	idLen       [2]int    // lengths of the connection ids by which each side is called
	unlocked    *quicOpen // nil: no handshake is decrypted
}

// Data implements Parser.
func (p *quicParser) Data(c *Context, dir Dir, b []byte) Result {
	if p.datagrams++; p.datagrams > maxQUICDatagrams && !p.reads() {
		return Done
	}
	if len(b) == 0 {
		return 0
	}
	switch {
	case b[0]&0x80 != 0 && len(b) > 5 && p.old(binary.BigEndian.Uint32(b[1:])):
		p.google(c, b)
		b = nil
	case b[0]&0x80 == 0 && !p.google(c, b):
		p.short[dir] = true
		p.traffic(c, dir, b)
		b = nil
	}
	whole := b
	for range 8 {
		packet, rest, ok := quic.Next(b)
		if !ok {
			break
		}
		p.showFrames(c, dir, whole, b, &packet)
		p.packet(c, dir, &packet)
		b = rest
	}
	if len(b) > 0 && b[0]&0xc0 == 0x40 && p.unlocked != nil { // behind packets of the handshake
		p.traffic(c, dir, b)
	}
	if p.hasC && p.hasS && !p.opening(c) || p.chlo.SNI != nil || p.short[0] && p.short[1] && !p.reads() {
		return Done
	}
	return 0
}

// old reports a version of Google's whose hello is in the clear.
func (p *quicParser) old(v uint32) bool { return v>>24 == 'Q' && quic.Google(v) && v <= googleLast }

// google looks for the hello of Google's own versions, and for the version in
// their headers. It returns false if the datagram has neither.
func (p *quicParser) google(c *Context, b []byte) bool {
	found := false
	for _, at := range [2]int{1, 9} { // long header, public header
		if len(b) >= at+4 && p.old(binary.BigEndian.Uint32(b[at:])) {
			if p.quicVersion == 0 {
				p.quicVersion = binary.BigEndian.Uint32(b[at:])
				p.packets.Add(c.Number)
			}
			found = true
			break
		}
	}
	if i := bytes.Index(b[:min(len(b), 80)], []byte("CHLO")); i > 0 && p.chlo.SNI == nil {
		p.hello(c, b[i:])
	}
	return found
}

// offerHello shows a hello of Google's versions to the rules.
func (p *quicParser) offerHello(c *Context) {
	if !c.Matching() {
		return
	}
	t := &bufTx{app: suricata.AppQUIC, packets: p.packets.List()}
	if p.quicVersion != 0 {
		t.add(suricata.BufQUICVersion, []byte(quic.VersionName(p.quicVersion)))
	}
	t.add(suricata.BufQUICSNI, p.chlo.SNI)
	t.add(suricata.BufQUICUserAgent, p.chlo.UserAgent)
	if cyu := p.chlo.CYU(p.quicVersion); cyu != nil {
		t.add(suricata.BufQUICCYUString, cyu)
		t.add(suricata.BufQUICCYUHash, tlsmsg.AppendMD5(nil, cyu))
	}
	c.Offer(t, FromClient)
}

func (p *quicParser) hello(c *Context, b []byte) {
	if h, ok := quic.ParseCHLO(b); ok {
		p.packets.Add(c.Number)
		p.chlo = quic.CHLO{SNI: bytes.Clone(h.SNI), UserAgent: bytes.Clone(h.UserAgent), Tags: h.Tags}
		p.offerHello(c)
	}
}

// packet takes one packet with a long header.
func (p *quicParser) packet(c *Context, dir Dir, x *quic.Packet) {
	switch {
	case x.Type == quic.Negotiation:
		if p.versions == nil {
			p.packets.Add(c.Number)
			p.versions = bytes.Clone(x.Versions[:min(len(x.Versions), 64)&^3])
		}
		return
	case !quic.Known(x.Version):
		return
	case p.quicVersion == 0 || p.versions != nil && quic.Reserved(p.quicVersion):
		p.packets.Add(c.Number)
		p.quicVersion = x.Version
	}
	if x.Type == quic.Initial || x.Type == quic.Handshake {
		p.idLen[p.from(dir)] = len(x.SCID)
	}
	switch x.Type {
	case quic.Retry:
		p.retry = true
		p.packets.Add(c.Number)
	case quic.Handshake:
		p.sealed(c, dir, x)
	case quic.Initial:
		if frames, server, ok := p.open(dir, x); ok {
			p.packets.Add(c.Number)
			p.frames(c, server, frames)
		} else if p.keys != nil {
			p.odd(c, dir, "failed_decrypt")
		}
	}
}

// open removes the protection with the keys known, else with those of the
// packet's own destination id: the first packet of a client has it, the first
// after a Retry or with another version too.
func (p *quicParser) open(dir Dir, x *quic.Packet) (frames []byte, server, ok bool) {
	server = (dir == FromServer) != p.reversed
	for i, k := range p.keys {
		if frames, ok = k.Open(x, server); ok {
			p.keys = append(p.keys[:0], p.keys[i])
			return frames, server, true
		}
	}
	if p.settled && server || p.derived == maxQUICKeys {
		return nil, false, false
	}
	p.derived++
	for _, k := range quic.NewKeys(x.Version, x.DCID) {
		if frames, ok = k.Open(x, false); ok {
			p.keys = append(p.keys[:0], k)
			p.settled, p.reversed, p.quicVersion = true, dir == FromServer, x.Version
			return frames, false, true
		}
	}
	return nil, false, false
}

// frames gathers the handshake bytes and reads the messages that are whole.
func (p *quicParser) frames(c *Context, server bool, b []byte) {
	k, dir := 0, FromClient
	if server {
		k, dir = 1, FromServer
	}
	quic.Frames(b, quic.Google(p.quicVersion), p.crypto[k].Add)
	m := p.crypto[k].Bytes()
	p.quicName = []byte(quic.VersionName(p.quicVersion))
	if p.quicVersion>>24 == 'Q' {
		if !server && p.chlo.SNI == nil {
			p.hello(c, m)
		}
		return
	}
	for m = m[p.used[k]:]; len(m) >= 4; m = m[p.used[k]:] {
		n := int(m[1])<<16 | int(m[2])<<8 | int(m[3])
		if n > pieces.Max || len(m) < 4+n {
			return
		}
		p.message(c, dir, m[0], m[4:4+n])
		p.used[k] += 4 + n
		m = p.crypto[k].Bytes()
	}
}

// Gap implements Parser: datagrams have none.
func (p *quicParser) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *quicParser) Close(c *Context) {
	defer p.closeOpen(c)
	if p.tell(c) || p.quicVersion == 0 && p.versions == nil {
		return
	}
	e := c.Begin("saksi.quic", p.packets.List())
	p.about(e)
	c.Emit(e)
}

// tell emits the session, once. It returns false if there was nothing to tell.
func (p *quicParser) tell(c *Context) bool {
	p.established = p.short[0] && p.short[1] || p.hasC && p.hasS
	return p.emit(c, "saksi.quic", p.about)
}

// about adds what is QUIC's own to the event of the session.
func (p *quicParser) about(e *event.Event) {
	if p.quicVersion != 0 {
		e.Str(event.SaksiQuicVersion, quic.VersionName(p.quicVersion))
	}
	if p.hasC && !p.hasS { // RFC 9001 section 4.2: no older one may be used
		aboutVersion(e, 0x0304)
	}
	for v := p.versions; len(v) >= 4; v = v[4:] {
		if n := binary.BigEndian.Uint32(v); !quic.Reserved(n) {
			e.Str(event.SaksiQuicServerVersions, quic.VersionName(n))
		}
	}
	if p.retry {
		e.Bool(event.SaksiQuicRetry, true)
	}
	if len(p.chlo.SNI) > 0 {
		e.Bytes(event.TLSClientServerName, p.chlo.SNI)
		e.Bytes(event.DestinationDomain, p.chlo.SNI)
	}
	e.Bytes(event.UserAgentOriginal, p.chlo.UserAgent)
}
