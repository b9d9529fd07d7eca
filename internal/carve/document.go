package carve

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strconv"
	"strings"
)

func init() {
	register(Kind{
		Name: "pdf", Doc: "PDF: to the %%EOF whose startxref leads to a cross-reference table or stream, updates included", Reference: "ISO 32000-2, 7.5",
		Magic: []string{"%PDF-"}, Max: 512 << 20, Measure: measurePDF,
	})
	register(Kind{
		Name: "zip", Doc: "ZIP and what is one (OOXML, OpenDocument, JAR, APK, EPUB): from its first file to the end of its directory, then the CRC of every file", Reference: "PKWARE, APPNOTE.TXT 6.3.10",
		Magic: []string{"PK\x03\x04"}, Max: 4 << 30, Measure: measureZIP,
	})
	register(Kind{
		Name: "ole", Doc: "OLE compound file (doc, xls, ppt, msi, msg): size by its allocation table, and its root entry", Reference: "Microsoft, [MS-CFB]",
		Magic: []string{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}, Max: 2 << 30, Measure: measureOLE,
	})
	register(Kind{
		Name: "sqlite", Doc: "SQLite 3 database: pages as its header counts them, each of a kind there is", Reference: "SQLite, Database File Format",
		Magic: []string{"SQLite format 3\x00"}, Max: 16 << 30, Measure: measureSQLite,
	})
}

func measurePDF(s *Stream) (Measured, bool) {
	m := Measured{Ext: "pdf", MIME: "application/pdf", Sure: Low}
	h := s.bytes(0, 8)
	if h == nil || h[5] < '1' || h[5] > '2' || h[6] != '.' {
		return m, false
	}
	end := int64(0)
	for at := int64(5); ; {
		p, next := pdfFind(s, at)
		if p < 0 {
			return fragment(m, next, 0)
		}
		rest := s.bytes(p+5, int(min(64, s.Limit-p-5)))
		line := len(rest) - len(bytes.TrimLeft(rest[:min(len(rest), 2)], "\r\n")) - max(0, len(rest)-2)
		end = p + 5 + int64(max(0, line))
		if !pdfGoesOn(bytes.TrimLeft(rest, " \r\n\t")) {
			break
		}
		at = p + 5
	}
	m.Size, m.Whole, m.Sure, m.Checked = end, true, Low, []string{"%%EOF"}
	if pdfXref(s, end) {
		m.Sure, m.Checked = Medium, append(m.Checked, "startxref leads to a cross-reference")
	}
	return m, true
}

// pdfFind finds the next %%EOF from a place on; it is -1, with where it gave up,
// where there is none before the stream or this file ends: another begins.
func pdfFind(s *Stream, at int64) (place, end int64) {
	const overlap = 8
	for at < s.Limit {
		n := int(min(streamBuffer, s.Limit-at))
		b := s.bytes(at, n)
		if b == nil {
			return -1, at
		}
		other := len(b)
		for i := 0; ; i++ {
			j := bytes.Index(b[i:], []byte("%PDF-"))
			if j < 0 {
				break
			}
			if i += j; (at+int64(i))%512 == 0 {
				other = i
				break
			}
		}
		if i := bytes.Index(b[:other], []byte("%%EOF")); i >= 0 {
			return at + int64(i), 0
		}
		if other < len(b) {
			return -1, at + int64(other)
		}
		if n <= overlap {
			break
		}
		at += int64(n - overlap)
	}
	return -1, s.Limit
}

// pdfGoesOn reports whether what follows an end is an update: an object, or a
// cross-reference table.
func pdfGoesOn(b []byte) bool {
	if bytes.HasPrefix(b, []byte("xref")) {
		return true
	}
	word := bytes.Fields(b)
	if len(word) < 3 {
		return false
	}
	_, e1 := strconv.Atoi(string(word[0]))
	_, e2 := strconv.Atoi(string(word[1]))
	return e1 == nil && e2 == nil && bytes.HasPrefix(word[2], []byte("obj"))
}

