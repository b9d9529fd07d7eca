package proto

import (
	"bytes"
	"encoding/binary"
	"net"

	"saksi/sensor/proto/internal/http"
	"saksi/sensor/proto/internal/pieces"
	"saksi/sensor/proto/internal/quic"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

// ServerName gives the name of the server that a client's first bytes over TCP ask
// for: of TLS, in the hello, or of HTTP/1, in the Host. more says that bytes
// which follow may tell it.
func ServerName(b []byte) (name string, more bool) {
	if len(b) < 9 {
		return "", len(b) > 0 && (b[0] == 0x16 || request(b))
	}
	if request(b) {
		return hostOf(b)
	}
	if b[0] != 0x16 || b[1] != 3 || b[5] != tlsClientHello {
		return "", false
	}
	var msg []byte
	for len(b) >= 5 && b[0] == 0x16 {
		n := int(binary.BigEndian.Uint16(b[3:]))
		msg = append(msg, b[5:min(5+n, len(b))]...)
		b = b[min(5+n, len(b)):]
	}
	return helloName(msg)
}

// helloName reads a handshake message, or the beginning of one.
func helloName(msg []byte) (name string, more bool) {
	if len(msg) < 4 || msg[0] != tlsClientHello {
		return "", false
	}
	whole := len(msg)-4 >= int(msg[1])<<16|int(msg[2])<<8|int(msg[3])
	var c tlsmsg.Client
	if tlsmsg.ParseClient(&c, msg[4:]) && c.ServerName != nil {
		return string(c.ServerName), false
	}
	return "", !whole
}

// request reports whether b may begin a request of HTTP/1.
func request(b []byte) bool {
	for _, m := range [...]string{"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "PROPFIND "} {
		if n := min(len(m), len(b)); string(b[:n]) == m[:n] {
			return true
		}
	}
	return false
}

// hostOf reads the Host of a request of HTTP/1, or the authority of its target.
func hostOf(b []byte) (name string, more bool) {
	line, rest, whole := bytes.Cut(b, []byte("\r\n"))
	f := bytes.Fields(line)
	if whole && (len(f) != 3 || !bytes.HasPrefix(f[2], []byte("HTTP/1."))) {
		return "", false
	}
	host := []byte(nil)
	for whole && len(rest) > 0 {
		if line, rest, whole = bytes.Cut(rest, []byte("\r\n")); !whole || len(line) == 0 {
			break
		}
		if k, v, ok := bytes.Cut(line, []byte(":")); ok && http.EqualFold(k, "host") {
			host = bytes.TrimSpace(v)
		}
	}
	if host == nil {
		return "", !whole
	}
	if h, _, err := net.SplitHostPort(string(host)); err == nil {
		return h, false
	}
	return string(host), false
}

// QUICServerName gives the name of the server that the first datagram of a client
// of QUIC asks for, "" if it tells none.
func QUICServerName(b []byte) string {
	var crypto pieces.Buffer
	for {
		x, rest, ok := quic.Next(b)
		if !ok || !quic.Known(x.Version) {
			break
		}
		if b = rest; x.Type != quic.Initial {
			continue
		}
		for _, k := range quic.NewKeys(x.Version, x.DCID) {
			if frames, ok := k.Open(&x, false); ok {
				quic.Frames(frames, quic.Google(x.Version), crypto.Add)
				break
			}
		}
	}
	name, _ := helloName(crypto.Bytes())
	return name
}
