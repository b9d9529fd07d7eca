package image

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Entries of the tables, and the header extension that names the backing
// file's form (QEMU, docs/interop/qcow2.txt).
const (
	qcowOffset     = 0x00fffffffffffe00
	qcowPacked     = 1 << 62
	qcowZero       = 1
	qcowExtBacking = 0xe2792aca
)

// qcowBacking is the base name of the file that a layer stands over, "" if
// none, and whether that is raw.
func qcowBacking(s Segment, h []byte, version uint32) (name string, raw bool, err error) {
	off := int64(binary.BigEndian.Uint64(h[8:]))
	if off == 0 {
		return "", false, nil
	}
	n := binary.BigEndian.Uint32(h[16:])
	if n > 1023 {
		return "", false, corrupt(s.Name, 16, "its backing file's name has %d bytes; 1023 are possible", n)
	}
	b := make([]byte, n)
	if err := readFull(s, b, off); err != nil {
		return "", false, err
	}
	path := strings.TrimPrefix(string(b), "file:")
	if strings.HasPrefix(path, "json:") || strings.Contains(path, "://") || baseName(path) == "" {
		return "", false, fmt.Errorf("opening %s: it is a layer over %q, which is no file and so %w; join them with 'qemu-img convert -O raw'", s.Name, strings.ToValidUTF8(path, "\ufffd"), ErrUnsupported)
	}
	at := int64(72)
	if version == 3 {
		at = int64(binary.BigEndian.Uint32(h[100:]))
	}
	for range 256 {
		e := make([]byte, 8)
		if readFull(s, e, at) != nil {
			break
		}
		kind, size := binary.BigEndian.Uint32(e), int64(binary.BigEndian.Uint32(e[4:]))
		if kind == 0 {
			break
		}
		if kind == qcowExtBacking && size < 32 {
			form := make([]byte, size)
			if err := readFull(s, form, at+8); err != nil {
				return "", false, err
			}
			raw = string(form) == "raw"
		}
		at += 8 + (size+7)/8*8
	}
	return baseName(path), raw, nil
}

// alone shows the library a layer without its backing file, which it would
// open by path.
type alone struct{ s Segment }

func (a alone) ReadAt(p []byte, off int64) (int, error) {
	n, err := a.s.ReadAt(p, off)
	for i := max(off, 8); i < min(off+int64(n), 20); i++ { // its name's offset and length
		p[i-off] = 0
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", a.s.Name, err)
	}
	return n, err
}

// fill puts the parent's media where cluster c, read into b, has none.
func (r *qcow) fill(b []byte, c int64) error {
	list, err := r.absent(c)
	if err != nil {
		return &ChunkError{Segment: r.name, Chunk: c, Offset: c * r.cluster, Length: int64(len(b)), Reason: err.Error()}
	}
	for _, x := range list {
		from, to := min(x.Offset, int64(len(b))), min(x.Offset+x.Length, int64(len(b)))
		if err := readParent(r.parent, b[from:to], c*r.cluster+from); err != nil {
			return err
		}
	}
	return nil
}

// second is where second-level table n lies, or 0. r.mu is held.
func (r *qcow) second(n int64) (int64, error) {
	if r.lastL2 == n+1 {
		return r.lastAt, nil
	}
	e := make([]byte, 8)
	if err := readFull(r.seg, e, r.l1+n*8); err != nil {
		return 0, err
	}
	r.lastL2, r.lastAt = n+1, int64(binary.BigEndian.Uint64(e)&qcowOffset)
	return r.lastAt, nil
}

// absent are the stretches of cluster c that the layer does not hold.
func (r *qcow) absent(c int64) ([]Range, error) {
	whole := []Range{{0, r.cluster}}
	at, err := r.second(c / r.perL2)
	if err != nil {
		return nil, err
	}
	if at == 0 {
		return whole, nil
	}
	table, err := r.tables.get(at, func() ([]byte, error) {
		t := make([]byte, r.cluster)
		return t, readFull(r.seg, t, at)
	})
	if err != nil {
		return nil, err
	}
	size := r.cluster / r.perL2
	e := table[c%r.perL2*size:]
	v := binary.BigEndian.Uint64(e)
	switch {
	case v&qcowPacked != 0:
		return nil, nil
	case !r.extended && v&(qcowOffset|qcowZero) == 0:
		return whole, nil
	case !r.extended:
		return nil, nil
	}
	bitmap := binary.BigEndian.Uint64(e[8:])
	known := uint32(bitmap) | uint32(bitmap>>32) // allocated, or zeros
	var list []Range
	for i := range int64(32) {
		if known>>i&1 == 0 {
			list = append(list, Range{i * r.cluster / 32, r.cluster / 32})
		}
	}
	return list, nil
}
