package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"saksi/event"
)

// Thumbnails that Explorer keeps of every picture it showed: they stay when the
// picture is deleted. The file names no picture, but hashes that Windows.edb and
// the index beside it know.

func init() {
	register(Format{
		Name: "thumbcache",
		Doc: "thumbnails of Explorer, Windows Vista to 11 (thumbcache_*.db, versions 20, 21, 30, 31, 32): each entry with its hash, identifier, size, place, " +
			"type by content and SHA-256 of the picture; entries behind damage are found by their signature and marked recovered",
		Reference: "J. Metz, Windows Explorer Thumbnail Cache database format",
		Detect:    func(head []byte) bool { return len(head) >= thumbHead && string(head[:4]) == thumbMagic },
		Parse:     parseThumbcache,
		Event:     eventThumbnail,
		Samples:   []string{"thumbcache_256.db", "thumbcache-vista.db"},
		Hostile: []string{
			"thumbcache_256.db cut=23", "thumbcache_256.db cut=100", "thumbcache_256.db @4=ff", "thumbcache_256.db @12=ffffff7f", "thumbcache_256.db @28=ffffffff",
			"thumbcache_256.db @28=00000000", "thumbcache_256.db @40=ffffffff", "thumbcache_256.db @48=ffffffff", "thumbcache_256.db @24=00",
		},
	})
}

const (
	thumbMagic = "CMMM"
	thumbHead  = 24
)

// thumbSizes are the kinds of cache files by the version and the number in the header.
var thumbSizes = map[uint32][]string{
	20: {"32", "96", "256", "1024", "sr"},
	21: {"32", "96", "256", "1024", "sr"},
	30: {"16", "32", "48", "96", "256", "1024", "sr", "wide", "exif"},
	31: {"16", "32", "48", "96", "256", "1024", "1600", "sr", "wide", "exif", "wide_alternate"},
	32: {"16", "32", "48", "96", "256", "768", "1280", "1920", "2560", "sr", "wide", "exif", "wide_alternate", "custom_stream"},
}

// thumbcache is one while it is read.
type thumbcache struct {
	in      Input
	version uint32
	common  []Field
	emit    func(*Record) error
	problem func(Problem)

	window   []byte // the part of the file that was searched last
	windowAt int64
}

func parseThumbcache(in Input, emit func(*Record) error, problem func(Problem)) error {
	h := make([]byte, thumbHead)
	if n, err := in.ReadAt(h, 0); n < len(h) {
		return fmt.Errorf("reading the header: %d of %d bytes: %w", n, len(h), err)
	}
	t := &thumbcache{in: in, version: binary.LittleEndian.Uint32(h[4:]), emit: emit, problem: problem}
	kinds, ok := thumbSizes[t.version]
	if !ok {
		return fmt.Errorf("the cache of thumbnails says at byte 4 that it is of version %d; 20, 21, 30, 31 and 32 are read", t.version)
	}
	if k := binary.LittleEndian.Uint32(h[8:]); int64(k) < int64(len(kinds)) {
		t.common = append(t.common, Field{"cache", kinds[k]})
	}
	t.common = append(t.common, Field{"version", strconv.FormatUint(uint64(t.version), 10)})
	at := int64(binary.LittleEndian.Uint32(h[12:]))
	if at == 0 {
		at = thumbHead
	}
	if at < thumbHead || at >= in.Size && in.Size > thumbHead {
		problem(Problem{12, fmt.Sprintf("the first entry is said to lie at byte %d of %d; entries are looked for from byte %d", at, in.Size, thumbHead)})
		at = thumbHead
	}
	recovered := false
	for at < in.Size {
		size, err := t.entry(at, recovered)
		if err != nil {
			return err
		}
		if size > 0 {
			at, recovered = at+size, false
			continue
		}
		next, err := t.next(at + 1)
		if err != nil {
			return err
		}
		if !recovered {
			problem(Problem{at, "no entry is here; entries are looked for by their signature"})
		}
		at, recovered = next, true
	}
	return nil
}

