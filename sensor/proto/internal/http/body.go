package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Framing of a message body (RFC 9112 section 6.3).
type Framing uint8

// Framings.
const (
	None    Framing = iota
	Length          // Content-Length
	Chunked         // chunked transfer coding
	Close           // until the connection closes
)

// Body follows the framing of one message body.
type Body struct {
	Framing Framing
	left    int64 // of the content or the chunk
	state   chunkState
	empty   int // empty lines where a chunk size was due
	// Extension is true once a chunk had one (RFC 9112 section 7.1.1).
	Extension bool
	// BadChunk is true once a size was due and none came.
	BadChunk bool
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd // the line end behind a chunk
	chunkTrailer
)

// BodyOf tells the framing of a message with a head. noBody is true where the
// protocol rules a body out (HEAD, 1xx, 204, 304).
func BodyOf(h *Head, response, noBody bool) Body {
	if noBody {
		return Body{}
	}
	chunked := false
	h.Tokens("transfer-encoding", func(t string) { chunked = chunked || strings.Contains(t, "chunked") })
	if chunked {
		return Body{Framing: Chunked}
	}
	if v := h.Get("content-length"); v != nil {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err == nil && n >= 0 {
			if n == 0 {
				return Body{}
			}
			return Body{Framing: Length, left: n}
		}
	}
	if response {
		return Body{Framing: Close}
	}
	return Body{}
}

// maxEmpty bounds empty lines where a chunk size is due.
const maxEmpty = 4

// maxChunkLine bounds a chunk's size line, or a trailer line.
const maxChunkLine = 16 << 10

// Next takes bytes from the head of b: content to be used, how many bytes of b
// it and the framing take, and whether the body ends there. With neither
// content nor used bytes, more input is needed.
func (y *Body) Next(b []byte) (content []byte, used int, end bool) {
	switch y.Framing {
	case None:
		return nil, 0, true
	case Close:
		return b, len(b), false
	case Length:
		n := int(min(int64(len(b)), y.left))
		y.left -= int64(n)
		return b[:n], n, y.left == 0
	}
	for used < len(b) {
		rest := b[used:]
		switch y.state {
		case chunkData:
			n := int(min(int64(len(rest)), y.left))
			y.left -= int64(n)
			if y.left == 0 {
				y.state = chunkEnd
			}
			return rest[:n], used + n, false
		default:
			if c := rest[0]; y.state == chunkSize && unhex(c) < 0 && bytes.IndexByte([]byte("\r\n \t\v\f"), c) < 0 {
				y.Framing, y.BadChunk = Close, true // not chunked at all: see below
				return rest, len(b), false
			}
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				if len(rest) > maxChunkLine {
					y.Framing, y.BadChunk = Close, true
					return rest, len(b), false
				}
				return nil, used, false
			}
			line := bytes.TrimSpace(rest[:i])
			used += i + 1
			switch y.state {
			case chunkEnd:
				y.state, y.empty = chunkSize, 0
			case chunkTrailer:
				if len(line) == 0 {
					return nil, used, true
				}
			case chunkSize:
				if len(line) == 0 && y.empty < maxEmpty {
					y.empty++
					continue
				}
				y.Extension = y.Extension || bytes.IndexByte(line, ';') >= 0
				line = line[:digits(line)] // what follows them is passed over
				n, perr := strconv.ParseInt(string(line), 16, 62)
				if perr != nil || n < 0 {
					// Not chunked at all, or no longer: as browsers do, the rest
					// is content until the connection closes.
					y.Framing, y.BadChunk = Close, true
					return rest, len(b), false
				}
				y.left, y.state = n, chunkData
				if n == 0 {
					y.state = chunkTrailer
				}
			}
		}
	}
	return nil, used, false
}

// digits tells how many hexadecimal digits a line begins with.
func digits(line []byte) int {
	for i, c := range line {
		if unhex(c) < 0 {
			return i
		}
	}
	return len(line)
}

