// Package tls reads the unencrypted part of TLS handshakes (RFC 5246, RFC
// 8446) and makes the fingerprints JA3, JA3S and JA4. Start with ParseClient
// and ParseServer.
package tls

import "encoding/binary"

// Extensions read here (IANA "TLS ExtensionType Values").
const (
	extServerName   = 0
	extGroups       = 10
	extPointFormats = 11
	extSigAlgs      = 13
	extALPN         = 16
	extVersions     = 43
	extKeyShare     = 51
	extPreSharedKey = 41
	extTicket       = 35
	extEarlyData    = 42

	// ExtTruncatedMAC and ExtEncryptThenMAC change how records are protected
	// (RFC 6066 section 7, RFC 7366).
	ExtTruncatedMAC   = 4
	ExtEncryptThenMAC = 22
)

// Client is a ClientHello. Slices are views.
type Client struct {
	Version    uint16
	Random     []byte
	Session    []byte
	Ciphers    []uint16
	Extensions []uint16
	Groups     []uint16
	Points     []byte
	SigAlgs    []uint16
	Versions   []uint16
	ALPN       [][]byte
	ServerName []byte
	HasSNI     bool
	Ticket     []byte // of an earlier session (RFC 5077)
	EarlyData  bool   // data may follow at once (RFC 8446 section 4.2.10)
}

// Server is a ServerHello.
type Server struct {
	Version    uint16 // the one in force: of supported_versions if given
	Legacy     uint16
	Random     []byte
	Session    []byte
	Cipher     uint16
	Compressed bool // records are (RFC 3749)
	Extensions []uint16
	ALPN       []byte
	Group      uint16
}

// Grease reports a value reserved to keep peers tolerant (RFC 8701).
func Grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// reader takes bytes off the front; bad is set once there were too few.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() int {
	if v := r.take(1); v != nil {
		return int(v[0])
	}
	return 0
}

