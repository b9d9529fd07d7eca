package proto

import (
	"bytes"
	"encoding/base64"

	"saksi/event"
)

// textSession is what the parsers of protocols of lines know of a connection.
type textSession struct {
	banner    []byte
	user      []byte
	mechanism string
	packets   Packets // of the command in work
	told      bool
}

// begin starts an event of the session.
func (s *textSession) begin(c *Context, dataset, action string) *event.Event {
	s.told = true
	e := c.Begin(dataset, s.packets.List())
	if action == "login" {
		e.Str(event.EventCategory, "authentication")
	}
	e.Str(event.EventAction, action)
	e.Bytes(event.SaksiTextBanner, s.banner)
	e.Bytes(event.UserName, s.user)
	e.Bytes(event.RelatedUser, s.user)
	e.Str(event.SaksiTextMechanism, s.mechanism)
	return e
}

// connected tells of a connection nothing else was told of.
func (s *textSession) connected(c *Context, dataset string) {
	if !s.told && len(s.packets.List()) > 0 {
		c.Emit(s.begin(c, dataset, "connect"))
	}
}

// base64User returns the user of SASL PLAIN in base64.
func base64User(b []byte) []byte {
	if len(b) > 4096 {
		return nil
	}
	v := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(v, b)
	if err != nil {
		return nil
	}
	return plainUser(v[:n])
}

// base64Text decodes a short text, such as the user of LOGIN.
func base64Text(b []byte) []byte {
	if len(b) > 1024 {
		return nil
	}
	v := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(v, b)
	if err != nil {
		return nil
	}
	return v[:n]
}

// withoutPassword takes a password out of an address such as
// "rtsp://user:password@host/".
func withoutPassword(b []byte) []byte {
	at := bytes.IndexByte(b, '@')
	if at < 0 {
		return b
	}
	start := 0
	if i := bytes.Index(b[:at], []byte("://")); i >= 0 {
		start = i + 3
	} else if i := bytes.IndexByte(b[:at], ':'); i >= 0 {
		start = i + 1
	}
	i := bytes.IndexByte(b[start:at], ':')
	if i < 0 {
		return b
	}
	return append(bytes.Clone(b[:start+i]), b[at:]...)
}