// pdfXref reports whether the last startxref leads to where it should.
func pdfXref(s *Stream, end int64) bool {
	n := min(end, 1024)
	b := s.bytes(end-n, int(n))
	i := bytes.LastIndex(b, []byte("startxref"))
	if i < 0 {
		return false
	}
	word := bytes.Fields(b[i+9:])
	if len(word) == 0 {
		return false
	}
	at, err := strconv.ParseInt(string(word[0]), 10, 64)
	if err != nil || at <= 0 || at >= end {
		return false
	}
	t := s.bytes(at, int(min(32, end-at)))
	return bytes.HasPrefix(t, []byte("xref")) || pdfGoesOn(t)
}

// Limits of what is unpacked of one archive to check it.
const (
	maxZipFiles  = 1 << 16
	maxZipUnpack = 1 << 30
)

func measureZIP(s *Stream) (Measured, bool) {
	m := Measured{Ext: "zip", MIME: "application/zip", Sure: Medium}
	at, files := int64(0), 0
	for {
		h := s.bytes(at, 30)
		if h == nil {
			return fragment(m, s.Limit, 0)
		}
		if string(h[:4]) != "PK\x03\x04" {
			break
		}
		flags, method := le.Uint16(h[6:]), le.Uint16(h[8:])
		size := int64(le.Uint32(h[18:]))
		name, extra := int64(le.Uint16(h[26:])), int64(le.Uint16(h[28:]))
		if le.Uint16(h[4:]) > 0x3ff || name == 0 || name > 4096 || method > 99 {
			if files == 0 {
				return m, false
			}
			return fragment(m, at, 0)
		}
		if files++; files > maxZipFiles {
			return fragment(m, at, 0)
		}
		if size == 0xffffffff {
			if x := s.bytes(at+30+name, int(extra)); x != nil {
				for len(x) >= 4 {
					n := int(le.Uint16(x[2:]))
					if le.Uint16(x) == 1 && n >= 16 && len(x) >= 20 {
						size = int64(le.Uint64(x[12:]) & (1<<62 - 1))
					}
					x = x[min(len(x), 4+n):]
				}
			}
		}
		at += 30 + name + extra
		if flags&8 != 0 && size == 0 {
			n, ok := zipUnsized(s, at, method)
			if !ok {
				return fragment(m, min(s.Limit, at), 0)
			}
			at = n
			continue
		}
		if size > s.Limit-at {
			return fragment(m, s.Limit, 0)
		}
		at += size
		if flags&8 != 0 {
			at = zipDescriptor(s, at)
		}
	}
	first := at
	entries := 0
	for {
		h := s.bytes(at, 46)
		if h == nil || string(h[:4]) != "PK\x01\x02" {
			break
		}
		entries++
		at += 46 + int64(le.Uint16(h[28:])) + int64(le.Uint16(h[30:])) + int64(le.Uint16(h[32:]))
	}
	if h := s.bytes(at, 76); h != nil && string(h[:4]) == "PK\x06\x06" {
		at += 12 + int64(min(le.Uint64(h[4:]), 1<<20))
		if h := s.bytes(at, 4); h != nil && string(h) == "PK\x06\x07" {
			at += 20
		}
	}
	h := s.bytes(at, 22)
	if h == nil || string(h[:4]) != "PK\x05\x06" || entries == 0 {
		return fragment(m, min(s.Limit, max(at, first)), 0)
	}
	at += 22 + int64(le.Uint16(h[20:]))
	if at > s.Limit {
		return fragment(m, s.Limit, at)
	}
	m.Size, m.Whole, m.Checked = at, true, []string{"directory"}
	zipContent(s, &m)
	return m, true
}

// zipUnsized finds the end of a file whose size stands behind it.
func zipUnsized(s *Stream, at int64, method uint16) (int64, bool) {
	if method == 8 {
		c := s.reader(at)
		r := flate.NewReader(c)
		n, err := io.CopyN(io.Discard, r, maxZipUnpack)
		s.read += n / 8
		if err != io.EOF {
			return 0, false
		}
		return zipDescriptor(s, c.at), true
	}
	for ; at < s.Limit; at += streamBuffer - 8 {
		b := s.bytes(at, int(min(streamBuffer, s.Limit-at)))
		if i := bytes.Index(b, []byte("PK\x07\x08")); i >= 0 {
			return zipDescriptor(s, at+int64(i)), true
		}
	}
	return 0, false
}

