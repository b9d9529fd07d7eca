package image

// QCOW2: QEMU's copy-on-write format, versions 2 and 3.
//
// Specification: QEMU, docs/interop/qcow2.txt. All numbers are big-endian.
//
//	0 "QFI\xfb" | 4 version | 8 offset of the backing file's name | 16 its
//	length | 20 cluster bits | 24 media size | 32 encryption | 36 L1 entries |
//	40 L1 offset | 48 refcount table | 56 its clusters | 60 snapshots | 64
//	their offset | v3: 72 incompatible features | 80 compatible | 88
//	autoclear | 96 refcount order | 100 header length | 104 compression type
//
// The reading is lima-vm/go-qcow2reader's. It trusts the header with what it
// allocates and opens backing files by path: the header is judged here first,
// and what a layer leaves to its backing file is read in qcow2_backing.go.

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/lima-vm/go-qcow2reader/image/qcow2"
	"github.com/lima-vm/go-qcow2reader/log"
)

const (
	qcowMagic      = "QFI\xfb"
	qcowMaxCluster = 21 // bits: 2 MiB, QEMU's limit
	qcowZlib       = qcow2.CompressionType(0)
	qcowZstd       = qcow2.CompressionType(1)
	qcowMaxWindow  = 16 << 20 // bytes a zstd cluster may ask for; QEMU writes 2 MiB at most
)

func init() {
	log.SetWarnFunc(nil) // what matters is said by the checks below
	qcow2.SetDecompressor(qcowZlib, func(r io.Reader) (io.ReadCloser, error) { return flate.NewReader(r), nil })
	qcow2.SetDecompressor(qcowZstd, func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(qcowMaxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	})
	register(Format{
		Name:      "qcow2",
		Doc:       "QEMU copy-on-write 2 and 3 with zlib or zstd compression; layers over backing files beside them; encrypted ones are named, not read",
		Reference: "QEMU, docs/interop/qcow2.txt",
		Detect: func(head, _ []byte) bool {
			return len(head) >= 8 && string(head[:4]) == qcowMagic && binary.BigEndian.Uint32(head[4:]) >= 2
		},
		Open:    openQCOW2,
		Samples: []string{"container/media.qcow2", "container/zstd.qcow2", "container/extended.qcow2.gz", "container/child.qcow2.gz", "overlay.qcow2", "demo.qcow2"},
		Hostile: []string{
			"container/media.qcow2 cut=60", "container/media.qcow2 cut=70000", "container/media.qcow2 @20=000000ff", "container/media.qcow2 @36=ffffffff",
			"container/media.qcow2 @40=7fffffffffffff00", "container/media.qcow2 @24=7fffffffffffffff", "container/media.qcow2 @8=0000000000000200", "container/media.qcow2 @8=000000000000020000000009",
			"overlay.qcow2 @16=ffffffff", "overlay.qcow2 @8=00ffffffffffffff", "container/child.qcow2.gz",
		},
	})
}

