package volume

// LVM2: logical volumes on one physical volume are read where they are, those in
// pieces joined; others are named.
//
// Specification: lvm2, lib/format_text/layout.h and lib/label/label.h; libvslvm
// documentation, Logical Volume Manager (LVM) format. Little-endian:
//
//	label     in sector 0 to 3: 8 "LABELONE" | 8 sector | 4 CRC | 4 offset of the
//	          header in it | 8 "LVM2 001"
//	header    32 UUID | 8 size | data areas (8 offset, 8 size) to a zero one |
//	          metadata areas to a zero one
//	metadata  4 CRC | 16 " LVM2 x[5A%r0N*>" | 4 version | 8 start | 8 size | 8
//	          offset of the text | 8 its size | 4 CRC | 4 flags; the text goes
//	          on behind this header when it reaches the area's end

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	lvmLabel    = "LABELONE"
	lvmType     = "LVM2 001"
	lvmMagic    = " LVM2 x[5A%r0N*>"
	lvmHeader   = 512
	lvmMaxText  = 16 << 20 // bytes
	lvmMaxAreas = 16
)

func init() {
	registerLayer(Layer{
		Name:      "lvm2",
		Doc:       "LVM2: linear logical volumes on one physical volume, in one piece or several; others are named with what they are",
		Reference: "lvm2, lib/format_text/layout.h, lib/label/label.h; libvslvm documentation, Logical Volume Manager (LVM) format",
		Detect:    func(head []byte) bool { return lvmAt(head) >= 0 },
		Parts:     lvmParts,
		Samples:   []string{"layer/lvm2.raw.gz"},
	})
}

// lvmAt is where the label stands, -1 for none.
func lvmAt(head []byte) int {
	for at := 0; at < 4*512 && at+512 <= len(head); at += 512 {
		if string(head[at:at+8]) == lvmLabel && string(head[at+24:at+32]) == lvmType {
			return at
		}
	}
	return -1
}

func lvmParts(r io.ReaderAt, offset, length int64) ([]Part, error) {
	head := make([]byte, min(length, headSize))
	if err := readAll(r, head, offset); err != nil {
		return nil, err
	}
	at := lvmAt(head)
	h := at + int(min(binary.LittleEndian.Uint32(head[at+20:]), headSize))
	if h+40 > len(head) {
		return nil, fmt.Errorf("its header is at %d of its label", h-at)
	}
	uuid := string(head[h : h+32])
	text, err := lvmText(r, offset, length, head[h+40:])
	if err != nil {
		return nil, err
	}
	root, err := parseLVM(text)
	if err != nil {
		return nil, fmt.Errorf("its metadata: %w", err)
	}
	for _, n := range root.sections() {
		if g := root.sub(n); g.number("extent_size") > 0 {
			return lvmGroup(n, g, uuid, offset)
		}
	}
	return nil, errors.New("its metadata names no volume group: it was never used, or was removed")
}

// lvmText is the text of the first metadata area that has one. areas are the
// data areas and then the metadata areas of the header.
func lvmText(r io.ReaderAt, offset, length int64, areas []byte) (string, error) {
	next := func() (from, size int64) {
		if len(areas) < 16 {
			return 0, 0
		}
		from, size = int64(binary.LittleEndian.Uint64(areas)), int64(binary.LittleEndian.Uint64(areas[8:]))
		areas = areas[16:]
		return from, size
	}
	for range lvmMaxAreas {
		if from, size := next(); from == 0 && size == 0 {
			break
		}
	}
	for range lvmMaxAreas {
		from, size := next()
		if from == 0 && size == 0 {
			break
		}
		if from < 0 || size < lvmHeader || from > length-lvmHeader {
			continue
		}
		h := make([]byte, lvmHeader)
		if err := readAll(r, h, offset+from); err != nil {
			return "", err
		}
		at, n := int64(binary.LittleEndian.Uint64(h[40:])), int64(binary.LittleEndian.Uint64(h[48:]))
		if string(h[4:20]) != lvmMagic || at < lvmHeader || n <= 0 || n > lvmMaxText || at > size || size > length-from || n > size-lvmHeader {
			continue
		}
		text := make([]byte, n)
		first := min(n, size-at)
		if err := readAll(r, text[:first], offset+from+at); err != nil {
			return "", err
		}
		if err := readAll(r, text[first:], offset+from+lvmHeader); err != nil {
			return "", err
		}
		return strings.TrimRight(string(text), "\x00"), nil
	}
	return "", errors.New("it holds no metadata: another disk of its volume group does, or it was never used")
}