func (r *reader) u16() int {
	if v := r.take(2); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

func u16s(dst []uint16, b []byte) []uint16 {
	for ; len(b) >= 2; b = b[2:] {
		dst = append(dst, binary.BigEndian.Uint16(b))
	}
	return dst
}

// ParseClient reads the body of a ClientHello. It returns false if not even
// its cipher suites could be read; a broken extension ends the rest.
func ParseClient(c *Client, body []byte) bool {
	*c = Client{Ciphers: c.Ciphers[:0], Extensions: c.Extensions[:0], Groups: c.Groups[:0], SigAlgs: c.SigAlgs[:0], Versions: c.Versions[:0], ALPN: c.ALPN[:0]}
	r := &reader{b: body}
	c.Version = uint16(r.u16())
	c.Random = r.take(32)
	c.Session = r.take(r.u8())
	c.Ciphers = u16s(c.Ciphers, r.take(r.u16()))
	if r.bad {
		return false
	}
	r.take(r.u8()) // compression methods
	if r.bad || len(r.b) < 2 {
		return true
	}
	if n := r.u16(); n < len(r.b) {
		r.b = r.b[:n]
	}
	for len(r.b) >= 4 {
		typ := uint16(r.u16())
		e := reader{b: r.take(r.u16())}
		if r.bad {
			break
		}
		c.Extensions = append(c.Extensions, typ)
		switch typ {
		case extServerName:
			c.HasSNI = true
			l := reader{b: e.take(e.u16())}
			for len(l.b) > 0 && !l.bad {
				if kind, name := l.u8(), l.take(l.u16()); kind == 0 && c.ServerName == nil {
					c.ServerName = name
				}
			}
		case extGroups:
			c.Groups = u16s(c.Groups, e.take(e.u16()))
		case extPointFormats:
			c.Points = e.take(e.u8())
		case extSigAlgs:
			c.SigAlgs = u16s(c.SigAlgs, e.take(e.u16()))
		case extVersions:
			c.Versions = u16s(c.Versions, e.take(e.u8()))
		case extTicket:
			c.Ticket = e.b
		case extEarlyData:
			c.EarlyData = true
		case extALPN:
			l := reader{b: e.take(e.u16())}
			for len(l.b) > 0 && !l.bad {
				if v := l.take(l.u8()); v != nil {
					c.ALPN = append(c.ALPN, v)
				}
			}
		}
	}
	return true
}

// ParseServer reads the body of a ServerHello.
func ParseServer(s *Server, body []byte) bool {
	*s = Server{Extensions: s.Extensions[:0]}
	r := &reader{b: body}
	s.Legacy = uint16(r.u16())
	s.Random = r.take(32)
	s.Session = r.take(r.u8())
	s.Cipher = uint16(r.u16())
	if r.bad {
		return false
	}
	s.Version = s.Legacy
	s.Compressed = r.u8() != 0
	if r.bad || len(r.b) < 2 {
		return true
	}
	if n := r.u16(); n < len(r.b) {
		r.b = r.b[:n]
	}
	for len(r.b) >= 4 {
		typ := uint16(r.u16())
		e := reader{b: r.take(r.u16())}
		if r.bad {
			break
		}
		s.Extensions = append(s.Extensions, typ)
		switch typ {
		case extVersions:
			if len(e.b) == 2 {
				s.Version = uint16(e.u16())
			}
		case extALPN:
			l := reader{b: e.take(e.u16())}
			s.ALPN = l.take(l.u8())
		case extKeyShare:
			s.Group = uint16(e.u16())
		}
	}
	return true
}

// Certificates splits the body of a Certificate message of TLS 1.2 and below,
// at most max of them.
func Certificates(body []byte, max int) [][]byte {
	r := &reader{b: body}
	if len(body) < 3 {
		return nil
	}
	u24 := func() int { return r.u8()<<16 | r.u16() }
	if n := u24(); n < len(r.b) {
		r.b = r.b[:n]
	}
	var out [][]byte
	for len(r.b) > 3 && len(out) < max {
		c := r.take(u24())
		if r.bad || len(c) == 0 {
			break
		}
		out = append(out, c)
	}
	return out
}

// Certificates13 splits the body of a Certificate message of TLS 1.3 (RFC 8446
// section 4.4.2), at most max of them.
func Certificates13(body []byte, max int) [][]byte {
	r := &reader{b: body}
	r.take(r.u8()) // context of the request
	u24 := func() int { return r.u8()<<16 | r.u16() }
	if n := u24(); n < len(r.b) {
		r.b = r.b[:n]
	}
	var out [][]byte
	for len(r.b) > 3 && len(out) < max {
		c := r.take(u24())
		if r.take(r.u16()); r.bad || len(c) == 0 { // what was said of it besides
			break
		}
		out = append(out, c)
	}
	return out
}

// ChosenALPN is the protocol that the body of EncryptedExtensions names (RFC 8446
// section 4.3.1), nil if none.
func ChosenALPN(body []byte) []byte {
	r := &reader{b: body}
	for list := (reader{b: r.take(r.u16())}); len(list.b) >= 4 && !list.bad; {
		typ := list.u16()
		if e := (reader{b: list.take(list.u16())}); typ == extALPN {
			l := reader{b: e.take(e.u16())}
			return l.take(l.u8())
		}
	}
	return nil
}

// VersionName returns "1.2" for TLS and "ssl3" style names as ECS has them:
// number and protocol.
func VersionName(v uint16) (number, protocol string) {
	switch v {
	case 0x0002:
		return "2.0", "ssl"
	case 0x0300:
		return "3.0", "ssl"
	case 0x0301:
		return "1.0", "tls"
	case 0x0302:
		return "1.1", "tls"
	case 0x0303:
		return "1.2", "tls"
	case 0x0304:
		return "1.3", "tls"
	case 0xfeff:
		return "1.0", "dtls"
	case 0xfefd:
		return "1.2", "dtls"
	case 0xfefc:
		return "1.3", "dtls"
	}
	if v>>8 == 0x7f {
		return "1.3", "tls" // a draft of it
	}
	return "", ""
}

// groupNames are the named groups in use (IANA "TLS Supported Groups").
var groupNames = map[uint16]string{
	23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519", 30: "x448", 256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096",
	4588: "x25519mlkem768", 25497: "x25519kyber768",
}

// GroupName names a key exchange group, or returns "".
func GroupName(g uint16) string { return groupNames[g] }
