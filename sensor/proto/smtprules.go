package proto

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"slices"
	"strings"

	"saksi/rules/suricata"
)

const (
	// maxMailInspect is how much of a message is kept to be taken apart for rules.
	maxMailInspect = 1 << 20
	// maxMailParts bounds the parts of a message, and maxMailDepth their nesting.
	maxMailParts = 64
	maxMailDepth = 4
)

// inspect shows a message to the rules: its envelope, its header and what is
// attached to it (Suricata user guide, "SMTP Keywords", "Email Keywords").
func (p *smtp) inspect(c *Context, m *mail) {
	p.tx++
	t := &bufTx{app: suricata.AppSMTP, id: p.tx, packets: m.packets.List()}
	if m.x != nil {
		t.eve = m.x
	}
	if len(p.helo) > 0 {
		t.add(suricata.BufSMTPHelo, bytes.Clone(p.helo))
	}
	if len(m.from) > 0 {
		t.add(suricata.BufSMTPMailFrom, m.from)
	}
	for _, a := range m.to {
		t.add(suricata.BufSMTPRcptTo, a)
	}
	for _, h := range []struct {
		name string
		buf  suricata.Buffer
	}{
		{"from", suricata.BufEmailFrom},
		{"to", suricata.BufEmailTo},
		{"cc", suricata.BufEmailCC},
		{"subject", suricata.BufEmailSubject},
		{"date", suricata.BufEmailDate},
		{"message-id", suricata.BufEmailMessageID},
		{"x-mailer", suricata.BufEmailXMailer},
	} {
		if v := m.raw(h.name); v != nil {
			t.add(h.buf, v)
		}
	}
	head, body := cutHead(m.kept)
	m.inside(c, t, body)
	parts := 0
	attachments(t, head, body, 0, &parts)
	if len(m.kept) == maxMailInspect { // the rest is not known, nor sizes
		t.bufs = slices.DeleteFunc(t.bufs, func(b buf) bool { return b.name == suricata.BufFileSize })
	}
	c.Offer(t, FromClient)
}

// raw returns a field of the message's header, unfolded but not decoded.
func (m *mail) raw(name string) []byte {
	h, _ := cutHead(append(bytes.Clone(m.head), "\r\n"...))
	if v := h.Values(name); len(v) > 0 {
		return []byte(v[0])
	}
	return nil
}

// cutHead parts a message, or a part of one, into header and body.
func cutHead(b []byte) (textproto.MIMEHeader, []byte) {
	h := textproto.MIMEHeader{}
	var key, val string
	keep := func() {
		if key != "" {
			h.Add(key, val)
		}
		key = ""
	}
	for len(b) > 0 {
		line, n, _ := nextLine(b)
		if n == 0 {
			line, n = b, len(b)
		}
		b = b[n:]
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			val += " " + string(bytes.TrimSpace(line))
			continue
		}
		keep()
		k, v, ok := bytes.Cut(line, []byte(":"))
		if ok && len(h) < 256 {
			key, val = string(bytes.TrimSpace(k)), string(bytes.TrimSpace(v))
		}
	}
	keep()
	return h, b
}

// attachments adds the parts of a message that are files (RFC 2045, RFC 2183).
func attachments(t *bufTx, h textproto.MIMEHeader, body []byte, depth int, parts *int) {
	if *parts++; *parts > maxMailParts || depth > maxMailDepth {
		return
	}
	typ, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if strings.HasPrefix(typ, "multipart/") && params["boundary"] != "" {
		r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for {
			part, err := r.NextRawPart()
			if err != nil {
				return
			}
			inner, _ := io.ReadAll(io.LimitReader(part, maxMailInspect)) // what came before an error counts
			attachments(t, part.Header, inner, depth+1, parts)
		}
	}
	disposition, dp, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	name := dp["filename"]
	if name == "" {
		name = params["name"]
	}
	if name == "" && disposition != "attachment" {
		return
	}
	if s, err := (&mime.WordDecoder{}).DecodeHeader(name); err == nil {
		name = s
	}
	t.add(suricata.BufFileName, []byte(name))
	data := transferDecoded(h.Get("Content-Transfer-Encoding"), body)
	t.add(suricata.BufFileData, data)
	t.number(suricata.BufFileSize, uint64(len(data)))
}

// transferDecoded undoes a transfer encoding as far as it goes.
func transferDecoded(encoding string, body []byte) []byte {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		clean := make([]byte, 0, len(body))
		for _, c := range body {
			if c > ' ' {
				clean = append(clean, c)
			}
		}
		out := make([]byte, base64.StdEncoding.DecodedLen(len(clean)))
		n, _ := base64.StdEncoding.Decode(out, clean)
		return out[:n]
	case "quoted-printable":
		out, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		return out
	}
	return body
}
