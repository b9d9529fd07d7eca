package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strconv"
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
	if h.Has("transfer-encoding", "chunked") {
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

// Errors of Body.Next.
var errChunk = errors.New("chunk size is not a number")

// maxChunkLine bounds a chunk's size line, or a trailer line.
const maxChunkLine = 8 << 10

// Next takes bytes from the head of b: content to be used, how many bytes of b
// it and the framing take, and whether the body ends there. With neither
// content nor used bytes, more input is needed.
func (y *Body) Next(b []byte) (content []byte, used int, end bool, err error) {
	switch y.Framing {
	case None:
		return nil, 0, true, nil
	case Close:
		return b, len(b), false, nil
	case Length:
		n := int(min(int64(len(b)), y.left))
		y.left -= int64(n)
		return b[:n], n, y.left == 0, nil
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
			return rest[:n], used + n, false, nil
		default:
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				if len(rest) > maxChunkLine {
					return nil, used, false, errChunk
				}
				return nil, used, false, nil
			}
			line := bytes.TrimSpace(rest[:i])
			used += i + 1
			switch y.state {
			case chunkEnd:
				y.state = chunkSize
			case chunkTrailer:
				if len(line) == 0 {
					return nil, used, true, nil
				}
			case chunkSize:
				if k := bytes.IndexByte(line, ';'); k >= 0 {
					line = bytes.TrimSpace(line[:k])
				}
				n, perr := strconv.ParseInt(string(line), 16, 62)
				if perr != nil || n < 0 {
					return nil, used, false, errChunk
				}
				y.left, y.state = n, chunkData
				if n == 0 {
					y.state = chunkTrailer
				}
			}
		}
	}
	return nil, used, false, nil
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

// Decode undoes a content coding, giving at most limit bytes; whole is false
// if there was more or the data ended early. It returns false for a coding not
// known here.
func Decode(coding string, data []byte, limit int) (out []byte, whole, known bool) {
	var r io.Reader
	var err error
	switch coding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(data))
	case "deflate": // zlib by the specification, raw by habit
		r, err = zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			r, err = flate.NewReader(bytes.NewReader(data)), nil
		}
	default:
		return nil, false, false
	}
	if err != nil {
		return nil, false, true
	}
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(r, int64(limit)+1))
	out = buf.Bytes()
	if n > int64(limit) {
		return out[:limit], false, true
	}
	return out, err == nil, true
}
