package sensor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// streamKeyBytes is how much of a stream its key is made from.
const streamKeyBytes = 1 << 20

// streamKey is the source key of a capture that comes through a pipe and so
// can't be sampled: the SHA-256 of "stream" and its first MiB.
func streamKey(head []byte) string {
	h := sha256.New()
	io.WriteString(h, "stream")
	h.Write(head)
	return hex.EncodeToString(h.Sum(nil))
}

func newHead(b []byte) io.Reader { return bytes.NewReader(b) }
