package proto

import (
	"bytes"
	"mime"
	netmail "net/mail"

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

// add takes the next bytes of the message, which is carved whole, and its
// attachments by themselves.
func (m *mail) add(c *Context, dir Dir, b []byte) {
	for rest := b; len(rest) > 0 && !m.headEnd; {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		if line := rest[:n]; len(bytes.TrimRight(line, "\r\n")) == 0 && (len(m.head) == 0 || m.head[len(m.head)-1] == '\n') || len(m.head)+n > maxMailHead {
			m.headEnd = true
		} else {
			m.head = append(m.head, line...)
		}
		rest = rest[n:]
	}
	if m.file == nil {
		m.file = c.OpenFile("", dir)
		m.parts.dir, m.parts.about = dir, m.aboutFile
	}
	if m.file != nil {
		m.file.Write(b)
		m.parts.write(c, b)
	}
}

// gap notes missing bytes of the message.
func (m *mail) gap(n uint32) {
	if m.file != nil {
		m.file.Gap(n)
		m.parts.gap(n)
	}
}

// end closes the files of the message.
func (m *mail) end(c *Context, whole bool) {
	if m.file == nil {
		return
	}
	m.parts.finish(c, whole)
	m.file.Close(whole, "connection_end", m.aboutFile)
	m.file = nil
}

// fromHead takes sender and recipients from the head of the message, where no
// envelope is seen.
func (m *mail) fromHead(e *event.Event) {
	for _, f := range [...]struct {
		name string
		f    event.Field
	}{{"from", event.EmailFromAddress}, {"to", event.EmailToAddress}} {
		list, err := netmail.ParseAddressList(m.header(f.name))
		if err != nil {
			continue
		}
		for _, a := range list[:min(len(list), maxRecipients)] {
			e.Str(f.f, a.Address)
		}
	}
}

// aboutFile adds where a file came from to its event.
func (m *mail) aboutFile(e *event.Event) {
	m.describe(e)
	if m.x != nil {
		aboutFile(e, m.x)
	}
}

func (m *mail) describe(e *event.Event) {
	if m.from == nil && m.to == nil {
		m.fromHead(e)
	}
	e.Bytes(event.EmailFromAddress, m.from)
	for _, a := range m.to {
		e.Bytes(event.EmailToAddress, a)
	}
	e.Str(event.EmailSubject, m.header("subject"))
	e.Str(event.EmailMessageID, m.header("message-id"))
}
