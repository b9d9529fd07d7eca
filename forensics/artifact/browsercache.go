package artifact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"saksi/event"
)

// Entries of browsers' caches, a file each: the address that was fetched, with its times,
// sizes and what the server said of it.

func init() {
	register(Format{
		Name:      "chrome-cache",
		Doc:       "entries of the simple cache of Chrome, Edge and other Chromium browsers (files HASH_0): address, request and response times, status and headers, size of the content; cookies are withheld",
		Reference: "Chromium net/disk_cache/simple/simple_entry_format.h, net/http/http_response_info.cc",
		Detect:    func(head []byte) bool { return len(head) >= simpleHead && string(head[:8]) == simpleMagic },
		Parse:     parseSimpleCache,
		Event:     eventCache("chrome"),
		Samples:   []string{"sample.simple_0"},
		Hostile:   []string{"sample.simple_0 cut=100", "sample.simple_0 @12=ffffff7f", "sample.simple_0 cut=30"},
	})
	register(Format{
		Name:      "firefox-cache",
		Doc:       "entries of the cache of Firefox (cache2/entries): address, when it was fetched first and last, how often, when it runs out, status and headers, size of the content; cookies are withheld",
		Reference: "Mozilla, netwerk/cache2/CacheFileMetadata.h",
		Detect:    func([]byte) bool { return false },
		Named: func(path string) bool {
			return strings.Contains(path, "/cache2/entries/") || strings.Contains(path, "/cache2/doomed/") || strings.HasSuffix(path, ".cache2")
		},
		Probe:   func(in Input) bool { _, _, err := cache2Head(in); return err == nil },
		Parse:   parseCache2,
		Event:   eventCache("firefox"),
		Samples: []string{"sample.cache2"},
		Hostile: []string{"sample.cache2 @0=00"},
	})
}

func eventCache(module string) func(r *Record, e *event.Event) {
	common := eventBrowser(module)
	return func(r *Record, e *event.Event) {
		common(r, e)
		e.Str(event.EventAction, "cached-content")
		putNumber(e, event.HTTPResponseStatusCode, r.Get("status"))
		putNumber(e, event.HTTPResponseBodyBytes, r.Get("bytes"))
		e.Str(event.HTTPResponseMimeType, r.Get("mime_type"))
		e.Str(event.Message, "cached "+r.Get("url"))
	}
}

// headers adds what a server said that is of use.
func (r *Record) headers(lines []string) {
	for i, l := range lines {
		if i == 0 && strings.HasPrefix(l, "HTTP/") {
			if f := strings.Fields(l); len(f) > 1 {
				r.add("status", f[1])
			}
			continue
		}
		name, value, ok := strings.Cut(l, ":")
		if name, value = strings.ToLower(strings.TrimSpace(name)), strings.ToValidUTF8(strings.TrimSpace(value), "\uFFFD"); !ok || len(value) > 4096 {
			continue
		}
		switch name {
		case "content-type":
			mime, _, _ := strings.Cut(value, ";")
			r.add("mime_type", strings.TrimSpace(mime))
		case "content-encoding", "content-disposition", "etag", "server", "x-powered-by":
			r.add(name, value)
		case "location":
			r.add(name, maskedURL(value))
		case "date", "last-modified", "expires":
			if t, err := http.ParseTime(value); err == nil {
				r.add(name, timeField(nanos(t)))
			}
		}
	}
}

const (
	simpleMagic = "\x30\x5c\x72\xa7\x1b\x6d\xfb\xfc"
	simpleFinal = "\xd8\x41\x0d\x97\x45\x6f\xfa\xf4"
	simpleHead  = 24 // with padding behind the hash of the key
	simpleEOF   = 24
	maxKey      = 2 << 20
	maxHeaders  = 1 << 20
)

// cacheURL takes the address out of a key: newer browsers put the site before it.
func cacheURL(key string) string {
	if i := strings.LastIndexByte(key, ' '); i >= 0 {
		return key[i+1:]
	}
	return strings.TrimPrefix(strings.TrimPrefix(key, "1/0/"), "0/")
}