// zipDescriptor is behind the sizes that follow a file: 12 or 20 bytes, with or
// without a signature; what stands there next decides.
func zipDescriptor(s *Stream, at int64) int64 {
	for _, n := range []int64{16, 24, 12, 20} {
		if b := s.bytes(at+n, 4); b != nil && (string(b) == "PK\x03\x04" || string(b) == "PK\x01\x02") {
			return at + n
		}
	}
	return at
}

// zipContent reads every file, and tells what the archive is.
func zipContent(s *Stream, m *Measured) {
	z, err := zip.NewReader(io.NewSectionReader(s, 0, m.Size), m.Size)
	if err != nil {
		m.Checked = append(m.Checked, "its directory is wrong: "+err.Error())
		m.Sure = Low
		return
	}
	left := int64(maxZipUnpack)
	bad, checked, skipped := 0, 0, 0
	for _, f := range z.File {
		switch {
		case f.Name == "[Content_Types].xml" && m.Type == "":
			m.Type, m.Ext, m.MIME = "ooxml", "zip", "application/vnd.openxmlformats-officedocument"
		case strings.HasPrefix(f.Name, "word/"):
			m.Type, m.Ext, m.MIME = "docx", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
		case strings.HasPrefix(f.Name, "xl/"):
			m.Type, m.Ext, m.MIME = "xlsx", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		case strings.HasPrefix(f.Name, "ppt/"):
			m.Type, m.Ext, m.MIME = "pptx", "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"
		case f.Name == "META-INF/MANIFEST.MF" && m.Type == "":
			m.Type, m.Ext, m.MIME = "jar", "jar", "application/java-archive"
		case f.Name == "AndroidManifest.xml":
			m.Type, m.Ext, m.MIME = "apk", "apk", "application/vnd.android.package-archive"
		}
		if f.Flags&1 != 0 || f.Method != zip.Store && f.Method != zip.Deflate || left <= 0 {
			skipped++
			continue
		}
		r, err := f.Open()
		if err != nil {
			bad++
			continue
		}
		var out io.Writer = io.Discard
		var kind bytes.Buffer
		if f.Name == "mimetype" && f.UncompressedSize64 < 256 {
			out = &kind
		}
		n, err := io.Copy(out, io.LimitReader(r, left+1))
		left -= n
		s.read += n / 8
		if err != nil {
			bad++
		} else {
			checked++
		}
		if mime := kind.String(); mime != "" && len(mime) < 100 && strings.IndexFunc(mime, func(r rune) bool { return r <= ' ' || r > '~' }) < 0 {
			m.Type, m.MIME = "opendocument", mime
			m.Ext = map[string]string{
				"application/vnd.oasis.opendocument.text": "odt", "application/vnd.oasis.opendocument.spreadsheet": "ods",
				"application/vnd.oasis.opendocument.presentation": "odp", "application/epub+zip": "epub",
			}[mime]
			if m.Ext == "" {
				m.Ext = "zip"
			}
		}
	}
	switch {
	case bad > 0:
		m.Checked = append(m.Checked, fmt.Sprintf("%d of %d files are wrong", bad, len(z.File)))
		m.Whole, m.Sure = false, Low
	case checked > 0 && skipped == 0:
		m.Checked = append(m.Checked, "CRC of every file")
		m.Sure = High
	default:
		m.Checked = append(m.Checked, fmt.Sprintf("CRC of %d files; %d encrypted or too large to check", checked, skipped))
	}
}

