package archive

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/image/tiff/lzw"
)

func isPDF(d []byte) bool { return bytes.Contains(d[:min(len(d), 1024)], []byte("%PDF-")) }

const maxDict = 64 << 10 // bytes of the dictionary of a stream

// openPDF enters a PDF file (ISO 32000-1): its packed streams, found by their
// words and not by its tables, so that what a damaged or updated file hides is
// looked at as well. Streams of pictures are left as they are.
func openPDF(l *level) error {
	d := l.data
	// The word may be a lie that is to keep others out: what unpacks all the same is given.
	encrypted := false
	if i := bytes.LastIndex(d, []byte("/Encrypt")); i >= 0 && encryptDict(d[i+8:]) {
		encrypted = true
		l.w.problem(l.path, Encrypted, "the document is encrypted")
	}
	object, unended := -1, false // where the object began that has had no stream yet
	for at := 0; ; {
		i := bytes.Index(d[at:], []byte("stream"))
		if i < 0 {
			return nil
		}
		word := at + i
		if j := bytes.LastIndex(d[at:word], []byte("obj")); j >= 0 {
			object = at + j
		}
		from := word + 6
		at = from
		if word >= 3 && string(d[word-3:word]) == "end" {
			continue
		}
		if from < len(d) && d[from] == '\r' {
			from++
		}
		if from < len(d) && d[from] == '\n' {
			from++
		}
		if from == at || object < 0 || word-object > maxDict {
			continue
		}
		dict, number := d[object+3:word], objectNumber(d[:object])
		object = -1
		filters := pdfFilters(dict)
		if len(filters) == 0 {
			continue
		}
		end := -1
		if !unended {
			end = bytes.Index(d[from:], []byte("endstream"))
		}
		if end < 0 {
			end, unended = len(d)-from, true
		}
		if n := pdfLength(dict); n > end && n <= len(d)-from && bytes.HasPrefix(bytes.TrimLeft(d[from+n:min(len(d), from+n+16)], "\r\n "), []byte("endstream")) {
			end = n // the word stands in the stream itself
		}
		at = from + end
		r, err := pdfReader(bytes.NewReader(d[from:from+end]), filters)
		if encrypted && r != nil {
			first := make([]byte, 1)
			if _, ferr := io.ReadFull(r, first); ferr != nil {
				continue
			}
			r = io.MultiReader(bytes.NewReader(first), r)
		}
		if err == nil && r != nil {
			err = l.packed("object "+number, r)
		}
		if err != nil {
			return err
		}
	}
}

// encryptDict reports whether what stands behind /Encrypt is its value.
func encryptDict(b []byte) bool {
	b = bytes.TrimLeft(b[:min(len(b), 64)], " \t\r\n\x00\f")
	return len(b) > 0 && (b[0] >= '0' && b[0] <= '9' || bytes.HasPrefix(b, []byte("<<")))
}

// objectNumber is the number of the object whose word "obj" follows d.
func objectNumber(d []byte) string {
	words := bytes.Fields(d[max(0, len(d)-24):])
	if n := len(words); n >= 2 {
		if s := strings.TrimLeft(string(words[n-2]), "endobj>"); s != "" {
			return s
		}
	}
	return "?"
}

// pdfFilters are the names of the filters of a stream, long and short forms the
// same; names may be written with #xx (7.3.5).
func pdfFilters(dict []byte) (list []string) {
	if bytes.IndexByte(dict, '#') >= 0 {
		dict = unhash(dict)
	}
	i := bytes.Index(dict, []byte("/Filter"))
	if i < 0 {
		return nil
	}
	rest := bytes.TrimLeft(dict[i+7:], " \t\r\n\x00\f")
	if len(rest) > 0 && rest[0] == '[' {
		end := bytes.IndexByte(rest, ']')
		if end < 0 {
			return nil
		}
		rest = rest[1:end]
	} else if len(rest) > 0 && rest[0] == '/' {
		end := bytes.IndexAny(rest[1:], " \t\r\n\x00\f/<>[]()")
		if end >= 0 {
			rest = rest[:1+end]
		}
	} else {
		return nil
	}
	return append(list, strings.FieldsFunc(string(rest), func(r rune) bool { return strings.ContainsRune(" \t\r\n\x00\f/", r) })...)
}

func unhash(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '#' && i+2 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// pdfLength is the length of a stream where it is written as a number, or -1.
func pdfLength(dict []byte) int {
	i := bytes.Index(dict, []byte("/Length"))
	if i < 0 {
		return -1
	}
	words := bytes.Fields(dict[i+7 : min(len(dict), i+40)])
	if len(words) == 0 || len(words) > 2 && string(words[2]) == "R" {
		return -1
	}
	n, err := strconv.Atoi(string(bytes.TrimRight(words[0], "/<>")))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

const maxFilters = 8 // of one stream

// pdfReader undoes filters; nil where one is of a picture.
func pdfReader(r io.Reader, filters []string) (io.Reader, error) {
	if len(filters) > maxFilters {
		return failing{&kindError{Limit, fmt.Sprintf("%d filters; %d are undone at most", len(filters), maxFilters)}}, nil
	}
	done := false
	for _, f := range filters {
		switch f {
		case "FlateDecode", "Fl":
			z, err := zlib.NewReader(r)
			if err != nil {
				return failing{err}, nil
			}
			r = z
		case "ASCII85Decode", "A85":
			r = ascii85.NewDecoder(&until{r: r, end: '~'})
		case "ASCIIHexDecode", "AHx":
			r = hex.NewDecoder(&until{r: r, end: '>', hex: true})
		case "LZWDecode", "LZW":
			r = lzw.NewReader(r, lzw.MSB, 8)
		case "DCTDecode", "DCT", "JPXDecode", "CCITTFaxDecode", "CCF", "JBIG2Decode", "RunLengthDecode", "RL":
			if !done {
				return nil, nil // the stream lies in the file as it is
			}
			return r, nil
		default:
			return failing{&kindError{Unsupported, fmt.Sprintf("filter %.40q is not known", f)}}, nil
		}
		done = true
	}
	return r, nil
}

// until reads text to an end mark; of hexadecimal digits, without what stands
// between them.
type until struct {
	r    io.Reader
	end  byte
	hex  bool
	over bool
}

func (u *until) Read(p []byte) (int, error) {
	for !u.over {
		n, err := u.r.Read(p)
		if i := bytes.IndexByte(p[:n], u.end); i >= 0 {
			n, u.over = i, true
		}
		if u.hex {
			k := 0
			for _, c := range p[:n] {
				if c > ' ' {
					p[k] = c
					k++
				}
			}
			n = k
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}
