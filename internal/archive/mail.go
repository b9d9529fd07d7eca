package archive

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
)

const maxHeader = 64 << 10 // bytes of the header of a message or a part

// firsts are fields with which messages begin.
var firsts = map[string]bool{
	"received": true, "return-path": true, "from": true, "to": true, "subject": true, "date": true, "message-id": true, "mime-version": true,
	"delivered-to": true, "x-mozilla-status": true, "content-type": true, "reply-to": true, "sender": true, "dkim-signature": true, "arc-seal": true,
}

// isMail reports whether data begins with the header of a message (RFC 5322)
// that has parts or says how it is written (RFC 2045).
func isMail(d []byte) bool {
	i := bytes.IndexByte(d[:min(len(d), 80)], ':')
	if i <= 0 {
		return false
	}
	name := strings.ToLower(string(d[:i]))
	if !firsts[name] && !strings.HasPrefix(name, "x-") {
		return false
	}
	head := d[:min(len(d), 64<<10)]
	if end := headerEnd(head); end > 0 {
		head = head[:end]
	}
	low := append([]byte{'\n'}, bytes.ToLower(head)...)
	return bytes.Contains(low, []byte("\ncontent-type:")) && (bytes.Contains(low, []byte("\nfrom:")) || bytes.Contains(low, []byte("\nmime-version:")))
}

func headerEnd(d []byte) int {
	if i := bytes.Index(d, []byte("\r\n\r\n")); i >= 0 {
		if j := bytes.Index(d[:i+2], []byte("\n\n")); j < 0 {
			return i + 4
		}
	}
	if i := bytes.Index(d, []byte("\n\n")); i >= 0 {
		return i + 2
	}
	return -1
}

// isMbox reports whether data begins as a mailbox of messages (RFC 4155).
func isMbox(d []byte) bool {
	if !bytes.HasPrefix(d, []byte("From ")) {
		return false
	}
	i := bytes.IndexByte(d[:min(len(d), 1024)], '\n')
	if i < 0 {
		return false
	}
	name, _, ok := bytes.Cut(d[i+1:min(len(d), i+80)], []byte(":"))
	return ok && len(name) > 0 && !bytes.ContainsAny(name, " \t\r\n")
}

// openMbox gives the messages of a mailbox.
func openMbox(l *level) error {
	d := l.data
	for n, at := 1, 0; at < len(d); n++ {
		line := bytes.IndexByte(d[at:], '\n')
		if line < 0 {
			return nil
		}
		from := at + line + 1
		end := from + nextMessage(d[from:])
		if err := l.stored(fmt.Sprintf("message %d", n), int64(from), int64(end-from)); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// nextMessage is where the next message begins: behind an empty line.
func nextMessage(d []byte) int {
	for at := 0; ; {
		i := bytes.Index(d[at:], []byte("\nFrom "))
		if i < 0 {
			return len(d)
		}
		at += i + 1
		if before := bytes.TrimSuffix(d[:at-1], []byte("\r")); len(before) == 0 || before[len(before)-1] == '\n' {
			return at
		}
	}
}

// openMail gives the parts of a message, decoded.
func openMail(l *level) error {
	end := headerEnd(l.data)
	if end < 0 {
		return nil // a header alone holds no parts
	}
	if end > maxHeader {
		return &kindError{Limit, fmt.Sprintf("its header has %d bytes; %d are read at most", end, maxHeader)}
	}
	h := mailHeader(l.data[:end])
	parts := 0
	return l.part(h, bytes.NewReader(l.data[end:]), 0, &parts)
}

// mailHeader reads fields; lines that are none are left out.
func mailHeader(b []byte) textproto.MIMEHeader {
	h := textproto.MIMEHeader{}
	last := ""
	for _, line := range strings.Split(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n") {
		if line == "" {
			continue
		}
		if (line[0] == ' ' || line[0] == '\t') && last != "" {
			v := h[last]
			v[len(v)-1] += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		last = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))
		h[last] = append(h[last], strings.TrimSpace(value))
	}
	return h
}

const maxNested = 16 // multiparts in multiparts

// part gives one part, or those it consists of.
func (l *level) part(h textproto.MIMEHeader, body io.Reader, nested int, parts *int) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && params == nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		if nested == maxNested {
			*parts++
			return l.left(fmt.Sprintf("part %d", *parts), Limit, fmt.Sprintf("parts in %d levels of parts; they are not entered", nested))
		}
		m := multipart.NewReader(body, params["boundary"])
		for {
			p, err := m.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := l.part(p.Header, p, nested+1, parts); err != nil {
				return err
			}
		}
	}
	*parts++
	name := partName(h, params)
	if name == "" {
		name = fmt.Sprintf("part %d", *parts)
	}
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, &base64Text{r: body})
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "x-uuencode", "uuencode", "x-uue":
		l.w.problem(l.path, Unsupported, "a part is written in uuencode, which is not undone")
	}
	return l.packed(name, body)
}

// partName is the name under which a part is kept.
func partName(h textproto.MIMEHeader, params map[string]string) string {
	name := params["name"]
	if _, p, _ := mime.ParseMediaType(h.Get("Content-Disposition")); p["filename"] != "" {
		name = p["filename"]
	}
	d := mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	if s, err := d.DecodeHeader(name); err == nil {
		name = s
	}
	return name
}

// base64Text leaves out what is no digit of base64, as mail programs do, and
// what stands behind its end.
type base64Text struct {
	r    io.Reader
	over bool
	pads int
	n    int // digits and pads so far
}

func (b *base64Text) Read(p []byte) (int, error) {
	for {
		n, err := 0, error(io.EOF)
		if !b.over {
			n, err = b.r.Read(p)
		}
		k := 0
		for _, c := range p[:n] {
			switch {
			case b.over:
			case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/':
				if b.pads == 0 {
					p[k] = c
					k++
				}
			case c == '=':
				p[k] = c
				k++
				b.pads++
			default:
				continue
			}
			if b.pads > 0 && (b.n+k)%4 == 0 {
				b.over = true
			}
		}
		b.n += k
		if k > 0 || err != nil {
			return k, err
		}
	}
}