func parseSimpleCache(in Input, emit func(*Record) error, problem func(Problem)) error {
	head := make([]byte, simpleHead)
	if n, err := in.ReadAt(head, 0); n < simpleHead {
		return fmt.Errorf("reading the cache entry at offset %d: %w", n, err)
	}
	length := int64(binary.LittleEndian.Uint32(head[12:]))
	if length == 0 || length > maxKey || length > in.Size-simpleHead {
		return fmt.Errorf("reading the cache entry at offset 12: its key has %d bytes; the file has %d", length, in.Size)
	}
	key := make([]byte, length)
	if n, err := in.ReadAt(key, simpleHead); n < len(key) {
		return fmt.Errorf("reading the cache entry at offset %d: %w", simpleHead+n, err)
	}
	r := record("cached", 0)
	r.browser(in.Path)
	r.add("url", maskedURL(cacheURL(strings.ToValidUTF8(string(key), "\uFFFD"))))
	r.add("version", strconv.Itoa(int(binary.LittleEndian.Uint32(head[8:]))))
	r.add("user", homeUser(in.Path))
	info, body, err := simpleStreams(in, simpleHead+length)
	switch {
	case err != nil:
		problem(Problem{in.Size, err.Error()})
	case info == nil:
		r.add("bytes", strconv.FormatInt(body, 10))
	default:
		r.add("bytes", strconv.FormatInt(body, 10))
		r.response(info)
	}
	return emit(r)
}

// simpleStreams gives stream 0, what the server said, and the size of stream 1, the
// content. A file of one stream only, HASH_1, has no stream 0.
func simpleStreams(in Input, data int64) (info []byte, body int64, err error) {
	read := func(at int64) (flags uint32, size int64, err error) {
		b := make([]byte, simpleEOF)
		if at < data {
			return 0, 0, fmt.Errorf("the entry ends before offset %d: it was not written whole", data+simpleEOF)
		}
		if n, err := in.ReadAt(b, at); n < simpleEOF-4 {
			return 0, 0, fmt.Errorf("the end of a stream at offset %d: %w", at, err)
		}
		if string(b[:8]) != simpleFinal {
			return 0, 0, fmt.Errorf("no end of a stream is at offset %d: the entry was not written whole", at)
		}
		return binary.LittleEndian.Uint32(b[8:]), int64(binary.LittleEndian.Uint32(b[16:])), nil
	}
	end := in.Size - simpleEOF
	flags, size, err := read(end)
	if err != nil {
		return nil, 0, err
	}
	if flags&2 != 0 { // the SHA-256 of the key
		end -= 32
	}
	if size > end-data {
		return nil, 0, fmt.Errorf("the stream that ends at offset %d has %d bytes: it begins before the file's content", end, size)
	}
	second := end - size - simpleEOF
	if _, _, err := read(second); err != nil { // one stream only
		return nil, end - data, nil
	}
	info = make([]byte, min(size, maxHeaders))
	if n, err := in.ReadAt(info, end-size); n < len(info) {
		return nil, 0, fmt.Errorf("the headers at offset %d: %w", end-size, err)
	}
	return info, second - data, nil
}

// response adds what a pickled HttpResponseInfo says: a size, flags, the times of request
// and response, a length, and the headers, each ended by a zero.
func (r *Record) response(b []byte) {
	if len(b) < 28 {
		return
	}
	flags := binary.LittleEndian.Uint32(b[4:])
	at := 8
	if flags>>31 != 0 && len(b) >= 32 { // more flags
		at += 4
	}
	asked, got := webkitTime(int64(binary.LittleEndian.Uint64(b[at:]))), webkitTime(int64(binary.LittleEndian.Uint64(b[at+8:])))
	r.add("requested", timeField(asked))
	r.add("answered", timeField(got))
	if r.Time = got; r.Time == 0 {
		r.Time = asked
	}
	// Between the times and the headers newer versions have more numbers.
	if i := bytes.Index(b, []byte("HTTP/")); i >= 0 {
		text, _, _ := bytes.Cut(b[i:], []byte("\x00\x00"))
		r.headers(strings.Split(string(text), "\x00"))
	}
}