// lvmPiece is a stretch of a logical volume, in extents of a physical one.
type lvmPiece struct {
	pv          string
	from, count int64
}

// lvmGroup lists the visible logical volumes of a group; uuid is that of the
// physical volume at offset.
func lvmGroup(name string, g *lvmNode, uuid string, offset int64) ([]Part, error) {
	extent := g.number("extent_size") * 512
	pvs := g.sub("physical_volumes")
	here, start := "", int64(0)
	for _, n := range pvs.sections() {
		if p := pvs.sub(n); strings.ReplaceAll(p.text("id"), "-", "") == uuid {
			here, start = n, p.number("pe_start")*512
		}
	}
	if here == "" || extent <= 0 || extent > 1<<40 || start < 0 || start > 1<<50 {
		return nil, fmt.Errorf("its volume group %q has no such physical volume", name)
	}
	lvs := g.sub("logical_volumes")
	var list []Part
	for _, n := range lvs.sections() {
		lv := lvs.sub(n)
		if !slices.Contains(lv.list("status"), "VISIBLE") {
			continue
		}
		p := Part{Description: "LVM2 " + name + "/" + n}
		pieces, kind := lvmPieces(lv)
		switch {
		case kind != "":
			p.Problem = fmt.Sprintf("it is of type %q", kind)
		case len(pieces) == 0:
			p.Problem = "its metadata names no place"
		default:
			p.place(pieces, here, offset+start, extent)
		}
		if p.Problem != "" {
			p.Problem += ", which is not supported: activate it with 'vgchange -ay' over read-only loop devices of all disks, and acquire it"
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("its volume group %q has no logical volumes", name)
	}
	return list, nil
}

// place says where a linear volume lies; start is where the first extent of the
// physical volume here lies in the image.
func (p *Part) place(pieces []lvmPiece, here string, start, extent int64) {
	const most = 1 << 40 // extents
	for _, x := range pieces {
		switch {
		case x.pv != here:
			p.Problem = fmt.Sprintf("it lies on %s, another disk of the group", x.pv)
			return
		case x.from > most || x.count > most || x.from < 0 || x.count < 1 || extent > (1<<62)/max(x.from, x.count) || p.Length > 1<<60:
			p.Problem = "its metadata is damaged"
			return
		}
		p.Pieces = append(p.Pieces, Piece{start + x.from*extent, x.count * extent})
		p.Length += x.count * extent
	}
	p.Offset = p.Pieces[0].Offset
	if len(p.Pieces) == 1 {
		p.Pieces = nil
		return
	}
	p.Description += fmt.Sprintf(", in %d pieces", len(pieces))
}

// lvmPieces are the pieces of a linear volume, neighbors joined; or the type of
// another.
func lvmPieces(lv *lvmNode) (pieces []lvmPiece, kind string) {
	for i := int64(1); i <= lv.number("segment_count") && i <= maxParts; i++ {
		s := lv.sub(fmt.Sprintf("segment%d", i))
		stripes := s.list("stripes")
		if t := s.text("type"); t != "striped" || s.number("stripe_count") != 1 || len(stripes) != 2 {
			if t == "striped" {
				t = fmt.Sprintf("striped over %d", s.number("stripe_count"))
			}
			return nil, t
		}
		p := lvmPiece{pv: stripes[0], from: atoi(stripes[1]), count: s.number("extent_count")}
		if n := len(pieces); n > 0 && pieces[n-1].pv == p.pv && pieces[n-1].from+pieces[n-1].count == p.from {
			pieces[n-1].count += p.count
			continue
		}
		pieces = append(pieces, p)
	}
	return pieces, ""
}
