package proto

import (
	"mime"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

// httpForm takes the files out of a form that is sent in parts (RFC 7578): each
// part with a file name is a file, the body as a whole is none.
type httpForm struct {
	parts mimeParts
	files []*formFile
	left  int    // bytes that rules may still see
	lead  []byte // what came before any boundary
}

// formFile is one file of a form. It ends with the message, so that rules that
// look at the whole message can ask for it.
type formFile struct {
	form  *httpForm
	to    FileWriter
	name  string
	data  []byte // as rules see it
	size  int64
	gap   bool
	whole bool
	why   string
}

// formOf begins a form, nil if the head announces none.
func formOf(h *http.Head, about func(e *event.Event)) *httpForm {
	media, params, err := mime.ParseMediaType(string(h.Get("content-type")))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return nil
	}
	f := &httpForm{left: maxHTTPInspect}
	f.parts = mimeParts{dir: FromClient, about: about, begun: true, boundaries: []string{params["boundary"]}, open: f.open}
	return f
}

// open begins a file of the form.
func (f *httpForm) open(c *Context, name string) FileWriter {
	x := &formFile{form: f, name: name, to: c.OpenFile(name, FromClient)}
	f.files = append(f.files, x)
	return x
}

// Write implements FileWriter.
func (x *formFile) Write(b []byte) {
	x.size += int64(len(b))
	n := min(len(b), x.form.left)
	x.form.left -= n
	x.data = append(x.data, b[:n]...)
	if x.to != nil {
		x.to.Write(b)
	}
}

// Gap implements FileWriter.
func (x *formFile) Gap(n uint32) {
	x.gap = true
	if x.to != nil {
		x.to.Gap(n)
	}
}

// Close implements FileWriter.
func (x *formFile) Close(whole bool, why string, _ func(e *event.Event)) { x.whole, x.why = whole, why }

// write takes the next bytes of the body.
func (f *httpForm) write(c *Context, b []byte) {
	if !f.parts.delimited {
		f.lead = append(f.lead, b[:min(len(b), maxHTTPInspect-len(f.lead))]...)
	}
	if f.parts.write(c, b); f.parts.delimited {
		f.lead = nil
	}
}

// endForm ends the form of a message. A body without its boundary is none, but a
// file as others are, as far as it was kept.
func (m *httpMessage) endForm(c *Context, t *httpTx, dir Dir, whole bool) bool {
	f := m.form
	if f == nil {
		return whole
	}
	f.parts.finish(c, whole)
	if f.parts.delimited || len(f.lead) == 0 {
		return whole
	}
	m.form = nil
	if m.file = c.OpenFile(t.fileName(dir), dir); m.file != nil {
		m.file.Write(f.lead)
	}
	return whole && int64(len(f.lead)) == m.size
}

// odd tells what is wrong with the form.
func (f *httpForm) odd(say func(...string)) {
	if f.parts.oddities&mimeBadHeader != 0 {
		say("multipart_invalid_header")
	}
	for _, x := range f.files {
		if x.size == 0 && !x.gap {
			say("multipart_no_filedata")
			break
		}
	}
}

// close ends the files.
func (f *httpForm) close() {
	for _, x := range f.files {
		if x.to != nil {
			x.to.Close(x.whole, x.why, f.parts.about)
		}
	}
}

// buffer gives what rules see of the files: their names, contents or sizes.
func (f *httpForm) buffer(b suricata.Buffer) (out [][]byte) {
	for _, x := range f.files {
		switch b {
		case suricata.BufFileName:
			out = append(out, []byte(x.name))
		case suricata.BufFileData:
			out = append(out, x.data)
		case suricata.BufFileSize:
			if !x.gap {
				out = append(out, suricata.AppendNumber(nil, uint64(x.size)))
			}
		}
	}
	return out
}

// ofFile reports whether a buffer is one of files.
func ofFile(b suricata.Buffer) bool {
	return b == suricata.BufFileName || b == suricata.BufFileData || b == suricata.BufFileSize
}
