package proto

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// partsHost keeps the content of files.
type partsHost struct {
	host
	files []*hostFile
}

func (h *partsHost) OpenFile(name string, _ Dir) FileWriter {
	f := &hostFile{h: &h.host, name: name}
	h.files = append(h.files, f)
	return f
}

// TestMIMEParts proves what is carved out of a message, however its bytes are
// parted.
func TestMIMEParts(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for _, c := range []struct{ name, message, want string }{
		{"base64 in a multipart", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nteks\r\n--b\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBE\r\nRi0x\r\n--b--\r\n", "x.pdf:%PDF-1"},
		{"quoted-printable in a part of a part", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=\"c d\"\r\n\r\n--c d\r\nContent-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=2Cb  \r\nc=\r\nd\r\n--c d--\r\n--b--\r\n", "a.csv:a,b\r\ncd"},
		{"eight bits, a line end that is content", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment; filename=\"..\\\\s.bin\"\n\n\x00\xff\n\n--b--\n", "s.bin:\x00\xff\n"},
		{"the message is a file", "Content-Type: application/zip; name=\"=?UTF-8?Q?p=C3=A9.zip?=\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n", "pé.zip:PK\x03\x04"},
		{"a message in a message", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=k\r\n\r\n--k\r\nContent-Type: image/png\r\n\r\n1\r\n--k--\r\n--b--\r\n", ":1"},
		{"a line longer than is held", "Content-Type: application/octet-stream\r\n\r\n" + long + "\r\n", ":" + long + "\r\n"},
		{"text alone", "Subject: x\r\n\r\nteks\r\n--b\r\n", ""},
		{"no head", "\r\n--b\r\n", ""},
		{"a boundary never closed", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGOD", ":GIF8 (connection_end0)"},
	} {
		for _, step := range []int{1, 7, len(c.message)} {
			h := &partsHost{}
			h.entry = &Entry{Name: "smtp"}
			ctx := &Context{Host: h}
			var p mimeParts
			for b := []byte(c.message); len(b) > 0; {
				n := min(step, len(b))
				p.write(ctx, bytes.Clone(b[:n]))
				b = b[n:]
			}
			p.finish(ctx, !strings.Contains(c.name, "never"))
			var got []string
			for i, f := range h.files {
				s := f.name + ":" + string(f.data)
				if bytes.Contains(h.lines[i], []byte("incomplete")) {
					s += " (connection_end0)"
				}
				got = append(got, s)
			}
			if s := strings.Join(got, "|"); s != c.want {
				t.Errorf("%s, %d bytes at once: %q, expected %q", c.name, step, s[:min(len(s), 200)], c.want[:min(len(c.want), 200)])
			}
		}
	}
}

// FuzzMIMEParts proves that no message makes the carver fail, and that a gap
// marks what it hits.
func FuzzMIMEParts(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lG\r\n--b--\r\n"), 40)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		h := &partsHost{}
		h.entry = &Entry{Name: "smtp"}
		ctx := &Context{Host: h}
		var p mimeParts
		if at < 0 || at > len(b) {
			at = len(b)
		}
		p.write(ctx, b[:at])
		open := p.file
		p.gap(5)
		p.write(ctx, b[at:])
		p.finish(ctx, true)
		if len(h.files) > maxMIMEParts {
			t.Errorf("%d files", len(h.files))
		}
		for i, x := range h.files {
			if open == FileWriter(x) && !bytes.Contains(h.lines[i], []byte("incomplete")) {
				t.Error(fmt.Sprint("a file with a gap is told as whole: ", x.name))
			}
		}
	})
}
