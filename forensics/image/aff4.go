package image

// AFF4: a zip archive of chunks, maps and statements about them.
//
// Specification: AFF4 Standard v1.0a. Little-endian:
//
//	information.turtle   what there is: images with their dataStream, maps and
//	                     image streams with size, chunkSize, chunksInSegment,
//	                     compressionMethod
//	STREAM/NNNNNNNN      chunks, one after the other; .index: 12 a chunk: 8 offset |
//	                     4 bytes; as many as a chunk has: it is not packed
//	MAP/map              28 an entry: 8 offset | 8 length | 8 offset in the target |
//	                     4 number of the target, a line of MAP/idx

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/pierrec/lz4/v4"
)

func init() {
	register(Format{
		Name:      "aff4",
		Doc:       "AFF4 in one file: disks by maps and image streams, packed by Snappy, LZ4 or Deflate; striped and logical ones are named",
		Reference: "AFF4 Standard v1.0a, github.com/aff4/Standard",
		Detect: func(head, _ []byte) bool {
			if len(head) < 60 || string(head[:4]) != "PK\x03\x04" {
				return false
			}
			for _, first := range []string{"container.description", "version.txt", "information.turtle"} {
				if bytes.HasPrefix(head[30:], []byte(first)) {
					return true
				}
			}
			return false
		},
		Open:    openAFF4,
		Samples: []string{"container/media.aff4"},
		Hostile: []string{"container/media.aff4 cut=4000", "container/media.aff4 @-52=f0ffffff", "container/media.aff4 @-56=00000000", "container/media.aff4 @-300=00000000000000000000"},
	})
}

// Limits of AFF4.
const (
	aff4Chunk   = 16 << 20 // bytes of a chunk
	aff4Segment = 1 << 20  // chunks of a segment
	aff4Streams = 64       // of one image
	aff4Entry   = 28
	aff4Index   = 12
)

// aff4 is an open container.
type aff4 struct {
	name   string
	volume string
	files  map[string]*zip.File
	facts  turtle
	// What was unpacked last of all streams, by its number in the stream and that of the stream.
	indexes, chunks *cache
	streams         int64
}

func openAFF4(segs []Segment, _ int) (*Image, error) {
	s := segs[0]
	z, err := zip.NewReader(io.NewSectionReader(s, 0, s.Size), s.Size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("opening %s: %w: the directory of its zip, at its end: %w", s.Name, ErrCorrupt, err)
	}
	a := &aff4{name: s.Name, volume: strings.TrimRight(z.Comment, "\x00\r\n "), files: map[string]*zip.File{}, indexes: newCache(64 << 10), chunks: newCache(32 << 10)}
	for _, f := range z.File {
		a.files[strings.TrimPrefix(f.Name, "/")] = f
	}
	if b, err := a.load("container.description"); err == nil {
		a.volume = strings.TrimSpace(string(b))
	}
	text, err := a.load("information.turtle")
	if err != nil {
		return nil, err
	}
	if a.facts, err = parseTurtle(string(text)); err != nil {
		return nil, fmt.Errorf("opening %s: %w: information.turtle: %w", s.Name, ErrCorrupt, err)
	}
	im := &Image{Segments: []string{s.Name}}
	if b, err := a.load("version.txt"); err == nil {
		for _, line := range strings.FieldsFunc(string(b), func(r rune) bool { return r == '\r' || r == '\n' }) {
			if tool, ok := strings.CutPrefix(line, "tool="); ok {
				im.Meta = append(im.Meta, Meta{"software", strings.ToValidUTF8(tool, "\ufffd")})
			}
		}
	}
	stream, err := a.media(im)
	if err != nil {
		return nil, err
	}
	im.r, im.Size, err = a.open(stream, im)
	return im, err
}

