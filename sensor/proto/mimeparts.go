package proto

import (
	"bytes"
	"encoding/base64"
	"mime"
	"strings"

	"saksi/event"
)

const (
	// maxMIMEDepth bounds multiparts within multiparts.
	maxMIMEDepth = 8
	// maxMIMEParts bounds the files of one message.
	maxMIMEParts = 256
	// maxMIMEHead bounds the head of a part.
	maxMIMEHead = 16 << 10
	// maxMIMELine bounds what is held of a line; a longer one is taken in pieces.
	maxMIMELine = 4 << 10
)

// mimeParts carves the attachments out of a message (RFC 2045, RFC 2046), which
// it is given in pieces: each part with a file name or that is no text is a
// file, its transfer encoding undone.
type mimeParts struct {
	dir   Dir
	about func(e *event.Event)
	// open begins a file of a form, of which only parts with a file name are
	// files; nil takes the attachments of a mail.
	open func(c *Context, name string) FileWriter

	line       []byte // held until its end
	broken     bool   // line is the rest of a longer one
	head       []byte
	inHead     bool
	begun      bool
	boundaries []string
	encoding   string
	file       FileWriter
	end        []byte // a line end that is the content's only if no boundary follows
	group      []byte // of base64, less than four
	count      int
	oddities   mimeOddity
	delimited  bool // a boundary came
}

// mimeOddity is a set of things that are odd about a message.
type mimeOddity uint16

const (
	mimeLongLine mimeOddity = 1 << iota
	mimeLongEncoded
	mimeLongName
	mimeLongValue
	mimeBadBase64
	mimeBadQuoted
	mimeLongBoundary
	mimeLongFile
	mimeBadHeader
)

// mimeOddities are their names as rules know them (Suricata's rules for SMTP).
var mimeOddities = map[mimeOddity]string{
	mimeLongLine: "mime_long_line", mimeLongEncoded: "mime_long_enc_line", mimeLongName: "mime_long_header_name",
	mimeLongValue: "mime_long_header_value", mimeBadBase64: "mime_invalid_base64", mimeBadQuoted: "mime_invalid_qp",
	mimeLongBoundary: "mime_long_boundary", mimeLongFile: "mime_long_filename",
}

// Lengths beyond which a line (RFC 5322 section 2.1.1, RFC 2045 section 6.7) or
// a field is odd, those of Suricata's parser.
const (
	mimeLineLimit    = 998
	mimeEncodedLimit = 76
	mimeNameLimit    = 75
	mimeValueLimit   = 2000
	mimeBoundLimit   = 254
	mimeFileLimit    = 255
)

// headLine looks a line of a head over.
func (p *mimeParts) headLine(line []byte) {
	if line[0] == ' ' || line[0] == '\t' {
		return
	}
	name, value, ok := bytes.Cut(line, []byte(":"))
	switch {
	case !ok:
		p.oddities |= mimeBadHeader
	case len(name) > mimeNameLimit:
		p.oddities |= mimeLongName
	case len(value) > mimeValueLimit:
		p.oddities |= mimeLongValue
	}
}

// write takes the next bytes of the message.
func (p *mimeParts) write(c *Context, b []byte) {
	if !p.begun {
		p.begun, p.inHead = true, true
	}
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			p.line = append(p.line, b...)
			if len(p.line) > maxMIMELine {
				p.take(c, p.line, nil, p.broken)
				p.line, p.broken = p.line[:0], true
			}
			return
		}
		line := b[:i]
		if len(p.line) > 0 {
			p.line = append(p.line, line...)
			line = p.line
		}
		text := bytes.TrimSuffix(line, []byte("\r"))
		end := "\n"
		if len(text) < len(line) {
			end = "\r\n"
		}
		p.take(c, text, []byte(end), p.broken)
		p.line, p.broken = p.line[:0], false
		b = b[i+1:]
	}
}

// take takes a line, or a piece of a long one: rest says that it is not its
// first, end is its line end.
func (p *mimeParts) take(c *Context, line, end []byte, rest bool) {
	if !rest && bytes.HasPrefix(line, []byte("--")) && p.delimiter(line[2:]) {
		return
	}
	if len(line) > mimeLineLimit {
		p.oddities |= mimeLongLine
	}
	if !p.inHead {
		p.content(line, end)
		return
	}
	if len(line) > 0 && !rest {
		p.headLine(line)
	}
	if len(line) > 0 || rest {
		if len(p.head) < maxMIMEHead {
			p.head = append(append(p.head, line...), '\n')
		}
		return
	}
	p.inHead = false
	p.part(c)
	p.head = p.head[:0]
}

// delimiter reports a boundary, which ends a part (RFC 2046 section 5.1.1).
func (p *mimeParts) delimiter(line []byte) bool {
	line = bytes.TrimRight(line, " \t")
	for i := len(p.boundaries) - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(line, []byte(p.boundaries[i]))
		if !ok || len(rest) > 0 && string(rest) != "--" {
			continue
		}
		p.close(true, "")
		p.delimited = true
		p.boundaries = p.boundaries[:i+1]
		if p.inHead = len(rest) == 0; !p.inHead {
			p.boundaries = p.boundaries[:i]
		}
		p.head = p.head[:0]
		return true
	}
	return false
}

