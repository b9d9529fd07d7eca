package udf

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"saksi/internal/inode"
)

// entry is a file entry.
type entry struct {
	at       icb
	b        []byte
	extended bool
	size     int64
	ads      []byte // allocation descriptors, or the content
	adsAt    int    // in b
	form     uint16 // of them
}

// Places of fields, of plain and of extended entries.
var fields = [2]struct{ accessed, modified, created, changed, ea, ad, end int }{
	{72, 84, 0, 96, 168, 172, 176},
	{80, 92, 104, 116, 208, 212, 216},
}

func (e *entry) fields() (n int) {
	if e.extended {
		n = 1
	}
	return n
}

// entry reads the entry of a file; on write-once media it may lead to a newer one.
func (f *FS) entry(i icb) (*entry, error) {
	for range 16 {
		b, err := f.read(i)
		if err != nil {
			return nil, err
		}
		if tag(b) == tagIndirect {
			i = icb{le.Uint16(b[44:]), le.Uint32(b[40:])}
			continue
		}
		return f.parse(i, b)
	}
	return nil, errors.New("a file entry that leads to others without end")
}

func (f *FS) parse(i icb, b []byte) (*entry, error) {
	t := tag(b)
	if t != tagFile && t != tagExtended {
		return nil, fmt.Errorf("block %d of partition %d holds no file entry", i.block, i.part)
	}
	e := &entry{at: i, b: b, extended: t == tagExtended, form: le.Uint16(b[34:]) & 7, size: int64(le.Uint64(b[56:]))}
	at := fields[e.fields()]
	ea, ad := int64(le.Uint32(b[at.ea:])), int64(le.Uint32(b[at.ad:]))
	if e.size < 0 || ea > int64(len(b)-at.end) || ad > int64(len(b)-at.end)-ea {
		return nil, fmt.Errorf("the file entry in block %d of partition %d is damaged: %d bytes of content, %d of attributes, %d of extents", i.block, i.part, e.size, ea, ad)
	}
	e.adsAt = at.end + int(ea)
	e.ads = b[e.adsAt : e.adsAt+int(ad)]
	return e, nil
}

// runs gives the extents of a file, without holes between them.
func (f *FS) runs(e *entry) (runs []inode.Run, err error) {
	size := []int{8, 16, 20, 0}[min(e.form, 3)]
	if size == 0 {
		return nil, fmt.Errorf("extents of the form %d", e.form)
	}
	var file int64
	ads, hops := e.ads, 0
	for len(ads) >= size {
		a := ads[:size]
		ads = ads[size:]
		length, kind := int64(le.Uint32(a)&0x3fffffff), le.Uint32(a)>>30
		at := icb{e.at.part, le.Uint32(a[4:])}
		switch size {
		case 16:
			at.part = le.Uint16(a[8:])
		case 20:
			at = icb{le.Uint16(a[16:]), le.Uint32(a[12:])}
		}
		if length == 0 {
			break
		}
		if kind == 3 { // the others stand elsewhere
			if hops++; hops > maxRuns/64 {
				return runs, errors.New("its extents stand in more places than any file's")
			}
			b, err := f.read(at)
			if err != nil {
				return runs, err
			}
			n := int64(le.Uint32(b[20:]))
			if tag(b) != tagExtent || n > int64(len(b)-24) {
				return runs, fmt.Errorf("block %d of partition %d holds no extents", at.block, at.part)
			}
			ads = b[24 : 24+n]
			continue
		}
		for length > 0 {
			if f.steps++; f.steps > maxSteps {
				return runs, errors.New("its extents are more than any volume's: it is damaged or made to hang")
			}
			if len(runs) == maxRuns {
				return runs, fmt.Errorf("more than %d extents", maxRuns)
			}
			r := inode.Run{File: file, Length: length, Hole: kind != 0}
			if !r.Hole {
				var n int64
				if r.Image, n, err = f.place(at); err != nil {
					return runs, err
				}
				if n < length { // it goes on elsewhere
					r.Length = n
				}
			}
			if k := len(runs) - 1; k >= 0 && !r.Hole && !runs[k].Hole && runs[k].Image+runs[k].Length == r.Image {
				runs[k].Length += r.Length
			} else {
				runs = append(runs, r)
			}
			file, length = file+r.Length, length-r.Length
			at.block += uint32(r.Length / f.block)
		}
	}
	return runs, nil
}

