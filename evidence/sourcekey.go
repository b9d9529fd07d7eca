package evidence

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Blocks that make a source key.
const (
	sourceKeyBlocks = 64
	sourceKeyBlock  = 4096 // bytes
)

// SourceKey names a file or an image without reading all of it: the SHA-256,
// in hex, of its size (8 bytes, big-endian) and of 64 blocks of 4 KiB, the
// first at its start, the last at its end, the others evenly between. A source
// of at most 256 KiB is hashed whole. The key is no proof of the content: a
// signed statement binds it to the full digest.
func SourceKey(r io.ReaderAt, size int64) (string, error) {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(size))
	h.Write(n[:])
	if size <= sourceKeyBlocks*sourceKeyBlock {
		got, err := io.Copy(h, io.NewSectionReader(r, 0, size))
		if err == nil && got < size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", fmt.Errorf("reading a source of %d bytes for its key at offset %d: %w", size, got, err)
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	block := make([]byte, sourceKeyBlock)
	for i := range int64(sourceKeyBlocks) {
		// The product stays below 2^63 for sources up to 2^57 bytes.
		off := (size - sourceKeyBlock) / (sourceKeyBlocks - 1) * i
		if i == sourceKeyBlocks-1 {
			off = size - sourceKeyBlock
		}
		if got, err := r.ReadAt(block, off); got < len(block) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return "", fmt.Errorf("reading a source for its key at offset %d: %w", off, err)
		}
		h.Write(block)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