// Skip passes over n missing bytes. It returns false if the framing is lost.
func (y *Body) Skip(n uint32) bool {
	switch y.Framing {
	case Close:
		return true
	case Length:
		if int64(n) > y.left {
			return false
		}
		y.left -= int64(n)
		return true
	case Chunked:
		if y.state != chunkData || int64(n) > y.left {
			return false
		}
		y.left -= int64(n)
		if y.left == 0 {
			y.state = chunkEnd
		}
		return true
	}
	return false
}

// Ended reports a body of known length that is complete.
func (y *Body) Ended() bool { return y.Framing == None || y.Framing == Length && y.left == 0 }

// coding tells which one a word means (IANA "HTTP Content Coding Registry"); ""
// if none. As clients do, it looks for the two common names within the word.
func coding(word string) string {
	switch {
	case strings.Contains(word, "gzip"):
		return "gzip"
	case strings.Contains(word, "deflate"):
		return "deflate"
	}
	switch word {
	case "zstd", "br", "compress", "x-compress":
		return word
	}
	return ""
}

// Codings lists the content codings of a head in the order they were applied.
func (h *Head) Codings() []string {
	var out []string
	h.Tokens("content-encoding", func(t string) {
		if c := coding(t); c != "" && len(out) < maxCodings {
			out = append(out, c)
		}
	})
	return out
}

// maxZstd bounds the window of a Zstandard body (RFC 8878 section 3.1.1.1.2
// recommends to accept 8 MB).
const maxZstd = 8 << 20

// maxCodings bounds codings of one body.
const maxCodings = 4

// Decode undoes content codings, giving at most limit bytes. whole is false if
// there was more, the data ended early, or a coding is not known or does not
// fit; what was reached until then is returned.
func Decode(codings []string, data []byte, limit int) (out []byte, whole bool) {
	whole = true
	for i := len(codings) - 1; i >= 0; i-- {
		next, all, ok := decode(codings[i], data, limit)
		if !ok {
			whole = false // what it was under the coding is not known, or it was not
			continue
		}
		data, whole = next, whole && all
	}
	return data, whole
}

func decode(coding string, data []byte, limit int) (out []byte, whole, ok bool) {
	var r io.Reader
	switch coding {
	case "gzip", "deflate": // either label is seen on either form, and on none
		r = inflater(data)
	case "zstd":
		z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxZstd), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, false, false
		}
		defer z.Close()
		r = z
	default:
		return nil, false, false
	}
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(r, int64(limit)+1))
	out = buf.Bytes()
	switch {
	case n > int64(limit):
		return out[:limit], false, true
	case n == 0 && err != nil:
		return nil, false, false
	}
	return out, err == nil, true
}

// inflater reads DEFLATE data in whichever of its three forms it comes.
func inflater(data []byte) io.Reader {
	if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		return z
	}
	if body := gzipBody(data); body != nil {
		return flate.NewReader(bytes.NewReader(body))
	}
	if z, err := zlib.NewReader(bytes.NewReader(data)); err == nil {
		return z
	}
	return flate.NewReader(bytes.NewReader(data))
}

// gzipBody passes over a gzip header (RFC 1952 section 2.3) without verifying
// it; nil if there is none.
func gzipBody(b []byte) []byte {
	if len(b) < 10 || b[0] != 0x1f || b[1] != 0x8b {
		return nil
	}
	flags := b[3]
	b = b[10:]
	if flags&4 != 0 { // extra
		if len(b) < 2 || len(b) < 2+int(b[0])+int(b[1])<<8 {
			return nil
		}
		b = b[2+int(b[0])+int(b[1])<<8:]
	}
	for _, f := range []byte{8, 16} { // name, comment
		if flags&f != 0 {
			i := bytes.IndexByte(b, 0)
			if i < 0 {
				return nil
			}
			b = b[i+1:]
		}
	}
	if flags&2 != 0 { // header checksum
		if len(b) < 2 {
			return nil
		}
		b = b[2:]
	}
	return b
}
