package btrfs

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"saksi/internal/lzo"
)

// unpack unpacks an extent.
func unpack(kind uint8, b []byte, size, sector int) ([]byte, error) {
	var r io.Reader
	switch kind {
	case 1:
		z, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		r = z
	case 2:
		return unpackLZO(b, size, sector)
	case 3:
		z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(16<<20))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	}
	out := make([]byte, size)
	n, err := io.ReadFull(r, out)
	// What follows the frame in the last sector is padding.
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && (n == 0 || !errors.Is(err, zstd.ErrMagicMismatch)) {
		return nil, err
	}
	return out[:n], nil
}

// unpackLZO: 4 bytes of total length, then segments of a sector each, with 4
// bytes of length that never cross a sector's border.
func unpackLZO(b []byte, size, sector int) ([]byte, error) {
	if len(b) < 8 {
		return nil, lzo.ErrShort
	}
	total := int(le.Uint32(b))
	if total > len(b) || total < 8 {
		return nil, fmt.Errorf("an LZO extent of %d bytes in %d", total, len(b))
	}
	var out []byte
	for at := 4; at+4 <= total && len(out) < size; {
		if left := sector - at%sector; left < 4 {
			at += left
			if at+4 > total {
				break
			}
		}
		n := int(le.Uint32(b[at:]))
		at += 4
		if n == 0 || n > total-at {
			return nil, lzo.ErrShort
		}
		seg, err := lzo.Decode(b[at:at+n], sector)
		if err != nil {
			return nil, err
		}
		out = append(out, seg...)
		at += n
	}
	return out[:min(len(out), size)], nil
}
