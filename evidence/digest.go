// Package evidence makes and checks what stands in court: digests, signed
// statements (in-toto in a sigstore bundle) and the custody log, a Merkle log
// with signed checkpoints. Stock tools verify all of it. The case folder that
// holds them is package casefile.
package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// hashBuffer is the size of one read, in bytes.
const hashBuffer = 1 << 20

// SHA256File hashes a file in one read and returns the digest in hex and the
// number of bytes. progress, when not nil, gets the bytes read so far.
func SHA256File(ctx context.Context, path string, progress func(int64)) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("hashing: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, hashBuffer)
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return "", n, err
		}
		k, err := f.Read(buf)
		h.Write(buf[:k])
		n += int64(k)
		if progress != nil {
			progress(n)
		}
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), n, nil
		}
		if err != nil {
			return "", n, fmt.Errorf("hashing %s at offset %d: %w", path, n, err)
		}
	}
}

// SHA256 is the digest of b in hex.
func SHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
