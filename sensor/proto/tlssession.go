package proto

import (
	"crypto/tls"
	"fmt"
	"time"

	"saksi/event"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

// maxCertificates bounds a chain.
const maxCertificates = 16

// tlsSession is what the handshake of TLS tells in the clear, whatever carries
// it: records of TLS or DTLS, or QUIC.
type tlsSession struct {
	kind        byte // of JA4: 't', 'd' or 'q'
	packets     Packets
	client      tlsmsg.Client
	server      tlsmsg.Server
	keep        [2][]byte // the hello messages the views point into
	hasC        bool
	hasS        bool
	certs       [2][]*tlsmsg.Cert
	version     uint16 // of the first record, when no hello is seen
	ja3         []byte
	ja3s        []byte
	ja4         []byte
	told        bool
	resumed     bool
	established bool
	decrypted   bool     // some of it was
	events      [][]byte // that rules name
	quicName    []byte   // version of QUIC as rules have it
	state       uint64   // of the handshake, see suricata.TLSClientHello
}

// offer shows the session to the rules: those for TLS, which mean TLS over TCP,
// or those for QUIC. Of DTLS there are none.
func (p *tlsSession) offer(c *Context, dir Dir) {
	if p.kind != 'd' && c.Matching() {
		c.Offer(&tlsView{p: p, dir: dir}, dir)
	}
}

// modern reports TLS 1.3 or DTLS 1.3, which encrypt certificates.
func (p *tlsSession) modern() bool {
	v := p.server.Version
	return v == 0x0304 || v == 0xfefc || v>>8 == 0x7f
}

// message takes one handshake message.
func (p *tlsSession) message(c *Context, dir Dir, typ byte, body []byte) {
	p.reached(c, dir, typ)
	switch {
	case typ == 1 && dir == FromClient:
		if p.hasC { // after a HelloRetryRequest the first stands
			return
		}
		p.keep[0] = append(p.keep[0][:0], body...)
		if tlsmsg.ParseClient(&p.client, p.keep[0]) {
			p.hasC = true
			p.ja3 = p.client.AppendJA3(p.ja3[:0])
			p.ja4 = p.client.AppendJA4(p.ja4[:0], p.kind)
			p.offer(c, dir)
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
		if len(p.server.Session) > 0 && p.hasC && string(p.server.Session) == string(p.client.Session) && !p.modern() {
			p.resumed = true
		}
		p.offer(c, dir)
	case typ == 11 && (!p.hasS || !p.modern()):
		if len(p.certs[dir]) > 0 {
			return
		}
		p.chain(c, dir, tlsmsg.Certificates(body, maxCertificates))
	}
}

// chain takes the certificates of a side.
func (p *tlsSession) chain(c *Context, dir Dir, list [][]byte) {
	for _, der := range list {
		p.certs[dir] = append(p.certs[dir], tlsmsg.ParseCert(der))
	}
	if dir == FromServer {
		p.resumed = false
	}
	p.offer(c, dir)
}

// helloRetry is the random of a HelloRetryRequest (RFC 8446 section 4.1.3).
const helloRetry = "\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91\xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C"

// cipherName gives the IANA name of a cipher suite.
func cipherName(id uint16) string {
	if s := cipherNames[id]; s != "" {
		return s
	}
	return fmt.Sprintf("0x%04X", id)
}

// cipherNames are the names of the cipher suites that crypto/tls knows.
var cipherNames = func() map[uint16]string {
	m := map[uint16]string{}
	for _, list := range [2][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range list {
			m[s.ID] = s.Name
		}
	}
	return m
}()

// emit tells of the session, once. about, if not nil, adds what the transport
// knows. It returns false if there was nothing to tell.
func (p *tlsSession) emit(c *Context, dataset string, about func(e *event.Event)) bool {
	if p.told || !p.hasC && !p.hasS && len(p.certs[1]) == 0 {
		return p.told
	}
	p.told = true
	e := c.Begin(dataset, p.packets.List())
	p.Describe(e)
	if p.decrypted {
		c.AboutOpened(e)
	}
	if about != nil {
		about(e)
	}
	c.Emit(e)
	return true
}

// Describe implements Describer.
func (p *tlsSession) Describe(e *event.Event) {
	version := p.version
	if p.hasS {
		version = p.server.Version
		e.Str(event.TLSCipher, cipherName(p.server.Cipher))
		e.Str(event.TLSCurve, tlsmsg.GroupName(p.server.Group))
		e.Bytes(event.TLSNextProtocol, p.server.ALPN)
		e.Bytes(event.TLSServerJA3S, tlsmsg.AppendMD5(nil, p.ja3s))
		e.Bytes(event.SaksiEveJA3SString, p.ja3s)
	} else if p.hasC {
		version = p.client.Version
	}
	aboutVersion(e, version)
	e.Str(event.SaksiEveSessionVersion, p.chosen())
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
	e.Bool(event.TLSEstablished, p.established)
	e.Bool(event.TLSResumed, p.resumed)
	if len(p.certs[1]) > 0 {
		serverCert(e, p.certs[1][0])
	}
	if len(p.certs[0]) > 0 {
		x := p.certs[0][0]
		e.Str(event.TLSClientHashSHA256, x.SHA256)
		e.Str(event.TLSClientSubject, x.Subject)
		e.Str(event.TLSClientIssuer, x.Issuer)
		if x.Parsed {
			e.Str(event.SaksiEveSessionClient, clientCert(x))
		}
	}
}

// chosen is the version that the server chose, in Suricata's words.
func (p *tlsSession) chosen() string {
	if !p.hasS {
		return "UNDETERMINED"
	}
	switch v := p.server.Version; {
	case v == 2:
		return "SSLv2"
	case v == 0x0300:
		return "SSLv3"
	case v == 0x0301:
		return "TLSv1"
	case v == 0x0302:
		return "TLS 1.1"
	case v == 0x0303:
		return "TLS 1.2"
	case v == 0x0304:
		return "TLS 1.3"
	case v>>8 == 0x7f && v&0xff >= 16 && v&0xff <= 28:
		return fmt.Sprintf("TLS 1.3 draft-%d", v&0xff)
	default:
		return fmt.Sprintf("0x%04x", v)
	}
}

// clientCert is what EVE JSON tells of a client's certificate.
func clientCert(x *tlsmsg.Cert) string {
	const form = "2006-01-02T15:04:05"
	var m event.Members
	m.Str("subject", x.Subject)
	m.Str("issuerdn", x.Issuer)
	m.Str("fingerprint", colons(x.SHA1))
	m.Str("serial", event.SerialColons(x.Serial))
	m.Str("notbefore", time.Unix(0, x.NotBefore).UTC().Format(form))
	m.Str("notafter", time.Unix(0, x.NotAfter).UTC().Format(form))
	return m.String()
}

func aboutVersion(e *event.Event, version uint16) {
	number, protocol := tlsmsg.VersionName(version)
	e.Str(event.TLSVersion, number)
	e.Str(event.TLSVersionProtocol, protocol)
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