func openQCOW2(segs []Segment, depth int) (*Image, error) {
	s := segs[0]
	h := make([]byte, 112)
	if err := readFull(s, h[:72], 0); err != nil {
		return nil, err
	}
	version := binary.BigEndian.Uint32(h[4:])
	if version > 3 {
		return nil, fmt.Errorf("opening %s: QCOW version %d is %w", s.Name, version, ErrUnsupported)
	}
	if version == 3 {
		if err := readFull(s, h[:104], 0); err != nil {
			return nil, err
		}
	}
	im := &Image{Segments: []string{s.Name}, Size: int64(binary.BigEndian.Uint64(h[24:]))}
	bits := binary.BigEndian.Uint32(h[20:])
	if bits < 9 || bits > qcowMaxCluster {
		return nil, corrupt(s.Name, 20, "clusters of 2^%d bytes; 2^9 to 2^%d are possible", bits, qcowMaxCluster)
	}
	l1, l1Off := int64(binary.BigEndian.Uint32(h[36:])), int64(binary.BigEndian.Uint64(h[40:]))
	if l1 > maxTable/8 || l1Off < 0 || l1Off > s.Size-l1*8 {
		return nil, corrupt(s.Name, 36, "a first-level table of %d entries at %d; the file has %d bytes", l1, l1Off, s.Size)
	}
	features := binary.BigEndian.Uint64(h[72:])
	l2 := int64(1) << (bits - 3)
	if features&(1<<qcow2.IncompatibleFeaturesExtendedL2EntriesBit) != 0 {
		l2 /= 2
	}
	if im.Size < 0 || im.Size>>bits > l1*l2 {
		return nil, corrupt(s.Name, 24, "%d bytes of media; its tables reach %d clusters of 2^%d bytes", im.Size, l1*l2, bits)
	}
	if crypt := binary.BigEndian.Uint32(h[32:]); crypt != 0 {
		return nil, fmt.Errorf("opening %s: it is encrypted (method %d: 1 AES, 2 LUKS), which is %w; decrypt it with 'qemu-img convert'", s.Name, crypt, ErrUnsupported)
	}
	extended := features&(1<<qcow2.IncompatibleFeaturesExtendedL2EntriesBit) != 0
	q := &qcow{name: s.Name, size: im.Size, cluster: 1 << bits, clusters: newCache(1 << bits), l1: l1Off, perL2: l2, extended: extended, seg: s, tables: newCache(1 << bits)}
	name, raw, err := qcowBacking(s, h, version)
	if err == nil && name != "" {
		q.parent, err = openParent(segs, name, raw, depth)
	}
	if err != nil {
		return nil, err
	}
	if q.parent != nil {
		im.Segments = append(im.Segments, q.parent.Segments...)
	}
	if features&(1<<qcow2.IncompatibleFeaturesDirtyBit|1<<qcow2.IncompatibleFeaturesCorruptBit) != 0 {
		im.Notes = append(im.Notes, "its header says that it was not closed or that it is corrupt")
	}
	if q.q, err = qcow2.Open(alone{s}, nil); err != nil {
		return nil, fmt.Errorf("opening %s: %w: %w", s.Name, ErrCorrupt, err)
	}
	if err := q.q.Readable(); err != nil {
		return nil, fmt.Errorf("opening %s: %w: %w", s.Name, ErrUnsupported, err)
	}
	im.r = q
	return im, nil
}

// qcow reads whole clusters, so that a compressed one is unpacked once.
type qcow struct {
	name     string
	mu       sync.Mutex // the library's table cache is not safe for concurrent use
	q        *qcow2.Qcow2
	size     int64
	cluster  int64
	clusters *cache

	// For what the layer leaves to its parent, which may be nil.
	parent   *Image
	seg      Segment
	l1       int64 // offset of the first-level table
	perL2    int64 // clusters of a second-level table
	lastL2   int64 // number of the second-level table looked for last, from 1
	lastAt   int64 // where it lies
	extended bool  // its entries tell of 32 parts of a cluster
	tables   *cache
}

func (r *qcow) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		data, err := r.clusters.get(at/r.cluster, func() ([]byte, error) { return r.read(at / r.cluster) })
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data[at%r.cluster:])
	}
	return n, nil
}

func (r *qcow) read(c int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := make([]byte, min(r.cluster, r.size-c*r.cluster))
	for n := 0; n < len(b); {
		m, err := r.q.ReadAt(b[n:], c*r.cluster+int64(n))
		n += m
		if n < len(b) && (err != nil || m == 0) {
			return nil, &ChunkError{Segment: r.name, Chunk: c, Offset: c * r.cluster, Length: int64(len(b)), Reason: fmt.Sprint(err)}
		}
	}
	if r.parent != nil {
		if err := r.fill(b, c); err != nil {
			return nil, err
		}
	}
	return b, nil
}