// next finds a signature from a place on, or the file's end. What was read is
// kept: in a file full of false signatures each byte is read once.
func (t *thumbcache) next(at int64) (int64, error) {
	for at+int64(len(thumbMagic)) <= t.in.Size {
		if from := at - t.windowAt; from >= 0 && from+int64(len(thumbMagic)) <= int64(len(t.window)) {
			if i := bytes.Index(t.window[from:], []byte(thumbMagic)); i >= 0 {
				return at + int64(i), nil
			}
			at = t.windowAt + int64(len(t.window)-len(thumbMagic)+1)
			continue
		}
		b := make([]byte, min(1<<20, t.in.Size-at))
		n, err := t.in.ReadAt(b, at)
		if n < len(thumbMagic) {
			return 0, fmt.Errorf("reading the file at byte %d: %w", at, err)
		}
		t.window, t.windowAt = b[:n], at
	}
	return t.in.Size, nil
}

// entry gives the entry at a place and its size; 0 when none is there.
func (t *thumbcache) entry(at int64, recovered bool) (int64, error) {
	// Version 20 has an extension before the sizes; where the identifier begins
	// differs, too.
	sizes, head := 16, 56
	switch t.version {
	case 20:
		sizes = 24
	case 21:
		head = 48
	}
	h := make([]byte, head)
	n, err := t.in.ReadAt(h, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("reading the entry at byte %d: %w", at, err)
	}
	if n < head || string(h[:4]) != thumbMagic {
		return 0, nil
	}
	size := int64(binary.LittleEndian.Uint32(h[4:]))
	name, pad, data := int64(binary.LittleEndian.Uint32(h[sizes:])), int64(binary.LittleEndian.Uint32(h[sizes+4:])), int64(binary.LittleEndian.Uint32(h[sizes+8:]))
	if size < int64(head) || int64(head)+name+pad+data > size {
		return 0, nil
	}
	if at+size > t.in.Size {
		t.problem(Problem{at + 4, fmt.Sprintf("the entry says it has %d bytes; %d are there", size, t.in.Size-at)})
		size = int64(head) + name + pad + data
	}
	if name == 0 && data == 0 { // what is free
		return size, nil
	}
	r := &Record{Offset: at, Header: 1, Fields: append([]Field{{"record", "thumbnail"}}, t.common...)}
	add := func(name, value string) { r.Fields = append(r.Fields, Field{name, value}) }
	add("entry_hash", fmt.Sprintf("%016x", binary.LittleEndian.Uint64(h[8:])))
	if t.version == 20 {
		add("extension", utf16Until(h[16:24]))
	}
	id := make([]byte, min(name, 4096))
	if _, err := t.in.ReadAt(id, at+int64(head)); err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("reading the identifier at byte %d: %w", at+int64(head), err)
	}
	add("identifier", strings.TrimRight(utf16All(id), "\x00"))
	from := at + int64(head) + name + pad
	add("size", strconv.FormatInt(data, 10))
	if data > 0 {
		add("data_offset", strconv.FormatInt(from, 10))
		if have := max(t.in.Size-from, 0); have < data {
			t.problem(Problem{from, fmt.Sprintf("the picture says it has %d bytes; %d are there", data, have)})
			add("truncated", strconv.FormatInt(have, 10))
			data = have
		}
		if err := pictureFields(io.NewSectionReader(t.in, from, data), add); err != nil {
			return 0, fmt.Errorf("reading the picture at byte %d: %w", from, err)
		}
	}
	if recovered {
		add("recovered", "by signature")
	}
	return size, t.emit(r)
}

// pictures are how pictures begin.
var pictures = []struct{ magic, kind string }{
	{"\xff\xd8\xff", "image/jpeg"}, {"\x89PNG\r\n\x1a\n", "image/png"}, {"BM", "image/bmp"}, {"GIF8", "image/gif"},
}

// pictureFields tell what a picture is, by its content.
func pictureFields(r io.Reader, add func(name, value string)) error {
	hash := sha256.New()
	head := make([]byte, 8)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	hash.Write(head[:n])
	if _, err := io.Copy(hash, r); err != nil {
		return err
	}
	for _, p := range pictures {
		if strings.HasPrefix(string(head[:n]), p.magic) {
			add("type", p.kind)
			break
		}
	}
	add("sha256", hex.EncodeToString(hash.Sum(nil)))
	return nil
}

func eventThumbnail(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "thumbnail")
	e.Str(event.FilePath, r.Get("path"))
	e.Str(event.FileName, base(r.Get("path")))
	e.Str(event.FileHashSHA256, r.Get("sha256"))
	putNumber(e, event.FileSize, r.Get("size"))
	for _, f := range r.Fields[r.Header:] {
		e.Str(event.SaksiWindowsData, f.Name+"="+f.Value)
	}
	e.Str(event.Message, strings.TrimSpace("thumbnail "+r.first("identifier", "path", "entry_hash")))
}
