package artifact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"saksi/internal/compound"
)

// Thumbs.db: the thumbnails of a folder, which stay when the pictures are deleted.
// Windows XP names each picture and its time; later ones, on shares, a hash.

func init() {
	register(Format{
		Name: "thumbsdb",
		Doc: "Thumbs.db of a folder (Windows ME to XP with the name and time of each picture; later ones, on shares, with its hash): size, place, type by content and SHA-256 of each " +
			"thumbnail; those that the catalog does not name are told, too",
		Reference: "[MS-CFB]; M. Murr, libforensics, thumbs.db data types",
		Detect:    func(head []byte) bool { return strings.HasPrefix(string(head), compound.Magic) },
		Probe:     isThumbsDB,
		Parse:     parseThumbsDB,
		Event:     eventThumbnail,
		Samples:   []string{"xp.Thumbs.db", "share.Thumbs.db"},
		Hostile:   []string{"xp.Thumbs.db cut=600", "xp.Thumbs.db cut=1100", "xp.Thumbs.db @44=ffffffff", "xp.Thumbs.db @48=ffffff00"},
	})
}

const (
	thumbsCatalog = "Catalog"
	thumbsEntry   = 16 // bytes of an entry of the catalog before its name
)

// thumbsStream tells names of streams that hold a thumbnail: the number of a
// picture, its digits the wrong way round, or a size and a hash.
func thumbsStream(name string) bool {
	size, hash, ok := strings.Cut(name, "_")
	digits := func(s, of string) bool { return s != "" && strings.Trim(strings.ToLower(s), of) == "" }
	return digits(size, "0123456789") && (!ok || digits(hash, "0123456789abcdef"))
}

func isThumbsDB(in Input) bool {
	f, err := compound.Open(in, in.Size, func(int64, string) {})
	if err != nil {
		return false
	}
	pictures, catalog := 0, false
	for _, e := range f.Entries {
		switch {
		case e.Type != compound.Stream:
		case e.Name == thumbsCatalog:
			catalog = true
		case thumbsStream(e.Name):
			pictures++
		default:
			return false
		}
	}
	// Without a catalog, names of streams alone tell: jump lists have numbers, too.
	return catalog || pictures > 0 && slices.ContainsFunc(f.Entries, func(e compound.Entry) bool { return strings.Contains(e.Name, "_") })
}

func parseThumbsDB(in Input, emit func(*Record) error, problem func(Problem)) error {
	f, err := compound.Open(in, in.Size, func(off int64, text string) { problem(Problem{off, text}) })
	if err != nil {
		return err
	}
	streams := map[string]*compound.Entry{}
	for i := range f.Entries {
		if e := &f.Entries[i]; e.Type == compound.Stream && streams[e.Name] == nil {
			streams[e.Name] = e
		}
	}
	give := func(r *Record, e *compound.Entry) error {
		if e != nil {
			r.Offset = e.Offset
			thumbsPicture(r, f, e, problem)
		}
		return emit(r)
	}
	if catalog := streams[thumbsCatalog]; catalog != nil {
		delete(streams, thumbsCatalog)
		d, err := f.Read(catalog)
		if err != nil {
			problem(Problem{catalog.Offset, "the catalog: " + err.Error()})
		}
		if d != nil {
			if err := thumbsNames(d, streams, give, problem); err != nil {
				return err
			}
		}
	}
	for i := range f.Entries { // in the order of the directory
		e := &f.Entries[i]
		if streams[e.Name] != e || !thumbsStream(e.Name) {
			continue
		}
		r := record("thumbnail", 0)
		r.add("stream", e.Name)
		if size, hash, ok := strings.Cut(e.Name, "_"); ok {
			r.add("cache", size)
			r.add("entry_hash", hash)
		}
		if err := give(r, e); err != nil {
			return err
		}
	}
	return nil
}

// thumbsNames gives the pictures that the catalog names, and takes them out of streams.
func thumbsNames(d *compound.Data, streams map[string]*compound.Entry, give func(*Record, *compound.Entry) error, problem func(Problem)) error {
	le := binary.LittleEndian
	if len(d.B) < thumbsEntry {
		problem(Problem{d.Place(0), fmt.Sprintf("the catalog has %d bytes", len(d.B))})
		return nil
	}
	n := int(le.Uint32(d.B[4:]))
	at := int(le.Uint16(d.B))
	if at < thumbsEntry || at > len(d.B) {
		at = thumbsEntry
	}
	found := 0
	for ; found < n && at+thumbsEntry <= len(d.B); found++ {
		b := d.B[at:]
		size := int(le.Uint32(b))
		if size < thumbsEntry+2 || size > len(b) {
			problem(Problem{d.Place(at), fmt.Sprintf("an entry of the catalog says it has %d bytes of %d", size, len(b))})
			break
		}
		number := strconv.FormatUint(uint64(le.Uint32(b[4:])), 10)
		r := record("thumbnail", fileTimeAt(b, 8))
		r.Offset = d.Place(at)
		r.add("path", utf16Until(b[thumbsEntry:size]))
		r.add("number", number)
		digits := []byte(number)
		slices.Reverse(digits)
		e := streams[string(digits)]
		if e == nil {
			r.add("thumbnail", "missing")
		}
		delete(streams, string(digits))
		if err := give(r, e); err != nil {
			return err
		}
		at += size
	}
	if found < n {
		problem(Problem{d.Place(4), fmt.Sprintf("the catalog says it names %d pictures; %d are there", n, found)})
	}
	return nil
}

// thumbsPicture tells of the picture in a stream, which a small header precedes.
func thumbsPicture(r *Record, f *compound.File, e *compound.Entry, problem func(Problem)) {
	d, err := f.Read(e)
	if err != nil {
		problem(Problem{e.Offset, fmt.Sprintf("the thumbnail %q: %v", e.Name, err)})
	}
	if d == nil || len(d.B) < 12 {
		problem(Problem{e.Offset, fmt.Sprintf("the thumbnail %q has no picture", e.Name)})
		return
	}
	from := int(binary.LittleEndian.Uint32(d.B))
	if from < 12 || from > 64 || from > len(d.B) {
		from = 16 // as Windows ME and 2000 have it
	}
	from = min(from, len(d.B))
	add := func(name, value string) { r.add(name, value) }
	add("size", strconv.Itoa(len(d.B)-from))
	add("data_offset", strconv.FormatInt(d.Place(from), 10))
	if err := pictureFields(bytes.NewReader(d.B[from:]), add); err != nil {
		problem(Problem{e.Offset, fmt.Sprintf("the thumbnail %q: %v", e.Name, err)})
	}
}