// load reads a small segment.
func (a *aff4) load(name string) ([]byte, error) {
	f := a.files[name]
	if f == nil {
		return nil, fmt.Errorf("opening %s: %w: it has no segment %s", a.name, ErrCorrupt, name)
	}
	if f.UncompressedSize64 > maxTable {
		return nil, fmt.Errorf("opening %s: %w: segment %s claims %d bytes; at most %d are read", a.name, ErrCorrupt, name, f.UncompressedSize64, maxTable)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("opening %s: segment %s: %w", a.name, name, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxTable+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: segment %s: %w: %w", a.name, name, ErrCorrupt, err)
	}
	return b, nil
}

// media is the stream that holds the media: that of the first image, else the
// first map, else the first image stream.
func (a *aff4) media(im *Image) (string, error) {
	var images, maps, streams []string
	for _, s := range a.facts.order {
		switch f := a.facts.of[s]; {
		case f.is("Image", "ContiguousImage", "DiskImage", "MemoryImage", "VolumeImage") && f.one("dataStream") != "":
			images = append(images, s)
		case f.is("Map"):
			maps = append(maps, s)
		case f.is("ImageStream"):
			streams = append(streams, s)
		}
	}
	if len(images) > 0 {
		if len(images) > 1 {
			im.Notes = append(im.Notes, fmt.Sprintf("it holds %d images; the first, %s, is read", len(images), images[0]))
		}
		f := a.facts.of[images[0]]
		for _, h := range f["hash"] {
			switch v := strings.ToLower(h.text); {
			case h.kind == "MD5" && len(v) == 32:
				im.MD5 = v
			case h.kind == "SHA1" && len(v) == 40:
				im.SHA1 = v
			}
		}
		if n, err := strconv.Atoi(f.one("blockSize")); err == nil && n >= 512 && n <= 4096 && n&(n-1) == 0 {
			im.SectorSize = n
		}
		return f.one("dataStream"), nil
	}
	for _, list := range [][]string{maps, streams} {
		if len(list) > 0 {
			return list[0], nil
		}
	}
	return "", fmt.Errorf("opening %s: it holds no image of a disk (a logical AFF4?), which is %w; unpack it with 'unzip'", a.name, ErrUnsupported)
}

// segment is where a part of a stream lies: relative to the volume, or below the
// stream's escaped address.
func (a *aff4) segment(stream, part string) string {
	if rest, ok := strings.CutPrefix(stream, a.volume); ok && a.volume != "" {
		if name := strings.TrimPrefix(rest+"/"+part, "/"); a.files[name] != nil {
			return name
		}
	}
	scheme, rest, _ := strings.Cut(stream, "://")
	guid, path, deeper := strings.Cut(rest, "/")
	name := url.QueryEscape(scheme+"://"+guid) + "/"
	if deeper {
		name += path + "/"
	}
	return name + part
}

// open opens a map or an image stream.
func (a *aff4) open(stream string, im *Image) (io.ReaderAt, int64, error) {
	f := a.facts.of[stream]
	size, err := strconv.ParseInt(f.one("size"), 10, 64)
	if err != nil || size < 0 || size > maxMedia {
		return nil, 0, fmt.Errorf("opening %s: %w: stream %s states %q as its size", a.name, ErrCorrupt, stream, f.one("size"))
	}
	switch {
	case f.is("Map"):
		r, err := a.openMap(stream, size, im)
		return r, size, err
	case f.is("ImageStream"):
		r, err := a.openStream(stream, f, size)
		return r, size, err
	}
	return nil, 0, fmt.Errorf("opening %s: stream %s is neither map nor image stream of this file, which is %w: a striped image has several files", a.name, stream, ErrUnsupported)
}

// aff4Stream is chunks in segments.
type aff4Stream struct {
	a                 *aff4
	stream, method    string
	size              int64
	chunk, perSegment int64
	number            int64  // of the stream in this container
	indexes, chunks   *cache // of all streams
}

func (a *aff4) openStream(stream string, f turtleFacts, size int64) (*aff4Stream, error) {
	s := &aff4Stream{a: a, stream: stream, size: size, method: f.one("compressionMethod")}
	s.chunk, _ = strconv.ParseInt(f.one("chunkSize"), 10, 64)
	s.perSegment, _ = strconv.ParseInt(f.one("chunksInSegment"), 10, 64)
	if s.chunk < 512 || s.chunk > aff4Chunk || s.perSegment < 1 || s.perSegment > aff4Segment {
		return nil, fmt.Errorf("opening %s: %w: stream %s has chunks of %q bytes, %q a segment", a.name, ErrCorrupt, stream, f.one("chunkSize"), f.one("chunksInSegment"))
	}
	if a.streams++; a.streams > aff4Streams {
		return nil, fmt.Errorf("opening %s: %w: more than %d image streams", a.name, ErrCorrupt, aff4Streams)
	}
	s.number, s.indexes, s.chunks = a.streams, a.indexes, a.chunks
	return s, nil
}

// load unpacks chunk n.
func (s *aff4Stream) load(n int64) ([]byte, error) {
	segment := n / s.perSegment
	name := s.a.segment(s.stream, fmt.Sprintf("%08d", segment))
	index, err := s.indexes.get(segment*aff4Streams+s.number-1, func() ([]byte, error) {
		b, err := s.a.load(name + ".index")
		return bytes.Clone(b[:min(int64(len(b)), aff4Index*s.perSegment)]), err
	})
	if err != nil {
		return nil, err
	}
	fail := func(format string, args ...any) error {
		return &ChunkError{Segment: s.a.name, Chunk: n, Offset: n * s.chunk, Length: s.chunk, Reason: fmt.Sprintf("%s: ", name) + fmt.Sprintf(format, args...)}
	}
	at := n % s.perSegment * aff4Index
	if at+aff4Index > int64(len(index)) {
		return nil, fail("its index has %d bytes", len(index))
	}
	off, length := binary.LittleEndian.Uint64(index[at:]), int64(binary.LittleEndian.Uint32(index[at+8:]))
	out := make([]byte, s.chunk)
	if length == 0 {
		return out, nil
	}
	f := s.a.files[name]
	if f == nil {
		return nil, fail("there is no such segment")
	}
	if f.Method != zip.Store {
		return nil, fail("the segment itself is packed by method %d, which is %v", f.Method, ErrUnsupported)
	}
	if off > f.UncompressedSize64 || uint64(length) > f.UncompressedSize64-off || length > 2*s.chunk+1024 {
		return nil, fail("%d bytes at offset %d of %d", length, off, f.UncompressedSize64)
	}
	r, err := f.OpenRaw()
	if err != nil {
		return nil, fail("%v", err)
	}
	in := make([]byte, length)
	if ra, ok := r.(io.ReaderAt); ok {
		_, err = ra.ReadAt(in, int64(off))
	} else {
		err = errors.New("it can't be read from its middle")
	}
	if err != nil && err != io.EOF {
		return nil, fail("%v", err)
	}
	if length == s.chunk {
		return in, nil
	}
	got, err := unpackAFF4(s.method, in, out)
	if err != nil {
		return nil, fail("%v", err)
	}
	if want := min(s.chunk, s.size-n*s.chunk); int64(got) < want {
		return nil, fail("%d bytes, expected %d", got, want)
	}
	return out, nil
}

// unpackAFF4 unpacks a chunk into out and returns how many bytes it had.
func unpackAFF4(method string, in, out []byte) (int, error) {
	full := func(r io.Reader, err error) (int, error) {
		if err != nil {
			return 0, err
		}
		n, err := io.ReadFull(r, out)
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
		return n, err
	}
	switch {
	case strings.Contains(method, "snappy"):
		if n, err := s2.DecodedLen(in); err != nil || n > len(out) {
			return 0, fmt.Errorf("by Snappy: %d bytes of %d: %w", n, len(out), errors.Join(err, ErrCorrupt))
		}
		b, err := s2.Decode(out, in)
		return len(b), err
	case strings.Contains(method, "lz4"):
		if bytes.HasPrefix(in, []byte("\x04\x22\x4d\x18")) {
			return full(lz4.NewReader(bytes.NewReader(in)), nil)
		}
		return lz4.UncompressBlock(in, out)
	case strings.Contains(method, "rfc1950"):
		return full(zlib.NewReader(bytes.NewReader(in)))
	case strings.Contains(method, "rfc1951"):
		return full(flate.NewReader(bytes.NewReader(in)), nil)
	}
	return 0, fmt.Errorf("packed by %q, which is %w", method, ErrUnsupported)
}

// ReadAt reads the stream.
func (s *aff4Stream) ReadAt(b []byte, off int64) (int, error) {
	total := 0
	for len(b) > 0 {
		if off < 0 || off >= s.size {
			return total, io.EOF
		}
		n := off / s.chunk
		chunk, err := s.chunks.get(n*aff4Streams+s.number-1, func() ([]byte, error) { return s.load(n) })
		if err != nil {
			return total, err
		}
		want := copy(b[:min(int64(len(b)), s.size-off)], chunk[off%s.chunk:])
		b, off, total = b[want:], off+int64(want), total+want
	}
	return total, nil
}
