package proto

import (
	"bytes"

	"saksi/event"
)

// mailEVE is a transaction of SMTP, as EVE JSON has it.
type mailEVE struct {
	eveTx
	helo, from  []byte
	to          [][]byte
	headers     [][2][]byte // names in lower case, values as sent but for folding
	attachments [][]byte
	urls        [][]byte
	message     bool // there is one
}

// parameter is the first word behind a command's colon or space.
func parameter(line []byte, prefix int) []byte {
	v := bytes.TrimLeft(line[min(prefix, len(line)):], " ")
	v, _, _ = bytes.Cut(v, []byte(" "))
	return bytes.Clone(v)
}

// asked notes a command.
func (m *mail) asks(c *Context, p *smtp, v string, line []byte) {
	if !c.Detail {
		return
	}
	if m.x == nil {
		p.txs++
		m.x = &mailEVE{eveTx: eveTx(p.txs)}
	}
	switch v {
	case "EHLO", "HELO", "LHLO":
		p.name = parameter(line, len("EHLO "))
	case "MAIL":
		m.x.from = parameter(line, len("MAIL FROM:"))
	case "RCPT":
		if len(m.x.to) < maxRecipients {
			m.x.to = append(m.x.to, parameter(line, len("RCPT TO:")))
		}
	}
	m.x.helo = p.name
}

// read takes head and body of the message, as far as they were kept.
func (x *mailEVE) read(kept []byte) {
	x.message = true
	var main int
	x.part(kept, 0, &main)
}

// part reads a message or a part of one: its header, and what is in it.
func (x *mailEVE) part(b []byte, depth int, parts *int) {
	if *parts++; *parts > maxMailParts || depth > maxMailDepth {
		return
	}
	head, body := rawHead(b)
	if depth == 0 {
		x.headers = head
	}
	get := func(name string) []byte {
		for _, h := range head {
			if string(h[0]) == name {
				return h[1]
			}
		}
		return nil
	}
	typ := get("content-type")
	if boundary := mailToken(typ, "boundary"); len(boundary) > 0 {
		for _, inner := range mailBetween(body, boundary) {
			x.part(inner, depth+1, parts)
		}
		return
	}
	name := mailToken(get("content-disposition"), "filename")
	if name == nil {
		name = mailToken(typ, "name")
	}
	if name != nil {
		x.attachments = append(x.attachments, bytes.Clone(name))
	}
	media, _, _ := bytes.Cut(typ, []byte(";"))
	if m := string(bytes.TrimSpace(media)); name != nil || m == "" || m == "text/plain" || m == "text/html" {
		x.find(transferDecoded(string(get("content-transfer-encoding")), body))
	}
}

// find adds the addresses of the web in a text, without their scheme.
func (x *mailEVE) find(text []byte) {
	low := bytes.ToLower(text)
	for at := 0; len(x.urls) < maxMailURLs; {
		i := bytes.Index(low[at:], []byte("http://"))
		if i < 0 {
			return
		}
		at += i + len("http://")
		end := bytes.IndexAny(low[at:], " \"'<>]\t\r\n")
		if end < 0 {
			end = len(low) - at
		}
		x.urls = append(x.urls, bytes.Clone(text[at:at+min(end, event.MaxValue)]))
		at += end
	}
}

// rawHead parts a message into the fields of its header and its body.
func rawHead(b []byte) (head [][2][]byte, body []byte) {
	for len(b) > 0 {
		line, n, _ := nextLine(b)
		if n == 0 {
			line, n = b, len(b)
		}
		b = b[n:]
		if len(line) == 0 {
			break
		}
		if k := len(head); (line[0] == ' ' || line[0] == '\t') && k > 0 {
			head[k-1][1] = append(head[k-1][1], line[1:]...)
			continue
		}
		if name, v, ok := bytes.Cut(line, []byte(":")); ok && len(head) < 256 {
			head = append(head, [2][]byte{bytes.ToLower(bytes.TrimSpace(name)), append([]byte{}, bytes.TrimLeft(v, " \t")...)})
		}
	}
	return head, b
}

// mailToken is a parameter of a field (RFC 2045 section 5.1); nil for none.
func mailToken(v []byte, name string) []byte {
	for rest := v; ; {
		_, after, ok := bytes.Cut(rest, []byte(";"))
		if !ok {
			return nil
		}
		rest = after
		key, x, ok := bytes.Cut(rest, []byte("="))
		if !ok || !bytes.EqualFold(bytes.TrimSpace(key), []byte(name)) {
			continue
		}
		if len(x) > 0 && x[0] == '"' {
			x, _, _ = bytes.Cut(x[1:], []byte(`"`))
		} else {
			x, _, _ = bytes.Cut(x, []byte(";"))
		}
		return bytes.TrimSpace(x)
	}
}

// mailBetween gives the parts between the lines of a boundary (RFC 2046 section
// 5.1).
func mailBetween(body, boundary []byte) (parts [][]byte) {
	mark := append([]byte("--"), boundary...)
	from := -1
	for at := 0; at < len(body) && len(parts) < maxMailParts; {
		n := bytes.IndexByte(body[at:], '\n') + 1
		if n == 0 {
			n = len(body) - at
		}
		if line := body[at : at+n]; bytes.HasPrefix(line, mark) {
			if from >= 0 {
				parts = append(parts, body[from:at])
			}
			from = at + n
			if bytes.HasPrefix(line[len(mark):], []byte("--")) {
				return parts
			}
		}
		at += n
	}
	if from >= 0 && from < len(body) {
		parts = append(parts, body[from:])
	}
	return parts
}

// AppendEVE implements EVE.
func (x *mailEVE) AppendEVE(m *event.Members) {
	m.Open("smtp")
	if x.helo != nil {
		m.Blob("helo", x.helo)
	}
	if x.from != nil {
		m.Blob("mail_from", x.from)
	}
	m.Blobs("rcpt_to", x.to)
	m.Close()
	if !x.message {
		return
	}
	m.Open("email")
	get := func(name string) []byte {
		for _, h := range x.headers {
			if string(h[0]) == name {
				return h[1]
			}
		}
		return nil
	}
	if v := get("from"); v != nil {
		m.Blob("from", v)
	}
	for _, name := range [...]string{"to", "cc"} {
		if v := get(name); v != nil {
			m.Blobs(name, bytes.Split(v, []byte(",")))
		}
	}
	m.Str("status", "PARSE_DONE")
	m.Blobs("attachment", x.attachments)
	reversed := make([][]byte, len(x.urls))
	for i, u := range x.urls {
		reversed[len(x.urls)-1-i] = u
	}
	m.Blobs("url", reversed)
	for _, f := range [...][2]string{{"message_id", "message-id"}, {"subject", "subject"}, {"x_mailer", "x-mailer"}, {"user_agent", "user-agent"}} {
		if v := get(f[1]); v != nil {
			m.Blob(f[0], v)
		}
	}
	if v := get("bcc"); v != nil {
		m.Blobs("bcc", bytes.Split(v, []byte(",")))
	}
	m.Close()
}