// cache2 is the metadata of an entry of Firefox.
type cache2 struct {
	version, count, fetched, modified, expires uint32
	key                                        int64
	keyAt                                      int64
}

// cache2Head reads it: where it stands, the last four bytes of the file say.
func cache2Head(in Input) (m cache2, data int64, err error) {
	if in.Size < 4+4+28+2 {
		return m, 0, fmt.Errorf("reading the cache entry: the file has %d bytes only", in.Size)
	}
	var last [4]byte
	if _, err := in.ReadAt(last[:], in.Size-4); err != nil && err != io.EOF {
		return m, 0, fmt.Errorf("reading the cache entry at offset %d: %w", in.Size-4, err)
	}
	data = int64(binary.BigEndian.Uint32(last[:]))
	at := data + 4 + (data+262143)/262144*2 // hashes of itself and of each chunk
	if at+32+2 > in.Size-4 {
		return m, 0, fmt.Errorf("reading the cache entry: its metadata is stated at offset %d of %d bytes", data, in.Size)
	}
	b := make([]byte, 32)
	if n, err := in.ReadAt(b, at); n < len(b) {
		return m, 0, fmt.Errorf("reading the cache entry at offset %d: %w", at, err)
	}
	u := binary.BigEndian.Uint32
	m = cache2{version: u(b), count: u(b[4:]), fetched: u(b[8:]), modified: u(b[12:]), expires: u(b[20:]), key: int64(u(b[24:])), keyAt: at + 28}
	if m.version >= 2 { // flags
		m.keyAt += 4
	}
	if m.version < 1 || m.version > 3 || m.key == 0 || m.key > maxKey || m.keyAt+m.key+1 > in.Size-4 {
		return m, 0, fmt.Errorf("reading the cache entry at offset %d: version %d, a key of %d bytes: it is none", at, m.version, m.key)
	}
	return m, data, nil
}

func parseCache2(in Input, emit func(*Record) error, problem func(Problem)) error {
	m, data, err := cache2Head(in)
	if err != nil {
		return err
	}
	rest := make([]byte, min(in.Size-4-m.keyAt, maxKey+maxHeaders))
	if n, err := in.ReadAt(rest, m.keyAt); n < len(rest) {
		return fmt.Errorf("reading the cache entry at offset %d: %w", m.keyAt, err)
	}
	key := strings.ToValidUTF8(string(rest[:m.key]), "\uFFFD")
	r := record("cached", nanos(time.Unix(int64(m.fetched), 0)))
	r.Offset = data
	// Before the address stand tags, such as of a container or the site around it.
	tags, address, ok := strings.Cut(key, ":")
	if i := strings.Index(key, ",:"); i >= 0 {
		tags, address, ok = key[:i], key[i+2:], true
	}
	if !ok {
		tags, address = "", key
	}
	r.add("url", maskedURL(address))
	r.add("tags", maskedURL(tags))
	r.add("fetched", timeField(r.Time))
	r.add("modified", timeField(nanos(time.Unix(int64(m.modified), 0))))
	if m.expires != 0 && m.expires != 1<<32-1 {
		r.add("expires", timeField(nanos(time.Unix(int64(m.expires), 0))))
	}
	r.add("count", strconv.Itoa(int(m.count)))
	r.add("bytes", strconv.FormatInt(data, 10))
	r.add("user", homeUser(in.Path))
	// Elements: names and values, each ended by a zero.
	parts := strings.Split(string(rest[m.key+1:]), "\x00")
	for i := 0; i+1 < len(parts); i += 2 {
		switch parts[i] {
		case "response-head", "original-response-headers":
			if r.Get("status") == "" {
				r.headers(strings.Split(strings.ReplaceAll(parts[i+1], "\r", ""), "\n"))
			}
		case "request-method":
			r.add("method", strings.ToValidUTF8(parts[i+1], "\uFFFD"))
		}
	}
	return emit(r)
}
