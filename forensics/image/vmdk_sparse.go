package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zlib"
)

// Flags of a sparse extent's header, and the places of a directory that
// stands in the footer.
const (
	vmdkZeroGrains = 1 << 2
	vmdkPacked     = 1 << 16
	vmdkAtEnd      = math.MaxUint64
	vmdkMaxGrain   = 4096 // sectors; VMware writes 128
)

// vmdkSparse reads one sparse extent (KDMV).
type vmdkSparse struct {
	seg    Segment
	size   int64
	grain  int64 // bytes
	perGT  int64 // grains a table
	gd     []byte
	packed bool
	zeroes bool
	tables *cache
	grains *cache
	parent *Image // holds the grains that this has not; may be nil
	at     int64  // where the extent's media lies in the disk's
}

// openSparse opens the extent and returns the descriptor in it, if any.
func openSparse(s Segment) (*vmdkSparse, string, error) {
	h := make([]byte, 512)
	if err := readFull(s, h, 0); err != nil {
		return nil, "", err
	}
	if string(h[:4]) != vmdkMagic {
		return nil, "", corrupt(s.Name, 0, "it is no sparse extent")
	}
	text := ""
	if off, n := binary.LittleEndian.Uint64(h[28:]), binary.LittleEndian.Uint64(h[36:]); off != 0 && off < uint64(s.Size/512) {
		b := make([]byte, min(int64(min(n, maxText/512))*512, s.Size-int64(off)*512))
		if err := readFull(s, b, int64(off)*512); err != nil {
			return nil, "", err
		}
		text = string(bytes.TrimRight(b, "\x00"))
	}
	gdOff := binary.LittleEndian.Uint64(h[56:])
	if gdOff == vmdkAtEnd {
		if err := readFull(s, h, s.Size-1024); err != nil {
			return nil, "", err
		}
		if string(h[:4]) != vmdkMagic {
			return nil, "", corrupt(s.Name, s.Size-1024, "its footer is missing: the file was cut")
		}
		gdOff = binary.LittleEndian.Uint64(h[56:])
	}
	flags, capacity, grain, perGT := binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint64(h[12:]), binary.LittleEndian.Uint64(h[20:]), binary.LittleEndian.Uint32(h[44:])
	if grain < 1 || grain > vmdkMaxGrain || grain&(grain-1) != 0 {
		return nil, "", corrupt(s.Name, 20, "grains of %d sectors; powers of two up to %d are possible", grain, vmdkMaxGrain)
	}
	if perGT < 1 || perGT > 1<<16 {
		return nil, "", corrupt(s.Name, 44, "grain tables of %d entries", perGT)
	}
	if capacity > maxMedia/512 {
		return nil, "", corrupt(s.Name, 12, "it claims %d sectors", capacity)
	}
	if c := binary.LittleEndian.Uint16(h[77:]); c > 1 {
		return nil, "", fmt.Errorf("opening %s: compression method %d is %w", s.Name, c, ErrUnsupported)
	}
	v := &vmdkSparse{
		seg: s, size: int64(capacity) * 512, grain: int64(grain) * 512, perGT: int64(perGT),
		packed: flags&vmdkPacked != 0, zeroes: flags&vmdkZeroGrains != 0,
	}
	tables := (int64(capacity) + int64(grain)*v.perGT - 1) / (int64(grain) * v.perGT)
	if tables > maxTable/4 || gdOff > uint64(s.Size/512) || tables*4 > s.Size-int64(gdOff)*512 {
		return nil, "", corrupt(s.Name, 56, "a grain directory of %d entries at sector %d; the file has %d bytes", tables, gdOff, s.Size)
	}
	v.gd = make([]byte, tables*4)
	if err := readFull(s, v.gd, int64(gdOff)*512); err != nil {
		return nil, "", err
	}
	v.tables, v.grains = newCache(4*v.perGT), newCache(v.grain)
	return v, text, nil
}

func (v *vmdkSparse) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		g, in := (off+int64(n))/v.grain, (off+int64(n))%v.grain
		part := p[n : n+int(min(int64(len(p)-n), v.grain-in))]
		if err := v.read(part, g, in); err != nil {
			return n, &ChunkError{Segment: v.seg.Name, Chunk: g, Offset: g * v.grain, Length: v.grain, Reason: err.Error()}
		}
		n += len(part)
	}
	return n, nil
}

// read fills p from grain g, from byte in on.
func (v *vmdkSparse) read(p []byte, g, in int64) error {
	if g/v.perGT >= int64(len(v.gd)/4) {
		return fmt.Errorf("no grain table reaches it")
	}
	at := int64(binary.LittleEndian.Uint32(v.gd[g/v.perGT*4:])) * 512
	if at == 0 {
		return readParent(v.parent, p, v.at+g*v.grain+in)
	}
	table, err := v.table(g/v.perGT, at)
	if err != nil {
		return err
	}
	sector := int64(binary.LittleEndian.Uint32(table[g%v.perGT*4:]))
	switch {
	case sector == 0:
		return readParent(v.parent, p, v.at+g*v.grain+in)
	case sector == 1 && v.zeroes:
		clear(p)
		return nil
	case !v.packed:
		return readFull(v.seg, p, sector*512+in)
	}
	data, err := v.grains.get(g, func() ([]byte, error) { return v.unpack(g, sector*512) })
	if err != nil {
		return err
	}
	copy(p, data[in:])
	return nil
}

// table is grain table n, which lies at an offset.
func (v *vmdkSparse) table(n, at int64) ([]byte, error) {
	return v.tables.get(n, func() ([]byte, error) {
		t := make([]byte, 4*v.perGT)
		return t, readFull(v.seg, t, at)
	})
}

// unpack reads the compressed grain at off.
func (v *vmdkSparse) unpack(g, off int64) ([]byte, error) {
	h := make([]byte, 12)
	if err := readFull(v.seg, h, off); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(h[8:]))
	if lba := binary.LittleEndian.Uint64(h); lba != uint64(g*v.grain/512) || n > 2*v.grain+1024 {
		return nil, fmt.Errorf("the marker at %d names sector %d and %d bytes", off, lba, n)
	}
	raw := make([]byte, n)
	if err := readFull(v.seg, raw, off+12); err != nil {
		return nil, err
	}
	z, err := zlib.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("its zlib data at %d is damaged: %w", off, err)
	}
	defer z.Close()
	data, err := io.ReadAll(io.LimitReader(z, v.grain+1))
	if err != nil {
		return nil, fmt.Errorf("its zlib data at %d is damaged: %w", off, err)
	}
	if want := min(v.grain, v.size-g*v.grain); int64(len(data)) > v.grain || int64(len(data)) < want {
		return nil, fmt.Errorf("its zlib data at %d unpacks to %d bytes, not %d", off, len(data), want)
	}
	return append(data, make([]byte, v.grain-int64(len(data)))...), nil
}
