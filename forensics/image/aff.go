package image

// AFF, version 3 and before, as afflib and guymager write it: segments with names,
// of which those of pages hold media. Other files of a set (.afd) hold other pages.
//
// Specification: S. Garfinkel, AFF: A New Format for Storing Hard Drive Images;
// afflib, lib/afflib_i.h and lib/afflib_pages.cpp. Big-endian:
//
//	file     0 "AFF10\r\n\0", then segments
//	segment  0 "AFF\0" | 4 bytes of the name | 8 of the data | 12 argument |
//	         name | data | "ATT\0" | 4 bytes of all of it
//	pageN    media; argument 1 packed, 0xf0 by what (0 zlib, 0x20 LZMA, 0x30
//	         nothing but zeros, as many as its 4 bytes say)
//	imagesize, a number of 64 bits: its lower 4 bytes, then the upper ones

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/ulikunitz/xz/lzma"
)

const (
	affMagic    = "AFF10\r\n\x00"
	affSegments = 1 << 21 // of one image
	affName     = 64      // bytes of a name; afflib has 32 and less
	affText     = 4096    // bytes of a text that is told

	affPacked = 1
	affHow    = 0xf0
	affZlib   = 0
	affLZMA   = 0x20
	affZero   = 0x30
)

func init() {
	register(Format{
		Name:      "aff",
		Doc:       "AFF 3 (.aff, .afd) as afflib and guymager write it: pages as they are, packed by zlib or LZMA, or of zeros; encrypted ones are named",
		Reference: "S. Garfinkel, AFF: A New Format for Storing Hard Drive Images; afflib 3.7, lib/afflib_pages.cpp",
		Next:      affNext,
		Detect:    func(head, _ []byte) bool { return len(head) >= 8 && string(head[:8]) == affMagic },
		Open:      openAFF,
		Samples:   []string{"container/media.aff", "container/lzma.aff", "container/none.aff"},
		Hostile: []string{
			"container/media.aff cut=8", "container/media.aff cut=700", "container/media.aff cut=3000", "container/media.aff @12=ffffffff", "container/media.aff @16=ffffffff",
			"container/media.aff @8=00000000", "container/lzma.aff cut=3000", "container/none.aff cut=3000",
		},
	})
}

var affFile = regexp.MustCompile(`^(.*_)(\d{3})(\.aff)$`)

// affNext is the name of a further file of an .afd, file_000.aff and so on.
func affNext(first string, n int) string {
	m := affFile.FindStringSubmatch(first)
	if m == nil || m[2] != "000" || n > 999 {
		return ""
	}
	return fmt.Sprintf("%s%03d%s", m[1], n, m[3])
}

// affPage is where a page lies.
type affPage struct {
	seg        int
	arg        uint32
	at, length int64
}

type aff struct {
	segs  []Segment
	pages map[int64]affPage
	page  int64 // bytes
	size  int64
	cache *cache
}

// affMeta names what AFF calls otherwise.
var affMeta = map[string]string{
	"case_num": "case", "acquisition_date": "acquired", "acquisition_notes": "notes", "device_model": "model", "device_sn": "serial",
	"acquisition_technician": "examiner", "acquisition_tecnician": "examiner", "afflib_version": "software", "acquisition_device": "device",
	"acquisition_commandline": "command", "device_manufacturer": "manufacturer", "device_firmware": "firmware", "image_gid": "image id",
}

func openAFF(segs []Segment, _ int) (*Image, error) {
	a := &aff{segs: segs, pages: map[int64]affPage{}}
	im := &Image{r: a, SectorSize: 512}
	meta := map[string]string{}
	for i, s := range segs {
		im.Segments = append(im.Segments, s.Name)
		if err := a.read(i, im, meta); err != nil {
			return nil, err
		}
	}
	if a.page == 0 {
		return nil, fmt.Errorf("opening %s: %w: it states no page size", segs[0].Name, ErrCorrupt)
	}
	last := int64(-1)
	for n := range a.pages {
		last = max(last, n)
	}
	if last > maxMedia/a.page {
		return nil, fmt.Errorf("opening %s: %w: it has a page %d of %d bytes", segs[0].Name, ErrCorrupt, last, a.page)
	}
	if a.size == 0 && last >= 0 { // not stated: by the last page
		a.size = last*a.page + a.page
		im.Notes = append(im.Notes, "it states no size; that of its last page is taken as whole")
	}
	im.Size = a.size
	a.cache = newCache(a.page)
	for k, v := range meta {
		im.Meta = append(im.Meta, Meta{k, v})
	}
	sort.Slice(im.Meta, func(i, k int) bool { return im.Meta[i].Key < im.Meta[k].Key })
	a.missing(im)
	return im, nil
}

