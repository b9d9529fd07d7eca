package proto

import (
	"bytes"
	"mime"

	"saksi/event"
)

// address takes the path of MAIL FROM and RCPT TO out of its brackets.
func address(arg []byte) []byte {
	_, a, ok := bytes.Cut(arg, []byte("<"))
	if !ok {
		_, a, _ = bytes.Cut(arg, []byte(":"))
	}
	a, _, _ = bytes.Cut(a, []byte(">"))
	return bytes.Clone(bytes.TrimSpace(a))
}

// header returns a field of the message, unfolded and with encoded words
// decoded (RFC 5322, RFC 2047).
func (m *mail) header(name string) string {
	rest := m.head
	for len(rest) > 0 {
		line, n, _ := nextLine(rest)
		if n == 0 {
			line, n = rest, len(rest)
		}
		rest = rest[n:]
		k, v, ok := bytes.Cut(line, []byte(":"))
		if !ok || !bytes.EqualFold(bytes.TrimSpace(k), []byte(name)) {
			continue
		}
		v = bytes.Clone(bytes.TrimSpace(v))
		for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			line, n, _ := nextLine(rest)
			if n == 0 {
				line, n = rest, len(rest)
			}
			v = append(append(v, ' '), bytes.TrimSpace(line)...)
			rest = rest[n:]
		}
		d := mime.WordDecoder{}
		if s, err := d.DecodeHeader(string(v)); err == nil {
			return s
		}
		return string(v)
	}
	return ""
}

func (m *mail) describe(e *event.Event) {
	e.Bytes(event.EmailFromAddress, m.from)
	for _, a := range m.to {
		e.Bytes(event.EmailToAddress, a)
	}
	e.Str(event.EmailSubject, m.header("subject"))
	e.Str(event.EmailMessageID, m.header("message-id"))
}
