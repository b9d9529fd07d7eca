// Package evidence makes and checks what stands in court: digests, signed
// statements (in-toto in a sigstore bundle) and the custody log, a Merkle log
// with signed checkpoints. Stock tools verify all of it. The case folder that
// holds them is package casefile.
package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrDigest is returned when bytes are not those that were recorded.
var ErrDigest = errors.New("digest does not match")

// hashBuffer is the size of one read, in bytes.
const hashBuffer = 1 << 20

// SHA256File hashes the file that the user names, as SHA256Reader does. A link
// is followed.
func SHA256File(ctx context.Context, path string, progress func(int64)) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("hashing: %w", err)
	}
	defer f.Close()
	sum, n, err := SHA256Reader(ctx, f, progress)
	if err != nil {
		return "", n, fmt.Errorf("hashing %s: %w", path, err)
	}
	return sum, n, nil
}

// SHA256Reader hashes what r gives up to its end, in one read, and returns the
// digest in hex and the number of bytes. progress, when not nil, gets the bytes
// read so far.
func SHA256Reader(ctx context.Context, r io.Reader, progress func(int64)) (string, int64, error) {
	h := sha256.New()
	buf := make([]byte, hashBuffer)
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return "", n, err
		}
		k, err := r.Read(buf)
		h.Write(buf[:k])
		n += int64(k)
		if progress != nil {
			progress(n)
		}
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), n, nil
		}
		if err != nil {
			return "", n, fmt.Errorf("at offset %d: %w", n, err)
		}
	}
}

// SHA256 is the digest of b in hex.
func SHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sum256 is the SHA-256 of b.
func sum256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}