// missing says which pages are not there.
func (a *aff) missing(im *Image) {
	count, first := a.size/a.page, int64(-1)
	if a.size%a.page > 0 {
		count++
	}
	all := count
	for n := range a.pages {
		if n < all {
			count--
		}
	}
	if count <= 0 {
		return
	}
	there := slices.Sorted(maps.Keys(a.pages))
	there = append(there[:sort.Search(len(there), func(i int) bool { return there[i] >= all })], all)
	ranges := 0
	for i, n := range there {
		from := int64(0)
		if i > 0 {
			from = there[i-1] + 1
		}
		if from == n {
			continue
		}
		if first < 0 {
			first = from
		}
		if ranges++; ranges <= affText {
			im.Bad = append(im.Bad, Range{from * a.page, min(n*a.page, a.size) - from*a.page})
		}
	}
	im.Notes = append(im.Notes, fmt.Sprintf("%d pages of %d bytes are missing, from page %d on: they read as zeros", count, a.page, first))
	if ranges > affText {
		im.Notes = append(im.Notes, fmt.Sprintf("they are %d stretches, of which the first %d are listed", ranges, affText))
	}
}

// read takes the segments of a file. What is behind damage is lost, and said.
func (a *aff) read(number int, im *Image, meta map[string]string) error {
	s := a.segs[number]
	h := make([]byte, 8)
	if s.Size < 8 || readFull(s, h, 0) != nil || string(h) != affMagic {
		return corrupt(s.Name, 0, "it is no AFF file, unlike the first of its set")
	}
	at := int64(8)
	for n := 0; at < s.Size; n++ {
		lost := ""
		h := make([]byte, 16)
		switch {
		case s.Size-at < 16 || readFull(s, h, at) != nil || string(h[:4]) != "AFF\x00":
			lost = "no segment begins there"
		case n >= affSegments:
			lost = fmt.Sprintf("there are more than %d segments", affSegments)
		}
		be := binary.BigEndian
		name, length, arg := int64(be.Uint32(h[4:])), int64(be.Uint32(h[8:])), be.Uint32(h[12:])
		if lost == "" && (name > affName || name+length > s.Size-at-16) {
			lost = fmt.Sprintf("a segment with a name of %d and data of %d bytes", name, length)
		}
		if lost != "" {
			im.Notes = append(im.Notes, fmt.Sprintf("%s is damaged at offset %d, and what follows is not read: %s", s.Name, at, lost))
			return nil
		}
		b := make([]byte, name)
		if err := readFull(s, b, at+16); err != nil {
			return err
		}
		if err := a.segment(number, string(b), arg, at+16+name, length, im, meta); err != nil {
			return err
		}
		at += 16 + name + length + 8
	}
	return nil
}