// part begins what the head of a part announces.
func (p *mimeParts) part(c *Context) {
	m := mail{head: p.head}
	media, params, err := mime.ParseMediaType(m.header("content-type"))
	if media == "" && err != nil {
		media = "text/plain"
	}
	switch {
	case strings.HasPrefix(media, "multipart/"):
		if len(params["boundary"]) > mimeBoundLimit {
			p.oddities |= mimeLongBoundary
		}
		if b := params["boundary"]; b != "" && len(p.boundaries) < maxMIMEDepth {
			p.boundaries = append(p.boundaries, b)
		}
		return
	case media == "message/rfc822":
		p.inHead = true
		return
	case len(p.boundaries) == 0: // the message is its only part
		if !p.attached(&m, media) {
			return
		}
	}
	how, disposition, _ := mime.ParseMediaType(m.header("content-disposition"))
	name := disposition["filename"]
	if len(name) > mimeFileLimit {
		p.oddities |= mimeLongFile
	}
	if name == "" {
		name = params["name"]
	}
	if name == "" && p.open != nil || name == "" && how != "attachment" && (media == "" || strings.HasPrefix(media, "text/")) || p.count >= maxMIMEParts {
		return
	}
	p.count++
	d := mime.WordDecoder{}
	if s, err := d.DecodeHeader(name); err == nil {
		name = s
	}
	p.encoding = strings.ToLower(strings.TrimSpace(m.header("content-transfer-encoding")))
	if p.open != nil {
		p.file = p.open(c, baseName(name))
		return
	}
	p.file = c.OpenFile(baseName(name), p.dir)
}

// attached reports whether a message without parts is a file as a whole.
func (p *mimeParts) attached(m *mail, media string) bool {
	how, _, _ := mime.ParseMediaType(m.header("content-disposition"))
	return how == "attachment" || media != "" && !strings.HasPrefix(media, "text/")
}

// content takes a line of the part in work.
func (p *mimeParts) content(line, end []byte) {
	if p.file == nil {
		return
	}
	if len(line) > mimeEncodedLimit && (p.encoding == "base64" || p.encoding == "quoted-printable") {
		p.oddities |= mimeLongEncoded
	}
	switch p.encoding {
	case "base64":
		for _, x := range line {
			if x <= ' ' {
				continue
			}
			if p.group = append(p.group, x); len(p.group) == 4 {
				p.decode()
			}
		}
	case "quoted-printable":
		p.file.Write(p.end)
		p.end = append(p.end[:0], end...)
		if end != nil {
			line = bytes.TrimRight(line, " \t")
		}
		if soft := bytes.HasSuffix(line, []byte("=")); soft {
			line, p.end = line[:len(line)-1], p.end[:0]
		}
		text, good := unquote(line)
		if !good {
			p.oddities |= mimeBadQuoted
		}
		p.file.Write(text)
	default:
		p.file.Write(p.end)
		p.end = append(p.end[:0], end...)
		p.file.Write(line)
	}
}

// decode writes a group of base64; what is none is passed over.
func (p *mimeParts) decode() {
	var out [3]byte
	n, err := base64.StdEncoding.Decode(out[:], p.group)
	if err != nil {
		p.oddities |= mimeBadBase64
	}
	if p.group = p.group[:0]; err == nil || n > 0 {
		p.file.Write(out[:n])
	}
}

// unquote undoes quoted-printable (RFC 2045 section 6.7) in a line; good is false
// if it held what is none.
func unquote(line []byte) (out []byte, good bool) {
	good = true
	if bytes.IndexByte(line, '=') < 0 {
		return line, good
	}
	out = make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] == '=' && i+2 < len(line) {
			hi, lo := unhex(line[i+1]), unhex(line[i+2])
			if hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		good = good && line[i] != '='
		out = append(out, line[i])
	}
	return out, good
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// gap notes that n bytes of the message are missing.
func (p *mimeParts) gap(n uint32) {
	p.line, p.broken, p.group = p.line[:0], true, p.group[:0]
	if p.file != nil {
		p.file.Gap(n)
	}
}

// close ends the file in work.
func (p *mimeParts) close(whole bool, why string) {
	if p.file != nil {
		if len(p.group) >= 2 { // without what pads it
			var out [2]byte
			if n, err := base64.RawStdEncoding.Decode(out[:], p.group); err == nil {
				p.file.Write(out[:n])
			}
		}
		p.file.Close(whole, why, p.about)
	}
	p.file, p.end, p.group = nil, p.end[:0], p.group[:0]
}

// finish ends the message; whole says that it came to its end.
func (p *mimeParts) finish(c *Context, whole bool) {
	if len(p.line) > 0 {
		p.take(c, p.line, nil, p.broken)
		p.line = nil
	}
	if p.file != nil && whole && len(p.boundaries) == 0 && p.encoding != "base64" {
		p.file.Write(p.end)
	}
	p.close(whole && len(p.boundaries) == 0, "connection_end")
}
