package artifact

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Cookies of Safari and of apps of macOS and iOS: pages of cookies.

func init() {
	register(Format{
		Name:      "safari-cookies",
		Doc:       "Cookies.binarycookies of Safari and of apps of macOS and iOS: host, name, path and times; never values",
		Reference: "J. Metz, dtformats, Safari cookies file format",
		Detect: func(head []byte) bool {
			return len(head) >= 8 && string(head[:4]) == "cook" && binary.BigEndian.Uint32(head[4:]) < maxCookiePages
		},
		Parse:   parseSafariCookies,
		Event:   eventBrowser("safari"),
		Samples: []string{"sample.binarycookies"},
		Hostile: []string{"sample.binarycookies cut=100", "sample.binarycookies @4=0000ffff", "sample.binarycookies @8=ffffffff", "sample.binarycookies @24=ffff", "sample.binarycookies @28=ffffffff"},
	})
}

// maxCookiePage bounds a page; real ones have some kilobytes.
const maxCookiePage = 16 << 20

const maxCookiePages = 1 << 20

func parseSafariCookies(in Input, emit func(*Record) error, problem func(Problem)) error {
	var head [8]byte
	if _, err := in.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("reading the header at offset 0: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[4:]))
	if most := min(max(0, (in.Size-8)/4), maxCookiePages); n > most {
		problem(Problem{4, fmt.Sprintf("the header counts %d pages; at most %d are read", n, most)})
		n = most
	}
	sizes := make([]byte, 4*n)
	if _, err := in.ReadAt(sizes, 8); err != nil {
		return fmt.Errorf("reading the sizes of pages at offset 8: %w", err)
	}
	off := 8 + 4*n
	for i := range n {
		size := int64(binary.BigEndian.Uint32(sizes[4*i:]))
		if size > maxCookiePage || off+size > in.Size {
			problem(Problem{8 + 4*i, fmt.Sprintf("page %d says it has %d bytes; %d are left, and the rest is not read", i, size, in.Size-off)})
			return nil
		}
		page := make([]byte, size)
		if _, err := in.ReadAt(page, off); err != nil {
			return fmt.Errorf("reading page %d at offset %d: %w", i, off, err)
		}
		if err := cookiePage(page, off, emit, problem); err != nil {
			return err
		}
		off += size
	}
	return nil
}

func cookiePage(b []byte, at int64, emit func(*Record) error, problem func(Problem)) error {
	le := binary.LittleEndian
	if len(b) < 8 || string(b[:4]) != "\x00\x00\x01\x00" {
		problem(Problem{at, "there is no page of cookies here"})
		return nil
	}
	n := int64(le.Uint32(b[4:]))
	if 8+4*n > int64(len(b)) {
		problem(Problem{at + 4, fmt.Sprintf("the page counts %d cookies, more than it has room for", n)})
		n = int64(len(b)-8) / 4
	}
	spent := int64(0) // cookies can't overlap: together they fit the page
	for i := range n {
		off := int64(le.Uint32(b[8+4*i:]))
		if off+56 > int64(len(b)) {
			problem(Problem{at + 8 + 4*i, fmt.Sprintf("cookie %d lies at %d, outside of its page", i, off)})
			continue
		}
		size := int64(le.Uint32(b[off:]))
		if size < 56 || off+size > int64(len(b)) {
			problem(Problem{at + off, fmt.Sprintf("the cookie says it has %d bytes of the %d that are left", size, int64(len(b))-off)})
			continue
		}
		if spent += size; spent > int64(len(b)) {
			problem(Problem{at + off, "cookies overlap; the rest of the page is not read"})
			return nil
		}
		c := b[off : off+size]
		text := func(i int) string {
			p := int64(le.Uint32(c[i:]))
			if p < 56 || p >= size {
				return ""
			}
			s, _ := cstring(c[p:])
			return s
		}
		when := func(i int) int64 { return cocoaTime(math.Float64frombits(le.Uint64(c[i:]))) }
		r := record("cookie", when(48))
		r.Offset = at + off
		r.add("host", text(16))
		r.add("name", text(20))
		r.add("path", text(24))
		r.add("created", timeField(when(48)))
		r.add("expires", timeField(when(40)))
		flags := le.Uint32(c[8:])
		if flags&1 != 0 {
			r.add("secure", "yes")
		}
		if flags&4 != 0 {
			r.add("http_only", "yes")
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}