// segment takes one. Those without a name were removed.
func (a *aff) segment(number int, name string, arg uint32, at, length int64, im *Image, meta map[string]string) error {
	s := a.segs[number]
	if base, how, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(how, "aes") || strings.HasPrefix(name, "affkey_") {
		return fmt.Errorf("opening %s: its segment %q is encrypted, which is %w: decrypt a copy of it with 'affcrypto -d'", s.Name, base, ErrUnsupported)
	}
	for _, prefix := range []string{"page", "seg"} {
		digits, ok := strings.CutPrefix(name, prefix)
		n, err := strconv.ParseInt(digits, 10, 62)
		if !ok || err != nil || n < 0 || digits[0] == '+' {
			continue
		}
		if _, twice := a.pages[n]; twice && len(im.Notes) < 100 {
			im.Notes = append(im.Notes, fmt.Sprintf("page %d stands twice; the later one is read", n))
		}
		a.pages[n] = affPage{number, arg, at, length}
		return nil
	}
	switch name {
	case "pagesize", "segsize":
		if arg == 0 || arg > maxTable || arg%512 != 0 {
			return corrupt(s.Name, at, "pages of %d bytes", arg)
		}
		a.page = int64(arg)
		return nil
	case "sectorsize":
		if arg >= 512 && arg <= 1<<16 && arg&(arg-1) == 0 {
			im.SectorSize = int(arg)
		}
		return nil
	case "raw_image_file_extension":
		return fmt.Errorf("opening %s: it is AFM, whose media lies in raw files beside it, which is %w: name the first of those", s.Name, ErrUnsupported)
	}
	if length > affText || length == 0 {
		return nil
	}
	b := make([]byte, length)
	if err := readFull(s, b, at); err != nil {
		return err
	}
	be := binary.BigEndian
	switch {
	case name == "imagesize" && length == 8:
		a.size = int64(be.Uint32(b)) | int64(be.Uint32(b[4:]))<<32
	case name == "badsectors" && length == 8:
		if n := int64(be.Uint32(b)) | int64(be.Uint32(b[4:]))<<32; n != 0 {
			im.Notes = append(im.Notes, fmt.Sprintf("%d sectors could not be read when it was made; they hold its flag, that begins with %q", n, "BAD SECTOR"))
		}
	case name == "md5" && length == 16:
		im.MD5 = hex.EncodeToString(b)
	case name == "sha1" && length == 20:
		im.SHA1 = hex.EncodeToString(b)
	case name == "sha256" && length == 32:
		meta["stored sha256"] = hex.EncodeToString(b)
	case name == "image_gid":
		meta[affMeta[name]] = hex.EncodeToString(b)
	case affMeta[name] != "":
		meta[affMeta[name]] = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(strings.TrimRight(string(b), "\x00\n"), "\ufffd"))
	}
	return nil
}

// ReadAt reads media.
func (a *aff) ReadAt(b []byte, off int64) (int, error) {
	total := 0
	for total < len(b) {
		n, within := off/a.page, off%a.page
		want := min(int64(len(b)-total), a.page-within)
		part := b[total : total+int(want)]
		p, ok := a.pages[n]
		switch {
		case !ok || p.arg&affPacked != 0 && p.arg&affHow == affZero:
			clear(part)
		case p.arg&affPacked == 0:
			clear(part)
			if within < p.length {
				if err := readFull(a.segs[p.seg], part[:min(want, p.length-within)], p.at+within); err != nil {
					return total, err
				}
			}
		default:
			data, err := a.cache.get(n, func() ([]byte, error) { return a.unpack(n, p) })
			if err != nil {
				return total, err
			}
			clear(part[copy(part, data[min(within, int64(len(data))):]):])
		}
		total, off = total+int(want), off+want
	}
	return total, nil
}

// unpack expands a page.
func (a *aff) unpack(n int64, p affPage) ([]byte, error) {
	s := a.segs[p.seg]
	fail := func(format string, args ...any) ([]byte, error) {
		return nil, &ChunkError{Segment: s.Name, Chunk: n, Offset: n * a.page, Length: min(a.page, a.size-n*a.page), Reason: fmt.Sprintf(format, args...)}
	}
	if p.length > 2*a.page+1024 {
		return fail("%d bytes for a page of %d", p.length, a.page)
	}
	b := make([]byte, p.length)
	if err := readFull(s, b, p.at); err != nil {
		return nil, err
	}
	var r io.Reader
	var err error
	switch p.arg & affHow {
	case affZlib:
		r, err = zlib.NewReader(bytes.NewReader(b))
	case affLZMA:
		if len(b) < 13 || binary.LittleEndian.Uint32(b[1:]) > maxTable {
			return fail("its LZMA asks for a dictionary beyond %d bytes", maxTable)
		}
		r, err = lzma.ReaderConfig{DictCap: maxTable}.NewReader(bytes.NewReader(b))
	default:
		return fail("it is packed in a way (%#x) that is not known", p.arg&affHow)
	}
	if err != nil {
		return fail("%v", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, a.page))
	if err != nil {
		return fail("%v after %d bytes", err, len(data))
	}
	if want := min(a.page, a.size-n*a.page); int64(len(data)) < want {
		return fail("%d bytes, not %d", len(data), want)
	}
	return data, nil
}

func (a *aff) hole(off int64) int64 {
	n := off / a.page
	if p, ok := a.pages[n]; !ok || p.arg&affPacked != 0 && p.arg&affHow == affZero {
		return (n+1)*a.page - off
	}
	return 0
}
