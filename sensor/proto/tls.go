package proto

// TLS, RFC 5246 and RFC 8446: the record layer and the part of the handshake
// that is not encrypted.
//
//	record     0 type  1 version  3 length (at most 2^14+2048)  5 fragment
//	handshake  0 type  1 length (24 bits)  4 body; may span records

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

func init() {
	register(&Entry{
		Name: "tls", Doc: "Transport Layer Security", Reference: "RFC 5246, RFC 8446",
		Transport: TCP, Ports: []uint16{443, 465, 636, 853, 989, 990, 993, 995, 5061, 8443}, App: suricata.AppTLS,
		First: []string{"\x16\x03", "\x15\x03", "\x14\x03", "\x17\x03"}, Detect: detectTLS,
		New:     func(Transport) Parser { return &tlsParser{} },
		Samples: []string{"tls12.txt", "tls13.txt"}, Hostile: []string{"tls_hostile.txt"},
	})
}

// maxRecord is the longest fragment TLS 1.2 allows.
const maxRecord = 1<<14 + 2048

func detectTLS(p *Probe) Verdict {
	b := p.Data
	if len(b) < 6 {
		return More
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	if b[2] > 4 || n == 0 || n > maxRecord {
		return No
	}
	switch b[0] {
	case 0x16:
		if (b[5] == 1 || b[5] == 2) && n >= 4 {
			if len(b) >= 11 && b[9] != 3 && b[9] != 0x7f { // version of the hello
				return No
			}
			return Yes
		}
		if b[5] <= 24 && p.On(443, 993, 995, 465, 8443) {
			return Yes
		}
	case 0x15: // alert, alone in its record
		if n == 2 && len(b) >= 7 && (b[5] == 1 || b[5] == 2) && b[6] < 122 {
			return Yes
		}
	case 0x14:
		if n == 1 && b[5] == 1 {
			return Yes
		}
	case 0x17: // a session picked up in its middle
		if len(b) >= n+8 && b[n+5] == 0x17 && b[n+6] == 3 || p.On(443, 993, 995, 465, 8443) {
			return Yes
		}
	}
	return No
}

const (
	// maxHandshake bounds a handshake message put together from records.
	maxHandshake = 64 << 10
	// maxCertificates bounds a chain.
	maxCertificates = 16
)

// tlsSide is one direction.
type tlsSide struct {
	msg       []byte // handshake bytes not used yet
	encrypted bool   // what follows is
	data      bool   // application data was seen
	skip      int    // bytes of a record whose content is of no interest
}

type tlsParser struct {
	sides   [2]tlsSide
	packets Packets
	client  tlsmsg.Client
	server  tlsmsg.Server
	keep    [2][]byte // the hello messages the views point into
	hasC    bool
	hasS    bool
	certs   [2][]*tlsmsg.Cert
	version uint16 // of the first record, when no hello is seen
	ja3     []byte
	ja3s    []byte
	ja4     []byte
	told    bool
	resumed bool
	started bool
}

// Data implements Parser.
func (p *tlsParser) Data(c *Context, dir Dir, b []byte) Result {
	s := &p.sides[dir]
	used := 0
	for used < len(b) {
		if s.skip > 0 {
			n := min(s.skip, len(b)-used)
			s.skip -= n
			used += n
			continue
		}
		if len(b)-used < 5 {
			break
		}
		h := b[used:]
		n := int(binary.BigEndian.Uint16(h[3:]))
		if h[0] < 0x14 || h[0] > 0x18 || h[1] != 3 || n > maxRecord {
			if p.started {
				return p.finish(c)
			}
			return Broken
		}
		if p.version == 0 {
			p.version = binary.BigEndian.Uint16(h[1:])
		}
		if h[0] == 0x16 && !s.encrypted {
			if len(h) < 5+n {
				break
			}
			p.packets.Add(c.Number)
			if !p.handshake(c, dir, h[5:5+n]) {
				return p.finish(c)
			}
			p.started = true
			used += 5 + n
			continue
		}
		switch h[0] {
		case 0x14:
			s.encrypted = true
			if dir == FromServer && p.hasS && len(p.certs[1]) == 0 && p.server.Version < 0x0304 {
				p.resumed = true
			}
		case 0x17:
			s.data, s.encrypted = true, true
		case 0x15:
			if !s.encrypted && len(h) >= 7 && h[5] == 2 { // fatal alert in the clear
				p.packets.Add(c.Number)
				return p.finish(c)
			}
		}
		p.started = true
		used += 5
		s.skip = n
		if p.sides[0].encrypted && p.sides[1].encrypted && (p.sides[0].data || p.sides[1].data) || p.sides[0].data && p.sides[1].data {
			return p.finish(c)
		}
	}
	return Result(used)
}

// handshake takes the fragment of one record. It returns false when nothing
// more can be read.
func (p *tlsParser) handshake(c *Context, dir Dir, b []byte) bool {
	s := &p.sides[dir]
	if len(s.msg) > 0 {
		s.msg = append(s.msg, b...)
		b = s.msg
	}
	for len(b) >= 4 {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if n > maxHandshake {
			return false
		}
		if len(b) < 4+n {
			break
		}
		p.message(c, dir, b[0], b[4:4+n])
		b = b[4+n:]
	}
	if len(b) > maxHandshake+4 {
		return false
	}
	s.msg = append(s.msg[:0], b...)
	return true
}

func (p *tlsParser) message(c *Context, dir Dir, typ byte, body []byte) {
	switch {
	case typ == 1 && dir == FromClient:
		if p.hasC { // after a HelloRetryRequest the first stands
			return
		}
		p.keep[0] = append(p.keep[0][:0], body...)
		if tlsmsg.ParseClient(&p.client, p.keep[0]) {
			p.hasC = true
			p.ja3 = p.client.AppendJA3(p.ja3[:0])
			p.ja4 = p.client.AppendJA4(p.ja4[:0], 't')
			if c.Matching() {
				c.Offer(&tlsView{p: p, dir: dir}, dir)
			}
		}
	case typ == 2 && dir == FromServer:
		p.keep[1] = append(p.keep[1][:0], body...)
		if !tlsmsg.ParseServer(&p.server, p.keep[1]) {
			return
		}
		p.hasS = true
		p.ja3s = p.server.AppendJA3S(p.ja3s[:0])
		if string(p.server.Random) == helloRetry {
			return
		}
		if len(p.server.Session) > 0 && p.hasC && string(p.server.Session) == string(p.client.Session) && p.server.Version < 0x0304 {
			p.resumed = true
		}
		if c.Matching() {
			c.Offer(&tlsView{p: p, dir: dir}, dir)
		}
	case typ == 11 && (!p.hasS || p.server.Version < 0x0304):
		if len(p.certs[dir]) > 0 {
			return
		}
		for _, der := range tlsmsg.Certificates(body, maxCertificates) {
			p.certs[dir] = append(p.certs[dir], tlsmsg.ParseCert(append([]byte(nil), der...)))
		}
		if dir == FromServer {
			p.resumed = false
			if c.Matching() {
				c.Offer(&tlsView{p: p, dir: dir}, dir)
			}
		}
	}
}

// helloRetry is the random of a HelloRetryRequest (RFC 8446 section 4.1.3).
const helloRetry = "\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91\xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C"

// Gap implements Parser: what is encrypted may be missing.
func (p *tlsParser) Gap(_ *Context, dir Dir, n uint32) bool {
	s := &p.sides[dir]
	if s.skip >= int(n) {
		s.skip -= int(n)
		return true
	}
	return false
}

func (p *tlsParser) finish(c *Context) Result {
	p.emit(c)
	return Done
}

// Close implements Parser.
func (p *tlsParser) Close(c *Context) { p.emit(c) }

// cipherName gives the IANA name of a cipher suite.
func cipherName(id uint16) string {
	if s := tls.CipherSuiteName(id); !strings.HasPrefix(s, "0x") {
		return s
	}
	return fmt.Sprintf("0x%04X", id)
}

// emit tells of the session, once.
func (p *tlsParser) emit(c *Context) {
	if p.told || !p.hasC && !p.hasS && len(p.certs[1]) == 0 {
		return
	}
	p.told = true
	e := c.Begin("saksi.tls", p.packets.List())
	version := p.version
	if p.hasS {
		version = p.server.Version
		e.Str(event.TLSCipher, cipherName(p.server.Cipher))
		e.Str(event.TLSCurve, tlsmsg.GroupName(p.server.Group))
		e.Bytes(event.TLSNextProtocol, p.server.ALPN)
		e.Bytes(event.TLSServerJA3S, tlsmsg.AppendMD5(nil, p.ja3s))
	} else if p.hasC {
		version = p.client.Version
	}
	number, protocol := tlsmsg.VersionName(version)
	e.Str(event.TLSVersion, number)
	e.Str(event.TLSVersionProtocol, protocol)
	if p.hasC {
		e.Bytes(event.TLSClientServerName, p.client.ServerName)
		e.Bytes(event.DestinationDomain, p.client.ServerName)
		e.Bytes(event.TLSClientJA3, tlsmsg.AppendMD5(nil, p.ja3))
		e.Bytes(event.SaksiTLSJA3String, p.ja3)
		e.Bytes(event.SaksiTLSJA4, p.ja4)
		for _, a := range p.client.ALPN {
			e.Bytes(event.SaksiTLSALPN, a)
		}
	}
	established := p.sides[0].data || p.sides[1].data || p.sides[0].encrypted && p.sides[1].encrypted
	e.Bool(event.TLSEstablished, established)
	e.Bool(event.TLSResumed, p.resumed)
	if len(p.certs[1]) > 0 {
		serverCert(e, p.certs[1][0])
	}
	if len(p.certs[0]) > 0 {
		x := p.certs[0][0]
		e.Str(event.TLSClientHashSHA256, x.SHA256)
		e.Str(event.TLSClientSubject, x.Subject)
		e.Str(event.TLSClientIssuer, x.Issuer)
	}
	c.Emit(e)
}

func serverCert(e *event.Event, x *tlsmsg.Cert) {
	e.Str(event.TLSServerHashSHA256, x.SHA256)
	e.Str(event.TLSServerHashSHA1, x.SHA1)
	if !x.Parsed {
		return
	}
	e.Str(event.TLSServerSubject, x.Subject)
	e.Str(event.TLSServerIssuer, x.Issuer)
	e.Time(event.TLSServerNotBefore, x.NotBefore)
	e.Time(event.TLSServerNotAfter, x.NotAfter)
	e.Str(event.TLSServerX509SerialNumber, x.Serial)
	e.Str(event.TLSServerX509SubjectDistinguishedName, x.Subject)
	e.Str(event.TLSServerX509IssuerDistinguishedName, x.Issuer)
	for _, n := range x.SubjectCN {
		e.Str(event.TLSServerX509SubjectCommonName, n)
	}
	for _, n := range x.IssuerCN {
		e.Str(event.TLSServerX509IssuerCommonName, n)
	}
	e.Time(event.TLSServerX509NotBefore, x.NotBefore)
	e.Time(event.TLSServerX509NotAfter, x.NotAfter)
	for i, n := range x.Names {
		if i == 64 { // a certificate may carry thousands
			break
		}
		e.Str(event.TLSServerX509AlternativeNames, n)
	}
	e.Str(event.TLSServerX509PublicKeyAlgorithm, x.KeyAlgorithm)
	if x.KeyBits > 0 {
		e.Int(event.TLSServerX509PublicKeySize, int64(x.KeyBits))
	}
	e.Str(event.TLSServerX509SignatureAlgorithm, x.SigAlg)
}