// content opens the content of a file.
func (f *FS) content(e *entry) (inode.Content, error) {
	if e.form == 3 {
		at, _, err := f.place(e.at)
		if err != nil {
			return nil, err
		}
		if e.size > int64(len(e.ads)) {
			return nil, fmt.Errorf("%d bytes of content in a file entry of %d", e.size, len(e.ads))
		}
		return &inode.Bytes{B: e.ads[:e.size], Record: at + int64(e.adsAt)}, nil
	}
	runs, err := f.runs(e)
	if err != nil {
		return nil, err
	}
	return &inode.Mapped{R: f.r, Bytes: e.size, List: inode.Fill(runs, e.size)}, nil
}

// when reads a time (ECMA-167, 1/7.3).
func when(b []byte) int64 {
	zone := int(int16(le.Uint16(b)<<4)) >> 4
	if zone < -1440 || zone > 1440 || le.Uint16(b)>>12 != 1 {
		zone = 0 // none is told: it is taken as UTC
	}
	year, month, day := int(int16(le.Uint16(b[2:]))), int(b[4]), int(b[5])
	if year < 1 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31 || b[6] > 23 || b[7] > 59 || b[8] > 60 || b[9] > 99 || b[10] > 99 || b[11] > 99 {
		return inode.NoTime
	}
	t := time.Date(year, time.Month(month), day, int(b[6]), int(b[7]), int(b[8]), (int(b[9])*10000+int(b[10])*100+int(b[11]))*1000, time.UTC)
	if year < 1678 {
		return inode.NoTime
	}
	return t.Add(-time.Duration(zone) * time.Minute).UnixNano()
}

// types are the types of files (ECMA-167, 4/14.6.6).
var types = map[byte]uint32{4: inode.TypeDir, 5: inode.TypeFile, 0: inode.TypeFile, 6: inode.TypeBlock, 7: inode.TypeChar, 9: inode.TypeFifo, 10: inode.TypeSocket, 12: inode.TypeSymlink, 249: inode.TypeFile}

func (f *FS) meta(e *entry) inode.Meta {
	b, at := e.b, fields[e.fields()]
	p := le.Uint32(b[44:])
	m := inode.Meta{
		Ref: e.at.ref(), UID: le.Uint32(b[36:]), GID: le.Uint32(b[40:]), Links: uint32(le.Uint16(b[48:])), Size: e.size,
		Mode:     types[b[27]] | p&7 | p>>5&7<<3 | p>>10&7<<6,
		Accessed: when(b[at.accessed:]), Modified: when(b[at.modified:]), Changed: when(b[at.changed:]), Created: inode.NoTime, Resident: e.form == 3,
	}
	if e.extended {
		m.Created = when(b[at.created:])
		if le.Uint32(b[152:]) != 0 {
			m.Problem = "it has named streams, which are not listed"
		}
	}
	for _, id := range []*uint32{&m.UID, &m.GID} {
		if *id == 0xffffffff { // none is told
			*id = 0
		}
	}
	return m
}

// Meta implements inode.FS.
func (f *FS) Meta(r inode.Ref) (inode.Meta, error) {
	i, err := refICB(r)
	if err != nil {
		return inode.Meta{}, err
	}
	e, err := f.entry(i)
	if err != nil {
		return inode.Meta{}, fmt.Errorf("inode %d: %w", r.Number, err)
	}
	m := f.meta(e)
	m.Ref = r
	return m, nil
}

