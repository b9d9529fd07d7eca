package image

// Parallels: expandable disk images (.hds, .hdd).
//
// Specification: QEMU, docs/interop/parallels.txt. Little-endian:
//
//	0 "WithoutFreeSpace" or "WithouFreSpacExt" | 16 version 2 | 28 sectors of a
//	cluster | 32 entries of the table | 36 8 sectors of media, 4 of them in the
//	first kind | 48 first sector of data | 64 table: 4 an entry, where the cluster
//	lies, in sectors or (second kind) in clusters; 0 for none

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	parallelsOld  = "WithoutFreeSpace"
	parallelsNew  = "WithouFreSpacExt"
	parallelsHead = 64
	parallelsOpen = 0x746f6e59
)

func init() {
	register(Format{
		Name:      "parallels",
		Doc:       "Parallels expandable disk image, of both kinds; of a bundle (.hdd) the .hds file in it is named. Snapshots of a bundle are not joined",
		Reference: "QEMU, docs/interop/parallels.txt",
		Detect: func(head, _ []byte) bool {
			return len(head) >= parallelsHead && (string(head[:16]) == parallelsOld || string(head[:16]) == parallelsNew)
		},
		Open:    openParallels,
		Samples: []string{"container/media.hds.gz", "container/old.hds.gz"},
		Hostile: []string{
			"container/media.hds.gz cut=70", "container/media.hds.gz cut=1200000", "container/media.hds.gz @28=00000000", "container/media.hds.gz @28=ffffffff", "container/media.hds.gz @32=ffffffff",
			"container/media.hds.gz @36=ffffffffffffff7f", "container/media.hds.gz @64=ffffffff", "container/media.hds.gz @16=09000000",
		},
	})
}

type parallels struct {
	seg           Segment
	cluster, unit int64 // bytes
	entries       int64
	pages         *cache
}

func openParallels(segs []Segment, _ int) (*Image, error) {
	s := segs[0]
	h := make([]byte, parallelsHead)
	if err := readFull(s, h, 0); err != nil {
		return nil, err
	}
	if v := binary.LittleEndian.Uint32(h[16:]); v != 2 {
		return nil, fmt.Errorf("opening %s: version %d of a Parallels image is %w; version 2 is read", s.Name, v, ErrUnsupported)
	}
	p := &parallels{seg: s, cluster: int64(binary.LittleEndian.Uint32(h[28:])) * 512, unit: 512, entries: int64(binary.LittleEndian.Uint32(h[32:])), pages: newCache(4096)}
	sectors := int64(binary.LittleEndian.Uint64(h[36:]))
	if string(h[:16]) == parallelsNew {
		p.unit = p.cluster
	} else {
		sectors &= 1<<32 - 1
	}
	switch {
	case p.cluster < 512 || p.cluster > 1<<30:
		return nil, corrupt(s.Name, 28, "clusters of %d bytes", p.cluster)
	case s.Size < parallelsHead+4*p.entries:
		return nil, corrupt(s.Name, 32, "a table of %d clusters; the file has %d bytes", p.entries, s.Size)
	case sectors < 0 || sectors > maxMedia/512 || sectors*512 > p.entries*p.cluster:
		return nil, corrupt(s.Name, 36, "%d sectors of media; its %d clusters of %d bytes hold less", sectors, p.entries, p.cluster)
	}
	im := &Image{Segments: []string{s.Name}, Size: sectors * 512, r: p}
	if binary.LittleEndian.Uint32(h[44:]) == parallelsOpen {
		im.Notes = append(im.Notes, "it was open for writing when it was copied: its table may lack what was written last")
	}
	return im, nil
}

// place is where a cluster lies, 0 for nowhere.
func (p *parallels) place(n int64) (int64, error) {
	const each = 1024 // entries of a page
	page, err := p.pages.get(n/each, func() ([]byte, error) {
		b := make([]byte, 4*min(each, p.entries-n/each*each))
		return b, readFull(p.seg, b, parallelsHead+4*(n/each*each))
	})
	if err != nil {
		return 0, err
	}
	return int64(binary.LittleEndian.Uint32(page[4*(n%each):])) * p.unit, nil
}

// ReadAt reads media.
func (p *parallels) ReadAt(b []byte, off int64) (int, error) {
	total := 0
	for len(b) > 0 {
		n := off / p.cluster
		if off < 0 || n >= p.entries {
			return total, io.EOF
		}
		want := min(int64(len(b)), p.cluster-off%p.cluster)
		at, err := p.place(n)
		if err != nil {
			return total, err
		}
		if at == 0 {
			clear(b[:want])
		} else if err := readFull(p.seg, b[:want], at+off%p.cluster); err != nil {
			return total, err
		}
		b, off, total = b[want:], off+want, total+int(want)
	}
	return total, nil
}
