package image

// Sparse disk images of macOS (.sparseimage).
//
// Specification: libmodi documentation, Mac OS disk image types, "Sparse disk
// image". Big-endian:
//
//	0 "sprs" | 8 sectors of a band | 16 sectors of media | 64 to 4096: 4 a band in
//	the file's order: its number in the media from 1 on, 0 for none; then the bands

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	sparseHead = 4096
	sparseMap  = 64
)

func init() {
	register(Format{
		Name:      "sparseimage",
		Doc:       "sparse disk image of macOS (.sparseimage), of as many bands as its first header tells (1,008); sparse bundles are folders: their bands are pieces",
		Reference: "libmodi documentation, Mac OS disk image types, \"Sparse disk image\"",
		Detect:    func(head, _ []byte) bool { return len(head) >= sparseMap && string(head[:4]) == "sprs" && head[4] == 0 },
		Open:      openSparseImage,
		Samples:   []string{"container/media.sparseimage.gz"},
		Hostile: []string{
			"container/media.sparseimage.gz cut=80", "container/media.sparseimage.gz cut=5000", "container/media.sparseimage.gz @8=00000000", "container/media.sparseimage.gz @8=ffffffff",
			"container/media.sparseimage.gz @64=00000001", "container/media.sparseimage.gz @64=ffffffff",
		},
	})
}

type sparseImage struct {
	seg   Segment
	band  int64
	bands map[int64]int64 // by number in the media: number in the file
}

func openSparseImage(segs []Segment, _ int) (*Image, error) {
	s := segs[0]
	h := make([]byte, sparseHead)
	if err := readFull(s, h, 0); err != nil {
		return nil, err
	}
	v := &sparseImage{seg: s, band: int64(binary.BigEndian.Uint32(h[8:])) * 512, bands: map[int64]int64{}}
	im := &Image{Segments: []string{s.Name}, Size: int64(binary.BigEndian.Uint32(h[16:])) * 512, r: v}
	if v.band == 0 {
		return nil, corrupt(s.Name, 8, "bands of no sectors")
	}
	most := (im.Size + v.band - 1) / v.band
	held := (s.Size - sparseHead + v.band - 1) / v.band
	for i := int64(0); i < (sparseHead-sparseMap)/4; i++ {
		n := int64(binary.BigEndian.Uint32(h[sparseMap+4*i:]))
		if n == 0 {
			continue
		}
		if n > most {
			return nil, corrupt(s.Name, sparseMap+4*i, "band %d of %d", n, most)
		}
		if at, ok := v.bands[n-1]; ok {
			return nil, corrupt(s.Name, sparseMap+4*i, "band %d stands at %d too", n, at)
		}
		v.bands[n-1] = i
	}
	if n := int64(len(v.bands)); n < held {
		return nil, fmt.Errorf("opening %s: it has %d bands and its first header tells of %d: its further headers are %w; convert it with 'hdiutil convert' on a Mac", s.Name, held, n, ErrUnsupported)
	}
	return im, nil
}

// ReadAt reads media.
func (v *sparseImage) ReadAt(b []byte, off int64) (int, error) {
	total := 0
	for len(b) > 0 {
		if off < 0 {
			return total, io.EOF
		}
		want := min(int64(len(b)), v.band-off%v.band)
		if i, ok := v.bands[off/v.band]; ok {
			if err := readFull(v.seg, b[:want], sparseHead+i*v.band+off%v.band); err != nil {
				return total, err
			}
		} else {
			clear(b[:want])
		}
		b, off, total = b[want:], off+want, total+int(want)
	}
	return total, nil
}
