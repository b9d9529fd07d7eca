package volume

// LVM2: the physical volume, and the metadata it keeps of its group.
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
	"strings"
)

const (
	lvmLabel    = "LABELONE"
	lvmType     = "LVM2 001"
	lvmMagic    = " LVM2 x[5A%r0N*>"
	lvmHeader   = 512
	lvmMaxText  = 16 << 20 // bytes
	lvmMaxAreas = 16
	lvmHead     = 8 << 10 // bytes in which label and header stand
)

func init() {
	registerLayer(Layer{
		Name:      "lvm2",
		Doc:       "LVM2: linear, striped, mirrored, RAID and thin logical volumes and snapshots, over the disks given (the image and --with), with disks missing where the type allows; others are named with what they are",
		Reference: "lvm2, lib/format_text/layout.h, lib/label/label.h; libvslvm documentation, Logical Volume Manager (LVM) format; Linux, drivers/md/dm-raid.c, dm-snap-persistent.c, dm-thin-metadata.c",
		Detect:    func(set *Set, i int) bool { return set.pv[i] != nil },
		Parts:     lvmParts,
		Samples:   []string{"layer/lvm2.raw.gz"},
	})
}

// lvmDisk is a physical volume.
type lvmDisk struct {
	uuid  string
	name  string // of the group
	group *lvmNode
	disks map[string]bool // the UUIDs of the group's physical volumes
	err   error           // why there is no group
}

// has reports whether the group knows of a physical volume.
func (d *lvmDisk) has(uuid string) bool {
	return d != nil && d.disks[uuid]
}

// lvmProbe reads the label and the metadata of a physical volume, nil for none.
func lvmProbe(s *Stretch, texts *lvmTexts) *lvmDisk {
	head := make([]byte, min(s.Length, lvmHead))
	n, _ := s.ReadAt(head, 0)
	head = head[:n]
	at := lvmAt(head)
	if at < 0 {
		return nil
	}
	d := &lvmDisk{}
	h := at + int(min(binary.LittleEndian.Uint32(head[at+20:]), lvmHead))
	if h+40 > len(head) {
		d.err = fmt.Errorf("its header is at %d of its label", h-at)
		return d
	}
	d.uuid = string(head[h : h+32])
	text, err := lvmText(s, 0, s.Length, head[h+40:])
	if err != nil {
		d.err = err
		return d
	}
	root, err := texts.parse(text)
	if err != nil {
		d.err = fmt.Errorf("its metadata: %w", err)
		return d
	}
	for _, n := range root.sections() {
		if g := root.sub(n); g.number("extent_size") > 0 {
			d.name, d.group, d.disks = n, g, texts.disks(g)
			return d
		}
	}
	d.err = errors.New("its metadata names no volume group: it was never used, or was removed")
	return d
}

// lvmTexts are the metadata of all physical volumes of a set: those of a group
// have the same.
type lvmTexts struct {
	read  map[string]*lvmNode
	of    map[*lvmNode]map[string]bool // the UUIDs of a group's physical volumes
	bytes int
}

// disks are the UUIDs of a group's physical volumes, found once.
func (t *lvmTexts) disks(group *lvmNode) map[string]bool {
	if ids := t.of[group]; ids != nil {
		return ids
	}
	ids := map[string]bool{}
	pvs := group.sub("physical_volumes")
	for _, n := range pvs.sections() {
		ids[strings.ReplaceAll(pvs.sub(n).text("id"), "-", "")] = true
	}
	t.of[group] = ids
	return ids
}

func (t *lvmTexts) parse(text string) (*lvmNode, error) {
	if n := t.read[text]; n != nil {
		return n, nil
	}
	if t.bytes += len(text); t.bytes > lvmMaxText {
		return nil, fmt.Errorf("with that of other physical volumes there are %d bytes of it, of which %d are read", t.bytes, lvmMaxText)
	}
	n, err := parseLVM(text)
	if err == nil {
		t.read[text] = n
	}
	return n, err
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