// List implements inode.FS.
func (f *FS) List(r inode.Ref, give func(inode.Dirent) error) error {
	i, err := refICB(r)
	if err != nil {
		return err
	}
	e, err := f.entry(i)
	if err != nil {
		return fmt.Errorf("inode %d: %w", r.Number, err)
	}
	if e.size > maxDir {
		return fmt.Errorf("inode %d: a directory of %d bytes, at most %d are read", r.Number, e.size, maxDir)
	}
	c, err := f.content(e)
	if err != nil {
		return fmt.Errorf("inode %d: %w", r.Number, err)
	}
	b := make([]byte, e.size)
	n, rerr := c.ReadAt(b, 0)
	b = b[:n]
	damaged, work := 0, 0
	for at := 0; at+38 <= len(b); {
		size := 38 + int(le.Uint16(b[at+36:])) + int(b[at+19])
		if le.Uint16(b[at:]) == tagName {
			if work += size; work > 4*len(b)+maxName {
				return fmt.Errorf("directory %d: its names overlap: it is damaged from byte %d on", r.Number, at)
			}
		}
		// Its CRC may be over what fills it up, too.
		if le.Uint16(b[at:]) != tagName || at+size > len(b) || tag(b[at:min(len(b), at+(size+3)&^3)]) != tagName {
			damaged++
			at += 4 // names lie at multiples of 4
			continue
		}
		kind, to := b[at+18], icb{le.Uint16(b[at+28:]), le.Uint32(b[at+24:])}
		name := text(b[at+size-int(b[at+19]) : at+size])
		at += (size + 3) &^ 3
		if kind&8 != 0 { // the one above
			continue
		}
		d := inode.Dirent{Name: strings.ReplaceAll(name, "/", "_"), Ref: to.ref(), Gone: kind&4 != 0}
		if d.Gone && len(f.gone) < maxGone {
			f.gone[d.Ref.Number] = true
		}
		if err := give(d); err != nil {
			return err
		}
	}
	if n < int(e.size) {
		return fmt.Errorf("directory %d: %w", r.Number, rerr)
	}
	if damaged > 0 {
		return fmt.Errorf("directory %d: %d bytes of it are no names", r.Number, 4*damaged)
	}
	return nil
}

// Open implements inode.FS.
func (f *FS) Open(r inode.Ref) (inode.Content, error) {
	i, err := refICB(r)
	if err != nil {
		return nil, err
	}
	e, err := f.entry(i)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", r.Number, err)
	}
	c, err := f.content(e)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", r.Number, err)
	}
	if types[e.b[27]] != inode.TypeSymlink || e.size > 1<<16 {
		return c, nil
	}
	b := make([]byte, e.size)
	if n, err := c.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("inode %d: %w", r.Number, err)
	}
	return &inode.Bytes{B: []byte(link(b))}, nil
}

// link reads the components of a path (ECMA-167, 4/14.16).
func link(b []byte) string {
	var parts []string
	for len(b) >= 4 && int(b[1]) <= len(b)-4 {
		switch b[0] {
		case 1, 2:
			parts = []string{""}
		case 3:
			parts = append(parts, "..")
		case 4:
			parts = append(parts, ".")
		case 5:
			parts = append(parts, text(b[4:4+int(b[1])]))
		}
		b = b[4+int(b[1]):]
	}
	if len(parts) == 1 && parts[0] == "" {
		return "/"
	}
	return strings.Join(parts, "/")
}

// Deleted implements inode.FS: the entries that deleted names of the directories
// listed before still lead to.
func (f *FS) Deleted(ctx context.Context, give func(*inode.Deleted) error) error {
	var list []uint64
	for n := range f.gone {
		list = append(list, n)
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	for _, n := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		i, err := refICB(inode.Ref{Number: n})
		if err != nil {
			continue
		}
		e, err := f.entry(i)
		if err != nil || n == 0 {
			continue // nothing is left of it; its name is told all the same
		}
		m := f.meta(e)
		if m.Ref.Number = n; m.Type() != inode.TypeFile {
			continue
		}
		if err := give(&inode.Deleted{Meta: m}); err != nil {
			return err
		}
	}
	return nil
}