func measureOLE(s *Stream) (Measured, bool) {
	m := Measured{Ext: "ole", MIME: "application/x-ole-storage", Sure: Medium}
	h := s.bytes(0, 512)
	if h == nil || le.Uint16(h[28:]) != 0xfffe {
		return m, false
	}
	h = bytes.Clone(h)
	shift := le.Uint16(h[30:])
	if shift != 9 && shift != 12 || le.Uint16(h[32:]) != 6 {
		return m, false
	}
	sector := int64(1) << shift
	tables := int64(le.Uint32(h[44:]))
	if tables == 0 || tables > s.Limit/sector+1 {
		return fragment(m, min(s.Limit, sector), 0)
	}
	// The allocation table's own sectors: 109 in the header, more in a chain.
	list := h[76:512]
	chain := le.Uint32(h[68:])
	last := int64(-1)
	seen := int64(0)
	for {
		for i := 0; i+4 <= len(list) && seen < tables; i += 4 {
			n := int64(le.Uint32(list[i:]))
			b := s.bytes((n+1)*sector, int(sector))
			if n > 0xfffffff0 || b == nil {
				return fragment(m, s.Limit, 0)
			}
			for k := range int(sector / 4) {
				if le.Uint32(b[4*k:]) != 0xffffffff {
					last = seen*sector/4 + int64(k)
				}
			}
			seen++
		}
		if seen >= tables || chain >= 0xfffffffa {
			break
		}
		b := s.bytes((int64(chain)+1)*sector, int(sector))
		if b == nil {
			return fragment(m, s.Limit, 0)
		}
		list = bytes.Clone(b[:sector-4])
		chain = le.Uint32(b[sector-4:])
		if len(list) == 0 {
			break
		}
		tables = min(tables, seen+int64(len(list)/4)*(s.Limit/sector+1))
	}
	m.Size = (last + 2) * sector
	if last < 0 {
		return m, false
	}
	if m.Size > s.Limit {
		return fragment(m, s.Limit, m.Size)
	}
	root := s.bytes((int64(le.Uint32(h[48:]))+1)*sector, 128)
	if root == nil || root[66] != 5 || string(root[:8]) != "R\x00o\x00o\x00t\x00" {
		return fragment(m, m.Size, m.Size)
	}
	m.Whole, m.Checked = true, []string{"allocation table", "root entry"}
	dir := s.bytes((int64(le.Uint32(h[48:]))+1)*sector, int(min(sector*4, s.Limit-(int64(le.Uint32(h[48:]))+1)*sector)))
	for name, t := range map[string][3]string{
		"WordDocument": {"doc", "doc", "application/msword"}, "Workbook": {"xls", "xls", "application/vnd.ms-excel"},
		"PowerPoint Document": {"ppt", "ppt", "application/vnd.ms-powerpoint"}, "__properties_version1.0": {"msg", "msg", "application/vnd.ms-outlook"},
	} {
		wide := make([]byte, 0, 2*len(name))
		for i := range len(name) {
			wide = append(wide, name[i], 0)
		}
		if bytes.Contains(dir, wide) {
			m.Type, m.Ext, m.MIME = t[0], t[1], t[2]
		}
	}
	return m, true
}

func measureSQLite(s *Stream) (Measured, bool) {
	m := Measured{Ext: "sqlite", MIME: "application/vnd.sqlite3", Sure: Medium}
	h := s.bytes(0, 108)
	if h == nil {
		return m, false
	}
	page := int64(be.Uint16(h[16:]))
	if page == 1 {
		page = 65536
	}
	if page < 512 || page&(page-1) != 0 || h[21] != 64 || h[22] != 32 || h[23] != 32 {
		return m, false
	}
	if k := h[100]; k != 5 && k != 13 {
		return fragment(m, min(s.Limit, page), 0)
	}
	pages := int64(be.Uint32(h[28:]))
	if pages == 0 || be.Uint32(h[24:]) != be.Uint32(h[92:]) {
		return fragment(m, min(s.Limit, page), 0) // written by an old version: it does not tell its size
	}
	m.Size = pages * page
	if m.Size > s.Limit {
		return fragment(m, s.Limit, m.Size)
	}
	wrong := 0
	for n := int64(1); n < pages; n++ {
		b := s.bytes(n*page, 8)
		if b == nil {
			return fragment(m, n*page, m.Size)
		}
		// A page of a tree, of a free list or an overflow: the last two begin with
		// the number of another page.
		if k := b[0]; k != 2 && k != 5 && k != 10 && k != 13 && int64(be.Uint32(b)) > pages {
			wrong++
		}
	}
	m.Whole, m.Checked = true, []string{"header", "kinds of pages"}
	if wrong > 0 {
		m.Checked = append(m.Checked, fmt.Sprintf("%d of %d pages are none of a database", wrong, pages))
		return fragment(m, m.Size, m.Size)
	}
	return m, true
}
